//! `coap_net.h`: contexts and their settings, handlers, and sending.

use super::address::from_c;
use super::application::{Handlers, Program, program, raise};
use super::ffi::{ffi, ffi_or};
use super::handle::share;
use super::pdu::coap_pdu_t;
use super::types::*;
use crate::driver::Context;
use crate::log;
use crate::message::{Code, Number, Pdu, Token, Type, error};
use crate::protocol::block::Upload;
use core::ffi::{c_int, c_uint, c_void};
use core::time::Duration;
use std::sync::Arc;

/// What `session_timeout` 0 stands for, in seconds.
const DEFAULT_SESSION_TIMEOUT: c_uint = 300;

/// The limits of the time that a CSM (RFC 8323 §5.3) may take, in milliseconds.
const CSM_TIMEOUT_MS: core::ops::RangeInclusive<c_uint> = 10..=10_000;

/// Settings that are read back as they were set.
pub(crate) struct Settings {
    session_timeout: c_uint,
    max_idle_sessions: c_uint,
    max_handshake_sessions: c_uint,
    csm_timeout: c_uint,
    csm_timeout_ms: c_uint,
    csm_max_message_size: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            session_timeout: 0,
            max_idle_sessions: 0,
            max_handshake_sessions: 0,
            csm_timeout: 30,
            csm_timeout_ms: 1000,
            csm_max_message_size: 8_388_864,
        }
    }
}

/// Makes a context; if `listen_addr` is not NULL, with a UDP endpoint there. Returns NULL if that
/// address cannot be used. Release it with `coap_free_context()`.
///
/// # Safety
/// `listen_addr` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_new_context(listen_addr: *const coap_address_t) -> *mut coap_context_t {
    ffi(|| {
        super::libcoap::ensure_started();
        let context = Context::new(Box::new(Program::default()))
            .inspect_err(|e| log!(ERR, "coap_new_context: {e}"))
            .ok()?;
        // SAFETY: NULL or valid, as the caller promises.
        if let Some(address) = unsafe { listen_addr.as_ref() } {
            let address = from_c(address)?;
            let opened = context.open_endpoint(&address);
            opened.inspect_err(|e| log!(WARN, "coap_new_context: {address}: {e}")).ok()?;
        }
        Some(Arc::into_raw(context).cast_mut())
    })
}

/// Ends a context with its endpoints, sessions, resources and all that waits in them. That includes
/// the sessions that the application references: none may be used any more, nor released.
///
/// # Safety
/// `context` is NULL or live, and is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_free_context(context: *mut coap_context_t) {
    ffi(|| {
        if context.is_null() {
            return None;
        }
        // SAFETY: the count that `coap_new_context` gave out.
        let context = unsafe { Arc::from_raw(context) };
        context.close();
        super::cache::remove_all(&context);
        super::resource::remove_all(&context);
        Some(())
    });
}

/// Keeps a pointer of the application's with the context. The library does not follow it.
///
/// # Safety
/// `context` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_context_set_app_data(context: *mut coap_context_t, data: *mut c_void) {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        program(unsafe { context.as_ref() }?)?.app_data.set(data);
        Some(())
    });
}

/// What `coap_context_set_app_data()` set; NULL before.
///
/// # Safety
/// `context` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_context_get_app_data(context: *const coap_context_t) -> *mut c_void {
    // SAFETY: NULL or live, as the caller promises.
    ffi(|| Some(program(unsafe { context.as_ref() }?)?.app_data.get()))
}

/// The old name of `coap_context_set_app_data()`.
///
/// # Safety
/// `context` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_set_app_data(context: *mut coap_context_t, data: *mut c_void) {
    // SAFETY: as the caller promises.
    unsafe { coap_context_set_app_data(context, data) }
}

/// The old name of `coap_context_get_app_data()`.
///
/// # Safety
/// `context` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_get_app_data(context: *const coap_context_t) -> *mut c_void {
    // SAFETY: as the caller promises.
    unsafe { coap_context_get_app_data(context) }
}

/// Runs `body` on the settings of a context and on its state.
///
/// # Safety
/// `context` is NULL or live.
unsafe fn change_settings(
    context: *const coap_context_t,
    body: impl FnOnce(&mut Settings, &mut crate::driver::State),
) {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        let context = unsafe { context.as_ref() }?;
        let program = program(context)?;
        context.with(|state| body(&mut program.settings.lock(), state));
        Some(())
    });
}

/// Reads a setting.
///
/// # Safety
/// `context` is NULL or live.
unsafe fn setting_of(context: *const coap_context_t, get: impl FnOnce(&Settings) -> c_uint) -> c_uint {
    // SAFETY: NULL or live, as the caller promises.
    ffi(|| Some(get(&program(unsafe { context.as_ref() }?)?.settings.lock())))
}

/// Sets how many idle sessions a server keeps; a new one then ends the one that was idle for
/// longest. 0, the default, stands for any number. A session that the application references does
/// not count as idle.
///
/// # Safety
/// `context` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_context_set_max_idle_sessions(
    context: *mut coap_context_t,
    max_idle_sessions: c_uint,
) {
    // SAFETY: as the caller promises.
    unsafe {
        change_settings(context, |settings, state| {
            settings.max_idle_sessions = max_idle_sessions;
            state.engine.config.max_idle_sessions = max_idle_sessions as usize;
        });
    }
}

/// What `coap_context_set_max_idle_sessions()` set.
///
/// # Safety
/// `context` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_context_get_max_idle_sessions(context: *const coap_context_t) -> c_uint {
    // SAFETY: as the caller promises.
    unsafe { setting_of(context, |s| s.max_idle_sessions) }
}

/// Sets for how many seconds a server keeps an idle session; 0 stands for the default of 300.
///
/// # Safety
/// `context` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_context_set_session_timeout(
    context: *mut coap_context_t,
    session_timeout: c_uint,
) {
    let seconds = if session_timeout == 0 { DEFAULT_SESSION_TIMEOUT } else { session_timeout };
    // SAFETY: as the caller promises.
    unsafe {
        change_settings(context, |settings, state| {
            settings.session_timeout = session_timeout;
            state.engine.config.session_timeout = Duration::from_secs(seconds.into());
        });
    }
}

/// What `coap_context_set_session_timeout()` set, in seconds.
///
/// # Safety
/// `context` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_context_get_session_timeout(context: *const coap_context_t) -> c_uint {
    // SAFETY: as the caller promises.
    unsafe { setting_of(context, |s| s.session_timeout) }
}

/// Has each session that this side opened, now or later, ask its peer whether it is there when
/// nothing went over it for `seconds`; 0, as it is at first, does not. Over UDP the question is an
/// empty confirmable message (RFC 7252 §4.3). The answer reaches the pong handler; if there is
/// none, the nack handler is called and then the event handler with COAP_EVENT_KEEPALIVE_FAILURE.
/// Retransmissions are no further apart than `seconds`.
///
/// # Safety
/// `context` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_context_set_keepalive(context: *mut coap_context_t, seconds: c_uint) {
    let interval = Duration::from_secs(seconds.into());
    // SAFETY: as the caller promises.
    unsafe {
        change_settings(context, |_, state| state.engine.set_keepalive(crate::clock::now(), interval));
    }
}

/// Sets how many handshakes of secured sessions a server has under way; 0 stands for the default.
/// It limits sessions of transports with a handshake only.
///
/// # Safety
/// `context` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_context_set_max_handshake_sessions(
    context: *mut coap_context_t,
    max_handshake_sessions: c_uint,
) {
    // SAFETY: as the caller promises.
    unsafe { change_settings(context, |s, _| s.max_handshake_sessions = max_handshake_sessions) }
}

/// What `coap_context_set_max_handshake_sessions()` set.
///
/// # Safety
/// `context` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_context_get_max_handshake_sessions(context: *const coap_context_t) -> c_uint {
    // SAFETY: as the caller promises.
    unsafe { setting_of(context, |s| s.max_handshake_sessions) }
}

/// Sets for how many seconds a session over a stream waits for the peer's CSM (RFC 8323 §5.3).
///
/// # Safety
/// `context` is NULL or live.
#[unsafe(no_mangle)]
#[deprecated(note = "use coap_context_set_csm_timeout_ms()")]
pub unsafe extern "C" fn coap_context_set_csm_timeout(context: *mut coap_context_t, csm_timeout: c_uint) {
    let ms = csm_timeout.saturating_mul(1000).clamp(*CSM_TIMEOUT_MS.start(), *CSM_TIMEOUT_MS.end());
    // SAFETY: as the caller promises.
    unsafe { change_settings(context, |s, _| (s.csm_timeout, s.csm_timeout_ms) = (csm_timeout, ms)) }
}

/// What `coap_context_set_csm_timeout()` set, in seconds; 30 before.
///
/// # Safety
/// `context` is NULL or live.
#[unsafe(no_mangle)]
#[deprecated(note = "use coap_context_get_csm_timeout_ms()")]
pub unsafe extern "C" fn coap_context_get_csm_timeout(context: *const coap_context_t) -> c_uint {
    // SAFETY: as the caller promises.
    unsafe { setting_of(context, |s| s.csm_timeout) }
}

/// Sets for how many milliseconds a session over a stream waits for the peer's CSM (RFC 8323
/// §5.3): 10 to 10,000; what is less or more counts as that.
///
/// # Safety
/// `context` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_context_set_csm_timeout_ms(
    context: *mut coap_context_t,
    csm_timeout_ms: c_uint,
) {
    let ms = csm_timeout_ms.clamp(*CSM_TIMEOUT_MS.start(), *CSM_TIMEOUT_MS.end());
    // SAFETY: as the caller promises.
    unsafe { change_settings(context, |s, _| s.csm_timeout_ms = ms) }
}

/// For how many milliseconds a session over a stream waits for the peer's CSM; 1000 at first.
///
/// # Safety
/// `context` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_context_get_csm_timeout_ms(context: *const coap_context_t) -> c_uint {
    // SAFETY: as the caller promises.
    unsafe { setting_of(context, |s| s.csm_timeout_ms) }
}

/// Sets the largest message, in bytes, that is announced to peers of sessions over a stream
/// (RFC 8323 §5.3.1). Less than 64 is refused.
///
/// # Safety
/// `context` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_context_set_csm_max_message_size(
    context: *mut coap_context_t,
    csm_max_message_size: u32,
) {
    if csm_max_message_size < 64 {
        log!(WARN, "coap_context_set_csm_max_message_size: {csm_max_message_size} is less than 64");
        return;
    }
    // SAFETY: as the caller promises.
    unsafe { change_settings(context, |s, _| s.csm_max_message_size = csm_max_message_size) }
}

/// What `coap_context_set_csm_max_message_size()` set, in bytes.
///
/// # Safety
/// `context` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_context_get_csm_max_message_size(context: *const coap_context_t) -> u32 {
    // SAFETY: as the caller promises.
    unsafe { setting_of(context, |s| s.csm_max_message_size) }
}

/// Sets the longest token that new sessions of this context accept, in bytes: 8 to 65,804
/// (RFC 8974). Others are refused.
///
/// # Safety
/// `context` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_context_set_max_token_size(
    context: *mut coap_context_t,
    max_token_size: usize,
) {
    if !(Token::DEFAULT_MAX..=Token::MAX).contains(&max_token_size) {
        log!(WARN, "coap_context_set_max_token_size: {max_token_size} is not from 8 to 65804");
        return;
    }
    // SAFETY: as the caller promises.
    unsafe { change_settings(context, |_, state| state.engine.config.max_token = max_token_size as u32) }
}

/// Makes a critical option known: requests with it reach the handlers, which look at it.
///
/// # Safety
/// `ctx` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_register_option(ctx: *mut coap_context_t, r#type: u16) {
    // SAFETY: as the caller promises.
    unsafe {
        change_settings(ctx, |_, state| {
            state.engine.config.known_options.insert(r#type);
        });
    }
}

/// Changes the handlers of a context.
///
/// # Safety
/// `context` is NULL or live.
unsafe fn change_handlers(context: *const coap_context_t, change: impl FnOnce(&mut Handlers)) {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        change(&mut program(unsafe { context.as_ref() }?)?.handlers.lock());
        Some(())
    });
}

/// Sets the handler that is called with each response to a request of this context's sessions.
///
/// # Safety
/// `context` is NULL or live; the handler may be called until another is set or the context ends.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_register_response_handler(
    context: *mut coap_context_t,
    handler: coap_response_handler_t,
) {
    // SAFETY: as the caller promises.
    unsafe { change_handlers(context, |handlers| handlers.response = handler) }
}

/// Sets the handler that is called with each message that was not delivered.
///
/// # Safety
/// `context` is NULL or live; the handler may be called until another is set or the context ends.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_register_nack_handler(
    context: *mut coap_context_t,
    handler: coap_nack_handler_t,
) {
    // SAFETY: as the caller promises.
    unsafe { change_handlers(context, |handlers| handlers.nack = handler) }
}

/// Sets the handler that is called when a peer asks whether somebody is there (RFC 7252 §4.3). The
/// library has answered by then.
///
/// # Safety
/// `context` is NULL or live; the handler may be called until another is set or the context ends.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_register_ping_handler(
    context: *mut coap_context_t,
    handler: coap_ping_handler_t,
) {
    // SAFETY: as the caller promises.
    unsafe { change_handlers(context, |handlers| handlers.ping = handler) }
}

/// Sets the handler that is called when a peer answers a ping over a stream (RFC 8323 §5.4)
/// or, over UDP, a keep-alive ping. The answer to `coap_session_send_ping()` over UDP is a Reset,
/// which reaches the nack handler.
///
/// # Safety
/// `context` is NULL or live; the handler may be called until another is set or the context ends.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_register_pong_handler(
    context: *mut coap_context_t,
    handler: coap_pong_handler_t,
) {
    // SAFETY: as the caller promises.
    unsafe { change_handlers(context, |handlers| handlers.pong = handler) }
}

/// Hands an event to the handler of a context, and returns what that returns; 0 if there is none.
///
/// # Safety
/// `context` and `session` are NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_handle_event(
    context: *mut coap_context_t,
    event: coap_event_t,
    session: *mut coap_session_t,
) -> c_int {
    // SAFETY: NULL or live, as the caller promises.
    ffi(|| Some(raise(program(unsafe { context.as_ref() }?)?, session, event)))
}

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
/// are sent again until they are acknowledged; NSTART of them are under way at a time.
///
/// Returns the message ID, or COAP_INVALID_MID if the message cannot be sent. A request with Observe
/// 1 and the token of an observation is sent by `coap_cancel_observe()`, whose 1 is returned then.
///
/// # Safety
/// `session` is NULL or live; `pdu` is NULL or a live message, and is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_send(session: *mut coap_session_t, pdu: *mut coap_pdu_t) -> coap_mid_t {
    ffi_or(COAP_INVALID_MID, || {
        // SAFETY: NULL or the caller's message, which is given away.
        let pdu = unsafe { coap_pdu_t::from_raw(pdu) }?;
        // SAFETY: NULL or live, as the caller promises.
        let session = unsafe { session.as_ref() }?;
        send_with(session, pdu.inner, pdu.upload)
    })
}

/// Sends a message; says why if that fails.
pub(super) fn send(session: &coap_session_t, pdu: Pdu) -> Option<coap_mid_t> {
    send_with(session, pdu, None)
}

/// The same, with the body that it is the beginning of.
fn send_with(session: &coap_session_t, pdu: Pdu, upload: Option<Upload>) -> Option<coap_mid_t> {
    // As with the reference, a program may also end an observation by a request of its own.
    if pdu.code().is_request()
        && pdu.option_uint(Number::OBSERVE) == Some(COAP_OBSERVE_CANCEL.into())
        && session.context().cancel_observation(session.id(), pdu.token(), pdu.kind())
    {
        return Some(1);
    }
    let sent = session.context().send(session.id(), pdu, upload);
    sent.inspect_err(|e| log!(WARN, "coap_send: {e}")).ok().map(|mid| mid.0.into())
}

/// Acknowledges a confirmable message (RFC 7252 §4.2). Returns its message ID, or
/// COAP_INVALID_MID if it is not confirmable.
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
        let (session, request) = unsafe { (session.as_ref()?, request.as_ref()?) };
        (request.inner.kind() == Type::Confirmable).then_some(())?;
        send(session, Pdu::new(Type::Acknowledgement, Code::EMPTY, request.inner.mid(), 0))
    })
}

/// Rejects a message with a Reset (RFC 7252 §4.2). Returns its message ID, or COAP_INVALID_MID if
/// that fails.
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
        let (session, request) = unsafe { (session.as_ref()?, request.as_ref()?) };
        let kind = super::pdu::checked_type(r#type)?;
        send(session, Pdu::new(kind, Code::EMPTY, request.inner.mid(), 0))
    })
}

/// Makes an error response to `request`: the code, the options of the request that `opts` names,
/// and the text of the code as payload. Returns NULL if that fails; else a message for
/// `coap_send()`.
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

/// Whether all that a program asked for is done: 1 if nothing waits to be acknowledged or sent,
/// else 0.
///
/// # Safety
/// `context` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_can_exit(context: *mut coap_context_t) -> c_int {
    // SAFETY: NULL or live, as the caller promises.
    ffi_or(1, || {
        // SAFETY: NULL or live, as the caller promises.
        let context = unsafe { context.as_ref() }?;
        Some(context.with(|s| s.engine.is_settled() && !s.sockets.is_blocked()).into())
    })
}

/// Joins a multicast group with all UDP endpoints of the address family: `groupname` is an address
/// or a host name, `ifname` the interface or NULL for the one the system picks. Returns 0, or -1
/// if no endpoint could join.
///
/// # Safety
/// `ctx` is NULL or live; the names are NULL or C strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_join_mcast_group_intf(
    ctx: *mut coap_context_t,
    groupname: *const core::ffi::c_char,
    ifname: *const core::ffi::c_char,
) -> c_int {
    ffi_or(-1, || {
        // SAFETY: NULL or live, as the caller promises.
        let context = unsafe { share(ctx) }?;
        // SAFETY: NULL or C strings, as the caller promises.
        let (group, interface) = unsafe { (super::ffi::text(groupname)?, super::ffi::text(ifname)) };
        let joined = context.join_group(group, interface);
        joined.inspect_err(|e| log!(WARN, "coap_join_mcast_group_intf: {group}: {e}")).ok().map(|()| 0)
    })
}

/// Has requests to a multicast group reach only those resources whose flags say
/// COAP_RESOURCE_FLAGS_HAS_MCAST_SUPPORT; the others do not answer.
///
/// # Safety
/// `context` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_mcast_per_resource(context: *mut coap_context_t) {
    // SAFETY: as the caller promises.
    unsafe { change_settings(context, |_, state| state.engine.config.multicast_per_resource = true) }
}

/// Sets how many networks a multicast request of this session may cross: 0 to 255. Returns 1, or 0
/// if that cannot be set.
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_mcast_set_hops(session: *mut coap_session_t, hops: usize) -> c_int {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        let session = unsafe { session.as_ref() }?;
        let hops =
            u8::try_from(hops).inspect_err(|_| log!(WARN, "coap_mcast_set_hops: {hops} is over 255")).ok()?;
        let set = session.context().set_multicast_hops(session.id(), hops);
        set.inspect_err(|e| log!(WARN, "coap_mcast_set_hops: {e}")).ok().map(|()| 1)
    })
}
