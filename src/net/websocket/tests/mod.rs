//! Both sides against each other, against tungstenite, and against peers that mean harm.

mod frames;
mod tungstenite_peer;
mod upgrades;

use super::*;

/// The limit of most tests.
const LIMIT: usize = 1000;

const KEY: [u8; 16] = *b"0123456789abcdef";

const MASK: [u8; 4] = [0x11, 0x22, 0x44, 0x88];

fn host() -> Host {
    Host::new(b"server.example", 8080).unwrap()
}

/// Everything that one side makes of some bytes that come in pieces of at most `piece` bytes: what
/// it received, what it answered, and how it ended.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    received: Vec<Received>,
    sent: Vec<u8>,
    error: Option<Error>,
}

fn feed(socket: &mut WebSocket, bytes: &[u8], piece: usize) -> Outcome {
    let mut outcome = Outcome::default();
    for mut input in bytes.chunks(piece.max(1)) {
        loop {
            match socket.receive(&mut input, LIMIT, &mut outcome.sent) {
                Ok(Some(received)) => outcome.received.push(received),
                Ok(None) => break,
                Err(error) => {
                    assert!(socket.is_closed());
                    outcome.error = Some(error);
                    return outcome;
                }
            }
        }
        assert_eq!(input, b"", "`None` says that all was taken");
    }
    outcome
}

/// A client's frame, masked.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..126 => frame.push(0x80 | length as u8),
        length @ 126..65536 => frame.extend([&[0xfe], &(length as u16).to_be_bytes()[..]].concat()),
        length => frame.extend([&[0xff], &(length as u64).to_be_bytes()[..]].concat()),
    }
    frame.extend(MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// A server whose upgrade is done.
fn open_server() -> WebSocket {
    let mut request = Vec::new();
    WebSocket::client(&host(), KEY, || MASK, &mut request);
    let mut server = WebSocket::server();
    assert_eq!(feed(&mut server, &request, usize::MAX).received, [Received::Open]);
    server
}

/// A client whose upgrade is done.
fn open_client() -> WebSocket {
    let mut request = Vec::new();
    let mut client = WebSocket::client(&host(), KEY, || MASK, &mut request);
    let response = feed(&mut WebSocket::server(), &request, usize::MAX).sent;
    assert_eq!(feed(&mut client, &response, usize::MAX).received, [Received::Open]);
    client
}
