/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file coap_session.h
 * Sessions and their parameters.
 */
#ifndef COAP_SESSION_H_
#define COAP_SESSION_H_

#include "libcoap.h"
#include "coap_forward_decls.h"
#include "coap_address.h"
#include "coap_dtls.h"
#include "coap_io.h"
#include "coap_pdu.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Whether a transport may lose or reorder messages. */
#define COAP_PROTO_NOT_RELIABLE(p) ((p) == COAP_PROTO_UDP || (p) == COAP_PROTO_DTLS)

/** Whether a transport delivers messages in order and once. */
#define COAP_PROTO_RELIABLE(p) \
  ((p) == COAP_PROTO_TCP || (p) == COAP_PROTO_TLS || (p) == COAP_PROTO_WS || (p) == COAP_PROTO_WSS)

/* A coap_fixed_point_t as a value, in C and in C++. */
#ifdef __cplusplus
#define COAP_FIXED_POINT_(integer, thousandths) (coap_fixed_point_t{integer, thousandths})
#else
#define COAP_FIXED_POINT_(integer, thousandths) ((coap_fixed_point_t){integer, thousandths})
#endif

/** ACK_TIMEOUT, RFC 7252 section 4.8: 2 seconds. */
#define COAP_DEFAULT_ACK_TIMEOUT COAP_FIXED_POINT_(2, 0)

/** ACK_RANDOM_FACTOR, RFC 7252 section 4.8: 1.5. */
#define COAP_DEFAULT_ACK_RANDOM_FACTOR COAP_FIXED_POINT_(1, 500)

/** DEFAULT_LEISURE, RFC 7252 section 4.8: 5 seconds. */
#define COAP_DEFAULT_DEFAULT_LEISURE COAP_FIXED_POINT_(5, 0)

/** NON_TIMEOUT, RFC 9177 section 7.2: 2 seconds. */
#define COAP_DEFAULT_NON_TIMEOUT COAP_FIXED_POINT_(2, 0)

/** NON_RECEIVE_TIMEOUT, RFC 9177 section 7.2: 4 seconds. */
#define COAP_DEFAULT_NON_RECEIVE_TIMEOUT COAP_FIXED_POINT_(4, 0)

/** NSTART, RFC 7252 §4.7. */
#define COAP_DEFAULT_NSTART 1

/** PROBING_RATE, RFC 7252 §4.7, in bytes per second. */
#define COAP_DEFAULT_PROBING_RATE 1

/** MAX_RETRANSMIT, RFC 7252 §4.8. */
#define COAP_DEFAULT_MAX_RETRANSMIT 4

/** NON_MAX_RETRANSMIT, RFC 9177 §7.2. */
#define COAP_DEFAULT_NON_MAX_RETRANSMIT 4

/** MAX_PAYLOADS, RFC 9177 §7.2. */
#define COAP_DEFAULT_MAX_PAYLOADS 10

/** MAX_LATENCY, RFC 7252 §4.8.2, in seconds. */
#define COAP_DEFAULT_MAX_LATENCY 100

/** How far a session has come. */
typedef enum coap_session_state_t {
  /** Not begun or closed. */
  COAP_SESSION_STATE_NONE = 0,
  /** The connection is being made. */
  COAP_SESSION_STATE_CONNECTING = 1,
  /** The (D)TLS handshake runs. */
  COAP_SESSION_STATE_HANDSHAKE = 2,
  /** Waiting for the peer's CSM. */
  COAP_SESSION_STATE_CSM = 3,
  /** Ready. */
  COAP_SESSION_STATE_ESTABLISHED = 4,
} coap_session_state_t;

/** Which side of a session this end is. */
typedef enum coap_session_type_t {
  /** Not known. */
  COAP_SESSION_TYPE_NONE = 0,
  /** The side that opened it. */
  COAP_SESSION_TYPE_CLIENT = 1,
  /** The side that accepted it. */
  COAP_SESSION_TYPE_SERVER = 2,
  /** A server side that has not seen the DTLS cookie yet. */
  COAP_SESSION_TYPE_HELLO = 3,
} coap_session_type_t;

/** A number with three decimal places. */
typedef struct coap_fixed_point_t {
  /** The part before the point. */
  uint16_t integer_part;
  /** The thousandths, 0 to 999. */
  uint16_t fractional_part;
} coap_fixed_point_t;

#ifdef __cplusplus
}
#endif

#endif /* COAP_SESSION_H_ */
