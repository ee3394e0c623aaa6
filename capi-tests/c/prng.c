/* Random numbers, and a generator of the application's own.
 *
 * mend before_startup: the reference has no generator before coap_startup() is called. Ours takes the
 *   system's.
 * mend null_buffer: the reference crashes on NULL with a length. Ours returns 0.
 */
#include "test.h"

static unsigned int calls;
static size_t asked;

static int
all_a5(void *out, size_t length) {
  calls++;
  asked = length;
  memset(out, 0xa5, length);
  return 1;
}

static int
seven(void *out, size_t length) {
  memset(out, 7, length);
  return 7;
}

static int
broken(void *out UNUSED, size_t length UNUSED) {
  calls++;
  return 0;
}

static void
system_generator(void) {
  static uint8_t large[100000];
  uint8_t one[16] = {0}, two[16] = {0};
  size_t zeros = 0;

  show("-- the system's generator");
  SHOW(coap_prng(one, sizeof(one)));
  SHOW(coap_prng(two, sizeof(two)));
  SHOW(memcmp(one, two, sizeof(one)) != 0);
  SHOW(coap_prng(one, 0));
  SHOW(coap_prng(NULL, 0));
  if (!on_reference())
    mend("null_buffer", "0", "%d", coap_prng(NULL, 4));
  /* More than the system gives at once. */
  SHOW(coap_prng(large, sizeof(large)));
  for (size_t i = 0; i < sizeof(large); i++)
    zeros += large[i] == 0;
  SHOW(zeros > 200 && zeros < 800);
  /* The seed has no say. */
  coap_prng_init(1);
  SHOW(coap_prng(one, sizeof(one)));
  coap_prng_init(1);
  SHOW(coap_prng(two, sizeof(two)));
  SHOW(memcmp(one, two, sizeof(one)) != 0);
}

static void
own_generator(void) {
  uint8_t buffer[8] = {0};

  show("-- the application's generator");
  coap_set_prng(all_a5);
  SHOW(coap_prng(buffer, 5));
  SHOW(asked);
  SHOW(buffer[4]);
  SHOW(buffer[5]);
  coap_set_prng(seven);
  SHOW(coap_prng(buffer, sizeof(buffer)));
  coap_set_prng(broken);
  SHOW(coap_prng(buffer, sizeof(buffer)));
  coap_set_prng(NULL);
  SHOW(coap_prng(buffer, sizeof(buffer)));

  /* Neither seeding nor a new start takes it away. */
  coap_set_prng(all_a5);
  coap_prng_init(3);
  coap_cleanup();
  coap_startup();
  calls = 0;
  SHOW(coap_prng(buffer, sizeof(buffer)));
  SHOW(calls);
}

int
main(void) {
  uint8_t buffer[4];

  mend("before_startup", "1", "%d", coap_prng(buffer, sizeof(buffer)));
  coap_startup();
  system_generator();
  own_generator();
  coap_cleanup();
  return 0;
}
