//! Messages to and from multicast groups (RFC 7252 §8).

use crate::address::Address;
use crate::message::{Code, Mid, Number, Pdu, Type};
use crate::protocol::block::Mode;
use crate::protocol::engine::groups::{MAX_LEISURELY, MAX_LEISURELY_PER_SESSION};
use crate::protocol::engine::{Datagram, Engine, SendError};
use crate::protocol::event::Event;
use crate::protocol::params::FixedPoint;
use crate::protocol::resource::{Flags, Kind, Resource};
use crate::protocol::session::{Path, SessionId, SocketId};
use crate::protocol::simulation::{ACK, CON, Conditions, Host, NON, Peer, RST, Seen, What, World};
use crate::protocol::time::Instant;
use core::time::Duration;
use std::sync::Arc;

/// DEFAULT_LEISURE (RFC 7252 §8.2).
const LEISURE: Duration = Duration::from_secs(5);

fn server() -> Peer {
    let mut peer = Peer::of_server();
    peer.host.serve("r", |turn| turn.reply(Code::CONTENT, b"r"));
    peer.host.serve("refusing", |turn| turn.reply(Code::FORBIDDEN, b""));
    peer
}

#[test]
fn a_request_to_a_group_is_answered_unless_the_answer_is_an_error() {
    let mut peer = server();
    peer.send(NON, Code::GET, b"t", 1).path("r").group().go();
    peer.expect_at_leisure(Code::CONTENT, b"t");
    for (mid, path) in [(2, "refusing"), (3, "none")] {
        peer.send(NON, Code::GET, b"t", mid).path(path).group().go();
        peer.wait(LEISURE);
        peer.expect_silence();
    }
    assert_eq!(peer.seen(), [Seen::Request(1), Seen::Request(2)]);
    peer.finish();
}

/// RFC 7967 §2.1: a client that says what it wants gets that.
#[test]
fn no_response_overrides_what_is_left_out_for_groups() {
    let mut peer = server();
    peer.send(NON, Code::GET, b"t", 1).path("refusing").option(Number::NO_RESPONSE, b"").group().go();
    peer.expect_at_leisure(Code::FORBIDDEN, b"t");
    peer.send(NON, Code::GET, b"t", 2).path("r").option(Number::NO_RESPONSE, &[2]).group().go();
    peer.wait(LEISURE);
    peer.finish();
}

#[test]
fn with_resources_marked_one_by_one_the_others_do_not_hear_groups() {
    let mut peer = server();
    peer.host.engine.config.multicast_per_resource = true;
    peer.host
        .serve_as("marked", Kind::Plain, Flags::HAS_MCAST_SUPPORT, |turn| turn.reply(Code::CONTENT, b""));
    peer.send(NON, Code::GET, b"t", 1).path("r").group().go();
    peer.wait(LEISURE);
    peer.expect_silence();
    peer.send(NON, Code::GET, b"t", 2).path("marked").group().go();
    peer.expect_at_leisure(Code::CONTENT, b"t");
    peer.send(NON, Code::GET, b"t", 3).path("r").go();
    peer.expect_new(NON, Code::CONTENT, b"t");
    assert_eq!(peer.seen(), [Seen::Request(2), Seen::Request(3)]);
    peer.finish();
}

/// As with libcoap, a client that insists hears that the resource is not for groups.
#[test]
fn no_response_of_zero_shows_that_a_resource_is_not_for_groups() {
    let mut peer = server();
    peer.host.engine.config.multicast_per_resource = true;
    peer.send(NON, Code::GET, b"t", 1).path("r").option(Number::NO_RESPONSE, b"").group().go();
    peer.expect_at_leisure(Code::METHOD_NOT_ALLOWED, b"t");
    assert_eq!(peer.seen(), []);
    peer.finish();
}

/// RFC 7252 §8.2: the members of a group do not answer all at once.
#[test]
fn answers_to_a_group_are_spread_over_the_leisure() {
    let mut peer = server();
    peer.send(NON, Code::GET, b"u", 1).path("r").go();
    peer.expect_new(NON, Code::CONTENT, b"u");
    let session = peer.session();
    let leisure = FixedPoint::new(20, 0);
    peer.host.engine.session_mut(session).unwrap().params_mut().default_leisure = leisure;
    let mut delays = Vec::new();
    for mid in 10..110 {
        peer.send(NON, Code::GET, b"t", mid).path("r").group().go();
        delays.push(peer.wait_for_message());
        peer.expect_new(NON, Code::CONTENT, b"t");
    }
    delays.sort_unstable();
    assert!(delays[99] < Duration::from_secs(20));
    for quarter in 0..4 {
        let within = Duration::from_secs(quarter * 5)..Duration::from_secs(quarter * 5 + 5);
        assert!(delays.iter().filter(|d| within.contains(d)).count() > 10, "{delays:?}");
    }
    peer.finish();
}

#[test]
fn the_handler_sees_a_request_to_a_group_at_once_and_a_repetition_not_at_all() {
    let mut peer = server();
    for _ in 0..2 {
        peer.send(NON, Code::GET, b"t", 1).path("r").group().go();
    }
    assert_eq!(peer.seen(), [Seen::Request(1)]);
    assert!(!peer.host.engine.is_quiet() && !peer.host.engine.is_settled());
    peer.expect_at_leisure(Code::CONTENT, b"t");
    peer.send(NON, Code::GET, b"t", 1).path("r").group().go();
    peer.finish();
}

#[test]
fn a_resource_may_have_its_answers_sent_at_once() {
    let mut peer = server();
    let flags = Flags(Flags::HAS_MCAST_SUPPORT.0 | Flags::LIB_DIS_MCAST_DELAYS.0);
    peer.host.serve_as("prompt", Kind::Plain, flags, |turn| turn.reply(Code::CONTENT, b""));
    // The flags count only where resources are asked one by one.
    peer.send(NON, Code::GET, b"t", 1).path("prompt").group().go();
    peer.expect_at_leisure(Code::CONTENT, b"t");
    peer.host.engine.config.multicast_per_resource = true;
    peer.send(NON, Code::GET, b"t", 2).path("prompt").group().go();
    peer.expect_new(NON, Code::CONTENT, b"t");
    peer.finish();
}

#[test]
fn the_flags_of_a_resource_say_which_answers_are_left_out() {
    let mut peer = server();
    peer.host.engine.config.multicast_per_resource = true;
    let answers = [
        (Code::CONTENT, "x"),
        (Code::CONTENT, ""),
        (Code::CHANGED, ""),
        (Code::FORBIDDEN, ""),
        (Code(160), ""),
    ];
    for (flags, wanted) in [
        (Flags(0), [true, true, true, false, false]),
        (Flags::LIB_ENA_MCAST_SUPPRESS_2_05, [true, false, true, false, false]),
        (Flags::LIB_ENA_MCAST_SUPPRESS_2_XX, [false; 5]),
        (Flags::LIB_DIS_MCAST_SUPPRESS_4_XX, [true, true, true, true, false]),
        (Flags::LIB_DIS_MCAST_SUPPRESS_5_XX, [true, true, true, false, true]),
    ] {
        let all = Flags(flags.0 | Flags::HAS_MCAST_SUPPORT.0 | Flags::LIB_DIS_MCAST_DELAYS.0);
        for (n, ((code, payload), wanted)) in answers.into_iter().zip(wanted).enumerate() {
            let path = format!("{}-{n}", flags.0);
            peer.host.serve_as(&path, Kind::Plain, all, move |turn| turn.reply(code, payload.as_bytes()));
            let mid = (flags.0 * 16) as u16 + n as u16;
            peer.send(NON, Code::GET, b"t", mid).path(&path).group().go();
            if wanted {
                peer.expect_new(NON, code, b"t");
            }
            peer.expect_silence();
        }
    }
    peer.finish();
}

/// The flags of a resource are about what the library answers for it, too.
#[test]
fn that_a_method_is_not_allowed_is_said_as_the_resource_says() {
    let mut peer = server();
    peer.host.engine.config.multicast_per_resource = true;
    let prompt = Flags(Flags::HAS_MCAST_SUPPORT.0 | Flags::LIB_DIS_MCAST_DELAYS.0);
    for (mid, path, flags) in [(1, "a", Flags(0)), (2, "b", Flags::LIB_DIS_MCAST_SUPPRESS_4_XX)] {
        let resource = Resource::new(path.as_bytes(), Kind::Plain, Flags(prompt.0 | flags.0));
        peer.host.engine.resources.add(Arc::new(resource), Arc::new(())).unwrap();
        peer.send(NON, Code::PUT, b"t", mid).path(path).group().go();
    }
    let refusal = peer.next_message();
    assert_eq!((refusal.kind(), refusal.code()), (NON, Code::METHOD_NOT_ALLOWED));
    peer.finish();
}

/// RFC 7252 §8.1: requests to groups are not confirmable.
#[test]
fn a_confirmable_request_to_a_group_is_ignored() {
    let mut peer = server();
    peer.send(CON, Code::GET, b"t", 1).path("r").group().go();
    peer.send(CON, Code::GET, b"t", 2).path(".well-known/core").group().go();
    peer.send(CON, Code::GET, b"t", 3).path("none").option(Number::NO_RESPONSE, b"").group().go();
    assert_eq!(peer.seen(), []);
    peer.finish();
}

#[test]
fn the_list_of_resources_is_for_groups_and_comes_at_leisure() {
    let mut peer = server();
    peer.host.engine.config.multicast_per_resource = true;
    peer.send(NON, Code::GET, b"t", 1).path(".well-known/core").group().go();
    peer.expect_at_leisure(Code::CONTENT, b"t");
    peer.finish();
}

/// What the application puts aside is still an answer to a group.
#[test]
fn a_request_put_aside_keeps_in_mind_that_it_came_to_a_group() {
    let mut peer = server();
    let mut handed = 0;
    peer.host.serve("slow", move |turn| {
        handed += 1;
        match handed {
            1 => assert!(turn.put_aside(Some(Duration::from_secs(30))).is_some()),
            _ => turn.reply(Code::FORBIDDEN, b""),
        }
    });
    peer.send(NON, Code::GET, b"t", 1).path("slow").group().go();
    peer.wait(Duration::from_secs(60));
    assert_eq!(peer.seen(), [Seen::Request(1), Seen::Delayed(1)]);
    peer.finish();
}

#[test]
fn a_body_in_blocks_is_not_taken_from_a_group() {
    let mut peer = server();
    peer.host.engine.config.block_mode = Mode(Mode::USE_LIBCOAP.0 | Mode::SINGLE_BODY.0);
    // Block 0 of 16 bytes, with more to come.
    peer.send(NON, Code::PUT, b"t", 1)
        .path("r")
        .option(Number::BLOCK1, &[8])
        .option(Number::NO_RESPONSE, b"")
        .payload(&[0; 16])
        .group()
        .go();
    assert_eq!(peer.seen(), []);
    peer.finish();
}

/// Who floods a group costs a bounded number of answers that wait.
#[test]
fn only_so_many_answers_wait() {
    let mut peer = server();
    for mid in 0..1000 {
        peer.send(NON, Code::GET, b"t", mid).path("r").group().go();
    }
    peer.wait(Duration::from_secs(6));
    let sent = core::iter::from_fn(|| peer.poll_message()).count();
    assert!(sent > 0 && sent <= MAX_LEISURELY_PER_SESSION as usize + 1, "{sent} answers");
    for n in 0..2 * MAX_LEISURELY {
        peer.address = Host::address_of((n >> 8) as u8 + 3, 1024 + (n & 0xff) as u16);
        peer.send(NON, Code::GET, b"t", 1).path("r").group().go();
    }
    peer.wait(Duration::from_secs(6));
    let sent = core::iter::from_fn(|| peer.poll_message()).count();
    assert!(sent > MAX_LEISURELY / 2 && sent <= MAX_LEISURELY + 10, "{sent} answers");
    peer.finish();
}

#[test]
fn an_answer_that_waits_ends_with_its_session() {
    let mut peer = server();
    peer.send(NON, Code::GET, b"t", 1).path("r").group().go();
    let session = peer.session();
    peer.host.engine.end(session);
    peer.settle();
    peer.finish();
}

/// RFC 7252 §8.1: who sends to a group with a forged source must not make all of it answer.
#[test]
fn a_reset_never_answers_what_came_to_a_group() {
    let mut peer = server();
    peer.send(CON, Code::EMPTY, b"", 1).group().go();
    peer.send(CON, Code::CONTENT, b"t", 2).group().go();
    peer.send(NON, Code::CONTENT, b"t", 3).group().go();
    // Classes of codes that are reserved.
    peer.send(CON, Code(0x20), b"t", 4).group().go();
    peer.send(CON, Code(0xe1), b"t", 5).group().go();
    peer.finish();
}

/// ```text
///   host                         peers
///    | NON GET token=t  to a group|
///    |--------------------------->|
///    |   NON 2.05 token=t         |   each member answers
///    |<---------------------------|
///    |   NON 2.05 token=t         |
///    |<---------------------------|
/// ```
#[test]
fn a_request_to_a_group_takes_many_responses() {
    let mut peer = Peer::of_server();
    let group = Address::Ip(([224, 0, 1, 187], 5683).into());
    let local = Host::address_of(1, 50_001);
    let path = Path { socket: SocketId(9), local, remote: group, ifindex: 0 };
    let id = peer.host.engine.open(peer.now, path).unwrap();
    peer.host.engine.hold(id);
    peer.session = Some(id);
    let (mid, token) = peer.request(NON, "r");
    peer.expect(NON, Code::GET, &token, mid);
    for mid in [8, 9, 8] {
        let mut response = crate::message::Pdu::new(NON, Code::CONTENT, crate::message::Mid(mid), 100);
        response.set_token(&token).unwrap();
        let bytes = response.encode_udp().to_vec();
        let datagram = crate::protocol::engine::Datagram { bytes: &bytes, multicast: false };
        peer.host.engine.handle_datagram(peer.now, id, datagram);
        peer.settle();
    }
    let response = Seen::Response(Code::CONTENT, token, None);
    assert_eq!(peer.seen(), [response.clone(), response]);
    peer.expect_silence();
    peer.finish();
}

/// RFC 7252 §8.1: there is nobody who could acknowledge it.
#[test]
fn a_confirmable_request_to_a_group_is_refused() {
    let mut world = World::new(1, Conditions::PERFECT);
    let group = Address::Ip(([224, 0, 1, 187], 5683).into());
    let client = world.add_host();
    let session = world.hosts[client].connect(world.now, &group);
    let request = world.hosts[client].new_request(session, CON, Code::GET, "r");
    let refused = world.hosts[client].engine.send(world.now, session, request);
    assert_eq!(refused, Err(SendError::ConfirmableToGroup));
}

#[test]
fn of_a_group_who_answered_last_is_the_one_who_is_spoken_with() {
    let mut world = World::new(1, Conditions::PERFECT);
    let group = Address::Ip(([224, 0, 1, 187], 5683).into());
    let client = world.add_host();
    let session = world.hosts[client].connect(world.now, &group);
    let engine = &mut world.hosts[client].engine;
    let correspondent = |engine: &Engine| engine.sessions().get(session).map(|s| s.correspondent().clone());
    assert_eq!(correspondent(engine), Some(group));
    for member in [Host::address_of(7, 5683), Host::address_of(8, 5683)] {
        engine.heard_from(session, &member);
        assert_eq!(correspondent(engine), Some(member));
    }
}

/// A client that sends to a group, and its session.
fn client_of_group() -> (Host, SessionId) {
    let mut host = Host::new(1, 1);
    let group = Address::Ip(([224, 0, 1, 187], 5683).into());
    let id = host.connect(Instant(0), &group);
    (host, id)
}

/// What the host sends: where to, type and message ID.
fn sent(host: &mut Host) -> Vec<(Address, Type, u16)> {
    let mut sent = Vec::new();
    host.settle(Instant(0), |_, to, bytes| {
        let pdu = Pdu::decode_udp(bytes, 8).unwrap();
        sent.push((to.clone(), pdu.kind(), pdu.mid().0));
    });
    sent
}

/// ```text
///   client                        members
///    | NON GET token=t  to a group|
///    |--------------------------->|
///    |   CON 2.05 token=t mid=7   |   from A
///    |<---------------------------|
///    | ACK mid=7  to A            |
///    |--------------------------->|
///    |   CON 2.05 token=t mid=7   |   from B: another message
///    |<---------------------------|
///    | ACK mid=7  to B            |
///    |--------------------------->|
///    |   CON 2.05 token=t mid=7   |   from A, once more
///    |<---------------------------|
///    | ACK mid=7  to A            |
///    |--------------------------->|
/// ```
#[test]
fn what_a_member_sends_is_acknowledged_to_that_member_alone() {
    let (mut host, id) = client_of_group();
    let group = host.engine.sessions().get(id).unwrap().path.remote.clone();
    let local = host.engine.sessions().get(id).unwrap().path.local.clone();
    let request = host.new_request(id, NON, Code::GET, "r");
    let (mid, token) = (request.mid().0, request.token().to_vec());
    host.engine.send(Instant(0), id, request).unwrap();
    assert_eq!(sent(&mut host), [(group.clone(), NON, mid)]);

    let mut response = Pdu::new(CON, Code::CONTENT, Mid(7), 100);
    response.set_token(&token).unwrap();
    let bytes = response.encode_udp().to_vec();
    let (a, b) = (Host::address_of(7, 5683), Host::address_of(8, 5683));
    for member in [&a, &b, &a] {
        host.receive(Instant(0), member, &local, &bytes);
        assert_eq!(sent(&mut host), [(member.clone(), ACK, 7)]);
        assert_eq!(host.engine.sessions().get(id).unwrap().correspondent(), member);
    }
    let responses = host.journal.iter().filter(|r| matches!(r.what, What::Response { .. })).count();
    assert_eq!(responses, 2);

    // The next request goes to the group again.
    let request = host.new_request(id, NON, Code::GET, "r");
    let mid = request.mid().0;
    host.engine.send(Instant(0), id, request).unwrap();
    assert_eq!(sent(&mut host), [(group.clone(), NON, mid)]);
    assert_eq!(*host.engine.sessions().get(id).unwrap().correspondent(), group);
}

#[test]
fn what_a_member_sends_unasked_is_rejected_to_that_member_alone() {
    let (mut host, id) = client_of_group();
    let local = host.engine.sessions().get(id).unwrap().path.local.clone();
    let member = Host::address_of(7, 5683);
    let bytes = Pdu::new(NON, Code::CONTENT, Mid(7), 100).encode_udp().to_vec();
    host.receive(Instant(0), &member, &local, &bytes);
    assert_eq!(sent(&mut host), [(member, RST, 7)]);
}

#[test]
fn a_response_is_acknowledged_to_who_gave_it_though_a_request_was_sent_since() {
    let (mut host, id) = client_of_group();
    let request = host.new_request(id, NON, Code::GET, "r");
    let token = request.token().to_vec();
    host.engine.send(Instant(0), id, request).unwrap();
    sent(&mut host);
    let mut response = Pdu::new(CON, Code::CONTENT, Mid(7), 100);
    response.set_token(&token).unwrap();
    let bytes = response.encode_udp().to_vec();
    let member = Host::address_of(7, 5683);
    host.engine.heard_from(id, &member);
    let datagram = Datagram { bytes: &bytes, multicast: false };
    host.engine.handle_datagram(Instant(0), id, datagram);
    let responder = host.engine.responder(id);
    let Some(Event::Response { received, .. }) = host.engine.poll_event() else { panic!("no response") };
    let request = host.new_request(id, NON, Code::GET, "r");
    host.engine.send(Instant(0), id, request).unwrap();
    host.engine.response_done_to(Instant(0), id, received, true, responder);
    assert_eq!(sent(&mut host)[1], (member, ACK, 7));
}

/// RFC 7252 §8.1: nobody may answer for a group.
#[test]
fn groups_are_not_asked_whether_they_are_there() {
    let (mut host, _) = client_of_group();
    host.engine.set_keepalive(Instant(0), Duration::from_secs(30));
    assert_eq!(host.engine.poll_timeout(), None);
}

#[test]
fn each_member_of_a_group_answers_the_client() {
    let mut world = World::new(1, Conditions::PERFECT);
    let group = Address::Ip(([224, 0, 1, 187], 5683).into());
    let client = world.add_host();
    for _ in 0..3 {
        let member = world.add_host();
        world.hosts[member].groups.push(group.clone());
        world.hosts[member].serve("r", move |turn| turn.reply(Code::CONTENT, &[member as u8]));
    }
    let session = world.hosts[client].connect(world.now, &group);
    let request = world.hosts[client].new_request(session, NON, Code::GET, "r");
    world.send(client, session, request);
    world.drive_bounded();
    let payload = |what: &What| match what {
        What::Response { received, .. } => received.payload().map(<[u8]>::to_vec),
        _ => None,
    };
    let mut answers: Vec<_> = world.hosts[client].journal.iter().filter_map(|r| payload(&r.what)).collect();
    answers.sort_unstable();
    assert_eq!(answers, [[1], [2], [3]]);
}

#[test]
fn a_response_from_nowhere_to_one_host_is_rejected_all_the_same() {
    let mut peer = server();
    peer.send(NON, Code::CONTENT, b"t", 3).go();
    peer.expect_empty(RST, 3);
    peer.finish();
}
