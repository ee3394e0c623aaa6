//! An implementation that was not written for this one as the other side.

use super::*;
use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::rc::Rc;
use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::server::{Request, Response};
use tungstenite::http::HeaderValue;
use tungstenite::{HandshakeError, Message};

/// The stream between them: what goes to tungstenite, and what comes from it.
#[derive(Debug, Clone, Default)]
struct Wire(Rc<RefCell<(Vec<u8>, Vec<u8>)>>);

impl Wire {
    /// Gives to one side what the other has said, `piece` bytes at a time.
    fn deliver(&self, socket: &mut WebSocket, piece: usize) -> Vec<Received> {
        let bytes = std::mem::take(&mut self.0.borrow_mut().1);
        let outcome = feed(socket, &bytes, piece);
        assert_eq!(outcome.error, None);
        self.0.borrow_mut().0.extend(outcome.sent);
        outcome.received
    }

    fn say(&self, bytes: &[u8]) {
        self.0.borrow_mut().0.extend(bytes);
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let incoming = &mut self.0.borrow_mut().0;
        if incoming.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let n = buffer.len().min(incoming.len());
        incoming.drain(..n).zip(buffer).for_each(|(byte, place)| *place = byte);
        Ok(n)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().1.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Messages both ways, a ping, and the close, begun by tungstenite.
fn converse(mut other: tungstenite::WebSocket<Wire>, mut ours: WebSocket, wire: &Wire, piece: usize) {
    for length in [0, 1, 125, 126, 1000] {
        let text: Vec<u8> = (0..length).map(|n| n as u8).collect();
        other.send(Message::binary(text.clone())).unwrap();
        assert_eq!(wire.deliver(&mut ours, piece), [Received::Message(text.clone())]);
        let mut bytes = Vec::new();
        ours.send(&text, &mut bytes);
        wire.say(&bytes);
        assert_eq!(other.read().unwrap(), Message::binary(text));
    }
    other.send(Message::Ping("are you there".into())).unwrap();
    assert_eq!(wire.deliver(&mut ours, piece), []);
    assert_eq!(other.read().unwrap(), Message::Pong("are you there".into()));
    other.close(None).unwrap();
    assert_eq!(wire.deliver(&mut ours, piece), [Received::Closed(1005)]);
    assert!(matches!(other.read().unwrap(), Message::Close(_)));
}

#[test]
fn a_tungstenite_client_is_served() {
    for piece in [1, 3, usize::MAX] {
        let wire = Wire::default();
        let mut server = WebSocket::server();
        let mut request = "ws://server.example/.well-known/coap".into_client_request().unwrap();
        request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static("coap"));
        let Err(HandshakeError::Interrupted(handshake)) = tungstenite::client(request, wire.clone()) else {
            panic!("answered before it was asked")
        };
        assert_eq!(wire.deliver(&mut server, piece), [Received::Open]);
        let (client, _) = handshake.handshake().unwrap();
        converse(client, server, &wire, piece);
    }
}

#[test]
#[expect(clippy::result_large_err, reason = "the callback's type is tungstenite's")]
fn a_tungstenite_server_is_asked() {
    for piece in [1, 3, usize::MAX] {
        let wire = Wire::default();
        let mut request = Vec::new();
        let mut client = WebSocket::client(&host(), KEY, || MASK, &mut request);
        wire.say(&request);
        let server = tungstenite::accept_hdr(wire.clone(), |request: &Request, mut response: Response| {
            assert_eq!(request.uri().path(), "/.well-known/coap");
            assert_eq!(request.headers()["Host"], "server.example:8080");
            response.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static("coap"));
            Ok(response)
        });
        assert_eq!(wire.deliver(&mut client, piece), [Received::Open]);
        converse(server.unwrap(), client, &wire, piece);
    }
}

#[test]
fn our_close_is_understood() {
    let wire = Wire::default();
    let mut client =
        tungstenite::WebSocket::from_raw_socket(wire.clone(), tungstenite::protocol::Role::Client, None);
    let mut server = open_server();
    let mut bytes = Vec::new();
    server.close(CloseCode::Away, &mut bytes);
    wire.say(&bytes);
    let Message::Close(Some(frame)) = client.read().unwrap() else { panic!("no close frame") };
    assert_eq!(frame.code, CloseCode::Away);
    client.flush().unwrap();
    assert_eq!(wire.deliver(&mut server, 1), [Received::Closed(1001)]);
}
