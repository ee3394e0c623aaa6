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
        /// It is not liked: it is answered with Reset, unless it came in an acknowledgement.
        COAP_RESPONSE_FAIL = 0,
        /// It is accepted: a confirmable one is acknowledged.
        COAP_RESPONSE_OK = 1,
    }
}

/// Told why the confirmable message `sent` with message ID `mid` came to nothing; after
/// COAP_NACK_ICMP_ISSUE alone it is still sent again. `sent` may be NULL, and lives until the handler
/// returns.
pub type coap_nack_handler_t = Option<
    unsafe extern "C" fn(
        session: *mut coap_session_t,
        sent: *const coap_pdu_t,
        reason: coap_nack_reason_t,
        mid: coap_mid_t,
    ),
>;

/// Told that the peer sent a ping. The library answers it. `received` lives until the handler returns.
pub type coap_ping_handler_t =
    Option<unsafe extern "C" fn(session: *mut coap_session_t, received: *const coap_pdu_t, mid: coap_mid_t)>;

/// Told that the peer answered a ping. `received` lives until the handler returns.
pub type coap_pong_handler_t =
    Option<unsafe extern "C" fn(session: *mut coap_session_t, received: *const coap_pdu_t, mid: coap_mid_t)>;

/// Takes a response to a request of this session. `sent` is the request if the response came in its
/// acknowledgement, else NULL: the token tells which request it is for. `mid` is the message ID of
/// `received`. Both messages live until the handler returns.
pub type coap_response_handler_t = Option<
    unsafe extern "C" fn(
        session: *mut coap_session_t,
        sent: *const coap_pdu_t,
        received: *const coap_pdu_t,
        mid: coap_mid_t,
    ) -> coap_response_t,
>;
