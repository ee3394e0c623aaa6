//! `coap_oscore.h`: OSCORE.

use core::ffi::{c_int, c_void};

/// Asked to keep the sender sequence number where it survives a restart. Returns 1 if that worked, else
/// 0.
pub type coap_oscore_save_seq_num_t =
    Option<unsafe extern "C" fn(sender_seq_num: u64, param: *mut c_void) -> c_int>;
