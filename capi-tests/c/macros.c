/* Every macro with parameters and every inline function, each held to a value that stands here. */

/* Levels above COAP_LOG_INFO are compiled out here. */
#define COAP_MAX_LOGGING_LEVEL 6

#include "test.h"

/* Prints the expression and its value, and ends the program if it is another. */
#define IS(expression, wanted)                                                                     \
  do {                                                                                             \
    long long is_ = (long long)(expression);                                                       \
    show("%s = %lld", #expression, is_);                                                           \
    NEED(is_ == (long long)(wanted));                                                              \
  } while (0)

/* What a macro becomes, as text without blanks: for those that are another name of a function. */
#define TEXT_(...) #__VA_ARGS__
#define TEXT(...) TEXT_(__VA_ARGS__)
#define BECOMES(expression, wanted)                                                                \
  do {                                                                                             \
    char text_[200];                                                                               \
    size_t from_ = 0, to_ = 0;                                                                     \
    for (; TEXT(expression)[from_] && to_ + 1 < sizeof(text_); from_++)                            \
      if (TEXT(expression)[from_] != ' ')                                                          \
        text_[to_++] = TEXT(expression)[from_];                                                    \
    text_[to_] = '\0';                                                                             \
    show("%s becomes %s", #expression, text_);                                                     \
    NEED(strcmp(text_, wanted) == 0);                                                              \
  } while (0)

static int logged;

static void
take_log(coap_log_t level, const char *message) {
  logged++;
  show("log %d %s", (int)level, message);
}

static void
codes(void) {
  coap_option option = {11, 3};
  uint8_t bytes[] = {0xb3, 'a', 'b', 'c'};
  IS(COAP_RESPONSE_CODE(404), 0x84);
  IS(COAP_RESPONSE_CODE(205), 0x45);
  IS(COAP_RESPONSE_CLASS(0x84), 4);
  IS(COAP_RESPONSE_CLASS(0xe1), 7);
  IS(COAP_SIGNALING_CODE(701), 0xe1);
  IS(COAP_OPTION_KEY(option), 11);
  IS(COAP_OPTION_LENGTH(option), 3);
  IS(COAP_OPTION_DATA(option) - (unsigned char *)&option, sizeof(coap_option));
  IS(PCHAR(bytes) == bytes, 1);
  IS(COAP_OPT_ALL == NULL, 1);
}

static void
transports(void) {
  coap_uri_t uri;
  memset(&uri, 0, sizeof(uri));
  IS(COAP_PROTO_NOT_RELIABLE(COAP_PROTO_UDP), 1);
  IS(COAP_PROTO_NOT_RELIABLE(COAP_PROTO_DTLS), 1);
  IS(COAP_PROTO_NOT_RELIABLE(COAP_PROTO_TCP), 0);
  IS(COAP_PROTO_NOT_RELIABLE(COAP_PROTO_NONE), 0);
  IS(COAP_PROTO_RELIABLE(COAP_PROTO_TCP), 1);
  IS(COAP_PROTO_RELIABLE(COAP_PROTO_TLS), 1);
  IS(COAP_PROTO_RELIABLE(COAP_PROTO_WS), 1);
  IS(COAP_PROTO_RELIABLE(COAP_PROTO_WSS), 1);
  IS(COAP_PROTO_RELIABLE(COAP_PROTO_UDP), 0);
  uri.scheme = COAP_URI_SCHEME_COAPS_WS;
  IS(coap_uri_scheme_is_secure(&uri), 1);
  uri.scheme = COAP_URI_SCHEME_COAP_TCP;
  IS(coap_uri_scheme_is_secure(&uri), 0);
}

/* The block macros read the last byte of an option's value. */
static void
blocks(void) {
  uint8_t none[] = {0xd0, 10}, one[] = {0xd1, 10, 0x1e}, two[] = {0xd2, 10, 0x01, 0x05};
  IS(COAP_OPT_BLOCK_LAST(one) - one, 2);
  IS(COAP_OPT_BLOCK_LAST(two) - two, 3);
  IS(COAP_OPT_BLOCK_LAST(none) == NULL, 1);
  IS(COAP_OPT_BLOCK_END_BYTE(none), 0);
  IS(COAP_OPT_BLOCK_END_BYTE(one), 0x1e);
  IS(COAP_OPT_BLOCK_MORE(none), 0);
  IS(COAP_OPT_BLOCK_MORE(one), 8);
  IS(COAP_OPT_BLOCK_MORE(two), 0);
  IS(COAP_OPT_BLOCK_SZX(none), 0);
  IS(COAP_OPT_BLOCK_SZX(one), 6);
  IS(COAP_OPT_BLOCK_SZX(two), 5);
  IS(coap_more_blocks(1024, 0, 6), 0);
  IS(coap_more_blocks(1025, 0, 6), 1);
  IS(coap_more_blocks(33, 1, 0), 1);
  IS(coap_more_blocks(32, 1, 0), 0);
  IS(coap_more_blocks(0, 0, 0), 0);
}

static void
strings(void) {
  coap_string_t a, b;
  coap_bin_const_t c = {2, (const uint8_t *)"ab"}, d = {2, (const uint8_t *)"ac"}, e = {0, NULL}, f = {0, NULL};
  uint8_t ab[] = "ab", abc[] = "abc";
  COAP_SET_STR(&a, 2, ab);
  COAP_SET_STR(&b, 3, abc);
  IS(a.length, 2);
  IS(a.s == ab, 1);
  IS(coap_string_equal(&a, &b), 0);
  b.length = 2;
  IS(coap_string_equal(&a, &b), 1);
  b.s = NULL;
  IS(coap_string_equal(&a, &b), 0);
  IS(coap_binary_equal(&c, &d), 0);
  IS(coap_binary_equal(&c, &a), 1);
  IS(coap_binary_equal(&e, &f), 1);
  IS(COAP_PRINT_OUTPUT_LENGTH(COAP_PRINT_STATUS_TRUNC | 7), 7);
}

static void
times(void) {
  IS(coap_time_lt(1, 2), 1);
  IS(coap_time_lt(2, 2), 0);
  IS(coap_time_lt(2, 1), 0);
  IS(coap_time_lt((coap_tick_t)-1, 1), 1);
  IS(coap_time_le(2, 2), 1);
  IS(coap_time_le(2, 1), 0);
  IS(coap_time_le((coap_tick_t)-1, 0), 1);
}

static void
fixed_points(void) {
  coap_fixed_point_t value = COAP_DEFAULT_ACK_RANDOM_FACTOR;
  IS(value.integer_part, 1);
  IS(value.fractional_part, 500);
  value = COAP_DEFAULT_ACK_TIMEOUT;
  IS(value.integer_part * 1000 + value.fractional_part, 2000);
  value = COAP_DEFAULT_DEFAULT_LEISURE;
  IS(value.integer_part * 1000 + value.fractional_part, 5000);
  value = COAP_DEFAULT_NON_TIMEOUT;
  IS(value.integer_part * 1000 + value.fractional_part, 2000);
  value = COAP_DEFAULT_NON_RECEIVE_TIMEOUT;
  IS(value.integer_part * 1000 + value.fractional_part, 4000);
}

/* The deprecated inline functions. */
static void
older_functions(void) {
  coap_opt_filter_t filter;
  uint8_t buf[4] = {0};
  int i;
  void *memory = coap_malloc(10);
  NEED(memory);
  memset(memory, 7, 10);
  coap_free(memory);
  coap_free(NULL);
  memset(&filter, 0, sizeof(filter));
  IS(coap_option_getb(&filter, 11), 0);
  IS(coap_option_setb(&filter, 11), 1);
  IS(coap_option_getb(&filter, 11), 1);
  IS(coap_option_clrb(&filter, 11), 1);
  IS(coap_option_getb(&filter, 11), 0);
  for (i = 0; i < 6; i++)
    IS(coap_option_setb(&filter, (uint16_t)(20 + i)), 1);
  IS(coap_option_setb(&filter, 26), -1);
  IS(coap_encode_var_bytes(buf, 0), 0);
  IS(coap_encode_var_bytes(buf, 0x123456), 3);
  IS(buf[0] == 0x12 && buf[1] == 0x34 && buf[2] == 0x56, 1);
}

/* mend isany: the reference's coap_address_isany() calls a function that its library does not export, so
 * that a program which uses it cannot be linked. Ours stands in the header alone. The weak declaration
 * lets this program be linked to the reference, where it makes no call. */
__attribute__((weak)) int _coap_address_isany_impl(const coap_address_t *a);

static int
is_any(const coap_address_t *address) {
  return on_reference() ? -1 : coap_address_isany(address);
}

static void
wildcards(void) {
  coap_address_t address;
  coap_address_init(&address);
  address.addr.sin.sin_family = AF_INET;
  mend("isany", "1", "%d", is_any(&address));
  address.addr.sin.sin_port = htons(5683);
  mend("isany", "1", "%d", is_any(&address));
  address.addr.sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  mend("isany", "0", "%d", is_any(&address));
  coap_address_init(&address);
  address.addr.sin6.sin6_family = AF_INET6;
  mend("isany", "1", "%d", is_any(&address));
  address.addr.sin6.sin6_addr.s6_addr[15] = 1;
  mend("isany", "0", "%d", is_any(&address));
  coap_address_init(&address);
  address.addr.cun.sun_family = AF_UNIX;
  mend("isany", "0", "%d", is_any(&address));
}

static void
logging(void) {
  coap_set_log_handler(take_log);
  coap_set_log_level(COAP_LOG_OSCORE);
  coap_dtls_set_log_level(COAP_LOG_WARN);
  coap_log(COAP_LOG_WARN, "%s %d", "log", 1);
  coap_log_emerg("emerg");
  coap_log_alert("alert");
  coap_log_crit("crit");
  coap_log_err("err");
  coap_log_warn("warn");
  coap_log_notice("notice");
  coap_log_info("info");
  IS(logged, 8);
  coap_log_debug("compiled out");
  coap_log_oscore("compiled out");
  coap_no_log();
  IS(logged, 8);
  coap_set_log_level(COAP_LOG_WARN);
  coap_log_info("below the level");
  IS(logged, 8);
  coap_log_warn("at the level");
  IS(logged, 9);
  coap_dtls_log(COAP_LOG_INFO, "above the level of the (D)TLS library");
  IS(logged, 9);
  coap_dtls_log(COAP_LOG_WARN, "at the level of the (D)TLS library");
  IS(logged, 10);
}

static void
other_names(void) {
  BECOMES(coap_send_large(s, p), "coap_send(s,p)");
  BECOMES(coap_join_mcast_group(c, g), "(coap_join_mcast_group_intf(c,g,((void*)0)))");
  BECOMES(coap_run_once(c, t), "coap_io_process(c,t)");
  BECOMES(coap_write(c, s, m, n, t), "coap_io_prepare_io(c,s,m,n,t)");
  BECOMES(coap_read(c, t), "coap_io_do_io(c,t)");
  BECOMES(coap_closesocket, "close");
}

int
main(void) {
  coap_startup();
  codes();
  transports();
  blocks();
  strings();
  times();
  fixed_points();
  older_functions();
  wildcards();
  logging();
  other_names();
  coap_cleanup();
  return 0;
}
