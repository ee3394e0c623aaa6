//! Virtual time for OpenSSL, which asks `gettimeofday()`: the one of the test program comes before that of
//! the C library.

use crate::protocol::time::Instant;
use core::cell::Cell;
use core::ffi::{c_int, c_void};

thread_local! {
    /// Milliseconds of this thread's own time.
    static NOW: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Where virtual time begins, in seconds since 1970.
const EPOCH: i64 = 1_700_000_000;

/// From here on this thread's time is this.
pub(super) fn set(now: Instant) {
    NOW.set(Some(now.0));
}

/// Looked up by OpenSSL.
///
/// # Safety
///
/// `time` is NULL or leads to where a time is written.
#[unsafe(no_mangle)]
unsafe extern "C" fn gettimeofday(time: *mut libc::timeval, _: *mut c_void) -> c_int {
    if time.is_null() {
        return 0;
    }
    let now = match NOW.try_with(Cell::get) {
        Ok(Some(ms)) => libc::timeval {
            tv_sec: EPOCH + (ms / 1000) as libc::time_t,
            tv_usec: (ms % 1000 * 1000) as libc::suseconds_t,
        },
        _ => {
            let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            // SAFETY: writes the struct.
            unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &raw mut now) };
            libc::timeval { tv_sec: now.tv_sec, tv_usec: now.tv_nsec / 1000 }
        }
    };
    // SAFETY: as the caller says.
    unsafe { time.write(now) };
    0
}
