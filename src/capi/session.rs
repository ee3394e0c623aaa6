//! `coap_session.h`: endpoints, sessions, and what can be asked of them.

use super::address::{from_c, to_c};
use super::ffi::{ffi, ffi_or};
use super::handle::{as_c, share};
use super::pdu::{bytes, coap_pdu_t};
use super::security::PskLent;
use super::types::*;
use crate::address::Address;
use crate::message::{Code, Mid, Number, Pdu, Token, Type};
use crate::protocol::event::NackReason;
use crate::protocol::session::{Role, Security, Session, State, Transport};
use core::cell::RefCell;
use core::ffi::{c_char, c_int, c_uint, c_void};
use parking_lot::Mutex;
use std::ffi::CString;

/// What C is shown of a session by pointer: good for as long as the session.
#[derive(Default)]
pub(super) struct Shown {
    local: ShownAddress,
    remote: ShownAddress,
    group: ShownAddress,
    /// What it uses of pre-shared keys.
    pub(super) psk: PskLent,
}

/// An address at a place that C may look at. It is brought up to date when C asks for it: a peer
/// may write to another address of this host.
#[derive(Default)]
struct ShownAddress(Mutex<Option<coap_address_t>>);

impl ShownAddress {
    /// Where it stands; `None` if it was never known.
    fn show(&self, current: Option<Address>) -> Option<*const coap_address_t> {
        let mut shown = self.0.lock();
        if let Some(current) = current
            && shown.as_ref().and_then(from_c).is_none_or(|before| before != current)
        {
            *shown = Some(to_c(&current));
        }
        shown.as_ref().map(core::ptr::from_ref)
    }
}

/// What C is shown of this session.
pub(super) fn shown(session: &coap_session_t) -> Option<&Shown> {
    session.extension(Shown::default)
}

fn local_of(session: &coap_session_t) -> Option<*const coap_address_t> {
    shown(session)?.local.show(session.read(|s| s.path.local.clone()))
}

fn remote_of(session: &coap_session_t) -> Option<*const coap_address_t> {
    shown(session)?.remote.show(session.read(|s| s.correspondent().clone()))
}

thread_local! {
    /// The text that was given last.
    static TEXT: RefCell<CString> = RefCell::default();
}

/// Lends C a text that is good until the next one is given in this thread.
fn lend_text(text: String) -> Option<*const c_char> {
    let text = CString::new(text).ok()?;
    TEXT.with(|last| {
        *last.borrow_mut() = text;
        Some(last.borrow().as_ptr())
    })
}

/// Closes an endpoint and ends the sessions that peers opened to it.
///
/// # Safety
/// `endpoint` is NULL or live, and is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_free_endpoint(endpoint: *mut coap_endpoint_t) {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        let endpoint = unsafe { share(endpoint) }?;
        endpoint.context().close_endpoint(&endpoint);
        Some(())
    });
}

/// Sets the most bytes of one message of the sessions that peers will open to this endpoint,
/// header included; 1152 at first.
///
/// # Safety
/// `endpoint` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_endpoint_set_default_mtu(endpoint: *mut coap_endpoint_t, mtu: c_uint) {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        unsafe { endpoint.as_ref() }?.set_mtu(mtu);
        Some(())
    });
}

/// An endpoint as a text: its address and transport. It is good until the next text of an endpoint
/// or a session is asked for in this thread.
///
/// # Safety
/// `endpoint` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_endpoint_str(endpoint: *const coap_endpoint_t) -> *const c_char {
    // SAFETY: NULL or live, as the caller promises.
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        let endpoint = unsafe { endpoint.as_ref() }?;
        lend_text(format!("{} {}", endpoint.local, endpoint.transport))
    })
}

/// Takes a reference to a session: it neither ends by itself nor by eviction until it is released.
/// Returns the session.
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_reference(session: *mut coap_session_t) -> *mut coap_session_t {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        unsafe { share(session) }?.hold();
        Some(session)
    })
}

/// Gives a reference to a session back. With the last one, a session that this side opened ends as
/// soon as its confirmable messages are acknowledged or given up; the handlers hear of them until
/// then. One that a peer opened goes on until it is idle for long enough.
///
/// # Safety
/// `session` is NULL or live; with the last reference it is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_release(session: *mut coap_session_t) {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        unsafe { share(session) }?.release();
        Some(())
    });
}

/// Gives a session up. Before this returns, the nack handler is called with `reason` for each
/// confirmable message that was under way or waited for its turn; if there was none, once without a
/// message. Nothing more can be sent, but a session that a peer opened goes on when the peer sends
/// again. The references stay. COAP_NACK_ICMP_ISSUE gives nothing up: the handler is called for what
/// is under way, and the session goes on.
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_disconnected(session: *mut coap_session_t, reason: coap_nack_reason_t) {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        let session = unsafe { share(session) }?;
        let reason = match reason {
            COAP_NACK_ICMP_ISSUE => NackReason::Unreachable,
            _ => NackReason::Given(reason),
        };
        session.context().disconnect(&session, reason);
        Some(())
    });
}

/// Keeps a pointer of the application's with the session. The library does not follow it.
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_set_app_data(session: *mut coap_session_t, data: *mut c_void) {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        unsafe { session.as_ref() }?.app_data.set(data);
        Some(())
    });
}

/// What `coap_session_set_app_data()` set; NULL before.
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_get_app_data(session: *const coap_session_t) -> *mut c_void {
    // SAFETY: NULL or live, as the caller promises.
    ffi(|| Some(unsafe { session.as_ref() }?.app_data.get()))
}

/// The address on this side. It lives as long as the session.
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_get_addr_local(
    session: *const coap_session_t,
) -> *const coap_address_t {
    // SAFETY: NULL or live, as the caller promises.
    ffi(|| local_of(unsafe { session.as_ref() }?))
}

/// The address of the peer. It lives as long as the session. If the session sends to a group, it is
/// that of the group, and from a response handler on, until the next request is sent, that of who
/// answered last.
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_get_addr_remote(
    session: *const coap_session_t,
) -> *const coap_address_t {
    // SAFETY: NULL or live, as the caller promises.
    ffi(|| remote_of(unsafe { session.as_ref() }?))
}

/// The multicast group, or the broadcast address, that a session of this side sends to; NULL if it sends to one peer.
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_get_addr_mcast(
    session: *const coap_session_t,
) -> *const coap_address_t {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        let session = unsafe { session.as_ref() }?;
        let group = session.read(|s| s.sends_to_group.then(|| s.path.remote.clone()))?;
        shown(session)?.group.show(Some(group?))
    })
}

/// The context of a session.
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_get_context(session: *const coap_session_t) -> *mut coap_context_t {
    // SAFETY: NULL or live, as the caller promises.
    ffi(|| Some(as_c(unsafe { session.as_ref() }?.context())))
}

/// Reads something of a session; `missing` if there is none.
///
/// # Safety
/// `session` is NULL or live.
unsafe fn read<T>(session: *const coap_session_t, missing: T, get: impl FnOnce(&Session) -> T) -> T {
    // SAFETY: NULL or live, as the caller promises.
    ffi_or(missing, || unsafe { session.as_ref() }?.read(get))
}

/// The transport of a session.
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_get_proto(session: *const coap_session_t) -> coap_proto_t {
    let proto = |s: &Session| match s.transport {
        Transport::Udp => COAP_PROTO_UDP,
        Transport::Tcp => COAP_PROTO_TCP,
        Transport::WebSocket => COAP_PROTO_WS,
        Transport::Dtls => COAP_PROTO_DTLS,
        Transport::Tls => COAP_PROTO_TLS,
        Transport::SecureWebSocket => COAP_PROTO_WSS,
    };
    // SAFETY: as the caller promises.
    unsafe { read(session, COAP_PROTO_NONE, proto) }
}

/// Who opened a session.
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_get_type(session: *const coap_session_t) -> coap_session_type_t {
    let kind = |s: &Session| match s.role {
        Role::Client => COAP_SESSION_TYPE_CLIENT,
        Role::Server => COAP_SESSION_TYPE_SERVER,
    };
    // SAFETY: as the caller promises.
    unsafe { read(session, COAP_SESSION_TYPE_NONE, kind) }
}

/// How far a session is.
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_get_state(session: *const coap_session_t) -> coap_session_state_t {
    let state = |s: &Session| match (s.state, &s.stream) {
        // A server's session has no connection before the application has heard of it.
        (State::Connecting, Some(stream)) if s.role == Role::Server && !stream.is_upgraded => {
            COAP_SESSION_STATE_NONE
        }
        (State::Connecting, None) => COAP_SESSION_STATE_NONE,
        (State::Connecting, _) => COAP_SESSION_STATE_CONNECTING,
        (State::Handshake, _) => COAP_SESSION_STATE_HANDSHAKE,
        (State::Closed, None) if s.is_lost() => COAP_SESSION_STATE_NONE,
        (State::Ended, None) if matches!(s.security, Security::Over | Security::Never) => {
            COAP_SESSION_STATE_NONE
        }
        (State::Ended, _) if s.security == Security::Begun => COAP_SESSION_STATE_HANDSHAKE,
        (State::Csm, _) => COAP_SESSION_STATE_CSM,
        (State::Closed | State::Ended, Some(stream)) if stream.is_lost => COAP_SESSION_STATE_NONE,
        // A transport without connections has none to lose.
        (State::Established | State::Closed | State::Ended, _) => COAP_SESSION_STATE_ESTABLISHED,
    };
    // SAFETY: as the caller promises.
    unsafe { read(session, COAP_SESSION_STATE_NONE, state) }
}

/// The index of the interface that the peer's messages come in on; 0 if it is not known.
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_get_ifindex(session: *const coap_session_t) -> c_int {
    // SAFETY: as the caller promises.
    unsafe { read(session, -1, |s| s.path.ifindex as c_int) }
}

/// The session with this peer whose messages come in on this interface, or NULL.
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_get_by_peer(
    context: *const coap_context_t,
    remote_addr: *const coap_address_t,
    ifindex: c_int,
) -> *mut coap_session_t {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        let (context, remote) = unsafe { (context.as_ref()?, from_c(remote_addr.as_ref()?)?) };
        context.with(|state| {
            let is_it = |s: &Session| s.path.remote == remote && s.path.ifindex as c_int == ifindex;
            let (id, _) = state.engine.sessions().iter().find(|(_, s)| is_it(s))?;
            state.session(id).map(as_c)
        })
    })
}

/// A session as a text: both ends and the transport. It is good until the next text of an endpoint
/// or a session is asked for in this thread.
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_str(session: *const coap_session_t) -> *const c_char {
    // SAFETY: NULL or live, as the caller promises.
    ffi(|| lend_text(unsafe { session.as_ref() }?.read(Session::to_string)?))
}

/// The least room for a message that can be set, in bytes.
const MIN_MTU: c_uint = 64;

/// Sets the most bytes of one message of this session, header included; over DTLS also what secures it.
/// It is 64 at least.
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_set_mtu(session: *mut coap_session_t, mtu: c_uint) {
    // SAFETY: NULL or live, as the caller promises.
    ffi(|| unsafe { session.as_ref() }?.change(|s| s.mtu = mtu.max(MIN_MTU)));
}

/// The most bytes that token, options and payload of a message of this session may take.
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_max_pdu_size(session: *const coap_session_t) -> usize {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        let session = unsafe { share(session) }?;
        session.await_ready();
        session.read(Session::max_pdu_size)
    })
}

/// Makes a session that a peer opened one of this side: it sends requests, and ends when the
/// reference that the application gets by this is released. Returns 1, or 0 if this side opened
/// it.
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_set_type_client(session: *mut coap_session_t) -> c_int {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        let session = unsafe { share(session) }?;
        (session.read(|s| s.role)? == Role::Server).then_some(())?;
        session.hold();
        session.change(|s| s.role = Role::Client)?;
        Some(1)
    })
}

/// Makes a token that this session has not used before: 0 to 8 bytes at `token`, and their number in
/// `*length`, whatever that was. Tokens count up from a random number, or from what
/// `coap_session_init_token()` set.
///
/// # Safety
/// `session` is NULL or live; `length` is NULL or valid; `token` is NULL or has room for 8 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_new_token(
    session: *mut coap_session_t,
    length: *mut usize,
    token: *mut u8,
) {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        let (session, length) = unsafe { (session.as_ref()?, length.as_mut()?) };
        if token.is_null() {
            return None;
        }
        let new = session.change(Session::new_token)?;
        // SAFETY: so much room, as the caller promises.
        unsafe { core::ptr::copy_nonoverlapping(new.as_bytes().as_ptr(), token, new.as_bytes().len()) };
        *length = new.as_bytes().len();
        Some(())
    });
}

/// Sets the token that `coap_session_new_token()` gives next; later ones count on from there. Of
/// more than 8 bytes the first 8 count.
///
/// # Safety
/// `session` is NULL or live; `token` has `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_init_token(
    session: *mut coap_session_t,
    length: usize,
    token: *const u8,
) {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        let session = unsafe { session.as_ref() }?;
        // SAFETY: as the caller promises.
        let token = unsafe { bytes(token, length) }?;
        let token = token.get(..Token::DEFAULT_MAX).unwrap_or(token);
        session.change(|s| s.init_token(token.iter().fold(0, |n, b| n << 8 | u64::from(*b))))
    });
}

/// Asks the peer whether it is there (RFC 7252 §4.3). Its Reset reaches the nack handler. Returns
/// the message ID, or COAP_INVALID_MID if that fails.
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_send_ping(session: *mut coap_session_t) -> coap_mid_t {
    ffi_or(COAP_INVALID_MID, || {
        // SAFETY: NULL or live, as the caller promises.
        let session = unsafe { share(session) }?;
        let ping = session.change(|s| {
            let has_connection = s.transport.is_reliable() || s.transport.is_secure();
            (s.state == State::Established || !has_connection).then(|| match s.transport.is_reliable() {
                true => Pdu::new(Type::Confirmable, Code::PING, Mid(0), 0),
                false => Pdu::new(Type::Confirmable, Code::EMPTY, s.new_mid(), 0),
            })
        })?;
        super::net_send::send(&session, ping?)
    })
}

/// A new message for a session, with a new message ID and as large as the session allows. Returns
/// NULL if there is no session or no such type.
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_new_pdu(
    r#type: coap_pdu_type_t,
    code: coap_pdu_code_t,
    session: *mut coap_session_t,
) -> *mut coap_pdu_t {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        let session = unsafe { share(session) }?;
        let kind = super::pdu::checked_type(r#type)?;
        let code = Code(u8::try_from(code).ok()?);
        session.await_ready();
        let (mid, size) = session.change(|s| (s.new_mid(), s.max_pdu_size()))?;
        Some(coap_pdu_t::new(Pdu::new(kind, code, mid, size)).into_raw())
    })
}

/// Copies a message for a session: type, code and those options that `drop_options` does not name,
/// with a new message ID and this token; not the payload. Returns NULL if that fails.
///
/// # Safety
/// `old_pdu` is NULL or a live message, `session` is NULL or live, `token` has `token_length`
/// bytes, `drop_options` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_pdu_duplicate(
    old_pdu: *const coap_pdu_t,
    session: *mut coap_session_t,
    token_length: usize,
    token: *const u8,
    drop_options: *mut coap_opt_filter_t,
) -> *mut coap_pdu_t {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        let (old, session, filter) = unsafe { (old_pdu.as_ref()?, session.as_ref()?, drop_options.as_ref()) };
        // SAFETY: as the caller promises.
        let token = unsafe { bytes(token, token_length) }?;
        let (mid, size) = session.change(|s| (s.new_mid(), s.max_pdu_size()))?;
        let drop = |number: Number| filter.is_some_and(|f| f.contains(number.0));
        Some(old.duplicate(mid, token, size, drop)?.into_raw())
    })
}

/// Has the observations of this side go on when the session ends. At first they are cancelled
/// then, each by a non-confirmable request. `coap_cancel_observe()` works all the same.
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_set_no_observe_cancel(session: *mut coap_session_t) {
    // SAFETY: NULL or live, as the caller promises.
    ffi(|| unsafe { session.as_ref() }?.change(|s| s.keeps_observations = true));
}
