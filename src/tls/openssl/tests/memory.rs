//! Counts what OpenSSL takes, along with what Rust does: see [`crate::heap`].

use crate::heap;
use core::ffi::{c_char, c_int, c_void};

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
