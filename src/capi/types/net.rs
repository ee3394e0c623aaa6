//! `coap_net.h`: contexts and their handlers.

use super::forward_decls::{coap_pdu_t, coap_session_t};
use super::io::coap_nack_reason_t;
use super::pdu::coap_mid_t;

/// Wait without a limit.
pub const COAP_IO_WAIT: u32 = 0;
/// Do not wait.
pub const COAP_IO_NO_WAIT: u32 = 0xffff_ffff;

c_enum! {
    /// What a response handler says of a response.
    pub enum coap_response_t {
        /// It is not liked: answer a confirmable response with Reset.
        COAP_RESPONSE_FAIL = 0,
        /// It is accepted.
        COAP_RESPONSE_OK = 1,
    }
}

/// Told that the request `sent` with message ID `mid` will get no response.
pub type coap_nack_handler_t = Option<
    unsafe extern "C" fn(
        session: *mut coap_session_t,
        sent: *const coap_pdu_t,
        reason: coap_nack_reason_t,
        mid: coap_mid_t,
    ),
>;

/// Told that the peer sent a ping.
pub type coap_ping_handler_t =
    Option<unsafe extern "C" fn(session: *mut coap_session_t, received: *const coap_pdu_t, mid: coap_mid_t)>;

/// Told that the peer answered a ping.
pub type coap_pong_handler_t =
    Option<unsafe extern "C" fn(session: *mut coap_session_t, received: *const coap_pdu_t, mid: coap_mid_t)>;

/// Takes a response. `sent` is the request, or NULL if it is no longer held; `received` lives until the
/// handler returns.
pub type coap_response_handler_t = Option<
    unsafe extern "C" fn(
        session: *mut coap_session_t,
        sent: *const coap_pdu_t,
        received: *const coap_pdu_t,
        mid: coap_mid_t,
    ) -> coap_response_t,
>;
