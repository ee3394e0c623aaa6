//! `coap_event.h`: the handler for what happens to sessions.

use super::application::program;
use super::ffi::ffi;
use super::types::*;

/// Sets the handler that is called when something happens to a session of this context; NULL for
/// none. What it returns is handed back by `coap_handle_event()` and else not looked at.
///
/// # Safety
/// `context` is NULL or live; the handler may be called until another is set or the context ends.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_register_event_handler(
    context: *mut coap_context_t,
    hnd: coap_event_handler_t,
) {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        program(unsafe { context.as_ref() }?)?.handlers.lock().event = hnd;
        Some(())
    });
}

/// The old name of `coap_register_event_handler()`.
///
/// # Safety
/// As for `coap_register_event_handler()`.
#[unsafe(no_mangle)]
#[deprecated(note = "use coap_register_event_handler()")]
pub unsafe extern "C" fn coap_set_event_handler(context: *mut coap_context_t, hnd: coap_event_handler_t) {
    // SAFETY: as the caller promises.
    unsafe { coap_register_event_handler(context, hnd) };
}

/// Takes the handler away, as `coap_register_event_handler()` with NULL does.
///
/// # Safety
/// `context` is NULL or live.
#[unsafe(no_mangle)]
#[deprecated(note = "use coap_register_event_handler() with NULL")]
pub unsafe extern "C" fn coap_clear_event_handler(context: *mut coap_context_t) {
    // SAFETY: as the caller promises.
    unsafe { coap_register_event_handler(context, None) };
}
