//! Random bytes: from the system, or from where the application says (`coap_set_prng`).
//!
//! The state machines take randomness as an argument; this is where the driver gets it.

use core::hash::{BuildHasher, Hasher};
use parking_lot::RwLock;
use std::io;

/// Fills a buffer with random bytes, and tells whether it could.
pub type Source = fn(&mut [u8]) -> bool;

static SOURCE: RwLock<Source> = RwLock::new(system);

/// Sets where random bytes come from; at start that is [`system`].
pub fn set_source(source: Source) {
    *SOURCE.write() = source;
}

/// So many random bytes from the source in force. Never fails: what that source does not give
/// comes from the system.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let source = *SOURCE.read();
    if !source(&mut bytes) && !system(&mut bytes) {
        // The keys of the standard library's hashers are random too, if only once per process.
        for chunk in bytes.chunks_mut(8) {
            let word = std::collections::hash_map::RandomState::new().build_hasher().finish();
            chunk.iter_mut().zip(word.to_ne_bytes()).for_each(|(to, from)| *to = from);
        }
    }
    bytes
}

/// Fills a buffer from the system's generator.
pub fn system(mut buffer: &mut [u8]) -> bool {
    while !buffer.is_empty() {
        // SAFETY: as long as is said.
        let n = unsafe { libc::getrandom(buffer.as_mut_ptr().cast(), buffer.len(), 0) };
        match usize::try_from(n) {
            Ok(n) => buffer = buffer.get_mut(n..).unwrap_or_default(),
            Err(_) => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    crate::log!(CRIT, "no random bytes from the system: {error}");
                    return false;
                }
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_fills_buffers_of_any_size() {
        let mut buffer = vec![0; 100_000];
        assert!(system(&mut buffer));
        assert!(buffer.iter().filter(|b| **b != 0).count() > 99_000);
        assert!(system(&mut []));
    }

    #[test]
    fn two_calls_give_different_bytes() {
        assert_ne!(bytes::<16>(), bytes::<16>());
    }
}
