//! `coap_str.h`: strings with a length.

use core::ffi::c_char;

/// How many results of `coap_make_str_const()` are valid at a time.
pub const COAP_MAX_STR_CONST_FUNC: usize = 2;

/// Binary data that does not change, with its length.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct coap_bin_const_t {
    /// How many bytes.
    pub length: usize,
    /// The bytes.
    pub s: *const u8,
}
layout!(coap_bin_const_t: 16, 8; length: 0, s: 8);

/// Binary data that may change, with its length.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct coap_binary_t {
    /// How many bytes.
    pub length: usize,
    /// The bytes.
    pub s: *mut u8,
}
layout!(coap_binary_t: 16, 8; length: 0, s: 8);

/// A pointer to text or to bytes.
#[derive(Clone, Copy)]
#[repr(C)]
pub union coap_const_char_ptr_t {
    /// To text.
    pub s_byte: *const c_char,
    /// To bytes.
    pub u_byte: *const u8,
}
layout!(coap_const_char_ptr_t: 8, 8; s_byte: 0, u_byte: 0);

/// Text that does not change, with its length.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct coap_str_const_t {
    /// How many bytes.
    pub length: usize,
    /// The bytes.
    pub s: *const u8,
}
layout!(coap_str_const_t: 16, 8; length: 0, s: 8);

/// Bytes that may change, with their length. Not ended by a zero byte unless made by this library.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct coap_string_t {
    /// How many bytes.
    pub length: usize,
    /// The bytes.
    pub s: *mut u8,
}
layout!(coap_string_t: 16, 8; length: 0, s: 8);
