//! With certificates.

use super::authority::{Holder, memory};
use super::*;
use crate::tls::{Checks, Keys};

pub(super) fn pki(keys: Keys, checks: Checks) -> Pki {
    Pki { keys, checks, is_rpk: false, server_name: None, accept: None, for_name: None, adjust: None }
}

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
fn a_server_of_another_authority_is_refused() {
    let (root, other) = (Holder::root("root"), Holder::root("other"));
    for carrier in CARRIERS {
        let keys = Keys { ca: Some(memory(&root.pem())), ..Keys::default() };
        let connector = pki_connector(pki(keys, VERIFY));
        let acceptor = pki_acceptor(pki(other.end("server").keys(None, &[]), Checks::default()));
        let mut pair = Pair::new(&connector, &acceptor, carrier);
        pair.run();
        assert_eq!(pair.client.happened, [Happened::Failed(crate::tls::Failure::Here)]);
        assert!(pair.server.happened.ends_with(&[Happened::Failed(crate::tls::Failure::Peer)]));
    }
}

#[test]
fn as_many_certificates_may_be_between_as_is_said() {
    let root = Holder::root("root");
    let first = root.sub("first");
    let second = first.sub("second");
    for (end, between) in [
        (root.end("server"), vec![]),
        (first.end("server"), vec![&first]),
        (second.end("server"), vec![&second, &first]),
    ] {
        for depth in 0..3 {
            let keys = Keys { ca: Some(memory(&root.pem())), ..Keys::default() };
            let connector = pki_connector(pki(keys, Checks { depth: Some(depth), ..VERIFY }));
            let acceptor = pki_acceptor(pki(end.keys(None, &between), Checks::default()));
            let mut pair = Pair::new(&connector, &acceptor, CARRIERS[0]);
            let expected = usize::from(depth) >= between.len();
            assert_eq!(pair.run().client.happened.contains(&Happened::Connected), expected);
        }
    }
}
