//! Which responses a client waits for, by token (RFC 7252 §5.3).
//!
//! A response whose token is not here answers nothing that was asked: it is rejected. An entry
//! ends with its response; one that observes or went to a group stays (RFC 7641 §3.2, RFC 7252
//! §8.2). Requests that are never answered, and those to a group, are forgotten after their
//! lifetime, but only when there are many: a server may take its time.

use super::observing::Observing;
use super::time::Instant;
use crate::message::{Pdu, Token};
use core::time::Duration;
use hashbrown::HashMap;

/// How many entries a session keeps before it looks for those that are out of date.
const SWEEP_AT: usize = 1024;

#[derive(Debug)]
struct Exchange {
    /// Requests sent with this token and not yet answered.
    pending: u32,
    /// More than one response may come.
    lasting: bool,
    since: Instant,
    /// It was acknowledged without its response.
    acknowledged: bool,
    /// When it may be forgotten; never if it observes.
    until: Option<Instant>,
    /// What is observed by it, if anything.
    observing: Option<Box<Observing>>,
}

/// The requests of one session.
#[derive(Debug, Default)]
pub struct Exchanges(Option<Box<Table>>);

#[derive(Debug)]
struct Table {
    by_token: HashMap<Token, Exchange>,
    sweep_at: usize,
    next_serial: u64,
}

impl Exchanges {
    /// A request was sent, to be forgotten after `lifetime` if that is given. `lasting` if more than
    /// one response may come.
    pub fn begin(&mut self, now: Instant, token: &[u8], lasting: bool, lifetime: Option<Duration>) {
        let empty = || Box::new(Table { by_token: HashMap::new(), sweep_at: SWEEP_AT, next_serial: 0 });
        let table = self.0.get_or_insert_with(empty);
        if table.by_token.len() >= table.sweep_at {
            table.by_token.retain(|_, e| e.until.is_none_or(|until| now < until));
            table.sweep_at = SWEEP_AT.max(table.by_token.len() * 2);
        }
        let until = lifetime.map(|lifetime| now + lifetime);
        let entry = table.by_token.entry(Token::new(token)).or_insert(Exchange {
            pending: 0,
            lasting,
            since: now,
            acknowledged: false,
            until,
            observing: None,
        });
        entry.pending += 1;
        entry.lasting |= lasting;
        entry.since = now;
        entry.until = entry.until.and(until);
    }

    /// A request was acknowledged; its response comes in a message of its own.
    pub fn acknowledge(&mut self, token: &[u8]) {
        if let Some(entry) = self.0.as_mut().and_then(|t| t.by_token.get_mut(&Token::new(token))) {
            entry.acknowledged = true;
        }
    }

    /// Whether a response is still to come, to a request that was acknowledged or, if `any`, to any one
    /// and of any observation. What was not answered within `lifetime` does not count any more.
    pub fn awaits(&self, now: Instant, lifetime: Duration, any: bool) -> bool {
        let entries = self.0.iter().flat_map(|t| t.by_token.values());
        let fresh = |e: &Exchange| now - e.since < lifetime;
        entries.into_iter().any(|e| e.acknowledged && fresh(e) || any && (fresh(e) || e.observing.is_some()))
    }

    /// The request that was sent with this token begins an observation.
    pub fn observe(&mut self, token: &[u8], request: Pdu) {
        let Some(table) = &mut self.0 else { return };
        let serial = table.next_serial;
        table.next_serial += 1;
        if let Some(entry) = table.by_token.get_mut(&Token::new(token)) {
            entry.observing = Some(Box::new(Observing::new(request, serial)));
        }
    }

    /// A notification came. `true` if a newer one came before it.
    pub fn is_outdated(&mut self, now: Instant, token: &[u8], number: u32) -> bool {
        let entry = self.0.as_mut().and_then(|t| t.by_token.get_mut(&Token::new(token)));
        entry.and_then(|e| e.observing.as_mut()).is_some_and(|o| o.is_outdated(now, number))
    }

    /// The observation with this token is to end: gives the request that began it, if the peer has
    /// confirmed it. The last response is still waited for.
    pub fn cancel(&mut self, token: &[u8]) -> Option<Pdu> {
        let entry = self.0.as_mut()?.by_token.get_mut(&Token::new(token))?;
        let confirmed = entry.observing.take_if(|o| o.is_confirmed())?;
        Some(confirmed.into_request())
    }

    /// The same for all observations, the newest first.
    pub fn cancel_all(&mut self) -> Vec<Pdu> {
        let entries = self.0.iter_mut().flat_map(|t| t.by_token.values_mut());
        let mut all: Vec<_> = entries.filter_map(|e| e.observing.take_if(|o| o.is_confirmed())).collect();
        all.sort_unstable_by_key(|o| core::cmp::Reverse(o.serial));
        all.into_iter().map(|o| o.into_request()).collect()
    }

    /// The requests that began what is observed, the oldest first.
    pub fn observed(&self) -> Vec<Pdu> {
        let entries = self.0.iter().flat_map(|t| t.by_token.values());
        let mut all: Vec<_> = entries.filter_map(|e| e.observing.as_ref()).collect();
        all.sort_unstable_by_key(|o| o.serial);
        all.into_iter().map(|o| o.request().clone()).collect()
    }

    /// A response came. `false` if nobody asked; `last` ends a lasting exchange too.
    pub fn answer(&mut self, token: &[u8], last: bool) -> bool {
        let Some(table) = &mut self.0 else { return false };
        let token = Token::new(token);
        let Some(entry) = table.by_token.get_mut(&token) else { return false };
        entry.acknowledged = false;
        if entry.lasting && !last {
            return true;
        }
        entry.pending = entry.pending.saturating_sub(1);
        if entry.pending == 0 || entry.lasting {
            table.by_token.remove(&token);
        }
        true
    }

    /// More than one response may come to the request with this token: it stays until it is
    /// abandoned.
    pub fn keep(&mut self, token: &[u8]) {
        if let Some(entry) = self.0.as_mut().and_then(|t| t.by_token.get_mut(&Token::new(token))) {
            entry.lasting = true;
        }
    }

    /// Whether a response with this token is waited for.
    pub fn expects(&self, token: &[u8]) -> bool {
        self.0.as_ref().is_some_and(|t| t.by_token.contains_key(&Token::new(token)))
    }

    /// A request will not be answered: it could not be delivered.
    pub fn abandon(&mut self, token: &[u8]) {
        self.answer(token, true);
    }

    /// How many tokens are waited for.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |t| t.by_token.len())
    }

    /// Whether nothing is waited for.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGE: Duration = Duration::from_secs(247);
    const LIFETIME: Option<Duration> = Some(AGE);

    #[test]
    fn each_request_takes_one_response() {
        let mut x = Exchanges::default();
        assert!(!x.answer(b"t", false));
        x.begin(Instant(0), b"t", false, LIFETIME);
        x.begin(Instant(0), b"t", false, LIFETIME);
        assert!(x.answer(b"t", false) && x.answer(b"t", false));
        assert!(!x.answer(b"t", false));
    }

    #[test]
    fn a_response_is_awaited_after_the_acknowledgement_for_a_lifetime() {
        let (now, late) = (Instant(1000), Instant(1000) + AGE);
        let mut x = Exchanges::default();
        x.begin(now, b"t", false, LIFETIME);
        assert!(!x.awaits(now, AGE, false) && x.awaits(now, AGE, true));
        x.acknowledge(b"t");
        assert!(x.awaits(now, AGE, false) && !x.awaits(late, AGE, true));
        x.answer(b"t", false);
        assert!(!x.awaits(now, AGE, true));
    }

    #[test]
    fn a_lasting_exchange_takes_responses_until_the_last() {
        let mut x = Exchanges::default();
        x.begin(Instant(0), b"t", true, LIFETIME);
        assert!(x.answer(b"t", false) && x.answer(b"t", false));
        assert!(x.answer(b"t", true));
        assert!(!x.answer(b"t", false));
    }

    #[test]
    fn requests_that_are_never_answered_do_not_pile_up() {
        let mut x = Exchanges::default();
        for n in 0..100_000u64 {
            // The others went to a group.
            x.begin(Instant(n * 1000), &n.to_be_bytes(), n % 2 == 0, LIFETIME);
        }
        assert!(x.len() <= 2 * SWEEP_AT);
    }
}
