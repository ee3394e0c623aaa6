//! The keys of secured servers, and what a client has to be told of them. The clients use the library of the system for
//! (D)TLS, as the servers do, but neither of the libraries under test.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use openssl::asn1::Asn1Time;
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::ssl::{SslContext, SslMethod, SslOptions, SslVerifyMode, SslVersion};
use openssl::x509::{X509, X509NameBuilder};

use crate::wire::Under;

/// The pre-shared key that `server.c` has.
const SECRET: &[u8] = b"secret";

/// How a server and its clients know each other.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Key {
    /// Both have a key.
    Shared,
    /// The server has a certificate with an ECDSA key on the curve P-256; the client has none.
    Certificate,
}

/// Makes a certificate for a server and its key, in one file in `work`.
pub(crate) fn certificate(work: &Path) -> io::Result<PathBuf> {
    let path = work.join("certificate.pem");
    let (key, certificate) = made_certificate()?;
    fs::write(&path, [certificate, key].concat())?;
    Ok(path)
}

fn made_certificate() -> Result<(Vec<u8>, Vec<u8>), ErrorStack> {
    let key = PKey::from_ec_key(EcKey::generate(&*EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?)?)?;
    let mut name = X509NameBuilder::new()?;
    name.append_entry_by_text("CN", "localhost")?;
    let name = name.build();
    let mut certificate = X509::builder()?;
    certificate.set_version(2)?;
    certificate.set_subject_name(&name)?;
    certificate.set_issuer_name(&name)?;
    certificate.set_pubkey(&key)?;
    certificate.set_not_before(&*Asn1Time::days_from_now(0)?)?;
    certificate.set_not_after(&*Asn1Time::days_from_now(2)?)?;
    certificate.sign(&key, MessageDigest::sha256())?;
    Ok((key.private_key_to_pem_pkcs8()?, certificate.build().to_pem()?))
}

/// What clients are made of.
///
/// Over datagrams they offer the suites that RFC 7252 §9.1.3 makes mandatory, or, where the library for (D)TLS takes
/// these for too weak, the same with the tag in full. Over TCP it is TLS 1.3 with its mandatory suite.
pub(crate) fn client(under: Under, key: Key) -> Result<SslContext, ErrorStack> {
    let method = if under == Under::Datagrams { SslMethod::dtls_client() } else { SslMethod::tls_client() };
    let mut context = SslContext::builder(method)?;
    // The certificate is checked in other places. Here it would only make the client slower.
    context.set_verify(SslVerifyMode::NONE);
    context.set_groups_list("P-256")?;
    match under {
        Under::Datagrams => {
            context.set_min_proto_version(Some(SslVersion::DTLS1_2))?;
            context.set_options(SslOptions::NO_QUERY_MTU);
            let suite = if key == Key::Shared { "PSK" } else { "ECDHE-ECDSA" };
            context.set_cipher_list(&format!("{suite}-AES128-CCM8:{suite}-AES128-CCM:@SECLEVEL=0"))?;
        }
        Under::Stream => {
            context.set_min_proto_version(Some(SslVersion::TLS1_3))?;
            context.set_ciphersuites("TLS_AES_128_GCM_SHA256")?;
        }
    }
    if key == Key::Shared {
        context.set_psk_client_callback(|_, _, identity, key| {
            identity[..3].copy_from_slice(b"me\0");
            key[..SECRET.len()].copy_from_slice(SECRET);
            Ok(SECRET.len())
        });
    }
    Ok(context.build())
}
