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
  coap_uri_scheme_t scheme;
} coap_uri_t;

/**
 * Whether a host names a Unix domain socket: whether it begins with a slash, encoded as `%2F` or
 * not.
 *
 * Returns 1 or 0.
 *
 * @pre `host` is NULL or a string.
 */
int coap_host_is_unix_domain(const coap_str_const_t *host);

/**
 * Takes a CoAP URI apart, or the path and query of one, which begin with a slash. The parts point
 * into `str_var` and are still percent-encoded; what is absent is NULL with length 0. The port is
 * the scheme's if none is given, and 0 for a Unix domain socket.
 *
 * Returns 0, or: -1 for an empty, malformed or unsupported one, -2 if there is no `://`, -3 for the
 * host, -4 for the port, -5 for a Unix domain socket with a port, -6 for a host over 255 bytes.
 *
 * @pre `str_var` points to `len` bytes; `uri` is NULL or may be written.
 */
int coap_split_uri(const uint8_t *str_var, size_t len, coap_uri_t *uri);

/**
 * The same for the value of a Proxy-Uri option: `http` and `https` are allowed, a path alone is
 * not.
 *
 * @pre `str_var` points to `len` bytes; `uri` is NULL or may be written.
 */
int coap_split_proxy_uri(const uint8_t *str_var, size_t len, coap_uri_t *uri);

/**
 * Takes a URI apart as `coap_split_uri` does, and keeps a copy of it.
 *
 * Returns an object that `coap_delete_uri` frees, or NULL if it is no URI or there is no memory.
 *
 * @pre `uri` points to `length` bytes.
 */
coap_uri_t *coap_new_uri(const uint8_t *uri, unsigned int length);

/**
 * Copies a URI with its parts.
 *
 * Returns an object that `coap_delete_uri` frees, or NULL if there is no memory.
 *
 * @pre `uri` is NULL or a URI.
 */
coap_uri_t *coap_clone_uri(const coap_uri_t *uri);

/**
 * Frees what `coap_new_uri` or `coap_clone_uri` made. NULL is allowed.
 *
 * @pre `uri` is NULL or came from one of the two and is not used any more.
 */
void coap_delete_uri(coap_uri_t *uri);

/**
 * Appends to a list the options that make up a URI (RFC 7252 §6.4): Uri-Host and Uri-Port if
 * `create_port_host_opt` is not 0, Uri-Path and Uri-Query. Uri-Host is left out if `dst` is NULL
 * or is what the host says, Uri-Port if it is the scheme's own.
 *
 * Returns 1, or 0 if there is no memory; then the list is as it was.
 *
 * @pre `uri` and `dst` are NULL or alive; `optlist_chain` is NULL or holds NULL or a list.
 */
int coap_uri_into_optlist(const coap_uri_t *uri,
                          const coap_address_t *dst,
                          coap_optlist_t **optlist_chain,
                          int create_port_host_opt);

/**
 * The same with another answer. `buf` and `buflen` are not used.
 *
 * Returns 0, or -1 if there is no memory; then the list is as it was.
 *
 * @pre `uri` and `dst` are NULL or alive; `optlist_chain` is NULL or holds NULL or a list.
 */
int coap_uri_into_options(const coap_uri_t *uri,
                          const coap_address_t *dst,
                          coap_optlist_t **optlist_chain,
                          int create_port_host_opt,
                          uint8_t *buf,
                          size_t buflen);

/**
 * Appends to a list an option `optnum` (Uri-Path or Location-Path) for each segment of a path,
 * decoded. The path ends before `?` or `#`; dot segments vanish, with what they undo. A slash at
 * its beginning makes an empty first segment.
 *
 * Returns 1, or 0 if there is no memory; then the list is as it was.
 *
 * @pre `path` points to `length` bytes; `optlist_chain` is NULL or holds NULL or a list.
 */
int coap_path_into_optlist(const uint8_t *path,
                           size_t length,
                           coap_option_num_t optnum,
                           coap_optlist_t **optlist_chain);

/**
 * Appends to a list an option `optnum` (Uri-Query or Location-Query) for each argument of a query,
 * decoded. The query ends before `#`.
 *
 * Returns 1, or 0 if there is no memory; then the list is as it was.
 *
 * @pre `query` points to `length` bytes; `optlist_chain` is NULL or holds NULL or a list.
 */
int coap_query_into_optlist(const uint8_t *query,
                            size_t length,
                            coap_option_num_t optnum,
                            coap_optlist_t **optlist_chain);

/**
 * Splits a path as `coap_path_into_optlist` does, and writes each segment into `buf` as an option
 * with delta 0: walk over them with `coap_opt_size`. `*buflen` is the room, and becomes what was
 * written. A segment that is badly encoded or does not fit is left out.
 *
 * Returns how many segments were written, or -1 for a NULL argument.
 *
 * @pre `path` points to `length` bytes, `buf` to `*buflen` bytes that may be written.
 */
int coap_split_path(const uint8_t *path, size_t length, uint8_t *buf, size_t *buflen);

/**
 * Splits a query as `coap_query_into_optlist` does, and writes each argument into `buf` as
 * `coap_split_path` does.
 *
 * Returns how many arguments were written, or -1 for a NULL argument.
 *
 * @pre `query` points to `length` bytes, `buf` to `*buflen` bytes that may be written.
 */
int coap_split_query(const uint8_t *query, size_t length, uint8_t *buf, size_t *buflen);

/**
 * The query of a request, percent-encoded, with `&` between the Uri-Query options.
 *
 * Returns a string that `coap_delete_string` frees, or NULL if there is no query.
 *
 * @pre `request` is NULL or a live message.
 */
coap_string_t *coap_get_query(const coap_pdu_t *request);

/**
 * The path of a request, percent-encoded, without a slash at its beginning: that of the Proxy-Uri
 * option as it stands there, else the Uri-Path options with `/` between them.
 *
 * Returns a string, empty for the root, that `coap_delete_string` frees, or NULL if Proxy-Uri is
 * not a URI.
 *
 * @pre `request` is NULL or a live message.
 */
coap_string_t *coap_get_uri_path(const coap_pdu_t *request);

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
