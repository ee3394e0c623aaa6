//! Certificates and raw public keys: what `coap_dtls_pki_t` says, and its callbacks.

use super::keys::{self, Kept, copy_with_key};
use super::names::Names;
use super::{Arg, Refusal, say_left_out, server_name, session_of};
use crate::capi::handle::as_c;
use crate::capi::types::*;
use crate::tls::{AcceptCertificate, Adjust, Checks, Keys, KeysForName, Pki, Source};
use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::mem::offset_of;
use core::ptr;
use std::sync::Arc;

/// The library's copy of a set-up: what the application gets to see in callbacks.
struct Copied {
    setup: UnsafeCell<coap_dtls_pki_t>,
    /// What the pointers in it lead to.
    _kept: Kept,
}

// SAFETY: the pointers in it lead to what goes with it, or are the application's own. After it is made,
// the library neither reads nor writes it; the application's callback does.
unsafe impl Send for Copied {}
// SAFETY: the same.
unsafe impl Sync for Copied {}

/// Whether a struct is there and of a version that is known.
///
/// # Safety
/// `setup_data` is NULL or points to a struct.
pub(crate) unsafe fn check_version(setup_data: *const coap_dtls_pki_t) -> Result<(), Refusal> {
    // SAFETY: every version of the struct begins with its number.
    match unsafe { setup_data.cast::<u8>().as_ref() } {
        None => Err(Refusal::no_struct()),
        Some(&COAP_DTLS_PKI_SETUP_VERSION) => Ok(()),
        Some(_) => Err(Refusal::wrong_version()),
    }
}

/// What a set-up says, of a client or of a server.
///
/// # Safety
/// `setup_data` is NULL or points to a struct, which may be one of 4.3.1; what that points to is there
/// during the call; the callbacks in it may be called as long as the result is used.
pub(crate) unsafe fn read(setup_data: *const coap_dtls_pki_t) -> Result<Pki, Refusal> {
    // SAFETY: NULL is turned away first; the version says that the rest is there.
    let mut setup = unsafe {
        check_version(setup_data)?;
        copy_with_key(setup_data, offset_of!(coap_dtls_pki_t, pki_key))
    };
    say_left_out(setup.use_cid, 0);
    let mut kept = Kept::default();
    // Files in PEM hold certificates, whatever the flag says.
    let is_raw = setup.is_rpk_not_cert != 0 && setup.pki_key.key_type != COAP_PKI_KEY_PEM;
    // SAFETY: a copy of the struct, and what it points to, as the caller promises.
    let (keys, server_name) = unsafe {
        let keys = read_keys(&mut setup.pki_key, is_raw, &mut kept)?;
        let mut name = setup.client_sni.cast_const();
        kept.text(&mut name);
        setup.client_sni = name.cast_mut();
        (keys, server_name(setup.client_sni))
    };
    let is_raw = is_raw || matches!(keys.certificate, Some(Source::RawPublicKey(_) | Source::RawPkcs11(_)));
    let for_name = setup.validate_sni_call_back.map(|callback| keys_for_name(callback, &setup));
    Ok(Pki {
        checks: checks(&setup),
        is_rpk: is_raw,
        server_name,
        accept: setup.validate_cn_call_back.map(|callback| accept(callback, Arg(setup.cn_call_back_arg))),
        for_name,
        adjust: setup.additional_tls_setup_call_back.map(|callback| adjust(callback, setup, kept)),
        keys,
    })
}

/// The keys of a set-up or of a name: certificate and private key, or neither.
///
/// # Safety
/// As for [`keys::read`].
unsafe fn read_keys(key: &mut coap_dtls_key_t, is_raw: bool, kept: &mut Kept) -> Result<Keys, Refusal> {
    // SAFETY: as the caller promises.
    let keys = unsafe { keys::read(key, is_raw, kept) }?;
    match (&keys.certificate, &keys.private_key) {
        (Some(_), None) => Err(Refusal::new("Private Key not defined")),
        (None, Some(_)) => Err(Refusal::new("Certificate not defined")),
        _ => Ok(keys),
    }
}

fn checks(setup: &coap_dtls_pki_t) -> Checks {
    Checks {
        verify_peer: setup.verify_peer_cert != 0,
        common_ca: setup.check_common_ca != 0,
        allow_self_signed: setup.allow_self_signed != 0 && setup.check_common_ca == 0,
        allow_expired: setup.allow_expired_certs != 0,
        depth: (setup.cert_chain_validation != 0).then_some(setup.cert_chain_verify_depth),
        revocation: setup.check_cert_revocation != 0,
        allow_no_crl: setup.allow_no_crl != 0,
        allow_expired_crl: setup.allow_expired_crl != 0,
        allow_bad_digest: setup.allow_bad_md_hash != 0,
        allow_short_rsa: setup.allow_short_rsa_length != 0,
    }
}

fn accept(
    callback: unsafe extern "C" fn(
        *const core::ffi::c_char,
        *const u8,
        usize,
        *mut coap_session_t,
        core::ffi::c_uint,
        core::ffi::c_int,
        *mut c_void,
    ) -> core::ffi::c_int,
    arg: Arg,
) -> AcceptCertificate {
    Arc::new(move |peer, certificate| {
        let Some(session) = session_of(peer) else { return false };
        let name = certificate.name.map_or(ptr::null(), core::ffi::CStr::as_ptr);
        let der = certificate.der;
        let is_valid = certificate.is_valid.into();
        let session = as_c(&session);
        // SAFETY: the program gave it for this; the pointers are good for the call.
        let answer = unsafe {
            callback(name, der.as_ptr(), der.len(), session, certificate.depth, is_valid, arg.get())
        };
        answer != 0
    })
}

fn keys_for_name(
    callback: unsafe extern "C" fn(*const core::ffi::c_char, *mut c_void) -> *mut coap_dtls_key_t,
    setup: &coap_dtls_pki_t,
) -> KeysForName {
    let arg = Arg(setup.sni_call_back_arg);
    let is_rpk = setup.is_rpk_not_cert != 0;
    let names = Names::default();
    Arc::new(move |_, name| {
        names.find(name, || {
            // SAFETY: the program gave it for this. What it returns, and what that points to, is good until
            // it is called again; it may be a struct of 4.3.1.
            let keys = unsafe {
                let found = callback(name.as_ptr(), arg.get());
                if found.is_null() {
                    return None;
                }
                let mut key = copy_with_key(found.cast_const(), 0);
                let is_raw = is_rpk && key.key_type != COAP_PKI_KEY_PEM;
                read_keys(&mut key, is_raw, &mut Kept::default())
            };
            keys.inspect_err(|refusal| refusal.log("validate_sni_call_back")).ok()
        })
    })
}

fn adjust(
    callback: unsafe extern "C" fn(*mut c_void, *mut coap_dtls_pki_t) -> core::ffi::c_int,
    setup: coap_dtls_pki_t,
    kept: Kept,
) -> Adjust {
    let copied = Arc::new(Copied { setup: UnsafeCell::new(setup), _kept: kept });
    Arc::new(move |_, native| {
        // The callback may replace the set-up that it belongs to.
        let copied = Arc::clone(&copied);
        // SAFETY: the program gave it for this; the pointers are good for the call.
        unsafe { callback(native, copied.setup.get()) != 0 }
    })
}
