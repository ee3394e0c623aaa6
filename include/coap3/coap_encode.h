/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file coap_encode.h
 * Numbers in options.
 */
#ifndef COAP_ENCODE_H_
#define COAP_ENCODE_H_

#include "libcoap.h"

#ifdef __cplusplus
extern "C" {
#endif

#ifdef __cplusplus
}
#endif

#endif /* COAP_ENCODE_H_ */
