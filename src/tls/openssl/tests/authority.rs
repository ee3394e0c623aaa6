//! A certificate authority for tests.

use crate::tls::{Encoding, Keys, Secret, Source};
use openssl::asn1::{Asn1Object, Asn1OctetString, Asn1Time};
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509Builder, X509CrlBuilder, X509Extension, X509NameBuilder, X509RevokedBuilder};

/// A certificate with its key, and those above it.
#[derive(Clone)]
pub(super) struct Holder {
    pub(super) certificate: X509,
    pub(super) key: PKey<Private>,
}

/// What is to be in a certificate.
pub(super) struct Wish<'a> {
    pub(super) common_name: Option<&'a str>,
    pub(super) names: &'a [&'a str],
    pub(super) is_authority: bool,
    pub(super) from_days: i64,
    pub(super) to_days: i64,
    pub(super) key: PKey<Private>,
    pub(super) digest: MessageDigest,
}

impl Default for Wish<'_> {
    fn default() -> Self {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        Wish {
            common_name: Some("end"),
            names: &[],
            is_authority: false,
            from_days: -1,
            to_days: 30,
            key: PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap(),
            digest: MessageDigest::sha256(),
        }
    }
}

impl Holder {
    /// A certificate by this authority, or by itself.
    pub(super) fn issue(issuer: Option<&Holder>, wish: Wish<'_>) -> Holder {
        let mut subject = X509NameBuilder::new().unwrap();
        if let Some(name) = wish.common_name {
            subject.append_entry_by_nid(Nid::COMMONNAME, name).unwrap();
        } else {
            subject.append_entry_by_nid(Nid::ORGANIZATIONNAME, "nobody").unwrap();
        }
        let subject = subject.build();
        let now =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
        let day = |n: i64| Asn1Time::from_unix(now + n * 86_400).unwrap();
        let mut serial = BigNum::new().unwrap();
        serial.rand(64, MsbOption::MAYBE_ZERO, false).unwrap();
        let mut builder = X509Builder::new().unwrap();
        builder.set_version(2).unwrap();
        builder.set_serial_number(&serial.to_asn1_integer().unwrap()).unwrap();
        builder.set_subject_name(&subject).unwrap();
        builder.set_issuer_name(issuer.map_or(&subject, |issuer| issuer.certificate.subject_name())).unwrap();
        builder.set_not_before(&day(wish.from_days)).unwrap();
        builder.set_not_after(&day(wish.to_days)).unwrap();
        builder.set_pubkey(&wish.key).unwrap();
        if wish.is_authority {
            builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
        }
        if !wish.names.is_empty() {
            let mut names = SubjectAlternativeName::new();
            for name in wish.names {
                names.dns(name);
            }
            let context = builder.x509v3_context(None, None);
            let names = names.build(&context).unwrap();
            builder.append_extension(names).unwrap();
        }
        builder.sign(issuer.map_or(&wish.key, |issuer| &issuer.key), wish.digest).unwrap();
        Holder { certificate: builder.build(), key: wish.key }
    }

    /// One that is at the top.
    pub(super) fn root(name: &str) -> Holder {
        Holder::issue(None, Wish { common_name: Some(name), is_authority: true, ..Wish::default() })
    }

    /// One below this authority.
    pub(super) fn sub(&self, name: &str) -> Holder {
        Holder::issue(Some(self), Wish { common_name: Some(name), is_authority: true, ..Wish::default() })
    }

    /// One for a name, by this authority.
    pub(super) fn end(&self, name: &str) -> Holder {
        Holder::issue(Some(self), Wish { common_name: Some(name), names: &[name], ..Wish::default() })
    }

    pub(super) fn pem(&self) -> Vec<u8> {
        self.certificate.to_pem().unwrap()
    }

    pub(super) fn key_pem(&self) -> Vec<u8> {
        self.key.private_key_to_pem_pkcs8().unwrap()
    }

    /// These keys, with this CA, and these certificates behind the first.
    pub(super) fn keys(&self, ca: Option<&Holder>, between: &[&Holder]) -> Keys {
        let chain = between.iter().fold(self.pem(), |all, one| [all, one.pem()].concat());
        Keys {
            ca: ca.map(|ca| memory(&ca.pem())),
            certificate: Some(memory(&chain)),
            private_key: Some(memory(&self.key_pem())),
            pin: None,
        }
    }
}

/// PEM that is in memory.
pub(super) fn memory(pem: &[u8]) -> Source {
    Source::Memory(Secret::from(pem), Encoding::Pem)
}

/// A list of those that this authority has revoked, good between these days, in PEM.
pub(super) fn revoked(by: &Holder, ends: &[&Holder], from_days: i64, to_days: i64) -> Vec<u8> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    let day = |n: i64| Asn1Time::from_unix(now + n * 86_400).unwrap();
    let mut builder = X509CrlBuilder::new().unwrap();
    builder.set_issuer_name(by.certificate.subject_name()).unwrap();
    builder.set_last_update(&day(from_days)).unwrap();
    builder.set_next_update(&day(to_days)).unwrap();
    for end in ends {
        let mut one = X509RevokedBuilder::new().unwrap();
        one.set_serial_number(end.certificate.serial_number()).unwrap();
        one.set_revocation_date(&day(from_days)).unwrap();
        builder.add_revoked(one.build()).unwrap();
    }
    // RFC 5280 §5.2: whose key it is by, of which the authority says nothing, and which list it is.
    for (name, der) in [("2.5.29.35", &[0x30, 3, 0x80, 1, 0][..]), ("2.5.29.20", &[2, 1, 1])] {
        let name = Asn1Object::from_str(name).unwrap();
        let der = Asn1OctetString::new_from_bytes(der).unwrap();
        builder.append_extension(X509Extension::new_from_der(&name, false, &der).unwrap()).unwrap();
    }
    builder.sort().unwrap();
    builder.sign(&by.key, MessageDigest::sha256()).unwrap();
    builder.build().unwrap().to_pem().unwrap()
}
