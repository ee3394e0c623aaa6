/*
 * The proxy under test. Public API only, so that the same file is compiled against every library that is compared.
 *
 *   proxy PORT UPSTREAM
 *
 * A reverse proxy on 127.0.0.1:PORT: every request goes to 127.0.0.1:UPSTREAM, those of all clients in one session. It
 * says "ready" with the library's version on standard output, and serves until SIGTERM, at most ten minutes.
 */
#include "begin.h"

static coap_proxy_server_t upstream;
static coap_proxy_server_list_t upstreams = {.entry = &upstream,
                                             .entry_count = 1,
                                             .type = COAP_PROXY_REVERSE,
                                             .idle_timeout_secs = 300};

static void
on_request(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request,
           const coap_string_t *query, coap_pdu_t *response) {
  (void)query;
  /* If it cannot be passed on, the response says so. */
  coap_proxy_forward_request(session, request, response, resource, NULL, &upstreams);
}

static coap_response_t
on_response(coap_session_t *session, const coap_pdu_t *sent, const coap_pdu_t *received,
            const coap_mid_t id) {
  (void)sent;
  (void)id;
  return coap_proxy_forward_response(session, received, NULL);
}

int
main(int argc, char **argv) {
  coap_address_t address;
  coap_context_t *context;
  coap_resource_t *resource;
  char uri[32];

  if (argc != 3) {
    fprintf(stderr, "usage: proxy PORT UPSTREAM\n");
    return 2;
  }
  context = begin(argv[1], &address);
  snprintf(uri, sizeof(uri), "coap://127.0.0.1:%s", argv[2]);
  if (!context || !coap_new_endpoint(context, &address, COAP_PROTO_UDP) ||
      coap_split_uri((const uint8_t *)uri, strlen(uri), &upstream.uri) != 0) {
    fprintf(stderr, "proxy: cannot listen on port %s\n", argv[1]);
    return 1;
  }
  resource = coap_resource_reverse_proxy_init(on_request, 0);
  if (!resource) {
    return 1;
  }
  coap_add_resource(context, resource);
  coap_register_response_handler(context, on_response);

  serve(context);
  return 0;
}
