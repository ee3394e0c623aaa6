//! A connection: what waits to be written, and whether the peer takes it.

use crate::net::StreamSocket;
use crate::protocol::session::{SessionId, SocketId};
use std::io;
use std::sync::Arc;

/// From how many bytes on a message is not copied to be written with others.
const LARGE: usize = 16 << 10;

/// Memory for what waits that is kept when nothing does, in bytes.
const MAX_SPARE: usize = 16 << 10;

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
    outbound: Vec<u8>,
    written: usize,
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
}

impl Connection {
    pub(super) fn new(socket: Arc<StreamSocket>, session: SessionId, listener: Option<SocketId>) -> Self {
        let is_connecting = socket.was_connecting();
        let (unread, outbound) = (Vec::new(), Vec::new());
        Connection { socket, session, listener, is_connecting, unread, outbound, written: 0 }
    }

    /// Has a message written. What is large goes to the system at once, as far as that takes it.
    pub(super) fn queue(&mut self, message: &[u8]) {
        let mut rest = message;
        if message.len() >= LARGE && self.flush().is_ok() && self.is_drained() && !self.is_connecting {
            // An error shows again when the rest is written.
            let taken = self.socket.write(message).unwrap_or(0);
            rest = message.get(taken..).unwrap_or(&[]);
        }
        self.outbound.extend_from_slice(rest);
    }

    /// Whether nothing waits to be written.
    pub(super) fn is_drained(&self) -> bool {
        self.written == self.outbound.len()
    }

    /// Writes what the system takes.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if self.is_connecting {
            return Ok(());
        }
        while let Some(rest) = self.outbound.get(self.written..).filter(|rest| !rest.is_empty()) {
            match self.socket.write(rest) {
                Ok(n) => self.written += n,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        self.outbound.clear();
        self.outbound.shrink_to(MAX_SPARE);
        self.written = 0;
        Ok(())
    }
}
