//! Which sessions are asked whether the peer is still there (RFC 7252 §4.3), and by which message.
//!
//! Only sessions that this side opened are, and only while an interval is set: the others are not
//! in here and cost nothing.

use super::deadline::DeadlineKey;
use super::session::{Role, SessionId};
use crate::message::Mid;
use core::time::Duration;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

/// The keep-alive pings of a context.
#[derive(Debug, Default)]
pub struct KeepAlive {
    /// After how much silence a session is pinged; `None`: never.
    interval: Option<Duration>,
    sessions: HashMap<SessionId, Watch>,
}

#[derive(Debug)]
struct Watch {
    /// Until when the session may be silent, as far as is known.
    deadline: DeadlineKey,
    /// The ping that was sent last.
    ping: Option<Mid>,
}

impl KeepAlive {
    /// After how much silence a session is pinged.
    pub fn interval(&self) -> Option<Duration> {
        self.interval
    }

    /// Sets it, for all sessions; zero stands for never.
    pub fn set_interval(&mut self, interval: Duration) {
        self.interval = (!interval.is_zero()).then_some(interval);
    }

    /// The time until a retransmission, which a session that is kept alive limits: the messages
    /// that are repeated are the only ones that keep its path open.
    pub fn limit(&self, role: Role, timeout: Duration) -> Duration {
        match (self.interval, role) {
            (Some(interval), Role::Client) => timeout.min(interval),
            _ => timeout,
        }
    }

    /// Notes until when a session may be silent. Gives the deadline that this one replaces.
    pub fn watch(&mut self, id: SessionId, deadline: DeadlineKey) -> Option<DeadlineKey> {
        match self.sessions.entry(id) {
            Entry::Occupied(mut known) => Some(core::mem::replace(&mut known.get_mut().deadline, deadline)),
            Entry::Vacant(new) => {
                new.insert(Watch { deadline, ping: None });
                None
            }
        }
    }

    /// Takes a session out, and gives its deadline.
    pub fn forget(&mut self, id: SessionId) -> Option<DeadlineKey> {
        if self.sessions.is_empty() {
            return None;
        }
        self.sessions.remove(&id).map(|watch| watch.deadline)
    }

    /// A ping was sent in a session.
    pub fn pinged(&mut self, id: SessionId, mid: Mid) {
        if let Some(watch) = self.sessions.get_mut(&id) {
            watch.ping = Some(mid);
        }
    }

    /// Whether the message with this ID is the ping of a session; it is over then.
    pub fn is_over(&mut self, id: SessionId, mid: Mid) -> bool {
        self.sessions.get_mut(&id).is_some_and(|watch| watch.ping.take_if(|p| *p == mid).is_some())
    }
}
