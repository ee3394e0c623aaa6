//! Bytes to values and back: headers, tokens, options, payload, codes, URIs, link format.
//!
//! What may enter: pure functions and values. No sockets, no clocks, no session, no C pointer.
//! This room knows nobody; every other one knows it. Nothing here may panic on its input.

pub mod compose;
pub mod error;
pub mod header;
pub mod id;
pub mod kind;
pub mod link_format;
pub mod option;
pub mod pdu;
#[cfg(test)]
mod properties;
pub mod show;
pub mod uri;

pub use header::Framing;
pub use id::{Mid, Token};
pub use kind::{Code, Type};
pub use option::{Number, Opt};
pub use pdu::Pdu;
