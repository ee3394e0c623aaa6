//! The sessions of a context, found by id or by their ends.
//!
//! The table also keeps the sessions that peers opened and the application does not hold in the
//! order of their last use, so that expiry and eviction look at the oldest only.

use super::{NOBODY, Path, PeerKey, Session, SessionId, State};
use crate::message::Type;
use crate::protocol::time::Instant;
use core::hash::BuildHasher;
use hashbrown::{DefaultHashBuilder, HashSet, HashTable};
use slab::Slab;

/// All sessions of a context.
#[derive(Debug)]
pub struct Sessions {
    slab: Slab<Session>,
    by_ends: HashTable<u32>,
    hasher: DefaultHashBuilder,
    generation: u32,
    oldest: u32,
    newest: u32,
    listed: usize,
    /// Those that have sent requests, by their places; some may have all answers by now.
    asking: HashSet<u32>,
}

impl Default for Sessions {
    fn default() -> Self {
        Sessions {
            slab: Slab::new(),
            by_ends: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            generation: 0,
            oldest: NOBODY,
            newest: NOBODY,
            listed: 0,
            asking: HashSet::new(),
        }
    }
}

impl Sessions {
    /// Takes a session in. `None` if there is one with the same ends.
    pub fn insert(&mut self, mut session: Session) -> Option<SessionId> {
        if self.find(&session.path).is_some() {
            return None;
        }
        self.generation = self.generation.wrapping_add(1);
        session.generation = self.generation;
        let hash = self.hasher.hash_one(&session.path);
        let is_listed = session.is_listed();
        let index = self.slab.insert(session) as u32;
        let (slab, hasher) = (&self.slab, &self.hasher);
        self.by_ends
            .insert_unique(hash, index, |i| slab.get(*i as usize).map_or(0, |s| hasher.hash_one(&s.path)));
        if is_listed {
            self.link_newest(index);
        }
        Some(SessionId { index, generation: self.generation })
    }

    /// The session with these ends.
    pub fn find(&self, path: &Path) -> Option<SessionId> {
        let hash = self.hasher.hash_one(path);
        let index = *self
            .by_ends
            .find(hash, |i| self.slab.get(*i as usize).is_some_and(|s| s.path.same_ends(path)))?;
        self.id_at(index)
    }

    /// Who is at the other end of a session; of a group, the member that was heard last.
    pub fn peer(&self, id: SessionId) -> Option<PeerKey> {
        let session = self.get(id)?;
        if session.transport.is_secure() {
            // RFC 7252 §9.1.1: what came over another connection is another matter. Its answers may
            // have been for somebody else's eyes.
            return Some(PeerKey(self.hasher.hash_one((&session.path, id.generation))));
        }
        Some(PeerKey(match &session.responder {
            None => self.hasher.hash_one(&session.path),
            Some(_) => self.hasher.hash_one(&*session.path_of(Type::Acknowledgement)),
        }))
    }

    /// The session, unless it has ended.
    pub fn get(&self, id: SessionId) -> Option<&Session> {
        self.slab.get(id.index()).filter(|s| s.generation == id.generation)
    }

    /// The same, to be changed. Its path must stay as it is.
    pub fn get_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.slab.get_mut(id.index()).filter(|s| s.generation == id.generation)
    }

    /// Ends a session: nothing more can be sent, and its peer does not find it any more. It can be
    /// looked at until it is removed. `false` if it has ended before.
    pub fn end(&mut self, id: SessionId) -> bool {
        if self.get(id).is_none_or(|s| s.state == State::Ended) {
            return false;
        }
        self.forget_ends(id);
        self.unlink(id.index);
        if let Some(session) = self.get_mut(id) {
            session.state = State::Ended;
        }
        true
    }

    /// Gives a session other ends. `false` if another session has them.
    pub fn set_path(&mut self, id: SessionId, path: Path) -> bool {
        if self.find(&path).is_some() {
            return false;
        }
        self.forget_ends(id);
        let hash = self.hasher.hash_one(&path);
        let Some(session) = self.get_mut(id) else { return false };
        session.path = path;
        let (slab, hasher) = (&self.slab, &self.hasher);
        let hash_of = |i: &u32| slab.get(*i as usize).map_or(0, |s| hasher.hash_one(&s.path));
        self.by_ends.insert_unique(hash, id.index, hash_of);
        true
    }

    /// Removes a session and hands it back.
    pub fn remove(&mut self, id: SessionId) -> Option<Session> {
        self.end(id);
        self.get(id)?;
        self.asking.remove(&id.index);
        self.slab.try_remove(id.index())
    }

    /// The application holds a session: once more than before.
    pub fn hold(&mut self, id: SessionId) {
        if let Some(session) = self.get_mut(id) {
            session.holds += 1;
            self.unlink(id.index);
        }
    }

    /// The application lets go of a session once. Gives how often it still holds it.
    pub fn release(&mut self, id: SessionId, now: Instant) -> Option<u32> {
        let session = self.get_mut(id)?;
        session.holds = session.holds.saturating_sub(1);
        let left = session.holds;
        self.touch(id, now);
        Some(left)
    }

    /// Marks a session as used.
    pub fn touch(&mut self, id: SessionId, now: Instant) {
        if let Some(session) = self.get_mut(id) {
            session.last_used = now;
            if session.is_listed() && self.newest != id.index {
                self.unlink(id.index);
                self.link_newest(id.index);
            }
        }
    }

    /// Of the sessions that peers opened and the application does not hold, the one that was not
    /// used for longest.
    pub fn least_recently_used(&self) -> Option<(SessionId, &Session)> {
        let id = self.id_at(self.oldest)?;
        Some((id, self.get(id)?))
    }

    /// How many sessions peers opened and the application does not hold.
    pub fn listed(&self) -> usize {
        self.listed
    }

    /// A session is about to send a request.
    pub fn note_asking(&mut self, id: SessionId) {
        if self.get(id).is_some_and(|s| s.exchanges.is_empty()) {
            self.asking.insert(id.index);
        }
    }

    /// The sessions that have sent requests and may expect answers, in no order.
    pub fn asking(&mut self) -> impl Iterator<Item = &Session> {
        let Sessions { slab, asking, .. } = self;
        asking.retain(|index| slab.get(*index as usize).is_some_and(|s| !s.exchanges.is_empty()));
        asking.iter().filter_map(|index| slab.get(*index as usize))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.slab.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.slab.is_empty()
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (SessionId, &Session)> {
        self.slab.iter().map(|(index, s)| (SessionId { index: index as u32, generation: s.generation }, s))
    }

    fn id_at(&self, index: u32) -> Option<SessionId> {
        let session = self.slab.get(index as usize)?;
        Some(SessionId { index, generation: session.generation })
    }

    fn forget_ends(&mut self, id: SessionId) {
        if let Some(session) = self.get(id) {
            let hash = self.hasher.hash_one(&session.path);
            if let Ok(found) = self.by_ends.find_entry(hash, |i| *i == id.index) {
                found.remove();
            }
        }
    }

    fn link_newest(&mut self, index: u32) {
        let before = self.newest;
        if let Some(s) = self.slab.get_mut(index as usize) {
            (s.older, s.newer) = (before, NOBODY);
        }
        match self.slab.get_mut(before as usize) {
            Some(s) => s.newer = index,
            None => self.oldest = index,
        }
        self.newest = index;
        self.listed += 1;
    }

    fn unlink(&mut self, index: u32) {
        let Some(s) = self.slab.get_mut(index as usize) else { return };
        let (older, newer) = (s.older, s.newer);
        if older == NOBODY && self.oldest != index {
            return;
        }
        self.listed -= 1;
        (s.older, s.newer) = (NOBODY, NOBODY);
        match self.slab.get_mut(older as usize) {
            Some(s) => s.newer = newer,
            None => self.oldest = newer,
        }
        match self.slab.get_mut(newer as usize) {
            Some(s) => s.older = older,
            None => self.newest = older,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Role, SocketId};
    use super::*;
    use crate::address::Address;

    fn path(port: u16) -> Path {
        let address = |port| Address::Ip(([127, 0, 0, 1], port).into());
        Path { socket: SocketId(0), local: address(5683), remote: address(port), ifindex: 0 }
    }

    fn session(port: u16) -> Session {
        Session::new(path(port), Role::Server, 1152, false, Instant(0), 0)
    }

    #[test]
    fn a_session_is_found_by_its_ends_and_only_once() {
        let mut t = Sessions::default();
        let a = t.insert(session(1)).unwrap();
        assert_eq!(t.insert(session(1)), None);
        assert_eq!(t.find(&path(1)), Some(a));
        assert_eq!(t.find(&path(2)), None);
        t.remove(a);
        assert_eq!(t.find(&path(1)), None);
    }

    #[test]
    fn the_id_of_a_session_that_ended_is_stale_for_ever() {
        let mut t = Sessions::default();
        let a = t.insert(session(1)).unwrap();
        t.remove(a).unwrap();
        let b = t.insert(session(1)).unwrap();
        assert_eq!(a.index(), b.index());
        assert!(t.get(a).is_none() && t.remove(a).is_none());
        assert!(t.get(b).is_some());
    }

    #[test]
    fn those_that_ask_are_found_until_they_are_answered_or_end() {
        let mut t = Sessions::default();
        let ids: Vec<_> = (1..=4).map(|p| t.insert(session(p)).unwrap()).collect();
        for id in &ids[..3] {
            t.note_asking(*id);
            t.get_mut(*id).unwrap().exchanges.begin(Instant(0), b"t", false, None);
        }
        let ports = |t: &mut Sessions| {
            let mut found: Vec<_> = t.asking().map(|s| s.path.remote.clone()).collect();
            found.sort_unstable_by_key(|a| format!("{a}"));
            found
        };
        assert_eq!(ports(&mut t), [path(1).remote, path(2).remote, path(3).remote]);
        t.get_mut(ids[0]).unwrap().exchanges.answer(b"t", false);
        t.remove(ids[1]);
        assert_eq!(t.insert(session(5)).unwrap().index(), ids[1].index());
        assert_eq!(ports(&mut t), [path(3).remote]);
        assert_eq!(t.asking.len(), 1);
    }

    /// Who can choose addresses, paths or tokens cannot choose those that collide.
    #[test]
    fn each_table_has_a_key_of_its_own_for_its_hashes() {
        let hashes: Vec<_> = (0..8).map(|_| Sessions::default().hasher.hash_one(path(1))).collect();
        assert!(hashes.iter().any(|hash| *hash != hashes[0]), "{hashes:x?}");
    }

    #[test]
    fn the_least_recently_used_session_comes_first() {
        let mut t = Sessions::default();
        let ids: Vec<_> = (1..=4).map(|p| t.insert(session(p)).unwrap()).collect();
        t.touch(ids[0], Instant(5));
        t.remove(ids[1]);
        assert_eq!(t.least_recently_used().unwrap().0, ids[2]);
        t.touch(ids[2], Instant(6));
        assert_eq!(t.least_recently_used().unwrap().0, ids[3]);
        for id in [ids[3], ids[0], ids[2]] {
            assert_eq!(t.least_recently_used().unwrap().0, id);
            t.remove(id);
        }
        assert!(t.least_recently_used().is_none());
    }
}
