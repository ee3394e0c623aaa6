/* What of an upstream server's response reaches the client: codes, options, payloads; and what is no response. */
#include "proxy.h"

static datagram_t question;

/* A proxy, and a request that its upstream server has not answered yet. */
static void
open_and_ask(const char *title, answering_t does, uint32_t block_mode) {
  show("%s", title);
  px_open(COAP_PROXY_REVERSE, 1, block_mode);
  up_does[0] = does;
  quiet = 1;
  get(0, "11=a");
  quiet = 0;
  question = asked[0];
}

static void
answered(unsigned int code, const char *options, const char *payload) {
  open_and_ask("--", SILENT, 0);
  later(0, &question, ACK, code, options, payload);
  px_close();
}

/* Shows nothing of the exchange, which differs. */
static void
answered_quietly(unsigned int type, unsigned int code, const char *options, const char *payload, uint32_t block_mode) {
  px_open(COAP_PROXY_REVERSE, 1, block_mode);
  up_does[0] = type == ACK ? SILENT : EMPTY_ACK;
  quiet = 1;
  get(0, "11=a");
  later(0, &asked[0], type, code, options, payload);
  quiet = 0;
  px_close();
}

static void
codes_and_options(void) {
  answered(0x45, "c0", "hi");
  answered(0x41, "8161 0162 c171", NULL);
  answered(0x44, "", NULL);
  answered(0x42, "", NULL);
  answered(0x60, "", NULL);
  answered(0x84, "c0", "nope");
  answered(0x81, "d4 ef 01020304", NULL);
  answered(0x8d, "d1 2f 20", NULL);
  answered(0xa8, "d1 03 02", NULL);
  answered(0x45, "c0 e1 fccf 01", "hi");
}

/* mend response-options: the options of a response that has no payload are the client's too: ETag of a 2.03 (RFC 7252 section
 * 5.6.2), Max-Age of a 5.03 (section 5.9.3.4). The reference drops ETag, Content-Format and Max-Age of those, and the ETag of
 * others when its context leaves blocks to the application.
 * mend content-format: what the server did not say of its payload is not said (RFC 7252 section 5.5.1). The reference adds
 * Content-Format 0. */
static void
lost_or_added(void) {
  for (uint32_t mode = 0; mode <= 3; mode += 3) {
    answered_quietly(ACK, 0x43, "42beef", NULL, mode);
    mended_told("response-options", "client0 CON 2.03 token aa ETag:beef");
    answered_quietly(ACK, 0x45, "42beef 81 32 21 1e", NULL, mode);
    mended_told("response-options", "client0 CON 2.05 token aa ETag:beef Content-Format:50 Max-Age:30");
    answered_quietly(ACK, 0xa3, "d1 01 05", NULL, mode);
    mended_told("response-options", "client0 CON 5.03 token aa Max-Age:5");
    answered_quietly(ACK, 0x45, "42beef 81 32 21 1e", "hi", mode);
    mended_told("response-options", "client0 CON 2.05 token aa ETag:beef Content-Format:50 Max-Age:30 {hi}");
    answered_quietly(ACK, 0x45, "", "hi", mode);
    mended_told("content-format", "client0 CON 2.05 token aa {hi}");
    answered_quietly(ACK, 0x84, "", "why", mode);
    mended_told("content-format", "client0 CON 4.04 token aa {why}");
    answered_quietly(ACK, 0xa8, "d1 03 ff", "10.0.0.1", mode);
    mended_told("content-format", "client0 CON 5.08 token aa Hop-Limit:254 {127.0.0.1 10.0.0.1}");
  }
}

/* mend bad-response: a response with an option that the proxy does not know and that is not safe to forward, and what is no
 * response, is 5.02 to the client (RFC 7252 sections 5.7.1 and 5.9.3.3). The reference tells the client nothing, or passes on
 * the option if it is elective.
 * mend safe-response: a critical option that is safe to forward is forwarded (section 5.7.1). The reference tells the client
 * nothing. */
static void
bad_responses(void) {
  static const struct {
    unsigned int code;
    const char *options;
  } bad[] = {{0x45, "e1 fcdd 01"}, {0x45, "e1 fcde 01"}, {0x20, ""}, {0x01, ""}};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    answered_quietly(ACK, bad[i].code, bad[i].options, "x", 0);
    mended_told("bad-response", "client0 CON 5.02 token aa {Bad Gateway}");
  }
  for (size_t i = 0; i < 2; i++) {
    answered_quietly(CON, bad[i].code, bad[i].options, "x", 0);
    mended_told("bad-response", "client0 CON 5.02 token aa {Bad Gateway}");
  }
  answered_quietly(ACK, 0x45, "c0 e1 fcd0 01", "x", 0);
  mended_told("safe-response", "client0 CON 2.05 token aa Content-Format:0 65001:01 {x}");
  answered_quietly(CON, 0x45, "c0 e1 fcd0 01", "x", 0);
  mended_told("safe-response", "client0 CON 2.05 token aa Content-Format:0 65001:01 {x}");
}

/* mend unknown: a response that nobody waits for is refused, so that a server ends what it thinks is observed (RFC 7252 section
 * 4.3, RFC 7641 section 3.6). The reference calls the response handler. */
static void
unknown(int i, const datagram_t *to) {
  quiet = 1;
  later(i, to, NON, 0x45, "c0", "for nobody");
  quiet = 0;
  mended_asked("unknown", "up0 RST 0.00");
  mended_told("unknown", "silence");
}

/* Separate, repeated, late and foreign responses: the client is told once. */
static void
which_one(void) {
  show_handlers = 1;
  open_and_ask("separate", EMPTY_ACK, 0);
  later(0, &question, CON, 0x45, "c0", "later");
  px_close();
  open_and_ask("separate, without an ACK before", SILENT, 0);
  later(0, &question, NON, 0x45, "c0", "later");
  px_close();
  open_and_ask("piggybacked, and once more", SILENT, 0);
  later(0, &question, ACK, 0x45, "c0", "once");
  later(0, &question, ACK, 0x45, "c0", "twice");
  unknown(0, &question);
  px_close();
  open_and_ask("with another token", EMPTY_ACK, 0);
  datagram_t other = question;
  other.bytes[4] ^= 0x55;
  unknown(0, &other);
  later(0, &question, NON, 0x45, "c0", "for the client");
  px_close();
  open_and_ask("from another address", EMPTY_ACK, 0);
  up[1].other = up[0].other;
  later(1, &question, NON, 0x45, "c0", "for nobody");
  later(0, &question, NON, 0x45, "c0", "for the client");
  px_close();
  show_handlers = 0;
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  codes_and_options();
  lost_or_added();
  bad_responses();
  which_one();
  coap_cleanup();
  return 0;
}
