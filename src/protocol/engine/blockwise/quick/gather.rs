//! Requests whose body comes in Q-Block1 options (RFC 9177 §4.3): the client hears when a set is there, and
//! what is missing; the handler sees the whole body.

use super::super::collect::{BODY_COST, Collected, MAX_PER_SESSION};
use super::super::{About, MAX_BODY};
use super::{Mids, Name};
use crate::message::option::encode_uint;
use crate::message::{Code, Mid, Number, Pdu, Token, Type};
use crate::protocol::block::quick::{CONTENT_FORMAT, Gathering, Verdict, list};
use crate::protocol::block::{Block, Shown};
use crate::protocol::deadline::DeadlineKey;
use crate::protocol::engine::{Engine, Notice};
use crate::protocol::event::Audience;
use crate::protocol::session::SessionId;
use crate::protocol::time::Instant;
use core::time::Duration;

/// How many bodies that are complete are remembered in a context, for blocks of them that come late.
const MAX_DONE: usize = 4096;

/// A body of which some blocks are there, or all.
pub(super) struct Gathered {
    about: About,
    state: State,
    deadline: Option<DeadlineKey>,
}

enum State {
    Open {
        gathering: Gathering,
        /// The newest request for it, without its payload: what the client hears has its token.
        newest: Pdu,
        mids: Mids,
    },
    /// It was handed out. Its blocks may still come, and are answered as the last one was.
    Done {
        /// The token of the request that was handed out.
        token: Token,
        response: Option<Pdu>,
        answered: Option<Instant>,
    },
}

impl Gathered {
    fn cost(&self) -> usize {
        match &self.state {
            State::Open { gathering, .. } => gathering.cost() + BODY_COST,
            State::Done { .. } => BODY_COST,
        }
    }

    fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }
}

impl Engine {
    /// Takes a block in, and hands the request out when the body is complete.
    pub(in crate::protocol::engine::blockwise) fn gather(
        &mut self,
        now: Instant,
        id: SessionId,
        request: Pdu,
    ) -> Option<Collected> {
        let size = request.option_uint(Number::SIZE1);
        let block = Block::of(&request, Number::Q_BLOCK1).ok().flatten();
        if [Number::BLOCK1, Number::BLOCK2].into_iter().any(|n| request.option(n).is_some()) {
            return self.refuse_block(now, id, request, Code::BAD_OPTION);
        }
        // RFC 9177 §4.3: without one of them it is a bad request.
        let (Some(size), Some(block), true) = (size, block, request.option(Number::REQUEST_TAG).is_some())
        else {
            return self.refuse_block(now, id, request, Code::BAD_REQUEST);
        };
        let Some(size) = usize::try_from(size).ok().filter(|size| *size <= MAX_BODY) else {
            return self.refuse_block(now, id, request, Code::REQUEST_ENTITY_TOO_LARGE);
        };
        let about = self.bodies.about(&request);
        let known =
            self.bodies.quick.gathered.of(id).rev().find(|(_, g)| g.about == about).map(|(serial, _)| serial);
        let serial = match known {
            Some(serial) => serial,
            None => self.make_gathered(id, about, block, size, &request)?,
        };
        let gathered = self.bodies.quick.gathered.get_mut(id, serial)?;
        let before = gathered.cost();
        let State::Open { gathering, newest, .. } = &mut gathered.state else {
            self.answer_again(now, id, serial, request);
            return None;
        };
        let verdict = match gathering.add(block, request.payload().unwrap_or(&[])) {
            Ok(verdict) => verdict,
            Err(e) => {
                crate::log!(WARN, "block {} is refused: {e}", block.num);
                if known.is_none() {
                    self.drop_gathered(id, serial);
                }
                return self.refuse_block(now, id, request, Code::BAD_REQUEST);
            }
        };
        *newest = request.clone();
        newest.clear_payload();
        let cost = gathered.cost();
        self.bodies.coming_cost = self.bodies.coming_cost + cost - before;
        if verdict == Verdict::Complete {
            return self.hand_out_gathered(now, id, serial, request);
        }
        if self.bodies.coming_cost > self.bodies.most_coming {
            crate::log!(WARN, "unfinished bodies take more than {} bytes", self.bodies.most_coming);
            self.drop_gathered(id, serial);
            self.notice(id, Notice::PartialBody);
            return self.refuse_block(now, id, request, Code::SERVICE_UNAVAILABLE);
        }
        // RFC 9177 §4.3, §5: a confirmable block is acknowledged, and nothing else.
        match verdict {
            _ if request.kind() == Type::Confirmable => self.acknowledge(now, id, &request),
            Verdict::Continue(next) => {
                let block = Block { num: next.saturating_sub(1), more: true, szx: block.szx };
                self.let_client_go_on(now, id, serial, &request, block);
            }
            Verdict::Missing(missing) => self.report_missing(now, id, serial, &missing),
            Verdict::Wait | Verdict::Complete => {}
        }
        self.recycle(request);
        self.wait_for_gathered(now, id, serial);
        None
    }

    /// A place for a new body.
    fn make_gathered(
        &mut self,
        id: SessionId,
        about: About,
        block: Block,
        size: usize,
        request: &Pdu,
    ) -> Option<u64> {
        let per_set = self.sessions.get(id)?.params().max_payloads;
        let of_session = || self.bodies.quick.gathered.of(id);
        if of_session().count() >= MAX_PER_SESSION {
            // One that is complete is missed least.
            let done = of_session().find(|(_, g)| !g.is_open());
            let (oldest, was_open) = done.or(of_session().next()).map(|(serial, g)| (serial, g.is_open()))?;
            self.drop_gathered(id, oldest);
            if was_open {
                crate::log!(WARN, "a peer has more than {MAX_PER_SESSION} unfinished bodies");
                self.notice(id, Notice::PartialBody);
            }
        }
        crate::log!(DEBUG, "mid=0x{:04x}: a body of {size} bytes begins", request.mid().0);
        let gathering = Gathering::new(block.szx, Some(size), per_set);
        let state = State::Open { gathering, newest: request.clone(), mids: Mids::default() };
        let gathered = Gathered { about, state, deadline: None };
        self.bodies.coming_cost += gathered.cost();
        Some(self.bodies.quick.gathered.insert(id, gathered))
    }

    /// The body is complete. It is remembered for a while, for blocks of it that come again.
    fn hand_out_gathered(
        &mut self,
        now: Instant,
        id: SessionId,
        serial: u64,
        mut request: Pdu,
    ) -> Option<Collected> {
        let gathered = self.take_gathered(id, serial)?;
        let State::Open { gathering, .. } = gathered.state else { return None };
        if self.bodies.quick.gathered.len() < MAX_DONE {
            let token = Token::new(request.token());
            let wait = self.sessions.get(id)?.params().non_partial_timeout();
            let state = State::Done { token, response: None, answered: None };
            let done = Gathered { about: gathered.about, state, deadline: None };
            self.bodies.coming_cost += done.cost();
            self.bodies.quick.gathered.put_back(id, serial, done);
            self.set_gathered_deadline(now, id, serial, wait);
        }
        request.remove_option(Number::Q_BLOCK1);
        let body = Some(Box::new(Shown::whole(gathering.into_body())));
        Some(Collected { request, body, echo: None, later: false })
    }

    /// 2.31: the client may send the next set.
    fn let_client_go_on(&mut self, now: Instant, id: SessionId, serial: u64, request: &Pdu, block: Block) {
        let Some(mut response) = self.prepare(id, request, false) else { return };
        response.set_code(Code::CONTINUE);
        let _ = response.add_option(Number::Q_BLOCK1, &block.encode());
        self.tell_client(now, id, serial, request, response);
    }

    /// 4.08 with the list of what is missing.
    fn report_missing(&mut self, now: Instant, id: SessionId, serial: u64, missing: &[u32]) {
        let Some(Gathered { state: State::Open { newest, .. }, .. }) =
            self.bodies.quick.gathered.get(id, serial)
        else {
            return;
        };
        let request = newest.clone();
        let Some(mut response) = self.prepare(id, &request, false) else { return };
        response.set_code(Code::REQUEST_ENTITY_INCOMPLETE);
        let added = response.add_option(Number::CONTENT_FORMAT, &encode_uint(CONTENT_FORMAT.into()));
        let room = response.max_size().saturating_sub(response.used_size() + 1);
        let added = added.and_then(|_| response.set_payload(&list(missing, room)));
        match added {
            Ok(()) => self.tell_client(now, id, serial, &request, response),
            Err(e) => crate::log!(WARN, "missing blocks cannot be asked for: {e}"),
        }
    }

    fn tell_client(&mut self, now: Instant, id: SessionId, serial: u64, request: &Pdu, response: Pdu) {
        if let Some(Gathered { state: State::Open { mids, .. }, .. }) =
            self.bodies.quick.gathered.get_mut(id, serial)
        {
            mids.add(response.mid());
        }
        self.answer(now, id, request, response, Audience::One);
    }

    /// A block of a body that was handed out: the answer goes out again, but not at any rate.
    fn answer_again(&mut self, now: Instant, id: SessionId, serial: u64, request: Pdu) {
        let pause = self.sessions.get(id).map_or(Duration::ZERO, |s| s.params().non_timeout.as_seconds());
        let Some(Gathered { state: State::Done { response, answered, .. }, .. }) =
            self.bodies.quick.gathered.get_mut(id, serial)
        else {
            return;
        };
        let due = answered.is_none_or(|at| now - at >= pause);
        let response = response.clone().filter(|_| due);
        if response.is_some() {
            *answered = Some(now);
        }
        match response.and_then(|kept| Some((self.prepare(id, &request, false)?, kept))) {
            Some((mut response, kept)) => {
                response.set_code(kept.code());
                let copied =
                    kept.options().try_for_each(|o| response.add_option(o.number, o.value).map(|_| ()));
                let copied = copied.and_then(|()| kept.payload().map_or(Ok(()), |p| response.set_payload(p)));
                match copied {
                    Ok(()) => self.answer(now, id, &request, response, Audience::One),
                    Err(e) => crate::log!(DEBUG, "an answer has no room for its new token: {e}"),
                }
            }
            None => self.acknowledge(now, id, &request),
        }
        self.recycle(request);
    }

    /// A response goes out: if it is the one to a body, it is kept for blocks that come late.
    pub(super) fn gathered_answered(&mut self, id: SessionId, sent: &Pdu) {
        if self.bodies.quick.gathered.is_empty() {
            return;
        }
        let serials: Vec<u64> = self.bodies.quick.gathered.of(id).map(|(serial, _)| serial).collect();
        for serial in serials {
            if let Some(Gathered { state: State::Done { token, response, .. }, .. }) =
                self.bodies.quick.gathered.get_mut(id, serial)
                && response.is_none()
                && token.as_bytes() == sent.token()
            {
                *response = Some(sent.clone());
                return;
            }
        }
    }

    fn wait_for_gathered(&mut self, now: Instant, id: SessionId, serial: u64) {
        let Some(params) = self.sessions.get(id).map(|s| s.params().clone()) else { return };
        let Some(Gathered { state: State::Open { gathering, newest, .. }, .. }) =
            self.bodies.quick.gathered.get(id, serial)
        else {
            return;
        };
        let wait = match newest.kind() {
            Type::Confirmable => params.max_transmit_wait(),
            _ => gathering.patience(params.receive_timeout()),
        };
        self.set_gathered_deadline(now, id, serial, wait);
    }

    fn set_gathered_deadline(&mut self, now: Instant, id: SessionId, serial: u64, wait: Duration) {
        let deadline = self.quick_deadline(now, wait, Name::Gathered(id, serial));
        let Some(gathered) = self.bodies.quick.gathered.get_mut(id, serial) else { return };
        if let Some(before) = gathered.deadline.replace(deadline) {
            self.deadlines.cancel(before);
        }
    }

    /// Nothing has come for too long.
    pub(super) fn gathered_due(&mut self, now: Instant, id: SessionId, serial: u64) {
        let most = self.sessions.get(id).map_or(0, |s| s.params().non_max_retransmit);
        let Some(gathered) = self.bodies.quick.gathered.get_mut(id, serial) else { return };
        gathered.deadline = None;
        let missing = match &mut gathered.state {
            State::Open { newest, .. } if newest.kind() == Type::Confirmable => None,
            State::Open { gathering, .. } => gathering.overdue(most),
            State::Done { .. } => {
                self.drop_gathered(id, serial);
                return;
            }
        };
        match missing {
            Some(missing) => {
                self.report_missing(now, id, serial, &missing);
                self.wait_for_gathered(now, id, serial);
            }
            None => {
                self.drop_gathered(id, serial);
                self.notice(id, Notice::PartialBody);
            }
        }
    }

    /// The client does not know a body any more that something was said about (RFC 9177 §4.3).
    pub(super) fn gathered_rejected(&mut self, id: SessionId, mid: Mid) {
        let rejected = |g: &Gathered| matches!(&g.state, State::Open { mids, .. } if mids.has(mid));
        let found = self.bodies.quick.gathered.of(id).find(|(_, g)| rejected(g)).map(|(serial, _)| serial);
        if let Some(serial) = found {
            self.drop_gathered(id, serial);
            self.notice(id, Notice::PartialBody);
        }
    }

    fn take_gathered(&mut self, id: SessionId, serial: u64) -> Option<Gathered> {
        let gathered = self.bodies.quick.gathered.remove(id, serial)?;
        if let Some(key) = gathered.deadline {
            self.deadlines.cancel(key);
        }
        self.bodies.coming_cost -= gathered.cost();
        Some(gathered)
    }

    pub(super) fn drop_gathered(&mut self, id: SessionId, serial: u64) {
        self.take_gathered(id, serial);
    }
}
