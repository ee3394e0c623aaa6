//! The sockets of a context, and sending through them.

use super::by_session::BySession;
use super::channel::Channel;
use super::connection::{Change, Connection};
use super::late::Late;
use crate::address::Address;
use crate::net::{Poller, SendBatch, Source, StreamListener, StreamSocket, UdpSocket, udp};
use crate::protocol::Instant;
use crate::protocol::deadline::Deadlines;
use crate::protocol::event::{Transmit, Transmits};
use crate::protocol::session::{Path, SessionId, SocketId, Transport};
use crate::tls::Notice;
use core::ffi::c_void;
use slab::Slab;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;

/// The most datagrams that wait for a socket that takes no more. Later ones are dropped, as the
/// network may drop any: the state machines send again what matters.
const MAX_BACKLOG: usize = 1024;

/// Whom a datagram socket is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Use {
    /// Peers come to it; their messages have up to `mtu` bytes.
    Endpoint { mtu: u32 },
    /// One session of this side.
    Client(SessionId),
}

/// Datagrams in and out.
pub(super) struct Datagrams {
    pub(super) socket: Arc<UdpSocket>,
    pub(super) purpose: Use,
    /// Nothing goes out in the clear but handshakes.
    pub(super) is_secure: bool,
    /// The socket was connected: the system knows the peer.
    connected: bool,
    batch: SendBatch,
    late: Late,
}

/// A socket that peers connect to.
#[derive(Clone)]
pub(super) struct Listener {
    pub(super) socket: Arc<StreamListener>,
    pub(super) transport: Transport,
}

/// One socket and what is kept with it.
pub(super) enum Kind {
    Datagrams(Datagrams),
    Listener(Listener),
    Connection(Connection),
}

pub(super) struct Entry {
    pub(super) kind: Kind,
    /// The poller watches for room to write.
    blocked: bool,
}

impl Entry {
    fn fd(&self) -> RawFd {
        match &self.kind {
            Kind::Datagrams(d) => d.socket.as_raw_fd(),
            Kind::Listener(l) => l.socket.as_raw_fd(),
            Kind::Connection(c) => c.socket.as_raw_fd(),
        }
    }

    /// A place that no other socket has.
    fn place(&self) -> *const c_void {
        match &self.kind {
            Kind::Datagrams(d) => Arc::as_ptr(&d.socket).cast(),
            Kind::Listener(l) => Arc::as_ptr(&l.socket).cast(),
            Kind::Connection(c) => Arc::as_ptr(&c.socket).cast(),
        }
    }
}

/// The sockets of a context.
#[derive(Default)]
pub struct Sockets {
    slab: Slab<Entry>,
    /// Those with something to send.
    pending: Vec<usize>,
    /// Connections of which the system keeps something back.
    held: Vec<usize>,
    /// What has happened to connections while writing.
    changes: Vec<(SessionId, Change)>,
    /// Listeners that wait for the process to have room for one more socket.
    resting: Vec<usize>,
    /// Those with something that peers had no room for.
    late: Vec<usize>,
    /// What secures sessions over datagrams; streams have it with their connections.
    channels: BySession<Box<Channel>>,
    /// Which flights of handshakes are to be repeated.
    flights: Deadlines<(SocketId, SessionId)>,
}

impl Sockets {
    /// Takes a socket in and has it watched.
    fn add(&mut self, poller: &Poller, kind: Kind, read: bool, write: bool) -> io::Result<SocketId> {
        let vacant = self.slab.vacant_entry();
        let key = vacant.key();
        let entry = Entry { kind, blocked: write };
        poller.add(entry.fd(), key as u64, read, write)?;
        vacant.insert(entry);
        Ok(SocketId(key as u32))
    }

    pub(super) fn add_datagrams(
        &mut self,
        poller: &Poller,
        socket: UdpSocket,
        purpose: Use,
        connected: bool,
        is_secure: bool,
    ) -> io::Result<SocketId> {
        let (socket, batch, late) = (Arc::new(socket), SendBatch::new(), Late::default());
        let datagrams = Datagrams { socket, purpose, is_secure, connected, batch, late };
        self.add(poller, Kind::Datagrams(datagrams), true, false)
    }

    pub(super) fn add_listener(
        &mut self,
        poller: &Poller,
        socket: StreamListener,
        transport: Transport,
    ) -> io::Result<SocketId> {
        self.add(poller, Kind::Listener(Listener { socket: Arc::new(socket), transport }), true, false)
    }

    /// Takes a connection in: one that is being made, or one that came to a listener. `open` makes its
    /// session when the name of the socket is known and the poller watches it.
    pub(super) fn add_connection(
        &mut self,
        poller: &Poller,
        socket: StreamSocket,
        transport: Transport,
        listener: Option<SocketId>,
        open: impl FnOnce(SocketId) -> io::Result<SessionId>,
    ) -> io::Result<SessionId> {
        let vacant = self.slab.vacant_entry();
        let (key, fd) = (vacant.key(), socket.as_raw_fd());
        let is_made = !Connection::is_made_later(&socket, transport, listener);
        poller.add(fd, key as u64, is_made, !is_made)?;
        let session = open(SocketId(key as u32)).inspect_err(|_| {
            if let Err(e) = poller.remove(fd) {
                crate::log!(WARN, "cannot stop watching a socket: {e}");
            }
        })?;
        let connection = Connection::new(Arc::new(socket), session, transport, listener);
        vacant.insert(Entry { kind: Kind::Connection(connection), blocked: !is_made });
        Ok(session)
    }

    /// Closes a socket.
    pub(super) fn remove(&mut self, poller: &Poller, id: SocketId) -> Option<Entry> {
        let mut entry = self.slab.try_remove(id.0 as usize)?;
        match &mut entry.kind {
            Kind::Datagrams(d) => d.socket.leave_path(),
            Kind::Listener(l) => l.socket.leave_path(),
            Kind::Connection(c) => {
                c.say_goodbye();
                c.socket.leave_path();
            }
        }
        if let Err(e) = poller.remove(entry.fd()) {
            crate::log!(WARN, "cannot stop watching a socket: {e}");
        }
        for key in core::mem::take(&mut self.resting) {
            self.watch(poller, key);
        }
        Some(entry)
    }

    /// The process has no room for one more connection: a listener rests until a socket is closed.
    pub(super) fn rest(&mut self, poller: &Poller, id: SocketId) {
        let key = id.0 as usize;
        if let Some(entry) = self.slab.get(key) {
            self.resting.push(key);
            if let Err(e) = poller.modify(entry.fd(), key as u64, false, false) {
                crate::log!(ERR, "cannot watch a socket: {e}");
            }
        }
    }

    pub(super) fn get(&self, id: SocketId) -> Option<&Entry> {
        self.slab.get(id.0 as usize)
    }

    /// The datagram socket of this name.
    pub(super) fn datagrams(&self, id: SocketId) -> Option<&Datagrams> {
        match &self.get(id)?.kind {
            Kind::Datagrams(datagrams) => Some(datagrams),
            _ => None,
        }
    }

    /// Says whom a datagram socket is for.
    pub(super) fn set_use(&mut self, id: SocketId, purpose: Use) {
        if let Some(Entry { kind: Kind::Datagrams(datagrams), .. }) = self.slab.get_mut(id.0 as usize) {
            datagrams.purpose = purpose;
        }
    }

    /// The connection of this name.
    pub(super) fn connection_mut(&mut self, id: SocketId) -> Option<&mut Connection> {
        match &mut self.slab.get_mut(id.0 as usize)?.kind {
            Kind::Connection(connection) => Some(connection),
            _ => None,
        }
    }

    /// The same, if it is still the one of this session.
    pub(super) fn connection_of(&mut self, id: SocketId, session: SessionId) -> Option<&mut Connection> {
        self.connection_mut(id).filter(|connection| connection.session == session)
    }

    /// The sessions whose connections came to a listener.
    pub(super) fn accepted_by(&self, listener: SocketId) -> impl Iterator<Item = SessionId> {
        self.slab.iter().filter_map(move |(_, entry)| match &entry.kind {
            Kind::Connection(c) if c.listener == Some(listener) => Some(c.session),
            _ => None,
        })
    }

    /// Whether this datagram socket still is the one with this name.
    pub(super) fn has(&self, id: SocketId, socket: &Arc<UdpSocket>) -> bool {
        self.datagrams(id).is_some_and(|d| Arc::ptr_eq(&d.socket, socket))
    }

    /// Whether a socket is the own one of this session.
    pub(super) fn belongs_to(&self, id: SocketId, session: SessionId) -> bool {
        self.get(id).is_some_and(|entry| match &entry.kind {
            Kind::Datagrams(d) => d.purpose == Use::Client(session),
            Kind::Connection(c) => c.session == session,
            Kind::Listener(_) => false,
        })
    }

    /// All of them.
    pub fn ids(&self) -> impl Iterator<Item = SocketId> {
        self.slab.iter().map(|(key, _)| SocketId(key as u32))
    }

    /// A pointer per socket, different for each, for C programs to list and compare.
    pub fn handles(&self) -> impl Iterator<Item = *const c_void> {
        self.slab.iter().map(|(_, entry)| entry.place())
    }

    /// Whether something waits for room in a socket.
    pub fn is_blocked(&self) -> bool {
        self.next_retry().is_some() || self.slab.iter().any(|(_, e)| e.blocked)
    }

    /// When something is sent again that a peer had no room for.
    pub(super) fn next_retry(&self) -> Option<Instant> {
        let late = self.late.iter().filter_map(|key| self.datagrams(SocketId(*key as u32)));
        late.filter_map(|d| d.late.next()).min()
    }

    /// Sends again what peers had no room for, where it is time for that.
    pub(super) fn retry(&mut self, now: Instant) {
        let mut late = core::mem::take(&mut self.late);
        late.retain(|key| match self.slab.get_mut(*key).map(|entry| &mut entry.kind) {
            Some(Kind::Datagrams(d)) => {
                d.late.retry(now, &d.socket);
                d.late.next().is_some()
            }
            _ => false,
        });
        self.late = late;
    }

    /// What has happened to connections since the last call.
    pub(super) fn take_changes(&mut self) -> Vec<(SessionId, Change)> {
        core::mem::take(&mut self.changes)
    }

    /// Sends all that is queued, in batches per socket.
    pub(super) fn send(&mut self, poller: &Poller, transmits: &mut Transmits, more: bool) {
        for transmit in transmits.iter() {
            self.queue(&transmit);
        }
        transmits.clear();
        for key in core::mem::take(&mut self.pending) {
            self.flush(poller, key, more);
        }
    }

    /// Whether something is queued that [`Sockets::send`] is to send.
    pub(super) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Nothing follows for now: what was held for that goes out.
    pub(super) fn push(&mut self, poller: &Poller) {
        for key in core::mem::take(&mut self.held) {
            self.flush(poller, key, false);
        }
    }

    fn queue(&mut self, transmit: &Transmit<'_>) {
        let key = transmit.path.socket.0 as usize;
        let Some(entry) = self.slab.get_mut(key) else { return };
        match &mut entry.kind {
            Kind::Datagrams(datagrams) => {
                if datagrams.batch.len() >= MAX_BACKLOG && entry.blocked {
                    return;
                }
                let was_empty = datagrams.batch.is_empty();
                if !datagrams.is_secure {
                    datagrams.queue(transmit.path, transmit.bytes);
                } else if let Some(channel) = self.channels.get_mut(transmit.session)
                    && let Some(output) = channel.seal(transmit.bytes)
                {
                    output.datagrams().for_each(|datagram| datagrams.queue(transmit.path, datagram));
                    output.clear();
                }
                if was_empty && !datagrams.batch.is_empty() {
                    self.pending.push(key);
                }
            }
            Kind::Connection(connection) => {
                if connection.is_drained() {
                    self.pending.push(key);
                }
                connection.queue(transmit.bytes);
            }
            Kind::Listener(_) => {}
        }
    }

    /// The socket has room again, or there is something new to send.
    pub(super) fn flush(&mut self, poller: &Poller, key: usize, more: bool) {
        let Some(entry) = self.slab.get_mut(key) else { return };
        let blocked = match &mut entry.kind {
            Kind::Datagrams(datagrams) => {
                let was_late = datagrams.late.next().is_some();
                let flushed = datagrams.flush();
                if !was_late && datagrams.late.next().is_some() {
                    self.late.push(key);
                }
                if let (true, Use::Client(session)) = (flushed.is_gone, datagrams.purpose) {
                    self.changes.push((session, Change::Unreachable));
                }
                flushed.is_blocked
            }
            Kind::Connection(connection) => match connection.flush(more) {
                Ok(()) => {
                    if more && connection.is_held() && self.held.last() != Some(&key) {
                        self.held.push(key);
                    }
                    let blocked = connection.is_connecting || !connection.is_drained();
                    if blocked != entry.blocked {
                        let change = if blocked { Change::Blocked } else { Change::Unblocked };
                        self.changes.push((connection.session, change));
                    }
                    blocked
                }
                Err(e) => {
                    crate::log!(DEBUG, "cannot write: {e}");
                    self.changes.push((connection.session, Change::Broken));
                    false
                }
            },
            Kind::Listener(_) => false,
        };
        if blocked != entry.blocked {
            entry.blocked = blocked;
            self.watch(poller, key);
        }
    }

    /// Has the poller watch a socket for what it is good for now.
    pub(super) fn watch(&self, poller: &Poller, key: usize) {
        let Some(entry) = self.slab.get(key) else { return };
        // From a peer that does not read nothing is read: its requests would have answers.
        let reads = match &entry.kind {
            Kind::Connection(c) => c.listener.is_none() || !entry.blocked,
            _ => true,
        };
        if let Err(e) = poller.modify(entry.fd(), key as u64, reads, entry.blocked) {
            crate::log!(ERR, "cannot watch a socket: {e}");
        }
    }

    /// A connection is there: it is read from now on.
    pub(super) fn connected(&mut self, poller: &Poller, id: SocketId) {
        let key = id.0 as usize;
        if let Some(entry) = self.slab.get_mut(key)
            && let Kind::Connection(connection) = &mut entry.kind
        {
            connection.is_connecting = false;
            entry.blocked = false;
            self.watch(poller, key);
        }
    }
}

/// What secures sessions.
impl Sockets {
    /// A session is secured by this from now on. `false` if its socket is gone.
    pub(super) fn secure(&mut self, socket: SocketId, session: SessionId, channel: Channel) -> bool {
        let channel = Box::new(channel);
        match self.slab.get_mut(socket.0 as usize).map(|entry| &mut entry.kind) {
            Some(Kind::Connection(connection)) if connection.session == session => {
                connection.channel = Some(channel);
                true
            }
            Some(Kind::Datagrams(_)) => {
                self.channels.insert(session, channel);
                true
            }
            _ => false,
        }
    }

    /// What secures a session.
    pub(super) fn channel_mut(&mut self, socket: SocketId, session: SessionId) -> Option<&mut Channel> {
        match &mut self.slab.get_mut(socket.0 as usize)?.kind {
            Kind::Connection(connection) if connection.session == session => {
                connection.channel.as_deref_mut()
            }
            Kind::Datagrams(_) => self.channels.get_mut(session).map(|channel| &mut **channel),
            _ => None,
        }
    }

    /// Has a datagram sent as it is.
    pub(super) fn queue_wire(&mut self, path: &Path, datagram: &[u8]) {
        let key = path.socket.0 as usize;
        if let Some(Entry { kind: Kind::Datagrams(datagrams), .. }) = self.slab.get_mut(key) {
            if datagrams.batch.len() >= MAX_BACKLOG {
                return;
            }
            datagrams.queue(path, datagram);
            self.pending.push(key);
        }
    }

    /// Has sent what the connection of a session wants sent by itself.
    pub(super) fn put_out(&mut self, poller: &Poller, path: &Path, session: SessionId) {
        let key = path.socket.0 as usize;
        let Some(entry) = self.slab.get_mut(key) else { return };
        match &mut entry.kind {
            Kind::Datagrams(datagrams) => {
                let channel = self.channels.get_mut(session);
                let Some(output) = channel.and_then(|c| c.connection()).map(|c| c.output()) else { return };
                if !output.is_empty() {
                    output.datagrams().for_each(|datagram| datagrams.queue(path, datagram));
                    output.clear();
                    self.pending.push(key);
                }
            }
            Kind::Connection(connection) => {
                connection.write_handshake();
                if !connection.is_drained() {
                    self.flush(poller, key, false);
                }
            }
            Kind::Listener(_) => {}
        }
    }

    /// Says the end of what secures a session to the peer, and lets go of it. Gives the lines for the log.
    pub(super) fn close_channel(&mut self, poller: &Poller, path: &Path, session: SessionId) -> Vec<Notice> {
        let key = path.socket.0 as usize;
        if let Some(connection) = self.connection_of(path.socket, session) {
            let notices = connection.close_channel();
            self.flush(poller, key, false);
            return notices;
        }
        let Some(mut channel) = self.drop_channel(session) else { return Vec::new() };
        if let Some(output) = channel.close()
            && let Some(Entry { kind: Kind::Datagrams(datagrams), .. }) = self.slab.get_mut(key)
        {
            output.datagrams().for_each(|datagram| datagrams.queue(path, datagram));
            self.flush(poller, key, false);
        }
        channel.take_notices()
    }

    /// Lets go of what secures a session over datagrams.
    pub(super) fn drop_channel(&mut self, session: SessionId) -> Option<Box<Channel>> {
        let mut channel = self.channels.remove(session)?;
        if let Some(deadline) = channel.deadline.take() {
            self.flights.cancel(deadline);
        }
        Some(channel)
    }

    /// When a flight is to be repeated.
    pub(super) fn next_flight(&self) -> Option<Instant> {
        self.flights.next()
    }

    /// The next session whose flight is to be repeated by now.
    pub(super) fn next_due_flight(&mut self, now: Instant) -> Option<(SocketId, SessionId)> {
        self.flights.pop_due(now)
    }

    /// Sets when the flight of a session is to be repeated.
    pub(super) fn schedule_flight(&mut self, now: Instant, socket: SocketId, session: SessionId) {
        let Some(channel) = self.channel_mut(socket, session) else { return };
        let after = channel.connection().and_then(|connection| connection.timeout());
        if let Some(before) = channel.deadline.take() {
            self.flights.cancel(before);
        }
        let deadline = after.map(|after| self.flights.set(now + after, (socket, session)));
        if let Some(channel) = self.channel_mut(socket, session) {
            channel.deadline = deadline;
        }
    }
}

impl Datagrams {
    fn queue(&mut self, path: &Path, bytes: &[u8]) {
        if !self.connected && self.late.waits_for(&path.remote) {
            return self.late.add(crate::clock::now(), path.remote.clone(), bytes.into());
        }
        let queued = match self.connected {
            true => self.batch.push(None, None, bytes),
            false => self.batch.push(Some(&path.remote), source_of(path).as_ref(), bytes),
        };
        if let Err(e) = queued {
            crate::log!(WARN, "cannot send to {}: {e}", path.remote);
        }
    }

    /// Sends what the system takes.
    fn flush(&mut self) -> Flushed {
        let (mut refused, mut is_gone) = (false, false);
        let is_unix = self.socket.is_unix();
        while !self.batch.is_empty() {
            let Some(error) = self.socket.send_batch(&mut self.batch).error else { continue };
            match error.kind() {
                // It is this datagram's peer that has no room.
                io::ErrorKind::WouldBlock if is_unix && !self.connected => {
                    let unsent = self.batch.set_aside();
                    unsent.into_iter().for_each(|unsent| self.late.put(crate::clock::now(), unsent));
                }
                io::ErrorKind::WouldBlock => break,
                io::ErrorKind::Interrupted => {}
                _ if is_unix && udp::is_gone(&error) => {
                    crate::log!(DEBUG, "cannot send: {error}");
                    self.batch.skip();
                    is_gone = true;
                }
                // An ICMP message about an earlier datagram; this one has not been tried yet.
                io::ErrorKind::ConnectionRefused if !refused => refused = true,
                _ => {
                    crate::log!(WARN, "cannot send: {error}");
                    self.batch.skip();
                }
            }
        }
        Flushed { is_blocked: !self.batch.is_empty(), is_gone }
    }
}

/// What came of sending.
struct Flushed {
    /// Something is left until the socket has room.
    is_blocked: bool,
    /// Nobody was at the other end.
    is_gone: bool,
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
