/* Each function of OpenSSL that can fail is made to fail, at its first call, its second, and so on: in a set-up, in a
 * handshake, in what follows. Nothing crashes, what must be refused is not accepted, and the next client of the same server
 * gets through.
 *
 * The functions are defined here, in front of those of OpenSSL, and fail for the library only: what OpenSSL makes of a failure
 * of its own is not the question. Those that only look at a member cannot fail, and are left out. (CVE-2025-65493 to 65501 of
 * the reference are of this kind.)
 *
 * mend failures: the reference looks at few of these results, and crashes. */
#include "tls.h"

#include <link.h>
#include <sys/wait.h>

#define FUNCTIONS(F)                                                                               \
  F(ASN1_STRING_length, 0)                                                                         \
  F(ASN1_STRING_to_UTF8, -1)                                                                       \
  F(BIO_ADDR_new, 0)                                                                               \
  F(BIO_get_data, 0)                                                                               \
  F(BIO_meth_new, 0)                                                                               \
  F(BIO_meth_set_ctrl, 0)                                                                          \
  F(BIO_meth_set_read, 0)                                                                          \
  F(BIO_meth_set_write, 0)                                                                         \
  F(BIO_new, 0)                                                                                    \
  F(BIO_new_mem_buf, 0)                                                                            \
  F(CRYPTO_get_ex_new_index, -1)                                                                   \
  F(DTLS_method, 0)                                                                                \
  F(DTLSv1_listen, -1)                                                                             \
  F(EVP_DigestSign, 0)                                                                             \
  F(EVP_DigestSignInit, 0)                                                                         \
  F(EVP_MD_CTX_new, 0)                                                                             \
  F(EVP_PKEY_new_mac_key, 0)                                                                       \
  F(EVP_PKEY_new_raw_private_key, 0)                                                               \
  F(HMAC, 0)                                                                                       \
  F(OPENSSL_sk_value, 0)                                                                           \
  F(PEM_read_bio_PrivateKey, 0)                                                                    \
  F(PEM_read_bio_X509, 0)                                                                          \
  F(PEM_X509_INFO_read_bio, 0)                                                                     \
  F(RAND_bytes, 0)                                                                                 \
  F(SSL_CTX_add_client_CA, 0)                                                                      \
  F(SSL_CTX_check_private_key, 0)                                                                  \
  F(SSL_CTX_ctrl, 0)                                                                               \
  F(SSL_CTX_load_verify_locations, 0)                                                              \
  F(SSL_CTX_new, 0)                                                                                \
  F(SSL_CTX_set_cipher_list, 0)                                                                    \
  F(SSL_CTX_set_ciphersuites, 0)                                                                   \
  F(SSL_CTX_set_session_id_context, 0)                                                             \
  F(SSL_CTX_up_ref, 0)                                                                             \
  F(SSL_CTX_use_PrivateKey, 0)                                                                     \
  F(SSL_CTX_use_certificate, 0)                                                                    \
  F(SSL_client_hello_get0_ciphers, 0)                                                              \
  F(SSL_client_hello_get0_ext, 0)                                                                  \
  F(SSL_ctrl, 0)                                                                                   \
  F(SSL_do_handshake, -1)                                                                          \
  F(SSL_get_SSL_CTX, 0)                                                                            \
  F(SSL_get_current_cipher, 0)                                                                     \
  F(SSL_get_ex_data, 0)                                                                            \
  F(SSL_get_ex_data_X509_STORE_CTX_idx, -1)                                                        \
  F(SSL_new, 0)                                                                                    \
  F(SSL_read_ex, 0)                                                                                \
  F(SSL_set_SSL_CTX, 0)                                                                            \
  F(SSL_set_alpn_protos, 1)                                                                        \
  F(SSL_set_ex_data, 0)                                                                            \
  F(SSL_shutdown, -1)                                                                              \
  F(SSL_use_psk_identity_hint, 0)                                                                  \
  F(SSL_write_ex, 0)                                                                               \
  F(TLS_method, 0)                                                                                 \
  F(X509_NAME_ENTRY_get_data, 0)                                                                   \
  F(X509_NAME_get_entry, 0)                                                                        \
  F(X509_NAME_get_index_by_NID, -1)                                                                \
  F(X509_STORE_CTX_get0_chain, 0)                                                                  \
  F(X509_STORE_CTX_get_current_cert, 0)                                                            \
  F(X509_STORE_CTX_get_ex_data, 0)                                                                 \
  F(X509_STORE_add_cert, 0)                                                                        \
  F(X509_STORE_add_crl, 0)                                                                         \
  F(X509_STORE_new, 0)                                                                             \
  F(X509_STORE_set_flags, 0)                                                                       \
  F(X509_STORE_up_ref, 0)                                                                          \
  F(X509_VERIFY_PARAM_set1_host, 0)                                                                \
  F(X509_VERIFY_PARAM_set1_ip, 0)                                                                  \
  F(X509_get0_pubkey, 0)                                                                           \
  F(X509_get_ext_d2i, 0)                                                                           \
  F(X509_get_pubkey, 0)                                                                            \
  F(X509_get_subject_name, 0)                                                                      \
  F(X509_up_ref, 0)                                                                                \
  F(d2i_AutoPrivateKey, 0)                                                                         \
  F(d2i_X509, 0)                                                                                   \
  F(i2d_X509, -1)

#define NUMBER(name, failure) F_##name,
enum { FUNCTIONS(NUMBER) COUNT };

typedef uintptr_t word;
typedef word (*function_t)(word, word, word, word, word, word);

#define ENTRY(name, failure) {#name, 0, NULL, 0},
static struct {
  const char *name;
  int calls; /* of the library's, since the last `arm` */
  function_t real;
  int ever;
} functions[COUNT] = {FUNCTIONS(ENTRY)};

static int armed = -1, armed_call, has_failed;
static word library_begin, library_end;

/* Arguments and results of all of them are words. */
static word
pass(int which, word failure, void *caller, word a, word b, word c, word d, word e, word f) {
  if ((word)caller >= library_begin && (word)caller < library_end) {
    functions[which].ever = 1;
    if (++functions[which].calls == armed_call && which == armed) {
      has_failed = 1;
      return failure;
    }
  }
  if (!functions[which].real)
    *(void **)&functions[which].real = dlsym(RTLD_NEXT, functions[which].name);
  return functions[which].real(a, b, c, d, e, f);
}

#define DEFINE(name, failure)                                                                      \
  word name(word a, word b, word c, word d, word e, word f);                                       \
  word name(word a, word b, word c, word d, word e, word f) {                                      \
    return pass(F_##name, (word)(failure), __builtin_return_address(0), a, b, c, d, e, f);         \
  }
FUNCTIONS(DEFINE)

static int
find_library(struct dl_phdr_info *info, size_t size UNUSED, void *data UNUSED) {
  if (!strstr(info->dlpi_name, "libcoap-3"))
    return 0;
  library_begin = info->dlpi_addr;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    word end = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;
    if (info->dlpi_phdr[i].p_type == PT_LOAD && end > library_end)
      library_end = end;
  }
  return 1;
}

static void
arm(int which, int call) {
  armed = which;
  armed_call = call;
  has_failed = 0;
  for (int i = 0; i < COUNT; i++)
    functions[i].calls = 0;
}

/* ---- scenes ---- */

static const coap_bin_const_t *
on_identity(coap_bin_const_t *identity UNUSED, coap_session_t *session UNUSED, void *arg UNUSED) {
  static coap_bin_const_t key;
  key = BIN("secret");
  return &key;
}

static const coap_dtls_spsk_info_t *
on_psk_name(const char *sni UNUSED, coap_session_t *session UNUSED, void *arg UNUSED) {
  static coap_dtls_spsk_info_t info;
  info.hint = BIN("hint");
  info.key = BIN("secret");
  return &info;
}

static const coap_dtls_cpsk_info_t *
on_hint(coap_str_const_t *hint UNUSED, coap_session_t *session UNUSED, void *arg UNUSED) {
  static coap_dtls_cpsk_info_t info;
  info.identity = BIN("me");
  info.key = BIN("secret");
  return &info;
}

static coap_dtls_key_t *
on_pki_name(const char *sni UNUSED, void *arg UNUSED) {
  static coap_dtls_key_t key;
  key = pem("ca.pem", "server.pem", "server.key");
  return &key;
}

static int
on_certificate(const char *cn UNUSED, const uint8_t *der UNUSED, size_t length UNUSED, coap_session_t *session UNUSED,
               unsigned int depth UNUSED, int validated UNUSED, void *arg UNUSED) {
  return 1;
}

static int
on_setup(void *ssl UNUSED, coap_dtls_pki_t *setup UNUSED) {
  return 1;
}

typedef enum { KEYS, CERTIFICATES, BUFFERS, STRANGER, REVOKED, WRONG_HOST, SCENES } kind_t;
static const char *const kind_names[] = {"keys",     "certificates", "certificates in memory",
                                         "stranger", "revoked",      "wrong host"};
static kind_t kind;
static coap_proto_t proto;

static int
is_bad(void) {
  return kind == STRANGER || kind == REVOKED || kind == WRONG_HOST;
}

static int
set_up_server(void) {
  coap_dtls_spsk_t keys;
  coap_dtls_pki_t setup = pki("server");
  if (kind == KEYS) {
    memset(&keys, 0, sizeof(keys));
    keys.version = COAP_DTLS_SPSK_SETUP_VERSION;
    keys.psk_info.hint = BIN("hint");
    keys.psk_info.key = BIN("secret");
    keys.validate_id_call_back = on_identity;
    keys.validate_sni_call_back = on_psk_name;
    return coap_context_set_psk2(tls_server.context, &keys);
  }
  if (coap_context_set_pki_root_cas(tls_server.context, cert(kind == REVOKED ? "ca_crl.pem" : "ca.pem"), NULL) != 1)
    return 0;
  setup.check_common_ca = 1;
  setup.check_cert_revocation = kind == REVOKED;
  setup.cert_chain_validation = 1;
  setup.cert_chain_verify_depth = 1;
  if (kind == CERTIFICATES) {
    setup.validate_sni_call_back = on_pki_name;
    setup.additional_tls_setup_call_back = on_setup;
    setup.validate_cn_call_back = on_certificate;
  }
  if (kind == BUFFERS)
    setup.pki_key = asn1("ca.der", "server.der", "server.keyder", COAP_ASN1_PKEY_EC);
  return coap_context_set_pki(tls_server.context, &setup);
}

static coap_session_t *
new_client(int is_good) {
  coap_dtls_cpsk_t keys;
  coap_dtls_pki_t setup = pki(is_good || kind != STRANGER ? kind == REVOKED && !is_good ? "revoked" : "client" : "foreign");
  if (kind == KEYS) {
    memset(&keys, 0, sizeof(keys));
    keys.version = COAP_DTLS_CPSK_SETUP_VERSION;
    keys.psk_info.identity = BIN("me");
    keys.psk_info.key = BIN("secret");
    keys.client_sni = "server.example";
    keys.validate_ih_call_back = on_hint;
    return coap_new_client_session_psk2(tls_client.context, NULL, tls_address(), proto, &keys);
  }
  setup.check_common_ca = 1;
  setup.client_sni = kind == WRONG_HOST && !is_good ? "elsewhere.example" : "server.example";
  if (kind == CERTIFICATES) {
    setup.validate_cn_call_back = on_certificate;
    setup.additional_tls_setup_call_back = on_setup;
  }
  if (kind == BUFFERS)
    setup.pki_key = pem_buffers("ca.pem", "client.pem", "client.key", 1);
  return coap_new_client_session_pki(tls_client.context, NULL, tls_address(), proto, &setup);
}

/* Whether there was an answer; gives up after `limit` ms. */
static int
exchange(coap_session_t *session, int64_t limit) {
  int before = tls_client.responses;
  if (!session)
    return 0;
  BOTH_UNTIL(is_up(session) || is_down(session), limit);
  if (is_up(session) && tls_get(session, "t"))
    BOTH_UNTIL(tls_client.responses > before || is_down(session), limit);
  coap_session_release(session);
  return tls_client.responses > before;
}

static int is_slow, runs, wrongly_accepted, no_next, answered;

/* One scene with one failure in it, and then a good client. */
static void
fail(int which, int call) {
  int is_set_up, was_answered;
  tls_begin();
  coap_set_log_level(getenv("SHOW_LOG") ? COAP_LOG_DEBUG : COAP_LOG_EMERG);
  arm(which, call);
  is_set_up = set_up_server();
  if (is_set_up && !tls_serve(proto))
    is_set_up = 0;
  was_answered = is_set_up && exchange(new_client(0), 15);
  arm(-1, 0);
  if (!is_set_up)
    NEED(set_up_server() == 1 && tls_serve(proto));
  if (was_answered && is_bad())
    show("~ accepted: %s, %s, %s at call %d", kind_names[kind], proto_text(proto), functions[which].name, call);
  runs++;
  answered += was_answered;
  wrongly_accepted += was_answered && is_bad();
  if (!exchange(new_client(1), 4000)) {
    no_next++;
    show("~ no next one: %s, %s, %s at call %d", kind_names[kind], proto_text(proto), functions[which].name, call);
  }
  tls_client.length = tls_server.length = 0;
  tls_end();
}

/* What is made once in a process, and for all connections, is made anew when that has failed. */
static void
fail_once(int which) {
  int status;
  char wanted[100];
  pid_t child = fork();
  NEED(child >= 0);
  if (child == 0) {
    kind = KEYS;
    proto = COAP_PROTO_DTLS;
    fail(which, 1);
    coap_cleanup();
    exit(no_next);
  }
  NEED(waitpid(child, &status, 0) == child);
  snprintf(wanted, sizeof(wanted), "%s: another one", functions[which].name);
  mend("failures", wanted, "%s: %s", functions[which].name,
       !WIFEXITED(status) ? "crashed" : WEXITSTATUS(status) ? "none" : "another one");
}

/* Which call comes behind this one: not every one of hundreds. */
static int
next_call(int call) {
  return is_slow ? call * 100 : call < 2 ? call + 1 : call * 4;
}

int
main(void) {
  const char *preloaded = getenv("LD_PRELOAD");
  is_slow = preloaded && strstr(preloaded, "valgrind");
  setenv("RUST_BACKTRACE", "0", 1); /* a panic is no accident here, and is caught */
  coap_startup();
  if (on_reference()) {
    coap_cleanup();
    return 0;
  }
  dl_iterate_phdr(find_library, NULL);
  NEED(library_end > library_begin);
  fail_once(F_BIO_meth_new);
  fail_once(F_BIO_meth_set_ctrl);
  fail_once(F_BIO_meth_set_read);
  fail_once(F_BIO_meth_set_write);
  fail_once(F_CRYPTO_get_ex_new_index);
  fail_once(F_BIO_new);
  for (int p = 0; p < 2; p++)
    for (kind = 0; kind < (is_slow ? BUFFERS : SCENES); kind++) {
      int calls[COUNT];
      char wanted[100];
      proto = p ? COAP_PROTO_TLS : COAP_PROTO_DTLS;
      runs = wrongly_accepted = no_next = answered = 0;
      fail(-1, 0); /* what is made once is there then */
      tls_begin();
      arm(-1, 0);
      NEED(set_up_server() == 1 && tls_serve(proto));
      NEED(exchange(new_client(0), 3000) != is_bad());
      for (int i = 0; i < COUNT; i++)
        calls[i] = functions[i].calls;
      tls_client.length = tls_server.length = 0;
      tls_end();
      for (int which = 0; which < COUNT; which++)
        /* What the bindings lose when this one has no memory is theirs. */
        for (int call = 1; call <= calls[which] && !(is_slow && which == F_SSL_set_ex_data); call = next_call(call))
          fail(which, call);
      snprintf(wanted, sizeof(wanted), "%s, %s: 0 accepted that must not be, 0 without a next one", proto_text(proto),
               kind_names[kind]);
      mend("failures", wanted, "%s, %s: %d accepted that must not be, %d without a next one", proto_text(proto),
           kind_names[kind], wrongly_accepted, no_next);
      show("~ %d runs, %d answered", runs, answered);
    }
  for (int i = 0; i < COUNT; i++)
    if (!functions[i].ever)
      show("~ never called: %s", functions[i].name);
  coap_cleanup();
  return 0;
}
