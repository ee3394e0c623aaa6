/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file coap_subscribe.h
 * Observers, and what must survive a restart.
 */
#ifndef COAP_SUBSCRIBE_H_
#define COAP_SUBSCRIBE_H_

#include "libcoap.h"
#include "coap_forward_decls.h"
#include "coap_address.h"
#include "coap_io.h"
#include "coap_pdu.h"
#include "coap_resource.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Observe in a request: start, RFC 7641 §2. */
#define COAP_OBSERVE_ESTABLISH 0

/** Observe in a request: stop, RFC 7641 §2. */
#define COAP_OBSERVE_CANCEL 1

/**
 * Told that a request has made a resource; `raw_packet` is the request as received, to be kept where
 * it survives a restart. Returns 1, or 0 if that failed.
 */
typedef int (*coap_dyn_resource_added_t)(coap_session_t *session,
                                         coap_str_const_t *resource_name,
                                         coap_bin_const_t *raw_packet,
                                         void *user_data);

/**
 * Told of a new observer, with all that is needed to set it up again after a restart. Returns 1, or 0
 * if that failed.
 */
typedef int (*coap_observe_added_t)(coap_session_t *session,
                                    coap_subscription_t *observe_key,
                                    coap_proto_t e_proto,
                                    coap_address_t *e_listen_addr,
                                    coap_addr_tuple_t *s_addr_info,
                                    coap_bin_const_t *raw_packet,
                                    coap_bin_const_t *oscore_info,
                                    void *user_data);

/** Told that an observer is gone. Returns 1, or 0 if that failed. */
typedef int (*coap_observe_deleted_t)(coap_session_t *session,
                                      coap_subscription_t *observe_key,
                                      void *user_data);

/** Told that a resource is gone. Returns 1, or 0 if that failed. */
typedef int (*coap_resource_deleted_t)(coap_context_t *context,
                                       coap_str_const_t *resource_name,
                                       void *user_data);

/** Told the current value of a resource's Observe counter. Returns 1, or 0 if that failed. */
typedef int (*coap_track_observe_value_t)(coap_context_t *context,
                                          coap_str_const_t *resource_name,
                                          uint32_t observe_num,
                                          void *user_data);

/**
 * Sets whether a client may observe a resource with GET or FETCH (RFC 7641): `mode` 1 if so, 0 if
 * not, as it is at first. The list of resources shows `;obs` for one that may be observed.
 *
 * @pre `resource` is NULL or a live resource.
 */
void coap_resource_set_get_observable(coap_resource_t *resource, int mode);

/**
 * Says that a resource has changed: when the context is processed next, the handler for each
 * observer's request is called again, and what it answers is sent to that observer. Changes that
 * come faster make one notification. `query` is not looked at.
 *
 * Returns 1, or 0 if nobody observes the resource or it may not be observed.
 *
 * @pre `resource` is NULL or a live resource.
 */
int coap_resource_notify_observers(coap_resource_t *resource, const coap_string_t *query);

/**
 * Notifies the observers of all resources that have changed now, instead of when the context is
 * processed next. Nothing more is done: it does not wait, and takes nothing in.
 *
 * @pre `context` is NULL or live.
 */
void coap_check_notify(coap_context_t *context);

/**
 * Ends an observation of this side: sends the request that began it again, with Observe 1, as
 * `message_type` says, COAP_MESSAGE_CON or COAP_MESSAGE_NON. What the server answers reaches the
 * response handler.
 *
 * Returns 1, or 0 if no notification with this token has come, the observation has ended, or the
 * request cannot be sent.
 *
 * @pre `session` is NULL or live; `token` is NULL or valid.
 */
int coap_cancel_observe(coap_session_t *session,
                        coap_binary_t *token,
                        coap_pdu_type_t message_type);

#ifdef __cplusplus
}
#endif

#endif /* COAP_SUBSCRIBE_H_ */
