//! What secures a session: the trait that a (D)TLS library implements, and one room per library.
//!
//! A library is sans-I/O here too. It takes bytes that came from the peer and gives bytes to send; it
//! never sees a socket. Datagrams keep their bounds in both directions. When a flight has to be
//! repeated it says by [`Connection::timeout`], and the driver's deadlines do the rest.
//!
//! A handshake asks the application: for the key of an identity, for the certificate of a name,
//! whether a certificate will do. So [`Connection::advance`] may run code of the application, which
//! may call any function of this library. The driver has nothing locked meanwhile. What is in this
//! room knows neither the state of a context nor C.

#[cfg(feature = "openssl")]
mod openssl;
mod setup;

pub use setup::*;

use crate::log::Level;
use core::any::Any;
use core::ffi::c_void;
use core::time::Duration;
use std::sync::Arc;

/// Which library it is, and in which versions, in its own numbering.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Version {
    /// What the program runs with.
    pub runtime: u64,
    /// What this library was built with.
    pub built: u64,
}

/// What is below a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Carrier {
    /// Datagrams of up to `mtu` bytes: DTLS.
    Datagrams {
        /// The most bytes of a datagram.
        mtu: usize,
    },
    /// A stream of bytes: TLS.
    Stream {
        /// CoAP comes right above it, and no other protocol: ALPN can say so (RFC 8323 §8.2).
        is_coap: bool,
    },
}

/// Whom the application knows a connection as. Handed to what the application is asked by.
pub type Peer = Arc<dyn Any + Send + Sync>;

/// A (D)TLS library.
pub trait Library: Sync {
    /// Its versions.
    fn version(&self) -> Version;

    /// What opens connections by this set-up. All that can be checked without a peer is: files are
    /// read, keys and certificates compared.
    fn client(&self, setup: ClientSetup, roots: &Roots) -> Result<Arc<dyn Connector>, SetupError>;

    /// What answers those who connect, by this set-up, checked the same way.
    fn server(&self, setup: ServerSetup, roots: &Roots) -> Result<Arc<dyn Acceptor>, SetupError>;

    /// Whether certificates can be read from there.
    fn check_roots(&self, roots: &Roots) -> Result<(), SetupError>;

    /// Sets up an engine or provider for keys in hardware, from a configuration text.
    fn configure_engine(&self, text: &str) -> Result<(), SetupError>;

    /// Takes it back. `false` if there was none.
    fn remove_engine(&self) -> bool;
}

/// Opens connections by one set-up.
pub trait Connector: Send + Sync {
    /// A connection whose handshake has not begun: [`Connection::advance`] does.
    fn connect(&self, carrier: Carrier) -> Result<Box<dyn Connection>, SetupError>;
}

/// Answers those who connect, by one set-up.
pub trait Acceptor: Send + Sync {
    /// A datagram came from somebody without a connection. `sender` stands for the addresses of both
    /// ends. Nothing is kept of a peer that has not shown by a cookie that it receives at its address
    /// (RFC 6347 §4.2.1). What is to be sent is appended to `answer`, one datagram.
    fn hello(&self, sender: &[u8], mtu: usize, datagram: &[u8], answer: &mut Vec<u8>) -> Hello;

    /// A connection over a stream, at whose other end somebody is to begin.
    fn accept(&self, carrier: Carrier) -> Result<Box<dyn Connection>, SetupError>;
}

/// What a datagram of somebody without a connection has led to.
pub enum Hello {
    /// It begins no handshake.
    Ignored,
    /// It is to be repeated with a cookie.
    Challenged,
    /// It came with the right cookie: a connection that goes on from there with
    /// [`Connection::advance`].
    Accepted(Box<dyn Connection>),
}

/// One end of a connection.
pub trait Connection: Send {
    /// Says whom the application knows it as; before all else.
    fn set_peer(&mut self, peer: Peer);

    /// Puts in what came from the peer: one datagram, or the next bytes of a stream. All of what came
    /// before must have been worked off by [`Connection::advance`].
    fn receive(&mut self, input: &[u8]);

    /// Goes on as far as it can with what is there, and says what has come of it; `None` if more must
    /// come first. Data is appended to `plain`: one message, of datagrams. During the handshake this
    /// asks the application.
    fn advance(&mut self, plain: &mut Vec<u8>) -> Option<Happened>;

    /// Has a message protected: it is in [`Connection::output`] then. `false` if that failed, or the
    /// handshake is not done.
    fn send(&mut self, plain: &[u8]) -> bool;

    /// Has the end of the connection said to the peer, if there is a connection.
    fn close(&mut self);

    /// What waits to be sent; clear it when it is.
    fn output(&mut self) -> &mut Output;

    /// After which time [`Connection::handle_timeout`] wants to be called; `None` if nothing is waited
    /// for.
    fn timeout(&self) -> Option<Duration>;

    /// The time is over: has the flight sent again that the peer may not have got.
    fn handle_timeout(&mut self);

    /// The handshake is not over.
    fn is_handshaking(&self) -> bool;

    /// How many bytes the protection adds to a datagram.
    fn overhead(&self) -> usize;

    /// The library's own object, for applications that know the library.
    fn native(&self) -> *mut c_void;

    /// What was agreed on, for the log.
    fn cipher(&self) -> Option<String>;

    /// Lines for the log that have come up since the last time, in order. They are only made where the
    /// levels in force want them.
    fn take_notices(&mut self) -> Vec<Notice> {
        Vec::new()
    }
}

/// What came of going on with a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Happened {
    /// The handshake is done.
    Connected,
    /// A message of the peer's, or some bytes of a stream.
    Data,
    /// The peer has said that this is the end.
    Closed,
    /// The connection is of no use any more.
    Failed(Failure),
}

/// What ended a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// This side has found a fault while it read the first message of a client.
    Hello,
    /// This side has found a fault later.
    Here,
    /// The peer has: it sent a fatal alert.
    Peer,
}

/// A line for the log, which wants the name of the session in it:
/// `log::write(level, format_args!("{mark}{session}: {text}"))`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notice {
    /// Under which level. Whether it is wanted has been looked at.
    pub level: Level,
    /// What stands in front of the session.
    pub mark: &'static str,
    /// What has come up.
    pub text: String,
}

/// Bytes to be sent.
#[derive(Debug, Default)]
pub struct Output {
    /// All of them.
    pub bytes: Vec<u8>,
    /// Where each datagram ends in them. Of a stream there are none.
    pub ends: Vec<usize>,
}

impl Output {
    /// Appends a datagram.
    pub fn push_datagram(&mut self, datagram: &[u8]) {
        self.bytes.extend_from_slice(datagram);
        self.ends.push(self.bytes.len());
    }

    /// The datagrams, in order.
    pub fn datagrams(&self) -> impl Iterator<Item = &[u8]> {
        let starts = core::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).filter_map(|(start, end)| self.bytes.get(start..*end))
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Forgets them, keeping the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}

/// The library of this build; `None` if it has none.
pub fn library() -> Option<&'static dyn Library> {
    #[cfg(feature = "openssl")]
    return Some(&openssl::OpenSsl);
    #[cfg(not(feature = "openssl"))]
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_keep_their_bounds() {
        let mut output = Output::default();
        output.push_datagram(b"one");
        output.push_datagram(b"");
        output.push_datagram(b"two");
        assert_eq!(output.datagrams().collect::<Vec<_>>(), [&b"one"[..], b"", b"two"]);
        output.clear();
        assert!(output.is_empty() && output.datagrams().next().is_none());
    }
}
