//! Datagrams by the batch: one system call brings in or sends out up to 64 of them.
//!
//! The memory is laid out once and used again for each call; nothing is allocated per datagram.

use crate::address::Address;
use crate::net::sockaddr::{from_system, in_addr, ipv4, to_system};
use core::mem::{MaybeUninit, size_of, zeroed};
use core::ptr;
use smallvec::SmallVec;
use socket2::SockAddr;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, BorrowedFd};

/// How many datagrams go through one system call.
pub(super) const BATCH: usize = 64;

/// Room for the largest datagram that UDP can carry.
const DATAGRAM: usize = 65_536;

/// From one buffer to the next. Not a power of two, or the first lines of all buffers would
/// compete for the same few lines of the processor's caches.
const STRIDE: usize = DATAGRAM + 192;

/// Room for the one control message that is asked for: the larger of the two kinds.
// SAFETY: a computation on a length.
const CONTROL: usize = unsafe { libc::CMSG_SPACE(size_of::<libc::in6_pktinfo>() as u32) } as usize;

/// The local side of a datagram: the address it was sent to or shall come from, and the interface.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Source {
    /// The address. Its port is not looked at; an unspecified or multicast address leaves the
    /// choice to the system.
    pub address: Address,
    /// The index of the interface; 0 leaves the choice to the system.
    pub ifindex: u32,
}

/// One received datagram.
#[derive(Debug)]
pub struct Received<'a> {
    /// Who sent it.
    pub remote: Address,
    /// Where it was sent to, with the socket's port; a multicast group is told as such.
    pub local: Address,
    /// The address an answer leaves from: `local` where that is an address of this host.
    pub reply_from: Address,
    /// The index of the interface it came in by; 0 if not known.
    pub ifindex: u32,
    /// The bytes.
    pub data: &'a [u8],
    /// Whether bytes are missing. UDP datagrams always fit.
    pub truncated: bool,
}

#[repr(align(8))]
struct Control([u8; CONTROL]);

struct Slots {
    headers: [libc::mmsghdr; BATCH],
    vectors: [libc::iovec; BATCH],
    names: [libc::sockaddr_storage; BATCH],
    controls: [Control; BATCH],
}

/// Takes in up to 64 datagrams of any size. The memory for large ones is reserved but
/// occupied only once they come.
pub struct RecvBatch {
    /// Points into itself and into `arena`; both are owned and never move.
    slots: ptr::NonNull<Slots>,
    arena: ptr::NonNull<u8>,
    filled: usize,
    /// What the socket is bound to, for datagrams that do not tell.
    bound: Address,
}

// SAFETY: the memory behind the pointers belongs to this value alone.
unsafe impl Send for RecvBatch {}
// SAFETY: shared access only reads.
unsafe impl Sync for RecvBatch {}

impl RecvBatch {
    const ARENA: std::alloc::Layout = match std::alloc::Layout::from_size_align(STRIDE * BATCH, 64) {
        Ok(layout) => layout,
        Err(_) => panic!("the arena's size is a constant"),
    };

    /// An empty batch.
    pub fn new() -> RecvBatch {
        // SAFETY: not of size zero. Zeroed memory of this size comes from the system untouched.
        let Some(arena) = ptr::NonNull::new(unsafe { std::alloc::alloc_zeroed(Self::ARENA) }) else {
            std::alloc::handle_alloc_error(Self::ARENA)
        };
        // SAFETY: all of it is plain data for which zero is a value.
        let slots = Box::into_raw(Box::new(unsafe { zeroed::<Slots>() }));
        for i in 0..BATCH {
            // SAFETY: `slots` is alive, `i` within bounds, and no reference into it exists.
            unsafe {
                (*slots).vectors[i] =
                    libc::iovec { iov_base: arena.as_ptr().add(i * STRIDE).cast(), iov_len: DATAGRAM };
                let header = &raw mut (*slots).headers[i].msg_hdr;
                (*header).msg_iov = &raw mut (*slots).vectors[i];
                (*header).msg_iovlen = 1;
                (*header).msg_name = (&raw mut (*slots).names[i]).cast();
                (*header).msg_control = (&raw mut (*slots).controls[i]).cast();
            }
        }
        let unbound = Address::Ip(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0).into());
        // SAFETY: a box is never NULL.
        let slots = unsafe { ptr::NonNull::new_unchecked(slots) };
        let mut batch = RecvBatch { slots, arena, filled: BATCH, bound: unbound };
        batch.clear();
        batch
    }

    /// How many datagrams are in it.
    pub fn len(&self) -> usize {
        self.filled
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// Whether the last call filled it, so that more may be waiting.
    pub fn is_full(&self) -> bool {
        self.filled == BATCH
    }

    /// Forgets the datagrams, and restores what the system wrote into the headers used.
    pub fn clear(&mut self) {
        for i in 0..self.filled {
            // SAFETY: alive, within bounds, and `self` is borrowed for writing.
            unsafe {
                let header = &raw mut (*self.slots.as_ptr()).headers[i].msg_hdr;
                (*header).msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
                (*header).msg_controllen = CONTROL as _;
                (*header).msg_flags = 0;
            }
        }
        self.filled = 0;
    }

    /// Fills it from a socket. Nothing waiting is no error: then it stays empty.
    pub(super) fn fill(&mut self, socket: BorrowedFd<'_>, bound: &Address) -> io::Result<usize> {
        self.clear();
        if self.bound != *bound {
            self.bound = bound.clone();
        }
        loop {
            // SAFETY: the headers and all they point to are alive and written by nobody else.
            let n = unsafe {
                let headers = (&raw mut (*self.slots.as_ptr()).headers).cast::<libc::mmsghdr>();
                let none = ptr::null_mut();
                libc::recvmmsg(socket.as_raw_fd(), headers, BATCH as u32, libc::MSG_DONTWAIT as _, none)
            };
            if let Ok(n) = usize::try_from(n) {
                self.filled = n;
                return Ok(n);
            }
            let error = io::Error::last_os_error();
            match error.kind() {
                io::ErrorKind::Interrupted => continue,
                io::ErrorKind::WouldBlock => return Ok(0),
                _ => return Err(error),
            }
        }
    }

    /// The datagrams, in the order they came.
    pub fn iter(&self) -> impl Iterator<Item = Received<'_>> {
        (0..self.filled).filter_map(|i| self.get(i))
    }

    /// The datagram at a position; `None` past the end, or if its sender has no address that we know.
    pub fn get(&self, index: usize) -> Option<Received<'_>> {
        if index >= self.filled {
            return None;
        }
        // SAFETY: alive, within bounds, and the system is done writing.
        let slots = unsafe { self.slots.as_ref() };
        let message = slots.headers.get(index)?;
        let header = &message.msg_hdr;
        let name: *const libc::sockaddr_storage = slots.names.get(index)?;
        // SAFETY: the system wrote so many bytes of the name, which is aligned.
        let remote = unsafe { from_system(name.cast(), header.msg_namelen as usize) }?;
        let len = (message.msg_len as usize).min(DATAGRAM);
        // SAFETY: the slot's part of the arena, initialised since its allocation.
        let data = unsafe { core::slice::from_raw_parts(self.arena.as_ptr().add(index * STRIDE), len) };
        // SAFETY: the header describes a control buffer that the system filled.
        let info = unsafe { packet_info(header) };
        let port = self.bound.port();
        let (local, reply_from, ifindex) = match info {
            Some(PacketInfo::V4 { sent_to, reply_from, ifindex }) => (
                Address::Ip(SocketAddrV4::new(sent_to, port).into()),
                Address::Ip(SocketAddrV4::new(reply_from, port).into()),
                ifindex,
            ),
            Some(PacketInfo::V6 { sent_to, ifindex }) => {
                let local = Address::Ip(SocketAddrV6::new(sent_to, port, 0, 0).into());
                let reply_from = if local.is_multicast() { self.bound.clone() } else { local.clone() };
                (local, reply_from, ifindex)
            }
            None => (self.bound.clone(), self.bound.clone(), 0),
        };
        let truncated = header.msg_flags & libc::MSG_TRUNC != 0;
        Some(Received { remote, local, reply_from, ifindex, data, truncated })
    }
}

impl Default for RecvBatch {
    fn default() -> Self {
        RecvBatch::new()
    }
}

impl Drop for RecvBatch {
    fn drop(&mut self) {
        // SAFETY: both were made in `new` and are used by nobody after this.
        unsafe {
            drop(Box::from_raw(self.slots.as_ptr()));
            std::alloc::dealloc(self.arena.as_ptr(), Self::ARENA);
        }
    }
}

impl core::fmt::Debug for RecvBatch {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

enum PacketInfo {
    V4 { sent_to: Ipv4Addr, reply_from: Ipv4Addr, ifindex: u32 },
    V6 { sent_to: Ipv6Addr, ifindex: u32 },
}

/// What the control messages of a received datagram tell of its destination.
///
/// # Safety
/// `header` is as a successful receive left it.
unsafe fn packet_info(header: &libc::msghdr) -> Option<PacketInfo> {
    // SAFETY: the first message if there is one, else NULL.
    let mut at = unsafe { libc::CMSG_FIRSTHDR(header) };
    // SAFETY: NULL, or a message within the control buffer.
    while let Some(message) = unsafe { at.as_ref() } {
        // SAFETY: a message of this level and type holds this struct; it may be unaligned.
        unsafe {
            match (message.cmsg_level, message.cmsg_type) {
                (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                    let info = libc::CMSG_DATA(at).cast::<libc::in_pktinfo>().read_unaligned();
                    return Some(PacketInfo::V4 {
                        sent_to: ipv4(info.ipi_addr),
                        reply_from: ipv4(info.ipi_spec_dst),
                        ifindex: info.ipi_ifindex as u32,
                    });
                }
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                    let info = libc::CMSG_DATA(at).cast::<libc::in6_pktinfo>().read_unaligned();
                    return Some(PacketInfo::V6 {
                        sent_to: Ipv6Addr::from(info.ipi6_addr.s6_addr),
                        ifindex: info.ipi6_ifindex,
                    });
                }
                _ => at = libc::CMSG_NXTHDR(header, at),
            }
        }
    }
    None
}

fn vector_of(bytes: &[u8]) -> libc::iovec {
    libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() }
}

/// The header of a datagram to be sent. It points to what it is made from.
fn header_of(
    remote: Option<&SockAddr>,
    source: Option<&PacketSource>,
    vector: &mut libc::iovec,
    control: &mut Control,
) -> libc::msghdr {
    // SAFETY: plain data for which zero is a value.
    let mut header = unsafe { zeroed::<libc::msghdr>() };
    header.msg_iov = vector;
    header.msg_iovlen = 1;
    if let Some(remote) = remote {
        header.msg_name = remote.as_ptr().cast_mut().cast();
        header.msg_namelen = remote.len();
    }
    if let Some(source) = source {
        source.write(control, &mut header);
    }
    header
}

/// Sends one datagram.
pub(super) fn send_one(
    socket: BorrowedFd<'_>,
    remote: Option<&Address>,
    source: Option<&Source>,
    bytes: &[u8],
) -> io::Result<usize> {
    let name = remote.map(to_system).transpose()?;
    let source = source.and_then(|source| PacketSource::new(source, remote));
    let (mut vector, mut control) = (vector_of(bytes), Control([0; CONTROL]));
    let header = header_of(name.as_ref(), source.as_ref(), &mut vector, &mut control);
    loop {
        // SAFETY: all that the header points to is alive; sending only reads it.
        let n =
            unsafe { libc::sendmsg(socket.as_raw_fd(), &header, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) };
        let Ok(n) = usize::try_from(n) else {
            let error = io::Error::last_os_error();
            if error.kind() == io::ErrorKind::Interrupted {
                continue;
            }
            return Err(error);
        };
        return Ok(n);
    }
}

/// How far sending a batch came.
#[derive(Debug)]
#[must_use]
pub struct Outcome {
    /// How many datagrams went out. They have left the batch.
    pub sent: usize,
    /// Why the next one did not. It is still the first of the batch: wait for the socket to
    /// become writable if this is `WouldBlock`, else [`SendBatch::skip`] it or try again.
    pub error: Option<io::Error>,
}

struct Outgoing {
    remote: Option<SockAddr>,
    source: Option<PacketSource>,
    /// Where its bytes end in the arena; they begin where those of the one before end.
    end: usize,
}

/// The IP address; an IPv4-mapped one as IPv4.
fn unmapped(address: &Address) -> Option<IpAddr> {
    match address {
        Address::Ip(a) => Some(a.ip().to_canonical()),
        Address::Unix(_) => None,
    }
}

/// The address, if datagrams can leave from it.
fn chosen(address: &Address) -> Option<IpAddr> {
    unmapped(address).filter(|ip| !ip.is_unspecified() && !ip.is_multicast())
}

enum PacketSource {
    V4(libc::in_pktinfo),
    V6(libc::in6_pktinfo),
}

impl PacketSource {
    /// The kind follows the destination, as an IPv6 socket sends to IPv4-mapped addresses with the
    /// means of IPv4.
    fn new(source: &Source, remote: Option<&Address>) -> Option<PacketSource> {
        let from = chosen(&source.address);
        if from.is_none() && source.ifindex == 0 {
            return None;
        }
        Some(match unmapped(remote.unwrap_or(&source.address))? {
            IpAddr::V4(_) => PacketSource::V4(libc::in_pktinfo {
                ipi_ifindex: source.ifindex as _,
                ipi_spec_dst: in_addr(match from {
                    Some(IpAddr::V4(ip)) => ip,
                    _ => Ipv4Addr::UNSPECIFIED,
                }),
                ipi_addr: in_addr(Ipv4Addr::UNSPECIFIED),
            }),
            IpAddr::V6(_) => PacketSource::V6(libc::in6_pktinfo {
                ipi6_addr: libc::in6_addr {
                    s6_addr: match from {
                        Some(IpAddr::V6(ip)) => ip.octets(),
                        _ => [0; 16],
                    },
                },
                ipi6_ifindex: source.ifindex as _,
            }),
        })
    }

    /// Writes it as the one control message of a datagram.
    fn write(&self, control: &mut Control, header: &mut libc::msghdr) {
        header.msg_control = (&raw mut control.0).cast();
        let (level, kind, len) = match self {
            PacketSource::V4(_) => (libc::IPPROTO_IP, libc::IP_PKTINFO, size_of::<libc::in_pktinfo>()),
            PacketSource::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, size_of::<libc::in6_pktinfo>()),
        };
        // SAFETY: `control` has room for the larger of the two, and is aligned for its header.
        unsafe {
            header.msg_controllen = libc::CMSG_SPACE(len as u32) as _;
            let message = libc::CMSG_FIRSTHDR(header);
            (*message).cmsg_level = level;
            (*message).cmsg_type = kind;
            (*message).cmsg_len = libc::CMSG_LEN(len as u32) as _;
            let data = libc::CMSG_DATA(message);
            match self {
                PacketSource::V4(info) => data.cast::<libc::in_pktinfo>().write_unaligned(*info),
                PacketSource::V6(info) => data.cast::<libc::in6_pktinfo>().write_unaligned(*info),
            }
        }
    }
}

/// Datagrams waiting to be sent together. It grows as needed and keeps its memory.
#[derive(Default)]
pub struct SendBatch {
    arena: Vec<u8>,
    outgoing: Vec<Outgoing>,
    /// The first that is not sent yet.
    next: usize,
}

impl SendBatch {
    /// An empty batch.
    pub fn new() -> SendBatch {
        SendBatch::default()
    }

    /// Adds a datagram; its bytes are copied. Without `remote` it goes to the socket's peer.
    pub fn push(
        &mut self,
        remote: Option<&Address>,
        source: Option<&Source>,
        bytes: &[u8],
    ) -> io::Result<()> {
        let name = remote.map(to_system).transpose()?;
        let source = source.and_then(|source| PacketSource::new(source, remote));
        self.arena.extend_from_slice(bytes);
        self.outgoing.push(Outgoing { remote: name, source, end: self.arena.len() });
        Ok(())
    }

    /// How many are waiting.
    pub fn len(&self) -> usize {
        self.outgoing.len() - self.next
    }

    /// Whether none is waiting.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Drops all of them.
    pub fn clear(&mut self) {
        self.arena.clear();
        self.outgoing.clear();
        self.next = 0;
    }

    /// Drops the first of those that wait.
    pub fn skip(&mut self) {
        self.advance(1);
    }

    fn advance(&mut self, n: usize) {
        self.next += n;
        if self.next >= self.outgoing.len() {
            self.clear();
        }
    }

    /// Sends all of them, or up to the first that fails.
    pub(super) fn flush(&mut self, socket: BorrowedFd<'_>) -> Outcome {
        let mut sent = 0;
        while !self.is_empty() {
            match self.send_some(socket) {
                Ok(n) => {
                    sent += n;
                    self.advance(n);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Outcome { sent, error: Some(error) },
            }
        }
        Outcome { sent, error: None }
    }

    /// One system call.
    fn send_some(&self, socket: BorrowedFd<'_>) -> io::Result<usize> {
        // Headers point into their neighbours, so they live here and for this call only.
        let mut vectors: [MaybeUninit<libc::iovec>; BATCH] = [const { MaybeUninit::uninit() }; BATCH];
        let mut controls: [MaybeUninit<Control>; BATCH] = [const { MaybeUninit::uninit() }; BATCH];
        let mut headers: SmallVec<[libc::mmsghdr; BATCH]> = SmallVec::new();
        let mut start = match self.next.checked_sub(1) {
            Some(before) => self.outgoing.get(before).map_or(0, |o| o.end),
            None => 0,
        };
        let waiting = self.outgoing.iter().skip(self.next);
        for ((out, vector), control) in waiting.zip(&mut vectors).zip(&mut controls) {
            let bytes = self.arena.get(start..out.end).unwrap_or_default();
            start = out.end;
            let vector = vector.write(vector_of(bytes));
            let control = control.write(Control([0; CONTROL]));
            // SAFETY: plain data for which zero is a value.
            let mut message = unsafe { zeroed::<libc::mmsghdr>() };
            message.msg_hdr = header_of(out.remote.as_ref(), out.source.as_ref(), vector, control);
            headers.push(message);
        }
        // SAFETY: all that the headers point to is alive; sending only reads it.
        let n = unsafe {
            libc::sendmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr(),
                headers.len() as u32,
                (libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) as _,
            )
        };
        usize::try_from(n).map_err(|_| io::Error::last_os_error())
    }
}

impl core::fmt::Debug for SendBatch {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SendBatch").field("waiting", &self.len()).finish()
    }
}
