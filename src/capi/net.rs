//! `coap_net.h`: contexts, their handlers, and multicast groups.

use super::address::from_c;
use super::application::{Handlers, Program, program, raise};
use super::ffi::{ffi, ffi_or};
use super::handle::share;
use super::types::*;
use crate::driver::Context;
use crate::log;
use crate::protocol::session::Transport;
use core::ffi::{c_int, c_void};
use std::sync::Arc;

/// Makes a context; if `listen_addr` is not NULL, with a UDP endpoint there. Returns NULL if that
/// address cannot be used. Release it with `coap_free_context()`.
///
/// # Safety
/// `listen_addr` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_new_context(listen_addr: *const coap_address_t) -> *mut coap_context_t {
    ffi(|| {
        super::libcoap::ensure_started();
        let context = Context::new(Box::new(Program::default()))
            .inspect_err(|e| log!(ERR, "coap_new_context: {e}"))
            .ok()?;
        // SAFETY: NULL or valid, as the caller promises.
        if let Some(address) = unsafe { listen_addr.as_ref() } {
            let address = from_c(address)?;
            let opened = context.open_endpoint(&address, Transport::Udp);
            opened.inspect_err(|e| log!(WARN, "coap_new_context: {address}: {e}")).ok()?;
        }
        Some(Arc::into_raw(context).cast_mut())
    })
}

/// Ends a context with its endpoints, sessions, resources, cache entries and all that waits in them.
/// That includes the sessions that the application references: none may be used any more, nor
/// released. The nack handler hears of messages that waited for their turn, the event handler of the
/// end of each session that a peer opened. A handler may end the context it runs in.
///
/// # Safety
/// `context` is NULL or live, and is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_free_context(context: *mut coap_context_t) {
    ffi(|| {
        if context.is_null() {
            return None;
        }
        // SAFETY: the count that `coap_new_context` gave out.
        let context = unsafe { Arc::from_raw(context) };
        super::resource::close_account(&context);
        context.close();
        super::cache::remove_all(&context);
        super::resource::remove_all(&context);
        Some(())
    });
}

/// Keeps a pointer of the application's with the context. The library does not follow it.
///
/// # Safety
/// `context` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_context_set_app_data(context: *mut coap_context_t, data: *mut c_void) {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        program(unsafe { context.as_ref() }?)?.app_data.set(data);
        Some(())
    });
}

/// What `coap_context_set_app_data()` set; NULL before.
///
/// # Safety
/// `context` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_context_get_app_data(context: *const coap_context_t) -> *mut c_void {
    // SAFETY: NULL or live, as the caller promises.
    ffi(|| Some(program(unsafe { context.as_ref() }?)?.app_data.get()))
}

/// The old name of `coap_context_set_app_data()`.
///
/// # Safety
/// `context` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_set_app_data(context: *mut coap_context_t, data: *mut c_void) {
    // SAFETY: as the caller promises.
    unsafe { coap_context_set_app_data(context, data) }
}

/// The old name of `coap_context_get_app_data()`.
///
/// # Safety
/// `context` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_get_app_data(context: *const coap_context_t) -> *mut c_void {
    // SAFETY: as the caller promises.
    unsafe { coap_context_get_app_data(context) }
}

/// Changes the handlers of a context.
///
/// # Safety
/// `context` is NULL or live.
unsafe fn change_handlers(context: *const coap_context_t, change: impl FnOnce(&mut Handlers)) {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        change(&mut program(unsafe { context.as_ref() }?)?.handlers.lock());
        Some(())
    });
}

/// Sets the handler that is called with each response to a request of this context's sessions.
/// Responses to nothing that was asked are rejected and do not reach it.
///
/// # Safety
/// `context` is NULL or live; the handler may be called until another is set or the context ends.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_register_response_handler(
    context: *mut coap_context_t,
    handler: coap_response_handler_t,
) {
    // SAFETY: as the caller promises.
    unsafe { change_handlers(context, |handlers| handlers.response = handler) }
}

/// Sets the handler that is called with each confirmable message that was not delivered, and the
/// reason.
///
/// # Safety
/// `context` is NULL or live; the handler may be called until another is set or the context ends.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_register_nack_handler(
    context: *mut coap_context_t,
    handler: coap_nack_handler_t,
) {
    // SAFETY: as the caller promises.
    unsafe { change_handlers(context, |handlers| handlers.nack = handler) }
}

/// Sets the handler that is called when a peer asks whether somebody is there (RFC 7252 §4.3). The
/// library has answered by then.
///
/// # Safety
/// `context` is NULL or live; the handler may be called until another is set or the context ends.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_register_ping_handler(
    context: *mut coap_context_t,
    handler: coap_ping_handler_t,
) {
    // SAFETY: as the caller promises.
    unsafe { change_handlers(context, |handlers| handlers.ping = handler) }
}

/// Sets the handler that is called when a peer answers a ping over a stream (RFC 8323 §5.4)
/// or, over UDP, a keep-alive ping. The answer to `coap_session_send_ping()` over UDP is a Reset,
/// which reaches the nack handler.
///
/// # Safety
/// `context` is NULL or live; the handler may be called until another is set or the context ends.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_register_pong_handler(
    context: *mut coap_context_t,
    handler: coap_pong_handler_t,
) {
    // SAFETY: as the caller promises.
    unsafe { change_handlers(context, |handlers| handlers.pong = handler) }
}

/// Hands an event to the handler of a context, and returns what that returns; 0 if there is none.
///
/// # Safety
/// `context` and `session` are NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_handle_event(
    context: *mut coap_context_t,
    event: coap_event_t,
    session: *mut coap_session_t,
) -> c_int {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises. The handler may free it.
        let context = unsafe { share(context) }?;
        Some(raise(program(&context)?, session, event))
    })
}

/// Whether all that a program asked for is done: 1 if nothing waits to be acknowledged or sent,
/// else 0.
///
/// # Safety
/// `context` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_can_exit(context: *mut coap_context_t) -> c_int {
    // SAFETY: NULL or live, as the caller promises.
    ffi_or(1, || {
        // SAFETY: NULL or live, as the caller promises.
        let context = unsafe { context.as_ref() }?;
        Some(context.with(|s| s.engine.is_settled() && !s.sockets.is_blocked()).into())
    })
}

/// Joins a multicast group with all UDP endpoints of the address family; those on IPv6 join groups of
/// IPv4 too. `groupname` is an address or a host name, `ifname` the name or number of the interface,
/// or NULL for the one the system picks; if there is none of that name, the system picks too. Returns
/// 0, or -1 if no endpoint could join.
///
/// # Safety
/// `ctx` is NULL or live; the names are NULL or C strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_join_mcast_group_intf(
    ctx: *mut coap_context_t,
    groupname: *const core::ffi::c_char,
    ifname: *const core::ffi::c_char,
) -> c_int {
    ffi_or(-1, || {
        // SAFETY: NULL or live, as the caller promises.
        let context = unsafe { share(ctx) }?;
        // SAFETY: NULL or C strings, as the caller promises.
        let (group, interface) = unsafe { (super::ffi::text(groupname)?, super::ffi::text(ifname)) };
        let joined = context.join_group(group, interface);
        joined.inspect_err(|e| log!(ERR, "coap_join_mcast_group_intf: {group}: {e}")).ok().map(|()| 0)
    })
}
