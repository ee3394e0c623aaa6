/* coap_resource.h: resources, their handlers, what replaces what, and who gets a request. */

#include "peer.h"

static coap_context_t *context;

#define HANDLER(name)                                                                              \
  static void name(coap_resource_t *resource UNUSED, coap_session_t *session UNUSED,              \
                   const coap_pdu_t *request UNUSED, const coap_string_t *query UNUSED,            \
                   coap_pdu_t *response) {                                                         \
    show("handler " #name);                                                                        \
    coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);                                       \
  }
HANDLER(plain)
HANDLER(other)
HANDLER(unknown)
HANDLER(reverse)
HANDLER(proxy)

static void
release(void *data) {
  show("released %s", data ? (const char *)data : "NULL");
}

static coap_str_const_t *
text(const char *value) {
  return coap_new_str_const((const uint8_t *)value, strlen(value));
}

static coap_resource_t *
with_data(coap_resource_t *resource, const char *data) {
  union {
    const char *in;
    void *out;
  } pointer = {data};
  NEED(resource);
  coap_resource_set_userdata(resource, pointer.out);
  return resource;
}

static void
show_path(const char *label, coap_resource_t *resource) {
  coap_str_const_t *path = coap_resource_get_uri_path(resource);
  show("%s: [%.*s]", label, (int)path->length, (const char *)path->s);
}

static void
show_found(const char *path) {
  coap_str_const_t *string = text(path);
  coap_resource_t *found = coap_get_resource_from_uri_path(context, string);
  show("find [%s]: %s", path, found ? (const char *)coap_resource_get_userdata(found) : "nothing");
  coap_delete_str_const(string);
}

static void
paths(void) {
  static const char *const registered[] = {"time", "a/b", "", "/slash", "e/", "x y", "x%20y"};
  const char *hosts[] = {"me"};
  for (size_t i = 0; i < sizeof(registered) / sizeof(registered[0]); i++) {
    coap_resource_t *resource = coap_resource_init(coap_make_str_const(registered[i]), 0);
    show_path("path", resource);
    coap_add_resource(context, with_data(resource, registered[i]));
  }
  show_found("time");
  show_found("/time");
  show_found("Time");
  show_found("");
  show_found("a/b");
  show_found("/slash");
  show_found("slash");
  show_found("e");
  show_found("x y");
  show_found("x%20y");

  coap_str_const_t *path = text("given");
  coap_resource_t *given = coap_resource_init(path, COAP_RESOURCE_FLAGS_RELEASE_URI);
  show("a path given away is the string given: %d", coap_resource_get_uri_path(given) == path);
  coap_add_resource(context, given);
  path = text("copied");
  coap_resource_t *copied = coap_resource_init(path, 0);
  show("a path copied is the string given: %d", coap_resource_get_uri_path(copied) == path);
  coap_delete_str_const(path);
  coap_add_resource(context, copied);

  coap_resource_t *special = coap_resource_unknown_init(unknown);
  show_path("unknown", special);
  coap_add_resource(context, special);
  special = coap_resource_proxy_uri_init(proxy, 1, hosts);
  show_path("proxy", special);
  coap_add_resource(context, special);
  special = coap_resource_reverse_proxy_init(reverse, 0);
  show_path("reverse", special);
  coap_add_resource(context, special);
  show_found("- Unknown -");
  show_found("- Rev Proxy -");
  show_found("- Proxy URI -");
  SHOW_PTR(coap_resource_get_uri_path(NULL));
  SHOW_PTR(coap_resource_proxy_uri_init(proxy, 0, NULL));
  SHOW_PTR(coap_resource_proxy_uri_init2(NULL, 0, hosts, 0));
}

static void
life(void) {
  const char *hosts[] = {"me", "127.0.0.1"};
  context = coap_new_context(NULL);
  coap_resource_release_userdata_handler(context, release);

  coap_resource_t *t = with_data(coap_resource_init(coap_make_str_const("t"), 0), "first t");
  SHOW_STR(coap_resource_get_userdata(t));
  coap_add_resource(context, t);
  show("add t again:");
  t = with_data(coap_resource_init(coap_make_str_const("t"), 0), "second t");
  coap_add_resource(context, t);
  show_found("t");
  SHOW(coap_delete_resource(context, t));
  show_found("t");
  SHOW(coap_delete_resource(context, NULL));
  t = with_data(coap_resource_init(coap_make_str_const("t"), 0), "third t");
  coap_add_resource(context, t);
  SHOW(coap_delete_resource(NULL, t));
  show("no data, no call:");
  t = coap_resource_init(coap_make_str_const("t"), 0);
  coap_add_resource(context, t);
  SHOW(coap_delete_resource(context, t));

  coap_add_resource(context, with_data(coap_resource_unknown_init(unknown), "unknown 1"));
  show("add unknown again:");
  coap_add_resource(context, with_data(coap_resource_unknown_init(unknown), "unknown 2"));
  show("add a reverse proxy:");
  coap_resource_t *rev = with_data(coap_resource_reverse_proxy_init(reverse, 0), "reverse");
  coap_add_resource(context, rev);
  coap_add_resource(context, with_data(coap_resource_proxy_uri_init(proxy, 2, hosts), "proxy 1"));
  show("add a proxy again:");
  coap_add_resource(context, with_data(coap_resource_proxy_uri_init(proxy, 2, hosts), "proxy 2"));
  show("delete the reverse proxy:");
  SHOW(coap_delete_resource(context, rev));
  show("without a callback:");
  coap_resource_release_userdata_handler(context, NULL);
  t = with_data(coap_resource_init(coap_make_str_const("t"), 0), "not released");
  coap_add_resource(context, t);
  SHOW(coap_delete_resource(context, t));
  coap_resource_release_userdata_handler(context, release);
  coap_add_resource(context, with_data(coap_resource_init(coap_make_str_const("b"), 0), "b"));
  coap_add_resource(context, with_data(coap_resource_init(coap_make_str_const("a"), 0), "a"));
  show("free the context:");
  coap_free_context(context);
}

/* mend misuse: the reference dies of a NULL, of a method that is none, of deleting what was not added, and
 * of adding twice. */
static void
misuse(void) {
  if (on_reference())
    return;
  const char *hosts[] = {"me", NULL};
  context = coap_new_context(NULL);
  coap_resource_release_userdata_handler(context, release);
  coap_resource_t *t = coap_resource_init(coap_make_str_const("t"), 0);
  coap_register_request_handler(t, (coap_request_t)0, plain);
  coap_register_request_handler(t, (coap_request_t)8, plain);
  coap_register_request_handler(t, (coap_request_t)257, plain);
  coap_register_request_handler(NULL, COAP_REQUEST_GET, plain);
  coap_resource_set_userdata(NULL, NULL);
  coap_resource_set_mode(NULL, 0);
  mend("misuse", "1", "%d", coap_resource_get_userdata(NULL) == NULL);
  mend("misuse", "1", "%d", coap_resource_proxy_uri_init(proxy, 2, hosts) == NULL);
  mend("misuse", "1", "%d", coap_resource_proxy_uri_init(proxy, 1, NULL) == NULL);
  coap_add_resource(context, NULL);
  coap_add_resource(NULL, t);
  mend("misuse", "1", "%d", coap_get_resource_from_uri_path(context, NULL) == NULL);
  mend("misuse", "1", "%d", coap_delete_resource(context, t));
  t = coap_resource_init(coap_make_str_const("t"), 0);
  coap_add_resource(context, t);
  coap_add_resource(context, t);
  coap_str_const_t *path = text("t");
  mend("misuse", "1", "%d", coap_get_resource_from_uri_path(context, path) == t);
  coap_delete_str_const(path);
  coap_free_context(context);
}

/* ---- who gets a request ---- */

static peer_t peer;
static unsigned int mid;

static void
begin(void) {
  context = coap_new_context(NULL);
  NEED(context);
  add_probe(context);
  peer = peer_open(serve(context, NULL));
}

static void
end(void) {
  peer_close(&peer);
  coap_free_context(context);
}

/* Sends a request with one byte of code and the rest in hexadecimal digits. */
static void
request(const char *label, unsigned int code, const char *options) {
  char hex[400];
  snprintf(hex, sizeof(hex), "40 %02x %04x %s", code, ++mid, options);
  ask(&peer, context, label, hex, MASK_MID);
}

#define PATH_T "b1 74"
#define PATH_N "b1 6e"
#define CORE "bb 2e77656c6c2d6b6e6f776e 04 636f7265"

static coap_resource_t *
all_methods(coap_resource_t *resource, coap_method_handler_t handler) {
  for (int method = 1; method <= 7; method++)
    coap_register_request_handler(resource, (coap_request_t)method, handler);
  return resource;
}

static void
dispatch(void) {
  begin();
  coap_resource_t *t = resource_with(context, "t", 0, COAP_REQUEST_GET, plain);
  coap_register_handler(t, COAP_REQUEST_PUT, other);
  resource_with(context, "a%2Fc", 0, COAP_REQUEST_GET, other);
  resource_with(context, "%C3%A4", 0, COAP_REQUEST_GET, other);
  request("GET /t", 1, PATH_T);
  request("PUT /t", 3, PATH_T);
  request("POST /t", 2, PATH_T);
  request("0.08 /t", 8, PATH_T);
  request("GET /n", 1, PATH_N);
  request("DELETE /n", 4, PATH_N);
  request("GET /a/c in one segment", 1, "b3 612f63");
  request("GET /a/c in two", 1, "b1 61 01 63");
  request("GET an umlaut", 1, "b2 c3a4");
  request("PUT core", 3, CORE);
  request("a Proxy-Uri without a proxy", 1, "dd 16 00 636f61703a2f2f6d652f6e2f6e");
  coap_register_request_handler(t, COAP_REQUEST_GET, NULL);
  request("GET /t without a handler", 1, PATH_T);
  end();
}

static void
dispatch_unknown(void) {
  show("an unknown handler for PUT:");
  begin();
  resource_with(context, "t", 0, COAP_REQUEST_GET, plain);
  coap_add_resource(context, coap_resource_unknown_init(unknown));
  request("GET /t", 1, PATH_T);
  request("PUT /t", 3, PATH_T);
  request("GET /n", 1, PATH_N);
  request("PUT /n", 3, PATH_N);
  request("DELETE /n", 4, PATH_N);
  request("PUT /", 3, "");
  request("PUT core", 3, CORE);
  show("for all methods, core too:");
  coap_add_resource(
      context, all_methods(coap_resource_unknown_init2(unknown, COAP_RESOURCE_HANDLE_WELLKNOWN_CORE), unknown));
  request("DELETE /n", 4, PATH_N);
  request("GET core", 1, CORE);
  request("PUT core", 3, CORE);
  show("a reverse proxy:");
  coap_add_resource(context, coap_resource_reverse_proxy_init(reverse, 0));
  request("GET /n", 1, PATH_N);
  request("iPATCH /t", 7, PATH_T " 10");
  request("GET /t", 1, PATH_T);
  request("GET core", 1, CORE);
  request("0.08 /n", 8, PATH_N);
  show("an own core:");
  resource_with(context, ".well-known/core", 0, COAP_REQUEST_GET, other);
  request("GET core", 1, CORE);
  request("PUT core", 3, CORE);
  end();
}

static void
delete_in_handler(coap_resource_t *resource, coap_session_t *session UNUSED,
                  const coap_pdu_t *incoming UNUSED, const coap_string_t *query UNUSED, coap_pdu_t *response) {
  SHOW(coap_delete_resource(context, resource));
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_DELETED);
}

static void
replace_in_handler(coap_resource_t *resource UNUSED, coap_session_t *session UNUSED,
                   const coap_pdu_t *incoming UNUSED, const coap_string_t *query UNUSED,
                   coap_pdu_t *response) {
  resource_with(context, "made", 0, COAP_REQUEST_DELETE, delete_in_handler);
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CREATED);
}

static void
replace_itself(coap_resource_t *resource, coap_session_t *session UNUSED, const coap_pdu_t *incoming UNUSED,
               const coap_string_t *query UNUSED, coap_pdu_t *response) {
  resource_with(context, "own", 0, COAP_REQUEST_DELETE, delete_in_handler);
  /* mend misuse: and the reference frees it twice. */
  if (!on_reference())
    mend("misuse", "0", "%d", coap_delete_resource(context, resource));
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CHANGED);
}

static void
dispatch_changes(void) {
  show("resources made and deleted by handlers:");
  begin();
  coap_resource_release_userdata_handler(context, release);
  coap_add_resource(context, coap_resource_unknown_init(replace_in_handler));
  request("PUT /made", 3, "b4 6d616465");
  show("a handler that replaces its own resource, and deletes it once more:");
  with_data(resource_with(context, "own", 0, COAP_REQUEST_POST, replace_itself), "own");
  request("POST /own", 2, "b3 6f776e");
  request("DELETE /own", 4, "b3 6f776e");
  request("DELETE /made", 4, "b4 6d616465");
  request("GET /made", 1, "b4 6d616465");
  end();
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  context = coap_new_context(NULL);
  NEED(context);
  paths();
  coap_free_context(context);
  life();
  misuse();
  dispatch();
  dispatch_unknown();
  dispatch_changes();
  coap_cleanup();
  return 0;
}
