/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file coap_oscore.h
 * OSCORE, RFC 8613.
 */
#ifndef COAP_OSCORE_H_
#define COAP_OSCORE_H_

#include "libcoap.h"
#include "coap_forward_decls.h"
#include "coap_str.h"
#include "coap_dtls.h"
#include "coap_session.h"

#ifdef __cplusplus
extern "C" {
#endif

@DECLS@

#ifdef __cplusplus
}
#endif

#endif /* COAP_OSCORE_H_ */
