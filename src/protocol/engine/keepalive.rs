//! Asking silent peers whether they are there (RFC 7252 §4.3).

use super::{Engine, Notice, Timer};
use crate::message::{Code, Mid, Type};
use crate::protocol::event::NackReason;
use crate::protocol::session::{Role, SessionId, State};
use crate::protocol::time::Instant;
use core::time::Duration;

impl Engine {
    /// Has each session of this side, now and to come, ping its peer when nothing went over it for
    /// so long; zero stands for never.
    pub fn set_keepalive(&mut self, now: Instant, interval: Duration) {
        self.keepalive.set_interval(interval);
        let opened = self.sessions.iter().filter(|(_, s)| s.role == Role::Client);
        let opened: Vec<_> = opened.map(|(id, _)| id).collect();
        for id in opened {
            self.stop_watching(id);
            self.watch_silence(now, id);
        }
    }

    /// Sets the timer of a session, if sessions are to have one.
    pub(super) fn watch_silence(&mut self, now: Instant, id: SessionId) {
        // A group cannot be asked: nobody may answer for it (RFC 7252 §8.1).
        let is_group = self.sessions.get(id).is_some_and(|s| s.sends_to_group);
        if let Some(interval) = self.keepalive.interval().filter(|_| !is_group) {
            self.watch_until(now + interval, id);
        }
    }

    fn watch_until(&mut self, at: Instant, id: SessionId) {
        let deadline = self.deadlines.set(at, Timer::Silence(id));
        if let Some(before) = self.keepalive.watch(id, deadline) {
            self.deadlines.cancel(before);
        }
    }

    /// The session is not watched any more.
    pub(super) fn stop_watching(&mut self, id: SessionId) {
        if let Some(deadline) = self.keepalive.forget(id) {
            self.deadlines.cancel(deadline);
        }
    }

    /// Pings the peer if the session was silent for long enough; else looks again when it may be.
    pub(super) fn silence_due(&mut self, now: Instant, id: SessionId) {
        let session = self.sessions.get_mut(id).filter(|s| !s.is_left());
        let (Some(session), Some(interval)) = (session, self.keepalive.interval()) else {
            return self.stop_watching(id);
        };
        let mut next = session.last_used + interval;
        if next <= now {
            next = now + interval;
            // What is under way finds out by itself whether the peer is there.
            if session.transport.is_reliable() {
                self.ping_stream(now, id, interval);
            } else if session.outstanding.is_empty() && session.state == State::Established {
                let mid = session.new_mid();
                self.keepalive.pinged(id, mid);
                let ping = self.blank(Type::Confirmable, Code::EMPTY, mid, 0);
                if let Err(e) = self.send(now, id, ping) {
                    crate::log!(WARN, "keep-alive ping is not sent: {e}");
                }
            }
        }
        self.watch_until(next, id);
    }

    /// Pings the peer of a session over a stream (RFC 8323 §5.4), which has an interval to answer.
    fn ping_stream(&mut self, now: Instant, id: SessionId, interval: Duration) {
        if self.sessions.get(id).is_none_or(|s| s.state != State::Established) {
            return;
        }
        let ping = self.blank(Type::Confirmable, Code::PING, Mid(0), 0);
        if let Err(e) = self.send(now, id, ping) {
            crate::log!(WARN, "keep-alive ping is not sent: {e}");
        }
        if self.stream_mut(id).is_some_and(|s| s.pong_deadline.is_none()) {
            let deadline = self.deadlines.set(now + interval, Timer::Pong(id));
            if let Some(stream) = self.stream_mut(id) {
                stream.pong_deadline = Some(deadline);
            }
        }
    }

    /// The peer has answered a Ping.
    pub(super) fn pong_came(&mut self, id: SessionId) {
        if let Some(deadline) = self.stream_mut(id).and_then(|s| s.pong_deadline.take()) {
            self.deadlines.cancel(deadline);
        }
    }

    /// It has not. The application is told each time; if it wants lost connections to be made
    /// again, this one is given up.
    pub(super) fn pong_overdue(&mut self, now: Instant, id: SessionId) {
        let interval = self.keepalive.interval().filter(|_| self.config.reconnect.is_none());
        let next = interval.map(|interval| self.deadlines.set(now + interval, Timer::Pong(id)));
        match self.stream_mut(id) {
            Some(stream) => stream.pong_deadline = next,
            None => return,
        }
        self.notice(id, Notice::KeepAliveFailed);
        if self.config.reconnect.is_some() {
            self.handle_lost(now, id, NackReason::NotDeliverable);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Address;
    use crate::protocol::engine::Datagram;
    use crate::protocol::event::Event;
    use crate::protocol::session::{Path, SocketId};

    fn client(interval: u64) -> (Engine, SessionId) {
        let mut engine = Engine::new(Box::new(|| 0));
        engine.set_keepalive(Instant(0), Duration::from_secs(interval));
        let address = |port| Address::Ip(([127, 0, 0, 1], port).into());
        let path = Path { socket: SocketId(0), local: address(1), remote: address(2), ifindex: 0 };
        let id = engine.open(Instant(0), path).unwrap();
        engine.hold(id);
        (engine, id)
    }

    /// Lets the clock run and gives when what was sent, in seconds, and what there is to hear.
    fn run(engine: &mut Engine, until: u64) -> (Vec<(u64, Vec<u8>)>, Vec<Event>) {
        let (mut sent, mut heard) = (Vec::new(), Vec::new());
        while let Some(at) = engine.poll_timeout().filter(|at| *at <= Instant(until * 1000)) {
            engine.handle_timeout(at);
            heard.extend(core::iter::from_fn(|| engine.poll_event()));
            sent.extend(engine.transmits().iter().map(|t| (at.0 / 1000, t.bytes.to_vec())));
            engine.transmits().clear();
        }
        (sent, heard)
    }

    fn sent(engine: &mut Engine, until: u64) -> Vec<(u64, Vec<u8>)> {
        run(engine, until).0
    }

    #[test]
    fn a_reset_answers_a_keep_alive_ping_and_the_next_comes_an_interval_later() {
        let (mut engine, id) = client(30);
        for turn in 1..=3 {
            let pings = sent(&mut engine, turn * 30);
            let [(at, ping)] = &pings[..] else { panic!("one ping, not {pings:?}") };
            assert_eq!((*at, ping[0], ping[1]), (turn * 30, 0x40, 0));
            let reset = [0x70, 0, ping[2], ping[3]];
            engine.handle_datagram(Instant(at * 1000), id, Datagram { bytes: &reset, multicast: false });
            assert!(matches!(engine.poll_event(), Some(Event::Pong { .. })));
            assert!(engine.poll_event().is_none());
        }
    }

    #[test]
    fn traffic_puts_the_ping_off() {
        let (mut engine, id) = client(30);
        let something = [0x50, 0, 0, 0];
        engine.handle_datagram(Instant(20_000), id, Datagram { bytes: &something, multicast: false });
        assert_eq!(sent(&mut engine, 49), []);
        assert_eq!(sent(&mut engine, 50).len(), 1);
    }

    #[test]
    fn a_ping_without_answer_is_a_nack_and_then_a_failure_and_is_repeated_at_most_an_interval_apart() {
        let (mut engine, _) = client(5);
        let times: Vec<_> = sent(&mut engine, 25).into_iter().map(|(at, _)| at).collect();
        assert_eq!(times, [5, 7, 11, 16, 21]);
        let (pings, events) = run(&mut engine, 26);
        assert!(pings.len() == 1, "given up, and the next ping");
        let [.., Event::Nack { reason, .. }, Event::Notice { notice, .. }] = &events[..] else {
            panic!("{events:?}")
        };
        assert_eq!((*reason, *notice), (NackReason::TooManyRetries, Notice::KeepAliveFailed));
    }

    #[test]
    fn nothing_is_left_when_it_is_turned_off() {
        let (mut engine, _) = client(5);
        engine.set_keepalive(Instant(1000), Duration::ZERO);
        assert_eq!(engine.poll_timeout(), None);
    }

    #[test]
    fn a_shorter_interval_holds_at_once() {
        let (mut engine, _) = client(3600);
        engine.set_keepalive(Instant(1000), Duration::from_secs(5));
        assert_eq!(sent(&mut engine, 6).len(), 1);
    }
}
