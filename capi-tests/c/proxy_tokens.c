/* Tokens and message IDs: each side has its own, and each answer finds the client that asked, whatever tokens they chose. */
#include "proxy.h"

static datagram_t first, second;

/* Two requests that the upstream server answers in the other order. */
static void
crossed(const char *title, int other, const char *token) {
  show("-- %s", title);
  px_open(COAP_PROXY_REVERSE, 1, 0);
  up_does[0] = EMPTY_ACK;
  get(0, "11=first");
  first = asked[0];
  say(other, CON, 1, token, "11=second", NULL);
  second = asked[0];
  size_t at, length = token_length(&first, &at);
  int same_token = length == token_length(&second, &at) && memcmp(first.bytes + at, second.bytes + at, length) == 0;
  int same_mid = mid_of(&first) == mid_of(&second);
  SHOW(same_token);
  SHOW(same_mid);
  later(0, &second, CON, 0x45, "c0", "the second");
  later(0, &first, CON, 0x45, "c0", "the first");
  px_close();
}

/* The same message ID too. */
static void
equal_mids(void) {
  show("-- the same token and message ID");
  px_open(COAP_PROXY_REVERSE, 1, 0);
  up_does[0] = EMPTY_ACK;
  datagram_t d = request(CON, 1, "aa", "11=a", NULL);
  say_datagram(0, "client0: a", &d);
  first = asked[0];
  say_datagram(1, "client1: a", &d);
  second = asked[0];
  later(0, &first, NON, 0x45, "c0", "to client0");
  later(0, &second, NON, 0x45, "c0", "to client1");
  px_close();
}

/* mend held-up: a request that the server has not acknowledged does not hold up those of other clients, which each keep to
 * NSTART (RFC 7252 section 4.7). With the reference they wait for each other. */
static void
held_up(void) {
  show("-- a server that acknowledges late");
  px_open(COAP_PROXY_REVERSE, 1, 0);
  up_does[0] = SILENT;
  get(0, "11=a");
  first = asked[0];
  quiet = 1;
  get(1, "11=b");
  quiet = 0;
  mended_asked("held-up", "up0 CON 0.01 Uri-Path:\"b\"");
  say(2, NON, 1, "aa", "11=c", NULL);
  quiet = 1; /* the second is asked now, or has been */
  second = asked[0];
  up_does[0] = HI;
  later(0, &first, ACK, 0x45, "c0", "hi");
  quiet = 0;
  show("%s", strstr(at_client, "client0 CON 2.05") ? "client0 is answered" : "client0 is not answered");
  px_close();
}

/* Extended tokens (RFC 8974) of clients. What is sent to the server are the proxy's own.
 * mend extended: so the server is not asked first whether it takes extended ones, and nobody waits for that. */
static void
extended_tokens(void) {
  static const char *const tokens[] = {"000102030405060708", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"};
  show("-- extended tokens");
  px_open(COAP_PROXY_REVERSE, 1, 0);
  coap_context_set_max_token_size(px, 32);
  quiet = 1;
  say(0, CON, 1, tokens[0], "11=a", NULL);
  wait_for_client(5000);
  quiet = 0;
  mended_asked("extended", "up0 CON 0.01 Uri-Path:\"a\"");
  show("%s", at_client);
  for (int i = 0; i < 2; i++) {
    say(1, CON, 1, tokens[i], "11=a", NULL);
    say(2, NON, 1, tokens[i], "11=a", NULL);
  }
  up_does[0] = EMPTY_ACK;
  say(0, CON, 1, tokens[1], "11=a", NULL);
  later(0, &asked[0], CON, 0x45, "c0", "separate");
  px_close();
}

/* ---- 200 clients through one session ---- */

enum { MANY = 200 };

static peer_t many[MANY];
static datagram_t questions[MANY];
static unsigned int asked_count, right, wrong, acknowledged;

/* The upstream server takes what has come, and acknowledges it. */
static void
take_questions(void) {
  datagram_t d;
  while (peer_take(&up[0], &d))
    if ((d.bytes[0] >> 4 & 3) == CON && asked_count < MANY) {
      questions[asked_count++] = d;
      send_empty(&up[0], ACK, &d);
    }
}

/* Each client compares the payload with the path that it asked for: its number. */
static void
take_answers(void) {
  datagram_t d;
  for (unsigned int i = 0; i < MANY; i++)
    while (peer_take(&many[i], &d)) {
      char number[16];
      size_t length = (size_t)snprintf(number, sizeof(number), "%u", i);
      if (d.length == 4) {
        acknowledged++;
        continue;
      }
      int is_right = d.bytes[4] == 0xaa && d.length > length && d.bytes[d.length - length - 1] == 0xff &&
                     memcmp(d.bytes + d.length - length, number, length) == 0;
      right += is_right;
      wrong += !is_right;
      if ((d.bytes[0] >> 4 & 3) == CON)
        send_empty(&many[i], ACK, &d);
    }
}

static void
answer_path(const datagram_t *question) {
  char text[16] = "";
  options_t o = options_of(question);
  while (next_option(&o))
    if (o.number == COAP_OPTION_URI_PATH)
      snprintf(text, sizeof(text), "%.*s", (int)o.length, (const char *)o.value);
  up_answer(0, question, CON, 0x45, "", text);
}

/* All have the same token, half of them the same message ID, and the answers come in the reverse order. */
static void
colliding(void) {
  show("-- %d clients with one token", MANY);
  px_open(COAP_PROXY_REVERSE, 1, 0);
  quiet = 1;
  asked_count = right = wrong = acknowledged = 0;
  for (unsigned int i = 0; i < MANY; i++) {
    char path[16];
    many[i] = peer_open(px_port);
    snprintf(path, sizeof(path), "11=%u", i);
    datagram_t d = request(CON, 1, "aa", path, NULL);
    if (i % 2)
      d.bytes[2] = d.bytes[3] = 0;
    peer_send(&many[i], &d);
    coap_io_process(px, COAP_IO_NO_WAIT);
    take_questions();
  }
  int64_t end = now_ms() + 5000;
  while ((asked_count < MANY || acknowledged < MANY) && now_ms() < end) {
    coap_io_process(px, 2);
    take_questions();
    take_answers();
  }
  show("%u requests came to the server, %u are acknowledged", asked_count, acknowledged);
  for (unsigned int i = asked_count; i-- > 0;) {
    answer_path(&questions[i]);
    coap_io_process(px, COAP_IO_NO_WAIT);
  }
  end = now_ms() + 5000;
  while (right + wrong < MANY && now_ms() < end) {
    coap_io_process(px, 2);
    take_answers();
  }
  show("%u clients got their answer, %u another one", right, wrong);
  for (unsigned int i = 0; i < MANY; i++)
    peer_close(&many[i]);
  quiet = 0;
  px_close();
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  crossed("two clients with one token", 1, "aa");
  crossed("a client with two tokens", 0, "bb");
  equal_mids();
  held_up();
  extended_tokens();
  colliding();
  coap_cleanup();
  return 0;
}
