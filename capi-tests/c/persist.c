/* What a server keeps over a restart: what the tracking functions are told and in which order, what brings an observer
 * back, and a server that is killed and goes on from its files. */
#include "peer.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

static coap_context_t *context;
static coap_resource_t *resource;
static peer_t peer;
static uint16_t port;
static int user_data, value;
static char directory[] = "/tmp/coap-persist-XXXXXX";
static char files[3][64];

/* What an observer's function was told last. */
static struct {
  coap_subscription_t *key;
  coap_address_t listen;
  coap_addr_tuple_t ends;
  size_t length;
  uint8_t packet[256];
} kept;

static void
show_packet(const char *label, const coap_bin_const_t *packet) {
  printf("  %s ", label);
  for (size_t i = 0; i < packet->length; i++)
    printf("%02x", packet->s[i]);
  putchar('\n');
  fflush(stdout);
}

static int
on_added(coap_session_t *session, coap_subscription_t *key, coap_proto_t proto, coap_address_t *listen,
         coap_addr_tuple_t *ends, coap_bin_const_t *packet, coap_bin_const_t *oscore, void *data) {
  NEED(session && key && data == &user_data && packet->length <= sizeof(kept.packet));
  show("  added: proto %d, endpoint %d, remote %d, local %d, OSCORE %d", proto,
       ntohs(listen->addr.sin.sin_port) == port, ntohs(ends->remote.addr.sin.sin_port) == peer.port,
       ntohs(ends->local.addr.sin.sin_port) == port, oscore != NULL);
  show_packet("packet", packet);
  kept.key = key;
  kept.listen = *listen;
  kept.ends = *ends;
  kept.length = packet->length;
  memcpy(kept.packet, packet->s, packet->length);
  return 1;
}

static int
on_deleted(coap_session_t *session, coap_subscription_t *key, void *data) {
  show("  deleted: session %d, the last added %d, data %d", session != NULL, key == kept.key,
       data == &user_data);
  return 1;
}

static int
on_number(coap_context_t *c, coap_str_const_t *name, uint32_t number, void *data) {
  show("  number: context %d, %s %u, data %d", c == context, (const char *)name->s, number, data == &user_data);
  return 1;
}

static int made;

static int
on_made(coap_session_t *session UNUSED, coap_str_const_t *name UNUSED, coap_bin_const_t *packet UNUSED,
        void *data UNUSED) {
  made++;
  return 1;
}

static int
on_gone(coap_context_t *c, coap_str_const_t *name, void *data) {
  show("  gone: context %d, %s, data %d", c == context, (const char *)name->s, data == &user_data);
  return 1;
}

static int is_quiet;

static void
on_get(coap_resource_t *r UNUSED, coap_session_t *session UNUSED, const coap_pdu_t *request UNUSED,
       const coap_string_t *query UNUSED, coap_pdu_t *response) {
  char text[16];
  if (!is_quiet)
    show("  handler");
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  coap_add_data(response, (size_t)snprintf(text, sizeof(text), "v%d", value++), (const uint8_t *)text);
}

/* The state has changed. */
static void
on_post(coap_resource_t *r, coap_session_t *session UNUSED, const coap_pdu_t *request UNUSED,
        const coap_string_t *query UNUSED, coap_pdu_t *response) {
  coap_resource_notify_observers(r, NULL);
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CHANGED);
}

static void
on_unknown(coap_resource_t *r UNUSED, coap_session_t *session, const coap_pdu_t *request,
           const coap_string_t *query UNUSED, coap_pdu_t *response) {
  coap_string_t *path = coap_get_uri_path(request);
  coap_str_const_t name = {path->length, path->s};
  coap_resource_t *n = coap_resource_init(&name, 0);
  coap_register_request_handler(n, COAP_REQUEST_GET, on_get);
  coap_register_request_handler(n, COAP_REQUEST_POST, on_post);
  coap_resource_set_get_observable(n, 1);
  coap_add_resource(coap_session_get_context(session), n);
  coap_delete_string(path);
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CREATED);
}

static void
start_at(uint16_t at) {
  context = coap_new_context(NULL);
  if (at) {
    coap_address_t address = loopback(at);
    NEED(coap_new_endpoint(context, &address, COAP_PROTO_UDP));
    port = at;
  } else {
    port = serve(context, NULL);
  }
  add_probe(context);
  resource = resource_with(context, "r", 0, COAP_REQUEST_GET, on_get);
  coap_register_request_handler(resource, COAP_REQUEST_POST, on_post);
  coap_resource_set_get_observable(resource, 1);
  coap_add_resource(context, coap_resource_unknown_init(on_unknown));
}

static void
track(void) {
  coap_persist_track_funcs(context, on_added, on_deleted, on_number, on_made, on_gone, 3, &user_data);
}

static void
see(void) {
  datagram_t datagram;
  while (peer_take(&peer, &datagram))
    show_datagram("  <", &datagram, MASK_OWN);
}

static void
notify(coap_resource_t *r) {
  coap_resource_notify_observers(r, NULL);
  coap_check_notify(context);
  see();
}

static void
tracked(void) {
  show("-- what the functions are told");
  start_at(0);
  peer = peer_open(port);
  track();
  show("observe");
  ask(&peer, context, "  <", "42 01 0001 aa01 60 51 72", MASK_OWN);
  show("the same again");
  ask(&peer, context, "  <", "42 01 0002 aa01 60 51 72", MASK_OWN);
  show("with another token");
  ask(&peer, context, "  <", "42 01 0003 aa02 60 51 72", MASK_OWN);
  for (int i = 0; i < 4; i++) {
    show("change");
    notify(resource);
  }
  show("a resource is made");
  ask(&peer, context, "  <", "42 03 0004 aa03 b1 6e ff 78", MASK_OWN);
  /* mend made: The manual page promises the call whenever a request makes a resource; libcoap makes it only after
   * coap_persist_startup() with a file for them. */
  mend("made", "1", "%d", made);
  show("the end of an observation");
  ask(&peer, context, "  <", "42 01 0005 aa02 61 01 51 72", MASK_OWN);
  show("the end of none");
  ask(&peer, context, "  <", "42 01 0006 aa09 61 01 51 72", MASK_OWN);
  show("another number");
  ask(&peer, context, "  <", "42 01 0007 aa04 60 51 6e", MASK_OWN);
  coap_resource_t *n = coap_get_resource_from_uri_path(context, coap_make_str_const("n"));
  coap_persist_set_observe_num(n, 1000);
  notify(n);
  coap_persist_set_observe_num(n, 0x1fffffe);
  notify(n);
  notify(n);
  show("its resource is deleted");
  coap_delete_resource(context, n);
  see();
  show("observe, and stop");
  ask(&peer, context, "  <", "42 01 0008 aa05 60 51 72", MASK_OWN);
  coap_persist_stop(context);
  notify(resource);
  coap_free_context(context);
  see();
}

static int
add(coap_proto_t proto, const uint8_t *bytes, size_t length) {
  /* A block of its own, so that memcheck sees what is read behind it. */
  uint8_t *copy = malloc(length + !length);
  if (length)
    memcpy(copy, bytes, length);
  coap_bin_const_t packet = {length, copy};
  int added = coap_persist_observe_add(context, proto, &kept.listen, &kept.ends, &packet, NULL) != NULL;
  free(copy);
  return added;
}

static void
add_hex(const char *what, const char *hex) {
  datagram_t datagram = from_hex(hex);
  show("%s: %d", what, add(COAP_PROTO_UDP, datagram.bytes, datagram.length));
}

static void
put_back(void) {
  show("-- an observer comes back");
  coap_set_log_level(COAP_LOG_EMERG);
  start_at(port);
  track();
  SHOW(add(COAP_PROTO_UDP, kept.packet, kept.length));
  SHOW(add(COAP_PROTO_UDP, kept.packet, kept.length));
  notify(resource);
  show("-- and does not");
  add_hex("no such resource", "42 01 0001 aa01 60 51 78");
  add_hex("a POST", "42 02 0001 aa01 60 51 72");
  add_hex("no Observe", "42 01 0001 aa01 b1 72");
  add_hex("the end of an observation", "42 01 0001 aa01 61 01 51 72");
  add_hex("a payload marker without payload", "42 01 0001 aa01 60 51 72 ff");
  add_hex("a response", "42 45 0001 aa01 60 51 72");
  /* mend no request: A Reset with a request in it is no request (RFC 7252 section 4.3); libcoap takes it for
   * one. */
  datagram_t reset = from_hex("72 01 0001 aa07 60 51 72");
  if (!on_reference())
    mend("no request", "0", "%d", add(COAP_PROTO_UDP, reset.bytes, reset.length));
  datagram_t whole = from_hex("42 01 0001 aa07 60 51 72");
  int taken = 0;
  for (size_t length = 1; length < whole.length; length++)
    taken += add(COAP_PROTO_UDP, whole.bytes, length);
  show("cut short: %d", taken);
  show("TCP: %d", add(COAP_PROTO_TCP, whole.bytes, whole.length));
  kept.listen = loopback(1);
  show("no such endpoint: %d", add(COAP_PROTO_UDP, whole.bytes, whole.length));
  coap_persist_stop(context);
  coap_free_context(context);
  see();
  peer_close(&peer);
}

/* ---- a server that is killed ---- */

static pid_t
spawn(void) {
  int ready[2];
  char byte;
  NEED(pipe(ready) == 0);
  pid_t child = fork();
  NEED(child >= 0);
  if (child == 0) {
    coap_startup();
    is_quiet = 1;
    start_at(port);
    byte = (char)('0' + coap_persist_startup(context, files[0], files[1], files[2], 3));
    NEED(write(ready[1], &byte, 1) == 1);
    for (;;)
      coap_io_process(context, COAP_IO_WAIT);
  }
  close(ready[1]);
  NEED(read(ready[0], &byte, 1) == 1);
  close(ready[0]);
  show("  startup: %c", byte);
  return child;
}

static void
kill_it(pid_t child) {
  NEED(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
}

/* Prints the datagrams that come, as many as `count`. */
static void
hear(peer_t *from, const char *label, int count) {
  for (int i = 0; i < count; i++) {
    datagram_t datagram;
    struct pollfd poll_for = {.fd = from->fd, .events = POLLIN};
    if (poll(&poll_for, 1, 5000) != 1 || !peer_take(from, &datagram)) {
      show("%s: nothing", label);
      return;
    }
    show_datagram(label, &datagram, MASK_OWN);
  }
}

static void
killed(void) {
  show("-- a server is killed");
  NEED(mkdtemp(directory));
  for (int i = 0; i < 3; i++)
    snprintf(files[i], sizeof(files[i]), "%s/%d", directory, i);
  port = free_port();
  peer = peer_open(port);
  peer_t other = peer_open(port);
  pid_t child = spawn();
  peer_send_hex(&peer, "42 03 0001 aa01 b1 6e ff 78");
  hear(&peer, "  created", 1);
  peer_send_hex(&peer, "42 01 0002 aa02 60 51 6e");
  hear(&peer, "  observer of n", 1);
  peer_send_hex(&other, "42 01 0003 bb01 60 51 72");
  hear(&other, "  observer of r", 1);
  peer_send_hex(&other, "42 02 0004 bb02 b1 6e");
  hear(&other, "  changed", 1);
  hear(&peer, "  observer of n", 1);
  for (int round = 0; round < 2; round++) {
    kill_it(child);
    show("killed and started again");
    child = spawn();
    char hex[64];
    snprintf(hex, sizeof(hex), "42 02 00%02x bb02 b1 6e", 5 + round);
    peer_send_hex(&other, hex);
    hear(&other, "  changed", 1);
    hear(&peer, "  observer of n", 1);
    snprintf(hex, sizeof(hex), "42 02 01%02x aa02 b1 72", 5 + round);
    peer_send_hex(&peer, hex);
    hear(&peer, "  changed", 1);
    hear(&other, "  observer of r", 1);
  }
  kill_it(child);
  peer_close(&peer);
  peer_close(&other);
}

/* Changes a byte of a file. */
static void
flip(const char *file, off_t at) {
  int fd = open(file, O_RDWR);
  char byte;
  NEED(fd >= 0 && pread(fd, &byte, 1, at) == 1);
  byte ^= 4;
  NEED(pwrite(fd, &byte, 1, at) == 1 && close(fd) == 0);
}

static int
is_there(const char *name) {
  return coap_get_resource_from_uri_path(context, coap_make_str_const(name)) != NULL;
}

/* mend refused: The manual page promises 0 where the files cannot be used; libcoap takes what it can make of a
 * foreign or torn file, and starts without a word where it cannot write. */
static void
refused(void) {
  show("-- files that are refused");
  struct stat before, after;
  NEED(stat(files[1], &before) == 0 && before.st_size > 20);
  flip(files[1], 20);
  start_at(port);
  if (!on_reference())
    mend("refused", "0 0", "%d %d", coap_persist_startup(context, files[0], files[1], files[2], 3), is_there("n"));
  coap_free_context(context);
  NEED(stat(files[1], &after) == 0);
  show("left as it is: %d", after.st_size == before.st_size && after.st_ino == before.st_ino);
  flip(files[1], 20);
  show("-- places that cannot be written to");
  const char *nowhere[] = {"/nonexistent/directory/file", "/", "/dev/null", files[0], files[1]};
  for (size_t i = 0; i < sizeof(nowhere) / sizeof(*nowhere); i++) {
    start_at(port);
    if (!on_reference())
      mend("refused", "0 0", "%d %d", coap_persist_startup(context, files[0], files[1], nowhere[i], 1), is_there("n"));
    coap_free_context(context);
  }
  NEED(stat(files[1], &after) == 0);
  show("left as it is: %d", after.st_size == before.st_size);
  for (int i = 0; i < 3; i++) {
    char beside[80];
    snprintf(beside, sizeof(beside), "%.60s.new", files[i]);
    show("nothing beside: %d", access(beside, F_OK) != 0);
  }
  start_at(port);
  SHOW(coap_persist_startup(context, NULL, NULL, NULL, 0));
  coap_persist_stop(context);
  coap_free_context(context);
  for (int i = 0; i < 3; i++)
    unlink(files[i]);
  NEED(rmdir(directory) == 0);
}

int
main(void) {
  SHOW(coap_observe_persist_is_supported());
  killed();
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  tracked();
  put_back();
  refused();
  coap_cleanup();
  return 0;
}
