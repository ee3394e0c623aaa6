/* What goes upstream, and what comes back, in each mode of a proxy's list of servers. */
#include "proxy.h"

static const struct {
  coap_proxy_t type;
  const char *name;
} modes[] = {{COAP_PROXY_REVERSE, "REVERSE"},
             {COAP_PROXY_REVERSE_STRIP, "REVERSE_STRIP"},
             {COAP_PROXY_FORWARD, "FORWARD"},
             {COAP_PROXY_FORWARD_STRIP, "FORWARD_STRIP"},
             {COAP_PROXY_DIRECT, "DIRECT"},
             {COAP_PROXY_DIRECT_STRIP, "DIRECT_STRIP"}};

/* All kinds of requests, with what names the server behind the path. */
static void
requests(const char *suffix) {
  char o[200];
#define WITH(options) (snprintf(o, sizeof(o), "%s%s%s", options, *suffix ? " " : "", suffix), o)
  say(0, CON, 1, "aa", WITH("11=a 11=b"), NULL);
  say(0, NON, 1, "0102", WITH("11=a"), NULL);
  say(0, CON, 1, "", WITH("11=a"), NULL);
  say(0, CON, 2, "0102030405060708", WITH("11=a 12#"), "body");
  say(0, CON, 3, "aa", WITH("11=a 12#32"), "body");
  say(0, CON, 4, "aa", WITH("11=a"), NULL);
  say(0, CON, 5, "aa", WITH("11=a 12#32"), "body");
  say(0, CON, 6, "aa", WITH("11=a 12#32"), "body");
  say(0, CON, 7, "aa", WITH("11=a 12#32"), "body");
}

/* Options that a proxy passes, changes or refuses. */
static void
options(void) {
  get(0, "11=a 15=x=1 15=y");
  say(0, CON, 3, "aa", "1#0a0b 4#0102 5# 11=a 14#0a 17#32", "body");
  get(0, "11=a 252#01020304");
  get(0, "11=a 292#01020304");
  get(0, "3=some.where 7=$1 11=a");
  get(0, "11=a 65000#01");
  get(0, "11=a 65052#01");
  get(0, "11=a 65003#01");
}

/* Hop-Limit (RFC 8768): it is one less at each proxy, and the request ends where it would be 0. */
static void
hops(void) {
  get(0, "11=a 16#ff");
  get(0, "11=a 16#02");
  get(0, "11=a 16#01");
  say(0, NON, 1, "aa", "11=a 16#01", NULL);
  get(0, "11=a 16#00");
  get(0, "11=a 16#");
  get(0, "11=a 16#0110");
}

static void
reverse(void) {
  show("-- REVERSE");
  show_handlers = 1;
  px_open(COAP_PROXY_REVERSE, 1, 0);
  requests("");
  px_close();
  show_handlers = 0;
  px_open(COAP_PROXY_REVERSE, 1, 0);
  options();
  hops();
  /* mend safe-to-forward: a critical option that a proxy does not know but that is safe to forward must be forwarded
   * (RFC 7252 section 5.7.1); the reference answers 4.02. */
  mended("safe-to-forward", "up0 CON 0.01 Uri-Path:\"a\" 65001:01", CON, 1, "11=a 65001#01", NULL);
  /* mend unsafe: an elective option that a proxy does not know and that is not safe to forward must lead to 4.02 (RFC 7252
   * section 5.7.1); the reference forwards it. */
  mended("unsafe", "client0 ACK 4.02 token aa 65002:01", CON, 1, "11=a 65002#01", NULL);
  /* mend oscore: what is protected end to end passes a proxy as it is (RFC 8613 section 10); the reference answers 4.02, or
   * nothing. */
  mended("oscore", "up0 CON 0.02 OSCORE:0900 Uri-Path:\"a\" {cipher}", CON, 2, "9#0900 11=a", "cipher");
  /* mend no-response: a client that wants no response gets none (RFC 7967 section 2); the reference sends it one. */
  quiet = 1;
  say(0, NON, 3, "aa", "11=a 258#1a", "body");
  quiet = 0;
  mended_asked("no-response", "up0 NON 0.03 Uri-Path:\"a\" No-Response:1a {body}");
  mended_told("no-response", "silence");
  px_close();
}

/* A reverse proxy that strips what names a proxy.
 * mend reverse-strip: without Proxy-Uri and Proxy-Scheme there is nothing to strip, and the request goes to the server of the
 * list; the reference answers 4.04. */
static void
reverse_strip(void) {
  show("-- REVERSE_STRIP");
  px_open(COAP_PROXY_REVERSE_STRIP, 1, 0);
  mended("reverse-strip", "up0 CON 0.01 Uri-Path:\"a\" Uri-Query:\"q\"", CON, 1, "11=a 15=q", NULL);
  mended("reverse-strip", "up0 NON 0.03 Uri-Path:\"a\" Content-Format:50 {body}", NON, 3, "11=a 12#32", "body");
  mended("reverse-strip", "up0 CON 0.05 Uri-Path:\"a\" Content-Format:50 Hop-Limit:4 {sel}", CON, 5, "11=a 12#32 16#05", "sel");
  px_close();
}

/* The modes that pass on what the client says of the server, to the server of the list. */
static void
unstripped(size_t mode) {
  show("-- %s", modes[mode].name);
  px_open(modes[mode].type, 1, 0);
  list.entry[0] = entry_for(up[1].port, COAP_URI_SCHEME_COAP); /* the requests name the first */
  requests("35=coap://127.0.0.1:$0/p");
  get(0, "3=127.0.0.1 7=$0 11=a 15=q 39=coap");
  get(0, "3=name.example 11=a 39=coap+tcp");
  get(0, "3=h 11=p 15=q 35=coap://127.0.0.1:$0/a/b?x=1");
  get(0, "16#10 35=coap://127.0.0.1:$0/a%20b?x=%26");
  get(0, "16#01 35=coap://127.0.0.1:$0/a");
  get(0, "35=coap://127.0.0.1:$0/a 65001#01");
  get(0, "35=coap://127.0.0.1:$0/a 65003#01");
  get(0, "35=coap://127.0.0.1:$0/a 39=coap");
  get(0, "3=127.0.0.1 11=a");
  mended("unsafe", "client0 CON 4.02 token aa 65002:01", CON, 1, "35=coap://127.0.0.1:$0/a 65002#01", NULL);
  /* mend hop-limit: where the client names the server, it might name the proxy. So a request gets a Hop-Limit if it has none
   * (RFC 8768 section 3); with the reference it goes round without end. */
  quiet = 1;
  get(0, "35=coap://127.0.0.1:$0/a");
  quiet = 0;
  mend("hop-limit", "16", "%ld", find_option(&asked[1], COAP_OPTION_HOP_LIMIT));
  px_close();
}

/* The modes that go to the server that the client names, and say to it what they would say without a proxy. */
static void
stripped(size_t mode) {
  show("-- %s", modes[mode].name);
  px_open(modes[mode].type, 1, 0);
  list.entry[0] = entry_for(up[1].port, COAP_URI_SCHEME_COAP);
  say(0, CON, 1, "aa", "35=coap://127.0.0.1:$0/a/b?x=1&y", NULL);
  say(0, NON, 1, "0102", "35=coap://127.0.0.1:$0/a", NULL);
  say(0, CON, 3, "aa", "12#32 35=coap://127.0.0.1:$0/a", "body");
  say(0, CON, 5, "aa", "12#32 35=coap://127.0.0.1:$0/a", "body");
  say(0, CON, 7, "aa", "12#32 35=coap://127.0.0.1:$0/a", "body");
  say(0, CON, 4, "aa", "35=coap://127.0.0.1:$2/a", NULL);
  get(0, "16#10 35=coap://127.0.0.1:$0/a");
  get(0, "16#01 35=coap://127.0.0.1:$0/a");
  get(0, "35=coap://127.0.0.1:$0/a 65001#01");
  get(0, "35=coap://127.0.0.1:$0/a 65003#01");
  get(0, "35=coap://127.0.0.1:$0/a 39=coap");
  get(0, "3=127.0.0.1 11=a");
  mended("unsafe", "client0 CON 4.02 token aa 65002:01", CON, 1, "35=coap://127.0.0.1:$0/a 65002#01", NULL);
  px_close();
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  reverse();
  reverse_strip();
  unstripped(2);
  stripped(3);
  unstripped(4);
  stripped(5);
  coap_cleanup();
  return 0;
}
