/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file coap_async.h
 * Responses that are sent later.
 */
#ifndef COAP_ASYNC_H_
#define COAP_ASYNC_H_

#include "coap_net.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Puts a request aside, to be answered later: the handler returns without setting a code, and is
 * called again with a copy of the request when `delay` ticks are over, or after
 * `coap_async_trigger()`. With `delay` 0 it waits for that, however long it takes. What is sent
 * then is a message of its own. The library frees the entry when the second call returns.
 *
 * Returns the entry, or NULL if a request of this session with the same token is put aside
 * already, or the context has too many.
 *
 * @pre `session` is NULL or live, `request` is NULL or a live message.
 */
coap_async_t *coap_register_async(coap_session_t *session,
                                  const coap_pdu_t *request,
                                  coap_tick_t delay);

/**
 * Sets when the handler is called again: `delay` ticks from now; with 0, not before
 * `coap_async_trigger()`.
 *
 * @pre `r#async` is NULL or a live entry.
 */
void coap_async_set_delay(coap_async_t *async, coap_tick_t delay);

/**
 * Has the handler called again as soon as the loop comes round. May be called from any thread.
 *
 * @pre `r#async` is NULL or a live entry.
 */
void coap_async_trigger(coap_async_t *async);

/**
 * Forgets a request that was put aside: it is not answered.
 *
 * @pre `session` is NULL or live; `r#async` is NULL or a live entry, and is not used any more.
 */
void coap_free_async(coap_session_t *session, coap_async_t *async);

/**
 * The entry for the request of this session with this token, or NULL.
 *
 * @pre `session` is NULL or live; the token has its bytes.
 */
coap_async_t *coap_find_async(coap_session_t *session, coap_bin_const_t token);

/**
 * Keeps a pointer of the application's with the entry. The library does not follow it.
 *
 * @pre `r#async` is NULL or a live entry.
 */
void coap_async_set_app_data(coap_async_t *async, void *app_data);

/**
 * What `coap_async_set_app_data()` set; NULL before.
 *
 * @pre `r#async` is NULL or a live entry.
 */
void *coap_async_get_app_data(const coap_async_t *async);

#ifdef __cplusplus
}
#endif

#endif /* COAP_ASYNC_H_ */
