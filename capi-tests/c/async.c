/* Delayed responses: a handler registers a request, the library acknowledges it, and calls the handler again
 * when the delay is over or the request is triggered.
 *
 * mend no_request: the reference crashes when there is no request to register. Ours registers nothing.
 * mend freed_in_handler: the reference frees twice when the handler of a triggered request frees it. Ours frees
 *   once, and the response goes out. */
#include "peer.h"

static coap_context_t *context;
static peer_t peer;
static coap_async_t *registered;
static coap_session_t *server_session;
static coap_tick_t delay;
static int calls, data, quiet, again_in_handler, answer_at_once;

static void
get(coap_resource_t *resource UNUSED, coap_session_t *session, const coap_pdu_t *request,
    const coap_string_t *query, coap_pdu_t *response) {
  coap_bin_const_t token = coap_pdu_get_token(request);
  coap_async_t *found = coap_find_async(session, token);
  calls++;
  server_session = session;
  if (!quiet)
    show("  handler: %s, token %.*s, query %.*s, response %s %s, found %s", type_text(coap_pdu_get_type(request)),
       (int)token.length, (const char *)token.s, query ? (int)query->length : 4,
       query ? (const char *)query->s : "NULL", type_text(coap_pdu_get_type(response)),
       code_text(coap_pdu_get_code(response)), found ? "something" : "NULL");
  if (found && quiet)
    coap_free_async(session, found);
  if (!found && !answer_at_once) {
    registered = coap_register_async(session, request, delay);
    if (!quiet)
      show("  registered: %s", registered ? "something" : "NULL");
    coap_async_set_app_data(registered, &data);
    if (again_in_handler)
      show("  registered again: %s", coap_register_async(session, request, delay) ? "something" : "NULL");
    return;
  }
  if (found && !quiet)
    show("  the same: %d, its data: %d", found == registered, coap_async_get_app_data(found) == &data);
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  coap_add_data(response, 4, (const uint8_t *)"done");
}

static void
say(const char *hex) {
  show("  > %s", hex);
  peer_send_hex(&peer, hex);
}

/* The next datagram, which comes after `from` to `to` ms. */
static unsigned int
next(int64_t from, int64_t to) {
  datagram_t datagram;
  struct sockaddr_in server = peer.other;
  int64_t begin = now_ms();
  if (!peer_receive(&peer, context, &datagram, to + 1500)) {
    show("  <: nothing");
    return 0;
  }
  peer.other = server;
  int64_t took = now_ms() - begin;
  show_datagram("  <", &datagram, MASK_OWN);
  if (took < from || took > to)
    show("  too %s", took < from ? "early" : "late");
  return mid_of(&datagram);
}

static void
acknowledge(unsigned int mid) {
  peer_send_mid(&peer, "60 00 ????", mid);
  RUN_UNTIL(context, coap_can_exit(context), 500);
  show("  acknowledged, pending: %d", !coap_can_exit(context));
}

static void
delayed(void) {
  show("-- a CON, delayed by a second");
  delay = COAP_TICKS_PER_SECOND;
  say("42 01 0101 6161 b1 72 41 71");
  next(0, 500);
  acknowledge(next(700, 1800));
  show("-- the same, after the end");
  say("42 01 0102 6161 b1 72");
  next(0, 500);
  acknowledge(next(700, 1800));

  show("-- a NON, delayed by a second");
  say("52 01 0103 6162 b1 72");
  next(700, 1800);
  show("  pending: %d", !coap_can_exit(context));
}

static void
triggered(void) {
  datagram_t datagram;
  show("-- no delay means for ever, and registering twice");
  delay = 0;
  again_in_handler = 1;
  say("42 01 0201 6261 b1 72");
  next(0, 500);
  again_in_handler = 0;
  show("  in between: %d", peer_receive(&peer, context, &datagram, 300));
  SHOW(coap_can_exit(context));
  show("-- another request with the same token");
  say("42 01 0202 6261 b1 72");
  next(0, 500);
  calls = 0;
  show("-- triggered");
  if (!on_reference())
    mend("no_request", "NULL", "%s", coap_register_async(server_session, NULL, 0) ? "something" : "NULL");
  say("42 01 0203 6263 b1 72");
  next(0, 500);
  coap_async_trigger(registered);
  acknowledge(next(0, 500));

  show("-- given a delay later");
  say("42 01 0204 6264 b1 72");
  next(0, 500);
  coap_async_set_delay(registered, COAP_TICKS_PER_SECOND);
  acknowledge(next(700, 1800));

  show("-- given a longer delay, then none");
  delay = COAP_TICKS_PER_SECOND;
  say("42 01 0205 6265 b1 72");
  next(0, 500);
  coap_async_set_delay(registered, 2 * COAP_TICKS_PER_SECOND);
  show("  after the first delay: %d", peer_receive(&peer, context, &datagram, 1300));
  coap_async_set_delay(registered, 0);
  show("  after the second: %d", peer_receive(&peer, context, &datagram, 1200));
  show("  and freed");
  coap_free_async(server_session, registered);
  show("  found: %s",
       coap_find_async(server_session, (coap_bin_const_t){2, (const uint8_t *)"be"}) ? "something" : "NULL");
}

static void
found(void) {
  coap_bin_const_t right = {2, (const uint8_t *)"ca"}, shorter = {1, (const uint8_t *)"c"},
                   other = {2, (const uint8_t *)"cb"}, none = {0, NULL};
  show("-- found by its token");
  delay = 0;
  say("42 01 0301 6361 b1 72");
  next(0, 500);
  SHOW(coap_find_async(server_session, right) == registered);
  SHOW_PTR(coap_find_async(server_session, shorter));
  SHOW_PTR(coap_find_async(server_session, other));
  SHOW_PTR(coap_find_async(server_session, none));
  coap_async_set_app_data(registered, NULL);
  SHOW_PTR(coap_async_get_app_data(registered));
  coap_free_async(server_session, registered);
  SHOW_PTR(coap_find_async(server_session, right));

  show("-- without a token");
  say("40 01 0302 b1 72");
  next(0, 500);
  SHOW(coap_find_async(server_session, none) == registered);
  coap_free_async(server_session, registered);
}

static void
freed_in_handler(void) {
  datagram_t ack, response;
  if (on_reference())
    return;
  delay = COAP_TICKS_PER_SECOND / 10;
  quiet = 1;
  peer_send_hex(&peer, "42 01 0401 6461 b1 72");
  NEED(peer_receive(&peer, context, &ack, 500));
  int came = peer_receive(&peer, context, &response, 900);
  mend("freed_in_handler", "2.05", "%s", came ? code_text(response.bytes[1]) : "nothing");
  if (came)
    peer_send_mid(&peer, "60 00 ????", mid_of(&response));
  RUN_UNTIL(context, coap_can_exit(context), 500);
  mend("freed_in_handler", "gone, nothing pending", "%s, %s pending",
       coap_find_async(server_session, (coap_bin_const_t){2, (const uint8_t *)"da"}) ? "there" : "gone",
       coap_can_exit(context) ? "nothing" : "something");
  quiet = 0;
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  SHOW(coap_async_is_supported());
  context = coap_new_context(NULL);
  resource_with(context, "r", 0, COAP_REQUEST_GET, get);
  peer = peer_open(serve(context, NULL));
  delayed();
  triggered();
  found();
  freed_in_handler();

  show("-- the context ends with one registered");
  delay = 0;
  say("42 01 0501 6561 b1 72");
  next(0, 500);
  coap_free_context(context);
  peer_close(&peer);
  coap_cleanup();
  return 0;
}
