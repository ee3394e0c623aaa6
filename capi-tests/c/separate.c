/* A client and a scripted server: piggybacked and separate responses, late, early, twice, and ones that
 * match nothing.
 *
 * mend duplicate_non: the reference hands a repeated NON response to the handler again. Ours drops it (RFC 7252
 *   section 4.3).
 * mend unmatched_ack: the reference hands a response in an ACK to the handler although no CON has that message
 *   id. Ours drops it (section 4.2).
 * mend token: the reference does not compare the tokens of a CON and the response in its ACK. Ours drops an
 *   ACK with another token (section 5.3.2).
 * mend malformed_ack: the reference sends a RST. Ours ignores it silently (section 4.2); the event is raised.
 * mend request_in_ack: the reference ends the exchange. Ours ignores it, as any ACK that has no meaning. */
#include "peer.h"

static int responses, nacks;

/* Where the lines of a scene go while they are collected for a `mend`. */
static char collected[512];
static int collecting;

__attribute__((format(printf, 1, 2))) static void
note(const char *format, ...) {
  char line[256];
  va_list args;
  va_start(args, format);
  vsnprintf(line, sizeof(line), format, args);
  va_end(args);
  if (!collecting)
    show("  %s", line);
  else
    snprintf(collected + strlen(collected), sizeof(collected) - strlen(collected), "%s%s",
             *collected ? "; " : "", line);
}

static coap_response_t
on_response(coap_session_t *session UNUSED, const coap_pdu_t *sent, const coap_pdu_t *received,
            const coap_mid_t mid) {
  coap_bin_const_t token = coap_pdu_get_token(received);
  note("response %s %s token=%.*s sent=%s mid=%s", type_text(coap_pdu_get_type(received)),
       code_text(coap_pdu_get_code(received)), (int)token.length, (const char *)token.s,
       sent ? "something" : "NULL",
       mid != coap_pdu_get_mid(received) ? "another's"
       : sent && mid == coap_pdu_get_mid(sent) ? "both's"
                                               : "the received one's");
  responses++;
  return COAP_RESPONSE_OK;
}

static void
on_nack(coap_session_t *session UNUSED, const coap_pdu_t *sent, const coap_nack_reason_t reason,
        const coap_mid_t mid) {
  note("nack %d sent=%s mid=%s", (int)reason, sent ? "something" : "NULL",
       sent && mid == coap_pdu_get_mid(sent) ? "the sent one's" : "another");
  nacks++;
}

static int
on_event(coap_session_t *session UNUSED, const coap_event_t event) {
  note("event %#x", (unsigned int)event);
  return 0;
}

typedef struct {
  coap_context_t *context;
  coap_session_t *session;
  peer_t peer;
  unsigned int mid; /* of the request */
} scene_t;

/* The client asks; the scripted server has the request. */
static void
request(scene_t *scene, const char *title, coap_pdu_type_t type) {
  datagram_t datagram;
  show("-- %s", title);
  responses = nacks = 0;
  coap_send(scene->session, request_for(scene->session, type, COAP_REQUEST_GET, "r", "tk"));
  NEED(peer_expect(&scene->peer, scene->context, "  <", MASK_MID, 3000, &datagram));
  scene->mid = mid_of(&datagram);
}

/* The server says something. `????` is the request's message id. */
static void
answer(scene_t *scene, const char *hex) {
  if (strstr(hex, "????"))
    peer_send_mid(&scene->peer, hex, scene->mid);
  else
    peer_send_hex(&scene->peer, hex);
}

/* Everything the client sends and does until it has been quiet for a while. */
static void
settle(scene_t *scene) {
  datagram_t datagram;
  RUN_FOR(scene->context, 100);
  while (peer_take(&scene->peer, &datagram)) {
    if (collecting)
      note("%s", type_text((coap_pdu_type_t)(datagram.bytes[0] >> 4 & 3)));
    else
      show_datagram("  <", &datagram, mid_of(&datagram) == scene->mid ? MASK_MID : MASK_OWN);
  }
  note("pending: %d", !coap_can_exit(scene->context));
}

static void
say(scene_t *scene, const char *hex) {
  show("  > %s", hex);
  answer(scene, hex);
  settle(scene);
}

/* The same, where the reference does otherwise than it should. */
static void
say_mended(scene_t *scene, const char *topic, const char *hex, const char *wanted) {
  show("  > %s", hex);
  collecting = 1;
  *collected = '\0';
  answer(scene, hex);
  settle(scene);
  collecting = 0;
  mend(topic, wanted, "%s", collected);
}

int
main(void) {
  scene_t scene;
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  scene.context = coap_new_context(NULL);
  scene.peer = peer_open(0);
  coap_address_t address = loopback(scene.peer.port);
  scene.session = coap_new_client_session(scene.context, NULL, &address, COAP_PROTO_UDP);
  NEED(scene.session);
  coap_register_response_handler(scene.context, on_response);
  coap_register_nack_handler(scene.context, on_nack);
  coap_register_event_handler(scene.context, on_event);

  request(&scene, "piggybacked", COAP_MESSAGE_CON);
  say(&scene, "62 45 ???? 746b ff 70");
  say(&scene, "62 45 ???? 746b ff 70");

  request(&scene, "empty ACK, then a CON response, twice", COAP_MESSAGE_CON);
  say(&scene, "60 00 ????");
  say(&scene, "42 45 2001 746b ff 70");
  say(&scene, "42 45 2001 746b ff 70");

  request(&scene, "empty ACK, then a NON response, twice", COAP_MESSAGE_CON);
  say(&scene, "60 00 ????");
  say(&scene, "52 45 2101 746b ff 70");
  say_mended(&scene, "duplicate_non", "52 45 2101 746b ff 70", "pending: 0");

  request(&scene, "a CON response before the ACK", COAP_MESSAGE_CON);
  say(&scene, "42 45 2201 746b ff 70");
  say(&scene, "60 00 ????");

  request(&scene, "a NON response before the ACK", COAP_MESSAGE_CON);
  say(&scene, "52 45 2301 746b ff 70");
  say(&scene, "60 00 ????");

  request(&scene, "the ACK twice", COAP_MESSAGE_CON);
  say(&scene, "60 00 ????");
  say(&scene, "60 00 ????");
  say(&scene, "42 45 2401 746b ff 70");

  request(&scene, "an error, separate", COAP_MESSAGE_CON);
  say(&scene, "60 00 ????");
  say(&scene, "42 84 2501 746b");

  request(&scene, "RST to a CON, twice", COAP_MESSAGE_CON);
  say(&scene, "70 00 ????");
  say(&scene, "70 00 ????");

  request(&scene, "RST to a NON", COAP_MESSAGE_NON);
  say(&scene, "70 00 ????");

  request(&scene, "RST after the ACK", COAP_MESSAGE_CON);
  say(&scene, "60 00 ????");
  say(&scene, "70 00 ????");

  request(&scene, "NON and a NON response", COAP_MESSAGE_NON);
  say(&scene, "52 45 2601 746b ff 70");

  request(&scene, "NON and a CON response", COAP_MESSAGE_NON);
  say(&scene, "42 45 2701 746b ff 70");

  request(&scene, "NON and an ACK with the response", COAP_MESSAGE_NON);
  say_mended(&scene, "unmatched_ack", "62 45 ???? 746b ff 70",
             "pending: 0");

  request(&scene, "an ACK with another token, then the right one", COAP_MESSAGE_CON);
  say_mended(&scene, "token", "62 45 ???? 7a7a ff 70",
             "pending: 1");
  say_mended(&scene, "token", "62 45 ???? 746b ff 70",
             "response ACK 2.05 token=tk sent=something mid=both's; pending: 0");

  request(&scene, "an ACK with a shorter token", COAP_MESSAGE_CON);
  say_mended(&scene, "token", "61 45 ???? 74 ff 70",
             "pending: 1");
  say_mended(&scene, "token", "62 45 ???? 746b ff 70",
             "response ACK 2.05 token=tk sent=something mid=both's; pending: 0");

  request(&scene, "an ACK with another message id, then the right one", COAP_MESSAGE_CON);
  say_mended(&scene, "unmatched_ack", "62 45 0001 746b ff 70",
             "pending: 1");
  say(&scene, "62 45 ???? 746b ff 70");

  request(&scene, "an ACK with a critical option that is unknown", COAP_MESSAGE_CON);
  say(&scene, "62 45 ???? 746b e1 2602 00 ff 70");
  say(&scene, "62 45 ???? 746b ff 70");

  request(&scene, "a CON response with a critical option that is unknown", COAP_MESSAGE_CON);
  say(&scene, "60 00 ????");
  say(&scene, "42 45 2801 746b e1 2602 00 ff 70");

  request(&scene, "a NON response with a critical option that is unknown", COAP_MESSAGE_NON);
  say(&scene, "52 45 2901 746b e1 2602 00 ff 70");

  request(&scene, "an ACK that is malformed, then the right one", COAP_MESSAGE_CON);
  say_mended(&scene, "malformed_ack", "62 45 ???? 746b ff",
             "event 0x5001; pending: 1");
  say(&scene, "62 45 ???? 746b ff 70");

  request(&scene, "an ACK with a request in it", COAP_MESSAGE_CON);
  say_mended(&scene, "request_in_ack", "62 01 ???? 746b",
             "pending: 1");
  say_mended(&scene, "request_in_ack", "62 45 ???? 746b ff 70",
             "response ACK 2.05 token=tk sent=something mid=both's; pending: 0");

  request(&scene, "a request from the server's side", COAP_MESSAGE_CON);
  say(&scene, "42 01 2a01 7878 b1 72");
  say(&scene, "52 01 2a02 7878 b1 72");
  say(&scene, "62 45 ???? 746b ff 70");

  request(&scene, "a ping from the server's side", COAP_MESSAGE_CON);
  say(&scene, "40 00 2b01");
  say(&scene, "62 45 ???? 746b ff 70");

  coap_session_release(scene.session);
  coap_free_context(scene.context);
  peer_close(&scene.peer);
  coap_cleanup();
  return 0;
}
