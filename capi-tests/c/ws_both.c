/* A client and a server over WebSockets, both the library's: requests, observing, bodies in blocks, names and states.
 *
 * mend closed: after a close the reference keeps the server's session, established. Ours ends it.
 * mend large: the reference dies of a frame of more than 1,472 bytes. Ours sends and takes what both CSMs allow. */
#include "ws.h"

enum { BODY = 5000 };

static coap_context_t *context;
static coap_session_t *client;
static uint8_t body[BODY];
static int with_names;

/* A session's name with the ports left out, and without blanks. */
static void
note_name(coap_session_t *session) {
  char name[100];
  size_t length = 0;
  for (const char *at = coap_session_str(session); *at && length < sizeof(name) - 1; at++) {
    if (*at == ':') {
      while (at[1] >= '0' && at[1] <= '9')
        at++;
    } else if (*at != ' ') {
      name[length++] = *at;
    }
  }
  name[length] = '\0';
  ws_note("(%s)", name);
}

static int
on_event(coap_session_t *session, const coap_event_t event) {
  ws_note(" %s:%s/%d", coap_session_get_type(session) == COAP_SESSION_TYPE_CLIENT ? "client" : "server",
          ws_event_text(event), (int)coap_session_get_state(session));
  if (with_names)
    note_name(session);
  return 0;
}

static coap_response_t
on_response(coap_session_t *session UNUSED, const coap_pdu_t *sent UNUSED, const coap_pdu_t *received,
            const coap_mid_t mid UNUSED) {
  const uint8_t *data;
  size_t length = 0, offset = 0, total = 0;
  coap_get_data_large(received, &length, &data, &offset, &total);
  ws_note(" %s", code_text(coap_pdu_get_code(received)));
  if (length > 20)
    ws_note("=%zu of %zu at %zu, %s", length, total, offset, offset + length <= BODY && memcmp(data, body + offset, length) == 0 ? "right" : "wrong");
  else
    ws_note("=%.*s", (int)length, (const char *)data);
  return COAP_RESPONSE_OK;
}

static int count;

static void
get(coap_resource_t *resource UNUSED, coap_session_t *session UNUSED, const coap_pdu_t *request UNUSED,
    const coap_string_t *query UNUSED, coap_pdu_t *response) {
  char text[20];
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  coap_add_data(response, (size_t)snprintf(text, sizeof(text), "#%d", count), (const uint8_t *)text);
}

static void
get_large(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request, const coap_string_t *query,
          coap_pdu_t *response) {
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  coap_add_data_large_response(resource, session, request, response, query, COAP_MEDIATYPE_APPLICATION_OCTET_STREAM, -1,
                               0, BODY, body, NULL, NULL);
}

static void
put_large(coap_resource_t *resource UNUSED, coap_session_t *session UNUSED, const coap_pdu_t *request,
          const coap_string_t *query UNUSED, coap_pdu_t *response) {
  const uint8_t *data;
  size_t length = 0, offset = 0, total = 0;
  coap_get_data_large(request, &length, &data, &offset, &total);
  ws_note(" PUT=%zu of %zu, %s", length, total, length == BODY && memcmp(data, body, BODY) == 0 ? "right" : "wrong");
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CHANGED);
}

/* The lines of the log that show messages, without what differs between runs. */
static void
on_log(coap_log_t level UNUSED, const char *message) {
  if (strncmp(message, "v:", 2) == 0)
    ws_note(" [%.*s]", (int)strcspn(message, "{"), message);
}

static void
until(const char *text) {
  RUN_UNTIL(context, strstr(ws_log, text), 5000);
}

static coap_session_t *
connect_to(uint16_t port) {
  coap_address_t address = loopback(port);
  coap_session_t *session = coap_new_client_session(context, NULL, &address, COAP_PROTO_WS);
  NEED(session && coap_ws_set_host_request(session, coap_make_str_const("localhost")));
  return session;
}

int
main(void) {
  coap_resource_t *resource;
  coap_endpoint_t *endpoint;
  coap_pdu_t *pdu;
  uint16_t port;

  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  for (size_t i = 0; i < BODY; i++)
    body[i] = (uint8_t)(i * 7 >> 3);
  context = coap_new_context(NULL);
  NEED(context);
  coap_register_event_handler(context, on_event);
  coap_register_nack_handler(context, ws_on_nack);
  coap_register_response_handler(context, on_response);
  SHOW(coap_ws_is_supported());
  SHOW(coap_wss_is_supported());
  SHOW_PTR(coap_new_client_session(context, NULL, &(coap_address_t){.size = sizeof(struct sockaddr_in), .addr.sin.sin_family = AF_INET}, COAP_PROTO_WSS));
  coap_context_set_block_mode(context, COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
  resource = resource_with(context, "count", 0, COAP_REQUEST_GET, get);
  coap_resource_set_get_observable(resource, 1);
  coap_register_request_handler(resource_with(context, "large", 0, COAP_REQUEST_GET, get_large), COAP_REQUEST_PUT,
                                put_large);
  port = ws_serve(context, &endpoint);

  show("-- both sides");
  with_names = 1;
  client = connect_to(port);
  SHOW(coap_session_get_proto(client));
  SHOW(coap_session_get_type(client));
  RUN_UNTIL(context, strstr(ws_log, "client:SESSION_CONNECTED") && strstr(ws_log, "server:SESSION_CONNECTED"), 5000);
  {
    /* The two sides take turns as the loop has it: each in its order. */
    static const char *const sides[] = {" server:", " client:"};
    for (size_t i = 0; i < 2; i++) {
      printf("seen:");
      for (const char *at = strstr(ws_log, sides[i]); at; at = strstr(at + 1, sides[i]))
        printf("%.*s", (int)(strcspn(at + 1, " ") + 1), at);
      show("%s", "");
    }
    ws_log[0] = '\0';
  }
  with_names = 0;
  SHOW(coap_session_max_pdu_size(client));
  SHOW(coap_session_get_state(client));

  show("-- requests");
  SHOW(coap_send(client, request_for(client, COAP_MESSAGE_CON, COAP_REQUEST_GET, "count", "a")));
  until("2.05");
  ws_show_log("GET");
  coap_send(client, request_for(client, COAP_MESSAGE_NON, COAP_REQUEST_GET, "nowhere", "b"));
  until("4.04");
  ws_show_log("GET of nothing");

  show("-- a message in the log");
  coap_set_show_pdu_output(0);
  coap_set_log_handler(on_log);
  coap_set_log_level(COAP_LOG_DEBUG);
  coap_send(client, request_for(client, COAP_MESSAGE_CON, COAP_REQUEST_GET, "count", "a"));
  until(" 2.05=");
  coap_set_log_level(COAP_LOG_EMERG);
  coap_set_log_handler(NULL);
  ws_show_log("GET");

  show("-- observing");
  pdu = coap_new_pdu(COAP_MESSAGE_CON, COAP_REQUEST_CODE_GET, client);
  coap_add_token(pdu, 1, (const uint8_t *)"o");
  coap_add_option(pdu, COAP_OPTION_OBSERVE, 0, NULL);
  coap_add_option(pdu, COAP_OPTION_URI_PATH, 5, (const uint8_t *)"count");
  coap_send(client, pdu);
  until("#0");
  for (count = 1; count < 4; count++) {
    char text[20];
    coap_resource_notify_observers(resource, NULL);
    snprintf(text, sizeof(text), "#%d", count);
    until(text);
  }
  ws_show_log("notified");

  show("-- bodies");
  coap_session_set_mtu(client, 1152);
  pdu = request_for(client, COAP_MESSAGE_CON, COAP_REQUEST_GET, "large", "l");
  if (on_reference()) {
    /* In blocks of 1,024 bytes it survives. */
    uint8_t value[4];
    coap_add_option(pdu, COAP_OPTION_BLOCK2, coap_encode_var_safe(value, sizeof(value), 6), value);
  }
  coap_send(client, pdu);
  until("2.05");
  ws_show_log("GET");
  if (!on_reference()) {
    pdu = request_for(client, COAP_MESSAGE_CON, COAP_REQUEST_PUT, "large", "p");
    NEED(coap_add_data_large_request(client, pdu, BODY, body, NULL, NULL));
    coap_send(client, pdu);
    until("2.04");
    mend("large", " PUT=5000 of 5000, right 2.04=", "%s", ws_log);
    ws_log[0] = '\0';
  }

  show("-- the end");
  coap_session_release(client);
  ws_show_log("released");
  RUN_UNTIL(context, strstr(ws_log, on_reference() ? "server:WS_CLOSED" : "server:SERVER_SESSION_DEL"), 3000);
  mend("closed", " server:WS_CLOSED/4 nack:NOT_DELIVERABLE:NULL server:TCP_CLOSED/0 server:SESSION_CLOSED/0 server:SERVER_SESSION_DEL/0", "%s", ws_log);
  ws_log[0] = '\0';
  coap_free_endpoint(endpoint);
  coap_free_context(context);
  coap_cleanup();
  return 0;
}
