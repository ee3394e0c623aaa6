@overridable: COAP_DTLS_HINT_LENGTH COAP_DTLS_MAX_PSK COAP_DTLS_MAX_PSK_IDENTITY
/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file coap_dtls.h
 * Keys, certificates and the (D)TLS library.
 */
#ifndef COAP_DTLS_H_
#define COAP_DTLS_H_

#include "libcoap.h"
#include "coap_forward_decls.h"
#include "coap_str.h"
#include "coap_time.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A context's or session's use of certificates, see below. */
typedef struct coap_dtls_pki_t coap_dtls_pki_t;

/**
 * Adjusts the (D)TLS library's own object. Returns 1, or 0 to give up.
 */
typedef int (*coap_dtls_security_setup_t)(void *tls_session, coap_dtls_pki_t *setup_data);

/** The common name that coap_dtls_cn_callback_t gets for a raw public key. */
#define COAP_DTLS_RPK_CERT_CN "RPK"

@DECLS@

#ifdef __cplusplus
}
#endif

#endif /* COAP_DTLS_H_ */
