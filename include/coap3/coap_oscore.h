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

/**
 * Asked to keep the sender sequence number where it survives a restart. Returns 1 if that worked, else
 * 0.
 */
typedef int (*coap_oscore_save_seq_num_t)(uint64_t sender_seq_num, void *param);

#ifdef __cplusplus
}
#endif

#endif /* COAP_OSCORE_H_ */
