/* Observing what is larger than a message (RFC 7959 §2.6): each notification is the first block of a transfer of its own.
 * And a FETCH whose body came in blocks: the handler is shown all of it for each notification. Who rejects the first block ends
 * the observation; when the whole body is there its notification was taken long ago, and the observation goes on. */
#include "peer.h"

#define SIZE 5000

static coap_context_t *server, *client;
static coap_resource_t *resource;
static coap_session_t *session;
static int value, is_complete, releases, bodies, rejects;

static void
release(coap_session_t *s UNUSED, void *data) {
  releases++;
  free(data);
}

static void
handler(coap_resource_t *r, coap_session_t *s, const coap_pdu_t *request, const coap_string_t *query,
        coap_pdu_t *response) {
  const uint8_t *asked;
  size_t length = 0, offset, total;
  uint8_t *data = malloc(SIZE);
  NEED(data);
  memset(data, 'a' + value, SIZE);
  if (coap_get_data_large(request, &length, &asked, &offset, &total))
    show("  handler: %zu bytes at %zu of %zu, first %c, last %c", length, offset, total, asked[0],
         asked[length - 1]);
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  bodies++;
  coap_add_data_large_response(r, s, request, response, query, COAP_MEDIATYPE_TEXT_PLAIN, -1, 0, SIZE, data,
                               release, data);
}

static coap_response_t
on_response(coap_session_t *s UNUSED, const coap_pdu_t *sent UNUSED, const coap_pdu_t *received,
            const coap_mid_t mid UNUSED) {
  coap_opt_iterator_t iterator;
  coap_opt_t *observe = coap_check_option(received, COAP_OPTION_OBSERVE, &iterator);
  coap_bin_const_t token = coap_pdu_get_token(received);
  const uint8_t *data = (const uint8_t *)"?";
  size_t length = 1, offset = 0, total = 0;
  coap_get_data_large(received, &length, &data, &offset, &total);
  show("  response %s token=%.*s observe=%d: %zu bytes at %zu of %zu, first %c, last %c",
       code_text(coap_pdu_get_code(received)), (int)token.length, (const char *)token.s,
       observe ? (int)coap_decode_var_bytes(coap_opt_value(observe), coap_opt_length(observe)) : -1, length,
       offset, total, data[0], data[length - 1]);
  is_complete = offset + length == total;
  return rejects ? COAP_RESPONSE_FAIL : COAP_RESPONSE_OK;
}

/* Runs both ends until a body has come. */
static void
exchange(void) {
  int64_t end = now_ms() + 3000;
  is_complete = 0;
  while (!is_complete && now_ms() < end) {
    coap_io_process(server, 2);
    coap_io_process(client, 2);
  }
  NEED(is_complete);
}

static void
change(void) {
  value++;
  show("  notify: %d", coap_resource_notify_observers(resource, NULL));
}

static void
observe(coap_pdu_type_t type, coap_pdu_code_t method) {
  static uint8_t body[3000];
  coap_pdu_t *pdu = coap_new_pdu(type, method, session);
  coap_add_token(pdu, 2, (const uint8_t *)"to");
  coap_add_option(pdu, COAP_OPTION_OBSERVE, 0, NULL);
  coap_add_option(pdu, COAP_OPTION_URI_PATH, 1, (const uint8_t *)"r");
  if (method == COAP_REQUEST_CODE_FETCH) {
    memset(body, 'x', sizeof(body));
    coap_add_option(pdu, COAP_OPTION_CONTENT_FORMAT, 0, NULL);
    NEED(coap_add_data_large_request(session, pdu, sizeof(body), body, NULL, NULL));
  }
  NEED(coap_send(session, pdu) != COAP_INVALID_MID);
  exchange();
}

static void
run(const char *title, uint32_t block_mode, int flags, coap_pdu_type_t type, coap_pdu_code_t method) {
  coap_binary_t *token = coap_new_binary(2);
  show("-- %s", title);
  value = releases = bodies = 0;
  server = coap_new_context(NULL);
  client = coap_new_context(NULL);
  coap_context_set_block_mode(server, block_mode);
  coap_context_set_block_mode(client, block_mode);
  coap_register_response_handler(client, on_response);
  coap_address_t address = loopback(serve(server, NULL));
  resource = resource_with(server, "r", flags, COAP_REQUEST_GET, handler);
  coap_register_request_handler(resource, COAP_REQUEST_FETCH, handler);
  coap_resource_set_get_observable(resource, 1);
  session = coap_new_client_session(client, NULL, &address, COAP_PROTO_UDP);
  observe(type, method);
  for (int i = 0; i < 2; i++) {
    change();
    exchange();
  }
  memcpy(token->s, "to", 2);
  SHOW(coap_cancel_observe(session, token, type));
  exchange();
  change();
  coap_delete_binary(token);
  coap_session_set_no_observe_cancel(session);
  coap_session_release(session);
  coap_free_context(client);
  coap_free_context(server);
  SHOW(releases == bodies);
}

/* The client rejects what a notification brings. */
static void
rejected(const char *title, uint32_t block_mode, int flags, coap_pdu_type_t type) {
  coap_address_t address;
  show("-- %s", title);
  value = releases = bodies = 0;
  server = coap_new_context(NULL);
  client = coap_new_context(NULL);
  coap_context_set_block_mode(server, block_mode);
  coap_context_set_block_mode(client, block_mode);
  coap_register_response_handler(client, on_response);
  address = loopback(serve(server, NULL));
  resource = resource_with(server, "r", flags, COAP_REQUEST_GET, handler);
  coap_resource_set_get_observable(resource, 1);
  session = coap_new_client_session(client, NULL, &address, COAP_PROTO_UDP);
  observe(type, COAP_REQUEST_CODE_GET);
  rejects = 1;
  change();
  exchange();
  rejects = 0;
  for (int turn = 0; turn < 20; turn++) {
    coap_io_process(server, 2);
    coap_io_process(client, 2);
  }
  change();
  coap_session_set_no_observe_cancel(session);
  coap_session_release(session);
  coap_free_context(client);
  coap_free_context(server);
  SHOW(releases == bodies);
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  const uint32_t whole = COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY;
  run("each block is shown", COAP_BLOCK_USE_LIBCOAP, 0, COAP_MESSAGE_NON, COAP_REQUEST_CODE_GET);
  run("each block is shown, confirmable", COAP_BLOCK_USE_LIBCOAP, COAP_RESOURCE_FLAGS_NOTIFY_CON,
      COAP_MESSAGE_CON, COAP_REQUEST_CODE_GET);
  run("whole bodies are shown", whole, 0, COAP_MESSAGE_NON, COAP_REQUEST_CODE_GET);
  run("whole bodies are shown, confirmable", whole, COAP_RESOURCE_FLAGS_NOTIFY_CON, COAP_MESSAGE_CON,
      COAP_REQUEST_CODE_GET);
  run("FETCH with a large body", whole, COAP_RESOURCE_FLAGS_NOTIFY_CON, COAP_MESSAGE_CON,
      COAP_REQUEST_CODE_FETCH);
  rejected("a block is rejected", COAP_BLOCK_USE_LIBCOAP, 0, COAP_MESSAGE_NON);
  rejected("a block is rejected, confirmable", COAP_BLOCK_USE_LIBCOAP, COAP_RESOURCE_FLAGS_NOTIFY_CON, COAP_MESSAGE_CON);
  rejected("a whole body is rejected", whole, 0, COAP_MESSAGE_NON);
  rejected("a whole body is rejected, confirmable", whole, COAP_RESOURCE_FLAGS_NOTIFY_CON, COAP_MESSAGE_CON);
  coap_cleanup();
  return 0;
}
