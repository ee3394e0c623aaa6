//! Q-Block datagram by datagram (RFC 9177): what goes over the wire, what the application sees of it, and
//! what a peer that does not play along gets.

mod client;
mod hostile;
mod server;

use crate::message::{Code, Number, Pdu, Type};
use crate::protocol::block::quick::{Support, list, read_list};
use crate::protocol::block::{Block, Mode, Shared, Upload};
use crate::protocol::engine::Representation;
use crate::protocol::event::{NackReason, Notice};
use crate::protocol::simulation::{ACK, CON, NON, Peer, RST, Seen, What};
use core::time::Duration;
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
        let pdu = &mut turn.exchange.response;
        let added = turn.engine.add_body(turn.now, session, &request, pdu, about, &response);
        // All blocks have the code that is set when the body is there already.
        pdu.set_code(if added.is_ok() { Code::CONTENT } else { Code::BAD_REQUEST });
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
