//! The application of the server, and bodies whose owner counts how often they come back.

use super::{INDEX, Scenario, Server};
use crate::message::option::encode_uint;
use crate::message::{Code, Number, Pdu};
use crate::protocol::block::{self, Block, MAX_SZX, Shared};
use crate::protocol::engine::Representation;
use crate::protocol::simulation::{Pair, START, Turn};
use core::sync::atomic::{AtomicUsize, Ordering};
use hashbrown::HashMap;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

/// A body that was lent to the library.
struct Lent {
    bytes: Vec<u8>,
    given_back: Arc<AtomicUsize>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.given_back.fetch_add(1, Ordering::Relaxed);
    }
}

/// A request that was there whole.
pub(super) struct Arrival {
    /// Of which transfer.
    pub(super) index: usize,
    pub(super) body: Vec<u8>,
    /// It asked for a later block of the response: then it has no body, which came earlier.
    pub(super) is_later: bool,
}

/// What was lent to the library, and what the application of the server has seen.
#[derive(Clone, Default)]
pub(super) struct Library {
    lent: Rc<RefCell<usize>>,
    given_back: Arc<AtomicUsize>,
    /// The bodies of requests as far as they have come, by transfer.
    coming: Rc<RefCell<HashMap<usize, Vec<u8>>>>,
    /// The bodies that were there whole.
    pub(super) arrived: Rc<RefCell<Vec<Arrival>>>,
}

impl Library {
    pub(super) fn lend(&self, bytes: Vec<u8>) -> Shared {
        *self.lent.borrow_mut() += 1;
        Arc::new(Lent { bytes, given_back: Arc::clone(&self.given_back) })
    }

    /// How many bodies the library still has.
    pub(super) fn out(&self) -> usize {
        *self.lent.borrow() - self.given_back.load(Ordering::Relaxed)
    }

    /// Forgets what has arrived, and says how many bodies did.
    pub(super) fn forget(&self) -> usize {
        core::mem::take(&mut *self.arrived.borrow_mut()).len()
    }

    /// A request was handled that has this much of its body.
    fn arrive(&self, index: usize, body: &[u8], is_later: bool) {
        self.arrived.borrow_mut().push(Arrival { index, body: body.to_vec(), is_later });
    }
}

/// The block option of a request.
fn block_of(request: &Pdu, number: Number) -> Option<Block> {
    Block::of(request, number).unwrap()
}

pub(super) fn serve(pair: &mut Pair, scenario: &Rc<Scenario>, library: &Library) {
    let (scenario, library) = (Rc::clone(scenario), library.clone());
    if let Server::Library(mode) = scenario.server {
        pair.server().engine.config.block_mode = mode;
    }
    let mut rng = fastrand::Rng::with_seed(scenario.seed ^ 0xb10c);
    let versions = |index| [0, 1].map(|version| scenario.response(index, version));
    let bodies: Vec<_> = (0..scenario.transfers.len()).map(versions).collect();
    pair.server().serve("r", move |turn| {
        let index = turn.exchange.request.option_uint(INDEX).unwrap() as usize;
        let is_ours = scenario.server == Server::ByHand;
        let next = match turn.exchange.body.as_deref() {
            Some(shown) if shown.data.is_some() => {
                library.arrive(index, shown.data.as_deref().unwrap(), false);
                Next::Answer
            }
            _ => take(turn, index, &library, is_ours, &mut rng),
        };
        let version = usize::from(scenario.edited.is_some_and(|at| turn.now >= START + at));
        let response = &bodies[index][version];
        match next {
            Next::Said(code) => turn.exchange.response.set_code(code),
            Next::Answer if is_ours => answer_by_hand(turn, response, scenario.is_tagged, &mut rng),
            Next::Answer => {
                let etag = if scenario.is_tagged { (index * 2 + version + 1) as u64 } else { 0 };
                let about = Representation { etag, ..Representation::default() };
                let (session, body) = (turn.exchange.session, library.lend(response.clone()));
                let (request, pdu) = (turn.exchange.request.clone(), &mut turn.exchange.response);
                pdu.set_code(Code::CONTENT);
                turn.engine.add_body(turn.now, session, &request, pdu, about, &body).unwrap();
            }
        }
    });
}

/// What becomes of a request.
enum Next {
    /// It is there whole.
    Answer,
    /// It was answered.
    Said(Code),
}

/// Takes a piece of a body, as a server does that is shown each of them.
fn take(
    turn: &mut Turn<'_>,
    index: usize,
    library: &Library,
    is_ours: bool,
    rng: &mut fastrand::Rng,
) -> Next {
    let request = &turn.exchange.request;
    let payload = request.payload().unwrap_or(&[]);
    let Some(block) = block_of(request, Number::BLOCK1).filter(|b| b.num > 0 || b.more) else {
        let is_later = block_of(request, Number::BLOCK2).is_some_and(|b| b.num > 0);
        library.arrive(index, payload, is_later);
        return Next::Answer;
    };
    let mut coming = library.coming.borrow_mut();
    let body = coming.entry(index).or_default();
    if block.num == 0 && is_ours && block.szx > 0 && rng.u8(0..8) == 0 {
        // Too large, but smaller blocks will do (RFC 7959 §2.9.3).
        let asked = Block { szx: rng.u8(0..block.szx), ..block };
        turn.exchange.response.add_option(Number::BLOCK1, &asked.encode()).unwrap();
        return Next::Said(Code::REQUEST_ENTITY_TOO_LARGE);
    }
    if block.num == 0 {
        body.clear();
    }
    if block.offset() != body.len() {
        return Next::Said(Code::REQUEST_ENTITY_INCOMPLETE);
    }
    body.extend_from_slice(payload);
    if is_ours {
        // Any acknowledgement may ask for smaller blocks from there on.
        let szx = if rng.u8(0..4) == 0 { rng.u8(0..=block.szx) } else { block.szx };
        turn.exchange.response.add_option(Number::BLOCK1, &Block { szx, ..block }.encode()).unwrap();
    }
    if block.more {
        return Next::Said(Code::CONTINUE);
    }
    library.arrive(index, body, false);
    coming.remove(&index);
    Next::Answer
}

/// Sends a slice of the response, smaller than asked for where chance says so.
fn answer_by_hand(turn: &mut Turn<'_>, body: &[u8], is_tagged: bool, rng: &mut fastrand::Rng) {
    let asked = block_of(&turn.exchange.request, Number::BLOCK2);
    let response = &mut turn.exchange.response;
    response.set_code(Code::CONTENT);
    if asked.is_none() && body.len() <= 500 {
        return response.set_payload(body).unwrap();
    }
    let asked = asked.unwrap_or(Block { num: 0, more: false, szx: MAX_SZX });
    let largest = if rng.u8(0..4) == 0 { rng.u8(0..=asked.szx) } else { asked.szx };
    let (block, slice) = asked.shrink(largest).unwrap().cut(body, 0).unwrap();
    if is_tagged {
        response.add_option(Number::ETAG, &encode_uint(block::fingerprint(body))).unwrap();
    }
    response.add_option(Number::BLOCK2, &block.encode()).unwrap();
    if rng.bool() {
        response.add_option(Number::SIZE2, &encode_uint(body.len() as u64)).unwrap();
    }
    response.set_payload(slice).unwrap();
}
