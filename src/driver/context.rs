//! A context: one state behind one lock, and what changes it from outside the loop.

use super::by_session::BySession;
use super::channel::Channel;
use super::connection::Connection;
use super::names::Names;
use super::persist::Keeping;
use super::secure::keep_connector;
use super::socket::{Entry, Use};
use super::{Application, EndpointHandle, SessionHandle, Sockets};
use crate::address::Address;
use crate::message::{Mid, Pdu, Type};
use crate::net::{Poller, StreamListener, UdpSocket};
use crate::protocol::block::Upload;
use crate::protocol::cache::Cache;
use crate::protocol::engine::{Handle, SendError};
use crate::protocol::event::NackReason;
use crate::protocol::session::{self, Path, Session, SessionId, SocketId, Transport};
use crate::protocol::{Engine, Instant};
use crate::tls::{Acceptor, Carrier, Connector};
use core::sync::atomic::AtomicBool;
use hashbrown::HashMap;
use parking_lot::{Mutex, MutexGuard, ReentrantMutex};
use std::io;
use std::net::ToSocketAddrs;
use std::sync::Arc;

/// The threads that wait, and until when the first of them wakes by itself.
#[derive(Default)]
pub(super) struct Waiters {
    count: usize,
    until: Option<Instant>,
}

impl Waiters {
    /// A thread begins to wait; `None` stands for ever.
    pub(super) fn begin(&mut self, until: Option<Instant>) {
        self.until = match (self.count, self.until, until) {
            (0, _, until) => until,
            (_, Some(a), Some(b)) => Some(a.min(b)),
            (_, a, b) => a.or(b),
        };
        self.count += 1;
    }

    /// It waits no more.
    pub(super) fn end(&mut self) {
        self.count = self.count.saturating_sub(1);
    }

    /// Something is due at `next`: whether somebody waits who would miss it.
    fn wake_before(&mut self, next: Instant) -> bool {
        let late = self.count > 0 && self.until.is_none_or(|until| next < until);
        if late {
            self.until = Some(next);
        }
        late
    }
}

/// All that changes in a context.
pub struct State {
    /// The state machines.
    pub engine: Engine,
    /// The sockets.
    pub sockets: Sockets,
    /// What the application keeps of requests. Entries are dropped with the state unlocked, since
    /// the application frees what it kept with them.
    pub cache: Cache<Handle>,
    pub(super) sessions: BySession<Arc<SessionHandle>>,
    pub(super) endpoints: HashMap<SocketId, Arc<EndpointHandle>>,
    pub(super) waiters: Waiters,
    /// How secured endpoints answer.
    pub(super) acceptor: Option<Arc<dyn Acceptor>>,
    /// Memory for what comes out of a secured connection, lent to the one that is at work.
    pub(super) opened: Vec<u8>,
    /// The application waits on the context's descriptor by itself.
    pub(super) watched: bool,
    /// What the timer in that descriptor is set to.
    armed: Option<Instant>,
}

impl State {
    pub(super) fn set_endpoint_mtu(&mut self, socket: SocketId, mtu: u32) {
        self.sockets.set_use(socket, Use::Endpoint { mtu });
    }

    /// The timer in the descriptor has run out by now if it was set to that.
    pub(super) fn disarm(&mut self, now: Instant) {
        self.armed.take_if(|at| *at <= now);
    }

    /// The handle of a session.
    pub fn session(&self, id: SessionId) -> Option<&Arc<SessionHandle>> {
        self.sessions.get(id)
    }

    /// The endpoints.
    pub fn endpoints(&self) -> impl Iterator<Item = &Arc<EndpointHandle>> {
        self.endpoints.values()
    }
}

/// A context. Any method may be called from any thread, and from within handlers.
pub struct Context {
    pub(super) state: Mutex<State>,
    pub(super) poller: Poller,
    /// Held while handlers run: they never run at the same time.
    pub(super) delivery: ReentrantMutex<()>,
    pub(super) application: Box<dyn Application>,
    pub(super) keeping: Mutex<Keeping>,
    pub(super) names: Names,
    /// There are changes to write down before anything is sent.
    pub(super) unsaved: AtomicBool,
}

impl Context {
    /// A context without sockets.
    pub fn new(application: Box<dyn Application>) -> io::Result<Arc<Self>> {
        let mut engine = Engine::new(Box::new(|| u64::from_ne_bytes(crate::random::bytes())));
        engine.is_lost = super::loss::should_drop;
        Ok(Arc::new(Context {
            state: Mutex::new(State {
                engine,
                sockets: Sockets::default(),
                cache: Cache::new(),
                sessions: BySession::default(),
                endpoints: HashMap::new(),
                waiters: Waiters::default(),
                acceptor: None,
                opened: Vec::new(),
                watched: false,
                armed: None,
            }),
            poller: Poller::new()?,
            delivery: ReentrantMutex::new(()),
            application,
            keeping: Mutex::new(Keeping::default()),
            names: Names::default(),
            unsaved: AtomicBool::new(false),
        }))
    }

    /// Who handles its events.
    pub fn application(&self) -> &dyn Application {
        &*self.application
    }

    /// Runs `body` on the state; then sends what it wants sent, and tells a waiting thread if its
    /// wait has become too long.
    pub fn with<R>(&self, body: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.state.lock();
        let result = body(&mut state);
        // A handler may have more to say; what is delivered when it is done goes with that.
        self.settle_with(&mut state, self.delivery.is_owned_by_current_thread());
        result
    }

    /// The same for what a handler does: what it wants sent goes out with what the handlers beside it want
    /// sent, when they are done.
    pub fn with_batched<R>(&self, body: impl FnOnce(&mut State) -> R) -> R {
        match self.delivery.is_owned_by_current_thread() {
            true => body(&mut self.state.lock()),
            false => self.with(body),
        }
    }

    /// Sends what is queued and sees to it that whoever waits wakes in time.
    pub(super) fn settle(&self, state: &mut MutexGuard<'_, State>) {
        self.settle_with(state, false);
        state.sockets.push(&self.poller);
    }

    fn settle_with(&self, state: &mut MutexGuard<'_, State>, more: bool) {
        self.transmit(state, more);
        let state = &mut **state;
        let next = self.next_deadline(state);
        if next.is_some_and(|next| state.waiters.wake_before(next)) {
            self.poller.wake();
        }
        // Waking too early does no harm, and setting the timer costs a system call: under traffic
        // the next deadline moves away all the time.
        if state.watched && next.is_some_and(|next| state.armed.is_none_or(|armed| next < armed)) {
            state.armed = next;
            let after = next.map(|at| at - crate::clock::now());
            if let Err(e) = self.poller.arm(after) {
                crate::log!(ERR, "cannot set the timer: {e}");
            }
        }
    }

    /// Sends what is queued, and what can be sent since.
    pub(super) fn send_queued(&self, state: &mut State, more: bool) {
        while !state.engine.transmits().is_empty() || state.sockets.has_pending() {
            state.sockets.send(&self.poller, state.engine.transmits(), more);
            state.apply_changes();
        }
    }

    /// When something is due; in the past if events wait to be delivered.
    pub(super) fn next_deadline(&self, state: &State) -> Option<Instant> {
        if state.engine.has_events() {
            return Some(Instant(0));
        }
        let sockets = [state.sockets.next_retry(), state.sockets.next_flight()];
        let due = [state.engine.poll_timeout(), state.cache.next_deadline(), sockets[0], sockets[1]];
        // Not `flatten`: of what that compiles to, memcheck says that it looks at what is not there.
        let never = Instant(u64::MAX);
        due.into_iter().map(|at| at.unwrap_or(never)).min().filter(|at| *at != never)
    }

    /// Ends the cache entries that a session made. To be called with the state unlocked.
    pub(super) fn forget_cached(&self, session: SessionId) {
        while let Some(entry) = self.with(|state| state.cache.forget_session(session)) {
            drop(entry);
        }
    }

    /// Opens an endpoint for peers to come to.
    pub fn open_endpoint(
        self: &Arc<Self>,
        local: &Address,
        transport: Transport,
    ) -> io::Result<Arc<EndpointHandle>> {
        self.with(|state| {
            let (id, local) = match transport.is_reliable() {
                false => {
                    let socket = UdpSocket::bind(local)?;
                    let local = socket.local_addr().clone();
                    let purpose = Use::Endpoint { mtu: state.engine.config.mtu };
                    let is_secure = transport.is_secure();
                    (state.sockets.add_datagrams(&self.poller, socket, purpose, false, is_secure)?, local)
                }
                true => {
                    let socket = StreamListener::bind(local)?;
                    let local = socket.local_addr().clone();
                    (state.sockets.add_listener(&self.poller, socket, transport)?, local)
                }
            };
            crate::log!(DEBUG, "created {transport:4} endpoint {local}");
            let context = Arc::clone(self);
            let handle = Arc::new(EndpointHandle { context, socket: id, local, transport });
            state.endpoints.insert(id, Arc::clone(&handle));
            Ok(handle)
        })
    }

    /// Closes an endpoint and the sessions that came to it.
    pub fn close_endpoint(self: &Arc<Self>, endpoint: &EndpointHandle) {
        self.with(|state| {
            let sessions = state.engine.sessions().iter();
            let mut ended: Vec<_> =
                sessions.filter(|(_, s)| s.path.socket == endpoint.socket).map(|(id, _)| id).collect();
            ended.extend(state.sockets.accepted_by(endpoint.socket));
            for id in ended {
                state.engine.end(id);
            }
        });
        self.deliver_all();
        let mut state = self.state.lock();
        state.sockets.remove(&self.poller, endpoint.socket);
        state.endpoints.remove(&endpoint.socket);
    }

    /// Opens a session to a peer, over a transport that is not secured. The application holds one
    /// reference to it.
    pub fn open_session(
        self: &Arc<Self>,
        local: Option<&Address>,
        remote: &Address,
        transport: Transport,
    ) -> io::Result<Arc<SessionHandle>> {
        self.open(local, remote, transport, None)
    }

    /// Opens a session to a peer, over a transport that is secured by a connection of `connector`.
    pub fn open_secured(
        self: &Arc<Self>,
        local: Option<&Address>,
        remote: &Address,
        transport: Transport,
        connector: &Arc<dyn Connector>,
    ) -> io::Result<Arc<SessionHandle>> {
        self.open(local, remote, transport, Some(connector))
    }

    fn open(
        self: &Arc<Self>,
        local: Option<&Address>,
        remote: &Address,
        transport: Transport,
        connector: Option<&Arc<dyn Connector>>,
    ) -> io::Result<Arc<SessionHandle>> {
        if transport.is_secure() != connector.is_some() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "nothing says how it is secured"));
        }
        if transport.is_reliable() {
            return self.open_stream(local, remote, transport, connector);
        }
        // Towards a group the answers come from elsewhere, so the socket must not be connected.
        let connected = !crate::net::is_group(remote);
        if !connected && transport.is_secure() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "DTLS knows no groups"));
        }
        let socket = match connected {
            true => UdpSocket::connect(local, remote)?,
            false => UdpSocket::open(local, remote)?,
        };
        let chosen = local.is_some_and(|local| local.port() != 0);
        let local = socket.local_addr().clone();
        let remote = remote.clone();
        let carrier = Carrier::Datagrams { mtu: self.with(|state| state.engine.config.mtu) as usize };
        let connection = connector.map(|connector| connector.connect(carrier)).transpose();
        let connection = connection.map_err(io::Error::other)?;
        let handle = self.with(|state| {
            // The system would give the peer's datagrams to one of the two sockets only. It does
            // not choose a port twice by itself.
            if chosen && state.engine.has_client(&local, &remote) {
                return Err(io::ErrorKind::AddrInUse.into());
            }
            let vacant = Use::Endpoint { mtu: state.engine.config.mtu };
            let socket =
                state.sockets.add_datagrams(&self.poller, socket, vacant, connected, connection.is_some())?;
            let path = Path { socket, local, remote, ifindex: 0 };
            let opened = match connection {
                None => state.engine.open(crate::clock::now(), path),
                Some(_) => state.engine.open_secured(crate::clock::now(), path),
            };
            let id = opened.map_err(|e| {
                state.sockets.remove(&self.poller, socket);
                io::Error::new(io::ErrorKind::AddrInUse, e)
            })?;
            state.sockets.set_use(socket, Use::Client(id));
            if let Some(session) = state.engine.session_mut(id) {
                session.sends_to_group = !connected;
            }
            let handle = SessionHandle::new(Arc::clone(self), id, transport);
            keep_connector(&handle, connector);
            if let Some(session) = state.engine.sessions().get(id) {
                crate::log!(
                    DEBUG,
                    "***{session}: session {:p}: created outgoing session",
                    Arc::as_ptr(&handle)
                );
                if connection.is_none() {
                    crate::log!(DEBUG, "***{session}: session connected");
                }
            }
            state.sessions.insert(id, Arc::clone(&handle));
            if let Some(mut connection) = connection {
                connection.set_peer(handle.clone());
                state.sockets.secure(socket, id, Channel::new(connection));
            }
            Ok::<_, io::Error>(handle)
        })?;
        handle.hold();
        if connector.is_some() {
            self.begin_handshake(&handle);
        }
        Ok(handle)
    }

    /// The application holds a session once less.
    pub(super) fn release(self: &Arc<Self>, handle: &Arc<SessionHandle>) {
        // What its socket has to send goes out before that is closed, so nothing may hold it back.
        if self.with(|state| state.engine.has_tracked()) {
            self.tell_changes();
        }
        // The state machines may hold it too, as one to another server.
        let is_last = || handle.references() == 0 && handle.read(Session::is_held_once) == Some(true);
        if Connection::needs_handshake(handle.transport) && is_last() {
            self.say_goodbye(handle);
        }
        let ended = self.with(|state| {
            let session = state.engine.release(crate::clock::now(), handle.id)?;
            crate::log!(DEBUG, "***{session}: session {:p}: closed", Arc::as_ptr(handle));
            // What it sent last still goes out.
            self.send_queued(state, false);
            Some(self.forget(state, handle.id, session.path.socket))
        });
        if ended.is_some() {
            self.forget_cached(handle.id);
            self.drop_released();
        }
    }

    /// Takes out what is kept for a session that has ended; to be dropped with the state unlocked.
    pub(super) fn forget(
        &self,
        state: &mut State,
        session: SessionId,
        socket: SocketId,
    ) -> (Option<Arc<SessionHandle>>, Option<Entry>) {
        state.sockets.drop_channel(session);
        let own = state.sockets.belongs_to(socket, session);
        let socket = if own { state.sockets.remove(&self.poller, socket) } else { None };
        (state.sessions.remove(session), socket)
    }

    /// Ends all sessions, held or not, and closes all sockets. Handlers see the end of those that peers opened,
    /// and which messages never had their turn.
    pub fn close(self: &Arc<Self>) {
        for handle in self.with(|state| state.sessions.iter().cloned().collect::<Vec<_>>()) {
            if handle.transport.is_secure() {
                self.say_goodbye(&handle);
            }
        }
        self.with(|state| state.engine.abandon_waiting());
        self.deliver_all();
        // With the sessions of this side their handles are gone too, held or not: programs count on
        // it that nothing is left of a context.
        let handles: Vec<_> = self.with(|state| {
            state.engine.end_all();
            state.sessions.iter().cloned().collect()
        });
        self.deliver_all();
        handles.iter().for_each(SessionHandle::void_references);
        // Handles and sockets go when the state is unlocked.
        drop(self.with(|state| {
            let sockets: Vec<_> = state.sockets.ids().collect();
            let sockets: Vec<_> =
                sockets.into_iter().filter_map(|id| state.sockets.remove(&self.poller, id)).collect();
            (sockets, core::mem::take(&mut state.sessions), core::mem::take(&mut state.endpoints))
        }));
    }

    /// Joins a multicast group, an address or a name, with all endpoints that can hear it.
    pub fn join_group(&self, group: &str, interface: Option<&str>) -> io::Result<()> {
        let addresses = (group, 0).to_socket_addrs()?;
        let group = addresses.map(|a| a.ip()).find(|ip| ip.is_multicast());
        let group =
            group.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not a multicast address"))?;
        // As libcoap, an unknown interface is no reason not to join at all.
        let interface = interface.filter(|name| {
            let found = crate::net::interface_index(name);
            found.inspect_err(|e| crate::log!(WARN, "{name}: {e}: joining on the default one")).is_ok()
        });
        // An endpoint on IPv6 takes IPv4 too.
        let may_join = |local: &Address| matches!(local, Address::Ip(a) if a.is_ipv6() || group.is_ipv4());
        let mut result = Err(io::Error::new(io::ErrorKind::NotFound, "no endpoint of its address family"));
        self.with(|state| {
            for endpoint in state.endpoints.values().filter(|e| may_join(&e.local)) {
                if let Some(datagrams) = state.sockets.datagrams(endpoint.socket) {
                    let joined = datagrams.socket.join_multicast(group, interface);
                    if result.is_err() {
                        result = joined;
                    }
                }
            }
        });
        result
    }

    /// Sets how many networks what a session sends to a group may cross. One that sends to none has
    /// no say in that.
    pub fn set_multicast_hops(&self, session: SessionId, hops: u8) -> io::Result<()> {
        self.with(|state| {
            let session = state.engine.sessions().get(session).ok_or(io::ErrorKind::NotConnected)?;
            if !session.sends_to_group {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "no multicast session"));
            }
            let datagrams =
                state.sockets.datagrams(session.path.socket).ok_or(io::ErrorKind::NotConnected)?;
            datagrams.socket.set_multicast_hops(hops)
        })
    }

    /// Waits until the connection of a session of this side is of use, or is not going to be: runs the
    /// loop meanwhile, for as long as a CSM may take.
    pub(super) fn await_ready(self: &Arc<Self>, session: SessionId) {
        let begin = crate::clock::now();
        loop {
            let coming = self.with(|state| {
                let session = state.engine.sessions().get(session)?;
                let waits = session.is_worth_waiting_for();
                waits.then_some((session.state, state.engine.config.csm_timeout))
            });
            let left = match coming {
                // The state machines see to it that this ends.
                Some((session::State::Csm, limit)) => limit,
                Some((_, limit)) => limit.saturating_sub(crate::clock::now() - begin),
                None => return,
            };
            if left.is_zero() || self.process(super::Wait::AtMost(left)).is_err() {
                return;
            }
        }
    }

    /// Sends a message over a session: a request with the body that it begins, if there is more
    /// of that.
    pub fn send(&self, session: SessionId, pdu: Pdu, upload: Option<Upload>) -> Result<Mid, SendError> {
        let sent = self.with(|state| state.engine.submit(crate::clock::now(), session, pdu, upload));
        self.drop_released();
        sent
    }

    /// Asks the peer to end an observation. `false` if there is none to end.
    pub fn cancel_observation(&self, session: SessionId, token: &[u8], kind: Type) -> bool {
        self.with(|state| state.engine.cancel_observation(crate::clock::now(), session, token, kind))
    }

    /// Gives a session up: what waits in it is not delivered, which the application hears at once.
    /// But that nobody listens is no reason to give up, here as in what the network says.
    pub fn disconnect(self: &Arc<Self>, session: &Arc<SessionHandle>, reason: NackReason) {
        let _turn = self.delivery.lock();
        let transport = session.read(|s| s.transport);
        let over_connection =
            transport.is_some_and(|t| t.is_reliable() || t.is_secure() && reason != NackReason::Unreachable);
        if over_connection {
            self.with(|state| {
                // It may be lost already, and on its way back.
                state.engine.forget_return(session.id);
                match session.transport.is_reliable() {
                    true => state.engine.handle_lost(crate::clock::now(), session.id, reason),
                    false => state.engine.handle_unsecured(crate::clock::now(), session.id, reason),
                }
            });
            return self.deliver_all();
        }
        let concerned = self.with(|state| match reason {
            NackReason::Unreachable => state.engine.messages_under_way(session.id),
            _ => state.engine.disconnect(session.id),
        });
        if concerned.is_empty() {
            self.application.nack(session, None, reason, Mid(0));
        }
        for sent in concerned {
            let mid = sent.mid();
            self.application.nack(session, Some(sent), reason, mid);
        }
    }
}
