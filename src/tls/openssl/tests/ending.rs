//! What others on the network can do to a connection, and how one ends.

use super::*;
use crate::tls::Failure;

const DTLS: Carrier = CARRIERS[0];

fn connected(carrier: Carrier) -> Pair {
    let mut pair =
        Pair::new(&psk_connector(client_psk("me", "key")), &psk_acceptor(server_psk("me", "key")), carrier);
    pair.connected();
    pair
}

/// A pair whose server has sent its first flight, which waits for the client.
fn halfway() -> Pair {
    let mut pair =
        Pair::new(&psk_connector(client_psk("me", "key")), &psk_acceptor(server_psk("me", "key")), DTLS);
    pair.client.advance();
    for _ in 0..2 {
        pair.server.inbox.extend(pair.client.sent());
        pair.deliver_to_server(MTU);
        pair.client.inbox.extend(pair.server.sent());
        if pair.server.connection.is_some() {
            return pair;
        }
        while let Some(piece) = pair.client.inbox.pop_front() {
            pair.client.get().receive(&piece);
            pair.client.advance();
        }
    }
    panic!("no cookie was taken");
}

#[test]
fn an_end_is_said_and_answered() {
    for carrier in CARRIERS {
        let mut pair = connected(carrier);
        pair.client.get().close();
        pair.run();
        assert_eq!(pair.server.happened, [Happened::Connected, Happened::Closed]);
        assert!(!pair.server.get().send(b"too late"));
        pair.server.get().close();
        assert_eq!(pair.server.sent().len(), 1);
        // Once is enough.
        pair.server.get().close();
        assert!(pair.server.sent().is_empty());
        assert!(!pair.server.get().send(b"too late") && !pair.client.get().send(b"too late"));
    }
}

#[test]
fn nothing_is_said_at_the_end_of_a_handshake_that_was_not_done() {
    let mut pair = halfway();
    for end in [&mut pair.client, &mut pair.server] {
        end.get().close();
        assert!(end.sent().is_empty());
        end.advance();
        assert!(end.happened.is_empty() && end.get().timeout().is_none());
    }
}

#[test]
fn data_before_the_end_of_the_handshake_is_not_sent() {
    let mut pair = halfway();
    assert!(!pair.client.get().send(b"early") && !pair.server.get().send(b"early"));
    assert!(pair.client.sent().is_empty());
}

#[test]
fn messages_of_any_length_keep_their_bounds() {
    let mut pair = connected(DTLS);
    for n in [1, 2, 100, 1000, 1500, 16_000, 16_384] {
        assert!(pair.client.get().send(&vec![7; n]));
    }
    assert!(!pair.client.get().send(&vec![7; 16_385]));
    pair.run();
    let lens: Vec<_> = pair.server.received.iter().map(Vec::len).collect();
    assert_eq!(lens, [1, 2, 100, 1000, 1500, 16_000, 16_384]);
    assert_eq!(pair.server.happened, [Happened::Connected]);
}

#[test]
fn a_stream_carries_any_amount_in_pieces_of_any_size() {
    let mut pair = connected(CARRIERS[1]);
    let sent: Vec<u8> = (0..100_000_u32).map(|n| n as u8).collect();
    assert!(pair.client.get().send(&sent));
    let bytes = pair.client.sent().concat();
    for piece in bytes.chunks(777) {
        pair.server.get().receive(piece);
        pair.server.advance();
    }
    assert_eq!(pair.server.received.concat(), sent);
}

/// As RFC 6347 §4.1.2.6 and §4.1.2.7 want it: in silence.
#[test]
fn what_is_not_of_the_peer_is_dropped() {
    let mut pair = connected(DTLS);
    assert!(pair.client.get().send(b"first"));
    let record = pair.client.sent().remove(0);
    let plain_alert = [21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 99, 0, 2, 2, 40];
    let mut pieces = vec![vec![], vec![0], vec![22; 13], vec![0xff; 2000], plain_alert.to_vec()];
    for at in 0..record.len() {
        let mut altered = record.clone();
        altered[at] ^= 1;
        pieces.push(altered);
        pieces.push(record[..at].to_vec());
    }
    for piece in &pieces {
        pair.server.get().receive(piece);
        pair.server.advance();
    }
    assert!(pair.server.received.is_empty() && pair.server.sent().is_empty());
    // The right one counts, once.
    for _ in 0..2 {
        pair.server.get().receive(&record);
        pair.server.advance();
    }
    assert_eq!(pair.server.received, [b"first"]);
    assert_eq!(pair.server.happened, [Happened::Connected]);
    assert!(pair.server.get().send(b"still there"));
}

#[test]
fn rubbish_does_not_disturb_a_handshake() {
    let mut pair = halfway();
    for seed in 0..2000 {
        let mut rng = fastrand::Rng::with_seed(seed);
        // Nothing with the header of a record of this version: that could be a spoofed message.
        let len = rng.usize(..100);
        let rubbish: Vec<u8> = core::iter::repeat_with(|| rng.u8(0..0xfe)).take(len).collect();
        for end in [&mut pair.client, &mut pair.server] {
            end.get().receive(&rubbish);
            end.advance();
            assert!(end.happened.is_empty(), "seed {seed}");
        }
    }
    pair.connected().talk();
}

/// Anything that anybody can send to a handshake may end it, but must do no harm.
#[test]
fn altered_flights_do_no_harm() {
    for seed in 0..2000 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut pair = halfway();
        for piece in &mut pair.client.inbox {
            for _ in 0..rng.usize(1..4) {
                let at = rng.usize(..piece.len());
                piece[at] = rng.u8(..);
            }
        }
        while let Some(piece) = pair.client.inbox.pop_front() {
            pair.client.get().receive(&piece);
            pair.client.advance();
        }
        pair.run();
    }
}

#[test]
fn a_fatal_alert_of_the_peer_ends_a_handshake() {
    let mut pair = halfway();
    let alert = [21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40];
    for end in [&mut pair.client, &mut pair.server] {
        end.get().receive(&alert);
        end.advance();
        assert_eq!(end.happened, [Happened::Failed(Failure::Peer)]);
        assert!(end.get().timeout().is_none() && !end.get().send(b"x"));
    }
}

/// RFC 6347 §4.2.4: a peer that repeats its flight has not got ours.
#[test]
fn a_repeated_flight_is_answered_by_ours() {
    let mut pair = halfway();
    while let Some(piece) = pair.client.inbox.pop_front() {
        pair.client.get().receive(&piece);
        pair.client.advance();
    }
    let flight = pair.client.sent();
    let deliver = |pair: &mut Pair| {
        for piece in &flight {
            pair.server.get().receive(piece);
            pair.server.advance();
        }
        pair.server.sent()
    };
    assert!(!deliver(&mut pair).is_empty());
    assert!(pair.server.get().timeout().is_none());
    // Its last flight is lost. OpenSSL sends that again when the client's comes again in new records.
    clock::set(crate::protocol::Instant(1));
    let mut other = halfway();
    while let Some(piece) = other.client.inbox.pop_front() {
        other.client.get().receive(&piece);
        other.client.advance();
    }
    other.server.inbox.extend(other.client.sent());
    other.deliver_to_server(MTU);
    assert!(!other.server.sent().is_empty());
    clock::set(crate::protocol::Instant(1001));
    other.client.get().handle_timeout();
    other.server.inbox.extend(other.client.sent());
    other.deliver_to_server(MTU);
    other.run();
    assert_eq!(other.client.happened, [Happened::Connected]);
}

/// 1, 2, 4, 8 s: OpenSSL's own.
#[test]
fn flights_are_repeated_after_twice_the_time_each() {
    let mut now = 1;
    clock::set(crate::protocol::Instant(now));
    let mut client = End::new(Some(psk_connector(client_psk("me", "key")).connect(DTLS).unwrap()));
    client.advance();
    let first = client.sent();
    for seconds in [1, 2, 4, 8, 16] {
        assert_eq!(client.get().timeout(), Some(core::time::Duration::from_secs(seconds)));
        // Too early is nothing.
        client.get().handle_timeout();
        assert!(client.sent().is_empty());
        now += seconds * 1000;
        clock::set(crate::protocol::Instant(now));
        client.get().handle_timeout();
        client.advance();
        let again = client.sent();
        assert_eq!(again[0][13..], first[0][13..]);
    }
    assert!(client.happened.is_empty());
}

/// OpenSSL has had enough at some time, and says so.
#[test]
fn a_peer_that_never_answers_is_given_up() {
    let mut now = 1;
    clock::set(crate::protocol::Instant(now));
    let mut client = End::new(Some(psk_connector(client_psk("me", "key")).connect(DTLS).unwrap()));
    client.advance();
    for _ in 0..20 {
        let Some(wait) = client.get().timeout() else { break };
        now += wait.as_millis() as u64;
        clock::set(crate::protocol::Instant(now));
        client.get().handle_timeout();
        client.advance();
    }
    assert_eq!(client.happened, [Happened::Failed(Failure::Here)]);
}

#[test]
fn what_is_no_tls_is_refused() {
    let acceptor = psk_acceptor(server_psk("me", "key"));
    let mut server = End::new(Some(acceptor.accept(CARRIERS[1]).unwrap()));
    server.get().receive(b"GET / HTTP/1.1\r\n\r\n");
    server.advance();
    assert_eq!(server.happened, [Happened::Failed(Failure::Hello)]);
}

/// The room that the protection takes is what a datagram has more than its message.
#[test]
fn the_overhead_is_what_is_added() {
    for suite in ["PSK-AES128-CCM8", "PSK-AES128-GCM-SHA256", "PSK-CHACHA20-POLY1305"] {
        let mut pair =
            Pair::new(&psk_connector(client_psk("me", "key")), &psk_acceptor(server_psk("me", "key")), DTLS);
        native(pair.client.get()).set_cipher_list(suite).unwrap();
        assert_eq!(pair.client.get().overhead(), 29);
        pair.connected();
        let overhead = pair.client.get().overhead();
        assert!(pair.client.get().send(&[0; 100]));
        assert_eq!(pair.client.sent()[0].len(), 100 + overhead, "{suite}");
    }
    assert_eq!(connected(CARRIERS[1]).client.get().overhead(), 0);
}

/// What connections hold comes back when they are gone, whatever has become of them.
#[test]
fn handshakes_leave_no_memory() {
    let (connector, acceptor) =
        (psk_connector(client_psk("me", "key")), psk_acceptor(server_psk("me", "key")));
    let wrong = psk_connector(client_psk("you", "key"));
    let run = |times| {
        for n in 0..times {
            let carrier = CARRIERS[n % 2];
            Pair::new(&connector, &acceptor, carrier).connected().talk();
            Pair::new(&wrong, &acceptor, carrier).run();
        }
    };
    run(10);
    let before = crate::heap::held();
    run(1000);
    assert_eq!(crate::heap::held(), before);
}

#[test]
fn lines_for_the_log_are_made_where_they_are_wanted() {
    let mut pair = connected(DTLS);
    pair.client.get().take_notices();
    pair.client.get().close();
    assert_eq!(pair.client.get().take_notices(), []);
}

/// What anybody can send who knows the addresses.
fn stub(len: u16) -> Vec<u8> {
    let header = [&[23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 2, 0][..], &len.to_be_bytes()].concat();
    [header, vec![0; usize::from(len)]].concat()
}

#[test]
fn a_protected_record_without_room_for_a_tag_ends_no_connection() {
    let mut pair = connected(DTLS);
    for len in 0..64 {
        for end in [&mut pair.client, &mut pair.server] {
            end.get().receive(&stub(len));
            end.advance();
        }
    }
    pair.talk();
    assert_eq!(pair.client.happened, [Happened::Connected]);
}

#[test]
fn nor_does_it_end_a_handshake() {
    let mut pair = halfway();
    for len in 0..64 {
        pair.server.get().receive(&stub(len));
        pair.server.advance();
    }
    pair.run().talk();
}
