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

@DECLS@

#ifdef __cplusplus
}
#endif

#endif /* COAP_ASYNC_H_ */
