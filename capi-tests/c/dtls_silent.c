/* A DTLS peer that says nothing, or falls silent: how often and when a flight is repeated, and how it ends. */
#include "tls_relay.h"

/* Seconds that have passed, to the nearest. */
static int
seconds_since(int64_t zero) {
  return (int)((now_ms() - zero + 500) / 1000);
}

/* A server that never answers: at which seconds its client speaks. */
static void
no_answer(unsigned int max_retransmit) {
  peer_t silent = peer_open(0);
  coap_session_t *session;
  datagram_t first, datagram;
  int64_t zero = now_ms();
  show("== a server that says nothing, max_retransmit %u", max_retransmit);
  tls_begin();
  tls_port = silent.port;
  session = psk_client(COAP_PROTO_DTLS);
  coap_session_set_max_retransmit(session, (uint16_t)max_retransmit);
  coap_session_set_ack_timeout(session, (coap_fixed_point_t){3, 0}); /* is for messages, not for this */
  SHOW(tls_get(session, "a"));
  SHOW(tls_get(session, "b"));
  NEED(peer_receive(&silent, tls_client.context, &first, 1000));
  show("at 0: ClientHello %d", first.bytes[0] == 22 && first.bytes[13] == 1);
  while (!is_down(session) && now_ms() < zero + 12000)
    if (peer_receive(&silent, tls_client.context, &datagram, 20))
      show("at %d: %s", seconds_since(zero),
           datagram.length == first.length && memcmp(datagram.bytes + 11, first.bytes + 11, first.length - 11) == 0
               ? "the same"
               : "another");
  show("at %d: %s", seconds_since(zero), state_text(coap_session_get_state(session)));
  tell();
  coap_session_release(session);
  tls_end();
  peer_close(&silent);
}

/* The loop of a program that waits by itself is told when the flight is due. */
static void
deadlines(void) {
  peer_t silent = peer_open(0);
  coap_session_t *session;
  coap_socket_t *sockets[4];
  coap_tick_t now;
  unsigned int count, timeout;
  show("== how long to wait");
  tls_begin();
  tls_port = silent.port;
  session = psk_client(COAP_PROTO_DTLS);
  coap_ticks(&now);
  timeout = coap_io_prepare_epoll(tls_client.context, now);
  show("epoll: %s", timeout > 800 && timeout <= 1000 ? "up to a second" : "another time");
  timeout = coap_io_prepare_io(tls_client.context, sockets, 4, &count, now);
  show("io: %s", timeout > 800 && timeout <= 1000 ? "up to a second" : "another time");
  SHOW(coap_io_process(tls_client.context, 100) >= 90);
  coap_session_release(session);
  tls_end();
  peer_close(&silent);
}

/* Both wait for the other, and both give up. */
static void
cut(void) {
  relay_t relay;
  coap_session_t *session = relay_begin(&relay, "the line is cut behind the server's first flight");
  coap_session_set_max_retransmit(session, 1);
  SHOW(tls_get(session, "a"));
  RELAY_UNTIL(&relay, tls_server.peer && coap_session_get_state(tls_server.peer) == COAP_SESSION_STATE_HANDSHAKE, 3000);
  NEED(tls_server.peer);
  coap_session_set_max_retransmit(tls_server.peer, 1);
  relay.lose_from_client = relay.lose_from_server = -1;
  RELAY_UNTIL(&relay, is_down(session) && tls_server.sessions == 0, 8000);
  tell();
  relay_end(&relay, session);
}

/* Once connected, a peer that is silent is what it is over UDP. */
static void
later(void) {
  relay_t relay;
  coap_session_t *session = relay_begin(&relay, "the line is cut later");
  SHOW(tls_get(session, "a"));
  RELAY_UNTIL(&relay, tls_client.responses == 1, 3000);
  take(&tls_client);
  coap_session_set_max_retransmit(session, 1);
  coap_session_set_ack_timeout(session, (coap_fixed_point_t){1, 0});
  relay.lose_from_client = -1;
  SHOW(tls_get(session, "b"));
  RELAY_UNTIL(&relay, tls_client.nacks == 1, 8000);
  show("C: %s", take(&tls_client));
  relay.lose_from_client = 0;
  SHOW(tls_get(session, "c"));
  RELAY_UNTIL(&relay, tls_client.responses == 2, 3000);
  show("C: %s", take(&tls_client));
  relay_end(&relay, session);
}

int
main(void) {
  coap_startup();
  no_answer(1);
  deadlines();
  cut();
  later();
  coap_cleanup();
  return 0;
}
