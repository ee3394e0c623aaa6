//! OpenSSL's queue of errors, of which each thread has one. It is emptied before a call and read right
//! after, so that nothing is taken for the cause that another connection has left behind.

use crate::tls::SetupError;
use core::ffi::{CStr, c_ulong};
use openssl_sys as ffi;
use std::io;

/// Bit of a code that stands for an error of the system.
const SYSTEM_ERROR: c_ulong = 1 << 31;

/// Forgets what is in it.
pub(super) fn clear() {
    // SAFETY: touches only what OpenSSL keeps for this thread.
    unsafe { ffi::ERR_clear_error() };
}

/// Takes all reasons out of it, the first cause first.
pub(super) fn take() -> Vec<String> {
    core::iter::from_fn(|| {
        // SAFETY: touches only what OpenSSL keeps for this thread.
        let code = unsafe { ffi::ERR_get_error() };
        (code != 0).then(|| reason(code))
    })
    .collect()
}

fn reason(code: c_ulong) -> String {
    // SAFETY: takes any number; answers NULL or a static text.
    let text = unsafe { ffi::ERR_reason_error_string(code) };
    if !text.is_null() {
        // SAFETY: a static text that ends with zero.
        return unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned();
    }
    if code & SYSTEM_ERROR != 0 {
        let number = i32::try_from(code & !SYSTEM_ERROR).unwrap_or_default();
        return io::Error::from_raw_os_error(number).to_string();
    }
    format!("error {code:x}")
}

/// The reason that something failed for.
pub(super) fn why() -> String {
    let mut reasons = take();
    reasons.dedup();
    if reasons.is_empty() { "no reason given".to_owned() } else { reasons.join(", ") }
}

/// An error of a set-up: which part of it, and OpenSSL's reason.
pub(super) fn refused(part: impl core::fmt::Display) -> SetupError {
    SetupError(format!("{part}: {}", why()))
}

/// As [`refused`], for what the crate `openssl` answers, which has emptied the queue.
pub(super) fn refused_by<E: Reasons>(part: impl core::fmt::Display) -> impl FnOnce(E) -> SetupError {
    move |error| SetupError(format!("{part}: {}", error.reasons()))
}

/// An error that knows its reasons.
pub(super) trait Reasons {
    /// They, in one line.
    fn reasons(&self) -> String;
}

impl Reasons for openssl::error::ErrorStack {
    fn reasons(&self) -> String {
        let mut reasons: Vec<String> = self.errors().iter().map(|e| reason(e.code() as c_ulong)).collect();
        reasons.dedup();
        if reasons.is_empty() { "no reason given".to_owned() } else { reasons.join(", ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_in_the_words_of_openssl() {
        clear();
        let error = openssl::x509::X509::from_der(b"rubbish").unwrap_err();
        assert!(!error.reasons().contains("error "), "{}", error.reasons());
        assert_eq!(why(), "no reason given");
    }

    #[test]
    fn an_error_of_the_system_is_named() {
        assert_eq!(reason(SYSTEM_ERROR | 2), io::Error::from_raw_os_error(2).to_string());
    }
}
