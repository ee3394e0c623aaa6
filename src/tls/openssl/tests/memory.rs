//! Counts what OpenSSL takes, along with what Rust does: see [`crate::heap`].

use super::authority::Holder;
use super::pki::{VERIFY, pki};
use super::*;
use crate::heap;
use core::cell::Cell;
use core::ffi::{c_char, c_int, c_void};

thread_local! {
    /// So many more times OpenSSL gets memory, in this thread.
    static LEFT: Cell<Option<u32>> = const { Cell::new(None) };
}

/// Whether OpenSSL gets memory this time.
fn is_there_some() -> bool {
    let left = LEFT.try_with(|left| {
        let now = left.get();
        left.set(now.map(|n| n.saturating_sub(1)));
        now
    });
    left.ok().flatten() != Some(0)
}

type Malloc = unsafe extern "C" fn(usize, *const c_char, c_int) -> *mut c_void;
type Realloc = unsafe extern "C" fn(*mut c_void, usize, *const c_char, c_int) -> *mut c_void;
type Free = unsafe extern "C" fn(*mut c_void, *const c_char, c_int);

unsafe extern "C" {
    fn CRYPTO_set_mem_functions(malloc: Malloc, realloc: Realloc, free: Free) -> c_int;
    fn malloc_usable_size(memory: *mut c_void) -> usize;
}

/// OpenSSL must be told before it takes anything: so before any test begins.
#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_ALL: extern "C" fn() = before_all;

extern "C" fn before_all() {
    // SAFETY: functions of the types that are asked for, which keep to what those of the C library do.
    let set = unsafe { CRYPTO_set_mem_functions(malloc, realloc, free) };
    assert_eq!(set, 1);
}

fn size(memory: *mut c_void) -> isize {
    // SAFETY: NULL, or from the C library.
    unsafe { malloc_usable_size(memory) }.cast_signed()
}

unsafe extern "C" fn malloc(len: usize, _: *const c_char, _: c_int) -> *mut c_void {
    if !is_there_some() {
        return core::ptr::null_mut();
    }
    // SAFETY: any length will do.
    let memory = unsafe { libc::malloc(len) };
    heap::count(size(memory));
    memory
}

unsafe extern "C" fn realloc(old: *mut c_void, len: usize, _: *const c_char, _: c_int) -> *mut c_void {
    let before = size(old);
    if len == 0 {
        // SAFETY: NULL, or from `malloc`.
        unsafe { libc::free(old) };
        heap::count(-before);
        return core::ptr::null_mut();
    }
    if !is_there_some() {
        return core::ptr::null_mut();
    }
    // SAFETY: as above.
    let memory = unsafe { libc::realloc(old, len) };
    if !memory.is_null() {
        heap::count(size(memory) - before);
    }
    memory
}

unsafe extern "C" fn free(memory: *mut c_void, _: *const c_char, _: c_int) {
    heap::count(-size(memory));
    // SAFETY: NULL, or from `malloc`.
    unsafe { libc::free(memory) };
}

#[test]
fn what_openssl_takes_is_counted() {
    let before = heap::held();
    let number = openssl::bn::BigNum::from_slice(&[1; 1000]).unwrap();
    assert!(heap::held() - before >= 1000);
    drop(number);
    assert_eq!(heap::held(), before);
}

/// OpenSSL gets memory once, twice, three times and so on, and then no more until the connection is over:
/// each of its calls fails in turn. `true` if there was enough.
fn runs_out(
    after: u32,
    make: &impl Fn() -> Option<(Arc<dyn Connector>, Arc<dyn Acceptor>)>,
    carrier: Carrier,
) -> bool {
    LEFT.set(Some(after));
    let run = || {
        let (connector, acceptor) = make()?;
        let client = connector.connect(carrier).ok()?;
        let server = match carrier {
            Carrier::Datagrams { .. } => None,
            Carrier::Stream { .. } => Some(acceptor.accept(carrier).ok()?),
        };
        let mut pair = Pair { client: End::new(Some(client)), server: End::new(server), acceptor };
        pair.run();
        if pair.client.happened == [Happened::Connected] && pair.client.get().send(b"ping") {
            pair.run();
        }
        let done = pair.client.is_connected() && pair.server.received == [b"ping"];
        pair.client.get().close();
        pair.run();
        Some(done)
    };
    let done = run().unwrap_or_default();
    let enough = LEFT.take() != Some(0);
    assert!(done || !enough, "after {after}");
    enough
}

/// Whether this is OpenSSL 3.2 or later, which has other buffers.
fn is_newer() -> bool {
    openssl::version::number() >= 0x3020_0000
}

/// To take each step takes a minute.
const STEP: usize = 11;

fn run_out(make: impl Fn() -> Option<(Arc<dyn Connector>, Arc<dyn Acceptor>)>) {
    for carrier in CARRIERS {
        if is_newer() && carrier == CARRIERS[0] {
            // Without memory it does not survive its own `SSL_free()`.
            continue;
        }
        runs_out(u32::MAX, &make, carrier);
        let before = heap::held();
        let steps = (0..).step_by(STEP).take_while(|after| !runs_out(*after, &make, carrier)).count();
        assert!(steps > 20, "{steps}");
        // What OpenSSL itself loses is not ours; it is little.
        let lost = heap::held() - before;
        assert!(lost < 64 * steps as isize, "{lost} bytes in {steps} steps");
    }
}

#[test]
fn no_memory_at_any_point_of_a_handshake_with_keys_does_no_harm() {
    let (connector, acceptor) =
        (psk_connector(client_psk("me", "key")), psk_acceptor(server_psk("me", "key")));
    run_out(|| Some((Arc::clone(&connector), Arc::clone(&acceptor))));
}

#[test]
fn no_memory_at_any_point_of_a_handshake_with_certificates_does_no_harm() {
    let root = Holder::root("root");
    let connector = pki_connector(pki(root.end("client").keys(Some(&root), &[]), VERIFY));
    let acceptor = pki_acceptor(pki(root.end("server").keys(Some(&root), &[]), VERIFY));
    run_out(|| Some((Arc::clone(&connector), Arc::clone(&acceptor))));
}

/// Its buffers for records are 33 kB, which OpenSSL gives back meanwhile. Over datagrams it keeps 22 kB for
/// messages of the handshake, which may have to be sent again.
#[test]
fn an_idle_connection_holds_little() {
    let (connector, acceptor) =
        (psk_connector(client_psk("me", "key")), psk_acceptor(server_psk("me", "key")));
    for carrier in CARRIERS {
        let mut pair = Pair::new(&connector, &acceptor, carrier);
        pair.connected().talk();
        for end in [&mut pair.client, &mut pair.server] {
            let before = heap::held();
            end.connection = None;
            let held = before - heap::held();
            let most = match carrier {
                _ if is_newer() => 65_000,
                Carrier::Stream { .. } => 20_000,
                Carrier::Datagrams { .. } => 40_000,
            };
            assert!((5_000..most).contains(&held), "{held} bytes, {carrier:?}");
        }
    }
}
