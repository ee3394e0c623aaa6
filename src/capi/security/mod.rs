//! Keys and certificates as C gives them: what stands in its structs, what its callbacks are asked, and
//! what a context keeps of both. Everything is read at the call, and copied; a pointer of the
//! application's that is kept is one that its callbacks get back.
//!
//! The callbacks run with nothing locked and with a share of the session held, so they may call any
//! function of the library, also one that ends the session or its context.

mod context;
mod keys;
mod lent;
mod names;
mod pki;
mod psk;
#[cfg(test)]
mod tests;

pub(crate) use context::{Install, Security};
pub(crate) use lent::PskLent;
pub(crate) use pki::{check_version as check_pki_version, read as read_pki};
pub(crate) use psk::{client as read_client_psk, for_connection, server as read_server_psk};

use crate::driver::SessionHandle;
use crate::log::{self, Level};
use crate::tls::{Peer, SetupError};
use crate::variant;
use core::ffi::{CStr, c_char, c_void};
use std::net::IpAddr;
use std::sync::Arc;

/// Says what a set-up asks for that this variant does not have. It holds without.
fn say_left_out(use_cid: u8, ec_jpake: u8) {
    let wanted = [
        (use_cid != 0 && !variant::DTLS_CID, "connection identifiers (RFC 9146)", "use_cid"),
        (ec_jpake != 0 && !variant::EC_JPAKE, "EC-JPAKE", "ec_jpake"),
    ];
    for (_, what, field) in wanted.iter().filter(|(is_missing, ..)| *is_missing) {
        crate::log!(WARN, "this variant has no {what}: {field} counts for nothing");
    }
}

/// Why a set-up is not taken: a line for the log.
#[derive(Debug)]
pub(crate) struct Refusal {
    level: Level,
    line: String,
}

impl Refusal {
    fn new(line: impl Into<String>) -> Self {
        Refusal { level: Level::WARN, line: line.into() }
    }

    /// The struct is not what it says.
    fn of_struct(line: impl Into<String>) -> Self {
        Refusal { level: Level::ERR, line: line.into() }
    }

    pub(crate) fn no_struct() -> Self {
        Refusal::of_struct("there is no setup_data")
    }

    fn wrong_version() -> Self {
        Refusal::of_struct("Wrong version of setup_data")
    }

    /// Says so.
    pub(crate) fn log(&self, caller: &str) {
        if log::enabled(self.level) {
            log::write(self.level, format_args!("{caller}: {}", self.line));
        }
    }
}

impl From<SetupError> for Refusal {
    fn from(error: SetupError) -> Self {
        Refusal::new(error.0)
    }
}

/// A pointer that a callback gets back. The library does not follow it.
#[derive(Clone, Copy)]
struct Arg(*mut c_void);

// SAFETY: it is a number to this library; what the application's callbacks do with it is theirs to make
// right, in whichever thread the context is used.
unsafe impl Send for Arg {}
// SAFETY: the same.
unsafe impl Sync for Arg {}

impl Arg {
    fn get(self) -> *mut c_void {
        self.0
    }
}

/// The session of a connection.
fn session_of(peer: &Peer) -> Option<Arc<SessionHandle>> {
    Arc::clone(peer).downcast().ok()
}

/// The name that a client sends of the server. One that is an address is not sent (RFC 6066 §3).
///
/// # Safety
/// `name` is NULL or a C string.
unsafe fn server_name(name: *const c_char) -> Option<Box<CStr>> {
    if name.is_null() {
        return None;
    }
    // SAFETY: a C string, as the caller promises.
    let name = unsafe { CStr::from_ptr(name) };
    let is_address = name.to_str().is_ok_and(|name| name.parse::<IpAddr>().is_ok());
    (!name.is_empty() && !is_address).then(|| name.into())
}
