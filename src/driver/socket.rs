//! The sockets of a context, and sending through them.

use crate::address::Address;
use crate::net::{Poller, SendBatch, Source, UdpSocket};
use crate::protocol::event::{Transmit, Transmits};
use crate::protocol::session::{Path, SessionId, SocketId};
use slab::Slab;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;

/// The most datagrams that wait for a socket that takes no more. Later ones are dropped, as the
/// network may drop any: the state machines send again what matters.
const MAX_BACKLOG: usize = 1024;

/// Whom a socket is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Use {
    /// Peers come to it; their messages have up to `mtu` bytes.
    Endpoint { mtu: u32 },
    /// One session of this side.
    Client(SessionId),
}

pub(super) struct Entry {
    pub(super) socket: Arc<UdpSocket>,
    pub(super) purpose: Use,
    /// The socket was connected: the system knows the peer.
    pub(super) connected: bool,
    batch: SendBatch,
    /// The poller watches for room to write.
    blocked: bool,
}

/// The sockets of a context.
#[derive(Default)]
pub struct Sockets {
    slab: Slab<Entry>,
    /// Those with datagrams to send.
    pending: Vec<usize>,
}

impl Sockets {
    /// Takes a socket in and has it watched.
    pub(super) fn add(
        &mut self,
        poller: &Poller,
        socket: UdpSocket,
        purpose: Use,
        connected: bool,
    ) -> io::Result<SocketId> {
        let vacant = self.slab.vacant_entry();
        let key = vacant.key();
        poller.add(socket.as_raw_fd(), key as u64, true, false)?;
        let socket = Arc::new(socket);
        vacant.insert(Entry { socket, purpose, connected, batch: SendBatch::new(), blocked: false });
        Ok(SocketId(key as u32))
    }

    /// Closes a socket.
    pub(super) fn remove(&mut self, poller: &Poller, id: SocketId) -> Option<Entry> {
        let entry = self.slab.try_remove(id.0 as usize)?;
        entry.socket.leave_path();
        if let Err(e) = poller.remove(entry.socket.as_raw_fd()) {
            crate::log!(WARN, "cannot stop watching a socket: {e}");
        }
        Some(entry)
    }

    pub(super) fn get(&self, id: SocketId) -> Option<&Entry> {
        self.slab.get(id.0 as usize)
    }

    /// Whether this socket still is the one with this name.
    pub(super) fn has(&self, id: SocketId, socket: &Arc<UdpSocket>) -> bool {
        self.get(id).is_some_and(|entry| Arc::ptr_eq(&entry.socket, socket))
    }

    pub(super) fn get_mut(&mut self, id: SocketId) -> Option<&mut Entry> {
        self.slab.get_mut(id.0 as usize)
    }

    /// All of them.
    pub fn ids(&self) -> impl Iterator<Item = SocketId> {
        self.slab.iter().map(|(key, _)| SocketId(key as u32))
    }

    /// A pointer per socket, different for each, for C programs to list and compare.
    pub fn handles(&self) -> impl Iterator<Item = *const UdpSocket> {
        self.slab.iter().map(|(_, entry)| Arc::as_ptr(&entry.socket))
    }

    /// Whether a datagram waits for room in a socket.
    pub fn is_blocked(&self) -> bool {
        self.slab.iter().any(|(_, e)| e.blocked)
    }

    /// Sends all that is queued, in batches per socket. Gives the sockets whose peer is not there.
    pub(super) fn send(&mut self, poller: &Poller, transmits: &mut Transmits) {
        for transmit in transmits.iter() {
            self.queue(&transmit);
        }
        transmits.clear();
        for key in core::mem::take(&mut self.pending) {
            self.flush(poller, key);
        }
    }

    fn queue(&mut self, transmit: &Transmit<'_>) {
        let key = transmit.path.socket.0 as usize;
        let Some(entry) = self.slab.get_mut(key) else { return };
        if entry.batch.len() >= MAX_BACKLOG && entry.blocked {
            return;
        }
        let path = transmit.path;
        let queued = if entry.connected {
            entry.batch.push(None, None, transmit.bytes)
        } else {
            entry.batch.push(Some(&path.remote), source_of(path).as_ref(), transmit.bytes)
        };
        match queued {
            Ok(()) if entry.batch.len() == 1 => self.pending.push(key),
            Ok(()) => {}
            Err(e) => crate::log!(WARN, "cannot send to {}: {e}", path.remote),
        }
    }

    /// The socket has room again, or there is something new to send.
    pub(super) fn flush(&mut self, poller: &Poller, key: usize) {
        let Some(entry) = self.slab.get_mut(key) else { return };
        let mut refused = false;
        while !entry.batch.is_empty() {
            let Some(error) = entry.socket.send_batch(&mut entry.batch).error else { continue };
            match error.kind() {
                io::ErrorKind::WouldBlock => break,
                io::ErrorKind::Interrupted => {}
                // An ICMP message about an earlier datagram; this one has not been tried yet.
                io::ErrorKind::ConnectionRefused if !refused => refused = true,
                _ => {
                    crate::log!(WARN, "cannot send: {error}");
                    entry.batch.skip();
                }
            }
        }
        let blocked = !entry.batch.is_empty();
        if blocked != entry.blocked {
            entry.blocked = blocked;
            if let Err(e) = poller.modify(entry.socket.as_raw_fd(), key as u64, true, blocked) {
                crate::log!(ERR, "cannot watch a socket: {e}");
            }
        }
    }
}

/// Where an answer must leave from; a Unix domain socket has but one address. Only link-local peers are
/// bound to an interface; for the others the routing table decides.
fn source_of(path: &Path) -> Option<Source> {
    let Address::Ip(remote) = &path.remote else { return None };
    let ifindex = match remote {
        SocketAddr::V6(a) if a.ip().is_unicast_link_local() => path.ifindex,
        _ => 0,
    };
    Some(Source { address: path.local.clone(), ifindex })
}
