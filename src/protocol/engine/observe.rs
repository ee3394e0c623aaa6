//! The server's side of observing (RFC 7641 §4): who is an observer, and telling them.
//!
//! A notification is the answer to the request that began the observation, asked again: the
//! handler sees that request and fills in a response, one for each observer.

use super::{Engine, Handle};
use crate::message::{Code, Mid, Number, Pdu, Token, Type};
use crate::protocol::block::{Block, Shown};
use crate::protocol::cache::Key;
use crate::protocol::event::{Audience, Event, Observation, Request};
use crate::protocol::observe::{MAX_NON, MAX_PER_SESSION, Observer, ObserverId};
use crate::protocol::resource::{AlreadyAdded, Entry, Flags, Resource, ResourceId};
use crate::protocol::session::{SessionId, State};
use crate::protocol::time::Instant;
use core::time::Duration;
use std::sync::Arc;

/// Options that differ between requests for the same.
const NOT_ASKED_FOR: [Number; 5] =
    [Number::ETAG, Number::BLOCK1, Number::BLOCK2, Number::Q_BLOCK1, Number::Q_BLOCK2];

/// RFC 7641 §4.5: a confirmable notification at least every 24 hours.
const LONGEST_UNCONFIRMED: Duration = Duration::from_secs(24 * 3600);

/// The values of the Observe option: a request that begins an observation, and one that ends it
/// (RFC 7641 §2).
const REGISTER: u64 = 0;
const DEREGISTER: u64 = 1;

impl Engine {
    /// Looks whether a request begins or ends an observation. If it begins one, the response says
    /// so by its Observe option.
    pub(super) fn observe(
        &mut self,
        now: Instant,
        id: SessionId,
        resource: ResourceId,
        request: &Pdu,
        body: Option<&Shown>,
        response: &mut Pdu,
    ) -> Observation {
        let Some(entry) = self.resources.get(resource) else { return Observation::None };
        if !entry.resource.is_observable() || !matches!(request.code(), Code::GET | Code::FETCH) {
            return Observation::None;
        }
        let number = entry.resource.observe_number();
        let asked = request.option_uint(Number::OBSERVE);
        // RFC 7959 §3.4: the later blocks of a notification are not observed.
        let is_later_block = matches!(Block::of(request, Number::BLOCK2), Ok(Some(b)) if b.num > 0);
        if !matches!(asked, Some(REGISTER | DEREGISTER)) || is_later_block {
            return Observation::None;
        }
        // Another request for the same takes the place of the one before, and so does one with the
        // same token (RFC 7641 §4.1); one that ends it may have either.
        let whole = body.and_then(|b| b.data.as_deref()).or(request.payload()).unwrap_or_default();
        let key = Key::derive(request, whole, None, &NOT_ASKED_FOR);
        let before = [
            self.observers.with_token(id, request.token()),
            key.and_then(|key| self.observers.with_request(id, resource, key)),
        ];
        // The same request with the same token asks for what is there: it goes on.
        let renewed = match before {
            [Some(a), Some(b)] if a == b && asked == Some(REGISTER) => self.take_observer(a).map(|o| o.name),
            _ => None,
        };
        before.into_iter().flatten().for_each(|known| self.remove_observer(known));
        if asked == Some(DEREGISTER) {
            return Observation::None;
        }
        let Some(session) = self.sessions.get_mut(id) else { return Observation::None };
        if session.observers >= MAX_PER_SESSION {
            // RFC 7641 §4.1: a response without Observe says that there will be no other.
            crate::log!(WARN, "** {session}: has too many observations, another one is not begun");
            return Observation::None;
        }
        let added = self.observers.insert(now, id, resource, request, body, key);
        let Some(observer) = added else {
            crate::log!(WARN, "there are too many observers, another one is not added");
            return Observation::None;
        };
        session.observers += 1;
        if let (Some(name), Some(added)) = (renewed, self.observers.get_mut(observer)) {
            added.name = name;
        }
        match response.add_option(Number::OBSERVE, &crate::message::option::encode_uint(number.into())) {
            Ok(_) => {
                if renewed.is_none() {
                    self.track_observed(observer);
                }
                Observation::Begun(observer)
            }
            Err(_) => {
                self.remove_observer(observer);
                Observation::None
            }
        }
    }

    /// The observation that a request put aside has begun, which its late response belongs to.
    pub(super) fn observe_again(&mut self, id: SessionId, request: &Pdu, response: &mut Pdu) -> Observation {
        let Some(observer) = self.observers.with_token(id, request.token()) else { return Observation::None };
        match self.add_observe_number(observer, response) {
            Some(()) => Observation::Begun(observer),
            None => Observation::None,
        }
    }

    fn add_observe_number(&mut self, observer: ObserverId, response: &mut Pdu) -> Option<()> {
        let resource = self.observers.get_mut(observer)?.resource;
        let number = self.resources.get(resource)?.resource.observe_number();
        let value = crate::message::option::encode_uint(number.into());
        response.add_option(Number::OBSERVE, &value).ok().map(|_| ())
    }

    pub(super) fn remove_observer(&mut self, observer: ObserverId) {
        let Some(removed) = self.take_observer(observer) else { return };
        self.track_unobserved(removed.name, removed.session);
        self.recycle(removed.request);
    }

    fn take_observer(&mut self, observer: ObserverId) -> Option<Observer> {
        let removed = self.observers.remove(observer)?;
        if let Some(session) = self.sessions.get_mut(removed.session) {
            session.observers = session.observers.saturating_sub(1);
        }
        Some(removed)
    }

    /// A resource has changed: its observers are notified when [`Engine::handle_timeout`] is called
    /// next. `false` if nobody observes it, or nobody may.
    pub fn notify(&mut self, resource: ResourceId) -> bool {
        let Some(entry) = self.resources.get(resource) else { return false };
        if !entry.resource.is_observable() || !self.observers.resource_changed(resource) {
            return false;
        }
        entry.resource.next_observe_number();
        self.track_number(resource);
        true
    }

    /// The next notification to be made, as a request.
    pub(super) fn next_notification(&mut self) -> Option<Event> {
        while let Some(id) = self.observers.pop_due() {
            if let Some(request) = self.notification(id) {
                return Some(Event::Request(request));
            }
        }
        None
    }

    fn notification(&mut self, id: ObserverId) -> Option<Request> {
        let now = self.turn_began;
        let observer = self.observers.get_mut(id)?;
        let (session_id, resource) = (observer.session, observer.resource);
        let (unconfirmed, last_mid) = (observer.non_count, observer.last_mid);
        let overdue = now - observer.last_confirmed >= LONGEST_UNCONFIRMED;
        let rules = &self.resources.get(resource)?.resource;
        let confirmable = !rules.has(Flags::NOTIFY_NON_ALWAYS)
            && (rules.has(Flags::NOTIFY_CON) || unconfirmed >= MAX_NON || overdue);
        let session = self.sessions.get(session_id)?;
        if session.is_blocked() {
            // What the peer will read then is the state of then.
            self.observers.hold(session_id, id);
            return None;
        }
        if confirmable {
            // RFC 7641 §4.5.1: one at a time; the newest state waits, not the message.
            let under_way = last_mid.is_some_and(|mid| self.outstanding.contains_key(&(session_id, mid)));
            if under_way || session.outstanding.len() >= usize::from(session.params().nstart) {
                self.observers.hold(session_id, id);
                return None;
            }
        }
        self.observers.made(id);
        let session = self.sessions.get_mut(session_id)?;
        let (mid, max_size) = (session.new_mid(), session.max_pdu_size());
        // RFC 8323 §2.2: over a reliable transport there is but one type.
        let is_one = confirmable || session.transport.is_reliable();
        let kind = if is_one { Type::Confirmable } else { Type::NonConfirmable };
        let mut request = self.spare();
        let observer = self.observers.get_mut(id)?;
        request.copy_from(&observer.request);
        request.set_mid(mid);
        let body = observer.body.clone();
        let mut response = self.blank(kind, Code::EMPTY, mid, max_size);
        response.set_token(request.token()).ok()?;
        self.add_observe_number(id, &mut response)?;
        let observation = Observation::Notification(id);
        Some(Request {
            session: session_id,
            resource,
            request,
            body,
            response,
            audience: Audience::One,
            delayed: None,
            observation,
        })
    }

    /// The response to a request that begins an observation: unless it is a success, it does not
    /// (RFC 7641 §4.1).
    pub(super) fn observation_answered(&mut self, observer: ObserverId, response: &mut Pdu) {
        if response.code().class() != 2 && !response.code().is_empty() {
            response.remove_option(Number::OBSERVE);
            self.remove_observer(observer);
        }
    }

    /// The handler has made a notification. One without a code is none; an error is the last one
    /// (RFC 7641 §4.2).
    pub(super) fn notified(&mut self, now: Instant, observer: ObserverId, done: Request) {
        let Request { session, request, mut response, .. } = done;
        let is_current = self.observers.get_mut(observer).is_some();
        if is_current && !response.code().is_empty() {
            let (kind, mid) = (response.kind(), response.mid());
            self.observation_answered(observer, &mut response);
            if let Some(observer) = self.observers.get_mut(observer) {
                observer.last_mid = Some(mid);
                if kind == Type::Confirmable {
                    (observer.non_count, observer.last_confirmed) = (0, now);
                } else {
                    observer.non_count = observer.non_count.saturating_add(1);
                }
            }
            self.answer(now, session, &request, response, Audience::One);
        } else {
            self.recycle(response);
        }
        self.recycle(request);
        self.release_held(session);
    }

    /// A session may be able to send another confirmable notification, or over a stream any.
    pub(super) fn release_held(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get(id).filter(|s| s.observers > 0) else { return };
        let free = match session.transport.is_reliable() {
            true => usize::MAX,
            false => usize::from(session.params().nstart).saturating_sub(session.outstanding.len()),
        };
        self.observers.release(id, free);
    }

    /// A notification was refused, or not acknowledged: the observer is not interested, or not
    /// there any more (RFC 7641 §3.6, §4.5). Looks at the message ID, whatever else it may be of.
    pub(super) fn notification_failed(&mut self, session: SessionId, sent: Option<&Pdu>, mid: Mid) {
        if self.sessions.get(session).is_none_or(|s| s.observers == 0) {
            return;
        }
        let observer = match sent {
            Some(sent) => self.observers.with_token(session, sent.token()),
            None => self.observers.with_mid(session, mid),
        };
        if let Some(id) = observer
            && self.observers.get_mut(id).is_some_and(|o| o.last_mid == Some(mid))
        {
            self.remove_observer(id);
        }
    }

    /// A session is not reachable any more: it observes nothing.
    pub(super) fn forget_observers(&mut self, id: SessionId) {
        if self.sessions.get(id).is_none_or(|s| s.observers == 0) {
            return;
        }
        while let Some(observer) = self.observers.of_session(id) {
            self.remove_observer(observer);
        }
        self.observers.forget_held(id);
    }

    /// Adds a resource. What stood in its place is taken out and handed back; its observers are
    /// told that it is gone.
    pub fn add_resource(
        &mut self,
        now: Instant,
        resource: Arc<Resource>,
        handle: Handle,
    ) -> Result<(ResourceId, Option<Entry<Handle>>), AlreadyAdded> {
        if let Some(replaced) = self.resources.replaced_by(&resource)? {
            self.resource_ends(now, replaced);
        }
        self.resources.add(resource, handle)
    }

    /// Takes a resource out. Its observers are told that it is gone (RFC 7641 §4.2).
    pub fn remove_resource(&mut self, now: Instant, resource: ResourceId) -> Option<Entry<Handle>> {
        self.resource_ends(now, resource);
        self.resources.remove(resource)
    }

    fn resource_ends(&mut self, now: Instant, resource: ResourceId) {
        let observers: Vec<_> = self.observers.of_resource(resource).collect();
        // Its end is a change that they are told of.
        if let (Some(entry), false) = (self.resources.get(resource), observers.is_empty()) {
            entry.resource.next_observe_number();
            self.track_number(resource);
        }
        self.track_gone(resource);
        let restarting = self.tracking.is_restarting();
        for id in observers {
            let Some(observer) = self.observers.get_mut(id) else { continue };
            let (session, token) = (observer.session, Token::new(observer.request.token()));
            self.remove_observer(id);
            if restarting {
                continue;
            }
            let open = self.sessions.get_mut(session).filter(|s| s.state == State::Established);
            let Some((mid, size)) = open.map(|s| (s.new_mid(), s.max_pdu_size())) else { continue };
            let mut gone = self.blank(Type::NonConfirmable, Code::NOT_FOUND, mid, size);
            if gone.set_token(token.as_bytes()).is_ok()
                && let Err(e) = self.send(now, session, gone)
            {
                crate::log!(WARN, "an observer is not told that the resource is gone: {e}");
            }
        }
    }
}
