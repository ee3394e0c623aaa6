/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file coap_str.h
 * Strings with a length.
 */
#ifndef COAP_STR_H_
#define COAP_STR_H_

#include <string.h>
#include "libcoap.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Sets length and bytes of a coap_string_t or its relatives. */
#define COAP_SET_STR(st, l, v) { (st)->length = (l), (st)->s = (v); }

/* Whether two lengths and the bytes there are equal. */
#define COAP_BYTES_EQUAL_(s1, l1, s2, l2) \
  ((l1) == (l2) && ((l1) == 0 || ((s1) && (s2) && memcmp((s1), (s2), (l1)) == 0)))

/** 1 if two strings are equal, else 0. */
#define coap_string_equal(string1, string2) \
  COAP_BYTES_EQUAL_((string1)->s, (string1)->length, (string2)->s, (string2)->length)

/** 1 if two pieces of binary data are equal, else 0. */
#define coap_binary_equal(binary1, binary2) \
  COAP_BYTES_EQUAL_((binary1)->s, (binary1)->length, (binary2)->s, (binary2)->length)

/** How many results of `coap_make_str_const()` are valid at a time. */
#define COAP_MAX_STR_CONST_FUNC 2

/**
 * Bytes that may change, with their length. Not ended by a zero byte unless made by this library.
 */
typedef struct coap_string_t {
  /** How many bytes. */
  size_t length;
  /** The bytes. */
  uint8_t *s;
} coap_string_t;

/** Text that does not change, with its length. */
typedef struct coap_str_const_t {
  /** How many bytes. */
  size_t length;
  /** The bytes. */
  const uint8_t *s;
} coap_str_const_t;

/** Binary data that may change, with its length. */
typedef struct coap_binary_t {
  /** How many bytes. */
  size_t length;
  /** The bytes. */
  uint8_t *s;
} coap_binary_t;

/** Binary data that does not change, with its length. */
typedef struct coap_bin_const_t {
  /** How many bytes. */
  size_t length;
  /** The bytes. */
  const uint8_t *s;
} coap_bin_const_t;

/** A pointer to text or to bytes. */
typedef union coap_const_char_ptr_t {
  /** To text. */
  const char *s_byte;
  /** To bytes. */
  const uint8_t *u_byte;
} coap_const_char_ptr_t;

/**
 * Makes a string of `size` bytes, to be filled by the caller; a zero byte follows them.
 *
 * Returns the string, which `coap_delete_string` frees, or NULL if there is no memory.
 */
coap_string_t *coap_new_string(size_t size);

/**
 * Frees a string. NULL is allowed.
 *
 * @pre `string` is NULL or a string from this library that is not used any more.
 */
void coap_delete_string(coap_string_t *string);

/**
 * Makes a constant string with a copy of the `size` bytes at `data`; a zero byte follows them.
 *
 * Returns the string, which `coap_delete_str_const` frees, or NULL if there is no memory, or no
 * data although `size` is not 0.
 *
 * @pre `data` is NULL or points to `size` bytes.
 */
coap_str_const_t *coap_new_str_const(const uint8_t *data, size_t size);

/**
 * Frees a constant string. NULL is allowed.
 *
 * @pre `string` is NULL or a constant string from this library that is not used any more.
 */
void coap_delete_str_const(coap_str_const_t *string);

/**
 * Makes an object for `size` bytes of binary data, to be filled by the caller.
 *
 * Returns the object, which `coap_delete_binary` frees, or NULL if there is no memory.
 */
coap_binary_t *coap_new_binary(size_t size);

/**
 * Frees binary data. NULL is allowed.
 *
 * @pre `binary` is NULL or binary data from this library that is not used any more.
 */
void coap_delete_binary(coap_binary_t *binary);

/**
 * Makes binary data longer or shorter. What fits of the old bytes stays; new bytes have no value
 * yet. With NULL it makes a new object.
 *
 * Returns the object, which may have moved, or NULL if there is no memory; then the old one stays
 * as it is and has to be freed.
 *
 * @pre `binary` is NULL or binary data from this library; the old pointer is not used after success.
 */
coap_binary_t *coap_resize_binary(coap_binary_t *binary,
                                         size_t new_size);

/**
 * Makes constant binary data with a copy of the `size` bytes at `data`.
 *
 * Returns the object, which `coap_delete_bin_const` frees, or NULL if there is no memory, or no
 * data although `size` is not 0.
 *
 * @pre `data` is NULL or points to `size` bytes.
 */
coap_bin_const_t *coap_new_bin_const(const uint8_t *data, size_t size);

/**
 * Frees constant binary data. NULL is allowed.
 *
 * @pre `binary` is NULL or constant binary data from this library that is not used any more.
 */
void coap_delete_bin_const(coap_bin_const_t *binary);

/**
 * Wraps a C string, without copying it, for one of the functions that take a constant string.
 *
 * Returns one of two objects of the calling thread, in turn: the result is good for two more
 * calls, and is not to be freed. NULL gives an empty string.
 *
 * @pre `string` is NULL or ends with a zero byte, and lives as long as the result is used.
 */
coap_str_const_t *coap_make_str_const(const char *string);

#ifdef __cplusplus
}
#endif

#endif /* COAP_STR_H_ */
