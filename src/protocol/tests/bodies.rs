//! Bodies larger than a message on a bad network (RFC 7959): whatever is lost, repeated or
//! overtaken, each arrives as it was sent or its sender hears once that it did not, its memory is
//! given back once, and nothing is left behind.

mod application;
mod verdict;

use crate::heap;
use crate::message::{Code, Number, Pdu, Type};
use crate::protocol::block::{Block, MAX_SZX, Mode, Upload};
use crate::protocol::simulation::{CLIENT, CON, Conditions, NON, Pair, Replay, SERVER, World, run_seeds};
use application::{Library, serve};
use core::time::Duration;
use std::cell::RefCell;
use std::rc::Rc;
use verdict::Tally;

/// An option that is no part of a cache key: says which transfer a message belongs to, and makes
/// no two of them different.
const INDEX: Number = Number(92);

/// The largest body.
const LARGEST: usize = 200 << 10;

/// The library does everything.
const SINGLE: Mode = Mode(Mode::USE_LIBCOAP.0 | Mode::SINGLE_BODY.0);

/// How a server treats bodies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Server {
    /// The library does it all, or shows each block, in this mode.
    Library(Mode),
    /// The application does it all, and changes the block size as it likes.
    ByHand,
}

/// One request.
#[derive(Clone, Debug)]
struct Transfer {
    at: Duration,
    kind: Type,
    code: Code,
    /// Bytes of the body of the request, and of the response.
    up: usize,
    down: usize,
    /// The exponents of the block sizes that the client asks for.
    szx_up: Option<u8>,
    szx_down: Option<u8>,
}

/// All that a seed stands for.
#[derive(Clone, Debug)]
struct Scenario {
    seed: u64,
    conditions: Conditions,
    is_good: bool,
    nstart: u16,
    client: Mode,
    server: Server,
    /// Whether what the application of the server sends has a tag that it has chosen: the same for
    /// the same body.
    is_tagged: bool,
    transfers: Vec<Transfer>,
    /// When which host takes another largest block size.
    changes: Vec<(Duration, usize, u8)>,
    /// When what the application of the server sends becomes something else.
    edited: Option<Duration>,
    /// When the client ends its session, if it does not wait for the end of all transfers.
    leaves: Option<Duration>,
}

impl Scenario {
    fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let rng = &mut rng;
        let blocks = match rng.u16(0..1000) {
            0..960 => 10,
            960..996 => 60,
            996..998 => 400,
            998 => LARGEST / 256,
            _ => LARGEST / 16,
        };
        // A long transfer hardly ever ends well on a very bad network.
        let worst = if blocks > 400 { [0.0, 0.0, 0.02, 0.1] } else { [0.0, 0.1, 0.4, 0.4] }[rng.usize(0..4)];
        let with = |mode: Mode, other: Mode, rng: &mut fastrand::Rng| {
            if rng.u8(0..4) == 0 { Mode(mode.0 | other.0) } else { mode }
        };
        let mut client = if rng.bool() { SINGLE } else { Mode::USE_LIBCOAP };
        client = with(client, Mode::NO_PREEMPTIVE_RTAG, rng);
        client = with(client, Mode::STLESS_FETCH, rng);
        let mut conditions = Conditions::up_to(worst, rng);
        conditions.latency += Duration::from_millis(1);
        if worst == 0.0 {
            // Slow it may be.
            conditions.jitter = Duration::ZERO;
        }
        // All of the body is made and looked at for each block: too slow for long ones.
        let stateless = if blocks > 60 { Mode::default() } else { Mode::STLESS_BLOCK2 };
        let server = match rng.u8(0..8) {
            0 | 1 => Server::ByHand,
            2 | 3 => Server::Library(with(Mode::USE_LIBCOAP, stateless, rng)),
            _ => {
                let mode = with(SINGLE, stateless, rng);
                Server::Library(with(mode, Mode::NOT_RANDOM_BLOCK1, rng))
            }
        };
        let count = if blocks > 60 { rng.usize(1..3) } else { rng.usize(1..5) };
        let span = rng.u64(1..30_000);
        let transfers = (0..count).map(|_| Transfer::new(span, blocks, rng)).collect();
        let mut changes = Vec::new();
        while rng.u8(0..3) == 0 {
            let at = Duration::from_millis(rng.u64(0..60_000));
            changes.push((at, if rng.bool() { CLIENT } else { SERVER }, rng.u8(0..=MAX_SZX)));
        }
        let leaves = (rng.u8(0..20) == 0).then(|| Duration::from_millis(rng.u64(0..60_000)));
        let edited = (rng.u8(0..12) == 0).then(|| Duration::from_millis(rng.u64(0..60_000)));
        Scenario {
            seed,
            is_good: worst == 0.0,
            conditions,
            nstart: rng.u16(1..4),
            client,
            server,
            is_tagged: rng.bool() || edited.is_some(),
            transfers,
            changes,
            edited,
            leaves,
        }
    }

    /// The body of a request.
    fn request(&self, index: usize) -> Vec<u8> {
        body(self.transfers[index].up, index as u8)
    }

    /// The body of its response, before and after it was edited.
    fn response(&self, index: usize, version: u8) -> Vec<u8> {
        body(self.transfers[index].down, 64 + index as u8 + 8 * version)
    }
}

/// Bytes that differ from place to place and by `salt`.
fn body(length: usize, salt: u8) -> Vec<u8> {
    (0..length).map(|i| (i ^ i >> 8 ^ i >> 16) as u8 ^ salt.wrapping_mul(37)).collect()
}

impl Transfer {
    fn new(span: u64, blocks: usize, rng: &mut fastrand::Rng) -> Self {
        let szx = |rng: &mut fastrand::Rng| (rng.u8(0..4) > 0).then(|| rng.u8(0..=MAX_SZX));
        let (szx_up, szx_down) = (szx(rng), szx(rng));
        let length = |szx: Option<u8>, rng: &mut fastrand::Rng| {
            let size = 16usize << szx.unwrap_or(MAX_SZX);
            let most = (blocks * size).min(LARGEST);
            match rng.u8(0..8) {
                0 | 1 => 0,
                2 => most,
                // At the edges of blocks.
                3 => (rng.usize(0..=most / size) * size + rng.usize(0..3)).saturating_sub(1).min(LARGEST),
                _ => rng.usize(0..=most),
            }
        };
        let (up, down) = (length(szx_up, rng), length(szx_down, rng));
        let code = match up {
            0 => [Code::GET, Code::FETCH, Code::POST][rng.usize(0..3)],
            _ => [Code::PUT, Code::POST, Code::FETCH][rng.usize(0..3)],
        };
        Transfer {
            at: Duration::from_millis(rng.u64(0..span)),
            kind: if rng.u8(0..4) == 0 { NON } else { CON },
            code,
            up,
            down,
            szx_up,
            szx_down,
        }
    }
}

/// A request that was given to the client's engine: its token, or that it could not be sent.
type Started = Rc<RefCell<Vec<Option<Vec<u8>>>>>;

fn begin(world: &mut World, scenario: &Scenario, index: usize, library: &Library) -> Option<Vec<u8>> {
    let transfer = &scenario.transfers[index];
    let now = world.now;
    let client = &mut world.hosts[CLIENT];
    let id = client.engine.sessions().iter().map(|(id, _)| id).next()?;
    let mut request = client.new_request(id, transfer.kind, transfer.code, "r");
    if transfer.code == Code::FETCH {
        request.add_option(Number::CONTENT_FORMAT, &[]).unwrap();
    }
    request.add_option(INDEX, &[index as u8]).unwrap();
    let ask = |request: &mut Pdu, number, szx: Option<u8>| {
        if let Some(szx) = szx {
            request.add_option(number, &Block { num: 0, more: false, szx }.encode()).unwrap();
        }
    };
    ask(&mut request, Number::BLOCK2, transfer.szx_down);
    ask(&mut request, Number::BLOCK1, transfer.szx_up.filter(|_| transfer.up > 0));
    let token = request.token().to_vec();
    let session = client.engine.session_mut(id).unwrap();
    let (tag, largest) = (session.new_request_tag(), session.largest_szx);
    let body = library.lend(scenario.request(index));
    let upload = Upload::begin(&mut request, &body, largest, &tag).unwrap();
    drop(body);
    client.engine.submit(now, id, request, upload).unwrap();
    world.settle(CLIENT);
    Some(token)
}

fn run(seed: u64, is_traced: bool, tally: &Tally) {
    let held = heap::held();
    let replay = Replay { seed, scenario: Scenario::new(seed) };
    let scenario = Rc::new(replay.scenario.clone());
    let mut pair = Pair::new(seed, scenario.conditions.clone());
    pair.world.network.is_traced = is_traced;
    let library = Library::default();
    serve(&mut pair, &scenario, &library);
    let session = pair.session;
    let of_client = pair.client().engine.session_mut(session).unwrap();
    of_client.block_mode = scenario.client;
    of_client.params_mut().nstart = scenario.nstart;
    let started: Started = Rc::new(RefCell::new(vec![None; scenario.transfers.len()]));
    for (index, transfer) in scenario.transfers.iter().enumerate() {
        let (started, scenario, library) = (Rc::clone(&started), Rc::clone(&scenario), library.clone());
        pair.world.after(transfer.at, move |world| {
            started.borrow_mut()[index] = begin(world, &scenario, index, &library);
        });
    }
    for (at, host, szx) in scenario.changes.iter().copied() {
        pair.world.after(at, move |world| {
            let engine = &mut world.hosts[host].engine;
            engine.config.largest_szx = szx;
            let ids: Vec<_> = engine.sessions().iter().map(|(id, _)| id).collect();
            ids.into_iter().for_each(|id| engine.session_mut(id).unwrap().largest_szx = szx);
        });
    }
    if let Some(at) = scenario.leaves {
        pair.world.after(at, move |world| {
            world.hosts[CLIENT].engine.end(session);
            world.settle(CLIENT);
        });
    }
    pair.world.drive_bounded();
    verdict::check(&pair, &scenario, &started.borrow(), &library, tally);
    pair.finish();
    drop((pair, scenario, started, library, replay));
    let kept = heap::held() - held;
    // What is shown is kept until it is.
    assert!(kept == 0 || is_traced, "{kept} bytes are held by nobody");
}

#[test]
fn bodies_arrive_as_they_were_sent_or_fail_once_and_nothing_is_left() {
    let tally = Tally::default();
    let runs = run_seeds(10_000, |seed, is_traced| run(seed, is_traced, &tally));
    if runs >= 1000 {
        tally.check(runs);
    }
}

/// Transfers between two libraries whose handlers see whole bodies, and nothing goes wrong.
fn on_a_perfect_network(nstart: u16, transfers: Vec<Transfer>) -> Rc<Scenario> {
    Rc::new(Scenario {
        seed: 1,
        conditions: Conditions::PERFECT,
        is_good: true,
        nstart,
        client: SINGLE,
        server: Server::Library(SINGLE),
        is_tagged: false,
        transfers,
        changes: Vec::new(),
        edited: None,
        leaves: None,
    })
}

/// What a transfer takes is given back, not only kept for the next one.
#[test]
fn memory_returns_to_its_start_after_each_round_of_transfers() {
    let transfer = |code| Transfer {
        at: Duration::ZERO,
        kind: CON,
        code,
        up: 60_000,
        down: 60_000,
        szx_up: Some(5),
        szx_down: Some(4),
    };
    let scenario =
        on_a_perfect_network(2, [Code::PUT, Code::POST, Code::FETCH, Code::POST].map(transfer).to_vec());
    let mut pair = Pair::new(1, scenario.conditions.clone());
    let library = Library::default();
    serve(&mut pair, &scenario, &library);
    let session = pair.session;
    pair.client().engine.session_mut(session).unwrap().block_mode = scenario.client;
    let mut held = Vec::new();
    for _ in 0..5 {
        (0..4).for_each(|index| drop(begin(&mut pair.world, &scenario, index, &library)));
        pair.world.run_for(Duration::from_secs(3600));
        let now = pair.world.now;
        for host in &mut pair.world.hosts {
            host.engine.handle_timeout(now);
            host.journal = Vec::new();
        }
        assert_eq!(library.forget(), 4, "bodies arrived");
        pair.world.network.journal = Vec::new();
        held.push(heap::held());
    }
    assert!(held[1..].iter().all(|now| *now == held[1]), "held after each round: {held:?}");
    assert_eq!(library.out(), 0);
    pair.finish();
}

/// The largest body whose blocks of 16 bytes can be numbered, in blocks of 1024 both ways.
#[test]
fn bodies_of_16_mebibytes_go_up_and_down_in_one_exchange() {
    let (up, down) = (16 << 20, 16 << 20);
    let transfer =
        Transfer { at: Duration::ZERO, kind: CON, code: Code::POST, up, down, szx_up: None, szx_down: None };
    let scenario = on_a_perfect_network(1, vec![transfer]);
    let mut pair = Pair::new(1, scenario.conditions.clone());
    let library = Library::default();
    serve(&mut pair, &scenario, &library);
    let session = pair.session;
    pair.client().engine.session_mut(session).unwrap().block_mode = scenario.client;
    let token = begin(&mut pair.world, &scenario, 0, &library);
    while library.out() > 0 {
        pair.world.run_for(Duration::from_secs(300));
        pair.world.network.journal.clear();
    }
    verdict::check(&pair, &scenario, &[token], &library, &Tally::default());
    pair.finish();
}

/// RFC 7959 §2.2: a block number has 20 bits.
#[test]
fn a_response_with_more_blocks_than_numbers_is_refused_with_an_error() {
    let mut pair = Pair::new(1, Conditions::PERFECT);
    pair.server().engine.config.block_mode = SINGLE;
    let body: crate::protocol::block::Shared = std::sync::Arc::new(vec![7; (16 << 20) + 1]);
    let results = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&results);
    pair.server().serve("r", move |turn| {
        let (session, request) = (turn.exchange.session, turn.exchange.request.clone());
        let (response, about) = (&mut turn.exchange.response, Default::default());
        response.set_code(Code::CONTENT);
        let added = turn.engine.add_body(turn.now, session, &request, response, about, &body);
        seen.borrow_mut().push(added.map_err(|e| e.to_string()));
    });
    let session = pair.session;
    for szx in [0, 1] {
        let mut request = pair.client().new_request(session, CON, Code::GET, "r");
        request.add_option(Number::BLOCK2, &Block { num: 0, more: false, szx }.encode()).unwrap();
        pair.world.send(CLIENT, session, request);
        pair.world.run_for(Duration::from_secs(1));
    }
    let error = "a body of 16777217 bytes has more blocks than can be numbered";
    assert_eq!(*results.borrow(), [Err(error.to_string()), Ok(())]);
    pair.world.drive_bounded();
    pair.finish();
}
