//! Connecting again, for applications that ask for it: a session of this side whose connection is
//! lost gets another one, and what it observed is observed again.

use super::{Engine, Event, Timer};
use crate::message::Number;
use crate::protocol::deadline::DeadlineKey;
use crate::protocol::event::NackReason;
use crate::protocol::session::{Path, Role, SessionId, State, Transport};
use crate::protocol::time::Instant;
use core::time::Duration;

/// How often the wait between two attempts is doubled.
const MAX_DOUBLINGS: u32 = 5;

/// A session on its way back, from the loss of its connection until it is of use again.
#[derive(Debug, Default)]
pub(super) struct Return {
    /// Attempts since the session was of use.
    failures: u32,
    /// When the next one is made.
    deadline: Option<DeadlineKey>,
}

impl Engine {
    /// The connection of a session is lost: whether it gets another one, once the application has heard
    /// of that.
    pub(super) fn note_loss(&mut self, id: SessionId, reason: NackReason) {
        let is_ours = self.sessions.get(id).is_some_and(|s| s.role == Role::Client);
        match self.config.reconnect {
            // What the application has given up stays so.
            Some(_) if is_ours && !matches!(reason, NackReason::Given(_)) => {
                self.returns.entry(id).or_default();
            }
            _ => self.forget_return(id),
        }
    }

    /// A session that lost its connection stays without.
    pub fn forget_return(&mut self, id: SessionId) {
        if let Some(deadline) = self.returns.remove(&id).and_then(|r| r.deadline) {
            self.deadlines.cancel(deadline);
        }
    }

    /// The peer of a session has left a message unacknowledged. Where connections are made again, one over
    /// DTLS is taken for lost: a server that restarted knows nothing of it, and drops what comes over it.
    pub(super) fn doubt(&mut self, now: Instant, id: SessionId) {
        let session = self.sessions.get(id);
        let is_ours = session.is_some_and(|s| s.transport == Transport::Dtls && s.role == Role::Client);
        if is_ours && self.config.reconnect.is_some() {
            self.handle_unsecured(now, id, NackReason::NotDeliverable);
        }
    }

    /// A session that lost its connection is connected again after a while.
    pub(super) fn reconnect_later(&mut self, now: Instant, id: SessionId) {
        let Some(session) = self.sessions.get(id).filter(|s| !s.is_left() && s.is_lost()) else { return };
        let (Some(interval), Some(back)) = (self.config.reconnect, self.returns.get_mut(&id)) else { return };
        let wait = back_off(interval, back.failures, (self.random)());
        back.failures += 1;
        crate::log!(DEBUG, "***{session}: connecting again in {} ms", wait.as_millis());
        let deadline = self.deadlines.set(now + wait, Timer::Reconnect(id));
        if let Some(before) = back.deadline.replace(deadline) {
            self.deadlines.cancel(before);
        }
    }

    /// It is time for another attempt.
    pub(super) fn reconnect_due(&mut self, id: SessionId) {
        if let (Some(session), Some(back)) = (self.sessions.get(id), self.returns.get_mut(&id)) {
            back.deadline = None;
            self.events.push_back(Event::Reconnect { session: id, remote: session.path.remote.clone() });
        }
    }

    /// A new connection of a session is being made, between these ends.
    pub fn handle_reconnecting(&mut self, id: SessionId, path: Path) -> bool {
        let Some(session) = self.sessions.get_mut(id).filter(|s| s.is_lost() && s.state == State::Closed)
        else {
            return false;
        };
        match session.stream.take() {
            Some(lost) => {
                session.over_stream(session.transport);
                if let Some(stream) = session.stream.as_deref_mut() {
                    stream.host = lost.host;
                }
            }
            None => session.over_dtls(),
        }
        self.sessions.set_path(id, path)
    }

    /// The attempt failed at once.
    pub fn handle_not_reconnecting(&mut self, now: Instant, id: SessionId) {
        self.reconnect_later(now, id);
    }

    /// The session is ready once more: what it observed is asked for again, with the same tokens.
    pub(super) fn observe_anew(&mut self, now: Instant, id: SessionId) {
        if self.returns.remove(&id).is_none() {
            return;
        }
        let Some(session) = self.sessions.get(id) else { return };
        for request in session.exchanges.observed() {
            if request.option(Number::BLOCK1).is_some() {
                crate::log!(WARN, "an observation whose request came in blocks is not registered anew");
            } else if let Err(e) = self.send(now, id, request) {
                crate::log!(WARN, "an observation is not registered anew: {e}");
            }
        }
    }
}

/// The wait before an attempt: twice as long each time up to a limit, and up to half of that more
/// by chance, so that the clients of a server that restarts do not all come at once.
fn back_off(interval: Duration, failures: u32, jitter: u64) -> Duration {
    let wait = interval.saturating_mul(1 << failures.min(MAX_DOUBLINGS));
    wait + wait.mul_f64((jitter % 1024) as f64 / 2048.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_ever_further_apart_up_to_a_limit() {
        let wait = |failures, jitter| back_off(Duration::from_secs(2), failures, jitter).as_secs_f64();
        assert_eq!(
            [wait(0, 0), wait(1, 0), wait(4, 0), wait(5, 0), wait(60, 0)],
            [2.0, 4.0, 32.0, 64.0, 64.0]
        );
        assert!(wait(0, 1023) > 2.9 && wait(0, 1023) < 3.0);
    }
}
