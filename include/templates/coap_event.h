/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file coap_event.h
 * Events.
 */
#ifndef COAP_EVENT_H_
#define COAP_EVENT_H_

#include "libcoap.h"
#include "coap_forward_decls.h"

#ifdef __cplusplus
extern "C" {
#endif

@DECLS@

#ifdef __cplusplus
}
#endif

#endif /* COAP_EVENT_H_ */
