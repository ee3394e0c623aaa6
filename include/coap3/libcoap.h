/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file libcoap.h
 * What every header needs, and start and end of the library.
 */
#ifndef COAP_LIBCOAP_H_
#define COAP_LIBCOAP_H_

#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Marks a function whose body is in the header. */
#ifndef COAP_STATIC_INLINE
#ifdef __cplusplus
#define COAP_STATIC_INLINE inline
#else
#define COAP_STATIC_INLINE static inline
#endif
#endif

/** Marks a function that new programs should not use. */
#ifndef COAP_DEPRECATED
#define COAP_DEPRECATED __attribute__((deprecated))
#endif

/** Marks a parameter or variable that may stay unused. */
#ifndef COAP_UNUSED
#define COAP_UNUSED __attribute__((unused))
#endif

/** Marks a function that any thread may call. Every function is one, so it stands for nothing. */
#ifndef COAP_API
#define COAP_API
#endif

/**
 * Prepares the library. To be called before any other function of it; more calls do no harm. What
 * was set before, like the log level, stays as it is.
 */
void coap_startup(void);

/**
 * Ends the use of the library. To be called last, once everything made with it is released; more
 * calls do no harm. The log level and the log handler become what they were at first; a random
 * number generator that was set stays. After it only `coap_startup()` may be called, which makes the
 * library usable again.
 */
void coap_cleanup(void);

#ifdef __cplusplus
}
#endif

#endif /* COAP_LIBCOAP_H_ */
