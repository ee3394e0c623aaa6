/* Requests whose body comes in blocks: what the handler of a server sees, and what the client is answered. */

#include "block.h"

static size_t response_length;
static int calls;
static size_t last_length, last_total;

static void
put(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request, const coap_string_t *query,
    coap_pdu_t *response) {
  coap_block_b_t block;
  size_t offset;
  const uint8_t *data;
  calls++;
  last_length = last_total = 0;
  coap_get_data_large(request, &last_length, &data, &offset, &last_total);
  if (!quiet) {
    printf("  handler");
    print_pdu("sees", request, 0);
    putchar('\n');
    fflush(stdout);
  }
  int more = coap_get_block_b(session, request, COAP_OPTION_BLOCK1, &block) && block.m;
  coap_pdu_set_code(response, more ? COAP_RESPONSE_CODE_CONTINUE : COAP_RESPONSE_CODE_CHANGED);
  if (response_length > 0 && !more)
    show("  add %d", coap_add_data_large_response(resource, session, request, response, query, 0, -1, 0,
                                                  response_length, body, give_back, lend()));
}

static coap_context_t *context;
static peer_t peer;
static uint16_t port;
static uint16_t mid;

static void
begin(uint32_t mode) {
  context = coap_new_context(NULL);
  NEED(context);
  coap_context_set_block_mode(context, mode);
  port = serve(context, NULL);
  coap_resource_t *resource = resource_with(context, "a", 0, COAP_REQUEST_PUT, put);
  coap_register_request_handler(resource, COAP_REQUEST_FETCH, put);
  coap_register_request_handler(resource, COAP_REQUEST_GET, put);
  coap_register_request_handler(resource, COAP_REQUEST_POST, put);
  coap_register_request_handler(resource, COAP_REQUEST_DELETE, put);
  add_probe(context);
  peer = peer_open(port);
  mid = 0;
}

static void
end(void) {
  quiet = 0;
  peer_close(&peer);
  coap_free_context(context);
}

/* Sends a request with `code` and these options to /a, and `length` bytes of `body` from `from` on. Gives the first
 * answer's code, or 0 if there is none. */
static unsigned int
ask_with(const char *type_and_code, const char *options, size_t from, size_t length, int shown) {
  char head[200];
  struct sockaddr_in server = peer.other;
  datagram_t answer;
  unsigned int code = 0;
  mid++;
  snprintf(head, sizeof(head), "%s %04x %02x b161 %s", type_and_code, mid, mid & 0xff, options);
  datagram_t request = with_body(head, from, length);
  peer_send(&peer, &request);
  peer_send_mid(&peer, "41 01 ???? fa b1 7e", 0xf000u + mid);
  for (;;) {
    NEED(peer_receive(&peer, context, &answer, 3000));
    peer.other = server;
    if (mid_of(&answer) == 0xf000u + mid)
      break;
    if (shown)
      show_wire("  answer", &answer);
    if (code == 0)
      code = answer.bytes[1];
  }
  return code;
}

static void
put_block(const char *label, const char *options, size_t from, size_t length) {
  show("%s", label);
  ask_with("4103", options, from, length, 1);
}

static unsigned int
code_of(const char *options, size_t from, size_t length) {
  return ask_with("4103", options, from, length, 0);
}

static void
in_order(void) {
  put_block("no block", "", 0, 5);
  put_block("one block that is all", "d10306", 0, 20);
  put_block("block 0 of two", "d1030a d11464", 0, 64);
  put_block("block 1, the last", "d10312 d11464", 64, 36);
  put_block("block 0 of three", "d1030a d11496", 0, 64);
  put_block("block 0 again", "d1030a d11496", 0, 64);
  put_block("block 1", "d1031a d11496", 64, 64);
  put_block("block 2, the last", "d10322 d11496", 128, 22);
  put_block("larger blocks", "d1030e d21404 b0", 0, 1024);
  put_block("the last", "d10316 d21404 b0", 1024, 176);
  show("not confirmable");
  ask_with("5103", "d1030a d11464", 0, 64, 1);
}

/* Whole bodies.
 * mend no_size1: without Size1 the reference dies of the first block. Never is a body complete before its last block.
 * mend smaller_blocks: with Size1 the reference waits for ever once the client goes on with smaller blocks.
 * mend wrong_size1: a Size1 that is too large or too small is only a hint (RFC 7959 section 4); the reference hands out
 * as many bytes as it says, or waits for ever.
 * mend early_block: the reference dies when the second block of a body is the first to come.
 * mend two_bodies: of two bodies with other queries the reference hands out one, to the wrong request.
 * mend late_block: when a block that was missing comes last, the reference acknowledges the block before with the
 * response; that has been acknowledged already. The response is a message of its own. */
static void
whole_bodies(void) {
  show("whole bodies");
  begin(COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
  in_order();
  show("of what is not there");
  mid++;
  datagram_t answer;
  datagram_t missing = with_body("4103 7777 01 b162 d1030a", 0, 64);
  peer_send(&peer, &missing);
  NEED(peer_receive(&peer, context, &answer, 3000));
  show_wire("  answer", &answer);
  end();

  show("the second block first");
  begin(COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
  quiet = 1;
  if (!on_reference()) {
    mend("early_block", "2.31", "%s", code_text(code_of("4174 c11a d11496", 64, 64)));
    mend("early_block", "2.31", "%s", code_text(code_of("4174 c10a d11496", 0, 64)));
    mend("early_block", "2.04", "%s", code_text(code_of("4174 c122 d11496", 128, 22)));
    mend("early_block", "150", "%zu", last_length);
  }
  end();

  show("the last block too early");
  begin(COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
  put_block("block 0", "4175 c10a d11496", 0, 64);
  put_block("block 2, the last", "4175 c122 d11496", 128, 22);
  quiet = 1;
  calls = 0;
  mid++;
  datagram_t late = with_body("4103 6666 99 b161 4175 c11a d11496", 64, 64);
  peer_send(&peer, &late);
  NEED(peer_receive(&peer, context, &answer, 3000));
  show("  %s, called %d times with %zu bytes", code_text(answer.bytes[1]), calls, last_length);
  NEED(peer_receive(&peer, context, &answer, 3000));
  mend("late_block", "CON 2.04", "%s %s", type_text(answer.bytes[0] >> 4 & 3), code_text(answer.bytes[1]));
  end();

  show("bodies of two queries at the same time");
  begin(COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
  quiet = 1;
  calls = 0;
  code_of("4172 c10a d11464", 0, 64);
  code_of("4173 c10a d11464", 0, 64);
  code_of("4172 c112 d11464", 64, 36);
  mend("two_bodies", "1 call, 100 bytes", "%d call, %zu bytes", calls, last_length);
  code_of("4173 c112 d11464", 64, 36);
  mend("two_bodies", "2 calls, 100 bytes", "%d calls, %zu bytes", calls, last_length);
  end();

  show("whole bodies of clients that do not say how large they are");
  begin(COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
  quiet = 1;
  if (!on_reference()) {
    calls = 0;
    mend("no_size1", "2.31", "%s", code_text(code_of("d1030a", 0, 64)));
    mend("no_size1", "2.31", "%s", code_text(code_of("d1031a", 64, 64)));
    mend("no_size1", "0 calls", "%d calls", calls);
    mend("no_size1", "2.04", "%s", code_text(code_of("d10322", 128, 22)));
    mend("no_size1", "150", "%zu", last_length);
  }
  code_of("4172 c10a d11464", 0, 64);
  code_of("4172 c129 d11464", 64, 32);
  mend("smaller_blocks", "2.04", "%s", code_text(code_of("4172 c131 d11464", 96, 4)));
  code_of("4173 c10a d11410", 0, 64);
  code_of("4173 c112 d11410", 64, 64);
  mend("wrong_size1", "128", "%zu", last_length);
  code_of("4174 c10a d3140fffff", 0, 64);
  mend("wrong_size1", "2.04", "%s", code_text(code_of("4174 c112 d3140fffff", 64, 64)));
  end();
}

/* The blocks of a body must come in order. */
static void
strict_order(void) {
  show("in order only");
  begin(COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY | COAP_BLOCK_NOT_RANDOM_BLOCK1);
  show("  block 1 first: %s", code_text(code_of("d1031a d11496", 64, 64)));
  show("  block 0: %s", code_text(code_of("d1030a d11496", 0, 64)));
  show("  block 2: %s", code_text(code_of("d10322 d11496", 128, 22)));
  show("  block 1: %s", code_text(code_of("d1031a d11496", 64, 64)));
  quiet = 1;
  show("  block 2: %s", code_text(code_of("d10322 d11496", 128, 22)));
  end();
}

/* Each block is shown. */
static void
each_block(void) {
  show("each block");
  begin(COAP_BLOCK_USE_LIBCOAP);
  in_order();
  put_block("a later block alone", "4171 c122", 128, 10);
  put_block("another size", "4172 c131", 96, 32);
  put_block("Size1 that is too small", "4173 c10a d11410", 0, 64);
  put_block("more bytes than the block has", "4174 c10a", 0, 80);
  response_length = 1500;
  put_block("a response in blocks", "4175 c112", 64, 10);
  response_length = 0;
  end();
}

/* Without block mode.  */
static void
by_hand(void) {
  show("by hand");
  begin(0);
  put_block("block 0", "d1030a d11464", 0, 64);
  put_block("block 1, the last", "d10312 d11464", 64, 36);
  end();
}

/* mend reserved_size: RFC 7959 section 2.2 wants 4.00 for the reserved size 7; the reference takes it for no block.
 * mend too_far: a body that is larger than this side takes is refused (RFC 7959 section 2.9.3); the reference waits for
 * the rest of it. */
static void
odd_blocks(void) {
  show("odd blocks");
  begin(COAP_BLOCK_USE_LIBCOAP);
  show("  fewer bytes than the block has: %s", code_text(code_of("4171 c10a", 0, 30)));
  show("  none: %s", code_text(code_of("4172 c10a", 0, 0)));
  quiet = 1;
  mend("reserved_size", "4.00", "%s", code_text(code_of("4173 c10f", 0, 64)));
  end();
  begin(COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
  quiet = 1;
  mend("too_far", "4.13", "%s", code_text(code_of("4174 c3ffffe6", 0, 64)));
  if (!on_reference())
    mend("too_far", "4.13", "%s", code_text(code_of("4174 c10a d4140fffffff", 0, 64)));
  end();
}

/* Any method may have a body. */
static void
methods(void) {
  static const char *const each[] = {"4101", "4102", "4104"};
  static const uint32_t modes[] = {0, COAP_BLOCK_USE_LIBCOAP, COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY};
  for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
    begin(modes[i]);
    for (size_t n = 0; n < sizeof(each) / sizeof(each[0]); n++) {
      show("== mode %u, method %s", modes[i], each[n]);
      ask_with(each[n], "d1030a d11464", 0, 64, 1);
      ask_with(each[n], "d10312 d11464", 64, 36, 1);
    }
    end();
  }
}

int
main(void) {
  fill_body();
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  whole_bodies();
  strict_order();
  each_block();
  by_hand();
  odd_blocks();
  methods();
  show("%u bodies lent, %u given back", lent, given_back);
  coap_cleanup();
  return 0;
}
