/* Server sessions: their events, how long they live, who goes first when there are too many, and what the
 * application can do with one.
 *
 * mend type_client: the reference lets a server session over UDP be made a client's and then refuses to send
 *   requests on it. Ours sends them. */
#include "peer.h"

enum { PEERS = 4 };

static coap_context_t *context;
static peer_t peers[PEERS];
static coap_session_t *sessions[PEERS]; /* who is known, by peer */
static int news, dels;
static int reference_new_ones;

static int
peer_number(const coap_session_t *session) {
  uint16_t port = coap_address_get_port(coap_session_get_addr_remote(session));
  for (int i = 0; i < PEERS; i++)
    if (peers[i].port == port)
      return i;
  return -1;
}

static int
on_event(coap_session_t *session, const coap_event_t event) {
  int number = peer_number(session);
  show("  event %#x of peer %d, app data %s, type %d, state %d", (unsigned int)event, number,
       coap_session_get_app_data(session) ? "something" : "NULL", (int)coap_session_get_type(session),
       (int)coap_session_get_state(session));
  if (event == COAP_EVENT_SERVER_SESSION_NEW) {
    news++;
    sessions[number] = session;
    coap_session_set_app_data(session, &peers[number]);
    if (reference_new_ones)
      coap_session_reference(session);
  } else if (event == COAP_EVENT_SERVER_SESSION_DEL) {
    dels++;
    sessions[number] = NULL;
  }
  return 0;
}

static coap_response_t
on_response(coap_session_t *session, const coap_pdu_t *sent, const coap_pdu_t *received, const coap_mid_t mid UNUSED) {
  coap_bin_const_t token = coap_pdu_get_token(received);
  show("  response %s of peer %d, token %.*s, sent %s", type_text(coap_pdu_get_type(received)), peer_number(session),
       (int)token.length, (const char *)token.s, sent ? "something" : "NULL");
  return COAP_RESPONSE_OK;
}

static void
open_peers(uint16_t port) {
  for (int i = 0; i < PEERS; i++) {
    if (peers[i].fd > 0)
      peer_close(&peers[i]);
    peers[i] = peer_open(port);
  }
}

/* Peer `number` asks, and has its answer. */
static void
touch(int number) {
  datagram_t answer;
  static unsigned int mid = 0x100;
  struct sockaddr_in server = peers[number].other;
  show("  peer %d asks", number);
  RUN_FOR(context, 20); /* so that the last uses of two peers differ on a clock of milliseconds */
  peer_send_mid(&peers[number], "41 01 ???? aa b1 7e", ++mid);
  NEED(peer_receive(&peers[number], context, &answer, 3000));
  peers[number].other = server;
}

static void
start(uint16_t *port, coap_endpoint_t **endpoint) {
  context = coap_new_context(NULL);
  NEED(context);
  add_probe(context);
  coap_register_event_handler(context, on_event);
  *port = serve(context, endpoint);
  open_peers(*port);
  news = dels = 0;
  memset(sessions, 0, sizeof(sessions));
}

static void
expiry(void) {
  uint16_t port;
  show("-- idle for longer than the session timeout");
  start(&port, NULL);
  coap_context_set_session_timeout(context, 1);
  touch(0);
  RUN_FOR(context, 500);
  show("  gone after 500 ms: %d", dels);
  touch(0);
  int64_t again = now_ms();
  RUN_UNTIL(context, dels, 4000);
  show("  news %d, gone %d", news, dels);
  show("  not before 1 s from the last message: %d, and soon after: %d", now_ms() - again >= 900,
       now_ms() - again <= 2200);
  touch(0);
  show("  news %d, gone %d", news, dels);
  coap_free_context(context);

  show("-- a referenced session stays");
  start(&port, NULL);
  coap_context_set_session_timeout(context, 1);
  reference_new_ones = 1;
  touch(0);
  reference_new_ones = 0;
  RUN_FOR(context, 1600);
  show("  gone: %d", dels);
  coap_session_release(sessions[0]);
  RUN_UNTIL(context, dels, 4000);
  show("  gone after its release: %d", dels);
  coap_free_context(context);
}

static void
eviction(void) {
  uint16_t port;
  show("-- at most two idle ones");
  start(&port, NULL);
  coap_context_set_max_idle_sessions(context, 2);
  touch(0);
  touch(1);
  touch(0);
  touch(2);
  touch(3);
  show("  news %d, gone %d", news, dels);
  show("-- the end of the context");
  coap_free_context(context);

  show("-- at most one idle one, and the first is referenced");
  start(&port, NULL);
  coap_context_set_max_idle_sessions(context, 1);
  reference_new_ones = 1;
  touch(0);
  reference_new_ones = 0;
  touch(1);
  touch(2);
  touch(0);
  show("  news %d, gone %d", news, dels);
  coap_session_release(sessions[0]);
  touch(3);
  show("  news %d, gone %d", news, dels);
  coap_free_context(context);
}

static void
own_use(void) {
  uint16_t port;
  datagram_t datagram;
  char expected[64];
  coap_endpoint_t *endpoint;
  start(&port, &endpoint);
  show("-- what a server session tells");
  snprintf(expected, sizeof(expected), "127.0.0.1:%u UDP", port);
  show("  coap_endpoint_str is address, port and protocol: %d", strstr(coap_endpoint_str(endpoint), expected) != NULL);
  touch(0);
  coap_address_t remote = loopback(peers[0].port);
  coap_session_t *session = sessions[0];
  SHOW(coap_session_get_by_peer(context, &remote, coap_session_get_ifindex(session)) == session);
  SHOW(coap_session_get_ifindex(session) != 0);
  SHOW(coap_session_get_proto(session));
  SHOW(coap_address_get_port(coap_session_get_addr_local(session)) == port);
  SHOW(coap_address_equals(coap_session_get_addr_remote(session), &remote));
  SHOW_PTR(coap_session_get_addr_mcast(session));
  SHOW(coap_session_get_context(session) == context);
  SHOW(coap_session_max_pdu_size(session));

  show("-- the server sends of its own accord");
  coap_pdu_t *pdu = coap_pdu_init(COAP_MESSAGE_NON, COAP_RESPONSE_CODE(205), 0x1111, 100);
  coap_add_token(pdu, 2, (const uint8_t *)"tk");
  SHOW(coap_send(session, pdu));
  peer_expect(&peers[0], context, "  <", MASK_NONE, 500, &datagram);
  pdu = coap_pdu_init(COAP_MESSAGE_CON, COAP_RESPONSE_CODE(205), 0x1112, 100);
  coap_add_token(pdu, 2, (const uint8_t *)"tk");
  SHOW(coap_send(session, pdu));
  peer_expect(&peers[0], context, "  <", MASK_NONE, 500, &datagram);
  peer_send_hex(&peers[0], "60 00 1112");
  RUN_UNTIL(context, coap_can_exit(context), 1000);
  SHOW(coap_can_exit(context));
  pdu = coap_pdu_init(COAP_MESSAGE_NON, COAP_REQUEST_CODE_GET, 0x1113, 100);
  show("  a request: %d", coap_send(session, pdu));
  peer_expect(&peers[0], context, "  <", MASK_NONE, 100, &datagram);

  show("-- and has its answers");
  coap_register_response_handler(context, on_response);
  coap_send(session, request_for(session, COAP_MESSAGE_NON, COAP_REQUEST_GET, "r", "n1"));
  NEED(peer_expect(&peers[0], context, "  <", MASK_MID, 500, &datagram));
  ask(&peers[0], context, "  <", "52 45 2201 6e31 ff 70", MASK_NONE);
  coap_send(session, request_for(session, COAP_MESSAGE_CON, COAP_REQUEST_GET, "r", "c1"));
  NEED(peer_expect(&peers[0], context, "  <", MASK_MID, 500, &datagram));
  peer_send_mid(&peers[0], "60 00 ????", mid_of(&datagram));
  ask(&peers[0], context, "  <", "42 45 2202 6331 ff 70", MASK_NONE);
  coap_send(session, request_for(session, COAP_MESSAGE_CON, COAP_REQUEST_GET, "r", "c2"));
  NEED(peer_expect(&peers[0], context, "  <", MASK_MID, 500, &datagram));
  peer_send_mid(&peers[0], "62 45 ???? 6332 ff 70", mid_of(&datagram));
  RUN_UNTIL(context, coap_can_exit(context), 1000);
  SHOW(coap_can_exit(context));

  show("-- as a client");
  SHOW(coap_session_set_type_client(session));
  SHOW(coap_session_get_type(session));
  pdu = coap_pdu_init(COAP_MESSAGE_NON, COAP_REQUEST_CODE_GET, 0x1114, 100);
  coap_send(session, pdu);
  mend("type_client", "sent", "%s", peer_receive(&peers[0], context, &datagram, 300) ? "sent" : "not sent");
  coap_session_release(session);
  coap_free_context(context);

  show("-- disconnected");
  start(&port, &endpoint);
  touch(0);
  coap_session_disconnected(sessions[0], COAP_NACK_NOT_DELIVERABLE);
  show("  known: %d", sessions[0] != NULL);
  if (sessions[0])
    SHOW(coap_session_get_state(sessions[0]));
  touch(1);
  show("  known: %d", sessions[0] != NULL);
  touch(0);
  coap_free_context(context);

  show("-- the end of an endpoint");
  start(&port, &endpoint);
  touch(0);
  touch(1);
  coap_free_endpoint(endpoint);
  show("  gone %d", dels);
  coap_free_endpoint(NULL);
  coap_free_context(context);
}

static void
endpoints(void) {
  coap_address_t address = loopback(free_port()), away = address;
  context = coap_new_context(NULL);
  show("-- endpoints");
  SHOW_PTR(coap_new_endpoint(context, &address, COAP_PROTO_DTLS));
  SHOW_PTR(coap_new_endpoint(context, &address, COAP_PROTO_TLS));
  away.addr.sin.sin_addr.s_addr = htonl(0xc0000201);
  SHOW_PTR(coap_new_endpoint(context, &away, COAP_PROTO_UDP));
  address.addr.sin.sin_port = 0;
  coap_endpoint_t *endpoint = coap_new_endpoint(context, &address, COAP_PROTO_UDP);
  SHOW_PTR(endpoint);
  coap_endpoint_set_default_mtu(endpoint, 600);
  SHOW_PTR(coap_endpoint_str(endpoint));
  SHOW(coap_can_exit(context));
  coap_free_context(context);
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  expiry();
  eviction();
  own_use();
  endpoints();
  for (int i = 0; i < PEERS; i++)
    peer_close(&peers[i]);
  coap_cleanup();
  return 0;
}
