/* coap_resource.h: the list of resources, its windows and its filters. */

#include "peer.h"

static coap_context_t *context;

static void
add_attr(coap_resource_t *resource, const char *name, const char *value) {
  coap_add_attr(resource, coap_make_str_const(name), value ? coap_make_str_const(value) : NULL, 0);
}

static coap_resource_t *
add(const char *path, int flags) {
  coap_resource_t *resource = coap_resource_init(path ? coap_make_str_const(path) : NULL, flags);
  NEED(resource);
  coap_add_resource(context, resource);
  return resource;
}

/* A query in a block of exactly its length, so that memcheck sees a read behind it. */
static coap_print_status_t
print(unsigned char *buffer, size_t *length, size_t offset, const char *query) {
  if (!query)
    return coap_print_wellknown(context, buffer, length, offset, NULL);
  coap_string_t filter = {strlen(query), malloc(strlen(query) + !*query)};
  memcpy(filter.s, query, filter.length);
  coap_print_status_t status = coap_print_wellknown(context, buffer, length, offset, &filter);
  free(filter.s);
  return status;
}

static void
list(size_t size, size_t offset, const char *query) {
  unsigned char buffer[600];
  size_t length = size;
  memset(buffer, '.', sizeof(buffer));
  coap_print_status_t status = print(buffer, &length, offset, query);
  show("%zu from %zu of %s: %08x of %zu [%.*s]%s", size, offset, query ? query : "all", (unsigned int)status,
       length, (int)COAP_PRINT_OUTPUT_LENGTH(status), buffer,
       buffer[size] == '.' ? "" : " written behind the buffer");
}

/* Prints the paths that a query finds, and whether the status says the same. */
static void
find(const char *query) {
  unsigned char buffer[600];
  size_t length = sizeof(buffer);
  coap_print_status_t status = print(buffer, &length, 0, query);
  printf("%-24s", query);
  if (status != length)
    printf(" status %08x of %zu", (unsigned int)status, length);
  for (size_t i = 0; i < length; i++)
    if (buffer[i] == '<') {
      putchar(' ');
      for (i++; i < length && buffer[i] != '>'; i++)
        putchar(buffer[i]);
    }
  putchar('\n');
  fflush(stdout);
}

static void
filters(void) {
  static const char *const queries[] = {
      "",           "=",           "=x",         "x",           "rt",        "href",       "rt=",
      "rt=*",       "rt=one",      "rt=two",     "rt=three",    "rt=on*",    "rt=tw*",     "rt=o",
      "rt=one two", "rt=one tw*",  "rt=two *",   "rt=\"one",    "rt=latest", "rt=earlier", "rt=ne*",
      "rt=one*two", "rt=**",       "RT=one",     "rt=one&if=x", "if=x",      "if=y",       "rel=r",
      "rel=s*",     "title=Clock", "title=Big*", "title=Big",   "title=Big Clock", "title=*", "ct=0",
      "ct=40",      "ct=4*",       "ct=40 50",   "bare",        "bare=",     "bare=*",     "empty=",
      "empty=*",    "quoted=",     "quoted=*",   "obs",         "obs=",      "obs=*",      "osc=*",
      "href=",      "href=*",      "href=/",     "href=/*",     "href=/a",   "href=a",     "href=a*",
      "href=/a/b",  "href=/a/*",   "href=//a",   "href=/z",     "r=one",     "hr=/a",      "hrefs=/a",
      "=*",         "rt==one",     "rt= ",       "\xff=\xff",   "*=*",       "one=\"",     "one=x",
  };
  for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++)
    find(queries[i]);
}

/* mend one-quote: a value that is a single quotation mark takes the reference out of its bounds. Ours takes
 * it for an empty one. */
static void
one_quote(void) {
  if (on_reference())
    return;
  unsigned char buffer[300];
  coap_resource_t *resource = add("q", 0);
  size_t length = sizeof(buffer);
  add_attr(resource, "one", "\"");
  print(buffer, &length, 0, "one=x");
  mend("one-quote", "0", "%zu", length);
  length = sizeof(buffer);
  print(buffer, &length, 0, "one=");
  mend("one-quote", "10", "%zu", length);
  coap_delete_resource(context, resource);
}

/* mend null: the reference crashes where a pointer is NULL. Ours answers COAP_PRINT_STATUS_ERROR. */
static void
nulls(void) {
  if (on_reference())
    return;
  unsigned char buffer[10];
  size_t length = sizeof(buffer);
  coap_string_t no_text = {3, NULL};
  mend("null", "80000000", "%x", (unsigned int)coap_print_wellknown(NULL, buffer, &length, 0, NULL));
  mend("null", "80000000", "%x", (unsigned int)coap_print_wellknown(context, NULL, &length, 0, NULL));
  mend("null", "80000000", "%x", (unsigned int)coap_print_wellknown(context, buffer, NULL, 0, NULL));
  mend("null", "80000000", "%x", (unsigned int)coap_print_wellknown(context, buffer, &length, 0, &no_text));
}

/* mend wire-filter: the reference percent-encodes a query that came in a request before it looks for it, so a
 * filter with a space finds nothing. Ours takes it as it came. */
static void
wire(void) {
  static const char *const queries[][2] = {
      {"no query", ""},
      {"rt=latest", "49 72743d6c6174657374"},
      {"href=/a", "47 687265663d2f61"},
      {"rt=latest and x=y", "49 72743d6c6174657374 03 783d79"},
      {"x=y and rt=latest", "43 783d79 09 72743d6c6174657374"},
      {"rt=nobody", "49 72743d6e6f626f6479"},
      {"rt", "42 7274"},
      {"Accept: 0", "60"},
  };
  char hex[200];
  peer_t peer = peer_open(serve(context, NULL));
  unsigned int mid = 0;
  add_probe(context);
  for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
    snprintf(hex, sizeof(hex), "40 01 %04x bb 2e77656c6c2d6b6e6f776e 04 636f7265 %s", ++mid, queries[i][1]);
    ask(&peer, context, queries[i][0], hex, MASK_MID);
  }
  if (!on_reference()) {
    datagram_t answer;
    snprintf(hex, sizeof(hex), "40 01 %04x bb 2e77656c6c2d6b6e6f776e 04 636f7265 4d 02 7469746c653d42696720436c6f636b",
             ++mid);
    peer_send_hex(&peer, hex);
    NEED(peer_receive(&peer, context, &answer, 3000));
    mend("wire-filter", "</a>", "%.4s", (const char *)answer.bytes + 7);
  }
  peer_close(&peer);
}

int
main(void) {
  coap_startup();
  context = coap_new_context(NULL);
  NEED(context);

  list(100, 0, NULL);
  list(100, 7, NULL);

  coap_resource_t *a = add("a", 0);
  add_attr(a, "ct", "0");
  add_attr(a, "rt", "\"one two\"");
  add_attr(a, "title", "\"Big Clock\"");
  add_attr(a, "if", "x y");
  add_attr(a, "rel", "\"r stuff\"");
  coap_resource_t *ab = add("a/b", COAP_RESOURCE_FLAGS_OSCORE_ONLY);
  coap_resource_set_get_observable(ab, 1);
  add_attr(ab, "rt", "earlier");
  add_attr(ab, "rt", "latest");
  add_attr(ab, "ct", "\"40 50\"");
  coap_resource_t *root = add(NULL, 0);
  coap_resource_set_get_observable(root, 1);
  add_attr(root, "bare", NULL);
  add_attr(root, "empty", "");
  add_attr(root, "quoted", "\"\"");
  add_attr(root, "title", "Clock");
  add("x%20y", 0);
  coap_add_resource(context, coap_resource_unknown_init(NULL));

  list(500, 0, NULL);
  for (size_t offset = 0; offset <= 220; offset += 20)
    list(50, offset, NULL);
  static const size_t windows[][2] = {{0, 0}, {1, 0}, {0, 5}, {500, 1000}};
  for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++)
    list(windows[i][0], windows[i][1], NULL);
  list(10, 0, "rt=latest");
  list(10, 30, "rt=latest");
  list(0, 0, "rt=nobody");

  filters();
  wire();
  one_quote();
  nulls();

  show("after the first is deleted, and added again:");
  coap_delete_resource(context, a);
  find("");
  a = add("a", 0);
  find("");

  coap_free_context(context);
  coap_cleanup();
  return 0;
}
