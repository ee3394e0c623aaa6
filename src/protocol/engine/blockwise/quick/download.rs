//! The body of a response in Q-Block2 options (RFC 9177 §4.4): blocks are put together as they come; what
//! is missing is asked for, and the server is told when it may go on.

use super::super::MAX_BODY;
use crate::message::{Code, Number, Pdu, Token, Type};
use crate::protocol::block::quick::{Gathering, Verdict, ask_for};
use crate::protocol::block::{Block, Mode};
use crate::protocol::engine::{Engine, Notice};
use crate::protocol::session::SessionId;
use crate::protocol::time::Instant;
use core::time::Duration;

/// How often a body is begun anew since it changes all the time.
const MAX_RESTARTS: u8 = 8;

/// The body of a response of which some blocks are there.
pub(super) struct Download {
    gathering: Gathering,
    etag: Option<Vec<u8>>,
    size: Option<u64>,
    /// The Observe option, which the blocks that are asked for again do not have (RFC 9177 §4.5).
    observe: Option<Vec<u8>>,
    /// Its blocks are confirmable.
    confirmable: bool,
    restarts: u8,
}

impl Engine {
    /// A block of a body came.
    pub(super) fn download(
        &mut self,
        now: Instant,
        id: SessionId,
        serial: u64,
        sent: Option<Pdu>,
        mut received: Pdu,
    ) {
        let Some(params) = self.sessions.get(id).map(|s| s.params().clone()) else { return };
        let Some(followed) = self.bodies.quick.followed.get_mut(id, serial) else { return };
        let size = received.option_uint(Number::SIZE2);
        let total = size.map(|size| usize::try_from(size).unwrap_or(usize::MAX));
        let block = Block::of(&received, Number::Q_BLOCK2).ok().flatten();
        let block = block
            .filter(|b| total.is_none_or(|t| t <= MAX_BODY) && b.offset() + b.size() <= MAX_BODY + b.size());
        let Some(block) = block else {
            crate::log!(WARN, "a response has a malformed Q-Block2, or a body larger than {MAX_BODY} bytes");
            received.set_code(Code::BAD_OPTION);
            return self.show_followed(now, id, serial, sent, received, None);
        };
        let etag = received.option(Number::ETAG).map(|o| o.value.to_vec());
        let observe = received.option(Number::OBSERVE).map(|o| o.value.to_vec());
        if followed.download.is_none() && etag.is_some() && followed.done == etag {
            // Late, of a body that is there.
            return self.swallow(now, id, sent, received);
        }
        let before = followed.download.as_ref().filter(|d| d.is_other(etag.as_deref(), size, block.szx));
        let restarts = match (before, &followed.download) {
            (Some(before), _) => Some(before.restarts + 1),
            (None, None) => Some(0),
            (None, Some(_)) => None,
        };
        if let Some(restarts) = restarts {
            // The first block of it, or the body has changed on the way: what there was is stale.
            if restarts > MAX_RESTARTS {
                self.swallow(now, id, sent, received);
                return self.download_failed(now, id, serial);
            }
            let gathering = Gathering::new(block.szx, total, params.max_payloads);
            let confirmable = true;
            followed.download =
                Some(Download { gathering, etag, size, observe: None, confirmable, restarts });
        }
        let Some(download) = &mut followed.download else { return };
        download.confirmable = received.kind() != Type::NonConfirmable;
        download.observe = observe.or(download.observe.take());
        let verdict = match download.gathering.add(block, received.payload().unwrap_or(&[])) {
            Ok(verdict) => verdict,
            Err(e) => {
                crate::log!(WARN, "block {} is ignored: {e}", block.num);
                Verdict::Wait
            }
        };
        let confirmable = download.confirmable;
        if verdict == Verdict::Complete {
            return self.download_complete(now, id, serial, sent, received);
        }
        let patience = download.patience(&params);
        self.swallow(now, id, sent, received);
        // Confirmable blocks come for certain, or the server gives up (RFC 9177 §7.1).
        match verdict {
            Verdict::Continue(num) if !confirmable => {
                let next = Block { num, more: true, szx: block.szx };
                self.ask_server(now, id, serial, |pdu| pdu.update_option(Number::Q_BLOCK2, &next.encode()));
            }
            Verdict::Missing(missing) if !confirmable => self.ask_for_missing(now, id, serial, &missing),
            _ => {}
        }
        self.wait_for_followed(now, id, serial, Some(patience));
    }

    fn download_complete(
        &mut self,
        now: Instant,
        id: SessionId,
        serial: u64,
        sent: Option<Pdu>,
        mut received: Pdu,
    ) {
        self.wait_for_followed(now, id, serial, None);
        let Some(followed) = self.bodies.quick.followed.get_mut(id, serial) else { return };
        let Some(download) = followed.download.take() else { return };
        followed.done = download.etag;
        if let Some(number) = download.observe {
            // What is only shown need not fit.
            received.set_max_size(usize::MAX);
            let _ = received.update_option(Number::OBSERVE, &number);
        }
        // An observation goes on by the token that it began with.
        let first = followed.tokens.front().map(|(_, token)| token.clone());
        self.release_tokens(now, id, serial, |_, token| Some(token) == first.as_ref());
        self.show_followed(now, id, serial, sent, received, Some(download.gathering.into_body()));
    }

    /// Nothing has come for too long.
    pub(super) fn download_due(&mut self, now: Instant, id: SessionId, serial: u64) {
        let Some(params) = self.sessions.get(id).map(|s| s.params().clone()) else { return };
        let followed = self.bodies.quick.followed.get_mut(id, serial);
        let Some(download) = followed.and_then(|f| f.download.as_mut()) else { return };
        let Some(missing) = download.gathering.overdue(params.non_max_retransmit) else {
            crate::log!(WARN, "a body is given up: missing blocks do not come");
            return self.download_failed(now, id, serial);
        };
        let patience = download.patience(&params);
        self.ask_for_missing(now, id, serial, &missing);
        self.wait_for_followed(now, id, serial, Some(patience));
    }

    /// The body will not come. An observation goes on.
    fn download_failed(&mut self, now: Instant, id: SessionId, serial: u64) {
        let Some(followed) = self.bodies.quick.followed.get_mut(id, serial) else { return };
        let goes_on = followed.observes() && followed.download.take().is_some_and(|d| d.observe.is_some());
        if goes_on {
            let first = followed.tokens.front().map(|(_, token)| token.clone());
            self.release_tokens(now, id, serial, |_, token| Some(token) == first.as_ref());
        } else {
            self.drop_followed(now, id, serial);
        }
        self.notice(id, Notice::PartialBody);
    }

    fn ask_for_missing(&mut self, now: Instant, id: SessionId, serial: u64, missing: &[u32]) {
        let by_set = self.mode_of(id).has(Mode::USE_M_Q_BLOCK);
        let per_set = self.sessions.get(id).map_or(1, |s| s.params().max_payloads);
        let followed = self.bodies.quick.followed.get(id, serial);
        let Some(gathering) = followed.and_then(|f| f.download.as_ref()).map(|d| &d.gathering) else {
            return;
        };
        let (szx, count) = (gathering.szx(), gathering.count());
        self.ask_server(now, id, serial, |pdu| ask_for(pdu, missing, szx, per_set, count, by_set));
    }

    /// Sends the request once more, for some of the blocks. It observes nothing (RFC 9177 §4.5).
    fn ask_server(
        &mut self,
        now: Instant,
        id: SessionId,
        serial: u64,
        add: impl FnOnce(&mut Pdu) -> Result<(), crate::message::pdu::PduError>,
    ) {
        if self.try_ask(now, id, serial, add).is_none() {
            // The next deadline tries again, or gives up.
            crate::log!(WARN, "blocks cannot be asked for");
        }
    }

    fn try_ask(
        &mut self,
        now: Instant,
        id: SessionId,
        serial: u64,
        add: impl FnOnce(&mut Pdu) -> Result<(), crate::message::pdu::PduError>,
    ) -> Option<()> {
        let token: Token = self.next_token(id)?;
        let session = self.sessions.get_mut(id)?;
        let (mid, size) = (session.new_mid(), session.max_pdu_size());
        let followed = self.bodies.quick.followed.get_mut(id, serial)?;
        let confirmable = followed.download.as_ref()?.confirmable;
        let request = followed.request.clone();
        let mut pdu = self.later_request(id, request);
        pdu.set_kind(if confirmable { Type::Confirmable } else { Type::NonConfirmable });
        pdu.set_mid(mid);
        pdu.set_max_size(size);
        pdu.set_token(token.as_bytes()).ok()?;
        for number in [Number::OBSERVE, Number::SIZE1] {
            pdu.remove_option(number);
        }
        add(&mut pdu).ok()?;
        self.send(now, id, pdu).ok()?;
        self.add_token(now, id, serial, 0, token);
        Some(())
    }
}

impl Download {
    /// Whether a block is of another body. Libcoap 4.3.5 leaves ETag and Size2 out where it answers for
    /// missing blocks.
    fn is_other(&self, etag: Option<&[u8]>, size: Option<u64>, szx: u8) -> bool {
        let is_silent = etag.is_none() && size.is_none();
        szx != self.gathering.szx() || !is_silent && (self.etag.as_deref() != etag || self.size != size)
    }

    /// How long the next block is waited for.
    fn patience(&self, params: &crate::protocol::params::Params) -> Duration {
        let first = if self.confirmable { params.max_transmit_wait() } else { params.receive_timeout() };
        self.gathering.patience(first)
    }
}
