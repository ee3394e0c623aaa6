//! Requests over TCP or TLS (RFC 8323): small GETs, one or many at a time, alone or beside idle connections, and bodies of
//! 1 MiB, which go in one message each where both sides take such large ones.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use crate::wire::{self, PATIENCE, Wire};
use crate::work::{Done, Worker};

/// The size of the large body.
const BODY: usize = 1 << 20;
/// A CSM that says: messages of up to 8 MiB, and blocks.
pub(crate) const CSM: [u8; 7] = [0x50, 0xe1, 0x23, 0x80, 0x01, 0x00, 0x20];
/// What a message is at least: length and code.
const CODE_AT: usize = 1;

/// What is measured.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// Small GETs, so many under way, beside so many connections that do nothing.
    Gets { outstanding: u32, idle: usize },
    /// A body of 1 MiB from the server.
    Down,
    /// The same to the server.
    Up,
}

/// A connection on which both sides have said what they take.
struct Connection {
    wire: Box<dyn Wire>,
    /// What has come and is not taken yet.
    pending: Vec<u8>,
}

impl Connection {
    fn open(mut wire: Box<dyn Wire>) -> io::Result<Self> {
        wire.write_all(&CSM)?;
        let mut connection = Self { wire, pending: Vec::new() };
        let csm = connection.message()?;
        if csm.first() != Some(&0xe1) {
            return Err(io::Error::other("the first message is no CSM"));
        }
        Ok(connection)
    }

    /// The next message, from its code on.
    fn message(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some((begin, end)) = extent(&self.pending) {
                let message = self.pending[begin..end].to_vec();
                self.pending.drain(..end);
                return Ok(message);
            }
            self.more()?;
        }
    }

    /// Waits for more bytes.
    fn more(&mut self) -> io::Result<()> {
        let mut room = [0; 64 << 10];
        let begin = Instant::now();
        loop {
            match wire::read_now(&mut *self.wire, &mut room)? {
                Some(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Some(n) => {
                    self.pending.extend_from_slice(&room[..n]);
                    return Ok(());
                }
                None if begin.elapsed() < PATIENCE => std::hint::spin_loop(),
                None => return Err(io::ErrorKind::TimedOut.into()),
            }
        }
    }

    /// Sends all of `bytes`, however long the server does not read.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.wire.set_nonblocking(false)?;
        self.wire.write_all(bytes)?;
        self.wire.set_nonblocking(true)
    }
}

/// Where the first message has its code, and where it ends, if it is whole.
fn extent(bytes: &[u8]) -> Option<(usize, usize)> {
    let first = *bytes.first()?;
    let (extended, base) = match first >> 4 {
        13 => (1, 13),
        14 => (2, 269),
        15 => (4, 65805),
        n => (0, usize::from(n)),
    };
    let length = bytes.get(1..1 + extended)?.iter().fold(0, |n, b| n << 8 | usize::from(*b)) + base;
    let begin = CODE_AT + extended;
    let end = begin + 1 + usize::from(first & 15) + length;
    (bytes.len() >= end).then_some((begin, end))
}

/// GET /b with a token of its own.
pub(crate) fn small(serial: u32) -> [u8; 8] {
    let [a, b, c, d] = serial.to_be_bytes();
    [0x24, 0x01, a, b, c, d, 0xb1, b'b']
}

/// 2.05 "hello" with that token: what the servers answer.
pub(crate) fn answer(serial: u32) -> [u8; 12] {
    let [a, b, c, d] = serial.to_be_bytes();
    [0x64, 0x45, a, b, c, d, 0xff, b'h', b'e', b'l', b'l', b'o']
}

/// The connections of a measurement.
pub(crate) struct Client {
    kind: Kind,
    busy: Connection,
    _idle: Vec<Connection>,
}

impl Client {
    /// Makes the connections of `open`.
    pub(crate) fn open(kind: Kind, open: impl Fn() -> io::Result<Box<dyn Wire>>) -> io::Result<Self> {
        let connect = || Connection::open(open()?);
        let idle = if let Kind::Gets { idle, .. } = kind { idle } else { 0 };
        let idle = (0..idle).map(|_| connect()).collect::<io::Result<Vec<_>>>()?;
        Ok(Self { kind, busy: connect()?, _idle: idle })
    }
}

impl Worker for Client {
    fn run(&mut self, time: Duration) -> io::Result<Done> {
        let start = Instant::now();
        let answered = match self.kind {
            Kind::Gets { outstanding, .. } => gets(&mut self.busy, outstanding, time)?,
            Kind::Down | Kind::Up => bodies(&mut self.busy, self.kind, time)?,
        };
        Ok(Done { times: f64::from(answered), seconds: start.elapsed().as_secs_f64() })
    }
}

fn gets(connection: &mut Connection, outstanding: u32, time: Duration) -> io::Result<u32> {
    let start = Instant::now();
    let (mut sent, mut answered) = (outstanding, 0u32);
    let first: Vec<u8> = (0..outstanding).flat_map(small).collect();
    connection.send(&first)?;
    let mut next = Vec::new();
    while answered < sent {
        let mut at = 0;
        next.clear();
        while let Some((begin, end)) = extent(&connection.pending[at..]) {
            let message = &connection.pending[at + begin..at + end];
            let token = message.get(1..5).and_then(|token| token.try_into().ok()).map(u32::from_be_bytes);
            // A stream has an order, and these servers answer in it.
            if message[0] != 0x45 || token != Some(answered) || !message.ends_with(b"\xffhello") {
                return Err(io::Error::other(format!("wrong answer {message:02x?}")));
            }
            answered += 1;
            at += end;
            if start.elapsed() < time {
                next.extend(small(sent));
                sent += 1;
            }
        }
        connection.pending.drain(..at);
        if !next.is_empty() {
            connection.send(&next)?;
        }
        if answered < sent {
            connection.more()?;
        }
    }
    Ok(answered)
}

fn bodies(connection: &mut Connection, kind: Kind, time: Duration) -> io::Result<u32> {
    // As in server.c: each word is its own place.
    let body: Vec<u8> = (0..BODY as u32 / 4).flat_map(u32::to_be_bytes).collect();
    let request = match kind {
        Kind::Up => {
            let options = [0xb1, b'm', 0x11, 42, 0xff];
            let length = (options.len() + body.len() - 65805) as u32;
            let mut request = vec![0xf1];
            request.extend(length.to_be_bytes());
            request.extend([0x03, b't']);
            request.extend(options);
            request.extend(&body);
            request
        }
        _ => vec![0x21, 0x01, b't', 0xb1, b'm'],
    };
    let start = Instant::now();
    let mut answered = 0;
    while answered == 0 || start.elapsed() < time {
        connection.send(&request)?;
        let message = connection.message()?;
        let right = match kind {
            Kind::Up => message[0] == 0x44,
            _ => message[0] == 0x45 && message.ends_with(&body),
        };
        if !right {
            return Err(io::Error::other(format!("wrong answer {:02x?}", &message[..message.len().min(40)])));
        }
        answered += 1;
    }
    Ok(answered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_whole_with_its_last_byte() {
        for whole in [&small(7)[..], &CSM, &[0xd0, 0, 0x45, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]] {
            let code_at = if whole[0] >> 4 == 13 { 2 } else { 1 };
            assert_eq!(extent(&whole[..whole.len() - 1]), None);
            assert_eq!(extent(whole), Some((code_at, whole.len())));
        }
    }
}
