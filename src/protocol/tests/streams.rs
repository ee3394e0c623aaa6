//! Sessions over streams, byte by byte (RFC 8323): what goes out, what the application hears.

use crate::address::Address;
use crate::message::{Code, Framing, Mid, Number, Pdu, Type};
use crate::protocol::block::{Block, Mode, Shared, Upload};
use crate::protocol::event::{Event, NackReason};
use crate::protocol::resource::{Flags, Kind, Resource};
use crate::protocol::session::{Path, SessionId, SocketId, State, Transport};
use crate::protocol::stream::Cutter;
use crate::protocol::{Engine, Instant};
use core::time::Duration;
use std::sync::Arc;

pub(super) const NOW: Instant = Instant(1000);
/// Max-Message-Size 8,388,864 and Block-Wise-Transfer.
const CSM: &[u8] = &[0x50, 0xe1, 0x23, 0x80, 0x01, 0x00, 0x20];
const PLAIN_CSM: &[u8] = &[0x00, 0xe1];

/// One end of a connection.
pub(super) struct End {
    pub(super) engine: Engine,
    pub(super) id: SessionId,
}

impl End {
    /// A client whose connection is being made.
    fn client() -> End {
        End::client_over(Transport::Tcp)
    }

    pub(super) fn client_over(transport: Transport) -> End {
        let mut engine = Engine::new(Box::new(|| 0));
        let address = |port| Address::Ip(([127, 0, 0, 1], port).into());
        let path = Path { socket: SocketId(0), local: address(1), remote: address(2), ifindex: 0 };
        let id = engine.open_stream(NOW, path, transport).unwrap();
        engine.hold(id);
        End { engine, id }
    }

    /// A client that may send.
    pub(super) fn ready() -> End {
        let mut end = End::client();
        end.engine.handle_connected(NOW, end.id);
        end.drain();
        end.receive(PLAIN_CSM);
        assert_eq!(end.drain(), (vec![], vec!["Ready".to_owned()]));
        end
    }

    /// A server that a peer has connected to.
    pub(super) fn server() -> End {
        let mut end = End::server_over(Transport::Tcp);
        end.engine.handle_connected(NOW, end.id);
        assert_eq!(end.drain(), (CSM.to_vec(), vec![]));
        end
    }

    /// A server whose application has heard of a new connection.
    pub(super) fn server_over(transport: Transport) -> End {
        let mut engine = Engine::new(Box::new(|| 0));
        let address = |port| Address::Ip(([127, 0, 0, 1], port).into());
        let path = Path { socket: SocketId(0), local: address(2), remote: address(1), ifindex: 0 };
        let id = engine.accept_stream(NOW, path, transport).unwrap();
        let mut end = End { engine, id };
        assert_eq!(end.drain(), (vec![], vec!["Connected".to_owned(), "Opened".to_owned()]));
        end
    }

    /// One more peer connects to a server, and has sent its CSM.
    pub(super) fn accept(&mut self, port: u16) -> SessionId {
        let address = |port| Address::Ip(([127, 0, 0, 1], port).into());
        let path =
            Path { socket: SocketId(port.into()), local: address(2), remote: address(port), ifindex: 0 };
        let id = self.engine.accept_stream(NOW, path, Transport::Tcp).unwrap();
        self.drain();
        self.engine.handle_connected(NOW, id);
        let mut csm = PLAIN_CSM;
        while self.engine.handle_stream(NOW, id, &mut csm) {}
        self.drain();
        id
    }

    pub(super) fn receive(&mut self, mut bytes: &[u8]) {
        while self.engine.handle_stream(NOW, self.id, &mut bytes) {}
    }

    fn receive_after_draining(&mut self, bytes: &[u8]) {
        self.drain();
        self.receive(bytes);
    }

    /// What goes out and what the application hears.
    pub(super) fn drain(&mut self) -> (Vec<u8>, Vec<String>) {
        let mut heard = Vec::new();
        while let Some(event) = self.engine.poll_event() {
            heard.push(match event {
                Event::Notice { notice, .. } => format!("{notice:?}"),
                Event::Nack { sent, reason, .. } => {
                    format!("Nack {reason:?} {:?}", sent.map(|pdu| pdu.token().to_vec()))
                }
                Event::Response { received, .. } => format!("Response {}", received.code()),
                Event::Request(mut request) => {
                    let heard = format!("Request {}", request.request.code());
                    request.response.set_code(Code::CONTENT);
                    self.engine.respond(NOW, request);
                    heard
                }
                Event::Ping { .. } => "Ping".to_owned(),
                Event::Pong { .. } => "Pong".to_owned(),
                Event::HangUp { .. } => "HangUp".to_owned(),
                Event::Reconnect { .. } => "Reconnect".to_owned(),
                Event::Ended { .. } => "Ended".to_owned(),
            });
        }
        let bytes = self.engine.transmits().iter().flat_map(|t| t.bytes.to_vec()).collect();
        self.engine.transmits().clear();
        (bytes, heard)
    }

    pub(super) fn state(&self) -> State {
        self.engine.sessions().get(self.id).unwrap().state
    }
}

pub(super) fn get(token: &[u8]) -> Pdu {
    let mut pdu = Pdu::new(Type::Confirmable, Code::GET, Mid(0), 100);
    pdu.set_token(token).unwrap();
    pdu
}

/// A signalling message with an option of the lowest number that nobody knows.
fn critical(code: Code) -> Vec<u8> {
    let mut pdu = Pdu::new(Type::Confirmable, code, Mid(0), 100);
    pdu.add_option(Number(1), b"x").unwrap();
    pdu.encode(Framing::Tcp).to_vec()
}

#[test]
fn a_client_is_ready_with_the_csm_of_its_peer_and_sends_what_has_waited() {
    let mut end = End::client();
    end.engine.handle_connected(NOW, end.id);
    assert_eq!(end.drain(), (CSM.to_vec(), vec!["Connected".to_owned()]));
    end.engine.send(NOW, end.id, get(b"a")).unwrap();
    assert_eq!(end.drain().0, []);
    end.receive(CSM);
    assert_eq!(end.state(), State::Csm);
    assert_eq!(end.drain(), (vec![0x01, 0x01, b'a'], vec!["Ready".to_owned()]));
    assert_eq!(end.state(), State::Established);
    assert_eq!(end.engine.sessions().get(end.id).unwrap().max_pdu_size(), 8_388_858);
}

#[test]
fn without_the_csm_of_its_peer_it_goes_on_after_a_time() {
    let mut end = End::client();
    end.engine.handle_connected(NOW, end.id);
    end.drain();
    let due = end.engine.poll_timeout().unwrap();
    assert_eq!(due, NOW + end.engine.config.csm_timeout);
    end.engine.handle_timeout(due);
    assert_eq!(end.drain().1, ["Ready"]);
    assert_eq!(end.state(), State::Established);
}

#[test]
fn a_response_is_matched_by_its_token_and_nothing_is_acknowledged() {
    let mut end = End::ready();
    end.engine.send(NOW, end.id, get(b"a")).unwrap();
    end.drain();
    end.receive(&[0x01, 0x45, b'b', 0x01, 0x45, b'a']);
    assert_eq!(end.drain(), (vec![], vec!["Response 2.05".to_owned()]));
}

#[test]
fn each_request_without_answer_is_handed_back_when_the_connection_is_lost() {
    let mut end = End::ready();
    for token in [b"a", b"b", b"c"] {
        end.engine.send(NOW, end.id, get(token)).unwrap();
    }
    end.receive(&[0x01, 0x45, b'b']);
    end.drain();
    end.engine.handle_lost(NOW, end.id, NackReason::NotDeliverable);
    let nack = |token: &[u8]| format!("Nack NotDeliverable {:?}", Some(token.to_vec()));
    let expected =
        ["HangUp".to_owned(), nack(b"a"), nack(b"c"), "Disconnected".to_owned(), "Unready".to_owned()];
    assert_eq!(end.drain().1, expected);
    assert_eq!(end.state(), State::Closed);
    assert!(end.engine.send(NOW, end.id, get(b"d")).is_err());
}

#[test]
fn a_connection_that_cannot_be_made_is_told_once() {
    let mut end = End::client();
    end.engine.handle_lost(NOW, end.id, NackReason::NotDeliverable);
    end.engine.handle_lost(NOW, end.id, NackReason::NotDeliverable);
    assert_eq!(end.drain().1, ["HangUp", "NotConnected", "Nack NotDeliverable None", "NotReady"]);
}

#[test]
fn the_session_of_a_server_ends_with_its_connection() {
    let mut end = End::server();
    end.receive(PLAIN_CSM);
    end.drain();
    end.engine.handle_lost(NOW, end.id, NackReason::NotDeliverable);
    assert_eq!(end.drain().1, ["HangUp", "Nack NotDeliverable None", "Disconnected", "Unready", "Ended"]);
    assert_eq!(end.engine.census(), Default::default());
}

#[test]
fn a_lost_connection_is_made_again_and_what_was_observed_is_asked_for_anew() {
    let mut end = End::client();
    end.engine.config.reconnect = Some(Duration::from_secs(2));
    end.engine.handle_connected(NOW, end.id);
    end.receive_after_draining(PLAIN_CSM);
    let mut request = get(b"o");
    request.add_option(Number::OBSERVE, &[]).unwrap();
    end.engine.send(NOW, end.id, request).unwrap();
    // 2.05 with Observe 5.
    end.receive_after_draining(&[0x21, 0x45, b'o', 0x61, 5]);
    assert_eq!(end.drain().1, ["Response 2.05"]);
    for (attempt, wait) in [2000, 4000, 8000].into_iter().enumerate() {
        let at = Instant(NOW.0 + 100_000 * attempt as u64);
        end.engine.handle_lost(at, end.id, NackReason::NotDeliverable);
        end.drain();
        assert_eq!(end.engine.poll_timeout(), Some(Instant(at.0 + wait)));
        end.engine.handle_timeout(Instant(at.0 + wait));
        assert_eq!(end.drain().1, ["Reconnect"]);
        let address = |port| Address::Ip(([127, 0, 0, 1], port).into());
        let socket = SocketId(1 + attempt as u32);
        let path = Path { socket, local: address(3), remote: address(2), ifindex: 0 };
        assert!(end.engine.handle_reconnecting(end.id, path));
        assert_eq!(end.state(), State::Connecting);
    }
    end.engine.handle_connected(NOW, end.id);
    assert_eq!(end.drain(), (CSM.to_vec(), vec!["Connected".to_owned()]));
    end.receive(PLAIN_CSM);
    assert_eq!(end.drain(), (vec![0x11, 0x01, b'o', 0x60], vec!["Ready".to_owned()]));
    end.engine.release(NOW, end.id).unwrap();
    assert_eq!(end.engine.census(), Default::default());
}

#[test]
fn what_the_application_gave_up_is_not_connected_again() {
    let mut end = End::client();
    end.engine.config.reconnect = Some(Duration::from_secs(2));
    end.engine.handle_lost(NOW, end.id, NackReason::Given(0));
    end.drain();
    assert_eq!(end.engine.poll_timeout(), None);
}

#[test]
fn a_ping_is_answered_with_its_token_and_custody() {
    let mut end = End::server();
    end.receive(PLAIN_CSM);
    end.drain();
    end.receive(&[0x01, 0xe2, b't']);
    assert_eq!(end.drain(), (vec![0x11, 0xe3, b't', 0x20], vec!["Ping".to_owned()]));
}

#[test]
fn an_unknown_critical_option_of_a_csm_is_named_in_the_abort() {
    let mut end = End::server();
    end.receive(&critical(Code::CSM));
    let (sent, heard) = end.drain();
    let mut abort = Pdu::new(Type::Confirmable, Code::EMPTY, Mid(0), 0);
    abort.decode_into(Framing::Tcp, &sent, 8).unwrap();
    assert_eq!((abort.code(), abort.option_uint(Number(2))), (Code::ABORT, Some(1)));
    assert_eq!(heard, ["HangUp", "Nack NotDeliverable None", "Disconnected", "NotReady", "Ended"]);
}

#[test]
fn an_unknown_critical_option_of_other_signals_is_answered_by_an_abort() {
    for code in [Code::PING, Code::PONG, Code::RELEASE] {
        let mut end = End::ready();
        end.receive(&critical(code));
        let (sent, heard) = end.drain();
        let mut abort = Pdu::new(Type::Confirmable, Code::EMPTY, Mid(0), 0);
        abort.decode_into(Framing::Tcp, &sent, 8).unwrap();
        assert_eq!((abort.code(), abort.option(Number(2)).is_some()), (Code::ABORT, false));
        assert_eq!(heard, ["HangUp", "Nack NotDeliverable None", "Disconnected", "Unready"]);
    }
}

#[test]
fn codes_of_signals_that_are_not_defined_are_ignored() {
    let mut end = End::ready();
    end.receive(&critical(Code::new(7, 6)));
    assert_eq!(end.drain(), (vec![], vec![]));
}

#[test]
fn an_abort_is_not_answered() {
    let mut end = End::ready();
    end.receive(&critical(Code::ABORT));
    assert_eq!(
        end.drain(),
        (vec![], ["HangUp", "Nack Reset None", "Disconnected", "Unready"].map(String::from).to_vec())
    );
}

#[test]
fn a_value_that_an_option_of_a_csm_cannot_have_is_named_in_the_abort() {
    let mut end = End::server();
    end.receive(&[0x60, 0xe1, 0x25, 0, 0, 0, 0, 0]);
    let (sent, _) = end.drain();
    let mut abort = Pdu::new(Type::Confirmable, Code::EMPTY, Mid(0), 0);
    abort.decode_into(Framing::Tcp, &sent, 8).unwrap();
    assert_eq!((abort.code(), abort.option_uint(Number(2))), (Code::ABORT, Some(2)));
}

#[test]
fn codes_of_reserved_classes_are_told_and_ignored() {
    let mut end = End::ready();
    end.receive(&[0x00, 0x21, 0x00, 0xc1]);
    assert_eq!(end.drain(), (vec![], vec!["BadPacket".to_owned(); 2]));
}

#[test]
fn the_session_of_a_peer_stays_for_as_long_as_the_application_holds_it() {
    let mut end = End::server();
    end.receive(PLAIN_CSM);
    end.drain();
    end.engine.hold(end.id);
    end.engine.handle_lost(NOW, end.id, NackReason::NotDeliverable);
    assert_eq!(end.drain().1, ["HangUp", "Nack NotDeliverable None", "Disconnected", "Unready"]);
    assert_eq!(end.state(), State::Closed);
    assert!(end.engine.release(NOW, end.id).is_none());
    assert_eq!(end.drain().1, ["Ended"]);
    assert_eq!(end.engine.census(), Default::default());
}

#[test]
fn a_token_is_as_long_as_both_sides_allow() {
    let mut end = End::client();
    end.engine.config.max_token = 100;
    end.engine.handle_connected(NOW, end.id);
    end.drain();
    // Extended-Token-Length 12.
    end.receive(&[0x20, 0xe1, 0x61, 12]);
    end.drain();
    assert!(end.engine.send(NOW, end.id, get(&[1; 12])).is_ok());
    assert!(end.engine.send(NOW, end.id, get(&[1; 13])).is_err());
}

#[test]
fn nobody_takes_less_than_64_bytes() {
    let mut end = End::client();
    end.engine.handle_connected(NOW, end.id);
    end.receive(&[0x10, 0xe1, 0x20]);
    end.drain();
    assert_eq!(end.engine.sessions().get(end.id).unwrap().max_pdu_size(), 61);
}

#[test]
fn a_released_connection_is_left_when_nothing_waits_in_it() {
    let mut end = End::ready();
    end.receive(&[0x00, 0xe4]);
    assert_eq!(end.drain().1, ["HangUp", "Nack Reset None", "Disconnected", "Unready"]);
}

#[test]
fn empty_messages_are_told_and_not_answered() {
    let mut end = End::ready();
    end.receive(&[0, 0, 0, 0]);
    assert_eq!(end.drain(), (vec![], vec!["Ping".to_owned(); 2]));
}

#[test]
fn what_is_no_message_is_answered_by_an_abort() {
    let bad: [&[u8]; 4] = [
        // A token of the length that is reserved.
        &[0x0f, 0x01],
        // 4 GB.
        &[0xf0, 0xff, 0xff, 0xff, 0xff, 0x01],
        // A payload marker without payload.
        &[0x10, 0x01, 0xff],
        // An option that ends behind the message.
        &[0x10, 0x01, 0x19],
    ];
    for bytes in bad {
        let mut end = End::ready();
        end.receive(bytes);
        let (sent, heard) = end.drain();
        assert_eq!(sent.get(1..).and_then(|s| s.iter().find(|b| **b == Code::ABORT.0)), Some(&Code::ABORT.0));
        assert_eq!(heard[..2], ["BadPacket", "HangUp"], "{bytes:x?}");
        assert_eq!(end.engine.census().exchanges, 0);
    }
}

#[test]
fn while_the_peer_does_not_read_messages_wait_up_to_a_limit() {
    let mut end = End::ready();
    end.engine.handle_blocked(NOW, end.id, true);
    let mut waiting = 0;
    while end.engine.send(NOW, end.id, get(&[waiting as u8, (waiting >> 8) as u8])).is_ok() {
        waiting += 1;
    }
    assert_eq!((end.drain().0.len(), waiting), (0, 1024));
    end.engine.handle_blocked(NOW, end.id, false);
    assert_eq!(end.drain().0.len(), 1024 * 4);
}

/// The peer takes messages of 3,000 bytes, and blocks of several kilobytes.
const CSM_3000: &[u8] = &[0x40, 0xe1, 0x22, 0x0b, 0xb8, 0x20];

fn body(len: usize) -> Shared {
    Arc::new((0..len).map(|i| (i / 7) as u8).collect::<Vec<u8>>())
}

/// The messages in what went out.
fn messages(mut bytes: &[u8]) -> Vec<Pdu> {
    let (mut cutter, mut found) = (Cutter::default(), Vec::new());
    while let Ok(Some(message)) = cutter.next(&mut bytes, 1 << 20) {
        let mut pdu = get(b"");
        pdu.decode_into(Framing::Tcp, message.as_bytes(), 8).unwrap();
        found.push(pdu);
    }
    found
}

#[test]
fn a_body_that_the_peer_does_not_take_at_once_goes_in_blocks_of_several_kilobytes() {
    let mut end = End::client();
    end.engine.handle_connected(NOW, end.id);
    end.receive_after_draining(CSM_3000);
    end.drain();
    let session = end.engine.session_mut(end.id).unwrap();
    session.block_mode = Mode::supported(1);
    let (largest, size) = (session.largest_block(), session.max_pdu_size());
    let body = body(5000);
    let mut put = Pdu::new(Type::Confirmable, Code::PUT, Mid(0), size);
    put.set_token(b"p").unwrap();
    let upload = Upload::begin(&mut put, &body, largest, b"tag").unwrap();
    end.engine.submit(NOW, end.id, put, upload).unwrap();
    let mut gathered = Vec::new();
    for (option, len) in [(0x0f, 2048), (0x2f, 2048), (0x47, 904)] {
        let sent = messages(&end.drain().0);
        let [block] = &sent[..] else { panic!("{sent:?}") };
        assert_eq!(block.option(Number::BLOCK1).unwrap().value, [option]);
        gathered.extend_from_slice(block.payload().unwrap());
        assert_eq!(block.payload().unwrap().len(), len);
        let code = if option & 8 != 0 { Code::CONTINUE } else { Code::CHANGED };
        let mut answer = Pdu::new(Type::Confirmable, code, Mid(0), 100);
        answer.set_token(block.token()).unwrap();
        answer.add_option(Number::BLOCK1, &[option]).unwrap();
        end.receive(answer.encode(Framing::Tcp));
    }
    assert_eq!(end.drain().1, ["Response 2.04"]);
    assert_eq!(gathered, (*body).as_ref());
}

#[test]
fn a_body_comes_in_blocks_of_any_number_of_kilobytes() {
    let mut end = End::ready();
    end.engine.session_mut(end.id).unwrap().block_mode = Mode::supported(3);
    let body = body(7 * 1024 + 1);
    end.engine.submit(NOW, end.id, get(b"a"), None).unwrap();
    let mut at = 0;
    for kilobytes in [1, 4, 2, 1] {
        let asked = messages(&end.drain().0);
        let [asked] = &asked[..] else { panic!("{asked:?}") };
        let wanted = Block::on_stream(asked, Number::BLOCK2).unwrap();
        assert_eq!(wanted.map_or(0, |b| b.offset()), at);
        let rest = &(*body).as_ref()[at..];
        let slice = rest.get(..kilobytes * 1024).unwrap_or(rest);
        let block = Block { num: (at / 1024) as u32, more: slice.len() < rest.len(), szx: 7 };
        let mut answer = Pdu::new(Type::Confirmable, Code::CONTENT, Mid(0), 10_000);
        answer.set_token(asked.token()).unwrap();
        answer.add_option(Number::BLOCK2, &block.encode()).unwrap();
        answer.set_payload(slice).unwrap();
        at += slice.len();
        end.receive(answer.encode(Framing::Tcp));
    }
    assert_eq!(at, (*body).as_ref().len());
    let Some(Event::Response { body: Some(shown), .. }) = end.engine.poll_event() else { panic!() };
    assert_eq!(shown.data.as_deref(), Some((*body).as_ref()));
}

#[test]
fn a_server_puts_blocks_of_several_kilobytes_together_and_refuses_those_that_are_cut_amiss() {
    let mut end = End::server();
    end.receive(CSM);
    end.drain();
    end.engine.session_mut(end.id).unwrap().block_mode = Mode::supported(3);
    let resource = Resource::new(b"", Kind::Plain, Flags::default());
    assert!(resource.set_method(Code::PUT, true));
    end.engine.resources.add(Arc::new(resource), Arc::new(())).unwrap();
    let send = |end: &mut End, option: u8, len: usize| {
        let mut put = Pdu::new(Type::Confirmable, Code::PUT, Mid(0), 10_000);
        put.set_token(b"p").unwrap();
        put.add_option(Number::BLOCK1, &[option]).unwrap();
        put.set_payload(&vec![7; len]).unwrap();
        end.receive(put.encode(Framing::Tcp));
        let (sent, heard) = end.drain();
        (messages(&sent).first().map(|pdu| pdu.code()), heard)
    };
    assert_eq!(send(&mut end, 0x0f, 3072), (Some(Code::CONTINUE), vec![]));
    assert_eq!(send(&mut end, 0x3f, 1500), (Some(Code::BAD_REQUEST), vec![]));
    assert_eq!(send(&mut end, 0x3f, 1024), (Some(Code::CONTINUE), vec![]));
    assert_eq!(send(&mut end, 0x47, 10), (Some(Code::CONTENT), vec!["Request 0.03".to_owned()]));
}

#[test]
fn an_observation_over_a_connection_is_nothing_to_keep_over_a_restart() {
    let mut end = End::server();
    end.receive(CSM);
    end.drain();
    let resource = Resource::new(b"o", Kind::Plain, Flags::default());
    assert!(resource.set_method(Code::GET, true));
    resource.set_observable(true);
    end.engine.resources.add(Arc::new(resource), Arc::new(())).unwrap();
    end.engine.track(1);
    // GET /o with Observe 0, and then with Observe 1.
    end.receive(&[0x31, 0x01, b't', 0x60, 0x51, b'o']);
    assert_eq!(end.drain().1, ["Request 0.01"]);
    end.receive(&[0x41, 0x01, b't', 0x61, 0x01, 0x51, b'o']);
    assert_eq!(end.drain().1, ["Request 0.01"]);
    assert!(!end.engine.has_tracked());
}

#[test]
fn that_a_peer_takes_blocks_and_how_much_it_takes_may_come_in_two_csms() {
    let mut end = End::ready();
    let largest = |end: &End| end.engine.sessions().get(end.id).unwrap().largest_block();
    // Block-Wise-Transfer, which says nothing of large blocks without a size.
    end.receive(&[0x10, 0xe1, 0x40]);
    assert_eq!(largest(&end), 6);
    // Max-Message-Size 4096, 1152, 4096.
    for (size, expected) in [([0x10, 0x00], 7), ([0x04, 0x80], 6), ([0x10, 0x00], 7)] {
        end.receive(&[0x30, 0xe1, 0x22, size[0], size[1]]);
        assert_eq!(largest(&end), expected);
    }
}

#[test]
fn the_answer_to_a_block_that_others_follow_is_2_31_whatever_the_handler_says() {
    let mut end = End::server();
    end.engine.session_mut(end.id).unwrap().block_mode = crate::protocol::block::Mode::USE_LIBCOAP;
    let resource = Resource::new(b"r", Kind::Plain, Flags::default());
    assert!(resource.set_method(Code::PUT, true));
    end.engine.resources.add(Arc::new(resource), Arc::new(())).unwrap();
    end.receive(PLAIN_CSM);
    end.drain();
    for (block1, code) in [(0x08, Code::CONTINUE), (0x10, Code::CONTENT)] {
        let mut put = Pdu::new(Type::Confirmable, Code::PUT, Mid(0), 100);
        put.add_option(Number::URI_PATH, b"r").unwrap();
        put.add_option(Number::BLOCK1, &[block1]).unwrap();
        put.set_payload(&[7; 16]).unwrap();
        end.receive(put.encode(Framing::Tcp));
        let (sent, heard) = end.drain();
        assert_eq!((sent[1], heard), (code.0, vec!["Request 0.03".to_owned()]));
    }
}
