//! `coap_mem.h`: memory by purpose. It comes from malloc; the purpose is for counting.

use super::ffi::ffi;
use super::types::*;
use crate::log::{self, Level};
use core::ffi::c_void;
use core::sync::atomic::{AtomicUsize, Ordering};

/// How many objects of a purpose are alive, and were at most.
struct Count {
    now: AtomicUsize,
    most: AtomicUsize,
}

const TAGS: usize = COAP_MEM_TAG_LAST as usize;

static COUNTS: [Count; TAGS] =
    [const { Count { now: AtomicUsize::new(0), most: AtomicUsize::new(0) } }; TAGS];

const NAMES: [&str; TAGS] = [
    "COAP_STRING",
    "COAP_ATTRIBUTE_NAME",
    "COAP_ATTRIBUTE_VALUE",
    "COAP_PACKET",
    "COAP_NODE",
    "COAP_CONTEXT",
    "COAP_ENDPOINT",
    "COAP_PDU",
    "COAP_PDU_BUF",
    "COAP_RESOURCE",
    "COAP_RESOURCEATTR",
    "COAP_DTLS_SESSION",
    "COAP_SESSION",
    "COAP_OPTLIST",
    "COAP_CACHE_KEY",
    "COAP_CACHE_ENTRY",
    "COAP_LG_XMIT",
    "COAP_LG_CRCV",
    "COAP_LG_SRCV",
    "COAP_DIGEST_CTX",
    "COAP_SUBSCRIPTION",
    "COAP_DTLS_CONTEXT",
    "COAP_OSCORE_COM",
    "COAP_OSCORE_SEN",
    "COAP_OSCORE_REC",
    "COAP_OSCORE_EX",
    "COAP_OSCORE_EP",
    "COAP_OSCORE_BUF",
    "COAP_COSE",
];

/// Counts an object that came to life. An unknown purpose is not counted.
pub(crate) fn count(tag: coap_memory_tag_t) {
    if let Some(count) = COUNTS.get(tag as usize) {
        let now = count.now.fetch_add(1, Ordering::Relaxed) + 1;
        count.most.fetch_max(now, Ordering::Relaxed);
    }
}

/// Counts an object that is gone. A program that frees under another purpose than it allocated with
/// makes the numbers wrong, but not less than nothing.
pub(crate) fn uncount(tag: coap_memory_tag_t) {
    if let Some(count) = COUNTS.get(tag as usize) {
        let less = |now: usize| now.checked_sub(1);
        // An `Err` tells that it was 0, and stays so.
        let _ = count.now.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }
}

/// Prepares the memory of systems without malloc. Here there is nothing to do.
#[unsafe(no_mangle)]
pub extern "C" fn coap_memory_init() {}

/// Returns `size` bytes of memory for the purpose `type_`, or NULL if there is none left. Release
/// them with `coap_free_type()` and the same purpose.
#[unsafe(no_mangle)]
pub extern "C" fn coap_malloc_type(type_: coap_memory_tag_t, size: usize) -> *mut c_void {
    // SAFETY: any size may be asked for.
    let p = unsafe { libc::malloc(size) };
    if !p.is_null() {
        count(type_);
    }
    p
}

/// Changes the size of memory that came from `coap_malloc_type()` with the same purpose, or makes
/// new memory if `p` is NULL. Returns where it is now. NULL means that there is not enough, and `p`
/// is still to be released; with a `size` of 0 it means that `p` has been released.
///
/// # Safety
/// `p` is NULL or came from these functions, and is not used again unless NULL comes back.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_realloc_type(
    type_: coap_memory_tag_t,
    p: *mut c_void,
    size: usize,
) -> *mut c_void {
    if p.is_null() {
        return coap_malloc_type(type_, size);
    }
    if size == 0 {
        // SAFETY: as the caller promises.
        unsafe { coap_free_type(type_, p) };
        return core::ptr::null_mut();
    }
    // SAFETY: as the caller promises.
    unsafe { libc::realloc(p, size) }
}

/// Releases memory that came from `coap_malloc_type()` or `coap_realloc_type()` with the same
/// purpose. NULL does nothing.
///
/// # Safety
/// `p` is NULL or came from these functions, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_free_type(type_: coap_memory_tag_t, p: *mut c_void) {
    if !p.is_null() {
        uncount(type_);
        // SAFETY: as the caller promises.
        unsafe { libc::free(p) };
    }
}

/// Logs, at `log_level`, a line for each purpose that memory was used for: how many objects are
/// alive, and how many were at most.
#[unsafe(no_mangle)]
pub extern "C" fn coap_dump_memory_type_counts(log_level: coap_log_t) {
    ffi(|| {
        let level = Level(log_level);
        for (name, count) in NAMES.iter().zip(&COUNTS) {
            let (now, most) = (count.now.load(Ordering::Relaxed), count.most.load(Ordering::Relaxed));
            if most != 0 && log::enabled(level) {
                log::write(level, format_args!("* {name}: {now} alive, at most {most}"));
            }
        }
        Some(())
    })
}
