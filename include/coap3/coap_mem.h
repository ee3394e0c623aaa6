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

/** What a block of memory is for. */
typedef enum coap_memory_tag_t {
  /** A string. */
  COAP_STRING = 0,
  /** The name of an attribute. */
  COAP_ATTRIBUTE_NAME = 1,
  /** The value of an attribute. */
  COAP_ATTRIBUTE_VALUE = 2,
  /** A received packet. */
  COAP_PACKET = 3,
  /** An entry of the send queue. */
  COAP_NODE = 4,
  /** A context. */
  COAP_CONTEXT = 5,
  /** An endpoint. */
  COAP_ENDPOINT = 6,
  /** A PDU. */
  COAP_PDU = 7,
  /** The bytes of a PDU. */
  COAP_PDU_BUF = 8,
  /** A resource. */
  COAP_RESOURCE = 9,
  /** An attribute of a resource. */
  COAP_RESOURCEATTR = 10,
  /** A (D)TLS session. */
  COAP_DTLS_SESSION = 11,
  /** A session. */
  COAP_SESSION = 12,
  /** An entry of an option list. */
  COAP_OPTLIST = 13,
  /** A cache key. */
  COAP_CACHE_KEY = 14,
  /** A cache entry. */
  COAP_CACHE_ENTRY = 15,
  /** A body being sent. */
  COAP_LG_XMIT = 16,
  /** A body that a client is receiving. */
  COAP_LG_CRCV = 17,
  /** A body that a server is receiving. */
  COAP_LG_SRCV = 18,
  /** A digest. */
  COAP_DIGEST_CTX = 19,
  /** An observer. */
  COAP_SUBSCRIPTION = 20,
  /** A (D)TLS context. */
  COAP_DTLS_CONTEXT = 21,
  /** OSCORE: a common context. */
  COAP_OSCORE_COM = 22,
  /** OSCORE: a sender context. */
  COAP_OSCORE_SEN = 23,
  /** OSCORE: a recipient context. */
  COAP_OSCORE_REC = 24,
  /** OSCORE: an exchange. */
  COAP_OSCORE_EX = 25,
  /** OSCORE: an endpoint. */
  COAP_OSCORE_EP = 26,
  /** OSCORE: bytes. */
  COAP_OSCORE_BUF = 27,
  /** COSE structures. */
  COAP_COSE = 28,
  /** Not a tag: one more than the last. */
  COAP_MEM_TAG_LAST = 29,
} coap_memory_tag_t;

/** Prepares the memory of systems without malloc. Here there is nothing to do. */
void coap_memory_init(void);

/**
 * Returns `size` bytes of memory for the purpose `type_`, or NULL if there is none left. Release
 * them with `coap_free_type()` and the same purpose.
 */
void *coap_malloc_type(coap_memory_tag_t type_, size_t size);

/**
 * Changes the size of memory that came from `coap_malloc_type()` with the same purpose, or makes
 * new memory if `p` is NULL. Returns where it is now. NULL means that there is not enough, and `p`
 * is still to be released; with a `size` of 0 it means that `p` has been released.
 *
 * @pre `p` is NULL or came from these functions, and is not used again unless NULL comes back.
 */
void *coap_realloc_type(coap_memory_tag_t type_, void *p, size_t size);

/**
 * Releases memory that came from `coap_malloc_type()` or `coap_realloc_type()` with the same
 * purpose. NULL does nothing.
 *
 * @pre `p` is NULL or came from these functions, and is not used again.
 */
void coap_free_type(coap_memory_tag_t type_, void *p);

/**
 * Logs, at `log_level`, a line for each purpose that memory was used for: how many objects are
 * alive, and how many were at most.
 */
void coap_dump_memory_type_counts(coap_log_t log_level);

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

#ifdef __cplusplus
}
#endif

#endif /* COAP_MEM_H_ */
