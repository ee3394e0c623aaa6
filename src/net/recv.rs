//! Datagrams coming in by the batch.
//!
//! The memory is laid out once and used again for each call; nothing is allocated per datagram.

use super::pktinfo::{Control, PacketInfo, packet_info};
use super::sockaddr::from_system;
use crate::address::Address;
use core::mem::zeroed;
use core::ptr;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, BorrowedFd};

/// How many datagrams go through one system call, in either direction.
pub(super) const BATCH: usize = 64;

/// Room for the largest datagram that UDP can carry.
const DATAGRAM: usize = 65_536;

/// From one buffer to the next. Not a power of two, or the first lines of all buffers would
/// compete for the same few lines of the processor's caches.
const STRIDE: usize = DATAGRAM + 192;

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
}

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
                (*header).msg_controllen = Control::LEN as _;
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

    /// The datagram at a position; `None` past the end, if its sender has no address, so that nothing
    /// can be answered, or if it is larger than those of UDP can be.
    pub fn get(&self, index: usize) -> Option<Received<'_>> {
        if index >= self.filled {
            return None;
        }
        // SAFETY: alive, within bounds, and the system is done writing.
        let slots = unsafe { self.slots.as_ref() };
        let message = slots.headers.get(index)?;
        let header = &message.msg_hdr;
        let name: *const libc::sockaddr_storage = slots.names.get(index)?;
        if header.msg_flags & libc::MSG_TRUNC != 0 {
            return None;
        }
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
        Some(Received { remote, local, reply_from, ifindex, data })
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
