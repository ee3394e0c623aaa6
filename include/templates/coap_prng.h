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

@DECLS@

#ifdef __cplusplus
}
#endif

#endif /* COAP_PRNG_H_ */
