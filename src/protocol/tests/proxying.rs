//! Proxies (RFC 7252 §5.7): each response reaches who asked for it and nobody else, whatever becomes of
//! the client, the next server and the messages between them, and nothing is left over.

use super::blockwise::{SINGLE, body};
use crate::message::uri::Scheme;
use crate::message::{Code, Number, Pdu, Type};
use crate::protocol::block::{Mode, Shared, Upload};
use crate::protocol::engine::{Forward, Representation};
use crate::protocol::event::Notice;
use crate::protocol::params::FixedPoint;
use crate::protocol::proxy::UpstreamKey;
use crate::protocol::resource::{Flags, Kind, ResourceId};
use crate::protocol::session::{Role, Session, SessionId};
use crate::protocol::simulation::{CON, Conditions, Host, NON, Record, Turn, What, World};
use core::time::Duration;
use std::sync::Arc;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// A world with a client, so many proxies in a row, and an origin server; and the numbers of the hosts.
fn chain(seed: u64, conditions: Conditions, proxies: usize, mode: Mode) -> (World, Vec<usize>) {
    let mut world = World::new(seed, conditions);
    let hosts: Vec<_> = (0..proxies + 2).map(|_| world.add_host()).collect();
    hosts.iter().for_each(|host| world.hosts[*host].engine.config.block_mode = mode);
    for pair in hosts[1..].windows(2) {
        make_proxy(&mut world, pair[0], pair[1]);
    }
    (world, hosts)
}

/// Makes a host a reverse proxy of another. Gives its session to that.
fn make_proxy(world: &mut World, host: usize, to: usize) -> SessionId {
    let upstream = world.connect(host, to);
    make_proxy_through(world, host, to, Scheme::Coap, upstream, patient);
    upstream
}

/// The same where its session to the other is there.
pub(super) fn make_proxy_through(
    world: &mut World,
    host: usize,
    to: usize,
    scheme: Scheme,
    upstream: SessionId,
    patient: fn(&mut Session),
) {
    let (now, remote) = (world.now, world.hosts[to].address.clone());
    let host = &mut world.hosts[host];
    let key = UpstreamKey { scheme, remote, host: None, credentials: [0; 3], client: None };
    host.engine.add_upstream(now, upstream, key, None);
    assert!(host.engine.release(now, upstream).is_none(), "it is held as one to another server");
    host.relays = true;
    patient(host.engine.session_mut(upstream).unwrap());
    host.serve_as("", Kind::ReverseProxy, Flags::default(), move |turn| {
        patient(turn.engine.session_mut(turn.exchange.session).unwrap());
        forward(turn, upstream);
    });
}

pub(super) fn forward(turn: &mut Turn<'_>, upstream: SessionId) {
    let client = turn.exchange.session;
    let (request, body) = (turn.exchange.request.clone(), turn.exchange.body.clone());
    if turn.engine.forward_cancel(turn.now, client, &request, None) {
        return;
    }
    let body = body.as_deref();
    let (named, kept, is_one_of_many) = (None, None, false);
    let forward = Forward { client, request: &request, body, upstream, named, kept, is_one_of_many };
    if let Err(refusal) = turn.engine.forward(turn.now, forward) {
        turn.reply(refusal.code, b"");
    }
}

/// Gives up later, and tries sooner: what is lost is not the point.
fn patient(session: &mut Session) {
    session.params_mut().max_retransmit = 12;
    session.params_mut().ack_timeout = FixedPoint::new(0, 50);
}

/// A session of the client to the first proxy.
fn connect(world: &mut World, hosts: &[usize]) -> SessionId {
    let session = world.connect(hosts[0], hosts[1]);
    let client = &mut world.hosts[hosts[0]].engine;
    patient(client.session_mut(session).unwrap());
    session
}

fn ask(
    world: &mut World,
    session: SessionId,
    kind: Type,
    code: Code,
    options: &[(Number, &[u8])],
) -> Vec<u8> {
    send(world, session, kind, code, options, &[])
}

fn send(
    world: &mut World,
    session: SessionId,
    kind: Type,
    code: Code,
    options: &[(Number, &[u8])],
    payload: &[u8],
) -> Vec<u8> {
    let now = world.now;
    let client = &mut world.hosts[0];
    let mut request = client.new_request(session, kind, code, "r");
    for (number, value) in options {
        request.update_option(*number, value).unwrap();
    }
    let body: Shared = Arc::new(payload.to_vec());
    let upload = Upload::begin(&mut request, &body, 6, b"tag").unwrap();
    let token = request.token().to_vec();
    client.engine.submit(now, session, request, upload).unwrap();
    world.settle(0);
    token
}

/// What the client heard: in which session, with which code, Observe number, and body.
pub(super) fn heard(world: &World) -> Vec<(SessionId, Code, Option<u64>, Vec<u8>)> {
    let line = |record: &Record| match &record.what {
        What::Response { received, body, .. } => {
            let data = body.as_ref().and_then(|b| b.data.as_deref()).or(received.payload());
            let observe = received.option_uint(Number::OBSERVE);
            Some((record.session, received.code(), observe, data.unwrap_or_default().to_vec()))
        }
        _ => None,
    };
    world.hosts[0].journal.iter().filter_map(line).collect()
}

fn codes(world: &World) -> Vec<Code> {
    heard(world).into_iter().map(|(_, code, ..)| code).collect()
}

/// Ends all sessions and looks whether anything is left on any host.
pub(super) fn finish(world: &mut World, hosts: &[usize]) {
    for host in hosts {
        world.hosts[*host].engine.end_all();
        world.settle(*host);
    }
    world.run_for(HOUR);
    for host in hosts {
        world.hosts[*host].engine.handle_timeout(world.now);
        assert_eq!(world.hosts[*host].engine.census(), Default::default(), "host {host}");
    }
}

/// An origin server whose body of so many bytes is `fill` bytes.
fn serve_body(world: &mut World, host: usize, length: usize) -> Vec<u8> {
    let content = body(length);
    let shared: Shared = Arc::new(content.clone());
    world.hosts[host].serve("r", move |turn| {
        let (session, request) = (turn.exchange.session, turn.exchange.request.clone());
        patient(turn.engine.session_mut(session).unwrap());
        let (pdu, about) = (&mut turn.exchange.response, Representation::default());
        if request.code() == Code::GET {
            pdu.set_code(Code::CONTENT);
            turn.engine.add_body(turn.now, session, &request, pdu, about, &shared).unwrap();
        } else {
            pdu.set_code(Code::CHANGED);
        }
    });
    content
}

#[test]
fn large_bodies_pass_through_three_proxies_on_a_bad_network() {
    let lossy = Conditions { loss: 0.2, ..Conditions::PERFECT };
    let (mut world, hosts) = chain(7, lossy, 3, SINGLE);
    let content = serve_body(&mut world, hosts[4], 256 << 10);
    let session = connect(&mut world, &hosts);
    ask(&mut world, session, CON, Code::GET, &[]);
    world.run_for(HOUR);
    let all = heard(&world);
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].1, Code::CONTENT);
    assert!(all[0].3 == content, "{} bytes", all[0].3.len());
    send(&mut world, session, CON, Code::PUT, &[(Number::CONTENT_FORMAT, &[42])], &content);
    world.run_for(HOUR);
    assert_eq!(codes(&world)[1..], [Code::CHANGED]);
    let came = |record: &Record| match &record.what {
        What::Request { request, body, .. } if request.code() == Code::PUT => {
            Some(body.as_ref().unwrap().data.clone().unwrap())
        }
        _ => None,
    };
    let uploads: Vec<_> = world.hosts[hosts[4]].journal.iter().filter_map(came).collect();
    assert!(uploads.len() == 1 && uploads[0] == content);
    finish(&mut world, &hosts);
}

#[test]
fn the_last_state_passes_through_three_proxies_on_a_bad_network_until_it_is_observed_no_more() {
    let lossy = Conditions { loss: 0.2, ..Conditions::PERFECT };
    for seed in 0..20 {
        let (mut world, hosts) = chain(seed, lossy.clone(), 3, SINGLE);
        let origin = hosts[4];
        let mut state = 0u8;
        let resource = world.hosts[origin].serve_as("r", Kind::Plain, Flags::NOTIFY_CON, move |turn| {
            patient(turn.engine.session_mut(turn.exchange.session).unwrap());
            state += 1;
            turn.reply(Code::CONTENT, &[state]);
        });
        let entry = world.hosts[origin].engine.resources.get(resource).unwrap();
        entry.resource.set_observable(true);
        let session = connect(&mut world, &hosts);
        let token = ask(&mut world, session, CON, Code::GET, &[(Number::OBSERVE, &[])]);
        world.run_for(60 * SECOND);
        for _ in 0..10 {
            world.hosts[origin].engine.notify(resource);
            world.run_for(60 * SECOND);
        }
        let all = heard(&world);
        let numbers: Vec<_> = all.iter().map(|(_, code, observe, _)| (*code, observe.is_some())).collect();
        assert!(numbers.iter().all(|n| *n == (Code::CONTENT, true)), "seed {seed}: {numbers:?}");
        assert_eq!(all.last().unwrap().3, [11], "seed {seed}");
        let now = world.now;
        assert!(world.hosts[0].engine.cancel_observation(now, session, &token, CON));
        world.settle(0);
        world.run_for(60 * SECOND);
        for host in &hosts[1..4] {
            let census = world.hosts[*host].engine.census();
            assert_eq!((census.relays, census.observers), (0, 0), "seed {seed}, host {host}");
        }
        assert_eq!(world.hosts[origin].engine.census().observers, 0, "seed {seed}");
        finish(&mut world, &hosts);
    }
}

/// An origin server that answers each path with that, in a message of its own and in random order.
fn serve_paths(world: &mut World, host: usize) {
    let mut rng = fastrand::Rng::with_seed(5);
    world.hosts[host].serve_as("", Kind::Unknown, Flags::default(), move |turn| {
        if turn.is_delayed() {
            let path = turn.exchange.request.options().map(|o| o.value.to_vec()).collect::<Vec<_>>().concat();
            turn.reply(Code::CONTENT, &path);
        } else {
            turn.put_aside(Some(Duration::from_millis(rng.u64(1..2000))));
        }
    });
}

#[test]
fn each_of_200_clients_with_the_same_token_gets_its_own_response_through_one_session() {
    let lossy = Conditions { loss: 0.1, duplication: 0.1, reordering: 0.1, ..Conditions::PERFECT };
    let (mut world, hosts) = chain(3, Conditions { detour: SECOND, ..lossy }, 1, Mode::default());
    serve_paths(&mut world, hosts[2]);
    let clients: Vec<_> = (0..200).map(|_| connect(&mut world, &hosts)).collect();
    for round in 0..3 {
        for (n, session) in clients.iter().enumerate() {
            let now = world.now;
            let mut request = world.hosts[0].new_request(*session, CON, Code::GET, &format!("{round}-{n}"));
            request.set_token(b"same").unwrap();
            world.hosts[0].engine.send(now, *session, request).unwrap();
        }
        world.settle(0);
        world.run_for(300 * SECOND);
        let all = heard(&world);
        for (n, session) in clients.iter().enumerate() {
            let own: Vec<_> = all.iter().filter(|line| line.0 == *session).collect();
            assert_eq!(own.len(), round + 1, "client {n}");
            assert_eq!(own[round].3, format!("{round}-{n}").into_bytes());
        }
    }
    assert_eq!(world.hosts[hosts[1]].engine.census().relays, 0);
    finish(&mut world, &hosts);
}

#[test]
fn a_silent_request_holds_up_nobody_and_is_answered_5_04() {
    let (mut world, hosts) = chain(1, Conditions::PERFECT, 1, Mode::default());
    world.hosts[hosts[2]].serve("r", |turn| match turn.exchange.request.code() {
        // Acknowledged, and never answered.
        Code::GET => {}
        _ => turn.reply(Code::CHANGED, b""),
    });
    let (one, other) = (connect(&mut world, &hosts), connect(&mut world, &hosts));
    for kind in [CON, NON] {
        ask(&mut world, one, kind, Code::GET, &[]);
    }
    send(&mut world, other, CON, Code::PUT, &[], b"x");
    world.run_for(SECOND);
    assert_eq!(codes(&world), [Code::CHANGED]);
    world.run_for(HOUR);
    assert_eq!(codes(&world)[1..], [Code::GATEWAY_TIMEOUT; 2]);
    finish(&mut world, &hosts);
}

#[test]
fn a_server_that_is_not_there_is_5_04_and_one_that_resets_is_5_02() {
    let (mut world, hosts) = chain(1, Conditions::PERFECT, 1, Mode::default());
    let session = connect(&mut world, &hosts);
    let origin = world.hosts[hosts[2]].address.clone();
    // Nobody receives what goes to this address.
    world.hosts[hosts[2]].address = Host::address_of(99, 1);
    ask(&mut world, session, CON, Code::GET, &[]);
    world.run_for(HOUR);
    assert_eq!(codes(&world), [Code::GATEWAY_TIMEOUT]);
    world.hosts[hosts[2]].address = origin;
    // An option that the origin does not know: a non-confirmable request with it is reset.
    ask(&mut world, session, NON, Code::GET, &[(Number(65001), b"x")]);
    world.run_for(SECOND);
    assert_eq!(codes(&world)[1..], [Code::BAD_GATEWAY]);
    finish(&mut world, &hosts);
}

#[test]
fn a_client_that_waits_is_not_evicted_and_nobody_gets_the_response_of_another() {
    let (mut world, hosts) = chain(1, Conditions::PERFECT, 1, Mode::default());
    world.hosts[hosts[1]].engine.config.max_idle_sessions = 1;
    serve_paths(&mut world, hosts[2]);
    let clients: Vec<_> = (0..4).map(|_| connect(&mut world, &hosts)).collect();
    for (n, session) in clients.iter().enumerate() {
        let now = world.now;
        let request = world.hosts[0].new_request(*session, CON, Code::GET, &n.to_string());
        world.hosts[0].engine.send(now, *session, request).unwrap();
    }
    world.settle(0);
    world.run_for(60 * SECOND);
    for (n, session) in clients.iter().enumerate() {
        let all = heard(&world);
        let own: Vec<_> = all.iter().filter(|line| line.0 == *session).map(|line| line.3.clone()).collect();
        assert_eq!(own, [n.to_string().into_bytes()]);
    }
    finish(&mut world, &hosts);
}

#[test]
fn what_a_client_waits_for_is_forgotten_with_it() {
    let (mut world, hosts) = chain(1, Conditions::PERFECT, 1, SINGLE);
    serve_paths(&mut world, hosts[2]);
    let session = connect(&mut world, &hosts);
    ask(&mut world, session, CON, Code::GET, &[]);
    world.run_for(Duration::from_millis(100));
    let proxy = &mut world.hosts[hosts[1]];
    assert_eq!(proxy.engine.census().relays, 1);
    let is_client = |s: &Session| s.role == Role::Server;
    let client = proxy.engine.sessions().iter().find(|(_, s)| is_client(s)).unwrap().0;
    proxy.engine.end(client);
    world.settle(hosts[1]);
    world.run_for(60 * SECOND);
    assert_eq!(world.hosts[hosts[1]].engine.census().relays, 0);
    assert_eq!(heard(&world), []);
    let late = |r: &&Record| matches!(r.what, What::Response { .. });
    assert_eq!(world.hosts[hosts[1]].journal.iter().filter(late).count(), 0, "a late response is refused");
    finish(&mut world, &hosts);
}

#[test]
fn a_session_upstream_that_ends_is_5_02_for_all_who_wait() {
    let (mut world, hosts) = chain(1, Conditions::PERFECT, 1, Mode::default());
    serve_paths(&mut world, hosts[2]);
    let clients: Vec<_> = (0..3).map(|_| connect(&mut world, &hosts)).collect();
    clients.iter().for_each(|session| drop(ask(&mut world, *session, CON, Code::GET, &[])));
    world.run_for(Duration::from_millis(30));
    let proxy = &mut world.hosts[hosts[1]];
    let upstream = |s: &Session| s.role == Role::Client;
    let upstream = proxy.engine.sessions().iter().find(|(_, s)| upstream(s)).unwrap().0;
    proxy.engine.end(upstream);
    world.settle(hosts[1]);
    world.run_for(60 * SECOND);
    assert_eq!(codes(&world), [Code::BAD_GATEWAY; 3]);
    assert_eq!(world.hosts[hosts[1]].engine.census().upstreams, 0);
    finish(&mut world, &hosts);
}

/// An origin server with a resource that many may observe, and what it was asked.
fn observable(world: &mut World, host: usize) -> ResourceId {
    let resource = world.hosts[host].serve("r", |turn| turn.reply(Code::CONTENT, b"state"));
    world.hosts[host].engine.resources.get(resource).unwrap().resource.set_observable(true);
    resource
}

#[test]
fn clients_that_observe_the_same_through_one_session_are_all_notified() {
    for mode in [Mode::default(), SINGLE] {
        let (mut world, hosts) = chain(1, Conditions::PERFECT, 1, mode);
        let resource = observable(&mut world, hosts[2]);
        let clients: Vec<_> = (0..3).map(|_| connect(&mut world, &hosts)).collect();
        for session in &clients {
            ask(&mut world, *session, CON, Code::GET, &[(Number::OBSERVE, &[])]);
            world.run_for(SECOND);
        }
        world.hosts[hosts[2]].engine.notify(resource);
        world.run_for(SECOND);
        let mut who: Vec<_> = heard(&world).into_iter().skip(3).map(|line| line.0).collect();
        who.sort_unstable();
        assert_eq!(who, clients);
        finish(&mut world, &hosts);
    }
}

#[test]
fn a_client_that_resets_or_loses_a_notification_ends_the_observation_upstream() {
    for resets in [true, false] {
        let (mut world, hosts) = chain(1, Conditions::PERFECT, 1, Mode::default());
        let resource = observable(&mut world, hosts[2]);
        let session = connect(&mut world, &hosts);
        let token = ask(&mut world, session, CON, Code::GET, &[(Number::OBSERVE, &[])]);
        world.run_for(SECOND);
        assert_eq!(world.hosts[hosts[2]].engine.census().observers, 1);
        match resets {
            true => world.hosts[0].engine.session_mut(session).unwrap().exchanges.abandon(&token),
            false => drop(world.hosts[0].engine.disconnect(session)),
        }
        if !resets {
            world.hosts[0].engine.end(session);
            world.hosts[0].clients_are_gone();
        }
        world.hosts[hosts[2]].engine.notify(resource);
        world.run_for(HOUR);
        assert_eq!(world.hosts[hosts[2]].engine.census().observers, 0, "resets: {resets}");
        assert_eq!(world.hosts[hosts[1]].engine.census().relays, 0);
        finish(&mut world, &hosts);
    }
}

#[test]
fn bodies_that_two_clients_send_block_by_block_are_not_mixed() {
    // The proxy passes each block on; the origin puts them together.
    let (mut world, hosts) = chain(1, Conditions::PERFECT, 1, Mode::default());
    world.hosts[hosts[2]].engine.config.block_mode = SINGLE;
    serve_body(&mut world, hosts[2], 1);
    let (one, other) = (connect(&mut world, &hosts), connect(&mut world, &hosts));
    for (num, more) in [(0u8, 8u8), (1, 8), (2, 0)] {
        for (session, fill) in [(one, b'1'), (other, b'2')] {
            let now = world.now;
            let mut request = world.hosts[0].new_request(session, CON, Code::PUT, "r");
            request.add_option(Number::BLOCK1, &[num << 4 | more]).unwrap();
            request.set_payload(&[fill; 16]).unwrap();
            world.hosts[0].engine.send(now, session, request).unwrap();
        }
        world.settle(0);
        world.run_for(SECOND);
    }
    let came = |record: &Record| match &record.what {
        What::Request { body, .. } => body.as_ref().and_then(|b| b.data.clone()),
        _ => None,
    };
    let mut bodies: Vec<_> = world.hosts[hosts[2]].journal.iter().filter_map(came).collect();
    bodies.sort_unstable();
    assert_eq!(bodies, [[b'1'; 48], [b'2'; 48]]);
    finish(&mut world, &hosts);
}

#[test]
fn one_client_cannot_have_more_forwarded_than_there_is_room_for() {
    let (mut world, hosts) = chain(1, Conditions::PERFECT, 1, Mode::default());
    world.hosts[hosts[2]].serve("r", |_| {});
    let session = connect(&mut world, &hosts);
    for n in 0..4100u32 {
        let now = world.now;
        let mut request = world.hosts[0].new_request(session, NON, Code::GET, "r");
        request.set_token(&n.to_be_bytes()).unwrap();
        world.hosts[0].engine.send(now, session, request).unwrap();
        if n % 100 == 0 {
            world.settle(0);
            world.run_for(SECOND);
        }
    }
    world.settle(0);
    world.run_for(SECOND);
    assert_eq!(codes(&world), [Code::SERVICE_UNAVAILABLE; 4]);
    assert_eq!(world.hosts[hosts[1]].engine.census().relays, 4096);
    world.run_for(HOUR);
    assert_eq!(codes(&world).len(), 4100, "all the others are 5.04");
    finish(&mut world, &hosts);
}

#[test]
fn an_idle_session_upstream_is_closed_but_not_while_somebody_waits() {
    let (mut world, hosts) = chain(1, Conditions::PERFECT, 0, Mode::default());
    world.hosts[hosts[1]].serve("r", |turn| {
        if turn.is_delayed() {
            turn.reply(Code::CONTENT, b"late");
        } else {
            turn.put_aside(Some(30 * SECOND));
        }
    });
    // The first host is its own client's proxy here: it forwards what comes to its endpoint.
    let client = world.add_host();
    let upstream = world.connect(hosts[0], hosts[1]);
    let now = world.now;
    let remote = world.hosts[hosts[1]].address.clone();
    let key = UpstreamKey { scheme: Scheme::Coap, remote, host: None, credentials: [0; 3], client: None };
    let proxy = &mut world.hosts[hosts[0]];
    proxy.relays = true;
    proxy.engine.add_upstream(now, upstream, key.clone(), Some(5 * SECOND));
    assert!(proxy.engine.release(now, upstream).is_none());
    proxy.serve_as("", Kind::ReverseProxy, Flags::default(), move |turn| forward(turn, upstream));
    let session = world.connect(client, hosts[0]);
    let request: Pdu = world.hosts[client].new_request(session, CON, Code::GET, "r");
    world.send(client, session, request);
    world.run_for(20 * SECOND);
    assert_eq!(world.hosts[hosts[0]].engine.census().upstreams, 1);
    world.run_for(60 * SECOND);
    let got = |r: &&Record| matches!(&r.what, What::Response { received, .. } if received.payload() == Some(b"late"));
    assert_eq!(world.hosts[client].journal.iter().filter(got).count(), 1);
    assert_eq!(world.hosts[hosts[0]].engine.census().upstreams, 0);
    let ended = |r: &&Record| r.session == upstream && matches!(r.what, What::Notice(Notice::Ended));
    assert_eq!(world.hosts[hosts[0]].journal.iter().filter(ended).count(), 1);
    let now = world.now;
    assert_eq!(world.hosts[hosts[0]].engine.upstream(now, &key), None);
}

#[test]
fn an_extended_token_comes_back_and_none_is_sent_on() {
    let (mut world, hosts) = chain(1, Conditions::PERFECT, 1, Mode::default());
    world.hosts[0].engine.config.max_token = 64;
    world.hosts[hosts[1]].engine.config.max_token = 64;
    serve_paths(&mut world, hosts[2]);
    let session = connect(&mut world, &hosts);
    let now = world.now;
    let mut request = world.hosts[0].new_request(session, CON, Code::GET, "r");
    request.set_token(&[7; 40]).unwrap();
    world.hosts[0].engine.send(now, session, request).unwrap();
    world.settle(0);
    world.run_for(10 * SECOND);
    let token = |record: &Record| match &record.what {
        What::Response { received, .. } => Some(received.token().to_vec()),
        _ => None,
    };
    assert_eq!(world.hosts[0].journal.iter().filter_map(token).collect::<Vec<_>>(), [vec![7; 40]]);
    let asked =
        |record: &Record| matches!(&record.what, What::Request { request, .. } if request.token().len() <= 8);
    assert!(world.hosts[hosts[2]].journal.iter().any(asked));
    finish(&mut world, &hosts);
}

#[test]
fn echo_and_oscore_are_between_the_client_and_the_server() {
    let (mut world, hosts) = chain(1, Conditions::PERFECT, 1, SINGLE);
    world.hosts[hosts[2]].engine.config.known_options.insert(Number::OSCORE.0);
    world.hosts[hosts[2]].serve("r", |turn| {
        let request = turn.exchange.request.clone();
        match (request.option(Number::OSCORE), request.option(Number::ECHO)) {
            (Some(oscore), _) if oscore.value == b"kid" => turn.reply(Code::CHANGED, b"ciphertext"),
            (_, Some(echo)) if echo.value == b"fresh" => turn.reply(Code::CONTENT, b""),
            _ => {
                turn.reply(Code::UNAUTHORIZED, b"");
                turn.exchange.response.add_option(Number::ECHO, b"fresh").unwrap();
            }
        }
    });
    let (one, other) = (connect(&mut world, &hosts), connect(&mut world, &hosts));
    for session in [one, other] {
        // The client is to see what comes.
        world.hosts[0].engine.session_mut(session).unwrap().block_mode = Mode::default();
        ask(&mut world, session, CON, Code::GET, &[]);
        world.run_for(SECOND);
    }
    ask(&mut world, one, CON, Code::GET, &[(Number::ECHO, b"fresh")]);
    world.run_for(SECOND);
    send(&mut world, one, CON, Code::POST, &[(Number::OSCORE, b"kid")], b"ciphertext");
    world.run_for(SECOND);
    assert_eq!(codes(&world), [Code::UNAUTHORIZED, Code::UNAUTHORIZED, Code::CONTENT, Code::CHANGED]);
    finish(&mut world, &hosts);
}

#[test]
fn a_proxy_that_asks_itself_stops() {
    let mut world = World::new(1, Conditions::PERFECT);
    let hosts = [world.add_host(), world.add_host()];
    make_proxy(&mut world, hosts[1], hosts[1]);
    let session = connect(&mut world, &hosts);
    ask(&mut world, session, CON, Code::GET, &[]);
    world.run_for(60 * SECOND);
    assert_eq!(codes(&world), [Code::HOP_LIMIT_REACHED]);
    let requests = world.hosts[hosts[1]].journal.iter().filter(|r| matches!(r.what, What::Request { .. }));
    assert_eq!(requests.count(), 16);
    let trace = heard(&world).pop().unwrap().3;
    assert_eq!(String::from_utf8(trace).unwrap().split(' ').count(), 17);
    finish(&mut world, &hosts);
}
