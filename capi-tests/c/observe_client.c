/* The client's side of Observe (RFC 7641): what the response handler is shown of notifications, and how an observation ends. */
#include "peer.h"

static coap_context_t *context;
static coap_session_t *session;
static peer_t peer;
static coap_response_t verdict;
static unsigned int last_mid;

static coap_response_t
on_response(coap_session_t *s UNUSED, const coap_pdu_t *sent, const coap_pdu_t *received,
            const coap_mid_t mid UNUSED) {
  coap_opt_iterator_t iterator;
  coap_opt_t *observe = coap_check_option(received, COAP_OPTION_OBSERVE, &iterator);
  coap_bin_const_t token = coap_pdu_get_token(received);
  const uint8_t *data = (const uint8_t *)"";
  size_t length = 0;
  coap_get_data(received, &length, &data);
  show("  response %s %s to %s token=%.*s observe=%d \"%.*s\"", type_text(coap_pdu_get_type(received)),
       code_text(coap_pdu_get_code(received)), sent ? code_text(coap_pdu_get_code(sent)) : "NULL",
       (int)token.length, (const char *)token.s,
       observe ? (int)coap_decode_var_bytes(coap_opt_value(observe), coap_opt_length(observe)) : -1,
       (int)length, (const char *)data);
  return verdict;
}

static void
on_nack(coap_session_t *s UNUSED, const coap_pdu_t *sent, const coap_nack_reason_t reason,
        const coap_mid_t mid UNUSED) {
  show("  nack %d, sent %s", (int)reason, sent ? code_text(coap_pdu_get_code(sent)) : "NULL");
}

static void
start_in(const char *title, uint32_t block_mode) {
  show("-- %s", title);
  context = coap_new_context(NULL);
  coap_context_set_block_mode(context, block_mode);
  coap_register_response_handler(context, on_response);
  coap_register_nack_handler(context, on_nack);
  peer = peer_open(0);
  coap_address_t address = loopback(peer.port);
  session = coap_new_client_session(context, NULL, &address, COAP_PROTO_UDP);
  NEED(session);
  verdict = COAP_RESPONSE_OK;
}

static void
start(const char *title) {
  start_in(title, COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
}

/* What the client has sent by now, without its Request-Tag, which is random. */
static void
see(void) {
  datagram_t datagram;
  coap_io_process(context, COAP_IO_NO_WAIT);
  while (peer_take(&peer, &datagram)) {
    last_mid = mid_of(&datagram);
    for (size_t i = 4; i + 1 < datagram.length; i++)
      if ((datagram.bytes[i] & 0xf0) == 0xe0 && datagram.bytes[i + 1] == 0)
        datagram.length = i;
    show_datagram("  <", &datagram, MASK_OWN);
  }
}

static void
stop(void) {
  show("  release");
  coap_session_release(session);
  see();
  coap_free_context(context);
  peer_close(&peer);
}

static coap_mid_t
send_get(const char *token, coap_pdu_type_t type, int observe, const char *query) {
  coap_pdu_t *pdu = coap_new_pdu(type, COAP_REQUEST_CODE_GET, session);
  uint8_t value[4];
  NEED(coap_add_token(pdu, strlen(token), (const uint8_t *)token));
  coap_add_option(pdu, COAP_OPTION_OBSERVE, coap_encode_var_safe(value, sizeof(value), (unsigned int)observe),
                  value);
  coap_add_option(pdu, COAP_OPTION_URI_PATH, 1, (const uint8_t *)"r");
  if (query)
    coap_add_option(pdu, COAP_OPTION_URI_QUERY, strlen(query), (const uint8_t *)query);
  return coap_send(session, pdu);
}

static void
observe(const char *token, coap_pdu_type_t type, const char *query) {
  NEED(send_get(token, type, COAP_OBSERVE_ESTABLISH, query) != COAP_INVALID_MID);
  see();
}

static void
notify(const char *hex) {
  peer_send_hex(&peer, hex);
  see();
}

static void
reply(const char *hex) {
  peer_send_mid(&peer, hex, last_mid);
  see();
}

static int
cancel(const char *token, coap_pdu_type_t type) {
  coap_binary_t *binary = coap_new_binary(strlen(token));
  memcpy(binary->s, token, strlen(token));
  int result = coap_cancel_observe(session, binary, type);
  coap_delete_binary(binary);
  return result;
}

static void
show_cancel(const char *token, coap_pdu_type_t type) {
  show("  cancel %s: %d", token, cancel(token, type));
  see();
}

/* What the handler is not shown of what the server sends. */
static int shown;

static coap_response_t
count(coap_session_t *s UNUSED, const coap_pdu_t *sent UNUSED, const coap_pdu_t *received UNUSED,
      const coap_mid_t mid UNUSED) {
  shown++;
  return COAP_RESPONSE_OK;
}

/* Sends a datagram from the server, and tells what was shown and answered. */
static void
show_mend(const char *topic, const char *wanted, const char *hex) {
  datagram_t datagram;
  shown = 0;
  coap_register_response_handler(context, count);
  peer_send_hex(&peer, hex);
  coap_io_process(context, COAP_IO_NO_WAIT);
  int answered = peer_take(&peer, &datagram);
  mend(topic, wanted, "shown %d, answered %s", shown,
       answered ? type_text((coap_pdu_type_t)(datagram.bytes[0] >> 4 & 3)) : "nothing");
  coap_register_response_handler(context, on_response);
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);

  start("notifications, confirmable and not");
  observe("to", COAP_MESSAGE_CON, NULL);
  reply("6245 ???? 746f 610c ff61");
  notify("5245 9001 746f 610d ff62");
  notify("4245 9002 746f 6114 ff63");
  notify("4245 9002 746f 6114 ff63");
  show("  rejected by the handler");
  verdict = COAP_RESPONSE_FAIL;
  notify("5245 9003 746f 6115 ff64");
  notify("4245 9004 746f 6116 ff65");
  verdict = COAP_RESPONSE_OK;
  notify("5245 9005 746f 6117 ff66");
  /* mend late: a notification that a newer one has overtaken is out of date (RFC 7641 §3.4). The reference shows it. */
  show_mend("late", "shown 0, answered ACK", "4245 9006 746f 6116 ff67");
  show_mend("late", "shown 0, answered nothing", "5245 9007 746f 6110 ff67");
  /* mend unknown: RFC 7641 §3.6: a notification of what is not observed is rejected. The reference shows it. */
  show_mend("unknown", "shown 0, answered RST", "4245 9008 7470 6102 ff67");
  show_mend("unknown", "shown 0, answered RST", "5245 9009 7470 6102 ff67");
  stop();

  start("cancelled by the function");
  observe("to", COAP_MESSAGE_NON, "q");
  show_cancel("to", COAP_MESSAGE_NON);
  notify("5245 9001 746f 610d ff62");
  show_cancel("no", COAP_MESSAGE_NON);
  show_cancel("to", COAP_MESSAGE_CON);
  reply("6245 ???? 746f ff7a");
  show_cancel("to", COAP_MESSAGE_CON);
  show_mend("unknown", "shown 0, answered RST", "5245 9002 746f 610e ff67");
  stop();

  start("what cannot be cancelled");
  observe("to", COAP_MESSAGE_NON, NULL);
  notify("5245 9001 746f 610d ff62");
  /* mend type: a request is CON or NON. The reference sends it as an acknowledgement. */
  mend("type", "0", "%d", cancel("to", COAP_MESSAGE_ACK));
  SHOW(cancel("to", COAP_MESSAGE_RST));
  coap_session_set_no_observe_cancel(session);
  datagram_t datagram;
  while (peer_take(&peer, &datagram))
    ;
  SHOW(coap_cancel_observe(session, NULL, COAP_MESSAGE_NON));
  stop();

  start("cancelled by a request of the program's own");
  observe("to", COAP_MESSAGE_NON, NULL);
  notify("5245 9001 746f 610d ff62");
  SHOW(send_get("to", COAP_MESSAGE_NON, COAP_OBSERVE_CANCEL, NULL));
  see();
  notify("5245 9002 746f ff63");
  show("  for what is not observed: %d", send_get("tx", COAP_MESSAGE_NON, COAP_OBSERVE_CANCEL, NULL) > 1);
  see();
  stop();

  start("cancelled by the end of the session");
  observe("to", COAP_MESSAGE_NON, NULL);
  observe("tp", COAP_MESSAGE_CON, "q");
  observe("tq", COAP_MESSAGE_NON, "unconfirmed");
  reply("6000 ????");
  notify("5245 9001 746f 610d ff62");
  notify("5245 9002 7470 610e ff63");
  stop();

  start("not cancelled by the end of the session");
  coap_session_set_no_observe_cancel(session);
  observe("to", COAP_MESSAGE_NON, NULL);
  notify("5245 9001 746f 610d ff62");
  stop();

  start("ended by the server: an error, a response without Observe");
  observe("to", COAP_MESSAGE_NON, NULL);
  notify("5245 9001 746f 610d ff62");
  notify("5284 9002 746f");
  show_cancel("to", COAP_MESSAGE_NON);
  observe("tp", COAP_MESSAGE_NON, NULL);
  notify("5245 9003 7470 ff62");
  show_cancel("tp", COAP_MESSAGE_NON);
  show_mend("unknown", "shown 0, answered RST", "5245 9004 7470 610e ff67");
  stop();

  start("asked for again");
  observe("to", COAP_MESSAGE_NON, NULL);
  notify("5245 9001 746f 610d ff62");
  observe("to", COAP_MESSAGE_NON, NULL);
  notify("5245 9002 746f 6102 ff63");
  stop();

  start("refused by the server");
  observe("to", COAP_MESSAGE_CON, NULL);
  reply("7000 ????");
  show_cancel("to", COAP_MESSAGE_NON);
  stop();

  start_in("without block mode", 0);
  coap_session_set_no_observe_cancel(session);
  observe("to", COAP_MESSAGE_NON, NULL);
  notify("5245 9001 746f 610d ff62");
  /* mend mode: the manual page makes no exception. The reference keeps no account of observations in this mode. */
  mend("mode", "1", "%d", cancel("to", COAP_MESSAGE_NON));
  while (peer_take(&peer, &datagram))
    ;
  notify("5245 9002 746f ff63");
  stop();

  coap_cleanup();
  return 0;
}
