/* What the library says of itself and of what secures it: versions, what is supported, log levels, engines, names, sizes,
 * ports. Releases of OpenSSL are not shown: they differ. */
#include "tls.h"

/* mend version-text: the reference decodes OpenSSL 3's number as one of OpenSSL 1.
 * mend endpoint-text: the reference gives NONE for the transport of endpoints that are not for datagrams.
 * mend no-port: the reference knows the ports of UDP and DTLS (RFC 8323 section 8 has those of the others). */

static void
supported(void) {
  show("== supported");
  SHOW(coap_dtls_is_supported());
  SHOW(coap_dtls_psk_is_supported());
  SHOW(coap_dtls_pki_is_supported());
  SHOW(coap_dtls_pkcs11_is_supported());
  SHOW(coap_dtls_rpk_is_supported());
  SHOW(coap_dtls_cid_is_supported());
  SHOW(coap_tls_is_supported());
  SHOW(coap_ws_is_supported());
  SHOW(coap_wss_is_supported());
}

static void
versions(void) {
  coap_tls_version_t *version = coap_get_tls_library_version();
  unsigned long (*number)(void);
  char text[200], wanted[200];
  *(void **)&number = dlsym(RTLD_DEFAULT, "OpenSSL_version_num");
  NEED(number);
  show("== versions");
  show("OpenSSL %d, of this release %d, built for 3 %d, the same pointer %d", version->type == COAP_TLS_LIBRARY_OPENSSL,
       version->version == number(), version->built_version >> 28 == 3, version == coap_get_tls_library_version());
  memset(text, '#', sizeof(text));
  show("returns what it was given %d", coap_string_tls_version(text, sizeof(text)) == text);
  show("begins so: %.32s", text);
  snprintf(wanted, sizeof(wanted), "runtime %lu.%lu.%lu,", number() >> 28, number() >> 20 & 0xff, number() >> 4 & 0xff);
  mend("version-text", wanted, "%.*s", (int)strcspn(strstr(text, "runtime"), ",") + 1, strstr(text, "runtime"));
  for (size_t size = 0; size < 12; size += 3) {
    memset(text, '#', sizeof(text));
    SHOW(coap_string_tls_version(text, size) == text);
    show("in %zu bytes: %.12s", size, text);
    memset(text, '#', sizeof(text));
    SHOW(coap_string_tls_support(text, size) == text);
    show("in %zu bytes: %.12s", size, text);
  }
}

/* ---- the log ---- */

static char line[400];
static coap_log_t line_level;

static void
keep_line(coap_log_t level, const char *message) {
  line_level = level;
  snprintf(line, sizeof(line), "%.*s", (int)strcspn(message, "\n"), message);
}

static void
log_levels(void) {
  static const int levels[] = {COAP_LOG_EMERG, COAP_LOG_WARN, COAP_LOG_DEBUG, COAP_LOG_DTLS_BASE, 99, -1};
  char text[200];
  show("== log");
  show("at first %d", (int)coap_dtls_get_log_level());
  for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
    coap_dtls_set_log_level((coap_log_t)levels[i]);
    show("set %d: %d", levels[i], (int)coap_dtls_get_log_level());
  }
  coap_dtls_set_log_level(COAP_LOG_EMERG);
  coap_set_log_handler(keep_line);
  coap_set_log_level(COAP_LOG_INFO);
  coap_show_tls_version(COAP_LOG_INFO);
  coap_string_tls_version(text, sizeof(text));
  show("shown at %d, the same text %d", (int)line_level, strcmp(text, line) == 0);
  line[0] = 0;
  coap_show_tls_version(COAP_LOG_DEBUG);
  show("below the level: %s", line[0] ? "shown" : "not shown");
  for (int level = COAP_LOG_EMERG; level < COAP_LOG_DTLS_BASE + 9; level++)
    show("%d is %s", level, coap_log_level_desc((coap_log_t)level));
}

/* ---- engines ---- */

static void
configure(const char *text) {
  coap_str_const_t conf = {strlen(text), (const uint8_t *)text};
  line[0] = 0;
  int configured = coap_tls_engine_configure(&conf);
  show("'%.*s': %d, %s", (int)strcspn(text, "\n"), text, configured, line[0] ? "said why" : "silent");
}

static void
engines(void) {
  show("== engines");
  coap_set_log_handler(keep_line);
  coap_set_log_level(COAP_LOG_WARN);
  SHOW(coap_tls_engine_configure(NULL));
  configure("");
  configure("x");
  configure("pre-cmd:LOAD:\n");
  configure("engine:nothere\n");
  configure("engine:dynamic\npre-cmd:SO_PATH:/nothere.so\npre-cmd:LOAD:\nenable-methods:all\n");
  SHOW(coap_tls_engine_remove());
  SHOW(coap_tls_engine_remove());
}

/* ---- sessions and endpoints of each protocol ---- */

static const coap_proto_t protos[] = {COAP_PROTO_UDP, COAP_PROTO_DTLS, COAP_PROTO_TCP,
                                      COAP_PROTO_TLS, COAP_PROTO_WS,   COAP_PROTO_WSS};

static const char *const ports[] = {"5683", "5684", "5683", "5684", "80", "443"};
static const char *const names[] = {"UDP", "DTLS", "TCP", "TLS", "WS", "WSS"};

static void
show_session(const char *how, int proto, coap_session_t *session) {
  coap_tls_library_t library = (coap_tls_library_t)77;
  if (!session) {
    show("%s, %d: NULL", how, proto);
    return;
  }
  void *tls = coap_session_get_tls(session, &library);
  show("%s, %d: %s, proto %d, tls %s of %d, identity %s, key %s, hint %s, size %zu", how, proto,
       state_text(coap_session_get_state(session)), (int)coap_session_get_proto(session), tls ? "something" : "NULL",
       (int)library, coap_session_get_psk_identity(session) ? "something" : "NULL",
       coap_session_get_psk_key(session) ? "something" : "NULL",
       coap_session_get_psk_hint(session) ? "something" : "NULL",
       proto == COAP_PROTO_UDP || proto == COAP_PROTO_DTLS ? coap_session_max_pdu_size(session) : 0);
  coap_session_release(session);
}

static void
of_each_protocol(void) {
  coap_dtls_pki_t setup;
  memset(&setup, 0, sizeof(setup));
  setup.version = COAP_DTLS_PKI_SETUP_VERSION;
  show("== sessions and endpoints");
  tls_begin();
  NEED(coap_context_set_psk(tls_server.context, "h", (const uint8_t *)"k", 1) == 1);
  for (size_t i = 0; i < sizeof(protos) / sizeof(protos[0]); i++) {
    coap_endpoint_t *endpoint = tls_serve(protos[i]);
    const char *text = endpoint ? strchr(coap_endpoint_str(endpoint), ' ') : NULL;
    if (protos[i] <= COAP_PROTO_DTLS)
      show("endpoint %d:%s", (int)protos[i], text ? text : "NULL");
    else
      mend("endpoint-text", names[i], "%s", text ? text + 1 : "NULL");
  }
  tls_end();
  for (size_t i = 0; i < sizeof(protos) / sizeof(protos[0]); i++)
    for (int how = 0; how < 3; how++) {
      /* A context of its own: one of the reference remembers. */
      tls_begin();
      tls_port = 9;
      show_session(how == 0 ? "key" : how == 1 ? "certificates" : "nothing", (int)protos[i],
                   how == 0   ? coap_new_client_session_psk(tls_client.context, NULL, tls_address(), protos[i], "i",
                                                            (const uint8_t *)"k", 1)
                   : how == 1 ? coap_new_client_session_pki(tls_client.context, NULL, tls_address(), protos[i], &setup)
                              : coap_new_client_session(tls_client.context, NULL, tls_address(), protos[i]));
      tls_end();
    }
  tls_begin();
  take(&tls_client);
  tls_port = 0;
  for (size_t i = 0; i < sizeof(protos) / sizeof(protos[0]); i++) {
    coap_session_t *session =
        coap_new_client_session_psk(tls_client.context, NULL, tls_address(), protos[i], "i", (const uint8_t *)"k", 1);
    int port = session ? ntohs(coap_session_get_addr_remote(session)->addr.sin.sin_port) : -1;
    if (protos[i] <= COAP_PROTO_DTLS)
      show("no port, %d: %d", (int)protos[i], port);
    else
      mend("no-port", ports[i], "%d", port);
    if (session)
      coap_session_release(session);
  }
  take(&tls_client);
  tls_end();
}

static void
of_nothing(void) {
  show("== NULL");
  SHOW_PTR(coap_session_get_tls(NULL, NULL));
  SHOW_PTR(coap_session_get_psk_hint(NULL));
  SHOW_PTR(coap_session_get_psk_identity(NULL));
  SHOW_PTR(coap_session_get_psk_key(NULL));
}

static void
structures(void) {
  show("== sizes of structures");
  SHOW(sizeof(coap_dtls_pki_t));
  SHOW(sizeof(coap_dtls_key_t));
  SHOW(sizeof(coap_dtls_cpsk_t));
  SHOW(sizeof(coap_dtls_spsk_t));
  SHOW(sizeof(coap_tls_version_t));
}

int
main(void) {
  supported();
  versions();
  coap_startup();
  log_levels();
  engines();
  of_each_protocol();
  of_nothing();
  structures();
  coap_cleanup();
  return 0;
}
