//! Responses to requests that came to a group (RFC 7252 §8.2): which ones are sent, and when.

use super::{Engine, Timer};
use crate::message::{Code, Number, Pdu};
use crate::protocol::resource::{Flags, ResourceId};
use crate::protocol::session::SessionId;
use crate::protocol::time::Instant;
use core::time::Duration;
use slab::Slab;

/// The most responses that wait for their time. Of more, none is sent: a server need not answer, and
/// whoever sends to a group must not make it keep any number of responses.
const MAX_WAITING: usize = 4096;

/// Responses that wait for their time.
pub(super) type Leisurely = Slab<(SessionId, Pdu)>;

impl Engine {
    /// The rules by which a resource answers requests to a group; those of libcoap's default where
    /// resources are not asked one by one.
    pub(super) fn group_rules(&self, id: ResourceId) -> Flags {
        match self.resources.get(id) {
            Some(entry) if self.config.multicast_per_resource => entry.resource.flags(),
            _ => Flags::default(),
        }
    }

    /// Sends a response at a random time within the leisure period, so that the members of a group
    /// do not all answer at once.
    pub(super) fn answer_at_leisure(&mut self, now: Instant, id: SessionId, response: Pdu) {
        let Some(session) = self.sessions.get(id) else { return self.recycle(response) };
        if self.leisurely.len() >= MAX_WAITING {
            crate::log!(WARN, "** {session}: too many responses to groups wait, this one is dropped");
            return self.recycle(response);
        }
        let leisure = session.params().default_leisure.as_seconds().as_millis() as u64;
        let delay = leisure * ((self.random)() & 0xffff) / 0xffff;
        crate::log!(DEBUG, "** {session}: mid=0x{:04x}: delayed by {delay} ms", response.mid().0);
        let key = self.leisurely.insert((id, response));
        self.deadlines.set(now + Duration::from_millis(delay), Timer::Leisure(key));
    }

    /// The time of a response has come.
    pub(super) fn leisure_over(&mut self, now: Instant, key: usize) {
        let Some((id, response)) = self.leisurely.try_remove(key) else { return };
        match self.sessions.get(id) {
            Some(_) => self.send_response(now, id, response),
            None => self.recycle(response),
        }
    }
}

/// Whether the client asked not to get a response of this class (RFC 7967 §2.1), or, where it did not
/// say and the request went to a group, the resource is not to send it. `group` has its rules.
pub(super) fn is_suppressed(request: &Pdu, response: &Pdu, group: Option<Flags>) -> bool {
    let code = response.code();
    if let Some(classes) = request.option_uint(Number::NO_RESPONSE) {
        return classes & (1 << (code.class() - 1)) != 0;
    }
    let Some(rules) = group else { return false };
    match code.class() {
        2 if rules.contains(Flags::LIB_ENA_MCAST_SUPPRESS_2_XX) => true,
        2 => {
            let empty = code == Code::CONTENT && response.payload().is_none();
            empty && rules.contains(Flags::LIB_ENA_MCAST_SUPPRESS_2_05)
        }
        4 => !rules.contains(Flags::LIB_DIS_MCAST_SUPPRESS_4_XX),
        5 => !rules.contains(Flags::LIB_DIS_MCAST_SUPPRESS_5_XX),
        _ => false,
    }
}
