/* Q-Block (RFC 9177): bodies between a client and a server that know it, and with a server that does not. */
#include "block.h"
#include <signal.h>
#include <sys/wait.h>

#define Q_BLOCK (COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY | COAP_BLOCK_TRY_Q_BLOCK)

static size_t served = 30000;
static unsigned int responses, nacks;

static void
on_put(coap_resource_t *resource UNUSED, coap_session_t *session UNUSED, const coap_pdu_t *request,
       const coap_string_t *query UNUSED, coap_pdu_t *response) {
  coap_opt_iterator_t walk;
  printf("  put:");
  print_body(request, 0);
  show("%s", coap_check_option(request, COAP_OPTION_Q_BLOCK1, &walk) ? ", with Q-Block1" : "");
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CHANGED);
}

static void
on_get(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request, const coap_string_t *query,
       coap_pdu_t *response) {
  show("  get");
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  coap_add_data_large_response(resource, session, request, response, query,
                               COAP_MEDIATYPE_APPLICATION_OCTET_STREAM, -1, 0, served, body, give_back, lend());
}

static coap_response_t
on_response(coap_session_t *session UNUSED, const coap_pdu_t *sent UNUSED, const coap_pdu_t *response,
            const coap_mid_t mid UNUSED) {
  coap_opt_iterator_t walk;
  coap_bin_const_t token = coap_pdu_get_token(response);
  printf("  response: %s, token of %zu bytes", code_text(coap_pdu_get_code(response)), token.length);
  print_body(response, 0);
  show("%s%s", coap_check_option(response, COAP_OPTION_Q_BLOCK2, &walk) ? ", with Q-Block2" : "",
       coap_check_option(response, COAP_OPTION_BLOCK2, &walk) ? ", with Block2" : "");
  responses++;
  return COAP_RESPONSE_OK;
}

static void
on_nack(coap_session_t *session UNUSED, const coap_pdu_t *sent UNUSED, const coap_nack_reason_t reason,
        const coap_mid_t mid UNUSED) {
  show("  nack: %d", reason);
  nacks++;
}

static coap_context_t *
new_context(uint32_t mode) {
  coap_context_t *context = coap_new_context(NULL);
  NEED(context);
  coap_context_set_block_mode(context, mode);
  coap_register_response_handler(context, on_response);
  coap_register_nack_handler(context, on_nack);
  coap_resource_t *resource = resource_with(context, "r", 0, COAP_REQUEST_PUT, on_put);
  coap_register_request_handler(resource, COAP_REQUEST_GET, on_get);
  return context;
}

static void
send_request(coap_session_t *session, coap_pdu_type_t type, coap_pdu_code_t code, size_t length) {
  coap_pdu_t *pdu = coap_new_pdu(type, code, session);
  static const uint8_t token[] = {0xab, 0xcd, 0xef};
  NEED(pdu && coap_add_token(pdu, sizeof(token), token));
  NEED(coap_add_option(pdu, COAP_OPTION_URI_PATH, 1, (const uint8_t *)"r"));
  if (length)
    SHOW(coap_add_data_large_request(session, pdu, length, body, give_back, lend()));
  NEED(coap_send(session, pdu) != COAP_INVALID_MID);
}

static void
exchange(coap_context_t *context, coap_session_t *session, coap_pdu_type_t type, coap_pdu_code_t code, size_t length) {
  unsigned int before = responses + nacks;
  show("%s %s of %zu bytes", type_text(type), code_text(code), length);
  if (code == COAP_REQUEST_CODE_GET)
    served = length, length = 0;
  send_request(session, type, code, length);
  RUN_UNTIL(context, responses + nacks > before, 20000);
}

static void
exchanges(coap_context_t *context, coap_session_t *session) {
  static const size_t sizes[] = {500, 1500, 12000, 30000};
  for (unsigned int i = 0; i < 4; i++) {
    exchange(context, session, COAP_MESSAGE_NON, COAP_REQUEST_CODE_PUT, sizes[i]);
    exchange(context, session, COAP_MESSAGE_NON, COAP_REQUEST_CODE_GET, sizes[i]);
    exchange(context, session, COAP_MESSAGE_CON, COAP_REQUEST_CODE_PUT, sizes[i]);
    exchange(context, session, COAP_MESSAGE_CON, COAP_REQUEST_CODE_GET, sizes[i]);
  }
}

/* Both ends know Q-Block. */
static void
both(uint32_t mode) {
  show("mode 0x%02x", mode);
  coap_context_t *context = new_context(mode);
  coap_address_t address = loopback(serve(context, NULL));
  coap_session_t *session = coap_new_client_session(context, NULL, &address, COAP_PROTO_UDP);
  NEED(session);
  SHOW(coap_session_get_max_payloads(session));
  quiet = 1;
  exchanges(context, session);
  coap_session_release(session);
  coap_free_context(context);
  quiet = 0;
  show("%u bodies are lent, %u are given back", lent, given_back);
}

/* The server does not: it runs beside this. */
static void
fall_back(void) {
  int port[2];
  uint16_t number;
  show("a server without Q-Block");
  NEED(pipe(port) == 0);
  pid_t child = fork();
  NEED(child >= 0);
  if (child == 0) {
    coap_context_t *context = new_context(COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
    NEED(freopen("/dev/null", "w", stdout));
    number = serve(context, NULL);
    NEED(write(port[1], &number, sizeof(number)) == sizeof(number));
    RUN_FOR(context, 30000);
    _exit(0);
  }
  NEED(read(port[0], &number, sizeof(number)) == sizeof(number));
  coap_context_t *context = new_context(Q_BLOCK);
  coap_address_t address = loopback(number);
  coap_session_t *session = coap_new_client_session(context, NULL, &address, COAP_PROTO_UDP);
  NEED(session);
  quiet = 1;
  exchanges(context, session);
  coap_session_release(session);
  coap_free_context(context);
  quiet = 0;
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  close(port[0]);
  close(port[1]);
  show("%u bodies are lent, %u are given back", lent, given_back);
}

/* The code of the answer to a confirmable request. */
static const char *
answer(coap_context_t *context, peer_t *peer, const char *hex) {
  datagram_t datagram;
  peer_send_hex(peer, hex);
  if (!peer_receive(peer, context, &datagram, 2000))
    return "nothing";
  return code_text((coap_pdu_code_t)datagram.bytes[1]);
}

/* What is no request in Q-Blocks.
 *
 * mend no tag: a Q-Block1 without Request-Tag is 4.00 (RFC 9177 section 4.3); the reference acknowledges it.
 * mend no size: the same for Size1; the reference takes the block for the body.
 * mend descending: Q-Block2 options that do not ascend are 4.00 (RFC 9177 section 4.4); the reference sends blocks. */
static void
refused(void) {
  show("refused");
  coap_context_t *context = new_context(Q_BLOCK);
  peer_t peer = peer_open(serve(context, NULL));
  /* Block2 and Q-Block2 in one request. */
  show("both kinds: %s", answer(context, &peer, "41010001 01 b172 c106 8106"));
  quiet = 1;
  if (!on_reference()) {
    mend("no tag", "4.00", "%s", answer(context, &peer, "41030002 02 b172 8108 d11c40 ff 30303030303030303030303030303030"));
    mend("no size", "4.00", "%s", answer(context, &peer, "41030003 03 b172 8108 e2000474 67 ff 30303030303030303030303030303030"));
    mend("descending", "4.00", "%s", answer(context, &peer, "41010004 04 b172 d1071600 0106"));
  }
  peer_close(&peer);
  coap_free_context(context);
  quiet = 0;
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  fill_body();
  both(Q_BLOCK);
  both(Q_BLOCK | COAP_BLOCK_USE_M_Q_BLOCK);
  both(COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_TRY_Q_BLOCK);
  fall_back();
  refused();
  coap_cleanup();
  return 0;
}
