//! The clock: milliseconds for the state machines, and what they mean as a time of day.
//!
//! It counts with the monotonic clock, so that setting the time of day moves no deadline. It is
//! started once per process and never set back, however often `coap_startup` is called.

use crate::protocol::time::Instant;
use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::OnceLock;

/// How far the time of day may drift from what was last seen before it is taken over. Below that,
/// the same instant always means the same time.
const DRIFT_MS: u64 = 5;

/// What to add to the monotonic clock to get an [`Instant`].
static OFFSET: OnceLock<u64> = OnceLock::new();

/// The time of day at instant 0, in milliseconds since 1970.
static TIME_OF_DAY: AtomicU64 = AtomicU64::new(0);

/// Now. Never 0.
pub fn now() -> Instant {
    let monotonic = milliseconds(libc::CLOCK_MONOTONIC);
    // It starts within a second as the time of day does, so that both change seconds together:
    // programs add whole seconds of it to a time of day of theirs.
    let offset = OFFSET.get_or_init(|| (milliseconds(libc::CLOCK_REALTIME) % 1000).wrapping_sub(monotonic));
    Instant(monotonic.wrapping_add(*offset).max(1))
}

/// The time of day of an instant, in milliseconds since 1970.
pub fn to_unix_ms(at: Instant) -> u64 {
    time_of_day_at_zero().wrapping_add(at.0)
}

/// The instant of a time of day, in milliseconds since 1970.
pub fn from_unix_ms(ms: u64) -> Instant {
    Instant(ms.wrapping_sub(time_of_day_at_zero()))
}

fn time_of_day_at_zero() -> u64 {
    let seen = milliseconds(libc::CLOCK_REALTIME).wrapping_sub(now().0);
    let known = TIME_OF_DAY.load(Ordering::Relaxed);
    if seen.abs_diff(known) <= DRIFT_MS {
        return known;
    }
    TIME_OF_DAY.store(seen, Ordering::Relaxed);
    seen
}

fn milliseconds(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes the struct. Neither of the two clocks can be missing.
    unsafe { libc::clock_gettime(clock, &mut time) };
    time.tv_sec as u64 * 1000 + time.tv_nsec as u64 / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_forward() {
        let first = now();
        assert!(first > Instant(0));
        assert!(now() >= first);
    }

    #[test]
    fn an_instant_survives_the_way_through_the_time_of_day() {
        let at = now();
        assert_eq!(from_unix_ms(to_unix_ms(at)), at);
        assert!(to_unix_ms(at).abs_diff(milliseconds(libc::CLOCK_REALTIME)) < 1000);
    }
}
