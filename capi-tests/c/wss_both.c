/* CoAP over WebSockets over TLS (RFC 8323 section 8.4), both sides the library's: keys, certificates, ends. */
#include "tls.h"

/* mend wss-close: a server of the reference whose client has gone keeps the session until it is freed. */

static void
with_key(void) {
  coap_session_t *session;
  show("== a shared key");
  tls_begin();
  psk_server(COAP_PROTO_WSS);
  session = psk_client(COAP_PROTO_WSS);
  show("at once %s", state_text(coap_session_get_state(session)));
  BOTH_UNTIL(is_up(session), 3000);
  tell();
  SHOW(tls_talk(session));
  tell();
  SHOW(coap_session_max_pdu_size(session));
  SHOW_PTR(coap_session_get_tls(session, NULL));
  NEED(tls_server.peer);
  SHOW_PTR(coap_session_get_tls(tls_server.peer, NULL));
  show("-- the server ends it");
  coap_session_disconnected(tls_server.peer, COAP_NACK_NOT_DELIVERABLE);
  BOTH_UNTIL(is_down(session), 3000);
  tell();
  coap_session_release(session);
  tls_end();
  tell();
}

static void
client_leaves(void) {
  coap_session_t *session;
  show("== the client leaves");
  tls_begin();
  psk_server(COAP_PROTO_WSS);
  session = psk_client(COAP_PROTO_WSS);
  SHOW(tls_talk(session));
  take(&tls_client);
  take(&tls_server);
  coap_session_release(session);
  show("C: %s", take(&tls_client));
  BOTH_UNTIL(tls_server.sessions == 0, on_reference() ? 200 : 3000);
  mend("wss-close", "0", "%d", tls_server.sessions);
  show("~ S: %s", take(&tls_server));
  tls_end();
}

static void
with_certificates(void) {
  scene_t scene = good_scene(COAP_PROTO_WSS);
  show("== certificates");
  show("-- both good: %d", play(&scene));
  tell();
  scene.client.pki_key = pem_of("foreign");
  show("-- the server refuses: %d", play(&scene));
  tell();
  scene = good_scene(COAP_PROTO_WSS);
  scene.server.pki_key = pem_of("foreignserver");
  show("-- the client refuses: %d", play(&scene));
  tell();
}

static void
wrong_key(void) {
  coap_session_t *session;
  show("== a key that the server does not have");
  tls_begin();
  psk_server(COAP_PROTO_WSS);
  session = coap_new_client_session_psk(tls_client.context, NULL, tls_address(), COAP_PROTO_WSS, "me",
                                        (const uint8_t *)"other", 5);
  NEED(session && coap_ws_set_host_request(session, coap_make_str_const("localhost")));
  SHOW(tls_talk(session));
  tls_leave(session);
  tell();
  tls_end();
}

int
main(void) {
  coap_startup();
  with_key();
  client_leaves();
  with_certificates();
  wrong_key();
  coap_cleanup();
  return 0;
}
