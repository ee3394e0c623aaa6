//! Hosts on a network, and the clock that they share.

use super::{Conditions, Host, Network};
use crate::message::{Mid, Pdu};
use crate::protocol::session::{SessionId, Transport};
use crate::protocol::time::Instant;
use core::time::Duration;
use std::collections::BTreeMap;

/// More steps than any run needs; one that takes more goes round in circles.
const MAX_STEPS: usize = 100_000;

/// The same for steps at one point in time.
const MAX_STEPS_AT_ONCE: usize = 1_000;

/// When a world begins: not at 0, so that nothing depends on that.
pub(crate) const START: Instant = Instant(1_000_000);

type Action = Box<dyn FnOnce(&mut World)>;

/// Hosts, a network, a clock, and what the test wants done at which time.
pub(crate) struct World {
    /// What time it is.
    pub(crate) now: Instant,
    /// What lies between the hosts.
    pub(crate) network: Network,
    /// The hosts, by number.
    pub(crate) hosts: Vec<Host>,
    agenda: BTreeMap<(Instant, u64), Action>,
    serial: u64,
    seed: u64,
}

impl World {
    /// A world without hosts.
    pub(crate) fn new(seed: u64, conditions: Conditions) -> Self {
        World {
            now: START,
            network: Network::new(seed, conditions),
            hosts: Vec::new(),
            agenda: BTreeMap::new(),
            serial: 0,
            seed,
        }
    }

    /// Adds a host and gives its number.
    pub(crate) fn add_host(&mut self) -> usize {
        let number = self.hosts.len();
        self.hosts.push(Host::new(number as u8 + 1, self.seed ^ 0x5eed << 8 ^ number as u64));
        number
    }

    /// Opens a session from one host to another's endpoint.
    pub(crate) fn connect(&mut self, from: usize, to: usize) -> SessionId {
        let remote = self.hosts[to].address.clone();
        self.hosts[from].connect(self.now, &remote)
    }

    /// Makes a connection from one host to another's endpoint. Bytes arrive in pieces of at most so
    /// many, over a WebSocket a frame at a time.
    pub(crate) fn connect_over(
        &mut self,
        from: usize,
        to: usize,
        transport: Transport,
        piece: usize,
    ) -> SessionId {
        let remote = self.hosts[to].address.clone();
        let (id, local) = self.hosts[from].connect_over(self.now, &remote, transport);
        self.hosts[to].accept_from(self.now, &local, transport);
        self.network.join(&local, &remote, (!transport.is_websocket()).then_some(piece));
        [from, to].into_iter().for_each(|host| self.settle(host));
        id
    }

    /// Sends a message, which must be possible.
    pub(crate) fn send(&mut self, host: usize, session: SessionId, pdu: Pdu) -> Mid {
        let mid = self.hosts[host].engine.send(self.now, session, pdu).unwrap();
        self.settle(host);
        mid
    }

    /// Has something done when `delay` is over.
    pub(crate) fn after(&mut self, delay: Duration, action: impl FnOnce(&mut World) + 'static) {
        self.serial += 1;
        self.agenda.insert((self.now + delay, self.serial), Box::new(action));
    }

    /// Delivers a host's events and sends what it has to send; after calls of its engine.
    pub(crate) fn settle(&mut self, host: usize) {
        self.hosts[host].settle_into(self.now, &mut self.network);
    }

    /// When something happens next.
    fn next(&self) -> Option<Instant> {
        let agenda = self.agenda.first_key_value().map(|((at, _), _)| *at);
        let engines = self.hosts.iter().filter_map(|h| h.engine.poll_timeout()).min();
        [agenda, self.network.next_arrival(), engines].into_iter().flatten().min()
    }

    /// Runs until nothing is due any more on any host or on the way. Panics if that never comes.
    pub(crate) fn drive_bounded(&mut self) {
        self.drive_until(Instant(u64::MAX));
    }

    /// Runs for so long.
    pub(crate) fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        self.drive_until(end);
        self.now = end;
    }

    fn drive_until(&mut self, end: Instant) {
        let mut at_once = 0;
        for _ in 0..MAX_STEPS {
            let Some(next) = self.next().filter(|at| *at <= end) else { return };
            at_once = if next > self.now { 0 } else { at_once + 1 };
            assert!(at_once < MAX_STEPS_AT_ONCE, "time stands still at {:?}", self.now);
            self.now = self.now.max(next);
            self.step();
        }
        panic!("still busy at {:?} after {MAX_STEPS} steps", self.now);
    }

    fn step(&mut self) {
        let now = self.now;
        if let Some(entry) = self.agenda.first_entry().filter(|e| e.key().0 <= now) {
            let action = entry.remove();
            return action(self);
        }
        if let Some(hop) = self.network.poll_arrival(now) {
            for host in self.hosts.iter_mut().filter(|h| h.has_address(&hop.to)) {
                host.receive(now, &hop.from, &hop.to, &hop.bytes);
                host.settle_into(now, &mut self.network);
            }
            return;
        }
        for host in &mut self.hosts {
            if host.engine.poll_timeout().is_some_and(|at| at <= now) {
                host.engine.handle_timeout(now);
                let next = host.engine.poll_timeout();
                assert!(next.is_none_or(|at| at > now), "at {now:?} the engine is due at {next:?}");
                host.settle_into(now, &mut self.network);
            }
        }
    }
}

/// The number of the host that opened the session of a [`Pair`].
pub(crate) const CLIENT: usize = 0;

/// The number of the other one.
pub(crate) const SERVER: usize = 1;

/// A world of two, one of which has opened a session to the other.
pub(crate) struct Pair {
    /// The world.
    pub(crate) world: World,
    /// The client's session.
    pub(crate) session: SessionId,
}

impl Pair {
    /// The same seed and conditions give the same pair.
    pub(crate) fn new(seed: u64, conditions: Conditions) -> Self {
        let mut world = World::new(seed, conditions);
        assert_eq!((world.add_host(), world.add_host()), (CLIENT, SERVER));
        let session = world.connect(CLIENT, SERVER);
        Pair { world, session }
    }

    /// The client.
    pub(crate) fn client(&mut self) -> &mut Host {
        &mut self.world.hosts[CLIENT]
    }

    /// The server.
    pub(crate) fn server(&mut self) -> &mut Host {
        &mut self.world.hosts[SERVER]
    }

    /// The client lets go of its session; the rest is for time to settle. Then nothing may be
    /// left of anything.
    pub(crate) fn finish(&mut self) {
        let now = self.world.now;
        self.world.hosts[CLIENT].engine.release(now, self.session);
        self.world.settle(CLIENT);
        self.world.drive_bounded();
        // What was received is remembered for longer than anything else, and nobody waits for it.
        self.world.now = self.world.now + Duration::from_secs(3600);
        for (number, host) in self.world.hosts.iter_mut().enumerate() {
            host.engine.handle_timeout(self.world.now);
            assert_eq!(host.engine.census(), Default::default(), "left over on host {number}");
        }
    }
}
