//! Confirmable messages until they are acknowledged (RFC 7252 §4.2), and how many at a time (§4.7).

use crate::message::{Code, Pdu, Type};
use crate::protocol::event::NackReason;
use crate::protocol::params::FixedPoint;
use crate::protocol::simulation::{ACK, CON, Host, NON, Peer, RST, Seen};
use core::time::Duration;

const NOTHING: Option<u16> = None;

fn params(peer: &mut Peer, change: impl FnOnce(&mut crate::protocol::params::Params)) {
    let session = peer.session();
    change(peer.host.engine.session_mut(session).unwrap().params_mut());
}

/// ```text
///   host                      peer
///    | CON GET mid=1           |
///    |------------------X      |   t          (ACK_TIMEOUT * 1 .. ACK_RANDOM_FACTOR)
///    |------------------X      |   t * 2
///    |------------------X      |   t * 4
///    |------------------X      |   t * 8
///    |------------------X      |   t * 16, then the host gives up
/// ```
#[test]
fn what_is_never_acknowledged_is_sent_five_times_with_doubled_pauses_and_then_given_up() {
    let mut peer = Peer::of_client();
    let (mid, token) = peer.request(CON, "r");
    let first = peer.expect(CON, Code::GET, &token, mid).0;
    let pause = peer.wait_for_message();
    assert!((Duration::from_secs(2)..=Duration::from_secs(3)).contains(&pause), "{pause:?}");
    assert_eq!(peer.expect(CON, Code::GET, &token, mid).0, first);
    for factor in [2, 4, 8] {
        assert_eq!(peer.wait_for_message(), pause * factor);
        assert_eq!(peer.expect(CON, Code::GET, &token, mid).0, first);
    }
    peer.wait(pause * 16 - Duration::from_millis(1));
    assert_eq!(peer.seen(), []);
    peer.wait(Duration::from_millis(1));
    assert_eq!(peer.seen(), [Seen::Nack(NackReason::TooManyRetries, mid)]);
    peer.finish();
}

#[test]
fn the_first_pause_is_spread_between_ack_timeout_and_its_product_with_the_random_factor() {
    let mut peer = Peer::of_client();
    params(&mut peer, |p| {
        p.ack_timeout = FixedPoint::new(1, 0);
        p.ack_random_factor = FixedPoint::new(2, 0);
    });
    let mut pauses = Vec::new();
    for _ in 0..200 {
        let (mid, token) = peer.request(CON, "r");
        peer.expect(CON, Code::GET, &token, mid);
        pauses.push(peer.wait_for_message().as_millis());
        peer.expect(CON, Code::GET, &token, mid);
        peer.send(ACK, Code::CONTENT, &token, mid).go();
    }
    assert!(pauses.iter().all(|ms| (1000..=2000).contains(ms)));
    assert!(pauses.iter().any(|ms| *ms < 1100) && pauses.iter().any(|ms| *ms > 1900), "{pauses:?}");
    peer.finish();
}

#[test]
fn max_retransmit_0_sends_once() {
    let mut peer = Peer::of_client();
    params(&mut peer, |p| p.max_retransmit = 0);
    let (mid, token) = peer.request(CON, "r");
    peer.expect(CON, Code::GET, &token, mid);
    peer.wait(Duration::from_secs(3));
    assert_eq!(peer.seen(), [Seen::Nack(NackReason::TooManyRetries, mid)]);
    peer.finish();
}

/// The parameters come from the application, and none of them may bring the machine down.
#[test]
fn no_parameters_overflow() {
    for max in [0, u16::MAX] {
        let mut peer = Peer::of_client();
        params(&mut peer, |p| {
            p.ack_timeout = FixedPoint::new(max, 999);
            p.ack_random_factor = FixedPoint::new(max, 999);
            p.max_retransmit = u16::MAX;
        });
        let (mid, token) = peer.request(CON, "r");
        peer.expect(CON, Code::GET, &token, mid);
        for _ in 0..100 {
            let Some(at) = peer.host.engine.poll_timeout() else { break };
            peer.now = peer.now.max(at);
            peer.host.engine.handle_timeout(peer.now);
            peer.settle();
        }
        let session = peer.session();
        let p = peer.host.engine.sessions().get(session).unwrap().params().clone();
        assert!(p.max_transmit_span() <= p.max_transmit_wait());
        assert!(p.exchange_lifetime() >= p.non_lifetime());
    }
}

#[test]
fn an_acknowledgement_ends_retransmission() {
    let mut peer = Peer::of_client();
    let (mid, token) = peer.request(CON, "r");
    peer.expect(CON, Code::GET, &token, mid);
    peer.send(ACK, Code::EMPTY, b"", mid).go();
    peer.wait(Duration::from_secs(1000));
    peer.expect_silence();
    assert_eq!(peer.seen(), []);
    peer.send(NON, Code::CONTENT, &token, 77).go();
    assert_eq!(peer.seen(), [Seen::Response(Code::CONTENT, token, NOTHING)]);
    peer.finish();
}

#[test]
fn a_reset_ends_retransmission_and_the_exchange() {
    let mut peer = Peer::of_client();
    let (mid, token) = peer.request(CON, "r");
    peer.expect(CON, Code::GET, &token, mid);
    peer.send(RST, Code::EMPTY, b"", mid).go();
    assert_eq!(peer.seen(), [Seen::Nack(NackReason::Reset, mid)]);
    peer.wait(Duration::from_secs(1000));
    peer.send(NON, Code::CONTENT, &token, 77).go();
    peer.expect_empty(RST, 77);
    peer.finish();
}

#[test]
fn a_reset_of_what_is_not_kept_is_told_with_its_message_id_only() {
    let mut peer = Peer::of_client();
    let (mid, token) = peer.request(NON, "r");
    peer.expect(NON, Code::GET, &token, mid);
    peer.send(RST, Code::EMPTY, b"", mid).go();
    assert_eq!(peer.seen(), [Seen::NackOfUnknown(NackReason::Reset, mid)]);
    peer.finish();
}

#[test]
fn a_non_confirmable_message_is_sent_once() {
    let mut peer = Peer::of_client();
    let (mid, token) = peer.request(NON, "r");
    peer.expect(NON, Code::GET, &token, mid);
    peer.wait(Duration::from_secs(1000));
    peer.finish();
}

/// ```text
///   host                      peer
///    | CON mid=1               |
///    |------------------------>|
///    |            (2 and 3 wait, 4 is non-confirmable and goes)
///    |            ACK mid=1    |
///    |<------------------------|
///    | CON mid=2               |
///    |------------------------>|
/// ```
#[test]
fn with_nstart_1_one_message_is_under_way_and_the_others_follow_in_order() {
    let mut peer = Peer::of_client();
    let asked: Vec<_> = [CON, CON, CON, NON].map(|kind| peer.request(kind, "r")).into();
    let [first, second, third, fourth] = &asked[..] else { unreachable!() };
    peer.expect(CON, Code::GET, &first.1, first.0);
    peer.expect(NON, Code::GET, &fourth.1, fourth.0);
    peer.expect_silence();
    for (done, next) in [(first, second), (second, third)] {
        peer.send(ACK, Code::CONTENT, &done.1, done.0).go();
        peer.expect(CON, Code::GET, &next.1, next.0);
        peer.expect_silence();
    }
    peer.send(RST, Code::EMPTY, b"", third.0).go();
    peer.finish();
}

#[test]
fn what_waits_for_its_turn_goes_when_the_one_before_is_given_up() {
    let mut peer = Peer::of_client();
    params(&mut peer, |p| p.max_retransmit = 0);
    let first = peer.request(CON, "r");
    let second = peer.request(CON, "r");
    peer.expect(CON, Code::GET, &first.1, first.0);
    peer.wait_for_message();
    peer.expect(CON, Code::GET, &second.1, second.0);
    assert_eq!(peer.seen(), [Seen::Nack(NackReason::TooManyRetries, first.0)]);
    peer.send(ACK, Code::CONTENT, &second.1, second.0).go();
    peer.finish();
}

#[test]
fn nstart_n_lets_n_messages_go() {
    let mut peer = Peer::of_client();
    params(&mut peer, |p| p.nstart = 3);
    let asked: Vec<_> = (0..4).map(|_| peer.request(CON, "r")).collect();
    for (mid, token) in &asked[..3] {
        peer.expect(CON, Code::GET, token, *mid);
    }
    peer.expect_silence();
    // Out of order, as a network may deliver it.
    peer.send(ACK, Code::CONTENT, &asked[1].1, asked[1].0).go();
    peer.expect(CON, Code::GET, &asked[3].1, asked[3].0);
    for (mid, token) in [&asked[0], &asked[2], &asked[3]] {
        peer.send(ACK, Code::CONTENT, token, *mid).go();
    }
    assert_eq!(peer.seen().len(), 4);
    peer.finish();
}

#[test]
fn a_message_id_that_is_under_way_or_waits_is_replaced() {
    let mut peer = Peer::of_client();
    params(&mut peer, |p| p.nstart = 2);
    let mut mids: Vec<_> = (0..2).map(|_| peer.request(CON, "r").0).collect();
    for n in 0..4u8 {
        let mut pdu = peer.host.new_request(peer.session(), CON, Code::GET, "r");
        pdu.set_mid(crate::message::Mid(500));
        pdu.set_token(&[n]).unwrap();
        mids.push(peer.transmit(pdu).0);
    }
    mids.sort();
    mids.dedup();
    assert_eq!(mids.len(), 6, "each message has its own ID: {mids:?}");
    for _ in 0..6 {
        let pdu = peer.next_message();
        peer.send(ACK, Code::CONTENT, pdu.token(), pdu.mid().0).go();
    }
    assert_eq!(peer.seen().len(), 6);
    peer.finish();
}

#[test]
fn message_ids_go_on_with_0_after_65535_and_pass_over_what_is_under_way() {
    let mut peer = Peer::of_client();
    params(&mut peer, |p| p.nstart = 2);
    let (held, token) = peer.request(CON, "held");
    peer.expect(CON, Code::GET, &token, held);
    let mut seen_zero = false;
    for n in 1..=70_000u32 {
        let (mid, token) = peer.request(CON, "r");
        assert_ne!(mid, held);
        seen_zero |= mid == 0;
        peer.expect(CON, Code::GET, &token, mid);
        peer.send(ACK, Code::CONTENT, &token, mid).go();
        if n % 1000 == 0 {
            peer.host.journal.clear();
        }
    }
    assert!(seen_zero);
    peer.host.journal.clear();
    peer.send(ACK, Code::CONTENT, &token, held).go();
    peer.finish();
}

#[test]
fn tokens_are_new_each_time_also_where_their_counter_wraps() {
    let mut peer = Peer::of_client();
    let session = peer.session();
    let session = peer.host.engine.session_mut(session).unwrap();
    session.init_token(u64::MAX - 2);
    let tokens: Vec<_> = (0..6).map(|_| session.new_token()).collect();
    for (n, token) in tokens.iter().enumerate() {
        assert!(token.as_bytes().len() <= 8);
        assert!(!tokens[..n].contains(token), "{tokens:?}");
    }
    peer.finish();
}

/// ```text
///   host                      peer
///    | CON 0.00 mid=1          |
///    |------------------------>|
///    |            RST mid=1    |
///    |<------------------------|
/// ```
#[test]
fn a_ping_is_an_empty_confirmable_message_and_a_reset_answers_it() {
    let mut peer = Peer::of_client();
    let session = peer.session();
    let mid = peer.host.engine.new_mid(session).unwrap();
    peer.transmit(Pdu::new(Type::Confirmable, Code::EMPTY, mid, 0));
    peer.expect_empty(CON, mid.0);
    peer.send(RST, Code::EMPTY, b"", mid.0).go();
    assert_eq!(peer.seen(), [Seen::Nack(NackReason::Reset, mid.0)]);
    peer.finish();
}

#[test]
fn a_session_that_ends_takes_all_its_messages_along() {
    let mut peer = Peer::of_client();
    let asked: Vec<_> = (0..3).map(|_| peer.request(CON, "r")).collect();
    peer.expect(CON, Code::GET, &asked[0].1, asked[0].0);
    let session = peer.session();
    peer.host.engine.end(session);
    peer.settle();
    assert_eq!(peer.seen(), []);
    peer.finish();
}

#[test]
fn a_session_that_the_application_has_left_sends_what_it_has_to_send_before_it_ends() {
    let mut peer = Peer::of_client();
    let asked: Vec<_> = (0..2).map(|_| peer.request(CON, "r")).collect();
    let session = peer.session();
    assert!(peer.host.engine.release(peer.now, session).is_none());
    for (mid, token) in &asked {
        peer.expect(CON, Code::GET, token, *mid);
        peer.send(ACK, Code::EMPTY, b"", *mid).go();
    }
    assert!(peer.host.engine.sessions().is_empty());
    peer.finish();
}

#[test]
fn a_session_that_is_disconnected_hands_each_message_back() {
    let mut peer = Peer::of_client();
    let asked: Vec<_> = (0..3).map(|_| peer.request(CON, "r").0).collect();
    peer.next_message();
    let session = peer.session();
    let dropped: Vec<_> = peer.host.engine.disconnect(session).iter().map(|pdu| pdu.mid().0).collect();
    assert_eq!(dropped, asked);
    let more = Host::new_request(&mut peer.host, session, CON, Code::GET, "r");
    assert!(peer.host.engine.send(peer.now, session, more).is_err());
    peer.finish();
}

#[test]
fn a_message_larger_than_the_session_allows_is_refused() {
    let mut peer = Peer::of_client();
    let session = peer.session();
    peer.host.engine.session_mut(session).unwrap().mtu = 64;
    for (length, fits) in [(64, true), (65, false)] {
        let mut pdu = Pdu::new(NON, Code::PUT, crate::message::Mid(length), 1000);
        pdu.set_payload(&vec![7; usize::from(length) - 5]).unwrap();
        assert_eq!(peer.host.engine.send(peer.now, session, pdu).is_ok(), fits);
    }
    peer.settle();
    peer.next_message();
    peer.finish();
}
