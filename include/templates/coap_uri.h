/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file coap_uri.h
 * URIs.
 */
#ifndef COAP_URI_H_
#define COAP_URI_H_

#include "libcoap.h"
#include "coap_forward_decls.h"
#include "coap_str.h"
#include "coap_option.h"

#ifdef __cplusplus
extern "C" {
#endif

@DECLS@

/**
 * Whether a URI's scheme is one with (D)TLS.
 *
 * @return 1 if it is, else 0.
 */
COAP_STATIC_INLINE int
coap_uri_scheme_is_secure(const coap_uri_t *uri) {
  return uri != NULL && ((unsigned int)uri->scheme & COAP_URI_SCHEME_SECURE_MASK) != 0;
}

#ifdef __cplusplus
}
#endif

#endif /* COAP_URI_H_ */
