/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file coap_io.h
 * Sockets.
 */
#ifndef COAP_IO_H_
#define COAP_IO_H_

#include <sys/types.h>
#include "libcoap.h"
#include "coap_address.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Closes a coap_fd_t. */
#define coap_closesocket close

/** How many events one `epoll_wait()` takes. */
#ifndef COAP_MAX_EPOLL_EVENTS
#define COAP_MAX_EPOLL_EVENTS 10
#endif

/** The room for a received datagram. */
#ifndef COAP_RXBUFFER_SIZE
#define COAP_RXBUFFER_SIZE 1472
#endif

/** What a failing socket call returns. */
#define COAP_SOCKET_ERROR -1

/** Why a request will get no response. */
typedef enum coap_nack_reason_t {
  /** It was sent as often as allowed, without an answer. */
  COAP_NACK_TOO_MANY_RETRIES = 0,
  /** It could not be sent. */
  COAP_NACK_NOT_DELIVERABLE = 1,
  /** The peer answered with Reset. */
  COAP_NACK_RST = 2,
  /** The (D)TLS handshake failed. */
  COAP_NACK_TLS_FAILED = 3,
  /** The network said that the peer cannot be reached. */
  COAP_NACK_ICMP_ISSUE = 4,
  /** The response could not be made sense of. */
  COAP_NACK_BAD_RESPONSE = 5,
  /** The TLS session could not be made over the connection. */
  COAP_NACK_TLS_LAYER_FAILED = 6,
  /** The WebSocket upgrade could not be sent. */
  COAP_NACK_WS_LAYER_FAILED = 7,
  /** The WebSocket upgrade was refused. */
  COAP_NACK_WS_FAILED = 8,
} coap_nack_reason_t;

/** A file descriptor. */
typedef int coap_fd_t;

/** The state of a socket, as bits. */
typedef uint16_t coap_socket_flags_t;

/** The two ends of a session. */
typedef struct coap_addr_tuple_t {
  /** The peer's address. */
  coap_address_t remote;
  /** This end's address. */
  coap_address_t local;
} coap_addr_tuple_t;

/** Not a file descriptor. */
#define COAP_INVALID_SOCKET -1

/**
 * The text of the last error of a system call in this thread (`errno`). It is good until the next
 * call in this thread.
 */
const char *coap_socket_strerror(void);

#ifdef __cplusplus
}
#endif

#endif /* COAP_IO_H_ */
