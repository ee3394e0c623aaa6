/* Messages in a stream (RFC 8323 section 3.2): every form of the length, in pieces and many at once, and what is not a
 * message.
 *
 * mend split_header: the reference loses its place in the stream when the length of a message comes in two pieces.
 * mend long_token: a request with a token of more than 8 bytes, where such are not enabled, is dropped by the reference.
 *   Ours aborts the connection: the length is reserved (RFC 8323 section 3.2).
 * mend reserved_token_length: at a token length of 15 the reference loses its place in the stream and takes what
 *   follows for messages. Ours aborts the connection: it is a format error (RFC 8323 section 3.2).
 * mend too_long: the reference closes a connection on which too long a message is announced without a word. Ours sends
 *   an Abort first (RFC 8323 section 5.6). */
#include "stream.h"

static coap_context_t *context;
static stream_t peer;
static uint16_t port;
static int muted;

static void
handle(coap_resource_t *at UNUSED, coap_session_t *session UNUSED, const coap_pdu_t *request,
       const coap_string_t *query UNUSED, coap_pdu_t *response) {
  size_t length = 0;
  const uint8_t *data = NULL;
  coap_get_data(request, &length, &data);
  if (!muted)
    show("  handler: %s, token of %zu, %zu bytes, the last %02x", code_text(coap_pdu_get_code(request)),
         coap_pdu_get_token(request).length, length, length ? data[length - 1] : 0);
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CHANGED);
}

static void
begin(const char *title) {
  show("-- %s", title);
  memset(&seen, 0, sizeof(seen));
  peer = stream_connect(port);
  stream_receive(&peer, context);
  stream_send_hex(&peer, "00 e1");
  RUN_UNTIL(context, seen.event == COAP_EVENT_SESSION_CONNECTED, 3000);
}

static void
end(void) {
  stream_close(&peer);
  RUN_UNTIL(context, seen.gone, 3000);
}

/* Sends bytes in pieces of `piece`, and lets the library see each. */
static void
send_pieces(const uint8_t *bytes, size_t length, size_t piece) {
  size_t at = 0;
  int64_t limit = now_ms() + 10000;
  while (at < length && !peer.ended && now_ms() < limit) {
    at += stream_offer(&peer, bytes + at, length - at < piece ? length - at : piece);
    coap_io_process(context, COAP_IO_NO_WAIT);
    coap_io_process(context, COAP_IO_NO_WAIT);
    stream_pull(&peer);
  }
}

/* The header of a message without a token that has `length` bytes behind it. `form` is the number of bytes of the
 * extended length, or -1 for the shortest. */
static size_t
put_header(uint8_t *bytes, size_t length, int form, uint8_t code) {
  static const size_t base[] = {0, 13, 269, 0, 65805};
  size_t at = 1, rest;
  if (form < 0)
    form = length < 13 ? 0 : length < 269 ? 1 : length < 65805 ? 2 : 4;
  rest = length - base[form];
  bytes[0] = (uint8_t)(form == 0 ? length << 4 : form == 1 ? 0xd0 : form == 2 ? 0xe0 : 0xf0);
  for (int i = form; i-- > 0;)
    bytes[at++] = (uint8_t)(rest >> (8 * i));
  bytes[at++] = code;
  return at;
}

/* A POST of /r that has `length` bytes behind its header, the last of them 5a. */
static uint8_t *
post(size_t length, size_t *total) {
  uint8_t *bytes = calloc(1, length + 8);
  NEED(bytes);
  size_t at = put_header(bytes, length, -1, COAP_REQUEST_CODE_POST);
  memcpy(bytes + at, "\xb1r\xff", 3);
  *total = at + length;
  bytes[*total - 1] = 0x5a;
  return bytes;
}

static void
lengths(void) {
  static const size_t sizes[] = {4, 12, 13, 14, 268, 269, 270, 1472, 65804, 65805, 65806, 300000};
  begin("every form of the length");
  for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
    size_t total;
    uint8_t *bytes = post(sizes[i], &total);
    show("%zu bytes, header of %zu", sizes[i], total - sizes[i]);
    send_pieces(bytes, total, total);
    stream_expect(&peer, context, "peer gets");
    free(bytes);
  }
  end();
}

static void
bytewise(void) {
  datagram_t bytes = from_hex("50 e1 23 800100 20 22 02 746b b172");
  show("-- byte by byte from the beginning");
  memset(&seen, 0, sizeof(seen));
  peer = stream_connect(port);
  stream_receive(&peer, context);
  send_pieces(bytes.bytes, bytes.length, 1);
  stream_expect(&peer, context, "peer gets");
  end();
}

/* Sends messages with every form of the length, `piece` bytes at a time, and counts the answers. */
static void
pieces(size_t piece) {
  static const size_t sizes[] = {4, 20, 12, 300, 68, 1500, 13, 70000};
  int answers = 0;
  muted = 1;
  peer = stream_connect(port);
  stream_receive(&peer, context);
  stream_send_hex(&peer, "00 e1");
  for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
    size_t total;
    uint8_t *bytes = post(sizes[i], &total);
    send_pieces(bytes, total, sizes[i] > 10000 && piece < 100 ? piece * 97 + 1 : piece);
    RUN_UNTIL(context, stream_ready(&peer), 100);
    answers += strcmp(stream_take(&peer, MASK_NONE), "0044 2.04 token= rest=") == 0;
    free(bytes);
  }
  mend("split_header", "8", "%d", answers);
  stream_close(&peer);
  RUN_FOR(context, 20);
  muted = 0;
}

static void
one_segment(void) {
  begin("many messages in one segment");
  stream_ask(&peer, context, "peer gets", "21 02 61 b172 21 02 62 b172 00 00 21 02 63 b172 00 e3 21 02 64 b172 22 02 6566 b172");
  end();
}

/* What comes in answer to bytes, up to the end: codes and `closed`; not the texts. */
static void
show_end(const char *topic, const char *wanted, const uint8_t *bytes, size_t length) {
  char came[200] = "";
  const char *text;
  watch_nothing(context);
  peer = stream_connect(port);
  stream_receive(&peer, context);
  stream_send_hex(&peer, "00 e1");
  send_pieces(bytes, length, 65536);
  do {
    size_t at = strlen(came);
    RUN_UNTIL(context, stream_ready(&peer), 200);
    text = stream_take(&peer, MASK_NONE);
    const char *code = strchr(text, ' ');
    snprintf(came + at, sizeof(came) - at, "%s%.4s", at ? ", " : "", code ? code + 1 : text);
    if (!code)
      snprintf(came + at, sizeof(came) - at, "%s%s", at ? ", " : "", text);
  } while (strchr(text, ' ') && strlen(came) < 150);
  mend(topic, wanted, "%s", came);
  stream_close(&peer);
  RUN_FOR(context, 20);
  watch(context);
}

static void
tokens(void) {
  static const char *const requests[] = {"29 02 010203040506070809 b172", "2c 02 010203040506070809101112 b172",
                                         "2d 02 00 01020304050607080910111213 b172"};
  for (size_t i = 0; i < 3; i++) {
    datagram_t bytes = from_hex(requests[i]);
    show_end("long_token", "7.05, closed", bytes.bytes, bytes.length);
  }
  coap_context_set_max_token_size(context, 16);
  for (size_t i = 0; i < 3; i++) {
    begin("a long token, 16 are enabled");
    stream_ask(&peer, context, "peer gets", requests[i]);
    end();
  }
  begin("a token of 17, 16 are enabled");
  stream_ask(&peer, context, "peer gets", "2d 02 04 0102030405060708091011121314151617 b172");
  end();
  coap_context_set_max_token_size(context, 4096);
  begin("a token of 269");
  datagram_t bytes = from_hex("2e 02 0000");
  memset(bytes.bytes + bytes.length, 0x77, 269);
  bytes.length += 269;
  bytes.bytes[bytes.length++] = 0xb1;
  bytes.bytes[bytes.length++] = 'r';
  stream_offer(&peer, bytes.bytes, bytes.length);
  stream_expect(&peer, context, "peer gets");
  end();
  coap_context_set_max_token_size(context, 8);
}

static void
reserved(void) {
  datagram_t bytes = from_hex("2f02 0304 0506 0708 0910 1112 1314 1516");
  show_end("reserved_token_length", "7.05, closed", bytes.bytes, bytes.length);
}

static void
too_long(void) {
  static const struct {
    uint32_t limit;
    size_t length;
  } cases[] = {{8388864, 8388865}, {8388864, 65805 + (size_t)0xffffffff}, {2000, 2001}, {100, 300}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    uint8_t header[16];
    size_t length = put_header(header, cases[i].length, -1, COAP_REQUEST_CODE_POST);
    coap_context_set_csm_max_message_size(context, cases[i].limit);
    show_end("too_long", "7.05, closed", header, length);
  }
  coap_context_set_csm_max_message_size(context, 2000);
  begin("the longest that 2000 allows");
  size_t total;
  uint8_t *bytes = post(1996, &total);
  send_pieces(bytes, total, total);
  stream_expect(&peer, context, "peer gets");
  free(bytes);
  end();
  coap_context_set_csm_max_message_size(context, 8388864);
}

int
main(void) {
  static const size_t steps[] = {1, 2, 3, 4, 5, 7, 11, 1000, 1472, 4096, 100000};
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  context = coap_new_context(NULL);
  watch(context);
  port = serve_stream(context, NULL);
  resource_with(context, "r", 0, COAP_REQUEST_POST, handle);
  lengths();
  bytewise();
  watch_nothing(context);
  for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
    pieces(steps[i]);
  watch(context);
  one_segment();
  tokens();
  reserved();
  too_long();
  coap_free_context(context);
  coap_cleanup();
  return 0;
}
