//! `coap_encode.h`: unsigned integers as option values (RFC 7252 §3.2).

use super::ffi::ffi;
use super::pdu::bytes;
use crate::log;
use crate::message::option::encode_uint;
use core::ffi::{c_int, c_longlong, c_uint};
use core::ptr;

/// The position of the highest bit that is set, counted from 1; 0 for 0.
#[unsafe(no_mangle)]
pub extern "C" fn coap_fls(i: c_uint) -> c_int {
    (c_uint::BITS - i.leading_zeros()) as c_int
}

/// The position of the highest bit that is set, counted from 1; 0 for 0. A negative number has bit
/// 64 set.
#[unsafe(no_mangle)]
pub extern "C" fn coap_flsll(i: c_longlong) -> c_int {
    (c_longlong::BITS - i.leading_zeros()) as c_int
}

/// Reads an unsigned integer, big endian. No bytes are 0; of more than four the last four count.
///
/// # Safety
/// `buf` points to `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_decode_var_bytes(buf: *const u8, length: usize) -> c_uint {
    ffi(|| {
        // SAFETY: the caller passes `length` bytes.
        let bytes = unsafe { bytes(buf, length) }?;
        Some(bytes.iter().fold(0, |n, &b| n << 8 | c_uint::from(b)))
    })
}

/// Reads an unsigned integer, big endian. No bytes are 0; of more than eight the first eight count.
///
/// # Safety
/// `buf` points to `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_decode_var_bytes8(buf: *const u8, length: usize) -> u64 {
    ffi(|| {
        // SAFETY: the caller passes `length` bytes.
        let bytes = unsafe { bytes(buf, length) }?;
        Some(bytes.iter().take(8).fold(0, |n, &b| n << 8 | u64::from(b)))
    })
}

/// Writes `value` with as few bytes as it takes, big endian, into the `length` bytes at `buf`.
///
/// Returns how many bytes were written: 0 for the value 0, and 0 if the buffer is too small.
///
/// # Safety
/// `buf` points to `length` bytes that may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_encode_var_safe(buf: *mut u8, length: usize, value: c_uint) -> c_uint {
    // SAFETY: the same promise.
    ffi(|| unsafe { encode("coap_encode_var_safe", buf, length, value.into()) })
}

/// The same for values of up to eight bytes.
///
/// # Safety
/// `buf` points to `length` bytes that may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_encode_var_safe8(buf: *mut u8, length: usize, value: u64) -> c_uint {
    // SAFETY: the same promise.
    ffi(|| unsafe { encode("coap_encode_var_safe8", buf, length, value) })
}

/// # Safety
/// `buf` is NULL or points to `length` bytes that may be written.
unsafe fn encode(caller: &str, buf: *mut u8, length: usize, value: u64) -> Option<c_uint> {
    let encoded = encode_uint(value);
    if encoded.len() > length || (buf.is_null() && !encoded.is_empty()) {
        log!(WARN, "{caller}: {value} needs {} bytes, the buffer has {length}", encoded.len());
        return None;
    }
    if !encoded.is_empty() {
        // SAFETY: not NULL, and long enough as checked.
        unsafe { ptr::copy_nonoverlapping(encoded.as_ptr(), buf, encoded.len()) };
    }
    Some(encoded.len() as c_uint)
}
