//! Messages, control frames, and what is forbidden.

use super::*;
use proptest::prelude::*;

fn message(bytes: &[u8]) -> Received {
    Received::Message(bytes.to_vec())
}

/// What a server makes of frames of a client.
fn serve(bytes: &[u8]) -> Outcome {
    feed(&mut open_server(), bytes, usize::MAX)
}

/// The frame that ends it: a server's close frame with a code.
fn close_frame(code: u16) -> Vec<u8> {
    [&[0x88, 2][..], &code.to_be_bytes()].concat()
}

#[test]
fn both_sides_carry_messages_of_every_length_form() {
    for length in [0, 1, 125, 126, 127, 999, 1000] {
        let text: Vec<u8> = (0..length).map(|n| n as u8).collect();
        let (mut client, mut server) = (open_client(), open_server());
        let mut bytes = Vec::new();
        assert!(client.send(&text, &mut bytes));
        assert_eq!(bytes, masked(0x82, &text));
        assert_eq!(feed(&mut server, &bytes, usize::MAX).received, [message(&text)]);
        bytes.clear();
        assert!(server.send(&text, &mut bytes));
        assert_eq!(feed(&mut client, &bytes, usize::MAX).received, [message(&text)]);
    }
}

#[test]
fn a_length_of_64_bits_is_written_and_read() {
    let text = vec![7; 70_000];
    let mut bytes = Vec::new();
    open_client().send(&text, &mut bytes);
    assert_eq!(bytes[..10], [0x82, 0xff, 0, 0, 0, 0, 0, 1, 0x11, 0x70]);
    let received = open_server().receive(&mut &bytes[..], 70_000, &mut Vec::new());
    assert_eq!(received, Ok(Some(message(&text))));
}

#[test]
fn several_frames_in_one_read_are_taken_one_by_one() {
    let bytes = [masked(0x82, b"one"), masked(0x82, b"two")].concat();
    let mut server = open_server();
    let mut input = &bytes[..];
    assert_eq!(server.receive(&mut input, LIMIT, &mut Vec::new()), Ok(Some(message(b"one"))));
    assert_eq!(input.len(), 9);
    assert_eq!(server.receive(&mut input, LIMIT, &mut Vec::new()), Ok(Some(message(b"two"))));
    assert_eq!(server.receive(&mut input, LIMIT, &mut Vec::new()), Ok(None));
}

#[test]
fn fragments_make_one_message_and_control_frames_may_come_between() {
    let bytes =
        [masked(0x02, b"a"), masked(0x89, b"?"), masked(0x00, b""), masked(0x8a, b"!"), masked(0x80, b"bc")];
    let outcome = serve(&bytes.concat());
    assert_eq!(
        outcome,
        Outcome { received: vec![message(b"abc")], sent: b"\x8a\x01?".to_vec(), error: None }
    );
}

#[test]
fn a_ping_is_answered_with_its_content() {
    for length in [0, 1, 125] {
        let text = vec![9; length];
        let outcome = serve(&masked(0x89, &text));
        assert_eq!(outcome.sent, [&[0x8a, length as u8][..], &text].concat());
        let frame = [&[0x89, length as u8][..], &text].concat();
        assert_eq!(feed(&mut open_client(), &frame, usize::MAX).sent, masked(0x8a, &text));
    }
}

#[test]
fn many_pings_at_once_are_answered_by_one_pong() {
    let mut bytes = masked(0x89, b"x").repeat(10_000);
    bytes.extend(masked(0x89, b"last"));
    assert_eq!(serve(&bytes).sent, b"\x8a\x04last");
}

#[test]
fn a_peer_that_does_not_read_gets_no_pongs() {
    let (mut server, mut out) = (open_server(), Vec::new());
    let ping = masked(0x89, &[1; 125]);
    for _ in 0..10_000 {
        server.receive(&mut &ping[..], LIMIT, &mut out).unwrap();
    }
    assert!(out.len() < MAX_UNSENT + 200);
}

#[test]
fn a_pong_that_nobody_asked_for_is_ignored() {
    assert_eq!(serve(&masked(0x8a, b"beat")), Outcome::default());
}

#[test]
fn a_close_frame_is_answered_with_the_same_code() {
    for (payload, code, answer) in [
        (&b"\x03\xe8"[..], 1000, close_frame(1000)),
        (b"\x03\xe9bye", 1001, close_frame(1001)),
        (b"\x0f\xa0", 4000, close_frame(4000)),
        (b"", 1005, vec![0x88, 0]),
    ] {
        let mut server = open_server();
        let outcome = feed(&mut server, &masked(0x88, payload), usize::MAX);
        assert_eq!(outcome, Outcome { received: vec![Received::Closed(code)], sent: answer, error: None });
        assert!(server.is_closed());
        assert_eq!(feed(&mut server, &masked(0x82, b"late"), usize::MAX), Outcome::default());
        assert!(!server.send(b"late", &mut Vec::new()));
    }
}

#[test]
fn our_close_waits_for_the_peers_and_drops_what_comes_before() {
    let mut server = open_server();
    let mut sent = Vec::new();
    server.close(CloseCode::Away, &mut sent);
    server.close(CloseCode::Normal, &mut sent);
    assert_eq!(sent, close_frame(1001));
    assert!(!server.send(b"more", &mut sent) && !server.is_closed());
    let bytes = [masked(0x82, b"late"), masked(0x89, b"?"), masked(0x88, b"\x03\xe9")].concat();
    let outcome = feed(&mut server, &bytes, usize::MAX);
    assert_eq!(outcome, Outcome { received: vec![Received::Closed(1001)], sent: vec![], error: None });
    assert!(server.is_closed());
}

#[test]
fn the_two_sides_close_each_other() {
    let (mut client, mut server) = (open_client(), open_server());
    let mut bytes = Vec::new();
    client.close(CloseCode::Normal, &mut bytes);
    let outcome = feed(&mut server, &bytes, usize::MAX);
    assert_eq!(outcome.received, [Received::Closed(1000)]);
    assert_eq!(feed(&mut client, &outcome.sent, usize::MAX).received, [Received::Closed(1000)]);
    assert!(client.is_closed() && server.is_closed());
}

/// Frames of a client that a server must not take, and how it says so.
fn forbidden() -> Vec<(&'static str, Vec<u8>, FrameError, u16)> {
    let long = [&[0x82, 0xff][..], &u64::MAX.to_be_bytes(), &MASK].concat();
    vec![
        ("reserved bit 1", masked(0xc2, b"a"), FrameError::ReservedBit, 1002),
        ("reserved bit 2", masked(0xa2, b"a"), FrameError::ReservedBit, 1002),
        ("reserved bit 3", masked(0x92, b"a"), FrameError::ReservedBit, 1002),
        ("reserved bit of a ping", masked(0xc9, b"a"), FrameError::ReservedBit, 1002),
        ("opcode 3", masked(0x83, b"a"), FrameError::Opcode, 1002),
        ("opcode 7", masked(0x87, b""), FrameError::Opcode, 1002),
        ("opcode 11", masked(0x8b, b"a"), FrameError::Opcode, 1002),
        ("opcode 15", masked(0x8f, b""), FrameError::Opcode, 1002),
        ("not masked", b"\x82\x01a".to_vec(), FrameError::NotMasked, 1002),
        ("close, not masked", b"\x88\x00".to_vec(), FrameError::NotMasked, 1002),
        ("long ping", masked(0x89, &[0; 126]), FrameError::LongControl, 1002),
        ("long close", masked(0x88, &[0; 126]), FrameError::LongControl, 1002),
        ("ping in fragments", masked(0x09, b"a"), FrameError::FragmentedControl, 1002),
        ("continuation of nothing", masked(0x80, b"a"), FrameError::Continuation, 1002),
        (
            "continuation behind the end",
            [masked(0x02, b"a"), masked(0x80, b"b"), masked(0x80, b"c")].concat(),
            FrameError::Continuation,
            1002,
        ),
        (
            "message in a message",
            [masked(0x02, b"a"), masked(0x82, b"b")].concat(),
            FrameError::Interleaved,
            1002,
        ),
        ("code of one byte", masked(0x88, b"\x03"), FrameError::BadCode, 1002),
        ("code 0", masked(0x88, &[0, 0]), FrameError::BadCode, 1002),
        ("code 999", masked(0x88, &999u16.to_be_bytes()), FrameError::BadCode, 1002),
        ("code 1005", masked(0x88, &1005u16.to_be_bytes()), FrameError::BadCode, 1002),
        ("code 1006", masked(0x88, &1006u16.to_be_bytes()), FrameError::BadCode, 1002),
        ("code 5000", masked(0x88, &5000u16.to_be_bytes()), FrameError::BadCode, 1002),
        ("reason that is no text", masked(0x88, b"\x03\xe8\xff"), FrameError::BadReason, 1007),
        ("text", masked(0x81, b"a"), FrameError::Text, 1003),
        ("text in fragments", masked(0x01, b"a"), FrameError::Text, 1003),
        ("too big by one", masked(0x82, &[0; LIMIT + 1]), FrameError::TooBig, 1009),
        (
            "too big together",
            [masked(0x02, &[0; LIMIT]), masked(0x80, b"a")].concat(),
            FrameError::TooBig,
            1009,
        ),
        ("2^64 - 1 bytes", long, FrameError::TooBig, 1009),
    ]
}

#[test]
fn what_is_forbidden_ends_with_the_code_for_it() {
    for (name, bytes, error, code) in forbidden() {
        for piece in [1, 2, 3, 7, usize::MAX] {
            let outcome = feed(&mut open_server(), &bytes, piece);
            assert_eq!(outcome.error, Some(error.into()), "{name} in pieces of {piece}");
            assert_eq!(outcome.sent, close_frame(code), "{name} in pieces of {piece}");
        }
    }
}

#[test]
fn a_length_is_judged_before_its_bytes_come() {
    for (frame, error) in [
        (masked(0x89, &[0; 126]), FrameError::LongControl),
        (masked(0x82, &[0; LIMIT + 1]), FrameError::TooBig),
    ] {
        assert_eq!(serve(&frame[..8]).error, Some(error.into()));
    }
}

#[test]
fn a_client_refuses_masked_frames() {
    let outcome = feed(&mut open_client(), &masked(0x82, b"a"), usize::MAX);
    let sent = masked(0x88, &1002u16.to_be_bytes());
    assert_eq!(outcome, Outcome { received: vec![], sent, error: Some(FrameError::Masked.into()) });
}

#[test]
fn a_bad_frame_behind_our_close_sends_no_second_one() {
    let mut server = open_server();
    server.close(CloseCode::Normal, &mut Vec::new());
    let outcome = feed(&mut server, b"\x82\x01a", usize::MAX);
    assert_eq!(outcome, Outcome { error: Some(FrameError::NotMasked.into()), ..Outcome::default() });
}

#[test]
fn a_truncated_frame_waits() {
    for (whole, received) in [
        (masked(0x82, &[5; 300]), message(&[5; 300])),
        (masked(0x88, b"\x03\xe8bye"), Received::Closed(1000)),
    ] {
        for end in 0..whole.len() {
            let mut server = open_server();
            assert_eq!(feed(&mut server, &whole[..end], usize::MAX), Outcome::default());
            assert_eq!(
                feed(&mut server, &whole[end..], usize::MAX).received,
                std::slice::from_ref(&received)
            );
        }
    }
}

#[test]
fn an_announced_length_reserves_nothing() {
    let mut server = open_server();
    let header = [&[0x82, 0xff][..], &(1u64 << 40).to_be_bytes(), &MASK].concat();
    assert_eq!(server.receive(&mut &header[..], usize::MAX, &mut Vec::new()), Ok(None));
    let State::Open(assembler) = &server.state else { panic!("not open") };
    assert_eq!(assembler.capacity(), 0);
}

/// What a client may send.
#[derive(Debug, Clone)]
enum Sent {
    Fragments(Vec<Vec<u8>>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
}

fn sent() -> impl Strategy<Value = Sent> {
    let bytes = |most| prop::collection::vec(any::<u8>(), 0..=most);
    prop_oneof![
        4 => prop::collection::vec(bytes(200), 1..5).prop_map(Sent::Fragments),
        1 => bytes(125).prop_map(Sent::Ping),
        1 => bytes(125).prop_map(Sent::Pong),
    ]
}

proptest! {
    #[test]
    fn segmentation_makes_no_difference(
        all in prop::collection::vec(sent(), 0..8),
        cuts in prop::collection::vec(1usize..50, 1..200),
    ) {
        let mut bytes = Vec::new();
        let mut expected = Vec::new();
        for sent in &all {
            match sent {
                Sent::Fragments(fragments) => {
                    for (n, fragment) in fragments.iter().enumerate() {
                        let opcode = if n == 0 { 2 } else { 0 };
                        let fin = if n + 1 == fragments.len() { 0x80 } else { 0 };
                        bytes.extend(masked(opcode | fin, fragment));
                    }
                    expected.push(message(&fragments.concat()));
                }
                Sent::Ping(payload) => bytes.extend(masked(0x89, payload)),
                Sent::Pong(payload) => bytes.extend(masked(0x8a, payload)),
            }
        }
        let mut server = open_server();
        let mut received = Vec::new();
        let mut rest = &bytes[..];
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, behind) = rest.split_at(rest.len().min(*cut));
            let outcome = feed(&mut server, piece, usize::MAX);
            prop_assert_eq!(outcome.error, None);
            received.extend(outcome.received);
            rest = behind;
        }
        prop_assert_eq!(received, expected);
    }

    #[test]
    fn whatever_comes_ends_the_same_in_any_pieces_and_keeps_no_more_than_the_limit(
        bytes in prop::collection::vec(any::<u8>(), 0..3000),
        open in any::<bool>(),
        client in any::<bool>(),
        piece in 1usize..64,
    ) {
        let make = || match (open, client) {
            (true, true) => open_client(),
            (true, false) => open_server(),
            (false, true) => WebSocket::client(&host(), KEY, || MASK, &mut Vec::new()),
            (false, false) => WebSocket::server(),
        };
        let whole = feed(&mut make(), &bytes, usize::MAX);
        let mut socket = make();
        let pieces = feed(&mut socket, &bytes, piece);
        // Pongs are fewer for more at once.
        prop_assert_eq!(whole.received, pieces.received);
        prop_assert_eq!(whole.error, pieces.error);
        if let State::Open(assembler) | State::Closing(assembler) = &socket.state {
            prop_assert!(assembler.capacity() <= 2 * LIMIT);
        }
    }

    #[test]
    fn hostile_frames_are_judged_the_same_in_any_pieces(
        frames in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..140)), 1..10),
        piece in 1usize..20,
    ) {
        let bytes: Vec<u8> = frames.iter().flat_map(|(first, payload)| masked(*first, payload)).collect();
        let whole = feed(&mut open_server(), &bytes, usize::MAX);
        let pieces = feed(&mut open_server(), &bytes, piece);
        prop_assert_eq!(whole.received, pieces.received);
        prop_assert_eq!(whole.error, pieces.error);
    }
}
