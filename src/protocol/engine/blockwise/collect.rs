//! Requests whose body comes in blocks (RFC 7959 §2.3, §2.5): each block is shown to the handler,
//! or all of them are put together first.

use super::{About, MAX_BODY, Name};
use crate::message::option::encode_uint;
use crate::message::{Code, Number, Pdu, error};
use crate::protocol::block::{Assembly, Block, Mode, Shown};
use crate::protocol::deadline::DeadlineKey;
use crate::protocol::engine::{Engine, Notice};
use crate::protocol::event::Audience;
use crate::protocol::resource::{Flags, ResourceId};
use crate::protocol::session::SessionId;
use crate::protocol::time::Instant;

/// How many unfinished bodies a peer may have here. The one that is left alone for longest makes
/// room.
pub(super) const MAX_PER_SESSION: usize = 16;

/// What an unfinished body costs beside its bytes.
pub(super) const BODY_COST: usize = 512;

/// A request to be handled.
pub(in crate::protocol::engine) struct Collected {
    pub(in crate::protocol::engine) request: Pdu,
    /// What to show of its body, if that came in blocks.
    pub(in crate::protocol::engine) body: Option<Box<Shown>>,
    /// The Block1 option that the response must have.
    pub(in crate::protocol::engine) echo: Option<Block>,
    /// The request has been acknowledged already.
    pub(in crate::protocol::engine) later: bool,
}

/// A body of which some blocks are there.
pub(super) struct Coming {
    about: About,
    assembly: Assembly,
    /// The request with the last block, where that came before others.
    last: Option<Pdu>,
    deadline: DeadlineKey,
}

impl Coming {
    fn cost(&self) -> usize {
        self.assembly.cost() + BODY_COST
    }
}

impl Engine {
    /// Looks at a request for a block of a body. `None` if the request has been answered, since
    /// more blocks must come first.
    pub(in crate::protocol::engine) fn collect(
        &mut self,
        now: Instant,
        id: SessionId,
        resource: ResourceId,
        request: Pdu,
        audience: Audience,
    ) -> Option<Collected> {
        let as_it_is = |request| Some(Collected { request, body: None, echo: None, later: false });
        let mode = self.sessions.get(id)?.block_mode;
        if self.sessions.get(id)?.tries_quick() && request.option(Number::Q_BLOCK1).is_some() {
            return self.gather(now, id, request);
        }
        if request.option(Number::BLOCK1).is_none() {
            return as_it_is(request);
        }
        let forced = self.resources.get(resource).is_some_and(|r| r.resource.has(Flags::FORCE_SINGLE_BODY));
        if !mode.has(Mode::USE_LIBCOAP) && !forced {
            return as_it_is(request);
        }
        let block = self.block_of(id, &request, Number::BLOCK1);
        if matches!(block, Ok(Some(Block { num: 0, more: false, .. }))) {
            return as_it_is(request);
        }
        if audience != Audience::One {
            // Of a body to a group no member may ask for the next block: it would ask all others.
            crate::log!(DEBUG, "a block of a body to a group is ignored");
            self.recycle(request);
            return None;
        }
        // RFC 7959 §2.2: the reserved size must be refused.
        let Ok(Some(block)) = block else {
            return self.refuse_block(now, id, request, Code::BAD_REQUEST);
        };
        let payload = request.payload().unwrap_or(&[]);
        let slice = block.slice(payload);
        if block.more && !block.may_have(slice.len()) {
            crate::log!(WARN, "block {} has {} bytes of {}", block.num, payload.len(), block.size());
            return self.refuse_block(now, id, request, Code::BAD_REQUEST);
        }
        let announced = request.option_uint(Number::SIZE1).unwrap_or(0);
        if announced > MAX_BODY as u64 || block.offset() + block.size().max(slice.len()) > MAX_BODY {
            return self.refuse_block(now, id, request, Code::REQUEST_ENTITY_TOO_LARGE);
        }
        // What a FETCH asks for is all of its body (RFC 8132 §2): no part of it can be answered.
        // And the blocks of a client are not those of the next server.
        let is_forwarded = self.may_forward(resource);
        if mode.has(Mode::SINGLE_BODY) || forced || is_forwarded || request.code() == Code::FETCH {
            return self.assemble(now, id, mode, block, request);
        }
        let end = block.offset() + slice.len() + usize::from(block.more);
        let data = (slice.len() < payload.len()).then(|| slice.to_vec());
        let shown = Shown { data, offset: block.offset(), total: end.max(announced as usize) };
        let echo = self.smaller(id, block);
        Some(Collected { request, body: Some(Box::new(shown)), echo: Some(echo), later: false })
    }

    /// Takes a block in, and hands the request out when the body is complete.
    fn assemble(
        &mut self,
        now: Instant,
        id: SessionId,
        mode: Mode,
        block: Block,
        request: Pdu,
    ) -> Option<Collected> {
        let about = self.bodies.about(&request);
        let payload = request.payload().unwrap_or(&[]);
        let payload = block.slice(payload);
        let known = self.bodies.coming.of(id).rev().find(|(_, c)| c.about == about).map(|(serial, _)| serial);
        let serial = match known {
            Some(serial) => serial,
            None => self.make_coming(now, id, about, &request)?,
        };
        let Some(coming) = self.bodies.coming.get_mut(id, serial) else {
            return self.refuse_block(now, id, request, Code::SERVICE_UNAVAILABLE);
        };
        let before = coming.cost();
        if block.num == 0 && !coming.assembly.is_empty() && !coming.assembly.begins_with(payload) {
            // The client begins anew, with another body (RFC 7959 §2.5).
            coming.assembly = Assembly::default();
            coming.last = None;
        }
        let offset = block.offset();
        if mode.has(Mode::NOT_RANDOM_BLOCK1) && offset > coming.assembly.len() {
            return self.refuse_block(now, id, request, Code::REQUEST_ENTITY_INCOMPLETE);
        }
        if coming.assembly.add(offset, payload, !block.more).is_err() {
            self.drop_coming(id, serial);
            self.notice(id, Notice::PartialBody);
            return self.refuse_block(now, id, request, Code::REQUEST_ENTITY_INCOMPLETE);
        }
        let (after, is_complete) = (coming.cost(), coming.assembly.is_complete());
        self.bodies.coming_cost = self.bodies.coming_cost + after - before;
        if is_complete {
            return self.hand_out(now, id, serial, block, request);
        }
        if self.bodies.coming_cost > self.bodies.most_coming {
            crate::log!(WARN, "unfinished bodies take more than {} bytes", self.bodies.most_coming);
            self.drop_coming(id, serial);
            self.notice(id, Notice::PartialBody);
            return self.refuse_block(now, id, request, Code::SERVICE_UNAVAILABLE);
        }
        self.put_off(now, id, serial);
        if block.more {
            self.ask_for_more(now, id, block, request);
        } else {
            // Others before it are missing: the answer comes with them.
            self.acknowledge(now, id, &request);
            if let Some(coming) = self.bodies.coming.get_mut(id, serial) {
                coming.last = Some(request);
            }
        }
        None
    }

    /// The body is complete. Its request is the one with the last block.
    fn hand_out(
        &mut self,
        now: Instant,
        id: SessionId,
        serial: u64,
        block: Block,
        request: Pdu,
    ) -> Option<Collected> {
        let coming = self.bodies.coming.remove(id, serial)?;
        self.deadlines.cancel(coming.deadline);
        self.bodies.coming_cost -= coming.cost();
        let later = block.more;
        let mut last = match coming.last {
            Some(last) if later => {
                self.ask_for_more(now, id, block, request);
                last
            }
            _ => request,
        };
        last.remove_option(Number::BLOCK1);
        let body = Some(Box::new(Shown::whole(coming.assembly.into_body())));
        Some(Collected { request: last, body, echo: None, later })
    }

    /// A place for a new body.
    fn make_coming(&mut self, now: Instant, id: SessionId, about: About, request: &Pdu) -> Option<u64> {
        let wait = self.sessions.get(id)?.params().max_transmit_wait();
        let oldest = self.bodies.coming.of(id).next().map(|(serial, _)| serial);
        if let Some(oldest) = oldest.filter(|_| self.bodies.coming.of(id).count() >= MAX_PER_SESSION) {
            crate::log!(WARN, "a peer has more than {MAX_PER_SESSION} unfinished bodies");
            self.drop_coming(id, oldest);
            self.notice(id, Notice::PartialBody);
        }
        let serial = self.bodies.coming.next_serial();
        crate::log!(DEBUG, "mid=0x{:04x}: a body begins", request.mid().0);
        let deadline = self.keep_until(None, now, wait, Name::Coming(id, serial));
        let coming = Coming { about, assembly: Assembly::default(), last: None, deadline };
        self.bodies.coming_cost += coming.cost();
        self.bodies.coming.insert(id, coming);
        Some(serial)
    }

    /// A block came: the time-out begins anew.
    fn put_off(&mut self, now: Instant, id: SessionId, serial: u64) {
        let Some(wait) = self.sessions.get(id).map(|s| s.params().max_transmit_wait()) else { return };
        let Some(before) = self.bodies.coming.get_mut(id, serial).map(|c| c.deadline) else { return };
        let deadline = self.keep_until(Some(before), now, wait, Name::Coming(id, serial));
        if let Some(coming) = self.bodies.coming.get_mut(id, serial) {
            coming.deadline = deadline;
        }
    }

    /// Lets go of an unfinished body. Gives whether there was one.
    pub(super) fn drop_coming(&mut self, id: SessionId, serial: u64) -> bool {
        let Some(coming) = self.bodies.coming.remove(id, serial) else { return false };
        self.deadlines.cancel(coming.deadline);
        self.bodies.coming_cost -= coming.cost();
        true
    }

    /// The same block in the largest size that this side wants (RFC 7959 §2.3).
    fn smaller(&self, id: SessionId, block: Block) -> Block {
        let largest = self.sessions.get(id).map_or(block.szx, |s| s.largest_block());
        match block.num {
            // The size is settled with the first block.
            0 => Block { szx: block.szx.min(largest), ..block },
            _ => block,
        }
    }

    /// 2.31: this block is in, more must follow.
    fn ask_for_more(&mut self, now: Instant, id: SessionId, block: Block, request: Pdu) {
        let echo = self.smaller(id, block);
        if let Some(mut response) = self.prepare(id, &request, false) {
            response.set_code(Code::CONTINUE);
            let _ = response.add_option(Number::BLOCK1, &echo.encode());
            self.answer(now, id, &request, response, Audience::One);
        }
        self.recycle(request);
    }

    /// Refuses a block. A 4.13 says how large a body may be (RFC 7959 §2.9.3).
    pub(super) fn refuse_block(
        &mut self,
        now: Instant,
        id: SessionId,
        request: Pdu,
        code: Code,
    ) -> Option<Collected> {
        if let Some(mut response) = self.prepare(id, &request, false) {
            if code == Code::REQUEST_ENTITY_TOO_LARGE {
                let _ = response.add_option(Number::SIZE1, &encode_uint(MAX_BODY as u64));
            }
            error::fill(&mut response, &request, code, |_| false);
            self.answer(now, id, &request, response, Audience::One);
        }
        self.recycle(request);
        None
    }
}
