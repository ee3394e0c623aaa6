//! A connection: what is between it and messages, what secures it, what waits to be written, and whether the peer
//! takes it.

use super::channel::Channel;
use crate::net::StreamSocket;
use crate::net::websocket::{self, CloseCode, Host, Received, WebSocket};
use crate::protocol::session::{SessionId, SocketId, Transport};
use crate::tls::Notice;
use std::io;
use std::sync::Arc;

/// From how many bytes on a message is not copied to be written with others.
const LARGE: usize = 16 << 10;

/// Memory for what waits that is kept when nothing does, in bytes.
const MAX_SPARE: usize = 16 << 10;

/// What is between a stream and messages.
enum Layer {
    /// Nothing: a message says itself where it ends.
    None,
    /// A WebSocket connection that is asked for when the stream is there.
    Upgrade,
    /// A WebSocket connection.
    WebSocket(Box<WebSocket>),
}

/// A stream socket and what is to be written to it.
pub(super) struct Connection {
    pub(super) socket: Arc<StreamSocket>,
    pub(super) session: SessionId,
    /// The listener that it came to; none if this side made it.
    pub(super) listener: Option<SocketId>,
    /// It is being made.
    pub(super) is_connecting: bool,
    /// Bytes that came and wait until the peer takes our answers.
    pub(super) unread: Vec<u8>,
    layer: Layer,
    /// Nothing goes out in the clear.
    is_secure: bool,
    /// What secures it, from when it is there.
    pub(super) channel: Option<Box<Channel>>,
    /// What is to be secured and written.
    plain: Vec<u8>,
    outbound: Vec<u8>,
    written: usize,
    /// The system keeps the end of what it was given, since more was to follow.
    is_held: bool,
}

/// What the state machines must know of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Change {
    /// The peer takes no more for now.
    Blocked,
    /// It does again.
    Unblocked,
    /// It is broken.
    Broken,
    /// Nobody is at the path of a peer of the Unix domain.
    Unreachable,
}

impl Connection {
    pub(super) fn new(
        socket: Arc<StreamSocket>,
        session: SessionId,
        transport: Transport,
        listener: Option<SocketId>,
    ) -> Self {
        let layer = match (transport, listener) {
            _ if !transport.is_websocket() => Layer::None,
            (_, None) => Layer::Upgrade,
            (_, Some(_)) => Layer::WebSocket(Box::new(WebSocket::server())),
        };
        let is_connecting = Connection::is_made_later(&socket, transport, listener);
        let (unread, outbound) = (Vec::new(), Vec::new());
        Connection {
            socket,
            session,
            listener,
            is_connecting,
            unread,
            layer,
            is_secure: transport.is_secure(),
            channel: None,
            plain: Vec::new(),
            outbound,
            written: 0,
            is_held: false,
        }
    }

    /// Whether a connection is being made, or looked at in the loop as if it were: what is there at
    /// once may have to be secured or upgraded.
    pub(super) fn is_made_later(
        socket: &StreamSocket,
        transport: Transport,
        listener: Option<SocketId>,
    ) -> bool {
        socket.was_connecting() || Connection::needs_handshake(transport) && listener.is_none()
    }

    /// Whether messages flow only after something else did.
    pub(super) fn needs_handshake(transport: Transport) -> bool {
        transport.is_secure() || transport.is_websocket()
    }

    /// The stream is there: has what belongs on it first written. `false` if that cannot be, since
    /// nobody has said for which host it is.
    pub(super) fn begin(&mut self, host: Option<&Host>) -> bool {
        if let Layer::Upgrade = self.layer {
            let Some(host) = host else { return false };
            let (key, mask) = (crate::random::bytes(), crate::random::bytes);
            let websocket = WebSocket::client(host, key, mask, self.out().1);
            self.layer = Layer::WebSocket(Box::new(websocket));
            self.seal();
        }
        true
    }

    /// What is between this and messages, and where what is to be written goes.
    fn out(&mut self) -> (&mut Layer, &mut Vec<u8>) {
        let out = if self.is_secure { &mut self.plain } else { &mut self.outbound };
        (&mut self.layer, out)
    }

    /// Secures what is to be written. What cannot be is not written.
    fn seal(&mut self) {
        if self.plain.is_empty() {
            return;
        }
        if let Some(output) = self.channel.as_mut().and_then(|channel| channel.seal(&self.plain)) {
            self.outbound.extend_from_slice(&output.bytes);
            output.clear();
        }
        self.plain.clear();
        self.plain.shrink_to(MAX_SPARE);
    }

    /// Has what the handshake wants to send written.
    pub(super) fn write_handshake(&mut self) {
        let connection = self.channel.as_mut().and_then(|channel| channel.connection());
        if let Some(output) = connection.map(|c| c.output()).filter(|output| !output.is_empty()) {
            self.outbound.extend_from_slice(&output.bytes);
            output.clear();
        }
    }

    /// Takes the next thing out of what came over a WebSocket, and has written what that asks for;
    /// `None` on other streams.
    pub(super) fn receive(
        &mut self,
        input: &mut &[u8],
        limit: usize,
    ) -> Option<Result<Option<Received>, websocket::Error>> {
        let received = match self.out() {
            (Layer::WebSocket(websocket), out) => Some(websocket.receive(input, limit, out)),
            _ => None,
        };
        self.seal();
        received
    }

    /// Bytes that are kept of what came over a WebSocket and is no whole message.
    pub(super) fn kept(&self) -> usize {
        match &self.layer {
            Layer::WebSocket(websocket) => websocket.kept(),
            Layer::None | Layer::Upgrade => 0,
        }
    }

    /// Has a message written. What is large goes to the system at once, as far as that takes it; what is to be
    /// secured waits for [`Connection::flush`], so that small messages share a record.
    pub(super) fn queue(&mut self, message: &[u8]) {
        let is_secure = self.is_secure;
        match self.out() {
            (Layer::None, plain) if is_secure => plain.extend_from_slice(message),
            (Layer::None, _) => self.write_or_queue(message),
            (Layer::WebSocket(websocket), out) => {
                websocket.send(message, out);
            }
            (Layer::Upgrade, _) => {}
        }
    }

    fn write_or_queue(&mut self, message: &[u8]) {
        let mut rest = message;
        if message.len() >= LARGE && self.flush(false).is_ok() && self.is_drained() && !self.is_connecting {
            // An error shows again when the rest is written.
            let taken = self.socket.write(message, false).unwrap_or(0);
            rest = message.get(taken..).unwrap_or(&[]);
        }
        self.outbound.extend_from_slice(rest);
    }

    /// Has the end written, where there is a word for it. `true` if there was.
    pub(super) fn close(&mut self) -> bool {
        let closed = match self.out() {
            (Layer::WebSocket(websocket), out) if websocket.is_open() => {
                websocket.close(CloseCode::Normal, out);
                true
            }
            _ => false,
        };
        self.seal();
        closed
    }

    /// Has the end of what secures it written, and lets go of that.
    pub(super) fn close_channel(&mut self) -> Vec<Notice> {
        self.seal();
        let Some(mut channel) = self.channel.take() else { return Vec::new() };
        if let Some(output) = channel.close() {
            self.outbound.extend_from_slice(&output.bytes);
        }
        channel.take_notices()
    }

    /// Whether nothing waits to be written.
    pub(super) fn is_drained(&self) -> bool {
        self.written == self.outbound.len() && self.plain.is_empty()
    }

    /// Has the end written, as far as the system takes it at once.
    pub(super) fn say_goodbye(&mut self) {
        self.close();
        self.close_channel();
        if let Err(e) = self.flush(false) {
            // Most often the peer has gone first.
            crate::log!(DEBUG, "cannot write the end: {e}");
        }
    }

    /// Writes what the system takes. Where `more` follows at once, that may travel with it.
    pub(super) fn flush(&mut self, more: bool) -> io::Result<()> {
        if self.is_connecting {
            return Ok(());
        }
        self.seal();
        while let Some(rest) = self.outbound.get(self.written..).filter(|rest| !rest.is_empty()) {
            match self.socket.write(rest, more) {
                Ok(n) => {
                    self.written += n;
                    self.is_held = more;
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        self.outbound.clear();
        self.outbound.shrink_to(MAX_SPARE);
        self.written = 0;
        if self.is_held && !more {
            self.is_held = false;
            self.socket.push()?;
        }
        Ok(())
    }

    /// Whether nothing goes out in the clear.
    pub(super) fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// Whether the system keeps something until more follows.
    pub(super) fn is_held(&self) -> bool {
        self.is_held
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Address;
    use crate::net::StreamListener;
    use crate::protocol::Instant;
    use crate::protocol::session::{Path, Role, Session, Sessions};
    use crate::tls::{self, Happened, Output, Peer};
    use core::ffi::c_void;
    use core::time::Duration;

    /// Secures by brackets.
    #[derive(Default)]
    struct Brackets(Output);

    impl tls::Connection for Brackets {
        fn set_peer(&mut self, _: Peer) {}

        fn receive(&mut self, _: &[u8]) {}

        fn advance(&mut self, _: &mut Vec<u8>) -> Option<Happened> {
            None
        }

        fn send(&mut self, plain: &[u8]) -> bool {
            self.0.bytes.extend([b"[", plain, b"]"].concat());
            true
        }

        fn close(&mut self) {
            self.0.bytes.extend(b"end");
        }

        fn output(&mut self) -> &mut Output {
            &mut self.0
        }

        fn timeout(&self) -> Option<Duration> {
            None
        }

        fn handle_timeout(&mut self) {}

        fn is_handshaking(&self) -> bool {
            false
        }

        fn overhead(&self) -> usize {
            2
        }

        fn native(&self) -> *mut c_void {
            core::ptr::null_mut()
        }

        fn cipher(&self) -> Option<String> {
            None
        }
    }

    /// A secured connection, and the other end of its stream.
    fn secured() -> (Connection, StreamSocket) {
        let loopback = Address::Ip(([127, 0, 0, 1], 0).into());
        let listener = StreamListener::bind(&loopback).unwrap();
        let far = StreamSocket::connect(None, listener.local_addr()).unwrap();
        let near = loop {
            match listener.accept() {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                accepted => break accepted.unwrap().0,
            }
        };
        let path = Path { socket: SocketId(0), local: loopback.clone(), remote: loopback, ifindex: 0 };
        let session = Session::new(path, Role::Server, 1152, false, Instant(0), 0);
        let session = Sessions::default().insert(session).unwrap();
        let mut connection = Connection::new(Arc::new(near), session, Transport::Tls, Some(SocketId(1)));
        connection.channel = Some(Box::new(Channel::new(Box::new(Brackets::default()))));
        (connection, far)
    }

    fn read(socket: &StreamSocket, size: usize) -> String {
        let mut read = Vec::new();
        while read.len() < size {
            let mut room = [0; 100];
            match socket.read(&mut room) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                n => read.extend(&room[..n.unwrap()]),
            }
        }
        String::from_utf8(read).unwrap()
    }

    #[test]
    fn messages_that_wait_together_are_secured_together() {
        let (mut connection, far) = secured();
        connection.queue(b"one ");
        connection.queue(b"two");
        assert!(!connection.is_drained());
        connection.flush(false).unwrap();
        assert!(connection.is_drained());
        connection.queue(b"three");
        connection.flush(false).unwrap();
        assert_eq!(read(&far, 16), "[one two][three]");
    }

    #[test]
    fn what_waits_is_secured_before_the_end_is_said() {
        let (mut connection, far) = secured();
        connection.queue(b"last");
        connection.say_goodbye();
        assert_eq!(read(&far, 9), "[last]end");
    }
}
