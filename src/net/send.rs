//! Datagrams going out, one by one or by the batch.

use super::pktinfo::{Control, PacketSource, Source};
use super::recv::BATCH;
use super::sockaddr::to_system;
use crate::address::Address;
use core::mem::{MaybeUninit, zeroed};
use smallvec::SmallVec;
use socket2::SockAddr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

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
    let (mut vector, mut control) = (vector_of(bytes), Control::new());
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
            let control = control.write(Control::new());
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
