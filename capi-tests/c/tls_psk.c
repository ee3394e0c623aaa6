/* An exchange over TLS with a key that both sides share, and those that fail. */
#include "tls.h"

static void
about(const char *when, const coap_session_t *session) {
  coap_tls_library_t library = COAP_TLS_LIBRARY_NOTLS;
  const coap_bin_const_t *identity = coap_session_get_psk_identity(session), *key = coap_session_get_psk_key(session);
  show("-- %s: %s, proto %s", when, state_text(coap_session_get_state(session)),
       proto_text(coap_session_get_proto(session)));
  show("identity %.*s, key %s", identity ? (int)identity->length : 4, identity ? (const char *)identity->s : "NULL",
       key ? "there" : "NULL");
  SHOW_PTR(coap_session_get_tls(session, &library));
  show("library %d", (int)library);
}

static void
one_exchange(void) {
  coap_session_t *session;
  show("== one exchange");
  tls_begin();
  psk_server(COAP_PROTO_TLS);
  session = psk_client(COAP_PROTO_TLS);
  about("the client at once", session);
  BOTH_UNTIL(is_up(session), 3000);
  tell();
  about("the client", session);
  SHOW(coap_session_max_pdu_size(session));
  NEED(tls_server.peer);
  about("the server", tls_server.peer);
  SHOW(tls_talk(session));
  tell();
  show("-- release");
  tls_leave(session);
  tell();
  tls_end();
}

static void
freed(int server_first) {
  coap_session_t *session;
  show("== the %s's context is freed", server_first ? "server" : "client");
  tls_begin();
  psk_server(COAP_PROTO_TLS);
  session = psk_client(COAP_PROTO_TLS);
  SHOW(tls_talk(session));
  take(&tls_client);
  take(&tls_server);
  if (server_first) {
    tls_free(&tls_server);
    BOTH_UNTIL(is_down(session), 3000);
    coap_session_release(session);
  } else {
    tls_free(&tls_client);
    BOTH_UNTIL(tls_server.sessions == 0, 3000);
  }
  tls_end();
  tell();
}

static coap_session_t *
client_with(const char *identity, const char *key) {
  coap_session_t *session = coap_new_client_session_psk(tls_client.context, NULL, tls_address(), COAP_PROTO_TLS, identity,
                                                        (const uint8_t *)key, strlen(key));
  NEED(session);
  return session;
}

static void
attempt(const char *label, const char *identity, const char *key) {
  coap_session_t *session = client_with(identity, key);
  show("-- %s: %d", label, tls_talk(session));
  tls_leave(session);
  tell();
}

static void
wrong_key(void) {
  show("== a key that the server does not have");
  tls_begin();
  psk_server(COAP_PROTO_TLS);
  attempt("wrong", "me", "other");
  attempt("right", "me", "secret");
  attempt("any identity", "you", "secret");
  tls_end();
}

static const coap_bin_const_t *
key_of(coap_bin_const_t *identity, coap_session_t *session, void *arg) {
  static coap_bin_const_t key;
  note(side_of(session), "identity '%.*s' %s (%s)", (int)identity->length, (const char *)identity->s, (const char *)arg,
       state_text(coap_session_get_state(session)));
  key = BIN("hers");
  return identity->length == 3 && memcmp(identity->s, "her", 3) == 0 ? &key : NULL;
}

static void
identities(void) {
  coap_dtls_spsk_t setup;
  show("== a server that asks for the key of an identity");
  tls_begin();
  memset(&setup, 0, sizeof(setup));
  setup.version = COAP_DTLS_SPSK_SETUP_VERSION;
  setup.validate_id_call_back = key_of;
  setup.id_call_back_arg = "arg";
  setup.psk_info.hint = BIN("hint");
  setup.psk_info.key = BIN("secret");
  NEED(coap_context_set_psk2(tls_server.context, &setup) == 1 && tls_serve(COAP_PROTO_TLS));
  attempt("known", "her", "hers");
  attempt("known, the common key", "her", "secret");
  attempt("unknown", "him", "secret");
  tls_end();
}

static const coap_dtls_cpsk_info_t *
on_hint(coap_str_const_t *hint, coap_session_t *session, void *arg UNUSED) {
  static coap_dtls_cpsk_info_t info;
  note(side_of(session), "hint '%.*s' (%s)", (int)hint->length, (const char *)hint->s,
       state_text(coap_session_get_state(session)));
  info.identity = BIN("me");
  info.key = BIN("secret");
  return &info;
}

/* Hints are of TLS 1.2: a client that wants one does not go beyond that. */
static void
hint(void) {
  coap_dtls_cpsk_t setup;
  coap_session_t *session;
  const char *(*version)(const void *) = (const char *(*)(const void *))dlsym(RTLD_DEFAULT, "SSL_get_version");
  NEED(version);
  show("== a client that asks for the key of a hint");
  tls_begin();
  psk_server(COAP_PROTO_TLS);
  memset(&setup, 0, sizeof(setup));
  setup.version = COAP_DTLS_CPSK_SETUP_VERSION;
  setup.psk_info.identity = BIN("first");
  setup.psk_info.key = BIN("first key");
  setup.validate_ih_call_back = on_hint;
  session = coap_new_client_session_psk2(tls_client.context, NULL, tls_address(), COAP_PROTO_TLS, &setup);
  NEED(session);
  SHOW(tls_talk(session));
  show("version %s", version(coap_session_get_tls(session, NULL)));
  tls_leave(session);
  tell();
  session = client_with("me", "secret");
  SHOW(tls_talk(session));
  show("without: version %s", version(coap_session_get_tls(session, NULL)));
  tls_leave(session);
  tls_end();
}

int
main(void) {
  coap_startup();
  one_exchange();
  freed(0);
  freed(1);
  wrong_key();
  identities();
  hint();
  coap_cleanup();
  return 0;
}
