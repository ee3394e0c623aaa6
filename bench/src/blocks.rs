//! Bodies of 256 KiB in blocks of 1 KiB (RFC 7959), fetched from the server and put there. Each peer has a socket
//! of its own and one request outstanding, as a client has that waits for one block before it asks for the next.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use crate::message::{self, Piece};

/// The size of the body.
pub(crate) const BODY: usize = 256 << 10;
const BLOCK: usize = 1024;
/// Its blocks.
pub(crate) const BLOCKS: u32 = (BODY / BLOCK) as u32;
/// Without an answer for so long, the server is taken to be broken: nothing is lost on the way.
const PATIENCE: Duration = Duration::from_secs(2);

/// Which way the body goes.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Direction {
    Get,
    Put,
}

/// What came of transfers.
pub(crate) struct Moved {
    /// Blocks that were answered.
    pub(crate) blocks: u32,
    pub(crate) seconds: f64,
}

struct Peer {
    socket: UdpSocket,
    /// The block that is under way, and when it was asked for.
    block: u32,
    at: Instant,
    serial: u32,
}

impl Peer {
    fn new(port: u16) -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect((Ipv4Addr::LOCALHOST, port))?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, block: 0, at: Instant::now(), serial: 0 })
    }

    fn ask(&mut self, direction: Direction, body: &[u8]) -> io::Result<()> {
        self.serial += 1;
        let piece = Piece { number: self.block, more: self.block + 1 < BLOCKS };
        let request = match direction {
            Direction::Get => message::get_block(self.serial, piece.number),
            Direction::Put => message::put_block(self.serial, piece, BODY as u32, part(body, self.block)),
        };
        self.at = Instant::now();
        self.socket.send(&request).map(drop)
    }

    /// Whether the answer to the block under way has come; an error if it is not the right one.
    fn answered(&mut self, direction: Direction, body: &[u8]) -> io::Result<bool> {
        let mut room = [0; 2048];
        let bytes = match self.socket.recv(&mut room) {
            Ok(n) => &room[..n],
            Err(e) if e.kind() == io::ErrorKind::WouldBlock && self.at.elapsed() < PATIENCE => {
                return Ok(false);
            }
            Err(e) => return Err(e),
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

/// `peers` at a time move bodies for `time`, and to the end of the body then.
pub(crate) fn transfer(port: u16, peers: usize, direction: Direction, time: Duration) -> io::Result<Moved> {
    // As in server.c: each word is its own place.
    let body: Vec<u8> = (0..BODY as u32 / 4).flat_map(u32::to_be_bytes).collect();
    let mut active: Vec<Peer> = (0..peers).map(|_| Peer::new(port)).collect::<io::Result<_>>()?;
    let start = Instant::now();
    let mut blocks = 0;
    for peer in &mut active {
        peer.ask(direction, &body)?;
    }
    while !active.is_empty() {
        let mut i = 0;
        while i < active.len() {
            let peer = &mut active[i];
            if peer.answered(direction, &body)? {
                blocks += 1;
                peer.block = (peer.block + 1) % BLOCKS;
                if peer.block == 0 && start.elapsed() >= time {
                    active.swap_remove(i);
                    continue;
                }
                peer.ask(direction, &body)?;
            }
            i += 1;
        }
        std::hint::spin_loop();
    }
    Ok(Moved { blocks, seconds: start.elapsed().as_secs_f64() })
}
