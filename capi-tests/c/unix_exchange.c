/* Requests over Unix datagram sockets, and who is heard: sessions of peers, blocks, notifications, many clients, and
 * peers that are hostile.
 *
 * mend long_peer: the path of a peer may have 107 bytes. The reference has room for 26, and crashes. Ours answers.
 * mend nameless: who has no path cannot be answered, so it is not heard.
 * mend too_large: a datagram is not heard that is larger than those of UDP can be. The reference may overlook its end.
 */
#include "unix_both.h"

static coap_endpoint_t *endpoint;
static unsigned int handled, version, failed;
static size_t received;

static void
handle_name(coap_resource_t *resource UNUSED, coap_session_t *session, const coap_pdu_t *request UNUSED,
            const coap_string_t *query UNUSED, coap_pdu_t *response) {
  handled++;
  show_session_text("  request of", coap_session_str(session));
  show("  from %u bytes to %u bytes", (unsigned int)coap_session_get_addr_remote(session)->size,
       (unsigned int)coap_session_get_addr_local(session)->size);
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
}

static void
handle_body(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request,
            const coap_string_t *query, coap_pdu_t *response) {
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  coap_add_data_large_response(resource, session, request, response, query, COAP_MEDIATYPE_APPLICATION_OCTET_STREAM,
                               -1, 0, 20000, body, NULL, NULL);
}

static void
handle_size(coap_resource_t *resource UNUSED, coap_session_t *session, const coap_pdu_t *request UNUSED,
            const coap_string_t *query UNUSED, coap_pdu_t *response) {
  show("  the most bytes: %zu", coap_session_max_pdu_size(session));
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
}

static void
handle_watched(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request,
               const coap_string_t *query, coap_pdu_t *response) {
  body[0] = (uint8_t)version;
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  coap_add_data_large_response(resource, session, request, response, query, COAP_MEDIATYPE_APPLICATION_OCTET_STREAM,
                               -1, 0, 3000, body, NULL, NULL);
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
  failed += coap_pdu_get_code(pdu) >= 128;
  return COAP_RESPONSE_OK;
}

static int
on_event(coap_session_t *session UNUSED, const coap_event_t event) {
  if (event == COAP_EVENT_SERVER_SESSION_NEW || event == COAP_EVENT_SERVER_SESSION_DEL)
    show("  event %04x", (unsigned int)event);
  return 0;
}

static coap_session_t *
connect_from(const char *name) {
  coap_address_t local = unix_at(name), remote = unix_at("s");
  coap_session_t *session = coap_new_client_session(client, &local, &remote, COAP_PROTO_UDP);
  NEED(session);
  return session;
}

static void
ask_for(coap_session_t *session, coap_pdu_type_t type, const char *path) {
  unsigned int before = answered;
  NEED(coap_send(session, request_for(session, type, COAP_REQUEST_GET, path, "t")) != COAP_INVALID_MID);
  BOTH_UNTIL(answered > before, 5000);
  show("answered: %u, %zu bytes", answered - before, received);
}

static void
plain(void) {
  show("-- requests");
  coap_session_t *session = connect_from("c");
  ask_for(session, COAP_MESSAGE_CON, "name");
  ask_for(session, COAP_MESSAGE_NON, "name");
  coap_session_release(session);
  show("-- the path again");
  session = connect_from("c");
  ask_for(session, COAP_MESSAGE_CON, "name");
  coap_session_release(session);
}

static void
blocks(void) {
  show("-- bodies");
  coap_session_t *session = connect_from("c");
  ask_for(session, COAP_MESSAGE_CON, "body");
  ask_for(session, COAP_MESSAGE_NON, "body");
  for (int large = 0; large < 2; large++) {
    unsigned int before = answered;
    coap_pdu_t *pdu = request_for(session, COAP_MESSAGE_CON, COAP_REQUEST_PUT, "body", "u");
    NEED(coap_add_data_large_request(session, pdu, large ? 60000 : 1, body, NULL, NULL));
    NEED(coap_send(session, pdu) != COAP_INVALID_MID);
    BOTH_UNTIL(answered > before, 5000);
    show("answered: %u", answered - before);
  }
  coap_session_release(session);
  show("-- small messages");
  coap_endpoint_set_default_mtu(endpoint, 300);
  session = connect_from("small");
  ask_for(session, COAP_MESSAGE_CON, "body");
  ask_for(session, COAP_MESSAGE_CON, "size");
  coap_session_release(session);
}

static void
observations(void) {
  uint8_t value[4];
  show("-- notifications");
  coap_session_t *session = connect_from("c");
  coap_pdu_t *pdu = coap_new_pdu(COAP_MESSAGE_CON, COAP_REQUEST_CODE_GET, session);
  NEED(coap_add_token(pdu, 1, (const uint8_t *)"o"));
  coap_add_option(pdu, COAP_OPTION_OBSERVE, coap_encode_var_safe(value, sizeof(value), COAP_OBSERVE_ESTABLISH), value);
  coap_add_option(pdu, COAP_OPTION_URI_PATH, 7, (const uint8_t *)"watched");
  unsigned int before = answered;
  NEED(coap_send(session, pdu) != COAP_INVALID_MID);
  BOTH_UNTIL(answered > before, 5000);
  show("registered: %zu bytes", received);
  for (version = 1; version < 4; version++) {
    before = answered;
    coap_resource_notify_observers(watched, NULL);
    BOTH_UNTIL(answered > before, 5000);
    show("notified: %zu bytes", received);
  }
  coap_session_release(session);
}

enum { MANY = 40 };

static void
many(void) {
  coap_session_t *sessions[MANY];
  char name[8];
  unsigned int before = answered;
  show("-- many clients");
  for (int i = 0; i < MANY; i++) {
    snprintf(name, sizeof(name), "c%d", i);
    sessions[i] = connect_from(name);
    NEED(coap_send(sessions[i], request_for(sessions[i], COAP_MESSAGE_CON, COAP_REQUEST_GET, "body", "t")) !=
         COAP_INVALID_MID);
    turn();
  }
  BOTH_UNTIL(answered - before >= MANY, 5000);
  show("answered: %u, failed: %u", answered - before, failed);
  for (int i = 0; i < MANY; i++)
    coap_session_release(sessions[i]);
  int left = 0;
  for (int i = 0; i < MANY; i++) {
    snprintf(name, sizeof(name), "c%d", i);
    left += strcmp(what_is(name), "nothing") != 0;
  }
  show("files left: %d", left);
}

/* Sends a GET from a bare socket. Returns whether an answer came. */
static int
bare_exchange(int fd) {
  datagram_t request = from_hex("41 01 0001 aa b1 70"), answer;
  int64_t end = now_ms() + 3000;
  send_bytes(fd, at("s"), request.bytes, request.length);
  for (;;) {
    turn();
    ssize_t length = recv(fd, answer.bytes, sizeof(answer.bytes), MSG_DONTWAIT);
    if (length >= 0)
      return length == 5 && answer.bytes[1] == COAP_RESPONSE_CODE_CONTENT;
    if (now_ms() >= end)
      return 0;
  }
}

static void
quiet_handler(coap_resource_t *resource UNUSED, coap_session_t *session UNUSED, const coap_pdu_t *request UNUSED,
              const coap_string_t *query UNUSED, coap_pdu_t *response) {
  handled++;
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
}

static void
hostile(void) {
  static char large[70000];
  char path[108];
  show("-- bare peers");
  int fd = bare_socket(SOCK_DGRAM, at("short"));
  show("a short path: %d", bare_exchange(fd));
  /* A request that has crossed too many proxies is told where it ended (RFC 8768 section 3). */
  datagram_t hops = from_hex("41 01 0002 aa b1 70 51 01"), answer = {0, {0}};
  const char *here = at("s");
  send_bytes(fd, here, hops.bytes, hops.length);
  for (int64_t end = now_ms() + 3000; answer.length == 0 && now_ms() < end; turn()) {
    ssize_t length = recv(fd, answer.bytes, sizeof(answer.bytes), MSG_DONTWAIT);
    answer.length = length < 0 ? 0 : (size_t)length;
  }
  show("5.08: %d, with the path of the server: %d", answer.bytes[1] == COAP_RESPONSE_CODE(508),
       answer.length == 9 + strlen(here) && memcmp(answer.bytes + 9, here, strlen(here)) == 0);
  close(fd);
  unlink(at("short"));

  if (!on_reference()) {
    for (size_t length = 26; length <= 107; length += 27) {
      memset(path, 'p', sizeof(path));
      memcpy(path, at(""), strlen(directory) + 1);
      path[length] = 0;
      fd = bare_socket(SOCK_DGRAM, path);
      mend("long_peer", "1", "%d", bare_exchange(fd));
      close(fd);
      unlink(path);
    }
  }

  if (!on_reference()) {
    int nameless = bare_socket(SOCK_DGRAM, NULL);
    datagram_t request = from_hex("41 01 0001 aa b1 70");
    handled = 0;
    send_bytes(nameless, at("s"), request.bytes, request.length);
    fd = bare_socket(SOCK_DGRAM, at("next"));
    int got = bare_exchange(fd);
    mend("nameless", "1, handled 1", "%d, handled %u", got, handled);
    close(nameless);

    /* What is larger than a datagram of UDP can be is nobody's message. */
    memset(large, 0xff, sizeof(large));
    memcpy(large, request.bytes, request.length);
    handled = 0;
    send_bytes(fd, at("s"), large, sizeof(large));
    close(fd);
    unlink(at("next"));
    fd = bare_socket(SOCK_DGRAM, at("last"));
    got = bare_exchange(fd);
    mend("too_large", "1, handled 1", "%d, handled %u", got, handled);
    close(fd);
    unlink(at("last"));
  }
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  enter_directory();
  fill_body();
  coap_address_t address = unix_at("s");
  server = coap_new_context(NULL);
  client = coap_new_context(NULL);
  NEED(server && client);
  coap_context_set_block_mode(server, COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
  coap_context_set_block_mode(client, COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
  endpoint = coap_new_endpoint(server, &address, COAP_PROTO_UDP);
  NEED(endpoint);
  coap_register_event_handler(server, on_event);
  coap_register_response_handler(client, on_response);
  resource_with(server, "name", 0, COAP_REQUEST_GET, handle_name);
  resource_with(server, "size", 0, COAP_REQUEST_GET, handle_size);
  resource_with(server, "p", 0, COAP_REQUEST_GET, quiet_handler);
  coap_resource_t *resource = resource_with(server, "body", 0, COAP_REQUEST_GET, handle_body);
  coap_register_request_handler(resource, COAP_REQUEST_PUT, handle_put);
  watched = resource_with(server, "watched", 0, COAP_REQUEST_GET, handle_watched);
  coap_resource_set_get_observable(watched, 1);

  plain();
  coap_register_event_handler(server, NULL);
  blocks();
  observations();
  many();
  hostile();

  coap_free_context(client);
  coap_free_context(server);
  leave_directory();
  coap_cleanup();
  return 0;
}
