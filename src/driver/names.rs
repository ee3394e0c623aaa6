//! Looking up host names without waiting for ever.
//!
//! A name service may take its time, and the call that asks it cannot be ended. It is made in a thread
//! of its own, and waited for up to a limit; what it says later is there for who asks again.

use crate::address::Address;
use crate::protocol::Instant;
use core::time::Duration;
use hashbrown::HashMap;
use parking_lot::{Condvar, Mutex};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

/// How long one is waited for.
const PATIENCE: Duration = Duration::from_secs(3);

/// How many may be under way at a time.
const MAX_UNDER_WAY: usize = 16;

/// How many answers are kept, for how long, and for how long that there is none.
const MAX_KNOWN: usize = 256;
const KNOWN_FOR: Duration = Duration::from_secs(30);
const UNKNOWN_FOR: Duration = Duration::from_secs(5);

/// What is known of names.
#[derive(Default)]
pub(super) struct Names(Arc<Shared>);

#[derive(Default)]
struct Shared {
    table: Mutex<Table>,
    /// One more name is known.
    learnt: Condvar,
}

#[derive(Default)]
struct Table {
    known: HashMap<String, Known>,
    under_way: usize,
}

/// The addresses of a name, or why there are none.
struct Known {
    addresses: Result<Vec<Address>, String>,
    until: Instant,
}

impl Table {
    fn learn(&mut self, now: Instant, name: String, addresses: Result<Vec<Address>, String>) {
        if self.known.len() >= MAX_KNOWN {
            self.known.retain(|_, known| now < known.until);
        }
        if self.known.len() >= MAX_KNOWN {
            self.known.clear();
        }
        let until = now + if addresses.is_ok() { KNOWN_FOR } else { UNKNOWN_FOR };
        self.known.insert(name, Known { addresses, until });
    }

    fn get(&self, name: &str) -> Option<&Known> {
        self.known.get(name).filter(|known| crate::clock::now() < known.until)
    }
}

type LookUp = fn(&str, i32) -> io::Result<Vec<Address>>;

impl Names {
    /// The addresses of a host, with port 0; none if there are none or that was not found out in time.
    pub(super) fn resolve(&self, host: &str) -> Vec<Address> {
        let resolved = self.resolve_by(host, PATIENCE, crate::net::resolve::resolve);
        resolved.unwrap_or_else(|e| {
            crate::log!(WARN, "getaddrinfo: {e}");
            Vec::new()
        })
    }

    fn resolve_by(&self, host: &str, patience: Duration, look_up: LookUp) -> Result<Vec<Address>, String> {
        // An address needs no name service, and mostly not even to be asked about.
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Ok(vec![Address::Ip((ip, 0).into())]);
        }
        if let Ok(addresses) = look_up(host, libc::AI_NUMERICHOST) {
            return Ok(addresses);
        }
        let mut table = self.0.table.lock();
        if let Some(known) = table.get(host) {
            return known.addresses.clone();
        }
        if table.under_way >= MAX_UNDER_WAY {
            return Err(format!("{host} is one name too many to be looked up"));
        }
        let (shared, name) = (Arc::clone(&self.0), host.to_string());
        let thread = std::thread::Builder::new().name("coap-names".into()).spawn(move || {
            let found = look_up(&name, 0).map_err(|e| e.to_string());
            let mut table = shared.table.lock();
            table.under_way -= 1;
            table.learn(crate::clock::now(), name, found);
            shared.learnt.notify_all();
        });
        thread.map_err(|e| e.to_string())?;
        table.under_way += 1;
        let end = std::time::Instant::now() + patience;
        loop {
            let is_late = self.0.learnt.wait_until(&mut table, end).timed_out();
            match table.get(host) {
                Some(known) => return known.addresses.clone(),
                None if is_late => return Err(format!("no answer for {host} in time")),
                None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address() -> Vec<Address> {
        vec![Address::Ip(([10, 0, 0, 1], 0).into())]
    }

    #[test]
    fn an_address_is_there_at_once() {
        let never = |_: &str, flags| match flags {
            libc::AI_NUMERICHOST => Ok(address()),
            _ => Err(io::ErrorKind::NotFound.into()),
        };
        assert_eq!(Names::default().resolve_by("10.0.0.1", Duration::ZERO, never), Ok(address()));
    }

    #[test]
    fn a_name_is_waited_for_and_known_for_a_while() {
        let found = |_: &str, flags| match flags {
            0 => Ok(address()),
            _ => Err(io::ErrorKind::NotFound.into()),
        };
        let unknown = |_: &str, _| Err(io::ErrorKind::NotFound.into());
        let names = Names::default();
        assert_eq!(names.resolve_by("a", PATIENCE, found), Ok(address()));
        assert_eq!(names.resolve_by("a", PATIENCE, unknown), Ok(address()));
        assert!(names.resolve_by("b", PATIENCE, unknown).is_err());
        assert!(names.resolve_by("b", PATIENCE, found).is_err(), "not asked again at once");
    }

    #[test]
    fn a_name_service_that_never_answers_holds_up_nobody_for_long_and_not_many_threads() {
        let stuck = |_: &str, flags| match flags {
            0 => loop {
                std::thread::park();
            },
            _ => Err(io::ErrorKind::NotFound.into()),
        };
        let names = Names::default();
        for n in 0..MAX_UNDER_WAY + 3 {
            assert!(names.resolve_by(&n.to_string(), Duration::from_millis(1), stuck).is_err());
        }
        assert_eq!(names.0.table.lock().under_way, MAX_UNDER_WAY);
    }

    #[test]
    fn what_is_known_has_a_limit() {
        let mut table = Table::default();
        for n in 0..10 * MAX_KNOWN {
            table.learn(Instant(1), n.to_string(), Ok(address()));
        }
        assert!(table.known.len() <= MAX_KNOWN);
    }
}
