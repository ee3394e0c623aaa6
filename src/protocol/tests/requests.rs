//! What a server answers, and in which message (RFC 7252 §5.2, §5.4; RFC 7967; RFC 8768).

use crate::message::{Code, Number};
use crate::protocol::event::NackReason;
use crate::protocol::resource::{Flags, Kind};
use crate::protocol::simulation::{ACK, CON, NON, Peer, RST, Seen};
use core::time::Duration;

const ELECTIVE: Number = Number(65000);
const CRITICAL: Number = Number(65001);

/// The peer of a server with the resource `r`, which answers 2.05 "r".
fn server() -> Peer {
    let mut peer = Peer::of_server();
    peer.host.serve("r", |turn| turn.reply(Code::CONTENT, b"r"));
    peer
}

#[test]
fn the_response_to_a_confirmable_request_comes_in_its_acknowledgement() {
    let mut peer = server();
    peer.send(CON, Code::GET, b"token", 7).path("r").go();
    peer.expect(ACK, Code::CONTENT, b"token", 7).payload(b"r");
    peer.finish();
}

#[test]
fn the_response_to_a_non_confirmable_request_is_non_confirmable_and_has_an_id_of_the_servers() {
    let mut peer = server();
    peer.send(NON, Code::GET, b"token", 7).path("r").go();
    let first = peer.expect_new(NON, Code::CONTENT, b"token");
    peer.send(NON, Code::GET, b"token", 8).path("r").go();
    assert_ne!(peer.expect_new(NON, Code::CONTENT, b"token"), first);
    peer.finish();
}

/// ```text
///   host                         peer
///    |   CON GET mid=1 token=t    |
///    |<---------------------------|
///    | ACK 0.00 mid=1             |
///    |--------------------------->|
///    | CON 2.05 mid=2 token=t     |   sent again until it is acknowledged
///    |-----------------X          |
///    | CON 2.05 mid=2 token=t     |
///    |--------------------------->|
///    |   ACK 0.00 mid=2           |
///    |<---------------------------|
/// ```
#[test]
fn a_delayed_response_to_a_confirmable_request_is_confirmable() {
    let mut peer = Peer::of_server();
    peer.host.serve("later", |turn| match turn.is_delayed() {
        true => turn.reply(Code::CONTENT, b"x"),
        false => assert!(turn.put_aside(Some(Duration::from_secs(5))).is_some()),
    });
    peer.send(CON, Code::GET, b"t", 1).path("later").go();
    peer.expect_empty(ACK, 1);
    assert_eq!(peer.wait_for_message(), Duration::from_secs(5));
    let mid = peer.expect_new(CON, Code::CONTENT, b"t");
    peer.wait_for_message();
    peer.expect(CON, Code::CONTENT, b"t", mid).payload(b"x");
    peer.send(ACK, Code::EMPTY, b"", mid).go();
    peer.send(NON, Code::GET, b"t", 2).path("later").go();
    peer.expect_silence();
    peer.wait_for_message();
    peer.expect_new(NON, Code::CONTENT, b"t");
    peer.finish();
}

#[test]
fn a_delayed_response_that_is_never_acknowledged_is_told_to_the_server() {
    let mut peer = Peer::of_server();
    peer.host.serve("separate", |turn| turn.send_separately(CON, Code::CONTENT));
    peer.send(CON, Code::GET, b"t", 1).path("separate").go();
    let mid = peer.expect_new(CON, Code::CONTENT, b"t");
    peer.expect_empty(ACK, 1);
    for _ in 0..4 {
        peer.wait_for_message();
        peer.expect(CON, Code::CONTENT, b"t", mid);
    }
    peer.wait(Duration::from_secs(60));
    assert_eq!(peer.seen(), [Seen::Request(1), Seen::Nack(NackReason::TooManyRetries, mid)]);
    peer.finish();
}

#[test]
fn a_request_put_aside_without_end_waits_until_it_is_triggered() {
    let mut peer = Peer::of_server();
    peer.host.serve("later", |turn| match turn.is_delayed() {
        true => turn.reply(Code::CHANGED, b""),
        false => assert!(turn.put_aside(None).is_some()),
    });
    peer.send(CON, Code::PUT, b"t", 1).path("later").go();
    peer.expect_empty(ACK, 1);
    peer.wait(Duration::from_secs(100_000));
    peer.expect_silence();
    let session = peer.session();
    let id = peer.host.engine.find_async(session, b"t").unwrap();
    peer.host.engine.set_async_delay(peer.now, id, Some(Duration::ZERO));
    peer.wait(Duration::ZERO);
    let mid = peer.expect_new(CON, Code::CHANGED, b"t");
    peer.send(ACK, Code::EMPTY, b"", mid).go();
    assert_eq!(peer.host.engine.find_async(session, b"t"), None);
    peer.finish();
}

#[test]
fn the_resource_of_a_request_put_aside_may_be_gone_when_its_time_comes() {
    let mut peer = Peer::of_server();
    let id = peer.host.serve("later", |turn| assert!(turn.put_aside(Some(Duration::from_secs(1))).is_some()));
    peer.send(CON, Code::GET, b"t", 1).path("later").go();
    peer.expect_empty(ACK, 1);
    peer.host.engine.resources.remove(id);
    peer.wait_for_message();
    let mid = peer.expect_new(CON, Code::NOT_FOUND, b"t");
    peer.send(ACK, Code::EMPTY, b"", mid).go();
    peer.finish();
}

/// RFC 7252 §5.4.1: 4.02 that shows the option, or a Reset, or nothing.
#[test]
fn an_unknown_critical_option_in_a_request_is_refused() {
    let mut peer = server();
    peer.send(CON, Code::GET, b"t", 1).path("r").option(CRITICAL, b"x").option(ELECTIVE, b"y").go();
    peer.expect(ACK, Code::BAD_OPTION, b"t", 1).option(CRITICAL, b"x").no_option(ELECTIVE);
    peer.send(NON, Code::GET, b"t", 2).path("r").option(CRITICAL, b"x").go();
    peer.expect_empty(RST, 2);
    peer.send(NON, Code::GET, b"t", 3).path("r").option(CRITICAL, b"x").group().go();
    peer.expect_silence();
    assert_eq!(peer.seen(), []);
    peer.finish();
}

#[test]
fn an_unknown_elective_option_in_a_request_is_ignored() {
    let mut peer = server();
    peer.send(CON, Code::GET, b"t", 1).path("r").option(ELECTIVE, b"x").go();
    peer.expect(ACK, Code::CONTENT, b"t", 1).payload(b"r");
    peer.finish();
}

#[test]
fn a_critical_option_that_the_application_knows_reaches_the_handler() {
    let mut peer = server();
    peer.host.engine.config.known_options.insert(CRITICAL.0);
    peer.send(CON, Code::GET, b"t", 1).path("r").option(CRITICAL, b"x").go();
    peer.expect(ACK, Code::CONTENT, b"t", 1);
    peer.finish();
}

/// RFC 7252 §5.4.5: the second one counts as unknown.
#[test]
fn an_option_that_may_stand_once_is_refused_the_second_time() {
    let mut peer = server();
    let twice = |n| Code::GET.0 as u16 + n;
    peer.send(CON, Code::GET, b"t", twice(0))
        .path("r")
        .option(Number::ACCEPT, &[1])
        .option(Number::ACCEPT, &[2])
        .go();
    peer.expect(ACK, Code::BAD_OPTION, b"t", twice(0)).option(Number::ACCEPT, &[1]);
    peer.send(CON, Code::GET, b"t", twice(1))
        .path("r")
        .option(Number::URI_QUERY, b"a")
        .option(Number::URI_QUERY, b"b")
        .go();
    peer.expect(ACK, Code::CONTENT, b"t", twice(1));
    peer.finish();
}

/// RFC 7967 §2.1: one bit for each class of responses that is not wanted.
#[test]
fn no_response_suppresses_the_classes_it_names() {
    let mut peer = server();
    peer.host.serve("refusing", |turn| turn.reply(Code::FORBIDDEN, b""));
    peer.host.serve("failing", |turn| turn.reply(Code::INTERNAL_SERVER_ERROR, b""));
    let resources = [
        ("r", Code::CONTENT, 2),
        ("refusing", Code::FORBIDDEN, 8),
        ("failing", Code(0xa0), 16),
        ("none", Code::NOT_FOUND, 8),
    ];
    let mut mid = 0;
    for classes in [0, 2, 8, 10, 16, 18, 24, 26, 127] {
        for (path, code, bit) in resources {
            let wanted = classes & bit == 0;
            mid += 1;
            peer.send(CON, Code::GET, b"t", mid).path(path).option(Number::NO_RESPONSE, &[classes]).go();
            peer.expect(ACK, if wanted { code } else { Code::EMPTY }, if wanted { b"t" } else { b"" }, mid);
            mid += 1;
            peer.send(NON, Code::GET, b"t", mid).path(path).option(Number::NO_RESPONSE, &[classes]).go();
            if wanted {
                peer.expect_new(NON, code, b"t");
            }
            peer.expect_silence();
        }
    }
    peer.send(CON, Code::GET, b"t", 999).path("r").option(Number::NO_RESPONSE, b"").go();
    peer.expect(ACK, Code::CONTENT, b"t", 999);
    peer.finish();
}

#[test]
fn a_delayed_response_that_is_not_wanted_is_not_sent_and_nothing_is_acknowledged_twice() {
    let mut peer = Peer::of_server();
    peer.host.serve("later", |turn| match turn.is_delayed() {
        true => turn.reply(Code::CONTENT, b"x"),
        false => assert!(turn.put_aside(Some(Duration::from_secs(5))).is_some()),
    });
    peer.send(CON, Code::GET, b"t", 1).path("later").option(Number::NO_RESPONSE, &[2]).go();
    peer.expect_empty(ACK, 1);
    peer.wait(Duration::from_secs(10));
    assert_eq!(peer.seen(), [Seen::Request(1), Seen::Delayed(1)]);
    peer.finish();
}

/// RFC 8768 §3.
#[test]
fn the_hop_limit_is_seen_to() {
    let mut peer = server();
    for (mid, (limit, code)) in (1..).zip([
        (0, Code::BAD_REQUEST),
        (1, Code::HOP_LIMIT_REACHED),
        (2, Code::CONTENT),
        (255, Code::CONTENT),
    ]) {
        peer.send(CON, Code::GET, b"t", mid).path("r").option(Number::HOP_LIMIT, &[limit]).go();
        let answer = peer.expect(ACK, code, b"t", mid);
        if limit == 1 {
            answer.payload(b"10.0.0.1");
        }
    }
    peer.finish();
}

#[test]
fn what_no_handler_takes_is_answered_by_the_library() {
    let mut peer = server();
    let only_get = crate::protocol::resource::Resource::new(b"get", Kind::Plain, Flags::default());
    only_get.set_method(Code::GET, true);
    let handle = std::sync::Arc::new(());
    peer.host.engine.resources.add(std::sync::Arc::new(only_get), handle).unwrap();
    for (mid, (method, path, code)) in (1..).zip([
        (Code::GET, "none", Code::NOT_FOUND),
        (Code::DELETE, "none", Code::DELETED),
        (Code::PUT, "get", Code::METHOD_NOT_ALLOWED),
        (Code(8), "get", Code::METHOD_NOT_ALLOWED),
        (Code(31), "r", Code::METHOD_NOT_ALLOWED),
        (Code::FETCH, "r", Code::UNSUPPORTED_CONTENT_FORMAT),
        (Code::PUT, ".well-known/core", Code::METHOD_NOT_ALLOWED),
    ]) {
        peer.send(CON, method, b"t", mid).path(path).go();
        peer.expect(ACK, code, b"t", mid);
    }
    assert_eq!(peer.seen(), []);
    peer.finish();
}

#[test]
fn preconditions_and_proxying_are_seen_to_before_the_handler() {
    let mut peer = server();
    peer.send(CON, Code::PUT, b"t", 1).path("r").option(Number::IF_NONE_MATCH, b"").go();
    peer.expect(ACK, Code::PRECONDITION_FAILED, b"t", 1);
    peer.send(CON, Code::GET, b"t", 2).option(Number::PROXY_URI, b"coap://elsewhere/r").go();
    peer.expect(ACK, Code::PROXYING_NOT_SUPPORTED, b"t", 2);
    let scheme = (Number::PROXY_SCHEME, b"coap");
    let host = (Number::URI_HOST, b"elsewhere");
    peer.send(CON, Code::GET, b"t", 3).path("r").option(host.0, host.1).option(scheme.0, scheme.1).go();
    peer.expect(ACK, Code::PROXYING_NOT_SUPPORTED, b"t", 3);
    // Without a host there is no URI to be made of the options (RFC 7252 §6.5).
    peer.send(CON, Code::GET, b"t", 4).path("r").option(scheme.0, scheme.1).go();
    peer.expect(ACK, Code::BAD_OPTION, b"t", 4);
    assert_eq!(peer.seen(), []);
    peer.finish();
}

#[test]
fn the_list_of_resources_is_answered_by_the_library() {
    let mut peer = server();
    peer.send(CON, Code::GET, b"t", 1).path(".well-known/core").go();
    peer.expect(ACK, Code::CONTENT, b"t", 1).option(Number::CONTENT_FORMAT, &[40]).payload(b"</r>");
    peer.finish();
}

/// ```text
///   host                      peer
///    |            CON 0.00 mid=1 |
///    |<--------------------------|
///    | RST mid=1                 |
///    |-------------------------->|
/// ```
#[test]
fn a_ping_is_answered_by_a_reset_and_at_most_every_250_ms() {
    let mut peer = Peer::of_server();
    for (mid, (pause, answered)) in
        (1..).zip([(0, true), (1, false), (248, false), (1, true), (249, false), (1, true)])
    {
        peer.wait(Duration::from_millis(pause));
        peer.send(CON, Code::EMPTY, b"", mid).go();
        if answered {
            peer.expect_empty(RST, mid);
        }
        peer.expect_silence();
        assert_eq!(peer.seen(), [Seen::Ping(mid)]);
    }
    peer.finish();
}

#[test]
fn a_handler_that_gives_no_response_has_the_request_acknowledged() {
    let mut peer = Peer::of_server();
    peer.host.serve("silent", |_| {});
    peer.send(CON, Code::GET, b"t", 1).path("silent").go();
    peer.expect_empty(ACK, 1);
    peer.send(NON, Code::GET, b"t", 2).path("silent").go();
    peer.expect_silence();
    assert_eq!(peer.seen(), [Seen::Request(1), Seen::Request(2)]);
    peer.finish();
}
