//! Connecting again, for applications that ask for it: a session of this side whose connection is
//! lost gets another one, and what it observed is observed again.

use super::{Engine, Event, Timer};
use crate::message::Number;
use crate::protocol::session::{Path, Role, SessionId, State};
use crate::protocol::time::Instant;
use core::time::Duration;

/// How often the wait between two attempts is doubled.
const MAX_DOUBLINGS: u32 = 5;

impl Engine {
    /// A session of this side is of no use any more: it is connected again after a while, if the
    /// application wants that and has not given the session up.
    pub(super) fn reconnect_later(&mut self, now: Instant, id: SessionId) {
        let Some(interval) = self.config.reconnect else { return };
        let jitter = (self.random)();
        let Some(session) = self.sessions.get_mut(id).filter(|s| s.role == Role::Client && !s.is_left())
        else {
            return;
        };
        let Some(stream) = session.stream.as_deref_mut().filter(|s| s.is_lost && !s.is_given_up) else {
            return;
        };
        let wait = back_off(interval, stream.failures, jitter);
        stream.failures += 1;
        crate::log!(DEBUG, "***{session}: connecting again in {} ms", wait.as_millis());
        let deadline = self.deadlines.set(now + wait, Timer::Reconnect(id));
        if let Some(before) = self.stream_mut(id).and_then(|s| s.reconnect_deadline.replace(deadline)) {
            self.deadlines.cancel(before);
        }
    }

    /// It is time for another attempt.
    pub(super) fn reconnect_due(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        let remote = session.path.remote.clone();
        if let Some(stream) = session.stream.as_deref_mut() {
            stream.reconnect_deadline = None;
            self.events.push_back(Event::Reconnect { session: id, remote });
        }
    }

    /// A new connection of a session is being made, between these ends.
    pub fn handle_reconnecting(&mut self, id: SessionId, path: Path) -> bool {
        let Some(session) = self.sessions.get_mut(id).filter(|s| s.is_lost() && s.state == State::Closed)
        else {
            return false;
        };
        let lost = session.stream.take().unwrap_or_default();
        session.over_stream(session.transport);
        if let Some(stream) = session.stream.as_deref_mut() {
            (stream.failures, stream.host, stream.is_again) = (lost.failures, lost.host, true);
        }
        self.sessions.set_path(id, path)
    }

    /// The attempt failed at once.
    pub fn handle_not_reconnecting(&mut self, now: Instant, id: SessionId) {
        self.reconnect_later(now, id);
    }

    /// The session is ready once more: what it observed is asked for again, with the same tokens.
    pub(super) fn observe_anew(&mut self, now: Instant, id: SessionId) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        let Some(stream) = session.stream.as_deref_mut() else { return };
        stream.failures = 0;
        if !core::mem::take(&mut stream.is_again) {
            return;
        }
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
