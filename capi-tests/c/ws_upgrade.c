/* A server over WebSockets and a bare socket: which HTTP requests are upgraded, how the others are refused, and
 * which events the application sees.
 *
 * mend refusals: the reference answers whatever is wrong with `400 Invalid request`. Ours names it: 404 for another
 *   path, 405, 426 with the version that it speaks (RFC 6455 section 4.4), 431, 505.
 * mend sub_protocols: the reference refuses a client that offers other sub-protocols beside coap, which RFC 6455
 *   section 4.1 allows. Ours chooses coap.
 * mend request_target: the reference refuses a request with the whole URI as its target. RFC 9112 section 3.2.2 has
 *   servers take it.
 * mend long_header: the reference refuses a header line of some 200 characters. Ours takes 8,192 bytes in all.
 * mend garbage: the reference waits for ever for a peer that speaks no HTTP and sends no line. Ours ends when 8,192
 *   bytes have come, or 30 s have passed. */
#include "ws.h"

static coap_context_t *context;
static uint16_t port;
static int with_log;

static int
on_event(coap_session_t *session, const coap_event_t event) {
  if (with_log)
    return ws_on_event(session, event);
  return 0;
}

static void
on_nack(coap_session_t *session, const coap_pdu_t *sent, const coap_nack_reason_t reason, const coap_mid_t mid) {
  if (with_log)
    ws_on_nack(session, sent, reason, mid);
}

/* Prints a head in one line. */
static void
show_head(const char *label, const char *head) {
  printf("%s: ", label);
  for (; *head; head++)
    if (*head == '\r')
      printf("\\r");
    else if (*head == '\n')
      printf("\\n");
    else
      putchar(*head);
  show("%s", "");
}

/* The request with `from` replaced by `to`, until the next call. */
static const char *
request_with(const char *from, const char *to) {
  static char text[16384];
  const char *request = WS_REQUEST, *place = strstr(request, from);
  NEED(place);
  snprintf(text, sizeof(text), "%.*s%s%s", (int)(place - request), request, to, place + strlen(from));
  return text;
}

/* What a request is answered with: the status line. */
static void
status_of(const char *request, char *status, size_t size) {
  stream_t stream = stream_connect(port);
  char *head;
  ws_send_text(&stream, request);
  head = ws_take_head(&stream, context);
  snprintf(status, size, "%.*s", (int)strcspn(head, "\r"), head);
  free(head);
  if (strncmp(status, "HTTP/1.1 101", 12) != 0)
    NEED(ws_ended(&stream, context, 3000));
  stream_close(&stream);
  RUN_FOR(context, 20);
}

/* A request that both upgrade. */
static void
upgraded(const char *label, const char *from, const char *to) {
  char status[200];
  status_of(request_with(from, to), status, sizeof(status));
  show("%s: %s", label, status);
}

/* A request that both refuse, each with a status of its own. */
static void
refused(const char *label, const char *from, const char *to, const char *wanted) {
  char status[200];
  status_of(request_with(from, to), status, sizeof(status));
  if (strncmp(status, "HTTP/1.1 4", 10) == 0 || strncmp(status, "HTTP/1.1 5", 10) == 0)
    show("%s: refused", label);
  else
    show("%s: %s", label, status);
  mend("refusals", wanted, "%s", status[0] ? status + 9 : "");
}

/* A request that the reference refuses and ours upgrades. */
static void
mended(const char *topic, const char *from, const char *to) {
  char status[200];
  status_of(request_with(from, to), status, sizeof(status));
  mend(topic, "HTTP/1.1 101 Switching Protocols", "%s", status);
}

static void
upgrade(void) {
  stream_t stream = stream_connect(port);
  char *head;
  with_log = 1;
  show("-- an upgrade");
  ws_send_text(&stream, WS_REQUEST);
  head = ws_take_head(&stream, context);
  show_head("answer", head);
  free(head);
  ws_expect(&stream, context, "behind it");
  ws_show_log("seen");
  ws_send(&stream, 0x82, 1, "00 e1 40");
  RUN_UNTIL(context, strstr(ws_log, "SESSION_CONNECTED"), 3000);
  ws_show_log("seen with the peer's CSM");
  stream_close(&stream);
  RUN_UNTIL(context, strstr(ws_log, "SESSION_DEL"), 3000);
  ws_show_log("seen at the end");

  show("-- byte by byte");
  stream = stream_connect(port);
  for (const char *at = WS_REQUEST; *at; at++) {
    stream_offer(&stream, (const uint8_t *)at, 1);
    coap_io_process(context, COAP_IO_NO_WAIT);
  }
  head = ws_take_head(&stream, context);
  show("answer: %.12s", head);
  free(head);
  ws_expect(&stream, context, "behind it");
  stream_close(&stream);
  RUN_UNTIL(context, strstr(ws_log, "SESSION_DEL"), 3000);
  ws_show_log("seen");

  show("-- a frame right behind the request");
  stream = stream_connect(port);
  {
    uint8_t both[600];
    size_t length = strlen(WS_REQUEST);
    memcpy(both, WS_REQUEST, length);
    length += ws_frame(both + length, 0x82, 1, (const uint8_t *)"\x00\xe1\x40", 3);
    stream_offer(&stream, both, length);
  }
  RUN_UNTIL(context, strstr(ws_log, "SESSION_CONNECTED"), 3000);
  ws_show_log("seen");
  stream_close(&stream);
  RUN_UNTIL(context, strstr(ws_log, "SESSION_DEL"), 3000);
  ws_log[0] = '\0';

  show("-- refused");
  stream = stream_connect(port);
  ws_send_text(&stream, "GET / HTTP/1.1\r\nHost: server\r\n\r\n");
  NEED(ws_ended(&stream, context, 3000));
  RUN_UNTIL(context, strstr(ws_log, "SESSION_DEL"), 3000);
  ws_show_log("seen");
  stream_close(&stream);

  show("-- ended by the peer");
  stream = stream_connect(port);
  ws_send_text(&stream, "GET /.well-known/coap HTTP/1.1\r\nHost: ser");
  RUN_UNTIL(context, strstr(ws_log, "SESSION_NEW"), 3000);
  stream_close(&stream);
  RUN_UNTIL(context, strstr(ws_log, "SESSION_DEL"), 3000);
  ws_show_log("seen");
  with_log = 0;
}

/* Writes a field of so many bytes behind the version. */
static void
field_of(char *filler, size_t length) {
  memset(filler, 'y', length);
  memcpy(filler, "13\r\nX: ", 7);
  memcpy(filler + length - 2, "\r\n", 3);
}

static void
requests(void) {
  static char filler[9000];

  show("-- what is upgraded");
  upgraded("other case", "Upgrade: websocket\r\nConnection: Upgrade", "upgrade: WebSocket\r\nCONNECTION: upgrade");
  upgraded("several tokens", "Connection: Upgrade", "Connection: keep-alive, Upgrade");
  upgraded("an extension", "Version: 13\r\n", "Version: 13\r\nSec-WebSocket-Extensions: permessage-deflate\r\n");
  upgraded("other fields", "Version: 13\r\n", "Version: 13\r\nOrigin: http://server\r\nUser-Agent: test\r\n");

  show("-- what is not");
  refused("POST", "GET", "POST", "405 Method Not Allowed");
  refused("HTTP/1.0", "HTTP/1.1", "HTTP/1.0", "505 HTTP Version Not Supported");
  refused("another path", "/.well-known/coap", "/", "404 Not Found");
  refused("a query", "/.well-known/coap", "/.well-known/coap?x", "404 Not Found");
  refused("no Host", "Host: server\r\n", "", "400 Bad Request");
  refused("no Upgrade", "Upgrade: websocket\r\n", "", "426 Upgrade Required");
  refused("no Connection", "Connection: Upgrade\r\n", "", "426 Upgrade Required");
  refused("no key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", "400 Bad Request");
  refused("a short key", "dGhlIHNhbXBsZSBub25jZQ==", "dGhl", "400 Bad Request");
  refused("a key that is none", "dGhlIHNh", "!!!!IHNh", "400 Bad Request");
  refused("no version", "Sec-WebSocket-Version: 13\r\n", "", "426 Upgrade Required");
  refused("version 8", "Version: 13", "Version: 8", "426 Upgrade Required");
  refused("no sub-protocol", "Sec-WebSocket-Protocol: coap\r\n", "", "400 Bad Request");
  refused("another sub-protocol", "Protocol: coap", "Protocol: mqtt", "400 Bad Request");
  field_of(filler, sizeof(filler) - 1);
  refused("an endless field", "13\r\n", filler, "431 Request Header Fields Too Large");

  mended("sub_protocols", "Protocol: coap", "Protocol: mqtt, coap");
  mended("request_target", "GET /", "GET http://server/");
  field_of(filler, 1000);
  mended("long_header", "13\r\n", filler);
}

/* What never becomes a request. */
static void
garbage(void) {
  static uint8_t noise[8200];
  stream_t stream;
  int ended;
  if (on_reference())
    return;
  stream = stream_connect(port);
  memset(noise, 0xe1, sizeof(noise));
  stream_offer(&stream, noise, sizeof(noise));
  ended = ws_ended(&stream, context, 3000);
  mend("garbage", "ended by 8,192 bytes 1", "ended by 8,192 bytes %d", ended);
  stream_close(&stream);
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  context = coap_new_context(NULL);
  NEED(context);
  coap_register_event_handler(context, on_event);
  coap_register_nack_handler(context, on_nack);
  port = ws_serve(context, NULL);
  upgrade();
  requests();
  garbage();
  coap_free_context(context);
  coap_cleanup();
  return 0;
}
