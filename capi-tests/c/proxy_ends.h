/* What the programs share whose proxies stand between a client and a server of the library: servers in processes of their
 * own, which answer with what they were asked, and a client that shows what it is answered. */

#ifndef PROXY_ENDS_H
#define PROXY_ENDS_H

#include "block.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define BODIES (COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY)

enum { CON = COAP_MESSAGE_CON, NON = COAP_MESSAGE_NON, MOST = 262144 };

static uint8_t large[MOST];

static void
fill_large(void) {
  for (size_t i = 0; i < sizeof(large); i++)
    large[i] = (uint8_t)(i % 251);
}

/* ---- servers ---- */

typedef struct {
  pid_t pid;
  uint16_t udp, tcp, ws;
} server_t;

static uint16_t
serve_proto(coap_context_t *context, coap_proto_t proto) {
  for (int attempt = 0; attempt < 20; attempt++) {
    uint16_t port = free_port();
    coap_address_t address = loopback(port);
    if (coap_new_endpoint(context, &address, proto))
      return port;
  }
  NEED(!"an endpoint");
  return 0;
}

/* Starts a server in a process of its own, since the reference waits for connections in coap_proxy_forward_request. What it
 * prints is not shown. */
static server_t
start_server(void (*set_up)(coap_context_t *)) {
  server_t server;
  int ends[2];
  NEED(pipe(ends) == 0);
  server.pid = fork();
  NEED(server.pid >= 0);
  if (server.pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    NEED(freopen("/dev/null", "w", stdout));
    coap_context_t *context = coap_new_context(NULL);
    NEED(context);
    coap_context_set_block_mode(context, BODIES);
    set_up(context);
    server.udp = serve_proto(context, COAP_PROTO_UDP);
    server.tcp = serve_proto(context, COAP_PROTO_TCP);
    server.ws = serve_proto(context, COAP_PROTO_WS);
    NEED(write(ends[1], &server, sizeof(server)) == sizeof(server));
    for (;;)
      coap_io_process(context, 1000);
  }
  pid_t pid = server.pid;
  NEED(read(ends[0], &server, sizeof(server)) == sizeof(server));
  server.pid = pid;
  close(ends[0]);
  close(ends[1]);
  return server;
}

static void
stop_server(server_t server) {
  kill(server.pid, SIGKILL);
  waitpid(server.pid, NULL, 0);
}

/* ---- the origin: /r ---- */

static unsigned int stored; /* how much /r was given; what it gives without a query */
static char answer_text[200];

/* GET gives as many bytes as the query says; the others say what they were given. */
static void
origin_handler(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *pdu, const coap_string_t *query,
               coap_pdu_t *response) {
  coap_pdu_code_t code = coap_pdu_get_code(pdu);
  size_t length = 0, offset, total;
  const uint8_t *data = NULL;
  if (code == COAP_REQUEST_CODE_GET) {
    unsigned int wanted = query ? (unsigned int)strtoul((const char *)query->s, NULL, 10) : stored;
    coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
    coap_add_data_large_response(resource, session, pdu, response, query, COAP_MEDIATYPE_APPLICATION_OCTET_STREAM, -1, 0,
                                 wanted < MOST ? wanted : MOST, large, NULL, NULL);
    return;
  }
  coap_get_data_large(pdu, &length, &data, &offset, &total);
  snprintf(answer_text, sizeof(answer_text), "%s with %zu bytes, %s, query %s", code_text(code), length,
           length == 0 || memcmp(data, large, length) == 0 ? "as sent" : "other ones",
           query ? (const char *)query->s : "NULL");
  coap_pdu_set_code(response, code == COAP_REQUEST_CODE_FETCH ? COAP_RESPONSE_CODE_CONTENT : COAP_RESPONSE_CODE_CHANGED);
  static const uint8_t text_plain = 0;
  coap_add_option(response, COAP_OPTION_CONTENT_FORMAT, 0, &text_plain);
  coap_add_data(response, strlen(answer_text), (const uint8_t *)answer_text);
  if (code == COAP_REQUEST_CODE_PUT) {
    stored = (unsigned int)length;
    coap_resource_notify_observers(resource, NULL);
  }
}

static void
set_up_origin(coap_context_t *context) {
  coap_resource_t *resource = resource_with(context, "r", 0, COAP_REQUEST_GET, origin_handler);
  for (coap_request_t method = COAP_REQUEST_POST; method <= COAP_REQUEST_IPATCH; method++)
    coap_register_request_handler(resource, method, origin_handler);
  coap_resource_set_get_observable(resource, 1);
}

/* ---- proxies ---- */

static coap_proxy_server_t entry;
static coap_proxy_server_list_t list;

static void
pass_request(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *pdu, const coap_string_t *query UNUSED,
             coap_pdu_t *response) {
  if (!coap_proxy_forward_request(session, pdu, response, resource, NULL, &list))
    show("  not passed on: %s", code_text(coap_pdu_get_code(response)));
}

static coap_response_t
pass_response(coap_session_t *session, const coap_pdu_t *sent UNUSED, const coap_pdu_t *received,
              const coap_mid_t mid UNUSED) {
  return coap_proxy_forward_response(session, received, NULL);
}

static void
own_handler(coap_resource_t *resource UNUSED, coap_session_t *session UNUSED, const coap_pdu_t *pdu UNUSED,
            const coap_string_t *query UNUSED, coap_pdu_t *response) {
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  coap_add_data(response, 10, (const uint8_t *)"it is mine");
}

/* Makes a context the proxy that `list` describes. */
static void
set_up_proxy(coap_context_t *context) {
  static const char *names[] = {"proxy.example"};
  coap_context_set_block_mode(context, BODIES);
  coap_resource_t *resource = list.type == COAP_PROXY_REVERSE || list.type == COAP_PROXY_REVERSE_STRIP
                                  ? coap_resource_reverse_proxy_init(pass_request, 0)
                                  : coap_resource_proxy_uri_init2(pass_request, 1, names, 0);
  NEED(resource);
  coap_add_resource(context, resource);
  resource_with(context, "own", 0, COAP_REQUEST_GET, own_handler);
  coap_register_response_handler(context, pass_response);
}

static void
set_list(coap_proxy_t type, coap_uri_scheme_t scheme, uint16_t port) {
  memset(&entry, 0, sizeof(entry));
  entry.uri.host.s = (const uint8_t *)"127.0.0.1";
  entry.uri.host.length = 9;
  entry.uri.port = port;
  entry.uri.scheme = scheme;
  memset(&list, 0, sizeof(list));
  list.entry = &entry;
  list.entry_count = 1;
  list.type = type;
  list.idle_timeout_secs = 300;
}

/* ---- the client ---- */

static coap_context_t *client, *proxy; /* `proxy` is NULL where all proxies are in other processes */
static coap_session_t *session;
static unsigned int responses, nacks;
static char answered[300]; /* the last response */

static coap_response_t
on_response(coap_session_t *of UNUSED, const coap_pdu_t *sent UNUSED, const coap_pdu_t *response,
            const coap_mid_t mid UNUSED) {
  size_t length = 0, offset = 0, total = 0;
  const uint8_t *data = NULL;
  coap_opt_iterator_t walk;
  responses++;
  coap_get_data_large(response, &length, &data, &offset, &total);
  size_t at = (size_t)sprintf(answered, "%s%s", code_text(coap_pdu_get_code(response)),
                              coap_check_option(response, COAP_OPTION_OBSERVE, &walk) ? ", observed" : "");
  if (length && length < 200 && data[0] >= '0')
    snprintf(answered + at, sizeof(answered) - at, ": %.*s", (int)length, (const char *)data);
  else if (length)
    snprintf(answered + at, sizeof(answered) - at, ": %zu of %zu bytes, %s", length, total,
             memcmp(data, large, length) == 0 ? "as sent" : "other ones");
  if (!quiet)
    show("  %s", answered);
  return COAP_RESPONSE_OK;
}

static void
on_nack(coap_session_t *of UNUSED, const coap_pdu_t *sent UNUSED, const coap_nack_reason_t reason,
        const coap_mid_t mid UNUSED) {
  nacks++;
  show("  nack %d", reason);
}

static void
open_client(coap_proto_t proto, uint16_t port, uint32_t block_mode) {
  coap_address_t address = loopback(port);
  client = coap_new_context(NULL);
  NEED(client);
  coap_context_set_block_mode(client, block_mode);
  coap_register_response_handler(client, on_response);
  coap_register_nack_handler(client, on_nack);
  session = coap_new_client_session(client, NULL, &address, proto);
  NEED(session);
}

static void
close_client(void) {
  coap_session_release(session);
  coap_free_context(client);
}

#define RUN_BOTH(condition, limit)                                                                                     \
  do {                                                                                                                 \
    int64_t run_end_ = now_ms() + (limit);                                                                             \
    while (!(condition) && now_ms() < run_end_) {                                                                      \
      coap_io_process(client, proxy ? COAP_IO_NO_WAIT : 5);                                                            \
      if (proxy)                                                                                                       \
        coap_io_process(proxy, 1);                                                                                     \
    }                                                                                                                  \
  } while (0)

/* The origin, as requests name it: "" for a reverse proxy, which is asked as if it was the origin. */
static char origin_uri[64];

/* Sends a request and waits for its response. */
static void
ask_origin(unsigned int type, unsigned int code, const char *query, size_t length, int observe) {
  static const char *const methods[] = {"?", "GET", "POST", "PUT", "DELETE", "FETCH", "PATCH", "iPATCH"};
  static uint8_t token;
  unsigned int before = responses + nacks;
  coap_pdu_t *pdu = coap_new_pdu((coap_pdu_type_t)type, (coap_pdu_code_t)code, session);
  uint8_t number = (uint8_t)observe;
  char uri[128];
  NEED(pdu);
  token = (uint8_t)(observe == 0 ? 1 : token + 2);
  coap_add_token(pdu, 1, &token);
  if (!quiet)
    show("%s %s%s%s, %zu bytes", type_text((coap_pdu_type_t)type), methods[code], *query ? " " : "", query, length);
  if (observe >= 0)
    coap_add_option(pdu, COAP_OPTION_OBSERVE, observe ? 1 : 0, &number);
  if (!*origin_uri)
    coap_add_option(pdu, COAP_OPTION_URI_PATH, 1, (const uint8_t *)"r");
  if (length || code == COAP_REQUEST_CODE_FETCH)
    coap_add_option(pdu, COAP_OPTION_CONTENT_FORMAT, 1, (const uint8_t *)"\x2a");
  if (!*origin_uri && *query)
    coap_add_option(pdu, COAP_OPTION_URI_QUERY, strlen(query), (const uint8_t *)query);
  if (*origin_uri) {
    snprintf(uri, sizeof(uri), "%s/r%s%s", origin_uri, *query ? "?" : "", query);
    coap_add_option(pdu, COAP_OPTION_PROXY_URI, strlen(uri), (const uint8_t *)uri);
  }
  if (length)
    NEED(coap_add_data_large_request(session, pdu, length, large, NULL, NULL));
  strcpy(answered, "nothing");
  NEED(coap_send(session, pdu) != COAP_INVALID_MID);
  RUN_BOTH(responses + nacks > before, 10000);
  if (responses + nacks == before && !quiet)
    show("  nothing");
}

#endif
