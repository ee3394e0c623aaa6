//! The body of a request in Q-Block1 options (RFC 9177 §4.3): sets of MAX_PAYLOADS with a pause between
//! them, or as fast as the server says; confirmable ones as fast as NSTART lets them.

use super::Mids;
use crate::message::{Code, Mid, Number, Pdu, Type};
use crate::protocol::block::quick::{Burst, read_list};
use crate::protocol::block::{self, Block, Shared};
use crate::protocol::engine::{Engine, Notice};
use crate::protocol::event::NackReason;
use crate::protocol::session::SessionId;
use crate::protocol::time::Instant;
use core::time::Duration;

/// A body on its way.
pub(super) struct Upload {
    pub(super) body: Shared,
    szx: u8,
    burst: Burst,
    /// NON_TIMEOUT_RANDOM.
    pause: Duration,
    /// How often the last block was sent once more since the server is silent.
    reminders: u16,
    mids: Mids,
}

impl Upload {
    /// The same body, of which the first block is next.
    pub(super) fn begun_anew(&self) -> block::Upload {
        let block = Block { num: 0, more: true, szx: self.szx };
        block::Upload { body: Shared::clone(&self.body), block, sent: block.size() }
    }
}

impl Engine {
    pub(super) fn new_upload(&mut self, id: SessionId, begun: block::Upload) -> Upload {
        let length = (*begun.body).as_ref().len();
        let count = u32::try_from(length.div_ceil(begun.block.size())).unwrap_or(u32::MAX);
        let params = self
            .sessions
            .get(id)
            .map(|s| s.params().clone())
            .unwrap_or(crate::protocol::params::Params::DEFAULT);
        let mut burst = Burst::new(count, params.max_payloads, params.non_max_retransmit);
        // The first one is in the message at hand.
        burst.take_one();
        let pause = self.draw_pause(id);
        Upload { body: begun.body, szx: begun.block.szx, burst, pause, reminders: 0, mids: Mids::default() }
    }

    /// The first block has been sent.
    pub(super) fn upload_begun(
        &mut self,
        now: Instant,
        id: SessionId,
        serial: u64,
        mid: Mid,
        confirmable: bool,
    ) {
        let Some(upload) = self.upload_mut(id, serial) else { return };
        upload.mids.add(mid);
        if confirmable {
            self.fill_slots(now, id, serial);
        } else {
            self.send_set(now, id, serial);
        }
    }

    fn upload_mut(&mut self, id: SessionId, serial: u64) -> Option<&mut Upload> {
        self.bodies.quick.followed.get_mut(id, serial)?.upload.as_mut()
    }

    fn is_confirmable(&self, id: SessionId, serial: u64) -> bool {
        let followed = self.bodies.quick.followed.get(id, serial);
        followed.is_some_and(|f| f.request.kind() == Type::Confirmable)
    }

    /// Sends the rest of a set, and waits for the server, or for the pause to end.
    fn send_set(&mut self, now: Instant, id: SessionId, serial: u64) {
        let Some(upload) = self.upload_mut(id, serial) else { return };
        for num in upload.burst.take_set() {
            if !self.send_block_of(now, id, serial, num) {
                return;
            }
        }
        self.wait_for_server(now, id, serial);
    }

    fn wait_for_server(&mut self, now: Instant, id: SessionId, serial: u64) {
        let Some(params) = self.sessions.get(id).map(|s| s.params().clone()) else { return };
        let confirmable = self.is_confirmable(id, serial);
        let Some(upload) = self.upload_mut(id, serial) else { return };
        let wait = match (confirmable, upload.burst.is_sent()) {
            (true, _) => params.exchange_lifetime(),
            (false, false) => upload.pause,
            // The server asks for what is missing first, after NON_RECEIVE_TIMEOUT.
            (false, true) => params.receive_timeout().saturating_mul(2 << upload.reminders.min(16)),
        };
        self.wait_for_followed(now, id, serial, Some(wait));
    }

    /// Sends one block. If that is not possible, the request ends.
    fn send_block_of(&mut self, now: Instant, id: SessionId, serial: u64, num: u32) -> bool {
        let sent = self.try_block_of(now, id, serial, num);
        if sent.is_none() {
            self.upload_failed(now, id, serial, NackReason::NotDeliverable);
        }
        sent.is_some()
    }

    fn try_block_of(&mut self, now: Instant, id: SessionId, serial: u64, num: u32) -> Option<()> {
        let token = self.next_token(id)?;
        let session = self.sessions.get_mut(id)?;
        let (mid, size) = (session.new_mid(), session.max_pdu_size());
        let followed = self.bodies.quick.followed.get_mut(id, serial)?;
        let upload = followed.upload.as_mut()?;
        let mut pdu = followed.request.clone();
        pdu.set_mid(mid);
        pdu.set_max_size(size);
        pdu.set_token(token.as_bytes()).ok()?;
        let (block, slice) = Block { num, more: false, szx: upload.szx }.cut((*upload.body).as_ref(), 0)?;
        pdu.update_option(Number::Q_BLOCK1, &block.encode()).ok()?;
        pdu.set_payload(slice).ok()?;
        let sent = self.send(now, id, pdu);
        let mid = sent.inspect_err(|e| crate::log!(WARN, "block {num} is not sent: {e}")).ok()?;
        if let Some(upload) = self.upload_mut(id, serial) {
            upload.mids.add(mid);
        }
        self.add_token(now, id, serial, num, token);
        Some(())
    }

    /// A message about what is followed was acknowledged.
    pub(super) fn block_taken(&mut self, now: Instant, id: SessionId, serial: u64) {
        let is_sending = self.upload_mut(id, serial).is_some();
        if is_sending && self.is_confirmable(id, serial) {
            self.upload_acknowledged(now, id, serial);
        }
    }

    /// A confirmable block was acknowledged: another one takes its place, even if it has to wait for others.
    pub(super) fn upload_acknowledged(&mut self, now: Instant, id: SessionId, serial: u64) {
        let next = self.upload_mut(id, serial).and_then(|u| u.burst.take_one());
        if next.is_some_and(|num| !self.send_block_of(now, id, serial, num)) {
            return;
        }
        self.fill_slots(now, id, serial);
    }

    /// As many confirmable blocks go as may.
    fn fill_slots(&mut self, now: Instant, id: SessionId, serial: u64) {
        while self.sessions.get(id).is_some_and(|s| s.has_slot()) {
            let Some(num) = self.upload_mut(id, serial).and_then(|u| u.burst.take_one()) else { break };
            if !self.send_block_of(now, id, serial, num) {
                return;
            }
        }
        self.wait_for_server(now, id, serial);
    }

    /// 2.31: the server has all blocks up to this one.
    pub(super) fn upload_continues(
        &mut self,
        now: Instant,
        id: SessionId,
        serial: u64,
        block: Option<Block>,
    ) {
        if self.is_confirmable(id, serial) {
            // What it came with was acknowledged by it.
            return self.upload_acknowledged(now, id, serial);
        }
        let Some(block) = block else { return };
        let Some(upload) = self.upload_mut(id, serial) else { return };
        upload.reminders = 0;
        let next = block.num.saturating_add(1);
        let waits = upload.burst.waits_at(next);
        // Those of later blocks stay: the last response has one of them.
        self.release_tokens(now, id, serial, |num, _| num >= next);
        if waits {
            self.send_set(now, id, serial);
        }
    }

    /// 4.08: the server misses these blocks. What is no list of them is dropped (RFC 9177 §5).
    pub(super) fn upload_asked(&mut self, now: Instant, id: SessionId, serial: u64, list: &[u8]) {
        let missing = match read_list(list) {
            Ok(missing) => missing,
            Err(e) => return crate::log!(DEBUG, "4.08 is ignored: {e}"),
        };
        let Some(upload) = self.upload_mut(id, serial) else { return };
        upload.reminders = 0;
        let next = upload.burst.next();
        let wants_next = missing.iter().all(|num| *num >= next) && missing.contains(&next);
        let Some(again) = upload.burst.take_again(missing) else {
            crate::log!(WARN, "the server asks for the same blocks again and again");
            return self.upload_failed(now, id, serial, NackReason::TooManyRetries);
        };
        if wants_next && !upload.burst.is_sent() && !self.is_confirmable(id, serial) {
            return self.send_set(now, id, serial);
        }
        for num in again {
            if !self.send_block_of(now, id, serial, num) {
                return;
            }
        }
        self.wait_for_server(now, id, serial);
    }

    /// The pause is over, or the server has been silent for too long.
    pub(super) fn upload_due(&mut self, now: Instant, id: SessionId, serial: u64) {
        let most = self.sessions.get(id).map_or(0, |s| s.params().non_max_retransmit);
        let confirmable = self.is_confirmable(id, serial);
        let Some(followed) = self.bodies.quick.followed.get_mut(id, serial) else { return };
        // A server that has lost the response, or all of the body, is reminded; but one that does not
        // remember what it has done would do it twice.
        let is_idempotent = !matches!(followed.request.code(), Code::POST | Code::PATCH);
        let Some(upload) = &mut followed.upload else { return };
        if confirmable {
            return self.upload_failed(now, id, serial, NackReason::TooManyRetries);
        }
        if !upload.burst.is_sent() {
            return self.send_set(now, id, serial);
        }
        if upload.reminders >= most {
            return self.upload_failed(now, id, serial, NackReason::TooManyRetries);
        }
        upload.reminders += 1;
        let last = upload.burst.next().saturating_sub(1);
        if !is_idempotent || self.send_block_of(now, id, serial, last) {
            self.wait_for_server(now, id, serial);
        }
    }

    /// The body will not arrive: the application hears it once.
    fn upload_failed(&mut self, now: Instant, id: SessionId, serial: u64, reason: NackReason) {
        let Some(followed) = self.drop_followed(now, id, serial) else { return };
        self.notice(id, Notice::BodyNotSent);
        self.nack(id, followed.request, reason);
    }

    /// The server rejects one of the blocks. Gives the request that it is of.
    pub(super) fn upload_rejected(&mut self, now: Instant, id: SessionId, mid: Mid) -> Option<Pdu> {
        let rejected = |f: &super::follow::Followed| f.upload.as_ref().is_some_and(|u| u.mids.has(mid));
        let (serial, _) = self.bodies.quick.followed.of(id).find(|(_, f)| rejected(f))?;
        let followed = self.drop_followed(now, id, serial)?;
        self.notice(id, Notice::BodyNotSent);
        Some(followed.request)
    }
}
