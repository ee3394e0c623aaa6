/* Programs that were built against 4.3.1: coap_dtls_pki_t was 128 bytes there, coap_dtls_key_t 64, with the same version number.
 * They end with the page here, and nothing can be read behind them. */
#include "tls.h"

#include <sys/mman.h>

enum { OLD_PKI = 128, OLD_KEY = 64 };

/* A place of `size` bytes that ends where reading ends. */
static void *
at_the_end(size_t size, const void *content) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  uint8_t *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  NEED(pages != MAP_FAILED && mprotect(pages + page, page, PROT_NONE) == 0);
  memcpy(pages + page - size, content, size);
  return pages + page - size;
}

static void
give_back(void *place, size_t size) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  munmap((uint8_t *)place + size - page, 2 * page);
}

static coap_dtls_key_t *
old_key(const char *sni UNUSED, void *arg UNUSED) {
  static void *place;
  coap_dtls_key_t key = pem_of("server");
  if (place)
    give_back(place, OLD_KEY);
  place = at_the_end(OLD_KEY, &key);
  return place;
}

static void
exchange(const char *name, coap_dtls_pki_t server, coap_dtls_pki_t client, coap_proto_t proto) {
  coap_dtls_pki_t *old_server, *old_client;
  coap_session_t *session;
  char wanted[80];
  server.check_common_ca = client.check_common_ca = 1;
  tls_begin();
  old_server = at_the_end(OLD_PKI, &server);
  old_client = at_the_end(OLD_PKI, &client);
  NEED(coap_context_set_pki(tls_server.context, old_server) == 1 && tls_serve(proto));
  session = coap_new_client_session_pki(tls_client.context, NULL, tls_address(), proto, old_client);
  NEED(session);
  snprintf(wanted, sizeof(wanted), "%s, %s: 1", proto_text(proto), name);
  mend("old-struct", wanted, "%s, %s: %d", proto_text(proto), name, tls_talk(session));
  tls_leave(session);
  tls_end();
  give_back(old_server, OLD_PKI);
  give_back(old_client, OLD_PKI);
}

static void
each_form(coap_proto_t proto) {
  coap_dtls_pki_t server = pki("server"), client = pki("client");
  exchange("files", server, client, proto);
  server.pki_key = pem_buffers("ca.pem", "server.pem", "server.key", 1);
  client.pki_key = pem_buffers("ca.pem", "client.pem", "client.key", 1);
  exchange("PEM", server, client, proto);
  server.pki_key = asn1("ca.der", "server.der", "server.keyder", COAP_ASN1_PKEY_EC);
  client.pki_key = asn1("ca.der", "client.der", "client.keyder", COAP_ASN1_PKEY_EC);
  exchange("DER", server, client, proto);
  server = pki("server");
  server.validate_sni_call_back = old_key;
  exchange("keys of a callback", server, client, proto);
}

/* The structures for shared keys have kept their sizes. */
static void
shared_keys(void) {
  coap_dtls_spsk_t server, *server_place;
  coap_dtls_cpsk_t client, *client_place;
  coap_session_t *session;
  memset(&server, 0, sizeof(server));
  memset(&client, 0, sizeof(client));
  server.version = COAP_DTLS_SPSK_SETUP_VERSION;
  client.version = COAP_DTLS_CPSK_SETUP_VERSION;
  server.psk_info.hint = BIN("hint");
  server.psk_info.key = client.psk_info.key = BIN("secret");
  client.psk_info.identity = BIN("me");
  tls_begin();
  server_place = at_the_end(sizeof(server), &server);
  client_place = at_the_end(sizeof(client), &client);
  NEED(coap_context_set_psk2(tls_server.context, server_place) == 1 && tls_serve(COAP_PROTO_DTLS));
  session = coap_new_client_session_psk2(tls_client.context, NULL, tls_address(), COAP_PROTO_DTLS, client_place);
  NEED(session);
  show("shared keys: %d", tls_talk(session));
  tls_leave(session);
  tls_end();
  give_back(server_place, sizeof(server));
  give_back(client_place, sizeof(client));
}

int
main(void) {
  coap_startup();
  /* mend old-struct: the reference reads 144 bytes, whatever the program was built against, and crashes here. */
  if (!on_reference()) {
    each_form(COAP_PROTO_DTLS);
    each_form(COAP_PROTO_TLS);
  }
  shared_keys();
  coap_cleanup();
  return 0;
}
