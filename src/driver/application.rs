//! What the driver asks of whoever owns a context.

use super::{Context, SessionHandle};
use crate::address::Address;
use crate::message::{Mid, Pdu};
use crate::protocol::asynchronous::AsyncId;
use crate::protocol::block::Shown;
use crate::protocol::engine::Handle;
use crate::protocol::event::{NackReason, Notice};
use crate::protocol::session::Path;
use core::any::Any;
use std::sync::Arc;

/// A request for a handler, and the response it fills in.
#[derive(Debug)]
pub struct Exchange {
    /// The request.
    pub request: Pdu,
    /// What to show of its body, if that came in blocks.
    pub body: Option<Box<Shown>>,
    /// The response; with code 0.00 it comes later, or not at all.
    pub response: Pdu,
}

/// What a server must know after a restart has changed.
#[derive(Clone, Copy)]
pub enum Tracked<'a> {
    /// An observation has begun.
    Observed {
        /// Its name.
        name: u64,
        /// Whose.
        session: &'a Arc<SessionHandle>,
        /// The address of the endpoint.
        listen: &'a Address,
        /// Between whom.
        path: &'a Path,
        /// The request that began it.
        packet: &'a [u8],
    },
    /// An observation has ended.
    Unobserved {
        /// Its name.
        name: u64,
        /// Whose.
        session: Option<&'a Arc<SessionHandle>>,
    },
    /// The observe number of a resource is one to be written down.
    Number {
        /// The path of the resource.
        path: &'a [u8],
        /// The number.
        number: u32,
    },
    /// A request has made a resource.
    Made {
        /// Whose.
        session: &'a Arc<SessionHandle>,
        /// The path of the resource.
        path: &'a [u8],
        /// The request.
        packet: &'a [u8],
    },
    /// A resource is gone.
    Gone {
        /// Its path.
        path: &'a [u8],
    },
}

/// Handles what the state machines hand out. No lock is held during a call, and any function of
/// the context may be called from it. Calls for one context never overlap, but nest when a call
/// runs the loop.
pub trait Application: Any + Send + Sync {
    /// A request for the resource that `handle` was added with.
    fn request(&self, session: &Arc<SessionHandle>, handle: &Handle, exchange: Exchange) -> Exchange;

    /// A response, with the request it came in the acknowledgement of, and what to show of its
    /// body if that came in blocks. Gives the response back, and whether it is accepted.
    fn response(
        &self,
        session: &Arc<SessionHandle>,
        sent: Option<Pdu>,
        received: Pdu,
        body: Option<Box<Shown>>,
    ) -> (Pdu, bool);

    /// A message was not delivered.
    fn nack(&self, session: &Arc<SessionHandle>, sent: Option<Pdu>, reason: NackReason, mid: Mid);

    /// An empty confirmable message came.
    fn ping(&self, session: &Arc<SessionHandle>, received: Pdu);

    /// The peer answered a keep-alive ping.
    fn pong(&self, session: &Arc<SessionHandle>, received: Pdu);

    /// Something happened to the session.
    fn notice(&self, session: &Arc<SessionHandle>, notice: Notice);

    /// A request put aside is done with: what was kept with it can go.
    fn async_freed(&self, id: AsyncId);

    /// Something has changed that a restarted server must know.
    fn tracked(&self, context: &Arc<Context>, tracked: Tracked<'_>);

    /// For the owner of the context to find its own type.
    fn as_any(&self) -> &dyn Any;
}
