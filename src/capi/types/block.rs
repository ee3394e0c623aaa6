//! `coap_block.h`: block-wise transfers.

use super::forward_decls::coap_session_t;
use core::ffi::{c_uint, c_void};

/// The library takes block-wise transfers apart and puts them together.
pub const COAP_BLOCK_USE_LIBCOAP: u32 = 1;
/// Handlers see a block-wise body as a whole instead of block by block.
pub const COAP_BLOCK_SINGLE_BODY: u32 = 2;
/// Try Q-Block (RFC 9177) first.
pub const COAP_BLOCK_TRY_Q_BLOCK: u32 = 4;
/// Ask for missing Q-Block2 blocks with the M bit set.
pub const COAP_BLOCK_USE_M_Q_BLOCK: u32 = 8;
/// Clients: add a Request-Tag only when the server asks for it.
pub const COAP_BLOCK_NO_PREEMPTIVE_RTAG: u32 = 0x10;
/// Clients: the server keeps no state between the blocks of a FETCH.
pub const COAP_BLOCK_STLESS_FETCH: u32 = 0x20;
/// Servers: keep no state between the blocks of a response.
pub const COAP_BLOCK_STLESS_BLOCK2: u32 = 0x40;
/// Servers: refuse Block1 blocks that arrive out of order.
pub const COAP_BLOCK_NOT_RANDOM_BLOCK1: u32 = 0x80;
/// The largest exponent of a block size: 2^(6 + 4) = 1024 bytes.
pub const COAP_MAX_BLOCK_SZX: c_uint = 6;

/// Called once when the library no longer needs the data given to one of the
/// `coap_add_data_large_...()` functions. `app_ptr` is what was given there.
pub type coap_release_large_data_t =
    Option<unsafe extern "C" fn(session: *mut coap_session_t, app_ptr: *mut c_void)>;

/// The value of a block option, with what BERT (RFC 8323 §6) adds to it.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct coap_block_b_t {
    /// The number of the block.
    pub num: c_uint,
    /// Bit-fields, from the lowest bit:
    ///
    /// - `unsigned int m : 1`: 1 if more blocks follow.
    /// - `unsigned int szx : 3`: The exponent of the block size, 0 to 6 (7 is BERT).
    /// - `unsigned int aszx : 3`: The exponent as it stands in the option, 7 for BERT.
    /// - `unsigned int defined : 1`: 1 if the option was found.
    /// - `unsigned int bert : 1`: 1 if the option says BERT.
    pub flags: u32,
    /// The number of payload bytes that the block takes: more than 1024 with BERT.
    pub chunk_size: u32,
}
layout!(coap_block_b_t: 12, 4; num: 0, chunk_size: 8, flags: 4);

/// The value of a Block1 or Block2 option, RFC 7959 §2.2.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct coap_block_t {
    /// The number of the block.
    pub num: c_uint,
    /// Bit-fields, from the lowest bit:
    ///
    /// - `unsigned int m : 1`: 1 if more blocks follow.
    /// - `unsigned int szx : 3`: The exponent of the block size: a block holds 2^(szx + 4) bytes.
    pub flags: u32,
}
layout!(coap_block_t: 8, 4; num: 0, flags: 4);
