/*
 * A client that asks a group, and prints all that its handler is shown.
 *
 *   asker ADDRESS PORT LOCAL HOPS STEP...
 *
 * ADDRESS is the group's, with the interface behind `%` where it is one of IPv6, or a host's. LOCAL is the address to send
 * from, or `-`. Hops are left alone with `-`. Steps, each of which prints one line:
 *   PATH=N         a non-confirmable GET, and at least N answers to it, given three seconds; what comes soon after counts too.
 *                  With 0, nothing may come for longer than the leisure of the members
 *   2xPATH=N       two of them at the same time, and N answers to each
 *   con:PATH       a confirmable GET
 * The answers are sorted. `; MS ms` ends the line: when the last of them came after the request.
 */
#include <coap3/coap.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ANSWERS = 64, LIMIT_MS = 3000, SETTLE_MS = 150, SILENCE_MS = 1200 };

static char answers[ANSWERS][80];
static size_t answer_count;
static int64_t last_ms;

static int64_t
now_ms(void) {
  struct timespec now;

  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A token that is not the one of the request that is shown beside it gets a question mark. */
static coap_response_t
on_response(coap_session_t *session, const coap_pdu_t *sent, const coap_pdu_t *received, const coap_mid_t mid) {
  size_t length = 0;
  const uint8_t *data = NULL;
  coap_pdu_code_t code = coap_pdu_get_code(received);
  coap_bin_const_t token = coap_pdu_get_token(received);
  coap_bin_const_t asked = sent ? coap_pdu_get_token(sent) : token;

  (void)session, (void)mid;
  coap_get_data(received, &length, &data);
  last_ms = now_ms();
  if (answer_count < ANSWERS)
    snprintf(answers[answer_count++], sizeof(answers[0]), "%.*s%s%d.%02d%s%.*s", (int)token.length, token.s,
             token.length != asked.length || memcmp(token.s, asked.s, asked.length) ? "? " : " ",
             COAP_RESPONSE_CLASS(code), code & 0x1f, length ? " " : "", (int)length, data ? (const char *)data : "");
  return COAP_RESPONSE_OK;
}

static void
on_nack(coap_session_t *session, const coap_pdu_t *sent, const coap_nack_reason_t reason, const coap_mid_t mid) {
  (void)session, (void)sent, (void)mid;
  if (answer_count < ANSWERS)
    snprintf(answers[answer_count++], sizeof(answers[0]), "nack %u", (unsigned)reason);
}

static int
request(coap_session_t *session, coap_pdu_type_t type, const char *path, size_t length, const char *token) {
  coap_pdu_t *pdu = coap_new_pdu(type, COAP_REQUEST_CODE_GET, session);

  return pdu && coap_add_token(pdu, strlen(token), (const uint8_t *)token) &&
         coap_add_option(pdu, COAP_OPTION_URI_PATH, length, (const uint8_t *)path) &&
         coap_send(session, pdu) != COAP_INVALID_MID;
}

static int
by_text(const void *a, const void *b) {
  return strcmp(a, b);
}

static int
do_step(coap_context_t *context, coap_session_t *session, const char *step) {
  int is_con = !strncmp(step, "con:", 4), twice = !strncmp(step, "2x", 2), sent;
  const char *path = is_con ? step + 4 : twice ? step + 2 : step;
  const char *equals = strchr(path, '=');
  size_t length = equals ? (size_t)(equals - path) : strlen(path);
  size_t wanted = equals ? strtoul(equals + 1, NULL, 10) << twice : 0;
  int64_t begin = last_ms = now_ms();

  answer_count = 0;
  sent = request(session, is_con ? COAP_MESSAGE_CON : COAP_MESSAGE_NON, path, length, "a");
  if (twice)
    sent &= request(session, COAP_MESSAGE_NON, path, length, "b");
  if (!sent) {
    printf("%s -> not sent\n", step);
    return 1;
  }
  while (answer_count < wanted && now_ms() < begin + LIMIT_MS)
    if (coap_io_process(context, 10) < 0)
      return 0;
  for (int64_t end = now_ms() + (wanted || is_con ? SETTLE_MS : SILENCE_MS); now_ms() < end;)
    if (coap_io_process(context, 10) < 0)
      return 0;
  qsort(answers, answer_count, sizeof(answers[0]), by_text);
  printf("%s ->", step);
  for (size_t i = 0; i < answer_count; i++)
    printf("%s %s", i ? "," : "", answers[i]);
  printf("; %lld ms\n", (long long)(last_ms - begin));
  fflush(stdout);
  return 1;
}

static coap_addr_info_t *
find(const char *address, uint16_t port, coap_resolve_type_t type) {
  coap_str_const_t host = {strlen(address), (const uint8_t *)address};

  return coap_resolve_address_info(&host, port, 0, 0, 0, AI_NUMERICHOST, 1 << COAP_URI_SCHEME_COAP, type);
}

int
main(int argc, char **argv) {
  coap_context_t *context;
  coap_session_t *session = NULL;
  coap_addr_info_t *remote = NULL, *local = NULL;
  int ok = 0;

  if (argc < 6) {
    fprintf(stderr, "usage: %s ADDRESS PORT LOCAL HOPS STEP...\n", argv[0]);
    return 2;
  }
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  context = coap_new_context(NULL);
  if (context) {
    coap_context_set_block_mode(context, COAP_BLOCK_USE_LIBCOAP);
    coap_register_response_handler(context, on_response);
    coap_register_nack_handler(context, on_nack);
    remote = find(argv[1], (uint16_t)strtoul(argv[2], NULL, 10), COAP_RESOLVE_TYPE_REMOTE);
    if (strcmp(argv[3], "-")) {
      local = find(argv[3], 0, COAP_RESOLVE_TYPE_LOCAL);
      if (local)
        coap_address_set_port(&local->addr, 0);
    }
  }
  if (remote)
    session = coap_new_client_session(context, local ? &local->addr : NULL, &remote->addr, COAP_PROTO_UDP);
  if (session) {
    ok = !strcmp(argv[4], "-") || coap_mcast_set_hops(session, strtoul(argv[4], NULL, 10));
    for (int i = 5; ok && i < argc; i++)
      ok = do_step(context, session, argv[i]);
    coap_session_release(session);
  }
  coap_free_address_info(remote);
  coap_free_address_info(local);
  coap_free_context(context);
  coap_cleanup();
  return ok ? 0 : 1;
}
