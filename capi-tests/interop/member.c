/*
 * A member of multicast groups: what it answers says who has answered.
 *
 *   member NAME ADDRESS PORT per-resource|all GROUP@INTERFACE...
 *
 * Every resource answers GET with NAME as text, if nothing else is said here:
 * /name           at once
 * /leisure        within a second
 * /none           takes no requests to groups, where each resource says that for itself
 * /missing        4.04, which nobody is sent             /told-missing  4.04, which the resource wants to be sent
 * /failing        5.00, which nobody is sent             /told-failing  5.00, which the resource wants to be sent
 * /empty          2.05 without payload, not to be sent   /changed       2.05 with payload, not to be sent, as all of 2.xx
 * /calls          how often the handlers of all others were called
 *
 * Prints `up` when it has joined all groups. Ends with 0 at SIGINT or SIGTERM, everything freed.
 */
#include <coap3/coap.h>
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile sig_atomic_t stopped;
static const char *name;
static unsigned calls;

enum {
  TAKES_GROUPS = COAP_RESOURCE_FLAGS_HAS_MCAST_SUPPORT,
  AT_ONCE = TAKES_GROUPS | COAP_RESOURCE_FLAGS_LIB_DIS_MCAST_DELAYS,
};

static const struct {
  const char *path;
  int flags;
  coap_pdu_code_t code;
} resources[] = {
    {"name", AT_ONCE, COAP_RESPONSE_CODE_CONTENT},
    {"leisure", TAKES_GROUPS, COAP_RESPONSE_CODE_CONTENT},
    {"none", 0, COAP_RESPONSE_CODE_CONTENT},
    {"missing", AT_ONCE, COAP_RESPONSE_CODE_NOT_FOUND},
    {"told-missing", AT_ONCE | COAP_RESOURCE_FLAGS_LIB_DIS_MCAST_SUPPRESS_4_XX, COAP_RESPONSE_CODE_NOT_FOUND},
    {"failing", AT_ONCE, COAP_RESPONSE_CODE_INTERNAL_ERROR},
    {"told-failing", AT_ONCE | COAP_RESOURCE_FLAGS_LIB_DIS_MCAST_SUPPRESS_5_XX, COAP_RESPONSE_CODE_INTERNAL_ERROR},
    {"empty", AT_ONCE | COAP_RESOURCE_FLAGS_LIB_ENA_MCAST_SUPPRESS_2_05, COAP_RESPONSE_CODE_CONTENT},
    {"changed", AT_ONCE | COAP_RESOURCE_FLAGS_LIB_ENA_MCAST_SUPPRESS_2_XX, COAP_RESPONSE_CODE_CONTENT},
};

static void
on_signal(int signal_number) {
  (void)signal_number;
  stopped = 1;
}

static int
on_event(coap_session_t *session, const coap_event_t event) {
  if (event == COAP_EVENT_SERVER_SESSION_NEW)
    coap_session_set_default_leisure(session, (coap_fixed_point_t){1, 0});
  return 0;
}

static void
get(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request, const coap_string_t *query,
    coap_pdu_t *response) {
  coap_str_const_t *path = coap_resource_get_uri_path(resource);
  size_t i = 0;

  (void)session, (void)request, (void)query;
  calls++;
  while (path->length != strlen(resources[i].path) || memcmp(path->s, resources[i].path, path->length))
    i++;
  coap_pdu_set_code(response, resources[i].code);
  if (strcmp(resources[i].path, "empty"))
    coap_add_data(response, strlen(name), (const uint8_t *)name);
}

static void
get_calls(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request, const coap_string_t *query,
          coap_pdu_t *response) {
  char text[64];
  int length = snprintf(text, sizeof(text), "%s %u", name, calls);

  (void)resource, (void)session, (void)request, (void)query;
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  coap_add_data(response, (size_t)length, (const uint8_t *)text);
}

static void
add_resource(coap_context_t *context, const char *path, int flags, coap_method_handler_t handler) {
  coap_resource_t *resource = coap_resource_init(coap_make_str_const(path), flags);

  if (!resource)
    exit(2);
  coap_register_request_handler(resource, COAP_REQUEST_GET, handler);
  coap_add_resource(context, resource);
}

static int
listen_on(coap_context_t *context, const char *address, uint16_t port) {
  coap_str_const_t host = {strlen(address), (const uint8_t *)address};
  coap_addr_info_t *found =
      coap_resolve_address_info(&host, port, 0, 0, 0, AI_NUMERICHOST, 1 << COAP_URI_SCHEME_COAP, COAP_RESOLVE_TYPE_LOCAL);
  int listening = found && coap_new_endpoint(context, &found->addr, COAP_PROTO_UDP);

  coap_free_address_info(found);
  return listening;
}

/* GROUP@INTERFACE */
static int
join(coap_context_t *context, const char *where) {
  const char *at = strchr(where, '@');
  char group[80];

  if (!at || (size_t)(at - where) >= sizeof(group))
    return 0;
  memcpy(group, where, (size_t)(at - where));
  group[at - where] = 0;
  return coap_join_mcast_group_intf(context, group, at + 1) == 0;
}

int
main(int argc, char **argv) {
  coap_context_t *context;
  struct sigaction stop = {.sa_handler = on_signal};
  int up = 1;

  if (argc < 6) {
    fprintf(stderr, "usage: %s NAME ADDRESS PORT per-resource|all GROUP@INTERFACE...\n", argv[0]);
    return 2;
  }
  name = argv[1];
  sigaction(SIGINT, &stop, NULL);
  sigaction(SIGTERM, &stop, NULL);
  coap_startup();
  coap_set_log_level(COAP_LOG_ERR);
  context = coap_new_context(NULL);
  if (!context)
    return 2;
  if (!strcmp(argv[4], "per-resource"))
    coap_mcast_per_resource(context);
  coap_register_event_handler(context, on_event);
  for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++)
    add_resource(context, resources[i].path, resources[i].flags, get);
  add_resource(context, "calls", AT_ONCE, get_calls);
  up = listen_on(context, argv[2], (uint16_t)strtoul(argv[3], NULL, 10));
  for (int i = 5; up && i < argc; i++)
    up = join(context, argv[i]);
  if (up)
    puts("up");
  fflush(stdout);
  while (up && !stopped && (coap_io_process(context, 1000) >= 0 || errno == EINTR))
    continue;
  coap_free_context(context);
  coap_cleanup();
  return up ? 0 : 2;
}
