/* Endpoints on wildcard addresses, IPv6 and both: which address an answer leaves from, and which sessions
 * there are. Where there is no IPv6 the program says so and checks IPv4 only.
 *
 * mend pairs: the reference has one server session per remote address, and changes its local address with each
 *   request. Ours has one per pair of addresses. */
#include "peer.h"

static coap_context_t *context;
static int responses, sessions, quiet;

/* An address as text, without the port. */
static const char *
text_of(const coap_address_t *address) {
  static char texts[2][64];
  static int next;
  char *text = texts[next++ % 2];
  coap_print_ip_addr(address, text, sizeof(texts[0]));
  return text;
}

static int
on_event(coap_session_t *session, const coap_event_t event) {
  if (event == COAP_EVENT_SERVER_SESSION_NEW)
    sessions++;
  if (!quiet)
    show("  event %#x: remote %s, local %s", (unsigned int)event, text_of(coap_session_get_addr_remote(session)),
       text_of(coap_session_get_addr_local(session)));
  return 0;
}

static coap_response_t
on_response(coap_session_t *session, const coap_pdu_t *sent UNUSED, const coap_pdu_t *received,
            const coap_mid_t mid UNUSED) {
  responses++;
  show("  response %s: remote %s, local %s", code_text(coap_pdu_get_code(received)),
       text_of(coap_session_get_addr_remote(session)), text_of(coap_session_get_addr_local(session)));
  return COAP_RESPONSE_OK;
}

static void
start(void) {
  context = coap_new_context(NULL);
  add_probe(context);
  coap_register_event_handler(context, on_event);
  coap_register_response_handler(context, on_response);
}

/* An address from text, with a port. */
static coap_address_t
named(const char *text, uint16_t port) {
  coap_address_t address;
  coap_address_init(&address);
  if (strchr(text, ':')) {
    address.addr.sin6.sin6_family = AF_INET6;
    address.size = sizeof(address.addr.sin6);
    NEED(inet_pton(AF_INET6, text, &address.addr.sin6.sin6_addr) == 1);
  } else {
    address.addr.sin.sin_family = AF_INET;
    address.size = sizeof(address.addr.sin);
    NEED(inet_pton(AF_INET, text, &address.addr.sin.sin_addr) == 1);
  }
  coap_address_set_port(&address, port);
  return address;
}

/* Asks the probe at an address from a bare socket `fd`, and prints where the answer comes from. */
static void
ask_from(int fd, const char *where, uint16_t port) {
  static unsigned int mid = 0x100;
  coap_address_t server = named(where, port), from;
  datagram_t request = from_hex("41 01 0000 aa b1 7e"), answer;
  int64_t end = now_ms() + 2000;
  request.bytes[2] = (uint8_t)(++mid >> 8);
  request.bytes[3] = (uint8_t)mid;
  show("  asking %s", where);
  NEED(sendto(fd, request.bytes, request.length, 0, &server.addr.sa, server.size) == (ssize_t)request.length);
  for (;;) {
    coap_address_init(&from);
    ssize_t length = recvfrom(fd, answer.bytes, sizeof(answer.bytes), MSG_DONTWAIT, &from.addr.sa, &from.size);
    if (length > 0) {
      answer.length = (size_t)length;
      break;
    }
    if (now_ms() > end) {
      show("  no answer");
      return;
    }
    coap_io_process(context, 2);
  }
  show_datagram("  <", &answer, MASK_NONE);
  show("  from %s, the port asked: %d", text_of(&from), coap_address_get_port(&from) == port);
}

static uint16_t
endpoint_on(const char *text, coap_endpoint_t **endpoint) {
  for (int attempt = 0; attempt < 20; attempt++) {
    uint16_t port = free_port();
    coap_address_t address = named(text, port);
    *endpoint = coap_new_endpoint(context, &address, COAP_PROTO_UDP);
    if (*endpoint)
      return port;
  }
  return 0;
}

static void
ask_library(const char *where, uint16_t port) {
  coap_address_t server = named(where, port);
  coap_session_t *session = coap_new_client_session(context, NULL, &server, COAP_PROTO_UDP);
  show("  a session to %s: %s", where, session ? "something" : "NULL");
  if (!session)
    return;
  responses = 0;
  coap_send(session, request_for(session, COAP_MESSAGE_CON, COAP_REQUEST_GET, "~", "tk"));
  RUN_UNTIL(context, responses, 2000);
  coap_session_release(session);
}

/* Prints a text with each run of digits that is a port left out. */
static void
print_endpoint(coap_endpoint_t *endpoint) {
  const char *text = coap_endpoint_str(endpoint), *colon = strrchr(text, ':');
  show("  endpoint %.*s:*%s", (int)(colon - text), text, strchr(colon, ' '));
}

static void
ipv4(void) {
  coap_endpoint_t *endpoint;
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  show("-- every IPv4 address");
  start();
  uint16_t port = endpoint_on("0.0.0.0", &endpoint);
  NEED(port);
  print_endpoint(endpoint);
  quiet = 1;
  sessions = 0;
  ask_from(fd, "127.0.0.1", port);
  ask_from(fd, "127.0.0.5", port);
  ask_from(fd, "127.0.0.5", port);
  ask_from(fd, "127.0.0.6", port);
  mend("pairs", "3 sessions", "%d sessions", sessions);
  ask_library("127.0.0.7", port);
  close(fd);
  coap_free_context(context);
  quiet = 0;
}

static void
ipv6(void) {
  coap_endpoint_t *endpoint;
  int four = socket(AF_INET, SOCK_DGRAM, 0), six = socket(AF_INET6, SOCK_DGRAM, 0);
  show("-- one IPv6 address");
  start();
  uint16_t port = endpoint_on("::1", &endpoint);
  NEED(port);
  print_endpoint(endpoint);
  ask_from(six, "::1", port);
  ask_from(four, "127.0.0.1", port);
  ask_library("::1", port);
  coap_free_context(context);

  show("-- every address");
  start();
  port = endpoint_on("::", &endpoint);
  NEED(port);
  print_endpoint(endpoint);
  ask_from(six, "::1", port);
  ask_from(four, "127.0.0.1", port);
  quiet = 1;
  ask_from(four, "127.0.0.5", port);
  quiet = 0;
  ask_library("::1", port);
  ask_library("127.0.0.1", port);
  quiet = 1;
  coap_free_context(context);
  close(four);
  close(six);
}

static int
has_ipv6(void) {
  coap_address_t address = named("::1", 0);
  int fd = socket(AF_INET6, SOCK_DGRAM, 0);
  int has = fd >= 0 && bind(fd, &address.addr.sa, address.size) == 0;
  if (fd >= 0)
    close(fd);
  return has;
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  ipv4();
  if (has_ipv6())
    ipv6();
  else
    show("~ no IPv6 here");
  coap_cleanup();
  return 0;
}
