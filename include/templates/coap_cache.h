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

@DECLS@

#ifdef __cplusplus
}
#endif

#endif /* COAP_CACHE_H_ */
