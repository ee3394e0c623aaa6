/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file coap_resource.h
 * Resources and their handlers.
 */
#ifndef COAP_RESOURCE_H_
#define COAP_RESOURCE_H_

#include "libcoap.h"
#include "coap_forward_decls.h"
#include "coap_str.h"
#include "coap_pdu.h"
#include "coap_session.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The bits of a coap_print_status_t that are not the length. */
#define COAP_PRINT_STATUS_MASK 0xF0000000UL
/** The greatest length that a coap_print_status_t can hold. */
#define COAP_PRINT_STATUS_MAX 0x0FFFFFFFUL
/** Printing failed. */
#define COAP_PRINT_STATUS_ERROR 0x80000000UL
/** The buffer was too small. */
#define COAP_PRINT_STATUS_TRUNC 0x40000000UL
/** How many bytes were printed. */
#define COAP_PRINT_OUTPUT_LENGTH(v) ((v) & COAP_PRINT_STATUS_MAX)

/** The library releases the name together with the attribute. */
#define COAP_ATTR_FLAGS_RELEASE_NAME 1

/** The library releases the value together with the attribute. */
#define COAP_ATTR_FLAGS_RELEASE_VALUE 2

/** Notifications are non-confirmable, with a confirmable one now and then (RFC 7641 §4.5). */
#define COAP_RESOURCE_FLAGS_NOTIFY_NON 0

/** The library releases the path together with the resource. */
#define COAP_RESOURCE_FLAGS_RELEASE_URI 1

/** The seconds between two looks for observers to tell. */
#define COAP_RESOURCE_CHECK_TIME 2

/** Notifications are confirmable. */
#define COAP_RESOURCE_FLAGS_NOTIFY_CON 2

/** Notifications are non-confirmable without exception. */
#define COAP_RESOURCE_FLAGS_NOTIFY_NON_ALWAYS 4

/** The resource answers multicast requests. */
#define COAP_RESOURCE_FLAGS_HAS_MCAST_SUPPORT 8

/** Multicast requests are answered at once, without the leisure of RFC 7252 §8.2. */
#define COAP_RESOURCE_FLAGS_LIB_DIS_MCAST_DELAYS 16

/** 2.05 responses without payload to multicast requests are not sent. */
#define COAP_RESOURCE_FLAGS_LIB_ENA_MCAST_SUPPRESS_2_05 32

/** 2.xx responses to multicast requests are not sent. */
#define COAP_RESOURCE_FLAGS_LIB_ENA_MCAST_SUPPRESS_2_XX 64

/** 4.xx responses to multicast requests are sent. */
#define COAP_RESOURCE_FLAGS_LIB_DIS_MCAST_SUPPRESS_4_XX 128

/** 5.xx responses to multicast requests are sent. */
#define COAP_RESOURCE_FLAGS_LIB_DIS_MCAST_SUPPRESS_5_XX 256

/** All flags that concern multicast. */
#define COAP_RESOURCE_FLAGS_MCAST_LIST (((((COAP_RESOURCE_FLAGS_HAS_MCAST_SUPPORT | COAP_RESOURCE_FLAGS_LIB_DIS_MCAST_DELAYS) | COAP_RESOURCE_FLAGS_LIB_ENA_MCAST_SUPPRESS_2_05) | COAP_RESOURCE_FLAGS_LIB_ENA_MCAST_SUPPRESS_2_XX) | COAP_RESOURCE_FLAGS_LIB_DIS_MCAST_SUPPRESS_4_XX) | COAP_RESOURCE_FLAGS_LIB_DIS_MCAST_SUPPRESS_5_XX)

/** The handler gets block-wise bodies as a whole, whatever the context says. */
#define COAP_RESOURCE_FLAGS_FORCE_SINGLE_BODY 512

/** Requests must be protected by OSCORE. */
#define COAP_RESOURCE_FLAGS_OSCORE_ONLY 1024

/** The handler for unknown resources also answers `/.well-known/core`. */
#define COAP_RESOURCE_HANDLE_WELLKNOWN_CORE 2048

/** How many bytes were printed, and the bits `COAP_PRINT_STATUS_...`. */
typedef uint32_t coap_print_status_t;

/**
 * Answers a request for a resource: fills `response`, whose type, message ID and token are set.
 * `query` is the request's query or NULL. All pointers live until the handler returns.
 */
typedef void (*coap_method_handler_t)(coap_resource_t *resource,
                                      coap_session_t *session,
                                      const coap_pdu_t *request,
                                      const coap_string_t *query,
                                      coap_pdu_t *response);

/** Called with the user data of a resource when the resource goes. */
typedef void (*coap_resource_release_userdata_handler_t)(void *user_data);

#ifdef __cplusplus
}
#endif

#endif /* COAP_RESOURCE_H_ */
