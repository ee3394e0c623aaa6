/* Echo (RFC 9175, section 2): a client says again what a server wants to hear; a handler asks for it and reads it. The
 * server of the first part is a script. */

#include "script.h"

static int responses;

static coap_response_t
responded(coap_session_t *on UNUSED, const coap_pdu_t *sent, const coap_pdu_t *received, coap_mid_t mid UNUSED) {
  responses++;
  if (quiet)
    return COAP_RESPONSE_OK;
  printf("  response");
  print_pdu("to", sent, 0);
  print_pdu("is", received, 0);
  putchar('\n');
  fflush(stdout);
  return COAP_RESPONSE_OK;
}

static void
begin(uint32_t mode) {
  peer = peer_open(0);
  context = coap_new_context(NULL);
  NEED(context);
  coap_context_set_block_mode(context, mode);
  coap_register_response_handler(context, responded);
  coap_address_t server = loopback(peer.port);
  session = coap_new_client_session(context, NULL, &server, COAP_PROTO_UDP);
  NEED(session);
  responses = 0;
}

static void
end(void) {
  coap_session_release(session);
  coap_free_context(context);
  peer_close(&peer);
  quiet = 0;
}

static void
request(coap_pdu_type_t type, coap_request_t method, size_t length) {
  coap_pdu_t *pdu = request_for(session, type, method, "a", "tok");
  if (length > 0)
    NEED(coap_add_data_large_request(session, pdu, length, body, give_back, lend()));
  NEED(coap_send(session, pdu) != COAP_INVALID_MID);
}

enum { CHANGED = 68, CONTENT = 69, CONTINUE = 95, UNAUTHORIZED = 129, NOT_FOUND = 132 };

#define CHALLENGE "d3ef 010203"

static void
challenges(uint32_t mode) {
  show("a GET");
  begin(mode);
  request(COAP_MESSAGE_CON, COAP_REQUEST_GET, 0);
  take("  request");
  answer(COAP_MESSAGE_ACK, UNAUTHORIZED, CHALLENGE, 0, 0);
  take("  again");
  answer(COAP_MESSAGE_ACK, CONTENT, "", 0, 5);
  request(COAP_MESSAGE_CON, COAP_REQUEST_GET, 0);
  take("  the next one");
  answer(COAP_MESSAGE_ACK, CONTENT, "", 0, 5);
  end();

  show("not confirmable");
  begin(mode);
  request(COAP_MESSAGE_NON, COAP_REQUEST_GET, 0);
  take("  request");
  answer(COAP_MESSAGE_NON, UNAUTHORIZED, CHALLENGE, 0, 0);
  take("  again");
  answer(COAP_MESSAGE_NON, CONTENT, "", 0, 5);
  end();

  show("a PUT");
  begin(mode);
  request(COAP_MESSAGE_CON, COAP_REQUEST_PUT, 20);
  take("  request");
  answer(COAP_MESSAGE_ACK, UNAUTHORIZED, CHALLENGE, 0, 0);
  take("  again");
  answer(COAP_MESSAGE_ACK, CHANGED, "", 0, 0);
  end();

  for (int challenged = 0; challenged < 3; challenged++) {
    static const char *const blocks[] = {"d10e0e", "d10e1e", "d10e26"};
    show("a PUT in blocks, at block %d", challenged);
    begin(mode);
    request(COAP_MESSAGE_CON, COAP_REQUEST_PUT, 2500);
    for (int i = 0; i < 3; i++) {
      take("  block");
      if (i == challenged) {
        answer(COAP_MESSAGE_ACK, UNAUTHORIZED, CHALLENGE, 0, 0);
        take("  again");
      }
      answer(COAP_MESSAGE_ACK, i < 2 ? CONTINUE : CHANGED, blocks[i], 0, 0);
    }
    end();
  }

  show("a response in blocks, at block 1");
  begin(mode);
  request(COAP_MESSAGE_CON, COAP_REQUEST_GET, 0);
  take("  request");
  answer(COAP_MESSAGE_ACK, CONTENT, "41aa d1060a", 0, 64);
  take("  block 1");
  answer(COAP_MESSAGE_ACK, UNAUTHORIZED, CHALLENGE, 0, 0);
  take("  again");
  answer(COAP_MESSAGE_ACK, CONTENT, "41aa d10612", 64, 36);
  end();
}

static void
remembered(uint32_t mode) {
  show("in a response that is none to a challenge");
  begin(mode);
  request(COAP_MESSAGE_CON, COAP_REQUEST_GET, 0);
  take("  request");
  answer(COAP_MESSAGE_ACK, CONTENT, CHALLENGE, 0, 5);
  request(COAP_MESSAGE_CON, COAP_REQUEST_GET, 0);
  take("  the next one");
  answer(COAP_MESSAGE_ACK, CONTENT, "", 0, 5);
  request(COAP_MESSAGE_CON, COAP_REQUEST_GET, 0);
  take("  and the next");
  answer(COAP_MESSAGE_ACK, NOT_FOUND, CHALLENGE, 0, 5);
  request(COAP_MESSAGE_CON, COAP_REQUEST_GET, 0);
  take("  after one in an error");
  answer(COAP_MESSAGE_ACK, CONTENT, "41aa d1060a d3d8 010203", 0, 64);
  take("  after one in a block");
  answer(COAP_MESSAGE_ACK, CONTENT, "41aa d10612", 64, 36);
  end();
}

static void
by_hand(void) {
  begin(0);
  request(COAP_MESSAGE_CON, COAP_REQUEST_GET, 0);
  take("  request");
  answer(COAP_MESSAGE_ACK, UNAUTHORIZED, CHALLENGE, 0, 0);
  show("  %s", nothing_comes() ? "nothing more" : "more");
  request(COAP_MESSAGE_CON, COAP_REQUEST_GET, 0);
  take("  the next one");
  answer(COAP_MESSAGE_ACK, CONTENT, CHALLENGE, 0, 5);
  request(COAP_MESSAGE_CON, COAP_REQUEST_GET, 0);
  take("  and the next");
  end();
}

/* The reference shows the request of an observation under another token than that of the application. */
static void
observations(void) {
  begin(COAP_BLOCK_USE_LIBCOAP);
  coap_bin_const_t token = {3, (const uint8_t *)"tok"};
  coap_pdu_t *pdu = request_for(session, COAP_MESSAGE_CON, COAP_REQUEST_GET, NULL, "tok");
  NEED(coap_add_option(pdu, COAP_OPTION_OBSERVE, 0, NULL));
  NEED(coap_add_option(pdu, COAP_OPTION_URI_PATH, 1, (const uint8_t *)"a"));
  NEED(coap_send(session, pdu) != COAP_INVALID_MID);
  take("  request");
  answer(COAP_MESSAGE_ACK, UNAUTHORIZED, CHALLENGE, 0, 0);
  take("  again");
  datagram_t observing = last;
  quiet = 1; /* that request */
  answer(COAP_MESSAGE_ACK, CONTENT, "6105", 0, 5);
  quiet = 0;
  show("  %d response", responses);
  answer(COAP_MESSAGE_NON, CONTENT, "6106 d3e9 010204", 0, 6);
  coap_binary_t *copy = coap_new_binary(token.length);
  NEED(copy);
  memcpy(copy->s, token.s, token.length);
  SHOW(coap_cancel_observe(session, copy, COAP_MESSAGE_CON));
  coap_delete_binary(copy);
  take("  the end of it");
  show("  with the token of the beginning: %d",
       memcmp(last.bytes + 4, observing.bytes + 4, observing.bytes[0] & 15) == 0);
  end();
}

/* mend once: a server that is never content is asked by the reference for ever, with one Echo option more each time.
 * mend separate: a challenge in a confirmable message of its own is met too.
 * mend length: RFC 9175 section 2.2.1: Echo has 1 to 40 bytes; the reference says an empty one again.
 * mend own: an Echo option that the application has put in is replaced; the reference adds a second one. */
static void
harder_ones(void) {
  show("harder ones");
  begin(COAP_BLOCK_USE_LIBCOAP);
  quiet = 1;
  request(COAP_MESSAGE_CON, COAP_REQUEST_GET, 0);
  take("");
  answer(COAP_MESSAGE_ACK, UNAUTHORIZED, CHALLENGE, 0, 0);
  take("");
  answer(COAP_MESSAGE_ACK, UNAUTHORIZED, CHALLENGE, 0, 0);
  mend("once", "1 response, nothing more", "%d response, %s", responses, nothing_comes() ? "nothing more" : "more");
  end();

  begin(COAP_BLOCK_USE_LIBCOAP);
  quiet = 1;
  request(COAP_MESSAGE_CON, COAP_REQUEST_GET, 0);
  take("");
  answer(COAP_MESSAGE_CON, UNAUTHORIZED, CHALLENGE, 0, 0);
  take("");
  mend("separate", "0 responses", "%d responses", responses);
  end();

  begin(COAP_BLOCK_USE_LIBCOAP);
  quiet = 1;
  request(COAP_MESSAGE_CON, COAP_REQUEST_GET, 0);
  take("");
  answer(COAP_MESSAGE_ACK, UNAUTHORIZED, "d0ef", 0, 0);
  mend("length", "1 response, nothing more", "%d response, %s", responses, nothing_comes() ? "nothing more" : "more");
  end();

  show("40 bytes");
  begin(COAP_BLOCK_USE_LIBCOAP);
  request(COAP_MESSAGE_CON, COAP_REQUEST_GET, 0);
  take("  request");
  answer(COAP_MESSAGE_ACK, UNAUTHORIZED,
         "ddef1b 01020304050607080102030405060708010203040506070801020304050607080102030405060708", 0, 0);
  take("  again");
  end();
  show("41 bytes");
  begin(COAP_BLOCK_USE_LIBCOAP);
  request(COAP_MESSAGE_CON, COAP_REQUEST_GET, 0);
  take("  request");
  answer(COAP_MESSAGE_ACK, UNAUTHORIZED,
         "ddef1c 0102030405060708010203040506070801020304050607080102030405060708010203040506070809", 0, 0);
  show("  %d responses", responses);
  end();

  begin(COAP_BLOCK_USE_LIBCOAP);
  quiet = 1;
  coap_pdu_t *pdu = request_for(session, COAP_MESSAGE_CON, COAP_REQUEST_GET, "a", "tok");
  NEED(coap_add_option(pdu, COAP_OPTION_ECHO, 2, (const uint8_t *)"xy"));
  NEED(coap_send(session, pdu) != COAP_INVALID_MID);
  take("");
  answer(COAP_MESSAGE_ACK, UNAUTHORIZED, CHALLENGE, 0, 0);
  take("");
  int count = 0;
  coap_opt_iterator_t walk;
  coap_pdu_t *again = coap_pdu_init(COAP_MESSAGE_CON, 0, 0, 2048);
  NEED(again && coap_pdu_parse(COAP_PROTO_UDP, last.bytes, last.length, again));
  coap_option_iterator_init(again, &walk, COAP_OPT_ALL);
  while (coap_option_next(&walk))
    count += walk.number == COAP_OPTION_ECHO;
  coap_delete_pdu(again);
  mend("own", "1", "%d", count);
  end();
}

/* ---- a server that asks for it ---- */

static void
get(coap_resource_t *resource UNUSED, coap_session_t *on UNUSED, const coap_pdu_t *asked,
    const coap_string_t *query UNUSED, coap_pdu_t *response) {
  coap_opt_iterator_t walk;
  coap_opt_t *echo = coap_check_option(asked, COAP_OPTION_ECHO, &walk);
  if (!echo) {
    show("  handler: no Echo");
    coap_pdu_set_code(response, COAP_RESPONSE_CODE_UNAUTHORIZED);
    SHOW(coap_add_option(response, COAP_OPTION_ECHO, 4, (const uint8_t *)"here"));
    return;
  }
  show("  handler: Echo %.*s", (int)coap_opt_length(echo), (const char *)coap_opt_value(echo));
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  coap_add_data(response, 5, (const uint8_t *)"fresh");
}

static void
server(void) {
  coap_context_t *served = coap_new_context(NULL);
  NEED(served);
  uint16_t port = serve(served, NULL);
  resource_with(served, "a", 0, COAP_REQUEST_GET, get);
  context = coap_new_context(NULL);
  NEED(context);
  coap_context_set_block_mode(context, COAP_BLOCK_USE_LIBCOAP);
  coap_register_response_handler(context, responded);
  coap_address_t address = loopback(port);
  session = coap_new_client_session(context, NULL, &address, COAP_PROTO_UDP);
  NEED(session);
  responses = 0;
  request(COAP_MESSAGE_CON, COAP_REQUEST_GET, 0);
  int64_t limit = now_ms() + 3000;
  while (responses == 0 && now_ms() < limit) {
    coap_io_process(served, 2);
    coap_io_process(context, 2);
  }
  coap_session_release(session);
  coap_free_context(context);
  coap_free_context(served);
}

int
main(void) {
  fill_body();
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  show("block by block");
  challenges(COAP_BLOCK_USE_LIBCOAP);
  remembered(COAP_BLOCK_USE_LIBCOAP);
  show("whole bodies");
  challenges(COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
  remembered(COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
  show("without block mode");
  by_hand();
  show("observations");
  observations();
  harder_ones();
  show("a server that asks for it");
  server();
  coap_cleanup();
  return 0;
}
