/* Which resource and which handler a request reaches.
 *
 * mend block: the reference ignores Block2 in a request for /.well-known/core where the context has no block-wise
 *   transfers. Ours answers with the block that was asked for (RFC 7959 section 2.4). */
#include "peer.h"

static const char *released;

static void
release(void *data) {
  released = data;
}

/* Says which resource it is: its user data is its name. */
static void
any(coap_resource_t *resource, coap_session_t *session UNUSED, const coap_pdu_t *request,
    const coap_string_t *query, coap_pdu_t *response) {
  coap_str_const_t *path = coap_resource_get_uri_path(resource);
  coap_string_t *asked = coap_get_uri_path(request);
  const char *name = coap_resource_get_userdata(resource);
  show("  %s: method %d, own path %.*s, asked path %.*s, query %.*s", name ? name : "no name",
       coap_pdu_get_code(request), path ? (int)path->length : 4, path ? (const char *)path->s : "NULL",
       asked ? (int)asked->length : 4, asked ? (const char *)asked->s : "NULL", query ? (int)query->length : 4,
       query ? (const char *)query->s : "NULL");
  coap_delete_string(asked);
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
}

static coap_resource_t *
add(coap_context_t *context, coap_resource_t *resource, const char *name) {
  NEED(resource);
  coap_resource_set_userdata(resource, (void *)name);
  coap_add_resource(context, resource);
  return resource;
}

static coap_resource_t *
path(coap_context_t *context, const char *text, coap_request_t method) {
  coap_resource_t *resource = coap_resource_init(coap_make_str_const(text), 0);
  coap_register_request_handler(resource, method, any);
  return add(context, resource, text);
}

static void
plain(void) {
  coap_context_t *context = coap_new_context(NULL);
  add_probe(context);
  path(context, "a", COAP_REQUEST_GET);
  path(context, "a/b", COAP_REQUEST_GET);
  path(context, "", COAP_REQUEST_GET);
  path(context, "s p", COAP_REQUEST_GET);
  path(context, "p%2Fq", COAP_REQUEST_GET);
  path(context, "\xc3\xa9", COAP_REQUEST_GET);
  peer_t peer = peer_open(serve(context, NULL));
  show("-- plain");
  ask(&peer, context, "/", "41 01 0101 aa", MASK_OWN);
  ask(&peer, context, "/ with an empty segment", "41 01 0102 aa b0", MASK_OWN);
  ask(&peer, context, "/a", "41 01 0103 aa b1 61", MASK_OWN);
  ask(&peer, context, "/a/", "41 01 0104 aa b1 61 00", MASK_OWN);
  ask(&peer, context, "//a", "41 01 0105 aa b0 01 61", MASK_OWN);
  ask(&peer, context, "/a/b", "41 01 0106 aa b1 61 01 62", MASK_OWN);
  ask(&peer, context, "one segment a/b", "41 01 0107 aa b3 612f62", MASK_OWN);
  ask(&peer, context, "/A", "41 01 0108 aa b1 41", MASK_OWN);
  ask(&peer, context, "/s p", "41 01 0109 aa b3 732070", MASK_OWN);
  ask(&peer, context, "one segment s%20p", "41 01 010a aa b5 7325323070", MASK_OWN);
  ask(&peer, context, "one segment p/q", "41 01 010b aa b3 702f71", MASK_OWN);
  ask(&peer, context, "one segment p%2Fq", "41 01 010c aa b5 7025324671", MASK_OWN);
  ask(&peer, context, "/\xc3\xa9", "41 01 010d aa b2 c3a9", MASK_OWN);
  ask(&peer, context, "/a with queries", "41 01 010e aa b1 61 43 613d31 01 62", MASK_OWN);
  ask(&peer, context, "/a with an empty query", "41 01 0112 aa b1 61 40", MASK_OWN);
  ask(&peer, context, "/a with a query that has & and %", "41 01 010f aa b1 61 45 6126622563", MASK_OWN);
  ask(&peer, context, "/.", "41 01 0110 aa b1 2e", MASK_OWN);
  ask(&peer, context, "/a/..", "41 01 0111 aa b1 61 02 2e2e", MASK_OWN);
  peer_close(&peer);
  coap_free_context(context);
}

static void
replaced(void) {
  coap_context_t *context = coap_new_context(NULL);
  add_probe(context);
  coap_resource_release_userdata_handler(context, release);
  coap_resource_t *first = path(context, "a", COAP_REQUEST_GET);
  coap_resource_set_userdata(first, "first");
  peer_t peer = peer_open(serve(context, NULL));
  show("-- added again under the same path");
  released = NULL;
  coap_resource_t *second = path(context, "a", COAP_REQUEST_GET);
  coap_resource_set_userdata(second, "second");
  SHOW_STR(released);
  SHOW(coap_get_resource_from_uri_path(context, coap_make_str_const("a")) == second);
  ask(&peer, context, "/a", "41 01 0201 aa b1 61", MASK_OWN);
  show("-- a handler taken away");
  coap_register_request_handler(second, COAP_REQUEST_GET, NULL);
  ask(&peer, context, "/a", "41 01 0202 aa b1 61", MASK_OWN);
  coap_register_handler(second, COAP_REQUEST_GET, any);
  ask(&peer, context, "/a", "41 01 0203 aa b1 61", MASK_OWN);
  show("-- deleted");
  released = NULL;
  SHOW(coap_delete_resource(context, second));
  SHOW_STR(released);
  SHOW_PTR(coap_get_resource_from_uri_path(context, coap_make_str_const("a")));
  ask(&peer, context, "/a", "41 01 0204 aa b1 61", MASK_OWN);
  SHOW(coap_delete_resource(context, NULL));
  path(context, "z", COAP_REQUEST_GET);
  released = NULL;
  peer_close(&peer);
  coap_free_context(context);
  SHOW_STR(released);
}

static void
unknown(int flags) {
  coap_context_t *context = coap_new_context(NULL);
  coap_resource_t *resource = coap_resource_unknown_init2(any, flags);
  add_probe(context);
  path(context, "a", COAP_REQUEST_GET);
  add(context, resource, "unknown");
  peer_t peer = peer_open(serve(context, NULL));
  show("-- the unknown resource, flags %#x", (unsigned int)flags);
  ask(&peer, context, "PUT /x/y", "41 03 0301 aa b1 78 01 79", MASK_OWN);
  ask(&peer, context, "PUT /a", "41 03 0302 aa b1 61", MASK_OWN);
  ask(&peer, context, "GET /x", "41 01 0303 aa b1 78", MASK_OWN);
  ask(&peer, context, "DELETE /x", "41 04 0304 aa b1 78", MASK_OWN);
  coap_register_request_handler(resource, COAP_REQUEST_GET, any);
  coap_register_request_handler(resource, COAP_REQUEST_DELETE, any);
  ask(&peer, context, "GET /x", "41 01 0305 aa b1 78", MASK_OWN);
  ask(&peer, context, "DELETE /x", "41 04 0306 aa b1 78", MASK_OWN);
  ask(&peer, context, "GET /", "41 01 0307 aa", MASK_OWN);
  ask(&peer, context, "PUT /x, If-None-Match", "41 03 0308 aa 50 61 78", MASK_OWN);
  ask(&peer, context, "GET /.well-known/core", "41 01 0309 aa bb 2e77656c6c2d6b6e6f776e 04 636f7265", MASK_OWN);
  ask(&peer, context, "PUT /.well-known/core", "41 03 030a aa bb 2e77656c6c2d6b6e6f776e 04 636f7265", MASK_OWN);
  ask(&peer, context, "PUT /.well-known/x", "41 03 030b aa bb 2e77656c6c2d6b6e6f776e 01 78", MASK_OWN);
  SHOW_PTR(coap_get_resource_from_uri_path(context, coap_make_str_const("x")));
  peer_close(&peer);
  coap_free_context(context);
}

static void
proxy_uri(void) {
  static const char *hosts[] = {"me", "127.0.0.1", "also.me"};
  coap_context_t *context = coap_new_context(NULL);
  add_probe(context);
  path(context, "a", COAP_REQUEST_GET);
  add(context, coap_resource_proxy_uri_init(any, 3, hosts), "proxy");
  peer_t peer = peer_open(serve(context, NULL));
  show("-- the proxy-uri resource");
  ask(&peer, context, "GET Proxy-Uri elsewhere", "51 01 0401 aa dd 16 01 636f61703a2f2f782f612f623f71", MASK_OWN);
  ask(&peer, context, "PUT Proxy-Uri elsewhere", "51 03 0402 aa d8 16 636f61703a2f2f78", MASK_OWN);
  ask(&peer, context, "GET Proxy-Uri me/a", "51 01 0403 aa db 16 636f61703a2f2f6d652f61", MASK_OWN);
  ask(&peer, context, "GET Proxy-Scheme and Uri-Host elsewhere", "51 01 0404 aa 31 78 81 61 d4 0f 636f6170", MASK_OWN);
  ask(&peer, context, "GET Proxy-Scheme and Uri-Host me", "51 01 0405 aa 32 6d65 81 61 d4 0f 636f6170", MASK_OWN);
  ask(&peer, context, "GET Uri-Host elsewhere", "51 01 0406 aa 31 78 81 61", MASK_OWN);
  ask(&peer, context, "GET /a", "51 01 0407 aa b1 61", MASK_OWN);
  ask(&peer, context, "GET /x", "51 01 0408 aa b1 78", MASK_OWN);
  ask(&peer, context, "GET Proxy-Uri of another scheme", "51 01 0409 aa d8 16 687474703a2f2f78", MASK_OWN);
  ask(&peer, context, "GET Proxy-Uri that is none", "51 01 040a aa d3 16 3a3a3a", MASK_OWN);
  show("-- CON: acknowledged first, answered later, and acknowledged in turn");
  datagram_t separate;
  peer_send_hex(&peer, "41 01 040b aa d8 16 636f61703a2f2f78");
  NEED(peer_expect(&peer, context, "GET Proxy-Uri elsewhere", MASK_MID, 500, &separate));
  NEED(peer_expect(&peer, context, "GET Proxy-Uri elsewhere", MASK_MID, 500, &separate));
  peer_send_mid(&peer, "60 00 ????", mid_of(&separate));
  RUN_UNTIL(context, coap_can_exit(context), 1000);
  SHOW(coap_can_exit(context));
  peer_close(&peer);
  coap_free_context(context);

  show("-- without host names");
  SHOW_PTR(coap_resource_proxy_uri_init(any, 0, NULL));
}

static void
reverse_proxy(void) {
  coap_context_t *context = coap_new_context(NULL);
  add_probe(context);
  path(context, "a", COAP_REQUEST_GET);
  add(context, coap_resource_reverse_proxy_init(any, 0), "reverse");
  peer_t peer = peer_open(serve(context, NULL));
  show("-- the reverse-proxy resource");
  ask(&peer, context, "GET /a", "41 01 0501 aa b1 61", MASK_OWN);
  ask(&peer, context, "GET /x", "41 01 0502 aa b1 78", MASK_OWN);
  ask(&peer, context, "PUT /x", "41 03 0503 aa b1 78", MASK_OWN);
  ask(&peer, context, "DELETE /x", "41 04 0504 aa b1 78", MASK_OWN);
  ask(&peer, context, "FETCH /x with a format", "41 05 0505 aa b1 78 10", MASK_OWN);
  ask(&peer, context, "GET /.well-known/core", "41 01 0506 aa bb 2e77656c6c2d6b6e6f776e 04 636f7265", MASK_OWN);
  ask(&peer, context, "GET Proxy-Uri", "41 01 0507 aa d8 16 636f61703a2f2f78", MASK_OWN);
  ask(&peer, context, "PUT /a", "41 03 0508 aa b1 61", MASK_OWN);
  ask(&peer, context, "critical option 9999", "41 01 0509 aa b1 78 e1 25f7 7a", MASK_OWN);
  peer_close(&peer);
  coap_free_context(context);
}

static void
well_known(void) {
  coap_context_t *context = coap_new_context(NULL);
  add_probe(context);
  coap_resource_t *resource = path(context, "a", COAP_REQUEST_GET);
  coap_add_attr(resource, coap_make_str_const("rt"), coap_make_str_const("\"one two\""), 0);
  coap_add_attr(resource, coap_make_str_const("ct"), coap_make_str_const("0"), 0);
  peer_t peer = peer_open(serve(context, NULL));
  show("-- /.well-known/core");
  ask(&peer, context, "all", "41 01 0601 aa bb 2e77656c6c2d6b6e6f776e 04 636f7265", MASK_OWN);
  ask(&peer, context, "NON", "51 01 0602 aa bb 2e77656c6c2d6b6e6f776e 04 636f7265", MASK_OWN);
  ask(&peer, context, "?rt=two", "41 01 0603 aa bb 2e77656c6c2d6b6e6f776e 04 636f7265 46 72743d74776f", MASK_OWN);
  ask(&peer, context, "?rt=three", "41 01 0604 aa bb 2e77656c6c2d6b6e6f776e 04 636f7265 48 72743d7468726565", MASK_OWN);
  ask(&peer, context, "?rt=", "41 01 0605 aa bb 2e77656c6c2d6b6e6f776e 04 636f7265 43 72743d", MASK_OWN);
  ask(&peer, context, "?x", "41 01 0606 aa bb 2e77656c6c2d6b6e6f776e 04 636f7265 41 78", MASK_OWN);
  ask(&peer, context, "?href=/a", "41 01 0607 aa bb 2e77656c6c2d6b6e6f776e 04 636f7265 47 687265663d2f61", MASK_OWN);
  ask(&peer, context, "Accept 40", "41 01 0608 aa bb 2e77656c6c2d6b6e6f776e 04 636f7265 61 28", MASK_OWN);
  ask(&peer, context, "Accept 0", "41 01 0609 aa bb 2e77656c6c2d6b6e6f776e 04 636f7265 60", MASK_OWN);
  datagram_t answer;
  struct sockaddr_in server = peer.other;
  peer_send_hex(&peer, "41 01 060a aa bb 2e77656c6c2d6b6e6f776e 04 636f7265 c1 00");
  NEED(peer_receive(&peer, context, &answer, 3000));
  peer.other = server;
  mend("block", "28 bytes", "%zu bytes", answer.length);
  show("-- an application's own");
  path(context, ".well-known/core", COAP_REQUEST_GET);
  ask(&peer, context, "all", "41 01 060b aa bb 2e77656c6c2d6b6e6f776e 04 636f7265", MASK_OWN);
  peer_close(&peer);
  coap_free_context(context);
}

static void
flags(void) {
  coap_context_t *context = coap_new_context(NULL);
  add_probe(context);
  coap_resource_t *resource = coap_resource_init(coap_make_str_const("o"), COAP_RESOURCE_FLAGS_OSCORE_ONLY);
  coap_register_request_handler(resource, COAP_REQUEST_GET, any);
  add(context, resource, "oscore");
  resource = coap_resource_init(coap_make_str_const("c"), COAP_RESOURCE_FLAGS_NOTIFY_CON);
  coap_register_request_handler(resource, COAP_REQUEST_GET, any);
  add(context, resource, "con");
  peer_t peer = peer_open(serve(context, NULL));
  show("-- flags");
  ask(&peer, context, "OSCORE only", "41 01 0701 aa b1 6f", MASK_OWN);
  ask(&peer, context, "NON to a resource that notifies with CON", "51 01 0702 aa b1 63", MASK_OWN);
  peer_close(&peer);
  coap_free_context(context);
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  plain();
  replaced();
  unknown(0);
  unknown(COAP_RESOURCE_HANDLE_WELLKNOWN_CORE);
  proxy_uri();
  reverse_proxy();
  well_known();
  flags();
  coap_cleanup();
  return 0;
}
