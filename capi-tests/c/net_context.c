/* A context: its life, its settings and their ranges.
 *
 * mend csm_max_message_size: the reference aborts on a maximum below 64 bytes. Ours leaves the maximum as
 *   it was. */
#include "test.h"

static void
life(void) {
  coap_address_t address = loopback(free_port());
  coap_address_t taken = address;
  coap_context_t *context, *second;

  show("-- life");
  context = coap_new_context(NULL);
  SHOW_PTR(context);
  coap_free_context(context);
  coap_free_context(NULL);

  context = coap_new_context(&address);
  SHOW_PTR(context);
  second = coap_new_context(&taken);
  SHOW_PTR(second);
  coap_free_context(second);
  SHOW_PTR(coap_new_endpoint(context, &taken, COAP_PROTO_UDP));
  coap_free_context(context);

  /* The port is free again. */
  context = coap_new_context(&address);
  SHOW_PTR(context);
  coap_free_context(context);
}

static void
app_data(coap_context_t *context) {
  int one, two;

  show("-- app data");
  SHOW_PTR(coap_context_get_app_data(context));
  coap_context_set_app_data(context, &one);
  SHOW(coap_context_get_app_data(context) == &one);
  SHOW(coap_get_app_data(context) == &one);
  coap_set_app_data(context, &two);
  SHOW(coap_context_get_app_data(context) == &two);
  coap_context_set_app_data(context, NULL);
  SHOW_PTR(coap_get_app_data(context));
}

static void
session_limits(coap_context_t *context) {
  static const unsigned int values[] = {0, 1, 7, 300, 0x7fffffff, 0xffffffff};

  show("-- limits of sessions");
  SHOW(coap_context_get_max_idle_sessions(context));
  SHOW(coap_context_get_max_handshake_sessions(context));
  SHOW(coap_context_get_session_timeout(context));
  for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
    coap_context_set_max_idle_sessions(context, values[i]);
    coap_context_set_max_handshake_sessions(context, values[i]);
    coap_context_set_session_timeout(context, values[i]);
    show("%u: %u %u %u", values[i], coap_context_get_max_idle_sessions(context),
         coap_context_get_max_handshake_sessions(context), coap_context_get_session_timeout(context));
  }
}

static void
csm(coap_context_t *context) {
  static const unsigned int values[] = {0, 1, 9, 10, 11, 999, 1000, 1001, 9999, 10000, 10001, 0xffffffff};
  static const uint32_t sizes[] = {64, 65, 1152, 65535, 8388864, 8388865, 0xffffffff};

  show("-- CSM");
  SHOW(coap_context_get_csm_timeout(context));
  SHOW(coap_context_get_csm_timeout_ms(context));
  SHOW(coap_context_get_csm_max_message_size(context));
  for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
    coap_context_set_csm_timeout_ms(context, values[i]);
    show("%u ms: %u ms, %u s", values[i], coap_context_get_csm_timeout_ms(context),
         coap_context_get_csm_timeout(context));
  }
  for (unsigned int seconds = 0; seconds < 13; seconds += 3) {
    coap_context_set_csm_timeout(context, seconds);
    show("%u s: %u ms, %u s", seconds, coap_context_get_csm_timeout_ms(context),
         coap_context_get_csm_timeout(context));
  }
  for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
    coap_context_set_csm_max_message_size(context, sizes[i]);
    show("%u: %u", sizes[i], coap_context_get_csm_max_message_size(context));
  }
  coap_context_set_csm_max_message_size(context, 1152);
  if (!on_reference()) {
    coap_context_set_csm_max_message_size(context, 63);
    mend("csm_max_message_size", "1152", "%u", coap_context_get_csm_max_message_size(context));
  }
}

static void
security(coap_context_t *context) {
  static const uint8_t key[] = {1, 2, 3};
  coap_dtls_spsk_t psk = {.version = COAP_DTLS_SPSK_SETUP_VERSION, .psk_info.key = {sizeof(key), key}};
  coap_dtls_pki_t pki = {.version = COAP_DTLS_PKI_SETUP_VERSION + 1};

  show("-- security: with it, all that is right here are the two keys");
  SHOW(coap_context_set_psk(context, "hint", key, sizeof(key)));
  SHOW(coap_context_set_psk2(context, &psk));
  SHOW(coap_context_set_pki(context, &pki));
  SHOW(coap_context_set_pki_root_cas(context, "none", "none"));
  SHOW(coap_context_set_cid_tuple_change(context, 1));
}

static void
loop(coap_context_t *context) {
  struct pollfd descriptor = {.fd = coap_context_get_coap_fd(context), .events = POLLIN};

  show("-- loop");
  SHOW(descriptor.fd >= 0);
  SHOW(poll(&descriptor, 1, 0));
  SHOW(coap_can_exit(context));
  SHOW(coap_io_pending(context));
  SHOW(coap_can_exit(NULL));
  SHOW(coap_io_pending(NULL));
}

static int
on_event(coap_session_t *session, const coap_event_t event) {
  show("event %#x, session %s", (unsigned int)event, session ? "something" : "NULL");
  return 42;
}

static void
events(coap_context_t *context) {
  show("-- events");
  SHOW(coap_handle_event(context, COAP_EVENT_TCP_CLOSED, NULL));
  coap_register_event_handler(context, on_event);
  SHOW(coap_handle_event(context, COAP_EVENT_TCP_CLOSED, NULL));
  SHOW(coap_handle_event(context, (coap_event_t)0x1234, NULL));
  coap_register_event_handler(context, NULL);
  SHOW(coap_handle_event(context, COAP_EVENT_TCP_CLOSED, NULL));
  coap_set_event_handler(context, on_event);
  SHOW(coap_handle_event(context, COAP_EVENT_BAD_PACKET, NULL));
  coap_clear_event_handler(context);
  SHOW(coap_handle_event(context, COAP_EVENT_BAD_PACKET, NULL));
}

int
main(void) {
  coap_context_t *context;

  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  life();
  context = coap_new_context(NULL);
  NEED(context);
  app_data(context);
  session_limits(context);
  csm(context);
  security(context);
  loop(context);
  events(context);
  coap_free_context(context);
  coap_cleanup();
  return 0;
}
