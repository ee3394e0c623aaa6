/* coap_debug_set_packet_loss(): which packets of a session are lost. */

#include "peer.h"

/* Sends `count` messages under a setting and prints the numbers of those that the peer got. */
static void
numbers_received(coap_context_t *context, coap_session_t *session, peer_t *peer, const char *loss, int count,
                 char *got, size_t size) {
  datagram_t datagram;
  size_t used = 0;
  got[0] = '\0';
  coap_debug_set_packet_loss(loss);
  for (int number = 1; number <= count; number++) {
    coap_pdu_t *pdu = coap_new_pdu(COAP_MESSAGE_NON, COAP_REQUEST_CODE_POST, session);
    uint8_t value = (uint8_t)number;
    NEED(pdu && coap_add_data(pdu, 1, &value));
    coap_send(session, pdu);
  }
  coap_debug_set_packet_loss("0%");
  while (peer_receive(peer, context, &datagram, 100) && used < size)
    used += (size_t)snprintf(got + used, size - used, " %d", datagram.bytes[datagram.length - 1]);
}

int
main(void) {
  static const char *const lists[] = {"0%", "1,3,5-7", "3, 2", "5-3", "12-13", "1"};
  peer_t peer = peer_open(0);
  coap_address_t address = loopback(peer.port);
  coap_context_t *context;
  coap_session_t *session;
  char got[200];

  coap_startup();
  context = coap_new_context(NULL);
  session = coap_new_client_session(context, NULL, &address, COAP_PROTO_UDP);
  NEED(session);

  for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
    numbers_received(context, session, &peer, lists[i], 10, got, sizeof(got));
    show("loss %s: received%s", lists[i], got);
  }

  show("a setting that is refused changes nothing:");
  coap_debug_set_packet_loss("2");
  coap_set_log_level(COAP_LOG_ERR); /* we say why it is refused */
  numbers_received(context, session, &peer, "nonsense", 4, got, sizeof(got));
  coap_set_log_level(COAP_LOG_WARN);
  show("received%s", got);

  /* mend all: the reference loses none at 100 %. */
  numbers_received(context, session, &peer, "100%", 5, got, sizeof(got));
  mend("all", "received", "received%s", got);

  /* mend replace: on the reference a list is added to the percentage that was set before it. */
  coap_debug_set_packet_loss("99%");
  numbers_received(context, session, &peer, "2", 4, got, sizeof(got));
  mend("replace", "received 1 3 4", "received%s", got);

  coap_session_release(session);
  coap_free_context(context);
  peer_close(&peer);
  coap_cleanup();
  return 0;
}
