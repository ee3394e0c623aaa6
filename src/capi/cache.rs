//! `coap_cache.h`: cache keys, and entries that an application keeps by them.

use super::ffi::ffi;
use super::pdu::coap_pdu_t;
use super::types::*;
use crate::log;
use crate::message::Number;
use crate::protocol::cache::{EntryId, Key, SessionTag};
use core::ffi::c_void;
use core::{ptr, slice};
use parking_lot::Mutex;

/// What identifies equal requests: a SHA-256 digest of 32 bytes.
#[allow(non_camel_case_types)]
#[derive(Debug)]
pub struct coap_cache_key_t {
    key: Key,
}

/// The application's data and what frees it.
#[derive(Debug)]
struct AppData {
    data: *mut c_void,
    free: coap_cache_app_data_free_callback_t,
}

/// A cache entry. The context's cache owns it.
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

impl coap_cache_entry_t {
    /// Ends an entry that was taken out of the cache: the application frees its data. To be called
    /// with no lock held, since the application runs.
    pub(crate) fn release(self: Box<Self>) {
        let AppData { data, free } = self.app.into_inner();
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
    session: *const coap_session_t,
    pdu: *const coap_pdu_t,
    session_based: coap_cache_session_based_t,
    ignored: &[Number],
) -> Option<Key> {
    // SAFETY: NULL or live, as the caller promises.
    let pdu = unsafe { pdu.as_ref() }?;
    let body = pdu.data().map_or(&[][..], |(data, ..)| data);
    let tag = (session_based != COAP_CACHE_NOT_SESSION_BASED).then(|| session_tag(session));
    Key::derive(&pdu.inner, body, tag, ignored)
}

/// A session's name in the cache: its address, which is its own as long as it lives, and with it
/// go its entries.
pub(crate) fn session_tag(session: *const coap_session_t) -> SessionTag {
    SessionTag(session.addr() as u64)
}

fn key_for_c(key: Key) -> *mut coap_cache_key_t {
    Box::into_raw(Box::new(coap_cache_key_t { key }))
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
        unsafe { derive(session, pdu, session_based, &ignored) }.map(key_for_c)
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
