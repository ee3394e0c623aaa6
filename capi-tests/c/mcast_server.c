/* Requests to a group: which are answered, with which code, at once or at leisure.
 *
 * A peer sends to 224.0.1.187 by the loopback interface. `coap_set_prng` makes the random part of the delay what
 * the program wants: a quarter of the leisure, or next to nothing.
 *
 * mend leisure_event: when an answer to a group has waited, the reference also tells of a retransmission
 * (COAP_EVENT_MSG_RETRANSMITTED). Nothing is sent twice.
 *
 * mend repeated: the reference answers a repeated request to a group once more. A repetition is not processed
 * again (RFC 7252 §4.5), and nobody waits for the answer to a NON to be repeated.
 *
 * mend bad_option: the reference rejects a request to a group that has an unknown critical option with a Reset. What came
 * to a group is rejected in silence (RFC 7252 §8.1): else one datagram with a forged source makes all members send.
 *
 * mend observe: the reference lets a client observe by a request to a group: all members would go on notifying who
 * has sent one datagram. Ours answer such a request without Observe. */
#include "peer.h"

static coap_context_t *context;
static peer_t peer;
static uint16_t port;
static int filler = 1;
static int calls, retransmitted;
static coap_pdu_code_t code;
static const char *payload = "";

static int
prng(void *buffer, size_t length) {
  memset(buffer, filler, length);
  return 1;
}

static int
on_event(coap_session_t *session, const coap_event_t event) {
  if (event == COAP_EVENT_SERVER_SESSION_NEW) {
    coap_session_set_default_leisure(session, (coap_fixed_point_t){2, 0});
    show("leisure of a new session: %d.%03d", coap_session_get_default_leisure(session).integer_part,
         coap_session_get_default_leisure(session).fractional_part);
  }
  retransmitted += event == COAP_EVENT_MSG_RETRANSMITTED;
  return 0;
}

static void
handler(coap_resource_t *resource UNUSED, coap_session_t *session UNUSED, const coap_pdu_t *request UNUSED,
        const coap_string_t *query UNUSED, coap_pdu_t *response) {
  calls++;
  if (code)
    coap_pdu_set_code(response, code);
  if (*payload)
    coap_add_data(response, strlen(payload), (const uint8_t *)payload);
}

/* Takes what has come to the peer, the answer to the probe aside. Gives whether that was there. */
static int
take(const char *label, int *answers) {
  datagram_t answer;
  while (peer_take(&peer, &answer)) {
    if (answer.bytes[0] == 0x61)
      return 1;
    (*answers)++;
    show_datagram(label, &answer, MASK_OWN);
  }
  return 0;
}

/* Sends `hex` to the group, and prints the calls of the handler and all answers: those that are there before the
 * answer to a request to this host alone, and then, if the server still has something to send, the others. */
static void
ask_group(const char *label, const char *hex, unsigned int mid) {
  static uint16_t probe_mid = 0xf000;
  struct sockaddr_in group = {.sin_family = AF_INET, .sin_port = htons(port)};
  int answers = 0, at_once;
  int64_t end = now_ms() + 3000;
  inet_pton(AF_INET, "224.0.1.187", &group.sin_addr);
  calls = 0;
  peer.other = group;
  peer_send_mid(&peer, hex, mid);
  inet_pton(AF_INET, "127.0.0.1", &group.sin_addr);
  peer.other = group;
  peer_send_mid(&peer, "41 01 ???? fa b1 7e", ++probe_mid);
  while (!take(label, &answers) && now_ms() < end)
    coap_io_process(context, 2);
  at_once = answers;
  while (!coap_can_exit(context) && now_ms() < end)
    coap_io_process(context, 2);
  if (!at_once)
    for (int64_t until = now_ms() + 20; !answers && now_ms() < until;)
      take(label, &answers);
  show("%s: %s, handler called %d times", label,
       at_once   ? "at once"
       : answers ? "at leisure"
                 : "nothing",
       calls);
}

/* All that a resource may be asked and may answer. */
static void
ask_all(const char *path, int with_no_response) {
  static unsigned int mid = 0x100;
  static const struct {
    coap_pdu_code_t code;
    const char *payload;
  } answers[] = {{69, "x"}, {69, ""}, {68, ""}, {131, ""}, {160, ""}, {0, ""}};
  char hex[80], label[80];
  for (unsigned int i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
    code = answers[i].code;
    payload = answers[i].payload;
    snprintf(label, sizeof(label), "/%s says %s '%s'", path, code_text(code), payload);
    snprintf(hex, sizeof(hex), "51 01 ???? 01 b1 %02x", path[0]);
    ask_group(label, hex, ++mid);
    if (with_no_response && (i == 0 || i == 3)) {
      snprintf(label, sizeof(label), "/%s says %s '%s', all wanted", path, code_text(code), payload);
      snprintf(hex, sizeof(hex), "51 01 ???? 01 b1 %02x d0 ea", path[0]);
      ask_group(label, hex, ++mid);
      snprintf(label, sizeof(label), "/%s says %s '%s', no 2.xx wanted", path, code_text(code), payload);
      snprintf(hex, sizeof(hex), "51 01 ???? 01 b1 %02x d1 ea 02", path[0]);
      ask_group(label, hex, ++mid);
    }
  }
  code = 69;
  payload = "x";
  snprintf(label, sizeof(label), "PUT /%s", path);
  snprintf(hex, sizeof(hex), "51 03 ???? 01 b1 %02x", path[0]);
  ask_group(label, hex, ++mid);
  snprintf(label, sizeof(label), "CON /%s", path);
  snprintf(hex, sizeof(hex), "41 01 ???? 01 b1 %02x", path[0]);
  ask_group(label, hex, ++mid);
}

static void
ask_for_others(unsigned int mid) {
  ask_group("unknown", "51 01 ???? 01 b1 7a", mid);
  ask_group("unknown, all wanted", "51 01 ???? 01 b1 7a d0 ea", mid + 1);
  ask_group("core", "51 01 ???? 01 bb 2e77656c6c2d6b6e6f776e 04 636f7265", mid + 2);
  ask_group("core, none found", "51 01 ???? 01 bb 2e77656c6c2d6b6e6f776e 04 636f7265 46 687265663d7a", mid + 3);
  ask_group("core, CON", "41 01 ???? 01 bb 2e77656c6c2d6b6e6f776e 04 636f7265", mid + 4);
  ask_group("core, PUT", "51 03 ???? 01 bb 2e77656c6c2d6b6e6f776e 04 636f7265", mid + 5);
  ask_group("ping", "40 00 ????", mid + 6);
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  coap_set_prng(prng);
  context = coap_new_context(NULL);
  NEED(context);
  coap_register_event_handler(context, on_event);
  for (int attempt = 0; attempt < 20; attempt++) {
    coap_address_t any = loopback(port = free_port());
    any.addr.sin.sin_addr.s_addr = htonl(INADDR_ANY);
    if (coap_new_endpoint(context, &any, COAP_PROTO_UDP))
      break;
  }

  show("-- joining");
  SHOW(coap_join_mcast_group_intf(context, "224.0.1.187", "lo"));
  show("again: %d", coap_join_mcast_group_intf(context, "224.0.1.187", "lo"));
  SHOW(coap_join_mcast_group_intf(context, "224.0.1.190", "lo"));
  SHOW(coap_join_mcast_group_intf(context, "127.0.0.1", "lo"));
  show("IPv6 on an IPv4 endpoint: %d", coap_join_mcast_group_intf(context, "ff02::fd", "lo"));

  peer = peer_open(port);
  struct ip_mreqn by_loopback = {.imr_ifindex = 1};
  by_loopback.imr_address.s_addr = htonl(INADDR_LOOPBACK);
  NEED(setsockopt(peer.fd, IPPROTO_IP, IP_MULTICAST_IF, &by_loopback, sizeof(by_loopback)) == 0);
  add_probe(context);
  static const struct {
    const char *path;
    int flags;
  } resources[] = {
      {"r", 0},
      {"m", COAP_RESOURCE_FLAGS_HAS_MCAST_SUPPORT},
      {"d", COAP_RESOURCE_FLAGS_HAS_MCAST_SUPPORT | COAP_RESOURCE_FLAGS_LIB_DIS_MCAST_DELAYS},
      {"a", COAP_RESOURCE_FLAGS_HAS_MCAST_SUPPORT | COAP_RESOURCE_FLAGS_LIB_DIS_MCAST_DELAYS |
                COAP_RESOURCE_FLAGS_LIB_ENA_MCAST_SUPPRESS_2_05},
      {"b", COAP_RESOURCE_FLAGS_HAS_MCAST_SUPPORT | COAP_RESOURCE_FLAGS_LIB_DIS_MCAST_DELAYS |
                COAP_RESOURCE_FLAGS_LIB_ENA_MCAST_SUPPRESS_2_XX},
      {"c", COAP_RESOURCE_FLAGS_HAS_MCAST_SUPPORT | COAP_RESOURCE_FLAGS_LIB_DIS_MCAST_DELAYS |
                COAP_RESOURCE_FLAGS_LIB_DIS_MCAST_SUPPRESS_4_XX},
      {"e", COAP_RESOURCE_FLAGS_HAS_MCAST_SUPPORT | COAP_RESOURCE_FLAGS_LIB_DIS_MCAST_DELAYS |
                COAP_RESOURCE_FLAGS_LIB_DIS_MCAST_SUPPRESS_5_XX},
      {"n", COAP_RESOURCE_FLAGS_LIB_DIS_MCAST_DELAYS},
  };
  coap_resource_set_get_observable(
      resource_with(context, "o", COAP_RESOURCE_FLAGS_HAS_MCAST_SUPPORT, COAP_REQUEST_GET, handler), 1);

  for (unsigned int i = 0; i < sizeof(resources) / sizeof(resources[0]); i++)
    resource_with(context, resources[i].path, resources[i].flags, COAP_REQUEST_GET, handler);

  show("-- how long: a quarter of the leisure of 2 s");
  code = 69;
  payload = "x";
  ask_group("first", "51 01 ???? 01 b1 72", 0x10);
  filler = 0x40;
  int64_t begin = now_ms();
  ask_group("quarter", "51 01 ???? 01 b1 72", 0x11);
  int64_t took = now_ms() - begin;
  show("~ %lld ms", (long long)took);
  SHOW(took >= 480 && took < 1500);
  filler = 1;
  mend("leisure_event", "0", "%d", retransmitted);

  show("-- all resources");
  ask_all("r", 1);
  ask_all("d", 0);
  ask_for_others(0x20);
  retransmitted = 0;

  show("-- resource by resource");
  coap_mcast_per_resource(context);
  for (unsigned int i = 0; i < sizeof(resources) / sizeof(resources[0]); i++)
    ask_all(resources[i].path, i != 6);
  ask_for_others(0x30);

  show("-- where we differ");
  ask_group("first", "51 01 ???? 01 b1 64", 0x40);
  struct sockaddr_in group = {.sin_family = AF_INET, .sin_port = htons(port)};
  inet_pton(AF_INET, "224.0.1.187", &group.sin_addr);
  datagram_t answer;
  static const char *const differing[] = {"51 01 0040 01 b1 64", "51 01 0041 01 b1 64 d0 fb"};
  static const char *const topics[] = {"repeated", "bad_option"};
  for (int i = 0; i < 2; i++) {
    int answers = 0, kind = -1;
    calls = 0;
    peer.other = group;
    peer_send_hex(&peer, differing[i]);
    struct sockaddr_in host = group;
    host.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    peer.other = host;
    peer_send_mid(&peer, "41 01 ???? fa b1 7e", 0xff00 + (unsigned int)i);
    while (peer_receive(&peer, context, &answer, 3000) && answer.bytes[0] != 0x61) {
      kind = answer.bytes[0] >> 4 & 3;
      answers++;
    }
    mend(topics[i], "0 calls, no answer", "%d calls, %s", calls, answers ? type_text((coap_pdu_type_t)kind) : "no answer");
  }

  peer.other = group;
  peer_send_hex(&peer, "51 01 0042 01 60 51 6f");
  NEED(peer_receive(&peer, context, &answer, 3000));
  mend("observe", "without Observe", "%s", answer.bytes[5] == 0x61 ? "with Observe" : "without Observe");

  coap_free_context(context);
  peer_close(&peer);
  coap_cleanup();
  return 0;
}
