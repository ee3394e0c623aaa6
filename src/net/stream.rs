//! Stream sockets: listeners, and connections that are made or were accepted.

use super::bind::{bind_client, bind_server};
use super::sockaddr::{address_of, to_system};
use super::unix::SocketFile;
use crate::address::Address;
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, Read};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};

/// How many connections may wait to be accepted; the system has a limit of its own.
const BACKLOG: i32 = 1024;

/// A non-blocking socket that peers connect to.
#[derive(Debug)]
pub struct StreamListener {
    /// What it is bound to in the Unix domain. It goes before the socket does.
    file: Option<SocketFile>,
    socket: Socket,
    local: Address,
}

impl StreamListener {
    /// Listens. On an IPv6 address it also takes IPv4, whose peers then show as IPv4-mapped
    /// addresses.
    pub fn bind(local: &Address) -> io::Result<Self> {
        let socket = new_socket(local)?;
        let file = bind_server(&socket, local)?;
        socket.listen(BACKLOG)?;
        let local = address_of(&socket.local_addr()?)?;
        Ok(StreamListener { socket, local, file })
    }

    /// Gives up the path of a Unix domain socket before the socket itself is closed, which others may
    /// still hold.
    pub fn leave_path(&self) {
        self.file.iter().for_each(SocketFile::remove);
    }

    /// The address it is bound to.
    pub fn local_addr(&self) -> &Address {
        &self.local
    }

    /// Takes the next connection, with the address of the peer. `WouldBlock` if there is none.
    pub fn accept(&self) -> io::Result<(StreamSocket, Address)> {
        let (socket, remote) = self.socket.accept()?;
        socket.set_nonblocking(true)?;
        let remote = address_of(&remote)?;
        Ok((StreamSocket::new(socket, None, false)?, remote))
    }
}

impl AsRawFd for StreamListener {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// A non-blocking connection.
#[derive(Debug)]
pub struct StreamSocket {
    /// What it is bound to in the Unix domain. It goes before the socket does.
    file: Option<SocketFile>,
    socket: Socket,
    local: Address,
    is_connecting: bool,
}

impl StreamSocket {
    fn new(socket: Socket, file: Option<SocketFile>, is_connecting: bool) -> io::Result<Self> {
        let local = address_of(&socket.local_addr()?)?;
        if matches!(local, Address::Ip(_)) {
            // Messages are small, and a peer that waits for one should not wait for the next.
            socket.set_tcp_nodelay(true)?;
        }
        Ok(StreamSocket { socket, local, file, is_connecting })
    }

    /// Begins to connect. The socket becomes writable when that is done;
    /// [`StreamSocket::connected`] then says how it went.
    pub fn connect(local: Option<&Address>, remote: &Address) -> io::Result<Self> {
        let socket = new_socket(remote)?;
        let file = match local {
            Some(local) => bind_client(&socket, local, remote)?,
            None => None,
        };
        let is_connecting = match socket.connect(&to_system(remote)?) {
            Ok(()) => false,
            Err(e) if e.raw_os_error() == Some(libc::EINPROGRESS) => true,
            Err(e) => return Err(e),
        };
        StreamSocket::new(socket, file, is_connecting)
    }

    /// Whether the connection was still to come when the socket was made. In the Unix domain it is
    /// there at once.
    pub fn was_connecting(&self) -> bool {
        self.is_connecting
    }

    /// Gives up the path of a Unix domain socket before the socket itself is closed, which others may
    /// still hold.
    pub fn leave_path(&self) {
        self.file.iter().for_each(SocketFile::remove);
    }

    /// Whether a connection came about: asked once, when the socket is writable.
    pub fn connected(&self) -> io::Result<()> {
        self.socket.take_error()?.map_or(Ok(()), Err)
    }

    /// The address on this side.
    pub fn local_addr(&self) -> &Address {
        &self.local
    }

    /// Reads what there is. 0 stands for the end of the stream.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (&self.socket).read(buffer)
    }

    /// Writes what the system takes. If `more` follows, it may keep that for a moment, to send it with
    /// what comes, at most for a fifth of a second, or until [`StreamSocket::push`].
    pub fn write(&self, bytes: &[u8], more: bool) -> io::Result<usize> {
        // A peer that has gone is an error here, and no signal to the process.
        let flags = if more { libc::MSG_NOSIGNAL | libc::MSG_MORE } else { libc::MSG_NOSIGNAL };
        self.socket.send_with_flags(bytes, flags)
    }

    /// Has the system send what it keeps.
    pub fn push(&self) -> io::Result<()> {
        match self.local {
            Address::Ip(_) => self.socket.set_tcp_nodelay(true),
            Address::Unix(_) => Ok(()),
        }
    }
}

impl AsRawFd for StreamSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

fn new_socket(address: &Address) -> io::Result<Socket> {
    let (domain, protocol) = match address {
        Address::Ip(ip) => (Domain::for_address(*ip), Some(Protocol::TCP)),
        Address::Unix(_) => (Domain::UNIX, None),
    };
    let socket = Socket::new(domain, Type::STREAM.nonblocking(), protocol)?;
    if matches!(address, Address::Ip(SocketAddr::V6(_))) {
        socket.set_only_v6(false)?;
    }
    Ok(socket)
}
