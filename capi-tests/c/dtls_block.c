/* Bodies of 256 KiB over DTLS, TLS and WSS, both ways: whole, once, and nothing of them left behind. */
#include "tls.h"

/* mend wss-large: the reference sends messages over WSS that its other side takes for too large, and then crashes. */

enum { BODY = 256 * 1024 };

static uint8_t body[BODY];
static int released, handled;
static size_t got;
static int got_right, right; /* how many bodies have come as they should */

static void
release(coap_session_t *session UNUSED, void *data UNUSED) {
  released++;
}

static void
on_get_body(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request, const coap_string_t *query,
            coap_pdu_t *response) {
  handled++;
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  NEED(coap_add_data_large_response(resource, session, request, response, query, COAP_MEDIATYPE_APPLICATION_OCTET_STREAM,
                                    -1, 0, BODY, body, release, NULL));
}

static int
is_body(const coap_pdu_t *pdu, size_t *length) {
  const uint8_t *data = NULL;
  size_t offset = 0, total = 0;
  *length = 0;
  return coap_get_data_large(pdu, length, &data, &offset, &total) && offset == 0 && *length == BODY && total == BODY &&
         memcmp(data, body, BODY) == 0;
}

static void
on_put_body(coap_resource_t *resource UNUSED, coap_session_t *session UNUSED, const coap_pdu_t *request,
            const coap_string_t *query UNUSED, coap_pdu_t *response) {
  size_t length;
  handled++;
  got_right = is_body(request, &length);
  right += got_right;
  note(&tls_server, "put: %s", got_right ? "right" : "wrong");
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CHANGED);
}

static coap_response_t
on_body(coap_session_t *session UNUSED, const coap_pdu_t *sent UNUSED, const coap_pdu_t *received,
        const coap_mid_t mid UNUSED) {
  tls_client.responses++;
  got_right = is_body(received, &got);
  right += got_right;
  note(&tls_client, "%s of %zu: %s", code_text(coap_pdu_get_code(received)), got,
       got == 0 ? "empty" : got_right ? "right" : "wrong");
  return COAP_RESPONSE_OK;
}

static void
get(coap_session_t *session) {
  coap_pdu_t *pdu = request_for(session, COAP_MESSAGE_CON, COAP_REQUEST_GET, "body", "g");
  int before = tls_client.responses;
  handled = 0;
  NEED(coap_send(session, pdu) != COAP_INVALID_MID);
  BOTH_UNTIL(tls_client.responses > before, 20000);
  note(&tls_client, "handler called %d", handled);
}

static void
put(coap_session_t *session) {
  coap_pdu_t *pdu = request_for(session, COAP_MESSAGE_CON, COAP_REQUEST_PUT, "body", "p");
  int before = tls_client.responses;
  handled = 0;
  NEED(coap_add_data_large_request(session, pdu, BODY, body, release, NULL));
  NEED(coap_send(session, pdu) != COAP_INVALID_MID);
  BOTH_UNTIL(tls_client.responses > before, 20000);
  note(&tls_client, "handler called %d", handled);
}

static void
exchange(coap_proto_t proto) {
  coap_session_t *session;
  coap_resource_t *resource;
  tls_begin();
  coap_context_set_block_mode(tls_client.context, COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
  coap_context_set_block_mode(tls_server.context, COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
  resource = resource_with(tls_server.context, "body", 0, COAP_REQUEST_GET, on_get_body);
  coap_register_request_handler(resource, COAP_REQUEST_PUT, on_put_body);
  coap_register_response_handler(tls_client.context, on_body);
  psk_server(proto);
  session = psk_client(proto);
  BOTH_UNTIL(is_up(session), 3000);
  NEED(is_up(session));
  released = right = 0;
  take(&tls_client);
  take(&tls_server);
  get(session);
  put(session);
  get(session);
  if (proto != COAP_PROTO_WSS) {
    show("== %s", proto_text(proto));
    tell();
  }
  tls_leave(session);
  tls_end();
}

int
main(void) {
  coap_startup();
  for (size_t i = 0; i < BODY; i++)
    body[i] = (uint8_t)(i * 7 + (i >> 8));
  exchange(COAP_PROTO_DTLS);
  show("released %d", released);
  exchange(COAP_PROTO_TLS);
  show("released %d", released);
  if (!on_reference()) {
    exchange(COAP_PROTO_WSS);
    mend("wss-large", "3 right, 3 released", "%d right, %d released", right, released);
  }
  coap_cleanup();
  return 0;
}
