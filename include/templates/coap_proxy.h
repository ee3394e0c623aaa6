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

@DECLS@

#ifdef __cplusplus
}
#endif

#endif /* COAP_PROXY_H_ */
