/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file coap_proxy.h
 * Proxies.
 */
#ifndef COAP_PROXY_H_
#define COAP_PROXY_H_

#include "libcoap.h"
#include "coap_forward_decls.h"
#include "coap_dtls.h"
#include "coap_net.h"
#include "coap_pdu.h"
#include "coap_uri.h"
#include "coap_oscore.h"
#include "coap_resource.h"

#ifdef __cplusplus
extern "C" {
#endif

/** How a proxy handles requests. */
typedef enum coap_proxy_t {
  /** Reverse proxy: the server's list says where requests go. */
  COAP_PROXY_REVERSE = 0,
  /** The same; Proxy-Uri and Proxy-Scheme are taken out. */
  COAP_PROXY_REVERSE_STRIP = 1,
  /** Forward proxy to the servers of the list. */
  COAP_PROXY_FORWARD = 2,
  /** The newer name of `COAP_PROXY_FORWARD`. */
  COAP_PROXY_FORWARD_STATIC = 2,
  /** The same; Proxy-Uri and Proxy-Scheme are taken out. */
  COAP_PROXY_FORWARD_STRIP = 3,
  /** The newer name of `COAP_PROXY_FORWARD_STRIP`. */
  COAP_PROXY_FORWARD_STATIC_STRIP = 3,
  /** Forward proxy to the server that the request names. */
  COAP_PROXY_DIRECT = 4,
  /** The newer name of `COAP_PROXY_DIRECT`. */
  COAP_PROXY_FORWARD_DYNAMIC = 4,
  /** The same; Proxy-Uri and Proxy-Scheme are taken out. */
  COAP_PROXY_DIRECT_STRIP = 5,
  /** The newer name of `COAP_PROXY_DIRECT_STRIP`. */
  COAP_PROXY_FORWARD_DYNAMIC_STRIP = 5,
} coap_proxy_t;

/** One server that a proxy sends requests to. */
typedef struct coap_proxy_server_t {
  /** Its scheme, host and port. */
  coap_uri_t uri;
  /** The certificates to use with it, or NULL. */
  coap_dtls_pki_t *dtls_pki;
  /** The pre-shared key to use with it, or NULL. */
  coap_dtls_cpsk_t *dtls_cpsk;
  /** The OSCORE configuration to use with it, or NULL. */
  coap_oscore_conf_t *oscore_conf;
} coap_proxy_server_t;

/** The servers that a proxy sends requests to. */
typedef struct coap_proxy_server_list_t {
  /** The servers, an array. */
  coap_proxy_server_t *entry;
  /** How many they are. */
  size_t entry_count;
  /** Which one is next; the library counts it up. */
  size_t next_entry;
  /** How requests are handled. */
  coap_proxy_t type;
  /** 1 to keep one session to the server per client session. */
  int track_client_session;
  /** After how many idle seconds a session to a server is closed; 0 is never. */
  unsigned int idle_timeout_secs;
} coap_proxy_server_list_t;

/**
 * Whether the scheme is one that requests can be forwarded by in this variant of the library. Returns 1
 * if so, else 0; the secure ones need a (D)TLS library, and those of HTTP are not there.
 */
int coap_verify_proxy_scheme_supported(coap_uri_scheme_t scheme);

/**
 * Forwards a request to another server, from within its handler. `request`, `response` and `session` are
 * those of the handler; `resource`, its resource, may be NULL. What comes back reaches the response
 * handler of the context, which hands it to `coap_proxy_forward_response()`.
 *
 * `server_list->type` says where to: to the next of the servers in the list, or, for the types that
 * strip and for `COAP_PROXY_DIRECT` with a list that names no host, to the server that Proxy-Uri names, or
 * Proxy-Scheme with Uri-Host and Uri-Port. The types that strip replace these options by what they stand
 * for; without them `COAP_PROXY_REVERSE_STRIP` is the same as `COAP_PROXY_REVERSE`. The list may be freed
 * after the call, but for what its keys and certificates point to.
 *
 * Returns 1 if the request is on its way; then leave the code of `response` as it is. If there is no
 * answer, the client is told: 5.02 if the server cannot be reached or answers with what is no
 * response, 5.04 if it does not answer. Returns 0 if it cannot be forwarded; then the code of `response` says why: 4.00 or 5.05 for a
 * URI or a scheme that is none, 5.02 if the server's name is not known, 5.03 if too much is under way.
 *
 * `cache_key`, made by `coap_cache_derive_key()` or NULL, comes back with the response. Until then it is the
 * library's if 1 is returned: without a response the library frees it. If 0 is returned it stays the caller's.
 *
 * @pre `session` is NULL or live; `request` and `response` are NULL or live messages; `cache_key` is NULL or a
 * key that the library has made; `server_list` is NULL or valid, with as many entries as it says.
 */
int coap_proxy_forward_request(coap_session_t *session,
                               const coap_pdu_t *request,
                               coap_pdu_t *response,
                               coap_resource_t *resource,
                               coap_cache_key_t *cache_key,
                               coap_proxy_server_list_t *server_list);

/**
 * Sends a response that came from another server to the client whose request it answers, from within
 * the response handler: `session` and `received` are those of the handler.
 *
 * `*cache_key` becomes the key that was given with the request, or NULL if there was none; it is not touched
 * if nobody waits for this response. The key is the caller's from then on, to be freed by
 * `coap_delete_cache_key()`, unless the response has the Observe option and others will follow: then it
 * stays the library's until the last one. `cache_key` may be NULL.
 *
 * Returns COAP_RESPONSE_OK, also if nobody waits for this response; COAP_RESPONSE_FAIL if an argument is NULL.
 *
 * @pre `session` is NULL or live; `received` is NULL or a live message; `cache_key` is NULL or can be written to.
 */
coap_response_t coap_proxy_forward_response(coap_session_t *session,
                                            const coap_pdu_t *received,
                                            coap_cache_key_t **cache_key);

#ifdef __cplusplus
}
#endif

#endif /* COAP_PROXY_H_ */
