/* Certificates over TLS: what handlers are told in which order when a handshake ends well or badly, with TLS 1.3 and
 * 1.2; ALPN (RFC 8323 section 8.2); calls of OpenSSL on what coap_session_get_tls gives. dtls_pki_flags and
 * dtls_negative have the flags. */
#include "tls.h"

/* mend one-nack: the reference calls the nack handler again for a session that has ended; tls.h leaves that out.
 * mend setup-client: the reference calls additional_tls_setup_call_back for servers only. */

static void (*get_alpn)(const void *ssl, const unsigned char **name, unsigned int *length);
static const char *(*get_version)(const void *ssl);
static long (*ssl_ctrl)(void *ssl, int command, long value, void *argument);

/* Of OpenSSL's interface: SSL_set_max_proto_version is this macro. */
enum { SET_MAX_PROTO_VERSION = 124, TLS_1_2 = 0x0303 };

static void
play_raw(const char *label, const scene_t *scene) {
  show("-- %s: %d", label, play(scene));
  tell();
}

static void
good_and_bad(void) {
  scene_t scene = good_scene(COAP_PROTO_TLS);
  show("== TLS 1.3");
  play_raw("both good", &scene);
  scene.client.pki_key = pem_of("foreign");
  play_raw("the server refuses", &scene);
  scene.client.pki_key = pem("ca.pem", NULL, NULL);
  play_raw("the client has no certificate", &scene);
  scene.server.verify_peer_cert = 0;
  play_raw("the server wants none", &scene);
  scene = good_scene(COAP_PROTO_TLS);
  scene.server.pki_key = pem_of("foreignserver");
  play_raw("the client refuses", &scene);
  scene.client.verify_peer_cert = 0;
  play_raw("the client does not mind", &scene);
}

static int
only_1_2(void *ssl, coap_dtls_pki_t *setup UNUSED) {
  return ssl_ctrl(ssl, SET_MAX_PROTO_VERSION, TLS_1_2, NULL) == 1;
}

/* The server of the reference calls it, which is enough for both sides. */
static void
older(void) {
  scene_t scene = good_scene(COAP_PROTO_TLS);
  scene.server.additional_tls_setup_call_back = only_1_2;
  show("== TLS 1.2");
  play_raw("both good", &scene);
  scene.client.pki_key = pem_of("foreign");
  play_raw("the server refuses", &scene);
  scene = good_scene(COAP_PROTO_TLS);
  scene.server.additional_tls_setup_call_back = only_1_2;
  scene.server.pki_key = pem_of("foreignserver");
  play_raw("the client refuses", &scene);
}

static void
show_tls(const char *label, const coap_session_t *session) {
  const unsigned char *alpn = NULL;
  unsigned int length = 0;
  void *ssl = coap_session_get_tls(session, NULL);
  NEED(ssl);
  get_alpn(ssl, &alpn, &length);
  show("%s: %s, ALPN '%.*s'", label, get_version(ssl), (int)length, length ? (const char *)alpn : "");
}

static void
inside(void) {
  coap_dtls_pki_t server = pki("server"), client = pki("client");
  coap_session_t *session;
  show("== what OpenSSL says of it");
  tls_begin();
  server.check_common_ca = client.check_common_ca = 1;
  NEED(coap_context_set_pki(tls_server.context, &server) == 1 && tls_serve(COAP_PROTO_TLS));
  session = coap_new_client_session_pki(tls_client.context, NULL, tls_address(), COAP_PROTO_TLS, &client);
  NEED(session);
  SHOW(tls_talk(session));
  show_tls("client", session);
  NEED(tls_server.peer);
  show_tls("server", tls_server.peer);
  tls_leave(session);
  tls_end();
}

static int
set_up(void *ssl, coap_dtls_pki_t *setup) {
  note(strcmp(setup->cn_call_back_arg, "client") == 0 ? &tls_client : &tls_server, "set up %s", ssl ? "it" : "NULL");
  return 1;
}

static void
additional(void) {
  scene_t scene = good_scene(COAP_PROTO_TLS);
  show("== additional set-up");
  scene.server.cn_call_back_arg = "server";
  scene.client.cn_call_back_arg = "client";
  scene.server.additional_tls_setup_call_back = set_up;
  play_raw("of the server", &scene);
  scene.server.additional_tls_setup_call_back = NULL;
  scene.client.additional_tls_setup_call_back = set_up;
  play(&scene);
  mend("setup-client",
       "TCP_CONNECTED (CONNECTING), set up it, DTLS_CONNECTED (HANDSHAKE), SESSION_CONNECTED (CSM), 2.05 (ESTABLISHED)",
       "%s", take(&tls_client));
}

int
main(void) {
  *(void **)&get_alpn = dlsym(RTLD_DEFAULT, "SSL_get0_alpn_selected");
  *(void **)&get_version = dlsym(RTLD_DEFAULT, "SSL_get_version");
  *(void **)&ssl_ctrl = dlsym(RTLD_DEFAULT, "SSL_ctrl");
  NEED(get_alpn && get_version && ssl_ctrl);
  coap_startup();
  good_and_bad();
  older();
  inside();
  additional();
  coap_cleanup();
  return 0;
}
