//! Observers by the thousand: notifying them costs one call of the handler and one datagram each,
//! and the turns after that cost what happens in them, however many were notified before.

use crate::address::Address;
use crate::message::{Code, Mid, Number, Pdu, Type};
use crate::protocol::observe::MAX_NON;
use crate::protocol::resource::{Flags, Kind, ResourceId};
use crate::protocol::simulation::*;
use crate::protocol::time::Instant;
use core::time::Duration;
use std::cell::Cell;
use std::rc::Rc;

const OBSERVERS: u16 = 10_000;

/// A server whose resource is observed by so many peers.
struct Observed {
    host: Host,
    now: Instant,
    resource: ResourceId,
    calls: Rc<Cell<usize>>,
    /// Confirmable messages that nobody has acknowledged yet, and to whom.
    to_acknowledge: Vec<(Address, Mid)>,
}

/// What happened in a turn.
#[derive(PartialEq, Eq, Debug)]
struct Cost {
    handler_calls: usize,
    datagrams: usize,
}

const NOTHING: Cost = Cost { handler_calls: 0, datagrams: 0 };
const ONE_EACH: Cost = Cost { handler_calls: OBSERVERS as usize, datagrams: OBSERVERS as usize };

fn peer(number: u16) -> Address {
    Address::Ip(([10, 1, (number >> 8) as u8, number as u8], 40_000).into())
}

impl Observed {
    fn new(flags: Flags) -> Self {
        let (mut host, calls) = (Host::new(1, 1), Rc::new(Cell::new(0)));
        let counted = Rc::clone(&calls);
        let resource = host.serve_as("r", Kind::Plain, flags, move |turn| {
            counted.set(counted.get() + 1);
            turn.reply(Code::CONTENT, b"state");
        });
        host.engine.resources.get(resource).unwrap().resource.set_observable(true);
        let mut observed =
            Observed { host, now: Instant(5_000), resource, calls, to_acknowledge: Vec::new() };
        for number in 0..OBSERVERS {
            observed.get(number, Type::NonConfirmable, &[]);
        }
        assert_eq!(observed.settle(), ONE_EACH);
        // The requests are forgotten, so that only what notifying leaves behind is counted later.
        observed.now = observed.now + Duration::from_secs(200);
        assert_eq!(observed.turn(), NOTHING);
        assert_eq!(observed.host.engine.census().observers, usize::from(OBSERVERS));
        observed
    }

    /// A GET of a peer arrives, with this value of Observe.
    fn get(&mut self, number: u16, kind: Type, observe: &[u8]) {
        let mut request = Pdu::new(kind, Code::GET, Mid(number), 1152);
        request.set_token(&number.to_be_bytes()).unwrap();
        request.add_option(Number::OBSERVE, observe).unwrap();
        request.add_option(Number::URI_PATH, b"r").unwrap();
        self.arrive(&peer(number), request);
    }

    fn arrive(&mut self, from: &Address, mut message: Pdu) {
        let to = self.host.address.clone();
        self.host.receive(self.now, from, &to, message.encode_udp());
    }

    /// The first so many observers that were told acknowledge it.
    fn acknowledge(&mut self, many: usize) {
        for (from, mid) in self.to_acknowledge.drain(..many).collect::<Vec<_>>() {
            self.arrive(&from, Pdu::new(Type::Acknowledgement, Code::EMPTY, mid, 0));
        }
    }

    /// Delivers what there is, and counts.
    fn settle(&mut self) -> Cost {
        let (before, mut datagrams) = (self.calls.get(), 0);
        let to_acknowledge = &mut self.to_acknowledge;
        self.host.settle(self.now, |_, to, bytes| {
            datagrams += 1;
            let sent = Pdu::decode_udp(bytes, 8).unwrap();
            if sent.kind() == Type::Confirmable {
                to_acknowledge.push((to.clone(), sent.mid()));
            }
        });
        Cost { handler_calls: self.calls.get() - before, datagrams }
    }

    fn turn(&mut self) -> Cost {
        self.host.engine.handle_timeout(self.now);
        self.settle()
    }

    fn change(&mut self) -> Cost {
        assert!(self.host.engine.notify(self.resource));
        self.turn()
    }
}

#[test]
fn ten_thousand_notifications_leave_nothing_for_later_turns() {
    let mut observed = Observed::new(Flags::NOTIFY_NON_ALWAYS);
    let before = observed.host.engine.census();
    for _ in 0..2 * MAX_NON {
        assert_eq!(observed.change(), ONE_EACH);
        assert_eq!(observed.host.engine.census(), before);
        observed.now = observed.now + Duration::from_millis(1);
        assert!(observed.host.engine.poll_timeout().is_none_or(|at| at > observed.now), "nothing is due");
        assert_eq!(observed.turn(), NOTHING);
    }
    observed.get(7, Type::Confirmable, &[1]);
    assert_eq!(observed.settle(), Cost { handler_calls: 1, datagrams: 1 });
}

#[test]
fn while_ten_thousand_wait_to_be_acknowledged_a_turn_costs_what_happens_in_it() {
    let mut observed = Observed::new(Flags::NOTIFY_CON);
    let before = observed.host.engine.census();
    assert_eq!(observed.change(), ONE_EACH);
    let waiting = observed.host.engine.census();
    assert_eq!((waiting.outstanding, waiting.deadlines), (usize::from(OBSERVERS), usize::from(OBSERVERS)));
    // A change meanwhile is for each observer's next message: the handler is not asked before.
    assert_eq!(observed.change(), NOTHING);
    assert_eq!(observed.turn(), NOTHING);
    observed.acknowledge(1);
    assert_eq!(observed.settle(), Cost { handler_calls: 1, datagrams: 1 });
    let rest = usize::from(OBSERVERS) - 1;
    observed.acknowledge(rest);
    assert_eq!(observed.settle(), Cost { handler_calls: rest, datagrams: rest });
    observed.acknowledge(rest + 1);
    assert_eq!(observed.settle(), NOTHING);
    assert_eq!(observed.host.engine.census(), before);
}
