//! `coap_session.h`: sessions and their parameters.

/// ACK_RANDOM_FACTOR, RFC 7252 §4.8: 1.5.
///
/// cbindgen:ignore
pub const COAP_DEFAULT_ACK_RANDOM_FACTOR: coap_fixed_point_t =
    coap_fixed_point_t { integer_part: 1, fractional_part: 500 };
/// ACK_TIMEOUT, RFC 7252 §4.8: 2 seconds.
///
/// cbindgen:ignore
pub const COAP_DEFAULT_ACK_TIMEOUT: coap_fixed_point_t =
    coap_fixed_point_t { integer_part: 2, fractional_part: 0 };
/// DEFAULT_LEISURE, RFC 7252 §4.8: 5 seconds.
///
/// cbindgen:ignore
pub const COAP_DEFAULT_DEFAULT_LEISURE: coap_fixed_point_t =
    coap_fixed_point_t { integer_part: 5, fractional_part: 0 };
/// NON_RECEIVE_TIMEOUT, RFC 9177 §7.2: 4 seconds.
///
/// cbindgen:ignore
pub const COAP_DEFAULT_NON_RECEIVE_TIMEOUT: coap_fixed_point_t =
    coap_fixed_point_t { integer_part: 4, fractional_part: 0 };
/// NON_TIMEOUT, RFC 9177 §7.2: 2 seconds.
///
/// cbindgen:ignore
pub const COAP_DEFAULT_NON_TIMEOUT: coap_fixed_point_t =
    coap_fixed_point_t { integer_part: 2, fractional_part: 0 };
/// NSTART, RFC 7252 §4.7.
pub const COAP_DEFAULT_NSTART: u16 = 1;
/// PROBING_RATE, RFC 7252 §4.7, in bytes per second.
pub const COAP_DEFAULT_PROBING_RATE: u32 = 1;
/// MAX_RETRANSMIT, RFC 7252 §4.8.
pub const COAP_DEFAULT_MAX_RETRANSMIT: u16 = 4;
/// NON_MAX_RETRANSMIT, RFC 9177 §7.2.
pub const COAP_DEFAULT_NON_MAX_RETRANSMIT: u16 = 4;
/// MAX_PAYLOADS, RFC 9177 §7.2.
pub const COAP_DEFAULT_MAX_PAYLOADS: u16 = 10;
/// MAX_LATENCY, RFC 7252 §4.8.2, in seconds.
pub const COAP_DEFAULT_MAX_LATENCY: u32 = 100;

c_enum! {
    /// How far a session has come.
    pub enum coap_session_state_t {
        /// Not begun or closed.
        COAP_SESSION_STATE_NONE = 0,
        /// The connection is being made.
        COAP_SESSION_STATE_CONNECTING = 1,
        /// The (D)TLS handshake runs.
        COAP_SESSION_STATE_HANDSHAKE = 2,
        /// Waiting for the peer's CSM.
        COAP_SESSION_STATE_CSM = 3,
        /// Ready.
        COAP_SESSION_STATE_ESTABLISHED = 4,
    }
}

c_enum! {
    /// Which side of a session this end is.
    pub enum coap_session_type_t {
        /// Not known.
        COAP_SESSION_TYPE_NONE = 0,
        /// The side that opened it.
        COAP_SESSION_TYPE_CLIENT = 1,
        /// The side that accepted it.
        COAP_SESSION_TYPE_SERVER = 2,
        /// A server side that has not seen the DTLS cookie yet.
        COAP_SESSION_TYPE_HELLO = 3,
    }
}

/// A number with three decimal places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct coap_fixed_point_t {
    /// The part before the point.
    pub integer_part: u16,
    /// The thousandths, 0 to 999.
    pub fractional_part: u16,
}
layout!(coap_fixed_point_t: 4, 2; integer_part: 0, fractional_part: 2);
