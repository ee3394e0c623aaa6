/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file coap_address.h
 * Transport addresses.
 */
#ifndef COAP_ADDRESS_H_
#define COAP_ADDRESS_H_

#include <string.h>
#include "libcoap.h"
#include "coap_forward_decls.h"
#include "coap_pdu.h"
#include "coap_uri.h"

#ifdef __cplusplus
extern "C" {
#endif

@DECLS@

/**
 * Whether an address is the wildcard address of its family.
 *
 * @param a The address.
 * @return 1 for 0.0.0.0 and ::, else 0.
 */
COAP_STATIC_INLINE int
coap_address_isany(const coap_address_t *a) {
  if (a->addr.sa.sa_family == AF_INET)
    return a->addr.sin.sin_addr.s_addr == htonl(INADDR_ANY);
  if (a->addr.sa.sa_family == AF_INET6) {
    static const uint8_t any[sizeof(struct in6_addr)] = {0};
    return memcmp(&a->addr.sin6.sin6_addr, any, sizeof(any)) == 0;
  }
  return 0;
}

#ifdef __cplusplus
}
#endif

#endif /* COAP_ADDRESS_H_ */
