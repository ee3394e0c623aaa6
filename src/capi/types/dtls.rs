//! `coap_dtls.h`: keys and certificates.

use super::forward_decls::coap_session_t;
use super::str::{coap_bin_const_t, coap_const_char_ptr_t, coap_str_const_t};
use core::ffi::{CStr, c_char, c_int, c_uint, c_void};

/// The common name that `coap_dtls_cn_callback_t` gets for a raw public key.
///
/// cbindgen:ignore
pub const COAP_DTLS_RPK_CERT_CN: &CStr = c"RPK";
/// The version of `coap_dtls_cpsk_t`.
pub const COAP_DTLS_CPSK_SETUP_VERSION: u8 = 1;
/// The version of `coap_dtls_pki_t`.
pub const COAP_DTLS_PKI_SETUP_VERSION: u8 = 1;
/// The version of `coap_dtls_spsk_t`.
pub const COAP_DTLS_SPSK_SETUP_VERSION: u8 = 1;
/// The room for a pre-shared key.
pub const COAP_DTLS_MAX_PSK: usize = 64;
/// The room for an identity.
pub const COAP_DTLS_MAX_PSK_IDENTITY: usize = 64;
/// The room for a hint.
pub const COAP_DTLS_HINT_LENGTH: usize = 128;

c_enum! {
    /// The kind of a private key given in DER.
    pub enum coap_asn1_privatekey_type_t {
        /// Not said; the library finds out.
        COAP_ASN1_PKEY_NONE = 0,
        /// RSA.
        COAP_ASN1_PKEY_RSA = 1,
        /// RSA by its second object identifier.
        COAP_ASN1_PKEY_RSA2 = 2,
        /// DSA.
        COAP_ASN1_PKEY_DSA = 3,
        /// DSA by its first further object identifier.
        COAP_ASN1_PKEY_DSA1 = 4,
        /// DSA by its second further object identifier.
        COAP_ASN1_PKEY_DSA2 = 5,
        /// DSA by its third further object identifier.
        COAP_ASN1_PKEY_DSA3 = 6,
        /// DSA by its fourth further object identifier.
        COAP_ASN1_PKEY_DSA4 = 7,
        /// Diffie-Hellman.
        COAP_ASN1_PKEY_DH = 8,
        /// Diffie-Hellman, X9.42.
        COAP_ASN1_PKEY_DHX = 9,
        /// Elliptic curve.
        COAP_ASN1_PKEY_EC = 10,
        /// HMAC.
        COAP_ASN1_PKEY_HMAC = 11,
        /// CMAC.
        COAP_ASN1_PKEY_CMAC = 12,
        /// The key derivation of TLS 1.0.
        COAP_ASN1_PKEY_TLS1_PRF = 13,
        /// HKDF.
        COAP_ASN1_PKEY_HKDF = 14,
    }
}

c_enum! {
    /// Which side of the handshake this end plays.
    pub enum coap_dtls_role_t {
        /// This end starts the handshake.
        COAP_DTLS_ROLE_CLIENT = 0,
        /// This end answers the handshake.
        COAP_DTLS_ROLE_SERVER = 1,
    }
}

c_enum! {
    /// What one member of a `coap_pki_key_define_t` holds.
    pub enum coap_pki_define_t {
        /// The name of a PEM file.
        COAP_PKI_KEY_DEF_PEM = 0,
        /// PEM in memory.
        COAP_PKI_KEY_DEF_PEM_BUF = 1,
        /// A raw public key, PEM in memory.
        COAP_PKI_KEY_DEF_RPK_BUF = 2,
        /// The name of a DER file.
        COAP_PKI_KEY_DEF_DER = 3,
        /// DER in memory.
        COAP_PKI_KEY_DEF_DER_BUF = 4,
        /// A PKCS #11 URI.
        COAP_PKI_KEY_DEF_PKCS11 = 5,
        /// A PKCS #11 URI that names a raw public key.
        COAP_PKI_KEY_DEF_PKCS11_RPK = 6,
        /// A name for the OpenSSL engine.
        COAP_PKI_KEY_DEF_ENGINE = 7,
    }
}

c_enum! {
    /// Which member of a `coap_dtls_key_t` is filled in.
    pub enum coap_pki_key_t {
        /// `pem`: names of PEM files.
        COAP_PKI_KEY_PEM = 0,
        /// `asn1`: DER in memory.
        COAP_PKI_KEY_ASN1 = 1,
        /// `pem_buf`: PEM in memory.
        COAP_PKI_KEY_PEM_BUF = 2,
        /// `pkcs11`: PKCS #11 URIs.
        COAP_PKI_KEY_PKCS11 = 3,
        /// `define`: each part in a form of its own.
        COAP_PKI_KEY_DEFINE = 4,
    }
}

c_enum! {
    /// The (D)TLS library that a build uses.
    pub enum coap_tls_library_t {
        /// None.
        COAP_TLS_LIBRARY_NOTLS = 0,
        /// TinyDTLS.
        COAP_TLS_LIBRARY_TINYDTLS = 1,
        /// OpenSSL.
        COAP_TLS_LIBRARY_OPENSSL = 2,
        /// GnuTLS.
        COAP_TLS_LIBRARY_GNUTLS = 3,
        /// Mbed TLS.
        COAP_TLS_LIBRARY_MBEDTLS = 4,
        /// wolfSSL.
        COAP_TLS_LIBRARY_WOLFSSL = 5,
    }
}

/// Says whether a certificate of the peer's chain is accepted: 1 yes, 0 no. `cn` is its common name,
/// `asn1_public_cert` its DER of `asn1_length` bytes, `depth` its place in the chain (0 is the peer's
/// own), `validated` whether the (D)TLS library accepts it.
pub type coap_dtls_cn_callback_t = Option<
    unsafe extern "C" fn(
        cn: *const c_char,
        asn1_public_cert: *const u8,
        asn1_length: usize,
        coap_session: *mut coap_session_t,
        depth: c_uint,
        validated: c_int,
        arg: *mut c_void,
    ) -> c_int,
>;

/// Returns the key of the identity that a client sent, or NULL to refuse it.
pub type coap_dtls_id_callback_t = Option<
    unsafe extern "C" fn(
        identity: *mut coap_bin_const_t,
        coap_session: *mut coap_session_t,
        arg: *mut c_void,
    ) -> *const coap_bin_const_t,
>;

/// Returns the identity and key to use with a server that sent this hint, or NULL to refuse it.
pub type coap_dtls_ih_callback_t = Option<
    unsafe extern "C" fn(
        hint: *mut coap_str_const_t,
        coap_session: *mut coap_session_t,
        arg: *mut c_void,
    ) -> *const coap_dtls_cpsk_info_t,
>;

/// Returns the keys for the name that a client asks for, or NULL to refuse it.
pub type coap_dtls_pki_sni_callback_t =
    Option<unsafe extern "C" fn(sni: *const c_char, arg: *mut c_void) -> *mut coap_dtls_key_t>;

/// Returns the hint and key for the name that a client asks for, or NULL to refuse it.
pub type coap_dtls_psk_sni_callback_t = Option<
    unsafe extern "C" fn(
        sni: *const c_char,
        coap_session: *mut coap_session_t,
        arg: *mut c_void,
    ) -> *const coap_dtls_spsk_info_t,
>;

/// Adjusts the (D)TLS library's own object `tls_session`. Returns 1, or 0 to give up.
///
/// cbindgen:ignore
pub type coap_dtls_security_setup_t =
    Option<unsafe extern "C" fn(tls_session: *mut c_void, setup_data: *mut coap_dtls_pki_t) -> c_int>;

/// A client's identity and pre-shared key.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct coap_dtls_cpsk_info_t {
    /// The identity to send.
    pub identity: coap_bin_const_t,
    /// The key.
    pub key: coap_bin_const_t,
}
layout!(coap_dtls_cpsk_info_t: 32, 8; identity: 0, key: 16);

/// How a client session uses pre-shared keys.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct coap_dtls_cpsk_t {
    /// Set to `COAP_DTLS_CPSK_SETUP_VERSION`; 0 counts as that.
    pub version: u8,
    /// 1 to use EC-JPAKE.
    pub ec_jpake: u8,
    /// 1 to offer a connection identifier, RFC 9146.
    pub use_cid: u8,
    /// Set to 0.
    pub reserved: [u8; 5],
    /// NULL, or asked for identity and key once the server's hint is known.
    pub validate_ih_call_back: coap_dtls_ih_callback_t,
    /// Given to `validate_ih_call_back`.
    pub ih_call_back_arg: *mut c_void,
    /// The server name to send (SNI), or NULL. An address is not sent.
    pub client_sni: *mut c_char,
    /// The identity and key to begin with. At most 255 and 512 bytes.
    pub psk_info: coap_dtls_cpsk_info_t,
}
layout!(coap_dtls_cpsk_t: 64, 8; version: 0, ec_jpake: 1, use_cid: 2, reserved: 3, validate_ih_call_back: 8, ih_call_back_arg: 16, client_sni: 24, psk_info: 32);

/// The member `key` of [`coap_dtls_key_t`], an unnamed union in C.
#[derive(Clone, Copy)]
#[repr(C)]
pub union coap_dtls_key_key_u {
    /// Names of PEM files.
    pub pem: coap_pki_key_pem_t,
    /// PEM in memory.
    pub pem_buf: coap_pki_key_pem_buf_t,
    /// DER in memory.
    pub asn1: coap_pki_key_asn1_t,
    /// PKCS #11 URIs.
    pub pkcs11: coap_pki_key_pkcs11_t,
    /// Each part in a form of its own.
    pub define: coap_pki_key_define_t,
}

/// A certificate or raw public key, its private key and the trusted CAs, in one of five forms.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct coap_dtls_key_t {
    /// Which member of `key` is filled in.
    pub key_type: coap_pki_key_t,
    /// The keys themselves.
    pub key: coap_dtls_key_key_u,
}
layout!(coap_dtls_key_t: 80, 8; key_type: 0, key: 8);

/// How a context or session uses certificates or raw public keys.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct coap_dtls_pki_t {
    /// Set to `COAP_DTLS_PKI_SETUP_VERSION`.
    pub version: u8,
    /// 1 to ask for and verify the peer's certificate.
    pub verify_peer_cert: u8,
    /// 1 if the peer's certificate must come from the same CA as ours.
    pub check_common_ca: u8,
    /// 1 to accept self-signed certificates, unless `check_common_ca` is 1.
    pub allow_self_signed: u8,
    /// 1 to accept expired certificates.
    pub allow_expired_certs: u8,
    /// 1 to validate the chain up to `cert_chain_verify_depth`.
    pub cert_chain_validation: u8,
    /// How many certificates may lie between the peer's and the root, if `cert_chain_validation` is 1.
    pub cert_chain_verify_depth: u8,
    /// 1 to look at revocation lists.
    pub check_cert_revocation: u8,
    /// 1 to accept that there is no revocation list.
    pub allow_no_crl: u8,
    /// 1 to accept an expired revocation list.
    pub allow_expired_crl: u8,
    /// 1 to accept a digest that the library thinks weak.
    pub allow_bad_md_hash: u8,
    /// 1 to accept a short RSA key.
    pub allow_short_rsa_length: u8,
    /// 1 if `pki_key` is a raw public key, RFC 7250. Files in PEM hold certificates whatever this says.
    pub is_rpk_not_cert: u8,
    /// 1 to offer a connection identifier, RFC 9146 (clients).
    pub use_cid: u8,
    /// Set to 0.
    pub reserved: [u8; 2],
    /// NULL, or asked whether a certificate is accepted.
    pub validate_cn_call_back: coap_dtls_cn_callback_t,
    /// Given to `validate_cn_call_back`.
    pub cn_call_back_arg: *mut c_void,
    /// NULL, or asked for the keys of the name that a client wants.
    pub validate_sni_call_back: coap_dtls_pki_sni_callback_t,
    /// Given to `validate_sni_call_back`.
    pub sni_call_back_arg: *mut c_void,
    /// NULL, or called with the (D)TLS library's own object for further set-up.
    pub additional_tls_setup_call_back: coap_dtls_security_setup_t,
    /// The server name to send (SNI), or NULL; an address is not sent. If the server is verified, and there
    /// is no `validate_cn_call_back` to do so, its certificate must be for this name.
    pub client_sni: *mut c_char,
    /// The keys.
    pub pki_key: coap_dtls_key_t,
}
layout!(coap_dtls_pki_t: 144, 8; version: 0, verify_peer_cert: 1, check_common_ca: 2, allow_self_signed: 3, allow_expired_certs: 4, cert_chain_validation: 5, cert_chain_verify_depth: 6, check_cert_revocation: 7, allow_no_crl: 8, allow_expired_crl: 9, allow_bad_md_hash: 10, allow_short_rsa_length: 11, is_rpk_not_cert: 12, use_cid: 13, reserved: 14, validate_cn_call_back: 16, cn_call_back_arg: 24, validate_sni_call_back: 32, sni_call_back_arg: 40, additional_tls_setup_call_back: 48, client_sni: 56, pki_key: 64);

/// A server's hint and pre-shared key.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct coap_dtls_spsk_info_t {
    /// The hint to send.
    pub hint: coap_bin_const_t,
    /// The key.
    pub key: coap_bin_const_t,
}
layout!(coap_dtls_spsk_info_t: 32, 8; hint: 0, key: 16);

/// How a server uses pre-shared keys.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct coap_dtls_spsk_t {
    /// Set to `COAP_DTLS_SPSK_SETUP_VERSION`; 0 counts as that.
    pub version: u8,
    /// 1 to use EC-JPAKE.
    pub ec_jpake: u8,
    /// Set to 0.
    pub reserved: [u8; 6],
    /// NULL, or asked for the key of an identity.
    pub validate_id_call_back: coap_dtls_id_callback_t,
    /// Given to `validate_id_call_back`.
    pub id_call_back_arg: *mut c_void,
    /// NULL, or asked for the hint and key of the name that a client wants.
    pub validate_sni_call_back: coap_dtls_psk_sni_callback_t,
    /// Given to `validate_sni_call_back`.
    pub sni_call_back_arg: *mut c_void,
    /// The hint and key to begin with. At most 255 and 512 bytes.
    pub psk_info: coap_dtls_spsk_info_t,
}
layout!(coap_dtls_spsk_t: 72, 8; version: 0, ec_jpake: 1, reserved: 2, validate_id_call_back: 8, id_call_back_arg: 16, validate_sni_call_back: 24, sni_call_back_arg: 32, psk_info: 40);

/// Keys in DER, in memory.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct coap_pki_key_asn1_t {
    /// The trusted CA, or NULL.
    pub ca_cert: *const u8,
    /// The certificate.
    pub public_cert: *const u8,
    /// The private key.
    pub private_key: *const u8,
    /// The length of `ca_cert`.
    pub ca_cert_len: usize,
    /// The length of `public_cert`.
    pub public_cert_len: usize,
    /// The length of `private_key`.
    pub private_key_len: usize,
    /// The kind of the private key.
    pub private_key_type: coap_asn1_privatekey_type_t,
}
layout!(coap_pki_key_asn1_t: 56, 8; ca_cert: 0, public_cert: 8, private_key: 16, ca_cert_len: 24, public_cert_len: 32, private_key_len: 40, private_key_type: 48);

/// Keys whose parts come in different forms.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct coap_pki_key_define_t {
    /// The trusted CA, in the form that `ca_def` names.
    pub ca: coap_const_char_ptr_t,
    /// The certificate or public key, in the form that `public_cert_def` names.
    pub public_cert: coap_const_char_ptr_t,
    /// The private key, in the form that `private_key_def` names.
    pub private_key: coap_const_char_ptr_t,
    /// The length of `ca`, if it is in memory.
    pub ca_len: usize,
    /// The length of `public_cert`, if it is in memory.
    pub public_cert_len: usize,
    /// The length of `private_key`, if it is in memory.
    pub private_key_len: usize,
    /// The form of `ca`.
    pub ca_def: coap_pki_define_t,
    /// The form of `public_cert`.
    pub public_cert_def: coap_pki_define_t,
    /// The form of `private_key`.
    pub private_key_def: coap_pki_define_t,
    /// The kind of the private key, if it is in DER.
    pub private_key_type: coap_asn1_privatekey_type_t,
    /// The PIN of the PKCS #11 token, or NULL.
    pub user_pin: *const c_char,
}
layout!(coap_pki_key_define_t: 72, 8; ca: 0, public_cert: 8, private_key: 16, ca_len: 24, public_cert_len: 32, private_key_len: 40, ca_def: 48, public_cert_def: 52, private_key_def: 56, private_key_type: 60, user_pin: 64);

/// Keys in PEM, in memory.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct coap_pki_key_pem_buf_t {
    /// The trusted CA, or NULL.
    pub ca_cert: *const u8,
    /// The certificate or raw public key.
    pub public_cert: *const u8,
    /// The private key.
    pub private_key: *const u8,
    /// The length of `ca_cert`.
    pub ca_cert_len: usize,
    /// The length of `public_cert`.
    pub public_cert_len: usize,
    /// The length of `private_key`.
    pub private_key_len: usize,
}
layout!(coap_pki_key_pem_buf_t: 48, 8; ca_cert: 0, public_cert: 8, private_key: 16, ca_cert_len: 24, public_cert_len: 32, private_key_len: 40);

/// Keys in PEM files.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct coap_pki_key_pem_t {
    /// The file with the trusted CA, or NULL.
    pub ca_file: *const c_char,
    /// The file with the certificate.
    pub public_cert: *const c_char,
    /// The file with the private key.
    pub private_key: *const c_char,
}
layout!(coap_pki_key_pem_t: 24, 8; ca_file: 0, public_cert: 8, private_key: 16);

/// Keys in a PKCS #11 token.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct coap_pki_key_pkcs11_t {
    /// The URI of the trusted CA, or NULL.
    pub ca: *const c_char,
    /// The URI of the certificate.
    pub public_cert: *const c_char,
    /// The URI of the private key.
    pub private_key: *const c_char,
    /// The PIN of the token, or NULL.
    pub user_pin: *const c_char,
}
layout!(coap_pki_key_pkcs11_t: 32, 8; ca: 0, public_cert: 8, private_key: 16, user_pin: 24);

/// Which (D)TLS library a build uses, in which version.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct coap_tls_version_t {
    /// The version found at run time, in the library's own numbering.
    pub version: u64,
    /// Which library.
    pub r#type: coap_tls_library_t,
    /// The version that the build was made against.
    pub built_version: u64,
}
layout!(coap_tls_version_t: 24, 8; version: 0, r#type: 8, built_version: 16);
