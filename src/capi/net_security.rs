//! `coap_net.h`, keys and certificates of a context: the variant without a (D)TLS library, which
//! takes none. So each function answers 0, by which a program learns that its endpoints and
//! sessions will not be secured; asking `coap_dtls_is_supported()` first tells it the same.

use super::ffi::ffi;
use super::types::{COAP_DTLS_PKI_SETUP_VERSION, coap_context_t, coap_dtls_pki_t, coap_dtls_spsk_t};
use crate::log;
use core::ffi::{c_char, c_int};

/// Sets the hint and the pre-shared key of a context's secured endpoints. Returns 1, or 0 if that
/// failed, as it does in the variant without a (D)TLS library.
///
/// # Safety
/// `context` is NULL or live; `hint` is NULL or a C string; `key` is NULL or has `key_len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_context_set_psk(
    context: *mut coap_context_t,
    hint: *const c_char,
    key: *const u8,
    key_len: usize,
) -> c_int {
    let _ = (context, hint, key, key_len);
    0
}

/// Sets how a context's secured endpoints use pre-shared keys. Returns 1, or 0 if that failed, as
/// it does in the variant without a (D)TLS library.
///
/// # Safety
/// `context` is NULL or live; `setup_data` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_context_set_psk2(
    context: *mut coap_context_t,
    setup_data: *mut coap_dtls_spsk_t,
) -> c_int {
    let _ = (context, setup_data);
    0
}

/// Sets how a context's secured endpoints use certificates or raw public keys. Returns 1, or 0 if
/// that failed, as it does in the variant without a (D)TLS library. `setup_data->version` must be
/// `COAP_DTLS_PKI_SETUP_VERSION`.
///
/// # Safety
/// `context` is NULL or live; `setup_data` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_context_set_pki(
    context: *mut coap_context_t,
    setup_data: *const coap_dtls_pki_t,
) -> c_int {
    let _ = context;
    ffi(|| {
        // SAFETY: the caller passes NULL or a valid struct, of which every version begins with its
        // version; an older and shorter one is not looked into further.
        let version = unsafe { setup_data.cast::<u8>().as_ref() }?;
        if *version != COAP_DTLS_PKI_SETUP_VERSION {
            log!(ERR, "coap_context_set_pki: Wrong version of setup_data");
        }
        None
    })
}

/// Adds the certificates in a file, in a directory or in both to those that a context trusts.
/// Returns 1, or 0 if that failed, as it does in the variant without a (D)TLS library.
///
/// # Safety
/// `context` is NULL or live; `ca_file` and `ca_dir` are each NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_context_set_pki_root_cas(
    context: *mut coap_context_t,
    ca_file: *const c_char,
    ca_dir: *const c_char,
) -> c_int {
    let _ = (context, ca_file, ca_dir);
    0
}

/// Makes clients of a context change their address after every `every` packets, to test connection
/// identifiers (RFC 9146). Returns 1, or 0 if that failed, as it does in the variant without a (D)TLS
/// library.
///
/// # Safety
/// `context` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_context_set_cid_tuple_change(context: *mut coap_context_t, every: u8) -> c_int {
    let _ = (context, every);
    0
}
