/* Endpoints and sessions at the paths of Unix datagram sockets: which files they make, and which they leave alone.
 *
 * mend foreign: a session that could not bind removes, on the reference, what is at its path: a file of the user's, or
 *   the socket of another. Ours removes only the file that it made.
 * mend replaced: the same for a path that somebody else has taken over in the meantime.
 * mend directory: a relative path means the directory of the time it was bound in. The reference leaves the file
 *   if the program has gone elsewhere since.
 * mend whole_path: a path of 26 bytes fills the room there is. The reference reads on behind it.
 */
#include "unix.h"

static coap_context_t *context;

static coap_session_t *
client(const char *label, const coap_address_t *local, const coap_address_t *remote) {
  coap_session_t *session = coap_new_client_session(context, local, remote, COAP_PROTO_UDP);
  show("%s: %s", label, session ? "a session" : "NULL");
  return session;
}

static void
endpoints(void) {
  coap_address_t address = unix_at("s");
  struct stat status;
  show("-- an endpoint");
  mode_t before = umask(027);
  coap_endpoint_t *endpoint = coap_new_endpoint(context, &address, COAP_PROTO_UDP);
  umask(before);
  NEED(endpoint);
  NEED(lstat(at("s"), &status) == 0);
  show("made: %s, mode %o", what_is("s"), (unsigned int)status.st_mode & 07777);
  show_text("text", coap_endpoint_str(endpoint));
  show("a second one there: %s", coap_new_endpoint(context, &address, COAP_PROTO_UDP) ? "something" : "NULL");
  show("left: %s", what_is("s"));
  coap_free_endpoint(endpoint);
  show("freed: %s", what_is("s"));

  put_stale(SOCK_DGRAM, "s");
  show("where a socket was left: %s, %s", coap_new_endpoint(context, &address, COAP_PROTO_UDP) ? "something" : "NULL",
       what_is("s"));
  unlink(at("s"));
  put_file("s");
  show("where a file is: %s, %s", coap_new_endpoint(context, &address, COAP_PROTO_UDP) ? "something" : "NULL",
       what_is("s"));
  unlink(at("s"));

  address = unix_at("no/s");
  SHOW_PTR(coap_new_endpoint(context, &address, COAP_PROTO_UDP));
  address = unix_path(directory, strlen(directory));
  SHOW_PTR(coap_new_endpoint(context, &address, COAP_PROTO_UDP));

  address = unix_at("s");
  coap_context_t *other = coap_new_context(&address);
  show("with a context: %s", what_is("s"));
  coap_free_context(other);
  show("the context freed: %s", what_is("s"));

  endpoint = coap_new_endpoint(context, &address, COAP_PROTO_UDP);
  NEED(endpoint && unlink(at("s")) == 0);
  coap_free_endpoint(endpoint);
  show("freed after somebody removed it: %s", what_is("s"));
  endpoint = coap_new_endpoint(context, &address, COAP_PROTO_UDP);
  NEED(endpoint && unlink(at("s")) == 0);
  put_file("s");
  coap_free_endpoint(endpoint);
  mend("replaced", "file", "%s", what_is("s"));
  unlink(at("s"));
}

static void
clients(void) {
  coap_address_t server = unix_at("s"), local = unix_at("c"), other;
  show("-- a client");
  coap_endpoint_t *endpoint = coap_new_endpoint(context, &server, COAP_PROTO_UDP);
  NEED(endpoint);
  SHOW_PTR(coap_new_client_session(context, NULL, &server, COAP_PROTO_UDP));
  coap_address_init(&other);
  SHOW_PTR(coap_new_client_session(context, &other, &server, COAP_PROTO_UDP));

  coap_session_t *session = client("with a path", &local, &server);
  NEED(session);
  show("made: %s", what_is("c"));
  show_text("text", coap_session_str(session));
  const coap_address_t *end = coap_session_get_addr_local(session);
  show("local: family %d, %u bytes", end->addr.sa.sa_family == AF_UNIX, (unsigned int)end->size);
  show_text("  path", end->addr.cun.sun_path);
  end = coap_session_get_addr_remote(session);
  show("remote: family %d, %u bytes", end->addr.sa.sa_family == AF_UNIX, (unsigned int)end->size);
  show_text("  path", end->addr.cun.sun_path);
  SHOW_PTR(coap_session_get_addr_mcast(session));
  SHOW(coap_session_get_ifindex(session));
  SHOW(coap_session_get_proto(session));
  SHOW(coap_session_get_type(session));
  SHOW(coap_session_get_state(session));
  SHOW(coap_session_max_pdu_size(session));

  SHOW_PTR(coap_new_client_session(context, &local, &server, COAP_PROTO_UDP));
  mend("foreign", "socket", "%s", what_is("c"));
  coap_session_reference(session);
  coap_session_release(session);
  mend("foreign", "socket", "%s", what_is("c"));
  coap_session_release(session);
  show("released: %s", what_is("c"));

  put_file("c");
  client("where a file is", &local, &server);
  mend("foreign", "file", "%s", what_is("c"));
  unlink(at("c"));
  put_stale(SOCK_DGRAM, "c");
  client("where a socket was left", &local, &server);
  mend("foreign", "socket", "%s", what_is("c"));
  unlink(at("c"));

  session = client("with a path", &local, &server);
  NEED(unlink(at("c")) == 0);
  put_file("c");
  coap_session_release(session);
  mend("replaced", "file", "%s", what_is("c"));
  unlink(at("c"));

  show("-- nobody to connect to");
  other = unix_at("nobody");
  client("no file", &local, &other);
  show("left: %s", what_is("c"));
  put_stale(SOCK_DGRAM, "nobody");
  client("a socket that was left", &local, &other);
  show("left: %s, %s", what_is("c"), what_is("nobody"));
  unlink(at("nobody"));
  int fd = bare_socket(SOCK_STREAM, at("nobody"));
  NEED(listen(fd, 1) == 0);
  client("a socket for streams", &local, &other);
  show("left: %s, %s", what_is("c"), what_is("nobody"));
  close(fd);
  unlink(at("nobody"));
  put_file("nobody");
  client("a file", &local, &other);
  unlink(at("nobody"));
  other = unix_path("", 0);
  client("an empty path", &local, &other);
  show("left: %s", what_is("c"));

  show("-- other families");
  other = loopback(5683);
  client("from IPv4", &other, &server);
  client("to IPv4", &local, &other);
  show("left: %s", what_is("c"));
  coap_free_endpoint(endpoint);
}

/* Names a path of so many bytes in the directory, filled up with letters. */
static coap_address_t
long_path(size_t length, char letter) {
  char path[26];
  memset(path, letter, sizeof(path));
  memcpy(path, directory, strlen(directory));
  path[strlen(directory)] = '/';
  return unix_path(path, length);
}

static void
lengths(void) {
  show("-- how long a path may be");
  for (size_t length = 25; length <= 26; length++) {
    coap_address_t server = long_path(length, 's'), local = unix_at("c");
    char file[27] = "", text[40];
    memcpy(file, server.addr.cun.sun_path, length);
    coap_endpoint_t *endpoint = coap_new_endpoint(context, &server, COAP_PROTO_UDP);
    NEED(endpoint);
    show("%zu bytes, there: %d", length, access(file, F_OK) == 0);
    show_text("  text", coap_endpoint_str(endpoint));
    if (length < 26 || !on_reference())
      mend("whole_path", length < 26 ? "25" : "26", "%zu", coap_print_addr(&server, (uint8_t *)text, sizeof(text)));
    if (length < 26 || !on_reference()) {
      coap_session_t *session = coap_new_client_session(context, &local, &server, COAP_PROTO_UDP);
      mend("whole_path", "a session", "%s", session ? "a session" : "NULL");
      if (session)
        show("~ remote has %u bytes", (unsigned int)coap_session_get_addr_remote(session)->size);
      coap_session_release(session);
    }
    coap_free_endpoint(endpoint);
    show("  freed, there: %d", access(file, F_OK) == 0);
  }
  /* Nothing in an address says more than 26 bytes, and what is behind a zero is not part of the path. */
  coap_address_t server = unix_path("x\0y", 3);
  NEED(chdir(directory) == 0);
  coap_endpoint_t *endpoint = coap_new_endpoint(context, &server, COAP_PROTO_UDP);
  show("with a zero in it: %s, %s", endpoint ? "something" : "NULL", what_is("x"));
  coap_free_endpoint(endpoint);
  show("freed: %s", what_is("x"));
  endpoint = coap_new_endpoint(context, &server, COAP_PROTO_UDP);
  NEED(endpoint && chdir("/") == 0);
  coap_free_endpoint(endpoint);
  mend("directory", "nothing", "%s", what_is("x"));
  unlink(at("x"));
}

static void
names(void) {
  coap_address_t server = unix_abstract("s"), local = unix_abstract("c");
  show("-- abstract names");
  coap_endpoint_t *endpoint = coap_new_endpoint(context, &server, COAP_PROTO_UDP);
  NEED(endpoint);
  show_text("text", coap_endpoint_str(endpoint));
  SHOW_PTR(coap_new_endpoint(context, &server, COAP_PROTO_UDP));
  coap_session_t *session = client("abstract to abstract", &local, &server);
  NEED(session);
  show_text("text", coap_session_str(session));
  show("local: %d", coap_session_get_addr_local(session)->size == local.size);
  show("remote: %d", coap_session_get_addr_remote(session)->size == server.size);
  coap_session_release(session);
  coap_free_endpoint(endpoint);
  endpoint = coap_new_endpoint(context, &server, COAP_PROTO_UDP);
  show("free again: %d", endpoint != NULL);
  local = unix_path("", 0);
  local.size = sizeof(sa_family_t);
  session = client("the system picks a name", &local, &server);
  coap_session_t *second = client("and another", &local, &server);
  NEED(session && second);
  show("~ %u bytes", (unsigned int)coap_session_get_addr_local(session)->size);
  coap_session_release(session);
  coap_session_release(second);
  coap_free_endpoint(endpoint);
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  enter_directory();
  context = coap_new_context(NULL);
  NEED(context);
  endpoints();
  clients();
  lengths();
  names();
  coap_free_context(context);
  leave_directory();
  coap_cleanup();
  return 0;
}
