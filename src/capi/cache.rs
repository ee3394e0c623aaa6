//! `coap_cache.h`: cache keys, and entries that an application keeps by them.

use super::ffi::ffi;
use super::handle::share;
use super::pdu::coap_pdu_t;
use super::types::*;
use crate::clock;
use crate::driver::{Context, State};
use crate::log;
use crate::message::Number;
use crate::protocol::cache::{EntryId, Key};
use crate::protocol::engine::Handle;
use core::ffi::{c_int, c_uint, c_void};
use core::time::Duration;
use core::{ptr, slice};
use parking_lot::Mutex;
use std::sync::Arc;

/// What identifies equal requests: a SHA-256 digest of 32 bytes.
#[allow(non_camel_case_types)]
#[derive(Debug)]
pub struct coap_cache_key_t {
    key: Key,
}

/// The application's data and what frees it.
#[derive(Clone, Copy, Debug)]
struct AppData {
    data: *mut c_void,
    free: coap_cache_app_data_free_callback_t,
}

/// A cache entry. The context's cache owns it. When it goes, the application frees its data:
/// whoever takes one out of the cache drops it with no lock held.
#[allow(non_camel_case_types)]
#[derive(Debug)]
pub struct coap_cache_entry_t {
    id: EntryId,
    pdu: Option<coap_pdu_t>,
    app: Mutex<AppData>,
}

// SAFETY: what the application's pointer means is the application's business; the library only
// hands it back.
unsafe impl Send for coap_cache_entry_t {}
// SAFETY: as above; what changes is behind a lock.
unsafe impl Sync for coap_cache_entry_t {}

impl Drop for coap_cache_entry_t {
    fn drop(&mut self) {
        let AppData { data, free } = *self.app.get_mut();
        if let (Some(free), false) = (free, data.is_null()) {
            // SAFETY: the application set the two together.
            unsafe { free(data) };
        }
    }
}

/// The option numbers at `options`.
///
/// # Safety
/// `options` is NULL or has `count` numbers, which live as long as the result is used.
unsafe fn numbers<'a>(caller: &str, options: *const u16, count: usize) -> Option<&'a [u16]> {
    match (count, options.is_null()) {
        (0, _) => Some(&[]),
        (_, true) => {
            log!(WARN, "{caller}: {count} options at NULL");
            None
        }
        // SAFETY: not NULL, and the caller promises the numbers.
        (_, false) => Some(unsafe { slice::from_raw_parts(options, count) }),
    }
}

/// The key of a message.
///
/// # Safety
/// `pdu` is NULL or a live PDU.
unsafe fn derive(
    session: &Arc<coap_session_t>,
    pdu: *const coap_pdu_t,
    session_based: coap_cache_session_based_t,
    ignored: &[Number],
) -> Option<Key> {
    // SAFETY: NULL or live, as the caller promises.
    let pdu = unsafe { pdu.as_ref() }?;
    let body = pdu.data().map_or(&[][..], |(data, ..)| data);
    let session = (session_based != COAP_CACHE_NOT_SESSION_BASED).then(|| session.id());
    Key::derive(&pdu.inner, body, session, ignored)
}

/// The key of a message, without the options that the session's context leaves out.
///
/// # Safety
/// `pdu` is NULL or a live PDU.
unsafe fn derive_for(
    session: &Arc<coap_session_t>,
    pdu: *const coap_pdu_t,
    session_based: coap_cache_session_based_t,
) -> Option<Key> {
    let ignored = session.context().with(|state| state.cache.ignored().to_vec());
    // SAFETY: as the caller promises.
    unsafe { derive(session, pdu, session_based, &ignored) }
}

/// Ends all entries of a context that ends.
pub(crate) fn remove_all(context: &Context) {
    while let Some(entry) = context.with(|state| state.cache.pop()) {
        drop(entry);
    }
}

/// The entry with this key, in use from now on.
fn find(state: &mut State, key: &Key) -> Option<*mut coap_cache_entry_t> {
    let handle = state.cache.get(key, clock::now())?;
    Some(Arc::as_ptr(handle).cast_mut().cast())
}

fn key_for_c(key: Key) -> *mut coap_cache_key_t {
    Box::into_raw(Box::new(coap_cache_key_t { key }))
}

/// Derives the key of a PDU as `coap_cache_derive_key_w_ignore` does, leaving out the options that
/// `coap_cache_ignore_options` set for the context of `session`.
///
/// Returns the key, which `coap_delete_cache_key` frees, or NULL if a pointer is NULL or the PDU
/// has neither options nor payload.
///
/// # Safety
/// `session` is NULL or a live session; `pdu` is NULL or a live PDU.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_cache_derive_key(
    session: *const coap_session_t,
    pdu: *const coap_pdu_t,
    session_based: coap_cache_session_based_t,
) -> *mut coap_cache_key_t {
    // SAFETY: NULL or live, as the caller promises.
    ffi(|| unsafe { derive_for(&share(session)?, pdu, session_based) }.map(key_for_c))
}

/// Derives the key of a PDU, leaving out the `ignore_count` options at `ignore_options` as well as
/// Observe and all that are no part of a cache key (RFC 7252 §5.4.2). The method counts as little
/// as the payload, but for FETCH, whose payload counts. With `COAP_CACHE_IS_SESSION_BASED` the key
/// is one of `session`. The list of `coap_cache_ignore_options` is not looked at.
///
/// Returns the key, which `coap_delete_cache_key` frees, or NULL if a pointer is NULL or the PDU
/// has neither options nor payload.
///
/// # Safety
/// `session` is NULL or a live session; `pdu` is NULL or a live PDU; `ignore_options` has
/// `ignore_count` numbers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_cache_derive_key_w_ignore(
    session: *const coap_session_t,
    pdu: *const coap_pdu_t,
    session_based: coap_cache_session_based_t,
    ignore_options: *const u16,
    ignore_count: usize,
) -> *mut coap_cache_key_t {
    ffi(|| {
        // SAFETY: as the caller promises.
        let ignored = unsafe { numbers("coap_cache_derive_key_w_ignore", ignore_options, ignore_count) }?;
        let ignored: Vec<Number> = ignored.iter().map(|&n| Number(n)).collect();
        // SAFETY: NULL or live, as the caller promises.
        unsafe { derive(&share(session)?, pdu, session_based, &ignored) }.map(key_for_c)
    })
}

/// Frees a key. NULL is ignored.
///
/// # Safety
/// `cache_key` is NULL or came from `coap_cache_derive_key` or `coap_cache_derive_key_w_ignore`,
/// and is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_delete_cache_key(cache_key: *mut coap_cache_key_t) {
    ffi(|| {
        if !cache_key.is_null() {
            // SAFETY: it came from `key_for_c`, as the caller promises.
            drop(unsafe { Box::from_raw(cache_key) });
        }
        Some(())
    });
}

/// Sets which options the keys of a context leave out, beside those that they always do. The list
/// before is forgotten; a `count` of 0 leaves out no more.
///
/// Returns 1, or 0 if `context` is NULL, or `options` is while `count` is not 0.
///
/// # Safety
/// `context` is NULL or live; `options` has `count` numbers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_cache_ignore_options(
    context: *mut coap_context_t,
    options: *const u16,
    count: usize,
) -> c_int {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        let context = unsafe { share(context) }?;
        // SAFETY: as the caller promises.
        let options = unsafe { numbers("coap_cache_ignore_options", options, count) }?;
        context.with(|state| state.cache.ignore(options));
        Some(1)
    })
}

/// Makes an entry with the key of `pdu`. With `COAP_CACHE_RECORD_PDU` it keeps a copy of the PDU.
/// It goes when it was not found for `idle_time` seconds, if that is not 0, when `session` ends,
/// whatever its key is based on, and with the context.
///
/// Returns the entry, which the library owns, or NULL if a pointer is NULL, the session has ended,
/// the PDU has neither options nor payload, or the context has 65,536 entries.
///
/// # Safety
/// `session` is NULL or a live session; `pdu` is NULL or a live PDU.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_new_cache_entry(
    session: *mut coap_session_t,
    pdu: *const coap_pdu_t,
    record_pdu: coap_cache_record_pdu_t,
    session_based: coap_cache_session_based_t,
    idle_time: c_uint,
) -> *mut coap_cache_entry_t {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        let session = unsafe { share(session) }?;
        // SAFETY: NULL or live, as the caller promises.
        let key = unsafe { derive_for(&session, pdu, session_based) }?;
        let copy = match record_pdu {
            COAP_CACHE_NOT_RECORD_PDU => None,
            // SAFETY: NULL or live, as the caller promises.
            _ => unsafe { pdu.as_ref() }.map(|pdu| coap_pdu_t::received(pdu.inner.clone(), pdu.body.clone())),
        };
        let idle = Duration::from_secs(idle_time.into());
        let body = |pdu: &coap_pdu_t| pdu.body.as_ref().map_or(0, |body| body.size());
        let cost = copy.as_ref().map_or(0, |pdu| pdu.inner.used_size() + body(pdu));
        let app = Mutex::new(AppData { data: ptr::null_mut(), free: None });
        session.context().with(|state| {
            state.engine.sessions().get(session.id())?;
            let make = |id| Arc::new(coap_cache_entry_t { id, pdu: copy, app }) as Handle;
            let made = state.cache.insert_with(key, session.id(), idle, clock::now(), cost, make);
            made.inspect_err(|e| log!(WARN, "coap_new_cache_entry: {e}")).ok()?;
            find(state, &key)
        })
    })
}

/// Deletes an entry, and has the application free its data. NULL is ignored.
///
/// # Safety
/// `context` is NULL or live; `cache_entry` is NULL or an entry of it, and is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_delete_cache_entry(
    context: *mut coap_context_t,
    cache_entry: *mut coap_cache_entry_t,
) {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        let (context, id) = unsafe { (share(context)?, cache_entry.as_ref()?.id) };
        drop(context.with(|state| state.cache.remove(id)));
        Some(())
    });
}

/// The entry with this key that was made last, or NULL. Its idle time begins anew.
///
/// # Safety
/// `context` is NULL or live; `cache_key` is NULL or a live key.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_cache_get_by_key(
    context: *mut coap_context_t,
    cache_key: *const coap_cache_key_t,
) -> *mut coap_cache_entry_t {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        let (context, key) = unsafe { (share(context)?, cache_key.as_ref()?.key) };
        context.with(|state| find(state, &key))
    })
}

/// The entry with the key of this PDU that was made last, or NULL. Its idle time begins anew.
///
/// # Safety
/// `session` is NULL or a live session; `pdu` is NULL or a live PDU.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_cache_get_by_pdu(
    session: *mut coap_session_t,
    pdu: *const coap_pdu_t,
    session_based: coap_cache_session_based_t,
) -> *mut coap_cache_entry_t {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        let session = unsafe { share(session) }?;
        // SAFETY: NULL or live, as the caller promises.
        let key = unsafe { derive_for(&session, pdu, session_based) }?;
        session.context().with(|state| find(state, &key))
    })
}

/// The PDU that an entry was made with, if it was told to keep a copy; else NULL. It lives as long
/// as the entry.
///
/// # Safety
/// `cache_entry` is NULL or a live entry.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_cache_get_pdu(cache_entry: *const coap_cache_entry_t) -> *const coap_pdu_t {
    // SAFETY: NULL or live, as the caller promises.
    ffi(|| unsafe { cache_entry.as_ref() }?.pdu.as_ref().map(ptr::from_ref))
}

/// Sets a pointer of the application's own to be kept with an entry, and what is called with it,
/// if it is not NULL, when the entry goes: `callback` may be NULL. The pointer before is forgotten,
/// not freed.
///
/// # Safety
/// `cache_entry` is NULL or a live entry.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_cache_set_app_data(
    cache_entry: *mut coap_cache_entry_t,
    data: *mut c_void,
    callback: coap_cache_app_data_free_callback_t,
) {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        let entry = unsafe { cache_entry.as_ref() }?;
        *entry.app.lock() = AppData { data, free: callback };
        Some(())
    });
}

/// The pointer that `coap_cache_set_app_data` set, or NULL.
///
/// # Safety
/// `cache_entry` is NULL or a live entry.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_cache_get_app_data(cache_entry: *const coap_cache_entry_t) -> *mut c_void {
    // SAFETY: NULL or live, as the caller promises.
    ffi(|| unsafe { cache_entry.as_ref() }.map(|entry| entry.app.lock().data))
}
