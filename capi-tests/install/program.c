/* What every way of linking is tried with: strings, a URI, a number, a log line; in names that 4.3.1 has too. */
#include <coap3/coap.h>
#include <stdio.h>
#include <string.h>

static void
take_log(coap_log_t level, const char *message) {
  printf("log %d: %s", (int)level, message);
}

int
main(void) {
  coap_uri_t uri;
  uint8_t number[4];
  const char *text = "coap://[::1]:61616/a/b?c";
  coap_str_const_t *copy;

  coap_startup();
  if (coap_split_uri((const uint8_t *)text, strlen(text), &uri) != 0)
    return 1;
  printf("host %.*s port %u secure %d\n", (int)uri.host.length, (const char *)uri.host.s, (unsigned int)uri.port,
         coap_uri_scheme_is_secure(&uri));
  copy = coap_new_str_const(uri.path.s, uri.path.length);
  if (copy == NULL)
    return 1;
  printf("path %.*s equal %d\n", (int)copy->length, (const char *)copy->s, coap_string_equal(copy, &uri.path));
  coap_delete_str_const(copy);
  printf("encoded %u\n", coap_encode_var_safe(number, sizeof(number), 65536));
  coap_set_log_level(LOG_WARNING);
  coap_set_log_handler(take_log);
  coap_log(LOG_WARNING, "%s %d\n", "seven", 7);
  coap_log(LOG_INFO, "not shown\n");
  coap_cleanup();
  return 0;
}
