//! Connections: making and accepting them, reading, and closing.

use super::connection::Change;
use super::secure::{Input, keep_connector};
use super::socket::{Kind, Listener};
use super::{Context, SessionHandle, State};
use crate::address::Address;
use crate::net::{Ready, StreamSocket};
use crate::protocol::event::NackReason;
use crate::protocol::session::{Path, SessionId, SocketId, Transport};
use crate::tls::Connector;
use parking_lot::MutexGuard;
use std::cell::RefCell;
use std::io;
use std::sync::Arc;

/// How many connections one turn accepts from one listener, so that a flood of them does not starve
/// those that are there.
const ACCEPTS_PER_TURN: usize = 16;

/// How often one turn reads from one connection, and how much each time, in bytes.
const READS_PER_TURN: usize = 8;
const READ_SIZE: usize = 64 << 10;

thread_local! {
    /// Memory for what a thread reads; a nested turn of the loop makes its own.
    static BUFFER: RefCell<Option<Box<[u8]>>> = const { RefCell::new(None) };
}

impl State {
    /// Tells the state machines what has happened to connections while writing.
    pub(super) fn apply_changes(&mut self) {
        for (session, change) in self.sockets.take_changes() {
            match change {
                Change::Broken => {
                    self.engine.handle_lost(crate::clock::now(), session, NackReason::NotDeliverable)
                }
                Change::Unreachable => self.engine.handle_unreachable(session),
                change => {
                    self.engine.handle_blocked(crate::clock::now(), session, change == Change::Blocked);
                }
            }
        }
    }
}

impl Context {
    /// Opens a session to a peer over a connection that is now being made.
    pub(super) fn open_stream(
        self: &Arc<Self>,
        local: Option<&Address>,
        remote: &Address,
        transport: Transport,
        connector: Option<&Arc<dyn Connector>>,
    ) -> io::Result<Arc<SessionHandle>> {
        let connection = StreamSocket::connect(local, remote)?;
        // A handshake begins in the loop, when the application has named the host.
        let is_there = !connection.was_connecting() && transport == Transport::Tcp;
        self.with(|state| {
            // Which address the connection has on this side is told when it is there.
            let local = local.cloned().unwrap_or_else(|| remote.unspecified());
            let remote = remote.clone();
            let engine = &mut state.engine;
            let id = state.sockets.add_connection(&self.poller, connection, transport, None, |socket| {
                let path = Path { socket, local, remote, ifindex: 0 };
                let opened = engine.open_stream(crate::clock::now(), path, transport);
                opened.map_err(|e| io::Error::new(io::ErrorKind::AddrInUse, e))
            })?;
            let handle = SessionHandle::new(Arc::clone(self), id, transport);
            keep_connector(&handle, connector);
            if let Some(session) = state.engine.sessions().get(id) {
                let at = Arc::as_ptr(&handle);
                crate::log!(DEBUG, "***{session}: session {at:p}: created outgoing session");
            }
            state.sessions.insert(id, Arc::clone(&handle));
            if is_there {
                state.engine.handle_connected_at_once(crate::clock::now(), id);
            }
            Ok(handle)
        })
        .inspect(SessionHandle::hold)
    }

    /// A socket is ready: if it is no datagram socket, does what there is to do. `false` if it is one.
    pub(super) fn stream_ready(self: &Arc<Self>, id: SocketId, event: &Ready) -> bool {
        let mut state = self.state.lock();
        match state.sockets.get(id).map(|entry| &entry.kind) {
            Some(Kind::Datagrams(_)) => return false,
            Some(Kind::Listener(listener)) => {
                let listener = listener.clone();
                self.accept(&mut state, id, &listener);
            }
            Some(Kind::Connection(connection)) if connection.is_connecting => {
                let (session, outcome) = (connection.session, connection.socket.connected());
                self.connected(&mut state, id, session, outcome);
            }
            Some(Kind::Connection(_)) => {
                if event.writable {
                    state.sockets.flush(&self.poller, id.0 as usize, false);
                    state.apply_changes();
                    self.deliver(&mut state);
                    self.work_off(&mut state, id, &[]);
                }
                if event.readable || event.error {
                    self.read_connection(&mut state, id);
                }
            }
            None => {}
        }
        self.save(&mut state);
        self.settle(&mut state);
        true
    }

    fn connected(
        self: &Arc<Self>,
        state: &mut MutexGuard<'_, State>,
        id: SocketId,
        session: SessionId,
        outcome: io::Result<()>,
    ) {
        match outcome {
            Ok(()) => {
                state.sockets.connected(&self.poller, id);
                if let Some(connection) = state.sockets.connection_mut(id) {
                    let local = connection.socket.local_addr().clone();
                    state.engine.name_local(session, local);
                }
                state.engine.handle_connected(crate::clock::now(), session);
                self.deliver(state);
                match state.engine.sessions().get(session).is_some_and(|s| s.transport.is_secure()) {
                    true => self.secure_stream(state, session),
                    false => self.begin_upgrade(state, id, session),
                }
            }
            Err(e) => {
                if let Some(session) = state.engine.sessions().get(session) {
                    crate::log!(WARN, "***{session}: connect: {e}");
                }
                state.engine.handle_lost(crate::clock::now(), session, NackReason::NotDeliverable);
            }
        }
        self.deliver(state);
    }

    fn accept(self: &Arc<Self>, state: &mut MutexGuard<'_, State>, id: SocketId, listener: &Listener) {
        for _ in 0..ACCEPTS_PER_TURN {
            let (connection, remote) = match listener.socket.accept() {
                Ok(accepted) => accepted,
                Err(e) => match e.raw_os_error() {
                    Some(libc::EAGAIN) => return,
                    Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) => {
                        crate::log!(WARN, "cannot accept: {e}: waiting until a socket is closed");
                        return state.sockets.rest(&self.poller, id);
                    }
                    // The peer has gone in the meantime.
                    _ => continue,
                },
            };
            let now = crate::clock::now();
            let local = connection.local_addr().clone();
            let State { engine, sockets, .. } = &mut **state;
            let accepted =
                sockets.add_connection(&self.poller, connection, listener.transport, Some(id), |socket| {
                    let path = Path { socket, local, remote, ifindex: 0 };
                    let session = engine.accept_stream(now, path, listener.transport);
                    session.ok_or_else(|| io::ErrorKind::ConnectionRefused.into())
                });
            match accepted {
                Ok(session) => {
                    self.deliver(state);
                    state.engine.handle_connected(now, session);
                    self.deliver(state);
                    if listener.transport.is_secure() {
                        self.secure_stream(state, session);
                    }
                    self.transmit(state, false);
                }
                Err(e) => crate::log!(WARN, "connection refused: {e}"),
            }
            if state.sockets.get(id).is_none() {
                // A handler has closed the endpoint.
                return;
            }
        }
    }

    fn read_connection(self: &Arc<Self>, state: &mut MutexGuard<'_, State>, id: SocketId) {
        let mut buffer = BUFFER.take().unwrap_or_else(|| vec![0; READ_SIZE].into_boxed_slice());
        for _ in 0..READS_PER_TURN {
            let Some(connection) = state.sockets.connection_mut(id) else { break };
            let (session, socket) = (connection.session, Arc::clone(&connection.socket));
            let is_secure = connection.is_secure();
            let is_working = connection.channel.as_ref().is_some_and(|channel| channel.is_working());
            if is_working || !state.engine.takes_input(session) {
                break;
            }
            let read = socket.read(&mut buffer);
            let n = match read {
                Ok(n) if n > 0 => n,
                Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => break,
                ended => {
                    if let Some(session) = state.engine.sessions().get(session) {
                        let why = ended.map_or_else(|e| e.to_string(), |_| "closed by the peer".into());
                        crate::log!(DEBUG, "*  {session}: netif: failed to receive any bytes ({why})");
                    }
                    state.engine.handle_lost(crate::clock::now(), session, NackReason::NotDeliverable);
                    self.deliver(state);
                    break;
                }
            };
            let bytes = buffer.get(..n).unwrap_or(&[]);
            if is_secure {
                self.go_on(state, session, Input::Bytes(bytes));
            } else {
                if let Some(session) = state.engine.sessions().get(session) {
                    crate::log!(DEBUG, "*  {session}: netif: recv {n:4} bytes");
                }
                self.work_off(state, id, bytes);
            }
            if n < buffer.len() {
                break;
            }
        }
        BUFFER.set(Some(buffer));
    }

    /// Works off what was left over, and these bytes, as long as the peer takes the answers, which are sent.
    pub(super) fn work_off(self: &Arc<Self>, state: &mut MutexGuard<'_, State>, id: SocketId, bytes: &[u8]) {
        self.take_messages(state, id, bytes);
        self.save(state);
        self.transmit(state, false);
    }

    /// Works them off. What is left of the answers then waits to be sent.
    pub(super) fn take_messages(
        self: &Arc<Self>,
        state: &mut MutexGuard<'_, State>,
        id: SocketId,
        bytes: &[u8],
    ) {
        let Some(connection) = state.sockets.connection_mut(id) else { return };
        let session = connection.session;
        let left_over = core::mem::take(&mut connection.unread);
        for mut rest in [&left_over[..], bytes] {
            while state.engine.takes_input(session) && self.take_message(state, id, session, &mut rest) {
                self.deliver(state);
            }
            if let Some(connection) = state.sockets.connection_mut(id).filter(|c| c.session == session) {
                connection.unread.extend_from_slice(rest);
            }
        }
        self.deliver(state);
    }

    /// The connection of a session is over: what is queued goes out as far as the system takes it at
    /// once.
    pub(super) fn hang_up(&self, state: &mut MutexGuard<'_, State>, session: SessionId, socket: SocketId) {
        self.send_queued(state, false);
        self.close_channel(state, session);
        if state.sockets.belongs_to(socket, session) {
            let closed = state.sockets.remove(&self.poller, socket);
            MutexGuard::unlocked(state, || drop(closed));
        }
    }
}
