//! The C interface: `extern "C"` functions and the types in their signatures, one file per public
//! header. What may enter: checking pointers, converting, one call into a room below, converting
//! back. No protocol, no socket, no decision that a Rust caller would need too.
//!
//! Every exported function has the same shape: its body stands in [`ffi::ffi`] (or
//! [`ffi::ffi_or`]), NULL is turned away with `?`, and `unsafe` is used for the caller's pointers
//! alone.

pub mod address;
pub(crate) mod application;
pub mod r#async;
pub mod block;
pub mod cache;
pub mod debug;
pub mod dtls;
pub mod encode;
pub mod event;
pub(crate) mod ffi;
pub(crate) mod handle;
pub mod io;
pub mod libcoap;
pub mod mem;
pub mod net;
pub mod net_loop;
pub mod net_security;
pub mod net_send;
pub mod net_settings;
pub mod option;
pub mod pdu;
pub mod persist;
pub mod prng;
pub mod proxy;
pub mod resource;
pub mod resource_links;
pub(crate) mod security;
pub(crate) mod sent;
pub mod session;
pub mod session_open;
pub mod session_params;
pub mod session_security;
pub mod str;
pub mod subscribe;
pub mod supported;
pub mod time;
pub mod types;
pub mod uri;
pub mod ws;
