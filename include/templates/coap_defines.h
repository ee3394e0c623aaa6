/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file coap_defines.h
 * What this build can do: 1 if it can, 0 if not. All variants of the library share this file; which one secures is
 * said of the default variant, `-lcoap-3`. coap_get_tls_library_version() knows of the one in use.
 */
#ifndef COAP_DEFINES_H_
#define COAP_DEFINES_H_

/** Unix sockets. */
#define COAP_AF_UNIX_SUPPORT 1

/** Responses that are sent later. */
#define COAP_ASYNC_SUPPORT 1

/** Clients. */
#define COAP_CLIENT_SUPPORT 1

/** Work with a small stack. */
#define COAP_CONSTRAINED_STACK 0

/** 1 where there is no TCP. */
#define COAP_DISABLE_TCP 0

/** One epoll descriptor for a whole context. */
#define COAP_EPOLL_SUPPORT 1

/** IPv4. */
#define COAP_IPV4_SUPPORT 1

/** IPv6. */
#define COAP_IPV6_SUPPORT 1

/** OSCORE. */
#define COAP_OSCORE_SUPPORT 0

/** Proxies. */
#define COAP_PROXY_SUPPORT 1

/** Q-Block, RFC 9177. */
#define COAP_Q_BLOCK_SUPPORT 1

/** Servers. */
#define COAP_SERVER_SUPPORT 1

/** A check for locks taken twice. None is needed: no lock is held while a handler runs. */
#define COAP_THREAD_RECURSIVE_CHECK 0

/** Any thread may call any function. */
#define COAP_THREAD_SAFE 1

/** GnuTLS. */
#define COAP_WITH_LIBGNUTLS 0

/** Mbed TLS. */
#define COAP_WITH_LIBMBEDTLS 0

/** OpenSSL. */
#define COAP_WITH_LIBOPENSSL 1

/** TinyDTLS. */
#define COAP_WITH_LIBTINYDTLS 0

/** wolfSSL. */
#define COAP_WITH_LIBWOLFSSL 0

/** Observers that survive a restart. */
#define COAP_WITH_OBSERVE_PERSIST 1

/** WebSockets. */
#define COAP_WS_SUPPORT 1

#endif /* COAP_DEFINES_H_ */
