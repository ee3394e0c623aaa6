/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file coap_prng.h
 * Random numbers.
 */
#ifndef COAP_PRNG_H_
#define COAP_PRNG_H_

#include "libcoap.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Fills a buffer with random bytes. Returns 1, or 0 if it failed. */
typedef int (*coap_rand_func_t)(void *out, size_t len);

#ifdef __cplusplus
}
#endif

#endif /* COAP_PRNG_H_ */
