/* Two bodies of one resource under way in one session, left in either order, at a server and at a client; and what becomes
 * of them when the resource, the session or the context goes in the middle. Each lent body comes back once. */
#include "block.h"

static coap_context_t *context;
static coap_resource_t *resource;
static coap_session_t *session;
static peer_t peer;
static int answered;
static char order[8];

static void
get(coap_resource_t *at, coap_session_t *from, const coap_pdu_t *request, const coap_string_t *query,
    coap_pdu_t *response) {
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  coap_add_data_large_response(at, from, request, response, query, COAP_MEDIATYPE_APPLICATION_OCTET_STREAM, -1, 0, 3000,
                               body, give_back, lend());
}

static void
begin(const char *title) {
  show("-- %s", title);
  context = coap_new_context(NULL);
  NEED(context);
  coap_context_set_block_mode(context, COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
  uint16_t port = serve(context, NULL);
  resource = resource_with(context, "a", 0, COAP_REQUEST_GET, get);
  add_probe(context);
  peer = peer_open(port);
}

static void
end(void) {
  ask(&peer, context, "still there", "4101 eeee fb b1 7e", MASK_NONE);
  peer_close(&peer);
  coap_free_context(context);
  show("  %u bodies lent, %u given back", lent, given_back);
}

/* Asks for a block of the body for a query: of 1,024 bytes. */
static void
block(char query, unsigned int number) {
  static uint16_t mid = 0x100;
  char text[64];
  datagram_t answer;
  snprintf(text, sizeof(text), "4201 ???? %02x00 b161 41%02x 81%02x", (unsigned int)query, (unsigned int)query,
           number << 4 | 6);
  peer_send_mid(&peer, text, ++mid);
  NEED(peer_receive(&peer, context, &answer, 3000));
  NEED(mid_of(&answer) == mid);
  snprintf(text, sizeof(text), "%c, block %u", query, number);
  show_wire(text, &answer);
}

static void
at_a_server(void) {
  begin("the first begun ends first");
  block('x', 0);
  block('y', 0);
  block('x', 1);
  block('x', 2);
  block('y', 1);
  block('y', 2);
  end();

  begin("the first begun ends last");
  block('x', 0);
  block('y', 0);
  block('y', 1);
  block('y', 2);
  block('x', 1);
  block('x', 2);
  end();

  begin("one is begun anew");
  block('x', 0);
  block('y', 0);
  block('x', 0);
  block('y', 1);
  block('x', 1);
  end();

  begin("the resource goes");
  block('x', 0);
  block('y', 0);
  coap_delete_resource(context, resource);
  end();

  begin("the context goes");
  block('x', 0);
  block('y', 0);
  end();
}

/* ---- a client and a server of one context ---- */

static coap_response_t
on_response(coap_session_t *from UNUSED, const coap_pdu_t *sent UNUSED, const coap_pdu_t *received,
            const coap_mid_t mid UNUSED) {
  size_t length = 0, offset, total;
  const uint8_t *data = NULL;
  coap_bin_const_t token = coap_pdu_get_token(received);
  coap_get_data_large(received, &length, &data, &offset, &total);
  NEED(length == 3000 && !memcmp(data, body, length) && token.length == 1);
  order[answered++] = (char)token.s[0];
  return COAP_RESPONSE_OK;
}

static void
ask_for(const char *token) {
  coap_pdu_t *pdu = request_for(session, COAP_MESSAGE_NON, COAP_REQUEST_GET, "a", token);
  coap_add_option(pdu, COAP_OPTION_URI_QUERY, 1, (const uint8_t *)token);
  NEED(coap_send(session, pdu) != COAP_INVALID_MID);
}

static void
begin_client(const char *title) {
  coap_address_t server;
  quiet = 1;
  begin(title);
  answered = 0;
  memset(order, 0, sizeof(order));
  server = loopback(ntohs(peer.other.sin_port));
  coap_register_response_handler(context, on_response);
  session = coap_new_client_session(context, NULL, &server, COAP_PROTO_UDP);
  NEED(session);
}

static void
at_a_client(void) {
  begin_client("three bodies at once");
  ask_for("p");
  ask_for("q");
  ask_for("r");
  RUN_UNTIL(context, answered == 3, 3000);
  show("  %d answers: %s", answered, strchr(order, 'p') && strchr(order, 'q') && strchr(order, 'r') ? "of each" : order);
  coap_session_release(session);
  end();

  begin_client("the session goes in the middle");
  ask_for("p");
  ask_for("q");
  coap_io_process(context, COAP_IO_NO_WAIT);
  coap_session_release(session);
  end();
}

int
main(void) {
  fill_body();
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  at_a_server();
  at_a_client();
  coap_cleanup();
  return 0;
}
