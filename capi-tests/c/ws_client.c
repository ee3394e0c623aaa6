/* A client over WebSockets and a bare socket: the request for the upgrade, byte by byte, answers that are none, and
 * how a session ends; with the events that the application sees.
 *
 * mend host: the reference puts whatever it is given into its HTTP request, also what adds header fields, and cuts it
 *   at 80 characters. Ours refuses what is no host, or longer than 255 characters.
 * mend complaint: the reference answers a server that does not upgrade with an HTTP error. Ours just closes, since a
 *   server expects no response.
 * mend masked: the reference takes masked frames of a server. Ours closes with 1002 (RFC 6455 section 5.1).
 * mend control: the reference closes with 1003 when a ping, a pong or a fragment comes. Ours answers a ping
 *   (RFC 6455 section 5.5).
 * mend closed: after a close the reference keeps its session, established, and requests stay without outcome. Ours ends
 *   it, as it does when the connection breaks. It answers with the code that came (RFC 6455 section 5.5.1).
 * mend outcome: the reference hands back no request that was sent and is not answered. Ours hands back each.
 * mend goodbye: when the application disconnects a session, the reference sends no close frame. Ours does
 *   (RFC 6455 section 7.1.1).
 * mend release: the reference tells about the close twice where the server answers it in time. Ours tells once. */
#include "ws.h"

static coap_context_t *context;
static stream_t server;

static coap_response_t
on_response(coap_session_t *session UNUSED, const coap_pdu_t *sent, const coap_pdu_t *received, const coap_mid_t mid) {
  ws_note(" %s/%s/%d/%s", code_text(coap_pdu_get_code(received)), type_text(coap_pdu_get_type(received)), mid,
          sent ? "sent" : "NULL");
  return COAP_RESPONSE_OK;
}

/* A session to the bare server, with a host unless that is NULL. The server has accepted it. */
static coap_session_t *
begin(const char *host) {
  coap_address_t address = loopback(server.port);
  coap_session_t *session = coap_new_client_session(context, NULL, &address, COAP_PROTO_WS);
  NEED(session);
  if (host) {
    coap_str_const_t *text = coap_make_str_const(host);
    NEED(coap_ws_set_host_request(session, text));
  }
  stream_accept(&server);
  return session;
}

/* Prints the request with what is random or a port masked. */
static void
show_request(const char *label) {
  char *head = ws_take_head(&server, context), port[8];
  snprintf(port, sizeof(port), ":%u", server.port);
  printf("%s: ", label);
  for (char *at = head; *at; at++) {
    if (strncmp(at, port, strlen(port)) == 0) {
      printf(":PORT");
      at += strlen(port) - 1;
    } else if (strncmp(at, "-Key: ", 6) == 0) {
      printf("-Key: (%zu)", strcspn(at + 6, "\r"));
      at += 5 + strcspn(at + 6, "\r");
    } else if (*at == '\r' || *at == '\n') {
      printf(*at == '\r' ? "\\r" : "\\n");
    } else {
      putchar(*at);
    }
  }
  show("%s", "");
  free(head);
}

/* SHA-1 of less than 120 bytes, for the answer's key. */
static void
sha1(const char *text, uint8_t digest[20]) {
  uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  uint8_t block[128] = {0};
  size_t length = strlen(text), blocks = length < 56 ? 1 : 2;
  memcpy(block, text, length);
  block[length] = 0x80;
  block[blocks * 64 - 2] = (uint8_t)(length * 8 >> 8);
  block[blocks * 64 - 1] = (uint8_t)(length * 8);
  for (size_t b = 0; b < blocks; b++) {
    uint32_t w[80], a[5];
    for (int i = 0; i < 80; i++) {
      const uint8_t *at = block + b * 64 + (size_t)i * 4;
      uint32_t x = i < 16 ? (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3]
                          : w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16];
      w[i] = i < 16 ? x : x << 1 | x >> 31;
    }
    memcpy(a, h, sizeof(a));
    for (int i = 0; i < 80; i++) {
      uint32_t f = i < 20   ? (a[1] & a[2]) | (~a[1] & a[3])
                   : i < 40 ? a[1] ^ a[2] ^ a[3]
                   : i < 60 ? (a[1] & a[2]) | (a[1] & a[3]) | (a[2] & a[3])
                            : a[1] ^ a[2] ^ a[3];
      static const uint32_t k[] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
      uint32_t next = (a[0] << 5 | a[0] >> 27) + f + a[4] + k[i / 20] + w[i];
      a[4] = a[3];
      a[3] = a[2];
      a[2] = a[1] << 30 | a[1] >> 2;
      a[1] = a[0];
      a[0] = next;
    }
    for (int i = 0; i < 5; i++)
      h[i] += a[i];
  }
  for (int i = 0; i < 20; i++)
    digest[i] = (uint8_t)(h[i / 4] >> (24 - i % 4 * 8));
}

/* The Sec-WebSocket-Accept for the key in a request (RFC 6455 section 4.2.2). */
static void
accept_of(const char *request, char accept[32]) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const char *key = strstr(request, "Sec-WebSocket-Key: ");
  char text[100];
  uint8_t digest[21] = {0};
  NEED(key);
  snprintf(text, sizeof(text), "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key + 19);
  sha1(text, digest);
  for (size_t i = 0; i < 28; i++) {
    size_t bit = i * 6;
    unsigned int two = (unsigned int)(digest[bit / 8] << 8 | (bit / 8 < 20 ? digest[bit / 8 + 1] : 0));
    accept[i] = digits[two >> (10 - bit % 8) & 63];
  }
  accept[27] = '=';
  accept[28] = '\0';
}

#define ANSWER                                                                                     \
  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                \
  "Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: coap\r\n\r\n"

/* Answers the request, with `from` replaced by `to` in the answer. */
static void
answer(const char *from, const char *to) {
  char *request = ws_take_head(&server, context), accept[32], text[600], other[600];
  char *place;
  accept_of(request, accept);
  free(request);
  snprintf(text, sizeof(text), ANSWER, accept);
  place = from ? strstr(text, from) : NULL;
  NEED(!from || place);
  if (place)
    snprintf(other, sizeof(other), "%.*s%s%s", (int)(place - text), text, to, place + strlen(from));
  ws_send_text(&server, place ? other : text);
}

/* A session whose CSM has come, and whose own is taken. */
static coap_session_t *
established(void) {
  coap_session_t *session = begin("h");
  char text[256];
  answer(NULL, NULL);
  NEED(ws_take(&server, context, text, sizeof(text)));
  ws_send(&server, 0x82, 0, "00 e1 40");
  RUN_UNTIL(context, strstr(ws_log, "SESSION_CONNECTED"), 3000);
  ws_log[0] = '\0';
  return session;
}

static coap_mid_t
ask_x(coap_session_t *session, const char *token) {
  coap_mid_t mid = coap_send(session, request_for(session, COAP_MESSAGE_CON, COAP_REQUEST_GET, "x", token));
  if (mid != COAP_INVALID_MID)
    coap_io_process(context, COAP_IO_NO_WAIT);
  return mid;
}

static void
hosts(void) {
  static const char *const named[] = {"h", "example.org", "2001:db8::1"};
  coap_address_t address = loopback(server.port);
  coap_session_t *session, *udp;
  char long_host[257];

  show("-- the request");
  for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
    session = begin(named[i]);
    show_request("host");
    coap_session_release(session);
    ws_log[0] = '\0';
  }

  show("-- no host");
  session = begin(NULL);
  RUN_UNTIL(context, strstr(ws_log, "SESSION_FAILED"), 3000);
  ws_show_log("seen");
  show("closed: %d", ws_ended(&server, context, 3000));
  coap_session_release(session);

  show("-- setting it");
  session = coap_new_client_session(context, NULL, &address, COAP_PROTO_WS);
  udp = coap_new_client_session(context, NULL, &address, COAP_PROTO_UDP);
  SHOW(coap_ws_set_host_request(NULL, coap_make_str_const("h")));
  SHOW(coap_ws_set_host_request(session, NULL));
  SHOW(coap_ws_set_host_request(session, coap_make_str_const("one")));
  SHOW(coap_ws_set_host_request(session, coap_make_str_const("two")));
  SHOW(coap_ws_set_host_request(udp, coap_make_str_const("h")));
  memset(long_host, 'h', 256);
  long_host[256] = '\0';
  mend("host", "0 0 0", "%d %d %d", coap_ws_set_host_request(session, coap_make_str_const("a\r\nX: y")),
       coap_ws_set_host_request(session, coap_make_str_const("a b")),
       coap_ws_set_host_request(session, coap_make_str_const(long_host)));
  stream_accept(&server);
  if (!on_reference())
    show_request("~ the last that was taken");
  coap_session_release(udp);
  coap_session_release(session);
  ws_log[0] = '\0';
}

/* An answer that is no upgrade. */
static void
fails(const char *label, const char *from, const char *to) {
  coap_session_t *session = begin("h");
  char *complaint;
  if (from) {
    answer(from, to);
  } else {
    free(ws_take_head(&server, context));
    stream_finish(&server);
  }
  RUN_UNTIL(context, strstr(ws_log, "SESSION_FAILED"), 3000);
  ws_show_log(label);
  complaint = ws_take_head(&server, context);
  if (from)
    mend("complaint", "nothing", "%s", complaint[0] ? "something" : "nothing");
  free(complaint);
  show("closed: %d, state %d, send %d", ws_ended(&server, context, 3000), coap_session_get_state(session),
       ask_x(session, "a"));
  coap_session_release(session);
  ws_log[0] = '\0';
}

static void
upgrades(void) {
  coap_session_t *session;

  show("-- an upgrade");
  session = begin("h");
  SHOW(coap_session_get_state(session));
  show("%.4s", strrchr(coap_session_str(session), ' ') - 3);
  answer(NULL, NULL);
  ws_expect(&server, context, "first");
  ws_show_log("seen");
  SHOW(coap_session_get_state(session));
  ws_send(&server, 0x82, 0, "00 e1 40");
  RUN_UNTIL(context, strstr(ws_log, "SESSION_CONNECTED"), 3000);
  ws_show_log("seen with the peer's CSM");
  SHOW(coap_session_get_state(session));
  SHOW(coap_session_max_pdu_size(session));
  SHOW(ask_x(session, "a"));
  ws_expect(&server, context, "request");
  ws_send(&server, 0x82, 0, "01 45 61 ff 68 69");
  RUN_UNTIL(context, strstr(ws_log, "2.05"), 3000);
  ws_show_log("answer");
  SHOW(coap_session_send_ping(session));
  ws_expect(&server, context, "ping");
  ws_log[0] = '\0';
  coap_session_release(session);
  ws_expect(&server, context, "released");
  show("closed: %d", ws_ended(&server, context, 3000));
  ws_show_log("seen");

  show("-- other words for it");
  session = begin("h");
  answer("Upgrade: websocket\r\nConnection: Upgrade", "upgrade: WebSocket\r\nCONNECTION: upgrade");
  ws_expect(&server, context, "first");
  coap_session_release(session);
  ws_log[0] = '\0';

  show("-- without a CSM");
  coap_context_set_csm_timeout_ms(context, 100);
  session = begin("h");
  answer(NULL, NULL);
  coap_delete_pdu(request_for(session, COAP_MESSAGE_CON, COAP_REQUEST_GET, "x", "a"));
  ws_show_log("seen when a message is made");
  coap_session_release(session);
  coap_context_set_csm_timeout_ms(context, 30000);
  ws_log[0] = '\0';

  show("-- what is no upgrade");
  fails("404", "101 Switching Protocols", "404 Not Found");
  fails("HTTP/1.0", "HTTP/1.1", "HTTP/1.0");
  fails("no Upgrade", "Upgrade: websocket\r\n", "");
  fails("another key", "Accept: ", "Accept: x");
  fails("no sub-protocol", "Sec-WebSocket-Protocol: coap\r\n", "");
  fails("another sub-protocol", "Protocol: coap", "Protocol: mqtt");
  fails("the end", NULL, NULL);
}

/* A frame that ends the session. */
static void
ends(const char *topic, const char *wanted, unsigned int first, int masked, const char *hex) {
  coap_session_t *session = established();
  char text[256];
  ask_x(session, "a");
  NEED(ws_take(&server, context, text, sizeof(text)));
  ws_send(&server, first, masked, hex);
  if (on_reference() && masked) {
    coap_session_release(session);
    ws_log[0] = '\0';
    return;
  }
  ws_take(&server, context, text, sizeof(text));
  if (topic)
    mend(topic, wanted, "%s", text);
  else
    show("%s", text);
  RUN_UNTIL(context, strstr(ws_log, on_reference() ? "WS_CLOSED" : "SESSION_CLOSED"), 3000);
  mend("closed", " WS_CLOSED/4 nack:NOT_DELIVERABLE:sent TCP_CLOSED/0 SESSION_CLOSED/0", "%s", ws_log);
  if (!masked)
    show("closed: %d", ws_ended(&server, context, 3000));
  ws_log[0] = '\0';
  coap_session_release(session);
  ws_log[0] = '\0';
}

static void
endings(void) {
  coap_session_t *session;
  char text[256];

  show("-- closed by the server");
  ends(NULL, NULL, 0x88, 0, "03 e8");
  ends("closed", "88 masked 2: 03e9", 0x88, 0, "03 e9");
  ends("closed", "88 masked 0:", 0x88, 0, "");
  ends(NULL, NULL, 0x81, 0, "61");
  ends("masked", "88 masked 2: 03ea", 0x82, 1, "00 e1 40");

  show("-- a ping");
  session = established();
  ws_send(&server, 0x89, 0, "61 62");
  ws_take(&server, context, text, sizeof(text));
  mend("control", "8a masked 2: 6162", "%s", text);
  coap_session_release(session);
  ws_log[0] = '\0';

  show("-- the end of the connection");
  session = established();
  ask_x(session, "a");
  NEED(ws_take(&server, context, text, sizeof(text)));
  stream_finish(&server);
  RUN_UNTIL(context, strstr(ws_log, "SESSION_CLOSED"), 3000);
  mend("outcome", " nack:NOT_DELIVERABLE:sent TCP_CLOSED/0 SESSION_CLOSED/0", "%s", ws_log);
  ws_log[0] = '\0';
  coap_session_release(session);
  ws_show_log("released");

  show("-- and before the CSM");
  session = begin("h");
  answer(NULL, NULL);
  stream_finish(&server);
  RUN_UNTIL(context, strstr(ws_log, "SESSION_FAILED"), 3000);
  ws_show_log("seen");
  coap_session_release(session);

  show("-- released, and the close is answered");
  session = established();
  ws_send(&server, 0x88, 0, "03 e8");
  coap_session_release(session);
  ws_expect(&server, context, "frame");
  mend("release", " WS_CLOSED/4", "%s", ws_log);
  ws_log[0] = '\0';

  show("-- disconnected by the application");
  session = established();
  ask_x(session, "a");
  NEED(ws_take(&server, context, text, sizeof(text)));
  coap_session_disconnected(session, COAP_NACK_NOT_DELIVERABLE);
  mend("outcome", " nack:NOT_DELIVERABLE:sent TCP_CLOSED/0 SESSION_CLOSED/0", "%s", ws_log);
  ws_log[0] = '\0';
  ws_take(&server, context, text, sizeof(text));
  mend("goodbye", "88 masked 2: 03e8", "%s", text);
  show("closed: %d", ws_ended(&server, context, 3000));
  coap_session_release(session);
  ws_show_log("released");

  show("-- nobody listens");
  {
    coap_address_t address = loopback(server.port);
    stream_close(&server);
    session = coap_new_client_session(context, NULL, &address, COAP_PROTO_WS);
    NEED(session && coap_ws_set_host_request(session, coap_make_str_const("h")));
    RUN_UNTIL(context, strstr(ws_log, "SESSION_FAILED"), 3000);
    ws_show_log("seen");
    coap_session_release(session);
  }
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  context = coap_new_context(NULL);
  NEED(context);
  coap_register_event_handler(context, ws_on_event);
  coap_register_nack_handler(context, ws_on_nack);
  coap_register_response_handler(context, on_response);
  server = stream_listen();
  hosts();
  upgrades();
  endings();
  stream_close(&server);
  coap_free_context(context);
  coap_cleanup();
  return 0;
}
