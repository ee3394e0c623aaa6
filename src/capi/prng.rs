//! `coap_prng.h`: random numbers.

use super::ffi::ffi;
use super::types::coap_rand_func_t;
use crate::random;
use core::ffi::{c_int, c_uint, c_void};
use parking_lot::RwLock;

/// The generator in force.
#[derive(Clone, Copy)]
enum Generator {
    System,
    Application(coap_rand_func_t),
}

static GENERATOR: RwLock<Generator> = RwLock::new(Generator::System);

/// Sets the function that makes random numbers, in place of the system's generator: for
/// `coap_prng()`, and for the message IDs and tokens that the library chooses. With NULL,
/// `coap_prng()` fails until another one is set. Where the function fails, the library helps itself
/// from the system. `rng` may be called from any thread.
///
/// # Safety
/// `rng` is NULL, or writes no more bytes than it is asked for and stays callable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_set_prng(rng: coap_rand_func_t) {
    ffi(|| {
        *GENERATOR.write() = Generator::Application(rng);
        random::set_source(|buffer| generate(buffer) != 0);
        Some(())
    })
}

/// Seeds the random number generator. The system's generator needs no seed, so this does nothing;
/// it is here for programs that call it.
#[unsafe(no_mangle)]
pub extern "C" fn coap_prng_init(_seed: c_uint) {}

/// Writes `len` random bytes to `buf`. Returns 1 if it could, else 0, as for a length of 0. With a
/// function set by `coap_set_prng()`, returns what that returned.
///
/// # Safety
/// `buf` is NULL or has room for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_prng(buf: *mut c_void, len: usize) -> c_int {
    ffi(|| {
        if buf.is_null() || len == 0 {
            return None;
        }
        // SAFETY: the caller passes `len` bytes of room, which need no value of their own.
        unsafe { core::ptr::write_bytes(buf.cast::<u8>(), 0, len) };
        // SAFETY: as above, and they have a value now.
        Some(generate(unsafe { core::slice::from_raw_parts_mut(buf.cast(), len) }))
    })
}

fn generate(buffer: &mut [u8]) -> c_int {
    let generator = *GENERATOR.read();
    match generator {
        Generator::System => random::system(buffer).into(),
        Generator::Application(None) => 0,
        // SAFETY: the application set it for this.
        Generator::Application(Some(rng)) => unsafe { rng(buffer.as_mut_ptr().cast(), buffer.len()) },
    }
}
