//! What is no message, or none that may be there (RFC 7252 §3, §4.2, §4.3): rejected where a Reset
//! is allowed, ignored elsewhere, and never seen by a handler.

use crate::message::{Code, Type};
use crate::protocol::event::Notice;
use crate::protocol::simulation::{ACK, CON, NON, Peer, RST, Seen};

/// A datagram without its first byte's type, and which types are rejected by a Reset.
type Case = (&'static str, &'static [u8], &'static [Type]);

const BOTH: &[Type] = &[CON, NON];

const CASES: [Case; 18] = [
    ("an empty message with a token", &[0x41, 0x00, 0, 7, b't'], BOTH),
    ("an empty message with an option", &[0x40, 0x00, 0, 7, 0x10], BOTH),
    ("an empty message with a payload", &[0x40, 0x00, 0, 7, 0xff, b'p'], BOTH),
    ("a reserved class", &[0x40, 0x20, 0, 7], &[CON]),
    ("another reserved class", &[0x40, 0xc5, 0, 7], &[CON]),
    ("a signal, which UDP does not have", &[0x40, 0xe2, 0, 7], &[CON]),
    ("a token that is cut short", &[0x44, 0x01, 0, 7, 1, 2, 3], BOTH),
    ("a token length that is reserved", &[0x4f, 0x01, 0, 7, 1, 2, 3], BOTH),
    ("an extended token length that is cut short", &[0x4d, 0x01, 0, 7], BOTH),
    ("an option that is cut short", &[0x40, 0x01, 0, 7, 0xb4, b'a'], BOTH),
    ("an option delta that is reserved", &[0x40, 0x01, 0, 7, 0xf0], BOTH),
    ("an option length that is reserved", &[0x40, 0x01, 0, 7, 0x0f], BOTH),
    ("an extended delta that is cut short", &[0x40, 0x01, 0, 7, 0xe0, 0x01], BOTH),
    ("an option number over 65535", &[0x40, 0x01, 0, 7, 0xe0, 0xff, 0xff], BOTH),
    ("a payload marker without payload", &[0x40, 0x01, 0, 7, 0xff], BOTH),
    ("a Hop-Limit of two bytes", &[0x40, 0x01, 0, 7, 0xd2, 3, 1, 1], BOTH),
    ("a Uri-Host of no bytes", &[0x40, 0x01, 0, 7, 0x30], BOTH),
    ("an Observe of four bytes", &[0x40, 0x01, 0, 7, 0x64, 0, 0, 0, 1], BOTH),
];

#[test]
fn malformed_messages_are_rejected_or_ignored_as_their_type_says() {
    for (what, bytes, rejected) in CASES {
        for kind in [CON, NON, ACK, RST] {
            let mut peer = Peer::of_server();
            peer.host.serve("", |turn| turn.reply(Code::CONTENT, b""));
            let mut bytes = bytes.to_vec();
            bytes[0] |= (kind as u8) << 4;
            peer.send_bytes(&bytes);
            if rejected.contains(&kind) {
                peer.expect_empty(RST, 7);
            }
            peer.expect_silence();
            assert!(peer.seen().iter().all(|s| *s == Seen::Notice(Notice::BadPacket)), "{what}, {kind:?}");
            // The server lives.
            peer.send(CON, Code::GET, b"t", 8).go();
            peer.expect(ACK, Code::CONTENT, b"t", 8);
            peer.finish();
        }
    }
}

#[test]
fn what_is_not_even_a_header_of_this_version_is_dropped_and_opens_no_session() {
    let mut peer = Peer::of_server();
    for length in 0..4 {
        peer.send_bytes(&[0x40, 0x01, 0, 7][..length]);
    }
    for version in [0x00, 0x80, 0xc0] {
        peer.send_bytes(&[version, 0x01, 0, 7]);
    }
    assert!(peer.host.engine.sessions().is_empty());
    assert!(peer.host.journal.is_empty());
    peer.finish();
}

/// RFC 7252 §4.3: nothing can be made of it, and nothing need be said.
#[test]
fn an_empty_non_confirmable_message_is_not_answered() {
    let mut peer = Peer::of_server();
    peer.send(NON, Code::EMPTY, b"", 7).go();
    peer.finish();
}

/// Every datagram of a good message cut short, in place of the message itself.
#[test]
fn every_beginning_of_a_message_is_survived() {
    let mut peer = Peer::of_server();
    peer.host.serve("a", |turn| turn.reply(Code::CONTENT, b""));
    let whole = [0x44, 0x01, 0, 7, 1, 2, 3, 4, 0xb1, b'a', 0x41, b'q', 0xff, b'p', b'p'];
    for length in 0..=whole.len() {
        peer.send_bytes(&whole[..length]);
    }
    assert!(peer.seen().len() >= whole.len() - 4);
}
