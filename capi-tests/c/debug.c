/* coap_debug.h: levels, the handler, the default output, addresses, simulated loss. */

#define _GNU_SOURCE /* strptime */
#include "test.h"

/* A text about the (D)TLS library, without its releases: the reference was built for another one than we are. */
static const char *
unreleased(const char *text) {
  static char copy[200];
  char *releases;
  snprintf(copy, sizeof(copy), "%s", text);
  releases = strstr(copy, " - runtime ");
  if (releases && strstr(releases, ", libcoap built for "))
    strcpy(releases, strchr(releases, '\n') ? " - runtime .., libcoap built for ..\n" : " - runtime .., libcoap built for ..");
  return copy;
}

/* The other lines are about other things, each of which has a function in coap_supported.h. */
static const char *
first_line(char *text) {
  text[strcspn(text, "\n")] = '\0';
  return text;
}

static void
print_text(coap_log_t level, const char *message) {
  message = unreleased(message);
  printf("handler %d \"", (int)level);
  for (; *message; message++)
    *message == '\n' ? printf("\\n") : putchar(*message);
  puts("\"");
  fflush(stdout);
}

static size_t handler_length;

static void
measure_text(coap_log_t level, const char *message) {
  (void)level;
  handler_length = strlen(message);
}

static void
levels(void) {
  static const coap_log_t settings[] = {COAP_LOG_EMERG, COAP_LOG_ERR, COAP_LOG_OSCORE, COAP_LOG_DTLS_BASE, 100};
  SHOW(coap_get_log_level());
  SHOW(coap_dtls_get_log_level());
  for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
    coap_set_log_level(settings[i]);
    coap_dtls_set_log_level(settings[i]);
    show("set %d: level %d, dtls %d", (int)settings[i], (int)coap_get_log_level(),
         (int)coap_dtls_get_log_level());
  }
  for (int i = -1; i < 20; i++)
    show("%d is \"%s\"", i, coap_log_level_desc((coap_log_t)i));
  coap_set_log_level(COAP_LOG_WARN);
  coap_dtls_set_log_level(COAP_LOG_EMERG);
}

static void
handler(void) {
  static char big[5000];
  coap_set_log_handler(print_text);
  coap_log_err("with newline\n");
  coap_log_warn("without newline");
  coap_log_warn("%s", "");
  coap_log_warn("two\nlines %d%%\n", 7);
  coap_log_notice("over the level\n");
  coap_dtls_log(COAP_LOG_EMERG, "dtls\n");
  coap_dtls_log(COAP_LOG_ALERT, "dtls over the level\n");
  show("the function itself does not look at the level:");
  coap_log_impl(COAP_LOG_DEBUG, "debug\n");
  coap_log_impl((coap_log_t)17, "seventeen\n");
  coap_show_tls_version(COAP_LOG_WARN);
  coap_show_tls_version(COAP_LOG_NOTICE);

  coap_set_log_handler(measure_text);
  memset(big, 'x', sizeof(big) - 1);
  coap_log_warn("%.2000s", big);
  show("2000 bytes come as %zu", handler_length);
  coap_log_warn("%s", big);
  /* mend long-text: the reference cuts what goes to a handler after 2055 bytes, newline included,
   * though not what goes to the streams. We hand over all of it. */
  mend("long-text", "4999", "%zu", handler_length);
  coap_set_log_handler(NULL);
}

/* Shows what went to a stream, with the time as zeros, and checks that it was one. */
static void
show_captured(const char *name, FILE *file) {
  char line[200];
  rewind(file);
  while (fgets(line, sizeof(line), file)) {
    struct tm tm;
    const char *rest;
    memset(&tm, 0, sizeof(tm));
    rest = strptime(line, "%b %d %H:%M:%S", &tm);
    if (rest && rest - line == 15 && rest[0] == '.' && strspn(rest + 1, "0123456789") == 3)
      memset(line, '0', 19);
    line[strcspn(line, "\n")] = '\0';
    show("%s: %s", name, unreleased(line));
  }
}

static void
default_output(void) {
  FILE *out = tmpfile(), *err = tmpfile();
  int saved_out, saved_err;
  coap_pdu_t *pdu = coap_pdu_init(COAP_MESSAGE_CON, COAP_REQUEST_CODE_GET, 1, 100);
  NEED(out && err && pdu);
  fflush(stdout);
  fflush(stderr);
  saved_out = dup(1);
  saved_err = dup(2);
  dup2(fileno(out), 1);
  dup2(fileno(err), 2);
  for (int level = 0; level < 12; level++)
    coap_log_impl((coap_log_t)level, "text %d\n", level);
  puts("in its place among the application's own lines");
  coap_log_warn("%s", "");
  puts("behind a text without newline");
  for (int plain = 1; plain >= 0; plain--) {
    coap_set_show_pdu_output(plain);
    coap_show_pdu(COAP_LOG_CRIT, pdu);
    coap_show_pdu(COAP_LOG_WARN, pdu);
    coap_show_pdu(COAP_LOG_NOTICE, pdu);
  }
  coap_show_tls_version(COAP_LOG_ERR);
  fflush(stdout);
  fflush(stderr);
  dup2(saved_out, 1);
  dup2(saved_err, 2);
  close(saved_out);
  close(saved_err);
  show_captured("stdout", out);
  show_captured("stderr", err);
  fclose(out);
  fclose(err);
  coap_set_show_pdu_output(1);
  coap_delete_pdu(pdu);
}

static void
names(void) {
  char buffer[80];
  SHOW_STR(coap_package_name());
  SHOW_STR(coap_package_version());
  /* mend build: each tells its own build. */
  mend("build", "yes", "%s", strstr(coap_package_build(), "rust") ? "yes" : "no");
  SHOW_STR(unreleased(coap_string_tls_version(buffer, sizeof(buffer))));
  SHOW_STR(first_line(coap_string_tls_support(buffer, sizeof(buffer))));
  for (size_t size = 1; size < 7; size += 2) {
    SHOW_STR(coap_string_tls_version(buffer, size));
    SHOW_STR(coap_string_tls_support(buffer, size));
  }
  strcpy(buffer, "untouched");
  SHOW_STR(coap_string_tls_version(buffer, 0));
  SHOW_STR(coap_string_tls_support(buffer, 0));
}

static void
show_address(const coap_address_t *address) {
  static const size_t sizes[] = {100, 47, 20, 13, 10, 2, 1};
  char text[100];
  unsigned char bytes[100];
  for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
    size_t written = coap_print_addr(address, bytes, sizes[i]);
    show("in %zu bytes: %zu \"%s\"", sizes[i], written, (char *)bytes);
  }
  show("the buffer comes back: %d", coap_print_ip_addr(address, text, sizeof(text)) == text);
  show("without port: \"%s\"", text);
}

static void
addresses(void) {
  static const char *const v6[] = {"fe80::1", "::ffff:10.0.0.1", "2001:db8:1111:2222:3333:4444:5555:6666", "::"};
  coap_address_t address = loopback(5683);
  char text[100];
  show_address(&address);
  /* mend short-ip: the reference leaves the buffer empty unless it could hold any address of the
   * family; its header promises as much of the address as fits. */
  mend("short-ip", "127.", "%s", coap_print_ip_addr(&address, text, 5));
  for (size_t i = 0; i < sizeof(v6) / sizeof(v6[0]); i++) {
    coap_address_init(&address);
    address.addr.sin6.sin6_family = AF_INET6;
    address.addr.sin6.sin6_port = htons(65535);
    address.addr.sin6.sin6_scope_id = i == 0;
    NEED(inet_pton(AF_INET6, v6[i], &address.addr.sin6.sin6_addr) == 1);
    address.size = sizeof(address.addr.sin6);
    show_address(&address);
  }
  coap_address_init(&address);
  NEED(coap_address_set_unix_domain(&address, (const uint8_t *)"/tmp/sock", 9));
  show_address(&address);
  coap_address_init(&address);
  show_address(&address);
  /* mend no-room: the reference asserts that there is room. */
  if (!on_reference())
    mend("no-room", "0", "%zu", coap_print_addr(&address, (unsigned char *)text, 0));
}

static void
loss(void) {
  static const char *const texts[] = {
    "0%",  "1%",    "100%", "101%", " 5%",   "+5%",   "5%x", "1",  "5",   "1,3,5-7", "5-3", "3,2", "1, 2", "5-5",
    "",    "0",     "-1%",  "-1",   "50.5%", "5 %",   "%",   "a",  "1a",  "1,a",     "1-",  "-",   "0-3",  "1-3-5",
    "1 2", "1,2-,", ",1",   "1,,2", "1--2",  "0x10%", "1;2", "1-", "2,0",
  };
  coap_set_log_handler(measure_text); /* a refusal is logged by us, silent on the reference */
  for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
    show("loss \"%s\" = %d", texts[i], coap_debug_set_packet_loss(texts[i]));
  /* mend long-list: the reference takes nine entries at most. */
  mend("long-list", "1", "%d", coap_debug_set_packet_loss("1,2,3,4,5,6,7,8,9,10,11,12"));
  /* mend no-loss: the reference crashes. */
  if (!on_reference())
    mend("no-loss", "1", "%d", coap_debug_set_packet_loss(NULL));
  coap_debug_set_packet_loss("0%");
  coap_set_log_handler(NULL);
}

int
main(void) {
  levels();
  handler();
  default_output();
  names();
  addresses();
  loss();
  return 0;
}
