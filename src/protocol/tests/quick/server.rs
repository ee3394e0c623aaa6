//! The server's side of Q-Block: bodies that come, and bodies that it sends.

use super::*;

/// ```text
///   host                                        peer
///    |   NON PUT QB1:0/1 .. QB1:9/1              |
///    |<------------------------------------------|
///    |   NON 2.31 QB1:9/1                        |
///    |------------------------------------------>|
///    |   NON PUT QB1:10/1 .. QB1:12/0            |
///    |<------------------------------------------|
///    |   NON 2.05                                |
///    |------------------------------------------>|
/// ```
#[test]
fn a_server_says_when_a_set_is_there_and_answers_when_all_is() {
    let mut peer = server(0);
    put(&mut peer, 0, 200, 0..10);
    peer.seen();
    let go_on = peer.next_message();
    assert_eq!((go_on.kind(), go_on.code(), go_on.token()), (NON, Code::CONTINUE, &[0, 9][..]));
    assert_eq!(go_on.option(Number::Q_BLOCK1).unwrap().value, block(9, true));
    put(&mut peer, 0, 200, 10..13);
    peer.expect_new(NON, Code::CONTENT, &[0, 12]);
    assert_eq!((whole(&peer), requests(&peer)), (Some(body(200)), 1));
    peer.finish();
}

/// ```text
///   host                                        peer
///    |   NON PUT QB1:0/1, 1/1, (2 and 9 lost)    |
///    |<------------------------------------------|
///    |   NON PUT QB1:10/1 of the next set        |
///    |<------------------------------------------|
///    |   NON 4.08 272: 2, 9                      |
///    |------------------------------------------>|
///    |   NON PUT QB1:2/1, 9/1, 11/1, 12/0        |
///    |<------------------------------------------|
///    |   NON 2.05                                |
///    |------------------------------------------>|
/// ```
#[test]
fn a_server_asks_for_missing_blocks_when_the_next_set_begins() {
    let mut peer = server(0);
    put(&mut peer, 0, 200, [0, 1, 3, 4, 5, 6, 7, 8]);
    peer.expect_silence();
    put(&mut peer, 0, 200, [10]);
    assert_eq!(expect_list(&mut peer, &[0, 10]).0, [2, 9]);
    put(&mut peer, 1, 200, [2, 9]);
    put(&mut peer, 0, 200, [11]);
    peer.expect_silence();
    put(&mut peer, 0, 200, [12]);
    peer.expect_new(NON, Code::CONTENT, &[0, 12]);
    assert_eq!(whole(&peer), Some(body(200)));
    peer.finish();
}

#[test]
fn a_server_asks_ever_more_seldom_and_then_gives_up() {
    let mut peer = server(0);
    put(&mut peer, 0, 64, [0, 1, 3]);
    let mut waits = Vec::new();
    for _ in 0..4 {
        waits.push(peer.wait_for_message().as_secs());
        assert_eq!(expect_list(&mut peer, &[0, 3]).0, [2]);
    }
    assert_eq!(waits, [4, 8, 16, 32]);
    peer.seen();
    peer.wait(seconds(65));
    assert_eq!(peer.seen(), [Seen::Notice(Notice::PartialBody)]);
    assert_eq!(peer.host.engine.census().bodies, Default::default());
    peer.finish();
}

#[test]
fn a_client_that_knows_its_body_no_more_makes_the_server_forget_it() {
    let mut peer = server(0);
    put(&mut peer, 0, 64, [0, 1]);
    peer.wait_for_message();
    let (_, mid) = expect_list(&mut peer, &[0, 1]);
    peer.send(RST, Code::EMPTY, b"", mid).go();
    assert_eq!(peer.host.engine.census().bodies, Default::default());
    peer.finish();
}

#[test]
fn a_block_that_comes_again_is_answered_as_the_first_time_and_handled_once() {
    let mut peer = server(0);
    put(&mut peer, 0, 200, 0..10);
    peer.expect_new(NON, Code::CONTINUE, &[0, 9]);
    put(&mut peer, 1, 200, [9]);
    peer.expect_new(NON, Code::CONTINUE, &[1, 9]);
    put(&mut peer, 0, 200, 10..13);
    peer.expect_new(NON, Code::CONTENT, &[0, 12]);
    // The answer was lost.
    peer.wait(seconds(8));
    put(&mut peer, 1, 200, [12]);
    peer.expect_new(NON, Code::CONTENT, &[1, 12]);
    peer.wait(seconds(3));
    put(&mut peer, 2, 200, 3..8);
    // Not for each one of a flood.
    peer.expect_new(NON, Code::CONTENT, &[2, 3]);
    assert_eq!(requests(&peer), 1);
    peer.finish();
}

#[test]
fn confirmable_blocks_are_acknowledged_and_nothing_else_is_said() {
    let mut peer = server(0);
    let all = body(32 * 16);
    for num in 0..32 {
        let (block, slice) = Block { num, more: false, szx: 0 }.cut(&all, 0).unwrap();
        peer.send(CON, Code::PUT, &[num as u8], num as u16)
            .path("r")
            .option(Number::Q_BLOCK1, &block.encode())
            .option(Number::SIZE1, &[2, 0])
            .option(Number::REQUEST_TAG, b"tag")
            .payload(slice)
            .go();
        match num {
            31 => drop(peer.expect(ACK, Code::CONTENT, &[31], 31)),
            _ => peer.expect_empty(ACK, num as u16),
        }
    }
    assert_eq!(whole(&peer), Some(all));
    peer.finish();
}

#[test]
fn q_block1_without_request_tag_or_size1_or_with_block1_is_refused() {
    let mut peer = server(0);
    let mut refused = |mid: u16, options: &[(Number, &[u8])], payload: usize, code| {
        let path = |peer: &mut Peer| {
            let mut out = peer.send(CON, Code::PUT, b"t", mid).path("r");
            for (number, value) in options {
                out = out.option(*number, value);
            }
            out.payload(&body(payload)).go();
        };
        path(&mut peer);
        peer.expect(ACK, code, b"t", mid);
    };
    let (first, tag, size) =
        ((Number::Q_BLOCK1, &[8][..]), (Number::REQUEST_TAG, &b"t"[..]), (Number::SIZE1, &[64][..]));
    refused(1, &[first, size], 16, Code::BAD_REQUEST);
    refused(2, &[first, tag], 16, Code::BAD_REQUEST);
    refused(3, &[first, (Number::BLOCK1, &[8]), size, tag], 16, Code::BAD_OPTION);
    refused(4, &[first, size, tag], 15, Code::BAD_REQUEST);
    refused(5, &[(Number::Q_BLOCK1, &[0x48]), size, tag], 16, Code::BAD_REQUEST);
    refused(6, &[(Number::Q_BLOCK1, &[0x0f]), size, tag], 16, Code::BAD_REQUEST);
    let huge = (Number::SIZE1, &[0x0f, 0xff, 0xff, 0xff][..]);
    refused(7, &[first, huge, tag], 16, Code::REQUEST_ENTITY_TOO_LARGE);
    refused(8, &[first, first, size, tag], 16, Code::BAD_OPTION);
    assert_eq!(peer.host.engine.census().bodies, Default::default());
    peer.finish();
}

#[test]
fn who_does_not_try_q_block_refuses_it_as_an_unknown_option() {
    let mut peer = server(0);
    peer.host.engine.config.block_mode = Mode(3);
    peer.send(CON, Code::GET, b"t", 1).path("r").option(Number::Q_BLOCK2, &[]).go();
    peer.expect(ACK, Code::BAD_OPTION, b"t", 1).option(Number::Q_BLOCK2, &[]);
    peer.send(NON, Code::GET, b"t", 2).path("r").option(Number::Q_BLOCK2, &[]).go();
    peer.expect_empty(RST, 2);
    peer.finish();
}

#[test]
fn unfinished_bodies_have_limits() {
    let mut peer = server(0);
    for n in 0..40u8 {
        peer.send(NON, Code::PUT, &[n], n.into())
            .path("r")
            .option(Number::Q_BLOCK1, &block(0, true))
            .option(Number::SIZE1, &[0x03, 0xff, 0xff, 0xff])
            .option(Number::REQUEST_TAG, &[n])
            .payload(&[7; 16])
            .go();
    }
    assert_eq!(peer.host.engine.census().bodies.quick, 16);
    assert!(peer.host.engine.census().bodies.cost < 16 * 1024, "what is announced reserves nothing");
    assert_eq!(peer.seen().len(), 24);
    peer.wait(seconds(130));
    peer.discard();
    peer.seen();
    assert_eq!(peer.host.engine.census().bodies, Default::default());
    peer.finish();
}

/// ```text
///   host                                        peer
///    |   NON GET QB2:0/1                         |
///    |<------------------------------------------|
///    |   NON 2.05 QB2:0/1 .. QB2:9/1             |
///    |------------------------------------------>|
///    |   NON GET QB2:10/1                        |
///    |<------------------------------------------|
///    |   NON 2.05 QB2:10/1 .. QB2:19/1           |
///    |------------------------------------------>|
///    |   (nothing for NON_TIMEOUT_RANDOM)        |
///    |   NON 2.05 QB2:20/1 .. QB2:24/0           |
///    |------------------------------------------>|
/// ```
#[test]
fn a_server_sends_a_set_at_a_time() {
    let mut peer = server(400);
    peer.send(NON, Code::GET, b"t", 1).path("r").option(Number::Q_BLOCK2, &block(0, true)).go();
    let (nums, last) = burst(&mut peer, Number::Q_BLOCK2);
    assert_eq!(nums, (0..10).collect::<Vec<_>>());
    assert_eq!((last.kind(), last.token(), last.option_uint(Number::SIZE2)), (NON, &b"t"[..], Some(400)));
    assert_eq!(last.code(), Code::CONTENT);
    peer.send(NON, Code::GET, b"u", 2).path("r").option(Number::Q_BLOCK2, &block(10, true)).go();
    let (nums, next) = burst(&mut peer, Number::Q_BLOCK2);
    assert_eq!(nums, (10..20).collect::<Vec<_>>());
    assert_eq!(next.option(Number::ETAG), last.option(Number::ETAG));
    // What comes late changes nothing.
    peer.send(NON, Code::GET, b"v", 3).path("r").option(Number::Q_BLOCK2, &block(10, true)).go();
    peer.expect_silence();
    let pause = peer.wait_for_message();
    assert!((seconds(2)..=seconds(3)).contains(&pause), "{pause:?}");
    assert_eq!(burst(&mut peer, Number::Q_BLOCK2).0, (20..25).collect::<Vec<_>>());
    assert_eq!(requests(&peer), 1);
    peer.finish();
}

#[test]
fn a_server_sends_again_what_a_client_asks_for_once_each() {
    let mut peer = server(400);
    peer.send(NON, Code::GET, b"t", 1).path("r").option(Number::Q_BLOCK2, &block(0, true)).go();
    peer.discard();
    peer.send(NON, Code::GET, b"u", 2)
        .path("r")
        .option(Number::Q_BLOCK2, &block(1, false))
        .option(Number::Q_BLOCK2, &block(7, true))
        .option(Number::Q_BLOCK2, &block(8, false))
        .go();
    let (nums, last) = burst(&mut peer, Number::Q_BLOCK2);
    assert_eq!((nums, last.token()), (vec![1, 7, 8, 9], &b"u"[..]));
    peer.wait(seconds(10));
    peer.discard();
    peer.finish();
}

#[test]
fn one_request_gets_a_set_at_most_and_asking_for_ever_is_refused() {
    let mut peer = server(400);
    peer.send(NON, Code::GET, b"t", 1).path("r").option(Number::Q_BLOCK2, &block(0, true)).go();
    peer.wait(seconds(10));
    peer.discard();
    let mut blocks = 0;
    for mid in 2.. {
        let mut all = peer.send(NON, Code::GET, b"u", mid).path("r");
        for num in 0..25 {
            all = all.option(Number::Q_BLOCK2, &block(num, false));
        }
        all.go();
        let first = peer.next_message();
        if first.code() == Code::SERVICE_UNAVAILABLE {
            break;
        }
        let (nums, _) = burst(&mut peer, Number::Q_BLOCK2);
        assert_eq!(nums.len() + 1, 10, "MAX_PAYLOADS");
        blocks += 10;
    }
    assert_eq!(blocks, 25 * 4, "each block NON_MAX_RETRANSMIT times");
    peer.finish();
}

#[test]
fn requests_for_blocks_that_are_none_are_refused() {
    let mut peer = server(400);
    peer.send(NON, Code::GET, b"t", 1).path("r").option(Number::Q_BLOCK2, &block(0, true)).go();
    peer.wait(seconds(10));
    peer.discard();
    let mut refused = |mid: u16, values: &[&[u8]]| {
        let mut out = peer.send(CON, Code::GET, b"u", mid).path("r");
        for value in values {
            out = out.option(Number::Q_BLOCK2, value);
        }
        out.go();
        peer.expect(ACK, Code::BAD_REQUEST, b"u", mid);
    };
    refused(2, &[&[0x30], &[0x20]]);
    refused(3, &[&[0x30], &[0x30]]);
    refused(4, &[&[0x30], &[0x4f]]);
    refused(5, &[&[1, 2, 3, 4]]);
    refused(6, &[&[0x30], &[0x41]]);
    refused(7, &[&[1, 0x90], &[1, 0xa8]]);
    peer.finish();
}

#[test]
fn a_put_for_later_blocks_of_a_response_that_is_gone_is_not_handled() {
    let mut peer = server(400);
    peer.send(CON, Code::PUT, b"t", 1).path("r").option(Number::Q_BLOCK2, &block(3, false)).go();
    peer.expect(ACK, Code::REQUEST_ENTITY_INCOMPLETE, b"t", 1);
    assert_eq!(requests(&peer), 0);
    peer.send(CON, Code::GET, b"t", 2).path("r").option(Number::Q_BLOCK2, &block(3, false)).go();
    peer.expect(ACK, Code::CONTENT, b"t", 2).option(Number::Q_BLOCK2, &block(3, true));
    peer.finish();
}

#[test]
fn a_client_that_rejects_a_block_gets_no_more() {
    let mut peer = server(400);
    peer.send(NON, Code::GET, b"t", 1).path("r").option(Number::Q_BLOCK2, &block(0, true)).go();
    let (_, last) = burst(&mut peer, Number::Q_BLOCK2);
    peer.send(RST, Code::EMPTY, b"", last.mid().0).go();
    peer.wait(seconds(10));
    peer.expect_silence();
    assert_eq!(peer.host.engine.census().bodies, Default::default());
    peer.finish();
}

/// Confirmable blocks go one by one, as NSTART has it.
#[test]
fn a_confirmable_request_is_answered_by_confirmable_blocks() {
    let mut peer = server(64);
    peer.send(CON, Code::GET, b"t", 1).path("r").option(Number::Q_BLOCK2, &block(0, true)).go();
    peer.expect(ACK, Code::CONTENT, b"t", 1).option(Number::Q_BLOCK2, &block(0, true));
    for num in 1..4 {
        let pdu = peer.next_message();
        assert_eq!((pdu.kind(), asked_for(&pdu)), (CON, vec![(num, num < 3)]));
        peer.expect_silence();
        peer.send(ACK, Code::EMPTY, b"", pdu.mid().0).go();
    }
    peer.finish();
}

#[test]
fn a_request_to_a_group_with_q_block2_is_ignored() {
    let mut peer = server(400);
    peer.send(NON, Code::GET, b"t", 1).path("r").option(Number::Q_BLOCK2, &block(0, true)).group().go();
    peer.wait(seconds(10));
    peer.expect_silence();
    assert_eq!(requests(&peer), 0);
    peer.finish();
}

#[test]
fn observers_are_told_in_q_blocks() {
    let mut peer = Peer::of_server();
    peer.host.engine.config.block_mode = QUICK;
    peer.host.engine.config.largest_szx = 0;
    let response = shared(1200);
    let resource = peer.host.serve("r", move |turn| {
        let request = turn.exchange.request.clone();
        let (session, about) = (turn.exchange.session, Representation::default());
        turn.exchange.response.set_code(Code::CONTENT);
        let pdu = &mut turn.exchange.response;
        turn.engine.add_body(turn.now, session, &request, pdu, about, &response).unwrap();
    });
    peer.host.engine.resources.get(resource).unwrap().resource.set_observable(true);
    peer.send(NON, Code::GET, b"t", 1)
        .option(Number::OBSERVE, &[])
        .path("r")
        .option(Number::Q_BLOCK2, &block(0, true))
        .go();
    let (nums, first) = burst(&mut peer, Number::Q_BLOCK2);
    assert_eq!(nums.len(), 10);
    assert!(peer.host.engine.notify(resource));
    peer.host.engine.handle_timeout(peer.now);
    peer.settle();
    let (nums, last) = burst(&mut peer, Number::Q_BLOCK2);
    assert_eq!(nums, (0..10).collect::<Vec<_>>(), "the new one takes the place of the one before");
    assert_ne!(first.option(Number::ETAG), last.option(Number::ETAG));
    assert_ne!(first.option_uint(Number::OBSERVE), last.option_uint(Number::OBSERVE));
    peer.send(NON, Code::GET, b"u", 2).path("r").option(Number::Q_BLOCK2, &block(3, false)).go();
    let again = peer.next_message();
    assert_eq!(
        (again.option(Number::OBSERVE), again.option(Number::ETAG)),
        (None, last.option(Number::ETAG))
    );
    peer.send(RST, Code::EMPTY, b"", last.mid().0).go();
    peer.wait(seconds(10));
    peer.discard();
    peer.send(NON, Code::GET, b"t", 3).option(Number::OBSERVE, &[1]).path("r").go();
    peer.wait(seconds(100));
    peer.discard();
    peer.finish();
}
