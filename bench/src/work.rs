//! Work that is done again and again for a while, each time waiting for the server: bodies, requests over streams,
//! secured sessions, requests through a proxy. What is measured is how often it was done.

use std::ffi::OsString;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::path::Path;
use std::time::Duration;

use crate::batch;
use crate::blocks::{Bodies, Direction};
use crate::datagrams::Gets;
use crate::handshakes::Handshakes;
use crate::keys::{self, Key};
use crate::proxied::{Proxied, Reliability};
use crate::server::Subject;
use crate::stream::{Client, Kind};
use crate::wire::{self, Under, Wire};

/// For how long each is measured.
const TIME: Duration = Duration::from_millis(400);

/// One kind of it.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Work {
    /// Bodies of 256 KiB in blocks over UDP, so many at a time.
    Bodies(Direction, usize),
    /// Requests over TCP.
    Stream(Kind),
    /// Full handshakes over DTLS or TLS.
    Handshakes(Under, Key),
    /// Small GETs over DTLS with a pre-shared key.
    SecuredGets { peers: usize, each: u32 },
    /// Bodies of 256 KiB from the server over DTLS, so many at a time.
    SecuredBodies(usize),
    /// Small GETs over TLS with a pre-shared key, so many under way.
    SecuredStream(u32),
    /// Small GETs of many clients through one session of a proxy.
    Proxied(Reliability),
}

/// All of it, in the order of the report.
pub(crate) const ALL: [Work; 20] = [
    Work::Bodies(Direction::Get, 1),
    Work::Bodies(Direction::Get, 4),
    Work::Bodies(Direction::Put, 1),
    Work::Bodies(Direction::Put, 4),
    Work::Stream(Kind::Gets { outstanding: 1, idle: 0 }),
    Work::Stream(Kind::Gets { outstanding: 64, idle: 0 }),
    Work::Stream(Kind::Gets { outstanding: 64, idle: 1000 }),
    Work::Stream(Kind::Down),
    Work::Stream(Kind::Up),
    Work::Handshakes(Under::Datagrams, Key::Shared),
    Work::Handshakes(Under::Datagrams, Key::Certificate),
    Work::Handshakes(Under::Stream, Key::Shared),
    Work::Handshakes(Under::Stream, Key::Certificate),
    Work::SecuredGets { peers: 1, each: 1 },
    Work::SecuredGets { peers: 8, each: 8 },
    Work::SecuredStream(1),
    Work::SecuredStream(64),
    Work::SecuredBodies(1),
    Work::Proxied(Reliability::Confirmable),
    Work::Proxied(Reliability::Non),
];

/// What came of it.
pub(crate) struct Done {
    pub(crate) times: f64,
    pub(crate) seconds: f64,
}

/// The client side of it.
pub(crate) trait Worker {
    /// Works for `time`.
    fn run(&mut self, time: Duration) -> io::Result<Done>;
}

/// How fast it was done.
pub(crate) struct Pace {
    /// Times per second.
    pub(crate) rate: f64,
    /// CPU seconds of the server for each.
    pub(crate) cpu: f64,
}

impl Work {
    /// Its line in the report.
    pub(crate) fn name(self) -> String {
        let over = |under| if under == Under::Datagrams { "DTLS" } else { "TLS" };
        match self {
            Work::Bodies(Direction::Get, peers) => format!("GET 256 KiB, {peers} at a time"),
            Work::Bodies(Direction::Put, peers) => format!("PUT 256 KiB, {peers} at a time"),
            Work::Stream(Kind::Gets { outstanding, idle: 0 }) => {
                format!("GETs over TCP, {outstanding} at a time")
            }
            Work::Stream(Kind::Gets { outstanding, idle }) => {
                format!("GETs over TCP, {outstanding} at a time, {idle} idle")
            }
            Work::Stream(Kind::Down) => "GET 1 MiB over TCP".to_owned(),
            Work::Stream(Kind::Up) => "PUT 1 MiB over TCP".to_owned(),
            Work::Handshakes(under, Key::Shared) => format!("handshakes, {}, PSK", over(under)),
            Work::Handshakes(under, Key::Certificate) => format!("handshakes, {}, ECDSA", over(under)),
            Work::SecuredGets { peers, each } => {
                format!("GETs over DTLS, {} at a time", peers * each as usize)
            }
            Work::SecuredBodies(peers) => format!("GET 256 KiB over DTLS, {peers} at a time"),
            Work::SecuredStream(outstanding) => format!("GETs over TLS, {outstanding} at a time"),
            Work::Proxied(Reliability::Confirmable) => "CON GETs of 200 clients by proxy".to_owned(),
            Work::Proxied(Reliability::Non) => "NON GETs of 200 clients by proxy".to_owned(),
        }
    }

    /// What its rate should be, next to that of the reference.
    pub(crate) fn wanted(self) -> f64 {
        match self {
            Work::Stream(Kind::Gets { idle: 1.., .. }) | Work::Proxied(_) => 1.3,
            Work::SecuredGets { .. } | Work::SecuredStream(_) => 1.2,
            _ => 1.0,
        }
    }

    /// Whether each request waits for the answer to the one before. Then a server that looks for the next
    /// one rather than sleep is at work all the time that the client takes.
    pub(crate) fn is_one_by_one(self) -> bool {
        matches!(
            self,
            Work::SecuredGets { peers: 1, each: 1 }
                | Work::SecuredStream(1)
                | Work::Stream(Kind::Gets { outstanding: 1, .. })
        )
    }

    /// What the program that does it is told.
    fn words(self, certificate: &Path, upstream: u16) -> Vec<OsString> {
        match self {
            Work::Bodies(..) => vec!["blocks".into()],
            Work::Stream(_) => vec!["stream".into()],
            Work::Handshakes(_, Key::Certificate) => vec!["cert".into(), certificate.into()],
            Work::Handshakes(_, Key::Shared)
            | Work::SecuredGets { .. }
            | Work::SecuredBodies(_)
            | Work::SecuredStream(_) => vec!["psk".into()],
            Work::Proxied(_) => vec![upstream.to_string().into()],
        }
    }

    /// Makes the clients of a server that runs already; `upstream` is where a proxy passes requests on to.
    pub(crate) fn worker(self, port: u16, upstream: UdpSocket) -> io::Result<Box<dyn Worker>> {
        let shared = |under| keys::client(under, Key::Shared);
        Ok(match self {
            Work::Bodies(direction, peers) => {
                let wire = |_| wire::open(Under::Datagrams, port);
                Box::new(Bodies::new(direction, (0..peers).map(wire).collect::<io::Result<_>>()?))
            }
            Work::Stream(kind) => Box::new(Client::open(kind, || wire::open(Under::Stream, port))?),
            Work::Handshakes(under, key) => Box::new(Handshakes::new(under, key, port)?),
            Work::SecuredGets { peers, each } => Box::new(Gets::new(port, peers, each)?),
            Work::SecuredBodies(peers) => {
                let context = shared(Under::Datagrams)?;
                let wire = |_| -> io::Result<Box<dyn Wire>> {
                    Ok(Box::new(wire::secured(Under::Datagrams, port, &context)?))
                };
                Box::new(Bodies::new(Direction::Get, (0..peers).map(wire).collect::<io::Result<_>>()?))
            }
            Work::SecuredStream(outstanding) => {
                let context = shared(Under::Stream)?;
                let kind = Kind::Gets { outstanding, idle: 0 };
                Box::new(Client::open(kind, || Ok(Box::new(wire::secured(Under::Stream, port, &context)?)))?)
            }
            Work::Proxied(reliability) => Box::new(Proxied::new(reliability, port, upstream)?),
        })
    }

    /// Measures it on `subject`; nothing, if that has no program for it.
    pub(crate) fn measure(
        self,
        subject: &Subject,
        core: Option<usize>,
        certificate: &Path,
    ) -> io::Result<Option<Pace>> {
        let Some(program) = subject.program(self) else { return Ok(None) };
        let upstream = batch::socket(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
        let server = program.start(core, self.words(certificate, upstream.local_addr()?.port()))?;
        let failed = |e| io::Error::other(format!("the server `{}`, {}: {e}", subject.name, self.name()));
        let mut worker = self.worker(server.port, upstream).map_err(failed)?;
        worker.run(TIME / 10).map_err(failed)?;
        let cpu = server.cpu_seconds()?;
        let done = worker.run(TIME).map_err(failed)?;
        let cpu = server.cpu_seconds()? - cpu;
        Ok(Some(Pace { rate: done.times / done.seconds, cpu: cpu / done.times }))
    }
}
