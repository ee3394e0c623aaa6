/* Clients and upstream servers that say anything: requests and responses put together at random, then changed at random. The
 * same ones in each run. Behind each batch, somebody asks who means it, and is answered.
 *
 * mend garbled: nobody is held up by what others say. The reference ends the program. */
#include "proxy.h"

enum { BATCHES = 40, IN_A_BATCH = 50 };

static uint32_t state;

static unsigned int
below(unsigned int limit) {
  state = state * 1664525u + 1013904223u;
  return (state >> 8) % limit;
}

static const char *
one_of(const char *const *all, size_t count) {
  return all[below((unsigned int)count)];
}
#define ONE_OF(all) one_of(all, sizeof(all) / sizeof(all[0]))

static void
garble(datagram_t *d) {
  for (unsigned int times = below(4); times > 0 && d->length > 4; times--)
    switch (below(3)) {
    case 0:
      d->bytes[below((unsigned int)d->length)] = (uint8_t)below(256);
      break;
    case 1:
      d->length -= below((unsigned int)d->length - 3);
      break;
    default:
      if (d->length + 8 < sizeof(d->bytes))
        for (unsigned int i = 0; i < 8; i++)
          d->bytes[d->length++] = (uint8_t)below(256);
    }
}

static void
send_request(int to_uri) {
  static const char *const first[] = {"", "1#0a ", "3=127.0.0.1 ", "4#0102 ", "6# ", "6#01 ", "6# ", "7=$0 ", "9#0900 "};
  static const char *const paths[] = {"11=a ", "11=b 11=c ", "", "11=.well-known 11=core "};
  static const char *const uris[] = {"35=coap://127.0.0.1:$0/a ", "35=coap://127.0.0.1:$1/%zz?x ", "35=coap://127.0.0.1:$P/a ",
                                     "35=coap://[::1]:$0 ", "35=coap+tcp://127.0.0.1:1/a ", "39=coap "};
  static const char *const middle[] = {"", "12#32 ", "15=q ", "16#10 ", "16#01 ", "16#02 "};
  static const char *const blocks[] = {"", "", "23#02 ", "23#12 ", "27#08 ", "27#18 ", "27#10 ", "19#08 ", "31#08 "};
  static const char *const last[] = {"", "60#20", "252#0102", "258#1a", "292#0a0b", "65000#01", "65003#01"};
  static const char *const tokens[] = {"", "aa", "bb", "0102030405060708"};
  static const char *const bodies[] = {NULL, "x", "0123456789abcdef"};
  char options[400];
  /* Options stand in the order of their numbers, but for Q-Block1, which is 19. */
  const char *block = ONE_OF(blocks);
  int is_low = strncmp(block, "19", 2) == 0;
  snprintf(options, sizeof(options), "%s%s%s%s%s%s%s", ONE_OF(first), ONE_OF(paths), ONE_OF(middle), is_low ? block : "",
           is_low ? "" : block, to_uri ? ONE_OF(uris) : "", ONE_OF(last));
  datagram_t d = request(below(4) ? CON : NON, 1 + below(7), ONE_OF(tokens), options, ONE_OF(bodies));
  garble(&d);
  int i = 1 + (int)below(CLIENTS - 1);
  client[i].other.sin_port = htons(px_port);
  peer_send(&client[i], &d);
}

/* The upstream server answers as it likes, as often as it likes, what it was asked now or before. */
static void
answer_anything(int i) {
  static const unsigned int codes[] = {0x45, 0x45, 0x44, 0x43, 0x5f, 0x84, 0x81, 0xa3, 0xa8, 0x00, 0x01, 0x20, 0xff};
  static const char *const options[] = {"",       "c0",       "6102 60",        "42beef", "d1 0a 08",
                                        "d1 0a 1a", "d1 0e 08", "42beef d1 06 0a", "d1 03 10", "d4 ef 01020304", "e1 fcdc 01"};
  static const char *const payloads[] = {NULL, "x", "0123456789abcdef", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"};
  static datagram_t before[16];
  static unsigned int at;
  before[at++ % 16] = asked[i];
  if (asked[i].length > 8 && memcmp(asked[i].bytes + asked[i].length - 5, "meant", 5) == 0) {
    up_answer(i, &asked[i], ACK, 0x45, "c0", "meant");
    return;
  }
  for (unsigned int times = below(3); times > 0; times--) {
    datagram_t to = before[below(at < 16 ? at : 16)];
    if (to.length >= 4) {
      garble(&to);
      if (to.length >= 4u + (to.bytes[0] & 15) && (to.bytes[0] & 15) < 9)
        up_answer(i, &to, below(4), codes[below(sizeof(codes) / sizeof(codes[0]))], ONE_OF(options), ONE_OF(payloads));
      else
        peer_send(&up[i], &to);
    }
  }
}

static void
play(const char *title, coap_proxy_t type, uint32_t mode, int tracked) {
  show("-- %s, block mode %u", title, mode);
  if (on_reference())
    return;
  unsigned int served = 0;
  state = 20 + (unsigned int)type + mode;
  px_open(type, 2, mode);
  list.track_client_session = tracked;
  list.idle_timeout_secs = 1;
  for (int i = 0; i < UPS; i++)
    up_does[i] = SCRIPT;
  up_script = answer_anything;
  quiet = 1;
  with_key = 1;
  for (int batch = 0; batch < BATCHES; batch++) {
    for (int i = 0; i < IN_A_BATCH; i++) {
      send_request(type != COAP_PROXY_REVERSE);
      if (below(3) == 0)
        turn();
    }
    while (turn())
      ;
    forget();
    datagram_t d = request(CON, 2, "ee", type == COAP_PROXY_REVERSE ? "11=m 12#" : "12# 35=coap://127.0.0.1:$0/m", "meant");
    peer_send(&client[0], &d);
    for (int64_t end = now_ms() + 3000; !strstr(at_client, "client0 CON 2.05 token ee Content-Format:0 {meant}") && now_ms() < end;)
      turn();
    served += strstr(at_client, "client0 CON 2.05 token ee Content-Format:0 {meant}") != NULL;
    client[0].other.sin_port = htons(px_port);
  }
  quiet = with_key = 0;
  mend("garbled", "40 of 40 are served", "%u of %d are served", served, BATCHES);
  px_close();
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  for (uint32_t mode = 0; mode <= 3; mode += 3) {
    play("REVERSE", COAP_PROXY_REVERSE, mode, 0);
    play("FORWARD", COAP_PROXY_FORWARD, mode, 1);
    play("DIRECT_STRIP", COAP_PROXY_DIRECT_STRIP, mode, 0);
  }
  play("REVERSE, a session for each client", COAP_PROXY_REVERSE, 3, 1);
  coap_cleanup();
  return 0;
}
