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

@DECLS@

@if coap_encode_var_safe
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
@end

#ifdef __cplusplus
}
#endif

#endif /* COAP_ENCODE_H_ */
