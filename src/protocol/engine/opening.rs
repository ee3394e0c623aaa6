//! Connections of peers that have not come to a session yet: without a CSM (RFC 8323 §5.3), not upgraded
//! to WebSocket, or not secured. They cost a peer nothing, so the application can limit how many there
//! are; the oldest makes room, so that a flood of them locks nobody out.

use super::Engine;
use crate::protocol::event::NackReason;
use crate::protocol::session::SessionId;
use crate::protocol::time::Instant;
use std::collections::VecDeque;

/// The sessions that peers opened and that are not ready, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Opening {
    /// In the order of their connections, with some that have become ready or ended since.
    order: VecDeque<SessionId>,
    count: usize,
}

/// So many entries that stand for nothing are not worth looking for.
const MAX_STALE: usize = 32;

/// The most such connections if the application has set no limit. Over WebSockets they may last.
const MAX_OPENING: usize = 4096;

impl Opening {
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// The same, with those that stand for nothing.
    #[cfg(test)]
    pub(super) fn order_len(&self) -> usize {
        self.order.len()
    }
}

impl Engine {
    /// Ends the oldest connections that have not come to a session, if a new one would be one too
    /// many.
    pub(super) fn make_room_to_open(&mut self, now: Instant) {
        let max = match self.config.max_handshake_sessions {
            0 => MAX_OPENING,
            max => max,
        };
        while self.opening.count >= max {
            let Some(id) = self.opening.order.pop_front() else { return };
            if !self.is_opening(id) {
                continue;
            }
            if let Some(session) = self.sessions.get(id) {
                crate::log!(INFO, "***{session}: makes room for another handshake: {max} are allowed");
            }
            match self.sessions.get(id).is_some_and(|s| s.transport.is_reliable()) {
                true => self.handle_lost(now, id, NackReason::NotDeliverable),
                false => self.handle_unsecured(now, id, NackReason::NotSecured),
            }
        }
    }

    /// A peer has made a connection.
    pub(super) fn begins_to_open(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        session.is_opening = true;
        self.opening.count += 1;
        if self.opening.order.len() > 2 * self.opening.count + MAX_STALE {
            let mut order = core::mem::take(&mut self.opening.order);
            order.retain(|id| self.is_opening(*id));
            self.opening.order = order;
        }
        self.opening.order.push_back(id);
    }

    /// A session is ready, or its connection is lost.
    pub(super) fn ends_to_open(&mut self, id: SessionId) {
        if let Some(session) = self.sessions.get_mut(id)
            && core::mem::take(&mut session.is_opening)
        {
            self.opening.count -= 1;
            if self.opening.count == 0 {
                self.opening.order.clear();
            }
        }
    }

    fn is_opening(&self, id: SessionId) -> bool {
        self.sessions.get(id).is_some_and(|s| s.is_opening)
    }
}
