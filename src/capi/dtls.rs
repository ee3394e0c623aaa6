//! `coap_dtls.h`: the (D)TLS library of this variant, and its engines.

use super::ffi::ffi;
use super::pdu::bytes;
use super::types::*;
use crate::log;
use crate::tls;
use core::cell::UnsafeCell;
use core::ffi::c_int;
use std::sync::OnceLock;

/// Which (D)TLS library this variant has.
pub(super) const LIBRARY: coap_tls_library_t = match cfg!(feature = "openssl") {
    true => COAP_TLS_LIBRARY_OPENSSL,
    false => COAP_TLS_LIBRARY_NOTLS,
};

/// Returns which (D)TLS library is in use and in which versions, in that library's own numbering. The
/// variant without one says `COAP_TLS_LIBRARY_NOTLS` and zeros. Belongs to the library.
#[unsafe(no_mangle)]
pub extern "C" fn coap_get_tls_library_version() -> *mut coap_tls_version_t {
    /// The signature has no const, so the bytes must be writable.
    struct Version(UnsafeCell<coap_tls_version_t>);
    // SAFETY: the library itself never reads or writes it again.
    unsafe impl Sync for Version {}
    static VERSION: OnceLock<Version> = OnceLock::new();
    ffi(|| {
        let version = VERSION.get_or_init(|| {
            let (version, built_version) =
                tls::library().map(|library| library.version()).map_or((0, 0), |v| (v.runtime, v.built));
            Version(UnsafeCell::new(coap_tls_version_t { version, r#type: LIBRARY, built_version }))
        });
        Some(version.0.get())
    })
}

/// Sets up an engine of the (D)TLS library, for keys that it has. `conf_mem` has a line for each step:
/// `engine:NAME`, `pre-cmd:COMMAND:VALUE`, `post-cmd:COMMAND:VALUE`, and `enable-methods:NUMBER`, of which
/// the first and the last must be there. Returns 1, or 0 with a line in the log if that failed. The variant
/// without a (D)TLS library has no engines: 0.
///
/// # Safety
/// `conf_mem` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_tls_engine_configure(conf_mem: *mut coap_str_const_t) -> c_int {
    ffi(|| {
        let library = tls::library()?;
        // SAFETY: NULL or valid, as the caller promises.
        let text = unsafe {
            let text = conf_mem.as_ref()?;
            bytes(text.s, text.length)?
        };
        // Programs that read it from a file count the zero that they put behind it.
        let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
        let said = |e: &dyn core::fmt::Display| log!(WARN, "coap_tls_engine_configure: {e}");
        let text = core::str::from_utf8(text).inspect_err(|e| said(e)).ok()?;
        library.configure_engine(text).inspect_err(|e| said(e)).ok()?;
        Some(1)
    })
}

/// Takes back what `coap_tls_engine_configure()` has set up. Returns 1, or 0 if there was nothing. The
/// variant without a (D)TLS library has no engines: 0.
#[unsafe(no_mangle)]
pub extern "C" fn coap_tls_engine_remove() -> c_int {
    ffi(|| Some(tls::library()?.remove_engine().into()))
}

/// The (D)TLS library in a line, with its versions.
pub(super) fn version_text() -> String {
    match tls::library().map(|library| library.version()) {
        None => "TLS Library: None".into(),
        Some(tls::Version { runtime, built }) => format!(
            "TLS Library: OpenSSL - runtime {}, libcoap built for {}",
            openssl_release(runtime),
            openssl_release(built)
        ),
    }
}

/// A version number of OpenSSL 3 has the hexadecimal digits MNN00PP0: 0x300000b0 is 3.0.11.
fn openssl_release(number: u64) -> String {
    format!("{}.{}.{}", number >> 28, number >> 20 & 0xff, number >> 4 & 0xff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_of_openssl_are_written_as_their_makers_do() {
        assert_eq!(openssl_release(0x3000_00b0), "3.0.11");
        assert_eq!(openssl_release(0x3060_0050), "3.6.5");
        assert_eq!(openssl_release(0x30c0_0130), "3.12.19");
    }
}
