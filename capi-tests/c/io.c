/* The loop in each of its shapes: what the functions return, when they return, and that messages get
 * through.
 *
 * mend fd_sets: the reference ignores the descriptor sets of coap_io_process_with_fds. Ours waits for them and
 *   reports them.
 * mend sockets: the reference names no sockets in coap_io_prepare_io, so a loop of select or poll around it
 *   never wakes. Ours names one.
 * mend do_io: for the same reason its coap_io_do_io reads nothing. Ours does.
 * mend no_context: the reference crashes without a context. Ours answers -1.
 * mend drain: the reference reads one datagram of a socket in each turn. Ours reads what is there. */
#include "peer.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/select.h>

static coap_context_t *context;
static peer_t peer;
static int calls, responses;
static coap_async_t *held;

static void
get(coap_resource_t *resource UNUSED, coap_session_t *session UNUSED, const coap_pdu_t *request UNUSED,
    const coap_string_t *query UNUSED, coap_pdu_t *response) {
  calls++;
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
}

static void
hold(coap_resource_t *resource UNUSED, coap_session_t *session, const coap_pdu_t *request,
     const coap_string_t *query UNUSED, coap_pdu_t *response) {
  if (!coap_find_async(session, coap_pdu_get_token(request)))
    held = coap_register_async(session, request, 0);
  else
    coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
}

static coap_response_t
on_response(coap_session_t *session UNUSED, const coap_pdu_t *sent UNUSED, const coap_pdu_t *received UNUSED,
            const coap_mid_t mid UNUSED) {
  responses++;
  return COAP_RESPONSE_OK;
}

static void
request(void) {
  static unsigned int mid = 0x100;
  peer_send_mid(&peer, "51 01 ???? aa b1 72", ++mid);
}

static int
answered(void) {
  datagram_t datagram;
  struct sockaddr_in server = peer.other;
  int64_t end = now_ms() + 1000;
  while (!peer_take(&peer, &datagram))
    if (now_ms() > end)
      return 0;
  peer.other = server;
  return 1;
}

/* Whether a time in ms is about what it should be. */
static const char *
about(int64_t wanted, int64_t got) {
  return got < wanted - 20 ? "less" : got > wanted + 400 ? "more" : "about right";
}

/* Whether a time in ms is one that has been running for no more than some seconds. */
static const char *
nearly(int64_t whole, int64_t left) {
  return left > whole ? "more" : left < whole - 15000 ? "less" : "about right";
}

static void
process(void) {
  int64_t begin;
  show("-- coap_io_process");
  show("no waiting, returned: %s", about(0, coap_io_process(context, COAP_IO_NO_WAIT)));
  begin = now_ms();
  int result = coap_io_process(context, 200);
  show("200 ms, returned: %s, took: %s", about(200, result), about(200, now_ms() - begin));
  request();
  begin = now_ms();
  result = coap_io_process(context, 3000);
  show("a request is there, returned: %s, took: %s, answered: %d", about(0, result), about(0, now_ms() - begin),
       answered());
  request();
  result = coap_io_process(context, COAP_IO_WAIT);
  show("for ever, returned: %s, answered: %d", about(0, result), answered());
  request();
  result = coap_io_process(context, COAP_IO_NO_WAIT);
  show("no waiting, returned: %s, answered: %d", about(0, result), answered());
  if (!on_reference())
    mend("no_context", "-1", "%d", coap_io_process(NULL, COAP_IO_NO_WAIT));
}

static void
drain(void) {
  datagram_t datagram;
  calls = 0;
  for (int i = 0; i < 20; i++)
    request();
  coap_io_process(context, COAP_IO_NO_WAIT);
  mend("drain", "20", "%d", calls);
  RUN_UNTIL(context, calls == 20, 1000);
  while (peer_take(&peer, &datagram))
    ;
}

static void
with_fds(void) {
  int ends[2];
  fd_set readable, writable, failed;
  show("-- coap_io_process_with_fds");
  NEED(pipe(ends) == 0);
  FD_ZERO(&readable);
  FD_ZERO(&writable);
  FD_ZERO(&failed);
  show("no waiting, returned: %s",
       about(0, coap_io_process_with_fds(context, COAP_IO_NO_WAIT, 0, NULL, NULL, NULL)));
  request();
  show("with empty sets: %d", coap_io_process_with_fds(context, 1000, 0, &readable, &writable, &failed) >= 0);
  show("answered: %d", answered());

  NEED(write(ends[1], "x", 1) == 1);
  FD_SET(ends[0], &readable);
  int64_t begin = now_ms();
  int result = coap_io_process_with_fds(context, 1000, ends[0] + 1, &readable, &writable, &failed);
  show("returned no failure: %d", result >= 0);
  mend("fd_sets", "about right, readable", "%s, %s", about(0, now_ms() - begin),
       FD_ISSET(ends[0], &readable) ? "readable" : "not");
  NEED(read(ends[0], &result, 1) == 1);
  FD_ZERO(&readable);
  FD_SET(ends[0], &readable);
  FD_SET(ends[1], &writable);
  coap_io_process_with_fds(context, 300, ends[1] + 1, &readable, &writable, NULL);
  mend("fd_sets", "not readable, writable", "%s, %s", FD_ISSET(ends[0], &readable) ? "readable" : "not readable",
       FD_ISSET(ends[1], &writable) ? "writable" : "not writable");
  close(ends[0]);
  close(ends[1]);
}

static void
prepare_io(void) {
  coap_socket_t *sockets[4];
  unsigned int count = 99;
  coap_tick_t now;
  show("-- coap_io_prepare_io and coap_io_do_io");
  coap_ticks(&now);
  show("until the idle session ends: %s", nearly(300000, coap_io_prepare_io(context, sockets, 4, &count, now)));
  mend("sockets", "1", "%u", count);
  calls = 0;
  request();
  coap_ticks(&now);
  coap_io_do_io(context, now);
  mend("do_io", "1", "%d", calls);
  RUN_UNTIL(context, calls, 500);
  show("answered: %d", answered());
}

static void
epoll(void) {
  struct epoll_event events[8];
  coap_tick_t now;
  int fd = coap_context_get_coap_fd(context);
  show("-- coap_io_prepare_epoll and coap_io_do_epoll");
  coap_ticks(&now);
  show("until the idle session ends: %s", nearly(300000, coap_io_prepare_epoll(context, now)));
  SHOW(epoll_wait(fd, events, 8, 0));
  request();
  int count = epoll_wait(fd, events, 8, 1000);
  show("woken: %d", count > 0);
  calls = 0;
  coap_io_do_epoll(context, events, (size_t)count);
  show("handled: %d, answered: %d", calls, answered());

  struct pollfd one = {.fd = fd, .events = POLLIN};
  show("-- one descriptor in another loop");
  request();
  SHOW(poll(&one, 1, 1000));
  coap_io_process(context, COAP_IO_NO_WAIT);
  show("handled: %d, answered: %d", calls, answered());
  SHOW(poll(&one, 1, 0));
}

static void
pending(void) {
  coap_tick_t now;
  peer_t silent = peer_open(0);
  coap_address_t address = loopback(silent.port);
  struct pollfd one = {.fd = coap_context_get_coap_fd(context), .events = POLLIN};
  datagram_t datagram;
  unsigned int timeout;
  show("-- with a message in flight");
  coap_session_t *session = coap_new_client_session(context, NULL, &address, COAP_PROTO_UDP);
  coap_session_set_ack_timeout(session, (coap_fixed_point_t){1, 0});
  coap_session_set_ack_random_factor(session, (coap_fixed_point_t){1, 0});
  SHOW(coap_io_pending(context));
  SHOW(coap_can_exit(context));
  coap_send(session, request_for(session, COAP_MESSAGE_CON, COAP_REQUEST_GET, "r", "t"));
  SHOW(coap_io_pending(context));
  SHOW(coap_can_exit(context));
  NEED(peer_receive(&silent, context, &datagram, 500));
  coap_ticks(&now);
  timeout = coap_io_prepare_epoll(context, now);
  show("the next time-out is near a second: %s", timeout > 500 && timeout <= 1000 ? "yes" : "no");
  int64_t begin = now_ms();
  int result = poll(&one, 1, 3000);
  show("the descriptor wakes for it: %d, %s", result, about(timeout, now_ms() - begin));
  coap_io_process(context, COAP_IO_NO_WAIT);
  show("sent again: %d", peer_receive(&silent, context, &datagram, 300));
  coap_ticks(&now);
  timeout = coap_io_prepare_epoll(context, now);
  show("the next is two seconds away: %s", timeout > 1500 && timeout <= 2000 ? "yes" : "no");
  begin = now_ms();
  coap_io_process(context, 300);
  show("a shorter wait is kept: %s", about(300, now_ms() - begin));
  peer_send_mid(&silent, "61 45 ???? 74", mid_of(&datagram));
  RUN_UNTIL(context, responses, 1000);
  SHOW(responses);
  SHOW(coap_io_pending(context));
  SHOW(coap_can_exit(context));
  coap_ticks(&now);
  show("until the idle session ends: %s", nearly(300000, coap_io_prepare_epoll(context, now)));
  coap_session_release(session);
  peer_close(&silent);
}

static void *
trigger_later(void *unused) {
  poll(NULL, 0, 100); /* long enough for the other thread to wait */
  coap_async_trigger(held);
  return unused;
}

static void
woken(void) {
  pthread_t thread;
  datagram_t datagram;
  struct sockaddr_in server = peer.other;
  show("-- woken by another thread");
  peer_send_hex(&peer, "51 01 0900 ab b1 68");
  RUN_UNTIL(context, held, 1000);
  NEED(held && pthread_create(&thread, NULL, trigger_later, NULL) == 0);
  int64_t begin = now_ms(), end = begin + 5000;
  while (!peer_take(&peer, &datagram) && now_ms() < end)
    coap_io_process(context, 3000);
  show("the response came at once: %d", now_ms() - begin < 1500);
  peer.other = server;
  pthread_join(thread, NULL);
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  context = coap_new_context(NULL);
  coap_register_response_handler(context, on_response);
  resource_with(context, "r", 0, COAP_REQUEST_GET, get);
  resource_with(context, "h", 0, COAP_REQUEST_GET, hold);
  peer = peer_open(serve(context, NULL));
  process();
  drain();
  with_fds();
  prepare_io();
  epoll();
  pending();
  woken();
  peer_close(&peer);
  coap_free_context(context);
  SHOW(coap_epoll_is_supported());
  coap_cleanup();
  return 0;
}
