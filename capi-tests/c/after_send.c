/* A request after coap_send(): the program should not look at it any more, but libcoap has it until it is acknowledged, and
 * programs count on that.
 * mend again: the reference frees a request twice that is sent twice. */
#include "peer.h"

static coap_context_t *server, *client;
static int answers;

static void
run_until(int wanted) {
  for (int64_t end = now_ms() + 3000; answers < wanted && now_ms() < end;) {
    coap_io_process(client, COAP_IO_NO_WAIT);
    coap_io_process(server, 2);
  }
}

static void
on_get(coap_resource_t *resource UNUSED, coap_session_t *session UNUSED, const coap_pdu_t *request UNUSED,
       const coap_string_t *query UNUSED, coap_pdu_t *response) {
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
}

static coap_response_t
on_response(coap_session_t *session UNUSED, const coap_pdu_t *sent UNUSED, const coap_pdu_t *received UNUSED,
            const coap_mid_t mid UNUSED) {
  answers++;
  return COAP_RESPONSE_OK;
}

static void
look_at(const coap_pdu_t *pdu) {
  coap_bin_const_t token = coap_pdu_get_token(pdu);
  size_t length = 0;
  const uint8_t *data = NULL;
  coap_opt_iterator_t options;
  coap_get_data(pdu, &length, &data);
  show("%s %s, token %.*s, payload %.*s, Uri-Path %s", type_text(coap_pdu_get_type(pdu)),
       code_text(coap_pdu_get_code(pdu)), (int)token.length, (const char *)token.s, (int)length, (const char *)data,
       coap_check_option(pdu, COAP_OPTION_URI_PATH, &options) ? "there" : "missing");
}

int
main(void) {
  coap_session_t *session;
  coap_address_t address;
  coap_pdu_t *request, *copy;
  coap_startup();
  server = coap_new_context(NULL), client = coap_new_context(NULL);
  NEED(server && client);
  resource_with(server, "r", 0, COAP_REQUEST_PUT, on_get);
  address = loopback(serve(server, NULL));
  coap_register_response_handler(client, on_response);
  session = coap_new_client_session(client, NULL, &address, COAP_PROTO_UDP);
  NEED(session);

  request = request_for(session, COAP_MESSAGE_CON, COAP_REQUEST_PUT, "r", "tok");
  NEED(coap_add_data(request, 4, (const uint8_t *)"body"));
  NEED(coap_send(session, request) != COAP_INVALID_MID);
  look_at(request);
  copy = coap_pdu_duplicate(request, session, 3, (const uint8_t *)"new", NULL);
  NEED(copy);
  run_until(1);
  NEED(coap_send(session, copy) != COAP_INVALID_MID);
  look_at(copy);
  run_until(2);
  show("answers: %d", answers);
  if (!on_reference()) {
    NEED(coap_send(session, request) != COAP_INVALID_MID);
    run_until(3);
    mend("again", "answers: 3", "answers: %d", answers);
  }
  coap_session_release(session);
  coap_free_context(client);
  coap_free_context(server);
  coap_cleanup();
  return 0;
}
