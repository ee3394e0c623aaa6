/* The tokens of a client: where they begin, how long they may be, and what a session refuses to send.
 *
 * mend begin: the tokens of the reference begin at 1, so that anybody knows them. Ours begin at a random number
 *   (RFC 7252 section 5.3.1).
 * mend probe: with a maximum over 8 bytes, the reference asks first whether the server knows such tokens, and queues
 *   requests until it knows. Ours sends them; a server that does not know them says so by a Reset (RFC 8974
 *   section 2.2.2). */
#include "peer.h"

static coap_context_t *context;
static peer_t peer;
static int last_reason, nacks;

static void
on_nack(coap_session_t *session UNUSED, const coap_pdu_t *sent UNUSED, const coap_nack_reason_t reason,
        const coap_mid_t mid UNUSED) {
  last_reason = (int)reason;
  nacks++;
}

static coap_session_t *
open_to(const coap_address_t *address) {
  coap_session_t *session = coap_new_client_session(context, NULL, address, COAP_PROTO_UDP);
  NEED(session);
  return session;
}

static const char *
sent(coap_session_t *session, coap_pdu_type_t type, size_t length) {
  static const uint8_t token[80] = {0x5a};
  coap_pdu_t *pdu = coap_new_pdu(type, COAP_REQUEST_CODE_GET, session);
  NEED(pdu && coap_add_token(pdu, length, token));
  return coap_send(session, pdu) == COAP_INVALID_MID ? "refused" : "sent";
}

static uint64_t
next(coap_session_t *session, size_t room) {
  uint8_t token[8];
  size_t length = room;
  coap_session_new_token(session, &length, token);
  return coap_decode_var_bytes8(token, length);
}

static void
begin(const coap_address_t *to) {
  coap_session_t *one = open_to(to), *other = open_to(to);
  uint64_t first = next(one, 8);
  show("-- made by the library");
  SHOW(next(one, 8) - first);
  SHOW(next(one, 1) - first); /* the room that is told does not count */
  mend("begin", "no", "%s", first == 1 || next(other, 8) == first ? "yes" : "no");
  coap_session_init_token(one, 2, (const uint8_t *)"\x00\xff");
  SHOW(next(one, 8));
  SHOW(next(one, 8));
  coap_session_init_token(one, 9, (const uint8_t *)"\x00\x00\x00\x00\x00\x00\x00\x07\x09");
  SHOW(next(one, 8));
  coap_session_release(one);
  coap_session_release(other);
}

static void
lengths(const coap_address_t *to) {
  datagram_t datagram;
  coap_session_t *before = open_to(to);
  show("-- as long as allowed");
  while (peer_take(&peer, &datagram))
    ;
  show("8 bytes: %s", sent(before, COAP_MESSAGE_NON, 8));
  NEED(peer_receive(&peer, context, &datagram, 1000));
  show("9 bytes: %s", sent(before, COAP_MESSAGE_NON, 9));
  coap_context_set_max_token_size(context, 20);
  show("9 bytes on a session from before: %s", sent(before, COAP_MESSAGE_NON, 9));

  coap_session_t *after = open_to(to);
  show("12 bytes on one from after: %s", sent(after, COAP_MESSAGE_CON, 12));
  show("21 bytes: %s", sent(after, COAP_MESSAGE_NON, 21));
  NEED(peer_receive(&peer, context, &datagram, 1000));
  /* The length of the first token that the server sees: 13 stands for 13 and more (RFC 8974 section 2.1). */
  mend("probe", "12", "%d", datagram.bytes[0] & 15);
  coap_session_release(before);
  coap_session_release(after);
}

static void
groups(void) {
  coap_address_t group = loopback(56997);
  inet_pton(AF_INET, "224.0.1.187", &group.addr.sin.sin_addr);
  coap_session_t *session = open_to(&group);
  show("-- to a group");
  show("CON: %s", sent(session, COAP_MESSAGE_CON, 2));
  coap_session_release(session);
}

static void
reasons(const coap_address_t *to) {
  static const coap_nack_reason_t all[] = {COAP_NACK_TOO_MANY_RETRIES, COAP_NACK_NOT_DELIVERABLE, COAP_NACK_RST,
                                           COAP_NACK_TLS_FAILED,       COAP_NACK_ICMP_ISSUE,      COAP_NACK_BAD_RESPONSE,
                                           COAP_NACK_TLS_LAYER_FAILED, COAP_NACK_WS_LAYER_FAILED, COAP_NACK_WS_FAILED};
  show("-- given up");
  for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
    coap_session_t *session = open_to(to);
    nacks = 0;
    coap_session_disconnected(session, all[i]);
    show("with reason %d: %d nack, reason %d", (int)all[i], nacks, last_reason);
    show("then a request is %s", sent(session, COAP_MESSAGE_NON, 2));
    coap_session_release(session);
  }
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  context = coap_new_context(NULL);
  NEED(context);
  coap_register_nack_handler(context, on_nack);
  peer = peer_open(0);
  coap_address_t to = loopback(peer.port);
  begin(&to);
  reasons(&to);
  groups();
  lengths(&to);
  peer_close(&peer);
  coap_free_context(context);
  coap_cleanup();
  return 0;
}
