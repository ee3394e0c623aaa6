//! Observers by the thousand (RFC 7641): they register once, and then one POST after another changes what they
//! observe. Each notification must hold the state that the POST made, and confirmable ones are acknowledged.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

use crate::batch::{self, BATCH, Datagram};
use crate::load::{address, wait_awake};
use crate::message;

/// When nothing has come for so long, what is missing of a notification is lost.
const SILENCE: Duration = Duration::from_millis(300);
/// Registrations that are under way at once.
const WINDOW: u32 = 64;

/// Who observes what.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Shape {
    /// The path, of one letter.
    pub(crate) path: u8,
    pub(crate) peers: u32,
    /// Observations of each peer, which differ by a query.
    pub(crate) each: u32,
}

impl Shape {
    pub(crate) fn observers(self) -> u32 {
        self.peers * self.each
    }

    /// Whether some of the notifications ask for an acknowledgement, as they do of a resource without flags.
    pub(crate) fn has_confirmable(self) -> bool {
        self.path == b'o'
    }
}

/// What came of notifying.
#[derive(Default)]
pub(crate) struct Told {
    /// How often the state was changed.
    pub(crate) times: u32,
    pub(crate) received: u32,
    pub(crate) lost: u32,
    pub(crate) wrong: u32,
    pub(crate) seconds: f64,
}

/// All observers of one server.
pub(crate) struct Observers {
    socket: UdpSocket,
    server: SocketAddrV4,
    shape: Shape,
    state: u32,
    /// The state that each observer was told last.
    told: Vec<u32>,
}

impl Observers {
    pub(crate) fn new(port: u16, shape: Shape) -> io::Result<Self> {
        let socket = batch::socket(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0))?;
        socket.set_read_timeout(Some(Duration::from_millis(50)))?;
        let told = vec![0; shape.observers() as usize];
        Ok(Self { socket, server: SocketAddrV4::new(Ipv4Addr::LOCALHOST, port), shape, state: 0, told })
    }

    /// The datagram of an observer; the token is its number.
    fn datagram(&self, observer: u32, bytes: &[u8]) -> Datagram {
        Datagram::new(bytes, Some(address(observer / self.shape.each)), self.server)
    }

    /// Registers all of them. Answers how many are observers now.
    pub(crate) fn register(&mut self, time: Duration) -> io::Result<u32> {
        let start = Instant::now();
        let mut registered = 0;
        let mut received = [Datagram::empty(); BATCH];
        for first in (0..self.shape.observers()).step_by(WINDOW as usize) {
            let last = (first + WINDOW).min(self.shape.observers());
            let mut outgoing: Vec<Datagram> = (first..last)
                .map(|observer| {
                    let within = observer % self.shape.each;
                    self.datagram(observer, &message::register(self.shape.path, within, observer))
                })
                .collect();
            batch::send(&self.socket, &mut outgoing)?;
            let mut missing = last - first;
            while missing > 0 {
                if start.elapsed() > time {
                    return Ok(registered);
                }
                let n = wait_awake(&self.socket, &mut received)?;
                let good = |d: &&Datagram| matches!(message::state(d.bytes()), Some(s) if s.observed);
                let answered = received[..n].iter().filter(good).count() as u32;
                missing = missing.saturating_sub(answered);
                registered += answered;
            }
        }
        Ok(registered)
    }

    /// Changes the state `times` times, and waits each time until all observers know; no longer than `time`.
    pub(crate) fn notify(&mut self, times: u32, time: Duration) -> io::Result<Told> {
        let mut told = Told::default();
        let start = Instant::now();
        while told.times < times && start.elapsed() < time {
            self.change(&mut told)?;
            told.times += 1;
        }
        Ok(told)
    }

    fn change(&mut self, told: &mut Told) -> io::Result<()> {
        self.state += 1;
        let post = message::post(self.shape.path, self.state as u16);
        let publisher = Some(address(self.shape.peers));
        batch::send(&self.socket, &mut [Datagram::new(&post, publisher, self.server)])?;
        let mut missing = self.shape.observers();
        let mut received = [Datagram::empty(); BATCH];
        let start = Instant::now();
        let mut last = start;
        while missing > 0 {
            let n = wait_awake(&self.socket, &mut received)?;
            if n == 0 {
                if last.elapsed() > SILENCE {
                    told.lost += missing;
                    break;
                }
                continue;
            }
            last = Instant::now();
            let mut acknowledgements = 0;
            for i in 0..n {
                let Some(state) = message::state(received[i].bytes()) else {
                    told.wrong += u32::from(!message::is_changed(received[i].bytes()));
                    continue;
                };
                match self.told.get_mut(state.token as usize) {
                    Some(known) if state.observed && state.number == self.state && *known < self.state => {
                        *known = self.state;
                        missing -= 1;
                        told.received += 1;
                    }
                    // Repeated, or late.
                    Some(_) if state.observed && state.number <= self.state => {}
                    _ => told.wrong += 1,
                }
                if state.confirmable {
                    received[acknowledgements] =
                        self.datagram(state.token, &message::acknowledgement(state.id));
                    acknowledgements += 1;
                }
            }
            batch::send(&self.socket, &mut received[..acknowledgements])?;
        }
        // Waiting for what is lost is no part of it.
        told.seconds += (last - start).as_secs_f64();
        Ok(())
    }
}
