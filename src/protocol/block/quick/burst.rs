//! The sender's side of a body in Q-Blocks: what goes next, and how often a block may go again.

use core::ops::Range;

/// A body on its way. Blocks go in the order of their numbers, in sets of MAX_PAYLOADS; what the
/// peer asks for once more goes at once (RFC 9177 §7.2).
#[derive(Clone, Debug)]
pub struct Burst {
    count: u32,
    per_set: u32,
    /// The first block that was never sent.
    next: u32,
    /// How many blocks may be sent again.
    spare: u64,
}

impl Burst {
    /// A body of so many blocks, of which none has been sent. Each is sent again `retransmit` times on
    /// average, so that what a peer can cause by asking has a bound.
    pub fn new(count: u32, max_payloads: u16, retransmit: u16) -> Self {
        let spare = u64::from(count) * u64::from(retransmit);
        Burst { count, per_set: u32::from(max_payloads.max(1)), next: 0, spare }
    }

    /// How many blocks it has.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// All blocks before this one count as sent.
    pub fn skip_to(&mut self, num: u32) {
        self.next = num.min(self.count);
    }

    /// The first block that was never sent.
    pub fn next(&self) -> u32 {
        self.next
    }

    /// Whether all blocks have been sent once.
    pub fn is_sent(&self) -> bool {
        self.next >= self.count
    }

    /// Whether a set has been sent to its end, and others follow: this block begins the next one.
    pub fn waits_at(&self, num: u32) -> bool {
        num == self.next && !self.is_sent()
    }

    /// Takes the rest of the set that is next.
    pub fn take_set(&mut self) -> Range<u32> {
        let from = self.next;
        let end = (from / self.per_set + 1).saturating_mul(self.per_set);
        self.next = end.min(self.count).max(from);
        from..self.next
    }

    /// Takes the block that is next.
    pub fn take_one(&mut self) -> Option<u32> {
        let num = self.next;
        (num < self.count).then(|| {
            self.next += 1;
            num
        })
    }

    /// Of blocks that are asked for, those that go again: such as have been sent, MAX_PAYLOADS of
    /// them at most, for nobody must get much for a small message. `None` when too many have gone
    /// again already.
    pub fn take_again(&mut self, asked: impl IntoIterator<Item = u32>) -> Option<Vec<u32>> {
        let again: Vec<u32> =
            asked.into_iter().filter(|num| *num < self.next).take(self.per_set as usize).collect();
        self.spare = self.spare.checked_sub(again.len() as u64)?;
        Some(again)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_end_at_multiples_of_max_payloads() {
        let mut burst = Burst::new(25, 10, 4);
        assert_eq!(burst.take_one(), Some(0));
        assert_eq!(burst.take_set(), 1..10);
        assert!(burst.waits_at(10) && !burst.waits_at(20));
        assert_eq!(burst.take_set(), 10..20);
        assert_eq!(burst.take_set(), 20..25);
        assert!(burst.is_sent() && !burst.waits_at(25));
        assert_eq!(burst.take_set(), 25..25);
        assert_eq!(burst.take_one(), None);
    }

    #[test]
    fn what_was_not_sent_does_not_go_again_and_one_list_gets_a_set_at_most() {
        let mut burst = Burst::new(100, 3, 4);
        burst.take_set();
        assert_eq!(burst.take_again([0, 2, 3, 99, u32::MAX]).unwrap(), [0, 2]);
        burst.take_set();
        assert_eq!(burst.take_again(0..6).unwrap(), [0, 1, 2]);
    }

    #[test]
    fn asking_again_and_again_ends() {
        let mut burst = Burst::new(4, 10, 2);
        burst.take_set();
        assert_eq!(burst.take_again(0..4).unwrap().len(), 4);
        assert_eq!(burst.take_again(0..4).unwrap().len(), 4);
        assert_eq!(burst.take_again([1]), None);
    }
}
