/* What a server refuses, with which code, payload and options.
 *
 * mend request_code: the reference sends a response to which the handler gave the code of a request. Ours sends
 *   none, as for the other codes that are not a response's. */
#include "peer.h"

static coap_pdu_code_t code;
static int with_payload;

static void
get(coap_resource_t *resource UNUSED, coap_session_t *session UNUSED, const coap_pdu_t *request UNUSED,
    const coap_string_t *query UNUSED, coap_pdu_t *response) {
  show("  handler");
  if (code)
    coap_pdu_set_code(response, code);
  if (with_payload)
    coap_add_data(response, 1, (const uint8_t *)"p");
}

static int
on_event(coap_session_t *session UNUSED, const coap_event_t event) {
  show("  event %#x", (unsigned int)event);
  return 0;
}

static void
not_found(peer_t *peer, coap_context_t *context) {
  show("-- not found");
  ask(peer, context, "GET", "41 01 0101 aa b1 78", MASK_OWN);
  ask(peer, context, "NON GET", "51 01 0102 aa b1 78", MASK_OWN);
  ask(peer, context, "POST", "41 02 0103 aa b1 78 ff 70", MASK_OWN);
  ask(peer, context, "PUT", "41 03 0104 aa b1 78", MASK_OWN);
  ask(peer, context, "DELETE", "41 04 0105 aa b1 78", MASK_OWN);
  ask(peer, context, "NON DELETE", "51 04 0106 aa b1 78", MASK_OWN);
  ask(peer, context, "FETCH", "41 05 0107 aa b1 78 10", MASK_OWN);
  ask(peer, context, "PATCH", "41 06 0108 aa b1 78", MASK_OWN);
  ask(peer, context, "iPATCH", "41 07 0109 aa b1 78", MASK_OWN);
  ask(peer, context, "GET /", "41 01 010a aa", MASK_OWN);
  ask(peer, context, "GET /x/y/z", "41 01 010b aa b1 78 01 79 01 7a", MASK_OWN);
  ask(peer, context, "GET /r/", "41 01 010c aa b1 72 00", MASK_OWN);
  ask(peer, context, "GET with Uri-Host, Uri-Query, Accept", "41 01 010d aa 31 68 81 78 43 613d62 21 00", MASK_OWN);
  ask(peer, context, "PUT /.well-known/core", "41 03 010e aa bb 2e77656c6c2d6b6e6f776e 04 636f7265", MASK_OWN);
  ask(peer, context, "GET /.well-known", "41 01 010f aa bb 2e77656c6c2d6b6e6f776e", MASK_OWN);
}

static void
not_allowed(peer_t *peer, coap_context_t *context) {
  show("-- not allowed");
  ask(peer, context, "POST", "41 02 0201 aa b1 72", MASK_OWN);
  ask(peer, context, "NON PUT", "51 03 0202 aa b1 72", MASK_OWN);
  ask(peer, context, "DELETE", "41 04 0203 aa b1 72", MASK_OWN);
  ask(peer, context, "FETCH with Content-Format", "41 05 0204 aa b1 72 10 ff 70", MASK_OWN);
  ask(peer, context, "FETCH without", "41 05 0205 aa b1 72 ff 70", MASK_OWN);
  ask(peer, context, "iPATCH", "41 07 0206 aa b1 72", MASK_OWN);
}

static void
bad_options(peer_t *peer, coap_context_t *context) {
  show("-- options it does not know");
  ask(peer, context, "critical 9999, CON", "41 01 0301 aa b1 72 e1 25f7 7a", MASK_OWN);
  ask(peer, context, "critical 9999, NON", "51 01 0302 aa b1 72 e1 25f7 7a", MASK_OWN);
  ask(peer, context, "elective 9998", "41 01 0303 aa b1 72 e1 25f6 7a", MASK_OWN);
  ask(peer, context, "critical 9997, 9999, 9999", "41 01 0304 aa b1 72 e1 25f5 7a 21 7b 01 7c", MASK_OWN);
  ask(peer, context, "critical 9999 to an unknown path", "41 01 0305 aa b1 78 e1 25f7 7a", MASK_OWN);
  ask(peer, context, "critical 65001", "41 01 0306 aa b1 72 e1 fcd1 7a", MASK_OWN);
  ask(peer, context, "OSCORE", "41 01 0307 aa 91 00 21 72", MASK_OWN);
  coap_register_option(context, 9999);
  ask(peer, context, "9999, registered", "41 01 0308 aa b1 72 e1 25f7 7a", MASK_OWN);
  ask(peer, context, "9997, and 9999, which is registered", "41 01 0309 aa b1 72 e1 25f5 7a 21 7b", MASK_OWN);

  show("-- options that are repeated or of a wrong length");
  ask(peer, context, "Accept twice", "41 01 0401 aa b1 72 61 00 01 01", MASK_OWN);
  ask(peer, context, "Uri-Host twice", "41 01 0402 aa 31 68 01 69 81 72", MASK_OWN);
  ask(peer, context, "Uri-Port twice", "41 01 0403 aa 71 05 01 06 41 72", MASK_OWN);
  ask(peer, context, "Content-Format twice", "41 01 0404 aa b1 72 10 00", MASK_OWN);
  ask(peer, context, "Observe twice", "41 01 0405 aa 60 00 51 72", MASK_OWN);
  ask(peer, context, "Uri-Host empty", "41 01 0406 aa 30 81 72", MASK_OWN);
  ask(peer, context, "If-None-Match of 1 byte", "41 01 0407 aa 51 01 61 72", MASK_OWN);
  ask(peer, context, "Accept of 3 bytes", "41 01 0408 aa b1 72 63 000001", MASK_OWN);
  ask(peer, context, "Uri-Port of 3 bytes", "41 01 0409 aa 73 000001 41 72", MASK_OWN);
  ask(peer, context, "ETag of 9 bytes", "41 01 040a aa 49 000102030405060708 71 72", MASK_OWN);
  ask(peer, context, "ETag of 0 bytes", "41 01 040b aa 40 71 72", MASK_OWN);
  ask(peer, context, "Observe of 4 bytes", "41 01 040c aa 64 00000001 51 72", MASK_OWN);
  ask(peer, context, "Hop-Limit of 2 bytes", "41 01 040d aa b1 72 52 0001", MASK_OWN);
  ask(peer, context, "Block2 of 4 bytes", "41 01 040e aa b1 72 c4 00000001", MASK_OWN);
  ask(peer, context, "Size1 of 5 bytes", "41 01 040f aa b1 72 d5 24 0000000001", MASK_OWN);
}

static void
proxying(peer_t *peer, coap_context_t *context) {
  show("-- proxying");
  ask(peer, context, "Proxy-Uri", "41 01 0501 aa d8 16 636f61703a2f2f78", MASK_OWN);
  ask(peer, context, "NON Proxy-Uri", "51 01 0502 aa d8 16 636f61703a2f2f78", MASK_OWN);
  ask(peer, context, "Proxy-Scheme", "41 01 0503 aa b1 72 d4 0f 636f6170", MASK_OWN);
  ask(peer, context, "Proxy-Scheme and Uri-Host", "41 01 0504 aa 31 78 81 72 d4 0f 636f6170", MASK_OWN);
  ask(peer, context, "Proxy-Uri, empty", "41 01 0505 aa d0 16", MASK_OWN);
  show("-- Hop-Limit");
  for (unsigned int limit = 0; limit < 4; limit++) {
    char hex[64], label[32];
    snprintf(label, sizeof(label), "Hop-Limit %u", limit);
    snprintf(hex, sizeof(hex), "41 01 06%02x aa b1 72 51 %02x", limit, limit);
    ask(peer, context, label, hex, MASK_OWN);
  }
  ask(peer, context, "Hop-Limit 1, NON", "51 01 0604 aa b1 72 51 01", MASK_OWN);
  ask(peer, context, "Hop-Limit 1, unknown path", "41 01 0605 aa b1 78 51 01", MASK_OWN);
  ask(peer, context, "Hop-Limit 255", "41 01 0606 aa b1 72 51 ff", MASK_OWN);
  ask(peer, context, "Hop-Limit of no bytes", "41 01 0607 aa b1 72 50", MASK_OWN);
  ask(peer, context, "Hop-Limit 1, Proxy-Uri", "41 01 0608 aa d1 03 01 d8 06 636f61703a2f2f78", MASK_OWN);
}

static void
conditions(peer_t *peer, coap_context_t *context) {
  show("-- If-Match and If-None-Match");
  ask(peer, context, "GET, If-None-Match", "41 01 0701 aa 50 61 72", MASK_OWN);
  ask(peer, context, "NON GET, If-None-Match", "51 01 0702 aa 50 61 72", MASK_OWN);
  ask(peer, context, "PUT, If-None-Match", "41 03 0703 aa 50 61 72", MASK_OWN);
  ask(peer, context, "PUT, If-None-Match, unknown path", "41 03 0704 aa 50 61 78", MASK_OWN);
  ask(peer, context, "GET, If-Match, empty", "41 01 0705 aa 10 a1 72", MASK_OWN);
  ask(peer, context, "GET, If-Match x", "41 01 0706 aa 11 78 a1 72", MASK_OWN);
  ask(peer, context, "PUT, If-Match, unknown path", "41 03 0707 aa 10 a1 78", MASK_OWN);
}

static void
codes(peer_t *peer, coap_context_t *context) {
  static const int codes[] = {0,
                              COAP_RESPONSE_CODE(204),
                              COAP_RESPONSE_CODE(231),
                              COAP_RESPONSE_CODE(300),
                              COAP_RESPONSE_CODE(400),
                              COAP_RESPONSE_CODE(404),
                              COAP_RESPONSE_CODE(431),
                              COAP_RESPONSE_CODE(500),
                              COAP_RESPONSE_CODE(505),
                              1 << 5,
                              6 << 5,
                              COAP_SIGNALING_CODE_PING,
                              255};
  show("-- codes a handler sets");
  for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
    for (with_payload = 0; with_payload < 2; with_payload++) {
      char hex[64], label[64];
      code = (coap_pdu_code_t)codes[i];
      snprintf(label, sizeof(label), "CON, %s%s", code_text(code), with_payload ? " with a payload" : "");
      snprintf(hex, sizeof(hex), "41 01 08%02x aa b1 72", (unsigned int)(i * 4 + (unsigned int)with_payload));
      ask(peer, context, label, hex, MASK_OWN);
      snprintf(label, sizeof(label), "NON, %s%s", code_text(code), with_payload ? " with a payload" : "");
      snprintf(hex, sizeof(hex), "51 01 08%02x aa b1 72", (unsigned int)(i * 4 + 2 + (unsigned int)with_payload));
      ask(peer, context, label, hex, MASK_OWN);
    }
  }
  code = COAP_REQUEST_CODE_PUT;
  with_payload = 0;
  datagram_t answer;
  struct sockaddr_in server = peer->other;
  peer_send_hex(peer, "41 01 08f0 aa b1 72");
  peer_send_hex(peer, "41 01 08f1 fa b1 7e");
  NEED(peer_receive(peer, context, &answer, 3000));
  mend("request_code", "none", "%s", mid_of(&answer) == 0x08f1 ? "none" : code_text(answer.bytes[1]));
  if (mid_of(&answer) != 0x08f1)
    NEED(peer_receive(peer, context, &answer, 3000));
  peer->other = server;
  code = COAP_RESPONSE_CODE_CONTENT;
}

static void
no_response(peer_t *peer, coap_context_t *context) {
  static const int codes[] = {COAP_RESPONSE_CODE(205), COAP_RESPONSE_CODE(404), COAP_RESPONSE_CODE(500)};
  static const unsigned int values[] = {0, 1, 2, 3, 4, 8, 16, 24, 26, 127, 255};
  unsigned int mid = 0x0900;
  show("-- No-Response");
  for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
    for (size_t i = 0; i < 3; i++) {
      char hex[64], label[64];
      code = (coap_pdu_code_t)codes[i];
      snprintf(label, sizeof(label), "CON, %u, %s", values[v], code_text(code));
      snprintf(hex, sizeof(hex), "41 01 %04x aa b1 72 d1 ea %02x", mid++, values[v]);
      ask(peer, context, label, hex, MASK_OWN);
      snprintf(label, sizeof(label), "NON, %u, %s", values[v], code_text(code));
      snprintf(hex, sizeof(hex), "51 01 %04x aa b1 72 d1 ea %02x", mid++, values[v]);
      ask(peer, context, label, hex, MASK_OWN);
    }
  }
  code = COAP_RESPONSE_CODE_CONTENT;
  ask(peer, context, "CON, empty value", "41 01 0a01 aa b1 72 d0 ea", MASK_OWN);
  ask(peer, context, "CON, 26, unknown path", "41 01 0a02 aa b1 78 d1 ea 1a", MASK_OWN);
  ask(peer, context, "NON, 26, unknown path", "51 01 0a03 aa b1 78 d1 ea 1a", MASK_OWN);
  ask(peer, context, "NON, 26, method not allowed", "51 03 0a04 aa b1 72 d1 ea 1a", MASK_OWN);
  ask(peer, context, "NON, 2 bytes", "51 01 0a05 aa b1 72 d2 ea 0002", MASK_OWN);
}

int
main(void) {
  coap_context_t *context;
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  context = coap_new_context(NULL);
  NEED(context);
  add_probe(context);
  resource_with(context, "r", 0, COAP_REQUEST_GET, get);
  coap_register_event_handler(context, on_event);
  code = COAP_RESPONSE_CODE_CONTENT;

  /* The address to which Hop-Limit's answer points has a port in no case. */
  peer_t peer = peer_open(serve(context, NULL));
  not_found(&peer, context);
  not_allowed(&peer, context);
  bad_options(&peer, context);
  proxying(&peer, context);
  conditions(&peer, context);
  codes(&peer, context);
  no_response(&peer, context);
  peer_close(&peer);
  coap_free_context(context);
  coap_cleanup();
  return 0;
}
