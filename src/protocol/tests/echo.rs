//! Echo at a client (RFC 9175 §2): what a server wants to hear again, it hears once.

use super::blockwise::{SINGLE, ask, block, body, client, next};
use crate::message::{Code, Number};
use crate::protocol::block::Mode;
use crate::protocol::simulation::{ACK, CON, NON, Peer, Seen, What};

const CHALLENGE: [u8; 3] = [1, 2, 3];

/// How many responses the application has seen.
fn responses(peer: &Peer) -> usize {
    peer.host.journal.iter().filter(|record| matches!(record.what, What::Response { .. })).count()
}

fn challenge(peer: &mut Peer, token: &[u8], mid: u16) {
    peer.send(ACK, Code::UNAUTHORIZED, token, mid).option(Number::ECHO, &CHALLENGE).go();
}

fn echo(pdu: &crate::message::Pdu) -> Option<&[u8]> {
    pdu.option(Number::ECHO).map(|o| o.value)
}

/// ```text
///   host                                        peer
///    |   CON PUT mid=1 "..."                     |
///    |------------------------------------------>|
///    |   ACK 4.01 mid=1 Echo:010203              |
///    |<------------------------------------------|
///    |   CON PUT mid=2 Echo:010203 "..."         |
///    |------------------------------------------>|
///    |   ACK 2.04 mid=2                          |
///    |<------------------------------------------|
/// ```
#[test]
fn a_request_that_is_challenged_is_sent_again_whole_and_the_application_sees_one_response() {
    let mut peer = client(SINGLE);
    let (mid, token) = ask(&mut peer, Code::PUT, 10);
    next(&mut peer);
    challenge(&mut peer, &token, mid);
    assert_eq!(responses(&peer), 0);
    let (again, mid, new_token) = next(&mut peer);
    assert_eq!((echo(&again), again.payload()), (Some(&CHALLENGE[..]), Some(&body(10)[..])));
    peer.send(ACK, Code::CHANGED, &new_token, mid).go();
    assert_eq!(responses(&peer), 1);
    assert!(
        matches!(&peer.host.journal[0].what, What::Response { received, .. } if received.token() == token)
    );
    ask(&mut peer, Code::PUT, 10);
    let (after, mid, token) = next(&mut peer);
    assert_eq!(echo(&after), None, "it is said once");
    peer.send(ACK, Code::CHANGED, &token, mid).go();
    peer.seen();
    peer.finish();
}

#[test]
fn a_server_that_is_never_content_is_not_asked_for_ever() {
    let mut peer = client(SINGLE);
    let (mid, token) = ask(&mut peer, Code::GET, 0);
    next(&mut peer);
    challenge(&mut peer, &token, mid);
    let (_, mid, token) = next(&mut peer);
    challenge(&mut peer, &token, mid);
    peer.expect_silence();
    assert_eq!(responses(&peer), 1);
    peer.seen();
    peer.finish();
}

#[test]
fn each_block_of_a_body_may_be_challenged() {
    let mut peer = client(SINGLE);
    ask(&mut peer, Code::POST, 2500);
    for num in 0..3 {
        let (pdu, mid, token) = next(&mut peer);
        challenge(&mut peer, &token, mid);
        let (again, mid, token) = next(&mut peer);
        assert_eq!(again.option(Number::BLOCK1), pdu.option(Number::BLOCK1));
        assert_eq!((echo(&again), again.payload()), (Some(&CHALLENGE[..]), pdu.payload()));
        let answer = if num < 2 { Code::CONTINUE } else { Code::CHANGED };
        let answer = peer.send(ACK, answer, &token, mid).option(Number::BLOCK1, &block(num, num < 2, 6));
        if num < 2 {
            answer.go()
        } else {
            answer.option(Number::BLOCK2, &block(0, true, 0)).payload(&body(16)).go()
        }
    }
    let (pdu, mid, token) = next(&mut peer);
    challenge(&mut peer, &token, mid);
    let (again, mid, token) = next(&mut peer);
    assert_eq!(pdu.option(Number::BLOCK2), again.option(Number::BLOCK2));
    peer.send(ACK, Code::CHANGED, &token, mid)
        .option(Number::BLOCK2, &block(1, false, 0))
        .payload(&body(32)[16..])
        .go();
    assert_eq!(super::blockwise::whole(&peer), Some(body(32)));
    peer.seen();
    peer.finish();
}

#[test]
fn a_challenge_in_a_message_of_its_own_is_acknowledged_and_met() {
    let mut peer = client(SINGLE);
    let (_, token) = ask(&mut peer, Code::PUT, 10);
    next(&mut peer);
    peer.send(CON, Code::UNAUTHORIZED, &token, 77).option(Number::ECHO, &CHALLENGE).go();
    peer.expect(ACK, Code::EMPTY, b"", 77);
    let (again, mid, token) = next(&mut peer);
    assert_eq!((echo(&again), again.payload()), (Some(&CHALLENGE[..]), Some(&body(10)[..])));
    peer.send(ACK, Code::CHANGED, &token, mid).go();
    peer.seen();
    peer.finish();
}

#[test]
fn an_observation_whose_request_was_challenged_is_known_to_the_application_by_its_own_token() {
    let mut peer = client(SINGLE);
    let (session, now) = (peer.session(), peer.now);
    let mut request = peer.host.new_request(session, CON, Code::GET, "r");
    request.add_option(Number::OBSERVE, &[]).unwrap();
    let token = request.token().to_vec();
    peer.host.engine.submit(now, session, request, None).unwrap();
    peer.settle();
    let (_, mid, _) = next(&mut peer);
    challenge(&mut peer, &token, mid);
    let (again, mid, wire) = next(&mut peer);
    assert_eq!(again.option_uint(Number::OBSERVE), Some(0));
    peer.send(ACK, Code::CONTENT, &wire, mid).option(Number::OBSERVE, &[5]).go();
    peer.send(NON, Code::CONTENT, &wire, 78).option(Number::OBSERVE, &[6]).option(Number::ECHO, &[9]).go();
    assert_eq!(responses(&peer), 2);
    for record in &peer.host.journal {
        assert!(matches!(&record.what, What::Response { received, .. } if received.token() == token));
    }
    assert!(peer.host.engine.cancel_observation(now, session, &token, CON));
    peer.settle();
    let (end, mid, same) = next(&mut peer);
    assert_eq!((end.option_uint(Number::OBSERVE), echo(&end)), (Some(1), Some(&[9][..])));
    assert_eq!(same, wire);
    peer.send(ACK, Code::CONTENT, &wire, mid).go();
    assert_eq!(responses(&peer), 3);
    peer.seen();
    peer.finish();
}

/// RFC 9175 §2.2.1: 1 to 40 bytes.
#[test]
fn an_echo_of_another_size_is_none() {
    for (length, is_one) in [(0, false), (1, true), (40, true)] {
        let mut peer = client(SINGLE);
        let (mid, token) = ask(&mut peer, Code::GET, 0);
        next(&mut peer);
        peer.send(ACK, Code::UNAUTHORIZED, &token, mid).option(Number::ECHO, &vec![7; length]).go();
        assert_eq!(responses(&peer), usize::from(!is_one));
        if is_one {
            let (again, mid, token) = next(&mut peer);
            assert_eq!(echo(&again).map(<[u8]>::len), Some(length));
            peer.send(ACK, Code::CONTENT, &token, mid).go();
        }
        peer.seen();
        peer.finish();
    }
}

#[test]
fn without_block_mode_echo_is_the_applications_business() {
    let mut peer = client(Mode::default());
    let (mid, token) = ask(&mut peer, Code::GET, 0);
    next(&mut peer);
    challenge(&mut peer, &token, mid);
    peer.expect_silence();
    assert_eq!(responses(&peer), 1);
    assert!(peer.seen().iter().all(|seen| matches!(seen, Seen::Response(..))));
    peer.finish();
}
