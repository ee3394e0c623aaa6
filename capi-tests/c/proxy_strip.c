/* What the modes that strip make of a URI: where they go, and what they say there. */
#include "proxy.h"

/* Where a URI leads, and what is said there. */
static void
uris(void) {
  get(0, "35=coap://localhost:$0/a/b?q");
  get(0, "35=coap://LOCALHOST:$0/a");
  get(0, "35=coap://localhost:$0");
  get(0, "35=coap://localhost:$0/");
  get(0, "35=coap://localhost:$0/a/");
  get(0, "35=coap://localhost:$0//a//b");
  get(0, "35=coap://localhost:$0/?x");
  get(0, "35=coap://localhost:$0?x");
  get(0, "35=coap://127.0.0.1:$0/a%20b/c%2Fd?x=%26");
  get(0, "35=coap://127.0.0.1:$0/%C3%A4?k=v&k=w");
  get(0, "35=coap://127.0.0.1:$2/a#fragment");
  say(0, CON, 3, "aa", "1#0a 5# 12#32 14#0a 17#32 35=coap://localhost:$0/a 60#04 252#0102 65000#01", "body");
  say(0, NON, 3, "aa", "12#32 35=coap://localhost:$1/a", "body");
  /* mend scheme-case: schemes are the same in upper case (RFC 3986 section 3.1); the reference answers 5.05. */
  mended("scheme-case", "up0 CON 0.01 Uri-Host:\"localhost\" Uri-Port:U0 Uri-Path:\"a\"", CON, 1,
         "35=COAP://localhost:$0/a", NULL);
  /* mend proxy-uri: it takes precedence over Uri-Host, Uri-Port, Uri-Path and Uri-Query (RFC 7252 section 5.10.2), and
   * nothing that stands behind them is lost; the reference adds their values, or drops all that follows. */
  mended("proxy-uri", "up0 CON 0.01 Uri-Host:\"localhost\" Uri-Port:U0 Uri-Path:\"a\" Uri-Query:\"x\"", CON, 1,
         "11=z 15=w 35=coap://localhost:$0/a?x", NULL);
  mended("proxy-uri", "up0 CON 0.03 Uri-Port:U0 Uri-Path:\"a\" Content-Format:50 Hop-Limit:15 65000:01 {body}", CON, 3,
         "3=h 7=$1 11=z 12#32 15=w 16#10 35=coap://127.0.0.1:$0/a 65000#01", "body");
  mended("proxy-uri", "up0 CON 0.01 Uri-Host:\"localhost\" Uri-Port:U0 Uri-Path:\"a\" Uri-Query:\"x\" 65000:01", CON, 1,
         "3=h 7=$0 35=coap://localhost:$0/a?x 65000#01", NULL);
}

/* mend proxy-scheme: of a request with Proxy-Scheme, Uri-Host and Uri-Port, the server is told the same as without a proxy:
 * path, query and what else there is once, and all of it. The reference loses what follows Uri-Host or Uri-Port, or says the
 * path twice. */
static void
schemes(void) {
  mended("proxy-scheme", "up0 CON 0.01 Uri-Host:\"localhost\" Uri-Port:U0 Uri-Path:\"a\" Uri-Query:\"q\"", CON, 1,
         "3=localhost 7=$0 11=a 15=q 39=coap", NULL);
  mended("proxy-scheme",
         "up0 CON 0.03 If-Match:0a Uri-Host:\"localhost\" ETag:0102 Uri-Port:U0 Uri-Path:\"a\" Uri-Path:\"b\" "
         "Content-Format:50 Uri-Query:\"q\" Hop-Limit:15 65000:01 {body}",
         CON, 3, "1#0a 3=localhost 4#0102 7=$0 11=a 11=b 12#32 15=q 16#10 39=coap 65000#01", "body");
  mended("proxy-scheme", "up2 NON 0.01 Uri-Port:U2 Uri-Path:\"a\"", NON, 1, "3=127.0.0.1 7=$2 11=a 39=coap", NULL);
  mended("proxy-scheme", "up0 CON 0.01 Uri-Port:U0 Uri-Path:\"a\"", CON, 1, "3=127.0.0.1 7=$0 11=a 39=COAP", NULL);
  get(0, "7=$0 11=a 39=coap");
  get(0, "3=localhost 11=a 39=foo");
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  for (int i = 0; i < 2; i++) {
    show("-- %s", i ? "DIRECT_STRIP" : "FORWARD_STRIP");
    px_open(i ? COAP_PROXY_DIRECT_STRIP : COAP_PROXY_FORWARD_STRIP, 1, 0);
    list.entry[0] = entry_for(up[1].port, COAP_URI_SCHEME_COAP); /* it is not asked */
    uris();
    schemes();
    px_close();
  }
  show("-- REVERSE_STRIP");
  px_open(COAP_PROXY_REVERSE_STRIP, 1, 0);
  coap_add_resource(px, px_resource(COAP_PROXY_FORWARD, px_request));
  get(0, "35=coap://localhost:$1/a?q");
  get(0, "35=coap://127.0.0.1:$0/a?q");
  px_close();
  coap_cleanup();
  return 0;
}
