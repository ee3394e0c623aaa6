/*
 * The server under test: one resource that answers "hello" to a GET.
 * Public API only, so that the same file is compiled against every library that is compared.
 *
 *   server PORT
 *
 * It listens on 127.0.0.1:PORT, says "ready" with the library's version on standard output, and
 * serves until SIGTERM, at most ten minutes.
 */
#include <coap3/coap.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static volatile sig_atomic_t quit;

static void
on_signal(int number) {
  (void)number;
  quit = 1;
}

static void
on_get(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request,
       const coap_string_t *query, coap_pdu_t *response) {
  (void)resource;
  (void)session;
  (void)request;
  (void)query;
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  coap_add_data(response, 5, (const uint8_t *)"hello");
}

int
main(int argc, char **argv) {
  coap_address_t address;
  coap_context_t *context;
  coap_resource_t *resource;
  struct sigaction action = {.sa_handler = on_signal};

  if (argc != 2) {
    fprintf(stderr, "usage: server PORT\n");
    return 2;
  }
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGALRM, &action, NULL);
  alarm(600);

  coap_startup();
  context = coap_new_context(NULL);
  coap_address_init(&address);
  address.size = sizeof(address.addr.sin);
  address.addr.sin.sin_family = AF_INET;
  address.addr.sin.sin_port = htons((uint16_t)atoi(argv[1]));
  address.addr.sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (!context || !coap_new_endpoint(context, &address, COAP_PROTO_UDP)) {
    fprintf(stderr, "server: cannot listen on port %s\n", argv[1]);
    return 1;
  }
  resource = coap_resource_init(coap_make_str_const("b"), 0);
  if (!resource) {
    return 1;
  }
  coap_register_request_handler(resource, COAP_REQUEST_GET, on_get);
  coap_add_resource(context, resource);

  printf("ready %s\n", coap_package_version());
  fflush(stdout);
  while (!quit && coap_io_process(context, 1000) >= 0) {
  }
  coap_free_context(context);
  coap_cleanup();
  return 0;
}
