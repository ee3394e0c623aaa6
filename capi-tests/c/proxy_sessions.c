/* The proxy's sessions to its upstream servers: shared by clients or one for each, taken in turn, closed when idle. A letter
 * stands for each. */
#include "proxy.h"

static void
open_shown(const char *title, coap_proxy_t type, size_t entry_count) {
  show("-- %s", title);
  memset(session_ports, 0, sizeof(session_ports));
  show_sessions = 1;
  px_open(type, entry_count, 0);
}

static void
shared_or_tracked(void) {
  for (int tracked = 0; tracked < 2; tracked++) {
    open_shown(tracked ? "a session for each client" : "one session for all clients", COAP_PROXY_REVERSE, 1);
    list.track_client_session = tracked;
    get(0, "11=a");
    get(1, "11=a");
    get(2, "11=a");
    say(0, NON, 1, "bb", "11=b", NULL);
    get(1, "11=b");
    px_close();
  }
}

/* The same server under another name, and other servers of one list. */
static void
by_address(void) {
  open_shown("by the address of the URI", COAP_PROXY_FORWARD_STRIP, 1);
  get(0, "35=coap://127.0.0.1:$0/a");
  get(1, "35=coap://127.0.0.1:$1/a");
  get(0, "35=coap://127.0.0.1:$0/b");
  get(1, "35=coap://localhost:$0/c");
  px_close();
  open_shown("two entries with one address", COAP_PROXY_REVERSE, 2);
  entries[1] = entries[0];
  get(0, "11=a");
  get(0, "11=b");
  get(1, "11=c");
  px_close();
}

/* The first request goes to the second server, the next one to the third. One client each, since it is not the same whether a
 * client's next request goes on to the next server. */
static void
in_turn(void) {
  open_shown("three servers in turn", COAP_PROXY_REVERSE, 3);
  list.track_client_session = 1;
  get(0, "11=a");
  get(1, "11=a");
  get(2, "11=a");
  get(3, "11=a");
  px_close();
  open_shown("next_entry is taken up", COAP_PROXY_REVERSE, 3);
  list.track_client_session = 1;
  list.next_entry = 2;
  get(0, "11=a");
  get(1, "11=a");
  SHOW(list.next_entry);
  px_close();
}

/* Idle sessions end after idle_timeout_secs. */
static void
idle(void) {
  open_shown("idle for a second", COAP_PROXY_REVERSE, 1);
  list.idle_timeout_secs = 1;
  get(0, "11=a");
  settle(400);
  get(0, "11=b");
  settle(400);
  get(0, "11=c");
  settle(1600);
  show("after 1.6 s");
  get(0, "11=d");
  px_close();
  open_shown("never idle", COAP_PROXY_REVERSE, 1);
  list.idle_timeout_secs = 0;
  get(0, "11=a");
  settle(1300);
  get(0, "11=b");
  px_close();
}

/* mend busy: a session with a request under way is not idle. The reference closes it, and the client hears nothing. */
static void
busy(void) {
  open_shown("a slow server and a short time-out", COAP_PROXY_REVERSE, 1);
  list.idle_timeout_secs = 1;
  up_does[0] = EMPTY_ACK;
  quiet = 1;
  get(0, "11=a");
  settle(1600);
  later(0, &asked[0], CON, 0x45, "c0", "late");
  quiet = 0;
  mended_told("busy", "client0 CON 2.05 token aa Content-Format:0 {late}");
  px_close();
}

/* Two lists in one context; what the application may keep with a session. */
static coap_proxy_server_list_t second;

static void
by_second_list(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *pdu, const coap_string_t *query UNUSED,
               coap_pdu_t *response) {
  SHOW(coap_proxy_forward_request(session, pdu, response, resource, NULL, &second));
}

static int mark;

static coap_response_t
marked(coap_session_t *session, const coap_pdu_t *sent, const coap_pdu_t *received, const coap_mid_t mid) {
  show("  app data of the session: %s", coap_session_get_app_data(session) == &mark ? "as set" : "none");
  coap_session_set_app_data(session, &mark);
  return px_response(session, sent, received, mid);
}

static void
lists(void) {
  open_shown("two lists with one server", COAP_PROXY_REVERSE, 1);
  second = list;
  resource_with(px, "second", 0, COAP_REQUEST_GET, by_second_list);
  get(0, "11=a");
  get(0, "11=second");
  second.track_client_session = 1;
  get(0, "11=second");
  get(1, "11=second");
  get(0, "11=b");
  px_close();
  open_shown("app data of the upstream session", COAP_PROXY_REVERSE, 1);
  coap_register_response_handler(px, marked);
  get(0, "11=a");
  get(1, "11=b");
  px_close();
}

/* A server that restarts, at the same address. */
static void
restart(void) {
  open_shown("a server restarts between two requests", COAP_PROXY_REVERSE, 1);
  get(0, "11=a");
  struct sockaddr_in self = {
      .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(up[0].port)};
  close(up[0].fd);
  up[0].fd = socket(AF_INET, SOCK_DGRAM, 0);
  NEED(bind(up[0].fd, (struct sockaddr *)&self, sizeof(self)) == 0);
  get(0, "11=b");
  get(1, "11=c");
  px_close();
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  shared_or_tracked();
  by_address();
  in_turn();
  idle();
  busy();
  lists();
  restart();
  coap_cleanup();
  return 0;
}
