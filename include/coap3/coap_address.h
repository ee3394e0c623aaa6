/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file coap_address.h
 * Transport addresses.
 */
#ifndef COAP_ADDRESS_H_
#define COAP_ADDRESS_H_

#include <string.h>
#include "libcoap.h"
#include "coap_forward_decls.h"
#include "coap_pdu.h"
#include "coap_uri.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The room for the path of a Unix socket, its final zero byte included. */
#define COAP_UNIX_PATH_MAX 26

/** What a resolved address is for. */
typedef enum coap_resolve_type_t {
  /** An address of this host, to listen on. */
  COAP_RESOLVE_TYPE_LOCAL = 0,
  /** An address of a peer, to send to. */
  COAP_RESOLVE_TYPE_REMOTE = 1,
} coap_resolve_type_t;

/** The path of a Unix socket, cut to the room that an IPv6 address takes. */
typedef struct coap_sockaddr_un {
  /** `AF_UNIX`. */
  sa_family_t sun_family;
  /** The path, ended by a zero byte. */
  char sun_path[26];
} coap_sockaddr_un;

/** A transport address: IPv4, IPv6 or the name of a Unix socket. */
struct coap_address_t {
  /** The number of bytes of `addr` that are in use. */
  socklen_t size;
  /** The address; `addr.sa.sa_family` tells which member holds it. */
  union {
    /** What all kinds have in common: the family. */
    struct sockaddr sa;
    /** An IPv4 address and port. */
    struct sockaddr_in sin;
    /** An IPv6 address and port. */
    struct sockaddr_in6 sin6;
    /** The path of a Unix socket. */
    struct coap_sockaddr_un cun;
  } addr;
};

/**
 * One entry of the list that `coap_resolve_address_info()` returns; release the list with
 * `coap_free_address_info()`.
 */
typedef struct coap_addr_info_t {
  /** The next entry, or NULL. */
  struct coap_addr_info_t *next;
  /** The URI scheme that this entry serves. */
  coap_uri_scheme_t scheme;
  /** The transport that this entry serves. */
  coap_proto_t proto;
  /** The address to use. */
  struct coap_address_t addr;
} coap_addr_info_t;

/**
 * Whether an address is the wildcard address of its family.
 *
 * @param a The address.
 * @return 1 for 0.0.0.0 and ::, else 0.
 */
COAP_STATIC_INLINE int
coap_address_isany(const coap_address_t *a) {
  if (a->addr.sa.sa_family == AF_INET)
    return a->addr.sin.sin_addr.s_addr == htonl(INADDR_ANY);
  if (a->addr.sa.sa_family == AF_INET6) {
    static const uint8_t any[sizeof(struct in6_addr)] = {0};
    return memcmp(&a->addr.sin6.sin6_addr, any, sizeof(any)) == 0;
  }
  return 0;
}

#ifdef __cplusplus
}
#endif

#endif /* COAP_ADDRESS_H_ */
