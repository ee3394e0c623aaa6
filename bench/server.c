/*
 * The server under test. Public API only, so that the same file is compiled against every library that is
 * compared.
 *
 *   server PORT            /b answers "hello" to a GET
 *   server PORT blocks     /l is 256 KiB long, and takes a PUT of the same
 *   server PORT stream     the same over TCP, and /m is 1 MiB long, and takes a PUT of the same
 *   server PORT observe    /o and /n can be observed; a POST to either changes it, and its observers are notified
 *   server PORT psk        as `blocks`, over DTLS and TLS instead of UDP, with the key "secret" for everybody
 *   server PORT cert FILE  the same with a certificate and its key, which FILE has
 *
 * It listens on 127.0.0.1:PORT, says "ready" with the library's version on standard output, and
 * serves until SIGTERM, at most ten minutes.
 */
#include "begin.h"

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

/* The body of /l: each 32-bit word is its own place, so that blocks in the wrong place are noticed. */
static uint32_t body[262144];
static size_t body_size = 65536 * sizeof(body[0]);

static void
on_get_body(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request,
            const coap_string_t *query, coap_pdu_t *response) {
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  coap_add_data_large_response(resource, session, request, response, query,
                               COAP_MEDIATYPE_APPLICATION_OCTET_STREAM, -1, 0, body_size,
                               (const uint8_t *)body, NULL, NULL);
}

static void
on_put_body(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request,
            const coap_string_t *query, coap_pdu_t *response) {
  size_t size, offset, total;
  const uint8_t *data;

  (void)resource;
  (void)session;
  (void)query;
  if (coap_get_data_large(request, &size, &data, &offset, &total) && size == body_size &&
      total == body_size && memcmp(data, body, body_size) == 0) {
    coap_pdu_set_code(response, COAP_RESPONSE_CODE_CHANGED);
  } else {
    coap_pdu_set_code(response, COAP_RESPONSE_CODE_BAD_REQUEST);
  }
}

/* The state of /o and /n. */
static unsigned state;

static void
on_get_state(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request,
             const coap_string_t *query, coap_pdu_t *response) {
  char text[32];
  uint8_t format[2];

  (void)resource;
  (void)session;
  (void)request;
  (void)query;
  snprintf(text, sizeof(text), "state %08u", state);
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  coap_add_option(response, COAP_OPTION_CONTENT_FORMAT,
                  coap_encode_var_safe(format, sizeof(format), COAP_MEDIATYPE_TEXT_PLAIN), format);
  coap_add_data(response, strlen(text), (const uint8_t *)text);
}

static void
on_post_state(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request,
              const coap_string_t *query, coap_pdu_t *response) {
  (void)session;
  (void)request;
  (void)query;
  state++;
  coap_resource_notify_observers(resource, NULL);
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CHANGED);
}

static void
add_observable(coap_context_t *context, const char *path, int flags) {
  coap_resource_t *resource = coap_resource_init(coap_make_str_const(path), flags);

  if (!resource) {
    exit(1);
  }
  coap_resource_set_get_observable(resource, 1);
  coap_register_request_handler(resource, COAP_REQUEST_GET, on_get_state);
  coap_register_request_handler(resource, COAP_REQUEST_POST, on_post_state);
  coap_add_resource(context, resource);
}

static void
add_body(coap_context_t *context, const char *path) {
  coap_resource_t *resource = coap_resource_init(coap_make_str_const(path), 0);
  size_t i;

  if (!resource) {
    exit(1);
  }
  for (i = 0; i < sizeof(body) / sizeof(body[0]); i++) {
    body[i] = htonl((uint32_t)i);
  }
  coap_context_set_block_mode(context, COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
  coap_register_request_handler(resource, COAP_REQUEST_GET, on_get_body);
  coap_register_request_handler(resource, COAP_REQUEST_PUT, on_put_body);
  coap_add_resource(context, resource);
}

/* Says by what clients know this server, and by what it knows them. */
static int
set_keys(coap_context_t *context, const char *file) {
  if (file) {
    coap_dtls_pki_t setup = {.version = COAP_DTLS_PKI_SETUP_VERSION};

    setup.pki_key.key_type = COAP_PKI_KEY_PEM;
    setup.pki_key.key.pem.public_cert = file;
    setup.pki_key.key.pem.private_key = file;
    return coap_context_set_pki(context, &setup);
  } else {
    coap_dtls_spsk_t setup = {.version = COAP_DTLS_SPSK_SETUP_VERSION};

    setup.psk_info.key.s = (const uint8_t *)"secret";
    setup.psk_info.key.length = strlen("secret");
    return coap_context_set_psk2(context, &setup);
  }
}

int
main(int argc, char **argv) {
  const char *role = argc > 2 ? argv[2] : "";
  const char *file = argc > 3 ? argv[3] : NULL;
  int secure = strcmp(role, "psk") == 0 || strcmp(role, "cert") == 0;
  coap_address_t address;
  coap_context_t *context;
  coap_resource_t *resource;

  if (argc < 2 || argc > 4 || (file != NULL) != (strcmp(role, "cert") == 0)) {
    fprintf(stderr, "usage: server PORT [blocks|stream|observe|psk|cert FILE]\n");
    return 2;
  }
  context = begin(argv[1], &address);
  if (!context || (secure && !set_keys(context, file)) ||
      !coap_new_endpoint(context, &address, secure ? COAP_PROTO_DTLS : COAP_PROTO_UDP)) {
    fprintf(stderr, "server: cannot listen on port %s\n", argv[1]);
    return 1;
  }
  resource = coap_resource_init(coap_make_str_const("b"), 0);
  if (!resource) {
    return 1;
  }
  coap_register_request_handler(resource, COAP_REQUEST_GET, on_get);
  coap_add_resource(context, resource);
  if (secure || strcmp(role, "blocks") == 0) {
    add_body(context, "l");
  } else if (strcmp(role, "stream") == 0) {
    body_size = sizeof(body);
    add_body(context, "m");
  } else if (strcmp(role, "observe") == 0) {
    add_observable(context, "o", 0);
    add_observable(context, "n", COAP_RESOURCE_FLAGS_NOTIFY_NON_ALWAYS);
  }
  if ((secure && !coap_new_endpoint(context, &address, COAP_PROTO_TLS)) ||
      (strcmp(role, "stream") == 0 && !coap_new_endpoint(context, &address, COAP_PROTO_TCP))) {
    fprintf(stderr, "server: cannot listen on TCP port %s\n", argv[1]);
    return 1;
  }

  serve(context);
  return 0;
}
