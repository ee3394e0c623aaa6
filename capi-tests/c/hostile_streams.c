/* Peers over TCP that take a server's time: who connects again and again, who begins messages and does not end them, who
 * asks and does not read. Who was there before is served all the same: turns of the loop are counted, not time. */
#include "stream.h"

enum { MOST = 100, TURNS = 3 };

static coap_context_t *context;
static stream_t honest, flood[MOST];
static int many = MOST;
static uint16_t port;
static uint8_t large[60000];

static void
handle(coap_resource_t *at UNUSED, coap_session_t *session UNUSED, const coap_pdu_t *request UNUSED,
       const coap_string_t *query UNUSED, coap_pdu_t *response) {
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
}

static void
handle_large(coap_resource_t *at, coap_session_t *session, const coap_pdu_t *request, const coap_string_t *query,
             coap_pdu_t *response) {
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  coap_add_data_large_response(at, session, request, response, query, COAP_MEDIATYPE_APPLICATION_OCTET_STREAM, -1, 0,
                               sizeof(large), large, NULL, NULL);
}

static int
count_sessions(coap_session_t *session UNUSED, const coap_event_t event) {
  seen.events += event == COAP_EVENT_SERVER_SESSION_NEW;
  return 0;
}

/* Has the honest peer ask, and counts the turns until it is answered. */
static void
served(const char *when) {
  int turns = 0;
  stream_message_t message = {0};
  stream_send_hex(&honest, "21 01 74 b1 72");
  for (stream_pull(&honest); !stream_parse(&honest, &message) && turns < 1000; stream_pull(&honest), turns++)
    coap_io_process(context, COAP_IO_NO_WAIT);
  show("%s: %s in %s", when, stream_take(&honest, MASK_NONE), turns <= TURNS ? "few turns" : "many turns");
  show("~ %d turns, %d sessions", turns, seen.events);
}

static void
drop_flood(void) {
  for (int i = 0; i < many; i++)
    stream_close(&flood[i]);
  RUN_FOR(context, 50);
}

static void
who_connects(void) {
  seen.events = 0;
  for (int i = 0; i < many; i++)
    flood[i] = stream_connect(port);
  served("while many connect");
  NEED(seen.events < many || on_reference());
  RUN_UNTIL(context, seen.events == many, 5000);
  served("when they have");
  drop_flood();
}

static void
who_goes_at_once(void) {
  seen.events = 0;
  for (int i = 0; i < many; i++) {
    flood[i] = stream_connect(port);
    if (i % 2)
      stream_reset(&flood[i]);
    else
      stream_finish(&flood[i]);
  }
  served("while many connect and go");
  RUN_UNTIL(context, seen.events >= many / 2, 5000);
  drop_flood();
}

/* A message of 64 KiB is announced, and a byte of it comes now and then. */
static void
who_writes_slowly(void) {
  seen.events = 0;
  for (int i = 0; i < many; i++) {
    flood[i] = stream_connect(port);
    stream_send_hex(&flood[i], "00 e1 e0 feff 02");
  }
  RUN_UNTIL(context, seen.events == many, 5000);
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < many; i++)
      stream_send_hex(&flood[i], "00");
    served("while many write slowly");
  }
  drop_flood();
}

/* Large answers, which nobody reads. */
static void
who_does_not_read(void) {
  seen.events = 0;
  for (int i = 0; i < many; i++) {
    flood[i] = stream_connect(port);
    stream_send_hex(&flood[i], "40 e1 23 800100");
  }
  RUN_UNTIL(context, seen.events == many, 5000);
  for (int i = 0; i < many; i++) {
    for (int n = 0; n < 8; n++)
      stream_send_hex(&flood[i], "21 01 74 b1 6c");
  }
  RUN_FOR(context, 200);
  served("while many do not read");
  drop_flood();
}

int
main(void) {
  if (on_reference())
    many = 4; /* more do not get through at once */
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  context = coap_new_context(NULL);
  NEED(context);
  coap_context_set_block_mode(context, COAP_BLOCK_USE_LIBCOAP);
  coap_register_event_handler(context, count_sessions);
  resource_with(context, "r", 0, COAP_REQUEST_GET, handle);
  resource_with(context, "l", 0, COAP_REQUEST_GET, handle_large);
  port = serve_stream(context, NULL);
  honest = stream_connect(port);
  stream_receive(&honest, context);
  stream_send_hex(&honest, "00 e1");
  served("alone");
  who_connects();
  who_goes_at_once();
  who_writes_slowly();
  who_does_not_read();
  served("in the end");
  stream_close(&honest);
  coap_free_context(context);
  coap_cleanup();
  return 0;
}
