/* Proxy-Uri and Uri-Host that no honest client sends: too long, with NUL, with paths of sockets, with what is no URI. */
#include "proxy.h"

/* An option of `length` bytes: `head`, then letters, then `tail`. */
static void
long_option(unsigned int number, size_t length, const char *head, const char *tail) {
  static char options[6000];
  size_t at = (size_t)sprintf(options, "%u=%s", number, head);
  size_t letters = length - strlen(head) - strlen(tail);
  memset(options + at, 'a', letters);
  snprintf(options + at + letters, sizeof(options) - at - letters, "%s%s", tail, number == 3 ? " 11=a 39=coap" : "");
  show("option %u of %zu bytes", number, length);
  quiet = 1;
  get(0, options);
  wait_for_client(20000);
  quiet = 0;
  show("  %s", at_client);
}

/* mend segment: a path that no Uri-Path can hold, for those have 255 bytes at most, is 4.00 (RFC 7252 section 5.10.1). The
 * reference says that it passed such a request on. */
static void
long_segment(size_t length) {
  char options[400];
  size_t at = (size_t)sprintf(options, "35=coap://127.0.0.1:$0/");
  memset(options + at, 'a', length);
  options[at + length] = 0;
  quiet = 1;
  get(0, options);
  quiet = 0;
  if (length > 255)
    mended_told("segment", "client0 CON 4.00 token aa");
  else
    show("a segment of %zu bytes: %s", length, at_client);
}

static void
lengths(void) {
  long_option(35, 7 + 255 + 1, "coap://", "/");
  long_option(35, 7 + 256 + 1, "coap://", "/");
  long_option(35, 7 + 600 + 1, "coap://", "/");
  long_option(35, 1034, "coap://", "/");
  long_option(3, 255, "", "");
  long_segment(255);
  long_segment(256);
}

/* More than a Proxy-Uri may have, and more than a datagram can.
 * mend too-long: what is no message ends the connection with an Abort (RFC 8323 section 5.6). The reference overlooks it. */
static void
too_long(void) {
  static uint8_t bytes[10100];
  stream_t stream = stream_connect(serve_stream(px, NULL));
  stream_send_hex(&stream, "00e1");
  size_t at = 0, body = 1 + 1 + 2 + 10000;
  bytes[at++] = 0xe1;
  bytes[at++] = (uint8_t)((body - 269) >> 8);
  bytes[at++] = (uint8_t)(body - 269);
  bytes[at++] = 0x01;
  bytes[at++] = 0xaa;
  bytes[at++] = 0xde;
  bytes[at++] = 35 - 13;
  bytes[at++] = (uint8_t)((10000 - 269) >> 8);
  bytes[at++] = (uint8_t)(10000 - 269);
  memset(bytes + at, 'a', 10000);
  memcpy(bytes + at, "coap://", 7);
  at += 10000;
  NEED(stream_offer(&stream, bytes, at) == at);
  stream_expect(&stream, px, "its CSM");
  quiet = 1;
  stream_send_hex(&stream, "00e2");
  RUN_UNTIL(px, stream_ready(&stream), 3000);
  mend("too-long", "7.05", "%.4s", stream_take(&stream, MASK_NONE) + 7);
  stream_close(&stream);
  settle(20);
  quiet = 0;
}

static void
asked_for(const char *options) {
  quiet = 1;
  get(0, options);
  wait_for_client(20000);
  quiet = 0;
  show("%s: %s", options, at_client);
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  for (int i = 0; i < 2; i++) {
    show("-- %s", i ? "DIRECT_STRIP" : "FORWARD_STRIP");
    px_open(i ? COAP_PROXY_DIRECT_STRIP : COAP_PROXY_FORWARD_STRIP, 1, 0);
    lengths();
    too_long();
    asked_for("35=coap://%2ftmp%2fnosuch/a");
    asked_for("35=coap://127.0.0.1:$0/a%00b");
    asked_for("35=coap://127.0.0.1:99999/a");
    asked_for("35=coap://127.0.0.1:-1/a");
    asked_for("35=coap://[127.0.0.1]/a");
    asked_for("35=coap://[");
    asked_for("35=coap://]/");
    asked_for("35=:");
    asked_for("35=coap");
    asked_for("35#ff");
    asked_for("3#202020 11=a 39=coap");
    asked_for("3=%2ftmp%2fnosuch 11=a 39=coap");
    asked_for("3=/tmp/nosuch 11=a 39=coap");
    asked_for("3=127.0.0.1 3=localhost 11=a 39=coap");
    asked_for("35=coap://127.0.0.1/a 35=coap://localhost/b");
    asked_for("39=coap 39=coap");
    /* mend nul: a NUL, or what is no UTF-8, is in no name (RFC 7252 section 5.10): what stands before it is not looked for. The
     * reference goes there, or asks for such a name. */
    quiet = 1;
    get(0, "3#3132372e302e302e310078 7=$0 11=a 39=coap");
    mended_told("nul", "client0 CON 4.00 token aa");
    get(0, "35=coap://127.0.0.1%00x:$0/a");
    mended_told("nul", "client0 CON 4.00 token aa");
    get(0, "35#636f61703a2f2fff2f");
    mended_told("nul", "client0 CON 4.00 token aa");
    quiet = 0;
    show("and then");
    get(1, "35=coap://127.0.0.1:$0/a");
    px_close();
  }
  coap_cleanup();
  return 0;
}
