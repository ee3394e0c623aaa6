/* A client session: how it is made, what is refused, what it tells about itself, and its counts.
 *
 * mend null_session: the reference aborts in some getters that are given no session. Ours answer 0 or NULL. */
#include "peer.h"

static coap_context_t *context;

static void
print_address(const char *label, const coap_address_t *address, uint16_t port_named_p) {
  unsigned char text[80] = "NULL";
  if (!address) {
    show("%s: NULL", label);
    return;
  }
  coap_print_ip_addr(address, (char *)text, sizeof(text));
  show("%s: %s port %s, size %d, family %s", label, text,
       coap_address_get_port(address) == 0              ? "0"
       : coap_address_get_port(address) == port_named_p ? "P"
                                                        : "another",
       (int)(address->size == sizeof(struct sockaddr_in)),
       address->addr.sa.sa_family == AF_INET ? "IPv4" : "another");
}

/* A text with the digits behind each `:` left out. */
static void
print_without_ports(const char *label, const char *text) {
  printf("%s: ", label);
  for (; *text; text++) {
    putchar(*text);
    if (*text == ':')
      while (text[1] >= '0' && text[1] <= '9')
        text++;
  }
  show("%s", "");
}

static void
describe(coap_session_t *session, uint16_t port) {
  coap_tls_library_t library;
  SHOW(coap_session_get_proto(session));
  SHOW(coap_session_get_type(session));
  SHOW(coap_session_get_state(session));
  SHOW(coap_session_get_ifindex(session));
  SHOW(coap_session_get_context(session) == context);
  SHOW_PTR(coap_session_get_app_data(session));
  SHOW_PTR(coap_session_get_tls(session, NULL));
  SHOW_PTR(coap_session_get_tls(session, &library));
  SHOW(library);
  SHOW_PTR(coap_session_get_psk_hint(session));
  SHOW_PTR(coap_session_get_psk_key(session));
  print_address("remote", coap_session_get_addr_remote(session), port);
  print_address("multicast", coap_session_get_addr_mcast(session), port);
  print_address("local", coap_session_get_addr_local(session), port);
  SHOW(coap_session_max_pdu_size(session));
  print_without_ports("str", coap_session_str(session));
}

static void
nulls(void) {
  show("-- NULL");
  coap_session_release(NULL);
  if (!on_reference())
    mend("null_session", "0 0 0 0 0 0 0 0 0 0", "%d %d %d %d %d %d %d %d %d %d",
         coap_session_get_app_data(NULL) != NULL, coap_session_get_addr_remote(NULL) != NULL,
         coap_session_get_addr_mcast(NULL) != NULL, coap_session_get_addr_local(NULL) != NULL,
         coap_session_get_context(NULL) != NULL, (int)coap_session_get_proto(NULL),
         (int)coap_session_get_type(NULL), (int)coap_session_get_state(NULL), (int)coap_session_set_type_client(NULL),
         coap_session_reference(NULL) != NULL);
}

static void
forms(uint16_t port) {
  coap_address_t server = loopback(port), local = loopback(0), taken, named;
  coap_session_t *first, *second, *third;
  static const coap_proto_t others[] = {COAP_PROTO_NONE, COAP_PROTO_DTLS, COAP_PROTO_TLS, COAP_PROTO_WSS,
                                        (coap_proto_t)99};

  show("-- forms");
  first = coap_new_client_session(context, NULL, &server, COAP_PROTO_UDP);
  SHOW_PTR(first);
  describe(first, port);

  show("a second one to the same place");
  second = coap_new_client_session(context, NULL, &server, COAP_PROTO_UDP);
  SHOW_PTR(second);
  show("from the same port: %d", coap_address_get_port(coap_session_get_addr_local(first)) ==
                                     coap_address_get_port(coap_session_get_addr_local(second)));

  show("from a local address without a port");
  third = coap_new_client_session(context, &local, &server, COAP_PROTO_UDP);
  SHOW_PTR(third);
  print_address("local", coap_session_get_addr_local(third), port);
  coap_session_release(third);

  show("from a local address with a port");
  named = loopback(free_port());
  third = coap_new_client_session(context, &named, &server, COAP_PROTO_UDP);
  SHOW_PTR(third);
  print_address("local", coap_session_get_addr_local(third), coap_address_get_port(&named));
  show("the same pair again");
  SHOW_PTR(coap_new_client_session(context, &named, &server, COAP_PROTO_UDP));
  taken = loopback(port);
  coap_address_set_port(&taken, (uint16_t)(port == 65535 ? port - 1 : port + 1));
  show("the same local address to another place");
  SHOW_PTR(coap_new_client_session(context, &named, &taken, COAP_PROTO_UDP));
  coap_session_release(third);

  show("a port of 0 is the protocol's own");
  taken = loopback(0);
  third = coap_new_client_session(context, NULL, &taken, COAP_PROTO_UDP);
  SHOW_PTR(third);
  if (third)
    print_address("remote", coap_session_get_addr_remote(third), 5683);
  coap_session_release(third);

  show("protocols that are not there");
  for (size_t i = 1; i < sizeof(others) / sizeof(others[0]) - 1; i++) {
    third = coap_new_client_session(context, NULL, &server, others[i]);
    show("%d: %s", (int)others[i], third ? "something" : "NULL");
    coap_session_release(third);
  }
  third = coap_new_client_session_psk(context, NULL, &server, COAP_PROTO_DTLS, "id", (const uint8_t *)"key", 3);
  SHOW_PTR(third);
  coap_session_release(third);

  coap_session_release(first);
  coap_session_release(second);
}

static void
counts(uint16_t port) {
  coap_address_t server = loopback(port);
  coap_session_t *session = coap_new_client_session(context, NULL, &server, COAP_PROTO_UDP);
  int data;
  show("-- reference, release, application data");
  SHOW(coap_session_reference(session) == session);
  coap_session_set_app_data(session, &data);
  SHOW(coap_session_get_app_data(session) == &data);
  coap_session_release(session);
  SHOW(coap_session_get_app_data(session) == &data);
  coap_session_set_app_data(session, NULL);
  SHOW_PTR(coap_session_get_app_data(session));

  show("-- by its peer's address");
  SHOW(coap_session_get_by_peer(context, &server, 0) == session);
  SHOW_PTR(coap_session_get_by_peer(context, &server, 1234));
  coap_address_set_port(&server, 1);
  SHOW_PTR(coap_session_get_by_peer(context, &server, 0));
  coap_session_release(session);
  coap_address_set_port(&server, port);
  SHOW_PTR(coap_session_get_by_peer(context, &server, 0));
}

static void
sizes(uint16_t port) {
  static const unsigned int mtus[] = {0, 4, 63, 64, 100, 1152, 1280, 1472, 65535, 65536, 1000000};
  coap_address_t server = loopback(port);
  coap_session_t *session = coap_new_client_session(context, NULL, &server, COAP_PROTO_UDP);
  show("-- MTU");
  for (size_t i = 3; i < sizeof(mtus) / sizeof(mtus[0]); i++) {
    coap_session_set_mtu(session, mtus[i]);
    show("%u: %zu", mtus[i], coap_session_max_pdu_size(session));
  }
  coap_session_set_mtu(session, 64);
  coap_pdu_t *pdu = coap_new_pdu(COAP_MESSAGE_NON, COAP_REQUEST_CODE_PUT, session);
  uint8_t data[64] = {0};
  SHOW_PTR(pdu);
  SHOW(coap_add_data(pdu, 60, data));
  SHOW(coap_add_data(pdu, 59, data));
  SHOW(coap_send(session, pdu) != COAP_INVALID_MID);
  coap_session_release(session);
}

static void
print_token(const char *label, coap_session_t *session, int known_p) {
  uint8_t token[16];
  size_t length = 99;
  coap_session_new_token(session, &length, token);
  printf("%s: %zu bytes", label, length);
  for (size_t i = 0; known_p && i < length; i++)
    printf("%s%02x", i ? "" : " ", token[i]);
  show("%s", "");
}

static void
tokens(uint16_t port) {
  coap_address_t server = loopback(port);
  coap_session_t *session = coap_new_client_session(context, NULL, &server, COAP_PROTO_UDP);
  show("-- tokens");
  coap_session_init_token(session, 2, (const uint8_t *)"\x01\x02");
  print_token("after 0102", session, 1);
  print_token("and then", session, 1);
  coap_session_init_token(session, 8, (const uint8_t *)"\x01\x02\x03\x04\x05\x06\x07\x08");
  print_token("after 0102030405060708", session, 1);
  coap_session_init_token(session, 8, (const uint8_t *)"\x01\x02\x03\x04\x05\x06\x07\xff");
  print_token("after 01020304050607ff", session, 1);
  coap_session_init_token(session, 8, (const uint8_t *)"\xff\xff\xff\xff\xff\xff\xff\xff");
  print_token("after ffffffffffffffff", session, 1);
  print_token("and then", session, 1);
  coap_session_init_token(session, 0, NULL);
  print_token("after nothing", session, 1);
  coap_session_init_token(session, 1, (const uint8_t *)"\xff");
  print_token("after ff", session, 1);
  coap_session_init_token(session, 10, (const uint8_t *)"0123456789");
  print_token("after 10 bytes", session, 1);
  coap_session_init_token(session, 4, (const uint8_t *)"\0\0\0\x09");
  print_token("after 00000009", session, 1);
  coap_session_release(session);
}

static void
types(peer_t *peer) {
  coap_address_t server = loopback(peer->port);
  coap_session_t *session = coap_new_client_session(context, NULL, &server, COAP_PROTO_UDP);
  datagram_t datagram;
  while (peer_take(peer, &datagram))
    ;
  show("-- types and states");
  coap_session_disconnected(session, COAP_NACK_NOT_DELIVERABLE);
  SHOW(coap_session_get_state(session));
  show("a request after that: %d",
       coap_send(session, request_for(session, COAP_MESSAGE_NON, COAP_REQUEST_GET, "r", "tk")) !=
           COAP_INVALID_MID);
  peer_expect(peer, context, "sent", MASK_MID, 100, &datagram);
  coap_session_release(session);

  session = coap_new_client_session(context, NULL, &server, COAP_PROTO_UDP);
  SHOW(coap_session_set_type_client(session));
  SHOW(coap_session_get_type(session));
  coap_session_release(session);
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  context = coap_new_context(NULL);
  peer_t peer = peer_open(0);
  nulls();
  forms(peer.port);
  counts(peer.port);
  sizes(peer.port);
  tokens(peer.port);
  types(&peer);
  peer_close(&peer);
  coap_free_context(context);
  coap_cleanup();
  return 0;
}
