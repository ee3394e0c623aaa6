//! What set-ups of C say, and what their callbacks are asked, with sessions that need no security.

use super::{for_connection, psk, read_client_psk, read_pki, read_server_psk};
use crate::address::Address;
use crate::capi::application::Program;
use crate::capi::handle::as_c;
use crate::capi::net::coap_free_context;
use crate::capi::session::{coap_session_disconnected, coap_session_release};
use crate::capi::session_security::*;
use crate::capi::types::*;
use crate::driver::{Context, SessionHandle};
use crate::protocol::session::Transport;
use crate::tls::{Certificate, Checks, Peer, Source};
use core::ffi::{CStr, c_char, c_int, c_uint, c_void};
use core::{mem, ptr};
use std::sync::Arc;

fn bin(bytes: &[u8]) -> coap_bin_const_t {
    coap_bin_const_t { length: bytes.len(), s: bytes.as_ptr() }
}

fn read(lent: *const coap_bin_const_t) -> Option<&'static [u8]> {
    // SAFETY: NULL, or lent by a session that is alive in these tests; no pointer in it is NULL then, or it
    // has no bytes.
    unsafe { crate::capi::pdu::bytes(lent.as_ref()?.s, lent.as_ref()?.length) }
}

/// A context, and a session of it.
struct Ends {
    session: Arc<SessionHandle>,
}

impl Ends {
    fn new() -> Self {
        let context = Context::new(Box::new(Program::default())).unwrap();
        let nobody = Address::Ip("127.0.0.1:9".parse().unwrap());
        let session = context.open_session(None, &nobody, Transport::Udp).unwrap();
        mem::forget(context);
        Ends { session }
    }

    fn peer(&self) -> Peer {
        self.session.clone()
    }

    fn hint(&self) -> Option<&'static [u8]> {
        // SAFETY: a live session.
        read(unsafe { coap_session_get_psk_hint(as_c(&self.session)) })
    }

    fn identity(&self) -> Option<&'static [u8]> {
        // SAFETY: a live session.
        read(unsafe { coap_session_get_psk_identity(as_c(&self.session)) })
    }

    fn key(&self) -> Option<&'static [u8]> {
        // SAFETY: a live session.
        read(unsafe { coap_session_get_psk_key(as_c(&self.session)) })
    }

    /// Ends the context, unless a callback has.
    fn close(self) {
        // SAFETY: the count that was forgotten above.
        unsafe { coap_free_context(as_c(self.session.context())) };
    }
}

fn cpsk(identity: &[u8], key: &[u8]) -> coap_dtls_cpsk_t {
    // SAFETY: all zeros, for which every member has a meaning.
    let mut setup: coap_dtls_cpsk_t = unsafe { mem::zeroed() };
    setup.version = COAP_DTLS_CPSK_SETUP_VERSION;
    setup.psk_info = coap_dtls_cpsk_info_t { identity: bin(identity), key: bin(key) };
    setup
}

fn spsk(hint: &[u8], key: &[u8]) -> coap_dtls_spsk_t {
    // SAFETY: all zeros, for which every member has a meaning.
    let mut setup: coap_dtls_spsk_t = unsafe { mem::zeroed() };
    setup.version = COAP_DTLS_SPSK_SETUP_VERSION;
    setup.psk_info = coap_dtls_spsk_info_t { hint: bin(hint), key: bin(key) };
    setup
}

fn pem(certificate: &'static CStr, private_key: &'static CStr) -> coap_dtls_pki_t {
    // SAFETY: all zeros, for which every member has a meaning.
    let mut setup: coap_dtls_pki_t = unsafe { mem::zeroed() };
    setup.version = COAP_DTLS_PKI_SETUP_VERSION;
    setup.pki_key.key.pem = coap_pki_key_pem_t {
        ca_file: ptr::null(),
        public_cert: certificate.as_ptr(),
        private_key: private_key.as_ptr(),
    };
    setup
}

fn client(setup: &coap_dtls_cpsk_t) -> Result<crate::tls::ClientPsk, super::Refusal> {
    // SAFETY: it points to what is alive.
    unsafe { read_client_psk(setup) }
}

fn server(setup: &coap_dtls_spsk_t) -> Result<crate::tls::ServerPsk, super::Refusal> {
    // SAFETY: it points to what is alive.
    unsafe { read_server_psk(setup) }
}

fn pki(setup: &coap_dtls_pki_t) -> Result<crate::tls::Pki, super::Refusal> {
    // SAFETY: it points to what is alive.
    unsafe { read_pki(setup) }
}

#[test]
fn a_client_needs_an_identity_and_a_key() {
    assert!(client(&cpsk(b"me", b"key")).is_ok());
    assert!(client(&cpsk(b"me", b"")).is_err());
    let mut setup = cpsk(b"me", b"key");
    setup.psk_info.identity = coap_bin_const_t { length: 2, s: ptr::null() };
    assert!(client(&setup).is_err());
    let mut setup = cpsk(b"", b"key");
    assert!(for_connection(client(&setup).unwrap()).is_err());
    setup.validate_ih_call_back = Some(choose);
    assert!(for_connection(client(&setup).unwrap()).is_ok());
}

#[test]
fn nothing_is_cut_to_a_length() {
    assert!(client(&cpsk(&[b'i'; psk::MAX_TEXT], &[b'k'; psk::MAX_KEY])).is_ok());
    assert!(client(&cpsk(&[b'i'; psk::MAX_TEXT + 1], b"key")).is_err());
    assert!(client(&cpsk(b"me", &[b'k'; psk::MAX_KEY + 1])).is_err());
    assert!(server(&spsk(&[b'h'; psk::MAX_TEXT], &[b'k'; psk::MAX_KEY])).is_ok());
    assert!(server(&spsk(&[b'h'; psk::MAX_TEXT + 1], b"key")).is_err());
    assert!(server(&spsk(b"", &[b'k'; psk::MAX_KEY + 1])).is_err());
}

#[test]
fn versions_of_structs_that_do_not_exist_are_refused() {
    for (version, is_known) in [(0, true), (1, true), (2, false)] {
        let (mut client_setup, mut server_setup) = (cpsk(b"me", b"key"), spsk(b"", b"key"));
        client_setup.version = version;
        server_setup.version = version;
        assert_eq!(client(&client_setup).is_ok(), is_known);
        assert_eq!(server(&server_setup).is_ok(), is_known);
    }
    for version in [0, 2] {
        let mut setup = pem(c"cert", c"key");
        setup.version = version;
        assert!(pki(&setup).is_err());
    }
    // SAFETY: NULL.
    assert!(unsafe { read_pki(ptr::null()) }.is_err());
}

#[test]
fn the_zero_behind_a_string_is_not_sent() {
    let ends = Ends::new();
    let setup = client(&cpsk(b"me\0", b"key")).unwrap();
    assert_eq!(&*setup.identity.identity, b"me");
    assert_eq!(&*(setup.for_hint)(&ends.peer(), b"").unwrap().identity, b"me");
    assert_eq!(ends.identity(), Some(&b"me\0"[..]));
    assert_eq!(&*server(&spsk(b"hint\0", b"key")).unwrap().hint.hint, b"hint");
    ends.close();
}

#[test]
fn a_server_name_that_is_an_address_is_not_sent() {
    for (name, sent) in
        [(c"server.example", Some(c"server.example")), (c"127.0.0.1", None), (c"::1", None), (c"", None)]
    {
        let mut setup = cpsk(b"me", b"key");
        setup.client_sni = name.as_ptr().cast_mut();
        assert_eq!(client(&setup).unwrap().server_name.as_deref(), sent);
        let mut setup = pem(c"cert", c"key");
        setup.client_sni = name.as_ptr().cast_mut();
        assert_eq!(pki(&setup).unwrap().server_name.as_deref(), sent);
    }
}

#[test]
fn a_client_shows_its_identity_at_once_and_the_hint_when_it_comes() {
    let ends = Ends::new();
    let setup = client(&cpsk(b"me", b"key")).unwrap();
    assert!(!setup.needs_hint);
    let chosen = (setup.for_hint)(&ends.peer(), b"hint").unwrap();
    assert_eq!((&*chosen.identity, chosen.key.as_bytes()), (&b"me"[..], &b"key"[..]));
    assert_eq!(ends.hint(), Some(&b"hint"[..]));
    assert_eq!((ends.identity(), ends.key()), (Some(&b"me"[..]), Some(&b"key"[..])));
    ends.close();
}

/// Chooses identity and key by the hint; what is shown of the session goes to `arg`.
unsafe extern "C" fn choose(
    hint: *mut coap_str_const_t,
    session: *mut coap_session_t,
    arg: *mut c_void,
) -> *const coap_dtls_cpsk_info_t {
    struct Info(coap_dtls_cpsk_info_t);
    // SAFETY: never changed.
    unsafe impl Sync for Info {}
    static INFO: Info = Info(coap_dtls_cpsk_info_t {
        identity: coap_bin_const_t { length: 3, s: b"you".as_ptr() },
        key: coap_bin_const_t { length: 5, s: b"other".as_ptr() },
    });
    // SAFETY: a hint with a zero behind it, a live session, and what the test gave.
    unsafe {
        let seen = &mut *arg.cast::<Vec<u8>>();
        seen.extend_from_slice(core::slice::from_raw_parts((*hint).s, (*hint).length + 1));
        seen.extend_from_slice(read(coap_session_get_psk_identity(session)).unwrap());
        match (*hint).length {
            3 => ptr::null(),
            _ => &raw const INFO.0,
        }
    }
}

#[test]
fn a_callback_chooses_the_identity_by_the_hint() {
    let ends = Ends::new();
    let mut seen: Vec<u8> = Vec::new();
    let mut setup = cpsk(b"me", b"key");
    setup.validate_ih_call_back = Some(choose);
    setup.ih_call_back_arg = ptr::from_mut(&mut seen).cast();
    let setup = client(&setup).unwrap();
    assert!(setup.needs_hint);
    let chosen = (setup.for_hint)(&ends.peer(), b"hint").unwrap();
    assert_eq!((&*chosen.identity, chosen.key.as_bytes()), (&b"you"[..], &b"other"[..]));
    assert_eq!((ends.identity(), ends.key()), (Some(&b"you"[..]), Some(&b"other"[..])));
    assert_eq!(seen, b"hint\0me");
    assert!((setup.for_hint)(&ends.peer(), b"bad").is_none());
    ends.close();
}

#[test]
fn a_server_shows_the_identity_and_keeps_its_own_key_to_itself() {
    let ends = Ends::new();
    let setup = server(&spsk(b"hint", b"key")).unwrap();
    assert_eq!(&*setup.hint.hint, b"hint");
    let key = (setup.for_identity)(&ends.peer(), b"me").unwrap();
    assert_eq!(key.as_bytes(), b"key");
    assert_eq!((ends.hint(), ends.identity(), ends.key()), (None, Some(&b"me"[..]), None));
    ends.close();
}

/// Gives the key of an identity: none, one of no bytes, or the identity itself.
unsafe extern "C" fn find_key(
    identity: *mut coap_bin_const_t,
    session: *mut coap_session_t,
    _: *mut c_void,
) -> *const coap_bin_const_t {
    // SAFETY: an identity with a zero behind it, and a live session.
    unsafe {
        assert_eq!(*(*identity).s.add((*identity).length), 0);
        assert_eq!(read(coap_session_get_psk_identity(session)), read(identity));
        match (*identity).length {
            0 => ptr::null(),
            1 => {
                (*identity).length = 0;
                identity
            }
            _ => identity,
        }
    }
}

#[test]
fn a_callback_finds_the_key_of_an_identity() {
    let ends = Ends::new();
    let mut setup = spsk(b"", b"");
    assert!(server(&setup).is_err());
    setup.validate_id_call_back = Some(find_key);
    let setup = server(&setup).unwrap();
    let key = (setup.for_identity)(&ends.peer(), b"someone").unwrap();
    assert_eq!(key.as_bytes(), b"someone");
    assert_eq!((ends.identity(), ends.key()), (Some(&b"someone"[..]), Some(&b"someone"[..])));
    assert!((setup.for_identity)(&ends.peer(), b"").is_none());
    assert!((setup.for_identity)(&ends.peer(), b"x").is_none());
    assert!((setup.for_identity)(&ends.peer(), &[b'x'; psk::MAX_KEY + 1]).is_none());
    ends.close();
}

/// Gives hint and key of a name, and counts.
unsafe extern "C" fn find_hint(
    name: *const c_char,
    session: *mut coap_session_t,
    arg: *mut c_void,
) -> *const coap_dtls_spsk_info_t {
    struct Info(coap_dtls_spsk_info_t);
    // SAFETY: never changed.
    unsafe impl Sync for Info {}
    static INFO: Info = Info(coap_dtls_spsk_info_t {
        hint: coap_bin_const_t { length: 3, s: b"sni".as_ptr() },
        key: coap_bin_const_t { length: 4, s: b"open".as_ptr() },
    });
    // SAFETY: a name, and what the test gave.
    unsafe {
        assert!(!session.is_null());
        *arg.cast::<u32>() += 1;
        match CStr::from_ptr(name) == c"bad.example" {
            true => ptr::null(),
            false => &raw const INFO.0,
        }
    }
}

#[test]
fn each_session_uses_the_key_of_the_name_that_was_asked_for_once() {
    let mut asked = 0_u32;
    let mut setup = spsk(b"hint", b"key");
    setup.validate_sni_call_back = Some(find_hint);
    setup.sni_call_back_arg = ptr::from_mut(&mut asked).cast();
    let setup = server(&setup).unwrap();
    let for_name = setup.for_name.unwrap();
    for name in [c"a.example", c"A.Example"] {
        let ends = Ends::new();
        assert_eq!(&*for_name(&ends.peer(), name).unwrap().hint, b"sni");
        assert_eq!((setup.for_identity)(&ends.peer(), b"me").unwrap().as_bytes(), b"open");
        assert_eq!((ends.hint(), ends.key()), (Some(&b"sni"[..]), Some(&b"open"[..])));
        assert!(for_name(&ends.peer(), c"bad.example").is_none());
        ends.close();
    }
    assert_eq!(asked, 3);
}

#[test]
fn every_flag_reaches_what_is_checked() {
    type Flag = (fn(&mut coap_dtls_pki_t), fn(&mut Checks));
    let flags: [Flag; 9] = [
        (|c| c.verify_peer_cert = 1, |checks| checks.verify_peer = true),
        (|c| c.check_common_ca = 1, |checks| checks.common_ca = true),
        (|c| c.allow_self_signed = 1, |checks| checks.allow_self_signed = true),
        (|c| c.allow_expired_certs = 1, |checks| checks.allow_expired = true),
        (|c| c.check_cert_revocation = 1, |checks| checks.revocation = true),
        (|c| c.allow_no_crl = 1, |checks| checks.allow_no_crl = true),
        (|c| c.allow_expired_crl = 1, |checks| checks.allow_expired_crl = true),
        (|c| c.allow_bad_md_hash = 1, |checks| checks.allow_bad_digest = true),
        (|c| c.allow_short_rsa_length = 1, |checks| checks.allow_short_rsa = true),
    ];
    for (set, expect) in flags {
        let mut setup = pem(c"cert", c"key");
        let mut checks = Checks::default();
        set(&mut setup);
        expect(&mut checks);
        assert_eq!(pki(&setup).unwrap().checks, checks);
    }
    let mut setup = pem(c"cert", c"key");
    setup.cert_chain_verify_depth = 3;
    assert_eq!(pki(&setup).unwrap().checks.depth, None);
    setup.cert_chain_validation = 1;
    assert_eq!(pki(&setup).unwrap().checks.depth, Some(3));
    // With a common CA no certificate may be signed by itself.
    setup.check_common_ca = 1;
    setup.allow_self_signed = 1;
    assert!(!pki(&setup).unwrap().checks.allow_self_signed);
}

#[test]
fn a_certificate_needs_its_private_key() {
    assert!(pki(&pem(c"cert", c"key")).is_ok());
    assert!(pki(&pem(c"cert", c"")).is_err());
    assert!(pki(&pem(c"", c"key")).is_err());
    assert!(pki(&pem(c"", c"")).is_ok());
}

#[test]
fn raw_public_keys_are_never_files() {
    let mut setup = pem(c"cert", c"key");
    setup.is_rpk_not_cert = 1;
    assert!(!pki(&setup).unwrap().is_rpk);
    setup.pki_key.key_type = COAP_PKI_KEY_PEM_BUF;
    setup.pki_key.key.pem_buf = coap_pki_key_pem_buf_t {
        ca_cert: ptr::null(),
        public_cert: b"key".as_ptr(),
        private_key: b"key".as_ptr(),
        ca_cert_len: 0,
        public_cert_len: 3,
        private_key_len: 3,
    };
    let read = pki(&setup).unwrap();
    assert!(read.is_rpk && matches!(read.keys.certificate, Some(Source::RawPublicKey(_))));
}

/// Takes certificates of the common name in `arg`.
unsafe extern "C" fn has_name(
    name: *const c_char,
    der: *const u8,
    der_len: usize,
    session: *mut coap_session_t,
    depth: c_uint,
    is_valid: c_int,
    arg: *mut c_void,
) -> c_int {
    // SAFETY: NULL or a name, as many bytes, and what the test gave.
    unsafe {
        assert!(!session.is_null());
        assert_eq!(core::slice::from_raw_parts(der, der_len), b"der");
        assert_eq!((depth, is_valid), (2, 1));
        (!name.is_null() && CStr::from_ptr(name) == CStr::from_ptr(arg.cast())).into()
    }
}

#[test]
fn a_callback_takes_certificates_by_their_names() {
    let ends = Ends::new();
    let mut setup = pem(c"cert", c"key");
    setup.validate_cn_call_back = Some(has_name);
    setup.cn_call_back_arg = c"good".as_ptr().cast_mut().cast();
    let accept = pki(&setup).unwrap().accept.unwrap();
    let certificate = |name| Certificate { name, der: b"der", depth: 2, is_valid: true };
    assert!(accept(&ends.peer(), &certificate(Some(c"good"))));
    assert!(!accept(&ends.peer(), &certificate(Some(c"bad"))));
    assert!(!accept(&ends.peer(), &certificate(None)));
    ends.close();
}

/// Gives keys by the name: a good one, one without its private key, or none.
unsafe extern "C" fn find_keys(name: *const c_char, arg: *mut c_void) -> *mut coap_dtls_key_t {
    // SAFETY: a name, and what the test gave.
    unsafe {
        let key = arg.cast::<coap_dtls_key_t>();
        (*key).key.pem.private_key = match CStr::from_ptr(name).to_bytes() {
            b"half" => ptr::null(),
            b"none" => return ptr::null_mut(),
            _ => name,
        };
        key
    }
}

#[test]
fn a_callback_finds_the_keys_of_a_name() {
    let ends = Ends::new();
    let mut setup = pem(c"", c"");
    let mut found = pem(c"cert", c"key").pki_key;
    setup.validate_sni_call_back = Some(find_keys);
    setup.sni_call_back_arg = ptr::from_mut(&mut found).cast();
    let for_name = pki(&setup).unwrap().for_name.unwrap();
    let keys = for_name(&ends.peer(), c"good.example").unwrap();
    assert!(matches!(keys.private_key, Some(Source::File(path, _)) if path.ends_with("good.example")));
    assert_eq!(for_name(&ends.peer(), c"half"), None);
    assert_eq!(for_name(&ends.peer(), c"none"), None);
    ends.close();
}

/// Looks at the set-up, which is no more what the test gave.
unsafe extern "C" fn look(native: *mut c_void, setup: *mut coap_dtls_pki_t) -> c_int {
    // SAFETY: the library's copy, whose pointers lead to copies.
    unsafe {
        assert_eq!(CStr::from_ptr((*setup).pki_key.key.pem.public_cert), c"cert.pem");
        assert_eq!(CStr::from_ptr((*setup).client_sni), c"name.example");
        ptr::eq(native, (*setup).cn_call_back_arg).into()
    }
}

#[test]
fn the_set_up_that_a_callback_sees_is_a_copy() {
    let ends = Ends::new();
    let (mut certificate, mut name) = (b"cert.pem\0".to_vec(), b"name.example\0".to_vec());
    let mut setup = pem(c"", c"key");
    setup.pki_key.key.pem.public_cert = certificate.as_ptr().cast();
    setup.client_sni = name.as_mut_ptr().cast();
    setup.cn_call_back_arg = ptr::without_provenance_mut(7);
    setup.additional_tls_setup_call_back = Some(look);
    let read = pki(&setup).unwrap();
    certificate.fill(b'x');
    name.fill(b'x');
    let adjust = read.adjust.unwrap();
    assert!(adjust(&ends.peer(), ptr::without_provenance_mut(7)));
    assert!(!adjust(&ends.peer(), ptr::without_provenance_mut(8)));
    ends.close();
}

/// Ends everything it is called for.
unsafe extern "C" fn end_all(
    identity: *mut coap_bin_const_t,
    session: *mut coap_session_t,
    _: *mut c_void,
) -> *const coap_bin_const_t {
    // SAFETY: a live session and its context, which nobody uses afterwards.
    unsafe {
        let context = crate::capi::session::coap_session_get_context(session);
        coap_session_disconnected(session, COAP_NACK_TLS_FAILED);
        coap_session_release(session);
        coap_free_context(context);
    }
    identity
}

#[test]
fn a_callback_may_end_its_session_and_its_context() {
    let ends = Ends::new();
    let mut setup = spsk(b"", b"key");
    setup.validate_id_call_back = Some(end_all);
    let setup = server(&setup).unwrap();
    let key = (setup.for_identity)(&ends.peer(), b"me").unwrap();
    assert_eq!(key.as_bytes(), b"me");
    drop(ends);
}
