/* Whatever a handler does, nothing breaks: a client and a server talk in all ways there are, and in the nth call of any of
 * their handlers, for every n, something is deleted, freed, disconnected or sent. Memcheck sees what is used after its end.
 *
 * mend any_call: the reference breaks where a handler frees what the library is about to use, and where a body comes over
 *   WebSockets. Ours takes it. */
#include "stream.h"

static const coap_proto_t protocols[] = {COAP_PROTO_UDP, COAP_PROTO_TCP, COAP_PROTO_WS};
static const char *const protocol_names[] = {"UDP", "TCP", "WS"};

static coap_context_t *context;
static coap_endpoint_t *endpoint;
static coap_session_t *session, *lost;
static coap_resource_t *resource;
static uint8_t body[3000];
static int calls, when, running, shown, bodies_out, notified, ponged, nacked, answered;
static void (*action)(coap_session_t *called_for);

/* ---- what is done in a handler ---- */

static void
release_session(coap_session_t *called_for UNUSED) {
  coap_session_t *released = session;
  session = NULL;
  coap_session_release(released);
}

static void
release_both(coap_session_t *called_for) {
  coap_session_t *released = lost;
  lost = NULL;
  coap_session_release(released);
  release_session(called_for);
}

static void
hold_and_release(coap_session_t *called_for) {
  if (called_for)
    coap_session_release(coap_session_reference(called_for));
}

static void
disconnect(coap_session_t *called_for) {
  if (called_for)
    coap_session_disconnected(called_for, COAP_NACK_NOT_DELIVERABLE);
}

static void
disconnect_client(coap_session_t *called_for UNUSED) {
  if (session)
    coap_session_disconnected(session, COAP_NACK_RST);
}

static void
free_endpoint(coap_session_t *called_for UNUSED) {
  coap_endpoint_t *freed = endpoint;
  endpoint = NULL;
  coap_free_endpoint(freed);
}

static void
free_context(coap_session_t *called_for) {
  coap_context_t *freed = context;
  release_both(called_for);
  context = NULL;
  endpoint = NULL;
  resource = NULL;
  coap_free_context(freed);
}

static void
delete_resource(coap_session_t *called_for UNUSED) {
  coap_resource_t *deleted = resource;
  resource = NULL;
  coap_delete_resource(context, deleted);
}

static void
cancel_observe(coap_session_t *called_for UNUSED) {
  coap_binary_t token = {2, (uint8_t *)"ob"};
  if (session)
    coap_cancel_observe(session, &token, COAP_MESSAGE_CON);
}

/* A request of `to`. NULL if the session goes, or waits in vain, while it is made: a connection may come about by then, and
 * handlers are called. */
static coap_pdu_t *
request_to(coap_session_t *to, coap_request_t method, const char *path, const char *token, int observe) {
  coap_pdu_t *pdu = to ? coap_new_pdu(COAP_MESSAGE_CON, (coap_pdu_code_t)method, to) : NULL;
  if (!pdu)
    return NULL;
  coap_add_token(pdu, strlen(token), (const uint8_t *)token);
  if (observe)
    coap_add_option(pdu, COAP_OPTION_OBSERVE, 0, NULL);
  coap_add_option(pdu, COAP_OPTION_URI_PATH, 1, (const uint8_t *)path);
  return pdu;
}

/* Sends a request in one of the two sessions, if it is still there. */
static void
ask_in(coap_session_t **in, const char *path, const char *token, int observe) {
  coap_pdu_t *pdu = request_to(*in, COAP_REQUEST_GET, path, token, observe);
  if (pdu && *in)
    coap_send(*in, pdu);
  else
    coap_delete_pdu(pdu);
}

static void
send_more(coap_session_t *called_for UNUSED) {
  ask_in(&session, "r", "mo", 0);
}

static void
run_the_loop(coap_session_t *called_for UNUSED) {
  coap_io_process(context, COAP_IO_NO_WAIT);
}

static void
notify(coap_session_t *called_for UNUSED) {
  if (resource)
    coap_resource_notify_observers(resource, NULL);
}

static void
remove_handlers(coap_session_t *called_for UNUSED) {
  coap_register_response_handler(context, NULL);
  coap_register_nack_handler(context, NULL);
  coap_register_event_handler(context, NULL);
  coap_register_ping_handler(context, NULL);
  coap_register_pong_handler(context, NULL);
}

static const struct {
  const char *name;
  void (*action)(coap_session_t *);
} actions[] = {{"release_session", release_session},   {"release_both", release_both},
               {"hold_and_release", hold_and_release}, {"disconnect", disconnect},
               {"disconnect_client", disconnect_client}, {"free_endpoint", free_endpoint},
               {"free_context", free_context},         {"delete_resource", delete_resource},
               {"cancel_observe", cancel_observe},     {"send_more", send_more},
               {"run_the_loop", run_the_loop},         {"notify", notify},
               {"remove_handlers", remove_handlers}};

/* ---- handlers ---- */

static void
called(const char *what, coap_session_t *called_for) {
  calls++;
  if (shown)
    show("  %s", what);
  if (running && calls == when && context)
    action(called_for);
}

static void
on_request(coap_resource_t *at UNUSED, coap_session_t *from, const coap_pdu_t *request,
           const coap_string_t *query UNUSED, coap_pdu_t *response) {
  called(coap_pdu_get_code(request) == COAP_REQUEST_CODE_GET ? "GET" : "PUT", from);
  /* What it was given is still there. */
  coap_pdu_set_code(response, coap_pdu_get_code(request) == COAP_REQUEST_CODE_GET ? COAP_RESPONSE_CODE_CONTENT
                                                                                  : COAP_RESPONSE_CODE_CHANGED);
  coap_add_data(response, 2, (const uint8_t *)"hi");
}

static coap_response_t
on_response(coap_session_t *from, const coap_pdu_t *sent, const coap_pdu_t *received, const coap_mid_t mid UNUSED) {
  size_t length = 0;
  const uint8_t *data = NULL;
  answered++;
  called("response", from);
  coap_get_data(received, &length, &data);
  if (sent)
    coap_pdu_get_token(sent);
  return calls % 3 == 2 ? COAP_RESPONSE_FAIL : COAP_RESPONSE_OK;
}

static void
on_nack(coap_session_t *from, const coap_pdu_t *sent, const coap_nack_reason_t reason UNUSED,
        const coap_mid_t mid UNUSED) {
  nacked++;
  called("nack", from);
  if (sent)
    coap_pdu_get_token(sent);
}

static int
on_event(coap_session_t *from, const coap_event_t event) {
  called(event_text(event), from);
  return 0;
}

static void
on_ping(coap_session_t *from, const coap_pdu_t *received, const coap_mid_t mid UNUSED) {
  called("ping", from);
  coap_pdu_get_token(received);
}

static void
on_pong(coap_session_t *from, const coap_pdu_t *received, const coap_mid_t mid UNUSED) {
  ponged++;
  called("pong", from);
  coap_pdu_get_token(received);
}

static void
on_body_done(coap_session_t *from, void *data UNUSED) {
  bodies_out--;
  called("body is given back", from);
}

static void
on_user_data(void *data UNUSED) {
  called("resource is gone", NULL);
}

static int
on_observer(coap_session_t *from, coap_subscription_t *key UNUSED, coap_proto_t protocol UNUSED,
            coap_address_t *listen_address, coap_addr_tuple_t *tuple, coap_bin_const_t *packet,
            coap_bin_const_t *oscore UNUSED, void *data UNUSED) {
  called("observer is there", from);
  NEED(listen_address->size && tuple->remote.size && packet->length);
  return 1;
}

static int
on_observer_gone(coap_session_t *from, coap_subscription_t *key UNUSED, void *data UNUSED) {
  called("observer is gone", from);
  return 1;
}

static int
on_number(coap_context_t *of UNUSED, coap_str_const_t *name, uint32_t number UNUSED, void *data UNUSED) {
  called("Observe number", NULL);
  NEED(name->length == 1);
  return 1;
}

static int
on_resource_gone(coap_context_t *of UNUSED, coap_str_const_t *name, void *data UNUSED) {
  called("resource is not kept", NULL);
  NEED(name->length == 1);
  return 1;
}

static void
on_entry_gone(void *data UNUSED) {
  called("cache entry is gone", NULL);
}

/* Puts its request aside, and keeps it. */
static void
on_slow_request(coap_resource_t *at UNUSED, coap_session_t *from, const coap_pdu_t *request,
                const coap_string_t *query UNUSED, coap_pdu_t *response) {
  coap_bin_const_t token = coap_pdu_get_token(request);
  if (coap_find_async(from, token)) {
    called("slow request again", from);
    coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
    return;
  }
  coap_register_async(from, request, 1);
  coap_cache_entry_t *entry =
      coap_new_cache_entry(from, request, COAP_CACHE_RECORD_PDU, COAP_CACHE_IS_SESSION_BASED, 0);
  if (entry)
    coap_cache_set_app_data(entry, body, on_entry_gone);
  called("slow request", from);
}

/* ---- the talk ---- */

#define WAIT_FOR(condition)                                                                                            \
  for (int64_t end_ = now_ms() + 20; context && session && !(condition) && now_ms() < end_;)                           \
  coap_io_process(context, 2)

static coap_session_t *
session_to(uint16_t port, coap_proto_t protocol) {
  coap_address_t address = loopback(port);
  coap_session_t *made = coap_new_client_session(context, NULL, &address, protocol);
  if (made && protocol == COAP_PROTO_WS)
    coap_ws_set_host_request(made, coap_make_str_const("host"));
  return made;
}

/* Adds the endpoint, at a port of its own. */
static uint16_t
listen_for(coap_proto_t protocol) {
  uint16_t port = 0;
  for (int attempt = 0; attempt < 20 && !endpoint; attempt++) {
    coap_address_t address = loopback(port = free_port());
    endpoint = coap_new_endpoint(context, &address, protocol);
  }
  NEED(endpoint);
  return port;
}

/* A client that asks, observes, sends a body, pings, and leaves, and one whose server is not there. */
static void
talk(coap_proto_t protocol) {
  uint16_t port;
  coap_pdu_t *pdu;

  calls = bodies_out = notified = ponged = nacked = answered = 0;
  endpoint = NULL;
  context = coap_new_context(NULL);
  NEED(context);
  coap_context_set_block_mode(context, COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
  coap_context_set_max_idle_sessions(context, 100);
  coap_register_response_handler(context, on_response);
  coap_register_nack_handler(context, on_nack);
  coap_register_event_handler(context, on_event);
  coap_register_ping_handler(context, on_ping);
  coap_register_pong_handler(context, on_pong);
  coap_resource_release_userdata_handler(context, on_user_data);
  resource = resource_with(context, "r", 0, COAP_REQUEST_GET, on_request);
  coap_register_request_handler(resource, COAP_REQUEST_PUT, on_request);
  coap_resource_set_get_observable(resource, 1);
  coap_resource_set_userdata(resource, body);
  resource_with(context, "s", 0, COAP_REQUEST_GET, on_slow_request);
  coap_persist_track_funcs(context, on_observer, on_observer_gone, on_number, NULL, on_resource_gone, 1, NULL);
  port = listen_for(protocol);
  running = 1;
  session = session_to(port, protocol);
  lost = session_to(free_port(), protocol);
  ask_in(&lost, "r", "no", 0);
  ask_in(&session, "r", "ob", 1);
  WAIT_FOR(answered == 1);
  if (context && resource)
    coap_resource_notify_observers(resource, NULL);
  WAIT_FOR(answered == 2);
  if (session)
    coap_session_send_ping(session);
  WAIT_FOR(ponged || nacked > 1);
  pdu = request_to(session, COAP_REQUEST_PUT, "r", "pu", 0);
  if (pdu && session) {
    bodies_out++;
    if (coap_add_data_large_request(session, pdu, sizeof(body), body, on_body_done, body) && session)
      coap_send(session, pdu);
    else
      coap_delete_pdu(pdu);
  } else {
    coap_delete_pdu(pdu);
  }
  WAIT_FOR(answered == 3 && !bodies_out);
  ask_in(&session, "s", "sl", 0);
  WAIT_FOR(answered == 4);
  if (session)
    release_session(session);
  if (lost) {
    coap_session_t *released = lost;
    lost = NULL;
    coap_session_release(released);
  }
  for (int turn = 0; context && turn < 6; turn++)
    coap_io_process(context, COAP_IO_NO_WAIT);
  if (context) {
    coap_context_t *freed = context;
    context = NULL; /* what is deleted now cannot be deleted in a handler any more */
    coap_free_context(freed);
  }
  running = 0;
}

static void
as_it_is(void) {
  action = NULL;
  when = -1;
  for (size_t p = 0; p < sizeof(protocols) / sizeof(protocols[0]); p++) {
    if (protocols[p] == COAP_PROTO_WS && on_reference())
      continue;
    talk(protocols[p]);
    show("~ %s: %d calls of handlers", protocol_names[p], calls);
    NEED(calls > 10);
  }
}

/* Every action in every call. */
static void
whatever_a_handler_does(void) {
  int total = 0;
  for (size_t p = 0; p < sizeof(protocols) / sizeof(protocols[0]); p++) {
    for (size_t a = 0; a < sizeof(actions) / sizeof(actions[0]); a++) {
      action = actions[a].action;
      for (when = 1, calls = 1; when <= calls && when < 99; when++) {
        if (getenv("VERBOSE"))
          show("~ %s %s in call %d", protocol_names[p], actions[a].name, when);
        talk(protocols[p]);
        NEED(bodies_out == 0);
        total++;
      }
    }
  }
  show("~ %d talks", total);
  mend("any_call", "survived", "survived");
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  shown = getenv("VERBOSE") != NULL;
  as_it_is();
  if (!on_reference())
    whatever_a_handler_does();
  coap_cleanup();
  return 0;
}
