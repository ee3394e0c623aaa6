//! Secured sessions: nothing flows before the handshake is done, nor after what secures them is over.

use super::streams::{End, NOW, get};
use crate::address::Address;
use crate::message::{Code, Mid, Number, Pdu, Type};
use crate::protocol::Engine;
use crate::protocol::engine::{Datagram, SendError};
use crate::protocol::event::NackReason;
use crate::protocol::session::{Path, SocketId, State, Transport};
use crate::protocol::time::Instant;
use core::time::Duration;

fn path(local: u16, remote: u16) -> Path {
    let address = |port| Address::Ip(([127, 0, 0, 1], port).into());
    Path { socket: SocketId(0), local: address(local), remote: address(remote), ifindex: 0 }
}

/// A client over DTLS whose handshake is under way.
fn client() -> End {
    let mut engine = Engine::new(Box::new(|| 0));
    let id = engine.open_secured(NOW, path(1, 2)).unwrap();
    engine.hold(id);
    assert!(engine.handle_securing(id));
    End { engine, id }
}

/// A server that a peer with the right cookie has come to.
fn server() -> End {
    let mut engine = Engine::new(Box::new(|| 0));
    let id = engine.accept_secured(NOW, &path(2, 1), 1152).unwrap();
    let mut end = End { engine, id };
    assert_eq!(end.drain(), (vec![], vec!["Opened".to_owned()]));
    assert!(end.engine.handle_securing(id));
    end
}

fn request(kind: Type, mid: u16) -> Pdu {
    let mut pdu = Pdu::new(kind, Code::GET, Mid(mid), 100);
    pdu.set_token(&[mid as u8]).unwrap();
    pdu
}

fn secure(end: &mut End) -> Vec<u8> {
    end.engine.handle_secured(NOW, end.id, 29);
    assert_eq!(end.state(), State::Handshake, "until the application has heard of it");
    let (bytes, heard) = end.drain();
    assert_eq!((heard, end.state()), (vec!["Secured".to_owned()], State::Established));
    bytes
}

fn heard(end: &mut End) -> Vec<String> {
    end.drain().1
}

#[test]
fn what_is_sent_during_the_handshake_goes_out_when_it_is_done_as_far_as_nstart_allows() {
    let mut end = client();
    for (kind, mid) in [(Type::NonConfirmable, 1), (Type::Confirmable, 2), (Type::NonConfirmable, 3)] {
        assert_eq!(end.engine.send(NOW, end.id, request(kind, mid)), Ok(Mid(mid)));
    }
    end.engine.send(NOW, end.id, request(Type::Confirmable, 4)).unwrap();
    assert_eq!(end.drain(), (vec![], vec![]));
    let sent = secure(&mut end);
    assert_eq!(sent.chunks(5).map(|message| message[4]).collect::<Vec<_>>(), [1, 2, 3]);
    // The answer to the confirmable one lets the last one go.
    end.engine.handle_datagram(NOW, end.id, Datagram { bytes: &[0x61, 0x45, 0, 2, 2], multicast: false });
    assert_eq!(end.drain(), (vec![0x41, 1, 0, 4, 4], vec!["Response 2.05".to_owned()]));
}

#[test]
fn a_fault_found_here_is_told_before_what_was_not_sent_is_handed_back() {
    let mut end = client();
    end.engine.send(NOW, end.id, request(Type::Confirmable, 1)).unwrap();
    end.engine.handle_security_fault(end.id);
    end.engine.handle_unsecured(NOW, end.id, NackReason::NotSecured);
    assert_eq!(heard(&mut end), ["SecurityFault", "Nack NotSecured Some([1])", "HangUp", "Unsecured"]);
    assert_eq!(end.state(), State::Closed);
    assert_eq!(end.engine.send(NOW, end.id, request(Type::Confirmable, 2)), Err(SendError::Closed));
    // There is an end only once.
    end.engine.handle_unsecured(NOW, end.id, NackReason::NotSecured);
    assert_eq!(heard(&mut end), [""; 0]);
}

#[test]
fn nothing_can_be_sent_between_the_fault_and_its_being_told() {
    let mut end = client();
    end.engine.handle_unsecured(NOW, end.id, NackReason::NotSecured);
    assert_eq!(end.engine.send(NOW, end.id, request(Type::Confirmable, 2)), Err(SendError::Closed));
    assert_eq!(heard(&mut end), ["Nack NotSecured None", "HangUp", "Unsecured"]);
}

#[test]
fn the_session_of_a_peer_ends_with_what_secured_it() {
    let mut end = server();
    secure(&mut end);
    end.engine.handle_unsecured(NOW, end.id, NackReason::NotSecured);
    assert_eq!(heard(&mut end), ["Nack NotSecured None", "HangUp", "Unsecured", "Ended"]);
    assert_eq!(end.engine.census(), Engine::new(Box::new(|| 0)).census());
}

#[test]
fn a_first_message_that_is_no_good_ends_the_session_and_nothing_that_had_begun() {
    let mut end = server();
    end.engine.handle_unsecured(NOW, end.id, NackReason::NeverSecured);
    assert_eq!(heard(&mut end), ["Nack NeverSecured None", "HangUp", "Ended"]);
    assert_eq!(end.engine.census(), Engine::new(Box::new(|| 0)).census());
}

#[test]
fn of_peers_that_do_not_come_to_the_end_of_a_handshake_the_oldest_makes_room() {
    let mut engine = Engine::new(Box::new(|| 0));
    engine.config.max_handshake_sessions = 2;
    let ids: Vec<_> = (0..5)
        .map(|n| {
            let id = engine.accept_secured(NOW, &path(2, 10 + n), 1152).unwrap();
            assert!(engine.handle_securing(id));
            id
        })
        .collect();
    while engine.poll_event().is_some() {}
    let left: Vec<_> = ids.iter().filter(|id| engine.sessions().get(**id).is_some()).collect();
    assert_eq!(left, [&ids[3], &ids[4]]);
}

#[test]
fn a_message_of_another_connection_is_no_repetition() {
    let mut end = server();
    let get = [0x40, 1, 0x12, 0x34];
    let hear = |end: &mut End| {
        end.engine.handle_datagram(NOW, end.id, Datagram { bytes: &get, multicast: false });
        end.drain()
    };
    secure(&mut end);
    let number = |end: &End| end.engine.census().duplicates;
    let answer = hear(&mut end);
    assert_eq!(answer.0[..4], [0x60, 0x84, 0x12, 0x34]);
    assert_eq!((hear(&mut end), number(&end)), (answer.clone(), 1), "answered as before");
    end.engine.end(end.id);
    end.drain();
    end.id = end.engine.accept_secured(NOW, &path(2, 1), 1152).unwrap();
    end.engine.handle_securing(end.id);
    end.drain();
    secure(&mut end);
    assert_eq!((hear(&mut end), number(&end)), (answer, 2));
}

/// A client whose lost connections are made again, with one that stands and a resource that it observes.
fn observer() -> End {
    let mut end = client();
    end.engine.config.reconnect = Some(Duration::from_secs(2));
    secure(&mut end);
    let mut observe = request(Type::Confirmable, 7);
    observe.add_option(Number::OBSERVE, &[]).unwrap();
    end.engine.send(NOW, end.id, observe).unwrap();
    end.drain();
    // 2.05 with Observe 5.
    let answer = [0x61, 0x45, 0, 7, 7, 0x61, 5];
    end.engine.handle_datagram(NOW, end.id, Datagram { bytes: &answer, multicast: false });
    assert_eq!(heard(&mut end), ["Response 2.05"]);
    end
}

/// The driver makes a new connection, whose handshake begins.
fn reconnect(end: &mut End, local: u16) {
    let path = Path { socket: SocketId(local.into()), ..path(local, 2) };
    assert!(end.engine.handle_reconnecting(end.id, path));
    assert!(end.engine.handle_securing(end.id));
}

#[test]
fn a_lost_dtls_connection_is_made_again_and_what_was_observed_is_asked_for_anew() {
    let mut end = observer();
    for (attempt, wait) in [2000, 4000, 8000].into_iter().enumerate() {
        let at = Instant(NOW.0 + 100_000 * (attempt as u64 + 1));
        end.engine.handle_unsecured(at, end.id, NackReason::NotSecured);
        assert_eq!(heard(&mut end), ["Nack NotSecured None", "HangUp", "Unsecured"]);
        assert_eq!(end.engine.poll_timeout(), Some(Instant(at.0 + wait)));
        end.engine.handle_timeout(Instant(at.0 + wait));
        assert_eq!(heard(&mut end), ["Reconnect"]);
        reconnect(&mut end, 10 + attempt as u16);
    }
    end.engine.send(NOW, end.id, request(Type::NonConfirmable, 9)).unwrap();
    let sent = secure(&mut end);
    assert_eq!(sent[..5], [0x51, 1, 0, 9, 9], "what waited goes out first");
    assert_eq!((sent[5], sent[6], &sent[9..]), (0x41, 1, &[7, 0x60][..]));
    end.engine.end(end.id);
    end.drain();
    assert_eq!(end.engine.census(), Default::default());
}

#[test]
fn a_peer_over_dtls_that_acknowledges_nothing_is_connected_to_again_if_that_is_wanted() {
    for is_wanted in [true, false] {
        let mut end = observer();
        end.engine.config.reconnect = is_wanted.then_some(Duration::from_secs(2));
        end.engine.send(NOW, end.id, request(Type::Confirmable, 8)).unwrap();
        let mut all = Vec::new();
        while let Some(at) = end.engine.poll_timeout().filter(|_| !all.contains(&"Reconnect".to_owned())) {
            end.engine.handle_timeout(at);
            all.extend(heard(&mut end).into_iter().filter(|heard| heard != "Retransmitted"));
        }
        let given_up = "Nack TooManyRetries Some([8])";
        let lost = ["Nack NotDeliverable None", "HangUp", "Unsecured", "Reconnect"];
        assert_eq!(all[0], given_up);
        assert_eq!(all[1..], if is_wanted { &lost[..] } else { &[] }[..]);
    }
}

#[test]
fn a_dtls_session_that_the_application_gave_up_stays_closed_also_when_it_was_lost_before() {
    let mut end = observer();
    end.engine.handle_unsecured(NOW, end.id, NackReason::Given(0));
    heard(&mut end);
    assert_eq!(end.engine.poll_timeout(), None);

    let mut end = observer();
    end.engine.handle_unsecured(NOW, end.id, NackReason::NotSecured);
    heard(&mut end);
    assert!(end.engine.poll_timeout().is_some());
    end.engine.forget_return(end.id);
    assert_eq!(end.engine.poll_timeout(), None);
}

#[test]
fn over_tls_the_csm_follows_the_handshake() {
    for mut end in [End::client_over(Transport::Tls), End::server_over(Transport::Tls)] {
        end.engine.handle_connected(NOW, end.id);
        end.drain();
        assert!(end.engine.handle_securing(end.id));
        end.engine.handle_secured(NOW, end.id, 0);
        let (bytes, heard) = end.drain();
        assert_eq!((bytes.get(..2), heard), (Some(&[0x50, 0xe1][..]), vec!["Secured".to_owned()]));
        assert_eq!(end.state(), State::Csm);
        end.receive(&[0x00, 0xe1]);
        assert_eq!(end.drain().1, ["Ready"]);
        end.engine.handle_unsecured(NOW, end.id, NackReason::NotSecured);
        let mut told = end.drain().1;
        told.truncate(5);
        assert_eq!(told, ["HangUp", "Nack NotSecured None", "Disconnected", "Unready", "Unsecured"]);
    }
}

#[test]
fn a_tls_handshake_that_takes_too_long_has_failed() {
    let mut end = End::client_over(Transport::Tls);
    end.engine.handle_connected(NOW, end.id);
    end.engine.handle_securing(end.id);
    end.engine.send(NOW, end.id, get(b"a")).unwrap();
    end.drain();
    let due = end.engine.poll_timeout().unwrap();
    end.engine.handle_timeout(due);
    assert_eq!(
        heard(&mut end),
        ["HangUp", "Nack NotSecured Some([97])", "Disconnected", "NotReady", "Unsecured"]
    );
}
