/* A client whose peer does not answer: how often and how far apart it sends, how it ends; resets, ICMP
 * errors, and NSTART as it shows on the wire.
 *
 * mend disconnected: on coap_session_disconnected the reference reports a message in flight twice when
 *   another waits behind it. Ours reports each once. */
#include "peer.h"

static coap_context_t *context;
static coap_session_t *session;
static peer_t peer;
static int ended, quiet;

static void
on_nack(coap_session_t *s UNUSED, const coap_pdu_t *sent, const coap_nack_reason_t reason, const coap_mid_t mid) {
  coap_bin_const_t token = {0, NULL};
  ended++;
  if (quiet)
    return;
  if (sent)
    token = coap_pdu_get_token(sent);
  show("  nack %d, sent %s, token %.*s, mid is the sent one's: %d", (int)reason, sent ? "something" : "NULL",
       (int)token.length, token.s ? (const char *)token.s : "", sent && mid == coap_pdu_get_mid(sent));
}

static coap_response_t
on_response(coap_session_t *s UNUSED, const coap_pdu_t *sent, const coap_pdu_t *received, const coap_mid_t mid UNUSED) {
  coap_bin_const_t token = coap_pdu_get_token(received);
  show("  response %s %s, token %.*s, sent %s", type_text(coap_pdu_get_type(received)),
       code_text(coap_pdu_get_code(received)), (int)token.length, (const char *)token.s,
       sent ? "something" : "NULL");
  ended++;
  return COAP_RESPONSE_OK;
}

static int
on_event(coap_session_t *s UNUSED, const coap_event_t event) {
  show("  event %#x", (unsigned int)event);
  return 0;
}

/* A new context, a new peer and a session to it: ACK_TIMEOUT 1 s, no random factor. */
static void
start(uint16_t retransmissions) {
  context = coap_new_context(NULL);
  coap_register_nack_handler(context, on_nack);
  coap_register_response_handler(context, on_response);
  coap_register_event_handler(context, on_event);
  peer = peer_open(0);
  coap_address_t address = loopback(peer.port);
  session = coap_new_client_session(context, NULL, &address, COAP_PROTO_UDP);
  NEED(session);
  coap_session_set_ack_timeout(session, (coap_fixed_point_t){1, 0});
  coap_session_set_ack_random_factor(session, (coap_fixed_point_t){1, 0});
  coap_session_set_max_retransmit(session, retransmissions);
  ended = 0;
}

static void
stop(void) {
  coap_session_release(session);
  show("  released");
  coap_free_context(context);
  peer_close(&peer);
}

static coap_mid_t
send_request(coap_pdu_type_t type, const char *token) {
  return coap_send(session, request_for(session, type, COAP_REQUEST_GET, "r", token));
}

/* Prints each datagram until `count` exchanges have ended, with the seconds since the one before. */
static void
watch(int count, int64_t limit) {
  int64_t end = now_ms() + limit, last = now_ms();
  datagram_t datagram;
  while (ended < count && now_ms() < end) {
    coap_io_process(context, 5);
    if (peer_take(&peer, &datagram)) {
      int64_t gap = now_ms() - last;
      last = now_ms();
      printf("  after %lld s", (long long)(gap + 150) / 1000);
      show_datagram("", &datagram, MASK_MID);
    }
  }
  show("  after %lld s, ended: %d", (long long)(now_ms() - last + 150) / 1000, ended);
}

static void
silence(void) {
  show("-- silence: 2 retransmissions");
  start(2);
  send_request(COAP_MESSAGE_CON, "a");
  watch(1, 12000);
  SHOW(coap_can_exit(context));
  stop();

  show("-- silence: no retransmission is not to be had");
  start(0);
  SHOW(coap_session_get_max_retransmit(session));
  stop();

  show("-- silence for a NON");
  start(1);
  send_request(COAP_MESSAGE_NON, "b");
  SHOW(coap_can_exit(context));
  watch(1, 1500);
  stop();

  show("-- silence for a ping");
  start(1);
  SHOW(coap_session_send_ping(session) != COAP_INVALID_MID);
  watch(1, 6000);
  stop();
}

static void
late_answer(void) {
  datagram_t datagram;
  show("-- an answer to the second transmission");
  start(2);
  send_request(COAP_MESSAGE_CON, "c");
  NEED(peer_expect(&peer, context, "  first", MASK_MID, 500, &datagram));
  NEED(peer_expect(&peer, context, "  second", MASK_MID, 2000, &datagram));
  peer_send_mid(&peer, "61 45 ???? 63", mid_of(&datagram));
  RUN_UNTIL(context, ended, 2000);
  SHOW(coap_can_exit(context));
  stop();

  show("-- an empty ACK to the second transmission");
  start(2);
  send_request(COAP_MESSAGE_CON, "d");
  NEED(peer_receive(&peer, context, &datagram, 500));
  NEED(peer_receive(&peer, context, &datagram, 2000));
  peer_send_mid(&peer, "60 00 ????", mid_of(&datagram));
  RUN_UNTIL(context, coap_can_exit(context), 2000);
  SHOW(coap_can_exit(context));
  watch(1, 300);
  stop();
}

static void
refused(void) {
  show("-- nobody at the port, to the end");
  start(1);
  peer_close(&peer);
  peer = peer_open(0); /* not where the session sends to */
  send_request(COAP_MESSAGE_CON, "r");
  RUN_UNTIL(context, coap_can_exit(context), 5000);
  show("  ended: %d", ended);
  stop();

  show("-- nobody at the port");
  start(4);
  peer_close(&peer);
  peer = peer_open(0); /* not where the session sends to */
  send_request(COAP_MESSAGE_CON, "e");
  watch(1, 3000);
  show("  state %d", (int)coap_session_get_state(session));
  SHOW(coap_can_exit(context));
  ended = 0;
  show("-- nobody at the port, NON");
  show("  sent: %d", send_request(COAP_MESSAGE_NON, "f") != COAP_INVALID_MID);
  watch(1, 300);
  stop();
}

static void
nstart(void) {
  datagram_t datagram;
  show("-- NSTART 1: one CON at a time, and NON passes by");
  start(4);
  for (int i = 0; i < 3; i++) {
    char token[2] = {(char)('g' + i), 0};
    show("  coap_send: %d", send_request(COAP_MESSAGE_CON, token) != COAP_INVALID_MID);
  }
  show("  coap_send: %d", send_request(COAP_MESSAGE_NON, "n") != COAP_INVALID_MID);
  NEED(peer_expect(&peer, context, "  <", MASK_MID, 500, &datagram));
  unsigned int mid = mid_of(&datagram);
  if (peer_expect(&peer, context, "  <", MASK_MID, 200, &datagram))
    peer_expect(&peer, context, "  <", MASK_MID, 100, &datagram);
  show("  an empty ACK for the first");
  peer_send_mid(&peer, "60 00 ????", mid);
  NEED(peer_expect(&peer, context, "  <", MASK_MID, 500, &datagram));
  mid = mid_of(&datagram);
  peer_expect(&peer, context, "  <", MASK_MID, 100, &datagram);
  show("  a reset for the second");
  peer_send_mid(&peer, "70 00 ????", mid);
  NEED(peer_expect(&peer, context, "  <", MASK_MID, 500, &datagram));
  peer_send_mid(&peer, "61 45 ???? 69", mid_of(&datagram));
  RUN_UNTIL(context, ended == 2, 500);
  peer_expect(&peer, context, "  <", MASK_MID, 100, &datagram);
  SHOW(coap_can_exit(context));
  stop();

  show("-- NSTART 2");
  start(4);
  coap_session_set_nstart(session, 2);
  for (int i = 0; i < 3; i++) {
    char token[2] = {(char)('j' + i), 0};
    send_request(COAP_MESSAGE_CON, token);
  }
  NEED(peer_expect(&peer, context, "  <", MASK_MID, 500, &datagram));
  peer_expect(&peer, context, "  <", MASK_MID, 200, &datagram);
  mid = mid_of(&datagram);
  peer_expect(&peer, context, "  <", MASK_MID, 200, &datagram);
  peer_send_mid(&peer, "61 45 ???? 6b", mid);
  peer_expect(&peer, context, "  <", MASK_MID, 500, &datagram);
  show("  two in flight");
  stop();

  show("-- queued behind one that is never answered");
  start(1);
  send_request(COAP_MESSAGE_CON, "m");
  send_request(COAP_MESSAGE_CON, "o");
  watch(2, 12000);
  stop();

  show("-- disconnected with one in flight and one queued");
  start(1);
  send_request(COAP_MESSAGE_CON, "p");
  send_request(COAP_MESSAGE_CON, "q");
  RUN_FOR(context, 20);
  quiet = 1;
  coap_session_disconnected(session, COAP_NACK_NOT_DELIVERABLE);
  RUN_FOR(context, 20);
  quiet = 0;
  mend("disconnected", "2", "%d", ended);
  SHOW(coap_can_exit(context));
  stop();
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  silence();
  late_answer();
  refused();
  nstart();
  coap_cleanup();
  return 0;
}
