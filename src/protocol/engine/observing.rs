//! The client's side of observing (RFC 7641 §3): ending what it began, and notifications that
//! come too late.

use super::Engine;
use crate::message::{Number, Pdu, Type};
use crate::protocol::session::SessionId;
use crate::protocol::time::Instant;

/// The value of the Observe option that ends an observation (RFC 7641 §2).
const DEREGISTER: u8 = 1;

impl Engine {
    /// Asks the peer to end the observation with this token, by the request that began it with
    /// Observe 1 (RFC 7641 §3.6). `false` if the peer has not confirmed such a one, or the request
    /// cannot be sent.
    pub fn cancel_observation(&mut self, now: Instant, id: SessionId, token: &[u8], kind: Type) -> bool {
        let request = self.sessions.get_mut(id).and_then(|s| s.exchanges.cancel(token));
        let Some(request) = request.and_then(|r| self.deregistration(id, r, kind)) else { return false };
        let sent = self.submit(now, id, request, None);
        sent.inspect_err(|e| crate::log!(WARN, "cannot end an observation: {e}")).is_ok()
    }

    /// A session ends: so do its observations, unless the application wants them to go on.
    pub(super) fn cancel_observations(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(id).filter(|s| !s.exchanges.is_empty()) else { return };
        if session.keeps_observations {
            return;
        }
        let (now, requests) = (session.last_used, session.exchanges.cancel_all());
        for request in requests {
            let Some(request) = self.deregistration(id, request, Type::NonConfirmable) else { continue };
            if let Err(e) = self.send(now, id, request) {
                crate::log!(WARN, "cannot end an observation: {e}");
            }
        }
    }

    fn deregistration(&mut self, id: SessionId, mut request: Pdu, kind: Type) -> Option<Pdu> {
        request.set_kind(kind);
        request.set_mid(self.sessions.get_mut(id)?.new_mid());
        request.update_option(Number::OBSERVE, &[DEREGISTER]).ok()?;
        Some(request)
    }

    /// Whether a message is a notification, and a newer one came before it (RFC 7641 §3.4).
    pub(super) fn is_outdated(&mut self, now: Instant, id: SessionId, notification: &Pdu) -> bool {
        let Some(session) = self.sessions.get_mut(id) else { return false };
        // Each member of a group has numbers of its own.
        if session.path.remote.is_multicast() {
            return false;
        }
        match notification.option_uint(Number::OBSERVE) {
            Some(number) => session.exchanges.is_outdated(now, notification.token(), number as u32),
            None => false,
        }
    }
}
