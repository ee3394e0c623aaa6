/* Handshakes with shared keys that fail: which side is told what, and how the session is afterwards. */
#include "tls.h"

static const coap_bin_const_t *
key_of(coap_bin_const_t *identity, coap_session_t *session, void *arg UNUSED) {
  static coap_bin_const_t key;
  note(side_of(session), "identity '%.*s'", (int)identity->length, (const char *)identity->s);
  key = BIN("secret");
  if (identity->length == 5 && memcmp(identity->s, "empty", 5) == 0)
    key = (coap_bin_const_t){0, (const uint8_t *)""};
  return identity->length == 7 ? NULL : &key;
}

static const coap_dtls_spsk_info_t *
info_of(const char *sni, coap_session_t *session, void *arg UNUSED) {
  static coap_dtls_spsk_info_t info;
  note(side_of(session), "name '%s'", sni);
  info.hint = BIN("hint");
  info.key = BIN("secret");
  return strcmp(sni, "refused.example") == 0 ? NULL : &info;
}

static const coap_dtls_cpsk_info_t *
identity_for(coap_str_const_t *hint, coap_session_t *session, void *arg) {
  static coap_dtls_cpsk_info_t info;
  note(side_of(session), "hint '%.*s'", (int)hint->length, (const char *)hint->s);
  info.identity = BIN("me");
  info.key = BIN("secret");
  return arg ? &info : NULL;
}

/* What is left of a session whose handshake has failed. */
static void
afterwards(coap_session_t *session) {
  show("state %s, send %d, tls %s", state_text(coap_session_get_state(session)), tls_get(session, "x"),
       coap_session_get_tls(session, NULL) ? "something" : "NULL");
  show("can exit %d, pending %d", coap_can_exit(tls_client.context), coap_io_pending(tls_client.context));
}

/* Two requests wait for a handshake that fails. */
static void
fails(const char *label, coap_dtls_spsk_t server, coap_dtls_cpsk_t client) {
  coap_session_t *session;
  show("== %s", label);
  tls_begin();
  NEED(coap_context_set_psk2(tls_server.context, &server) == 1 && tls_serve(COAP_PROTO_DTLS));
  session = coap_new_client_session_psk2(tls_client.context, NULL, tls_address(), COAP_PROTO_DTLS, &client);
  NEED(session);
  SHOW(tls_get(session, "a"));
  SHOW(tls_get(session, "b"));
  show("answered %d", tls_talk(session));
  tell();
  afterwards(session);
  tls_leave(session);
  tell();
  tls_end();
}

static void
callbacks(void) {
  coap_dtls_spsk_t server = psk_of_server();
  coap_dtls_cpsk_t client = psk_of_client("unknown", "secret");
  server.validate_id_call_back = key_of;
  fails("an identity that the callback refuses", server, client);
  fails("an identity that the callback has an empty key for", server, psk_of_client("empty", "secret"));
  server = psk_of_server();
  server.validate_sni_call_back = info_of;
  client = psk_of_client("me", "secret");
  client.client_sni = "refused.example";
  fails("a name that the callback refuses", server, client);
  client = psk_of_client("me", "secret");
  client.validate_ih_call_back = identity_for;
  fails("a hint that the callback refuses", psk_of_server(), client);
}

/* Nobody says that a key is wrong: the other side cannot read what comes, and drops it (RFC 6347 section 4.1.2.7). Each
 * side repeats its messages until it gives up. */
static void
wrong_key(void) {
  coap_session_t *session;
  show("== a key that the server does not have");
  tls_begin();
  psk_server(COAP_PROTO_DTLS);
  session = coap_new_client_session_psk(tls_client.context, NULL, tls_address(), COAP_PROTO_DTLS, "me",
                                        (const uint8_t *)"other", 5);
  NEED(session);
  coap_session_set_max_retransmit(session, 1);
  SHOW(tls_get(session, "a"));
  BOTH_UNTIL(tls_server.peer, 3000);
  NEED(tls_server.peer);
  coap_session_set_max_retransmit(tls_server.peer, 1);
  BOTH_UNTIL(is_down(session) && tls_server.sessions == 0, 8000);
  tell();
  afterwards(session);
  coap_session_release(session);
  tls_end();
}

/* The server has keys, and the client wants certificates; and the other way round. */
static void
nothing_in_common(void) {
  coap_dtls_pki_t setup = pki("client");
  coap_session_t *session;
  show("== a client with certificates, a server with keys");
  tls_begin();
  psk_server(COAP_PROTO_DTLS);
  session = coap_new_client_session_pki(tls_client.context, NULL, tls_address(), COAP_PROTO_DTLS, &setup);
  NEED(session);
  SHOW(tls_get(session, "a"));
  show("answered %d", tls_talk(session));
  tell();
  afterwards(session);
  tls_leave(session);
  tls_end();

  show("== a client with a key, a server with certificates");
  tls_begin();
  setup = pki("server");
  NEED(coap_context_set_pki(tls_server.context, &setup) == 1 && tls_serve(COAP_PROTO_DTLS));
  session = psk_client(COAP_PROTO_DTLS);
  SHOW(tls_get(session, "a"));
  show("answered %d", tls_talk(session));
  tell();
  tls_leave(session);
  tls_end();

  show("== a client with nothing, a server with keys");
  tls_begin();
  psk_server(COAP_PROTO_DTLS);
  session = coap_new_client_session(tls_client.context, NULL, tls_address(), COAP_PROTO_DTLS);
  NEED(session);
  SHOW(tls_get(session, "a"));
  show("answered %d", tls_talk(session));
  tell();
  tls_leave(session);
  tls_end();
}

/* A failure does no harm to those that come after it. */
static void
the_next_one(void) {
  coap_dtls_spsk_t server = psk_of_server();
  coap_session_t *bad, *good;
  show("== a good one beside and behind a bad one");
  tls_begin();
  server.validate_id_call_back = key_of;
  NEED(coap_context_set_psk2(tls_server.context, &server) == 1 && tls_serve(COAP_PROTO_DTLS));
  for (int round = 0; round < 3; round++) {
    bad = coap_new_client_session_psk(tls_client.context, NULL, tls_address(), COAP_PROTO_DTLS, "unknown",
                                      (const uint8_t *)"secret", 6);
    good = psk_client(COAP_PROTO_DTLS);
    NEED(bad && tls_get(bad, "a") && tls_get(good, "b"));
    BOTH_UNTIL(is_down(bad) && tls_client.responses == round + 1, 3000);
    show("bad %s, good %s", state_text(coap_session_get_state(bad)), state_text(coap_session_get_state(good)));
    coap_session_release(bad);
    tls_leave(good);
  }
  tls_end();
}

int
main(void) {
  coap_startup();
  callbacks();
  wrong_key();
  nothing_in_common();
  the_next_one();
  coap_cleanup();
  return 0;
}
