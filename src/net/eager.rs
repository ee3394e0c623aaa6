//! Whether to look once more before going to sleep: falling asleep and being woken costs more than a
//! peer takes that answers at once and is answered at once.

use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

/// For how long it is looked again at most: about what a sleep costs.
pub(super) const LOOKING: Duration = Duration::from_micros(20);

/// A sleep that is over so soon was not worth it.
const SHORT: Duration = Duration::from_micros(60);

/// How often in a row looking may be in vain before it is given up.
const PATIENCE: u32 = 3;

/// How many short sleeps have it tried, at first and at most: where looking is in vain, since the peer
/// needs the same processor, it is tried ever more seldom.
const FIRST: u32 = 4;
const MOST: u32 = 4096;

/// What the last waits were like. Threads that wait at the same time may disturb it; then it is only
/// less to the point.
#[derive(Debug)]
pub(super) struct Eager {
    /// How often looking may still be in vain; 0 stands for not looking.
    patience: AtomicU32,
    /// Short sleeps since it was given up.
    short: AtomicU32,
    /// Short sleeps until it is tried.
    wanted: AtomicU32,
}

impl Eager {
    pub(super) const fn new() -> Self {
        Eager { patience: AtomicU32::new(0), short: AtomicU32::new(0), wanted: AtomicU32::new(FIRST) }
    }

    /// Whether to look before sleeping.
    pub(super) fn looks(&self) -> bool {
        self.patience.load(Ordering::Relaxed) > 0
    }

    /// It was looked.
    pub(super) fn looked(&self, found: bool) {
        let patience = self.patience.load(Ordering::Relaxed);
        if found {
            self.patience.store(PATIENCE, Ordering::Relaxed);
            self.wanted.store(FIRST, Ordering::Relaxed);
        } else {
            self.patience.store(patience.saturating_sub(1), Ordering::Relaxed);
            if patience <= 1 {
                let wanted = self.wanted.load(Ordering::Relaxed);
                self.wanted.store((wanted * 2).min(MOST), Ordering::Relaxed);
                self.short.store(0, Ordering::Relaxed);
            }
        }
    }

    /// It was slept for so long until something came.
    pub(super) fn slept(&self, time: Duration) {
        if time > SHORT {
            return self.short.store(0, Ordering::Relaxed);
        }
        let short = self.short.load(Ordering::Relaxed) + 1;
        self.short.store(short, Ordering::Relaxed);
        if short >= self.wanted.load(Ordering::Relaxed) {
            self.short.store(0, Ordering::Relaxed);
            self.patience.store(PATIENCE, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleep(eager: &Eager, times: u32, micros: u64) {
        (0..times).for_each(|_| eager.slept(Duration::from_micros(micros)));
    }

    #[test]
    fn short_sleeps_have_it_look_until_that_is_in_vain() {
        let eager = Eager::new();
        sleep(&eager, FIRST - 1, 10);
        assert!(!eager.looks());
        sleep(&eager, 1, 10);
        for _ in 0..100 {
            assert!(eager.looks());
            eager.looked(true);
        }
        for _ in 0..PATIENCE {
            assert!(eager.looks());
            eager.looked(false);
        }
        assert!(!eager.looks());
    }

    #[test]
    fn a_long_sleep_in_between_counts() {
        let eager = Eager::new();
        for _ in 0..10 {
            sleep(&eager, FIRST - 1, 10);
            sleep(&eager, 1, 1000);
        }
        assert!(!eager.looks());
    }

    #[test]
    fn where_looking_is_always_in_vain_it_is_tried_ever_more_seldom() {
        let eager = Eager::new();
        let mut looked = 0;
        for _ in 0..100_000 {
            match eager.looks() {
                true => {
                    eager.looked(false);
                    looked += 1;
                }
                false => sleep(&eager, 1, 10),
            }
        }
        assert!(looked < 150, "{looked}");
    }
}
