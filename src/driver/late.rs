//! Datagrams for peers of the Unix domain that have no room for them.
//!
//! The queue of such a socket holds few datagrams, 10 where nothing else was set. The system tells a
//! socket that is connected to it when there is room again, but not that of an endpoint, so those are
//! tried again after a moment. A peer that does not read holds up nobody else, and loses what comes
//! later than it is waited for, as it might on any network.

use crate::address::Address;
use crate::net::{UdpSocket, Unsent};
use crate::protocol::Instant;
use core::time::Duration;
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::io;

/// How long a peer that takes nothing is waited for.
const PATIENCE: Duration = Duration::from_millis(250);

/// The time between two attempts: the first, and the longest, when nobody took anything.
const SHORT_PAUSE: Duration = Duration::from_millis(1);
const LONG_PAUSE: Duration = Duration::from_millis(32);

/// The most datagrams that wait for one peer.
const MAX_OF_PEER: usize = 64;

/// The most bytes that wait for all peers of a socket.
const MAX_BYTES: usize = 4 << 20;

/// What waits for one peer.
struct Waiting {
    datagrams: VecDeque<Box<[u8]>>,
    until: Instant,
}

impl Waiting {
    fn bytes(&self) -> usize {
        self.datagrams.iter().map(|d| d.len()).sum()
    }
}

/// What waits for the peers of one socket.
#[derive(Default)]
pub(super) struct Late {
    peers: HashMap<Address, Waiting>,
    bytes: usize,
    pause: Duration,
    next: Option<Instant>,
}

impl Late {
    /// When to try again; `None` if nothing waits.
    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Whether something waits for this peer, so that what comes now must not overtake it.
    pub(super) fn waits_for(&self, peer: &Address) -> bool {
        !self.peers.is_empty() && self.peers.contains_key(peer)
    }

    /// The peer had no room for this one.
    pub(super) fn put(&mut self, now: Instant, unsent: Unsent) {
        if let Some(peer) = unsent.remote() {
            self.add(now, peer, unsent.into_bytes());
        }
    }

    /// Has a datagram wait behind those that do already. Beyond the limits it is lost.
    pub(super) fn add(&mut self, now: Instant, peer: Address, bytes: Box<[u8]>) {
        if self.bytes + bytes.len() > MAX_BYTES {
            return;
        }
        let fresh = || Waiting { datagrams: VecDeque::new(), until: now + PATIENCE };
        let waiting = self.peers.entry(peer).or_insert_with(fresh);
        if waiting.datagrams.len() >= MAX_OF_PEER {
            return;
        }
        self.bytes += bytes.len();
        waiting.datagrams.push_back(bytes);
        if self.next.is_none() {
            self.pause = SHORT_PAUSE;
            self.next = Some(now + SHORT_PAUSE);
        }
    }

    /// Tries again if it is time for that.
    pub(super) fn retry(&mut self, now: Instant, socket: &UdpSocket) {
        if self.next.is_none_or(|next| now < next) {
            return;
        }
        let mut progress = false;
        self.peers.retain(|peer, waiting| {
            while let Some(datagram) = waiting.datagrams.front() {
                match socket.send(Some(peer), None, datagram) {
                    Ok(_) => {
                        waiting.datagrams.pop_front();
                        waiting.until = now + PATIENCE;
                        progress = true;
                    }
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => return now < waiting.until,
                    Err(e) => {
                        crate::log!(DEBUG, "cannot send to {peer}: {e}");
                        return false;
                    }
                }
            }
            false
        });
        self.bytes = self.peers.values().map(Waiting::bytes).sum();
        self.pause = if progress { SHORT_PAUSE } else { LONG_PAUSE.min(self.pause * 2) };
        self.next = (!self.peers.is_empty()).then(|| now + self.pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{RecvBatch, SendBatch};

    const START: Instant = Instant(1_000_000_000);

    fn bound() -> UdpSocket {
        UdpSocket::bind(&Address::Unix([].into())).unwrap()
    }

    fn received(socket: &UdpSocket) -> Vec<Vec<u8>> {
        let mut batch = RecvBatch::new();
        socket.recv_batch(&mut batch).unwrap();
        batch.iter().map(|d| d.data.to_vec()).collect()
    }

    /// Fills the queue of a peer, until one datagram has no room.
    fn fill(socket: &UdpSocket, peer: &Address) -> (usize, Unsent) {
        for sent in 0..100_000 {
            let mut batch = SendBatch::new();
            batch.push(Some(peer), None, b"filling").unwrap();
            if let Some(error) = socket.send_batch(&mut batch).error {
                assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                return (sent, batch.set_aside().unwrap());
            }
        }
        panic!("the queue of a socket has no end");
    }

    #[test]
    fn what_had_no_room_arrives_in_order_when_there_is_some() {
        let (server, peer) = (bound(), bound());
        let (filled, unsent) = fill(&server, peer.local_addr());
        let mut late = Late::default();
        late.put(START, unsent);
        late.add(START, peer.local_addr().clone(), (*b"last").into());
        assert!(late.waits_for(peer.local_addr()));
        late.retry(START, &server);
        assert_eq!(late.next(), Some(START + SHORT_PAUSE), "it is not time yet");
        assert_eq!(received(&peer).len(), filled.min(64));
        late.retry(START + SHORT_PAUSE, &server);
        assert!(late.next().is_none() && late.bytes == 0 && !late.waits_for(peer.local_addr()));
        let mut rest = Vec::new();
        while rest.last().is_none_or(|last| last != b"last") {
            rest.extend(received(&peer));
        }
        assert_eq!(rest.len(), filled - filled.min(64) + 2);
    }

    #[test]
    fn a_peer_that_does_not_read_is_waited_for_a_while_and_holds_up_nobody() {
        let (server, stuck, other) = (bound(), bound(), bound());
        let (_, unsent) = fill(&server, stuck.local_addr());
        let mut late = Late::default();
        late.put(START, unsent);
        late.add(START, other.local_addr().clone(), (*b"hello").into());
        late.retry(START + SHORT_PAUSE, &server);
        assert_eq!(received(&other), [b"hello"]);
        let mut attempts = 0;
        while let Some(next) = late.next() {
            late.retry(next, &server);
            attempts += 1;
            assert!(next < START + 2 * PATIENCE);
        }
        assert!((5..20).contains(&attempts), "{attempts}");
        assert_eq!(late.bytes, 0);
    }

    #[test]
    fn a_peer_that_is_gone_is_given_up_at_once() {
        let server = bound();
        let gone = bound().local_addr().clone();
        let mut late = Late::default();
        late.add(START, gone, (*b"hello").into());
        late.retry(START + SHORT_PAUSE, &server);
        assert_eq!(late.next(), None);
    }

    #[test]
    fn what_waits_has_limits_for_a_peer_and_for_all() {
        let peer = |n: usize| Address::Unix(n.to_string().into_bytes().into());
        let mut late = Late::default();
        for _ in 0..MAX_OF_PEER + 10 {
            late.add(START, peer(0), (*b"x").into());
        }
        assert_eq!(late.bytes, MAX_OF_PEER);
        for n in 1..200 {
            late.add(START, peer(n), vec![0; 65_000].into());
        }
        assert!(late.bytes <= MAX_BYTES && late.bytes > MAX_BYTES - 65_000);
    }
}
