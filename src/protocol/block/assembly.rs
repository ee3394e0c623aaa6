//! Putting a body together from its blocks, in whatever order they come.
//!
//! Memory grows with what has come, never with what is announced.

use std::collections::BTreeMap;

/// What a block that came too early costs beside its bytes.
const PIECE_COST: usize = 64;

/// Why a block is no part of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// It lies behind the last block, or there are two that are the last.
    #[error("a block lies behind the last one")]
    BehindLast,
}

/// A body of which parts are there.
#[derive(Clone, Debug, Default)]
pub struct Assembly {
    /// What is there from the beginning on without a gap.
    data: Vec<u8>,
    /// What came early, by offset; all of it lies behind `data`.
    early: BTreeMap<usize, Vec<u8>>,
    early_cost: usize,
    /// Where the body ends, once its last block has come.
    end: Option<usize>,
}

impl Assembly {
    /// Adds a block. What is there already is not changed.
    pub fn add(&mut self, offset: usize, bytes: &[u8], last: bool) -> Result<(), Misfit> {
        let until = offset.saturating_add(bytes.len());
        let furthest = self.early.last_key_value().map_or(self.data.len(), |(at, piece)| at + piece.len());
        match (self.end, last) {
            (Some(end), true) if end != until => return Err(Misfit::BehindLast),
            (Some(end), false) if until >= end => return Err(Misfit::BehindLast),
            (None, true) if furthest > until => return Err(Misfit::BehindLast),
            (None, true) => self.end = Some(until),
            _ => {}
        }
        if offset > self.data.len() {
            if !self.early.contains_key(&offset) {
                self.early_cost += bytes.len() + PIECE_COST;
                self.early.insert(offset, bytes.to_vec());
            }
            return Ok(());
        }
        self.append(offset, bytes);
        while let Some(entry) = self.early.first_entry() {
            if *entry.key() > self.data.len() {
                break;
            }
            let (at, piece) = entry.remove_entry();
            self.early_cost -= piece.len() + PIECE_COST;
            self.append(at, &piece);
        }
        Ok(())
    }

    /// Adds what of a piece that begins in `data`, or right behind it, is new.
    fn append(&mut self, offset: usize, bytes: &[u8]) {
        let known = self.data.len().saturating_sub(offset);
        self.data.extend_from_slice(bytes.get(known..).unwrap_or(&[]));
    }

    /// Whether the byte at this place is there, or, of what came early, the piece that begins there.
    pub fn has(&self, offset: usize) -> bool {
        offset < self.data.len() || self.early.contains_key(&offset)
    }

    /// Whether a piece agrees with what is there at its place, if anything is.
    pub fn agrees(&self, offset: usize, bytes: &[u8]) -> bool {
        match self.early.get(&offset) {
            Some(piece) => piece == bytes,
            None => self.data.get(offset..).is_none_or(|rest| rest.iter().zip(bytes).all(|(a, b)| a == b)),
        }
    }

    /// Whether these bytes are there, at the beginning.
    pub fn begins_with(&self, bytes: &[u8]) -> bool {
        self.data.starts_with(bytes)
    }

    /// How many bytes are there without a gap: where the next block begins.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether the first byte is missing.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The memory it takes.
    pub fn cost(&self) -> usize {
        self.data.len() + self.early_cost
    }

    /// Whether the last block has come.
    pub fn has_end(&self) -> bool {
        self.end.is_some()
    }

    /// Whether all of it is there.
    pub fn is_complete(&self) -> bool {
        self.end == Some(self.data.len())
    }

    /// The body.
    pub fn into_body(self) -> Vec<u8> {
        self.data
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_body_is_complete_when_its_last_block_and_all_before_it_are_there() {
        let mut a = Assembly::default();
        a.add(0, b"0123", false).unwrap();
        assert!(!a.is_complete(), "never before the last block");
        a.add(8, b"89", true).unwrap();
        assert!(a.has_end() && !a.is_complete());
        a.add(4, b"4567", false).unwrap();
        assert!(a.is_complete());
        assert_eq!(a.into_body(), b"0123456789");
    }

    #[test]
    fn a_repeated_block_changes_nothing() {
        let mut a = Assembly::default();
        a.add(0, b"0123", false).unwrap();
        a.add(0, b"xxxx", false).unwrap();
        a.add(8, b"8", true).unwrap();
        a.add(8, b"9", true).unwrap();
        a.add(4, b"4567", false).unwrap();
        assert_eq!(a.into_body(), b"012345678");
    }

    #[test]
    fn nothing_follows_the_last_block() {
        let mut a = Assembly::default();
        a.add(4, b"45", true).unwrap();
        assert_eq!(a.add(8, b"8", true), Err(Misfit::BehindLast));
        assert_eq!(a.add(4, b"4567", false), Err(Misfit::BehindLast));
        let mut a = Assembly::default();
        a.add(8, b"89ab", false).unwrap();
        assert_eq!(a.add(4, b"4567", true), Err(Misfit::BehindLast));
    }

    #[test]
    fn a_block_far_away_costs_what_it_holds() {
        let mut a = Assembly::default();
        a.add(0xf_ffff << 10, &[7; 1024], false).unwrap();
        assert!(a.cost() < 2048 && a.is_empty());
    }

    proptest! {
        #[test]
        fn in_any_order_the_body_is_the_same(
            body in proptest::collection::vec(any::<u8>(), 1..300),
            order in proptest::collection::vec(any::<proptest::sample::Index>(), 0..60),
        ) {
            let blocks: Vec<_> = body.chunks(16).enumerate().collect();
            let mut a = Assembly::default();
            let rest = blocks.iter();
            for (num, block) in order.iter().map(|i| i.get(&blocks)).chain(rest) {
                a.add(num * 16, block, num + 1 == blocks.len()).unwrap();
            }
            prop_assert!(a.is_complete());
            prop_assert_eq!(a.early_cost, 0);
            prop_assert_eq!(a.into_body(), body);
        }
    }
}
