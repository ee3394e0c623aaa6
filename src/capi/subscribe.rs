//! `coap_subscribe.h`: resources that can be observed.

use super::ffi::ffi;
use super::handle::share;
use super::pdu::bytes;
use super::resource::notify;
use super::types::*;
use crate::log;
use crate::message::Type;
use core::ffi::c_int;

/// Sets whether a client may observe a resource with GET or FETCH (RFC 7641): `mode` 1 if so, 0 if
/// not, as it is at first. The list of resources shows `;obs` for one that may be observed.
///
/// # Safety
/// `resource` is NULL or a live resource.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_resource_set_get_observable(resource: *mut coap_resource_t, mode: c_int) {
    // SAFETY: NULL or live, as the caller promises.
    ffi(|| unsafe { resource.as_ref() }.map(|r| r.core.set_observable(mode != 0)));
}

/// Says that a resource has changed: when the context is processed next, the handler for each
/// observer's request is called again, and what it answers is sent to that observer. Changes that
/// come faster make one notification. `query` is not looked at.
///
/// Returns 1, or 0 if nobody observes the resource or it may not be observed.
///
/// # Safety
/// `resource` is NULL or a live resource.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_resource_notify_observers(
    resource: *mut coap_resource_t,
    query: *const coap_string_t,
) -> c_int {
    let _ = query;
    // SAFETY: as the caller promises.
    ffi(|| unsafe { notify(resource) })
}

/// Notifies the observers of all resources that have changed now, instead of when the context is
/// processed next. Nothing more is done: it does not wait, and takes nothing in.
///
/// # Safety
/// `context` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_check_notify(context: *mut coap_context_t) {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        unsafe { share(context) }?.notify_observers();
        Some(())
    });
}

/// Ends an observation of this side: sends the request that began it again, with Observe 1, as
/// `message_type` says, COAP_MESSAGE_CON or COAP_MESSAGE_NON. What the server answers reaches the
/// response handler.
///
/// Returns 1, or 0 if no notification with this token has come, the observation has ended, or the
/// request cannot be sent.
///
/// # Safety
/// `session` is NULL or live; `token` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_cancel_observe(
    session: *mut coap_session_t,
    token: *mut coap_binary_t,
    message_type: coap_pdu_type_t,
) -> c_int {
    ffi(|| {
        // SAFETY: NULL or valid, as the caller promises.
        let (session, token) = unsafe { (session.as_ref()?, token.as_ref()?) };
        // SAFETY: a valid binary has its bytes.
        let token = unsafe { bytes(token.s, token.length) }?;
        let kind = match message_type {
            COAP_MESSAGE_CON => Type::Confirmable,
            COAP_MESSAGE_NON => Type::NonConfirmable,
            _ => {
                log!(WARN, "coap_cancel_observe: a request is CON or NON, not {message_type}");
                return None;
            }
        };
        Some(session.context().cancel_observation(session.id(), token, kind).into())
    })
}
