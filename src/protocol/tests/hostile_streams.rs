//! Streams of bytes from who means no good, or what is no CoAP: each ends in an Abort (RFC 8323 §5.6)
//! and the end of the connection, or is taken for what it says; nothing grows beyond its limit, and
//! nothing is left.

use super::streams::End;
use crate::message::{Code, Framing, Mid, Pdu, Type};
use crate::protocol::event::NackReason;
use crate::protocol::session::State;
use proptest::prelude::*;

/// The codes of the messages in what an engine sent.
fn codes(mut sent: &[u8]) -> Vec<Code> {
    let mut cutter = crate::protocol::stream::Cutter::default();
    let mut found = Vec::new();
    while let Some(message) = cutter.next(&mut sent, u64::MAX).unwrap() {
        let mut pdu = Pdu::new(Type::Confirmable, Code::EMPTY, Mid(0), 0);
        pdu.decode_into(Framing::Tcp, message.as_bytes(), 100).unwrap();
        found.push(pdu.code());
    }
    found
}

/// A server whose peer has sent its CSM.
fn server(max: u32) -> End {
    let mut end = End::server();
    end.engine.config.csm_max_message_size = max;
    end.receive(&[0x00, 0xe1]);
    end.drain();
    end
}

/// Bytes come, cut after each of `cuts`; gives what went out and what was heard.
fn feed(end: &mut End, bytes: &[u8], cuts: &[usize]) -> (Vec<u8>, Vec<String>) {
    let (mut sent, mut heard) = (Vec::new(), Vec::new());
    let mut at: Vec<_> = cuts.iter().map(|c| c % (bytes.len() + 1)).collect();
    at.extend([0, bytes.len()]);
    at.sort_unstable();
    for window in at.windows(2) {
        end.receive(&bytes[window[0]..window[1]]);
        let (more, new) = end.drain();
        sent.extend(more);
        heard.extend(new);
        let max = end.engine.config.csm_max_message_size as usize;
        assert!(end.engine.census().partial <= max, "more is kept than one message may have");
    }
    (sent, heard)
}

/// The connection ended in an Abort, or goes on; with the session nothing is left of it.
fn is_documented(end: &mut End, sent: &[u8], heard: &[String]) {
    let is_over = heard.iter().any(|h| h == "HangUp");
    let codes = codes(sent);
    let aborted = codes.last() == Some(&Code::ABORT);
    let left = heard.iter().any(|h| h.starts_with("Nack Reset"));
    assert_eq!(is_over, aborted || left, "{codes:?} {heard:?}");
    assert!(codes.iter().filter(|c| **c == Code::ABORT).count() <= 1);
    if !is_over {
        assert!(end.engine.sessions().get(end.id).is_some_and(|s| s.state == State::Established));
        end.engine.handle_lost(crate::protocol::Instant(2000), end.id, NackReason::NotDeliverable);
        end.drain();
    }
    assert_eq!(end.engine.census(), Default::default());
}

#[test]
fn a_length_over_the_limit_is_refused_when_it_is_known() {
    // The four forms, each with one byte more than 300 in all.
    let headers: [(&[u8], usize); 3] = [
        (&[0xe0, 0x00, 0x1c, 0x02], 301),
        (&[0xf0, 0, 0, 0, 0, 0x02], 65_811),
        (&[0xf0, 0xff, 0xff, 0xff, 0xff, 0x02], usize::MAX),
    ];
    for (header, size) in headers {
        let mut end = server(300);
        // The header is there: nothing of the content is waited for.
        let (sent, heard) = feed(&mut end, header, &[1]);
        assert_eq!(codes(&sent), [Code::ABORT], "{size} bytes");
        assert_eq!(heard[..2], ["BadPacket", "HangUp"]);
        is_documented(&mut end, &sent, &heard);
    }
}

#[test]
fn the_longest_message_is_taken_in_pieces_and_given_back() {
    let mut end = server(300);
    // 300 bytes: a header of 4, and a body of 296 for no resource.
    let mut message = vec![0xe0, 0x00, 0x1b, 0x02, 0xff];
    message.resize(300, 0x61);
    let (sent, heard) = feed(&mut end, &message, &(0..300).collect::<Vec<_>>());
    assert_eq!(codes(&sent), [Code::NOT_FOUND]);
    is_documented(&mut end, &sent, &heard);
}

#[test]
fn what_follows_an_abort_or_a_release_is_not_looked_at() {
    for signal in [Code::ABORT, Code::RELEASE] {
        let mut end = server(300);
        let (sent, heard) = feed(&mut end, &[0x00, signal.0, 0x00, 0x01, 0x0f, 0x0f], &[]);
        assert_eq!(codes(&sent), []);
        is_documented(&mut end, &sent, &heard);
    }
}

#[test]
fn what_speaks_another_protocol_is_cut_off() {
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    for text in [&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], hello] {
        let mut end = End::server();
        end.engine.config.csm_max_message_size = 1152;
        let mut sent = Vec::new();
        let mut heard = Vec::new();
        for _ in 0..200 {
            let (more, new) = feed(&mut end, text, &[]);
            sent.extend(more);
            heard.extend(new);
        }
        assert!(heard.iter().any(|h| h == "HangUp"), "{text:?}: {heard:?}");
        assert_eq!(codes(&sent).last(), Some(&Code::ABORT));
        assert_eq!(end.engine.census(), Default::default());
    }
}

/// Those who begin much and end nothing are cut off, not who happens to speak next.
#[test]
fn of_too_many_messages_that_come_in_part_the_largest_goes() {
    let mut end = server(100_000);
    end.engine.config.max_partial = 20_000;
    let others: Vec<_> = (10..13).map(|port| end.accept(port)).collect();
    // A GET of which the last byte is missing, and three beginnings of long messages.
    end.receive(&[0x01, 0x01]);
    let long = [&[0xe0, 0x80, 0x00, 0x02, 0xff][..], &[0; 7995]].concat();
    let hangs_up = |end: &mut End| end.drain().1.iter().filter(|h| *h == "HangUp").count();
    for (n, other) in others.iter().enumerate() {
        let mut piece = &long[..8000 - n];
        while end.engine.handle_stream(crate::protocol::Instant(2000), *other, &mut piece) {}
        assert_eq!(hangs_up(&mut end), usize::from(n == 2));
    }
    let is_there = |end: &End, id| end.engine.sessions().get(id).is_some();
    assert_eq!(others.iter().map(|id| is_there(&end, *id)).collect::<Vec<_>>(), [false, true, true]);
    assert!(end.engine.census().partial <= 20_000);
    end.receive(b"t");
    assert_eq!(codes(&end.drain().0), [Code::NOT_FOUND]);
}

#[test]
fn requests_are_not_taken_while_their_answers_are_not_read() {
    let mut end = server(300);
    end.engine.handle_blocked(crate::protocol::Instant(2000), end.id, true);
    assert!(!end.engine.takes_input(end.id));
    // Whoever feeds it nevertheless fills a queue that has an end.
    for _ in 0..5000 {
        end.receive(&[0x00, 0x01]);
    }
    let (sent, _) = end.drain();
    assert!(sent.is_empty());
    assert!(end.engine.census().waiting <= 1024, "{}", end.engine.census().waiting);
    end.engine.handle_blocked(crate::protocol::Instant(2000), end.id, false);
    assert!(end.engine.takes_input(end.id));
    assert!(end.drain().0.len() > 1024);
    assert_eq!(end.engine.census().waiting, 0);
}

/// Bytes that begin as messages do more often than chance has it.
fn garbage() -> impl Strategy<Value = Vec<u8>> {
    let signal = (any::<u8>(), 0xe0u8..0xe8, prop::collection::vec(any::<u8>(), 0..12));
    let piece = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        signal.prop_map(
            |(first, code, rest)| [&[first & 0x2f | (rest.len() as u8) << 4, code], &rest[..]].concat()
        ),
        Just(vec![0x00, 0xe2]),
        Just(vec![0x22, 0x01, b'a', b'b', 0xb1, b'r']),
        Just(vec![0x22, 0x45, b'a', b'b', 0xff, b'x']),
        Just(vec![0x00, 0x00]),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn a_server_survives_anything(bytes in garbage(), cuts in prop::collection::vec(any::<usize>(), 0..8)) {
        let mut end = server(300);
        let (sent, heard) = feed(&mut end, &bytes, &cuts);
        is_documented(&mut end, &sent, &heard);
    }

    #[test]
    fn a_client_survives_anything(bytes in garbage(), cuts in prop::collection::vec(any::<usize>(), 0..8)) {
        let mut end = End::ready();
        end.engine.config.csm_max_message_size = 300;
        let mut request = Pdu::new(Type::Confirmable, Code::GET, Mid(0), 100);
        request.set_token(b"ab").unwrap();
        end.engine.send(crate::protocol::Instant(2000), end.id, request).unwrap();
        end.drain();
        let (sent, heard) = feed(&mut end, &bytes, &cuts);
        let outcomes = heard.iter().filter(|h| h.starts_with("Response") || h.contains("[97, 98]")).count();
        prop_assert!(outcomes <= 1, "{:?}", heard);
        let is_over = heard.iter().any(|h| h == "HangUp");
        prop_assert!(!is_over || outcomes == 1, "{:?}", heard);
        prop_assert!(codes(&sent).iter().filter(|c| **c == Code::ABORT).count() <= 1);
    }
}
