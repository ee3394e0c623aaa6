/* Keep-alive: a client session that is quiet for too long sends a CoAP ping; what comes of it. (Only the first
 * is timed from below: the reference counts whole seconds of its own clock.) */
#include "peer.h"

static coap_context_t *context;
static coap_session_t *session;
static peer_t peer;
static int nacks, failures;

static void
on_nack(coap_session_t *s UNUSED, const coap_pdu_t *sent, const coap_nack_reason_t reason, const coap_mid_t mid UNUSED) {
  nacks++;
  show("  nack %d, sent %s", (int)reason, sent ? code_text(coap_pdu_get_code(sent)) : "NULL");
}

static void
on_pong(coap_session_t *s UNUSED, const coap_pdu_t *received UNUSED, const coap_mid_t mid UNUSED) {
  show("  pong");
}

static int
on_event(coap_session_t *s UNUSED, const coap_event_t event) {
  show("  event %#x", (unsigned int)event);
  if (event == COAP_EVENT_KEEPALIVE_FAILURE)
    failures++;
  return 0;
}

static void
start(unsigned int seconds) {
  context = coap_new_context(NULL);
  coap_register_nack_handler(context, on_nack);
  coap_register_pong_handler(context, on_pong);
  coap_register_event_handler(context, on_event);
  coap_context_set_keepalive(context, seconds);
  peer = peer_open(0);
  coap_address_t address = loopback(peer.port);
  session = coap_new_client_session(context, NULL, &address, COAP_PROTO_UDP);
  NEED(session);
  coap_session_set_ack_timeout(session, (coap_fixed_point_t){1, 0});
  coap_session_set_ack_random_factor(session, (coap_fixed_point_t){1, 0});
  coap_session_set_max_retransmit(session, 1);
  nacks = failures = 0;
}

static void
stop(void) {
  coap_session_release(session);
  coap_free_context(context);
  peer_close(&peer);
}

/* The next datagram, which must not come before `least` ms. */
static unsigned int
next(int64_t least, int64_t most) {
  datagram_t datagram;
  int64_t begin = now_ms();
  if (!peer_receive(&peer, context, &datagram, most + 500)) {
    show("  <: nothing");
    return 0;
  }
  int64_t took = now_ms() - begin;
  show_datagram("  <", &datagram, MASK_MID);
  if (took < least || took > most)
    show("  too %s", took < least ? "early" : "late");
  return mid_of(&datagram);
}

int
main(void) {
  datagram_t datagram;
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);

  show("-- answered by a reset, twice");
  start(1);
  for (int i = 0; i < 2; i++) {
    peer_send_mid(&peer, "70 00 ????", next(i ? 0 : 700, 2500));
    RUN_UNTIL(context, nacks > i, 300);
  }
  stop();

  show("-- traffic puts it off");
  start(2);
  RUN_FOR(context, 1200);
  coap_send(session, request_for(session, COAP_MESSAGE_NON, COAP_REQUEST_GET, "r", "tk"));
  next(0, 200);
  show("  in between: %d", peer_receive(&peer, context, &datagram, 1200));
  next(0, 2500);
  stop();

  show("-- never answered");
  start(1);
  next(700, 2500);
  next(700, 1800);
  RUN_UNTIL(context, nacks, 6000);
  RUN_UNTIL(context, failures, 300);
  SHOW(coap_session_get_state(session));
  stop();

  show("-- off");
  start(0);
  show("  in between: %d", peer_receive(&peer, context, &datagram, 1500));
  stop();
  coap_cleanup();
  return 0;
}
