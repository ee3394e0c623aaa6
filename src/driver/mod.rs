//! Binds sockets and state machines to a context: the loop, the lock, delivery to handlers.

pub(crate) mod loss;
