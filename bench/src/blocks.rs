//! Bodies of 256 KiB in blocks of 1 KiB (RFC 7959), fetched from the server and put there, over UDP or DTLS. Each
//! peer has a socket of its own and one request outstanding, as a client has that waits for one block before it asks for the next.

use std::io;
use std::time::{Duration, Instant};

use crate::message::{self, Piece};
use crate::wire::{self, PATIENCE, Wire};
use crate::work::{Done, Worker};

/// The size of the body.
const BODY: usize = 256 << 10;
const BLOCK: usize = 1024;
/// Its blocks.
const BLOCKS: u32 = (BODY / BLOCK) as u32;

/// Which way the body goes.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Direction {
    Get,
    Put,
}

struct Peer {
    wire: Box<dyn Wire>,
    /// The block that is under way, and when it was asked for.
    block: u32,
    at: Instant,
    serial: u32,
}

impl Peer {
    fn ask(&mut self, direction: Direction, body: &[u8]) -> io::Result<()> {
        self.serial += 1;
        let piece = Piece { number: self.block, more: self.block + 1 < BLOCKS };
        let request = match direction {
            Direction::Get => message::get_block(self.serial, piece.number),
            Direction::Put => message::put_block(self.serial, piece, BODY as u32, part(body, self.block)),
        };
        self.at = Instant::now();
        self.wire.write_all(&request)
    }

    /// Whether the answer to the block under way has come; an error if it is not the right one.
    fn answered(&mut self, direction: Direction, body: &[u8]) -> io::Result<bool> {
        let mut room = [0; 2048];
        let bytes = match wire::read_now(&mut *self.wire, &mut room)? {
            Some(n) => &room[..n],
            None if self.at.elapsed() < PATIENCE => return Ok(false),
            None => return Err(io::ErrorKind::TimedOut.into()),
        };
        let piece = Piece { number: self.block, more: self.block + 1 < BLOCKS };
        let right = match direction {
            Direction::Get => message::is_block(bytes, self.serial, piece, part(body, self.block)),
            Direction::Put => message::is_taken(bytes, self.serial, piece),
        };
        match right {
            true => Ok(true),
            false => Err(io::Error::other(format!(
                "block {} has a wrong answer: {:02x?}",
                self.block,
                &bytes[..bytes.len().min(40)]
            ))),
        }
    }
}

fn part(body: &[u8], block: u32) -> &[u8] {
    &body[block as usize * BLOCK..][..BLOCK]
}

/// The peers that move bodies one way.
pub(crate) struct Bodies {
    direction: Direction,
    peers: Vec<Peer>,
    body: Vec<u8>,
}

impl Bodies {
    pub(crate) fn new(direction: Direction, wires: Vec<Box<dyn Wire>>) -> Self {
        let peer = |wire| Peer { wire, block: 0, at: Instant::now(), serial: 0 };
        // As in server.c: each word is its own place.
        let body = (0..BODY as u32 / 4).flat_map(u32::to_be_bytes).collect();
        Self { direction, peers: wires.into_iter().map(peer).collect(), body }
    }
}

impl Worker for Bodies {
    /// To the end of the body that is under way when the time is over.
    fn run(&mut self, time: Duration) -> io::Result<Done> {
        let Self { direction, peers, body } = self;
        let start = Instant::now();
        let mut bodies = 0;
        let mut active: Vec<&mut Peer> = peers.iter_mut().collect();
        for peer in &mut active {
            peer.ask(*direction, body)?;
        }
        while !active.is_empty() {
            let mut i = 0;
            while i < active.len() {
                let peer = &mut active[i];
                if peer.answered(*direction, body)? {
                    peer.block = (peer.block + 1) % BLOCKS;
                    if peer.block == 0 {
                        bodies += 1;
                        if start.elapsed() >= time {
                            active.swap_remove(i);
                            continue;
                        }
                    }
                    peer.ask(*direction, body)?;
                }
                i += 1;
            }
            std::hint::spin_loop();
        }
        Ok(Done { times: f64::from(bodies), seconds: start.elapsed().as_secs_f64() })
    }
}
