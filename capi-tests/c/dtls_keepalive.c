/* Keepalive over DTLS and TLS: pings on quiet sessions that are answered, and that are not. */
#include "tls.h"

static int pongs, failures;

static void
on_pong(coap_session_t *session, const coap_pdu_t *received UNUSED, const coap_mid_t mid UNUSED) {
  pongs++;
  note(side_of(session), "pong (%s)", state_text(coap_session_get_state(session)));
}

static int
on_event(coap_session_t *session, coap_event_t event) {
  failures += event == COAP_EVENT_KEEPALIVE_FAILURE;
  return tls_on_event(session, event);
}

static void
keepalive(coap_proto_t proto) {
  coap_session_t *session;
  int64_t zero;
  show("== %s", proto_text(proto));
  tls_begin();
  coap_context_set_keepalive(tls_client.context, 1);
  coap_register_pong_handler(tls_client.context, on_pong);
  coap_register_event_handler(tls_client.context, on_event);
  psk_server(proto);
  session = psk_client(proto);
  coap_session_set_max_retransmit(session, 1);
  coap_session_set_ack_timeout(session, (coap_fixed_point_t){1, 0});
  coap_session_set_ack_random_factor(session, (coap_fixed_point_t){1, 0});
  pongs = failures = 0;
  NEED(tls_talk(session));
  take(&tls_client);
  take(&tls_server);
  zero = now_ms();
  BOTH_UNTIL(pongs == 2 || tls_client.nacks, 4000);
  show("about 2 s later %d", now_ms() - zero > 900 && now_ms() - zero < 3500);
  show("pongs %d", pongs);
  show("C: %s", take(&tls_client));
  show("-- nobody answers");
  RUN_UNTIL(tls_client.context, failures == 1, 8000);
  show("C: %s", take(&tls_client));
  show("state %s", state_text(coap_session_get_state(session)));
  SHOW(tls_get(session, "x"));
  show("-- somebody does again");
  BOTH_UNTIL(tls_client.responses == 2, 3000);
  show("answers %d", tls_client.responses);
  tls_leave(session);
  tls_end();
}

int
main(void) {
  coap_startup();
  keepalive(COAP_PROTO_DTLS);
  keepalive(COAP_PROTO_TLS);
  coap_cleanup();
  return 0;
}
