/* A request to a group: each member's response reaches the handler, and shows who gave it. The members say
 * what the program tells them to. And which groups can be joined.
 *
 * mend second_request: without block mode, the reference sends the second request to who answered the first, and not to
 * the group (coap_session(3) says that the remote address is set back by the next coap_send).
 *
 * mend repeated: the reference hands a repeated message to the handler again. It is the same message (RFC 7252 §4.5);
 * one with equal message ID from another member is not.
 *
 * mend members: bodies in blocks come from each member by itself (RFC 7959 §2.8): two of two blocks each, after one of two.
 * The reference mixes those of two members, and asks one of them for its first block again.
 *
 * mend hops: the reference sees the lower 32 bits of the number only: 2^32 becomes 0 hops.
 *
 * mend unknown_name: coap_endpoint_server(3) has -1 for what fails; the reference answers -2 for a name that is not known,
 * and ends the program when the context has no endpoint. */
#include "block.h"

#define MEMBERS 3

static coap_context_t *context;
static peer_t members[MEMBERS];
static uint16_t group_port;
static int answers;

static const char *
who(const coap_address_t *address) {
  static const char *const names[] = {"member 0", "member 1", "member 2"};
  uint16_t port = address ? coap_address_get_port(address) : 0;
  if (!address)
    return "NULL";
  for (int i = 0; i < MEMBERS; i++)
    if (port == members[i].port)
      return names[i];
  return port == group_port ? (coap_is_mcast(address) ? "the group" : "the port of the group") : "another";
}

static coap_response_t
on_response(coap_session_t *session, const coap_pdu_t *sent, const coap_pdu_t *received, const coap_mid_t mid) {
  size_t length = 0;
  const uint8_t *data = NULL;
  coap_bin_const_t token = coap_pdu_get_token(received);
  coap_get_data(received, &length, &data);
  answers++;
  if (quiet)
    return COAP_RESPONSE_OK;
  show("response %s %s token %.*s payload %.*s mid %04x sent %s: remote %s, multicast %s",
       type_text(coap_pdu_get_type(received)), code_text(coap_pdu_get_code(received)), (int)token.length, token.s,
       (int)length, (const char *)data, (unsigned int)mid, sent ? "shown" : "NULL",
       who(coap_session_get_addr_remote(session)), who(coap_session_get_addr_mcast(session)));
  return length && data[0] == 'F' ? COAP_RESPONSE_FAIL : COAP_RESPONSE_OK;
}

/* What has come to the members. */
static void
show_members(void) {
  datagram_t datagram;
  for (int i = 0; i < MEMBERS; i++)
    while (peer_take(&members[i], &datagram)) {
      char label[32];
      snprintf(label, sizeof(label), "to member %d", i);
      show_datagram(label, &datagram, MASK_NONE);
    }
}

/* A member says something, and what becomes of it is shown. */
static void
say(int member, const struct sockaddr_in *to, const char *hex) {
  members[member].other = *to;
  peer_send_hex(&members[member], hex);
  RUN_FOR(context, 15);
  show_members();
}

/* A member gives a block of its body: of 100 bytes like those from `from`, under the token of `asked`. */
static void
give(int member, const struct sockaddr_in *to, const datagram_t *asked, const char *options, size_t from, size_t length) {
  static unsigned int mid = 0x6000;
  size_t head = 4 + (asked->bytes[0] & 15);
  datagram_t datagram = *asked, rest = with_body(options, from, length);
  datagram.bytes[0] = (uint8_t)(0x50 | (asked->bytes[0] & 15));
  datagram.bytes[1] = 69;
  datagram.bytes[2] = (uint8_t)(++mid >> 8);
  datagram.bytes[3] = (uint8_t)mid;
  memcpy(datagram.bytes + head, rest.bytes, rest.length);
  datagram.length = head + rest.length;
  members[member].other = *to;
  peer_send(&members[member], &datagram);
  RUN_FOR(context, 15);
}

/* Bodies in blocks: first from one member, then from two at a time. */
static void
bodies(coap_session_t *session, int group, struct sockaddr_in *client) {
  datagram_t asked, next, other;
  socklen_t size = sizeof(*client);
  answers = 0;
  quiet = 1;
  for (int n = 0; n < 2; n++) {
    NEED(coap_send(session, request_for(session, COAP_MESSAGE_NON, COAP_REQUEST_GET, "r", n ? "b1" : "b0")) >= 0);
    RUN_FOR(context, 20);
    ssize_t length = recvfrom(group, asked.bytes, sizeof(asked.bytes), 0, (struct sockaddr *)client, &size);
    NEED(length > 0);
    asked.length = (size_t)length;
    give(0, client, &asked, "41a0 d1060a 5164", 0, 64);
    NEED(peer_take(&members[0], &next));
    if (n == 0)
      show_wire("to the member", &next);
    if (n == 1) {
      give(1, client, &asked, "41a1 d1060a 5164", 0, 64);
      NEED(peer_take(&members[1], &other));
      give(1, client, &other, "41a1 d10612 5164", 64, 36);
    }
    give(0, client, &next, "41a0 d10612 5164", 64, 36);
    if (n == 0)
      show("bodies: %d", answers);
    else
      mend("members", "6", "%d", answers);
  }
  quiet = 0;
}

static void
ipv4(int mode) {
  struct sockaddr_in bound = {.sin_family = AF_INET}, from = {0};
  struct ip_mreqn membership = {.imr_ifindex = 1};
  socklen_t size = sizeof(bound);
  datagram_t datagram;
  int group = socket(AF_INET, SOCK_DGRAM, 0), reached = 0;

  show("-- IPv4, block mode %d", mode);
  context = coap_new_context(NULL);
  NEED(context);
  coap_context_set_block_mode(context, (uint32_t)mode);
  coap_register_response_handler(context, on_response);
  NEED(bind(group, (struct sockaddr *)&bound, size) == 0 && getsockname(group, (struct sockaddr *)&bound, &size) == 0);
  group_port = ntohs(bound.sin_port);
  inet_pton(AF_INET, "224.0.1.187", &membership.imr_multiaddr);
  NEED(setsockopt(group, IPPROTO_IP, IP_ADD_MEMBERSHIP, &membership, sizeof(membership)) == 0);
  for (int i = 0; i < MEMBERS; i++)
    members[i] = peer_open(0);

  coap_address_t local = loopback(0), remote = loopback(group_port);
  inet_pton(AF_INET, "224.0.1.187", &remote.addr.sin.sin_addr);
  coap_session_t *session = coap_new_client_session(context, &local, &remote, COAP_PROTO_UDP);
  NEED(session);
  SHOW(coap_mcast_set_hops(session, 1));
  SHOW(coap_mcast_set_hops(session, 255));
  SHOW(coap_mcast_set_hops(session, 256));
  SHOW(coap_mcast_set_hops(session, (size_t)-1));
  mend("hops", "0", "%d", coap_mcast_set_hops(session, (size_t)1 << 32));
  mend("hops", "0", "%d", coap_mcast_set_hops(session, 0xffffffff));
  show("before: remote %s, multicast %s", who(coap_session_get_addr_remote(session)),
       who(coap_session_get_addr_mcast(session)));

  static const char *const tokens[] = {"t0", "t1"};
  for (int n = 0; n < 2; n++) {
    NEED(coap_send(session, request_for(session, COAP_MESSAGE_NON, COAP_REQUEST_GET, "r", tokens[n])) >= 0);
    if (n == 1 && !mode)
      mend("second_request", "the group", "%s", who(coap_session_get_addr_remote(session)));
    else
      show("sent: remote %s", who(coap_session_get_addr_remote(session)));
    reached = 0;
    for (int64_t end = now_ms() + 200; !reached && now_ms() < end; coap_io_process(context, 2)) {
      ssize_t length =
          recvfrom(group, datagram.bytes, sizeof(datagram.bytes), MSG_DONTWAIT, (struct sockaddr *)&from, &size);
      reached = length > 0;
      datagram.length = reached ? (size_t)length : 0;
    }
    if (n == 1 && !mode) {
      mend("second_request", "reaches the group", "%s the group", reached ? "reaches" : "does not reach");
      break;
    }
    NEED(reached);
    show_wire("to the group", &datagram);
    say(0, &from, n ? "52 45 0110 7431 ff 41" : "52 45 0010 7430 ff 41");
    say(1, &from, n ? "52 45 0110 7431 ff 42" : "52 45 0010 7430 ff 42"); /* the same message ID */
    say(2, &from, n ? "42 45 0112 7431 ff 43" : "42 45 0012 7430 ff 43"); /* confirmable */
    say(0, &from, n ? "52 45 0113 7431 ff 46" : "52 45 0013 7430 ff 46"); /* not liked */
    say(1, &from, n ? "42 45 0114 7431 ff 46" : "42 45 0014 7430 ff 46"); /* nor this */
    show("after: remote %s", who(coap_session_get_addr_remote(session)));
    answers = 0;
    quiet = 1;
    members[2].other = from;
    for (int i = 0; i < 3; i++)
      peer_send_hex(&members[2], n ? "52 45 0120 7431" : "52 45 0020 7430");
    RUN_FOR(context, 30);
    mend("repeated", "1", "%d", answers);
    quiet = 0;
  }
  if (mode)
    bodies(session, group, &from);
  show("CON: %s", coap_send(session, request_for(session, COAP_MESSAGE_CON, COAP_REQUEST_GET, "r", "t9")) < 0
                      ? "refused"
                      : "sent");
  coap_session_release(session);
  coap_free_context(context);
  close(group);
  for (int i = 0; i < MEMBERS; i++)
    peer_close(&members[i]);
}

static void
joining(void) {
  coap_address_t any;
  show("-- joining");
  context = coap_new_context(NULL);
  NEED(context);
  if (!on_reference())
    mend("unknown_name", "-1", "%d", coap_join_mcast_group_intf(context, "224.0.1.190", NULL));
  serve(context, NULL);
  mend("unknown_name", "-1", "%d", coap_join_mcast_group_intf(context, "a..b", "lo"));
  mend("unknown_name", "-1", "%d", coap_join_mcast_group_intf(context, "", NULL));
  show("IPv4 by NULL: %d", coap_join_mcast_group_intf(context, "224.0.1.190", NULL));
  show("IPv4 by no-such-if: %d", coap_join_mcast_group_intf(context, "224.0.1.191", "no-such-if"));
  coap_free_context(context);
  context = coap_new_context(NULL);
  NEED(context);
  coap_address_init(&any);
  any.size = sizeof(any.addr.sin6);
  any.addr.sin6.sin6_family = AF_INET6;
  any.addr.sin6.sin6_port = htons(free_port());
  NEED(coap_new_endpoint(context, &any, COAP_PROTO_UDP));
  show("IPv6 by lo: %d", coap_join_mcast_group_intf(context, "ff02::fd", "lo"));
  show("again: %d", coap_join_mcast_group_intf(context, "ff02::fd", "lo"));
  show("IPv6 by no-such-if: %d", coap_join_mcast_group_intf(context, "ff02::fe", "no-such-if"));
  show("IPv4 on an endpoint of IPv6: %d", coap_join_mcast_group_intf(context, "224.0.1.188", "lo"));
  show("no group: %d", coap_join_mcast_group_intf(context, "::1", "lo"));
  coap_free_context(context);
}

static void
no_group(void) {
  coap_address_t remote = loopback(free_port());
  context = coap_new_context(NULL);
  NEED(context);
  coap_session_t *session = coap_new_client_session(context, NULL, &remote, COAP_PROTO_UDP);
  show("-- a session that sends to no group");
  SHOW(coap_mcast_set_hops(session, 1));
  SHOW(coap_mcast_set_hops(session, (size_t)-1));
  coap_session_release(session);
  coap_free_context(context);
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  ipv4(0);
  ipv4(COAP_BLOCK_USE_LIBCOAP);
  joining();
  no_group();
  coap_cleanup();
  return 0;
}
