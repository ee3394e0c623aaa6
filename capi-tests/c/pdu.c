/* coap_pdu.h: making messages, taking them apart, and reading hostile ones. */

#include "test.h"

/* Length and bytes of a string literal, as the functions that add something take them. */
#define BYTES(text) sizeof(text) - 1, (const uint8_t *)(text)

static uint8_t big[70000];

static coap_pdu_t *
make(size_t size) {
  coap_pdu_t *pdu = coap_pdu_init(COAP_MESSAGE_CON, COAP_REQUEST_CODE_GET, 0x1234, size);
  NEED(pdu);
  return pdu;
}

/* One line of all there is in a message. Free with the message. */
static void
show_pdu(const coap_pdu_t *pdu) {
  coap_bin_const_t token = coap_pdu_get_token(pdu);
  coap_opt_iterator_t oi;
  coap_opt_t *option;
  const uint8_t *data;
  size_t i, length, offset, total;
  int answer;
  printf("  type %d code %d mid %d token %zu:", (int)coap_pdu_get_type(pdu), (int)coap_pdu_get_code(pdu),
         coap_pdu_get_mid(pdu), token.length);
  for (i = 0; i < token.length && i < 16; i++)
    printf("%02x", token.s[i]);
  if (coap_option_iterator_init(pdu, &oi, COAP_OPT_ALL))
    while ((option = coap_option_next(&oi))) {
      printf(" %u=", oi.number);
      for (i = 0; i < coap_opt_length(option) && i < 6; i++)
        printf("%02x", coap_opt_value(option)[i]);
      printf("/%u", coap_opt_length(option));
    }
  length = 99;
  data = big;
  answer = coap_get_data(pdu, &length, &data);
  printf(" data %d %zu %s", answer, length, data ? "something" : "NULL");
  length = offset = total = 99;
  answer = coap_get_data_large(pdu, &length, &data, &offset, &total);
  show(" large %d %zu at %zu of %zu", answer, length, offset, total);
}

static void
making(void) {
  static const size_t sizes[] = {0, 8, 255, 256, 1152, 65535, 65536, 100000, 0xffffffff, (size_t)-1};
  static const int codes[] = {0, 1, 31, 32, 64, 69, 95, 96, 192, 225, 255};
  coap_pdu_t *pdu;
  size_t i;
  int type;
  for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
    pdu = make(sizes[i]);
    show("size %zx: token %d, option %zu, data %d", sizes[i], coap_add_token(pdu, 8, big),
         coap_add_option(pdu, 11, 3, big), coap_add_data(pdu, 5, big));
    coap_delete_pdu(pdu);
  }
  for (type = 0; type <= 3; type++) {
    pdu = coap_pdu_init((coap_pdu_type_t)type, COAP_EMPTY_CODE, 65535, 10);
    NEED(pdu);
    show_pdu(pdu);
    coap_delete_pdu(pdu);
  }
  for (i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
    pdu = coap_pdu_init(COAP_MESSAGE_NON, (coap_pdu_code_t)codes[i], 0, 10);
    NEED(pdu);
    show_pdu(pdu);
    coap_delete_pdu(pdu);
  }
  pdu = make(100);
  coap_pdu_set_type(pdu, COAP_MESSAGE_RST);
  coap_pdu_set_code(pdu, COAP_RESPONSE_CODE_NOT_FOUND);
  coap_pdu_set_mid(pdu, 65535);
  show_pdu(pdu);
  coap_pdu_set_mid(pdu, 0);
  show_pdu(pdu);
  coap_delete_pdu(pdu);
  coap_delete_pdu(NULL);
}

static void
tokens(void) {
  static const size_t lengths[] = {0, 8, 9, 12, 13, 14, 268, 269, 270, 4096};
  coap_pdu_t *pdu;
  size_t i, more;
  for (i = 0; i < sizeof(lengths) / sizeof(*lengths); i++)
    for (more = 0; more <= 2; more++) {
      if (lengths[i] + more == 0)
        continue;
      pdu = make(lengths[i] + more);
      show("token of %zu into %zu: %d", lengths[i], lengths[i] + more, coap_add_token(pdu, lengths[i], big));
      coap_delete_pdu(pdu);
    }
  pdu = make(100);
  SHOW(coap_add_token(pdu, 0, NULL));
  SHOW(coap_add_token(pdu, 2, (const uint8_t *)"ab"));
  SHOW(coap_add_token(pdu, 2, (const uint8_t *)"cd"));
  show_pdu(pdu);
  coap_delete_pdu(pdu);
  pdu = make(100);
  SHOW(coap_add_option(pdu, 11, BYTES("p")));
  SHOW(coap_add_token(pdu, BYTES("xyz")));
  coap_delete_pdu(pdu);
  pdu = make(100);
  SHOW(coap_add_data(pdu, BYTES("p")));
  SHOW(coap_add_token(pdu, BYTES("xyz")));
  coap_delete_pdu(pdu);
  SHOW(coap_add_token(NULL, BYTES("xyz")));
}

static void
options(void) {
  static const size_t lengths[] = {12, 13, 268, 269, 65535, 65803, 65804};
  static const uint16_t numbers[] = {1,  3,  4,  5,  6,  7,  8,  9,  11, 12, 14,  15,  16,  17,  20,
                                     23, 27, 28, 35, 39, 60, 252, 258, 292, 2, 13, 2048, 65000};
  coap_pdu_t *pdu = make(200);
  size_t i, first, second, third;

  SHOW(coap_add_option(pdu, 300, BYTES("c")));
  SHOW(coap_add_option(pdu, 11, BYTES("a")));
  SHOW(coap_add_option(pdu, 11, BYTES("b")));
  SHOW(coap_add_option(pdu, 15, BYTES("qq")));
  SHOW(coap_add_option(pdu, 65535, BYTES("last")));
  SHOW(coap_add_option(pdu, 0, BYTES("first")));
  SHOW(coap_add_option(pdu, 60, 0, NULL));
  show_pdu(pdu);
  SHOW(coap_add_data(pdu, BYTES("hi")));
  SHOW(coap_add_option(pdu, 60, BYTES("1")));
  show_pdu(pdu);
  coap_delete_pdu(pdu);

  for (i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
    pdu = make(100000);
    show("value of %zu: %zu", lengths[i], coap_add_option(pdu, 2053, lengths[i], big));
    show_pdu(pdu);
    coap_delete_pdu(pdu);
  }
  show("repeated at the end, then before another one");
  for (i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
    pdu = make(100);
    first = coap_add_option(pdu, numbers[i], BYTES("a"));
    second = coap_add_option(pdu, numbers[i], BYTES("b"));
    coap_add_option(pdu, 65001, BYTES("x"));
    third = coap_add_option(pdu, numbers[i], BYTES("c"));
    show("option %u: %zu %zu %zu", numbers[i], first, second, third);
    show_pdu(pdu);
    coap_delete_pdu(pdu);
  }
}

static void
hop_limit(void) {
  static const int codes[] = {1, 7, 0, 69, 132, 225};
  coap_pdu_t *pdu;
  size_t i;
  for (i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
    pdu = coap_pdu_init(COAP_MESSAGE_CON, (coap_pdu_code_t)codes[i], 1, 100);
    NEED(pdu);
    show("code %d: %zu", codes[i], coap_add_option(pdu, COAP_OPTION_PROXY_URI, BYTES("coap://h")));
    show_pdu(pdu);
    coap_delete_pdu(pdu);
  }
  pdu = make(100);
  SHOW(coap_add_option(pdu, COAP_OPTION_HOP_LIMIT, BYTES("\5")));
  SHOW(coap_add_option(pdu, COAP_OPTION_PROXY_SCHEME, BYTES("coap")));
  show_pdu(pdu);
  coap_delete_pdu(pdu);
  pdu = make(100);
  SHOW(coap_add_option(pdu, COAP_OPTION_SIZE1, BYTES("\5")));
  SHOW(coap_add_option(pdu, COAP_OPTION_PROXY_SCHEME, BYTES("coap")));
  show_pdu(pdu);
  coap_delete_pdu(pdu);
}

static void
payload(void) {
  coap_pdu_t *pdu = make(100);
  uint8_t *place;
  size_t size;
  SHOW(coap_add_data(pdu, 0, NULL));
  SHOW(coap_add_data(pdu, 0, big));
  SHOW_PTR(coap_add_data_after(pdu, 0));
  show_pdu(pdu);
  SHOW(coap_add_data(pdu, BYTES("hello")));
  SHOW(coap_add_data(pdu, BYTES("again")));
  SHOW_PTR(coap_add_data_after(pdu, 1));
  show_pdu(pdu);
  coap_delete_pdu(pdu);

  pdu = make(100);
  place = coap_add_data_after(pdu, 3);
  NEED(place);
  memcpy(place, "xyz", 3);
  {
    size_t length;
    const uint8_t *data;
    SHOW(coap_get_data(pdu, &length, &data));
    show("%.*s", (int)length, (const char *)data);
  }
  coap_delete_pdu(pdu);

  for (size = 1; size <= 4; size++) {
    pdu = make(size);
    show("data of 2 into %zu: %d", size, coap_add_data(pdu, 2, big));
    coap_delete_pdu(pdu);
    pdu = make(size);
    show("room of 2 in %zu: %s", size, coap_add_data_after(pdu, 2) ? "something" : "NULL");
    coap_delete_pdu(pdu);
  }
  for (size = 1; size <= 8; size++) {
    pdu = make(size);
    show("option of 4 into %zu: %zu", size, coap_add_option(pdu, 11, 3, big));
    show("data of 2 then: %d", coap_add_data(pdu, 2, big));
    coap_delete_pdu(pdu);
  }
}

/* Parses bytes in a heap block of exactly their length. */
static void
parse(coap_proto_t proto, const char *hex, size_t size) {
  size_t length = strlen(hex) / 2, i;
  uint8_t *block = malloc(length ? length : 1);
  coap_pdu_t *pdu = make(size);
  int answer;
  NEED(block);
  for (i = 0; i < length; i++) {
    unsigned value;
    sscanf(hex + 2 * i, "%2x", &value);
    block[i] = (uint8_t)value;
  }
  answer = coap_pdu_parse(proto, block, length, pdu);
  show("protocol %d, room %zu, %s: %d", (int)proto, size, hex, answer);
  if (answer)
    show_pdu(pdu);
  coap_delete_pdu(pdu);
  free(block);
}

static void
parsing(void) {
  static const char *const udp[] = {
      "", "40", "400100", "40010001", "00010001", "80010001", "c0010001", "50010001", "60010001", "70010001",
      /* tokens */
      "41010001", "4101000142", "4801000101020304050607", "480100010102030405060708",
      "49010001010203040506070809", "4c010001010203040506070809101112", "4d010001", "4d01000100",
      "4d010001000102030405060708090a0b0c0d", "4e01000100", "4e0100010000", "4f010001",
      "4f010001010203040506070809101112131415", "6d656564", "6e656564",
      /* empty messages */
      "40000001", "60000001", "70000001", "4000000100", "40000001ff", "4100000101", "40000001b161",
      "5000000100", "400000",
      /* options */
      "40010001b161", "40010001b261", "40010001b1", "40010001bd", "40010001bd00", "40010001be00",
      "40010001be0000", "40010001d0", "40010001e0", "40010001e000", "40010001f0", "400100010f",
      "40010001f1ff", "40010001fe", "40010001e0fef1", "40010001e0fef2c1", "40010001e0fef210",
      "40010001e0ffff", "40010001b16101620361626363",
      /* payload */
      "40010001ff", "40010001ff00", "40010001b161ff", "40010001b161ff62", "40010001b161ffff",
      /* codes */
      "401f0001", "40200001", "40400001", "40450001", "405f0001", "40600001", "40800001", "40a00001",
      "40c00001", "40e00001", "40e10001", "40ff0001", "40c0000161", "5020000161ff61",
      /* what was sent to others */
      "54014d32c98669bf410d756173796e6343623d3011e4711943558ec1d014",
      "5006da6e432e63402101121633456173796e63113c01ff41751170a2c5b1c4636f6170d1ce10ff0d680371ec9e9ac63739fe",
      "44030001aabbccddb178d303000008ff00",
      "440325b9bc306ac4bd03746573742d6275672d74726967676572d303000008ff30313233343536373839616263646566",
      "44020001aabbccdd9619000258ff02ff00112233445566778899aabbccdd"};
  static const char *const tcp[] = {
      "", "00", "0001", "1001", "100100", "0101aa", "0101", "2001b161", "2001b1", "3001b161", "d001", "d00001",
      "d00301b161", "e0000001", "e00000", "f00000000001", "f0000000", "f0ffffffff01b161", "7d01", "7d0100",
      "0d0100000102030405060708090a0b0c", "0d01000102030405060708090a0b0c0d", "0e0100000102", "0f01", "0000",
      "0100", "010061", "1000", "1001ff", "2001ff61", "2145aaff61", "c001b161ff00000000000000", "00ff",
      "00e1", "00e2", "00e3", "00e4", "00e5", "20e12104", "10e140", "20e14100", "60e1250000000000", "40e163010000",
      "50e16401000000", "20e22100", "10e220", "10e320"};
  static const char *const ws[] = {"",     "00",       "0001",     "1001",     "0101aa", "0001b161",
                                   "00e1", "0001ff61", "2001b161", "d001b161", "f001",   "0000",
                                   "000061", "0d0100000102030405060708090a0b0c"};
  size_t i;
  int proto;
  for (i = 0; i < sizeof(udp) / sizeof(*udp); i++)
    parse(COAP_PROTO_UDP, udp[i], 1152);
  for (i = 0; i < sizeof(tcp) / sizeof(*tcp); i++)
    parse(COAP_PROTO_TCP, tcp[i], 1152);
  for (i = 0; i < sizeof(ws) / sizeof(*ws); i++)
    parse(COAP_PROTO_WS, ws[i], 1152);
  for (proto = 0; proto < 9; proto++)
    parse((coap_proto_t)proto, "2001b161", 100);
  for (proto = 0; proto < 9; proto++)
    parse((coap_proto_t)proto, "44010001aabbccddb161ff6162", 100);
  for (i = 0; i < 12; i++)
    parse(COAP_PROTO_UDP, "44010001aabbccddb161ff6162", i);
}

/* Which lengths of a value the parser refuses. */
static void
value_lengths(void) {
  static const uint16_t numbers[] = {1,  3,  4,  5,  6,  7,  8,  9,  11, 12, 14,  15,  16,  17, 20,
                                     23, 27, 28, 35, 39, 60, 252, 258, 292, 2, 13, 2048};
  static const size_t lengths[] = {0, 1, 2, 3, 4, 5, 8, 9, 40, 41, 255, 256, 1034, 1035};
  size_t i, l;
  for (i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
    printf("option %u:", numbers[i]);
    for (l = 0; l < sizeof(lengths) / sizeof(*lengths); l++) {
      uint8_t *block = malloc(4 + 5 + lengths[l]);
      coap_pdu_t *pdu = make(2000);
      size_t length = 4;
      NEED(block);
      memcpy(block, "\x40\x01\0\1", 4);
      length += coap_opt_encode(block + 4, 5 + lengths[l], numbers[i], big, lengths[l]);
      block = realloc(block, length);
      NEED(block);
      printf(" %zu:%d", lengths[l], coap_pdu_parse(COAP_PROTO_UDP, block, length, pdu));
      coap_delete_pdu(pdu);
      free(block);
    }
    show("%s", "");
  }
}

/* A message that is parsed into loses what it had, and can be added to. */
static void
parsing_again(void) {
  static const uint8_t message[] = {0x44, 1, 0, 1, 0xaa, 0xbb, 0xcc, 0xdd, 0xb1, 0x61, 0xff, 0x62, 0x63};
  coap_pdu_t *pdu = make(100);
  coap_add_token(pdu, 2, big);
  coap_add_option(pdu, 300, 3, big);
  coap_add_data(pdu, 4, big);
  SHOW(coap_pdu_parse(COAP_PROTO_UDP, message, sizeof(message), pdu));
  show_pdu(pdu);
  SHOW(coap_add_option(pdu, 12, BYTES("x")));
  SHOW(coap_pdu_parse(COAP_PROTO_UDP, message, 10, pdu));
  SHOW(coap_add_option(pdu, 12, BYTES("x")));
  SHOW(coap_add_option(pdu, 11, BYTES("y")));
  SHOW(coap_add_data(pdu, BYTES("z")));
  show_pdu(pdu);
  SHOW(coap_pdu_parse(COAP_PROTO_UDP, message, 4, pdu));
  coap_delete_pdu(pdu);
}

/* What the reference does not survive, or gets wrong. */
static void
mended(void) {
  coap_pdu_t *pdu;
  size_t length;
  const uint8_t *data;

  /* mend range: the reference asserts on a type, code or message ID that does not exist. */
  mend("range", "1", "%d", coap_pdu_init((coap_pdu_type_t)4, COAP_EMPTY_CODE, 1, 10) == NULL);
  mend("range", "1", "%d", coap_pdu_init((coap_pdu_type_t)-1, COAP_EMPTY_CODE, 1, 10) == NULL);
  mend("range", "1", "%d", coap_pdu_init(COAP_MESSAGE_CON, (coap_pdu_code_t)256, 1, 10) == NULL);
  mend("range", "1", "%d", coap_pdu_init(COAP_MESSAGE_CON, COAP_EMPTY_CODE, -1, 10) == NULL);
  mend("range", "1", "%d", coap_pdu_init(COAP_MESSAGE_CON, COAP_EMPTY_CODE, 65536, 10) == NULL);
  pdu = make(100);
  coap_pdu_set_type(pdu, (coap_pdu_type_t)4);
  coap_pdu_set_code(pdu, (coap_pdu_code_t)256);
  coap_pdu_set_mid(pdu, 65536);
  mend("range", "0 1 4660", "%d %d %d", (int)coap_pdu_get_type(pdu), (int)coap_pdu_get_code(pdu),
       coap_pdu_get_mid(pdu));

  /* mend null: the reference asserts or crashes. */
  mend("null", "0", "%d", (int)coap_pdu_get_code(NULL));
  mend("null", "0", "%d", (int)coap_pdu_get_type(NULL));
  mend("null", "-1", "%d", coap_pdu_get_mid(NULL));
  mend("null", "0", "%zu", coap_pdu_get_token(NULL).length);
  coap_pdu_set_code(NULL, COAP_EMPTY_CODE);
  coap_pdu_set_type(NULL, COAP_MESSAGE_CON);
  coap_pdu_set_mid(NULL, 1);
  mend("null", "0", "%zu", coap_add_option(NULL, 1, BYTES("a")));
  mend("null", "0", "%d", coap_add_data(NULL, BYTES("a")));
  mend("null", "1", "%d", coap_add_data_after(NULL, 1) == NULL);
  mend("null", "0", "%d", coap_get_data(NULL, &length, &data));
  mend("null", "0", "%d", coap_get_data(pdu, NULL, NULL));
  mend("null", "0", "%d", coap_add_token(pdu, 3, NULL));
  mend("null", "0", "%d", coap_add_data(pdu, 3, NULL));
  mend("null", "0", "%d", coap_pdu_parse(COAP_PROTO_UDP, NULL, 4, pdu));
  mend("null", "0", "%d", coap_pdu_parse(COAP_PROTO_UDP, big, 4, NULL));
  coap_delete_pdu(pdu);

  /* mend token: RFC 8974 goes to 65804 bytes; the reference stops at 4096. */
  pdu = make(0);
  mend("token", "1", "%d", coap_add_token(pdu, 65804, big));
  coap_delete_pdu(pdu);
  pdu = make(0);
  mend("token", "0", "%d", coap_add_token(pdu, 65805, big));

  /* mend length: a value over 65804 bytes cannot be encoded; the reference writes another length. */
  mend("length", "0", "%zu", coap_add_option(pdu, 11, 65805, big));
  coap_delete_pdu(pdu);

  /* mend number: 65535 is an option number like others, and 65536 is none: it wraps to 0 there. */
  pdu = make(100);
  mend("number", "1", "%d", coap_pdu_parse(COAP_PROTO_UDP, (const uint8_t *)"\x40\x01\0\1\xe0\xfe\xf2", 7, pdu));
  mend("number", "0", "%d", coap_pdu_parse(COAP_PROTO_UDP, (const uint8_t *)"\x40\x01\0\1\xe0\xfe\xf3", 7, pdu));

  /* mend csm: an unknown elective option in a signalling message is to be ignored (RFC 8323 §5.2). */
  mend("csm", "1", "%d", coap_pdu_parse(COAP_PROTO_TCP, (const uint8_t *)"\x10\xe1\x80", 3, pdu));
  coap_delete_pdu(pdu);

  /* mend whole: what fails changes nothing; the reference leaves the Hop-Limit of a Proxy-Uri that has
   * no room, and a token that it has refused. */
  pdu = make(12);
  mend("whole", "0", "%zu", coap_add_option(pdu, COAP_OPTION_PROXY_URI, BYTES("coap://host")));
  mend("whole", "1", "%d", coap_add_data(pdu, 11, big));
  coap_delete_pdu(pdu);
  pdu = make(4);
  mend("whole", "0", "%d", coap_add_token(pdu, 8, big));
  mend("whole", "0", "%zu", coap_pdu_get_token(pdu).length);
  coap_delete_pdu(pdu);

  /* mend room: the encoding of an inserted option makes the next one shorter, which the reference does
   * not count. */
  pdu = make(8);
  coap_add_option(pdu, 20, BYTES("abc"));
  mend("room", "4", "%zu", coap_add_option(pdu, 11, BYTES("abc")));
  coap_delete_pdu(pdu);
}

int
main(void) {
  int code;
  coap_set_log_level(COAP_LOG_EMERG);
  making();
  tokens();
  options();
  hop_limit();
  payload();
  parsing();
  value_lengths();
  parsing_again();
  for (code = 0; code < 256; code++)
    if (coap_response_phrase((unsigned char)code))
      show("%d.%02d %s", code >> 5, code & 31, coap_response_phrase((unsigned char)code));
  if (!on_reference())
    mended();
  return 0;
}
