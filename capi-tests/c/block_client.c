/* Requests and responses in blocks at a client: what it sends, what its handlers see and when, and when it gives bodies
 * back. The server is a script. */

#include "script.h"

static int responses, nacks;
static size_t first_of_body; /* where the body of the response begins in `body` */

static coap_response_t
responded(coap_session_t *on UNUSED, const coap_pdu_t *sent, const coap_pdu_t *received, coap_mid_t mid UNUSED) {
  responses++;
  if (quiet)
    return COAP_RESPONSE_OK;
  printf("  response");
  print_pdu("to", sent, first_of_body);
  print_pdu("is", received, first_of_body);
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

static void
begin(uint32_t mode) {
  peer = peer_open(0);
  context = coap_new_context(NULL);
  NEED(context);
  coap_context_set_block_mode(context, mode);
  coap_register_response_handler(context, responded);
  coap_register_nack_handler(context, failed);
  coap_address_t server = loopback(peer.port);
  session = coap_new_client_session(context, NULL, &server, COAP_PROTO_UDP);
  NEED(session);
  responses = nacks = 0;
}

static void
end(void) {
  coap_session_release(session);
  coap_free_context(context);
  peer_close(&peer);
  quiet = 0;
}

static void
send_get(coap_pdu_type_t type) {
  NEED(coap_send(session, request_for(session, type, COAP_REQUEST_GET, "a", "tok")) != COAP_INVALID_MID);
}

static void
send_body(coap_pdu_type_t type, coap_request_t method, size_t length) {
  coap_pdu_t *pdu = request_for(session, type, method, "a", "tok");
  int added = coap_add_data_large_request(session, pdu, length, body, give_back, lend());
  if (!quiet)
    show("  body %u of %zu bytes: %d", lent, length, added);
  NEED(coap_send(session, pdu) != COAP_INVALID_MID);
}

static int
nothing_new_comes(void) {
  datagram_t datagram;
  RUN_FOR(context, 100);
  while (peer_take(&peer, &datagram))
    if (mid_of(&datagram) != mid_of(&last)) /* a retransmission says nothing new */
      return 0;
  return 1;
}

static void
reset(void) {
  datagram_t datagram = {4, {0x70, 0, last.bytes[2], last.bytes[3]}};
  peer_send(&peer, &datagram);
  RUN_FOR(context, 10);
}

enum { CONTENT = 69, CHANGED = 68, CONTINUE = 95, NOT_FOUND = 132, INCOMPLETE = 136, TOO_LARGE = 141 };

static void
downloads(void) {
  show("one message");
  send_get(COAP_MESSAGE_CON);
  take("  GET");
  answer(COAP_MESSAGE_ACK, CONTENT, "", 0, 5);

  show("three blocks");
  send_get(COAP_MESSAGE_CON);
  take("  GET");
  answer(COAP_MESSAGE_ACK, CONTENT, "d10a0a", 0, 64);
  take("  block 1");
  answer(COAP_MESSAGE_ACK, CONTENT, "d10a1a", 64, 64);
  take("  block 2");
  answer(COAP_MESSAGE_ACK, CONTENT, "d10a22", 128, 10);

  show("with ETag and Size2");
  send_get(COAP_MESSAGE_CON);
  take("  GET");
  answer(COAP_MESSAGE_ACK, CONTENT, "41aa d1060a 5164", 0, 64);
  take("  block 1");
  answer(COAP_MESSAGE_ACK, CONTENT, "41aa d10612 5164", 64, 36);

  show("not confirmable");
  send_get(COAP_MESSAGE_NON);
  take("  GET");
  answer(COAP_MESSAGE_NON, CONTENT, "41aa d1060a 5164", 0, 64);
  take("  block 1");
  answer(COAP_MESSAGE_NON, CONTENT, "41aa d10612 5164", 64, 36);

  show("blocks of the size that the application asks for");
  coap_pdu_t *pdu = request_for(session, COAP_MESSAGE_CON, COAP_REQUEST_GET, "a", "tok");
  NEED(coap_add_option(pdu, COAP_OPTION_BLOCK2, 1, (const uint8_t *)"\x02"));
  NEED(coap_send(session, pdu) != COAP_INVALID_MID);
  take("  GET");
  answer(COAP_MESSAGE_ACK, CONTENT, "41aa d1060a 5164", 0, 64);
  take("  block 1");
  answer(COAP_MESSAGE_ACK, CONTENT, "41aa d10612 5164", 64, 36);

  show("a block that the application asks for by itself");
  pdu = request_for(session, COAP_MESSAGE_CON, COAP_REQUEST_GET, "a", "tok");
  NEED(coap_add_option(pdu, COAP_OPTION_BLOCK2, 1, (const uint8_t *)"\x12"));
  NEED(coap_send(session, pdu) != COAP_INVALID_MID);
  take("  GET");
  answer(COAP_MESSAGE_ACK, CONTENT, "41aa d1061a 5164", 64, 64);
  show("  %s", nothing_new_comes() ? "nothing more" : "more");

  show("an error on the way");
  send_get(COAP_MESSAGE_CON);
  take("  GET");
  answer(COAP_MESSAGE_ACK, CONTENT, "41aa d1060a 5164", 0, 64);
  take("  block 1");
  answer(COAP_MESSAGE_ACK, NOT_FOUND, "", 0, 4);
  show("  %s", nothing_new_comes() ? "nothing more" : "more");

  show("4.08 on the way");
  send_get(COAP_MESSAGE_CON);
  take("  GET");
  answer(COAP_MESSAGE_ACK, CONTENT, "41aa d1060a 5164", 0, 64);
  take("  block 1");
  answer(COAP_MESSAGE_ACK, INCOMPLETE, "", 0, 0);
  show("  %s", nothing_new_comes() ? "nothing more" : "more");

  show("a Reset on the way");
  send_get(COAP_MESSAGE_CON);
  take("  GET");
  answer(COAP_MESSAGE_ACK, CONTENT, "41aa d1060a 5164", 0, 64);
  take("  block 1");
  reset();
  show("  %s", nothing_new_comes() ? "nothing more" : "more");

  show("fewer bytes than the block has");
  send_get(COAP_MESSAGE_CON);
  take("  GET");
  answer(COAP_MESSAGE_ACK, CONTENT, "41aa d1060a 5164", 0, 30);
  show("  %s", nothing_new_comes() ? "nothing more" : "more");
}

/* What the reference loses.
 * mend smaller_blocks: when the server makes its blocks smaller on the way, the reference never shows the body.
 * mend separate: when the first block comes in a message of its own before the acknowledgement, the reference does not
 * ask for the next one until its request has been sent again.
 * mend restart_body: when the body of the response to a PUT changes on the way, the reference sends a PUT without the
 * body of the request, which would empty the resource. Only what is safe is asked for again.
 * mend restart_token: when the body changes on the way, the reference asks for all of it again, and then shows it under
 * another token than that of the request. */
static void
harder_downloads(void) {
  show("harder ones");
  begin(COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
  quiet = 1;
  send_get(COAP_MESSAGE_CON);
  take("");
  answer(COAP_MESSAGE_ACK, CONTENT, "41aa d1060a 5164", 0, 64);
  take("");
  answer(COAP_MESSAGE_ACK, CONTENT, "41aa d10629 5164", 64, 32);
  take("");
  answer(COAP_MESSAGE_ACK, CONTENT, "41aa d10631 5164", 96, 4);
  mend("smaller_blocks", "1 response", "%d response", responses);
  end();
  begin(COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
  quiet = 1;
  send_get(COAP_MESSAGE_CON);
  take("");
  answer(COAP_MESSAGE_CON, CONTENT, "41aa d1060a 5164", 0, 64);
  take("");
  RUN_FOR(context, 50);
  mend("separate", "1", "%d", peer_take(&peer, &last));
  end();
  begin(COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
  quiet = 1;
  send_body(COAP_MESSAGE_CON, COAP_REQUEST_PUT, 100);
  take("");
  answer(COAP_MESSAGE_ACK, CHANGED, "41aa d1060a", 0, 64);
  take("");
  answer(COAP_MESSAGE_ACK, CHANGED, "41bb d10612", 64, 36);
  mend("restart_body", "nothing more", "%s", nothing_new_comes() ? "nothing more" : "more");
  mend("restart_body", "1 response", "%d response", responses);
  end();
  begin(COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
  send_get(COAP_MESSAGE_CON);
  take("  GET");
  answer(COAP_MESSAGE_ACK, CONTENT, "41aa d1060a 5164", 0, 64);
  take("  block 1");
  answer(COAP_MESSAGE_ACK, CONTENT, "41bb d10612 5164", 64, 36);
  take("  block 0 again, since the ETag is another one");
  answer(COAP_MESSAGE_ACK, CONTENT, "41bb d1060a 5164", 1, 64);
  take("  block 1");
  quiet = 1;
  answer(COAP_MESSAGE_ACK, CONTENT, "41bb d10612 5164", 65, 36);
  show("  %d response", responses);
  end();
}

static void
uploads(void) {
  show("one message");
  send_body(COAP_MESSAGE_CON, COAP_REQUEST_PUT, 10);
  take("  PUT");
  answer(COAP_MESSAGE_ACK, CHANGED, "", 0, 0);

  show("DELETE has no Request-Tag");
  NEED(coap_send(session, request_for(session, COAP_MESSAGE_CON, COAP_REQUEST_DELETE, "a", "tok")) != COAP_INVALID_MID);
  take("  DELETE");
  answer(COAP_MESSAGE_ACK, 66, "", 0, 0);

  show("three blocks");
  send_body(COAP_MESSAGE_CON, COAP_REQUEST_PUT, 2500);
  take("  PUT");
  answer(COAP_MESSAGE_ACK, CONTINUE, "d10e0e", 0, 0);
  take("  block 1");
  answer(COAP_MESSAGE_ACK, CONTINUE, "d10e1e", 0, 0);
  take("  block 2");
  answer(COAP_MESSAGE_ACK, CHANGED, "d10e26", 0, 0);

  show("blocks of the size that the application asks for");
  coap_pdu_t *pdu = request_for(session, COAP_MESSAGE_CON, COAP_REQUEST_PUT, "a", "tok");
  NEED(coap_add_option(pdu, COAP_OPTION_BLOCK1, 1, (const uint8_t *)"\x04"));
  SHOW(coap_add_data_large_request(session, pdu, 500, body, give_back, lend()));
  NEED(coap_send(session, pdu) != COAP_INVALID_MID);
  take("  PUT");
  answer(COAP_MESSAGE_ACK, CONTINUE, "d10e0c", 0, 0);
  take("  block 1");
  answer(COAP_MESSAGE_ACK, CHANGED, "d10e14", 0, 0);

  show("the server wants smaller blocks");
  send_body(COAP_MESSAGE_CON, COAP_REQUEST_PUT, 1200);
  take("  PUT");
  answer(COAP_MESSAGE_ACK, CONTINUE, "d10e0c", 0, 0);
  take("  block 4 of 256");
  answer(COAP_MESSAGE_ACK, CHANGED, "d10e44", 0, 0);

  show("not confirmable");
  send_body(COAP_MESSAGE_NON, COAP_REQUEST_PUT, 2000);
  take("  PUT");
  answer(COAP_MESSAGE_NON, CONTINUE, "d10e0e", 0, 0);
  take("  block 1");
  answer(COAP_MESSAGE_NON, CHANGED, "d10e16", 0, 0);

  show("an error on the way");
  send_body(COAP_MESSAGE_CON, COAP_REQUEST_PUT, 2500);
  take("  PUT");
  answer(COAP_MESSAGE_ACK, CONTINUE, "d10e0e", 0, 0);
  take("  block 1");
  answer(COAP_MESSAGE_ACK, INCOMPLETE, "", 0, 0);
  show("  %s", nothing_new_comes() ? "nothing more" : "more");

  show("too large");
  send_body(COAP_MESSAGE_CON, COAP_REQUEST_PUT, 2500);
  take("  PUT");
  answer(COAP_MESSAGE_ACK, TOO_LARGE, "d12f64", 0, 0);
  show("  %s", nothing_new_comes() ? "nothing more" : "more");

  show("a server that does not know blocks");
  send_body(COAP_MESSAGE_CON, COAP_REQUEST_PUT, 2500);
  take("  PUT");
  answer(COAP_MESSAGE_ACK, CHANGED, "", 0, 0);
  show("  %s", nothing_new_comes() ? "nothing more" : "more");

  show("both ways");
  send_body(COAP_MESSAGE_CON, COAP_REQUEST_POST, 2000);
  take("  POST");
  answer(COAP_MESSAGE_ACK, CONTINUE, "d10e0e", 0, 0);
  take("  block 1");
  first_of_body = 100;
  answer(COAP_MESSAGE_ACK, CHANGED, "41aa d1060a 41 16", 100, 64);
  take("  block 1 of the response");
  answer(COAP_MESSAGE_ACK, CHANGED, "41aa d10612", 164, 36);
  first_of_body = 0;

  show("FETCH");
  pdu = request_for(session, COAP_MESSAGE_CON, COAP_REQUEST_FETCH, "a", "tok");
  NEED(coap_add_option(pdu, COAP_OPTION_CONTENT_FORMAT, 0, NULL));
  SHOW(coap_add_data_large_request(session, pdu, 100, body, give_back, lend()));
  NEED(coap_send(session, pdu) != COAP_INVALID_MID);
  take("  FETCH");
  answer(COAP_MESSAGE_ACK, CONTENT, "41aa d1060a", 0, 64);
  take("  block 1");
  answer(COAP_MESSAGE_ACK, CONTENT, "41aa d10612", 64, 36);
}

/* mend too_large: RFC 7959 section 2.9.3: with a smaller size in a 4.13 the server asks for smaller blocks; the reference
 * gives up.
 * mend given_back: a body of which nothing more can be sent is given back, not kept until the session ends. */
static void
harder_uploads(void) {
  show("harder ones");
  begin(COAP_BLOCK_USE_LIBCOAP);
  quiet = 1;
  send_body(COAP_MESSAGE_CON, COAP_REQUEST_PUT, 2500);
  take("");
  answer(COAP_MESSAGE_ACK, TOO_LARGE, "d10e0c", 0, 0);
  mend("too_large", "more", "%s", nothing_new_comes() ? "nothing more" : "more");
  end();
  begin(COAP_BLOCK_USE_LIBCOAP);
  quiet = 1;
  send_body(COAP_MESSAGE_CON, COAP_REQUEST_PUT, 2500);
  take("");
  unsigned int before = given_back;
  reset();
  mend("given_back", "1", "%u", given_back - before);
  show("  %d nack", nacks);
  end();
}

/* Bodies come back, whatever becomes of them. */
static void
returns(uint32_t mode) {
  static const size_t lengths[] = {0, 10, 1000, 3000};
  begin(mode);
  for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
    coap_pdu_t *pdu = request_for(session, COAP_MESSAGE_CON, COAP_REQUEST_PUT, "a", "tok");
    show("%zu bytes: %d", lengths[i],
         coap_add_data_large_request(session, pdu, lengths[i], body, i < 3 ? give_back : NULL, lend()));
    show("  again: %d", lengths[i] > 0 && coap_add_data_large_request(session, pdu, 5, body, NULL, NULL));
    coap_delete_pdu(pdu);
  }
  quiet = 1;
  unsigned int before = given_back;
  coap_pdu_t *pdu = request_for(session, COAP_MESSAGE_CON, COAP_REQUEST_PUT, "a", "tok");
  coap_add_data_large_request(session, pdu, 3000, body, give_back, lend());
  coap_delete_pdu(pdu);
  pdu = request_for(session, COAP_MESSAGE_CON, COAP_REQUEST_PUT, "a", "tok");
  coap_add_data_large_request(session, pdu, 3000, body, give_back, lend());
  coap_send(session, pdu);
  end();
  show("  %u given back", given_back - before);
}

int
main(void) {
  fill_body();
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  show("whole bodies");
  begin(COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
  downloads();
  uploads();
  end();
  show("block by block");
  begin(COAP_BLOCK_USE_LIBCOAP);
  downloads();
  uploads();
  end();
  harder_downloads();
  harder_uploads();
  show("by hand");
  returns(0);
  show("by the library");
  returns(COAP_BLOCK_USE_LIBCOAP);
  coap_cleanup();
  return 0;
}
