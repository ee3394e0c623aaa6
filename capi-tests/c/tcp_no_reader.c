/* A peer that does not read: what is to be sent waits, in its order, and how much of it there may be.
 *
 * mend client_queue: on the reference what a client sends to such a peer waits without a limit. Ours refuses more than
 *   16 MiB.
 * mend server_queue: the reference handles each request of a peer that reads no answer, and keeps all answers. Ours reads
 *   no further request until the answers are read. */
#include "stream.h"

static coap_context_t *context;
static stream_t peer;
static uint8_t body[100000];
static int handled;

static void
handle(coap_resource_t *at, coap_session_t *session, const coap_pdu_t *request, const coap_string_t *query,
       coap_pdu_t *response) {
  handled++;
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  coap_add_data_large_response(at, session, request, response, query, COAP_MEDIATYPE_APPLICATION_OCTET_STREAM, -1, 0,
                               sizeof(body), body, NULL, NULL);
}

/* Reads all that comes, and gives how many messages with this code there were. Each must be as it was sent: whole. */
static int
read_all(unsigned int code, int expected) {
  stream_message_t message;
  int messages = 0;
  int64_t end = now_ms() + 20000;
  while (messages < expected && !peer.ended && now_ms() < end) {
    coap_io_process(context, COAP_IO_NO_WAIT);
    stream_pull(&peer);
    while (stream_parse(&peer, &message)) {
      messages += message.code == code && message.total > sizeof(body);
      stream_take(&peer, MASK_NONE);
    }
  }
  return messages;
}

static coap_session_t *
connect_client(void) {
  coap_address_t address;
  coap_session_t *session;
  peer = stream_listen();
  address = loopback(peer.port);
  session = coap_new_client_session(context, NULL, &address, COAP_PROTO_TCP);
  NEED(session);
  stream_accept(&peer);
  stream_send_hex(&peer, "40 e1 23 800100");
  RUN_UNTIL(context, coap_session_get_state(session) == COAP_SESSION_STATE_ESTABLISHED, 3000);
  return session;
}

/* Sends PUTs with ids from 1 on, and gives how many were accepted. */
static int
put(coap_session_t *session, int count) {
  int accepted = 0;
  for (int i = 1; i <= count; i++) {
    uint8_t token[2] = {(uint8_t)(i >> 8), (uint8_t)i};
    coap_pdu_t *request = coap_new_pdu(COAP_MESSAGE_CON, COAP_REQUEST_CODE_PUT, session);
    coap_add_token(request, 2, token);
    coap_pdu_set_mid(request, i);
    coap_add_data(request, sizeof(body), body);
    accepted += coap_send(session, request) == i;
  }
  return accepted;
}

static int nacks, last_mid, in_order;

static void
count_nack(coap_session_t *session UNUSED, const coap_pdu_t *sent, const coap_nack_reason_t reason,
           const coap_mid_t mid) {
  in_order &= sent != NULL && reason == COAP_NACK_NOT_DELIVERABLE && mid > last_mid;
  last_mid = mid;
  nacks++;
}

static void
clients(void) {
  coap_session_t *session;
  int accepted;
  show("-- a client, and a peer that reads after all");
  session = connect_client();
  SHOW(put(session, 100));
  SHOW(coap_io_pending(context));
  SHOW(read_all(COAP_REQUEST_CODE_PUT, 100));
  coap_session_release(session);
  stream_close(&peer);

  show("-- a client that gives up");
  session = connect_client();
  SHOW(put(session, 100));
  in_order = 1;
  coap_session_disconnected(session, COAP_NACK_NOT_DELIVERABLE);
  show("the last one is handed back: %d, all in order: %d", last_mid == 100, in_order);
  coap_session_release(session);
  stream_close(&peer);

  show("-- a client that never gives up");
  session = connect_client();
  accepted = put(session, 1000);
  mend("client_queue", "limited", "%s", accepted == 1000 ? "all" : accepted > 150 && accepted < 400 ? "limited" : "?");
  coap_session_release(session);
  stream_close(&peer);
}

static void
server(uint16_t port) {
  int read, asked = 0;
  datagram_t request = from_hex("22 01 746b b172");
  show("-- a server, and a peer that asks and does not read");
  peer = stream_connect(port);
  stream_send_hex(&peer, "40 e1 23 800100");
  RUN_FOR(context, 20);
  for (int i = 0; i < 1000; i++) {
    asked += stream_offer(&peer, request.bytes, request.length) == request.length;
    coap_io_process(context, COAP_IO_NO_WAIT);
  }
  show("asked %d times", asked);
  mend("server_queue", "limited", "%s", handled == asked ? "all" : handled < 500 ? "limited" : "?");
  read = read_all(COAP_RESPONSE_CODE_CONTENT, asked);
  show("then reads %d answers", read);
  stream_close(&peer);
  RUN_FOR(context, 20);
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  context = coap_new_context(NULL);
  coap_register_nack_handler(context, count_nack);
  clients();
  uint16_t port = serve_stream(context, NULL);
  resource_with(context, "r", 0, COAP_REQUEST_GET, handle);
  server(port);
  coap_free_context(context);
  coap_cleanup();
  return 0;
}
