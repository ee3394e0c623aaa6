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

@DECLS@

#ifdef __cplusplus
}
#endif

#endif /* COAP_WS_H_ */
