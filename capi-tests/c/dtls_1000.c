/* 1,000 handshakes, good ones and bad ones, with keys and certificates, leave nothing behind but what tells a repeated message
 * from a new one for a while (RFC 7252 section 4.5): less than 150 bytes each. */
#include "tls.h"

#include <malloc.h>

static const coap_bin_const_t *
key_of(coap_bin_const_t *identity, coap_session_t *session UNUSED, void *arg UNUSED) {
  static coap_bin_const_t key;
  key = BIN("secret");
  return identity->length == 2 ? &key : NULL;
}

static coap_session_t *
psk_as(const char *identity) {
  return coap_new_client_session_psk(tls_client.context, NULL, tls_address(), COAP_PROTO_DTLS, identity,
                                     (const uint8_t *)"secret", 6);
}

static void
forget(void) {
  tls_client.length = tls_server.length = 0;
}

int
main(void) {
  int good = 0, bad = 0;
  coap_dtls_spsk_t keys;
  coap_dtls_pki_t server, trusted, foreign;
  size_t early = 0, late;
  coap_startup();
  server = pki("server");
  trusted = pki("client");
  foreign = pki("foreign");
  server.check_common_ca = trusted.check_common_ca = foreign.check_common_ca = 1;
  memset(&keys, 0, sizeof(keys));
  keys.version = COAP_DTLS_SPSK_SETUP_VERSION;
  keys.psk_info.hint = BIN("hint");
  keys.psk_info.key = BIN("secret");
  keys.validate_id_call_back = key_of;

  /* Keys and certificates apart: a client of the reference that has had a key is not good for certificates any more. */
  for (int with_keys = 0; with_keys < 2; with_keys++) {
    tls_begin();
    coap_set_log_level(COAP_LOG_EMERG);
    if (with_keys)
      NEED(coap_context_set_psk2(tls_server.context, &keys) == 1);
    else
      NEED(coap_context_set_pki(tls_server.context, &server) == 1);
    NEED(tls_serve(COAP_PROTO_DTLS));
    for (int i = 0; i < (with_keys ? 800 : 200); i++) {
      int is_bad = i % 4 == 3;
      coap_session_t *session =
          with_keys ? psk_as(is_bad ? "unknown" : "me")
                    : coap_new_client_session_pki(tls_client.context, NULL, tls_address(), COAP_PROTO_DTLS,
                                                  is_bad ? &foreign : &trusted);
      NEED(session);
      if (tls_talk(session))
        good++;
      else
        bad++;
      tls_leave(session);
      forget();
      if (with_keys && i == 50)
        early = mallinfo2().uordblks;
    }
    late = mallinfo2().uordblks;
    if (with_keys) {
      show("left behind: %s", late > early + 750 * 150 ? "something" : "nothing");
      show("~ %lld bytes", (long long)late - (long long)early);
    }
    tls_end();
  }
  show("good %d, bad %d", good, bad);
  coap_cleanup();
  return 0;
}
