/* Large bodies over TCP: what goes as one message, what as blocks, and of which size (RFC 8323 section 6, BERT).
 *
 * mend error_format: the 5.00 for a body that does not fit has the Content-Format of that body on the reference. Its
 *   payload is a diagnosis (RFC 7252 section 5.5.2), and has none. */
#include "stream.h"

static coap_context_t *context;
static stream_t peer;
static uint16_t port;
static coap_session_t *session;
static uint8_t body[300000];
static size_t body_length;

static void
get(coap_resource_t *resource, coap_session_t *at, const coap_pdu_t *request, const coap_string_t *query,
    coap_pdu_t *response) {
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  show("  GET: added %d", coap_add_data_large_response(resource, at, request, response, query,
                                                      COAP_MEDIATYPE_APPLICATION_OCTET_STREAM, -1, 7, body_length,
                                                      body, NULL, NULL));
}

static void
put(coap_resource_t *resource UNUSED, coap_session_t *at UNUSED, const coap_pdu_t *request,
    const coap_string_t *query UNUSED, coap_pdu_t *response) {
  size_t length = 0, offset = 0, total = 0;
  const uint8_t *data = NULL;
  int same;
  coap_get_data_large(request, &length, &data, &offset, &total);
  same = offset + length <= sizeof(body) && length > 0 && memcmp(data, body + offset, length) == 0;
  show("  PUT: %zu bytes at %zu of %zu, %s", length, offset, total, same ? "the same" : "different");
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CHANGED);
}

static const struct {
  const char *what, *hex;
} csms[] = {{"nothing", "00 e1"},
            {"block-wise", "10 e1 40"},
            {"1152, block-wise", "40 e1 22 0480 20"},
            {"1153, block-wise", "40 e1 22 0481 20"},
            {"2000", "30 e1 22 07d0"},
            {"2000, block-wise", "40 e1 22 07d0 20"},
            {"3000, block-wise", "40 e1 22 0bb8 20"},
            {"20000, block-wise", "40 e1 22 4e20 20"},
            {"8388864", "40 e1 23 800100"},
            {"8388864, block-wise", "50 e1 23 800100 20"}};

enum { CSMS = sizeof(csms) / sizeof(csms[0]) };

/* A server's peer that has said `csm`. */
static void
connect_peer(const char *csm) {
  peer = stream_connect(port);
  stream_receive(&peer, context);
  stream_send_hex(&peer, csm);
}

static void
down(size_t length) {
  body_length = length;
  for (size_t i = 0; i < CSMS; i++) {
    const char *text;
    show("-- GET of %zu, the peer has said: %s", length, csms[i].what);
    connect_peer(csms[i].hex);
    stream_send_hex(&peer, "22 01 746b b172");
    text = stream_receive(&peer, context);
    if (strstr(text, " 5.00"))
      mend("error_format", "none", "%s", strstr(text, "rest=c12a") ? "42" : "none");
    else
      show("peer gets: %s", text);
    stream_close(&peer);
  }
}

static void
down_blocks(void) {
  static const struct {
    const char *csm, *what, *hex;
  } asks[] = {{"40 e1 22 07d0 20", "2000: BERT", "42 01 746b b172 c107"},
              {"40 e1 22 0bb8 20", "3000: BERT", "42 01 746b b172 c107"},
              {"40 e1 22 4e20 20", "20000: BERT", "42 01 746b b172 c107"},
              {"40 e1 22 4e20 20", "20000: 1024", "42 01 746b b172 c106"},
              {"40 e1 22 4e20 20", "20000: 64", "42 01 746b b172 c102"},
              {"50 e1 23 800100 20", "8388864: BERT", "42 01 746b b172 c107"},
              {"50 e1 23 800100 20", "8388864: 1024", "42 01 746b b172 c106"},
              {"00 e1", "nothing: BERT", "42 01 746b b172 c107"}};
  body_length = 102400;
  for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
    show("-- the first block of 102400, the peer's size and what it asks for: %s", asks[i].what);
    connect_peer(asks[i].csm);
    stream_send_hex(&peer, asks[i].hex);
    stream_expect(&peer, context, "peer gets");
    stream_close(&peer);
  }
  show("-- the next blocks, in BERT");
  connect_peer("40 e1 22 4e20 20");
  stream_send_hex(&peer, "42 01 746b b172 c107");
  stream_expect(&peer, context, "peer gets");
  stream_send_hex(&peer, "52 01 746b b172 c2 0137");
  stream_expect(&peer, context, "peer gets");
  stream_send_hex(&peer, "52 01 746b b172 c2 05f7");
  stream_expect(&peer, context, "peer gets");
  stream_close(&peer);
}

/* Sends a PUT with a Block1 of one byte, Size1 of `total`, and `length` bytes of the body from `offset` on. */
static void
send_block(uint8_t block1, size_t offset, size_t length, size_t total) {
  uint8_t *bytes = malloc(length + 32);
  size_t at, rest = 10 + length - 269;
  datagram_t head = from_hex("e2 0000 03 746b b172 d103 00 d214 0000 ff");
  NEED(bytes);
  head.bytes[1] = (uint8_t)(rest >> 8);
  head.bytes[2] = (uint8_t)rest;
  head.bytes[10] = block1;
  head.bytes[13] = (uint8_t)(total >> 8);
  head.bytes[14] = (uint8_t)total;
  memcpy(bytes, head.bytes, head.length);
  memcpy(bytes + head.length, body + offset, length);
  at = head.length + length;
  for (size_t sent = 0; sent < at;) {
    sent += stream_offer(&peer, bytes + sent, at - sent);
    coap_io_process(context, COAP_IO_NO_WAIT);
  }
  free(bytes);
}

static void
up_blocks(void) {
  show("-- PUT in blocks of 1024");
  connect_peer("50 e1 23 800100 20");
  send_block(0 << 4 | 8 | 6, 0, 1024, 1524);
  stream_expect(&peer, context, "peer gets");
  send_block(1 << 4 | 6, 1024, 500, 1524);
  stream_expect(&peer, context, "peer gets");
  stream_close(&peer);
}

static void
up_large_blocks(void) {
  show("-- PUT in BERT blocks");
  connect_peer("50 e1 23 800100 20");
  send_block(0 << 4 | 8 | 7, 0, 4096, 15836);
  stream_expect(&peer, context, "peer gets");
  send_block(4 << 4 | 8 | 7, 4096, 10240, 15836);
  stream_expect(&peer, context, "peer gets");
  send_block(14 << 4 | 7, 14336, 1500, 15836);
  stream_expect(&peer, context, "peer gets");
  stream_close(&peer);
}

/* ---- a client ---- */

static void
begin_client(const char *csm) {
  coap_address_t address;
  peer = stream_listen();
  address = loopback(peer.port);
  session = coap_new_client_session(context, NULL, &address, COAP_PROTO_TCP);
  NEED(session);
  stream_accept(&peer);
  stream_send_hex(&peer, csm);
  stream_receive(&peer, context);
  RUN_UNTIL(context, coap_session_get_state(session) == COAP_SESSION_STATE_ESTABLISHED, 3000);
}

static void
end_client(void) {
  coap_session_release(session);
  stream_close(&peer);
}

/* A Request-Tag changes: it is shown as `-`. Gives 0 if it is shorter than usual, as it begins with a zero. */
static int
show_request(const char *label) {
  static const char *const heads[] = {"e4000c", "d4db"};
  char text[600];
  snprintf(text, sizeof(text), "%s", stream_receive(&peer, context));
  for (size_t i = 0; i < 2; i++) {
    char *tag = strstr(text, heads[i]);
    if (tag) {
      memset(tag + strlen(heads[i]), '-', 8);
      show("%s: %s", label, text);
      return 1;
    }
  }
  if (strstr(text, "b172e") || strstr(text, "d1030"))
    return 0;
  show("%s: %s", label, text);
  return 1;
}

static int
put_once(size_t length, const char *csm) {
  coap_pdu_t *request;
  int shown = 1;
  begin_client(csm);
  request = request_for(session, COAP_MESSAGE_CON, COAP_REQUEST_PUT, "r", "tk");
  if (coap_add_data_large_request(session, request, length, body, NULL, NULL)) {
    coap_mid_t mid = coap_send(session, request);
    shown = show_request("peer gets");
    if (shown)
      show("sent as %d", mid);
  } else {
    show("not added");
    coap_delete_pdu(request);
  }
  end_client();
  return shown;
}

static void
up(size_t length) {
  for (size_t i = 0; i < CSMS; i++) {
    show("-- PUT of %zu, the peer has said: %s", length, csms[i].what);
    for (int attempt = 0; attempt < 20 && !put_once(length, csms[i].hex); attempt++)
      ;
  }
}

/* ---- both ---- */

static size_t got, got_at;
static int responses, right;

static coap_response_t
on_response(coap_session_t *at UNUSED, const coap_pdu_t *sent UNUSED, const coap_pdu_t *received,
            const coap_mid_t mid UNUSED) {
  size_t length = 0, offset = 0, total = 0;
  const uint8_t *data = NULL;
  coap_get_data_large(received, &length, &data, &offset, &total);
  right &= offset + length <= sizeof(body) && (length == 0 || memcmp(data, body + offset, length) == 0);
  got += length;
  got_at = offset;
  responses++;
  return COAP_RESPONSE_OK;
}

static void
whole(size_t length, uint32_t limit) {
  coap_context_t *client = coap_new_context(NULL);
  coap_address_t address = loopback(port);
  coap_pdu_t *request;
  show("-- %zu bytes between two that allow %u", length, (unsigned int)limit);
  coap_context_set_block_mode(client, COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
  coap_context_set_csm_max_message_size(client, limit);
  coap_context_set_csm_max_message_size(context, limit);
  coap_register_response_handler(client, on_response);
  session = coap_new_client_session(client, NULL, &address, COAP_PROTO_TCP);
  for (int64_t end = now_ms() + 3000;
       coap_session_get_state(session) != COAP_SESSION_STATE_ESTABLISHED && now_ms() < end;) {
    coap_io_process(client, COAP_IO_NO_WAIT);
    coap_io_process(context, COAP_IO_NO_WAIT);
  }
  body_length = length;
  for (int method = COAP_REQUEST_GET; method <= COAP_REQUEST_PUT; method += 2) {
    request = request_for(session, COAP_MESSAGE_CON, (coap_request_t)method, "r", "tk");
    if (method == COAP_REQUEST_PUT)
      SHOW(coap_add_data_large_request(session, request, length, body, NULL, NULL));
    responses = 0;
    got = 0;
    right = 1;
    SHOW(coap_send(session, request));
    for (int64_t end = now_ms() + 5000; !responses && now_ms() < end;) {
      coap_io_process(client, COAP_IO_NO_WAIT);
      coap_io_process(context, COAP_IO_NO_WAIT);
    }
    show("%d responses, %zu bytes, right %d", responses, got, right);
  }
  coap_session_release(session);
  coap_free_context(client);
  coap_context_set_csm_max_message_size(context, 8388864);
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  for (size_t i = 0; i < sizeof(body); i++)
    body[i] = (uint8_t)(i * 7 + i / 251);
  context = coap_new_context(NULL);
  port = serve_stream(context, NULL);
  coap_resource_t *resource = resource_with(context, "r", 0, COAP_REQUEST_GET, get);
  coap_register_request_handler(resource, COAP_REQUEST_PUT, put);
  show("==== without block mode");
  down(1500);
  down(102400);
  up(1500);
  up(102400);
  show("==== with block mode");
  coap_context_set_block_mode(context, COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
  down(1500);
  down(102400);
  down_blocks();
  up(1500);
  up(102400);
  up_blocks();
  up_large_blocks();
  whole(102400, 1152);
  whole(102400, 2000);
  whole(102400, 20000);
  whole(300000, 8388864);
  show("==== with block mode, blocks as they come");
  coap_context_set_block_mode(context, COAP_BLOCK_USE_LIBCOAP);
  up_blocks();
  coap_free_context(context);
  coap_cleanup();
  return 0;
}
