/* Sequences of calls that crashed or confused libcoap, as its users reported them. Each scene runs in a process of its own.
 *
 * mend async_freed: the manual page says that the library removes an async after its handler; on the reference a handler
 *   that calls coap_free_async itself ends in a double free. Ours takes it.
 * mend endpoint_none: the reference ends the program when an endpoint is asked for without a protocol. On ours it is NULL. */
#include "peer.h"

#include <sys/wait.h>

static coap_context_t *context;
static int calls;
static int free_it;

static void
on_slow(coap_resource_t *resource UNUSED, coap_session_t *session, const coap_pdu_t *request,
        const coap_string_t *query UNUSED, coap_pdu_t *response) {
  coap_async_t *async = coap_find_async(session, coap_pdu_get_token(request));

  calls++;
  if (!async) {
    NEED(coap_register_async(session, request, COAP_TICKS_PER_SECOND / 10));
    return;
  }
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  if (free_it)
    coap_free_async(session, async);
}

/* The delayed handler removes what it is called for. */
static void
async_freed_in_its_handler(void) {
  peer_t peer = peer_open(serve(context, NULL));
  datagram_t answer;

  add_probe(context);
  resource_with(context, "slow", 0, COAP_REQUEST_GET, on_slow);
  free_it = 1;
  peer_send_hex(&peer, "51 01 0001 aa b4 736c6f77");
  NEED(peer_receive(&peer, context, &answer, 3000) && answer.bytes[1] == COAP_RESPONSE_CODE_CONTENT);
  ask(&peer, context, "  ping", "40 00 0002", MASK_NONE);
  NEED(calls == 2);
  peer_close(&peer);
}

/* The same token again while the first request still waits: one that is waiting, not two. */
static void
same_token_while_waiting(void) {
  peer_t peer = peer_open(serve(context, NULL));
  datagram_t answer;
  int answers = 0;

  add_probe(context);
  resource_with(context, "slow", 0, COAP_REQUEST_GET, on_slow);
  peer_send_hex(&peer, "51 01 0001 aa b4 736c6f77");
  RUN_UNTIL(context, calls == 1, 1000);
  peer_send_hex(&peer, "51 01 0002 aa b4 736c6f77");
  RUN_UNTIL(context, calls == 2, 1000);
  while (peer_receive(&peer, context, &answer, 500))
    answers++;
  show("  %s", answers ? "answered" : "not answered");
  ask(&peer, context, "  ping", "40 00 0003", MASK_NONE);
  peer_close(&peer);
}

/* The session goes while a request of it waits. */
static void
context_freed_while_waiting(void) {
  peer_t peer = peer_open(serve(context, NULL));

  resource_with(context, "slow", 0, COAP_REQUEST_GET, on_slow);
  for (int i = 0; i < 20; i++) {
    char request[64];

    snprintf(request, sizeof(request), "51 01 %04x %02x b4 736c6f77", 0x100 + i, i);
    peer_send_hex(&peer, request);
  }
  RUN_UNTIL(context, calls == 20, 2000);
  show("  %d waiting", calls);
  peer_close(&peer);
}

static void
endpoint_without_a_protocol(void) {
  coap_address_t address = loopback(0);

  NEED(!coap_new_endpoint(context, &address, COAP_PROTO_NONE));
}

static coap_session_t *
client_of(uint16_t port) {
  coap_address_t address = loopback(port);
  coap_session_t *session = coap_new_client_session(context, NULL, &address, COAP_PROTO_UDP);

  NEED(session);
  return session;
}

/* 5.08 is searched for the names of hops: in a message that is full to its last byte (CVE-2023-30362). */
static void
hop_limit_response_that_is_full(void) {
  peer_t peer = peer_open(0);
  coap_session_t *session = client_of(peer.port);
  size_t size = coap_session_max_pdu_size(session);
  coap_pdu_t *pdu = coap_pdu_init(COAP_MESSAGE_NON, (coap_pdu_code_t)COAP_RESPONSE_CODE(508), 7, size);
  uint8_t sixteen = 16, text[4096];
  datagram_t got;

  NEED(pdu && size < sizeof(text));
  memset(text, 'x', sizeof(text));
  coap_add_option(pdu, COAP_OPTION_HOP_LIMIT, 1, &sixteen);
  while (size && !coap_add_data(pdu, size, text))
    size--;
  show("  sent %s", coap_send(session, pdu) == COAP_INVALID_MID ? "nothing" : "it");
  NEED(peer_receive(&peer, context, &got, 2000));
  show("  code %d.%02d, ends with %c", got.bytes[1] >> 5, got.bytes[1] & 31, got.bytes[got.length - 1]);
  coap_session_release(session);
  peer_close(&peer);
}

static void
cached_without_payload(void) {
  peer_t peer = peer_open(0);
  coap_session_t *session = client_of(peer.port);
  coap_pdu_t *pdu = request_for(session, COAP_MESSAGE_NON, COAP_REQUEST_GET, "a", "t");
  coap_cache_entry_t *entry =
      coap_new_cache_entry(session, pdu, COAP_CACHE_RECORD_PDU, COAP_CACHE_NOT_SESSION_BASED, 0);
  size_t length = 0;
  const uint8_t *data = NULL;

  NEED(entry && coap_cache_get_pdu(entry));
  show("  %s", coap_get_data(coap_cache_get_pdu(entry), &length, &data) ? "data" : "no data");
  coap_delete_pdu(pdu);
  coap_session_release(session);
  peer_close(&peer);
}

/* Option values that do not fit: 0, and the message is as before. */
static void
options_larger_than_the_message(void) {
  coap_pdu_t *pdu = coap_pdu_init(COAP_MESSAGE_CON, COAP_REQUEST_CODE_GET, 1, 64);
  uint8_t big[1024] = {0};

  NEED(pdu);
  SHOW(coap_add_option(pdu, COAP_OPTION_URI_PATH, 1, big));
  SHOW(coap_add_option(pdu, COAP_OPTION_URI_PATH, sizeof(big), big));
  SHOW(coap_add_data(pdu, sizeof(big), big));
  SHOW(coap_add_option(pdu, COAP_OPTION_URI_PATH, 1, big));
  SHOW(coap_add_data(pdu, 4, big));
  SHOW(coap_add_token(pdu, 1, big));
  coap_delete_pdu(pdu);
}

static void
nothing_deleted(void) {
  coap_delete_pdu(NULL);
  coap_delete_optlist(NULL);
  coap_delete_string(NULL);
  coap_delete_str_const(NULL);
  coap_delete_binary(NULL);
  coap_delete_bin_const(NULL);
  coap_free_context(NULL);
  coap_free_endpoint(NULL);
  coap_session_release(NULL);
  coap_free_address_info(NULL);
  show("  survived");
}

/* Runs a scene in a process of its own with a context of its own, and says how it ended. */
static const char *
in_process(void (*scene)(void), int quiet) {
  int status = 0;
  pid_t child;

  fflush(stdout);
  child = fork();
  NEED(child >= 0);
  if (child == 0) {
    NEED(!quiet || freopen("/dev/null", "w", stdout));
    coap_startup();
    coap_set_log_level(COAP_LOG_EMERG);
    context = coap_new_context(NULL);
    NEED(context);
    scene();
    coap_free_context(context);
    coap_cleanup();
    fflush(stdout);
    exit(0);
  }
  NEED(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? "ended well" : "did not end well";
}

#define SCENE(name)                                                                                                    \
  do {                                                                                                                 \
    show("-- %s", #name);                                                                                              \
    show("  %s", in_process(name, 0));                                                                                    \
  } while (0)

/* A scene that ends the reference. What it prints is not shown. */
static void
on_ours(const char *topic, void (*scene)(void)) {
  if (!on_reference())
    mend(topic, "ended well", "%s", in_process(scene, 1));
}

int
main(void) {
  on_ours("async_freed", async_freed_in_its_handler);
  on_ours("endpoint_none", endpoint_without_a_protocol);
  SCENE(same_token_while_waiting);
  SCENE(context_freed_while_waiting);
  SCENE(hop_limit_response_that_is_full);
  SCENE(cached_without_payload);
  SCENE(options_larger_than_the_message);
  SCENE(nothing_deleted);
  return 0;
}
