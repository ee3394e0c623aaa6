/* A proxy whose next server has a certificate: what the set-up of its entry trusts and shows, the name that the server is asked
 * by, and a proxy that goes where the client says and has no set-up for that. */
#include "tls.h"

/* mend refused: the client hears that the server cannot be asked (RFC 7252 section 5.9.3.3); the reference is silent.
 * mend anyone: where the list is empty, whoever answers is believed, as its header says; the reference looks at the first entry. */

static coap_context_t *proxy;
static coap_proxy_server_t servers[1];
static coap_proxy_server_list_t list;
static char heard[64], asked_by[64];

static void
forward(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request, const coap_string_t *query UNUSED,
        coap_pdu_t *response) {
  coap_proxy_forward_request(session, request, response, resource, NULL, &list);
}

static coap_response_t
back(coap_session_t *session, const coap_pdu_t *sent UNUSED, const coap_pdu_t *received, coap_mid_t mid UNUSED) {
  return coap_proxy_forward_response(session, received, NULL);
}

static coap_response_t
on_answer(coap_session_t *session UNUSED, const coap_pdu_t *sent UNUSED, const coap_pdu_t *received,
          coap_mid_t mid UNUSED) {
  snprintf(heard, sizeof(heard), "%s", code_text(coap_pdu_get_code(received)));
  return COAP_RESPONSE_OK;
}

static coap_dtls_key_t *
on_name(const char *name, void *key) {
  snprintf(asked_by, sizeof(asked_by), "%s", name);
  return key;
}

static void
turns(int limit) {
  for (int64_t end = now_ms() + limit; !heard[0] && now_ms() < end;) {
    coap_io_process(proxy, COAP_IO_NO_WAIT);
    both_turn();
  }
}

/* What a client hears that asks for `r` through the proxy: by an entry with this set-up for `host`, or, without one, by a
 * Proxy-Uri. */
static const char *
ask_through(coap_dtls_pki_t server, coap_dtls_pki_t *entry, const char *host) {
  coap_address_t front;
  coap_session_t *session;
  coap_pdu_t *request;
  char uri[100];
  tls_begin();
  coap_set_log_level(COAP_LOG_EMERG);
  server.validate_sni_call_back = on_name;
  server.sni_call_back_arg = &server.pki_key;
  NEED(coap_context_set_pki(tls_server.context, &server) == 1 && tls_serve(COAP_PROTO_DTLS));
  proxy = coap_new_context(NULL);
  NEED(proxy);
  memset(servers, 0, sizeof(servers));
  memset(&list, 0, sizeof(list));
  list.entry = servers;
  list.idle_timeout_secs = 300;
  if (entry) {
    servers[0].uri.scheme = COAP_URI_SCHEME_COAPS;
    servers[0].uri.host.s = (const uint8_t *)host;
    servers[0].uri.host.length = strlen(host);
    servers[0].uri.port = tls_port;
    servers[0].dtls_pki = entry;
    list.entry_count = 1;
    list.type = COAP_PROXY_REVERSE;
    coap_add_resource(proxy, coap_resource_reverse_proxy_init(forward, 0));
  } else {
    static const char *own[] = {"proxy.example"};
    list.type = COAP_PROXY_DIRECT_STRIP;
    coap_add_resource(proxy, coap_resource_proxy_uri_init(forward, 1, own));
  }
  coap_register_response_handler(proxy, back);
  front = loopback(serve(proxy, NULL));
  coap_register_response_handler(tls_client.context, on_answer);
  session = coap_new_client_session(tls_client.context, NULL, &front, COAP_PROTO_UDP);
  NEED(session);
  request = request_for(session, COAP_MESSAGE_CON, COAP_REQUEST_GET, entry ? "r" : NULL, "t");
  if (!entry) {
    snprintf(uri, sizeof(uri), "coaps://%s:%u/r", host, tls_port);
    NEED(coap_add_option(request, COAP_OPTION_PROXY_URI, strlen(uri), (const uint8_t *)uri));
  }
  heard[0] = asked_by[0] = 0;
  NEED(coap_send(session, request) != COAP_INVALID_MID);
  turns(4000);
  coap_session_release(session);
  coap_free_context(proxy);
  tls_end();
  return heard[0] ? heard : "nothing";
}

static coap_dtls_pki_t
trusting(const char *name) {
  coap_dtls_pki_t setup = pki(name);
  setup.check_common_ca = 1;
  return setup;
}

int
main(void) {
  coap_dtls_pki_t server, entry;
  coap_startup();

  show("== an entry that verifies");
  server = trusting("server");
  entry = trusting("client");
  show("a good server: %s", ask_through(server, &entry, "127.0.0.1"));
  show("asked by its name: %s", ask_through(server, &entry, "localhost"));
  show("which is %s", asked_by);
  server = trusting("foreignserver");
  server.verify_peer_cert = 0;
  mend("refused", "of another authority: 5.02", "of another authority: %s",
       ask_through(server, &entry, "127.0.0.1"));
  server = pki("expired");
  server.verify_peer_cert = 0;
  mend("refused", "expired: 5.02", "expired: %s", ask_through(server, &entry, "127.0.0.1"));

  show("== a server that verifies");
  server = trusting("server");
  entry = trusting("foreign");
  mend("refused", "a certificate of another authority: 5.02", "a certificate of another authority: %s",
       ask_through(server, &entry, "127.0.0.1"));

  show("== an entry that does not verify");
  server = pki("foreignserver");
  server.verify_peer_cert = 0;
  entry = pki("client");
  entry.verify_peer_cert = 0;
  show("of another authority: %s", ask_through(server, &entry, "127.0.0.1"));

  show("== where the client says");
  mend("anyone", "nobody is verified: 2.05", "nobody is verified: %s", ask_through(server, NULL, "127.0.0.1"));
  server = trusting("server");
  mend("refused", "the server wants a certificate: 5.02", "the server wants a certificate: %s",
       ask_through(server, NULL, "127.0.0.1"));
  coap_cleanup();
  return 0;
}
