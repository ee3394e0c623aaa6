/* Ticks and the time of day.
 *
 * mend clock_init: on the reference, coap_clock_init() begins the count anew under the timers that count
 *   with it. Ours goes on.
 * mend ticks_null: the reference crashes on a NULL. Ours does nothing.
 */
#include "test.h"

static void
the_clock(void) {
  coap_tick_t first, second;
  int64_t begin;

  show("-- the clock");
  SHOW(COAP_TICKS_PER_SECOND);
  coap_ticks(&first);
  begin = now_ms();
  do {
    coap_ticks(&second);
  } while (second - first < 20 && now_ms() < begin + 5000);
  /* It counts as the system's clock does. */
  SHOW(second - first >= 20 && now_ms() - begin >= 18 && now_ms() - begin < 5000);

  coap_clock_init();
  coap_ticks(&first);
  mend("clock_init", "1", "%d", coap_time_le(second, first));
  if (!on_reference()) {
    coap_ticks(NULL);
    mend("ticks_null", "alive", "alive");
  }
}

static void
time_of_day(void) {
  coap_tick_t now;
  uint64_t us;
  time_t seconds;

  show("-- time of day");
  coap_ticks(&now);
  seconds = time(NULL);
  SHOW(llabs((long long)coap_ticks_to_rt(now) - (long long)seconds) <= 1);
  us = coap_ticks_to_rt_us(now);
  SHOW(us / 1000000 == (uint64_t)coap_ticks_to_rt(now));
  SHOW(coap_ticks_from_rt_us(us) == now);

  /* Spans survive the conversion; parts of a tick are lost. */
  SHOW(coap_ticks_to_rt_us(now + 2500) - us);
  SHOW(coap_ticks_to_rt(now + 5000) - coap_ticks_to_rt(now));
  SHOW(coap_ticks_from_rt_us(us + 999) - now);
  SHOW(coap_ticks_from_rt_us(us + 1000) - now);
  SHOW(coap_ticks_from_rt_us(us + 3600000000u) - now);
}

static void
comparing(void) {
  show("-- comparing");
  SHOW(coap_time_lt(1, 2));
  SHOW(coap_time_lt(2, 2));
  SHOW(coap_time_lt(3, 2));
  SHOW(coap_time_le(2, 2));
  SHOW(coap_time_le(3, 2));
  SHOW(coap_time_lt(UINT64_MAX, 0));
  SHOW(coap_time_lt(0, UINT64_MAX));
}

int
main(void) {
  coap_startup();
  the_clock();
  time_of_day();
  comparing();
  coap_cleanup();
  return 0;
}
