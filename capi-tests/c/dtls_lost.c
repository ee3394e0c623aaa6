/* Each datagram of a DTLS handshake is lost in turn; both sides get over it. */
#include "tls_relay.h"

/* Seconds that have passed, to the nearest. */
static int
seconds_since(int64_t zero) {
  return (int)((now_ms() - zero + 500) / 1000);
}

static void
lost(int from_client, int which) {
  char name[60];
  relay_t relay;
  int64_t zero = now_ms();
  snprintf(name, sizeof(name), "the %s's datagram %d is lost", from_client ? "client" : "server", which);
  coap_session_t *session = relay_begin(&relay, name);
  *(from_client ? &relay.lose_from_client : &relay.lose_from_server) = which;
  SHOW(tls_get(session, "a"));
  RELAY_UNTIL(&relay, tls_client.responses == 1, 5000);
  show("answered %d, after %d s", tls_client.responses, seconds_since(zero));
  tell();
  relay_end(&relay, session);
}

int
main(void) {
  coap_startup();
  for (int from_client = 0; from_client < 2; from_client++)
    for (int which = 1; which <= 3; which++)
      lost(from_client, which);
  coap_cleanup();
  return 0;
}
