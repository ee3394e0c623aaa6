/* coap_str.h: making, filling, resizing and comparing strings and binary data. */

#include "test.h"

int
main(void) {
  coap_string_t *string;
  coap_str_const_t *text, *other, *third;
  coap_binary_t *binary, *moved;
  coap_bin_const_t *data;

  coap_set_log_level(COAP_LOG_EMERG);
  string = coap_new_string(5);
  NEED(string);
  SHOW(string->length);
  SHOW(string->s[string->length]);
  memcpy(string->s, "hello", 5);
  SHOW_STR(string->s);
  coap_delete_string(string);
  string = coap_new_string(0);
  NEED(string);
  SHOW(string->length);
  SHOW_PTR(string->s);
  SHOW(string->s[0]);
  coap_delete_string(string);
  coap_delete_string(NULL);
  SHOW_PTR(coap_new_string((size_t)1 << 62));

  text = coap_new_str_const((const uint8_t *)"abcdef", 3);
  NEED(text);
  SHOW(text->length);
  SHOW_STR(text->s);
  coap_delete_str_const(text);
  text = coap_new_str_const(NULL, 0);
  NEED(text);
  SHOW(text->length);
  SHOW_STR(text->s);
  coap_delete_str_const(text);
  coap_delete_str_const(NULL);

  binary = coap_new_binary(4);
  NEED(binary);
  SHOW(binary->length);
  memcpy(binary->s, "wxyz", 4);
  binary = coap_resize_binary(binary, 8);
  NEED(binary);
  SHOW(binary->length);
  show("%.4s", (const char *)binary->s);
  binary = coap_resize_binary(binary, 2);
  NEED(binary);
  SHOW(binary->length);
  show("%.2s", (const char *)binary->s);
  binary = coap_resize_binary(binary, 0);
  NEED(binary);
  SHOW(binary->length);
  coap_delete_binary(binary);
  binary = coap_resize_binary(NULL, 3);
  NEED(binary);
  SHOW(binary->length);
  coap_delete_binary(binary);
  coap_delete_binary(NULL);

  data = coap_new_bin_const((const uint8_t *)"\0\1\2", 3);
  NEED(data);
  SHOW(data->length);
  SHOW(data->s[0] == 0 && data->s[1] == 1 && data->s[2] == 2);
  coap_delete_bin_const(data);
  data = coap_new_bin_const(NULL, 0);
  NEED(data);
  SHOW(data->length);
  coap_delete_bin_const(data);
  coap_delete_bin_const(NULL);

  /* Two results are good at a time; the third call uses the first one again. */
  text = coap_make_str_const("a");
  other = coap_make_str_const("bb");
  SHOW(text != other);
  SHOW(text->length);
  SHOW_STR(text->s);
  SHOW(other->length);
  SHOW_STR(other->s);
  third = coap_make_str_const("");
  SHOW(third == text);
  SHOW(third->length);
  SHOW_STR(other->s);

  {
    coap_str_const_t one = {3, (const uint8_t *)"abc"}, same = {3, (const uint8_t *)"abc"};
    coap_str_const_t longer = {4, (const uint8_t *)"abcd"}, empty = {0, NULL};
    coap_bin_const_t zero = {2, (const uint8_t *)"\0\1"}, last = {2, (const uint8_t *)"\0\2"};
    SHOW(coap_string_equal(&one, &same));
    SHOW(coap_string_equal(&one, &longer));
    SHOW(coap_string_equal(&empty, &empty));
    SHOW(coap_string_equal(&one, &empty));
    SHOW(coap_binary_equal(&zero, &zero));
    SHOW(coap_binary_equal(&zero, &last));
    COAP_SET_STR(&empty, 1, (const uint8_t *)"x");
    SHOW(empty.length);
  }

  if (!on_reference()) {
    /* mend size: the reference asserts, or wraps to a small block, where the size and what goes
     * with it do not fit into size_t. */
    mend("size", "NULL", "%s", coap_new_string((size_t)-1) ? "something" : "NULL");
    mend("size", "NULL", "%s", coap_new_string((size_t)-17) ? "something" : "NULL");
    mend("size", "NULL", "%s", coap_new_binary((size_t)-1) ? "something" : "NULL");
    binary = coap_new_binary(1);
    moved = coap_resize_binary(binary, (size_t)-1);
    mend("size", "NULL", "%s", moved ? "something" : "NULL");
    coap_delete_binary(binary);
    /* mend null: the reference reads from NULL. */
    mend("null", "NULL", "%s", coap_new_str_const(NULL, 3) ? "something" : "NULL");
    mend("null", "NULL", "%s", coap_new_bin_const(NULL, 3) ? "something" : "NULL");
    mend("null", "0", "%zu", coap_make_str_const(NULL)->length);
  }
  return 0;
}
