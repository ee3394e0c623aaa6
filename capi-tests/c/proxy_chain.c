/* Three proxies between a client and a server, over different protocols, and bodies of 256 KiB. */
#include "proxy_ends.h"

/* The client asks the first proxy over `from`; that one asks the second over `second`, the second the third over `third`, and the
 * third goes where the client says: over `last`. */
typedef struct {
  coap_proto_t from;
  coap_uri_scheme_t second, third, last;
} chain_t;

static uint16_t
port_for(const server_t *server, coap_uri_scheme_t scheme) {
  return scheme == COAP_URI_SCHEME_COAP ? server->udp : scheme == COAP_URI_SCHEME_COAP_TCP ? server->tcp : server->ws;
}

static const char *
scheme_text(coap_uri_scheme_t scheme) {
  return scheme == COAP_URI_SCHEME_COAP ? "coap" : scheme == COAP_URI_SCHEME_COAP_TCP ? "coap+tcp" : "coap+ws";
}

static void
small(void) {
  ask_origin(CON, COAP_REQUEST_CODE_GET, "10", 0, -1);
  ask_origin(NON, COAP_REQUEST_CODE_GET, "10", 0, -1);
  ask_origin(CON, COAP_REQUEST_CODE_PUT, "q=1", 30, -1);
  ask_origin(CON, COAP_REQUEST_CODE_GET, "", 0, -1);
  ask_origin(CON, COAP_REQUEST_CODE_FETCH, "", 50, -1);
  ask_origin(CON, COAP_REQUEST_CODE_DELETE, "", 0, -1);
}

/* What is asked, and what it is meant to be answered.
 * mend chain: large bodies arrive as they were sent, both ways, and notifications with them. The reference sends other bytes or
 * none over more than one proxy, and nothing over WebSockets. */
static void
asked(const char *wanted, unsigned int code, const char *query, size_t length, int observed) {
  quiet = 1;
  ask_origin(CON, code, query, length, observed);
  quiet = 0;
  mend("chain", wanted, "%s", answered);
}

static void
large_bodies(void) {
  asked("2.04: 0.03 with 262144 bytes, as sent, query NULL", COAP_REQUEST_CODE_PUT, "", 262144, -1);
  asked("2.05: 262144 of 262144 bytes, as sent", COAP_REQUEST_CODE_GET, "", 0, -1);
  asked("2.04: 0.03 with 100 bytes, as sent, query NULL", COAP_REQUEST_CODE_PUT, "", 100, -1);
  asked("2.05, observed: 100 of 100 bytes, as sent", COAP_REQUEST_CODE_GET, "", 0, 0);
  for (size_t length = 200; length <= 51200; length *= 16) {
    unsigned int before = responses;
    quiet = 1;
    ask_origin(CON, COAP_REQUEST_CODE_PUT, "", length, -1);
    RUN_BOTH(responses >= before + 2, 10000);
    quiet = 0;
    mend("chain", "2 messages", "%u messages", responses - before);
  }
}

static void
play(chain_t chain) {
  show("-- the client over %s, then %s, %s, %s", chain.from == COAP_PROTO_UDP ? "UDP" : "TCP", scheme_text(chain.second),
       scheme_text(chain.third), scheme_text(chain.last));
  int websockets = chain.third == COAP_URI_SCHEME_COAP_WS;
  if (websockets && on_reference())
    return;
  server_t origin = start_server(set_up_origin);
  set_list(COAP_PROXY_DIRECT_STRIP, COAP_URI_SCHEME_COAP, 0);
  server_t last = start_server(set_up_proxy);
  set_list(COAP_PROXY_FORWARD, chain.third, port_for(&last, chain.third));
  server_t middle = start_server(set_up_proxy);
  set_list(COAP_PROXY_FORWARD, chain.second, port_for(&middle, chain.second));
  proxy = coap_new_context(NULL);
  NEED(proxy);
  set_up_proxy(proxy);
  snprintf(origin_uri, sizeof(origin_uri), "%s://127.0.0.1:%u", scheme_text(chain.last), port_for(&origin, chain.last));
  open_client(chain.from, serve_proto(proxy, chain.from), BODIES);
  if (!websockets)
    small();
  if (!on_reference())
    large_bodies();
  close_client();
  coap_free_context(proxy);
  stop_server(middle);
  stop_server(last);
  stop_server(origin);
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  fill_large();
  play((chain_t){COAP_PROTO_UDP, COAP_URI_SCHEME_COAP_TCP, COAP_URI_SCHEME_COAP, COAP_URI_SCHEME_COAP_TCP});
  play((chain_t){COAP_PROTO_TCP, COAP_URI_SCHEME_COAP, COAP_URI_SCHEME_COAP_TCP, COAP_URI_SCHEME_COAP});
  play((chain_t){COAP_PROTO_UDP, COAP_URI_SCHEME_COAP_TCP, COAP_URI_SCHEME_COAP_WS, COAP_URI_SCHEME_COAP});
  coap_cleanup();
  return 0;
}
