/* Functions of the program beside files of the library: who is told of what, which files are there, and what the end of
 * the special resources tells. */
#include "peer.h"
#include <sys/stat.h>

static coap_context_t *context;
static char directory[] = "/tmp/coap-persist-XXXXXX";
static char files[3][64];
static char told[1024];
static int made, is_observable = 1;

static void
tell(const char *what, const char *name) {
  size_t at = strlen(told);
  snprintf(told + at, sizeof(told) - at, " %s%s", what, name);
}

static int
on_added(coap_session_t *session UNUSED, coap_subscription_t *key UNUSED, coap_proto_t proto UNUSED,
         coap_address_t *listen UNUSED, coap_addr_tuple_t *ends UNUSED, coap_bin_const_t *packet UNUSED,
         coap_bin_const_t *oscore UNUSED, void *data UNUSED) {
  tell("added", "");
  return 1;
}

static int
on_deleted(coap_session_t *session UNUSED, coap_subscription_t *key UNUSED, void *data UNUSED) {
  tell("deleted", "");
  return 1;
}

static int
on_number(coap_context_t *c UNUSED, coap_str_const_t *name UNUSED, uint32_t number, void *data UNUSED) {
  char text[16];
  snprintf(text, sizeof(text), "%u", number);
  tell("number ", text);
  return 1;
}

/* Is another matter, see persist.c: only counted. */
static int
on_made(coap_session_t *session UNUSED, coap_str_const_t *name UNUSED, coap_bin_const_t *packet UNUSED,
        void *data UNUSED) {
  made++;
  return 1;
}

static int
on_gone(coap_context_t *c UNUSED, coap_str_const_t *name, void *data UNUSED) {
  tell("gone ", (const char *)name->s);
  return 1;
}

static void
on_get(coap_resource_t *r UNUSED, coap_session_t *session UNUSED, const coap_pdu_t *request UNUSED,
       const coap_string_t *query UNUSED, coap_pdu_t *response) {
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
}

static void
on_unknown(coap_resource_t *r UNUSED, coap_session_t *session, const coap_pdu_t *request,
           const coap_string_t *query UNUSED, coap_pdu_t *response) {
  coap_string_t *path = coap_get_uri_path(request);
  coap_str_const_t name = {path->length, path->s};
  coap_resource_t *n = coap_resource_init(&name, 0);
  coap_register_request_handler(n, COAP_REQUEST_GET, on_get);
  coap_resource_set_get_observable(n, is_observable);
  coap_add_resource(coap_session_get_context(session), n);
  coap_delete_string(path);
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CREATED);
}

static void
show_told(const char *when) {
  show("  told %s:%s", when, *told ? told : " nothing");
  *told = 0;
}

static void
show_files(const char *when) {
  char text[128] = "";
  for (int i = 0; i < 3; i++) {
    struct stat status;
    const char *is = stat(files[i], &status) ? "none" : status.st_size > 0 ? "some" : "empty";
    snprintf(text + strlen(text), sizeof(text) - strlen(text), " %s", is);
  }
  show("  files %s:%s", when, text);
}

static const char *
file(int kept, int i) {
  return kept & 1 << i ? files[i] : NULL;
}

static void
run(peer_t *peer) {
  for (int i = 0; i < 3; i++) {
    datagram_t datagram;
    coap_io_process(context, COAP_IO_NO_WAIT);
    while (peer_take(peer, &datagram)) {
    }
  }
}

static void
track(void) {
  coap_persist_track_funcs(context, on_added, on_deleted, on_number, on_made, on_gone, 1, NULL);
}

/* The library keeps some of the three, the program hears of the rest. */
static void
beside(int kept) {
  show("-- resources %d, observers %d, numbers %d", kept & 1, kept >> 1 & 1, kept >> 2);
  /* mend end: libcoap crashes when the context is freed while it keeps only one of resources and numbers. */
  int crashes = kept == 1 || kept == 3 || kept == 4 || kept == 6;
  context = coap_new_context(NULL);
  made = 0;
  peer_t peer = peer_open(serve(context, NULL));
  coap_resource_t *resource = resource_with(context, "r", 0, COAP_REQUEST_GET, on_get);
  coap_resource_set_get_observable(resource, 1);
  coap_add_resource(context, coap_resource_unknown_init(on_unknown));
  track();
  SHOW(coap_persist_startup(context, file(kept, 0), file(kept, 1), file(kept, 2), 1));
  show_files("at first");
  peer_send_hex(&peer, "42 03 0001 aa01 b1 6e ff 78");
  run(&peer);
  peer_send_hex(&peer, "42 01 0002 aa02 60 51 72");
  run(&peer);
  coap_resource_notify_observers(resource, NULL);
  run(&peer);
  show_files("while it is observed");
  peer_send_hex(&peer, "42 01 0003 aa02 61 01 51 72");
  run(&peer);
  show_files("after that");
  show_told("meanwhile");
  if (kept & 1)
    show("  of what was made: %d", made);
  if (!crashes) {
    coap_free_context(context);
    show_told("at the end");
    show_files("at the end");
  } else if (!on_reference()) {
    coap_free_context(context);
    mend("end", "", "%s", told);
    *told = 0;
  }
  for (int i = 0; i < 3; i++)
    unlink(files[i]);
  peer_close(&peer);
}

/* mend after: libcoap ends what it keeps when the program sets functions of its own after that. */
static void
functions_later(void) {
  show("-- functions that are set later");
  struct stat status;
  context = coap_new_context(NULL);
  peer_t peer = peer_open(serve(context, NULL));
  coap_resource_t *resource = resource_with(context, "r", 0, COAP_REQUEST_GET, on_get);
  coap_resource_set_get_observable(resource, 1);
  SHOW(coap_persist_startup(context, files[0], files[1], files[2], 1));
  track();
  peer_send_hex(&peer, "42 01 0002 aa02 60 51 72");
  run(&peer);
  coap_resource_notify_observers(resource, NULL);
  run(&peer);
  show_told("meanwhile");
  mend("after", "0 0", "%d %d", stat(files[1], &status), stat(files[2], &status));
  coap_free_context(context);
  show_told("at the end");
  for (int i = 0; i < 3; i++)
    unlink(files[i]);
  peer_close(&peer);
}

/* mend plain: The manual page promises that what requests make is kept; libcoap keeps what can be observed. */
static void
unobservable(void) {
  show("-- a resource that nobody can observe");
  struct stat status = {0};
  is_observable = 0;
  context = coap_new_context(NULL);
  peer_t peer = peer_open(serve(context, NULL));
  coap_add_resource(context, coap_resource_unknown_init(on_unknown));
  SHOW(coap_persist_startup(context, files[0], files[1], files[2], 1));
  peer_send_hex(&peer, "42 03 0001 aa01 b1 6e ff 78");
  run(&peer);
  mend("plain", "kept", "%s", stat(files[0], &status) == 0 && status.st_size > 0 ? "kept" : "not kept");
  coap_persist_stop(context);
  coap_free_context(context);
  for (int i = 0; i < 3; i++)
    unlink(files[i]);
  peer_close(&peer);
}

static void
special(void) {
  show("-- the special resources");
  static const char *names[] = {"proxy.example"};
  coap_resource_t *proxy[3], *fallback[3];
  context = coap_new_context(NULL);
  track();
  for (int i = 0; i < 3; i++) {
    proxy[i] = coap_resource_proxy_uri_init2(on_get, 1, names, 0);
    fallback[i] = i == 1 ? coap_resource_reverse_proxy_init(on_get, 0) : coap_resource_unknown_init(on_unknown);
  }
  coap_add_resource(context, proxy[0]);
  coap_add_resource(context, fallback[0]);
  resource_with(context, "r", 0, COAP_REQUEST_GET, on_get);
  show_told("when they are added");
  coap_add_resource(context, proxy[1]);
  coap_add_resource(context, fallback[1]);
  show_told("when others take their place");
  coap_delete_resource(context, fallback[1]);
  coap_delete_resource(context, proxy[1]);
  show_told("when they are deleted");
  coap_add_resource(context, proxy[2]);
  coap_add_resource(context, fallback[2]);
  coap_free_context(context);
  show_told("at the end");
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  NEED(mkdtemp(directory));
  for (int i = 0; i < 3; i++)
    snprintf(files[i], sizeof(files[i]), "%s/%d", directory, i);
  for (int kept = 0; kept < 8; kept++)
    beside(kept);
  functions_later();
  unobservable();
  special();
  NEED(rmdir(directory) == 0);
  coap_cleanup();
  return 0;
}
