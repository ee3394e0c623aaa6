/* Observers at Unix paths are known to a server that starts again at its path.
 *
 * mend long_peer: the path of a peer may have 107 bytes. The reference has room for 26, and crashes. */
#include "unix.h"

static coap_context_t *server;
static coap_resource_t *watched;
static unsigned int version;

static void
handle(coap_resource_t *resource UNUSED, coap_session_t *session UNUSED, const coap_pdu_t *request UNUSED,
       const coap_string_t *query UNUSED, coap_pdu_t *response) {
  uint8_t text = (uint8_t)('0' + version);
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  coap_add_data(response, 1, &text);
}

static void
start(void) {
  coap_address_t address = unix_at("s");
  server = coap_new_context(NULL);
  NEED(coap_new_endpoint(server, &address, COAP_PROTO_UDP));
  watched = resource_with(server, "o", 0, COAP_REQUEST_GET, handle);
  coap_resource_set_get_observable(watched, 1);
  SHOW(coap_persist_startup(server, NULL, at("observers"), at("numbers"), 1));
}

static void
stop(void) {
  coap_persist_stop(server);
  coap_free_context(server);
}

/* The payload of what came; `-` for nothing. */
static char
told(int fd) {
  uint8_t bytes[100];
  for (int64_t end = now_ms() + 1000; now_ms() < end;) {
    ssize_t length = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (length > 0)
      return (char)bytes[length - 1];
    coap_io_process(server, 5);
  }
  return '-';
}

static void
observe(const char *path, char *before, char *after) {
  datagram_t request = from_hex("41 01 0001 aa 60 51 6f");
  int fd = bare_socket(SOCK_DGRAM, path);
  version = 1;
  start();
  send_bytes(fd, at("s"), request.bytes, request.length);
  *before = told(fd);
  stop();
  version = 2;
  start();
  coap_resource_notify_observers(watched, NULL);
  *after = told(fd);
  close(fd);
  unlink(path);
  /* It is deregistered by nobody: the next server starts without it. */
  stop();
  unlink(at("observers"));
  unlink(at("numbers"));
}

int
main(void) {
  char path[108], before, after;
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  enter_directory();
  strcpy(path, at("c"));
  observe(path, &before, &after);
  show("told %c, and after the restart %c", before, after);
  memset(path, 'p', sizeof(path));
  memcpy(path, at(""), strlen(directory) + 1);
  path[107] = 0;
  if (!on_reference()) {
    observe(path, &before, &after);
    mend("long_peer", "1 2", "%c %c", before, after);
  } else {
    show("coap_persist_startup(server, NULL, at(\"observers\"), at(\"numbers\"), 1) = 1");
    show("coap_persist_startup(server, NULL, at(\"observers\"), at(\"numbers\"), 1) = 1");
  }
  leave_directory();
  coap_cleanup();
  return 0;
}
