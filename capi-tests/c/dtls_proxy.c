/* A proxy whose next server is secured: by the key or the certificates of its entry, by a wrong one, by none; over DTLS, and, what
 * the reference does not do while the server runs in the same thread, over TLS and secure WebSockets. */
#include "tls.h"

/* mend refused: the client hears that the server cannot be asked (RFC 7252 section 5.9.3.3); the reference is silent.
 * mend anyone: where the list is empty, whoever answers is believed, as its header says; the reference looks at the first entry.
 * mend streams: the proxy does not wait for a connection; the reference waits, so that a server in the same thread has no turn. */

static coap_context_t *proxy;
static coap_proxy_server_t entry;
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
  size_t length = 0;
  const uint8_t *data = NULL;
  coap_get_data(received, &length, &data);
  snprintf(heard, sizeof(heard), "%s%s%.*s", code_text(coap_pdu_get_code(received)), length ? " " : "", (int)length,
           (const char *)data);
  return COAP_RESPONSE_OK;
}

static coap_dtls_key_t *
on_name(const char *name, void *key) {
  snprintf(asked_by, sizeof(asked_by), "%s", name);
  return key;
}

/* The server: with these certificates, or, without, with a key. */
static void
serve_secured(coap_dtls_pki_t *certificates, coap_proto_t proto) {
  if (!certificates) {
    psk_server(proto);
    return;
  }
  certificates->validate_sni_call_back = on_name;
  certificates->sni_call_back_arg = &certificates->pki_key;
  NEED(coap_context_set_pki(tls_server.context, certificates) == 1 && tls_serve(proto));
}

/* The proxy in front: with the entry, if that has a host, or else where the client says. */
static void
serve_proxy(void) {
  static const char *own[] = {"proxy.example"};
  proxy = coap_new_context(NULL);
  NEED(proxy);
  list = (coap_proxy_server_list_t){&entry, 1, 0, COAP_PROXY_REVERSE, 0, 300};
  entry.uri.port = tls_port;
  if (entry.uri.host.length) {
    coap_add_resource(proxy, coap_resource_reverse_proxy_init(forward, 0));
  } else {
    list.entry_count = 0;
    list.type = COAP_PROXY_DIRECT_STRIP;
    coap_add_resource(proxy, coap_resource_proxy_uri_init(forward, 1, own));
  }
  coap_register_response_handler(proxy, back);
}

/* What a client hears that asks for `r` through the proxy. */
static const char *
ask_through(coap_dtls_pki_t *certificates, coap_proto_t proto) {
  coap_address_t front;
  coap_session_t *session;
  coap_pdu_t *request;
  char uri[100];
  tls_begin();
  coap_set_log_level(COAP_LOG_EMERG);
  serve_secured(certificates, proto);
  serve_proxy();
  front = loopback(serve(proxy, NULL));
  coap_register_response_handler(tls_client.context, on_answer);
  session = coap_new_client_session(tls_client.context, NULL, &front, COAP_PROTO_UDP);
  NEED(session);
  request = request_for(session, COAP_MESSAGE_CON, COAP_REQUEST_GET, list.entry_count ? "r" : NULL, "t");
  if (!list.entry_count) {
    snprintf(uri, sizeof(uri), "coaps://127.0.0.1:%u/r", tls_port);
    NEED(coap_add_option(request, COAP_OPTION_PROXY_URI, strlen(uri), (const uint8_t *)uri));
  }
  heard[0] = asked_by[0] = 0;
  NEED(coap_send(session, request) != COAP_INVALID_MID);
  for (int64_t end = now_ms() + 4000; !heard[0] && now_ms() < end;) {
    coap_io_process(proxy, COAP_IO_NO_WAIT);
    both_turn();
  }
  coap_session_release(session);
  coap_free_context(proxy);
  tls_end();
  return heard[0] ? heard : "nothing";
}

/* ---- keys ---- */

static const char *
ask_with_key(coap_uri_scheme_t scheme, coap_proto_t proto, const char *key) {
  coap_dtls_cpsk_t setup;
  memset(&setup, 0, sizeof(setup));
  setup.version = COAP_DTLS_CPSK_SETUP_VERSION;
  setup.psk_info.identity = (coap_bin_const_t){5, (const uint8_t *)"proxy"};
  setup.psk_info.key = (coap_bin_const_t){key ? strlen(key) : 0, (const uint8_t *)key};
  memset(&entry, 0, sizeof(entry));
  entry.uri.scheme = scheme;
  entry.uri.host = (coap_str_const_t){9, (const uint8_t *)"127.0.0.1"};
  entry.dtls_cpsk = key ? &setup : NULL;
  return ask_through(NULL, proto);
}

static void
keys(void) {
  show("== keys");
  show("the key: %s", ask_with_key(COAP_URI_SCHEME_COAPS, COAP_PROTO_DTLS, "secret"));
  show("no key: %s", ask_with_key(COAP_URI_SCHEME_COAPS, COAP_PROTO_DTLS, NULL));
  if (!on_reference()) {
    mend("refused", "a wrong key: 5.02 Bad Gateway", "a wrong key: %s",
         ask_with_key(COAP_URI_SCHEME_COAPS_TCP, COAP_PROTO_TLS, "wrong"));
    mend("streams", "TLS: 2.05", "TLS: %s", ask_with_key(COAP_URI_SCHEME_COAPS_TCP, COAP_PROTO_TLS, "secret"));
    mend("streams", "WSS: 2.05", "WSS: %s", ask_with_key(COAP_URI_SCHEME_COAPS_WS, COAP_PROTO_WSS, "secret"));
  }
}

/* ---- certificates ---- */

static coap_dtls_pki_t
trusting(const char *name) {
  coap_dtls_pki_t setup = pki(name);
  setup.check_common_ca = 1;
  return setup;
}

static coap_dtls_pki_t
careless(const char *name) {
  coap_dtls_pki_t setup = pki(name);
  setup.verify_peer_cert = 0;
  return setup;
}

static const char *
ask_with_certificate(coap_dtls_pki_t server, coap_dtls_pki_t client, const char *host) {
  memset(&entry, 0, sizeof(entry));
  entry.uri.scheme = COAP_URI_SCHEME_COAPS;
  entry.uri.host = (coap_str_const_t){strlen(host), (const uint8_t *)host};
  entry.dtls_pki = &client;
  return ask_through(&server, COAP_PROTO_DTLS);
}

static const char *
ask_anyone(coap_dtls_pki_t server) {
  memset(&entry, 0, sizeof(entry));
  return ask_through(&server, COAP_PROTO_DTLS);
}

static void
certificates(void) {
  const char *here = "127.0.0.1";
  show("== certificates");
  show("a good one: %s", ask_with_certificate(trusting("server"), trusting("client"), here));
  show("asked by its name: %s", ask_with_certificate(trusting("server"), trusting("client"), "localhost"));
  show("which is %s", asked_by);
  mend("refused", "of another authority: 5.02 Bad Gateway", "of another authority: %s",
       ask_with_certificate(careless("foreignserver"), trusting("client"), here));
  mend("refused", "expired: 5.02 Bad Gateway", "expired: %s",
       ask_with_certificate(careless("expired"), trusting("client"), here));
  mend("refused", "that of the proxy is of another authority: 5.02 Bad Gateway", "that of the proxy is of another authority: %s",
       ask_with_certificate(trusting("server"), trusting("foreign"), here));
  show("of another authority, and not verified: %s", ask_with_certificate(careless("foreignserver"), careless("client"), here));

  show("== where the client says");
  mend("anyone", "nobody is verified: 2.05", "nobody is verified: %s", ask_anyone(careless("foreignserver")));
  mend("refused", "the server wants a certificate: 5.02 Bad Gateway", "the server wants a certificate: %s",
       ask_anyone(trusting("server")));
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  show("verify: %d %d %d", coap_verify_proxy_scheme_supported(COAP_URI_SCHEME_COAPS),
       coap_verify_proxy_scheme_supported(COAP_URI_SCHEME_COAPS_TCP),
       coap_verify_proxy_scheme_supported(COAP_URI_SCHEME_COAPS_WS));
  keys();
  certificates();
  coap_cleanup();
  return 0;
}
