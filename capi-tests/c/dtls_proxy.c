/* A proxy whose next server is secured: with a pre-shared key of the entry, with none, and with a wrong one; over DTLS,
 * and what the reference does not do while the server runs in the same thread: over TLS and secure WebSockets. */
#include "peer.h"

static coap_context_t *server, *proxy, *client;
static coap_proxy_server_t servers[1];
static coap_proxy_server_list_t list = {servers, 1, 0, COAP_PROXY_REVERSE, 0, 300};
static char heard[64];

static void
on_get(coap_resource_t *resource UNUSED, coap_session_t *session UNUSED, const coap_pdu_t *request UNUSED,
       const coap_string_t *query UNUSED, coap_pdu_t *response) {
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  coap_add_data(response, 4, (const uint8_t *)"noon");
}

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
  snprintf(heard, sizeof(heard), "%s %.*s", code_text(coap_pdu_get_code(received)), (int)length, (const char *)data);
  return COAP_RESPONSE_OK;
}

/* What a client hears that asks through the proxy; `key` is that of the entry, if it has one. */
static const char *
ask_through(coap_uri_scheme_t scheme, coap_proto_t proto, const char *key) {
  uint16_t at = free_port();
  coap_address_t address = loopback(at), front;
  coap_dtls_spsk_t psk;
  coap_dtls_cpsk_t own;
  memset(&psk, 0, sizeof(psk));
  memset(&own, 0, sizeof(own));
  psk.version = COAP_DTLS_SPSK_SETUP_VERSION;
  psk.psk_info.key.s = (const uint8_t *)"secret";
  psk.psk_info.key.length = 6;
  own.version = COAP_DTLS_CPSK_SETUP_VERSION;
  own.psk_info.identity.s = (const uint8_t *)"proxy";
  own.psk_info.identity.length = 5;
  own.psk_info.key.s = (const uint8_t *)key;
  own.psk_info.key.length = key ? strlen(key) : 0;

  server = coap_new_context(NULL), proxy = coap_new_context(NULL), client = coap_new_context(NULL);
  NEED(server && proxy && client && coap_context_set_psk2(server, &psk));
  NEED(coap_new_endpoint(server, &address, proto));
  resource_with(server, "time", 0, COAP_REQUEST_GET, on_get);
  memset(servers, 0, sizeof(servers));
  servers[0].uri.scheme = scheme;
  servers[0].uri.host.s = (const uint8_t *)"127.0.0.1";
  servers[0].uri.host.length = 9;
  servers[0].uri.port = at;
  servers[0].dtls_cpsk = key ? &own : NULL;
  coap_add_resource(proxy, coap_resource_reverse_proxy_init(forward, 0));
  coap_register_response_handler(proxy, back);
  front = loopback(serve(proxy, NULL));
  coap_register_response_handler(client, on_answer);
  coap_session_t *session = coap_new_client_session(client, NULL, &front, COAP_PROTO_UDP);
  NEED(session);
  heard[0] = 0;
  NEED(coap_send(session, request_for(session, COAP_MESSAGE_CON, COAP_REQUEST_GET, "time", "t")) != COAP_INVALID_MID);
  for (int64_t end = now_ms() + 20000; !heard[0] && now_ms() < end;) {
    coap_io_process(client, COAP_IO_NO_WAIT);
    coap_io_process(proxy, COAP_IO_NO_WAIT);
    coap_io_process(server, 2);
  }
  coap_session_release(session);
  coap_free_context(client);
  coap_free_context(proxy);
  coap_free_context(server);
  return heard[0] ? heard : "nothing";
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  show("verify: %d %d %d", coap_verify_proxy_scheme_supported(COAP_URI_SCHEME_COAPS),
       coap_verify_proxy_scheme_supported(COAP_URI_SCHEME_COAPS_TCP),
       coap_verify_proxy_scheme_supported(COAP_URI_SCHEME_COAPS_WS));
  show("DTLS, the key: %s", ask_through(COAP_URI_SCHEME_COAPS, COAP_PROTO_DTLS, "secret"));
  show("DTLS, no key: %s", ask_through(COAP_URI_SCHEME_COAPS, COAP_PROTO_DTLS, NULL));
  if (!on_reference()) {
    /* mend wrong-key: the client hears that the server cannot be asked (RFC 7252 section 5.9.3.3). */
    mend("wrong-key", "5.02 Bad Gateway", "%s", ask_through(COAP_URI_SCHEME_COAPS_TCP, COAP_PROTO_TLS, "wrong"));
    /* mend streams: the proxy does not wait for a connection; the reference waits, so that a server in the same thread
     * has no turn. */
    mend("streams", "2.05 noon", "%s", ask_through(COAP_URI_SCHEME_COAPS_TCP, COAP_PROTO_TLS, "secret"));
    mend("streams", "2.05 noon", "%s", ask_through(COAP_URI_SCHEME_COAPS_WS, COAP_PROTO_WSS, "secret"));
  }
  coap_cleanup();
  return 0;
}
