/* Each form in which a certificate, its key and an authority may be given, to a server and to a client. Forms that cannot
 * work are in dtls_setups. */
#include "tls.h"

/* mend der-files: the reference takes files in DER (COAP_PKI_KEY_DEF_DER) without a word, and uses none. */

/* The other side has files in PEM; both verify. */
static void
try(const char *name, coap_dtls_key_t server, coap_dtls_key_t client, const char *mended) {
  scene_t scene = good_scene(COAP_PROTO_DTLS);
  scene.server_roots = scene.client_roots = NULL;
  scene.server.check_common_ca = scene.client.check_common_ca = 1;
  scene.server.pki_key = server;
  scene.client.pki_key = pem_of("client");
  play(&scene);
  if (mended)
    mend_scene(mended, name, "accepted");
  else
    show("%s, server: %s", name, outcome());
  scene.server.pki_key = pem_of("server");
  scene.client.pki_key = client;
  play(&scene);
  if (mended)
    mend_scene(mended, name, "accepted");
  else
    show("%s, client: %s", name, outcome());
}

static void
whole(void) {
  show("== one kind for all parts");
  try("files", pem_of("server"), pem_of("client"), NULL);
  try("files, the key in PKCS #8", pem("ca.pem", "server.pem", "server.pk8"), pem("ca.pem", "client.pem", "client.pk8"),
      NULL);
  try("files, certificate and key in one", pem("ca.pem", "server.both", "server.both"),
      pem("ca.pem", "client.both", "client.both"), NULL);
  try("PEM with NUL", pem_buffers("ca.pem", "server.pem", "server.key", 1),
      pem_buffers("ca.pem", "client.pem", "client.key", 1), NULL);
  try("PEM without NUL", pem_buffers("ca.pem", "server.pem", "server.key", 0),
      pem_buffers("ca.pem", "client.pem", "client.key", 0), NULL);
  try("PEM, the key in PKCS #8", pem_buffers("ca.pem", "server.pem", "server.pk8", 0),
      pem_buffers("ca.pem", "client.pem", "client.pk8", 0), NULL);
  try("DER", asn1("ca.der", "server.der", "server.keyder", COAP_ASN1_PKEY_EC),
      asn1("ca.der", "client.der", "client.keyder", COAP_ASN1_PKEY_EC), NULL);
  try("DER, the kind of the key is not said", asn1("ca.der", "server.der", "server.keyder", COAP_ASN1_PKEY_NONE),
      asn1("ca.der", "client.der", "client.keyder", COAP_ASN1_PKEY_NONE), NULL);
}

static coap_dtls_key_t
same(coap_pki_define_t kind, const char *ca, const char *public_cert, const char *private_key) {
  return define(kind, ca, kind, public_cert, kind, private_key);
}

static void
parts(void) {
  show("== each part says what it is");
  try("files", same(COAP_PKI_KEY_DEF_PEM, "ca.pem", "server.pem", "server.key"),
      same(COAP_PKI_KEY_DEF_PEM, "ca.pem", "client.pem", "client.key"), NULL);
  try("PEM", same(COAP_PKI_KEY_DEF_PEM_BUF, "ca.pem", "server.pem", "server.key"),
      same(COAP_PKI_KEY_DEF_PEM_BUF, "ca.pem", "client.pem", "client.key"), NULL);
  try("DER", same(COAP_PKI_KEY_DEF_DER_BUF, "ca.der", "server.der", "server.keyder"),
      same(COAP_PKI_KEY_DEF_DER_BUF, "ca.der", "client.der", "client.keyder"), NULL);
  try("files in DER", same(COAP_PKI_KEY_DEF_DER, "ca.der", "server.der", "server.keyder"),
      same(COAP_PKI_KEY_DEF_DER, "ca.der", "client.der", "client.keyder"), "der-files");
  try("authority in a file, certificate in PEM, key in DER",
      define(COAP_PKI_KEY_DEF_PEM, "ca.pem", COAP_PKI_KEY_DEF_PEM_BUF, "server.pem", COAP_PKI_KEY_DEF_DER_BUF,
             "server.keyder"),
      define(COAP_PKI_KEY_DEF_PEM, "ca.pem", COAP_PKI_KEY_DEF_PEM_BUF, "client.pem", COAP_PKI_KEY_DEF_DER_BUF,
             "client.keyder"),
      NULL);
  try("authority in DER, certificate in a file, key in PEM",
      define(COAP_PKI_KEY_DEF_DER_BUF, "ca.der", COAP_PKI_KEY_DEF_PEM, "server.pem", COAP_PKI_KEY_DEF_PEM_BUF,
             "server.key"),
      define(COAP_PKI_KEY_DEF_DER_BUF, "ca.der", COAP_PKI_KEY_DEF_PEM, "client.pem", COAP_PKI_KEY_DEF_PEM_BUF,
             "client.key"),
      NULL);
}

static void
without(void) {
  scene_t scene = good_scene(COAP_PROTO_DTLS);
  show("== not all of it");
  scene.client.pki_key = pem(NULL, "client.pem", "client.key");
  play(&scene);
  show("no authority, client: %s", outcome());
  scene.client.pki_key = pem("", "client.pem", "client.key");
  scene.client.pki_key.key.pem.ca_file = "";
  play(&scene);
  show("an empty name for the authority, client: %s", outcome());
  scene.server.verify_peer_cert = 0;
  scene.client.pki_key = pem(NULL, NULL, NULL);
  play(&scene);
  show("nothing, client: %s", outcome());
  scene.client.pki_key.key.pem.ca_file = scene.client.pki_key.key.pem.public_cert =
      scene.client.pki_key.key.pem.private_key = "";
  play(&scene);
  show("empty names, client: %s", outcome());
  scene = good_scene(COAP_PROTO_DTLS);
  scene.server.pki_key = pem(NULL, "server.pem", "server.key");
  play(&scene);
  show("no authority, server: %s", outcome());
  scene = good_scene(COAP_PROTO_DTLS);
  scene.client.pki_key = pem_buffers(NULL, "client.pem", "client.key", 1);
  play(&scene);
  show("PEM, no authority, client: %s", outcome());
  scene.client.pki_key = asn1(NULL, "client.der", "client.keyder", COAP_ASN1_PKEY_EC);
  play(&scene);
  show("DER, no authority, client: %s", outcome());
  scene = good_scene(COAP_PROTO_DTLS);
  scene.server.pki_key = pem_of("rsa2048");
  scene.client.pki_key = pem_of("rsa2048");
  play(&scene);
  show("RSA: %s", outcome());
}

/* Memory of the application's is not looked at after the call. */
static void
memory_changes(void) {
  coap_dtls_pki_t server = pki("server"), client = pki("client");
  coap_session_t *session;
  show("== memory that changes between set-up and handshake");
  tls_begin();
  server.check_common_ca = client.check_common_ca = 1;
  client.pki_key = pem_buffers("ca.pem", "client.pem", "client.key", 1);
  NEED(coap_context_set_pki(tls_server.context, &server) == 1 && tls_serve(COAP_PROTO_DTLS));
  session = coap_new_client_session_pki(tls_client.context, NULL, tls_address(), COAP_PROTO_DTLS, &client);
  NEED(session);
  memset((uint8_t *)client.pki_key.key.pem_buf.public_cert, '!', client.pki_key.key.pem_buf.public_cert_len);
  memset((uint8_t *)client.pki_key.key.pem_buf.private_key, '!', client.pki_key.key.pem_buf.private_key_len);
  memset(&client, 0xff, sizeof(client));
  memset(&server, 0xff, sizeof(server));
  show("answered %d", tls_talk(session));
  tls_leave(session);
  tls_end();
}

static void
copy_file(const char *from, const char *to) {
  size_t length;
  const uint8_t *bytes = contents(from, &length);
  FILE *file = fopen(to, "wb");
  NEED(file && fwrite(bytes, 1, length, file) == length && fclose(file) == 0);
}

static int
shown_name(const char *cn, const uint8_t *der UNUSED, size_t length UNUSED, coap_session_t *session UNUSED,
           unsigned int depth, int validated UNUSED, void *arg UNUSED) {
  if (depth == 0)
    show("the server is %s", cn ? cn : "NULL");
  return 1;
}

static void
ask_who(coap_dtls_pki_t *client) {
  coap_session_t *session =
      coap_new_client_session_pki(tls_client.context, NULL, tls_address(), COAP_PROTO_DTLS, client);
  NEED(session);
  show("answered %d", tls_talk(session));
  tls_leave(session);
}

/* A certificate that is renewed on disk is used without a new set-up. */
static void
renewed(void) {
  coap_dtls_pki_t server = pki("server"), client = pki("client");
  char public_cert[] = "/tmp/coap-renewed-XXXXXX", private_key[] = "/tmp/coap-renewed-XXXXXX";
  int cert_fd = mkstemp(public_cert), key_fd = mkstemp(private_key);
  show("== files that change");
  NEED(cert_fd >= 0 && key_fd >= 0);
  close(cert_fd);
  close(key_fd);
  copy_file("server.pem", public_cert);
  copy_file("server.key", private_key);
  tls_begin();
  server.check_common_ca = client.check_common_ca = 1;
  server.pki_key.key.pem.public_cert = public_cert;
  server.pki_key.key.pem.private_key = private_key;
  client.validate_cn_call_back = shown_name;
  NEED(coap_context_set_pki(tls_server.context, &server) == 1 && tls_serve(COAP_PROTO_DTLS));
  ask_who(&client);
  poll(NULL, 0, 20); /* so that the file's time is another, at any grain of the clock of the file system */
  copy_file("wrong.pem", public_cert);
  copy_file("wrong.key", private_key);
  ask_who(&client);
  tls_end();
  unlink(public_cert);
  unlink(private_key);
}

int
main(void) {
  coap_startup();
  SHOW(coap_dtls_rpk_is_supported());
  whole();
  parts();
  without();
  memory_changes();
  renewed();
  coap_cleanup();
  return 0;
}
