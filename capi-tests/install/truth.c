/* What coap_defines.h says of the build is what the library says of itself. */
#include <coap3/coap.h>
#include <coap3/coap_defines.h>
#include <stdio.h>

static int lies;

static void
compare(const char *macro, int said, int is) {
  if (!said != !is) {
    printf("%s is %d, but the library says %d\n", macro, said, is);
    lies++;
  }
}

#define COMPARE(macro, is) compare(#macro, macro, is)

int
main(void) {
  coap_tls_library_t tls = coap_get_tls_library_version()->type;
  COMPARE(COAP_AF_UNIX_SUPPORT, coap_af_unix_is_supported());
  COMPARE(COAP_ASYNC_SUPPORT, coap_async_is_supported());
  COMPARE(COAP_CLIENT_SUPPORT, coap_client_is_supported());
  COMPARE(COAP_DISABLE_TCP, !coap_tcp_is_supported());
  COMPARE(COAP_EPOLL_SUPPORT, coap_epoll_is_supported());
  COMPARE(COAP_IPV4_SUPPORT, coap_ipv4_is_supported());
  COMPARE(COAP_IPV6_SUPPORT, coap_ipv6_is_supported());
  COMPARE(COAP_OSCORE_SUPPORT, coap_oscore_is_supported());
  COMPARE(COAP_PROXY_SUPPORT, coap_proxy_is_supported());
  COMPARE(COAP_Q_BLOCK_SUPPORT, coap_q_block_is_supported());
  COMPARE(COAP_SERVER_SUPPORT, coap_server_is_supported());
  COMPARE(COAP_THREAD_SAFE, coap_threadsafe_is_supported());
  COMPARE(COAP_WITH_OBSERVE_PERSIST, coap_observe_persist_is_supported());
  COMPARE(COAP_WS_SUPPORT, coap_ws_is_supported());
  COMPARE(COAP_WITH_LIBGNUTLS, tls == COAP_TLS_LIBRARY_GNUTLS);
  COMPARE(COAP_WITH_LIBMBEDTLS, tls == COAP_TLS_LIBRARY_MBEDTLS);
  COMPARE(COAP_WITH_LIBOPENSSL, tls == COAP_TLS_LIBRARY_OPENSSL);
  COMPARE(COAP_WITH_LIBTINYDTLS, tls == COAP_TLS_LIBRARY_TINYDTLS);
  COMPARE(COAP_WITH_LIBWOLFSSL, tls == COAP_TLS_LIBRARY_WOLFSSL);
  return lies != 0;
}
