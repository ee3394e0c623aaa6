//! Many clients of a proxy, and the one server behind it, in one loop: so the proxy is all that takes time, and both
//! ends are the same whatever the proxy is made of. Each client has one request under way; the n-th request of every
//! client has the same token, and only the query tells them apart, which the answer repeats.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

use crate::batch::{self, BATCH, Datagram, Wait};
use crate::load::address;
use crate::message;
use crate::wire::PATIENCE;
use crate::work::{Done, Worker};

const CLIENTS: usize = 200;
/// Requests under way, over all clients together.
const AT_ONCE: usize = 64;

/// Of what type requests are.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Reliability {
    Confirmable,
    Non,
}

#[derive(Clone, Default)]
struct Client {
    /// Requests so far; the last one's token and message id.
    sent: u16,
    waits: bool,
}

/// Both sides of one proxy.
pub(crate) struct Proxied {
    reliability: Reliability,
    downstream: UdpSocket,
    upstream: UdpSocket,
    proxy: SocketAddrV4,
    clients: Vec<Client>,
    /// The next client that asks.
    next: usize,
    /// Where the proxy's requests come from.
    session: Option<SocketAddrV4>,
}

impl Proxied {
    pub(crate) fn new(reliability: Reliability, port: u16, upstream: UdpSocket) -> io::Result<Self> {
        let downstream = batch::socket(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0))?;
        batch::tell_own_address(&downstream)?;
        Ok(Self {
            reliability,
            downstream,
            upstream,
            proxy: SocketAddrV4::new(Ipv4Addr::LOCALHOST, port),
            clients: vec![Client::default(); CLIENTS],
            next: 0,
            session: None,
        })
    }

    /// The next request of the next client that waits for none.
    fn request(&mut self) -> io::Result<Datagram> {
        while self.clients[self.next].waits {
            self.next = (self.next + 1) % CLIENTS;
        }
        let number = self.next;
        self.next = (number + 1) % CLIENTS;
        let client = &mut self.clients[number];
        client.waits = true;
        client.sent = client.sent.checked_add(1).ok_or_else(|| {
            io::Error::other("a client has used up its message ids: measure for a shorter time")
        })?;
        let confirmable = self.reliability == Reliability::Confirmable;
        let query = query(number, client.sent);
        let bytes = message::query(confirmable, client.sent, client.sent.into(), query);
        Ok(Datagram::new(&bytes, Some(address(number as u32)), self.proxy))
    }

    /// The server behind the proxy: answers what is there.
    fn serve(&mut self, datagrams: &mut [Datagram]) -> io::Result<()> {
        let n = batch::receive(&self.upstream, datagrams, Wait::No)?;
        for datagram in &mut datagrams[..n] {
            if *self.session.get_or_insert(datagram.peer()) != datagram.peer() {
                return Err(io::Error::other("the proxy has more than one session with its server"));
            }
            let answer = message::echo(datagram.bytes()).ok_or_else(|| wrong(datagram))?;
            datagram.set(&answer);
        }
        batch::send(&self.upstream, &mut datagrams[..n])
    }

    /// The clients take what is there, and acknowledge it if they must. Answers how many requests were answered.
    fn take(&mut self, datagrams: &mut [Datagram]) -> io::Result<usize> {
        let n = batch::receive(&self.downstream, datagrams, Wait::No)?;
        let (mut answered, mut acknowledgements) = (0, 0);
        for i in 0..n {
            let datagram = &mut datagrams[i];
            if message::is_acknowledged(datagram.bytes()) {
                continue;
            }
            let number = datagram
                .own_address()
                .map_or(CLIENTS, |own| (u32::from(own).wrapping_sub(u32::from(address(0)))) as usize);
            let right = match (self.clients.get_mut(number), message::handed(datagram.bytes())) {
                (Some(client), Some(handed)) => {
                    let is_its_own = client.waits
                        && handed.token == u32::from(client.sent)
                        && handed.payload == query(number, client.sent);
                    client.waits &= !is_its_own;
                    is_its_own.then_some((handed.confirmable, handed.id))
                }
                _ => None,
            };
            let (confirmable, id) = right.ok_or_else(|| wrong(datagram))?;
            answered += 1;
            if confirmable {
                datagram.set(&message::acknowledgement(id));
                datagrams.swap(acknowledgements, i);
                acknowledgements += 1;
            }
        }
        batch::send(&self.downstream, &mut datagrams[..acknowledgements])?;
        Ok(answered)
    }
}

/// What only this request of this client says.
fn query(client: usize, serial: u16) -> [u8; 8] {
    let mut digits = *b"00000000";
    let mut rest = client * 65_536 + usize::from(serial);
    for digit in digits.iter_mut().rev() {
        *digit += (rest % 10) as u8;
        rest /= 10;
    }
    digits
}

fn wrong(datagram: &Datagram) -> io::Error {
    io::Error::other(format!("wrong message {:02x?} at {:?}", datagram.bytes(), datagram.own_address()))
}

impl Worker for Proxied {
    fn run(&mut self, time: Duration) -> io::Result<Done> {
        let start = Instant::now();
        let mut last = start;
        let mut datagrams = [Datagram::empty(); BATCH];
        let mut outgoing = Vec::with_capacity(AT_ONCE);
        let (mut done, mut waiting) = (0, 0);
        loop {
            if start.elapsed() < time {
                outgoing.clear();
                for _ in waiting..AT_ONCE {
                    outgoing.push(self.request()?);
                }
                waiting += outgoing.len();
                batch::send(&self.downstream, &mut outgoing)?;
            }
            self.serve(&mut datagrams)?;
            let answered = self.take(&mut datagrams)?;
            done += answered;
            waiting -= answered;
            if answered > 0 {
                last = Instant::now();
            }
            if waiting == 0 && start.elapsed() >= time {
                return Ok(Done { times: done as f64, seconds: (last - start).as_secs_f64() });
            }
            if last.elapsed() > PATIENCE {
                return Err(io::Error::other("the proxy does not answer"));
            }
            std::hint::spin_loop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_requests_have_the_same_query() {
        assert_eq!(&query(0, 1), b"00000001");
        assert_eq!(&query(199, 65_535), b"13107199");
    }
}
