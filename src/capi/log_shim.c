/*
 * The one variadic function of the interface. It formats, and decides nothing: levels, prefixes
 * and handlers are the business of src/capi/debug.rs.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* In src/capi/debug.rs. */
void log_formatted_text(unsigned level, const char *text);

void coap_log_impl(unsigned level, const char *format, ...) __attribute__((format(printf, 2, 3)));

void
coap_log_impl(unsigned level, const char *format, ...) {
  char on_stack[512];
  char *text = on_stack;
  va_list args, again;
  int length;

  va_start(args, format);
  va_copy(again, args);
  length = vsnprintf(on_stack, sizeof(on_stack), format, args);
  va_end(args);
  if (length >= 0 && (size_t)length >= sizeof(on_stack)) {
    text = malloc((size_t)length + 1);
    if (text)
      vsnprintf(text, (size_t)length + 1, format, again);
    else
      text = on_stack; /* the beginning is better than nothing */
  }
  va_end(again);
  log_formatted_text(level, length < 0 ? format : text);
  if (text != on_stack)
    free(text);
}
