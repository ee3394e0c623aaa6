//! `coap_io.h`: sockets.

use super::ffi::ffi;
use core::cell::RefCell;
use core::ffi::c_char;
use std::ffi::CString;

thread_local! {
    /// The text that was given last.
    static TEXT: RefCell<CString> = RefCell::default();
}

/// The text of the last error of a system call in this thread (`errno`). It is good until the next
/// call in this thread.
#[unsafe(no_mangle)]
pub extern "C" fn coap_socket_strerror() -> *const c_char {
    ffi(|| {
        let error = std::io::Error::last_os_error();
        // SAFETY: strerror(3) gives a C string for any number; it is copied at once.
        let text = unsafe { core::ffi::CStr::from_ptr(libc::strerror(error.raw_os_error().unwrap_or(0))) };
        TEXT.with(|last| {
            *last.borrow_mut() = text.to_owned();
            Some(last.borrow().as_ptr())
        })
    })
}
