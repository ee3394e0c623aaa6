//! Who observes which resource (RFC 7641 §4): the list of observers of a context.
//!
//! An entry is made by a request of a session, and is named by its token or by what the request
//! asks for: a second request with either replaces it. Peers can make it grow, so it has an end:
//! [`MAX_PER_SESSION`], [`MAX_OBSERVERS`] and [`MAX_BYTES`].

use super::block::Shown;
use super::cache::Key;
use super::resource::ResourceId;
use super::session::SessionId;
use super::time::Instant;
use crate::message::{Mid, Pdu, Token};
use hashbrown::{HashMap, HashSet};
use slab::Slab;
use std::collections::{BTreeMap, VecDeque};

/// The most observers in one context: each keeps a copy of what a peer sent.
pub const MAX_OBSERVERS: usize = 1 << 17;

/// The most bytes of these copies, with the bodies that came in blocks.
pub const MAX_BYTES: usize = 128 << 20;

/// The most observers of one session.
pub const MAX_PER_SESSION: u32 = 1 << 14;

/// How many non-confirmable notifications go out between two confirmable ones, which find out
/// whether the observer is still there.
pub const MAX_NON: u8 = 5;

/// Names an observer. It goes stale when the observer is removed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ObserverId {
    slot: u32,
    serial: u64,
}

/// An observer of a resource.
#[derive(Debug)]
pub struct Observer {
    /// Whose.
    pub session: SessionId,
    /// Of what.
    pub resource: ResourceId,
    /// The request that is asked again for each notification.
    pub request: Pdu,
    /// What the handler is shown of its body, if that came in blocks.
    pub body: Option<Box<Shown>>,
    /// The message ID of the last notification, for a Reset that refuses it (RFC 7641 §3.6).
    pub last_mid: Option<Mid>,
    /// Non-confirmable notifications since the last confirmable one.
    pub non_count: u8,
    /// When the last confirmable notification went out, or the observer came.
    pub last_confirmed: Instant,
    /// Names the observation, also when the same request has taken this one's place.
    pub name: u64,
    /// The resource has changed since the last notification was made.
    dirty: bool,
    key: Option<Key>,
    serial: u64,
    /// What it takes, in bytes.
    cost: usize,
}

/// All observers of a context, and those that are to be notified.
#[derive(Debug, Default)]
pub struct Observers {
    slab: Slab<Observer>,
    bytes: usize,
    by_token: HashMap<(SessionId, Token), u32>,
    by_request: HashMap<(SessionId, ResourceId, Key), u32>,
    by_resource: BTreeMap<(ResourceId, u64), u32>,
    by_session: BTreeMap<(SessionId, u64), u32>,
    next_serial: u64,
    /// Resources that have changed since the last turn.
    changed: HashSet<ResourceId>,
    /// Observers to be notified in this turn, in order.
    due: VecDeque<ObserverId>,
    /// Observers that wait until their session may send another confirmable message.
    held: HashMap<SessionId, VecDeque<ObserverId>>,
}

impl Observers {
    /// Adds an observer, with a copy of its request. `None` if there are too many in the context, or too
    /// large ones.
    pub fn insert(
        &mut self,
        now: Instant,
        session: SessionId,
        resource: ResourceId,
        request: &Pdu,
        body: Option<&Shown>,
        key: Option<Key>,
    ) -> Option<ObserverId> {
        let cost = request.used_size() + body.map_or(0, Shown::size);
        if self.slab.len() >= MAX_OBSERVERS || self.bytes + cost > MAX_BYTES {
            return None;
        }
        self.bytes += cost;
        let serial = self.next_serial;
        self.next_serial += 1;
        let token = Token::new(request.token());
        let slot = self.slab.insert(Observer {
            session,
            resource,
            request: request.clone(),
            body: body.cloned().map(Box::new),
            last_mid: None,
            non_count: 0,
            last_confirmed: now,
            name: serial,
            dirty: false,
            key,
            serial,
            cost,
        }) as u32;
        self.by_token.insert((session, token), slot);
        if let Some(key) = key {
            self.by_request.insert((session, resource, key), slot);
        }
        self.by_resource.insert((resource, serial), slot);
        self.by_session.insert((session, serial), slot);
        Some(ObserverId { slot, serial })
    }

    /// The observer, unless it was removed.
    pub fn get_mut(&mut self, id: ObserverId) -> Option<&mut Observer> {
        self.slab.get_mut(id.slot as usize).filter(|o| o.serial == id.serial)
    }

    /// Removes an observer and hands it back.
    pub fn remove(&mut self, id: ObserverId) -> Option<Observer> {
        self.get_mut(id)?;
        let observer = self.slab.try_remove(id.slot as usize)?;
        self.bytes -= observer.cost;
        let (session, resource) = (observer.session, observer.resource);
        self.by_token.remove(&(session, Token::new(observer.request.token())));
        if let Some(key) = observer.key {
            self.by_request.remove(&(session, resource, key));
        }
        self.by_resource.remove(&(resource, id.serial));
        self.by_session.remove(&(session, id.serial));
        Some(observer)
    }

    fn at(&self, slot: u32) -> Option<ObserverId> {
        self.slab.get(slot as usize).map(|o| ObserverId { slot, serial: o.serial })
    }

    /// The observer with this token.
    pub fn with_token(&self, session: SessionId, token: &[u8]) -> Option<ObserverId> {
        self.at(*self.by_token.get(&(session, Token::new(token)))?)
    }

    /// The observer of a session that asked for the same.
    pub fn with_request(&self, session: SessionId, resource: ResourceId, key: Key) -> Option<ObserverId> {
        self.at(*self.by_request.get(&(session, resource, key))?)
    }

    /// The observer of a session whose last notification has this message ID.
    pub fn with_mid(&self, session: SessionId, mid: Mid) -> Option<ObserverId> {
        let mut of_session = self.by_session.range((session, 0)..=(session, u64::MAX)).map(|(_, slot)| *slot);
        let sent = |slot: &u32| self.slab.get(*slot as usize).is_some_and(|o| o.last_mid == Some(mid));
        self.at(of_session.find(sent)?)
    }

    /// The observers of a resource, the newest first.
    pub fn of_resource(&self, resource: ResourceId) -> impl DoubleEndedIterator<Item = ObserverId> {
        let range = self.by_resource.range((resource, 0)..=(resource, u64::MAX)).rev();
        range.map(|(&(_, serial), &slot)| ObserverId { slot, serial })
    }

    /// One of the observers of a session.
    pub fn of_session(&self, session: SessionId) -> Option<ObserverId> {
        let mut range = self.by_session.range((session, 0)..=(session, u64::MAX));
        range.next().map(|(&(_, serial), &slot)| ObserverId { slot, serial })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.slab.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.slab.is_empty()
    }

    /// A resource has changed. `false` if nobody observes it.
    pub fn resource_changed(&mut self, resource: ResourceId) -> bool {
        let observed = self.of_resource(resource).next().is_some();
        if observed {
            self.changed.insert(resource);
        }
        observed
    }

    /// Whether a resource has changed that somebody observes.
    pub fn has_changes(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Whether an observer is to be notified.
    pub fn has_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// A turn begins: the observers of what has changed are to be notified. What changes from now
    /// on is for the next turn.
    pub fn begin_turn(&mut self) {
        for resource in core::mem::take(&mut self.changed) {
            let observers: Vec<_> = self.of_resource(resource).collect();
            for id in observers {
                if self.get_mut(id).is_some_and(|o| !core::mem::replace(&mut o.dirty, true)) {
                    self.due.push_back(id);
                }
            }
        }
    }

    /// Takes out the next observer to be notified.
    pub fn pop_due(&mut self) -> Option<ObserverId> {
        loop {
            let id = self.due.pop_front()?;
            if self.get_mut(id).is_some() {
                return Some(id);
            }
        }
    }

    /// The notification is made: changes from now on make another one.
    pub fn made(&mut self, id: ObserverId) {
        if let Some(observer) = self.get_mut(id) {
            observer.dirty = false;
        }
    }

    /// The observer must wait until its session may send: then it gets the state of that time.
    pub fn hold(&mut self, session: SessionId, id: ObserverId) {
        self.held.entry(session).or_default().push_back(id);
    }

    /// A session may send so many more confirmable messages.
    pub fn release(&mut self, session: SessionId, slots: usize) {
        if self.held.is_empty() {
            return;
        }
        let Some(held) = self.held.get_mut(&session) else { return };
        self.due.extend(held.drain(..slots.min(held.len())));
        if held.is_empty() {
            self.held.remove(&session);
        }
    }

    /// How many resources and observers wait for notifications to be made.
    #[cfg(test)]
    pub(crate) fn waiting_len(&self) -> usize {
        self.changed.len() + self.due.len() + self.held.values().map(VecDeque::len).sum::<usize>()
    }

    /// A session has ended.
    pub fn forget_held(&mut self, session: SessionId) {
        self.held.remove(&session);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Code, Type};

    #[test]
    fn observers_may_ask_for_so_many_bytes_together() {
        let mut observers = Observers::default();
        let (session, resource) = (SessionId::for_test(0), ResourceId::for_test(0));
        let body = Shown::whole(vec![0; MAX_BYTES / 3]);
        let add = |observers: &mut Observers, token: u8| {
            let mut request = Pdu::new(Type::Confirmable, Code::FETCH, Mid(0), 100);
            request.set_token(&[token]).unwrap();
            observers.insert(Instant(0), session, resource, &request, Some(&body), None)
        };
        let first = add(&mut observers, 0).unwrap();
        assert!(add(&mut observers, 1).is_some());
        assert!(add(&mut observers, 2).is_none());
        observers.remove(first);
        assert!(add(&mut observers, 3).is_some());
        assert!(add(&mut observers, 4).is_none());
    }
}
