//! Sockets, and waiting for them: datagrams in batches, multicast groups, readiness.
//!
//! What may enter: file descriptors, system calls, and the values of [`crate::address`]. No CoAP:
//! what the bytes mean is known in [`crate::message`] and above.

mod batch;
mod interface;
pub mod poller;
pub mod resolve;
pub(crate) mod sockaddr;
pub mod udp;

pub use batch::{Outcome, Received, RecvBatch, SendBatch, Source};
pub use interface::{is_broadcast, is_group};
