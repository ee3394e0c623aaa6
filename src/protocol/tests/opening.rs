//! Peers that connect and say nothing more: how many there may be, and who makes room.

use super::streams::NOW;
use crate::address::Address;
use crate::protocol::Engine;
use crate::protocol::event::Event;
use crate::protocol::session::{Path, SessionId, SocketId, State, Transport};

struct Server(Engine);

impl Server {
    fn with_limit(max: usize) -> Server {
        let mut engine = Engine::new(Box::new(|| 0));
        engine.config.max_handshake_sessions = max;
        Server(engine)
    }

    /// A peer connects. Gives its session, and whose connections are ended for it.
    fn connect(&mut self, socket: u32, transport: Transport) -> (SessionId, Vec<SessionId>) {
        let address = |port| Address::Ip(([127, 0, 0, 1], port).into());
        let path = Path { socket: SocketId(socket), local: address(1), remote: address(2), ifindex: 0 };
        let id = self.0.accept_stream(NOW, path, transport).unwrap();
        let mut hung_up = self.hung_up();
        self.0.handle_connected(NOW, id);
        hung_up.extend(self.hung_up());
        (id, hung_up)
    }

    fn hung_up(&mut self) -> Vec<SessionId> {
        let mut hung_up = Vec::new();
        while let Some(event) = self.0.poll_event() {
            if let Event::HangUp { session, .. } = event {
                hung_up.push(session);
            }
        }
        self.0.transmits().clear();
        hung_up
    }

    fn csm(&mut self, id: SessionId) {
        self.0.handle_stream(NOW, id, &mut &[0x00, 0xe1][..]);
        assert_eq!(self.hung_up(), []);
    }

    fn is_established(&self, id: SessionId) -> bool {
        self.0.sessions().get(id).is_some_and(|s| s.state == State::Established)
    }
}

#[test]
fn of_too_many_connections_without_csm_the_oldest_makes_room() {
    let mut server = Server::with_limit(2);
    let (a, _) = server.connect(1, Transport::Tcp);
    let (b, hung_up) = server.connect(2, Transport::Tcp);
    assert_eq!(hung_up, []);
    let (c, hung_up) = server.connect(3, Transport::Tcp);
    assert_eq!(hung_up, [a]);
    server.csm(b);
    assert!(server.is_established(b));
    // Who is ready is not counted, and not ended.
    assert_eq!(server.connect(4, Transport::Tcp).1, []);
    assert_eq!(server.connect(5, Transport::Tcp).1, [c]);
    assert!(server.is_established(b));
}

/// A flood of connections that say nothing: a peer that speaks at once always gets through, and those
/// that are there stay.
#[test]
fn a_flood_of_connections_locks_nobody_out() {
    let mut server = Server::with_limit(8);
    let mut ready = Vec::new();
    for n in 0..5000 {
        let (id, _) = server.connect(n, Transport::Tcp);
        if n % 50 == 0 {
            server.csm(id);
            ready.push(id);
        }
        assert!(server.0.census().opening <= 8);
    }
    assert_eq!(ready.len(), 100);
    assert!(ready.iter().all(|id| server.is_established(*id)));
    assert_eq!(server.0.census().sessions, ready.len() + 8);
}

/// Those that go by themselves leave nothing behind, however long the oldest stays.
#[test]
fn connections_that_end_or_get_ready_are_not_remembered() {
    let mut server = Server::with_limit(1000);
    let (first, _) = server.connect(0, Transport::Tcp);
    for n in 1..2000 {
        let (id, hung_up) = server.connect(n, Transport::Tcp);
        assert_eq!(hung_up, []);
        match n % 2 {
            0 => server.csm(id),
            _ => server.0.end(id),
        }
        server.hung_up();
    }
    assert_eq!(server.0.census().opening, 1);
    assert!(server.0.census().opening_order < 100);
    server.csm(first);
    assert_eq!(server.0.census().opening, 0);
}

#[test]
fn a_websocket_opens_until_it_is_upgraded_and_has_a_csm() {
    let mut server = Server::with_limit(1);
    let (a, _) = server.connect(1, Transport::WebSocket);
    let (b, hung_up) = server.connect(2, Transport::WebSocket);
    assert_eq!(hung_up, [a]);
    server.0.handle_upgraded(NOW, b);
    assert_eq!(server.hung_up(), []);
    let (c, hung_up) = server.connect(3, Transport::WebSocket);
    assert_eq!(hung_up, [b]);
    server.0.handle_upgraded(NOW, c);
    server.hung_up();
    server.0.handle_frame(NOW, c, &[0x00, 0xe1]);
    server.hung_up();
    assert!(server.is_established(c));
    assert_eq!(server.connect(4, Transport::Tcp).1, []);
    assert!(server.is_established(c));
}

/// The time for a CSM passes: the session is there, and counts no more.
#[test]
fn who_never_sends_a_csm_is_a_session_after_its_time() {
    let mut server = Server::with_limit(1);
    let (a, _) = server.connect(1, Transport::Tcp);
    let due = server.0.poll_timeout().unwrap();
    server.0.handle_timeout(due);
    assert_eq!(server.hung_up(), []);
    assert!(server.is_established(a));
    assert_eq!(server.connect(2, Transport::Tcp).1, []);
}

#[test]
fn without_a_limit_of_the_application_hundreds_may_open() {
    let mut server = Server::with_limit(0);
    for n in 0..300 {
        assert_eq!(server.connect(n, Transport::Tcp).1, []);
    }
    assert_eq!(server.0.census().opening, 300);
}
