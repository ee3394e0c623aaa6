//! Any sequence of calls and datagrams: nothing panics, the tables agree with each other, and the
//! next deadline never lies in the past.

use crate::message::uri::Scheme;
use crate::message::{Code, Mid, Number, Pdu, Type};
use crate::protocol::engine::Datagram;
use crate::protocol::proxy::UpstreamKey;
use crate::protocol::session::{Role, SessionId};
use crate::protocol::simulation::{ACK, CON, NON, Peer, RST, Turn};
use core::time::Duration;
use proptest::prelude::*;

/// One call, or one datagram. Sessions are chosen among those there are; message IDs and tokens
/// are few, so that they collide.
#[derive(Clone, Debug)]
enum Operation {
    Bytes(Vec<u8>),
    Message {
        from: u8,
        kind: Type,
        code: u8,
        mid: u16,
        token: Vec<u8>,
        options: Vec<(u16, Vec<u8>)>,
        group: bool,
    },
    /// An answer to what the host sent last, as a peer would give it.
    Answer {
        kind: Type,
        code: Code,
    },
    /// The same from the server that requests are forwarded to.
    FromUpstream {
        kind: Type,
        code: u8,
        option: Option<(u16, Vec<u8>)>,
    },
    Send {
        session: usize,
        kind: Type,
        code: u8,
        mid: Option<u16>,
        token: Vec<u8>,
    },
    Wait(u64),
    Hold(usize),
    Release(usize),
    End(usize),
    Disconnect(usize),
    Unreachable(usize),
    Trigger(usize, Vec<u8>, Option<u64>),
    FreeAsync(usize, Vec<u8>),
    Params {
        session: usize,
        nstart: u16,
        max_retransmit: u16,
        ack_timeout: u16,
    },
    MaxIdle(usize),
    KeepAlive(u64),
    RemoveResource(u8),
}

use Operation::*;

/// What the resources of the server do, by path.
const PATHS: [&str; 6] = ["now", "later", "never", "separate", "nested", "forwarded"];

fn serve(turn: &mut Turn<'_>, path: &str, upstream: SessionId) {
    let session = turn.exchange.session;
    match path {
        "forwarded" => super::proxying::forward(turn, upstream),
        "now" => turn.reply(Code::CONTENT, b"x"),
        "later" if turn.is_delayed() => turn.reply(Code::CONTENT, b"x"),
        // With a token that waits already, the answer never comes.
        "later" => drop(turn.put_aside(Some(Duration::from_secs(3)))),
        "separate" => turn.send_separately(CON, Code::CONTENT),
        // The session ends while its request is being handled.
        "nested" => {
            turn.engine.end(session);
            turn.reply(Code::CONTENT, b"x");
        }
        _ => {}
    }
}

fn kind() -> impl Strategy<Value = Type> {
    prop_oneof![Just(CON), Just(CON), Just(NON), Just(ACK), Just(RST)]
}

fn code() -> impl Strategy<Value = u8> {
    prop_oneof![4 => Just(1u8), 2 => Just(0u8), 3 => Just(0x45u8), 1 => any::<u8>()]
}

fn token() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(0u8..2, 0..3)
}

fn option() -> impl Strategy<Value = (u16, Vec<u8>)> {
    let path = (0..PATHS.len()).prop_map(|n| (Number::URI_PATH.0, PATHS[n].as_bytes().to_vec()));
    let number = prop_oneof![0u16..40, 250u16..300, Just(65001)];
    let any = (number, proptest::collection::vec(any::<u8>(), 0..6));
    prop_oneof![4 => path, 1 => any]
}

fn operation() -> impl Strategy<Value = Operation> {
    let session = || 0usize..4;
    let message =
        (0u8..3, kind(), code(), 0u16..6, token(), proptest::collection::vec(option(), 0..3), 0u8..8);
    let params = (session(), 0u16..4, 0u16..5, 0u16..5);
    prop_oneof![
        1 => proptest::collection::vec(any::<u8>(), 0..40).prop_map(Bytes),
        12 => message.prop_map(|(from, kind, code, mid, token, options, group)| {
            Message { from, kind, code, mid, token, options, group: group == 0 }
        }),
        4 => (kind(), prop_oneof![Just(Code::EMPTY), Just(Code::CONTENT), Just(Code::FORBIDDEN)])
            .prop_map(|(kind, code)| Answer { kind, code }),
        6 => (kind(), prop_oneof![Just(0u8), Just(0x21), Just(0x45), Just(0x84)], proptest::option::of(option()))
            .prop_map(|(kind, code, option)| FromUpstream { kind, code, option }),
        8 => (session(), kind(), code(), proptest::option::of(0u16..6), token())
            .prop_map(|(session, kind, code, mid, token)| Send { session, kind, code, mid, token }),
        8 => prop_oneof![0u64..10, 0u64..5_000, 0u64..400_000].prop_map(Wait),
        1 => session().prop_map(Hold),
        1 => session().prop_map(Release),
        1 => session().prop_map(End),
        1 => session().prop_map(Disconnect),
        1 => session().prop_map(Unreachable),
        1 => (session(), token(), proptest::option::of(0u64..5_000)).prop_map(|(s, t, d)| Trigger(s, t, d)),
        1 => (session(), token()).prop_map(|(s, t)| FreeAsync(s, t)),
        1 => params.prop_map(|(session, nstart, max_retransmit, ack_timeout)| {
            Params { session, nstart: nstart + 1, max_retransmit, ack_timeout: ack_timeout + 1 }
        }),
        1 => (0usize..3).prop_map(MaxIdle),
        1 => (0u64..20).prop_map(KeepAlive),
        1 => (0u8..PATHS.len() as u8).prop_map(RemoveResource),
    ]
}

/// The host, with one session that it opened itself, and peers.
struct Run {
    peer: Peer,
    /// What the host sent last, and in which session.
    last: Option<Pdu>,
    /// The session that requests are forwarded over.
    upstream: SessionId,
}

impl Run {
    fn new() -> Self {
        let mut peer = Peer::of_server();
        let remote = peer.address.clone();
        let upstream = peer.host.connect(peer.now, &remote);
        for path in PATHS {
            peer.host.serve(path, move |turn| serve(turn, path, upstream));
        }
        let key = UpstreamKey { scheme: Scheme::Coap, remote, host: None, credentials: [0; 3], client: None };
        peer.host.engine.add_upstream(peer.now, upstream, key, Some(Duration::from_secs(100)));
        peer.host.relays = true;
        Run { peer, last: None, upstream }
    }

    fn session(&self, number: usize) -> Option<SessionId> {
        let sessions = self.peer.host.engine.sessions();
        sessions.iter().nth(number % sessions.len().max(1)).map(|(id, _)| id)
    }

    fn message(kind: Type, code: u8, mid: u16, token: &[u8]) -> Pdu {
        let mut pdu = Pdu::new(kind, Code(code), Mid(mid), 1000);
        // An empty message has no token, or it is none.
        if code != 0 {
            pdu.set_token(token).unwrap();
        }
        pdu
    }

    fn apply(&mut self, operation: &Operation) {
        let now = self.peer.now;
        match operation {
            Bytes(bytes) => self.peer.send_bytes(bytes),
            Message { from, kind, code, mid, token, options, group } => {
                self.peer.address =
                    crate::protocol::simulation::Host::address_of(2, 40_000 + u16::from(*from));
                let token = if *code == 0 { &[][..] } else { token };
                let mut out = self.peer.send(*kind, Code(*code), token, *mid);
                for (number, value) in options.iter().filter(|_| *code != 0) {
                    out = out.option(Number(*number), value);
                }
                if *group { out.group().go() } else { out.go() }
            }
            Answer { kind, code } => {
                let Some(last) = &self.last else { return };
                let token = if code.is_empty() { Vec::new() } else { last.token().to_vec() };
                let mid = last.mid().0;
                self.peer.send(*kind, *code, &token, mid).go();
            }
            FromUpstream { kind, code, option } => {
                let Some(last) = &self.last else { return };
                let token = if *code == 0 { &[][..] } else { last.token() };
                let mut pdu = Self::message(*kind, *code, last.mid().0, token);
                if let Some((number, value)) = option.as_ref().filter(|_| *code != 0) {
                    let _ = pdu.add_option(Number(*number), value);
                }
                let bytes = pdu.encode_udp().to_vec();
                let datagram = Datagram { bytes: &bytes, multicast: false };
                self.peer.host.engine.handle_datagram(now, self.upstream, datagram);
            }
            Send { session, kind, code, mid, token } => {
                let Some(id) = self.session(*session) else { return };
                let engine = &mut self.peer.host.engine;
                let mid = mid.unwrap_or_else(|| engine.new_mid(id).unwrap().0);
                // May be refused.
                let _ = engine.send(now, id, Self::message(*kind, *code, mid, token));
            }
            Wait(ms) => self.peer.wait(Duration::from_millis(*ms)),
            _ => self.call(operation),
        }
        self.peer.settle();
    }

    fn call(&mut self, operation: &Operation) {
        let now = self.peer.now;
        let ids: Vec<_> = (0..4).filter_map(|n| self.session(n)).collect();
        let of = |n: &usize| ids.get(*n).copied();
        let engine = &mut self.peer.host.engine;
        match operation {
            MaxIdle(max) => engine.config.max_idle_sessions = *max,
            KeepAlive(seconds) => engine.set_keepalive(now, Duration::from_secs(*seconds)),
            RemoveResource(n) => {
                let path = PATHS[usize::from(*n)];
                if let Some(id) = engine.resources.find(path.as_bytes()) {
                    engine.resources.remove(id);
                }
            }
            Hold(n) => of(n).into_iter().for_each(|id| engine.hold(id)),
            Release(n) => of(n).into_iter().for_each(|id| drop(engine.release(now, id))),
            End(n) => of(n).into_iter().for_each(|id| engine.end(id)),
            Disconnect(n) => of(n).into_iter().for_each(|id| drop(engine.disconnect(id))),
            Unreachable(n) => of(n).into_iter().for_each(|id| engine.handle_unreachable(id)),
            Trigger(n, token, delay) => {
                let found = of(n).and_then(|id| engine.find_async(id, token));
                let delay = delay.map(Duration::from_millis);
                found.into_iter().for_each(|id| engine.set_async_delay(now, id, delay));
            }
            FreeAsync(n, token) => {
                let found = of(n).and_then(|id| engine.find_async(id, token));
                found.into_iter().for_each(|id| engine.free_async(id));
            }
            Params { session, nstart, max_retransmit, ack_timeout } => {
                let Some(session) = of(session).and_then(|id| engine.session_mut(id)) else { return };
                // Fewer than are under way is no state that the host's check knows of.
                if session.outstanding.is_empty() {
                    let params = session.params_mut();
                    params.nstart = *nstart;
                    params.max_retransmit = *max_retransmit;
                    params.ack_timeout.integer = *ack_timeout;
                }
            }
            Bytes(_) | Message { .. } | Answer { .. } | FromUpstream { .. } | Send { .. } | Wait(_) => {}
        }
    }

    /// What holds after each operation; [`crate::protocol::simulation::Host::check`] has more.
    fn check(&mut self) {
        while let Some(pdu) = self.peer.poll_message() {
            self.last = Some(pdu);
        }
        let engine = &mut self.peer.host.engine;
        engine.handle_timeout(self.peer.now);
        self.peer.settle();
        let engine = &self.peer.host.engine;
        let asyncs: u32 = engine.sessions().iter().map(|(_, s)| s.asyncs).sum();
        let census = engine.census();
        assert_eq!(asyncs as usize, census.asyncs);
        assert!(census.deadlines >= census.outstanding);
        let proxying = census.relays + census.upstreams;
        let most = census.outstanding + census.asyncs + census.leisurely + census.sessions + proxying;
        assert!(census.deadlines <= most);
        let forwarded: u32 = engine.sessions().iter().map(|(_, s)| s.forwarded).sum();
        assert!(forwarded as usize <= census.relays);
        let leisurely: u32 = engine.sessions().iter().map(|(_, s)| s.leisurely).sum();
        assert!(leisurely as usize <= census.leisurely);
        let listed = engine.sessions().iter().filter(|(_, s)| s.role == Role::Server).count();
        assert!(census.listed <= listed);
        let next = engine.poll_timeout();
        assert!(next.is_none_or(|at| at > self.peer.now), "{next:?} at {:?}", self.peer.now);
    }

    /// Everything ends when it is let go of.
    fn finish(mut self) {
        self.peer.host.engine.set_keepalive(self.peer.now, Duration::ZERO);
        self.peer.host.engine.end_all();
        self.peer.settle();
        self.peer.discard();
        self.peer.finish();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_operations_breaks_the_engine(operations in proptest::collection::vec(operation(), 0..60)) {
        let mut run = Run::new();
        for operation in &operations {
            run.apply(operation);
            run.check();
        }
        run.finish();
    }
}
