//! The client side: a closed loop that keeps a fixed number of requests outstanding.
//!
//! One socket bound to 0.0.0.0 plays every client. `IP_PKTINFO` gives each request a source address of
//! 127.0.0.0/8, so to the server each peer is a host of its own, and ten or a hundred thousand of them need
//! no descriptors. Every request has its own token, and its own message id within its peer, so no request is
//! a duplicate of another (RFC 7252 §4.4).

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

use crate::batch::{self, BATCH, Datagram, Wait};
use crate::message;

/// Requests that are outstanding at any time, over all peers together.
pub(crate) const OUTSTANDING: usize = 64;
/// A request without an answer for so long is counted as lost, and another takes its place.
const LOST_AFTER: Duration = Duration::from_secs(2);
/// How long one wait for answers lasts before the losses are looked at.
const WAIT: Duration = Duration::from_millis(100);
/// How much of that is spent without sleeping.
const AWAKE: Duration = Duration::from_micros(500);

/// What to send: `requests` GETs over the peers `first .. first + peers` in turn, but no longer than `time`.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) first: u32,
    pub(crate) peers: u32,
    pub(crate) requests: u32,
    pub(crate) time: Duration,
}

/// What came of a plan.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) sent: u32,
    pub(crate) answered: u32,
    pub(crate) lost: u32,
    /// Right answers to nothing outstanding: late ones, of which there are no more than were lost, or repeated ones.
    pub(crate) stray: u32,
    /// Datagrams that no request of ours asked for, or that answer otherwise than the resource does.
    pub(crate) wrong: u32,
    pub(crate) seconds: f64,
    latencies: Vec<u32>,
}

impl Outcome {
    /// Answers per second.
    pub(crate) fn rate(&self) -> f64 {
        f64::from(self.answered) / self.seconds.max(1e-9)
    }

    /// The latency in microseconds that `share` (0 to 1) of the answers did not exceed.
    pub(crate) fn latency(&mut self, share: f64) -> f64 {
        self.latencies.sort_unstable();
        let at = ((self.latencies.len() as f64 * share) as usize).min(self.latencies.len().saturating_sub(1));
        self.latencies.get(at).map_or(0.0, |ns| f64::from(*ns) / 1000.0)
    }
}

#[derive(Clone, Copy)]
struct Request {
    id: u16,
    token: u32,
    at: Instant,
}

/// What a datagram from the server is.
enum Answer {
    Right(Request),
    Stray,
    Wrong,
}

/// Peer 0 is 127.1.0.0, and so on; none is 127.0.0.1, where the server is.
pub(crate) fn address(peer: u32) -> Ipv4Addr {
    Ipv4Addr::from(0x7f01_0000 + peer)
}

/// Waits for answers: awake at first, since waking the clients would be the server's work and part of its figure.
pub(crate) fn wait_awake(socket: &UdpSocket, received: &mut [Datagram]) -> io::Result<usize> {
    let start = Instant::now();
    while start.elapsed() < AWAKE {
        let n = batch::receive(socket, received, Wait::No)?;
        if n > 0 {
            return Ok(n);
        }
        std::hint::spin_loop();
    }
    batch::receive(socket, received, Wait::ForOne)
}

/// The clients of one server.
pub(crate) struct Load {
    socket: UdpSocket,
    server: SocketAddrV4,
    /// The next message id of each peer.
    ids: Vec<u32>,
    /// Grows with each request; the lowest six bits are its slot.
    serial: u32,
}

impl Load {
    pub(crate) fn new(port: u16) -> io::Result<Self> {
        let socket = batch::socket(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0))?;
        socket.set_read_timeout(Some(WAIT))?;
        Ok(Self { socket, server: SocketAddrV4::new(Ipv4Addr::LOCALHOST, port), ids: Vec::new(), serial: 0 })
    }

    /// The next message id of `peer`; an error when it has used them all.
    fn next_id(&mut self, peer: u32) -> io::Result<u16> {
        let peer = peer as usize;
        if self.ids.len() <= peer {
            self.ids.resize(peer + 1, 0);
        }
        let id = u16::try_from(self.ids[peer])
            .map_err(|_| io::Error::other("a peer has used up its message ids: plan fewer requests"))?;
        self.ids[peer] += 1;
        Ok(id)
    }

    fn request(&mut self, slot: usize, peer: u32) -> io::Result<(Request, Datagram)> {
        let id = self.next_id(peer)?;
        let token = (self.serial << 6) | slot as u32;
        self.serial += 1;
        let datagram = Datagram::new(&message::request(id, token), Some(address(peer)), self.server);
        Ok((Request { id, token, at: Instant::now() }, datagram))
    }

    /// Carries out `plan`, and waits for the last answer.
    pub(crate) fn run(&mut self, plan: Plan) -> io::Result<Outcome> {
        let mut outcome = Outcome::default();
        outcome.latencies.reserve(plan.requests as usize);
        let mut slots: [Option<Request>; OUTSTANDING] = [None; OUTSTANDING];
        let mut received = [Datagram::empty(); BATCH];
        let mut outgoing: Vec<Datagram> = Vec::with_capacity(OUTSTANDING);
        let start = Instant::now();
        let mut last_answer = start;
        let mut checked = start;
        loop {
            outgoing.clear();
            for (i, slot) in slots.iter_mut().enumerate().filter(|(_, slot)| slot.is_none()) {
                if outcome.sent == plan.requests || last_answer - start >= plan.time {
                    break;
                }
                let (request, datagram) = self.request(i, plan.first + outcome.sent % plan.peers)?;
                *slot = Some(request);
                outgoing.push(datagram);
                outcome.sent += 1;
            }
            if outgoing.is_empty() && slots.iter().all(Option::is_none) {
                break;
            }
            batch::send(&self.socket, &mut outgoing)?;
            let n = wait_awake(&self.socket, &mut received)?;
            let now = Instant::now();
            for datagram in &received[..n] {
                match Self::answers(datagram.bytes(), &mut slots) {
                    Answer::Right(request) => {
                        outcome.answered += 1;
                        outcome.latencies.push((now - request.at).as_nanos().min(u32::MAX.into()) as u32);
                    }
                    Answer::Stray => outcome.stray += 1,
                    Answer::Wrong => outcome.wrong += 1,
                }
            }
            if n > 0 {
                last_answer = now;
            }
            if now - checked > WAIT {
                checked = now;
                for slot in &mut slots {
                    if slot.is_some_and(|request| now - request.at > LOST_AFTER) {
                        *slot = None;
                        outcome.lost += 1;
                        // A server that answers nothing at all must not keep the loop beyond its time.
                        last_answer = now;
                    }
                }
            }
        }
        outcome.seconds = (last_answer - start).as_secs_f64();
        Ok(outcome)
    }

    /// Frees the slot of the request that `bytes` answers in full: type, code, id, token and payload.
    fn answers(bytes: &[u8], slots: &mut [Option<Request>; OUTSTANDING]) -> Answer {
        let Some((id, token)) = message::id_and_token(bytes) else { return Answer::Wrong };
        if bytes != message::response(id, token) {
            return Answer::Wrong;
        }
        let slot = &mut slots[token as usize % OUTSTANDING];
        match slot.take_if(|request| request.token == token) {
            Some(request) if request.id == id => Answer::Right(request),
            Some(_) => Answer::Wrong,
            None => Answer::Stray,
        }
    }

    /// Makes sessions of the peers `first .. first + peers` by a CoAP ping each, which leaves nothing behind
    /// that a server would have to remember. Answers how many pings were sent before `time` was over.
    ///
    /// A server may limit how many pings it answers, so what paces this is one GET of `guide` after each 32
    /// pings: datagrams of one socket are read in order.
    pub(crate) fn ping_all(&mut self, first: u32, peers: u32, guide: u32, time: Duration) -> io::Result<u32> {
        let start = Instant::now();
        let mut sent = 0;
        let mut received = [Datagram::empty(); BATCH];
        while sent < peers && start.elapsed() < time {
            let most = (peers - sent).min(32);
            let mut outgoing = Vec::with_capacity(BATCH);
            for peer in first + sent..first + sent + most {
                let id = self.next_id(peer)?;
                outgoing.push(Datagram::new(&message::ping(id), Some(address(peer)), self.server));
            }
            let (request, datagram) = self.request(0, guide)?;
            outgoing.push(datagram);
            batch::send(&self.socket, &mut outgoing)?;
            sent += most;
            let mut slots = [None; OUTSTANDING];
            slots[0] = Some(request);
            while slots[0].is_some() {
                if request.at.elapsed() > LOST_AFTER {
                    return Err(io::Error::other("the server does not answer a GET between pings"));
                }
                let n = wait_awake(&self.socket, &mut received)?;
                for datagram in &received[..n] {
                    if !message::is_reset(datagram.bytes()) {
                        Self::answers(datagram.bytes(), &mut slots);
                    }
                }
            }
        }
        Ok(sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_outstanding(id: u16, token: u32) -> [Option<Request>; OUTSTANDING] {
        let mut slots = [None; OUTSTANDING];
        slots[token as usize % OUTSTANDING] = Some(Request { id, token, at: Instant::now() });
        slots
    }

    #[test]
    fn the_answer_to_a_request_is_right_once_and_then_a_stray() {
        let mut slots = one_outstanding(7, 65);
        assert!(matches!(Load::answers(&message::response(7, 65), &mut slots), Answer::Right(_)));
        assert!(matches!(Load::answers(&message::response(7, 65), &mut slots), Answer::Stray));
    }

    #[test]
    fn an_answer_with_another_id_or_payload_is_wrong() {
        assert!(matches!(
            Load::answers(&message::response(8, 65), &mut one_outstanding(7, 65)),
            Answer::Wrong
        ));
        let mut bytes = message::response(7, 65);
        bytes[13] = b'p';
        assert!(matches!(Load::answers(&bytes, &mut one_outstanding(7, 65)), Answer::Wrong));
    }
}
