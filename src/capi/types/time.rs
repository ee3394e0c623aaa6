//! `coap_time.h`: ticks.

use libc::time_t;

/// How many ticks make a second.
pub const COAP_TICKS_PER_SECOND: coap_tick_t = 1000;

/// The difference of two points in time, in ticks.
pub type coap_tick_diff_t = i64;

/// A point in time or a span, in ticks.
pub type coap_tick_t = u64;

/// Seconds since 1970.
pub type coap_time_t = time_t;
