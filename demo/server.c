/*
 * A CoAP server with one resource, /hello: GET reads a greeting, PUT changes it.
 *
 *   cc server.c -o server $(pkg-config --cflags --libs libcoap-3)
 *   ./server [PORT]
 */
#include <coap3/coap.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char greeting[100] = "Hello";

/* Answers GET: 2.05 and the greeting. */
static void
get_hello(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request, const coap_string_t *query,
          coap_pdu_t *response) {
  (void)resource, (void)session, (void)request, (void)query;
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  coap_add_data(response, strlen(greeting), (const uint8_t *)greeting);
}

/* Answers PUT: takes the payload as the new greeting. */
static void
put_hello(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request, const coap_string_t *query,
          coap_pdu_t *response) {
  size_t length;
  const uint8_t *data;

  (void)resource, (void)session, (void)query;
  if (!coap_get_data(request, &length, &data) || length >= sizeof(greeting)) {
    coap_pdu_set_code(response, COAP_RESPONSE_CODE_BAD_REQUEST);
    return;
  }
  memcpy(greeting, data, length);
  greeting[length] = '\0';
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CHANGED);
}

int
main(int argc, char *argv[]) {
  coap_address_t address;
  coap_context_t *context;
  coap_resource_t *hello;

  coap_startup();
  context = coap_new_context(NULL);

  /* Listen on all of IPv4. */
  coap_address_init(&address);
  address.size = sizeof(address.addr.sin);
  address.addr.sin.sin_family = AF_INET;
  coap_address_set_port(&address, argc > 1 ? (uint16_t)atoi(argv[1]) : COAP_DEFAULT_PORT);
  if (context == NULL || coap_new_endpoint(context, &address, COAP_PROTO_UDP) == NULL) {
    fprintf(stderr, "cannot listen\n");
    return 1;
  }

  /* The resource, and what /.well-known/core says of it. */
  hello = coap_resource_init(coap_make_str_const("hello"), 0);
  coap_register_request_handler(hello, COAP_REQUEST_GET, get_hello);
  coap_register_request_handler(hello, COAP_REQUEST_PUT, put_hello);
  coap_add_attr(hello, coap_make_str_const("ct"), coap_make_str_const("0"), 0);
  coap_add_attr(hello, coap_make_str_const("title"), coap_make_str_const("\"A greeting\""), 0);
  coap_add_resource(context, hello);

  printf("listening\n");
  fflush(stdout);
  while (coap_io_process(context, COAP_IO_WAIT) >= 0)
    continue;

  coap_free_context(context);
  coap_cleanup();
  return 0;
}
