//! Requests that came to a group: which are answered, and when (RFC 7252 §8).

use super::{Engine, Timer};
use crate::message::{Code, Number, Pdu};
use crate::protocol::event::Audience;
use crate::protocol::resource::{Flags, ResourceId};
use crate::protocol::session::SessionId;
use crate::protocol::time::Instant;

/// The most answers that wait in one context. Beyond that answers to groups are dropped, as the
/// network may drop any: who floods groups does not make this side keep what it does not send.
pub(crate) const MAX_LEISURELY: usize = 1024;

/// The most of them for one peer.
pub(crate) const MAX_LEISURELY_PER_SESSION: u32 = 64;

impl Engine {
    /// Whom a request was sent to that only came to one resource, or to none.
    pub(super) fn audience(&self, multicast: bool, resource: Option<ResourceId>) -> Audience {
        if !multicast {
            return Audience::One;
        }
        // The flags count where resources are asked one by one. What is no resource has none.
        let flags = resource.and_then(|id| self.resources.get(id)).map(|e| e.resource.flags());
        Audience::Group(flags.filter(|_| self.config.multicast_per_resource).unwrap_or_default())
    }

    /// Whether a resource takes requests that came to a group.
    pub(super) fn answers_groups(&self, id: ResourceId) -> bool {
        !self.config.multicast_per_resource
            || self.resources.get(id).is_some_and(|e| e.resource.has(Flags::HAS_MCAST_SUPPORT))
    }

    /// Sends the answer to a request to a group at some time within the leisure, so that not all
    /// members answer at once (RFC 7252 §8.2).
    pub(super) fn answer_at_leisure(&mut self, now: Instant, id: SessionId, response: Pdu) {
        let random = (self.random)();
        let Some(session) = self.sessions.get_mut(id) else { return };
        let delay = session.params().leisure(random as u32);
        if delay.is_zero() {
            return self.send_response(now, id, response);
        }
        if self.leisurely >= MAX_LEISURELY || session.leisurely >= MAX_LEISURELY_PER_SESSION {
            crate::log!(INFO, "** {session}: too many answers to groups wait: one is dropped");
            return self.recycle(response);
        }
        let (mid, ms) = (response.mid().0, delay.as_millis());
        crate::log!(DEBUG, "** {session}: mid=0x{mid:04x}: answer to a group waits for {ms}ms");
        session.leisurely += 1;
        self.leisurely += 1;
        self.deadlines.set(now + delay, Timer::Leisure(id, Box::new(response)));
    }

    /// The time of an answer has come; if its session has ended, nobody gets it.
    pub(super) fn leisure_over(&mut self, now: Instant, id: SessionId, response: Pdu) {
        self.leisurely = self.leisurely.saturating_sub(1);
        let Some(session) = self.sessions.get_mut(id) else { return self.recycle(response) };
        session.leisurely = session.leisurely.saturating_sub(1);
        self.send_response(now, id, response);
    }
}

/// Whether a response is not wanted: the client says so (RFC 7967 §2.1), or says nothing and the
/// request went to a group, where errors are not answered unless the resource says otherwise
/// (RFC 7252 §8.2).
pub(super) fn is_suppressed(request: &Pdu, response: &Pdu, audience: Audience) -> bool {
    let class = response.code().class();
    if let Some(classes) = request.option_uint(Number::NO_RESPONSE) {
        return classes & (1 << (class - 1)) != 0;
    }
    let Audience::Group(flags) = audience else { return false };
    let is_empty = || response.code() == Code::CONTENT && response.payload().is_none_or(<[u8]>::is_empty);
    match class {
        2 if flags.contains(Flags::LIB_ENA_MCAST_SUPPRESS_2_XX) => true,
        2 => flags.contains(Flags::LIB_ENA_MCAST_SUPPRESS_2_05) && is_empty(),
        4 => !flags.contains(Flags::LIB_DIS_MCAST_SUPPRESS_4_XX),
        5 => !flags.contains(Flags::LIB_DIS_MCAST_SUPPRESS_5_XX),
        _ => false,
    }
}
