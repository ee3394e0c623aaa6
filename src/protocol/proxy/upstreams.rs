//! The sessions that a proxy has opened to other servers.

use super::super::deadline::DeadlineKey;
use super::super::session::SessionId;
use crate::address::Address;
use crate::message::uri::Scheme;
use core::time::Duration;
use hashbrown::HashMap;

/// The most sessions of a context: a client may name as many servers as it likes, and each takes a
/// socket.
const MAX_UPSTREAMS: usize = 512;

/// What tells one session upstream from another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UpstreamKey {
    /// How it speaks.
    pub scheme: Scheme,
    /// Where it goes.
    pub remote: Address,
    /// The name of the server, where more than the address depends on it.
    pub host: Option<String>,
    /// Stands for the keys and certificates that it was opened with.
    pub credentials: [usize; 3],
    /// Whose it is, where each client has one of its own.
    pub client: Option<SessionId>,
}

/// A session to another server.
#[derive(Debug)]
pub struct Upstream {
    /// What it is for.
    pub key: UpstreamKey,
    /// After how long without messages it is closed; `None` for never.
    pub idle: Option<Duration>,
    /// When that is looked at.
    pub deadline: Option<DeadlineKey>,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Upstreams {
    by_key: HashMap<UpstreamKey, SessionId>,
    by_session: HashMap<SessionId, Upstream>,
    /// Those of one client.
    by_client: HashMap<SessionId, Vec<SessionId>>,
}

impl Upstreams {
    /// The session for this.
    pub fn find(&self, key: &UpstreamKey) -> Option<SessionId> {
        self.by_key.get(key).copied()
    }

    /// Adds a session, in place of the one for the same.
    pub fn insert(&mut self, session: SessionId, upstream: Upstream) {
        if let Some(client) = upstream.key.client {
            self.by_client.entry(client).or_default().push(session);
        }
        self.by_key.insert(upstream.key.clone(), session);
        self.by_session.insert(session, upstream);
    }

    /// What is known of a session, if it is one of these.
    pub fn get_mut(&mut self, session: SessionId) -> Option<&mut Upstream> {
        self.by_session.get_mut(&session)
    }

    /// Whether a session is one of these.
    pub fn has(&self, session: SessionId) -> bool {
        !self.by_session.is_empty() && self.by_session.contains_key(&session)
    }

    /// Takes one out.
    pub fn remove(&mut self, session: SessionId) -> Option<Upstream> {
        let upstream = self.by_session.remove(&session)?;
        if self.by_key.get(&upstream.key) == Some(&session) {
            self.by_key.remove(&upstream.key);
        }
        if let Some(client) = upstream.key.client
            && let Some(all) = self.by_client.get_mut(&client)
        {
            all.retain(|other| *other != session);
            if all.is_empty() {
                self.by_client.remove(&client);
            }
        }
        Some(upstream)
    }

    /// Those that one client has for itself.
    pub fn of_client(&self, client: SessionId) -> Vec<SessionId> {
        self.by_client.get(&client).cloned().unwrap_or_default()
    }

    /// All of them.
    pub fn sessions(&self) -> impl Iterator<Item = SessionId> + '_ {
        self.by_session.keys().copied()
    }

    /// Whether another one would be one too many.
    pub fn is_full(&self) -> bool {
        self.by_session.len() >= MAX_UPSTREAMS
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_session.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_session.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(port: u16, client: Option<u32>) -> UpstreamKey {
        let remote = Address::Ip(([127, 0, 0, 1], port).into());
        let client = client.map(SessionId::for_test);
        UpstreamKey { scheme: Scheme::Coap, remote, host: None, credentials: [0; 3], client }
    }

    fn upstream(key: UpstreamKey) -> Upstream {
        Upstream { key, idle: None, deadline: None }
    }

    #[test]
    fn a_session_is_found_by_what_it_is_for_until_it_is_taken_out() {
        let mut all = Upstreams::default();
        let (a, b, c) = (SessionId::for_test(1), SessionId::for_test(2), SessionId::for_test(3));
        all.insert(a, upstream(key(1, None)));
        all.insert(b, upstream(key(1, Some(7))));
        assert_eq!((all.find(&key(1, None)), all.find(&key(1, Some(7)))), (Some(a), Some(b)));
        assert_eq!((all.find(&key(2, None)), all.find(&key(1, Some(8)))), (None, None));
        assert_eq!(all.of_client(SessionId::for_test(7)), [b]);
        // It took the place of one that is held by the application.
        all.insert(c, upstream(key(1, None)));
        all.remove(a);
        assert_eq!(all.find(&key(1, None)), Some(c));
        assert!(all.remove(b).is_some() && all.remove(c).is_some());
        assert!(all.is_empty() && all.by_key.is_empty() && all.by_client.is_empty());
    }
}
