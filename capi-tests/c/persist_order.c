/* What is kept is in the file before anybody hears of it, also when more is to be sent than fits into one go; and what
 * is written for a registration does not depend on how many observers there are. */
#include "peer.h"
#include <sys/stat.h>

enum { MANY = 600, FEW = 20 };

static coap_context_t *context;
static coap_resource_t *resource;
static char directory[] = "/tmp/coap-persist-XXXXXX";
static char files[3][64];
static peer_t peers[MANY];

/* While notifications are made: how the numbers' file was before, and how often a notification had come while it was
 * still so. */
static struct {
  int looks;
  struct stat before;
  int early;
} watch;

static int
same_file(const struct stat *a, const struct stat *b) {
  return a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
         a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static int
has_come(const peer_t *peer) {
  struct pollfd readable = {.fd = peer->fd, .events = POLLIN};
  return poll(&readable, 1, 0) == 1;
}

static void
look(void) {
  struct stat now;
  NEED(stat(files[2], &now) == 0);
  if (!same_file(&now, &watch.before))
    return;
  for (int i = 0; i < MANY; i++) {
    if (has_come(&peers[i])) {
      watch.early++;
      return;
    }
  }
}

static void
on_get(coap_resource_t *r UNUSED, coap_session_t *session UNUSED, const coap_pdu_t *request UNUSED,
       const coap_string_t *query UNUSED, coap_pdu_t *response) {
  if (watch.looks)
    look();
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
}

/* Registers a peer, and runs the loop until it has its answer. */
static void
observe(peer_t *peer) {
  datagram_t answer;
  peer_send_hex(peer, "42 01 0001 aa01 60 51 72");
  NEED(peer_receive(peer, context, &answer, 5000) && answer.bytes[1] == COAP_RESPONSE_CODE_CONTENT);
}

/* How many bytes this process has written into files. */
static long
written(void) {
  char line[64];
  long bytes = -1;
  FILE *io = fopen("/proc/self/io", "r");
  while (io && fgets(line, sizeof(line), io))
    sscanf(line, "wchar: %ld", &bytes);
  NEED(io && bytes >= 0);
  fclose(io);
  return bytes;
}

/* What is written for ten registrations, one by one. */
static long
cost_of_ten(int from) {
  long before = written();
  for (int i = from; i < from + 10; i++)
    observe(&peers[i]);
  return written() - before;
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  NEED(mkdtemp(directory));
  for (int i = 0; i < 3; i++)
    snprintf(files[i], sizeof(files[i]), "%s/%d", directory, i);
  context = coap_new_context(NULL);
  uint16_t port = serve(context, NULL);
  resource = resource_with(context, "r", 0, COAP_REQUEST_GET, on_get);
  coap_resource_set_get_observable(resource, 1);
  SHOW(coap_persist_startup(context, files[0], files[1], files[2], 1));
  for (int i = 0; i < MANY; i++)
    peers[i] = peer_open(port);

  show("-- what a registration costs");
  for (int i = 0; i < FEW; i++)
    observe(&peers[i]);
  long among_few = cost_of_ten(FEW);
  for (int i = FEW + 10; i < MANY - 10; i++)
    observe(&peers[i]);
  long among_many = cost_of_ten(MANY - 10);
  show("~ %ld bytes among %d, %ld among %d", among_few, FEW, among_many, MANY);
  /* mend cost: libcoap writes the whole file for each observer, so n of them cost n squared. */
  mend("cost", "the same", "%s", among_many < 2 * among_few ? "the same" : "more");

  show("-- numbers are written before they are sent");
  for (int round = 0; round < 2; round++) {
    datagram_t answer;
    int heard = 0;
    NEED(stat(files[2], &watch.before) == 0);
    coap_resource_notify_observers(resource, NULL);
    watch.looks = 1;
    for (int i = 0; i < MANY; i++)
      heard += peer_receive(&peers[i], context, &answer, 5000);
    watch.looks = 0;
    show("notified %d", heard);
  }
  show("heard before it was written: %d", watch.early);

  coap_persist_stop(context);
  coap_free_context(context);
  for (int i = 0; i < MANY; i++)
    peer_close(&peers[i]);
  for (int i = 0; i < 3; i++)
    unlink(files[i]);
  NEED(rmdir(directory) == 0);
  coap_cleanup();
  return 0;
}
