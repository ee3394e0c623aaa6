/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file coap_encode.h
 * Numbers in options.
 */
#ifndef COAP_ENCODE_H_
#define COAP_ENCODE_H_

#include "libcoap.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The position of the highest bit that is set, counted from 1; 0 for 0. */
int coap_fls(unsigned int i);

/**
 * The position of the highest bit that is set, counted from 1; 0 for 0. A negative number has bit
 * 64 set.
 */
int coap_flsll(long long i);

/**
 * Reads an unsigned integer, big endian. No bytes are 0; of more than four the last four count.
 *
 * @pre `buf` points to `length` bytes.
 */
unsigned int coap_decode_var_bytes(const uint8_t *buf, size_t length);

/**
 * Reads an unsigned integer, big endian. No bytes are 0; of more than eight the first eight count.
 *
 * @pre `buf` points to `length` bytes.
 */
uint64_t coap_decode_var_bytes8(const uint8_t *buf, size_t length);

/**
 * Writes `value` with as few bytes as it takes, big endian, into the `length` bytes at `buf`.
 *
 * Returns how many bytes were written: 0 for the value 0, and 0 if the buffer is too small.
 *
 * @pre `buf` points to `length` bytes that may be written.
 */
unsigned int coap_encode_var_safe(uint8_t *buf, size_t length, unsigned int value);

/**
 * The same for values of up to eight bytes.
 *
 * @pre `buf` points to `length` bytes that may be written.
 */
unsigned int coap_encode_var_safe8(uint8_t *buf, size_t length, uint64_t value);

/**
 * Writes a number as the value of an option, with as few bytes as it needs.
 *
 * @deprecated Use coap_encode_var_safe(), which is told the room that there is.
 * @param buf Room for 4 bytes.
 * @param value The number.
 * @return How many bytes were written.
 */
COAP_STATIC_INLINE COAP_DEPRECATED int
coap_encode_var_bytes(uint8_t *buf, unsigned int value) {
  return (int)coap_encode_var_safe(buf, sizeof(value), value);
}

#ifdef __cplusplus
}
#endif

#endif /* COAP_ENCODE_H_ */
