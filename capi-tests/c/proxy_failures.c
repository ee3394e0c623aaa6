/* What a client is told when its request cannot be passed on, or nothing good comes back; and what the application is told. */
#include "proxy.h"

static void
open_reverse(const char *title, answering_t does) {
  show("-- %s", title);
  px_open(COAP_PROXY_REVERSE, 1, 0);
  up_does[0] = does;
}

/* What is refused before anything is sent. */
static void
bad_uris(coap_proxy_t type) {
  px_open(type, 1, 0);
  get(0, "35=http://127.0.0.1/a");
  get(0, "35=https://127.0.0.1/a");
  say(0, NON, 1, "aa", "35=http://127.0.0.1/a", NULL);
  get(0, "35=foo://127.0.0.1/a");
  get(0, "35=127.0.0.1/a");
  get(0, "35=/a");
  get(0, "35=coap:");
  get(0, "35=coap://");
  get(0, "35=coap:///a");
  get(0, "35=coap://127.0.0.1:65536/a");
  get(0, "35=coap://127.0.0.1:x/a");
  get(0, "35=coap://[::1/a");
  get(0, "35#");
  get(0, "3=127.0.0.1 11=a 39=http");
  get(0, "3=127.0.0.1 11=a 39=foo");
  get(0, "3=127.0.0.1 11=a 39#");
  get(0, "11=a 39=coap");
  get(0, "3# 11=a 39=coap");
  get(0, "3=h 7#010203 11=a 39=coap");
  px_close();
}

/* Names that nobody has. Looking for them may take its time. */
static void
unknown_hosts(void) {
  show("-- names that are not known");
  px_open(COAP_PROXY_FORWARD_STRIP, 1, 0);
  static const char *const options[] = {"35=coap://no.such.host.invalid/a", "3=no.such.host.invalid 11=a 39=coap"};
  for (int i = 0; i < 4; i++) {
    quiet = 1;
    say(0, i % 2 ? NON : CON, 1, "aa", options[i / 2], NULL);
    wait_for_client(20000);
    quiet = 0;
    show("%s: %s, forward_request %d, code %s", options[i / 2], at_client, forwarded, code_text(forwarded_code));
  }
  px_close();
}

/* Groups are asked in NONs only (RFC 7252 section 8.1). */
static void
groups(void) {
  show("-- a group");
  px_open(COAP_PROXY_FORWARD_STRIP, 1, 0);
  get(0, "35=coap://224.0.1.187/a");
  px_close();
}

/* mend unreachable: a server that is not there, or resets, is 5.02 to the client (RFC 7252 section 5.9.3.3). The reference tells
 * the application, and the client nothing. */
static void
unreachable(void) {
  static const unsigned int types[] = {CON, NON};
  static const char *const wanted[] = {"client0 CON 5.02 token aa {Bad Gateway}", "client0 NON 5.02 token aa {Bad Gateway}"};
  for (int i = 0; i < 2; i++) {
    open_reverse("refused", HI);
    entries[0].uri.port = free_port();
    quiet_clients = 1;
    say(0, types[i], 1, "aa", "11=a", NULL);
    settle(100);
    mended_told("unreachable", wanted[i]);
    quiet_clients = 0;
    px_close();
    open_reverse("reset", RESET);
    quiet_clients = 1;
    say(0, types[i], 1, "aa", "11=a", NULL);
    settle(50);
    mended_told("unreachable", wanted[i]);
    quiet_clients = 0;
    px_close();
  }
}

static coap_response_t
hasten(coap_session_t *session, const coap_pdu_t *sent, const coap_pdu_t *received, const coap_mid_t mid) {
  coap_session_set_ack_timeout(session, (coap_fixed_point_t){1, 0});
  coap_session_set_ack_random_factor(session, (coap_fixed_point_t){1, 0});
  coap_session_set_max_retransmit(session, 1);
  return px_response(session, sent, received, mid);
}

/* mend silent: a server that does not answer in time is 5.04 to the client (RFC 7252 section 5.9.3.5). The reference tells the
 * application, and the client nothing. */
static void
silent(void) {
  open_reverse("a server that falls silent", HI);
  coap_register_response_handler(px, hasten);
  get(0, "11=a");
  up_does[0] = SILENT;
  quiet_clients = 1;
  get(0, "11=b");
  wait_for_client(3500);
  mended_told("silent", "client0 CON 5.04 token aa {Gateway Timeout}");
  quiet_clients = 0;
  show("it speaks again");
  up_does[0] = HI;
  get(1, "11=c");
  px_close();
}

/* A server that sends no CoAP gets a RST, and its session goes on. */
static void
garbage(void) {
  open_reverse("garbage", GARBAGE);
  coap_register_event_handler(px, px_event);
  show_handlers = 1;
  get(0, "11=a");
  show("then the answer");
  later(0, &asked[0], ACK, 0x45, "c0", "hi");
  show_handlers = 0;
  px_close();
}

/* mend entry: a list without entries, or with one that no request can go to, is answered; the reference ends the program. */
static void
bad_entries(void) {
  static const coap_proxy_t types[] = {COAP_PROXY_REVERSE, COAP_PROXY_FORWARD};
  show("-- entries that lead nowhere");
  px_open(COAP_PROXY_REVERSE, 1, 0);
  entries[0].uri.host.s = (const uint8_t *)"no.such.host.invalid";
  entries[0].uri.host.length = 20;
  quiet = 1;
  get(0, "11=a");
  wait_for_client(20000);
  quiet = 0;
  show("unknown name: %s, forward_request %d, code %s", at_client, forwarded, code_text(forwarded_code));
  px_close();
  if (on_reference())
    return;
  for (size_t i = 0; i < 2; i++) {
    px_open(types[i], 0, 0);
    list.entry = NULL;
    quiet = 1;
    get(0, types[i] == COAP_PROXY_REVERSE ? "11=a" : "35=coap://127.0.0.1:$0/a");
    quiet = 0;
    mend("entry", "0, 5.00", "%d, %s", forwarded, code_text(forwarded_code));
    px_close();
  }
  px_open(COAP_PROXY_REVERSE, 1, 0);
  entries[0] = entry_for(up[0].port, COAP_URI_SCHEME_HTTP);
  quiet = 1;
  get(0, "11=a");
  quiet = 0;
  mend("entry", "0, 5.05", "%d, %s", forwarded, code_text(forwarded_code));
  px_close();
  /* Where the client says it all, nothing of the list is needed. */
  for (int i = 0; i < 2; i++) {
    px_open(i ? COAP_PROXY_DIRECT_STRIP : COAP_PROXY_FORWARD_STRIP, 0, 0);
    list.entry = NULL;
    quiet = 1;
    get(0, "35=coap://127.0.0.1:$0/a");
    quiet = 0;
    mend("entry", "client0 CON 2.05 token aa Content-Format:0 {hi}", "%s", at_client);
    px_close();
  }
}

/* Handlers that do more than they should, or less. */
static void
twice(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *pdu, const coap_string_t *query,
      coap_pdu_t *response) {
  px_request(resource, session, pdu, query, response);
  px_request(resource, session, pdu, query, response);
}

static void
with_code(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *pdu, const coap_string_t *query,
          coap_pdu_t *response) {
  px_request(resource, session, pdu, query, response);
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_VALID);
}

static coap_response_t
without_key(coap_session_t *session, const coap_pdu_t *sent UNUSED, const coap_pdu_t *received,
            const coap_mid_t mid UNUSED) {
  show("  forward_response: %s", coap_proxy_forward_response(session, received, NULL) == COAP_RESPONSE_OK ? "OK" : "FAIL");
  return COAP_RESPONSE_OK;
}

static void
odd_handlers(void) {
  open_reverse("forwarded twice", HI);
  coap_add_resource(px, px_resource(COAP_PROXY_REVERSE, twice));
  say(0, NON, 1, "aa", "11=a", NULL);
  px_close();
  open_reverse("a code besides", HI);
  coap_add_resource(px, px_resource(COAP_PROXY_REVERSE, with_code));
  get(0, "11=a");
  px_close();
  open_reverse("no place for a key", HI);
  coap_register_response_handler(px, without_key);
  get(0, "11=a");
  px_close();
  open_reverse("no response handler", HI);
  coap_register_response_handler(px, NULL);
  get(0, "11=a");
  px_close();
  open_reverse("from a resource with a path", HI);
  resource_with(px, "own", 0, COAP_REQUEST_GET, px_request);
  get(0, "11=own 15=q");
  px_close();
}

/* mend repeated: a request that a client repeats is one request (RFC 7252 section 4.5); the reference passes on both. */
static void
repeated(void) {
  open_reverse("a client repeats its request", EMPTY_ACK);
  datagram_t d = request(CON, 1, "aa", "11=a", NULL);
  quiet = 1;
  say_datagram(0, "", &d);
  say_datagram(0, "", &d);
  mend("repeated", "silence", "%s", *at_up ? at_up : "silence");
  later(0, &asked[0], CON, 0x45, "c0", "hi");
  quiet = 0;
  mended_told("repeated", "client0 CON 2.05 token aa Content-Format:0 {hi}");
  px_close();
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  show("-- FORWARD_STRIP");
  bad_uris(COAP_PROXY_FORWARD_STRIP);
  show("-- DIRECT_STRIP");
  bad_uris(COAP_PROXY_DIRECT_STRIP);
  unknown_hosts();
  groups();
  unreachable();
  silent();
  garbage();
  bad_entries();
  odd_handlers();
  repeated();
  coap_cleanup();
  return 0;
}
