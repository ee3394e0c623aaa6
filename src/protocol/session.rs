//! Sessions: who talks to whom, with which parameters.

mod table;

pub use table::Sessions;

use super::block::quick::Support;
use super::block::{BERT_SZX, Block, BodyError, MAX_SZX, Mode};
use super::exchange::Exchanges;
use super::params::Params;
use super::stream::{BASE_MESSAGE_SIZE, Stream};
use super::time::Instant;
use crate::address::Address;
use crate::message::{Framing, Mid, Number, Pdu, Token, Type};
use core::fmt;
use core::hash::Hash;
use smallvec::SmallVec;
use std::borrow::Cow;
use std::collections::VecDeque;

/// Names a session. It goes stale when the session ends; a later session never has the same one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct SessionId {
    index: u32,
    generation: u32,
}

impl SessionId {
    /// Grows with each session of a table.
    pub fn age(self) -> u32 {
        self.generation
    }

    /// The place in the table; used again after the session ends.
    pub fn index(self) -> usize {
        self.index as usize
    }

    /// Bytes that no other session of its table has.
    pub fn to_bytes(self) -> [u8; 8] {
        (u64::from(self.generation) << 32 | u64::from(self.index)).to_le_bytes()
    }

    #[cfg(test)]
    pub(crate) const fn for_test(index: u32) -> Self {
        SessionId { index, generation: 0 }
    }
}

/// Stands for a peer at a socket, also when its session has ended and it opens another: a keyed
/// digest of the two.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PeerKey(pub(super) u64);

/// Names a socket of the driver.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct SocketId(pub u32);

/// The transport below a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    /// CoAP over UDP (RFC 7252).
    Udp,
    /// CoAP over TCP (RFC 8323).
    Tcp,
    /// CoAP over WebSockets (RFC 8323 §4).
    WebSocket,
    /// CoAP over DTLS (RFC 7252 §9.1).
    Dtls,
    /// CoAP over TLS (RFC 8323 §3).
    Tls,
    /// CoAP over WebSockets over TLS (RFC 8323 §4).
    SecureWebSocket,
}

impl Transport {
    /// It delivers all and in order, or breaks: there is no message layer (RFC 8323 §2.2).
    pub fn is_reliable(self) -> bool {
        match self {
            Transport::Udp | Transport::Dtls => false,
            Transport::Tcp | Transport::WebSocket | Transport::Tls | Transport::SecureWebSocket => true,
        }
    }

    /// There is a (D)TLS connection between it and messages.
    pub fn is_secure(self) -> bool {
        matches!(self, Transport::Dtls | Transport::Tls | Transport::SecureWebSocket)
    }

    /// Its messages are in frames of a WebSocket connection.
    pub fn is_websocket(self) -> bool {
        matches!(self, Transport::WebSocket | Transport::SecureWebSocket)
    }

    /// What its messages are handed to, as log lines say.
    pub fn layer(self) -> &'static str {
        match self {
            Transport::Udp | Transport::Tcp | Transport::WebSocket => "netif",
            Transport::Dtls => "dtls",
            Transport::Tls | Transport::SecureWebSocket => "tls",
        }
    }

    /// The header of its messages.
    pub fn framing(self) -> Framing {
        match self {
            Transport::Udp | Transport::Dtls => Framing::Udp,
            Transport::Tcp | Transport::Tls => Framing::Tcp,
            Transport::WebSocket | Transport::SecureWebSocket => Framing::WebSocket,
        }
    }
}

/// Who opened the session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// This side; the session has a socket of its own.
    Client,
    /// The peer, by sending to an endpoint.
    Server,
}

/// How far the session is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Nothing can be sent until the peer speaks again; over a reliable transport, never again.
    Closed,
    /// It is over.
    Ended,
    /// The connection is being made.
    Connecting,
    /// The connection is there, and is being secured or upgraded to WebSocket.
    Handshake,
    /// The peer's CSM is waited for (RFC 8323 §5.3).
    Csm,
    /// Messages flow.
    Established,
}

/// What has become of the (D)TLS connection of a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Security {
    /// There has been none so far.
    None,
    /// The handshake is under way.
    Begun,
    /// What is sent is protected.
    Done,
    /// It is over.
    Over,
    /// It was over before it began: the first message of the peer was no good.
    Never,
}

/// What DTLS adds to a datagram with the suites that constrained devices use (RFC 6347 §4.1, RFC 6655
/// §3), in bytes; taken for granted until the suite is known.
const DTLS_OVERHEAD: u16 = 13 + 8 + 8;

/// The ends of a session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Path {
    /// The socket it uses.
    pub socket: SocketId,
    /// The address on this side.
    pub local: Address,
    /// The address of the peer.
    pub remote: Address,
    /// The interface that the peer's messages come in on; 0 if not known.
    pub ifindex: u32,
}

impl Hash for Path {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        // The interface does not tell sessions apart. The local address does: for the peer, each of
        // this host's addresses is an endpoint of its own, with message IDs of its own.
        (self.socket, &self.local, &self.remote).hash(state);
    }
}

impl Path {
    fn same_ends(&self, other: &Path) -> bool {
        self.socket == other.socket && self.remote == other.remote && self.local == other.local
    }
}

const NOBODY: u32 = u32::MAX;

/// The most messages that wait for a stream to take them, and the most bytes of them if there are
/// more than one; and the most that wait for a peer over datagrams to acknowledge those before.
const MAX_WAITING: usize = 1024;
const MAX_WAITING_SIZE: usize = 16 << 20;

/// One session.
#[derive(Debug)]
pub struct Session {
    /// Its ends.
    pub path: Path,
    /// Who opened it.
    pub role: Role,
    /// What carries it.
    pub transport: Transport,
    /// How far it is.
    pub state: State,
    /// What has become of the connection that secures it.
    pub security: Security,
    /// The most bytes of one message, header included, and what secures it.
    pub mtu: u32,
    /// What securing adds to a datagram, in bytes.
    pub overhead: u16,
    /// A peer has begun to make a connection, and did not come to the end of that.
    pub is_opening: bool,
    /// Tokens of more than 8 bytes (RFC 8974) were allowed when it was opened.
    pub extended_tokens: bool,
    /// When a message last went in or out.
    pub last_used: Instant,
    /// Confirmable messages sent and not yet answered (RFC 7252 §4.7 limits them to NSTART).
    pub outstanding: SmallVec<[Mid; 4]>,
    /// Requests sent, by token.
    pub exchanges: Exchanges,
    /// When a Reset last went out in answer to an empty message.
    pub last_reset: Option<Instant>,
    /// Delayed responses that the application has announced and not yet given.
    pub asyncs: u32,
    /// Answers of this side to groups that wait (RFC 7252 §8.2).
    pub leisurely: u32,
    /// Its requests that another server was asked for and has not answered.
    pub forwarded: u32,
    /// Observations that the peer has begun and not ended (RFC 7641).
    pub observers: u32,
    /// What this side observes is not cancelled when the session ends.
    pub keeps_observations: bool,
    /// Who does what in block-wise transfers.
    pub block_mode: Mode,
    /// Whether the peer knows Q-Block (RFC 9177).
    pub quick: Support,
    /// The exponent of the largest block that this side uses.
    pub largest_szx: u8,
    /// The Request-Tag that was used last (RFC 9175 §3).
    request_tag: u32,
    /// What the peer wants to hear with the next request (RFC 9175 §2).
    pub echo: Option<Box<[u8]>>,
    /// It sends to a multicast group, or broadcast: others than its remote address answer.
    pub sends_to_group: bool,
    /// Who answered last since a request was sent, where the session sends to a group.
    pub responder: Option<Box<Address>>,
    /// What is special about a reliable transport.
    pub stream: Option<Box<Stream>>,
    /// What is sent goes to that member of the group alone.
    pub asks_member: bool,
    /// While not zero the application holds the session, and it does not expire.
    holds: u32,
    params: Option<Box<Params>>,
    /// Confirmable messages that wait for one of the outstanding ones to end.
    #[expect(clippy::box_collection, reason = "most sessions never have one, and there are many sessions")]
    waiting: Option<Box<VecDeque<Pdu>>>,
    next_mid: Mid,
    next_token: u64,
    generation: u32,
    older: u32,
    newer: u32,
}

impl Session {
    /// A session in use from `now` on; `seed` makes its message IDs and tokens hard to guess.
    pub fn new(path: Path, role: Role, mtu: u32, extended_tokens: bool, now: Instant, seed: u64) -> Self {
        let sends_to_group = role == Role::Client && path.remote.is_multicast();
        Session {
            path,
            role,
            transport: Transport::Udp,
            state: State::Established,
            security: Security::None,
            mtu,
            overhead: 0,
            is_opening: false,
            extended_tokens,
            last_used: now,
            outstanding: SmallVec::new(),
            exchanges: Exchanges::default(),
            last_reset: None,
            asyncs: 0,
            leisurely: 0,
            forwarded: 0,
            observers: 0,
            keeps_observations: false,
            block_mode: Mode::default(),
            quick: Support::Unknown,
            largest_szx: super::block::MAX_SZX,
            request_tag: (seed as u32).rotate_left(16),
            echo: None,
            sends_to_group,
            responder: None,
            asks_member: false,
            stream: None,
            holds: 0,
            params: None,
            waiting: None,
            next_mid: Mid(seed as u16),
            next_token: seed >> 16,
            generation: 0,
            older: NOBODY,
            newer: NOBODY,
        }
    }

    /// Its transmission parameters.
    pub fn params(&self) -> &Params {
        self.params.as_deref().unwrap_or(&Params::DEFAULT)
    }

    /// The same, to be changed.
    pub fn params_mut(&mut self) -> &mut Params {
        self.params.get_or_insert_with(|| Box::new(Params::DEFAULT))
    }

    /// A message ID that this session has not used for the last 65,535 messages. Over a stream
    /// there are none (RFC 8323 §2.2), and it is 0.
    pub fn new_mid(&mut self) -> Mid {
        if self.transport.is_reliable() {
            return Mid(0);
        }
        self.next_mid = self.next_mid.next();
        self.next_mid
    }

    /// Whether a confirmable message with this ID is under way, or waits for its turn.
    pub fn is_taken(&self, mid: Mid) -> bool {
        let waits = || self.waiting.as_ref().is_some_and(|w| w.iter().any(|pdu| pdu.mid() == mid));
        self.outstanding.contains(&mid) || waits()
    }

    /// A token that this session has not used before.
    pub fn new_token(&mut self) -> Token {
        let token = self.next_token;
        self.next_token = token.wrapping_add(1);
        Token::new(&crate::message::option::encode_uint(token))
    }

    /// A Request-Tag that this session has not used lately.
    pub fn new_request_tag(&mut self) -> SmallVec<[u8; 8]> {
        self.request_tag = self.request_tag.wrapping_add(1);
        crate::message::option::encode_uint(u64::from(self.request_tag))
    }

    /// Makes `start`, taken as a number, the next token.
    pub fn init_token(&mut self, start: u64) {
        self.next_token = start;
    }

    /// A Block option of a message that came over this session.
    pub fn block_of(&self, pdu: &Pdu, number: Number) -> Result<Option<Block>, BodyError> {
        match self.transport.is_reliable() {
            true => Block::on_stream(pdu, number),
            false => Block::of(pdu, number),
        }
    }

    /// The exponent of the largest block that this side sends here. Where the peer takes blocks of
    /// several kilobytes, these are as large as its messages may be, unless the application wants
    /// smaller ones.
    pub fn largest_block(&self) -> u8 {
        let takes_blocks = self.stream.as_ref().is_some_and(|s| s.peer_takes_blocks);
        // RFC 8323 §5.3.2: it says so by taking blocks, and larger messages than it must.
        match takes_blocks && self.mtu > BASE_MESSAGE_SIZE && self.largest_szx == MAX_SZX {
            true => BERT_SZX,
            false => self.largest_szx,
        }
    }

    /// Makes it one over a reliable transport whose connection is being made.
    pub fn over_stream(&mut self, transport: Transport) {
        self.transport = transport;
        self.state = State::Connecting;
        self.security = Security::None;
        self.mtu = BASE_MESSAGE_SIZE;
        self.extended_tokens = false;
        self.stream = Some(Box::default());
    }

    /// Makes it one over DTLS, whose connection is being made.
    pub fn over_dtls(&mut self) {
        self.transport = Transport::Dtls;
        self.state = State::Connecting;
        self.security = Security::None;
        self.overhead = DTLS_OVERHEAD;
    }

    /// The most bytes of a message, header included.
    pub fn max_message_size(&self) -> usize {
        (self.mtu as usize).saturating_sub(usize::from(self.overhead))
    }

    /// The most bytes that token, options and payload of a message may take.
    pub fn max_pdu_size(&self) -> usize {
        let size = self.max_message_size();
        size.saturating_sub(self.transport.framing().header_len(size))
    }

    /// Whom its messages come from: the peer, or who of a group answered last.
    pub fn correspondent(&self) -> &Address {
        self.responder.as_deref().unwrap_or(&self.path.remote)
    }

    /// Where a message of this type goes: what one member of a group sent is acknowledged or
    /// rejected to that member, and it may be asked for more of it.
    pub fn path_of(&self, kind: Type) -> Cow<'_, Path> {
        match &self.responder {
            Some(responder) if self.asks_member || matches!(kind, Type::Acknowledgement | Type::Reset) => {
                Cow::Owned(Path { remote: (**responder).clone(), ..self.path.clone() })
            }
            _ => Cow::Borrowed(&self.path),
        }
    }

    /// The peer speaks, or is spoken to because it did: if it opened the session and that was given
    /// up, it goes on.
    pub fn revive(&mut self) {
        if self.role == Role::Server && self.state == State::Closed {
            self.state = State::Established;
        }
    }

    /// Whether one more message of so many bytes may wait for the transport.
    pub fn has_room(&self, size: usize) -> bool {
        let bytes = self.stream.as_ref().map_or(0, |s| s.waiting);
        self.waiting_len() == 0 || self.waiting_len() < MAX_WAITING && bytes + size <= MAX_WAITING_SIZE
    }

    /// A message waits for the transport.
    pub fn wait(&mut self, pdu: Pdu, size: usize) {
        self.waiting_mut().push_back(pdu);
        if let Some(stream) = &mut self.stream {
            stream.waiting += size;
        }
    }

    /// The messages that wait for NSTART to let them go.
    pub fn waiting_mut(&mut self) -> &mut VecDeque<Pdu> {
        self.waiting.get_or_insert_default()
    }

    /// Takes them out.
    pub fn take_waiting(&mut self) -> VecDeque<Pdu> {
        if let Some(stream) = &mut self.stream {
            stream.waiting = 0;
        }
        self.waiting.take().map_or_else(VecDeque::new, |waiting| *waiting)
    }

    /// Takes messages out of those that wait.
    pub fn withdraw_waiting(&mut self, is_withdrawn: impl Fn(&Pdu) -> bool) {
        let Some(waiting) = &mut self.waiting else { return };
        let framing = self.transport.framing();
        let size = |all: &VecDeque<Pdu>| all.iter().map(|pdu| pdu.encoded_len(framing)).sum::<usize>();
        let before = size(waiting);
        waiting.retain(|pdu| !is_withdrawn(pdu));
        if let Some(stream) = &mut self.stream {
            stream.waiting = stream.waiting.saturating_sub(before - size(waiting));
        }
    }

    /// Whether the transport takes no more bytes for now.
    pub fn is_blocked(&self) -> bool {
        self.stream.as_ref().is_some_and(|s| s.is_blocked)
    }

    /// Whether its connection is being made, or the peer's CSM is waited for.
    pub fn is_coming(&self) -> bool {
        matches!(self.state, State::Connecting | State::Handshake | State::Csm) && !self.is_lost()
    }

    /// Whether an application that wants to send should wait until its connection is of use: not where
    /// that takes no time worth mentioning.
    pub fn is_worth_waiting_for(&self) -> bool {
        let takes_time = self.stream.as_ref().is_some_and(|s| !s.was_there_at_once);
        self.role == Role::Client && self.is_coming() && takes_time
    }

    /// Whether its connection is gone.
    pub fn is_lost(&self) -> bool {
        self.stream.as_ref().is_some_and(|s| s.is_lost)
            || matches!(self.security, Security::Over | Security::Never)
    }

    /// Whether this side opened it and the application does not hold it any more.
    pub fn is_left(&self) -> bool {
        self.role == Role::Client && self.holds == 0
    }

    /// Whether the next that lets go of it is the last that holds it.
    pub fn is_held_once(&self) -> bool {
        self.holds == 1
    }

    /// Whether the application holds it.
    pub fn is_held(&self) -> bool {
        self.holds > 0
    }

    /// The longest token that a request may have, of which this side takes `own` bytes (RFC 8974).
    pub fn longest_token(&self, own: usize) -> usize {
        match &self.stream {
            Some(stream) => own.min(stream.longest_token).max(Token::DEFAULT_MAX),
            None if self.extended_tokens => own,
            None => Token::DEFAULT_MAX,
        }
    }

    /// How many of them there are.
    pub fn waiting_len(&self) -> usize {
        self.waiting.as_ref().map_or(0, |w| w.len())
    }

    /// Whether the library does Q-Block in this session. Where nothing is lost there is no use in it.
    pub fn tries_quick(&self) -> bool {
        self.block_mode.tries_quick() && !self.transport.is_reliable()
    }

    /// Whether Q-Block is what bodies come and go in.
    pub fn is_quick(&self) -> bool {
        self.quick == Support::Known && self.tries_quick()
    }

    /// Whether another confirmable message may go at once.
    pub fn has_slot(&self) -> bool {
        self.waiting_len() == 0 && self.outstanding.len() < usize::from(self.params().nstart)
    }

    /// Whether it may be closed without the peer missing it.
    pub fn is_expendable(&self) -> bool {
        self.is_idle() && self.observers == 0
    }

    /// Whether it is one of those of which the one idle for longest makes room for others. A peer that
    /// has only connected, and waits to be upgraded, is not: it must not push out those that are there.
    pub fn is_listed(&self) -> bool {
        let waits = self.transport.is_websocket()
            && matches!(self.state, State::Connecting | State::Handshake)
            && self.stream.as_ref().is_some_and(|s| !s.is_upgraded);
        self.role == Role::Server && self.holds == 0 && self.state != State::Ended && !waits
    }

    /// Whether it may be closed without anybody on this side missing it.
    pub fn is_idle(&self) -> bool {
        self.holds == 0
            && self.asyncs == 0
            && self.leisurely == 0
            && self.forwarded == 0
            && self.outstanding.is_empty()
            && self.waiting_len() == 0
            && !self.is_blocked()
    }
}

/// Both ends and the transport, as log lines begin.
impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} <-> {}", self.path.local, self.path.remote)?;
        if self.path.ifindex != 0 {
            write!(f, " (if{})", self.path.ifindex)?;
        }
        write!(f, " {:4}", self.transport)
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::WebSocket => "WS",
            Transport::Dtls => "DTLS",
            Transport::Tls => "TLS",
            Transport::SecureWebSocket => "WSS",
        })
    }
}
