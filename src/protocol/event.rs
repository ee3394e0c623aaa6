//! What the state machines hand out: bytes to transmit and events to deliver.

use super::asynchronous::AsyncId;
use super::block::Shown;
use super::observe::ObserverId;
use super::resource::{Flags, ResourceId};
use super::session::{Path, Role, SessionId, SocketId};
use crate::address::Address;
use crate::message::header::Encoded;
use crate::message::{Mid, Pdu};
use core::fmt;

/// Why a message that was sent will get no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NackReason {
    /// No acknowledgement after MAX_RETRANSMIT retransmissions.
    TooManyRetries,
    /// The session ended first.
    NotDeliverable,
    /// The peer answered with a Reset.
    Reset,
    /// The network says that nobody listens.
    Unreachable,
    /// The peer answered with what is no response.
    BadResponse,
    /// The connection was not upgraded to WebSocket.
    NotUpgraded,
    /// The (D)TLS connection failed, or the peer has ended it.
    NotSecured,
    /// The (D)TLS connection failed with its first message.
    NeverSecured,
    /// What the application said when it gave the session up.
    Given(u32),
}

/// As applications in C know them.
impl fmt::Display for NackReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NackReason::TooManyRetries | NackReason::Given(0) => "COAP_NACK_TOO_MANY_RETRIES",
            NackReason::NotDeliverable | NackReason::Given(1) => "COAP_NACK_NOT_DELIVERABLE",
            NackReason::Reset | NackReason::Given(2) => "COAP_NACK_RST",
            NackReason::Unreachable => "COAP_NACK_ICMP_ISSUE",
            NackReason::BadResponse => "COAP_NACK_BAD_RESPONSE",
            NackReason::NotUpgraded => "COAP_NACK_WS_LAYER_FAILED",
            NackReason::NotSecured => "COAP_NACK_TLS_FAILED",
            NackReason::NeverSecured => "COAP_NACK_TLS_LAYER_FAILED",
            NackReason::Given(number) => return write!(f, "{number}"),
        })
    }
}

/// Something happened to a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Notice {
    /// A peer opened it.
    Opened,
    /// It has ended. The engine says so by [`Event::Ended`].
    Ended,
    /// A message came that is none.
    BadPacket,
    /// A confirmable message was sent again.
    Retransmitted,
    /// A body that came in blocks was given up before it was complete.
    PartialBody,
    /// A body that was sent in blocks was given up before it was complete.
    BodyNotSent,
    /// The peer did not answer a keep-alive ping.
    KeepAliveFailed,
    /// The connection below it is there.
    Connected,
    /// The connection below it was upgraded to WebSocket.
    Upgraded,
    /// It was not.
    NotUpgraded,
    /// A frame came that is larger than this side takes.
    FrameTooLarge,
    /// The WebSocket connection is closed, by a close frame of either side.
    WebSocketClosed,
    /// What is sent is protected from now on.
    Secured,
    /// One side has found a fault in what the other sent to secure it.
    SecurityFault,
    /// What secured it, or was to, is over.
    Unsecured,
    /// The connection below it could not be made.
    NotConnected,
    /// The connection below it is closed.
    Disconnected,
    /// The peer's settings are known, or are waited for no more: messages flow from now on.
    Ready,
    /// Messages flow no more.
    Unready,
    /// Messages will not flow: it ended before it was ready.
    NotReady,
}

/// Whom a request was sent to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Audience {
    /// This side alone.
    One,
    /// A multicast group, or broadcast; with the flags that say how that is answered.
    Group(Flags),
}

/// What a request has to do with an observation (RFC 7641).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Observation {
    /// Nothing.
    None,
    /// It begins this one, if it is answered with success.
    Begun(ObserverId),
    /// It came earlier and is asked again: the response is a notification.
    Notification(ObserverId),
}

/// A request to be handled, and the response that the handler fills in.
#[derive(Debug)]
pub struct Request {
    /// Who asks.
    pub session: SessionId,
    /// For what.
    pub resource: ResourceId,
    /// The request.
    pub request: Pdu,
    /// What to show of its body, if that came in blocks.
    pub body: Option<Box<Shown>>,
    /// The response, with type, message ID and token set and code 0.00.
    pub response: Pdu,
    /// Whom it was sent to.
    pub audience: Audience,
    /// It is handed out again after a delay that the application asked for.
    pub delayed: Option<AsyncId>,
    /// It is about an observation.
    pub observation: Observation,
}

/// Something for the application.
#[derive(Debug)]
pub enum Event {
    /// A request; give it back through [`super::Engine::respond`].
    Request(Request),
    /// A response; say through [`super::Engine::response_done_to`] whether it was accepted.
    Response {
        /// Whose.
        session: SessionId,
        /// The request, if the response came in its acknowledgement.
        sent: Option<Pdu>,
        /// The response.
        received: Pdu,
        /// What to show of its body, if that came in blocks.
        body: Option<Box<Shown>>,
    },
    /// A message was not delivered.
    Nack {
        /// Whose.
        session: SessionId,
        /// The message, where it was still kept.
        sent: Option<Pdu>,
        /// Why.
        reason: NackReason,
        /// Its message ID.
        mid: Mid,
    },
    /// An empty confirmable message came and was answered (RFC 7252 §4.3).
    Ping {
        /// Whose.
        session: SessionId,
        /// The message.
        received: Pdu,
    },
    /// The peer answered a keep-alive ping.
    Pong {
        /// Whose.
        session: SessionId,
        /// The answer.
        received: Pdu,
    },
    /// A session has ended by itself; nothing more comes from it.
    Ended {
        /// Which.
        session: SessionId,
        /// Who opened it.
        role: Role,
        /// Its socket.
        socket: SocketId,
    },
    /// The connection of a session is of no use any more: what is queued goes out, and it is closed.
    HangUp {
        /// Whose.
        session: SessionId,
        /// Its socket.
        socket: SocketId,
    },
    /// A session whose connection was lost wants another one.
    Reconnect {
        /// Which.
        session: SessionId,
        /// To whom.
        remote: Address,
    },
    /// Something happened to the session.
    Notice {
        /// Which.
        session: SessionId,
        /// What.
        notice: Notice,
    },
}

/// A datagram to be sent; its bytes are in the queue it came from.
#[must_use]
#[derive(Debug)]
pub struct Transmit<'a> {
    /// From where to where.
    pub path: &'a Path,
    /// For whom.
    pub session: SessionId,
    /// What.
    pub bytes: &'a [u8],
}

/// Messages that wait to be sent: the bytes of small ones side by side in one arena, large ones in
/// their own memory.
#[derive(Debug, Default)]
pub struct Transmits {
    arena: Vec<u8>,
    items: Vec<Item>,
    large: usize,
    /// Memory of a large message that has gone, for the next one: fresh memory costs as much as all
    /// the rest.
    spare: Vec<u8>,
}

#[derive(Debug)]
struct Item {
    session: SessionId,
    path: Path,
    /// Where its bytes end in the arena; there are none if it has memory of its own.
    end: usize,
    own: Option<Box<Encoded>>,
}

/// Memory beyond this is not kept, in bytes.
const MAX_SPARE: usize = 2 << 20;

/// The arena keeps so much memory when it is empty, in bytes.
const MAX_ARENA: usize = 1 << 20;

impl Transmits {
    /// Queues a datagram.
    pub(super) fn push(&mut self, session: SessionId, path: &Path, bytes: &[u8]) {
        self.arena.extend_from_slice(bytes);
        self.items.push(Item { session, path: path.clone(), end: self.arena.len(), own: None });
    }

    /// Queues a large message.
    pub(super) fn push_large(&mut self, session: SessionId, path: &Path, message: Encoded) {
        self.large += message.as_bytes().len();
        let own = Some(Box::new(message));
        self.items.push(Item { session, path: path.clone(), end: self.arena.len(), own });
    }

    /// Memory for a large message of `size` bytes, if there is some.
    pub(super) fn take_spare(&mut self, size: usize) -> Option<Vec<u8>> {
        (self.spare.capacity() >= size).then(|| core::mem::take(&mut self.spare))
    }

    /// The datagrams, in the order in which they were queued.
    pub fn iter(&self) -> impl Iterator<Item = Transmit<'_>> {
        let starts = core::iter::once(0).chain(self.items.iter().map(|item| item.end));
        self.items.iter().zip(starts).filter_map(|(item, start)| {
            let bytes = match &item.own {
                Some(own) => own.as_bytes(),
                None => self.arena.get(start..item.end)?,
            };
            Some(Transmit { path: &item.path, session: item.session, bytes })
        })
    }

    /// How many bytes there are.
    pub fn size(&self) -> usize {
        self.arena.len() + self.large
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Forgets them, keeping the memory.
    pub fn clear(&mut self) {
        self.arena.clear();
        self.arena.shrink_to(MAX_ARENA);
        for message in self.items.drain(..).filter_map(|item| item.own) {
            let memory = message.into_memory();
            if (self.spare.capacity()..=MAX_SPARE).contains(&memory.capacity()) {
                self.spare = memory;
            }
        }
        self.large = 0;
    }
}
