//! Delayed responses: requests that the application has put aside, to be handed out again when a
//! delay is over or when it says so.

use super::block::Shown;
use super::deadline::DeadlineKey;
use super::event::Audience;
use super::session::SessionId;
use crate::message::{Pdu, Token};
use hashbrown::HashMap;
use slab::Slab;

/// Names a request put aside. It goes stale when the request is done with.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct AsyncId {
    index: u32,
    generation: u32,
}

/// The most requests put aside in one context: each keeps a copy of what a peer sent.
pub const MAX_ASYNCS: usize = 1 << 16;

/// The most bytes of them, with the bodies that came in blocks.
pub const MAX_BYTES: usize = 128 << 20;

/// A request put aside.
#[derive(Debug)]
pub struct Async {
    /// Whose request.
    pub session: SessionId,
    /// A copy of it.
    pub request: Pdu,
    /// What to show of its body, if that came in blocks.
    pub body: Option<Box<Shown>>,
    /// Whom it was sent to.
    pub audience: Audience,
    /// When it is handed out again; `None` until the application says.
    pub deadline: Option<DeadlineKey>,
    generation: u32,
    /// What it takes, in bytes.
    cost: usize,
}

/// All requests put aside in a context.
#[derive(Debug, Default)]
pub struct Asyncs {
    slab: Slab<Async>,
    by_token: HashMap<(SessionId, Token), AsyncId>,
    generation: u32,
    bytes: usize,
}

impl Asyncs {
    /// Puts a copy of a request aside, and of its body if that came in blocks. `None` if one with its
    /// token is there already, or too many are, or too large ones.
    pub fn insert(&mut self, session: SessionId, request: &Pdu, body: Option<&Shown>) -> Option<AsyncId> {
        let key = (session, Token::new(request.token()));
        let cost = request.used_size() + body.map_or(0, Shown::size);
        let is_full = self.slab.len() >= MAX_ASYNCS || self.bytes + cost > MAX_BYTES;
        if is_full || self.by_token.contains_key(&key) {
            return None;
        }
        self.generation = self.generation.wrapping_add(1);
        self.bytes += cost;
        let generation = self.generation;
        let index = self.slab.insert(Async {
            session,
            request: request.clone(),
            body: body.cloned().map(Box::new),
            audience: Audience::One,
            deadline: None,
            generation,
            cost,
        }) as u32;
        let id = AsyncId { index, generation };
        self.by_token.insert(key, id);
        Some(id)
    }

    /// The request with this token.
    pub fn find(&self, session: SessionId, token: &[u8]) -> Option<AsyncId> {
        self.by_token.get(&(session, Token::new(token))).copied()
    }

    /// The request, unless it is done with.
    pub fn get_mut(&mut self, id: AsyncId) -> Option<&mut Async> {
        self.slab.get_mut(id.index as usize).filter(|a| a.generation == id.generation)
    }

    /// Is done with a request and hands it back.
    pub fn remove(&mut self, id: AsyncId) -> Option<Async> {
        self.get_mut(id)?;
        let entry = self.slab.try_remove(id.index as usize)?;
        self.bytes -= entry.cost;
        self.by_token.remove(&(entry.session, Token::new(entry.request.token())));
        Some(entry)
    }

    /// Those of one session.
    pub fn of_session(&self, session: SessionId) -> Vec<AsyncId> {
        self.slab
            .iter()
            .filter(|(_, a)| a.session == session)
            .map(|(index, a)| AsyncId { index: index as u32, generation: a.generation })
            .collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.slab.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.slab.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Code, Mid, Type};

    #[test]
    fn large_requests_are_put_aside_up_to_a_number_of_bytes() {
        let mut asyncs = Asyncs::default();
        let session = SessionId::for_test(0);
        let body = Shown::whole(vec![0; MAX_BYTES / 3]);
        let put = |asyncs: &mut Asyncs, token: u8| {
            let mut request = Pdu::new(Type::Confirmable, Code::FETCH, Mid(0), 100);
            request.set_token(&[token]).unwrap();
            asyncs.insert(session, &request, Some(&body))
        };
        let first = put(&mut asyncs, 0).unwrap();
        assert!(put(&mut asyncs, 1).is_some());
        assert!(put(&mut asyncs, 2).is_none());
        asyncs.remove(first);
        assert!(put(&mut asyncs, 3).is_some());
        assert!(put(&mut asyncs, 4).is_none());
    }
}
