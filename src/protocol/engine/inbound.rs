//! Receiving: what is a message, what is a repetition, what answers what (RFC 7252 §4, §5.3.2).

use super::{Engine, Event, Notice};
use crate::address::Address;
use crate::log::Level;
use crate::message::Framing;
use crate::message::pdu::{DecodeError, DecodeReason};
use crate::message::{Code, Mid, Number, Pdu, Token, Type};
use crate::protocol::duplicate::Seen;
use crate::protocol::event::{Audience, NackReason};
use crate::protocol::session::{Path, SessionId};
use crate::protocol::time::Instant;
use core::time::Duration;

/// The least time between two Resets that answer empty messages of one session: a peer that
/// floods is not answered message by message.
const RESET_INTERVAL: Duration = Duration::from_millis(250);

/// A datagram as it came in.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// It was sent to a multicast group or a broadcast address.
    pub multicast: bool,
}

impl Engine {
    /// A datagram came to an endpoint, whose sessions have messages of up to `mtu` bytes. Gives the
    /// session it is for, to be handed to [`Engine::handle_datagram`] when the application has
    /// heard of the session, should it be new.
    pub fn handle_arrival(
        &mut self,
        now: Instant,
        path: &Path,
        mtu: u32,
        datagram: Datagram<'_>,
    ) -> Option<SessionId> {
        // A peer that does not speak CoAP gets no session (RFC 7252 §3: unknown versions are
        // silently ignored).
        if datagram.bytes.len() < 4 || datagram.bytes.first().is_some_and(|b| b >> 6 != 1) {
            crate::log!(
                DEBUG,
                "{}: dropped {} bytes that are no CoAP message",
                path.remote,
                datagram.bytes.len()
            );
            return None;
        }
        self.accept(now, path, mtu)
    }

    /// A datagram came for a session.
    pub fn handle_datagram(&mut self, now: Instant, id: SessionId, datagram: Datagram<'_>) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        session.revive();
        let max_token = self.config.max_token as usize;
        if !session.transport.is_secure() {
            crate::log!(DEBUG, "*  {session}: netif: recv {:4} bytes", datagram.bytes.len());
        }
        self.sessions.touch(id, now);
        let mut pdu = self.blank(Type::Reset, Code::EMPTY, Mid(0), 0);
        match pdu.decode_udp_into(datagram.bytes, max_token) {
            Ok(()) => {
                crate::log::pdu::show(Level::DEBUG, &pdu, Framing::Udp);
                self.handle_message(now, id, pdu, datagram);
            }
            Err(error) => self.bad_message(now, id, &error, datagram),
        }
    }

    /// Rejects what is no message, with a Reset where RFC 7252 §4.2 and §4.3 allow one:
    /// acknowledgements and Resets are never answered, nor is what came to a group (§8.1).
    fn bad_message(&mut self, now: Instant, id: SessionId, error: &DecodeError, datagram: Datagram<'_>) {
        let Some((kind, _, mid)) = error.header else { return };
        if kind == Type::Acknowledgement
            && let Some(token) = self.under_way(id, mid).map(|sent| Token::new(sent.token()))
        {
            self.upstream_answered_badly(id, token.as_bytes());
        }
        if let Some(session) = self.sessions.get(id) {
            crate::log!(WARN, "** {session}: mid=0x{:04x}: message discarded: {error}", mid.0);
        }
        let answered = match kind {
            Type::Confirmable => true,
            Type::NonConfirmable => error.reason != DecodeReason::CodeClass,
            Type::Acknowledgement | Type::Reset => false,
        };
        if answered && !datagram.multicast && !self.refuse_long_token(now, id, error, datagram) {
            self.reject(now, id, mid);
        }
        // A token that is only too long for this side is no fault of the peer's.
        let extended = datagram.bytes.first().is_some_and(|b| b & 0xf != 0xf);
        if !(error.reason == DecodeReason::TokenLength && extended) {
            self.notice(id, Notice::BadPacket);
        }
    }

    /// RFC 8974 §2.2.2: a server that speaks extended tokens, but not such long ones, says 4.00.
    fn refuse_long_token(
        &mut self,
        now: Instant,
        id: SessionId,
        error: &DecodeError,
        datagram: Datagram<'_>,
    ) -> bool {
        let extended = self.sessions.get(id).is_some_and(|s| s.extended_tokens);
        if error.reason != DecodeReason::TokenLength || !extended {
            return false;
        }
        match Pdu::decode_udp(datagram.bytes, Token::MAX) {
            Ok(request) if request.code().is_request() => {
                self.answer_code(now, id, request, Code::BAD_REQUEST, Audience::One);
                true
            }
            _ => false,
        }
    }

    fn handle_message(&mut self, now: Instant, id: SessionId, pdu: Pdu, datagram: Datagram<'_>) {
        match pdu.kind() {
            Type::Acknowledgement => self.handle_ack(now, id, pdu),
            Type::Reset => self.handle_reset(now, id, pdu),
            Type::Confirmable if pdu.code().is_empty() => self.handle_ping(now, id, pdu, datagram),
            Type::NonConfirmable if pdu.code().is_empty() => {
                self.events.push_back(Event::Ping { session: id, received: pdu });
            }
            _ if self.is_repetition(now, id, &pdu, datagram.bytes) => self.recycle(pdu),
            _ if pdu.code().is_request() => self.handle_request(now, id, pdu, datagram.multicast),
            _ => self.handle_response(now, id, pdu, datagram.multicast),
        }
    }

    /// Whether the message came before. If it was answered, the answer goes out again; the
    /// message is not processed again (RFC 7252 §4.5).
    fn is_repetition(&mut self, now: Instant, id: SessionId, pdu: &Pdu, bytes: &[u8]) -> bool {
        let (Some(session), Some(peer)) = (self.sessions.get(id), self.sessions.peer(id)) else {
            return true;
        };
        let lifetime = match pdu.kind() {
            Type::Confirmable => session.params().exchange_lifetime(),
            _ => session.params().non_lifetime(),
        };
        let reply = match self.duplicates.check(now, now + lifetime, peer, pdu.mid(), bytes) {
            Seen::New => return false,
            Seen::Before(reply) => reply.to_vec(),
        };
        crate::log!(DEBUG, "** {session}: mid=0x{:04x}: repeated message", pdu.mid().0);
        if !reply.is_empty() {
            self.repeat(now, id, &reply);
        }
        true
    }

    /// An empty confirmable message asks whether somebody is there (RFC 7252 §4.3).
    fn handle_ping(&mut self, now: Instant, id: SessionId, pdu: Pdu, datagram: Datagram<'_>) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        let due = session.last_reset.is_none_or(|last| now - last >= RESET_INTERVAL);
        // RFC 7252 §8.1: a Reset never answers a message to a group.
        if due && !datagram.multicast {
            session.last_reset = Some(now);
            self.reject(now, id, pdu.mid());
        }
        self.events.push_back(Event::Ping { session: id, received: pdu });
    }

    fn handle_ack(&mut self, now: Instant, id: SessionId, pdu: Pdu) {
        let mid = pdu.mid();
        let Some(sent) = self.under_way(id, mid) else {
            // Late, repeated, or for nothing that was sent: no answer is allowed (RFC 7252 §4.2).
            if pdu.code().is_request() {
                self.notice(id, Notice::BadPacket);
            }
            self.recycle(pdu);
            return;
        };
        if pdu.code().is_empty() {
            if let Some(sent) = self.settle(now, id, mid) {
                if sent.code().is_request()
                    && let Some(session) = self.sessions.get_mut(id)
                {
                    session.exchanges.acknowledge(sent.token());
                }
                self.block_acknowledged(now, id, &sent);
                self.recycle(sent);
            }
            self.recycle(pdu);
        } else if answers(&pdu, sent) && self.bad_option_of_response(id, &pdu).is_none() {
            let sent = self.settle(now, id, mid);
            self.match_response(id, &pdu);
            // As the answer to the request it is shown, even if a newer notification has overtaken it.
            self.is_outdated(now, id, &pdu);
            self.deliver_response(now, id, sent, pdu);
        } else {
            let token = Token::new(sent.token());
            if let Some(session) = self.sessions.get(id) {
                crate::log!(
                    DEBUG,
                    "** {session}: mid=0x{:04x}: response with another token, or an unknown critical option",
                    mid.0
                );
            }
            self.upstream_answered_badly(id, token.as_bytes());
            self.recycle(pdu);
        }
    }

    fn handle_reset(&mut self, now: Instant, id: SessionId, pdu: Pdu) {
        let mid = pdu.mid();
        let sent = self.settle(now, id, mid);
        if sent.as_ref().is_some_and(|s| s.code().is_empty()) && self.keepalive.is_over(id, mid) {
            return self.events.push_back(Event::Pong { session: id, received: pdu });
        }
        self.notification_failed(id, sent.as_ref(), mid);
        if let (Some(sent), Some(session)) = (&sent, self.sessions.get_mut(id))
            && sent.code().is_request()
        {
            session.exchanges.abandon(sent.token());
        }
        let reason = NackReason::Reset;
        if self.probe_failed(now, id, sent.as_ref(), reason)
            || sent.as_ref().is_some_and(|sent| self.burst_failed(id, sent))
        {
            return self.recycle(pdu);
        }
        let sent = sent.or_else(|| self.block_rejected(now, id, mid));
        self.events.push_back(Event::Nack { session: id, sent, reason, mid });
        self.recycle(pdu);
    }

    /// A response in a message of its own (RFC 7252 §5.2.2). It may overtake the acknowledgement
    /// of its request, which it implies.
    fn handle_response(&mut self, now: Instant, id: SessionId, pdu: Pdu, multicast: bool) {
        let is_bad = self.bad_option_of_response(id, &pdu).is_some();
        if is_bad || !self.match_response(id, &pdu) {
            if let Some(session) = self.sessions.get(id) {
                crate::log!(DEBUG, "** {session}: mid=0x{:04x}: response refused", pdu.mid().0);
            }
            // RFC 7252 §5.3.2 and §5.4.1: rejected; and RFC 7641 §3.6: so an observation ends that
            // this side does not know of. But a Reset never answers a message to a group (§8.1).
            if !multicast {
                self.send_empty(now, id, Type::Reset, pdu.mid());
            }
            if is_bad {
                self.upstream_answered_badly(id, pdu.token());
            }
            self.recycle(pdu);
            return;
        }
        if let Some(mid) = self.request_under_way(id, &pdu)
            && let Some(sent) = self.settle(now, id, mid)
        {
            self.recycle(sent);
        }
        if self.is_outdated(now, id, &pdu) {
            return self.response_done(now, id, pdu, true);
        }
        self.deliver_response(now, id, None, pdu);
    }

    /// Whether a request with this token was sent; if so, the exchange ends unless more
    /// responses may follow.
    pub(super) fn match_response(&mut self, id: SessionId, pdu: &Pdu) -> bool {
        let is_followed = self.is_followed(id, pdu.token());
        let Some(session) = self.sessions.get_mut(id) else { return false };
        // RFC 7641 §3.2: a response without Observe, or an error, is the last one; but a group
        // answers more than once without.
        let last = !session.sends_to_group && !is_followed && pdu.option(Number::OBSERVE).is_none();
        session.exchanges.answer(pdu.token(), last)
    }

    /// The application has seen a response. A confirmable one is acknowledged if it was accepted,
    /// and rejected if not (RFC 7252 §4.2).
    pub(super) fn response_done(&mut self, now: Instant, id: SessionId, received: Pdu, accepted: bool) {
        let kind = match (received.kind(), accepted) {
            (Type::Confirmable, true) => Some(Type::Acknowledgement),
            (Type::Confirmable | Type::NonConfirmable, false) => Some(Type::Reset),
            _ => None,
        };
        if let Some(kind) = kind {
            self.send_empty(now, id, kind, received.mid());
        }
        self.recycle(received);
    }

    /// The same for a response that this member of a group gave, or [`Engine::responder`] was when
    /// it was delivered: the application may have sent or heard something since.
    pub fn response_done_to(
        &mut self,
        now: Instant,
        id: SessionId,
        received: Pdu,
        accepted: bool,
        responder: Option<Box<Address>>,
    ) {
        self.forget_unforwarded(id, &received);
        let Some(session) = self.sessions.get_mut(id).filter(|_| responder.is_some()) else {
            return self.response_done(now, id, received, accepted);
        };
        let shown = core::mem::replace(&mut session.responder, responder);
        self.response_done(now, id, received, accepted);
        if let Some(session) = self.sessions.get_mut(id) {
            session.responder = shown;
        }
    }
}

/// Whether what stands in an acknowledgement is the response to what it acknowledges
/// (RFC 7252 §5.3.2).
fn answers(acknowledgement: &Pdu, sent: &Pdu) -> bool {
    acknowledgement.code().is_response()
        && sent.code().is_request()
        && acknowledgement.token() == sent.token()
}
