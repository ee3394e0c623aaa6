//! What the application is asked about certificates, when, and what its answers do.

use super::authority::{Holder, Wish, memory};
use super::pki::{Scratch, VERIFY, pki};
use super::*;
use crate::tls::{Adjust, Checks, Failure, Keys, KeysForName, Source};
use parking_lot::Mutex;
use std::time::{Duration, SystemTime};

const DTLS: Carrier = CARRIERS[0];

type Asked = Arc<Mutex<Vec<String>>>;

fn failed(failure: Failure) -> [Happened; 1] {
    [Happened::Failed(failure)]
}

/// A client that trusts this CA.
fn trusting(ca: &Holder) -> Pki {
    pki(Keys { ca: Some(memory(&ca.pem())), ..Keys::default() }, VERIFY)
}

/// A server that verifies nobody.
fn showing(end: &Holder) -> Pki {
    pki(end.keys(None, &[]), Checks::default())
}

/// Keeps what it is asked about; refuses what is at this depth.
fn accept(asked: &Asked, refuses: Option<u32>) -> Option<crate::tls::AcceptCertificate> {
    let asked = Arc::clone(asked);
    Some(Arc::new(move |peer, certificate| {
        assert!(certificate.is_valid && peer.is::<&str>());
        assert!(openssl::x509::X509::from_der(certificate.der).is_ok());
        let name = certificate.name.map(|name| name.to_str().unwrap().to_owned());
        asked.lock().push(format!("{} {}", certificate.depth, name.unwrap_or_default()));
        refuses != Some(certificate.depth)
    }))
}

#[test]
fn each_certificate_is_shown_from_the_top_down() {
    let root = Holder::root("root");
    let sub = root.sub("sub");
    for carrier in CARRIERS {
        let asked = Asked::default();
        let shows = pki(sub.end("end").keys(None, &[&sub]), Checks::default());
        let looks = Pki { accept: accept(&asked, None), ..trusting(&root) };
        Pair::new(&pki_connector(looks), &pki_acceptor(shows.clone()), carrier).connected();
        assert_eq!(*asked.lock(), ["2 root", "1 sub", "0 end"]);
        asked.lock().clear();
        let own = root.end("server").keys(Some(&root), &[]);
        let looks = Pki { accept: accept(&asked, None), ..pki(own, VERIFY) };
        Pair::new(&pki_connector(shows), &pki_acceptor(looks), carrier).connected();
        assert_eq!(*asked.lock(), ["2 root", "1 sub", "0 end"]);
    }
}

/// RFC 5246 §7.2.2: unknown_ca is 48, bad_certificate 42.
#[test]
fn a_certificate_that_the_application_does_not_want() {
    let root = Holder::root("root");
    for verify in [true, false] {
        for (depth, alert) in [(0, 42), (1, 48)] {
            let checks = if verify { VERIFY } else { Checks::default() };
            let keys = Keys { ca: Some(memory(&root.pem())), ..Keys::default() };
            let looks = Pki { accept: accept(&Asked::default(), Some(depth)), ..pki(keys, checks) };
            let acceptor = pki_acceptor(pki(root.end("end").keys(None, &[&root]), Checks::default()));
            let mut client = Pair::new(&pki_connector(looks), &acceptor, DTLS);
            client.client.advance();
            client.server.inbox.extend(client.client.sent());
            client.deliver_to_server(MTU);
            while client.client.happened.is_empty() {
                client.client.inbox.extend(client.server.sent());
                while let Some(piece) = client.client.inbox.pop_front() {
                    client.client.get().receive(&piece);
                    client.client.advance();
                }
                if client.client.happened.is_empty() {
                    client.server.inbox.extend(client.client.sent());
                    client.deliver_to_server(MTU);
                }
            }
            assert_eq!(client.client.happened, failed(Failure::Here));
            assert!(client.client.sent().last().unwrap().ends_with(&[2, alert]), "{depth} {verify}");
        }
    }
}

/// What is wrong with a certificate and not allowed is not the application's to accept.
#[test]
fn the_application_is_not_asked_about_a_certificate_that_will_not_do() {
    let (root, other) = (Holder::root("root"), Holder::root("other"));
    let asked = Asked::default();
    let looks = Pki { accept: accept(&asked, None), ..trusting(&root) };
    let mut pair = Pair::new(&pki_connector(looks), &pki_acceptor(showing(&other.end("end"))), DTLS);
    pair.run();
    assert_eq!(pair.client.happened, failed(Failure::Here));
    assert!(asked.lock().is_empty());
}

#[test]
fn names_in_certificates() {
    let root = Holder::root("root");
    for (common_name, names, expected) in [
        (Some("common"), &["first", "second"][..], Some("first")),
        (Some("common"), &[], Some("common")),
        (None, &[], None),
        (None, &["alternative"], Some("alternative")),
        // The rest of it would be lost to C.
        (Some("good.example\0.evil.example"), &[], None),
    ] {
        let end = Holder::issue(Some(&root), Wish { common_name, names, ..Wish::default() });
        let name = crate::tls::openssl::certificate::name(&end.certificate);
        assert_eq!(name.as_deref().map(|name| name.to_str().unwrap()), expected);
    }
}

fn adjust(asked: &Asked, answer: bool) -> Option<Adjust> {
    let asked = Arc::clone(asked);
    Some(Arc::new(move |peer, native| {
        assert!(peer.is::<&str>() && !native.is_null());
        asked.lock().push("adjust".to_owned());
        answer
    }))
}

#[test]
fn both_sides_may_adjust_the_connection_once_before_anything_depends_on_it() {
    let root = Holder::root("root");
    for carrier in CARRIERS {
        let (here, there) = (Asked::default(), Asked::default());
        let connector = pki_connector(Pki { adjust: adjust(&here, true), ..trusting(&root) });
        let acceptor = pki_acceptor(Pki { adjust: adjust(&there, true), ..showing(&root.end("end")) });
        let mut pair = Pair::new(&connector, &acceptor, carrier);
        assert!(here.lock().is_empty() && there.lock().is_empty());
        pair.connected();
        assert_eq!((here.lock().len(), there.lock().len()), (1, 1));
    }
}

#[test]
fn an_adjustment_that_fails_ends_the_handshake() {
    let root = Holder::root("root");
    for carrier in CARRIERS {
        let acceptor =
            pki_acceptor(Pki { adjust: adjust(&Asked::default(), false), ..showing(&root.end("end")) });
        let mut pair = Pair::new(&pki_connector(trusting(&root)), &acceptor, carrier);
        pair.run();
        assert_eq!(pair.server.happened, failed(Failure::Hello));
        assert_eq!(pair.client.happened, failed(Failure::Peer));
        let connector = pki_connector(Pki { adjust: adjust(&Asked::default(), false), ..trusting(&root) });
        let mut pair = Pair::new(&connector, &pki_acceptor(showing(&root.end("end"))), carrier);
        pair.run();
        assert_eq!(pair.client.happened, failed(Failure::Here));
    }
}

/// Keys by the name that a client asks for: each with its own CA.
fn by_name(asked: &Asked, known: Vec<(&'static str, Keys)>) -> Option<KeysForName> {
    let asked = Arc::clone(asked);
    Some(Arc::new(move |_, name| {
        let name = name.to_str().unwrap();
        asked.lock().push(name.to_owned());
        known.iter().find(|known| known.0 == name).map(|known| known.1.clone())
    }))
}

#[test]
fn a_server_shows_what_belongs_to_the_name_that_is_asked_for() {
    let (one, two) = (Holder::root("one"), Holder::root("two"));
    for carrier in CARRIERS {
        let asked = Asked::default();
        let known = vec![
            ("", one.end("nobody.example").keys(None, &[])),
            ("two.example", two.end("two.example").keys(None, &[])),
        ];
        // No keys but those for names.
        let acceptor =
            pki_acceptor(Pki { for_name: by_name(&asked, known), ..pki(Keys::default(), Checks::default()) });
        let connector = |ca: &Holder, name: Option<&core::ffi::CStr>| {
            pki_connector(Pki {
                server_name: name.map(Into::into),
                accept: accept(&Asked::default(), None),
                ..trusting(ca)
            })
        };
        Pair::new(&connector(&one, None), &acceptor, carrier).connected().talk();
        for _ in 0..2 {
            Pair::new(&connector(&two, Some(c"two.example")), &acceptor, carrier).connected().talk();
        }
        let mut wrong = Pair::new(&connector(&one, Some(c"two.example")), &acceptor, carrier);
        wrong.run();
        assert_eq!(wrong.client.happened, failed(Failure::Here));
        let mut unknown = Pair::new(&connector(&one, Some(c"three.example")), &acceptor, carrier);
        unknown.run();
        assert_eq!(unknown.server.happened, failed(Failure::Hello));
        assert_eq!(unknown.client.happened, failed(Failure::Peer));
        assert_eq!(*asked.lock(), ["", "two.example", "two.example", "two.example", "three.example"]);
    }
}

/// A client that one name's CA vouches for is nobody to the server of another name.
#[test]
fn clients_are_verified_by_the_ca_of_the_name() {
    let (one, two) = (Holder::root("one"), Holder::root("two"));
    let known = vec![
        ("one.example", one.end("one.example").keys(Some(&one), &[])),
        ("two.example", two.end("two.example").keys(Some(&two), &[])),
    ];
    for carrier in CARRIERS {
        let server =
            Pki { for_name: by_name(&Asked::default(), known.clone()), ..pki(Keys::default(), VERIFY) };
        let acceptor = pki_acceptor(server);
        for (name, expected) in [(c"one.example", true), (c"two.example", false)] {
            let client = pki(one.end("client").keys(None, &[]), Checks::default());
            let connector = pki_connector(Pki { server_name: Some(name.into()), ..client });
            let mut pair = Pair::new(&connector, &acceptor, carrier);
            pair.run();
            assert_eq!(pair.server.happened == [Happened::Connected], expected, "{name:?} {carrier:?}");
        }
    }
}

#[test]
fn the_certificates_between_are_sent() {
    let root = Holder::root("root");
    let sub = root.sub("sub");
    for carrier in CARRIERS {
        let acceptor = pki_acceptor(pki(sub.end("end").keys(None, &[&sub]), Checks::default()));
        let mut pair = Pair::new(&pki_connector(trusting(&root)), &acceptor, carrier);
        pair.connected();
        assert_eq!(native(pair.client.get()).peer_cert_chain().unwrap().len(), 2);
    }
}

fn file(scratch: &Scratch) -> Option<Source> {
    Some(Source::File(scratch.0.clone(), crate::tls::Encoding::Pem))
}

/// As if it had been written a second later each time: not all file systems tell less apart.
fn rewrite(scratch: &Scratch, bytes: &[u8], seconds: u64) {
    std::fs::write(&scratch.0, bytes).unwrap();
    let at = SystemTime::now() + Duration::from_secs(seconds);
    std::fs::File::options().write(true).open(&scratch.0).unwrap().set_modified(at).unwrap();
}

#[test]
fn a_certificate_that_is_renewed_on_disk_is_shown_without_a_restart() {
    let root = Holder::root("root");
    let (old, new) = (root.end("old"), root.end("new"));
    let certificate = Scratch::new("renewed.pem", &old.pem());
    let key = Scratch::new("renewed.key", &old.key_pem());
    let keys = Keys { certificate: file(&certificate), private_key: file(&key), ..Keys::default() };
    let acceptor = pki_acceptor(pki(keys, Checks::default()));
    let connector = pki_connector(trusting(&root));
    let shown = || {
        let mut pair = Pair::new(&connector, &acceptor, DTLS);
        native(pair.connected().client.get()).peer_certificate().unwrap().to_der().unwrap()
    };
    assert_eq!(shown(), old.certificate.to_der().unwrap());
    // While only one of the two is new they do not match: the old ones stay.
    rewrite(&certificate, &new.pem(), 1);
    assert_eq!(shown(), old.certificate.to_der().unwrap());
    rewrite(&key, &new.key_pem(), 2);
    assert_eq!(shown(), new.certificate.to_der().unwrap());
    rewrite(&certificate, b"", 3);
    assert_eq!(shown(), new.certificate.to_der().unwrap());
    std::fs::remove_file(&certificate.0).unwrap();
    assert_eq!(shown(), new.certificate.to_der().unwrap());
}

/// RFC 8323 §8.2.
#[test]
fn the_protocol_above_a_stream_is_agreed_on() {
    let root = Holder::root("root");
    for (carrier, expected) in [
        (Carrier::Stream { is_coap: true }, Some(&b"coap"[..])),
        (Carrier::Stream { is_coap: false }, None),
        (DTLS, None),
    ] {
        let acceptor = pki_acceptor(showing(&root.end("end")));
        let mut pair = Pair::new(&pki_connector(trusting(&root)), &acceptor, carrier);
        assert_eq!(native(pair.connected().client.get()).selected_alpn_protocol(), expected);
        assert_eq!(native(pair.server.get()).selected_alpn_protocol(), expected);
    }
}

#[test]
fn a_client_that_offers_another_protocol_is_served() {
    let root = Holder::root("root");
    let acceptor = pki_acceptor(showing(&root.end("end")));
    let mut pair = Pair::new(&pki_connector(trusting(&root)), &acceptor, CARRIERS[1]);
    native(pair.client.get()).set_alpn_protos(b"\x08http/1.1").unwrap();
    assert_eq!(native(pair.connected().client.get()).selected_alpn_protocol(), None);
}

/// The server hands out tickets, which are good for the same name alone.
#[test]
fn a_ticket_resumes() {
    let root = Holder::root("root");
    let keys = root.end("one.example").keys(Some(&root), &[]);
    let known = vec![("one.example", keys.clone()), ("two.example", keys)];
    let server = Pki { for_name: by_name(&Asked::default(), known), ..pki(Keys::default(), VERIFY) };
    for carrier in CARRIERS {
        let acceptor = pki_acceptor(server.clone());
        let connector = |name: &core::ffi::CStr| {
            let client = pki(root.end("client").keys(Some(&root), &[]), Checks::default());
            pki_connector(Pki { server_name: Some(name.into()), ..client })
        };
        let mut first = Pair::new(&connector(c"one.example"), &acceptor, carrier);
        let session = native(first.connected().talk().client.get()).session().unwrap().to_owned();
        for (name, expected) in [(c"one.example", true), (c"two.example", false)] {
            let mut again = Pair::new(&connector(name), &acceptor, carrier);
            // SAFETY: a session of the same client, in a connection that has not begun.
            unsafe { native(again.client.get()).set_session(&session).unwrap() };
            assert_eq!(
                native(again.connected().talk().client.get()).session_reused(),
                expected,
                "{carrier:?}"
            );
        }
    }
}
