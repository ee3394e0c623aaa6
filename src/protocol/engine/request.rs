//! Requests: what must be refused before any handler sees it, whom to call, and what becomes of
//! the response (RFC 7252 §5).

use super::Engine;
use super::blockwise::{Collected, Representation};
use super::groups::is_suppressed;
use crate::message::link_format::Filter;
use crate::message::{Code, Mid, Number, Pdu, Type, error};
use crate::protocol::block::{self, Mode};
use crate::protocol::event::{Audience, Event, Observation, Request};
use crate::protocol::resource::{Flags, Kind, ResourceId, Target};
use crate::protocol::session::SessionId;
use crate::protocol::time::Instant;
use std::sync::Arc;

/// Content-Format application/link-format (RFC 6690 §7.2).
const LINK_FORMAT: u8 = 40;

/// The critical options that this library acts on, or hands to handlers that are expected to.
const KNOWN_CRITICAL: [Number; 11] = [
    Number::IF_MATCH,
    Number::URI_HOST,
    Number::IF_NONE_MATCH,
    Number::URI_PORT,
    Number::URI_PATH,
    Number::URI_QUERY,
    Number::ACCEPT,
    Number::PROXY_URI,
    Number::PROXY_SCHEME,
    Number::BLOCK1,
    Number::BLOCK2,
];

impl Engine {
    pub(super) fn handle_request(&mut self, now: Instant, id: SessionId, request: Pdu, multicast: bool) {
        if multicast && request.kind() == Type::Confirmable {
            // RFC 7252 §8.1: such requests are not confirmable, and nothing may acknowledge one.
            crate::log!(DEBUG, "confirmable request to a group is ignored");
            return self.recycle(request);
        }
        if self.asyncs.find(id, request.token()).is_some() {
            // Its answer is on the way: a request put aside has this token.
            self.acknowledge(now, id, &request);
            return self.recycle(request);
        }
        if let Some(bad) = self.bad_option_of_request(id, &request) {
            return self.refuse_option(now, id, request, multicast, bad);
        }
        let audience = self.audience(multicast, None);
        if !self.hear_of_quick(id, &request, multicast) {
            return self.recycle(request);
        }
        match self.judge(id, &request) {
            Target::Resource(resource) if multicast && !self.answers_groups(resource) => {
                let audience = self.audience(multicast, Some(resource));
                self.answer_code(now, id, request, Code::METHOD_NOT_ALLOWED, audience);
            }
            Target::Resource(resource) => {
                let audience = self.audience(multicast, Some(resource));
                if self.serve_more(now, id, &request) || self.serve_later_block(now, id, &request, audience) {
                    return self.recycle(request);
                }
                let Some(Collected { request, body, echo, later }) =
                    self.collect(now, id, resource, request, audience)
                else {
                    return;
                };
                // What another server must be asked for takes long: the client is told to wait.
                let is_proxy = self.is_proxy(resource);
                if is_proxy {
                    self.acknowledge(now, id, &request);
                }
                let Some(mut response) = self.prepare(id, &request, later) else { return };
                if let Some(block) = echo {
                    let _ = response.add_option(Number::BLOCK1, &block.encode());
                }
                let observation = match multicast {
                    false => self.observe(now, id, resource, &request, body.as_deref(), &mut response),
                    true => Observation::None,
                };
                let delayed = None;
                self.events.push_back(Event::Request(Request {
                    session: id,
                    resource,
                    request,
                    body,
                    response,
                    audience,
                    delayed,
                    observation,
                }));
            }
            Target::WellKnownCore if self.serve_more(now, id, &request) => self.recycle(request),
            Target::WellKnownCore => {
                let Some(mut response) = self.prepare(id, &request, false) else { return };
                self.list_resources(now, id, &request, &mut response);
                self.answer(now, id, &request, response, audience);
                self.recycle(request);
            }
            Target::Answer(Code::HOP_LIMIT_REACHED) => {
                let Some(mut response) = self.prepare(id, &request, false) else { return };
                self.end_of_hops(id, &mut response);
                self.answer(now, id, &request, response, audience);
                self.recycle(request);
            }
            Target::Answer(code) => {
                let resource = if multicast { self.resources.plain(&request) } else { None };
                let audience = self.audience(multicast, resource);
                if code == Code::NOT_FOUND {
                    crate::log!(
                        DEBUG,
                        "request for unknown resource '{}', return 4.04",
                        error::path_text(&request)
                    );
                }
                self.answer_code(now, id, request, code, audience);
            }
        }
    }

    fn is_proxy(&self, id: ResourceId) -> bool {
        self.resources.get(id).is_some_and(|e| matches!(e.resource.kind(), Kind::ProxyUri { .. }))
    }

    /// What the request is for, after the preconditions that hold for all resources.
    fn judge(&self, id: SessionId, request: &Pdu) -> Target {
        let target = self.target(id, request);
        if target == Target::Answer(Code::PROXYING_NOT_SUPPORTED) {
            return target;
        }
        // RFC 8768 §3: 0 is no valid value, and 1 may go no further. As libcoap, every server
        // looks at it, also one that forwards nothing.
        match request.option_uint(Number::HOP_LIMIT) {
            Some(0) => return Target::Answer(Code::BAD_REQUEST),
            Some(1) => return Target::Answer(Code::HOP_LIMIT_REACHED),
            _ => {}
        }
        let is_forwarded = matches!(target, Target::Resource(resource) if self.may_forward(resource));
        // RFC 7252 §5.10.8.2: a resource that is there does not match If-None-Match.
        if !is_forwarded
            && request.option(Number::IF_NONE_MATCH).is_some()
            && self.resources.plain(request).is_some()
        {
            return Target::Answer(Code::PRECONDITION_FAILED);
        }
        let Target::Resource(id) = target else { return target };
        if self.resources.get(id).is_some_and(|e| e.resource.has(Flags::OSCORE_ONLY)) {
            return Target::Answer(Code::UNAUTHORIZED);
        }
        // RFC 8132 §2.3.1: the format of a FETCH body cannot be guessed.
        let is_protected = is_forwarded && request.option(Number::OSCORE).is_some();
        if request.code() == Code::FETCH && request.option(Number::CONTENT_FORMAT).is_none() && !is_protected
        {
            return Target::Answer(Code::UNSUPPORTED_CONTENT_FORMAT);
        }
        target
    }

    /// The first option that makes this message one that must be refused: critical and known to
    /// nobody here (RFC 7252 §5.4.1), or there twice where once is allowed (§5.4.5).
    pub(super) fn bad_option(&self, id: SessionId, message: &Pdu) -> Option<Number> {
        self.bad_option_in(self.may_know_quick(id), message)
    }

    /// The same before there is a session.
    pub(super) fn is_bad_for_new_sessions(&self, message: &Pdu) -> bool {
        let mode = self.config.block_mode;
        self.bad_option_in(!mode.has(Mode::USE_LIBCOAP) || mode.tries_quick(), message).is_some()
    }

    /// The same for a request. What is safe to forward need not be known by who only forwards it
    /// (RFC 7252 §5.7.1).
    fn bad_option_of_request(&self, id: SessionId, request: &Pdu) -> Option<Number> {
        let bad = self.bad_option(id, request)?;
        match self.target(id, request) {
            Target::Resource(resource) if self.may_forward(resource) => {
                self.bad_option_if(self.may_know_quick(id), request, Number::is_unsafe)
            }
            _ => Some(bad),
        }
    }

    /// The same for a response, which may come from upstream.
    pub(super) fn bad_option_of_response(&self, id: SessionId, response: &Pdu) -> Option<Number> {
        let is_its = match self.is_upstream(id) {
            true => Number::is_unsafe,
            false => Number::is_critical,
        };
        self.bad_option_if(self.may_know_quick(id), response, is_its)
    }

    fn target(&self, id: SessionId, request: &Pdu) -> Target {
        self.resources.target(request, self.sessions.get(id).map(|s| &s.path.local))
    }

    /// Whether requests for this resource are there to be forwarded.
    pub(super) fn may_forward(&self, id: ResourceId) -> bool {
        let is_of_proxy = |kind: &Kind| matches!(kind, Kind::ProxyUri { .. } | Kind::ReverseProxy);
        self.resources.get(id).is_some_and(|e| is_of_proxy(e.resource.kind()))
    }

    /// Whether somebody here knows Q-Block (RFC 9177 §4.1): the library, or the application where that
    /// does all.
    fn may_know_quick(&self, id: SessionId) -> bool {
        self.sessions.get(id).is_some_and(|s| !s.block_mode.has(Mode::USE_LIBCOAP) || s.tries_quick())
    }

    fn bad_option_in(&self, quick: bool, message: &Pdu) -> Option<Number> {
        self.bad_option_if(quick, message, Number::is_critical)
    }

    /// The same where only options for which `matters` need be known.
    fn bad_option_if(&self, quick: bool, message: &Pdu, matters: fn(Number) -> bool) -> Option<Number> {
        let mut before = None;
        message.options().map(|o| o.number).find(|n| {
            // A program may write two of Q-Block1, as with libcoap; RFC 9177 §4.1 has one.
            let once = n.is_once_only() || *n == Number::Q_BLOCK1;
            let repeated = before.replace(*n) == Some(*n) && once;
            repeated || matters(*n) && self.is_unknown_critical(quick, *n)
        })
    }

    fn is_unknown_critical(&self, quick: bool, n: Number) -> bool {
        if !n.is_critical() || self.config.known_options.contains(&n.0) {
            return false;
        }
        match n {
            Number::Q_BLOCK1 | Number::Q_BLOCK2 => !quick,
            _ => !KNOWN_CRITICAL.contains(&n),
        }
    }

    fn refuse_option(&mut self, now: Instant, id: SessionId, request: Pdu, multicast: bool, bad: Number) {
        crate::log!(DEBUG, "option {} is critical and unknown, or there too often", bad.0);
        if request.kind() == Type::NonConfirmable {
            // RFC 7252 §5.4.1: a non-confirmable message with one is rejected.
            if !multicast {
                self.send_empty(now, id, Type::Reset, request.mid());
            }
            self.recycle(request);
        } else {
            self.answer_code(now, id, request, Code::BAD_OPTION, self.audience(multicast, None));
        }
    }

    /// The response to a request, as yet without code: piggybacked on the acknowledgement of a
    /// confirmable one, unless it comes `later` (RFC 7252 §5.2).
    pub(super) fn prepare(&mut self, id: SessionId, request: &Pdu, later: bool) -> Option<Pdu> {
        let session = self.sessions.get_mut(id)?;
        let max_size = session.max_pdu_size();
        let (kind, mid) = match (request.kind(), later) {
            _ if session.transport.is_reliable() => (Type::Confirmable, Mid(0)),
            (Type::Confirmable, false) => (Type::Acknowledgement, request.mid()),
            (Type::Confirmable, true) => (Type::Confirmable, session.new_mid()),
            _ => (Type::NonConfirmable, session.new_mid()),
        };
        let mut response = self.blank(kind, Code::EMPTY, mid, max_size);
        response.set_token(request.token()).ok()?;
        Some(response)
    }

    /// Answers with a code and its text. A 4.02 repeats the options that it is about.
    pub(super) fn answer_code(
        &mut self,
        now: Instant,
        id: SessionId,
        request: Pdu,
        code: Code,
        audience: Audience,
    ) {
        if let Some(mut response) = self.prepare(id, &request, false) {
            let quick = self.may_know_quick(id);
            let count = |n: Number| request.options().filter(|o| o.number == n).count();
            let echo = |n: Number| {
                // What OSCORE cannot make sense of is not shown to anybody (RFC 8613 §8.2).
                let concerns = self.is_unknown_critical(quick, n) || n.is_once_only() && count(n) > 1;
                code == Code::BAD_OPTION && n != Number::OSCORE && concerns
            };
            error::fill(&mut response, &request, code, echo);
            self.answer(now, id, &request, response, audience);
        }
        self.recycle(request);
    }

    /// The handler is done with a request. A response without a code means that it will come
    /// later, in a message of its own.
    pub fn respond(&mut self, now: Instant, done: Request) {
        if let Observation::Notification(observer) = done.observation {
            return self.notified(now, observer, done);
        }
        let Request { session, resource, request, mut response, audience, delayed, observation, .. } = done;
        if response.kind() == Type::Acknowledgement && self.is_proxy(resource) {
            // It was acknowledged before the handler was called.
            self.separate(session, &mut response);
        }
        let does_blocks = self.sessions.get(session).is_some_and(|s| s.block_mode.has(Mode::USE_LIBCOAP));
        if does_blocks
            && response.code().class() == 2
            && matches!(self.block_of(session, &request, Number::BLOCK1), Ok(Some(block)) if block.more)
        {
            // RFC 7959 §2.3: the answer to a block that others follow is not yet one to the request.
            response.set_code(Code::CONTINUE);
        }
        if let Observation::Begun(observer) = observation {
            self.observation_answered(observer, &mut response);
        }
        if let Some(waiting) = delayed {
            self.free_async(waiting);
        }
        if !response.code().is_empty() {
            self.answer(now, session, &request, response, audience);
        } else {
            if delayed.is_none() {
                if response.kind() == Type::Acknowledgement {
                    self.acknowledge(now, session, &request);
                }
                self.set_async_audience(session, request.token(), audience);
                self.set_relay_audience(session, request.token(), audience);
            }
            if let Observation::Begun(observer) = observation
                && self.relay_of(session, request.token()).is_some()
            {
                // It is the other server that is observed.
                self.remove_observer(observer);
            }
            self.recycle(response);
        }
        self.recycle(request);
    }

    /// A response is to come in a message of its own (RFC 7252 §5.2.2).
    fn separate(&mut self, id: SessionId, response: &mut Pdu) {
        if let Some(session) = self.sessions.get_mut(id) {
            response.set_kind(Type::Confirmable);
            response.set_mid(session.new_mid());
        }
    }

    /// The resource was deleted before its handler could be called.
    pub fn resource_gone(&mut self, now: Instant, mut gone: Request) {
        error::fill(&mut gone.response, &gone.request, Code::NOT_FOUND, |_| false);
        self.respond(now, gone);
    }

    /// Sends a response unless somebody does not want it; a confirmable request is acknowledged
    /// in any case.
    pub(super) fn answer(
        &mut self,
        now: Instant,
        id: SessionId,
        request: &Pdu,
        response: Pdu,
        audience: Audience,
    ) {
        if !response.code().is_response() {
            crate::log!(WARN, "response with invalid code {} is not sent", response.code());
            return self.recycle(response);
        }
        if is_suppressed(request, &response, audience) {
            // A response that comes later has no acknowledgement to give: it was given.
            if response.kind() == Type::Acknowledgement {
                self.acknowledge(now, id, request);
            }
            return self.recycle(response);
        }
        match audience {
            Audience::Group(flags) if !flags.contains(Flags::LIB_DIS_MCAST_DELAYS) => {
                self.answer_at_leisure(now, id, response);
            }
            _ => self.send_response(now, id, response),
        }
    }

    /// Sends a response, also on a session that was given up: the peer that opened it has asked.
    pub(super) fn send_response(&mut self, now: Instant, id: SessionId, response: Pdu) {
        if let Some(session) = self.sessions.get_mut(id) {
            session.revive();
        }
        self.first_block_goes(id, &response);
        let burst = self.response_goes(id, &response);
        match self.send(now, id, response) {
            Ok(_) => self.begin_burst(now, id, burst),
            Err(e) => crate::log!(WARN, "response is not sent: {e}"),
        }
    }

    /// An empty acknowledgement, for a confirmable request (RFC 7252 §5.2.2).
    pub(super) fn acknowledge(&mut self, now: Instant, id: SessionId, request: &Pdu) {
        if request.kind() == Type::Confirmable {
            self.send_empty(now, id, Type::Acknowledgement, request.mid());
        }
    }

    /// `/.well-known/core` (RFC 6690 §4), in blocks where it is long.
    fn list_resources(&mut self, now: Instant, id: SessionId, request: &Pdu, response: &mut Pdu) {
        crate::log!(DEBUG, "call handler for pseudo resource '.well-known/core' (3)");
        // A filter is one argument; several make a pattern that nothing matches.
        let arguments = request.options().filter(|o| o.number == Number::URI_QUERY).map(|o| o.value);
        let query = arguments.collect::<Vec<_>>().join(&b'&');
        let text = self.resources.well_known(&Filter::new(&query));
        response.set_code(Code::CONTENT);
        let added = if request.option(Number::Q_BLOCK2).is_some() {
            let about = Representation { format: Some(LINK_FORMAT.into()), ..Representation::default() };
            let body: block::Shared = Arc::new(text);
            self.add_body(now, id, request, response, about, &body)
        } else {
            let format = response.add_option(Number::CONTENT_FORMAT, &[LINK_FORMAT]);
            format.map_err(block::BodyError::from).and_then(|_| block::add_slice(request, response, &text))
        };
        if let Err(e) = added {
            crate::log!(WARN, "cannot list the resources: {e}");
            error::replace(response, request, e.response_code());
        }
    }

    /// RFC 8768 §3: the node that stops a request says who it is, for the path to be traced.
    fn end_of_hops(&self, id: SessionId, response: &mut Pdu) {
        response.set_code(Code::HOP_LIMIT_REACHED);
        let host = self.own_name(id);
        let _ = response.add_option(Number::HOP_LIMIT, &[u8::MAX]);
        let _ = response.set_payload(host.as_bytes());
    }

    /// A delay is over: the request is handed out again.
    pub(super) fn async_due(&mut self, now: Instant, id: crate::protocol::asynchronous::AsyncId) {
        let Some(waiting) = self.asyncs.get_mut(id) else { return };
        waiting.deadline = None;
        let (session, request) = (waiting.session, waiting.request.clone());
        let (body, audience) = (waiting.body.clone(), waiting.audience);
        let Target::Resource(resource) = self.judge(session, &request) else {
            // The resource is gone in the meantime.
            self.free_async(id);
            if let Some(mut response) = self.prepare(session, &request, true) {
                error::fill(&mut response, &request, Code::NOT_FOUND, |_| false);
                self.answer(now, session, &request, response, audience);
            }
            return;
        };
        let Some(mut response) = self.prepare(session, &request, true) else { return };
        let observation = self.observe_again(session, &request, &mut response);
        let delayed = Some(id);
        self.events.push_back(Event::Request(Request {
            session,
            resource,
            request,
            body,
            response,
            audience,
            delayed,
            observation,
        }));
    }

    /// A message ID for the next message of a session.
    pub fn new_mid(&mut self, id: SessionId) -> Option<Mid> {
        self.sessions.get_mut(id).map(|s| s.new_mid())
    }
}
