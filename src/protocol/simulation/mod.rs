//! A small world in virtual time for tests of the state machines: no sockets, no clock, no
//! threads. The same seed gives the same run.
//!
//! - [`Network`] carries datagrams, badly if its [`Conditions`] say so; and streams, in pieces.
//! - [`Host`] is an engine with addresses and an application: a closure for each resource, and a
//!   journal of all that the application saw.
//! - [`World`] drives hosts over a network: [`World::drive_bounded`] until nothing is due.
//! - [`Pair`] is the world of most tests: one host that opened a session to another.
//! - [`Peer`] is one host, and the test at the other end of the wire, datagram by datagram.
//! - [`Replay`] names the seed of a run that fails. `SIM_SEED=7 cargo test NAME -- --nocapture`
//!   runs that one alone and shows each datagram; `SIM_RUNS=1000000` runs more of them.

mod host;
mod network;
mod peer;
mod replay;
mod tests;
mod world;

pub(crate) use host::{Host, Record, Turn, What};
pub(crate) use network::{Conditions, Hop, Network};
pub(crate) use peer::{ACK, CON, NON, Peer, RST, Seen};
pub(crate) use replay::{Replay, run_seeds};
pub(crate) use world::{CLIENT, Pair, SERVER, START, World};
