//! Messages that come twice (RFC 7252 §4.5).

use crate::message::{Code, Number};
use crate::protocol::simulation::{ACK, CON, NON, Peer, RST, Seen};
use core::time::Duration;
use std::cell::Cell;
use std::rc::Rc;

/// The peer of a server whose handler says how often it was called before.
fn counting() -> (Peer, Rc<Cell<u8>>) {
    let mut peer = Peer::of_server();
    let calls = Rc::new(Cell::new(0u8));
    let counter = Rc::clone(&calls);
    peer.host.serve("count", move |turn| {
        turn.reply(Code::CONTENT, &[counter.get()]);
        counter.set(counter.get() + 1);
    });
    (peer, calls)
}

/// ```text
///   host                         peer
///    |   CON GET mid=1 token=t    |
///    |<---------------------------|
///    | ACK 2.05 mid=1 token=t     |
///    |-----------------X          |
///    |   CON GET mid=1 token=t    |
///    |<---------------------------|
///    | ACK 2.05 mid=1 token=t     |   the same once more; the handler is not called
///    |--------------------------->|
/// ```
#[test]
fn a_repeated_request_gets_the_stored_answer_and_the_handler_is_not_called() {
    let (mut peer, calls) = counting();
    for _ in 0..3 {
        peer.send(CON, Code::GET, b"t", 1).path("count").go();
        peer.expect(ACK, Code::CONTENT, b"t", 1).payload(&[0]);
        peer.wait(Duration::from_secs(80));
    }
    assert_eq!(calls.get(), 1);
    peer.finish();
}

#[test]
fn after_exchange_lifetime_a_message_id_stands_for_a_new_message() {
    let (mut peer, calls) = counting();
    peer.send(CON, Code::GET, b"t", 1).path("count").go();
    peer.expect(ACK, Code::CONTENT, b"t", 1).payload(&[0]);
    peer.wait(Duration::from_millis(246_999));
    peer.send(CON, Code::GET, b"t", 1).path("count").go();
    peer.expect(ACK, Code::CONTENT, b"t", 1).payload(&[0]);
    peer.wait(Duration::from_millis(1));
    peer.send(CON, Code::GET, b"t", 1).path("count").go();
    peer.expect(ACK, Code::CONTENT, b"t", 1).payload(&[1]);
    assert_eq!(calls.get(), 2);
    peer.finish();
}

#[test]
fn a_repeated_non_confirmable_request_is_silently_ignored_for_non_lifetime() {
    let (mut peer, calls) = counting();
    peer.send(NON, Code::GET, b"t", 1).path("count").go();
    peer.expect_new(NON, Code::CONTENT, b"t");
    peer.wait(Duration::from_millis(144_999));
    peer.send(NON, Code::GET, b"t", 1).path("count").go();
    peer.expect_silence();
    peer.wait(Duration::from_millis(1));
    peer.send(NON, Code::GET, b"t", 1).path("count").go();
    peer.expect_new(NON, Code::CONTENT, b"t");
    assert_eq!(calls.get(), 2);
    peer.finish();
}

/// ```text
///   host                         peer
///    |   CON GET mid=1 token=t    |
///    |<---------------------------|
///    | ACK 0.00 mid=1             |   the handler puts the request aside
///    |-----------------X          |
///    |   CON GET mid=1 token=t    |
///    |<---------------------------|
///    | ACK 0.00 mid=1             |
///    |--------------------------->|
///    | CON 2.05 mid=2 token=t     |   the delay is over
///    |--------------------------->|
///    |   ACK 0.00 mid=2           |
///    |<---------------------------|
/// ```
#[test]
fn a_request_that_was_put_aside_is_acknowledged_again_when_it_is_repeated() {
    let mut peer = Peer::of_server();
    peer.host.serve("later", |turn| match turn.is_delayed() {
        true => turn.reply(Code::CONTENT, b"here"),
        false => assert!(turn.put_aside(Some(Duration::from_secs(30))).is_some()),
    });
    for _ in 0..2 {
        peer.send(CON, Code::GET, b"t", 1).path("later").go();
        peer.expect_empty(ACK, 1);
        peer.wait(Duration::from_secs(2));
    }
    assert_eq!(peer.seen(), [Seen::Request(1)]);
    peer.wait_for_message();
    assert_eq!(peer.seen(), [Seen::Delayed(1)]);
    let mid = peer.expect_new(CON, Code::CONTENT, b"t");
    peer.send(CON, Code::GET, b"t", 1).path("later").go();
    peer.expect_empty(ACK, 1);
    peer.send(ACK, Code::EMPTY, b"", mid).go();
    peer.finish();
}

/// ```text
///   host                         peer
///    | CON GET mid=1 token=t      |
///    |--------------------------->|
///    |   ACK 0.00 mid=1           |
///    |<---------------------------|
///    |   CON 2.05 mid=9 token=t   |
///    |<---------------------------|
///    | ACK 0.00 mid=9             |
///    |-----------------X          |
///    |   CON 2.05 mid=9 token=t   |
///    |<---------------------------|
///    | ACK 0.00 mid=9             |   the application sees the response once
///    |--------------------------->|
/// ```
#[test]
fn a_repeated_separate_response_is_acknowledged_again_and_delivered_once() {
    let mut peer = Peer::of_client();
    let (mid, token) = peer.request(CON, "r");
    peer.expect(CON, Code::GET, &token, mid);
    peer.send(ACK, Code::EMPTY, b"", mid).go();
    for _ in 0..3 {
        peer.send(CON, Code::CONTENT, &token, 9).go();
        peer.expect_empty(ACK, 9);
    }
    assert_eq!(peer.seen(), [Seen::Response(Code::CONTENT, token, None)]);
    peer.finish();
}

#[test]
fn a_repeated_non_confirmable_response_is_silently_ignored() {
    let mut peer = Peer::of_client();
    let (mid, token) = peer.request(NON, "r");
    peer.expect(NON, Code::GET, &token, mid);
    for _ in 0..3 {
        peer.send(NON, Code::CONTENT, &token, 9).go();
        peer.expect_silence();
    }
    assert_eq!(peer.seen(), [Seen::Response(Code::CONTENT, token, None)]);
    peer.finish();
}

#[test]
fn a_repeated_acknowledgement_is_silently_ignored() {
    let mut peer = Peer::of_client();
    let (mid, token) = peer.request(CON, "r");
    peer.expect(CON, Code::GET, &token, mid);
    for _ in 0..3 {
        peer.send(ACK, Code::CONTENT, &token, mid).payload(b"x").go();
        peer.expect_silence();
    }
    assert_eq!(peer.seen(), [Seen::Response(Code::CONTENT, token, Some(mid))]);
    peer.finish();
}

#[test]
fn a_response_that_was_refused_is_refused_again() {
    let mut peer = Peer::of_client();
    peer.host.accepts = |_| false;
    let (mid, token) = peer.request(NON, "r");
    peer.expect(NON, Code::GET, &token, mid);
    for _ in 0..2 {
        peer.send(CON, Code::CONTENT, &token, 9).go();
        peer.expect_empty(RST, 9);
    }
    assert_eq!(peer.seen().len(), 1);
    peer.finish();
}

/// Peers that send very many messages use an ID again before its lifetime is over.
#[test]
fn another_message_with_the_same_id_is_not_taken_for_a_repetition() {
    let (mut peer, calls) = counting();
    peer.send(CON, Code::GET, b"t", 1).path("count").go();
    peer.expect(ACK, Code::CONTENT, b"t", 1).payload(&[0]);
    peer.send(CON, Code::GET, b"u", 1).path("count").go();
    peer.expect(ACK, Code::CONTENT, b"u", 1).payload(&[1]);
    assert_eq!(calls.get(), 2);
    peer.finish();
}

/// What a message that is none, or a ping, is answered is no answer to the request with its ID.
#[test]
fn the_stored_answer_stays_when_something_else_with_its_id_is_rejected() {
    let (mut peer, calls) = counting();
    peer.send(CON, Code::GET, b"t", 1).path("count").go();
    peer.expect(ACK, Code::CONTENT, b"t", 1);
    // A payload marker without payload.
    peer.send_bytes(&[0x40, 0x01, 0x00, 0x01, 0xff]);
    peer.expect_empty(RST, 1);
    peer.send(CON, Code::EMPTY, b"", 1).go();
    peer.expect_empty(RST, 1);
    peer.send(CON, Code::GET, b"t", 1).path("count").go();
    peer.expect(ACK, Code::CONTENT, b"t", 1).payload(&[0]);
    assert_eq!(calls.get(), 1);
    peer.finish();
}

/// RFC 7967: no response is wanted, but the request is confirmable.
#[test]
fn an_empty_acknowledgement_instead_of_an_unwanted_response_is_stored_too() {
    let (mut peer, calls) = counting();
    for _ in 0..2 {
        peer.send(CON, Code::GET, b"t", 1).path("count").option(Number::NO_RESPONSE, &[2]).go();
        peer.expect_empty(ACK, 1);
    }
    assert_eq!(calls.get(), 1);
    peer.finish();
}

/// A peer's retransmissions may be further apart than the time after which this side ends idle
/// sessions, and a session may have had to make room.
#[test]
fn a_request_that_is_repeated_after_its_session_has_ended_is_still_a_repetition() {
    let (mut peer, calls) = counting();
    peer.host.engine.config.session_timeout = Duration::from_secs(5);
    for _ in 0..2 {
        peer.send(CON, Code::GET, b"t", 1).path("count").go();
        peer.expect(ACK, Code::CONTENT, b"t", 1).payload(&[0]);
        peer.wait(Duration::from_secs(20));
        assert!(peer.host.engine.sessions().is_empty());
    }
    assert_eq!(calls.get(), 1);
    peer.finish();
}

#[test]
fn peers_do_not_share_message_ids() {
    let (mut peer, calls) = counting();
    peer.send(CON, Code::GET, b"t", 1).path("count").go();
    peer.expect(ACK, Code::CONTENT, b"t", 1).payload(&[0]);
    peer.address = crate::protocol::simulation::Host::address_of(2, 40_001);
    peer.send(CON, Code::GET, b"t", 1).path("count").go();
    peer.expect(ACK, Code::CONTENT, b"t", 1).payload(&[1]);
    assert_eq!(calls.get(), 2);
    peer.finish();
}
