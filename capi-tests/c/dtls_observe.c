/* Observing over DTLS, TLS and WSS: notifications, small and of several blocks; an end that is asked for, and those that
 * come of themselves. */
#include "tls.h"

/* mend wss-large: the reference sends messages over WSS that its other side takes for too large. */

enum { LARGE = 5000 };

static coap_resource_t *resource;
static int value, is_large, handled;
static uint8_t large[LARGE];

static void
on_observe(coap_resource_t *r, coap_session_t *session, const coap_pdu_t *request, const coap_string_t *query,
           coap_pdu_t *response) {
  uint8_t digit = (uint8_t)('0' + value);
  handled++;
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  if (is_large) {
    memset(large, digit, LARGE);
    coap_add_data_large_response(r, session, request, response, query, COAP_MEDIATYPE_TEXT_PLAIN, -1, 0, LARGE, large,
                                 NULL, NULL);
  } else {
    coap_add_data(response, 1, &digit);
  }
}

static coap_response_t
on_notification(coap_session_t *session UNUSED, const coap_pdu_t *sent UNUSED, const coap_pdu_t *received,
                const coap_mid_t mid UNUSED) {
  coap_opt_iterator_t iterator;
  const uint8_t *data = NULL;
  size_t length = 0, offset, total;
  coap_get_data_large(received, &length, &data, &offset, &total);
  tls_client.responses++;
  note(&tls_client, "%s%s '%c' of %zu", code_text(coap_pdu_get_code(received)),
       coap_check_option(received, COAP_OPTION_OBSERVE, &iterator) ? " observed" : "", length ? data[0] : '-', length);
  return COAP_RESPONSE_OK;
}

static void
next(const char *what) {
  int before = tls_client.responses;
  BOTH_UNTIL(tls_client.responses > before, 3000);
  show("%s: %s", what, take(&tls_client));
}

static coap_session_t *
begin(coap_proto_t proto, int type, int is_large_one) {
  coap_session_t *session;
  coap_pdu_t *pdu;
  tls_begin();
  coap_context_set_block_mode(tls_client.context, COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
  coap_context_set_block_mode(tls_server.context, COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
  resource = resource_with(tls_server.context, "o", type, COAP_REQUEST_GET, on_observe);
  coap_resource_set_get_observable(resource, 1);
  coap_register_response_handler(tls_client.context, on_notification);
  value = handled = 0;
  is_large = is_large_one;
  psk_server(proto);
  session = psk_client(proto);
  BOTH_UNTIL(is_up(session), 3000);
  NEED(is_up(session));
  take(&tls_client);
  take(&tls_server);
  pdu = coap_new_pdu(COAP_MESSAGE_CON, COAP_REQUEST_CODE_GET, session);
  NEED(pdu && coap_add_token(pdu, 2, (const uint8_t *)"ob"));
  NEED(coap_add_option(pdu, COAP_OPTION_OBSERVE, 0, NULL));
  NEED(coap_add_option(pdu, COAP_OPTION_URI_PATH, 1, (const uint8_t *)"o"));
  NEED(coap_send(session, pdu) != COAP_INVALID_MID);
  BOTH_UNTIL(tls_client.responses == 1, 3000);
  note(&tls_client, "registered");
  return session;
}

static void
changes(const char *name) {
  show("%s", take(&tls_client));
  for (int i = 0; i < 3; i++) {
    value++;
    NEED(coap_resource_notify_observers(resource, NULL) == 1);
    next(name);
  }
}

static int
cancel(coap_session_t *session) {
  coap_binary_t token = {2, (uint8_t *)"ob"};
  return coap_cancel_observe(session, &token, COAP_MESSAGE_CON);
}

static void
observed(coap_proto_t proto) {
  coap_session_t *session;
  show("== %s, non-confirmable", proto_text(proto));
  session = begin(proto, COAP_RESOURCE_FLAGS_NOTIFY_NON_ALWAYS, 0);
  changes("changed");
  SHOW(cancel(session));
  next("cancelled");
  show("notified %d", coap_resource_notify_observers(resource, NULL));
  tls_leave(session);
  tls_end();

  show("== %s, confirmable", proto_text(proto));
  session = begin(proto, COAP_RESOURCE_FLAGS_NOTIFY_CON, 0);
  changes("changed");
  tls_leave(session);
  show("notified %d", coap_resource_notify_observers(resource, NULL));
  tls_end();

  if (proto == COAP_PROTO_WSS && on_reference())
    return;
  if (proto == COAP_PROTO_WSS) {
    session = begin(proto, COAP_RESOURCE_FLAGS_NOTIFY_CON, 1);
    take(&tls_client);
    value++;
    coap_resource_notify_observers(resource, NULL);
    BOTH_UNTIL(tls_client.responses == 2, 3000);
    mend("wss-large", "2.05 observed '1' of 5000", "%s", take(&tls_client));
    tls_leave(session);
    tls_end();
    return;
  }
  show("== %s, of several blocks", proto_text(proto));
  session = begin(proto, COAP_RESOURCE_FLAGS_NOTIFY_CON, 1);
  changes("changed");
  show("-- the server ends the session");
  take(&tls_server);
  coap_session_disconnected(tls_server.peer, COAP_NACK_NOT_DELIVERABLE);
  BOTH_UNTIL(is_down(session), 3000);
  take(&tls_client);
  show("state %s, told %d", state_text(coap_session_get_state(session)), tls_client.nacks > 0);
  show("notified %d", coap_resource_notify_observers(resource, NULL));
  coap_session_release(session);
  tls_end();
}

int
main(void) {
  coap_startup();
  observed(COAP_PROTO_DTLS);
  observed(COAP_PROTO_TLS);
  observed(COAP_PROTO_WSS);
  coap_cleanup();
  return 0;
}
