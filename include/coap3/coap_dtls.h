/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file coap_dtls.h
 * Keys, certificates and the (D)TLS library.
 */
#ifndef COAP_DTLS_H_
#define COAP_DTLS_H_

#include "libcoap.h"
#include "coap_forward_decls.h"
#include "coap_str.h"
#include "coap_time.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A context's or session's use of certificates, see below. */
typedef struct coap_dtls_pki_t coap_dtls_pki_t;

/**
 * Adjusts the (D)TLS library's own object. Returns 1, or 0 to give up.
 */
typedef int (*coap_dtls_security_setup_t)(void *tls_session, coap_dtls_pki_t *setup_data);

/** The common name that coap_dtls_cn_callback_t gets for a raw public key. */
#define COAP_DTLS_RPK_CERT_CN "RPK"

/** The version of `coap_dtls_cpsk_t`. */
#define COAP_DTLS_CPSK_SETUP_VERSION 1

/** The version of `coap_dtls_pki_t`. */
#define COAP_DTLS_PKI_SETUP_VERSION 1

/** The version of `coap_dtls_spsk_t`. */
#define COAP_DTLS_SPSK_SETUP_VERSION 1

/** The room for a pre-shared key. */
#ifndef COAP_DTLS_MAX_PSK
#define COAP_DTLS_MAX_PSK 64
#endif

/** The room for an identity. */
#ifndef COAP_DTLS_MAX_PSK_IDENTITY
#define COAP_DTLS_MAX_PSK_IDENTITY 64
#endif

/** The room for a hint. */
#ifndef COAP_DTLS_HINT_LENGTH
#define COAP_DTLS_HINT_LENGTH 128
#endif

/** The (D)TLS library that a build uses. */
typedef enum coap_tls_library_t {
  /** None. */
  COAP_TLS_LIBRARY_NOTLS = 0,
  /** TinyDTLS. */
  COAP_TLS_LIBRARY_TINYDTLS = 1,
  /** OpenSSL. */
  COAP_TLS_LIBRARY_OPENSSL = 2,
  /** GnuTLS. */
  COAP_TLS_LIBRARY_GNUTLS = 3,
  /** Mbed TLS. */
  COAP_TLS_LIBRARY_MBEDTLS = 4,
  /** wolfSSL. */
  COAP_TLS_LIBRARY_WOLFSSL = 5,
} coap_tls_library_t;

/** The kind of a private key given in DER. */
typedef enum coap_asn1_privatekey_type_t {
  /** Not said; the library finds out. */
  COAP_ASN1_PKEY_NONE = 0,
  /** RSA. */
  COAP_ASN1_PKEY_RSA = 1,
  /** RSA by its second object identifier. */
  COAP_ASN1_PKEY_RSA2 = 2,
  /** DSA. */
  COAP_ASN1_PKEY_DSA = 3,
  /** DSA by its first further object identifier. */
  COAP_ASN1_PKEY_DSA1 = 4,
  /** DSA by its second further object identifier. */
  COAP_ASN1_PKEY_DSA2 = 5,
  /** DSA by its third further object identifier. */
  COAP_ASN1_PKEY_DSA3 = 6,
  /** DSA by its fourth further object identifier. */
  COAP_ASN1_PKEY_DSA4 = 7,
  /** Diffie-Hellman. */
  COAP_ASN1_PKEY_DH = 8,
  /** Diffie-Hellman, X9.42. */
  COAP_ASN1_PKEY_DHX = 9,
  /** Elliptic curve. */
  COAP_ASN1_PKEY_EC = 10,
  /** HMAC. */
  COAP_ASN1_PKEY_HMAC = 11,
  /** CMAC. */
  COAP_ASN1_PKEY_CMAC = 12,
  /** The key derivation of TLS 1.0. */
  COAP_ASN1_PKEY_TLS1_PRF = 13,
  /** HKDF. */
  COAP_ASN1_PKEY_HKDF = 14,
} coap_asn1_privatekey_type_t;

/** Which side of the handshake this end plays. */
typedef enum coap_dtls_role_t {
  /** This end starts the handshake. */
  COAP_DTLS_ROLE_CLIENT = 0,
  /** This end answers the handshake. */
  COAP_DTLS_ROLE_SERVER = 1,
} coap_dtls_role_t;

/** What one member of a `coap_pki_key_define_t` holds. */
typedef enum coap_pki_define_t {
  /** The name of a PEM file. */
  COAP_PKI_KEY_DEF_PEM = 0,
  /** PEM in memory. */
  COAP_PKI_KEY_DEF_PEM_BUF = 1,
  /** A raw public key, PEM in memory. */
  COAP_PKI_KEY_DEF_RPK_BUF = 2,
  /** The name of a DER file. */
  COAP_PKI_KEY_DEF_DER = 3,
  /** DER in memory. */
  COAP_PKI_KEY_DEF_DER_BUF = 4,
  /** A PKCS #11 URI. */
  COAP_PKI_KEY_DEF_PKCS11 = 5,
  /** A PKCS #11 URI that names a raw public key. */
  COAP_PKI_KEY_DEF_PKCS11_RPK = 6,
  /** A name for the OpenSSL engine. */
  COAP_PKI_KEY_DEF_ENGINE = 7,
} coap_pki_define_t;

/** Which member of a `coap_dtls_key_t` is filled in. */
typedef enum coap_pki_key_t {
  /** `pem`: names of PEM files. */
  COAP_PKI_KEY_PEM = 0,
  /** `asn1`: DER in memory. */
  COAP_PKI_KEY_ASN1 = 1,
  /** `pem_buf`: PEM in memory. */
  COAP_PKI_KEY_PEM_BUF = 2,
  /** `pkcs11`: PKCS #11 URIs. */
  COAP_PKI_KEY_PKCS11 = 3,
  /** `define`: each part in a form of its own. */
  COAP_PKI_KEY_DEFINE = 4,
} coap_pki_key_t;

/** Which (D)TLS library a build uses, in which version. */
typedef struct coap_tls_version_t {
  /** The version found at run time, in the library's own numbering. */
  uint64_t version;
  /** Which library. */
  coap_tls_library_t type;
  /** The version that the build was made against. */
  uint64_t built_version;
} coap_tls_version_t;

/**
 * Says whether a certificate of the peer's chain is accepted: 1 yes, 0 no. `cn` is its common name,
 * `asn1_public_cert` its DER of `asn1_length` bytes, `depth` its place in the chain (0 is the peer's
 * own), `validated` whether the (D)TLS library accepts it.
 */
typedef int (*coap_dtls_cn_callback_t)(const char *cn,
                                       const uint8_t *asn1_public_cert,
                                       size_t asn1_length,
                                       coap_session_t *coap_session,
                                       unsigned int depth,
                                       int validated,
                                       void *arg);

/** Returns the key of the identity that a client sent, or NULL to refuse it. */
typedef const coap_bin_const_t *(*coap_dtls_id_callback_t)(coap_bin_const_t *identity,
                                                           coap_session_t *coap_session,
                                                           void *arg);

/** A client's identity and pre-shared key. */
typedef struct coap_dtls_cpsk_info_t {
  /** The identity to send. */
  coap_bin_const_t identity;
  /** The key. */
  coap_bin_const_t key;
} coap_dtls_cpsk_info_t;

/** Returns the identity and key to use with a server that sent this hint, or NULL to refuse it. */
typedef const coap_dtls_cpsk_info_t *(*coap_dtls_ih_callback_t)(coap_str_const_t *hint,
                                                                       coap_session_t *coap_session,
                                                                       void *arg);

/** Keys in PEM files. */
typedef struct coap_pki_key_pem_t {
  /** The file with the trusted CA, or NULL. */
  const char *ca_file;
  /** The file with the certificate. */
  const char *public_cert;
  /** The file with the private key. */
  const char *private_key;
} coap_pki_key_pem_t;

/** Keys in PEM, in memory. */
typedef struct coap_pki_key_pem_buf_t {
  /** The trusted CA, or NULL. */
  const uint8_t *ca_cert;
  /** The certificate or raw public key. */
  const uint8_t *public_cert;
  /** The private key. */
  const uint8_t *private_key;
  /** The length of `ca_cert`. */
  size_t ca_cert_len;
  /** The length of `public_cert`. */
  size_t public_cert_len;
  /** The length of `private_key`. */
  size_t private_key_len;
} coap_pki_key_pem_buf_t;

/** Keys in DER, in memory. */
typedef struct coap_pki_key_asn1_t {
  /** The trusted CA, or NULL. */
  const uint8_t *ca_cert;
  /** The certificate. */
  const uint8_t *public_cert;
  /** The private key. */
  const uint8_t *private_key;
  /** The length of `ca_cert`. */
  size_t ca_cert_len;
  /** The length of `public_cert`. */
  size_t public_cert_len;
  /** The length of `private_key`. */
  size_t private_key_len;
  /** The kind of the private key. */
  coap_asn1_privatekey_type_t private_key_type;
} coap_pki_key_asn1_t;

/** Keys in a PKCS #11 token. */
typedef struct coap_pki_key_pkcs11_t {
  /** The URI of the trusted CA, or NULL. */
  const char *ca;
  /** The URI of the certificate. */
  const char *public_cert;
  /** The URI of the private key. */
  const char *private_key;
  /** The PIN of the token, or NULL. */
  const char *user_pin;
} coap_pki_key_pkcs11_t;

/** Keys whose parts come in different forms. */
typedef struct coap_pki_key_define_t {
  /** The trusted CA, in the form that `ca_def` names. */
  coap_const_char_ptr_t ca;
  /** The certificate or public key, in the form that `public_cert_def` names. */
  coap_const_char_ptr_t public_cert;
  /** The private key, in the form that `private_key_def` names. */
  coap_const_char_ptr_t private_key;
  /** The length of `ca`, if it is in memory. */
  size_t ca_len;
  /** The length of `public_cert`, if it is in memory. */
  size_t public_cert_len;
  /** The length of `private_key`, if it is in memory. */
  size_t private_key_len;
  /** The form of `ca`. */
  coap_pki_define_t ca_def;
  /** The form of `public_cert`. */
  coap_pki_define_t public_cert_def;
  /** The form of `private_key`. */
  coap_pki_define_t private_key_def;
  /** The kind of the private key, if it is in DER. */
  coap_asn1_privatekey_type_t private_key_type;
  /** The PIN of the PKCS #11 token, or NULL. */
  const char *user_pin;
} coap_pki_key_define_t;

/** A certificate or raw public key, its private key and the trusted CAs, in one of five forms. */
typedef struct coap_dtls_key_t {
  /** Which member of `key` is filled in. */
  coap_pki_key_t key_type;
  /** The keys themselves. */
  union {
    /** Names of PEM files. */
    coap_pki_key_pem_t pem;
    /** PEM in memory. */
    coap_pki_key_pem_buf_t pem_buf;
    /** DER in memory. */
    coap_pki_key_asn1_t asn1;
    /** PKCS #11 URIs. */
    coap_pki_key_pkcs11_t pkcs11;
    /** Each part in a form of its own. */
    coap_pki_key_define_t define;
  } key;
} coap_dtls_key_t;

/** Returns the keys for the name that a client asks for, or NULL to refuse it. */
typedef coap_dtls_key_t *(*coap_dtls_pki_sni_callback_t)(const char *sni, void *arg);

/** A server's hint and pre-shared key. */
typedef struct coap_dtls_spsk_info_t {
  /** The hint to send. */
  coap_bin_const_t hint;
  /** The key. */
  coap_bin_const_t key;
} coap_dtls_spsk_info_t;

/** Returns the hint and key for the name that a client asks for, or NULL to refuse it. */
typedef const coap_dtls_spsk_info_t *(*coap_dtls_psk_sni_callback_t)(const char *sni,
                                                                            coap_session_t *coap_session,
                                                                            void *arg);

/** How a client session uses pre-shared keys. */
typedef struct coap_dtls_cpsk_t {
  /** Set to `COAP_DTLS_CPSK_SETUP_VERSION`; 0 counts as that. */
  uint8_t version;
  /** 1 to use EC-JPAKE. */
  uint8_t ec_jpake;
  /** 1 to offer a connection identifier, RFC 9146. */
  uint8_t use_cid;
  /** Set to 0. */
  uint8_t reserved[5];
  /** NULL, or asked for identity and key once the server's hint is known. */
  coap_dtls_ih_callback_t validate_ih_call_back;
  /** Given to `validate_ih_call_back`. */
  void *ih_call_back_arg;
  /** The server name to send (SNI), or NULL. An address is not sent. */
  char *client_sni;
  /** The identity and key to begin with. At most 255 and 512 bytes. */
  coap_dtls_cpsk_info_t psk_info;
} coap_dtls_cpsk_t;

/** How a context or session uses certificates or raw public keys. */
struct coap_dtls_pki_t {
  /** Set to `COAP_DTLS_PKI_SETUP_VERSION`. */
  uint8_t version;
  /** 1 to ask for and verify the peer's certificate. */
  uint8_t verify_peer_cert;
  /** 1 if the peer's certificate must come from the same CA as ours. */
  uint8_t check_common_ca;
  /** 1 to accept self-signed certificates, unless `check_common_ca` is 1. */
  uint8_t allow_self_signed;
  /** 1 to accept expired certificates. */
  uint8_t allow_expired_certs;
  /** 1 to validate the chain up to `cert_chain_verify_depth`. */
  uint8_t cert_chain_validation;
  /**
   * How many certificates may lie between the peer's and the root, if `cert_chain_validation` is 1.
   */
  uint8_t cert_chain_verify_depth;
  /** 1 to look at revocation lists. */
  uint8_t check_cert_revocation;
  /** 1 to accept that there is no revocation list. */
  uint8_t allow_no_crl;
  /** 1 to accept an expired revocation list. */
  uint8_t allow_expired_crl;
  /** 1 to accept a digest that the library thinks weak. */
  uint8_t allow_bad_md_hash;
  /** 1 to accept a short RSA key. */
  uint8_t allow_short_rsa_length;
  /**
   * 1 if `pki_key` is a raw public key, RFC 7250. Files in PEM hold certificates whatever this says.
   */
  uint8_t is_rpk_not_cert;
  /** 1 to offer a connection identifier, RFC 9146 (clients). */
  uint8_t use_cid;
  /** Set to 0. */
  uint8_t reserved[2];
  /** NULL, or asked whether a certificate is accepted. */
  coap_dtls_cn_callback_t validate_cn_call_back;
  /** Given to `validate_cn_call_back`. */
  void *cn_call_back_arg;
  /** NULL, or asked for the keys of the name that a client wants. */
  coap_dtls_pki_sni_callback_t validate_sni_call_back;
  /** Given to `validate_sni_call_back`. */
  void *sni_call_back_arg;
  /** NULL, or called with the (D)TLS library's own object for further set-up. */
  coap_dtls_security_setup_t additional_tls_setup_call_back;
  /**
   * The server name to send (SNI), or NULL; an address is not sent. If the server is verified, and there
   * is no `validate_cn_call_back` to do so, its certificate must be for this name.
   */
  char *client_sni;
  /** The keys. */
  coap_dtls_key_t pki_key;
};

/** How a server uses pre-shared keys. */
typedef struct coap_dtls_spsk_t {
  /** Set to `COAP_DTLS_SPSK_SETUP_VERSION`; 0 counts as that. */
  uint8_t version;
  /** 1 to use EC-JPAKE. */
  uint8_t ec_jpake;
  /** Set to 0. */
  uint8_t reserved[6];
  /** NULL, or asked for the key of an identity. */
  coap_dtls_id_callback_t validate_id_call_back;
  /** Given to `validate_id_call_back`. */
  void *id_call_back_arg;
  /** NULL, or asked for the hint and key of the name that a client wants. */
  coap_dtls_psk_sni_callback_t validate_sni_call_back;
  /** Given to `validate_sni_call_back`. */
  void *sni_call_back_arg;
  /** The hint and key to begin with. At most 255 and 512 bytes. */
  coap_dtls_spsk_info_t psk_info;
} coap_dtls_spsk_t;

/**
 * Returns which (D)TLS library is in use and in which versions, in that library's own numbering. The
 * variant without one says `COAP_TLS_LIBRARY_NOTLS` and zeros. Belongs to the library.
 */
coap_tls_version_t *coap_get_tls_library_version(void);

/**
 * Sets up an engine of the (D)TLS library, for keys that it has. `conf_mem` has a line for each step:
 * `engine:NAME`, `pre-cmd:COMMAND:VALUE`, `post-cmd:COMMAND:VALUE`, and `enable-methods:NUMBER`, of which
 * the first and the last must be there. Returns 1, or 0 with a line in the log if that failed. The variant
 * without a (D)TLS library has no engines: 0.
 *
 * @pre `conf_mem` is NULL or valid.
 */
int coap_tls_engine_configure(coap_str_const_t *conf_mem);

/**
 * Takes back what `coap_tls_engine_configure()` has set up. Returns 1, or 0 if there was nothing. The
 * variant without a (D)TLS library has no engines: 0.
 */
int coap_tls_engine_remove(void);

#ifdef __cplusplus
}
#endif

#endif /* COAP_DTLS_H_ */
