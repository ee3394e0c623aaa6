//! The HTTP in front of the frames.

use super::*;

const REQUEST: &str = "GET /.well-known/coap HTTP/1.1\r\nHost: server.example:8080\r\nUpgrade: websocket\r\n\
                       Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                       Sec-WebSocket-Protocol: coap\r\nSec-WebSocket-Version: 13\r\n\r\n";

const RESPONSE: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
                        Sec-WebSocket-Protocol: coap\r\n\r\n";

/// A client that has asked with the key of RFC 6455 §1.3.
fn client() -> WebSocket {
    let mut request = Vec::new();
    let client = WebSocket::client(&host(), *b"the sample nonce", || MASK, &mut request);
    assert_eq!(String::from_utf8(request).unwrap(), REQUEST);
    client
}

fn serve(request: &str) -> Outcome {
    feed(&mut WebSocket::server(), request.as_bytes(), usize::MAX)
}

#[test]
fn the_example_of_rfc_6455_is_answered_as_there() {
    let outcome = serve(REQUEST);
    assert_eq!(outcome.received, [Received::Open]);
    assert_eq!(String::from_utf8(outcome.sent).unwrap(), RESPONSE);
}

#[test]
fn a_client_takes_the_answer_of_rfc_6455() {
    assert_eq!(feed(&mut client(), RESPONSE.as_bytes(), usize::MAX).received, [Received::Open]);
}

#[test]
fn pieces_of_any_size_make_no_difference() {
    for piece in 1..REQUEST.len() {
        assert_eq!(feed(&mut WebSocket::server(), REQUEST.as_bytes(), piece), serve(REQUEST));
        assert_eq!(feed(&mut client(), RESPONSE.as_bytes(), piece).received, [Received::Open]);
    }
}

#[test]
fn a_beginning_is_neither_open_nor_an_error() {
    for end in 0..REQUEST.len() {
        assert_eq!(serve(&REQUEST[..end]), Outcome::default());
    }
    for end in 0..RESPONSE.len() {
        assert_eq!(feed(&mut client(), &RESPONSE.as_bytes()[..end], usize::MAX), Outcome::default());
    }
}

#[test]
fn frames_may_come_right_behind_the_upgrade() {
    let bytes = [REQUEST.as_bytes(), &masked(0x82, b"hello")].concat();
    for piece in 1..=bytes.len() {
        let received = feed(&mut WebSocket::server(), &bytes, piece).received;
        assert_eq!(received, [Received::Open, Received::Message(b"hello".to_vec())]);
    }
}

#[test]
fn what_browsers_and_proxies_send_is_upgraded() {
    for (from, to) in [
        ("Host: server.example:8080", "host:server.example"),
        ("Upgrade: websocket", "UPGRADE: h2c, WebSocket"),
        ("Connection: Upgrade", "Connection: keep-alive, upgrade"),
        ("Protocol: coap", "Protocol: mqtt , coap"),
        ("Protocol: coap", "Protocol: mqtt\r\nSec-WebSocket-Protocol: coap"),
        (
            "Version: 13\r\n",
            "Version: 13\r\nSec-WebSocket-Extensions: permessage-deflate\r\nOrigin: http://a\r\n",
        ),
        ("GET /.well-known/coap", "GET http://server.example/.well-known/coap"),
    ] {
        let request = REQUEST.replace(from, to);
        assert_ne!(request, REQUEST);
        let outcome = serve(&request);
        assert_eq!((outcome.received, outcome.error), (vec![Received::Open], None), "{to}");
        assert_eq!(String::from_utf8(outcome.sent).unwrap(), RESPONSE);
    }
}

#[test]
fn a_bad_request_is_refused_with_a_status() {
    for (from, to, refusal, status) in [
        ("GET /", "POST /", Refusal::Method, "405 Method Not Allowed"),
        ("HTTP/1.1", "HTTP/1.0", Refusal::HttpVersion, "505 HTTP Version Not Supported"),
        ("HTTP/1.1", "HTTP/2.0", Refusal::HttpVersion, "505 HTTP Version Not Supported"),
        ("/.well-known/coap", "/", Refusal::Path, "404 Not Found"),
        ("/.well-known/coap", "/.well-known/coaps", Refusal::Path, "404 Not Found"),
        ("/.well-known/coap", "http://server/", Refusal::Path, "404 Not Found"),
        ("Host: server.example:8080\r\n", "", Refusal::Host, "400 Bad Request"),
        ("Host: server.example:8080\r\n", "Host: a\r\nHost: b\r\n", Refusal::Host, "400 Bad Request"),
        ("Upgrade: websocket\r\n", "", Refusal::Upgrade, "426 Upgrade Required"),
        ("Upgrade: websocket", "Upgrade: h2c", Refusal::Upgrade, "426 Upgrade Required"),
        ("Connection: Upgrade", "Connection: close", Refusal::Upgrade, "426 Upgrade Required"),
        ("Version: 13", "Version: 8", Refusal::Version, "426 Upgrade Required"),
        ("Sec-WebSocket-Version: 13\r\n", "", Refusal::Version, "426 Upgrade Required"),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ", Refusal::Key, "400 Bad Request"),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZTE=", Refusal::Key, "400 Bad Request"),
        ("dGhlIHNhbXBsZSBub25jZQ==", "", Refusal::Key, "400 Bad Request"),
        ("Protocol: coap", "Protocol: COAP", Refusal::SubProtocol, "400 Bad Request"),
        ("Sec-WebSocket-Protocol: coap\r\n", "", Refusal::SubProtocol, "400 Bad Request"),
        ("Host: server", "Host server", Refusal::Malformed, "400 Bad Request"),
        ("GET /.well-known/coap", "GET", Refusal::Malformed, "400 Bad Request"),
    ] {
        let request = REQUEST.replacen(from, to, 1);
        assert_ne!(request, REQUEST);
        let outcome = serve(&request);
        assert_eq!(outcome.error, Some(Error::Refused(refusal)), "{to}");
        let answer = String::from_utf8(outcome.sent).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{answer}");
        assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
        if refusal == Refusal::Version {
            assert!(answer.contains("\r\nSec-WebSocket-Version: 13\r\n"), "{answer}");
        }
        assert_eq!(outcome.received, []);
    }
}

#[test]
fn an_answer_that_is_no_upgrade_fails() {
    for (from, to, why) in [
        ("101 Switching Protocols", "404 Not Found", NotUpgraded::Status(404)),
        ("101 Switching Protocols", "200 OK", NotUpgraded::Status(200)),
        ("HTTP/1.1", "HTTP/1.0", NotUpgraded::Malformed),
        ("HTTP/1.1", "COAP/1.1", NotUpgraded::Malformed),
        ("Upgrade: websocket\r\n", "", NotUpgraded::Upgrade),
        ("Connection: Upgrade", "Connection: close", NotUpgraded::Upgrade),
        ("s3pP", "S3pP", NotUpgraded::Accept),
        ("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", "", NotUpgraded::Accept),
        ("Protocol: coap", "Protocol: mqtt", NotUpgraded::SubProtocol),
        ("Sec-WebSocket-Protocol: coap\r\n", "", NotUpgraded::SubProtocol),
        ("Connection: Upgrade", "Connection: Upgrade\r\nSec-WebSocket-Extensions: x", NotUpgraded::Extension),
    ] {
        let response = RESPONSE.replacen(from, to, 1);
        assert_ne!(response, RESPONSE);
        let outcome = feed(&mut client(), response.as_bytes(), usize::MAX);
        let expected = Outcome { error: Some(Error::NotUpgraded(why)), ..Outcome::default() };
        assert_eq!(outcome, expected, "{to}");
    }
}

/// Gives `filler` again and again, and tells how often until the end, what that was, and what was
/// answered.
fn flood(mut socket: WebSocket, filler: &[u8]) -> (usize, Error, Vec<u8>) {
    let mut sent = Vec::new();
    for given in 1.. {
        if let Err(error) = socket.receive(&mut &*filler, LIMIT, &mut sent) {
            return (given, error, sent);
        }
        assert!(given * filler.len() <= 8192, "no end");
    }
    unreachable!()
}

#[test]
fn a_header_without_end_is_refused_within_8_kib() {
    for filler in [&b"x"[..], b"X-Filler: 0123456789\r\n", b"\0\xff\r"] {
        let (given, error, sent) = flood(WebSocket::server(), filler);
        assert_eq!(error, Error::Refused(Refusal::TooLarge));
        assert!(sent.starts_with(b"HTTP/1.1 431 "));
        assert_eq!(given, 8192 / filler.len() + 1);
        let (_, error, sent) = flood(client(), filler);
        assert_eq!(error, Error::NotUpgraded(NotUpgraded::TooLarge));
        assert_eq!(sent, b"");
    }
}

#[test]
fn more_than_64_fields_are_refused() {
    let with = |fields: usize| {
        let more: String = (0..fields - 6).map(|n| format!("X-{n}: 1\r\n")).collect();
        serve(&REQUEST.replace("\r\n\r\n", &format!("\r\n{more}\r\n")))
    };
    assert_eq!(with(64).received, [Received::Open]);
    assert_eq!(with(65).error, Some(Error::Refused(Refusal::TooLarge)));
}

#[test]
fn a_host_cannot_add_header_fields() {
    for host in [&b""[..], b"a\r\nX: y", b"a b", b"a\0", b"\xc3\xa4", &[b'h'; 256]] {
        assert_eq!(Host::new(host, 80), None);
    }
    assert!(Host::new(&[b'h'; 255], 80).is_some());
}

#[test]
fn a_host_has_its_port_and_an_ipv6_address_its_brackets() {
    for (name, written) in [("a.example", "a.example:99"), ("::1", "[::1]:99"), ("[::1]", "[::1]:99")] {
        assert_eq!(Host::new(name.as_bytes(), 99).unwrap().to_string(), written);
    }
}

#[test]
fn nothing_is_sent_before_the_upgrade() {
    let mut out = Vec::new();
    assert!(!client().send(b"message", &mut out));
    assert!(!WebSocket::server().send(b"message", &mut out));
    assert!(out.is_empty());
}

#[test]
fn closing_before_the_upgrade_says_nothing() {
    let mut client = client();
    let mut out = Vec::new();
    client.close(CloseCode::Normal, &mut out);
    assert!(out.is_empty() && client.is_closed());
    assert_eq!(feed(&mut client, RESPONSE.as_bytes(), usize::MAX), Outcome::default());
}
