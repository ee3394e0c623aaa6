/*
 * A client for peers that were not written for this library.
 *
 *   client ADDRESS PORT STEP...
 *
 * Each step is done when the one before has ended, on one session, and prints one line:
 *   get:PATH  put:PATH=TEXT  post:PATH=TEXT  delete:PATH      confirmable
 *   nget:PATH nput:PATH=TEXT npost:PATH=TEXT ndelete:PATH     non-confirmable
 *   ping                                                      an empty confirmable message
 *   wait:MILLISECONDS                                         keep the session open and print what comes
 * Timers are short, so that a step that nobody answers ends within ten seconds.
 */
#include <coap3/coap.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEP_LIMIT_MS = 10000 };

static int step_done;

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
  default:
    return "other";
  }
}

static coap_response_t
on_response(coap_session_t *session, const coap_pdu_t *sent, const coap_pdu_t *received, const coap_mid_t mid) {
  size_t length = 0;
  const uint8_t *data = NULL;
  coap_pdu_code_t code = coap_pdu_get_code(received);

  (void)session, (void)sent, (void)mid;
  coap_get_data(received, &length, &data);
  printf("%d.%02d ", COAP_RESPONSE_CLASS(code), code & 0x1f);
  if (length > 64)
    printf("%zu bytes from '%.4s' to '%.4s'\n", length, (const char *)data, (const char *)data + length - 4);
  else
    printf("'%.*s'\n", (int)length, data ? (const char *)data : "");
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

/* Send METHOD of PATH with TEXT behind `=`; 0 when nothing was sent. */
static int
request(coap_session_t *session, coap_pdu_type_t type, coap_pdu_code_t method, const char *rest) {
  const char *text = method == COAP_REQUEST_CODE_GET ? NULL : strchr(rest, '=');
  size_t path_length = text ? (size_t)(text - rest) : strlen(rest);
  coap_pdu_t *pdu = coap_new_pdu(type, method, session);
  coap_optlist_t *options = NULL;
  uint8_t token[8];
  size_t token_length = 0;

  if (!pdu)
    return 0;
  coap_session_new_token(session, &token_length, token);
  coap_add_token(pdu, token_length, token);
  coap_path_into_optlist((const uint8_t *)rest, path_length, COAP_OPTION_URI_PATH, &options);
  coap_add_optlist_pdu(pdu, &options);
  coap_delete_optlist(options);
  if (text && text[1])
    coap_add_data(pdu, strlen(text + 1), (const uint8_t *)text + 1);
  return coap_send(session, pdu) != COAP_INVALID_MID;
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

  step_done = 0;
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
  if (!strcmp(step, "ping")) {
    if (coap_session_send_ping(session) == COAP_INVALID_MID)
      return 0;
  } else {
    size_t i = 0, count = sizeof(methods) / sizeof(methods[0]);

    while (i < count && strncmp(name, methods[i].word, strlen(methods[i].word)))
      i++;
    if (i == count || !request(session, type, methods[i].method, name + strlen(methods[i].word)))
      return 0;
  }
  run_for(context, STEP_LIMIT_MS);
  if (!step_done)
    printf("no answer\n");
  return 1;
}

int
main(int argc, char **argv) {
  coap_context_t *context;
  coap_session_t *session = NULL;
  coap_addr_info_t *found = NULL;
  int ok = 0;

  if (argc < 4) {
    fprintf(stderr, "usage: %s ADDRESS PORT STEP...\n", argv[0]);
    return 2;
  }
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  context = coap_new_context(NULL);
  if (context) {
    coap_str_const_t host = {strlen(argv[1]), (const uint8_t *)argv[1]};

    found = coap_resolve_address_info(&host, (uint16_t)strtoul(argv[2], NULL, 10), 0, 0, 0, AI_NUMERICHOST,
                                      1 << COAP_URI_SCHEME_COAP, COAP_RESOLVE_TYPE_REMOTE);
    coap_register_response_handler(context, on_response);
    coap_register_nack_handler(context, on_nack);
    coap_register_pong_handler(context, on_pong);
  }
  if (found)
    session = coap_new_client_session(context, NULL, &found->addr, COAP_PROTO_UDP);
  if (session) {
    coap_fixed_point_t second = {1, 0};

    coap_session_set_ack_timeout(session, second);
    coap_session_set_ack_random_factor(session, second);
    coap_session_set_max_retransmit(session, 2);
    ok = 1;
    for (int i = 3; ok && i < argc; i++) {
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
