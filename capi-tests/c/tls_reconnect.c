/* An addition to the reference: a client session over TLS, WSS or DTLS whose server goes away is connected again, verified again,
 * and what it observes is observed anew. Over DTLS also where the server goes without a word.
 * mend reconnect: the reference has no such thing; its session stays closed, or talks to nobody. */
#include "tls_relay.h"

void coap_context_set_session_reconnect_time(coap_context_t *, unsigned int) __attribute__((weak));

static int number;

static void
on_number(coap_resource_t *resource UNUSED, coap_session_t *session UNUSED, const coap_pdu_t *request UNUSED,
          const coap_string_t *query UNUSED, coap_pdu_t *response) {
  uint8_t digit = (uint8_t)('0' + number);
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  coap_add_data(response, 1, &digit);
}

static char last;

static coap_response_t
on_response(coap_session_t *session UNUSED, const coap_pdu_t *sent UNUSED, const coap_pdu_t *received,
            const coap_mid_t mid UNUSED) {
  size_t length = 0;
  const uint8_t *data = NULL;
  tls_client.responses++;
  last = coap_get_data(received, &length, &data) && length == 1 ? (char)data[0] : '?';
  return COAP_RESPONSE_OK;
}

/* The server with a resource to observe, at the port it had. */
static coap_resource_t *
start_server(coap_proto_t proto, const char *certificate) {
  coap_resource_t *resource;
  coap_address_t address = loopback(tls_port);
  resource = resource_with(tls_server.context, "n", 0, COAP_REQUEST_GET, on_number);
  coap_resource_set_get_observable(resource, 1);
  if (certificate) {
    coap_dtls_pki_t setup = pki(certificate);
    setup.verify_peer_cert = 0;
    NEED(coap_context_set_pki(tls_server.context, &setup) == 1);
  } else {
    NEED(coap_context_set_psk(tls_server.context, "hint", (const uint8_t *)"secret", 6) == 1);
  }
  NEED(coap_new_endpoint(tls_server.context, &address, proto));
  return resource;
}

static void
begin(void) {
  tls_begin();
  coap_set_log_level(COAP_LOG_EMERG);
  coap_context_set_session_reconnect_time(tls_client.context, 1);
  coap_register_response_handler(tls_client.context, on_response);
  tls_port = free_port();
  number = 1;
}

static void
observe(coap_session_t *session) {
  coap_pdu_t *request = request_for(session, COAP_MESSAGE_CON, COAP_REQUEST_GET, NULL, "t");
  NEED(coap_add_option(request, COAP_OPTION_OBSERVE, 0, NULL));
  NEED(coap_add_option(request, COAP_OPTION_URI_PATH, 1, (const uint8_t *)"n"));
  NEED(coap_send(session, request) != COAP_INVALID_MID);
}

static void
tell_end(void) {
  mend("reconnect", "2 connections, 3 notifications, the last of 3", "%d connections, %d notifications, the last of %c",
       tls_client.connected, tls_client.responses, last);
}

/* The server says that it goes, and comes back, or another one in its place. */
static void
go_and_come_back(coap_proto_t proto, const char *certificate, const char *impostor) {
  coap_dtls_pki_t setup = pki("client");
  coap_session_t *session;
  coap_resource_t *resource;
  begin();
  start_server(proto, certificate);
  setup.check_common_ca = 1;
  session = certificate ? coap_new_client_session_pki(tls_client.context, NULL, tls_address(), proto, &setup)
                        : coap_new_client_session_psk(tls_client.context, NULL, tls_address(), proto, "me",
                                                      (const uint8_t *)"secret", 6);
  NEED(session && coap_ws_set_host_request(session, coap_make_str_const("localhost")));
  if (proto != COAP_PROTO_DTLS)
    BOTH_UNTIL(is_up(session), 5000);
  observe(session);
  BOTH_UNTIL(tls_client.responses == 1, 5000);
  coap_free_context(tls_server.context);
  tls_context(&tls_server);
  number = 2;
  resource = start_server(proto, impostor ? impostor : certificate);
  if (impostor) {
    BOTH_FOR(2500);
    mend("reconnect", "1 connection, 1 answer", "%d connection%s, %d answer%s", tls_client.connected,
         tls_client.connected == 1 ? "" : "s", tls_client.responses, tls_client.responses == 1 ? "" : "s");
  } else {
    BOTH_UNTIL(tls_client.responses == 2, 8000);
    number = 3;
    coap_resource_notify_observers(resource, NULL);
    BOTH_UNTIL(tls_client.responses == 3, 3000);
    tell_end();
  }
  coap_session_release(session);
  tls_end();
}

/* The server says nothing, and answers nothing of the old connection: a request or a keep-alive ping shows it. */
static void
fall_silent(int by_request) {
  relay_t relay;
  coap_session_t *session;
  coap_resource_t *resource;
  begin();
  memset(&relay, 0, sizeof(relay));
  relay.front = peer_open(0);
  relay.back = peer_open(0);
  resource = start_server(COAP_PROTO_DTLS, NULL);
  session = relayed_client(&relay);
  coap_session_set_max_retransmit(session, 1);
  coap_session_set_ack_timeout(session, (coap_fixed_point_t){1, 0});
  observe(session);
  RELAY_UNTIL(&relay, tls_client.responses == 1, 5000);
  number = 2;
  relay.lose_from_client = relay.lose_from_server = -1;
  if (by_request)
    NEED(tls_get(session, "a") == 1);
  else
    coap_context_set_keepalive(tls_client.context, 1);
  RELAY_UNTIL(&relay, is_down(session), 15000);
  coap_context_set_keepalive(tls_client.context, 0);
  relay.lose_from_client = relay.lose_from_server = 0;
  RELAY_UNTIL(&relay, tls_client.responses == 2, 15000);
  number = 3;
  coap_resource_notify_observers(resource, NULL);
  RELAY_UNTIL(&relay, tls_client.responses == 3, 3000);
  tell_end();
  relay_end(&relay, session);
}

int
main(void) {
  coap_startup();
  if (!coap_context_set_session_reconnect_time) {
    mend("reconnect", "2 connections, 3 notifications, the last of 3", "there is no such function");
    return 0;
  }
  go_and_come_back(COAP_PROTO_TLS, NULL, NULL);
  go_and_come_back(COAP_PROTO_TLS, "server", NULL);
  go_and_come_back(COAP_PROTO_WSS, NULL, NULL);
  go_and_come_back(COAP_PROTO_TLS, "server", "foreignserver");
  go_and_come_back(COAP_PROTO_DTLS, NULL, NULL);
  go_and_come_back(COAP_PROTO_DTLS, "server", NULL);
  go_and_come_back(COAP_PROTO_DTLS, "server", "foreignserver");
  fall_silent(1);
  fall_silent(0);
  coap_cleanup();
  return 0;
}
