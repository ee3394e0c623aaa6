//! A few things for each of some sessions, found by session and serial number.

use crate::protocol::session::SessionId;
use std::collections::BTreeMap;

#[derive(Debug)]
pub(super) struct PerSession<T> {
    entries: BTreeMap<(SessionId, u64), T>,
    next: u64,
}

impl<T> Default for PerSession<T> {
    fn default() -> Self {
        PerSession { entries: BTreeMap::new(), next: 0 }
    }
}

impl<T> PerSession<T> {
    /// The serial number that the next entry gets.
    pub(super) fn next_serial(&self) -> u64 {
        self.next
    }

    pub(super) fn insert(&mut self, session: SessionId, entry: T) -> u64 {
        let serial = self.next;
        self.entries.insert((session, serial), entry);
        self.next += 1;
        serial
    }

    /// Puts an entry back that was taken out.
    pub(super) fn put_back(&mut self, session: SessionId, serial: u64, entry: T) {
        self.entries.insert((session, serial), entry);
    }

    pub(super) fn get(&self, session: SessionId, serial: u64) -> Option<&T> {
        self.entries.get(&(session, serial))
    }

    pub(super) fn get_mut(&mut self, session: SessionId, serial: u64) -> Option<&mut T> {
        self.entries.get_mut(&(session, serial))
    }

    pub(super) fn remove(&mut self, session: SessionId, serial: u64) -> Option<T> {
        self.entries.remove(&(session, serial))
    }

    /// The entries of a session, oldest first.
    pub(super) fn of(&self, session: SessionId) -> impl DoubleEndedIterator<Item = (u64, &T)> {
        self.entries.range((session, 0)..=(session, u64::MAX)).map(|((_, serial), entry)| (*serial, entry))
    }

    pub(super) fn newest(&self, session: SessionId) -> Option<u64> {
        self.of(session).next_back().map(|(serial, _)| serial)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
