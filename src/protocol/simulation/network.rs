//! The network: it delays, loses, repeats and reorders, as its conditions and its seed say.

use crate::address::Address;
use crate::message::{Number, Pdu};
use crate::protocol::block::Block;
use crate::protocol::time::Instant;
use core::fmt;
use core::time::Duration;
use hashbrown::HashMap;
use std::collections::BTreeMap;

/// What a network does to datagrams. Chances are between 0 and 1.
#[derive(Clone, Debug)]
pub(crate) struct Conditions {
    /// The least time that a datagram takes.
    pub(crate) latency: Duration,
    /// Up to so much more, chosen anew for each.
    pub(crate) jitter: Duration,
    /// The chance that one is lost.
    pub(crate) loss: f64,
    /// The chance that one is the first of a burst of losses.
    pub(crate) burst: f64,
    /// How many a burst takes at most.
    pub(crate) burst_length: u32,
    /// The chance that one arrives twice.
    pub(crate) duplication: f64,
    /// The chance that one takes a detour, on which others overtake it.
    pub(crate) reordering: f64,
    /// How much longer a detour takes at most.
    pub(crate) detour: Duration,
}

impl Conditions {
    /// Everything arrives, in order, after 10 ms.
    pub(crate) const PERFECT: Conditions = Conditions {
        latency: Duration::from_millis(10),
        jitter: Duration::ZERO,
        loss: 0.0,
        burst: 0.0,
        burst_length: 0,
        duplication: 0.0,
        reordering: 0.0,
        detour: Duration::ZERO,
    };

    /// Anything from nearly perfect to a loss, repetition and reordering of `worst`.
    pub(crate) fn up_to(worst: f64, rng: &mut fastrand::Rng) -> Self {
        let ms = Duration::from_millis;
        Conditions {
            latency: ms(rng.u64(0..1000)),
            jitter: ms(rng.u64(0..3000)),
            loss: rng.f64() * worst,
            burst: rng.f64() * worst / 8.0,
            burst_length: rng.u32(1..12),
            duplication: rng.f64() * worst,
            reordering: rng.f64() * worst,
            detour: ms(rng.u64(0..20_000)),
        }
    }
}

/// A datagram as it was given to the network.
#[derive(Clone)]
pub(crate) struct Hop {
    /// When.
    pub(crate) at: Instant,
    /// From where.
    pub(crate) from: Address,
    /// To where.
    pub(crate) to: Address,
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
    /// How often it arrives.
    pub(crate) copies: u32,
}

impl Hop {
    /// The message in it.
    pub(crate) fn pdu(&self) -> Option<Pdu> {
        Pdu::decode_udp(&self.bytes, 8).ok()
    }
}

/// A line as in the diagrams of RFC 7252.
impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>9} ms  {} -> {}  ", self.at.0, self.from, self.to)?;
        match self.pdu() {
            Some(p) => {
                write!(f, "{:?} {} mid={:04x} token={:02x?}", p.kind(), p.code(), p.mid().0, p.token())?;
                for number in [Number::BLOCK1, Number::BLOCK2] {
                    if let Ok(Some(b)) = Block::of(&p, number) {
                        write!(f, " {}:{}/{}/{}", number.0, b.num, u8::from(b.more), b.size())?;
                    }
                }
            }
            None => write!(f, "{:02x?}", self.bytes)?,
        }
        match self.copies {
            0 => f.write_str("  lost"),
            1 => Ok(()),
            n => write!(f, "  arrives {n} times"),
        }
    }
}

/// One direction of a connection: all of it arrives, once and in order.
struct Line {
    /// The most bytes that arrive at once; `None` if what is sent in one call arrives in one.
    piece: Option<usize>,
    /// When the last piece arrives.
    latest: Instant,
}

/// Datagrams on their way, and pieces of streams.
pub(crate) struct Network {
    conditions: Conditions,
    rng: fastrand::Rng,
    burst_left: u32,
    flights: BTreeMap<(Instant, u64), Hop>,
    lines: HashMap<(Address, Address), Line>,
    serial: u64,
    /// All datagrams that were sent, in the order of sending.
    pub(crate) journal: Vec<Hop>,
    /// Show each datagram as it is sent.
    pub(crate) is_traced: bool,
}

impl Network {
    pub(crate) fn new(seed: u64, conditions: Conditions) -> Self {
        Network {
            conditions,
            rng: fastrand::Rng::with_seed(seed),
            burst_left: 0,
            flights: BTreeMap::new(),
            lines: HashMap::new(),
            serial: 0,
            journal: Vec::new(),
            is_traced: false,
        }
    }

    /// Changes the weather; what is on its way is not touched.
    pub(crate) fn set_conditions(&mut self, conditions: Conditions) {
        self.conditions = conditions;
    }

    /// Makes a connection: what is sent between these addresses is a stream, that arrives in pieces of
    /// at most so many bytes, or without `piece` as it was sent.
    pub(crate) fn join(&mut self, one: &Address, other: &Address, piece: Option<usize>) {
        for ends in [(one, other), (other, one)] {
            let line = Line { piece, latest: Instant(0) };
            self.lines.insert((ends.0.clone(), ends.1.clone()), line);
        }
    }

    /// Takes a datagram, or bytes of a stream; none are its end.
    pub(crate) fn send(&mut self, now: Instant, from: &Address, to: &Address, bytes: &[u8]) {
        let ends = (from.clone(), to.clone());
        if let Some(line) = self.lines.get_mut(&ends) {
            if self.is_traced {
                eprintln!("{:>9} ms  {from} -> {to}  {} bytes of a stream", now.0, bytes.len());
            }
            let soonest = (now + self.conditions.latency).max(line.latest);
            let most = line.piece.unwrap_or(bytes.len()).max(1);
            let mut rest = bytes;
            loop {
                let length = if line.piece.is_some() { self.rng.usize(1..=most) } else { most };
                let (piece, after) = rest.split_at(length.min(rest.len()));
                // A piece each millisecond, which is what a wire can do.
                line.latest = soonest.max(line.latest) + Duration::from_millis(1);
                self.serial += 1;
                let (from, to) = ends.clone();
                let hop = Hop { at: now, from, to, bytes: piece.to_vec(), copies: 1 };
                self.flights.insert((line.latest, self.serial), hop);
                rest = after;
                if rest.is_empty() {
                    return;
                }
            }
        }
        let copies = if self.is_lost() { 0 } else { 1 + u32::from(self.chance(self.conditions.duplication)) };
        let hop = Hop { at: now, from: from.clone(), to: to.clone(), bytes: bytes.to_vec(), copies };
        if self.is_traced {
            eprintln!("{hop}");
        }
        for _ in 0..copies {
            let arrival = now + self.travel_time();
            self.serial += 1;
            self.flights.insert((arrival, self.serial), hop.clone());
        }
        self.journal.push(hop);
    }

    /// When the next datagram arrives.
    pub(crate) fn next_arrival(&self) -> Option<Instant> {
        self.flights.first_key_value().map(|((at, _), _)| *at)
    }

    /// A datagram that has arrived.
    pub(crate) fn poll_arrival(&mut self, now: Instant) -> Option<Hop> {
        let entry = self.flights.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }

    fn is_lost(&mut self) -> bool {
        if self.burst_left > 0 {
            self.burst_left -= 1;
            return true;
        }
        if self.chance(self.conditions.burst) {
            self.burst_left = self.rng.u32(0..self.conditions.burst_length.max(1));
            return true;
        }
        self.chance(self.conditions.loss)
    }

    fn travel_time(&mut self) -> Duration {
        let mut time = self.conditions.latency + self.conditions.jitter.mul_f64(self.rng.f64());
        if self.chance(self.conditions.reordering) {
            time += self.conditions.detour.mul_f64(self.rng.f64());
        }
        time
    }

    /// A chance of 0 takes no random number, so that what a scenario does not use does not change it.
    fn chance(&mut self, p: f64) -> bool {
        p > 0.0 && self.rng.f64() < p
    }
}
