//! Proxies between datagrams and streams: a client, three proxies in a row and an origin server, of
//! whose hops some lose, repeat and reorder datagrams and others cut a stream of bytes at any place
//! (RFC 7252 §5.7, RFC 8323). Large bodies and the state of what is observed pass through all of them.

use super::blockwise::SINGLE;
use super::proxying::{finish, heard, make_proxy_through};
use crate::message::uri::Scheme;
use crate::message::{Code, Number};
use crate::protocol::block::{Shared, Upload};
use crate::protocol::engine::Representation;
use crate::protocol::event::NackReason;
use crate::protocol::params::FixedPoint;
use crate::protocol::resource::{Flags, Kind};
use crate::protocol::session::{Session, SessionId, Transport};
use crate::protocol::simulation::{CON, Conditions, Host, Record, Replay, What, World, run_seeds};
use core::time::Duration;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The length of a body.
const LENGTH: usize = 256 << 10;

/// The client, three proxies, and the origin server.
const HOSTS: [usize; 5] = [0, 1, 2, 3, 4];
const CLIENT: usize = HOSTS[0];
const ORIGIN: usize = HOSTS[4];

/// One hop of the way.
#[derive(Clone, Copy, Debug)]
struct Leg {
    transport: Transport,
    /// The most bytes of a stream that arrive at once.
    piece: usize,
}

/// All that a seed stands for.
#[derive(Debug)]
struct Scenario {
    legs: [Leg; 4],
    /// The most that each host takes in one message of a stream.
    sizes: [u32; 5],
}

impl Scenario {
    fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let legs = [0, 1, 2, 3].map(|n| {
            // Alternating, and in any other order when that has been seen.
            let is_lossy = if seed < 4 { (n + seed).is_multiple_of(2) } else { rng.bool() };
            let transport = match rng.bool() {
                _ if is_lossy => Transport::Udp,
                true => Transport::Tcp,
                false => Transport::WebSocket,
            };
            Leg { transport, piece: [300, 5000, 100_000][rng.usize(0..3)] }
        });
        let sizes = HOSTS.map(|_| [1152, 2000, 20_000, 8_388_864][rng.usize(0..4)]);
        Scenario { legs, sizes }
    }
}

/// Gives up later than anything is lost here: of the thousands of messages of a run some are lost ten
/// times in a row.
fn patient(session: &mut Session) {
    session.params_mut().max_retransmit = 19;
    session.params_mut().ack_timeout = FixedPoint::new(0, 25);
}

fn connect(world: &mut World, from: usize, leg: Leg) -> SessionId {
    let session = match leg.transport {
        Transport::Udp => world.connect(from, from + 1),
        transport => world.connect_over(from, from + 1, transport, leg.piece),
    };
    patient(world.hosts[from].engine.session_mut(session).unwrap());
    session
}

/// A body that differs from others.
fn body(number: u8) -> Vec<u8> {
    (0..LENGTH).map(|i| (i ^ i >> 8 ^ i >> 16) as u8 ^ number.wrapping_mul(37)).collect()
}

/// The state of a resource is what was put there last; who observes it is told.
fn serve(world: &mut World, host: usize) -> Rc<RefCell<Vec<u8>>> {
    let state = Rc::new(RefCell::new(body(0)));
    let served = Rc::clone(&state);
    let resource = world.hosts[host].serve_as("r", Kind::Plain, Flags::NOTIFY_CON, move |turn| {
        let (session, request) = (turn.exchange.session, turn.exchange.request.clone());
        patient(turn.engine.session_mut(session).unwrap());
        if request.code() == Code::PUT {
            let came = turn.exchange.body.as_ref().and_then(|b| b.data.clone());
            *served.borrow_mut() = came.unwrap_or_else(|| request.payload().unwrap().to_vec());
            turn.engine.notify(turn.exchange.resource);
            return turn.reply(Code::CHANGED, b"");
        }
        let (pdu, about) = (&mut turn.exchange.response, Representation::default());
        pdu.set_code(Code::CONTENT);
        let body: Shared = Arc::new(served.borrow().clone());
        turn.engine.add_body(turn.now, session, &request, pdu, about, &body).unwrap();
    });
    world.hosts[host].engine.resources.get(resource).unwrap().resource.set_observable(true);
    state
}

/// A request of the client. Gives its token.
fn ask(
    world: &mut World,
    session: SessionId,
    code: Code,
    options: &[(Number, &[u8])],
    body: &[u8],
) -> Vec<u8> {
    let now = world.now;
    let client = &mut world.hosts[CLIENT];
    let mut request = client.new_request(session, CON, code, "r");
    for (number, value) in options {
        request.update_option(*number, value).unwrap();
    }
    let sender = client.engine.session_mut(session).unwrap();
    let (tag, largest) = (sender.new_request_tag(), sender.largest_block());
    let body: Shared = Arc::new(body.to_vec());
    let upload = Upload::begin(&mut request, &body, largest, &tag).unwrap();
    let token = request.token().to_vec();
    client.engine.submit(now, session, request, upload).unwrap();
    world.settle(CLIENT);
    token
}

/// The bodies that the client heard.
fn bodies(world: &World) -> Vec<Vec<u8>> {
    heard(world).into_iter().filter(|line| line.1 == Code::CONTENT).map(|line| line.3).collect()
}

/// How many responses with this code the client heard.
fn count(world: &World, code: Code) -> usize {
    heard(world).iter().filter(|line| line.1 == code).count()
}

/// Whether a host keeps nothing of an observation.
fn observes_nothing(host: &Host) -> bool {
    let census = host.engine.census();
    (census.relays, census.observers, census.tracks) == (0, 0, 0)
}

/// Gives it time, but not for ever.
fn run_until(world: &mut World, is_so: impl Fn(&World) -> bool) {
    for _ in 0..3000 {
        if is_so(world) {
            return;
        }
        world.run_for(10 * SECOND);
    }
    let of_host = |host: &Host| format!("{:?}", host.engine.census());
    let heard: Vec<_> = heard(world).into_iter().map(|line| (line.1, line.2, line.3.len())).collect();
    panic!("it does not come: {heard:?} {:#?}", world.hosts.iter().map(of_host).collect::<Vec<_>>());
}

fn run(seed: u64, is_traced: bool) {
    let replay = Replay { seed, scenario: Scenario::new(seed) };
    let Scenario { legs, sizes, .. } = &replay.scenario;
    let detour = Duration::from_millis(200);
    let weather = Conditions { loss: 0.2, duplication: 0.1, reordering: 0.1, detour, ..Conditions::PERFECT };
    let mut world = World::new(seed, weather);
    world.network.is_traced = is_traced;
    for host in HOSTS {
        assert_eq!(world.add_host(), host);
        let config = &mut world.hosts[host].engine.config;
        (config.block_mode, config.csm_max_message_size) = (SINGLE, sizes[host]);
        // While a message is lost over and over again on one hop, the others are idle.
        config.session_timeout = DAY;
    }
    let state = serve(&mut world, ORIGIN);
    for (proxy, leg) in legs.iter().enumerate().skip(1) {
        let upstream = connect(&mut world, proxy, *leg);
        let scheme = match leg.transport {
            Transport::Udp => Scheme::Coap,
            Transport::WebSocket => Scheme::CoapWs,
            _ => Scheme::CoapTcp,
        };
        make_proxy_through(&mut world, proxy, proxy + 1, scheme, upstream, patient);
    }
    let session = connect(&mut world, CLIENT, legs[0]);
    world.run_for(SECOND);

    // There is a body, and it is observed.
    let token = ask(&mut world, session, Code::GET, &[(Number::OBSERVE, &[])], &[]);
    run_until(&mut world, |world| bodies(world).last() == Some(&body(0)));

    // It is replaced, and the new one is told; then twice, so that one may overtake the other.
    let put = |world: &mut World, number| {
        ask(world, session, Code::PUT, &[(Number::CONTENT_FORMAT, &[42])], &body(number))
    };
    put(&mut world, 1);
    run_until(&mut world, |world| bodies(world).last() == Some(&body(1)));
    assert!(*state.borrow() == body(1));
    put(&mut world, 2);
    world.run_for(3 * SECOND);
    put(&mut world, 3);
    run_until(&mut world, |world| count(world, Code::CHANGED) == 3);
    assert!([body(2), body(3)].contains(&state.borrow()));
    run_until(&mut world, |world| bodies(world).last() == Some(&*state.borrow()));

    // It is observed no more: a last body comes, and nobody on the way remembers that it was.
    world.run_for(60 * SECOND);
    let (now, told) = (world.now, count(&world, Code::CONTENT));
    assert!(world.hosts[CLIENT].engine.cancel_observation(now, session, &token, CON));
    world.settle(CLIENT);
    run_until(&mut world, |world| count(world, Code::CONTENT) > told);
    run_until(&mut world, |world| world.hosts.iter().all(observes_nothing));
    ask(&mut world, session, Code::PUT, &[], &body(4));
    run_until(&mut world, |world| count(world, Code::CHANGED) == 4);
    world.run_for(120 * SECOND);
    assert_eq!(count(&world, Code::CONTENT), told + 1, "nobody observes, and somebody is told");

    // And it can be asked for.
    ask(&mut world, session, Code::GET, &[], &[]);
    run_until(&mut world, |world| count(world, Code::CONTENT) > told + 1);
    assert!(*state.borrow() == body(4) && bodies(&world).last() == Some(&body(4)));
    let heard = heard(&world);
    assert!(heard.iter().all(|line| matches!(line.1, Code::CONTENT | Code::CHANGED)));
    // What is reset is a block of a body that has changed, which came late.
    let is_nack =
        |record: &&Record| matches!(record.what, What::Nack { reason, .. } if reason != NackReason::Reset);
    let nack = world.hosts.iter().flat_map(|host| &host.journal).find(is_nack);
    assert!(nack.is_none(), "{nack:?}");
    // What was received is remembered for long where messages are repeated for long.
    world.run_for(DAY / 2);
    finish(&mut world, &HOSTS);
}

#[test]
fn bodies_and_states_pass_through_proxies_over_streams_and_datagrams_as_they_were_sent() {
    run_seeds(300, |seed, is_traced| {
        // A run takes as long as a hundred of those of other tests.
        match is_traced {
            true => run(seed, true),
            false if seed.is_multiple_of(100) => run(seed / 100, false),
            false => {}
        }
    });
}
