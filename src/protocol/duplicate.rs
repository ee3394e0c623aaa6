//! Which messages were received lately, and what was answered (RFC 7252 §4.5).
//!
//! One store for all peers, in the order of arrival, so that forgetting costs nothing. It is kept by
//! peer, not by session, since a message may be repeated after its session has ended. A peer
//! can make it grow with each message it sends: it keeps at most [`MAX_ENTRIES`] messages and
//! [`MAX_REPLY_BYTES`] of answers, and forgets the oldest first. Beyond the limits a repeated
//! message is processed again, as if its lifetime had passed.

use super::session::PeerKey;
use super::time::Instant;
use crate::message::Mid;
use core::hash::BuildHasher;
use hashbrown::{DefaultHashBuilder, HashTable};
use std::collections::VecDeque;

/// The most messages remembered.
pub const MAX_ENTRIES: usize = 1 << 18;

/// The most bytes of stored answers.
pub const MAX_REPLY_BYTES: usize = 32 << 20;

/// Room for so many messages is kept when there are none.
const KEPT_CAPACITY: usize = 1024;

#[derive(Debug)]
struct Entry {
    peer: PeerKey,
    mid: Mid,
    /// A keyed digest of the message. RFC 7252 tells duplicates by message ID alone; peers that
    /// send more than 65,536 messages in a lifetime use IDs again, and a message with other
    /// content is no copy of the first.
    digest: u32,
    expires: Instant,
    reply: Box<[u8]>,
}

/// What the store says of a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Seen<'a> {
    /// It is new, and is remembered from now on.
    New,
    /// It came before; this was answered (empty: nothing yet).
    Before(&'a [u8]),
}

/// The store.
#[derive(Debug, Default)]
pub struct Duplicates {
    entries: VecDeque<Entry>,
    /// The serial number of the entry in front.
    first: u64,
    /// Serial numbers, found by peer and message ID.
    index: HashTable<u64>,
    hasher: DefaultHashBuilder,
    reply_bytes: usize,
}

impl Duplicates {
    /// Looks a received message up, and remembers it until `expires` if it is new.
    pub fn check(
        &mut self,
        now: Instant,
        expires: Instant,
        peer: PeerKey,
        mid: Mid,
        message: &[u8],
    ) -> Seen<'_> {
        self.forget_expired(now);
        let digest = self.hasher.hash_one(message) as u32;
        let hash = self.hasher.hash_one((peer, mid));
        let (entries, first) = (&mut self.entries, self.first);
        let at = |serial: u64| (serial - first) as usize;
        let same = |serial: &u64| entries.get(at(*serial)).is_some_and(|e| e.peer == peer && e.mid == mid);
        let serial = first + entries.len() as u64;
        if let Some(found) = self.index.find_mut(hash, same) {
            let known = at(*found);
            if entries.get(known).is_some_and(|e| e.digest == digest && e.expires > now) {
                return match self.entries.get(known) {
                    Some(e) => Seen::Before(&e.reply),
                    None => Seen::New,
                };
            }
            *found = serial;
        } else {
            let hasher = &self.hasher;
            self.index.insert_unique(hash, serial, |s| match entries.get(at(*s)) {
                Some(e) => hasher.hash_one((e.peer, e.mid)),
                None => hash,
            });
        }
        self.entries.push_back(Entry { peer, mid, digest, expires, reply: Box::default() });
        self.keep_limits();
        Seen::New
    }

    /// Stores what was answered to a message, to be sent again when the message is.
    pub fn set_reply(&mut self, peer: PeerKey, mid: Mid, reply: &[u8]) {
        let hash = self.hasher.hash_one((peer, mid));
        let (entries, first) = (&mut self.entries, self.first);
        let found = self.index.find(hash, |s| {
            entries.get((s - first) as usize).is_some_and(|e| e.peer == peer && e.mid == mid)
        });
        if let Some(entry) = found.and_then(|s| entries.get_mut((s - first) as usize)) {
            self.reply_bytes = self.reply_bytes - entry.reply.len() + reply.len();
            entry.reply = reply.into();
            self.keep_limits();
        }
    }

    /// Forgets a message: when it comes again it is new. For what may be worked off again at less cost
    /// than its answer takes to keep.
    pub fn forget(&mut self, peer: PeerKey, mid: Mid) {
        let hash = self.hasher.hash_one((peer, mid));
        let (entries, first) = (&self.entries, self.first);
        let same = |serial: &u64| {
            entries.get((*serial - first) as usize).is_some_and(|e| e.peer == peer && e.mid == mid)
        };
        if let Ok(found) = self.index.find_entry(hash, same) {
            found.remove();
        }
    }

    /// How many messages are remembered.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Forgets what has outlived its lifetime.
    pub fn forget_expired(&mut self, now: Instant) {
        while self.entries.front().is_some_and(|e| e.expires <= now) {
            self.forget_oldest();
        }
        if self.entries.is_empty() && self.entries.capacity() > KEPT_CAPACITY {
            // After a flood its memory is given back.
            self.entries = VecDeque::new();
            self.index = HashTable::new();
        }
    }

    fn keep_limits(&mut self) {
        while self.entries.len() > MAX_ENTRIES || self.reply_bytes > MAX_REPLY_BYTES {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some(entry) = self.entries.pop_front() {
            self.reply_bytes -= entry.reply.len();
            let hash = self.hasher.hash_one((entry.peer, entry.mid));
            if let Ok(found) = self.index.find_entry(hash, |s| *s == self.first) {
                found.remove();
            }
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: PeerKey = PeerKey(1);
    const LATER: Instant = Instant(247_000);

    #[test]
    fn a_repeated_message_finds_the_answer_of_the_first() {
        let mut d = Duplicates::default();
        assert_eq!(d.check(Instant(0), LATER, S, Mid(7), b"m"), Seen::New);
        assert_eq!(d.check(Instant(1), LATER, S, Mid(7), b"m"), Seen::Before(b""));
        d.set_reply(S, Mid(7), b"answer");
        assert_eq!(d.check(Instant(2), LATER, S, Mid(7), b"m"), Seen::Before(b"answer"));
        assert_eq!(d.check(Instant(2), LATER, PeerKey(2), Mid(7), b"m"), Seen::New);
    }

    #[test]
    fn a_forgotten_message_is_new_and_leaves_nothing_behind() {
        let mut d = Duplicates::default();
        d.check(Instant(0), LATER, S, Mid(7), b"m");
        d.forget(S, Mid(7));
        d.set_reply(S, Mid(7), b"answer");
        assert_eq!(d.check(Instant(1), LATER, S, Mid(7), b"m"), Seen::New);
        d.forget_expired(LATER + core::time::Duration::from_secs(1));
        assert!(d.is_empty() && d.reply_bytes == 0 && d.index.is_empty());
    }

    #[test]
    fn after_its_lifetime_a_message_id_is_new() {
        let mut d = Duplicates::default();
        d.check(Instant(0), LATER, S, Mid(7), b"m");
        assert_eq!(d.check(LATER, Instant(500_000), S, Mid(7), b"m"), Seen::New);
        assert_eq!(d.len(), 1);
    }

    #[test]
    fn a_message_id_used_again_for_another_message_is_new() {
        let mut d = Duplicates::default();
        d.check(Instant(0), LATER, S, Mid(7), b"first");
        assert_eq!(d.check(Instant(1), LATER, S, Mid(7), b"second"), Seen::New);
        d.set_reply(S, Mid(7), b"to the second");
        assert_eq!(d.check(Instant(2), LATER, S, Mid(7), b"second"), Seen::Before(b"to the second"));
        d.forget_expired(LATER);
        assert!(d.is_empty() && d.index.is_empty());
    }

    #[test]
    fn answers_are_stored_up_to_a_number_of_bytes_and_the_oldest_go_first() {
        let mut d = Duplicates::default();
        let reply = vec![7; 1 << 20];
        let count = (MAX_REPLY_BYTES >> 20) as u16;
        for n in 0..=count {
            d.check(Instant(0), LATER, S, Mid(n), b"m");
            d.set_reply(S, Mid(n), &reply);
        }
        assert_eq!((d.len(), d.reply_bytes), (usize::from(count), MAX_REPLY_BYTES));
        assert_eq!(d.check(Instant(1), LATER, S, Mid(count), b"m"), Seen::Before(&reply));
        assert_eq!(d.check(Instant(1), LATER, S, Mid(0), b"m"), Seen::New);
        d.set_reply(S, Mid(count), b"short");
        assert_eq!(d.reply_bytes, MAX_REPLY_BYTES - reply.len() + 5);
        d.forget_expired(LATER);
        assert_eq!((d.len(), d.reply_bytes), (0, 0));
    }

    #[test]
    fn a_flood_is_remembered_up_to_the_limit_only() {
        let mut d = Duplicates::default();
        for n in 0..(MAX_ENTRIES as u32 + 1000) {
            d.check(Instant(0), LATER, PeerKey(u64::from(n >> 16)), Mid(n as u16), b"");
        }
        assert_eq!((d.len(), d.index.len()), (MAX_ENTRIES, MAX_ENTRIES));
        d.forget_expired(LATER);
        assert!(d.is_empty() && d.entries.capacity() <= KEPT_CAPACITY && d.index.capacity() <= KEPT_CAPACITY);
    }
}
