//! A context of OpenSSL's: what connections have in common. There is one for each set-up and kind of
//! carrier, so that nobody is trusted because of somebody else's set-up.

use super::keys::Material;
use super::queue::{self, refused, refused_by};
use super::suites::{self, Lenience};
use super::{callbacks, sys};
use crate::tls::{Carrier, Checks, Roots, SetupError};
use openssl::ssl::{
    SslContextBuilder, SslMethod, SslMode, SslOptions, SslSessionCacheMode, SslVerifyMode, SslVersion,
};
use openssl::x509::verify::X509VerifyFlags;
use openssl_sys as ffi;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// Datagrams or a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Datagrams,
    Stream,
}

impl Kind {
    pub(super) fn of(carrier: Carrier) -> Self {
        match carrier {
            Carrier::Datagrams { .. } => Kind::Datagrams,
            Carrier::Stream { .. } => Kind::Stream,
        }
    }
}

/// A context with what is the same for all.
pub(super) fn begin(kind: Kind, lenience: Lenience) -> Result<SslContextBuilder, SetupError> {
    queue::clear();
    let failed = || refused_by("OpenSSL");
    let method = match kind {
        Kind::Datagrams => SslMethod::dtls(),
        Kind::Stream => SslMethod::tls(),
    };
    let mut context = SslContextBuilder::new(method).map_err(failed())?;
    match kind {
        Kind::Datagrams => {
            context.set_min_proto_version(Some(SslVersion::DTLS1_2)).map_err(failed())?;
            context.set_max_proto_version(Some(SslVersion::DTLS1_2)).map_err(failed())?;
            context.set_options(SslOptions::NO_QUERY_MTU);
        }
        Kind::Stream => {
            context.set_min_proto_version(Some(SslVersion::TLS1_2)).map_err(failed())?;
        }
    }
    context.set_options(SslOptions::NO_RENEGOTIATION | SslOptions::NO_COMPRESSION);
    // Memory of idle connections matters more than the time to get it again.
    context.set_mode(SslMode::RELEASE_BUFFERS | SslMode::ACCEPT_MOVING_WRITE_BUFFER);
    // Tickets do for resumption; a cache would be memory that peers fill.
    context.set_session_cache_mode(SslSessionCacheMode::OFF);
    suites::secure(&mut context, lenience);
    // SAFETY: a context that is alive, and a callback of the type that is asked for.
    unsafe { sys::SSL_CTX_set_info_callback(context.as_ptr(), Some(callbacks::info)) };
    Ok(context)
}

/// Which suites.
pub(super) fn set_suites(context: &mut SslContextBuilder, old: &str, new: &str) -> Result<(), SetupError> {
    context.set_cipher_list(old).map_err(refused_by("cipher suites"))?;
    context.set_ciphersuites(new).map_err(refused_by("cipher suites"))
}

/// What is shown, who is trusted, and what is checked.
pub(super) fn set_pki(
    context: &mut SslContextBuilder,
    material: &Material,
    checks: &Checks,
    roots: &Roots,
    is_server: bool,
) -> Result<(), SetupError> {
    trust(context, roots)?;
    for authority in &material.authorities {
        context.cert_store_mut().add_cert(authority.clone()).map_err(refused_by("CA"))?;
        if is_server && checks.verify_peer {
            context.add_client_ca(authority).map_err(refused_by("CA"))?;
        }
    }
    if checks.revocation {
        let all = X509VerifyFlags::CRL_CHECK | X509VerifyFlags::CRL_CHECK_ALL;
        let set = context.cert_store_mut().set_flags(all);
        set.map_err(refused_by("revocation lists"))?;
    }
    let mode = match (is_server, checks.verify_peer) {
        (true, true) => SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT,
        (true, false) => SslVerifyMode::NONE,
        // Our callback lets everything pass where nothing is to be verified; so the application's is
        // still asked.
        (false, _) => SslVerifyMode::PEER,
    };
    // SAFETY: a context that is alive, and a callback of the type that is asked for.
    unsafe { ffi::SSL_CTX_set_verify(context.as_ptr(), mode.bits(), Some(super::verify::verify)) };
    if let (true, Some(depth)) = (checks.verify_peer, checks.depth) {
        context.set_verify_depth(u32::from(depth));
    }
    let Some(shown) = &material.shown else { return Ok(()) };
    context.set_certificate(&shown.certificate).map_err(refused_by("certificate"))?;
    context.set_private_key(&shown.key).map_err(refused_by("private key"))?;
    context.check_private_key().map_err(refused_by("private key"))?;
    for between in &shown.chain {
        context.add_extra_chain_cert(between.clone()).map_err(refused_by("certificate: its chain"))?;
    }
    if shown.chain.is_empty() {
        build_chain(context);
    }
    Ok(())
}

/// Finds the certificates above ours among those that are trusted, once, so that no handshake has to.
fn build_chain(context: &mut SslContextBuilder) {
    let flags = sys::SSL_BUILD_CHAIN_FLAG_IGNORE_ERROR | sys::SSL_BUILD_CHAIN_FLAG_CLEAR_ERROR;
    // SAFETY: a context that is alive; this takes nothing but flags.
    let built = unsafe {
        ffi::SSL_CTX_ctrl(context.as_ptr(), sys::SSL_CTRL_BUILD_CERT_CHAIN, flags, core::ptr::null_mut())
    };
    // Otherwise OpenSSL looks for them in each handshake.
    if built > 0 {
        context.set_mode(SslMode::NO_AUTO_CHAIN);
    }
    queue::clear();
}

/// Trusts the roots of a context of ours.
pub(super) fn trust(context: &mut SslContextBuilder, roots: &Roots) -> Result<(), SetupError> {
    for file in &roots.files {
        let part = format!("root CAs: {}", file.display());
        let bytes = std::fs::read(file).map_err(|e| SetupError(format!("{part}: {e}")))?;
        if bytes.is_empty() {
            return Err(SetupError(format!("{part}: the file is empty")));
        }
        load(context, Some(file), None).map_err(|()| refused(part))?;
    }
    for directory in &roots.directories {
        load(context, None, Some(directory))
            .map_err(|()| refused(format!("root CAs: {}", directory.display())))?;
    }
    Ok(())
}

/// Adds certificates and lists of revoked ones, whatever bytes the path is of.
fn load(context: &SslContextBuilder, file: Option<&Path>, directory: Option<&Path>) -> Result<(), ()> {
    let c_path = |path: Option<&Path>| {
        path.map(|path| CString::new(path.as_os_str().as_bytes()).map_err(|_| ())).transpose()
    };
    let (file, directory) = (c_path(file)?, c_path(directory)?);
    let pointer = |path: &Option<CString>| path.as_ref().map_or(core::ptr::null(), |path| path.as_ptr());
    queue::clear();
    // SAFETY: a context that is alive; each path is a string or NULL.
    let loaded =
        unsafe { ffi::SSL_CTX_load_verify_locations(context.as_ptr(), pointer(&file), pointer(&directory)) };
    if loaded == 1 { Ok(()) } else { Err(()) }
}
