/* coap_pdu.h: the functions that make a message for a session. */

#include "test.h"

#define BYTES(text) sizeof(text) - 1, (const uint8_t *)(text)

static void
show_pdu(const char *title, const coap_pdu_t *pdu) {
  coap_bin_const_t token;
  coap_opt_iterator_t oi;
  coap_opt_t *option;
  const uint8_t *data;
  size_t length;
  if (!pdu) {
    show("%s: NULL", title);
    return;
  }
  token = coap_pdu_get_token(pdu);
  printf("%s: type %d code %d token '%.*s'", title, (int)coap_pdu_get_type(pdu), (int)coap_pdu_get_code(pdu),
         (int)token.length, token.length ? (const char *)token.s : "");
  if (coap_option_iterator_init(pdu, &oi, COAP_OPT_ALL))
    while ((option = coap_option_next(&oi)))
      printf(" %u/%u", oi.number, coap_opt_length(option));
  show(" data %d", coap_get_data(pdu, &length, &data));
}

/* How many more message IDs there are from one message to the next. */
static int
ids_between(const coap_pdu_t *first, const coap_pdu_t *second) {
  return (coap_pdu_get_mid(second) - coap_pdu_get_mid(first)) & 0xffff;
}

int
main(void) {
  static uint8_t big[3000];
  coap_context_t *context;
  coap_session_t *session;
  coap_address_t peer = loopback(9);
  coap_pdu_t *pdu, *copy, *next;
  coap_opt_filter_t drop;

  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  context = coap_new_context(NULL);
  NEED(context);
  session = coap_new_client_session(context, NULL, &peer, COAP_PROTO_UDP);
  NEED(session);

  pdu = coap_new_pdu(COAP_MESSAGE_NON, COAP_REQUEST_CODE_GET, session);
  NEED(pdu);
  show_pdu("new", pdu);
  next = coap_new_pdu(COAP_MESSAGE_CON, COAP_REQUEST_CODE_PUT, session);
  NEED(next);
  show_pdu("next", next);
  SHOW(ids_between(pdu, next));
  SHOW(coap_session_max_pdu_size(session));
  SHOW(coap_add_data(next, coap_session_max_pdu_size(session) - 1, big));
  coap_delete_pdu(pdu);
  pdu = coap_new_pdu(COAP_MESSAGE_NON, COAP_REQUEST_CODE_GET, session);
  NEED(pdu);
  SHOW(coap_add_data(pdu, coap_session_max_pdu_size(session), big));
  SHOW(ids_between(next, pdu));
  coap_delete_pdu(next);
  coap_delete_pdu(pdu);

  pdu = coap_pdu_init(COAP_MESSAGE_NON, COAP_REQUEST_CODE_POST, 5, 500);
  NEED(pdu);
  coap_add_token(pdu, BYTES("tk"));
  coap_add_option(pdu, COAP_OPTION_URI_PATH, BYTES("a"));
  coap_add_option(pdu, COAP_OPTION_URI_PATH, BYTES("bb"));
  coap_add_option(pdu, COAP_OPTION_PROXY_URI, BYTES("coap://h"));
  coap_add_option(pdu, COAP_OPTION_RTAG, BYTES("z"));
  coap_add_data(pdu, BYTES("xyz"));
  show_pdu("original", pdu);
  copy = coap_pdu_duplicate(pdu, session, 3, (const uint8_t *)"new", NULL);
  show_pdu("copy", copy);
  coap_option_filter_clear(&drop);
  next = coap_pdu_duplicate(pdu, session, 2, (const uint8_t *)"ab", &drop);
  show_pdu("copy with all options", next);
  SHOW(ids_between(copy, next));
  SHOW(coap_add_data(next, BYTES("fresh")));
  coap_delete_pdu(copy);
  coap_option_filter_set(&drop, COAP_OPTION_URI_PATH);
  coap_option_filter_set(&drop, COAP_OPTION_RTAG);
  copy = coap_pdu_duplicate(pdu, session, 0, NULL, &drop);
  show_pdu("copy without path and tag", copy);
  coap_delete_pdu(copy);
  coap_delete_pdu(next);
  coap_delete_pdu(pdu);

  pdu = coap_pdu_init(COAP_MESSAGE_ACK, COAP_RESPONSE_CODE_CONTENT, 5, 5000);
  NEED(pdu);
  coap_add_option(pdu, 2053, 2000, big);
  copy = coap_pdu_duplicate(pdu, session, 0, NULL, NULL);
  show_pdu("copy of a long option", copy);
  coap_delete_pdu(copy);

  if (!on_reference()) {
    /* mend null: the reference asserts or crashes. */
    mend("null", "1", "%d", coap_new_pdu(COAP_MESSAGE_CON, COAP_REQUEST_CODE_GET, NULL) == NULL);
    mend("null", "1", "%d", coap_new_pdu((coap_pdu_type_t)9, COAP_REQUEST_CODE_GET, session) == NULL);
    mend("null", "1", "%d", coap_pdu_duplicate(NULL, session, 0, NULL, NULL) == NULL);
    mend("null", "1", "%d", coap_pdu_duplicate(pdu, NULL, 0, NULL, NULL) == NULL);
    mend("null", "1", "%d", coap_pdu_duplicate(pdu, session, 3, NULL, NULL) == NULL);
    mend("null", "1", "%d", coap_pdu_duplicate(pdu, session, 70000, NULL, NULL) == NULL);
  }
  coap_delete_pdu(pdu);
  coap_session_release(session);
  coap_free_context(context);
  coap_cleanup();
  return 0;
}
