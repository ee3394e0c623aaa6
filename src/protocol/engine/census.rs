//! How much each table holds, so that tests can see that nothing is left over.

use super::Engine;

/// The number of entries in each table of an engine. A fresh one has the default: none.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Census {
    pub(crate) sessions: usize,
    pub(crate) listed: usize,
    /// Connections of peers that are not ready.
    pub(crate) opening: usize,
    /// The same, with those that were once.
    pub(crate) opening_order: usize,
    pub(crate) outstanding: usize,
    pub(crate) waiting: usize,
    pub(crate) exchanges: usize,
    pub(crate) asyncs: usize,
    pub(crate) leisurely: usize,
    pub(crate) freed_asyncs: usize,
    pub(crate) left: usize,
    pub(crate) relays: usize,
    pub(crate) upstreams: usize,
    pub(crate) observers: usize,
    pub(crate) notifications: usize,
    pub(crate) tracks: usize,
    pub(crate) deadlines: usize,
    pub(crate) duplicates: usize,
    pub(crate) events: usize,
    pub(crate) transmits: usize,
    /// Sessions that are to be connected again.
    pub(crate) returns: usize,
    /// Bytes of messages that have come in part.
    pub(crate) partial: usize,
    pub(crate) bodies: super::blockwise::Count,
}

impl Engine {
    /// Counts.
    pub(crate) fn census(&self) -> Census {
        Census {
            sessions: self.sessions.len(),
            listed: self.sessions.listed(),
            opening: self.opening.len(),
            opening_order: self.opening.order_len(),
            outstanding: self.outstanding.len(),
            waiting: self.sessions.iter().map(|(_, s)| s.waiting_len()).sum(),
            exchanges: self.sessions.iter().map(|(_, s)| s.exchanges.len()).sum(),
            asyncs: self.asyncs.len(),
            leisurely: self.leisurely,
            freed_asyncs: self.freed_asyncs.len(),
            left: self.left.len(),
            relays: self.proxying.relays.len(),
            upstreams: self.proxying.upstreams.len(),
            observers: self.observers.len(),
            notifications: self.observers.waiting_len(),
            tracks: self.tracking.len(),
            deadlines: self.deadlines.len(),
            duplicates: self.duplicates.len(),
            events: self.events.len(),
            transmits: self.transmits.iter().count(),
            returns: self.returns.len(),
            partial: self.partial,
            bodies: self.bodies.count(),
        }
    }
}
