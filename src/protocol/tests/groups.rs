//! Messages to and from multicast groups (RFC 7252 §8).

use crate::address::Address;
use crate::message::{Code, Number};
use crate::protocol::engine::{Engine, SendError};
use crate::protocol::resource::{Flags, Kind};
use crate::protocol::session::Path;
use crate::protocol::session::SocketId;
use crate::protocol::simulation::{CON, Conditions, Host, NON, Peer, RST, Seen, What, World};
use core::time::Duration;

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
    peer.wait_for_message();
    peer.expect_new(NON, Code::CONTENT, b"t");
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
    peer.wait_for_message();
    peer.expect_new(NON, Code::FORBIDDEN, b"t");
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
    peer.wait_for_message();
    peer.expect_new(NON, Code::CONTENT, b"t");
    peer.send(NON, Code::GET, b"t", 3).path("r").go();
    peer.expect_new(NON, Code::CONTENT, b"t");
    assert_eq!(peer.seen(), [Seen::Request(2), Seen::Request(3)]);
    peer.finish();
}

/// RFC 7252 §8.2: so that the members of a group do not all answer at once.
#[test]
fn answers_to_a_group_are_spread_over_the_leisure_period() {
    let mut peer = server();
    let mut delays: Vec<_> = (0..200)
        .map(|mid| {
            peer.send(NON, Code::GET, b"t", mid).path("r").group().go();
            peer.expect_silence();
            let delay = peer.wait_for_message();
            peer.expect_new(NON, Code::CONTENT, b"t");
            delay
        })
        .collect();
    delays.sort_unstable();
    assert!(delays.first() < Some(&(LEISURE / 10)));
    assert!(delays.last() > Some(&(LEISURE * 9 / 10)) && delays.last() <= Some(&LEISURE));
    peer.send(NON, Code::GET, b"t", 999).path("r").go();
    peer.expect_new(NON, Code::CONTENT, b"t");
    peer.finish();
}

/// What `COAP_RESOURCE_FLAGS_LIB_...` say counts where resources are asked one by one.
#[test]
fn a_resource_says_what_is_answered_to_a_group_and_whether_at_once() {
    use Flags as F;
    let at_once = F(F::HAS_MCAST_SUPPORT.0 | F::LIB_DIS_MCAST_DELAYS.0);
    let cases: [(Flags, Code, &[u8], bool); 8] = [
        (F(0), Code::CONTENT, b"", true),
        (F::LIB_ENA_MCAST_SUPPRESS_2_05, Code::CONTENT, b"", false),
        (F::LIB_ENA_MCAST_SUPPRESS_2_05, Code::CONTENT, b"x", true),
        (F::LIB_ENA_MCAST_SUPPRESS_2_XX, Code::CONTENT, b"x", false),
        (F(0), Code::NOT_FOUND, b"", false),
        (F::LIB_DIS_MCAST_SUPPRESS_4_XX, Code::NOT_FOUND, b"", true),
        (F(0), Code::INTERNAL_SERVER_ERROR, b"", false),
        (F::LIB_DIS_MCAST_SUPPRESS_5_XX, Code::INTERNAL_SERVER_ERROR, b"", true),
    ];
    for (flags, code, payload, answered) in cases {
        let mut peer = Peer::of_server();
        peer.host.engine.config.multicast_per_resource = true;
        let flags = F(flags.0 | at_once.0);
        peer.host.serve_as("r", Kind::Plain, flags, move |turn| turn.reply(code, payload));
        peer.send(NON, Code::GET, b"t", 1).path("r").group().go();
        if answered {
            peer.expect_new(NON, code, b"t");
        }
        peer.wait(LEISURE);
        peer.finish();
    }
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
