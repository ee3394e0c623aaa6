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

@DECLS@

#ifdef __cplusplus
}
#endif

#endif /* COAP_SUPPORTED_H_ */
