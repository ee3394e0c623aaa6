/* Keepalive over TCP: Pings on idle sessions, and what comes of it when no Pong does. */
#include "stream.h"

static coap_context_t *context;
static stream_t peer;
static coap_session_t *session;

static void
begin(const char *title) {
  coap_address_t address;
  show("-- %s", title);
  memset(&seen, 0, sizeof(seen));
  peer = stream_listen();
  address = loopback(peer.port);
  session = coap_new_client_session(context, NULL, &address, COAP_PROTO_TCP);
  NEED(session);
  stream_accept(&peer);
  stream_send_hex(&peer, "00 e1");
  RUN_UNTIL(context, seen.events == 2, 3000);
  stream_expect(&peer, context, "peer gets");
}

static void
end(void) {
  show("state %s", state_text(session));
  coap_session_release(session);
  stream_close(&peer);
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  context = coap_new_context(NULL);
  watch(context);
  coap_register_pong_handler(context, watch_pong);
  coap_context_set_keepalive(context, 1);

  begin("answered");
  stream_expect(&peer, context, "peer gets");
  stream_send_hex(&peer, "00 e3");
  RUN_UNTIL(context, seen.pongs == 1, 3000);
  stream_expect(&peer, context, "peer gets");
  end();

  begin("not answered, a request is outstanding");
  RUN_UNTIL(context, seen.events == 2, 3000);
  SHOW(coap_send(session, request_for(session, COAP_MESSAGE_CON, COAP_REQUEST_GET, "r", "t1")));
  stream_expect(&peer, context, "peer gets");
  stream_expect(&peer, context, "peer gets");
  stream_expect(&peer, context, "peer gets");
  RUN_UNTIL(context, seen.event == COAP_EVENT_KEEPALIVE_FAILURE, 3000);
  stream_expect(&peer, context, "peer gets");
  show("late");
  stream_send_hex(&peer, "00 e3");
  RUN_UNTIL(context, seen.pongs == 1, 3000);
  end();

  coap_free_context(context);
  coap_cleanup();
  return 0;
}
