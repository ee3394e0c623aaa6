//! The requests that a proxy has forwarded and whose responses it waits for.
//!
//! Each has two names: the client's token in the client's session, and a token of this side's own in
//! the session to the next server. Neither is ever taken for the other.

use super::super::deadline::DeadlineKey;
use super::super::event::Audience;
use super::super::session::SessionId;
use super::super::time::Instant;
use crate::message::{Code, Mid, Pdu, Token};
use crate::protocol::block::Shared;
use crate::protocol::engine::Handle;
use hashbrown::HashMap;
use slab::Slab;

/// The most requests of a context that wait for their response from another server: peers make them.
const MAX_RELAYS: usize = 1 << 16;

/// The same for one client. A proxy that asks this one is a client, with all of its own.
const MAX_OF_CLIENT: usize = 4096;

/// The most memory that they take, with the bodies that go upstream, in bytes.
const MAX_BYTES: usize = 256 << 20;

/// How many transfers in blocks of one client are kept in mind, to go on with the server that they
/// were begun with.
const MAX_TRANSFERS: usize = 8;

/// Names a forwarded request. It goes stale when that is done with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct RelayId {
    generation: u32,
    index: u32,
}

/// What becomes of a forwarded request when its deadline is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The client hears this.
    Fail(Code),
    /// The client wants no response any more: the next server is told so.
    Cancel,
}

/// A request that waits for the session upstream to be ready.
pub struct Held {
    /// The request.
    pub pdu: Pdu,
    /// Its body.
    pub body: Shared,
}

/// A forwarded request.
pub struct Relay {
    /// Who asks.
    pub client: SessionId,
    /// What was asked, without payload; its token is the client's.
    pub request: Pdu,
    /// Whom the client has sent it to.
    pub audience: Audience,
    /// Where it was forwarded to.
    pub upstream: SessionId,
    /// The token that it has there.
    pub token: Token,
    /// The message ID of its first message there.
    pub mid: Mid,
    /// It is an observation that has begun (RFC 7641).
    pub observes: bool,
    /// The message ID of the response that the client was sent last.
    pub notified: Option<Mid>,
    /// When the client last got a confirmable one.
    pub confirmed: Instant,
    /// What the application keeps with it.
    pub kept: Option<Handle>,
    /// When this is the outcome.
    pub deadline: Option<DeadlineKey>,
    /// What becomes of it then.
    pub outcome: Outcome,
    /// What is not sent yet.
    pub held: Option<Box<Held>>,
    /// What it takes, in bytes.
    pub cost: usize,
}

/// All forwarded requests of a context.
#[derive(Default)]
pub struct Relays {
    slab: Slab<(u32, Relay)>,
    by_upstream: HashMap<SessionId, HashMap<Token, RelayId>>,
    by_client: HashMap<SessionId, Vec<RelayId>>,
    transfers: HashMap<SessionId, Vec<(u64, SessionId)>>,
    generation: u32,
    bytes: usize,
}

impl Relays {
    /// Whether one more of a client, that takes so many bytes, would be one too many.
    pub fn is_full(&self, client: SessionId, cost: usize) -> bool {
        self.slab.len() >= MAX_RELAYS
            || self.bytes + cost > MAX_BYTES
            || self.by_client.get(&client).is_some_and(|all| all.len() >= MAX_OF_CLIENT)
    }

    /// Adds one. Its token must be unused in its session upstream.
    pub fn insert(&mut self, relay: Relay) -> RelayId {
        self.generation = self.generation.wrapping_add(1);
        let (client, upstream, token) = (relay.client, relay.upstream, relay.token.clone());
        self.bytes += relay.cost;
        let index = self.slab.insert((self.generation, relay)) as u32;
        let id = RelayId { index, generation: self.generation };
        self.by_client.entry(client).or_default().push(id);
        self.by_upstream.entry(upstream).or_default().insert(token, id);
        id
    }

    /// One that is not done with.
    pub fn get(&self, id: RelayId) -> Option<&Relay> {
        let (generation, relay) = self.slab.get(id.index as usize)?;
        (*generation == id.generation).then_some(relay)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, id: RelayId) -> Option<&mut Relay> {
        let (generation, relay) = self.slab.get_mut(id.index as usize)?;
        (*generation == id.generation).then_some(relay)
    }

    /// Is done with one.
    pub fn remove(&mut self, id: RelayId) -> Option<Relay> {
        self.get(id)?;
        let (_, relay) = self.slab.try_remove(id.index as usize)?;
        self.bytes -= relay.cost;
        if let Some(of_client) = self.by_client.get_mut(&relay.client) {
            of_client.retain(|other| *other != id);
            if of_client.is_empty() {
                self.by_client.remove(&relay.client);
            }
        }
        if let Some(of_upstream) = self.by_upstream.get_mut(&relay.upstream) {
            of_upstream.remove(&relay.token);
            if of_upstream.is_empty() {
                self.by_upstream.remove(&relay.upstream);
            }
        }
        Some(relay)
    }

    /// The one with this token in a session upstream.
    pub fn find(&self, upstream: SessionId, token: &[u8]) -> Option<RelayId> {
        self.by_upstream.get(&upstream)?.get(&Token::new(token)).copied()
    }

    /// The one whose first message had this ID in a session upstream.
    pub fn find_mid(&self, upstream: SessionId, mid: Mid) -> Option<RelayId> {
        self.of_upstream(upstream).find(|id| self.get(*id).is_some_and(|r| r.mid == mid))
    }

    /// Those that were forwarded over a session.
    pub fn of_upstream(&self, upstream: SessionId) -> impl Iterator<Item = RelayId> + '_ {
        self.by_upstream.get(&upstream).into_iter().flat_map(|all| all.values().copied())
    }

    /// Those of a client, the oldest first.
    pub fn of_client(&self, client: SessionId) -> impl Iterator<Item = RelayId> + '_ {
        self.by_client.get(&client).into_iter().flatten().copied()
    }

    /// The observation that a client has begun with this token.
    pub fn observed(&self, client: SessionId, token: &[u8]) -> Option<RelayId> {
        let is_it = |r: &Relay| r.observes && r.request.token() == token;
        self.of_client(client).find(|id| self.get(*id).is_some_and(is_it))
    }

    /// A block of a body went to this session; `about` tells the body from others of the client.
    pub fn begin_transfer(&mut self, client: SessionId, about: u64, upstream: SessionId) {
        let all = self.transfers.entry(client).or_default();
        all.retain(|(other, _)| *other != about);
        if all.len() >= MAX_TRANSFERS {
            all.remove(0);
        }
        all.push((about, upstream));
    }

    /// Where blocks of a body went before.
    pub fn transfer(&self, client: SessionId, about: u64) -> Option<SessionId> {
        let all = self.transfers.get(&client)?;
        all.iter().find(|(other, _)| *other == about).map(|(_, upstream)| *upstream)
    }

    /// A client has gone.
    pub fn forget_transfers(&mut self, client: SessionId) {
        self.transfers.remove(&client);
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
    use crate::message::Type;

    fn relay(client: u32, upstream: u32, token: u8, cost: usize) -> Relay {
        let mut request = Pdu::new(Type::Confirmable, Code::GET, Mid(0), 100);
        request.set_token(b"same").unwrap();
        Relay {
            client: SessionId::for_test(client),
            request,
            audience: Audience::One,
            upstream: SessionId::for_test(upstream),
            token: Token::new(&[token]),
            mid: Mid(token.into()),
            observes: false,
            notified: None,
            confirmed: Instant(0),
            kept: None,
            deadline: None,
            outcome: Outcome::Cancel,
            held: None,
            cost,
        }
    }

    #[test]
    fn each_is_found_by_its_own_token_upstream_and_not_after_it_is_done() {
        let mut all = Relays::default();
        let up = SessionId::for_test(9);
        let (a, b) = (all.insert(relay(1, 9, 7, 0)), all.insert(relay(2, 9, 8, 0)));
        assert_eq!((all.find(up, &[7]), all.find(up, &[8])), (Some(a), Some(b)));
        assert_eq!(all.find(SessionId::for_test(1), &[7]), None);
        assert_eq!(all.find_mid(up, Mid(8)), Some(b));
        assert_eq!(all.remove(a).map(|r| r.client), Some(SessionId::for_test(1)));
        let c = all.insert(relay(3, 9, 9, 0));
        assert!(all.get(a).is_none() && all.remove(a).is_none() && all.get(c).is_some());
        assert_eq!(all.find(up, &[7]), None);
        assert!(all.remove(b).is_some() && all.remove(c).is_some());
        assert!(all.is_empty() && all.by_client.is_empty() && all.by_upstream.is_empty() && all.bytes == 0);
    }

    #[test]
    fn there_are_limits_for_a_client_and_for_all() {
        let mut all = Relays::default();
        let client = SessionId::for_test(1);
        for n in 0..MAX_OF_CLIENT {
            assert!(!all.is_full(client, 1));
            all.insert(relay(1, n as u32, 0, 1));
        }
        assert!(all.is_full(client, 1) && !all.is_full(SessionId::for_test(2), 1));
        assert!(all.is_full(SessionId::for_test(2), MAX_BYTES));
        for n in MAX_OF_CLIENT..MAX_RELAYS {
            all.insert(relay(2 + n as u32 / 100, n as u32, 0, 1));
        }
        assert!(all.is_full(SessionId::for_test(1_000_000), 1));
    }

    #[test]
    fn a_client_has_a_few_transfers_in_mind() {
        let mut all = Relays::default();
        let client = SessionId::for_test(1);
        for n in 0..MAX_TRANSFERS as u64 + 1 {
            all.begin_transfer(client, n, SessionId::for_test(n as u32));
        }
        assert_eq!(all.transfer(client, 0), None);
        assert_eq!(all.transfer(client, 8), Some(SessionId::for_test(8)));
        all.begin_transfer(client, 8, SessionId::for_test(3));
        assert_eq!(all.transfer(client, 8), Some(SessionId::for_test(3)));
        all.forget_transfers(client);
        assert_eq!(all.transfer(client, 8), None);
    }
}
