//! The other end of the wire, played by the test: each datagram is sent and expected in turn.

use super::{Host, What};
use crate::address::Address;
use crate::message::{Code, Mid, Number, Pdu, Type};
use crate::protocol::event::{NackReason, Notice};
use crate::protocol::session::{Role, SessionId};
use crate::protocol::time::Instant;
use core::time::Duration;
use std::collections::VecDeque;

pub(crate) const CON: Type = Type::Confirmable;
pub(crate) const NON: Type = Type::NonConfirmable;
pub(crate) const ACK: Type = Type::Acknowledgement;
pub(crate) const RST: Type = Type::Reset;

/// One host, and the test as its peer. What the host sends waits until the test expects it; what
/// it should not send is found by the next expectation, or by [`Peer::expect_silence`].
pub(crate) struct Peer {
    /// The host.
    pub(crate) host: Host,
    /// What time it is.
    pub(crate) now: Instant,
    /// The session between the two, when the host opened it.
    pub(crate) session: Option<SessionId>,
    /// The peer's address, from which it sends.
    pub(crate) address: Address,
    /// Where the host is reached.
    target: Address,
    wire: VecDeque<Vec<u8>>,
    /// Records of the journal that the test has looked at.
    read: usize,
}

impl Peer {
    /// The peer of a server: it sends to the host's endpoint.
    pub(crate) fn of_server() -> Self {
        let host = Host::new(1, 1);
        let target = host.address.clone();
        let address = Host::address_of(2, 40_000);
        Peer { host, now: Instant(5_000), session: None, address, target, wire: VecDeque::new(), read: 0 }
    }

    /// The peer of a client: the host has opened a session to it.
    pub(crate) fn of_client() -> Self {
        let mut peer = Self::of_server();
        let id = peer.host.connect(peer.now, &peer.address);
        peer.session = Some(id);
        if let Some(session) = peer.host.engine.sessions().get(id) {
            peer.target = session.path.local.clone();
        }
        peer
    }

    /// The session between the two.
    pub(crate) fn session(&self) -> SessionId {
        let of_server =
            || self.host.engine.sessions().iter().find(|(_, s)| s.role == Role::Server).map(|(id, _)| id);
        self.session.or_else(of_server).expect("there is a session")
    }

    /// A message to the host, to be completed and sent with [`Outgoing::go`].
    pub(crate) fn send(&mut self, kind: Type, code: Code, token: &[u8], mid: u16) -> Outgoing<'_> {
        let mut pdu = Pdu::new(kind, code, Mid(mid), 65_000);
        pdu.set_token(token).unwrap();
        let to = self.target.clone();
        Outgoing { peer: self, pdu, to }
    }

    /// A datagram to the host.
    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        let to = self.target.clone();
        self.send_bytes_to(&to, bytes);
    }

    fn send_bytes_to(&mut self, to: &Address, bytes: &[u8]) {
        self.host.receive(self.now, &self.address.clone(), to, bytes);
        self.settle();
    }

    /// Sends a request from the host and gives its message ID and token.
    pub(crate) fn request(&mut self, kind: Type, path: &str) -> (u16, Vec<u8>) {
        let session = self.session();
        let request = self.host.new_request(session, kind, Code::GET, path);
        self.transmit(request)
    }

    /// Sends a message from the host and gives its message ID and token.
    pub(crate) fn transmit(&mut self, pdu: Pdu) -> (u16, Vec<u8>) {
        let token = pdu.token().to_vec();
        let mid = self.host.engine.send(self.now, self.session(), pdu).unwrap();
        self.settle();
        (mid.0, token)
    }

    /// Delivers what the host's calls have caused.
    pub(crate) fn settle(&mut self) {
        let wire = &mut self.wire;
        self.host.settle(self.now, |_, _, bytes| wire.push_back(bytes.to_vec()));
    }

    /// Lets time pass; what is due on the way is done when it is due.
    pub(crate) fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.host.engine.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.host.engine.handle_timeout(self.now);
            self.settle();
        }
        self.now = end;
    }

    /// Lets time pass until the host sends something, for at most an hour. Gives how long it took.
    pub(crate) fn wait_for_message(&mut self) -> Duration {
        let start = self.now;
        while self.wire.is_empty() {
            let at = self.host.engine.poll_timeout().expect("something is due");
            assert!(at - start < Duration::from_secs(3600), "nothing is sent");
            self.wait(at - self.now);
        }
        self.now - start
    }

    /// The next message from the host, of any kind.
    pub(crate) fn next_message(&mut self) -> Pdu {
        self.poll_message().expect("the host sends something")
    }

    /// The next message from the host, if it has sent one.
    pub(crate) fn poll_message(&mut self) -> Option<Pdu> {
        let bytes = self.wire.pop_front()?;
        Some(Pdu::decode_udp(&bytes, 65_804).expect("the host sends messages only"))
    }

    /// Whatever the host has sent, nobody looks at it.
    pub(crate) fn discard(&mut self) {
        self.wire.clear();
    }

    /// The next message from the host is this one; the rest of it is given to be looked at.
    pub(crate) fn expect(&mut self, kind: Type, code: Code, token: &[u8], mid: u16) -> Expected {
        let pdu = self.next_message();
        let found = (pdu.kind(), pdu.code(), pdu.token(), pdu.mid().0);
        assert_eq!(found, (kind, code, token, mid));
        Expected(pdu)
    }

    /// The same for a message whose ID the host chooses. Gives that too.
    pub(crate) fn expect_new(&mut self, kind: Type, code: Code, token: &[u8]) -> u16 {
        let pdu = self.next_message();
        assert_eq!((pdu.kind(), pdu.code(), pdu.token()), (kind, code, token));
        pdu.mid().0
    }

    /// The next message answers one to a group: within the leisure, but not at once.
    #[track_caller]
    pub(crate) fn expect_at_leisure(&mut self, code: Code, token: &[u8]) {
        self.expect_silence();
        assert!(self.wait_for_message() < Duration::from_secs(5));
        self.expect_new(NON, code, token);
    }

    /// The next message is an empty one.
    pub(crate) fn expect_empty(&mut self, kind: Type, mid: u16) {
        self.expect(kind, Code::EMPTY, b"", mid);
    }

    /// The host has sent nothing else.
    pub(crate) fn expect_silence(&mut self) {
        if let Some(bytes) = self.wire.pop_front() {
            panic!("the host sent {:?}", Pdu::decode_udp(&bytes, 65_804));
        }
    }

    /// What the application saw since the last call; see [`Seen::Notice`] for what is left out.
    pub(crate) fn seen(&mut self) -> Vec<Seen> {
        let new = self.host.journal.get(self.read..).unwrap_or_default();
        let seen = new.iter().filter_map(|record| Seen::of(&record.what)).collect();
        self.read = self.host.journal.len();
        seen
    }

    /// The end: time passes until nothing is due, and nothing may have been left over.
    pub(crate) fn finish(mut self) {
        self.expect_silence();
        if let Some(session) = self.session {
            self.host.engine.release(self.now, session);
            self.settle();
        }
        self.wait(Duration::from_secs(7200));
        self.host.engine.handle_timeout(self.now);
        self.expect_silence();
        assert_eq!(self.host.engine.census(), Default::default());
    }
}

/// What the application saw, in short.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Seen {
    /// A request with this message ID.
    Request(u16),
    /// A request that was put aside.
    Delayed(u16),
    /// A response with this code and token; with the message ID of the request if it came in the
    /// acknowledgement.
    Response(Code, Vec<u8>, Option<u16>),
    /// A message that was kept was not delivered.
    Nack(NackReason, u16),
    /// The same for one that was not kept.
    NackOfUnknown(NackReason, u16),
    /// A ping.
    Ping(u16),
    /// The answer to a keep-alive ping.
    Pong(u16),
    /// Something happened to the session, other than that it began or ended, or that a message was
    /// sent again.
    Notice(Notice),
}

impl Seen {
    fn of(what: &What) -> Option<Seen> {
        Some(match what {
            What::Request { request, delayed: false, .. } => Seen::Request(request.mid().0),
            What::Request { request, delayed: true, .. } => Seen::Delayed(request.mid().0),
            What::Response { sent, received, .. } => Seen::Response(
                received.code(),
                received.token().to_vec(),
                sent.as_ref().map(|sent| sent.mid().0),
            ),
            What::Nack { sent: Some(_), reason, mid } => Seen::Nack(*reason, mid.0),
            What::Nack { sent: None, reason, mid } => Seen::NackOfUnknown(*reason, mid.0),
            What::Ping(mid) => Seen::Ping(mid.0),
            What::Pong(mid) => Seen::Pong(mid.0),
            What::Notice(Notice::Opened | Notice::Ended | Notice::Retransmitted) => return None,
            What::Notice(notice) => Seen::Notice(*notice),
        })
    }
}

/// A message that the peer is about to send.
#[must_use = "nothing is sent before go()"]
pub(crate) struct Outgoing<'a> {
    peer: &'a mut Peer,
    pdu: Pdu,
    to: Address,
}

impl Outgoing<'_> {
    /// With this Uri-Path.
    pub(crate) fn path(self, path: &str) -> Self {
        path.split('/').fold(self, |out, segment| out.option(Number::URI_PATH, segment.as_bytes()))
    }

    /// With this option.
    pub(crate) fn option(mut self, number: Number, value: &[u8]) -> Self {
        self.pdu.add_option(number, value).unwrap();
        self
    }

    /// With this payload.
    pub(crate) fn payload(mut self, payload: &[u8]) -> Self {
        self.pdu.set_payload(payload).unwrap();
        self
    }

    /// To a multicast group.
    pub(crate) fn group(mut self) -> Self {
        self.to = Address::Ip(([224, 0, 1, 187], 5683).into());
        if !self.peer.host.groups.contains(&self.to) {
            self.peer.host.groups.push(self.to.clone());
        }
        self
    }

    /// Sends it.
    pub(crate) fn go(mut self) {
        let bytes = self.pdu.encode_udp().to_vec();
        self.peer.send_bytes_to(&self.to, &bytes);
    }
}

/// A message that came as expected.
pub(crate) struct Expected(pub(crate) Pdu);

impl Expected {
    /// With this payload; empty for none.
    #[track_caller]
    pub(crate) fn payload(self, payload: &[u8]) -> Self {
        assert_eq!(self.0.payload().unwrap_or_default(), payload);
        self
    }

    /// With this option.
    #[track_caller]
    pub(crate) fn option(self, number: Number, value: &[u8]) -> Self {
        let found: Vec<_> = self.0.options().filter(|o| o.number == number).map(|o| o.value).collect();
        assert!(found.contains(&value), "{number:?} is {found:?}");
        self
    }

    /// Without that option.
    #[track_caller]
    pub(crate) fn no_option(self, number: Number) -> Self {
        assert_eq!(self.0.option(number), None);
        self
    }
}
