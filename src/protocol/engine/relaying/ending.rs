//! How forwarded requests end: with their client, with the session upstream, or because nothing comes.

use super::super::{Engine, Event, Timer};
use crate::message::{Code, Number, Pdu, Token, Type, error};
use crate::protocol::event::{Audience, NackReason};
use crate::protocol::proxy::{Outcome, Relay, RelayId};
use crate::protocol::session::{SessionId, State};
use crate::protocol::time::Instant;

impl Engine {
    /// The client hears that there will be no response.
    pub(in crate::protocol::engine) fn fail_client(&mut self, now: Instant, relay: &Relay, code: Code) {
        if let Some(mut response) = self.prepare(relay.client, &relay.request, true) {
            error::fill(&mut response, &relay.request, code, |_| false);
            self.answer(now, relay.client, &relay.request, response, relay.audience);
        }
    }

    /// Is done with a forwarded request, whatever comes for it.
    pub(in crate::protocol::engine) fn take_relay(&mut self, id: RelayId) -> Option<Relay> {
        let relay = self.proxying.relays.remove(id)?;
        if let Some(deadline) = relay.deadline {
            self.deadlines.cancel(deadline);
        }
        if let Some(client) = self.sessions.get_mut(relay.client) {
            client.forwarded = client.forwarded.saturating_sub(1);
        }
        Some(relay)
    }

    /// The same, and takes back what goes upstream for it.
    pub(in crate::protocol::engine) fn drop_relay(&mut self, now: Instant, id: RelayId) {
        if let Some(relay) = self.take_relay(id) {
            self.withdraw(now, relay.upstream, relay.token.as_bytes());
        }
    }

    /// What becomes of a forwarded request is decided.
    pub(in crate::protocol::engine) fn settle_relay(&mut self, id: RelayId, outcome: Outcome) {
        let Some(relay) = self.proxying.relays.get_mut(id) else { return };
        relay.outcome = outcome;
        if let Some(deadline) = relay.deadline.replace(self.deadlines.set(Instant(0), Timer::Relay(id))) {
            self.deadlines.cancel(deadline);
        }
    }

    /// A forwarded request had no response for too long, or its outcome is decided.
    pub(in crate::protocol::engine) fn relay_due(&mut self, now: Instant, id: RelayId) {
        let Some(relay) = self.proxying.relays.get(id) else { return };
        let (upstream, outcome) = (relay.upstream, relay.outcome);
        if outcome == Outcome::Fail(Code::GATEWAY_TIMEOUT)
            && self.bodies.is_moving(upstream, relay.token.as_bytes())
            && self.is_usable(upstream)
        {
            // A large body takes its time.
            let deadline = self.deadlines.set(now + self.longest_wait(upstream), Timer::Relay(id));
            if let Some(relay) = self.proxying.relays.get_mut(id) {
                relay.deadline = Some(deadline);
            }
            return;
        }
        if let Some(relay) = self.proxying.relays.get_mut(id) {
            relay.deadline = None;
        }
        let Some(relay) = self.take_relay(id) else { return };
        let (upstream, token) = (relay.upstream, relay.token.as_bytes());
        let is_cancelled = relay.observes
            && self.is_usable(upstream)
            && self.cancel_observation(now, upstream, token, Type::Confirmable);
        if !is_cancelled {
            self.withdraw(now, upstream, token);
        }
        if let Outcome::Fail(code) = relay.outcome {
            self.fail_client(now, &relay, code);
        }
    }

    /// A request is of no interest any more: it is not sent again, and what answers it is refused.
    pub(in crate::protocol::engine) fn withdraw(&mut self, now: Instant, upstream: SessionId, token: &[u8]) {
        let mut tokens = self.bodies.tokens_of(upstream, token);
        tokens.push(Token::new(token));
        for token in &tokens {
            self.forget_asked(upstream, token.as_bytes());
            let Some(session) = self.sessions.get_mut(upstream) else { return };
            while session.exchanges.expects(token.as_bytes()) {
                session.exchanges.abandon(token.as_bytes());
            }
            if let Some(stream) = session.stream.as_deref_mut() {
                _ = stream.answered(token.as_bytes());
            }
        }
        let is_its =
            |pdu: &Pdu| pdu.code().is_request() && tokens.iter().any(|t| t.as_bytes() == pdu.token());
        if let Some(session) = self.sessions.get_mut(upstream) {
            session.withdraw_waiting(is_its);
        }
        let under_way = self.sessions.get(upstream).map(|s| s.outstanding.clone()).unwrap_or_default();
        for mid in under_way {
            if self.under_way(upstream, mid).is_some_and(is_its) {
                self.settle(now, upstream, mid);
            }
        }
    }

    /// All that was forwarded over a session, the oldest first.
    pub(in crate::protocol::engine) fn relays_upstream(&self, upstream: SessionId) -> Vec<RelayId> {
        let mut all: Vec<_> = self.proxying.relays.of_upstream(upstream).collect();
        all.sort_unstable();
        all
    }

    /// Nothing comes from a session upstream any more.
    pub(in crate::protocol::engine) fn upstream_failed(&mut self, upstream: SessionId) {
        if !self.is_upstream(upstream) {
            return;
        }
        for id in self.relays_upstream(upstream) {
            self.settle_relay(id, Outcome::Fail(Code::BAD_GATEWAY));
        }
        let now = self.deadlines.set(Instant(0), Timer::Upstream(upstream));
        let before = self.proxying.upstreams.get_mut(upstream).and_then(|u| u.deadline.replace(now));
        if let Some(deadline) = before {
            self.deadlines.cancel(deadline);
        }
    }

    /// Nobody listens upstream: what is not confirmable is lost without another word.
    pub(in crate::protocol::engine) fn upstream_unreachable(&mut self, upstream: SessionId) {
        if !self.is_upstream(upstream) {
            return;
        }
        for id in self.relays_upstream(upstream) {
            let relay = self.proxying.relays.get(id);
            if relay.is_some_and(|r| !r.observes && r.request.kind() == Type::NonConfirmable) {
                self.settle_relay(id, Outcome::Fail(Code::BAD_GATEWAY));
            }
        }
    }

    /// What came from upstream for this request is no response to it.
    pub(in crate::protocol::engine) fn upstream_answered_badly(&mut self, upstream: SessionId, token: &[u8]) {
        if !self.is_upstream(upstream) {
            return;
        }
        let token = self.bodies.shown_token(upstream, token).unwrap_or_else(|| Token::new(token));
        if let Some(id) = self.proxying.relays.find(upstream, token.as_bytes()) {
            self.settle_relay(id, Outcome::Fail(Code::BAD_GATEWAY));
        }
    }

    /// The application is about to hear of this: a forwarded request, or a response that was sent to
    /// a client, may not have been delivered.
    pub(in crate::protocol::engine) fn note_for_relays(&mut self, event: &Event) {
        if self.proxying.relays.is_empty() {
            return;
        }
        let Event::Nack { session, sent, reason, mid } = event else { return };
        let relays = &self.proxying.relays;
        if !self.is_upstream(*session) {
            let is_it = |id: &RelayId| relays.get(*id).is_some_and(|r| r.notified == Some(*mid));
            // RFC 7641 §3.6, §4.5: the client is not interested, or not there.
            let id = relays.of_client(*session).find(is_it);
            if let Some(id) = id.filter(|_| *reason != NackReason::Unreachable) {
                self.settle_relay(id, Outcome::Cancel);
            }
            return;
        }
        let id = match sent {
            Some(sent) => relays.find(*session, sent.token()),
            None => relays.find_mid(*session, *mid),
        };
        let code = match reason {
            NackReason::TooManyRetries => Code::GATEWAY_TIMEOUT,
            _ => Code::BAD_GATEWAY,
        };
        if let Some(id) = id {
            self.settle_relay(id, Outcome::Fail(code));
        }
    }

    /// The application has seen a response and has not forwarded it: nobody waits for another.
    pub(in crate::protocol::engine) fn forget_unforwarded(&mut self, upstream: SessionId, received: &Pdu) {
        if self.proxying.relays.is_empty() || received.option(Number::OBSERVE).is_some() {
            return;
        }
        if let Some(id) = self.proxying.relays.find(upstream, received.token())
            && self.proxying.relays.get(id).is_some_and(|r| r.outcome != Outcome::Cancel)
        {
            self.take_relay(id);
        }
    }

    /// A request that is being forwarded was sent to these.
    pub(in crate::protocol::engine) fn set_relay_audience(
        &mut self,
        client: SessionId,
        token: &[u8],
        audience: Audience,
    ) {
        if audience == Audience::One || self.proxying.relays.is_empty() {
            return;
        }
        if let Some(id) = self.relay_of(client, token)
            && let Some(relay) = self.proxying.relays.get_mut(id)
        {
            relay.audience = audience;
        }
    }

    /// What a client's request with this token was forwarded as.
    pub(in crate::protocol::engine) fn relay_of(&self, client: SessionId, token: &[u8]) -> Option<RelayId> {
        let relays = &self.proxying.relays;
        if relays.is_empty() {
            return None;
        }
        relays.of_client(client).find(|id| relays.get(*id).is_some_and(|r| r.request.token() == token))
    }

    /// A session ends: whoever waits at its other side is told.
    pub(in crate::protocol::engine) fn relays_end(&mut self, id: SessionId) {
        for relay in self.proxying.relays.of_client(id).collect::<Vec<_>>() {
            self.settle_relay(relay, Outcome::Cancel);
        }
        self.proxying.relays.forget_transfers(id);
        for upstream in self.proxying.upstreams.of_client(id) {
            let now = self.deadlines.set(Instant(0), Timer::Upstream(upstream));
            let before = self.proxying.upstreams.get_mut(upstream).and_then(|u| u.deadline.replace(now));
            if let Some(deadline) = before {
                self.deadlines.cancel(deadline);
            }
        }
        self.upstream_failed(id);
        if let Some(deadline) = self.proxying.upstreams.remove(id).and_then(|u| u.deadline) {
            self.deadlines.cancel(deadline);
        }
    }

    /// A session upstream may have been idle for too long, or be of no use.
    pub(in crate::protocol::engine) fn upstream_due(&mut self, now: Instant, id: SessionId) {
        let is_usable = self.is_usable(id);
        let is_busy = self.proxying.relays.of_upstream(id).next().is_some();
        let Some(upstream) = self.proxying.upstreams.get_mut(id) else { return };
        upstream.deadline = None;
        let (idle, client) = (upstream.idle, upstream.key.client);
        let is_wanted = client.is_none_or(|c| self.sessions.get(c).is_some_and(|s| s.state != State::Ended));
        let last_used = self.sessions.get(id).map_or(now, |s| s.last_used);
        let until = idle.map(|idle| if is_busy { now + idle } else { last_used + idle });
        if !is_usable || !is_wanted || until.is_some_and(|until| until <= now) {
            return self.close_upstream(now, id);
        }
        let deadline = until.map(|until| self.deadlines.set(until, Timer::Upstream(id)));
        if let Some(upstream) = self.proxying.upstreams.get_mut(id) {
            upstream.deadline = deadline;
        }
    }

    /// Lets go of a session upstream. It ends when it has nothing more to send, unless the application
    /// holds it.
    pub(in crate::protocol::engine) fn close_upstream(&mut self, now: Instant, id: SessionId) {
        let Some(upstream) = self.proxying.upstreams.remove(id) else { return };
        if let Some(deadline) = upstream.deadline {
            self.deadlines.cancel(deadline);
        }
        self.sessions.release(id, now);
        if self.sessions.get(id).is_some_and(|s| s.is_left() && s.is_idle()) {
            self.end(id);
        }
    }
}
