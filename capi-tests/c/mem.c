/* Memory by purpose. What the counts look like in the log is each library's own. */
#include "test.h"

static unsigned int lines;

static void
count_lines(coap_log_t level UNUSED, const char *message UNUSED) {
  lines++;
}

static void
allocating(void) {
  void *p;

  show("-- allocating");
  coap_memory_init();
  p = coap_malloc_type(COAP_STRING, 10);
  SHOW_PTR(p);
  memcpy(p, "123456789", 10);
  p = coap_realloc_type(COAP_STRING, p, 100000);
  SHOW_STR(p);
  p = coap_realloc_type(COAP_STRING, p, 5);
  SHOW(memcmp(p, "12345", 5));
  coap_free_type(COAP_STRING, p);

  p = coap_realloc_type(COAP_STRING, NULL, 20);
  SHOW_PTR(p);
  memset(p, 1, 20);
  SHOW_PTR(coap_realloc_type(COAP_STRING, p, 0));

  p = coap_malloc(3);
  SHOW_PTR(p);
  coap_free(p);
  coap_free(NULL);
}

static void
purposes(void) {
  show("-- purposes");
  SHOW(COAP_MEM_TAG_LAST);
  for (unsigned int tag = 0; tag <= COAP_MEM_TAG_LAST; tag++) {
    void *p = coap_malloc_type((coap_memory_tag_t)tag, tag);
    SHOW_PTR(p);
    memset(p, 0xff, tag);
    coap_free_type((coap_memory_tag_t)tag, p);
    coap_free_type((coap_memory_tag_t)tag, NULL);
  }
  SHOW_PTR(coap_malloc_type(COAP_PDU, SIZE_MAX / 4));
}

static void
counting(void) {
  void *p = coap_malloc_type(COAP_SESSION, 1);

  show("-- counting");
  coap_set_log_handler(count_lines);
  coap_set_log_level(COAP_LOG_WARN);
  /* Lines that nobody wants are not written. */
  coap_dump_memory_type_counts(COAP_LOG_INFO);
  SHOW(lines);
  coap_dump_memory_type_counts(COAP_LOG_WARN);
  show("~ %u lines: this build %s", lines, lines ? "counts" : "does not count");
  coap_set_log_handler(NULL);
  coap_free_type(COAP_SESSION, p);
}

int
main(void) {
  coap_startup();
  allocating();
  purposes();
  counting();
  coap_cleanup();
  return 0;
}
