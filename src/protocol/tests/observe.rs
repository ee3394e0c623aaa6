//! Observing (RFC 7641), from both ends, and on a bad network: what is shown never goes back, and
//! the last of it is the last state.

use crate::message::{Code, Number, Pdu};
use crate::protocol::observe::{MAX_NON, MAX_PER_SESSION};
use crate::protocol::resource::{Flags, Kind, ResourceId};
use crate::protocol::simulation::*;
use core::time::Duration;
use std::cell::Cell;
use std::rc::Rc;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Adds a resource whose state is a number that the test sets.
fn observable(host: &mut Host, flags: Flags) -> (ResourceId, Rc<Cell<u8>>) {
    let state = Rc::new(Cell::new(0u8));
    let shown = Rc::clone(&state);
    let answer = move |turn: &mut Turn<'_>| turn.reply(Code::CONTENT, &[shown.get()]);
    let id = host.serve_as("r", Kind::Plain, flags, answer);
    host.engine.resources.get(id).unwrap().resource.set_observable(true);
    (id, state)
}

fn server(flags: Flags) -> (Peer, ResourceId, Rc<Cell<u8>>) {
    let mut peer = Peer::of_server();
    let (id, state) = observable(&mut peer.host, flags);
    (peer, id, state)
}

fn register(peer: &mut Peer, token: &[u8], mid: u16) {
    peer.send(CON, Code::GET, token, mid).option(Number::OBSERVE, &[]).path("r").go();
}

fn deregister(peer: &mut Peer, token: &[u8], mid: u16) {
    peer.send(CON, Code::GET, token, mid).option(Number::OBSERVE, &[1]).path("r").go();
    peer.expect(ACK, Code::CONTENT, token, mid).no_option(Number::OBSERVE);
}

/// The resource changes. Gives whether somebody is to be told.
fn change(peer: &mut Peer, resource: ResourceId, state: &Cell<u8>) -> bool {
    state.set(state.get() + 1);
    let told = peer.host.engine.notify(resource);
    peer.wait(Duration::ZERO);
    told
}

/// ```text
///   host                                 peer
///    |   CON GET Observe=0 token=t mid=1  |
///    |<-----------------------------------|
///    |   ACK 2.05 Observe=2 mid=1         |
///    |----------------------------------->|
///    |   NON 2.05 Observe=3 token=t       |   the resource has changed
///    |----------------------------------->|
///    |   CON GET Observe=1 token=t mid=2  |
///    |<-----------------------------------|
///    |   ACK 2.05 mid=2                   |   and nothing more
///    |----------------------------------->|
/// ```
#[test]
fn an_observer_is_told_of_changes_until_it_ends_that() {
    let (mut peer, resource, state) = server(Flags::default());
    assert!(!change(&mut peer, resource, &state));
    register(&mut peer, b"t", 1);
    peer.expect(ACK, Code::CONTENT, b"t", 1).option(Number::OBSERVE, &[2]).payload(&[1]);
    assert!(change(&mut peer, resource, &state));
    let notification = peer.next_message();
    assert_eq!((notification.kind(), notification.payload()), (NON, Some(&[2u8][..])));
    assert_eq!(notification.option_uint(Number::OBSERVE), Some(3));
    deregister(&mut peer, b"t", 2);
    assert!(!change(&mut peer, resource, &state));
    peer.finish();
}

#[test]
fn several_changes_in_a_turn_make_one_notification_of_the_last_state() {
    let (mut peer, resource, state) = server(Flags::default());
    register(&mut peer, b"t", 1);
    peer.discard();
    for _ in 0..3 {
        state.set(state.get() + 1);
        peer.host.engine.notify(resource);
    }
    peer.wait(Duration::ZERO);
    let notification = peer.next_message();
    assert_eq!(notification.option_uint(Number::OBSERVE), Some(5));
    assert_eq!(notification.payload(), Some(&[3u8][..]));
    deregister(&mut peer, b"t", 2);
    peer.finish();
}

/// A handler that changes what it shows must not keep the loop busy for ever.
#[test]
fn a_change_during_a_notification_is_for_the_next_turn() {
    let mut peer = Peer::of_server();
    let resource = Rc::new(Cell::new(None));
    let of_handler = Rc::clone(&resource);
    let id = peer.host.serve("r", move |turn| {
        turn.reply(Code::CONTENT, b"x");
        turn.engine.notify(of_handler.get().unwrap());
    });
    peer.host.engine.resources.get(id).unwrap().resource.set_observable(true);
    resource.set(Some(id));
    register(&mut peer, b"t", 1);
    peer.expect(ACK, Code::CONTENT, b"t", 1);
    for _ in 0..3 {
        peer.host.engine.handle_timeout(peer.now);
        peer.settle();
        assert_eq!(peer.next_message().code(), Code::CONTENT);
        peer.expect_silence();
    }
}

#[test]
fn every_sixth_notification_is_confirmable_and_so_is_the_first_after_a_day() {
    let (mut peer, resource, state) = server(Flags::default());
    register(&mut peer, b"t", 1);
    peer.discard();
    for _ in 0..3 {
        for _ in 0..MAX_NON {
            change(&mut peer, resource, &state);
            peer.expect_new(NON, Code::CONTENT, b"t");
        }
        change(&mut peer, resource, &state);
        let mid = peer.expect_new(CON, Code::CONTENT, b"t");
        peer.send(ACK, Code::EMPTY, b"", mid).go();
    }
    peer.wait(DAY);
    change(&mut peer, resource, &state);
    let mid = peer.expect_new(CON, Code::CONTENT, b"t");
    peer.send(ACK, Code::EMPTY, b"", mid).go();
    change(&mut peer, resource, &state);
    peer.expect_new(NON, Code::CONTENT, b"t");
    deregister(&mut peer, b"t", 2);
    peer.finish();
}

#[test]
fn while_a_notification_is_not_acknowledged_the_next_waits_and_has_the_last_state() {
    let (mut peer, resource, state) = server(Flags::NOTIFY_CON);
    register(&mut peer, b"t", 1);
    peer.discard();
    change(&mut peer, resource, &state);
    let mid = peer.expect_new(CON, Code::CONTENT, b"t");
    for _ in 0..5 {
        change(&mut peer, resource, &state);
    }
    peer.expect_silence();
    peer.send(ACK, Code::EMPTY, b"", mid).go();
    let notification = peer.next_message();
    assert_eq!(notification.payload(), Some(&[6u8][..]));
    peer.send(ACK, Code::EMPTY, b"", notification.mid().0).go();
    deregister(&mut peer, b"t", 2);
    peer.finish();
}

/// An error is the last notification of one; the others must not wait for ever.
#[test]
fn observers_that_wait_for_the_same_session_all_have_their_turn() {
    let mut peer = Peer::of_server();
    let fails = Rc::new(Cell::new(false));
    let handler_fails = Rc::clone(&fails);
    let id = peer.host.serve_as("r", Kind::Plain, Flags::NOTIFY_CON, move |turn| {
        if !handler_fails.get() {
            turn.reply(Code::CONTENT, b"x");
        }
    });
    peer.host.engine.resources.get(id).unwrap().resource.set_observable(true);
    for n in 0..4u8 {
        peer.send(CON, Code::GET, &[n], n.into())
            .option(Number::OBSERVE, &[])
            .path("r")
            .option(Number::URI_QUERY, &[b'0' + n])
            .go();
    }
    peer.discard();
    peer.host.engine.notify(id);
    peer.wait(Duration::ZERO);
    for token in [3, 2] {
        let mid = peer.expect_new(CON, Code::CONTENT, &[token]);
        peer.expect_silence();
        peer.send(ACK, Code::EMPTY, b"", mid).go();
    }
    // The handler has nothing to say to the last but one, so that no acknowledgement comes.
    let mid = peer.expect_new(CON, Code::CONTENT, &[1]);
    fails.set(true);
    peer.host.engine.notify(id);
    peer.send(ACK, Code::EMPTY, b"", mid).go();
    peer.wait(Duration::ZERO);
    peer.expect_silence();
    assert_eq!(peer.host.engine.census().notifications, 0);
}

#[test]
fn a_reset_ends_an_observation() {
    for flags in [Flags::default(), Flags::NOTIFY_CON] {
        let (mut peer, resource, state) = server(flags);
        register(&mut peer, b"t", 1);
        peer.discard();
        change(&mut peer, resource, &state);
        let mid = peer.next_message().mid().0;
        peer.send(RST, Code::EMPTY, b"", mid).go();
        assert!(!change(&mut peer, resource, &state));
        peer.finish();
    }
}

#[test]
fn a_notification_that_is_never_acknowledged_ends_an_observation() {
    let (mut peer, resource, state) = server(Flags::NOTIFY_CON);
    register(&mut peer, b"t", 1);
    change(&mut peer, resource, &state);
    peer.wait(Duration::from_secs(100));
    peer.discard();
    assert!(!change(&mut peer, resource, &state));
    peer.finish();
}

#[test]
fn observers_of_a_deleted_resource_are_told_so() {
    let (mut peer, resource, _) = server(Flags::NOTIFY_CON);
    register(&mut peer, b"t", 1);
    peer.discard();
    let now = peer.now;
    assert!(peer.host.engine.remove_resource(now, resource).is_some());
    peer.settle();
    peer.expect_new(NON, Code::NOT_FOUND, b"t");
    peer.finish();
}

#[test]
fn a_session_is_kept_while_it_observes() {
    let (mut peer, _, _) = server(Flags::default());
    register(&mut peer, b"t", 1);
    peer.wait(DAY);
    assert_eq!(peer.host.engine.census().sessions, 1);
    peer.discard();
    deregister(&mut peer, b"t", 2);
    peer.finish();
}

/// RFC 7641 §4.1: a response without the option says that there will be no notifications.
#[test]
fn a_peer_that_observes_too_much_is_answered_without_observe() {
    let (mut peer, _, _) = server(Flags::default());
    for n in 0..=MAX_PER_SESSION {
        let query = n.to_string();
        peer.send(NON, Code::GET, &n.to_be_bytes(), n as u16)
            .option(Number::OBSERVE, &[])
            .path("r")
            .option(Number::URI_QUERY, query.as_bytes())
            .go();
        let observed = peer.next_message().option(Number::OBSERVE).is_some();
        assert_eq!(observed, n < MAX_PER_SESSION);
    }
    assert_eq!(peer.host.engine.census().observers, MAX_PER_SESSION as usize);
}

#[test]
fn requests_to_a_group_and_for_later_blocks_begin_no_observation() {
    let (mut peer, resource, state) = server(Flags::default());
    peer.send(NON, Code::GET, b"t", 1).option(Number::OBSERVE, &[]).path("r").group().go();
    peer.wait_for_message();
    peer.send(NON, Code::GET, b"u", 2)
        .option(Number::OBSERVE, &[])
        .path("r")
        .option(Number::BLOCK2, &[0x10])
        .go();
    peer.wait(Duration::from_secs(5));
    peer.discard();
    assert!(!change(&mut peer, resource, &state));
    peer.finish();
}

fn observe(peer: &mut Peer) -> (u16, Vec<u8>) {
    let session = peer.session();
    let mut request = peer.host.new_request(session, CON, Code::GET, "r");
    request.add_option(Number::OBSERVE, &[]).unwrap();
    let sent = peer.transmit(request);
    peer.expect(CON, Code::GET, &sent.1, sent.0);
    sent
}

/// ```text
///   host                                 peer
///    |   CON GET Observe=0 token=t mid=1  |
///    |----------------------------------->|
///    |   ACK 2.05 Observe=5 mid=1         |
///    |<-----------------------------------|
///    |   NON 2.05 Observe=7               |
///    |<-----------------------------------|
///    |   CON 2.05 Observe=6               |   not shown
///    |<-----------------------------------|
///    |   ACK                              |
///    |----------------------------------->|
///    |   CON GET Observe=1 token=t        |
///    |----------------------------------->|
/// ```
#[test]
fn a_notification_that_was_overtaken_is_acknowledged_and_not_shown() {
    let mut peer = Peer::of_client();
    let (mid, token) = observe(&mut peer);
    peer.send(ACK, Code::CONTENT, &token, mid).option(Number::OBSERVE, &[5]).go();
    peer.send(NON, Code::CONTENT, &token, 1).option(Number::OBSERVE, &[7]).go();
    let shown = Seen::Response(Code::CONTENT, token.clone(), None);
    assert_eq!(peer.seen(), [Seen::Response(Code::CONTENT, token.clone(), Some(mid)), shown]);
    peer.send(CON, Code::CONTENT, &token, 2).option(Number::OBSERVE, &[6]).go();
    peer.expect_empty(ACK, 2);
    assert_eq!(peer.seen(), []);
    let (now, session) = (peer.now, peer.session());
    assert!(peer.host.engine.cancel_observation(now, session, &token, CON));
    peer.settle();
    let cancel = peer.next_message();
    assert_eq!((cancel.token(), cancel.option_uint(Number::OBSERVE)), (&token[..], Some(1)));
    peer.send(ACK, Code::CONTENT, &token, cancel.mid().0).go();
    peer.send(NON, Code::CONTENT, &token, 3).option(Number::OBSERVE, &[8]).go();
    peer.expect_empty(RST, 3);
    peer.finish();
}

/// ```text
///   host                                 peer
///    |   CON GET Observe=1 token=t mid=2  |
///    |-------------------X                |
///    |   NON 2.05 Observe=6 token=t       |   sent before the request came
///    |<-----------------------------------|
///    |   CON GET Observe=1 token=t mid=2  |   is still to be delivered
///    |----------------------------------->|
/// ```
#[test]
fn a_notification_is_no_answer_to_the_request_that_ends_the_observation() {
    let mut peer = Peer::of_client();
    let (mid, token) = observe(&mut peer);
    peer.send(ACK, Code::CONTENT, &token, mid).option(Number::OBSERVE, &[5]).go();
    let (now, session) = (peer.now, peer.session());
    assert!(peer.host.engine.cancel_observation(now, session, &token, CON));
    peer.settle();
    let cancel = peer.next_message().mid().0;
    peer.send(NON, Code::CONTENT, &token, 1).option(Number::OBSERVE, &[6]).go();
    peer.wait_for_message();
    peer.expect(CON, Code::GET, &token, cancel);
    peer.send(ACK, Code::CONTENT, &token, cancel).go();
    peer.finish();
}

#[test]
fn only_what_the_server_has_confirmed_can_be_cancelled_and_only_once() {
    let mut peer = Peer::of_client();
    let (mid, token) = observe(&mut peer);
    let (now, session) = (peer.now, peer.session());
    let cancel = |peer: &mut Peer| peer.host.engine.cancel_observation(now, session, &token, NON);
    assert!(!cancel(&mut peer));
    peer.send(ACK, Code::CONTENT, &token, mid).option(Number::OBSERVE, &[5]).go();
    assert!(cancel(&mut peer));
    assert!(!cancel(&mut peer));
    peer.settle();
    peer.discard();
    peer.send(NON, Code::CONTENT, &token, 1).go();
    peer.finish();
}

#[test]
fn the_end_of_a_session_ends_its_observations_at_the_server() {
    let mut pair = Pair::new(1, Conditions::PERFECT);
    observable(pair.server(), Flags::default());
    let session = pair.session;
    let mut request = pair.client().new_request(session, CON, Code::GET, "r");
    request.add_option(Number::OBSERVE, &[]).unwrap();
    pair.world.send(CLIENT, session, request);
    pair.world.run_for(Duration::from_secs(1));
    assert_eq!(pair.server().engine.census().observers, 1);
    pair.finish();
}

#[derive(Debug)]
#[expect(dead_code, reason = "shown when a run fails")]
struct Scenario {
    conditions: Conditions,
    flags: Flags,
    changes: u8,
}

/// The numbers that the client's application was shown, in order.
fn shown(world: &World) -> Vec<u8> {
    let of_response = |what: &What| match what {
        What::Response { received, .. } => received.payload().and_then(|p| p.first().copied()),
        _ => None,
    };
    world.hosts[CLIENT].journal.iter().filter_map(|record| of_response(&record.what)).collect()
}

fn run(seed: u64, is_traced: bool) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let conditions = Conditions::up_to(0.4, &mut rng);
    let flags = if rng.bool() { Flags::NOTIFY_CON } else { Flags::default() };
    let scenario = Scenario { conditions: conditions.clone(), flags, changes: rng.u8(1..30) };
    let changes = scenario.changes;
    let replay = Replay { seed, scenario };
    let mut pair = Pair::new(seed, conditions);
    pair.world.network.is_traced = is_traced;
    let (resource, state) = observable(pair.server(), flags);
    let session = pair.session;
    let mut request: Pdu = pair.client().new_request(session, CON, Code::GET, "r");
    request.add_option(Number::OBSERVE, &[]).unwrap();
    let token = request.token().to_vec();
    pair.world.send(CLIENT, session, request);
    for _ in 0..changes {
        let pause = Duration::from_millis(rng.u64(0..5000));
        let state = Rc::clone(&state);
        pair.world.run_for(pause);
        state.set(state.get() + 1);
        pair.server().engine.notify(resource);
    }
    pair.world.run_for(Duration::from_secs(600));
    let seen = shown(&pair.world);
    assert!(seen.is_sorted(), "shown in this order: {seen:?}");
    let census = pair.server().engine.census();
    assert_eq!((census.outstanding, census.notifications), (0, 0));
    // Who is told by confirmable messages, and at both ends still observes, knows the last state.
    let waits = pair.client().engine.census().exchanges == 1;
    if census.observers == 1 && waits && flags == Flags::NOTIFY_CON {
        assert_eq!(seen.last(), Some(&changes));
    }
    // The network recovers: the client ends what it began, or the server finds that it is gone.
    pair.world.network.set_conditions(Conditions::PERFECT);
    let now = pair.world.now;
    pair.client().engine.cancel_observation(now, session, &token, CON);
    pair.world.settle(CLIENT);
    pair.world.run_for(Duration::from_secs(10));
    // What is still on its way may be lost, but not every notification.
    for _ in 0..MAX_NON + 10 {
        pair.server().engine.notify(resource);
        pair.world.run_for(Duration::from_secs(200));
    }
    pair.finish();
    drop(replay);
}

#[test]
fn what_is_shown_never_goes_back_and_ends_with_the_last_state() {
    run_seeds(10_000, run);
}

#[test]
fn an_observer_that_is_gone_is_not_told() {
    let (mut peer, resource, state) = server(Flags::default());
    register(&mut peer, b"t", 1);
    peer.discard();
    let session = peer.session();
    peer.host.engine.notify(resource);
    peer.host.engine.end(session);
    peer.settle();
    assert!(!change(&mut peer, resource, &state));
    peer.finish();
}
