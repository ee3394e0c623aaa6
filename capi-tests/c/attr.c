/* coap_resource.h: attributes, and a resource as a link. */

#include "test.h"

static coap_str_const_t *
text(const char *value) {
  return coap_new_str_const((const uint8_t *)value, strlen(value));
}

static coap_attr_t *
add(coap_resource_t *resource, const char *name, const char *value, int flags) {
  coap_str_const_t *n = text(name), *v = value ? text(value) : NULL;
  coap_attr_t *attribute = coap_add_attr(resource, n, v, flags);
  if (!(flags & COAP_ATTR_FLAGS_RELEASE_NAME))
    coap_delete_str_const(n);
  if (!(flags & COAP_ATTR_FLAGS_RELEASE_VALUE))
    coap_delete_str_const(v);
  return attribute;
}

static void
show_value(const char *label, coap_attr_t *attribute) {
  coap_str_const_t *value = coap_attr_get_value(attribute);
  if (value)
    show("%s = [%.*s]", label, (int)value->length, (const char *)value->s);
  else
    show("%s = NULL", label);
}

static void
print(const coap_resource_t *resource, size_t size, size_t offset) {
  unsigned char buffer[300];
  size_t length = size, left = offset;
  memset(buffer, '.', sizeof(buffer));
  coap_print_status_t status = coap_print_link(resource, buffer, &length, &left);
  show("link of %zu from %zu: status %08x length %zu offset %zu [%.*s]%s", size, offset,
       (unsigned int)status, length, left, (int)COAP_PRINT_OUTPUT_LENGTH(status), buffer,
       buffer[size] == '.' ? "" : " written behind the buffer");
}

int
main(void) {
  coap_str_const_t *find;
  coap_startup();
  coap_resource_t *resource = coap_resource_init(coap_make_str_const("time"), 0);
  coap_context_t *context = coap_new_context(NULL);
  NEED(resource && context);

  print(resource, 100, 0);
  add(resource, "ct", "0", 0);
  add(resource, "title", "\"Internal Clock\"", COAP_ATTR_FLAGS_RELEASE_NAME);
  add(resource, "rt", "\"one two\"", COAP_ATTR_FLAGS_RELEASE_VALUE);
  add(resource, "bare", NULL, COAP_ATTR_FLAGS_RELEASE_NAME | COAP_ATTR_FLAGS_RELEASE_VALUE);
  add(resource, "empty", "", 0);
  add(resource, "rt", "three", COAP_ATTR_FLAGS_RELEASE_NAME | COAP_ATTR_FLAGS_RELEASE_VALUE);

  find = text("rt");
  show_value("rt", coap_find_attr(resource, find));
  SHOW_PTR(coap_find_attr(NULL, find));
  coap_delete_str_const(find);
  find = text("bare");
  SHOW_PTR(coap_find_attr(resource, find));
  show_value("bare", coap_find_attr(resource, find));
  coap_delete_str_const(find);
  find = text("bar");
  SHOW_PTR(coap_find_attr(resource, find));
  SHOW_PTR(coap_find_attr(resource, NULL));
  SHOW_PTR(coap_attr_get_value(NULL));
  SHOW_PTR(coap_add_attr(NULL, find, find, 0));
  SHOW_PTR(coap_add_attr(resource, NULL, find, 0));

  coap_attr_t *copied = coap_add_attr(resource, find, find, 0);
  show("the value of a copy is the string given: %d", coap_attr_get_value(copied) == find);
  coap_str_const_t *name = text("given"), *value = text("away");
  coap_attr_t *given =
      coap_add_attr(resource, name, value, COAP_ATTR_FLAGS_RELEASE_NAME | COAP_ATTR_FLAGS_RELEASE_VALUE);
  show("the value given away is the string given: %d", coap_attr_get_value(given) == value);
  coap_delete_str_const(find);

  print(resource, 200, 0);
  coap_resource_set_get_observable(resource, 1);
  print(resource, 200, 0);
  size_t whole = 103;
  static const size_t sizes[][2] = {{20, 0},  {20, 10}, {0, 0},  {200, 200}, {5, 1000},
                                    {103, 0}, {102, 0}, {10, 93}, {10, 94},   {10, 103}};
  for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
    print(resource, sizes[i][0], sizes[i][1]);
  show("every window shows its part of the whole:");
  unsigned char all[300], part[300];
  size_t length = sizeof(all), offset = 0, wrong = 0;
  coap_print_link(resource, all, &length, &offset);
  SHOW(length);
  whole = length;
  for (size_t from = 0; from <= whole + 2; from++)
    for (size_t size = 1; size <= whole + 2; size++) {
      size_t want = from > whole ? 0 : whole - from < size ? whole - from : size;
      length = size;
      offset = from;
      coap_print_status_t status = coap_print_link(resource, part, &length, &offset);
      wrong += COAP_PRINT_OUTPUT_LENGTH(status) != want || memcmp(part, all + from, want) != 0 ||
               length != whole || !!(status & COAP_PRINT_STATUS_TRUNC) != (from + size < whole);
    }
  SHOW(wrong);

  /* Only the list of a context frees on the reference what was never added. */
  coap_add_resource(context, resource);
  coap_free_context(context);
  coap_cleanup();
  return 0;
}
