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

@DECLS@

#ifdef __cplusplus
}
#endif

#endif /* COAP_SESSION_H_ */
