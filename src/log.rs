//! The log: a level, a sink, and a macro that costs one load when the level is off.
//!
//! Global on purpose, as the C interface has it (`coap_set_log_level`, `coap_set_log_handler`).
//! Without a sink of the application's, lines go to the standard streams: [`stdio`].

pub mod pdu;
pub mod stdio;

use core::ffi::CStr;
use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};
use parking_lot::RwLock;
use std::ffi::CString;

/// A log level. Larger numbers are chattier. A newtype over the number of the C interface.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Level(pub u32);

impl Level {
    /// The library cannot go on.
    pub const CRIT: Level = Level(2);
    /// An operation failed.
    pub const ERR: Level = Level(3);
    /// Something is wrong, and was survived.
    pub const WARN: Level = Level(4);
    /// Rare and noteworthy.
    pub const NOTICE: Level = Level(5);
    /// Messages in short.
    pub const INFO: Level = Level(6);
    /// Everything.
    pub const DEBUG: Level = Level(7);
    /// What OSCORE does; the chattiest level that can be set.
    pub const OSCORE: Level = Level(8);
    /// The first of the levels under which a (D)TLS library's own lines go out.
    pub const DTLS_BASE: Level = Level(9);
    /// What a (D)TLS library says of its connections.
    pub const DTLS_INFO: Level = Level::dtls(6);

    /// The level for a (D)TLS library's own lines of level `n`.
    pub const fn dtls(n: u32) -> Level {
        Level(Level::DTLS_BASE.0 + n)
    }

    /// The four letters that stand in front of a line, for the levels that have them.
    pub fn name(self) -> Option<&'static CStr> {
        const NAMES: [&CStr; 17] = [
            c"EMRG", c"ALRT", c"CRIT", c"ERR ", c"WARN", c"NOTE", c"INFO", c"DEBG", c"OSC ", c"Emrg",
            c"Alrt", c"Crit", c"Err ", c"Warn", c"Note", c"Info", c"Debg",
        ];
        NAMES.get(self.0 as usize).copied()
    }
}

/// The level in force at start: warnings and worse.
static LEVEL: AtomicU32 = AtomicU32::new(Level::WARN.0);

/// The level up to which a (D)TLS library's own lines are written, counted as others are.
static DTLS_LEVEL: AtomicU32 = AtomicU32::new(0);

/// The level in force for a (D)TLS library's own lines, counted as others are.
pub fn dtls_level() -> u32 {
    DTLS_LEVEL.load(Ordering::Relaxed)
}

/// Sets it.
pub fn set_dtls_level(level: u32) {
    DTLS_LEVEL.store(level, Ordering::Relaxed);
}

/// Takes a text as it is to be printed: with its newline, when it has one.
pub type Sink = fn(Level, &CStr);

static SINK: RwLock<Sink> = RwLock::new(stdio::print);

/// The level in force.
pub fn level() -> Level {
    Level(LEVEL.load(Ordering::Relaxed))
}

/// Sets the level. What is above [`Level::OSCORE`] counts as that.
pub fn set_level(level: Level) {
    LEVEL.store(level.min(Level::OSCORE).0, Ordering::Relaxed);
}

/// Sets where texts go.
pub fn set_sink(sink: Sink) {
    *SINK.write() = sink;
}

/// Whether lines of this level are wanted.
pub fn enabled(level: Level) -> bool {
    match level < Level::DTLS_BASE {
        true => level <= self::level(),
        false => level.0 - Level::DTLS_BASE.0 <= dtls_level(),
    }
}

/// Hands a text to the sink as it is, whatever the level in force. No lock is held meanwhile.
pub fn emit(level: Level, text: &CStr) {
    let sink = *SINK.read();
    sink(level, text);
}

/// Formats a line, ends it, and hands it to the sink. Use the [`log!`](crate::log!) macro.
pub fn write(level: Level, line: fmt::Arguments<'_>) {
    let mut text = without_error_numbers(format!("{line}\n"));
    // C sees the end of the text at the first zero.
    text.retain(|c| c != '\0');
    if let Ok(text) = CString::new(text) {
        emit(level, &text);
    }
}

/// Rust gives the number of a system's error along with its text: ` (os error 2)`. Whoever reads a log knows the text.
fn without_error_numbers(text: String) -> String {
    let mut parts = text.split(" (os error ");
    let Some(first) = parts.next().filter(|first| first.len() < text.len()) else { return text };
    let mut plain = first.to_owned();
    for part in parts {
        match part.split_once(')') {
            Some((number, rest)) if number.bytes().all(|b| b.is_ascii_digit()) => plain.push_str(rest),
            // Words of a peer's are left as they are.
            _ => plain.extend([" (os error ", part]),
        }
    }
    plain
}

/// Logs a line: `log!(WARN, "cannot bind: {e}")`.
#[macro_export]
macro_rules! log {
    ($level:ident, $($arg:tt)*) => {
        if $crate::log::enabled($crate::log::Level::$level) {
            $crate::log::write($crate::log::Level::$level, format_args!($($arg)*));
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_errors_are_left_out_and_nothing_else() {
        let refused = std::io::Error::from_raw_os_error(111);
        let plain = |text: &str| without_error_numbers(text.to_owned());
        assert_eq!(
            plain(&format!("a: {refused}, b: {refused}\n")),
            "a: Connection refused, b: Connection refused\n"
        );
        for text in ["", "no number\n", "x (os error in words) y\n", "x (os error 12"] {
            assert_eq!(plain(text), text);
        }
    }
}
