/* Each flag of coap_dtls_pki_t, set and not set, on the server's side and on the client's: which certificates of the
 * other side are accepted. */
#include "tls.h"

/* mend common-ca: with check_common_ca the reference adds the authority to those that are trusted, and compares
 *   nothing. Ours accepts what this authority has signed, and nothing else.
 * mend chain: the reference sends the first certificate of public_cert, and not those behind it that lead to the
 *   authority.
 * mend depth: the reference counts one too many on the client's side, and does not count on the server's.
 *   cert_chain_verify_depth is the number of authorities between.
 * mend bad-hash: the reference refuses what this flag is there to allow.
 * mend short-rsa: the same of this one. */

typedef void (*flags_t)(coap_dtls_pki_t *setup);

static void none(coap_dtls_pki_t *setup UNUSED) {}
static void unverified(coap_dtls_pki_t *setup) { setup->verify_peer_cert = 0; }
static void common_ca(coap_dtls_pki_t *setup) { setup->check_common_ca = 1; }
static void self_signed(coap_dtls_pki_t *setup) { setup->allow_self_signed = 1; }
static void self_signed_common(coap_dtls_pki_t *setup) { setup->allow_self_signed = setup->check_common_ca = 1; }
static void expired(coap_dtls_pki_t *setup) { setup->allow_expired_certs = 1; }
static void revocation(coap_dtls_pki_t *setup) { setup->check_cert_revocation = 1; }
static void no_crl(coap_dtls_pki_t *setup) { setup->check_cert_revocation = setup->allow_no_crl = 1; }
static void old_crl(coap_dtls_pki_t *setup) { setup->check_cert_revocation = setup->allow_expired_crl = 1; }
static void bad_hash(coap_dtls_pki_t *setup) { setup->allow_bad_md_hash = 1; }
static void short_rsa(coap_dtls_pki_t *setup) { setup->allow_short_rsa_length = 1; }
static void raw_key(coap_dtls_pki_t *setup) { setup->is_rpk_not_cert = 1; }
static void connection_id(coap_dtls_pki_t *setup) { setup->use_cid = 1; }

static void
depth(coap_dtls_pki_t *setup, unsigned int between) {
  setup->cert_chain_validation = 1;
  setup->cert_chain_verify_depth = (uint8_t)between;
}
static void depth_0(coap_dtls_pki_t *setup) { depth(setup, 0); }
static void depth_1(coap_dtls_pki_t *setup) { depth(setup, 1); }
static void depth_2(coap_dtls_pki_t *setup) { depth(setup, 2); }

static void
everything_but_verify(coap_dtls_pki_t *setup) {
  common_ca(setup);
  depth_0(setup);
  revocation(setup);
  unverified(setup);
}

static const struct {
  const char *name;
  const char *peer;         /* the certificate of the other side */
  const char *roots;        /* whom the verifying side trusts */
  flags_t flags;            /* its flags */
  const char *mended;       /* the topic, where the reference differs */
  const char *right;        /* what is right then: `refuses` or `accepted` */
  flags_t holder;           /* flags of the other side */
} cases[] = {
    {"a good one", "client", "ca.pem", none, NULL, NULL, NULL},
    {"of an authority not trusted", "foreign", "ca.pem", none, NULL, NULL, NULL},
    {"the same, not verified", "foreign", "ca.pem", unverified, NULL, NULL, NULL},
    {"nobody trusted", "client", NULL, none, NULL, NULL, NULL},
    {"nobody trusted, not verified", "client", NULL, unverified, NULL, NULL, NULL},
    {"expired, not verified", "expired", "ca.pem", unverified, NULL, NULL, NULL},
    {"foreign and all else asked for, not verified", "foreign", NULL, everything_but_verify, NULL, NULL, NULL},

    {"common authority, of it", "client", NULL, common_ca, NULL, NULL, NULL},
    {"common authority, of another", "foreign", "ca.pem", common_ca, NULL, NULL, NULL},
    {"two trusted, of the second", "foreign", "both.pem", none, NULL, NULL, NULL},
    {"two trusted, common authority, of the first", "client", "both.pem", common_ca, NULL, NULL, NULL},
    {"two trusted, common authority, of the second", "foreign", "both.pem", common_ca, "common-ca", "refuses", NULL},

    {"self-signed", "selfsigned", "ca.pem", none, NULL, NULL, NULL},
    {"self-signed, allowed", "selfsigned", "ca.pem", self_signed, NULL, NULL, NULL},
    {"self-signed, allowed, common authority", "selfsigned", "ca.pem", self_signed_common, NULL, NULL, NULL},
    {"self-signed allowed, of an authority not trusted", "foreign", "ca.pem", self_signed, NULL, NULL, NULL},
    {"self-signed allowed, expired", "expired", "ca.pem", self_signed, NULL, NULL, NULL},

    {"expired", "expired", "ca.pem", none, NULL, NULL, NULL},
    {"expired, allowed", "expired", "ca.pem", expired, NULL, NULL, NULL},
    {"not yet valid", "early", "ca.pem", none, NULL, NULL, NULL},
    {"not yet valid, allowed", "early", "ca.pem", expired, NULL, NULL, NULL},
    {"expired allowed, of an authority not trusted", "foreign", "ca.pem", expired, NULL, NULL, NULL},

    {"an authority between, not sent", "deep1", "ca.pem", none, NULL, NULL, NULL},
    {"an authority between, sent", "chain1", "ca.pem", none, "chain", "accepted", NULL},
    {"two between, sent", "chain2", "ca.pem", none, "chain", "accepted", NULL},
    {"two between, sent, depth 1", "chain2", "ca.pem", depth_1, NULL, NULL, NULL},
    {"two between, sent, depth 2", "chain2", "ca.pem", depth_2, "chain", "accepted", NULL},
    {"two between, known", "chain2", "subs.pem", none, NULL, NULL, NULL},
    {"none between, depth 0", "client", "subs.pem", depth_0, NULL, NULL, NULL},
    {"one between, known, depth 0", "chain1", "subs.pem", depth_0, "depth", "refuses", NULL},
    {"one between, known, depth 1", "chain1", "subs.pem", depth_1, NULL, NULL, NULL},
    {"two between, known, depth 1", "chain2", "subs.pem", depth_1, "depth", "refuses", NULL},
    {"two between, known, depth 2", "chain2", "subs.pem", depth_2, NULL, NULL, NULL},

    {"revocation, no list", "client", "ca.pem", revocation, NULL, NULL, NULL},
    {"revocation, no list, allowed", "client", "ca.pem", no_crl, NULL, NULL, NULL},
    {"revocation, not on the list", "client", "ca_crl.pem", revocation, NULL, NULL, NULL},
    {"revoked, not asked for", "revoked", "ca_crl.pem", none, NULL, NULL, NULL},
    {"revoked", "revoked", "ca_crl.pem", revocation, NULL, NULL, NULL},
    {"revoked, no list allowed", "revoked", "ca_crl.pem", no_crl, NULL, NULL, NULL},
    {"revocation, old list", "client", "ca_crlold.pem", revocation, NULL, NULL, NULL},
    {"revocation, old list, allowed", "client", "ca_crlold.pem", old_crl, NULL, NULL, NULL},
    {"revoked, old list, allowed", "revoked", "ca_crlold.pem", old_crl, NULL, NULL, NULL},
    {"revocation, no list, old ones allowed", "client", "ca.pem", old_crl, NULL, NULL, NULL},

    {"signed with SHA-1", "sha1", "ca.pem", none, "bad-hash", "refuses", bad_hash},
    {"signed with SHA-1, allowed", "sha1", "ca.pem", bad_hash, "bad-hash", "accepted", bad_hash},
    {"RSA of 1024 bits", "rsa1024", "ca.pem", none, "short-rsa", "refuses", short_rsa},
    {"RSA of 1024 bits, allowed", "rsa1024", "ca.pem", short_rsa, "short-rsa", "accepted", short_rsa},
    {"RSA of 2048 bits", "rsa2048", "ca.pem", none, NULL, NULL, NULL},
    {"raw public key asked for, files of certificates", "client", "ca.pem", raw_key, NULL, NULL, NULL},
    {"raw public key asked for, of an authority not trusted", "foreign", "ca.pem", raw_key, NULL, NULL, NULL},
    {"connection id", "client", "ca.pem", connection_id, NULL, NULL, NULL},
};

/* The key of a chain is that of its first certificate. */
static coap_dtls_key_t
key_of(const char *name) {
  if (strcmp(name, "chain1") == 0)
    return pem("ca.pem", "chain1.pem", "deep1.key");
  if (strcmp(name, "chain2") == 0)
    return pem("ca.pem", "chain2.pem", "deep2.key");
  return pem_of(name);
}

static void
try(int server_verifies, size_t i) {
  scene_t scene = good_scene(COAP_PROTO_DTLS);
  coap_dtls_pki_t *verifier = server_verifies ? &scene.server : &scene.client;
  coap_dtls_pki_t *holder = server_verifies ? &scene.client : &scene.server;
  char wanted[40];
  holder->verify_peer_cert = 0;
  holder->pki_key = key_of(cases[i].peer);
  if (cases[i].holder)
    cases[i].holder(holder);
  cases[i].flags(verifier);
  if (server_verifies)
    scene.server_roots = cases[i].roots;
  else
    scene.client_roots = cases[i].roots;
  play(&scene);
  snprintf(wanted, sizeof(wanted), "%s%s",
           !cases[i].right || strcmp(cases[i].right, "accepted") == 0 ? ""
           : server_verifies                                          ? "the server "
                                                                      : "the client ",
           cases[i].right ? cases[i].right : "");
  if (cases[i].mended)
    mend_scene(cases[i].mended, cases[i].name, wanted);
  else
    show("%s: %s", cases[i].name, outcome());
}

static void
without_certificate(void) {
  show("== a client without a certificate");
  for (int verify = 0; verify < 2; verify++) {
    scene_t scene = good_scene(COAP_PROTO_DTLS);
    scene.client.pki_key = pem("ca.pem", NULL, NULL);
    scene.server.verify_peer_cert = (uint8_t)verify;
    play(&scene);
    show("verify_peer_cert %d: %s", verify, outcome());
  }
}

int
main(void) {
  coap_startup();
  for (int server_verifies = 1; server_verifies >= 0; server_verifies--) {
    show("== the %s verifies", server_verifies ? "server" : "client");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
      try(server_verifies, i);
  }
  without_certificate();
  coap_cleanup();
  return 0;
}
