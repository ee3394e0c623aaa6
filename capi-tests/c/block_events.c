/* What a client hears when a transfer in blocks does not end well, and in which order: events, the handler of nacks, the
 * handler of responses, and bodies that come back. The server is a script. */

#include "script.h"

static int nacks, failures;

static coap_response_t
responded(coap_session_t *on UNUSED, const coap_pdu_t *sent UNUSED, const coap_pdu_t *received, coap_mid_t mid UNUSED) {
  printf("  response");
  print_pdu("is", received, 0);
  putchar('\n');
  fflush(stdout);
  return COAP_RESPONSE_OK;
}

static void
failed(coap_session_t *on UNUSED, const coap_pdu_t *sent, coap_nack_reason_t reason, coap_mid_t mid UNUSED) {
  nacks++;
  if (quiet)
    return;
  printf("  nack %u", (unsigned int)reason);
  print_pdu("of", sent, 0);
  putchar('\n');
  fflush(stdout);
}

static int
happened(coap_session_t *on UNUSED, const coap_event_t event) {
  failures += event == COAP_EVENT_XMIT_BLOCK_FAIL;
  if (quiet)
    return 0;
  show("  event %s", event == COAP_EVENT_PARTIAL_BLOCK       ? "PARTIAL_BLOCK"
                     : event == COAP_EVENT_XMIT_BLOCK_FAIL   ? "XMIT_BLOCK_FAIL"
                     : event == COAP_EVENT_MSG_RETRANSMITTED ? "MSG_RETRANSMITTED"
                                                             : "another");
  return 0;
}

static void
begin(const char *label, uint32_t mode, coap_request_t method, size_t length) {
  coap_fixed_point_t one = {1, 0};
  show("%s", label);
  peer = peer_open(0);
  context = coap_new_context(NULL);
  NEED(context);
  coap_context_set_block_mode(context, mode);
  coap_register_response_handler(context, responded);
  coap_register_nack_handler(context, failed);
  coap_register_event_handler(context, happened);
  coap_address_t server = loopback(peer.port);
  session = coap_new_client_session(context, NULL, &server, COAP_PROTO_UDP);
  NEED(session);
  coap_session_set_ack_timeout(session, one);
  coap_session_set_max_retransmit(session, 1);
  nacks = failures = 0;
  coap_pdu_t *pdu = request_for(session, COAP_MESSAGE_CON, method, "a", "tok");
  if (length > 0)
    NEED(coap_add_data_large_request(session, pdu, length, body, give_back, lend()));
  NEED(coap_send(session, pdu) != COAP_INVALID_MID);
  take("  block 0");
}

static void
end(void) {
  coap_session_release(session);
  coap_free_context(context);
  peer_close(&peer);
}

enum { CONTENT = 69, CONTINUE = 95, NOT_FOUND = 132, INCOMPLETE = 136 };

static void
reset(void) {
  datagram_t datagram = {4, {0x70, 0, last.bytes[2], last.bytes[3]}};
  peer_send(&peer, &datagram);
  RUN_UNTIL(context, nacks, 3000);
}

static void
uploads(uint32_t mode) {
  begin("an upload that is rejected", mode, COAP_REQUEST_PUT, 2500);
  answer(COAP_MESSAGE_ACK, CONTINUE, "d10e0e", 0, 0);
  take("  block 1");
  reset();
  RUN_UNTIL(context, failures, 6000);
  end();

  begin("one that is not acknowledged", mode, COAP_REQUEST_PUT, 2500);
  answer(COAP_MESSAGE_ACK, CONTINUE, "d10e0e", 0, 0);
  take("  block 1");
  quiet = 1; /* which is first is chance with the reference */
  RUN_UNTIL(context, failures && nacks, 6000);
  quiet = 0;
  show("  %d nack, %d event", nacks, failures);
  end();

  begin("one that is refused", mode, COAP_REQUEST_PUT, 2500);
  answer(COAP_MESSAGE_ACK, CONTINUE, "d10e0e", 0, 0);
  take("  block 1");
  answer(COAP_MESSAGE_ACK, INCOMPLETE, "", 0, 0);
  end();

  begin("one whose session ends", mode, COAP_REQUEST_PUT, 2500);
  answer(COAP_MESSAGE_ACK, CONTINUE, "d10e0e", 0, 0);
  take("  block 1");
  end();
}

static void
downloads(uint32_t mode) {
  begin("a download that is rejected", mode, COAP_REQUEST_GET, 0);
  answer(COAP_MESSAGE_ACK, CONTENT, "41aa d1060a 5164", 0, 64);
  take("  block 1");
  reset();
  RUN_FOR(context, 100);
  end();

  begin("one that is not acknowledged", mode, COAP_REQUEST_GET, 0);
  answer(COAP_MESSAGE_ACK, CONTENT, "41aa d1060a 5164", 0, 64);
  take("  block 1");
  quiet = 1; /* under which token the reference shows it depends on the millisecond */
  RUN_UNTIL(context, nacks, 6000);
  RUN_FOR(context, 100);
  quiet = 0;
  show("  %d nack, %d event", nacks, failures);
  end();

  begin("one that is refused", mode, COAP_REQUEST_GET, 0);
  answer(COAP_MESSAGE_ACK, CONTENT, "41aa d1060a 5164", 0, 64);
  take("  block 1");
  answer(COAP_MESSAGE_ACK, NOT_FOUND, "", 0, 0);
  end();

  begin("one whose body changes", mode, COAP_REQUEST_GET, 0);
  answer(COAP_MESSAGE_ACK, CONTENT, "41aa d1060a 5164", 0, 64);
  take("  block 1");
  answer(COAP_MESSAGE_ACK, CONTENT, "41bb d1061a 5164", 64, 64);
  take("  block 0");
  end();

  begin("one whose session ends", mode, COAP_REQUEST_GET, 0);
  answer(COAP_MESSAGE_ACK, CONTENT, "41aa d1060a 5164", 0, 64);
  take("  block 1");
  end();
}

int
main(void) {
  fill_body();
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  show("-- block by block");
  uploads(COAP_BLOCK_USE_LIBCOAP);
  downloads(COAP_BLOCK_USE_LIBCOAP);
  show("-- whole bodies");
  uploads(COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
  downloads(COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
  coap_cleanup();
  return 0;
}
