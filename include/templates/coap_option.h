/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file coap_option.h
 * Options inside a PDU, and lists of them.
 */
#ifndef COAP_OPTION_H_
#define COAP_OPTION_H_

#include "libcoap.h"
#include "coap_forward_decls.h"
#include "coap_str.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The bytes at an address as an option. */
#define PCHAR(p) ((coap_opt_t *)(p))

/** The filter that lets every option pass. */
#define COAP_OPT_ALL NULL

@DECLS@

@if coap_option_filter_set
/**
 * Adds an option number to a filter.
 *
 * @deprecated Use coap_option_filter_set().
 * @return 1, or -1 if the filter is full.
 */
COAP_STATIC_INLINE COAP_DEPRECATED int
coap_option_setb(coap_opt_filter_t *filter, uint16_t type) {
  return coap_option_filter_set(filter, type) == 0 ? -1 : 1;
}
@end

@if coap_option_filter_unset
/**
 * Takes an option number out of a filter.
 *
 * @deprecated Use coap_option_filter_unset().
 * @return 1, or -1 if it was not in it.
 */
COAP_STATIC_INLINE COAP_DEPRECATED int
coap_option_clrb(coap_opt_filter_t *filter, uint16_t type) {
  return coap_option_filter_unset(filter, type) == 0 ? -1 : 1;
}
@end

@if coap_option_filter_get
/**
 * Whether an option number is in a filter.
 *
 * @deprecated Use coap_option_filter_get().
 * @return 1 if it is, else 0.
 */
COAP_STATIC_INLINE COAP_DEPRECATED int
coap_option_getb(coap_opt_filter_t *filter, uint16_t type) {
  return coap_option_filter_get(filter, type);
}
@end

#ifdef __cplusplus
}
#endif

#endif /* COAP_OPTION_H_ */
