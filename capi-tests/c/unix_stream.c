/* CoAP over Unix stream sockets: files, events of both sides, bodies, notifications, and peers that go.
 *
 * mend text: the reference gives NONE for the transport of an endpoint.
 * mend foreign: a session that could not bind removes, on the reference, what is at its path. Ours removes only the
 *   file that it made.
 * mend again: the reference does not connect again.
 */
#include "unix_both.h"

void coap_context_set_session_reconnect_time(coap_context_t *, unsigned int) __attribute__((weak));

static unsigned int version;
static size_t received;
static int telling;

static void
settle(void) {
  for (int i = 0; i < 20; i++)
    turn();
}

static void
handle_name(coap_resource_t *resource UNUSED, coap_session_t *session, const coap_pdu_t *request UNUSED,
            const coap_string_t *query UNUSED, coap_pdu_t *response) {
  show_text("  request of", coap_session_str(session));
  show("  from %u bytes to %u bytes", (unsigned int)coap_session_get_addr_remote(session)->size,
       (unsigned int)coap_session_get_addr_local(session)->size);
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
}

static void
handle_body(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request,
            const coap_string_t *query, coap_pdu_t *response) {
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  coap_add_data_large_response(resource, session, request, response, query, COAP_MEDIATYPE_APPLICATION_OCTET_STREAM,
                               -1, 0, 60000, body, NULL, NULL);
}

static void
handle_watched(coap_resource_t *resource UNUSED, coap_session_t *session UNUSED, const coap_pdu_t *request UNUSED,
               const coap_string_t *query UNUSED, coap_pdu_t *response) {
  uint8_t text = (uint8_t)('0' + version);
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  coap_add_data(response, 1, &text);
}

static coap_response_t
on_response(coap_session_t *session UNUSED, const coap_pdu_t *sent UNUSED, const coap_pdu_t *pdu,
            const coap_mid_t mid UNUSED) {
  size_t length, offset, total;
  const uint8_t *data;
  answered++;
  received = 0;
  if (coap_get_data_large(pdu, &length, &data, &offset, &total))
    received = length;
  show("  response %s, %zu bytes", code_text(coap_pdu_get_code(pdu)), received);
  return COAP_RESPONSE_OK;
}

static void
on_nack(coap_session_t *session UNUSED, const coap_pdu_t *sent, const coap_nack_reason_t reason,
        const coap_mid_t mid UNUSED) {
  show("  nack %d, sent %s", (int)reason, sent ? code_text(coap_pdu_get_code(sent)) : "NULL");
}

static int
on_event_of(const char *who, coap_event_t event) {
  if (telling)
    show("  %s: event %04x", who, (unsigned int)event);
  return 0;
}

static int
on_server_event(coap_session_t *session UNUSED, const coap_event_t event) {
  return on_event_of("server", event);
}

static int
on_client_event(coap_session_t *session UNUSED, const coap_event_t event) {
  return on_event_of("client", event);
}

static coap_session_t *
connect_to(const coap_address_t *local, const coap_address_t *remote) {
  coap_session_t *session = coap_new_client_session(client, local, remote, COAP_PROTO_TCP);
  show("%s", session ? "a session" : "NULL");
  return session;
}

static void
ask_for(coap_session_t *session, const char *path) {
  unsigned int before = answered;
  NEED(coap_send(session, request_for(session, COAP_MESSAGE_CON, COAP_REQUEST_GET, path, "t")) != COAP_INVALID_MID);
  BOTH_UNTIL(answered > before, 5000);
}

static coap_endpoint_t *
listen_at(const coap_address_t *address) {
  coap_endpoint_t *endpoint = coap_new_endpoint(server, address, COAP_PROTO_TCP);
  show("%s", endpoint ? "an endpoint" : "NULL");
  return endpoint;
}

static void
plain(const char *title, const coap_address_t *local, const coap_address_t *remote) {
  show("-- %s", title);
  coap_session_t *session = connect_to(local, remote);
  NEED(session);
  show_text("text", coap_session_str(session));
  show("state %d, at the path: %s", (int)coap_session_get_state(session), what_is("c"));
  show("~ %u, %u bytes", (unsigned int)coap_session_get_addr_local(session)->size,
       (unsigned int)coap_session_get_addr_remote(session)->size);
  SHOW(coap_session_get_proto(session));
  SHOW(coap_session_max_pdu_size(session));
  SHOW(coap_session_send_ping(session));
  ask_for(session, "name");
  show("state %d", (int)coap_session_get_state(session));
  show("released");
  coap_session_release(session);
  show("at the path: %s", what_is("c"));
  settle();
}

static void
bodies(const coap_address_t *remote) {
  uint8_t value[4];
  show("-- bodies");
  telling = 0;
  coap_session_t *session = connect_to(NULL, remote);
  ask_for(session, "body");
  unsigned int before = answered;
  coap_pdu_t *pdu = request_for(session, COAP_MESSAGE_CON, COAP_REQUEST_PUT, "body", "u");
  NEED(coap_add_data_large_request(session, pdu, 60000, body, NULL, NULL));
  NEED(coap_send(session, pdu) != COAP_INVALID_MID);
  BOTH_UNTIL(answered > before, 5000);

  show("-- notifications");
  pdu = coap_new_pdu(COAP_MESSAGE_CON, COAP_REQUEST_CODE_GET, session);
  NEED(coap_add_token(pdu, 1, (const uint8_t *)"o"));
  coap_add_option(pdu, COAP_OPTION_OBSERVE, coap_encode_var_safe(value, sizeof(value), COAP_OBSERVE_ESTABLISH), value);
  coap_add_option(pdu, COAP_OPTION_URI_PATH, 7, (const uint8_t *)"watched");
  before = answered;
  NEED(coap_send(session, pdu) != COAP_INVALID_MID);
  BOTH_UNTIL(answered > before, 5000);
  for (version = 1; version < 4; version++) {
    before = answered;
    coap_resource_notify_observers(watched, NULL);
    BOTH_UNTIL(answered > before, 5000);
  }
  coap_session_release(session);
  settle();
  coap_resource_notify_observers(watched, NULL);
  settle();
  telling = 1;
}

static void
nobody(const coap_address_t *server_at) {
  coap_address_t local = unix_at("c"), remote = unix_at("nobody");
  show("-- nobody to connect to");
  show("no file");
  connect_to(&local, &remote);
  show("left: %s", what_is("c"));
  show("a socket that was left");
  put_stale(SOCK_STREAM, "nobody");
  connect_to(&local, &remote);
  show("left: %s", what_is("c"));
  show("an endpoint there: ");
  listen_at(&remote);
  show("left: %s", what_is("nobody"));
  unlink(at("nobody"));
  show("a datagram socket");
  int fd = bare_socket(SOCK_DGRAM, at("nobody"));
  connect_to(&local, &remote);
  close(fd);
  unlink(at("nobody"));
  show("one that has no room");
  fd = bare_socket(SOCK_STREAM, at("nobody"));
  NEED(listen(fd, 0) == 0);
  coap_session_t *first = connect_to(&local, &remote);
  connect_to(NULL, &remote);
  coap_session_release(first);
  close(fd);
  unlink(at("nobody"));
  show("from IPv4");
  coap_address_t other = loopback(0);
  connect_to(&other, server_at);
  show("from a file");
  put_file("c");
  connect_to(&local, server_at);
  mend("foreign", "file", "%s", what_is("c"));
  unlink(at("c"));
}

static void
gone(const coap_address_t *server_at) {
  coap_address_t local = unix_at("c");
  uint8_t bytes[100];
  show("-- the server goes");
  int listener = bare_socket(SOCK_STREAM, at("s"));
  NEED(listen(listener, 5) == 0);
  coap_session_t *session = connect_to(&local, server_at);
  int fd = accept(listener, NULL, NULL);
  NEED(fd >= 0 && write(fd, "\0\xe1", 2) == 2);
  BOTH_UNTIL(coap_session_get_state(session) == COAP_SESSION_STATE_ESTABLISHED, 5000);
  NEED(coap_send(session, request_for(session, COAP_MESSAGE_CON, COAP_REQUEST_GET, "name", "t")) != COAP_INVALID_MID);
  settle();
  NEED(read(fd, bytes, sizeof(bytes)) > 7);
  show("closed");
  close(fd);
  close(listener);
  unlink(at("s"));
  settle();
  show("state %d", (int)coap_session_get_state(session));
  show("sent: %d", coap_send(session, request_for(session, COAP_MESSAGE_CON, COAP_REQUEST_GET, "name", "u")) !=
                       COAP_INVALID_MID);
  coap_session_release(session);
  show("at the path: %s", what_is("c"));

  show("-- the server is freed");
  coap_endpoint_t *endpoint = listen_at(server_at);
  session = connect_to(&local, server_at);
  ask_for(session, "name");
  coap_free_endpoint(endpoint);
  show("freed: %s", what_is("s"));
  settle();
  coap_session_release(session);
  show("at the path: %s", what_is("c"));
}

static void
again(const coap_address_t *server_at) {
  show("-- connected again");
  if (!coap_context_set_session_reconnect_time) {
    mend("again", "0 4 1", "no such function");
    return;
  }
  coap_address_t local = unix_at("c");
  telling = 0;
  coap_endpoint_t *endpoint = coap_new_endpoint(server, server_at, COAP_PROTO_TCP);
  coap_context_set_session_reconnect_time(client, 1);
  coap_register_nack_handler(client, NULL);
  coap_register_response_handler(client, NULL);
  coap_session_t *session = coap_new_client_session(client, &local, server_at, COAP_PROTO_TCP);
  BOTH_UNTIL(coap_session_get_state(session) == COAP_SESSION_STATE_ESTABLISHED, 5000);
  coap_free_endpoint(endpoint);
  settle();
  int before = (int)coap_session_get_state(session);
  endpoint = coap_new_endpoint(server, server_at, COAP_PROTO_TCP);
  BOTH_UNTIL(coap_session_get_state(session) == COAP_SESSION_STATE_ESTABLISHED, 5000);
  mend("again", "0 4 1", "%d %d %d", before, (int)coap_session_get_state(session), endpoint != NULL);
  coap_session_release(session);
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  enter_directory();
  fill_body();
  coap_address_t at_path = unix_at("s"), at_name = unix_abstract("s"), local = unix_at("c"), none;
  server = coap_new_context(NULL);
  client = coap_new_context(NULL);
  NEED(server && client);
  coap_context_set_block_mode(server, COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
  coap_context_set_block_mode(client, COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
  coap_register_event_handler(server, on_server_event);
  coap_register_event_handler(client, on_client_event);
  coap_register_response_handler(client, on_response);
  coap_register_nack_handler(client, on_nack);
  resource_with(server, "name", 0, COAP_REQUEST_GET, handle_name);
  coap_resource_t *resource = resource_with(server, "body", 0, COAP_REQUEST_GET, handle_body);
  coap_register_request_handler(resource, COAP_REQUEST_PUT, handle_put);
  watched = resource_with(server, "watched", 0, COAP_REQUEST_GET, handle_watched);
  coap_resource_set_get_observable(watched, 1);
  telling = 1;

  show("-- endpoints");
  coap_endpoint_t *endpoint = listen_at(&at_path);
  NEED(endpoint);
  show("at the path: %s", what_is("s"));
  const char *text = coap_endpoint_str(endpoint);
  mend("text", "TCP", "%s", strrchr(text, ' ') + 1);
  show("a second one there:");
  listen_at(&at_path);
  show("left: %s", what_is("s"));
  plain("from a path", &local, &at_path);
  plain("from nowhere", NULL, &at_path);
  none = unix_path("", 0);
  none.size = sizeof(sa_family_t);
  plain("from where the system says", &none, &at_path);
  bodies(&at_path);
  nobody(&at_path);
  coap_free_endpoint(endpoint);
  show("freed: %s", what_is("s"));

  show("-- an abstract name");
  endpoint = listen_at(&at_name);
  plain("to a name", &local, &at_name);
  coap_free_endpoint(endpoint);

  gone(&at_path);
  again(&at_path);
  coap_free_context(client);
  coap_free_context(server);
  leave_directory();
  coap_cleanup();
  return 0;
}
