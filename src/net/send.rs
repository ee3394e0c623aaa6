//! Datagrams going out, one by one or by the batch.
//!
//! Datagrams of one size that go the same way one after the other are handed to the system as one piece, with the
//! size at which it cuts them apart again (`UDP_SEGMENT`): it routes and queues them once. That is what makes
//! bursts to one peer cheap, such as its notifications when it observes much. Where the system or the network
//! device cannot do that, they go one by one.

use super::pktinfo::{Control, PacketSource, Source};
use super::recv::BATCH;
use super::sockaddr::{address_of, to_system};
use crate::address::Address;
use core::mem::{MaybeUninit, zeroed};
use smallvec::SmallVec;
use socket2::SockAddr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// The most datagrams of one piece; any system that cuts takes as many.
const MAX_SEGMENTS: usize = 64;

/// The most bytes of one piece: what UDP over IPv4 can carry in one datagram.
const MAX_PIECE: usize = 65_507;

/// Whether pieces that this socket takes are cut. A system that does not know of it, and a socket of the Unix domain,
/// would send them as they are.
fn cuts_pieces(socket: BorrowedFd<'_>) -> bool {
    let (mut size, mut len): (libc::c_int, _) = (0, size_of::<libc::c_int>() as libc::socklen_t);
    // SAFETY: `size` is what the option gives, and its length is told.
    let known = unsafe {
        let value = (&raw mut size).cast();
        libc::getsockopt(socket.as_raw_fd(), libc::SOL_UDP, libc::UDP_SEGMENT, value, &raw mut len)
    };
    known == 0
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

/// A datagram that was set aside.
#[derive(Debug)]
pub struct Unsent {
    remote: Option<SockAddr>,
    bytes: Box<[u8]>,
}

impl Unsent {
    /// Where it goes; `None` if that is the socket's peer.
    pub fn remote(&self) -> Option<Address> {
        address_of(self.remote.as_ref()?).ok()
    }

    /// The datagram.
    pub fn into_bytes(self) -> Box<[u8]> {
        self.bytes
    }
}

/// Datagrams that go the same way, side by side in the arena.
struct Run {
    remote: Option<SockAddr>,
    source: Option<PacketSource>,
    /// The size of each; the last may be shorter.
    segment: usize,
    /// How many.
    count: usize,
    /// Where the bytes end; they begin where those of the run before end.
    end: usize,
}

impl Run {
    /// Whether a datagram of `len` bytes to the same place can be the next of this run, which begins at `start`.
    fn takes(&self, start: usize, len: usize) -> bool {
        let size = self.end - start;
        // Behind a shorter one nothing follows: the system cuts at equal distances.
        size == self.count * self.segment
            && (1..=self.segment).contains(&len)
            && self.count < MAX_SEGMENTS
            && size + len <= MAX_PIECE
    }
}

/// Datagrams waiting to be sent together by one socket. It grows as needed and keeps its memory.
#[derive(Default)]
pub struct SendBatch {
    arena: Vec<u8>,
    runs: Vec<Run>,
    /// Where in the arena the last run begins.
    last: usize,
    /// The first run that is not sent yet, or not in full.
    next: usize,
    /// Where its bytes begin.
    start: usize,
    /// How many datagrams wait.
    waiting: usize,
    /// Whether runs go as one piece; not known before there is one.
    in_pieces: Option<bool>,
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
        let start = if self.runs.len() == self.next + 1 { self.start } else { self.last };
        let known = self
            .runs
            .last_mut()
            .filter(|run| run.takes(start, bytes.len()) && run.remote == name && run.source == source);
        self.arena.extend_from_slice(bytes);
        let end = self.arena.len();
        match known {
            Some(run) => (run.count, run.end) = (run.count + 1, end),
            None => {
                self.last = end - bytes.len();
                self.runs.push(Run { remote: name, source, segment: bytes.len(), count: 1, end });
            }
        }
        self.waiting += 1;
        Ok(())
    }

    /// How many are waiting.
    pub fn len(&self) -> usize {
        self.waiting
    }

    /// Whether none is waiting.
    pub fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// Drops all of them.
    pub fn clear(&mut self) {
        self.arena.clear();
        self.runs.clear();
        (self.last, self.next, self.start, self.waiting) = (0, 0, 0, 0);
    }

    /// Drops the first of those that wait.
    pub fn skip(&mut self) {
        self.advance(1);
    }

    /// Takes the first of those that wait out, to be sent later.
    pub fn set_aside(&mut self) -> Option<Unsent> {
        let run = self.runs.get(self.next).filter(|_| self.waiting > 0)?;
        let end = run.end.min(self.start + run.segment);
        let bytes = self.arena.get(self.start..end)?.into();
        let unsent = Unsent { remote: run.remote.clone(), bytes };
        self.advance(1);
        Some(unsent)
    }

    /// So many datagrams are done with.
    fn advance(&mut self, mut datagrams: usize) {
        self.waiting = self.waiting.saturating_sub(datagrams);
        while let Some(run) = self.runs.get_mut(self.next) {
            if datagrams < run.count {
                run.count -= datagrams;
                self.start += datagrams * run.segment;
                break;
            }
            datagrams -= run.count;
            (self.start, self.next) = (run.end, self.next + 1);
        }
        if self.waiting == 0 {
            self.clear();
        }
    }

    /// Sends all of them, or up to the first that fails.
    pub(super) fn flush(&mut self, socket: BorrowedFd<'_>) -> Outcome {
        if self.in_pieces.is_none() && self.runs.iter().any(|run| run.count > 1) {
            self.in_pieces = Some(cuts_pieces(socket));
        }
        let mut sent = 0;
        while !self.is_empty() {
            match self.send_some(socket) {
                Ok(n) => {
                    sent += n;
                    self.advance(n);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if self.is_of_piece(&error) => self.in_pieces = Some(false),
                Err(error) => return Outcome { sent, error: Some(error) },
            }
        }
        Outcome { sent, error: None }
    }

    /// Whether sending may have failed because it was a piece: the device does not do the checksums of its parts
    /// (EIO), or they are larger than what the path takes (EINVAL).
    fn is_of_piece(&self, error: &io::Error) -> bool {
        self.in_pieces == Some(true)
            && self.runs.get(self.next).is_some_and(|run| run.count > 1)
            && matches!(error.raw_os_error(), Some(libc::EIO | libc::EINVAL | libc::EMSGSIZE))
    }

    /// One system call. Gives how many datagrams it took.
    fn send_some(&self, socket: BorrowedFd<'_>) -> io::Result<usize> {
        // Headers point into their neighbours, so they live here and for this call only.
        let mut vectors: [MaybeUninit<libc::iovec>; BATCH] = [const { MaybeUninit::uninit() }; BATCH];
        let mut controls: [MaybeUninit<Control>; BATCH] = [const { MaybeUninit::uninit() }; BATCH];
        let mut headers: SmallVec<[libc::mmsghdr; BATCH]> = SmallVec::new();
        let mut counts: SmallVec<[usize; BATCH]> = SmallVec::new();
        for ((piece, vector), control) in self.pieces().zip(&mut vectors).zip(&mut controls) {
            let vector = vector.write(vector_of(piece.bytes));
            let control = control.write(Control::new());
            // SAFETY: plain data for which zero is a value.
            let mut message = unsafe { zeroed::<libc::mmsghdr>() };
            let (remote, source) = (piece.run.remote.as_ref(), piece.run.source.as_ref());
            message.msg_hdr = header_of(remote, source, vector, control);
            if piece.count > 1 {
                let segment = piece.run.segment as u16;
                control.add(&mut message.msg_hdr, libc::SOL_UDP, libc::UDP_SEGMENT, segment);
            }
            headers.push(message);
            counts.push(piece.count);
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
        let n = usize::try_from(n).map_err(|_| io::Error::last_os_error())?;
        Ok(counts.iter().take(n).sum())
    }

    /// What waits, as it is handed to the system: whole runs, or each datagram by itself.
    fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        let waiting = self.runs.iter().skip(self.next);
        let starts = core::iter::once(self.start).chain(waiting.clone().map(|run| run.end));
        waiting.zip(starts).flat_map(move |(run, start)| {
            let (size, count) = match self.in_pieces {
                Some(true) => (run.end - start, run.count),
                _ => (run.segment, 1),
            };
            (0..run.count / count.max(1)).map(move |i| {
                let from = start + i * size;
                let bytes = self.arena.get(from..run.end.min(from + size)).unwrap_or_default();
                Piece { run, bytes, count }
            })
        })
    }
}

/// What is handed to the system as one.
struct Piece<'a> {
    run: &'a Run,
    bytes: &'a [u8],
    /// How many datagrams it is.
    count: usize,
}

impl core::fmt::Debug for SendBatch {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SendBatch").field("waiting", &self.waiting).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{RecvBatch, UdpSocket};
    use std::os::fd::AsFd;
    use std::time::{Duration, Instant};

    fn ip(text: &str) -> Address {
        Address::Ip(text.parse().unwrap())
    }

    /// Sends datagrams of these sizes, to the first or the second of two sockets; gives what each received.
    fn sent(sizes: &[(usize, usize)], in_pieces: Option<bool>) -> [Vec<Vec<u8>>; 2] {
        let to = [UdpSocket::bind(&ip("127.0.0.1:0")).unwrap(), UdpSocket::bind(&ip("[::1]:0")).unwrap()];
        let from = [UdpSocket::bind(&ip("127.0.0.1:0")).unwrap(), UdpSocket::bind(&ip("[::1]:0")).unwrap()];
        let mut seen = [Vec::new(), Vec::new()];
        for which in [0, 1] {
            let mut batch = SendBatch { in_pieces, ..SendBatch::new() };
            let source = Source { address: from[which].local_addr().clone(), ifindex: 0 };
            let mine = sizes.iter().enumerate().filter(|(_, (to, _))| *to == which);
            let mine: Vec<_> = mine.map(|(i, (_, size))| vec![i as u8; *size]).collect();
            for bytes in &mine {
                batch.push(Some(to[which].local_addr()), Some(&source), bytes).unwrap();
            }
            assert_eq!(batch.len(), mine.len());
            let outcome = batch.flush(from[which].as_fd());
            assert!(outcome.error.is_none() && outcome.sent == mine.len() && batch.is_empty());
            let (mut received, deadline) = (RecvBatch::new(), Instant::now() + Duration::from_secs(5));
            while seen[which].len() < mine.len() {
                assert!(Instant::now() < deadline, "some did not come");
                to[which].recv_batch(&mut received).unwrap();
                seen[which].extend(received.iter().map(|d| d.data.to_vec()));
            }
            assert!(seen[which] == mine);
        }
        seen
    }

    #[test]
    fn datagrams_arrive_as_they_were_queued_whether_in_pieces_or_one_by_one() {
        let mut sizes: Vec<(usize, usize)> = (0..150).map(|_| (0, 30)).collect();
        sizes.extend([
            (0, 29),
            (0, 30),
            (0, 31),
            (0, 0),
            (0, 0),
            (0, 31),
            (1, 1200),
            (1, 1200),
            (1, 7),
            (1, 1200),
        ]);
        sizes.extend((0..80).map(|_| (1, 1152)));
        assert!(sent(&sizes, None) == sent(&sizes, Some(false)));
    }

    #[test]
    fn datagrams_of_one_size_for_one_peer_make_a_piece_and_another_peer_ends_it() {
        let mut batch = SendBatch { in_pieces: Some(true), ..SendBatch::new() };
        let (a, b) = (ip("127.0.0.1:1000"), ip("127.0.0.1:1001"));
        let near = Source { address: ip("127.0.0.1:5683"), ifindex: 0 };
        let far = Source { address: ip("127.0.0.2:5683"), ifindex: 0 };
        let all =
            [(&a, &near, 9), (&a, &near, 9), (&a, &near, 8), (&a, &near, 8), (&b, &near, 8), (&b, &far, 8)];
        for (to, source, size) in all {
            batch.push(Some(to), Some(source), &vec![0; size]).unwrap();
        }
        let counts = |batch: &SendBatch| batch.pieces().map(|p| (p.count, p.bytes.len())).collect::<Vec<_>>();
        assert_eq!(counts(&batch), [(3, 26), (1, 8), (1, 8), (1, 8)]);
        batch.skip();
        assert_eq!((batch.len(), counts(&batch)), (5, vec![(2, 17), (1, 8), (1, 8), (1, 8)]));
        batch.in_pieces = Some(false);
        assert_eq!(counts(&batch), [(1, 9), (1, 8), (1, 8), (1, 8), (1, 8)]);
        batch.advance(4);
        batch.push(Some(&b), Some(&far), &[0; 8]).unwrap();
        batch.in_pieces = Some(true);
        assert_eq!((batch.len(), counts(&batch)), (2, vec![(2, 16)]));
        batch.advance(2);
        assert!(batch.is_empty() && batch.runs.is_empty() && batch.arena.is_empty());
    }

    #[test]
    fn a_piece_has_an_end() {
        let mut batch = SendBatch { in_pieces: Some(true), ..SendBatch::new() };
        for _ in 0..MAX_SEGMENTS + 1 {
            batch.push(None, None, &[0; 4]).unwrap();
        }
        for _ in 0..60 {
            batch.push(None, None, &[0; 1200]).unwrap();
        }
        let counts: Vec<_> = batch.pieces().map(|p| p.count).collect();
        assert_eq!(counts, [64, 1, 54, 6]);
    }
}
