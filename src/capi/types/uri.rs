//! `coap_uri.h`: URIs.

use super::str::coap_str_const_t;

/// `coap` in a set of schemes.
pub const COAP_URI_SCHEME_COAP_BIT: u32 = 1;
/// The bit that secure schemes have set.
pub const COAP_URI_SCHEME_SECURE_MASK: u32 = 1;
/// `coaps` in a set of schemes.
pub const COAP_URI_SCHEME_COAPS_BIT: u32 = 2;
/// `coap+tcp` in a set of schemes.
pub const COAP_URI_SCHEME_COAP_TCP_BIT: u32 = 4;
/// `coaps+tcp` in a set of schemes.
pub const COAP_URI_SCHEME_COAPS_TCP_BIT: u32 = 8;
/// `http` in a set of schemes.
pub const COAP_URI_SCHEME_HTTP_BIT: u32 = 0x10;
/// `https` in a set of schemes.
pub const COAP_URI_SCHEME_HTTPS_BIT: u32 = 0x20;
/// `coap+ws` in a set of schemes.
pub const COAP_URI_SCHEME_COAP_WS_BIT: u32 = 0x40;
/// `coaps+ws` in a set of schemes.
pub const COAP_URI_SCHEME_COAPS_WS_BIT: u32 = 0x80;
/// All schemes of CoAP.
pub const COAP_URI_SCHEME_ALL_COAP_BITS: u32 = 0xcf;

c_enum! {
    /// The scheme of a URI. Odd numbers are the secure ones.
    pub enum coap_uri_scheme_t {
        /// `coap`: UDP.
        COAP_URI_SCHEME_COAP = 0,
        /// `coaps`: DTLS.
        COAP_URI_SCHEME_COAPS = 1,
        /// `coap+tcp`: TCP.
        COAP_URI_SCHEME_COAP_TCP = 2,
        /// `coaps+tcp`: TLS.
        COAP_URI_SCHEME_COAPS_TCP = 3,
        /// `http`, for proxies.
        COAP_URI_SCHEME_HTTP = 4,
        /// `https`, for proxies.
        COAP_URI_SCHEME_HTTPS = 5,
        /// `coap+ws`: WebSocket.
        COAP_URI_SCHEME_COAP_WS = 6,
        /// `coaps+ws`: WebSocket over TLS.
        COAP_URI_SCHEME_COAPS_WS = 7,
        /// Not a scheme: one more than the last.
        COAP_URI_SCHEME_LAST = 8,
    }
}

/// A URI taken apart. The parts point into the string that was parsed.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct coap_uri_t {
    /// The host.
    pub host: coap_str_const_t,
    /// The port; the scheme's own if the URI has none.
    pub port: u16,
    /// The path, without the slash it begins with.
    pub path: coap_str_const_t,
    /// The query, without the question mark.
    pub query: coap_str_const_t,
    /// The scheme.
    pub scheme: coap_uri_scheme_t,
}
layout!(coap_uri_t: 64, 8; host: 0, port: 16, path: 24, query: 40, scheme: 56);
