@overridable: COAP_RXBUFFER_SIZE COAP_MAX_EPOLL_EVENTS
/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file coap_io.h
 * Sockets.
 */
#ifndef COAP_IO_H_
#define COAP_IO_H_

#include <sys/types.h>
#include "libcoap.h"
#include "coap_address.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Closes a coap_fd_t. */
#define coap_closesocket close

@DECLS@

#ifdef __cplusplus
}
#endif

#endif /* COAP_IO_H_ */
