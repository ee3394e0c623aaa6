//! An OpenSSL that does not give what it should: functions of it that the test program has in its place,
//! and that fail for the thread that wants that.

use super::authority::Holder;
use super::pki::{VERIFY, pki};
use super::*;
use core::cell::Cell;
use core::ffi::{c_char, c_int, c_long, c_void};
use std::sync::OnceLock;

thread_local! {
    /// Which function fails, and how often it does what it should before that.
    static BROKEN: Cell<Option<(&'static str, u32)>> = const { Cell::new(None) };
}

fn is_named(name: &str) -> bool {
    BROKEN.try_with(Cell::get).is_ok_and(|broken| broken.is_some_and(|(broken, _)| broken == name))
}

/// Whether it fails this time.
fn is_broken() -> bool {
    let Some((broken, left)) = BROKEN.get() else { return false };
    BROKEN.set(Some((broken, left.saturating_sub(1))));
    left == 0
}

/// Whether code is this program's. What OpenSSL asks of itself it does not check, and we could not.
fn is_ours(code: *mut c_void) -> bool {
    let object = |code: *const c_void| {
        // SAFETY: zeros are a value of the struct, which is then written.
        unsafe {
            let mut info: libc::Dl_info = core::mem::zeroed();
            (libc::dladdr(code, &raw mut info) != 0).then_some(info.dli_fbase)
        }
    };
    !code.is_null() && object(code) == object((is_ours as *const ()).cast())
}

/// Defines functions that stand before those of OpenSSL, and the list of their names.
macro_rules! stand_before {
    ($($name:ident($($argument:ident: $type:ty),*) -> $answer:ty, else $failed:expr;)*) => {
        $(
            /// See the module.
            ///
            /// # Safety
            ///
            /// As that of OpenSSL.
            #[unsafe(no_mangle)]
            unsafe extern "C" fn $name($($argument: $type),*) -> $answer {
                static OWN: OnceLock<usize> = OnceLock::new();
                let mut callers = [core::ptr::null_mut(); 2];
                if is_named(stringify!($name)) {
                    // SAFETY: writes as many as there is room for: here, and who called.
                    unsafe { libc::backtrace(callers.as_mut_ptr(), 2) };
                }
                if is_ours(callers[1]) && is_broken() {
                    return $failed;
                }
                let own = OWN.get_or_init(|| {
                    let name = concat!(stringify!($name), "\0");
                    // SAFETY: a string.
                    unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr().cast()).addr() }
                });
                // SAFETY: the function of this name is of this type.
                unsafe {
                    let own: unsafe extern "C" fn($($type),*) -> $answer =
                        core::mem::transmute(core::ptr::with_exposed_provenance::<c_void>(*own));
                    own($($argument),*)
                }
            }
        )*

        const FUNCTIONS: &[&str] = &[$(stringify!($name)),*];
    };
}

type Pointer = *mut c_void;

stand_before! {
    BIO_new(method: Pointer) -> Pointer, else core::ptr::null_mut();
    BIO_get_data(bio: Pointer) -> Pointer, else core::ptr::null_mut();
    BIO_ADDR_new() -> Pointer, else core::ptr::null_mut();
    SSL_new(context: Pointer) -> Pointer, else core::ptr::null_mut();
    SSL_get_ex_data(ssl: Pointer, index: c_int) -> Pointer, else core::ptr::null_mut();
    SSL_set_ex_data(ssl: Pointer, index: c_int, data: Pointer) -> c_int, else 0;
    SSL_set_SSL_CTX(ssl: Pointer, context: Pointer) -> Pointer, else core::ptr::null_mut();
    SSL_get_ex_data_X509_STORE_CTX_idx() -> c_int, else -1;
    SSL_client_hello_get0_ciphers(ssl: Pointer, out: Pointer) -> usize, else 0;
    SSL_client_hello_get0_ext(ssl: Pointer, kind: c_int, out: Pointer, len: Pointer) -> c_int, else 0;
    SSL_use_psk_identity_hint(ssl: Pointer, hint: *const c_char) -> c_int, else 0;
    SSL_do_handshake(ssl: Pointer) -> c_int, else -1;
    SSL_get_current_cipher(ssl: Pointer) -> Pointer, else core::ptr::null_mut();
    SSL_read_ex(ssl: Pointer, to: Pointer, room: usize, read: Pointer) -> c_int, else 0;
    SSL_write_ex(ssl: Pointer, from: Pointer, len: usize, written: Pointer) -> c_int, else 0;
    SSL_ctrl(ssl: Pointer, command: c_int, number: c_long, data: Pointer) -> c_long, else 0;
    SSL_shutdown(ssl: Pointer) -> c_int, else -1;
    DTLSv1_listen(ssl: Pointer, address: Pointer) -> c_int, else -1;
    DTLS_get_data_mtu(ssl: Pointer) -> usize, else 0;
    X509_STORE_CTX_get_ex_data(context: Pointer, index: c_int) -> Pointer, else core::ptr::null_mut();
    X509_STORE_CTX_get_current_cert(context: Pointer) -> Pointer, else core::ptr::null_mut();
    X509_STORE_CTX_get0_chain(context: Pointer) -> Pointer, else core::ptr::null_mut();
    X509_get_ext_d2i(certificate: Pointer, kind: c_int, critical: Pointer, index: Pointer) -> Pointer,
        else core::ptr::null_mut();
    X509_get_subject_name(certificate: Pointer) -> Pointer, else core::ptr::null_mut();
    X509_NAME_ENTRY_get_data(entry: Pointer) -> Pointer, else core::ptr::null_mut();
    OPENSSL_sk_value(stack: Pointer, index: c_int) -> Pointer, else core::ptr::null_mut();
    OPENSSL_sk_num(stack: Pointer) -> c_int, else -1;
    ASN1_STRING_get0_data(string: Pointer) -> Pointer, else core::ptr::null_mut();
    i2d_X509(certificate: Pointer, out: Pointer) -> c_int, else -1;
}

/// How a pair gets on whose OpenSSL fails in this place.
fn break_it(
    broken: Option<(&'static str, u32)>,
    connector: &Arc<dyn Connector>,
    acceptor: &Arc<dyn Acceptor>,
    carrier: Carrier,
) -> (bool, bool) {
    BROKEN.set(broken);
    let run = || {
        let client = connector.connect(carrier).ok()?;
        let server = match carrier {
            Carrier::Datagrams { .. } => None,
            Carrier::Stream { .. } => Some(acceptor.accept(carrier).ok()?),
        };
        let acceptor = Arc::clone(acceptor);
        let mut pair = Pair { client: End::new(Some(client)), server: End::new(server), acceptor };
        pair.run();
        let is_done = pair.client.is_connected() && pair.server.is_connected();
        if pair.client.get().send(b"ping") {
            pair.run();
        }
        pair.client.get().timeout();
        pair.client.get().handle_timeout();
        pair.client.get().overhead();
        pair.client.get().cipher();
        pair.client.get().close();
        pair.run();
        Some(is_done)
    };
    let is_done = run().unwrap_or_default();
    let was_reached = BROKEN.take().is_some_and(|(_, left)| left == 0);
    (is_done, was_reached)
}

fn break_all(connector: &Arc<dyn Connector>, acceptor: &Arc<dyn Acceptor>, must_fail: &[&str]) {
    for carrier in CARRIERS {
        assert_eq!(break_it(None, connector, acceptor, carrier), (true, false));
        for function in FUNCTIONS.iter() {
            let mut has_failed = false;
            for after in [0, 1, 2, 3, 5, 8, 13, 34, 89] {
                let (is_done, was_reached) = break_it(Some((function, after)), connector, acceptor, carrier);
                has_failed |= !is_done;
                if !was_reached {
                    break;
                }
            }
            assert!(has_failed || !must_fail.contains(function), "{function} makes no difference");
        }
        // And all is well again.
        assert_eq!(break_it(None, connector, acceptor, carrier), (true, false));
    }
}

#[test]
fn a_function_that_fails_ends_a_handshake_with_keys_cleanly() {
    let (connector, acceptor) =
        (psk_connector(client_psk("me", "key")), psk_acceptor(server_psk("me", "key")));
    break_all(&connector, &acceptor, &["SSL_get_ex_data", "SSL_do_handshake", "BIO_get_data"]);
}

/// Above all, one that fails while a certificate is looked at must not let it pass.
#[test]
fn a_function_that_fails_ends_a_handshake_with_certificates_cleanly() {
    let root = Holder::root("root");
    let accept: crate::tls::AcceptCertificate = Arc::new(|_, certificate| {
        // An application that looks at names.
        certificate.depth > 0 || certificate.name.is_some()
    });
    let set_up = |name| Pki {
        accept: Some(Arc::clone(&accept)),
        ..pki(root.end(name).keys(Some(&root), &[]), VERIFY)
    };
    break_all(
        &pki_connector(set_up("client")),
        &pki_acceptor(set_up("server")),
        &[
            "SSL_get_ex_data",
            "SSL_set_SSL_CTX",
            "SSL_get_ex_data_X509_STORE_CTX_idx",
            "X509_STORE_CTX_get_ex_data",
            "X509_STORE_CTX_get_current_cert",
            "X509_STORE_CTX_get0_chain",
            "i2d_X509",
        ],
    );
}
