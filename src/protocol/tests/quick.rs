//! Q-Block datagram by datagram (RFC 9177): what goes over the wire, what the application sees of it, and
//! what a peer that does not play along gets.

use crate::message::{Code, Number, Pdu, Type};
use crate::protocol::block::quick::{Support, list, read_list};
use crate::protocol::block::{Block, Mode, Shared, Upload};
use crate::protocol::engine::Representation;
use crate::protocol::event::{NackReason, Notice};
use crate::protocol::simulation::{ACK, CON, NON, Peer, RST, Seen, What};
use core::time::Duration;
use proptest::prelude::*;
use std::sync::Arc;

const QUICK: Mode = Mode(Mode::USE_LIBCOAP.0 | Mode::SINGLE_BODY.0 | Mode::TRY_Q_BLOCK.0);

fn body(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i ^ i >> 8) as u8).collect()
}

fn shared(length: usize) -> Shared {
    Arc::new(body(length))
}

fn block(num: u32, more: bool) -> Vec<u8> {
    Block { num, more, szx: 0 }.encode().to_vec()
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A server with the resource `r`: it takes any body, and its own is so long.
fn server(length: usize) -> Peer {
    let mut peer = Peer::of_server();
    peer.host.engine.config.block_mode = QUICK;
    peer.host.engine.config.largest_szx = 0;
    let response = shared(length);
    peer.host.serve("r", move |turn| {
        let request = turn.exchange.request.clone();
        let (session, about) = (turn.exchange.session, Representation::default());
        turn.exchange.response.set_code(Code::CONTENT);
        let pdu = &mut turn.exchange.response;
        if turn.engine.add_body(turn.now, session, &request, pdu, about, &response).is_err() {
            pdu.set_code(Code::BAD_REQUEST);
        }
    });
    peer
}

/// A client whose peer is known to know Q-Block.
fn client() -> Peer {
    let mut peer = asking_client();
    let session = peer.session();
    peer.host.engine.session_mut(session).unwrap().quick = Support::Known;
    peer
}

/// A client that knows nothing of its peer.
fn asking_client() -> Peer {
    let mut peer = Peer::of_client();
    let session = peer.session();
    let session = peer.host.engine.session_mut(session).unwrap();
    (session.block_mode, session.largest_szx) = (QUICK, 0);
    peer
}

/// The client sends a request with a body of so many bytes. Gives its message ID and token.
fn ask(peer: &mut Peer, kind: Type, code: Code, length: usize) -> (u16, Vec<u8>) {
    let (session, now) = (peer.session(), peer.now);
    let mut request = peer.host.new_request(session, kind, code, "r");
    if length > 0 {
        request.add_option(Number::BLOCK1, &block(0, false)).unwrap();
    }
    let upload = Upload::begin(&mut request, &shared(length), 0, b"tag").unwrap();
    let token = request.token().to_vec();
    let mid = peer.host.engine.submit(now, session, request, upload).unwrap();
    peer.settle();
    (mid.0, token)
}

/// The numbers of the blocks that the host sends now, and the last of the messages.
fn burst(peer: &mut Peer, number: Number) -> (Vec<u32>, Pdu) {
    let mut last = None;
    let mut nums = Vec::new();
    while let Some(pdu) = peer.poll_message() {
        nums.push(Block::of(&pdu, number).unwrap().expect("a block").num);
        last = Some(pdu);
    }
    (nums, last.expect("something is sent"))
}

/// The test sends these blocks of a body of 16 bytes each as non-confirmable requests; the ID and the
/// token of a message are its block's number and `salt`.
fn put(peer: &mut Peer, salt: u8, length: usize, nums: impl IntoIterator<Item = u32>) {
    let all = body(length);
    for num in nums {
        let (block, slice) = Block { num, more: false, szx: 0 }.cut(&all, 0).unwrap();
        peer.send(NON, Code::PUT, &[salt, num as u8], u16::from(salt) << 8 | num as u16)
            .path("r")
            .option(Number::Q_BLOCK1, &block.encode())
            .option(Number::SIZE1, &[(length >> 8) as u8, length as u8])
            .option(Number::REQUEST_TAG, b"tag")
            .payload(slice)
            .go();
    }
}

/// The next message asks for missing blocks, under this token.
#[track_caller]
fn expect_list(peer: &mut Peer, token: &[u8]) -> (Vec<u32>, u16) {
    let pdu = peer.next_message();
    assert_eq!((pdu.code(), pdu.token()), (Code::REQUEST_ENTITY_INCOMPLETE, token));
    assert_eq!(pdu.option_uint(Number::CONTENT_FORMAT), Some(272));
    (read_list(pdu.payload().unwrap()).unwrap(), pdu.mid().0)
}

/// The body that the application saw last.
fn whole(peer: &Peer) -> Option<Vec<u8>> {
    peer.host.journal.iter().rev().find_map(|record| match &record.what {
        What::Request { body, .. } | What::Response { body, .. } => Some(body.as_ref()?.data.clone()?),
        _ => None,
    })
}

fn requests(peer: &Peer) -> usize {
    peer.host.journal.iter().filter(|record| matches!(record.what, What::Request { .. })).count()
}

/// The test sends a block of a response of `length` bytes.
fn part(peer: &mut Peer, kind: Type, token: &[u8], mid: u16, num: u32, length: usize) {
    let all = body(length);
    let (block, slice) = Block { num, more: false, szx: 0 }.cut(&all, 0).unwrap();
    peer.send(kind, Code::CONTENT, token, mid)
        .option(Number::ETAG, b"e")
        .option(Number::Q_BLOCK2, &block.encode())
        .option(Number::SIZE2, &[(length >> 8) as u8, length as u8])
        .payload(slice)
        .go();
}

/// The blocks that a request asks for, and with which M bit.
fn asked_for(pdu: &Pdu) -> Vec<(u32, bool)> {
    let options = pdu.options().filter(|o| o.number == Number::Q_BLOCK2);
    options.map(|o| Block::decode(o.value).unwrap()).map(|b| (b.num, b.more)).collect()
}

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

/// What a peer that does not play along says.
#[derive(Clone, Debug)]
enum Hostile {
    Ask { kind: Type, code: Code, length: usize },
    Say { kind: Type, code: Code, known: bool, options: Vec<(Number, Vec<u8>)>, payload: Vec<u8> },
    Wait(u64),
}

fn hostile() -> impl Strategy<Value = Hostile> {
    let kinds = || prop_oneof![Just(NON), Just(NON), Just(CON), Just(ACK), Just(RST)];
    let asked = (
        prop_oneof![Just(NON), Just(CON)],
        prop_oneof![Just(Code::GET), Just(Code::PUT), Just(Code::POST)],
        prop_oneof![Just(0usize), 0..1000usize],
    );
    let codes = prop_oneof![
        Just(Code::CONTENT),
        Just(Code::CONTINUE),
        Just(Code::REQUEST_ENTITY_INCOMPLETE),
        Just(Code::UNAUTHORIZED),
        Just(Code::GET),
        Just(Code::PUT),
    ];
    let small = (0..30u32, any::<bool>(), prop_oneof![4 => Just(0u8), 1 => 0..8u8])
        .prop_map(|(num, more, szx)| Block { num, more, szx }.encode().to_vec());
    let value = prop_oneof![4 => small, 1 => proptest::collection::vec(any::<u8>(), 0..4)];
    let number = prop_oneof![
        4 => Just(Number::Q_BLOCK1),
        4 => Just(Number::Q_BLOCK2),
        1 => Just(Number::BLOCK1),
        1 => Just(Number::BLOCK2),
        2 => Just(Number::SIZE1),
        2 => Just(Number::SIZE2),
        2 => Just(Number::ETAG),
        2 => Just(Number::REQUEST_TAG),
        1 => Just(Number::OBSERVE),
        1 => Just(Number::ECHO),
    ];
    let format = Just((Number::CONTENT_FORMAT, vec![1, 16]));
    let option = prop_oneof![6 => (number, value), 1 => format];
    let payload = prop_oneof![
        Just(vec![7; 16]),
        proptest::collection::vec(any::<u8>(), 0..20),
        (0..30u8).prop_map(|first| (first..30).collect()),
    ];
    prop_oneof![
        1 => asked.prop_map(|(kind, code, length)| Hostile::Ask { kind, code, length }),
        8 => (kinds(), codes, any::<bool>(), proptest::collection::vec(option, 0..4), payload)
            .prop_map(|(kind, code, known, options, payload)| Hostile::Say { kind, code, known, options, payload }),
        2 => prop_oneof![0..3_000u64, 0..100_000u64].prop_map(Hostile::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_peer_says_nothing_breaks_and_one_message_gets_two_sets_at_most(
        acts in proptest::collection::vec(hostile(), 0..60),
        is_client in any::<bool>(),
    ) {
        let mut peer = if is_client { client() } else { server(400) };
        let mut last = (0, b"t".to_vec());
        for (i, act) in acts.into_iter().enumerate() {
            let answers = match act {
                Hostile::Ask { kind, code, length } if is_client => {
                    ask(&mut peer, kind, code, length);
                    usize::MAX
                }
                Hostile::Ask { .. } => 0,
                Hostile::Wait(ms) => {
                    peer.wait(Duration::from_millis(ms));
                    usize::MAX
                }
                Hostile::Say { kind, code, known, options, payload } => {
                    let (mid, token) = if known { last.clone() } else { (i as u16, b"t".to_vec()) };
                    let is_empty = matches!(kind, Type::Reset);
                    let (code, token) = if is_empty { (Code::EMPTY, Vec::new()) } else { (code, token) };
                    let mut out = peer.send(kind, code, &token, mid);
                    if !is_empty {
                        out = out.path("r");
                        for (number, value) in options {
                            out = out.option(number, &value);
                        }
                        out = if payload.is_empty() { out } else { out.payload(&payload) };
                    }
                    out.go();
                    // A set, what waited for a free slot, and an acknowledgement.
                    2 * 10 + 2
                }
            };
            let mut sent = 0;
            while let Some(pdu) = peer.poll_message() {
                sent += 1;
                last = (pdu.mid().0, pdu.token().to_vec());
            }
            prop_assert!(sent <= answers, "{} messages", sent);
        }
        peer.host.engine.end_all();
        peer.settle();
        peer.discard();
        peer.seen();
        peer.finish();
    }
}
