/* Handlers that delete what they were called for, or what others hold. Each scene runs in a process of its
 * own, so that the end of one is seen and does not end the rest.
 *
 * mend endpoint_in_handler: on the reference a request's handler must not free the endpoint that the request
 *   came to. On ours it may; there is no response then.
 * mend context_in_handler: nor may it free the context there. On ours it may, and the loop returns. */
#include "peer.h"

#include <sys/wait.h>

static coap_context_t *context;
static coap_endpoint_t *endpoint;
static coap_session_t *session;
static coap_resource_t *resource;
static peer_t peer;
static int events, responses, nacks, in_quiet, unwell;
static int (*in_response)(coap_session_t *);
static void (*in_nack)(coap_session_t *);
static void (*in_event)(coap_session_t *, coap_event_t);
static void (*in_request)(coap_resource_t *, coap_session_t *, const coap_pdu_t *);

static coap_response_t
on_response(coap_session_t *from, const coap_pdu_t *sent, const coap_pdu_t *received, const coap_mid_t mid UNUSED) {
  responses++;
  coap_response_t answer = in_response && !in_response(from) ? COAP_RESPONSE_FAIL : COAP_RESPONSE_OK;
  /* What the handler was given is still there. */
  show("  response %s, sent %s", code_text(coap_pdu_get_code(received)), sent ? code_text(coap_pdu_get_code(sent)) : "NULL");
  return answer;
}

static void
on_nack(coap_session_t *from, const coap_pdu_t *sent, const coap_nack_reason_t reason, const coap_mid_t mid UNUSED) {
  nacks++;
  if (in_nack)
    in_nack(from);
  coap_bin_const_t token = {4, (const uint8_t *)"none"};
  if (sent)
    token = coap_pdu_get_token(sent);
  show("  nack %d, sent %s, token %.*s", (int)reason, sent ? code_text(coap_pdu_get_code(sent)) : "NULL",
       (int)token.length, (const char *)token.s);
}

static int
on_event(coap_session_t *from, const coap_event_t event) {
  events++;
  if (in_event)
    in_event(from, event);
  return 0;
}

static void
on_request(coap_resource_t *called, coap_session_t *from, const coap_pdu_t *request,
           const coap_string_t *query UNUSED, coap_pdu_t *response) {
  if (in_request)
    in_request(called, from, request);
  show("  request %s", code_text(coap_pdu_get_code(request)));
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
}

static coap_mid_t
get(const char *token) {
  return coap_send(session, request_for(session, COAP_MESSAGE_CON, COAP_REQUEST_GET, "r", token));
}

/* A context that is client and server, and a session to itself or, if `silent`, to the scripted peer. */
static void
start(int silent) {
  context = coap_new_context(NULL);
  coap_register_response_handler(context, on_response);
  coap_register_nack_handler(context, on_nack);
  coap_register_event_handler(context, on_event);
  resource = resource_with(context, "r", 0, COAP_REQUEST_GET, on_request);
  resource_with(context, "s", 0, COAP_REQUEST_GET, on_request);
  add_probe(context);
  coap_address_t address = loopback(serve(context, &endpoint));
  peer = peer_open(coap_address_get_port(&address));
  if (silent)
    address = loopback(peer.port);
  session = coap_new_client_session(context, NULL, &address, COAP_PROTO_UDP);
  NEED(session);
  coap_session_set_ack_timeout(session, (coap_fixed_point_t){1, 0});
  coap_session_set_ack_random_factor(session, (coap_fixed_point_t){1, 0});
  coap_session_set_max_retransmit(session, 1);
}

/* Is the server still there? */
static void
alive(void) {
  peer_t other = peer_open(0);
  datagram_t answer;
  if (endpoint) {
    const char *text = coap_endpoint_str(endpoint);
    const char *colon = strrchr(text, ':');
    other.other.sin_port = htons((uint16_t)atoi(colon + 1));
    peer_send_hex(&other, "41 01 7777 bb b1 7e");
    peer_expect(&other, context, "  alive", MASK_NONE, 1000, &answer);
  }
  peer_close(&other);
}

static void
stop(void) {
  alive();
  if (session)
    coap_session_release(session);
  coap_free_context(context);
  peer_close(&peer);
}

/* ---- what handlers do ---- */

static int
release_in_response(coap_session_t *from) {
  coap_session_release(from);
  session = NULL;
  return 1;
}

static int
release_and_refuse(coap_session_t *from) {
  coap_session_release(from);
  session = NULL;
  return 0;
}

static int
send_more(coap_session_t *from UNUSED) {
  if (responses < 5)
    get("nx");
  return 1;
}

static int
disconnect_in_response(coap_session_t *from) {
  coap_session_disconnected(from, COAP_NACK_NOT_DELIVERABLE);
  return 1;
}

static int
new_session_in_response(coap_session_t *from) {
  coap_session_t *other =
      coap_new_client_session(context, NULL, coap_session_get_addr_remote(from), COAP_PROTO_UDP);
  coap_session_release(other);
  return 1;
}

static void
release_in_nack(coap_session_t *from) {
  if (session)
    coap_session_release(from);
  session = NULL;
}

static void
send_in_nack(coap_session_t *from UNUSED) {
  if (nacks < 2)
    get("ag");
}

static void
release_on_retransmission(coap_session_t *from, coap_event_t event) {
  if (event == COAP_EVENT_MSG_RETRANSMITTED && session) {
    coap_session_release(from);
    session = NULL;
  }
}

static void
delete_own(coap_resource_t *called, coap_session_t *from UNUSED, const coap_pdu_t *request UNUSED) {
  coap_delete_resource(context, called);
}

static void
replace_own(coap_resource_t *called UNUSED, coap_session_t *from UNUSED, const coap_pdu_t *request UNUSED) {
  in_request = NULL;
  resource = resource_with(context, "r", 0, COAP_REQUEST_GET, on_request);
}

static void
disconnect_server(coap_resource_t *called UNUSED, coap_session_t *from, const coap_pdu_t *request UNUSED) {
  coap_session_disconnected(from, COAP_NACK_NOT_DELIVERABLE);
}

static void
free_own_endpoint(coap_resource_t *called UNUSED, coap_session_t *from UNUSED, const coap_pdu_t *request UNUSED) {
  if (endpoint)
    coap_free_endpoint(endpoint);
  endpoint = NULL;
}

static void
free_own_context(coap_resource_t *called UNUSED, coap_session_t *from UNUSED, const coap_pdu_t *request UNUSED) {
  coap_session_release(session);
  coap_free_context(context);
  context = NULL;
}

static void
answer_twice(coap_resource_t *called UNUSED, coap_session_t *from, const coap_pdu_t *request) {
  coap_opt_filter_t none;
  coap_option_filter_clear(&none);
  coap_send_error(from, request, COAP_RESPONSE_CODE_FORBIDDEN, &none);
}

static void
drop_handlers(coap_resource_t *called, coap_session_t *from UNUSED, const coap_pdu_t *request UNUSED) {
  coap_register_request_handler(called, COAP_REQUEST_GET, NULL);
  coap_register_response_handler(context, NULL);
  coap_register_event_handler(context, NULL);
}

/* ---- scenes ---- */

static void
one_request(void) {
  start(0);
  get("tk");
  RUN_UNTIL(context, responses + nacks, 3000);
  RUN_FOR(context, 50);
  show("  responses %d, nacks %d", responses, nacks);
  stop();
}

static void
released_in_response(void) {
  in_response = release_in_response;
  one_request();
}

static void
released_in_response_that_refuses(void) {
  in_response = release_and_refuse;
  one_request();
}

static void
released_with_more_waiting(void) {
  in_response = release_in_response;
  start(0);
  get("t1");
  get("t2");
  get("t3");
  RUN_UNTIL(context, responses, 3000);
  in_response = NULL;
  RUN_UNTIL(context, coap_can_exit(context), 3000);
  show("  responses %d, nacks %d, pending %d", responses, nacks, !coap_can_exit(context));
  stop();
}

static void
requests_from_responses(void) {
  in_response = send_more;
  start(0);
  get("tk");
  RUN_UNTIL(context, responses == 5, 3000);
  show("  responses %d", responses);
  stop();
}

static void
disconnected_in_response(void) {
  in_response = disconnect_in_response;
  one_request();
}

static void
session_made_in_response(void) {
  in_response = new_session_in_response;
  one_request();
}

static void
released_in_nack_of_reset(void) {
  datagram_t datagram;
  in_nack = release_in_nack;
  start(1);
  get("tk");
  NEED(peer_receive(&peer, context, &datagram, 1000));
  peer_send_mid(&peer, "70 00 ????", mid_of(&datagram));
  RUN_UNTIL(context, nacks, 3000);
  RUN_FOR(context, 50);
  stop();
}

static void
released_in_nack_of_silence(void) {
  in_nack = release_in_nack;
  start(1);
  get("tk");
  RUN_UNTIL(context, nacks, 5000);
  RUN_FOR(context, 50);
  stop();
}

static void
request_from_nack(void) {
  datagram_t datagram;
  in_nack = send_in_nack;
  start(1);
  get("tk");
  NEED(peer_receive(&peer, context, &datagram, 1000));
  peer_send_mid(&peer, "70 00 ????", mid_of(&datagram));
  NEED(peer_expect(&peer, context, "  again", MASK_MID, 1000, &datagram));
  peer_send_mid(&peer, "70 00 ????", mid_of(&datagram));
  RUN_UNTIL(context, nacks == 2, 3000);
  stop();
}

static void
released_in_event(void) {
  in_event = release_on_retransmission;
  start(1);
  get("tk");
  RUN_UNTIL(context, session == NULL, 3000);
  RUN_FOR(context, 50);
  show("  pending %d", !coap_can_exit(context));
  stop();
}

static void
resource_deleted_in_its_handler(void) {
  in_request = delete_own;
  one_request();
}

static void
resource_replaced_in_its_handler(void) {
  in_request = replace_own;
  one_request();
}

static void
server_session_disconnected(void) {
  in_request = disconnect_server;
  start(0);
  get("tk");
  RUN_UNTIL(context, responses + nacks, 500);
  stop();
}

static void
handler_sends_and_answers(void) {
  in_request = answer_twice;
  start(0);
  ask(&peer, context, "  <", "41 01 0101 aa b1 72", MASK_NONE);
  stop();
}

static void
handlers_dropped(void) {
  in_request = drop_handlers;
  start(0);
  get("tk");
  RUN_UNTIL(context, coap_can_exit(context), 3000);
  stop();
}

static void
context_freed_with_all_held(void) {
  start(1);
  coap_session_reference(session);
  get("t1");
  get("t2");
  RUN_FOR(context, 20);
  coap_session_release(session);
  coap_free_context(context);
  peer_close(&peer);
}

static void
pdu_never_sent(void) {
  start(1);
  coap_delete_pdu(request_for(session, COAP_MESSAGE_CON, COAP_REQUEST_GET, "r", "tk"));
  coap_delete_pdu(NULL);
  stop();
}

static void
endpoint_freed_in_handler(void) {
  in_request = free_own_endpoint;
  start(0);
  get("tk");
  RUN_UNTIL(context, responses + nacks || !endpoint, 3000);
  RUN_FOR(context, 50);
  NEED(!endpoint && responses == 0);
  stop();
}

static void
context_freed_in_handler(void) {
  in_request = free_own_context;
  start(0);
  get("tk");
  for (int64_t end = now_ms() + 3000; context && now_ms() < end;)
    coap_io_process(context, 10);
  NEED(!context);
  peer_close(&peer);
}

/* Runs a scene in a process of its own, and says how it ended. */
static const char *
in_process(void (*scene)(void)) {
  static char how[32];
  int status;
  pid_t child = fork();
  NEED(child >= 0);
  if (child == 0) {
    if (in_quiet)
      NEED(freopen("/dev/null", "w", stdout));
    coap_startup();
    coap_set_log_level(COAP_LOG_EMERG);
    scene();
    coap_cleanup();
    exit(0);
  }
  NEED(waitpid(child, &status, 0) == child);
  if (WIFSIGNALED(status))
    snprintf(how, sizeof(how), "signal %d", WTERMSIG(status));
  else
    snprintf(how, sizeof(how), "status %d", WEXITSTATUS(status));
  if (status != 0)
    unwell++; /* memcheck tells of a child's errors by its status */
  return how;
}

#define SCENE(name)                                                                                \
  do {                                                                                             \
    show("-- %s", #name);                                                                          \
    show("  %s", in_process(name));                                                                \
  } while (0)

/* A scene for ours alone. What it prints is not shown. */
static void
on_ours(const char *topic, void (*scene)(void)) {
  if (on_reference())
    return;
  in_quiet = 1;
  const char *how = in_process(scene);
  in_quiet = 0;
  mend(topic, "status 0", "%s", how);
}

int
main(void) {
  SCENE(released_in_response);
  SCENE(released_in_response_that_refuses);
  SCENE(released_with_more_waiting);
  SCENE(requests_from_responses);
  SCENE(disconnected_in_response);
  SCENE(session_made_in_response);
  SCENE(released_in_nack_of_reset);
  SCENE(released_in_nack_of_silence);
  SCENE(request_from_nack);
  SCENE(released_in_event);
  SCENE(resource_deleted_in_its_handler);
  SCENE(resource_replaced_in_its_handler);
  SCENE(server_session_disconnected);
  SCENE(handler_sends_and_answers);
  SCENE(handlers_dropped);
  SCENE(context_freed_with_all_held);
  SCENE(pdu_never_sent);
  on_ours("endpoint_in_handler", endpoint_freed_in_handler);
  on_ours("context_in_handler", context_freed_in_handler);
  return unwell ? 3 : 0;
}
