/*
 * A server for peers that were not written for this library.
 *
 *   server ADDRESS PORT [max-idle N] [max-handshake N] [timeout SECONDS] [block-mode BITS] [log LEVEL]
 *          [key KEY] [certificates DIR] [secured SCHEME]
 *
 * With `secured` there is one more endpoint, at the next port, for coaps, coaps+tcp or coaps+ws. Its keys are the KEY, which is
 * everybody's, and what DIR holds as server.pem and server.key; clients need a certificate of DIR's ca.pem.
 *
 * /hello     GET the stored text, PUT stores, DELETE empties
 * /echo      POST answers the payload, with its Content-Format
 * /separate  GET answers after 300 ms, or after ?MILLISECONDS: an empty ACK comes first
 * /large     GET 1,000 bytes
 * /count     GET how often PUT came, can be observed; PUT counts and answers nothing but 2.04: a duplicate must not count
 * /body      GET, PUT: up to 256 KiB; can be observed. POST stores too, and answers what is stored. Its ETag
 *            is the same until it changes, so that several transfers of it do not disturb each other
 * /sessions  GET how many sessions the server has
 *
 * Ends with 0 at SIGINT or SIGTERM, everything freed.
 */
#include <coap3/coap.h>
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile sig_atomic_t stopped;
static uint8_t stored[1024] = "hello";
static size_t stored_length = 5;
static uint8_t body[256 * 1024];
static size_t body_length;
static uint64_t body_version = 1;
static unsigned put_count;
static long session_count;

static void
on_signal(int signal_number) {
  (void)signal_number;
  stopped = 1;
}

static int
on_event(coap_session_t *session, const coap_event_t event) {
  (void)session;
  if (event == COAP_EVENT_SERVER_SESSION_NEW)
    session_count++;
  if (event == COAP_EVENT_SERVER_SESSION_DEL)
    session_count--;
  return 0;
}

static void
add_format(coap_pdu_t *response, unsigned format) {
  uint8_t value[4];

  coap_add_option(response, COAP_OPTION_CONTENT_FORMAT, coap_encode_var_safe(value, sizeof(value), format), value);
}

static void
answer_text(coap_pdu_t *response, const char *text) {
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  add_format(response, COAP_MEDIATYPE_TEXT_PLAIN);
  coap_add_data(response, strlen(text), (const uint8_t *)text);
}

static void
get_hello(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request, const coap_string_t *query,
          coap_pdu_t *response) {
  (void)resource, (void)session, (void)request, (void)query;
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  add_format(response, COAP_MEDIATYPE_TEXT_PLAIN);
  coap_add_data(response, stored_length, stored);
}

static void
put_hello(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request, const coap_string_t *query,
          coap_pdu_t *response) {
  size_t length = 0;
  const uint8_t *data = NULL;

  (void)resource, (void)session, (void)query;
  coap_get_data(request, &length, &data);
  if (length > sizeof(stored)) {
    coap_pdu_set_code(response, COAP_RESPONSE_CODE_REQUEST_TOO_LARGE);
    return;
  }
  if (length)
    memcpy(stored, data, length);
  stored_length = length;
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CHANGED);
}

static void
delete_hello(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request, const coap_string_t *query,
             coap_pdu_t *response) {
  (void)resource, (void)session, (void)request, (void)query;
  stored_length = 0;
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_DELETED);
}

static void
post_echo(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request, const coap_string_t *query,
          coap_pdu_t *response) {
  size_t length = 0;
  const uint8_t *data = NULL;
  coap_opt_iterator_t iterator;
  coap_opt_t *format = coap_check_option(request, COAP_OPTION_CONTENT_FORMAT, &iterator);

  (void)resource, (void)session, (void)query;
  coap_get_data(request, &length, &data);
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CHANGED);
  if (format)
    add_format(response, coap_decode_var_bytes(coap_opt_value(format), coap_opt_length(format)));
  if (length)
    coap_add_data(response, length, data);
}

static void
get_separate(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request, const coap_string_t *query,
             coap_pdu_t *response) {
  coap_async_t *async = coap_find_async(session, coap_pdu_get_token(request));
  unsigned long delay_ms = 300;

  (void)resource;
  if (async) {
    answer_text(response, "separate"); /* the library lets go of `async` when this returns */
    return;
  }
  if (query && query->length && query->length < 9) {
    char digits[9] = {0};

    memcpy(digits, query->s, query->length);
    delay_ms = strtoul(digits, NULL, 10);
  }
  if (!coap_register_async(session, request, delay_ms * COAP_TICKS_PER_SECOND / 1000))
    coap_pdu_set_code(response, COAP_RESPONSE_CODE_SERVICE_UNAVAILABLE);
}

static void
get_large(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request, const coap_string_t *query,
          coap_pdu_t *response) {
  uint8_t text[1000];

  (void)resource, (void)session, (void)request, (void)query;
  for (size_t i = 0; i < sizeof(text); i++)
    text[i] = (uint8_t)('a' + i % 26);
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  add_format(response, COAP_MEDIATYPE_TEXT_PLAIN);
  coap_add_data(response, sizeof(text), text);
}

static void
get_count(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request, const coap_string_t *query,
          coap_pdu_t *response) {
  char text[16];

  (void)resource, (void)session, (void)request, (void)query;
  snprintf(text, sizeof(text), "%u", put_count);
  answer_text(response, text);
}

static void
put_count_up(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request, const coap_string_t *query,
             coap_pdu_t *response) {
  (void)session, (void)request, (void)query;
  put_count++;
  coap_resource_notify_observers(resource, NULL);
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CHANGED);
}

static void
give_back(coap_session_t *session, void *copy) {
  (void)session;
  free(copy);
}

static void
get_body(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request, const coap_string_t *query,
         coap_pdu_t *response) {
  uint8_t *copy = malloc(body_length + 1); /* what is sent stays what it is when the next body comes */

  if (!copy) {
    coap_pdu_set_code(response, COAP_RESPONSE_CODE_SERVICE_UNAVAILABLE);
    return;
  }
  memcpy(copy, body, body_length);
  coap_pdu_set_code(response, coap_pdu_get_code(request) == COAP_REQUEST_CODE_POST ? COAP_RESPONSE_CODE_CHANGED
                                                                                   : COAP_RESPONSE_CODE_CONTENT);
  coap_add_data_large_response(resource, session, request, response, query, COAP_MEDIATYPE_APPLICATION_OCTET_STREAM, -1,
                               body_version, body_length, copy, give_back, copy);
}

/* Takes a whole body, or a block of it. Gives whether it is complete; if not, the response says what is to come. */
static int
take_body(coap_session_t *session, const coap_pdu_t *request, coap_pdu_t *response) {
  size_t length = 0, offset = 0, total = 0;
  const uint8_t *data = NULL;
  coap_block_b_t block;

  coap_get_data_large(request, &length, &data, &offset, &total);
  if (offset + length > sizeof(body)) {
    coap_pdu_set_code(response, COAP_RESPONSE_CODE_REQUEST_TOO_LARGE);
    return 0;
  }
  if (length)
    memcpy(body + offset, data, length);
  if (coap_get_block_b(session, request, COAP_OPTION_BLOCK1, &block) && block.m) {
    coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTINUE);
    return 0;
  }
  body_length = offset + length;
  body_version++;
  return 1;
}

static void
put_body(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request, const coap_string_t *query,
         coap_pdu_t *response) {
  (void)query;
  if (take_body(session, request, response)) {
    coap_resource_notify_observers(resource, NULL);
    coap_pdu_set_code(response, COAP_RESPONSE_CODE_CHANGED);
  }
}

static void
post_body(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request, const coap_string_t *query,
          coap_pdu_t *response) {
  if (take_body(session, request, response))
    get_body(resource, session, request, query, response);
}

static void
get_sessions(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request, const coap_string_t *query,
             coap_pdu_t *response) {
  char text[24];

  (void)resource, (void)session, (void)request, (void)query;
  snprintf(text, sizeof(text), "%ld", session_count);
  answer_text(response, text);
}

static void
add_resource(coap_context_t *context, const char *path, coap_method_handler_t get, coap_method_handler_t post,
             coap_method_handler_t put, coap_method_handler_t delete) {
  coap_resource_t *resource = coap_resource_init(coap_make_str_const(path), 0);

  if (!resource) {
    fprintf(stderr, "no resource %s\n", path);
    exit(2);
  }
  if (get)
    coap_register_request_handler(resource, COAP_REQUEST_GET, get);
  if (post)
    coap_register_request_handler(resource, COAP_REQUEST_POST, post);
  if (put)
    coap_register_request_handler(resource, COAP_REQUEST_PUT, put);
  if (delete)
    coap_register_request_handler(resource, COAP_REQUEST_DELETE, delete);
  coap_resource_set_get_observable(resource, get == get_count || get == get_body);
  coap_add_attr(resource, coap_make_str_const("rt"), coap_make_str_const("\"interop\""), 0);
  coap_add_resource(context, resource);
}

static coap_proto_t
protocol_of(const char *scheme) {
  static const struct {
    const char *scheme;
    coap_proto_t protocol;
  } schemes[] = {{"coap+tcp", COAP_PROTO_TCP}, {"coap+ws", COAP_PROTO_WS},    {"coaps", COAP_PROTO_DTLS},
                 {"coaps+tcp", COAP_PROTO_TLS}, {"coaps+ws", COAP_PROTO_WSS}};

  for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
    if (!strcmp(scheme, schemes[i].scheme))
      return schemes[i].protocol;
  return COAP_PROTO_UDP;
}

/* What is in a directory of certificates. */
static int
set_certificates(coap_context_t *context, const char *directory) {
  static char certificate[512], key[512], ca[512];
  coap_dtls_pki_t pki;

  memset(&pki, 0, sizeof(pki));
  snprintf(certificate, sizeof(certificate), "%s/server.pem", directory);
  snprintf(key, sizeof(key), "%s/server.key", directory);
  snprintf(ca, sizeof(ca), "%s/ca.pem", directory);
  pki.version = COAP_DTLS_PKI_SETUP_VERSION;
  pki.verify_peer_cert = 1;
  pki.check_common_ca = 1;
  pki.cert_chain_validation = 1;
  pki.cert_chain_verify_depth = 3;
  pki.pki_key.key_type = COAP_PKI_KEY_PEM;
  pki.pki_key.key.pem.public_cert = certificate;
  pki.pki_key.key.pem.private_key = key;
  pki.pki_key.key.pem.ca_file = ca;
  return coap_context_set_pki(context, &pki);
}

/* An endpoint on a numeric address. */
static int
listen_on(coap_context_t *context, const char *address, uint16_t port, coap_proto_t protocol) {
  coap_str_const_t host = {strlen(address), (const uint8_t *)address};
  coap_addr_info_t *found =
      coap_resolve_address_info(&host, port, 0, 0, 0, AI_NUMERICHOST, 1 << COAP_URI_SCHEME_COAP, COAP_RESOLVE_TYPE_LOCAL);
  int listening = found && coap_new_endpoint(context, &found->addr, protocol);

  coap_free_address_info(found);
  return listening;
}

int
main(int argc, char **argv) {
  coap_context_t *context;
  struct sigaction stop = {.sa_handler = on_signal};
  coap_proto_t protocol = COAP_PROTO_UDP, secured = COAP_PROTO_NONE;
  int ready = 1;

  if (argc < 3 || argc % 2 == 0) {
    fprintf(stderr, "usage: %s ADDRESS PORT [OPTION VALUE]...\n", argv[0]);
    return 2;
  }
  sigaction(SIGINT, &stop, NULL);
  sigaction(SIGTERM, &stop, NULL);
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  context = coap_new_context(NULL);
  if (!context)
    return 2;
  for (int i = 3; i + 1 < argc; i += 2) {
    unsigned value = (unsigned)strtoul(argv[i + 1], NULL, 10);

    if (!strcmp(argv[i], "max-idle"))
      coap_context_set_max_idle_sessions(context, value);
    else if (!strcmp(argv[i], "max-handshake"))
      coap_context_set_max_handshake_sessions(context, value);
    else if (!strcmp(argv[i], "timeout"))
      coap_context_set_session_timeout(context, value);
#ifndef WITHOUT_BLOCK
    else if (!strcmp(argv[i], "block-mode"))
      coap_context_set_block_mode(context, value);
#endif
    else if (!strcmp(argv[i], "scheme"))
      protocol = protocol_of(argv[i + 1]);
    else if (!strcmp(argv[i], "secured"))
      secured = protocol_of(argv[i + 1]);
    else if (!strcmp(argv[i], "key"))
      ready = ready && coap_context_set_psk(context, "hint", (const uint8_t *)argv[i + 1], strlen(argv[i + 1]));
    else if (!strcmp(argv[i], "certificates"))
      ready = ready && set_certificates(context, argv[i + 1]);
    else if (!strcmp(argv[i], "log"))
      coap_set_log_level((coap_log_t)value);
  }
  coap_register_event_handler(context, on_event);
  add_resource(context, "hello", get_hello, NULL, put_hello, delete_hello);
  add_resource(context, "echo", NULL, post_echo, NULL, NULL);
  add_resource(context, "separate", get_separate, NULL, NULL, NULL);
  add_resource(context, "large", get_large, NULL, NULL, NULL);
  add_resource(context, "count", get_count, NULL, put_count_up, NULL);
  add_resource(context, "body", get_body, post_body, put_body, NULL);
  add_resource(context, "sessions", get_sessions, NULL, NULL, NULL);
  ready = ready && listen_on(context, argv[1], (uint16_t)strtoul(argv[2], NULL, 10), protocol);
  if (ready && secured != COAP_PROTO_NONE)
    ready = listen_on(context, argv[1], (uint16_t)(strtoul(argv[2], NULL, 10) + 1), secured);
  if (!ready) {
    fprintf(stderr, "cannot listen on %s\n", argv[1]);
    coap_free_context(context);
    return 2;
  }
  while (!stopped && (coap_io_process(context, 1000) >= 0 || errno == EINTR))
    continue;
  coap_free_context(context);
  coap_cleanup();
  return 0;
}
