//! What the RFCs describe, as state machines that never see a socket, a clock, a thread or C.
//!
//! They take `now` and bytes; they hand out bytes to transmit, events to deliver and the next
//! deadline. What may enter: values in, values out, and `crate::log!`.

pub mod asynchronous;
pub mod block;
pub mod cache;
pub mod deadline;
pub mod duplicate;
pub mod engine;
pub mod event;
pub mod exchange;
pub mod keepalive;
pub mod observe;
pub mod observing;
pub mod params;
pub mod proxy;
pub mod resource;
pub mod session;
#[cfg(test)]
pub(crate) mod simulation;
pub mod stream;
#[cfg(test)]
mod tests;
pub mod time;

pub use engine::Engine;
pub use time::Instant;
