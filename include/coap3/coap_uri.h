/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file coap_uri.h
 * URIs.
 */
#ifndef COAP_URI_H_
#define COAP_URI_H_

#include "libcoap.h"
#include "coap_forward_decls.h"
#include "coap_str.h"
#include "coap_option.h"

#ifdef __cplusplus
extern "C" {
#endif

/** `coap` in a set of schemes. */
#define COAP_URI_SCHEME_COAP_BIT 1

/** The bit that secure schemes have set. */
#define COAP_URI_SCHEME_SECURE_MASK 1

/** `coaps` in a set of schemes. */
#define COAP_URI_SCHEME_COAPS_BIT 2

/** `coap+tcp` in a set of schemes. */
#define COAP_URI_SCHEME_COAP_TCP_BIT 4

/** `coaps+tcp` in a set of schemes. */
#define COAP_URI_SCHEME_COAPS_TCP_BIT 8

/** `http` in a set of schemes. */
#define COAP_URI_SCHEME_HTTP_BIT 16

/** `https` in a set of schemes. */
#define COAP_URI_SCHEME_HTTPS_BIT 32

/** `coap+ws` in a set of schemes. */
#define COAP_URI_SCHEME_COAP_WS_BIT 64

/** `coaps+ws` in a set of schemes. */
#define COAP_URI_SCHEME_COAPS_WS_BIT 128

/** All schemes of CoAP. */
#define COAP_URI_SCHEME_ALL_COAP_BITS 207

/** The scheme of a URI. Odd numbers are the secure ones. */
typedef enum coap_uri_scheme_t {
  /** `coap`: UDP. */
  COAP_URI_SCHEME_COAP = 0,
  /** `coaps`: DTLS. */
  COAP_URI_SCHEME_COAPS = 1,
  /** `coap+tcp`: TCP. */
  COAP_URI_SCHEME_COAP_TCP = 2,
  /** `coaps+tcp`: TLS. */
  COAP_URI_SCHEME_COAPS_TCP = 3,
  /** `http`, for proxies. */
  COAP_URI_SCHEME_HTTP = 4,
  /** `https`, for proxies. */
  COAP_URI_SCHEME_HTTPS = 5,
  /** `coap+ws`: WebSocket. */
  COAP_URI_SCHEME_COAP_WS = 6,
  /** `coaps+ws`: WebSocket over TLS. */
  COAP_URI_SCHEME_COAPS_WS = 7,
  /** Not a scheme: one more than the last. */
  COAP_URI_SCHEME_LAST = 8,
} coap_uri_scheme_t;

/** A URI taken apart. The parts point into the string that was parsed. */
typedef struct coap_uri_t {
  /** The host. */
  coap_str_const_t host;
  /** The port; the scheme's own if the URI has none. */
  uint16_t port;
  /** The path, without the slash it begins with. */
  coap_str_const_t path;
  /** The query, without the question mark. */
  coap_str_const_t query;
  /** The scheme. */
  enum coap_uri_scheme_t scheme;
} coap_uri_t;

/**
 * Whether a URI's scheme is one with (D)TLS.
 *
 * @return 1 if it is, else 0.
 */
COAP_STATIC_INLINE int
coap_uri_scheme_is_secure(const coap_uri_t *uri) {
  return uri != NULL && ((unsigned int)uri->scheme & COAP_URI_SCHEME_SECURE_MASK) != 0;
}

#ifdef __cplusplus
}
#endif

#endif /* COAP_URI_H_ */
