/* What a handshake with shared keys asks the application: the name (SNI), the hint, the identity; with which arguments,
 * in which order, how often; what the getters say meanwhile and afterwards. */
#include "tls.h"

/* mend empty-identity: the reference takes an empty identity, by which no server can tell anybody. */

static void
show_bin(const char *label, const coap_bin_const_t *bin) {
  if (bin)
    show("  %s: '%.*s'", label, (int)bin->length, bin->s ? (const char *)bin->s : "");
  else
    show("  %s: NULL", label);
}

static void
getters(const coap_session_t *session) {
  const char name = side_of(session)->name;
  show(" %c", name);
  show_bin("hint", coap_session_get_psk_hint(session));
  show_bin("identity", coap_session_get_psk_identity(session));
  show_bin("key", coap_session_get_psk_key(session));
}

/* In the order of the handshake: the lines of both sides, as they come. */
static void
asked(const char *what, const coap_session_t *session, const void *bytes, size_t length, const char *arg) {
  show("%c: %s '%.*s', %s behind it, arg %s (%s)", side_of(session)->name, what, (int)length, (const char *)bytes,
       length > 0 && ((const char *)bytes)[length] == 0 ? "NUL" : "-", arg,
       state_text(coap_session_get_state(session)));
}

static const coap_bin_const_t *
on_identity(coap_bin_const_t *identity, coap_session_t *session, void *arg) {
  static coap_bin_const_t key;
  asked("identity", session, identity->s, identity->length, arg);
  show_bin("hint now", coap_session_get_psk_hint(session));
  show_bin("identity now", coap_session_get_psk_identity(session));
  key = BIN("key of the identity");
  return &key;
}

static const coap_dtls_spsk_info_t *
on_name(const char *sni, coap_session_t *session, void *arg) {
  static coap_dtls_spsk_info_t info;
  asked("name", session, sni, strlen(sni), arg);
  info.hint = BIN("hint of the name");
  info.key = BIN("key of the name");
  return &info;
}

static const coap_dtls_cpsk_info_t *
on_hint(coap_str_const_t *hint, coap_session_t *session, void *arg) {
  static coap_dtls_cpsk_info_t info;
  asked("hint", session, hint->s, hint->length, arg);
  info.identity = BIN("chosen");
  info.key = BIN("key of the identity");
  return &info;
}

static coap_dtls_spsk_t
server_setup(void) {
  coap_dtls_spsk_t setup = psk_of_server();
  setup.id_call_back_arg = "of identities";
  setup.sni_call_back_arg = "of names";
  return setup;
}

static coap_dtls_cpsk_t
client_setup(const char *key) {
  coap_dtls_cpsk_t setup = psk_of_client("me", key);
  setup.ih_call_back_arg = "of hints";
  return setup;
}

static void
provide(coap_dtls_spsk_t setup) {
  tls_begin();
  NEED(coap_context_set_psk2(tls_server.context, &setup) == 1 && tls_serve(COAP_PROTO_DTLS));
}

static coap_session_t *
begin(coap_dtls_cpsk_t setup) {
  coap_session_t *session =
      coap_new_client_session_psk2(tls_client.context, NULL, tls_address(), COAP_PROTO_DTLS, &setup);
  NEED(session);
  return session;
}

static void
exchange(coap_dtls_cpsk_t setup) {
  coap_session_t *session = begin(setup);
  show("answered %d", tls_talk(session));
  if (is_up(session))
    getters(session);
  if (tls_server.peer)
    getters(tls_server.peer);
  tls_leave(session);
}

static void
one_by_one(void) {
  coap_dtls_spsk_t server = server_setup();
  coap_dtls_cpsk_t client = client_setup("secret");
  show("== no callback");
  provide(server);
  exchange(client);
  tls_end();

  show("== identity");
  server.validate_id_call_back = on_identity;
  provide(server);
  exchange(client_setup("key of the identity"));
  tls_end();

  show("== hint");
  client = client_setup("another key");
  client.validate_ih_call_back = on_hint;
  provide(server);
  exchange(client);
  tls_end();

  show("== a hint where the server has none");
  server.psk_info.hint = (coap_bin_const_t){0, NULL};
  provide(server);
  exchange(client);
  tls_end();

  show("== name");
  server = server_setup();
  server.validate_sni_call_back = on_name;
  client = client_setup("key of the name");
  client.client_sni = "some.example";
  provide(server);
  exchange(client);
  tls_end();
}

static void
all_of_them(void) {
  coap_dtls_spsk_t server = server_setup();
  coap_dtls_cpsk_t client = client_setup("another key");
  show("== name, hint, identity");
  server.validate_sni_call_back = on_name;
  server.validate_id_call_back = on_identity;
  client.validate_ih_call_back = on_hint;
  client.client_sni = "some.example";
  provide(server);
  exchange(client);
  tls_end();
}

/* What was given for a name is remembered; what was refused is not. */
static int refuse;

static const coap_dtls_spsk_info_t *
on_name_perhaps(const char *sni, coap_session_t *session, void *arg) {
  const coap_dtls_spsk_info_t *info = on_name(sni, session, arg);
  return refuse ? NULL : info;
}

static void
remembered(void) {
  static char names[][20] = {"some.example", "Some.Example", "other.example", "127.0.0.1"};
  coap_dtls_spsk_t server = server_setup();
  coap_dtls_cpsk_t client = client_setup("key of the name");
  show("== names again");
  server.validate_sni_call_back = on_name_perhaps;
  provide(server);
  refuse = 1;
  client.client_sni = names[0];
  exchange(client);
  refuse = 0;
  for (int round = 0; round < 2; round++)
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
      show("-- %s", names[i]);
      client.client_sni = names[i];
      coap_session_t *session = begin(client);
      show("answered %d", tls_talk(session));
      tls_leave(session);
    }
  show("-- none");
  client.client_sni = NULL;
  exchange(client);
  tls_end();
}

/* What a set-up points to is needed as long as it is used, but the structure itself only during the call. */
static void
structure_is_copied(void) {
  coap_dtls_spsk_t *server = malloc(sizeof(*server));
  coap_dtls_cpsk_t *client = malloc(sizeof(*client));
  coap_session_t *session;
  show("== the structures are gone");
  NEED(server && client);
  *server = server_setup();
  server->validate_id_call_back = on_identity;
  *client = client_setup("key of the identity");
  tls_begin();
  NEED(coap_context_set_psk2(tls_server.context, server) == 1 && tls_serve(COAP_PROTO_DTLS));
  memset(server, 0xff, sizeof(*server));
  free(server);
  session = coap_new_client_session_psk2(tls_client.context, NULL, tls_address(), COAP_PROTO_DTLS, client);
  NEED(session);
  memset(client, 0xff, sizeof(*client));
  free(client);
  show("answered %d", tls_talk(session));
  tls_leave(session);
  tls_end();
}

/* A set-up that replaces another counts for those who come later, at endpoints that were there before too. */
static void
set_again(void) {
  coap_dtls_spsk_t server = server_setup();
  coap_session_t *first, *second;
  show("== set up again");
  provide(server);
  first = begin(client_setup("secret"));
  show("first: %d", tls_talk(first));
  server.psk_info.key = BIN("another");
  server.psk_info.hint = BIN("another hint");
  NEED(coap_context_set_psk2(tls_server.context, &server) == 1);
  show("first again: %d", tls_talk(first));
  second = begin(client_setup("another"));
  show("second: %d", tls_talk(second));
  getters(second);
  coap_session_release(second);
  tls_leave(first);
  tls_end();
}

/* Sizes that hold. */
static void
long_ones(void) {
  static const size_t identities[] = {1, 63, 64, 127, 128, 255}, keys[] = {1, 16, 64, 65, 128, 256, 512};
  static char text[600];
  show("== identities and keys of many sizes");
  for (size_t i = 0; i < sizeof(identities) / sizeof(identities[0]); i++) {
    memset(text, 'i', identities[i]);
    text[identities[i]] = 0;
    tls_begin();
    psk_server(COAP_PROTO_DTLS);
    coap_session_t *session = coap_new_client_session_psk(tls_client.context, NULL, tls_address(), COAP_PROTO_DTLS, text,
                                                          (const uint8_t *)"secret", 6);
    NEED(session);
    show("identity of %zu: %d", identities[i], tls_talk(session));
    if (tls_server.peer)
      show("as the server has it: %zu", coap_session_get_psk_identity(tls_server.peer)->length);
    tls_leave(session);
    tls_end();
  }
  for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
    memset(text, 'k', keys[i]);
    tls_begin();
    NEED(coap_context_set_psk(tls_server.context, "hint", (const uint8_t *)text, keys[i]) == 1);
    NEED(tls_serve(COAP_PROTO_DTLS));
    coap_session_t *session = coap_new_client_session_psk(tls_client.context, NULL, tls_address(), COAP_PROTO_DTLS, "me",
                                                          (const uint8_t *)text, keys[i]);
    NEED(session);
    show("key of %zu: %d", keys[i], tls_talk(session));
    tls_leave(session);
    tls_end();
  }
  show("== an empty identity");
  tls_begin();
  psk_server(COAP_PROTO_DTLS);
  coap_session_t *session = coap_new_client_session_psk(tls_client.context, NULL, tls_address(), COAP_PROTO_DTLS, "",
                                                        (const uint8_t *)"secret", 6);
  mend("empty-identity", "refused", "%s", session ? "taken" : "refused");
  if (session)
    coap_session_release(session);
  tls_end();
}

int
main(void) {
  coap_startup();
  one_by_one();
  all_of_them();
  remembered();
  structure_is_copied();
  set_again();
  long_ones();
  coap_cleanup();
  return 0;
}
