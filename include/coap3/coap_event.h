/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file coap_event.h
 * Events.
 */
#ifndef COAP_EVENT_H_
#define COAP_EVENT_H_

#include "libcoap.h"
#include "coap_forward_decls.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What an event handler is told of. */
typedef enum coap_event_t {
  /** The (D)TLS session has ended. */
  COAP_EVENT_DTLS_CLOSED = 0,
  /** The (D)TLS handshake is done. */
  COAP_EVENT_DTLS_CONNECTED = 478,
  /** The (D)TLS session is renegotiated. */
  COAP_EVENT_DTLS_RENEGOTIATE = 479,
  /** The (D)TLS session failed. */
  COAP_EVENT_DTLS_ERROR = 512,
  /** The TCP connection is there. */
  COAP_EVENT_TCP_CONNECTED = 4097,
  /** The TCP connection is closed. */
  COAP_EVENT_TCP_CLOSED = 4098,
  /** The TCP connection could not be made or broke. */
  COAP_EVENT_TCP_FAILED = 4099,
  /** The session over a reliable transport is ready: the CSM was received. */
  COAP_EVENT_SESSION_CONNECTED = 8193,
  /** The session over a reliable transport has ended. */
  COAP_EVENT_SESSION_CLOSED = 8194,
  /** The session over a reliable transport failed. */
  COAP_EVENT_SESSION_FAILED = 8195,
  /** The blocks of a body stopped coming before it was complete. */
  COAP_EVENT_PARTIAL_BLOCK = 12289,
  /** A body could not be sent to its end. */
  COAP_EVENT_XMIT_BLOCK_FAIL = 12290,
  /** A server has a new session. */
  COAP_EVENT_SERVER_SESSION_NEW = 16385,
  /** A server's session is about to go. */
  COAP_EVENT_SERVER_SESSION_DEL = 16386,
  /** Something was received that is not CoAP. */
  COAP_EVENT_BAD_PACKET = 20481,
  /** A confirmable message was sent again. */
  COAP_EVENT_MSG_RETRANSMITTED = 20482,
  /** OSCORE: decryption failed. */
  COAP_EVENT_OSCORE_DECRYPTION_FAILURE = 24577,
  /** OSCORE: a protected message came, but OSCORE is not set up. */
  COAP_EVENT_OSCORE_NOT_ENABLED = 24578,
  /** OSCORE: the protected payload is missing. */
  COAP_EVENT_OSCORE_NO_PROTECTED_PAYLOAD = 24579,
  /** OSCORE: no security context matches. */
  COAP_EVENT_OSCORE_NO_SECURITY = 24580,
  /** OSCORE: a fault inside the library. */
  COAP_EVENT_OSCORE_INTERNAL_ERROR = 24581,
  /** OSCORE: the OSCORE option could not be read. */
  COAP_EVENT_OSCORE_DECODE_ERROR = 24582,
  /** WebSocket: a frame is too large. */
  COAP_EVENT_WS_PACKET_SIZE = 28673,
  /** WebSocket: the upgrade is done. */
  COAP_EVENT_WS_CONNECTED = 28674,
  /** WebSocket: closed. */
  COAP_EVENT_WS_CLOSED = 28675,
  /** The peer did not answer a keep-alive in time. */
  COAP_EVENT_KEEPALIVE_FAILURE = 32769,
} coap_event_t;

/** Told of an event on a session. Return 0. */
typedef int (*coap_event_handler_t)(coap_session_t *session, coap_event_t event);

/**
 * Sets the handler that is called when something happens to a session of this context; NULL for
 * none. What it returns is handed back by `coap_handle_event()` and else not looked at.
 *
 * @pre `context` is NULL or live; the handler may be called until another is set or the context ends.
 */
void coap_register_event_handler(coap_context_t *context,
                                 coap_event_handler_t hnd);

/**
 * The old name of `coap_register_event_handler()`.
 *
 * @pre As for `coap_register_event_handler()`.
 */
COAP_DEPRECATED void coap_set_event_handler(coap_context_t *context, coap_event_handler_t hnd);

/**
 * Takes the handler away, as `coap_register_event_handler()` with NULL does.
 *
 * @pre `context` is NULL or live.
 */
COAP_DEPRECATED void coap_clear_event_handler(coap_context_t *context);

#ifdef __cplusplus
}
#endif

#endif /* COAP_EVENT_H_ */
