//! Many datagrams per system call: `sendmmsg` and `recvmmsg` over IPv4, with a source address for each.

use std::io;
use std::mem::{size_of, zeroed};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::ptr::null_mut;

use socket2::SockRef;

/// Most datagrams one call takes.
pub(crate) const BATCH: usize = 64;
/// Most bytes of one datagram; what this bench sends and receives is a tenth of it.
const ROOM: usize = 256;
/// Bytes of an `IP_PKTINFO` control message, in words so that they are aligned as the kernel asks.
const CONTROL_WORDS: usize = 8;

/// One datagram, and who is at the other end.
#[derive(Clone, Copy)]
pub(crate) struct Datagram {
    room: [u8; ROOM],
    len: usize,
    peer: SocketAddrV4,
    /// The address at this end. When sending, none leaves it to the socket; of what was received, it is known on sockets
    /// that [`tell_own_address`] was called for.
    source: Option<Ipv4Addr>,
}

impl Datagram {
    /// An empty one to receive into.
    pub(crate) fn empty() -> Self {
        Self { room: [0; ROOM], len: 0, peer: SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0), source: None }
    }

    /// `bytes` from `source` to `peer`.
    pub(crate) fn new(bytes: &[u8], source: Option<Ipv4Addr>, peer: SocketAddrV4) -> Self {
        let mut datagram = Self { peer, source, ..Self::empty() };
        datagram.set(bytes);
        datagram
    }

    /// What was received.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.room[..self.len]
    }

    /// The address it was received at, if the socket tells.
    pub(crate) fn own_address(&self) -> Option<Ipv4Addr> {
        self.source
    }

    /// Where it came from.
    pub(crate) fn peer(&self) -> SocketAddrV4 {
        self.peer
    }

    /// Replaces the bytes and keeps the peer, which makes an answer of a request.
    pub(crate) fn set(&mut self, bytes: &[u8]) {
        self.room[..bytes.len()].copy_from_slice(bytes);
        self.len = bytes.len();
    }
}

/// A UDP socket with 4 MiB of buffers, or as many as the system grants.
pub(crate) fn socket(address: SocketAddrV4) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    let options = SockRef::from(&socket);
    options.set_recv_buffer_size(4 << 20)?;
    options.set_send_buffer_size(4 << 20)?;
    Ok(socket)
}

/// From now on, what `socket` receives says which address it was sent to; an answer to it is sent from there.
pub(crate) fn tell_own_address(socket: &UdpSocket) -> io::Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: the option takes an int, which lives until the call returns.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IP,
            libc::IP_PKTINFO,
            (&raw const on).cast(),
            size_of::<libc::c_int>() as u32,
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The raw structures of one call. They point into each other, so they are made and used in one place.
struct Raw {
    names: [libc::sockaddr_in; BATCH],
    vectors: [libc::iovec; BATCH],
    controls: [[u64; CONTROL_WORDS]; BATCH],
    headers: [libc::mmsghdr; BATCH],
}

impl Raw {
    fn zeroed() -> Self {
        // SAFETY: all of these are plain C structures for which zero is a value.
        unsafe { zeroed() }
    }

    fn point(&mut self, i: usize, room: *mut u8, len: usize) {
        self.vectors[i] = libc::iovec { iov_base: room.cast(), iov_len: len };
        let header = &mut self.headers[i].msg_hdr;
        header.msg_name = (&raw mut self.names[i]).cast();
        header.msg_namelen = size_of::<libc::sockaddr_in>() as u32;
        header.msg_iov = &raw mut self.vectors[i];
        header.msg_iovlen = 1;
        header.msg_control = null_mut();
        header.msg_controllen = 0;
    }

    fn take_own_address(&mut self, i: usize) {
        let header = &mut self.headers[i].msg_hdr;
        header.msg_control = self.controls[i].as_mut_ptr().cast();
        header.msg_controllen = size_of_val(&self.controls[i]);
    }

    /// The address that a received datagram was sent to, if the system said it.
    fn own_address(&self, i: usize) -> Option<Ipv4Addr> {
        let header = &self.headers[i].msg_hdr;
        // SAFETY: the system has filled in the control buffer and its length. Only IP_PKTINFO is asked for, so if there is
        // a first message, it is an in_pktinfo.
        unsafe {
            let control = libc::CMSG_FIRSTHDR(header);
            if control.is_null() || (*control).cmsg_type != libc::IP_PKTINFO {
                return None;
            }
            let info = libc::CMSG_DATA(control).cast::<libc::in_pktinfo>().read_unaligned();
            Some(Ipv4Addr::from(u32::from_be(info.ipi_addr.s_addr)))
        }
    }

    fn send_from(&mut self, i: usize, source: Ipv4Addr) {
        let header = &mut self.headers[i].msg_hdr;
        header.msg_control = self.controls[i].as_mut_ptr().cast();
        // SAFETY: these only compute sizes. The control buffer is aligned, zeroed and 64 bytes long,
        // which is more than CMSG_SPACE of an in_pktinfo (32).
        unsafe {
            header.msg_controllen = libc::CMSG_SPACE(size_of::<libc::in_pktinfo>() as u32) as usize;
            let control = libc::CMSG_FIRSTHDR(header);
            (*control).cmsg_level = libc::IPPROTO_IP;
            (*control).cmsg_type = libc::IP_PKTINFO;
            (*control).cmsg_len = libc::CMSG_LEN(size_of::<libc::in_pktinfo>() as u32) as usize;
            let mut info: libc::in_pktinfo = zeroed();
            info.ipi_spec_dst.s_addr = u32::from(source).to_be();
            libc::CMSG_DATA(control).cast::<libc::in_pktinfo>().write_unaligned(info);
        }
    }
}

/// Sends all of `datagrams`, waiting while the socket's buffer is full.
pub(crate) fn send(socket: &UdpSocket, datagrams: &mut [Datagram]) -> io::Result<()> {
    for chunk in datagrams.chunks_mut(BATCH) {
        let mut raw = Raw::zeroed();
        for (i, datagram) in chunk.iter_mut().enumerate() {
            raw.names[i].sin_family = libc::AF_INET as libc::sa_family_t;
            raw.names[i].sin_port = datagram.peer.port().to_be();
            raw.names[i].sin_addr.s_addr = u32::from(*datagram.peer.ip()).to_be();
            raw.point(i, datagram.room.as_mut_ptr(), datagram.len);
            if let Some(source) = datagram.source {
                raw.send_from(i, source);
            }
        }
        let mut sent = 0;
        while sent < chunk.len() {
            // SAFETY: headers `sent..chunk.len()` point to names, vectors, controls and rooms that live
            // until the call returns.
            let n = unsafe {
                libc::sendmmsg(
                    socket.as_raw_fd(),
                    raw.headers.as_mut_ptr().add(sent),
                    (chunk.len() - sent) as u32,
                    0,
                )
            };
            if n < 0 {
                let error = io::Error::last_os_error();
                if error.kind() == io::ErrorKind::Interrupted {
                    continue;
                }
                return Err(error);
            }
            sent += n as usize;
        }
    }
    Ok(())
}

/// Whether to wait for a datagram when none is there.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Wait {
    No,
    /// No longer than the socket's read time-out.
    ForOne,
}

/// Takes what datagrams are there. Answers how many of `datagrams` were filled; 0 when none came.
pub(crate) fn receive(socket: &UdpSocket, datagrams: &mut [Datagram], wait: Wait) -> io::Result<usize> {
    let flags = if wait == Wait::No { libc::MSG_DONTWAIT } else { libc::MSG_WAITFORONE };
    let most = datagrams.len().min(BATCH);
    let mut raw = Raw::zeroed();
    for (i, datagram) in datagrams.iter_mut().take(most).enumerate() {
        raw.point(i, datagram.room.as_mut_ptr(), ROOM);
        raw.take_own_address(i);
    }
    // SAFETY: the first `most` headers point to names, vectors, controls and rooms that live until the call returns.
    let n = unsafe {
        libc::recvmmsg(socket.as_raw_fd(), raw.headers.as_mut_ptr(), most as u32, flags, null_mut())
    };
    if n < 0 {
        let error = io::Error::last_os_error();
        return match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(0),
            _ => Err(error),
        };
    }
    for (i, datagram) in datagrams.iter_mut().take(n as usize).enumerate() {
        datagram.len = raw.headers[i].msg_len as usize;
        let name = &raw.names[i];
        datagram.peer = SocketAddrV4::new(
            Ipv4Addr::from(u32::from_be(name.sin_addr.s_addr)),
            u16::from_be(name.sin_port),
        );
        datagram.source = raw.own_address(i);
    }
    Ok(n as usize)
}
