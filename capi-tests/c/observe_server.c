/* The server's side of Observe (RFC 7641): who becomes an observer, what the handler sees for a notification, what goes
 * over the wire, and all the ways in which an observation ends. */
#include "peer.h"

static coap_context_t *context;
static coap_resource_t *resource;
static coap_session_t *last_session;
static peer_t peer;
static uint16_t port;
static coap_pdu_code_t answer;
static int value, is_quiet, nacks;
static unsigned int last_mid;

static void
show_options(const char *label, const coap_pdu_t *pdu) {
  coap_opt_iterator_t iterator;
  coap_opt_t *option;
  printf(" %s", label);
  coap_option_iterator_init(pdu, &iterator, COAP_OPT_ALL);
  while ((option = coap_option_next(&iterator)))
    printf(" %u=%u", iterator.number, coap_decode_var_bytes(coap_opt_value(option), coap_opt_length(option)));
}

static void
handler(coap_resource_t *r UNUSED, coap_session_t *session, const coap_pdu_t *request,
        const coap_string_t *query, coap_pdu_t *response) {
  coap_bin_const_t token = coap_pdu_get_token(request);
  char text[16];
  last_session = session;
  if (!is_quiet) {
    printf("  handler: %s %s token=%.*s query=%s", type_text(coap_pdu_get_type(request)),
           code_text(coap_pdu_get_code(request)), (int)token.length, (const char *)token.s,
           query ? (const char *)query->s : "NULL");
    show_options("with", request);
    printf("; response %s %s", type_text(coap_pdu_get_type(response)), code_text(coap_pdu_get_code(response)));
    if (coap_pdu_get_type(request) == COAP_MESSAGE_CON)
      printf(" same mid %d", coap_pdu_get_mid(request) == coap_pdu_get_mid(response));
    show_options("with", response);
    putchar('\n');
  }
  if (answer == 0)
    return;
  coap_pdu_set_code(response, answer);
  if (answer < COAP_RESPONSE_CODE_BAD_REQUEST)
    coap_add_data(response, (size_t)snprintf(text, sizeof(text), "v%d", value), (const uint8_t *)text);
}

static int
on_event(coap_session_t *session UNUSED, const coap_event_t event) {
  show("  event %#x", (unsigned int)event);
  return 0;
}

static void
on_nack(coap_session_t *session UNUSED, const coap_pdu_t *sent, const coap_nack_reason_t reason,
        const coap_mid_t mid UNUSED) {
  nacks++;
  show("  nack %d, sent %s", (int)reason, sent ? code_text(coap_pdu_get_code(sent)) : "NULL");
}

static void
start(const char *title, int flags) {
  show("-- %s", title);
  context = coap_new_context(NULL);
  coap_register_event_handler(context, on_event);
  coap_register_nack_handler(context, on_nack);
  port = serve(context, NULL);
  add_probe(context);
  resource = resource_with(context, "r", flags, COAP_REQUEST_GET, handler);
  coap_register_request_handler(resource, COAP_REQUEST_FETCH, handler);
  coap_resource_set_get_observable(resource, 1);
  peer = peer_open(port);
  value = is_quiet = nacks = 0;
  answer = COAP_RESPONSE_CODE_CONTENT;
}

static void
stop(void) {
  coap_free_context(context);
  peer_close(&peer);
}

static void
reply(const char *hex) {
  peer.other.sin_port = htons(port);
  peer_send_mid(&peer, hex, last_mid);
}

/* What the server sends before it answers the probe. */
static void
see(int is_acknowledging) {
  static uint16_t probe_mid = 0xe000;
  datagram_t datagram;
  coap_io_process(context, COAP_IO_NO_WAIT);
  peer.other.sin_port = htons(port);
  peer_send_mid(&peer, "41 01 ???? fa b1 7e", ++probe_mid);
  for (;;) {
    NEED(peer_receive(&peer, context, &datagram, 3000));
    if (mid_of(&datagram) == probe_mid && datagram.bytes[0] == 0x61)
      break;
    show_datagram("  <", &datagram, MASK_OWN);
    last_mid = mid_of(&datagram);
    if (is_acknowledging && (datagram.bytes[0] >> 4 & 3) == 0)
      reply("6000 ????");
  }
}

static void
ask_for(const char *hex) {
  peer.other.sin_port = htons(port);
  peer_send_hex(&peer, hex);
  see(1);
}

static int
change(void) {
  value++;
  return coap_resource_notify_observers(resource, NULL);
}

static void
change_and_see(void) {
  show("  notify: %d", change());
  see(1);
}

static void
registration(void) {
  start("nobody observes", 0);
  change_and_see();
  show("-- one does; one confirmable notification after five others");
  ask_for("42 01 0001 7474 60 51 72");
  for (int i = 0; i < 13; i++) {
    is_quiet = i > 1;
    change_and_see();
  }
  is_quiet = 0;
  show("-- two changes, one notification");
  change();
  change_and_see();
  show("-- at once");
  change();
  coap_check_notify(context);
  show("  made");
  see(1);
  show("-- the same token again");
  ask_for("42 01 0002 7474 60 51 72");
  change_and_see();
  show("-- the same request with another token takes its place");
  ask_for("42 01 0003 7475 60 51 72");
  change_and_see();
  show("-- another request is another observer; a query makes no choice");
  ask_for("42 01 0004 7476 60 51 72 41 71");
  change_and_see();
  coap_string_t *query = coap_new_string(1);
  query->s[0] = 'q';
  value++;
  SHOW(coap_resource_notify_observers(resource, query));
  coap_delete_string(query);
  see(1);
  show("-- the old name");
  value++;
  SHOW(coap_resource_set_dirty(resource, NULL));
  see(1);
  show("-- ended by its token");
  ask_for("42 01 0005 7476 61 01 51 72 41 71");
  change_and_see();
  show("-- ended by another token with the same request");
  ask_for("42 01 0006 7499 61 01 51 72");
  change_and_see();
  show("-- FETCH; and PUT, which cannot");
  ask_for("42 05 0007 7470 60 51 72 10 ff 61");
  change_and_see();
  ask_for("42 03 0008 7479 60 51 72 ff 61");
  change_and_see();
  show("-- no observation: Observe 2, none at all");
  ask_for("42 01 0009 7471 61 02 51 72");
  ask_for("42 01 000a 7472 b1 72");
  change_and_see();
  show("-- the resource is deleted");
  coap_delete_resource(context, resource);
  see(1);
  stop();
}

static void
modes(void) {
  start("confirmable always", COAP_RESOURCE_FLAGS_NOTIFY_CON);
  ask_for("52 01 0001 7474 60 51 72");
  change_and_see();
  change_and_see();
  show("-- the handler answers with an error");
  answer = COAP_RESPONSE_CODE_NOT_FOUND;
  change_and_see();
  answer = COAP_RESPONSE_CODE_CONTENT;
  change_and_see();
  show("-- an error to the registration");
  answer = COAP_RESPONSE_CODE_FORBIDDEN;
  ask_for("42 01 0002 7474 60 51 72");
  answer = COAP_RESPONSE_CODE_CONTENT;
  change_and_see();
  show("-- a registration that is answered later");
  answer = 0;
  ask_for("42 01 0003 7474 60 51 72");
  answer = COAP_RESPONSE_CODE_CONTENT;
  change_and_see();
  show("-- other codes of success");
  answer = COAP_RESPONSE_CODE_VALID;
  change_and_see();
  answer = COAP_RESPONSE_CODE_CHANGED;
  change_and_see();
  show("-- replaced by a resource with the same path");
  see(1);
  answer = COAP_RESPONSE_CODE_CONTENT;
  resource = resource_with(context, "r", 0, COAP_REQUEST_GET, handler);
  see(1);
  stop();

  start("never confirmable", COAP_RESOURCE_FLAGS_NOTIFY_NON_ALWAYS);
  ask_for("42 01 0001 7474 60 51 72");
  is_quiet = 1;
  for (int i = 0; i < 8; i++)
    change_and_see();
  show("-- not observable for a while");
  coap_resource_set_get_observable(resource, 0);
  change_and_see();
  coap_resource_set_get_observable(resource, 1);
  change_and_see();
  answer = COAP_RESPONSE_CODE_NOT_FOUND;
  change_and_see();
  change_and_see();
  stop();
}

static void
under_way(void) {
  start("not acknowledged yet: the newest state waits", COAP_RESOURCE_FLAGS_NOTIFY_CON);
  ask_for("42 01 0001 7474 60 51 72");
  for (int i = 0; i < 3; i++) {
    show("  notify: %d", change());
    see(0);
  }
  for (int i = 0; i < 2; i++) {
    show("  acknowledged");
    reply("6000 ????");
    see(0);
  }
  show("-- two observers in one session take turns");
  ask_for("42 01 0002 7475 60 51 72 41 71");
  show("  notify: %d", change());
  see(0);
  show("  reset: the observer is gone, the other one is told");
  reply("7000 ????");
  see(1);
  change_and_see();
  stop();

  start("a reset to a NON: to the last one only", 0);
  is_quiet = 1;
  ask_for("42 01 0001 7474 60 51 72");
  change_and_see();
  unsigned int older = last_mid;
  change_and_see();
  last_mid = older;
  reply("7000 ????");
  see(1);
  change_and_see();
  reply("7000 ????");
  see(1);
  change_and_see();
  stop();

  start("never acknowledged", COAP_RESOURCE_FLAGS_NOTIFY_CON);
  ask_for("42 01 0001 7474 60 51 72");
  coap_session_set_ack_timeout(last_session, (coap_fixed_point_t){1, 0});
  coap_session_set_ack_random_factor(last_session, (coap_fixed_point_t){1, 0});
  coap_session_set_max_retransmit(last_session, 1);
  change();
  RUN_UNTIL(context, nacks, 4000);
  see(0);
  change_and_see();
  stop();
}

static void
sessions(void) {
  start("a session that observes does not expire", 0);
  coap_context_set_session_timeout(context, 1);
  ask_for("42 01 0001 7474 60 51 72");
  RUN_FOR(context, 2200);
  change_and_see();
  SHOW(coap_can_exit(context));
  SHOW(coap_io_pending(context));
  show("-- disconnected: nothing is sent, and nobody observes");
  coap_session_disconnected(last_session, COAP_NACK_NOT_DELIVERABLE);
  RUN_UNTIL(context, nacks, 100);
  change_and_see();
  stop();
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  registration();
  modes();
  under_way();
  sessions();

  /* mend no-code: a handler that leaves the code of a notification at 0.00 has nothing to say yet. The reference sends an
   * empty message that has a token, which RFC 7252 §4.1 forbids. */
  start("a notification without a code", COAP_RESOURCE_FLAGS_NOTIFY_CON);
  ask_for("42 01 0001 7474 60 51 72");
  answer = 0;
  change();
  datagram_t datagram;
  int came = 0;
  coap_io_process(context, COAP_IO_NO_WAIT);
  while (peer_receive(&peer, context, &datagram, 100)) {
    came++;
    last_mid = mid_of(&datagram);
    reply("6000 ????");
  }
  mend("no-code", "0 datagrams", "%d datagrams", came);
  answer = COAP_RESPONSE_CODE_CONTENT;
  change_and_see();
  stop();

  /* mend null: the reference dies of a NULL resource. */
  if (!on_reference()) {
    mend("null", "0", "%d", coap_resource_notify_observers(NULL, NULL));
    coap_check_notify(NULL);
  }
  coap_cleanup();
  return 0;
}
