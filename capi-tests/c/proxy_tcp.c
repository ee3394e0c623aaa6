/* A proxy between datagrams and streams, message by message; and upstream connections that fail. */
#include "proxy.h"
#include <pthread.h>

static stream_t tcp; /* the upstream server */
static volatile int accepted;

/* Takes the next connection and sends a CSM. That is a thread's work, since the reference waits for the CSM in
 * coap_proxy_forward_request. */
static void *
accept_one(void *csm) {
  stream_accept(&tcp);
  stream_send_hex(&tcp, csm);
  accepted = 1;
  return NULL;
}

static pthread_t
accept_soon(const char *csm) {
  pthread_t thread;
  accepted = 0;
  NEED(pthread_create(&thread, NULL, accept_one, (void *)(uintptr_t)csm) == 0);
  return thread;
}

static void
open_tcp(const char *title, uint32_t block_mode) {
  show("-- %s", title);
  px_open(COAP_PROXY_REVERSE, 1, block_mode);
  tcp = stream_listen();
  entries[0] = entry_for(tcp.port, COAP_URI_SCHEME_COAP_TCP);
}

static void
close_tcp(void) {
  px_close();
  stream_close(&tcp);
}

static void
expect(const char *label) {
  RUN_UNTIL(px, stream_ready(&tcp), 3000);
  const char *text = stream_take(&tcp, MASK_TOKEN);
  if (!quiet)
    show("  %s: %s", label, text);
}

/* The token of what the upstream server was asked last. */
static uint8_t asked_token[8];
static size_t asked_token_length;

/* Shows a request, without its token, whose length is the proxy's choice. */
static void
take_request(void) {
  stream_message_t message;
  RUN_UNTIL(px, stream_ready(&tcp), 3000);
  NEED(stream_parse(&tcp, &message) && message.token <= sizeof(asked_token));
  asked_token_length = message.token;
  memcpy(asked_token, tcp.bytes + message.head, message.token);
  const char *text = stream_take(&tcp, MASK_TOKEN);
  if (!quiet)
    show("  upstream: %u.%02u %s", message.code >> 5, message.code & 31, strstr(text, "rest="));
}

/* The upstream server answers what it was asked last. */
static void
answer(unsigned int code, const char *rest) {
  datagram_t r = from_hex(rest);
  uint8_t message[100];
  NEED(r.length < 13);
  message[0] = (uint8_t)(r.length << 4 | asked_token_length);
  message[1] = (uint8_t)code;
  memcpy(message + 2, asked_token, asked_token_length);
  memcpy(message + 2 + asked_token_length, r.bytes, r.length);
  stream_offer(&tcp, message, 2 + asked_token_length + r.length);
  settle(20);
}

/* The first request over a connection, up to what the upstream server is told. */
static void
ask_first(const char *options) {
  pthread_t thread = accept_soon("00e1");
  get(0, options);
  RUN_UNTIL(px, accepted, 3000);
  pthread_join(thread, NULL);
  expect("upstream");
  take_request();
}

static void
to_stream(void) {
  open_tcp("from datagrams to a stream", 0);
  ask_first("11=a 15=q 16#05");
  answer(0x45, "c0ff61");
  say(1, CON, 3, "aabbcc", "11=b 12#2a", "body");
  take_request();
  answer(0x44, "");
  say(2, NON, 1, "aa", "11=c", NULL);
  take_request();
  answer(0x84, "");
  show("two at the same time, answered in the other order");
  get(0, "11=d");
  take_request();
  uint8_t first[8];
  memcpy(first, asked_token, sizeof(first));
  get(1, "11=e");
  take_request();
  answer(0x45, "c0ff65");
  memcpy(asked_token, first, sizeof(first));
  answer(0x45, "c0ff64");
  close_tcp();
  open_tcp("observed over a stream", 0);
  ask_first("6# 11=o");
  answer(0x45, "610260ff31");
  answer(0x45, "610360ff32");
  answer(0x84, "");
  close_tcp();
}

/* A large body, in one message over the stream. */
static void
large_body(void) {
  static uint8_t head[] = {0xe0, (5001 - 269) >> 8, (5001 - 269) & 255, 0x45}, body[5001] = {0xff};
  open_tcp("a body of 5,000 bytes", COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
  quiet = 1;
  ask_first("11=a");
  memset(body + 1, 'x', 5000);
  head[0] = (uint8_t)(0xe0 | asked_token_length);
  stream_offer(&tcp, head, sizeof(head));
  stream_offer(&tcp, asked_token, asked_token_length);
  NEED(stream_offer(&tcp, body, sizeof(body)) == sizeof(body));
  settle(50);
  size_t came = 0;
  unsigned int blocks = 0;
  for (;;) {
    options_t o = options_of(&told[0]);
    while (next_option(&o))
      ;
    long block2 = find_option(&told[0], COAP_OPTION_BLOCK2);
    blocks++;
    came += o.at < o.end ? (size_t)(o.end - o.at) - 1 : 0;
    if (block2 < 0 || !(block2 & 8))
      break;
    char options[32];
    snprintf(options, sizeof(options), "11=a 23#%06lx", (block2 & ~15l) + 16 + (block2 & 7));
    get(0, options);
  }
  quiet = 0;
  show("  %zu bytes in %u blocks", came, blocks);
  close_tcp();
}

/* ---- a client over a stream ---- */

static void
client_says(stream_t *stream, const char *label, const char *hex) {
  show("%s", label);
  stream_send_hex(stream, hex);
  settle(20);
  while (stream_ready(stream) && stream->length)
    show("  the client: %s", stream_take(stream, MASK_NONE));
}

static void
from_stream(void) {
  show("-- from a stream to datagrams");
  px_open(COAP_PROXY_REVERSE, 1, 0);
  stream_t stream = stream_connect(serve_stream(px, NULL));
  client_says(&stream, "its CSM", "00e1");
  client_says(&stream, "GET /a", "2101aab161");
  client_says(&stream, "PUT /a", "5303aabbccb161ff6869");
  client_says(&stream, "GET /a with Hop-Limit 1", "4101aab1615101");
  client_says(&stream, "GET /a with Hop-Limit 5", "4101aab1615105");
  up_does[0] = OBSERVE;
  client_says(&stream, "register", "3101ab60" "5161");
  show("a notification");
  later(0, &asked[0], CON, 0x45, "6103 60", "second");
  RUN_UNTIL(px, stream_ready(&stream), 3000);
  show("  the client: %s", stream_take(&stream, MASK_NONE));
  up_does[0] = EMPTY_ACK;
  client_says(&stream, "GET /b", "2101acb162");
  show("the client is gone");
  quiet = 1; /* what it observed is ended, see proxy_observe */
  stream_close(&stream);
  settle(20);
  later(0, &asked[0], CON, 0x45, "c0", "late");
  quiet = 0;
  up_does[0] = HI;
  get(0, "11=c");
  px_close();
}

/* ---- connections that fail ---- */

/* Serves one request over a new connection. */
static void
serve_again(const char *topic) {
  up_does[0] = HI;
  get(1, "11=b");
  stream_accept(&tcp);
  stream_send_hex(&tcp, "00e1");
  RUN_UNTIL(px, stream_ready(&tcp), 3000);
  stream_take(&tcp, MASK_NONE);
  take_request();
  forget();
  answer(0x45, "");
  mended_told(topic, "client1 CON 2.05 token aa");
}

/* mend stream-failed: when the connection to the server cannot be made, or ends, requests that wait are 5.02 (RFC 7252 section
 * 5.9.3.3), and the next request makes another connection. The reference tells the client nothing, or 5.00, and answers 5.00 to
 * all that come later. */
static void
failed(void) {
  static const char *const how[] = {"closes before its CSM", "closes after the request", "aborts", "sends a length that is too large",
                                    "sends garbage"};
  show("-- upstream connections that fail");
  if (on_reference())
    return;
  quiet = 1;
  px_open(COAP_PROXY_REVERSE, 1, 0);
  entries[0] = entry_for(free_port(), COAP_URI_SCHEME_COAP_TCP);
  for (int i = 0; i < 2; i++) {
    get(i, "11=a");
    wait_for_client(2000);
    mended_told("stream-failed", i ? "client1 CON 5.02 token aa {Bad Gateway}" : "client0 CON 5.02 token aa {Bad Gateway}");
  }
  px_close();
  for (int i = 0; i < 5; i++) {
    px_open(COAP_PROXY_REVERSE, 1, 0);
    tcp = stream_listen();
    entries[0] = entry_for(tcp.port, COAP_URI_SCHEME_COAP_TCP);
    printf("~ the server %s\n", how[i]);
    get(0, "11=a");
    get(2, "11=c");
    stream_accept(&tcp);
    forget();
    if (i == 0) {
      stream_finish(&tcp);
    } else {
      stream_send_hex(&tcp, "00e1");
      settle(20);
      forget();
      if (i == 1)
        stream_finish(&tcp);
      if (i == 2)
        stream_send_hex(&tcp, "00e5");
      if (i == 3)
        stream_send_hex(&tcp, "f1ffffffff45");
      if (i == 4)
        stream_send_hex(&tcp, "9f9f9f9f9f9f9f9f9f9f9f9f9f");
    }
    wait_for_client(2000);
    mended_told("stream-failed", "client0 CON 5.02 token aa {Bad Gateway}, client2 CON 5.02 token aa {Bad Gateway}");
    serve_again("stream-failed");
    px_close();
    stream_close(&tcp);
  }
  quiet = 0;
}

/* mend slow-csm: a server that sends no CSM holds up none of the other clients. The reference waits for it. */
static void
slow_csm(void) {
  show("-- a server that is slow to send its CSM");
  if (on_reference())
    return;
  quiet = 1;
  px_open(COAP_PROXY_REVERSE, 1, 0);
  coap_proxy_server_t datagrams = entries[0];
  tcp = stream_listen();
  entries[0] = entry_for(tcp.port, COAP_URI_SCHEME_COAP_TCP);
  get(0, "11=a");
  entries[0] = datagrams;
  get(1, "11=b");
  mended_told("slow-csm", "client1 CON 2.05 token aa Content-Format:0 {hi}");
  stream_accept(&tcp);
  stream_send_hex(&tcp, "00e1");
  RUN_UNTIL(px, stream_ready(&tcp), 3000);
  stream_take(&tcp, MASK_NONE);
  quiet = 1;
  take_request();
  forget();
  answer(0x45, "");
  mended_told("slow-csm", "client0 CON 2.05 token aa");
  quiet = 0;
  px_close();
  stream_close(&tcp);
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  to_stream();
  large_body();
  from_stream();
  failed();
  slow_csm();
  coap_cleanup();
  return 0;
}
