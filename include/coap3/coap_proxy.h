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

#ifdef __cplusplus
}
#endif

#endif /* COAP_PROXY_H_ */
