/* Bodies in blocks through a proxy, message by message: sizes that differ on both sides, and who answers for which block. */
#include "proxy.h"

enum { AS_THEY_COME = 0, ASSEMBLED = COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY };

static size_t body_length; /* of the upstream server */
static unsigned int body_szx;
static char body[2000];

static const char *
part(size_t from, size_t length) {
  static char text[1100];
  memcpy(text, body + from, length);
  text[length] = 0;
  return text;
}

/* The upstream server: bodies in blocks of its own size, both ways. */
static void
serve_blocks(int i) {
  const datagram_t *d = &asked[i];
  unsigned int reply = (d->bytes[0] >> 4 & 3) == CON ? COAP_MESSAGE_ACK : COAP_MESSAGE_NON;
  long block1 = find_option(d, COAP_OPTION_BLOCK1), block2 = find_option(d, COAP_OPTION_BLOCK2);
  unsigned int szx = body_szx;
  char options[64];
  if (block1 >= 0) {
    unsigned int taken = (unsigned int)(block1 & 7) < szx ? (unsigned int)(block1 & 7) : szx;
    snprintf(options, sizeof(options), "d3 0e %06x", ((unsigned int)block1 & ~7u) | taken);
    up_answer(i, d, reply, block1 & 8 ? 0x5f : 0x44, options, NULL);
    return;
  }
  if (d->bytes[1] != 1 && d->bytes[1] != 5) {
    up_answer(i, d, reply, 0x44, "", NULL);
    return;
  }
  size_t from = block2 > 0 ? (size_t)(block2 >> 4) << ((block2 & 7) + 4) : 0;
  if (block2 >= 0 && (unsigned int)(block2 & 7) < szx)
    szx = (unsigned int)(block2 & 7);
  size_t size = (size_t)16 << szx;
  if (from >= body_length) {
    up_answer(i, d, reply, 0x80, "", NULL);
    return;
  }
  unsigned int more = from + size < body_length;
  snprintf(options, sizeof(options), "42beef 80 b3 %06zx 52 %04zx", from / size << 4 | more << 3 | szx, body_length);
  up_answer(i, d, reply, 0x45, options, part(from, more ? size : body_length - from));
}

static void
open_blocks(const char *title, uint32_t mode, unsigned int szx, size_t length) {
  if (!quiet)
    show("-- %s", title);
  px_open(COAP_PROXY_REVERSE, 1, mode);
  up_does[0] = SCRIPT;
  up_script = serve_blocks;
  body_szx = szx;
  body_length = length;
}

/* Gets a body as a client that wants blocks of `szx`, or has no wish where it is negative. */
static void
get_body(int i, const char *token, int szx, unsigned int code, const char *payload) {
  char options[64];
  snprintf(options, sizeof(options), szx < 0 ? "11=b%s" : "11=b%s 23#%02x", payload ? " 12#32" : "", (unsigned int)szx);
  say(i, CON, code, token, options, payload);
  for (;;) {
    long block2 = find_option(&told[i], COAP_OPTION_BLOCK2);
    if (block2 < 0 || !(block2 & 8))
      return;
    snprintf(options, sizeof(options), "11=b%s 23#%06lx", payload ? " 12#32" : "", (block2 & ~15l) + 16 + (block2 & 7));
    say(i, CON, code, token, options, payload);
  }
}

/* Puts `length` bytes in blocks of `szx`, or smaller ones if it is asked to. */
static void
put_body(int i, unsigned int code, unsigned int szx, size_t length) {
  for (size_t from = 0; from < length;) {
    size_t size = (size_t)16 << szx, n = length - from < size ? length - from : size;
    char options[64];
    snprintf(options, sizeof(options), "11=b 12#32 27#%06zx 60#%04zx", from / size << 4 | (from + n < length) << 3 | szx, length);
    say(i, CON, code, "aa", options, part(from, n));
    from += n;
    long block1 = find_option(&told[i], COAP_OPTION_BLOCK1);
    if (block1 >= 0 && (unsigned int)(block1 & 7) < szx)
      szx = (unsigned int)(block1 & 7);
    if (told[i].bytes[1] >= 0x80)
      return;
  }
}

static void
assembled(void) {
  open_blocks("a client without a wish, blocks of 64 upstream", ASSEMBLED, 2, 150);
  get_body(0, "aa", -1, 1, NULL);
  px_close();
  open_blocks("blocks of 32 to the client, 64 upstream", ASSEMBLED, 2, 150);
  get_body(0, "aa", 1, 1, NULL);
  px_close();
  open_blocks("blocks of 128 to the client, 32 upstream", ASSEMBLED, 1, 150);
  get_body(0, "aa", 3, 1, NULL);
  px_close();
  open_blocks("1,500 bytes and no wish, blocks of 1,024 upstream", ASSEMBLED, 6, 1500);
  get_body(0, "aa", -1, 1, NULL);
  px_close();
  open_blocks("FETCH", ASSEMBLED, 2, 150);
  get_body(0, "aa", -1, 5, "selector");
  px_close();
  open_blocks("the rest with another token", ASSEMBLED, 2, 150);
  say(0, CON, 1, "aa", "11=b 23#02", NULL);
  say(0, CON, 1, "ab", "11=b 23#12", NULL);
  say(0, CON, 1, "ac", "11=b 23#22", NULL);
  px_close();
  open_blocks("two clients at the same time", ASSEMBLED, 2, 150);
  say(0, CON, 1, "aa", "11=b 23#02", NULL);
  get_body(1, "aa", 2, 1, NULL);
  say(0, CON, 1, "aa", "11=b 23#12", NULL);
  px_close();
  open_blocks("PUT in blocks of 32, to be passed on whole", ASSEMBLED, 6, 0);
  put_body(0, 3, 1, 80);
  px_close();
  open_blocks("iPATCH in blocks of 64", ASSEMBLED, 6, 0);
  put_body(0, 7, 2, 150);
  px_close();
  /* mend block1: the Block1 of a response to a client speaks of the client's request (RFC 7959 section 2.3). The reference
   * passes on the upstream server's, of the proxy's request. */
  open_blocks("PUT of 1,500 bytes in blocks of 512, blocks of 256 upstream", ASSEMBLED, 4, 0);
  quiet_clients = 1;
  put_body(0, 3, 5, 1500);
  quiet_clients = 0;
  mended_told("block1", "client0 CON 2.04 token aa");
  px_close();
}

/* mend blocks: what the application gets block by block is passed on block by block, with the options that say which and of
 * what. The reference drops Block2, Size2 and ETag of responses, so that the client takes the first block for the body. */
static void
as_they_come(void) {
  open_blocks("PUT in blocks of 32, 16 upstream", AS_THEY_COME, 0, 0);
  put_body(0, 3, 1, 80);
  /* mend request-tag: the blocks of two clients are not taken for those of one body, since each has a Request-Tag (RFC 9175
   * section 3.4). The reference mixes them. */
  uint8_t tags[2][8];
  for (int i = 0; i < 2; i++) {
    quiet = 1;
    say(i, CON, 3, "aa", "11=b 27#08 60#40", part(0, 16));
    quiet = 0;
    memset(tags[i], 0, sizeof(tags[i]));
    options_t o = options_of(&asked[0]);
    while (next_option(&o))
      if (o.number == COAP_OPTION_RTAG)
        memcpy(tags[i], o.value, o.length < 8 ? o.length : 8);
  }
  mend("request-tag", "two", "%s", memcmp(tags[0], tags[1], 8) ? "two" : "one");
  px_close();
  open_blocks("GET", AS_THEY_COME, 2, 100);
  quiet = 1;
  static const char *const wishes[] = {"11=b", "11=b 23#01", "11=b 23#12"};
  static const char *const wanted[] = {"Block2:0/1/64", "Block2:0/1/32", "Block2:1/0/64"};
  for (int i = 0; i < 3; i++) {
    char text[200] = "", whole[200];
    get(0, wishes[i]);
    char *at = strstr(at_client, " {");
    snprintf(text, sizeof(text), "%.*s", (int)(at ? at - at_client : 0), at_client);
    snprintf(whole, sizeof(whole), "client0 CON 2.05 token aa ETag:beef Content-Format:0 %s Size2:100", wanted[i]);
    mend("blocks", whole, "%s", text);
  }
  quiet = 0;
  px_close();
}

static size_t
whole_body(const datagram_t *d) {
  options_t o = options_of(d);
  while (next_option(&o))
    ;
  size_t length = o.at < o.end ? (size_t)(o.end - o.at) - 1 : 0;
  return memcmp(o.at + 1, body, length) == 0 ? length : 0;
}

/* mend each-block: a context that handles blocks without putting bodies together puts those of a proxy together all the same. The
 * reference ends the program. */
static void
by_the_library(void) {
  show("-- blocks by the library, bodies not");
  if (on_reference())
    return;
  quiet = 1;
  open_blocks("", COAP_BLOCK_USE_LIBCOAP, 2, 150);
  get(0, "11=b");
  mend("each-block", "150 bytes of 150", "%zu bytes of 150", whole_body(&told[0]));
  px_close();
  open_blocks("", COAP_BLOCK_USE_LIBCOAP, 6, 0);
  put_body(0, 3, 1, 80);
  mended_told("each-block", "client0 CON 2.04 token aa");
  px_close();
  quiet = 0;
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  for (size_t i = 0; i < sizeof(body); i++)
    body[i] = (char)('a' + i / 16 % 26);
  assembled();
  as_they_come();
  by_the_library();
  coap_cleanup();
  return 0;
}
