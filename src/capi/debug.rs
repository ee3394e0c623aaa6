//! `coap_debug.h`: the log as C programs set and read it, messages and addresses as text, and lost
//! packets.
//!
//! The log itself is [`mod@crate::log`]; the variadic `coap_log_impl()` is `log_shim.c`, which hands
//! its formatted text to [`log_formatted_text`].

use super::address::from_c;
use super::dtls::version_text;
use super::ffi::{ffi, ffi_or};
use super::pdu::coap_pdu_t;
use super::types::{coap_address_t, coap_log_handler_t, coap_log_t};
use crate::address::{Address, until_zero};
use crate::driver::loss;
use crate::log;
use crate::log::Level;
use crate::message::Framing;
use crate::tls;
use crate::variant;
use core::cell::RefCell;
use core::ffi::{CStr, c_char, c_int, c_uint};
use parking_lot::RwLock;
use std::ffi::CString;
use std::net::SocketAddr;

/// Where lines go instead of the standard streams.
static HANDLER: RwLock<coap_log_handler_t> = RwLock::new(None);

/// Returns the log level in force. It is `COAP_LOG_WARN` at start.
#[unsafe(no_mangle)]
pub extern "C" fn coap_get_log_level() -> coap_log_t {
    log::level().0
}

/// Sets the log level: lines up to `level` are written. What is above `COAP_LOG_OSCORE` counts as
/// that.
#[unsafe(no_mangle)]
pub extern "C" fn coap_set_log_level(level: coap_log_t) {
    log::set_level(Level(level));
}

/// Sets the level up to which lines of the (D)TLS library itself are written.
#[unsafe(no_mangle)]
pub extern "C" fn coap_dtls_set_log_level(level: coap_log_t) {
    log::set_dtls_level(level);
}

/// Returns the level up to which lines of the (D)TLS library itself are written. It is
/// `COAP_LOG_EMERG` at start.
#[unsafe(no_mangle)]
pub extern "C" fn coap_dtls_get_log_level() -> coap_log_t {
    log::dtls_level()
}

/// Returns the four letters that stand for `level` in a log line, as in "WARN" or "ERR ". Those of
/// the (D)TLS library's levels are in lower case. A level without a name gives its number; that text
/// lives until the calling thread asks again.
#[unsafe(no_mangle)]
pub extern "C" fn coap_log_level_desc(level: coap_log_t) -> *const c_char {
    thread_local! {
        static NUMBER: RefCell<CString> = RefCell::default();
    }
    ffi(|| {
        if let Some(name) = Level(level).name() {
            return Some(name.as_ptr());
        }
        let number = CString::new(format!("{:4}", level.cast_signed())).ok()?;
        NUMBER
            .try_with(|kept| {
                *kept.borrow_mut() = number;
                kept.borrow().as_ptr()
            })
            .ok()
    })
}

/// Sends all log lines to `handler` instead of the standard streams. A line comes as it would be
/// printed, without time and level, with its newline. NULL gives the standard streams back.
///
/// The handler may be called from any thread that uses the library, and may call it.
///
/// # Safety
/// `handler` is NULL or callable for as long as it is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_set_log_handler(handler: coap_log_handler_t) {
    ffi(|| {
        *HANDLER.write() = handler;
        log::set_sink(if handler.is_some() { call_handler } else { log::stdio::print });
        Some(())
    })
}

/// The sink while a handler is set.
fn call_handler(level: Level, text: &CStr) {
    let handler = *HANDLER.read();
    match handler {
        // SAFETY: the application set it and keeps it callable; the text ends with a zero byte.
        Some(handler) => unsafe { handler(level.0, text.as_ptr()) },
        None => log::stdio::print(level, text),
    }
}

/// Takes the text that `coap_log_impl()` formatted. It is written whatever the level in force:
/// the macro `coap_log()` has looked at that.
///
/// # Safety
/// `text` is a C string.
#[unsafe(no_mangle)]
unsafe extern "C" fn log_formatted_text(level: c_uint, text: *const c_char) {
    ffi(|| {
        // SAFETY: the shim passes a formatted string.
        log::emit(Level(level), unsafe { CStr::from_ptr(text) });
        Some(())
    })
}

/// Returns the name of the interface, "libcoap": what programs print to say what they run on.
#[unsafe(no_mangle)]
pub extern "C" fn coap_package_name() -> *const c_char {
    c"libcoap".as_ptr()
}

/// Returns name and version of the interface, as in "libcoap 4.3.5".
#[unsafe(no_mangle)]
pub extern "C" fn coap_package_version() -> *const c_char {
    c"libcoap 4.3.5".as_ptr()
}

/// Returns which build of the library this is: the version of the interface, and behind a plus
/// sign that of this implementation, as in "4.3.5+rust-0.1.0".
#[unsafe(no_mangle)]
pub extern "C" fn coap_package_build() -> *const c_char {
    const BUILD: &str = concat!("4.3.5+rust-", env!("CARGO_PKG_VERSION"), "\0");
    BUILD.as_ptr().cast()
}

/// Sets how `coap_show_pdu()` prints: 0 through the log, with time and level in front and to the
/// log handler if there is one; anything else (at start) plainly to `stdout`.
#[unsafe(no_mangle)]
pub extern "C" fn coap_set_show_pdu_output(use_fprintf: c_int) {
    log::pdu::set_plain(use_fprintf != 0);
}

/// Prints `pdu` if `level` is at most the level in force, in the form of
/// `v:1 t:CON c:GET i:aa92 {01} [ Uri-Path:time ] :: 'text'`. Where it goes is set by
/// `coap_set_show_pdu_output()`. NULL prints nothing.
///
/// # Safety
/// `pdu` is NULL or a live PDU.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_show_pdu(level: coap_log_t, pdu: *const coap_pdu_t) {
    ffi(|| {
        // SAFETY: the caller passes NULL or a live PDU.
        let pdu = unsafe { pdu.as_ref() }?;
        log::pdu::show(Level(level), &pdu.inner, Framing::Udp);
        Some(())
    })
}

/// What the variant can do with a (D)TLS library, and besides.
fn support_text() -> String {
    if tls::library().is_none() {
        return "(No DTLS or TLS support)".into();
    }
    let no = |supported| if supported { "" } else { "no " };
    let have = |supported| if supported { "Have" } else { "No" };
    format!(
        "(DTLS and TLS support; {}PSK, {}PKI, {}PKCS11, {}RPK and {}CID support)\n({} OSCORE)\n({} WebSockets)",
        no(variant::PSK),
        no(variant::PKI),
        no(variant::PKCS11),
        no(variant::RPK),
        no(variant::DTLS_CID),
        have(variant::OSCORE),
        have(variant::WS),
    )
}

/// Logs the (D)TLS library in use and its versions, if lines of this level are wanted.
#[unsafe(no_mangle)]
pub extern "C" fn coap_show_tls_version(level: coap_log_t) {
    ffi(|| {
        if log::enabled(Level(level)) {
            log::write(Level(level), format_args!("{}", version_text()));
        }
        Some(())
    })
}

/// Writes the name of the (D)TLS library and its versions into `buffer`, at most `bufsize` bytes
/// with the zero at the end. Returns `buffer`.
///
/// # Safety
/// `buffer` is NULL or has room for `bufsize` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_string_tls_version(buffer: *mut c_char, bufsize: usize) -> *mut c_char {
    ffi(|| {
        // SAFETY: as the caller promises.
        unsafe { put_text(buffer, bufsize, version_text().as_bytes()) };
        Some(buffer)
    })
}

/// Writes what the (D)TLS library supports into `buffer`, at most `bufsize` bytes with the zero at
/// the end. Returns `buffer`.
///
/// # Safety
/// `buffer` is NULL or has room for `bufsize` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_string_tls_support(buffer: *mut c_char, bufsize: usize) -> *mut c_char {
    ffi(|| {
        // SAFETY: as the caller promises.
        unsafe { put_text(buffer, bufsize, support_text().as_bytes()) };
        Some(buffer)
    })
}

/// Writes `address` with its port into `buffer`, at most `size` bytes with the zero at the end:
/// `127.0.0.1:5683`, `[::1]:5683`, or the path of a Unix socket. Returns the number of bytes written
/// without the zero; 0 if there is no room.
///
/// # Safety
/// `address` is NULL or valid; `buffer` is NULL or has room for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_print_addr(
    address: *const coap_address_t,
    buffer: *mut u8,
    size: usize,
) -> usize {
    ffi(|| {
        // SAFETY: the caller passes NULL or a valid address.
        let text = address_text(unsafe { address.as_ref() }?, true);
        // SAFETY: the caller passes NULL or `size` bytes of room.
        Some(unsafe { put_text(buffer.cast(), size, &text) })
    })
}

/// Writes `address` without its port into `buffer`, as much as fits into `size` bytes with the zero
/// at the end. Returns `buffer`.
///
/// # Safety
/// `address` is NULL or valid; `buffer` is NULL or has room for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_print_ip_addr(
    address: *const coap_address_t,
    buffer: *mut c_char,
    size: usize,
) -> *const c_char {
    ffi(|| {
        // SAFETY: the caller passes NULL or a valid address.
        let text = address_text(unsafe { address.as_ref() }?, false);
        // SAFETY: the caller passes NULL or `size` bytes of room.
        unsafe { put_text(buffer, size, &text) };
        Some(buffer.cast_const())
    })
}

/// The address as people write it, or the bytes of a path. The zone of an IPv6 address is not shown.
fn address_text(address: &coap_address_t, with_port: bool) -> Vec<u8> {
    match from_c(address) {
        Some(Address::Ip(SocketAddr::V6(mut ip))) if with_port => {
            ip.set_scope_id(0);
            ip.to_string().into()
        }
        Some(Address::Ip(ip)) if !with_port => ip.ip().to_string().into(),
        Some(address @ Address::Ip(_)) => address.to_string().into(),
        Some(Address::Unix(path)) => until_zero(&path).into(),
        None => "(unknown address type)".into(),
    }
}

/// Writes as much of `text` as fits before a zero byte. Returns how many bytes that were.
///
/// # Safety
/// `buffer` is NULL or has room for `size` bytes.
unsafe fn put_text(buffer: *mut c_char, size: usize, text: &[u8]) -> usize {
    let Some(room) = size.checked_sub(1) else { return 0 };
    if buffer.is_null() {
        return 0;
    }
    let len = text.len().min(room);
    // SAFETY: `len` is at most the length of `text`, and `len + 1` at most `size`.
    unsafe {
        buffer.copy_from_nonoverlapping(text.as_ptr().cast(), len);
        buffer.add(len).write(0);
    }
    len
}

/// Loses packets on purpose from now on, to test how a program copes: those with the numbers of a
/// list like "1,3,5-7", counted from the next one on, or each with a probability like "25%". "0%"
/// and NULL lose none. Returns 1, or 0 if the text is neither; what was set before then stays.
///
/// # Safety
/// `loss_level` is NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_debug_set_packet_loss(loss_level: *const c_char) -> c_int {
    ffi_or(0, || {
        if loss_level.is_null() {
            loss::set(loss::Loss::Percent(0));
            return Some(1);
        }
        // SAFETY: it is not NULL, so the caller passes a C string.
        let text = unsafe { CStr::from_ptr(loss_level) }.to_string_lossy();
        match text.parse() {
            Ok(loss) => {
                if let loss::Loss::Percent(percent) = loss {
                    log!(DEBUG, "packet loss level set to {percent}%");
                }
                loss::set(loss);
            }
            Err(e) => {
                log!(WARN, "coap_debug_set_packet_loss: \"{text}\": {e}");
                return None;
            }
        }
        Some(1)
    })
}
