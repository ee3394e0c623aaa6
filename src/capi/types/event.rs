//! `coap_event.h`: events.

use super::forward_decls::coap_session_t;
use core::ffi::c_int;

c_enum! {
    #[names(event_name)]
    /// What an event handler is told of.
    pub enum coap_event_t {
        /// The (D)TLS session has ended.
        COAP_EVENT_DTLS_CLOSED = 0x0000,
        /// The (D)TLS handshake is done.
        COAP_EVENT_DTLS_CONNECTED = 0x01de,
        /// The (D)TLS session is renegotiated.
        COAP_EVENT_DTLS_RENEGOTIATE = 0x01df,
        /// The (D)TLS session failed.
        COAP_EVENT_DTLS_ERROR = 0x0200,
        /// The TCP connection is there.
        COAP_EVENT_TCP_CONNECTED = 0x1001,
        /// The TCP connection is closed.
        COAP_EVENT_TCP_CLOSED = 0x1002,
        /// The TCP connection could not be made or broke.
        COAP_EVENT_TCP_FAILED = 0x1003,
        /// The session over a reliable transport is ready: the CSM was received.
        COAP_EVENT_SESSION_CONNECTED = 0x2001,
        /// The session over a reliable transport has ended.
        COAP_EVENT_SESSION_CLOSED = 0x2002,
        /// The session over a reliable transport failed.
        COAP_EVENT_SESSION_FAILED = 0x2003,
        /// The blocks of a body stopped coming before it was complete.
        COAP_EVENT_PARTIAL_BLOCK = 0x3001,
        /// A body could not be sent to its end.
        COAP_EVENT_XMIT_BLOCK_FAIL = 0x3002,
        /// A server has a new session.
        COAP_EVENT_SERVER_SESSION_NEW = 0x4001,
        /// A server's session is about to go.
        COAP_EVENT_SERVER_SESSION_DEL = 0x4002,
        /// Something was received that is not CoAP.
        COAP_EVENT_BAD_PACKET = 0x5001,
        /// A confirmable message was sent again.
        COAP_EVENT_MSG_RETRANSMITTED = 0x5002,
        /// OSCORE: decryption failed.
        COAP_EVENT_OSCORE_DECRYPTION_FAILURE = 0x6001,
        /// OSCORE: a protected message came, but OSCORE is not set up.
        COAP_EVENT_OSCORE_NOT_ENABLED = 0x6002,
        /// OSCORE: the protected payload is missing.
        COAP_EVENT_OSCORE_NO_PROTECTED_PAYLOAD = 0x6003,
        /// OSCORE: no security context matches.
        COAP_EVENT_OSCORE_NO_SECURITY = 0x6004,
        /// OSCORE: a fault inside the library.
        COAP_EVENT_OSCORE_INTERNAL_ERROR = 0x6005,
        /// OSCORE: the OSCORE option could not be read.
        COAP_EVENT_OSCORE_DECODE_ERROR = 0x6006,
        /// WebSocket: a frame is too large.
        COAP_EVENT_WS_PACKET_SIZE = 0x7001,
        /// WebSocket: the upgrade is done.
        COAP_EVENT_WS_CONNECTED = 0x7002,
        /// WebSocket: closed.
        COAP_EVENT_WS_CLOSED = 0x7003,
        /// The peer did not answer a keep-alive in time.
        COAP_EVENT_KEEPALIVE_FAILURE = 0x8001,
    }
}

/// Told of an event on a session. Return 0.
pub type coap_event_handler_t =
    Option<unsafe extern "C" fn(session: *mut coap_session_t, event: coap_event_t) -> c_int>;
