//! `coap_session.h`, keys and certificates of a session: the variant without a (D)TLS library.
//!
//! A session over a protocol that is not secured opens as any other, and remembers the identity and
//! key that it was opened with, since a program may ask for them. A secured protocol is refused.

use super::ffi::ffi;
use super::pdu::bytes;
use super::session::{coap_new_client_session, shown};
use super::types::*;
use crate::log;
use core::ffi::{CStr, c_char, c_uint, c_void};
use core::ptr;

/// Bytes that belong to a session, and the struct by which C looks at them.
struct Shared {
    /// Points into `_bytes`.
    view: coap_bin_const_t,
    _bytes: Box<[u8]>,
}

// SAFETY: neither the bytes nor the pointer to them is ever changed.
unsafe impl Send for Shared {}
// SAFETY: the same.
unsafe impl Sync for Shared {}

impl Shared {
    fn new(bytes: &[u8]) -> Self {
        let bytes: Box<[u8]> = bytes.into();
        let s = if bytes.is_empty() { ptr::null() } else { bytes.as_ptr() };
        Shared { view: coap_bin_const_t { length: bytes.len(), s }, _bytes: bytes }
    }
}

/// The pre-shared key that a client session was opened with.
pub(super) struct ClientPsk {
    identity: Shared,
    key: Shared,
}

/// Opens a session as [`coap_new_client_session`] does, secured by a pre-shared key if `proto` is
/// secured. `identity` is copied, and so is `key`, which has `key_len` bytes. The variant without a
/// (D)TLS library refuses secured protocols.
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
        let identity = if identity.is_null() { &[] } else { CStr::from_ptr(identity).to_bytes() };
        let key = bytes(key, key_len as usize)?;
        let session = coap_new_client_session(ctx, local_if, server, proto);
        remember(session, identity, key)
    })
}

/// Opens a session as [`coap_new_client_session`] does, secured by a pre-shared key if `proto` is
/// secured. What `setup_data` says of identity and key is copied. The variant without a (D)TLS
/// library refuses secured protocols.
///
/// # Safety
/// `ctx` is NULL or live; the addresses are NULL or valid; `setup_data` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_new_client_session_psk2(
    ctx: *mut coap_context_t,
    local_if: *const coap_address_t,
    server: *const coap_address_t,
    proto: coap_proto_t,
    setup_data: *mut coap_dtls_cpsk_t,
) -> *mut coap_session_t {
    // SAFETY: as the caller promises.
    ffi(|| unsafe {
        let setup = setup_data.as_ref().or_else(|| {
            log!(ERR, "coap_new_client_session_psk2: there is no setup_data");
            None
        })?;
        let coap_dtls_cpsk_info_t { identity, key } = setup.psk_info;
        let identity = bytes(identity.s, identity.length)?;
        let key = bytes(key.s, key.length)?;
        let session = coap_new_client_session(ctx, local_if, server, proto);
        remember(session, identity, key)
    })
}

/// Opens a session as [`coap_new_client_session`] does, secured by certificates or raw public keys
/// if `proto` is secured. `setup_data->version` must be `COAP_DTLS_PKI_SETUP_VERSION`. The variant
/// without a (D)TLS library refuses secured protocols.
///
/// # Safety
/// `ctx` is NULL or live; the addresses are NULL or valid; `setup_data` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_new_client_session_pki(
    ctx: *mut coap_context_t,
    local_if: *const coap_address_t,
    server: *const coap_address_t,
    proto: coap_proto_t,
    setup_data: *mut coap_dtls_pki_t,
) -> *mut coap_session_t {
    ffi(|| {
        // SAFETY: the caller passes NULL or a valid struct, of which every version begins with its
        // version; an older and shorter one is not looked into further.
        let version = unsafe { setup_data.cast::<u8>().as_ref() };
        if version != Some(&COAP_DTLS_PKI_SETUP_VERSION) {
            log!(ERR, "coap_new_client_session_pki: Wrong version of setup_data");
            return None;
        }
        // SAFETY: as the caller promises.
        Some(unsafe { coap_new_client_session(ctx, local_if, server, proto) })
    })
}

/// Keeps identity and key with a session that has just been opened.
///
/// # Safety
/// `session` is NULL or live.
unsafe fn remember(session: *mut coap_session_t, identity: &[u8], key: &[u8]) -> Option<*mut coap_session_t> {
    let psk = ClientPsk { identity: Shared::new(identity), key: Shared::new(key) };
    // SAFETY: as the caller promises.
    _ = shown(unsafe { session.as_ref() }?)?.client_psk.set(psk);
    Some(session)
}

/// Returns the hint of the pre-shared key that a session uses, or NULL if it has none. Belongs to
/// the session. In the variant without a (D)TLS library none has.
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_get_psk_hint(
    session: *const coap_session_t,
) -> *const coap_bin_const_t {
    let _ = session;
    ptr::null()
}

/// Returns the identity of the pre-shared key that a session was opened with; one of no bytes if it
/// was opened without. Returns NULL if `session` is. Belongs to the session.
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
        let psk = shown(unsafe { session.as_ref() }?)?.client_psk.get();
        Some(ptr::from_ref(psk.map_or(&NOTHING.0, |psk| &psk.identity.view)))
    })
}

/// Returns the pre-shared key that a session was opened with, or NULL if there was none. Belongs to
/// the session.
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_get_psk_key(session: *const coap_session_t) -> *const coap_bin_const_t {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        let psk = shown(unsafe { session.as_ref() }?)?.client_psk.get()?;
        (psk.key.view.length > 0).then(|| ptr::from_ref(&psk.key.view))
    })
}

/// Returns the (D)TLS library's own object of a session, or NULL if it is not secured, and in
/// `tls_lib`, unless that is NULL, which library it is.
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
        let (_session, tls_lib) = unsafe { (session.as_ref()?, tls_lib.as_mut()?) };
        *tls_lib = COAP_TLS_LIBRARY_NOTLS;
        None
    })
}
