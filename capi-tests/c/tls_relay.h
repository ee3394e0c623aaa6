/* What test programs share that put a relay between a DTLS client and its server. It loses what it is told to, keeps what
 * passed last, and can say something itself to either side. */

#ifndef TLS_RELAY_H
#define TLS_RELAY_H

#include "tls.h"

typedef struct {
  peer_t front, back;
  struct sockaddr_in client;
  int lose_from_client, lose_from_server; /* the number of the datagram; 0 is none, -1 all */
  int from_client, from_server;           /* how many have come */
  datagram_t last_of_client, last_of_server;
} relay_t;

UNUSED static void
relay_to_server(const relay_t *relay, const datagram_t *datagram) {
  coap_address_t server = loopback(tls_port);
  sendto(relay->back.fd, datagram->bytes, datagram->length, 0, &server.addr.sa, server.size);
}

UNUSED static void
relay_to_client(const relay_t *relay, const datagram_t *datagram) {
  sendto(relay->front.fd, datagram->bytes, datagram->length, 0, (const struct sockaddr *)&relay->client,
         sizeof(relay->client));
}

UNUSED static void
relay_turn(relay_t *relay) {
  while (peer_take(&relay->front, &relay->last_of_client)) {
    relay->client = relay->front.other;
    relay->from_client++;
    if (relay->lose_from_client != -1 && relay->lose_from_client != relay->from_client)
      relay_to_server(relay, &relay->last_of_client);
  }
  while (peer_take(&relay->back, &relay->last_of_server)) {
    relay->from_server++;
    if (relay->lose_from_server != -1 && relay->lose_from_server != relay->from_server)
      relay_to_client(relay, &relay->last_of_server);
  }
}

#define RELAY_UNTIL(relay, condition, limit)                                                       \
  do {                                                                                             \
    int64_t relay_end_ = now_ms() + (limit);                                                       \
    while (!(condition) && now_ms() < relay_end_) {                                                \
      relay_turn(relay);                                                                           \
      both_turn();                                                                                 \
    }                                                                                              \
  } while (0)

/* A client that takes the relay for its server. */
UNUSED static coap_session_t *
relayed_client(const relay_t *relay) {
  coap_address_t address = loopback(relay->front.port);
  coap_session_t *session = coap_new_client_session_psk(tls_client.context, NULL, &address, COAP_PROTO_DTLS, "me",
                                                        (const uint8_t *)"secret", 6);
  NEED(session);
  return session;
}

/* A server with a key, the relay, and a client. */
UNUSED static coap_session_t *
relay_begin(relay_t *relay, const char *name) {
  show("== %s", name);
  tls_begin();
  psk_server(COAP_PROTO_DTLS);
  memset(relay, 0, sizeof(*relay));
  relay->front = peer_open(0);
  relay->back = peer_open(0);
  return relayed_client(relay);
}

UNUSED static void
relay_end(relay_t *relay, coap_session_t *session) {
  coap_session_release(session);
  tls_end();
  peer_close(&relay->front);
  peer_close(&relay->back);
}

#endif
