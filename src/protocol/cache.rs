//! Cache keys (RFC 7252 §5.4.2, §5.6) and the entries an application keeps by them.
//!
//! The library stores nothing here by itself: an application that wants to know a request again
//! makes an entry. What an entry holds is the owner's business, an opaque `H`; this room knows
//! when it is found, when it has been idle for too long and whose session made it.

use super::session::SessionId;
use super::time::Instant;
use crate::message::{Code, Number, Pdu};
use core::time::Duration;
use sha2::{Digest, Sha256};
use slab::Slab;
use std::collections::BTreeMap;

/// How many entries a cache holds. Entries are made for what peers ask, so there must be an end.
pub const MAX_ENTRIES: usize = 65_536;

/// How many bytes entries may take together.
pub const MAX_BYTES: usize = 256 << 20;

/// The cache holds [`MAX_ENTRIES`] entries, or entries of nearly [`MAX_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cache holds {MAX_ENTRIES} entries or {MAX_BYTES} bytes, no more fit in")]
pub struct Full;

/// What identifies equal requests: a SHA-256 digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub [u8; 32]);

impl Key {
    /// The key of a message: each option's number, two bytes with the low one first, and its
    /// value, in the order of the message; behind them, if it is a FETCH, its `body` (RFC 8132 §2):
    /// the payload, or what the payloads of all blocks make. Left out are options that are no part
    /// of a cache key, Observe, and those in `ignored`. The method is no part of it. A key for one
    /// session begins with the session's name.
    ///
    /// A message that has neither options nor payload has no key.
    pub fn derive(pdu: &Pdu, body: &[u8], session: Option<SessionId>, ignored: &[Number]) -> Option<Key> {
        if pdu.option_and_payload_bytes().is_empty() {
            return None;
        }
        let mut digest = Sha256::new();
        if let Some(session) = session {
            digest.update(session.to_bytes());
        }
        let counts = |n: Number| !n.is_no_cache_key() && n != Number::OBSERVE && !ignored.contains(&n);
        for option in pdu.options().filter(|o| counts(o.number)) {
            digest.update(option.number.0.to_le_bytes());
            digest.update(option.value);
        }
        if pdu.code() == Code::FETCH {
            digest.update(body);
        }
        Some(Key(digest.finalize().into()))
    }
}

/// Names an entry in its cache, and nothing once that entry is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EntryId {
    slot: u32,
    serial: u64,
}

#[derive(Debug)]
struct Entry<H> {
    handle: H,
    serial: u64,
    key: Key,
    session: SessionId,
    /// What it takes, in bytes.
    cost: usize,
    /// How long it lives without being found, and until when that is now.
    idle: Option<(Duration, Instant)>,
}

/// The entries of one context.
///
/// Mutators: [`Cache::ignore`], [`Cache::insert_with`], [`Cache::get`] (which counts as use),
/// [`Cache::remove`]. Entries that end by themselves are handed out one at a time, so that the
/// owner can let go of the cache before it runs the application's code: call [`Cache::expire`],
/// [`Cache::forget_session`] or [`Cache::pop`] until it gives nothing. [`Cache::next_deadline`]
/// says when the next one is due.
#[derive(Debug)]
pub struct Cache<H> {
    ignored: Vec<Number>,
    entries: Slab<Entry<H>>,
    bytes: usize,
    /// By key and serial number: of equal keys the newest entry is the one that is found.
    by_key: BTreeMap<(Key, u64), u32>,
    by_session: BTreeMap<(SessionId, u64), u32>,
    by_deadline: BTreeMap<(Instant, u64), u32>,
    next_serial: u64,
}

impl<H> Default for Cache<H> {
    fn default() -> Self {
        Cache {
            ignored: Vec::new(),
            entries: Slab::new(),
            bytes: 0,
            by_key: BTreeMap::new(),
            by_session: BTreeMap::new(),
            by_deadline: BTreeMap::new(),
            next_serial: 0,
        }
    }
}

impl<H> Cache<H> {
    /// An empty cache.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets which options keys leave out, beside those they always do. The list before is
    /// forgotten.
    pub fn ignore(&mut self, options: &[u16]) {
        self.ignored = options.iter().map(|&n| Number(n)).collect();
    }

    /// The options that keys leave out.
    pub fn ignored(&self) -> &[Number] {
        &self.ignored
    }

    /// Makes an entry that ends with `session`, and, unless `idle` is zero, when it has not been
    /// found for that long. It takes `cost` bytes. `handle` is given the entry's name.
    pub fn insert_with(
        &mut self,
        key: Key,
        session: SessionId,
        idle: Duration,
        now: Instant,
        cost: usize,
        handle: impl FnOnce(EntryId) -> H,
    ) -> Result<EntryId, Full> {
        if self.entries.len() >= MAX_ENTRIES || self.bytes + cost > MAX_BYTES {
            return Err(Full);
        }
        self.bytes += cost;
        let serial = self.next_serial;
        self.next_serial += 1;
        let idle = (!idle.is_zero()).then(|| (idle, now + idle));
        let vacant = self.entries.vacant_entry();
        let slot = vacant.key() as u32;
        let id = EntryId { slot, serial };
        vacant.insert(Entry { handle: handle(id), serial, key, session, cost, idle });
        self.by_key.insert((key, serial), slot);
        self.by_session.insert((session, serial), slot);
        if let Some((_, deadline)) = idle {
            self.by_deadline.insert((deadline, serial), slot);
        }
        Ok(id)
    }

    /// The entry with this key that was made last. It is in use: its idle time begins anew.
    pub fn get(&mut self, key: &Key, now: Instant) -> Option<&mut H> {
        let (_, &slot) = self.by_key.range((*key, 0)..=(*key, u64::MAX)).next_back()?;
        let entry = self.entries.get_mut(slot as usize)?;
        if let Some((idle, deadline)) = &mut entry.idle {
            self.by_deadline.remove(&(*deadline, entry.serial));
            *deadline = now + *idle;
            self.by_deadline.insert((*deadline, entry.serial), slot);
        }
        Some(&mut entry.handle)
    }

    /// Takes an entry out.
    pub fn remove(&mut self, id: EntryId) -> Option<H> {
        self.entries.get(id.slot as usize).filter(|e| e.serial == id.serial)?;
        let entry = self.entries.try_remove(id.slot as usize)?;
        self.bytes -= entry.cost;
        self.by_key.remove(&(entry.key, id.serial));
        self.by_session.remove(&(entry.session, id.serial));
        if let Some((_, deadline)) = entry.idle {
            self.by_deadline.remove(&(deadline, id.serial));
        }
        Some(entry.handle)
    }

    /// Takes out an entry that has been idle for its time.
    #[must_use]
    pub fn expire(&mut self, now: Instant) -> Option<H> {
        let (&(deadline, serial), &slot) = self.by_deadline.first_key_value()?;
        if deadline > now {
            return None;
        }
        self.remove(EntryId { slot, serial })
    }

    /// When [`Cache::expire`] next has something to do.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.by_deadline.first_key_value().map(|(&(deadline, _), _)| deadline)
    }

    /// Takes out an entry that this session made, whether its key is the session's own or not.
    #[must_use]
    pub fn forget_session(&mut self, session: SessionId) -> Option<H> {
        let (&(_, serial), &slot) = self.by_session.range((session, 0)..=(session, u64::MAX)).next()?;
        self.remove(EntryId { slot, serial })
    }

    /// Takes any entry out.
    #[must_use]
    pub fn pop(&mut self) -> Option<H> {
        let (&(_, serial), &slot) = self.by_session.first_key_value()?;
        self.remove(EntryId { slot, serial })
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Mid, Type};
    use proptest::prelude::*;

    const ONE: SessionId = SessionId::for_test(1);
    const TWO: SessionId = SessionId::for_test(2);

    fn pdu(code: Code, options: &[(u16, &str)], payload: &str) -> Pdu {
        let mut pdu = Pdu::new(Type::Confirmable, code, Mid(1), 1152);
        for (number, value) in options {
            pdu.add_option(Number(*number), value.as_bytes()).unwrap();
        }
        pdu.set_payload(payload.as_bytes()).unwrap();
        pdu
    }

    fn derive(pdu: &Pdu, session: Option<SessionId>, ignored: &[Number]) -> Option<Key> {
        Key::derive(pdu, pdu.payload().unwrap_or(&[]), session, ignored)
    }

    fn hex(pdu: &Pdu) -> String {
        let key = derive(pdu, None, &[]).unwrap();
        key.0.iter().map(|b| format!("{b:02x}")).collect()
    }

    fn key(n: u8) -> Key {
        Key([n; 32])
    }

    fn add(cache: &mut Cache<u32>, k: u8, session: SessionId, idle: u64, now: u64, handle: u32) -> EntryId {
        cache.insert_with(key(k), session, Duration::from_secs(idle), Instant(now), 0, |_| handle).unwrap()
    }

    #[test]
    fn entries_may_take_so_many_bytes_together() {
        let mut cache = Cache::new();
        let add = |cache: &mut Cache<()>, cost| {
            cache.insert_with(key(1), ONE, Duration::ZERO, Instant(0), cost, |_| ())
        };
        let first = add(&mut cache, MAX_BYTES).unwrap();
        assert_eq!(add(&mut cache, 1), Err(Full));
        assert!(add(&mut cache, 0).is_ok());
        cache.remove(first);
        assert!(add(&mut cache, MAX_BYTES - 1).is_ok() && add(&mut cache, 1).is_ok());
        assert_eq!(add(&mut cache, 1), Err(Full));
    }

    #[test]
    fn digests_are_those_of_the_reference() {
        for (expected, pdu) in [
            (
                "603843c6bb5777de78b5eefba9e6d4e0acc29cfd7f2441b9c3026b6deaea21c2",
                pdu(Code::GET, &[(11, "a")], ""),
            ),
            (
                "66d07fb28c96c55e9cca4ec7d8c947d9ee3662c6a7c962a68a0d9329bf271d9b",
                pdu(Code::GET, &[(11, "a"), (11, "bc")], ""),
            ),
            (
                "cbe2268747c9c8072c7f9926f2288f270637dc55bb9d14d3368361d5e47d25be",
                pdu(Code::GET, &[(11, "")], ""),
            ),
            (
                "7473de7b812a75de2771d97b7eb1d50c8e9c9317e54df7e6853335d46252332b",
                pdu(Code::GET, &[(300, "a")], ""),
            ),
            (
                "88837df68fb2dc5e1a7eeb78c9e26d9a5e2f225c94c128718b943268de446ecb",
                pdu(Code::FETCH, &[(11, "a")], "xyz"),
            ),
            (
                "3608bca1e44ea6c4d268eb6db02260269892c0b42b86bbf1e77a6fa16c3c9282",
                pdu(Code::FETCH, &[], "xyz"),
            ),
            (
                "6e3283a28cbc70bca6e2704453987f87fc79e2ccb8aeece2eab6e090c5e8e9c9",
                pdu(Code::GET, &[(11, "a"), (14, "a"), (23, "a")], ""),
            ),
        ] {
            assert_eq!(hex(&pdu), expected);
        }
    }

    #[test]
    fn method_token_and_payload_are_no_part_of_a_key_but_the_payload_of_fetch() {
        let plain = hex(&pdu(Code::GET, &[(11, "a")], ""));
        assert_eq!(hex(&pdu(Code::POST, &[(11, "a")], "body")), plain);
        assert_eq!(hex(&pdu(Code::FETCH, &[(11, "a")], "")), plain);
        assert_ne!(hex(&pdu(Code::FETCH, &[(11, "a")], "body")), plain);
        let mut with_token = pdu(Code::GET, &[(11, "a")], "");
        with_token.set_token(b"tok").unwrap();
        assert_eq!(hex(&with_token), plain);
    }

    #[test]
    fn observe_no_cache_key_options_and_ignored_ones_are_left_out() {
        let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        for number in [6, 28, 60, 252, 284] {
            assert_eq!(hex(&pdu(Code::GET, &[(number, "x")], "")), nothing, "{number}");
        }
        let message = pdu(Code::GET, &[(11, "a"), (23, "b")], "");
        let ignoring = derive(&message, None, &[Number(23)]);
        assert_eq!(ignoring, derive(&pdu(Code::GET, &[(11, "a")], ""), None, &[]));
    }

    #[test]
    fn a_message_without_options_and_payload_has_no_key() {
        assert_eq!(derive(&pdu(Code::GET, &[], ""), None, &[]), None);
        assert!(derive(&pdu(Code::GET, &[], "x"), None, &[]).is_some());
    }

    #[test]
    fn a_session_has_keys_of_its_own() {
        let message = pdu(Code::GET, &[(11, "a")], "");
        let keys = [None, Some(ONE), Some(TWO)].map(|s| derive(&message, s, &[]).unwrap());
        assert!(keys[0] != keys[1] && keys[1] != keys[2] && keys[0] != keys[2]);
    }

    #[test]
    fn of_equal_keys_the_newest_entry_is_found() {
        let mut cache = Cache::new();
        add(&mut cache, 1, ONE, 0, 0, 10);
        let newer = add(&mut cache, 1, TWO, 0, 0, 11);
        assert_eq!(cache.get(&key(1), Instant(0)), Some(&mut 11));
        assert_eq!(cache.remove(newer), Some(11));
        assert_eq!(cache.remove(newer), None);
        assert_eq!(cache.get(&key(1), Instant(0)), Some(&mut 10));
        assert_eq!(cache.get(&key(2), Instant(0)), None);
    }

    #[test]
    fn an_entry_expires_when_it_was_not_found_for_its_idle_time() {
        let mut cache = Cache::new();
        add(&mut cache, 1, ONE, 2, 0, 10);
        add(&mut cache, 2, ONE, 0, 0, 11);
        assert_eq!(cache.next_deadline(), Some(Instant(2000)));
        assert_eq!(cache.expire(Instant(1999)), None);
        cache.get(&key(1), Instant(1999));
        assert_eq!(cache.next_deadline(), Some(Instant(3999)));
        assert_eq!(cache.expire(Instant(3998)), None);
        assert_eq!(cache.expire(Instant(3999)), Some(10));
        assert_eq!(cache.expire(Instant(u64::MAX)), None, "no idle time, no end");
        assert_eq!(cache.next_deadline(), None);
        assert_eq!(cache.len(), 1);
    }

    #[test]
    fn a_sessions_end_takes_all_entries_it_made_in_their_order() {
        let mut cache = Cache::new();
        for (n, session) in [ONE, TWO, ONE, TWO, ONE].into_iter().enumerate() {
            add(&mut cache, n as u8, session, 1, 0, n as u32);
        }
        let gone: Vec<_> = core::iter::from_fn(|| cache.forget_session(ONE)).collect();
        assert_eq!(gone, [0, 2, 4]);
        let rest: Vec<_> = core::iter::from_fn(|| cache.pop()).collect();
        assert_eq!(rest, [1, 3]);
        assert!(cache.is_empty() && cache.by_key.is_empty() && cache.by_deadline.is_empty());
    }

    #[test]
    fn a_full_cache_takes_no_more_until_an_entry_goes() {
        let mut cache = Cache::new();
        let insert =
            |cache: &mut Cache<()>| cache.insert_with(key(1), ONE, Duration::ZERO, Instant(0), 0, |_| ());
        let first = insert(&mut cache).unwrap();
        (1..MAX_ENTRIES).for_each(|_| assert!(insert(&mut cache).is_ok()));
        assert_eq!(insert(&mut cache), Err(Full));
        cache.remove(first);
        assert!(insert(&mut cache).is_ok());
    }

    #[test]
    fn the_name_of_a_removed_entry_does_not_name_its_successor() {
        let mut cache = Cache::new();
        let old = add(&mut cache, 1, ONE, 0, 0, 10);
        cache.remove(old);
        add(&mut cache, 1, ONE, 0, 0, 11);
        assert_eq!(cache.remove(old), None);
    }

    proptest! {
        #[test]
        fn the_indices_agree_with_the_entries(ops in proptest::collection::vec((0u8..5, 0u8..4, 0u32..3, 0u64..5), 0..80)) {
            let mut cache = Cache::new();
            let mut ids = Vec::new();
            let mut now = 0;
            for (n, (op, k, session, idle)) in ops.into_iter().enumerate() {
                match op {
                    0 | 1 => ids.push(add(&mut cache, k, SessionId::for_test(session), idle, now, n as u32)),
                    2 => { cache.get(&key(k), Instant(now)); }
                    3 => { ids.pop().map(|id| cache.remove(id)); }
                    _ => {
                        now += 700;
                        while cache.expire(Instant(now)).is_some() {}
                        prop_assert!(cache.next_deadline().is_none_or(|d| d > Instant(now)));
                    }
                }
                prop_assert_eq!(cache.by_key.len(), cache.len());
                prop_assert_eq!(cache.by_session.len(), cache.len());
                let timed = cache.entries.iter().filter(|(_, e)| e.idle.is_some()).count();
                prop_assert_eq!(cache.by_deadline.len(), timed);
            }
        }
    }
}
