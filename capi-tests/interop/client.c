/*
 * A client for peers that were not written for this library.
 *
 *   client ADDRESS PORT [scheme:NAME] [key:KEY] [mode:BITS] [with:NUMBER=TEXT] STEP...
 *
 * Each step is done when the one before has ended, on one session, and prints one line:
 *   get:PATH  put:PATH=TEXT  post:PATH=TEXT  delete:PATH      confirmable
 *   nget:PATH nput:PATH=TEXT npost:PATH=TEXT ndelete:PATH     non-confirmable
 *   observe:PATH                                              GET with Observe 0: the first response
 *   change:PATH=TEXT                                          PUT, and in a line of its own the notification of the change, `told`
 *   cancel                                                    GET with Observe 1, for the observation
 *   refuse                                                    the next notification is answered with a Reset
 *   ping                                                      an empty confirmable message
 *   wait:MILLISECONDS                                         keep the session open and print what comes
 * TEXT may be #N: the first N bytes of a body that both ends know. With `mode` the context has these flags of block mode. The
 * scheme is coap, coap+tcp, coap+ws, or coaps: then with a KEY for the identity `me`, or with certificates, of which none is checked.
 * `with` adds an option to each request; there may be several.
 * Timers are short, so that a step that nobody answers ends within ten seconds.
 */
#include <coap3/coap.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEP_LIMIT_MS = 10000 };

static int step_done;
static uint8_t body[128 * 1024];

/* The observation there is, and what was told of it in this step. */
static const char observation[] = "watch";
static int is_observing, refuses_next, is_told;
static char told[80];

static const char *
nack_name(coap_nack_reason_t reason) {
  switch (reason) {
  case COAP_NACK_TOO_MANY_RETRIES:
    return "too many retries";
  case COAP_NACK_NOT_DELIVERABLE:
    return "not deliverable";
  case COAP_NACK_RST:
    return "reset";
  case COAP_NACK_ICMP_ISSUE:
    return "nobody listens";
  case COAP_NACK_BAD_RESPONSE:
    return "bad response";
  case COAP_NACK_TLS_FAILED:
    return "TLS failed";
  default:
    return "other";
  }
}

/* `2.05 'text'`, or how much of the body it is. */
static void
describe(char *text, size_t room, const coap_pdu_t *received, const uint8_t *data, size_t length) {
  coap_pdu_code_t code = coap_pdu_get_code(received);
  int at = snprintf(text, room, "%d.%02d ", COAP_RESPONSE_CLASS(code), code & 0x1f);

  if (length > 1000)
    snprintf(text + at, room - (size_t)at, "%zu bytes%s", length,
             length > sizeof(body) || memcmp(data, body, length) ? ", other ones" : "");
  else if (length > 64)
    snprintf(text + at, room - (size_t)at, "%zu bytes from '%.4s' to '%.4s'", length, (const char *)data,
             (const char *)data + length - 4);
  else
    snprintf(text + at, room - (size_t)at, "'%.*s'", (int)length, data ? (const char *)data : "");
}

static coap_response_t
on_response(coap_session_t *session, const coap_pdu_t *sent, const coap_pdu_t *received, const coap_mid_t mid) {
  static uint8_t whole[sizeof(body)];
  size_t length = 0, offset = 0, total = 0;
  const uint8_t *data = NULL;
  coap_bin_const_t token = coap_pdu_get_token(received);
  int is_notification = token.length == strlen(observation) && !memcmp(token.s, observation, token.length);
  char text[80];

  (void)session, (void)sent, (void)mid;
  coap_get_data_large(received, &length, &data, &offset, &total);
  if (length < total) { /* a block of it */
    if (offset + length > sizeof(whole))
      return COAP_RESPONSE_OK;
    memcpy(whole + offset, data, length);
    if (offset + length < total)
      return COAP_RESPONSE_OK;
    data = whole;
    length = total;
  }
  describe(text, sizeof(text), received, data, length);
  if (is_notification && is_observing) {
    is_told = 1;
    snprintf(told, sizeof(told), "%s", text);
    is_observing = !refuses_next;
    refuses_next = 0;
    return is_observing ? COAP_RESPONSE_OK : COAP_RESPONSE_FAIL;
  }
  printf("%s\n", text);
  is_observing |= is_notification; /* the first response, or the last, as do_step knows */
  step_done = 1;
  return COAP_RESPONSE_OK;
}

static void
on_nack(coap_session_t *session, const coap_pdu_t *sent, const coap_nack_reason_t reason, const coap_mid_t mid) {
  (void)session, (void)mid;
  if (!sent) /* a Reset of something that was never sent */
    return;
  printf("nack %s%s\n", nack_name(reason), coap_pdu_get_code(sent) == COAP_EMPTY_CODE ? " of an empty message" : "");
  step_done = 1;
}

static void
on_pong(coap_session_t *session, const coap_pdu_t *received, const coap_mid_t mid) {
  (void)session, (void)received, (void)mid;
  printf("pong\n");
  step_done = 1;
}

static void
run_for(coap_context_t *context, long limit_ms) {
  while (!step_done && limit_ms > 0) {
    int spent = coap_io_process(context, limit_ms < 100 ? (uint32_t)limit_ms : 100);

    if (spent < 0)
      break;
    limit_ms -= spent > 0 ? spent : 1;
  }
}

/* Options that each request has. */
static const char *added[4];
static int added_count;

/* Send METHOD of PATH with TEXT behind `=`; 0 when nothing was sent. With `observe` not negative, that is the Observe
 * option, and the token is that of the observation. */
static int
request(coap_session_t *session, coap_pdu_type_t type, coap_pdu_code_t method, const char *rest, int observe) {
  const char *text = method == COAP_REQUEST_CODE_GET ? NULL : strchr(rest, '=');
  size_t path_length = text ? (size_t)(text - rest) : strlen(rest);
  coap_pdu_t *pdu = coap_new_pdu(type, method, session);
  coap_optlist_t *options = NULL;
  uint8_t token[8];
  size_t token_length = strlen(observation), length;

  if (!pdu)
    return 0;
  if (observe < 0)
    coap_session_new_token(session, &token_length, token);
  else
    memcpy(token, observation, token_length);
  coap_add_token(pdu, token_length, token);
  if (observe >= 0)
    coap_insert_optlist(&options, coap_new_optlist(COAP_OPTION_OBSERVE, observe > 0, (const uint8_t *)"\1"));
  coap_path_into_optlist((const uint8_t *)rest, path_length, COAP_OPTION_URI_PATH, &options);
  for (int i = 0; i < added_count; i++) {
    char *value;
    uint16_t number = (uint16_t)strtoul(added[i], &value, 10);

    coap_insert_optlist(&options, coap_new_optlist(number, strlen(value + 1), (const uint8_t *)value + 1));
  }
  coap_add_optlist_pdu(pdu, &options);
  coap_delete_optlist(options);
  if (text && text[1] == '#') {
    length = strtoul(text + 2, NULL, 10);
    if (length > sizeof(body) || !coap_add_data_large_request(session, pdu, length, body, NULL, NULL))
      return 0;
  } else if (text && text[1]) {
    coap_add_data(pdu, strlen(text + 1), (const uint8_t *)text + 1);
  }
  return coap_send(session, pdu) != COAP_INVALID_MID;
}

/* What is told within the time that a notification takes, and where none is due, within the time that one would take. */
static void
wait_for_notification(coap_context_t *context) {
  for (long left = is_observing ? STEP_LIMIT_MS : 300; !is_told && left > 0;) {
    int spent = coap_io_process(context, left < 100 ? (uint32_t)left : 100);

    if (spent < 0)
      break;
    left -= spent > 0 ? spent : 1;
  }
  printf("told -> %s\n", is_told ? told : "nothing");
}

static int
do_step(coap_context_t *context, coap_session_t *session, const char *step) {
  static const struct {
    const char *word;
    coap_pdu_code_t method;
  } methods[] = {{"get:", COAP_REQUEST_CODE_GET},
                 {"put:", COAP_REQUEST_CODE_PUT},
                 {"post:", COAP_REQUEST_CODE_POST},
                 {"delete:", COAP_REQUEST_CODE_DELETE}};
  coap_pdu_type_t type = step[0] == 'n' ? COAP_MESSAGE_NON : COAP_MESSAGE_CON;
  const char *name = type == COAP_MESSAGE_NON ? step + 1 : step;

  int is_change = !strncmp(step, "change:", 7);
  static char observed[80];

  step_done = is_told = 0;
  printf("%s -> ", step);
  fflush(stdout);
  if (!strncmp(step, "wait:", 5)) {
    long left = strtol(step + 5, NULL, 10);

    printf("waiting\n");
    while (left > 0) {
      int spent = coap_io_process(context, left < 100 ? (uint32_t)left : 100);

      if (spent < 0)
        return 0;
      left -= spent > 0 ? spent : 1;
    }
    return 1;
  }
  if (!strcmp(step, "refuse")) {
    refuses_next = 1;
    printf("the next one\n");
    return 1;
  }
  if (!strncmp(step, "observe:", 8)) {
    snprintf(observed, sizeof(observed), "%s", step + 8);
    if (!request(session, type, COAP_REQUEST_CODE_GET, observed, COAP_OBSERVE_ESTABLISH))
      return 0;
  } else if (!strcmp(step, "cancel")) {
    is_observing = 0;
    if (!request(session, type, COAP_REQUEST_CODE_GET, observed, COAP_OBSERVE_CANCEL))
      return 0;
  } else if (is_change) {
    if (!request(session, type, COAP_REQUEST_CODE_PUT, step + 7, -1))
      return 0;
  } else if (!strcmp(step, "ping")) {
    if (coap_session_send_ping(session) == COAP_INVALID_MID)
      return 0;
  } else {
    size_t i = 0, count = sizeof(methods) / sizeof(methods[0]);

    while (i < count && strncmp(name, methods[i].word, strlen(methods[i].word)))
      i++;
    if (i == count || !request(session, type, methods[i].method, name + strlen(methods[i].word), -1))
      return 0;
  }
  run_for(context, STEP_LIMIT_MS);
  if (!step_done)
    printf("no answer\n");
  if (!strcmp(step, "cancel"))
    is_observing = 0;
  if (is_change)
    wait_for_notification(context);
  return 1;
}

/* A session over the protocol of a scheme. */
static coap_session_t *
connect_to(coap_context_t *context, const char *scheme, const char *key, const char *name, const coap_address_t *address) {
  coap_proto_t protocol =
      !strcmp(scheme, "coap+ws") ? COAP_PROTO_WS : !strcmp(scheme, "coap+tcp") ? COAP_PROTO_TCP : COAP_PROTO_UDP;
  coap_session_t *session;
  coap_str_const_t host = {strlen(name), (const uint8_t *)name};

  if (!strcmp(scheme, "coaps") && key)
    return coap_new_client_session_psk(context, NULL, address, COAP_PROTO_DTLS, "me", (const uint8_t *)key, (unsigned)strlen(key));
  if (!strcmp(scheme, "coaps"))
    return coap_new_client_session(context, NULL, address, COAP_PROTO_DTLS);
  session = coap_new_client_session(context, NULL, address, protocol);
  if (session && protocol == COAP_PROTO_WS)
    coap_ws_set_host_request(session, &host);
  return session;
}

int
main(int argc, char **argv) {
  coap_context_t *context;
  coap_session_t *session = NULL;
  coap_addr_info_t *found = NULL;
  const char *scheme = "coap", *key = NULL;
  int ok = 0, first = 3;

  if (argc < 4) {
    fprintf(stderr, "usage: %s ADDRESS PORT STEP...\n", argv[0]);
    return 2;
  }
  for (size_t i = 0; i < sizeof(body); i++)
    body[i] = (uint8_t)('a' + (i ^ i >> 5 ^ i >> 10) % 26);
  if (!strncmp(argv[first], "scheme:", 7))
    scheme = argv[first++] + 7;
  if (first < argc && !strncmp(argv[first], "key:", 4))
    key = argv[first++] + 4;
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  context = coap_new_context(NULL);
  if (context) {
    coap_str_const_t host = {strlen(argv[1]), (const uint8_t *)argv[1]};

    found = coap_resolve_address_info(&host, (uint16_t)strtoul(argv[2], NULL, 10), 0, 0, 0, AI_NUMERICHOST,
                                      1 << COAP_URI_SCHEME_COAP, COAP_RESOLVE_TYPE_REMOTE);
    if (first < argc && !strncmp(argv[first], "mode:", 5))
      coap_context_set_block_mode(context, (uint32_t)strtoul(argv[first++] + 5, NULL, 10));
    for (; first < argc && !strncmp(argv[first], "with:", 5) && added_count < 4; first++)
      added[added_count++] = argv[first] + 5;
    coap_register_response_handler(context, on_response);
    coap_register_nack_handler(context, on_nack);
    coap_register_pong_handler(context, on_pong);
  }
  if (found)
    session = connect_to(context, scheme, key, argv[1], &found->addr);
  if (session) {
    coap_fixed_point_t second = {1, 0};

    coap_session_set_ack_timeout(session, second);
    coap_session_set_ack_random_factor(session, second);
    coap_session_set_max_retransmit(session, 2);
    ok = 1;
    for (int i = first; ok && i < argc; i++) {
      ok = do_step(context, session, argv[i]);
      if (!ok)
        printf("not sent\n");
    }
    coap_session_release(session);
  }
  coap_free_address_info(found);
  coap_free_context(context);
  coap_cleanup();
  return ok ? 0 : 1;
}
