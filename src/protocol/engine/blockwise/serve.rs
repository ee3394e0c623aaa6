//! Responses in blocks (RFC 7959 §2.2, §2.4): the body is kept, and later blocks are served
//! without the handler.

use super::{About, Name};
use crate::message::option::encode_uint;
use crate::message::pdu::PduError;
use crate::message::{Code, Number, Pdu, error};
use crate::protocol::block::{self, Block, BodyError, Mode, Shared};
use crate::protocol::deadline::DeadlineKey;
use crate::protocol::engine::{Engine, Notice};
use crate::protocol::event::Audience;
use crate::protocol::session::SessionId;
use crate::protocol::time::Instant;

/// How many bodies are kept for a session. The oldest makes room for a new one.
pub(super) const MAX_PER_SESSION: usize = 32;

/// How many bodies are kept in a context. Beyond, handlers are called for each block.
pub(super) const MAX_SERVED: usize = 4096;

/// What a response says of the body it has.
#[derive(Clone, Copy, Debug, Default)]
pub struct Representation {
    /// Its Content-Format; `None` says nothing of it.
    pub format: Option<u16>,
    /// For how many seconds it is fresh; `None` says nothing of it.
    pub max_age: Option<u32>,
    /// Its ETag, as a number; 0 if the library should find one where it needs one.
    pub etag: u64,
}

impl Representation {
    /// The response says already what there is to say.
    pub const DESCRIBED: Representation = Representation { format: None, max_age: None, etag: 0 };

    /// Writes it into a response; the ETag if that is wanted.
    pub(super) fn describe(self, response: &mut Pdu, with_etag: bool) -> Result<(), PduError> {
        if with_etag && self.etag != 0 {
            response.add_option(Number::ETAG, &encode_uint(self.etag))?;
        }
        if let Some(format) = self.format {
            response.add_option(Number::CONTENT_FORMAT, &encode_uint(format.into()))?;
        }
        if let Some(seconds) = self.max_age {
            response.add_option(Number::MAX_AGE, &encode_uint(seconds.into()))?;
        }
        Ok(())
    }
}

/// A body that is sent in blocks.
pub(super) struct Served {
    about: About,
    /// The response without what differs from block to block.
    response: Pdu,
    body: Shared,
    /// Its last block has been sent.
    is_done: bool,
    deadline: DeadlineKey,
}

impl Engine {
    /// Puts a body into a response: all of it where it fits and the client asked for no block,
    /// else the block that the client asked for, or the first. If more blocks follow, and the
    /// session leaves such things to the library, they are served from `body`.
    pub fn add_body(
        &mut self,
        now: Instant,
        id: SessionId,
        request: &Pdu,
        response: &mut Pdu,
        about: Representation,
        body: &Shared,
    ) -> Result<(), BodyError> {
        let bytes = (**body).as_ref();
        let (mode, largest) = match self.sessions.get(id) {
            Some(s) => (s.block_mode, s.largest_block()),
            None => (Mode::default(), block::MAX_SZX),
        };
        if self.answers_quickly(id, request) {
            return self.add_quick_body(now, id, request, response, about, body);
        }
        let is_ours = mode.has(Mode::USE_LIBCOAP);
        let asked = self.block_of(id, request, Number::BLOCK2)?;
        if let Some(block) = asked {
            block.cut(bytes, 0).ok_or(BodyError::BehindEnd(block.num))?;
        }
        about.describe(response, is_ours)?;
        let room = if is_ours { block::room(response) } else { usize::MAX };
        let is_whole = match asked {
            Some(b) => b.num == 0 && b.slice(bytes).len() == bytes.len() && bytes.len() <= room,
            None => !is_ours || bytes.len() <= room,
        };
        if is_whole {
            if let Some(block) = asked {
                response.add_option(Number::BLOCK2, &Block { more: false, ..block }.encode())?;
                if block.szx == block::BERT_SZX && bytes.len() > block.size() {
                    response.add_option(Number::SIZE2, &encode_uint(bytes.len() as u64))?;
                }
            }
            self.make_large(response, bytes.len());
            return Ok(response.set_payload(bytes)?);
        }
        let first = Block { num: 0, more: false, szx: largest };
        let fitting = block::szx_within(block::room(response), largest).ok_or(PduError::TooLarge {
            needed: response.used_size() + bytes.len(),
            max: response.max_size(),
        })?;
        let block = asked.unwrap_or(first);
        let block = block.shrink(fitting).ok_or(BodyError::BehindEnd(block.num))?;
        if bytes.len() > block.size() * (block::MAX_NUM as usize + 1) {
            return Err(BodyError::TooManyBlocks(bytes.len()));
        }
        let (block, slice) =
            block.cut(bytes, block::room(response)).ok_or(BodyError::BehindEnd(block.num))?;
        let is_kept = is_ours
            && block.num == 0
            && !mode.has(Mode::STLESS_BLOCK2)
            && self.bodies.served.len() < MAX_SERVED;
        self.tag_body(response, about, is_kept, bytes)?;
        let template = is_kept.then(|| response.clone());
        response.add_option(Number::BLOCK2, &block.encode())?;
        response.add_option(Number::SIZE2, &encode_uint(bytes.len() as u64))?;
        response.set_payload(slice)?;
        if let Some(template) = template {
            self.keep(now, id, self.bodies.about(request), template, body);
        }
        Ok(())
    }

    /// Gives a response in blocks its ETag, if it has none yet: a number of its own for a body that is
    /// kept for all of them.
    pub(super) fn tag_body(
        &mut self,
        response: &mut Pdu,
        about: Representation,
        is_kept: bool,
        bytes: &[u8],
    ) -> Result<(), PduError> {
        if response.option(Number::ETAG).is_some() {
            return Ok(());
        }
        let etag = match (about.etag, is_kept) {
            (0, true) => {
                self.bodies.next_etag += 1;
                self.bodies.next_etag
            }
            // Each block is cut from a body of its own: equal bodies must have equal tags.
            (0, false) => block::fingerprint(bytes),
            (given, _) => given,
        };
        response.add_option(Number::ETAG, &encode_uint(etag)).map(drop)
    }

    /// Keeps a body for the blocks that follow, in place of the one before.
    fn keep(&mut self, now: Instant, id: SessionId, about: About, mut response: Pdu, body: &Shared) {
        let Some(session) = self.sessions.get(id) else { return };
        let wait = session.params().max_transmit_wait();
        let before = self.bodies.served.of(id).find(|(_, s)| s.about == about).map(|(serial, _)| serial);
        let oldest = self.bodies.served.of(id).next().map(|(serial, _)| serial);
        let is_full = self.bodies.served.of(id).count() >= MAX_PER_SESSION;
        if let Some(serial) = before.or(oldest.filter(|_| is_full)) {
            let is_done = self.drop_served(id, serial);
            if is_done == Some(false) {
                self.notice(id, Notice::BodyNotSent);
            }
        }
        response.remove_option(Number::OBSERVE);
        let name = Name::Served(id, self.bodies.served.next_serial());
        let deadline = self.keep_until(None, now, wait, name);
        let body = Shared::clone(body);
        self.bodies.served.insert(id, Served { about, response, body, is_done: false, deadline });
    }

    /// A response is about to go. If it is the first block of a body that is kept, the others have its code, which the
    /// handler may have set when the body was there already.
    pub(in crate::protocol::engine) fn first_block_goes(&mut self, id: SessionId, response: &Pdu) {
        if self.bodies.served.is_empty()
            || !matches!(self.block_of(id, response, Number::BLOCK2), Ok(Some(Block { num: 0, .. })))
        {
            return;
        }
        let begun = self.bodies.served.of(id).rev().find(|(_, s)| is_begun_by(&s.response, response));
        if let Some((serial, _)) = begun
            && let Some(served) = self.bodies.served.get_mut(id, serial)
        {
            served.response.set_code(response.code());
        }
    }

    /// Answers a request for a later block of a body that is kept. `false` if there is none.
    pub(in crate::protocol::engine) fn serve_later_block(
        &mut self,
        now: Instant,
        id: SessionId,
        request: &Pdu,
        audience: Audience,
    ) -> bool {
        if self.bodies.served.is_empty() {
            return false;
        }
        let Ok(Some(asked)) = self.block_of(id, request, Number::BLOCK2) else { return false };
        if asked.num == 0 {
            return false;
        }
        let about = self.bodies.about(request);
        let Some(serial) =
            self.bodies.served.of(id).rev().find(|(_, s)| s.about == about).map(|(serial, _)| serial)
        else {
            return false;
        };
        let Some(mut response) = self.prepare(id, request, false) else { return true };
        let Some(session) = self.sessions.get(id) else { return true };
        let (wait, largest) = (session.params().max_transmit_wait(), session.largest_block());
        // RFC 7252 §4.5: what changes nothing may be worked off again, and the body is there, so that its
        // blocks need not be kept once more for requests that are repeated.
        if matches!(request.code(), Code::GET | Code::FETCH)
            && let Some(peer) = self.sessions.peer(id)
        {
            self.duplicates.forget(peer, request.mid());
        }
        let Some(served) = self.bodies.served.get_mut(id, serial) else { return true };
        if let Err(e) = served.fill(&mut response, asked, largest) {
            crate::log!(DEBUG, "block {}: {e}", asked.num);
            error::replace(&mut response, request, e.response_code());
        }
        let before = served.deadline;
        let deadline = self.keep_until(Some(before), now, wait, Name::Served(id, serial));
        if let Some(served) = self.bodies.served.get_mut(id, serial) {
            served.deadline = deadline;
        }
        self.answer(now, id, request, response, audience);
        true
    }

    pub(super) fn served_expired(&mut self, id: SessionId, serial: u64) {
        if self.drop_served(id, serial) == Some(false) {
            self.notice(id, Notice::BodyNotSent);
        }
    }

    /// Lets go of a body. Gives whether all of it has been sent.
    pub(super) fn drop_served(&mut self, id: SessionId, serial: u64) -> Option<bool> {
        let served = self.bodies.served.remove(id, serial)?;
        self.deadlines.cancel(served.deadline);
        self.bodies.released.push(served.body);
        Some(served.is_done)
    }
}

/// Whether a response that is kept for the blocks of a body is the one that `first` begins.
pub(super) fn is_begun_by(kept: &Pdu, first: &Pdu) -> bool {
    let [kept_etag, first_etag] = [kept, first].map(|pdu| pdu.option(Number::ETAG).map(|etag| etag.value));
    kept.token() == first.token() && kept_etag == first_etag
}

impl Served {
    /// Makes the response with one block.
    fn fill(&mut self, response: &mut Pdu, asked: Block, largest: u8) -> Result<(), BodyError> {
        let bytes = (*self.body).as_ref();
        response.set_code(self.response.code());
        for option in self.response.options() {
            response.add_option(option.number, option.value)?;
        }
        let fitting = block::szx_within(block::room(response), largest).unwrap_or(0);
        let block = asked.shrink(fitting).ok_or(BodyError::BehindEnd(asked.num))?;
        let (block, slice) =
            block.cut(bytes, block::room(response)).ok_or(BodyError::BehindEnd(asked.num))?;
        response.add_option(Number::BLOCK2, &block.encode())?;
        response.add_option(Number::SIZE2, &encode_uint(bytes.len() as u64))?;
        response.set_payload(slice)?;
        self.is_done |= !block.more;
        Ok(())
    }
}
