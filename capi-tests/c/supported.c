/* What a build can do. What is still to be built here is not compared with the reference: but nobody may
 * be told of a scheme that is not there. */
#include "test.h"

/* A scheme is offered to servers exactly if its transport is supported. */
static int
offered(int supported, uint32_t bit) {
  uint32_t bits = coap_get_available_scheme_hint_bits(1, 1, COAP_PROTO_NONE);
  return (bits & bit) == (supported ? bit : 0);
}

int
main(void) {
  coap_startup();
  SHOW(coap_client_is_supported());
  SHOW(coap_server_is_supported());
  SHOW(coap_ipv4_is_supported());
  SHOW(coap_ipv6_is_supported());
  SHOW(coap_epoll_is_supported());
  SHOW(coap_threadsafe_is_supported());
  SHOW(coap_async_is_supported());
  SHOW(coap_q_block_is_supported());
  SHOW(coap_dtls_is_supported());
  SHOW(coap_dtls_cid_is_supported());
  SHOW(coap_dtls_pki_is_supported());
  SHOW(coap_dtls_psk_is_supported());
  SHOW(coap_dtls_rpk_is_supported());
  SHOW(coap_dtls_pkcs11_is_supported());
  SHOW(coap_tls_is_supported());
  SHOW(coap_wss_is_supported());

  show("~ af_unix %d", coap_af_unix_is_supported());
  show("~ observe_persist %d", coap_observe_persist_is_supported());
  show("~ oscore %d", coap_oscore_is_supported());
  show("~ proxy %d", coap_proxy_is_supported());
  show("~ tcp %d", coap_tcp_is_supported());
  show("~ ws %d", coap_ws_is_supported());

  SHOW(offered(1, COAP_URI_SCHEME_COAP_BIT));
  SHOW(offered(coap_dtls_is_supported(), COAP_URI_SCHEME_COAPS_BIT));
  SHOW(offered(coap_tcp_is_supported(), COAP_URI_SCHEME_COAP_TCP_BIT));
  SHOW(offered(coap_tls_is_supported(), COAP_URI_SCHEME_COAPS_TCP_BIT));
  SHOW(offered(coap_ws_is_supported(), COAP_URI_SCHEME_COAP_WS_BIT));
  SHOW(offered(coap_wss_is_supported(), COAP_URI_SCHEME_COAPS_WS_BIT));
  SHOW(offered(0, COAP_URI_SCHEME_HTTP_BIT | COAP_URI_SCHEME_HTTPS_BIT));
  coap_cleanup();
  return 0;
}
