//! Limits that a peer can reach (README), where no other test reaches them: what is there goes on,
//! and what is too much gets its answer.

use super::blockwise::{SINGLE, block, server};
use crate::address::Address;
use crate::message::{Code, Number};
use crate::protocol::asynchronous::MAX_ASYNCS;
use crate::protocol::observe::{MAX_OBSERVERS, MAX_PER_SESSION};
use crate::protocol::simulation::{ACK, CON, Host, NON, Peer};
use core::time::Duration;

/// The nth peer of a host.
fn address_of(n: usize) -> Address {
    Host::address_of(3 + (n >> 14) as u8, 1024 + (n & 0x3fff) as u16)
}

/// How many bodies are kept in a context.
const MAX_SERVED: usize = 4096;

/// Bodies that nobody fetches: those of a session make room, and where there are too many sessions
/// the handler is asked for each block.
#[test]
fn bodies_that_are_never_fetched_are_kept_up_to_a_limit_and_for_a_time() {
    let mut peer = server(SINGLE, 100);
    let first = |peer: &mut Peer, n: usize| {
        peer.address = address_of(n / 32);
        peer.send(NON, Code::GET, &n.to_be_bytes(), n as u16)
            .path("r")
            .option(Number::URI_QUERY, &n.to_be_bytes())
            .option(Number::BLOCK2, &block(0, false, 0))
            .go();
        assert_eq!(peer.next_message().payload().map(<[u8]>::len), Some(16));
    };
    (0..MAX_SERVED + 64).for_each(|n| first(&mut peer, n));
    assert_eq!(peer.host.engine.census().bodies.served, MAX_SERVED);
    let handled = peer.seen().len();
    let last = MAX_SERVED + 63;
    peer.send(NON, Code::GET, b"t", 0xffff)
        .path("r")
        .option(Number::URI_QUERY, &last.to_be_bytes())
        .option(Number::BLOCK2, &block(6, false, 0))
        .go();
    assert_eq!(peer.next_message().payload().map(<[u8]>::len), Some(4));
    assert_eq!((handled, peer.seen().len()), (last + 1, 1));
    peer.wait(Duration::from_secs(100));
    assert_eq!(peer.host.engine.census().bodies, Default::default());
    peer.seen();
    peer.finish();
}

#[test]
fn requests_put_aside_without_end_are_refused_from_a_number_on() {
    let mut peer = Peer::of_server();
    peer.host.serve("later", |turn| {
        if turn.put_aside(None).is_none() {
            turn.reply(Code::SERVICE_UNAVAILABLE, b"");
        }
    });
    for n in 0..=MAX_ASYNCS {
        peer.address = address_of(n >> 12);
        peer.send(NON, Code::GET, &n.to_be_bytes(), n as u16).path("later").go();
        if n < MAX_ASYNCS {
            peer.expect_silence();
        }
        peer.host.journal.clear();
    }
    assert_eq!(peer.next_message().code(), Code::SERVICE_UNAVAILABLE);
    assert_eq!(peer.host.engine.census().asyncs, MAX_ASYNCS);
}

#[test]
fn observers_of_many_sessions_are_answered_without_observe_from_a_number_on() {
    let mut peer = Peer::of_server();
    let id = peer.host.serve("r", |turn| turn.reply(Code::CONTENT, b""));
    peer.host.engine.resources.get(id).unwrap().resource.set_observable(true);
    for n in 0..=MAX_OBSERVERS {
        peer.address = address_of(n / (MAX_PER_SESSION as usize));
        peer.send(NON, Code::GET, &n.to_be_bytes(), n as u16)
            .option(Number::OBSERVE, &[])
            .path("r")
            .option(Number::URI_QUERY, &n.to_be_bytes())
            .go();
        let observed = peer.next_message().option(Number::OBSERVE).is_some();
        assert_eq!(observed, n < MAX_OBSERVERS);
        peer.host.journal.clear();
    }
    assert_eq!(peer.host.engine.census().observers, MAX_OBSERVERS);
}

/// Each request has a confirmable response that is never acknowledged.
#[test]
fn responses_to_a_peer_that_acknowledges_nothing_wait_up_to_a_number() {
    let mut peer = Peer::of_server();
    peer.host.serve("later", |turn| {
        if turn.is_delayed() {
            turn.reply(Code::CONTENT, b"");
        } else {
            turn.put_aside(Some(Duration::from_millis(1)));
        }
    });
    for n in 0..1500u16 {
        peer.send(CON, Code::GET, &n.to_be_bytes(), n).path("later").go();
    }
    peer.wait(Duration::from_millis(10));
    let census = peer.host.engine.census();
    assert_eq!((census.asyncs, census.outstanding, census.waiting), (0, 1, 1024));
}

/// Block numbers at and behind the end of what can be numbered, asked for one after the other.
#[test]
fn absurd_block_numbers_cost_nothing() {
    let mut peer = server(SINGLE, 2000);
    for (n, num) in (0..200u16).zip((0..0x10_0000u32).rev().step_by(5003)) {
        peer.send(CON, Code::GET, b"t", n).path("r").option(Number::BLOCK2, &block(num, false, 6)).go();
        peer.expect(ACK, Code::BAD_REQUEST, b"t", n);
        peer.send(CON, Code::PUT, b"t", 0x8000 + n)
            .path("r")
            .option(Number::BLOCK1, &block(num, true, 0))
            .payload(&[7; 16])
            .go();
        let answer = peer.next_message().code();
        assert_eq!(answer, Code::CONTINUE);
    }
    let bodies = peer.host.engine.census().bodies;
    assert!(bodies.coming == 1 && bodies.cost < 200 * 128, "{bodies:?}");
    peer.wait(Duration::from_secs(100));
    assert_eq!(peer.host.engine.census().bodies, Default::default());
    peer.seen();
    peer.finish();
}
