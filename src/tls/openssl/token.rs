//! Keys and certificates by URI: from a provider that has a store for it, or else from an engine.

use super::{engine, queue, sys};
use crate::tls::{Secret, SetupError};
use core::ffi::{c_char, c_int, c_void};
use core::ptr::NonNull;
use foreign_types::ForeignType as _;
use openssl::pkey::{PKey, Private};
use openssl::x509::X509;
use std::ffi::CString;

/// What is looked for in a store.
const PRIVATE_KEY: c_int = 4;
const CERTIFICATE: c_int = 5;

/// The private key of this URI.
pub(super) fn private_key(uri: &str, pin: Option<&Secret>) -> Result<PKey<Private>, SetupError> {
    // SAFETY: the key that comes is ours.
    let take = |info: *mut sys::StoreInfo| unsafe { NonNull::new(sys::OSSL_STORE_INFO_get1_PKEY(info)) };
    match load(uri, pin, PRIVATE_KEY, take) {
        // SAFETY: as above.
        Ok(key) => Ok(unsafe { PKey::from_ptr(key.as_ptr()) }),
        Err(why) => engine::with_pkcs11(pin_text(pin), |token| token.private_key(uri))
            .map_err(|SetupError(engine)| SetupError(format!("private key: {uri}: {why}; {engine}"))),
    }
}

/// The certificate of this URI.
pub(super) fn certificate(part: &str, uri: &str, pin: Option<&Secret>) -> Result<X509, SetupError> {
    // SAFETY: the certificate that comes is ours.
    let take = |info: *mut sys::StoreInfo| unsafe { NonNull::new(sys::OSSL_STORE_INFO_get1_CERT(info)) };
    match load(uri, pin, CERTIFICATE, take) {
        // SAFETY: as above.
        Ok(certificate) => Ok(unsafe { X509::from_ptr(certificate.as_ptr()) }),
        Err(why) => engine::with_pkcs11(pin_text(pin), |token| token.certificate(part, uri))
            .map_err(|SetupError(engine)| SetupError(format!("{part}: {uri}: {why}; {engine}"))),
    }
}

fn pin_text(pin: Option<&Secret>) -> Option<&str> {
    pin.and_then(|pin| core::str::from_utf8(pin.as_bytes()).ok())
}

/// The first of what a store has under this URI. An error is OpenSSL's reason.
fn load<T>(
    uri: &str,
    pin: Option<&Secret>,
    expected: c_int,
    take: impl Fn(*mut sys::StoreInfo) -> Option<NonNull<T>>,
) -> Result<NonNull<T>, String> {
    let uri = CString::new(uri).map_err(|_| "there is a zero in it".to_owned())?;
    queue::clear();
    // SAFETY: strings; what is made here is freed here. The PIN lives until the store is closed, and is
    // looked at by `answer_pin` alone.
    let found = unsafe {
        let asking = sys::UI_UTIL_wrap_read_pem_callback(Some(answer_pin), 0);
        let data = pin.map_or(core::ptr::null_mut(), |pin| core::ptr::from_ref(pin).cast_mut().cast());
        let store =
            sys::OSSL_STORE_open(uri.as_ptr(), asking, data, core::ptr::null_mut(), core::ptr::null_mut());
        let mut found = None;
        if !store.is_null() {
            sys::OSSL_STORE_expect(store, expected);
            while found.is_none() && sys::OSSL_STORE_eof(store) == 0 {
                let info = sys::OSSL_STORE_load(store);
                if info.is_null() {
                    if sys::OSSL_STORE_error(store) != 0 {
                        break;
                    }
                    continue;
                }
                found = take(info);
                sys::OSSL_STORE_INFO_free(info);
            }
            sys::OSSL_STORE_close(store);
        }
        sys::UI_destroy_method(asking);
        found
    };
    let why = found.is_none().then(queue::why);
    queue::clear();
    found.ok_or_else(|| why.unwrap_or_default())
}

/// Says the PIN. Without one nobody is asked: a library does not talk to the terminal.
unsafe extern "C" fn answer_pin(to: *mut c_char, room: c_int, _: c_int, pin: *mut c_void) -> c_int {
    // SAFETY: what `load` gives along, or NULL.
    let (Some(pin), Ok(room)) = (unsafe { pin.cast::<Secret>().as_ref() }, usize::try_from(room)) else {
        return -1;
    };
    let pin = pin.as_bytes();
    if to.is_null() || pin.len() > room {
        return -1;
    }
    // SAFETY: there is room, as was just compared.
    unsafe { to.cast::<u8>().copy_from_nonoverlapping(pin.as_ptr(), pin.len()) };
    c_int::try_from(pin.len()).unwrap_or(-1)
}
