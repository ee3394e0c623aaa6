/* An exchange over DTLS with a key that both sides share: what each call answers before, during and after the
 * handshake, and what the handlers are told in which order. */
#include "tls.h"

static void
show_bin(const char *label, const coap_bin_const_t *bin) {
  if (bin)
    show("%s: '%.*s'", label, (int)bin->length, bin->s ? (const char *)bin->s : "");
  else
    show("%s: NULL", label);
}

/* A session as text, without the ports. */
static void
show_session(const char *label, const coap_session_t *session) {
  printf("%s: ", label);
  const char *start = coap_session_str(session);
  for (const char *text = start; *text; text++) {
    putchar(*text);
    if (text - start >= 2 && strncmp(text - 2, ".1:", 3) == 0) {
      printf("PORT");
      text += strspn(text + 1, "0123456789");
    }
  }
  putchar('\n');
}

static void
about(const char *when, const coap_session_t *session) {
  coap_tls_library_t library = COAP_TLS_LIBRARY_NOTLS;
  show("-- %s: %s, proto %s, type %d", when, state_text(coap_session_get_state(session)),
       proto_text(coap_session_get_proto(session)), (int)coap_session_get_type(session));
  show_session("text", session);
  show_bin("hint", coap_session_get_psk_hint(session));
  show_bin("identity", coap_session_get_psk_identity(session));
  show_bin("key", coap_session_get_psk_key(session));
  SHOW_PTR(coap_session_get_tls(session, &library));
  show("library %d", (int)library);
}

static void
one_exchange(void) {
  coap_session_t *session;
  coap_endpoint_t *endpoint;
  show("== one exchange");
  tls_begin();
  endpoint = psk_server(COAP_PROTO_DTLS);
  show("endpoint ends with DTLS: %d", strstr(coap_endpoint_str(endpoint), " DTLS") != NULL);
  session = psk_client(COAP_PROTO_DTLS);
  about("the client before it has heard anything", session);
  SHOW(coap_session_max_pdu_size(session));
  SHOW(coap_session_send_ping(session));
  SHOW(coap_can_exit(tls_client.context));
  SHOW(coap_io_pending(tls_client.context));
  SHOW(tls_get(session, "a"));
  SHOW(coap_can_exit(tls_client.context));
  SHOW(coap_io_pending(tls_client.context));
  tell();
  BOTH_UNTIL(tls_client.responses == 1, 3000);
  tell();
  about("the client", session);
  NEED(tls_server.peer);
  about("the server", tls_server.peer);
  SHOW(coap_can_exit(tls_client.context));
  show("-- release");
  tls_leave(session);
  tell();
  show("-- free");
  tls_end();
  tell();
}

/* What is left of a message when a record's header, nonce and tag are taken off. */
static void
sizes(void) {
  static const unsigned int mtus[] = {1280, 1152, 500, 100, 64};
  coap_session_t *session;
  show("== sizes");
  tls_begin();
  psk_server(COAP_PROTO_DTLS);
  session = psk_client(COAP_PROTO_DTLS);
  NEED(tls_talk(session));
  for (size_t i = 0; i < sizeof(mtus) / sizeof(mtus[0]); i++) {
    coap_session_set_mtu(session, mtus[i]);
    show("mtu %u: %zu", mtus[i], coap_session_max_pdu_size(session));
  }
  tls_leave(session);
  tls_end();
}

/* The two sides end in either way. */
static void
ends(void) {
  coap_session_t *session;
  show("== the contexts are freed, the client's first");
  tls_begin();
  psk_server(COAP_PROTO_DTLS);
  session = psk_client(COAP_PROTO_DTLS);
  SHOW(tls_talk(session));
  tell();
  tls_free(&tls_client);
  show("-- the client's is gone");
  BOTH_UNTIL(tls_server.sessions == 0, 3000);
  tell();
  tls_end();

  show("== the contexts are freed, the server's first");
  tls_begin();
  psk_server(COAP_PROTO_DTLS);
  session = psk_client(COAP_PROTO_DTLS);
  SHOW(tls_talk(session));
  tell();
  tls_free(&tls_server);
  show("-- the server's is gone");
  BOTH_UNTIL(is_down(session), 3000);
  tell();
  show("state %s", state_text(coap_session_get_state(session)));
  SHOW(tls_get(session, "b"));
  coap_session_release(session);
  tls_end();
  tell();
}

/* A second client of the same key, from the same context. */
static void
two_at_once(void) {
  coap_session_t *first, *second;
  show("== two sessions at once");
  tls_begin();
  psk_server(COAP_PROTO_DTLS);
  first = psk_client(COAP_PROTO_DTLS);
  second = psk_client(COAP_PROTO_DTLS);
  SHOW(tls_get(first, "a"));
  SHOW(tls_get(second, "b"));
  BOTH_UNTIL(tls_client.responses == 2, 3000);
  show("answers %d, sessions %d, handshakes %d and %d", tls_client.responses, tls_server.sessions, tls_client.connected,
       tls_server.connected);
  coap_session_release(first);
  BOTH_UNTIL(tls_server.sessions == 1, 3000);
  SHOW(tls_talk(second));
  tls_leave(second);
  show("sessions %d", tls_server.sessions);
  tls_end();
}

/* What OpenSSL does not have is left out, with a warning each. */
static void
left_out(void) {
  coap_dtls_spsk_t server;
  coap_dtls_cpsk_t client;
  coap_session_t *session;
  show("== left out");
  memset(&server, 0, sizeof(server));
  server.version = COAP_DTLS_SPSK_SETUP_VERSION;
  server.ec_jpake = 1;
  server.psk_info.key = (coap_bin_const_t){6, (const uint8_t *)"secret"};
  memset(&client, 0, sizeof(client));
  client.version = COAP_DTLS_CPSK_SETUP_VERSION;
  client.ec_jpake = 1;
  client.use_cid = 1;
  client.psk_info.identity = (coap_bin_const_t){2, (const uint8_t *)"me"};
  client.psk_info.key = server.psk_info.key;
  tls_begin();
  SHOW(coap_context_set_psk2(tls_server.context, &server));
  show("warnings: %d", tls_warnings);
  NEED(tls_serve(COAP_PROTO_DTLS));
  session = coap_new_client_session_psk2(tls_client.context, NULL, tls_address(), COAP_PROTO_DTLS, &client);
  NEED(session);
  show("warnings: %d", tls_warnings);
  SHOW(tls_talk(session));
  tls_leave(session);
  tls_end();
}

int
main(void) {
  coap_startup();
  left_out();
  one_exchange();
  sizes();
  ends();
  two_at_once();
  coap_cleanup();
  return 0;
}
