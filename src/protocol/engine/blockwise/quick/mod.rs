//! Bodies in Q-Blocks (RFC 9177): who is asked whether it knows them ([`probe`]), requests that a client
//! follows ([`follow`]) and their bodies ([`upload`]), bodies of responses that come to it ([`download`]),
//! bodies that come to a server ([`gather`]) and that it sends ([`serve`]).
//!
//! A session uses Q-Block or Block (RFC 7959), as its peer can; an exchange never both.

mod download;
mod follow;
mod gather;
mod probe;
mod serve;
mod upload;

pub(super) use probe::fall_back;

use super::PerSession;
use crate::message::{Code, Mid, Number, Pdu, Token};
use crate::protocol::block::Mode;
use crate::protocol::block::quick::Support;
use crate::protocol::engine::{Engine, Timer};
use crate::protocol::session::SessionId;
use crate::protocol::time::Instant;
use core::time::Duration;
use hashbrown::HashMap;
use std::collections::VecDeque;

/// What a deadline is about.
#[derive(Clone, Copy, Debug)]
pub(in crate::protocol::engine) enum Name {
    /// A client's request.
    Followed(SessionId, u64),
    /// A body that comes to a server.
    Gathered(SessionId, u64),
    /// A body that a server sends.
    Sent(SessionId, u64),
}

/// All of a context.
#[derive(Default)]
pub(super) struct Bodies {
    probes: HashMap<SessionId, probe::Probe>,
    followed: PerSession<follow::Followed>,
    /// The tokens of the messages of what is followed.
    by_token: HashMap<(SessionId, Token), u64>,
    gathered: PerSession<gather::Gathered>,
    sent: PerSession<serve::Sent>,
}

impl Bodies {
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        let messages = self.probes.len() + self.by_token.len();
        messages + self.followed.len() + self.gathered.len() + self.sent.len()
    }
}

/// The IDs of the last messages of a body that are not kept, to know which body a Reset rejects.
#[derive(Clone, Debug, Default)]
struct Mids(VecDeque<Mid>);

/// How many of them are remembered.
const MAX_MIDS: usize = 64;

impl Mids {
    fn add(&mut self, mid: Mid) {
        if self.0.len() >= MAX_MIDS {
            self.0.pop_front();
        }
        self.0.push_back(mid);
    }

    fn has(&self, mid: Mid) -> bool {
        self.0.contains(&mid)
    }
}

fn has_quick(pdu: &Pdu) -> bool {
    pdu.options().any(|o| matches!(o.number, Number::Q_BLOCK1 | Number::Q_BLOCK2))
}

impl Engine {
    /// A request came. One with Q-Block shows that its peer knows it. `false` if it must be ignored:
    /// nobody answers such a request to a group (RFC 9177 §4.8).
    pub(in crate::protocol::engine) fn hear_of_quick(
        &mut self,
        id: SessionId,
        request: &Pdu,
        multicast: bool,
    ) -> bool {
        let tries = self.sessions.get(id).is_some_and(|s| s.tries_quick());
        if !tries || !has_quick(request) {
            return true;
        }
        if let Some(session) = self.sessions.get_mut(id).filter(|_| !multicast) {
            session.quick = Support::Known;
        }
        !multicast
    }

    /// A deadline has come.
    pub(super) fn quick_due(&mut self, now: Instant, name: Name) {
        match name {
            Name::Followed(id, serial) => self.followed_due(now, id, serial),
            Name::Gathered(id, serial) => self.gathered_due(now, id, serial),
            Name::Sent(id, serial) => self.sent_due(now, id, serial),
        }
    }

    fn quick_deadline(
        &mut self,
        now: Instant,
        after: Duration,
        name: Name,
    ) -> crate::protocol::deadline::DeadlineKey {
        self.deadlines.set(now + after, Timer::Body(super::Name::Quick(name)))
    }

    /// NON_TIMEOUT_RANDOM, drawn once for a body.
    fn draw_pause(&mut self, id: SessionId) -> Duration {
        let random = (self.random)() as u32;
        self.sessions.get(id).map_or(Duration::ZERO, |s| s.params().non_timeout_random(random))
    }

    /// A confirmable block was acknowledged: the next one may go.
    pub(in crate::protocol::engine) fn block_acknowledged(
        &mut self,
        now: Instant,
        id: SessionId,
        sent: &Pdu,
    ) {
        if sent.code().is_request() {
            if let Some(serial) = self.followed_by(id, sent.token()) {
                self.block_taken(now, id, serial);
            }
        } else if sent.option(Number::Q_BLOCK2).is_some() {
            self.sent_acknowledged(now, id, sent.token());
        }
    }

    /// A Reset came for a message that was not kept. If a body was on its way by it, that ends; the
    /// application is shown the request that it was of.
    pub(in crate::protocol::engine) fn block_rejected(
        &mut self,
        now: Instant,
        id: SessionId,
        mid: Mid,
    ) -> Option<Pdu> {
        self.sent_rejected(id, mid);
        self.gathered_rejected(id, mid);
        self.upload_rejected(now, id, mid)
    }

    /// A session ends.
    pub(super) fn forget_quick(&mut self, id: SessionId) {
        self.drop_probe(id);
        while let Some(serial) = self.bodies.quick.followed.newest(id) {
            self.drop_followed(self.turn_began, id, serial);
        }
        while let Some(serial) = self.bodies.quick.gathered.newest(id) {
            self.drop_gathered(id, serial);
        }
        while let Some(serial) = self.bodies.quick.sent.newest(id) {
            self.drop_sent(id, serial);
        }
    }

    /// A token for another message about the same.
    fn next_token(&mut self, id: SessionId) -> Option<Token> {
        let session = self.sessions.get_mut(id)?;
        loop {
            let token = session.new_token();
            // The application chooses tokens too.
            if !session.exchanges.expects(token.as_bytes()) {
                return Some(token);
            }
        }
    }

    /// Who does what in the block-wise transfers of a session.
    fn mode_of(&self, id: SessionId) -> Mode {
        self.sessions.get(id).map(|s| s.block_mode).unwrap_or_default()
    }
}

/// Whether a response lets the sender of a body go on.
fn is_continue(response: &Pdu) -> bool {
    response.code() == Code::CONTINUE
}
