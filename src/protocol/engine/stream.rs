//! Sessions over reliable transports (RFC 8323): opening, messages out of bytes, and the end of a
//! connection. What signalling messages mean is in [`super::signalling`].

use super::{Engine, Event, Notice, OpenError, Timer};
use crate::address::Address;
use crate::log::Level;
use crate::message::pdu::{DecodeError, DecodeReason};
use crate::message::{Code, Mid, Number, Pdu, Token, Type};
use crate::protocol::event::{Audience, NackReason};
use crate::protocol::session::{Path, Role, Session, SessionId, State, Transport};
use crate::protocol::stream::{Cut, Cutter, StreamError};
use crate::protocol::time::Instant;

impl Engine {
    /// Opens a session over a reliable transport whose connection is being made.
    pub fn open_stream(
        &mut self,
        now: Instant,
        path: Path,
        transport: Transport,
    ) -> Result<SessionId, OpenError> {
        let mut session = self.new_session(now, path, Role::Client);
        session.over_stream(transport);
        self.sessions.insert(session).ok_or(OpenError::Exists)
    }

    /// A peer has made a connection. `None` if it is one too many.
    pub fn accept_stream(&mut self, now: Instant, path: Path, transport: Transport) -> Option<SessionId> {
        if !transport.is_websocket() {
            self.make_room(now);
        }
        self.make_room_to_open(now);
        let mut session = self.new_session(now, path, Role::Server);
        session.over_stream(transport);
        let id = self.sessions.insert(session)?;
        self.begins_to_open(id);
        self.notice(id, Notice::Connected);
        self.notice(id, Notice::Opened);
        Some(id)
    }

    /// The address of this side of a session is known.
    pub fn name_local(&mut self, id: SessionId, local: Address) {
        if let Some(session) = self.sessions.get(id).filter(|s| s.path.local != local) {
            let path = Path { local, ..session.path.clone() };
            self.sessions.set_path(id, path);
        }
    }

    /// The connection is there, and what protects it. The application of the side that made it is
    /// told first; that of the other side has heard of it with its session.
    pub fn handle_connected(&mut self, now: Instant, id: SessionId) {
        self.heard = now;
        match self.sessions.get(id).map(|s| s.role) {
            Some(Role::Client) => {
                self.watch_silence(now, id);
                self.notice(id, Notice::Connected);
                self.await_handshake(now, id);
            }
            Some(Role::Server) if self.await_handshake(now, id) => {}
            Some(Role::Server) => self.begin(now, id),
            None => {}
        }
    }

    /// The connection of a session that this side opened was there at once: the application is not
    /// told, and what it sends waits for the peer's CSM without holding it up.
    pub fn handle_connected_at_once(&mut self, now: Instant, id: SessionId) {
        self.heard = now;
        self.watch_silence(now, id);
        if let Some(stream) = self.stream_mut(id) {
            stream.was_there_at_once = true;
        }
        self.begin(now, id);
    }

    /// Whether a session begins when its application has heard of the connection.
    pub(super) fn begins_connected(&self, id: SessionId) -> bool {
        self.sessions.get(id).is_some_and(|s| s.role == Role::Client && s.transport == Transport::Tcp)
    }

    /// Each side begins with its CSM (RFC 8323 §5.3).
    pub(super) fn begin(&mut self, now: Instant, id: SessionId) {
        let is_due = |s: &&mut Session| matches!(s.state, State::Connecting | State::Handshake);
        let Some(session) = self.sessions.get_mut(id).filter(is_due) else { return };
        if session.is_lost() {
            return;
        }
        session.state = State::Csm;
        self.send_csm(now, id);
        let deadline = self.deadlines.set(now + self.config.csm_timeout, Timer::Csm(id));
        if let Some(stream) = self.stream_mut(id) {
            stream.csm_deadline = Some(deadline);
        }
    }

    /// Bytes came for a session: works off the message that ends in them, if one does, and moves
    /// `input` behind it. `false` if nothing is left to do with it.
    pub fn handle_stream(&mut self, now: Instant, id: SessionId, input: &mut &[u8]) -> bool {
        let max = u64::from(self.config.csm_max_message_size);
        let max_token = self.longest_token_read();
        let mut pdu = self.blank(Type::Reset, Code::EMPTY, Mid(0), 0);
        let Some(session) = self.sessions.get_mut(id) else { return false };
        let framing = session.transport.framing();
        let Some(stream) = session.stream.as_deref_mut().filter(|s| !s.is_lost) else { return false };
        let before = stream.inbound.kept();
        let cut = stream.inbound.next(input, max);
        let cut = cut.map(|message| match message? {
            Cut::Lent(bytes) => Some(pdu.decode_into(framing, bytes, max_token)),
            Cut::Given { buf, start } => Some(pdu.decode_given(buf, start, max_token)),
        });
        self.partial = self.partial - before + stream.inbound.kept();
        self.sessions.touch(id, now);
        self.heard = now;
        match cut {
            Ok(Some(decoded)) => {
                self.handle_decoded(now, id, pdu, decoded);
                return true;
            }
            Ok(None) => self.limit_partial(now),
            Err(error) => self.break_off(now, id, error),
        }
        self.recycle(pdu);
        false
    }

    /// Messages of which only a part has come take memory until the rest is there. Of too much of it
    /// the most is given back: whoever says little at a time is not disturbed by those who begin much
    /// and end nothing. What this side asked for goes last.
    pub(super) fn limit_partial(&mut self, now: Instant) {
        while self.partial > self.config.max_partial {
            let kept = |s: &Session| s.stream.as_ref().map_or(0, |s| s.inbound.kept() + s.framed);
            let beginners = self.sessions.iter().filter(|(_, s)| kept(s) > 0);
            let Some((id, _)) = beginners.max_by_key(|(_, s)| (s.role == Role::Server, kept(s))) else {
                return;
            };
            self.abort(now, id, None, "too much is under way");
        }
    }

    /// A whole message came, in a frame that says where it ends.
    pub fn handle_frame(&mut self, now: Instant, id: SessionId, bytes: &[u8]) {
        let max_token = self.longest_token_read();
        let Some(session) = self.sessions.get(id) else { return };
        let framing = session.transport.framing();
        if session.stream.as_ref().is_none_or(|s| s.is_lost) {
            return;
        }
        self.sessions.touch(id, now);
        self.heard = now;
        let mut pdu = self.blank(Type::Reset, Code::EMPTY, Mid(0), 0);
        let decoded = pdu.decode_into(framing, bytes, max_token);
        self.handle_decoded(now, id, pdu, decoded);
    }

    fn handle_decoded(&mut self, now: Instant, id: SessionId, pdu: Pdu, decoded: Result<(), DecodeError>) {
        if let Err(error) = decoded {
            self.recycle(pdu);
            return self.handle_undecoded(now, id, &error);
        }
        if let Some(session) = self.sessions.get(id) {
            crate::log::pdu::show(Level::DEBUG, &pdu, session.transport.framing());
        }
        let code = pdu.code();
        if pdu.token().len() > self.config.max_token as usize && code.is_request() {
            self.answer_code(now, id, pdu, Code::BAD_REQUEST, Audience::One);
        } else if code.is_signalling() {
            self.handle_signal(now, id, pdu);
        } else if code.is_empty() {
            // RFC 8323 §5.4: they may be sent at any time and are not answered.
            crate::log!(DEBUG, "dropped message with invalid code (0.00)");
            self.events.push_back(Event::Ping { session: id, received: pdu });
        } else if code.is_request() {
            self.handle_request(now, id, pdu, false);
        } else if code.is_response() {
            self.handle_stream_response(now, id, pdu);
        } else {
            crate::log!(INFO, "coap_dispatch: Received invalid PDU code ({code})");
            self.notice(id, Notice::BadPacket);
            self.recycle(pdu);
        }
    }

    /// Lengths of tokens from 9 on are reserved (RFC 8323 §3.2), unless this side has said that it
    /// takes such: then those that are too long are refused with 4.00 (RFC 8974 §2.2.2).
    fn longest_token_read(&self) -> usize {
        match self.config.max_token as usize {
            own if own > Token::DEFAULT_MAX => Token::MAX,
            own => own,
        }
    }

    /// A message came that cannot be read.
    fn handle_undecoded(&mut self, now: Instant, id: SessionId, error: &DecodeError) {
        match (error.reason, error.header) {
            (DecodeReason::OptionLength { number, .. }, Some((_, Code::CSM, _))) => {
                self.refuse_csm(now, id, number);
            }
            _ => self.break_off(now, id, StreamError::Malformed(error.reason)),
        }
    }

    /// A response (RFC 8323 §3.1: there are no types, so nothing acknowledges or rejects it).
    fn handle_stream_response(&mut self, now: Instant, id: SessionId, pdu: Pdu) {
        let is_bad = self.bad_option_of_response(id, &pdu).is_some();
        if is_bad || !self.match_response(id, &pdu) {
            if let Some(session) = self.sessions.get(id) {
                crate::log!(DEBUG, "** {session}: response refused");
            }
            if is_bad {
                self.upstream_answered_badly(id, pdu.token());
            }
            return self.recycle(pdu);
        }
        if let Some(request) = self.stream_mut(id).and_then(|s| s.answered(pdu.token())) {
            self.recycle(request);
        }
        // The transport keeps the order (RFC 8323 §7.1): no notification is outdated.
        if pdu.option(Number::OBSERVE).is_some() {
            self.is_outdated(now, id, &pdu);
        }
        self.deliver_response(now, id, None, pdu);
        self.leave_released(now, id);
    }

    /// What came cannot be read on: RFC 8323 §5.6 has the connection aborted, with the reason.
    fn break_off(&mut self, now: Instant, id: SessionId, error: StreamError) {
        if let Some(session) = self.sessions.get(id) {
            crate::log!(WARN, "** {session}: {error}");
        }
        self.notice(id, Notice::BadPacket);
        self.abort(now, id, None, &error.to_string());
    }

    /// The application is about to hear of a session's readiness: it is ready when it has.
    pub(super) fn establish(&mut self, now: Instant, id: SessionId) {
        let Some(session) = self.sessions.get_mut(id).filter(|s| s.state == State::Csm) else { return };
        session.state = State::Established;
        self.send_held(now, id);
        self.observe_anew(now, id);
        self.flush_stream(now, id);
    }

    /// The transport takes no more bytes of this session for now, or does again.
    pub fn handle_blocked(&mut self, now: Instant, id: SessionId, is_blocked: bool) {
        if let Some(stream) = self.stream_mut(id) {
            stream.is_blocked = is_blocked;
        }
        if !is_blocked {
            self.flush_stream(now, id);
            self.release_held(id);
        }
    }

    /// Sends what waits, as long as the transport takes it.
    fn flush_stream(&mut self, now: Instant, id: SessionId) {
        loop {
            let Some(session) = self.sessions.get_mut(id) else { return };
            if session.is_left() && session.is_idle() {
                return self.left.push(id);
            }
            if session.state != State::Established || session.waiting_len() == 0 || session.is_blocked() {
                return;
            }
            let Some(pdu) = session.waiting_mut().pop_front() else { return };
            let size = pdu.encoded_len(session.transport.framing());
            if let Some(stream) = &mut session.stream {
                stream.waiting = stream.waiting.saturating_sub(size);
            }
            self.send_after_delay(now, id, pdu);
        }
    }

    /// Sends a message that waited for a connection, unless it turns out to be too large: it was accepted
    /// before it was known what the peer takes, or what securing it adds.
    pub(super) fn send_after_delay(&mut self, now: Instant, id: SessionId, pdu: Pdu) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        let (size, max) = (pdu.encoded_len(session.transport.framing()), session.max_message_size());
        if size > max {
            crate::log!(WARN, "** {session}: message of {size} bytes is larger than the {max} allowed");
            session.exchanges.abandon(pdu.token());
            return self.nack(id, pdu, NackReason::NotDeliverable);
        }
        crate::log!(DEBUG, "** {session}: mid=0x{:04x}: transmitted after delay", pdu.mid().0);
        self.send_now(now, id, pdu);
    }

    /// The connection is lost, or could not be made: each request that has no answer is handed
    /// back, and the session is of no use any more. One that a peer opened ends.
    pub fn handle_lost(&mut self, now: Instant, id: SessionId, reason: NackReason) {
        self.heard = now;
        if reason == NackReason::NotDeliverable && self.is_upgrading(id) {
            return self.handle_not_upgraded(now, id);
        }
        let Some(session) = self.sessions.get_mut(id) else { return };
        let (state, socket) = (session.state, session.path.socket);
        let Some(stream) = session.stream.as_deref_mut().filter(|s| !s.is_lost) else { return };
        stream.is_lost = true;
        stream.lost_because = Some(reason);
        self.forget_stream(id);
        self.note_loss(id, reason);
        self.events.push_back(Event::HangUp { session: id, socket });
        if state == State::Connecting {
            self.notice(id, Notice::NotConnected);
        }
        let unanswered = self.take_unanswered(id);
        if unanswered.is_empty() {
            self.events.push_back(Event::Nack { session: id, sent: None, reason, mid: Mid(0) });
        }
        unanswered.into_iter().for_each(|pdu| self.nack(id, pdu, reason));
        self.stop_watching(id);
        self.forget_observers(id);
        if state != State::Connecting {
            self.notice(id, Notice::Disconnected);
        }
        self.notice(id, if state == State::Established { Notice::Unready } else { Notice::NotReady });
        self.security_ends(id, reason);
    }

    /// The application is about to hear of this: what changes with it, and what will when it has
    /// heard.
    pub(super) fn note_told(&mut self, id: SessionId, notice: Notice) {
        match notice {
            Notice::Disconnected | Notice::NotUpgraded | Notice::NotReady | Notice::Unready => {
                let session = self.sessions.get_mut(id);
                let is_told = |s: &&mut Session| matches!(s.state, State::Ended | State::Closed);
                if let Some(session) = session.filter(|s| !is_told(s)) {
                    if let Some(reason) = session.stream.as_ref().and_then(|s| s.lost_because) {
                        crate::log!(DEBUG, "***{session}: session disconnected ({reason})");
                    }
                    session.state = State::Closed;
                }
                self.upstream_failed(id);
            }
            Notice::Unsecured => {
                let session = self.sessions.get_mut(id);
                if let Some(session) =
                    session.filter(|s| !s.transport.is_reliable() && s.state != State::Ended)
                {
                    session.state = State::Closed;
                }
            }
            Notice::Ready | Notice::Connected | Notice::Upgraded | Notice::Secured => {}
            _ => return,
        }
        self.told = Some((id, notice));
    }

    /// The application has heard that a session is of no use any more. That of a peer stays for as
    /// long as the application holds it.
    pub(super) fn lost_told(&mut self, id: SessionId) {
        match self.sessions.get(id) {
            Some(session) if session.role == Role::Server && session.is_held() => {}
            Some(session) if session.role == Role::Server => self.end(id),
            Some(session) if session.is_left() => self.left.push(id),
            Some(_) => self.reconnect_later(self.heard, id),
            None => {}
        }
    }

    /// Lets go of all that is kept for the connection of a session.
    pub(super) fn forget_stream(&mut self, id: SessionId) {
        self.ends_to_open(id);
        let Some(stream) = self.sessions.get_mut(id).and_then(|s| s.stream.as_deref_mut()) else { return };
        stream.is_blocked = false;
        self.partial -= stream.inbound.kept() + core::mem::take(&mut stream.framed);
        stream.inbound = Cutter::default();
        let deadlines = [&mut stream.csm_deadline, &mut stream.pong_deadline];
        for key in deadlines.into_iter().filter_map(Option::take) {
            self.deadlines.cancel(key);
        }
    }

    /// Takes out all requests that were sent and not answered, and all messages that wait.
    pub(super) fn take_unanswered(&mut self, id: SessionId) -> Vec<Pdu> {
        let Some(session) = self.sessions.get_mut(id) else { return Vec::new() };
        let mut all = session.stream.as_mut().map(|s| s.take_asked()).unwrap_or_default();
        let waiting = session.take_waiting();
        for pdu in &waiting {
            crate::log!(DEBUG, "** {session}: mid=0x{:04x}: not transmitted after disconnect", pdu.mid().0);
        }
        all.extend(waiting);
        for pdu in all.iter().filter(|pdu| pdu.code().is_request()) {
            session.exchanges.abandon(pdu.token());
        }
        all
    }

    pub(super) fn stream_mut(&mut self, id: SessionId) -> Option<&mut crate::protocol::stream::Stream> {
        self.sessions.get_mut(id)?.stream.as_deref_mut()
    }

    /// Whether bytes of this session are taken in now: not from a client that does not take our
    /// answers, so that a peer that only asks makes nothing grow here. This side as a client reads
    /// on, or two that both write would wait for each other.
    pub fn takes_input(&self, id: SessionId) -> bool {
        self.sessions.get(id).is_some_and(|s| s.role == Role::Client || !s.is_blocked())
    }
}
