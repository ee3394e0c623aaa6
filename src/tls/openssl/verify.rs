//! Whether the peer's certificate will do.

use super::certificate::{self, chain_len};
use super::local::Local;
use crate::tls::{AcceptCertificate, Certificate, Checks};
use core::ffi::c_int;
use foreign_types::ForeignTypeRef as _;
use openssl::x509::{X509Ref, X509StoreContextRef, X509VerifyResult};
use openssl_sys as ffi;

/// What a certificate is judged by.
pub(super) struct Judge {
    pub(super) checks: Checks,
    /// One of these must be in the chain, if there are any. In DER.
    pub(super) authorities: Vec<Vec<u8>>,
    pub(super) accept: Option<AcceptCertificate>,
}

impl Judge {
    /// OpenSSL has found a fault (`!ok`), or nothing against this certificate. Comes for each
    /// certificate of the chain, from the top down, after the faults have been told.
    fn judge(&self, local: &Local, ok: bool, context: &mut X509StoreContextRef) -> bool {
        let depth = context.error_depth();
        if !ok {
            let fault = context.error();
            // Lists are asked for the peer's own certificate. What there are for those above it count.
            if depth > 0 && matches!(fault.as_raw(), ffi::X509_V_ERR_UNABLE_TO_GET_CRL) {
                context.set_error(X509VerifyResult::OK);
                return true;
            }
            let allowed = self.allows(fault, context);
            local.note_fault(fault, context.current_cert(), depth, allowed);
            if allowed {
                context.set_error(X509VerifyResult::OK);
            }
            return allowed;
        }
        let fault = match self.own_fault(local, context, depth) {
            None => return true,
            Some(fault) => fault,
        };
        context.set_error(fault);
        false
    }

    /// What OpenSSL does not check, or not as strictly.
    fn own_fault(
        &self,
        local: &Local,
        context: &X509StoreContextRef,
        depth: u32,
    ) -> Option<X509VerifyResult> {
        let Some(certificate) = context.current_cert() else {
            return Some(fault(ffi::X509_V_ERR_UNSPECIFIED));
        };
        if self.checks.verify_peer {
            let Some(len) = chain_len(context) else { return Some(fault(ffi::X509_V_ERR_UNSPECIFIED)) };
            let found = if self.checks.depth.is_some_and(|most| len > usize::from(most) + 2) {
                fault(ffi::X509_V_ERR_CERT_CHAIN_TOO_LONG)
            } else if self.checks.common_ca && depth == 0 && !self.is_of_authority(context) {
                fault(ffi::X509_V_ERR_CERT_UNTRUSTED)
            } else {
                X509VerifyResult::OK
            };
            if found != X509VerifyResult::OK {
                local.note_fault(found, Some(certificate), depth, false);
                return Some(found);
            }
        }
        let accept = self.accept.as_ref()?;
        let asked = certificate.to_der().ok().is_some_and(|der| {
            let name = certificate::name(certificate);
            let shown = Certificate { name: name.as_deref(), der: &der, depth, is_valid: true };
            local.with_peer(|peer| accept(peer, &shown)).unwrap_or(false)
        });
        if asked {
            return None;
        }
        // These two decide which alert is sent.
        Some(fault(if depth == 0 { ffi::X509_V_ERR_CERT_REJECTED } else { ffi::X509_V_ERR_INVALID_CA }))
    }

    /// Whether one of the CAs is above the peer's certificate. One that signs itself is above itself.
    fn is_of_authority(&self, context: &X509StoreContextRef) -> bool {
        let chain = certificate::chain(context);
        let mut above = chain.iter().skip(usize::from(chain.len() > 1)).flatten();
        self.authorities.is_empty() || above.any(|one| self.authorities.contains(one))
    }

    /// Whether a fault is allowed by the set-up.
    fn allows(&self, fault: X509VerifyResult, context: &X509StoreContextRef) -> bool {
        let checks = &self.checks;
        if !checks.verify_peer {
            return true;
        }
        match fault.as_raw() {
            ffi::X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT => checks.allow_self_signed && !checks.common_ca,
            ffi::X509_V_ERR_CERT_NOT_YET_VALID | ffi::X509_V_ERR_CERT_HAS_EXPIRED => checks.allow_expired,
            ffi::X509_V_ERR_UNABLE_TO_GET_CRL => checks.allow_no_crl,
            ffi::X509_V_ERR_CRL_NOT_YET_VALID | ffi::X509_V_ERR_CRL_HAS_EXPIRED => checks.allow_expired_crl,
            ffi::X509_V_ERR_CA_MD_TOO_WEAK => checks.allow_bad_digest,
            ffi::X509_V_ERR_EE_KEY_TOO_SMALL | ffi::X509_V_ERR_CA_KEY_TOO_SMALL => {
                let key = context.current_cert().and_then(|one| one.public_key().ok());
                checks.allow_short_rsa && key.is_some_and(|key| key.id() == openssl::pkey::Id::RSA)
            }
            _ => false,
        }
    }
}

/// The error of one of OpenSSL's numbers.
fn fault(number: c_int) -> X509VerifyResult {
    // SAFETY: the number is one of OpenSSL's own.
    unsafe { X509VerifyResult::from_raw(number) }
}

/// OpenSSL asks about a certificate.
pub(super) extern "C" fn verify(ok: c_int, context: *mut ffi::X509_STORE_CTX) -> c_int {
    // SAFETY: OpenSSL calls this while it verifies for a connection, with a context of that. What does
    // not answer as it should ends the handshake.
    let (local, context) = unsafe {
        let index = ffi::SSL_get_ex_data_X509_STORE_CTX_idx();
        if index < 0 || context.is_null() {
            return 0;
        }
        let ssl = ffi::X509_STORE_CTX_get_ex_data(context, index).cast::<ffi::SSL>();
        let Some(local) = Local::of(ssl) else {
            ffi::X509_STORE_CTX_set_error(context, ffi::X509_V_ERR_UNSPECIFIED);
            return 0;
        };
        (local, X509StoreContextRef::from_ptr_mut(context))
    };
    let judged = local.guard(|| {
        let judge = local.judge()?;
        Some(judge.judge(local, ok == 1, context))
    });
    match judged {
        Some(true) => 1,
        Some(false) => 0,
        None => {
            context.set_error(fault(ffi::X509_V_ERR_UNSPECIFIED));
            0
        }
    }
}

/// How a fault is told.
pub(super) fn fault_line(
    fault: X509VerifyResult,
    certificate: Option<&X509Ref>,
    depth: u32,
    allowed: bool,
) -> String {
    let name = certificate.and_then(certificate::name);
    let name = name.as_deref().map(|name| name.to_string_lossy()).unwrap_or_default();
    let what = if fault.as_raw() == ffi::X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN {
        "Unknown CA"
    } else {
        fault.error_string()
    };
    let overridden = if allowed { "overridden: " } else { "" };
    format!("{what}: {overridden}'{name}' depth={depth}")
}
