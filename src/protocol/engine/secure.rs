//! Sessions that are secured (RFC 7252 §9.1, RFC 8323 §9): what is sent waits until the handshake is
//! done, and nothing flows any more when the (D)TLS connection is over. The connection itself is the
//! driver's.

use super::{Engine, Event, Notice, OpenError};
use crate::message::{Pdu, Type};
use crate::protocol::event::NackReason;
use crate::protocol::session::{Path, Role, Security, SessionId, State, Transport};
use crate::protocol::time::Instant;

impl Engine {
    /// Opens a session over DTLS to a peer.
    pub fn open_secured(&mut self, now: Instant, path: Path) -> Result<SessionId, OpenError> {
        let mut session = self.new_session(now, path, Role::Client);
        session.over_dtls();
        self.sessions.insert(session).ok_or(OpenError::Exists)
    }

    /// A peer has shown that it receives at its address, and begins a handshake over DTLS. `None` if there
    /// is a session with these ends.
    pub fn accept_secured(&mut self, now: Instant, path: &Path, mtu: u32) -> Option<SessionId> {
        self.make_room(now);
        self.make_room_to_open(now);
        let mut session = self.new_session(now, path.clone(), Role::Server);
        session.over_dtls();
        session.mtu = mtu;
        let id = self.sessions.insert(session)?;
        self.begins_to_open(id);
        self.notice(id, Notice::Opened);
        Some(id)
    }

    /// The handshake of a session begins. `false` if the session is of no use any more.
    pub fn handle_securing(&mut self, id: SessionId) -> bool {
        let session = self.sessions.get_mut(id);
        let Some(session) = session.filter(|s| s.state == State::Connecting && !s.is_lost()) else {
            return false;
        };
        session.state = State::Handshake;
        session.security = Security::Begun;
        true
    }

    /// The handshake of a session is done: the application is told, and then messages flow, or what is
    /// still to be done before that begins. Securing adds so many bytes to a datagram.
    pub fn handle_secured(&mut self, now: Instant, id: SessionId, overhead: usize) {
        self.heard = now;
        let session = self.sessions.get_mut(id);
        let Some(session) = session.filter(|s| s.security == Security::Begun) else { return };
        session.security = Security::Done;
        match session.transport {
            Transport::Dtls => {
                session.overhead = overhead as u16;
                self.ends_to_open(id);
            }
            // What is left is the upgrade, within the same time.
            Transport::SecureWebSocket => {}
            _ => {
                if let Some(key) = self.stream_mut(id).and_then(|s| s.csm_deadline.take()) {
                    self.deadlines.cancel(key);
                }
            }
        }
        self.sessions.touch(id, now);
        self.notice(id, Notice::Secured);
    }

    /// The application has heard of that.
    pub(super) fn secured_told(&mut self, now: Instant, id: SessionId) {
        let Some(session) = self.sessions.get_mut(id).filter(|s| s.security == Security::Done) else {
            return;
        };
        match session.transport {
            Transport::Dtls if session.state == State::Handshake => {
                session.state = State::Established;
                crate::log!(DEBUG, "***{session}: session connected");
                self.watch_if_asking(now, id);
                self.send_delayed(now, id);
                self.observe_anew(now, id);
            }
            Transport::Tls => self.begin(now, id),
            _ => {}
        }
    }

    fn watch_if_asking(&mut self, now: Instant, id: SessionId) {
        if self.sessions.get(id).is_some_and(|s| s.role == Role::Client) {
            self.watch_silence(now, id);
        }
    }

    /// Sends what waited for the handshake, in its order, as far as NSTART allows.
    fn send_delayed(&mut self, now: Instant, id: SessionId) {
        loop {
            let Some(session) = self.sessions.get_mut(id) else { return };
            let is_full = session.outstanding.len() >= usize::from(session.params().nstart);
            let waiting = session.waiting_mut();
            if waiting.front().is_none_or(|pdu| is_full && pdu.kind() == Type::Confirmable) {
                return;
            }
            let Some(pdu) = waiting.pop_front() else { return };
            self.send_after_delay(now, id, pdu);
        }
    }

    /// One side has found a fault in what the other sent to secure the session; how the session ends comes
    /// next.
    pub fn handle_security_fault(&mut self, id: SessionId) {
        if self.sessions.get(id).is_some_and(|s| !s.is_lost()) {
            self.notice(id, Notice::SecurityFault);
        }
    }

    /// The (D)TLS connection of a session is of no use any more, or did not come about, or the
    /// application gives it up.
    pub fn handle_unsecured(&mut self, now: Instant, id: SessionId, reason: NackReason) {
        let Some(session) = self.sessions.get_mut(id).filter(|s| !s.is_lost()) else { return };
        if session.transport.is_reliable() {
            return self.handle_lost(now, id, reason);
        }
        self.heard = now;
        let socket = session.path.socket;
        self.ends_to_open(id);
        let dropped = self.drop_delayed(id);
        if dropped.is_empty() {
            self.nack_nothing(id, reason);
        }
        dropped.into_iter().for_each(|pdu| self.nack(id, pdu, reason));
        if let Some(session) = self.sessions.get(id) {
            crate::log!(DEBUG, "***{session}: session disconnected ({reason})");
        }
        self.forget_observers(id);
        self.stop_watching(id);
        self.note_loss(id, reason);
        self.events.push_back(Event::HangUp { session: id, socket });
        self.security_ends(id, reason);
        self.upstream_failed(id);
    }

    /// The application lets go of a session for good: what secured it is not its concern any more. Gives
    /// the messages that never had their turn.
    pub fn forget_security(&mut self, id: SessionId) -> Vec<Pdu> {
        if let Some(session) = self.sessions.get_mut(id) {
            session.security = Security::Over;
        }
        self.drop_delayed(id)
    }

    fn drop_delayed(&mut self, id: SessionId) -> Vec<Pdu> {
        for pdu in self.sessions.get_mut(id).into_iter().flat_map(|s| s.waiting_mut().iter()) {
            crate::log!(DEBUG, "** mid=0x{:04x}: not transmitted after disconnect", pdu.mid().0);
        }
        let dropped = self.drop_messages(id);
        if let Some(session) = self.sessions.get_mut(id) {
            for pdu in dropped.iter().filter(|pdu| pdu.code().is_request()) {
                session.exchanges.abandon(pdu.token());
            }
        }
        dropped
    }

    /// With a connection goes what secured it: the last thing that is told, unless the peer's first
    /// message was no good, when a server has not begun anything.
    pub(super) fn security_ends(&mut self, id: SessionId, reason: NackReason) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        let was = core::mem::replace(&mut session.security, Security::Over);
        let is_reliable = session.transport.is_reliable();
        match was {
            _ if !session.transport.is_secure() => session.security = Security::None,
            Security::None if !is_reliable => session.security = Security::Never,
            Security::None | Security::Over | Security::Never => session.security = was,
            _ if reason != NackReason::NeverSecured => self.notice(id, Notice::Unsecured),
            _ if is_reliable => {}
            _ => session.security = Security::Never,
        }
    }

    /// The connection of a session has been closed: if that had not begun, it is all that there is.
    pub(super) fn hung_up(&mut self, id: SessionId) {
        let session = self.sessions.get_mut(id);
        let Some(session) = session.filter(|s| s.security == Security::Never) else { return };
        session.state = State::Closed;
        if session.role == Role::Server {
            self.end(id);
        }
    }

    /// The application has heard that what secured a session is over. Over datagrams that is the end
    /// of one that a peer opened.
    pub(super) fn unsecured_told(&mut self, id: SessionId) {
        if self.sessions.get(id).is_some_and(|s| !s.transport.is_reliable()) {
            self.lost_told(id);
        }
    }
}
