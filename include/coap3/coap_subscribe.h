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

/** Told the current value of a resource's Observe counter. Returns 1, or 0 if that failed. */
typedef int (*coap_track_observe_value_t)(coap_context_t *context,
                                          coap_str_const_t *resource_name,
                                          uint32_t observe_num,
                                          void *user_data);

/**
 * Told that a request has made a resource; `raw_packet` is the request as received, to be kept where
 * it survives a restart. Returns 1, or 0 if that failed.
 */
typedef int (*coap_dyn_resource_added_t)(coap_session_t *session,
                                         coap_str_const_t *resource_name,
                                         coap_bin_const_t *raw_packet,
                                         void *user_data);

/** Told that a resource is gone. Returns 1, or 0 if that failed. */
typedef int (*coap_resource_deleted_t)(coap_context_t *context,
                                       coap_str_const_t *resource_name,
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

/**
 * Keeps the state of a server in files, so that it can be killed at any time and goes on when it is
 * started again: the resources that requests to the unknown resource have made, the observers, and
 * the observe numbers of resources, of which one of `save_freq` is written down. Each of the three
 * file names may be NULL: then that is not kept.
 *
 * What the files have is put back at once. So call it after the endpoints are open and the resources
 * are added: the handler of the unknown resource is called with each request that made a resource,
 * and its answers go nowhere; observers come back with their sessions, and hear of the next change
 * with a number larger than any they have seen.
 *
 * What a file is named for, the functions that `coap_persist_track_funcs()` set before are not told
 * of any more.
 *
 * Returns 1; or 0, with a line in the log, if a file is not one that this function has written, or
 * was changed since, or cannot be written, or is named twice. Then nothing is put back or kept, and
 * the files are left as they are.
 *
 * @pre `context` is NULL or live; each name is NULL or a string ended by a zero byte.
 */
int coap_persist_startup(coap_context_t *context,
                         const char *dyn_resource_save_file,
                         const char *observe_save_file,
                         const char *obs_cnt_save_file,
                         uint32_t save_freq);

/**
 * Ends what `coap_persist_startup()` and `coap_persist_track_funcs()` began, and leaves the files as
 * they are for the next start. Observers of resources that are deleted from now on are not told, as
 * the server is going to be back. Call it before `coap_free_context()`.
 *
 * @pre `context` is NULL or live.
 */
void coap_persist_stop(coap_context_t *context);

/**
 * Sets the functions that are told of what a server must know after a restart, for a program that
 * keeps it in a place of its own. Any may be NULL. `save_freq` says of how many observe numbers one
 * is told; `user_data` is handed to each function. What they return is not looked at.
 *
 * `observe_added` is called before the handler of the request, with what
 * `coap_persist_observe_add()` wants; the number of the resource follows. `observe_deleted` is
 * called when an observation ends, whatever ends it. `dyn_resource_added` is called for each resource
 * with a path of its own that the handler of the unknown resource adds, within
 * `coap_add_resource()`. `resource_deleted` is called for each resource that is deleted, also by
 * `coap_free_context()`, unless `coap_persist_stop()` was called.
 *
 * @pre `context` is NULL or live; the functions may be called until the context or the tracking ends.
 */
void coap_persist_track_funcs(coap_context_t *context,
                              coap_observe_added_t observe_added,
                              coap_observe_deleted_t observe_deleted,
                              coap_track_observe_value_t track_observe_value,
                              coap_dyn_resource_added_t dyn_resource_added,
                              coap_resource_deleted_t resource_deleted,
                              uint32_t save_freq,
                              void *user_data);

/**
 * Puts an observer back after a restart, with its session, from what the function for new observers
 * was told: the address of the endpoint, both ends of the session, and the request. The endpoint and
 * the resource must be there. If the observer is there already, it stays.
 *
 * Returns a name of the observation, good until it ends; or NULL, with a line in the log, if there is no
 * such endpoint or resource, `raw_packet` does not begin an observation, `e_proto` is not UDP, or
 * `oscore_info` is not NULL, as this build has no OSCORE.
 *
 * @pre `context` is NULL or live, and each of the others is NULL or valid.
 */
coap_subscription_t *coap_persist_observe_add(coap_context_t *context,
                                              coap_proto_t e_proto,
                                              const coap_address_t *e_listen_addr,
                                              const coap_addr_tuple_t *s_addr_info,
                                              const coap_bin_const_t *raw_packet,
                                              const coap_bin_const_t *oscore_info);

/**
 * Sets the observe number of a resource as it is now, up to 24 bits: the next change has the one
 * behind it.
 *
 * @pre `resource` is NULL or a live resource.
 */
void coap_persist_set_observe_num(coap_resource_t *resource, uint32_t start_observe_no);

#ifdef __cplusplus
}
#endif

#endif /* COAP_SUBSCRIBE_H_ */
