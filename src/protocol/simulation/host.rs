//! A host: an engine, its addresses, and an application that keeps a journal.

use super::Network;
use crate::address::Address;
use crate::message::{Code, Mid, Pdu, Type};
use crate::protocol::Engine;
use crate::protocol::asynchronous::AsyncId;
use crate::protocol::block::Shown;
use crate::protocol::engine::Datagram;
use crate::protocol::event::{Event, NackReason, Notice, Request};
use crate::protocol::resource::{Flags, Kind, Resource, ResourceId};
use crate::protocol::session::{Path, Session, SessionId, SocketId, Transport};
use crate::protocol::time::Instant;
use core::time::Duration;
use hashbrown::HashMap;
use std::sync::Arc;

/// The socket of the endpoint.
const ENDPOINT: SocketId = SocketId(0);

/// The largest message that the endpoint takes.
const MTU: u32 = 1152;

/// What the application saw.
#[derive(Debug)]
pub(crate) enum What {
    /// A request.
    Request {
        /// The request.
        request: Pdu,
        /// What is shown of its body, if that came in blocks.
        body: Option<Box<Shown>>,
        /// Not for the first time: it was put aside.
        delayed: bool,
    },
    /// A response.
    Response {
        /// The request, if it was acknowledged by the response.
        sent: Option<Pdu>,
        /// The response.
        received: Pdu,
        /// What is shown of its body, if that came in blocks.
        body: Option<Box<Shown>>,
    },
    /// Something was not delivered.
    Nack {
        /// The message, where it was still kept.
        sent: Option<Pdu>,
        /// Why.
        reason: NackReason,
        /// Its message ID.
        mid: Mid,
    },
    /// A ping.
    Ping(Mid),
    /// The answer to a keep-alive ping.
    Pong(Mid),
    /// Something happened to the session.
    Notice(Notice),
}

/// A line of the journal.
#[derive(Debug)]
pub(crate) struct Record {
    /// When.
    pub(crate) at: Instant,
    /// In which session.
    pub(crate) session: SessionId,
    /// What.
    pub(crate) what: What,
}

/// A handler's turn: the request, the response to fill in, and all that a handler may do.
pub(crate) struct Turn<'a> {
    /// What time it is.
    pub(crate) now: Instant,
    /// The engine, for everything that has no shorthand here.
    pub(crate) engine: &'a mut Engine,
    /// The request and its response. If the response has no code, it comes later or never.
    pub(crate) exchange: &'a mut Request,
}

impl Turn<'_> {
    /// Answers in the response at hand.
    pub(crate) fn reply(&mut self, code: Code, payload: &[u8]) {
        self.exchange.response.set_code(code);
        if !payload.is_empty() {
            self.exchange.response.set_payload(payload).unwrap();
        }
    }

    /// Puts the request aside: it is handed out again after `delay`.
    pub(crate) fn put_aside(&mut self, delay: Option<Duration>) -> Option<AsyncId> {
        self.engine.register_async(self.now, self.exchange.session, &self.exchange.request, None, delay)
    }

    /// Whether the request was put aside before.
    pub(crate) fn is_delayed(&self) -> bool {
        self.exchange.delayed.is_some()
    }

    /// Answers in a message of its own, at once.
    pub(crate) fn send_separately(&mut self, kind: Type, code: Code) {
        let session = self.exchange.session;
        let mid = self.engine.new_mid(session).unwrap();
        let mut response = Pdu::new(kind, code, mid, MTU as usize);
        response.set_token(self.exchange.request.token()).unwrap();
        self.engine.send(self.now, session, response).unwrap();
    }
}

type Handler = Box<dyn FnMut(&mut Turn<'_>)>;

/// An engine with addresses and an application.
pub(crate) struct Host {
    /// The engine.
    pub(crate) engine: Engine,
    /// The address of its endpoint.
    pub(crate) address: Address,
    /// The multicast groups its endpoint belongs to.
    pub(crate) groups: Vec<Address>,
    /// What the application saw.
    pub(crate) journal: Vec<Record>,
    /// Responses are handed on to whose request was forwarded.
    pub(crate) relays: bool,
    /// Whether the application accepts a response; it accepts all unless this says otherwise.
    pub(crate) accepts: fn(&Pdu) -> bool,
    handlers: HashMap<ResourceId, Handler>,
    /// The sockets of sessions that this host opened, by their addresses.
    clients: HashMap<Address, SessionId>,
    /// Its connections, by the addresses of its end and the other; `None` when it has hung up.
    streams: HashMap<(Address, Address), Option<SessionId>>,
    /// Connections whose end the other side has not been told.
    ended: Vec<(Address, Address)>,
}

impl Host {
    /// The host with this number, whose random numbers come from `seed`.
    pub(crate) fn new(number: u8, seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        Host {
            engine: Engine::new(Box::new(move || rng.u64(..))),
            address: Self::address_of(number, 5683),
            groups: Vec::new(),
            journal: Vec::new(),
            relays: false,
            accepts: |_| true,
            handlers: HashMap::new(),
            clients: HashMap::new(),
            streams: HashMap::new(),
            ended: Vec::new(),
        }
    }

    pub(crate) fn address_of(number: u8, port: u16) -> Address {
        Address::Ip(([10, 0, 0, number], port).into())
    }

    /// Adds a resource that handles every method. It replaces one with the same path.
    pub(crate) fn serve(&mut self, path: &str, handler: impl FnMut(&mut Turn<'_>) + 'static) -> ResourceId {
        self.serve_as(path, Kind::Plain, Flags::default(), handler)
    }

    /// The same for a resource of any kind.
    pub(crate) fn serve_as(
        &mut self,
        path: &str,
        kind: Kind,
        flags: Flags,
        handler: impl FnMut(&mut Turn<'_>) + 'static,
    ) -> ResourceId {
        let resource = Resource::new(path.as_bytes(), kind, flags);
        (1..=7).for_each(|method| assert!(resource.set_method(Code(method), true)));
        let (id, _) = self.engine.resources.add(Arc::new(resource), Arc::new(())).unwrap();
        self.handlers.insert(id, Box::new(handler));
        id
    }

    /// Opens a session to an endpoint, from a socket of its own.
    pub(crate) fn connect(&mut self, now: Instant, remote: &Address) -> SessionId {
        let path = self.new_path(remote);
        let local = path.local.clone();
        let id = self.engine.open(now, path).unwrap();
        self.engine.hold(id);
        self.clients.insert(local, id);
        id
    }

    /// From a socket of its own.
    fn new_path(&self, remote: &Address) -> Path {
        let number = self.clients.len() as u16 + 1;
        let local = match &self.address {
            Address::Ip(endpoint) => Address::Ip((endpoint.ip(), 50_000 + number).into()),
            Address::Unix(_) => unreachable!("hosts have IP addresses"),
        };
        Path { socket: SocketId(number.into()), local, remote: remote.clone(), ifindex: 0 }
    }

    /// Makes a connection to an endpoint. Gives the address of its end too.
    pub(crate) fn connect_over(
        &mut self,
        now: Instant,
        remote: &Address,
        transport: Transport,
    ) -> (SessionId, Address) {
        let path = self.new_path(remote);
        let local = path.local.clone();
        let id = self.engine.open_stream(now, path, transport).unwrap();
        self.engine.hold(id);
        self.clients.insert(local.clone(), id);
        self.begin_stream(now, id, (local.clone(), remote.clone()), transport);
        (id, local)
    }

    /// A peer has made a connection to the endpoint.
    pub(crate) fn accept_from(&mut self, now: Instant, remote: &Address, transport: Transport) {
        let local = self.address.clone();
        let socket = SocketId(1000 + self.streams.len() as u32);
        let path = Path { socket, local: local.clone(), remote: remote.clone(), ifindex: 0 };
        let id = self.engine.accept_stream(now, path, transport).unwrap();
        self.begin_stream(now, id, (local, remote.clone()), transport);
    }

    fn begin_stream(&mut self, now: Instant, id: SessionId, ends: (Address, Address), transport: Transport) {
        self.streams.insert(ends, Some(id));
        self.engine.handle_connected(now, id);
        if transport.is_websocket() {
            self.engine.handle_upgraded(now, id);
        }
    }

    /// Bytes of a connection arrive, or its end does.
    fn receive_stream(&mut self, now: Instant, id: SessionId, mut bytes: &[u8]) {
        let is_framed = |s: &Session| s.transport.is_websocket();
        if bytes.is_empty() {
            self.engine.handle_lost(now, id, NackReason::NotDeliverable);
        } else if self.engine.sessions().get(id).is_some_and(is_framed) {
            self.engine.handle_frame(now, id, bytes);
        } else {
            while self.engine.handle_stream(now, id, &mut bytes) {}
        }
    }

    /// Nothing more is sent in the connection of a session.
    fn hang_up(&mut self, id: SessionId) {
        if let Some((ends, open)) = self.streams.iter_mut().find(|(_, open)| **open == Some(id)) {
            *open = None;
            self.ended.push(ends.clone());
        }
    }

    /// A new request in this session, to be completed and sent.
    pub(crate) fn new_request(&mut self, id: SessionId, kind: Type, code: Code, path: &str) -> Pdu {
        let session = self.engine.session_mut(id).unwrap();
        let (mid, token) = (session.new_mid(), session.new_token());
        let mut request = Pdu::new(kind, code, mid, session.max_pdu_size());
        request.set_token(token.as_bytes()).unwrap();
        for segment in path.split('/') {
            request.add_option(crate::message::Number::URI_PATH, segment.as_bytes()).unwrap();
        }
        request
    }

    /// Nobody receives any more what comes to the sessions that this host opened.
    pub(crate) fn clients_are_gone(&mut self) {
        self.clients.clear();
    }

    /// Whether a datagram to this address comes here.
    pub(crate) fn has_address(&self, to: &Address) -> bool {
        self.address == *to || self.clients.contains_key(to) || self.groups.contains(to)
    }

    /// A datagram arrives, or a piece of a stream.
    pub(crate) fn receive(&mut self, now: Instant, from: &Address, to: &Address, bytes: &[u8]) {
        if let Some(open) = self.streams.get(&(to.clone(), from.clone())).copied() {
            return open.into_iter().for_each(|id| self.receive_stream(now, id, bytes));
        }
        let datagram = Datagram { bytes, multicast: self.groups.contains(to) };
        match self.clients.get(to) {
            Some(id) => {
                self.engine.heard_from(*id, from);
                self.engine.handle_datagram(now, *id, datagram);
            }
            None => {
                let (local, remote) = (self.address.clone(), from.clone());
                let path = Path { socket: ENDPOINT, local, remote, ifindex: 0 };
                if let Some(id) = self.engine.handle_arrival(now, &path, MTU, datagram) {
                    self.engine.handle_datagram(now, id, datagram);
                }
            }
        }
    }

    /// Delivers events until there are none, then hands over what is to be sent.
    pub(crate) fn settle(&mut self, now: Instant, mut send: impl FnMut(&Address, &Address, &[u8])) {
        loop {
            while self.engine.poll_freed_async().is_some() {}
            while self.engine.poll_released().is_some() {}
            let Some(event) = self.engine.poll_event() else { break };
            self.deliver(now, event);
        }
        let transmits = self.engine.transmits();
        transmits.iter().for_each(|t| send(&t.path.local, &t.path.remote, t.bytes));
        transmits.clear();
        self.ended.drain(..).for_each(|(local, remote)| send(&local, &remote, &[]));
        self.check();
    }

    /// The same, into a network.
    pub(crate) fn settle_into(&mut self, now: Instant, network: &mut Network) {
        self.settle(now, |from, to, bytes| network.send(now, from, to, bytes));
    }

    /// What holds at any time.
    pub(crate) fn check(&self) {
        let mut outstanding = 0;
        for (_, session) in self.engine.sessions().iter() {
            let (n, limit) = (session.outstanding.len(), usize::from(session.params().nstart));
            assert!(n <= limit, "{session}: {n} messages under way, NSTART is {limit}");
            let may_go = n < limit && !session.transport.is_reliable();
            assert!(!may_go || session.waiting_len() == 0, "{session}: messages wait though one may go");
            outstanding += n;
        }
        assert_eq!(outstanding, self.engine.outstanding_len());
    }

    fn deliver(&mut self, now: Instant, event: Event) {
        match event {
            Event::Request(mut exchange) => {
                let (request, delayed) = (exchange.request.clone(), exchange.delayed.is_some());
                let body = exchange.body.clone();
                self.note(now, exchange.session, What::Request { request, body, delayed });
                if self.engine.resources.get(exchange.resource).is_none() {
                    return self.engine.resource_gone(now, exchange);
                }
                if let Some(handler) = self.handlers.get_mut(&exchange.resource) {
                    handler(&mut Turn { now, engine: &mut self.engine, exchange: &mut exchange });
                }
                self.engine.respond(now, exchange);
            }
            Event::Response { session, sent, received, body } => {
                let responder = self.engine.responder(session);
                let accepted = (self.accepts)(&received);
                if self.relays {
                    _ = self.engine.relay_response(now, session, &received, body.as_deref());
                }
                self.note(now, session, What::Response { sent, received: received.clone(), body });
                self.engine.response_done_to(now, session, received, accepted, responder);
            }
            Event::Nack { session, sent, reason, mid } => {
                self.note(now, session, What::Nack { sent, reason, mid });
            }
            Event::Ping { session, received } => self.note(now, session, What::Ping(received.mid())),
            Event::Pong { session, received } => self.note(now, session, What::Pong(received.mid())),
            Event::Ended { session, .. } => {
                self.hang_up(session);
                self.note(now, session, What::Notice(Notice::Ended));
            }
            Event::Notice { session, notice } => self.note(now, session, What::Notice(notice)),
            Event::HangUp { session, .. } => self.hang_up(session),
            // None is made anew.
            Event::Reconnect { .. } => {}
        }
    }

    fn note(&mut self, at: Instant, session: SessionId, what: What) {
        self.journal.push(Record { at, session, what });
    }
}
