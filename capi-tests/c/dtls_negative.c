/* What must never be accepted, over DTLS and over TLS, by a server and by a client. A check that is skipped would pass
 * every other test. */
#include "tls.h"

/* mend depth: the reference counts one too many on the client's side, and does not count on the server's.
 * mend common-ca: with check_common_ca the reference accepts what any authority has signed that it trusts.
 * mend revoked-authority: the reference looks up the last certificate of a chain in the lists, and not those between.
 * mend host-name: the reference sends client_sni to the server, and takes the certificate of any other. Ours compares it,
 *   unless validate_cn_call_back does.
 * mend own-trust: the reference trusts an authority for all sessions of a context that was named for one. */

static void
depth_0(coap_dtls_pki_t *setup) {
  setup->cert_chain_validation = 1;
}

static void
revocation(coap_dtls_pki_t *setup) {
  setup->check_cert_revocation = 1;
}

static void
revocation_no_crl(coap_dtls_pki_t *setup) {
  setup->check_cert_revocation = setup->allow_no_crl = 1;
}

static void
common_ca(coap_dtls_pki_t *setup) {
  setup->check_common_ca = 1;
}

/* All that is allowed together does not allow what none of it is about. */
static void
all_allowed(coap_dtls_pki_t *setup) {
  setup->allow_self_signed = setup->allow_expired_certs = setup->allow_no_crl = setup->allow_expired_crl = 1;
  setup->allow_bad_md_hash = setup->allow_short_rsa_length = 1;
}

static const struct {
  const char *name;
  const char *peer, *key;
  const char *roots;
  void (*flags)(coap_dtls_pki_t *setup);
  const char *mended;
} cases[] = {
    {"of another authority", "foreign.pem", "foreign.key", "ca.pem", NULL, NULL},
    {"of another authority, all allowed", "foreign.pem", "foreign.key", "ca.pem", all_allowed, NULL},
    {"of an authority with the same name", "faked.pem", "faked.key", "ca.pem", NULL, NULL},
    {"of an authority with the same name, all allowed", "faked.pem", "faked.key", "ca.pem", all_allowed, NULL},
    {"signed by one that is no authority", "rogue.pem", "rogue.key", "ca.pem", NULL, NULL},
    {"signed by one that is no authority, sent with it", "roguechain.pem", "rogue.key", "ca.pem", NULL, NULL},
    {"the same, all allowed", "roguechain.pem", "rogue.key", "ca.pem", all_allowed, NULL},
    {"self-signed", "selfsigned.pem", "selfsigned.key", "ca.pem", NULL, NULL},
    {"expired", "expired.pem", "expired.key", "ca.pem", NULL, NULL},
    {"not yet valid", "early.pem", "early.key", "ca.pem", NULL, NULL},
    {"the authority between is missing", "deep1.pem", "deep1.key", "ca.pem", NULL, NULL},
    {"too deep", "chain1.pem", "deep1.key", "subs.pem", depth_0, "depth"},
    {"no list of the revoked", "client.pem", "client.key", "ca.pem", revocation, NULL},
    {"an old list of the revoked", "client.pem", "client.key", "ca_crlold.pem", revocation, NULL},
    {"revoked", "revoked.pem", "revoked.key", "ca_crl.pem", revocation, NULL},
    {"revoked, all allowed", "revoked.pem", "revoked.key", "ca_crl.pem", revocation_no_crl, NULL},
    {"an authority between is revoked", "chain3.pem", "deep3.key", "ca_crl.pem", revocation, NULL},
    {"an authority between is revoked, no list of it", "chain3.pem", "deep3.key", "sub3_crl.pem", revocation_no_crl,
     "revoked-authority"},
    {"not of the common authority", "foreign.pem", "foreign.key", "both.pem", common_ca, "common-ca"},
    {"nobody trusted", "client.pem", "client.key", NULL, NULL, NULL},
};

static void
refused(coap_proto_t proto, int server_verifies, size_t i) {
  scene_t scene = good_scene(proto);
  coap_dtls_pki_t *verifier = server_verifies ? &scene.server : &scene.client;
  coap_dtls_pki_t *holder = server_verifies ? &scene.client : &scene.server;
  holder->verify_peer_cert = 0;
  holder->pki_key = pem("ca.pem", cases[i].peer, cases[i].key);
  *(server_verifies ? &scene.server_roots : &scene.client_roots) = cases[i].roots;
  if (cases[i].flags)
    cases[i].flags(verifier);
  play(&scene);
  if (cases[i].mended)
    mend_scene(cases[i].mended, cases[i].name, server_verifies ? "the server refuses" : "the client refuses");
  else
    show("%s: %s", cases[i].name, outcome());
}

/* A certificate for clients only is none for a server, and the other way round. */
static void
purposes(coap_proto_t proto) {
  scene_t scene = good_scene(proto);
  show("== %s: certificates for the other side", proto_text(proto));
  scene.client.pki_key = pem_of("serveronly");
  play(&scene);
  show("a client with a server's: %s", outcome());
  scene = good_scene(proto);
  scene.server.pki_key = pem_of("clientonly");
  play(&scene);
  show("a server with a client's: %s", outcome());
  scene = good_scene(proto);
  scene.client.pki_key = pem("ca.pem", NULL, NULL);
  play(&scene);
  show("a client without any: %s", outcome());
}

/* ---- names ---- */

static int
only_localhost(const char *cn, const uint8_t *der UNUSED, size_t length UNUSED, coap_session_t *session UNUSED,
               unsigned int depth, int validated UNUSED, void *arg UNUSED) {
  return depth > 0 || (cn && strcmp(cn, "localhost") == 0);
}

static coap_dtls_key_t *
certificate_for(const char *sni, void *arg) {
  static coap_dtls_key_t key;
  note(&tls_server, "asked for '%s'", sni);
  if (strcmp(sni, "refused.example") == 0)
    return NULL;
  key = pem_of(arg);
  return &key;
}

/* A client that names the server it wants. */
static void
host_names(coap_proto_t proto) {
  static const struct {
    const char *wanted, *server;
    int is_other;
  } hosts[] = {
      {"localhost", "server", 0},
      {"server.example", "server", 0},
      {"LocalHost", "server", 0},
      {"127.0.0.1", "server", 0}, /* is not looked at */
      {"::1", "server", 0},
      {"rsa.example", "rsa2048", 0}, /* the common name: there is no alternative one */
      {"a.wild.example", "wild", 0},
      {"elsewhere.example", "server", 1},
      {"localhost.example", "server", 1},
      {"example", "server", 1},
      {"localhost", "wrong", 1},
      {"cn.example", "names", 1}, /* a common name beside alternative ones is none (RFC 6125 section 6.4.4) */
      {"a.b.wild.example", "wild", 1},
      {"wild.example", "wild", 1},
      {"localhost", "nocn", 1},
  };
  show("== %s: the name of the server", proto_text(proto));
  for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
    scene_t scene = good_scene(proto);
    char name[40];
    snprintf(name, sizeof(name), "%s", hosts[i].wanted);
    scene.client.client_sni = name;
    scene.server.pki_key = pem_of(hosts[i].server);
    play(&scene);
    if (hosts[i].is_other)
      mend_scene("host-name", name, "the client refuses");
    else
      show("%s, %s: %s", hosts[i].wanted, hosts[i].server, outcome());
    scene.client.verify_peer_cert = 0;
    play(&scene);
    show("%s, %s, not verified: %s", hosts[i].wanted, hosts[i].server, outcome());
  }
}

static void
names(coap_proto_t proto) {
  scene_t scene = good_scene(proto);
  show("== %s: callbacks for names", proto_text(proto));
  scene.client.client_sni = "elsewhere.example";
  scene.client.validate_cn_call_back = only_localhost;
  play(&scene);
  show("a callback that compares, the right one: %s", outcome());
  scene.server.pki_key = pem_of("wrong");
  play(&scene);
  show("a callback that compares, another: %s", outcome());
  scene = good_scene(proto);
  scene.server.validate_sni_call_back = certificate_for;
  scene.client.validate_cn_call_back = only_localhost;
  scene.server.sni_call_back_arg = "server";
  scene.client.client_sni = "refused.example";
  play(&scene);
  show("a name that the server refuses: %s", outcome());
  scene.client.client_sni = "good.example";
  play(&scene);
  show("a name that the server has, the right certificate: %s", outcome());
  scene.server.sni_call_back_arg = "wrong";
  play(&scene);
  show("a name that the server has, another's: %s", outcome());
  scene.server.sni_call_back_arg = "faked";
  play(&scene);
  show("a name that the server has, of another authority: %s", outcome());
  scene.server.sni_call_back_arg = "expired";
  play(&scene);
  show("a name that the server has, expired: %s", outcome());
}

/* ---- one context, several sessions ---- */

static void
one_of_several(const char *label, coap_dtls_pki_t *setup, coap_proto_t proto, const char *mended) {
  coap_session_t *session;
  tls_client.length = tls_server.length = 0;
  tls_server.sessions = 0;
  session = coap_new_client_session_pki(tls_client.context, NULL, tls_address(), proto, setup);
  NEED(session);
  tls_talk(session);
  if (mended)
    mend_scene(mended, label, "the client refuses");
  else
    show("%s: %s", label, outcome());
  tls_leave(session);
}

/* A good one opens no door for a bad one. */
static void
one_after_the_other(coap_proto_t proto) {
  coap_dtls_pki_t server = pki("server"), good = pki("client"), foreign = pki("foreign"), expired = pki("expired");
  show("== %s: one after the other with one server", proto_text(proto));
  tls_begin();
  NEED(coap_context_set_pki_root_cas(tls_server.context, cert("ca.pem"), NULL) == 1);
  NEED(coap_context_set_pki_root_cas(tls_client.context, cert("ca.pem"), NULL) == 1);
  NEED(coap_context_set_pki(tls_server.context, &server) == 1 && tls_serve(proto));
  one_of_several("of another authority", &foreign, proto, NULL);
  one_of_several("a good one", &good, proto, NULL);
  one_of_several("of another authority", &foreign, proto, NULL);
  one_of_several("expired", &expired, proto, NULL);
  one_of_several("a good one", &good, proto, NULL);
  tls_end();
}

/* The server was set up to verify nobody, and then anew. */
static void
set_up_twice(coap_proto_t proto) {
  coap_dtls_pki_t server = pki("server"), good = pki("client"), foreign = pki("foreign");
  show("== %s: set up twice", proto_text(proto));
  tls_begin();
  NEED(coap_context_set_pki_root_cas(tls_server.context, cert("ca.pem"), NULL) == 1);
  NEED(coap_context_set_pki_root_cas(tls_client.context, cert("ca.pem"), NULL) == 1);
  server.verify_peer_cert = 0;
  NEED(coap_context_set_pki(tls_server.context, &server) == 1 && tls_serve(proto));
  one_of_several("not verified, of another authority", &foreign, proto, NULL);
  server.verify_peer_cert = 1;
  NEED(coap_context_set_pki(tls_server.context, &server) == 1);
  one_of_several("verified, of another authority", &foreign, proto, NULL);
  one_of_several("verified, a good one", &good, proto, NULL);
  tls_end();
}

/* Whom one session trusts is nothing to another. */
static void
own_trust(coap_proto_t proto) {
  coap_dtls_pki_t server = pki("foreignserver"), trusting = pki("client"), other = pki("client"), blind = pki("client");
  show("== %s: sessions of one client, to a server of the other authority", proto_text(proto));
  tls_begin();
  server.verify_peer_cert = 0;
  NEED(coap_context_set_pki(tls_server.context, &server) == 1 && tls_serve(proto));
  trusting.check_common_ca = other.check_common_ca = 1;
  trusting.pki_key.key.pem.ca_file = cert("other.pem");
  blind.verify_peer_cert = 0;
  one_of_several("the authority is not trusted", &other, proto, NULL);
  one_of_several("not verified", &blind, proto, NULL);
  one_of_several("the authority is not trusted", &other, proto, NULL);
  one_of_several("the authority is trusted", &trusting, proto, NULL);
  one_of_several("the authority is not trusted", &other, proto, "own-trust");
  tls_end();
}

int
main(void) {
  static const coap_proto_t protos[] = {COAP_PROTO_DTLS, COAP_PROTO_TLS};
  coap_startup();
  for (size_t p = 0; p < sizeof(protos) / sizeof(protos[0]); p++) {
    for (int server_verifies = 1; server_verifies >= 0; server_verifies--) {
      show("== %s: the %s verifies", proto_text(protos[p]), server_verifies ? "server" : "client");
      for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        refused(protos[p], server_verifies, i);
    }
    purposes(protos[p]);
    host_names(protos[p]);
    names(protos[p]);
    one_after_the_other(protos[p]);
    set_up_twice(protos[p]);
    own_trust(protos[p]);
  }
  coap_cleanup();
  return 0;
}
