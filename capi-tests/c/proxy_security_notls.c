/* Schemes that the variant without security cannot speak, in requests to a proxy and in its list. */
#include "proxy.h"

int
main(void) {
  static const coap_proxy_t types[] = {COAP_PROXY_FORWARD_STRIP, COAP_PROXY_DIRECT_STRIP};
  static const coap_uri_scheme_t schemes[] = {COAP_URI_SCHEME_COAPS, COAP_URI_SCHEME_COAPS_TCP, COAP_URI_SCHEME_COAPS_WS};
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  for (int i = 0; i < 2; i++) {
    show("-- %s", i ? "DIRECT_STRIP" : "FORWARD_STRIP");
    px_open(types[i], 1, 0);
    get(0, "35=coaps://127.0.0.1/a");
    get(0, "35=coaps+tcp://127.0.0.1/a");
    get(0, "35=coaps+ws://127.0.0.1/a");
    say(0, NON, 1, "aa", "35=coaps://127.0.0.1/a", NULL);
    get(0, "3=127.0.0.1 11=a 39=coaps");
    get(0, "3=127.0.0.1 11=a 39=coaps+tcp");
    get(0, "3=127.0.0.1 11=a 39=coaps+ws");
    px_close();
  }
  /* mend entry-scheme: an entry with such a scheme is 5.05 (RFC 7252 section 5.9.3.6), as a URI is; the reference answers 5.02. */
  show("-- entries");
  for (int i = 0; i < 3; i++) {
    px_open(COAP_PROXY_REVERSE, 1, 0);
    entries[0] = entry_for(up[0].port, schemes[i]);
    quiet = 1;
    get(0, "11=a");
    quiet = 0;
    mended_told("entry-scheme", "client0 ACK 5.05 token aa");
    px_close();
  }
  coap_cleanup();
  return 0;
}
