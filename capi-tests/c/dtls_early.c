/* Requests that are sent before a DTLS handshake is done: they wait, and go in order, as many at once as NSTART says. */
#include "tls.h"

static char order[200]; /* the tokens in the order the server has seen them */

static void
on_get(coap_resource_t *resource UNUSED, coap_session_t *session, const coap_pdu_t *request,
       const coap_string_t *query UNUSED, coap_pdu_t *response) {
  coap_bin_const_t token = coap_pdu_get_token(request);
  size_t length = strlen(order);
  NEED(token.length == 1 && length + 2 < sizeof(order));
  order[length] = (char)token.s[0];
  order[length + 1] = 0;
  NEED(is_up(session));
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
}

static coap_session_t *
begin(const char *name) {
  show("== %s", name);
  tls_begin();
  resource_with(tls_server.context, "order", 0, COAP_REQUEST_GET, on_get);
  psk_server(COAP_PROTO_DTLS);
  order[0] = 0;
  return psk_client(COAP_PROTO_DTLS);
}

static int
ask_for(coap_session_t *session, coap_pdu_type_t type, char token) {
  char text[2] = {token, 0};
  coap_pdu_t *pdu = request_for(session, type, COAP_REQUEST_GET, "order", text);
  return coap_send(session, pdu) != COAP_INVALID_MID;
}

static void
answered(coap_session_t *session, int wanted) {
  BOTH_UNTIL(tls_client.responses == wanted, 5000);
  show("%d answers, in the order %s, state %s", tls_client.responses, order,
       state_text(coap_session_get_state(session)));
}

static void
in_order(void) {
  coap_session_t *session = begin("CON and NON");
  for (char token = 'a'; token < 'd'; token++)
    SHOW(ask_for(session, COAP_MESSAGE_NON, token));
  answered(session, 3);
  tls_leave(session);
  tls_end();

  session = begin("NON before CON");
  SHOW(ask_for(session, COAP_MESSAGE_NON, 'a'));
  SHOW(ask_for(session, COAP_MESSAGE_CON, 'b'));
  SHOW(ask_for(session, COAP_MESSAGE_NON, 'c'));
  answered(session, 3);
  tls_leave(session);
  tls_end();

  session = begin("CON, one at a time");
  for (char token = 'a'; token < 'f'; token++)
    SHOW(ask_for(session, COAP_MESSAGE_CON, token));
  answered(session, 5);
  tls_leave(session);
  tls_end();

  session = begin("CON, NSTART 3");
  coap_session_set_nstart(session, 3);
  for (char token = 'a'; token < 'h'; token++)
    SHOW(ask_for(session, COAP_MESSAGE_CON, token));
  answered(session, 7);
  tls_leave(session);
  tls_end();
}

/* The answer to one that came back at once, from the handler of the event. */
static int
on_connected(coap_session_t *session, coap_event_t event) {
  tls_on_event(session, event);
  if (event == COAP_EVENT_DTLS_CONNECTED && side_of(session) == &tls_client)
    show("sent in the handler: %d", ask_for(session, COAP_MESSAGE_CON, 'z'));
  return 0;
}

static void
in_handler(void) {
  coap_session_t *session = begin("from the handler of the event");
  coap_register_event_handler(tls_client.context, on_connected);
  SHOW(ask_for(session, COAP_MESSAGE_CON, 'a'));
  answered(session, 2);
  tell();
  tls_leave(session);
  tls_end();
}

static void
sizes_meanwhile(void) {
  coap_session_t *session = begin("what is known in the handshake");
  coap_pdu_t *pdu = coap_new_pdu(COAP_MESSAGE_CON, COAP_REQUEST_CODE_GET, session);
  NEED(pdu);
  SHOW(coap_session_max_pdu_size(session));
  coap_delete_pdu(pdu);
  SHOW(coap_session_send_ping(session));
  SHOW(coap_io_pending(tls_client.context));
  SHOW(ask_for(session, COAP_MESSAGE_NON, 'a'));
  SHOW(coap_io_pending(tls_client.context));
  SHOW(coap_can_exit(tls_client.context));
  answered(session, 1);
  SHOW(coap_can_exit(tls_client.context));
  tls_leave(session);
  tls_end();
}

/* More than a server would have to keep. */
static void
many(void) {
  coap_session_t *session = begin("100 of them");
  int sent = 0;
  for (int i = 0; i < 100; i++)
    sent += ask_for(session, COAP_MESSAGE_CON, (char)('A' + i % 26));
  show("sent %d", sent);
  BOTH_UNTIL(tls_client.responses == 100, 5000);
  show("%d answers", tls_client.responses);
  tls_client.length = tls_server.length = 0;
  tls_leave(session);
  tls_end();
}

int
main(void) {
  coap_startup();
  in_order();
  in_handler();
  sizes_meanwhile();
  many();
  coap_cleanup();
  return 0;
}
