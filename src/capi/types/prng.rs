//! `coap_prng.h`: random numbers.

use core::ffi::{c_int, c_void};

/// Fills a buffer with random bytes. Returns 1, or 0 if it failed.
pub type coap_rand_func_t = Option<unsafe extern "C" fn(out: *mut c_void, len: usize) -> c_int>;
