//! `coap_option.h`: options inside a PDU and lists of them.

/// How many numbers from 256 fit into a filter.
pub const COAP_OPT_FILTER_LONG: usize = 2;
/// How many numbers below 256 fit into a filter.
pub const COAP_OPT_FILTER_SHORT: usize = 6;

/// The first byte of an option inside a PDU.
pub type coap_opt_t = u8;

/// The number of an option.
pub type coap_option_num_t = u16;

/// A set of option numbers: up to `COAP_OPT_FILTER_SHORT` below 256 and up to `COAP_OPT_FILTER_LONG`
/// above. Use `coap_option_filter_...()` instead of its members.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct coap_opt_filter_t {
    /// Which entries are in use.
    pub mask: u16,
    /// The numbers from 256.
    pub long_opts: [u16; 2],
    /// The numbers below 256.
    pub short_opts: [u8; 6],
}
layout!(coap_opt_filter_t: 12, 2; mask: 0, long_opts: 2, short_opts: 6);

/// A walk over the options of a PDU, begun by `coap_option_iterator_init()`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct coap_opt_iterator_t {
    /// How many bytes of the PDU are still ahead.
    pub length: usize,
    /// The number of the option last returned.
    pub number: coap_option_num_t,
    /// Bit-fields, from the lowest bit:
    ///
    /// - `unsigned int bad : 1`: 1 once the walk is over.
    /// - `unsigned int filtered : 1`: 1 if `filter` is in use.
    pub flags: u16,
    /// Where the next option begins.
    pub next_option: *mut coap_opt_t,
    /// Which options the walk returns.
    pub filter: coap_opt_filter_t,
}
layout!(coap_opt_iterator_t: 40, 8; length: 0, number: 8, flags: 10, next_option: 16, filter: 24);

/// An option taken apart by `coap_opt_parse()`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct coap_option_t {
    /// The difference of its number to that of the option before it.
    pub delta: u16,
    /// The length of its value.
    pub length: usize,
    /// Its value, inside the parsed bytes.
    pub value: *const u8,
}
layout!(coap_option_t: 24, 8; delta: 0, length: 8, value: 16);

/// A list of options, in any order, to be put into a PDU by `coap_add_optlist_pdu()`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct coap_optlist_t {
    /// The next option, or NULL.
    pub next: *mut coap_optlist_t,
    /// The number of the option.
    pub number: u16,
    /// The length of its value.
    pub length: usize,
    /// Its value.
    pub data: *mut u8,
}
layout!(coap_optlist_t: 32, 8; next: 0, number: 8, length: 16, data: 24);
