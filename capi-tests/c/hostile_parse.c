/* Hostile datagrams, and every beginning of each, given to coap_pdu_parse in heap blocks of exactly their length, so that
 * memcheck sees a read of one byte too many. What is accepted is walked through to its last option and its payload.
 *
 * The datagrams are those of interop/hostile.corpus, or of the file that $COAP_CORPUS names. */

#include "test.h"

enum { LINE_MAX_BYTES = 8192, DATAGRAM_MAX = 66000, COLUMNS = 4 };

static const coap_proto_t protocols[] = {COAP_PROTO_UDP, COAP_PROTO_TCP};
/* These datagrams were made for UDP. Read as TCP they only must do no harm: what comes of it is not compared. */
static const char *const lines[] = {"udp", "~ tcp"};

/* mend option 65,535: RFC 7252 section 12.2 gives option numbers 16 bits, so that 65,535 is the last one; the reference takes
 * it for malformed. */
static const struct {
  const char *name, *right;
} mended[] = {{"option number over 65,535 in two steps", "refused; 2 beginnings are messages"},
              {"option number wraps to 3", "refused; 2 beginnings are messages"},
              {"critical option 65,535", "2 options, 0 bytes of payload, sum 66078; 2 beginnings are messages too"}};

/* Prints what came of a datagram. */
static void
show_outcome(const char *protocol, const char *name, const char *outcome) {
  for (size_t i = 0; i < sizeof(mended) / sizeof(mended[0]); i++) {
    if (protocol == lines[0] && !strcmp(name, mended[i].name)) {
      mend("option 65,535", mended[i].right, "%s", outcome);
      return;
    }
  }
  show("%s %s: %s", protocol, name, outcome);
}

/* The bytes that `text` stands for: hex in words, `aa*300` for 300 times aa, `-` for nothing. */
static size_t
expand(char *text, uint8_t *out) {
  size_t length = 0;

  for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
    char *star = strchr(word, '*');
    unsigned long times = star ? strtoul(star + 1, NULL, 10) : 1;
    size_t digits = star ? (size_t)(star - word) : strlen(word);

    if (!strcmp(word, "-"))
      continue;
    NEED(digits % 2 == 0);
    for (; times; times--) {
      for (size_t i = 0; i < digits; i += 2) {
        unsigned byte = 0;

        NEED(sscanf(word + i, "%2x", &byte) == 1 && length < DATAGRAM_MAX);
        out[length++] = (uint8_t)byte;
      }
    }
  }
  return length;
}

/* Walks through a message; a sum over every byte that an application may read. */
static unsigned long
walk(const coap_pdu_t *pdu, int *options, size_t *payload) {
  coap_opt_iterator_t iterator;
  coap_bin_const_t token = coap_pdu_get_token(pdu);
  const uint8_t *data = NULL;
  unsigned long sum = 0;

  *options = 0;
  *payload = 0;
  for (size_t i = 0; i < token.length; i++)
    sum += token.s[i];
  if (coap_option_iterator_init(pdu, &iterator, COAP_OPT_ALL)) {
    coap_opt_t *option;

    while ((option = coap_option_next(&iterator))) {
      const uint8_t *value = coap_opt_value(option);

      (*options)++;
      sum += iterator.number;
      for (uint32_t i = 0; i < coap_opt_length(option); i++)
        sum += value[i];
    }
  }
  if (coap_get_data(pdu, payload, &data)) {
    for (size_t i = 0; i < *payload; i++)
      sum += data[i];
  }
  return sum;
}

/* Parses the first `length` bytes from a block of exactly that size. */
static int
parse(coap_proto_t protocol, const uint8_t *bytes, size_t length, int *options, size_t *payload, unsigned long *sum) {
  uint8_t *block = malloc(length ? length : 1);
  coap_pdu_t *pdu = coap_pdu_init(COAP_MESSAGE_CON, COAP_EMPTY_CODE, 0, length + 16);
  int accepted = 0;

  NEED(block && pdu);
  if (length)
    memcpy(block, bytes, length);
  if (length) /* a block of one byte, when nothing is in it, would show nothing */
    accepted = coap_pdu_parse(protocol, block, length, pdu);
  if (accepted)
    *sum = walk(pdu, options, payload);
  coap_delete_pdu(pdu);
  free(block);
  return accepted;
}

int
main(void) {
  static char line[LINE_MAX_BYTES];
  static uint8_t bytes[DATAGRAM_MAX];
  const char *path = getenv("COAP_CORPUS");
  char beside[4096];
  FILE *corpus;
  int entries = 0;

  if (!path) {
    const char *slash = strrchr(__FILE__, '/');

    snprintf(beside, sizeof(beside), "%.*s/../interop/hostile.corpus", slash ? (int)(slash - __FILE__) : 1,
             slash ? __FILE__ : ".");
    path = beside;
  }
  corpus = fopen(path, "r");
  NEED(corpus);
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  while (fgets(line, sizeof(line), corpus)) {
    char *columns[COLUMNS] = {0};
    int count = 0;
    size_t length;
    char *name;

    if (line[0] == '#' || line[0] == '\n')
      continue;
    for (char *at = line; at && count < COLUMNS; count++) {
      columns[count] = at;
      at = strchr(at, '|');
      if (at)
        *at++ = '\0';
    }
    NEED(count == COLUMNS);
    name = columns[1] + strspn(columns[1], " ");
    for (char *end = name + strlen(name); end > name && end[-1] == ' ';)
      *--end = '\0';
    length = expand(columns[2], bytes);
    entries++;
    for (size_t p = 0; p < sizeof(protocols) / sizeof(protocols[0]); p++) {
      int options = 0;
      size_t payload = 0;
      char outcome[160];
      unsigned long sum = 0, beginnings = 0, step = length > 2000 ? 97 : 1;

      for (size_t shorter = 0; shorter < length; shorter += step)
        beginnings += parse(protocols[p], bytes, shorter, &options, &payload, &sum) != 0;
      if (parse(protocols[p], bytes, length, &options, &payload, &sum))
        snprintf(outcome, sizeof(outcome), "%d options, %zu bytes of payload, sum %lu; %lu beginnings are messages too",
                 options, payload, sum, beginnings);
      else
        snprintf(outcome, sizeof(outcome), "refused; %lu beginnings are messages", beginnings);
      show_outcome(lines[p], name, outcome);
    }
  }
  fclose(corpus);
  show("%d datagrams", entries);
  coap_cleanup();
  return 0;
}
