//! Messages in the log, as they come and go.

use super::{Level, stdio};
use crate::message::{Framing, Pdu, show};
use core::sync::atomic::{AtomicBool, Ordering};

/// Whether messages are printed to `stdout` as they are, or logged with time and level in front.
static PLAIN: AtomicBool = AtomicBool::new(true);

/// Sets how messages are shown from now on: as they are, or as other lines of the log.
pub fn set_plain(plain: bool) {
    PLAIN.store(plain, Ordering::Relaxed);
}

/// Shows a message, if lines of this level are wanted.
pub fn show(level: Level, pdu: &Pdu, framing: Framing) {
    if !super::enabled(level) {
        return;
    }
    let text = show::show(pdu, framing);
    if PLAIN.load(Ordering::Relaxed) {
        stdio::print_plain(text.as_bytes());
    } else {
        text.lines().for_each(|line| super::write(level, format_args!("{line}")));
    }
}
