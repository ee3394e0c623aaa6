/* Keys, certificates and authorities in a PKCS #11 token: by URI, whole or part by part, and by an engine that is configured. */
#include "tls.h"

/* mend refused: as in dtls_setups: what cannot work is refused at the call.
 * mend last-line: the reference overlooks a last line of the configuration that no newline ends.
 * mend der-files: as in dtls_pki_keys. */

#define SERVER "pkcs11:token=coap;object=server"
#define CLIENT "pkcs11:token=coap;object=client"
#define CA "pkcs11:token=coap;object=ca"

static coap_dtls_key_t
token(const char *ca, const char *public_cert, const char *private_key, const char *pin) {
  coap_dtls_key_t key;
  coap_pki_key_pkcs11_t *parts = &key.key.pkcs11;
  memset(&key, 0, sizeof(key));
  key.key_type = COAP_PKI_KEY_PKCS11;
  parts->ca = ca;
  parts->public_cert = public_cert;
  parts->private_key = private_key;
  parts->user_pin = pin;
  return key;
}

static coap_dtls_key_t
with_pin(coap_dtls_key_t key, const char *pin) {
  key.key.define.user_pin = pin;
  return key;
}

/* A server with this and a client with that; each trusts the authority that it is given. */
static void
scene(coap_dtls_key_t server, coap_dtls_key_t client) {
  scene_t both = good_scene(COAP_PROTO_DTLS);
  both.server_roots = both.client_roots = NULL;
  both.server.check_common_ca = both.client.check_common_ca = 1;
  both.server.pki_key = server;
  both.client.pki_key = client;
  play(&both);
}

static void
try(const char *label, coap_dtls_key_t server, coap_dtls_key_t client) {
  scene(server, client);
  show("%s: %s", label, outcome());
}

static void
refused(const char *label, coap_dtls_key_t server) {
  scene(server, pem_of("client"));
  mend_scene("refused", label, "no set-up");
}

/* Programs that read the text from a file count the zero that they put behind it. */
static int
configure(const char *methods, size_t zeros) {
  char text[100];
  coap_str_const_t config = {.s = (const uint8_t *)text};
  memset(text, 0, sizeof(text));
  snprintf(text, sizeof(text), "engine:pkcs11\npost-cmd:PIN:1234\n%s", methods);
  config.length = strlen(text) + zeros;
  return coap_tls_engine_configure(&config);
}

int
main(void) {
  use_token();
  coap_startup();
  SHOW(coap_dtls_pkcs11_is_supported());
  /* First, since who has logged in to a token once has done so for the whole process. */
  show("== what is not there");
  refused("another PIN", token(CA, SERVER, SERVER, "4321"));
  refused("no PIN", token(CA, SERVER, SERVER, NULL));
  refused("no such object", token(CA, SERVER, "pkcs11:token=coap;object=nobody", "1234"));
  refused("no such certificate", token(CA, "pkcs11:token=coap;object=nobody", SERVER, "1234"));
  refused("the key of another", token(CA, SERVER, CLIENT, "1234"));

  show("== all by URI");
  try("a server", token(CA, SERVER, SERVER, "1234"), pem_of("client"));
  try("a client", pem_of("server"), token(CA, CLIENT, CLIENT, "1234"));
  try("both", token(CA, SERVER, SERVER, "1234"), token(CA, CLIENT, CLIENT, "1234"));
  try("the id of the key", token(CA, SERVER, "pkcs11:token=coap;id=%01", "1234"), pem_of("client"));
  try("the PIN in the URI", token(CA, SERVER, SERVER "?pin-value=1234", NULL), pem_of("client"));
  scene(token(cert("ca.der"), SERVER, SERVER, "1234"), pem_of("client"));
  mend_scene("der-files", "the authority in a file", "accepted");

  show("== part by part");
  try("all of them",
      with_pin(define(COAP_PKI_KEY_DEF_PKCS11, CA, COAP_PKI_KEY_DEF_PKCS11, SERVER, COAP_PKI_KEY_DEF_PKCS11, SERVER), "1234"),
      pem_of("client"));
  try("the key alone",
      with_pin(define(COAP_PKI_KEY_DEF_PEM, "ca.pem", COAP_PKI_KEY_DEF_PEM, "server.pem", COAP_PKI_KEY_DEF_PKCS11, SERVER),
               "1234"),
      pem_of("client"));
  try("the certificate alone",
      with_pin(define(COAP_PKI_KEY_DEF_PEM, "ca.pem", COAP_PKI_KEY_DEF_PKCS11, SERVER, COAP_PKI_KEY_DEF_PEM, "server.key"),
               "1234"),
      pem_of("client"));

  show("== an engine");
  SHOW(configure("", 0));
  SHOW(configure("enable-methods:0x0\n", 1));
  SHOW(coap_tls_engine_remove());
  mend("last-line", "configured: 1", "configured: %d", configure("enable-methods:0x0", 0));
  coap_tls_engine_remove();
  SHOW(configure("enable-methods:0x0\n", 0));
  try("no PIN is needed then", token(CA, SERVER, SERVER, NULL), pem_of("client"));
  try("the key by its name there",
      define(COAP_PKI_KEY_DEF_PEM, "ca.pem", COAP_PKI_KEY_DEF_PEM, "server.pem", COAP_PKI_KEY_DEF_ENGINE, SERVER),
      pem_of("client"));
  SHOW(coap_tls_engine_remove());
  SHOW(coap_tls_engine_remove());
  coap_cleanup();
  return 0;
}
