/* The three ways to set up a proxy, complete: a client and a server of the library, and between them a reverse proxy, a forward
 * proxy that knows the next proxy, and one that goes where the client says; over UDP and TCP on both sides. */
#include "proxy_ends.h"

static void
all_methods(void) {
  ask_origin(CON, COAP_REQUEST_CODE_GET, "10", 0, -1);
  ask_origin(NON, COAP_REQUEST_CODE_GET, "10", 0, -1);
  ask_origin(CON, COAP_REQUEST_CODE_POST, "q=1", 20, -1);
  ask_origin(CON, COAP_REQUEST_CODE_PUT, "", 30, -1);
  ask_origin(NON, COAP_REQUEST_CODE_PUT, "", 40, -1);
  ask_origin(CON, COAP_REQUEST_CODE_GET, "", 0, -1);
  ask_origin(CON, COAP_REQUEST_CODE_FETCH, "", 50, -1);
  ask_origin(CON, COAP_REQUEST_CODE_PATCH, "", 50, -1);
  ask_origin(CON, COAP_REQUEST_CODE_IPATCH, "", 50, -1);
  ask_origin(CON, COAP_REQUEST_CODE_DELETE, "", 0, -1);
}

/* What comes of a request is meant to be other than on the reference. */
static void
ask_mended(const char *topic, const char *wanted, unsigned int type, unsigned int code, const char *query, size_t length) {
  if (on_reference())
    return;
  quiet = 1;
  ask_origin(type, code, query, length, -1);
  quiet = 0;
  mend(topic, wanted, "%s", answered);
}

/* mend body: a body of more than a block arrives as it was sent. The reference sends other bytes now and then, over streams and
 * where there are two proxies, and nothing at all from a stream to datagrams. */
static void
upload(unsigned int type, unsigned int code, size_t length) {
  char wanted[100];
  snprintf(wanted, sizeof(wanted), "%s: %s with %zu bytes, as sent, query NULL",
           code == COAP_REQUEST_CODE_FETCH ? "2.05" : "2.04", code_text((coap_pdu_code_t)code), length);
  if (length > 1024)
    ask_mended("body", wanted, type, code, "", length);
  else
    ask_origin(type, code, "", length, -1);
}

static void
bodies(void) {
  static const size_t sizes[] = {1024, 1500, 20000};
  static const char *const queries[] = {"1024", "1500", "20000"};
  for (int i = 0; i < 3; i++) {
    upload(CON, COAP_REQUEST_CODE_PUT, sizes[i]);
    ask_origin(CON, COAP_REQUEST_CODE_GET, queries[i], 0, -1);
  }
  upload(NON, COAP_REQUEST_CODE_PUT, 5000);
  upload(CON, COAP_REQUEST_CODE_FETCH, 5000);
}

/* Each PUT is a notification. */
static void
observe(void) {
  ask_origin(CON, COAP_REQUEST_CODE_PUT, "", 100, -1);
  ask_origin(CON, COAP_REQUEST_CODE_GET, "", 0, 0);
  for (size_t length = 300; length <= 3000; length += 1350) {
    if (length > 1024 && on_reference())
      break;
    unsigned int before = responses;
    quiet = 1; /* either of notification and response may come first */
    ask_origin(CON, COAP_REQUEST_CODE_PUT, "", length, -1);
    RUN_BOTH(responses >= before + 2, 5000);
    quiet = 0;
    if (length > 1024)
      mend("body", "2 messages", "%u messages", responses - before);
    else
      show("PUT of %zu bytes: %u messages", length, responses - before);
  }
}

static void
own_names(void) {
  if (!*origin_uri)
    return;
  char kept[sizeof(origin_uri)];
  strcpy(kept, origin_uri);
  strcpy(origin_uri, "coap://proxy.example");
  ask_origin(CON, COAP_REQUEST_CODE_GET, "", 0, -1);
  strcpy(origin_uri, kept);
}

/* mend websockets: an entry may name a server that is reached over WebSockets. The reference gets no connection. */
static void
over_websockets(void) {
  ask_mended("websockets", "2.05: 10 of 10 bytes, as sent", CON, COAP_REQUEST_CODE_GET, "10", 0);
  ask_mended("websockets", "2.04: 0.03 with 20000 bytes, as sent, query NULL", CON, COAP_REQUEST_CODE_PUT, "", 20000);
  ask_mended("websockets", "2.05: 20000 of 20000 bytes, as sent", CON, COAP_REQUEST_CODE_GET, "", 0);
}

/* The proxy is in this process. Upstream of it is the origin, or, of a forward proxy, the next proxy, which goes where the client
 * says. */
static void
play(coap_proxy_t type, coap_uri_scheme_t scheme, coap_proto_t from) {
  static const char *const types[] = {"reverse", "", "forward", "", "direct", "direct"};
  static const char *const schemes[] = {"UDP", "DTLS", "TCP", "TLS", "HTTP", "HTTPS", "WebSockets"};
  show("-- %s, upstream %s, the client over %s", types[type], schemes[scheme], from == COAP_PROTO_UDP ? "UDP" : "TCP");
  server_t origin = start_server(set_up_origin), next = {.pid = 0};
  origin_uri[0] = 0;
  if (type == COAP_PROXY_DIRECT_STRIP)
    snprintf(origin_uri, sizeof(origin_uri), scheme == COAP_URI_SCHEME_COAP ? "coap://127.0.0.1:%u" : "coap+tcp://127.0.0.1:%u",
             scheme == COAP_URI_SCHEME_COAP ? origin.udp : origin.tcp);
  if (type == COAP_PROXY_FORWARD) {
    snprintf(origin_uri, sizeof(origin_uri), "coap://127.0.0.1:%u", origin.udp);
    set_list(COAP_PROXY_DIRECT_STRIP, COAP_URI_SCHEME_COAP, 0);
    next = start_server(set_up_proxy);
  }
  server_t *upstream = next.pid ? &next : &origin;
  set_list(type, scheme,
           scheme == COAP_URI_SCHEME_COAP ? upstream->udp
           : scheme == COAP_URI_SCHEME_COAP_TCP ? upstream->tcp : upstream->ws);
  proxy = coap_new_context(NULL);
  NEED(proxy);
  set_up_proxy(proxy);
  open_client(from, serve_proto(proxy, from), BODIES);
  if (scheme == COAP_URI_SCHEME_COAP_WS) {
    over_websockets();
  } else {
    all_methods();
    bodies();
    observe();
    own_names();
  }
  close_client();
  coap_free_context(proxy);
  stop_server(origin);
  if (next.pid)
    stop_server(next);
}

static void
set_up_quick_origin(coap_context_t *context) {
  set_up_origin(context);
  coap_context_set_block_mode(context, BODIES | COAP_BLOCK_TRY_Q_BLOCK);
}

/* mend q-block: bodies in Q-Blocks (RFC 9177) on either side or both pass a proxy that knows them. The reference ends the
 * program. */
static void
quick(int client_knows, int origin_knows) {
  show("-- a proxy that knows Q-Block, the client %s, the origin %s", client_knows ? "too" : "not", origin_knows ? "too" : "not");
  if (on_reference())
    return;
  server_t origin = start_server(origin_knows ? set_up_quick_origin : set_up_origin);
  origin_uri[0] = 0;
  set_list(COAP_PROXY_REVERSE, COAP_URI_SCHEME_COAP, origin.udp);
  proxy = coap_new_context(NULL);
  NEED(proxy);
  set_up_proxy(proxy);
  coap_context_set_block_mode(proxy, BODIES | COAP_BLOCK_TRY_Q_BLOCK);
  open_client(COAP_PROTO_UDP, serve_proto(proxy, COAP_PROTO_UDP), BODIES | (client_knows ? COAP_BLOCK_TRY_Q_BLOCK : 0));
  for (unsigned int type = CON; type <= NON; type++) {
    ask_mended("q-block", "2.04: 0.03 with 20000 bytes, as sent, query NULL", type, COAP_REQUEST_CODE_PUT, "", 20000);
    ask_mended("q-block", "2.05: 20000 of 20000 bytes, as sent", type, COAP_REQUEST_CODE_GET, "", 0);
  }
  close_client();
  coap_free_context(proxy);
  stop_server(origin);
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  fill_large();
  play(COAP_PROXY_REVERSE, COAP_URI_SCHEME_COAP, COAP_PROTO_UDP);
  play(COAP_PROXY_REVERSE, COAP_URI_SCHEME_COAP, COAP_PROTO_TCP);
  play(COAP_PROXY_REVERSE, COAP_URI_SCHEME_COAP_TCP, COAP_PROTO_UDP);
  play(COAP_PROXY_REVERSE, COAP_URI_SCHEME_COAP_TCP, COAP_PROTO_TCP);
  play(COAP_PROXY_REVERSE, COAP_URI_SCHEME_COAP_WS, COAP_PROTO_UDP);
  play(COAP_PROXY_DIRECT_STRIP, COAP_URI_SCHEME_COAP, COAP_PROTO_UDP);
  play(COAP_PROXY_DIRECT_STRIP, COAP_URI_SCHEME_COAP, COAP_PROTO_TCP);
  play(COAP_PROXY_DIRECT_STRIP, COAP_URI_SCHEME_COAP_TCP, COAP_PROTO_UDP);
  play(COAP_PROXY_DIRECT_STRIP, COAP_URI_SCHEME_COAP_TCP, COAP_PROTO_TCP);
  play(COAP_PROXY_FORWARD, COAP_URI_SCHEME_COAP, COAP_PROTO_UDP);
  play(COAP_PROXY_FORWARD, COAP_URI_SCHEME_COAP_TCP, COAP_PROTO_UDP);
  play(COAP_PROXY_FORWARD, COAP_URI_SCHEME_COAP_WS, COAP_PROTO_TCP);
  quick(1, 0);
  quick(0, 1);
  quick(1, 1);
  coap_cleanup();
  return 0;
}
