/* Several contexts, each in a thread of its own, with handshakes at once: with keys and with certificates, good ones and bad
 * ones, over DTLS and TLS. OpenSSL keeps a queue of errors for each thread; what one handshake leaves there must not make
 * another fail. */
#include "tls.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 4, ROUNDS = 8 };

typedef struct {
  coap_context_t *client, *server;
  int connected, answered, failed, wrong;
} pair_t;

static pair_t pairs[THREADS];

static int
on_pair_event(coap_session_t *session, coap_event_t event) {
  pair_t *pair = coap_context_get_app_data(coap_session_get_context(session));
  pair->connected += event == COAP_EVENT_DTLS_CONNECTED;
  return 0;
}

static void
on_pair_nack(coap_session_t *session, const coap_pdu_t *sent UNUSED, coap_nack_reason_t reason UNUSED,
             coap_mid_t mid UNUSED) {
  pair_t *pair = coap_context_get_app_data(coap_session_get_context(session));
  if (coap_session_get_context(session) == pair->client)
    pair->failed++;
}

static coap_response_t
on_pair_response(coap_session_t *session, const coap_pdu_t *sent UNUSED, const coap_pdu_t *received UNUSED,
                 const coap_mid_t mid UNUSED) {
  pair_t *pair = coap_context_get_app_data(coap_session_get_context(session));
  pair->answered++;
  return COAP_RESPONSE_OK;
}

static void
on_pair_get(coap_resource_t *resource UNUSED, coap_session_t *session UNUSED, const coap_pdu_t *request UNUSED,
            const coap_string_t *query UNUSED, coap_pdu_t *response) {
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
}

static coap_context_t *
pair_context(pair_t *pair) {
  coap_context_t *context = coap_new_context(NULL);
  NEED(context);
  coap_context_set_app_data(context, pair);
  coap_register_event_handler(context, on_pair_event);
  coap_register_nack_handler(context, on_pair_nack);
  coap_register_response_handler(context, on_pair_response);
  return context;
}

static void
one(pair_t *pair, coap_session_t *session, int is_good) {
  int answered = pair->answered, failed = pair->failed;
  int64_t end = now_ms() + 20000;
  NEED(session);
  /* Over TLS a message waits inside coap_new_pdu for the connection, which the other context has to go on for. */
  while (!is_up(session) && !is_down(session) && now_ms() < end) {
    coap_io_process(pair->client, 1);
    coap_io_process(pair->server, 1);
  }
  if (is_up(session))
    NEED(tls_get(session, "t"));
  while (pair->answered == answered && pair->failed == failed && now_ms() < end) {
    coap_io_process(pair->client, 1);
    coap_io_process(pair->server, 1);
  }
  if ((pair->answered > answered) != is_good)
    pair->wrong++;
  coap_session_release(session);
  for (int i = 0; i < 4; i++)
    coap_io_process(pair->server, 1);
}

static void *
run(void *argument) {
  pair_t *pair = argument;
  int number = (int)(pair - pairs);
  coap_address_t address;
  coap_dtls_pki_t server = pki("server"), good = pki("client"), bad = pki("foreign");
  pair->client = pair_context(pair);
  pair->server = pair_context(pair);
  resource_with(pair->server, "r", 0, COAP_REQUEST_GET, on_pair_get);
  server.check_common_ca = good.check_common_ca = bad.check_common_ca = 1;
  if (number % 2 == 0)
    NEED(coap_context_set_psk(pair->server, "hint", (const uint8_t *)"secret", 6) == 1);
  else
    NEED(coap_context_set_pki(pair->server, &server) == 1);
  for (coap_endpoint_t *datagrams = NULL, *streams = NULL; !streams;) { /* another thread may have had the same idea */
    address = loopback(free_port());
    datagrams = coap_new_endpoint(pair->server, &address, COAP_PROTO_DTLS);
    streams = datagrams ? coap_new_endpoint(pair->server, &address, COAP_PROTO_TLS) : NULL;
    if (datagrams && !streams)
      coap_free_endpoint(datagrams);
  }
  for (int round = 0; round < ROUNDS; round++) {
    coap_proto_t proto = round % 2 ? COAP_PROTO_TLS : COAP_PROTO_DTLS;
    if (number % 2 == 0) {
      one(pair, coap_new_client_session_psk(pair->client, NULL, &address, proto, "me", (const uint8_t *)"secret", 6), 1);
      if (proto == COAP_PROTO_TLS) /* over DTLS a wrong key is silence */
        one(pair, coap_new_client_session_psk(pair->client, NULL, &address, proto, "me", (const uint8_t *)"wrong", 5), 0);
    } else {
      one(pair, coap_new_client_session_pki(pair->client, NULL, &address, proto, &good), 1);
      one(pair, coap_new_client_session_pki(pair->client, NULL, &address, proto, &bad), 0);
    }
  }
  coap_free_context(pair->client);
  coap_free_context(pair->server);
  return NULL;
}

int
main(void) {
  pthread_t threads[THREADS];
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  cert("ca.pem"); /* CERTS is there */
  for (int i = 0; i < THREADS; i++)
    NEED(pthread_create(&threads[i], NULL, run, &pairs[i]) == 0);
  for (int i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  for (int i = 0; i < THREADS; i++)
    show("%s: %d answered, %d otherwise than it should", i % 2 ? "certificates" : "keys", pairs[i].answered, pairs[i].wrong);
  coap_cleanup();
  return 0;
}
