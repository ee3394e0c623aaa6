//! `coap_session.h`, keys and certificates of a session. In the variant without a (D)TLS library a session
//! over a protocol that is not secured opens as any other, and remembers the identity and key that it
//! was opened with, since a program may ask for them.

use super::dtls::LIBRARY;
use super::ffi::ffi;
use super::pdu::bytes;
use super::security::{Refusal, check_pki_version, for_connection, read_client_psk, read_pki};
use super::session::shown;
use super::session_open::{Ends, open};
use super::types::*;
use crate::tls::{self, ClientSetup};
use core::ffi::{CStr, c_char, c_uint, c_void};
use core::{mem, ptr};

/// Opens a session as `coap_new_client_session()` does, secured by a pre-shared key if `proto` is secured.
/// `identity` is copied, and so is `key`, which has `key_len` bytes. Returns NULL also if one of them is
/// missing, empty, or of more than 255 or 512 bytes. The variant without a (D)TLS library refuses secured
/// protocols.
///
/// # Safety
/// `ctx` is NULL or live; the addresses are NULL or valid; `identity` is NULL or a C string; `key` is
/// NULL or has `key_len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_new_client_session_psk(
    ctx: *mut coap_context_t,
    local_if: *const coap_address_t,
    server: *const coap_address_t,
    proto: coap_proto_t,
    identity: *const c_char,
    key: *const u8,
    key_len: c_uint,
) -> *mut coap_session_t {
    // SAFETY: as the caller promises.
    ffi(|| unsafe {
        let length = if identity.is_null() { 0 } else { CStr::from_ptr(identity).count_bytes() };
        // All of its members may be 0.
        let mut setup: coap_dtls_cpsk_t = mem::zeroed();
        setup.version = COAP_DTLS_CPSK_SETUP_VERSION;
        setup.psk_info.identity = coap_bin_const_t { length, s: identity.cast() };
        setup.psk_info.key = coap_bin_const_t { length: key_len as usize, s: key };
        open_psk("coap_new_client_session_psk", Ends { ctx, local_if, server, proto }, &setup)
    })
}

/// Opens a session as `coap_new_client_session()` does, secured by a pre-shared key if `proto` is secured.
/// What `setup_data` says is copied.
///
/// `setup_data->version` must be `COAP_DTLS_CPSK_SETUP_VERSION`; 0 counts as that. Identity and key must
/// be there, and have at most 255 and 512 bytes; the identity may be empty if there is a
/// `validate_ih_call_back` to choose another. Zeros at its end are not sent. With that callback TLS 1.3
/// is not used, which has no hints. The callback may call any function of the library. Returns NULL
/// if the session cannot be secured so. The variant without a (D)TLS library refuses secured protocols.
///
/// # Safety
/// `ctx` is NULL or live; the addresses are NULL or valid; `setup_data` is NULL or valid; its callback
/// may be called as long as the session lives.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_new_client_session_psk2(
    ctx: *mut coap_context_t,
    local_if: *const coap_address_t,
    server: *const coap_address_t,
    proto: coap_proto_t,
    setup_data: *mut coap_dtls_cpsk_t,
) -> *mut coap_session_t {
    let caller = "coap_new_client_session_psk2";
    // SAFETY: as the caller promises.
    ffi(|| unsafe {
        let Some(setup) = setup_data.as_ref() else {
            Refusal::no_struct().log(caller);
            return None;
        };
        open_psk(caller, Ends { ctx, local_if, server, proto }, setup)
    })
}

/// Opens a session with a pre-shared key.
///
/// # Safety
/// As for [`coap_new_client_session_psk2`].
unsafe fn open_psk(caller: &str, ends: Ends, setup: &coap_dtls_cpsk_t) -> Option<*mut coap_session_t> {
    // SAFETY: as the caller promises.
    unsafe {
        let psk = match tls::library() {
            None => None,
            Some(_) => Some(read_client_psk(setup).inspect_err(|refusal| refusal.log(caller)).ok()?),
        };
        let coap_dtls_cpsk_info_t { identity, key } = setup.psk_info;
        let (identity, key) = (bytes(identity.s, identity.length)?, bytes(key.s, key.length)?);
        let session = open(caller, ends, || psk.map(for_connection).transpose())?;
        shown(session.as_ref()?)?.psk.begin(identity, key);
        Some(session)
    }
}

/// Opens a session as `coap_new_client_session()` does, secured by certificates or raw public keys if
/// `proto` is secured. What `setup_data` says is copied, and files are read during the call.
///
/// `setup_data->version` must be `COAP_DTLS_PKI_SETUP_VERSION`. Returns NULL also if a file cannot be read,
/// the private key is not that of the certificate, one of the two is missing, or anything else cannot
/// be used. The callbacks may call any function of the library. The variant without a (D)TLS library
/// refuses secured protocols.
///
/// # Safety
/// `ctx` is NULL or live; the addresses are NULL or valid; `setup_data` is NULL or valid; its callbacks
/// may be called as long as the session lives.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_new_client_session_pki(
    ctx: *mut coap_context_t,
    local_if: *const coap_address_t,
    server: *const coap_address_t,
    proto: coap_proto_t,
    setup_data: *mut coap_dtls_pki_t,
) -> *mut coap_session_t {
    let caller = "coap_new_client_session_pki";
    // SAFETY: as the caller promises.
    ffi(|| unsafe {
        check_pki_version(setup_data).inspect_err(|refusal| refusal.log(caller)).ok()?;
        let setup = || Ok(Some(ClientSetup::Pki(Box::new(read_pki(setup_data)?))));
        open(caller, Ends { ctx, local_if, server, proto }, setup)
    })
}

/// Returns the hint of the pre-shared key that a session uses: on a client the one that the server gave,
/// which may be empty; on a server the one of `validate_sni_call_back`. NULL if there is none so far.
/// Belongs to the session.
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_get_psk_hint(
    session: *const coap_session_t,
) -> *const coap_bin_const_t {
    // SAFETY: NULL or live, as the caller promises.
    ffi(|| shown(unsafe { session.as_ref() }?)?.psk.hint())
}

/// Returns the identity of the pre-shared key that a session uses: on a client the one that it was opened
/// with, or that `validate_ih_call_back` chose; on a server the client's. One of no bytes if there is
/// none so far. Returns NULL if `session` is. Belongs to the session.
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_get_psk_identity(
    session: *const coap_session_t,
) -> *const coap_bin_const_t {
    /// Shared by all sessions without one.
    struct Nothing(coap_bin_const_t);
    // SAFETY: it is never changed, and its pointer leads nowhere.
    unsafe impl Sync for Nothing {}
    static NOTHING: Nothing = Nothing(coap_bin_const_t { length: 0, s: ptr::null() });
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        let identity = shown(unsafe { session.as_ref() }?)?.psk.identity();
        Some(identity.unwrap_or(&raw const NOTHING.0))
    })
}

/// Returns the pre-shared key that a session uses: on a client the one that it was opened with, or that
/// `validate_ih_call_back` chose; on a server the one that a callback gave. NULL if there is none. Belongs
/// to the session.
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_get_psk_key(session: *const coap_session_t) -> *const coap_bin_const_t {
    // SAFETY: NULL or live, as the caller promises.
    ffi(|| shown(unsafe { session.as_ref() }?)?.psk.key())
}

/// Returns the (D)TLS library's own object of a session, such as an `SSL *`, or NULL if it is not
/// secured, or not connected yet over TLS; and in `tls_lib`, unless that is NULL, which library it is.
/// The object belongs to the session, and goes with its connection.
///
/// # Safety
/// `session` is NULL or live; `tls_lib` is NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_get_tls(
    session: *const coap_session_t,
    tls_lib: *mut coap_tls_library_t,
) -> *mut c_void {
    ffi(|| {
        // SAFETY: as the caller promises.
        let (session, tls_lib) = unsafe { (session.as_ref()?, tls_lib.as_mut()) };
        if let Some(tls_lib) = tls_lib {
            *tls_lib = LIBRARY;
        }
        session.native_tls()
    })
}
