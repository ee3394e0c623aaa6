/* The transmission parameters of a session: defaults, what may be set, what is refused.
 *
 * The setters return nothing: what the getter gives afterwards tells. */
#include "test.h"

static coap_session_t *session;

static const coap_fixed_point_t points[] = {{2, 0},     {0, 0},     {0, 1},     {0, 500},    {0, 999},
                                            {1, 0},     {1, 1},     {1, 500},   {3, 999},    {5, 1000},
                                            {6, 1001},  {7, 9999},  {300, 0},   {65535, 0},  {65535, 999},
                                            {65535, 65535}};

/* Sets each of the values above, from a known good one, and prints what came of it. */
static void
try_points(const char *name, void (*set)(coap_session_t *, coap_fixed_point_t),
           coap_fixed_point_t (*get)(const coap_session_t *)) {
  coap_fixed_point_t start = get(session);
  show("-- %s, default %u.%03u", name, start.integer_part, start.fractional_part);
  for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
    coap_fixed_point_t got;
    set(session, start);
    set(session, points[i]);
    got = get(session);
    show("%u.%03u: %u.%03u", points[i].integer_part, points[i].fractional_part, got.integer_part,
         got.fractional_part);
  }
  set(session, start);
  coap_fixed_point_t got = get(session);
  show("back: %u.%03u", got.integer_part, got.fractional_part);
}

static void
try_numbers(const char *name, void (*set)(coap_session_t *, uint16_t), uint16_t (*get)(const coap_session_t *)) {
  static const uint16_t numbers[] = {0, 1, 2, 4, 10, 20, 255, 256, 65535};
  uint16_t start = get(session);
  show("-- %s, default %u", name, start);
  for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
    set(session, start);
    set(session, numbers[i]);
    show("%u: %u", numbers[i], get(session));
  }
  set(session, start);
}

static void
probing_rate(void) {
  static const uint32_t numbers[] = {0, 1, 1000, 65536, 0xffffffff};
  show("-- probing_rate, default %u", coap_session_get_probing_rate(session));
  for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
    coap_session_set_probing_rate(session, 1);
    coap_session_set_probing_rate(session, numbers[i]);
    show("%u: %u", numbers[i], coap_session_get_probing_rate(session));
  }
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  coap_context_t *context = coap_new_context(NULL);
  coap_address_t address = loopback(5683);
  session = coap_new_client_session(context, NULL, &address, COAP_PROTO_UDP);
  NEED(session);
  try_points("ack_timeout", coap_session_set_ack_timeout, coap_session_get_ack_timeout);
  try_points("ack_random_factor", coap_session_set_ack_random_factor, coap_session_get_ack_random_factor);
  try_points("default_leisure", coap_session_set_default_leisure, coap_session_get_default_leisure);
  try_points("non_timeout", coap_session_set_non_timeout, coap_session_get_non_timeout);
  try_points("non_receive_timeout", coap_session_set_non_receive_timeout, coap_session_get_non_receive_timeout);
  try_numbers("max_retransmit", coap_session_set_max_retransmit, coap_session_get_max_retransmit);
  try_numbers("nstart", coap_session_set_nstart, coap_session_get_nstart);
  try_numbers("max_payloads", coap_session_set_max_payloads, coap_session_get_max_payloads);
  try_numbers("non_max_retransmit", coap_session_set_non_max_retransmit, coap_session_get_non_max_retransmit);
  probing_rate();
  coap_session_release(session);
  coap_free_context(context);
  coap_cleanup();
  return 0;
}
