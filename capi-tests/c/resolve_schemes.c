/* The schemes of addresses: what each is resolved to, with which ports, for peers and for this host, over IP and in the Unix
 * domain; which of them are offered; how endpoints and sessions of each transport are written; and the texts of errors.
 *
 * mend endpoint_text: the reference gives NONE for the transport of every endpoint that is not one of UDP.
 * mend unix_ws: the reference asks for the name of a WebSocket server before a program can set it where the connection is there
 *   at once. Ours works.
 */
#include <errno.h>

#include "unix.h"

static coap_addr_info_t *
resolve(const char *host, int ports, int bits, coap_resolve_type_t type) {
  coap_str_const_t name = {strlen(host), (const uint8_t *)host};
  uint16_t first = ports ? 1001 : 0;
  return coap_resolve_address_info(&name, first, ports ? 1002 : 0, ports ? 1003 : 0, ports ? 1004 : 0, 0, bits, type);
}

static void
show_list(const char *host, int ports, int bits, coap_resolve_type_t type) {
  coap_addr_info_t *list = resolve(host, ports, bits, type);
  printf("%s %02x %s%s:", host, (unsigned int)bits, type == COAP_RESOLVE_TYPE_LOCAL ? "local" : "remote",
         ports ? "" : " without ports");
  for (coap_addr_info_t *entry = list; entry; entry = entry->next) {
    char text[64];
    coap_print_ip_addr(&entry->addr, text, sizeof(text));
    printf(" {scheme %d proto %d %s %u size %u}", (int)entry->scheme, (int)entry->proto, text,
           coap_address_get_port(&entry->addr), (unsigned int)entry->addr.size);
  }
  puts("");
  fflush(stdout);
  coap_free_address_info(list);
}

static int
schemes_of(const char *host, int bits) {
  int found = 0;
  coap_addr_info_t *list = resolve(host, 1, bits, COAP_RESOLVE_TYPE_REMOTE);
  for (coap_addr_info_t *entry = list; entry; entry = entry->next)
    found |= 1 << entry->scheme;
  coap_free_address_info(list);
  return found;
}

static void
resolving(void) {
  static const char *const hosts[] = {"127.0.0.1", "::1", "%2Ftmp%2Fx"};
  for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
    show("-- %s", hosts[i]);
    for (int bit = 1; bit <= 0x80; bit <<= 1) {
      show_list(hosts[i], 1, bit, COAP_RESOLVE_TYPE_REMOTE);
      show_list(hosts[i], 0, bit, COAP_RESOLVE_TYPE_REMOTE);
      show_list(hosts[i], 0, bit, COAP_RESOLVE_TYPE_LOCAL);
    }
    show_list(hosts[i], 1, COAP_URI_SCHEME_ALL_COAP_BITS, COAP_RESOLVE_TYPE_REMOTE);
    show_list(hosts[i], 0, 0xff, COAP_RESOLVE_TYPE_LOCAL);
    show("all sets of schemes:");
    for (int bits = 0; bits < 0x100; bits++)
      printf("%02x%s", (unsigned int)schemes_of(hosts[i], bits), bits % 32 == 31 ? "\n" : " ");
  }
}

static void
uris(void) {
  static const char *const schemes[] = {"coap", "coaps", "coap+tcp", "coaps+tcp", "coap+ws", "coaps+ws", "http", "https", "x"};
  static const char *const rests[] = {"127.0.0.1/a?b", "[::1]:99/", "%2Ftmp%2Fx/a/b?c"};
  show("-- from URIs to addresses");
  for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
    for (size_t j = 0; j < sizeof(rests) / sizeof(rests[0]); j++) {
      char text[64];
      coap_uri_t uri;
      snprintf(text, sizeof(text), "%s://%s", schemes[i], rests[j]);
      int result = coap_split_uri((const uint8_t *)text, strlen(text), &uri);
      show("%s: %d", text, result);
      if (result < 0)
        continue;
      coap_addr_info_t *list = coap_resolve_address_info(&uri.host, uri.port, uri.port, uri.port, uri.port, 0,
                                                         1 << uri.scheme, COAP_RESOLVE_TYPE_REMOTE);
      NEED(list);
      show("  proto %d port %u unix %d", (int)list->proto, coap_address_get_port(&list->addr),
           coap_is_af_unix(&list->addr));
      coap_free_address_info(list);
    }
  }
}

static void
offers(void) {
  show("-- what is offered, without and with keys, without and with WebSockets");
  for (coap_proto_t proto = COAP_PROTO_NONE; proto <= COAP_PROTO_LAST; proto++)
    show("%d: %02x %02x %02x %02x", (int)proto, coap_get_available_scheme_hint_bits(0, 0, proto),
         coap_get_available_scheme_hint_bits(1, 0, proto), coap_get_available_scheme_hint_bits(0, 1, proto),
         coap_get_available_scheme_hint_bits(1, 1, proto));
}

/* Prints a text with each port as PORT. */
static void
show_ports(const char *label, const char *text) {
  char line[256] = "";
  size_t length = 0;
  while (*text && length + 8 < sizeof(line)) {
    line[length++] = *text;
    if (*text++ == ':' && length > 1 && (line[length - 2] == ']' || strchr(line, '.'))) {
      while (*text >= '0' && *text <= '9')
        text++;
      memcpy(line + length, "PORT", 5);
      length += 4;
    }
  }
  show_text(label, line);
}

static void
texts(void) {
  static const coap_proto_t protos[] = {COAP_PROTO_UDP, COAP_PROTO_TCP, COAP_PROTO_WS};
  static const char *const names[] = {"UDP", "TCP", "WS"};
  show("-- endpoints and sessions");
  for (size_t i = 0; i < 3; i++) {
    for (int family = 0; family < 3; family++) {
      coap_context_t *server = coap_new_context(NULL), *client = coap_new_context(NULL);
      NEED(server && client);
      coap_address_t address = loopback(free_port()), local = unix_at("c");
      if (family == 1) {
        uint16_t port = coap_address_get_port(&address);
        coap_address_init(&address);
        address.addr.sin6.sin6_family = AF_INET6;
        address.addr.sin6.sin6_addr = in6addr_loopback;
        coap_address_set_port(&address, port);
      } else if (family == 2) {
        address = unix_at("s");
      }
      coap_endpoint_t *endpoint = coap_new_endpoint(server, &address, protos[i]);
      NEED(endpoint);
      const char *text = coap_endpoint_str(endpoint);
      mend("endpoint_text", names[i], "%s", strrchr(text, ' ') + 1);
      char without[128];
      snprintf(without, sizeof(without), "%.*s", (int)(strrchr(text, ' ') - text), text);
      show_ports("endpoint", without);
      coap_session_t *session =
          coap_new_client_session(client, family == 2 ? &local : NULL, &address, protos[i]);
      NEED(session);
      coap_ws_set_host_request(session, coap_make_str_const("localhost"));
      int64_t end = now_ms() + 3000;
      while (coap_session_get_state(session) != COAP_SESSION_STATE_ESTABLISHED && now_ms() < end) {
        coap_io_process(client, COAP_IO_NO_WAIT);
        coap_io_process(server, COAP_IO_NO_WAIT);
        if (on_reference() && protos[i] == COAP_PROTO_WS && family == 2)
          break;
      }
      show_ports("session", coap_session_str(session));
      if (protos[i] == COAP_PROTO_WS && family == 2)
        mend("unix_ws", "4", "%d", (int)coap_session_get_state(session));
      else
        show("state %d", (int)coap_session_get_state(session));
      show("proto %d", (int)coap_session_get_proto(session));
      coap_session_release(session);
      coap_free_context(client);
      coap_free_context(server);
    }
  }
}

static void
errors(void) {
  static const int numbers[] = {0, ENOENT, ECONNREFUSED, EADDRINUSE, EAGAIN, ENAMETOOLONG, ENOTCONN};
  show("-- errors");
  for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
    errno = numbers[i];
    show("%s", coap_socket_strerror());
  }
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  enter_directory();
  resolving();
  uris();
  offers();
  texts();
  errors();
  leave_directory();
  coap_cleanup();
  return 0;
}
