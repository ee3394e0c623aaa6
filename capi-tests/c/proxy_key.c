/* The cache key that goes with a request: it comes back with the response, and one of both, application or library, frees it.
 * memcheck tells. */
#include "proxy.h"

static const coap_cache_key_t *given[8];
static unsigned int given_count;

static void
with_a_key(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *pdu, const coap_string_t *query UNUSED,
           coap_pdu_t *response) {
  coap_cache_key_t *key = coap_cache_derive_key(session, pdu, COAP_CACHE_IS_SESSION_BASED);
  NEED(key && given_count < 8);
  given[given_count++] = key;
  if (!coap_proxy_forward_request(session, pdu, response, resource, key, &list)) {
    show("  not passed on: the key is the application's");
    coap_delete_cache_key(key);
  }
}

static coap_response_t
shows_the_key(coap_session_t *session, const coap_pdu_t *sent UNUSED, const coap_pdu_t *received,
              const coap_mid_t mid UNUSED) {
  static int untouched;
  coap_cache_key_t *key = (coap_cache_key_t *)&untouched;
  coap_opt_iterator_t walk;
  coap_proxy_forward_response(session, received, &key);
  if (key == (coap_cache_key_t *)&untouched || !key) {
    show("  no key");
    return COAP_RESPONSE_OK;
  }
  unsigned int i = 0;
  while (i < given_count && given[i] != key)
    i++;
  int stays = coap_check_option(received, COAP_OPTION_OBSERVE, &walk) != NULL;
  show("  the key of request %u%s", i, stays ? ", which stays" : "");
  if (!stays)
    coap_delete_cache_key(key);
  return COAP_RESPONSE_OK;
}

static void
open_with_keys(const char *title, coap_proxy_t type, answering_t does) {
  show("-- %s", title);
  px_open(type, 1, 0);
  coap_add_resource(px, px_resource(type, with_a_key));
  coap_register_response_handler(px, shows_the_key);
  up_does[0] = does;
  given_count = 0;
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  open_with_keys("answered", COAP_PROXY_REVERSE, HI);
  get(0, "11=a");
  say(1, NON, 1, "aa", "11=a", NULL);
  get(0, "11=b");
  px_close();
  open_with_keys("answered in the other order", COAP_PROXY_REVERSE, EMPTY_ACK);
  get(0, "11=a");
  datagram_t first = asked[0];
  get(1, "11=a");
  later(0, &asked[0], CON, 0x45, "c0", "second");
  later(0, &first, CON, 0x45, "c0", "first");
  px_close();
  open_with_keys("not passed on", COAP_PROXY_FORWARD_STRIP, HI);
  get(0, "35=http://127.0.0.1/a");
  px_close();
  open_with_keys("not answered", COAP_PROXY_REVERSE, EMPTY_ACK);
  get(0, "11=a");
  say(1, NON, 1, "aa", "11=a", NULL);
  px_close();
  open_with_keys("reset", COAP_PROXY_REVERSE, RESET);
  quiet_clients = 1;
  get(0, "11=a");
  quiet_clients = 0;
  px_close();
  open_with_keys("observed to the end", COAP_PROXY_REVERSE, OBSERVE);
  get(0, "6# 11=a");
  first = asked[0];
  later(0, &first, NON, 0x45, "6103 60", "second");
  later(0, &first, NON, 0x84, "", NULL);
  px_close();
  open_with_keys("observed by two", COAP_PROXY_REVERSE, OBSERVE);
  get(0, "6# 11=a");
  first = asked[0];
  get(1, "6# 11=a");
  later(0, &asked[0], NON, 0x45, "6103 60", "of client1");
  later(0, &first, NON, 0x45, "6103 60", "of client0");
  px_close();
  /* Observe where there is nothing to observe: the library keeps the key, since the application goes by that. */
  open_with_keys("an error that is marked as a notification", COAP_PROXY_REVERSE, OBSERVE);
  get(0, "6# 11=a");
  later(0, &asked[0], NON, 0x84, "6103", NULL);
  px_close();
  open_with_keys("notifications that nobody asked for", COAP_PROXY_REVERSE, EMPTY_ACK);
  get(0, "11=a");
  later(0, &asked[0], NON, 0x45, "6103 60", "first");
  get(0, "11=b");
  later(0, &asked[0], NON, 0x45, "6103 60", "second");
  px_close();
  open_with_keys("the client goes", COAP_PROXY_REVERSE, EMPTY_ACK);
  coap_context_set_session_timeout(px, 1);
  get(0, "11=a");
  quiet = 1;
  settle(2100);
  quiet = 0;
  px_close();
  coap_cleanup();
  return 0;
}
