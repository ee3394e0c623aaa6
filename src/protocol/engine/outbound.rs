//! Sending: NSTART, acknowledgements remembered for duplicates, retransmission (RFC 7252 §4.2,
//! §4.3, §4.7).

use super::{Engine, Event, Notice, Outstanding, Timer};
use crate::log::Level;
use crate::message::{Code, Mid, Number, Pdu, Type};
use crate::protocol::event::NackReason;
use crate::protocol::session::{Role, SessionId, State};
use crate::protocol::time::Instant;

/// From how many bytes on a message leaves in its own memory.
const LARGE: usize = 16 << 10;

/// Why a message could not be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SendError {
    /// The session has ended, or was disconnected.
    #[error("the session is closed")]
    Closed,
    /// A code of a reserved class, or a signal over UDP, which has none (RFC 7252 §4.2).
    #[error("{0} is no code of a message over this transport")]
    Code(Code),
    /// The message is larger than the session's maximum.
    #[error("message of {size} bytes is larger than the {max} allowed")]
    TooLarge {
        /// Its size, in bytes.
        size: usize,
        /// The limit, in bytes.
        max: usize,
    },
    /// The token of a request is longer than the session allowed when it was opened (RFC 8974).
    #[error("token of {len} bytes is longer than the {max} allowed")]
    LongToken {
        /// Its length, in bytes.
        len: usize,
        /// The limit, in bytes.
        max: usize,
    },
    /// The peer does not read what was sent before.
    #[error("too many messages wait for the peer")]
    Full,
    /// Nobody could acknowledge it (RFC 7252 §8.1).
    #[error("a message to a group cannot be confirmable")]
    ConfirmableToGroup,
}

impl Engine {
    /// Whether a message may be sent.
    pub(super) fn check(&self, id: SessionId, pdu: &Pdu) -> Result<(), SendError> {
        let session = self.sessions.get(id).ok_or(SendError::Closed)?;
        let is_reliable = session.transport.is_reliable();
        let is_code = match pdu.code().class() {
            1 | 6 => false,
            7 => is_reliable,
            _ => true,
        };
        if !is_code {
            return Err(SendError::Code(pdu.code()));
        }
        let is_up = match session.state {
            _ if session.is_lost() => return Err(SendError::Closed),
            State::Established => true,
            State::Connecting | State::Handshake | State::Csm => false,
            State::Closed | State::Ended => return Err(SendError::Closed),
        };
        let (size, max) = (pdu.encoded_len(session.transport.framing()), session.max_message_size());
        // What a peer takes that has not said so is seen when it has.
        if size > max && is_up {
            return Err(SendError::TooLarge { size, max });
        }
        let (len, max) = (pdu.token().len(), session.longest_token(self.config.max_token as usize));
        if pdu.code().is_request() && len > max {
            return Err(SendError::LongToken { len, max });
        }
        // What a program sends of itself waits for NSTART in any number; what a peer has it send does not.
        let may_wait = match is_reliable {
            true => !is_up || session.is_blocked(),
            false => session.role == Role::Server && (!is_up || pdu.kind() == Type::Confirmable),
        };
        if may_wait && !session.has_room(size) {
            return Err(SendError::Full);
        }
        if pdu.kind() == Type::Confirmable && !is_reliable && session.sends_to_group {
            return Err(SendError::ConfirmableToGroup);
        }
        Ok(())
    }

    /// Sends a message. Confirmable ones are kept until they are acknowledged, and wait for their
    /// turn when NSTART of them are under way. Returns the message ID.
    pub fn send(&mut self, now: Instant, id: SessionId, mut pdu: Pdu) -> Result<Mid, SendError> {
        self.check(id, &pdu)?;
        if pdu.code().is_request() {
            self.sessions.note_asking(id);
        }
        let session = self.sessions.get_mut(id).ok_or(SendError::Closed)?;
        let is_reliable = session.transport.is_reliable();
        let is_up = !matches!(session.state, State::Connecting | State::Handshake | State::Csm);
        let size = pdu.encoded_len(session.transport.framing());
        let has_to_wait = !is_up || session.is_blocked();
        let confirmable = pdu.kind() == Type::Confirmable && !is_reliable;
        // The ID of a message that is still under way would make both unanswerable. There is a free
        // one, unless there are 65,536 messages.
        let mut left = u16::MAX;
        while confirmable && left > 0 && session.is_taken(pdu.mid()) {
            pdu.set_mid(session.new_mid());
            left -= 1;
        }
        if pdu.code().is_request() {
            let observes = pdu.option_uint(Number::OBSERVE) == Some(0);
            let to_group = session.sends_to_group && !session.asks_member;
            let lifetime = match to_group {
                _ if observes || is_reliable => None,
                true => Some(session.params().group_lifetime()),
                false => Some(session.params().exchange_lifetime()),
            };
            session.exchanges.begin(now, pdu.token(), observes || to_group, lifetime);
            if to_group {
                // Whoever of it was heard last.
                session.responder = None;
            }
            if observes {
                session.exchanges.observe(pdu.token(), pdu.clone());
            }
        }
        let mid = pdu.mid();
        if has_to_wait {
            session.wait(pdu, size);
            crate::log!(DEBUG, "** {session}: mid=0x{:04x}: delayed", mid.0);
        } else if confirmable && session.outstanding.len() >= usize::from(session.params().nstart) {
            session.waiting_mut().push_back(pdu);
            crate::log!(DEBUG, "** {session}: mid=0x{:04x}: delayed", mid.0);
        } else {
            self.send_now(now, id, pdu);
        }
        Ok(mid)
    }

    /// Transmits a message, and keeps it if it is confirmable.
    pub(super) fn send_now(&mut self, now: Instant, id: SessionId, mut pdu: Pdu) {
        if self.sessions.get(id).is_some_and(|s| s.transport.is_reliable()) {
            let is_request = pdu.code().is_request();
            if !is_request && pdu.used_size() >= LARGE {
                return self.transmit_large(now, id, pdu);
            }
            self.transmit(now, id, &mut pdu);
            match self.stream_mut(id).filter(|_| is_request) {
                Some(stream) => stream.keep(pdu),
                None => self.recycle(pdu),
            }
            return;
        }
        if matches!(pdu.kind(), Type::Acknowledgement | Type::Reset)
            && let Some(peer) = self.sessions.peer(id)
        {
            self.duplicates.set_reply(peer, pdu.mid(), pdu.encode_udp());
        }
        self.transmit(now, id, &mut pdu);
        if pdu.kind() != Type::Confirmable {
            self.recycle(pdu);
            return;
        }
        let random = (self.random)() as u32;
        let Some(session) = self.sessions.get_mut(id) else { return };
        let timeout = session.params().initial_timeout(random);
        let mid = pdu.mid();
        session.outstanding.push(mid);
        let ms = timeout.as_millis();
        crate::log!(DEBUG, "** {session}: mid=0x{:04x}: added to retransmit queue ({ms}ms)", mid.0);
        let deadline = self.deadlines.set(now + timeout, Timer::Retransmit(id, mid));
        self.outstanding.insert((id, mid), Outstanding { pdu, attempts: 0, timeout, deadline });
    }

    /// Puts the bytes of a message into the queue of datagrams.
    fn transmit(&mut self, now: Instant, id: SessionId, pdu: &mut Pdu) {
        let kind = pdu.kind();
        if let Some(session) = self.sessions.get(id) {
            let framing = session.transport.framing();
            let bytes = pdu.encode(framing);
            let lost = !session.transport.is_reliable() && (self.is_lost)();
            crate::log!(DEBUG, "*  {session}: {}: sent {:4} bytes", session.transport.layer(), bytes.len());
            if !lost {
                self.transmits.push(id, &session.path_of(kind), bytes);
            }
            crate::log::pdu::show(Level::DEBUG, pdu, framing);
        }
        self.sessions.touch(id, now);
    }

    /// The same for one whose bytes are not copied.
    fn transmit_large(&mut self, now: Instant, id: SessionId, pdu: Pdu) {
        if let Some(session) = self.sessions.get(id) {
            let framing = session.transport.framing();
            crate::log!(
                DEBUG,
                "*  {session}: {}: sent {:4} bytes",
                session.transport.layer(),
                pdu.encoded_len(framing)
            );
            crate::log::pdu::show(Level::DEBUG, &pdu, framing);
            self.transmits.push_large(id, &session.path, pdu.into_encoded(framing));
        }
        self.sessions.touch(id, now);
    }

    /// Gives a message that is to have so many bytes of payload the memory of one that has gone.
    pub(super) fn make_large(&mut self, pdu: &mut Pdu, payload: usize) {
        if payload >= LARGE
            && let Some(memory) = self.transmits.take_spare(pdu.used_size() + payload + 64)
        {
            pdu.move_into(memory);
        }
    }

    /// Answers a message by an empty one of this type (RFC 7252 §4.1), each time it comes.
    pub(super) fn send_empty(&mut self, now: Instant, id: SessionId, kind: Type, mid: Mid) {
        if self.sessions.get(id).is_some_and(|s| s.transport.is_reliable()) {
            // RFC 8323 §2.2: nothing is acknowledged or rejected.
            return;
        }
        let pdu = self.blank(kind, Code::EMPTY, mid, 0);
        self.send_now(now, id, pdu);
    }

    /// Sends a Reset for what is not kept to be recognized when it is repeated: the answer to the
    /// message that had this ID before stays what it was.
    pub(super) fn reject(&mut self, now: Instant, id: SessionId, mid: Mid) {
        let mut pdu = self.blank(Type::Reset, Code::EMPTY, mid, 0);
        self.transmit(now, id, &mut pdu);
        self.recycle(pdu);
    }

    /// Sends a stored answer once more.
    pub(super) fn repeat(&mut self, now: Instant, id: SessionId, reply: &[u8]) {
        if let Some(session) = self.sessions.get(id) {
            let lost = (self.is_lost)();
            crate::log!(
                DEBUG,
                "*  {session}: {}: sent {:4} bytes (again)",
                session.transport.layer(),
                reply.len()
            );
            if !lost {
                self.transmits.push(id, &session.path_of(Type::Acknowledgement), reply);
            }
        }
        self.sessions.touch(id, now);
    }

    /// An acknowledgement is overdue: sends again, or gives up (RFC 7252 §4.2).
    pub(super) fn retransmit(&mut self, now: Instant, id: SessionId, mid: Mid) {
        let Some(mut out) = self.outstanding.remove(&(id, mid)) else { return };
        let Some(session) = self.sessions.get(id) else { return };
        if out.attempts >= session.params().max_retransmit {
            crate::log!(DEBUG, "** {session}: mid=0x{:04x}: give up after {} attempts", mid.0, out.attempts);
            self.slot_free(now, id, mid);
            if let Some(session) = self.sessions.get_mut(id)
                && out.pdu.code().is_request()
            {
                session.exchanges.abandon(out.pdu.token());
            }
            self.notification_failed(id, Some(&out.pdu), mid);
            let reason = NackReason::TooManyRetries;
            if self.probe_failed(now, id, Some(&out.pdu), reason) || self.burst_failed(id, &out.pdu) {
                return;
            }
            self.events.push_back(Event::Nack { session: id, sent: Some(out.pdu), reason, mid });
            if self.keepalive.is_over(id, mid) {
                self.notice(id, Notice::KeepAliveFailed);
            }
            self.doubt(now, id);
            return;
        }
        out.attempts += 1;
        out.timeout = self.keepalive.limit(session.role, out.timeout.saturating_mul(2));
        self.notice(id, Notice::Retransmitted);
        self.resends.push_back((now, id, mid));
        out.deadline = self.deadlines.set(now + out.timeout, Timer::Retransmit(id, mid));
        self.outstanding.insert((id, mid), out);
    }

    /// The application has heard that a message is sent again: it is, unless that has settled it.
    pub(super) fn resend(&mut self, now: Instant, id: SessionId, mid: Mid) {
        let Some(mut out) = self.outstanding.remove(&(id, mid)) else { return };
        if let Some(session) = self.sessions.get(id) {
            let (n, ms) = (out.attempts, out.timeout.as_millis());
            crate::log!(DEBUG, "** {session}: mid=0x{:04x}: retransmission #{n} (next {ms}ms)", mid.0);
        }
        self.transmit(now, id, &mut out.pdu);
        self.outstanding.insert((id, mid), out);
    }

    /// A confirmable message is answered: hands it back and lets the next one go.
    pub(super) fn settle(&mut self, now: Instant, id: SessionId, mid: Mid) -> Option<Pdu> {
        let out = self.outstanding.remove(&(id, mid))?;
        self.deadlines.cancel(out.deadline);
        if let Some(session) = self.sessions.get(id) {
            crate::log!(DEBUG, "** {session}: mid=0x{:04x}: removed (1)", mid.0);
        }
        self.slot_free(now, id, mid);
        Some(out.pdu)
    }

    /// The message that is under way with this message ID.
    pub(super) fn under_way(&self, id: SessionId, mid: Mid) -> Option<&Pdu> {
        self.outstanding.get(&(id, mid)).map(|out| &out.pdu)
    }

    /// The message ID of the request under way that this response answers, going by its token. A
    /// notification does not answer the request that ends its observation: it only crossed it.
    pub(super) fn request_under_way(&self, id: SessionId, response: &Pdu) -> Option<Mid> {
        let session = self.sessions.get(id)?;
        let token = response.token();
        let crosses =
            |p: &Pdu| response.option(Number::OBSERVE).is_some() && p.option_uint(Number::OBSERVE) == Some(1);
        session.outstanding.iter().copied().find(|mid| {
            let sent = self.under_way(id, *mid);
            sent.is_some_and(|p| p.code().is_request() && p.token() == token && !crosses(p))
        })
    }

    /// Lets waiting messages go as far as NSTART allows.
    fn slot_free(&mut self, now: Instant, id: SessionId, mid: Mid) {
        if let Some(session) = self.sessions.get_mut(id) {
            session.outstanding.retain(|m| *m != mid);
        }
        loop {
            let Some(session) = self.sessions.get_mut(id) else { return };
            if session.is_left() && session.is_idle() {
                self.left.push(id);
                return;
            }
            if session.waiting_len() == 0 || session.outstanding.len() >= usize::from(session.params().nstart)
            {
                return self.release_held(id);
            }
            let Some(pdu) = session.waiting_mut().pop_front() else { return };
            self.send_now(now, id, pdu);
        }
    }
}
