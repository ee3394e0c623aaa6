/* Which of a context's resources a request reaches: the proxy's, the reverse proxy's, or one with a path. */
#include "proxy.h"

static void
answer_as(const char *name, const coap_pdu_t *pdu, const coap_string_t *query, coap_pdu_t *response) {
  if (!quiet)
    show("  %s: %s, query %s", name, code_text(coap_pdu_get_code(pdu)), query ? (const char *)query->s : "NULL");
  collect(at_client, sizeof(at_client), name, query ? " with a query" : "");
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
}

#define HANDLER(name)                                                                                                  \
  static void name(coap_resource_t *resource UNUSED, coap_session_t *session UNUSED, const coap_pdu_t *pdu,            \
                   const coap_string_t *query, coap_pdu_t *response) {                                                 \
    answer_as(#name, pdu, query, response);                                                                            \
  }
HANDLER(proxy)
HANDLER(reverse)
HANDLER(unknown)
HANDLER(local)
HANDLER(root)

enum { PROXY = 1, REVERSE = 2, UNKNOWN = 4 };

static void
open_with(int kinds, const char **names, size_t name_count) {
  px_open(COAP_PROXY_REVERSE, 1, 0);
  coap_free_context(px); /* only its peers are wanted */
  px = coap_new_context(NULL);
  NEED(px);
  px_port = serve(px, NULL);
  if (kinds & PROXY)
    coap_add_resource(px, coap_resource_proxy_uri_init2(proxy, name_count, names, 0));
  if (kinds & REVERSE)
    coap_add_resource(px, coap_resource_reverse_proxy_init(reverse, 0));
  if (kinds & UNKNOWN)
    coap_add_resource(px, coap_resource_unknown_init2(unknown, 0));
  resource_with(px, "a", 0, COAP_REQUEST_GET, local);
  resource_with(px, "", 0, COAP_REQUEST_GET, root);
}

/* What a handler's query is meant to be.
 * mend own-query: a request for the proxy itself has its query (coap_method_handler_t), also when the URI of it stands in
 * Proxy-Uri; the reference gives NULL. */
static void
own_query(void) {
  quiet = 1;
  get(0, "35=coap://proxy.example/a?q=1");
  quiet = 0;
  mend("own-query", "local with a query, client0 ACK 2.05 token aa", "%s", at_client);
}

/* mend host-case: host names are the same in upper case (RFC 3986 section 3.2.2); to the reference they are others. */
static void
host_case(void) {
  quiet = 1;
  get(0, "35=coap://PROXY.Example/a");
  quiet = 0;
  mend("host-case", "local, client0 ACK 2.05 token aa", "%s", at_client);
}

/* mend own-addresses: a name that is empty stands for the proxy's own addresses. For the reference each name is its own then. */
static void
own_addresses(void) {
  static const struct {
    const char *options, *wanted;
  } asked_for[] = {{"35=coap://127.0.0.1:$P/a", "local, client0 ACK 2.05 token aa"},
                   {"3=127.0.0.1 7=$P 11=a 39=coap", "local, client0 ACK 2.05 token aa"},
                   {"35=coap://other.example/a", "proxy, client0 CON 2.05 token aa"},
                   {"35=coap://127.0.0.1:$0/a", "proxy, client0 CON 2.05 token aa"}};
  for (size_t i = 0; i < sizeof(asked_for) / sizeof(asked_for[0]); i++) {
    quiet = 1;
    get(0, asked_for[i].options);
    quiet = 0;
    mend("own-addresses", asked_for[i].wanted, "%s", at_client);
  }
}

static void
plain(void) {
  get(0, "11=a");
  get(0, "11=none 15=q");
  get(0, "");
  get(0, "11=.well-known 11=core");
  for (unsigned int code = 2; code <= 7; code++)
    say(0, CON, code, "aa", code == 5 || code == 6 || code == 7 ? "11=none 12#" : "11=none", NULL);
  say(0, CON, 2, "aa", "11=a", NULL);
  say(0, CON, 8, "aa", "11=none", NULL);
  say(0, NON, 1, "aa", "11=none", NULL);
  get(0, "3=proxy.example 11=a");
  get(0, "3=other.example 11=a");
  get(0, "3=other.example 11=none");
}

static void
with_proxy_options(void) {
  get(0, "35=coap://proxy.example/a");
  get(0, "35=coap://proxy.example:1/a");
  get(0, "35=coap+tcp://second.example/a");
  get(0, "35=coap://proxy.example/none");
  get(0, "35=coap://proxy.example");
  say(0, CON, 2, "aa", "35=coap://proxy.example/a", NULL);
  get(0, "35=coap://other.example/a");
  get(0, "35=coap://other.example/a?q=1");
  for (unsigned int code = 2; code <= 7; code++)
    say(0, CON, code, "aa", code == 5 || code == 6 || code == 7 ? "12# 35=coap://other.example/a" : "35=coap://other.example/a", NULL);
  say(0, CON, 8, "aa", "35=coap://other.example/a", NULL);
  say(0, NON, 1, "aa", "35=coap://other.example/a", NULL);
  get(0, "35=coap://127.0.0.1:$P/a");
  get(0, "11=none 35=coap://proxy.example/a");
  get(0, "3=other.example 35=coap://proxy.example/a");
  get(0, "3=proxy.example 35=coap://other.example/a");
  get(0, "3=proxy.example 11=a 39=coap");
  get(0, "3=proxy.example 11=a 15=q 39=coap");
  get(0, "3=other.example 11=a 39=coap");
  get(0, "3=other.example 11=none 39=foo");
  get(0, "3=proxy.example 11=a 39=foo");
  get(0, "11=a 39=coap");
  get(0, "35=coap://other.example/a 39=coap");
}

static void
names(void) {
  static const char *own[] = {"proxy.example", "second.example"}, *any[] = {""}, *address[] = {"127.0.0.1"};
  show("-- no proxy");
  open_with(0, NULL, 0);
  plain();
  with_proxy_options();
  px_close();
  show("-- a proxy with two names");
  open_with(PROXY, own, 2);
  plain();
  with_proxy_options();
  own_query();
  host_case();
  px_close();
  show("-- a proxy and a reverse proxy");
  open_with(PROXY | REVERSE, own, 2);
  plain();
  with_proxy_options();
  px_close();
  show("-- a proxy whose name is empty");
  open_with(PROXY, any, 1);
  own_addresses();
  px_close();
  show("-- a proxy whose name is its address");
  open_with(PROXY, address, 1);
  get(0, "35=coap://127.0.0.1:$P/a");
  get(0, "35=coap://127.0.0.1/a");
  get(0, "35=coap://127.0.0.2/a");
  px_close();
  show("-- a reverse proxy");
  open_with(REVERSE, NULL, 0);
  plain();
  with_proxy_options();
  px_close();
  show("-- a reverse proxy, then a resource for unknown paths");
  open_with(REVERSE | UNKNOWN, NULL, 0);
  plain();
  px_close();
}

static void
resources(void) {
  static const char *own[] = {"proxy.example"}, *other[] = {"other.example"};
  coap_resource_t *first, *second;
  show("-- the resources");
  SHOW_PTR(coap_resource_proxy_uri_init(proxy, 0, own));
  SHOW_PTR(coap_resource_proxy_uri_init2(proxy, 0, own, 0));
  open_with(0, NULL, 0);
  first = coap_resource_proxy_uri_init(proxy, 1, own);
  NEED(first);
  SHOW_STR(coap_resource_get_uri_path(first)->s);
  coap_add_resource(px, first);
  SHOW_PTR(coap_get_resource_from_uri_path(px, coap_make_str_const("- Proxy URI -")));
  get(0, "35=coap://proxy.example/a");
  get(0, "35=coap://other.example/a");
  show("another one replaces it");
  second = coap_resource_proxy_uri_init2(proxy, 1, other, 0);
  NEED(second);
  coap_add_resource(px, second);
  get(0, "35=coap://proxy.example/a");
  get(0, "35=coap://other.example/a");
  show("it is deleted");
  SHOW(coap_delete_resource(px, second));
  get(0, "35=coap://proxy.example/a");
  first = coap_resource_reverse_proxy_init(reverse, 0);
  NEED(first);
  SHOW_STR(coap_resource_get_uri_path(first)->s);
  coap_add_resource(px, first);
  get(0, "11=none");
  SHOW(coap_delete_resource(px, first));
  get(0, "11=none");
  px_close();
}

static void
schemes(void) {
  SHOW(coap_verify_proxy_scheme_supported(COAP_URI_SCHEME_COAP));
  SHOW(coap_verify_proxy_scheme_supported(COAP_URI_SCHEME_COAP_TCP));
  SHOW(coap_verify_proxy_scheme_supported(COAP_URI_SCHEME_COAP_WS));
  SHOW(coap_verify_proxy_scheme_supported(COAP_URI_SCHEME_COAPS) == coap_dtls_is_supported());
  SHOW(coap_verify_proxy_scheme_supported(COAP_URI_SCHEME_COAPS_TCP) == coap_tls_is_supported());
  SHOW(coap_verify_proxy_scheme_supported(COAP_URI_SCHEME_COAPS_WS) == coap_wss_is_supported());
  SHOW(coap_verify_proxy_scheme_supported(COAP_URI_SCHEME_HTTP));
  SHOW(coap_verify_proxy_scheme_supported(COAP_URI_SCHEME_HTTPS));
  SHOW(coap_verify_proxy_scheme_supported(COAP_URI_SCHEME_LAST));
  SHOW(coap_proxy_is_supported());
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  schemes();
  resources();
  names();
  coap_cleanup();
  return 0;
}
