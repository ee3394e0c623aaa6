/* Bodies that go up, down and both ways in blocks through a relay: what is on the wire, and what the handlers of both
 * ends are shown, also when a datagram is lost, repeated or late.
 *
 * mend repeated: a request that comes again is answered again, but the handler is not called again (RFC 7252 §4.5). The
 * reference calls it. */

#include "relay.h"

enum { REQUEST_SIZE = 2500, RESPONSE_SIZE = 2300, FIRST_OF_RESPONSE = 100 };

static int responses, nacks, calls;
static int only_counted; /* the calls of the handler */

/* ---- the ends ---- */

static void
handler(coap_resource_t *resource, coap_session_t *on, const coap_pdu_t *request, const coap_string_t *query,
        coap_pdu_t *response) {
  coap_block_b_t block;
  int more = coap_get_block_b(on, request, COAP_OPTION_BLOCK1, &block) && block.m;
  coap_pdu_code_t method = coap_pdu_get_code(request);
  calls++;
  if (!quiet && !only_counted) {
    printf("  handler sees %s %s", type_text(coap_pdu_get_type(request)), code_text(method));
    print_body(request, 0);
    putchar('\n');
  }
  if (more) {
    coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTINUE);
    return;
  }
  coap_pdu_set_code(response, method == COAP_REQUEST_CODE_GET || method == COAP_REQUEST_CODE_FETCH
                                  ? COAP_RESPONSE_CODE_CONTENT
                                  : COAP_RESPONSE_CODE_CHANGED);
  if (method != COAP_REQUEST_CODE_PUT)
    NEED(coap_add_data_large_response(resource, on, request, response, query, COAP_MEDIATYPE_APPLICATION_OCTET_STREAM,
                                      -1, 0, RESPONSE_SIZE, body + FIRST_OF_RESPONSE, give_back, lend()));
}

static coap_response_t
responded(coap_session_t *on UNUSED, const coap_pdu_t *sent, const coap_pdu_t *received, coap_mid_t mid UNUSED) {
  size_t length = 0, offset = 0, total = 0;
  const uint8_t *data;
  coap_get_data_large(received, &length, &data, &offset, &total);
  responses += offset + length == total;
  if (quiet)
    return COAP_RESPONSE_OK;
  printf("  response");
  print_pdu("to", sent, 0);
  print_pdu("is", received, FIRST_OF_RESPONSE);
  putchar('\n');
  return COAP_RESPONSE_OK;
}

static void
failed(coap_session_t *on UNUSED, const coap_pdu_t *sent UNUSED, coap_nack_reason_t reason, coap_mid_t mid UNUSED) {
  nacks++;
  if (!quiet)
    show("  nack %u", (unsigned int)reason);
}

static int
happened(coap_session_t *on UNUSED, const coap_event_t event) {
  if (!quiet && event != COAP_EVENT_SERVER_SESSION_NEW && event != COAP_EVENT_SERVER_SESSION_DEL)
    show("  event %#x", (unsigned int)event);
  return 0;
}

/* Runs both until there is an end, and what is under way then has come. */
static void
run(void) {
  int passed = 0, rest = 0;
  int64_t end = now_ms() + 5000;
  while (rest < 10 && now_ms() < end) {
    int moved = turn(client, &to_client, 1, &passed);
    moved |= turn(server, &to_server, 0, &passed);
    rest = moved || (responses == 0 && nacks == 0) ? 0 : rest + 1;
  }
}

/* ---- the cases ---- */

typedef struct {
  const char *name;
  coap_request_t method;
  int has_body;
} kind_t;

static const kind_t kinds[] = {{"PUT", COAP_REQUEST_PUT, 1},
                               {"GET", COAP_REQUEST_GET, 0},
                               {"POST", COAP_REQUEST_POST, 1},
                               {"FETCH", COAP_REQUEST_FETCH, 1},
                               {"iPATCH", COAP_REQUEST_IPATCH, 1}};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static void
begin(uint32_t mode) {
  server = coap_new_context(NULL);
  client = coap_new_context(NULL);
  NEED(server && client);
  coap_context_set_block_mode(server, mode);
  coap_context_set_block_mode(client, mode);
  coap_register_response_handler(client, responded);
  coap_register_nack_handler(client, failed);
  coap_register_event_handler(client, happened);
  coap_register_event_handler(server, happened);
  coap_resource_t *resource = resource_with(server, "a", 0, COAP_REQUEST_PUT, handler);
  for (size_t i = 1; i < KINDS; i++)
    coap_register_request_handler(resource, kinds[i].method, handler);
  open_relay();
  responses = nacks = calls = 0;
}

static void
end(void) {
  quiet = 1; /* which bodies are still kept at the end, the library may choose */
  close_relay();
  quiet = 0;
}

static void
exchange(uint32_t mode, const kind_t *kind, coap_pdu_type_t type, fault_t what, int at) {
  begin(mode);
  fault = what;
  fault_at = at;
  coap_pdu_t *pdu = request_for(session, type, kind->method, "a", "tok");
  if (kind->method == COAP_REQUEST_FETCH)
    NEED(coap_add_option(pdu, COAP_OPTION_CONTENT_FORMAT, 1, (const uint8_t *)"\x2a"));
  if (kind->has_body)
    NEED(coap_add_data_large_request(session, pdu, REQUEST_SIZE, body, give_back, lend()));
  NEED(coap_send(session, pdu) != COAP_INVALID_MID);
  run();
  end();
}

int
main(void) {
  static const uint32_t modes[] = {COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY, COAP_BLOCK_USE_LIBCOAP};
  static const char *const faults[] = {"", "lost", "twice", "late"};
  fill_body();
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  for (size_t m = 0; m < 2; m++)
    for (size_t k = 0; k < KINDS; k++) {
      show("-- %s, %s", kinds[k].name, m ? "block by block" : "whole bodies");
      exchange(modes[m], &kinds[k], COAP_MESSAGE_CON, PASS, 0);
      show("-- %s, %s, not confirmable", kinds[k].name, m ? "block by block" : "whole bodies");
      exchange(modes[m], &kinds[k], COAP_MESSAGE_NON, PASS, 0);
    }
  for (size_t m = 0; m < 2; m++)
    for (size_t k = 0; k < 3; k++)
      for (int what = LOSE; what <= LATE; what++)
        for (int at = 3; at <= 4; at++) {
          if (what != TWICE && (k > 1 || m == 1) && (k > 0 || what != LOSE || at != 4))
            continue; /* takes its time, and shows nothing new */
          show("-- %s, %s, datagram %d %s", kinds[k].name, m ? "block by block" : "whole bodies", at, faults[what]);
          only_counted = m == 1 && kinds[k].has_body;
          exchange(modes[m], &kinds[k], COAP_MESSAGE_CON, (fault_t)what, at);
          if (only_counted)
            mend("repeated", "3 calls", "%d calls", calls);
          only_counted = 0;
        }
  show("%u bodies lent, %u given back", lent, given_back);
  coap_cleanup();
  return 0;
}
