//! Two endpoints on a bad network: whatever is lost, repeated or overtaken, every exchange ends,
//! in time, in exactly one way, and leaves nothing behind.

use crate::message::{Code, Mid, Number, Pdu, Type};
use crate::protocol::Engine;
use crate::protocol::event::NackReason;
use crate::protocol::params::FixedPoint;
use crate::protocol::session::SessionId;
use crate::protocol::simulation::{
    ACK, CLIENT, CON, Conditions, Hop, Host, NON, Pair, Replay, SERVER, What, World, run_seeds,
};
use crate::protocol::time::Instant;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use hashbrown::HashSet;
use std::cell::RefCell;
use std::rc::Rc;

/// What a resource does, and its path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Service {
    /// Answers in the acknowledgement.
    AtOnce,
    /// Answers with an error in the acknowledgement.
    Refusing,
    /// Answers after a delay.
    Later,
    /// Answers at once in a confirmable message of its own.
    SeparateCon,
    /// Answers at once in a non-confirmable message of its own.
    SeparateNon,
    /// Never answers.
    Silent,
    /// Is not there.
    Missing,
}

use Service::*;

const SERVICES: [Service; 7] = [AtOnce, Refusing, Later, SeparateCon, SeparateNon, Silent, Missing];

impl Service {
    fn path(self) -> &'static str {
        match self {
            AtOnce => "at/once",
            Refusing => "refusing",
            Later => "later",
            SeparateCon => "separate/con",
            SeparateNon => "separate/non",
            Silent => "silent",
            Missing => "missing",
        }
    }

    fn code(self) -> Code {
        match self {
            Refusing => Code::FORBIDDEN,
            Missing => Code::NOT_FOUND,
            _ => Code::CONTENT,
        }
    }
}

/// What one of the two sends.
#[derive(Clone, Debug)]
enum Step {
    Request { kind: Type, service: Service, no_response: Option<u8> },
    Ping,
}

/// All that a seed stands for.
#[derive(Clone, Debug)]
struct Scenario {
    conditions: Conditions,
    nstart: u16,
    ack_timeout: FixedPoint,
    ack_random_factor: FixedPoint,
    max_retransmit: u16,
    /// How long the server keeps a session that is idle; often shorter than what is repeated.
    session_timeout: Duration,
    /// How long [`Later`] takes.
    delay: Duration,
    /// Who sends what, and when.
    steps: Vec<(Duration, usize, Step)>,
}

impl Scenario {
    fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let rng = &mut rng;
        let conditions = Conditions::up_to(0.4, rng);
        let both_ask = rng.bool();
        let span = rng.u64(1..60_000);
        let count = rng.usize(1..32);
        let mut steps: Vec<_> = (0..count)
            .map(|_| {
                let at = Duration::from_millis(rng.u64(0..span));
                let who = if both_ask && rng.u8(0..3) == 0 { SERVER } else { CLIENT };
                (at, who, Step::random(rng))
            })
            .collect();
        steps.sort_by_key(|(at, _, _)| *at);
        Scenario {
            conditions,
            nstart: rng.u16(1..6),
            ack_timeout: FixedPoint::new(rng.u16(1..4), rng.u16(0..1000)),
            ack_random_factor: FixedPoint::new(1, rng.u16(0..1000)),
            max_retransmit: rng.u16(0..5),
            session_timeout: Duration::from_secs(if both_ask { 300 } else { rng.u64(1..300) }),
            delay: Duration::from_millis(rng.u64(0..30_000)),
            steps,
        }
    }

    fn configure(&self, engine: &mut Engine, id: SessionId) {
        let params = engine.session_mut(id).unwrap().params_mut();
        params.nstart = self.nstart;
        params.ack_timeout = self.ack_timeout;
        params.ack_random_factor = self.ack_random_factor;
        params.max_retransmit = self.max_retransmit;
    }

    fn serve(&self, host: &mut Host) {
        for service in SERVICES.into_iter().filter(|s| *s != Missing) {
            let scenario = self.clone();
            host.serve(service.path(), move |turn| {
                scenario.configure(turn.engine, turn.exchange.session);
                match service {
                    AtOnce | Refusing => turn.reply(service.code(), b"answer"),
                    SeparateCon => turn.send_separately(CON, Code::CONTENT),
                    SeparateNon => turn.send_separately(NON, Code::CONTENT),
                    Later if turn.is_delayed() => turn.reply(Code::CONTENT, b"at last"),
                    Later => assert!(turn.put_aside(Some(scenario.delay)).is_some()),
                    Silent | Missing => {}
                }
            });
        }
    }
}

impl Step {
    fn random(rng: &mut fastrand::Rng) -> Step {
        if rng.u8(0..8) == 0 {
            return Step::Ping;
        }
        // RFC 7967: 2 is no interest in success, 26 in nothing at all.
        let no_response = [None, None, None, None, Some(0), Some(2), Some(26)][rng.usize(0..7)];
        let kind = if rng.u8(0..3) == 0 { NON } else { CON };
        Step::Request { kind, service: SERVICES[rng.usize(0..SERVICES.len())], no_response }
    }
}

/// A message that was given to an engine.
struct Asked {
    host: usize,
    session: SessionId,
    step: Step,
    mid: Mid,
    token: Vec<u8>,
}

fn act(world: &mut World, scenario: &Scenario, host: usize, step: &Step) -> Option<Asked> {
    let at = &mut world.hosts[host];
    // The server can ask once there is a session.
    let session = at.engine.sessions().iter().map(|(id, _)| id).next()?;
    scenario.configure(&mut at.engine, session);
    let pdu = match step {
        Step::Ping => Pdu::new(CON, Code::EMPTY, at.engine.new_mid(session)?, 0),
        Step::Request { kind, service, no_response } => {
            let mut request = at.new_request(session, *kind, Code::GET, service.path());
            if let Some(classes) = no_response {
                request.add_option(Number::NO_RESPONSE, &[*classes]).unwrap();
            }
            request
        }
    };
    let token = pdu.token().to_vec();
    let mid = world.send(host, session, pdu);
    Some(Asked { host, session, step: step.clone(), mid, token })
}

/// How often each kind of end was seen, so that the test shows that it tests something.
#[derive(Default)]
struct Tally {
    with_acknowledgement: AtomicU64,
    separate: AtomicU64,
    given_up: AtomicU64,
    never_answered: AtomicU64,
    response_failed: AtomicU64,
    repetitions: AtomicU64,
}

impl Tally {
    fn add(&self, verdict: &Verdict<'_>) {
        let count = |to: &AtomicU64, n: usize| to.fetch_add(n as u64, Ordering::Relaxed);
        let acknowledged = verdict.responses.iter().filter(|(_, r)| r.kind() == ACK).count();
        count(&self.with_acknowledgement, acknowledged);
        count(&self.separate, verdict.responses.len() - acknowledged);
        count(&self.given_up, verdict.nacks.len());
        count(&self.never_answered, usize::from(verdict.responses.is_empty() && verdict.nacks.is_empty()));
        count(&self.response_failed, usize::from(verdict.response_failed));
        let arrived: u32 = verdict.sent.iter().map(|hop| hop.copies).sum();
        count(&self.repetitions, (arrived as usize).saturating_sub(1));
    }

    fn check(&self, runs: u64) {
        let all = [
            &self.with_acknowledgement,
            &self.separate,
            &self.given_up,
            &self.never_answered,
            &self.response_failed,
            &self.repetitions,
        ];
        let all = all.map(|n| n.load(Ordering::Relaxed));
        assert!(all.iter().all(|n| *n > runs / 10), "some ends are hardly ever seen: {all:?}");
    }
}

fn run(seed: u64, is_traced: bool, tally: &Tally) {
    let replay = Replay { seed, scenario: Scenario::new(seed) };
    let scenario = &replay.scenario;
    let mut pair = Pair::new(seed, scenario.conditions.clone());
    pair.world.network.is_traced = is_traced;
    for host in &mut pair.world.hosts {
        scenario.serve(host);
        host.engine.config.session_timeout = scenario.session_timeout;
    }
    let asked = Rc::new(RefCell::new(Vec::new()));
    for (at, host, step) in scenario.steps.clone() {
        let (asked, scenario) = (Rc::clone(&asked), scenario.clone());
        pair.world.after(at, move |world| asked.borrow_mut().extend(act(world, &scenario, host, &step)));
    }
    pair.world.drive_bounded();
    for asked in asked.borrow().iter() {
        let verdict = Verdict::new(&pair.world, scenario, asked);
        verdict.check();
        tally.add(&verdict);
    }
    check_nacks(&pair.world);
    pair.finish();
}

/// What became of one message.
struct Verdict<'a> {
    scenario: &'a Scenario,
    asked: &'a Asked,
    /// When the message was sent each time.
    sent: Vec<&'a Hop>,
    /// All that came from the other side about it, whether it arrived or not.
    returned: Vec<(&'a Hop, Pdu)>,
    responses: Vec<(Instant, &'a Pdu)>,
    nacks: Vec<(Instant, NackReason)>,
    /// How often the handler was called.
    handled: usize,
    /// Whether the other side was told that its response was not delivered.
    response_failed: bool,
}

impl<'a> Verdict<'a> {
    fn new(world: &'a World, scenario: &'a Scenario, asked: &'a Asked) -> Self {
        let me = &world.hosts[asked.host];
        let other = &world.hosts[1 - asked.host];
        let is_mine = |hop: &Hop| world.hosts[asked.host].has_address(&hop.from);
        let mut sent = Vec::new();
        let mut returned = Vec::new();
        for hop in &world.network.journal {
            let pdu = hop.pdu().unwrap();
            let asks = pdu.code().is_request() || pdu.code().is_empty() && pdu.kind() == CON;
            match is_mine(hop) {
                true if asks && pdu.mid() == asked.mid => sent.push(hop),
                false if pdu.code().is_response() && pdu.token() == asked.token => returned.push((hop, pdu)),
                false if pdu.code().is_empty() && pdu.kind() != CON && pdu.mid() == asked.mid => {
                    returned.push((hop, pdu));
                }
                _ => {}
            }
        }
        let mut verdict = Verdict {
            scenario,
            asked,
            sent,
            returned,
            responses: Vec::new(),
            nacks: Vec::new(),
            handled: 0,
            response_failed: false,
        };
        for record in me.journal.iter().filter(|r| r.session == asked.session) {
            match &record.what {
                What::Response { received, .. } if received.token() == asked.token => {
                    verdict.responses.push((record.at, received));
                }
                What::Nack { sent: Some(sent), reason, mid }
                    if *mid == asked.mid && !sent.code().is_response() =>
                {
                    verdict.nacks.push((record.at, *reason));
                }
                _ => {}
            }
        }
        for record in &other.journal {
            match &record.what {
                What::Request { request, delayed: false, .. } if request.token() == asked.token => {
                    verdict.handled += 1;
                }
                What::Nack { sent: Some(sent), .. } if sent.token() == asked.token => {
                    verdict.response_failed |= sent.code().is_response();
                }
                _ => {}
            }
        }
        verdict
    }

    fn check(&self) {
        match self.asked.step {
            Step::Ping => self.check_ping(),
            Step::Request { kind: CON, service, no_response } => {
                self.check_handled(service);
                self.check_confirmable(service, no_response);
            }
            Step::Request { service, .. } => {
                self.check_handled(service);
                assert!(self.responses.len() <= 1 && self.nacks.is_empty());
                assert_eq!(self.sent.len(), 1, "a non-confirmable message is sent once");
            }
        }
    }

    /// The time from the first transmission to giving up.
    fn max_wait(&self) -> Duration {
        self.params(1)
    }

    /// The time from the first transmission to the last.
    fn max_span(&self) -> Duration {
        self.params(0)
    }

    fn params(&self, more: u32) -> Duration {
        let Scenario { ack_timeout, ack_random_factor, max_retransmit, .. } = self.scenario;
        let factor = 2f64.powi((u32::from(*max_retransmit) + more) as i32) - 1.0;
        // Computed apart from the library, in floating point, and so to the millisecond.
        let seconds =
            ack_timeout.in_thousandths() as f64 / 1e3 * ack_random_factor.in_thousandths() as f64 / 1e3;
        Duration::from_secs_f64(seconds * factor) + Duration::from_millis(1)
    }

    fn first_sent(&self) -> Instant {
        self.sent.first().expect("every message gets its turn").at
    }

    fn check_transmissions(&self) {
        let first = self.sent[0];
        assert!(self.sent.len() <= 1 + usize::from(self.scenario.max_retransmit));
        for hop in &self.sent {
            assert!(hop.at - first.at <= self.max_span());
            assert_eq!(hop.bytes, first.bytes, "a retransmission is the same message");
        }
    }

    /// The handler never sees a repetition, and sees what arrived.
    fn check_handled(&self, service: Service) {
        let arrived = self.sent.iter().any(|hop| hop.copies > 0);
        assert_eq!(self.handled, usize::from(arrived && service != Missing));
    }

    fn check_ping(&self) {
        self.check_transmissions();
        let [(at, reason)] = self.nacks[..] else { panic!("a ping ends once: {:?}", self.nacks) };
        assert!(matches!(reason, NackReason::Reset | NackReason::TooManyRetries));
        assert!(at - self.first_sent() <= self.max_wait());
    }

    /// Each copy that arrives is acknowledged, with the same bytes each time.
    fn check_acknowledgements(&self) {
        let arrived: u32 = self.sent.iter().map(|hop| hop.copies).sum();
        let mut acks = self.returned.iter().filter(|(_, p)| p.kind() == ACK).map(|(hop, _)| &hop.bytes);
        assert_eq!(acks.clone().count(), arrived as usize, "acknowledgements of {arrived} copies");
        if let Some(first) = acks.next() {
            assert!(acks.all(|ack| ack == first), "a repetition is answered otherwise");
        }
    }

    fn check_confirmable(&self, service: Service, no_response: Option<u8>) {
        self.check_transmissions();
        self.check_acknowledgements();
        match (&self.responses[..], &self.nacks[..]) {
            ([(at, response)], []) => {
                assert_eq!(response.code(), service.code());
                let start = match response.kind() {
                    ACK => self.first_sent(),
                    _ => self.first_returned(response),
                };
                // A message that is sent again in vain may be the one that arrives, after a detour.
                let travel = self.scenario.conditions.jitter
                    + self.scenario.conditions.latency
                    + self.scenario.conditions.detour;
                let limit = if response.kind() == ACK { self.max_wait() } else { self.max_span() + travel };
                assert!(*at - start <= limit, "response after {:?}", *at - start);
            }
            ([], [(at, reason)]) => {
                assert_eq!(*reason, NackReason::TooManyRetries);
                assert!(*at - self.first_sent() <= self.max_wait());
            }
            ([], []) => self.check_unanswered(service, no_response),
            (responses, nacks) => panic!("ended more than once: {responses:?} {nacks:?}"),
        }
    }

    fn first_returned(&self, response: &Pdu) -> Instant {
        let same =
            self.returned.iter().find(|(_, p)| p.mid() == response.mid() && p.kind() == response.kind());
        same.expect("what came was sent").0.at
    }

    /// A request was acknowledged, and no response came: for a reason.
    fn check_unanswered(&self, service: Service, no_response: Option<u8>) {
        let acknowledged =
            self.returned.iter().any(|(hop, p)| p.kind() == ACK && p.code().is_empty() && hop.copies > 0);
        assert!(acknowledged, "no end at all");
        let class = service.code().class();
        let unwanted = no_response.is_some_and(|classes| classes & (1 << (class - 1)) != 0);
        let mut separate = self.returned.iter().filter(|(_, p)| p.code().is_response());
        let lost = separate.all(|(hop, p)| p.kind() == NON && hop.copies == 0);
        let has_reason = match service {
            Silent => true,
            SeparateCon => self.response_failed,
            SeparateNon => lost,
            Later => unwanted || self.response_failed,
            AtOnce | Refusing | Missing => unwanted,
        };
        assert!(has_reason, "acknowledged, and nothing came of it");
    }
}

/// Nobody learns twice that a message was not delivered.
fn check_nacks(world: &World) {
    for host in &world.hosts {
        let mut failed = HashSet::new();
        for record in &host.journal {
            if let What::Nack { sent: Some(_), mid, .. } = record.what {
                assert!(failed.insert((record.session, mid)), "{mid:?} failed twice");
            }
        }
    }
}

#[test]
fn every_exchange_ends_once_and_in_time() {
    let tally = Tally::default();
    let runs = run_seeds(10_000, |seed, is_traced| run(seed, is_traced, &tally));
    if runs > 100 {
        tally.check(runs);
    }
}
