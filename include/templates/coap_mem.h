/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file coap_mem.h
 * Memory.
 */
#ifndef COAP_MEM_H_
#define COAP_MEM_H_

#include <stdlib.h>
#include "libcoap.h"
#include "coap_debug.h"

#ifdef __cplusplus
extern "C" {
#endif

@DECLS@

@if coap_malloc_type
/**
 * Allocates memory. Release it with coap_free().
 *
 * @param size How many bytes.
 * @return The memory, or NULL.
 */
COAP_STATIC_INLINE void *
coap_malloc(size_t size) {
  return coap_malloc_type(COAP_STRING, size);
}

/**
 * Releases what coap_malloc() returned.
 *
 * @param object The memory, or NULL.
 */
COAP_STATIC_INLINE void
coap_free(void *object) {
  coap_free_type(COAP_STRING, object);
}
@end

#ifdef __cplusplus
}
#endif

#endif /* COAP_MEM_H_ */
