//! All state machines of a context, behind one door.
//!
//! Methods come in four kinds. Getters and settings. `handle_*`: what comes from the network and
//! the clock. Calls of the application: `send`, `respond`, `close` and so on. `poll_*`: what the
//! engine hands out; after each call of another kind take the events ([`Engine::poll_event`])
//! until there are none, send what is in [`Engine::transmits`], and come back at
//! [`Engine::poll_timeout`]. Coming back too early does nothing.

mod asynchronous;
mod blockwise;
#[cfg(test)]
mod census;
pub(crate) mod groups;
mod inbound;
mod keepalive;
mod observe;
mod observing;
mod opening;
mod outbound;
mod reconnect;
mod relaying;
mod request;
mod secure;
mod sessions;
mod signalling;
mod stream;
mod tracking;
mod upgrade;

use super::asynchronous::Asyncs;
use super::block::{MAX_SZX, Mode, Shared};
use super::deadline::{DeadlineKey, Deadlines};
use super::duplicate::Duplicates;
use super::event::{Event, Notice, Transmits};
use super::keepalive::KeepAlive;
use super::observe::Observers;
use super::proxy::RelayId;
use super::resource::Table;
use super::session::{SessionId, Sessions, State};
use super::time::Instant;
use crate::message::{Code, Mid, Pdu, Token, Type};
use core::any::Any;
use core::time::Duration;
use hashbrown::{HashMap, HashSet};
use std::collections::VecDeque;
use std::sync::Arc;

#[cfg(test)]
pub(crate) use blockwise::MAX_MEMBERS;
pub use blockwise::Representation;
pub use inbound::Datagram;
pub use outbound::SendError;
pub use relaying::{Forward, Relayed};
pub use sessions::OpenError;
pub use tracking::{RestoreError, Track, packet_of};

/// Settings of a context that the state machines follow.
#[derive(Clone, Debug)]
pub struct Config {
    /// The most bytes of a message to and from new sessions, header included.
    pub mtu: u32,
    /// The longest token accepted, in bytes (RFC 8974).
    pub max_token: u32,
    /// How long a session that a peer opened may be idle.
    pub session_timeout: Duration,
    /// The most idle sessions that peers opened; 0 for no limit.
    pub max_idle_sessions: usize,
    /// The most connections of peers that wait for an upgrade or a CSM; 0 for as many as there may be
    /// at most.
    pub max_handshake_sessions: usize,
    /// How long the CSM of a peer may take (RFC 8323 §5.3).
    pub csm_timeout: Duration,
    /// After how long a lost connection of this side is made again; `None` for never.
    pub reconnect: Option<Duration>,
    /// The largest message over a reliable transport that this side takes, in bytes.
    pub csm_max_message_size: u32,
    /// The most memory that messages take of which only a part has come, in bytes.
    pub max_partial: usize,
    /// Requests to a group reach only resources that are marked for it.
    pub multicast_per_resource: bool,
    /// Critical options that the application handles itself.
    pub known_options: HashSet<u16>,
    /// Who does what in block-wise transfers of new sessions.
    pub block_mode: Mode,
    /// The exponent of the largest block that new sessions use.
    pub largest_szx: u8,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            // RFC 7252 §4.6: what fits most paths without fragmentation.
            mtu: 1152,
            max_token: Token::DEFAULT_MAX as u32,
            session_timeout: Duration::from_secs(300),
            max_idle_sessions: 0,
            max_handshake_sessions: 0,
            csm_timeout: Duration::from_secs(1),
            reconnect: None,
            csm_max_message_size: 8_388_864,
            max_partial: 256 << 20,
            multicast_per_resource: false,
            known_options: HashSet::new(),
            block_mode: Mode::default(),
            largest_szx: MAX_SZX,
        }
    }
}

/// What a deadline is for.
#[derive(Debug)]
enum Timer {
    /// A confirmable message was not acknowledged.
    Retransmit(SessionId, Mid),
    /// A delayed response is due.
    Async(super::asynchronous::AsyncId),
    /// A body in blocks was left alone for too long.
    Body(blockwise::Name),
    /// An answer to a group has waited for long enough.
    Leisure(SessionId, Box<Pdu>),
    /// A session may have been silent for too long.
    Silence(SessionId),
    /// The peer's CSM should be there.
    Csm(SessionId),
    /// A lost connection is to be made again.
    Reconnect(SessionId),
    /// The connection should be secured and upgraded.
    Handshake(SessionId),
    /// The answer to a Ping over a stream should be there.
    Pong(SessionId),
    /// What was forwarded has no response.
    Relay(RelayId),
    /// A session to another server may be idle.
    Upstream(SessionId),
}

/// A confirmable message that waits for its acknowledgement.
#[derive(Debug)]
struct Outstanding {
    pdu: Pdu,
    /// Retransmissions made.
    attempts: u16,
    timeout: Duration,
    deadline: DeadlineKey,
}

/// A source of random numbers.
pub type Random = Box<dyn FnMut() -> u64 + Send>;

/// What the application keeps with a resource: its handlers.
pub type Handle = Arc<dyn Any + Send + Sync>;

/// The state machines of one context.
pub struct Engine {
    /// Settings.
    pub config: Config,
    /// Asked before each datagram: whether it is lost on purpose, to see what then happens.
    pub is_lost: fn() -> bool,
    /// The resources.
    pub resources: Table<Handle>,
    sessions: Sessions,
    opening: opening::Opening,
    outstanding: HashMap<(SessionId, Mid), Outstanding>,
    duplicates: Duplicates,
    asyncs: Asyncs,
    freed_asyncs: Vec<super::asynchronous::AsyncId>,
    /// Answers to groups that wait.
    leisurely: usize,
    keepalive: KeepAlive,
    observers: Observers,
    tracking: tracking::Tracking,
    /// When [`Engine::handle_timeout`] was called last.
    turn_began: Instant,
    /// Bodies that are larger than a message.
    bodies: blockwise::Bodies,
    /// What is forwarded to other servers.
    proxying: relaying::Proxying,
    /// Sessions that the application has left and that may have done what they had to.
    left: Vec<SessionId>,
    /// Messages that are sent again when the application has heard of it.
    resends: VecDeque<(Instant, SessionId, Mid)>,
    /// The one that it is hearing of.
    resending: Option<(Instant, SessionId, Mid)>,
    /// The session whose end was told last.
    ended: Option<SessionId>,
    /// The session whose connection is being closed.
    hanging_up: Option<SessionId>,
    /// What is being told to the application, which changes the session when it has heard of it.
    told: Option<(SessionId, Notice)>,
    /// When a connection was last heard of.
    heard: Instant,
    /// Sessions whose connections were lost and are made again.
    returns: HashMap<SessionId, reconnect::Return>,
    /// Bytes of messages that came in part.
    partial: usize,
    deadlines: Deadlines<Timer>,
    events: VecDeque<Event>,
    transmits: Transmits,
    random: Random,
    /// Messages whose memory is used again.
    spare: Vec<Pdu>,
}

/// How many messages are kept for their memory.
const MAX_SPARE: usize = 64;

/// Memory beyond this is not kept.
const MAX_SPARE_SIZE: usize = 4096;

impl Engine {
    /// An engine without sessions.
    pub fn new(random: Random) -> Self {
        Engine {
            config: Config::default(),
            is_lost: || false,
            resources: Table::default(),
            sessions: Sessions::default(),
            opening: opening::Opening::default(),
            outstanding: HashMap::new(),
            duplicates: Duplicates::default(),
            asyncs: Asyncs::default(),
            freed_asyncs: Vec::new(),
            leisurely: 0,
            keepalive: KeepAlive::default(),
            observers: Observers::default(),
            tracking: tracking::Tracking::default(),
            turn_began: Instant::default(),
            bodies: blockwise::Bodies::default(),
            proxying: relaying::Proxying::default(),
            left: Vec::new(),
            resends: VecDeque::new(),
            resending: None,
            ended: None,
            hanging_up: None,
            told: None,
            heard: Instant::default(),
            returns: HashMap::new(),
            partial: 0,
            deadlines: Deadlines::default(),
            events: VecDeque::new(),
            transmits: Transmits::default(),
            random,
            spare: Vec::new(),
        }
    }

    /// The sessions.
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// One session, to be configured.
    pub fn session_mut(&mut self, id: SessionId) -> Option<&mut super::session::Session> {
        self.sessions.get_mut(id)
    }

    /// The next event to deliver. A session whose end it tells of can be looked at until the next
    /// call.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event> {
        if let Some(id) = self.ended.take() {
            self.sessions.remove(id);
        }
        if let Some((now, id, mid)) = self.resending.take() {
            self.resend(now, id, mid);
        }
        if let Some(id) = self.hanging_up.take() {
            self.hung_up(id);
        }
        match self.told.take() {
            Some((id, Notice::Connected)) if self.begins_connected(id) => self.begin(self.heard, id),
            Some((id, Notice::Upgraded)) => self.begin(self.heard, id),
            Some((id, Notice::Secured)) => self.secured_told(self.heard, id),
            Some((id, Notice::Ready)) => self.establish(self.heard, id),
            Some((id, Notice::Unready | Notice::NotReady)) => self.lost_told(id),
            Some((id, Notice::Unsecured)) => self.unsecured_told(id),
            _ => {}
        }
        if self.events.is_empty() {
            if let Some(notification) = self.next_notification() {
                return Some(notification);
            }
            self.end_left();
        }
        let event = self.events.pop_front().map(|event| self.name_request(event));
        if let Some(Event::Notice { notice: Notice::Retransmitted, .. }) = &event {
            self.resending = self.resends.pop_front();
        }
        if let Some(event) = &event {
            self.note_for_relays(event);
        }
        match &event {
            Some(Event::Ended { session, .. }) => self.ended = Some(*session),
            Some(Event::HangUp { session, .. }) => self.hanging_up = Some(*session),
            Some(Event::Notice { session, notice }) => self.note_told(*session, *notice),
            _ => {}
        }
        event
    }

    /// Whether an event waits to be delivered.
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
            || self.told.is_some()
            || self.hanging_up.is_some()
            || !self.left.is_empty()
            || self.observers.has_due()
            || self.bodies.has_released()
            || !self.tracking.is_empty()
    }

    /// The next body that the library is done with: to be dropped where the application may run.
    #[must_use]
    pub fn poll_released(&mut self) -> Option<Shared> {
        self.bodies.pop_released()
    }

    /// What waits to be sent; clear it when it is.
    #[must_use]
    pub fn transmits(&mut self) -> &mut Transmits {
        &mut self.transmits
    }

    /// When [`Engine::handle_timeout`] wants to be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.observers.has_changes() {
            return Some(self.turn_began);
        }
        let expiry =
            self.sessions.least_recently_used().map(|(_, s)| s.last_used + self.config.session_timeout);
        match (self.deadlines.next(), expiry) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Has the observers of what has changed notified.
    pub fn begin_turn(&mut self, now: Instant) {
        self.turn_began = now;
        self.observers.begin_turn();
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.begin_turn(now);
        self.do_due(now);
        self.expire_sessions(now);
        // What the end of a session brings about.
        self.do_due(now);
        self.duplicates.forget_expired(now);
    }

    fn do_due(&mut self, now: Instant) {
        while let Some(timer) = self.deadlines.pop_due(now) {
            match timer {
                Timer::Retransmit(session, mid) => self.retransmit(now, session, mid),
                Timer::Async(id) => self.async_due(now, id),
                Timer::Body(name) => self.body_expired(now, name),
                Timer::Leisure(session, response) => self.leisure_over(now, session, *response),
                Timer::Silence(session) => self.silence_due(now, session),
                Timer::Reconnect(session) => self.reconnect_due(session),
                Timer::Csm(session) => self.csm_overdue(now, session),
                Timer::Handshake(session) => self.handshake_overdue(now, session),
                Timer::Pong(session) => self.pong_overdue(now, session),
                Timer::Relay(id) => self.relay_due(now, id),
                Timer::Upstream(session) => self.upstream_due(now, session),
            }
        }
    }

    /// Whether no message waits for anything: no acknowledgement, no free place, no delay.
    pub fn is_quiet(&mut self) -> bool {
        self.outstanding.is_empty()
            && !self.has_delayed()
            && self.asyncs.is_empty()
            && self.leisurely == 0
            && self.transmits.is_empty()
            && self.events.is_empty()
            && !self.observers.has_changes()
            && !self.observers.has_due()
    }

    /// Whether a response is still to come that this side has been promised by an acknowledgement, or,
    /// where the library follows requests to their ends, any response or notification. Looks at the
    /// sessions that have sent requests.
    pub fn is_expecting(&mut self, now: Instant) -> bool {
        self.sessions.asking().any(|s| {
            let any = s.block_mode.has(crate::protocol::block::Mode::USE_LIBCOAP);
            s.exchanges.awaits(now, s.params().exchange_lifetime(), any)
        })
    }

    /// Whether nothing that was sent waits to be acknowledged or for its turn.
    pub fn is_settled(&mut self) -> bool {
        self.outstanding.is_empty() && !self.has_delayed() && self.leisurely == 0 && self.transmits.is_empty()
    }

    /// Whether a request waits for a handshake over datagrams.
    fn has_delayed(&mut self) -> bool {
        self.sessions
            .asking()
            .any(|s| s.state == State::Handshake && !s.transport.is_reliable() && s.waiting_len() > 0)
    }

    /// How many confirmable messages wait for their acknowledgement.
    pub fn outstanding_len(&self) -> usize {
        self.outstanding.len()
    }

    /// Takes back a message that is no longer needed.
    pub fn recycle(&mut self, pdu: Pdu) {
        if self.spare.len() < MAX_SPARE && pdu.used_size() <= MAX_SPARE_SIZE {
            self.spare.push(pdu);
        }
    }

    fn blank(&mut self, kind: Type, code: Code, mid: Mid, max_size: usize) -> Pdu {
        match self.spare.pop() {
            Some(mut pdu) => {
                pdu.reset(kind, code, mid, max_size);
                pdu
            }
            None => Pdu::new(kind, code, mid, max_size),
        }
    }

    /// Memory for a copy of a message.
    fn spare(&mut self) -> Pdu {
        self.blank(Type::NonConfirmable, Code::EMPTY, Mid(0), 0)
    }

    fn notice(&mut self, session: SessionId, notice: Notice) {
        self.events.push_back(Event::Notice { session, notice });
    }
}
