//! Keys and certificates, from wherever they are.

use super::queue::{self, Reasons};
use super::{engine, token};
use crate::tls::{Encoding, Keys, Secret, SetupError, Source};
use openssl::error::ErrorStack;
use openssl::pkey::{Id, PKey, Private};
use openssl::x509::X509;
use std::fs;
use std::time::SystemTime;

/// Keys that have been read.
pub(super) struct Material {
    /// What is shown, with what was behind it.
    pub(super) shown: Option<Shown>,
    /// The CA of [`Keys::ca`]. Read only where it is asked for.
    pub(super) authorities: Vec<X509>,
}

/// A certificate, those behind it, and its key.
pub(super) struct Shown {
    pub(super) certificate: X509,
    pub(super) chain: Vec<X509>,
    pub(super) key: PKey<Private>,
}

impl Material {
    /// The CA in DER.
    pub(super) fn authorities(&self) -> Result<Vec<Vec<u8>>, SetupError> {
        self.authorities.iter().map(|one| one.to_der().map_err(queue::refused_by("CA"))).collect()
    }

    /// Reads them: the private key, the certificate, and with `with_ca` the CA.
    pub(super) fn read(keys: &Keys, with_ca: bool) -> Result<Self, SetupError> {
        let shown = match (&keys.private_key, &keys.certificate) {
            (None, None) => None,
            (None, Some(_)) => return Err(SetupError("private key: not given".to_owned())),
            (Some(_), None) => return Err(SetupError("certificate: not given".to_owned())),
            (Some(key), Some(certificate)) => {
                let key = private_key(key, keys.pin.as_ref())?;
                let mut certificates =
                    certificates("certificate", certificate, keys.pin.as_ref())?.into_iter();
                let Some(certificate) = certificates.next() else {
                    return Err(SetupError("certificate: none is there".to_owned()));
                };
                let public = certificate.public_key().map_err(queue::refused_by("certificate: its key"))?;
                if !public.public_eq(&key) {
                    return Err(SetupError("private key: it is not that of the certificate".to_owned()));
                }
                Some(Shown { certificate, chain: certificates.collect(), key })
            }
        };
        let authorities = match &keys.ca {
            Some(ca) if with_ca => certificates("CA", ca, keys.pin.as_ref())?,
            _ => Vec::new(),
        };
        Ok(Material { shown, authorities })
    }
}

/// The bytes of a source that has bytes, and what to call it.
fn bytes(part: &str, source: &Source) -> Result<(String, Vec<u8>, Encoding), SetupError> {
    match source {
        Source::File(path, encoding) => {
            let name = format!("{part}: {}", path.display());
            let bytes = fs::read(path).map_err(|e| SetupError(format!("{name}: {e}")))?;
            if bytes.is_empty() {
                return Err(SetupError(format!("{name}: the file is empty")));
            }
            Ok((name, bytes, *encoding))
        }
        Source::Memory(secret, encoding) => Ok((part.to_owned(), secret.as_bytes().to_vec(), *encoding)),
        Source::RawPublicKey(_) | Source::RawPkcs11(_) => {
            Err(SetupError(format!("{part}: raw public keys are not supported")))
        }
        Source::Pkcs11(name) | Source::Engine(name) => {
            Err(SetupError(format!("{part}: {name} has no bytes")))
        }
    }
}

fn certificates(part: &str, source: &Source, pin: Option<&Secret>) -> Result<Vec<X509>, SetupError> {
    match source {
        Source::Pkcs11(uri) => return Ok(vec![token::certificate(part, uri, pin)?]),
        Source::Engine(name) => return Ok(vec![engine::certificate(part, name)?]),
        _ => {}
    }
    let (name, bytes, encoding) = bytes(part, source)?;
    let read = match encoding {
        Encoding::Pem => X509::stack_from_pem(&bytes),
        Encoding::Der { .. } => X509::from_der(&bytes).map(|one| vec![one]),
    };
    match read {
        Ok(certificates) if certificates.is_empty() => Err(SetupError(format!("{name}: no start line"))),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(SetupError(format!("{name}: {}", error.reasons()))),
    }
}

fn private_key(source: &Source, pin: Option<&Secret>) -> Result<PKey<Private>, SetupError> {
    match source {
        Source::Pkcs11(uri) => return token::private_key(uri, pin),
        Source::Engine(name) => return engine::private_key(name),
        _ => {}
    }
    let (name, mut bytes, encoding) = bytes("private key", source)?;
    let read = match encoding {
        // A key under a pass phrase is refused: a library does not ask at the terminal.
        Encoding::Pem => PKey::private_key_from_pem_callback(&bytes, |_| Err(ErrorStack::get())),
        Encoding::Der { .. } => PKey::private_key_from_der(&bytes),
    };
    bytes.fill(0);
    let key = read.map_err(queue::refused_by(&name))?;
    match encoding {
        Encoding::Der { kind } if kind != 0 && Some(key.id()) != id(kind) => {
            Err(SetupError(format!("{name}: it is not of the kind that is said")))
        }
        _ => Ok(key),
    }
}

/// OpenSSL's name for a kind of `coap_asn1_privatekey_type_t`.
fn id(kind: u32) -> Option<Id> {
    match kind {
        1 | 2 => Some(Id::RSA),
        3..=7 => Some(Id::DSA),
        8 => Some(Id::DH),
        9 => Some(Id::DHX),
        10 => Some(Id::EC),
        _ => None,
    }
}

/// When the files were changed that a set-up is made of. As long as this is equal, so are they.
pub(super) fn stamps<'a>(files: impl Iterator<Item = &'a std::path::Path>) -> Vec<Option<Stamp>> {
    files
        .map(|path| {
            fs::metadata(path).ok().and_then(|m| Some(Stamp { changed: m.modified().ok()?, len: m.len() }))
        })
        .collect()
}

/// See [`stamps`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Stamp {
    changed: SystemTime,
    len: u64,
}

/// The files of keys.
pub(super) fn files(keys: &Keys) -> impl Iterator<Item = &std::path::Path> {
    [&keys.private_key, &keys.certificate, &keys.ca].into_iter().flatten().filter_map(|source| match source {
        Source::File(path, _) => Some(path.as_path()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::ec::{EcGroup, EcKey};
    use openssl::nid::Nid;

    #[test]
    fn a_private_key_in_der_is_of_the_kind_that_is_said() {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = EcKey::generate(&group).unwrap().private_key_to_der().unwrap();
        let read =
            |kind| private_key(&Source::Memory(Secret::from(&key[..]), Encoding::Der { kind }), None).is_ok();
        const NOT_SAID: u32 = 0;
        const RSA: u32 = 1;
        const EC: u32 = 10;
        assert!(read(NOT_SAID) && read(EC));
        assert!(!read(RSA) && !read(Nid::X9_62_ID_ECPUBLICKEY.as_raw().cast_unsigned()));
    }
}
