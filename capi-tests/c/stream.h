/* What test programs share that talk over a byte stream: a bare TCP socket that says exactly what it is told to and
 * shows, message by message, what it is told; and handlers that show what the library tells. */

#ifndef STREAM_H
#define STREAM_H

#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>

/* ---- the peer ---- */

typedef struct {
  int listener; /* -1 for one that has connected */
  int fd;
  uint16_t port; /* of the server, be it the peer or the library */
  int ended;     /* nothing comes after what is there */
  size_t length; /* what has come and was not shown yet */
  uint8_t *bytes;
} stream_t;

enum { STREAM_ROOM = 1 << 21 };

UNUSED static void
stream_own(stream_t *stream, int fd) {
  int on = 1;
  NEED(fd >= 0);
  NEED(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
  NEED(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0);
  if (stream->fd >= 0)
    close(stream->fd);
  if (!stream->bytes)
    stream->bytes = malloc(STREAM_ROOM);
  NEED(stream->bytes);
  stream->fd = fd;
  stream->ended = 0;
  stream->length = 0;
}

/* A peer that waits for a client. */
UNUSED static stream_t
stream_listen(void) {
  stream_t stream = {.listener = socket(AF_INET, SOCK_STREAM, 0), .fd = -1};
  struct sockaddr_in self = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof(self);
  NEED(stream.listener >= 0 && bind(stream.listener, (struct sockaddr *)&self, size) == 0);
  NEED(getsockname(stream.listener, (struct sockaddr *)&self, &size) == 0);
  NEED(listen(stream.listener, 16) == 0);
  stream.port = ntohs(self.sin_port);
  return stream;
}

/* Takes the next client, whose connection the kernel has completed already. */
UNUSED static void
stream_accept(stream_t *stream) {
  struct pollfd waiting = {.fd = stream->listener, .events = POLLIN};
  NEED(poll(&waiting, 1, 3000) == 1);
  stream_own(stream, accept(stream->listener, NULL, NULL));
}

/* A peer that is connected to a server of this machine. */
UNUSED static stream_t
stream_connect(uint16_t port) {
  stream_t stream = {.listener = -1, .fd = -1, .port = port};
  struct sockaddr_in other = {
      .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  NEED(fd >= 0 && connect(fd, (struct sockaddr *)&other, sizeof(other)) == 0);
  stream_own(&stream, fd);
  return stream;
}

/* Says that nothing more will come, and still listens. */
UNUSED static void
stream_finish(stream_t *stream) {
  shutdown(stream->fd, SHUT_WR);
}

/* Ends the connection by a reset. */
UNUSED static void
stream_reset(stream_t *stream) {
  struct linger linger = {1, 0};
  setsockopt(stream->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
  close(stream->fd);
  stream->fd = -1;
}

UNUSED static void
stream_close(stream_t *stream) {
  if (stream->fd >= 0)
    close(stream->fd);
  if (stream->listener >= 0)
    close(stream->listener);
  free(stream->bytes);
  *stream = (stream_t){.listener = -1, .fd = -1};
}

/* Sends as much as the connection takes now and gives how much that was. The other side may have closed. */
UNUSED static size_t
stream_offer(const stream_t *stream, const uint8_t *bytes, size_t length) {
  ssize_t sent = send(stream->fd, bytes, length, MSG_NOSIGNAL);
  return sent < 0 ? 0 : (size_t)sent;
}

UNUSED static void
stream_send_hex(const stream_t *stream, const char *hex) {
  datagram_t bytes = from_hex(hex);
  stream_offer(stream, bytes.bytes, bytes.length);
}

/* Takes what is there already. */
UNUSED static void
stream_pull(stream_t *stream) {
  while (stream->fd >= 0 && !stream->ended && stream->length < STREAM_ROOM) {
    ssize_t length = recv(stream->fd, stream->bytes + stream->length, STREAM_ROOM - stream->length, MSG_DONTWAIT);
    if (length > 0)
      stream->length += (size_t)length;
    else if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
      return;
    else
      stream->ended = 1;
  }
}

/* The parts of a message (RFC 8323 section 3.2). */
typedef struct {
  size_t head;  /* bytes up to the token */
  size_t token; /* bytes of the token, without its extended length */
  size_t total;
  unsigned int code;
} stream_message_t;

/* Whether a whole message is there, and what it is made of. */
UNUSED static int
stream_parse(const stream_t *stream, stream_message_t *message) {
  static const size_t extended[] = {0, 1, 2, 4}, base[] = {0, 13, 269, 65805};
  const uint8_t *bytes = stream->bytes;
  size_t form, body, token, sum = 0, at = 1;
  if (stream->length < 2)
    return 0;
  form = bytes[0] >> 4 < 13 ? 0 : (size_t)(bytes[0] >> 4) - 12;
  token = (bytes[0] & 15) < 13 ? 0 : (size_t)(bytes[0] & 15) - 12;
  if (stream->length < 2 + extended[form] + token)
    return 0;
  for (size_t i = 0; i < extended[form]; i++)
    sum = sum << 8 | bytes[at++];
  body = form ? base[form] + sum : bytes[0] >> 4;
  message->code = bytes[at++];
  message->token = bytes[0] & 15;
  if (message->token == 13) {
    message->token = 13 + bytes[at];
    at += 1;
  } else if (message->token == 14) {
    message->token = 269 + bytes[at] * 256u + bytes[at + 1];
    at += 2;
  }
  message->head = at;
  message->total = at + message->token + body;
  return message->total <= stream->length;
}

/* Whether a whole message, or the end, is there. */
UNUSED static int
stream_ready(stream_t *stream) {
  stream_message_t message;
  stream_pull(stream);
  return stream->ended || stream_parse(stream, &message);
}

/* Takes the first message and gives it as a text: header, code, token and the rest; of long ones the beginning, and
 * how long the rest is. Without one `closed` or `nothing`. */
UNUSED static const char *
stream_take(stream_t *stream, int mask) {
  static char text[512];
  size_t at = 0, rest, shown;
  stream_message_t message;
  if (!stream_parse(stream, &message)) {
    snprintf(text, sizeof(text), "%s%s", stream->ended ? "closed" : "nothing",
             stream->length ? " amid a message" : "");
    return text;
  }
  for (size_t i = 0; i < message.head; i++)
    at += (size_t)sprintf(text + at, "%02x", stream->bytes[i]);
  at += (size_t)sprintf(text + at, " %u.%02u token=", message.code >> 5, message.code & 31);
  if ((mask & MASK_TOKEN) && message.token)
    at += (size_t)sprintf(text + at, "*");
  for (size_t i = 0; !(mask & MASK_TOKEN) && i < message.token && i < 24; i++)
    at += (size_t)sprintf(text + at, "%02x", stream->bytes[message.head + i]);
  rest = message.total - message.head - message.token;
  shown = rest > 48 ? 24 : rest;
  at += (size_t)sprintf(text + at, "%s rest=", message.token > 24 && !(mask & MASK_TOKEN) ? ".." : "");
  for (size_t i = 0; i < shown; i++)
    at += (size_t)sprintf(text + at, "%02x", stream->bytes[message.head + message.token + i]);
  if (shown < rest)
    sprintf(text + at, ".. (%zu bytes)", rest);
  stream->length -= message.total;
  memmove(stream->bytes, stream->bytes + message.total, stream->length);
  return text;
}

/* Waits for a message or the end while the loop of `context` runs, and gives it as `stream_take` does. */
UNUSED static const char *
stream_receive(stream_t *stream, coap_context_t *context) {
  RUN_UNTIL(context, stream_ready(stream), 3000);
  return stream_take(stream, MASK_NONE);
}

/* Waits for a message or the end, and shows it. */
UNUSED static void
stream_expect(stream_t *stream, coap_context_t *context, const char *label) {
  show("%s: %s", label, stream_receive(stream, context));
}

/* Sends bytes and a Ping behind them, and shows every message that comes before the Pong, or before the end. No time
 * passes: what has not come before the Pong was not sent. */
UNUSED static void
stream_ask(stream_t *stream, coap_context_t *context, const char *label, const char *hex) {
  datagram_t bytes = from_hex(hex);
  int messages = 0, whole;
  bytes.bytes[bytes.length++] = 0x00;
  bytes.bytes[bytes.length++] = COAP_SIGNALING_CODE_PING;
  stream_offer(stream, bytes.bytes, bytes.length);
  do {
    stream_message_t message;
    RUN_UNTIL(context, stream_ready(stream), 3000);
    whole = stream_parse(stream, &message);
    if (whole && message.code == COAP_SIGNALING_CODE_PONG) {
      stream_take(stream, MASK_NONE);
      break;
    }
    show("%s: %s", label, stream_take(stream, MASK_NONE));
    messages++;
  } while (whole);
  if (messages == 0)
    show("%s: nothing", label);
}

/* ---- a server to talk to ---- */

/* Adds an endpoint for streams on 127.0.0.1 and gives its port. */
UNUSED static uint16_t
serve_stream(coap_context_t *context, coap_endpoint_t **endpoint) {
  for (int attempt = 0; attempt < 20; attempt++) {
    uint16_t port = free_port();
    coap_address_t address = loopback(port);
    coap_endpoint_t *made = coap_new_endpoint(context, &address, COAP_PROTO_TCP);
    if (made) {
      if (endpoint)
        *endpoint = made;
      return port;
    }
  }
  NEED(!"an endpoint");
  return 0;
}

/* ---- what handlers see ---- */

static struct {
  int events, nacks, responses, pings, pongs, gone;
  coap_event_t event; /* the last one */
} seen;

UNUSED static const char *
event_text(coap_event_t event) {
  static char text[16];
  switch ((int)event) {
  case COAP_EVENT_TCP_CONNECTED:
    return "TCP_CONNECTED";
  case COAP_EVENT_TCP_CLOSED:
    return "TCP_CLOSED";
  case COAP_EVENT_TCP_FAILED:
    return "TCP_FAILED";
  case COAP_EVENT_SESSION_CONNECTED:
    return "SESSION_CONNECTED";
  case COAP_EVENT_SESSION_CLOSED:
    return "SESSION_CLOSED";
  case COAP_EVENT_SESSION_FAILED:
    return "SESSION_FAILED";
  case COAP_EVENT_SERVER_SESSION_NEW:
    return "SERVER_SESSION_NEW";
  case COAP_EVENT_SERVER_SESSION_DEL:
    return "SERVER_SESSION_DEL";
  case COAP_EVENT_KEEPALIVE_FAILURE:
    return "KEEPALIVE_FAILURE";
  case COAP_EVENT_BAD_PACKET:
    return "BAD_PACKET";
  default:
    snprintf(text, sizeof(text), "%#x", (unsigned int)event);
    return text;
  }
}

UNUSED static const char *
state_text(const coap_session_t *session) {
  static const char *const states[] = {"NONE", "CONNECTING", "HANDSHAKE", "CSM", "ESTABLISHED"};
  coap_session_state_t state = coap_session_get_state(session);
  return (unsigned int)state < 5 ? states[state] : "?";
}

UNUSED static const char *
nack_text(coap_nack_reason_t reason) {
  static const char *const reasons[] = {"TOO_MANY_RETRIES", "NOT_DELIVERABLE",  "RST",
                                        "TLS_FAILED",       "ICMP_ISSUE",       "BAD_RESPONSE",
                                        "TLS_LAYER_FAILED", "WS_LAYER_FAILED", "WS_FAILED"};
  return (unsigned int)reason < 9 ? reasons[reason] : "?";
}

UNUSED static int
watch_event(coap_session_t *session, const coap_event_t event) {
  show("  %s: %s, state %s", coap_session_get_type(session) == COAP_SESSION_TYPE_CLIENT ? "client" : "server",
       event_text(event), state_text(session));
  seen.events++;
  seen.event = event;
  seen.gone += event == COAP_EVENT_SERVER_SESSION_DEL;
  return 0;
}

UNUSED static void
watch_nack(coap_session_t *session, const coap_pdu_t *sent, coap_nack_reason_t reason, coap_mid_t mid) {
  show("  nack %s, mid %d, sent %s, state %s", nack_text(reason), mid,
       sent ? code_text(coap_pdu_get_code(sent)) : "NULL", state_text(session));
  seen.nacks++;
}

UNUSED static coap_response_t
watch_response(coap_session_t *session UNUSED, const coap_pdu_t *sent, const coap_pdu_t *received, coap_mid_t mid) {
  coap_bin_const_t token = coap_pdu_get_token(received);
  size_t length = 0, offset = 0, total = 0;
  const uint8_t *data = NULL;
  coap_get_data_large(received, &length, &data, &offset, &total);
  show("  response %s, token of %zu, mid %d, %d, sent %s, %zu bytes at %zu of %zu",
       code_text(coap_pdu_get_code(received)), token.length, mid, coap_pdu_get_mid(received), sent ? "some" : "NULL",
       length, offset, total);
  seen.responses++;
  return COAP_RESPONSE_OK;
}

UNUSED static void
watch_ping(coap_session_t *session UNUSED, const coap_pdu_t *received, const coap_mid_t mid) {
  show("  ping %s, %s, mid %d", code_text(coap_pdu_get_code(received)), type_text(coap_pdu_get_type(received)), mid);
  seen.pings++;
}

UNUSED static void
watch_pong(coap_session_t *session UNUSED, const coap_pdu_t *received, const coap_mid_t mid) {
  show("  pong %s, %s, mid %d", code_text(coap_pdu_get_code(received)), type_text(coap_pdu_get_type(received)), mid);
  seen.pongs++;
}

/* The nacks since it was emptied, for scenes in which they differ on purpose. */
static char nacks_text[256];

UNUSED static void
collect_nack(coap_session_t *session UNUSED, const coap_pdu_t *sent, coap_nack_reason_t reason, coap_mid_t mid UNUSED) {
  size_t at = strlen(nacks_text);
  snprintf(nacks_text + at, sizeof(nacks_text) - at, "%s%s %s", at ? ", " : "", nack_text(reason),
           sent ? code_text(coap_pdu_get_code(sent)) : "NULL");
}

/* Shows the events, nacks and responses of a context. */
UNUSED static void
watch(coap_context_t *context) {
  coap_register_event_handler(context, watch_event);
  coap_register_nack_handler(context, watch_nack);
  coap_register_response_handler(context, watch_response);
}

/* Shows nothing more: for scenes that end differently on the reference. */
UNUSED static void
watch_nothing(coap_context_t *context) {
  coap_register_event_handler(context, NULL);
  coap_register_nack_handler(context, NULL);
  coap_register_response_handler(context, NULL);
  coap_register_ping_handler(context, NULL);
  coap_register_pong_handler(context, NULL);
}

#endif
