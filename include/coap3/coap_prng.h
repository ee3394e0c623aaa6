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

/**
 * Sets the function that makes random numbers, in place of the system's generator: for
 * `coap_prng()`, and for the message IDs and tokens that the library chooses. With NULL,
 * `coap_prng()` fails until another one is set. Where the function fails, the library helps itself
 * from the system. `rng` may be called from any thread.
 *
 * @pre `rng` is NULL, or writes no more bytes than it is asked for and stays callable.
 */
void coap_set_prng(coap_rand_func_t rng);

/**
 * Seeds the random number generator. The system's generator needs no seed, so this does nothing;
 * it is here for programs that call it.
 */
void coap_prng_init(unsigned int _seed);

/**
 * Writes `len` random bytes to `buf`. Returns 1 if it could, else 0, as for a length of 0. With a
 * function set by `coap_set_prng()`, returns what that returned.
 *
 * @pre `buf` is NULL or has room for `len` bytes.
 */
int coap_prng(void *buf, size_t len);

#ifdef __cplusplus
}
#endif

#endif /* COAP_PRNG_H_ */
