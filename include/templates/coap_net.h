/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file coap_net.h
 * Contexts: handlers, sending, and the event loop.
 */
#ifndef COAP_NET_H_
#define COAP_NET_H_

#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/time.h>
#include <time.h>
#include "coap_io.h"
#include "coap_dtls.h"
#include "coap_event.h"
#include "coap_pdu.h"
#include "coap_session.h"
#include "coap_debug.h"

#ifdef __cplusplus
extern "C" {
#endif

struct epoll_event;

/** Do not wait. */
#define COAP_IO_NO_WAIT ((uint32_t)-1)

/** Sends a message, block by block where it is large: the older name of coap_send(). */
#define coap_send_large(session, pdu) coap_send(session, pdu)

/** Joins a multicast group on the interface that the system picks. */
#define coap_join_mcast_group(ctx, groupname) (coap_join_mcast_group_intf(ctx, groupname, NULL))

/** @deprecated The older name of coap_io_process(). */
#define coap_run_once(ctx, timeout_ms) coap_io_process(ctx, timeout_ms)

/** @deprecated The older name of coap_io_prepare_io(). */
#define coap_write(ctx, sockets, max_sockets, num_sockets, now) \
  coap_io_prepare_io(ctx, sockets, max_sockets, num_sockets, now)

/** @deprecated The older name of coap_io_do_io(). */
#define coap_read(ctx, now) coap_io_do_io(ctx, now)

/* These were replaced by numbers with another meaning: the compiler names what to use. */
#define COAP_RUN_NONBLOCK COAP_RUN_NONBLOCK_deprecated_use_COAP_IO_NO_WAIT
#define COAP_RUN_BLOCK COAP_RUN_BLOCK_deprecated_use_COAP_IO_WAIT

@DECLS@

#ifdef __cplusplus
}
#endif

#endif /* COAP_NET_H_ */
