/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file coap_supported.h
 * What this build can do.
 */
#ifndef COAP_SUPPORTED_H_
#define COAP_SUPPORTED_H_

#include "libcoap.h"
#include "coap_dtls.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Returns 1 if Unix domain sockets are supported, else 0. */
int coap_af_unix_is_supported(void);

/** Returns 1 if responses can be delayed with `coap_register_async()`, else 0. */
int coap_async_is_supported(void);

/** Returns 1 if programs can be clients, else 0. */
int coap_client_is_supported(void);

/** Returns 1 if DTLS is supported, else 0. */
int coap_dtls_is_supported(void);

/** Returns 1 if DTLS connection identifiers (RFC 9146) are supported, else 0. */
int coap_dtls_cid_is_supported(void);

/** Returns 1 if (D)TLS with pre-shared keys is supported, else 0. */
int coap_dtls_psk_is_supported(void);

/** Returns 1 if (D)TLS with certificates is supported, else 0. */
int coap_dtls_pki_is_supported(void);

/** Returns 1 if keys and certificates can be kept in PKCS #11 tokens, else 0. */
int coap_dtls_pkcs11_is_supported(void);

/** Returns 1 if (D)TLS with raw public keys is supported, else 0. */
int coap_dtls_rpk_is_supported(void);

/**
 * Returns 1 if the library waits with epoll, so that `coap_context_get_coap_fd()` gives a
 * descriptor to wait for, else 0.
 */
int coap_epoll_is_supported(void);

/** Returns 1 if IPv4 is supported, else 0. */
int coap_ipv4_is_supported(void);

/** Returns 1 if IPv6 is supported, else 0. */
int coap_ipv6_is_supported(void);

/** Returns 1 if observers can be kept over a restart, else 0. */
int coap_observe_persist_is_supported(void);

/** Returns 1 if OSCORE (RFC 8613) is supported, else 0. */
int coap_oscore_is_supported(void);

/** Returns 1 if programs can be proxies, else 0. */
int coap_proxy_is_supported(void);

/** Returns 1 if Q-Block1 and Q-Block2 (RFC 9177) are supported, else 0. */
int coap_q_block_is_supported(void);

/** Returns 1 if programs can be servers, else 0. */
int coap_server_is_supported(void);

/** Returns 1 if CoAP over TCP is supported, else 0. */
int coap_tcp_is_supported(void);

/** Returns 1 if functions may be called from any thread, else 0. */
int coap_threadsafe_is_supported(void);

/** Returns 1 if CoAP over TLS is supported, else 0. */
int coap_tls_is_supported(void);

/** Returns 1 if CoAP over WebSockets is supported, else 0. */
int coap_ws_is_supported(void);

/** Returns 1 if CoAP over secure WebSockets is supported, else 0. */
int coap_wss_is_supported(void);

#ifdef __cplusplus
}
#endif

#endif /* COAP_SUPPORTED_H_ */
