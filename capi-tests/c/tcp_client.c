/* A client over TCP: its states, and the order of events and nacks as it connects, talks, and loses the connection in
 * each state.
 *
 * mend unanswered: when a connection is lost, the reference calls the nack handler once, however many requests have no
 *   answer. Ours calls it for each of them, with what was sent.
 * mend csm_timeout: on the reference the time-out for the CSM passes only while coap_new_pdu() or coap_send() waits; in
 *   the loop alone a session stays in CSM, and what was sent on it waits, for as long as the peer says nothing. Ours
 *   goes on after the time-out wherever the time is spent.
 * mend undelivered: coap_send() waits for the connection. When that fails, the reference says that the request was sent,
 *   and hands it back when the session is released. Ours says that it was not. */
#include "stream.h"

static coap_context_t *context;
static stream_t peer;
static coap_session_t *session;

static void
state(const char *label) {
  show("%s: state %s", label, state_text(session));
}

/* A session to the peer. Nothing of it has been processed. */
static void
begin(const char *title) {
  coap_address_t address;
  show("-- %s", title);
  memset(&seen, 0, sizeof(seen));
  peer = stream_listen();
  address = loopback(peer.port);
  session = coap_new_client_session(context, NULL, &address, COAP_PROTO_TCP);
  NEED(session);
}

static void
connect_only(const char *title) {
  begin(title);
  stream_accept(&peer);
  RUN_UNTIL(context, seen.events == 1, 3000);
  stream_expect(&peer, context, "peer gets");
}

static void
establish(const char *title) {
  connect_only(title);
  stream_send_hex(&peer, "00 e1");
  RUN_UNTIL(context, seen.events == 2, 3000);
  state("established");
}

static void
end(void) {
  coap_session_release(session);
  if (peer.fd >= 0)
    stream_expect(&peer, context, "released, peer gets");
  stream_close(&peer);
}

static void
get(coap_pdu_type_t type, const char *token) {
  coap_pdu_t *request = request_for(session, type, COAP_REQUEST_GET, "r", token);
  show("coap_send: %d", coap_send(session, request));
}

/* A request that has a message id, made without a session to ask. */
static coap_pdu_t *
request_with_mid(coap_mid_t mid, coap_pdu_type_t type) {
  coap_pdu_t *request = coap_pdu_init(type, COAP_REQUEST_CODE_GET, mid, 1000);
  NEED(request && coap_add_token(request, 1, (const uint8_t *)"t"));
  return request;
}

static void
talk(void) {
  coap_pdu_t *request;
  begin("a conversation");
  state("made");
  SHOW(coap_session_get_proto(session));
  SHOW(coap_session_get_type(session));
  show("local port is known: %d", coap_address_get_port(coap_session_get_addr_local(session)) != 0);
  stream_accept(&peer);
  RUN_UNTIL(context, seen.events == 1, 3000);
  state("connected");
  show("local port is known: %d", coap_address_get_port(coap_session_get_addr_local(session)) != 0);
  stream_expect(&peer, context, "peer gets");
  stream_send_hex(&peer, "00 e1");
  RUN_UNTIL(context, seen.events == 2, 3000);
  state("established");
  request = request_for(session, COAP_MESSAGE_CON, COAP_REQUEST_GET, "r", "t1");
  show("made: mid %d, %s", coap_pdu_get_mid(request), type_text(coap_pdu_get_type(request)));
  SHOW(coap_send(session, request));
  stream_expect(&peer, context, "peer gets");
  stream_send_hex(&peer, "22 45 7431 ff61");
  RUN_UNTIL(context, seen.responses == 1, 3000);
  show("a type and a message id of one's own");
  request = request_for(session, COAP_MESSAGE_NON, COAP_REQUEST_GET, "r", "t2");
  coap_pdu_set_mid(request, 55);
  coap_pdu_set_type(request, COAP_MESSAGE_ACK);
  show("made: mid %d, %s", coap_pdu_get_mid(request), type_text(coap_pdu_get_type(request)));
  SHOW(coap_send(session, request));
  stream_expect(&peer, context, "peer gets");
  stream_send_hex(&peer, "02 84 7432");
  RUN_UNTIL(context, seen.responses == 2, 3000);
  show("a Ping");
  SHOW(coap_session_send_ping(session));
  stream_expect(&peer, context, "peer gets");
  stream_send_hex(&peer, "00 e3");
  RUN_UNTIL(context, seen.pongs == 1, 3000);
  end();
}

static void
early_end(void) {
  begin("released at once");
  stream_accept(&peer);
  end();
  connect_only("released before the CSM");
  SHOW(coap_session_send_ping(session));
  end();

  connect_only("the peer closes before its CSM");
  stream_finish(&peer);
  RUN_UNTIL(context, seen.events == 3, 3000);
  state("after");
  stream_expect(&peer, context, "peer gets");
  SHOW(coap_session_send_ping(session));
  end();

  connect_only("the peer resets before its CSM");
  stream_reset(&peer);
  RUN_UNTIL(context, seen.events == 3, 3000);
  state("after");
  end();
}

static void
late_end(void) {
  establish("the peer closes, nothing is outstanding");
  stream_finish(&peer);
  RUN_UNTIL(context, seen.events == 4, 3000);
  state("after");
  get(COAP_MESSAGE_CON, "t1");
  end();

  establish("the peer answers and closes");
  get(COAP_MESSAGE_CON, "t1");
  stream_expect(&peer, context, "peer gets");
  stream_send_hex(&peer, "22 45 7431 ff61");
  stream_finish(&peer);
  RUN_UNTIL(context, seen.events == 4, 3000);
  end();

  establish("the peer closes amid a message");
  stream_send_hex(&peer, "22 45 7431 ff");
  stream_finish(&peer);
  RUN_UNTIL(context, seen.events == 4, 3000);
  end();
}

/* Two requests without an answer, and what becomes of them. */
static void
unanswered(const char *title, void (*lose)(void)) {
  establish(title);
  get(COAP_MESSAGE_CON, "t1");
  get(COAP_MESSAGE_NON, "t2");
  stream_expect(&peer, context, "peer gets");
  stream_expect(&peer, context, "peer gets");
  coap_register_nack_handler(context, collect_nack);
  nacks_text[0] = '\0';
  lose();
  RUN_UNTIL(context, seen.events == 4, 3000);
  mend("unanswered", "NOT_DELIVERABLE 0.01, NOT_DELIVERABLE 0.01", "%s", nacks_text);
  coap_register_nack_handler(context, watch_nack);
  end();
}

static void
lose_by_end(void) {
  stream_finish(&peer);
}

static void
lose_by_reset(void) {
  stream_reset(&peer);
}

static void
lose_by_application(void) {
  coap_session_disconnected(session, COAP_NACK_NOT_DELIVERABLE);
}

static void
disconnected(void) {
  connect_only("coap_session_disconnected before the CSM");
  coap_session_disconnected(session, COAP_NACK_NOT_DELIVERABLE);
  state("after");
  stream_expect(&peer, context, "peer gets");
  end();

  establish("coap_session_disconnected");
  coap_session_disconnected(session, COAP_NACK_TOO_MANY_RETRIES);
  state("after");
  stream_expect(&peer, context, "peer gets");
  get(COAP_MESSAGE_CON, "t2");
  end();
}

static void
refused(void) {
  coap_address_t address = loopback(free_port());
  coap_pdu_t *request;
  coap_mid_t mid;
  show("-- nobody listens");
  memset(&seen, 0, sizeof(seen));
  session = coap_new_client_session(context, NULL, &address, COAP_PROTO_TCP);
  SHOW_PTR(session);
  state("made");
  RUN_UNTIL(context, seen.events == 2, 3000);
  state("after");
  get(COAP_MESSAGE_CON, "t1");
  coap_session_release(session);

  show("-- nobody listens, which coap_new_pdu finds");
  memset(&seen, 0, sizeof(seen));
  session = coap_new_client_session(context, NULL, &address, COAP_PROTO_TCP);
  request = coap_new_pdu(COAP_MESSAGE_CON, COAP_REQUEST_CODE_GET, session);
  SHOW_PTR(request);
  state("after");
  SHOW(coap_send(session, request));
  coap_session_release(session);

  show("-- nobody listens, which coap_send finds");
  memset(&seen, 0, sizeof(seen));
  coap_register_nack_handler(context, collect_nack);
  nacks_text[0] = '\0';
  session = coap_new_client_session(context, NULL, &address, COAP_PROTO_TCP);
  mid = coap_send(session, request_with_mid(77, COAP_MESSAGE_CON));
  state("after");
  coap_session_release(session);
  mend("undelivered", "sent as -1, NOT_DELIVERABLE NULL", "sent as %d, %s", mid, nacks_text);
  coap_register_nack_handler(context, watch_nack);
}

/* Sends from the event of the connection, before the peer's CSM can have come. What is told is not shown: the
 * reference waits in vain there, for 5 s, before it puts the request aside. */
static int send_in_handler;

static int
send_when_connected(coap_session_t *at, const coap_event_t event) {
  seen.events++;
  if (event == COAP_EVENT_TCP_CONNECTED && send_in_handler) {
    coap_pdu_t *first = request_with_mid(100, COAP_MESSAGE_CON);
    coap_pdu_t *second = coap_pdu_init(COAP_MESSAGE_NON, COAP_REQUEST_CODE_GET, 101, 1000);
    send_in_handler = 0;
    coap_add_token(second, 1, (const uint8_t *)"u");
    SHOW(coap_send(at, first));
    SHOW(coap_send(at, second));
  }
  return 0;
}

static void
early(void) {
  coap_register_event_handler(context, send_when_connected);
  send_in_handler = 1;
  begin("sent from the event of the connection");
  stream_accept(&peer);
  RUN_UNTIL(context, seen.events > 0, 8000);
  stream_expect(&peer, context, "peer gets");
  stream_send_hex(&peer, "00 e1");
  stream_expect(&peer, context, "peer gets");
  stream_expect(&peer, context, "peer gets");
  state("after");
  end();
  coap_register_event_handler(context, watch_event);
}

static void
csm_timeout(void) {
  coap_context_set_csm_timeout_ms(context, 100);
  begin("no CSM comes: coap_new_pdu waits for the time-out");
  get(COAP_MESSAGE_CON, "t1");
  state("after");
  stream_accept(&peer);
  stream_expect(&peer, context, "peer gets");
  stream_expect(&peer, context, "peer gets");
  show("the CSM, late");
  stream_send_hex(&peer, "40 e1 22 1000 20 22 45 7431 ff61");
  RUN_UNTIL(context, seen.responses == 1, 3000);
  SHOW(coap_session_max_pdu_size(session));
  end();

  begin("no CSM comes: coap_send waits for the time-out");
  SHOW(coap_send(session, request_with_mid(7, COAP_MESSAGE_CON)));
  state("after");
  stream_accept(&peer);
  stream_expect(&peer, context, "peer gets");
  stream_expect(&peer, context, "peer gets");
  end();

  show("-- no CSM comes: the loop");
  peer = stream_listen();
  {
    coap_address_t address = loopback(peer.port);
    coap_register_event_handler(context, NULL);
    session = coap_new_client_session(context, NULL, &address, COAP_PROTO_TCP);
    RUN_UNTIL(context, coap_session_get_state(session) == COAP_SESSION_STATE_ESTABLISHED, 600);
    mend("csm_timeout", "ESTABLISHED", "%s", state_text(session));
    coap_register_event_handler(context, watch_event);
  }
  coap_session_release(session);
  stream_close(&peer);
  coap_context_set_csm_timeout_ms(context, 1000);
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  context = coap_new_context(NULL);
  watch(context);
  coap_register_pong_handler(context, watch_pong);
  talk();
  early_end();
  late_end();
  unanswered("the peer closes, two requests have no answer", lose_by_end);
  unanswered("the peer resets, two requests have no answer", lose_by_reset);
  unanswered("coap_session_disconnected, two requests have no answer", lose_by_application);
  disconnected();
  refused();
  early();
  csm_timeout();
  coap_free_context(context);
  coap_cleanup();
  return 0;
}
