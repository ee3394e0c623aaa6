//! With keys that both sides have.

use super::pki::pki;
use super::*;
use crate::tls::openssl::tests::authority::Holder;
use crate::tls::{Checks, Failure, Keys, SetupError};
use openssl::ssl::SslVersion;
use parking_lot::Mutex;

const DTLS: Carrier = CARRIERS[0];
const TLS: Carrier = CARRIERS[1];

/// What a callback was asked.
type Asked = Arc<Mutex<Vec<String>>>;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn pair(client: ClientPsk, server: ServerPsk, carrier: Carrier) -> Pair {
    Pair::new(&psk_connector(client), &psk_acceptor(server), carrier)
}

fn failed(failure: Failure) -> [Happened; 1] {
    [Happened::Failed(failure)]
}

#[test]
fn equal_keys_connect() {
    for carrier in CARRIERS {
        pair(client_psk("me", "key"), server_psk("me", "key"), carrier).connected().talk();
        pair(client_psk("", "key"), server_psk("", "key"), DTLS).connected().talk();
    }
}

#[test]
fn the_newest_version_is_agreed_on() {
    for (carrier, version) in [(DTLS, SslVersion::DTLS1_2), (TLS, SslVersion::TLS1_3)] {
        let mut pair = pair(client_psk("me", "key"), server_psk("me", "key"), carrier);
        assert_eq!(native(pair.connected().client.get()).version2(), Some(version));
    }
}

/// RFC 6347 §4.1.2.7: what does not decrypt is dropped. Over TLS 1.3 it is seen at once (RFC 8446
/// §4.2.11.2), and told.
#[test]
fn another_key_does_not_connect() {
    let mut quiet = pair(client_psk("me", "wrong"), server_psk("me", "key"), DTLS);
    quiet.run();
    assert!(quiet.client.happened.is_empty() && quiet.server.happened.is_empty());
    let mut loud = pair(client_psk("me", "wrong"), server_psk("me", "key"), TLS);
    loud.run();
    assert_eq!(loud.server.happened, failed(Failure::Hello));
    assert_eq!(loud.client.happened, failed(Failure::Peer));
}

#[test]
fn an_unknown_identity_is_refused() {
    for (carrier, failure) in [(DTLS, Failure::Here), (TLS, Failure::Hello)] {
        let mut pair = pair(client_psk("you", "key"), server_psk("me", "key"), carrier);
        pair.run();
        assert_eq!(pair.server.happened, failed(failure));
        assert_eq!(pair.client.happened, failed(Failure::Peer));
    }
}

/// A client that chooses by the hint is shown it; where it needs one there is no TLS 1.3, which has none.
#[test]
fn a_client_is_asked_by_the_hint_of_the_server() {
    for (carrier, needs_hint, hints) in
        [(DTLS, false, &["hint"][..]), (DTLS, true, &["hint"]), (TLS, true, &["hint"]), (TLS, false, &[""])]
    {
        let asked = Asked::default();
        let seen = Arc::clone(&asked);
        let for_hint: crate::tls::ForHint = Arc::new(move |_, hint| {
            seen.lock().push(text(hint));
            Some(client_psk("by hint", "key").identity)
        });
        let client = ClientPsk { for_hint, needs_hint, ..client_psk("me", "wrong") };
        pair(client, server_psk("by hint", "key"), carrier).connected();
        assert_eq!(*asked.lock(), hints);
    }
}

#[test]
fn a_client_that_knows_no_identity_for_the_hint_gives_up() {
    for carrier in CARRIERS {
        let client = ClientPsk { needs_hint: true, ..client_psk("me", "key") };
        let mut pair = pair(client, server_psk("me", "key"), carrier);
        pair.run();
        assert_eq!(pair.client.happened, failed(Failure::Here));
        assert_eq!(pair.server.happened, failed(Failure::Peer));
    }
}

fn with_names(psk: ServerPsk, asked: &Asked) -> ServerPsk {
    let asked = Arc::clone(asked);
    let for_name: crate::tls::PskForName = Arc::new(move |_, name| {
        asked.lock().push(text(name.to_bytes()));
        (name != c"bad.example").then(|| Hint { hint: (*b"named").into(), key: secret(b"") })
    });
    ServerPsk { for_name: Some(for_name), ..psk }
}

#[test]
fn a_server_is_asked_by_the_name_that_the_client_sends() {
    for (name, sent) in
        [(None, ""), (Some(c"Good.Example"), "Good.Example"), (Some(c"192.0.2.1"), ""), (Some(c""), "")]
    {
        let asked = Asked::default();
        let hints = Asked::default();
        let seen = Arc::clone(&hints);
        let for_hint: crate::tls::ForHint = Arc::new(move |_, hint| {
            seen.lock().push(text(hint));
            None
        });
        let client = ClientPsk { server_name: name.map(Into::into), for_hint, ..client_psk("me", "key") };
        pair(client, with_names(server_psk("me", "key"), &asked), DTLS).connected();
        assert_eq!(
            (&asked.lock()[..], &hints.lock()[..]),
            (&[sent.to_owned()][..], &["named".to_owned()][..])
        );
    }
}

#[test]
fn a_name_that_the_server_does_not_know_is_refused() {
    for carrier in CARRIERS {
        let client = ClientPsk { server_name: Some(c"bad.example".into()), ..client_psk("me", "key") };
        let mut pair = pair(client, with_names(server_psk("me", "key"), &Asked::default()), carrier);
        pair.run();
        assert_eq!(pair.server.happened, failed(Failure::Hello));
        assert_eq!(pair.client.happened, failed(Failure::Peer));
    }
}

/// RFC 7252 §9.1.3.1, §9.1.3.3.
#[test]
fn the_mandatory_suites_connect() {
    let root = Holder::root("root");
    let acceptor = OpenSsl
        .server(
            ServerSetup {
                psk: Some(Box::new(server_psk("me", "key"))),
                pki: Some(Box::new(pki(root.end("server").keys(None, &[]), Checks::default()))),
            },
            &Roots::default(),
        )
        .unwrap();
    for (connector, suite) in [
        (psk_connector(client_psk("me", "key")), "PSK-AES128-CCM8"),
        (pki_connector(pki(Keys::default(), Checks::default())), "ECDHE-ECDSA-AES128-CCM8"),
    ] {
        for carrier in CARRIERS {
            let mut pair = Pair::new(&connector, &acceptor, carrier);
            let ssl = native(pair.client.get());
            ssl.set_max_proto_version(Some(SslVersion::TLS1_2)).ok();
            ssl.set_cipher_list(suite).unwrap();
            assert_eq!(pair.connected().talk().client.get().cipher().as_deref(), Some(suite));
        }
    }
}

#[test]
fn suites_that_protect_little_are_neither_offered_nor_taken() {
    for suite in
        ["PSK-NULL-SHA256", "PSK-AES128-CBC-SHA", "DHE-PSK-AES128-GCM-SHA256", "RSA-PSK-AES128-GCM-SHA256"]
    {
        let mut pair = pair(client_psk("me", "key"), server_psk("me", "key"), DTLS);
        let ssl = native(pair.client.get());
        ssl.set_cipher_list(&format!("{suite}:@SECLEVEL=0")).unwrap();
        pair.run();
        assert!(
            pair.client.happened == failed(Failure::Here) || pair.server.happened == failed(Failure::Hello)
        );
    }
}

/// Each client gets what it asks for; keys win where both are offered.
#[test]
fn one_server_has_keys_and_certificates() {
    let root = Holder::root("root");
    let setup = ServerSetup {
        psk: Some(Box::new(server_psk("me", "key"))),
        pki: Some(Box::new(pki(root.end("server").keys(None, &[]), Checks::default()))),
    };
    let acceptor = OpenSsl.server(setup, &Roots::default()).unwrap();
    for carrier in CARRIERS {
        let mut keys = Pair::new(&psk_connector(client_psk("me", "key")), &acceptor, carrier);
        assert!(native(keys.connected().talk().client.get()).peer_certificate().is_none());
        let certificates = pki_connector(pki(Keys::default(), Checks::default()));
        let mut certificates = Pair::new(&certificates, &acceptor, carrier);
        assert!(native(certificates.connected().talk().client.get()).peer_certificate().is_some());
    }
    let mut both = Pair::new(&psk_connector(client_psk("me", "key")), &acceptor, DTLS);
    let suites = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-PSK-CHACHA20-POLY1305";
    native(both.client.get()).set_cipher_list(suites).unwrap();
    assert_eq!(both.connected().client.get().cipher().as_deref(), Some("ECDHE-PSK-CHACHA20-POLY1305"));
}

#[test]
fn what_cannot_be_sent_is_refused_at_the_set_up() {
    let client = |identity: &str, key: &str| {
        OpenSsl.client(ClientSetup::Psk(Box::new(client_psk(identity, key))), &Roots::default()).map(|_| ())
    };
    let (long, longer) = ("x".repeat(512), "x".repeat(513));
    assert_eq!(client(&long[..255], &long), Ok(()));
    for (identity, key, part) in [
        (&long[..256], "key", "identity"),
        ("a\0b", "key", "identity"),
        ("me", "", "pre-shared key"),
        ("me", &longer, "pre-shared key"),
    ] {
        let Err(SetupError(text)) = client(identity, key) else { panic!("{part} was taken") };
        assert!(text.starts_with(part), "{text}");
    }
    for hint in [&long[..256], "a\0b"] {
        let psk = ServerPsk {
            hint: Hint { hint: hint.as_bytes().into(), key: secret(b"") },
            ..server_psk("me", "key")
        };
        let setup = ServerSetup { psk: Some(Box::new(psk)), pki: None };
        assert!(OpenSsl.server(setup, &Roots::default()).is_err());
    }
    assert!(OpenSsl.server(ServerSetup::default(), &Roots::default()).is_err());
}

#[test]
fn the_longest_identity_and_key_connect() {
    let long: &'static str = "x".repeat(512).leak();
    for carrier in CARRIERS {
        pair(client_psk(&long[..255], long), server_psk(&long[..255], long), carrier).connected().talk();
    }
}

/// Keys that an application answers with in a handshake are not cut, but refused.
#[test]
fn a_key_that_is_too_long_ends_the_handshake() {
    let long: &'static str = "x".repeat(513).leak();
    let mut pair = pair(client_psk("me", &long[..512]), server_psk("me", long), DTLS);
    pair.run();
    assert_eq!(pair.server.happened, failed(Failure::Here));
}

/// The callbacks run while OpenSSL is at work for one connection, and use it for others.
#[test]
fn a_handshake_within_a_handshake() {
    for carrier in CARRIERS {
        let outer = ServerPsk {
            for_identity: Arc::new(move |_, _| {
                pair(client_psk("inner", "other"), server_psk("inner", "other"), carrier).connected().talk();
                let mut bad = pair(client_psk("inner", "other"), server_psk("nobody", "other"), carrier);
                bad.run();
                Some(secret(b"key"))
            }),
            ..server_psk("me", "key")
        };
        pair(client_psk("me", "key"), outer, carrier).connected().talk();
    }
}

#[test]
fn a_panic_of_the_application_ends_the_handshake_alone() {
    for carrier in CARRIERS {
        let server =
            ServerPsk { for_identity: Arc::new(|_, _| panic!("on purpose")), ..server_psk("me", "key") };
        let mut pair = pair(client_psk("me", "key"), server, carrier);
        pair.run();
        assert!(matches!(pair.server.happened[..], [Happened::Failed(_)]));
        assert_eq!(pair.client.happened, failed(Failure::Peer));
    }
}

/// Many threads at once, each with its own queue of errors.
#[test]
fn connections_in_several_threads_do_not_meet() {
    let (connector, acceptor) =
        (psk_connector(client_psk("me", "key")), psk_acceptor(server_psk("me", "key")));
    let wrong = psk_connector(client_psk("you", "key"));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for n in 0..50 {
                    let carrier = CARRIERS[n % 2];
                    Pair::new(&wrong, &acceptor, carrier).run();
                    Pair::new(&connector, &acceptor, carrier).connected().talk();
                }
            });
        }
    });
}
