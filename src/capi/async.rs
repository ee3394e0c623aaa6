//! `coap_async.h`: responses that come later.

use super::application::program;
use super::ffi::ffi;
use super::handle::share;
use super::pdu::{bytes, coap_pdu_t};
use super::types::*;
use crate::clock;
use crate::driver::{AppData, SessionHandle};
use crate::log;
use crate::protocol::asynchronous::AsyncId;
use core::ffi::c_void;
use core::time::Duration;
use std::sync::Arc;

/// A request whose response comes later. It lives until its response is sent, it is freed, or its
/// session ends.
#[allow(non_camel_case_types)]
pub struct coap_async_t {
    session: Arc<SessionHandle>,
    id: AsyncId,
    app_data: AppData,
}

/// A delay in ticks; 0 stands for none that ends by itself.
fn delay_of(ticks: coap_tick_t) -> Option<Duration> {
    (ticks != 0).then(|| Duration::from_millis(ticks))
}

/// Puts a request aside, to be answered later: the handler returns without setting a code, and is
/// called again with a copy of the request when `delay` ticks are over, or after
/// `coap_async_trigger()`. With `delay` 0 it waits for that, however long it takes. What is sent
/// then is a message of its own. The library frees the entry when the second call returns.
///
/// Returns the entry, or NULL if a request of this session with the same token is put aside
/// already, or the context has too many.
///
/// # Safety
/// `session` is NULL or live, `request` is NULL or a live message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_register_async(
    session: *mut coap_session_t,
    request: *const coap_pdu_t,
    delay: coap_tick_t,
) -> *mut coap_async_t {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        let (session, request) = unsafe { (share(session)?, request.as_ref()?) };
        let context = session.context();
        let program = program(context)?;
        context.with(|state| {
            let now = clock::now();
            let (engine, body) = (&mut state.engine, request.body.as_deref());
            let id = engine.register_async(now, session.id(), &request.inner, body, delay_of(delay))?;
            if delay != 0
                && let Some(of) = state.engine.sessions().get(session.id())
            {
                let (secs, ms) = (delay / 1000, delay % 1000);
                log!(DEBUG, "   {of}: Async request delayed for {secs}.{ms:03} secs");
            }
            let entry = coap_async_t { session: Arc::clone(&session), id, app_data: AppData::default() };
            let mut asyncs = program.asyncs.lock();
            let entry = asyncs.entry(id).or_insert_with(|| Box::new(entry));
            Some(core::ptr::from_mut(&mut **entry))
        })
    })
}

/// Sets when the handler is called again: `delay` ticks from now; with 0, not before
/// `coap_async_trigger()`.
///
/// # Safety
/// `r#async` is NULL or a live entry.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_async_set_delay(r#async: *mut coap_async_t, delay: coap_tick_t) {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        let entry = unsafe { r#async.as_ref() }?;
        let set = |state: &mut crate::driver::State| {
            state.engine.set_async_delay(clock::now(), entry.id, delay_of(delay));
        };
        entry.session.context().with(set);
        Some(())
    });
}

/// Has the handler called again as soon as the loop comes round. May be called from any thread.
///
/// # Safety
/// `r#async` is NULL or a live entry.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_async_trigger(r#async: *mut coap_async_t) {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        let entry = unsafe { r#async.as_ref() }?;
        let now = clock::now();
        let set = |state: &mut crate::driver::State| {
            state.engine.set_async_delay(now, entry.id, Some(Duration::ZERO));
        };
        entry.session.context().with(set);
        Some(())
    });
}

/// Forgets a request that was put aside: it is not answered.
///
/// # Safety
/// `session` is NULL or live; `r#async` is NULL or a live entry, and is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_free_async(session: *mut coap_session_t, r#async: *mut coap_async_t) {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        let (session, id) = unsafe { (share(session)?, r#async.as_ref()?.id) };
        let context = session.context();
        context.with(|state| state.engine.free_async(id));
        context.forget_asyncs();
        Some(())
    });
}

/// The entry for the request of this session with this token, or NULL.
///
/// # Safety
/// `session` is NULL or live; the token has its bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_find_async(
    session: *mut coap_session_t,
    token: coap_bin_const_t,
) -> *mut coap_async_t {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        let session = unsafe { share(session) }?;
        // SAFETY: as the caller promises.
        let token = unsafe { bytes(token.s, token.length) }?;
        let context = session.context();
        let id = context.with(|state| state.engine.find_async(session.id(), token))?;
        let mut asyncs = program(context)?.asyncs.lock();
        Some(core::ptr::from_mut(&mut **asyncs.get_mut(&id)?))
    })
}

/// Keeps a pointer of the application's with the entry. The library does not follow it.
///
/// # Safety
/// `r#async` is NULL or a live entry.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_async_set_app_data(r#async: *mut coap_async_t, app_data: *mut c_void) {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        unsafe { r#async.as_ref() }?.app_data.set(app_data);
        Some(())
    });
}

/// What `coap_async_set_app_data()` set; NULL before.
///
/// # Safety
/// `r#async` is NULL or a live entry.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_async_get_app_data(r#async: *const coap_async_t) -> *mut c_void {
    // SAFETY: NULL or live, as the caller promises.
    ffi(|| Some(unsafe { r#async.as_ref() }?.app_data.get()))
}
