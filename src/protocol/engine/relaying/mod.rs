//! Forwarding: requests go on to other servers, and their responses back to who asked
//! (RFC 7252 §5.7). What is written into the messages is in [`crate::protocol::proxy`].
//!
//! A forwarded request ends with its last response, with the failure of the session upstream, with
//! its client, or when nothing came for too long. What fails is noted when it happens and told to
//! the client when the engine is called next for what is due, after the application has heard of it.

mod ending;

use super::blockwise::Representation;
use super::{Engine, Handle, SendError, Timer};
use crate::address::Address;
use crate::message::compose::DEFAULT_HOP_LIMIT;
use crate::message::{Code, Mid, Number, Pdu, Type, error};
use crate::protocol::block::{Block, BodyError, Mode, Shared, Shown, Upload, room};
use crate::protocol::event::Audience;
use crate::protocol::proxy::{
    Held, Named, Outcome, Refusal, Relay, Relays, Upstream, UpstreamKey, Upstreams, response_options,
    unsafe_unknown, upstream_request,
};
use crate::protocol::session::{Session, SessionId, State};
use crate::protocol::time::Instant;
use core::time::Duration;
use std::sync::Arc;

/// NSTART of a session upstream. It is one peer for many clients, each of which keeps to its own
/// NSTART: what one waits for does not hold up the others.
const UPSTREAM_NSTART: u16 = 4096;

/// RFC 7641 §4.5: a confirmable notification at least every 24 hours.
const LONGEST_UNCONFIRMED: Duration = Duration::from_secs(24 * 3600);

/// The values of the Observe option (RFC 7641 §2).
const REGISTER: u64 = 0;
const DEREGISTER: u64 = 1;

/// What a proxy knows.
#[derive(Default)]
pub(super) struct Proxying {
    pub(super) relays: Relays,
    pub(super) upstreams: Upstreams,
    /// What the application kept with a request whose last response had the Observe option.
    last_seen: Option<Handle>,
}

/// A request to be forwarded.
pub struct Forward<'a> {
    /// Who asks.
    pub client: SessionId,
    /// The request.
    pub request: &'a Pdu,
    /// What is shown of its body, if that came in blocks.
    pub body: Option<&'a Shown>,
    /// The session to the next server.
    pub upstream: SessionId,
    /// That server, if the options for proxies are to be replaced by what they say of it.
    pub named: Option<&'a Named>,
    /// What the application keeps with it.
    pub kept: Option<Handle>,
    /// Other servers might have been asked as well: the blocks of one body go to the same.
    pub is_one_of_many: bool,
}

/// A response that was sent to the client.
pub struct Relayed {
    /// What the application keeps with the request.
    pub kept: Option<Handle>,
    /// No other response will come, and that is plain to see: what the application keeps is its own.
    pub is_last: bool,
}

impl Engine {
    /// The session upstream for this, if there is one that is of use. One that is not is let go of.
    pub fn upstream(&mut self, now: Instant, key: &UpstreamKey) -> Option<SessionId> {
        let id = self.proxying.upstreams.find(key)?;
        if self.is_usable(id) {
            return Some(id);
        }
        self.close_upstream(now, id);
        None
    }

    /// Makes room for another session upstream, by closing the one that was idle for longest. `false`
    /// if all are in use.
    pub fn make_room_upstream(&mut self, now: Instant) -> bool {
        if !self.proxying.upstreams.is_full() {
            return true;
        }
        let relays = &self.proxying.relays;
        let idle = self.proxying.upstreams.sessions().filter(|id| relays.of_upstream(*id).next().is_none());
        let oldest = idle.min_by_key(|id| self.sessions.get(*id).map(|s| s.last_used));
        let Some(oldest) = oldest else { return false };
        self.close_upstream(now, oldest);
        true
    }

    /// A session of this side is one to another server from now on. It is held until it was idle for
    /// so long.
    pub fn add_upstream(&mut self, now: Instant, id: SessionId, key: UpstreamKey, idle: Option<Duration>) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        session.params_mut().nstart = UPSTREAM_NSTART;
        // Its tokens are chosen here, and short.
        session.extended_tokens = false;
        if session.block_mode.has(Mode::USE_LIBCOAP) {
            // The client's blocks are not those of the next server.
            session.block_mode = session.block_mode.with(Mode::SINGLE_BODY);
        }
        self.hold(id);
        let deadline = idle.map(|idle| self.deadlines.set(now + idle, Timer::Upstream(id)));
        self.proxying.upstreams.insert(id, Upstream { key, idle, deadline });
    }

    /// Whether a session is one to another server.
    pub(super) fn is_upstream(&self, id: SessionId) -> bool {
        self.proxying.upstreams.has(id)
    }

    fn is_usable(&self, id: SessionId) -> bool {
        let is_open = |s: &Session| !matches!(s.state, State::Closed | State::Ended) && !s.is_lost();
        let is_left = |s: &Session| s.stream.as_ref().is_some_and(|stream| stream.is_released);
        self.sessions.get(id).is_some_and(|s| is_open(s) && !is_left(s))
    }

    /// Where the blocks before this one of the same body went.
    pub fn upstream_of_transfer(&self, client: SessionId, request: &Pdu) -> Option<SessionId> {
        let is_later = |n| matches!(Block::on_stream(request, n), Ok(Some(block)) if block.num > 0);
        if ![Number::BLOCK1, Number::BLOCK2].into_iter().any(is_later) {
            return None;
        }
        let upstream = self.proxying.relays.transfer(client, self.bodies.name_of(request))?;
        self.is_usable(upstream).then_some(upstream)
    }

    /// A request ends an observation (RFC 7641 §3.6) that was forwarded: the next server is asked to
    /// end it by the name that it has there. `false` if it is not that.
    pub fn forward_cancel(
        &mut self,
        now: Instant,
        client: SessionId,
        request: &Pdu,
        kept: Option<&Handle>,
    ) -> bool {
        if request.option_uint(Number::OBSERVE) != Some(DEREGISTER) {
            return false;
        }
        let Some(id) = self.proxying.relays.observed(client, request.token()) else { return false };
        let Some(relay) = self.proxying.relays.get(id) else { return false };
        let (upstream, token) = (relay.upstream, relay.token.clone());
        if !self.cancel_observation(now, upstream, token.as_bytes(), request.kind()) {
            self.drop_relay(now, id);
            return false;
        }
        let wait = self.longest_wait(upstream);
        let deadline = self.deadlines.set(now + wait, Timer::Relay(id));
        if let Some(relay) = self.proxying.relays.get_mut(id) {
            relay.observes = false;
            relay.request = request.without_payload();
            relay.notified = None;
            relay.kept = kept.cloned();
            relay.outcome = Outcome::Fail(Code::GATEWAY_TIMEOUT);
            relay.deadline = Some(deadline);
        }
        true
    }

    fn longest_wait(&self, upstream: SessionId) -> Duration {
        self.sessions.get(upstream).map_or(Duration::ZERO, |s| s.params().exchange_lifetime())
    }

    /// Sends a request on to the next server. Its response is to be handed to
    /// [`Engine::relay_response`]; if there is none, the client is told.
    pub fn forward(&mut self, now: Instant, forward: Forward<'_>) -> Result<(), Refusal> {
        let Forward { client, request, body, upstream, named, kept, is_one_of_many } = forward;
        if let Some(option) = unsafe_unknown(request, |n| self.config.known_options.contains(&n.0)) {
            return Err(Refusal { code: Code::BAD_OPTION, option: Some(option) });
        }
        let bytes = body.and_then(|b| b.data.as_deref()).or(request.payload()).unwrap_or_default();
        let stub = request.without_payload();
        let cost = stub.used_size() + bytes.len();
        if self.proxying.relays.is_full(client, cost) {
            crate::log!(WARN, "too many requests wait for other servers: one more is not forwarded");
            return Err(Code::SERVICE_UNAVAILABLE.into());
        }
        let registers = request.option_uint(Number::OBSERVE) == Some(REGISTER);
        if registers && let Some(before) = self.proxying.relays.observed(client, request.token()) {
            // RFC 7641 §4.1: it takes the place of the one before.
            self.drop_relay(now, before);
        }
        let mut pdu = upstream_request(request, named)?;
        if request.option(Number::HOP_LIMIT).is_none() && self.comes_back(client, upstream) {
            pdu.update_option(Number::HOP_LIMIT, &[DEFAULT_HOP_LIMIT])
                .map_err(|_| Refusal::from(Code::REQUEST_ENTITY_TOO_LARGE))?;
        }
        let is_part = is_block(request, Number::BLOCK1);
        let is_shared = registers && self.has_other_observer(client, upstream);
        if is_part || is_shared {
            // RFC 9175 §3.6: what different clients send is kept apart for a server that knows only
            // this one. Observations of the same thing are told apart by it too.
            pdu.add_option(Number::REQUEST_TAG, &client.to_bytes())
                .map_err(|_| Refusal::from(Code::REQUEST_ENTITY_TOO_LARGE))?;
        }
        if body.is_some() && !is_part {
            // The blocks that it came in are done with, and with them what held them together.
            while pdu.remove_option(Number::REQUEST_TAG) {}
        }
        let session = self.sessions.get_mut(upstream).ok_or(Code::BAD_GATEWAY)?;
        let is_reliable = session.transport.is_reliable();
        if is_reliable || request.kind() != Type::NonConfirmable {
            pdu.set_kind(Type::Confirmable);
        }
        let token = loop {
            let token = session.new_token();
            if !session.exchanges.expects(token.as_bytes()) {
                break token;
            }
        };
        pdu.set_mid(session.new_mid());
        pdu.set_token(token.as_bytes()).map_err(|_| Refusal::from(Code::INTERNAL_SERVER_ERROR))?;
        pdu.set_max_size(session.max_pdu_size());
        let does_blocks = session.block_mode.has(Mode::USE_LIBCOAP) && !is_part;
        let mut relay = Relay {
            client,
            request: stub,
            audience: Audience::One,
            upstream,
            token: token.clone(),
            mid: pdu.mid(),
            observes: false,
            notified: None,
            confirmed: now,
            kept,
            deadline: None,
            outcome: Outcome::Fail(Code::GATEWAY_TIMEOUT),
            held: None,
            cost,
        };
        if is_reliable && session.is_coming() && bytes.len() > room(&pdu) {
            // How large a message the peer takes is not known yet (RFC 8323 §5.3.1).
            relay.held = Some(Box::new(Held { pdu, body: Arc::new(bytes.to_vec()) }));
        } else {
            relay.mid = self.send_upstream(now, upstream, pdu, bytes, None, does_blocks)?;
        }
        if is_one_of_many && (is_block(request, Number::BLOCK1) || may_be_continued(request)) {
            let name = self.bodies.name_of(request);
            self.proxying.relays.begin_transfer(client, name, upstream);
        }
        let wait = self.longest_wait(upstream);
        let id = self.proxying.relays.insert(relay);
        let deadline = self.deadlines.set(now + wait, Timer::Relay(id));
        if let Some(relay) = self.proxying.relays.get_mut(id) {
            relay.deadline = Some(deadline);
        }
        if let Some(client) = self.sessions.get_mut(client) {
            client.forwarded += 1;
        }
        Ok(())
    }

    /// Sends a request with its body, in blocks where it is too large.
    fn send_upstream(
        &mut self,
        now: Instant,
        upstream: SessionId,
        mut pdu: Pdu,
        bytes: &[u8],
        shared: Option<Shared>,
        does_blocks: bool,
    ) -> Result<Mid, Refusal> {
        let too_large = Refusal::from(Code::REQUEST_ENTITY_TOO_LARGE);
        let upload = if does_blocks && bytes.len() > room(&pdu) {
            let session = self.sessions.get_mut(upstream).ok_or(Code::BAD_GATEWAY)?;
            let (tag, largest) = (session.new_request_tag(), session.largest_block());
            let body = shared.unwrap_or_else(|| Arc::new(bytes.to_vec()));
            Upload::begin(&mut pdu, &body, largest, &tag).map_err(|e| {
                crate::log!(WARN, "a body of {} bytes is not forwarded: {e}", bytes.len());
                too_large
            })?
        } else {
            pdu.set_payload(bytes).map_err(|_| too_large)?;
            None
        };
        self.submit(now, upstream, pdu, upload).map_err(|e| {
            crate::log!(WARN, "a request is not forwarded: {e}");
            Refusal::from(match e {
                SendError::Closed => Code::BAD_GATEWAY,
                SendError::TooLarge { .. } => Code::REQUEST_ENTITY_TOO_LARGE,
                SendError::Full => Code::SERVICE_UNAVAILABLE,
                SendError::Code(_) | SendError::LongToken { .. } | SendError::ConfirmableToGroup => {
                    Code::INTERNAL_SERVER_ERROR
                }
            })
        })
    }

    /// A session is ready: what waited for that goes out.
    pub(super) fn send_held(&mut self, now: Instant, upstream: SessionId) {
        if !self.is_upstream(upstream) {
            return;
        }
        for id in self.relays_upstream(upstream) {
            let Some(held) = self.proxying.relays.get_mut(id).and_then(|r| r.held.take()) else { continue };
            let Held { mut pdu, body } = *held;
            let Some(session) = self.sessions.get(upstream) else { return };
            pdu.set_max_size(session.max_pdu_size());
            let does_blocks = session.block_mode.has(Mode::USE_LIBCOAP);
            let bytes = Shared::clone(&body);
            if let Err(refusal) =
                self.send_upstream(now, upstream, pdu, (*bytes).as_ref(), Some(body), does_blocks)
            {
                self.settle_relay(id, Outcome::Fail(refusal.code));
            }
        }
    }

    /// Whether what is sent upstream comes to where the client has sent it to: a proxy that was set up
    /// with itself.
    fn comes_back(&self, client: SessionId, upstream: SessionId) -> bool {
        let (client, upstream) = (self.sessions.get(client), self.sessions.get(upstream));
        client.zip(upstream).is_some_and(|(client, upstream)| client.path.local == upstream.path.remote)
    }

    fn has_other_observer(&self, client: SessionId, upstream: SessionId) -> bool {
        let relays = &self.proxying.relays;
        let is_other = |r: &Relay| r.client != client && r.request.option(Number::OBSERVE).is_some();
        relays.of_upstream(upstream).any(|id| relays.get(id).is_some_and(is_other))
    }

    /// A response came from upstream: sends it to the client that asked. `None` if nobody did, or does
    /// not wait any more.
    pub fn relay_response(
        &mut self,
        now: Instant,
        upstream: SessionId,
        received: &Pdu,
        body: Option<&Shown>,
    ) -> Option<Relayed> {
        let id = self.proxying.relays.find(upstream, received.token())?;
        let relay = self.proxying.relays.get_mut(id)?;
        let goes_on = received.option(Number::OBSERVE).is_some()
            && received.code().class() == 2
            && relay.request.option_uint(Number::OBSERVE) == Some(REGISTER);
        let kept = relay.kept.clone();
        if let Some(option) = unsafe_unknown(received, |n| self.config.known_options.contains(&n.0)) {
            // RFC 7252 §5.7.1: what it means for who is in between is not known.
            crate::log!(WARN, "a response from upstream has option {}, which is not forwarded", option.0);
            let relay = self.take_relay(id)?;
            self.fail_client(now, &relay, Code::BAD_GATEWAY);
            return Some(self.last_response(received, kept));
        }
        if !goes_on {
            let relay = self.take_relay(id)?;
            let response = self.response_for(now, &relay.request, relay.client, received, body);
            if let Some(response) = response {
                self.answer(now, relay.client, &relay.request, response, relay.audience);
            }
            return Some(self.last_response(received, kept));
        }
        relay.observes = true;
        let (client, audience, notified, confirmed) =
            (relay.client, relay.audience, relay.notified, relay.confirmed);
        let request = core::mem::replace(&mut relay.request, Pdu::new(Type::Reset, Code::EMPTY, Mid(0), 0));
        if let Some(deadline) = relay.deadline.take() {
            self.deadlines.cancel(deadline);
        }
        let response = self.response_for(now, &request, client, received, body);
        if let Some(mut response) = response {
            let is_reliable = self.sessions.get(client).is_some_and(|s| s.transport.is_reliable());
            let waits = notified.is_some_and(|mid| self.outstanding.contains_key(&(client, mid)));
            match response.kind() {
                // RFC 7641 §4.5.1: no second one while one is not acknowledged.
                Type::Confirmable if waits && !is_reliable => response.set_kind(Type::NonConfirmable),
                Type::NonConfirmable if now - confirmed >= LONGEST_UNCONFIRMED => {
                    response.set_kind(Type::Confirmable);
                }
                _ => {}
            }
            if let Some(relay) = self.proxying.relays.get_mut(id) {
                match response.kind() {
                    Type::Confirmable => (relay.notified, relay.confirmed) = (Some(response.mid()), now),
                    // The one that is not acknowledged yet says more.
                    _ if waits => {}
                    _ => relay.notified = Some(response.mid()),
                }
            }
            self.answer(now, client, &request, response, audience);
        }
        if let Some(relay) = self.proxying.relays.get_mut(id) {
            relay.request = request;
        }
        Some(Relayed { kept, is_last: false })
    }

    /// No other response will come. Programs take for their own what they gave with a request, unless
    /// the response has the Observe option, whatever else it says: then it is not given back, and
    /// stays until the next such response, so that they can look at it.
    fn last_response(&mut self, received: &Pdu, kept: Option<Handle>) -> Relayed {
        let is_last = received.option(Number::OBSERVE).is_none();
        if !is_last {
            self.proxying.last_seen.clone_from(&kept);
        }
        Relayed { kept, is_last }
    }

    /// The response for a client, from the one that came from upstream.
    fn response_for(
        &mut self,
        now: Instant,
        request: &Pdu,
        client: SessionId,
        received: &Pdu,
        body: Option<&Shown>,
    ) -> Option<Pdu> {
        let mut response = self.prepare(client, request, true)?;
        response.set_code(received.code());
        let filled = self.fill_response(now, request, client, received, body, &mut response);
        if let Err(e) = filled {
            crate::log!(WARN, "a response from upstream is not forwarded: {e}");
            error::replace(&mut response, request, e.response_code());
        }
        Some(response)
    }

    fn fill_response(
        &mut self,
        now: Instant,
        request: &Pdu,
        client: SessionId,
        received: &Pdu,
        body: Option<&Shown>,
        response: &mut Pdu,
    ) -> Result<(), BodyError> {
        let is_whole = [Number::BLOCK2, Number::Q_BLOCK2].into_iter().all(|n| received.option(n).is_none());
        response_options(request, received, is_whole, response)?;
        let bytes = body.and_then(|b| b.data.as_deref()).or(received.payload()).unwrap_or_default();
        if received.code() == Code::HOP_LIMIT_REACHED {
            // RFC 8768 §3: each proxy on the way puts its name in front.
            let own = self.own_name(client);
            let names = [own.as_bytes(), bytes].into_iter().filter(|name| !name.is_empty());
            let trace = names.collect::<Vec<_>>().join(&b' ');
            return Ok(response.set_payload(&trace)?);
        }
        let does_blocks = self.sessions.get(client).is_some_and(|s| s.block_mode.has(Mode::USE_LIBCOAP));
        let asks_for_block =
            [Number::BLOCK2, Number::Q_BLOCK2].into_iter().any(|n| request.option(n).is_some());
        if bytes.is_empty() || !is_whole || !does_blocks || !asks_for_block && bytes.len() <= room(response) {
            return Ok(response.set_payload(bytes)?);
        }
        let shared: Shared = Arc::new(bytes.to_vec());
        self.add_body(now, client, request, response, Representation::DESCRIBED, &shared)
    }

    /// How this side is known to a peer.
    pub(super) fn own_name(&self, peer: SessionId) -> String {
        match self.sessions.get(peer).map(|s| &s.path.local) {
            Some(Address::Ip(local)) => local.ip().to_string(),
            Some(path) => path.to_string(),
            None => String::new(),
        }
    }
}

/// Whether a message has a block of a body, and not all of it.
fn is_block(message: &Pdu, number: Number) -> bool {
    matches!(Block::on_stream(message, number), Ok(Some(b)) if b.num > 0 || b.more)
}

/// Whether blocks of the response may be asked for later.
fn may_be_continued(request: &Pdu) -> bool {
    matches!(request.code(), Code::GET | Code::FETCH)
}
