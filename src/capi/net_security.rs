//! `coap_net.h`, keys and certificates of a context. The variant without a (D)TLS library takes none. So
//! each function answers 0 there, by which a program learns that its endpoints and sessions will not be
//! secured; asking `coap_dtls_is_supported()` first tells it the same.

use super::application::program;
use super::ffi::ffi;
use super::handle::share;
use super::security::{Install, Refusal, Security, check_pki_version, read_pki, read_server_psk};
use super::types::*;
use crate::tls::{self, Library, Roots};
use core::ffi::{CStr, c_char, c_int};
use core::mem;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// Sets the hint and the pre-shared key of a context's secured endpoints, also of those that are open.
/// `hint` is NULL or copied, and so is `key`. What was set before is replaced.
///
/// Returns 1, or 0 if there is no key, or they have more than 255 or 512 bytes: then what was set before
/// stays. The variant without a (D)TLS library returns 0.
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
    // SAFETY: as the caller promises.
    ffi(|| unsafe {
        let length = if hint.is_null() { 0 } else { CStr::from_ptr(hint).count_bytes() };
        // All of its members may be 0.
        let mut setup: coap_dtls_spsk_t = mem::zeroed();
        setup.version = COAP_DTLS_SPSK_SETUP_VERSION;
        setup.psk_info.hint = coap_bin_const_t { length, s: hint.cast() };
        setup.psk_info.key = coap_bin_const_t { length: key_len, s: key };
        change("coap_context_set_psk", context, |security, library, install| {
            security.set_psk(library, read_server_psk(&setup)?, install)
        })
    })
}

/// Sets how a context's secured endpoints use pre-shared keys, also those that are open. What
/// `setup_data` says is copied. What was set before is replaced.
///
/// `setup_data->version` must be `COAP_DTLS_SPSK_SETUP_VERSION`; 0 counts as that. The key may be missing
/// if there is a callback to ask for it. `validate_sni_call_back` is called once for each name that
/// it has something for, of 1,024 names; "" stands for no name. `validate_id_call_back` is called in each
/// handshake, after that. Both may call any function of the library. Hints of more than 255 bytes and keys
/// of more than 512 are refused, here and from callbacks.
///
/// Returns 1, or 0 if the set-up cannot be used: then what was set before stays. The variant without a
/// (D)TLS library returns 0.
///
/// # Safety
/// `context` is NULL or live; `setup_data` is NULL or valid; its callbacks may be called until the context
/// ends.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_context_set_psk2(
    context: *mut coap_context_t,
    setup_data: *mut coap_dtls_spsk_t,
) -> c_int {
    // SAFETY: as the caller promises.
    ffi(|| unsafe {
        change("coap_context_set_psk2", context, |security, library, install| {
            let setup = setup_data.as_ref().ok_or_else(Refusal::no_struct)?;
            security.set_psk(library, read_server_psk(setup)?, install)
        })
    })
}

/// Sets how a context uses certificates or raw public keys: its secured endpoints, also those that are
/// open, and sessions that `coap_new_client_session()` opens. What `setup_data` says is copied, and files
/// are read during the call; those that change later are read anew. What was set before is replaced.
///
/// `setup_data->version` must be `COAP_DTLS_PKI_SETUP_VERSION`. A set-up without certificate and private key
/// is good for sessions only, unless there is a `validate_sni_call_back`. That is called once for each
/// name that it has something for, of 1,024 names; "" stands for no name. All callbacks may call any
/// function of the library.
///
/// Returns 1, or 0 if a file cannot be read, the private key is not that of the certificate, one of the two
/// is missing, or anything else cannot be used: then what was set before stays. The variant without a
/// (D)TLS library returns 0.
///
/// # Safety
/// `context` is NULL or live; `setup_data` is NULL or valid; its callbacks may be called until the context
/// ends.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_context_set_pki(
    context: *mut coap_context_t,
    setup_data: *const coap_dtls_pki_t,
) -> c_int {
    let caller = "coap_context_set_pki";
    // SAFETY: as the caller promises.
    ffi(|| unsafe {
        if tls::library().is_none() && !setup_data.is_null() {
            check_pki_version(setup_data).inspect_err(|refusal| refusal.log(caller)).ok()?;
        }
        change(caller, context, |security, library, install| {
            security.set_pki(library, read_pki(setup_data)?, install)
        })
    })
}

/// Adds the certificates in a file, in a directory or in both to those that a context trusts, in what is
/// set up before and after. The file may have lists of revoked ones too. In the directory, names are
/// hashes, as openssl-rehash(1) makes them.
///
/// Returns 1, or 0 if they cannot be read. The variant without a (D)TLS library returns 0.
///
/// # Safety
/// `context` is NULL or live; `ca_file` and `ca_dir` are each NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_context_set_pki_root_cas(
    context: *mut coap_context_t,
    ca_file: *const c_char,
    ca_dir: *const c_char,
) -> c_int {
    // SAFETY: as the caller promises.
    ffi(|| unsafe {
        change("coap_context_set_pki_root_cas", context, |security, library, install| {
            let more = Roots { files: path(ca_file), directories: path(ca_dir) };
            security.add_roots(library, more, install)
        })
    })
}

/// The path that C names; none for NULL.
///
/// # Safety
/// `path` is NULL or a C string.
unsafe fn path(path: *const c_char) -> Vec<PathBuf> {
    if path.is_null() {
        return Vec::new();
    }
    // SAFETY: a C string, as the caller promises.
    let path = unsafe { CStr::from_ptr(path) };
    vec![OsStr::from_bytes(path.to_bytes()).into()]
}

/// Changes the set-ups of a context, and how its endpoints answer with them. Says why that cannot be.
///
/// # Safety
/// `context` is NULL or live.
unsafe fn change(
    caller: &str,
    context: *mut coap_context_t,
    change: impl FnOnce(&Security, &dyn Library, Install<'_>) -> Result<(), Refusal>,
) -> Option<c_int> {
    // SAFETY: NULL or live, as the caller promises.
    let context = unsafe { share(context) }?;
    let library = tls::library()?;
    let security = &program(&context)?.security;
    let changed = change(security, library, &|answer| context.set_acceptor(answer));
    changed.inspect_err(|refusal| refusal.log(caller)).ok()?;
    Some(1)
}

/// Makes clients of a context change their address after every `every` packets, to test connection
/// identifiers (RFC 9146). Returns 1, or 0 if that failed, as it does in variants without them.
///
/// # Safety
/// `context` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_context_set_cid_tuple_change(context: *mut coap_context_t, every: u8) -> c_int {
    let _ = (context, every);
    0
}
