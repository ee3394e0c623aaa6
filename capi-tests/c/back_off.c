/* Retransmission in full: the random factor, doubling, and a server's separate response that is not
 * acknowledged, reset, or acknowledged late. */
#include "peer.h"

static coap_context_t *context;
static peer_t peer;
static coap_async_t *held;
static int nacks;

static void
hold(coap_resource_t *resource UNUSED, coap_session_t *session, const coap_pdu_t *request,
     const coap_string_t *query UNUSED, coap_pdu_t *response) {
  if (!coap_find_async(session, coap_pdu_get_token(request))) {
    coap_session_set_ack_timeout(session, (coap_fixed_point_t){1, 0});
    coap_session_set_ack_random_factor(session, (coap_fixed_point_t){1, 0});
    coap_session_set_max_retransmit(session, 2);
    held = coap_register_async(session, request, 0);
  } else {
    coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
    coap_add_data(response, 1, (const uint8_t *)"p");
  }
}

static void
on_nack(coap_session_t *session, const coap_pdu_t *sent, const coap_nack_reason_t reason, const coap_mid_t mid) {
  show("  nack %d, session type %d, sent %s, mid is the sent one's: %d", (int)reason,
       (int)coap_session_get_type(session), sent ? code_text(coap_pdu_get_code(sent)) : "NULL",
       sent && coap_pdu_get_mid(sent) == mid);
  nacks++;
}

/* Whether a gap lies between two bounds in ms; the loop may be late, but never early. */
static const char *
within(int64_t gap, int64_t from, int64_t to) {
  return gap < from - 20 ? "too short" : gap > to + 250 ? "too long" : "right";
}

static void
random_factor(void) {
  peer_t silent = peer_open(0);
  coap_address_t address = loopback(silent.port);
  datagram_t datagram;
  int64_t at[3];
  show("-- the random factor");
  coap_session_t *session = coap_new_client_session(context, NULL, &address, COAP_PROTO_UDP);
  coap_session_set_ack_timeout(session, (coap_fixed_point_t){1, 0});
  coap_session_set_ack_random_factor(session, (coap_fixed_point_t){1, 500});
  coap_send(session, request_for(session, COAP_MESSAGE_CON, COAP_REQUEST_GET, "r", "t"));
  for (int i = 0; i < 3; i++) {
    NEED(peer_receive(&silent, context, &datagram, 5000));
    at[i] = now_ms();
  }
  show("  the first between 1 and 1.5 s: %s", within(at[1] - at[0], 1000, 1500));
  show("  the second twice as long: %s", within(at[2] - at[1], 2 * (at[1] - at[0]) - 300, 2 * (at[1] - at[0])));
  peer_send_mid(&silent, "61 45 ???? 74", mid_of(&datagram));
  RUN_UNTIL(context, coap_can_exit(context), 1000);
  coap_session_release(session);
  peer_close(&silent);
}

/* The peer asks, has its empty ACK, and the response is on its way. Its message id. */
static unsigned int
ask_for_later(const char *hex) {
  datagram_t datagram;
  struct sockaddr_in server = peer.other;
  nacks = 0;
  peer_send_hex(&peer, hex);
  NEED(peer_expect(&peer, context, "  <", MASK_OWN, 1000, &datagram));
  coap_async_trigger(held);
  NEED(peer_expect(&peer, context, "  <", MASK_OWN, 1000, &datagram));
  peer.other = server;
  return mid_of(&datagram);
}

static void
separate_responses(void) {
  datagram_t datagram;
  struct sockaddr_in server = peer.other;
  show("-- a separate response that is not acknowledged");
  unsigned int mid = ask_for_later("42 01 0101 6161 b1 68");
  for (int i = 0; i < 2; i++) {
    NEED(peer_expect(&peer, context, "  <", MASK_OWN, 5000, &datagram));
    show("  the same message id: %d", mid_of(&datagram) == mid);
  }
  RUN_UNTIL(context, nacks, 6000);
  show("  more: %d, pending: %d", peer_receive(&peer, context, &datagram, 100), !coap_can_exit(context));

  show("-- one that is reset");
  peer.other = server;
  mid = ask_for_later("42 01 0102 6162 b1 68");
  peer_send_mid(&peer, "70 00 ????", mid);
  RUN_UNTIL(context, nacks, 1000);
  show("  more: %d, pending: %d", peer_receive(&peer, context, &datagram, 1300), !coap_can_exit(context));

  show("-- one that is acknowledged the second time");
  peer.other = server;
  mid = ask_for_later("42 01 0103 6163 b1 68");
  NEED(peer_expect(&peer, context, "  <", MASK_OWN, 2000, &datagram));
  peer_send_mid(&peer, "60 00 ????", mid);
  RUN_UNTIL(context, coap_can_exit(context), 1000);
  show("  more: %d, pending: %d, nacks: %d", peer_receive(&peer, context, &datagram, 2200),
       !coap_can_exit(context), nacks);
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  context = coap_new_context(NULL);
  coap_register_nack_handler(context, on_nack);
  resource_with(context, "h", 0, COAP_REQUEST_GET, hold);
  peer = peer_open(serve(context, NULL));
  random_factor();
  separate_responses();
  peer_close(&peer);
  coap_free_context(context);
  coap_cleanup();
  return 0;
}
