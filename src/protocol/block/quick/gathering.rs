//! The receiver's side of a body in Q-Blocks: what is missing, when to say so, and when the sender may
//! go on.

use crate::protocol::block::{Assembly, Block, Misfit};
use core::time::Duration;

/// How many numbers behind the first gap are looked at for others: a peer must not make long searches
/// by leaving one gap. What lies behind is found when the gap is closed.
const LOOK_AHEAD: u32 = 1024;

/// A body of which some blocks are there (RFC 9177 §7.2).
#[derive(Clone, Debug)]
pub struct Gathering {
    assembly: Assembly,
    szx: u8,
    /// Its size; not known as long as a peer that does not say so has not sent the end.
    total: Option<usize>,
    per_set: u32,
    /// The newest set of which a block came.
    set: u32,
    /// How often missing blocks were asked for since the last one came.
    asked: u16,
}

/// What a block means for its body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Nothing for now.
    Wait,
    /// That was the last one missing.
    Complete,
    /// All blocks of this set and those before are there; this block begins the next one.
    Continue(u32),
    /// The sender has gone on to another set, and these of the sets before have not come.
    Missing(Vec<u32>),
}

impl Gathering {
    /// A body of which nothing is there.
    pub fn new(szx: u8, total: Option<usize>, max_payloads: u16) -> Self {
        let per_set = u32::from(max_payloads.max(1));
        Gathering { assembly: Assembly::default(), szx, total, per_set, set: 0, asked: 0 }
    }

    fn size(&self) -> usize {
        16 << self.szx
    }

    /// How many blocks it has, if that is known.
    pub fn count(&self) -> Option<u32> {
        self.total.map(|total| u32::try_from(total.div_ceil(self.size()).max(1)).unwrap_or(u32::MAX))
    }

    /// The exponent of its block size.
    pub fn szx(&self) -> u8 {
        self.szx
    }

    /// Takes a block in. What is there already is not changed, but answered all the same.
    pub fn add(&mut self, block: Block, payload: &[u8]) -> Result<Verdict, Misfit> {
        let (offset, end) = (block.offset(), block.offset() + payload.len());
        let fits = match self.total {
            Some(total) => end <= total && block.more == (end < total),
            None => true,
        };
        let is_whole = if block.more { payload.len() == block.size() } else { payload.len() <= block.size() };
        if block.szx != self.szx || !fits || !is_whole {
            return Err(Misfit::BehindLast);
        }
        if !self.assembly.has(offset) {
            self.assembly.add(offset, payload, !block.more)?;
            self.asked = 0;
        }
        if !block.more {
            self.total = Some(end);
        }
        if self.assembly.is_complete() {
            return Ok(Verdict::Complete);
        }
        let set = block.num / self.per_set;
        let is_newer = set > self.set;
        self.set = self.set.max(set);
        let end = self.end_of_set();
        if self.first_missing() >= end {
            return Ok(Verdict::Continue(end));
        }
        if is_newer && self.first_missing() < set * self.per_set {
            return Ok(Verdict::Missing(self.missing_before(set * self.per_set)));
        }
        Ok(Verdict::Wait)
    }

    /// Nothing has come for as long as [`Gathering::patience`] says: these blocks are to be asked for.
    /// `None` if that was done `most` times in vain.
    pub fn overdue(&mut self, most: u16) -> Option<Vec<u32>> {
        if self.asked >= most {
            return None;
        }
        self.asked += 1;
        let mut end = self.end_of_set();
        if self.first_missing() >= end {
            // The sets so far are there, and the next did not begin.
            end = end.saturating_add(self.per_set).min(self.count().unwrap_or(u32::MAX));
        }
        Some(self.missing_before(end))
    }

    /// How long the next block is waited for: NON_RECEIVE_TIMEOUT, doubled each time that missing
    /// blocks have been asked for.
    pub fn patience(&self, receive_timeout: Duration) -> Duration {
        receive_timeout.saturating_mul(1 << self.asked.min(16))
    }

    /// How often missing blocks were asked for since the last one came.
    pub fn asked(&self) -> u16 {
        self.asked
    }

    /// The end of the newest set of which a block came.
    fn end_of_set(&self) -> u32 {
        let end = (self.set + 1).saturating_mul(self.per_set);
        self.count().map_or(end, |count| end.min(count))
    }

    fn first_missing(&self) -> u32 {
        u32::try_from(self.assembly.len() / self.size()).unwrap_or(u32::MAX)
    }

    /// What is missing of the blocks before this one: as many as may be asked for at a time.
    fn missing_before(&self, end: u32) -> Vec<u32> {
        let from = self.first_missing();
        (from..end.min(from.saturating_add(LOOK_AHEAD)))
            .filter(|num| !self.assembly.has(*num as usize * self.size()))
            .take(self.per_set as usize)
            .collect()
    }

    /// Whether these bytes are there, at the place of this block; as long as it is missing, any are.
    pub fn agrees(&self, block: Block, payload: &[u8]) -> bool {
        self.assembly.agrees(block.offset(), payload)
    }

    /// The memory it takes.
    pub fn cost(&self) -> usize {
        self.assembly.cost()
    }

    /// The body.
    pub fn into_body(self) -> Vec<u8> {
        self.assembly.into_body()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::block::quick::Burst;
    use proptest::prelude::*;

    const BODY: usize = 16 * 25 - 7;

    fn gathering() -> Gathering {
        Gathering::new(0, Some(BODY), 10)
    }

    fn add(g: &mut Gathering, num: u32) -> Verdict {
        let body = [7; BODY];
        let (block, payload) = Block { num, more: false, szx: 0 }.cut(&body, 0).unwrap();
        g.add(block, payload).unwrap()
    }

    #[test]
    fn a_whole_set_lets_the_sender_go_on_and_the_last_one_completes_the_body() {
        let mut g = gathering();
        assert!((0..9).all(|num| add(&mut g, num) == Verdict::Wait));
        assert_eq!(add(&mut g, 9), Verdict::Continue(10));
        assert_eq!(add(&mut g, 9), Verdict::Continue(10), "also when it comes again");
        assert!((10..19).all(|num| add(&mut g, num) == Verdict::Wait));
        assert_eq!(add(&mut g, 19), Verdict::Continue(20));
        assert!((20..24).all(|num| add(&mut g, num) == Verdict::Wait));
        assert_eq!(add(&mut g, 24), Verdict::Complete);
        assert_eq!(g.into_body(), [7; BODY]);
    }

    #[test]
    fn the_first_block_of_the_next_set_shows_what_is_missing_once() {
        let mut g = gathering();
        for num in [0, 1, 3, 4, 5, 6, 7, 8] {
            assert_eq!(add(&mut g, num), Verdict::Wait);
        }
        assert_eq!(add(&mut g, 10), Verdict::Missing(vec![2, 9]));
        assert_eq!(add(&mut g, 11), Verdict::Wait);
        assert_eq!(add(&mut g, 2), Verdict::Wait);
        assert_eq!(add(&mut g, 9), Verdict::Wait);
        assert!((12..19).all(|num| add(&mut g, num) == Verdict::Wait));
        assert_eq!(add(&mut g, 19), Verdict::Continue(20));
    }

    #[test]
    fn what_does_not_come_is_asked_for_at_ever_longer_times_and_then_given_up() {
        let mut g = gathering();
        add(&mut g, 0);
        add(&mut g, 2);
        let mut waits = Vec::new();
        loop {
            waits.push(g.patience(Duration::from_secs(4)).as_secs());
            match g.overdue(4) {
                Some(missing) => assert_eq!(missing, [1, 3, 4, 5, 6, 7, 8, 9]),
                None => break,
            }
        }
        assert_eq!(waits, [4, 8, 16, 32, 64]);
        add(&mut g, 1);
        assert_eq!(g.patience(Duration::from_secs(4)).as_secs(), 4, "something came");
    }

    #[test]
    fn after_a_whole_set_the_next_is_what_is_missing() {
        let mut g = gathering();
        (0..20).for_each(|num| drop(add(&mut g, num)));
        assert_eq!(g.overdue(4).unwrap(), [20, 21, 22, 23, 24]);
    }

    #[test]
    fn what_is_no_block_of_the_body_is_refused() {
        let mut g = gathering();
        let mut refused = |num, more, szx, payload: &[u8]| g.add(Block { num, more, szx }, payload).is_err();
        assert!(refused(0, true, 1, &[0; 32]), "another size");
        assert!(refused(0, true, 0, &[0; 15]), "a short one");
        assert!(refused(0, false, 0, &[0; 16]), "the last one too early");
        assert!(refused(24, true, 0, &[0; 16]), "more than there is");
        assert!(refused(25, false, 0, &[]), "behind the end");
        assert!(refused(24, false, 0, &[0; 17]), "a long one");
    }

    #[test]
    fn a_gap_and_many_blocks_behind_it_make_no_long_search() {
        let mut g = Gathering::new(0, Some(1 << 24), 10);
        let payload = [0; 16];
        for num in 1..40_000 {
            g.add(Block { num, more: true, szx: 0 }, &payload).unwrap();
        }
        assert_eq!(g.missing_before(u32::MAX), [0]);
    }

    proptest! {
        /// Whatever is lost, a receiver that asks and a sender that answers come to an end.
        #[test]
        fn sender_and_receiver_come_to_an_end(
            length in 1..3000usize,
            max_payloads in 1..12u16,
            lost in proptest::collection::vec(any::<bool>(), 600),
        ) {
            let body: Vec<u8> = (0..length).map(|i| i as u8 ^ (i >> 8) as u8).collect();
            let mut lost = lost.into_iter().chain(core::iter::repeat(false));
            let mut burst = Burst::new(length.div_ceil(16) as u32, max_payloads, 100);
            let mut g = Gathering::new(0, Some(length), max_payloads);
            let mut way: Vec<u32> = burst.take_set().collect();
            for _ in 0..10_000 {
                let mut verdict = Verdict::Wait;
                for num in core::mem::take(&mut way) {
                    if lost.next() != Some(true) {
                        let (block, payload) = Block { num, more: false, szx: 0 }.cut(&body, 0).unwrap();
                        verdict = g.add(block, payload).unwrap();
                    }
                }
                match verdict {
                    Verdict::Complete => break,
                    Verdict::Continue(num) if burst.waits_at(num) => way.extend(burst.take_set()),
                    Verdict::Missing(missing) => way = burst.take_again(missing).unwrap(),
                    _ => {
                        let missing = g.overdue(u16::MAX).unwrap();
                        way = burst.take_again(missing).unwrap();
                        way.extend(burst.take_set());
                    }
                }
            }
            prop_assert_eq!(g.into_body(), body);
        }
    }
}
