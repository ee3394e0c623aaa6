//! One ordered queue of deadlines. Setting, taking back and firing cost a logarithm of what is
//! waiting; what is not waiting costs nothing.

use super::time::Instant;
use std::collections::BTreeMap;

/// Names a deadline that was set, so that it can be taken back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct DeadlineKey(Instant, u64);

/// Deadlines that carry a `T`, in the order in which they fire; equal times in the order set.
#[derive(Debug)]
pub struct Deadlines<T> {
    queue: BTreeMap<DeadlineKey, T>,
    next: u64,
}

impl<T> Default for Deadlines<T> {
    fn default() -> Self {
        Deadlines { queue: BTreeMap::new(), next: 0 }
    }
}

impl<T> Deadlines<T> {
    /// Sets a deadline.
    pub fn set(&mut self, at: Instant, what: T) -> DeadlineKey {
        let key = DeadlineKey(at, self.next);
        self.next += 1;
        self.queue.insert(key, what);
        key
    }

    /// Takes a deadline back. `None` if it has fired or was taken back before.
    pub fn cancel(&mut self, key: DeadlineKey) -> Option<T> {
        self.queue.remove(&key)
    }

    /// When the next one fires.
    pub fn next(&self) -> Option<Instant> {
        self.queue.first_key_value().map(|(key, _)| key.0)
    }

    /// Takes out the next one that is due.
    pub fn pop_due(&mut self, now: Instant) -> Option<T> {
        let entry = self.queue.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }

    /// How many are waiting.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether none is waiting.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_fire_in_order_and_a_cancelled_one_does_not() {
        let mut d = Deadlines::default();
        d.set(Instant(20), 'b');
        let c = d.set(Instant(15), 'x');
        d.set(Instant(10), 'a');
        assert_eq!(d.cancel(c), Some('x'));
        assert_eq!(d.cancel(c), None);
        assert_eq!(d.next(), Some(Instant(10)));
        assert_eq!(d.pop_due(Instant(9)), None);
        assert_eq!(d.pop_due(Instant(30)), Some('a'));
        assert_eq!(d.pop_due(Instant(30)), Some('b'));
        assert_eq!(d.pop_due(Instant(30)), None);
    }
}
