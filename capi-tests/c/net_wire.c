/* A server and a bare socket: what each datagram is answered with, byte by byte.
 *
 * mend duplicate: the reference runs the handler again for a repeated confirmable request. Ours repeats the
 *   stored answer, and the handler runs once (RFC 7252 section 4.2 and 4.5).
 * mend max_token_size: the reference aborts on a maximum out of range and takes no more than 4,096 of the
 *   65,804 bytes that RFC 8974 allows. Ours leaves the maximum as it was, and goes to 65,804.
 * mend malformed_ack: the reference answers a malformed ACK or RST with RST. Ours ignores it silently (RFC 7252
 *   section 4.2); the event is raised.
 * mend unasked: the reference hands a response that nobody asked for to the response handler, also on a server
 *   session, and acknowledges it. Ours rejects it (section 4.2, 4.3): RST, or nothing for an ACK. */
#include "peer.h"

static int calls;
static int quiet, events, handed;

static void
get(coap_resource_t *resource UNUSED, coap_session_t *session UNUSED, const coap_pdu_t *request,
    const coap_string_t *query UNUSED, coap_pdu_t *response) {
  uint8_t text[8];
  calls++;
  if (!quiet)
    show("GET handler: %s mid=%04x", type_text(coap_pdu_get_type(request)),
         (unsigned int)coap_pdu_get_mid(request));
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  coap_add_data(response, (size_t)snprintf((char *)text, sizeof(text), "#%d", calls), text);
}

static int
on_event(coap_session_t *session, const coap_event_t event) {
  events++;
  if (!quiet)
    show("event %#x, session %s", (unsigned int)event, session ? "something" : "NULL");
  return 0;
}

static void
on_nack(coap_session_t *session, const coap_pdu_t *sent, const coap_nack_reason_t reason, const coap_mid_t mid) {
  show("nack %d, session %s, sent %s, mid %04x", (int)reason, session ? "something" : "NULL",
       sent ? "something" : "NULL", (unsigned int)mid);
}

static coap_response_t
on_response(coap_session_t *session, const coap_pdu_t *sent, const coap_pdu_t *received, const coap_mid_t mid) {
  handed++;
  if (!quiet)
    show("response %s %s, session %s, sent %s, mid %04x", type_text(coap_pdu_get_type(received)),
       code_text(coap_pdu_get_code(received)), session ? "something" : "NULL", sent ? "something" : "NULL",
       (unsigned int)mid);
  return COAP_RESPONSE_OK;
}

static void
on_ping(coap_session_t *session, const coap_pdu_t *received, const coap_mid_t mid) {
  show("ping, session %s, received %s, mid %04x", session ? "something" : "NULL",
       received ? "something" : "NULL", (unsigned int)mid);
}

static void
on_pong(coap_session_t *session, const coap_pdu_t *received, const coap_mid_t mid) {
  show("pong, session %s, received %s, mid %04x", session ? "something" : "NULL",
       received ? "something" : "NULL", (unsigned int)mid);
}

/* Sends what the reference answers otherwise than it should, and tells what came of it in one line: the
 * answers, the number of events, and of responses handed to the handler. */
static void
ask_mended(peer_t *peer, coap_context_t *context, const char *topic, const char *hex, const char *wanted) {
  static uint16_t probe_mid = 0xe000;
  char answers[64] = "";
  datagram_t answer;
  struct sockaddr_in server = peer->other;
  quiet = 1;
  events = handed = 0;
  peer_send_hex(peer, hex);
  peer_send_mid(peer, "41 01 ???? fa b1 7e", ++probe_mid);
  for (;;) {
    NEED(peer_receive(peer, context, &answer, 3000));
    peer->other = server;
    if (mid_of(&answer) == probe_mid && answer.bytes[0] == 0x61)
      break;
    strcat(answers, type_text((coap_pdu_type_t)(answer.bytes[0] >> 4 & 3)));
    NEED(strlen(answers) < 32);
  }
  quiet = 0;
  mend(topic, wanted, "%s, %d events, %d handed on", *answers ? answers : "nothing", events, handed);
}

static void
requests(peer_t *peer, coap_context_t *context) {
  show("-- requests");
  ask(peer, context, "CON GET", "42 01 0101 aa01 b1 72", MASK_OWN);
  ask(peer, context, "NON GET", "52 01 0102 aa02 b1 72", MASK_OWN);
  ask(peer, context, "CON GET, no token", "40 01 0103 b1 72", MASK_OWN);
  ask(peer, context, "CON GET, 8 bytes of token", "48 01 0104 0001020304050607 b1 72", MASK_OWN);
  ask(peer, context, "CON GET with a query", "41 01 0105 05 b1 72 43 613d62", MASK_OWN);
  ask(peer, context, "CON GET with a payload", "41 01 0106 06 b1 72 ff 70", MASK_OWN);
  ask(peer, context, "CON GET, Uri-Host and Uri-Port", "41 01 0107 07 39 6c6f63616c686f7374 41 50 41 72", MASK_OWN);
}

static void
empty_messages(peer_t *peer, coap_context_t *context) {
  show("-- empty messages");
  RUN_FOR(context, 300); /* the reference answers no ping in the first 250 ms of its clock */
  ask(peer, context, "CON ping", "40 00 0201", MASK_OWN);
  ask(peer, context, "NON empty", "50 00 0202", MASK_OWN);
  ask(peer, context, "ACK empty, nothing asked", "60 00 0203", MASK_OWN);
  ask(peer, context, "RST, nothing asked", "70 00 0204", MASK_OWN);
  ask(peer, context, "NON empty with a token", "51 00 0205 aa", MASK_OWN);
  ask(peer, context, "CON empty with a token", "41 00 0206 aa", MASK_OWN);
  ask(peer, context, "CON empty with a payload", "40 00 0207 ff 70", MASK_OWN);
  ask(peer, context, "CON empty with an option", "40 00 0208 b1 72", MASK_OWN);
  show("ACK empty with a token");
  ask_mended(peer, context, "malformed_ack", "61 00 0209 aa",
             "nothing, 1 events, 0 handed on");
  ask(peer, context, "RST with a code", "70 45 020a", MASK_OWN);
}

static void
malformed(peer_t *peer, coap_context_t *context) {
  show("-- malformed");
  ask(peer, context, "nothing at all", "", MASK_OWN);
  ask(peer, context, "1 byte", "40", MASK_OWN);
  ask(peer, context, "3 bytes", "40 01 03", MASK_OWN);
  ask(peer, context, "version 0", "00 01 0301", MASK_OWN);
  ask(peer, context, "version 2", "80 01 0302", MASK_OWN);
  ask(peer, context, "version 3", "c0 01 0303", MASK_OWN);
  ask(peer, context, "CON, token cut", "44 01 0304 aabb", MASK_OWN);
  ask(peer, context, "NON, token cut", "54 01 0305 aabb", MASK_OWN);
  show("ACK, token cut");
  ask_mended(peer, context, "malformed_ack", "64 45 0306 aabb",
             "nothing, 1 events, 0 handed on");
  show("RST, token cut");
  ask_mended(peer, context, "malformed_ack", "74 00 0307 aabb",
             "nothing, 1 events, 0 handed on");
  ask(peer, context, "CON, token length 9", "49 01 0308 000102030405060708 b1 72", MASK_OWN);
  ask(peer, context, "CON, token length 13", "4d 01 0309 00 000102030405060708090a0b0c b1 72", MASK_OWN);
  ask(peer, context, "CON, token length 15", "4f 01 030a 000102", MASK_OWN);
  ask(peer, context, "NON, token length 15", "5f 01 030b 000102", MASK_OWN);
  ask(peer, context, "CON, option cut", "40 01 030c b5 72", MASK_OWN);
  ask(peer, context, "NON, option cut", "50 01 030d b5 72", MASK_OWN);
  ask(peer, context, "CON, delta 15", "40 01 030e f1 72", MASK_OWN);
  ask(peer, context, "CON, length 15", "40 01 030f bf 72", MASK_OWN);
  ask(peer, context, "CON, extended delta cut", "40 01 0310 d0", MASK_OWN);
  ask(peer, context, "CON, option number over 65535", "40 01 0311 e0 fef2 c1 00", MASK_OWN);
  ask(peer, context, "CON, marker without payload", "40 01 0312 b1 72 ff", MASK_OWN);
  ask(peer, context, "NON, marker without payload", "50 01 0313 b1 72 ff", MASK_OWN);
  show("ACK, marker without payload");
  ask_mended(peer, context, "malformed_ack", "60 45 0314 ff",
             "nothing, 1 events, 0 handed on");
  show("ACK, token length 13, nothing behind");
  ask_mended(peer, context, "malformed_ack", "6d 65 6564",
             "nothing, 1 events, 0 handed on");
  show("ACK, token length 14, nothing behind");
  ask_mended(peer, context, "malformed_ack", "6e 65 6564",
             "nothing, 1 events, 0 handed on");
}

static void
codes(peer_t *peer, coap_context_t *context) {
  show("-- codes");
  ask(peer, context, "CON 0.08, no known method", "41 08 0401 aa b1 72", MASK_OWN);
  ask(peer, context, "NON 0.08, no known method", "51 08 0402 aa b1 72", MASK_OWN);
  ask(peer, context, "CON 0.31", "41 1f 0403 aa b1 72", MASK_OWN);
  ask(peer, context, "CON 1.00", "41 20 0404 aa b1 72", MASK_OWN);
  ask(peer, context, "NON 1.00", "51 20 0405 aa b1 72", MASK_OWN);
  show("CON 3.00");
  ask_mended(peer, context, "unasked", "41 60 0406 aa b1 72",
             "RST, 0 events, 0 handed on");
  ask(peer, context, "CON 6.00", "41 c0 0407 aa b1 72", MASK_OWN);
  ask(peer, context, "CON 7.01, a signal", "41 e1 0408 aa b1 72", MASK_OWN);
  ask(peer, context, "NON 7.02, a signal", "51 e2 0409 aa", MASK_OWN);
  ask(peer, context, "CON 7.31", "41 ff 040a aa", MASK_OWN);
  ask(peer, context, "ACK with a request", "61 01 040b aa b1 72", MASK_OWN);
  ask(peer, context, "RST with a request", "71 01 040c aa b1 72", MASK_OWN);
}

static void
responses(peer_t *peer, coap_context_t *context) {
  show("-- responses that nobody asked for");
  show("CON 2.05");
  ask_mended(peer, context, "unasked", "42 45 0501 bb01 ff 70",
             "RST, 0 events, 0 handed on");
  show("NON 2.05");
  ask_mended(peer, context, "unasked", "52 45 0502 bb02 ff 70",
             "RST, 0 events, 0 handed on");
  show("ACK 2.05");
  ask_mended(peer, context, "unasked", "62 45 0503 bb03 ff 70",
             "nothing, 0 events, 0 handed on");
  show("CON 4.04");
  ask_mended(peer, context, "unasked", "42 84 0504 bb04",
             "RST, 0 events, 0 handed on");
  show("NON 4.04");
  ask_mended(peer, context, "unasked", "52 84 0505 bb05",
             "RST, 0 events, 0 handed on");
  ask(peer, context, "CON 2.05, critical option 9999", "42 45 0506 bb06 e1 2602 00", MASK_OWN);
  ask(peer, context, "NON 2.05, critical option 9999", "52 45 0507 bb07 e1 2602 00", MASK_OWN);
}

static void
duplicates(peer_t *peer, coap_context_t *context) {
  datagram_t first, second;
  show("-- duplicates");
  calls = 0;
  NEED(!peer_take(peer, &first));
  peer_send_hex(peer, "42 01 0601 cc01 b1 72");
  NEED(peer_receive(peer, context, &first, 3000));
  show_datagram("first", &first, MASK_OWN);
  peer_send_hex(peer, "42 01 0601 cc01 b1 72");
  quiet = 1;
  NEED(peer_receive(peer, context, &second, 3000));
  quiet = 0;
  mend("duplicate", "1 call, the same answer", "%d call%s, %s answer", calls, calls == 1 ? "" : "s",
       first.length == second.length && !memcmp(first.bytes, second.bytes, first.length) ? "the same"
                                                                                       : "another");
}

static void
tokens(peer_t *peer, peer_t *later, coap_context_t *context) {
  show("-- longer tokens");
  calls = 0;
  if (!on_reference()) {
    datagram_t answer;
    coap_context_set_max_token_size(context, 7);
    coap_context_set_max_token_size(context, 65805);
    peer_send_hex(peer, "49 01 0701 000102030405060708 b1 72");
    NEED(peer_receive(peer, context, &answer, 3000));
    mend("max_token_size", "RST", "%s", type_text((coap_pdu_type_t)(answer.bytes[0] >> 4 & 3)));
    coap_context_set_max_token_size(context, 65804);
  }
  coap_context_set_max_token_size(context, 16);
  ask(peer, context, "9 bytes", "49 01 0702 000102030405060708 b1 72", MASK_OWN);
  ask(peer, context, "12 bytes", "4c 01 0703 000102030405060708090a0b b1 72", MASK_OWN);
  ask(peer, context, "13 bytes", "4d 01 0704 00 000102030405060708090a0b0c b1 72", MASK_OWN);
  ask(peer, context, "16 bytes", "4d 01 0705 03 000102030405060708090a0b0c0d0e0f b1 72", MASK_OWN);
  ask(peer, context, "CON, 13 bytes said, 2 there", "4d 01 0708 00 0001", MASK_OWN);
  ask(peer, context, "CON, token length 15", "4f 01 0709 000102", MASK_OWN);

  /* A session that begins after the maximum was raised. */
  ask(later, context, "CON, 17 bytes", "4d 01 070a 04 000102030405060708090a0b0c0d0e0f10 b1 72", MASK_OWN);
  ask(later, context, "NON, 17 bytes", "5d 01 070b 04 000102030405060708090a0b0c0d0e0f10 b1 72", MASK_OWN);
  ask(later, context, "CON, 16 bytes", "4d 01 070c 03 000102030405060708090a0b0c0d0e0f b1 72", MASK_OWN);
  ask(later, context, "CON, 17 bytes", "4d 01 070d 04 000102030405060708090a0b0c0d0e0f10 b1 72", MASK_OWN);
}

int
main(void) {
  coap_context_t *context;
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  context = coap_new_context(NULL);
  NEED(context);
  add_probe(context);
  resource_with(context, "r", 0, COAP_REQUEST_GET, get);
  coap_register_event_handler(context, on_event);
  coap_register_nack_handler(context, on_nack);
  coap_register_response_handler(context, on_response);
  coap_register_ping_handler(context, on_ping);
  coap_register_pong_handler(context, on_pong);

  uint16_t port = serve(context, NULL);
  peer_t peer = peer_open(port), later = peer_open(port);
  requests(&peer, context);
  empty_messages(&peer, context);
  malformed(&peer, context);
  codes(&peer, context);
  responses(&peer, context);
  duplicates(&peer, context);
  tokens(&peer, &later, context);
  peer_close(&peer);
  peer_close(&later);
  coap_free_context(context);
  coap_cleanup();
  return 0;
}
