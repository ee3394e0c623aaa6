/* Requests that come twice. The reference runs the handler each time and keeps no answer; so nearly all of this
 * is held by ours alone.
 *
 * mend duplicate: a repeated CON has the stored answer again, and a repeated NON none; the handler runs once (RFC
 *   7252 section 4.2, 4.3, 4.5). */
#include "peer.h"

static int calls;
static coap_async_t *held;

static void
get(coap_resource_t *resource UNUSED, coap_session_t *session UNUSED, const coap_pdu_t *request,
    const coap_string_t *query UNUSED, coap_pdu_t *response) {
  uint8_t text[8];
  calls++;
  coap_pdu_set_code(response, coap_pdu_get_code(request) == COAP_REQUEST_CODE_GET ? COAP_RESPONSE_CODE_CONTENT
                                                                                  : COAP_RESPONSE_CODE_CHANGED);
  coap_add_data(response, (size_t)snprintf((char *)text, sizeof(text), "#%d", calls), text);
}

static void
silent(coap_resource_t *resource UNUSED, coap_session_t *session UNUSED, const coap_pdu_t *request UNUSED,
       const coap_string_t *query UNUSED, coap_pdu_t *response UNUSED) {
  calls++;
}

static void
hold(coap_resource_t *resource UNUSED, coap_session_t *session, const coap_pdu_t *request,
     const coap_string_t *query UNUSED, coap_pdu_t *response) {
  calls++;
  if (!coap_find_async(session, coap_pdu_get_token(request)))
    held = coap_register_async(session, request, 0);
  else
    coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
}

/* Everything that comes back before the answer to a probe, as one text: type, code and payload of each. */
static const char *
answers_to(peer_t *peer, coap_context_t *context, const char *hex) {
  static uint16_t probe_mid = 0xe000;
  static char texts[2][256];
  static int next;
  char *text = texts[next++ % 2];
  struct sockaddr_in server = peer->other;
  datagram_t answer;
  *text = '\0';
  peer_send_hex(peer, hex);
  peer_send_mid(peer, "41 01 ???? fa b1 7e", ++probe_mid);
  for (;;) {
    NEED(peer_receive(peer, context, &answer, 3000));
    peer->other = server;
    if (mid_of(&answer) == probe_mid && answer.bytes[0] == 0x61)
      return *text ? text : "nothing";
    size_t used = strlen(text);
    const uint8_t *marker = memchr(answer.bytes + 4, 0xff, answer.length - 4);
    snprintf(text + used, sizeof(texts[0]) - used, "%s%s %s %.*s", used ? ", " : "",
             type_text((coap_pdu_type_t)(answer.bytes[0] >> 4 & 3)), code_text(answer.bytes[1]),
             marker ? (int)(answer.bytes + answer.length - marker - 1) : 0, marker ? (const char *)marker + 1 : "");
  }
}

/* Sends a request and then the same again; `wanted` is what came the first time, the second time, and how often
 * the handler ran. */
static void
twice(peer_t *peer, coap_context_t *context, const char *title, const char *hex, const char *wanted) {
  calls = 0;
  show("%s", title);
  const char *first = answers_to(peer, context, hex);
  show("  first: %s", first);
  const char *second = answers_to(peer, context, hex);
  mend("duplicate", wanted, "%s; %d calls", strcmp(first, second) ? second : "the same", calls);
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  coap_context_t *context = coap_new_context(NULL);
  NEED(context);
  add_probe(context);
  coap_register_request_handler(resource_with(context, "r", 0, COAP_REQUEST_GET, get), COAP_REQUEST_PUT, get);
  resource_with(context, "s", 0, COAP_REQUEST_GET, silent);
  resource_with(context, "h", 0, COAP_REQUEST_GET, hold);
  uint16_t port = serve(context, NULL);
  peer_t peer = peer_open(port), other = peer_open(port);

  twice(&peer, context, "CON", "42 01 0101 aa01 b1 72", "the same; 1 calls");
  twice(&peer, context, "CON PUT", "42 03 0102 aa02 b1 72 ff 70", "the same; 1 calls");
  twice(&peer, context, "NON", "52 01 0103 aa03 b1 72", "nothing; 1 calls");
  twice(&peer, context, "CON, unknown path", "42 01 0104 aa04 b1 78", "the same; 0 calls");
  twice(&peer, context, "CON that the handler does not answer", "42 01 0105 aa05 b1 73", "the same; 1 calls");
  twice(&peer, context, "CON with No-Response", "42 01 0106 aa06 b1 72 d1 ea 02", "the same; 1 calls");
  twice(&peer, context, "CON with a critical option", "42 01 0107 aa07 b1 72 e1 25f7 7a", "the same; 0 calls");
  twice(&peer, context, "NON with a critical option", "52 01 0108 aa08 b1 72 e1 25f7 7a", "the same; 0 calls");
  twice(&peer, context, "malformed CON", "42 01 0109 aa09 b5 72", "the same; 0 calls");
  twice(&peer, context, "CON that is answered later", "42 01 010a aa0a b1 68", "the same; 1 calls");

  show("the same message id and another token is another request");
  calls = 0;
  show("  %s", answers_to(&peer, context, "42 01 0110 bb01 b1 72"));
  show("  %s", answers_to(&peer, context, "42 01 0110 bb02 b1 72"));

  show("the same message id from another peer");
  calls = 0;
  show("  %s", answers_to(&peer, context, "42 01 0111 bb03 b1 72"));
  show("  %s", answers_to(&other, context, "42 01 0111 bb03 b1 72"));
  show("  %d calls", calls);

  show("the same token and another message id");
  calls = 0;
  show("  %s", answers_to(&peer, context, "42 01 0112 bb04 b1 72"));
  show("  %s", answers_to(&peer, context, "42 01 0113 bb04 b1 72"));
  show("  %d calls", calls);

  show("the first again, behind a hundred others");
  calls = 0;
  answers_to(&peer, context, "42 01 0200 cc00 b1 72");
  for (int i = 1; i <= 100; i++) {
    char hex[64];
    snprintf(hex, sizeof(hex), "42 01 02%02x cc%02x b1 72", i, i);
    answers_to(&peer, context, hex);
  }
  const char *again = answers_to(&peer, context, "42 01 0200 cc00 b1 72");
  mend("duplicate", "ACK 2.05 #1; 101 calls", "%s; %d calls", again, calls);

  peer_close(&peer);
  peer_close(&other);
  coap_free_context(context);
  coap_cleanup();
  return 0;
}
