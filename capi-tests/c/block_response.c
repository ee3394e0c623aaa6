/* coap_add_data_large_response: what a server sends of a body, when it calls its handler, and when it gives the body
 * back. */

#include "block.h"

static struct {
  coap_pdu_code_t code;
  size_t length;
  uint16_t media_type;
  int max_age;
  uint64_t etag;
  int is_late; /* the code is set when the body is there */
} wanted;

static int calls;

static void
get(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request, const coap_string_t *query,
    coap_pdu_t *response) {
  calls++;
  if (!wanted.is_late)
    coap_pdu_set_code(response, wanted.code);
  int added = coap_add_data_large_response(resource, session, request, response, query, wanted.media_type,
                                           wanted.max_age, wanted.etag, wanted.length, body, give_back, lend());
  if (wanted.is_late)
    coap_pdu_set_code(response, wanted.code);
  if (!quiet)
    show("  handler: %d", added);
}

static coap_context_t *context;
static peer_t peer;

/* Sends a GET with these options and gives the answer. */
static datagram_t
answer_to(const char *options) {
  static uint16_t mid;
  char text[200];
  datagram_t answer;
  snprintf(text, sizeof(text), "4201 ???? abcd b161 %s", options);
  peer_send_mid(&peer, text, ++mid);
  NEED(peer_receive(&peer, context, &answer, 3000));
  NEED(mid_of(&answer) == mid);
  return answer;
}

static void
ask_for(const char *label, const char *options) {
  show("%s", label);
  datagram_t answer = answer_to(options);
  show_wire("  answer", &answer);
}

static coap_pdu_code_t
code_for(const char *options) {
  datagram_t answer = answer_to(options);
  return (coap_pdu_code_t)answer.bytes[1];
}

static void
begin(uint32_t mode) {
  context = coap_new_context(NULL);
  NEED(context);
  coap_context_set_block_mode(context, mode);
  uint16_t port = serve(context, NULL);
  resource_with(context, "a", 0, COAP_REQUEST_GET, get);
  peer = peer_open(port);
  wanted.code = COAP_RESPONSE_CODE_CONTENT;
  wanted.length = 10;
  wanted.media_type = 0;
  wanted.max_age = -1;
  wanted.etag = 0;
  wanted.is_late = 0;
}

static void
end(void) {
  peer_close(&peer);
  coap_free_context(context);
  quiet = 0;
  show("  %u bodies lent, %u given back", lent, given_back);
}

static void
small_bodies(void) {
  ask_for("ten bytes", "");
  wanted.media_type = 40;
  wanted.max_age = 0;
  ask_for("with Content-Format and Max-Age", "");
  wanted.max_age = 300;
  wanted.etag = 0x1234;
  ask_for("with an ETag", "");
  wanted.etag = 0;
  wanted.length = 0;
  ask_for("nothing", "");
  wanted.length = 10;
  ask_for("for Block2 0 of 1024", "c106");
  ask_for("for Block2 0 of 16", "c100");
  ask_for("for Block2 1 of 1024", "c116");
  wanted.code = COAP_RESPONSE_CODE_NOT_FOUND;
  ask_for("as an error", "");
  wanted.code = COAP_RESPONSE_CODE_CONTENT;
  wanted.length = 1024;
  ask_for("1024 bytes", "");
}

/* Without block mode the application has its bodies cut by nobody.
 * mend slice_without_mode: for a request with Block2 the reference, without block mode, says which block it sends and
 * then sends all of the body; where that does not fit it answers 5.00. */
static void
without_mode(void) {
  show("without block mode");
  begin(0);
  small_bodies();
  wanted.length = 3000;
  show("3000 bytes");
  show("  %s", code_text(code_for("")));
  quiet = 1;
  wanted.length = 100;
  datagram_t answer = answer_to("c102");
  mend("slice_without_mode", "64", "%d", (int)answer.length - (int)(strstr((char *)answer.bytes + 8, "\xff") + 1 - (char *)answer.bytes));
  wanted.length = 3000;
  mend("slice_without_mode", "2.05", "%s", code_text(code_for("c116")));
  end();
}

static void
in_blocks(void) {
  show("in blocks");
  begin(COAP_BLOCK_USE_LIBCOAP);
  small_bodies();
  wanted.length = 3000;
  ask_for("3000 bytes", "");
  ask_for("block 1", "c116");
  ask_for("block 2, the last", "c126");
  ask_for("block 1 again", "c116");
  wanted.length = 100;
  ask_for("100 bytes in blocks of 64, in place of the body before", "c102");
  ask_for("block 1, the last", "c112");
  wanted.code = COAP_RESPONSE_CODE_NOT_FOUND;
  wanted.length = 2000;
  ask_for("a long error for another query", "4171");
  ask_for("its block 1", "4171 8116");
  ask_for("block 1 of the one before", "c112");
  end();
}

/* mend behind_end: RFC 7959 section 2.2 wants 4.00 for a block behind the end. The reference, which has kept the body,
 * answers 5.00.
 * mend smaller_blocks: RFC 7959 section 2.4 lets the client go on with smaller blocks; the reference answers 4.00.
 * mend reserved_size: RFC 7959 section 2.2 wants 4.00 for the reserved size 7; the reference takes it for none. */
static void
odd_requests(void) {
  show("odd requests");
  begin(COAP_BLOCK_USE_LIBCOAP);
  wanted.length = 3000;
  ask_for("3000 bytes", "");
  quiet = 1;
  mend("behind_end", "4.00", "%s", code_text(code_for("c136")));
  mend("smaller_blocks", "2.05", "%s", code_text(code_for("c144")));
  wanted.length = 100;
  mend("reserved_size", "4.00", "%s", code_text(code_for("c107")));
  end();
}

/* mend random_access: a block of a body that is not kept has no ETag and no Size2 on the reference, so that the client
 * cannot know whether the next one is of the same body. */
static void
random_access(void) {
  show("random access");
  begin(COAP_BLOCK_USE_LIBCOAP);
  quiet = 1;
  wanted.length = 3000;
  calls = 0;
  datagram_t second = answer_to("c126"), first = answer_to("c116"), zeroth = answer_to("c106");
  mend("random_access", "2.05 4", "%s %d", code_text(second.bytes[1]), second.bytes[6] >> 4);
  mend("random_access", "equal ETags", "%s ETags", memcmp(second.bytes + 6, first.bytes + 6, 5) ? "other" : "equal");
  show("  %s %s", code_text(first.bytes[1]), code_text(zeroth.bytes[1]));
  show("  called %d times", calls);
  end();
}

/* Without state at the server the handler is called for each block. */
static void
stateless(void) {
  show("stateless");
  begin(COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_STLESS_BLOCK2);
  quiet = 1;
  wanted.length = 3000;
  calls = 0;
  datagram_t zeroth = answer_to(""), first = answer_to("c116");
  show("  %s %s, called %d times", code_text(zeroth.bytes[1]), code_text(first.bytes[1]), calls);
  show("  %s ETags", zeroth.bytes[6] >> 4 != 4 || memcmp(zeroth.bytes + 6, first.bytes + 6, 2) ? "no" : "equal");
  end();
}

/* All blocks have the code that the handler sets, whenever it does. */
static void
late_code(void) {
  show("the code after the body");
  begin(COAP_BLOCK_USE_LIBCOAP);
  wanted.is_late = 1;
  wanted.length = 3000;
  ask_for("no block", "");
  ask_for("block 1", "c116");
  ask_for("block 2", "c126");
  wanted.code = COAP_RESPONSE_CODE_VALID;
  ask_for("another code", "c106");
  ask_for("block 1 of that", "c116");
  end();
}

int
main(void) {
  fill_body();
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  without_mode();
  in_blocks();
  odd_requests();
  random_access();
  stateless();
  late_code();
  coap_cleanup();
  return 0;
}
