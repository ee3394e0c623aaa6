//! Proxies (RFC 7252 §5.7): where a request goes, what of it goes there, what of the response comes
//! back, and which requests wait for their response from another server.
//!
//! The functions here know no session but by name. What sends and receives is in
//! `engine/relaying/`.

mod destination;
mod relays;
mod rewrite;
mod upstreams;

pub use destination::{Destination, Manner, Named, Refusal, Role};
pub use relays::{Held, Outcome, Relay, RelayId, Relays};
pub use rewrite::{response_options, unsafe_unknown, upstream_request};
pub use upstreams::{Upstream, UpstreamKey, Upstreams};
