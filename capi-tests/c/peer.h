/* What test programs share that talk: the loop with a deadline instead of a sleep, a scripted peer that says
 * exactly what it is told to, and a server to talk to. */

#ifndef PEER_H
#define PEER_H

#include "test.h"

/* ---- the loop ---- */

/* Runs the loop of `context` until `condition` holds, at most `limit` ms. Afterwards `condition` tells
 * whether it came true. */
#define RUN_UNTIL(context, condition, limit)                                                       \
  do {                                                                                             \
    int64_t run_end_ = now_ms() + (limit);                                                         \
    while (!(condition) && now_ms() < run_end_)                                                    \
      coap_io_process((context), 10);                                                              \
  } while (0)

/* Runs the loop of `context` for `span` ms: for things that must not happen. */
#define RUN_FOR(context, span) RUN_UNTIL(context, 0, span)

/* ---- the peer: a bare socket that says exactly what it is told to ---- */

typedef struct {
  int fd;
  uint16_t port;
  struct sockaddr_in other; /* who it talks to */
} peer_t;

/* A peer at a port of its own. It talks to `port`; with 0, to whom it last received from. */
UNUSED static peer_t
peer_open(uint16_t port) {
  peer_t peer = {.fd = socket(AF_INET, SOCK_DGRAM, 0)};
  struct sockaddr_in self = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof(self);
  NEED(peer.fd >= 0 && bind(peer.fd, (struct sockaddr *)&self, size) == 0);
  NEED(getsockname(peer.fd, (struct sockaddr *)&self, &size) == 0);
  peer.port = ntohs(self.sin_port);
  peer.other = self;
  peer.other.sin_port = htons(port);
  return peer;
}

UNUSED static void
peer_close(peer_t *peer) {
  close(peer->fd);
  peer->fd = -1;
}

UNUSED static void
peer_send(const peer_t *peer, const datagram_t *datagram) {
  NEED(sendto(peer->fd, datagram->bytes, datagram->length, 0, (const struct sockaddr *)&peer->other,
              sizeof(peer->other)) == (ssize_t)datagram->length);
}

UNUSED static void
peer_send_hex(const peer_t *peer, const char *hex) {
  datagram_t datagram = from_hex(hex);
  peer_send(peer, &datagram);
}

/* Sends hexadecimal digits of which the message id is `mid`: `????` stands for it. */
UNUSED static void
peer_send_mid(const peer_t *peer, const char *hex, unsigned int mid) {
  char text[4096];
  char digits[5];
  NEED(strlen(hex) < sizeof(text));
  strcpy(text, hex);
  snprintf(digits, sizeof(digits), "%04x", mid & 0xffff);
  char *hole = strstr(text, "????");
  NEED(hole);
  memcpy(hole, digits, 4);
  peer_send_hex(peer, text);
}

/* Takes a datagram that is there already. 0 when there is none. */
UNUSED static int
peer_take(peer_t *peer, datagram_t *datagram) {
  struct sockaddr_in from;
  socklen_t size = sizeof(from);
  ssize_t length = recvfrom(peer->fd, datagram->bytes, sizeof(datagram->bytes), MSG_DONTWAIT,
                            (struct sockaddr *)&from, &size);
  if (length < 0)
    return 0;
  datagram->length = (size_t)length;
  peer->other = from;
  return 1;
}

/* Waits for a datagram while the loop of `context` runs, at most `limit` ms. 0 when none came. */
UNUSED static int
peer_receive(peer_t *peer, coap_context_t *context, datagram_t *datagram, int64_t limit) {
  int64_t end = now_ms() + limit;
  while (!peer_take(peer, datagram)) {
    if (now_ms() >= end)
      return 0;
    coap_io_process(context, 2);
  }
  return 1;
}

/* Waits for a datagram and prints it, or `nothing`. */
UNUSED static int
peer_expect(peer_t *peer, coap_context_t *context, const char *label, int mask, int64_t limit,
            datagram_t *datagram) {
  if (!peer_receive(peer, context, datagram, limit)) {
    show("%s: nothing", label);
    return 0;
  }
  show_datagram(label, datagram, mask);
  return 1;
}

/* ---- a server to talk to ---- */

/* Adds an endpoint on 127.0.0.1 and gives its port. */
UNUSED static uint16_t
serve(coap_context_t *context, coap_endpoint_t **endpoint) {
  for (int attempt = 0; attempt < 20; attempt++) {
    uint16_t port = free_port();
    coap_address_t address = loopback(port);
    coap_endpoint_t *made = coap_new_endpoint(context, &address, COAP_PROTO_UDP);
    if (made) {
      if (endpoint)
        *endpoint = made;
      return port;
    }
  }
  NEED(!"an endpoint");
  return 0;
}

/* Adds a resource with one handler. */
UNUSED static coap_resource_t *
resource_with(coap_context_t *context, const char *path, int flags, coap_request_t method,
              coap_method_handler_t handler) {
  coap_resource_t *resource = coap_resource_init(coap_make_str_const(path), flags);
  NEED(resource);
  coap_register_request_handler(resource, method, handler);
  coap_add_resource(context, resource);
  return resource;
}

UNUSED static void
probe_handler(coap_resource_t *resource UNUSED, coap_session_t *session UNUSED,
              const coap_pdu_t *request UNUSED, const coap_string_t *query UNUSED, coap_pdu_t *response) {
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
}

/* The resource that `ask` uses: /~ */
UNUSED static void
add_probe(coap_context_t *context) {
  resource_with(context, "~", 0, COAP_REQUEST_GET, probe_handler);
}

/* Sends a datagram to the server on `context`, which has the probe's resource, and prints every answer to
 * it. No time passes: a GET of the probe follows on the same socket, and what has not come before its
 * answer was not sent. */
UNUSED static void
ask(peer_t *peer, coap_context_t *context, const char *label, const char *hex, int mask) {
  static uint16_t probe_mid = 0xf000;
  struct sockaddr_in server = peer->other;
  datagram_t answer;
  int answers = 0;
  peer_send_hex(peer, hex);
  peer_send_mid(peer, "41 01 ???? fa b1 7e", ++probe_mid);
  for (;;) {
    NEED(peer_receive(peer, context, &answer, 3000));
    peer->other = server;
    if (mid_of(&answer) == probe_mid && answer.bytes[0] == 0x61)
      break;
    show_datagram(label, &answer, mask);
    answers++;
  }
  if (answers == 0)
    show("%s: nothing", label);
}

/* ---- requests ---- */

/* A request with a path of one segment and a token. */
UNUSED static coap_pdu_t *
request_for(coap_session_t *session, coap_pdu_type_t type, coap_request_t method, const char *path,
            const char *token) {
  coap_pdu_t *pdu = coap_new_pdu(type, (coap_pdu_code_t)method, session);
  NEED(pdu);
  NEED(coap_add_token(pdu, strlen(token), (const uint8_t *)token));
  if (path)
    NEED(coap_add_option(pdu, COAP_OPTION_URI_PATH, strlen(path), (const uint8_t *)path));
  return pdu;
}

#endif
