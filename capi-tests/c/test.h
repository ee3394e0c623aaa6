/* What the test programs share: lines of output, deadlines instead of sleeps, and a scripted peer.
 * README.md in the directory above says how a program is written. */

#ifndef TEST_H
#define TEST_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <coap3/coap.h>

#define UNUSED __attribute__((unused))

/* ---- lines ---- */

/* Prints a line at once, so that nothing is lost when the program dies. */
UNUSED __attribute__((format(printf, 1, 2))) static void
show(const char *format, ...) {
  va_list args;
  va_start(args, format);
  vprintf(format, args);
  va_end(args);
  putchar('\n');
  fflush(stdout);
}

/* Prints what an integer expression gives: `expression = 7`. */
#define SHOW(expression) show("%s = %lld", #expression, (long long)(expression))

/* Prints whether a pointer is NULL. */
#define SHOW_PTR(expression) show("%s = %s", #expression, (expression) ? "something" : "NULL")

/* Prints a string, or NULL. */
#define SHOW_STR(expression)                                                                       \
  do {                                                                                             \
    const char *show_str_ = (const char *)(expression);                                            \
    show("%s = %s", #expression, show_str_ ? show_str_ : "NULL");                                  \
  } while (0)

/* Prints a difference from the reference that is meant. The runner holds our library to `wanted`, and
 * compares the line with nothing on the reference. The source explains the topic in a comment. */
UNUSED __attribute__((format(printf, 3, 4))) static void
mend(const char *topic, const char *wanted, const char *format, ...) {
  va_list args;
  printf("mend %s | %s | ", topic, wanted);
  va_start(args, format);
  vprintf(format, args);
  va_end(args);
  putchar('\n');
  fflush(stdout);
}

/* Whether this run is on the reference: there, leave out what crashes it. Only for lines of `mend`. */
UNUSED static int
on_reference(void) {
  const char *place = getenv("TEST_ON");
  return place && strcmp(place, "reference") == 0;
}

/* Ends the program when what it stands on is not there. */
#define NEED(condition)                                                                            \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      show("%s:%d: needed: %s", __FILE__, __LINE__, #condition);                                   \
      exit(2);                                                                                     \
    }                                                                                              \
  } while (0)

/* ---- time ---- */

UNUSED static int64_t
now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Runs the loop of `context` until `condition` holds, at most `limit` ms. Afterwards `condition` tells
 * whether it came true. */
#define RUN_UNTIL(context, condition, limit)                                                       \
  do {                                                                                             \
    int64_t run_end_ = now_ms() + (limit);                                                         \
    while (!(condition) && now_ms() < run_end_)                                                    \
      coap_io_process((context), 10);                                                              \
  } while (0)

/* Runs the loop of `context` for `span` ms: for things that must not happen. */
#define RUN_FOR(context, span) RUN_UNTIL(context, 0, span)

/* ---- addresses ---- */

/* 127.0.0.1 with a port. */
UNUSED static coap_address_t
loopback(uint16_t port) {
  coap_address_t address;
  coap_address_init(&address);
  address.addr.sin.sin_family = AF_INET;
  address.addr.sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.addr.sin.sin_port = htons(port);
  address.size = sizeof(address.addr.sin);
  return address;
}

/* A port of 127.0.0.1 that nobody has at the moment. */
UNUSED static uint16_t
free_port(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof(address);
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  NEED(fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0);
  NEED(getsockname(fd, (struct sockaddr *)&address, &size) == 0);
  close(fd);
  return ntohs(address.sin_port);
}

/* ---- datagrams ---- */

typedef struct {
  size_t length;
  uint8_t bytes[2048];
} datagram_t;

/* Reads hexadecimal digits; blanks between bytes are for the reader. */
UNUSED static datagram_t
from_hex(const char *hex) {
  datagram_t datagram = {0, {0}};
  while (*hex) {
    unsigned int byte;
    if (*hex == ' ') {
      hex++;
      continue;
    }
    NEED(sscanf(hex, "%2x", &byte) == 1 && datagram.length < sizeof(datagram.bytes));
    datagram.bytes[datagram.length++] = (uint8_t)byte;
    hex += 2;
  }
  return datagram;
}

UNUSED static unsigned int
mid_of(const datagram_t *datagram) {
  return datagram->length < 4 ? 0 : datagram->bytes[2] * 256u + datagram->bytes[3];
}

/* What of a datagram is random, and so printed as `*`. */
enum { MASK_NONE = 0, MASK_MID = 1, MASK_TOKEN = 2, MASK_BOTH = 3 };

/* Prints a datagram: type, code, message id, token, and the rest as it is. */
UNUSED static void
show_datagram(const char *label, const datagram_t *datagram, int mask) {
  static const char *const types[] = {"CON", "NON", "ACK", "RST"};
  const uint8_t *bytes = datagram->bytes;
  size_t token_length = bytes[0] & 15, at = 4;
  if (token_length == 13)
    token_length = 1 + 13 + bytes[4]; /* RFC 8974: with its extended length */
  if (datagram->length < 4) {
    printf("%s: %zu bytes", label, datagram->length);
  } else {
    printf("%s: v%d %s %d.%02d mid=", label, bytes[0] >> 6, types[bytes[0] >> 4 & 3], bytes[1] >> 5,
           bytes[1] & 31);
    if (mask & MASK_MID)
      printf("*");
    else
      printf("%04x", mid_of(datagram));
    printf(" token=");
    if ((mask & MASK_TOKEN) && token_length > 0) {
      printf("*");
      at += token_length;
    } else {
      for (; at < datagram->length && at < 4 + token_length; at++)
        printf("%02x", bytes[at]);
    }
    printf(" rest=");
  }
  for (; at < datagram->length; at++)
    printf("%02x", bytes[at]);
  putchar('\n');
  fflush(stdout);
}

/* ---- the peer: a bare socket that says exactly what it is told to ---- */

typedef struct {
  int fd;
  uint16_t port;
  struct sockaddr_in other; /* who it talks to */
} peer_t;

/* A peer at a port of its own. It talks to `port`; with 0, to whom it last received from. */
UNUSED static peer_t
peer_open(uint16_t port) {
  peer_t peer = {.fd = socket(AF_INET, SOCK_DGRAM, 0)};
  struct sockaddr_in self = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof(self);
  NEED(peer.fd >= 0 && bind(peer.fd, (struct sockaddr *)&self, size) == 0);
  NEED(getsockname(peer.fd, (struct sockaddr *)&self, &size) == 0);
  peer.port = ntohs(self.sin_port);
  peer.other = self;
  peer.other.sin_port = htons(port);
  return peer;
}

UNUSED static void
peer_close(peer_t *peer) {
  close(peer->fd);
  peer->fd = -1;
}

UNUSED static void
peer_send(const peer_t *peer, const datagram_t *datagram) {
  NEED(sendto(peer->fd, datagram->bytes, datagram->length, 0, (const struct sockaddr *)&peer->other,
              sizeof(peer->other)) == (ssize_t)datagram->length);
}

UNUSED static void
peer_send_hex(const peer_t *peer, const char *hex) {
  datagram_t datagram = from_hex(hex);
  peer_send(peer, &datagram);
}

/* Sends hexadecimal digits of which the message id is `mid`: `????` stands for it. */
UNUSED static void
peer_send_mid(const peer_t *peer, const char *hex, unsigned int mid) {
  char text[4096];
  char digits[5];
  NEED(strlen(hex) < sizeof(text));
  strcpy(text, hex);
  snprintf(digits, sizeof(digits), "%04x", mid & 0xffff);
  char *hole = strstr(text, "????");
  NEED(hole);
  memcpy(hole, digits, 4);
  peer_send_hex(peer, text);
}

/* Takes a datagram that is there already. 0 when there is none. */
UNUSED static int
peer_take(peer_t *peer, datagram_t *datagram) {
  struct sockaddr_in from;
  socklen_t size = sizeof(from);
  ssize_t length = recvfrom(peer->fd, datagram->bytes, sizeof(datagram->bytes), MSG_DONTWAIT,
                            (struct sockaddr *)&from, &size);
  if (length < 0)
    return 0;
  datagram->length = (size_t)length;
  peer->other = from;
  return 1;
}

/* Waits for a datagram while the loop of `context` runs, at most `limit` ms. 0 when none came. */
UNUSED static int
peer_receive(peer_t *peer, coap_context_t *context, datagram_t *datagram, int64_t limit) {
  int64_t end = now_ms() + limit;
  while (!peer_take(peer, datagram)) {
    if (now_ms() >= end)
      return 0;
    coap_io_process(context, 2);
  }
  return 1;
}

/* Waits for a datagram and prints it, or `nothing`. */
UNUSED static int
peer_expect(peer_t *peer, coap_context_t *context, const char *label, int mask, int64_t limit,
            datagram_t *datagram) {
  if (!peer_receive(peer, context, datagram, limit)) {
    show("%s: nothing", label);
    return 0;
  }
  show_datagram(label, datagram, mask);
  return 1;
}

/* ---- a server to talk to ---- */

/* Adds an endpoint on 127.0.0.1 and gives its port. */
UNUSED static uint16_t
serve(coap_context_t *context, coap_endpoint_t **endpoint) {
  for (int attempt = 0; attempt < 20; attempt++) {
    uint16_t port = free_port();
    coap_address_t address = loopback(port);
    coap_endpoint_t *made = coap_new_endpoint(context, &address, COAP_PROTO_UDP);
    if (made) {
      if (endpoint)
        *endpoint = made;
      return port;
    }
  }
  NEED(!"an endpoint");
  return 0;
}

/* Adds a resource with one handler. */
UNUSED static coap_resource_t *
resource_with(coap_context_t *context, const char *path, int flags, coap_request_t method,
              coap_method_handler_t handler) {
  coap_resource_t *resource = coap_resource_init(coap_make_str_const(path), flags);
  NEED(resource);
  coap_register_request_handler(resource, method, handler);
  coap_add_resource(context, resource);
  return resource;
}

UNUSED static void
probe_handler(coap_resource_t *resource UNUSED, coap_session_t *session UNUSED,
              const coap_pdu_t *request UNUSED, const coap_string_t *query UNUSED, coap_pdu_t *response) {
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
}

/* The resource that `ask` uses: /~ */
UNUSED static void
add_probe(coap_context_t *context) {
  resource_with(context, "~", 0, COAP_REQUEST_GET, probe_handler);
}

/* Sends a datagram to the server on `context`, which has the probe's resource, and prints every answer to
 * it. No time passes: a GET of the probe follows on the same socket, and what has not come before its
 * answer was not sent. */
UNUSED static void
ask(peer_t *peer, coap_context_t *context, const char *label, const char *hex, int mask) {
  static uint16_t probe_mid = 0xf000;
  struct sockaddr_in server = peer->other;
  datagram_t answer;
  int answers = 0;
  peer_send_hex(peer, hex);
  peer_send_mid(peer, "41 01 ???? fa b1 7e", ++probe_mid);
  for (;;) {
    NEED(peer_receive(peer, context, &answer, 3000));
    peer->other = server;
    if (mid_of(&answer) == probe_mid && answer.bytes[0] == 0x61)
      break;
    show_datagram(label, &answer, mask);
    answers++;
  }
  if (answers == 0)
    show("%s: nothing", label);
}

/* ---- PDUs ---- */

/* `2.05` and the like, in one of four buffers. */
UNUSED static const char *
code_text(coap_pdu_code_t code) {
  static char texts[4][8];
  static unsigned int next;
  char *text = texts[next++ % 4];
  snprintf(text, sizeof(texts[0]), "%d.%02d", (code >> 5) & 7, code & 31);
  return text;
}

UNUSED static const char *
type_text(coap_pdu_type_t type) {
  static const char *const types[] = {"CON", "NON", "ACK", "RST"};
  return (unsigned int)type < 4 ? types[type] : "?";
}

/* A request with a path of one segment and a token. */
UNUSED static coap_pdu_t *
request_for(coap_session_t *session, coap_pdu_type_t type, coap_request_t method, const char *path,
            const char *token) {
  coap_pdu_t *pdu = coap_new_pdu(type, (coap_pdu_code_t)method, session);
  NEED(pdu);
  NEED(coap_add_token(pdu, strlen(token), (const uint8_t *)token));
  if (path)
    NEED(coap_add_option(pdu, COAP_OPTION_URI_PATH, strlen(path), (const uint8_t *)path));
  return pdu;
}

#endif
