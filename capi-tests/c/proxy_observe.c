/* Observe through a proxy: registrations, notifications, and their end from either side. */
#include "proxy.h"

static datagram_t registered; /* what the upstream server was asked at the registration */

/* A registration of client0. */
static void
open_and_register(const char *title, uint32_t block_mode) {
  show("-- %s, block mode %u", title, block_mode);
  px_open(COAP_PROXY_REVERSE, 1, block_mode);
  up_does[0] = OBSERVE;
  get(0, "6# 11=t");
  registered = asked[0];
}

/* Whether a request upstream has the token of the registration. */
static int
has_its_token(const datagram_t *d) {
  size_t at, length = token_length(&registered, &at);
  return token_length(d, &at) == length && memcmp(d->bytes + at, registered.bytes + at, length) == 0;
}

/* Notifications of each type; the numbers of them are the server's. */
static void
notified(uint32_t mode) {
  open_and_register("notifications", mode);
  show_handlers = 1;
  later(0, &registered, NON, 0x45, "6103 60", "second");
  show_handlers = 0;
  later(0, &registered, CON, 0x45, "6104 60", "third");
  later(0, &registered, NON, 0x45, "620200 60", "number 512");
  later(0, &registered, CON, 0x43, "6303e7 00", NULL);
  px_close();
  show("-- a registration in a NON");
  px_open(COAP_PROXY_REVERSE, 1, mode);
  up_does[0] = OBSERVE;
  say(0, NON, 1, "aa", "6# 11=t", NULL);
  later(0, &asked[0], NON, 0x45, "6103 60", "second");
  px_close();
  show("-- FETCH");
  px_open(COAP_PROXY_REVERSE, 1, mode);
  up_does[0] = OBSERVE;
  say(0, CON, 5, "aa", "6# 11=t 12#32", "selector");
  later(0, &asked[0], NON, 0x45, "6103 60", "second");
  px_close();
  show("-- through URIs");
  px_open(COAP_PROXY_DIRECT_STRIP, 1, mode);
  up_does[0] = OBSERVE;
  get(0, "6# 35=coap://127.0.0.1:$0/t");
  later(0, &asked[0], NON, 0x45, "6103 60", "second");
  px_close();
}

/* mend after: a notification of what has ended is refused (RFC 7641 section 3.6). The reference takes it and says nothing. */
static void
after(const datagram_t *to) {
  quiet = 1;
  later(0, to, NON, 0x45, "6109 60", "after it");
  quiet = 0;
  mended_asked("after", "up0 RST 0.00");
  mended_told("after", "silence");
}

/* The server ends it, or does not begin it. */
static void
ended_by_server(uint32_t mode) {
  open_and_register("the server ends it with an error", mode);
  later(0, &registered, CON, 0x84, "", NULL);
  after(&registered);
  px_close();
  open_and_register("the server ends it with a response that has no Observe", mode);
  later(0, &registered, CON, 0x45, "c0", "last");
  after(&registered);
  px_close();
  show("-- the server does not begin it");
  px_open(COAP_PROXY_REVERSE, 1, mode);
  get(0, "6# 11=t");
  after(&asked[0]);
  px_close();
}

/* mend cancel: a client's Observe 1 goes upstream with the token of the registration, which it ends there (RFC 7641 section
 * 3.6), and nothing more comes to the client. The reference takes a new token, and goes on. */
static void
cancelled(uint32_t mode) {
  open_and_register("the client cancels", mode);
  quiet = 1;
  up_does[0] = HI;
  get(0, "6#01 11=t");
  mend("cancel", "Observe 1 with its token, client0 CON 2.05 token aa Content-Format:0 {hi}", "Observe %ld with %s token, %s",
       find_option(&asked[0], COAP_OPTION_OBSERVE), has_its_token(&asked[0]) ? "its" : "another", at_client);
  later(0, &registered, NON, 0x45, "6109 60", "after it");
  mended_told("cancel", "silence");
  quiet = 0;
  px_close();
}

/* mend reset: a client's Reset to a notification ends its registration (RFC 7641 section 3.6), and the server learns of it, then
 * or with its next notification. The reference goes on. */
static void
reset(uint32_t mode) {
  for (int type = CON; type <= NON; type++) {
    show("-- the client resets %s notifications", type_text((coap_pdu_type_t)type));
    px_open(COAP_PROXY_REVERSE, 1, mode);
    up_does[0] = OBSERVE;
    say(0, (unsigned int)type, 1, "aa", "6# 11=t", NULL);
    registered = asked[0];
    clients_reset = quiet = 1;
    later(0, &registered, NON, 0x45, "6103 60", "second");
    clients_reset = 0;
    at_client[0] = 0;
    up_answer(0, &registered, CON, 0x45, "6104 60", "third");
    settle(30);
    quiet = 0;
    mended_told("reset", "silence");
    mend("reset", "the server knows", "the server %s",
         strstr(at_up, "Observe:1") || strstr(at_up, "RST") ? "knows" : "does not know");
    px_close();
  }
}

/* mend gone: when the client's session ends, so does its registration upstream, at the next notification at the latest. The
 * reference acknowledges those without end. */
static void
client_gone(uint32_t mode) {
  show("-- the client is gone, block mode %u", mode);
  px_open(COAP_PROXY_REVERSE, 1, mode);
  up_does[0] = OBSERVE;
  quiet = 1;
  stream_t stream = stream_connect(serve_stream(px, NULL));
  stream_send_hex(&stream, "00e1 3101aa60 5174");
  RUN_UNTIL(px, stream_ready(&stream), 3000);
  show("its CSM: %s", stream_take(&stream, MASK_NONE));
  forget();
  settle(30);
  registered = asked[0];
  RUN_UNTIL(px, stream_ready(&stream), 3000);
  show("it is told: %s", stream_take(&stream, MASK_NONE));
  stream_close(&stream);
  forget();
  settle(30);
  up_answer(0, &registered, CON, 0x45, "6109 60", "after it");
  settle(30);
  quiet = 0;
  mend("gone", "the server knows", "the server %s",
       strstr(at_up, "Observe:1") || strstr(at_up, "RST") ? "knows" : "does not know");
  px_close();
}

/* mend idle: a session with a registration is not idle. The reference closes it, and the client hears nothing more. */
static void
idle(uint32_t mode) {
  show("-- a short time-out");
  px_open(COAP_PROXY_REVERSE, 1, mode);
  list.idle_timeout_secs = 1;
  up_does[0] = OBSERVE;
  quiet = 1;
  get(0, "6# 11=t");
  registered = asked[0];
  settle(1600);
  later(0, &registered, NON, 0x45, "6103 60", "second");
  quiet = 0;
  mended_told("idle", "client0 CON 2.05 token aa Observe:3 Content-Format:0 {second}");
  px_close();
}

static void
two_clients(uint32_t mode) {
  open_and_register("two clients", mode);
  datagram_t of_first = registered;
  get(1, "6# 11=t");
  later(0, &asked[0], NON, 0x45, "6103 60", "to client1");
  later(0, &of_first, NON, 0x45, "6103 60", "to client0");
  later(0, &asked[0], CON, 0x84, "", NULL);
  later(0, &of_first, NON, 0x45, "6104 60", "to client0");
  px_close();
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  for (uint32_t mode = 0; mode <= 3; mode += 3) {
    notified(mode);
    two_clients(mode);
    ended_by_server(mode);
    cancelled(mode);
    reset(mode);
  }
  client_gone(3);
  idle(0);
  coap_cleanup();
  return 0;
}
