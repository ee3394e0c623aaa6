//! A client's request to a peer that knows Q-Block, until it is answered: which messages belong to it,
//! and what becomes of its responses.
//!
//! Each message has a token of its own (RFC 9177 §6). The application is shown the one it has chosen.

use super::super::client::{Asked, rename};
use super::super::echo::challenges;
use super::{Name, is_continue};
use crate::message::{Code, Mid, Number, Pdu, Token};
use crate::protocol::block::quick::{Support, is_list};
use crate::protocol::block::{self, Block, Mode, Shared, Shown};
use crate::protocol::deadline::DeadlineKey;
use crate::protocol::engine::{Engine, Event, Notice, SendError};
use crate::protocol::event::NackReason;
use crate::protocol::session::SessionId;
use crate::protocol::time::Instant;
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;

/// How many tokens of a request are waited for at a time; older ones are given up.
const MAX_TOKENS: usize = 64;

/// A request.
pub(in crate::protocol::engine::blockwise) struct Followed {
    /// The token that the application has chosen.
    pub(super) token: Token,
    /// The request, for the messages that follow: without Q-Block options, and without its payload if
    /// that is part of a larger body.
    pub(super) request: Pdu,
    /// The tokens of its messages, oldest first, with the number of the block that each has sent.
    pub(super) tokens: VecDeque<(u32, Token)>,
    /// Its body, while that is being sent.
    pub(super) upload: Option<super::upload::Upload>,
    /// The body of the response, while that is coming.
    pub(super) download: Option<super::download::Download>,
    /// The ETag of the body that came last, which late blocks are of.
    pub(super) done: Option<Vec<u8>>,
    pub(super) deadline: Option<DeadlineKey>,
    /// It was sent again since the peer wanted to see an Echo option.
    is_repeated: bool,
    /// A copy of the body that it was sent with, for as long as it observes.
    whole: Option<Shared>,
}

impl Followed {
    pub(super) fn observes(&self) -> bool {
        self.request.option_uint(Number::OBSERVE) == Some(0)
    }
}

impl Engine {
    /// Sends a request where the library tries Q-Block.
    pub(in crate::protocol::engine::blockwise) fn submit_quick(
        &mut self,
        now: Instant,
        id: SessionId,
        pdu: Pdu,
        upload: Option<block::Upload>,
    ) -> Result<Mid, SendError> {
        if let Err(e) = self.check(id, &pdu) {
            self.bodies.released.extend(upload.map(|u| u.body));
            return Err(e);
        }
        match self.sessions.get(id).map(|s| s.quick) {
            Some(Support::Known) => self.begin_following(now, id, pdu, upload),
            Some(Support::Unknown) => {
                let mid = pdu.mid();
                self.hold_back(now, id, pdu, upload).map(|()| mid)
            }
            _ => self.submit_blocks(now, id, pdu, upload),
        }
    }

    fn begin_following(
        &mut self,
        now: Instant,
        id: SessionId,
        mut pdu: Pdu,
        upload: Option<block::Upload>,
    ) -> Result<Mid, SendError> {
        let body = upload.as_ref().map(|u| Shared::clone(&u.body));
        let mut request = pdu.clone();
        if upload.is_some() {
            request.clear_payload();
        }
        for number in [Number::BLOCK1, Number::BLOCK2, Number::Q_BLOCK1, Number::Q_BLOCK2] {
            request.remove_option(number);
        }
        let largest = self.sessions.get(id).map_or(block::MAX_SZX, |s| s.largest_szx);
        let upload = match upload {
            Some(begun) => {
                if let Some(szx) = chosen_size(&pdu) {
                    // For the response (RFC 9177 §4.7): each block says the same.
                    let all = Block { num: 0, more: true, szx: szx.min(largest) };
                    let _ = request.update_option(Number::Q_BLOCK2, &all.encode());
                    let _ = pdu.update_option(Number::Q_BLOCK2, &all.encode());
                }
                pdu.remove_option(Number::BLOCK1);
                pdu.remove_option(Number::BLOCK2);
                // It takes the place of the other, which has the same value.
                let _ = pdu.update_option(Number::Q_BLOCK1, &begun.block.encode());
                Some(self.new_upload(id, begun))
            }
            None => {
                if pdu.code() != Code::DELETE {
                    quicken(&mut pdu, largest);
                }
                None
            }
        };
        self.say_echo(id, &mut pdu);
        let token = Token::new(pdu.token());
        // A request with the same token takes the place of the one before.
        let before = self.followed_by(id, token.as_bytes());
        let before = before.and_then(|before| self.drop_followed(now, id, before));
        if before.is_some_and(|before| before.upload.is_some()) {
            self.notice(id, Notice::BodyNotSent);
        }
        let mid = match self.send(now, id, pdu) {
            Ok(mid) => mid,
            Err(e) => {
                self.bodies.released.extend(body);
                return Err(e);
            }
        };
        let confirmable = request.kind() == crate::message::Type::Confirmable;
        let followed = Followed {
            token: token.clone(),
            request,
            tokens: VecDeque::new(),
            upload,
            download: None,
            done: None,
            deadline: None,
            is_repeated: false,
            whole: None,
        };
        let serial = self.bodies.quick.followed.insert(id, followed);
        self.add_token(now, id, serial, 0, token);
        self.upload_begun(now, id, serial, mid, confirmable);
        Ok(mid)
    }

    /// A message with this token is about the same request.
    pub(super) fn add_token(&mut self, now: Instant, id: SessionId, serial: u64, num: u32, token: Token) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        session.exchanges.keep(token.as_bytes());
        let most =
            MAX_TOKENS.max(2 * usize::from(session.params().nstart.max(session.params().max_payloads)));
        self.bodies.quick.by_token.insert((id, token.clone()), serial);
        let Some(followed) = self.bodies.quick.followed.get_mut(id, serial) else { return };
        followed.tokens.push_back((num, token));
        if followed.tokens.len() > most {
            // The responses in blocks have the first one, as long as no body is sent.
            let oldest = usize::from(followed.upload.is_none());
            let given_up = followed.tokens.remove(oldest);
            self.give_up(now, id, given_up.as_slice());
        }
    }

    /// No response with these tokens is waited for any more, and none of their messages is sent again.
    fn give_up(&mut self, now: Instant, id: SessionId, tokens: &[(u32, Token)]) {
        for (_, token) in tokens {
            self.bodies.quick.by_token.remove(&(id, token.clone()));
            if let Some(session) = self.sessions.get_mut(id) {
                session.exchanges.abandon(token.as_bytes());
            }
        }
        let is_theirs =
            |pdu: &Pdu| pdu.code().is_request() && tokens.iter().any(|(_, t)| t.as_bytes() == pdu.token());
        if let Some(session) = self.sessions.get_mut(id).filter(|s| s.waiting_len() > 0) {
            session.waiting_mut().retain(|pdu| !is_theirs(pdu));
        }
        let mids = self.sessions.get(id).map(|s| s.outstanding.clone()).unwrap_or_default();
        for mid in mids {
            if self.under_way(id, mid).is_some_and(is_theirs)
                && let Some(pdu) = self.settle(now, id, mid)
            {
                self.recycle(pdu);
            }
        }
    }

    /// Gives up the tokens of a request but those that `stays` says.
    pub(super) fn release_tokens(
        &mut self,
        now: Instant,
        id: SessionId,
        serial: u64,
        stays: impl Fn(u32, &Token) -> bool,
    ) {
        let Some(followed) = self.bodies.quick.followed.get_mut(id, serial) else { return };
        let all = core::mem::take(&mut followed.tokens);
        let (kept, released): (Vec<_>, Vec<_>) = all.into_iter().partition(|(num, token)| stays(*num, token));
        followed.tokens = kept.into();
        self.give_up(now, id, &released);
    }

    /// What is followed by this token.
    pub(super) fn followed_by(&self, id: SessionId, token: &[u8]) -> Option<u64> {
        if self.bodies.quick.by_token.is_empty() {
            return None;
        }
        self.bodies.quick.by_token.get(&(id, Token::new(token))).copied()
    }

    /// Whether more than one response with this token may come.
    pub(in crate::protocol::engine) fn is_followed(&self, id: SessionId, token: &[u8]) -> bool {
        self.followed_by(id, token).is_some()
    }

    /// A request for more blocks of a response: it has its payload where that is wanted with each.
    pub(super) fn later_request(&self, id: SessionId, mut request: Pdu) -> Pdu {
        let keeps = request.code() == Code::FETCH && self.mode_of(id).has(Mode::STLESS_FETCH);
        if !keeps {
            request.clear_payload();
        }
        request
    }

    /// Sets the deadline of what is followed, or none.
    pub(super) fn wait_for_followed(
        &mut self,
        now: Instant,
        id: SessionId,
        serial: u64,
        after: Option<Duration>,
    ) {
        let Some(followed) = self.bodies.quick.followed.get_mut(id, serial) else { return };
        if let Some(key) = followed.deadline.take() {
            self.deadlines.cancel(key);
        }
        let deadline = after.map(|after| self.quick_deadline(now, after, Name::Followed(id, serial)));
        if let Some(followed) = self.bodies.quick.followed.get_mut(id, serial) {
            followed.deadline = deadline;
        }
    }

    pub(super) fn followed_due(&mut self, now: Instant, id: SessionId, serial: u64) {
        let Some(followed) = self.bodies.quick.followed.get_mut(id, serial) else { return };
        followed.deadline = None;
        if followed.upload.is_some() {
            self.upload_due(now, id, serial);
        } else if followed.download.is_some() {
            self.download_due(now, id, serial);
        }
    }

    /// Ends what is followed.
    pub(super) fn drop_followed(&mut self, now: Instant, id: SessionId, serial: u64) -> Option<Followed> {
        let mut followed = self.bodies.quick.followed.remove(id, serial)?;
        if let Some(key) = followed.deadline.take() {
            self.deadlines.cancel(key);
        }
        let tokens = core::mem::take(&mut followed.tokens);
        self.give_up(now, id, Vec::from(tokens).as_slice());
        self.bodies.released.extend(followed.upload.as_ref().map(|u| Shared::clone(&u.body)));
        Some(followed)
    }

    /// A response came. Gives it back if it is for others to look at.
    pub(in crate::protocol::engine::blockwise) fn deliver_quick(
        &mut self,
        now: Instant,
        id: SessionId,
        sent: Option<Pdu>,
        received: Pdu,
    ) -> Option<(Option<Pdu>, Pdu)> {
        if self.probe_answered(now, id, &received) {
            self.swallow(now, id, sent, received);
            return None;
        }
        let Some(serial) = self.followed_by(id, received.token()) else { return Some((sent, received)) };
        let followed = self.bodies.quick.followed.get_mut(id, serial)?;
        if challenges(&received) && !followed.is_repeated {
            self.swallow(now, id, sent, received);
            self.repeat_followed(now, id, serial);
            return None;
        }
        if followed.upload.is_some() {
            if is_continue(&received) {
                let block = Block::of(&received, Number::Q_BLOCK1).ok().flatten();
                self.swallow(now, id, sent, received);
                self.upload_continues(now, id, serial, block);
                return None;
            }
            if is_list(&received) {
                let list = received.payload().unwrap_or(&[]).to_vec();
                self.swallow(now, id, sent, received);
                self.upload_asked(now, id, serial, &list);
                return None;
            }
            // That was all: this is the response to the whole request.
            let begins = followed.observes() && received.option(Number::OBSERVE).is_some();
            let body = followed.upload.take().map(|u| u.body);
            if begins {
                // The request that ends the observation needs the body again (RFC 8132 §2.4).
                followed.whole = body.as_ref().map(|b| Arc::new((**b).as_ref().to_vec()) as Shared);
            }
            self.bodies.released.extend(body);
            self.wait_for_followed(now, id, serial, None);
            let token = Token::new(received.token());
            self.release_tokens(now, id, serial, |_, t| *t == token);
        }
        if received.option(Number::Q_BLOCK2).is_some() {
            self.download(now, id, serial, sent, received);
            return None;
        }
        if received.option(Number::BLOCK2).is_some() {
            // The peer has chosen the other way.
            let token = Token::new(received.token());
            let followed = self.drop_followed(now, id, serial)?;
            let observes = followed.observes() && received.option(Number::OBSERVE).is_some();
            if let Some(session) = self.sessions.get_mut(id).filter(|_| observes) {
                session.exchanges.begin(now, token.as_bytes(), true, None);
                session.exchanges.observe(token.as_bytes(), followed.request.clone());
            }
            let request = self.later_request(id, followed.request);
            let asked = Asked::new(followed.token, request, followed.whole);
            self.follow(now, id, token, asked);
            return Some((sent, received));
        }
        self.show_followed(now, id, serial, sent, received, None);
        None
    }

    /// The peer does not act on a request without its Echo value (RFC 9175 §2.3): it is sent again with
    /// that, and its body from the beginning.
    fn repeat_followed(&mut self, now: Instant, id: SessionId, serial: u64) {
        let Some(before) = self.drop_followed(now, id, serial) else { return };
        let Some(token) = self.next_token(id) else { return };
        let Some(session) = self.sessions.get_mut(id) else { return };
        let mut pdu = before.request.clone();
        pdu.set_mid(session.new_mid());
        pdu.set_max_size(session.max_pdu_size());
        pdu.remove_option(Number::ECHO);
        let upload = before.upload.as_ref().map(|u| u.begun_anew());
        let made = pdu.set_token(token.as_bytes()).and_then(|()| match upload.as_ref() {
            Some(upload) => upload.cut(upload.block, 0).map_or(Ok(()), |(_, slice)| pdu.set_payload(slice)),
            None => Ok(()),
        });
        let sent = made.map_err(|e| e.to_string()).and_then(|()| {
            let sent = self.begin_following(now, id, pdu, upload);
            sent.map_err(|e| e.to_string())
        });
        if let Err(e) = sent {
            crate::log!(WARN, "a request is not sent again: {e}");
            return self.nack(id, before.request, NackReason::NotDeliverable);
        }
        let serial = self.followed_by(id, token.as_bytes());
        if let Some(again) = serial.and_then(|serial| self.bodies.quick.followed.get_mut(id, serial)) {
            again.token = before.token;
            again.is_repeated = true;
        }
    }

    /// The application sees a response, under the token that it knows. Unless it is a notification, it
    /// is the last one.
    pub(super) fn show_followed(
        &mut self,
        now: Instant,
        id: SessionId,
        serial: u64,
        sent: Option<Pdu>,
        mut received: Pdu,
        body: Option<Vec<u8>>,
    ) {
        let Some(followed) = self.bodies.quick.followed.get_mut(id, serial) else { return };
        let name = followed.token.clone();
        let goes_on = followed.observes() && received.option(Number::OBSERVE).is_some();
        if !goes_on {
            self.drop_followed(now, id, serial);
        }
        let sent = sent.map(|mut pdu| {
            [Number::Q_BLOCK1, Number::Q_BLOCK2].into_iter().for_each(|n| {
                pdu.remove_option(n);
            });
            rename(&mut pdu, &name);
            pdu
        });
        rename(&mut received, &name);
        if body.is_some() {
            received.remove_option(Number::Q_BLOCK2);
        }
        let body = body.map(|body| Box::new(Shown::whole(body)));
        self.events.push_back(Event::Response { session: id, sent, received, body });
    }

    /// A request was not delivered: the application hears it of the request that it has made.
    pub(in crate::protocol::engine::blockwise) fn name_quick(&mut self, event: Event) -> Event {
        match event {
            Event::Nack { session, sent: Some(mut sent), reason, mid } if sent.code().is_request() => {
                let serial = self.followed_by(session, sent.token());
                if let Some(serial) = serial {
                    let followed = self.bodies.quick.followed.get(session, serial);
                    if let Some(token) = followed.map(|f| f.token.clone()) {
                        rename(&mut sent, &token);
                    }
                    if reason != NackReason::Unreachable {
                        self.drop_followed(self.turn_began, session, serial);
                    }
                }
                Event::Nack { session, sent: Some(sent), reason, mid }
            }
            other => other,
        }
    }

    /// The observation that the application knows by this token, where the peer knows it by another:
    /// that token, and the request with its body.
    pub(in crate::protocol::engine::blockwise) fn quick_observed_as(
        &self,
        id: SessionId,
        token: &[u8],
    ) -> Option<(Token, Pdu, Option<Shared>)> {
        let known = |f: &Followed| f.token.as_bytes() == token && f.observes();
        let (_, followed) = self.bodies.quick.followed.of(id).find(|(_, f)| known(f))?;
        let (_, peers) = followed.tokens.front()?;
        if *peers == followed.token && followed.whole.is_none() {
            return None;
        }
        Some((peers.clone(), followed.request.clone(), followed.whole.clone()))
    }
}

/// The size of blocks of the response that the application has chosen.
fn chosen_size(request: &Pdu) -> Option<u8> {
    let chosen = [Number::Q_BLOCK2, Number::BLOCK2].map(|n| Block::of(request, n).ok().flatten());
    chosen.into_iter().flatten().map(|b| b.szx).next()
}

/// A request to a peer that knows Q-Block says so (RFC 9177 §4.4): all of the body is asked for, in blocks
/// of the size that the application has chosen, or the largest.
fn quicken(request: &mut Pdu, largest: u8) {
    let szx = chosen_size(request).unwrap_or(block::MAX_SZX);
    for number in [Number::BLOCK1, Number::BLOCK2, Number::Q_BLOCK1] {
        request.remove_option(number);
    }
    let all = Block { num: 0, more: true, szx: szx.min(largest) };
    if let Err(e) = request.update_option(Number::Q_BLOCK2, &all.encode()) {
        crate::log!(DEBUG, "the request has no room for Q-Block2: {e}");
    }
}
