//! Sessions over WebSockets (RFC 8323 §4): nothing flows before the upgrade, which fails or comes
//! about or takes too long.

use super::streams::{End, NOW, get};
use crate::address::Address;
use crate::protocol::event::NackReason;
use crate::protocol::session::{Path, SessionId, SocketId, State, Transport};
use core::time::Duration;

/// Max-Message-Size 8,388,864 and Block-Wise-Transfer: a message in a frame has no length.
const CSM: &[u8] = &[0x00, 0xe1, 0x23, 0x80, 0x01, 0x00, 0x20];

/// What its application hears of a session that was not upgraded.
const FAILED: [&str; 4] = ["HangUp", "Nack NotUpgraded None", "NotUpgraded", "NotReady"];

/// A client that has asked for the upgrade.
fn client() -> End {
    let mut end = End::client_over(Transport::WebSocket);
    if let Some(stream) = end.engine.session_mut(end.id).unwrap().stream.as_deref_mut() {
        stream.host = Some(b"host"[..].into());
    }
    end.engine.handle_connected(NOW, end.id);
    assert_eq!(end.drain(), (vec![], vec!["Connected".to_owned()]));
    end
}

/// A server that has been connected to.
fn server() -> End {
    let mut end = End::server_over(Transport::WebSocket);
    end.engine.handle_connected(NOW, end.id);
    assert_eq!(end.drain(), (vec![], vec![]));
    end
}

/// Upgrades the connection, and lets the application hear of it.
fn upgrade(end: &mut End) {
    end.engine.handle_upgraded(NOW, end.id);
    end.drain();
}

fn heard(end: &mut End) -> Vec<String> {
    end.drain().1
}

#[test]
fn a_session_begins_with_its_csm_when_the_application_has_heard_of_the_upgrade() {
    for mut end in [client(), server()] {
        end.engine.handle_upgraded(NOW, end.id);
        assert_eq!(end.state(), State::Connecting);
        assert_eq!(end.drain(), (CSM.to_vec(), vec!["Upgraded".to_owned()]));
        assert_eq!(end.state(), State::Csm);
        end.engine.handle_frame(NOW, end.id, CSM);
        assert_eq!(heard(&mut end), ["Ready"]);
        assert_eq!(end.state(), State::Established);
    }
}

#[test]
fn messages_have_no_length_in_their_frames() {
    let mut end = client();
    upgrade(&mut end);
    end.engine.handle_frame(NOW, end.id, &[0x00, 0xe1]);
    end.drain();
    end.engine.send(NOW, end.id, get(b"a")).unwrap();
    assert_eq!(end.drain().0, [0x01, 0x01, b'a']);
    end.engine.handle_frame(NOW, end.id, &[0x01, 0x45, b'a', 0xff, 1, 2, 3]);
    assert_eq!(heard(&mut end), ["Response 2.05"]);
}

#[test]
fn an_upgrade_that_takes_too_long_has_failed() {
    for mut end in [client(), server()] {
        let due = end.engine.poll_timeout().unwrap();
        assert_eq!(due, NOW + Duration::from_secs(30));
        end.engine.handle_timeout(due);
        assert_eq!(heard(&mut end)[..4], FAILED);
    }
}

#[test]
fn an_upgrade_in_time_leaves_no_deadline_but_that_of_the_csm() {
    let mut end = client();
    upgrade(&mut end);
    assert_eq!(end.engine.poll_timeout(), Some(NOW + end.engine.config.csm_timeout));
}

#[test]
fn the_end_of_the_connection_before_the_upgrade_is_a_failed_upgrade() {
    let mut end = client();
    end.engine.send(NOW, end.id, get(b"a")).unwrap();
    end.engine.handle_lost(NOW, end.id, NackReason::NotDeliverable);
    let heard = heard(&mut end);
    assert_eq!(heard[..4], FAILED);
    assert_eq!(heard[4..], ["Nack NotDeliverable Some([97])"]);
}

#[test]
fn a_connection_that_cannot_be_made_is_no_failed_upgrade() {
    let mut end = End::client_over(Transport::WebSocket);
    end.engine.handle_lost(NOW, end.id, NackReason::NotDeliverable);
    assert_eq!(heard(&mut end), ["HangUp", "NotConnected", "Nack NotDeliverable None", "NotReady"]);
}

#[test]
fn a_refused_peer_ends_with_its_session() {
    let mut end = server();
    end.engine.handle_not_upgraded(NOW, end.id);
    let heard = heard(&mut end);
    assert_eq!(heard[..4], FAILED);
    assert_eq!(heard[4..], ["Nack NotDeliverable None", "Ended"]);
    assert_eq!(end.engine.poll_timeout(), None);
}

#[test]
fn a_close_is_told_before_what_follows_from_it() {
    let mut end = client();
    upgrade(&mut end);
    end.engine.handle_frame(NOW, end.id, CSM);
    end.engine.send(NOW, end.id, get(b"a")).unwrap();
    end.drain();
    end.engine.handle_closed(NOW, end.id, true);
    let rest = ["Nack NotDeliverable Some([97])", "Disconnected", "Unready"];
    assert_eq!(heard(&mut end), [&["FrameTooLarge", "WebSocketClosed", "HangUp"][..], &rest].concat());
}

/// One more peer connects, from a port of its own.
fn connect(end: &mut End, port: u16) -> SessionId {
    let address = |port| Address::Ip(([127, 0, 0, 1], port).into());
    let path = Path { socket: SocketId(port.into()), local: address(2), remote: address(port), ifindex: 0 };
    let id = end.engine.accept_stream(NOW, path, Transport::WebSocket).unwrap();
    end.engine.handle_connected(NOW, id);
    end.drain();
    id
}

#[test]
fn of_4096_that_wait_to_be_upgraded_the_oldest_makes_room_for_one_more() {
    let mut end = server();
    for port in 10..10 + 4095 {
        connect(&mut end, port);
    }
    let is_there = |end: &End| end.engine.sessions().get(end.id).is_some();
    assert!(is_there(&end));
    connect(&mut end, 9);
    assert!(!is_there(&end));
}

#[test]
fn only_who_is_upgraded_makes_the_session_go_that_is_idle_for_longest() {
    let mut end = server();
    end.engine.config.max_idle_sessions = 1;
    upgrade(&mut end);
    let is_there = |end: &End| end.engine.sessions().get(end.id).is_some();
    let others = [9, 10].map(|port| connect(&mut end, port));
    assert!(is_there(&end));
    for other in others {
        end.engine.handle_upgraded(NOW, other);
        end.drain();
        assert!(!is_there(&end));
    }
    assert_eq!(end.engine.census().listed, 1);
}

#[test]
fn what_frames_hold_that_are_not_whole_counts_for_the_context() {
    let mut end = server();
    upgrade(&mut end);
    end.engine.handle_partial(NOW, end.id, 256 << 20);
    assert_eq!(end.state(), State::Csm);
    end.engine.handle_partial(NOW, end.id, 1000);
    end.engine.handle_partial(NOW, end.id, (256 << 20) + 1);
    let (bytes, heard) = end.drain();
    assert_eq!(bytes[..2], [0x00, 0xe5]);
    assert_eq!(heard[0], "HangUp");
}
