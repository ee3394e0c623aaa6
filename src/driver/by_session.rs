//! Something for each session, found by its place in the table and not by a hash: one step, and
//! sixteen bytes besides what is kept.

use crate::protocol::session::SessionId;

/// A `T` for each of some sessions.
pub(super) struct BySession<T> {
    places: Vec<Option<(SessionId, T)>>,
    /// Those whose place a later session has taken before they were taken out.
    displaced: Vec<(SessionId, T)>,
}

impl<T> Default for BySession<T> {
    fn default() -> Self {
        BySession { places: Vec::new(), displaced: Vec::new() }
    }
}

impl<T> BySession<T> {
    /// What is kept for a session.
    pub(super) fn get(&self, id: SessionId) -> Option<&T> {
        let here = self.places.get(id.index()).and_then(Option::as_ref).filter(|(of, _)| *of == id);
        here.or_else(|| self.displaced.iter().find(|(of, _)| *of == id)).map(|(_, kept)| kept)
    }

    /// The same, to be changed.
    pub(super) fn get_mut(&mut self, id: SessionId) -> Option<&mut T> {
        let here = self.places.get_mut(id.index()).and_then(Option::as_mut).filter(|(of, _)| *of == id);
        let displaced = &mut self.displaced;
        here.or_else(|| displaced.iter_mut().find(|(of, _)| *of == id)).map(|(_, kept)| kept)
    }

    /// Keeps something for a session, in place of what was kept for it.
    pub(super) fn insert(&mut self, id: SessionId, kept: T) {
        if self.places.len() <= id.index() {
            self.places.resize_with(id.index() + 1, || None);
        }
        if let Some(place) = self.places.get_mut(id.index())
            && let Some(before) = place.replace((id, kept))
            && before.0 != id
        {
            self.displaced.push(before);
        }
    }

    /// All that is kept.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.places.iter().flatten().chain(&self.displaced).map(|(_, kept)| kept)
    }

    /// Takes out what is kept for a session.
    pub(super) fn remove(&mut self, id: SessionId) -> Option<T> {
        if let Some(place) = self.places.get_mut(id.index())
            && let Some((_, kept)) = place.take_if(|(of, _)| *of == id)
        {
            return Some(kept);
        }
        let at = self.displaced.iter().position(|(of, _)| *of == id)?;
        Some(self.displaced.swap_remove(at).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Address;
    use crate::protocol::Instant;
    use crate::protocol::session::{Path, Role, Session, Sessions, SocketId};

    #[test]
    fn what_belongs_to_a_session_that_ended_is_found_until_it_is_taken_out() {
        let mut sessions = Sessions::default();
        let mut session = || {
            let address = Address::Ip(([127, 0, 0, 1], 5683).into());
            let path = Path { socket: SocketId(0), local: address.clone(), remote: address, ifindex: 0 };
            let session = Session::new(path, Role::Server, 1152, false, Instant(0), 0);
            let id = sessions.insert(session).unwrap();
            sessions.remove(id);
            id
        };
        let (first, second) = (session(), session());
        assert_eq!(first.index(), second.index());
        let mut kept = BySession::default();
        kept.insert(first, 'a');
        kept.insert(second, 'b');
        assert_eq!((kept.get(first), kept.get(second)), (Some(&'a'), Some(&'b')));
        assert_eq!((kept.remove(first), kept.remove(first)), (Some('a'), None));
        assert_eq!(kept.get(first), None);
        assert_eq!(kept.remove(second), Some('b'));
    }
}
