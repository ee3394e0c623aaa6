//! Handles as C holds them: a pointer to what an [`Arc`] holds.

use std::sync::Arc;

/// A share of what a handle points to, for as long as the call takes; `None` for NULL.
///
/// # Safety
/// `handle` is NULL or came from [`Arc::into_raw`] or [`Arc::as_ptr`], and what it points to is
/// alive.
pub(crate) unsafe fn share<T>(handle: *const T) -> Option<Arc<T>> {
    if handle.is_null() {
        return None;
    }
    // SAFETY: as the caller promises; the count taken here is given back by the result.
    unsafe {
        Arc::increment_strong_count(handle);
        Some(Arc::from_raw(handle))
    }
}

/// The pointer that C sees. It is good for as long as somebody holds a share.
pub(crate) fn as_c<T>(shared: &Arc<T>) -> *mut T {
    Arc::as_ptr(shared).cast_mut()
}
