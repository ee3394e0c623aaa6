/* Large messages in both directions, without block-wise transfers.
 *
 * mend oversize: the reference answers a datagram over its MTU of 1,152 bytes with a RST of message id 0. Ours
 *   takes what a datagram can carry. */
#include "peer.h"

static size_t wanted;
static int quiet, calls;

static void
put(coap_resource_t *resource UNUSED, coap_session_t *session, const coap_pdu_t *request,
    const coap_string_t *query UNUSED, coap_pdu_t *response) {
  size_t length = 0, offset = 9, total = 9;
  const uint8_t *data = NULL;
  int got = coap_get_data_large(request, &length, &data, &offset, &total);
  calls++;
  if (!quiet)
    show("  handler: %d, %zu bytes at %zu of %zu, room for a PDU of %zu", got, length, offset, total,
       coap_session_max_pdu_size(session));
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CHANGED);
}

static void
get(coap_resource_t *resource UNUSED, coap_session_t *session UNUSED, const coap_pdu_t *request UNUSED,
    const coap_string_t *query UNUSED, coap_pdu_t *response) {
  static uint8_t data[4000];
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  show("  %zu bytes added: %d", wanted, coap_add_data(response, wanted, data));
}

static int
on_event(coap_session_t *session UNUSED, const coap_event_t event) {
  if (!quiet)
    show("  event %#x", (unsigned int)event);
  return 0;
}

/* A PUT that is `length` bytes long in all. */
static void
put_of(peer_t *peer, coap_context_t *context, size_t length, unsigned int mid) {
  datagram_t request = from_hex("41 03 0000 aa b1 72 ff"), answer;
  struct sockaddr_in server = peer->other;
  request.bytes[2] = (uint8_t)(mid >> 8);
  request.bytes[3] = (uint8_t)mid;
  memset(request.bytes + request.length, 'x', length - request.length);
  request.length = length;
  show("PUT of %zu bytes", length);
  peer_send(peer, &request);
  if (length <= 1152) {
    peer_expect(peer, context, "  answer", MASK_OWN, 1000, &answer);
  } else {
    quiet = 1;
    calls = 0;
    NEED(peer_receive(peer, context, &answer, 1000));
    quiet = 0;
    mend("oversize", "2.04, 1 call", "%s, %d call", code_text(answer.bytes[1]), calls);
  }
  peer->other = server;
}

int
main(void) {
  static const size_t requests[] = {100, 1000, 1024, 1152, 1153, 1280, 1400, 1471, 1472};
  static const size_t responses[] = {1000, 1024, 1140, 1146, 1147, 1148, 1152, 1400, 4000};
  datagram_t answer;
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  coap_context_t *context = coap_new_context(NULL);
  coap_register_event_handler(context, on_event);
  coap_register_request_handler(resource_with(context, "r", 0, COAP_REQUEST_GET, get), COAP_REQUEST_PUT, put);
  add_probe(context);
  peer_t peer = peer_open(serve(context, NULL));
  struct sockaddr_in server = peer.other;

  for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
    put_of(&peer, context, requests[i], (unsigned int)(0x100 + i));
  for (size_t i = 0; i < sizeof(responses) / sizeof(responses[0]); i++) {
    wanted = responses[i];
    show("GET of %zu bytes", wanted);
    peer_send_mid(&peer, "41 01 ???? aa b1 72", (unsigned int)(0x200 + i));
    NEED(peer_receive(&peer, context, &answer, 1000));
    peer.other = server;
    show("  answer: %s, %zu bytes", code_text(answer.bytes[1]), answer.length);
  }

  show("a client's request");
  coap_address_t address = loopback(peer.port);
  coap_session_t *session = coap_new_client_session(context, NULL, &address, COAP_PROTO_UDP);
  static uint8_t data[4000];
  for (size_t i = 0; i < sizeof(responses) / sizeof(responses[0]); i++) {
    coap_pdu_t *pdu = request_for(session, COAP_MESSAGE_NON, COAP_REQUEST_PUT, "r", "t");
    int added = coap_add_data(pdu, responses[i], data);
    show("  %zu bytes added: %d, sent: %d", responses[i], added, coap_send(session, pdu) != COAP_INVALID_MID);
    if (peer_receive(&peer, context, &answer, 100))
      show("  datagram of %zu bytes", answer.length);
  }
  coap_session_release(session);
  peer_close(&peer);
  coap_free_context(context);
  coap_cleanup();
  return 0;
}
