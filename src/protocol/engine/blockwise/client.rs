//! The client's side: requests that are sent in blocks, and responses that come in blocks.
//!
//! Each message has a token of its own. The application is shown the one it has chosen.

use super::echo::challenges;
use super::{MAX_BODY, Name};
use crate::address::Address;
use crate::message::{Code, Mid, Number, Pdu, Token, Type};
use crate::protocol::block::{Answer, Assembly, Block, BodyError, Mode, Shared, Shown, Upload, room};
use crate::protocol::deadline::DeadlineKey;
use crate::protocol::engine::{Engine, Event, Notice, SendError};
use crate::protocol::event::NackReason;
use crate::protocol::session::SessionId;
use crate::protocol::time::Instant;
use std::sync::Arc;

/// From how many requests of a session on those that nobody waits for any more are looked for.
const SWEEP_AT: usize = 1024;

/// How often a body is asked for anew since it changes all the time.
const MAX_RESTARTS: u8 = 8;

/// A request whose response is waited for.
pub(super) struct Asked {
    /// The token that the application has chosen.
    token: Token,
    /// The request as the application made it, with its payload until it is answered, unless
    /// that is part of a larger body.
    pub(super) request: Pdu,
    /// The member of a group that is asked for more of its response, where the request went to a
    /// group.
    pub(super) member: Option<Box<Address>>,
    /// Its payload is sent with each request for a block of the response.
    keeps_payload: bool,
    /// Its body, while that is being sent.
    pub(super) upload: Option<Upload>,
    /// The block of the response that was asked for last, after the first.
    pub(super) fetching: Option<Block>,
    /// The message was sent again since the peer wanted to see an Echo option.
    pub(super) is_repeated: bool,
    /// The body of the response, while that is coming.
    download: Option<Download>,
    /// The Observe option, which the first block of a notification has (RFC 7959 §2.6). It stays when
    /// the body changes on the way: what comes then is a notification too, of a state that is newer.
    observe: Option<Vec<u8>>,
    restarts: u8,
    /// Sending it again does no more than sending it once did.
    is_repeatable: bool,
    deadline: Option<DeadlineKey>,
    /// A copy of the body that it was sent with, for as long as it observes.
    whole: Option<Shared>,
}

/// The body of a response of which some blocks are there.
#[derive(Clone, Debug, Default)]
struct Download {
    /// What is there; nothing if each block is shown by itself.
    assembly: Assembly,
    /// Where the next block begins.
    next: usize,
    etag: Option<Vec<u8>>,
}

/// What becomes of a response.
enum Step {
    /// The application sees it, and the exchange is over.
    Show(Option<Box<Shown>>),
    /// The application sees it, but it is not what it should be.
    Fail,
    /// This block is wanted next. What there is of the body may be shown.
    Fetch(Block, Option<Box<Shown>>),
    /// The body has changed on the way: all of it is wanted again, in blocks of this size.
    Restart(u8),
}

impl Engine {
    /// Sends a message for the application: a request with the body that it begins, if there is
    /// more of that. Where the library does block-wise transfers, requests are followed until
    /// they are answered.
    pub fn submit(
        &mut self,
        now: Instant,
        id: SessionId,
        mut pdu: Pdu,
        upload: Option<Upload>,
    ) -> Result<Mid, SendError> {
        let Some(session) = self.sessions.get_mut(id) else {
            self.bodies.released.extend(upload.map(|u| u.body));
            return Err(SendError::Closed);
        };
        let mode = session.block_mode;
        // Of a body to a group no member can ask for the rest, and none knows of the others' numbers.
        let is_one_message =
            session.sends_to_group && (upload.is_some() || pdu.option(Number::OBSERVE).is_some());
        if !mode.has(Mode::USE_LIBCOAP) || !pdu.code().is_request() || is_one_message {
            self.bodies.released.extend(upload.map(|u| u.body));
            return self.send(now, id, pdu);
        }
        // RFC 9175 §3.4: so that responses in blocks to requests for the same thing are not mixed.
        if pdu.code() != Code::DELETE
            && !mode.has(Mode::NO_PREEMPTIVE_RTAG)
            && pdu.option(Number::REQUEST_TAG).is_none()
        {
            let tag = session.new_request_tag();
            // Without room for it, it has to do without.
            let _ = pdu.add_option(Number::REQUEST_TAG, &tag);
        }
        if cuts_itself(&pdu) {
            self.bodies.released.extend(upload.map(|u| u.body));
            return self.send(now, id, pdu);
        }
        if self.sessions.get(id).is_some_and(|s| s.tries_quick() && !s.sends_to_group) {
            return self.submit_quick(now, id, pdu, upload);
        }
        self.submit_blocks(now, id, pdu, upload)
    }

    /// The same by Block1 and Block2.
    pub(super) fn submit_blocks(
        &mut self,
        now: Instant,
        id: SessionId,
        mut pdu: Pdu,
        upload: Option<Upload>,
    ) -> Result<Mid, SendError> {
        super::quick::fall_back(&mut pdu);
        let mode = self.sessions.get(id).map(|s| s.block_mode).unwrap_or_default();
        let mut request = pdu.clone();
        if upload.is_some() {
            request.clear_payload();
        }
        let keeps_payload = mode.has(Mode::STLESS_FETCH) && pdu.code() == Code::FETCH && upload.is_none();
        let is_repeatable = match pdu.code() {
            Code::GET | Code::FETCH => keeps_payload || pdu.payload().is_none(),
            _ => false,
        };
        self.say_echo(id, &mut pdu);
        let token = Token::new(pdu.token());
        let mid = match self.send(now, id, pdu) {
            Ok(mid) => mid,
            Err(e) => {
                self.bodies.released.extend(upload.map(|u| u.body));
                return Err(e);
            }
        };
        let asked =
            Asked { keeps_payload, upload, is_repeatable, ..Asked::new(token.clone(), request, None) };
        self.follow(now, id, token, asked);
        Ok(mid)
    }

    /// Waits for the response with this token.
    pub(super) fn follow(&mut self, now: Instant, id: SessionId, token: Token, mut asked: Asked) {
        let Some(session) = self.sessions.get(id) else { return self.let_go(asked) };
        if asked.upload.is_some() || asked.download.is_some() {
            let name = Name::Asked(id, token.clone());
            let wait = session.params().exchange_lifetime();
            asked.deadline = Some(self.keep_until(asked.deadline, now, wait, name));
        }
        let of_session = self.bodies.asked.entry(id).or_default();
        if of_session.len() >= SWEEP_AT && of_session.len().is_power_of_two() {
            // What has a deadline ends by itself.
            let waited = |t: &Token| session_expects(&self.sessions, id, t);
            of_session.retain(|token, a| a.deadline.is_some() || waited(token));
        }
        if let Some(before) = of_session.insert(token, asked) {
            let is_unsent = before.upload.is_some();
            self.let_go(before);
            if is_unsent {
                self.notice(id, Notice::BodyNotSent);
            }
        }
    }

    /// Takes back what is kept for a request.
    pub(super) fn let_go(&mut self, asked: Asked) {
        if let Some(key) = asked.deadline {
            self.deadlines.cancel(key);
        }
        self.bodies.released.extend(asked.upload.map(|u| u.body));
    }

    /// A request is of no interest any more.
    pub(in crate::protocol::engine) fn forget_asked(&mut self, id: SessionId, token: &[u8]) {
        if let Some(asked) = self.take_asked(id, token) {
            self.let_go(asked);
        }
    }

    pub(super) fn take_asked(&mut self, id: SessionId, token: &[u8]) -> Option<Asked> {
        if self.bodies.asked.is_empty() {
            return None;
        }
        let of_session = self.bodies.asked.get_mut(&id)?;
        let asked = of_session.remove(&Token::new(token))?;
        if of_session.is_empty() {
            self.bodies.asked.remove(&id);
        }
        Some(asked)
    }

    /// A response came. It goes to the application, unless it is a part of something.
    pub(in crate::protocol::engine) fn deliver_response(
        &mut self,
        now: Instant,
        id: SessionId,
        sent: Option<Pdu>,
        received: Pdu,
    ) {
        self.keep_echo(id, &received);
        if self.is_of_another_member(now, id, &received) {
            return self.swallow(now, id, sent, received);
        }
        let Some((sent, received)) = self.deliver_quick(now, id, sent, received) else { return };
        let Some(mut asked) = self.take_answered(id, received.token()) else {
            // A block that the application has asked for itself.
            let is_ours = self.sessions.get(id).is_some_and(|s| s.block_mode.has(Mode::USE_LIBCOAP));
            let block =
                if is_ours { self.block_of(id, &received, Number::BLOCK2).ok().flatten() } else { None };
            let body = block.map(|block| Box::new(place(block, &received)));
            return self.events.push_back(Event::Response { session: id, sent, received, body });
        };
        if challenges(&received) && !asked.is_repeated && asked.member.is_none() && !self.is_upstream(id) {
            return self.repeat_with_echo(now, id, asked, sent, received);
        }
        asked.is_repeated = false;
        if let Some(upload) = &asked.upload {
            match upload.answer(&received) {
                Answer::Next(block) => return self.send_block(now, id, asked, block, sent, received),
                Answer::Final => {
                    asked.keep_whole(&received);
                    self.bodies.released.extend(asked.upload.take().map(|u| u.body));
                }
            }
        }
        // The blocks that follow are asked for by requests of their own (RFC 7959 §2.6).
        let is_notification =
            received.option(Number::OBSERVE).is_some() && asked.observes() && asked.download.is_none();
        if is_notification {
            asked = self.go_on_observing(now, id, Token::new(received.token()), asked);
        }
        let single = self.sessions.get(id).is_some_and(|s| s.block_mode.has(Mode::SINGLE_BODY));
        let block = self.block_of(id, &received, Number::BLOCK2);
        match asked.receive(&received, block, single) {
            Step::Show(body) => self.show(id, asked, sent, received, body),
            Step::Fail => {
                let mut received = received;
                received.set_code(Code::BAD_OPTION);
                self.show(id, asked, sent, received, None);
            }
            Step::Fetch(block, _) if asked.fetching.is_none() && !self.has_room_for_member(id, &asked) => {
                let first = Some(Box::new(place(block, &received)));
                self.show(id, asked, sent, received, first);
            }
            Step::Fetch(block, body) => {
                let next = asked.successor();
                match body {
                    Some(body) => self.show(id, asked, sent, received, Some(body)),
                    None => {
                        self.let_go(asked);
                        self.swallow(now, id, sent, received);
                    }
                }
                self.fetch(now, id, next, block);
            }
            Step::Restart(szx) => {
                crate::log!(WARN, "the body changed while it was received: it is asked for again");
                let mut next = asked.successor();
                next.download = None;
                next.restarts += 1;
                if !single {
                    self.notice(id, Notice::PartialBody);
                }
                self.let_go(asked);
                self.swallow(now, id, sent, received);
                self.fetch(now, id, next, Block { num: 0, more: false, szx });
            }
        }
    }

    /// More notifications may come for this request. Gives what follows the one that came; an
    /// earlier one that is still coming is out of date.
    fn go_on_observing(&mut self, now: Instant, id: SessionId, token: Token, asked: Asked) -> Asked {
        let notification = asked.copy();
        let stale: Vec<Token> = match self.bodies.asked.get(&id) {
            Some(all) => {
                all.iter().filter(|(_, a)| a.token == asked.token).map(|(token, _)| token.clone()).collect()
            }
            None => Vec::new(),
        };
        for stale in stale {
            let Some(before) = self.take_asked(id, stale.as_bytes()) else { continue };
            if before.fetching.is_some()
                && let Some(session) = self.sessions.get_mut(id)
            {
                // Its block is on the way, and of no use to anybody.
                session.exchanges.abandon(stale.as_bytes());
            }
            self.let_go(before);
        }
        self.follow(now, id, token, asked);
        notification
    }

    /// The observation that the application knows by this token, where the peer knows it by
    /// another, since its request came in blocks or was sent again: that token, and the request.
    /// With its body, if that came in blocks.
    pub(in crate::protocol::engine) fn observed_as(
        &self,
        id: SessionId,
        token: &[u8],
    ) -> Option<(Token, Pdu, Option<Shared>)> {
        if let Some(observed) = self.quick_observed_as(id, token) {
            return Some(observed);
        }
        let known = |a: &Asked| a.token.as_bytes() == token && a.observes();
        let (peers, asked) = self.bodies.asked.get(&id)?.iter().find(|(_, a)| known(a))?;
        if peers == &asked.token && asked.whole.is_none() {
            return None;
        }
        let mut request = asked.request.clone();
        request.remove_option(Number::BLOCK1);
        Some((peers.clone(), request, asked.whole.clone()))
    }

    /// The application is to see the response to the request with this token under another.
    pub(in crate::protocol::engine) fn show_as(&mut self, id: SessionId, token: &Token, shown: &[u8]) {
        if let Some(asked) = self.bodies.asked.get_mut(&id).and_then(|all| all.get_mut(token)) {
            asked.token = Token::new(shown);
        }
    }

    /// The next block of a body goes out.
    pub(super) fn send_block(
        &mut self,
        now: Instant,
        id: SessionId,
        mut asked: Asked,
        block: Block,
        sent: Option<Pdu>,
        received: Pdu,
    ) {
        self.swallow(now, id, sent, received);
        let Some((mut pdu, token)) = self.next_request(id, &asked) else { return self.let_go(asked) };
        let Some(upload) = &mut asked.upload else { return };
        let filled = upload.cut(block, room(&pdu)).and_then(|(block, slice)| {
            pdu.update_option(Number::BLOCK1, &block.encode()).ok()?;
            pdu.set_payload(slice).ok()?;
            Some((block, slice.len()))
        });
        let Some((block, sent)) = filled else {
            crate::log!(WARN, "block {} has no room in the request", block.num);
            self.notice(id, Notice::BodyNotSent);
            return self.let_go(asked);
        };
        (upload.block, upload.sent) = (block, sent);
        self.send_next(now, id, pdu, token, asked);
    }

    /// Asks for the next block of a body.
    pub(super) fn fetch(&mut self, now: Instant, id: SessionId, mut asked: Asked, block: Block) {
        let Some((mut pdu, token)) = self.next_request(id, &asked) else { return self.let_go(asked) };
        pdu.remove_option(Number::BLOCK1);
        pdu.remove_option(Number::OBSERVE);
        asked.fetching = Some(block);
        let value = Block { more: false, ..block }.encode();
        if let Err(e) = pdu.update_option(Number::BLOCK2, &value) {
            crate::log!(WARN, "cannot ask for block {}: {e}", block.num);
            self.notice(id, Notice::PartialBody);
            return self.let_go(asked);
        }
        self.send_next(now, id, pdu, token, asked);
    }

    /// The request once more, with a message ID and a token of its own.
    pub(super) fn next_request(&mut self, id: SessionId, asked: &Asked) -> Option<(Pdu, Token)> {
        let session = self.sessions.get_mut(id)?;
        let token = loop {
            let token = session.new_token();
            // The application chooses tokens too.
            if !session.exchanges.expects(token.as_bytes()) {
                break token;
            }
        };
        let mut pdu = asked.request.clone();
        pdu.set_mid(session.new_mid());
        pdu.set_max_size(session.max_pdu_size());
        pdu.set_token(token.as_bytes()).ok()?;
        self.say_echo(id, &mut pdu);
        Some((pdu, token))
    }

    pub(super) fn send_next(&mut self, now: Instant, id: SessionId, pdu: Pdu, token: Token, asked: Asked) {
        if let Err(e) = self.send_to_member(now, id, pdu, asked.member.as_deref()) {
            crate::log!(WARN, "the next block is not sent: {e}");
            let failed = if asked.upload.is_some() { Notice::BodyNotSent } else { Notice::PartialBody };
            self.notice(id, failed);
            return self.let_go(asked);
        }
        self.follow(now, id, token, asked);
    }

    /// A response was for the library alone.
    pub(super) fn swallow(&mut self, now: Instant, id: SessionId, sent: Option<Pdu>, received: Pdu) {
        sent.into_iter().for_each(|pdu| self.recycle(pdu));
        self.response_done(now, id, received, true);
    }

    /// The application sees a response, under the token that it knows.
    fn show(
        &mut self,
        id: SessionId,
        asked: Asked,
        sent: Option<Pdu>,
        mut received: Pdu,
        body: Option<Box<Shown>>,
    ) {
        let token = asked.token.clone();
        let observe = asked.observe.clone();
        self.let_go(asked);
        let sent = sent.map(|mut pdu| {
            pdu.remove_option(Number::BLOCK1);
            pdu.remove_option(Number::BLOCK2);
            rename(&mut pdu, &token);
            pdu
        });
        rename(&mut received, &token);
        if body.as_ref().is_some_and(|b| b.data.is_some()) {
            received.remove_option(Number::BLOCK2);
            if let Some(number) = observe {
                // What is only shown need not fit.
                received.set_max_size(usize::MAX);
                let _ = received.update_option(Number::OBSERVE, &number);
            }
        }
        self.events.push_back(Event::Response { session: id, sent, received, body });
    }

    /// An event on its way to the application: a request that was not delivered is shown under
    /// the token that the application knows.
    pub(in crate::protocol::engine) fn name_request(&mut self, event: Event) -> Event {
        let event = self.name_quick(event);
        if self.bodies.asked.is_empty() {
            return event;
        }
        match event {
            Event::Nack { session, sent: Some(mut sent), reason, mid } if sent.code().is_request() => {
                let token = if reason == NackReason::Unreachable {
                    // The request goes on.
                    let of_session = self.bodies.asked.get(&session);
                    of_session.and_then(|all| all.get(&Token::new(sent.token()))).map(|a| a.token.clone())
                } else {
                    self.take_asked(session, sent.token()).map(|asked| {
                        let token = asked.token.clone();
                        if asked.upload.is_some() {
                            let notice = Notice::BodyNotSent;
                            self.events.push_front(Event::Notice { session, notice });
                        }
                        self.let_go(asked);
                        token
                    })
                };
                if let Some(token) = token {
                    rename(&mut sent, &token);
                }
                Event::Nack { session, sent: Some(sent), reason, mid }
            }
            other => other,
        }
    }

    /// No response came for too long.
    pub(super) fn asked_expired(&mut self, id: SessionId, token: &Token) {
        let Some(mut asked) = self.take_asked(id, token.as_bytes()) else { return };
        asked.deadline = None;
        let failed = if asked.upload.is_some() { Notice::BodyNotSent } else { Notice::PartialBody };
        self.let_go(asked);
        self.notice(id, failed);
    }
}

/// Whether a request asks for, or has, a block in the middle of a body: then the application does
/// the transfer.
fn cuts_itself(request: &Pdu) -> bool {
    let is_later = |n| Block::on_stream(request, n).map_or(true, |block| block.is_some_and(|b| b.num > 0));
    [Number::BLOCK1, Number::BLOCK2, Number::Q_BLOCK1, Number::Q_BLOCK2].into_iter().any(is_later)
}

fn session_expects(sessions: &crate::protocol::session::Sessions, id: SessionId, token: &Token) -> bool {
    sessions.get(id).is_some_and(|s| s.exchanges.expects(token.as_bytes()))
}

/// Where the payload of a response stands in its body.
fn place(block: Block, response: &Pdu) -> Shown {
    let end = block.offset() + response.payload().map_or(0, <[u8]>::len);
    let announced = response.option_uint(Number::SIZE2).unwrap_or(0);
    let announced = usize::try_from(announced).unwrap_or(usize::MAX);
    Shown { data: None, offset: block.offset(), total: announced.max(end + usize::from(block.more)) }
}

/// Gives a message that the application sees its token.
pub(super) fn rename(pdu: &mut Pdu, token: &Token) {
    if pdu.token() != token.as_bytes() {
        // What is only shown need not fit.
        pdu.set_max_size(usize::MAX);
        let _ = pdu.set_token(token.as_bytes());
    }
}

impl Asked {
    /// A request that has been sent, and of whose body nothing is left to send.
    pub(super) fn new(token: Token, request: Pdu, whole: Option<Shared>) -> Asked {
        let is_repeatable = request.code() == Code::GET;
        let keeps_payload = request.payload().is_some();
        Asked {
            token,
            request,
            member: None,
            keeps_payload,
            upload: None,
            fetching: None,
            is_repeated: false,
            download: None,
            observe: None,
            restarts: 0,
            is_repeatable,
            deadline: None,
            whole,
        }
    }

    /// The token that the application knows.
    pub(super) fn shown(&self) -> &Token {
        &self.token
    }

    /// Whether blocks are on the way.
    pub(super) fn is_moving(&self) -> bool {
        self.deadline.is_some()
    }

    /// Whether the application knows it by this token.
    pub(super) fn is_shown_as(&self, token: &[u8]) -> bool {
        self.token.as_bytes() == token
    }

    /// Whether the request begins an observation.
    fn observes(&self) -> bool {
        self.request.option_uint(Number::OBSERVE) == Some(0)
    }

    /// The body has been sent, and its memory is given back. If the response begins an observation,
    /// the request that ends it needs the body again (RFC 8132 §2.4).
    fn keep_whole(&mut self, response: &Pdu) {
        if self.observes() && response.option(Number::OBSERVE).is_some() {
            self.whole = self.upload.as_ref().map(|u| Arc::new((*u.body).as_ref().to_vec()) as Shared);
        }
    }

    /// Another one for the same request.
    pub(super) fn copy(&self) -> Asked {
        Asked {
            token: self.token.clone(),
            request: self.request.clone(),
            member: self.member.clone(),
            keeps_payload: self.keeps_payload,
            upload: None,
            fetching: None,
            is_repeated: false,
            download: None,
            observe: None,
            restarts: 0,
            is_repeatable: self.is_repeatable,
            deadline: None,
            whole: self.whole.clone(),
        }
    }

    /// What follows the next message. The deadline and the body stay behind.
    fn successor(&mut self) -> Asked {
        let mut next = Asked {
            token: self.token.clone(),
            request: core::mem::replace(&mut self.request, Pdu::new(Type::Reset, Code::EMPTY, Mid(0), 0)),
            member: self.member.take(),
            keeps_payload: self.keeps_payload,
            upload: None,
            fetching: None,
            is_repeated: false,
            download: self.download.take(),
            observe: self.observe.take(),
            restarts: self.restarts,
            is_repeatable: self.is_repeatable,
            deadline: None,
            whole: None,
        };
        // Blocks that the application asked for are those of the request; the library goes on.
        next.request.remove_option(Number::BLOCK1);
        if !self.keeps_payload {
            next.request.clear_payload();
        }
        next
    }

    /// What a response means for the body that it may be a part of.
    fn receive(&mut self, received: &Pdu, block: Result<Option<Block>, BodyError>, single: bool) -> Step {
        let Ok(block) = block else { return Step::Fail };
        let Some(block) = block else { return Step::Show(None) };
        let payload = received.payload().unwrap_or(&[]);
        let fits = match block.more {
            true => block.may_have(payload.len()),
            false => block.slice(payload).len() == payload.len(),
        };
        if !fits {
            crate::log!(WARN, "block {} has {} bytes of {}", block.num, payload.len(), block.size());
            return Step::Fail;
        }
        let etag = received.option(Number::ETAG).map(|o| o.value.to_vec());
        let offset = block.offset();
        let download = match &mut self.download {
            None if block.num > 0 => {
                // Nobody asked for this one: it is what it is.
                return Step::Show(Some(Box::new(place(block, received))));
            }
            None => {
                if let Some(observe) = received.option(Number::OBSERVE) {
                    self.observe = Some(observe.value.to_vec());
                }
                self.download.insert(Download { etag, ..Download::default() })
            }
            Some(d) if d.etag != etag => {
                // A PUT or POST without its body would be another request.
                let again = self.is_repeatable && self.restarts < MAX_RESTARTS;
                return if again { Step::Restart(block.szx) } else { Step::Fail };
            }
            Some(d) => d,
        };
        let end = offset + payload.len();
        let next = if block.more { Block::at(end, block.szx) } else { None };
        if offset != download.next || end > MAX_BODY || block.more && next.is_none() {
            crate::log!(WARN, "block {} at {offset} is not the one that was asked for", block.num);
            return Step::Fail;
        }
        download.next = end;
        if !single {
            let shown = Some(Box::new(place(block, received)));
            return match next {
                Some(next) => Step::Fetch(next, shown),
                None => Step::Show(shown),
            };
        }
        if download.assembly.add(offset, payload, !block.more).is_err() {
            return Step::Fail;
        }
        match next {
            Some(next) => Step::Fetch(next, None),
            None => {
                let body = core::mem::take(&mut download.assembly).into_body();
                Step::Show(Some(Box::new(Shown::whole(body))))
            }
        }
    }
}
