/* coap_block.h: reading and writing Block options, cutting and building bodies by hand. */

#include "test.h"

static uint8_t body[5000];

static void
show_pdu(const char *label, const coap_pdu_t *pdu) {
  coap_opt_iterator_t walk;
  coap_opt_t *option;
  size_t length;
  const uint8_t *data;
  printf("%s: %s", label, code_text(coap_pdu_get_code(pdu)));
  coap_option_iterator_init(pdu, &walk, COAP_OPT_ALL);
  while ((option = coap_option_next(&walk))) {
    printf(" %u=", walk.number);
    if (walk.number == COAP_OPTION_ETAG) {
      printf("*"); /* whatever the library makes of the body */
      continue;
    }
    for (uint32_t i = 0; i < coap_opt_length(option); i++)
      printf("%02x", coap_opt_value(option)[i]);
  }
  if (coap_get_data(pdu, &length, &data))
    printf(" payload of %zu from %02x", length, data[0]);
  putchar('\n');
  fflush(stdout);
}

/* A response with room for `room` bytes. */
static coap_pdu_t *
response(size_t room) {
  coap_pdu_t *pdu = coap_pdu_init(COAP_MESSAGE_ACK, COAP_RESPONSE_CODE_CONTENT, 1, room);
  NEED(pdu);
  return pdu;
}

static void
values(void) {
  static const unsigned int cases[] = {0x0,    0x8,     0x6,     0x7,     0xf,      0x10,    0x1e,
                                       0x100,  0xfff0,  0xffff,  0x10000, 0xfffff6, 0xffffff};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    coap_pdu_t *pdu = response(100);
    uint8_t value[4];
    size_t length = coap_encode_var_safe(value, sizeof(value), cases[i]);
    coap_opt_iterator_t walk;
    coap_block_t block;
    coap_block_b_t block_b;
    NEED(coap_add_option(pdu, COAP_OPTION_BLOCK2, length, value));
    show("value %x: number %u", cases[i],
         coap_opt_block_num(coap_check_option(pdu, COAP_OPTION_BLOCK2, &walk)));
    if (coap_get_block(pdu, COAP_OPTION_BLOCK2, &block))
      show("  block %u more %u szx %u", block.num, block.m, block.szx);
    else
      show("  no block");
    if (coap_get_block_b(NULL, pdu, COAP_OPTION_BLOCK2, &block_b))
      show("  block %u more %u szx %u aszx %u defined %u bert %u, %u bytes", block_b.num, block_b.m,
           block_b.szx, block_b.aszx, block_b.defined, block_b.bert, block_b.chunk_size);
    else
      show("  no block_b");
    show("  macros %u %u %u", COAP_OPT_BLOCK_MORE(coap_check_option(pdu, COAP_OPTION_BLOCK2, &walk)),
         COAP_OPT_BLOCK_SZX(coap_check_option(pdu, COAP_OPTION_BLOCK2, &walk)),
         coap_get_block(pdu, COAP_OPTION_BLOCK1, &block));
    coap_delete_pdu(pdu);
  }
  coap_pdu_t *none = response(100);
  coap_block_t block = {77, 1, 3};
  coap_block_b_t block_b = {.num = 77, .chunk_size = 9};
  SHOW(coap_get_block(none, COAP_OPTION_BLOCK1, &block));
  show("  %u %u %u", block.num, block.m, block.szx);
  SHOW(coap_get_block_b(NULL, none, COAP_OPTION_BLOCK1, &block_b));
  show("  %u %u", block_b.num, block_b.chunk_size);
  SHOW(coap_get_block(NULL, COAP_OPTION_BLOCK1, &block));
  SHOW(coap_get_block_b(NULL, NULL, COAP_OPTION_BLOCK1, &block_b));
  coap_delete_pdu(none);
}

/* mend block_b_size: where coap_write_block_b_opt has to take a smaller size than asked for, the reference puts
 * that into the struct, and the size asked for into the option, which then names another part of the body. */
static void
writing(void) {
  static const struct {
    unsigned int num, szx;
    size_t room, length;
  } cases[] = {{0, 6, 1152, 100},  {0, 6, 1152, 1024}, {0, 6, 1152, 1025}, {1, 6, 1152, 1025}, {1, 6, 1152, 1024},
               {2, 6, 1152, 1025}, {0, 6, 600, 2000},  {1, 6, 600, 2000},  {1, 6, 600, 500},   {3, 4, 200, 2000},
               {0, 2, 1152, 0},    {1, 2, 1152, 0},    {7, 0, 1152, 200},  {0, 2, 30, 10}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    coap_pdu_t *pdu = response(cases[i].room);
    coap_block_t block = {cases[i].num, 0, cases[i].szx & 7};
    coap_block_b_t block_b = {.num = cases[i].num, .szx = cases[i].szx & 7, .aszx = cases[i].szx & 7,
                              .defined = 1, .chunk_size = 16u << cases[i].szx};
    coap_block_t read;
    show("block %u of szx %u of %zu bytes, room for %zu", cases[i].num, cases[i].szx, cases[i].length,
         cases[i].room);
    SHOW(coap_write_block_opt(&block, COAP_OPTION_BLOCK2, pdu, cases[i].length));
    show_pdu("  message", pdu);
    show("  %u %u", block.num, block.szx);
    coap_delete_pdu(pdu);
    pdu = response(cases[i].room);
    int written = coap_write_block_b_opt(NULL, &block_b, COAP_OPTION_BLOCK2, pdu, cases[i].length);
    show("  with coap_block_b_t: %d", written);
    if (written == 1) {
      show("  %u %u %u, %u bytes", block_b.num, block_b.m, block_b.szx, block_b.chunk_size);
      NEED(coap_get_block(pdu, COAP_OPTION_BLOCK2, &read));
      char wanted[16];
      snprintf(wanted, sizeof(wanted), "%u", block_b.szx);
      mend("block_b_size", wanted, "%u", read.szx);
    }
    coap_delete_pdu(pdu);
  }
}

static void
parts(void) {
  static const struct {
    unsigned int num;
    uint8_t szx;
    size_t length, room;
  } cases[] = {{0, 2, 100, 1152}, {1, 2, 100, 1152}, {2, 2, 100, 1152}, {1, 2, 64, 1152},
               {0, 2, 0, 1152},   {0, 6, 2000, 500}, {0, 6, 10, 1152},  {3, 0, 49, 1152}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    coap_pdu_t *pdu = response(cases[i].room);
    coap_block_b_t block = {.num = cases[i].num, .szx = cases[i].szx & 7, .aszx = cases[i].szx & 7,
                            .chunk_size = 16u << cases[i].szx};
    show("part %u of szx %u of %zu bytes", cases[i].num, cases[i].szx, cases[i].length);
    SHOW(coap_add_block(pdu, cases[i].length, body, cases[i].num, cases[i].szx));
    show_pdu("  message", pdu);
    coap_delete_pdu(pdu);
    pdu = response(cases[i].room);
    SHOW(coap_add_block_b_data(pdu, cases[i].length, body, &block));
    show_pdu("  message", pdu);
    coap_delete_pdu(pdu);
  }
  SHOW(coap_more_blocks(100, 0, 2));
  SHOW(coap_more_blocks(100, 1, 2));
  SHOW(coap_more_blocks(128, 1, 2));
}

static void
building(void) {
  coap_binary_t *built = coap_block_build_body(NULL, 10, body, 0, 100);
  NEED(built);
  show("made: %zu", built->length);
  built = coap_block_build_body(built, 10, body + 90, 90, 100);
  NEED(built);
  show("the end put in: %zu, %d %d", built->length, built->s[1], built->s[99]);
  built = coap_block_build_body(built, 10, body + 100, 100, 110);
  NEED(built);
  show("grown by its size: %zu, %d", built->length, built->s[109]);
  built = coap_block_build_body(built, 10, body, 200, 150);
  NEED(built);
  show("grown by the data: %zu, %d %d", built->length, built->s[109], built->s[201]);
  built = coap_block_build_body(built, 10, body + 10, 10, 50);
  NEED(built);
  show("a smaller size changes nothing: %zu, %d", built->length, built->s[12]);
  coap_delete_binary(built);
  SHOW_PTR(built = coap_block_build_body(NULL, 0, body, 0, 0));
  coap_delete_binary(built);
  SHOW_PTR(built = coap_block_build_body(NULL, 0, body, 0, 5));
  coap_delete_binary(built);
  SHOW_PTR(coap_block_build_body(NULL, 10, NULL, 0, 10));
}

/* mend blocked_room: the reference puts a smaller size into the option when a block does not fit, and then tries to add
 * the large block all the same; the response has no payload.
 * mend blocked_szx7: RFC 7959 section 2.2 wants 4.00 for the reserved size; the reference sends all of it. */
static void
responding(void) {
  static const struct {
    int block;
    size_t room, length;
    uint16_t media_type;
    int max_age;
  } cases[] = {{-1, 1152, 100, 0, -1},     {-1, 1152, 100, 40, 0},   {-1, 1152, 1100, 50, 300}, {-1, 1152, 3000, 50, 300},
               {0x02, 1152, 100, 0, 60},   {0x12, 1152, 100, 0, 60}, {0x22, 1152, 100, 0, 60},  {0x1e, 1152, 3000, 0, -1},
               {0x26, 1152, 3000, 0, -1}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    coap_pdu_t *request = coap_pdu_init(COAP_MESSAGE_CON, COAP_REQUEST_CODE_GET, 1, 1152);
    coap_pdu_t *pdu = response(cases[i].room);
    uint8_t value[4];
    if (cases[i].block >= 0)
      NEED(coap_add_option(request, COAP_OPTION_BLOCK2,
                           coap_encode_var_safe(value, sizeof(value), (unsigned int)cases[i].block), value));
    coap_add_data_blocked_response(request, pdu, cases[i].media_type, cases[i].max_age, cases[i].length, body);
    show("%zu bytes for Block2 %x", cases[i].length, cases[i].block);
    show_pdu("  response", pdu);
    coap_delete_pdu(pdu);
    coap_delete_pdu(request);
  }
  coap_pdu_t *request = coap_pdu_init(COAP_MESSAGE_CON, COAP_REQUEST_CODE_GET, 1, 1152);
  coap_pdu_t *pdu = response(600);
  size_t length;
  const uint8_t *data;
  coap_add_data_blocked_response(request, pdu, 0, -1, 3000, body);
  coap_get_data(pdu, &length, &data);
  mend("blocked_room", "512", "%zu", length);
  coap_delete_pdu(pdu);
  pdu = response(1152);
  NEED(coap_add_option(request, COAP_OPTION_BLOCK2, 1, (const uint8_t *)"\x07"));
  coap_add_data_blocked_response(request, pdu, 0, -1, 100, body);
  mend("blocked_szx7", "4.00", "%s", code_text(coap_pdu_get_code(pdu)));
  coap_delete_pdu(pdu);
  coap_delete_pdu(request);
}

static void
settings(void) {
  static const size_t sizes[] = {0, 8, 16, 17, 32, 64, 128, 256, 512, 1000, 1024, 2048};
  coap_context_t *context = coap_new_context(NULL);
  NEED(context);
  for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
    show("coap_context_set_max_block_size(%zu) = %d", sizes[i], coap_context_set_max_block_size(context, sizes[i]));
  coap_context_set_block_mode(context, 0xffffffff);
  coap_context_set_block_mode(context, 0);
  coap_free_context(context);
}

int
main(void) {
  for (size_t i = 0; i < sizeof(body); i++)
    body[i] = (uint8_t)(i % 251);
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  values();
  writing();
  parts();
  building();
  responding();
  settings();
  coap_cleanup();
  return 0;
}
