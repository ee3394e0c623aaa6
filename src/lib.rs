//! A Rust implementation of libcoap's public C interface, API and ABI of 4.3.5.
//!
//! The rooms, from the bottom up; each knows only those above it in this list:
//!
//! - [`message`]: bytes to values and back.
//! - [`protocol`]: the state machines of the RFCs, without sockets, clocks or C.
//! - [`net`]: sockets and waiting.
//! - [`tls`]: what secures a session, by one of several libraries.
//! - [`persist`]: files that a server finds again after a restart.
//! - [`driver`]: binds sockets and state machines to a context; calls handlers.
//! - [`capi`]: the `extern "C"` functions, one file per public header.
//!
//! Beside the rooms stand a few words that all may use: [`address`], [`mod@log`], [`variant`]; and, for
//! the driver and the C interface, [`clock`] and [`random`].
#![deny(unsafe_op_in_unsafe_fn, missing_docs)]

pub mod address;
pub mod capi;
pub mod clock;
pub mod driver;
#[cfg(test)]
mod heap;
pub mod log;
#[forbid(unsafe_code)]
pub mod message;
pub mod net;
#[forbid(unsafe_code)]
pub mod persist;
#[forbid(unsafe_code)]
pub mod protocol;
pub mod random;
pub mod tls;
pub mod variant;
