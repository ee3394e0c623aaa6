/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file coap_forward_decls.h
 * The names of the handles, which programs hold and never look into.
 */
#ifndef COAP_FORWARD_DECLS_H_
#define COAP_FORWARD_DECLS_H_

#ifdef __cplusplus
extern "C" {
#endif

/** The addresses of a session as a hash key. */
typedef struct coap_addr_hash_t coap_addr_hash_t;
/** A transport address, see coap_address.h. */
typedef struct coap_address_t coap_address_t;
/** A response that is sent later. */
typedef struct coap_async_t coap_async_t;
/** An attribute of a resource. */
typedef struct coap_attr_t coap_attr_t;
/** A cache entry. */
typedef struct coap_cache_entry_t coap_cache_entry_t;
/** A cache key. */
typedef struct coap_cache_key_t coap_cache_key_t;
/** A context: resources, endpoints, sessions and handlers. */
typedef struct coap_context_t coap_context_t;
/** An address that a server listens on. */
typedef struct coap_endpoint_t coap_endpoint_t;
/** A body that a client is receiving. */
typedef struct coap_lg_crcv_t coap_lg_crcv_t;
/** A body that a server is receiving. */
typedef struct coap_lg_srcv_t coap_lg_srcv_t;
/** A body being sent. */
typedef struct coap_lg_xmit_t coap_lg_xmit_t;
/** An OSCORE configuration. */
typedef struct coap_oscore_conf_t coap_oscore_conf_t;
/** A received packet. */
typedef struct coap_packet_t coap_packet_t;
/** A PDU: one CoAP message. */
typedef struct coap_pdu_t coap_pdu_t;
/** The sessions of a proxy. */
typedef struct coap_proxy_list_t coap_proxy_list_t;
/** An entry of the send queue. */
typedef struct coap_queue_t coap_queue_t;
/** A resource of a server. */
typedef struct coap_resource_t coap_resource_t;
/** A session: one peer over one transport. */
typedef struct coap_session_t coap_session_t;
/** A socket. */
typedef struct coap_socket_t coap_socket_t;
/** An observer of a resource. */
typedef struct coap_subscription_t coap_subscription_t;

#ifdef __cplusplus
}
#endif

#endif /* COAP_FORWARD_DECLS_H_ */
