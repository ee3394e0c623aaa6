//! Responses whose body goes in Q-Block2 options (RFC 9177 §4.4): sets of MAX_PAYLOADS with a pause between
//! them, or as fast as the client says; confirmable ones as fast as NSTART lets them.

use super::super::About;
use super::super::serve::{MAX_PER_SESSION, MAX_SERVED, Representation, is_begun_by};
use super::{Mids, Name};
use crate::message::option::encode_uint;
use crate::message::pdu::PduError;
use crate::message::{Code, Mid, Number, Pdu, Token, Type, error};
use crate::protocol::block::quick::{Burst, Wanted};
use crate::protocol::block::{self, Block, BodyError, MAX_NUM, Shared};
use crate::protocol::deadline::DeadlineKey;
use crate::protocol::engine::{Engine, Notice};
use crate::protocol::event::Audience;
use crate::protocol::session::SessionId;
use crate::protocol::time::Instant;
use core::time::Duration;

/// A body on its way, or kept for what the client may have missed.
pub(super) struct Sent {
    about: About,
    /// The response without what differs from block to block, with the token of its request.
    response: Pdu,
    body: Shared,
    szx: u8,
    burst: Burst,
    /// NON_TIMEOUT_RANDOM.
    pause: Duration,
    /// The first block has gone, by a message of this type.
    begun: Option<Type>,
    mids: Mids,
    deadline: Option<DeadlineKey>,
}

impl Engine {
    /// Whether a response may have Q-Block2: the peer has shown that it knows it, and does not ask for
    /// Block2.
    pub(in crate::protocol::engine::blockwise) fn answers_quickly(
        &self,
        id: SessionId,
        request: &Pdu,
    ) -> bool {
        self.sessions.get(id).is_some_and(|s| s.is_quick()) && request.option(Number::BLOCK2).is_none()
    }

    /// Puts a body into a response: all of it where it fits, else its first block, or the first one
    /// that the client asks for. The others follow when the response has been sent.
    pub(in crate::protocol::engine::blockwise) fn add_quick_body(
        &mut self,
        now: Instant,
        id: SessionId,
        request: &Pdu,
        response: &mut Pdu,
        about: Representation,
        body: &Shared,
    ) -> Result<(), BodyError> {
        let bytes = (**body).as_ref();
        let Some(session) = self.sessions.get(id) else { return Ok(()) };
        let (params, largest) = (session.params().clone(), session.largest_szx);
        let wanted = Wanted::of(request, params.max_payloads)?;
        let is_asked = request.option(Number::Q_BLOCK2).is_some();
        about.describe(response, true)?;
        let room = block::room(response);
        if !is_asked && bytes.len() <= room {
            return Ok(response.set_payload(bytes)?);
        }
        let fitting = block::szx_within(room, block::MAX_SZX).ok_or(PduError::TooLarge {
            needed: response.used_size() + bytes.len(),
            max: response.max_size(),
        })?;
        let (asked, all) = match &wanted {
            Wanted::All(szx) => (Block { num: 0, more: true, szx: szx.unwrap_or(block::MAX_SZX) }, true),
            Wanted::Continue(block) => (*block, true),
            Wanted::Blocks { szx, nums } => {
                let num = nums.first().map_or(0, |n| n.start);
                (Block { num, more: false, szx: *szx }, false)
            }
        };
        let first = asked.shrink(fitting.min(largest)).ok_or(BodyError::BehindEnd(asked.num))?;
        let (first, slice) = first.cut(bytes, 0).ok_or(BodyError::BehindEnd(asked.num))?;
        let count = bytes.len().div_ceil(first.size()).max(1);
        let count = u32::try_from(count).ok().filter(|n| *n <= MAX_NUM + 1);
        let count = count.ok_or(BodyError::TooManyBlocks(bytes.len()))?;
        let is_kept = count > 1 && self.bodies.quick.sent.len() < MAX_SERVED;
        self.tag_body(response, about, is_kept && all, bytes)?;
        response.add_option(Number::SIZE2, &encode_uint(bytes.len() as u64))?;
        let template = is_kept.then(|| response.clone());
        response.add_option(Number::Q_BLOCK2, &first.encode())?;
        response.set_payload(slice)?;
        let Some(template) = template else { return Ok(()) };
        // Who asks for the first block alone may only want to know whether Q-Block is known.
        if wanted.is_first_alone() {
            return Ok(());
        }
        let mut burst = Burst::new(count, params.max_payloads, params.non_max_retransmit);
        if all {
            burst.skip_to(first.num + 1);
        } else {
            burst.skip_to(count);
        }
        let pause = self.draw_pause(id);
        let about = self.bodies.about(request);
        self.make_room_to_send(id, about);
        let sent = Sent {
            about,
            response: template,
            body: Shared::clone(body),
            szx: first.szx,
            burst,
            pause,
            begun: None,
            mids: Mids::default(),
            deadline: None,
        };
        let serial = self.bodies.quick.sent.insert(id, sent);
        self.keep_sent(now, id, serial, params.max_transmit_wait());
        Ok(())
    }

    /// A body takes the place of the one before, or of the oldest.
    fn make_room_to_send(&mut self, id: SessionId, about: About) {
        let of_session = || self.bodies.quick.sent.of(id);
        let before = of_session().find(|(_, s)| s.about == about).map(|(serial, _)| serial);
        let is_full = of_session().count() >= MAX_PER_SESSION;
        let oldest = of_session().next().map(|(serial, _)| serial).filter(|_| is_full);
        if let Some(serial) = before.or(oldest) {
            self.end_sent(id, serial);
        }
    }

    /// A response is about to go. Gives the body that follows it.
    pub(in crate::protocol::engine) fn response_goes(
        &mut self,
        id: SessionId,
        response: &Pdu,
    ) -> Option<u64> {
        self.gathered_answered(id, response);
        if self.bodies.quick.sent.is_empty() || response.option(Number::Q_BLOCK2).is_none() {
            return None;
        }
        let (kind, mid) = (response.kind(), response.mid());
        let follows = |s: &Sent| s.begun.is_none() && is_begun_by(&s.response, response);
        let (serial, _) = self.bodies.quick.sent.of(id).find(|(_, s)| follows(s))?;
        let sent = self.bodies.quick.sent.get_mut(id, serial)?;
        sent.response.set_code(response.code());
        sent.begun = Some(if kind == Type::NonConfirmable { kind } else { Type::Confirmable });
        sent.mids.add(mid);
        Some(serial)
    }

    /// It has gone: more blocks follow.
    pub(in crate::protocol::engine) fn begin_burst(
        &mut self,
        now: Instant,
        id: SessionId,
        burst: Option<u64>,
    ) {
        if let Some(serial) = burst {
            self.go_on_sending(now, id, serial);
        }
    }

    /// Sends what may go now: the rest of a set, or as many confirmable blocks as there are slots.
    fn go_on_sending(&mut self, now: Instant, id: SessionId, serial: u64) {
        let Some(sent) = self.bodies.quick.sent.get_mut(id, serial) else { return };
        if sent.begun == Some(Type::Confirmable) {
            // One takes the place of the one before, even if it has to wait for others.
            let mut is_first = true;
            while core::mem::take(&mut is_first) || self.sessions.get(id).is_some_and(|s| s.has_slot()) {
                let sent = self.bodies.quick.sent.get_mut(id, serial);
                let Some(num) = sent.and_then(|s| s.burst.take_one()) else { break };
                if !self.send_part(now, id, serial, num) {
                    return;
                }
            }
        } else {
            for num in sent.burst.take_set() {
                if !self.send_part(now, id, serial, num) {
                    return;
                }
            }
        }
        self.wait_for_client(now, id, serial);
    }

    fn wait_for_client(&mut self, now: Instant, id: SessionId, serial: u64) {
        let Some(wait) = self.sessions.get(id).map(|s| s.params().max_transmit_wait()) else { return };
        let Some(sent) = self.bodies.quick.sent.get(id, serial) else { return };
        let pauses = sent.begun == Some(Type::NonConfirmable) && !sent.burst.is_sent();
        let wait = if pauses { sent.pause } else { wait };
        self.keep_sent(now, id, serial, wait);
    }

    fn keep_sent(&mut self, now: Instant, id: SessionId, serial: u64, wait: Duration) {
        let deadline = self.quick_deadline(now, wait, Name::Sent(id, serial));
        let Some(sent) = self.bodies.quick.sent.get_mut(id, serial) else { return };
        if let Some(before) = sent.deadline.replace(deadline) {
            self.deadlines.cancel(before);
        }
    }

    /// The message with one block.
    fn part(&mut self, id: SessionId, serial: u64, num: u32, mut pdu: Pdu) -> Option<Pdu> {
        let sent = self.bodies.quick.sent.get(id, serial)?;
        pdu.set_code(sent.response.code());
        let is_repeated = pdu.token() != sent.response.token();
        for option in sent.response.options() {
            // RFC 9177 §4.5: what is asked for again is no notification.
            if !(is_repeated && option.number == Number::OBSERVE) {
                pdu.add_option(option.number, option.value).ok()?;
            }
        }
        let (block, slice) = Block { num, more: false, szx: sent.szx }.cut((*sent.body).as_ref(), 0)?;
        pdu.add_option(Number::Q_BLOCK2, &block.encode()).ok()?;
        pdu.set_payload(slice).ok()?;
        Some(pdu)
    }

    /// Sends one block as a response to the first request. If that is not possible, the body ends.
    fn send_part(&mut self, now: Instant, id: SessionId, serial: u64, num: u32) -> bool {
        let blank = self.sessions.get_mut(id).map(|s| (s.new_mid(), s.max_pdu_size()));
        let known = self.bodies.quick.sent.get(id, serial);
        let known = known.and_then(|s| Some((s.begun?, Token::new(s.response.token()))));
        let (Some((mid, size)), Some((kind, token))) = (blank, known) else { return false };
        let mut pdu = Pdu::new(kind, Code::CONTENT, mid, size);
        let made = pdu.set_token(token.as_bytes()).ok().and_then(|()| self.part(id, serial, num, pdu));
        let Some(pdu) = made else {
            crate::log!(WARN, "block {num} has no room in the response");
            self.end_sent(id, serial);
            return false;
        };
        match self.send(now, id, pdu) {
            Ok(mid) => {
                if let Some(sent) = self.bodies.quick.sent.get_mut(id, serial) {
                    sent.mids.add(mid);
                }
                true
            }
            Err(e) => {
                crate::log!(WARN, "block {num} is not sent: {e}");
                self.end_sent(id, serial);
                false
            }
        }
    }

    /// Answers a request for more of a body that is kept. `false` if there is none, or it asks for all.
    pub(in crate::protocol::engine) fn serve_more(
        &mut self,
        now: Instant,
        id: SessionId,
        request: &Pdu,
    ) -> bool {
        let Some(session) = self.sessions.get(id).filter(|s| s.is_quick()) else { return false };
        if request.option(Number::Q_BLOCK2).is_none() || request.option(Number::Q_BLOCK1).is_some() {
            return false;
        }
        let mixed = [Number::BLOCK1, Number::BLOCK2].into_iter().any(|n| request.option(n).is_some());
        let wanted = match Wanted::of(request, session.params().max_payloads) {
            Ok(_) if mixed => Err(BodyError::Malformed),
            wanted => wanted,
        };
        let wanted = match wanted {
            Ok(Wanted::All(_)) => return false,
            Ok(wanted) => wanted,
            Err(e) => {
                crate::log!(DEBUG, "mid=0x{:04x}: Q-Block2: {e}", request.mid().0);
                self.answer_code(now, id, request.clone(), Code::BAD_REQUEST, Audience::One);
                return true;
            }
        };
        let about = self.bodies.about(request);
        let kept = self.bodies.quick.sent.of(id).rev().find(|(_, s)| s.about == about && s.begun.is_some());
        let Some((serial, szx)) = kept.map(|(serial, s)| (serial, s.szx)) else {
            // Block 0 alone may be all that is wanted of the response to a request without payload.
            let has_lost_body = request.code() != Code::GET && request.payload().is_none();
            if wanted.is_first_alone() || !has_lost_body {
                return false;
            }
            // It was about a response that is gone. As a request of its own it would be another one.
            self.answer_code(now, id, request.clone(), Code::REQUEST_ENTITY_INCOMPLETE, Audience::One);
            return true;
        };
        let count = self.bodies.quick.sent.get(id, serial).map_or(0, |s| s.burst.count());
        match wanted {
            Wanted::All(_) => return false,
            Wanted::Blocks { nums, .. } if nums.iter().all(|n| n.start >= count) => {
                self.answer_code(now, id, request.clone(), Code::BAD_REQUEST, Audience::One);
            }
            Wanted::Continue(block) => {
                self.acknowledge(now, id, request);
                let waits = |s: &Sent| s.szx == block.szx && s.burst.waits_at(block.num);
                if self.bodies.quick.sent.get(id, serial).is_some_and(waits) {
                    self.go_on_sending(now, id, serial);
                }
            }
            Wanted::Blocks { szx: asked, .. } if asked != szx => return false,
            Wanted::Blocks { nums, .. } => {
                self.send_again(now, id, serial, request, nums.into_iter().flatten())
            }
        }
        true
    }

    /// Sends blocks that the client has missed, as responses to its request for them.
    fn send_again(
        &mut self,
        now: Instant,
        id: SessionId,
        serial: u64,
        request: &Pdu,
        nums: impl Iterator<Item = u32>,
    ) {
        let Some(sent) = self.bodies.quick.sent.get_mut(id, serial) else { return };
        let next = sent.burst.next();
        let mut wants_next = false;
        let nums = nums.inspect(|num| wants_next |= *num == next);
        let again = sent.burst.take_again(nums);
        let Some(again) = again else {
            crate::log!(WARN, "a client asks for the same blocks again and again");
            return self.answer_code(now, id, request.clone(), Code::SERVICE_UNAVAILABLE, Audience::One);
        };
        if again.is_empty() {
            self.acknowledge(now, id, request);
            return if wants_next {
                self.go_on_sending(now, id, serial)
            };
        }
        for (i, num) in again.into_iter().enumerate() {
            // The first one is in the acknowledgement, if there is one.
            let Some(response) = self.prepare(id, request, i > 0) else { return };
            let Some(response) = self.part(id, serial, num, response) else {
                let Some(mut refusal) = self.prepare(id, request, i > 0) else { return };
                error::fill(&mut refusal, request, Code::INTERNAL_SERVER_ERROR, |_| false);
                return self.answer(now, id, request, refusal, Audience::One);
            };
            if let Some(sent) = self.bodies.quick.sent.get_mut(id, serial) {
                sent.mids.add(response.mid());
            }
            self.answer(now, id, request, response, Audience::One);
        }
        self.wait_for_client(now, id, serial);
    }

    /// A confirmable block was acknowledged.
    pub(super) fn sent_acknowledged(&mut self, now: Instant, id: SessionId, token: &[u8]) {
        let goes_on = |s: &Sent| {
            s.begun == Some(Type::Confirmable) && s.response.token() == token && !s.burst.is_sent()
        };
        let serial = self.bodies.quick.sent.of(id).find(|(_, s)| goes_on(s)).map(|(serial, _)| serial);
        if let Some(serial) = serial {
            self.go_on_sending(now, id, serial);
        }
    }

    /// A confirmable block was not delivered: its body ends, and the application hears of that instead.
    pub(in crate::protocol::engine) fn burst_failed(&mut self, id: SessionId, message: &Pdu) -> bool {
        if message.code().is_request() || message.option(Number::Q_BLOCK2).is_none() {
            return false;
        }
        let is_of = |s: &Sent| s.mids.has(message.mid());
        let serial = self.bodies.quick.sent.of(id).find(|(_, s)| is_of(s)).map(|(serial, _)| serial);
        if let Some(serial) = serial {
            self.end_sent(id, serial);
        }
        serial.is_some()
    }

    /// The client does not want a block that was not confirmable.
    pub(super) fn sent_rejected(&mut self, id: SessionId, mid: Mid) {
        let serial = self.bodies.quick.sent.of(id).find(|(_, s)| s.mids.has(mid)).map(|(serial, _)| serial);
        if let Some(serial) = serial {
            self.end_sent(id, serial);
        }
    }

    /// The pause is over, or nobody has asked for anything for too long.
    pub(super) fn sent_due(&mut self, now: Instant, id: SessionId, serial: u64) {
        let Some(sent) = self.bodies.quick.sent.get_mut(id, serial) else { return };
        sent.deadline = None;
        if sent.begun == Some(Type::NonConfirmable) && !sent.burst.is_sent() {
            self.go_on_sending(now, id, serial);
        } else {
            self.end_sent(id, serial);
        }
    }

    /// Lets go of a body. If not all of it has gone, the application hears that.
    fn end_sent(&mut self, id: SessionId, serial: u64) {
        if self.drop_sent(id, serial) == Some(false) {
            self.notice(id, Notice::BodyNotSent);
        }
    }

    pub(super) fn drop_sent(&mut self, id: SessionId, serial: u64) -> Option<bool> {
        let sent = self.bodies.quick.sent.remove(id, serial)?;
        if let Some(key) = sent.deadline {
            self.deadlines.cancel(key);
        }
        self.bodies.released.push(sent.body);
        Some(sent.burst.is_sent())
    }
}
