/*
 * A CoAP client that talks to server.c, and shows each message that it sends and receives.
 *
 *   cc client.c -o client $(pkg-config --cflags --libs libcoap-3)
 *   ./client [PORT]
 */
#include <coap3/coap.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int waiting;

/* Takes a response. */
static coap_response_t
take_response(coap_session_t *session, const coap_pdu_t *sent, const coap_pdu_t *received, const coap_mid_t mid) {
  (void)session, (void)sent, (void)mid;
  printf("  <- ");
  fflush(stdout);
  coap_show_pdu(COAP_LOG_WARN, received);
  waiting = 0;
  return COAP_RESPONSE_OK;
}

/* Told that there will be no response. */
static void
take_nack(coap_session_t *session, const coap_pdu_t *sent, const coap_nack_reason_t reason, const coap_mid_t mid) {
  (void)session, (void)sent, (void)mid;
  printf("  no response, reason %d\n", (int)reason);
  waiting = 0;
}

/* Sends a request and waits for what comes of it. */
static void
ask(coap_session_t *session, coap_pdu_code_t method, const char *path, const char *body) {
  coap_optlist_t *options = NULL;
  coap_pdu_t *request = coap_new_pdu(COAP_MESSAGE_CON, method, session);
  uint8_t token[8];
  size_t length;

  if (request == NULL)
    exit(1);
  coap_session_new_token(session, &length, token);
  coap_add_token(request, length, token);
  coap_path_into_optlist((const uint8_t *)path, strlen(path), COAP_OPTION_URI_PATH, &options);
  coap_add_optlist_pdu(request, &options);
  coap_delete_optlist(options);
  if (body != NULL)
    coap_add_data(request, strlen(body), (const uint8_t *)body);

  printf("\n  -> ");
  fflush(stdout);
  coap_show_pdu(COAP_LOG_WARN, request);
  waiting = coap_send(session, request) != COAP_INVALID_MID; /* coap_send() takes the request, whatever it returns */
  while (waiting && coap_io_process(coap_session_get_context(session), COAP_IO_WAIT) >= 0)
    continue;
}

int
main(int argc, char *argv[]) {
  coap_address_t server;
  coap_context_t *context;
  coap_session_t *session;

  coap_startup();
  coap_set_show_pdu_output(1); /* show messages as they are, not as log lines */
  context = coap_new_context(NULL);

  coap_address_init(&server);
  server.size = sizeof(server.addr.sin);
  server.addr.sin.sin_family = AF_INET;
  server.addr.sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  coap_address_set_port(&server, argc > 1 ? (uint16_t)atoi(argv[1]) : COAP_DEFAULT_PORT);
  session = context != NULL ? coap_new_client_session(context, NULL, &server, COAP_PROTO_UDP) : NULL;
  if (session == NULL) {
    fprintf(stderr, "cannot open a session\n");
    return 1;
  }
  coap_register_response_handler(context, take_response);
  coap_register_nack_handler(context, take_nack);

  ask(session, COAP_REQUEST_CODE_GET, "hello", NULL);
  ask(session, COAP_REQUEST_CODE_PUT, "hello", "Bonjour");
  ask(session, COAP_REQUEST_CODE_GET, "hello", NULL);
  ask(session, COAP_REQUEST_CODE_GET, ".well-known/core", NULL);

  coap_session_release(session);
  coap_free_context(context);
  coap_cleanup();
  return 0;
}
