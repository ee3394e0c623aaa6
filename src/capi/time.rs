//! `coap_time.h`: ticks, the milliseconds that all times of the interface are given in.

use super::ffi::ffi;
use super::types::{coap_tick_t, coap_time_t};
use crate::clock;
use crate::protocol::time::Instant;

/// Starts the clock. `coap_startup()` does it; calling it again changes nothing, since sessions and
/// timers count with this clock.
#[unsafe(no_mangle)]
pub extern "C" fn coap_clock_init() {
    clock::now();
}

/// Stores the present time in `t`, in ticks. The count begins when the library is first used, goes
/// on steadily whatever happens to the time of day, and is never 0.
///
/// # Safety
/// `t` is NULL or points to a tick count.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_ticks(t: *mut coap_tick_t) {
    ffi(|| {
        // SAFETY: the caller passes NULL or room for a tick count.
        *unsafe { t.as_mut() }? = clock::now().0;
        Some(())
    })
}

/// Returns the time of day at tick count `t`, in seconds since 1970.
#[unsafe(no_mangle)]
pub extern "C" fn coap_ticks_to_rt(t: coap_tick_t) -> coap_time_t {
    (clock::to_unix_ms(Instant(t)) / 1000) as coap_time_t
}

/// Returns the time of day at tick count `t`, in microseconds since 1970.
#[unsafe(no_mangle)]
pub extern "C" fn coap_ticks_to_rt_us(t: coap_tick_t) -> u64 {
    clock::to_unix_ms(Instant(t)).wrapping_mul(1000)
}

/// Returns the tick count at `t`, a time of day in microseconds since 1970.
#[unsafe(no_mangle)]
pub extern "C" fn coap_ticks_from_rt_us(t: u64) -> coap_tick_t {
    clock::from_unix_ms(t / 1000).0
}
