/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file coap_cache.h
 * Cache keys and entries.
 */
#ifndef COAP_CACHE_H_
#define COAP_CACHE_H_

#include "libcoap.h"
#include "coap_forward_decls.h"
#include "coap_pdu.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Whether a cache entry keeps a copy of the PDU it was made for. */
typedef enum coap_cache_record_pdu_t {
  /** No copy is kept. */
  COAP_CACHE_NOT_RECORD_PDU = 0,
  /** A copy is kept; `coap_cache_get_pdu()` returns it. */
  COAP_CACHE_RECORD_PDU = 1,
} coap_cache_record_pdu_t;

/** Whether a cache key belongs to one session. */
typedef enum coap_cache_session_based_t {
  /** Equal requests of all sessions share the key. */
  COAP_CACHE_NOT_SESSION_BASED = 0,
  /** The key differs from session to session. */
  COAP_CACHE_IS_SESSION_BASED = 1,
} coap_cache_session_based_t;

/** Called with the application data of a cache entry when the entry goes. */
typedef void (*coap_cache_app_data_free_callback_t)(void *data);

#ifdef __cplusplus
}
#endif

#endif /* COAP_CACHE_H_ */
