//! What OpenSSL has and the crate `openssl-sys` does not declare.

use core::ffi::{c_char, c_int, c_void};
use openssl_sys::{EVP_PKEY, SSL, SSL_CTX, X509};

/// The address of a socket. Nobody here looks into it.
pub(super) enum Address {}

/// Any stack.
pub(super) enum Stack {}

/// A place to get keys and certificates from.
pub(super) enum Store {}

/// One thing in it.
pub(super) enum StoreInfo {}

/// How a user is asked.
pub(super) enum UserInterface {}

/// How a secret is asked for.
pub(super) type PasswordCallback = unsafe extern "C" fn(*mut c_char, c_int, c_int, *mut c_void) -> c_int;

/// How OpenSSL asks whether something is safe enough.
pub(super) type SecurityCallback =
    extern "C" fn(*const SSL, *const SSL_CTX, c_int, c_int, c_int, *mut c_void, *mut c_void) -> c_int;

/// How OpenSSL tells of steps and alerts.
pub(super) type InfoCallback = extern "C" fn(*const SSL, c_int, c_int);

pub(super) const DTLS_CTRL_GET_TIMEOUT: c_int = 73;
pub(super) const DTLS_CTRL_HANDLE_TIMEOUT: c_int = 74;

pub(super) const SSL_CB_LOOP: c_int = 0x01;
pub(super) const SSL_CB_EXIT: c_int = 0x02;
pub(super) const SSL_CB_READ: c_int = 0x04;
pub(super) const SSL_CB_ALERT: c_int = 0x4000;
pub(super) const SSL_ST_CONNECT: c_int = 0x1000;
pub(super) const SSL_ST_ACCEPT: c_int = 0x2000;

pub(super) const SSL_READING: c_int = 3;

pub(super) const SSL_CTRL_BUILD_CERT_CHAIN: c_int = 105;
pub(super) const SSL_BUILD_CHAIN_FLAG_IGNORE_ERROR: core::ffi::c_long = 0x8;
pub(super) const SSL_BUILD_CHAIN_FLAG_CLEAR_ERROR: core::ffi::c_long = 0x10;

/// What a question of the security callback is about.
pub(super) const SSL_SECOP_OTHER_CIPHER: c_int = 1 << 16;
pub(super) const SSL_SECOP_OTHER_CERT: c_int = 6 << 16;
pub(super) const SSL_SECOP_PEER: c_int = 0x1000;
pub(super) const SSL_SECOP_EE_KEY: c_int = 16 | SSL_SECOP_OTHER_CERT;
pub(super) const SSL_SECOP_CA_KEY: c_int = 17 | SSL_SECOP_OTHER_CERT;
pub(super) const SSL_SECOP_CA_MD: c_int = 18 | SSL_SECOP_OTHER_CERT;

pub(super) const BIO_CTRL_PENDING: c_int = 10;
pub(super) const BIO_CTRL_FLUSH: c_int = 11;
pub(super) const BIO_CTRL_DGRAM_QUERY_MTU: c_int = 40;
pub(super) const BIO_CTRL_DGRAM_GET_FALLBACK_MTU: c_int = 47;
pub(super) const BIO_CTRL_DGRAM_GET_MTU_OVERHEAD: c_int = 49;
pub(super) const BIO_FLAGS_RWS: c_int = 0x07;
pub(super) const BIO_FLAGS_READ: c_int = 0x01;
pub(super) const BIO_FLAGS_SHOULD_RETRY: c_int = 0x08;

unsafe extern "C" {
    pub(super) fn BIO_ADDR_new() -> *mut Address;
    pub(super) fn BIO_ADDR_free(address: *mut Address);
    pub(super) fn DTLSv1_listen(ssl: *mut SSL, client: *mut Address) -> c_int;
    pub(super) fn DTLS_get_data_mtu(ssl: *const SSL) -> usize;
    pub(super) fn SSL_alloc_buffers(ssl: *mut SSL) -> c_int;
    pub(super) fn SSL_free_buffers(ssl: *mut SSL) -> c_int;
    pub(super) fn SSL_has_pending(ssl: *const SSL) -> c_int;
    pub(super) fn SSL_use_psk_identity_hint(ssl: *mut SSL, hint: *const c_char) -> c_int;
    pub(super) fn SSL_CTX_set_info_callback(ctx: *mut SSL_CTX, callback: Option<InfoCallback>);
    pub(super) fn SSL_CTX_set_security_callback(ctx: *mut SSL_CTX, callback: Option<SecurityCallback>);
    pub(super) fn SSL_CTX_get_security_callback(ctx: *const SSL_CTX) -> Option<SecurityCallback>;
    pub(super) fn SSL_CTX_set0_security_ex_data(ctx: *mut SSL_CTX, data: *mut c_void);
    pub(super) fn SSL_alert_type_string_long(value: c_int) -> *const c_char;
    pub(super) fn SSL_want(ssl: *const SSL) -> c_int;
    pub(super) fn OSSL_STORE_open(
        uri: *const c_char,
        user: *const UserInterface,
        data: *mut c_void,
        post_process: *mut c_void,
        post_process_data: *mut c_void,
    ) -> *mut Store;
    pub(super) fn OSSL_STORE_expect(store: *mut Store, expected: c_int) -> c_int;
    pub(super) fn OSSL_STORE_load(store: *mut Store) -> *mut StoreInfo;
    pub(super) fn OSSL_STORE_eof(store: *mut Store) -> c_int;
    pub(super) fn OSSL_STORE_error(store: *mut Store) -> c_int;
    pub(super) fn OSSL_STORE_close(store: *mut Store) -> c_int;
    pub(super) fn OSSL_STORE_INFO_get1_PKEY(info: *const StoreInfo) -> *mut EVP_PKEY;
    pub(super) fn OSSL_STORE_INFO_get1_CERT(info: *const StoreInfo) -> *mut X509;
    pub(super) fn OSSL_STORE_INFO_free(info: *mut StoreInfo);
    pub(super) fn UI_UTIL_wrap_read_pem_callback(
        callback: Option<PasswordCallback>,
        is_for_writing: c_int,
    ) -> *mut UserInterface;
    pub(super) fn UI_destroy_method(user: *mut UserInterface);
    pub(super) fn X509_get0_pubkey(certificate: *const X509) -> *mut EVP_PKEY;
}
