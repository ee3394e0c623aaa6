/* What test programs share that talk over WebSockets: the upgrade, and frames, byte by byte. */

#ifndef WS_H
#define WS_H

#include "stream.h"

#define WS_REQUEST                                                                                 \
  "GET /.well-known/coap HTTP/1.1\r\nHost: server\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"  \
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: coap\r\n"                  \
  "Sec-WebSocket-Version: 13\r\n\r\n"

/* ---- what handlers see, as one line ---- */

static char ws_log[4096];

UNUSED __attribute__((format(printf, 1, 2))) static void
ws_note(const char *format, ...) {
  size_t length = strlen(ws_log);
  va_list args;
  va_start(args, format);
  vsnprintf(ws_log + length, sizeof(ws_log) - length, format, args);
  va_end(args);
}

/* Prints what has been noted, and forgets it. */
UNUSED static void
ws_show_log(const char *label) {
  show("%s:%s", label, ws_log[0] ? ws_log : " nothing");
  ws_log[0] = '\0';
}

UNUSED static const char *
ws_event_text(coap_event_t event) {
  switch ((int)event) {
  case COAP_EVENT_WS_PACKET_SIZE:
    return "WS_PACKET_SIZE";
  case COAP_EVENT_WS_CONNECTED:
    return "WS_CONNECTED";
  case COAP_EVENT_WS_CLOSED:
    return "WS_CLOSED";
  default:
    return event_text(event);
  }
}

/* An event with the state that the session is in. */
UNUSED static int
ws_on_event(coap_session_t *session, const coap_event_t event) {
  ws_note(" %s/%d", ws_event_text(event), (int)coap_session_get_state(session));
  return 0;
}

UNUSED static void
ws_on_nack(coap_session_t *session UNUSED, const coap_pdu_t *sent, const coap_nack_reason_t reason,
           const coap_mid_t mid UNUSED) {
  ws_note(" nack:%s:%s", nack_text(reason), sent ? "sent" : "NULL");
}

/* ---- bytes ---- */

UNUSED static void
ws_send_text(const stream_t *stream, const char *text) {
  stream_offer(stream, (const uint8_t *)text, strlen(text));
}

/* Writes a frame; with a mask if `masked`. Gives its length. */
UNUSED static size_t
ws_frame(uint8_t *out, unsigned int first, int masked, const uint8_t *payload, size_t length) {
  static const uint8_t mask[] = {0x11, 0x22, 0x44, 0x88};
  size_t at = 0;
  out[at++] = (uint8_t)first;
  if (length < 126) {
    out[at++] = (uint8_t)(length | (masked ? 0x80u : 0));
  } else {
    NEED(length < 65536);
    out[at++] = (uint8_t)(126 | (masked ? 0x80u : 0));
    out[at++] = (uint8_t)(length >> 8);
    out[at++] = (uint8_t)length;
  }
  for (size_t i = 0; masked && i < 4; i++)
    out[at++] = mask[i];
  for (size_t i = 0; i < length; i++)
    out[at++] = masked ? (uint8_t)(payload[i] ^ mask[i % 4]) : payload[i];
  return at;
}

/* Sends a frame with these hexadecimal digits in it. */
UNUSED static void
ws_send(const stream_t *stream, unsigned int first, int masked, const char *hex) {
  datagram_t content = from_hex(hex);
  uint8_t frame[sizeof(content.bytes) + 14];
  stream_offer(stream, frame, ws_frame(frame, first, masked, content.bytes, content.length));
}

UNUSED static void
ws_drop(stream_t *stream, size_t length) {
  stream->length -= length;
  memmove(stream->bytes, stream->bytes + length, stream->length);
}

/* The frame that begins at `bytes`. */
typedef struct {
  size_t head; /* up to the content */
  size_t length;
  uint8_t mask[4];
} ws_head_t;

UNUSED static int
ws_parse(const uint8_t *bytes, size_t length, ws_head_t *frame) {
  size_t extended, masked;
  memset(frame, 0, sizeof(*frame));
  if (length < 2)
    return 0;
  extended = (bytes[1] & 127) == 126 ? 2 : (bytes[1] & 127) == 127 ? 8 : 0;
  masked = bytes[1] & 128 ? 4 : 0;
  frame->head = 2 + extended + masked;
  if (length < frame->head)
    return 0;
  frame->length = bytes[1] & 127;
  for (size_t i = 0; i < extended; i++)
    frame->length = (i == 0 ? 0 : frame->length << 8) | bytes[2 + i];
  if (masked)
    memcpy(frame->mask, bytes + 2 + extended, 4);
  return frame->head + frame->length <= length;
}

/* Waits for a frame or the end while the loop of `context` runs, at most 3 s, and prints it into `text`. 0 when
 * no frame came. Only the first bytes of what is in it are printed. */
UNUSED static int
ws_take(stream_t *stream, coap_context_t *context, char *text, size_t size) {
  ws_head_t frame;
  int64_t end = now_ms() + 3000;
  int length;
  for (;;) {
    stream_pull(stream);
    if (ws_parse(stream->bytes, stream->length, &frame))
      break;
    if (stream->ended || now_ms() >= end) {
      snprintf(text, size, "%s", stream->ended ? "closed" : "nothing");
      return 0;
    }
    coap_io_process(context, 2);
  }
  length = snprintf(text, size, "%02x %s %zu:", stream->bytes[0], stream->bytes[1] & 128 ? "masked" : "plain", frame.length);
  for (size_t i = 0; i < frame.length && i < 40; i++)
    length += snprintf(text + length, size - (size_t)length, "%s%02x", i ? "" : " ",
                       stream->bytes[frame.head + i] ^ frame.mask[i % 4]);
  ws_drop(stream, frame.head + frame.length);
  return 1;
}

UNUSED static int
ws_expect(stream_t *stream, coap_context_t *context, const char *label) {
  char text[256];
  int there = ws_take(stream, context, text, sizeof(text));
  show("%s: %s", label, text);
  return there;
}

/* How long the HTTP head is that has come; 0 while it has not. */
UNUSED static size_t
ws_head_length(const stream_t *stream) {
  for (size_t end = 4; end <= stream->length; end++)
    if (memcmp(stream->bytes + end - 4, "\r\n\r\n", 4) == 0)
      return end;
  return 0;
}

/* Waits for the end of an HTTP head, or of the connection, while the loop of `context` runs, at most 3 s. Gives the
 * head as text that the caller frees. */
UNUSED static char *
ws_take_head(stream_t *stream, coap_context_t *context) {
  int64_t end = now_ms() + 3000;
  char *head;
  size_t length;
  for (;;) {
    stream_pull(stream);
    length = ws_head_length(stream);
    if (length > 0 || stream->ended || now_ms() >= end)
      break;
    coap_io_process(context, 2);
  }
  head = malloc(length + 1);
  NEED(head);
  memcpy(head, stream->bytes, length);
  head[length] = '\0';
  ws_drop(stream, length);
  return head;
}

/* Waits for the end of the connection while the loop of `context` runs, at most `limit` ms. */
UNUSED static int
ws_ended(stream_t *stream, coap_context_t *context, int64_t limit) {
  int64_t end = now_ms() + limit;
  for (stream_pull(stream); !stream->ended && now_ms() < end; stream_pull(stream)) {
    coap_io_process(context, 2);
    stream->length = 0;
  }
  return stream->ended != 0;
}

/* ---- a server to talk to ---- */

/* Adds an endpoint for WebSockets on 127.0.0.1 and gives its port. */
UNUSED static uint16_t
ws_serve(coap_context_t *context, coap_endpoint_t **endpoint) {
  for (int attempt = 0; attempt < 20; attempt++) {
    uint16_t port = free_port();
    coap_address_t address = loopback(port);
    coap_endpoint_t *made = coap_new_endpoint(context, &address, COAP_PROTO_WS);
    if (made) {
      if (endpoint)
        *endpoint = made;
      return port;
    }
  }
  NEED(!"an endpoint");
  return 0;
}

/* A peer of that server whose upgrade is done and whose CSM is sent. What the server said is not printed. */
UNUSED static stream_t
ws_peer(coap_context_t *context, uint16_t port) {
  stream_t stream = stream_connect(port);
  char text[256], *head;
  ws_send_text(&stream, WS_REQUEST);
  head = ws_take_head(&stream, context);
  NEED(strncmp(head, "HTTP/1.1 101 ", 13) == 0);
  free(head);
  NEED(ws_take(&stream, context, text, sizeof(text)));
  ws_send(&stream, 0x82, 1, "00 e1 40");
  return stream;
}

#endif
