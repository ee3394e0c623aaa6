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
}

/// All requests put aside in a context.
#[derive(Debug, Default)]
pub struct Asyncs {
    slab: Slab<Async>,
    by_token: HashMap<(SessionId, Token), AsyncId>,
    generation: u32,
}

impl Asyncs {
    /// Puts a request aside. `None` if one with its token is there already, or too many are.
    pub fn insert(&mut self, session: SessionId, request: Pdu) -> Option<AsyncId> {
        let key = (session, Token::new(request.token()));
        if self.slab.len() >= MAX_ASYNCS || self.by_token.contains_key(&key) {
            return None;
        }
        self.generation = self.generation.wrapping_add(1);
        let (generation, audience) = (self.generation, Audience::One);
        let index =
            self.slab.insert(Async { session, request, body: None, audience, deadline: None, generation })
                as u32;
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
