/* Start and end, in any number and order. */
#include "test.h"

static void
handler(coap_log_t level, const char *message) {
  show("handler: %d %s", level, message);
}

static void
use(void) {
  uint8_t random[8];
  coap_tick_t now = 0;

  SHOW(coap_prng(random, sizeof(random)));
  coap_ticks(&now);
  SHOW(coap_ticks_to_rt(now) > 1600000000);
}

int
main(void) {
  show("-- once");
  coap_startup();
  use();
  coap_cleanup();

  show("-- again");
  coap_startup();
  use();
  coap_cleanup();

  show("-- several times");
  coap_startup();
  coap_startup();
  use();
  coap_cleanup();
  coap_cleanup();
  coap_cleanup();
  coap_startup();
  use();

  show("-- what is set before it stays, and ends with it");
  coap_cleanup();
  coap_set_log_level(COAP_LOG_NOTICE);
  coap_set_log_handler(handler);
  coap_startup();
  SHOW(coap_get_log_level());
  coap_log_warn("a line");
  coap_cleanup();
  SHOW(coap_get_log_level());
  coap_set_log_level(COAP_LOG_NOTICE);
  coap_cleanup(); /* already done */
  SHOW(coap_get_log_level());
  coap_log_crit("a line for the standard error stream, not for the handler");
  coap_cleanup();
  return 0;
}
