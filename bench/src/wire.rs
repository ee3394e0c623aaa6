//! What a client's bytes go over: datagrams or a stream, plain or secured. Nothing here sleeps while an answer is due:
//! waking the client would be the server's work, and part of its figure.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use openssl::ssl::{ErrorCode, Ssl, SslContext, SslStream};

/// Without an answer for so long, the server is taken to be broken: nothing is lost on the way.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// Most bytes of a datagram of a handshake.
const MTU: u32 = 1400;

/// One end of a connection. Over datagrams, one call to read or write is one message.
pub(crate) trait Wire: Read + Write {
    /// Whether reading fails when nothing is there, instead of waiting.
    fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()>;
}

/// A secured connection, or one that is about to be.
pub(crate) type Secured = SslStream<Box<dyn Wire>>;

/// What is under a connection.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Under {
    Datagrams,
    Stream,
}

struct Datagrams(UdpSocket);

impl Read for Datagrams {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.0.recv(room)
    }
}

impl Write for Datagrams {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Wire for Datagrams {
    fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.0.set_nonblocking(nonblocking)
    }
}

impl Wire for TcpStream {
    fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        TcpStream::set_nonblocking(self, nonblocking)
    }
}

impl Wire for Secured {
    fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.get_ref().set_nonblocking(nonblocking)
    }
}

/// A connection to a server on this machine, from a port of its own.
pub(crate) fn open(under: Under, port: u16) -> io::Result<Box<dyn Wire>> {
    let wire: Box<dyn Wire> = match under {
        Under::Datagrams => {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            socket.connect((Ipv4Addr::LOCALHOST, port))?;
            Box::new(Datagrams(socket))
        }
        Under::Stream => {
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
            stream.set_nodelay(true)?;
            Box::new(stream)
        }
    };
    wire.set_nonblocking(true)?;
    Ok(wire)
}

/// A connection that is to be secured: [`has_shaken_hands`] does that.
pub(crate) fn begin(under: Under, port: u16, context: &SslContext) -> io::Result<Secured> {
    let mut ssl = Ssl::new(context)?;
    if under == Under::Datagrams {
        ssl.set_mtu(MTU)?;
    }
    Ok(SslStream::new(ssl, open(under, port)?)?)
}

/// Goes on with the handshake as far as what has come allows. Whether it is done.
pub(crate) fn has_shaken_hands(wire: &mut Secured) -> io::Result<bool> {
    match wire.connect() {
        Ok(()) => Ok(true),
        Err(e) if e.code() == ErrorCode::WANT_READ => Ok(false),
        Err(e) => Err(e.into_io_error().unwrap_or_else(io::Error::other)),
    }
}

/// A secured connection, with the handshake done.
pub(crate) fn secured(under: Under, port: u16, context: &SslContext) -> io::Result<Secured> {
    let mut wire = begin(under, port, context)?;
    let start = Instant::now();
    while !has_shaken_hands(&mut wire)? {
        if start.elapsed() > PATIENCE {
            return Err(io::Error::other("the server does not finish a handshake"));
        }
        std::hint::spin_loop();
    }
    Ok(wire)
}

/// Reads what is there; nothing if nothing is.
pub(crate) fn read_now(wire: &mut dyn Wire, room: &mut [u8]) -> io::Result<Option<usize>> {
    match wire.read(room) {
        Ok(n) => Ok(Some(n)),
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(e) => Err(e),
    }
}
