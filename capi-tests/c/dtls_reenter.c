/* Calls of the library from inside what a handshake asks: for a name, a hint, an identity, a certificate, a set-up. */
#include "tls.h"

/* mend inside: the reference stops the program at most calls from the callback for identities and from the additional set-up,
 *   and at some from the others. Ours takes any call there; what ends the session ends the handshake. */

typedef enum { HINT, PSK_NAME, IDENTITY, PKI_NAME, CERTIFICATE, SET_UP, CALLBACKS } callback_t;
static const char *const callback_names[] = {"hint", "name", "identity", "name for certificates", "certificate", "set-up"};

typedef enum {
  REFERENCE,
  SIZES,
  SETTINGS,
  PING,
  SEND,
  ANOTHER_SESSION,
  SET_PSK,
  LOOP,
  DISCONNECT,
  RELEASE,
  FREE_ENDPOINT,
  ACTIONS
} action_t;
static const char *const action_names[] = {"reference and release", "sizes",         "settings", "ping",
                                           "send",                  "another session", "set-up",   "loop",
                                           "disconnect",            "release",       "free the endpoint"};

static callback_t now_in;
static action_t now_do;
static int called;
static coap_session_t *client; /* NULL once it is released */
static coap_endpoint_t *endpoint;

/* What a callback does. Some are not told the session; then it is the client's. */
static void
act(coap_session_t *session) {
  coap_context_t *context = coap_session_get_context(session);
  if (called++)
    return;
  switch (now_do) {
  case REFERENCE:
    coap_session_reference(session);
    coap_session_release(session);
    break;
  case SIZES:
    coap_session_max_pdu_size(session);
    coap_session_set_mtu(session, 1000);
    break;
  case SETTINGS:
    coap_context_set_max_idle_sessions(context, 10);
    coap_session_set_nstart(session, 2);
    coap_io_pending(context);
    break;
  case PING:
    coap_session_send_ping(session);
    break;
  case SEND: {
    coap_pdu_t *pdu = coap_new_pdu(COAP_MESSAGE_NON, COAP_REQUEST_CODE_GET, session);
    coap_send(session, pdu);
    break;
  }
  case ANOTHER_SESSION: {
    coap_address_t nowhere = loopback(9);
    coap_session_t *another = coap_new_client_session_psk(context, NULL, &nowhere, COAP_PROTO_DTLS, "it",
                                                          (const uint8_t *)"key", 3);
    if (another)
      coap_session_release(another);
    break;
  }
  case SET_PSK:
    coap_context_set_psk(tls_server.context, "other", (const uint8_t *)"secret", 6);
    break;
  case LOOP:
    coap_io_process(context, COAP_IO_NO_WAIT);
    break;
  case DISCONNECT:
    coap_session_disconnected(session, COAP_NACK_NOT_DELIVERABLE);
    break;
  case RELEASE:
    if (client)
      coap_session_release(client);
    client = NULL;
    break;
  case FREE_ENDPOINT:
    if (endpoint)
      coap_free_endpoint(endpoint);
    endpoint = NULL;
    break;
  case ACTIONS:
    break;
  }
}

static const coap_bin_const_t *
on_identity(coap_bin_const_t *identity UNUSED, coap_session_t *session, void *arg UNUSED) {
  static coap_bin_const_t key;
  act(session);
  key = BIN("secret");
  return &key;
}

static const coap_dtls_spsk_info_t *
on_psk_name(const char *sni UNUSED, coap_session_t *session, void *arg UNUSED) {
  static coap_dtls_spsk_info_t info;
  act(session);
  info.hint = BIN("hint");
  info.key = BIN("secret");
  return &info;
}

static const coap_dtls_cpsk_info_t *
on_hint(coap_str_const_t *hint UNUSED, coap_session_t *session, void *arg UNUSED) {
  static coap_dtls_cpsk_info_t info;
  act(session);
  info.identity = BIN("me");
  info.key = BIN("secret");
  return &info;
}

static coap_dtls_key_t *
on_pki_name(const char *sni UNUSED, void *arg UNUSED) {
  static coap_dtls_key_t key;
  act(client);
  key = pem_of("server");
  return &key;
}

static int
on_certificate(const char *cn UNUSED, const uint8_t *der UNUSED, size_t length UNUSED, coap_session_t *session,
               unsigned int depth UNUSED, int validated UNUSED, void *arg UNUSED) {
  act(session);
  return 1;
}

static int
on_setup(void *ssl UNUSED, coap_dtls_pki_t *setup UNUSED) {
  act(client);
  return 1;
}

static void
with_keys(void) {
  coap_dtls_spsk_t server;
  coap_dtls_cpsk_t setup;
  memset(&server, 0, sizeof(server));
  memset(&setup, 0, sizeof(setup));
  server.version = COAP_DTLS_SPSK_SETUP_VERSION;
  server.psk_info.hint = BIN("hint");
  server.psk_info.key = BIN("secret");
  setup.version = COAP_DTLS_CPSK_SETUP_VERSION;
  setup.psk_info.identity = BIN("me");
  setup.psk_info.key = BIN("secret");
  server.validate_id_call_back = now_in == IDENTITY ? on_identity : NULL;
  server.validate_sni_call_back = now_in == PSK_NAME ? on_psk_name : NULL;
  setup.validate_ih_call_back = now_in == HINT ? on_hint : NULL;
  NEED(coap_context_set_psk2(tls_server.context, &server) == 1);
  endpoint = tls_serve(COAP_PROTO_DTLS);
  client = coap_new_client_session_psk2(tls_client.context, NULL, tls_address(), COAP_PROTO_DTLS, &setup);
}

static void
with_certificates(void) {
  coap_dtls_pki_t server = pki("server"), setup = pki("client");
  server.check_common_ca = setup.check_common_ca = 1;
  server.validate_sni_call_back = now_in == PKI_NAME ? on_pki_name : NULL;
  server.additional_tls_setup_call_back = now_in == SET_UP ? on_setup : NULL;
  setup.validate_cn_call_back = now_in == CERTIFICATE ? on_certificate : NULL;
  NEED(coap_context_set_pki(tls_server.context, &server) == 1);
  endpoint = tls_serve(COAP_PROTO_DTLS);
  client = coap_new_client_session_pki(tls_client.context, NULL, tls_address(), COAP_PROTO_DTLS, &setup);
}

/* Whether a second client gets through, where there still is somebody who answers. */
static int
another_client(void) {
  coap_dtls_pki_t setup = pki("client");
  int before = tls_client.responses;
  coap_session_t *session;
  setup.check_common_ca = 1;
  session = now_in < PKI_NAME ? psk_client(COAP_PROTO_DTLS)
                              : coap_new_client_session_pki(tls_client.context, NULL, tls_address(), COAP_PROTO_DTLS, &setup);
  NEED(session && tls_get(session, "n"));
  BOTH_UNTIL(tls_client.responses > before, 3000);
  coap_session_release(session);
  return tls_client.responses > before;
}

static const char *
played(void) {
  static char text[80];
  int answered, alive;
  called = 0;
  tls_begin();
  if (now_in < PKI_NAME)
    with_keys();
  else
    with_certificates();
  NEED(endpoint && client);
  NEED(tls_get(client, "a"));
  BOTH_UNTIL(tls_client.responses || (called && (!client || is_down(client) || !endpoint)), 3000);
  BOTH_FOR(5);
  answered = tls_client.responses > 0;
  alive = endpoint ? another_client() : -1;
  if (client)
    coap_session_release(client);
  tls_end();
  snprintf(text, sizeof(text), "called %d, %s, then %s", called > 0, answered ? "answered" : "not answered",
           alive < 0 ? "-" : alive ? "answered" : "not answered");
  return text;
}

static int
works_on_the_reference(void) {
  return now_do <= SIZES && now_in != IDENTITY && now_in != SET_UP;
}

int
main(void) {
  coap_startup();
  for (now_in = 0; now_in < CALLBACKS; now_in++)
    for (now_do = 0; now_do < ACTIONS; now_do++) {
      /* A server that gives a client up at its first message sees it again: that is repeated, with the cookie. */
      int is_repeated = now_in == PSK_NAME && now_do == DISCONNECT;
      int ends = (now_do == DISCONNECT && !is_repeated) || now_do == RELEASE || now_do == FREE_ENDPOINT;
      char wanted[200];
      if (works_on_the_reference()) {
        show("%s, %s: %s", callback_names[now_in], action_names[now_do], played());
      } else if (!on_reference()) {
        snprintf(wanted, sizeof(wanted), "%s, %s: called 1, %s, then %s", callback_names[now_in], action_names[now_do],
                 ends ? "not answered" : "answered", now_do == FREE_ENDPOINT ? "-" : "answered");
        mend("inside", wanted, "%s, %s: %s", callback_names[now_in], action_names[now_do], played());
      }
    }
  coap_cleanup();
  return 0;
}
