//! Responses in blocks to a request to a group (RFC 7959 §2.8): the rest of each member's body is
//! asked for from that member alone.

use super::client::Asked;
use crate::address::Address;
use crate::message::{Mid, Pdu, Token};
use crate::protocol::engine::{Engine, SendError};
use crate::protocol::session::SessionId;
use crate::protocol::time::Instant;

/// From how many members of a group bodies are fetched at a time in one session. Of others the
/// application sees the first block.
pub(crate) const MAX_MEMBERS: usize = 64;

impl Engine {
    /// What was asked with this token, if anything. What went to a group may be answered again, by
    /// others.
    pub(super) fn take_answered(&mut self, id: SessionId, token: &[u8]) -> Option<Asked> {
        let Some(member) = self.responder(id) else { return self.take_asked(id, token) };
        let asked = self.bodies.asked.get(&id)?.get(&Token::new(token))?;
        if asked.member.is_some() {
            return self.take_asked(id, token);
        }
        let mut asked = asked.copy();
        asked.member = Some(member);
        Some(asked)
    }

    /// Whether this response comes from another member of a group than the one that was asked. If
    /// so, that one's response is waited for further.
    pub(super) fn is_of_another_member(&mut self, now: Instant, id: SessionId, received: &Pdu) -> bool {
        let Some(session) = self.sessions.get_mut(id).filter(|s| s.responder.is_some()) else { return false };
        let of_session = self.bodies.asked.get(&id);
        let asked = of_session.and_then(|all| all.get(&Token::new(received.token())));
        let member = asked.and_then(|a| a.member.as_ref());
        if member.is_none() || member == session.responder.as_ref() {
            return false;
        }
        let lifetime = session.params().exchange_lifetime();
        // It was taken for the answer, so that the session is still among those that ask.
        session.exchanges.begin(now, received.token(), false, Some(lifetime));
        true
    }

    /// Whether the rest of a body may be fetched: always, but from members of a group.
    pub(super) fn has_room_for_member(&self, id: SessionId, asked: &Asked) -> bool {
        let of_session = || self.bodies.asked.get(&id).into_iter().flat_map(|all| all.values());
        asked.member.is_none() || of_session().filter(|a| a.member.is_some()).count() < MAX_MEMBERS
    }

    /// Sends a request, to one member of a group if one is given.
    pub(super) fn send_to_member(
        &mut self,
        now: Instant,
        id: SessionId,
        pdu: Pdu,
        member: Option<&Address>,
    ) -> Result<Mid, SendError> {
        let Some(member) = member else { return self.send(now, id, pdu) };
        if let Some(session) = self.sessions.get_mut(id) {
            session.responder = Some(Box::new(member.clone()));
            session.asks_member = true;
        }
        let sent = self.send(now, id, pdu);
        if let Some(session) = self.sessions.get_mut(id) {
            session.asks_member = false;
        }
        sent
    }
}
