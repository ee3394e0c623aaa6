//! Block-wise transfers datagram by datagram (RFC 7959, RFC 9175 §3): what goes over the wire, what
//! the application sees of it, and what a peer that does not play along gets.

use crate::message::{Code, Mid, Number, Pdu, Type};
use crate::protocol::block::{Block, Mode, Shared, Upload};
use crate::protocol::engine::Representation;
use crate::protocol::event::{NackReason, Notice};
use crate::protocol::simulation::{ACK, CON, NON, Peer, RST, Seen, What};
use core::time::Duration;
use std::sync::Arc;

pub(super) const SINGLE: Mode = Mode(Mode::USE_LIBCOAP.0 | Mode::SINGLE_BODY.0);

pub(super) fn body(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i ^ i >> 8) as u8).collect()
}

fn shared(length: usize) -> Shared {
    Arc::new(body(length))
}

pub(super) fn block(num: u32, more: bool, szx: u8) -> Vec<u8> {
    Block { num, more, szx }.encode().to_vec()
}

/// A server with the resource `r`: it takes any body, and its own is so long.
pub(super) fn server(mode: Mode, length: usize) -> Peer {
    let mut peer = Peer::of_server();
    peer.host.engine.config.block_mode = mode;
    let response = shared(length);
    peer.host.serve("r", move |turn| {
        let request = turn.exchange.request.clone();
        let (session, about) = (turn.exchange.session, Representation::default());
        let pdu = &mut turn.exchange.response;
        let more = matches!(Block::of(&request, Number::BLOCK1), Ok(Some(b)) if b.more);
        pdu.set_code(if more { Code::CONTINUE } else { Code::CONTENT });
        if !more && turn.engine.add_body(turn.now, session, &request, pdu, about, &response).is_err() {
            pdu.set_code(Code::BAD_REQUEST);
        }
    });
    peer
}

/// A client in this mode.
pub(super) fn client(mode: Mode) -> Peer {
    let mut peer = Peer::of_client();
    let session = peer.session();
    peer.host.engine.session_mut(session).unwrap().block_mode = mode;
    peer
}

/// The client sends a request with a body of so many bytes. Gives its message ID and token.
pub(super) fn ask(peer: &mut Peer, code: Code, length: usize) -> (u16, Vec<u8>) {
    let (session, now) = (peer.session(), peer.now);
    let mut request = peer.host.new_request(session, CON, code, "r");
    let upload = Upload::begin(&mut request, &shared(length), 6, b"tag").unwrap();
    let token = request.token().to_vec();
    let mid = peer.host.engine.submit(now, session, request, upload).unwrap();
    peer.settle();
    (mid.0, token)
}

/// The next message from the client, which has a message ID and a token of its own.
pub(super) fn next(peer: &mut Peer) -> (Pdu, u16, Vec<u8>) {
    let pdu = peer.next_message();
    let (mid, token) = (pdu.mid().0, pdu.token().to_vec());
    (pdu, mid, token)
}

/// The body that the application saw last, if it was put together.
pub(super) fn whole(peer: &Peer) -> Option<Vec<u8>> {
    peer.host.journal.iter().rev().find_map(|record| match &record.what {
        What::Request { body, .. } | What::Response { body, .. } => Some(body.as_ref()?.data.clone()?),
        _ => None,
    })
}

fn requests(peer: &Peer) -> usize {
    peer.host.journal.iter().filter(|record| matches!(record.what, What::Request { .. })).count()
}

/// ```text
///   host                                        peer
///    |   CON PUT mid=1 Block1:0/1/64             |
///    |<------------------------------------------|
///    |   ACK 2.31 mid=1 Block1:0/1/64            |
///    |------------------------------------------>|
///    |   CON PUT mid=2 Block1:1/0/64             |
///    |<------------------------------------------|
///    |   ACK 2.05 mid=2                          |
///    |------------------------------------------>|
/// ```
#[test]
fn a_body_is_put_together_and_handed_out_once() {
    let mut peer = server(SINGLE, 0);
    let sent = body(100);
    peer.send(CON, Code::PUT, b"a", 1)
        .path("r")
        .option(Number::BLOCK1, &block(0, true, 2))
        .payload(&sent[..64])
        .go();
    peer.expect(ACK, Code::CONTINUE, b"a", 1).option(Number::BLOCK1, &block(0, true, 2));
    peer.send(CON, Code::PUT, b"b", 2)
        .path("r")
        .option(Number::BLOCK1, &block(1, false, 2))
        .payload(&sent[64..])
        .go();
    peer.expect(ACK, Code::CONTENT, b"b", 2).no_option(Number::BLOCK1);
    assert_eq!((whole(&peer), requests(&peer)), (Some(sent), 1));
    peer.finish();
}

/// Where blocks are shown as they come, so is not what a FETCH asks for.
#[test]
fn the_body_of_a_fetch_is_put_together_in_any_mode() {
    let mut peer = server(Mode::USE_LIBCOAP, 0);
    let sent = body(100);
    for (mid, (num, more, part)) in (1..).zip([(0, true, &sent[..64]), (1, false, &sent[64..])]) {
        let block1 = block(num, more, 2);
        let fetch = peer.send(CON, Code::FETCH, b"a", mid).path("r").option(Number::CONTENT_FORMAT, &[42]);
        fetch.option(Number::BLOCK1, &block1).payload(part).go();
        let code = if more { Code::CONTINUE } else { Code::CONTENT };
        peer.expect(ACK, code, b"a", mid);
    }
    assert_eq!((whole(&peer), requests(&peer)), (Some(sent), 1));
    peer.finish();
}

/// CVE-2024-46304: this datagram killed a server that took the body for complete since no more
/// bytes were announced.
#[test]
fn a_first_block_without_size1_is_not_all() {
    let mut peer = server(SINGLE, 0);
    let mut bytes = vec![0x44, 0x03, 0x00, 0x01, 0xaa, 0xbb, 0xcc, 0xdd];
    bytes.extend([0xb1, b'r', 0xd3, 0x03, 0x00, 0x00, 0x08, 0xff]);
    bytes.extend([7; 16]);
    peer.send_bytes(&bytes);
    peer.expect(ACK, Code::CONTINUE, &[0xaa, 0xbb, 0xcc, 0xdd], 1);
    assert_eq!(requests(&peer), 0);
    peer.wait(Duration::from_secs(100));
    assert_eq!(peer.seen(), [Seen::Notice(Notice::PartialBody)], "it is forgotten in time");
    peer.finish();
}

#[test]
fn an_announced_size_reserves_nothing_and_one_that_is_too_large_is_refused() {
    let mut peer = server(SINGLE, 0);
    let start = |peer: &mut Peer, mid: u16, size: &[u8]| {
        peer.send(CON, Code::PUT, b"t", mid)
            .path("r")
            .option(Number::BLOCK1, &block(0, true, 0))
            .option(Number::SIZE1, size)
            .payload(&[7; 16])
            .go();
    };
    start(&mut peer, 1, &[0x03, 0xff, 0xff, 0xff]);
    peer.expect(ACK, Code::CONTINUE, b"t", 1);
    assert!(peer.host.engine.census().bodies.cost < 4096);
    start(&mut peer, 2, &[0x0f, 0xff, 0xff, 0xff]);
    let refused = peer.expect(ACK, Code::REQUEST_ENTITY_TOO_LARGE, b"t", 2);
    assert_eq!(refused.0.option_uint(Number::SIZE1), Some(64 << 20));
    peer.wait(Duration::from_secs(100));
    peer.seen();
    peer.finish();
}

#[test]
fn blocks_that_are_none_are_refused() {
    let mut peer = server(SINGLE, 0);
    let mut refused = |value: &[u8], payload: usize, code| {
        let mid = peer.now.0 as u16;
        peer.wait(Duration::from_millis(1));
        peer.send(CON, Code::PUT, b"t", mid)
            .path("r")
            .option(Number::BLOCK1, value)
            .payload(&body(payload))
            .go();
        peer.expect(ACK, code, b"t", mid);
    };
    refused(&[0x0f], 64, Code::BAD_REQUEST);
    refused(&[0x0a], 63, Code::BAD_REQUEST);
    refused(&[0x0a], 0, Code::BAD_REQUEST);
    refused(&block(0xf_ffff, true, 6), 1024, Code::REQUEST_ENTITY_TOO_LARGE);
    peer.finish();
}

#[test]
fn a_peer_that_begins_bodies_without_end_loses_the_oldest() {
    let mut peer = server(SINGLE, 0);
    for n in 0..40u8 {
        peer.send(CON, Code::PUT, b"t", n.into())
            .path("r")
            .option(Number::URI_QUERY, &[n])
            .option(Number::BLOCK1, &block(0, true, 0))
            .payload(&[7; 16])
            .go();
        peer.expect(ACK, Code::CONTINUE, b"t", n.into());
    }
    assert_eq!(peer.host.engine.census().bodies.coming, 16);
    assert_eq!(peer.seen().len(), 24);
    peer.wait(Duration::from_secs(100));
    assert_eq!(peer.host.engine.census().bodies, Default::default());
    peer.seen();
    peer.finish();
}

#[test]
fn unfinished_bodies_of_a_context_take_no_more_memory_than_they_may() {
    let mut peer = server(SINGLE, 0);
    peer.host.engine.limit_bodies(7500);
    let put = |peer: &mut Peer, num: u32| {
        peer.send(CON, Code::PUT, b"t", num as u16)
            .path("r")
            .option(Number::BLOCK1, &block(num, true, 6))
            .payload(&body(1024))
            .go();
        peer.next_message().code()
    };
    // Early blocks cost memory as well as those that are in their place.
    let codes: Vec<_> = [0, 1, 5, 9, 13, 17, 21].into_iter().map(|num| put(&mut peer, num)).collect();
    assert_eq!(codes[..6], [Code::CONTINUE; 6]);
    assert_eq!(codes[6], Code::SERVICE_UNAVAILABLE);
    assert_eq!(peer.host.engine.census().bodies, Default::default());
    assert_eq!(put(&mut peer, 0), Code::CONTINUE);
    peer.wait(Duration::from_secs(100));
    peer.seen();
    peer.finish();
}

#[test]
fn blocks_that_come_in_any_order_make_the_same_body() {
    let mut peer = server(SINGLE, 0);
    let sent = body(150);
    let put = |peer: &mut Peer, num: u32| {
        let at = num as usize * 64;
        let end = sent.len().min(at + 64);
        peer.send(CON, Code::PUT, &[num as u8], num as u16)
            .path("r")
            .option(Number::BLOCK1, &block(num, end < sent.len(), 2))
            .payload(&sent[at..end])
            .go();
    };
    put(&mut peer, 1);
    peer.expect(ACK, Code::CONTINUE, &[1], 1);
    // The last one: its response comes when all of the body is there, in a message of its own.
    put(&mut peer, 2);
    peer.expect_empty(ACK, 2);
    put(&mut peer, 0);
    peer.expect(ACK, Code::CONTINUE, &[0], 0);
    let mid = peer.expect_new(CON, Code::CONTENT, &[2]);
    peer.send(ACK, Code::EMPTY, b"", mid).go();
    assert_eq!(whole(&peer), Some(sent));
    peer.finish();
}

#[test]
fn where_blocks_must_come_in_order_a_gap_is_refused() {
    let mut peer = server(Mode(SINGLE.0 | Mode::NOT_RANDOM_BLOCK1.0), 0);
    peer.send(CON, Code::PUT, b"t", 1)
        .path("r")
        .option(Number::BLOCK1, &block(1, true, 0))
        .payload(&[7; 16])
        .go();
    peer.expect(ACK, Code::REQUEST_ENTITY_INCOMPLETE, b"t", 1);
    peer.wait(Duration::from_secs(100));
    peer.seen();
    peer.finish();
}

/// RFC 7959 §2.4: the handler is called for the first block only.
#[test]
fn later_blocks_of_a_response_are_served_without_the_handler() {
    let mut peer = server(Mode::USE_LIBCOAP, 3000);
    let expected = body(3000);
    peer.send(CON, Code::GET, b"a", 1).path("r").go();
    let first = peer.expect(ACK, Code::CONTENT, b"a", 1).option(Number::BLOCK2, &block(0, true, 6)).0;
    let etag = first.option(Number::ETAG).unwrap().value.to_vec();
    for (num, mid) in [(2, 2), (1, 3), (1, 4)] {
        peer.send(CON, Code::GET, b"b", mid).path("r").option(Number::BLOCK2, &block(num, false, 6)).go();
        let at = num as usize * 1024;
        let end = expected.len().min(at + 1024);
        peer.expect(ACK, Code::CONTENT, b"b", mid)
            .option(Number::BLOCK2, &block(num, end < expected.len(), 6))
            .option(Number::ETAG, &etag)
            .payload(&expected[at..end]);
    }
    // Smaller ones from here on.
    peer.send(CON, Code::GET, b"c", 5).path("r").option(Number::BLOCK2, &block(8, false, 4)).go();
    peer.expect(ACK, Code::CONTENT, b"c", 5).payload(&expected[2048..2304]);
    peer.send(CON, Code::GET, b"d", 6).path("r").option(Number::BLOCK2, &block(3, false, 6)).go();
    peer.expect(ACK, Code::BAD_REQUEST, b"d", 6);
    assert_eq!(requests(&peer), 1);
    peer.wait(Duration::from_secs(100));
    assert_eq!(peer.host.engine.census().bodies, Default::default());
    peer.finish();
}

#[test]
fn a_server_that_keeps_nothing_is_asked_for_each_block() {
    let mut peer = server(Mode(Mode::USE_LIBCOAP.0 | Mode::STLESS_BLOCK2.0), 3000);
    let mut etags = Vec::new();
    for num in 0..3 {
        peer.send(CON, Code::GET, b"t", num)
            .path("r")
            .option(Number::BLOCK2, &block(num.into(), false, 6))
            .go();
        let answer = peer.expect(ACK, Code::CONTENT, b"t", num).0;
        etags.push(answer.option(Number::ETAG).unwrap().value.to_vec());
    }
    assert!(etags.iter().all(|e| *e == etags[0]), "blocks of the same body have the same ETag");
    assert_eq!(requests(&peer), 3);
    assert_eq!(peer.host.engine.census().bodies, Default::default());
    peer.finish();
}

#[test]
fn a_peer_that_begins_downloads_without_end_has_the_last_ones_kept() {
    let mut peer = server(Mode::USE_LIBCOAP, 3000);
    for n in 0..100u8 {
        peer.send(CON, Code::GET, b"t", n.into()).path("r").option(Number::URI_QUERY, &[n]).go();
        peer.expect(ACK, Code::CONTENT, b"t", n.into());
    }
    assert_eq!(peer.host.engine.census().bodies.served, 32);
    peer.wait(Duration::from_secs(100));
    peer.seen();
    peer.finish();
}

/// ```text
///   host                                        peer
///    |   CON GET mid=1 token=t                   |
///    |------------------------------------------>|
///    |   ACK 2.05 mid=1 token=t Block2:0/1/64    |
///    |<------------------------------------------|
///    |   CON GET mid=2 token=u Block2:1/0/64     |
///    |------------------------------------------>|
///    |   ACK 2.05 mid=2 token=u Block2:1/0/64    |
///    |<------------------------------------------|
/// ```
#[test]
fn the_application_sees_a_response_in_blocks_whole_and_under_its_own_token() {
    let mut peer = client(SINGLE);
    let expected = body(100);
    let (mid, token) = ask(&mut peer, Code::GET, 0);
    let first = peer.expect(CON, Code::GET, &token, mid).0;
    let tag = first.option(Number::REQUEST_TAG).unwrap().value.to_vec();
    peer.send(ACK, Code::CONTENT, &token, mid)
        .option(Number::BLOCK2, &block(0, true, 2))
        .payload(&expected[..64])
        .go();
    let (request, mid, second) = next(&mut peer);
    assert_ne!(second, token);
    assert_eq!(request.option(Number::BLOCK2).unwrap().value, block(1, false, 2));
    assert_eq!(request.option(Number::REQUEST_TAG).unwrap().value, tag);
    peer.send(ACK, Code::CONTENT, &second, mid)
        .option(Number::BLOCK2, &block(1, false, 2))
        .payload(&expected[64..])
        .go();
    assert_eq!(peer.seen(), [Seen::Response(Code::CONTENT, token, Some(mid))]);
    assert_eq!(whole(&peer), Some(expected));
    peer.finish();
}

/// RFC 7959 §2.4: blocks of two bodies are never mixed.
#[test]
fn a_body_that_changes_on_the_way_is_asked_for_again() {
    let mut peer = client(SINGLE);
    let (_, token) = ask(&mut peer, Code::GET, 0);
    let answer = |peer: &mut Peer, etag: &[u8], num: u32, fill: u8| {
        let (request, mid, token) = next(peer);
        peer.send(ACK, Code::CONTENT, &token, mid)
            .option(Number::ETAG, etag)
            .option(Number::BLOCK2, &block(num, num < 2, 0))
            .payload(&[fill; 16])
            .go();
        Block::of(&request, Number::BLOCK2).unwrap().map_or(0, |b| b.num)
    };
    assert_eq!(answer(&mut peer, b"1", 0, 1), 0);
    assert_eq!(answer(&mut peer, b"2", 1, 2), 1);
    assert_eq!(answer(&mut peer, b"2", 0, 2), 0);
    assert_eq!(answer(&mut peer, b"2", 1, 2), 1);
    assert_eq!(answer(&mut peer, b"2", 2, 2), 2);
    assert!(matches!(&peer.seen()[..], [Seen::Response(Code::CONTENT, t, _)] if *t == token));
    assert_eq!(whole(&peer), Some(vec![2; 48]));
    peer.finish();
}

#[test]
fn a_body_that_changes_each_time_is_given_up() {
    let mut peer = client(SINGLE);
    ask(&mut peer, Code::GET, 0);
    for n in 0..40u8 {
        let Some(request) = peer.poll_message() else { break };
        let block =
            Block::of(&request, Number::BLOCK2).unwrap().unwrap_or(Block { num: 0, more: true, szx: 0 });
        let value = Block { more: true, ..block }.encode();
        let (mid, token) = (request.mid().0, request.token().to_vec());
        peer.send(ACK, Code::CONTENT, &token, mid)
            .option(Number::ETAG, &[n])
            .option(Number::BLOCK2, &value)
            .payload(&[n; 16])
            .go();
    }
    assert!(matches!(&peer.seen()[..], [Seen::Response(..)]), "it ends with one response");
    peer.finish();
}

#[test]
fn blocks_that_nobody_asked_for_fail_the_response() {
    for (value, payload) in [(block(2, true, 0), 16), (block(0, true, 0), 16), (block(1, true, 0), 15)] {
        let mut peer = client(SINGLE);
        let (mid, token) = ask(&mut peer, Code::GET, 0);
        peer.discard();
        peer.send(ACK, Code::CONTENT, &token, mid)
            .option(Number::BLOCK2, &block(0, true, 0))
            .payload(&[7; 16])
            .go();
        let (_, mid, second) = next(&mut peer);
        peer.send(ACK, Code::CONTENT, &second, mid)
            .option(Number::BLOCK2, &value)
            .payload(&body(payload))
            .go();
        assert_eq!(peer.seen(), [Seen::Response(Code::BAD_OPTION, token, Some(mid))]);
        assert_eq!(whole(&peer), None);
        peer.finish();
    }
}

#[test]
fn a_block_that_is_not_delivered_is_a_request_that_is_not_delivered() {
    let mut peer = client(SINGLE);
    let (mid, token) = ask(&mut peer, Code::PUT, 3000);
    peer.discard();
    peer.send(ACK, Code::CONTINUE, &token, mid).option(Number::BLOCK1, &block(0, true, 6)).go();
    let (_, mid, _) = next(&mut peer);
    peer.send(RST, Code::EMPTY, b"", mid).go();
    assert_eq!(peer.seen(), [Seen::Nack(NackReason::Reset, mid), Seen::Notice(Notice::BodyNotSent)]);
    let sent = peer.host.journal.iter().rev().find_map(|record| match &record.what {
        What::Nack { sent, .. } => sent.clone(),
        _ => None,
    });
    assert_eq!(sent.unwrap().token(), token, "it has the application's token");
    assert_eq!(peer.host.engine.census().bodies, Default::default());
    peer.finish();
}

/// RFC 7959 §2.9.3.
#[test]
fn a_server_that_finds_the_first_block_too_large_gets_smaller_ones() {
    let mut peer = client(SINGLE);
    let expected = body(1500);
    let (mid, token) = ask(&mut peer, Code::PUT, 1500);
    peer.discard();
    peer.send(ACK, Code::REQUEST_ENTITY_TOO_LARGE, &token, mid)
        .option(Number::BLOCK1, &block(0, false, 4))
        .go();
    for num in 0..6 {
        let (request, mid, token) = next(&mut peer);
        let at = num as usize * 256;
        assert_eq!(request.payload().unwrap(), &expected[at..expected.len().min(at + 256)]);
        let code = if num < 5 { Code::CONTINUE } else { Code::CHANGED };
        peer.send(ACK, code, &token, mid).option(Number::BLOCK1, &block(num, num < 5, 4)).go();
    }
    assert!(matches!(&peer.seen()[..], [Seen::Response(Code::CHANGED, t, _)] if *t == token));
    peer.finish();
}

#[test]
fn a_body_whose_acknowledgements_do_not_come_is_given_back_in_time() {
    let mut peer = client(SINGLE);
    let (session, now) = (peer.session(), peer.now);
    let mut request = peer.host.new_request(session, NON, Code::PUT, "r");
    let lent: Arc<Vec<u8>> = Arc::new(body(3000));
    let upload = Upload::begin(&mut request, &(Arc::clone(&lent) as Shared), 6, b"tag").unwrap();
    peer.host.engine.submit(now, session, request, upload).unwrap();
    peer.settle();
    peer.discard();
    assert_eq!(Arc::strong_count(&lent), 2);
    peer.wait(Duration::from_secs(250));
    assert_eq!(Arc::strong_count(&lent), 1);
    assert_eq!(peer.seen(), [Seen::Notice(Notice::BodyNotSent)]);
    peer.finish();
}

#[test]
fn a_session_that_ends_gives_its_bodies_back() {
    let mut peer = client(SINGLE);
    let (session, now) = (peer.session(), peer.now);
    let mut request = peer.host.new_request(session, NON, Code::PUT, "r");
    let lent: Arc<Vec<u8>> = Arc::new(body(3000));
    let upload = Upload::begin(&mut request, &(Arc::clone(&lent) as Shared), 6, b"tag").unwrap();
    peer.host.engine.submit(now, session, request, upload).unwrap();
    peer.host.engine.end(session);
    peer.settle();
    peer.discard();
    assert_eq!(Arc::strong_count(&lent), 1);
    assert_eq!(peer.host.engine.census().bodies, Default::default());
}

/// RFC 7959 §3.4: each notification is a body of its own, and the newest counts.
#[test]
fn a_notification_in_blocks_is_fetched_and_the_observation_goes_on() {
    let (mut peer, mid, token) = observer();
    let mut kind = (ACK, mid);
    for n in 1..4u8 {
        peer.send(kind.0, Code::CONTENT, &token, kind.1)
            .option(Number::OBSERVE, &[n])
            .option(Number::ETAG, &[n])
            .option(Number::BLOCK2, &block(0, true, 0))
            .payload(&[n; 16])
            .go();
        let (request, mid, second) = next(&mut peer);
        assert!(request.option(Number::OBSERVE).is_none(), "RFC 7959 §2.6");
        peer.send(ACK, Code::CONTENT, &second, mid)
            .option(Number::ETAG, &[n])
            .option(Number::BLOCK2, &block(1, false, 0))
            .payload(&[n; 5])
            .go();
        assert!(matches!(&peer.seen()[..], [Seen::Response(Code::CONTENT, t, _)] if *t == token));
        assert_eq!(whole(&peer), Some(vec![n; 21]));
        kind = (NON, 100 + u16::from(n));
    }
    let session = peer.session();
    peer.host.engine.end(session);
    peer.settle();
}

/// A client that has asked to observe. The message ID and the token of its request.
fn observer() -> (Peer, u16, Vec<u8>) {
    let mut peer = client(SINGLE);
    let (session, now) = (peer.session(), peer.now);
    let mut request = peer.host.new_request(session, CON, Code::GET, "r");
    request.add_option(Number::OBSERVE, &[]).unwrap();
    let token = request.token().to_vec();
    let Mid(mid) = peer.host.engine.submit(now, session, request, None).unwrap();
    peer.settle();
    peer.discard();
    (peer, mid, token)
}

/// A client that observes, and has got the first block of a notification and asked for the second. Its
/// token, and the message ID and token of the request for the second.
fn observing() -> (Peer, Vec<u8>, u16, Vec<u8>) {
    let (mut peer, mid, token) = observer();
    notify(&mut peer, ACK, mid, &token, 1);
    let (_, mid, second) = next(&mut peer);
    (peer, token, mid, second)
}

/// The first of two blocks of a notification.
fn notify(peer: &mut Peer, kind: Type, mid: u16, token: &[u8], number: u8) {
    let message = peer.send(kind, Code::CONTENT, token, mid).option(Number::ETAG, &[number]);
    let message = message.option(Number::OBSERVE, &[number]).option(Number::BLOCK2, &block(0, true, 0));
    message.payload(&[number; 16]).go();
}

#[test]
fn a_notification_that_changes_on_the_way_is_one_still() {
    let (mut peer, token, mid, second) = observing();
    let send = |peer: &mut Peer, mid, token: &[u8], num| {
        let message = peer.send(ACK, Code::CONTENT, token, mid).option(Number::ETAG, &[2]);
        message.option(Number::BLOCK2, &block(num, num == 0, 0)).payload(&[2; 16]).go();
    };
    send(&mut peer, mid, &second, 1);
    for num in 0..2 {
        let (request, mid, token) = next(&mut peer);
        assert_eq!(Block::of(&request, Number::BLOCK2).unwrap().unwrap().num, num);
        send(&mut peer, mid, &token, num);
    }
    assert_eq!(whole(&peer), Some(vec![2; 32]));
    let What::Response { received, .. } = &peer.host.journal.last().unwrap().what else { unreachable!() };
    assert_eq!((received.token(), received.option_uint(Number::OBSERVE)), (&token[..], Some(1)));
}

#[test]
fn a_late_block_of_a_notification_that_another_has_replaced_is_rejected() {
    let (mut peer, token, mid, second) = observing();
    peer.send(ACK, Code::EMPTY, b"", mid).go();
    notify(&mut peer, CON, 900, &token, 2);
    peer.expect_empty(ACK, 900);
    let (_, mid, newer) = next(&mut peer);
    let before = peer.host.journal.len();
    let late = peer.send(CON, Code::CONTENT, &second, 901).option(Number::ETAG, &[1]);
    late.option(Number::BLOCK2, &block(1, false, 0)).payload(&[1; 16]).go();
    peer.expect_empty(RST, 901);
    assert_eq!(peer.host.journal.len(), before, "the application has not asked for it");
    let last = peer.send(ACK, Code::CONTENT, &newer, mid).option(Number::ETAG, &[2]);
    last.option(Number::BLOCK2, &block(1, false, 0)).payload(&[2; 16]).go();
    assert_eq!(whole(&peer), Some(vec![2; 32]));
}
