//! Which response belongs to which request (RFC 7252 §4.4, §5.3), and what becomes of those that
//! belong to none.

use crate::message::{Code, Number};
use crate::protocol::event::{NackReason, Notice};
use crate::protocol::simulation::{ACK, CON, NON, Peer, RST, Seen};
use core::time::Duration;

/// An elective and a critical option that nobody knows.
const ELECTIVE: Number = Number(65000);
const CRITICAL: Number = Number(65001);

/// The peer of a client that has sent a confirmable request.
fn asked() -> (Peer, u16, Vec<u8>) {
    let mut peer = Peer::of_client();
    let (mid, token) = peer.request(CON, "r");
    peer.expect(CON, Code::GET, &token, mid);
    (peer, mid, token)
}

/// ```text
///   host                         peer
///    | CON GET mid=1 token=t      |
///    |--------------------------->|
///    |   ACK 2.05 mid=1 token=t   |
///    |<---------------------------|
/// ```
#[test]
fn a_piggybacked_response_ends_the_exchange() {
    let (mut peer, mid, token) = asked();
    peer.send(ACK, Code::CONTENT, &token, mid).payload(b"x").go();
    assert_eq!(peer.seen(), [Seen::Response(Code::CONTENT, token, Some(mid))]);
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
///    |--------------------------->|
/// ```
#[test]
fn a_separate_confirmable_response_is_acknowledged() {
    let (mut peer, mid, token) = asked();
    peer.send(ACK, Code::EMPTY, b"", mid).go();
    peer.wait(Duration::from_secs(200));
    peer.send(CON, Code::CONTENT, &token, 9).go();
    peer.expect_empty(ACK, 9);
    assert_eq!(peer.seen(), [Seen::Response(Code::CONTENT, token, None)]);
    peer.finish();
}

/// RFC 7252 §5.2.2: the response implies the acknowledgement that it overtook or that was lost.
#[test]
fn a_response_before_the_acknowledgement_ends_retransmission() {
    for kind in [CON, NON] {
        let (mut peer, mid, token) = asked();
        peer.send(kind, Code::CONTENT, &token, 9).go();
        if kind == CON {
            peer.expect_empty(ACK, 9);
        }
        peer.send(ACK, Code::EMPTY, b"", mid).go();
        assert_eq!(peer.seen(), [Seen::Response(Code::CONTENT, token, None)]);
        peer.finish();
    }
}

#[test]
fn a_response_that_comes_first_lets_the_next_request_go() {
    let (mut peer, _, token) = asked();
    let (mid, next) = peer.request(CON, "r");
    peer.send(NON, Code::CONTENT, &token, 9).go();
    peer.expect(CON, Code::GET, &next, mid);
    peer.send(ACK, Code::CONTENT, &next, mid).go();
    peer.finish();
}

/// ```text
///   host                         peer
///    | CON GET mid=1 token=t      |
///    |--------------------------->|
///    |   ACK 2.05 mid=1 token=u   |   not the token that was sent: silently ignored
///    |<---------------------------|
///    | CON GET mid=1 token=t      |
///    |--------------------------->|
/// ```
#[test]
fn an_acknowledgement_with_another_token_is_ignored() {
    let (mut peer, mid, token) = asked();
    for wrong in [&b""[..], b"u", &token[1..], &[&token[..], b"x"].concat()] {
        peer.send(ACK, Code::CONTENT, wrong, mid).go();
    }
    assert_eq!(peer.seen(), []);
    peer.wait_for_message();
    peer.expect(CON, Code::GET, &token, mid);
    peer.send(ACK, Code::CONTENT, &token, mid).go();
    assert_eq!(peer.seen().len(), 1);
    peer.finish();
}

#[test]
fn an_acknowledgement_with_another_message_id_is_ignored() {
    let (mut peer, mid, token) = asked();
    peer.send(ACK, Code::CONTENT, &token, mid.wrapping_add(1)).go();
    assert_eq!(peer.seen(), []);
    peer.send(ACK, Code::CONTENT, &token, mid).go();
    assert_eq!(peer.seen().len(), 1);
    peer.finish();
}

#[test]
fn a_request_in_an_acknowledgement_is_no_response() {
    let (mut peer, mid, token) = asked();
    peer.send(ACK, Code::GET, &token, mid).path("r").go();
    assert!(!peer.seen().iter().any(|s| matches!(s, Seen::Request(_) | Seen::Response(..))));
}

#[test]
fn a_response_in_the_acknowledgement_of_a_response_is_not_delivered() {
    let mut peer = Peer::of_server();
    peer.host.serve("separate", |turn| turn.send_separately(CON, Code::CONTENT));
    peer.send(CON, Code::GET, b"t", 1).path("separate").go();
    let mid = peer.expect_new(CON, Code::CONTENT, b"t");
    peer.expect_empty(ACK, 1);
    peer.seen();
    peer.send(ACK, Code::CONTENT, b"t", mid).go();
    assert!(!peer.seen().iter().any(|s| matches!(s, Seen::Response(..))));
    peer.send(ACK, Code::EMPTY, b"", mid).go();
    peer.finish();
}

/// ```text
///   host                         peer
///    |   CON 2.05 mid=9 token=u   |   nobody asked
///    |<---------------------------|
///    | RST mid=9                  |
///    |--------------------------->|
/// ```
#[test]
fn a_response_that_nobody_asked_for_is_rejected() {
    for kind in [CON, NON] {
        let (mut peer, mid, token) = asked();
        peer.send(kind, Code::CONTENT, b"nobody", 9).go();
        peer.expect_empty(RST, 9);
        assert_eq!(peer.seen(), []);
        peer.send(ACK, Code::CONTENT, &token, mid).go();
        peer.finish();
    }
}

#[test]
fn a_second_response_to_one_request_is_rejected() {
    let (mut peer, mid, token) = asked();
    peer.send(ACK, Code::CONTENT, &token, mid).go();
    peer.send(CON, Code::CONTENT, &token, 9).go();
    peer.expect_empty(RST, 9);
    assert_eq!(peer.seen().len(), 1);
    peer.finish();
}

#[test]
fn a_response_after_the_request_was_given_up_is_rejected() {
    let (mut peer, mid, token) = asked();
    for _ in 0..4 {
        peer.wait_for_message();
        peer.expect(CON, Code::GET, &token, mid);
    }
    peer.wait(Duration::from_secs(60));
    assert_eq!(peer.seen(), [Seen::Nack(NackReason::TooManyRetries, mid)]);
    peer.send(CON, Code::CONTENT, &token, 9).go();
    peer.expect_empty(RST, 9);
    assert_eq!(peer.seen(), []);
    peer.finish();
}

#[test]
fn a_response_that_the_application_refuses_is_rejected() {
    for kind in [CON, NON] {
        let (mut peer, _, token) = asked();
        peer.host.accepts = |_| false;
        peer.send(kind, Code::CONTENT, &token, 9).go();
        peer.expect_empty(RST, 9);
        peer.finish();
    }
}

#[test]
fn acknowledgements_of_nothing_are_silently_ignored() {
    let mut peer = Peer::of_client();
    for (code, token) in [(Code::EMPTY, &b""[..]), (Code::CONTENT, b"t")] {
        peer.send(ACK, code, token, 9).go();
        peer.expect_silence();
    }
    assert_eq!(peer.seen(), []);
    peer.finish();
}

#[test]
fn the_acknowledgement_of_what_still_waits_for_its_turn_is_ignored() {
    let (mut peer, first, token) = asked();
    let (second, second_token) = peer.request(CON, "r");
    peer.send(ACK, Code::CONTENT, &second_token, second).go();
    peer.expect_silence();
    assert_eq!(peer.seen(), []);
    for (mid, token) in [(first, token), (second, second_token)] {
        peer.send(ACK, Code::CONTENT, &token, mid).go();
    }
    peer.next_message();
    peer.finish();
}

/// RFC 7252 §5.4.1: rejected where it came as a message of its own, ignored where it came in an
/// acknowledgement, which nobody may answer (§4.2).
#[test]
fn a_response_with_an_unknown_critical_option_is_rejected() {
    for kind in [CON, NON] {
        let (mut peer, mid, token) = asked();
        peer.send(kind, Code::CONTENT, &token, 9).option(CRITICAL, b"x").go();
        peer.expect_empty(RST, 9);
        assert_eq!(peer.seen(), []);
        peer.send(ACK, Code::CONTENT, &token, mid).go();
        peer.finish();
    }
    let (mut peer, mid, token) = asked();
    peer.send(ACK, Code::CONTENT, &token, mid).option(CRITICAL, b"x").go();
    peer.expect_silence();
    assert!(!peer.seen().iter().any(|s| matches!(s, Seen::Response(..))));
}

#[test]
fn a_response_with_an_unknown_elective_option_is_delivered() {
    for kind in [CON, NON, ACK] {
        let (mut peer, mid, token) = asked();
        let its = if kind == ACK { mid } else { 9 };
        peer.send(kind, Code::CONTENT, &token, its).option(ELECTIVE, b"x").go();
        if kind == CON {
            peer.expect_empty(ACK, 9);
        }
        assert_eq!(peer.seen().len(), 1);
        peer.finish();
    }
}

#[test]
fn a_critical_option_that_the_application_knows_is_delivered() {
    let (mut peer, mid, token) = asked();
    peer.host.engine.config.known_options.insert(CRITICAL.0);
    peer.send(ACK, Code::CONTENT, &token, mid).option(CRITICAL, b"x").go();
    assert_eq!(peer.seen().len(), 1);
    peer.finish();
}

/// RFC 7252 §5.3.1 lets a client use an empty token, and one token for several requests in turn.
#[test]
fn a_token_may_be_empty_and_used_again() {
    let mut peer = Peer::of_client();
    for n in 0..3 {
        let mut request = peer.host.new_request(peer.session(), CON, Code::GET, "r");
        request.set_token(b"").unwrap();
        let (mid, _) = peer.transmit(request);
        peer.expect(CON, Code::GET, b"", mid);
        peer.send(ACK, Code::EMPTY, b"", mid).go();
        peer.send(NON, Code::CONTENT, b"", 100 + n).go();
        assert_eq!(peer.seen(), [Seen::Response(Code::CONTENT, Vec::new(), None)]);
    }
    peer.send(NON, Code::CONTENT, b"", 200).go();
    peer.expect_empty(RST, 200);
    peer.finish();
}

/// Both may ask in one session, with message IDs and tokens of their own.
#[test]
fn the_two_directions_of_a_session_have_message_ids_and_tokens_of_their_own() {
    let (mut peer, mid, token) = asked();
    peer.host.serve("here", |turn| turn.reply(Code::CONTENT, b"host's"));
    peer.send(CON, Code::GET, &token, mid).path("here").go();
    peer.expect(ACK, Code::CONTENT, &token, mid).payload(b"host's");
    peer.send(ACK, Code::CONTENT, &token, mid).payload(b"peer's").go();
    assert_eq!(peer.seen(), [Seen::Request(mid), Seen::Response(Code::CONTENT, token, Some(mid))]);
    peer.finish();
}

/// Requests that are never answered are no leak, and those that may be are not forgotten.
#[test]
fn what_is_waited_for_is_forgotten_after_exchange_lifetime_when_there_is_much_of_it() {
    let mut peer = Peer::of_client();
    let session = peer.session();
    let mut last = Vec::new();
    for _ in 0..5000 {
        let (mid, token) = peer.request(NON, "r");
        peer.expect(NON, Code::GET, &token, mid);
        peer.wait(Duration::from_secs(1));
        last = token;
    }
    let waited_for = peer.host.engine.sessions().get(session).unwrap().exchanges.len();
    assert!((248..=2048).contains(&waited_for), "{waited_for}");
    peer.send(NON, Code::CONTENT, &last, 9).go();
    assert_eq!(peer.seen(), [Seen::Response(Code::CONTENT, last, None)]);
    peer.finish();
}

/// An ICMP error may be forged, and the peer may come back: the message goes on.
#[test]
fn an_unreachable_peer_is_told_and_may_still_answer() {
    let (mut peer, mid, token) = asked();
    let session = peer.session();
    peer.host.engine.handle_unreachable(session);
    peer.settle();
    assert_eq!(peer.seen(), [Seen::Nack(NackReason::Unreachable, mid)]);
    peer.wait_for_message();
    peer.expect(CON, Code::GET, &token, mid);
    peer.send(ACK, Code::CONTENT, &token, mid).go();
    assert_eq!(peer.seen().len(), 1);
    peer.finish();
}

#[test]
fn a_request_in_an_acknowledgement_of_nothing_is_a_bad_packet() {
    let mut peer = Peer::of_server();
    peer.send(ACK, Code::GET, b"t", 9).path("r").go();
    assert_eq!(peer.seen(), [Seen::Notice(Notice::BadPacket)]);
    peer.finish();
}
