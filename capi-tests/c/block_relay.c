/* A client, a server, and between them a relay that shows each datagram, and loses, repeats or delays one of them: what
 * is on the wire, and what the handlers of both ends are shown, of bodies that go up, down and both ways in blocks.
 *
 * A datagram that has passed before is shown by its number: that is a repetition, byte by byte.
 *
 * mend repeated: a request that comes again is answered again, but the handler is not called again (RFC 7252 §4.5). The
 * reference calls it. */

#include "block.h"

enum { REQUEST_SIZE = 2500, RESPONSE_SIZE = 2300, FIRST_OF_RESPONSE = 100 };

typedef enum { PASS, LOSE, TWICE, LATE } fault_t;

static coap_context_t *server, *client;
static coap_session_t *session;
static peer_t to_client, to_server; /* the two ends of the relay */
static datagram_t seen[64];
static int seen_count;
static fault_t fault;
static int fault_at;
static int is_held; /* `held` waits until another datagram of its direction has passed */
static datagram_t held;
static int held_from_client;
static int responses, nacks, calls;
static int only_counted; /* the calls of the handler */

/* ---- the ends ---- */

static void
handler(coap_resource_t *resource, coap_session_t *on, const coap_pdu_t *request, const coap_string_t *query,
        coap_pdu_t *response) {
  coap_block_b_t block;
  int more = coap_get_block_b(on, request, COAP_OPTION_BLOCK1, &block) && block.m;
  coap_pdu_code_t method = coap_pdu_get_code(request);
  calls++;
  if (!quiet && !only_counted) {
    printf("  handler sees %s %s", type_text(coap_pdu_get_type(request)), code_text(method));
    print_body(request, 0);
    putchar('\n');
  }
  if (more) {
    coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTINUE);
    return;
  }
  coap_pdu_set_code(response, method == COAP_REQUEST_CODE_GET || method == COAP_REQUEST_CODE_FETCH
                                  ? COAP_RESPONSE_CODE_CONTENT
                                  : COAP_RESPONSE_CODE_CHANGED);
  if (method != COAP_REQUEST_CODE_PUT)
    NEED(coap_add_data_large_response(resource, on, request, response, query, COAP_MEDIATYPE_APPLICATION_OCTET_STREAM,
                                      -1, 0, RESPONSE_SIZE, body + FIRST_OF_RESPONSE, give_back, lend()));
}

static coap_response_t
responded(coap_session_t *on UNUSED, const coap_pdu_t *sent, const coap_pdu_t *received, coap_mid_t mid UNUSED) {
  size_t length = 0, offset = 0, total = 0;
  const uint8_t *data;
  coap_get_data_large(received, &length, &data, &offset, &total);
  responses += offset + length == total;
  if (quiet)
    return COAP_RESPONSE_OK;
  printf("  response");
  print_pdu("to", sent, 0);
  print_pdu("is", received, FIRST_OF_RESPONSE);
  putchar('\n');
  return COAP_RESPONSE_OK;
}

static void
failed(coap_session_t *on UNUSED, const coap_pdu_t *sent UNUSED, coap_nack_reason_t reason, coap_mid_t mid UNUSED) {
  nacks++;
  if (!quiet)
    show("  nack %u", (unsigned int)reason);
}

static int
happened(coap_session_t *on UNUSED, const coap_event_t event) {
  if (!quiet && event != COAP_EVENT_SERVER_SESSION_NEW && event != COAP_EVENT_SERVER_SESSION_DEL)
    show("  event %#x", (unsigned int)event);
  return 0;
}

/* ---- the relay ---- */

static void
show_passing(const datagram_t *datagram, int from_client, const char *what) {
  char label[40];
  for (int i = 0; i < seen_count; i++)
    if (seen[i].length == datagram->length && memcmp(seen[i].bytes, datagram->bytes, datagram->length) == 0) {
      if (!quiet)
        show("  %s %d again%s", from_client ? ">" : "<", i + 1, what);
      return;
    }
  NEED(seen_count < 64);
  seen[seen_count++] = *datagram;
  snprintf(label, sizeof(label), "  %s %d%s", from_client ? ">" : "<", seen_count, what);
  if (!quiet)
    show_wire(label, datagram);
}

static void
forward(const datagram_t *datagram, int from_client) {
  peer_send(from_client ? &to_server : &to_client, datagram);
}

/* Passes on what has come from one end. `passed` counts what came, repetitions too. */
static int
relay(peer_t *from, int from_client, int *passed) {
  datagram_t datagram;
  struct sockaddr_in other = from->other;
  if (!peer_take(from, &datagram))
    return 0;
  if (!from_client)
    from->other = other;
  int is_it = ++*passed == fault_at;
  fault_t now = is_it ? fault : PASS;
  show_passing(&datagram, from_client, now == LOSE ? " lost" : now == LATE ? " late" : now == TWICE ? " twice" : "");
  if (now == LATE) {
    held = datagram;
    held_from_client = from_client;
    is_held = 1;
    return 1;
  }
  if (now != LOSE)
    forward(&datagram, from_client);
  if (now == TWICE)
    forward(&datagram, from_client);
  if (is_held && held_from_client == from_client) {
    if (!quiet)
      show("  the late one");
    forward(&held, from_client);
    is_held = 0;
  }
  return 1;
}

/* Runs one end until it has nothing more to say, and passes on what it said. */
static int
turn(coap_context_t *end, peer_t *from, int from_client, int *passed) {
  int moved = 0;
  for (int idle = 0; idle < 3; idle++) {
    coap_io_process(end, COAP_IO_NO_WAIT);
    if (relay(from, from_client, passed))
      idle = -1, moved = 1;
    else
      usleep(200);
  }
  return moved;
}

/* Runs both until there is an end, and what is under way then has come. */
static void
run(void) {
  int passed = 0, rest = 0;
  int64_t end = now_ms() + 5000;
  while (rest < 10 && now_ms() < end) {
    int moved = turn(client, &to_client, 1, &passed);
    moved |= turn(server, &to_server, 0, &passed);
    rest = moved || (responses == 0 && nacks == 0) ? 0 : rest + 1;
  }
}

/* ---- the cases ---- */

typedef struct {
  const char *name;
  coap_request_t method;
  int has_body;
} kind_t;

static const kind_t kinds[] = {{"PUT", COAP_REQUEST_PUT, 1},
                               {"GET", COAP_REQUEST_GET, 0},
                               {"POST", COAP_REQUEST_POST, 1},
                               {"FETCH", COAP_REQUEST_FETCH, 1},
                               {"iPATCH", COAP_REQUEST_IPATCH, 1}};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static void
begin(uint32_t mode) {
  server = coap_new_context(NULL);
  client = coap_new_context(NULL);
  NEED(server && client);
  coap_context_set_block_mode(server, mode);
  coap_context_set_block_mode(client, mode);
  coap_register_response_handler(client, responded);
  coap_register_nack_handler(client, failed);
  coap_register_event_handler(client, happened);
  coap_register_event_handler(server, happened);
  coap_resource_t *resource = resource_with(server, "a", 0, COAP_REQUEST_PUT, handler);
  for (size_t i = 1; i < KINDS; i++)
    coap_register_request_handler(resource, kinds[i].method, handler);
  to_server = peer_open(serve(server, NULL));
  to_client = peer_open(0);
  coap_address_t address = loopback(to_client.port);
  session = coap_new_client_session(client, NULL, &address, COAP_PROTO_UDP);
  NEED(session);
  coap_session_set_ack_timeout(session, (coap_fixed_point_t){1, 0});
  coap_session_set_ack_random_factor(session, (coap_fixed_point_t){1, 0});
  seen_count = responses = nacks = calls = is_held = 0;
}

static void
end(void) {
  quiet = 1; /* which bodies are still kept at the end, the library may choose */
  coap_session_release(session);
  coap_free_context(client);
  coap_free_context(server);
  peer_close(&to_client);
  peer_close(&to_server);
  quiet = 0;
}

static void
exchange(uint32_t mode, const kind_t *kind, coap_pdu_type_t type, fault_t what, int at) {
  begin(mode);
  fault = what;
  fault_at = at;
  coap_pdu_t *pdu = request_for(session, type, kind->method, "a", "tok");
  if (kind->method == COAP_REQUEST_FETCH)
    NEED(coap_add_option(pdu, COAP_OPTION_CONTENT_FORMAT, 1, (const uint8_t *)"\x2a"));
  if (kind->has_body)
    NEED(coap_add_data_large_request(session, pdu, REQUEST_SIZE, body, give_back, lend()));
  NEED(coap_send(session, pdu) != COAP_INVALID_MID);
  run();
  end();
}

int
main(void) {
  static const uint32_t modes[] = {COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY, COAP_BLOCK_USE_LIBCOAP};
  static const char *const faults[] = {"", "lost", "twice", "late"};
  fill_body();
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  for (size_t m = 0; m < 2; m++)
    for (size_t k = 0; k < KINDS; k++) {
      show("-- %s, %s", kinds[k].name, m ? "block by block" : "whole bodies");
      exchange(modes[m], &kinds[k], COAP_MESSAGE_CON, PASS, 0);
      show("-- %s, %s, not confirmable", kinds[k].name, m ? "block by block" : "whole bodies");
      exchange(modes[m], &kinds[k], COAP_MESSAGE_NON, PASS, 0);
    }
  for (size_t m = 0; m < 2; m++)
    for (size_t k = 0; k < 3; k++)
      for (int what = LOSE; what <= LATE; what++)
        for (int at = 3; at <= 4; at++) {
          if (what != TWICE && (k > 1 || m == 1) && (k > 0 || what != LOSE || at != 4))
            continue; /* takes its time, and shows nothing new */
          show("-- %s, %s, datagram %d %s", kinds[k].name, m ? "block by block" : "whole bodies", at, faults[what]);
          only_counted = m == 1 && kinds[k].has_body;
          exchange(modes[m], &kinds[k], COAP_MESSAGE_CON, (fault_t)what, at);
          if (only_counted)
            mend("repeated", "3 calls", "%d calls", calls);
          only_counted = 0;
        }
  show("%u bodies lent, %u given back", lent, given_back);
  coap_cleanup();
  return 0;
}
