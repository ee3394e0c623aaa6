/* Observing bodies of several blocks through a relay: what is on the wire and what the handlers of both ends are shown of
 * registration, notifications, and the ways in which the observation ends, also when a datagram is lost or repeated.
 *
 * mend replaced: when the next representation takes the place of one that has been fetched to its end, nothing has failed.
 * The reference tells of COAP_EVENT_XMIT_BLOCK_FAIL.
 *
 * mend asked_as_registered: who has registered with a CON asks for the blocks of a non-confirmable notification with CON
 * too, so that a lost one is asked for again. The reference asks with NON, and waits for ever. */

#include "relay.h"

enum { SIZE = 2300 };

static coap_resource_t *resource;
static size_t version; /* where the representation begins in `body` */
static int refuses;    /* the client's handler rejects notifications */
static int passed;
static int failures; /* to send a body, as the server is told */
static coap_pdu_type_t type;
static int is_mixed; /* `type` is not that of the notifications */

static void
get(coap_resource_t *of, coap_session_t *on, const coap_pdu_t *request, const coap_string_t *query, coap_pdu_t *response) {
  coap_opt_iterator_t iterator;
  coap_opt_t *observe = coap_check_option(request, COAP_OPTION_OBSERVE, &iterator);
  if (!quiet)
    show("  handler sees %s %s observe %d", type_text(coap_pdu_get_type(request)), code_text(coap_pdu_get_code(request)),
         observe ? (int)coap_decode_var_bytes(coap_opt_value(observe), coap_opt_length(observe)) : -1);
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  NEED(coap_add_data_large_response(of, on, request, response, query, COAP_MEDIATYPE_APPLICATION_OCTET_STREAM, -1, version,
                                    SIZE, body + version, NULL, NULL));
}

static coap_response_t
responded(coap_session_t *on UNUSED, const coap_pdu_t *sent, const coap_pdu_t *received, coap_mid_t mid UNUSED) {
  if (!quiet) {
    printf("  response to %s", sent ? code_text(coap_pdu_get_code(sent)) : "NULL");
    print_pdu("is", received, version);
    putchar('\n');
  }
  return refuses ? COAP_RESPONSE_FAIL : COAP_RESPONSE_OK;
}

static void
failed(coap_session_t *on UNUSED, const coap_pdu_t *sent UNUSED, coap_nack_reason_t reason, coap_mid_t mid UNUSED) {
  if (!quiet)
    show("  nack %u", (unsigned int)reason);
}

static int
happened(coap_session_t *on UNUSED, const coap_event_t event) {
  failures += event == COAP_EVENT_XMIT_BLOCK_FAIL;
  if (!quiet && event != COAP_EVENT_XMIT_BLOCK_FAIL && event != COAP_EVENT_SERVER_SESSION_NEW && event != COAP_EVENT_SERVER_SESSION_DEL)
    show("  event %#x", (unsigned int)event);
  return 0;
}

/* Runs both ends until neither has said anything for `quiet_ms`. */
static void
run(int64_t quiet_ms) {
  int64_t last = now_ms();
  while (now_ms() < last + quiet_ms) {
    int moved = turn(server, &to_server, 0, &passed);
    moved |= turn(client, &to_client, 1, &passed);
    if (moved)
      last = now_ms();
  }
}

static void
change(void) {
  version++;
  passed = 0;
  show("  changed: %d", coap_resource_notify_observers(resource, NULL));
}

static void
send_get(int observe) {
  coap_pdu_t *pdu = coap_new_pdu(type, COAP_REQUEST_CODE_GET, session);
  NEED(pdu && coap_add_token(pdu, 3, (const uint8_t *)"tok"));
  NEED(coap_add_option(pdu, COAP_OPTION_OBSERVE, observe > 0, (const uint8_t *)"\1"));
  NEED(coap_add_option(pdu, COAP_OPTION_URI_PATH, 1, (const uint8_t *)"r"));
  NEED(coap_send(session, pdu) != COAP_INVALID_MID);
}

static void
cancel(coap_pdu_type_t type) {
  coap_binary_t *token = coap_new_binary(3);
  memcpy(token->s, "tok", 3);
  SHOW(coap_cancel_observe(session, token, type));
  coap_delete_binary(token);
}

static void
begin(const char *title, uint32_t mode, int flags) {
  show("-- %s", title);
  if (!is_mixed)
    type = flags & COAP_RESOURCE_FLAGS_NOTIFY_CON ? COAP_MESSAGE_CON : COAP_MESSAGE_NON;
  server = coap_new_context(NULL);
  client = coap_new_context(NULL);
  NEED(server && client);
  coap_context_set_block_mode(server, mode);
  coap_context_set_block_mode(client, mode);
  coap_register_response_handler(client, responded);
  coap_register_nack_handler(client, failed);
  coap_register_event_handler(client, happened);
  coap_register_event_handler(server, happened);
  resource = resource_with(server, "r", flags, COAP_REQUEST_GET, get);
  coap_resource_set_get_observable(resource, 1);
  open_relay();
  fault = PASS;
  fault_at = passed = refuses = 0;
  version = 1;
  send_get(COAP_OBSERVE_ESTABLISH);
  run(60);
}

/* Nothing comes of a change any more. */
static void
end(void) {
  change();
  run(60);
  quiet = 1;
  coap_session_set_no_observe_cancel(session);
  close_relay();
  quiet = 0;
}

static void
endings(const char *of, uint32_t mode, int flags) {
  char title[80];
  snprintf(title, sizeof(title), "%s: cancelled by the function", of);
  begin(title, mode, flags);
  for (int i = 0; i < 2; i++) {
    change();
    run(60);
  }
  cancel(type);
  run(60);
  end();

  snprintf(title, sizeof(title), "%s: cancelled by a request with Observe 1", of);
  begin(title, mode, flags);
  send_get(COAP_OBSERVE_CANCEL);
  run(60);
  end();

  if (type == COAP_MESSAGE_NON) { /* what comes in an acknowledgement cannot be rejected */
    snprintf(title, sizeof(title), "%s: rejected", of);
    begin(title, mode, flags);
    refuses = 1;
    change();
    run(60);
    refuses = 0;
    end();
  }

  snprintf(title, sizeof(title), "%s: the resource is deleted", of);
  begin(title, mode, flags);
  coap_delete_resource(server, resource);
  run(60);
  quiet = 1;
  close_relay();
  quiet = 0;
}

static void
fault_in_notification(const char *title, uint32_t mode, int flags, fault_t what, int at) {
  begin(title, mode, flags);
  fault = what;
  fault_at = at;
  change();
  run(what == LOSE ? 1400 : 60);
  fault_at = 0;
  change();
  run(60);
  cancel(COAP_MESSAGE_NON);
  run(60);
  end();
}

static void
blocks_of_a_notification(uint32_t mode) {
  is_mixed = quiet = 1;
  type = COAP_MESSAGE_CON;
  begin("a confirmable registration, and a notification that is not", mode, 0);
  change();
  int first = seen_count;
  run(60);
  int kind = -1;
  for (int i = first; i < seen_count; i++)
    if (seen[i].bytes[1] == COAP_REQUEST_CODE_GET)
      kind = seen[i].bytes[0] >> 4 & 3;
  mend("asked_as_registered", "CON", "%s", type_text((coap_pdu_type_t)kind));
  coap_session_set_no_observe_cancel(session);
  close_relay();
  is_mixed = quiet = 0;
}

int
main(void) {
  const uint32_t each = COAP_BLOCK_USE_LIBCOAP, whole = COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY;
  fill_body();
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  endings("whole bodies", whole, 0);
  endings("whole bodies, confirmable", whole, COAP_RESOURCE_FLAGS_NOTIFY_CON);
  endings("block by block", each, 0);
  mend("replaced", "0 failures", "%d failures", failures);
  fault_in_notification("a request for a block is lost", whole, COAP_RESOURCE_FLAGS_NOTIFY_CON, LOSE, 2);
  fault_in_notification("a block is lost", whole, COAP_RESOURCE_FLAGS_NOTIFY_CON, LOSE, 3);
  fault_in_notification("a notification comes twice", whole, 0, TWICE, 1);
  fault_in_notification("a block comes twice", whole, 0, TWICE, 3);
  blocks_of_a_notification(whole);
  coap_cleanup();
  return 0;
}
