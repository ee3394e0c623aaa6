//! `coap_dtls.h` in the variant without a (D)TLS library: what it says of itself.

use super::types::{COAP_TLS_LIBRARY_NOTLS, coap_str_const_t, coap_tls_version_t};
use core::ffi::c_int;

/// Returns which (D)TLS library is in use and in which versions. The variant without one says
/// `COAP_TLS_LIBRARY_NOTLS` and zeros. Belongs to the library.
#[unsafe(no_mangle)]
pub extern "C" fn coap_get_tls_library_version() -> *mut coap_tls_version_t {
    /// The signature has no const, so the bytes must be writable.
    struct Version(core::cell::UnsafeCell<coap_tls_version_t>);
    // SAFETY: the library itself never reads or writes it again.
    unsafe impl Sync for Version {}
    static VERSION: Version = Version(core::cell::UnsafeCell::new(coap_tls_version_t {
        version: 0,
        r#type: COAP_TLS_LIBRARY_NOTLS,
        built_version: 0,
    }));
    VERSION.0.get()
}

/// Sets up an engine of the (D)TLS library from a configuration text. Returns 1, or 0 if that
/// failed. The variant without a (D)TLS library has no engines: 0.
///
/// # Safety
/// `conf_mem` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_tls_engine_configure(conf_mem: *mut coap_str_const_t) -> c_int {
    let _ = conf_mem;
    0
}

/// Takes back what `coap_tls_engine_configure()` has set up. Returns 1, or 0 if that failed. The
/// variant without a (D)TLS library has no engines: 0.
#[unsafe(no_mangle)]
pub extern "C" fn coap_tls_engine_remove() -> c_int {
    0
}
