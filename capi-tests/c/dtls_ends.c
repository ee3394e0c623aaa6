/* How a DTLS session comes to its end: released, disconnected, closed by the other side, idle, its endpoint or context
 * freed, nobody there, a client that begins anew. */
#include "tls_relay.h"

/* mend told-once: coap_session_disconnected of the reference hands a message that was sent to the nack handler twice.
 * mend begins-anew: the reference leaves a client without answer that has lost its session and begins another from the same
 *   address, for as long as the old one stands. Ours asks it for a cookie, and replaces the old session (RFC 6347
 *   section 4.2.8). */

static coap_session_t *
begin(const char *name) {
  show("== %s", name);
  tls_begin();
  psk_server(COAP_PROTO_DTLS);
  return psk_client(COAP_PROTO_DTLS);
}

static coap_session_t *
begin_up(const char *name) {
  coap_session_t *session = begin(name);
  NEED(tls_talk(session));
  take(&tls_client);
  take(&tls_server);
  return session;
}

static void
in_handshake(void) {
  coap_session_t *session = begin("released in the handshake");
  SHOW(tls_get(session, "a"));
  SHOW(tls_get(session, "b"));
  coap_session_release(session);
  tell();
  tls_end();

  session = begin("disconnected in the handshake");
  SHOW(tls_get(session, "a"));
  SHOW(tls_get(session, "b"));
  coap_session_disconnected(session, COAP_NACK_NOT_DELIVERABLE);
  tell();
  show("state %s, send %d", state_text(coap_session_get_state(session)), tls_get(session, "c"));
  coap_session_release(session);
  tls_end();
  tell();

  session = begin("context freed in the handshake");
  SHOW(tls_get(session, "a"));
  tls_free(&tls_client);
  tell();
  tls_end();

  session = begin("server freed in the handshake");
  SHOW(tls_get(session, "a"));
  BOTH_UNTIL(tls_server.peer && coap_session_get_state(tls_server.peer) == COAP_SESSION_STATE_HANDSHAKE, 3000);
  tls_free(&tls_server);
  show("S: %s", take(&tls_server));
  coap_session_release(session);
  tls_end();
}

static void
connected(void) {
  coap_endpoint_t *endpoint;
  coap_session_t *session = begin_up("released");
  coap_session_release(session);
  BOTH_UNTIL(tls_server.sessions == 0, 3000);
  tell();
  tls_end();

  session = begin_up("disconnected by the client, nothing under way");
  coap_session_disconnected(session, COAP_NACK_NOT_DELIVERABLE);
  show("C: %s", take(&tls_client));
  BOTH_UNTIL(tls_server.sessions == 0, 3000);
  show("S: %s", take(&tls_server));
  show("state %s, send %d", state_text(coap_session_get_state(session)), tls_get(session, "b"));
  coap_session_release(session);
  tls_end();
  tell();

  session = begin_up("disconnected by the client, a request under way");
  SHOW(tls_get(session, "b"));
  tls_client.nacks = 0;
  coap_session_disconnected(session, COAP_NACK_RST);
  mend("told-once", "1 nack", "%d nack%s", tls_client.nacks, tls_client.nacks == 1 ? "" : "s");
  show("~ %s", take(&tls_client));
  coap_session_release(session);
  tls_end();

  session = begin_up("disconnected by the server");
  coap_session_disconnected(tls_server.peer, COAP_NACK_NOT_DELIVERABLE);
  BOTH_UNTIL(is_down(session) && tls_server.sessions == 0, 3000);
  tell();
  coap_session_release(session);
  tls_end();
  tell();

  session = begin_up("disconnected by the server, which holds it");
  coap_session_t *held = coap_session_reference(tls_server.peer);
  coap_session_disconnected(held, COAP_NACK_NOT_DELIVERABLE);
  BOTH_UNTIL(is_down(session), 3000);
  tell();
  show("held %s, tls %s", state_text(coap_session_get_state(held)), coap_session_get_tls(held, NULL) ? "something" : "NULL");
  coap_session_release(held);
  BOTH_UNTIL(tls_server.sessions == 0, 1000);
  tell();
  coap_session_release(session);
  tls_end();
  tell();

  show("== the endpoint is freed");
  tls_begin();
  endpoint = psk_server(COAP_PROTO_DTLS);
  session = psk_client(COAP_PROTO_DTLS);
  NEED(tls_talk(session));
  take(&tls_client);
  take(&tls_server);
  coap_free_endpoint(endpoint);
  BOTH_UNTIL(is_down(session), 3000);
  tell();
  coap_session_release(session);
  tls_end();
}

static void
idle(void) {
  coap_session_t *session;
  show("== idle");
  tls_begin();
  coap_context_set_session_timeout(tls_server.context, 1);
  psk_server(COAP_PROTO_DTLS);
  session = psk_client(COAP_PROTO_DTLS);
  NEED(tls_talk(session));
  take(&tls_client);
  take(&tls_server);
  BOTH_UNTIL(is_down(session), 4000);
  tell();
  coap_session_release(session);
  tls_end();

  show("== too many are idle");
  tls_begin();
  coap_context_set_max_idle_sessions(tls_server.context, 1);
  psk_server(COAP_PROTO_DTLS);
  session = psk_client(COAP_PROTO_DTLS);
  NEED(tls_talk(session));
  coap_session_t *second = psk_client(COAP_PROTO_DTLS);
  NEED(tls_talk(second));
  BOTH_UNTIL(is_down(session), 3000);
  show("first %s, second %s, sessions %d", state_text(coap_session_get_state(session)),
       state_text(coap_session_get_state(second)), tls_server.sessions);
  coap_session_release(session);
  tls_leave(second);
  tls_end();
}

/* A request over a session to a port where nobody is: the system says so, anybody could, and so the handshake goes on. */
static void
nobody_there(void) {
  coap_session_t *session;
  show("== nobody there");
  tls_begin();
  tls_port = free_port();
  session = psk_client(COAP_PROTO_DTLS);
  SHOW(tls_get(session, "a"));
  BOTH_UNTIL(tls_client.nacks == 1, 3000);
  tell();
  show("state %s", state_text(coap_session_get_state(session)));
  show("-- now somebody is");
  coap_address_t address = loopback(tls_port);
  NEED(coap_context_set_psk(tls_server.context, "hint", (const uint8_t *)"secret", 6) == 1);
  NEED(coap_new_endpoint(tls_server.context, &address, COAP_PROTO_DTLS));
  BOTH_UNTIL(tls_client.responses == 1, 4000);
  tell();
  tls_leave(session);
  tls_end();
}

/* For the server, the client is the relay, and so stays the same. */
static void
begins_anew(void) {
  relay_t relay;
  datagram_t farewell;
  coap_session_t *session = relay_begin(&relay, "a client is lost and begins anew from the same address");
  NEED(tls_get(session, "a"));
  RELAY_UNTIL(&relay, tls_client.responses == 1, 3000);
  tell();
  coap_session_release(session);
  NEED(peer_take(&relay.front, &farewell));
  take(&tls_client);
  show("-- anew");
  session = relayed_client(&relay);
  NEED(tls_get(session, "b"));
  RELAY_UNTIL(&relay, tls_client.responses == 2, on_reference() ? 300 : 3000);
  mend("begins-anew", "answered, 1 session", "%s, %d session%s", tls_client.responses == 2 ? "answered" : "no answer",
       tls_server.sessions, tls_server.sessions == 1 ? "" : "s");
  show("~ %s", take(&tls_server));
  relay_end(&relay, session);
}

/* Handlers that end the session they are told of. */
static coap_event_t end_in;

static int
on_event_that_ends(coap_session_t *session, coap_event_t event) {
  tls_on_event(session, event);
  if (event == end_in && coap_session_get_context(session) == tls_client.context)
    coap_session_disconnected(session, COAP_NACK_NOT_DELIVERABLE);
  return 0;
}

static void
ends_in_handler(void) {
  coap_session_t *session = begin("disconnected when it is told that it is connected");
  end_in = COAP_EVENT_DTLS_CONNECTED;
  coap_register_event_handler(tls_client.context, on_event_that_ends);
  SHOW(tls_get(session, "a"));
  BOTH_UNTIL(tls_client.connected && tls_server.sessions == 0, 3000);
  show("~ %s", state_text(coap_session_get_state(session)));
  tell();
  coap_session_release(session);
  tls_end();
  tell();
}

int
main(void) {
  coap_startup();
  in_handshake();
  connected();
  idle();
  nobody_there();
  begins_anew();
  ends_in_handler();
  coap_cleanup();
  return 0;
}
