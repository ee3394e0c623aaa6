//! Engines: pieces of code that OpenSSL loads for keys in hardware.
//!
//! A libcrypto can be built without them, and newer ones will be. So the functions are looked up when
//! they are needed, and one that is not there is an error of the set-up.

use super::queue;
use crate::tls::SetupError;
use core::ffi::{CStr, c_char, c_int, c_long, c_uint, c_void};
use core::ptr::NonNull;
use foreign_types::ForeignType as _;
use openssl::pkey::{PKey, Private};
use openssl::x509::X509;
use openssl_sys as ffi;
use parking_lot::Mutex;
use std::ffi::CString;

/// An engine as OpenSSL has it.
enum Raw {}

/// Looks up a function of OpenSSL's of this type.
macro_rules! lookup {
    ($name:ident: fn($($argument:ty),*) $(-> $answer:ty)?) => {{
        // SAFETY: the name is a string; the function that has it is of this type in all versions.
        unsafe {
            let found = libc::dlsym(libc::RTLD_DEFAULT, concat!(stringify!($name), "\0").as_ptr().cast());
            if found.is_null() {
                Err(SetupError("this OpenSSL has no engines".to_owned()))
            } else {
                Ok(core::mem::transmute::<*mut c_void, unsafe extern "C" fn($($argument),*) $(-> $answer)?>(found))
            }
        }
    }};
}

/// An engine that is ready.
struct Engine(NonNull<Raw>);

// SAFETY: OpenSSL locks what engines have.
unsafe impl Send for Engine {}

/// The one that was configured. There is one for all contexts, as in OpenSSL.
static CONFIGURED: Mutex<Option<Engine>> = Mutex::new(None);

impl Engine {
    /// A reference that is not ready yet.
    fn by_id(id: &str) -> Result<NonNull<Raw>, SetupError> {
        /// `OPENSSL_INIT_ENGINE_ALL_BUILTIN` and `OPENSSL_INIT_LOAD_CONFIG`.
        const ALL: u64 = 0x0200 | 0x0400 | 0x0800 | 0x2000 | 0x4000 | 0x0040;
        let init = lookup!(OPENSSL_init_crypto: fn(u64, *const c_void) -> c_int)?;
        let by_id = lookup!(ENGINE_by_id: fn(*const c_char) -> *mut Raw)?;
        let name = c_string(id)?;
        queue::clear();
        // SAFETY: as the functions are declared.
        let found = NonNull::new(unsafe {
            init(ALL, core::ptr::null());
            by_id(name.as_ptr())
        });
        queue::clear();
        found.ok_or_else(|| SetupError(format!("engine '{id}' not known")))
    }

    /// Makes it ready, and answers with it; `raw` is given up.
    fn init(raw: NonNull<Raw>, id: &str) -> Result<Self, SetupError> {
        let init = lookup!(ENGINE_init: fn(*mut Raw) -> c_int)?;
        queue::clear();
        // SAFETY: a reference that is ours.
        let ready = unsafe { init(raw.as_ptr()) } == 1;
        let result = if ready {
            Ok(Engine(raw))
        } else {
            Err(queue::refused(format_args!("engine {id} failed to initialize")))
        };
        release(raw)?;
        result
    }

    fn private_key(&self, name: &str) -> Result<PKey<Private>, SetupError> {
        let load = lookup!(
            ENGINE_load_private_key: fn(*mut Raw, *const c_char, *mut c_void, *mut c_void) -> *mut ffi::EVP_PKEY
        )?;
        let c_name = c_string(name)?;
        queue::clear();
        // SAFETY: the engine is ready. The key that comes is ours.
        unsafe {
            let key = load(self.0.as_ptr(), c_name.as_ptr(), core::ptr::null_mut(), core::ptr::null_mut());
            match NonNull::new(key) {
                Some(key) => Ok(PKey::from_ptr(key.as_ptr())),
                None => Err(queue::refused(format_args!("private key: {name}"))),
            }
        }
    }

    /// By the command for that which engines of tokens have.
    fn certificate(&self, part: &str, name: &str) -> Result<X509, SetupError> {
        #[repr(C)]
        struct Wanted {
            name: *const c_char,
            certificate: *mut ffi::X509,
        }
        let command = lookup!(
            ENGINE_ctrl_cmd: fn(*mut Raw, *const c_char, c_long, *mut c_void, *mut c_void, c_int) -> c_int
        )?;
        let c_name = c_string(name)?;
        let mut wanted = Wanted { name: c_name.as_ptr(), certificate: core::ptr::null_mut() };
        queue::clear();
        // SAFETY: the engine is ready, and the struct is what this command takes. The certificate that comes
        // is ours.
        unsafe {
            let done = command(
                self.0.as_ptr(),
                c"LOAD_CERT_CTRL".as_ptr(),
                0,
                (&raw mut wanted).cast(),
                core::ptr::null_mut(),
                0,
            );
            match NonNull::new(wanted.certificate).filter(|_| done == 1) {
                Some(certificate) => Ok(X509::from_ptr(certificate.as_ptr())),
                None => Err(queue::refused(format_args!("{part}: {name}"))),
            }
        }
    }

    /// Gives a command. A parameter that is not there is NULL.
    fn command(raw: NonNull<Raw>, id: &str, when: &str, command: &Command<'_>) -> Result<(), SetupError> {
        let run =
            lookup!(ENGINE_ctrl_cmd_string: fn(*mut Raw, *const c_char, *const c_char, c_int) -> c_int)?;
        let name = c_string(command.name)?;
        let parameter = command.parameter.map(c_string).transpose()?;
        let pointer = parameter.as_deref().map_or(core::ptr::null(), CStr::as_ptr);
        queue::clear();
        // SAFETY: a reference that is ours; strings, of which the second may be NULL.
        let done = unsafe { run(raw.as_ptr(), name.as_ptr(), pointer, 0) } == 1;
        queue::clear();
        if done {
            return Ok(());
        }
        // What a parameter is may be a secret.
        let shown = if command.parameter.is_some_and(|p| !p.is_empty()) { "***" } else { "" };
        let colon = if command.parameter.is_some() { ":" } else { "" };
        Err(SetupError(format!("engine {id} {when} '{}{colon}{shown}' failed", command.name)))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Ok(finish) = lookup!(ENGINE_finish: fn(*mut Raw) -> c_int) {
            // SAFETY: ready since `init`, once.
            unsafe { finish(self.0.as_ptr()) };
            queue::clear();
        }
    }
}

fn release(raw: NonNull<Raw>) -> Result<(), SetupError> {
    let free = lookup!(ENGINE_free: fn(*mut Raw) -> c_int)?;
    // SAFETY: a reference of `by_id`, given up here.
    unsafe { free(raw.as_ptr()) };
    Ok(())
}

fn c_string(text: &str) -> Result<CString, SetupError> {
    CString::new(text).map_err(|_| SetupError(format!("engine: there is a zero in '{text}'")))
}

/// A command of the configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Command<'a> {
    name: &'a str,
    parameter: Option<&'a str>,
}

/// A configuration: lines of a word and one or two parameters, with colons between.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
struct Config<'a> {
    id: Option<&'a str>,
    before: Vec<Command<'a>>,
    after: Vec<Command<'a>>,
    methods: Option<c_uint>,
}

impl<'a> Config<'a> {
    fn parse(text: &'a str) -> Result<Self, SetupError> {
        let mut config = Config::default();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let mut parts = line.splitn(3, ':');
            let word = parts.next().unwrap_or_default();
            let Some(first) = parts.next() else {
                return Err(SetupError(format!("engine configuration: '{line}' has no parameter")));
            };
            let command = Command { name: first, parameter: parts.next() };
            match word {
                "engine" => config.id = Some(first),
                "pre-cmd" => config.before.push(command),
                "post-cmd" => config.after.push(command),
                "enable-methods" => config.methods = Some(number(first)?),
                _ => return Err(SetupError(format!("engine configuration: '{word}' not known"))),
            }
        }
        Ok(config)
    }
}

/// A number, which may be hexadecimal.
fn number(text: &str) -> Result<c_uint, SetupError> {
    let parsed = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => c_uint::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| SetupError(format!("engine configuration: '{text}' is no number")))
}

/// Sets up an engine, in place of the one before.
pub(super) fn configure(text: &str) -> Result<(), SetupError> {
    let config = Config::parse(text)?;
    let id = config.id.ok_or_else(|| SetupError("engine not defined".to_owned()))?;
    let raw = Engine::by_id(id)?;
    let before = config.before.iter().try_for_each(|c| Engine::command(raw, id, "pre-cmd", c));
    if let Err(error) = before {
        release(raw)?;
        return Err(error);
    }
    let engine = Engine::init(raw, id)?;
    config.after.iter().try_for_each(|c| Engine::command(engine.0, id, "post-cmd", c))?;
    let methods = config.methods.ok_or_else(|| SetupError("enable-methods not found".to_owned()))?;
    if methods != 0 {
        let set = lookup!(ENGINE_set_default: fn(*mut Raw, c_uint) -> c_int)?;
        queue::clear();
        // SAFETY: the engine is ready.
        if unsafe { set(engine.0.as_ptr(), methods) } != 1 {
            return Err(queue::refused(format_args!("engine {id}: methods 0x{methods:x}")));
        }
    }
    *CONFIGURED.lock() = Some(engine);
    Ok(())
}

/// Takes it back. `false` if there was none.
pub(super) fn remove() -> bool {
    let Some(engine) = CONFIGURED.lock().take() else { return false };
    // What it was made the default for is OpenSSL's own again.
    for unregister in [
        lookup!(ENGINE_unregister_RSA: fn(*mut Raw)),
        lookup!(ENGINE_unregister_DSA: fn(*mut Raw)),
        lookup!(ENGINE_unregister_DH: fn(*mut Raw)),
        lookup!(ENGINE_unregister_EC: fn(*mut Raw)),
        lookup!(ENGINE_unregister_RAND: fn(*mut Raw)),
        lookup!(ENGINE_unregister_ciphers: fn(*mut Raw)),
        lookup!(ENGINE_unregister_digests: fn(*mut Raw)),
        lookup!(ENGINE_unregister_pkey_meths: fn(*mut Raw)),
        lookup!(ENGINE_unregister_pkey_asn1_meths: fn(*mut Raw)),
    ]
    .into_iter()
    .flatten()
    {
        // SAFETY: the engine is ready.
        unsafe { unregister(engine.0.as_ptr()) };
    }
    true
}

/// A private key of the engine that is configured.
pub(super) fn private_key(name: &str) -> Result<PKey<Private>, SetupError> {
    configured("private key", |engine| engine.private_key(name))
}

/// A certificate of the engine that is configured.
pub(super) fn certificate(part: &str, name: &str) -> Result<X509, SetupError> {
    configured(part, |engine| engine.certificate(part, name))
}

fn configured<T>(part: &str, ask: impl FnOnce(&Engine) -> Result<T, SetupError>) -> Result<T, SetupError> {
    match &*CONFIGURED.lock() {
        Some(engine) => ask(engine),
        None => Err(SetupError(format!("{part}: no engine is configured"))),
    }
}

/// The engine for PKCS #11: the one that is configured, or else one of that name with this PIN.
pub(super) fn with_pkcs11<T>(
    pin: Option<&str>,
    ask: impl FnOnce(&dyn Token) -> Result<T, SetupError>,
) -> Result<T, SetupError> {
    if let Some(engine) = &*CONFIGURED.lock() {
        return ask(engine);
    }
    const ID: &str = "pkcs11";
    let engine = Engine::init(Engine::by_id(ID)?, ID)?;
    if let Some(pin) = pin {
        Engine::command(engine.0, ID, "post-cmd", &Command { name: "PIN", parameter: Some(pin) })?;
    }
    ask(&engine)
}

/// Where keys and certificates are.
pub(super) trait Token {
    /// A private key by its name.
    fn private_key(&self, name: &str) -> Result<PKey<Private>, SetupError>;
    /// A certificate by its name.
    fn certificate(&self, part: &str, name: &str) -> Result<X509, SetupError>;
}

impl Token for Engine {
    fn private_key(&self, name: &str) -> Result<PKey<Private>, SetupError> {
        Engine::private_key(self, name)
    }

    fn certificate(&self, part: &str, name: &str) -> Result<X509, SetupError> {
        Engine::certificate(self, part, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_lines_of_words_and_parameters() {
        let text = "# one\n\nengine:pkcs11\nenable-methods:0xffff\npre-cmd:VERBOSE\npre-cmd:EMPTY:\npost-cmd:PIN:12:34\n";
        let config = Config::parse(text).unwrap();
        assert_eq!(config.id, Some("pkcs11"));
        assert_eq!(config.methods, Some(0xffff));
        let command = |name, parameter| Command { name, parameter };
        assert_eq!(config.before, [command("VERBOSE", None), command("EMPTY", Some(""))]);
        assert_eq!(config.after, [command("PIN", Some("12:34"))]);
        assert_eq!(Config::parse("enable-methods:12").unwrap().methods, Some(12));
    }

    #[test]
    fn what_cannot_be_understood_is_refused() {
        for (text, error) in [
            ("", "engine not defined"),
            ("enable-methods:0xffff", "engine not defined"),
            ("engine", "engine configuration: 'engine' has no parameter"),
            ("engine:x\nenable-methods:all", "engine configuration: 'all' is no number"),
            ("engines:x", "engine configuration: 'engines' not known"),
            ("engine:nothere", "engine 'nothere' not known"),
            (
                "engine:dynamic\npre-cmd:SO_PATH:/nothere.so\npre-cmd:LOAD:",
                "engine dynamic pre-cmd 'LOAD:' failed",
            ),
        ] {
            assert_eq!(configure(text), Err(SetupError(error.to_owned())));
        }
        assert!(!remove());
    }
}
