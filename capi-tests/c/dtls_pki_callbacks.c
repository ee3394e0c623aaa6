/* What a handshake with certificates asks the application: the name (SNI), the additional set-up, each certificate of
 * the other side; with which arguments, in which order, how often. */
#include "tls.h"

/* mend setup-client: the reference calls additional_tls_setup_call_back for servers only. */

static const char *(*get_version)(const void *ssl);
static int answer_setup = 1, refuse_depth = -1;

/* Whether this is one certificate in DER, no more and no less. */
static int
is_der(const uint8_t *der, size_t length) {
  return length > 4 && der[0] == 0x30 && der[1] == 0x82 && der[2] * 256u + der[3] + 4 == length;
}

static int
on_certificate(const char *cn, const uint8_t *der, size_t length, coap_session_t *session, unsigned int depth,
               int validated, void *arg) {
  show("%c: certificate %u, %s, valid %d, DER %d, arg %s (%s), tls %s", side_of(session)->name, depth, cn ? cn : "NULL",
       validated, is_der(der, length), (const char *)arg, state_text(coap_session_get_state(session)),
       coap_session_get_tls(session, NULL) ? "something" : "NULL");
  return (int)depth != refuse_depth;
}

static coap_dtls_key_t *
on_name(const char *sni, void *arg) {
  static coap_dtls_key_t key;
  show("S: name '%s', arg %s", sni, (const char *)arg);
  key = pem_of(strcmp(sni, "wrong.example") == 0 ? "wrong" : "server");
  return strcmp(sni, "refused.example") == 0 ? NULL : &key;
}

static int
on_setup(void *ssl, coap_dtls_pki_t *setup) {
  show("%s: set up %s, version %d, verify %d", (const char *)setup->cn_call_back_arg, get_version(ssl), setup->version,
       setup->verify_peer_cert);
  return answer_setup;
}

static scene_t
asking_scene(void) {
  scene_t scene = good_scene(COAP_PROTO_DTLS);
  scene.server.validate_cn_call_back = scene.client.validate_cn_call_back = on_certificate;
  scene.server.cn_call_back_arg = "S";
  scene.client.cn_call_back_arg = "C";
  scene.server.sni_call_back_arg = "of names";
  return scene;
}

static void
play_shown(const char *label, const scene_t *scene) {
  show("-- %s", label);
  play(scene);
  show("%s", outcome());
}

static void
certificates(void) {
  static const char *const names[] = {"server", "names", "address", "mail", "nocn", "twocn", "rsa2048"};
  scene_t scene = asking_scene();
  show("== certificates");
  play_shown("both verify", &scene);
  scene.server.verify_peer_cert = 0;
  play_shown("the server does not", &scene);
  scene.client.verify_peer_cert = 0;
  play_shown("nor does the client", &scene);
  scene.server.verify_peer_cert = 1;
  scene.server.allow_expired_certs = 1;
  scene.client.pki_key = pem_of("expired");
  play_shown("an expired one that is allowed", &scene);
  scene.server.allow_expired_certs = 0;
  play_shown("an expired one that is not", &scene);
  scene = asking_scene();
  scene.client.pki_key = pem_of("foreign");
  play_shown("of another authority", &scene);
  scene.client.pki_key = pem("ca.pem", "chain2.pem", "deep2.key");
  scene.server_roots = "subs.pem";
  play_shown("two authorities between", &scene);
  scene = asking_scene();
  scene.server.allow_self_signed = 1;
  scene.client.pki_key = pem_of("selfsigned");
  play_shown("self-signed, allowed", &scene);
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    scene = asking_scene();
    scene.server.validate_cn_call_back = NULL;
    scene.server.pki_key = pem_of(names[i]);
    play_shown(names[i], &scene);
  }
}

static void
refusals(void) {
  scene_t scene = asking_scene();
  show("== refused");
  for (refuse_depth = 1; refuse_depth >= 0; refuse_depth--) {
    scene.server.validate_cn_call_back = NULL;
    scene.client.validate_cn_call_back = on_certificate;
    play_shown("by the client", &scene);
    scene.server.validate_cn_call_back = on_certificate;
    scene.client.validate_cn_call_back = NULL;
    play_shown("by the server", &scene);
  }
  refuse_depth = -1;
}

static void
names(void) {
  scene_t scene = asking_scene();
  show("== names");
  scene.server.validate_sni_call_back = on_name;
  play_shown("none", &scene);
  scene.client.client_sni = "wrong.example";
  play_shown("one that has its own certificate", &scene);
  scene.client.client_sni = "Wrong.Example";
  play_shown("the same", &scene);
  scene.client.client_sni = "refused.example";
  play_shown("one that is refused", &scene);
  scene.client.client_sni = "192.0.2.1";
  play_shown("an address", &scene);
}

/* What was given for a name is remembered; what was refused is not. */
static void
remembered(void) {
  static char hosts[][20] = {"wrong.example", "WRONG.example", "other.example", "refused.example"};
  scene_t scene = asking_scene();
  show("== names again");
  tls_begin();
  NEED(coap_context_set_pki_root_cas(tls_server.context, cert("ca.pem"), NULL) == 1);
  NEED(coap_context_set_pki_root_cas(tls_client.context, cert("ca.pem"), NULL) == 1);
  scene.server.validate_cn_call_back = NULL;
  scene.server.validate_sni_call_back = on_name;
  NEED(coap_context_set_pki(tls_server.context, &scene.server) == 1 && tls_serve(COAP_PROTO_DTLS));
  for (int round = 0; round < 2; round++)
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
      show("-- %s", hosts[i]);
      scene.client.client_sni = hosts[i];
      coap_session_t *session =
          coap_new_client_session_pki(tls_client.context, NULL, tls_address(), COAP_PROTO_DTLS, &scene.client);
      NEED(session);
      show("answered %d", tls_talk(session));
      tls_leave(session);
    }
  tls_end();
}

static void
additional(void) {
  scene_t scene = asking_scene();
  show("== additional set-up");
  scene.server.additional_tls_setup_call_back = on_setup;
  scene.server.validate_sni_call_back = on_name;
  scene.client.client_sni = "some.example";
  play_shown("all of the server's", &scene);
  answer_setup = 0;
  play_shown("refused", &scene);
  answer_setup = 1;
  scene.server.verify_peer_cert = 0;
  scene.server.validate_sni_call_back = NULL;
  play_shown("nobody verified", &scene);
}

static int client_setups;

static int
on_client_setup(void *ssl, coap_dtls_pki_t *setup UNUSED) {
  client_setups += get_version(ssl) != NULL;
  return answer_setup;
}

static void
additional_of_a_client(void) {
  scene_t scene = good_scene(COAP_PROTO_DTLS);
  show("== additional set-up of a client");
  scene.client.additional_tls_setup_call_back = on_client_setup;
  play(&scene);
  mend("setup-client", "called once, accepted", "called %s, %s", client_setups == 1 ? "once" : "not once", outcome());
  answer_setup = 0;
  play(&scene);
  show("~ refused: %s", outcome());
  mend("setup-client", "no answer", "%s", tls_client.responses ? "an answer" : "no answer");
  answer_setup = 1;
}

int
main(void) {
  *(void **)&get_version = dlsym(RTLD_DEFAULT, "SSL_get_version");
  NEED(get_version);
  coap_startup();
  certificates();
  refusals();
  names();
  remembered();
  additional();
  additional_of_a_client();
  coap_cleanup();
  return 0;
}
