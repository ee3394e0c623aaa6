//! `coap_net.h`, sending.

use super::application::program;
use super::ffi::{ffi, ffi_or};
use super::handle::share;
use super::pdu::coap_pdu_t;
use super::types::*;
use crate::log;
use crate::message::{Code, Number, Pdu, Type, error};
use crate::protocol::block::Upload;
use crate::protocol::engine::SendError;
use core::ffi::c_int;
use std::sync::Arc;

/// A message ID for the next message of a session. Returns 0 if there is no session.
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_new_message_id(session: *mut coap_session_t) -> u16 {
    // SAFETY: NULL or live, as the caller promises.
    ffi(|| Some(unsafe { session.as_ref() }?.change(|s| s.new_mid())?.0))
}

/// Sends a message, which belongs to the library from now on, also if it fails. Confirmable ones
/// are sent again until they are acknowledged; NSTART of them are under way at a time, the others
/// wait. May be called from any thread, also while another waits in the loop.
///
/// Returns the message ID, which is another than the message had if one with that is still under
/// way; or COAP_INVALID_MID if the message cannot be sent: the session has ended or was given up, the
/// message or its token is too long, UDP has no such code, or it is confirmable and the session sends
/// to a group. A request with Observe 1 and the token of an observation is sent by
/// `coap_cancel_observe()`, whose 1 is returned then.
///
/// # Safety
/// `session` is NULL or live; `pdu` is NULL or a live message, and is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_send(session: *mut coap_session_t, pdu: *mut coap_pdu_t) -> coap_mid_t {
    ffi_or(COAP_INVALID_MID, || {
        // SAFETY: NULL or the caller's message, which is given away.
        let pdu = unsafe { coap_pdu_t::from_raw(pdu) }?;
        // SAFETY: NULL or live, as the caller promises.
        let session = unsafe { share(session) }?;
        session.await_ready();
        let (message, upload) = match program(session.context()) {
            Some(program) => program.sent.keep(pdu),
            None => (pdu.inner, pdu.upload),
        };
        send_with(&session, message, upload)
    })
}

/// Sends a message; says why if that fails. It may run the application's code.
pub(super) fn send(session: &Arc<coap_session_t>, pdu: Pdu) -> Option<coap_mid_t> {
    send_with(session, pdu, None)
}

/// The same, with the body that it is the beginning of.
fn send_with(session: &Arc<coap_session_t>, pdu: Pdu, upload: Option<Upload>) -> Option<coap_mid_t> {
    // As with the reference, a program may also end an observation by a request of its own.
    if pdu.code().is_request()
        && pdu.option_uint(Number::OBSERVE) == Some(COAP_OBSERVE_CANCEL.into())
        && session.context().cancel_observation(session.id(), pdu.token(), pdu.kind())
    {
        return Some(1);
    }
    let sent = session.context().send(session.id(), pdu, upload);
    let complain = |e: &SendError| match e {
        SendError::Closed => log!(DEBUG, "coap_send: Socket closed"),
        e => log!(WARN, "coap_send: {e}"),
    };
    sent.inspect_err(complain).ok().map(|mid| mid.0.into())
}

/// Acknowledges a confirmable message (RFC 7252 §4.2). Returns its message ID, or
/// COAP_INVALID_MID if it is not confirmable, or came over a stream, where nothing is acknowledged.
///
/// # Safety
/// `session` is NULL or live, `request` is NULL or a live message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_send_ack(
    session: *mut coap_session_t,
    request: *const coap_pdu_t,
) -> coap_mid_t {
    ffi_or(COAP_INVALID_MID, || {
        // SAFETY: NULL or live, as the caller promises.
        let (session, request) = unsafe { (share(session)?, request.as_ref()?) };
        (request.inner.kind() == Type::Confirmable && !is_over_stream(&session)).then_some(())?;
        send(&session, Pdu::new(Type::Acknowledgement, Code::EMPTY, request.inner.mid(), 0))
    })
}

/// Whether a session has no message layer (RFC 8323 §2.2).
fn is_over_stream(session: &coap_session_t) -> bool {
    session.read(|s| s.transport.is_reliable()) == Some(true)
}

/// Rejects a message with a Reset (RFC 7252 §4.2). Returns its message ID, or COAP_INVALID_MID if
/// that fails, or over a stream, where nothing is rejected.
///
/// # Safety
/// `session` is NULL or live, `request` is NULL or a live message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_send_rst(
    session: *mut coap_session_t,
    request: *const coap_pdu_t,
) -> coap_mid_t {
    // SAFETY: as the caller promises.
    unsafe { coap_send_message_type(session, request, COAP_MESSAGE_RST) }
}

/// Sends an empty message of this type with the message ID of `request`. Returns that, or
/// COAP_INVALID_MID if it fails.
///
/// # Safety
/// `session` is NULL or live, `request` is NULL or a live message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_send_message_type(
    session: *mut coap_session_t,
    request: *const coap_pdu_t,
    r#type: coap_pdu_type_t,
) -> coap_mid_t {
    ffi_or(COAP_INVALID_MID, || {
        // SAFETY: NULL or live, as the caller promises.
        let (session, request) = unsafe { (share(session)?, request.as_ref()?) };
        let kind = super::pdu::checked_type(r#type).filter(|_| !is_over_stream(&session))?;
        send(&session, Pdu::new(kind, Code::EMPTY, request.inner.mid(), 0))
    })
}

/// Makes an error response to `request`: its token and message ID, the code, the options of the
/// request that `opts` names, and the text of the code as payload. It is an acknowledgement if the
/// request is confirmable. Returns NULL if that fails; else a message for `coap_send()`.
///
/// # Safety
/// `request` is NULL or a live message; `opts` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_new_error_response(
    request: *const coap_pdu_t,
    code: coap_pdu_code_t,
    opts: *mut coap_opt_filter_t,
) -> *mut coap_pdu_t {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        let (request, opts) = unsafe { (&request.as_ref()?.inner, opts.as_ref()) };
        let code = Code(u8::try_from(code).ok()?);
        let kind = match request.kind() {
            Type::Confirmable => Type::Acknowledgement,
            _ => Type::NonConfirmable,
        };
        let mut response = Pdu::new(kind, code, request.mid(), super::pdu::size_limit(0));
        response.set_token(request.token()).ok()?;
        let echo = |number: Number| opts.is_some_and(|opts| opts.contains(number.0));
        error::fill(&mut response, request, code, echo);
        Some(coap_pdu_t::new(response).into_raw())
    })
}

/// Sends what `coap_new_error_response()` makes. Returns the message ID, or COAP_INVALID_MID if
/// it fails.
///
/// # Safety
/// `session` is NULL or live, `request` is NULL or a live message; `opts` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_send_error(
    session: *mut coap_session_t,
    request: *const coap_pdu_t,
    code: coap_pdu_code_t,
    opts: *mut coap_opt_filter_t,
) -> coap_mid_t {
    // SAFETY: as the caller promises.
    unsafe { coap_send(session, coap_new_error_response(request, code, opts)) }
}

/// Sets how many networks a multicast request of this session may cross: 0 to 255, or `(size_t)-1`
/// for the one of the start. Returns 1, or 0 if that cannot be set, as for a session that sends to no
/// group.
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_mcast_set_hops(session: *mut coap_session_t, hops: usize) -> c_int {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        let session = unsafe { session.as_ref() }?;
        let hops = match hops {
            usize::MAX => 1,
            _ => u8::try_from(hops)
                .inspect_err(|_| log!(WARN, "coap_mcast_set_hops: {hops} is over 255"))
                .ok()?,
        };
        let set = session.context().set_multicast_hops(session.id(), hops);
        set.inspect_err(|e| log!(WARN, "coap_mcast_set_hops: {e}")).ok().map(|()| 1)
    })
}
