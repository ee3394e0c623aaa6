/* Files and packets from elsewhere: cut at every byte, changed at every byte, with lengths that cannot be, foreign. A file
 * is taken as far as it was written whole, or refused and left alone; a packet is taken or refused; nothing else. */
#include "peer.h"
#include <fcntl.h>
#include <sys/stat.h>

static coap_context_t *context;
static coap_resource_t *resource;
static uint16_t port;
static char directory[] = "/tmp/coap-persist-XXXXXX";
static char file[64];
static coap_address_t listen_at;
static coap_addr_tuple_t ends;

static void
on_get(coap_resource_t *r UNUSED, coap_session_t *session UNUSED, const coap_pdu_t *request UNUSED,
       const coap_string_t *query UNUSED, coap_pdu_t *response) {
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
}

static void
start(void) {
  coap_address_t address = loopback(port);
  context = coap_new_context(NULL);
  NEED(coap_new_endpoint(context, &address, COAP_PROTO_UDP));
  resource = resource_with(context, "r", 0, COAP_REQUEST_GET, on_get);
  coap_register_request_handler(resource, COAP_REQUEST_FETCH, on_get);
  coap_resource_set_get_observable(resource, 1);
}

static void
write_file(const uint8_t *bytes, size_t length) {
  int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  NEED(fd >= 0 && write(fd, bytes, length) == (ssize_t)length && close(fd) == 0);
}

/* Whether a server starts with these bytes for its observers; if not, they must be there still. */
static int
starts_with(const uint8_t *bytes, size_t length) {
  uint8_t after[4096];
  write_file(bytes, length);
  start();
  int started = coap_persist_startup(context, NULL, file, NULL, 1);
  coap_persist_stop(context);
  coap_free_context(context);
  if (!started) {
    int fd = open(file, O_RDONLY);
    NEED(fd >= 0 && read(fd, after, sizeof(after)) == (ssize_t)length && close(fd) == 0);
    NEED(memcmp(after, bytes, length) == 0);
  }
  return started;
}

/* mend hostile: The manual page promises 0 for a file that cannot be used; libcoap takes what it can make of it. */
static void
files(void) {
  uint8_t whole[4096], bytes[4096];
  peer_t peers[3];
  start();
  NEED(coap_persist_startup(context, NULL, file, NULL, 1));
  for (int i = 0; i < 3; i++) {
    peers[i] = peer_open(port);
    datagram_t answer;
    peer_send_hex(&peers[i], "41 01 0001 aa 60 51 72");
    NEED(peer_receive(&peers[i], context, &answer, 3000));
  }
  coap_persist_stop(context);
  coap_free_context(context);
  int fd = open(file, O_RDONLY);
  ssize_t length = read(fd, whole, sizeof(whole));
  NEED(fd >= 0 && length > 100 && length < (ssize_t)sizeof(whole) && close(fd) == 0);

  int taken = 0, changed = 0;
  size_t first = 0;
  for (size_t n = 1; n < (size_t)length; n++) {
    int started = starts_with(whole, n);
    first = started && !first ? n : first;
    taken += started;
  }
  /* The first observer is what the file began with. */
  mend("hostile", "taken from then on: yes", "taken from then on: %s",
       taken == (int)((size_t)length - first) ? "yes" : "no");
  for (size_t n = 0; n < (size_t)length; n++) {
    memcpy(bytes, whole, (size_t)length);
    bytes[n] ^= (uint8_t)(1u << n % 8);
    changed += starts_with(bytes, (size_t)length);
  }
  mend("hostile", "changed and taken: 0", "changed and taken: %d", changed);
  int foreign = 0;
  memcpy(bytes, whole, (size_t)length);
  memset(bytes + 12, 0xff, 4);
  foreign += starts_with(bytes, (size_t)length);
  memset(bytes + 16, 0, 4);
  foreign += starts_with(bytes, 20);
  static const char *const texts[] = {"\n", "r 2\n", "coap3kep", "coap3kept\n", "root:x:0:0:root:/root:/bin/sh\n"};
  for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
    foreign += starts_with((const uint8_t *)texts[i], strlen(texts[i]));
  mend("hostile", "foreign and taken: 0", "foreign and taken: %d", foreign);
  for (int i = 0; i < 3; i++)
    peer_close(&peers[i]);
  unlink(file);
}

static int
add(const uint8_t *bytes, size_t length) {
  /* A block of its own, so that memcheck sees what is read behind it. */
  uint8_t *copy = malloc(length + !length);
  memcpy(copy, bytes, length);
  coap_bin_const_t packet = {length, copy};
  int added = coap_persist_observe_add(context, COAP_PROTO_UDP, &listen_at, &ends, &packet, NULL) != NULL;
  free(copy);
  return added;
}

/* mend foreign: What is no request, and comes from no address, is not put back; libcoap is not asked. */
static void
packets(void) {
  static const char *const wholes[] = {
      "48 01 0001 0102030405060708 60 51 72", "41 05 0002 aa 60 51 72 10 ff 6162636465",
      "41 01 0003 aa 60 51 72 41 61 d1 f5 10", "50 01 0004 60 51 72"};
  start();
  listen_at = loopback(port);
  ends.local = listen_at;
  ends.remote = loopback(9);
  int cut = 0, more = 0;
  for (size_t i = 0; i < sizeof(wholes) / sizeof(*wholes); i++) {
    datagram_t whole = from_hex(wholes[i]);
    for (size_t n = 0; n < whole.length; n++)
      cut += add(whole.bytes, n);
    for (size_t n = 0; n < whole.length * 8; n++) {
      datagram_t changed = whole;
      changed.bytes[n / 8] ^= (uint8_t)(1u << n % 8);
      more += add(changed.bytes, changed.length);
    }
  }
  show("~ cut: %d taken, changed: %d taken", cut, more);
  static const char *const odd[] = {
      "4d 01 0001 ff 60 51 72", "4e 01 0001 ffff 60 51 72", "4f 01 0001 60 51 72", "41 01 0001 aa ff",
      "41 01 0001 aa 60 5e ffff 72", "41 01 0001 aa f0", "00 00 0000", "40 00 0001", "c1 01 0001 aa 60 51 72"};
  int taken = 0;
  for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
    datagram_t datagram = from_hex(odd[i]);
    taken += add(datagram.bytes, datagram.length);
  }
  mend("foreign", "odd packets taken: 0", "odd packets taken: %d", taken);

  datagram_t good = from_hex(wholes[0]);
  coap_bin_const_t packet = {good.length, good.bytes}, none = {5, NULL}, oscore = {good.length, good.bytes};
  coap_address_t nothing;
  coap_addr_tuple_t nowhere = {0};
  memset(&nothing, 0, sizeof(nothing));
  int odd_calls = 0;
  odd_calls += coap_persist_observe_add(NULL, COAP_PROTO_UDP, &listen_at, &ends, &packet, NULL) != NULL;
  odd_calls += coap_persist_observe_add(context, COAP_PROTO_UDP, NULL, &ends, &packet, NULL) != NULL;
  odd_calls += coap_persist_observe_add(context, COAP_PROTO_UDP, &listen_at, NULL, &packet, NULL) != NULL;
  odd_calls += coap_persist_observe_add(context, COAP_PROTO_UDP, &listen_at, &ends, NULL, NULL) != NULL;
  odd_calls += coap_persist_observe_add(context, COAP_PROTO_UDP, &listen_at, &ends, &none, NULL) != NULL;
  odd_calls += coap_persist_observe_add(context, COAP_PROTO_UDP, &listen_at, &ends, &packet, &oscore) != NULL;
  odd_calls += coap_persist_observe_add(context, COAP_PROTO_UDP, &nothing, &ends, &packet, NULL) != NULL;
  odd_calls += coap_persist_observe_add(context, COAP_PROTO_UDP, &listen_at, &nowhere, &packet, NULL) != NULL;
  odd_calls += coap_persist_observe_add(context, COAP_PROTO_DTLS, &listen_at, &ends, &packet, NULL) != NULL;
  odd_calls += coap_persist_observe_add(context, (coap_proto_t)99, &listen_at, &ends, &packet, NULL) != NULL;
  mend("foreign", "odd calls taken: 0", "odd calls taken: %d", odd_calls);
  mend("foreign", "good packet taken: 1", "good packet taken: %d", add(good.bytes, good.length));
  coap_persist_stop(context);
  coap_free_context(context);
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  NEED(mkdtemp(directory));
  snprintf(file, sizeof(file), "%s/observers", directory);
  port = free_port();
  if (!on_reference()) {
    files();
    packets();
  }
  NEED(rmdir(directory) == 0);
  coap_cleanup();
  return 0;
}
