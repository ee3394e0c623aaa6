/* A client whose server is a script: what the client sends is taken one by one, and answered as the program says. */

#ifndef SCRIPT_H
#define SCRIPT_H

#include "block.h"

static coap_context_t *context;
static coap_session_t *session;
static peer_t peer;
static datagram_t last; /* what the client has sent last */

/* What the client sends next. */
UNUSED static void
take(const char *label) {
  NEED(peer_receive(&peer, context, &last, 3000));
  if (!quiet)
    show_wire(label, &last);
}

UNUSED static int
nothing_comes(void) {
  datagram_t datagram;
  RUN_FOR(context, 100);
  return !peer_take(&peer, &datagram);
}

/* The script answers what the client has sent last: with options in hexadecimal digits, and `length` bytes of `body`
 * from `from` on. Runs the client until it is at rest. */
UNUSED static void
answer(unsigned int type, unsigned int code, const char *options, size_t from, size_t length) {
  datagram_t datagram = last, rest = with_body(options, from, length);
  size_t head = 4 + (last.bytes[0] & 15);
  static unsigned int own = 0x7000;
  unsigned int mid = type == COAP_MESSAGE_ACK ? mid_of(&last) : own++;
  datagram.bytes[0] = (uint8_t)(0x40 | type << 4 | (last.bytes[0] & 15));
  datagram.bytes[1] = (uint8_t)code;
  datagram.bytes[2] = (uint8_t)(mid >> 8);
  datagram.bytes[3] = (uint8_t)mid;
  memcpy(datagram.bytes + head, rest.bytes, rest.length);
  datagram.length = head + rest.length;
  peer_send(&peer, &datagram);
  RUN_FOR(context, 10);
}

#endif
