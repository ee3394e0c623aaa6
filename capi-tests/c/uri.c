/* coap_uri.h: URIs, their parts as options, and back. Every string stands in a heap block of exactly its
 * length while it is parsed. */

#include "test.h"

#include <arpa/inet.h>

static uint8_t *
exact(const char *text, size_t length) {
  uint8_t *block = malloc(length ? length : 1);
  NEED(block);
  memcpy(block, text, length);
  return block;
}

static void
print_part(const char *name, coap_str_const_t part) {
  if (part.s)
    printf(" %s '%.*s'", name, (int)part.length, (const char *)part.s);
  else
    printf(" no %s/%zu", name, part.length);
}

static void
show_split(const char *text) {
  size_t length = strlen(text);
  uint8_t *block = exact(text, length);
  int proxy;
  for (proxy = 0; proxy < 2; proxy++) {
    coap_uri_t uri;
    int answer;
    memset(&uri, 0x77, sizeof(uri));
    answer = proxy ? coap_split_proxy_uri(block, length, &uri) : coap_split_uri(block, length, &uri);
    printf("%s %s = %d", proxy ? "  as Proxy-Uri" : "split", text, answer);
    if (answer == 0) {
      printf(": scheme %d port %u", (int)uri.scheme, uri.port);
      print_part("host", uri.host);
      print_part("path", uri.path);
      print_part("query", uri.query);
      printf(" secure %d", coap_uri_scheme_is_secure(&uri));
    }
    show("%s", "");
  }
  free(block);
}

static void
splitting(void) {
  static const char *const uris[] = {
      "", "/", "//", "a", "/a", "/a/b?c=d", "/?q", "/a?", "/a#b", "?q", "a?q", "*", "/*", "coap", "coap:",
      "coap:/", "coap://", "coap:///", "coap:///a", "coap:h", "coap:/h/a", "coap//h", "p://", "://", "coap://h",
      "coap://h/", "coap://h/a", "coap://h/a/b?x&y", "coap://h?q", "coap://h/?q", "coap://h/?", "coap://h:",
      "coap://h:/", "coap://h:5", "coap://h:65535", "coap://h:65536", "coap://h:0", "coap://h:00005683",
      "coap://h:99999999999999999999", "coap://h:12a", "coap://h:-1", "coap://h:/a", "coap://h:12?q",
      "coap://h:12/?q", "coap://h:5?", "coaps://h", "coap+tcp://h", "coaps+tcp://h", "coap+ws://h", "coaps+ws://h",
      "coap+udp://h", "http://h", "https://h/x?y", "ftp://h", "coap://[::1]", "coap://[::1]/a",
      "coap://[::1]:99/a?b", "coap://[::1", "coap://[]", "coap://[]/", "coap://[::1]x", "coap://[::1]:",
      "coap://[::1]?q", "coap://[::1]:1?q", "coap://[::g]", "coap://[1.2.3.4]", "coap://[fe80::1%]/",
      "coap://[::1%1%2]", "coap://1.2.3.4:77/p", "coap://u@h/", "coap://h/a#f", "coap://h/a?b#f", "coap://h#f",
      "coap://%2funix%2fpath", "coap://%2Funix/a", "coap://%2funix%2fpath/a?b", "coap://%2funix%2fpath:5/a",
      "coap+tcp://%2fx", "coap+ws://%2fx/", "coap://%2f", "coap://%2", "coap://%41bc/", "coap://h/%41",
      "coap://h /a", "coap://h/a b", "coap://h/a?b?c", "coap://h//a", "coap://h/a/../b", "coap://a:b:c/",
      "coap://H.Example/", "coap://h/\xc3\xa9", "coap://\xc3\xa9/", "coap://:55/", "coap://?q", "coap://*/"};
  char text[400];
  coap_uri_t uri;
  size_t i;
  for (i = 0; i < sizeof(uris) / sizeof(*uris); i++)
    show_split(uris[i]);
  for (i = 254; i <= 257; i++) {
    memset(text, 'a', sizeof(text));
    memcpy(text, "coap://", 7);
    show("host of %zu: %d", i, coap_split_uri((const uint8_t *)text, 7 + i, &uri));
    memcpy(text + 7, "%2f", 3);
    show("path of %zu as host: %d", i, coap_split_uri((const uint8_t *)text, 7 + i, &uri));
  }
  SHOW(coap_split_uri(NULL, 0, &uri));
  SHOW(coap_split_uri(NULL, 5, &uri));
  SHOW(coap_split_uri((const uint8_t *)"/a", 2, NULL));
  SHOW(coap_split_proxy_uri(NULL, 5, &uri));
  SHOW(coap_uri_scheme_is_secure(NULL));
}

static void
print_list(const coap_optlist_t *list) {
  size_t i;
  for (; list; list = list->next) {
    printf(" %u:", list->number);
    for (i = 0; i < list->length; i++)
      if (list->data[i] > 32 && list->data[i] < 127)
        putchar(list->data[i]);
      else
        printf("\\%02x", list->data[i]);
  }
}

static void
show_options(const char *text) {
  size_t length = strlen(text);
  uint8_t *block = exact(text, length);
  coap_optlist_t *list = NULL;
  printf("%s: path %d", text, coap_path_into_optlist(block, length, COAP_OPTION_URI_PATH, &list));
  print_list(list);
  coap_delete_optlist(list);
  list = NULL;
  printf(" query %d", coap_query_into_optlist(block, length, COAP_OPTION_URI_QUERY, &list));
  print_list(list);
  show("%s", "");
  coap_delete_optlist(list);
  free(block);
}

static void
show_segments(const char *text) {
  size_t length = strlen(text), room, i, size;
  uint8_t *block = exact(text, length), buf[64];
  int count;
  room = sizeof(buf);
  count = coap_split_path(block, length, buf, &room);
  printf("%s: path %d in %zu:", text, count, room);
  for (i = 0; i < room; i += size) {
    size = coap_opt_size(buf + i);
    NEED(size);
    printf(" '%.*s'", (int)coap_opt_length(buf + i), (const char *)coap_opt_value(buf + i));
  }
  room = sizeof(buf);
  count = coap_split_query(block, length, buf, &room);
  printf(" query %d in %zu:", count, room);
  for (i = 0; i < room; i += size) {
    size = coap_opt_size(buf + i);
    NEED(size);
    printf(" '%.*s'", (int)coap_opt_length(buf + i), (const char *)coap_opt_value(buf + i));
  }
  show("%s", "");
  free(block);
}

static void
paths_and_queries(void) {
  static const char *const texts[] = {
      "", "/", "//", "a", "/a", "a/", "a/b", "a//b", "/a/b/c/", "a/./b", "a/../b", "../a", "..", "../..",
      "a/b/../../c", "a/..", "a/.", ".", "./", "./a", "%2e", "%2E%2e/a", "a/%2e%2e/b", ".%2e", "a/b%2fc", "a%20b",
      "a+b", "%41%42", "a?b", "a?b&c", "a&b", "a&&b", "&", "&a", "a&", "?", "a#b", "a=b&c=d", "a/b?c/d", "%c3%a9",
      "\xc3\xa9", "a;b", "...", "a/...", "/..", "/../a", "a/b/..", "a/b/../", "a/./", "%2f", "%25", "a%26b&c", "%3f",
      "a//..//b"};
  static const char *const broken[] = {"%", "%4", "%A", "a%", "a%2"};
  static char big[1500];
  size_t i, room;
  uint8_t buf[2000];
  coap_optlist_t *list = NULL;
  for (i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
    show_options(texts[i]);
    show_segments(texts[i]);
  }
  show_options("%00");
  show("a percent sign that begins no encoding");
  for (i = 0; i < sizeof(broken) / sizeof(*broken); i++) {
    show_options(broken[i]);
    show_segments(broken[i]);
  }
  show("a buffer of each size");
  for (i = 0; i < 10; i++) {
    room = i;
    printf("%zu: %d", i, coap_split_path((const uint8_t *)"abc/d/ef", 8, buf, &room));
    printf(" in %zu", room);
    room = i;
    printf(", %d", coap_split_query((const uint8_t *)"abc&d&ef", 8, buf, &room));
    show(" in %zu", room);
  }
  memset(big, 'a', sizeof(big));
  for (i = 253; i <= 1500; i += i < 258 ? 1 : 1242) {
    list = NULL;
    printf("segment of %zu: %d", i, coap_path_into_optlist((const uint8_t *)big, i, COAP_OPTION_LOCATION_PATH, &list));
    NEED(list);
    printf(" %zu", list->length);
    coap_delete_optlist(list);
    room = sizeof(buf);
    printf(", %d", coap_split_path((const uint8_t *)big, i, buf, &room));
    show(" %zu %02x%02x%02x", room, buf[0], buf[1], buf[2]);
  }
  list = NULL;
  SHOW(coap_path_into_optlist(NULL, 0, COAP_OPTION_URI_PATH, &list));
  SHOW(coap_query_into_optlist(NULL, 0, COAP_OPTION_LOCATION_QUERY, &list));
  print_list(list);
  show("%s", "");
  coap_delete_optlist(list);
  room = 0;
  SHOW(coap_split_path((const uint8_t *)"a", 1, NULL, &room));
  room = sizeof(buf);
  SHOW(coap_split_path(NULL, 0, buf, &room));
  SHOW(room);
}

typedef struct {
  uint16_t number;
  const char *value;
} given_t;

/* Path and query of a request with these options; the list ends with number 0. */
static void
show_request(const given_t *given) {
  coap_pdu_t *pdu = coap_pdu_init(COAP_MESSAGE_CON, COAP_REQUEST_CODE_GET, 1, 1000);
  coap_string_t *path, *query;
  NEED(pdu);
  for (; given->number; given++) {
    coap_add_option(pdu, given->number, strlen(given->value), (const uint8_t *)given->value);
    printf("%u=%s ", given->number, given->value);
  }
  path = coap_get_uri_path(pdu);
  query = coap_get_query(pdu);
  if (path)
    printf("-> path '%s' %zu", (const char *)path->s, path->length);
  else
    printf("-> no path");
  if (query)
    show(" query '%s' %zu", (const char *)query->s, query->length);
  else
    show(" no query");
  coap_delete_string(path);
  coap_delete_string(query);
  coap_delete_pdu(pdu);
}

static void
requests(void) {
  static const given_t given[][5] = {
      {{0, NULL}},
      {{11, ""}, {0, NULL}},
      {{11, ""}, {11, ""}, {0, NULL}},
      {{11, "a"}, {0, NULL}},
      {{11, "a"}, {11, ""}, {0, NULL}},
      {{11, "a"}, {11, "b c"}, {0, NULL}},
      {{11, "a/b"}, {15, "x/y?z"}, {15, "a&b=c"}, {0, NULL}},
      {{11, "%&?#+=@:;,!$'()*~-._"}, {0, NULL}},
      {{15, "%&?#+=@:;,!$'()*~-._/\"<>[]"}, {0, NULL}},
      {{15, ""}, {0, NULL}},
      {{15, "a"}, {15, ""}, {0, NULL}},
      {{11, "\xc3\xa9\x01\x7f\""}, {0, NULL}},
      {{11, "<>[]\\^`{|}"}, {0, NULL}},
      {{11, "."}, {11, ".."}, {0, NULL}},
      {{35, "coap://h/p?q"}, {0, NULL}},
      {{35, "coap://h/p?q"}, {11, "u"}, {15, "v"}, {0, NULL}},
      {{35, "coap://h/%41/b c/../d"}, {0, NULL}},
      {{35, "coap://h"}, {0, NULL}},
      {{35, "http://h/x/y?z"}, {0, NULL}},
      {{35, "bad"}, {11, "u"}, {0, NULL}},
      {{39, "coap"}, {11, "u"}, {0, NULL}},
      {{8, "location"}, {20, "query"}, {0, NULL}}};
  size_t i;
  for (i = 0; i < sizeof(given) / sizeof(*given); i++)
    show_request(given[i]);
}

static coap_address_t
destination(const char *text) {
  coap_address_t address;
  coap_address_init(&address);
  if (strchr(text, ':')) {
    address.size = sizeof(address.addr.sin6);
    address.addr.sin6.sin6_family = AF_INET6;
    NEED(inet_pton(AF_INET6, text, &address.addr.sin6.sin6_addr) == 1);
  } else {
    address.size = sizeof(address.addr.sin);
    address.addr.sin.sin_family = AF_INET;
    NEED(inet_pton(AF_INET, text, &address.addr.sin.sin_addr) == 1);
  }
  coap_address_set_port(&address, 5683);
  return address;
}

/* The options of a URI for a destination, by both functions. */
static void
print_into(const char *text, const char *dst, int with_host_and_port) {
  coap_uri_t uri;
  coap_address_t address;
  coap_optlist_t *list = NULL;
  if (dst)
    address = destination(dst);
  NEED(coap_split_uri((const uint8_t *)text, strlen(text), &uri) == 0);
  printf("%d", coap_uri_into_optlist(&uri, dst ? &address : NULL, &list, with_host_and_port));
  print_list(list);
  coap_delete_optlist(list);
  list = NULL;
  printf(", %d", coap_uri_into_options(&uri, dst ? &address : NULL, &list, with_host_and_port, NULL, 0));
  print_list(list);
  coap_delete_optlist(list);
}

static void
uris_into_options(void) {
  static const struct {
    const char *uri, *dst;
    int flag;
  } cases[] = {{"coap://h/a/b?c&d", NULL, 1},
               {"coap://h:5683/a", NULL, 1},
               {"coap://h:99/a", NULL, 1},
               {"coap://h:99/a", "127.0.0.1", 1},
               {"coap://h:99/a", "127.0.0.1", 0},
               {"coap://127.0.0.1/a", "127.0.0.1", 1},
               {"coap://127.0.0.1:99/a", "127.0.0.1", 1},
               {"coap://127.0.0.2/a", "127.0.0.1", 1},
               {"coap://H.Example/a", "127.0.0.1", 1},
               {"coap://%41%62/a", "127.0.0.1", 1},
               {"coap://[::1]/a", "::1", 1},
               {"coap://[::1]/a", "::2", 1},
               {"coap+tcp://h:5683/", "127.0.0.1", 1},
               {"coap+tcp://h:5684/", "127.0.0.1", 1},
               {"coap+ws://h/", "127.0.0.1", 1},
               {"coap+ws://h:81/", "127.0.0.1", 1},
               {"coap://%2funix/a", "127.0.0.1", 1},
               {"/a?b", "127.0.0.1", 1},
               {"coap://h/a/../b/./c", "127.0.0.1", 1},
               {"coap://h:0/", "127.0.0.1", 1},
               {"coap://h:256/", "127.0.0.1", 1},
               {"coap://h/?", "127.0.0.1", 1}};
  size_t i;
  for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
    printf("%s to %s, %d: ", cases[i].uri, cases[i].dst ? cases[i].dst : "nobody", cases[i].flag);
    print_into(cases[i].uri, cases[i].dst, cases[i].flag);
    show("%s", "");
  }
}

static void
show_uri(const char *title, const coap_uri_t *uri) {
  printf("%s: port %u", title, uri->port);
  print_part("host", uri->host);
  print_part("path", uri->path);
  print_part("query", uri->query);
  show("%s", "");
}

static void
objects(void) {
  static const char *const hosts[] = {"%2fa", "%2Fa", "/a", "a", "%2f", "%2", "", "%2fa/b", "%2g"};
  const char *text = "coap+tcp://h:9/a/b?c";
  uint8_t *block = exact(text, strlen(text));
  coap_uri_t *uri = coap_new_uri(block, (unsigned int)strlen(text)), *clone;
  size_t i;
  NEED(uri);
  free(block);
  show_uri("new", uri);
  SHOW(uri->scheme);
  clone = coap_clone_uri(uri);
  NEED(clone);
  if (!on_reference())
    /* mend clone: the reference forgets the scheme. */
    mend("clone", "2", "%d", (int)clone->scheme);
  coap_delete_uri(uri);
  show_uri("clone", clone);
  coap_delete_uri(clone);
  uri = coap_new_uri((const uint8_t *)"/a", 2);
  NEED(uri);
  show_uri("path alone", uri);
  clone = coap_clone_uri(uri);
  NEED(clone);
  show_uri("its clone", clone);
  coap_delete_uri(uri);
  coap_delete_uri(clone);
  SHOW_PTR(coap_new_uri((const uint8_t *)"zzz", 3));
  SHOW_PTR(coap_new_uri((const uint8_t *)"http://a/b", 10));
  SHOW_PTR(coap_new_uri(NULL, 0));
  SHOW_PTR(coap_clone_uri(NULL));
  coap_delete_uri(NULL);
  for (i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
    coap_str_const_t host = {strlen(hosts[i]), (const uint8_t *)hosts[i]};
    show("%s is a Unix domain socket: %d", hosts[i], coap_host_is_unix_domain(&host));
  }
}

static void
mend_split(const char *topic, const char *wanted, const char *text) {
  coap_uri_t uri;
  int answer = coap_split_uri((const uint8_t *)text, strlen(text), &uri);
  mend(topic, wanted, "%d %.*s", answer, answer ? 0 : (int)uri.host.length, answer ? "" : (const char *)uri.host.s);
}

/* What the reference does not survive, or gets wrong. */
static void
mended(void) {
  static const char *const broken[] = {"%zz", "%4g", "%g4", "a%2/b"};
  coap_optlist_t *list = NULL, *host;
  uint8_t buf[20];
  size_t room = sizeof(buf), i;
  coap_str_const_t nothing = {0, NULL};
  coap_uri_t uri;

  /* mend zone: zones and embedded IPv4 addresses belong to IPv6 literals (RFC 6874, RFC 3986 §3.2.2);
   * Debian's build of the reference refuses them. */
  mend_split("zone", "0 fe80::1%eth0", "coap://[fe80::1%eth0]/");
  mend_split("zone", "0 fe80::1%25eth0", "coap://[fe80::1%25eth0]/");
  mend_split("zone", "0 ::ffff:1.2.3.4", "coap://[::ffff:1.2.3.4]/");

  /* mend literal: an IPv6 address has a colon in it. */
  mend_split("literal", "-3 ", "coap://[c]/");

  /* mend scheme: a scheme means the same in capital letters (RFC 3986 §3.1). */
  mend_split("scheme", "0 H", "COAP://H/A");

  /* mend percent: a percent sign that begins no encoding stands for itself. The reference makes a byte of
   * whatever follows it. */
  for (i = 0; i < sizeof(broken) / sizeof(*broken); i++) {
    uint8_t *block = exact(broken[i], strlen(broken[i]));
    list = NULL;
    coap_query_into_optlist(block, strlen(broken[i]), COAP_OPTION_URI_QUERY, &list);
    NEED(list);
    mend("percent", broken[i], "%.*s", (int)list->length, (const char *)list->data);
    coap_delete_optlist(list);
    room = sizeof(buf);
    mend("percent", "0", "%d", coap_split_query(block, strlen(broken[i]), buf, &room));
    free(block);
  }

  /* mend dots: `..` undoes segments of its own path; the reference also takes options away that were in the
   * list before. */
  list = NULL;
  host = coap_new_optlist(COAP_OPTION_URI_HOST, 1, (const uint8_t *)"h");
  coap_insert_optlist(&list, host);
  coap_path_into_optlist((const uint8_t *)"a", 1, COAP_OPTION_URI_PATH, &list);
  coap_path_into_optlist((const uint8_t *)"../b", 4, COAP_OPTION_URI_PATH, &list);
  mend("dots", "3 11 11", "%u %u %u", list->number, list->next->number,
       list->next->next ? list->next->next->number : 0);
  coap_delete_optlist(list);

  /* mend address: the same address in another spelling is the destination too (RFC 7252 §6.4 step 5). */
  {
    coap_address_t address = destination("::1");
    list = NULL;
    NEED(coap_split_uri((const uint8_t *)"coap://[0:0:0:0:0:0:0:1]/", 25, &uri) == 0);
    coap_uri_into_optlist(&uri, &address, &list, 1);
    mend("address", "1", "%d", list == NULL);
    coap_delete_optlist(list);
  }

  /* mend empty: two empty arguments are an ampersand; the reference makes a zero byte of it. */
  {
    coap_pdu_t *pdu = coap_pdu_init(COAP_MESSAGE_CON, COAP_REQUEST_CODE_GET, 1, 10);
    coap_string_t *query;
    NEED(pdu);
    coap_add_option(pdu, COAP_OPTION_URI_QUERY, 0, NULL);
    coap_add_option(pdu, COAP_OPTION_URI_QUERY, 0, NULL);
    query = coap_get_query(pdu);
    NEED(query);
    mend("empty", "&", "%s", (const char *)query->s);
    coap_delete_string(query);
    coap_delete_pdu(pdu);
  }

  /* mend null: the reference asserts or crashes. */
  list = NULL;
  mend("null", "0", "%d", coap_path_into_optlist(NULL, 3, 11, &list));
  mend("null", "0", "%d", coap_query_into_optlist(NULL, 3, 15, &list));
  mend("null", "0", "%d", coap_path_into_optlist((const uint8_t *)"a", 1, 11, NULL));
  mend("null", "0", "%d", coap_query_into_optlist((const uint8_t *)"a", 1, 15, NULL));
  mend("null", "-1", "%d", coap_split_path((const uint8_t *)"a", 1, buf, NULL));
  room = sizeof(buf);
  mend("null", "-1", "%d", coap_split_path((const uint8_t *)"a", 1, NULL, &room));
  mend("null", "-1", "%d", coap_split_query(NULL, 1, buf, &room));
  mend("null", "0", "%d", coap_uri_into_optlist(NULL, NULL, &list, 1));
  mend("null", "0", "%d", coap_uri_into_optlist(&uri, NULL, NULL, 1));
  mend("null", "-1", "%d", coap_uri_into_options(NULL, NULL, &list, 1, NULL, 0));
  mend("null", "1", "%d", coap_get_uri_path(NULL) == NULL);
  mend("null", "1", "%d", coap_get_query(NULL) == NULL);
  mend("null", "0", "%d", coap_host_is_unix_domain(NULL));
  mend("null", "0", "%d", coap_host_is_unix_domain(&nothing));
}

int
main(void) {
  coap_set_log_level(COAP_LOG_EMERG);
  splitting();
  paths_and_queries();
  requests();
  uris_into_options();
  objects();
  if (!on_reference())
    mended();
  return 0;
}
