/* Which handlers run for each method and message type, in which order, with which arguments.
 *
 * mend own_mid: the NON response to a NON request has the request's message id on the reference. Ours has one of
 *   its own (RFC 7252 section 5.2.3). */
#include "peer.h"

static int responses;
static coap_response_t answer_of_handler = COAP_RESPONSE_OK;

static void
print_pdu(const char *label, const coap_pdu_t *pdu) {
  const uint8_t *data = NULL;
  size_t length = 0;
  coap_bin_const_t token;
  if (!pdu) {
    printf("%s: NULL", label);
    return;
  }
  token = coap_pdu_get_token(pdu);
  printf("%s: %s %s token=%.*s", label, type_text(coap_pdu_get_type(pdu)), code_text(coap_pdu_get_code(pdu)),
         (int)token.length, (const char *)token.s);
  if (coap_get_data(pdu, &length, &data))
    printf(" data=%.*s", (int)length, (const char *)data);
}

static void
handle(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request,
       const coap_string_t *query, coap_pdu_t *response) {
  static const coap_pdu_code_t codes[] = {
      0, COAP_RESPONSE_CODE_CONTENT, COAP_RESPONSE_CODE_CREATED, COAP_RESPONSE_CODE_CHANGED,
      COAP_RESPONSE_CODE_DELETED, COAP_RESPONSE_CODE_CONTENT, COAP_RESPONSE_CODE_CHANGED,
      COAP_RESPONSE_CODE_CHANGED};
  coap_str_const_t *path = coap_resource_get_uri_path(resource);
  print_pdu("  request", request);
  show(", resource=%.*s, query=%.*s, session type %d", (int)path->length, (const char *)path->s,
       query ? (int)query->length : 4, query ? (const char *)query->s : "NULL",
       (int)coap_session_get_type(session));
  print_pdu("  response so far", response);
  int same = coap_pdu_get_mid(request) == coap_pdu_get_mid(response);
  show("%s", "");
  if (coap_pdu_get_type(request) == COAP_MESSAGE_CON)
    show("  with the same mid: %d", same);
  else
    mend("own_mid", "another", "%s", same ? "the same" : "another");
  coap_pdu_set_code(response, codes[coap_pdu_get_code(request) & 7]);
  coap_add_data(response, 2, (const uint8_t *)"ok");
}

static coap_response_t
on_response(coap_session_t *session, const coap_pdu_t *sent, const coap_pdu_t *received, const coap_mid_t mid) {
  print_pdu("  received", received);
  printf(", ");
  print_pdu("sent", sent);
  show(", session type %d, mid is the received one's: %d, and the sent one's: %d",
       (int)coap_session_get_type(session), mid == coap_pdu_get_mid(received),
       sent ? mid == coap_pdu_get_mid(sent) : -1);
  responses++;
  return answer_of_handler;
}

static void
on_nack(coap_session_t *session, const coap_pdu_t *sent, const coap_nack_reason_t reason, const coap_mid_t mid) {
  print_pdu("  nack, sent", sent);
  show(", reason %d, session type %d, mid is the sent one's: %d", (int)reason,
       (int)coap_session_get_type(session), sent ? mid == coap_pdu_get_mid(sent) : -1);
  responses++;
}

static int
on_event(coap_session_t *session, const coap_event_t event) {
  show("  event %#x, session type %d", (unsigned int)event, (int)coap_session_get_type(session));
  return 0;
}

static void
on_ping(coap_session_t *session, const coap_pdu_t *received, const coap_mid_t mid) {
  print_pdu("  ping", received);
  show(", session type %d, mid is the received one's: %d", (int)coap_session_get_type(session),
       mid == coap_pdu_get_mid(received));
}

static void
on_pong(coap_session_t *session, const coap_pdu_t *received, const coap_mid_t mid) {
  print_pdu("  pong", received);
  show(", session type %d, mid is the received one's: %d", (int)coap_session_get_type(session),
       mid == coap_pdu_get_mid(received));
  responses++;
}

static void
exchange(coap_context_t *context, coap_session_t *session, coap_pdu_type_t type, coap_request_t method,
         int with_format) {
  uint8_t format[4];
  coap_pdu_t *pdu = request_for(session, type, method, "r", "tk");
  coap_mid_t mid = coap_pdu_get_mid(pdu);
  show("%s method %d%s", type_text(type), (int)method, with_format ? " with Content-Format" : "");
  if (with_format)
    coap_add_option(pdu, COAP_OPTION_CONTENT_FORMAT,
                    coap_encode_var_safe(format, sizeof(format), COAP_MEDIATYPE_TEXT_PLAIN), format);
  coap_add_option(pdu, COAP_OPTION_URI_QUERY, 3, (const uint8_t *)"a=1");
  coap_add_option(pdu, COAP_OPTION_URI_QUERY, 1, (const uint8_t *)"b");
  if (method != COAP_REQUEST_GET && method != COAP_REQUEST_DELETE)
    coap_add_data(pdu, 4, (const uint8_t *)"body");
  responses = 0;
  show("  coap_send gives the mid: %d", coap_send(session, pdu) == mid);
  RUN_UNTIL(context, responses, 3000);
  NEED(responses);
  show("  nothing pending: %d", coap_can_exit(context));
}

static void
methods(coap_context_t *context, coap_session_t *session) {
  static const coap_request_t all[] = {COAP_REQUEST_GET,    COAP_REQUEST_POST,  COAP_REQUEST_PUT,
                                       COAP_REQUEST_DELETE, COAP_REQUEST_FETCH, COAP_REQUEST_PATCH,
                                       COAP_REQUEST_IPATCH};
  for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
    exchange(context, session, COAP_MESSAGE_CON, all[i], 1);
    exchange(context, session, COAP_MESSAGE_NON, all[i], 1);
  }
  exchange(context, session, COAP_MESSAGE_CON, COAP_REQUEST_FETCH, 0);
  exchange(context, session, COAP_MESSAGE_CON, COAP_REQUEST_PUT, 0);
}

static void
pings(coap_context_t *context, coap_session_t *session) {
  show("-- ping");
  RUN_FOR(context, 300); /* the reference answers no ping in the first 250 ms of its clock */
  responses = 0;
  show("coap_session_send_ping gives a mid: %d", coap_session_send_ping(session) != COAP_INVALID_MID);
  RUN_UNTIL(context, responses, 3000);
  show("answered: %d", responses);
}

/* A server that answers with what it is told, to see what the client's handler's answer does. */
static void
refusals(coap_context_t *context) {
  static const struct {
    const char *label, *hex;
  } answers[] = {{"ACK with the response", "61 45 ???? 74 ff 70"},
                 {"NON response", "51 45 ???? 74 ff 70"},
                 {"CON response", "41 45 ???? 74 ff 70"}};
  peer_t peer = peer_open(0);
  coap_address_t address = loopback(peer.port);
  coap_session_t *session = coap_new_client_session(context, NULL, &address, COAP_PROTO_UDP);
  datagram_t request, reply;
  NEED(session);

  for (int refused = 0; refused < 2; refused++) {
    show("-- the response handler answers %s", refused ? "FAIL" : "OK");
    answer_of_handler = refused ? COAP_RESPONSE_FAIL : COAP_RESPONSE_OK;
    for (size_t i = 0; i < 3; i++) {
      coap_pdu_type_t type = i == 0 ? COAP_MESSAGE_CON : COAP_MESSAGE_NON;
      show("%s", answers[i].label);
      responses = 0;
      coap_send(session, request_for(session, type, COAP_REQUEST_GET, "r", "t"));
      NEED(peer_expect(&peer, context, "  asked", MASK_MID, 3000, &request));
      peer_send_mid(&peer, answers[i].hex, i == 0 ? mid_of(&request) : 0x0101 + (unsigned int)(refused * 16 + i));
      RUN_UNTIL(context, responses, 3000);
      peer_expect(&peer, context, "  back", MASK_NONE, 100, &reply);
    }
  }
  answer_of_handler = COAP_RESPONSE_OK;
  coap_session_release(session);
  peer_close(&peer);
}

static void
without_handlers(coap_context_t *context, coap_session_t *session) {
  show("-- no handlers");
  coap_register_response_handler(context, NULL);
  coap_register_nack_handler(context, NULL);
  coap_register_event_handler(context, NULL);
  coap_register_ping_handler(context, NULL);
  coap_register_pong_handler(context, NULL);
  coap_send(session, request_for(session, COAP_MESSAGE_CON, COAP_REQUEST_GET, "r", "tk"));
  coap_session_send_ping(session);
  RUN_UNTIL(context, coap_can_exit(context), 3000);
  show("nothing pending: %d", coap_can_exit(context));
}

int
main(void) {
  coap_context_t *context;
  coap_resource_t *resource;
  coap_session_t *session;
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  context = coap_new_context(NULL);
  NEED(context);
  coap_register_response_handler(context, on_response);
  coap_register_nack_handler(context, on_nack);
  coap_register_event_handler(context, on_event);
  coap_register_ping_handler(context, on_ping);
  coap_register_pong_handler(context, on_pong);
  resource = coap_resource_init(coap_make_str_const("r"), 0);
  for (int method = COAP_REQUEST_GET; method <= COAP_REQUEST_IPATCH; method++)
    coap_register_request_handler(resource, (coap_request_t)method, handle);
  coap_add_resource(context, resource);

  coap_address_t address = loopback(serve(context, NULL));
  session = coap_new_client_session(context, NULL, &address, COAP_PROTO_UDP);
  NEED(session);
  methods(context, session);
  pings(context, session);
  refusals(context);
  without_handlers(context, session);
  coap_session_release(session);
  coap_free_context(context);
  coap_cleanup();
  return 0;
}
