//! Full handshakes: each by a peer of its own, which then has one small GET answered, so that the session is known to
//! be there on both sides, and says that it closes.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use openssl::ssl::SslContext;

use crate::keys::{self, Key};
use crate::message;
use crate::stream;
use crate::wire::{self, PATIENCE, Secured, Under};
use crate::work::{Done, Worker};

/// Handshakes that are under way at any time: the server has something to do while a client computes. Of many more, a
/// server with a short queue of connections would make some wait for a second.
const AT_ONCE: usize = 4;

/// One peer, and how far it has got.
struct Peer {
    wire: Secured,
    since: Instant,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Handshake,
    /// The server's CSM is due. It says that the server has finished its handshake too.
    Csm,
    /// The answer to a GET is due.
    Answer(u32),
    Closed,
}

/// Peers of one server.
pub(crate) struct Handshakes {
    under: Under,
    port: u16,
    context: SslContext,
    serial: u32,
}

impl Handshakes {
    pub(crate) fn new(under: Under, key: Key, port: u16) -> io::Result<Self> {
        Ok(Self { under, port, context: keys::client(under, key)?, serial: 0 })
    }

    fn begin(&self) -> io::Result<Peer> {
        let wire = wire::begin(self.under, self.port, &self.context)?;
        Ok(Peer { wire, since: Instant::now(), stage: Stage::Handshake })
    }

    fn ask(&mut self, wire: &mut Secured) -> io::Result<Stage> {
        self.serial += 1;
        let request = match self.under {
            Under::Datagrams => message::request(self.serial as u16, self.serial).to_vec(),
            Under::Stream => [&stream::CSM[..], &stream::small(self.serial)].concat(),
        };
        wire.write_all(&request)?;
        Ok(Stage::Answer(self.serial))
    }

    /// Takes a peer as far as it gets now.
    fn advance(&mut self, peer: &mut Peer) -> io::Result<()> {
        if peer.stage == Stage::Handshake {
            if wire::has_shaken_hands(&mut peer.wire)? {
                peer.stage = match self.under {
                    Under::Datagrams => self.ask(&mut peer.wire)?,
                    Under::Stream => Stage::Csm,
                };
            }
            return Ok(());
        }
        let mut room = [0; 2048];
        let Some(n) = wire::read_now(&mut peer.wire, &mut room)? else { return Ok(()) };
        let received = &room[..n];
        let answer = |serial| match self.under {
            Under::Datagrams => message::response(serial as u16, serial).to_vec(),
            Under::Stream => stream::answer(serial).to_vec(),
        };
        peer.stage = match peer.stage {
            Stage::Csm if received.get(1) == Some(&stream::CSM[1]) => self.ask(&mut peer.wire)?,
            Stage::Answer(serial) if received == answer(serial) => {
                peer.wire.shutdown().map_err(|e| e.into_io_error().unwrap_or_else(io::Error::other))?;
                Stage::Closed
            }
            _ => return Err(io::Error::other(format!("wrong answer {received:02x?}"))),
        };
        Ok(())
    }
}

impl Worker for Handshakes {
    fn run(&mut self, time: Duration) -> io::Result<Done> {
        let start = Instant::now();
        let mut done = 0;
        let mut peers = (0..AT_ONCE).map(|_| self.begin()).collect::<io::Result<Vec<_>>>()?;
        while !peers.is_empty() {
            let mut i = 0;
            while i < peers.len() {
                let peer = &mut peers[i];
                self.advance(peer)?;
                if peer.stage != Stage::Closed {
                    if peer.since.elapsed() > PATIENCE {
                        return Err(io::Error::other(
                            "the server does not finish a handshake or answer a GET",
                        ));
                    }
                    i += 1;
                    continue;
                }
                done += 1;
                if start.elapsed() < time {
                    *peer = self.begin()?;
                } else {
                    peers.swap_remove(i);
                }
            }
        }
        Ok(Done { times: f64::from(done), seconds: start.elapsed().as_secs_f64() })
    }
}
