/* A server that is killed at any time, while it starts and while it works, and started again: who was told that it
 * observes hears of the next change with a number it has not heard, and what was made is there. */
#include "peer.h"
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { PEERS = 60, ROUNDS = 12, BURST = 30, EVERY = 3 };

static coap_context_t *context;
static uint16_t port;
static char directory[] = "/tmp/coap-persist-XXXXXX";
static char files[3][64];

/* An observer, or the one that makes a resource of its own name. */
static struct {
  peer_t peer;
  unsigned int mid;
  int has_asked;   /* to be an observer */
  int is_observer; /* it was told so */
  int has_made;    /* it was told so */
  int is_there;    /* its resource has answered */
  long number;     /* the last it has heard */
  int from;        /* which server it has heard that from */
  int heard;
} hosts[PEERS];

static struct {
  int started, observers, resources;
  int refused, silent, old, lost;
} seen;

/* ---- the server ---- */

static coap_resource_t *resource;

static void
on_get(coap_resource_t *r UNUSED, coap_session_t *session UNUSED, const coap_pdu_t *request UNUSED,
       const coap_string_t *query UNUSED, coap_pdu_t *response) {
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
}

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
  coap_resource_t *made = coap_resource_init(&name, 0);
  coap_register_request_handler(made, COAP_REQUEST_GET, on_get);
  coap_resource_set_get_observable(made, 1);
  coap_add_resource(coap_session_get_context(session), made);
  coap_delete_string(path);
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CREATED);
}

static void
be_server(int ready) {
  coap_address_t address = loopback(port);
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  context = coap_new_context(NULL);
  NEED(coap_new_endpoint(context, &address, COAP_PROTO_UDP));
  resource = resource_with(context, "r", 0, COAP_REQUEST_GET, on_get);
  coap_register_request_handler(resource, COAP_REQUEST_POST, on_post);
  coap_resource_set_get_observable(resource, 1);
  coap_add_resource(context, coap_resource_unknown_init(on_unknown));
  char byte = (char)coap_persist_startup(context, files[0], files[1], files[2], EVERY);
  NEED(write(ready, &byte, 1) == 1);
  for (;;)
    coap_io_process(context, COAP_IO_WAIT);
}

/* Starts a server. If `after` is not negative it is killed so many microseconds later, ready or not. */
static pid_t
spawn(int after) {
  int ready[2];
  char byte = 0;
  NEED(pipe(ready) == 0);
  pid_t child = fork();
  NEED(child >= 0);
  if (child == 0)
    be_server(ready[1]);
  close(ready[1]);
  if (after < 0) {
    NEED(read(ready[0], &byte, 1) == 1);
    seen.started++;
    seen.refused += byte != 1;
  } else {
    usleep((useconds_t)after);
  }
  close(ready[0]);
  return child;
}

static void
kill_it(pid_t child) {
  NEED(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
}

/* ---- the peers ---- */

static void
say(int i, const char *hex) {
  char text[64];
  snprintf(text, sizeof(text), hex, hosts[i].mid++ & 0xffff, 0x20 + i);
  peer_send_hex(&hosts[i].peer, text);
}

#define OBSERVE "41 01 %04x a1 60 51 72"
#define CHANGE "41 02 %04x a2 b1 72"
#define MAKE "41 03 %04x a3 b2 78 %02x"
#define LOOK "41 01 %04x a4 b2 78 %02x"

/* The observe number of a response, or -1. */
static long
number_of(const datagram_t *datagram) {
  const uint8_t *at = datagram->bytes + 5;
  if (datagram->length < 6 || *at >> 4 != COAP_OPTION_OBSERVE || datagram->length < 6u + (*at & 15))
    return -1;
  long number = 0;
  for (int i = 1; i <= (*at & 15); i++)
    number = number * 256 + at[i];
  return number;
}

/* Takes what has come to a peer. */
static void
take(int i) {
  datagram_t datagram;
  while (peer_take(&hosts[i].peer, &datagram)) {
    NEED(datagram.length >= 5);
    if ((datagram.bytes[0] >> 4 & 3) == 0) {
      datagram_t ack = {4, {0x60, 0, datagram.bytes[2], datagram.bytes[3]}};
      peer_send(&hosts[i].peer, &ack);
    }
    int is_content = datagram.bytes[1] == COAP_RESPONSE_CODE_CONTENT;
    if (datagram.bytes[4] == 0xa1 && is_content) {
      long number = number_of(&datagram);
      /* One server may say twice what is new: in its answer, and to all. */
      seen.old += number < hosts[i].number + (hosts[i].from != seen.started);
      hosts[i].number = number;
      hosts[i].from = seen.started;
      hosts[i].is_observer = 1;
      hosts[i].heard = 1;
    } else if (datagram.bytes[4] == 0xa3) {
      hosts[i].has_made |= datagram.bytes[1] == COAP_RESPONSE_CODE_CREATED;
    } else if (datagram.bytes[4] == 0xa4) {
      hosts[i].is_there = is_content;
    }
  }
}

static void
take_all(void) {
  for (int i = 0; i < PEERS; i++)
    take(i);
}

/* Waits until something has come true of a peer. */
static int
becomes(int i, const int *condition) {
  int64_t until = now_ms() + 5000;
  take(i);
  while (!*condition && now_ms() < until) {
    struct pollfd readable = {.fd = hosts[i].peer.fd, .events = POLLIN};
    poll(&readable, 1, 100);
    take(i);
  }
  return *condition;
}

/* Everybody hears of a change, and everything is there. */
static void
check(void) {
  take_all();
  for (int i = 0; i < PEERS; i++)
    hosts[i].heard = hosts[i].is_there = 0;
  say(0, CHANGE);
  for (int i = 0; i < PEERS; i++) {
    if (hosts[i].is_observer) {
      seen.silent += !becomes(i, &hosts[i].heard);
      seen.observers++;
    }
    if (hosts[i].has_made) {
      say(i, LOOK);
      seen.lost += !becomes(i, &hosts[i].is_there);
      seen.resources++;
    }
  }
  take_all();
  for (int i = 0; i < PEERS; i++)
    hosts[i].has_asked = hosts[i].is_observer;
}

/* Some that are there from the beginning. */
static void
begin(void) {
  pid_t child = spawn(-1);
  for (int i = 0; i < 5; i++) {
    say(i, OBSERVE);
    say(i, MAKE);
    hosts[i].has_asked = 1;
    NEED(becomes(i, &hosts[i].is_observer) && becomes(i, &hosts[i].has_made));
  }
  kill_it(child);
}

/* Much is asked at once, and the server does not live to answer it all. */
static void
work_and_die(pid_t child) {
  for (int n = 0; n < BURST; n++) {
    int i = rand() % PEERS;
    switch (rand() % 4) {
    case 0:
      say(i, CHANGE);
      break;
    case 1:
      say(i, MAKE);
      break;
    default:
      /* Once: who asks again may hear the number it knows. */
      if (!hosts[i].has_asked)
        say(i, OBSERVE);
      hosts[i].has_asked = 1;
    }
    if (n % 10 == 0)
      usleep((useconds_t)(rand() % 2000));
  }
  usleep((useconds_t)(rand() % 8000));
  kill_it(child);
  take_all();
}

int
main(void) {
  srand(7);
  NEED(mkdtemp(directory));
  for (int i = 0; i < 3; i++)
    snprintf(files[i], sizeof(files[i]), "%s/%d", directory, i);
  port = free_port();
  for (int i = 0; i < PEERS; i++) {
    hosts[i].peer = peer_open(port);
    hosts[i].number = -1;
  }
  /* mend killed: What a server has told its peers it knows after it was killed; libcoap loses most of what it has said
   * it made. */
  if (!on_reference()) {
    begin();
    for (int round = 0; round < ROUNDS; round++) {
      if (round % 3 == 2)
        kill_it(spawn(rand() % 3000));
      pid_t child = spawn(-1);
      check();
      work_and_die(child);
    }
    pid_t child = spawn(-1);
    check();
    kill_it(child);
    mend("killed", "0 starts refused, 0 observers lost, 0 old numbers, 0 resources lost",
         "%d starts refused, %d observers lost, %d old numbers, %d resources lost", seen.refused, seen.silent,
         seen.old, seen.lost);
    show("~ %d starts, %d times an observer, %d times a resource", seen.started, seen.observers, seen.resources);
    NEED(seen.observers >= 5 * ROUNDS && seen.resources >= 5 * ROUNDS);
  }
  for (int i = 0; i < PEERS; i++)
    peer_close(&hosts[i].peer);
  for (int i = 0; i < 3; i++) {
    char beside[80];
    snprintf(beside, sizeof(beside), "%.60s.new", files[i]);
    unlink(beside);
    unlink(files[i]);
  }
  NEED(rmdir(directory) == 0);
  return 0;
}
