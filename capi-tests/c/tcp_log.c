/* What the log says of sessions over TCP. */
#include "stream.h"

/* Prints a line without what changes: digits behind a `:` and pointers. How a connection failed is said in words of
 * one's own. */
static void
print_line(coap_log_t level, const char *message) {
  char line[400];
  size_t at = 0;
  if (strstr(message, "failed to receive any bytes") || strstr(message, "Connection refused") ||
      strstr(message, "aborted by the peer"))
    return;
  for (; *message && at < sizeof(line) - 2; message++) {
    line[at++] = *message;
    if (*message == '\n')
      at--;
    if (*message == ':')
      while (message[1] >= '0' && message[1] <= '9')
        message++;
    if (*message == '0' && message[1] == 'x' && message[2] == '5')
      while (message[1] && strchr("x0123456789abcdef", message[1]))
        message++;
  }
  line[at] = '\0';
  show("  %s %s", coap_log_level_desc(level), line);
}

static void
quiet(coap_log_t level UNUSED, const char *message UNUSED) {
}

static void
get(coap_resource_t *resource UNUSED, coap_session_t *session UNUSED, const coap_pdu_t *request UNUSED,
    const coap_string_t *query UNUSED, coap_pdu_t *response) {
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  coap_add_data(response, 2, (const uint8_t *)"hi");
}

static coap_context_t *context;
static stream_t peer;
static int gone;

static int
on_event(coap_session_t *session UNUSED, const coap_event_t event) {
  gone += event == COAP_EVENT_SERVER_SESSION_DEL;
  return 0;
}

static void
on_nack(coap_session_t *session UNUSED, const coap_pdu_t *sent UNUSED, coap_nack_reason_t reason UNUSED,
        coap_mid_t mid UNUSED) {
}

static void
begin(const char *title, uint16_t port) {
  show("-- %s", title);
  gone = 0;
  peer = stream_connect(port);
  stream_receive(&peer, context);
}

static void
end(void) {
  stream_finish(&peer);
  RUN_UNTIL(context, gone, 3000);
  stream_close(&peer);
}

static void
server(void) {
  coap_endpoint_t *endpoint;
  show("-- an endpoint");
  coap_set_log_handler(print_line);
  uint16_t port = serve_stream(context, &endpoint);
  coap_set_log_handler(quiet);
  resource_with(context, "r", 0, COAP_REQUEST_GET, get);
  coap_set_log_handler(print_line);

  begin("a request", port);
  stream_ask(&peer, context, "peer gets", "00 e1 22 01 746b b1 72");
  end();
  begin("a CSM with all options", port);
  stream_ask(&peer, context, "peer gets", "90 e1 23 000480 20 21 0c 41 00");
  end();
  begin("Pong and Ping", port);
  stream_ask(&peer, context, "peer gets", "00 e1 12 e3 6162 20 10 e2 20");
  end();
  begin("Release", port);
  stream_send_hex(&peer, "00 e1 80 e4 23 616263 01 64 21 05");
  end();
  begin("Abort", port);
  stream_send_hex(&peer, "00 e1 20 e5 21 02");
  end();
  begin("what has no meaning", port);
  stream_ask(&peer, context, "peer gets", "00 e1 00 21 00 00");
  end();
  begin("a request before the CSM", port);
  stream_send_hex(&peer, "22 01 746b b1 72");
  RUN_UNTIL(context, stream_ready(&peer), 20);
  stream_send_hex(&peer, "00 e1");
  stream_expect(&peer, context, "peer gets");
  end();
  begin("a request before the CSM, which never comes", port);
  stream_send_hex(&peer, "22 01 746b b1 72");
  RUN_UNTIL(context, stream_ready(&peer), 20);
  end();
  coap_set_log_handler(quiet);
  coap_free_endpoint(endpoint);
}

static void
client(void) {
  coap_session_t *session;
  coap_address_t address;
  show("-- a client");
  coap_set_log_handler(print_line);
  peer = stream_listen();
  address = loopback(peer.port);
  session = coap_new_client_session(context, NULL, &address, COAP_PROTO_TCP);
  print_line(COAP_LOG_INFO, coap_session_str(session));
  stream_accept(&peer);
  stream_send_hex(&peer, "00 e1");
  RUN_UNTIL(context, coap_session_get_state(session) == COAP_SESSION_STATE_ESTABLISHED, 3000);
  print_line(COAP_LOG_INFO, coap_session_str(session));
  coap_send(session, request_for(session, COAP_MESSAGE_CON, COAP_REQUEST_GET, "r", "t1"));
  coap_session_send_ping(session);
  coap_session_disconnected(session, COAP_NACK_RST);
  coap_send(session, request_for(session, COAP_MESSAGE_CON, COAP_REQUEST_GET, "r", "t1"));
  print_line(COAP_LOG_INFO, coap_session_str(session));
  coap_session_release(session);
  stream_close(&peer);

  show("-- no CSM");
  coap_context_set_csm_timeout_ms(context, 50);
  peer = stream_listen();
  address = loopback(peer.port);
  session = coap_new_client_session(context, NULL, &address, COAP_PROTO_TCP);
  coap_send(session, request_for(session, COAP_MESSAGE_CON, COAP_REQUEST_GET, "r", "t1"));
  coap_session_release(session);
  stream_close(&peer);

  show("-- nobody listens");
  address = loopback(free_port());
  session = coap_new_client_session(context, NULL, &address, COAP_PROTO_TCP);
  RUN_UNTIL(context, coap_session_get_state(session) == COAP_SESSION_STATE_NONE, 3000);
  coap_session_release(session);
  coap_set_log_handler(quiet);
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_DEBUG);
  coap_set_log_handler(quiet);
  context = coap_new_context(NULL);
  coap_register_event_handler(context, on_event);
  coap_register_nack_handler(context, on_nack);
  server();
  client();
  coap_set_log_level(COAP_LOG_EMERG);
  coap_set_log_handler(NULL);
  coap_free_context(context);
  coap_cleanup();
  return 0;
}
