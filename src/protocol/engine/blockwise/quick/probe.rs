//! Finding out whether a peer knows Q-Block. It is asked before the first request of a session, by a
//! confirmable request of the library's own, since only such a one is refused for certain
//! (RFC 9177 §4.1). Requests wait until it has answered, and the answer holds for the session.

use crate::message::{Code, Number, Pdu, Token, Type};
use crate::protocol::block::quick::Support;
use crate::protocol::block::{Block, Upload};
use crate::protocol::engine::{Engine, SendError};
use crate::protocol::event::NackReason;
use crate::protocol::session::SessionId;
use crate::protocol::time::Instant;

/// A question, and the requests that wait for the answer.
pub(super) struct Probe {
    token: Token,
    held: Vec<(Pdu, Option<Upload>)>,
}

/// A request for a peer that does not know Q-Block, or is not asked: the options become Block1 and
/// Block2, whose values are the same.
pub(in crate::protocol::engine::blockwise) fn fall_back(request: &mut Pdu) {
    for (quick, plain) in [(Number::Q_BLOCK1, Number::BLOCK1), (Number::Q_BLOCK2, Number::BLOCK2)] {
        let Some(value) = request.option(quick).map(|o| o.value.to_vec()) else { continue };
        crate::log!(DEBUG, "{} instead of {}", plain.name().unwrap_or(""), quick.name().unwrap_or(""));
        request.remove_option(quick);
        // It is as long as the one before, or shorter by nothing that matters.
        let _ = request.update_option(plain, &value);
    }
}

impl Engine {
    /// Keeps a request until it is known whether the peer knows Q-Block.
    pub(super) fn hold_back(
        &mut self,
        now: Instant,
        id: SessionId,
        pdu: Pdu,
        upload: Option<Upload>,
    ) -> Result<(), SendError> {
        if !self.bodies.quick.probes.contains_key(&id) {
            match self.ask_for_support(now, id) {
                Ok(token) => {
                    self.bodies.quick.probes.insert(id, Probe { token, held: Vec::new() });
                }
                Err(e) => {
                    self.bodies.released.extend(upload.map(|u| u.body));
                    return Err(e);
                }
            }
        }
        if let Some(probe) = self.bodies.quick.probes.get_mut(&id) {
            probe.held.push((pdu, upload));
        }
        Ok(())
    }

    /// Asks for the smallest part of what every server has.
    fn ask_for_support(&mut self, now: Instant, id: SessionId) -> Result<Token, SendError> {
        crate::log!(DEBUG, "asking whether the peer knows Q-Block");
        let token = self.next_token(id).ok_or(SendError::Closed)?;
        let session = self.sessions.get_mut(id).ok_or(SendError::Closed)?;
        let (mid, size) = (session.new_mid(), session.max_pdu_size());
        let mut pdu = Pdu::new(Type::Confirmable, Code::GET, mid, size);
        let first = Block { num: 0, more: false, szx: 0 };
        // A message without room for these is refused below.
        let _ = pdu.set_token(token.as_bytes());
        let _ = pdu.add_option(Number::URI_PATH, b".well-known");
        let _ = pdu.add_option(Number::URI_PATH, b"core");
        let _ = pdu.add_option(Number::Q_BLOCK2, &first.encode());
        self.send(now, id, pdu)?;
        Ok(token)
    }

    fn is_probe(&self, id: SessionId, pdu: &Pdu) -> bool {
        let probe = self.bodies.quick.probes.get(&id);
        pdu.code().is_request() && probe.is_some_and(|p| p.token.as_bytes() == pdu.token())
    }

    /// A response came. If it answers the question, it is the library's.
    pub(super) fn probe_answered(&mut self, now: Instant, id: SessionId, response: &Pdu) -> bool {
        let probe = self.bodies.quick.probes.get(&id);
        if probe.is_none_or(|p| p.token.as_bytes() != response.token()) {
            return false;
        }
        let knows = response.option(Number::Q_BLOCK2).is_some() && response.code().class() == 2;
        self.decide(now, id, if knows { Support::Known } else { Support::Refused });
        true
    }

    /// The question was rejected, or never answered. `false` if this was none.
    pub(in crate::protocol::engine) fn probe_failed(
        &mut self,
        now: Instant,
        id: SessionId,
        sent: Option<&Pdu>,
        reason: NackReason,
    ) -> bool {
        if !sent.is_some_and(|sent| self.is_probe(id, sent)) {
            return false;
        }
        if reason == NackReason::Reset {
            self.decide(now, id, Support::Refused);
            return true;
        }
        // Nobody answers: what waits fails for the same reason.
        for pdu in self.drop_probe(id).into_iter().flat_map(|(_, held)| held) {
            self.nack(id, pdu, reason);
        }
        true
    }

    /// The application is told something of the question: it hears it of what waits for the answer.
    pub(in crate::protocol::engine) fn probe_hears(
        &mut self,
        id: SessionId,
        sent: &Pdu,
        reason: NackReason,
    ) -> bool {
        if !self.is_probe(id, sent) {
            return false;
        }
        let held = self.bodies.quick.probes.get(&id).into_iter().flat_map(|p| &p.held);
        let waiting: Vec<Pdu> = held.map(|(pdu, _)| pdu.clone()).collect();
        waiting.into_iter().for_each(|pdu| self.nack(id, pdu, reason));
        true
    }

    /// Forgets the question. Gives its token and what waits for the answer.
    pub(in crate::protocol::engine) fn drop_probe(&mut self, id: SessionId) -> Option<(Token, Vec<Pdu>)> {
        let probe = self.bodies.quick.probes.remove(&id)?;
        if let Some(session) = self.sessions.get_mut(id) {
            session.exchanges.abandon(probe.token.as_bytes());
        }
        let (held, uploads): (Vec<_>, Vec<_>) = probe.held.into_iter().unzip();
        self.bodies.released.extend(uploads.into_iter().flatten().map(|u| u.body));
        Some((probe.token, held))
    }

    /// The answer is known: what has waited goes.
    fn decide(&mut self, now: Instant, id: SessionId, support: Support) {
        crate::log!(
            DEBUG,
            "the peer {} Q-Block",
            if support == Support::Known { "knows" } else { "does not know" }
        );
        if let Some(session) = self.sessions.get_mut(id) {
            session.quick = support;
        }
        let Some(probe) = self.bodies.quick.probes.remove(&id) else { return };
        if let Some(session) = self.sessions.get_mut(id) {
            session.exchanges.abandon(probe.token.as_bytes());
        }
        for (pdu, upload) in probe.held {
            let held = pdu.clone();
            if let Err(e) = self.submit_quick(now, id, pdu, upload) {
                crate::log!(WARN, "a request that has waited is not sent: {e}");
                self.nack(id, held, NackReason::NotDeliverable);
            }
        }
    }
}
