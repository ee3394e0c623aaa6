//! Two engines joined by a stream of bytes (RFC 8323). However the bytes are cut into pieces, however
//! little of them is taken at a time, and wherever the connection breaks: each request that was sent
//! has exactly one outcome, the application hears of the connection in the right order, and nothing
//! is left behind. Over WebSockets the layer of [`crate::net::websocket`] is between the engines and
//! the bytes, as the driver has it.

use crate::address::Address;
use crate::message::option::encode_uint;
use crate::message::{Code, Mid, Number, Pdu, Type};
use crate::net::websocket::{CloseCode, Error, Host, Received, WebSocket};
use crate::protocol::block::{Mode, Shared, Upload};
use crate::protocol::engine::Representation;
use crate::protocol::event::{Event, NackReason, Notice, Request};
use crate::protocol::resource::{Flags, Kind, Resource, ResourceId};
use crate::protocol::session::{Path, SessionId, SocketId, State, Transport};
use crate::protocol::simulation::{Replay, run_seeds};
use crate::protocol::stream::BASE_MESSAGE_SIZE;
use crate::protocol::{Engine, Instant};
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;

/// How long a body of a request says it is, and of its response shall be: no part of a cache key.
const INDEX: Number = Number(92);

/// The library does everything.
const SINGLE: Mode = Mode(Mode::USE_LIBCOAP.0 | Mode::SINGLE_BODY.0);

/// More moves than any run needs.
const MAX_MOVES: usize = 400_000;

/// Bytes that differ from place to place and by `salt`.
fn body(length: usize, salt: u8) -> Vec<u8> {
    (0..length).map(|i| (i ^ i >> 8 ^ i >> 16) as u8 ^ salt.wrapping_mul(37)).collect()
}

/// The value of a Block option.
fn block_of(pdu: &Pdu) -> Option<u64> {
    [Number::BLOCK1, Number::BLOCK2].into_iter().find_map(|number| pdu.option_uint(number))
}

/// What an application does at some time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Deed {
    /// The client, or the server, asks for a body of so many bytes, with one of so many.
    Ask { up: usize, down: usize, by_server: bool },
    /// The client observes.
    Observe,
    /// What it observes changes.
    Change,
    /// The client, or the server, sends a Ping.
    Ping(bool),
    /// The server sends a Release: the client is to leave.
    Release,
}

/// How it ends, when so many moves are over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    /// The network resets the connection: both sides find out.
    Reset,
    /// The application of the client, or of the server, gives it up.
    Given(bool),
    /// The client's application lets go of the session.
    Left,
}

/// All that a seed stands for.
#[derive(Clone, Debug)]
struct Scenario {
    seed: u64,
    transport: Transport,
    /// The most that each side takes in one message.
    sizes: [u32; 2],
    /// The most bytes that are on the way in one direction.
    room: usize,
    /// The most bytes that arrive at once.
    piece: usize,
    with_blocks: bool,
    is_refused: bool,
    deeds: Vec<Deed>,
    end: Option<(usize, End)>,
}

impl Scenario {
    fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let size = |rng: &mut fastrand::Rng| [200, 1152, 2000, 20_000, 8_388_864][rng.usize(0..5)];
        let sizes = [size(&mut rng), size(&mut rng)];
        let small = [1, 3, 50, 1000, 100_000];
        let (room, piece) = (small[rng.usize(0..5)], small[rng.usize(0..5)]);
        // One byte at a time takes long.
        let largest = if room.min(piece) < 50 { 1500 } else { 30_000 };
        let length = |rng: &mut fastrand::Rng| match rng.u8(0..4) {
            0 | 1 => 0,
            2 => rng.usize(0..100),
            _ => rng.usize(0..largest),
        };
        let deeds = (0..rng.usize(1..12)).map(|_| match rng.u8(0..16) {
            0 | 1 => Deed::Observe,
            2..=4 => Deed::Change,
            5 | 6 => Deed::Ping(rng.bool()),
            7 if rng.u8(0..4) == 0 => Deed::Release,
            _ => {
                let by_server = rng.u8(0..4) == 0;
                Deed::Ask { up: length(&mut rng), down: length(&mut rng), by_server }
            }
        });
        let deeds = deeds.collect();
        let end = (rng.u8(0..4) > 0).then(|| {
            let end = match rng.u8(0..5) {
                0..=2 => End::Reset,
                3 => End::Given(rng.bool()),
                _ => End::Left,
            };
            let latest = [10, 100, 1000][rng.usize(0..3)];
            (rng.usize(0..latest), end)
        });
        let (with_blocks, is_refused) = (rng.bool(), rng.u8(0..20) == 0);
        let transport = if rng.bool() { Transport::Tcp } else { Transport::WebSocket };
        Scenario { seed, transport, sizes, room, piece, with_blocks, is_refused, deeds, end }
    }
}

/// What all runs together have met.
#[derive(Default)]
struct Tally {
    responses: AtomicUsize,
    nacks: AtomicUsize,
    notifications: AtomicUsize,
    blocked: AtomicUsize,
    /// Messages with a Block option, and those of them with a block of several kilobytes.
    blocks: AtomicUsize,
    large_blocks: AtomicUsize,
    /// Connections that broke before the CSMs, and after.
    not_ready: AtomicUsize,
    broken: AtomicUsize,
}

impl Tally {
    fn add(&self, joined: &Joined<'_>) {
        let [client, server] = &joined.sides;
        let add = |counter: &AtomicUsize, n: usize| counter.fetch_add(n, Ordering::Relaxed);
        add(&self.responses, client.outcomes.values().map(|o| o.responses).sum());
        add(&self.nacks, client.outcomes.values().map(|o| o.nacks).sum());
        add(&self.notifications, client.notifications);
        add(&self.blocked, client.times_blocked + server.times_blocked);
        add(&self.blocks, client.sent_blocks + server.sent_blocks);
        add(&self.large_blocks, client.large_blocks + server.large_blocks);
        add(&self.not_ready, usize::from(client.notices.contains(&Notice::NotReady)));
        add(&self.broken, usize::from(client.notices.contains(&Notice::Unready)));
    }

    /// That the runs are about what they are meant to be about.
    fn check(&self, runs: usize) {
        let counters = [
            (&self.responses, runs / 2),
            (&self.nacks, runs / 2),
            (&self.notifications, runs / 4),
            (&self.blocked, runs),
            (&self.blocks, runs / 2),
            (&self.large_blocks, runs / 10),
            (&self.not_ready, runs / 50),
            (&self.broken, runs / 10),
        ];
        let counted: Vec<_> = counters.iter().map(|(n, _)| n.load(Ordering::Relaxed)).collect();
        let is_enough = counted.iter().zip(counters).all(|(n, (_, least))| *n >= least);
        assert!(is_enough, "{counted:?} of {:?}", counters.map(|(_, least)| least));
    }
}

/// What became of a request.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct Outcome {
    responses: usize,
    nacks: usize,
}

/// One end: an engine, what is between it and the wire, and an application.
struct Side {
    engine: Engine,
    id: SessionId,
    transport: Transport,
    /// What is between messages and bytes over a WebSocket; at the client when it has asked.
    websocket: Option<WebSocket>,
    /// What the transport has not taken yet.
    outbound: VecDeque<u8>,
    is_blocked: bool,
    /// What came and was not taken in.
    unread: Vec<u8>,
    has_hung_up: bool,
    notices: Vec<Notice>,
    outcomes: HashMap<Vec<u8>, Outcome>,
    /// Nacks that name no message.
    unnamed: usize,
    notifications: usize,
    pongs: usize,
    times_blocked: usize,
    sent_blocks: usize,
    large_blocks: usize,
    resources: HashMap<ResourceId, bool>,
}

impl Side {
    fn new(seed: u64, scenario: &Scenario, number: usize) -> Side {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut engine = Engine::new(Box::new(move || rng.u64(..)));
        engine.config.csm_max_message_size = scenario.sizes[number];
        if scenario.sizes.iter().any(|size| *size < BASE_MESSAGE_SIZE) {
            // Before it is heard nobody knows of it, and messages of the base size may come.
            engine.config.csm_timeout = Duration::from_secs(1000);
        }
        if scenario.with_blocks {
            engine.config.block_mode = SINGLE;
        }
        let address = |port| Address::Ip(([10, 0, 0, 1], port).into());
        let (local, remote) = (address(1 + number as u16), address(2 - number as u16));
        let path = Path { socket: SocketId(0), local, remote, ifindex: 0 };
        let now = Instant(1000);
        let id = match number {
            0 => engine.open_stream(now, path, scenario.transport).unwrap(),
            _ => engine.accept_stream(now, path, scenario.transport).unwrap(),
        };
        let is_websocket = scenario.transport == Transport::WebSocket;
        if number == 0 {
            engine.hold(id);
            if let Some(stream) = engine.session_mut(id).unwrap().stream.as_deref_mut() {
                stream.host = is_websocket.then(|| b"host"[..].into());
            }
        }
        Side {
            engine,
            id,
            transport: scenario.transport,
            websocket: (number == 1 && is_websocket).then(WebSocket::server),
            outbound: VecDeque::new(),
            is_blocked: false,
            unread: Vec::new(),
            has_hung_up: false,
            notices: Vec::new(),
            outcomes: HashMap::new(),
            unnamed: 0,
            notifications: 0,
            pongs: 0,
            times_blocked: 0,
            sent_blocks: 0,
            large_blocks: 0,
            resources: HashMap::new(),
        }
    }

    fn serve(&mut self, path: &str, is_observable: bool) {
        let resource = Resource::new(path.as_bytes(), Kind::Plain, Flags::default());
        (1..=7).for_each(|method| assert!(resource.set_method(Code(method), true)));
        resource.set_observable(is_observable);
        let (id, _) = self.engine.resources.add(Arc::new(resource), Arc::new(())).unwrap();
        self.resources.insert(id, is_observable);
    }

    fn is_there(&self) -> bool {
        self.engine.sessions().get(self.id).is_some_and(|s| s.state != State::Ended)
    }

    /// Delivers events until there are none, and hands what is to be sent to the transport.
    fn settle(&mut self, now: Instant) {
        loop {
            while self.engine.poll_freed_async().is_some() {}
            while self.engine.poll_released().is_some() {}
            let Some(event) = self.engine.poll_event() else { break };
            self.deliver(now, event);
        }
        self.collect();
    }

    fn collect(&mut self) {
        let transmits = self.engine.transmits();
        for transmit in transmits.iter() {
            let mut pdu = Pdu::new(Type::Confirmable, Code::EMPTY, Mid(0), 0);
            pdu.decode_into(self.transport.framing(), transmit.bytes, 8).unwrap();
            let block = if pdu.code().is_signalling() { None } else { block_of(&pdu) };
            self.sent_blocks += usize::from(block.is_some());
            self.large_blocks += usize::from(block.is_some_and(|value| value & 7 == 7));
        }
        if !self.has_hung_up {
            match &self.websocket {
                Some(websocket) => {
                    let mut frames = Vec::new();
                    transmits.iter().for_each(|t| _ = websocket.send(t.bytes, &mut frames));
                    self.outbound.extend(frames);
                }
                None => self.outbound.extend(transmits.iter().flat_map(|t| t.bytes)),
            }
        }
        transmits.clear();
    }

    /// The connection is there: an upgrade begins, if one is needed.
    fn begin(&mut self) {
        if self.transport == Transport::WebSocket && self.websocket.is_none() {
            let (host, mut out) = (Host::new(b"host", 80).unwrap(), Vec::new());
            self.websocket = Some(WebSocket::client(&host, [7; 16], || [1, 2, 3, 4], &mut out));
            self.outbound.extend(out);
        }
    }

    /// Nothing more is sent, but for the word that says so.
    fn hang_up(&mut self) {
        self.collect();
        if let Some(websocket) = self.websocket.as_mut().filter(|w| w.is_open()) {
            let mut out = Vec::new();
            websocket.close(CloseCode::Normal, &mut out);
            self.outbound.extend(out);
        }
        self.has_hung_up = true;
    }

    /// The next message in what came; `false` if all of it is taken.
    fn take_message(&mut self, now: Instant, input: &mut &[u8]) -> bool {
        let Some(websocket) = &mut self.websocket else {
            return self.engine.handle_stream(now, self.id, input);
        };
        let mut out = Vec::new();
        let received = websocket.receive(input, self.engine.config.csm_max_message_size as usize, &mut out);
        let kept = websocket.kept();
        self.outbound.extend(out);
        match received {
            Ok(None) => {
                self.engine.handle_partial(now, self.id, kept);
                return false;
            }
            Ok(Some(Received::Open)) => self.engine.handle_upgraded(now, self.id),
            Ok(Some(Received::Message(message))) => self.engine.handle_frame(now, self.id, &message),
            Ok(Some(Received::Closed(_))) => self.engine.handle_closed(now, self.id, false),
            Err(Error::Frame(e)) => panic!("a bad frame: {e:?}"),
            Err(Error::Refused(_) | Error::NotUpgraded(_)) => panic!("not upgraded"),
        }
        true
    }

    fn deliver(&mut self, now: Instant, event: Event) {
        match event {
            Event::Request(request) => self.handle(now, request),
            Event::Response { session, received, body, .. } => {
                let responder = self.engine.responder(session);
                let shown = body.and_then(|b| b.data);
                let payload = shown.unwrap_or_else(|| received.payload().unwrap_or(&[]).to_vec());
                self.note_response(&received, &payload);
                self.engine.response_done_to(now, session, received, true, responder);
            }
            Event::Nack { sent: Some(sent), .. } if sent.code().is_request() => {
                self.outcomes.entry(sent.token().to_vec()).or_default().nacks += 1;
            }
            Event::Nack { sent, .. } => self.unnamed += usize::from(sent.is_none()),
            Event::Pong { .. } => self.pongs += 1,
            Event::Ping { .. } | Event::Reconnect { .. } => {}
            Event::HangUp { .. } => self.hang_up(),
            Event::Ended { .. } => {
                self.hang_up();
                self.notices.push(Notice::Ended);
            }
            Event::Notice { notice: Notice::PartialBody | Notice::BodyNotSent, .. } => {}
            Event::Notice { notice, .. } => self.notices.push(notice),
        }
    }

    fn note_response(&mut self, response: &Pdu, payload: &[u8]) {
        if response.option(Number::OBSERVE).is_some() {
            self.notifications += 1;
            return;
        }
        self.outcomes.entry(response.token().to_vec()).or_default().responses += 1;
        if response.code() == Code::CONTENT {
            let salt = response.token().first().copied().unwrap_or(0);
            assert!(payload == body(payload.len(), salt), "a body arrived that was not sent");
        }
    }

    fn handle(&mut self, now: Instant, mut request: Request) {
        let Some(is_observable) = self.resources.get(&request.resource).copied() else {
            return self.engine.resource_gone(now, request);
        };
        let sizes = request.request.option_uint(INDEX).unwrap_or(0) as usize;
        let (up, down, salt) = (sizes >> 24, sizes >> 8 & 0xffff, sizes as u8);
        let came = request.body.as_ref().and_then(|b| b.data.clone());
        let came = came.unwrap_or_else(|| request.request.payload().unwrap_or(&[]).to_vec());
        if !is_observable && request.request.option(Number::BLOCK1).is_none() {
            assert!(came == body(up, salt), "{} bytes of {up} arrived", came.len());
        }
        request.response.set_code(Code::CONTENT);
        let bytes: Shared = Arc::new(body(down, salt));
        let asked = request.request.clone();
        let about = Representation::default();
        if self.engine.add_body(now, request.session, &asked, &mut request.response, about, &bytes).is_err() {
            request.response.set_code(Code::INTERNAL_SERVER_ERROR);
        }
        self.engine.respond(now, request);
    }

    /// Takes in what came, as long as the engine does.
    fn take_in(&mut self, now: Instant, bytes: &[u8]) {
        let before = core::mem::take(&mut self.unread);
        let all = [&before[..], bytes].concat();
        let mut rest = &all[..];
        while self.engine.takes_input(self.id) && self.take_message(now, &mut rest) {
            self.settle(now);
        }
        self.unread = rest.to_vec();
        self.settle(now);
    }

    fn lose(&mut self, now: Instant) {
        self.engine.handle_lost(now, self.id, NackReason::NotDeliverable);
        self.outbound.clear();
        self.settle(now);
    }
}

impl core::fmt::Debug for Side {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let session = self.engine.sessions().get(self.id);
        f.debug_struct("Side")
            .field("state", &session.map(|s| (s.state, s.waiting_len(), s.is_blocked())))
            .field("outbound", &self.outbound.len())
            .field("unread", &self.unread.len())
            .field("has_hung_up", &self.has_hung_up)
            .field("notices", &self.notices)
            .field("outcomes", &self.outcomes)
            .field("census", &self.engine.census())
            .finish()
    }
}

/// Both ends, and what is on the way from the first to the second and back.
struct Joined<'a> {
    scenario: &'a Scenario,
    now: Instant,
    rng: fastrand::Rng,
    sides: [Side; 2],
    wires: [VecDeque<u8>; 2],
    is_made: bool,
    /// The tokens of requests, and whether they observe.
    sent: [Vec<(Vec<u8>, bool)>; 2],
    pings: [usize; 2],
}

impl<'a> Joined<'a> {
    fn new(scenario: &'a Scenario) -> Self {
        let mut sides = [0, 1].map(|n| Side::new(scenario.seed ^ (0xa5 << n), scenario, n));
        sides.iter_mut().for_each(|side| side.serve("r", false));
        sides[1].serve("o", true);
        Joined {
            scenario,
            now: Instant(1000),
            rng: fastrand::Rng::with_seed(scenario.seed ^ 0x10_1ed),
            sides,
            wires: [VecDeque::new(), VecDeque::new()],
            is_made: false,
            sent: [Vec::new(), Vec::new()],
            pings: [0; 2],
        }
    }

    /// The connection is there, or refused.
    fn make(&mut self) {
        let now = self.now;
        if self.scenario.is_refused {
            return self.sides[0].lose(now);
        }
        if self.sides[0].has_hung_up {
            return;
        }
        self.is_made = true;
        for side in &mut self.sides {
            side.settle(now);
            side.engine.handle_connected(now, side.id);
            side.settle(now);
            side.begin();
        }
    }

    /// Hands what a side has queued to its wire, and tells it whether that was all.
    fn write(&mut self, from: usize) {
        let (now, is_cut) = (self.now, self.sides[1 - from].has_hung_up);
        let side = &mut self.sides[from];
        if is_cut && !side.outbound.is_empty() {
            // Nobody is there any more: the system finds out.
            return side.lose(now);
        }
        while self.wires[from].len() < self.scenario.room
            && let Some(byte) = side.outbound.pop_front()
        {
            self.wires[from].push_back(byte);
        }
        let blocked = !side.outbound.is_empty();
        if blocked != side.is_blocked && !side.has_hung_up {
            side.is_blocked = blocked;
            side.times_blocked += usize::from(blocked);
            side.engine.handle_blocked(now, side.id, blocked);
            side.settle(now);
            side.take_in(now, &[]);
        }
    }

    /// Some bytes arrive, or the end does.
    fn read(&mut self, from: usize) {
        let now = self.now;
        let wire = &mut self.wires[from];
        if self.sides[1 - from].has_hung_up {
            return wire.clear();
        }
        if wire.is_empty() && self.sides[from].has_hung_up && self.sides[from].outbound.is_empty() {
            return self.sides[1 - from].lose(now);
        }
        let side = &mut self.sides[1 - from];
        if !side.engine.takes_input(side.id) {
            return;
        }
        let most = self.scenario.piece.min(wire.len());
        let n = if most > 1 { self.rng.usize(1..=most) } else { most };
        let bytes: Vec<u8> = wire.drain(..n).collect();
        side.take_in(now, &bytes);
    }

    /// Whether something is under way in either direction.
    fn is_busy(&self) -> bool {
        (0..2).any(|n| {
            let (side, other) = (&self.sides[n], &self.sides[1 - n]);
            !other.has_hung_up && (!self.wires[n].is_empty() || !side.outbound.is_empty())
                || self.is_made && side.has_hung_up && !other.has_hung_up
        })
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        let now = self.now;
        for side in &mut self.sides {
            if side.engine.poll_timeout().is_some_and(|at| at <= now) {
                side.engine.handle_timeout(now);
            }
            side.settle(now);
        }
    }

    fn request(&mut self, from: usize, code: Code, path: &str) -> Option<Pdu> {
        if from == 1 && !self.is_made {
            // There is no such session yet.
            return None;
        }
        let side = &mut self.sides[from];
        let session = side.engine.session_mut(side.id)?;
        let mut pdu = Pdu::new(Type::Confirmable, code, Mid(0), session.max_pdu_size());
        pdu.set_token(&[self.sent[from].len() as u8, 0x77]).unwrap();
        pdu.add_option(Number::URI_PATH, path.as_bytes()).unwrap();
        Some(pdu)
    }

    fn act(&mut self, deed: Deed) {
        let now = self.now;
        match deed {
            Deed::Ask { up, down, by_server } => {
                let from = usize::from(by_server);
                let code = if up > 0 { Code::PUT } else { Code::GET };
                let Some(mut pdu) = self.request(from, code, "r") else { return };
                let token = pdu.token().to_vec();
                let sizes = (up as u64) << 24 | (down as u64) << 8 | u64::from(token[0]);
                pdu.add_option(INDEX, &encode_uint(sizes)).unwrap();
                let side = &mut self.sides[from];
                let session = side.engine.session_mut(side.id).unwrap();
                let (tag, largest) = (session.new_request_tag(), session.largest_block());
                let bytes: Shared = Arc::new(body(up, token[0]));
                let upload = match up {
                    0 => None,
                    _ if self.scenario.with_blocks => match Upload::begin(&mut pdu, &bytes, largest, &tag) {
                        Ok(upload) => upload,
                        Err(_) => return,
                    },
                    _ if pdu.set_payload((*bytes).as_ref()).is_ok() => None,
                    _ => return,
                };
                if side.engine.submit(now, side.id, pdu, upload).is_ok() {
                    self.sent[from].push((token, false));
                }
            }
            Deed::Observe => {
                let Some(mut pdu) = self.request(0, Code::GET, "o") else { return };
                pdu.add_option(Number::OBSERVE, &[]).unwrap();
                let client = &mut self.sides[0];
                let token = pdu.token().to_vec();
                if client.engine.submit(now, client.id, pdu, None).is_ok() {
                    self.sent[0].push((token, true));
                }
            }
            Deed::Change => {
                let server = &mut self.sides[1];
                let observed = server.resources.iter().find(|(_, o)| **o).map(|(id, _)| *id).unwrap();
                server.engine.notify(observed);
                self.pass(Duration::ZERO);
            }
            Deed::Ping(by_client) => {
                let n = usize::from(!by_client);
                let side = &mut self.sides[n];
                let is_up =
                    side.engine.sessions().get(side.id).is_some_and(|s| s.state == State::Established);
                let ping = Pdu::new(Type::Confirmable, Code::PING, Mid(0), 0);
                self.pings[n] += usize::from(is_up && side.engine.send(now, side.id, ping).is_ok());
            }
            Deed::Release => {
                let server = &mut self.sides[1];
                let release = Pdu::new(Type::Confirmable, Code::RELEASE, Mid(0), 0);
                let _ = server.engine.send(now, server.id, release);
            }
        }
        self.sides.iter_mut().for_each(|side| side.settle(now));
    }

    fn end(&mut self, end: End) {
        let now = self.now;
        match end {
            End::Reset => {
                self.wires.iter_mut().for_each(VecDeque::clear);
                self.sides.iter_mut().for_each(|side| side.lose(now));
            }
            End::Given(by_client) => {
                let side = &mut self.sides[usize::from(!by_client)];
                side.engine.handle_lost(now, side.id, NackReason::Given(2));
                side.settle(now);
            }
            End::Left => self.leave(),
        }
    }

    /// The application of the client lets go; at the end of its turn the session is closed, if nothing
    /// waits in it.
    fn leave(&mut self) {
        let now = self.now;
        let client = &mut self.sides[0];
        let gone = client.engine.release(now, client.id).is_some();
        client.settle(now);
        if gone {
            client.hang_up();
        }
    }

    fn run(&mut self) {
        let mut deeds: VecDeque<_> = self.scenario.deeds.iter().copied().collect();
        let made_at = self.rng.usize(0..5);
        for step in 0..MAX_MOVES {
            if step == made_at {
                self.make();
            }
            if self.scenario.end.is_some_and(|(at, _)| at == step) {
                let (_, end) = self.scenario.end.unwrap();
                // What is not there cannot be broken.
                if self.is_made || end != End::Reset {
                    self.end(end);
                }
            }
            match self.rng.u8(0..8) {
                0 if !deeds.is_empty() => self.act(deeds.pop_front().unwrap()),
                1 if self.rng.u8(0..50) == 0 => {
                    let time = Duration::from_millis(self.rng.u64(0..400));
                    self.pass(time);
                }
                2 | 3 => self.write(0),
                4 => self.read(0),
                5 => self.write(1),
                6 => self.read(1),
                _ => {}
            }
            let is_over = self.scenario.end.is_none_or(|(at, _)| at < step) && step > made_at;
            if is_over && deeds.is_empty() && !self.is_busy() {
                let waits = |side: &Side| side.engine.sessions().get(side.id).is_some_and(|s| s.is_coming());
                if !self.sides.iter().any(waits) || self.scenario.is_refused {
                    return;
                }
                self.pass(Duration::from_millis(100));
            }
        }
        panic!(
            "still busy after {MAX_MOVES} moves: {:#?} {:?}",
            self.sides,
            self.wires.each_ref().map(VecDeque::len)
        );
    }

    /// Every request has one outcome, unless the application has let go of the session.
    fn check(&self) {
        let [client, server] = &self.sides;
        let is_left = matches!(self.scenario.end, Some((_, End::Left)));
        for (n, side) in self.sides.iter().enumerate() {
            for (token, observes) in &self.sent[n] {
                let outcome = side.outcomes.get(token).copied().unwrap_or_default();
                let outcomes = outcome.responses + outcome.nacks;
                let may_have_none = *observes || is_left && n == 0;
                assert!(
                    outcomes == 1 || outcomes == 0 && may_have_none,
                    "side {n}, {token:?}: {outcome:?} {:#?}",
                    self.sides
                );
            }
        }
        if !client.has_hung_up && !server.has_hung_up {
            for (n, side) in self.sides.iter().enumerate() {
                let nacks: usize = side.outcomes.values().map(|o| o.nacks).sum();
                // What was sent before the peer said how much it takes may be too much.
                assert!(nacks == 0 || self.scenario.sizes[1 - n] < BASE_MESSAGE_SIZE, "nothing was lost");
            }
            assert_eq!([client.pongs, server.pongs], self.pings);
        }
        // One says that there is no upgrade, another that nothing was sent.
        assert!(client.unnamed <= 1 + usize::from(client.notices.contains(&Notice::NotUpgraded)));
        for (n, side) in self.sides.iter().enumerate() {
            let is_story = match side.transport {
                transport if transport.is_websocket() => is_websocket_story(&side.notices, n == 1),
                _ => is_story(&side.notices, n == 1),
            };
            assert!(is_story, "{:?}", side.notices);
        }
    }

    /// The client leaves, if it has not, and nothing is left on either side.
    fn finish(mut self) {
        if self.sides[0].is_there() && !matches!(self.scenario.end, Some((_, End::Left))) {
            self.leave();
        }
        for _ in 0..MAX_MOVES {
            if !self.is_made || !self.is_busy() {
                break;
            }
            (0..2).for_each(|n| self.write(n));
            (0..2).for_each(|n| self.read(n));
        }
        let now = self.now;
        if !self.is_made {
            self.sides[1].lose(now);
        }
        for (n, side) in self.sides.iter_mut().enumerate() {
            side.settle(now);
            assert!(!side.is_there(), "side {n} goes on: {:?}", side.notices);
            assert_eq!(side.engine.census(), Default::default(), "side {n}");
        }
    }
}

/// Whether an application can make sense of what it has heard of a connection.
fn is_story(notices: &[Notice], is_server: bool) -> bool {
    use Notice::{BadPacket, Connected, Disconnected, Ended, NotConnected, NotReady, Opened, Ready, Unready};
    let begin: &[Notice] = if is_server { &[Connected, Opened] } else { &[Connected] };
    let stories = [
        [begin, &[Ready, Disconnected, Unready, Ended]].concat(),
        [begin, &[Disconnected, NotReady, Ended]].concat(),
        [begin, &[Ready, Ended]].concat(),
        [begin, &[Ended]].concat(),
        vec![NotConnected, NotReady, Ended],
        [begin, &[NotConnected, NotReady, Ended]].concat(),
        vec![Ended],
    ];
    !notices.contains(&BadPacket) && stories.iter().any(|story| story.starts_with(notices))
}

/// The same over a WebSocket, that may fail before the story begins, and is closed before it ends.
fn is_websocket_story(notices: &[Notice], is_server: bool) -> bool {
    use Notice::{Ended, NotReady, NotUpgraded, Upgraded, WebSocketClosed};
    let mut rest = notices.to_vec();
    let is_upgraded = rest.contains(&Upgraded);
    rest.retain(|n| !matches!(n, Upgraded | WebSocketClosed));
    let at = |wanted| notices.iter().position(|n| *n == wanted);
    let begins = if is_server { 2 } else { 1 };
    let in_order = at(Upgraded).is_none_or(|at| at == begins)
        && at(WebSocketClosed).is_none_or(|at| notices.get(at + 1) == Some(&Notice::Disconnected));
    let failed = rest.split_off(begins.min(rest.len()));
    let has_failed = [NotUpgraded, NotReady, Ended].starts_with(&failed) && !is_upgraded;
    in_order && (has_failed || is_story(&[rest, failed].concat(), is_server))
}

fn run(seed: u64, tally: &Tally) {
    let replay = Replay { seed, scenario: Scenario::new(seed) };
    let mut joined = Joined::new(&replay.scenario);
    joined.run();
    joined.check();
    tally.add(&joined);
    joined.finish();
}

#[test]
fn each_request_over_a_stream_has_one_outcome_and_nothing_is_left() {
    let tally = Tally::default();
    let runs = run_seeds(10_000, |seed, _| run(seed, &tally));
    if runs >= 300 {
        tally.check(runs as usize);
    }
}
