//! Binds sockets and state machines to a context: the loop, the lock, delivery to handlers.
//!
//! All state of a context is behind one lock ([`Context::with`]), which is never held while the
//! application runs or while a thread waits. What may enter: the order of things, ids, handles.
//! No protocol (that is [`crate::protocol`]), no system call (that is [`crate::net`]).

mod application;
mod by_session;
mod channel;
mod connection;
mod context;
mod late;
pub(crate) mod loss;
mod names;
mod persist;
mod process;
mod reconnect;
mod secure;
mod session;
mod socket;
mod streams;
mod upstream;
mod websockets;

pub use application::{Application, Exchange, Tracked};
pub use context::{Context, State};
pub use persist::{Files, StartError};
pub use process::Wait;
pub use session::{AppData, EndpointHandle, SessionHandle};
pub use socket::Sockets;
pub use upstream::Server;
