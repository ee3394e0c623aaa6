/* coap_show_pdu(): the line of a message, for every code, option and kind of payload. */

#include "test.h"

static coap_pdu_t *
message(int type, int code) {
  coap_pdu_t *pdu = coap_pdu_init((coap_pdu_type_t)type, (coap_pdu_code_t)code, 0x12ab, 9000);
  NEED(pdu);
  return pdu;
}

static void
show_and_delete(coap_pdu_t *pdu) {
  coap_show_pdu(COAP_LOG_WARN, pdu);
  fflush(stdout);
  coap_delete_pdu(pdu);
}

static void
with_option(int code, int number, const char *value, size_t length) {
  coap_pdu_t *pdu = message(COAP_MESSAGE_CON, code);
  if (coap_add_option(pdu, (coap_option_num_t)number, length, (const uint8_t *)value) == 0)
    printf("refused: ");
  show_and_delete(pdu);
}

static void
with_payload(int format, const char *data, size_t length) {
  coap_pdu_t *pdu = message(COAP_MESSAGE_ACK, COAP_RESPONSE_CODE_CONTENT);
  uint8_t buffer[4];
  if (format >= 0)
    coap_add_option(pdu, COAP_OPTION_CONTENT_FORMAT,
                    coap_encode_var_safe(buffer, sizeof(buffer), (unsigned int)format), buffer);
  NEED(coap_add_data(pdu, length, (const uint8_t *)data));
  show_and_delete(pdu);
}

#define TEXT(string) string, sizeof(string) - 1

static void
headers(void) {
  static const size_t token_lengths[] = {1, 2, 8, 9, 13, 300};
  uint8_t token[300];
  for (int type = 0; type < 4; type++)
    show_and_delete(message(type, 0));
  for (int code = 0; code < 256; code++)
    show_and_delete(message(COAP_MESSAGE_NON, code));
  for (size_t i = 0; i < sizeof(token); i++)
    token[i] = (uint8_t)(i * 7);
  for (size_t i = 0; i < sizeof(token_lengths) / sizeof(token_lengths[0]); i++) {
    coap_pdu_t *pdu = message(COAP_MESSAGE_CON, COAP_REQUEST_CODE_GET);
    NEED(coap_add_token(pdu, token_lengths[i], token));
    show_and_delete(pdu);
  }
}

static void
options(void) {
  static const int further[] = {128, 252, 256, 258, 260, 292, 1000, 2048, 65000, 65535};
  for (int i = 0; i < 72; i++) {
    int number = i < 62 ? i : further[i - 62];
    with_option(1, number, TEXT(""));
    with_option(1, number, TEXT("\x05"));
    with_option(1, number, TEXT("ab"));
    with_option(1, number, TEXT("\xff\xff\xff\xff"));
    with_option(1, number, TEXT("\x01\xff\x00 a\"\n"));
    with_option(1, number, TEXT("\x01\x02\x03\x04\x05\x06\x07\x08\x09"));
  }
  for (int code = 225; code < 231; code++) {
    for (int number = 1; number < 8; number++)
      with_option(code, number, TEXT("\x05"));
  }
  for (unsigned int format = 0; format < 11000; format++) {
    uint8_t value[4];
    if (format < 400 || format > 9990)
      with_option(1, format % 2 ? COAP_OPTION_ACCEPT : COAP_OPTION_CONTENT_FORMAT, (const char *)value,
                  coap_encode_var_safe(value, sizeof(value), format));
  }
  for (unsigned int block = 0; block < 32; block++) {
    uint8_t value[4];
    with_option(1, COAP_OPTION_BLOCK2, (const char *)value,
                coap_encode_var_safe(value, sizeof(value), block * 0x10101));
  }
  /* What the flags of an OSCORE option announce, whole and cut short. */
  with_option(2, COAP_OPTION_OSCORE, TEXT("\x08kid"));
  with_option(2, COAP_OPTION_OSCORE, TEXT("\x09\x05kid"));
  with_option(2, COAP_OPTION_OSCORE, TEXT("\x19\x05\x02" "ccki"));
  with_option(2, COAP_OPTION_OSCORE, TEXT("\x10\x02" "cc"));
  with_option(2, COAP_OPTION_OSCORE, TEXT("\x10\x05" "cc"));
  with_option(2, COAP_OPTION_OSCORE, TEXT("\x28kid"));
  with_option(2, COAP_OPTION_OSCORE, TEXT("\x08"));
  with_option(2, COAP_OPTION_OSCORE, TEXT("\x19\x05"));
  with_option(2, COAP_OPTION_OSCORE, TEXT("\x06\x01\x02\x03\x04\x05\x06"));
}

static void
payloads(void) {
  static const int formats[] = {-1, 0, 19, 40, 41, 42, 43, 47, 50, 60, 110, 10001, 11050, 65535};
  coap_pdu_t *pdu;
  for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
    with_payload(formats[i], TEXT("hello"));
    with_payload(formats[i], TEXT("\x01llo"));
  }
  with_payload(0, TEXT("a\nb\t\r\"'\\"));
  with_payload(0, TEXT("a\0b"));
  with_payload(0, TEXT("gr\xc3\xbc\xc3\x9f"));
  with_payload(0, TEXT("\x7f"));
  with_payload(0, TEXT(" "));
  with_payload(-1, TEXT("a\xff\xfe\xfd"));

  pdu = message(COAP_MESSAGE_CON, COAP_REQUEST_CODE_POST);
  coap_add_option(pdu, COAP_OPTION_OSCORE, 0, NULL);
  coap_add_data(pdu, 3, (const uint8_t *)"abc");
  show_and_delete(pdu);

  /* The format that a client accepts counts like that of what it sends. */
  pdu = message(COAP_MESSAGE_CON, COAP_REQUEST_CODE_POST);
  coap_add_option(pdu, COAP_OPTION_ACCEPT, 1, (const uint8_t *)"\x2a");
  coap_add_data(pdu, 3, (const uint8_t *)"abc");
  show_and_delete(pdu);
}

static void
limits(void) {
  static char big[8000];
  coap_pdu_t *pdu = message(COAP_MESSAGE_CON, COAP_REQUEST_CODE_GET);
  memset(big, 'x', sizeof(big));
  with_option(1, COAP_OPTION_PROXY_URI, big, 1034);
  with_option(1, 100, big, 258);
  with_option(1, 100, big, 259);
  with_option(1, 100, big, 1000);
  /* Of the three lengths between, the reference loses the closing quote though it has room for it. */
  with_payload(0, big, 1989);
  with_payload(0, big, 1993);
  with_payload(0, big, sizeof(big));
  for (size_t length = 1023; length < 1028; length++)
    with_payload(42, big, length);
  with_payload(42, big, sizeof(big));
  for (int i = 0; i < 300; i++)
    coap_add_option(pdu, COAP_OPTION_URI_QUERY, 4, (const uint8_t *)"part");
  show_and_delete(pdu);
}

int
main(void) {
  headers();
  options();
  payloads();
  limits();
  return 0;
}
