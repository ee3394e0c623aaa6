/* When is a client done? coap_io_pending() and coap_can_exit() at each step of a request.
 *
 * mend done: without block-wise transfers the reference goes on saying that something is pending after the response,
 *   if the request was acknowledged before. Ours says that nothing is. */
#include "peer.h"

static coap_context_t *context;
static coap_session_t *session;
static peer_t peer;
static datagram_t request;
static int responses, block_wise;

static coap_response_t
on_response(coap_session_t *from UNUSED, const coap_pdu_t *sent UNUSED, const coap_pdu_t *received UNUSED,
            const coap_mid_t mid UNUSED) {
  responses++;
  return COAP_RESPONSE_OK;
}

static void
start(const char *what) {
  context = coap_new_context(NULL);
  NEED(context);
  coap_register_response_handler(context, on_response);
  if (block_wise)
    coap_context_set_block_mode(context, COAP_BLOCK_USE_LIBCOAP);
  peer = peer_open(0);
  coap_address_t address = loopback(peer.port);
  session = coap_new_client_session(context, NULL, &address, COAP_PROTO_UDP);
  NEED(session);
  responses = 0;
  show("-- %s%s", what, block_wise ? ", block-wise" : "");
}

static void
stop(void) {
  coap_session_release(session);
  coap_free_context(context);
  peer_close(&peer);
}

static void
send_get(coap_pdu_type_t type, int observe) {
  coap_pdu_t *pdu = coap_new_pdu(type, COAP_REQUEST_CODE_GET, session);
  NEED(pdu && coap_add_token(pdu, 2, (const uint8_t *)"tk"));
  if (observe)
    coap_add_option(pdu, COAP_OPTION_OBSERVE, 0, NULL);
  NEED(coap_send(session, pdu) != COAP_INVALID_MID);
  NEED(peer_receive(&peer, context, &request, 1000));
}

static void
state(const char *when) {
  show("%s: pending %d, can exit %d", when, coap_io_pending(context), coap_can_exit(context));
}

static void
piggybacked(int observe) {
  start(observe ? "an observation" : "an answer in the acknowledgement");
  state("before");
  send_get(COAP_MESSAGE_CON, observe);
  state("sent");
  peer_send_mid(&peer, observe ? "62 45 ???? 746b 61 05" : "62 45 ???? 746b", mid_of(&request));
  RUN_UNTIL(context, responses, 1000);
  state("answered");
  stop();
}

static void
separate(void) {
  start("an answer of its own");
  send_get(COAP_MESSAGE_CON, 0);
  peer_send_mid(&peer, "60 00 ????", mid_of(&request));
  RUN_UNTIL(context, coap_can_exit(context), 1000);
  state("acknowledged");
  peer_send_hex(&peer, "52 45 1234 746b");
  RUN_UNTIL(context, responses, 1000);
  if (block_wise)
    state("answered");
  else
    mend("done", "pending 0", "pending %d", coap_io_pending(context));
  stop();
}

static void
non(void) {
  start("a request that is not confirmable");
  send_get(COAP_MESSAGE_NON, 0);
  state("sent");
  peer_send_hex(&peer, "52 45 1234 746b");
  RUN_UNTIL(context, responses, 1000);
  state("answered");
  stop();
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  for (block_wise = 0; block_wise < 2; block_wise++) {
    piggybacked(0);
    separate();
    non();
    piggybacked(1);
  }
  coap_cleanup();
  return 0;
}
