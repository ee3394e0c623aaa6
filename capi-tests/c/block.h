/* What the programs about block-wise transfers share: bodies whose bytes say where they stand, messages on one line,
 * and lent bodies that must come back once. */

#ifndef BLOCK_H
#define BLOCK_H

#include "peer.h"

static uint8_t body[70000];

UNUSED static void
fill_body(void) {
  for (size_t i = 0; i < sizeof(body); i++)
    body[i] = (uint8_t)(i % 251);
}

/* ---- lent bodies ---- */

static unsigned int lent, given_back;
static int quiet; /* what is printed differs, and `mend` has printed it */

UNUSED static void
give_back(coap_session_t *session, void *number) {
  given_back++;
  if (!quiet)
    show("  body %u is given back%s", (unsigned int)(uintptr_t)number, session ? "" : " without a session");
}

/* Something to know a body by. */
UNUSED static void *
lend(void) {
  return (void *)(uintptr_t)++lent;
}

/* ---- messages ---- */

/* Where the payload of a PDU stands, and whether it is what stands there in `body`, from `first` on. */
UNUSED static void
print_body(const coap_pdu_t *pdu, size_t first) {
  size_t length, offset, total;
  const uint8_t *data;
  if (!coap_get_data_large(pdu, &length, &data, &offset, &total)) {
    printf(" without payload");
    return;
  }
  printf(" %zu bytes at %zu of %zu", length, offset, total);
  if (first + offset + length > sizeof(body) || memcmp(data, body + first + offset, length) != 0)
    printf(", other ones");
}

UNUSED static void
print_value(const coap_opt_t *option) {
  for (uint32_t i = 0; i < coap_opt_length(option); i++)
    printf("%02x", coap_opt_value(option)[i]);
}

/* A PDU as a handler sees it. Request-Tags are random. */
UNUSED static void
print_pdu(const char *label, const coap_pdu_t *pdu, size_t first) {
  coap_opt_iterator_t walk;
  coap_opt_t *option;
  if (!pdu) {
    printf(" %s NULL", label);
    return;
  }
  coap_bin_const_t token = coap_pdu_get_token(pdu);
  printf(" %s {%s %s token ", label, type_text(coap_pdu_get_type(pdu)), code_text(coap_pdu_get_code(pdu)));
  for (size_t i = 0; i < token.length; i++)
    printf("%02x", token.s[i]);
  coap_option_iterator_init(pdu, &walk, COAP_OPT_ALL);
  while ((option = coap_option_next(&walk))) {
    printf(" %u=", walk.number);
    if (walk.number == COAP_OPTION_RTAG)
      printf("*");
    else
      print_value(option);
  }
  print_body(pdu, first);
  printf("}");
}

/* ---- datagrams ---- */

/* A datagram with hexadecimal digits `head` up to its options, and `length` bytes of `body` from `from` on. */
UNUSED static datagram_t
with_body(const char *head, size_t from, size_t length) {
  datagram_t datagram = from_hex(head);
  if (length > 0)
    datagram.bytes[datagram.length++] = 0xff;
  NEED(datagram.length + length <= sizeof(datagram.bytes));
  memcpy(datagram.bytes + datagram.length, body + from, length);
  datagram.length += length;
  return datagram;
}

/* Prints a datagram by its options. ETags that the library has found, Request-Tags and tokens are
 * random. */
UNUSED static void
show_wire(const char *label, const datagram_t *datagram) {
  coap_pdu_t *pdu = coap_pdu_init(COAP_MESSAGE_CON, 0, 0, 2048);
  coap_opt_iterator_t walk;
  coap_opt_t *option;
  size_t length;
  const uint8_t *data;
  NEED(pdu && coap_pdu_parse(COAP_PROTO_UDP, datagram->bytes, datagram->length, pdu));
  printf("%s: %s %s", label, type_text(coap_pdu_get_type(pdu)), code_text(coap_pdu_get_code(pdu)));
  coap_option_iterator_init(pdu, &walk, COAP_OPT_ALL);
  while ((option = coap_option_next(&walk))) {
    printf(" %u=", walk.number);
    if (walk.number == COAP_OPTION_RTAG || walk.number == COAP_OPTION_ETAG)
      printf("*");
    else
      print_value(option);
  }
  if (coap_get_data(pdu, &length, &data)) {
    size_t from = 0;
    while (from + length <= sizeof(body) && memcmp(data, body + from, length) != 0)
      from++;
    if (from + length <= sizeof(body) && length > 15)
      printf(" %zu bytes like those from %zu", length, from % 251);
    else
      printf(" %.*s", length > 40 ? 40 : (int)length, data[0] >= 32 && data[0] < 127 ? (const char *)data : "(bytes)");
  }
  putchar('\n');
  fflush(stdout);
  coap_delete_pdu(pdu);
}

#endif
