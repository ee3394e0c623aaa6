//! The loop: what is due, what came in, what the application must see.

use super::secure::Input;
use super::socket::Use;
use super::{Context, Exchange, SessionHandle, State};
use crate::net::{Ready, Received, RecvBatch};
use crate::protocol::engine::{Datagram, Handle};
use crate::protocol::event::{Event, Notice, Request};
use crate::protocol::resource::Kind;
use crate::protocol::session::{Path, Role, SessionId, SocketId};
use core::time::Duration;
use parking_lot::MutexGuard;
use std::cell::RefCell;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;

/// How many batches one turn takes from one socket, so that a busy one does not starve the rest.
const BATCHES_PER_TURN: usize = 8;

/// How many datagrams are sent at once: notifications come by the thousand.
const FLUSH_AT: usize = 256;

/// The same in bytes: messages over streams may be large.
const FLUSH_SIZE: usize = 1 << 20;

/// How long a turn of the loop may wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wait {
    /// Until something happens.
    Forever,
    /// At most so long.
    AtMost(Duration),
}

impl Wait {
    /// Not at all.
    pub const NONE: Wait = Wait::AtMost(Duration::ZERO);
}

thread_local! {
    /// Memory for what a thread receives; a nested turn of the loop makes its own.
    static BATCH: RefCell<Option<Box<RecvBatch>>> = const { RefCell::new(None) };
}

impl Context {
    /// One turn: delivers what is due, waits for more, and delivers that. It does not wait if
    /// something was delivered before.
    pub fn process(self: &Arc<Self>, wait: Wait) -> io::Result<()> {
        let mut ready = Vec::new();
        self.wait(wait, |timeout| self.poller.wait(timeout, &mut ready))?;
        self.read_ready(&ready);
        self.due();
        Ok(())
    }

    /// The same, with the waiting done by `waiter`: for the readability of the descriptor it is
    /// given, and anything else, for so long at most.
    pub fn process_with(
        self: &Arc<Self>,
        wait: Wait,
        waiter: impl FnOnce(RawFd, Option<Duration>) -> io::Result<()>,
    ) -> io::Result<()> {
        self.wait(wait, |timeout| waiter(self.poller.as_raw_fd(), timeout))?;
        self.process(Wait::NONE)
    }

    /// Does what is due by now, and delivers it. Returns whether the application saw something.
    pub fn due(self: &Arc<Self>) -> bool {
        let _turn = self.delivery.lock();
        let mut state = self.state.lock();
        let now = crate::clock::now();
        state.engine.handle_timeout(now);
        state.disarm(now);
        state.sockets.retry(now);
        self.repeat_flights(&mut state, now);
        while let Some(entry) = state.cache.expire(now) {
            MutexGuard::unlocked(&mut state, || drop(entry));
        }
        let delivered = self.deliver(&mut state);
        self.save(&mut state);
        self.settle(&mut state);
        delivered
    }

    /// Has the observers of what has changed notified, and nothing else done.
    pub fn notify_observers(self: &Arc<Self>) {
        self.with(|state| state.engine.begin_turn(crate::clock::now()));
        self.deliver_all();
    }

    /// Delivers what waits to be delivered.
    pub(super) fn deliver_all(self: &Arc<Self>) {
        let _turn = self.delivery.lock();
        let mut state = self.state.lock();
        self.deliver(&mut state);
        self.save(&mut state);
        self.settle(&mut state);
    }

    /// Delivers what is due, then waits by `waiter`, unless something was delivered.
    fn wait(
        self: &Arc<Self>,
        wait: Wait,
        waiter: impl FnOnce(Option<Duration>) -> io::Result<()>,
    ) -> io::Result<()> {
        let wait = if self.due() { Wait::NONE } else { wait };
        let now = crate::clock::now();
        let until = {
            let mut state = self.state.lock();
            let limit = match wait {
                Wait::Forever => None,
                Wait::AtMost(d) => Some(now + d),
            };
            let until = match (limit, self.next_deadline(&state)) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
            state.waiters.begin(until);
            until
        };
        let waited = waiter(until.map(|at| at - now));
        self.state.lock().waiters.end();
        waited
    }

    /// Takes what came in out of the sockets that are ready, and delivers it.
    pub fn read_ready(self: &Arc<Self>, ready: &[Ready]) {
        if ready.is_empty() {
            return;
        }
        let _turn = self.delivery.lock();
        let mut batch = BATCH.take().unwrap_or_else(|| Box::new(RecvBatch::new()));
        for event in ready {
            let socket = SocketId(event.token as u32);
            if self.stream_ready(socket, event) {
                continue;
            }
            if event.writable {
                let mut state = self.state.lock();
                state.sockets.flush(&self.poller, socket.0 as usize, false);
                state.apply_changes();
            }
            if event.readable || event.error {
                self.read_socket(socket, &mut batch);
            }
        }
        BATCH.set(Some(batch));
    }

    fn read_socket(self: &Arc<Self>, id: SocketId, batch: &mut RecvBatch) {
        for _ in 0..BATCHES_PER_TURN {
            let mut state = self.state.lock();
            let Some(datagrams) = state.sockets.datagrams(id) else { return };
            let (socket, purpose) = (Arc::clone(&datagrams.socket), datagrams.purpose);
            let is_secure = datagrams.is_secure;
            if let Err(error) = socket.recv_batch(batch) {
                self.read_failed(&mut state, purpose, &error);
                return;
            }
            let now = crate::clock::now();
            let more = batch.is_full();
            for Received { remote, local, reply_from, ifindex, data, .. } in batch.iter() {
                if !state.sockets.has(id, &socket) {
                    // A handler closed it; what is left in the batch came to nobody.
                    return;
                }
                let datagram = Datagram { bytes: data, multicast: local != reply_from };
                let session = match purpose {
                    _ if is_secure && datagram.multicast => None,
                    Use::Endpoint { mtu } if is_secure => {
                        let path = Path { socket: id, local: reply_from, remote, ifindex };
                        self.secured_arrival(&mut state, &path, mtu, data);
                        None
                    }
                    Use::Client(session) if is_secure => {
                        self.go_on(&mut state, session, Input::Bytes(data));
                        None
                    }
                    Use::Endpoint { mtu } => {
                        let path = Path { socket: id, local: reply_from, remote, ifindex };
                        let session = state.engine.handle_arrival(now, &path, mtu, datagram);
                        self.deliver(&mut state);
                        session
                    }
                    Use::Client(session) => {
                        state.engine.heard_from(session, &remote);
                        Some(session)
                    }
                };
                // The handler of a new session may have closed it too.
                if let Some(session) = session.filter(|_| state.sockets.has(id, &socket)) {
                    state.engine.handle_datagram(now, session, datagram);
                }
                self.deliver(&mut state);
            }
            self.save(&mut state);
            self.settle(&mut state);
            if !more {
                return;
            }
        }
    }

    fn read_failed(&self, state: &mut MutexGuard<'_, State>, purpose: Use, error: &io::Error) {
        match purpose {
            Use::Client(session) if error.kind() == io::ErrorKind::ConnectionRefused => {
                if let Some(s) = state.engine.sessions().get(session) {
                    crate::log!(WARN, "** {s}: coap_socket_recv: ICMP: Connection refused");
                }
                state.engine.handle_unreachable(session);
            }
            _ => crate::log!(WARN, "cannot receive: {error}"),
        }
    }

    /// Delivers events until there are none. The state is unlocked while the application runs.
    pub(super) fn deliver(self: &Arc<Self>, state: &mut MutexGuard<'_, State>) -> bool {
        let mut delivered = false;
        loop {
            while let Some(id) = state.engine.poll_freed_async() {
                MutexGuard::unlocked(state, || self.application.async_freed(id));
            }
            while let Some(body) = state.engine.poll_released() {
                MutexGuard::unlocked(state, || drop(body));
            }
            self.deliver_tracked(state);
            let Some(event) = state.engine.poll_event() else { break };
            delivered = true;
            self.deliver_event(state, event);
            if state.engine.transmits().len() >= FLUSH_AT || state.engine.transmits().size() >= FLUSH_SIZE {
                self.transmit(state, false);
            }
        }
        delivered
    }

    fn deliver_event(self: &Arc<Self>, state: &mut MutexGuard<'_, State>, event: Event) {
        match event {
            Event::Request(request) => self.deliver_request(state, request),
            Event::Response { session, sent, received, body } => {
                let Some(handle) = self.handle(state, session) else { return };
                let responder = state.engine.responder(session);
                let (received, accepted) =
                    MutexGuard::unlocked(state, || self.application.response(&handle, sent, received, body));
                let now = crate::clock::now();
                state.engine.response_done_to(now, session, received, accepted, responder);
            }
            Event::Nack { session, sent, reason, mid } => {
                let Some(handle) = self.handle(state, session) else { return };
                MutexGuard::unlocked(state, || self.application.nack(&handle, sent, reason, mid));
            }
            Event::Ping { session, received } => {
                let Some(handle) = self.handle(state, session) else { return };
                MutexGuard::unlocked(state, || self.application.ping(&handle, received));
            }
            Event::Pong { session, received } => {
                let Some(handle) = self.handle(state, session) else { return };
                MutexGuard::unlocked(state, || self.application.pong(&handle, received));
            }
            Event::HangUp { session, socket } => self.hang_up(state, session, socket),
            Event::Reconnect { session, remote } => self.reconnect(state, session, &remote),
            Event::Ended { session, role, socket } => self.deliver_end(state, session, role, socket),
            Event::Notice { session, notice } => {
                let Some(handle) = self.handle(state, session) else { return };
                MutexGuard::unlocked(state, || self.application.notice(&handle, notice));
            }
        }
    }

    /// A session has ended: the application hears of it if a peer opened it, and all that was kept
    /// for it goes. A handler may take a reference to what has ended; it keeps the handle alive
    /// until it gives it back.
    fn deliver_end(
        self: &Arc<Self>,
        state: &mut MutexGuard<'_, State>,
        session: SessionId,
        role: Role,
        socket: SocketId,
    ) {
        let handle = state.sessions.get(session).cloned();
        if let (Some(handle), Role::Server) = (&handle, role) {
            MutexGuard::unlocked(state, || self.application.notice(handle, Notice::Ended));
        }
        if let (Some(handle), Some(session)) = (&handle, state.engine.sessions().get(session)) {
            crate::log!(DEBUG, "***{session}: session {:p}: closed", Arc::as_ptr(handle));
        }
        if let (Some(handle), Role::Server) = (&handle, role)
            && state.sockets.connection_of(socket, session).is_some_and(|c| c.close())
        {
            MutexGuard::unlocked(state, || self.application.notice(handle, Notice::WebSocketClosed));
        }
        if self.close_channel(state, session)
            && let Some(handle) = &handle
        {
            MutexGuard::unlocked(state, || self.application.notice(handle, Notice::Unsecured));
        }
        let gone = self.forget(state, session, socket);
        MutexGuard::unlocked(state, || {
            drop((gone, handle));
            self.forget_cached(session);
        });
    }

    fn deliver_request(self: &Arc<Self>, state: &mut MutexGuard<'_, State>, mut event: Request) {
        let Some(session) = self.handle(state, event.session) else { return };
        let Some(entry) = state.engine.resources.get(event.resource) else {
            // Deleted by an earlier handler of this turn.
            return state.engine.resource_gone(crate::clock::now(), event);
        };
        let resource: Handle = Arc::clone(&entry.handle);
        let makes_resources = state.engine.is_tracking() && *entry.resource.kind() == Kind::Unknown;
        let exchange = Exchange { request: event.request, body: event.body.take(), response: event.response };
        let done = MutexGuard::unlocked(state, || match makes_resources {
            true => self.request_for_unknown(&session, &resource, exchange),
            false => self.application.request(&session, &resource, exchange),
        });
        (event.request, event.response) = (done.request, done.response);
        state.engine.respond(crate::clock::now(), event);
        // If it was deleted meanwhile, its last reference may run the application's code.
        MutexGuard::unlocked(state, || drop((resource, session)));
    }

    /// The handle of a session, made when it is first needed; none after the session ended, when
    /// nothing of it is delivered any more.
    pub(super) fn handle(self: &Arc<Self>, state: &mut State, id: SessionId) -> Option<Arc<SessionHandle>> {
        let session = state.engine.sessions().get(id)?;
        if session.role == Role::Client {
            return state.sessions.get(id).cloned();
        }
        if let Some(handle) = state.sessions.get(id) {
            return Some(Arc::clone(handle));
        }
        let handle = SessionHandle::new(Arc::clone(self), id, session.transport);
        crate::log!(DEBUG, "***{session}: session {:p}: new incoming session", Arc::as_ptr(&handle));
        state.sessions.insert(id, Arc::clone(&handle));
        Some(handle)
    }

    /// The descriptor that becomes readable when [`Context::process`] would have something to do.
    pub fn watch(&self) -> RawFd {
        self.with(|state| state.watched = true);
        self.poller.as_raw_fd()
    }

    /// How long until something is due: `None` if nothing is.
    pub fn time_left(&self) -> Option<Duration> {
        let state = self.state.lock();
        self.next_deadline(&state).map(|at| at - crate::clock::now())
    }

    /// Drops the bodies that the state machines are done with, which may run the application's
    /// code.
    pub fn drop_released(&self) {
        while let Some(body) = self.with(|state| state.engine.poll_released()) {
            drop(body);
        }
    }

    /// Tells the application which requests put aside are done with.
    pub fn forget_asyncs(&self) {
        while let Some(id) = self.with(|state| state.engine.poll_freed_async()) {
            self.application.async_freed(id);
        }
    }
}
