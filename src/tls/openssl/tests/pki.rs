//! With certificates: each check, on both sides, allowed and not. A check that does not happen is the
//! worst fault that this room can have, so all of these are about what must be refused.

use super::authority::{Holder, Wish, memory, revoked};
use super::*;
use crate::tls::{Checks, Failure, Keys};
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use std::path::PathBuf;

pub(super) fn pki(keys: Keys, checks: Checks) -> Pki {
    Pki { keys, checks, is_rpk: false, server_name: None, accept: None, for_name: None, adjust: None }
}

/// The strictest that there is without lists of revoked ones.
pub(super) const VERIFY: Checks = Checks {
    verify_peer: true,
    common_ca: true,
    allow_self_signed: false,
    allow_expired: false,
    depth: None,
    revocation: false,
    allow_no_crl: false,
    allow_expired_crl: false,
    allow_bad_digest: false,
    allow_short_rsa: false,
};

/// A file that is there as long as this is.
pub(super) struct Scratch(pub(super) PathBuf);

impl Scratch {
    pub(super) fn new(name: &str, bytes: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("coap-tls-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Whom the verifying side trusts.
#[derive(Default)]
struct Trust<'a> {
    ca: Option<&'a Holder>,
    /// PEM of a context's roots and lists of revoked ones.
    roots: Vec<u8>,
}

/// Whether a certificate is taken by a client and by a server; over datagrams and over a stream.
fn verdicts(name: &str, end: &Holder, between: &[&Holder], trust: &Trust<'_>, checks: Checks) -> [bool; 4] {
    let file = Scratch::new(name, &trust.roots);
    let roots = match trust.roots.is_empty() {
        true => Roots::default(),
        false => Roots { files: vec![file.0.clone()], directories: Vec::new() },
    };
    let ca = trust.ca.map(|ca| memory(&ca.pem()));
    let own = Holder::root("own");
    let shows = pki(
        end.keys(None, between),
        Checks { allow_bad_digest: true, allow_short_rsa: true, ..Checks::default() },
    );
    let mut verdicts = Vec::new();
    for carrier in CARRIERS {
        let looks = pki(Keys { ca: ca.clone(), ..Keys::default() }, checks);
        let connector = OpenSsl.client(ClientSetup::Pki(Box::new(looks)), &roots).unwrap();
        verdicts.push(outcome(Pair::new(&connector, &pki_acceptor(shows.clone()), carrier), false));
        let looks = pki(Keys { ca: ca.clone(), ..own.end("server").keys(None, &[]) }, checks);
        let setup = ServerSetup { psk: None, pki: Some(Box::new(looks)) };
        let acceptor = OpenSsl.server(setup, &roots).unwrap();
        verdicts.push(outcome(Pair::new(&pki_connector(shows.clone()), &acceptor, carrier), true));
    }
    verdicts.try_into().unwrap()
}

/// Whether the two connect; and if not, that it is this side that refuses, and tells the other.
fn outcome(mut pair: Pair, server_looks: bool) -> bool {
    pair.run();
    let Pair { client, server, .. } = pair;
    let (looks, shows) = if server_looks { (server, client) } else { (client, server) };
    if looks.happened == [Happened::Connected] {
        assert_eq!(shows.happened, [Happened::Connected]);
        return true;
    }
    assert_eq!(looks.happened, [Happened::Failed(Failure::Here)]);
    // Over TLS 1.3 a client is connected before the server has looked at its certificate.
    let told = Happened::Failed(Failure::Peer);
    assert!(
        shows.happened == [told] || shows.happened == [Happened::Connected, told],
        "{:?}",
        shows.happened
    );
    false
}

const TAKEN: [bool; 4] = [true; 4];
const REFUSED: [bool; 4] = [false; 4];

#[test]
fn both_sides_show_certificates_of_one_authority() {
    let root = Holder::root("root");
    let (here, there) = (root.end("client"), root.end("server"));
    for carrier in CARRIERS {
        let connector = pki_connector(pki(here.keys(Some(&root), &[]), VERIFY));
        let acceptor = pki_acceptor(pki(there.keys(Some(&root), &[]), VERIFY));
        Pair::new(&connector, &acceptor, carrier).connected().talk();
    }
}

#[test]
fn a_certificate_of_another_authority() {
    let (root, other) = (Holder::root("root"), Holder::root("other"));
    let trust = Trust { ca: Some(&root), ..Trust::default() };
    assert_eq!(verdicts("ca1", &root.end("end"), &[], &trust, VERIFY), TAKEN);
    assert_eq!(verdicts("ca2", &other.end("end"), &[], &trust, VERIFY), REFUSED);
    // One that has its name, and another key.
    assert_eq!(verdicts("ca3", &Holder::root("root").end("end"), &[], &trust, VERIFY), REFUSED);
    // One that brings its authority along.
    assert_eq!(verdicts("ca4", &other.end("end"), &[&other], &trust, VERIFY), REFUSED);
}

#[test]
fn nobody_is_trusted_who_was_not_named() {
    let root = Holder::root("root");
    assert_eq!(verdicts("nobody", &root.end("end"), &[], &Trust::default(), VERIFY), REFUSED);
}

/// The CA is trusted where it is said that the peer must come from it, and else the roots alone.
#[test]
fn a_ca_without_the_check_for_it_is_not_trusted() {
    let root = Holder::root("root");
    let checks = Checks { common_ca: false, ..VERIFY };
    let trust = Trust { ca: Some(&root), ..Trust::default() };
    assert_eq!(verdicts("common1", &root.end("end"), &[], &trust, checks), REFUSED);
    let trust = Trust { ca: None, roots: root.pem() };
    assert_eq!(verdicts("common2", &root.end("end"), &[], &trust, checks), TAKEN);
}

#[test]
fn a_root_that_is_not_the_common_ca() {
    let (root, other) = (Holder::root("root"), Holder::root("other"));
    let trust = Trust { ca: Some(&root), roots: other.pem() };
    assert_eq!(verdicts("root1", &root.end("end"), &[], &trust, VERIFY), TAKEN);
    assert_eq!(verdicts("root2", &other.end("end"), &[], &trust, VERIFY), REFUSED);
    let checks = Checks { common_ca: false, ..VERIFY };
    assert_eq!(verdicts("root3", &other.end("end"), &[], &trust, checks), TAKEN);
}

#[test]
fn a_common_ca_may_be_below_a_root() {
    let root = Holder::root("root");
    let (sub, sister) = (root.sub("sub"), root.sub("sister"));
    let trust = Trust { ca: Some(&sub), roots: root.pem() };
    assert_eq!(verdicts("below1", &sub.end("end"), &[&sub], &trust, VERIFY), TAKEN);
    assert_eq!(verdicts("below2", &sister.end("end"), &[&sister], &trust, VERIFY), REFUSED);
    // A CA that nobody vouches for is not enough.
    let trust = Trust { ca: Some(&sub), ..Trust::default() };
    assert_eq!(verdicts("below3", &sub.end("end"), &[&sub], &trust, VERIFY), REFUSED);
}

#[test]
fn one_that_signs_itself() {
    let root = Holder::root("root");
    let end = Holder::issue(None, Wish { common_name: Some("end"), ..Wish::default() });
    let trust = Trust { ca: None, roots: root.pem() };
    let checks = Checks { common_ca: false, ..VERIFY };
    assert_eq!(verdicts("self1", &end, &[], &trust, checks), REFUSED);
    let allowed = Checks { allow_self_signed: true, ..checks };
    assert_eq!(verdicts("self2", &end, &[], &trust, allowed), TAKEN);
    // That is no leave for those who are signed by somebody unknown.
    let other = Holder::root("other");
    assert_eq!(verdicts("self3", &other.end("end"), &[], &trust, allowed), REFUSED);
    assert_eq!(verdicts("self4", &other.end("end"), &[&other], &trust, allowed), REFUSED);
    // It cannot come from the CA as well.
    let trust = Trust { ca: Some(&root), ..Trust::default() };
    let common = Checks { allow_self_signed: true, ..VERIFY };
    assert_eq!(verdicts("self5", &end, &[], &trust, common), REFUSED);
    // It must be in its time all the same.
    let old = Holder::issue(None, Wish { from_days: -2, to_days: -1, ..Wish::default() });
    let trust = Trust { ca: None, roots: root.pem() };
    assert_eq!(verdicts("self6", &old, &[], &trust, allowed), REFUSED);
}

#[test]
fn before_and_after_its_time() {
    let root = Holder::root("root");
    let trust = Trust { ca: Some(&root), ..Trust::default() };
    for (from_days, to_days) in [(-2, -1), (1, 2)] {
        let end = Holder::issue(Some(&root), Wish { from_days, to_days, ..Wish::default() });
        assert_eq!(verdicts("time1", &end, &[], &trust, VERIFY), REFUSED);
        let allowed = Checks { allow_expired: true, ..VERIFY };
        assert_eq!(verdicts("time2", &end, &[], &trust, allowed), TAKEN);
    }
    // Of an authority too.
    let sub = Holder::issue(
        Some(&root),
        Wish { common_name: Some("sub"), is_authority: true, from_days: -2, to_days: -1, ..Wish::default() },
    );
    assert_eq!(verdicts("time3", &sub.end("end"), &[&sub], &trust, VERIFY), REFUSED);
}

#[test]
fn expiry_that_is_allowed_is_no_leave_for_other_faults() {
    let (root, other) = (Holder::root("root"), Holder::root("other"));
    let trust = Trust { ca: Some(&root), ..Trust::default() };
    let end = Holder::issue(Some(&other), Wish { from_days: -2, to_days: -1, ..Wish::default() });
    let allowed = Checks { allow_expired: true, ..VERIFY };
    assert_eq!(verdicts("time4", &end, &[], &trust, allowed), REFUSED);
}

#[test]
fn as_many_certificates_may_be_between_as_is_said() {
    let root = Holder::root("root");
    let first = root.sub("first");
    let second = first.sub("second");
    let trust = Trust { ca: Some(&root), ..Trust::default() };
    for (end, between) in [
        (root.end("end"), vec![]),
        (first.end("end"), vec![&first]),
        (second.end("end"), vec![&second, &first]),
    ] {
        for depth in 0..3 {
            let checks = Checks { depth: Some(depth), ..VERIFY };
            let expected = [usize::from(depth) >= between.len(); 4];
            assert_eq!(verdicts("depth", &end, &between, &trust, checks), expected, "{depth}");
        }
    }
}

#[test]
fn a_chain_with_a_gap() {
    let root = Holder::root("root");
    let sub = root.sub("sub");
    let trust = Trust { ca: Some(&root), ..Trust::default() };
    assert_eq!(verdicts("gap1", &sub.end("end"), &[], &trust, VERIFY), REFUSED);
    assert_eq!(verdicts("gap2", &sub.end("end"), &[&sub], &trust, VERIFY), TAKEN);
}

/// RFC 5280 §4.2.1.9: only a CA may issue.
#[test]
fn an_issuer_that_is_no_authority() {
    let root = Holder::root("root");
    let end = root.end("end");
    let trust = Trust { ca: Some(&root), ..Trust::default() };
    assert_eq!(verdicts("issuer", &end.end("other"), &[&end], &trust, VERIFY), REFUSED);
}

#[test]
fn revoked_and_lists_of_that() {
    let root = Holder::root("root");
    let (good, bad) = (root.end("good"), root.end("bad"));
    let with = |list: &[u8]| Trust { ca: None, roots: [root.pem(), list.to_vec()].concat() };
    let checks = Checks { common_ca: false, revocation: true, ..VERIFY };
    let now = with(&revoked(&root, &[&bad], -1, 30));
    let old = with(&revoked(&root, &[&bad], -3, -1));
    let none = with(&[]);
    // The list that there is.
    assert_eq!(verdicts("crl1", &good, &[], &now, checks), TAKEN);
    assert_eq!(verdicts("crl2", &bad, &[], &now, checks), REFUSED);
    // Nobody looks at it.
    assert_eq!(verdicts("crl3", &bad, &[], &now, Checks { revocation: false, ..checks }), TAKEN);
    // There is none.
    assert_eq!(verdicts("crl4", &good, &[], &none, checks), REFUSED);
    let allowed = Checks { allow_no_crl: true, ..checks };
    assert_eq!(verdicts("crl5", &good, &[], &none, allowed), TAKEN);
    assert_eq!(verdicts("crl6", &bad, &[], &now, allowed), REFUSED);
    // It is out of date.
    assert_eq!(verdicts("crl7", &good, &[], &old, checks), REFUSED);
    let allowed = Checks { allow_expired_crl: true, ..checks };
    assert_eq!(verdicts("crl8", &good, &[], &old, allowed), TAKEN);
    assert_eq!(verdicts("crl9", &bad, &[], &old, allowed), REFUSED);
    assert_eq!(verdicts("crl10", &good, &[], &none, allowed), REFUSED);
}

#[test]
fn weak_digests() {
    let root = Holder::root("root");
    let trust = Trust { ca: Some(&root), ..Trust::default() };
    let end = Holder::issue(Some(&root), Wish { digest: MessageDigest::sha1(), ..Wish::default() });
    assert_eq!(verdicts("digest1", &end, &[], &trust, VERIFY), REFUSED);
    let allowed = Checks { allow_bad_digest: true, ..VERIFY };
    assert_eq!(verdicts("digest2", &end, &[], &trust, allowed), TAKEN);
    let short = Checks { allow_short_rsa: true, ..VERIFY };
    assert_eq!(verdicts("digest3", &end, &[], &trust, short), REFUSED);
}

#[test]
fn short_rsa_keys() {
    let root = Holder::root("root");
    let trust = Trust { ca: Some(&root), ..Trust::default() };
    let key = PKey::from_rsa(Rsa::generate(1024).unwrap()).unwrap();
    let end = Holder::issue(Some(&root), Wish { key, ..Wish::default() });
    assert_eq!(verdicts("rsa1", &end, &[], &trust, VERIFY), REFUSED);
    let allowed = Checks { allow_short_rsa: true, ..VERIFY };
    assert_eq!(verdicts("rsa2", &end, &[], &trust, allowed), TAKEN);
    let digest = Checks { allow_bad_digest: true, ..VERIFY };
    assert_eq!(verdicts("rsa3", &end, &[], &trust, digest), REFUSED);
}

#[test]
fn nothing_is_verified_where_nobody_asks_for_it() {
    let other = Holder::root("other");
    let end = Holder::issue(Some(&other), Wish { from_days: -2, to_days: -1, ..Wish::default() });
    assert_eq!(verdicts("none", &end, &[], &Trust::default(), Checks::default()), TAKEN);
}

/// A server that verifies its clients wants a certificate.
#[test]
fn a_client_that_shows_nothing() {
    let root = Holder::root("root");
    for carrier in CARRIERS {
        let connector = pki_connector(pki(Keys::default(), Checks::default()));
        let acceptor = pki_acceptor(pki(root.end("server").keys(Some(&root), &[]), VERIFY));
        assert!(!outcome(Pair::new(&connector, &acceptor, carrier), true));
    }
}

#[test]
fn the_name_of_the_server() {
    let root = Holder::root("root");
    let end = Holder::issue(
        Some(&root),
        Wish {
            common_name: Some("common.example"),
            names: &["good.example", "*.wild.example"],
            ..Wish::default()
        },
    );
    let plain = Holder::issue(Some(&root), Wish { common_name: Some("common.example"), ..Wish::default() });
    for (end, name, expected) in [
        (&end, c"good.example", true),
        (&end, c"Good.Example", true),
        (&end, c"any.wild.example", true),
        (&end, c"two.any.wild.example", false),
        (&end, c"wild.example", false),
        (&end, c"bad.example", false),
        (&end, c"common.example", false),
        (&end, c"192.0.2.1", false),
        (&plain, c"common.example", true),
        (&plain, c"good.example", false),
    ] {
        for carrier in CARRIERS {
            let acceptor = pki_acceptor(pki(end.keys(None, &[]), Checks::default()));
            let looks = |verify, accept| Pki {
                server_name: Some(name.into()),
                accept,
                ..pki(
                    Keys { ca: Some(memory(&root.pem())), ..Keys::default() },
                    if verify { VERIFY } else { Checks::default() },
                )
            };
            let connects = |pki| outcome(Pair::new(&pki_connector(pki), &acceptor, carrier), false);
            assert_eq!(connects(looks(true, None)), expected, "{name:?}");
            // Whoever looks at names himself gets all of them.
            assert!(connects(looks(true, Some(Arc::new(|_, _| true)))));
            assert!(connects(looks(false, None)));
        }
    }
}

/// What one session trusts is nothing to another.
#[test]
fn trust_stays_where_it_was_given() {
    let (root, other) = (Holder::root("root"), Holder::root("other"));
    let acceptor = pki_acceptor(pki(root.end("server").keys(None, &[]), Checks::default()));
    let trusting =
        |ca: &Holder| pki_connector(pki(Keys { ca: Some(memory(&ca.pem())), ..Keys::default() }, VERIFY));
    let (right, wrong) = (trusting(&root), trusting(&other));
    for _ in 0..2 {
        assert!(outcome(Pair::new(&right, &acceptor, CARRIERS[0]), false));
        assert!(!outcome(Pair::new(&wrong, &acceptor, CARRIERS[0]), false));
    }
}
