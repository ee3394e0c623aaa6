//! What is measured on one server. Each measurement starts a process of its own, so none sees what another left.

use std::io;
use std::time::Duration;

use crate::load::{Load, Outcome, Plan};
use crate::observe::{Observers, Shape};
use crate::server::{Server, Subject};

/// Sessions that a new-session measurement adds.
const FRESH: u32 = 5_000;
/// What a server should reach before its new sessions are measured again.
const EXISTING: [u32; 2] = [10_000, 100_000];

/// Small GETs over a number of peers that have all been seen before.
pub(crate) struct Throughput {
    pub(crate) rate: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) lost: u32,
    /// CPU seconds of the server for each 1,000 requests.
    pub(crate) cpu: f64,
    /// The share of the time in which the server was running.
    pub(crate) busy: f64,
}

/// New sessions per second at a number of existing ones.
#[derive(Clone, Copy)]
pub(crate) struct NewSessions {
    pub(crate) existing: u32,
    pub(crate) rate: f64,
    /// CPU seconds of the server for each 1,000 of them.
    pub(crate) cpu: f64,
}

/// What sessions cost.
pub(crate) struct Sessions {
    pub(crate) new: Vec<NewSessions>,
    /// Bytes of each session that a GET made, shortly after it.
    pub(crate) bytes_after_get: f64,
    /// Bytes of each session that a ping made.
    pub(crate) bytes_idle: f64,
    /// How many sessions the two figures were taken over.
    pub(crate) over: (u32, u32),
}

fn checked(outcome: Outcome, subject: &Subject, server: &mut Server) -> io::Result<Outcome> {
    let name = &subject.name;
    if !server.lives() {
        return Err(io::Error::other(format!("the server `{name}` has ended")));
    }
    if outcome.answered == 0 {
        return Err(io::Error::other(format!("the server `{name}` answers nothing")));
    }
    if outcome.wrong > 0 || outcome.stray > outcome.lost {
        return Err(io::Error::other(format!(
            "the server `{name}` gave {} wrong and {} unexpected answers, {} were lost",
            outcome.wrong, outcome.stray, outcome.lost
        )));
    }
    Ok(outcome)
}

/// GETs over `peers` peers for `time`, after every peer has been answered once (as far as `patience` lasts).
pub(crate) fn throughput(
    subject: &Subject,
    core: Option<usize>,
    peers: u32,
    time: Duration,
    patience: Duration,
) -> io::Result<Throughput> {
    let mut server = subject.start(core, None)?;
    let mut load = Load::new(server.port)?;
    let warm_up = Plan { first: 0, peers, requests: peers.max(10_000), time: patience };
    checked(load.run(warm_up)?, subject, &mut server)?;
    // No peer may need more message ids than there are.
    let requests = peers.saturating_mul(40_000).min(2_000_000);
    let before = server.cpu_seconds()?;
    let outcome = load.run(Plan { first: 0, peers, requests, time })?;
    let cpu = server.cpu_seconds()? - before;
    let mut outcome = checked(outcome, subject, &mut server)?;
    Ok(Throughput {
        rate: outcome.rate(),
        p50: outcome.latency(0.50),
        p99: outcome.latency(0.99),
        lost: outcome.lost,
        cpu: cpu * 1000.0 / f64::from(outcome.answered),
        busy: cpu / outcome.seconds,
    })
}

/// New sessions per second at 0, 10,000 and 100,000 existing ones, and the memory of each. A server that
/// takes longer than `patience` to get to one of these numbers is measured where it has got to.
pub(crate) fn sessions(subject: &Subject, core: Option<usize>, patience: Duration) -> io::Result<Sessions> {
    let mut server = subject.start(core, None)?;
    let mut load = Load::new(server.port)?;
    // Peer 0 exists from the start, so that first allocations are no part of the figures.
    checked(load.run(Plan { first: 0, peers: 1, requests: 10_000, time: patience })?, subject, &mut server)?;
    let memory = server.memory()?;
    let mut existing = 0;
    let mut new = Vec::new();
    let mut add = |most: u32, time: Duration, server: &mut Server| -> io::Result<NewSessions> {
        let before = server.cpu_seconds()?;
        let plan = Plan { first: 1 + existing, peers: most, requests: most, time };
        let outcome = checked(load.run(plan)?, subject, server)?;
        let cpu = (server.cpu_seconds()? - before) * 1000.0 / f64::from(outcome.answered);
        let added = NewSessions { existing, rate: outcome.rate(), cpu };
        existing += outcome.sent;
        Ok(added)
    };
    let second = Duration::from_secs(1);
    new.push(add(FRESH, second, &mut server)?);
    let mut filled = FRESH;
    for goal in EXISTING {
        add(goal - filled, patience, &mut server)?;
        let at = add(FRESH, second, &mut server)?;
        new.push(at);
        if at.existing < goal {
            break;
        }
        filled = goal + FRESH;
    }
    let bytes_after_get = (server.memory()? - memory) / f64::from(existing);
    drop(server);

    let server = subject.start(core, None)?;
    let mut load = Load::new(server.port)?;
    load.run(Plan { first: 0, peers: 1, requests: 10_000, time: patience })?;
    let memory = server.memory()?;
    let pinged = load.ping_all(1, EXISTING[1], 0, patience)?;
    let bytes_idle = (server.memory()? - memory) / f64::from(pinged);
    Ok(Sessions { new, bytes_after_get, bytes_idle, over: (existing, pinged) })
}

/// Notifications to many observers at once.
pub(crate) struct FanOut {
    /// Notifications that arrived per second.
    pub(crate) rate: f64,
    /// CPU seconds of the server for each 1,000 of them.
    pub(crate) cpu: f64,
    /// The part of it that was not spent in the system.
    pub(crate) user: f64,
    pub(crate) times: u32,
    pub(crate) lost: u32,
}

/// The observers of `shape` are notified `times` times, as far as `patience` lasts.
pub(crate) fn fan_out(
    subject: &Subject,
    core: Option<usize>,
    shape: Shape,
    times: u32,
    patience: Duration,
) -> io::Result<FanOut> {
    let server = subject.start(core, Some("observe"))?;
    let name = &subject.name;
    let mut observers = Observers::new(server.port, shape)?;
    let registered = observers.register(patience)?;
    if registered != shape.observers() {
        return Err(io::Error::other(format!("the server `{name}` has only {registered} observers")));
    }
    let (cpu, user) = (server.cpu_seconds()?, server.user_seconds()?);
    let told = observers.notify(times, patience)?;
    let (cpu, user) = (server.cpu_seconds()? - cpu, server.user_seconds()? - user);
    if told.wrong > 0 || told.received == 0 {
        return Err(io::Error::other(format!(
            "the server `{name}` gave {} right and {} wrong notifications",
            told.received, told.wrong
        )));
    }
    let each = 1000.0 / f64::from(told.received);
    Ok(FanOut {
        rate: f64::from(told.received) / told.seconds,
        cpu: cpu * each,
        user: user * each,
        times: told.times,
        lost: told.lost,
    })
}
