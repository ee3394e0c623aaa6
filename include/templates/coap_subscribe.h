/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file coap_subscribe.h
 * Observers, and what must survive a restart.
 */
#ifndef COAP_SUBSCRIBE_H_
#define COAP_SUBSCRIBE_H_

#include "libcoap.h"
#include "coap_forward_decls.h"
#include "coap_address.h"
#include "coap_io.h"
#include "coap_pdu.h"
#include "coap_resource.h"

#ifdef __cplusplus
extern "C" {
#endif

@DECLS@

#ifdef __cplusplus
}
#endif

#endif /* COAP_SUBSCRIBE_H_ */
