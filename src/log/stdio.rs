//! Texts to the standard streams of C: through `FILE`, not through Rust's own buffers, or they
//! would change order with what the application prints.

use super::Level;
use core::ffi::{CStr, c_char};
use core::mem::MaybeUninit;
use std::time::{SystemTime, UNIX_EPOCH};

// The crate `libc` leaves these two out for glibc, where they are plain variables.
unsafe extern "C" {
    static mut stdout: *mut libc::FILE;
    static mut stderr: *mut libc::FILE;
}

/// The sink in force until the application sets another: local time, level, text.
pub(crate) fn print(level: Level, text: &CStr) {
    let mut line = prefix(level);
    line.extend_from_slice(text.to_bytes());
    // SAFETY: the variables are read, not written; C keeps the streams for the whole run.
    let stream = unsafe { if level <= Level::CRIT { stderr } else { stdout } };
    // SAFETY: pointer and length are those of `line`. A crash must not lose the line before it.
    unsafe {
        libc::fwrite(line.as_ptr().cast(), 1, line.len(), stream);
        libc::fflush(stream);
    }
}

/// Writes to `stdout` with nothing in front.
pub(crate) fn print_plain(text: &[u8]) {
    // SAFETY: pointer and length are those of `text`; `stdout` is C's and only read. A crash must
    // not lose the line before it.
    unsafe {
        libc::fwrite(text.as_ptr().cast(), 1, text.len(), stdout);
        libc::fflush(stdout);
    }
}

/// `Nov 22 07:40:33.732 WARN `: local time to the millisecond and the level.
fn prefix(level: Level) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds: libc::time_t = now.as_secs().try_into().unwrap_or_default();
    let mut calendar = MaybeUninit::<libc::tm>::zeroed();
    let mut buffer = [0u8; 32];
    // SAFETY: `localtime_r` fills `calendar`, which is valid as zeros should it fail; `strftime`
    // writes at most the given number of bytes and reads what `localtime_r` left.
    let len = unsafe {
        libc::localtime_r(&seconds, calendar.as_mut_ptr());
        libc::strftime(
            buffer.as_mut_ptr().cast::<c_char>(),
            buffer.len(),
            c"%b %d %H:%M:%S".as_ptr(),
            calendar.as_ptr(),
        )
    };
    let mut line = buffer.get(..len).unwrap_or(&[]).to_vec();
    line.extend_from_slice(format!(".{:03} ", now.subsec_millis()).as_bytes());
    match level.name() {
        Some(name) => line.extend_from_slice(name.to_bytes()),
        None => line.extend_from_slice(format!("{:4}", level.0.cast_signed()).as_bytes()),
    }
    line.push(b' ');
    line
}
