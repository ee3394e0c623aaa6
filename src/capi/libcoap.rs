//! `libcoap.h`: start and end.

use super::debug::coap_set_log_handler;
use super::ffi::ffi;
use super::time::coap_clock_init;
use crate::log::{self, Level};
use core::sync::atomic::{AtomicBool, Ordering};

static STARTED: AtomicBool = AtomicBool::new(false);

/// Prepares the library. To be called before any other function of it; more calls do no harm. What
/// was set before, like the log level, stays as it is.
#[unsafe(no_mangle)]
pub extern "C" fn coap_startup() {
    ffi(|| {
        if !STARTED.swap(true, Ordering::AcqRel) {
            coap_clock_init();
        }
        Some(())
    })
}

/// Ends the use of the library. To be called last, once everything made with it is released; more
/// calls do no harm. The log level and the log handler become what they were at first; a random
/// number generator that was set stays. After it only `coap_startup()` may be called, which makes the
/// library usable again.
#[unsafe(no_mangle)]
pub extern "C" fn coap_cleanup() {
    ffi(|| {
        if STARTED.swap(false, Ordering::AcqRel) {
            // SAFETY: no handler is always right.
            unsafe { coap_set_log_handler(None) };
            log::set_level(Level::WARN);
        }
        Some(())
    })
}

/// For the functions that everything else begins with: a program that forgot to start the library is
/// told, and goes on.
pub(crate) fn ensure_started() {
    if !STARTED.load(Ordering::Acquire) {
        crate::log!(WARN, "coap_startup() is to be called before any other function");
        coap_startup();
    }
}
