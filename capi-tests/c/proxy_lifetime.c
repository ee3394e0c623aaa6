/* Sessions, resources and contexts that end while requests are on their way through a proxy. Nobody gets what was meant for
 * another, and memcheck finds nothing left. */
#include "proxy.h"

static datagram_t first;

/* mend evicted: the context may keep one idle session, client0 waits for a slow server, and client1 asks. Each hears its own
 * answer, or none. The reference gives client1 the answer of client0, from memory that it has freed. */
static void
evicted(int with_events) {
  show("-- a client makes room for another");
  if (on_reference())
    return;
  px_open(COAP_PROXY_REVERSE, 1, 0);
  if (!with_events)
    coap_register_event_handler(px, NULL);
  coap_context_set_max_idle_sessions(px, 1);
  up_does[0] = EMPTY_ACK;
  quiet = 1;
  say(0, CON, 1, "aa", "11=a", NULL);
  first = asked[0];
  say(1, CON, 1, "bb", "11=b", NULL);
  later(0, &asked[0], CON, 0x45, "c0", "for client1");
  mended_told("evicted", "client1 CON 2.05 token bb Content-Format:0 {for client1}");
  later(0, &first, CON, 0x45, "c0", "for client0");
  mend("evicted", "not to client1", "%s", strstr(at_client, "client1 CON") ? "to client1" : "not to client1");
  quiet = 0;
  px_close();
}

/* mend tracked: the session of a client that went is not used for another one. The reference tries, and answers 5.00. */
static void
tracked(void) {
  show("-- a client with an upstream session of its own goes");
  px_open(COAP_PROXY_REVERSE, 1, 0);
  list.track_client_session = 1;
  if (!on_reference()) {
    coap_context_set_session_timeout(px, 1);
    quiet = 1;
    get(0, "11=a");
    settle(2100);
    get(1, "11=b");
    mended_told("tracked", "client1 CON 2.05 token aa Content-Format:0 {hi}");
    get(0, "11=c");
    mended_told("tracked", "client0 CON 2.05 token aa Content-Format:0 {hi}");
    quiet = 0;
  }
  px_close();
}

/* The client's session ends by itself. */
static void
timed_out(void) {
  show("-- a client's session ends");
  px_open(COAP_PROXY_REVERSE, 1, 0);
  coap_context_set_session_timeout(px, 1);
  up_does[0] = EMPTY_ACK;
  with_key = 1;
  get(0, "11=a");
  with_key = 0;
  first = asked[0];
  quiet = 1;
  settle(2100);
  later(0, &first, CON, 0x45, "c0", "late");
  quiet = 0;
  up_does[0] = HI;
  get(1, "11=b");
  px_close();
}

/* ---- the application ends sessions ---- */

static coap_session_t *kept;

static void
keep(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *pdu, const coap_string_t *query,
     coap_pdu_t *response) {
  if (!kept)
    kept = coap_session_reference(session);
  px_request(resource, session, pdu, query, response);
}

static void
disconnected_between(void) {
  show("-- the client's session is disconnected while its request is out");
  px_open(COAP_PROXY_REVERSE, 1, 0);
  coap_add_resource(px, px_resource(COAP_PROXY_REVERSE, keep));
  kept = NULL;
  up_does[0] = EMPTY_ACK;
  get(0, "11=a");
  first = asked[0];
  quiet = 1;
  coap_session_disconnected(kept, COAP_NACK_NOT_DELIVERABLE);
  settle(15);
  later(0, &first, CON, 0x45, "c0", "late");
  coap_session_release(kept);
  settle(15);
  quiet = 0;
  up_does[0] = HI;
  get(1, "11=b");
  px_close();
}

static int before, after;

static void
disconnecting_request(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *pdu,
                      const coap_string_t *query, coap_pdu_t *response) {
  if (before)
    coap_session_disconnected(session, COAP_NACK_RST);
  px_request(resource, session, pdu, query, response);
  if (after)
    coap_session_disconnected(session, COAP_NACK_RST);
}

static coap_response_t
disconnecting_response(coap_session_t *session, const coap_pdu_t *sent, const coap_pdu_t *received,
                       const coap_mid_t mid) {
  coap_response_t result;
  if (before)
    coap_session_disconnected(session, COAP_NACK_RST);
  result = px_response(session, sent, received, mid);
  if (after)
    coap_session_disconnected(session, COAP_NACK_RST);
  return result;
}

/* In the handlers. What is said then is not compared: the next client is served. */
static void
disconnected_within(void) {
  for (int when = 0; when < 4; when++) {
    int of_client = when < 2;
    before = when % 2 == 0;
    after = !before;
    show("-- the %s session is disconnected %s it is passed on", of_client ? "client's" : "upstream",
         before ? "before" : "after");
    if (on_reference())
      continue;
    px_open(COAP_PROXY_REVERSE, 1, 0);
    quiet = 1;
    if (of_client)
      coap_add_resource(px, px_resource(COAP_PROXY_REVERSE, disconnecting_request));
    else
      coap_register_response_handler(px, disconnecting_response);
    get(0, "11=a");
    before = after = 0;
    get(1, "11=b");
    quiet = 0;
    /* mend disconnected: the reference does not use an upstream session again that the application has disconnected. */
    mended_told("disconnected", "client1 CON 2.05 token aa Content-Format:0 {hi}");
    px_close();
  }
}

/* The application holds the upstream session when its time is over. */
static coap_response_t
hold(coap_session_t *session, const coap_pdu_t *sent, const coap_pdu_t *received, const coap_mid_t mid) {
  if (!kept)
    kept = coap_session_reference(session);
  return px_response(session, sent, received, mid);
}

static void
held(void) {
  show("-- the application holds an upstream session whose time is over");
  px_open(COAP_PROXY_REVERSE, 1, 0);
  show_sessions = 1;
  memset(session_ports, 0, sizeof(session_ports));
  list.idle_timeout_secs = 1;
  kept = NULL;
  coap_register_response_handler(px, hold);
  get(0, "11=a");
  settle(1500);
  SHOW(coap_session_get_type(kept));
  get(0, "11=b");
  coap_session_release(kept);
  get(0, "11=c");
  show_sessions = 0;
  px_close();
}

/* ---- the proxy itself ends ---- */

static void
freed(void) {
  static const struct {
    const char *title, *options;
    answering_t does;
  } cases[] = {{"a request that is not acknowledged", "11=a", SILENT},
               {"a request that is acknowledged", "11=a", EMPTY_ACK},
               {"a registration", "6# 11=a", OBSERVE},
               {"a first block", "11=a 27#08 60#40", SILENT}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    for (uint32_t mode = 0; mode <= 3; mode += 3) {
      show("-- the context is freed with %s, block mode %u", cases[i].title, mode);
      px_open(COAP_PROXY_REVERSE, 1, mode);
      up_does[0] = cases[i].does;
      quiet = with_key = 1;
      say(0, CON, i == 3 ? 3 : 1, "aa", cases[i].options, i == 3 ? "0123456789abcdef" : NULL);
      quiet = with_key = 0;
      px_close();
    }
  show("-- and with a connection that is being made");
  if (on_reference())
    return; /* it waits for it in coap_proxy_forward_request */
  px_open(COAP_PROXY_REVERSE, 1, 0);
  stream_t listener = stream_listen();
  entries[0] = entry_for(listener.port, COAP_URI_SCHEME_COAP_TCP);
  quiet = with_key = 1;
  get(0, "11=a");
  quiet = with_key = 0;
  px_close();
  stream_close(&listener);
}

static void
replaced(void) {
  show("-- the resource is replaced while a request is out");
  px_open(COAP_PROXY_REVERSE, 1, 0);
  up_does[0] = EMPTY_ACK;
  get(0, "11=a");
  coap_add_resource(px, px_resource(COAP_PROXY_REVERSE, px_request));
  later(0, &asked[0], CON, 0x45, "c0", "late");
  px_close();
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  evicted(0);
  evicted(1);
  tracked();
  timed_out();
  disconnected_between();
  disconnected_within();
  held();
  freed();
  replaced();
  coap_cleanup();
  return 0;
}
