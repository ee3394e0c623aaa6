/* Several threads on one context: one serves, one runs the client's loop, and others send, make and release
 * sessions, and change settings meanwhile. */
#include "peer.h"

#include <pthread.h>
#include <stdatomic.h>

enum { SENDERS = 4, REQUESTS = 50 };

static coap_context_t *server, *client;
static coap_address_t address;
static atomic_int responses, handled, done, senders_done, refused;

static void
get(coap_resource_t *resource UNUSED, coap_session_t *session UNUSED, const coap_pdu_t *request UNUSED,
    const coap_string_t *query UNUSED, coap_pdu_t *response) {
  atomic_fetch_add(&handled, 1);
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
}

static coap_response_t
on_response(coap_session_t *session, const coap_pdu_t *sent UNUSED, const coap_pdu_t *received UNUSED,
            const coap_mid_t mid UNUSED) {
  atomic_int *own = coap_session_get_app_data(session);
  atomic_fetch_add(own, 1);
  atomic_fetch_add(&responses, 1);
  return COAP_RESPONSE_OK;
}

static void *
loop(void *context) {
  while (!atomic_load(&done))
    coap_io_process(context, 50);
  return NULL;
}

/* Each sender has a session of its own, and keeps eight requests outstanding. */
static void *
sender(void *unused UNUSED) {
  atomic_int own = 0;
  coap_session_t *session = coap_new_client_session(client, NULL, &address, COAP_PROTO_UDP);
  NEED(session);
  coap_session_set_app_data(session, &own);
  coap_session_set_nstart(session, 8);
  for (int i = 0; i < REQUESTS; i++) {
    uint8_t token[8];
    size_t length;
    int64_t end = now_ms() + 20000;
    coap_session_new_token(session, &length, token);
    coap_pdu_t *pdu = coap_new_pdu(i % 2 ? COAP_MESSAGE_CON : COAP_MESSAGE_NON, COAP_REQUEST_CODE_GET, session);
    NEED(pdu && coap_add_token(pdu, length, token));
    NEED(coap_add_option(pdu, COAP_OPTION_URI_PATH, 1, (const uint8_t *)"r"));
    if (coap_send(session, pdu) == COAP_INVALID_MID)
      atomic_fetch_add(&refused, 1);
    while (atomic_load(&own) < i - 8 && now_ms() < end)
      poll(NULL, 0, 1); /* the other thread receives */
  }
  for (int64_t end = now_ms() + 20000; atomic_load(&own) < REQUESTS && now_ms() < end;)
    poll(NULL, 0, 1);
  coap_session_release(session);
  atomic_fetch_add(&senders_done, 1);
  return NULL;
}

static void *
meddler(void *unused UNUSED) {
  while (atomic_load(&senders_done) < SENDERS) {
    coap_session_t *session = coap_new_client_session(client, NULL, &address, COAP_PROTO_UDP);
    coap_resource_t *resource = coap_resource_init(coap_make_str_const("gone"), 0);
    coap_add_resource(server, resource);
    coap_context_set_session_timeout(server, 300);
    coap_io_pending(client);
    coap_can_exit(server);
    NEED(coap_delete_resource(server, resource));
    coap_session_release(session);
  }
  return NULL;
}

int
main(void) {
  pthread_t loops[2], senders[SENDERS], other;
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  SHOW(coap_threadsafe_is_supported());
  server = coap_new_context(NULL);
  client = coap_new_context(NULL);
  resource_with(server, "r", 0, COAP_REQUEST_GET, get);
  coap_register_response_handler(client, on_response);
  address = loopback(serve(server, NULL));
  NEED(pthread_create(&loops[0], NULL, loop, server) == 0);
  NEED(pthread_create(&loops[1], NULL, loop, client) == 0);
  for (int i = 0; i < SENDERS; i++)
    NEED(pthread_create(&senders[i], NULL, sender, NULL) == 0);
  NEED(pthread_create(&other, NULL, meddler, NULL) == 0);
  for (int i = 0; i < SENDERS; i++)
    pthread_join(senders[i], NULL);
  pthread_join(other, NULL);
  atomic_store(&done, 1);
  pthread_join(loops[0], NULL);
  pthread_join(loops[1], NULL);
  show("handled %d, responses %d, refused %d", atomic_load(&handled), atomic_load(&responses), atomic_load(&refused));
  SHOW(coap_can_exit(client));
  coap_free_context(client);
  coap_free_context(server);
  coap_cleanup();
  return 0;
}
