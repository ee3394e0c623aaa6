/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file coap_mem.h
 * Memory.
 */
#ifndef COAP_MEM_H_
#define COAP_MEM_H_

#include <stdlib.h>
#include "libcoap.h"

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

#ifdef __cplusplus
}
#endif

#endif /* COAP_MEM_H_ */
