/* coap_encode.h: unsigned integers as option values. */

#include "test.h"

static void
show_encoded(unsigned value) {
  size_t room;
  for (room = 0; room <= 5; room++) {
    uint8_t buf[8];
    unsigned needed = (unsigned)(coap_fls(value) + 7) / 8;
    if (room < needed && on_reference())
      continue;
    memset(buf, 0xee, sizeof(buf));
    if (room < needed) {
      /* mend room: the reference asserts where the buffer is too small; the page promises 0. */
      mend("room", "0 eeee", "%u %02x%02x", coap_encode_var_safe(buf, room, value), buf[0], buf[7]);
      mend("room", "0 eeee", "%u %02x%02x", coap_encode_var_safe8(buf, room, value), buf[0], buf[7]);
      continue;
    }
    show("%#x into %zu: %u, %02x%02x%02x%02x%02x", value, room, coap_encode_var_safe(buf, room, value),
         buf[0], buf[1], buf[2], buf[3], buf[4]);
    memset(buf, 0xee, sizeof(buf));
    show("%#x into %zu (8): %u, %02x%02x%02x%02x%02x", value, room,
         coap_encode_var_safe8(buf, room, value), buf[0], buf[1], buf[2], buf[3], buf[4]);
  }
}

int
main(void) {
  static const unsigned values[] = {0,        1,         255,        256,       65535,
                                    0x10000, 0xffffff, 0x1000000, 0xffffffff};
  static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  size_t i;
  uint8_t buf[8];

  coap_set_log_level(COAP_LOG_EMERG);
  for (i = 0; i < sizeof(values) / sizeof(*values); i++) {
    show("coap_fls(%#x) = %d, coap_flsll = %d", values[i], coap_fls(values[i]), coap_flsll(values[i]));
    show_encoded(values[i]);
  }
  SHOW(coap_flsll(1LL << 40));
  SHOW(coap_flsll(0x7fffffffffffffffLL));
  SHOW(coap_flsll(-1));

  for (i = 0; i <= sizeof(bytes); i++)
    show("%zu bytes: %#x, %#llx", i, coap_decode_var_bytes(bytes, i),
         (unsigned long long)coap_decode_var_bytes8(bytes, i));
  SHOW(coap_decode_var_bytes((const uint8_t *)"\0\0\1", 3));
  SHOW(coap_decode_var_bytes(NULL, 0));
  SHOW(coap_decode_var_bytes8(NULL, 0));

  SHOW(coap_encode_var_safe8(buf, sizeof(buf), 0x0102030405060708ULL));
  show("%02x..%02x", buf[0], buf[7]);
  SHOW(coap_encode_var_safe8(buf, sizeof(buf), 1ULL << 32));
  show("%02x%02x%02x%02x%02x", buf[0], buf[1], buf[2], buf[3], buf[4]);
  SHOW(coap_encode_var_safe(NULL, 0, 0));

  if (!on_reference()) {
    /* mend null: the reference reads from and writes to NULL. */
    mend("null", "0", "%u", coap_decode_var_bytes(NULL, 2));
    mend("null", "0", "%u", coap_encode_var_safe(NULL, 4, 5));
    mend("room", "0", "%u", coap_encode_var_safe8(buf, 7, ~0ULL));
  }
  return 0;
}
