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

@DECLS@

#ifdef __cplusplus
}
#endif

#endif /* COAP_STR_H_ */
