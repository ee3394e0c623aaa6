/* A server over WebSockets and a bare socket: what each frame and each message in it comes to, byte by byte.
 *
 * mend two_bytes: the reference overlooks messages of two bytes: an empty CSM, a ping, a release. Ours takes them.
 * mend ping_token: the reference's Pong has no token. RFC 8323 section 5.4: it has that of the Ping.
 * mend malformed: the reference drops what is no message, and goes on. Ours aborts the connection, as both do over
 *   TCP (RFC 8323 section 5.6).
 * mend control: the reference closes with 1003 when a ping, a pong or a fragment comes. Ours answers a ping, ignores
 *   a pong, and puts fragments together (RFC 6455 section 5.4, 5.5).
 * mend close_code: the reference answers a close frame with 1000 whatever it says, and closes with 1003 for what
 *   breaks the protocol. Ours says the code that came (RFC 6455 section 5.5.1), and 1002.
 * mend reserved: the reference ignores reserved bits. Ours closes (RFC 6455 section 5.2).
 * mend closed: after a close the reference keeps its session, established, until it is idle for long. Ours ends it, as
 *   it does when the connection breaks.
 * mend large: the reference dies of a frame of more than 1,472 bytes. Ours takes what its CSM allows, and closes
 *   with 1009 (RFC 6455 section 7.4.1) for more. */
#include "ws.h"

static coap_context_t *context;
static uint16_t port;
static size_t body_length;

static void
get(coap_resource_t *resource UNUSED, coap_session_t *session, const coap_pdu_t *request,
    const coap_string_t *query UNUSED, coap_pdu_t *response) {
  ws_note(" GET/%s/%d/%d", type_text(coap_pdu_get_type(request)), coap_pdu_get_mid(request),
          (int)coap_session_get_state(session));
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  coap_add_data(response, 5, (const uint8_t *)"hello");
}

static void
put(coap_resource_t *resource UNUSED, coap_session_t *session UNUSED, const coap_pdu_t *request,
    const coap_string_t *query UNUSED, coap_pdu_t *response) {
  const uint8_t *data;
  size_t offset, total;
  coap_get_data_large(request, &body_length, &data, &offset, &total);
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CHANGED);
}

static void
on_ping(coap_session_t *session UNUSED, const coap_pdu_t *received, const coap_mid_t mid) {
  ws_note(" ping:%s:%d", received ? "received" : "NULL", mid);
}

static const char GET[] = "01 01 77 b1 78";

/* A peer whose session is there; nothing is noted of how it came. */
static stream_t
peer(void) {
  stream_t stream = ws_peer(context, port);
  RUN_UNTIL(context, strstr(ws_log, "SESSION_CONNECTED"), 3000);
  ws_log[0] = '\0';
  return stream;
}

static void
leave(stream_t *stream) {
  stream_close(stream);
  RUN_UNTIL(context, strstr(ws_log, "SESSION_DEL"), on_reference() ? 100 : 3000);
  ws_log[0] = '\0';
}

/* A message that is not answered: what comes is the answer to a request behind it. */
static void
silent(const char *label, const char *hex) {
  stream_t stream = peer();
  ws_send(&stream, 0x82, 1, hex);
  ws_send(&stream, 0x82, 1, GET);
  ws_expect(&stream, context, label);
  ws_show_log("seen");
  leave(&stream);
}

/* A message that is answered. */
static void
answered(const char *label, const char *hex) {
  stream_t stream = peer();
  ws_send(&stream, 0x82, 1, hex);
  ws_expect(&stream, context, label);
  ws_show_log("seen");
  leave(&stream);
}

/* A frame of which both make an end with the same words. */
static void
ends(const char *label, unsigned int first, int masked, const char *hex) {
  stream_t stream = peer();
  ws_send(&stream, first, masked, hex);
  ws_expect(&stream, context, label);
  show("then: %s", ws_ended(&stream, context, 3000) ? "closed" : "open");
  RUN_UNTIL(context, strstr(ws_log, on_reference() ? "WS_CLOSED" : "SESSION_DEL"), 3000);
  mend("closed", " WS_CLOSED/4 nack:NOT_DELIVERABLE:NULL TCP_CLOSED/0 SESSION_CLOSED/0 SERVER_SESSION_DEL/0", "%s", ws_log);
  ws_log[0] = '\0';
  leave(&stream);
}

/* Bytes of which the reference makes something else than ours. */
static void
mended(const char *topic, const char *wanted, const uint8_t *bytes, size_t length, int frames) {
  stream_t stream = peer();
  char all[600] = "", text[256];
  stream_offer(&stream, bytes, length);
  while (frames-- > 0) {
    int there = ws_take(&stream, context, text, sizeof(text));
    strcat(strcat(all, all[0] ? ", " : ""), text);
    if (!there)
      break;
  }
  mend(topic, wanted, "%s", all);
  leave(&stream);
}

static void
mended_frame(const char *topic, const char *wanted, unsigned int first, const char *hex, int frames) {
  datagram_t content = from_hex(hex);
  uint8_t bytes[sizeof(content.bytes) + 14];
  mended(topic, wanted, bytes, ws_frame(bytes, first, 1, content.bytes, content.length), frames);
}

static void
messages(void) {
  stream_t stream;
  uint8_t both[200];
  size_t length;

  show("-- requests");
  answered("a request", GET);
  answered("a length in the message is ignored", "21 01 77 b1 78");
  stream = peer();
  length = ws_frame(both, 0x82, 1, (const uint8_t *)"\x01\x01\x01\xb1\x78", 5);
  length += ws_frame(both + length, 0x82, 1, (const uint8_t *)"\x01\x01\x02\xb1\x78", 5);
  stream_offer(&stream, both, length);
  ws_expect(&stream, context, "two in one read");
  ws_expect(&stream, context, "the second");
  ws_show_log("seen");
  show("byte by byte");
  length = ws_frame(both, 0x82, 1, (const uint8_t *)"\x01\x01\x03\xb1\x78", 5);
  for (size_t i = 0; i < length; i++) {
    stream_offer(&stream, both + i, 1);
    coap_io_process(context, 2);
  }
  ws_expect(&stream, context, "answer");
  ws_show_log("seen");
  show("a length of 64 bits for a short message");
  stream_offer(&stream, (const uint8_t *)"\x82\xff\0\0\0\0\0\0\0\5\0\0\0\0\x01\x01\x04\xb1\x78", 19);
  ws_expect(&stream, context, "answer");
  ws_log[0] = '\0';
  leave(&stream);

  show("-- before the CSM");
  stream = stream_connect(port);
  ws_send_text(&stream, WS_REQUEST);
  free(ws_take_head(&stream, context));
  ws_expect(&stream, context, "the server's");
  ws_log[0] = '\0';
  ws_send(&stream, 0x82, 1, GET);
  RUN_UNTIL(context, strstr(ws_log, "GET"), 3000);
  ws_show_log("a request");
  ws_send(&stream, 0x82, 1, "00 e1 40");
  ws_expect(&stream, context, "answer, with the peer's CSM");
  ws_show_log("seen");
  leave(&stream);

  show("-- signalling");
  answered("Ping with Custody", "00 e2 20");
  mended_frame("ping_token", "82 plain 4: 01e35520", 0x82, "01 e2 55", 1);
  mended_frame("two_bytes", "82 plain 3: 00e320", 0x82, "00 e2", on_reference() ? 0 : 1);
  stream = peer();
  ws_send(&stream, 0x82, 1, "01 e4 01");
  show("Release: %s", ws_ended(&stream, context, 3000) ? "closed" : "open");
  RUN_UNTIL(context, strstr(ws_log, "SESSION_DEL"), 3000);
  ws_show_log("seen");
  leave(&stream);

  show("-- what is no message");
  silent("a response that nobody asked for", "01 45 07");
  mended_frame("malformed", "82 plain 22: 00e5ff6f7074696f6e206973206375742073686f7274", 0x82, "01 01 77 b5 78",
               on_reference() ? 0 : 1);
  mended_frame("malformed", "82 plain 21: 00e5ff746f6b656e206973206375742073686f7274", 0x82, "04 01 77",
               on_reference() ? 0 : 1);
}

static void
frames(void) {
  static uint8_t big[70000];
  static uint8_t frame[70020];
  stream_t stream;
  size_t length;

  show("-- close");
  ends("1000", 0x88, 1, "03 e8");
  ends("without a mask", 0x82, 0, GET);
  ends("text", 0x81, 1, "61");
  mended_frame("close_code", "88 plain 2: 03e9", 0x88, "03 e9 62 79 65", 1);
  mended_frame("close_code", "88 plain 0:", 0x88, "", 1);
  mended_frame("close_code", "88 plain 2: 0fa0", 0x88, "0f a0", 1);
  mended_frame("close_code", "88 plain 2: 03ea", 0x88, "00 01", 1);
  mended_frame("close_code", "88 plain 2: 03ea", 0x88, "03", 1);
  mended_frame("close_code", "88 plain 2: 03ea", 0x83, GET, 1);
  mended_frame("close_code", "88 plain 2: 03ea", 0x80, GET, 1);

  show("-- control frames and fragments");
  mended_frame("control", "8a plain 3: 616263", 0x89, "61 62 63", 1);
  length = ws_frame(frame, 0x8a, 1, (const uint8_t *)"abc", 3);
  length += ws_frame(frame + length, 0x82, 1, (const uint8_t *)"\x01\x01\x05\xb1\x78", 5);
  mended("control", "82 plain 9: 014505ff68656c6c6f", frame, length, 1);
  length = ws_frame(frame, 0x02, 1, (const uint8_t *)"\x01\x01", 2);
  length += ws_frame(frame + length, 0x89, 1, (const uint8_t *)"?", 1);
  length += ws_frame(frame + length, 0x00, 1, (const uint8_t *)"", 0);
  length += ws_frame(frame + length, 0x80, 1, (const uint8_t *)"\x06\xb1\x78", 3);
  mended("control", "8a plain 1: 3f, 82 plain 9: 014506ff68656c6c6f", frame, length, 2);
  mended_frame("reserved", "88 plain 2: 03ea", 0xc2, GET, 1);

  show("-- sizes");
  memset(big, 'a', sizeof(big));
  memcpy(big, "\x01\x03\x07\xb1\x78\xff", 6);
  stream = peer();
  stream_offer(&stream, frame, ws_frame(frame, 0x82, 1, big, 1006));
  ws_expect(&stream, context, "1,000 bytes");
  show("body: %zu", body_length);
  leave(&stream);
  if (on_reference())
    return;
  stream = peer();
  length = ws_frame(frame, 0x82, 1, big, 60006);
  for (size_t sent = 0; sent < length; coap_io_process(context, COAP_IO_NO_WAIT))
    sent += stream_offer(&stream, frame + sent, length - sent);
  {
    char text[256];
    ws_take(&stream, context, text, sizeof(text));
    mend("large", "82 plain 3: 014407 60000", "%s %zu", text, body_length);
  }
  leave(&stream);
  mended("large", "88 plain 2: 03f1", (const uint8_t *)"\x82\xff\0\0\0\0\0\x80\1\1\0\0\0\0", 14, 1);
  mended("large", "88 plain 2: 03f1", (const uint8_t *)"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", 14, 1);
}

int
main(void) {
  coap_resource_t *resource;
  stream_t stream;
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  context = coap_new_context(NULL);
  NEED(context);
  coap_context_set_block_mode(context, COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
  coap_register_event_handler(context, ws_on_event);
  coap_register_nack_handler(context, ws_on_nack);
  coap_register_ping_handler(context, on_ping);
  resource = resource_with(context, "x", 0, COAP_REQUEST_GET, get);
  coap_register_request_handler(resource, COAP_REQUEST_PUT, put);
  port = ws_serve(context, NULL);
  messages();
  frames();

  show("-- the end of the context");
  stream = peer();
  coap_free_context(context);
  mend("closed", " SERVER_SESSION_DEL/4 WS_CLOSED/4", "%s", ws_log);
  stream_pull(&stream);
  context = NULL;
  ws_expect(&stream, NULL, "frame");
  show("%s", stream.ended ? "closed" : "open");
  stream_close(&stream);
  coap_cleanup();
  return 0;
}
