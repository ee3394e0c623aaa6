//! `coap_ws.h`: WebSockets.

use super::ffi::ffi;
use super::resource::text_bytes;
use super::types::*;
use core::ffi::c_int;

/// Sets the host that the HTTP request of a client session over WebSocket names in its `Host` field;
/// the port is added. To be called before the loop runs for the first time, since the request leaves
/// as soon as the connection is there; without a host the session fails.
///
/// Returns 1, or 0 if `ws_host` is no name or address of a host, of up to 255 characters, or an
/// argument is NULL. For sessions of other protocols it is without effect.
///
/// # Safety
/// `session` is NULL or live, `ws_host` NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_ws_set_host_request(
    session: *mut coap_session_t,
    ws_host: *mut coap_str_const_t,
) -> c_int {
    ffi(|| {
        // SAFETY: NULL, live or valid, as the caller promises.
        let (session, name) = unsafe { (session.as_ref()?, text_bytes(ws_host)?) };
        Some(session.set_host(name).into())
    })
}
