//! Sessions that peers open: how long they last, and which goes first when there are too many.

use crate::message::{Code, Pdu};
use crate::protocol::event::Notice;
use crate::protocol::session::SessionId;
use crate::protocol::simulation::{ACK, CON, Host, NON, Peer, What};
use core::time::Duration;

/// A server, and a message from the peer with this number, which opens a session if need be.
fn knock(peer: &mut Peer, number: u16) -> SessionId {
    peer.address = Host::address_of(2, 40_000 + number);
    peer.send(NON, Code::GET, &number.to_be_bytes(), number).path("r").go();
    peer.next_message();
    peer.host.journal.last().unwrap().session
}

fn server() -> Peer {
    let mut peer = Peer::of_server();
    peer.host.serve("r", |turn| turn.reply(Code::CONTENT, b"r"));
    peer
}

fn is_open(peer: &Peer, id: SessionId) -> bool {
    peer.host.engine.sessions().get(id).is_some()
}

fn ended(peer: &Peer) -> Vec<SessionId> {
    let is_end = |what: &What| matches!(what, What::Notice(Notice::Ended));
    peer.host.journal.iter().filter(|r| is_end(&r.what)).map(|r| r.session).collect()
}

#[test]
fn a_session_ends_when_it_was_idle_for_its_time_out() {
    let mut peer = server();
    let id = knock(&mut peer, 1);
    peer.wait(Duration::from_millis(299_999));
    assert!(is_open(&peer, id));
    peer.wait(Duration::from_millis(1));
    assert!(!is_open(&peer, id));
    assert_eq!(ended(&peer), [id]);
    peer.finish();
}

#[test]
fn traffic_puts_the_end_off() {
    let mut peer = server();
    let id = knock(&mut peer, 1);
    for _ in 0..10 {
        peer.wait(Duration::from_secs(250));
        assert_eq!(knock(&mut peer, 1), id);
    }
    peer.finish();
}

#[test]
fn the_beginning_is_told_first_and_the_end_last() {
    let mut peer = server();
    let id = knock(&mut peer, 1);
    peer.wait(Duration::from_secs(1000));
    let journal: Vec<_> = peer.host.journal.iter().filter(|r| r.session == id).map(|r| &r.what).collect();
    let expected = [Notice::Opened, Notice::Ended];
    assert!(
        matches!(journal[..], [What::Notice(a), What::Request { .. }, What::Notice(b)] if [*a, *b] == expected)
    );
}

#[test]
fn a_session_that_the_application_holds_does_not_end() {
    let mut peer = server();
    let (held, other) = (knock(&mut peer, 1), knock(&mut peer, 2));
    peer.host.engine.hold(held);
    peer.host.engine.hold(held);
    peer.wait(Duration::from_secs(1000));
    assert!(is_open(&peer, held) && !is_open(&peer, other));
    peer.host.engine.release(peer.now, held);
    peer.wait(Duration::from_secs(1000));
    assert!(is_open(&peer, held), "held once more");
    peer.host.engine.release(peer.now, held);
    peer.wait(Duration::from_secs(299));
    assert!(is_open(&peer, held), "its time begins anew");
    peer.wait(Duration::from_secs(1));
    assert!(!is_open(&peer, held));
    peer.finish();
}

#[test]
fn a_session_with_unfinished_business_does_not_end() {
    let mut peer = server();
    peer.host.serve("later", |turn| match turn.is_delayed() {
        true => turn.reply(Code::CONTENT, b""),
        false => assert!(turn.put_aside(Some(Duration::from_secs(1000))).is_some()),
    });
    peer.send(CON, Code::GET, b"t", 1).path("later").go();
    peer.expect_empty(ACK, 1);
    assert_eq!(peer.wait_for_message(), Duration::from_secs(1000));
    let mid = peer.expect_new(CON, Code::CONTENT, b"t");
    peer.send(ACK, Code::EMPTY, b"", mid).go();
    peer.finish();
}

#[test]
fn the_session_that_was_idle_for_longest_makes_room_for_a_new_one() {
    let mut peer = server();
    peer.host.engine.config.max_idle_sessions = 3;
    let ids: Vec<_> = (1..=3).map(|n| knock(&mut peer, n)).collect();
    // Long enough for the same message to count as new.
    peer.wait(Duration::from_secs(150));
    assert_eq!(knock(&mut peer, 1), ids[0]);
    knock(&mut peer, 4);
    assert_eq!(ended(&peer), [ids[1]]);
    knock(&mut peer, 5);
    assert_eq!(ended(&peer), [ids[1], ids[2]]);
    knock(&mut peer, 6);
    assert_eq!(ended(&peer), [ids[1], ids[2], ids[0]]);
    assert_eq!(peer.host.engine.sessions().len(), 3);
    peer.finish();
}

#[test]
fn sessions_that_are_held_or_busy_do_not_make_room() {
    let mut peer = server();
    peer.host.engine.config.max_idle_sessions = 3;
    let ids: Vec<_> = (1..=3).map(|n| knock(&mut peer, n)).collect();
    peer.host.engine.hold(ids[0]);
    // The second one owes an answer.
    let ping = Pdu::new(CON, Code::EMPTY, crate::message::Mid(1), 0);
    peer.host.engine.send(peer.now, ids[1], ping).unwrap();
    peer.settle();
    peer.expect_empty(CON, 1);
    knock(&mut peer, 4);
    knock(&mut peer, 5);
    assert!(is_open(&peer, ids[0]) && is_open(&peer, ids[1]) && !is_open(&peer, ids[2]));
}

#[test]
fn without_a_limit_no_session_makes_room() {
    let mut peer = server();
    (1..=1000).for_each(|n| assert_eq!(knock(&mut peer, n).index(), usize::from(n) - 1));
    assert_eq!(peer.host.engine.sessions().len(), 1000);
    peer.finish();
}

/// Whoever wrote to a peer by an ID that is stale must not reach its successor.
#[test]
fn the_id_of_a_session_that_ended_reaches_nobody() {
    let mut peer = server();
    let id = knock(&mut peer, 1);
    peer.wait(Duration::from_secs(1000));
    let next = knock(&mut peer, 1);
    assert_ne!(next, id);
    let ping = Pdu::new(CON, Code::EMPTY, crate::message::Mid(1), 0);
    assert!(peer.host.engine.send(peer.now, id, ping).is_err());
    peer.finish();
}

#[test]
fn two_sessions_of_this_side_with_the_same_ends_are_one_too_many() {
    let mut peer = Peer::of_client();
    let session = peer.session();
    let path = peer.host.engine.sessions().get(session).unwrap().path.clone();
    assert!(peer.host.engine.open(peer.now, path).is_err());
    peer.finish();
}
