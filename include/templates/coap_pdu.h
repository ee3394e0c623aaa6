@overridable: COAP_DEFAULT_MTU COAP_DEFAULT_HOP_LIMIT
/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file coap_pdu.h
 * Messages: types, codes, options and content formats.
 */
#ifndef COAP_PDU_H_
#define COAP_PDU_H_

#include "libcoap.h"
#include "coap_forward_decls.h"
#include "coap_option.h"
#include "coap_uri.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The URI scheme of CoAP over UDP. */
#define COAP_DEFAULT_SCHEME "coap"

/** The path of the list of resources, RFC 7252 section 7.2. */
#define COAP_DEFAULT_URI_WELLKNOWN ".well-known/core"

/** The code that is written N = 404 for 4.04. */
#define COAP_RESPONSE_CODE(N) (((N) / 100 << 5) | ((N) % 100))

/** The class of a code: 4 for 4.04. */
#define COAP_RESPONSE_CLASS(C) (((C) >> 5) & 0xFF)

/** The signal that is written N = 701 for 7.01. */
#define COAP_SIGNALING_CODE(N) COAP_RESPONSE_CODE(N)

/** The number of a coap_option. */
#define COAP_OPTION_KEY(option) (option).key

/** The length of a coap_option's value. */
#define COAP_OPTION_LENGTH(option) (option).length

/** The value of a coap_option. */
#define COAP_OPTION_DATA(option) ((unsigned char *)(&(option) + 1))

@DECLS@

#ifdef __cplusplus
}
#endif

#endif /* COAP_PDU_H_ */
