/* An addition to the reference: a client session over TCP, or over WebSockets, whose server goes away is connected
 * again, and what it observes is observed anew.
 * mend reconnect: the reference has no such thing; its session stays closed. */
#include "peer.h"

void coap_context_set_session_reconnect_time(coap_context_t *, unsigned int) __attribute__((weak));

static coap_context_t *server, *client;
static int number, ready, responses;
static char last[16];

static void
on_get(coap_resource_t *resource UNUSED, coap_session_t *session UNUSED, const coap_pdu_t *request UNUSED,
       const coap_string_t *query UNUSED, coap_pdu_t *response) {
  char text[16];
  int length = snprintf(text, sizeof(text), "%d", number);
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  coap_add_data(response, (size_t)length, (const uint8_t *)text);
}

static coap_response_t
on_response(coap_session_t *session UNUSED, const coap_pdu_t *sent UNUSED, const coap_pdu_t *received,
            const coap_mid_t mid UNUSED) {
  size_t length;
  const uint8_t *data;
  NEED(coap_get_data(received, &length, &data) && length < sizeof(last));
  memcpy(last, data, length);
  last[length] = 0;
  responses++;
  return COAP_RESPONSE_OK;
}

static int
on_event(coap_session_t *session UNUSED, const coap_event_t event) {
  if (event == COAP_EVENT_SESSION_CONNECTED)
    ready++;
  return 0;
}

static coap_resource_t *
start_server(uint16_t port, coap_proto_t proto) {
  coap_address_t address = loopback(port);
  server = coap_new_context(NULL);
  NEED(coap_new_endpoint(server, &address, proto));
  coap_resource_t *resource = coap_resource_init(coap_make_str_const("n"), 0);
  coap_register_request_handler(resource, COAP_REQUEST_GET, on_get);
  coap_resource_set_get_observable(resource, 1);
  coap_add_resource(server, resource);
  return resource;
}

/* Runs both sides until something has come about. */
#define BOTH_UNTIL(condition)                                                                       \
  do {                                                                                              \
    for (int64_t end = now_ms() + 10000; !(condition) && now_ms() < end;) {                         \
      coap_io_process(server, COAP_IO_NO_WAIT);                                                     \
      coap_io_process(client, 10);                                                                  \
    }                                                                                               \
  } while (0)

static void
go_and_come_back(coap_proto_t proto) {
  uint16_t port = free_port();
  coap_resource_t *resource = start_server(port, proto);
  ready = responses = 0;
  client = coap_new_context(NULL);
  coap_register_response_handler(client, on_response);
  coap_register_event_handler(client, on_event);
  coap_context_set_session_reconnect_time(client, 1);
  coap_address_t address = loopback(port);
  coap_session_t *session = coap_new_client_session(client, NULL, &address, proto);
  NEED(session && coap_ws_set_host_request(session, coap_make_str_const("localhost")));
  BOTH_UNTIL(ready == 1);
  coap_pdu_t *request = coap_new_pdu(COAP_MESSAGE_CON, COAP_REQUEST_CODE_GET, session);
  coap_add_token(request, 1, (const uint8_t *)"t");
  coap_add_option(request, COAP_OPTION_OBSERVE, 0, NULL);
  coap_add_option(request, COAP_OPTION_URI_PATH, 1, (const uint8_t *)"n");
  number = 1;
  NEED(coap_send(session, request) != COAP_INVALID_MID);
  BOTH_UNTIL(responses == 1);
  /* The server goes and comes back. */
  coap_free_context(server);
  number = 2;
  resource = start_server(port, proto);
  BOTH_UNTIL(responses == 2);
  number = 3;
  coap_resource_notify_observers(resource, NULL);
  BOTH_UNTIL(responses == 3);
  mend("reconnect", "2 connections, 3 notifications, the last of 3", "%d connections, %d notifications, the last of %s",
       ready, responses, last);
  coap_session_release(session);
  coap_free_context(client);
  coap_free_context(server);
}

int
main(void) {
  coap_startup();
  if (!coap_context_set_session_reconnect_time) {
    mend("reconnect", "2 connections, 3 notifications, the last of 3", "there is no such function");
    return 0;
  }
  go_and_come_back(COAP_PROTO_TCP);
  go_and_come_back(COAP_PROTO_WS);
  coap_cleanup();
  return 0;
}
