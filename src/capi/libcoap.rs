//! `libcoap.h`: start and end.

use super::ffi::ffi;
use super::time::coap_clock_init;
use crate::log;
use core::sync::atomic::{AtomicBool, Ordering};

static STARTED: AtomicBool = AtomicBool::new(false);

/// Prepares the library. To be called before any other function of it; more calls do no harm. The
/// log level, the log handler and the random number generator may be set before and stay as they are.
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
/// calls do no harm. After it only `coap_startup()` may be called, which makes it usable again.
#[unsafe(no_mangle)]
pub extern "C" fn coap_cleanup() {
    STARTED.store(false, Ordering::Release);
}

/// For the functions that everything else begins with: a program that forgot to start the library is
/// told, and goes on.
pub(crate) fn ensure_started() {
    if !STARTED.load(Ordering::Acquire) {
        log!(WARN, "coap_startup() is to be called before any other function");
        coap_startup();
    }
}
