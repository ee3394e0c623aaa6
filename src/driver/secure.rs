//! Sessions that are secured: their handshakes, and what came protected.
//!
//! A handshake asks the application, so it goes on with the state unlocked. Its connection is out of its
//! place meanwhile, and nobody else uses it: what is to be sent waits in the session, and what comes
//! waits in the channel. When the session ends meanwhile, the connection is dropped.

use super::channel::Channel;
use super::{Context, SessionHandle, State};
use crate::address::Address;
use crate::protocol::Instant;
use crate::protocol::engine::Datagram;
use crate::protocol::event::{NackReason, Notice};
use crate::protocol::session::{Path, Role, Security, Session, SessionId, SocketId, Transport};
use crate::tls::{self, Acceptor, Carrier, Connector, Failure, Happened, Hello};
use core::ffi::c_void;
use parking_lot::MutexGuard;
use smallvec::SmallVec;
use std::net::SocketAddr;
use std::sync::Arc;

/// What a connection goes on with.
#[derive(Clone, Copy)]
pub(super) enum Input<'a> {
    /// Nothing: it begins.
    Begin,
    /// What came from the peer.
    Bytes(&'a [u8]),
    /// The time for its flight to be repeated.
    Timeout,
}

impl Context {
    /// The context's secured endpoints answer by this from now on.
    pub fn set_acceptor(&self, acceptor: Option<Arc<dyn Acceptor>>) {
        self.with(|state| state.acceptor = acceptor);
    }

    /// Begins the handshake of a session over DTLS that this side opened.
    pub(super) fn begin_handshake(self: &Arc<Self>, handle: &Arc<SessionHandle>) {
        let _turn = self.delivery.lock();
        let mut state = self.state.lock();
        if state.engine.handle_securing(handle.id) {
            self.go_on(&mut state, handle.id, Input::Begin);
        }
        self.settle(&mut state);
    }

    /// The stream of a session is there, and its application has heard of it: its handshake begins.
    pub(super) fn secure_stream(self: &Arc<Self>, state: &mut MutexGuard<'_, State>, id: SessionId) {
        let Some(handle) = self.handle(state, id) else { return };
        let carrier = Carrier::Stream { is_coap: handle.transport == Transport::Tls };
        let made = match (handle.connector.get(), &state.acceptor) {
            (Some(connector), _) => connector.connect(carrier),
            (None, Some(acceptor)) => acceptor.accept(carrier),
            (None, None) => Err(tls::SetupError("nothing says how".into())),
        };
        let mut connection = match made {
            Ok(connection) => connection,
            Err(e) => {
                if let Some(session) = state.engine.sessions().get(id) {
                    crate::log!(ERR, "***{session}: cannot be secured: {e}");
                }
                state.engine.handle_unsecured(crate::clock::now(), id, NackReason::NeverSecured);
                self.deliver(state);
                return;
            }
        };
        connection.set_peer(handle);
        self.begin_with(state, id, Channel::new(connection));
    }

    /// A session is secured by this from now on: its handshake begins.
    pub(super) fn begin_with(
        self: &Arc<Self>,
        state: &mut MutexGuard<'_, State>,
        id: SessionId,
        channel: Channel,
    ) {
        let Some(socket) = state.engine.sessions().get(id).map(|s| s.path.socket) else { return };
        if state.sockets.secure(socket, id, channel) && state.engine.handle_securing(id) {
            self.go_on(state, id, Input::Begin);
        }
    }

    /// A datagram came to a secured endpoint.
    pub(super) fn secured_arrival(
        self: &Arc<Self>,
        state: &mut MutexGuard<'_, State>,
        path: &Path,
        mtu: u32,
        datagram: &[u8],
    ) {
        let known = state.engine.sessions().find(path);
        let hello = hello_random(datagram);
        if let Some(id) = known {
            let ours = state.sockets.channel_mut(path.socket, id).and_then(|channel| channel.hello);
            // RFC 6347 §4.2.8: a client that lost what it knew begins anew from the same port.
            if hello.is_none() || hello == ours {
                return self.go_on(state, id, Input::Bytes(datagram));
            }
        }
        let Some(acceptor) = state.acceptor.clone() else { return };
        let mut sender = SmallVec::<[u8; 40]>::new();
        for end in [&path.local, &path.remote] {
            push_bytes(&mut sender, end);
        }
        let mut answer = Vec::new();
        let accepted = acceptor.hello(&sender, mtu as usize, datagram, &mut answer);
        if !answer.is_empty() {
            state.sockets.queue_wire(path, &answer);
        }
        match accepted {
            Hello::Ignored if known.is_none() => {
                crate::log!(
                    DEBUG,
                    "{}: dropped {} bytes that begin no handshake",
                    path.remote,
                    datagram.len()
                );
            }
            Hello::Ignored | Hello::Challenged => {}
            Hello::Accepted(connection) => {
                if let Some(id) = known {
                    state.engine.end(id);
                    self.deliver(state);
                }
                self.accept_secured(state, path, mtu, connection, hello);
            }
        }
    }

    fn accept_secured(
        self: &Arc<Self>,
        state: &mut MutexGuard<'_, State>,
        path: &Path,
        mtu: u32,
        mut connection: Box<dyn tls::Connection>,
        hello: Option<[u8; 32]>,
    ) {
        let Some(id) = state.engine.accept_secured(crate::clock::now(), path, mtu) else { return };
        self.deliver(state);
        let Some(handle) = self.handle(state, id) else { return };
        connection.set_peer(handle);
        let mut channel = Channel::new(connection);
        channel.hello = hello;
        self.begin_with(state, id, channel);
    }

    /// Has the connection of a session go on, and tells what comes of it.
    pub(super) fn go_on(
        self: &Arc<Self>,
        state: &mut MutexGuard<'_, State>,
        id: SessionId,
        input: Input<'_>,
    ) {
        let Some(session) = state.engine.sessions().get(id) else { return };
        let socket = session.path.socket;
        if let Input::Bytes(bytes) = input {
            crate::log!(DEBUG, "*  {session}: netif: recv {:4} bytes", bytes.len());
        }
        let Some(channel) = state.sockets.channel_mut(socket, id) else { return };
        let Some(mut connection) = channel.begin_work() else {
            if let Input::Bytes(bytes) = input {
                channel.keep(bytes);
            }
            return;
        };
        let mut plain = core::mem::take(&mut state.opened);
        match input {
            Input::Begin => {}
            Input::Bytes(bytes) => connection.receive(bytes),
            Input::Timeout => connection.handle_timeout(),
        }
        loop {
            plain.clear();
            let happened = match connection.is_handshaking() {
                true => MutexGuard::unlocked(state, || connection.advance(&mut plain)),
                false => connection.advance(&mut plain),
            };
            let notices = connection.take_notices();
            let (overhead, cipher) = match happened {
                Some(Happened::Connected) => (connection.overhead(), connection.cipher()),
                _ => (0, None),
            };
            let Some(channel) = state.sockets.channel_mut(socket, id) else { return };
            let arrived = if happened.is_none() { channel.next_arrived() } else { None };
            channel.pause_work(connection);
            let State { engine, sockets, .. } = &mut **state;
            if let Some(session) = engine.sessions().get(id) {
                log_notices(session, notices);
                sockets.put_out(&self.poller, &session.path, id);
            }
            state.apply_changes();
            if let Some(happened) = happened {
                if let (Some(cipher), Some(session)) = (cipher, state.engine.sessions().get(id)) {
                    crate::log!(DTLS_INFO, "*  {session}: Using cipher: {cipher}");
                }
                self.secured_news(state, socket, id, happened, overhead, &plain);
            }
            let Some(channel) = state.sockets.channel_mut(socket, id) else { return };
            if happened.is_none() && arrived.is_none() {
                channel.end_work();
                if matches!(input, Input::Bytes(_)) {
                    channel.note_progress();
                }
                state.opened = plain;
                if state.sockets.connection_of(socket, id).is_some() {
                    // Once for all records that came together.
                    self.save(state);
                    self.transmit(state, false);
                }
                state.sockets.schedule_flight(crate::clock::now(), socket, id);
                return;
            }
            let Some(resumed) = channel.resume_work() else { return };
            connection = resumed;
            if let Some(bytes) = arrived {
                connection.receive(&bytes);
            }
        }
    }

    fn secured_news(
        self: &Arc<Self>,
        state: &mut MutexGuard<'_, State>,
        socket: SocketId,
        id: SessionId,
        happened: Happened,
        overhead: usize,
        plain: &[u8],
    ) {
        let now = crate::clock::now();
        match happened {
            Happened::Connected => {
                state.engine.handle_secured(now, id, overhead);
                self.deliver(state);
                let Some(session) = state.engine.sessions().get(id) else { return };
                if session.transport == Transport::SecureWebSocket && session.role == Role::Client {
                    self.begin_upgrade(state, socket, id);
                }
            }
            Happened::Data => {
                let is_reliable = state.engine.sessions().get(id).map(|s| s.transport.is_reliable());
                match is_reliable {
                    Some(true) => return self.take_messages(state, socket, plain),
                    Some(false) => {
                        let datagram = Datagram { bytes: plain, multicast: false };
                        state.engine.handle_datagram(now, id, datagram);
                    }
                    None => {}
                }
            }
            Happened::Closed => state.engine.handle_unsecured(now, id, NackReason::NotSecured),
            Happened::Failed(Failure::Hello) => {
                state.engine.handle_unsecured(now, id, NackReason::NeverSecured);
            }
            Happened::Failed(Failure::Here | Failure::Peer) => {
                state.engine.handle_security_fault(id);
                state.engine.handle_unsecured(now, id, NackReason::NotSecured);
            }
        }
        self.deliver(state);
    }

    /// Repeats the flights that are due.
    pub(super) fn repeat_flights(self: &Arc<Self>, state: &mut MutexGuard<'_, State>, now: Instant) {
        while let Some((socket, id)) = state.sockets.next_due_flight(now) {
            let State { engine, sockets, .. } = &mut **state;
            let Some(session) = engine.sessions().get(id) else { continue };
            let limit = session.params().max_retransmit;
            let Some(channel) = sockets.channel_mut(socket, id) else { continue };
            channel.deadline = None;
            channel.repeats += 1;
            if channel.repeats > limit {
                state.engine.handle_unsecured(now, id, NackReason::NotSecured);
                self.deliver(state);
                continue;
            }
            crate::log!(DEBUG, "** {session}: DTLS retransmit timeout");
            self.go_on(state, id, Input::Timeout);
        }
    }

    /// The application lets go of a session for good that has nothing to do any more, or whose
    /// handshake is not done: what is said to the peer at the end is, and the application told.
    pub(super) fn say_goodbye(self: &Arc<Self>, handle: &Arc<SessionHandle>) {
        let mut told = SmallVec::<[Notice; 2]>::new();
        let mut undelivered = Vec::new();
        self.with(|state| {
            self.send_queued(state, false);
            let Some(session) = state.engine.sessions().get(handle.id) else { return };
            if session.role != Role::Client || session.is_lost() {
                return;
            }
            let (socket, security) = (session.path.socket, session.security);
            let is_idle =
                session.waiting_len() == 0 && session.outstanding.is_empty() && !session.is_blocked();
            if is_idle && let Some(connection) = state.sockets.connection_of(socket, handle.id) {
                if connection.close() {
                    told.push(Notice::WebSocketClosed);
                }
                state.sockets.flush(&self.poller, socket.0 as usize, false);
            }
            let is_over = security == Security::Done && is_idle || security == Security::Begun;
            if is_over {
                self.close_channel(state, handle.id);
                told.push(Notice::Unsecured);
                undelivered = state.engine.forget_security(handle.id);
            }
        });
        let _turn = self.delivery.lock();
        told.into_iter().for_each(|notice| self.application.notice(handle, notice));
        for sent in undelivered {
            let mid = sent.mid();
            self.application.nack(handle, Some(sent), NackReason::NotSecured, mid);
        }
    }

    /// Says the end of what secures a session, if that is not over. Whether it was not.
    pub(super) fn close_channel(&self, state: &mut State, id: SessionId) -> bool {
        let Some(session) = state.engine.sessions().get(id) else { return false };
        let was_on = matches!(session.security, Security::Begun | Security::Done);
        let path = session.path.clone();
        let notices = state.sockets.close_channel(&self.poller, &path, id);
        if let Some(session) = state.engine.sessions().get(id) {
            log_notices(session, notices);
        }
        was_on
    }
}

fn log_notices(session: &Session, notices: Vec<tls::Notice>) {
    for tls::Notice { level, mark, text } in notices {
        crate::log::write(level, format_args!("{mark}{session}: {text}"));
    }
}

/// Appends bytes that stand for an address: those of a kind are of one length, or say how long they are.
fn push_bytes(bytes: &mut SmallVec<[u8; 40]>, address: &Address) {
    match address {
        Address::Ip(SocketAddr::V4(ip)) => bytes.extend_from_slice(&ip.ip().octets()),
        Address::Ip(SocketAddr::V6(ip)) => {
            bytes.extend_from_slice(&ip.ip().octets());
            bytes.extend_from_slice(&ip.scope_id().to_be_bytes());
        }
        Address::Unix(path) => {
            bytes.extend_from_slice(&path.len().to_be_bytes());
            bytes.extend_from_slice(path);
        }
    }
    bytes.extend_from_slice(&address.port().to_be_bytes());
}

/// The random bytes of a ClientHello that begins in this datagram, in the clear (RFC 6347 §4.2.1, §4.2.2):
/// after the headers of record and handshake, and the version.
fn hello_random(datagram: &[u8]) -> Option<[u8; 32]> {
    const HANDSHAKE: u8 = 22;
    const CLIENT_HELLO: u8 = 1;
    let is_hello = datagram.first() == Some(&HANDSHAKE)
        && datagram.get(3..5) == Some(&[0, 0])
        && datagram.get(13) == Some(&CLIENT_HELLO);
    if !is_hello {
        return None;
    }
    datagram.get(27..59)?.try_into().ok()
}

impl SessionHandle {
    /// The (D)TLS library's own object; `None` while there is none. It goes with the session.
    pub fn native_tls(&self) -> Option<*mut c_void> {
        let mut state = self.context.state.lock();
        let socket = state.engine.sessions().get(self.id)?.path.socket;
        state.sockets.channel_mut(socket, self.id).map(Channel::native)
    }
}

/// Gives the connector of a session of this side to it, for its first connection and those after it.
pub(super) fn keep_connector(handle: &SessionHandle, connector: Option<&Arc<dyn Connector>>) {
    if let Some(connector) = connector {
        _ = handle.connector.set(Arc::clone(connector));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_client_hello_in_the_clear_begins_a_handshake() {
        let mut datagram = [0u8; 70];
        datagram[0] = 22;
        datagram[13] = 1;
        datagram[27..59].fill(7);
        assert_eq!(hello_random(&datagram), Some([7; 32]));
        let changed = |at: usize, to: u8| {
            let mut changed = datagram;
            changed[at] = to;
            hello_random(&changed)
        };
        assert_eq!([changed(0, 23), changed(4, 1), changed(13, 2)], [None; 3]);
        assert_eq!(hello_random(&datagram[..58]), None);
        assert_eq!(hello_random(&[]), None);
    }
}
