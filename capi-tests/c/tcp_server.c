/* A server over TCP: the order of its events as peers come, talk and go, how long its sessions live, and its
 * endpoints.
 *
 * mend idle_sessions: coap_context_set_max_idle_sessions() has no effect on sessions over TCP on the reference. Ours
 *   closes the one that has been idle for longest.
 * mend handshake_sessions: nor has coap_context_set_max_handshake_sessions() there. Ours closes the oldest of those
 *   whose peers have said nothing yet. */
#include "stream.h"

static coap_context_t *context;
static coap_endpoint_t *endpoint;
static coap_resource_t *resource;
static stream_t peer;
static uint16_t port;
static coap_session_t *held;
static int hold;

static void
handle(coap_resource_t *at UNUSED, coap_session_t *session, const coap_pdu_t *request,
       const coap_string_t *query UNUSED, coap_pdu_t *response) {
  show("  handler: %s, %s, mid %d, its response %s, mid %d, state %s", code_text(coap_pdu_get_code(request)),
       type_text(coap_pdu_get_type(request)), coap_pdu_get_mid(request), type_text(coap_pdu_get_type(response)),
       coap_pdu_get_mid(response), state_text(session));
  if (hold)
    held = coap_session_reference(session);
  hold = 0;
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  coap_add_data(response, 2, (const uint8_t *)"hi");
}

static void
begin(const char *title) {
  show("-- %s", title);
  memset(&seen, 0, sizeof(seen));
  peer = stream_connect(port);
  stream_expect(&peer, context, "peer gets");
}

static void
establish(const char *title) {
  begin(title);
  stream_send_hex(&peer, "00 e1");
  RUN_UNTIL(context, seen.event == COAP_EVENT_SESSION_CONNECTED, 3000);
}

/* The peer closes, and the session goes with it. */
static void
end(void) {
  show("the peer closes");
  stream_finish(&peer);
  RUN_UNTIL(context, seen.gone, 3000);
  stream_close(&peer);
}

/* A session of which the application holds a reference. */
static void
establish_held(const char *title) {
  establish(title);
  hold = 1;
  stream_ask(&peer, context, "GET", "22 01 746b b1 72");
}

static void
conversations(void) {
  establish("a conversation");
  stream_ask(&peer, context, "GET", "22 01 746b b1 72");
  stream_ask(&peer, context, "GET, another path", "22 01 746b b1 78");
  stream_ask(&peer, context, "POST, a method without a handler", "22 02 746b b1 72");
  stream_ask(&peer, context, "DELETE, another path", "22 04 746b b1 78");
  stream_ask(&peer, context, "GET, an unknown critical option", "62 01 746b b1 72 e1 25f7 7a");
  stream_ask(&peer, context, "GET, no token", "20 01 b1 72");
  stream_ask(&peer, context, "GET, a token of 8", "28 01 0102030405060708 b1 72");
  stream_ask(&peer, context, "three at once", "21 01 61 b1 72 21 01 62 b1 72 21 01 63 b1 78");
  end();

  begin("a request before the CSM");
  stream_send_hex(&peer, "22 01 746b b1 72");
  RUN_UNTIL(context, stream_ready(&peer), 100);
  show("before: %s", stream_take(&peer, MASK_NONE));
  stream_send_hex(&peer, "00 e1");
  stream_expect(&peer, context, "after");
  end();

  begin("a request before the CSM, which never comes");
  stream_send_hex(&peer, "22 01 746b b1 72");
  RUN_UNTIL(context, stream_ready(&peer), 100);
  end();

  begin("nothing at all");
  end();

  establish("a reset");
  stream_reset(&peer);
  RUN_UNTIL(context, seen.gone, 3000);
  stream_close(&peer);
}

static void
holding(void) {
  establish_held("the peer closes, the application holds the session");
  stream_finish(&peer);
  RUN_UNTIL(context, seen.event == COAP_EVENT_SESSION_CLOSED, 3000);
  stream_expect(&peer, context, "peer gets");
  show("state %s", state_text(held));
  SHOW(coap_send(held, request_for(held, COAP_MESSAGE_CON, COAP_REQUEST_GET, "x", "t1")));
  show("released");
  coap_session_release(held);
  RUN_UNTIL(context, seen.gone, 3000);
  stream_close(&peer);

  establish_held("coap_session_disconnected");
  coap_session_disconnected(held, COAP_NACK_RST);
  show("state %s", state_text(held));
  stream_expect(&peer, context, "peer gets");
  coap_session_release(held);
  RUN_UNTIL(context, seen.gone, 3000);
  stream_close(&peer);

  establish_held("the server asks");
  SHOW(coap_send(held, request_for(held, COAP_MESSAGE_CON, COAP_REQUEST_GET, "x", "t1")));
  SHOW(coap_session_send_ping(held));
  stream_expect(&peer, context, "peer gets");
  stream_expect(&peer, context, "peer gets");
  stream_send_hex(&peer, "00 e3 22 45 7431 ff61");
  RUN_UNTIL(context, seen.responses == 1, 3000);
  coap_session_release(held);
  end();

  establish_held("it becomes a client's");
  SHOW(coap_session_set_type_client(held));
  SHOW(coap_session_get_type(held));
  SHOW(coap_send(held, request_for(held, COAP_MESSAGE_CON, COAP_REQUEST_GET, "x", "t1")));
  stream_expect(&peer, context, "peer gets");
  stream_send_hex(&peer, "22 45 7431 ff61");
  RUN_UNTIL(context, seen.responses == 1, 3000);
  coap_session_release(held);
  show("the peer closes");
  stream_finish(&peer);
  RUN_UNTIL(context, seen.event == COAP_EVENT_SESSION_CLOSED, 3000);
  coap_session_release(held);
  stream_close(&peer);
}

static void
idle(void) {
  coap_context_set_session_timeout(context, 1);
  establish("idle for too long");
  stream_ask(&peer, context, "GET", "22 01 746b b1 72");
  RUN_UNTIL(context, seen.gone, 4000);
  stream_expect(&peer, context, "peer gets");
  stream_close(&peer);

  begin("idle for too long, no CSM");
  watch_nothing(context);
  stream_expect(&peer, context, "peer gets");
  stream_close(&peer);
  watch(context);
  coap_register_pong_handler(context, watch_pong);
  coap_context_set_session_timeout(context, 0);
}

static void
one_idle(void) {
  stream_t peers[3];
  char open[4] = "";
  show("-- one idle session is allowed");
  coap_context_set_max_idle_sessions(context, 1);
  watch_nothing(context);
  for (int i = 0; i < 3; i++) {
    peers[i] = stream_connect(port);
    stream_expect(&peers[i], context, "peer gets");
    stream_ask(&peers[i], context, "GET", "00 e1 22 01 746b b1 72");
  }
  RUN_FOR(context, 50);
  for (int i = 0; i < 3; i++) {
    stream_pull(&peers[i]);
    open[i] = peers[i].ended ? '-' : '+';
    stream_close(&peers[i]);
  }
  RUN_FOR(context, 50);
  mend("idle_sessions", "--+", "%s", open);
  watch(context);
  coap_register_pong_handler(context, watch_pong);
  coap_context_set_max_idle_sessions(context, 0);
}

/* Peers that connect and say nothing, while one that does is served. */
static void
half_open(void) {
  stream_t peers[4], honest;
  char open[5] = "";
  show("-- two connections without a CSM are allowed");
  coap_context_set_max_handshake_sessions(context, 2);
  watch_nothing(context);
  honest = stream_connect(port);
  stream_expect(&honest, context, "peer gets");
  stream_send_hex(&honest, "00 e1");
  for (int i = 0; i < 4; i++) {
    peers[i] = stream_connect(port);
    stream_expect(&peers[i], context, "peer gets");
  }
  stream_ask(&honest, context, "GET", "22 01 746b b1 72");
  for (int i = 0; i < 4; i++) {
    stream_pull(&peers[i]);
    open[i] = peers[i].ended ? '-' : '+';
    stream_close(&peers[i]);
  }
  stream_close(&honest);
  RUN_FOR(context, 50);
  mend("handshake_sessions", "--++", "%s", open);
  watch(context);
  coap_register_pong_handler(context, watch_pong);
  coap_context_set_max_handshake_sessions(context, 0);
}

static void
endpoints(void) {
  coap_address_t address = loopback(port);
  coap_context_t *other = coap_new_context(NULL);
  coap_endpoint_t *udp;
  show("-- endpoints");
  udp = coap_new_endpoint(context, &address, COAP_PROTO_UDP);
  show("UDP on the port of TCP: %s", udp ? "something" : "NULL");
  coap_free_endpoint(udp);
  show("TCP on it: %s", coap_new_endpoint(context, &address, COAP_PROTO_TCP) ? "something" : "NULL");
  show("TCP on it, another context: %s", coap_new_endpoint(other, &address, COAP_PROTO_TCP) ? "something" : "NULL");
  coap_free_context(other);

  establish("an endpoint goes while it has a session");
  coap_free_endpoint(endpoint);
  stream_expect(&peer, context, "peer gets");
  stream_close(&peer);
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  context = coap_new_context(NULL);
  watch(context);
  coap_register_pong_handler(context, watch_pong);
  port = serve_stream(context, &endpoint);
  resource = resource_with(context, "r", 0, COAP_REQUEST_GET, handle);
  conversations();
  holding();
  idle();
  one_idle();
  half_open();
  endpoints();
  coap_free_context(context);
  coap_cleanup();
  return 0;
}
