/* Peers of Unix datagram sockets that go, come back, or do not read what they are sent.
 *
 * mend gone: on the reference a request to a server that has gone is refused, and one that is sent again is until the end of its
 *   time. Ours takes it, and the nack handler hears that nobody is there, as over UDP.
 * mend back: a server that comes back to its path is found again. On the reference the session is of no use any more.
 * mend burst: the queue of such a socket holds few datagrams; the reference loses what has no room. Ours waits for it.
 * mend observer: on the reference an observer that has gone has its resource's handler called in every turn of the loop.
 */
#include "unix_both.h"

static unsigned int handled, nacks;
static int reason;

static void
handle(coap_resource_t *resource UNUSED, coap_session_t *session UNUSED, const coap_pdu_t *request UNUSED,
       const coap_string_t *query UNUSED, coap_pdu_t *response) {
  handled++;
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
}

static coap_response_t
on_response(coap_session_t *session UNUSED, const coap_pdu_t *sent UNUSED, const coap_pdu_t *pdu UNUSED,
            const coap_mid_t mid UNUSED) {
  answered++;
  return COAP_RESPONSE_OK;
}

static void
on_nack(coap_session_t *session UNUSED, const coap_pdu_t *sent UNUSED, const coap_nack_reason_t why,
        const coap_mid_t mid UNUSED) {
  nacks++;
  reason = (int)why;
}

static coap_endpoint_t *
serve_at_path(void) {
  coap_address_t address = unix_at("s");
  coap_endpoint_t *endpoint = coap_new_endpoint(server, &address, COAP_PROTO_UDP);
  NEED(endpoint);
  return endpoint;
}

static coap_session_t *
connect_from(const char *name) {
  coap_address_t local = unix_at(name), remote = unix_at("s");
  coap_session_t *session = coap_new_client_session(client, &local, &remote, COAP_PROTO_UDP);
  NEED(session);
  return session;
}

static int
send_get(coap_session_t *session, coap_pdu_type_t type, unsigned int number) {
  char token[9];
  snprintf(token, sizeof(token), "%x", number);
  return coap_send(session, request_for(session, type, COAP_REQUEST_GET, "x", token)) != COAP_INVALID_MID;
}

static void
gone_and_back(void) {
  show("-- a server that goes and comes back");
  coap_endpoint_t *endpoint = serve_at_path();
  coap_session_t *session = connect_from("c");
  NEED(send_get(session, COAP_MESSAGE_CON, 1));
  BOTH_UNTIL(answered == 1, 3000);
  show("answered: %u", answered);
  coap_free_endpoint(endpoint);
  int sent = send_get(session, COAP_MESSAGE_CON, 2);
  BOTH_UNTIL(nacks > 0, 200);
  mend("gone", "sent 1, nacks 1, reason 4", "sent %d, nacks %u, reason %d", sent, nacks, reason);
  endpoint = serve_at_path();
  sent = send_get(session, COAP_MESSAGE_NON, 3);
  BOTH_UNTIL(answered == 2, 200);
  mend("back", "sent 1, answered 2", "sent %d, answered %u", sent, answered);
  /* What is under way at the end keeps the session for a while; the contexts are new for what follows. */
  coap_session_release(session);
}

static void
start(void) {
  server = coap_new_context(NULL);
  client = coap_new_context(NULL);
  NEED(server && client);
  coap_register_response_handler(client, on_response);
  coap_register_nack_handler(client, on_nack);
  resource_with(server, "x", 0, COAP_REQUEST_GET, handle);
  watched = resource_with(server, "w", COAP_RESOURCE_FLAGS_NOTIFY_CON, COAP_REQUEST_GET, handle);
  coap_resource_set_get_observable(watched, 1);
  handled = answered = nacks = 0;
}

static void
stop(void) {
  coap_free_context(client);
  coap_free_context(server);
}

static void
burst(void) {
  show("-- many requests at once");
  serve_at_path();
  coap_session_t *session = connect_from("c");
  for (unsigned int i = 0; i < 100; i++)
    send_get(session, COAP_MESSAGE_NON, i);
  BOTH_UNTIL(answered == 100, on_reference() ? 100 : 5000);
  mend("burst", "handled 100, answered 100", "handled %u, answered %u", handled, answered);
  coap_session_release(session);
}

static void
stuck(void) {
  datagram_t request = from_hex("51 01 0000 aa b1 78");
  uint8_t bytes[64];
  show("-- a peer that does not read");
  serve_at_path();
  coap_session_t *session = connect_from("c");
  int fd = bare_socket(SOCK_DGRAM, at("stuck"));
  for (unsigned int i = 0; i < 40; i++) {
    request.bytes[3] = (uint8_t)i;
    send_bytes(fd, at("s"), request.bytes, request.length);
    turn();
  }
  show("handled: %u", handled);
  NEED(send_get(session, COAP_MESSAGE_CON, 1));
  BOTH_UNTIL(answered == 1, 3000);
  show("another is answered: %u", answered);
  unsigned int got = 0;
  BOTH_UNTIL(0, 400);
  while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
    got++;
  show("it has got some: %d", got > 0 && got < 40);
  request.bytes[3] = 99;
  send_bytes(fd, at("s"), request.bytes, request.length);
  turn();
  show("and is answered again: %d", recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0);
  close(fd);
  unlink(at("stuck"));
  coap_session_release(session);
}

static void
observer(void) {
  datagram_t request = from_hex("41 01 0001 aa 60 51 77");
  show("-- an observer that goes");
  serve_at_path();
  int fd = bare_socket(SOCK_DGRAM, at("o"));
  send_bytes(fd, at("s"), request.bytes, request.length);
  turn();
  show("handled: %u", handled);
  close(fd);
  unlink(at("o"));
  coap_resource_notify_observers(watched, NULL);
  for (int i = 0; i < 20; i++)
    turn();
  mend("observer", "handled 2", "handled %u", handled);
}

int
main(void) {
  static void (*const parts[])(void) = {gone_and_back, burst, stuck, observer};
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  enter_directory();
  for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
    start();
    parts[i]();
    stop();
  }
  leave_directory();
  coap_cleanup();
  return 0;
}
