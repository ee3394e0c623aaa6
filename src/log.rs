//! The log: a level, a sink, and a macro that costs one load when the level is off.
//!
//! Global on purpose, as the C interface has it (`coap_set_log_level`, `coap_set_log_handler`).
//! How a line looks and where it goes is the sink's business: `capi::debug` sets it.

use core::fmt;
use core::sync::atomic::{AtomicU8, Ordering};
use parking_lot::RwLock;

/// A log level. Larger numbers are chattier. A newtype over the number of the C interface.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Level(pub u8);

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
}

/// The level in force at start: warnings and worse.
static LEVEL: AtomicU8 = AtomicU8::new(Level::WARN.0);

/// Takes a line without a newline at its end.
pub type Sink = fn(Level, &str);

static SINK: RwLock<Option<Sink>> = RwLock::new(None);

/// The level in force.
pub fn level() -> Level {
    Level(LEVEL.load(Ordering::Relaxed))
}

/// Sets the level.
pub fn set_level(level: Level) {
    LEVEL.store(level.0, Ordering::Relaxed);
}

/// Sets where lines go.
pub fn set_sink(sink: Sink) {
    *SINK.write() = Some(sink);
}

/// Whether lines of this level are wanted.
pub fn enabled(level: Level) -> bool {
    level <= self::level()
}

/// Formats a line and hands it to the sink. Use the [`log!`](crate::log!) macro.
pub fn write(level: Level, line: fmt::Arguments<'_>) {
    let sink = *SINK.read();
    if let Some(sink) = sink {
        match line.as_str() {
            Some(text) => sink(level, text),
            None => sink(level, &line.to_string()),
        }
    }
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
