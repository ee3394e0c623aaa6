//! Handshakes over a network that loses, repeats and reorders, in virtual time.

use super::authority::{Holder, memory};
use super::pki::{VERIFY, pki};
use super::*;
use crate::address::Address;
use crate::protocol::simulation::{Conditions, Network, Replay, run_seeds};
use crate::protocol::time::Instant;
use crate::tls::{Checks, Failure, Keys};
use core::time::Duration;

/// For so long the network may be bad. Then it is perfect, and whoever has not given up must get through.
const BAD: Duration = Duration::from_secs(100);

/// After that nothing happens any more.
const END: Duration = Duration::from_secs(400);

/// A client and a server with a network between them.
struct World {
    network: Network,
    now: Instant,
    pair: Pair,
    client: Address,
    server: Address,
    conditions: Conditions,
    /// The most bytes that a datagram had.
    largest: usize,
}

impl World {
    fn new(seed: u64, connector: &Arc<dyn Connector>, acceptor: &Arc<dyn Acceptor>, mtu: usize) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let conditions = Conditions {
            latency: Duration::from_millis(rng.u64(0..100)),
            jitter: Duration::from_millis(rng.u64(0..300)),
            burst: 0.0,
            loss: rng.f64() * 0.3,
            duplication: rng.f64() * 0.3,
            reordering: rng.f64() * 0.3,
            detour: Duration::from_millis(rng.u64(0..4000)),
            ..Conditions::PERFECT
        };
        let address = |text: &str| Address::Ip(text.parse().unwrap());
        let now = Instant(1000);
        clock::set(now);
        World {
            network: Network::new(seed, conditions.clone()),
            conditions,
            now,
            pair: Pair::new(connector, acceptor, Carrier::Datagrams { mtu }),
            client: address("192.0.2.1:1234"),
            server: address("192.0.2.2:5684"),
            largest: 0,
        }
    }

    fn send(&mut self) {
        for (end, from, to) in [
            (&mut self.pair.client, &self.client, &self.server),
            (&mut self.pair.server, &self.server, &self.client),
        ] {
            for datagram in end.sent() {
                self.largest = self.largest.max(datagram.len());
                self.network.send(self.now, from, to, &datagram);
            }
        }
    }

    /// Until nothing is on its way and nobody waits.
    fn run(&mut self, mtu: usize) {
        self.pair.client.advance();
        loop {
            self.send();
            let due = |end: &End| end.connection.as_ref()?.timeout().map(|wait| self.now + wait);
            let next = [self.network.next_arrival(), due(&self.pair.client), due(&self.pair.server)];
            let Some(next) = next.into_iter().flatten().min() else { return };
            if next > Instant(1000) + END {
                return;
            }
            if next > Instant(1000) + BAD {
                self.network.set_conditions(Conditions::PERFECT);
            }
            self.now = self.now.max(next);
            clock::set(self.now);
            while let Some(hop) = self.network.poll_arrival(self.now) {
                if hop.to == self.client {
                    self.pair.client.get().receive(&hop.bytes);
                    self.pair.client.advance();
                } else {
                    self.pair.server.inbox.push_back(hop.bytes);
                    self.pair.deliver_to_server(mtu);
                }
                self.send();
            }
            for end in [&mut self.pair.client, &mut self.pair.server] {
                if let Some(connection) = &mut end.connection
                    && connection.timeout() == Some(Duration::ZERO)
                {
                    connection.handle_timeout();
                    end.advance();
                }
            }
        }
    }
}

fn complete(connector: &Arc<dyn Connector>, acceptor: &Arc<dyn Acceptor>, mtu: usize) {
    run_seeds(100, |seed, is_traced| {
        let mut world = World::new(seed, connector, acceptor, mtu);
        world.network.is_traced = is_traced;
        let _replay = Replay { seed, scenario: world.conditions.clone() };
        world.run(mtu);
        assert_eq!(world.pair.client.happened, [Happened::Connected]);
        assert_eq!(world.pair.server.happened, [Happened::Connected]);
        assert!(world.largest <= mtu, "{} bytes", world.largest);
        world.pair.talk();
    });
}

#[test]
fn handshakes_with_keys_complete() {
    complete(&psk_connector(client_psk("me", "key")), &psk_acceptor(server_psk("me", "key")), MTU);
}

#[test]
fn handshakes_with_a_certificate_complete() {
    let root = Holder::root("root");
    let keys = Keys { ca: Some(memory(&root.pem())), ..Keys::default() };
    let acceptor = pki_acceptor(pki(root.end("server").keys(None, &[]), Checks::default()));
    complete(&pki_connector(pki(keys, VERIFY)), &acceptor, MTU);
}

#[test]
fn handshakes_with_certificates_in_many_small_fragments_complete() {
    let root = Holder::root("root");
    let sub = root.sub("sub");
    let connector = pki_connector(pki(sub.end("client").keys(Some(&root), &[&sub]), VERIFY));
    let acceptor = pki_acceptor(pki(sub.end("server").keys(Some(&root), &[&sub]), VERIFY));
    complete(&connector, &acceptor, 300);
}

#[test]
fn unequal_keys_never_complete() {
    let (connector, acceptor) =
        (psk_connector(client_psk("me", "wrong")), psk_acceptor(server_psk("me", "key")));
    run_seeds(20, |seed, is_traced| {
        let mut world = World::new(seed, &connector, &acceptor, MTU);
        world.network.is_traced = is_traced;
        let _replay = Replay { seed, scenario: world.conditions.clone() };
        world.run(MTU);
        for end in [&world.pair.client, &world.pair.server] {
            assert!(end.happened.iter().all(|h| *h == Happened::Failed(Failure::Here)), "{:?}", end.happened);
        }
    });
}
