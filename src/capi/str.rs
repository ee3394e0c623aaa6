//! `coap_str.h`: strings and binary data with a length.
//!
//! Each object is one block from malloc: the struct, the bytes behind it, and a zero byte behind
//! strings and constant data.

use super::ffi::ffi;
use super::pdu::bytes;
use super::types::*;
use crate::log;
use core::cell::{Cell, UnsafeCell};
use core::ffi::{CStr, c_char};
use core::{mem, ptr};

/// A block from malloc that begins with a `T`, has `extra` bytes behind it, and is all zero. NULL
/// if there is no memory or no such size.
pub(crate) fn allocate<T>(extra: usize) -> *mut T {
    match mem::size_of::<T>().checked_add(extra) {
        // SAFETY: any size may be asked for; malloc aligns for every type of C.
        Some(size) => unsafe { libc::calloc(1, size) }.cast(),
        None => ptr::null_mut(),
    }
}

/// The bytes behind the `T` at the beginning of a block.
fn behind<T>(block: *mut T) -> *mut u8 {
    block.wrapping_add(1).cast()
}

/// Logs that memory is short, and gives the C answer for that.
pub(crate) fn or_no_memory<T>(caller: &str, block: *mut T) -> Option<*mut T> {
    if block.is_null() {
        log!(WARN, "{caller}: out of memory");
        return None;
    }
    Some(block)
}

/// A string of `data`.
pub(crate) fn new_string(caller: &str, data: &[u8]) -> Option<*mut coap_string_t> {
    let string = or_no_memory(caller, allocate::<coap_string_t>(data.len().saturating_add(1)))?;
    // SAFETY: a new block with room for the struct, the data and a zero byte.
    unsafe {
        ptr::copy_nonoverlapping(data.as_ptr(), behind(string), data.len());
        string.write(coap_string_t { length: data.len(), s: behind(string) });
    }
    Some(string)
}

/// Makes a string of `size` bytes, to be filled by the caller; a zero byte follows them.
///
/// Returns the string, which `coap_delete_string` frees, or NULL if there is no memory.
#[unsafe(no_mangle)]
pub extern "C" fn coap_new_string(size: usize) -> *mut coap_string_t {
    ffi(|| {
        let string = allocate::<coap_string_t>(size.saturating_add(1));
        let string = or_no_memory("coap_new_string", string)?;
        // SAFETY: a new block with room for the struct.
        unsafe { string.write(coap_string_t { length: size, s: behind(string) }) };
        Some(string)
    })
}

/// Frees a string. NULL is allowed.
///
/// # Safety
/// `string` is NULL or a string from this library that is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_delete_string(string: *mut coap_string_t) {
    // SAFETY: NULL or one block from malloc.
    unsafe { libc::free(string.cast()) }
}

/// Makes a constant string with a copy of the `size` bytes at `data`; a zero byte follows them.
///
/// Returns the string, which `coap_delete_str_const` frees, or NULL if there is no memory, or no
/// data although `size` is not 0.
///
/// # Safety
/// `data` is NULL or points to `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_new_str_const(data: *const u8, size: usize) -> *mut coap_str_const_t {
    ffi(|| {
        // SAFETY: the caller passes `size` bytes.
        let string = new_string("coap_new_str_const", unsafe { bytes(data, size) }?)?;
        // Both kinds of string have the same layout.
        Some(string.cast())
    })
}

/// Frees a constant string. NULL is allowed.
///
/// # Safety
/// `string` is NULL or a constant string from this library that is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_delete_str_const(string: *mut coap_str_const_t) {
    // SAFETY: NULL or one block from malloc.
    unsafe { libc::free(string.cast()) }
}

/// Makes an object for `size` bytes of binary data, to be filled by the caller.
///
/// Returns the object, which `coap_delete_binary` frees, or NULL if there is no memory.
#[unsafe(no_mangle)]
pub extern "C" fn coap_new_binary(size: usize) -> *mut coap_binary_t {
    // Strings and binary data have the same layout.
    coap_new_string(size).cast()
}

/// Frees binary data. NULL is allowed.
///
/// # Safety
/// `binary` is NULL or binary data from this library that is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_delete_binary(binary: *mut coap_binary_t) {
    // SAFETY: NULL or one block from malloc.
    unsafe { libc::free(binary.cast()) }
}

/// Makes binary data longer or shorter. What fits of the old bytes stays; new bytes have no value
/// yet. With NULL it makes a new object.
///
/// Returns the object, which may have moved, or NULL if there is no memory; then the old one stays
/// as it is and has to be freed.
///
/// # Safety
/// `binary` is NULL or binary data from this library; the old pointer is not used after success.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_resize_binary(
    binary: *mut coap_binary_t,
    new_size: usize,
) -> *mut coap_binary_t {
    ffi(|| {
        let size = new_size.checked_add(mem::size_of::<coap_binary_t>() + 1);
        let moved = match size {
            // SAFETY: NULL or one block from malloc.
            Some(size) => unsafe { libc::realloc(binary.cast(), size) }.cast(),
            None => ptr::null_mut(),
        };
        let moved: *mut coap_binary_t = or_no_memory("coap_resize_binary", moved)?;
        // SAFETY: a block with room for the struct.
        unsafe { moved.write(coap_binary_t { length: new_size, s: behind(moved) }) };
        Some(moved)
    })
}

/// Makes constant binary data with a copy of the `size` bytes at `data`.
///
/// Returns the object, which `coap_delete_bin_const` frees, or NULL if there is no memory, or no
/// data although `size` is not 0.
///
/// # Safety
/// `data` is NULL or points to `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_new_bin_const(data: *const u8, size: usize) -> *mut coap_bin_const_t {
    ffi(|| {
        // SAFETY: the caller passes `size` bytes.
        let binary = new_string("coap_new_bin_const", unsafe { bytes(data, size) }?)?;
        Some(binary.cast())
    })
}

/// Frees constant binary data. NULL is allowed.
///
/// # Safety
/// `binary` is NULL or constant binary data from this library that is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_delete_bin_const(binary: *mut coap_bin_const_t) {
    // SAFETY: NULL or one block from malloc.
    unsafe { libc::free(binary.cast()) }
}

thread_local! {
    /// What `coap_make_str_const` hands out, in turn. Nothing in it needs dropping, so it lives as
    /// long as the thread.
    static SLOTS: UnsafeCell<[coap_str_const_t; COAP_MAX_STR_CONST_FUNC]> =
        const { UnsafeCell::new([coap_str_const_t { length: 0, s: ptr::null() }; COAP_MAX_STR_CONST_FUNC]) };
    static NEXT_SLOT: Cell<usize> = const { Cell::new(0) };
}

/// Wraps a C string, without copying it, for one of the functions that take a constant string.
///
/// Returns one of two objects of the calling thread, in turn: the result is good for two more
/// calls, and is not to be freed. NULL gives an empty string.
///
/// # Safety
/// `string` is NULL or ends with a zero byte, and lives as long as the result is used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_make_str_const(string: *const c_char) -> *mut coap_str_const_t {
    ffi(|| {
        let value = if string.is_null() {
            coap_str_const_t { length: 0, s: ptr::null() }
        } else {
            // SAFETY: the caller passes a C string.
            let length = unsafe { CStr::from_ptr(string) }.count_bytes();
            coap_str_const_t { length, s: string.cast() }
        };
        let index = NEXT_SLOT.with(|next| next.replace((next.get() + 1) % COAP_MAX_STR_CONST_FUNC));
        SLOTS.with(|slots| {
            let slot = slots.get().cast::<coap_str_const_t>().wrapping_add(index);
            // SAFETY: the index is inside the array, and no reference to it is ever made.
            unsafe { slot.write(value) };
            Some(slot)
        })
    })
}
