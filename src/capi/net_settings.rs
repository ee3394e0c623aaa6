//! `coap_net.h`, settings of a context: limits, time-outs, what is known.

use super::application::program;
use super::ffi::ffi;
use super::types::*;
use crate::log;
use crate::message::Token;
use core::ffi::c_uint;
use core::time::Duration;

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

/// Sets how many connections a server has whose peers have not come to a session yet: over TCP and
/// WebSockets they wait for the peer's CSM (RFC 8323 §5.3) or the HTTP request before it. One more ends
/// the oldest of them, so that nobody is locked out. 0, as at first, stands for 4,096.
///
/// # Safety
/// `context` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_context_set_max_handshake_sessions(
    context: *mut coap_context_t,
    max_handshake_sessions: c_uint,
) {
    // SAFETY: as the caller promises.
    unsafe {
        change_settings(context, |settings, state| {
            settings.max_handshake_sessions = max_handshake_sessions;
            state.engine.config.max_handshake_sessions = max_handshake_sessions as usize;
        });
    }
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
    unsafe {
        change_settings(context, |s, state| {
            (s.csm_timeout, s.csm_timeout_ms) = (csm_timeout, ms);
            state.engine.config.csm_timeout = Duration::from_millis(ms.into());
        });
    }
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
    unsafe {
        change_settings(context, |s, state| {
            s.csm_timeout_ms = ms;
            state.engine.config.csm_timeout = Duration::from_millis(ms.into());
        });
    }
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
    unsafe {
        change_settings(context, |s, state| {
            s.csm_max_message_size = csm_max_message_size;
            state.engine.config.csm_max_message_size = csm_max_message_size;
        });
    }
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

/// Sets the longest token, in bytes, that requests may have: 8, as at first, to 65,804 (RFC 8974);
/// another number changes nothing. What is received is held against it at once, what is sent in
/// sessions that are opened from then on. Peers need not know tokens of more than 8 bytes; they
/// are not asked whether they do.
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

/// Has requests to a multicast group reach only those resources whose flags say
/// COAP_RESOURCE_FLAGS_HAS_MCAST_SUPPORT, and be answered as their other multicast flags say. At first
/// they reach all, are answered after a random time, and errors are not sent (RFC 7252 §8.2).
///
/// # Safety
/// `context` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_mcast_per_resource(context: *mut coap_context_t) {
    // SAFETY: as the caller promises.
    unsafe { change_settings(context, |_, state| state.engine.config.multicast_per_resource = true) }
}

/// Has client sessions over TCP, WebSockets, DTLS and TLS connect again when their connection is lost or
/// could not be made: for the first time `reconnect_time` seconds later, then after waits that double up to
/// 32 times that, with up to half of each more by chance; 0, as at first, for never. The events are
/// those of any connection. When the session is ready again, what it observes is asked for anew with
/// the same tokens. Requests that had no answer are not repeated: the nack handler has been called for
/// them. A session over DTLS is lost too when its peer leaves a message unacknowledged. A session that is
/// released or was given up by `coap_session_disconnected()` stays closed.
///
/// An addition to what libcoap 4.3.5 has.
///
/// # Safety
/// `context` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_context_set_session_reconnect_time(
    context: *mut coap_context_t,
    reconnect_time: c_uint,
) {
    let interval = (reconnect_time > 0).then(|| Duration::from_secs(reconnect_time.into()));
    // SAFETY: as the caller promises.
    unsafe { change_settings(context, |_, state| state.engine.config.reconnect = interval) }
}
