/* How connections over TLS end, in the handshake and later: closed, cut, spoken to in the clear, refused. */
#include "tls.h"

#include <errno.h>
#include <fcntl.h>

/* mend one-nack: the reference calls the nack handler of a session that has ended, again; tls.h leaves the second call out of
 *   the lines, and here it is counted.
 * mend no-tls: what is no TLS is a fault of TLS, and told as one; the reference takes it for a connection that was lost.
 * mend told-once: coap_session_disconnected of the reference hands a message that was sent to the nack handler twice. */

static coap_session_t *
begin(const char *name, coap_proto_t proto) {
  show("== %s: %s", proto_text(proto), name);
  tls_begin();
  psk_server(proto);
  return psk_client(proto);
}

static coap_session_t *
begin_up(const char *name, coap_proto_t proto) {
  coap_session_t *session = begin(name, proto);
  NEED(tls_talk(session));
  take(&tls_client);
  take(&tls_server);
  return session;
}

static void
library_ends(coap_proto_t proto) {
  coap_session_t *session = begin_up("the client disconnects", proto);
  tls_client.nacks = 0;
  coap_session_disconnected(session, COAP_NACK_NOT_DELIVERABLE);
  show("C: %s", take(&tls_client));
  mend("one-nack", "1", "%d", tls_client.nacks);
  BOTH_UNTIL(tls_server.sessions == 0, 3000);
  show("S: %s", take(&tls_server));
  show("send %d", tls_get(session, "x"));
  coap_session_release(session);
  tls_end();
  tell();

  session = begin_up("the client disconnects, a request under way", proto);
  NEED(tls_get(session, "b"));
  tls_client.nacks = 0;
  coap_session_disconnected(session, COAP_NACK_NOT_DELIVERABLE);
  mend("told-once", "1", "%d", tls_client.nacks);
  show("~ C: %s", take(&tls_client));
  coap_session_release(session);
  tls_end();

  session = begin_up("the server disconnects", proto);
  tls_client.nacks = 0;
  coap_session_disconnected(tls_server.peer, COAP_NACK_NOT_DELIVERABLE);
  BOTH_UNTIL(is_down(session), 3000);
  tell();
  mend("one-nack", "1", "%d", tls_client.nacks);
  coap_session_release(session);
  tls_end();
}

static void
in_handshake(void) {
  coap_session_t *session = begin("released at once", COAP_PROTO_TLS);
  coap_session_release(session);
  tell();
  tls_end();

  session = begin("released in the handshake", COAP_PROTO_TLS);
  BOTH_UNTIL(coap_session_get_state(session) == COAP_SESSION_STATE_HANDSHAKE, 3000);
  coap_session_release(session);
  show("C: %s", take(&tls_client));
  BOTH_FOR(20);
  show("~ S: %s", take(&tls_server));
  show("sessions %d", tls_server.sessions);
  tls_end();

  session = begin("disconnected in the handshake", COAP_PROTO_TLS);
  BOTH_UNTIL(coap_session_get_state(session) == COAP_SESSION_STATE_HANDSHAKE, 3000);
  coap_session_disconnected(session, COAP_NACK_NOT_DELIVERABLE);
  show("C: %s, then %s", take(&tls_client), state_text(coap_session_get_state(session)));
  coap_session_release(session);
  tls_end();
}

/* ---- somebody else at the other end ---- */

static int
listen_somewhere(void) {
  struct sockaddr_in self = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof(self);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  NEED(fd >= 0 && bind(fd, (struct sockaddr *)&self, size) == 0 && listen(fd, 4) == 0);
  NEED(getsockname(fd, (struct sockaddr *)&self, &size) == 0);
  tls_port = ntohs(self.sin_port);
  return fd;
}

static int
connect_to_server(void) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  NEED(fd >= 0 && connect(fd, &tls_address()->addr.sa, tls_address()->size) == 0);
  return fd;
}

static void
finish(int fd, int resets) {
  struct linger linger = {1, 0};
  if (resets)
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
  close(fd);
}

/* A client whose server does this once it has said hello. */
static void
server_that(const char *name, const char *says, int resets, int is_mended) {
  coap_session_t *session;
  uint8_t bytes[4096];
  int listener, fd;
  show("== a server that %s", name);
  tls_begin();
  listener = listen_somewhere();
  session = psk_client(COAP_PROTO_TLS);
  fd = accept(listener, NULL, NULL);
  NEED(fd >= 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
  RUN_UNTIL(tls_client.context, recv(fd, bytes, sizeof(bytes), 0) > 0, 3000);
  if (says) {
    datagram_t what = from_hex(says);
    NEED(send(fd, what.bytes, what.length, MSG_NOSIGNAL) == (ssize_t)what.length);
    RUN_UNTIL(tls_client.context, is_down(session), 200);
    show("%s", state_text(coap_session_get_state(session)));
  }
  finish(fd, resets);
  RUN_UNTIL(tls_client.context, is_down(session), 3000);
  if (is_mended)
    mend("no-tls",
         "TCP_CONNECTED (CONNECTING), DTLS_ERROR (HANDSHAKE), nack TLS_FAILED (HANDSHAKE), TCP_CLOSED (NONE), "
         "SESSION_FAILED (NONE), DTLS_CLOSED (NONE)",
         "%s", take(&tls_client));
  else
    show("C: %s", take(&tls_client));
  mend("one-nack", "1", "%d", tls_client.nacks);
  close(listener);
  coap_session_release(session);
  tls_end();
}

/* A server whose client does this. */
static void
client_that(const char *name, const char *says, int finishes, int is_mended) {
  uint8_t bytes[4096];
  int fd;
  show("== a client that %s", name);
  tls_begin();
  psk_server(COAP_PROTO_TLS);
  fd = connect_to_server();
  BOTH_UNTIL(tls_server.sessions == 1, 3000);
  if (says) {
    datagram_t what = from_hex(says);
    NEED(send(fd, what.bytes, what.length, MSG_NOSIGNAL) == (ssize_t)what.length);
  }
  if (finishes)
    close(fd);
  BOTH_UNTIL(tls_server.sessions == 0, finishes ? 3000 : 100);
  if (is_mended)
    mend("no-tls",
         "TCP_CONNECTED (NONE), SERVER_SESSION_NEW (NONE), nack TLS_LAYER_FAILED (HANDSHAKE), TCP_CLOSED (NONE), "
         "SESSION_FAILED (NONE), SERVER_SESSION_DEL (NONE)",
         "%s", take(&tls_server));
  else
    show("S: %s", take(&tls_server));
  show("sessions %d", tls_server.sessions);
  if (!finishes) {
    ssize_t length = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    show("it is told %s", length > 0 && bytes[0] == 0x15 ? "by an alert" : length > 0 ? "something" : "nothing");
    close(fd);
  }
  tls_end();
}

static void
nobody_there(void) {
  coap_session_t *session;
  show("== nobody there");
  tls_begin();
  tls_port = free_port();
  session = psk_client(COAP_PROTO_TLS);
  if (session) {
    RUN_UNTIL(tls_client.context, is_down(session), 3000);
    tell();
    show("%s", state_text(coap_session_get_state(session)));
    coap_session_release(session);
  }
  tls_end();
}

/* ---- a connection that is cut ---- */

static void
pump(int from, int to) {
  uint8_t bytes[8192];
  ssize_t length;
  while ((length = recv(from, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
    NEED(send(to, bytes, (size_t)length, MSG_NOSIGNAL) == length);
}

/* Without a word of TLS about the end, anybody may have cut it. */
static void
cut(int resets) {
  coap_session_t *session;
  int listener, client, server;
  uint16_t port;
  int64_t end = now_ms() + 3000;
  show("== a connection that is %s", resets ? "reset" : "closed below");
  tls_begin();
  psk_server(COAP_PROTO_TLS);
  port = tls_port;
  server = connect_to_server();
  listener = listen_somewhere();
  session = psk_client(COAP_PROTO_TLS);
  client = accept(listener, NULL, NULL);
  tls_port = port;
  NEED(client >= 0);
  while (!is_up(session) && now_ms() < end) {
    pump(client, server);
    pump(server, client);
    both_turn();
  }
  NEED(is_up(session));
  take(&tls_client);
  take(&tls_server);
  finish(client, resets);
  finish(server, resets);
  tls_client.nacks = 0;
  BOTH_UNTIL(is_down(session) && tls_server.sessions == 0, 3000);
  tell();
  close(listener);
  coap_session_release(session);
  tls_end();
}

int
main(void) {
  coap_startup();
  library_ends(COAP_PROTO_TLS);
  in_handshake();
  server_that("closes", NULL, 0, 0);
  server_that("resets", NULL, 1, 0);
  server_that("says nothing of TLS", "48545450 2f312e31 20343030 0d0a", 0, 1);
  server_that("says no", "15 0303 0002 0228", 0, 0);
  server_that("says half a record", "16 0303 0100 02", 0, 0);
  client_that("closes at once", NULL, 1, 0);
  client_that("closes after half a record", "16 0301 0100 01", 1, 0);
  client_that("says nothing", NULL, 0, 0);
  client_that("speaks CoAP in the clear", "00 e1", 0, 0);
  client_that("speaks HTTP", "47455420 2f20 48545450 2f312e31 0d0a0d0a", 0, 1);
  nobody_there();
  cut(0);
  cut(1);
  coap_cleanup();
  return 0;
}
