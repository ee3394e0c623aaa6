/* What the functions that send put on the wire: coap_send and the short forms for ACK, RST and errors.
 *
 * mend no_filter: the reference crashes on an error response with no filter. Ours copies no options. */
#include "peer.h"

static peer_t peer;
static datagram_t seen;

static void
print_next(coap_context_t *context, const char *label, int mask) {
  peer_expect(&peer, context, label, mask, 200, &seen);
}

static coap_pdu_t *
from_peer(coap_pdu_type_t type, coap_pdu_code_t code, const uint8_t *token, size_t token_length) {
  coap_pdu_t *pdu = coap_pdu_init(type, code, 0x1234, 200);
  NEED(pdu && coap_add_token(pdu, token_length, token));
  NEED(coap_add_option(pdu, COAP_OPTION_IF_MATCH, 1, (const uint8_t *)"m"));
  NEED(coap_add_option(pdu, COAP_OPTION_URI_PATH, 1, (const uint8_t *)"r"));
  NEED(coap_add_option(pdu, 9999, 1, (const uint8_t *)"z"));
  NEED(coap_add_data(pdu, 4, (const uint8_t *)"data"));
  return pdu;
}

static void
short_forms(coap_context_t *context, coap_session_t *session) {
  static const coap_pdu_type_t types[] = {COAP_MESSAGE_CON, COAP_MESSAGE_NON, COAP_MESSAGE_ACK,
                                          COAP_MESSAGE_RST};
  coap_opt_filter_t none;
  coap_option_filter_clear(&none);
  show("-- short forms");
  for (size_t i = 0; i < 4; i++) {
    coap_pdu_t *request = from_peer(types[i], COAP_REQUEST_CODE_GET, (const uint8_t *)"tk", 2);
    show("for a %s", type_text(types[i]));
    SHOW(coap_send_ack(session, request));
    print_next(context, "  ack", MASK_NONE);
    SHOW(coap_send_rst(session, request));
    print_next(context, "  rst", MASK_NONE);
    SHOW(coap_send_message_type(session, request, COAP_MESSAGE_RST));
    print_next(context, "  message type RST", MASK_NONE);
    SHOW(coap_send_message_type(session, request, COAP_MESSAGE_ACK));
    print_next(context, "  message type ACK", MASK_NONE);
    SHOW(coap_send_error(session, request, COAP_RESPONSE_CODE_FORBIDDEN, &none));
    print_next(context, "  error", MASK_NONE);
    coap_delete_pdu(request);
  }
  SHOW(coap_send_ack(session, NULL));
  SHOW(coap_send_rst(session, NULL));
  SHOW(coap_send_message_type(session, NULL, COAP_MESSAGE_ACK));
  print_next(context, "nothing sent", MASK_NONE);
}

static void
print_error(const char *label, coap_pdu_t *pdu) {
  const uint8_t *data = NULL;
  size_t length = 0;
  coap_opt_iterator_t iterator;
  coap_opt_t *option;
  if (!pdu) {
    show("%s: NULL", label);
    return;
  }
  coap_bin_const_t token = coap_pdu_get_token(pdu);
  printf("%s: %s %s mid=%04x token=%.*s", label, type_text(coap_pdu_get_type(pdu)),
         code_text(coap_pdu_get_code(pdu)), (unsigned int)coap_pdu_get_mid(pdu), (int)token.length,
         (const char *)token.s);
  coap_option_iterator_init(pdu, &iterator, COAP_OPT_ALL);
  while ((option = coap_option_next(&iterator)))
    printf(" %u=%.*s", iterator.number, (int)coap_opt_length(option), (const char *)coap_opt_value(option));
  coap_get_data(pdu, &length, &data);
  show(" data=%.*s", (int)length, (const char *)data);
  coap_delete_pdu(pdu);
}

static void
errors(coap_context_t *context, coap_session_t *session) {
  static const int codes[] = {COAP_RESPONSE_CODE(400), COAP_RESPONSE_CODE(401), COAP_RESPONSE_CODE(402),
                              COAP_RESPONSE_CODE(403), COAP_RESPONSE_CODE(404), COAP_RESPONSE_CODE(405),
                              COAP_RESPONSE_CODE(406), COAP_RESPONSE_CODE(408), COAP_RESPONSE_CODE(409),
                              COAP_RESPONSE_CODE(412), COAP_RESPONSE_CODE(413), COAP_RESPONSE_CODE(415),
                              COAP_RESPONSE_CODE(422), COAP_RESPONSE_CODE(429), COAP_RESPONSE_CODE(500),
                              COAP_RESPONSE_CODE(501), COAP_RESPONSE_CODE(502), COAP_RESPONSE_CODE(503),
                              COAP_RESPONSE_CODE(504), COAP_RESPONSE_CODE(505), COAP_RESPONSE_CODE(508),
                              COAP_RESPONSE_CODE(420), COAP_RESPONSE_CODE(205), COAP_RESPONSE_CODE(202),
                              0,                       COAP_REQUEST_CODE_PUT};
  coap_pdu_t *request = from_peer(COAP_MESSAGE_CON, COAP_REQUEST_CODE_GET, (const uint8_t *)"tk", 2);
  coap_opt_filter_t filter;
  coap_option_filter_clear(&filter);

  show("-- errors");
  for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
    print_error("error", coap_new_error_response(request, (coap_pdu_code_t)codes[i], &filter));
  coap_option_filter_set(&filter, 9999);
  coap_option_filter_set(&filter, COAP_OPTION_URI_PATH);
  coap_option_filter_set(&filter, COAP_OPTION_ACCEPT);
  print_error("with options", coap_new_error_response(request, COAP_RESPONSE_CODE_BAD_OPTION, &filter));
  show("coap_send_error gives the mid: %d",
       coap_send_error(session, request, COAP_RESPONSE_CODE_BAD_OPTION, &filter) == coap_pdu_get_mid(request));
  print_next(context, "sent", MASK_NONE);
  coap_delete_pdu(request);

  if (!on_reference()) {
    request = from_peer(COAP_MESSAGE_CON, COAP_REQUEST_CODE_GET, (const uint8_t *)"tk", 2);
    coap_pdu_t *error = coap_new_error_response(request, COAP_RESPONSE_CODE_NOT_FOUND, NULL);
    coap_opt_iterator_t iterator;
    mend("no_filter", "4.04 without options", "%s %s options", code_text(coap_pdu_get_code(error)),
         coap_option_iterator_init(error, &iterator, COAP_OPT_ALL) && coap_option_next(&iterator) ? "with"
                                                                                                : "without");
    coap_delete_pdu(error);
    coap_delete_pdu(request);
  }

  request = from_peer(COAP_MESSAGE_NON, COAP_REQUEST_CODE_GET, (const uint8_t *)"tk", 2);
  print_error("for a NON", coap_new_error_response(request, COAP_RESPONSE_CODE_NOT_FOUND, &filter));
  coap_delete_pdu(request);
  request = from_peer(COAP_MESSAGE_ACK, COAP_REQUEST_CODE_GET, (const uint8_t *)"tk", 2);
  print_error("for an ACK", coap_new_error_response(request, COAP_RESPONSE_CODE_NOT_FOUND, &filter));
  coap_delete_pdu(request);
}

/* Sends a PDU as it is. */
static void
send_raw(coap_context_t *context, coap_session_t *session, const char *label, coap_pdu_type_t type, int code,
         int with_token, int with_data) {
  coap_pdu_t *pdu = coap_pdu_init(type, (coap_pdu_code_t)code, 0x4321, 200);
  NEED(pdu);
  if (with_token)
    coap_add_token(pdu, 2, (const uint8_t *)"tk");
  if (with_data)
    coap_add_data(pdu, 1, (const uint8_t *)"d");
  show("%s: %d", label, coap_send(session, pdu));
  print_next(context, "  sent", MASK_NONE);
}

static void
plain(coap_context_t *context, coap_session_t *session) {
  coap_pdu_t *pdu;
  show("-- coap_send");
  send_raw(context, session, "NON request", COAP_MESSAGE_NON, COAP_REQUEST_CODE_GET, 1, 0);
  send_raw(context, session, "NON request without token", COAP_MESSAGE_NON, COAP_REQUEST_CODE_GET, 0, 0);
  send_raw(context, session, "NON response", COAP_MESSAGE_NON, COAP_RESPONSE_CODE(205), 1, 1);
  send_raw(context, session, "ACK response", COAP_MESSAGE_ACK, COAP_RESPONSE_CODE(205), 1, 1);
  send_raw(context, session, "empty ACK", COAP_MESSAGE_ACK, 0, 0, 0);
  send_raw(context, session, "RST", COAP_MESSAGE_RST, 0, 0, 0);
  send_raw(context, session, "empty NON", COAP_MESSAGE_NON, 0, 0, 0);
  send_raw(context, session, "NON 1.00", COAP_MESSAGE_NON, 1 << 5, 1, 0);
  send_raw(context, session, "NON 7.02", COAP_MESSAGE_NON, COAP_SIGNALING_CODE_PING, 0, 0);

  /* A context without block-wise transfers sends no option that the application did not set, but for
   * Hop-Limit with a proxying option. */
  pdu = coap_pdu_init(COAP_MESSAGE_NON, COAP_REQUEST_CODE_GET, 0x4322, 200);
  coap_add_token(pdu, 2, (const uint8_t *)"tk");
  coap_add_option(pdu, COAP_OPTION_PROXY_URI, 8, (const uint8_t *)"coap://x");
  show("with Proxy-Uri: %d", coap_send(session, pdu) == 0x4322);
  print_next(context, "  sent", MASK_NONE);
  pdu = coap_pdu_init(COAP_MESSAGE_NON, COAP_REQUEST_CODE_GET, 0x4323, 200);
  coap_add_token(pdu, 2, (const uint8_t *)"tk");
  coap_add_option(pdu, COAP_OPTION_HOP_LIMIT, 1, (const uint8_t *)"\x05");
  coap_add_option(pdu, COAP_OPTION_PROXY_SCHEME, 4, (const uint8_t *)"coap");
  show("with Proxy-Scheme and Hop-Limit: %d", coap_send(session, pdu) == 0x4323);
  print_next(context, "  sent", MASK_NONE);
}

static void
message_ids(coap_session_t *session) {
  uint16_t first = coap_new_message_id(session), second = coap_new_message_id(session);
  show("-- message ids");
  show("the next is one more: %d", (uint16_t)(first + 1) == second);
  coap_pdu_t *pdu = coap_new_pdu(COAP_MESSAGE_NON, COAP_REQUEST_CODE_GET, session);
  show("a new PDU has the one behind it: %d", (uint16_t)(second + 1) == coap_pdu_get_mid(pdu));
  coap_delete_pdu(pdu);
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  coap_context_t *context = coap_new_context(NULL);
  peer = peer_open(0);
  coap_address_t address = loopback(peer.port);
  coap_session_t *session = coap_new_client_session(context, NULL, &address, COAP_PROTO_UDP);
  NEED(session);
  short_forms(context, session);
  errors(context, session);
  plain(context, session);
  message_ids(session);
  coap_session_release(session);
  coap_free_context(context);
  peer_close(&peer);
  coap_cleanup();
  return 0;
}
