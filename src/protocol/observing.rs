//! What this side observes at a peer (RFC 7641 §3): how an observation can be ended, and which
//! notification is out of date.

use super::time::Instant;
use crate::message::Pdu;
use core::time::Duration;

/// RFC 7641 §3.4: after so long a notification is newer than the one before, whatever its number.
const NUMBERS_COMPARE_FOR: Duration = Duration::from_secs(128);

/// Half of the numbers that 24 bits have.
const HALF: u32 = 1 << 23;

/// One observation.
#[derive(Debug)]
pub struct Observing {
    /// The request that began it.
    request: Pdu,
    /// The number of the newest notification, and when it came.
    newest: Option<(u32, Instant)>,
    /// Grows with each observation of a session.
    pub(super) serial: u64,
}

impl Observing {
    /// An observation that the peer has not confirmed yet.
    pub fn new(request: Pdu, serial: u64) -> Self {
        Observing { request, newest: None, serial }
    }

    /// A notification with this number came. `true` if a newer one came before it.
    pub fn is_outdated(&mut self, now: Instant, number: u32) -> bool {
        let outdated = self.newest.is_some_and(|(newest, at)| {
            let behind = newest.wrapping_sub(number) & (2 * HALF - 1);
            behind != 0 && behind < HALF && now - at <= NUMBERS_COMPARE_FOR
        });
        if !outdated {
            self.newest = Some((number, now));
        }
        outdated
    }

    /// Whether the peer has taken it up.
    pub fn is_confirmed(&self) -> bool {
        self.newest.is_some()
    }

    /// The request that began it.
    pub fn request(&self) -> &Pdu {
        &self.request
    }

    /// The same, given away.
    pub fn into_request(self) -> Pdu {
        self.request
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Code, Mid, Type};

    fn observing() -> Observing {
        Observing::new(Pdu::new(Type::Confirmable, Code::GET, Mid(0), 100), 0)
    }

    #[test]
    fn a_notification_with_a_lower_number_is_out_of_date() {
        let mut o = observing();
        let outdated = [5, 7, 6, 7, 8].map(|number| o.is_outdated(Instant(0), number));
        assert_eq!(outdated, [false, false, true, false, false]);
    }

    #[test]
    fn numbers_wrap() {
        let mut o = observing();
        assert!(!o.is_outdated(Instant(0), 0xff_fffe));
        assert!(!o.is_outdated(Instant(0), 3));
        assert!(o.is_outdated(Instant(0), 0xff_ffff));
    }

    #[test]
    fn after_128_seconds_any_number_is_newer() {
        let mut o = observing();
        assert!(!o.is_outdated(Instant(0), 9));
        assert!(o.is_outdated(Instant(128_000), 2));
        assert!(!o.is_outdated(Instant(128_001), 2));
    }
}
