//! `coap_io.h`: sockets.

use super::address::coap_address_t;
use core::ffi::c_int;

/// Not a file descriptor.
pub const COAP_INVALID_SOCKET: coap_fd_t = -1;
/// How many events one `epoll_wait()` takes.
pub const COAP_MAX_EPOLL_EVENTS: usize = 10;
/// The room for a received datagram.
pub const COAP_RXBUFFER_SIZE: usize = 1472;
/// What a failing socket call returns.
pub const COAP_SOCKET_ERROR: c_int = -1;

c_enum! {
    /// Why a request will get no response.
    pub enum coap_nack_reason_t {
        /// It was sent as often as allowed, without an answer.
        COAP_NACK_TOO_MANY_RETRIES = 0,
        /// It could not be sent.
        COAP_NACK_NOT_DELIVERABLE = 1,
        /// The peer answered with Reset.
        COAP_NACK_RST = 2,
        /// The (D)TLS handshake failed.
        COAP_NACK_TLS_FAILED = 3,
        /// The network said that the peer cannot be reached.
        COAP_NACK_ICMP_ISSUE = 4,
        /// The response could not be made sense of.
        COAP_NACK_BAD_RESPONSE = 5,
        /// The TLS session could not be made over the connection.
        COAP_NACK_TLS_LAYER_FAILED = 6,
        /// The WebSocket upgrade could not be sent.
        COAP_NACK_WS_LAYER_FAILED = 7,
        /// The WebSocket upgrade was refused.
        COAP_NACK_WS_FAILED = 8,
    }
}

/// A file descriptor.
pub type coap_fd_t = c_int;

/// The state of a socket, as bits.
pub type coap_socket_flags_t = u16;

/// The two ends of a session.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct coap_addr_tuple_t {
    /// The peer's address.
    pub remote: coap_address_t,
    /// This end's address.
    pub local: coap_address_t,
}
layout!(coap_addr_tuple_t: 64, 4; remote: 0, local: 32);
