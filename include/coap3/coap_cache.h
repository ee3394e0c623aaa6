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

/** Whether a cache key belongs to one session. */
typedef enum coap_cache_session_based_t {
  /** Equal requests of all sessions share the key. */
  COAP_CACHE_NOT_SESSION_BASED = 0,
  /** The key differs from session to session. */
  COAP_CACHE_IS_SESSION_BASED = 1,
} coap_cache_session_based_t;

/** Whether a cache entry keeps a copy of the PDU it was made for. */
typedef enum coap_cache_record_pdu_t {
  /** No copy is kept. */
  COAP_CACHE_NOT_RECORD_PDU = 0,
  /** A copy is kept; `coap_cache_get_pdu()` returns it. */
  COAP_CACHE_RECORD_PDU = 1,
} coap_cache_record_pdu_t;

/** Called with the application data of a cache entry when the entry goes. */
typedef void (*coap_cache_app_data_free_callback_t)(void *data);

/**
 * Derives the key of a PDU as `coap_cache_derive_key_w_ignore` does, leaving out the options that
 * `coap_cache_ignore_options` set for the context of `session`.
 *
 * Returns the key, which `coap_delete_cache_key` frees, or NULL if a pointer is NULL or the PDU
 * has neither options nor payload.
 *
 * @pre `session` is NULL or a live session; `pdu` is NULL or a live PDU.
 */
coap_cache_key_t *coap_cache_derive_key(const coap_session_t *session,
                                        const coap_pdu_t *pdu,
                                        coap_cache_session_based_t session_based);

/**
 * Derives the key of a PDU, leaving out the `ignore_count` options at `ignore_options` as well as
 * Observe and all that are no part of a cache key (RFC 7252 §5.4.2). The method counts as little
 * as the payload, but for FETCH, whose payload counts. With `COAP_CACHE_IS_SESSION_BASED` the key
 * is one of `session`. The list of `coap_cache_ignore_options` is not looked at.
 *
 * Returns the key, which `coap_delete_cache_key` frees, or NULL if a pointer is NULL or the PDU
 * has neither options nor payload.
 *
 * @pre `session` is NULL or a live session; `pdu` is NULL or a live PDU; `ignore_options` has
 * `ignore_count` numbers.
 */
coap_cache_key_t *coap_cache_derive_key_w_ignore(const coap_session_t *session,
                                                 const coap_pdu_t *pdu,
                                                 coap_cache_session_based_t session_based,
                                                 const uint16_t *ignore_options,
                                                 size_t ignore_count);

/**
 * Frees a key. NULL is ignored.
 *
 * @pre `cache_key` is NULL or came from `coap_cache_derive_key` or `coap_cache_derive_key_w_ignore`,
 * and is not used any more.
 */
void coap_delete_cache_key(coap_cache_key_t *cache_key);

/**
 * Sets which options the keys of a context leave out, beside those that they always do. The list
 * before is forgotten; a `count` of 0 leaves out no more.
 *
 * Returns 1, or 0 if `context` is NULL, or `options` is while `count` is not 0.
 *
 * @pre `context` is NULL or live; `options` has `count` numbers.
 */
int coap_cache_ignore_options(coap_context_t *context, const uint16_t *options, size_t count);

/**
 * Makes an entry with the key of `pdu`. With `COAP_CACHE_RECORD_PDU` it keeps a copy of the PDU.
 * It goes when it was not found for `idle_time` seconds, if that is not 0, when `session` ends,
 * whatever its key is based on, and with the context.
 *
 * Returns the entry, which the library owns, or NULL if a pointer is NULL, the session has ended,
 * the PDU has neither options nor payload, or the context has 65,536 entries.
 *
 * @pre `session` is NULL or a live session; `pdu` is NULL or a live PDU.
 */
coap_cache_entry_t *coap_new_cache_entry(coap_session_t *session,
                                         const coap_pdu_t *pdu,
                                         coap_cache_record_pdu_t record_pdu,
                                         coap_cache_session_based_t session_based,
                                         unsigned int idle_time);

/**
 * Deletes an entry, and has the application free its data. NULL is ignored.
 *
 * @pre `context` is NULL or live; `cache_entry` is NULL or an entry of it, and is not used any more.
 */
void coap_delete_cache_entry(coap_context_t *context,
                             coap_cache_entry_t *cache_entry);

/**
 * The entry with this key that was made last, or NULL. Its idle time begins anew.
 *
 * @pre `context` is NULL or live; `cache_key` is NULL or a live key.
 */
coap_cache_entry_t *coap_cache_get_by_key(coap_context_t *context,
                                          const coap_cache_key_t *cache_key);

/**
 * The entry with the key of this PDU that was made last, or NULL. Its idle time begins anew.
 *
 * @pre `session` is NULL or a live session; `pdu` is NULL or a live PDU.
 */
coap_cache_entry_t *coap_cache_get_by_pdu(coap_session_t *session,
                                          const coap_pdu_t *pdu,
                                          coap_cache_session_based_t session_based);

/**
 * The PDU that an entry was made with, if it was told to keep a copy; else NULL. It lives as long
 * as the entry.
 *
 * @pre `cache_entry` is NULL or a live entry.
 */
const coap_pdu_t *coap_cache_get_pdu(const coap_cache_entry_t *cache_entry);

/**
 * Sets a pointer of the application's own to be kept with an entry, and what is called with it,
 * if it is not NULL, when the entry goes: `callback` may be NULL. The pointer before is forgotten,
 * not freed.
 *
 * @pre `cache_entry` is NULL or a live entry.
 */
void coap_cache_set_app_data(coap_cache_entry_t *cache_entry,
                             void *data,
                             coap_cache_app_data_free_callback_t callback);

/**
 * The pointer that `coap_cache_set_app_data` set, or NULL.
 *
 * @pre `cache_entry` is NULL or a live entry.
 */
void *coap_cache_get_app_data(const coap_cache_entry_t *cache_entry);

#ifdef __cplusplus
}
#endif

#endif /* COAP_CACHE_H_ */
