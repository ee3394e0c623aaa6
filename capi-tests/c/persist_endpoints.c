/* Observers that come back over IPv6 and over endpoints at wildcard addresses, and such that ask with a body: FETCH, in
 * one message and in blocks. Each is put back once from files, and once from what the program was told. */
#include "peer.h"

static coap_context_t *context;
static coap_resource_t *resource;
static int value;
/* What is counted where nothing is shown. */
static int is_quiet, notified, with_body;
static char directory[] = "/tmp/coap-persist-XXXXXX";
static char files[3][64];

/* What the functions were told of the last observer. */
static struct {
  coap_address_t listen;
  coap_addr_tuple_t ends;
  size_t length;
  uint8_t packet[4096];
  uint32_t number;
} kept;

static int
on_added(coap_session_t *session UNUSED, coap_subscription_t *key UNUSED, coap_proto_t proto UNUSED,
         coap_address_t *listen, coap_addr_tuple_t *ends, coap_bin_const_t *packet, coap_bin_const_t *oscore UNUSED,
         void *data UNUSED) {
  NEED(packet->length <= sizeof(kept.packet));
  kept.listen = *listen;
  kept.ends = *ends;
  kept.length = packet->length;
  memcpy(kept.packet, packet->s, packet->length);
  if (!is_quiet)
    show("  added: %zu bytes", packet->length);
  return 1;
}

static int
on_number(coap_context_t *c UNUSED, coap_str_const_t *name UNUSED, uint32_t number, void *data UNUSED) {
  kept.number = number;
  return 1;
}

/* The sum of the body that comes in blocks. */
#define BODY 1711045891

/* Says what it was asked with. */
static void
on_get(coap_resource_t *r UNUSED, coap_session_t *session UNUSED, const coap_pdu_t *request,
       const coap_string_t *query UNUSED, coap_pdu_t *response) {
  size_t length = 0, offset, total;
  const uint8_t *data = NULL;
  char text[64];
  coap_get_data_large(request, &length, &data, &offset, &total);
  unsigned int sum = 0;
  for (size_t i = 0; i < length; i++)
    sum = sum * 31 + data[i];
  with_body += sum == BODY;
  if (!is_quiet)
    show("  handler: %s with %zu bytes, sum %u", code_text(coap_pdu_get_code(request)), length, sum);
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  coap_add_data(response, (size_t)snprintf(text, sizeof(text), "v%d", value++), (const uint8_t *)text);
}

static void
start(const coap_address_t *at) {
  context = coap_new_context(NULL);
  coap_context_set_block_mode(context, COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
  NEED(coap_new_endpoint(context, at, COAP_PROTO_UDP));
  resource = resource_with(context, "r", 0, COAP_REQUEST_GET, on_get);
  coap_register_request_handler(resource, COAP_REQUEST_FETCH, on_get);
  coap_resource_set_get_observable(resource, 1);
}

static void
end(void) {
  coap_persist_stop(context);
  coap_free_context(context);
}

/* Runs the loop until something comes. */
static void
hear(int fd, const char *label, datagram_t *datagram) {
  int64_t until = now_ms() + 3000;
  ssize_t length;
  while ((length = recv(fd, datagram->bytes, sizeof(datagram->bytes), MSG_DONTWAIT)) < 0) {
    if (now_ms() > until) {
      if (!is_quiet)
        show("%s: nothing", label);
      datagram->length = 0;
      return;
    }
    coap_io_process(context, 2);
  }
  datagram->length = (size_t)length;
  if (!is_quiet)
    show_datagram(label, datagram, MASK_OWN);
}

static void
say(int fd, const datagram_t *datagram) {
  NEED(send(fd, datagram->bytes, datagram->length, 0) == (ssize_t)datagram->length);
}

static void
say_hex(int fd, const char *hex) {
  datagram_t datagram = from_hex(hex);
  say(fd, &datagram);
}

typedef void (*request_t)(int fd);

static void
get(int fd) {
  datagram_t answer;
  say_hex(fd, "42 01 0001 aa01 60 51 72");
  hear(fd, "  <", &answer);
}

static void
fetch(int fd) {
  datagram_t answer;
  say_hex(fd, "42 05 0002 aa02 60 51 72 10 ff 71756572 79");
  hear(fd, "  <", &answer);
}

/* Three blocks of 16, 16 and 3 bytes. */
static void
fetch_in_blocks(int fd) {
  static const char *const blocks[] = {"08", "18", "20"};
  for (int i = 0; i < 3; i++) {
    char hex[128];
    datagram_t answer;
    int at = snprintf(hex, sizeof(hex), "42 05 001%d aa03 60 51 72 10 d1 02 %s ff ", i, blocks[i]);
    for (int n = 0; n < (i < 2 ? 16 : 3); n++)
      at += snprintf(hex + at, sizeof(hex) - (size_t)at, "%02x", 0x61 + i);
    say_hex(fd, hex);
    hear(fd, "  <", &answer);
  }
}

static void
notify(int fd) {
  datagram_t answer;
  coap_resource_notify_observers(resource, NULL);
  hear(fd, "  notified", &answer);
  notified += answer.length > 1 && answer.bytes[1] == COAP_RESPONSE_CODE_CONTENT;
}

static void
keep(void) {
  int started = coap_persist_startup(context, files[0], files[1], files[2], 3);
  NEED(started == 1);
}

static void
title(const char *text) {
  if (!is_quiet)
    show("%s", text);
}

/* The observer of an endpoint at `bound` that talks to it at `named`. */
static void
comes_back(const char *what, coap_address_t bound, coap_address_t named, request_t request) {
  title(what);
  int fd = socket(named.addr.sa.sa_family, SOCK_DGRAM, 0);
  NEED(fd >= 0 && connect(fd, &named.addr.sa, named.size) == 0);
  value = 0;
  start(&bound);
  keep();
  request(fd);
  notify(fd);
  for (int i = 0; i < 2; i++) {
    end();
    title("again, from files");
    start(&bound);
    keep();
    notify(fd);
  }
  end();
  for (int i = 0; i < 3; i++)
    unlink(files[i]);

  title("kept by the program");
  start(&bound);
  coap_persist_track_funcs(context, on_added, NULL, on_number, NULL, NULL, 1, NULL);
  request(fd);
  end();
  title("again, from the program");
  start(&bound);
  coap_bin_const_t packet = {kept.length, kept.packet};
  NEED(coap_persist_observe_add(context, COAP_PROTO_UDP, &kept.listen, &kept.ends, &packet, NULL));
  coap_persist_set_observe_num(resource, kept.number);
  notify(fd);
  end();
  close(fd);
}

static coap_address_t
ipv6(const struct in6_addr *ip, uint16_t port) {
  coap_address_t address;
  coap_address_init(&address);
  address.addr.sin6.sin6_family = AF_INET6;
  address.addr.sin6.sin6_addr = *ip;
  address.addr.sin6.sin6_port = htons(port);
  address.size = sizeof(address.addr.sin6);
  return address;
}

static coap_address_t
any_ipv4(uint16_t port) {
  coap_address_t address = loopback(port);
  address.addr.sin.sin_addr.s_addr = htonl(INADDR_ANY);
  return address;
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_ERR);
  NEED(mkdtemp(directory));
  for (int i = 0; i < 3; i++)
    snprintf(files[i], sizeof(files[i]), "%s/%d", directory, i);
  uint16_t port = free_port();
  comes_back("-- IPv4", loopback(port), loopback(port), get);
  comes_back("-- any IPv4", any_ipv4(port), loopback(port), get);
  comes_back("-- IPv6", ipv6(&in6addr_loopback, port), ipv6(&in6addr_loopback, port), get);
  comes_back("-- any IPv6", ipv6(&in6addr_any, port), ipv6(&in6addr_loopback, port), get);
  comes_back("-- IPv4 at any IPv6", ipv6(&in6addr_any, port), loopback(port), get);
  comes_back("-- FETCH", loopback(port), loopback(port), fetch);
  /* mend blocks: A request that begins an observation may have its body in blocks; libcoap crashes when it is to be
   * kept. */
  is_quiet = 1;
  notified = with_body = 0;
  if (!on_reference()) {
    comes_back("-- FETCH in blocks", loopback(port), loopback(port), fetch_in_blocks);
    mend("blocks", "4 notified, 6 with the body", "%d notified, %d with the body", notified, with_body);
  }
  NEED(rmdir(directory) == 0);
  coap_cleanup();
  return 0;
}
