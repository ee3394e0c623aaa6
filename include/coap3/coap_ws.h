/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file coap_ws.h
 * WebSockets, RFC 8323 section 4.
 */
#ifndef COAP_WS_H_
#define COAP_WS_H_

#include "libcoap.h"
#include "coap_forward_decls.h"
#include "coap_str.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Sets the host that the HTTP request of a client session over WebSocket names in its `Host` field;
 * the port is added. To be called before the loop runs for the first time, since the request leaves
 * as soon as the connection is there; without a host the session fails.
 *
 * Returns 1, or 0 if `ws_host` is no name or address of a host, of up to 255 characters, or an
 * argument is NULL. For sessions of other protocols it is without effect.
 *
 * @pre `session` is NULL or live, `ws_host` NULL or valid.
 */
int coap_ws_set_host_request(coap_session_t *session, coap_str_const_t *ws_host);

#ifdef __cplusplus
}
#endif

#endif /* COAP_WS_H_ */
