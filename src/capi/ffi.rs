//! What every exported function is made of: a guard against unwinding into C, and the answer
//! that its return type gives for a NULL argument or a panic.

use crate::log;
use core::ffi::{CStr, c_char, c_int, c_uint};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A C return type and what it answers when a call cannot be carried out. Functions whose return
/// type has another convention (a message ID, say) name their answer with [`ffi_or`].
pub(crate) trait Answer {
    fn failed() -> Self;
}

macro_rules! zero_is_failure {
    ($($t:ty),*) => { $(impl Answer for $t { fn failed() -> Self { 0 as $t } })* };
}
zero_is_failure!(c_int, c_uint, u8, u16, u64, usize);

impl Answer for () {
    fn failed() -> Self {}
}

impl<T> Answer for *mut T {
    fn failed() -> Self {
        core::ptr::null_mut()
    }
}

impl<T> Answer for *const T {
    fn failed() -> Self {
        core::ptr::null()
    }
}

/// Runs the body of an exported function. `None`, as `?` on a NULL argument gives it, and a panic
/// both become the return type's [`Answer`]. A panic is a bug: it is logged at CRIT.
pub(crate) fn ffi<T: Answer>(body: impl FnOnce() -> Option<T>) -> T {
    guard(body).unwrap_or_else(T::failed)
}

/// The same, with the answer named.
pub(crate) fn ffi_or<T>(failed: T, body: impl FnOnce() -> Option<T>) -> T {
    guard(body).unwrap_or(failed)
}

/// The text of a C string, without what is not UTF-8 in it; `None` for NULL.
///
/// # Safety
/// `text` is NULL or a C string that lives as long as the result is used.
pub(crate) unsafe fn text<'a>(text: *const c_char) -> Option<&'a str> {
    if text.is_null() {
        return None;
    }
    // SAFETY: a C string, as the caller promises.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().inspect_err(|e| log!(WARN, "a name is not UTF-8: {e}")).ok()
}

fn guard<T>(body: impl FnOnce() -> Option<T>) -> Option<T> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("unknown");
        log!(CRIT, "internal error: {text}");
        None
    })
}
