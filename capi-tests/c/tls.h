/* What test programs share that talk over DTLS, TLS or WSS: a client's and a server's context in one process, and
 * handlers that write down what each side is told. The two sides are written down apart, one line each, since only the
 * order within a side is the same on each run. Certificates are in the folder that $CERTS names; certificates/make
 * says which. */

#ifndef TLS_H
#define TLS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_DEFAULT */
#endif

#include "peer.h"

#include <dlfcn.h>

/* ---- what a side is told ---- */

typedef struct {
  char name;
  coap_context_t *context;
  char line[8192]; /* since the last `tell` */
  size_t length;
  int responses, nacks;
  int sessions;          /* a server's: begun and not ended */
  int connected;         /* handshakes done */
  coap_session_t *peer;  /* a server's: the session last begun, until it ends */
} side_t;

static side_t tls_client = {.name = 'C'}, tls_server = {.name = 'S'};
static uint16_t tls_port;   /* where the server is */
static char tls_setup_log[400]; /* the last line at WARN or above */
static int tls_warnings;        /* how many there were */

UNUSED static const char *
state_text(coap_session_state_t state) {
  static const char *const names[] = {"NONE", "CONNECTING", "HANDSHAKE", "CSM", "ESTABLISHED"};
  return (unsigned int)state < 5 ? names[state] : "?";
}

UNUSED static int
is_up(const coap_session_t *session) {
  return coap_session_get_state(session) == COAP_SESSION_STATE_ESTABLISHED;
}

UNUSED static int
is_down(const coap_session_t *session) {
  return coap_session_get_state(session) == COAP_SESSION_STATE_NONE;
}

UNUSED static const char *
event_text(coap_event_t event) {
  switch (event) {
  case COAP_EVENT_DTLS_CLOSED: return "DTLS_CLOSED";
  case COAP_EVENT_DTLS_CONNECTED: return "DTLS_CONNECTED";
  case COAP_EVENT_DTLS_RENEGOTIATE: return "DTLS_RENEGOTIATE";
  case COAP_EVENT_DTLS_ERROR: return "DTLS_ERROR";
  case COAP_EVENT_TCP_CONNECTED: return "TCP_CONNECTED";
  case COAP_EVENT_TCP_CLOSED: return "TCP_CLOSED";
  case COAP_EVENT_TCP_FAILED: return "TCP_FAILED";
  case COAP_EVENT_SESSION_CONNECTED: return "SESSION_CONNECTED";
  case COAP_EVENT_SESSION_CLOSED: return "SESSION_CLOSED";
  case COAP_EVENT_SESSION_FAILED: return "SESSION_FAILED";
  case COAP_EVENT_SERVER_SESSION_NEW: return "SERVER_SESSION_NEW";
  case COAP_EVENT_SERVER_SESSION_DEL: return "SERVER_SESSION_DEL";
  case COAP_EVENT_BAD_PACKET: return "BAD_PACKET";
  case COAP_EVENT_MSG_RETRANSMITTED: return "MSG_RETRANSMITTED";
  case COAP_EVENT_WS_PACKET_SIZE: return "WS_PACKET_SIZE";
  case COAP_EVENT_WS_CONNECTED: return "WS_CONNECTED";
  case COAP_EVENT_WS_CLOSED: return "WS_CLOSED";
  case COAP_EVENT_KEEPALIVE_FAILURE: return "KEEPALIVE_FAILURE";
  default: return "another event";
  }
}

UNUSED static const char *
nack_text(coap_nack_reason_t reason) {
  static const char *const names[] = {"TOO_MANY_RETRIES", "NOT_DELIVERABLE", "RST",
                                      "TLS_FAILED",       "ICMP_ISSUE",      "BAD_RESPONSE",
                                      "TLS_LAYER_FAILED", "WS_LAYER_FAILED", "WS_FAILED"};
  return (unsigned int)reason < 9 ? names[reason] : "another reason";
}

UNUSED static const char *
proto_text(coap_proto_t proto) {
  return proto == COAP_PROTO_DTLS ? "DTLS" : proto == COAP_PROTO_TLS ? "TLS" : proto == COAP_PROTO_WSS ? "WSS" : "?";
}

UNUSED static side_t *
side_of(const coap_session_t *session) {
  return coap_session_get_context(session) == tls_client.context ? &tls_client : &tls_server;
}

/* Writes something down for a side. */
UNUSED __attribute__((format(printf, 2, 3))) static void
note(side_t *side, const char *format, ...) {
  va_list args;
  va_start(args, format);
  if (side->length > 0)
    side->length += (size_t)snprintf(side->line + side->length, sizeof(side->line) - side->length, ", ");
  NEED(side->length < sizeof(side->line) - 1);
  side->length += (size_t)vsnprintf(side->line + side->length, sizeof(side->line) - side->length, format, args);
  NEED(side->length < sizeof(side->line) - 1);
  va_end(args);
}

/* What was written down for a side, which then is forgotten. */
UNUSED static const char *
take(side_t *side) {
  static char lines[4][sizeof(side->line)];
  static unsigned int next;
  char *line = lines[next++ % 4];
  memcpy(line, side->line, side->length);
  line[side->length] = 0;
  side->length = 0;
  return side->name && *line ? line : "-";
}

/* Prints what both sides were told. */
UNUSED static void
tell(void) {
  show("  C: %s", take(&tls_client));
  show("  S: %s", take(&tls_server));
}

/* The side that found the fault: it is told of it first. */
static const side_t *tls_finder;

static int
tls_on_event(coap_session_t *session, coap_event_t event) {
  side_t *side = side_of(session), *other = side == &tls_client ? &tls_server : &tls_client;
  if (event == COAP_EVENT_DTLS_ERROR && !memmem(other->line, other->length, "DTLS_ERROR", 10))
    tls_finder = side;
  note(side, "%s (%s)", event_text(event), state_text(coap_session_get_state(session)));
  if (event == COAP_EVENT_DTLS_CONNECTED)
    side->connected++;
  if (event == COAP_EVENT_SERVER_SESSION_NEW) {
    side->sessions++;
    side->peer = session;
  }
  if (event == COAP_EVENT_SERVER_SESSION_DEL) {
    side->sessions--;
    if (side->peer == session)
      side->peer = NULL;
  }
  return 0;
}

static void
tls_on_nack(coap_session_t *session, const coap_pdu_t *sent, coap_nack_reason_t reason, coap_mid_t mid) {
  side_t *side = side_of(session);
  const char *what = !sent ? mid ? " mid without message" : ""
                     : coap_pdu_get_mid(sent) == mid || coap_session_get_proto(session) != COAP_PROTO_DTLS
                         ? " of a message"
                         : " of another mid";
  side->nacks++;
  /* mend one-nack: over streams the reference calls the handler again for a session that has ended: tls_ends counts. */
  if (coap_session_get_proto(session) != COAP_PROTO_DTLS && is_down(session) && !sent && side->nacks > 1)
    return;
  note(side, "nack %s%s (%s)", nack_text(reason), what, state_text(coap_session_get_state(session)));
}

static coap_response_t
tls_on_response(coap_session_t *session, const coap_pdu_t *sent UNUSED, const coap_pdu_t *received,
                const coap_mid_t mid UNUSED) {
  side_t *side = side_of(session);
  side->responses++;
  note(side, "%s (%s)", code_text(coap_pdu_get_code(received)), state_text(coap_session_get_state(session)));
  return COAP_RESPONSE_OK;
}

static void
tls_on_get(coap_resource_t *resource UNUSED, coap_session_t *session, const coap_pdu_t *request UNUSED,
           const coap_string_t *query UNUSED, coap_pdu_t *response) {
  note(side_of(session), "GET (%s)", state_text(coap_session_get_state(session)));
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
}

/* Reasons differ from one OpenSSL to the next, so the log is for the reader: with SHOW_LOG in the environment. */
UNUSED static void
tls_on_log(coap_log_t level, const char *message) {
  if (level <= COAP_LOG_WARN) {
    snprintf(tls_setup_log, sizeof(tls_setup_log), "%s", message);
    tls_warnings++;
  }
  if (getenv("SHOW_LOG"))
    show("~ %s %.*s", coap_log_level_desc(level), (int)strcspn(message, "\n"), message);
}

/* ---- the two contexts ---- */

UNUSED static coap_context_t *
tls_context(side_t *side) {
  side->context = coap_new_context(NULL);
  NEED(side->context);
  coap_register_event_handler(side->context, tls_on_event);
  coap_register_nack_handler(side->context, tls_on_nack);
  coap_register_response_handler(side->context, tls_on_response);
  side->length = 0;
  side->responses = side->nacks = side->sessions = side->connected = 0;
  side->peer = NULL;
  return side->context;
}

/* Makes both contexts; the server has a resource `r`. */
UNUSED static void
tls_begin(void) {
  coap_set_log_handler(tls_on_log);
  coap_set_log_level(getenv("SHOW_LOG") ? COAP_LOG_DEBUG : COAP_LOG_WARN);
  tls_context(&tls_client);
  tls_context(&tls_server);
  resource_with(tls_server.context, "r", 0, COAP_REQUEST_GET, tls_on_get);
  tls_port = 0;
  tls_warnings = 0;
}

/* One turn of both loops, and a wait for the next reason to turn, of a millisecond at most. */
UNUSED static void
both_turn(void) {
  struct pollfd ready[2] = {{-1, POLLIN, 0}, {-1, POLLIN, 0}};
  if (tls_client.context) {
    coap_io_process(tls_client.context, COAP_IO_NO_WAIT);
    ready[0].fd = coap_context_get_coap_fd(tls_client.context);
  }
  if (tls_server.context) {
    coap_io_process(tls_server.context, COAP_IO_NO_WAIT);
    ready[1].fd = coap_context_get_coap_fd(tls_server.context);
  }
  poll(ready, 2, 1);
}

/* Both loops in turn, until `condition` holds, at most `limit` ms. */
#define BOTH_UNTIL(condition, limit)                                                               \
  do {                                                                                             \
    int64_t both_end_ = now_ms() + (limit);                                                        \
    while (!(condition) && now_ms() < both_end_)                                                   \
      both_turn();                                                                                 \
  } while (0)

/* Both loops, for things that must not happen. */
#define BOTH_FOR(span) BOTH_UNTIL(0, span)

UNUSED static void
tls_free(side_t *side) {
  if (side->context)
    coap_free_context(side->context);
  side->context = NULL;
}

/* Frees both contexts. */
UNUSED static void
tls_end(void) {
  tls_free(&tls_client);
  tls_free(&tls_server);
}

/* Adds an endpoint on 127.0.0.1, whose port is then `tls_port`. NULL without a set-up. */
UNUSED static coap_endpoint_t *
tls_serve(coap_proto_t proto) {
  coap_endpoint_t *endpoint = NULL;
  for (int attempt = 0; !endpoint && attempt < 3; attempt++) {
    tls_port = free_port();
    coap_address_t address = loopback(tls_port);
    endpoint = coap_new_endpoint(tls_server.context, &address, proto);
  }
  return endpoint;
}

/* Where the server is. */
UNUSED static const coap_address_t *
tls_address(void) {
  static coap_address_t address;
  address = loopback(tls_port);
  return &address;
}

/* ---- keys ---- */

#define BIN(text)                                                                                  \
  (coap_bin_const_t) { strlen(text), (const uint8_t *)(text) }

/* What a server with a pre-shared key is set up by. */
UNUSED static coap_dtls_spsk_t
psk_of_server(void) {
  coap_dtls_spsk_t setup;
  memset(&setup, 0, sizeof(setup));
  setup.version = COAP_DTLS_SPSK_SETUP_VERSION;
  setup.psk_info.hint = BIN("hint");
  setup.psk_info.key = BIN("secret");
  return setup;
}

/* The same of a client. */
UNUSED static coap_dtls_cpsk_t
psk_of_client(const char *identity, const char *key) {
  coap_dtls_cpsk_t setup;
  memset(&setup, 0, sizeof(setup));
  setup.version = COAP_DTLS_CPSK_SETUP_VERSION;
  setup.psk_info.identity = BIN(identity);
  setup.psk_info.key = BIN(key);
  return setup;
}

/* A server with the hint `hint` and the key `secret`. */
UNUSED static coap_endpoint_t *
psk_server(coap_proto_t proto) {
  coap_endpoint_t *endpoint;
  NEED(coap_context_set_psk(tls_server.context, "hint", (const uint8_t *)"secret", 6) == 1);
  endpoint = tls_serve(proto);
  NEED(endpoint);
  return endpoint;
}

/* A client of it: `me`. */
UNUSED static coap_session_t *
psk_client(coap_proto_t proto) {
  coap_session_t *session = coap_new_client_session_psk(tls_client.context, NULL, tls_address(), proto, "me",
                                                        (const uint8_t *)"secret", 6);
  NEED(session);
  if (proto == COAP_PROTO_WSS)
    NEED(coap_ws_set_host_request(session, coap_make_str_const("localhost")));
  return session;
}

/* The path of a file in $CERTS, in one of 64 buffers of the thread; NULL of NULL. */
UNUSED static const char *
cert(const char *name) {
  static _Thread_local char paths[64][300];
  static _Thread_local unsigned int next;
  const char *folder = getenv("CERTS");
  char *path = paths[next++ % 64];
  NEED(folder);
  if (!name)
    return NULL;
  snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
  return path;
}

/* Has engines find the token of the tests, and no other. */
UNUSED static void
use_token(void) {
  setenv("SOFTHSM2_CONF", cert("softhsm.conf"), 1);
  setenv("PKCS11_MODULE_PATH", cert("softhsm.so"), 1);
}

/* PEM files, by their names; NULL is none. */
UNUSED static coap_dtls_key_t
pem(const char *ca, const char *public_cert, const char *private_key) {
  coap_dtls_key_t key;
  memset(&key, 0, sizeof(key));
  key.key_type = COAP_PKI_KEY_PEM;
  key.key.pem.ca_file = cert(ca);
  key.key.pem.public_cert = cert(public_cert);
  key.key.pem.private_key = cert(private_key);
  return key;
}

/* The PEM files NAME.pem and NAME.key, and `ca`. */
UNUSED static coap_dtls_key_t
pem_of(const char *name) {
  char public_cert[80], private_key[80];
  snprintf(public_cert, sizeof(public_cert), "%s.pem", name);
  snprintf(private_key, sizeof(private_key), "%s.key", name);
  return pem("ca.pem", public_cert, private_key);
}

/* A set-up that verifies the peer, against the authorities of the context. */
UNUSED static coap_dtls_pki_t
pki(const char *name) {
  coap_dtls_pki_t setup;
  memset(&setup, 0, sizeof(setup));
  setup.version = COAP_DTLS_PKI_SETUP_VERSION;
  setup.verify_peer_cert = 1;
  setup.pki_key = pem_of(name);
  return setup;
}

/* What is in a file of $CERTS, with a NUL behind it, in one of 32 buffers. */
UNUSED static const uint8_t *
contents(const char *name, size_t *length) {
  static uint8_t buffers[32][8192];
  static unsigned int next;
  uint8_t *buffer = buffers[next++ % 32];
  FILE *file = fopen(cert(name), "rb");
  NEED(file);
  *length = fread(buffer, 1, sizeof(buffers[0]) - 1, file);
  buffer[*length] = 0;
  fclose(file);
  return buffer;
}

/* PEM in memory, without the NUL or with it; NULL is none. */
UNUSED static coap_dtls_key_t
pem_buffers(const char *ca, const char *public_cert, const char *private_key, int with_nul) {
  coap_dtls_key_t key;
  coap_pki_key_pem_buf_t *buf = &key.key.pem_buf;
  memset(&key, 0, sizeof(key));
  key.key_type = COAP_PKI_KEY_PEM_BUF;
  if (ca) {
    buf->ca_cert = contents(ca, &buf->ca_cert_len);
    buf->ca_cert_len += (size_t)with_nul;
  }
  if (public_cert) {
    buf->public_cert = contents(public_cert, &buf->public_cert_len);
    buf->public_cert_len += (size_t)with_nul;
  }
  if (private_key) {
    buf->private_key = contents(private_key, &buf->private_key_len);
    buf->private_key_len += (size_t)with_nul;
  }
  return key;
}

/* DER in memory. */
UNUSED static coap_dtls_key_t
asn1(const char *ca, const char *public_cert, const char *private_key, coap_asn1_privatekey_type_t type) {
  coap_dtls_key_t key;
  coap_pki_key_asn1_t *der = &key.key.asn1;
  memset(&key, 0, sizeof(key));
  key.key_type = COAP_PKI_KEY_ASN1;
  if (ca)
    der->ca_cert = contents(ca, &der->ca_cert_len);
  if (public_cert)
    der->public_cert = contents(public_cert, &der->public_cert_len);
  if (private_key)
    der->private_key = contents(private_key, &der->private_key_len);
  der->private_key_type = type;
  return key;
}

/* One of the three parts of COAP_PKI_KEY_DEFINE. */
UNUSED static coap_const_char_ptr_t
part(coap_pki_define_t kind, const char *name, size_t *length) {
  coap_const_char_ptr_t value = {.s_byte = NULL};
  if (!name)
    return value;
  if (kind == COAP_PKI_KEY_DEF_PEM_BUF || kind == COAP_PKI_KEY_DEF_DER_BUF || kind == COAP_PKI_KEY_DEF_RPK_BUF)
    value.u_byte = contents(name, length);
  else
    value.s_byte = strncmp(name, "pkcs11:", 7) == 0 ? name : cert(name);
  return value;
}

/* The form that says for each part what it is; the key is an elliptic one. */
UNUSED static coap_dtls_key_t
define(coap_pki_define_t ca_kind, const char *ca, coap_pki_define_t cert_kind, const char *public_cert,
       coap_pki_define_t key_kind, const char *private_key) {
  coap_dtls_key_t key;
  coap_pki_key_define_t *def = &key.key.define;
  memset(&key, 0, sizeof(key));
  key.key_type = COAP_PKI_KEY_DEFINE;
  def->ca = part(ca_kind, ca, &def->ca_len);
  def->public_cert = part(cert_kind, public_cert, &def->public_cert_len);
  def->private_key = part(key_kind, private_key, &def->private_key_len);
  def->ca_def = ca_kind;
  def->public_cert_def = cert_kind;
  def->private_key_def = key_kind;
  def->private_key_type = COAP_ASN1_PKEY_EC;
  return key;
}

/* ---- talking ---- */

/* Sends a GET of `r`, which needs a session that is connected, or one of DTLS. */
UNUSED static int
tls_get(coap_session_t *session, const char *token) {
  coap_pdu_t *pdu = request_for(session, COAP_MESSAGE_CON, COAP_REQUEST_GET, "r", token);
  return coap_send(session, pdu) != COAP_INVALID_MID;
}

/* Waits for a client's handshake, and then asks something: 1 when there was an answer. When there will be none, waits
 * until the server has forgotten the client. */
UNUSED static int
tls_talk(coap_session_t *session) {
  int before = tls_client.responses;
  BOTH_UNTIL(is_up(session) || is_down(session), 5000);
  if (is_up(session) && tls_get(session, "t"))
    BOTH_UNTIL(tls_client.responses > before || is_down(session), 3000);
  if (is_down(session))
    BOTH_UNTIL(tls_server.sessions == 0, 3000);
  return tls_client.responses > before;
}

/* Releases a client's session and waits until the server knows. */
UNUSED static void
tls_leave(coap_session_t *session) {
  /* mend wss-close: see wss_both.c */
  int never_knows = on_reference() && coap_session_get_proto(session) == COAP_PROTO_WSS;
  coap_session_release(session);
  BOTH_UNTIL(tls_server.sessions == 0, never_knows ? 100 : 3000);
}

/* ---- a scene: a server and a client with certificates ---- */

typedef struct {
  coap_proto_t proto;
  const char *server_roots, *client_roots; /* for coap_context_set_pki_root_cas; NULL is none */
  coap_dtls_pki_t server, client;
} scene_t;

/* Two that trust `ca`, and verify each other. */
UNUSED static scene_t
good_scene(coap_proto_t proto) {
  return (scene_t){proto, "ca.pem", "ca.pem", pki("server"), pki("client")};
}

/* Plays it: the handshake, a GET, and the end. What both sides were told up to the answer is left to `take`. */
UNUSED static int
play(const scene_t *scene) {
  coap_session_t *session;
  int answered;
  static char lines[2][sizeof(tls_client.line)];
  tls_begin();
  if (scene->server_roots)
    NEED(coap_context_set_pki_root_cas(tls_server.context, cert(scene->server_roots), NULL) == 1);
  if (scene->client_roots)
    NEED(coap_context_set_pki_root_cas(tls_client.context, cert(scene->client_roots), NULL) == 1);
  if (coap_context_set_pki(tls_server.context, &scene->server) != 1 || !tls_serve(scene->proto)) {
    note(&tls_server, "no set-up");
    tls_end();
    return 0;
  }
  session = coap_new_client_session_pki(tls_client.context, NULL, tls_address(), scene->proto,
                                        (coap_dtls_pki_t *)&scene->client);
  if (!session) {
    note(&tls_client, "no session");
    tls_end();
    return 0;
  }
  if (scene->proto == COAP_PROTO_WSS)
    NEED(coap_ws_set_host_request(session, coap_make_str_const("localhost")));
  answered = tls_talk(session);
  strcpy(lines[0], take(&tls_client));
  strcpy(lines[1], take(&tls_server));
  tls_leave(session);
  tls_end();
  tls_client.length = tls_server.length = 0;
  note(&tls_client, "%s", lines[0]);
  note(&tls_server, "%s", lines[1]);
  return answered;
}

#define NEW_ "SERVER_SESSION_NEW (NONE), "
#define TCP_ "TCP_CONNECTED (CONNECTING), "
#define TCP_NEW_ "TCP_CONNECTED (NONE), SERVER_SESSION_NEW (NONE), "
#define UP_ "DTLS_CONNECTED (HANDSHAKE), "
#define CSM_ "SESSION_CONNECTED (CSM), "
#define FAILED_ "nack TLS_FAILED (HANDSHAKE), "
#define ERROR_ "DTLS_ERROR (HANDSHAKE), " FAILED_
#define CLOSED_ "DTLS_CLOSED (NONE)"
#define TCP_CLOSED_ "TCP_CLOSED (NONE), SESSION_FAILED (NONE), "
#define DEL_ "SERVER_SESSION_DEL (NONE)"

/* What came of a scene, in a few words where both sides were told exactly what they are always told then. Otherwise what
 * they were told. */
UNUSED static const char *
outcome(void) {
  static const struct {
    const char *words, *client, *server;
    const side_t *finder; /* NULL if it does not matter */
  } known[] = {
      {"accepted", UP_ "2.05 (ESTABLISHED)", NEW_ UP_ "GET (ESTABLISHED)", NULL},
      {"the server refuses", ERROR_ CLOSED_, NEW_ ERROR_ CLOSED_ ", " DEL_, &tls_server},
      {"the client refuses", ERROR_ CLOSED_, NEW_ ERROR_ CLOSED_ ", " DEL_, &tls_client},
      {"nothing in common", ERROR_ CLOSED_, NEW_ "nack TLS_LAYER_FAILED (HANDSHAKE), " DEL_, NULL},
      {"accepted", TCP_ UP_ CSM_ "2.05 (ESTABLISHED)", TCP_NEW_ UP_ CSM_ "GET (ESTABLISHED)", NULL},
      /* RFC 8446: a client is done before the server has seen its certificate. */
      {"the server refuses", TCP_ UP_ "DTLS_ERROR (CSM), nack TLS_FAILED (CSM), " TCP_CLOSED_ CLOSED_,
       TCP_NEW_ ERROR_ TCP_CLOSED_ CLOSED_ ", " DEL_, &tls_server},
      {"the client refuses", TCP_ ERROR_ TCP_CLOSED_ CLOSED_, TCP_NEW_ ERROR_ TCP_CLOSED_ CLOSED_ ", " DEL_,
       &tls_client},
      {"nothing in common", TCP_ ERROR_ TCP_CLOSED_ CLOSED_,
       TCP_NEW_ "nack TLS_LAYER_FAILED (HANDSHAKE), " TCP_CLOSED_ DEL_, NULL},
      {"no set-up", "-", "no set-up", NULL},
      {"no session", "no session", "-", NULL},
  };
  static char raw[2 * sizeof(tls_client.line) + 20];
  const char *client = take(&tls_client), *server = take(&tls_server);
  for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
    if (strcmp(client, known[i].client) == 0 && strcmp(server, known[i].server) == 0 &&
        (!known[i].finder || known[i].finder == tls_finder))
      return known[i].words;
  snprintf(raw, sizeof(raw), "C: %s; S: %s", client, server);
  return raw;
}

/* A scene whose outcome is meant to differ. */
UNUSED static void
mend_scene(const char *topic, const char *name, const char *wanted) {
  char line[200];
  snprintf(line, sizeof(line), "%s: %s", name, wanted);
  mend(topic, line, "%s: %s", name, outcome());
}

#endif
