/* Observe over TCP (RFC 8323 section 7): what goes to an observer, and when its registration ends; the client's side.
 *
 * mend cancel: without block mode coap_cancel_observe() does nothing on the reference. */
#include "stream.h"

static coap_context_t *context;
static coap_resource_t *resource;
static stream_t peer;
static uint16_t port;

static void
handle(coap_resource_t *at UNUSED, coap_session_t *session UNUSED, const coap_pdu_t *request,
       const coap_string_t *query UNUSED, coap_pdu_t *response) {
  show("  handler: %s, %s, its response %s", code_text(coap_pdu_get_code(request)),
       type_text(coap_pdu_get_type(request)), type_text(coap_pdu_get_type(response)));
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  coap_add_data(response, 1, (const uint8_t *)"o");
}

static void
add_resource(int flags) {
  resource = resource_with(context, "r", flags, COAP_REQUEST_GET, handle);
  coap_resource_set_get_observable(resource, 1);
}

static void
begin(const char *title) {
  show("-- %s", title);
  memset(&seen, 0, sizeof(seen));
  peer = stream_connect(port);
  stream_receive(&peer, context);
  stream_send_hex(&peer, "00 e1");
  RUN_UNTIL(context, seen.event == COAP_EVENT_SESSION_CONNECTED, 3000);
}

static void
end(void) {
  stream_finish(&peer);
  RUN_UNTIL(context, seen.gone, 3000);
  stream_close(&peer);
}

static void
notify(void) {
  show("notify: %d", coap_resource_notify_observers(resource, NULL));
  stream_ask(&peer, context, "peer gets", "");
}

static void
server(int flags) {
  add_resource(flags);
  begin("registered");
  stream_ask(&peer, context, "peer gets", "32 01 746b 60 51 72");
  for (int i = 0; i < 7; i++)
    notify();
  show("registered again");
  stream_ask(&peer, context, "peer gets", "32 01 746b 60 51 72");
  notify();
  show("a second one");
  stream_ask(&peer, context, "peer gets", "32 01 746c 60 51 72");
  notify();
  show("an empty message rejects nothing");
  stream_ask(&peer, context, "peer gets", "00 00");
  notify();
  show("deregistered");
  stream_ask(&peer, context, "peer gets", "42 01 746b 61 01 51 72");
  notify();
  show("a plain GET with the token of the other");
  stream_ask(&peer, context, "peer gets", "22 01 746c b1 72");
  notify();
  end();
  show("notify: %d", coap_resource_notify_observers(resource, NULL));

  begin("registered when the resource goes");
  stream_ask(&peer, context, "peer gets", "32 01 746b 60 51 72");
  coap_delete_resource(context, resource);
  stream_ask(&peer, context, "peer gets", "");
  end();
}

static void
timeout(void) {
  add_resource(0);
  coap_context_set_session_timeout(context, 1);
  begin("an observer is not idle");
  stream_ask(&peer, context, "peer gets", "32 01 746b 60 51 72");
  RUN_UNTIL(context, seen.gone, 2200);
  notify();
  end();
  coap_context_set_session_timeout(context, 0);
  coap_delete_resource(context, resource);
}

static void
client(int block_mode) {
  coap_address_t address;
  coap_session_t *session;
  coap_binary_t *token = coap_new_binary(2);
  coap_pdu_t *request;
  show("-- a client%s", block_mode ? " with block mode" : "");
  memset(&seen, 0, sizeof(seen));
  memcpy(token->s, "ob", 2);
  coap_context_set_block_mode(context, block_mode ? COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY : 0);
  peer = stream_listen();
  address = loopback(peer.port);
  session = coap_new_client_session(context, NULL, &address, COAP_PROTO_TCP);
  stream_accept(&peer);
  stream_send_hex(&peer, "00 e1");
  stream_receive(&peer, context);
  RUN_UNTIL(context, seen.events == 2, 3000);
  request = coap_new_pdu(COAP_MESSAGE_CON, COAP_REQUEST_CODE_GET, session);
  coap_add_token(request, 2, token->s);
  coap_add_option(request, COAP_OPTION_OBSERVE, 0, NULL);
  coap_add_option(request, COAP_OPTION_URI_PATH, 1, (const uint8_t *)"r");
  SHOW(coap_send(session, request));
  RUN_UNTIL(context, stream_ready(&peer), 3000);
  show("peer gets: %.20s", stream_take(&peer, MASK_NONE));
  stream_ask(&peer, context, "first", "42 45 6f62 61 05 ff 61");
  stream_ask(&peer, context, "second", "42 45 6f62 61 06 ff 61");
  stream_ask(&peer, context, "an older number", "42 45 6f62 61 05 ff 61");
  stream_ask(&peer, context, "no number", "32 45 6f62 60 ff 61");
  int cancelled = coap_cancel_observe(session, token, COAP_MESSAGE_CON);
  RUN_UNTIL(context, stream_ready(&peer), 50);
  mend("cancel", block_mode ? "1, b201 0.01 token=6f62" : "1, 4201 0.01 token=6f62", "%d, %.20s", cancelled,
       stream_take(&peer, MASK_NONE));
  coap_delete_binary(token);
  coap_session_release(session);
  stream_close(&peer);
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  context = coap_new_context(NULL);
  watch(context);
  port = serve_stream(context, NULL);
  server(0);
  show("==== NOTIFY_CON");
  server(COAP_RESOURCE_FLAGS_NOTIFY_CON);
  timeout();
  client(0);
  client(1);
  coap_free_context(context);
  coap_cleanup();
  return 0;
}
