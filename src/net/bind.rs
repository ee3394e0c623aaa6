//! Binding sockets of every kind to their own address.

use super::unix::{self, SocketFile};
use crate::address::Address;
use socket2::{SockAddr, Socket};
use std::io;

/// Binds a socket that peers come to.
pub(super) fn bind_server(socket: &Socket, local: &Address) -> io::Result<Option<SocketFile>> {
    match local {
        Address::Unix(path) => unix::bind(socket, path),
        Address::Ip(ip) => {
            socket.set_reuse_address(true)?;
            socket.bind(&SockAddr::from(*ip)).map(|()| None)
        }
    }
}

/// Binds a socket that goes to `remote`.
pub(super) fn bind_client(
    socket: &Socket,
    local: &Address,
    remote: &Address,
) -> io::Result<Option<SocketFile>> {
    match (local, remote) {
        (Address::Unix(path), Address::Unix(_)) => unix::bind(socket, path),
        (Address::Ip(local), Address::Ip(remote)) if local.is_ipv4() == remote.is_ipv4() => {
            if local.port() != 0 {
                socket.set_reuse_address(true)?;
            }
            socket.bind(&SockAddr::from(*local)).map(|()| None)
        }
        _ => {
            let why = "the local and the remote address are of different families";
            Err(io::Error::new(io::ErrorKind::InvalidInput, why))
        }
    }
}
