//! Cipher suites, and what is safe enough.
//!
//! RFC 7252 §9.1.3 makes TLS_PSK_WITH_AES_128_CCM_8 and TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8 mandatory.
//! Newer versions of OpenSSL count the short tag of CCM_8 as less than their security level 2 asks for,
//! so these suites are let through one by one, and all else stays at that level.

use super::sys;
use crate::tls::Checks;
use core::ffi::{c_int, c_void};
use openssl::ssl::SslContextBuilder;
use openssl_sys as ffi;
use std::sync::OnceLock;

/// For DTLS and TLS 1.2 with keys that both sides have. Forward secrecy first; CBC for peers that have
/// nothing else.
pub(super) const PSK: &str = "ECDHE-PSK-CHACHA20-POLY1305:\
    PSK-AES256-GCM-SHA384:PSK-CHACHA20-POLY1305:PSK-AES128-GCM-SHA256:PSK-AES256-CCM:PSK-AES128-CCM:\
    PSK-AES128-CCM8:PSK-AES256-CCM8:ECDHE-PSK-AES128-CBC-SHA256:PSK-AES128-CBC-SHA256";

/// For DTLS and TLS 1.2 with certificates.
pub(super) const PKI: &str = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:\
    ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:\
    ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:\
    ECDHE-ECDSA-AES256-CCM:ECDHE-ECDSA-AES128-CCM:ECDHE-ECDSA-AES128-CCM8:ECDHE-ECDSA-AES256-CCM8:\
    ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256";

/// For TLS 1.3 with keys that both sides have: such a key goes with SHA-256 (RFC 8446 §4.2.11), and a
/// server that picked another suite could not use it.
pub(super) const PSK_13: &str = "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:TLS_AES_128_CCM_SHA256";

/// For TLS 1.3 with certificates.
pub(super) const PKI_13: &str = "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:\
    TLS_AES_128_GCM_SHA256:TLS_AES_128_CCM_SHA256";

/// The codes of the suites that have AES-CCM with a short tag.
const CCM_8: [u16; 4] = [0xc0a8, 0xc0a9, 0xc0ae, 0xc0af];

/// The level that all else is held to.
const LEVEL: u32 = 2;

/// What is let through that the level forbids.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Lenience {
    /// Certificates signed by way of a weak digest.
    pub(super) bad_digest: bool,
    /// Short RSA keys in certificates.
    pub(super) short_rsa: bool,
}

impl Lenience {
    pub(super) fn of(checks: &Checks) -> Self {
        Lenience { bad_digest: checks.allow_bad_digest, short_rsa: checks.allow_short_rsa }
    }

    fn as_data(self) -> *mut c_void {
        core::ptr::without_provenance_mut(usize::from(self.bad_digest) | usize::from(self.short_rsa) << 1)
    }

    fn from_data(data: *mut c_void) -> Self {
        let bits = data.addr();
        Lenience { bad_digest: bits & 1 != 0, short_rsa: bits & 2 != 0 }
    }
}

/// OpenSSL's own answer, which is the same function in all contexts.
static BY_LEVEL: OnceLock<sys::SecurityCallback> = OnceLock::new();

/// Holds a context to the level.
pub(super) fn secure(context: &mut SslContextBuilder, lenience: Lenience) {
    // SAFETY: a context that is alive.
    let level = u32::try_from(unsafe { ffi::SSL_CTX_get_security_level(context.as_ptr()) });
    if level.is_ok_and(|level| level < LEVEL) {
        context.set_security_level(LEVEL);
    }
    // SAFETY: as above; the callback is of the type that is asked for. The data is a number.
    unsafe {
        if let Some(own) = sys::SSL_CTX_get_security_callback(context.as_ptr()) {
            let own = *BY_LEVEL.get_or_init(|| own);
            debug_assert!(!core::ptr::fn_addr_eq(own, judge as sys::SecurityCallback));
            sys::SSL_CTX_set_security_callback(context.as_ptr(), Some(judge));
            sys::SSL_CTX_set0_security_ex_data(context.as_ptr(), lenience.as_data());
        }
    }
}

/// Whether the suite of this code is one of [`PSK`].
pub(super) fn is_psk(code: [u8; 2]) -> bool {
    matches!(
        u16::from_be_bytes(code),
        0xccac | 0x00a9 | 0xccab | 0x00a8 | 0xc0a5 | 0xc0a4 | 0xc0a8 | 0xc0a9 | 0xc037 | 0x00ae
    )
}

extern "C" fn judge(
    ssl: *const ffi::SSL,
    context: *const ffi::SSL_CTX,
    operation: c_int,
    bits: c_int,
    nid: c_int,
    other: *mut c_void,
    data: *mut c_void,
) -> c_int {
    let lenience = Lenience::from_data(data);
    let allowed = match operation & !sys::SSL_SECOP_PEER {
        op if op & 0xffff_0000_u32.cast_signed() == sys::SSL_SECOP_OTHER_CIPHER && !other.is_null() => {
            // SAFETY: for these operations it is a cipher.
            CCM_8.contains(&unsafe { ffi::SSL_CIPHER_get_protocol_id(other.cast()) })
        }
        sys::SSL_SECOP_CA_MD => lenience.bad_digest,
        sys::SSL_SECOP_EE_KEY | sys::SSL_SECOP_CA_KEY if lenience.short_rsa && !other.is_null() => {
            // SAFETY: for these operations it is a certificate. The key stays the certificate's.
            unsafe {
                let key = sys::X509_get0_pubkey(other.cast());
                !key.is_null() && ffi::EVP_PKEY_id(key) == ffi::EVP_PKEY_RSA
            }
        }
        _ => false,
    };
    if allowed {
        return 1;
    }
    match BY_LEVEL.get() {
        Some(by_level) => by_level(ssl, context, operation, bits, nid, other, data),
        None => 0,
    }
}
