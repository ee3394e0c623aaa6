//! The simulation itself: that it is as bad as it says, the same each time, and notices when
//! something goes round in circles.

use super::*;
use crate::address::Address;
use crate::message::{Code, Mid};
use crate::protocol::time::Instant;
use core::time::Duration;

fn ends() -> (Address, Address) {
    (Host::address_of(1, 1), Host::address_of(2, 2))
}

/// Numbers from 0 up, one each millisecond, in the order in which they arrive.
fn arrivals(seed: u64, conditions: Conditions, count: u32) -> Vec<u32> {
    let (from, to) = ends();
    let mut network = Network::new(seed, conditions);
    for n in 0..count {
        network.send(Instant(n.into()), &from, &to, &n.to_be_bytes());
    }
    let far = Instant(u64::MAX);
    core::iter::from_fn(|| network.poll_arrival(far))
        .map(|hop| u32::from_be_bytes(hop.bytes.try_into().unwrap()))
        .collect()
}

#[test]
fn a_perfect_network_delivers_everything_in_order_after_its_latency() {
    assert_eq!(arrivals(1, Conditions::PERFECT, 1000), (0..1000).collect::<Vec<_>>());
    let (from, to) = ends();
    let mut network = Network::new(1, Conditions::PERFECT);
    network.send(Instant(5), &from, &to, b"x");
    assert_eq!(network.next_arrival(), Some(Instant(15)));
    assert!(network.poll_arrival(Instant(14)).is_none());
    assert!(network.poll_arrival(Instant(15)).is_some());
}

#[test]
fn a_network_loses_repeats_and_reorders_as_much_as_it_says() {
    let count = |conditions| arrivals(1, conditions, 10_000);
    let lossy = count(Conditions { loss: 0.3, ..Conditions::PERFECT });
    assert!((6700..7300).contains(&lossy.len()));
    let bursts = count(Conditions { burst: 0.01, burst_length: 10, ..Conditions::PERFECT });
    let longest = bursts.windows(2).map(|w| w[1] - w[0] - 1).max().unwrap();
    assert!((5..=20).contains(&longest), "the longest burst takes {longest}");
    let twice = count(Conditions { duplication: 0.3, ..Conditions::PERFECT });
    assert!((12_700..13_300).contains(&twice.len()));
    let detour = Duration::from_millis(100);
    let mixed = count(Conditions { reordering: 0.3, detour, ..Conditions::PERFECT });
    let overtaken = mixed.windows(2).filter(|w| w[0] > w[1]).count();
    assert!((1500..5000).contains(&overtaken), "{overtaken} were overtaken");
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = |seed| {
        let mut pair = Pair::new(seed, Conditions::up_to(0.4, &mut fastrand::Rng::with_seed(3)));
        pair.server().serve("r", |turn| turn.reply(Code::CONTENT, b"r"));
        let session = pair.session;
        for _ in 0..5 {
            let request = pair.client().new_request(session, CON, Code::GET, "r");
            pair.world.send(CLIENT, session, request);
        }
        pair.world.drive_bounded();
        pair.finish();
        pair.world.network.journal.iter().map(Hop::to_string).collect::<Vec<_>>()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

/// Nothing gets through for a while, and then everything does.
#[test]
fn what_is_sent_while_the_network_is_away_arrives_when_it_is_back() {
    let mut pair = Pair::new(1, Conditions { loss: 1.0, ..Conditions::PERFECT });
    pair.server().serve("r", |turn| turn.reply(Code::CONTENT, b"r"));
    let session = pair.session;
    let request = pair.client().new_request(session, CON, Code::GET, "r");
    pair.world.send(CLIENT, session, request);
    pair.world.run_for(Duration::from_secs(20));
    assert!(pair.server().journal.is_empty());
    pair.world.network.set_conditions(Conditions::PERFECT);
    pair.world.run_for(Duration::from_secs(60));
    assert!(pair.client().journal.iter().any(|r| matches!(r.what, What::Response { .. })));
    pair.finish();
}

#[test]
#[should_panic(expected = "time stands still")]
fn a_world_that_does_not_move_on_is_noticed() {
    fn again(world: &mut World) {
        world.after(Duration::ZERO, again);
    }
    let mut world = World::new(1, Conditions::PERFECT);
    world.after(Duration::ZERO, again);
    world.drive_bounded();
}

#[test]
#[should_panic(expected = "still busy")]
fn a_world_that_never_comes_to_rest_is_noticed() {
    fn again(world: &mut World) {
        world.after(Duration::from_millis(1), again);
    }
    let mut world = World::new(1, Conditions::PERFECT);
    world.after(Duration::ZERO, again);
    world.drive_bounded();
}

#[test]
#[should_panic(expected = "the host sent")]
fn a_peer_notices_what_it_does_not_expect() {
    let mut peer = Peer::of_client();
    peer.request(NON, "r");
    peer.expect_silence();
}

#[test]
#[should_panic(expected = "left over")]
fn a_pair_notices_what_is_left_over() {
    let mut pair = Pair::new(1, Conditions::PERFECT);
    // Held once more than it is released.
    let session = pair.session;
    pair.client().engine.hold(session);
    pair.finish();
}

#[test]
fn a_datagram_is_shown_as_a_line_of_a_diagram() {
    let (from, to) = ends();
    let mut pdu = crate::message::Pdu::new(CON, Code::GET, Mid(7), 100);
    pdu.set_token(b"t").unwrap();
    let hop = Hop { at: Instant(12), from, to, bytes: pdu.encode_udp().to_vec(), copies: 0 };
    let line = hop.to_string();
    assert_eq!(line, "       12 ms  10.0.0.1:1 -> 10.0.0.2:2  Confirmable 0.01 mid=0007 token=[74]  lost");
}
