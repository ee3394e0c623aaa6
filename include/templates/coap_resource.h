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

@DECLS@

#ifdef __cplusplus
}
#endif

#endif /* COAP_RESOURCE_H_ */
