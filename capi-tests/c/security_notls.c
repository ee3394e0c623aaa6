/* What keys, certificates and secured protocols come to in the variant without a (D)TLS library. */

#include "test.h"

static void
show_bin(const char *label, const coap_bin_const_t *bin) {
  if (bin)
    show("  %s: %zu bytes \"%.*s\"", label, bin->length, (int)bin->length, bin->s ? (const char *)bin->s : "");
  else
    show("  %s: NULL", label);
}

static void
show_session(const char *label, coap_session_t *session) {
  coap_tls_library_t library = COAP_TLS_LIBRARY_OPENSSL;
  show("%s: %s", label, session ? "a session" : "NULL");
  if (!session)
    return;
  show("  proto %d state %d", (int)coap_session_get_proto(session), (int)coap_session_get_state(session));
  show_bin("hint", coap_session_get_psk_hint(session));
  show_bin("identity", coap_session_get_psk_identity(session));
  show_bin("key", coap_session_get_psk_key(session));
  show("  tls: %s", coap_session_get_tls(session, &library) ? "something" : "NULL");
  show("  library: %d", (int)library);
  SHOW_PTR(coap_session_get_tls(session, NULL));
  coap_session_release(session);
}

static void
print_log(coap_log_t level, const char *message) {
  printf("log %d: %s", (int)level, message);
  fflush(stdout);
}

static void
library(void) {
  coap_str_const_t text = {3, (const uint8_t *)"abc"};
  const coap_tls_version_t *version = coap_get_tls_library_version();
  show("version %llu type %d built %llu", (unsigned long long)version->version, (int)version->type,
       (unsigned long long)version->built_version);
  SHOW(coap_tls_engine_configure(NULL));
  SHOW(coap_tls_engine_configure(&text));
  SHOW(coap_tls_engine_remove());
}

static void
context_keys(coap_context_t *context) {
  coap_dtls_spsk_t psk;
  coap_dtls_pki_t pki;
  memset(&psk, 0, sizeof(psk));
  memset(&pki, 0, sizeof(pki));
  psk.version = COAP_DTLS_SPSK_SETUP_VERSION;
  psk.psk_info.key.s = (const uint8_t *)"key";
  psk.psk_info.key.length = 3;
  pki.version = COAP_DTLS_PKI_SETUP_VERSION;
  SHOW(coap_context_set_psk(context, "hint", (const uint8_t *)"key", 3));
  SHOW(coap_context_set_psk(context, NULL, NULL, 0));
  SHOW(coap_context_set_psk2(context, &psk));
  SHOW(coap_context_set_psk2(context, NULL));
  psk.version = 77;
  SHOW(coap_context_set_psk2(context, &psk));
  SHOW(coap_context_set_pki(context, &pki));
  SHOW(coap_context_set_pki(context, NULL));
  pki.version = 77;
  SHOW(coap_context_set_pki(context, &pki));
  SHOW(coap_context_set_pki_root_cas(context, "/no/such/file", NULL));
  SHOW(coap_context_set_pki_root_cas(context, NULL, "/etc"));
  SHOW(coap_context_set_pki_root_cas(context, NULL, NULL));
  SHOW(coap_context_set_cid_tuple_change(context, 1));
  SHOW(coap_context_set_pki(NULL, NULL));
  SHOW(coap_context_set_pki_root_cas(NULL, "x", NULL));
  SHOW(coap_context_set_cid_tuple_change(NULL, 1));
  /* mend no-context: the reference crashes. */
  if (!on_reference()) {
    mend("no-context", "0", "%d", coap_context_set_psk(NULL, "hint", (const uint8_t *)"key", 3));
    mend("no-context", "0", "%d", coap_context_set_psk2(NULL, &psk));
  }
}

static void
client_sessions(coap_context_t *context, const coap_address_t *server) {
  static const coap_proto_t protos[] = {COAP_PROTO_UDP, COAP_PROTO_DTLS, COAP_PROTO_TLS, COAP_PROTO_WSS};
  for (size_t i = 0; i < sizeof(protos) / sizeof(protos[0]); i++) {
    coap_proto_t proto = protos[i];
    coap_dtls_cpsk_t psk;
    coap_dtls_pki_t pki;
    char identity[] = "me", key[] = "secret";
    memset(&psk, 0, sizeof(psk));
    memset(&pki, 0, sizeof(pki));
    psk.version = COAP_DTLS_CPSK_SETUP_VERSION;
    pki.version = COAP_DTLS_PKI_SETUP_VERSION;
    show("protocol %d", (int)proto);
    show_session("plain", coap_new_client_session(context, NULL, server, proto));
    show_session("psk", coap_new_client_session_psk(context, NULL, server, proto, "it's me", (const uint8_t *)"key", 3));
    show_session("psk of nothing", coap_new_client_session_psk(context, NULL, server, proto, NULL, NULL, 0));
    show_session("psk2 of nothing", coap_new_client_session_psk2(context, NULL, server, proto, &psk));
    psk.psk_info.identity.s = (const uint8_t *)identity;
    psk.psk_info.identity.length = 2;
    psk.psk_info.key.s = (const uint8_t *)key;
    psk.psk_info.key.length = 6;
    show_session("psk2", coap_new_client_session_psk2(context, NULL, server, proto, &psk));
    psk.version = 77;
    show_session("psk2 of another version", coap_new_client_session_psk2(context, NULL, server, proto, &psk));
    show_session("pki", coap_new_client_session_pki(context, NULL, server, proto, &pki));
    pki.version = 77;
    show_session("pki of another version", coap_new_client_session_pki(context, NULL, server, proto, &pki));
    show("endpoint: %s", coap_new_endpoint(context, server, proto) ? "something" : "NULL");
  }
}

int
main(void) {
  coap_address_t server = loopback(free_port());
  coap_context_t *context;
  coap_startup();
  context = coap_new_context(NULL);
  NEED(context);
  coap_set_log_handler(print_log);
  library();
  context_keys(context);
  client_sessions(context, &server);
  coap_set_log_handler(NULL);
  SHOW_PTR(coap_session_get_psk_hint(NULL));
  SHOW_PTR(coap_session_get_psk_identity(NULL));
  SHOW_PTR(coap_session_get_psk_key(NULL));
  SHOW_PTR(coap_session_get_tls(NULL, NULL));
  coap_free_context(context);
  coap_cleanup();
  return 0;
}
