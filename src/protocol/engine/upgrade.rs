//! Sessions over WebSockets (RFC 8323 §4): between the connection and the CSM there is an upgrade,
//! which the driver does, and at the end there may be a close frame. The time that it may take begins
//! with the connection, as does that of a TLS handshake.

use super::{Engine, Event, Notice, Timer};
use crate::message::Mid;
use crate::protocol::event::NackReason;
use crate::protocol::session::{Role, Security, Session, SessionId, State, Transport};
use crate::protocol::time::Instant;
use core::time::Duration;

/// How long it may take to secure a connection and to upgrade it.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);

impl Engine {
    /// The connection of a session is there; `true` if it has to be secured or upgraded before messages
    /// flow.
    pub(super) fn await_handshake(&mut self, now: Instant, id: SessionId) -> bool {
        let is_due = self.sessions.get(id).is_some_and(|s| s.transport != Transport::Tcp);
        if is_due {
            let deadline = self.deadlines.set(now + HANDSHAKE_TIMEOUT, Timer::Handshake(id));
            if let Some(stream) = self.stream_mut(id) {
                stream.csm_deadline = Some(deadline);
            }
        }
        is_due
    }

    /// Whether the connection of a session is there and waits to be upgraded: then the deadline of that
    /// is set.
    pub(super) fn is_upgrading(&self, id: SessionId) -> bool {
        self.sessions.get(id).is_some_and(|s| {
            s.transport.is_websocket()
                && matches!(s.state, State::Connecting | State::Handshake)
                && s.stream.as_ref().is_some_and(|s| s.csm_deadline.is_some())
        })
    }

    /// The connection of a session is upgraded: messages can come and go. The application is told
    /// first.
    pub fn handle_upgraded(&mut self, now: Instant, id: SessionId) {
        self.heard = now;
        if self.sessions.get(id).is_some_and(|s| s.role == Role::Server) {
            self.make_room(now);
        }
        let Some(stream) = self.stream_mut(id).filter(|s| !s.is_lost) else { return };
        stream.is_upgraded = true;
        if let Some(key) = stream.csm_deadline.take() {
            self.deadlines.cancel(key);
        }
        self.sessions.touch(id, now);
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
        self.note_loss(id, NackReason::NotUpgraded);
        self.events.push_back(Event::HangUp { session: id, socket });
        self.nack_nothing(id, NackReason::NotUpgraded);
        self.notice(id, Notice::NotUpgraded);
        self.notice(id, Notice::NotReady);
        let unanswered = self.take_unanswered(id);
        if unanswered.is_empty() && was_asked {
            self.nack_nothing(id, NackReason::NotDeliverable);
        }
        unanswered.into_iter().for_each(|pdu| self.nack(id, pdu, NackReason::NotDeliverable));
        self.security_ends(id, NackReason::NotUpgraded);
    }

    pub(super) fn nack_nothing(&mut self, session: SessionId, reason: NackReason) {
        self.events.push_back(Event::Nack { session, sent: None, reason, mid: Mid(0) });
    }

    /// It takes too long to secure or to upgrade the connection.
    pub(super) fn handshake_overdue(&mut self, now: Instant, id: SessionId) {
        let is_due = |s: &&mut Session| matches!(s.state, State::Connecting | State::Handshake);
        let Some(session) = self.sessions.get_mut(id).filter(is_due) else { return };
        let is_secured = session.security != Security::Begun;
        let what = if is_secured { "upgrade" } else { "handshake" };
        crate::log!(INFO, "***{session}: no {what} within {} s", HANDSHAKE_TIMEOUT.as_secs());
        if let Some(stream) = session.stream.as_deref_mut() {
            stream.csm_deadline = None;
        }
        match is_secured {
            true => self.handle_not_upgraded(now, id),
            false => self.handle_lost(now, id, NackReason::NotSecured),
        }
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
