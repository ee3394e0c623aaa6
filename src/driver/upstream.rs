//! Sessions to other servers, for a proxy: one for all clients or one for each, made when it is needed.

use super::{Context, SessionHandle};
use crate::address::Address;
use crate::message::Code;
use crate::message::uri::Scheme;
use crate::protocol::proxy::UpstreamKey;
use crate::protocol::session::SessionId;
use core::time::Duration;
use std::sync::Arc;

/// A server that is to be asked.
#[derive(Clone, Copy, Debug)]
pub struct Server<'a> {
    /// How it is spoken to.
    pub scheme: Scheme,
    /// Its name or address.
    pub host: &'a str,
    /// Its port; 0 for the scheme's own.
    pub port: u16,
    /// Stands for the keys and certificates that are used with it.
    pub credentials: [usize; 3],
}

impl Context {
    /// The session to a server: the one there is, or one that `open` makes, which is closed after it was
    /// `idle` for so long. Where it is for one `client` alone, that has one of its own. Gives the code
    /// that says why there is none.
    pub fn upstream(
        self: &Arc<Self>,
        server: Server<'_>,
        client: Option<SessionId>,
        idle: Option<Duration>,
        mut open: impl FnMut(&Address) -> Option<Arc<SessionHandle>>,
    ) -> Result<SessionId, Code> {
        let port = match server.port {
            0 => server.scheme.default_port(),
            port => port,
        };
        let key = |remote| {
            // A name is part of what a certificate or an upgrade is about.
            let by_name = server.scheme.is_secure() || server.scheme == Scheme::CoapWs;
            let host = by_name.then(|| server.host.to_string());
            let (scheme, credentials) = (server.scheme, server.credentials);
            UpstreamKey { scheme, remote, host, credentials, client }
        };
        for mut remote in self.names.resolve(server.host) {
            if let Address::Ip(address) = &mut remote {
                address.set_port(port);
            }
            let key = key(remote.clone());
            let now = crate::clock::now();
            if let Some(session) = self.with_batched(|state| state.engine.upstream(now, &key)) {
                return Ok(session);
            }
            if !self.with(|state| state.engine.make_room_upstream(now)) {
                crate::log!(WARN, "too many sessions to other servers are in use");
                return Err(Code::SERVICE_UNAVAILABLE);
            }
            let Some(handle) = open(&remote) else { continue };
            if handle.transport.is_websocket() {
                handle.set_host(server.host.as_bytes());
            }
            self.with(|state| state.engine.add_upstream(now, handle.id, key, idle));
            let session = handle.id;
            // From now on it is the state machines that hold it.
            handle.release();
            return Ok(session);
        }
        Err(Code::BAD_GATEWAY)
    }
}
