/* Set-ups that cannot work, and what the call that is given them answers. */
#include "tls.h"

/* mend refused: the reference takes nearly everything, and reads files when a handshake needs them, which then fails
 *   with another reason. A client's session that it gives has ended already, and the nack handler was called. Ours
 *   answers 0 or NULL at once, calls no handler, and says why in one line of the log, at WARN or above.
 * mend no-context: the reference crashes. */

enum { BOTH_REFUSE, OURS_REFUSES };

/* What a call answered, what the handlers were told during it, and how many lines it logged. */
static void
answer(const char *label, side_t *side, int refused, int refuses) {
  const char *told = take(side), *who = side == &tls_client ? "client" : "server";
  char wanted[200];
  snprintf(wanted, sizeof(wanted), "%s, %s: refused, -, 1 line", label, who);
  mend("refused", wanted, "%s, %s: %s, %s, %d line%s", label, who, refused ? "refused" : "taken", told, tls_warnings,
       tls_warnings == 1 ? "" : "s");
  if (!on_reference())
    show("~ %.*s", (int)strcspn(tls_setup_log, "\n"), tls_setup_log);
  if (refuses == BOTH_REFUSE)
    show("%s, %s: %s, %s", label, who, refused ? "refused" : "taken", told);
  tls_warnings = 0;
  tls_setup_log[0] = 0;
}

static void
server_pki(const char *label, coap_dtls_pki_t setup, int refuses) {
  tls_begin();
  setup.check_common_ca = 1;
  answer(label, &tls_server, coap_context_set_pki(tls_server.context, &setup) == 0, refuses);
  tls_end();
}

static void
client_pki(const char *label, coap_dtls_pki_t setup, int refuses) {
  coap_session_t *session;
  peer_t silent = peer_open(0);
  tls_begin();
  tls_port = silent.port;
  setup.check_common_ca = 1;
  session = coap_new_client_session_pki(tls_client.context, NULL, tls_address(), COAP_PROTO_DTLS, &setup);
  answer(label, &tls_client, session == NULL, refuses);
  if (session)
    coap_session_release(session);
  tls_end();
  peer_close(&silent);
}

static coap_dtls_pki_t
with_key(coap_dtls_key_t key) {
  coap_dtls_pki_t setup = pki("server");
  setup.pki_key = key;
  return setup;
}

static void
both_key(const char *label, coap_dtls_key_t key, int refuses) {
  server_pki(label, with_key(key), refuses);
  client_pki(label, with_key(key), refuses);
}

/* Clients need no certificate, and sessions may be set up by their context; but a server needs one. */
static void
no_endpoint(const char *label, coap_dtls_key_t key) {
  coap_dtls_pki_t setup = with_key(key);
  char wanted[100];
  tls_begin();
  show("%s: %d", label, coap_context_set_pki(tls_server.context, &setup));
  snprintf(wanted, sizeof(wanted), "%s: no endpoint", label);
  mend("refused", wanted, "%s: %s", label, tls_serve(COAP_PROTO_DTLS) ? "an endpoint" : "no endpoint");
  tls_end();
}

static void
files(void) {
  static const struct {
    const char *label, *ca, *cert, *key;
  } cases[] = {
      {"no such certificate", "ca.pem", "nothere.pem", "server.key"},
      {"no such key", "ca.pem", "server.pem", "nothere.key"},
      {"no such authority", "nothere.pem", "server.pem", "server.key"},
      {"certificate that is none", "ca.pem", "garbage.pem", "server.key"},
      {"key that is none", "ca.pem", "server.pem", "garbage.pem"},
      {"authority that is none", "garbage.pem", "server.pem", "server.key"},
      {"empty certificate", "ca.pem", "empty.pem", "server.key"},
      {"empty authority", "empty.pem", "server.pem", "server.key"},
      {"a folder", "ca.pem", "folder", "server.key"},
      {"a key for a certificate", "ca.pem", "server.key", "server.key"},
      {"a certificate for a key", "ca.pem", "server.pem", "server.pem"},
      {"key of another", "ca.pem", "server.pem", "client.key"},
      {"key of another kind", "ca.pem", "server.pem", "rsa2048.key"},
      {"certificate without key", "ca.pem", "server.pem", NULL},
      {"key without certificate", "ca.pem", NULL, "server.key"},
  };
  show("== files");
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    both_key(cases[i].label, pem(cases[i].ca, cases[i].cert, cases[i].key), OURS_REFUSES);
  no_endpoint("nothing at all", pem(NULL, NULL, NULL));
  no_endpoint("an authority alone", pem("ca.pem", NULL, NULL));
  /* The reference asks for the pass phrase at the terminal. */
  if (!on_reference()) {
    server_pki("key with a pass phrase", with_key(pem("ca.pem", "client.pem", "locked.key")), OURS_REFUSES);
    client_pki("key with a pass phrase", with_key(pem("ca.pem", "client.pem", "locked.key")), OURS_REFUSES);
  }
}

static void
buffers(void) {
  show("== buffers");
  both_key("certificate that is none", pem_buffers("ca.pem", "garbage.pem", "server.key", 1), OURS_REFUSES);
  both_key("key that is none", pem_buffers("ca.pem", "server.pem", "garbage.pem", 1), OURS_REFUSES);
  both_key("authority that is none", pem_buffers("garbage.pem", "server.pem", "server.key", 1), OURS_REFUSES);
  both_key("key of another", pem_buffers("ca.pem", "server.pem", "client.key", 1), OURS_REFUSES);
  both_key("certificate without key", pem_buffers("ca.pem", "server.pem", NULL, 1), OURS_REFUSES);
  both_key("certificate that is cut", asn1("ca.der", "garbage.pem", "server.keyder", COAP_ASN1_PKEY_EC), OURS_REFUSES);
  both_key("key that is cut", asn1("ca.der", "server.der", "garbage.pem", COAP_ASN1_PKEY_EC), OURS_REFUSES);
  both_key("authority that is cut", asn1("garbage.pem", "server.der", "server.keyder", COAP_ASN1_PKEY_EC), OURS_REFUSES);
  both_key("key of another", asn1("ca.der", "server.der", "client.keyder", COAP_ASN1_PKEY_EC), OURS_REFUSES);
  both_key("key said to be of another kind", asn1("ca.der", "server.der", "server.keyder", COAP_ASN1_PKEY_RSA),
           OURS_REFUSES);
  both_key("certificate without key", asn1("ca.der", "server.der", NULL, COAP_ASN1_PKEY_EC), OURS_REFUSES);
}

static void
kinds(void) {
  coap_dtls_key_t key = pem_of("server");
  coap_pki_key_pkcs11_t *token = &key.key.pkcs11;
  show("== kinds");
  if (!on_reference()) {
    key.key_type = (coap_pki_key_t)9;
    both_key("unknown kind", key, OURS_REFUSES);
  }
  memset(&key, 0, sizeof(key));
  key.key_type = COAP_PKI_KEY_PKCS11;
  token->ca = "pkcs11:token=none;id=%aa";
  token->public_cert = "pkcs11:token=none;id=%bb";
  token->private_key = "pkcs11:token=none;id=%cc";
  token->user_pin = "1234";
  both_key("no such token", key, OURS_REFUSES);
  both_key("no such token, by parts",
           define(COAP_PKI_KEY_DEF_PEM, "ca.pem", COAP_PKI_KEY_DEF_PKCS11, "pkcs11:token=none;id=%bb",
                  COAP_PKI_KEY_DEF_PKCS11, "pkcs11:token=none;id=%cc"),
           OURS_REFUSES);
  both_key("no engine",
           define(COAP_PKI_KEY_DEF_PEM, "ca.pem", COAP_PKI_KEY_DEF_PEM, "server.pem", COAP_PKI_KEY_DEF_ENGINE, "x"),
           OURS_REFUSES);
  both_key("unknown part",
           define(COAP_PKI_KEY_DEF_PEM, "ca.pem", COAP_PKI_KEY_DEF_PEM, "server.pem", (coap_pki_define_t)42, "server.key"),
           OURS_REFUSES);
  both_key("no such DER file",
           define(COAP_PKI_KEY_DEF_PEM, "ca.pem", COAP_PKI_KEY_DEF_DER, "nothere.der", COAP_PKI_KEY_DEF_PEM, "server.key"),
           OURS_REFUSES);
  both_key("raw public keys",
           define(COAP_PKI_KEY_DEF_RPK_BUF, NULL, COAP_PKI_KEY_DEF_RPK_BUF, "server.key", COAP_PKI_KEY_DEF_RPK_BUF,
                  "server.key"),
           OURS_REFUSES);
}

static void
versions(void) {
  coap_dtls_pki_t setup = pki("server");
  show("== versions of the structures");
  setup.version = 0;
  server_pki("0", setup, BOTH_REFUSE);
  client_pki("0", setup, BOTH_REFUSE);
  setup.version = COAP_DTLS_PKI_SETUP_VERSION + 1;
  server_pki("2", setup, BOTH_REFUSE);
  client_pki("2", setup, BOTH_REFUSE);
  tls_begin();
  SHOW(coap_context_set_pki(tls_server.context, NULL));
  SHOW_PTR(coap_new_client_session_pki(tls_client.context, NULL, tls_address(), COAP_PROTO_DTLS, NULL));
  tls_end();
}

static void
roots(void) {
  coap_context_t *context;
  show("== coap_context_set_pki_root_cas");
  tls_begin();
  context = tls_server.context;
  show("a file: %d", coap_context_set_pki_root_cas(context, cert("ca.pem"), NULL));
  show("two in one file: %d", coap_context_set_pki_root_cas(context, cert("both.pem"), NULL));
  show("a folder: %d", coap_context_set_pki_root_cas(context, NULL, cert("folder")));
  show("a file and a folder: %d", coap_context_set_pki_root_cas(context, cert("ca.pem"), cert("folder")));
  show("no such file: %d", coap_context_set_pki_root_cas(context, cert("nothere.pem"), NULL));
  show("no certificate: %d", coap_context_set_pki_root_cas(context, cert("garbage.pem"), NULL));
  show("an empty file: %d", coap_context_set_pki_root_cas(context, cert("empty.pem"), NULL));
  show("a folder for a file: %d", coap_context_set_pki_root_cas(context, cert("folder"), NULL));
  show("neither: %d", coap_context_set_pki_root_cas(context, NULL, NULL));
  tls_end();
}

/* ---- keys that are shared ---- */

static coap_session_t *
psk(const char *identity, const char *key, size_t length) {
  return coap_new_client_session_psk(tls_client.context, NULL, tls_address(), COAP_PROTO_DTLS, identity,
                                     (const uint8_t *)key, length);
}

static void
client_psk(const char *label, coap_session_t *session, int refuses) {
  answer(label, &tls_client, session == NULL, refuses);
  if (session)
    coap_session_release(session);
  take(&tls_client);
}

static void
psk_clients(void) {
  static char long_text[601];
  peer_t silent = peer_open(0);
  coap_dtls_cpsk_t setup;
  memset(long_text, 'i', sizeof(long_text) - 1);
  show("== clients with a shared key");
  tls_begin();
  tls_port = silent.port;
  client_psk("no identity", psk(NULL, "key", 3), BOTH_REFUSE);
  client_psk("no key", psk("me", NULL, 0), BOTH_REFUSE);
  client_psk("no key of 3 bytes", psk("me", NULL, 3), BOTH_REFUSE);
  client_psk("an empty key", psk("me", "key", 0), BOTH_REFUSE);
  client_psk("nothing", psk(NULL, NULL, 0), BOTH_REFUSE);
  client_psk("an identity of 300 bytes", psk(long_text + 300, "key", 3), OURS_REFUSES);
  client_psk("a key of 600 bytes", psk("me", long_text, 600), OURS_REFUSES);
  memset(&setup, 0, sizeof(setup));
  setup.version = COAP_DTLS_CPSK_SETUP_VERSION;
  client_psk("psk2 of nothing",
             coap_new_client_session_psk2(tls_client.context, NULL, tls_address(), COAP_PROTO_DTLS, &setup), BOTH_REFUSE);
  setup.psk_info.identity = BIN("me");
  client_psk("psk2 without a key",
             coap_new_client_session_psk2(tls_client.context, NULL, tls_address(), COAP_PROTO_DTLS, &setup), BOTH_REFUSE);
  setup.psk_info.key = BIN("key");
  setup.version = COAP_DTLS_CPSK_SETUP_VERSION + 1;
  client_psk("psk2 of version 2",
             coap_new_client_session_psk2(tls_client.context, NULL, tls_address(), COAP_PROTO_DTLS, &setup), OURS_REFUSES);
  SHOW_PTR(coap_new_client_session_psk2(tls_client.context, NULL, tls_address(), COAP_PROTO_DTLS, NULL));
  tls_end();
  peer_close(&silent);
}

static const coap_bin_const_t *
any_identity(coap_bin_const_t *identity UNUSED, coap_session_t *session UNUSED, void *arg UNUSED) {
  static coap_bin_const_t key;
  key = BIN("secret");
  return &key;
}

static void
psk_servers(void) {
  coap_dtls_spsk_t setup;
  coap_context_t *context;
  show("== servers with a shared key");
  tls_begin();
  context = tls_server.context;
  show("endpoint before any set-up: %s", tls_serve(COAP_PROTO_DTLS) ? "made" : "NULL");
  SHOW(coap_context_set_psk(context, NULL, (const uint8_t *)"key", 3));
  SHOW(coap_context_set_psk(context, "", (const uint8_t *)"key", 3));
  tls_warnings = 0;
  answer("no key", &tls_server, coap_context_set_psk(context, "hint", NULL, 0) == 0, OURS_REFUSES);
  answer("an empty key", &tls_server, coap_context_set_psk(context, "hint", (const uint8_t *)"", 0) == 0, OURS_REFUSES);
  memset(&setup, 0, sizeof(setup));
  setup.version = COAP_DTLS_SPSK_SETUP_VERSION;
  answer("psk2 of nothing", &tls_server, coap_context_set_psk2(context, &setup) == 0, OURS_REFUSES);
  setup.psk_info.key = BIN("key");
  setup.version = COAP_DTLS_SPSK_SETUP_VERSION + 1;
  answer("psk2 of version 2", &tls_server, coap_context_set_psk2(context, &setup) == 0, OURS_REFUSES);
  setup.version = COAP_DTLS_SPSK_SETUP_VERSION;
  setup.psk_info.key = (coap_bin_const_t){0, NULL};
  setup.validate_id_call_back = any_identity;
  show("no key but a callback: %d", coap_context_set_psk2(context, &setup));
  show("psk2 of NULL: %d", coap_context_set_psk2(context, NULL));
  tls_end();
  if (!on_reference()) {
    mend("no-context", "0", "%d", coap_context_set_psk(NULL, "hint", (const uint8_t *)"key", 3));
    mend("no-context", "0", "%d", coap_context_set_psk2(NULL, &setup));
  }
}

/* A set-up that is refused leaves what was there before. */
static void
refused_later(void) {
  coap_dtls_pki_t good = pki("server"), bad = pki("nothere"), client = pki("client");
  coap_session_t *session;
  show("== a bad set-up behind a good one");
  tls_begin();
  NEED(coap_context_set_pki_root_cas(tls_server.context, cert("ca.pem"), NULL) == 1);
  NEED(coap_context_set_pki_root_cas(tls_client.context, cert("ca.pem"), NULL) == 1);
  NEED(coap_context_set_pki(tls_server.context, &good) == 1 && tls_serve(COAP_PROTO_DTLS));
  mend("refused", "0", "%d", coap_context_set_pki(tls_server.context, &bad));
  session = coap_new_client_session_pki(tls_client.context, NULL, tls_address(), COAP_PROTO_DTLS, &client);
  NEED(session);
  mend("refused", "1", "%d", tls_talk(session));
  tls_leave(session);
  tls_end();
}

static coap_dtls_key_t *
any_name(const char *sni UNUSED, void *arg UNUSED) {
  static coap_dtls_key_t key;
  key = pem_of("server");
  return &key;
}

/* A server that has its certificates from the callback alone. */
static void
callback_alone(void) {
  scene_t scene = good_scene(COAP_PROTO_DTLS);
  show("== no certificate but a callback");
  scene.server.pki_key = pem(NULL, NULL, NULL);
  scene.server.validate_sni_call_back = any_name;
  play(&scene);
  show("%s", outcome());
}

int
main(void) {
  use_token();
  coap_startup();
  files();
  buffers();
  kinds();
  versions();
  roots();
  psk_clients();
  psk_servers();
  refused_later();
  callback_alone();
  coap_cleanup();
  return 0;
}
