//! What must be true of every run, and what of all runs together.

use super::Scenario;
use super::application::{Arrival, Library};
use crate::message::Code;
use crate::protocol::block::Mode;
use crate::protocol::event::Notice;
use crate::protocol::simulation::{CLIENT, NON, Pair, What};
use core::sync::atomic::{AtomicU64, Ordering};

/// How a transfer ended at the client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    /// The response is there, to its last byte.
    Complete,
    /// A response that says it did not work.
    Refused(Code),
    /// The application was told that a message was not delivered.
    NotDelivered,
}

/// How often each kind of end was seen, so that the test shows that it tests something.
#[derive(Default)]
pub(super) struct Tally {
    complete: AtomicU64,
    refused: AtomicU64,
    not_delivered: AtomicU64,
    given_up: AtomicU64,
    /// Complete ones with bodies in blocks both ways.
    both_ways: AtomicU64,
    /// Complete ones of more than 100,000 bytes.
    large: AtomicU64,
}

impl Tally {
    pub(super) fn check(&self, runs: u64) {
        let seen = |n: &AtomicU64| n.load(Ordering::Relaxed);
        let often = [&self.complete, &self.not_delivered, &self.given_up, &self.both_ways].map(seen);
        let seldom = [&self.refused, &self.large].map(seen);
        assert!(often.iter().all(|n| *n > runs / 20), "some ends are hardly ever seen: {often:?}");
        assert!(seldom.iter().all(|n| *n > runs / 2000), "some ends are hardly ever seen: {seldom:?}");
    }
}

/// What the client saw of one transfer.
struct Transfer<'a> {
    token: &'a [u8],
    /// The body of the response as far as it has come.
    seen: Vec<u8>,
    ends: Vec<End>,
}

impl Transfer<'_> {
    fn note(&mut self, what: &What) {
        match what {
            What::Response { received, body, .. } if received.token() == self.token => {
                assert!(self.ends.is_empty(), "{:?}, and then {received:?}", self.ends);
                let payload = received.payload().unwrap_or(&[]);
                if received.code() != Code::CONTENT {
                    return self.ends.push(End::Refused(received.code()));
                }
                let is_complete = match body.as_deref() {
                    Some(shown) => {
                        if let Some(data) = &shown.data {
                            assert_eq!((shown.offset, shown.total), (0, data.len()));
                        }
                        self.seen.truncate(shown.offset);
                        assert_eq!(self.seen.len(), shown.offset, "a piece is missing");
                        self.seen.extend_from_slice(shown.data.as_deref().unwrap_or(payload));
                        self.seen.len() == shown.total
                    }
                    None => {
                        self.seen = payload.to_vec();
                        true
                    }
                };
                if is_complete {
                    self.ends.push(End::Complete);
                }
            }
            What::Nack { sent: Some(sent), .. } if sent.token() == self.token => {
                assert!(self.ends.is_empty(), "{:?}, and then a nack", self.ends);
                self.ends.push(End::NotDelivered);
            }
            _ => {}
        }
    }
}

pub(super) fn check(
    pair: &Pair,
    scenario: &Scenario,
    started: &[Option<Vec<u8>>],
    library: &Library,
    tally: &Tally,
) {
    check_server(scenario, library);
    let journal = &pair.world.hosts[CLIENT].journal;
    let count = |n: &AtomicU64| n.fetch_add(1, Ordering::Relaxed);
    let (mut silent, mut nacks) = (0, 0);
    for (index, token) in started.iter().enumerate() {
        let Some(token) = token else { continue };
        let mut transfer = Transfer { token, seen: Vec::new(), ends: Vec::new() };
        journal.iter().for_each(|record| transfer.note(&record.what));
        let asked = &scenario.transfers[index];
        match transfer.ends[..] {
            [End::Complete] => {
                let is_right =
                    [0, 1].iter().any(|version| transfer.seen == scenario.response(index, *version));
                assert!(is_right, "transfer {index} got another body");
                count(&tally.complete);
                if asked.up > 1200 && asked.down > 1200 {
                    count(&tally.both_ways);
                }
                if asked.up.max(asked.down) > 100_000 {
                    count(&tally.large);
                }
            }
            [End::Refused(_)] => drop(count(&tally.refused)),
            [End::NotDelivered] => {
                nacks += 1;
                count(&tally.not_delivered);
            }
            [] => {
                silent += 1;
                count(&tally.given_up);
            }
            _ => panic!("transfer {index} ended more than once: {:?}", transfer.ends),
        }
        let is_whole = transfer.ends == [End::Complete];
        let is_mixed = scenario.client.has(Mode::NO_PREEMPTIVE_RTAG) && scenario.transfers.len() > 1;
        if scenario.is_good && scenario.leaves.is_none() && scenario.edited.is_none() && !is_mixed {
            assert!(is_whole, "transfer {index} on a good network: {:?}", transfer.ends);
        }
    }
    let failed = |what: &What| matches!(what, What::Notice(Notice::PartialBody | Notice::BodyNotSent));
    let notices = journal.iter().filter(|record| failed(&record.what)).count();
    let is_single = scenario.client.has(Mode::SINGLE_BODY);
    // Nobody says that a single message that needs no acknowledgement was lost.
    let unsaid = scenario.transfers.iter().filter(|t| t.kind == NON).count();
    if scenario.leaves.is_none() && is_single {
        // Of a body that was not sent both a nack and an event tell.
        assert!(
            notices <= silent + nacks && silent <= notices + unsaid,
            "{silent} without an end, {notices} notices"
        );
    }
    assert_eq!(library.out(), 0, "bodies that were not given back");
}

/// What the server saw of requests is what was sent.
fn check_server(scenario: &Scenario, library: &Library) {
    let mut times = vec![0; scenario.transfers.len()];
    for Arrival { index, body, is_later } in library.arrived.borrow().iter() {
        let sent = scenario.request(*index);
        // Requests for later blocks of a response have no body of their own.
        assert!(*body == sent || *is_later && body.is_empty(), "the server got another body of {index}");
        times[*index] += usize::from(!*is_later);
    }
    for (index, transfer) in scenario.transfers.iter().enumerate() {
        // What is safe may be asked for again.
        let again =
            transfer.up == 0 || transfer.code == Code::FETCH && scenario.client.has(Mode::STLESS_FETCH);
        assert!(again || times[index] <= 1, "transfer {index} was handled {} times", times[index]);
    }
}
