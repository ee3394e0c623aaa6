/* Signals over TCP, byte for byte: what a server answers to each, and what a client makes of them.
 *
 * mend pong_token: the reference's Pong has no token. Ours has the Ping's (RFC 8323 section 5.4).
 * mend critical_option: the reference drops a signal that has a critical option it does not know, or one of a wrong
 *   length, and goes on. Ours aborts the connection (RFC 8323 section 5.1), with Bad-CSM-Option if it was a CSM
 *   (section 5.6).
 * mend malformed: the reference drops a message that is malformed and goes on. Ours aborts the connection, so that the
 *   peer does not wait for an answer.
 * mend unmatched: a response with a token that no request has is handed to the response handler by the reference.
 * mend release_waits: at a Release the reference closes at once. Ours waits for the answers to what it asked
 *   (RFC 8323 section 5.5).
 * mend unanswered: see tcp_client.c.
 * mend after_the_end: what follows a Release or an Abort in the same segment is still handled by the reference. */
#include "stream.h"

static coap_context_t *context;
static stream_t peer;
static uint16_t port;
static int handled;

static void
handle(coap_resource_t *at UNUSED, coap_session_t *session UNUSED, const coap_pdu_t *request UNUSED,
       const coap_string_t *query UNUSED, coap_pdu_t *response) {
  handled++;
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
}

static void
begin(const char *title) {
  show("-- %s", title);
  memset(&seen, 0, sizeof(seen));
  peer = stream_connect(port);
  stream_receive(&peer, context);
}

static void
establish(const char *title) {
  begin(title);
  stream_send_hex(&peer, "00 e1");
  RUN_UNTIL(context, seen.event == COAP_EVENT_SESSION_CONNECTED, 3000);
}

static void
end(void) {
  stream_close(&peer);
  RUN_UNTIL(context, seen.gone, 3000);
}

static void
quietly(void (*what)(void)) {
  watch_nothing(context);
  what();
  RUN_FOR(context, 20);
  watch(context);
  coap_register_ping_handler(context, watch_ping);
  coap_register_pong_handler(context, watch_pong);
}

static void
pings(void) {
  establish("Ping and Pong");
  stream_send_hex(&peer, "00 e2");
  stream_expect(&peer, context, "Ping");
  stream_send_hex(&peer, "10 e2 20");
  stream_expect(&peer, context, "Ping with Custody");
  stream_send_hex(&peer, "20 e2 a1 01");
  stream_expect(&peer, context, "Ping with an elective option of its own");
  stream_send_hex(&peer, "30 e2 ff 6869");
  stream_expect(&peer, context, "Ping with a payload");
  stream_ask(&peer, context, "Pong, unasked", "00 e3");
  stream_ask(&peer, context, "Pong with a token and Custody", "12 e3 0102 20");
  end();
}

static void
ping_token(void) {
  peer = stream_connect(port);
  stream_receive(&peer, context);
  stream_send_hex(&peer, "00 e1 02 e2 746b");
  mend("pong_token", "12e3 7.03 token=746b rest=20", "%s", stream_receive(&peer, context));
  stream_close(&peer);
}

static void
empty(void) {
  establish("empty messages");
  stream_ask(&peer, context, "empty", "00 00");
  stream_ask(&peer, context, "twice", "00 00 00 00");
  end();
}

static void
other(void) {
  establish("codes that mean nothing here");
  stream_ask(&peer, context, "7.00", "00 e0");
  stream_ask(&peer, context, "7.06", "00 e6");
  stream_ask(&peer, context, "7.31", "00 ff");
  stream_ask(&peer, context, "1.01", "00 21");
  stream_ask(&peer, context, "6.01", "00 c1");
  stream_ask(&peer, context, "a second CSM", "00 e1");
  end();
}

static void
leaving(void) {
  static const struct {
    const char *title, *hex;
  } ends[] = {{"Release", "00 e4"},
              {"Release, Alternative-Address and Hold-Off", "80 e4 23 616263 01 64 21 05"},
              {"Abort", "00 e5"},
              {"Abort with a diagnosis", "50 e5 ff 68656c70"},
              {"Abort with Bad-CSM-Option", "20 e5 21 02"}};
  for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
    establish(ends[i].title);
    stream_send_hex(&peer, ends[i].hex);
    stream_expect(&peer, context, "peer gets");
    end();
  }
  begin("Release before the CSM");
  stream_send_hex(&peer, "00 e4");
  stream_expect(&peer, context, "peer gets");
  end();
}

static void
leaving_amid(void) {
  static const char *const ends[] = {"00 e1 00 e4 22 01 746b b1 72", "00 e1 00 e5 22 01 746b b1 72"};
  for (size_t i = 0; i < 2; i++) {
    peer = stream_connect(port);
    stream_receive(&peer, context);
    handled = 0;
    stream_send_hex(&peer, ends[i]);
    RUN_UNTIL(context, stream_ready(&peer), 3000);
    mend("after_the_end", "0", "%d", handled);
    stream_close(&peer);
  }
}

/* What comes in answer to `hex`, up to the end: codes, Bad-CSM-Option, `closed`; not the texts. */
static void
show_end(const char *topic, const char *wanted, const char *hex) {
  char came[200] = "";
  const char *text;
  peer = stream_connect(port);
  stream_receive(&peer, context);
  stream_send_hex(&peer, hex);
  do {
    size_t at = strlen(came);
    RUN_UNTIL(context, stream_ready(&peer), 100);
    text = stream_take(&peer, MASK_NONE);
    const char *code = strstr(text, " 7.05"), *bad = strstr(text, "rest=21");
    snprintf(came + at, sizeof(came) - at, "%s%s", at ? ", " : "", code ? "7.05" : text);
    if (code && bad)
      snprintf(came + strlen(came), sizeof(came) - strlen(came), " %.2s", bad + 7);
  } while (strchr(text, ' ') && peer.length + strlen(came) < 150);
  mend(topic, wanted, "%s", came);
  stream_close(&peer);
}

static void
critical(void) {
  show_end("critical_option", "7.05 09, closed", "20 e1 91 01");
  show_end("critical_option", "7.05 02, closed", "60 e1 25 0000ffffff");
  show_end("critical_option", "7.05 09, closed", "00 e1 20 e1 91 01");
  show_end("critical_option", "7.05, closed", "00 e1 20 e2 91 01");
  show_end("critical_option", "7.05, closed", "00 e1 20 e3 91 01");
  show_end("critical_option", "7.05, closed", "00 e1 20 e4 91 01");
  show_end("critical_option", "closed", "00 e1 20 e5 91 01");
  show_end("malformed", "7.05, closed", "00 e1 01 00 41");
  show_end("malformed", "7.05, closed", "00 e1 20 00 b1 72");
  show_end("malformed", "7.05, closed", "00 e1 20 01 f1 72");
  show_end("malformed", "7.05, closed", "00 e1 20 e2 b5 72");
}

/* ---- a client ---- */

static coap_session_t *session;

static void
begin_client(const char *title) {
  coap_address_t address;
  show("-- a client: %s", title);
  memset(&seen, 0, sizeof(seen));
  peer = stream_listen();
  address = loopback(peer.port);
  session = coap_new_client_session(context, NULL, &address, COAP_PROTO_TCP);
  NEED(session);
  stream_accept(&peer);
  stream_send_hex(&peer, "00 e1");
  stream_receive(&peer, context);
  RUN_UNTIL(context, seen.events == 2, 3000);
}

static void
end_client(void) {
  coap_session_release(session);
  stream_close(&peer);
}

static coap_response_t
count_response(coap_session_t *at UNUSED, const coap_pdu_t *sent UNUSED, const coap_pdu_t *received UNUSED,
               const coap_mid_t mid UNUSED) {
  seen.responses++;
  return COAP_RESPONSE_OK;
}

static void
request(const char *token) {
  show("coap_send: %d",
       coap_send(session, request_for(session, COAP_MESSAGE_CON, COAP_REQUEST_GET, "r", token)) != COAP_INVALID_MID);
  stream_expect(&peer, context, "peer gets");
}

/* Release with a request outstanding: the answer, if there is one, and what the application hears. */
static void
released(void) {
  begin_client("Release, a request has no answer");
  request("t1");
  watch_nothing(context);
  coap_register_nack_handler(context, collect_nack);
  coap_register_response_handler(context, count_response);
  nacks_text[0] = '\0';
  stream_send_hex(&peer, "00 e4 22 45 7431 ff61");
  stream_expect(&peer, context, "peer gets");
  mend("release_waits", "1 answered, RST NULL", "%d answered, %s", seen.responses, nacks_text);
  show("state %s", state_text(session));
  end_client();
  watch(context);
}

static void
unmatched(void) {
  static const char *const responses[] = {"20 45 ff 61", "21 45 00 ff 61", "22 45 7432 ff 61"};
  begin_client("responses that it did not ask for");
  request("t1");
  coap_register_response_handler(context, count_response);
  for (size_t i = 0; i < 3; i++) {
    seen.responses = 0;
    stream_ask(&peer, context, "peer gets", responses[i]);
    mend("unmatched", "0", "%d", seen.responses);
  }
  coap_register_response_handler(context, watch_response);
  stream_ask(&peer, context, "the token", "22 45 7431 ff 61");
  end_client();
}

static void
clients(void) {
  begin_client("Release");
  stream_send_hex(&peer, "00 e4");
  stream_expect(&peer, context, "peer gets");
  show("state %s", state_text(session));
  end_client();

  begin_client("Abort, a request has no answer");
  request("t1");
  coap_register_nack_handler(context, collect_nack);
  nacks_text[0] = '\0';
  stream_send_hex(&peer, "50 e5 ff 68656c70");
  stream_expect(&peer, context, "peer gets");
  RUN_UNTIL(context, seen.event == COAP_EVENT_SESSION_CLOSED, 3000);
  mend("unanswered", "RST 0.01", "%s", nacks_text);
  coap_register_nack_handler(context, watch_nack);
  show("state %s", state_text(session));
  end_client();

  begin_client("Ping");
  stream_send_hex(&peer, "00 e2");
  stream_expect(&peer, context, "peer gets");
  end_client();

  begin_client("a request");
  stream_ask(&peer, context, "GET", "22 01 746b b1 78");
  end_client();

  begin_client("responses");
  request("t1");
  stream_ask(&peer, context, "2.05", "22 45 7431 ff 61");
  request("t2");
  stream_ask(&peer, context, "3.05", "02 65 7432");
  request("t3");
  stream_ask(&peer, context, "1.05", "02 25 7433");
  stream_ask(&peer, context, "6.05", "02 c5 7433");
  stream_ask(&peer, context, "an unknown critical option", "62 45 7433 e1 25f8 7a ff 61");
  end_client();

  begin_client("what it may send");
  static const int codes[] = {0,
                              COAP_SIGNALING_CODE_CSM,
                              COAP_SIGNALING_CODE_PING,
                              COAP_SIGNALING_CODE_RELEASE,
                              COAP_SIGNALING_CODE_ABORT,
                              COAP_RESPONSE_CODE(205),
                              COAP_REQUEST_CODE_GET};
  for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
    coap_pdu_t *pdu = coap_new_pdu(COAP_MESSAGE_CON, (coap_pdu_code_t)codes[i], session);
    show("%s: %d", code_text((coap_pdu_code_t)codes[i]), coap_send(session, pdu));
    stream_expect(&peer, context, "peer gets");
  }
  coap_pdu_t *pdu = coap_new_pdu(COAP_MESSAGE_CON, (coap_pdu_code_t)0x21, session);
  show("1.01: %d", coap_send(session, pdu));
  pdu = coap_new_pdu(COAP_MESSAGE_CON, COAP_REQUEST_CODE_GET, session);
  SHOW(coap_send_ack(session, pdu));
  SHOW(coap_send_rst(session, pdu));
  coap_delete_pdu(pdu);
  stream_ask(&peer, context, "and no more", "");
  end_client();
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  context = coap_new_context(NULL);
  watch(context);
  coap_register_ping_handler(context, watch_ping);
  coap_register_pong_handler(context, watch_pong);
  port = serve_stream(context, NULL);
  resource_with(context, "r", 0, COAP_REQUEST_GET, handle);
  pings();
  quietly(ping_token);
  empty();
  other();
  leaving();
  quietly(leaving_amid);
  quietly(critical);
  clients();
  released();
  unmatched();
  coap_free_context(context);
  coap_cleanup();
  return 0;
}
