/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file coap_net.h
 * Contexts: handlers, sending, and the event loop.
 */
#ifndef COAP_NET_H_
#define COAP_NET_H_

#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/time.h>
#include <time.h>
#include "coap_io.h"
#include "coap_dtls.h"
#include "coap_event.h"
#include "coap_pdu.h"
#include "coap_session.h"
#include "coap_debug.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Do not wait. */
#define COAP_IO_NO_WAIT ((uint32_t)-1)

/** Sends a message, block by block where it is large: the older name of coap_send(). */
#define coap_send_large(session, pdu) coap_send(session, pdu)

/** Joins a multicast group on the interface that the system picks. */
#define coap_join_mcast_group(ctx, groupname) (coap_join_mcast_group_intf(ctx, groupname, NULL))

/** @deprecated The older name of coap_io_process(). */
#define coap_run_once(ctx, timeout_ms) coap_io_process(ctx, timeout_ms)

/** @deprecated The older name of coap_io_prepare_io(). */
#define coap_write(ctx, sockets, max_sockets, num_sockets, now) \
  coap_io_prepare_io(ctx, sockets, max_sockets, num_sockets, now)

/** @deprecated The older name of coap_io_do_io(). */
#define coap_read(ctx, now) coap_io_do_io(ctx, now)

/* These were replaced by numbers with another meaning: the compiler names what to use. */
#define COAP_RUN_NONBLOCK COAP_RUN_NONBLOCK_deprecated_use_COAP_IO_NO_WAIT
#define COAP_RUN_BLOCK COAP_RUN_BLOCK_deprecated_use_COAP_IO_WAIT

/** Wait without a limit. */
#define COAP_IO_WAIT 0

/** What a response handler says of a response. */
typedef enum coap_response_t {
  /** It is not liked: answer a confirmable response with Reset. */
  COAP_RESPONSE_FAIL = 0,
  /** It is accepted. */
  COAP_RESPONSE_OK = 1,
} coap_response_t;

/** Told that the request `sent` with message ID `mid` will get no response. */
typedef void (*coap_nack_handler_t)(coap_session_t *session,
                                    const coap_pdu_t *sent,
                                    coap_nack_reason_t reason,
                                    coap_mid_t mid);

/** Told that the peer sent a ping. */
typedef void (*coap_ping_handler_t)(coap_session_t *session,
                                    const coap_pdu_t *received,
                                    coap_mid_t mid);

/** Told that the peer answered a ping. */
typedef void (*coap_pong_handler_t)(coap_session_t *session,
                                    const coap_pdu_t *received,
                                    coap_mid_t mid);

/**
 * Takes a response. `sent` is the request, or NULL if it is no longer held; `received` lives until the
 * handler returns.
 */
typedef enum coap_response_t (*coap_response_handler_t)(coap_session_t *session,
                                                        const coap_pdu_t *sent,
                                                        const coap_pdu_t *received,
                                                        coap_mid_t mid);

/**
 * Sets the hint and the pre-shared key of a context's secured endpoints. Returns 1, or 0 if that
 * failed, as it does in the variant without a (D)TLS library.
 *
 * @pre `context` is NULL or live; `hint` is NULL or a C string; `key` is NULL or has `key_len` bytes.
 */
int coap_context_set_psk(coap_context_t *context,
                         const char *hint,
                         const uint8_t *key,
                         size_t key_len);

/**
 * Sets how a context's secured endpoints use pre-shared keys. Returns 1, or 0 if that failed, as
 * it does in the variant without a (D)TLS library.
 *
 * @pre `context` is NULL or live; `setup_data` is NULL or valid.
 */
int coap_context_set_psk2(coap_context_t *context, coap_dtls_spsk_t *setup_data);

/**
 * Sets how a context's secured endpoints use certificates or raw public keys. Returns 1, or 0 if
 * that failed, as it does in the variant without a (D)TLS library. `setup_data->version` must be
 * `COAP_DTLS_PKI_SETUP_VERSION`.
 *
 * @pre `context` is NULL or live; `setup_data` is NULL or valid.
 */
int coap_context_set_pki(coap_context_t *context, const coap_dtls_pki_t *setup_data);

/**
 * Adds the certificates in a file, in a directory or in both to those that a context trusts.
 * Returns 1, or 0 if that failed, as it does in the variant without a (D)TLS library.
 *
 * @pre `context` is NULL or live; `ca_file` and `ca_dir` are each NULL or a C string.
 */
int coap_context_set_pki_root_cas(coap_context_t *context, const char *ca_file, const char *ca_dir);

/**
 * Makes clients of a context change their address after every `every` packets, to test connection
 * identifiers (RFC 9146). Returns 1, or 0 if that failed, as it does in the variant without a (D)TLS
 * library.
 *
 * @pre `context` is NULL or live.
 */
int coap_context_set_cid_tuple_change(coap_context_t *context,
                                      uint8_t every);

/**
 * Stores the present time in `t`, in ticks. The count begins when the library is first used, goes
 * on steadily whatever happens to the time of day, and is never 0.
 *
 * @pre `t` is NULL or points to a tick count.
 */
void coap_ticks(coap_tick_t *t);

#ifdef __cplusplus
}
#endif

#endif /* COAP_NET_H_ */
