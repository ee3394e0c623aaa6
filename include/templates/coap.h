/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file coap.h
 * The whole interface: includes all other headers.
 */
#ifndef COAP_H_
#define COAP_H_

#include "libcoap.h"
#include "coap_forward_decls.h"
#include "coap_address.h"
#include "coap_async.h"
#include "coap_block.h"
#include "coap_cache.h"
#include "coap_debug.h"
#include "coap_dtls.h"
#include "coap_encode.h"
#include "coap_event.h"
#include "coap_io.h"
#include "coap_mem.h"
#include "coap_net.h"
#include "coap_option.h"
#include "coap_oscore.h"
#include "coap_pdu.h"
#include "coap_prng.h"
#include "coap_proxy.h"
#include "coap_resource.h"
#include "coap_session.h"
#include "coap_str.h"
#include "coap_subscribe.h"
#include "coap_supported.h"
#include "coap_time.h"
#include "coap_uri.h"
#include "coap_ws.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The name of the interface. */
#define LIBCOAP_PACKAGE_NAME "libcoap"
/** The version of the interface. */
#define LIBCOAP_PACKAGE_VERSION "4.3.5"
/** The name and version of the interface. */
#define LIBCOAP_PACKAGE_STRING "libcoap 4.3.5"
/** Where the interface is described. */
#define LIBCOAP_PACKAGE_URL "https://libcoap.net/"
/** Where those who define the interface are reached. */
#define LIBCOAP_PACKAGE_BUGREPORT "libcoap-developers@lists.sourceforge.net"

@DECLS@

#ifdef __cplusplus
}
#endif

#endif /* COAP_H_ */
