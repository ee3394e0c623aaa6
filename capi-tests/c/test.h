/* What the test programs share: lines of output, time, addresses, datagrams. `peer.h` adds what programs
 * need that talk to somebody. README.md in the directory above says how a program is written. */

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

/* A port of 127.0.0.1 that nobody has at the moment, neither of UDP nor of TCP. */
UNUSED static uint16_t
free_port(void) {
  for (;;) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int udp = socket(AF_INET, SOCK_DGRAM, 0), tcp = socket(AF_INET, SOCK_STREAM, 0), is_free;
    NEED(udp >= 0 && tcp >= 0 && bind(udp, (struct sockaddr *)&address, size) == 0);
    NEED(getsockname(udp, (struct sockaddr *)&address, &size) == 0);
    is_free = bind(tcp, (struct sockaddr *)&address, size) == 0;
    close(udp);
    close(tcp);
    if (is_free)
      return ntohs(address.sin_port);
  }
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

/* What of a datagram is random, and so printed as `*`: the message id, the token, or the message id only of a
 * message whose sender has chosen it: a CON or a NON. */
enum { MASK_NONE = 0, MASK_MID = 1, MASK_TOKEN = 2, MASK_BOTH = 3, MASK_OWN = 4 };

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
    if ((mask & MASK_MID) || ((mask & MASK_OWN) && (bytes[0] >> 4 & 3) < 2))
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

#endif
