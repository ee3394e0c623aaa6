//! Keys in all the forms that there are, and set-ups that cannot work: they are refused when they are
//! given, and the text says which part, which file, and OpenSSL's reason.

use super::authority::{Holder, Wish, memory};
use super::pki::{Scratch, VERIFY, pki};
use super::*;
use crate::tls::{Checks, Encoding, Keys, SetupError, Source};
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use openssl::symm::Cipher;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

fn der(bytes: &[u8], kind: u32) -> Source {
    Source::Memory(Secret::from(bytes), Encoding::Der { kind })
}

fn pem_file(path: &str) -> Source {
    Source::File(PathBuf::from(path), Encoding::Pem)
}

/// What both sides say of the set-up. With a CA that is to be looked at.
fn refused(keys: &Keys) -> [String; 2] {
    let checks = Checks { common_ca: true, ..Checks::default() };
    let client = OpenSsl.client(ClientSetup::Pki(Box::new(pki(keys.clone(), checks))), &Roots::default());
    let setup = ServerSetup { psk: None, pki: Some(Box::new(pki(keys.clone(), checks))) };
    let server = OpenSsl.server(setup, &Roots::default());
    [client.map(|_| ()), server.map(|_| ())].map(|result| match result {
        Ok(()) => "taken".to_owned(),
        Err(SetupError(text)) => text,
    })
}

#[test]
fn keys_in_every_form_connect() {
    let root = Holder::root("root");
    let end = root.end("end");
    let [certificate, key] = [end.pem(), end.key_pem()];
    let certificate_der = end.certificate.to_der().unwrap();
    let [key_der, old_der] = [end.key.private_key_to_pkcs8().unwrap(), end.key.private_key_to_der().unwrap()];
    let old_pem = end.key.ec_key().unwrap().private_key_to_pem().unwrap();
    let both = Scratch::new("both.pem", &[&certificate[..], &key].concat());
    let one = Scratch::new("certificate.der", &certificate_der);
    let other = Scratch::new("key.der", &old_der);
    let file = |scratch: &Scratch, encoding| Source::File(scratch.0.clone(), encoding);
    for (certificate, private_key) in [
        (memory(&certificate), memory(&key)),
        (memory(&certificate), memory(&old_pem)),
        (memory(&[&certificate[..], b"\0"].concat()), memory(&[&key[..], b"\0"].concat())),
        (der(&certificate_der, 0), der(&key_der, 0)),
        (der(&certificate_der, 0), der(&old_der, 10)),
        (file(&both, Encoding::Pem), file(&both, Encoding::Pem)),
        (file(&one, Encoding::Der { kind: 0 }), file(&other, Encoding::Der { kind: 10 })),
        (der(&certificate_der, 0), memory(&key)),
    ] {
        let keys = Keys {
            certificate: Some(certificate),
            private_key: Some(private_key),
            ca: Some(der(&root.certificate.to_der().unwrap(), 0)),
            pin: None,
        };
        let (connector, acceptor) =
            (pki_connector(pki(keys.clone(), VERIFY)), pki_acceptor(pki(keys, VERIFY)));
        Pair::new(&connector, &acceptor, CARRIERS[0]).connected();
    }
}

#[test]
fn rsa_keys_connect() {
    let root = Holder::root("root");
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let end = Holder::issue(Some(&root), Wish { key, ..Wish::default() });
    for carrier in CARRIERS {
        let keys = end.keys(Some(&root), &[]);
        let (connector, acceptor) =
            (pki_connector(pki(keys.clone(), VERIFY)), pki_acceptor(pki(keys, VERIFY)));
        Pair::new(&connector, &acceptor, carrier).connected();
    }
}

#[test]
fn a_set_up_that_cannot_work_is_refused_with_the_part_and_the_reason() {
    let root = Holder::root("root");
    let (end, other) = (root.end("end"), root.end("other"));
    let good = end.keys(Some(&root), &[]);
    let (empty, garbage) = (Scratch::new("empty.pem", b""), Scratch::new("garbage.pem", b"garbage\n"));
    let file = |scratch: &Scratch| Some(Source::File(scratch.0.clone(), Encoding::Pem));
    let locked = end.key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_128_cbc(), b"pass").unwrap();
    let with = |change: &dyn Fn(&mut Keys)| {
        let mut keys = good.clone();
        change(&mut keys);
        keys
    };
    let missing = || Some(pem_file("/nowhere/at.all"));
    for (keys, expected) in [
        (with(&|k| k.private_key = missing()), &["private key: /nowhere/at.all: No such file"][..]),
        (with(&|k| k.certificate = missing()), &["certificate: /nowhere/at.all: No such file"]),
        (with(&|k| k.ca = missing()), &["CA: /nowhere/at.all: No such file"]),
        (with(&|k| k.private_key = file(&empty)), &["private key: ", "empty.pem", "is empty"]),
        (with(&|k| k.certificate = file(&empty)), &["certificate: ", "empty.pem", "is empty"]),
        (with(&|k| k.ca = file(&empty)), &["CA: ", "empty.pem", "is empty"]),
        (with(&|k| k.private_key = file(&garbage)), &["private key: ", "garbage.pem", "unsupported"]),
        (with(&|k| k.certificate = file(&garbage)), &["certificate: ", "garbage.pem", "no start line"]),
        (with(&|k| k.ca = file(&garbage)), &["CA: ", "garbage.pem", "no start line"]),
        (with(&|k| k.certificate = Some(pem_file("/tmp"))), &["certificate: /tmp: Is a directory"]),
        (with(&|k| k.private_key = None), &["private key: not given"]),
        (with(&|k| k.certificate = None), &["certificate: not given"]),
        (with(&|k| k.private_key = Some(memory(&other.key_pem()))), &["private key: ", "certificate"]),
        (with(&|k| k.private_key = Some(memory(&locked))), &["private key: "]),
        (
            with(&|k| k.private_key = Some(der(&end.key.private_key_to_der().unwrap(), 1))),
            &["private key: ", "kind"],
        ),
        (with(&|k| k.certificate = Some(der(b"rubbish", 0))), &["certificate: "]),
        (with(&|k| k.private_key = Some(der(b"rubbish", 0))), &["private key: "]),
        (
            with(&|k| k.private_key = Some(Source::RawPublicKey(secret(b"x")))),
            &["private key: raw public keys"],
        ),
        (with(&|k| k.private_key = Some(Source::Engine("x".into()))), &["private key: no engine"]),
        (with(&|k| k.certificate = Some(Source::Engine("x".into()))), &["certificate: no engine"]),
        (
            with(&|k| k.private_key = Some(Source::Pkcs11("pkcs11:object=x".into()))),
            &["private key: pkcs11:object=x: "],
        ),
        (
            with(&|k| k.certificate = Some(Source::Pkcs11("pkcs11:object=x".into()))),
            &["certificate: pkcs11:object=x: "],
        ),
        (with(&|k| k.ca = Some(Source::Pkcs11("pkcs11:object=x".into()))), &["CA: pkcs11:object=x: "]),
    ] {
        for text in refused(&keys) {
            let Some((first, rest)) = expected.split_first() else { continue };
            assert!(
                text.starts_with(first) && rest.iter().all(|part| text.contains(part)),
                "{text}: {expected:?}"
            );
            assert!(!text.contains("no reason given"), "{text}");
        }
    }
}

#[test]
fn a_short_own_key_is_refused_unless_that_is_allowed() {
    let root = Holder::root("root");
    let key = PKey::from_rsa(Rsa::generate(1024).unwrap()).unwrap();
    let end = Holder::issue(Some(&root), Wish { key, ..Wish::default() });
    let refused = refused(&end.keys(None, &[]));
    assert!(
        refused.iter().all(|text| text.starts_with("certificate: ") && text.contains("key too small")),
        "{refused:?}"
    );
    let lenient = Checks { allow_short_rsa: true, ..Checks::default() };
    pki_acceptor(pki(end.keys(None, &[]), lenient));
}

/// Whoever it is shown to will say.
#[test]
fn an_own_certificate_out_of_date_is_taken() {
    let root = Holder::root("root");
    let end = Holder::issue(Some(&root), Wish { from_days: -2, to_days: -1, ..Wish::default() });
    assert_eq!(refused(&end.keys(Some(&root), &[])), ["taken", "taken"]);
}

#[test]
fn a_client_needs_no_keys_and_a_server_does() {
    let [client, server] = refused(&Keys::default());
    assert_eq!(client, "taken");
    assert!(server.starts_with("private key: not given"), "{server}");
}

#[test]
fn a_ca_that_nobody_looks_at_need_not_be_there() {
    let end = Holder::root("root").end("end");
    let keys = Keys { ca: Some(pem_file("/nowhere/at.all")), ..end.keys(None, &[]) };
    pki_acceptor(pki(keys, Checks { common_ca: false, ..VERIFY }));
}

#[test]
fn raw_public_keys_are_refused() {
    let set_up =
        Pki { is_rpk: true, ..pki(Holder::root("root").end("end").keys(None, &[]), Checks::default()) };
    let setup = ServerSetup { psk: None, pki: Some(Box::new(set_up)) };
    let refused = OpenSsl.server(setup, &Roots::default()).map(|_| ());
    assert_eq!(refused, Err(SetupError("raw public keys are not supported".to_owned())));
}

#[test]
fn roots_are_looked_at() {
    let root = Holder::root("root");
    let (good, garbage) = (Scratch::new("roots.pem", &root.pem()), Scratch::new("no-roots.pem", b"garbage"));
    let check = |file: &str| {
        OpenSsl.check_roots(&Roots { files: vec![PathBuf::from(file)], directories: Vec::new() })
    };
    assert_eq!(check(good.0.to_str().unwrap()), Ok(()));
    for (file, reason) in
        [(garbage.0.to_str().unwrap(), "no"), ("/nowhere/at.all", "No such file"), ("/tmp", "Is a directory")]
    {
        let Err(SetupError(text)) = check(file) else { panic!("{file} was taken") };
        assert!(text.starts_with(&format!("root CAs: {file}: ")) && text.contains(reason), "{text}");
    }
    // A path of any bytes.
    let odd = std::ffi::OsStr::from_bytes(b"/nowhere/\xff\0x").to_owned();
    assert!(
        OpenSsl.check_roots(&Roots { files: vec![PathBuf::from(odd)], directories: Vec::new() }).is_err()
    );
    let directory = Roots { files: Vec::new(), directories: vec![PathBuf::from("/nowhere")] };
    assert_eq!(OpenSsl.check_roots(&directory), Ok(()));
}

/// By hash, as `openssl rehash` makes it.
#[test]
fn roots_in_a_directory_are_trusted() {
    let root = Holder::root("root");
    let directory = std::env::temp_dir().join(format!("coap-tls-{}-roots", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let hash = root.certificate.subject_name_hash();
    std::fs::write(directory.join(format!("{hash:08x}.0")), root.pem()).unwrap();
    let looks = pki(Keys::default(), Checks { common_ca: false, ..VERIFY });
    let roots = Roots { files: Vec::new(), directories: vec![directory.clone()] };
    let connector = OpenSsl.client(ClientSetup::Pki(Box::new(looks)), &roots).unwrap();
    let acceptor = pki_acceptor(pki(root.end("end").keys(None, &[]), Checks::default()));
    Pair::new(&connector, &acceptor, CARRIERS[0]).connected();
    std::fs::remove_dir_all(&directory).unwrap();
}
