//! Small GETs over DTLS: every peer has a session and a socket of its own, and the same number of requests under way.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use crate::keys::{self, Key};
use crate::message;
use crate::wire::{self, PATIENCE, Secured, Under};
use crate::work::{Done, Worker};

struct Peer {
    wire: Secured,
    /// Requests so far, of which each has its number as token and as message id.
    sent: u32,
    answered: u32,
    last: Instant,
}

impl Peer {
    fn ask(&mut self) -> io::Result<()> {
        let id = u16::try_from(self.sent).map_err(|_| {
            io::Error::other("a peer has used up its message ids: measure for a shorter time")
        })?;
        self.wire.write_all(&message::request(id, self.sent))?;
        self.sent += 1;
        Ok(())
    }

    /// Takes the next answer, if it has come; an error if it is not the right one. These servers answer in order.
    fn is_answered(&mut self) -> io::Result<bool> {
        let mut room = [0; 2048];
        let Some(n) = wire::read_now(&mut self.wire, &mut room)? else {
            return match self.last.elapsed() {
                silent if silent > PATIENCE => Err(io::Error::other("a GET over DTLS has no answer")),
                _ => Ok(false),
            };
        };
        if room[..n] != message::response(self.answered as u16, self.answered) {
            return Err(io::Error::other(format!("wrong answer {:02x?}", &room[..n])));
        }
        self.answered += 1;
        self.last = Instant::now();
        Ok(true)
    }
}

/// The peers of one server.
pub(crate) struct Gets {
    peers: Vec<Peer>,
    /// Requests that each of them has under way.
    each: u32,
}

impl Gets {
    pub(crate) fn new(port: u16, peers: usize, each: u32) -> io::Result<Self> {
        let context = keys::client(Under::Datagrams, Key::Shared)?;
        let peer = |_| {
            let wire = wire::secured(Under::Datagrams, port, &context)?;
            Ok(Peer { wire, sent: 0, answered: 0, last: Instant::now() })
        };
        Ok(Self { peers: (0..peers).map(peer).collect::<io::Result<_>>()?, each })
    }
}

impl Worker for Gets {
    fn run(&mut self, time: Duration) -> io::Result<Done> {
        let start = Instant::now();
        let before: u32 = self.peers.iter().map(|peer| peer.answered).sum();
        for peer in &mut self.peers {
            peer.last = start;
            for _ in 0..self.each {
                peer.ask()?;
            }
        }
        while self.peers.iter().any(|peer| peer.answered < peer.sent) {
            for peer in &mut self.peers {
                while peer.answered < peer.sent && peer.is_answered()? {
                    if start.elapsed() < time {
                        peer.ask()?;
                    }
                }
            }
        }
        let answered = self.peers.iter().map(|peer| peer.answered).sum::<u32>() - before;
        Ok(Done { times: f64::from(answered), seconds: start.elapsed().as_secs_f64() })
    }
}
