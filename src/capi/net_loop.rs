//! `coap_net.h`, the loop in all its shapes: waiting inside the library, together with descriptors
//! of the application's, or in the application.

use super::ffi::{ffi, ffi_or};
use super::handle::share;
use super::types::*;
use crate::clock;
use crate::driver::Wait;
use crate::log;
use crate::net::{FdSets, select};
use core::ffi::{c_int, c_uint};
use core::time::Duration;
use libc::{epoll_event, fd_set};

/// How long C wants to wait.
fn wait_of(timeout_ms: u32) -> Wait {
    match timeout_ms {
        COAP_IO_WAIT => Wait::Forever,
        COAP_IO_NO_WAIT => Wait::NONE,
        ms => Wait::AtMost(Duration::from_millis(ms.into())),
    }
}

/// Milliseconds for C, which reads 0 as "nothing is due": what is due at once is due in 1.
fn due_in(left: Option<Duration>) -> c_uint {
    left.map_or(0, |left| left.as_millis().clamp(1, c_uint::MAX.into()) as c_uint)
}

/// Does one turn of the loop: what is due, then waiting for up to `timeout_ms` milliseconds until
/// something comes in, then what came in. COAP_IO_WAIT (0) waits for as long as it takes,
/// COAP_IO_NO_WAIT not at all. It also returns when something was due, or when another thread
/// gave it something to do.
///
/// Returns the milliseconds it took, or -1 if waiting failed.
///
/// # Safety
/// `ctx` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_io_process(ctx: *mut coap_context_t, timeout_ms: u32) -> c_int {
    ffi_or(-1, || {
        // SAFETY: NULL or live, as the caller promises.
        let context = unsafe { share(ctx) }?;
        let begin = clock::now();
        let done = context.process(wait_of(timeout_ms));
        done.inspect_err(|e| log!(ERR, "coap_io_process: {e}")).ok()?;
        c_int::try_from((clock::now() - begin).as_millis()).ok()
    })
}

/// As `coap_io_process()`, and also waits for descriptors of the application's, as select(2) does:
/// the sets hold those that are ready when it returns.
///
/// Returns the milliseconds it took, or -1 if waiting failed; the sets are then as they were.
///
/// # Safety
/// `ctx` is NULL or live; the sets are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_io_process_with_fds(
    ctx: *mut coap_context_t,
    timeout_ms: u32,
    nfds: c_int,
    readfds: *mut fd_set,
    writefds: *mut fd_set,
    exceptfds: *mut fd_set,
) -> c_int {
    ffi_or(-1, || {
        // SAFETY: NULL or live, as the caller promises.
        let context = unsafe { share(ctx) }?;
        // SAFETY: NULL or valid, as the caller promises.
        let mut sets = unsafe { FdSets::new(nfds, readfds.as_mut(), writefds.as_mut(), exceptfds.as_mut()) };
        let begin = clock::now();
        let waiter = |fd, timeout| select(&mut sets, fd, timeout).map(|_ours| ());
        let done = context.process_with(wait_of(timeout_ms), waiter);
        done.inspect_err(|e| log!(ERR, "coap_io_process_with_fds: {e}")).ok()?;
        c_int::try_from((clock::now() - begin).as_millis()).ok()
    })
}

/// Does what is due by now, for programs that wait by themselves, and lists the sockets to wait
/// for: as many as `max_sockets` in `sockets`, and their number in `num_sockets`. Call
/// `coap_io_do_io()` when one is ready or the time is over.
///
/// Returns the milliseconds until something is due; 0 if nothing is.
///
/// # Safety
/// `ctx` is NULL or live; `sockets` has room for `max_sockets`; `num_sockets` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_io_prepare_io(
    ctx: *mut coap_context_t,
    sockets: *mut *mut coap_socket_t,
    max_sockets: c_uint,
    num_sockets: *mut c_uint,
    now: coap_tick_t,
) -> c_uint {
    ffi(|| {
        // The library's own clock is what counts.
        let _ = now;
        // SAFETY: NULL or live, as the caller promises.
        let context = unsafe { share(ctx) }?;
        context.due();
        let listed = context.with(|state| {
            let mut listed: c_uint = 0;
            for socket in state.sockets.handles().take(max_sockets as usize) {
                if !sockets.is_null() {
                    // SAFETY: there is room for `max_sockets`.
                    unsafe { sockets.add(listed as usize).write(socket.cast_mut().cast()) };
                }
                listed += 1;
            }
            listed
        });
        // SAFETY: NULL or valid, as the caller promises.
        if let Some(num) = unsafe { num_sockets.as_mut() } {
            *num = listed;
        }
        Some(due_in(context.time_left()))
    })
}

/// Takes in what has come to any socket of the context, and does what is due.
///
/// # Safety
/// `ctx` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_io_do_io(ctx: *mut coap_context_t, now: coap_tick_t) {
    let _ = now;
    // SAFETY: as the caller promises.
    unsafe { turn(ctx) }
}

/// One turn without waiting.
///
/// # Safety
/// `ctx` is NULL or live.
unsafe fn turn(ctx: *mut coap_context_t) {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        let context = unsafe { share(ctx) }?;
        context.process(Wait::NONE).inspect_err(|e| log!(ERR, "cannot look for input: {e}")).ok()
    });
}

/// The descriptor of an epoll set that becomes readable when there is something to do: input, or
/// something that is due. To be watched with poll, select or an epoll set of the application's;
/// then call `coap_io_process()` with COAP_IO_NO_WAIT. Returns -1 if there is no context.
///
/// # Safety
/// `context` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_context_get_coap_fd(context: *const coap_context_t) -> c_int {
    // SAFETY: NULL or live, as the caller promises.
    ffi_or(-1, || Some(unsafe { context.as_ref() }?.watch()))
}

/// Does what is due by now, for programs that call epoll_wait(2) on `coap_context_get_coap_fd()`.
/// Returns the milliseconds until something is due; 0 if nothing is, which means to wait for input
/// alone. The descriptor also wakes when it is.
///
/// # Safety
/// `ctx` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_io_prepare_epoll(ctx: *mut coap_context_t, now: coap_tick_t) -> c_uint {
    ffi(|| {
        let _ = now;
        // SAFETY: NULL or live, as the caller promises.
        let context = unsafe { share(ctx) }?;
        context.watch();
        context.due();
        Some(due_in(context.time_left()))
    })
}

/// Takes in what epoll_wait(2) on `coap_context_get_coap_fd()` told of, and does what is due. All
/// that is ready is taken, whether it is among `events` or not.
///
/// # Safety
/// `ctx` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_io_do_epoll(
    ctx: *mut coap_context_t,
    events: *mut epoll_event,
    nevents: usize,
) {
    let _ = (events, nevents);
    // SAFETY: as the caller promises.
    unsafe { turn(ctx) }
}

/// Whether something is under way, for a client that ends when all is done: 1 if a message waits to
/// be sent or acknowledged, an acknowledged request for its response, or a request that was put
/// aside to be answered; and, with COAP_BLOCK_USE_LIBCOAP, if any request waits for its response, or
/// something is observed. Else 0. What is not answered within EXCHANGE_LIFETIME (247 seconds) does
/// not count any more. It looks at the sessions that have sent requests.
///
/// # Safety
/// `context` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_io_pending(context: *mut coap_context_t) -> c_int {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        let context = unsafe { context.as_ref() }?;
        let now = clock::now();
        let pending = |s: &mut crate::driver::State| {
            !s.engine.is_quiet() || s.sockets.is_blocked() || s.engine.is_expecting(now)
        };
        Some(context.with(pending).into())
    })
}
