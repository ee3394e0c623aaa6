/* Random messages, URIs, paths and queries: twenty thousand of each, made from seeds, and a digest of what became of
 * each thousand. Where two digests differ, PURE_RANDOM=FIRST,LAST prints those seeds one by one.
 *
 * Left out are inputs that this library answers differently on purpose; pdu.c and uri.c name them: signalling messages
 * with unknown options, and IPv6 literals that are none. */

#include "test.h"

static uint64_t state, digest;

static size_t
below(size_t limit) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (size_t)(state >> 11) % limit;
}

static void
add_bytes(const void *bytes, size_t length) {
  const uint8_t *next = bytes;
  for (; length; length--) {
    digest ^= *next++;
    digest *= 0x100000001b3ULL;
  }
}

static void
add(size_t number) {
  add_bytes(&number, sizeof(number));
}

static void
add_string(size_t length, const uint8_t *bytes) {
  add(bytes != NULL);
  add(length);
  add_bytes(bytes, length);
}

/* A heap block of exactly the length, so that memcheck sees a read of one byte too many. */
static uint8_t *
exact(const void *bytes, size_t length) {
  uint8_t *block = malloc(length ? length : 1);
  NEED(block);
  memcpy(block, bytes, length);
  return block;
}

static void
add_message(const coap_pdu_t *pdu) {
  coap_bin_const_t token = coap_pdu_get_token(pdu);
  coap_opt_iterator_t oi;
  coap_opt_t *option;
  coap_string_t *path = coap_get_uri_path(pdu);
  size_t length;
  const uint8_t *data;
  add((size_t)coap_pdu_get_type(pdu));
  add((size_t)coap_pdu_get_code(pdu));
  add((size_t)coap_pdu_get_mid(pdu));
  add(token.length);
  add_bytes(token.s, token.length);
  if (coap_option_iterator_init(pdu, &oi, COAP_OPT_ALL))
    while ((option = coap_option_next(&oi))) {
      add(oi.number);
      add_string(coap_opt_length(option), coap_opt_value(option));
    }
  if (coap_get_data(pdu, &length, &data))
    add_string(length, data);
  if (path)
    add_string(path->length, path->s);
  coap_delete_string(path);
}

/* Bytes that are a message often enough. */
static void
parse(void) {
  static const uint16_t deltas[] = {0, 1, 3, 4, 5, 6, 7, 8, 11, 12, 13, 14, 15, 16, 17, 20, 23, 28, 35, 60, 200, 258, 292};
  uint8_t bytes[256];
  size_t length = 0, count, room;
  coap_proto_t proto = below(4) ? COAP_PROTO_UDP : (coap_proto_t)below(COAP_PROTO_LAST);
  coap_pdu_t *pdu;
  uint8_t *block;
  bytes[length++] = (uint8_t)(0x40 | below(4) << 4 | (below(20) ? below(9) : below(16)));
  bytes[length++] = (uint8_t)(below(4) ? below(8) : below(0xe0));
  bytes[length++] = (uint8_t)below(0xe0);
  bytes[length++] = (uint8_t)below(0xe0);
  for (count = bytes[0] & 15; count; count--)
    bytes[length++] = (uint8_t)below(0xe0);
  for (count = below(6); count && length < 160; count--) {
    size_t size = below(3) ? below(6) : below(20);
    length += coap_opt_setheader(bytes + length, 6, deltas[below(sizeof(deltas) / sizeof(*deltas))], size);
    for (; size; size--)
      bytes[length++] = (uint8_t)(below(4) ? 'a' + below(3) : below(256));
  }
  if (below(2)) {
    bytes[length++] = 0xff;
    for (count = below(5); count; count--)
      bytes[length++] = (uint8_t)below(256);
  }
  if (!below(3))
    bytes[4 + below(length)] = (uint8_t)below(256);
  if (!below(5))
    length = below(length + 1);
  room = below(5) ? 1152 : below(60);
  block = exact(bytes, length);
  pdu = coap_pdu_init(COAP_MESSAGE_CON, COAP_REQUEST_CODE_GET, 1, room);
  NEED(pdu);
  count = (size_t)coap_pdu_parse(proto, block, length, pdu);
  add(count);
  if (count)
    add_message(pdu);
  coap_delete_pdu(pdu);
  free(block);
}

static void
build(void) {
  static const uint16_t numbers[] = {1,  3,  4,  5,  6,  7,  8,   11,  12,  14, 15, 16,  17,   20,    23,
                                     27, 28, 35, 39, 60, 252, 258, 292, 2, 13, 500, 3000, 65000, 19, 31};
  static uint8_t value[300];
  size_t count;
  coap_pdu_t *pdu = coap_pdu_init((coap_pdu_type_t)below(4), (coap_pdu_code_t)(below(3) ? below(8) : below(256)),
                                  (coap_mid_t)below(65536), 2000);
  NEED(pdu);
  add((size_t)coap_add_token(pdu, below(20), (const uint8_t *)"abcdefghijklmnopqrst"));
  for (count = below(8); count; count--) {
    uint16_t number = numbers[below(sizeof(numbers) / sizeof(*numbers))];
    memset(value, (int)('a' + below(20)), sizeof(value));
    add(coap_add_option(pdu, number, below(3) ? below(6) : below(sizeof(value)), value));
  }
  if (below(2))
    add((size_t)coap_add_data(pdu, below(10), (const uint8_t *)"0123456789"));
  add_message(pdu);
  coap_delete_pdu(pdu);
}

static const char letters[] = "/?#&.:@aA1e2f=;+~ /?&.\xc3";

static void
split(void) {
  static const char *const beginnings[] = {"coap://", "coap+ws://", "http://", "coap://[::1]", "coap://h", "coap://h:12",
                                           "/",       ""};
  char text[64];
  size_t length, count;
  uint8_t *block;
  int proxy;
  strcpy(text, beginnings[below(sizeof(beginnings) / sizeof(*beginnings))]);
  length = strlen(text);
  for (count = below(14); count; count--)
    text[length++] = below(8) ? letters[below(sizeof(letters) - 1)] : '%';
  block = exact(text, length);
  for (proxy = 0; proxy < 2; proxy++) {
    coap_uri_t uri;
    int answer = proxy ? coap_split_proxy_uri(block, length, &uri) : coap_split_uri(block, length, &uri);
    add((size_t)-answer);
    if (answer == 0) {
      add((size_t)uri.scheme);
      add(uri.port);
      add_string(uri.host.length, uri.host.s);
      add_string(uri.path.length, uri.path.s);
      add_string(uri.query.length, uri.query.s);
    }
  }
  free(block);
}

static void
segments(void) {
  static const char *const encoded[] = {"%2e", "%2E", "%2f", "%41", "%20", "%00"};
  char text[80];
  size_t length = 0, count;
  uint8_t *block, buf[100];
  int query;
  for (count = below(20); count; count--)
    if (below(6)) {
      text[length++] = letters[below(sizeof(letters) - 1)];
    } else {
      memcpy(text + length, encoded[below(6)], 3);
      length += 3;
    }
  block = exact(text, length);
  for (query = 0; query < 2; query++) {
    coap_optlist_t *list = NULL, *entry;
    /* A path has room: one segment that has none makes the reference's `..` take away another. */
    size_t room = !query || below(3) ? sizeof(buf) : below(30);
    add((size_t)(query ? coap_query_into_optlist(block, length, COAP_OPTION_URI_QUERY, &list)
                       : coap_path_into_optlist(block, length, COAP_OPTION_URI_PATH, &list)));
    for (entry = list; entry; entry = entry->next) {
      add(entry->number);
      add_string(entry->length, entry->data);
    }
    coap_delete_optlist(list);
    add((size_t)(query ? coap_split_query(block, length, buf, &room) : coap_split_path(block, length, buf, &room)));
    add_string(room, buf);
  }
  free(block);
}

static const struct {
  const char *name;
  void (*run)(void);
} kinds[] = {{"parse", parse}, {"build", build}, {"split", split}, {"segments", segments}};

static void
run(size_t kind, uint64_t seed) {
  state = (seed + 1) * 0x9e3779b97f4a7c15ULL;
  below(2);
  kinds[kind].run();
}

int
main(void) {
  const char *range = getenv("PURE_RANDOM");
  unsigned long first = 0, last = 19999, each = 1000, seed;
  size_t kind;
  if (range && sscanf(range, "%lu,%lu", &first, &last) == 2)
    each = 1;
  coap_set_log_level(COAP_LOG_EMERG);
  for (kind = 0; kind < sizeof(kinds) / sizeof(*kinds); kind++)
    for (seed = first; seed <= last; seed++) {
      if ((seed - first) % each == 0)
        digest = 0xcbf29ce484222325ULL;
      run(kind, seed);
      if ((seed - first) % each == each - 1)
        show("%s %lu %016llx", kinds[kind].name, seed, (unsigned long long)digest);
    }
  return 0;
}
