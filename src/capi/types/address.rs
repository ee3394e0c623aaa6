//! `coap_address.h`: transport addresses.

use super::pdu::coap_proto_t;
use super::uri::coap_uri_scheme_t;
use core::ffi::c_char;
use libc::{sa_family_t, sockaddr, sockaddr_in, sockaddr_in6, socklen_t};

/// The room for the path of a Unix socket, its final zero byte included.
pub const COAP_UNIX_PATH_MAX: usize = 26;

c_enum! {
    /// What a resolved address is for.
    pub enum coap_resolve_type_t {
        /// An address of this host, to listen on.
        COAP_RESOLVE_TYPE_LOCAL = 0,
        /// An address of a peer, to send to.
        COAP_RESOLVE_TYPE_REMOTE = 1,
    }
}

/// One entry of the list that `coap_resolve_address_info()` returns; release the list with
/// `coap_free_address_info()`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct coap_addr_info_t {
    /// The next entry, or NULL.
    pub next: *mut coap_addr_info_t,
    /// The URI scheme that this entry serves.
    pub scheme: coap_uri_scheme_t,
    /// The transport that this entry serves.
    pub proto: coap_proto_t,
    /// The address to use.
    pub addr: coap_address_t,
}
layout!(coap_addr_info_t: 48, 8; next: 0, scheme: 8, proto: 12, addr: 16);

/// The member `addr` of [`coap_address_t`], an unnamed union in C.
#[derive(Clone, Copy)]
#[repr(C)]
pub union coap_address_addr_u {
    /// What all kinds have in common: the family.
    pub sa: sockaddr,
    /// An IPv4 address and port.
    pub sin: sockaddr_in,
    /// An IPv6 address and port.
    pub sin6: sockaddr_in6,
    /// The path of a Unix socket.
    pub cun: coap_sockaddr_un,
}

/// A transport address: IPv4, IPv6 or the name of a Unix socket.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct coap_address_t {
    /// The number of bytes of `addr` that are in use.
    pub size: socklen_t,
    /// The address; `addr.sa.sa_family` tells which member holds it.
    pub addr: coap_address_addr_u,
}
layout!(coap_address_t: 32, 4; size: 0, addr: 4);

/// The path of a Unix socket, cut to the room that an IPv6 address takes.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct coap_sockaddr_un {
    /// `AF_UNIX`.
    pub sun_family: sa_family_t,
    /// The path, ended by a zero byte.
    pub sun_path: [c_char; 26],
}
layout!(coap_sockaddr_un: 28, 2; sun_family: 0, sun_path: 2);
