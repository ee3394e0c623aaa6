//! Sockets, and waiting for them: datagrams in batches, streams, Unix paths, multicast groups, readiness; and
//! WebSockets, which are bytes of a stream, not sockets.
//!
//! What may enter: file descriptors, system calls, and the values of [`crate::address`]. No CoAP:
//! what the bytes mean is known in [`crate::message`] and above.

mod bind;
mod eager;
mod interface;
mod pktinfo;
pub mod poller;
mod recv;
pub mod resolve;
mod select;
mod send;
pub(crate) mod sockaddr;
pub mod stream;
pub mod udp;
mod unix;
pub mod websocket;

pub use pktinfo::Source;
pub use recv::{Received, RecvBatch};
pub use select::{FdSets, select};
pub use send::{Outcome, SendBatch, Unsent};

pub use interface::{index_of as interface_index, is_broadcast, is_group};
pub use poller::{Poller, Ready};
pub use stream::{StreamListener, StreamSocket};
pub use udp::UdpSocket;
