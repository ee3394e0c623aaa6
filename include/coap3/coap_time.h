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

/** Seconds since 1970. */
typedef time_t coap_time_t;

/** A point in time or a span, in ticks. */
typedef uint64_t coap_tick_t;

/** The difference of two points in time, in ticks. */
typedef int64_t coap_tick_diff_t;

/** How many ticks make a second. */
#define COAP_TICKS_PER_SECOND 1000

/**
 * Starts the clock. `coap_startup()` does it; calling it again changes nothing, since sessions and
 * timers count with this clock.
 */
void coap_clock_init(void);

/** Returns the time of day at tick count `t`, in seconds since 1970. */
coap_time_t coap_ticks_to_rt(coap_tick_t t);

/** Returns the time of day at tick count `t`, in microseconds since 1970. */
uint64_t coap_ticks_to_rt_us(coap_tick_t t);

/** Returns the tick count at `t`, a time of day in microseconds since 1970. */
coap_tick_t coap_ticks_from_rt_us(uint64_t t);

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
