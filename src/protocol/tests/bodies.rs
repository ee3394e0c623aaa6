//! Bodies larger than a message on a bad network (RFC 7959): they arrive as they were sent, or
//! the sender hears that they did not, and nothing is left behind.

use crate::message::{Code, Number, Type};
use crate::protocol::block::{Block, Mode, Shared, Upload};
use crate::protocol::engine::Representation;
use crate::protocol::event::Notice;
use crate::protocol::simulation::{CLIENT, CON, Conditions, NON, Pair, Replay, What, run_seeds};
use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

/// All that a seed stands for.
#[derive(Clone, Debug)]
struct Scenario {
    conditions: Conditions,
    kind: Type,
    /// Bytes of the body of the request, and of the response.
    up: usize,
    down: usize,
    /// The exponent of the block size that the client asks for.
    szx: u8,
    client: Mode,
    server: Mode,
}

impl Scenario {
    fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let rng = &mut rng;
        let single = Mode(Mode::USE_LIBCOAP.0 | Mode::SINGLE_BODY.0);
        let szx = rng.u8(0..=6);
        // Mostly a few blocks; now and then many.
        let most = if rng.u8(0..200) == 0 { 200 << 10 } else { (16 << szx) * 12 };
        let mut length =
            |most: usize| if rng.u8(0..4) == 0 { 0 } else { rng.usize(0..most.min(200 << (szx + 4))) };
        let (up, down) = (length(most), length(most));
        Scenario {
            conditions: Conditions::up_to(0.4, rng),
            kind: if rng.u8(0..4) == 0 { NON } else { CON },
            up,
            down,
            szx,
            client: if rng.bool() { single } else { Mode::USE_LIBCOAP },
            server: if rng.bool() { single } else { Mode(single.0 | Mode::STLESS_BLOCK2.0) },
        }
    }
}

/// Bytes that differ from place to place.
fn body(length: usize, salt: u8) -> Vec<u8> {
    (0..length).map(|i| (i ^ i >> 8) as u8 ^ salt).collect()
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
    let mut pair = Pair::new(seed, scenario.conditions.clone());
    let (up, down) = (body(scenario.up, 1), body(scenario.down, 2));
    pair.server().engine.config.block_mode = scenario.server;
    let response: Shared = Arc::new(down.clone());
    pair.server().serve("r", move |turn| {
        let request = turn.exchange.request.clone();
        let session = turn.exchange.session;
        let response_pdu = &mut turn.exchange.response;
        response_pdu.set_code(Code::CONTENT);
        let about = Representation::default();
        turn.engine.add_body(turn.now, session, &request, response_pdu, about, &response).unwrap();
    });
    let (session, now) = (pair.session, pair.world.now);
    pair.client().engine.session_mut(session).unwrap().block_mode = scenario.client;
    let mut request = pair.client().new_request(session, scenario.kind, Code::POST, "r");
    let token = request.token().to_vec();
    let size = Block { num: 0, more: false, szx: scenario.szx };
    request.add_option(Number::BLOCK2, &size.encode()).unwrap();
    request.add_option(Number::BLOCK1, &size.encode()).unwrap();
    let upload = Upload::begin(&mut request, &(Arc::new(up.clone()) as Shared), 6, b"tag").unwrap();
    pair.client().engine.submit(now, session, request, upload).unwrap();
    pair.world.settle(CLIENT);
    pair.world.drive_bounded();

    // What the server saw of the request is what was sent. A copy of the request that comes late
    // may be handled once more.
    for record in &pair.server().journal {
        if let What::Request { request, body, .. } = &record.what {
            let seen = body.as_ref().and_then(|b| b.data.as_deref());
            let seen = seen.unwrap_or(request.payload().unwrap_or(&[]));
            assert!(seen == up || request.option(Number::BLOCK2).is_some() && seen.is_empty());
        }
    }
    // The client sees the body whole, or piece by piece, or hears once that it does not.
    let mut seen = Vec::new();
    let (mut complete, mut failures) = (0, 0);
    for record in &pair.client().journal {
        match &record.what {
            What::Response { received, body, .. } => {
                assert_eq!((received.token(), received.code()), (&token[..], Code::CONTENT));
                match body.as_deref() {
                    Some(shown) if shown.data.is_some() => seen.clone_from(shown.data.as_ref().unwrap()),
                    Some(shown) => {
                        seen.truncate(shown.offset);
                        assert_eq!(seen.len(), shown.offset);
                        seen.extend_from_slice(received.payload().unwrap_or(&[]));
                    }
                    None => seen = received.payload().unwrap_or(&[]).to_vec(),
                }
                complete += usize::from(seen.len() == body.as_ref().map_or(seen.len(), |b| b.total));
            }
            What::Nack { sent, .. } => {
                failures += 1;
                assert_eq!(sent.as_ref().map(|s| s.token()), Some(&token[..]));
            }
            What::Notice(Notice::PartialBody | Notice::BodyNotSent) => failures += 1,
            _ => {}
        }
    }
    if complete > 0 {
        assert_eq!((seen.len(), complete), (down.len(), 1));
        assert!(seen == down);
        tally.complete.fetch_add(1, Ordering::Relaxed);
    } else {
        // Nobody says that a single message that needs no acknowledgement was lost.
        assert!(failures == 1 || failures == 0 && scenario.kind == NON);
        tally.failed.fetch_add(1, Ordering::Relaxed);
    }
    pair.finish();
}

#[test]
fn bodies_arrive_as_they_were_sent_or_fail_once_and_nothing_is_left() {
    let tally = Tally::default();
    let runs = run_seeds(10_000, |seed, _| run(seed, &tally));
    let (complete, failed) = (tally.complete.into_inner(), tally.failed.into_inner());
    assert_eq!(complete + failed, runs);
    if runs >= 1000 {
        assert!(complete > runs / 5 && failed > runs / 50, "{complete} complete, {failed} failed");
    }
}
