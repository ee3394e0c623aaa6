/* A DTLS server as somebody sees it who forges addresses or speaks in bytes: cookies, and what a first message costs (RFC
 * 6347 section 4.2.1); datagrams that are cut, changed, repeated, or no DTLS; what they do to a session that stands. */
#include "tls_relay.h"

#include <malloc.h>

/* mend before-cookie: the reference makes a session for each address that a ClientHello comes from. Ours makes none before the
 *   peer has shown by a cookie that it receives what is sent there.
 * mend locked-out: so about 100 forged addresses keep everybody else out of the reference for half a minute.
 * mend half-open: and about 100 real ones that do not go on do that too.
 * mend short-record: a forged record that is too short for its tag ends a session of the reference, since OpenSSL 3.0 takes that
 *   for a fault of its own. RFC 6347 section 4.1.2.7: it is to be dropped.
 * mend new-hello: the reference does not answer a ClientHello from an address that it has a session with. */

/* ---- messages ---- */

enum { HANDSHAKE = 22, ALERT = 21 };

static void
put(datagram_t *datagram, unsigned int value, size_t bytes) {
  NEED(datagram->length + bytes <= sizeof(datagram->bytes));
  for (size_t i = bytes; i > 0; i--)
    datagram->bytes[datagram->length++] = (uint8_t)(value >> 8 * (i - 1));
}

static void
put_bytes(datagram_t *datagram, const uint8_t *bytes, size_t length) {
  NEED(datagram->length + length <= sizeof(datagram->bytes));
  memcpy(datagram->bytes + datagram->length, bytes, length);
  datagram->length += length;
}

/* A ClientHello in a record (RFC 6347 sections 4.1, 4.2.2), with a cookie or without. */
static datagram_t
client_hello(unsigned int version, const char *suites, const uint8_t *cookie, size_t cookie_length,
             unsigned int message_seq, unsigned int record_seq) {
  datagram_t body = {0, {0}}, hello = {0, {0}}, suite_bytes = from_hex(suites);
  datagram_t extensions = from_hex("000a 0004 0002 0017  000b 0002 0100  000d 0004 0002 0403  0017 0000  ff01 0001 00");
  put(&body, version, 2);
  for (unsigned int i = 0; i < 32; i++)
    put(&body, i + 1, 1);
  put(&body, 0, 1);
  put(&body, (unsigned int)cookie_length, 1);
  if (cookie)
    put_bytes(&body, cookie, cookie_length);
  put(&body, (unsigned int)suite_bytes.length, 2);
  put_bytes(&body, suite_bytes.bytes, suite_bytes.length);
  put(&body, 0x0100, 2);
  put(&body, (unsigned int)extensions.length, 2);
  put_bytes(&body, extensions.bytes, extensions.length);

  put(&hello, HANDSHAKE, 1);
  put(&hello, 0xfeff, 2);
  put(&hello, 0, 4);
  put(&hello, record_seq, 4);
  put(&hello, (unsigned int)body.length + 12, 2);
  put(&hello, 1, 1);
  put(&hello, (unsigned int)body.length, 3);
  put(&hello, message_seq, 2);
  put(&hello, 0, 3);
  put(&hello, (unsigned int)body.length, 3);
  put_bytes(&hello, body.bytes, body.length);
  return hello;
}

static const char *
record_text(const uint8_t *record) {
  static char text[40];
  if (record[0] == HANDSHAKE && record[3] == 0 && record[4] == 0)
    switch (record[13]) {
    case 2: snprintf(text, sizeof(text), "ServerHello %02x%02x", record[25 + 35 + record[25 + 34]],
                     record[25 + 36 + record[25 + 34]]); return text;
    case 3: return "HelloVerifyRequest";
    case 11: return "Certificate";
    case 12: return "ServerKeyExchange";
    case 14: return "ServerHelloDone";
    default: return "another message";
    }
  if (record[0] == ALERT && record[3] == 0 && record[4] == 0) {
    snprintf(text, sizeof(text), "alert %d %d", record[13], record[14]);
    return text;
  }
  return "another record";
}

/* Takes what the server says, if it says something within `limit` ms, and gives the first datagram. */
static int
answer_of(peer_t *peer, const char *label, int64_t limit, datagram_t *first) {
  datagram_t datagram;
  char line[400] = "nothing";
  size_t length = 0;
  struct sockaddr_in server = peer->other;
  while (peer_receive(peer, tls_server.context, &datagram, length ? 5 : limit)) {
    if (length == 0)
      *first = datagram;
    for (size_t at = 0; at + 15 <= datagram.length; at += 13 + datagram.bytes[at + 11] * 256u + datagram.bytes[at + 12])
      length += (size_t)snprintf(line + length, sizeof(line) - length, "%s%s", length ? ", " : "",
                                 record_text(datagram.bytes + at));
  }
  peer->other = server;
  if (label)
    show("%s: %s", label, line);
  return length > 0;
}

static const uint8_t *
cookie_in(const datagram_t *verify, size_t *length) {
  NEED(verify->length > 28 && verify->bytes[13] == 3);
  *length = verify->bytes[27];
  NEED(*length > 0 && verify->length == 28 + *length);
  return verify->bytes + 28;
}

static const char PSK_SUITES[] = "00a8 c0a8";

static void
server_begin(const char *name) {
  show("== %s", name);
  tls_begin();
  psk_server(COAP_PROTO_DTLS);
}

/* Whether a client that means it gets an answer. */
static int
honest(int64_t limit) {
  coap_session_t *session = psk_client(COAP_PROTO_DTLS);
  int before = tls_client.responses;
  NEED(tls_get(session, "h"));
  BOTH_UNTIL(tls_client.responses > before, limit);
  coap_session_release(session);
  BOTH_FOR(5);
  return tls_client.responses > before;
}

/* ---- cookies ---- */

static void
cookies(void) {
  peer_t peer, other;
  datagram_t hello, verify, answer;
  const uint8_t *cookie, *again;
  uint8_t wrong[255] = {7};
  size_t length, again_length;
  server_begin("cookies");
  peer = peer_open(tls_port);
  other = peer_open(tls_port);
  hello = client_hello(0xfefd, PSK_SUITES, NULL, 0, 0, 5);
  peer_send(&peer, &hello);
  answer_of(&peer, "the first hello", 1000, &verify);
  mend("before-cookie", "0 sessions", "%d sessions", tls_server.sessions);
  show("version %02x%02x, message %d, record %d", verify.bytes[25], verify.bytes[26], verify.bytes[18], verify.bytes[10]);
  cookie = cookie_in(&verify, &length);

  peer_send(&peer, &hello);
  answer_of(&peer, "the same hello", 1000, &answer);
  again = cookie_in(&answer, &again_length);
  show("the same cookie %d", length == again_length && memcmp(cookie, again, length) == 0);

  hello = client_hello(0xfefd, PSK_SUITES, wrong, length, 1, 6);
  peer_send(&peer, &hello);
  answer_of(&peer, "another cookie", 1000, &answer);
  hello = client_hello(0xfefd, PSK_SUITES, cookie, length - 1, 1, 6);
  peer_send(&peer, &hello);
  answer_of(&peer, "a cookie that is cut", 1000, &answer);
  hello = client_hello(0xfefd, PSK_SUITES, wrong, 255, 1, 6);
  peer_send(&peer, &hello);
  answer_of(&peer, "a cookie of 255 bytes", 1000, &answer);
  mend("before-cookie", "0 sessions", "%d sessions", tls_server.sessions);

  hello = client_hello(0xfefd, PSK_SUITES, cookie, length, 1, 7);
  peer_send(&other, &hello);
  answer_of(&other, "from another port", 1000, &answer);
  mend("before-cookie", "0 sessions", "%d sessions", tls_server.sessions);
  peer_send(&peer, &hello);
  answer_of(&peer, "the cookie", 1000, &answer);
  mend("before-cookie", "1 session", "%d session%s", tls_server.sessions, tls_server.sessions == 1 ? "" : "s");
  SHOW(honest(3000));
  tls_end();
  peer_close(&peer);
  peer_close(&other);
}

/* What is said to a hello with a cookie. */
static void
hellos(void) {
  static const struct {
    const char *name;
    unsigned int version;
    const char *suites;
  } cases[] = {
      {"PSK with CCM and 8 bytes (RFC 7252 section 9.1.3.1)", 0xfefd, "c0a8"},
      {"PSK with CCM", 0xfefd, "c0a4"},
      {"PSK with GCM", 0xfefd, "00a8"},
      {"certificates only", 0xfefd, "c02b"},
      {"nothing that there is", 0xfefd, "eeee"},
      {"DTLS 1.0", 0xfeff, "c0a8"},
  };
  datagram_t hello, answer;
  server_begin("what is offered");
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    peer_t peer = peer_open(tls_port);
    size_t length;
    const uint8_t *cookie;
    hello = client_hello(cases[i].version, cases[i].suites, NULL, 0, 0, 0);
    peer_send(&peer, &hello);
    NEED(answer_of(&peer, NULL, 1000, &answer));
    cookie = cookie_in(&answer, &length);
    hello = client_hello(cases[i].version, cases[i].suites, cookie, length, 1, 1);
    tls_server.length = 0;
    int before = tls_server.sessions;
    peer_send(&peer, &hello);
    answer_of(&peer, cases[i].name, 1000, &answer);
    if (answer.bytes[0] == ALERT)
      BOTH_UNTIL(tls_server.sessions < before || tls_server.nacks, 1000);
    peer_close(&peer);
  }
  tls_end();
}

/* ---- floods ---- */

/* Sends a hello from an address of its own, which nobody reads at. */
static void
forged_hello(unsigned int number) {
  datagram_t hello = client_hello(0xfefd, PSK_SUITES, NULL, 0, 0, 0);
  coap_address_t server = loopback(tls_port);
  struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f020000u + number)};
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  NEED(fd >= 0 && bind(fd, (struct sockaddr *)&from, sizeof(from)) == 0);
  NEED(sendto(fd, hello.bytes, hello.length, 0, &server.addr.sa, server.size) == (ssize_t)hello.length);
  close(fd);
}

static void
flood(void) {
  struct mallinfo2 before, after;
  server_begin("10,000 forged hellos");
  coap_register_event_handler(tls_server.context, NULL);
  forged_hello(0);
  coap_io_process(tls_server.context, 20);
  before = mallinfo2();
  for (unsigned int i = 1; i <= 10000; i++) {
    forged_hello(i % 0xffff + 1);
    if (i % 50 == 0)
      coap_io_process(tls_server.context, COAP_IO_NO_WAIT);
  }
  coap_io_process(tls_server.context, 20);
  after = mallinfo2();
  mend("before-cookie", "no memory", "%s", after.uordblks > before.uordblks + 50000 ? "memory" : "no memory");
  show("~ %lld bytes", (long long)after.uordblks - (long long)before.uordblks);
  coap_register_event_handler(tls_server.context, tls_on_event);
  mend("locked-out", "an answer", "%s", honest(on_reference() ? 300 : 3000) ? "an answer" : "none");
  tls_end();
}

/* Peers that do get their cookies, and then stop. */
static void
half_open(void) {
  enum { PEERS = 200 };
  static peer_t peers[PEERS];
  datagram_t hello, answer;
  size_t length;
  server_begin("200 half of a handshake");
  coap_register_event_handler(tls_server.context, NULL);
  for (int i = 0; i < PEERS; i++) {
    peers[i] = peer_open(tls_port);
    hello = client_hello(0xfefd, PSK_SUITES, NULL, 0, 0, 0);
    peer_send(&peers[i], &hello);
    if (!answer_of(&peers[i], NULL, 20, &answer))
      break;
    const uint8_t *cookie = cookie_in(&answer, &length);
    hello = client_hello(0xfefd, PSK_SUITES, cookie, length, 1, 1);
    peer_send(&peers[i], &hello);
    coap_io_process(tls_server.context, 1);
  }
  mend("half-open", "an answer", "%s", honest(on_reference() ? 300 : 3000) ? "an answer" : "none");
  for (int i = 0; i < PEERS; i++)
    if (peers[i].fd > 0)
      peer_close(&peers[i]);
  tls_end();
}

/* ---- bytes ---- */

static void
odd_datagrams(void) {
  static const char *const odd[] = {
      "00",
      "16",
      "16feff",
      "4001 1234 b568656c6c6f",
      "16feff0000000000000000 0005 0000000000",
      "16feff0000000000000000 ffff 0100000000",
      "16fefd0001000000000000 0010 00000000000000000000000000000000",
      "17fefd0001000000000000 0010 00000000000000000000000000000000",
      "15feff0000000000000000 0002 0200",
      "14feff0000000000000000 0001 01",
      "18feff0000000000000000 0003 010010",
      "19feff0000000000000000 0002 0200",
      "ffffffffffffffffffffffffffffff",
      "1603010005 0100000100",
  };
  datagram_t answer;
  server_begin("datagrams of strangers");
  for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
    peer_t peer = peer_open(tls_port);
    peer_send_hex(&peer, odd[i]);
    answer_of(&peer, odd[i], 10, &answer);
    peer_close(&peer);
  }
  mend("before-cookie", "0 sessions", "%d sessions", tls_server.sessions);
  SHOW(honest(3000));
  tls_end();
}

/* Every beginning of a hello, and every change of one byte, without a cookie and with the right one. What comes of each is
 * the library's affair; the server goes on. */
static void
changed_hellos(int with_cookie) {
  datagram_t hello, answer;
  server_begin(with_cookie ? "hellos with a cookie, cut and changed" : "hellos, cut and changed");
  coap_register_event_handler(tls_server.context, NULL);
  peer_t peer = peer_open(tls_port);
  hello = client_hello(0xfefd, PSK_SUITES, NULL, 0, 0, 0);
  if (with_cookie) {
    size_t length;
    peer_send(&peer, &hello);
    NEED(answer_of(&peer, NULL, 1000, &answer));
    const uint8_t *cookie = cookie_in(&answer, &length);
    hello = client_hello(0xfefd, PSK_SUITES, cookie, length, 1, 1);
  }
  for (size_t at = 0; at < hello.length; at++) {
    datagram_t changed = hello;
    changed.length = at;
    peer_send(&peer, &changed);
    changed.length = hello.length;
    for (int how = 0; how < 4; how++) {
      static const uint8_t flips[] = {1, 0x80, 0xff, 0x55};
      changed.bytes[at] = hello.bytes[at] ^ flips[how];
      peer_send(&peer, &changed);
    }
    coap_io_process(tls_server.context, COAP_IO_NO_WAIT);
    while (peer_take(&peer, &answer))
      ;
    peer.other.sin_port = htons(tls_port);
  }
  SHOW(honest(3000));
  peer_close(&peer);
  tls_end();
}

/* ---- a session that stands ---- */

static void
still_there(relay_t *relay, coap_session_t *session, const char *after) {
  int before = tls_client.responses;
  RELAY_UNTIL(relay, 0, 10);
  NEED(tls_get(session, "s"));
  RELAY_UNTIL(relay, tls_client.responses > before || is_down(session), 3000);
  show("%s: %s, server %d", after, tls_client.responses > before ? "still there" : "gone", tls_server.sessions);
}

static void
standing(void) {
  static const char *const rubbish[] = {
      "deadbeef",
      "00",
      "40011234",
      "17fefd000100000000ffff 0010 00112233445566778899aabbccddeeff",
      "17fefd0001000000000001 0000",
      "17fefd0000000000000009 0004 40010001",
      "15fefd0000000000000100 0002 0228",
      "15fefd0000000000000100 0002 0100",
      "16fefd0000000000000100 0004 ffffffff",
      "14fefd0000000000000100 0001 01",
  };
  relay_t relay;
  datagram_t record, hello;
  peer_t stranger;
  coap_session_t *session = relay_begin(&relay, "a session that stands");
  NEED(tls_get(session, "a"));
  RELAY_UNTIL(&relay, tls_client.responses == 1, 3000);
  take(&tls_client);
  take(&tls_server);

  record = relay.last_of_client;
  relay_to_server(&relay, &record);
  still_there(&relay, session, "the client's record again");
  record = relay.last_of_server;
  relay_to_client(&relay, &record);
  still_there(&relay, session, "the server's record again");
  for (size_t at = 0; at < relay.last_of_client.length; at++) {
    record = relay.last_of_client;
    record.bytes[10] = (uint8_t)(record.bytes[10] + 50);
    record.bytes[at] ^= 1;
    relay_to_server(&relay, &record);
    record.length = at;
    relay_to_server(&relay, &record);
  }
  still_there(&relay, session, "the client's record changed and cut");
  for (size_t at = 0; at < relay.last_of_server.length; at++) {
    record = relay.last_of_server;
    record.bytes[10] = (uint8_t)(record.bytes[10] + 50);
    record.bytes[at] ^= 1;
    relay_to_client(&relay, &record);
    record.length = at;
    relay_to_client(&relay, &record);
  }
  still_there(&relay, session, "the server's record changed and cut");
  stranger = peer_open(tls_port);
  record = relay.last_of_client;
  record.bytes[10]++;
  peer_send(&stranger, &record);
  still_there(&relay, session, "a record from another port");
  peer_close(&stranger);
  for (size_t i = 0; i < sizeof(rubbish) / sizeof(rubbish[0]); i++) {
    record = from_hex(rubbish[i]);
    relay_to_server(&relay, &record);
    relay_to_client(&relay, &record);
    still_there(&relay, session, rubbish[i]);
  }
  int before = relay.from_server;
  hello = client_hello(0xfefd, PSK_SUITES, NULL, 0, 0, 0);
  relay_to_server(&relay, &hello);
  RELAY_UNTIL(&relay, relay.from_server > before, 50);
  mend("new-hello", "answered", "%s", relay.from_server > before ? "answered" : "no answer");
  still_there(&relay, session, "a new hello");
  uint8_t wrong[32] = {7};
  hello = client_hello(0xfefd, PSK_SUITES, wrong, sizeof(wrong), 1, 1);
  relay_to_server(&relay, &hello);
  still_there(&relay, session, "a new hello with another cookie");
  tell();
  relay_end(&relay, session);
}

/* Records of the right epoch that are too short to have a tag. */
static void
short_records(int to_server) {
  relay_t relay;
  coap_session_t *session = relay_begin(&relay, to_server ? "short records to the server" : "short records to the client");
  NEED(tls_get(session, "a"));
  RELAY_UNTIL(&relay, tls_client.responses == 1, 3000);
  for (unsigned int length = 0; length < 40; length++) {
    datagram_t record = from_hex("17fefd 0001 000000000200");
    put(&record, length, 2);
    for (unsigned int i = 0; i < length; i++)
      put(&record, 0, 1);
    for (unsigned int type = 20; type < 25; type++) {
      record.bytes[0] = (uint8_t)type;
      if (to_server)
        relay_to_server(&relay, &record);
      else
        relay_to_client(&relay, &record);
    }
    RELAY_UNTIL(&relay, is_down(session), 5);
  }
  int before = tls_client.responses;
  if (is_up(session) && tls_get(session, "b"))
    RELAY_UNTIL(&relay, tls_client.responses > before || is_down(session), on_reference() ? 100 : 3000);
  mend("short-record", "still there", "%s", tls_client.responses > before ? "still there" : "gone");
  relay_end(&relay, session);
}

int
main(void) {
  coap_startup();
  cookies();
  hellos();
  flood();
  half_open();
  odd_datagrams();
  changed_hellos(0);
  changed_hellos(1);
  standing();
  short_records(1);
  short_records(0);
  coap_cleanup();
  return 0;
}
