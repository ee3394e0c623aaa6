//! First datagrams: from clients, from those who are none, and from those who say they are somewhere else.

use super::*;
use crate::heap;
use crate::tls::Failure;

fn acceptor() -> Arc<dyn Acceptor> {
    psk_acceptor(server_psk("me", "key"))
}

fn client() -> End {
    let mut client = End::new(Some(psk_connector(client_psk("me", "key")).connect(CARRIERS[0]).unwrap()));
    client.advance();
    client
}

/// The first datagram of a client.
fn first_hello() -> Vec<u8> {
    client().sent().remove(0)
}

fn challenge(acceptor: &Arc<dyn Acceptor>, sender: &[u8], hello: &[u8]) -> Vec<u8> {
    let mut answer = Vec::new();
    assert!(matches!(acceptor.hello(sender, MTU, hello, &mut answer), Hello::Challenged));
    answer
}

fn is_ignored(acceptor: &Arc<dyn Acceptor>, datagram: &[u8]) -> bool {
    let mut answer = Vec::new();
    matches!(acceptor.hello(SENDER, MTU, datagram, &mut answer), Hello::Ignored) && answer.is_empty()
}

/// A hello with a cookie, to be shown to `acceptor`.
fn second_hello(acceptor: &Arc<dyn Acceptor>, sender: &[u8]) -> Vec<u8> {
    let mut client = client();
    let answer = challenge(acceptor, sender, &client.sent()[0]);
    client.get().receive(&answer);
    client.advance();
    client.sent().remove(0)
}

/// RFC 6347 §4.2.1: ContentType 22, HelloVerifyRequest, a cookie.
#[test]
fn a_first_hello_is_answered_by_a_cookie_and_its_own_sequence_number() {
    let mut hello = first_hello();
    hello[10] = 7;
    let answer = challenge(&acceptor(), SENDER, &hello);
    assert_eq!(answer[..3], [22, 0xfe, 0xff]);
    assert_eq!(answer[3..11], [0, 0, 0, 0, 0, 0, 0, 7]);
    assert_eq!(answer[13], 3);
    assert_eq!((answer.len(), answer[27]), (60, 32));
}

#[test]
fn the_cookie_of_a_sender_is_always_the_same_and_that_of_another_is_not() {
    let acceptor = acceptor();
    let cookie = |sender: &[u8]| challenge(&acceptor, sender, &first_hello())[28..].to_vec();
    assert_eq!(cookie(b"a"), cookie(b"a"));
    assert_ne!(cookie(b"a"), cookie(b"b"));
}

#[test]
fn servers_make_different_cookies() {
    let hello = first_hello();
    assert_ne!(challenge(&acceptor(), SENDER, &hello), challenge(&acceptor(), SENDER, &hello));
}

#[test]
fn the_right_cookie_from_another_address_is_a_wrong_one() {
    let acceptor = acceptor();
    let hello = second_hello(&acceptor, b"a");
    let again = challenge(&acceptor, b"b", &hello);
    assert_eq!(again[28..], challenge(&acceptor, b"b", &first_hello())[28..]);
    assert!(matches!(acceptor.hello(b"a", MTU, &hello, &mut Vec::new()), Hello::Accepted(_)));
}

#[test]
fn spoofed_hellos_leave_nothing_behind() {
    let acceptor = acceptor();
    let hello = first_hello();
    let flood = |senders: core::ops::Range<u32>| {
        let mut answer = Vec::with_capacity(100);
        for sender in senders {
            answer.clear();
            assert!(matches!(
                acceptor.hello(&sender.to_be_bytes(), MTU, &hello, &mut answer),
                Hello::Challenged
            ));
        }
    };
    flood(0..10);
    let before = heap::held();
    flood(10..10_010);
    assert_eq!(heap::held(), before);
}

#[test]
fn an_honest_client_connects_during_a_flood() {
    let acceptor = acceptor();
    for sender in 0..1000_u32 {
        challenge(&acceptor, &sender.to_be_bytes(), &first_hello());
    }
    let hello = second_hello(&acceptor, SENDER);
    for sender in 0..1000_u32 {
        challenge(&acceptor, &sender.to_be_bytes(), &hello);
    }
    assert!(matches!(acceptor.hello(SENDER, MTU, &hello, &mut Vec::new()), Hello::Accepted(_)));
}

#[test]
fn what_begins_no_handshake_is_ignored() {
    let acceptor = acceptor();
    let hello = first_hello();
    for n in 0..hello.len().min(60) {
        assert!(is_ignored(&acceptor, &hello[..n]), "{n} bytes");
    }
    for kind in (0..=255).filter(|kind| *kind != 22) {
        assert!(is_ignored(&acceptor, &[&[kind], &hello[1..]].concat()), "content type {kind}");
    }
    for message in (0..=255).filter(|message| *message != 1) {
        assert!(
            is_ignored(&acceptor, &[&hello[..13], &[message], &hello[14..]].concat()),
            "message {message}"
        );
    }
}

/// RFC 6347 §4.2.3: a hello without a cookie cannot be put together without keeping something; the first
/// fragment of one with a cookie is enough, if the cookie is in it.
#[test]
fn a_hello_in_fragments_is_accepted_by_the_one_with_the_cookie() {
    let acceptor = acceptor();
    let mut client = client();
    let fragments = |hello: &[u8], at: usize| {
        let (header, body) = (&hello[..25], &hello[25..]);
        let piece = |from: usize, to: usize| {
            let mut piece = header.to_vec();
            piece[11..13].copy_from_slice(&((to - from + 12) as u16).to_be_bytes());
            piece[19..22].copy_from_slice(&(from as u32).to_be_bytes()[1..]);
            piece[22..25].copy_from_slice(&((to - from) as u32).to_be_bytes()[1..]);
            // Record numbers that the client does not use again.
            piece[10] = u8::from(from == 0);
            [&piece, &body[from..to]].concat()
        };
        [piece(0, at), piece(at, body.len())]
    };
    let answer = challenge(&acceptor, SENDER, &client.sent()[0]);
    client.get().receive(&answer);
    client.advance();
    let hello = client.sent().remove(0);
    let [first, second] = fragments(&hello, 100);
    assert!(is_ignored(&acceptor, &second));
    let Hello::Accepted(connection) = acceptor.hello(SENDER, MTU, &first, &mut Vec::new()) else {
        panic!("not accepted")
    };
    let mut server = End::new(Some(connection));
    server.advance();
    assert!(server.sent().is_empty());
    server.get().receive(&second);
    server.advance();
    let mut pair = Pair { client, server, acceptor };
    pair.connected().talk();
}

/// The seed of a hello that breaks something is in the panic.
#[test]
fn altered_hellos_do_no_harm() {
    let acceptor = acceptor();
    let hellos = [first_hello(), second_hello(&acceptor, SENDER)];
    for seed in 0..20_000 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut hello = hellos[rng.usize(..2)].clone();
        for _ in 0..rng.usize(1..4) {
            match rng.u8(..3) {
                0 => hello.truncate(rng.usize(1..=hello.len())),
                1 => hello.extend(core::iter::repeat_with(|| rng.u8(..)).take(5).collect::<Vec<_>>()),
                _ => {
                    let at = rng.usize(..hello.len());
                    hello[at] = rng.u8(..);
                }
            }
        }
        if let Hello::Accepted(connection) = acceptor.hello(SENDER, MTU, &hello, &mut Vec::new()) {
            let mut server = End::new(Some(connection));
            server.advance();
            assert!(!server.happened.contains(&Happened::Connected), "seed {seed}");
        }
    }
}

/// What a client says that knows no version but DTLS 1.0: a challenge, as its version is not looked at
/// yet, then an alert (RFC 6347 §4.2.1: the version is agreed on after that).
#[test]
fn an_old_version_is_refused_by_an_alert() {
    let acceptor = acceptor();
    let mut hello = second_hello(&acceptor, SENDER);
    hello[26] = 0xff;
    let Hello::Accepted(connection) = acceptor.hello(SENDER, MTU, &hello, &mut Vec::new()) else {
        panic!("not accepted")
    };
    let mut server = End::new(Some(connection));
    server.advance();
    assert_eq!(server.happened, [Happened::Failed(Failure::Hello)]);
    const PROTOCOL_VERSION: u8 = 70;
    assert!(server.sent()[0].ends_with(&[2, PROTOCOL_VERSION]));
}

#[test]
fn who_was_challenged_last_keeps_nothing_of_a_server_alive() {
    let kept = Arc::new(());
    let inside = Arc::clone(&kept);
    let mut psk = server_psk("me", "key");
    psk.for_identity = Arc::new(move |_, _| {
        let _ = &inside;
        None
    });
    let acceptor = psk_acceptor(psk);
    let mut pair = Pair::new(&psk_connector(client_psk("me", "key")), &acceptor, CARRIERS[0]);
    pair.client.advance();
    pair.server.inbox.extend(pair.client.sent());
    pair.deliver_to_server(MTU);
    assert_eq!(pair.server.outbox.len(), 1, "a challenge");
    drop(pair);
    drop(acceptor);
    assert_eq!(Arc::strong_count(&kept), 1);
}
