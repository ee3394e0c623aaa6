/* The settings of the CSM: what is said to a peer, what a peer may say, and the limits that follow from it.
 *
 * mend small_message_size: the reference aborts when coap_context_set_csm_max_message_size() is given less than 64.
 *   Ours keeps what was set. */
#include "stream.h"

static coap_context_t *context;
static coap_session_t *session;

/* The getter and setter in seconds are deprecated, and are still there. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

static void
settings(void) {
  static const unsigned int ms[] = {0, 1, 9, 10, 11, 999, 1500, 9999, 10000, 10001, 4000000000u};
  static const unsigned int seconds[] = {0, 1, 2, 10, 11, 30, 4000000u};
  static const uint32_t sizes[] = {64, 65, 1151, 1152, 1153, 8388863, 8388864, 8388865, 4294967295u};
  show("-- settings");
  SHOW(coap_context_get_csm_timeout_ms(context));
  SHOW(coap_context_get_csm_timeout(context));
  SHOW(coap_context_get_csm_max_message_size(context));
  for (size_t i = 0; i < sizeof(ms) / sizeof(ms[0]); i++) {
    coap_context_set_csm_timeout_ms(context, ms[i]);
    show("%u ms: %u ms, %u s", ms[i], coap_context_get_csm_timeout_ms(context),
         coap_context_get_csm_timeout(context));
  }
  for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
    coap_context_set_csm_timeout(context, seconds[i]);
    show("%u s: %u ms, %u s", seconds[i], coap_context_get_csm_timeout_ms(context),
         coap_context_get_csm_timeout(context));
  }
  for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
    coap_context_set_csm_max_message_size(context, sizes[i]);
    show("size %u: %u", (unsigned int)sizes[i], (unsigned int)coap_context_get_csm_max_message_size(context));
  }
  if (!on_reference()) {
    coap_context_set_csm_max_message_size(context, 1152);
    coap_context_set_csm_max_message_size(context, 63);
    mend("small_message_size", "1152", "%u", (unsigned int)coap_context_get_csm_max_message_size(context));
  }
  coap_context_set_csm_timeout_ms(context, 1000);
}

/* A session of which the peer says `csm`. */
static stream_t
meet(const char *csm) {
  stream_t peer = stream_listen();
  coap_address_t address = loopback(peer.port);
  session = coap_new_client_session(context, NULL, &address, COAP_PROTO_TCP);
  NEED(session);
  stream_accept(&peer);
  stream_send_hex(&peer, csm);
  RUN_UNTIL(context, coap_session_get_state(session) == COAP_SESSION_STATE_ESTABLISHED, 3000);
  return peer;
}

static void
part(stream_t *peer) {
  coap_session_release(session);
  stream_close(peer);
}

static void
said(void) {
  static const uint32_t sizes[] = {64, 255, 256, 1152, 65536, 8388864, 4294967295u};
  static const size_t tokens[] = {8, 9, 255, 256, 4096};
  stream_t peer;
  show("-- what we say");
  for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
    coap_context_set_csm_max_message_size(context, sizes[i]);
    peer = meet("00 e1");
    show("size %u: %s", (unsigned int)sizes[i], stream_receive(&peer, context));
    part(&peer);
  }
  coap_context_set_csm_max_message_size(context, 8388864);
  for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
    coap_context_set_max_token_size(context, tokens[i]);
    peer = meet("00 e1");
    show("tokens of %zu: %s", tokens[i], stream_receive(&peer, context));
    part(&peer);
  }
  coap_context_set_max_token_size(context, 8);
  coap_context_set_block_mode(context, COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
  peer = meet("00 e1");
  show("block mode: %s", stream_receive(&peer, context));
  part(&peer);
  coap_context_set_block_mode(context, 0);
}

static void
heard(void) {
  static const struct {
    const char *what, *csm;
  } csms[] = {{"nothing", "00 e1"},
              {"size 0", "10 e1 20"},
              {"size 32", "20 e1 21 20"},
              {"size 64", "20 e1 21 40"},
              {"size 255", "20 e1 21 ff"},
              {"size 300", "30 e1 22 012c"},
              {"size 1152", "30 e1 22 0480"},
              {"size 2000", "30 e1 22 07d0"},
              {"size 65800", "40 e1 23 010108"},
              {"size 100000", "40 e1 23 0186a0"},
              {"size 8388864", "40 e1 23 800100"},
              {"size 4294967295", "50 e1 24 ffffffff"},
              {"size 2000 with zeros", "50 e1 24 000007d0"},
              {"block-wise", "10 e1 40"},
              {"an elective option of its own", "20 e1 a1 01"},
              {"a token and a payload", "22 e1 6162 ff 61"}};
  show("-- what we are told");
  for (size_t i = 0; i < sizeof(csms) / sizeof(csms[0]); i++) {
    stream_t peer = meet(csms[i].csm);
    show("%s: %s, longest PDU %zu", csms[i].what, state_text(session), coap_session_max_pdu_size(session));
    part(&peer);
  }
  show("a second one");
  stream_t peer = meet("30 e1 22 07d0");
  stream_receive(&peer, context);
  stream_ask(&peer, context, "peer gets", "30 e1 22 0bb8");
  show("longest PDU %zu", coap_session_max_pdu_size(session));
  stream_ask(&peer, context, "peer gets", "00 e1");
  show("longest PDU %zu", coap_session_max_pdu_size(session));
  coap_session_set_mtu(session, 500);
  show("longest PDU after coap_session_set_mtu(500) %zu", coap_session_max_pdu_size(session));
  part(&peer);
}

static void
long_tokens(void) {
  static const char *const csms[] = {"00 e1", "20 e1 61 0c", "20 e1 61 10", "30 e1 62 0100"};
  static const uint8_t token[300] = {1};
  static const size_t lengths[] = {8, 9, 12, 13, 16, 17, 300};
  coap_context_set_max_token_size(context, 4096);
  show("-- tokens we send");
  for (size_t i = 0; i < sizeof(csms) / sizeof(csms[0]); i++) {
    stream_t peer = meet(csms[i]);
    stream_receive(&peer, context);
    show("told %s", csms[i]);
    for (size_t j = 0; j < sizeof(lengths) / sizeof(lengths[0]); j++) {
      coap_pdu_t *pdu = coap_new_pdu(COAP_MESSAGE_CON, COAP_REQUEST_CODE_GET, session);
      int added = coap_add_token(pdu, lengths[j], token);
      show("token of %zu: added %d, sent %d", lengths[j], added, coap_send(session, pdu));
      stream_ask(&peer, context, "peer gets", "");
    }
    part(&peer);
  }
  coap_context_set_max_token_size(context, 8);
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  context = coap_new_context(NULL);
  settings();
  said();
  heard();
  long_tokens();
  coap_free_context(context);
  coap_cleanup();
  return 0;
}
