/* What the programs share that put a relay between a client and a server, which shows each datagram, and loses, repeats
 * or delays one of them. A datagram that has passed before is shown by its number: that is a repetition, byte by byte. */

#ifndef RELAY_H
#define RELAY_H

#include "block.h"

typedef enum { PASS, LOSE, TWICE, LATE } fault_t;

static coap_context_t *server, *client;
static coap_session_t *session;
static peer_t to_client, to_server; /* the two ends of the relay */
static datagram_t seen[64];
static int seen_count;
static fault_t fault;
static int fault_at;
static int is_held; /* `held` waits until another datagram of its direction has passed */
static datagram_t held;
static int held_from_client;

static void
show_passing(const datagram_t *datagram, int from_client, const char *what) {
  char label[40];
  for (int i = 0; i < seen_count; i++)
    if (seen[i].length == datagram->length && memcmp(seen[i].bytes, datagram->bytes, datagram->length) == 0) {
      if (!quiet)
        show("  %s %d again%s", from_client ? ">" : "<", i + 1, what);
      return;
    }
  NEED(seen_count < 64);
  seen[seen_count++] = *datagram;
  snprintf(label, sizeof(label), "  %s %d%s", from_client ? ">" : "<", seen_count, what);
  if (!quiet)
    show_wire(label, datagram);
}

static void
forward(const datagram_t *datagram, int from_client) {
  peer_send(from_client ? &to_server : &to_client, datagram);
}

/* Passes on what has come from one end. `passed` counts what came, repetitions too. */
static int
relay(peer_t *from, int from_client, int *passed) {
  datagram_t datagram;
  struct sockaddr_in other = from->other;
  if (!peer_take(from, &datagram))
    return 0;
  if (!from_client)
    from->other = other;
  if (datagram.length == 4 && (datagram.bytes[0] >> 4 & 3) == COAP_MESSAGE_ACK) {
    forward(&datagram, from_client); /* it may go before or behind what else is to be said: it is neither shown nor counted */
    return 1;
  }
  int is_it = ++*passed == fault_at;
  fault_t now = is_it ? fault : PASS;
  show_passing(&datagram, from_client, now == LOSE ? " lost" : now == LATE ? " late" : now == TWICE ? " twice" : "");
  if (now == LATE) {
    held = datagram;
    held_from_client = from_client;
    is_held = 1;
    return 1;
  }
  if (now != LOSE)
    forward(&datagram, from_client);
  if (now == TWICE)
    forward(&datagram, from_client);
  if (is_held && held_from_client == from_client) {
    if (!quiet)
      show("  the late one");
    forward(&held, from_client);
    is_held = 0;
  }
  return 1;
}

/* Runs one end until it has nothing more to say, and passes on what it said. */
static int
turn(coap_context_t *end, peer_t *from, int from_client, int *passed) {
  int moved = 0;
  for (int idle = 0; idle < 3; idle++) {
    coap_io_process(end, COAP_IO_NO_WAIT);
    if (relay(from, from_client, passed))
      idle = -1, moved = 1;
    else
      usleep(200);
  }
  return moved;
}

/* Opens the relay in front of a server, and a session of the client through it. */
static void
open_relay(void) {
  to_server = peer_open(serve(server, NULL));
  to_client = peer_open(0);
  coap_address_t address = loopback(to_client.port);
  session = coap_new_client_session(client, NULL, &address, COAP_PROTO_UDP);
  NEED(session);
  coap_session_set_ack_timeout(session, (coap_fixed_point_t){1, 0});
  coap_session_set_ack_random_factor(session, (coap_fixed_point_t){1, 0});
  seen_count = is_held = 0;
}

static void
close_relay(void) {
  coap_session_release(session);
  coap_free_context(client);
  coap_free_context(server);
  peer_close(&to_client);
  peer_close(&to_server);
}

#endif
