//! The client's side of Q-Block: asking whether the peer knows it, bodies that it sends, and bodies that come.

use super::*;

/// ```text
///   host                                        peer
///    |   CON GET /.well-known/core QB2:0/0/16    |
///    |------------------------------------------>|
///    |   ACK 2.05 QB2:0/1/16                     |
///    |<------------------------------------------|
///    |   NON PUT QB1:0/1 .. QB1:9/1              |
///    |------------------------------------------>|
/// ```
#[test]
fn a_client_asks_first_whether_its_peer_knows_q_block() {
    let mut peer = asking_client();
    let (_, token) = ask(&mut peer, NON, Code::PUT, 200);
    let probe = peer.next_message();
    assert_eq!((probe.kind(), probe.code(), asked_for(&probe)), (CON, Code::GET, vec![(0, false)]));
    peer.expect_silence();
    let (mid, asked) = (probe.mid().0, probe.token().to_vec());
    peer.send(ACK, Code::CONTENT, &asked, mid)
        .option(Number::Q_BLOCK2, &block(0, true))
        .payload(&[b'<'; 16])
        .go();
    let (nums, last) = burst(&mut peer, Number::Q_BLOCK1);
    assert_eq!(nums, (0..10).collect::<Vec<_>>());
    peer.send(NON, Code::CHANGED, last.token(), 7).go();
    assert_eq!(peer.seen(), [Seen::Response(Code::CHANGED, token, None)]);
    // It holds for the session.
    ask(&mut peer, NON, Code::GET, 0);
    let get = peer.next_message();
    assert_eq!(asked_for(&get), [(0, true)]);
    peer.send(NON, Code::CONTENT, get.token(), 8).go();
    peer.seen();
    peer.finish();
}

#[test]
fn a_peer_that_knows_no_q_block_gets_block1_from_then_on() {
    for refusal in 0..3 {
        let mut peer = asking_client();
        let (mid, token) = ask(&mut peer, NON, Code::PUT, 200);
        let probe = peer.next_message();
        let (asked_mid, asked) = (probe.mid().0, probe.token().to_vec());
        match refusal {
            0 => peer.send(ACK, Code::BAD_OPTION, &asked, asked_mid).go(),
            1 => peer.send(RST, Code::EMPTY, b"", asked_mid).go(),
            _ => peer.send(ACK, Code::CONTENT, &asked, asked_mid).payload(b"</r>").go(),
        }
        let put = peer
            .expect(NON, Code::PUT, &token, mid)
            .option(Number::BLOCK1, &block(0, true))
            .no_option(Number::Q_BLOCK1);
        peer.send(NON, Code::CHANGED, put.0.token(), 9).go();
        // 2.04 without Block1 is final.
        assert_eq!(peer.seen(), [Seen::Response(Code::CHANGED, token, None)]);
        let (mid, token) = ask(&mut peer, NON, Code::GET, 0);
        peer.expect(NON, Code::GET, &token, mid).no_option(Number::Q_BLOCK2);
        peer.send(NON, Code::CONTENT, &token, 10).go();
        peer.seen();
        peer.finish();
    }
}

#[test]
fn without_any_answer_what_waits_fails() {
    let mut peer = asking_client();
    let (mid, _) = ask(&mut peer, NON, Code::PUT, 200);
    peer.wait(seconds(100));
    peer.discard();
    assert_eq!(peer.seen(), [Seen::Nack(NackReason::TooManyRetries, mid)]);
    assert_eq!(peer.host.engine.census().bodies, Default::default());
    peer.finish();
}

/// ```text
///   host                                        peer
///    |   NON PUT QB1:0/1 .. QB1:9/1              |
///    |------------------------------------------>|
///    |   NON 2.31 QB1:9/1                        |
///    |<------------------------------------------|
///    |   NON PUT QB1:10/1 .. QB1:19/1            |
///    |------------------------------------------>|
///    |   NON 4.08 272: 3, 12                     |
///    |<------------------------------------------|
///    |   NON PUT QB1:3/1, QB1:12/1               |
///    |------------------------------------------>|
///    |   (NON_TIMEOUT_RANDOM)                    |
///    |   NON PUT QB1:20/1 .. QB1:24/0            |
///    |------------------------------------------>|
///    |   NON 2.04                                |
///    |<------------------------------------------|
/// ```
#[test]
fn a_client_sends_sets_and_what_is_missing() {
    let mut peer = client();
    let (_, token) = ask(&mut peer, NON, Code::PUT, 400);
    let (nums, last) = burst(&mut peer, Number::Q_BLOCK1);
    assert_eq!(nums, (0..10).collect::<Vec<_>>());
    assert_eq!(last.option_uint(Number::SIZE1), Some(400));
    assert_eq!(last.option(Number::REQUEST_TAG).unwrap().value, b"tag");
    peer.send(NON, Code::CONTINUE, last.token(), 1).option(Number::Q_BLOCK1, &block(9, true)).go();
    let (nums, last) = burst(&mut peer, Number::Q_BLOCK1);
    assert_eq!(nums, (10..20).collect::<Vec<_>>());
    peer.wait(seconds(1));
    peer.send(NON, Code::REQUEST_ENTITY_INCOMPLETE, last.token(), 2)
        .option(Number::CONTENT_FORMAT, &[1, 16])
        .payload(&list(&[3, 12], 100))
        .go();
    let (nums, last) = burst(&mut peer, Number::Q_BLOCK1);
    assert_eq!((nums, last.payload().unwrap()), (vec![3, 12], &body(400)[12 * 16..13 * 16]));
    let pause = peer.wait_for_message();
    assert!((seconds(2)..=seconds(3)).contains(&pause), "{pause:?}");
    let (nums, last) = burst(&mut peer, Number::Q_BLOCK1);
    assert_eq!(nums, (20..25).collect::<Vec<_>>());
    peer.send(NON, Code::CHANGED, last.token(), 3).go();
    assert_eq!(peer.seen(), [Seen::Response(Code::CHANGED, token, None)]);
    assert_eq!(peer.host.engine.census().bodies, Default::default());
    peer.finish();
}

#[test]
fn lists_of_garbage_move_nothing_and_one_list_moves_a_set_at_most() {
    let mut peer = client();
    ask(&mut peer, NON, Code::PUT, 400);
    peer.wait(seconds(7));
    let (nums, last) = burst(&mut peer, Number::Q_BLOCK1);
    assert_eq!(nums, (0..25).collect::<Vec<_>>());
    let mut mid = 0;
    let mut send = |peer: &mut Peer, token: &[u8], payload: &[u8]| {
        mid += 1;
        peer.send(NON, Code::REQUEST_ENTITY_INCOMPLETE, token, mid)
            .option(Number::CONTENT_FORMAT, &[1, 16])
            .payload(payload)
            .go();
    };
    for garbage in [
        &b"\x02\x01"[..],
        b"garbage",
        b"\x1a\xff\xff\xff\xff",
        b"\x82\x01\x02",
        b"\x18",
        b"\xff",
        &[0xfb; 1000],
    ] {
        send(&mut peer, last.token(), garbage);
        peer.expect_silence();
    }
    send(&mut peer, last.token(), &list(&[25, 1000, 0xf_ffff], 100));
    peer.expect_silence();
    send(&mut peer, last.token(), &[5; 1000]);
    let (nums, mut last) = burst(&mut peer, Number::Q_BLOCK1);
    assert_eq!(nums, [5]);
    // For ever: each block goes NON_MAX_RETRANSMIT times more on average, and then the body has failed.
    let all: Vec<u32> = (0..0x10000).collect();
    let mut blocks = 1;
    loop {
        send(&mut peer, last.token(), &list(&all, 1100));
        if peer.host.engine.census().bodies.quick == 0 {
            break;
        }
        let (nums, newest) = burst(&mut peer, Number::Q_BLOCK1);
        assert_eq!(nums, (0..10).collect::<Vec<_>>());
        (blocks, last) = (blocks + 10, newest);
    }
    assert_eq!(blocks, 91);
    let seen = peer.seen();
    assert!(
        matches!(seen[..], [Seen::Notice(Notice::BodyNotSent), Seen::Nack(NackReason::TooManyRetries, _)]),
        "{seen:?}"
    );
    peer.discard();
    peer.finish();
}

#[test]
fn a_server_that_is_silent_is_reminded_and_then_given_up() {
    let mut peer = client();
    let (mid, _) = ask(&mut peer, NON, Code::PUT, 64);
    peer.discard();
    let mut waits = Vec::new();
    for _ in 0..4 {
        waits.push(peer.wait_for_message().as_secs());
        assert_eq!(burst(&mut peer, Number::Q_BLOCK1).0, [3]);
    }
    assert_eq!(waits, [8, 16, 32, 64]);
    peer.wait(seconds(130));
    assert_eq!(peer.seen(), [Seen::Notice(Notice::BodyNotSent), Seen::Nack(NackReason::TooManyRetries, mid)]);
    assert_eq!(peer.host.engine.census().bodies, Default::default());
    peer.finish();
}

#[test]
fn what_is_not_idempotent_is_not_repeated_unasked() {
    let mut peer = client();
    ask(&mut peer, NON, Code::POST, 64);
    peer.discard();
    peer.wait(seconds(300));
    peer.expect_silence();
    assert_eq!(peer.seen().len(), 2);
    peer.finish();
}

#[test]
fn a_server_that_rejects_a_block_ends_the_body() {
    let mut peer = client();
    let (mid, _) = ask(&mut peer, NON, Code::PUT, 400);
    let (_, last) = burst(&mut peer, Number::Q_BLOCK1);
    peer.send(RST, Code::EMPTY, b"", last.mid().0).go();
    assert_eq!(peer.seen(), [Seen::Notice(Notice::BodyNotSent), Seen::Nack(NackReason::Reset, last.mid().0)]);
    assert_ne!(mid, last.mid().0);
    peer.wait(seconds(10));
    peer.expect_silence();
    peer.finish();
}

/// ```text
///   host                                        peer
///    |   CON PUT QB1:0/1                         |
///    |------------------------------------------>|
///    |   ACK                                     |
///    |<------------------------------------------|
///    |   ...                                     |
///    |   CON PUT QB1:3/0                         |
///    |------------------------------------------>|
///    |   ACK 2.04                                |
///    |<------------------------------------------|
/// ```
#[test]
fn confirmable_blocks_go_as_fast_as_nstart_says() {
    let mut peer = client();
    let (_, token) = ask(&mut peer, CON, Code::PUT, 64);
    for num in 0..4 {
        let pdu = peer.next_message();
        assert_eq!(Block::of(&pdu, Number::Q_BLOCK1).unwrap().unwrap().num, num);
        peer.expect_silence();
        let (mid, of) = (pdu.mid().0, pdu.token().to_vec());
        match num {
            3 => peer.send(ACK, Code::CHANGED, &of, mid).go(),
            _ => peer.send(ACK, Code::EMPTY, b"", mid).go(),
        }
    }
    let seen = peer.seen();
    assert!(matches!(&seen[..], [Seen::Response(Code::CHANGED, t, Some(_))] if *t == token), "{seen:?}");
    peer.finish();
}

/// ```text
///   host                                        peer
///    |   NON GET QB2:0/1                         |
///    |------------------------------------------>|
///    |   NON 2.05 QB2:0/1 .. QB2:9/1 (2, 8 lost) |
///    |<------------------------------------------|
///    |   NON 2.05 QB2:10/1                       |
///    |<------------------------------------------|
///    |   NON GET QB2:2/0, QB2:8/0                |
///    |------------------------------------------>|
///    |   NON 2.05 QB2:2/1, QB2:8/1, then 11, 12  |
///    |<------------------------------------------|
/// ```
#[test]
fn a_client_asks_for_missing_blocks_when_the_next_set_begins() {
    let mut peer = client();
    let (_, token) = ask(&mut peer, NON, Code::GET, 0);
    assert_eq!(asked_for(&peer.next_message()), [(0, true)]);
    for num in [0, 1, 3, 4, 5, 6, 7, 9] {
        part(&mut peer, NON, &token, num as u16, num, 200);
    }
    peer.expect_silence();
    part(&mut peer, NON, &token, 10, 10, 200);
    let again = peer.next_message();
    assert_eq!((again.kind(), asked_for(&again)), (NON, vec![(2, false), (8, false)]));
    part(&mut peer, NON, again.token(), 12, 2, 200);
    part(&mut peer, NON, again.token(), 18, 8, 200);
    part(&mut peer, NON, &token, 21, 12, 200);
    assert_eq!(peer.seen(), []);
    part(&mut peer, NON, &token, 22, 11, 200);
    assert_eq!(peer.seen(), [Seen::Response(Code::CONTENT, token, None)]);
    assert_eq!(whole(&peer), Some(body(200)));
    assert_eq!(peer.host.engine.census().bodies, Default::default());
    peer.finish();
}

#[test]
fn a_client_lets_the_server_go_on_when_a_set_is_there() {
    let mut peer = client();
    let (_, token) = ask(&mut peer, NON, Code::GET, 0);
    peer.discard();
    (0..10).for_each(|num| part(&mut peer, NON, &token, num as u16, num, 200));
    let go_on = peer.next_message();
    assert_eq!((go_on.kind(), asked_for(&go_on)), (NON, vec![(10, true)]));
    assert_ne!(go_on.token(), token);
    // Its token will do as well as the first one.
    (10..13).for_each(|num| part(&mut peer, NON, go_on.token(), num as u16, num, 200));
    assert_eq!(peer.seen(), [Seen::Response(Code::CONTENT, token, None)]);
    peer.finish();
}

#[test]
fn a_client_asks_ever_more_seldom_and_then_gives_up() {
    for by_set in [false, true] {
        let mut peer = client();
        let session = peer.session();
        if by_set {
            peer.host.engine.session_mut(session).unwrap().block_mode.0 |= Mode::USE_M_Q_BLOCK.0;
        }
        let (_, token) = ask(&mut peer, NON, Code::GET, 0);
        peer.discard();
        (0..7).for_each(|num| part(&mut peer, NON, &token, num as u16, num, 200));
        let mut waits = Vec::new();
        for _ in 0..4 {
            waits.push(peer.wait_for_message().as_secs());
            let expected = if by_set { vec![(7, true)] } else { vec![(7, false), (8, false), (9, false)] };
            assert_eq!(asked_for(&peer.next_message()), expected);
        }
        assert_eq!(waits, [4, 8, 16, 32]);
        peer.wait(seconds(65));
        assert_eq!(peer.seen(), [Seen::Notice(Notice::PartialBody)]);
        assert_eq!(peer.host.engine.census().bodies, Default::default());
        peer.finish();
    }
}

#[test]
fn a_body_that_changes_on_the_way_is_begun_anew() {
    let mut peer = client();
    let (_, token) = ask(&mut peer, NON, Code::GET, 0);
    peer.discard();
    peer.send(NON, Code::CONTENT, &token, 90)
        .option(Number::ETAG, b"old")
        .option(Number::Q_BLOCK2, &block(0, true))
        .option(Number::SIZE2, &[48])
        .payload(&[9; 16])
        .go();
    (0..3).for_each(|num| part(&mut peer, NON, &token, num as u16, num, 40));
    assert_eq!(whole(&peer), Some(body(40)));
    peer.seen();
    peer.finish();
}

/// RFC 9175 §2.3: a request that the server wants to be proved fresh is sent again.
#[test]
fn a_request_is_sent_again_with_echo_and_its_body_from_the_beginning() {
    for length in [0, 400] {
        let mut peer = client();
        let code = if length == 0 { Code::GET } else { Code::PUT };
        let (_, token) = ask(&mut peer, NON, code, length);
        peer.discard();
        peer.send(NON, Code::UNAUTHORIZED, &token, 1).option(Number::ECHO, b"fresh").go();
        let again = peer.next_message();
        assert_eq!(again.option(Number::ECHO).unwrap().value, b"fresh");
        assert_eq!(again.payload().unwrap_or(&[]), &body(length)[..length.min(16)]);
        assert_ne!(again.token(), token);
        if length > 0 {
            assert_eq!(burst(&mut peer, Number::Q_BLOCK1).0, (1..10).collect::<Vec<_>>());
        }
        peer.send(NON, Code::UNAUTHORIZED, again.token(), 2).option(Number::ECHO, b"never").go();
        assert_eq!(peer.seen(), [Seen::Response(Code::UNAUTHORIZED, token, None)], "once");
        assert_eq!(peer.host.engine.census().bodies, Default::default());
        peer.finish();
    }
}

/// As libcoap 4.3.5 answers for missing blocks.
#[test]
fn a_block_without_etag_and_size2_is_one_of_the_body_that_was_begun() {
    let mut peer = client();
    let (_, token) = ask(&mut peer, NON, Code::GET, 0);
    peer.discard();
    part(&mut peer, NON, &token, 0, 0, 40);
    part(&mut peer, NON, &token, 2, 2, 40);
    peer.wait_for_message();
    let again = peer.next_message();
    peer.send(NON, Code::CONTENT, again.token(), 1)
        .option(Number::Q_BLOCK2, &block(1, true))
        .payload(&body(40)[16..32])
        .go();
    assert_eq!(whole(&peer), Some(body(40)));
    peer.seen();
    peer.finish();
}

#[test]
fn a_peer_that_answers_in_blocks_of_rfc_7959_is_followed_that_way() {
    let mut peer = client();
    let (_, token) = ask(&mut peer, NON, Code::GET, 0);
    peer.discard();
    let all = body(32);
    let answer = |peer: &mut Peer, token: &[u8], num: usize| {
        peer.send(NON, Code::CONTENT, token, num as u16)
            .option(Number::BLOCK2, &block(num as u32, num == 0))
            .payload(&all[num * 16..num * 16 + 16])
            .go();
    };
    answer(&mut peer, &token, 0);
    let next = peer.next_message();
    assert_eq!(next.option(Number::BLOCK2).unwrap().value, block(1, false));
    assert!(next.option(Number::Q_BLOCK2).is_none(), "never both in one exchange");
    answer(&mut peer, next.token(), 1);
    assert_eq!(peer.seen(), [Seen::Response(Code::CONTENT, token, None)]);
    assert_eq!(whole(&peer), Some(all));
    peer.finish();
}

/// The Observe option stands in each block of a notification, and in none that is asked for again
/// (RFC 9177 §4.5).
#[test]
fn notifications_come_in_q_blocks() {
    let mut peer = client();
    let (session, now) = (peer.session(), peer.now);
    let mut request = peer.host.new_request(session, NON, Code::GET, "r");
    request.add_option(Number::OBSERVE, &[]).unwrap();
    let token = request.token().to_vec();
    peer.host.engine.submit(now, session, request, None).unwrap();
    peer.settle();
    peer.discard();
    let part = |peer: &mut Peer, token: &[u8], mid: u16, observe: Option<u8>, etag: &[u8], num: u32| {
        let all = body(48);
        let (block, slice) = Block { num, more: false, szx: 0 }.cut(&all, 0).unwrap();
        let mut out = peer.send(NON, Code::CONTENT, token, mid);
        if let Some(number) = observe {
            out = out.option(Number::OBSERVE, &[number]);
        }
        let out = out.option(Number::ETAG, etag).option(Number::SIZE2, &[48]);
        out.option(Number::Q_BLOCK2, &block.encode()).payload(slice).go();
    };
    for (number, etag) in [(1, b"a"), (2, b"b")] {
        let mid = u16::from(number) * 10;
        part(&mut peer, &token, mid, Some(number), etag, 0);
        part(&mut peer, &token, mid + 2, Some(number), etag, 2);
        peer.wait_for_message();
        let again = peer.next_message();
        assert_eq!((asked_for(&again), again.option(Number::OBSERVE)), (vec![(1, false)], None));
        part(&mut peer, again.token(), mid + 1, None, etag, 1);
        assert_eq!(peer.seen(), [Seen::Response(Code::CONTENT, token.clone(), None)]);
        let record = peer.host.journal.last().unwrap();
        let What::Response { received, .. } = &record.what else { panic!() };
        assert_eq!(received.option_uint(Number::OBSERVE), Some(number.into()));
        // Late, of the same body.
        part(&mut peer, &token, mid + 3, Some(number), etag, 0);
        peer.expect_silence();
        assert_eq!(peer.seen(), []);
    }
    assert!(peer.host.engine.cancel_observation(peer.now, session, &token, NON));
    peer.settle();
    let cancel = peer.next_message();
    assert_eq!(cancel.option_uint(Number::OBSERVE), Some(1));
    peer.send(NON, Code::CONTENT, &token, 99).go();
    peer.seen();
    peer.finish();
}
