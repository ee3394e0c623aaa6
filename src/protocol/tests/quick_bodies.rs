//! Bodies in Q-Blocks on a bad network (RFC 9177): they arrive as they were sent, or the sender hears that
//! they did not, and nothing is left behind. Some peers know no Q-Block.

use crate::message::{Code, Number, Type};
use crate::protocol::block::{Block, Mode, Shared, Upload};
use crate::protocol::engine::Representation;
use crate::protocol::event::Notice;
use crate::protocol::session::SessionId;
use crate::protocol::simulation::{CLIENT, CON, Conditions, NON, Pair, Replay, What, run_seeds};
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::Arc;

const SINGLE: u8 = Mode::USE_LIBCOAP.0 | Mode::SINGLE_BODY.0;
const QUICK: Mode = Mode(SINGLE | Mode::TRY_Q_BLOCK.0);

/// All that a seed stands for.
#[derive(Clone, Debug)]
struct Scenario {
    conditions: Conditions,
    kind: Type,
    code: Code,
    up: usize,
    down: usize,
    szx: u8,
    client: Mode,
    server: Mode,
    /// MAX_PAYLOADS of both.
    max_payloads: [u16; 2],
    nstart: u16,
}

impl Scenario {
    fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let rng = &mut rng;
        let szx = rng.u8(0..=6);
        let most = if rng.u8(0..100) == 0 { 100 << 10 } else { (16 << szx) * 40 };
        let length = |rng: &mut fastrand::Rng| if rng.u8(0..4) == 0 { 0 } else { rng.usize(0..most) };
        let (up, down) = (length(rng), length(rng));
        let payloads = rng.u16(1..12);
        let other = if rng.u8(0..8) == 0 { rng.u16(1..12) } else { payloads };
        let mode = |rng: &mut fastrand::Rng| if rng.u8(0..16) == 0 { Mode(SINGLE) } else { QUICK };
        let (client, server) = (mode(rng), mode(rng));
        Scenario {
            conditions: Conditions::up_to(0.4, rng),
            kind: if rng.u8(0..4) == 0 { CON } else { NON },
            code: [Code::POST, Code::PUT, Code::FETCH][rng.usize(0..3)],
            up,
            down,
            szx,
            client: if rng.bool() { Mode(client.0 | Mode::USE_M_Q_BLOCK.0) } else { client },
            server,
            max_payloads: [payloads, other],
            nstart: rng.u16(1..4),
        }
    }

    fn configure(&self, engine: &mut crate::protocol::Engine, id: SessionId, who: usize) {
        let params = engine.session_mut(id).unwrap().params_mut();
        (params.max_payloads, params.nstart) = (self.max_payloads[who], self.nstart);
    }
}

/// Bytes that differ from place to place.
fn body(length: usize, salt: u8) -> Vec<u8> {
    (0..length).map(|i| (i ^ i >> 8) as u8 ^ salt).collect()
}

/// A body that is counted while anybody has it.
struct Counted(Vec<u8>, Arc<AtomicUsize>);

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.1.fetch_sub(1, Ordering::Relaxed);
    }
}

fn counted(body: &[u8], count: &Arc<AtomicUsize>) -> Shared {
    count.fetch_add(1, Ordering::Relaxed);
    Arc::new(Counted(body.to_vec(), Arc::clone(count)))
}

/// How the exchanges ended.
#[derive(Default)]
struct Tally {
    complete: AtomicU64,
    failed: AtomicU64,
}

fn run(seed: u64, tally: &Tally) {
    let scenario = Scenario::new(seed);
    let replay = Replay { seed, scenario };
    let scenario = &replay.scenario;
    let bodies = Arc::new(AtomicUsize::new(0));
    let mut pair = Pair::new(seed, scenario.conditions.clone());
    let (up, down) = (body(scenario.up, 1), body(scenario.down, 2));
    pair.server().engine.config.block_mode = scenario.server;
    let (response, served, settings) = (down.clone(), Arc::clone(&bodies), scenario.clone());
    pair.server().serve("r", move |turn| {
        let request = turn.exchange.request.clone();
        let session = turn.exchange.session;
        settings.configure(turn.engine, session, 1);
        let pdu = &mut turn.exchange.response;
        pdu.set_code(Code::CONTENT);
        let (about, body) = (Representation::default(), counted(&response, &served));
        turn.engine.add_body(turn.now, session, &request, pdu, about, &body).unwrap();
    });
    let (session, now) = (pair.session, pair.world.now);
    pair.client().engine.session_mut(session).unwrap().block_mode = scenario.client;
    scenario.configure(&mut pair.client().engine, session, 0);
    let mut request = pair.client().new_request(session, scenario.kind, scenario.code, "r");
    request.add_option(Number::CONTENT_FORMAT, &[42]).unwrap();
    let token = request.token().to_vec();
    let size = Block { num: 0, more: false, szx: scenario.szx };
    request.add_option(Number::BLOCK2, &size.encode()).unwrap();
    request.add_option(Number::BLOCK1, &size.encode()).unwrap();
    let upload = Upload::begin(&mut request, &counted(&up, &bodies), 6, b"tag").unwrap();
    pair.client().engine.submit(now, session, request, upload).unwrap();
    pair.world.settle(CLIENT);
    pair.world.drive_bounded();

    for record in &pair.server().journal {
        if let What::Request { request, body, .. } = &record.what {
            let seen = body.as_ref().and_then(|b| b.data.as_deref());
            let seen = seen.unwrap_or(request.payload().unwrap_or(&[]));
            // Where the body of the response is gone, a request for its first block, or by Block2 for any,
            // looks like one without payload.
            let is_first = request.option(Number::Q_BLOCK2).is_some_and(|o| o.value.len() <= 1);
            assert!(seen == up || seen.is_empty() && (is_first || request.option(Number::BLOCK2).is_some()));
        }
    }
    let (mut complete, mut failures, mut lost) = (0, 0, 0);
    for record in &pair.client().journal {
        match &record.what {
            What::Response { received, body, .. } => {
                assert_eq!(received.token(), &token[..]);
                complete += 1;
                if received.code() == Code::REQUEST_ENTITY_INCOMPLETE {
                    // What was missing of the response was gone at the server too.
                    lost += 1;
                    continue;
                }
                assert_eq!(received.code(), Code::CONTENT);
                let seen = body.as_ref().and_then(|b| b.data.as_deref());
                assert!(seen.or(received.payload()).unwrap_or(&[]) == down);
                assert!(received.option(Number::Q_BLOCK2).is_none());
            }
            What::Nack { sent, .. } => {
                failures += 1;
                assert_eq!(sent.as_ref().map(|s| s.token()), Some(&token[..]));
            }
            What::Notice(Notice::PartialBody) => failures += 1,
            _ => {}
        }
    }
    if complete > 0 {
        assert_eq!((complete, failures), (1, 0));
        let tally = if lost == 0 { &tally.complete } else { &tally.failed };
        tally.fetch_add(1, Ordering::Relaxed);
    } else {
        // Nobody says that a single message that needs no acknowledgement was lost. Where blocks come
        // one by one (RFC 7959), it is a notice that says that the body was not sent.
        assert!(failures == 1 || failures == 0);
        tally.failed.fetch_add(1, Ordering::Relaxed);
    }
    pair.finish();
    assert_eq!(bodies.load(Ordering::Relaxed), 0, "each body is given back");
}

#[test]
fn bodies_in_q_blocks_arrive_as_they_were_sent_or_fail_once_and_nothing_is_left() {
    let tally = Tally::default();
    let runs = run_seeds(5_000, |seed, _| run(seed, &tally));
    let (complete, failed) = (tally.complete.into_inner(), tally.failed.into_inner());
    assert_eq!(complete + failed, runs);
    if runs >= 1000 {
        assert!(complete > runs / 2 && failed > runs / 50, "{complete} complete, {failed} failed");
    }
}
