//! Connections that are made again: a session that lost its own gets another one, from another port.

use super::channel::Channel;
use super::socket::Use;
use super::{Context, State};
use crate::address::Address;
use crate::net::{StreamSocket, UdpSocket};
use crate::protocol::session::{Path, SessionId, Transport};
use crate::tls::Carrier;
use parking_lot::MutexGuard;
use std::io;
use std::sync::Arc;

impl Context {
    /// The connection of a session was lost: begins to make another one.
    pub(super) fn reconnect(
        self: &Arc<Self>,
        state: &mut MutexGuard<'_, State>,
        session: SessionId,
        remote: &Address,
    ) {
        let Some(transport) = state.engine.sessions().get(session).map(|s| s.transport) else { return };
        let made = match transport.is_reliable() {
            true => self.reconnect_stream(state, session, transport, remote),
            false => self.reconnect_datagrams(state, session, remote),
        };
        if let Err(e) = made {
            crate::log!(WARN, "cannot connect again: {e}");
            state.engine.handle_not_reconnecting(crate::clock::now(), session);
        }
    }

    fn reconnect_stream(
        &self,
        state: &mut State,
        session: SessionId,
        transport: Transport,
        remote: &Address,
    ) -> io::Result<()> {
        let connection = StreamSocket::connect(None, remote)?;
        let is_there = !connection.was_connecting() && transport == Transport::Tcp;
        let (local, remote) = (connection.local_addr().clone(), remote.clone());
        let engine = &mut state.engine;
        state.sockets.add_connection(&self.poller, connection, transport, None, |socket| {
            let path = Path { socket, local, remote, ifindex: 0 };
            let taken = engine.handle_reconnecting(session, path);
            taken.then_some(session).ok_or_else(|| io::ErrorKind::AddrInUse.into())
        })?;
        if is_there {
            state.engine.handle_connected_at_once(crate::clock::now(), session);
        }
        Ok(())
    }

    /// Begins another handshake over DTLS.
    fn reconnect_datagrams(
        self: &Arc<Self>,
        state: &mut MutexGuard<'_, State>,
        session: SessionId,
        remote: &Address,
    ) -> io::Result<()> {
        let Some(handle) = state.sessions.get(session).cloned() else { return Ok(()) };
        let mtu = state.engine.sessions().get(session).map(|s| s.mtu as usize);
        let (Some(connector), Some(mtu)) = (handle.connector.get(), mtu) else { return Ok(()) };
        let mut connection = connector.connect(Carrier::Datagrams { mtu }).map_err(io::Error::other)?;
        let socket = UdpSocket::connect(None, remote)?;
        let (local, remote) = (socket.local_addr().clone(), remote.clone());
        let socket = state.sockets.add_datagrams(&self.poller, socket, Use::Client(session), true, true)?;
        let path = Path { socket, local, remote, ifindex: 0 };
        if !state.engine.handle_reconnecting(session, path) {
            state.sockets.remove(&self.poller, socket);
            return Err(io::ErrorKind::AddrInUse.into());
        }
        connection.set_peer(handle);
        self.begin_with(state, session, Channel::new(connection));
        Ok(())
    }
}
