/*
 * A server that is not asked directly: it registers at a resource directory, which passes on to it what others ask.
 *
 *   node ADDRESS PORT NAME
 *
 * The directory is at coap://ADDRESS:PORT/resourcedirectory/, NAME is the name of this endpoint there. Requests come over the
 * session that has registered. Prints a line about the registration, and runs until SIGINT or SIGTERM.
 */
#include <coap3/coap.h>
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile sig_atomic_t stopped;
static uint8_t text[1024] = "hello from the node", body[5000];
static size_t text_length = 19;

static void
on_signal(int number) {
  (void)number;
  stopped = 1;
}

static void
get_text(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request, const coap_string_t *query,
         coap_pdu_t *response) {
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  coap_add_data_large_response(resource, session, request, response, query, COAP_MEDIATYPE_TEXT_PLAIN, -1, 0,
                               text_length, text, NULL, NULL);
}

static void
put_text(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request, const coap_string_t *query,
         coap_pdu_t *response) {
  size_t length = 0, offset, total;
  const uint8_t *data = NULL;

  (void)session, (void)query;
  coap_get_data_large(request, &length, &data, &offset, &total);
  text_length = length < sizeof(text) ? length : sizeof(text);
  memcpy(text, data, text_length);
  coap_resource_notify_observers(resource, NULL);
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CHANGED);
}

static void
get_body(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request, const coap_string_t *query,
         coap_pdu_t *response) {
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  coap_add_data_large_response(resource, session, request, response, query, COAP_MEDIATYPE_TEXT_PLAIN, -1, 0,
                               sizeof(body), body, NULL, NULL);
}

static coap_response_t
on_response(coap_session_t *session, const coap_pdu_t *sent, const coap_pdu_t *received, const coap_mid_t mid) {
  coap_pdu_code_t code = coap_pdu_get_code(received);

  (void)session, (void)sent, (void)mid;
  printf("registered: %d.%02d\n", COAP_RESPONSE_CLASS(code), code & 0x1f);
  fflush(stdout);
  return COAP_RESPONSE_OK;
}

static int
register_at(coap_session_t *session, const char *name) {
  static const char links[] = "</text>;rt=\"text\",</body>;rt=\"body\"";
  static const char *const path[] = {"resourcedirectory", ""};
  static const uint8_t link_format = COAP_MEDIATYPE_APPLICATION_LINK_FORMAT;
  coap_pdu_t *pdu = coap_new_pdu(COAP_MESSAGE_CON, COAP_REQUEST_CODE_POST, session);
  char query[64];

  if (!pdu)
    return 0;
  coap_add_token(pdu, 1, (const uint8_t *)"r");
  for (int i = 0; i < 2; i++)
    coap_add_option(pdu, COAP_OPTION_URI_PATH, strlen(path[i]), (const uint8_t *)path[i]);
  coap_add_option(pdu, COAP_OPTION_CONTENT_FORMAT, 1, &link_format);
  snprintf(query, sizeof(query), "ep=%s", name);
  coap_add_option(pdu, COAP_OPTION_URI_QUERY, strlen(query), (const uint8_t *)query);
  coap_add_option(pdu, COAP_OPTION_URI_QUERY, 8, (const uint8_t *)"proxy=on");
  coap_add_data(pdu, strlen(links), (const uint8_t *)links);
  return coap_send(session, pdu) != COAP_INVALID_MID;
}

int
main(int argc, char **argv) {
  struct sigaction stop = {.sa_handler = on_signal};
  coap_addr_info_t *found;
  coap_session_t *session = NULL;
  coap_context_t *context;
  coap_resource_t *resource;
  int ok = 0;

  if (argc != 4) {
    fprintf(stderr, "usage: %s ADDRESS PORT NAME\n", argv[0]);
    return 2;
  }
  sigaction(SIGINT, &stop, NULL);
  sigaction(SIGTERM, &stop, NULL);
  for (size_t i = 0; i < sizeof(body); i++)
    body[i] = (uint8_t)('a' + (i ^ i >> 5 ^ i >> 10) % 26);
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  context = coap_new_context(NULL);
  if (!context)
    return 2;
  coap_context_set_block_mode(context, COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
  coap_register_response_handler(context, on_response);
  resource = coap_resource_init(coap_make_str_const("text"), 0);
  coap_register_request_handler(resource, COAP_REQUEST_GET, get_text);
  coap_register_request_handler(resource, COAP_REQUEST_PUT, put_text);
  coap_resource_set_get_observable(resource, 1);
  coap_add_resource(context, resource);
  resource = coap_resource_init(coap_make_str_const("body"), 0);
  coap_register_request_handler(resource, COAP_REQUEST_GET, get_body);
  coap_add_resource(context, resource);
  coap_str_const_t host = {strlen(argv[1]), (const uint8_t *)argv[1]};
  found = coap_resolve_address_info(&host, (uint16_t)strtoul(argv[2], NULL, 10), 0, 0, 0, AI_NUMERICHOST,
                                    1 << COAP_URI_SCHEME_COAP, COAP_RESOLVE_TYPE_REMOTE);
  if (found)
    session = coap_new_client_session(context, NULL, &found->addr, COAP_PROTO_UDP);
  if (session)
    ok = register_at(session, argv[3]);
  while (ok && !stopped && (coap_io_process(context, 1000) >= 0 || errno == EINTR))
    continue;
  coap_session_release(session);
  coap_free_address_info(found);
  coap_free_context(context);
  coap_cleanup();
  return ok ? 0 : 1;
}
