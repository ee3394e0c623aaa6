//! Looking up host names without waiting for ever.
//!
//! A name service may take its time, and the call that asks it cannot be ended. It is made in a thread
//! of its own, and waited for up to a limit; what it says later is there for who asks again.

use crate::address::Address;
use crate::protocol::Instant;
use core::time::Duration;
use hashbrown::HashMap;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::mpsc;

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
pub(super) struct Names(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    known: HashMap<String, (Vec<Address>, Instant)>,
    under_way: usize,
}

impl Table {
    fn learn(&mut self, now: Instant, name: String, addresses: Vec<Address>) {
        if self.known.len() >= MAX_KNOWN {
            self.known.retain(|_, (_, until)| now < *until);
        }
        if self.known.len() >= MAX_KNOWN {
            self.known.clear();
        }
        let keep = if addresses.is_empty() { UNKNOWN_FOR } else { KNOWN_FOR };
        self.known.insert(name, (addresses, now + keep));
    }
}

impl Names {
    /// The addresses of a host, with port 0; none if there are none or that was not found out in time.
    pub(super) fn resolve(&self, host: &str) -> Vec<Address> {
        self.resolve_by(host, PATIENCE, crate::net::resolve::resolve)
    }

    fn resolve_by(
        &self,
        host: &str,
        patience: Duration,
        look_up: fn(&str, i32) -> std::io::Result<Vec<Address>>,
    ) -> Vec<Address> {
        // An address needs no name service.
        if let Ok(addresses) = look_up(host, libc::AI_NUMERICHOST) {
            return addresses;
        }
        let (done, answer) = mpsc::channel();
        {
            let mut table = self.0.lock();
            let now = crate::clock::now();
            if let Some((addresses, _)) = table.known.get(host).filter(|(_, until)| now < *until) {
                return addresses.clone();
            }
            if table.under_way >= MAX_UNDER_WAY {
                crate::log!(WARN, "too many names are being looked up: {host} is not");
                return Vec::new();
            }
            let (shared, name) = (Arc::clone(&self.0), host.to_string());
            let thread = std::thread::Builder::new().name("coap-names".into()).spawn(move || {
                let found = look_up(&name, 0).map_err(|e| e.to_string());
                let addresses = found.as_ref().map_or_else(|_| Vec::new(), Clone::clone);
                {
                    let mut table = shared.lock();
                    table.under_way -= 1;
                    table.learn(crate::clock::now(), name, addresses);
                }
                // Nobody may wait any more.
                let _ = done.send(found);
            });
            match thread {
                Ok(_) => table.under_way += 1,
                Err(e) => {
                    crate::log!(WARN, "cannot look up {host}: {e}");
                    return Vec::new();
                }
            }
        }
        match answer.recv_timeout(patience) {
            Ok(Ok(addresses)) => addresses,
            Ok(Err(e)) => {
                crate::log!(WARN, "getaddrinfo: {e}");
                Vec::new()
            }
            Err(_) => {
                crate::log!(WARN, "getaddrinfo: no answer for {host} in {} s", patience.as_secs());
                Vec::new()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    fn address() -> Vec<Address> {
        vec![Address::Ip(([10, 0, 0, 1], 0).into())]
    }

    #[test]
    fn an_address_is_there_at_once() {
        let never = |_: &str, flags| match flags {
            libc::AI_NUMERICHOST => Ok(address()),
            _ => Err(io::ErrorKind::NotFound.into()),
        };
        assert_eq!(Names::default().resolve_by("10.0.0.1", Duration::ZERO, never), address());
    }

    #[test]
    fn a_name_is_waited_for_and_known_for_a_while() {
        let found = |_: &str, flags| match flags {
            0 => Ok(address()),
            _ => Err(io::ErrorKind::NotFound.into()),
        };
        let unknown = |_: &str, _| Err(io::ErrorKind::NotFound.into());
        let names = Names::default();
        assert_eq!(names.resolve_by("a", PATIENCE, found), address());
        assert_eq!(names.resolve_by("a", PATIENCE, unknown), address());
        assert_eq!(names.resolve_by("b", PATIENCE, unknown), []);
        assert_eq!(names.resolve_by("b", PATIENCE, found), [], "not asked again at once");
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
            assert_eq!(names.resolve_by(&n.to_string(), Duration::from_millis(1), stuck), []);
        }
        assert_eq!(names.0.lock().under_way, MAX_UNDER_WAY);
    }

    #[test]
    fn what_is_known_has_a_limit() {
        let mut table = Table::default();
        for n in 0..10 * MAX_KNOWN {
            table.learn(Instant(1), n.to_string(), address());
        }
        assert!(table.known.len() <= MAX_KNOWN);
    }
}
