/* What programs share that have a server and a client in one thread, over Unix domain sockets. */

#ifndef UNIX_BOTH_H
#define UNIX_BOTH_H

#include "unix.h"

#include "block.h"

static coap_context_t *server, *client;
static coap_resource_t *watched;
static unsigned int answered;

UNUSED static void
turn(void) {
  coap_io_process(client, COAP_IO_NO_WAIT);
  coap_io_process(server, COAP_IO_NO_WAIT);
}

/* Runs both loops until `condition` holds, at most for so many milliseconds. */
#define BOTH_UNTIL(condition, limit)                                                               \
  do {                                                                                             \
    int64_t both_end_ = now_ms() + (limit);                                                        \
    while (!(condition) && now_ms() < both_end_)                                                   \
      turn();                                                                                      \
  } while (0)

/* Shows what was put, and whether it is `body`. */
UNUSED static void
handle_put(coap_resource_t *resource UNUSED, coap_session_t *session UNUSED, const coap_pdu_t *request,
           const coap_string_t *query UNUSED, coap_pdu_t *response) {
  size_t length, offset, total;
  const uint8_t *data;
  NEED(coap_get_data_large(request, &length, &data, &offset, &total));
  show("  put %zu bytes at %zu of %zu, %s", length, offset, total, memcmp(data, body, length) ? "others" : "as sent");
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CHANGED);
}

#endif
