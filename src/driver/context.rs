//! A context: one state behind one lock, and what changes it from outside the loop.

use super::socket::Use;
use super::{Application, EndpointHandle, SessionHandle, Sockets};
use crate::address::Address;
use crate::message::{Mid, Pdu};
use crate::net::{Poller, UdpSocket};
use crate::protocol::engine::SendError;
use crate::protocol::event::NackReason;
use crate::protocol::session::{Path, SessionId, SocketId};
use crate::protocol::{Engine, Instant};
use core::sync::atomic::Ordering;
use hashbrown::HashMap;
use parking_lot::{Mutex, MutexGuard, ReentrantMutex};
use std::io;
use std::sync::Arc;

/// All that changes in a context.
pub struct State {
    /// The state machines.
    pub engine: Engine,
    /// The sockets.
    pub sockets: Sockets,
    pub(super) sessions: HashMap<SessionId, Arc<SessionHandle>>,
    pub(super) endpoints: HashMap<SocketId, Arc<EndpointHandle>>,
    /// Until when a thread waits at most, while one does.
    pub(super) waiting: Option<Option<Instant>>,
    /// The application waits on the context's descriptor by itself.
    pub(super) watched: bool,
    /// What the timer in that descriptor is set to.
    armed: Option<Instant>,
}

impl State {
    pub(super) fn set_endpoint_mtu(&mut self, socket: SocketId, mtu: u32) {
        if let Some(entry) = self.sockets.get_mut(socket) {
            entry.purpose = Use::Endpoint { mtu };
        }
    }

    /// The handle of a session.
    pub fn session(&self, id: SessionId) -> Option<&Arc<SessionHandle>> {
        self.sessions.get(&id)
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
}

impl Context {
    /// A context without sockets.
    pub fn new(application: Box<dyn Application>) -> io::Result<Arc<Self>> {
        let engine = Engine::new(Box::new(|| u32::from_ne_bytes(crate::random::bytes())));
        Ok(Arc::new(Context {
            state: Mutex::new(State {
                engine,
                sockets: Sockets::default(),
                sessions: HashMap::new(),
                endpoints: HashMap::new(),
                waiting: None,
                watched: false,
                armed: None,
            }),
            poller: Poller::new()?,
            delivery: ReentrantMutex::new(()),
            application,
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
        self.settle(&mut state);
        result
    }

    /// Sends what is queued and sees to it that whoever waits wakes in time.
    pub(super) fn settle(&self, state: &mut MutexGuard<'_, State>) {
        let state = &mut **state;
        if !state.engine.transmits().is_empty() {
            state.sockets.send(&self.poller, state.engine.transmits());
        }
        let next = self.next_deadline(state);
        if let Some(until) = state.waiting
            && next.is_some_and(|next| until.is_none_or(|until| next < until))
        {
            state.waiting = None;
            self.poller.wake();
        }
        if state.watched && state.armed != next {
            state.armed = next;
            let after = next.map(|at| at - crate::clock::now());
            if let Err(e) = self.poller.arm(after) {
                crate::log!(ERR, "cannot set the timer: {e}");
            }
        }
    }

    /// When something is due; in the past if events wait to be delivered.
    fn next_deadline(&self, state: &State) -> Option<Instant> {
        if state.engine.has_events() {
            return Some(Instant(0));
        }
        state.engine.poll_timeout()
    }

    /// Opens an endpoint for peers to come to.
    pub fn open_endpoint(self: &Arc<Self>, local: &Address) -> io::Result<Arc<EndpointHandle>> {
        let socket = UdpSocket::bind(local)?;
        let local = socket.local_addr().clone();
        self.with(|state| {
            let mtu = state.engine.config.mtu;
            let id = state.sockets.add(&self.poller, socket, Use::Endpoint { mtu }, false)?;
            crate::log!(DEBUG, "created UDP  endpoint {local}");
            let handle = Arc::new(EndpointHandle { context: Arc::clone(self), socket: id, local });
            state.endpoints.insert(id, Arc::clone(&handle));
            Ok(handle)
        })
    }

    /// Closes an endpoint and the sessions that came to it.
    pub fn close_endpoint(self: &Arc<Self>, endpoint: &EndpointHandle) {
        self.with(|state| {
            let sessions = state.engine.sessions().iter();
            let ended: Vec<_> =
                sessions.filter(|(_, s)| s.path.socket == endpoint.socket).map(|(id, _)| id).collect();
            for id in ended {
                state.engine.end(id);
            }
        });
        self.deliver_all();
        let mut state = self.state.lock();
        state.sockets.remove(&self.poller, endpoint.socket);
        state.endpoints.remove(&endpoint.socket);
    }

    /// Opens a session to a peer, held once by the application.
    pub fn open_session(
        self: &Arc<Self>,
        local: Option<&Address>,
        remote: &Address,
    ) -> io::Result<Arc<SessionHandle>> {
        // Towards a group the answers come from elsewhere, so the socket must not be connected.
        let connected = !remote.is_multicast() && !remote.is_limited_broadcast();
        let socket = match connected {
            true => UdpSocket::connect(local, remote)?,
            false => UdpSocket::open(local, remote)?,
        };
        let local = socket.local_addr().clone();
        let remote = remote.clone();
        self.with(|state| {
            let vacant = Use::Endpoint { mtu: state.engine.config.mtu };
            let socket = state.sockets.add(&self.poller, socket, vacant, connected)?;
            let path = Path { socket, local, remote, ifindex: 0 };
            let opened = state.engine.open(crate::clock::now(), path);
            let id = opened.map_err(|e| {
                state.sockets.remove(&self.poller, socket);
                io::Error::new(io::ErrorKind::AddrInUse, e)
            })?;
            if let Some(entry) = state.sockets.get_mut(socket) {
                entry.purpose = Use::Client(id);
            }
            let handle = SessionHandle::new(Arc::clone(self), id, 1);
            state.sessions.insert(id, Arc::clone(&handle));
            Ok(handle)
        })
    }

    /// The application gives a reference to a session back. One that this side opened ends with
    /// the last; what is queued in it is dropped.
    pub fn release(&self, handle: &SessionHandle) {
        let before = handle
            .references
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| Some(n.saturating_sub(1)))
            .unwrap_or(0);
        if before == 0 {
            crate::log!(WARN, "a session is released more often than it was referenced");
            return;
        }
        // The handle goes when the state is unlocked: its memory may be the last of the context.
        drop(self.with(|state| {
            let socket = state.engine.sessions().get(handle.id)?.path.socket;
            state.engine.release(crate::clock::now(), handle.id);
            let ended = state.engine.sessions().get(handle.id).is_none();
            if !ended {
                return None;
            }
            // What it sent last still goes out.
            state.sockets.send(&self.poller, state.engine.transmits());
            state.sockets.remove(&self.poller, socket);
            state.sessions.remove(&handle.id)
        }));
    }

    /// Sends a message over a session.
    pub fn send(&self, session: SessionId, pdu: Pdu) -> Result<Mid, SendError> {
        self.with(|state| state.engine.send(crate::clock::now(), session, pdu))
    }

    /// Gives a session up: what waits in it is not delivered.
    pub fn disconnect(&self, session: SessionId, reason: NackReason) {
        self.with(|state| state.engine.disconnect(session, reason));
    }
}
