//! Opening, holding, expiring and closing sessions.

use super::{Engine, Event, Notice};
use crate::address::Address;
use crate::message::{Mid, Pdu, Token};
use crate::protocol::event::NackReason;
use crate::protocol::session::{Path, Role, Session, SessionId, State};
use crate::protocol::time::Instant;

/// Why a session could not be opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OpenError {
    /// There is one with the same ends.
    #[error("a session with these addresses exists")]
    Exists,
}

/// How many sessions with unfinished business are looked at for one to evict.
const MAX_PASSED_OVER: usize = 16;

impl Engine {
    /// Whether this side opened a session between these addresses. Looks at all sessions.
    pub fn has_client(&self, local: &Address, remote: &Address) -> bool {
        let same = |s: &Session| s.path.local == *local && s.path.remote == *remote;
        self.sessions.iter().any(|(_, s)| s.role == Role::Client && same(s))
    }

    /// Opens a session to a peer. It ends when the application has held it and lets go of it.
    pub fn open(&mut self, now: Instant, path: Path) -> Result<SessionId, OpenError> {
        let session = self.new_session(now, path, Role::Client);
        let id = self.sessions.insert(session).ok_or(OpenError::Exists)?;
        self.watch_silence(now, id);
        Ok(id)
    }

    /// The session for a peer that sent something to an endpoint: the one there is, or a new one.
    pub(super) fn accept(&mut self, now: Instant, path: &Path, mtu: u32) -> Option<SessionId> {
        if let Some(id) = self.sessions.find(path) {
            return Some(id);
        }
        self.make_room(now);
        let mut session = self.new_session(now, path.clone(), Role::Server);
        session.mtu = mtu;
        let id = self.sessions.insert(session)?;
        self.notice(id, Notice::Opened);
        Some(id)
    }

    pub(super) fn new_session(&mut self, now: Instant, path: Path, role: Role) -> Session {
        let seed = (self.random)();
        let extended = self.config.max_token as usize > Token::DEFAULT_MAX;
        let mut session = Session::new(path, role, self.config.mtu, extended, now, seed);
        (session.block_mode, session.largest_szx) = (self.config.block_mode, self.config.largest_szx);
        session
    }

    /// Ends the session that was idle for longest if a new one would be one too many. Sessions
    /// that are still needed are passed over; after a few of them the new one is one too many.
    pub(super) fn make_room(&mut self, now: Instant) {
        let max = self.config.max_idle_sessions;
        if max == 0 || self.sessions.listed() < max {
            return;
        }
        for _ in 0..MAX_PASSED_OVER {
            match self.sessions.least_recently_used() {
                Some((id, session)) if session.is_expendable() => return self.end(id),
                Some((id, _)) => self.sessions.touch(id, now),
                None => return,
            }
        }
    }

    /// Ends sessions that peers opened and that were idle for too long. Those that are due but
    /// still needed go to the end of the line.
    pub(super) fn expire_sessions(&mut self, now: Instant) {
        while let Some((id, session)) = self.sessions.least_recently_used() {
            if now < session.last_used + self.config.session_timeout {
                break;
            }
            if session.is_expendable() {
                self.end(id);
            } else {
                self.sessions.touch(id, now);
            }
        }
    }

    /// A datagram came from `remote` for a session of this side. Many may answer what it sends to a
    /// group; the application is shown which of them did (RFC 7252 §8.2).
    pub fn heard_from(&mut self, id: SessionId, remote: &Address) {
        if let Some(session) = self.sessions.get_mut(id)
            && session.sends_to_group
        {
            session.responder = Some(Box::new(remote.clone()));
        }
    }

    /// Who of a group was heard last; `None` if the session does not send to one.
    pub fn responder(&self, id: SessionId) -> Option<Box<Address>> {
        self.sessions.get(id)?.responder.clone()
    }

    /// The application holds the session: it does not expire until it is released.
    pub fn hold(&mut self, id: SessionId) {
        self.sessions.hold(id);
    }

    /// The application lets go of the session once. One that this side opened ends when nobody
    /// holds it, and is handed back; but what it still has to send goes out and is acknowledged
    /// first, and then [`Event::Ended`] says so. One that a peer opened goes on until it is idle
    /// for long enough.
    pub fn release(&mut self, now: Instant, id: SessionId) -> Option<Session> {
        self.sessions.release(id, now);
        let is_over = |s: &Session| s.role == Role::Server && s.is_lost() && s.state == State::Closed;
        if self.sessions.get(id).is_some_and(|s| is_over(s) && !s.is_held()) {
            self.end(id);
        }
        self.sessions.get(id).filter(|s| s.is_left() && s.is_idle())?;
        self.silence(id);
        self.sessions.remove(id)
    }

    /// Ends a session: what waits in it is dropped, and [`Event::Ended`] is its last event.
    pub fn end(&mut self, id: SessionId) {
        self.silence(id);
        if self.sessions.end(id)
            && let Some(session) = self.sessions.get(id)
        {
            let (role, socket) = (session.role, session.path.socket);
            self.events.push_back(Event::Ended { session: id, role, socket });
        }
    }

    /// Drops all that waits in a session.
    pub(super) fn silence(&mut self, id: SessionId) {
        self.cancel_observations(id);
        self.drop_messages(id);
        self.forget_bodies(id);
        if self.sessions.get(id).is_some_and(|s| s.asyncs > 0) {
            for waiting in self.asyncs.of_session(id) {
                self.free_async(waiting);
            }
        }
        self.stop_watching(id);
        self.forget_observers(id);
        self.relays_end(id);
        self.forget_stream(id);
        self.forget_return(id);
    }

    /// Ends one of the sessions that the application has left and that have done what they had
    /// to. Called when all else has been delivered.
    pub(super) fn end_left(&mut self) {
        while let Some(id) = self.left.pop() {
            if self.sessions.get(id).is_some_and(|s| s.is_left() && s.is_idle()) {
                self.end(id);
            }
        }
    }

    /// Ends all sessions, in the order in which they were opened.
    pub fn end_all(&mut self) {
        let mut ids: Vec<_> = self.sessions.iter().map(|(id, _)| id).collect();
        ids.sort_unstable_by_key(|id| id.age());
        ids.into_iter().for_each(|id| self.end(id));
    }

    /// Messages that wait for their turn will not have it.
    pub fn abandon_waiting(&mut self) {
        let mut ids: Vec<_> = self.sessions.iter().map(|(id, _)| id).collect();
        ids.sort_unstable_by_key(|id| id.age());
        for id in ids {
            let waiting = self.sessions.get_mut(id).map(Session::take_waiting);
            waiting.into_iter().flatten().for_each(|pdu| self.nack(id, pdu, NackReason::NotDeliverable));
        }
    }

    pub(super) fn nack(&mut self, session: SessionId, sent: Pdu, reason: NackReason) {
        if self.probe_hears(session, &sent, reason) {
            return;
        }
        let mid = sent.mid();
        self.events.push_back(Event::Nack { session, sent: Some(sent), reason, mid });
    }

    /// The session is of no use any more: what waits in it is dropped, and nothing more can be
    /// sent. A peer that opened it can revive it by sending.
    /// Hands the dropped messages back.
    pub fn disconnect(&mut self, id: SessionId) -> Vec<Pdu> {
        self.forget_observers(id);
        if let Some(session) = self.sessions.get_mut(id).filter(|s| s.state == State::Established) {
            session.state = State::Closed;
        }
        self.upstream_failed(id);
        self.drop_messages(id)
    }

    /// The network says that nobody listens at the other end. Messages stay where they are, since
    /// anybody can send such a message and the peer may come back; the application is told.
    pub fn handle_unreachable(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get(id) else { return };
        crate::log!(DEBUG, "***{session}: session ICMP issue (COAP_NACK_ICMP_ISSUE)");
        if session.state == State::Handshake {
            return self.nack_nothing(id, NackReason::Unreachable);
        }
        let under_way = self.messages_under_way(id);
        if under_way.is_empty() {
            self.nack_nothing(id, NackReason::Unreachable);
        }
        for sent in under_way {
            self.nack(id, sent, NackReason::Unreachable);
        }
        self.upstream_unreachable(id);
    }

    /// Copies of the confirmable messages that were sent and not acknowledged.
    pub fn messages_under_way(&self, id: SessionId) -> Vec<Pdu> {
        let mids = self.sessions.get(id).map(|session| &session.outstanding);
        let sent = |mid: &Mid| self.outstanding.get(&(id, *mid)).map(|out| out.pdu.clone());
        mids.into_iter().flatten().filter_map(sent).collect()
    }

    /// Takes all messages that wait in a session out of it.
    pub(super) fn drop_messages(&mut self, id: SessionId) -> Vec<Pdu> {
        let Some(session) = self.sessions.get_mut(id) else { return Vec::new() };
        let mids: Vec<Mid> = session.outstanding.drain(..).collect();
        let waiting = session.take_waiting();
        let mut dropped = Vec::with_capacity(mids.len() + waiting.len());
        let probe = self.drop_probe(id);
        for mid in mids {
            if let Some(out) = self.outstanding.remove(&(id, mid)) {
                self.deadlines.cancel(out.deadline);
                dropped.push(out.pdu);
            }
        }
        dropped.extend(waiting);
        if let Some((token, held)) = probe {
            dropped.retain(|pdu| pdu.token() != token.as_bytes());
            dropped.extend(held);
        }
        dropped
    }
}
