//! Sessions over WebSockets (RFC 8323 §4): between the connection and the CSM there is an upgrade,
//! which the driver does, and at the end there may be a close frame.

use super::{Engine, Event, Notice, Timer};
use crate::message::Mid;
use crate::protocol::event::NackReason;
use crate::protocol::session::{Role, Session, SessionId, State, Transport};
use crate::protocol::time::Instant;
use core::time::Duration;

/// The most connections of peers that wait to be upgraded; for one more the oldest is given up.
const MAX_UPGRADES: usize = 1024;

/// How long an upgrade may take.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(30);

impl Engine {
    /// The connection of a session is there; `true` if it has to be upgraded before messages flow.
    pub(super) fn await_upgrade(&mut self, now: Instant, id: SessionId) -> bool {
        let is_due = self.sessions.get(id).is_some_and(|s| s.transport == Transport::WebSocket);
        if is_due {
            let deadline = self.deadlines.set(now + UPGRADE_TIMEOUT, Timer::Upgrade(id));
            if let Some(stream) = self.stream_mut(id) {
                stream.csm_deadline = Some(deadline);
            }
            self.limit_upgrades(now, id);
        }
        is_due
    }

    /// Sees to it that peers that connect and do not go on take no more than their share.
    fn limit_upgrades(&mut self, now: Instant, id: SessionId) {
        if self.sessions.get(id).is_none_or(|s| s.role == Role::Client) {
            return;
        }
        self.upgrading.push_back(id);
        if self.upgrading.len() > MAX_UPGRADES {
            let sessions = &self.sessions;
            self.upgrading.retain(|id| sessions.get(*id).is_some_and(is_upgrading));
        }
        if self.upgrading.len() > MAX_UPGRADES
            && let Some(oldest) = self.upgrading.pop_front()
        {
            if let Some(session) = self.sessions.get(oldest) {
                crate::log!(INFO, "***{session}: given up, since too many wait to be upgraded");
            }
            self.handle_not_upgraded(now, oldest);
        }
    }

    /// Whether the connection of a session is there and waits to be upgraded.
    pub(super) fn is_upgrading(&self, id: SessionId) -> bool {
        self.sessions.get(id).is_some_and(is_upgrading)
    }

    /// The connection of a session is upgraded: messages can come and go. The application is told
    /// first.
    pub fn handle_upgraded(&mut self, now: Instant, id: SessionId) {
        self.heard = now;
        let Some(stream) = self.stream_mut(id).filter(|s| !s.is_lost) else { return };
        stream.is_upgraded = true;
        if let Some(key) = stream.csm_deadline.take() {
            self.deadlines.cancel(key);
        }
        self.notice(id, Notice::Upgraded);
    }

    /// The connection of a session was not upgraded, and never will be.
    pub fn handle_not_upgraded(&mut self, now: Instant, id: SessionId) {
        self.heard = now;
        let Some(session) = self.sessions.get_mut(id) else { return };
        let (role, socket) = (session.role, session.path.socket);
        let Some(stream) = session.stream.as_deref_mut().filter(|s| !s.is_lost) else { return };
        stream.is_lost = true;
        // Where the application has named no host, the peer was not asked.
        let was_asked = role == Role::Server || stream.host.is_some();
        self.forget_stream(id);
        self.events.push_back(Event::HangUp { session: id, socket });
        self.nack_nothing(id, NackReason::NotUpgraded);
        self.notice(id, Notice::NotUpgraded);
        self.notice(id, Notice::NotReady);
        let unanswered = self.take_unanswered(id);
        if unanswered.is_empty() && was_asked {
            self.nack_nothing(id, NackReason::NotDeliverable);
        }
        unanswered.into_iter().for_each(|pdu| self.nack(id, pdu, NackReason::NotDeliverable));
    }

    fn nack_nothing(&mut self, session: SessionId, reason: NackReason) {
        self.events.push_back(Event::Nack { session, sent: None, reason, mid: Mid(0) });
    }

    /// The upgrade takes too long.
    pub(super) fn upgrade_overdue(&mut self, now: Instant, id: SessionId) {
        let Some(session) = self.sessions.get_mut(id).filter(|s| s.state == State::Connecting) else {
            return;
        };
        crate::log!(INFO, "***{session}: no upgrade within {} s", UPGRADE_TIMEOUT.as_secs());
        if let Some(stream) = session.stream.as_deref_mut() {
            stream.csm_deadline = None;
        }
        self.handle_not_upgraded(now, id);
    }

    /// So many bytes are kept of what is no whole message yet. They are limited for all sessions
    /// together.
    pub fn handle_partial(&mut self, now: Instant, id: SessionId, kept: usize) {
        let Some(stream) = self.stream_mut(id).filter(|s| !s.is_lost) else { return };
        let before = core::mem::replace(&mut stream.framed, kept);
        self.partial = self.partial - before + kept;
        if kept > before {
            self.limit_partial(now);
        }
    }

    /// A close frame came, or was sent because of what came, a frame that is too large for example: the
    /// connection is of no use any more.
    pub fn handle_closed(&mut self, now: Instant, id: SessionId, was_too_large: bool) {
        if self.stream_mut(id).is_some_and(|s| !s.is_lost) {
            if was_too_large {
                self.notice(id, Notice::FrameTooLarge);
            }
            self.notice(id, Notice::WebSocketClosed);
            self.handle_lost(now, id, NackReason::NotDeliverable);
        }
    }
}

/// The deadline of the upgrade is set when the connection is there.
fn is_upgrading(session: &Session) -> bool {
    session.transport == Transport::WebSocket
        && session.state == State::Connecting
        && session.stream.as_ref().is_some_and(|s| s.csm_deadline.is_some())
}
