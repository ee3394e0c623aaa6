//! The message layer as RFC 7252 describes it: each rule played out datagram by datagram, and all
//! of them together on a network that loses, repeats and reorders.
//!
//! In the diagrams the host under test stands on the left and the test on the right; time runs
//! down, and an X is a datagram that does not arrive.

mod blockwise;
mod bodies;
mod duplicates;
mod echo;
mod fan_out;
mod groups;
mod hostile_blocks;
mod hostile_streams;
mod joined;
mod limits;
mod lossy;
mod malformed;
mod matching;
mod members;
mod observe;
mod opening;
mod operations;
mod proxied_streams;
mod proxying;
mod quick;
mod quick_bodies;
mod reliability;
mod requests;
mod secured;
mod sessions;
mod streams;
mod upgrades;
