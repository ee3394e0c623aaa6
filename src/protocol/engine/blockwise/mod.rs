//! Bodies larger than a message (RFC 7959): which transfers are under way, on both sides and in
//! both directions.
//!
//! A client's requests are followed by their token ([`client`]). A server keeps bodies that it
//! sends ([`serve`]) and bodies that come in ([`collect`]) by session and cache key. All of them
//! end: with their last block, with their session, or when they were left alone for too long.

mod client;
mod collect;
mod echo;
mod members;
mod quick;
mod serve;
mod table;

pub(super) use collect::Collected;
#[cfg(test)]
pub(crate) use members::MAX_MEMBERS;
pub use serve::Representation;

use super::{Engine, Notice, Timer};
use crate::message::{Code, Number, Pdu, Token};
use crate::protocol::block::{Block, BodyError, Shared};
use crate::protocol::deadline::DeadlineKey;
use crate::protocol::session::SessionId;
use crate::protocol::time::Instant;
use core::hash::{BuildHasher, Hasher};
use core::time::Duration;
use hashbrown::HashMap;
use std::hash::RandomState;
use table::PerSession;

/// The largest body that is put together here, in bytes.
pub(super) const MAX_BODY: usize = 64 << 20;

/// The most memory that all unfinished bodies that come to a server take, in bytes.
const MAX_COMING: usize = 256 << 20;

/// What a deadline is about.
#[derive(Clone, Debug)]
pub(super) enum Name {
    /// A client's request, by its token.
    Asked(SessionId, Token),
    /// A body that a server sends.
    Served(SessionId, u64),
    /// A body that comes to a server.
    Coming(SessionId, u64),
    /// What is followed in Q-Blocks.
    Quick(quick::Name),
}

/// All bodies of a context that are under way.
pub(super) struct Bodies {
    asked: HashMap<SessionId, HashMap<Token, client::Asked>>,
    served: PerSession<serve::Served>,
    coming: PerSession<collect::Coming>,
    /// The memory that `coming` takes, and the most that it may, in bytes.
    coming_cost: usize,
    most_coming: usize,
    /// To be dropped where the application may run.
    released: Vec<Shared>,
    next_etag: u64,
    hasher: RandomState,
    quick: quick::Bodies,
}

impl Default for Bodies {
    fn default() -> Self {
        Bodies {
            asked: HashMap::new(),
            served: PerSession::default(),
            coming: PerSession::default(),
            coming_cost: 0,
            most_coming: MAX_COMING,
            released: Vec::new(),
            next_etag: 0,
            hasher: RandomState::new(),
            quick: quick::Bodies::default(),
        }
    }
}

impl Bodies {
    pub(super) fn has_released(&self) -> bool {
        !self.released.is_empty()
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> Count {
        Count {
            asked: self.asked.values().map(HashMap::len).sum(),
            served: self.served.len(),
            coming: self.coming.len(),
            cost: self.coming_cost,
            released: self.released.len(),
            quick: self.quick.count(),
        }
    }

    pub(super) fn pop_released(&mut self) -> Option<Shared> {
        (!self.released.is_empty()).then(|| self.released.remove(0))
    }
}

/// How many bodies there are, for tests.
#[cfg(test)]
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Count {
    pub(crate) asked: usize,
    pub(crate) served: usize,
    pub(crate) coming: usize,
    pub(crate) cost: usize,
    pub(crate) released: usize,
    pub(crate) quick: usize,
}

/// What makes two requests be about the same body: method, session and all options that are part
/// of a cache key, Request-Tag included (RFC 9175 §3.3), but for the blocks they ask for.
///
/// It is looked at with each block, so it is a keyed digest of 64 bits and no cache key: that costs
/// a tenth. It is compared within a session only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct About {
    method: Code,
    options: u64,
}

impl Bodies {
    fn about(&self, request: &Pdu) -> About {
        let mut digest = self.hasher.build_hasher();
        for option in request.options().filter(|o| is_part_of_key(o.number)) {
            digest.write_u16(option.number.0);
            digest.write_usize(option.value.len());
            digest.write(option.value);
        }
        About { method: request.code(), options: digest.finish() }
    }
}

impl Bodies {
    /// A name for the body that a request is about, the same for each of its blocks.
    pub(super) fn name_of(&self, request: &Pdu) -> u64 {
        let About { method, options } = self.about(request);
        options ^ u64::from(method.0)
    }

    /// The tokens that messages about a request have had, where the application knows it by this one.
    pub(super) fn tokens_of(&self, session: SessionId, shown: &[u8]) -> Vec<Token> {
        let all = self.asked.get(&session).into_iter().flatten();
        all.filter(|(_, asked)| asked.is_shown_as(shown)).map(|(token, _)| token.clone()).collect()
    }

    /// Whether blocks of a body are being sent or fetched for a request: that ends by itself.
    pub(super) fn is_moving(&self, session: SessionId, shown: &[u8]) -> bool {
        let mut all = self.asked.get(&session).into_iter().flat_map(|all| all.values());
        all.any(|asked| asked.is_shown_as(shown) && asked.is_moving())
    }

    /// The token by which the application knows the request that a message with this one was about.
    pub(super) fn shown_token(&self, session: SessionId, token: &[u8]) -> Option<Token> {
        Some(self.asked.get(&session)?.get(&Token::new(token))?.shown().clone())
    }
}

fn is_part_of_key(number: Number) -> bool {
    let is_of_block = matches!(number, Number::BLOCK1 | Number::BLOCK2 | Number::Q_BLOCK1 | Number::Q_BLOCK2);
    !number.is_no_cache_key() && number != Number::OBSERVE && !is_of_block
}

impl Engine {
    /// Sets how much memory the bodies that come in may take, for tests that reach the limit.
    #[cfg(test)]
    pub(crate) fn limit_bodies(&mut self, most: usize) {
        self.bodies.most_coming = most;
    }

    /// A Block option of a message that came over a session.
    pub(super) fn block_of(
        &self,
        id: SessionId,
        pdu: &Pdu,
        number: Number,
    ) -> Result<Option<Block>, BodyError> {
        self.sessions.get(id).map_or(Ok(None), |session| session.block_of(pdu, number))
    }

    /// Sets or moves the deadline of a body.
    fn keep_until(
        &mut self,
        before: Option<DeadlineKey>,
        now: Instant,
        after: Duration,
        name: Name,
    ) -> DeadlineKey {
        if let Some(key) = before {
            self.deadlines.cancel(key);
        }
        self.deadlines.set(now + after, Timer::Body(name))
    }

    /// A body was left alone for too long.
    pub(super) fn body_expired(&mut self, now: Instant, name: Name) {
        match name {
            Name::Quick(name) => self.quick_due(now, name),
            Name::Asked(session, token) => self.asked_expired(session, &token),
            Name::Served(session, serial) => self.served_expired(session, serial),
            Name::Coming(session, serial) => {
                if self.drop_coming(session, serial) {
                    self.notice(session, Notice::PartialBody);
                }
            }
        }
    }

    /// A session ends, and with it its bodies.
    pub(super) fn forget_bodies(&mut self, session: SessionId) {
        self.forget_quick(session);
        for (_, asked) in self.bodies.asked.remove(&session).into_iter().flatten() {
            self.let_go(asked);
        }
        while let Some(serial) = self.bodies.served.newest(session) {
            self.drop_served(session, serial);
        }
        while let Some(serial) = self.bodies.coming.newest(session) {
            self.drop_coming(session, serial);
        }
    }
}
