//! What the RFCs describe, as state machines that never see a socket, a clock, a thread or C.
//!
//! They take `now` and bytes; they hand out bytes to transmit, events to deliver and the next
//! deadline. What may enter: values in, values out, and `crate::log!`.

pub mod cache;
pub mod resource;
pub mod time;
