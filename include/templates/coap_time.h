/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file coap_time.h
 * Time in ticks.
 */
#ifndef COAP_TIME_H_
#define COAP_TIME_H_

#include <time.h>
#include "libcoap.h"

#ifdef __cplusplus
extern "C" {
#endif

@DECLS@

/**
 * Whether one point in time is before another.
 *
 * @return 1 if a is before b, else 0.
 */
COAP_STATIC_INLINE int
coap_time_lt(coap_tick_t a, coap_tick_t b) {
  return (coap_tick_diff_t)(a - b) < 0;
}

/**
 * Whether one point in time is not after another.
 *
 * @return 1 if a is before b or equal to it, else 0.
 */
COAP_STATIC_INLINE int
coap_time_le(coap_tick_t a, coap_tick_t b) {
  return (coap_tick_diff_t)(a - b) <= 0;
}

#ifdef __cplusplus
}
#endif

#endif /* COAP_TIME_H_ */
