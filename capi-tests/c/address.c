/* Addresses: making, comparing, classifying and resolving them.
 *
 * mend null: the reference aborts or crashes on NULL. Ours does nothing, or answers 0.
 * mend unix_equals: on the reference no Unix address equals another, not even itself. Ours compares paths.
 * mend unix_too_long: the reference cuts a path that is too long, and so names another file. Ours refuses.
 * mend unix_encoded: the reference counts %2F as three bytes when it looks for room. Ours counts the path.
 * mend zero_in_name: the reference takes what is in front of a zero byte. Ours refuses the name.
 */
#include <netdb.h>

#include "test.h"

static coap_address_t
address_of(const char *text, uint16_t port) {
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
  coap_address_set_port(&address, port);
  return address;
}

static coap_address_t
unix_address(const char *path) {
  coap_address_t address;
  NEED(coap_address_set_unix_domain(&address, (const uint8_t *)path, strlen(path)) == 1);
  return address;
}

static void
show_address(const char *label, const coap_address_t *address) {
  char text[INET6_ADDRSTRLEN] = "";
  switch (address->addr.sa.sa_family) {
  case AF_INET:
    inet_ntop(AF_INET, &address->addr.sin.sin_addr, text, sizeof(text));
    break;
  case AF_INET6:
    inet_ntop(AF_INET6, &address->addr.sin6.sin6_addr, text, sizeof(text));
    break;
  case AF_UNIX:
    snprintf(text, sizeof(text), "%s", address->addr.cun.sun_path);
    break;
  }
  show("%s: family %d size %u port %u %s", label, address->addr.sa.sa_family, (unsigned int)address->size,
       coap_address_get_port(address), text);
}

static void
making(void) {
  coap_address_t address, copy;

  show("-- making");
  memset(&address, 0xee, sizeof(address));
  coap_address_init(&address);
  show_address("init", &address);
  coap_address_set_port(&address, 7);
  show_address("no family, no port", &address);

  address = address_of("10.0.0.1", 5683);
  show_address("IPv4", &address);
  SHOW(address.addr.sin.sin_port == htons(5683));
  memset(&copy, 0xee, sizeof(copy));
  coap_address_copy(&copy, &address);
  show_address("copy", &copy);

  address = address_of("fe80::1", 1);
  address.addr.sin6.sin6_scope_id = 4;
  address.addr.sin6.sin6_flowinfo = 8;
  memset(&copy, 0xee, sizeof(copy));
  coap_address_copy(&copy, &address);
  show_address("copy", &copy);
  SHOW(copy.addr.sin6.sin6_scope_id);
  SHOW(copy.addr.sin6.sin6_flowinfo);
  coap_address_set_port(&copy, 0xfffe);
  show_address("new port", &copy);

  coap_address_init(&address);
  memset(&copy, 0xee, sizeof(copy));
  coap_address_copy(&copy, &address);
  show_address("copy of nothing", &copy);

  if (!on_reference()) {
    coap_address_init(NULL);
    coap_address_copy(&copy, NULL);
    coap_address_copy(NULL, &copy);
    coap_address_set_port(NULL, 3);
    mend("null", "0", "%d", coap_address_get_port(NULL));
  }
}

static void
unix_domain(void) {
  static const char *const hosts[] = {"", "a", "/tmp/x", "%2Ftmp%2fx", "%2Fx%2", "%2Fa%41", "%", "a%2F"};
  static const char *const path = "/abcdefghijklmnopqrstuvwxyz";
  coap_address_t address;

  show("-- Unix domain");
  for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
    memset(&address, 0xee, sizeof(address));
    show("%s: %d", hosts[i], coap_address_set_unix_domain(&address, (const uint8_t *)hosts[i], strlen(hosts[i])));
    show_address(hosts[i], &address);
  }
  SHOW(coap_address_set_unix_domain(&address, NULL, 0));
  SHOW(coap_address_set_unix_domain(&address, (const uint8_t *)path, 25));
  show_address("25 bytes", &address);
  mend("unix_too_long", "0", "%d", coap_address_set_unix_domain(&address, (const uint8_t *)path, 26));
  mend("zero_in_name", "0", "%d", coap_address_set_unix_domain(&address, (const uint8_t *)"/a\0b", 4));
  SHOW(coap_address_set_unix_domain(&address, (const uint8_t *)"\0ab", 3));
  show("abstract: %d", memcmp(address.addr.cun.sun_path, "\0ab\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 26));
  if (!on_reference()) {
    mend("null", "0", "%d", coap_address_set_unix_domain(NULL, (const uint8_t *)path, 3));
    mend("null", "0", "%d", coap_address_set_unix_domain(&address, NULL, 3));
  }
}

static void
comparing(void) {
  coap_address_t a = address_of("10.0.0.1", 5), b = a;
  coap_address_t first = unix_address("/a"), same = unix_address("%2Fa"), other = unix_address("/b");

  show("-- comparing");
  SHOW(coap_address_equals(&a, &b));
  memset(b.addr.sin.sin_zero, 7, sizeof(b.addr.sin.sin_zero));
  SHOW(coap_address_equals(&a, &b));
  b = address_of("10.0.0.1", 6);
  SHOW(coap_address_equals(&a, &b));
  b = address_of("10.0.0.2", 5);
  SHOW(coap_address_equals(&a, &b));
  b = address_of("::ffff:10.0.0.1", 5);
  SHOW(coap_address_equals(&a, &b));
  SHOW(coap_address_equals(&a, &first));

  a = b = address_of("fe80::1", 5);
  SHOW(coap_address_equals(&a, &b));
  b.addr.sin6.sin6_scope_id = 4;
  b.addr.sin6.sin6_flowinfo = 4;
  SHOW(coap_address_equals(&a, &b));
  b.size++;
  SHOW(coap_address_equals(&a, &b));

  coap_address_init(&a);
  coap_address_init(&b);
  SHOW(coap_address_equals(&a, &b));

  SHOW(coap_address_equals(&first, &other));
  mend("unix_equals", "1", "%d", coap_address_equals(&first, &same));
  same.size = 5; /* as the system says it of the address of a peer */
  mend("unix_equals", "1", "%d", coap_address_equals(&first, &same));
  same.addr.cun.sun_path[0] = first.addr.cun.sun_path[0] = 0;
  SHOW(coap_address_equals(&first, &same)); /* abstract names of 26 bytes and of 3 */
  if (!on_reference()) {
    mend("null", "0", "%d", coap_address_equals(NULL, &a));
    mend("null", "0", "%d", coap_address_equals(&a, NULL));
  }
}

static void
classifying(void) {
  static const char *const texts[] = {
      "0.0.0.0",           "127.0.0.1",       "127.255.255.255", "223.255.255.255", "224.0.0.1",
      "224.0.1.187",       "239.255.255.255", "240.0.0.1",       "255.255.255.255", "::",
      "::1",               "fe80::1",         "ff00::",          "ff02::fd",        "ff0e::fd",
      "::ffff:224.0.1.187", "::ffff:10.1.1.1", "::224.0.1.187",   "::ffff:255.255.255.255",
  };
  coap_address_t address;

  show("-- multicast, broadcast, Unix");
  for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
    address = address_of(texts[i], 5683);
    show("%s: %d %d %d", texts[i], coap_is_mcast(&address), coap_is_bcast(&address), coap_is_af_unix(&address));
  }
  address = unix_address("/a");
  show("Unix: %d %d %d", coap_is_mcast(&address), coap_is_bcast(&address), coap_is_af_unix(&address));
  coap_address_init(&address);
  show("none: %d %d %d", coap_is_mcast(&address), coap_is_bcast(&address), coap_is_af_unix(&address));
  SHOW(coap_is_mcast(NULL));
  SHOW(coap_is_bcast(NULL));
  if (!on_reference())
    mend("null", "0", "%d", coap_is_af_unix(NULL));
}

/* The schemes that every build without TLS has; the others are supported.c's. */
#define BOTH (COAP_URI_SCHEME_COAP_BIT | COAP_URI_SCHEME_HTTP_BIT)

static int
entries(const char *host, size_t length, int flags, int bits) {
  coap_str_const_t name = {length, (const uint8_t *)host};
  coap_addr_info_t *list = coap_resolve_address_info(&name, 0, 0, 0, 0, flags, bits, COAP_RESOLVE_TYPE_REMOTE);
  int count = 0;
  for (coap_addr_info_t *entry = list; entry; entry = entry->next)
    count++;
  coap_free_address_info(list);
  return count;
}

static void
show_resolved(const char *host, uint16_t port, int flags, int bits, coap_resolve_type_t type) {
  coap_str_const_t name = {strlen(host), (const uint8_t *)host};
  coap_addr_info_t *list = coap_resolve_address_info(&name, port, 2, 3, 4, flags, bits, type);

  show("'%s' port %u schemes %x %s", host, port, bits, type == COAP_RESOLVE_TYPE_LOCAL ? "local" : "remote");
  for (coap_addr_info_t *entry = list; entry; entry = entry->next) {
    char label[40];
    snprintf(label, sizeof(label), "  scheme %d proto %d", entry->scheme, entry->proto);
    show_address(label, &entry->addr);
  }
  coap_free_address_info(list);
}

static void
resolving(void) {
  static const coap_resolve_type_t types[] = {COAP_RESOLVE_TYPE_LOCAL, COAP_RESOLVE_TYPE_REMOTE};
  coap_addr_info_t *list;
  char name[600];

  show("-- resolving");
  for (size_t i = 0; i < 2; i++) {
    show_resolved("127.0.0.1", 0, 0, BOTH, types[i]);
    show_resolved("127.0.0.1", 77, 0, BOTH, types[i]);
    show_resolved("::1", 0, AI_NUMERICHOST, BOTH, types[i]);
    show_resolved("fe80::1%lo", 1, 0, COAP_URI_SCHEME_COAP_BIT, types[i]);
    show_resolved("224.0.1.187", 1, 0, COAP_URI_SCHEME_COAP_BIT, types[i]);
    show_resolved("::", 0, AI_PASSIVE, COAP_URI_SCHEME_COAP_BIT, types[i]);
    show_resolved("%2Ftmp%2Fsock", 0, 0, BOTH, types[i]);
    show_resolved("%2ftmp%2fsock", 7, 0, COAP_URI_SCHEME_HTTP_BIT, types[i]);
    show_resolved("/tmp/sock", 0, 0, BOTH, types[i]);
  }
  list = coap_resolve_address_info(NULL, 0, 0, 0, 0, 0, COAP_URI_SCHEME_COAP_BIT, COAP_RESOLVE_TYPE_LOCAL);
  NEED(list);
  SHOW(coap_address_get_port(&list->addr));
  coap_free_address_info(list);
  /* Nothing is looked up under no name: this host is meant. */
  SHOW(entries("", 0, 0, COAP_URI_SCHEME_COAP_BIT) > 0);
  coap_free_address_info(NULL);

  show("-- not to be resolved");
  SHOW(entries("127.0.0.1", 9, 0, 0));
  SHOW(entries("127.0.0.1", 9, 0, 0x100));
  SHOW(entries("127.0.0.1", 9, 0, COAP_URI_SCHEME_COAPS_BIT));
  SHOW(entries("[::1]", 5, AI_NUMERICHOST, COAP_URI_SCHEME_COAP_BIT));
  SHOW(entries("localhost", 9, AI_NUMERICHOST, COAP_URI_SCHEME_COAP_BIT));
  SHOW(entries("%2Fsock", 7, 0, COAP_URI_SCHEME_COAPS_BIT | COAP_URI_SCHEME_COAP_WS_BIT));
  SHOW(entries("%2Fsock", 7, 0, 0x100));
  memset(name, 'a', sizeof(name));
  SHOW(entries(name, 255, AI_NUMERICHOST, COAP_URI_SCHEME_COAP_BIT));
  SHOW(entries(name, 256, AI_NUMERICHOST, COAP_URI_SCHEME_COAP_BIT));
  /* CVE-2025-34468: a name of this length was written behind the end of a buffer. */
  if (!on_reference())
    SHOW(entries(name, 600, AI_NUMERICHOST, COAP_URI_SCHEME_COAP_BIT));
  else
    show("entries(name, 600, AI_NUMERICHOST, COAP_URI_SCHEME_COAP_BIT) = 0");
  memcpy(name, "/", 1);
  SHOW(entries(name, 26, 0, COAP_URI_SCHEME_COAP_BIT));
  mend("unix_encoded", "1", "%d", entries("%2Ftmp%2Fcoap%2Fserver%2Fsock", 29, 0, COAP_URI_SCHEME_COAP_BIT));
  mend("zero_in_name", "0", "%d", entries("127.0.0.1\0.x", 12, 0, COAP_URI_SCHEME_COAP_BIT));
}

static void
hint_bits(void) {
  show("-- schemes for a server");
  for (coap_proto_t proto = COAP_PROTO_UDP; proto < COAP_PROTO_LAST; proto++)
    show("Unix, proto %d: %x %x", proto, coap_get_available_scheme_hint_bits(0, 0, proto),
         coap_get_available_scheme_hint_bits(1, 1, proto));
  SHOW(coap_get_available_scheme_hint_bits(0, 0, COAP_PROTO_NONE) & COAP_URI_SCHEME_COAP_BIT);
  SHOW(coap_get_available_scheme_hint_bits(1, 1, COAP_PROTO_LAST) ==
       coap_get_available_scheme_hint_bits(1, 1, COAP_PROTO_NONE));
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  making();
  unix_domain();
  comparing();
  classifying();
  resolving();
  hint_bits();
  coap_cleanup();
  return 0;
}
