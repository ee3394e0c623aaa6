/* coap_option.h: single options, filters, the walk over a message's options, lists of them. */

#include "test.h"

/* Parses bytes in a heap block of exactly their length. */
static void
show_parsed(const char *hex) {
  size_t length = strlen(hex) / 2, i, size;
  uint8_t *block = malloc(length ? length : 1);
  coap_option_t result;
  NEED(block);
  for (i = 0; i < length; i++) {
    unsigned value;
    sscanf(hex + 2 * i, "%2x", &value);
    block[i] = (uint8_t)value;
  }
  size = coap_opt_parse(block, length, &result);
  if (size)
    show("parse %s = %zu: delta %u, length %zu, value at %td; size %zu, length %u, value at %td", hex, size,
         result.delta, result.length, result.value - block, coap_opt_size(block), coap_opt_length(block),
         coap_opt_value(block) - block);
  else
    show("parse %s = 0", hex);
  free(block);
}

static void
parsing(void) {
  static const char *const options[] = {"",       "00",     "01",       "1161",   "b1",     "b161",
                                        "bd",     "bd00",   "d0",       "d000",   "d0ff",   "e0",
                                        "e000",   "e00000", "e0fef2",   "e0ffff", "ff",     "ff61",
                                        "f0",     "0f",     "fe",       "ef",     "dd0000", "dd",
                                        "ee",     "ee00000000", "d2016162"};
  static const char *const none[] = {"ff", "f0", "0f"};
  size_t i;
  for (i = 0; i < sizeof(options) / sizeof(*options); i++)
    show_parsed(options[i]);
  for (i = 0; i < sizeof(none) / sizeof(*none); i++) {
    uint8_t byte = none[i][0] == 'f' ? (none[i][1] == 'f' ? 0xff : 0xf0) : 0x0f;
    show("%s: size %zu, length %u, value %s", none[i], coap_opt_size(&byte), coap_opt_length(&byte),
         coap_opt_value(&byte) ? "something" : "NULL");
  }
}

static void
encoding(void) {
  static const uint16_t deltas[] = {0, 1, 12, 13, 268, 269, 65535};
  static const size_t lengths[] = {0, 1, 12, 13, 268, 269, 65535, 65804};
  uint8_t buf[16];
  size_t d, l, room;
  for (d = 0; d < sizeof(deltas) / sizeof(*deltas); d++)
    for (l = 0; l < sizeof(lengths) / sizeof(*lengths); l++) {
      show("delta %u length %zu: size %zu", deltas[d], lengths[l],
           coap_opt_encode_size(deltas[d], lengths[l]));
      for (room = 0; room <= 5; room++) {
        size_t head;
        memset(buf, 0xee, sizeof(buf));
        head = coap_opt_setheader(buf, room, deltas[d], lengths[l]);
        if (head)
          show("  head in %zu: %zu, %02x%02x%02x%02x%02x", room, head, buf[0], buf[1], buf[2], buf[3],
               buf[4]);
      }
    }
  for (room = 0; room < 7; room++) {
    size_t size;
    memset(buf, 0xee, sizeof(buf));
    size = coap_opt_encode(buf, room, 20, (const uint8_t *)"abc", 3);
    if (size)
      show("encode in %zu: %zu, %02x%02x%02x%02x%02x%02x", room, size, buf[0], buf[1], buf[2], buf[3], buf[4],
           buf[5]);
    else
      show("encode in %zu: 0", room);
  }
  memset(buf, 0xee, sizeof(buf));
  SHOW(coap_opt_encode(buf, sizeof(buf), 1, NULL, 3));
  show("%02x%02x", buf[0], buf[1]);
  SHOW(coap_opt_encode(buf, sizeof(buf), 1, NULL, 0));
}

static void
filters(void) {
  static const uint16_t numbers[] = {1, 2, 3, 4, 5, 6, 7, 256, 65535, 400, 0, 255, 1};
  coap_opt_filter_t filter;
  size_t i;
  memset(&filter, 0xff, sizeof(filter));
  coap_option_filter_clear(&filter);
  for (i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
    show("set %u = %d", numbers[i], coap_option_filter_set(&filter, numbers[i]));
  for (i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
    show("get %u = %d", numbers[i], coap_option_filter_get(&filter, numbers[i]));
  SHOW(coap_option_filter_unset(&filter, 3));
  SHOW(coap_option_filter_unset(&filter, 3));
  SHOW(coap_option_filter_get(&filter, 3));
  SHOW(coap_option_filter_set(&filter, 0));
  SHOW(coap_option_filter_get(&filter, 0));
  SHOW(coap_option_filter_unset(&filter, 65535));
  SHOW(coap_option_filter_set(&filter, 400));
  SHOW(coap_option_filter_get(&filter, 400));
}

static void
walk(const coap_pdu_t *pdu, const coap_opt_filter_t *filter) {
  coap_opt_iterator_t oi;
  coap_opt_t *option;
  memset(&oi, 0x55, sizeof(oi));
  if (coap_option_iterator_init(pdu, &oi, filter) != &oi) {
    show("nothing to walk over: bad %u, length %zu", oi.bad, oi.length);
    return;
  }
  show("bad %u, filtered %u, length %zu, number %u", oi.bad, oi.filtered, oi.length, oi.number);
  while ((option = coap_option_next(&oi)))
    show("  option %u, %u bytes: %.*s; %zu bytes left", oi.number, coap_opt_length(option),
         (int)coap_opt_length(option), (const char *)coap_opt_value(option), oi.length);
  show("bad %u, length %zu, number %u", oi.bad, oi.length, oi.number);
  SHOW_PTR(coap_option_next(&oi));
}

static void
walking(void) {
  coap_pdu_t *pdu = coap_pdu_init(COAP_MESSAGE_CON, COAP_REQUEST_CODE_GET, 1, 100);
  coap_opt_filter_t filter;
  coap_opt_iterator_t oi;
  coap_opt_t *option;
  NEED(pdu);
  walk(pdu, COAP_OPT_ALL);
  coap_add_token(pdu, 2, (const uint8_t *)"tk");
  coap_add_option(pdu, 3, 2, (const uint8_t *)"hh");
  coap_add_option(pdu, 11, 1, (const uint8_t *)"a");
  coap_add_option(pdu, 11, 2, (const uint8_t *)"bb");
  coap_add_option(pdu, 60, 1, (const uint8_t *)"s");
  coap_add_option(pdu, 300, 1, (const uint8_t *)"z");
  walk(pdu, COAP_OPT_ALL);
  coap_add_data(pdu, 4, (const uint8_t *)"data");
  walk(pdu, COAP_OPT_ALL);
  coap_option_filter_clear(&filter);
  walk(pdu, &filter);
  coap_option_filter_set(&filter, 11);
  coap_option_filter_set(&filter, 300);
  walk(pdu, &filter);

  option = coap_check_option(pdu, 11, &oi);
  NEED(option);
  show("first: %u, %.1s", oi.number, (const char *)coap_opt_value(option));
  option = coap_option_next(&oi);
  NEED(option);
  show("second: %u, %.2s", oi.number, (const char *)coap_opt_value(option));
  SHOW_PTR(coap_option_next(&oi));
  SHOW_PTR(coap_check_option(pdu, 12, &oi));
  SHOW_PTR(coap_check_option(pdu, 65535, &oi));
  SHOW_PTR(coap_check_option(pdu, 300, &oi));
  coap_delete_pdu(pdu);

  pdu = coap_pdu_init(COAP_MESSAGE_CON, COAP_REQUEST_CODE_GET, 1, 100);
  NEED(pdu);
  coap_add_data(pdu, 2, (const uint8_t *)"xy");
  walk(pdu, COAP_OPT_ALL);
  coap_delete_pdu(pdu);
}

static coap_optlist_t *
entry(uint16_t number, const char *value) {
  coap_optlist_t *made = coap_new_optlist(number, strlen(value), (const uint8_t *)value);
  NEED(made);
  return made;
}

static void
show_list(const char *title, const coap_optlist_t *list) {
  printf("%s:", title);
  for (; list; list = list->next)
    printf(" %u=%.*s", list->number, (int)list->length, (const char *)list->data);
  show("%s", "");
}

static void
show_options(const coap_pdu_t *pdu) {
  coap_opt_iterator_t oi;
  coap_opt_t *option;
  printf("message:");
  if (coap_option_iterator_init(pdu, &oi, COAP_OPT_ALL))
    while ((option = coap_option_next(&oi)))
      printf(" %u", oi.number);
  show("%s", "");
}

static void
lists(void) {
  coap_optlist_t *list = NULL, *none = NULL, *made;
  coap_pdu_t *pdu;

  made = coap_new_optlist(12, 0, NULL);
  NEED(made);
  SHOW(made->number);
  SHOW(made->length);
  SHOW_PTR(made->next);
  coap_delete_optlist(made);

  SHOW(coap_insert_optlist(&list, entry(300, "z")));
  SHOW(coap_insert_optlist(&list, entry(11, "one")));
  SHOW(coap_insert_optlist(&list, entry(3, "h")));
  SHOW(coap_insert_optlist(&list, entry(11, "two")));
  SHOW(coap_insert_optlist(&list, NULL));
  SHOW(coap_insert_optlist(NULL, NULL));
  show_list("as inserted", list);
  pdu = coap_pdu_init(COAP_MESSAGE_CON, COAP_REQUEST_CODE_GET, 1, 100);
  NEED(pdu);
  SHOW(coap_add_optlist_pdu(pdu, &list));
  show_list("sorted", list);
  show_options(pdu);
  SHOW(coap_add_optlist_pdu(pdu, &none));
  SHOW(coap_add_optlist_pdu(pdu, NULL));
  coap_delete_pdu(pdu);

  pdu = coap_pdu_init(COAP_MESSAGE_CON, COAP_REQUEST_CODE_GET, 1, 6);
  NEED(pdu);
  show("a message with room for the first two");
  SHOW(coap_add_optlist_pdu(pdu, &list));
  show_options(pdu);
  coap_delete_pdu(pdu);

  pdu = coap_pdu_init(COAP_MESSAGE_CON, COAP_REQUEST_CODE_GET, 1, 60);
  NEED(pdu);
  coap_add_data(pdu, 1, (const uint8_t *)"x");
  show("a message that has its payload");
  SHOW(coap_add_optlist_pdu(pdu, &list));
  coap_delete_pdu(pdu);
  coap_delete_optlist(list);

  list = NULL;
  show("an option twice that may be there once");
  coap_insert_optlist(&list, entry(12, "a"));
  coap_insert_optlist(&list, entry(12, "b"));
  coap_insert_optlist(&list, entry(60, "c"));
  pdu = coap_pdu_init(COAP_MESSAGE_CON, COAP_REQUEST_CODE_GET, 1, 60);
  NEED(pdu);
  SHOW(coap_add_optlist_pdu(pdu, &list));
  show_options(pdu);
  coap_delete_pdu(pdu);
  coap_delete_optlist(list);

  list = NULL;
  show("Proxy-Uri brings Hop-Limit");
  coap_insert_optlist(&list, entry(35, "coap://h"));
  pdu = coap_pdu_init(COAP_MESSAGE_CON, COAP_REQUEST_CODE_GET, 1, 60);
  NEED(pdu);
  SHOW(coap_add_optlist_pdu(pdu, &list));
  show_options(pdu);
  coap_delete_pdu(pdu);
  coap_delete_optlist(list);
  coap_delete_optlist(NULL);
}

/* What the reference does not survive, or gets wrong. */
static void
bad_arguments(void) {
  static uint8_t big[70000];
  coap_option_t result;
  coap_opt_iterator_t oi;
  coap_optlist_t *list = NULL, *made;
  coap_pdu_t *pdu = coap_pdu_init(COAP_MESSAGE_CON, COAP_REQUEST_CODE_GET, 1, 60);
  NEED(pdu);
  coap_add_option(pdu, 11, 1, (const uint8_t *)"a");

  /* mend null: the reference asserts or crashes. */
  mend("null", "0", "%zu", coap_opt_parse(NULL, 3, &result));
  mend("null", "0", "%zu", coap_opt_parse((const uint8_t *)"\x11x", 2, NULL));
  mend("null", "0", "%zu", coap_opt_size(NULL));
  mend("null", "0", "%u", coap_opt_length(NULL));
  mend("null", "1", "%d", coap_opt_value(NULL) == NULL);
  mend("null", "0", "%zu", coap_opt_setheader(NULL, 20, 1, 3));
  mend("null", "0", "%zu", coap_opt_encode(NULL, 20, 1, NULL, 3));
  coap_option_filter_clear(NULL);
  mend("null", "0", "%d", coap_option_filter_set(NULL, 1));
  mend("null", "0", "%d", coap_option_filter_unset(NULL, 1));
  mend("null", "0", "%d", coap_option_filter_get(NULL, 1));
  mend("null", "1", "%d", coap_option_iterator_init(NULL, &oi, NULL) == NULL);
  mend("null", "1", "%d", coap_option_iterator_init(pdu, NULL, NULL) == NULL);
  mend("null", "1", "%d", coap_option_next(NULL) == NULL);
  mend("null", "1", "%d", coap_check_option(NULL, 11, &oi) == NULL);
  mend("null", "1", "%d", coap_check_option(pdu, 11, NULL) == NULL);
  mend("null", "1", "%d", coap_new_optlist(12, 3, NULL) == NULL);
  made = entry(3, "h");
  mend("null", "0", "%d", coap_insert_optlist(NULL, made));
  coap_insert_optlist(&list, made);
  mend("null", "0", "%d", coap_add_optlist_pdu(NULL, &list));
  coap_delete_optlist(list);

  /* mend over: a delta of 65536 wraps to 0 there, and so does a length of 65805. */
  mend("over", "0", "%zu", coap_opt_parse((const uint8_t *)"\xe0\xfe\xf3", 3, &result));
  mend("over", "0", "%zu", coap_opt_size((const uint8_t *)"\xe0\xfe\xf3"));
  mend("over", "0", "%zu", coap_opt_encode_size(0, 65805));
  mend("over", "0", "%zu", coap_opt_setheader(big, 5, 0, 65805));
  mend("over", "0", "%zu", coap_opt_encode(big, sizeof(big), 1, NULL, 65805));
  coap_delete_pdu(pdu);
}

int
main(void) {
  coap_set_log_level(COAP_LOG_EMERG);
  parsing();
  encoding();
  filters();
  walking();
  lists();
  if (!on_reference())
    bad_arguments();
  return 0;
}
