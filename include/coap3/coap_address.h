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
    coap_sockaddr_un cun;
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
  coap_address_t addr;
} coap_addr_info_t;

/**
 * Prepares `addr`: all of it becomes zero, and `size` the room there is for an address. Then set
 * the family, the address and, for IPv4, `size`.
 *
 * @pre `addr` is NULL or points to an address.
 */
void coap_address_init(coap_address_t *addr);

/**
 * Copies `src` to `dst`, without what `src` may hold besides its address: padding and, for IPv6,
 * the flow label.
 *
 * @pre `dst` is NULL or points to an address; `src` is NULL or an initialised address.
 */
void coap_address_copy(coap_address_t *dst, const coap_address_t *src);

/**
 * Returns 1 if both have the same address and port, else 0; the scope of an IPv6 address does not
 * count, and an address without a family equals none.
 *
 * @pre Each is NULL or an initialised address.
 */
int coap_address_equals(const coap_address_t *a, const coap_address_t *b);

/**
 * Returns the port, in the byte order of this host; 0 if the address has none.
 *
 * @pre `addr` is NULL or an initialised address.
 */
uint16_t coap_address_get_port(const coap_address_t *addr);

/**
 * Sets the port, given in the byte order of this host. Does nothing to an address that is neither
 * IPv4 nor IPv6.
 *
 * @pre `addr` is NULL or an initialised address.
 */
void coap_address_set_port(coap_address_t *addr, uint16_t port);

/**
 * Makes `addr` the Unix domain socket that a URI names as its host: `host`, of `host_len` bytes,
 * with `%2F` for each slash. Returns 1, or 0 if the path is longer than the 25 bytes there is room
 * for, or is that of a file and has a zero byte in it.
 *
 * @pre `addr` is NULL or points to an address; `host` is NULL or has `host_len` bytes.
 */
int coap_address_set_unix_domain(coap_address_t *addr, const uint8_t *host, size_t host_len);

/**
 * Returns 1 if several hosts may receive what is sent to `a`: a multicast group or a broadcast
 * address; else 0.
 *
 * @pre `a` is NULL or an initialised address.
 */
int coap_is_mcast(const coap_address_t *a);

/**
 * Returns 1 if `a` is a broadcast address: 255.255.255.255, or that of a network which an interface
 * of this host is in; else 0.
 *
 * @pre `a` is NULL or an initialised address.
 */
int coap_is_bcast(const coap_address_t *a);

/**
 * Returns 1 if `a` is a Unix domain socket, else 0.
 *
 * @pre `a` is NULL or an initialised address.
 */
int coap_is_af_unix(const coap_address_t *a);

/**
 * Returns the schemes a server can offer, as `COAP_URI_SCHEME_*_BIT` or'd together, for
 * `coap_resolve_address_info()`: the secured ones if `have_pki_psk` is not 0, those over
 * WebSockets if `ws_check` is not 0. If `use_unix_proto` is not `COAP_PROTO_NONE`, the one scheme
 * of that protocol.
 */
uint32_t coap_get_available_scheme_hint_bits(int have_pki_psk,
                                             int ws_check,
                                             coap_proto_t use_unix_proto);

/**
 * Finds the addresses of the host `address`, a name, a number, or the path of a Unix socket with
 * `%2F` for each slash; the host is this one if `address` is NULL or empty.
 *
 * Returns a list with an entry for each address and each of the schemes in `scheme_hint_bits` that
 * this build supports, the addresses in the order the system prefers, the schemes in the order of
 * their numbers; or NULL, with a line in the log, if there is none or the name has more than 255
 * bytes. For a Unix socket, it is one entry for the lowest scheme. Release the list with
 * `coap_free_address_info()`.
 *
 * The port of an entry is the one of the four that fits its scheme. If that is 0 and `type_` is
 * `COAP_RESOLVE_TYPE_LOCAL`, it is the scheme's default. `ai_hints_flags` are the `AI_` flags of
 * getaddrinfo(3).
 *
 * @pre `address` is NULL or a string whose bytes are as many as it says.
 */
coap_addr_info_t *coap_resolve_address_info(const coap_str_const_t *address,
                                                   uint16_t port,
                                                   uint16_t secure_port,
                                                   uint16_t ws_port,
                                                   uint16_t ws_secure_port,
                                                   int ai_hints_flags,
                                                   int scheme_hint_bits,
                                                   coap_resolve_type_t type_);

/**
 * Releases a list that came from `coap_resolve_address_info()`. NULL does nothing.
 *
 * @pre `info_list` is NULL or such a list, and no entry of it is used again.
 */
void coap_free_address_info(coap_addr_info_t *info_list);

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
