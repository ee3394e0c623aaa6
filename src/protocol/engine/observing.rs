//! The client's side of observing (RFC 7641 §3): ending what it began, and notifications that
//! come too late.

use super::Engine;
use crate::message::{Number, Pdu, Token, Type};
use crate::protocol::block::{Block, BodyError, Shared, Upload};
use crate::protocol::session::SessionId;
use crate::protocol::time::Instant;

/// The value of the Observe option that ends an observation (RFC 7641 §2).
const DEREGISTER: u8 = 1;

impl Engine {
    /// Asks the peer to end the observation with this token, by the request that began it with
    /// Observe 1 (RFC 7641 §3.6). `false` if the peer has not confirmed such a one, or the request
    /// cannot be sent.
    pub fn cancel_observation(&mut self, now: Instant, id: SessionId, token: &[u8], kind: Type) -> bool {
        let known_as = match self.observed_as(id, token) {
            Some((known_as, request, Some(body))) => {
                return self.cancel_large(now, id, token, &known_as, request, kind, &body);
            }
            Some((known_as, _, None)) => known_as,
            None => Token::new(token),
        };
        let request = self.sessions.get_mut(id).and_then(|s| s.exchanges.cancel(known_as.as_bytes()));
        let Some(request) = request.and_then(|r| self.deregistration(id, r, kind)) else { return false };
        let sent = self.submit(now, id, request, None);
        self.show_as(id, &known_as, token);
        sent.inspect_err(|e| crate::log!(WARN, "cannot end an observation: {e}")).is_ok()
    }

    /// The same for an observation whose request came in blocks, all of which are sent again. The
    /// peer knows it by the token of the last of them.
    #[expect(clippy::too_many_arguments, reason = "an observation has two names")]
    fn cancel_large(
        &mut self,
        now: Instant,
        id: SessionId,
        token: &[u8],
        known_as: &Token,
        request: Pdu,
        kind: Type,
        body: &Shared,
    ) -> bool {
        let Some(session) = self.sessions.get_mut(id) else { return false };
        if session.exchanges.cancel(known_as.as_bytes()).is_none() {
            return false;
        }
        session.exchanges.abandon(known_as.as_bytes());
        let (tag, largest) = (session.new_request_tag(), session.largest_block());
        let Some(mut request) = self.deregistration(id, request, kind) else { return false };
        let begun = request.set_token(token).map_err(BodyError::from);
        let begun = begun.and_then(|()| Upload::begin(&mut request, body, largest, &tag));
        let sent = begun.map_err(|e| e.to_string()).and_then(|upload| {
            let sent = self.submit(now, id, request, upload);
            sent.map_err(|e| e.to_string())
        });
        sent.inspect_err(|e| crate::log!(WARN, "cannot end an observation: {e}")).is_ok()
    }

    /// A session ends: so do its observations, unless the application wants them to go on.
    pub(super) fn cancel_observations(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(id).filter(|s| !s.exchanges.is_empty()) else { return };
        if session.keeps_observations {
            return;
        }
        let (now, requests) = (session.last_used, session.exchanges.cancel_all());
        let is_last_block =
            |request: &Pdu| matches!(Block::of(request, Number::BLOCK1), Ok(Some(b)) if b.num > 0);
        // There is no time to send others before it; the peer finds out by the next notification.
        for request in requests.into_iter().filter(|r| !is_last_block(r)) {
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
        // What the peer wanted to hear when it began is out of date.
        request.remove_option(Number::ECHO);
        Some(request)
    }

    /// Whether a message is a notification, and a newer one came before it (RFC 7641 §3.4).
    pub(super) fn is_outdated(&mut self, now: Instant, id: SessionId, notification: &Pdu) -> bool {
        let Some(session) = self.sessions.get_mut(id) else { return false };
        // Each member of a group has numbers of its own.
        if session.sends_to_group {
            return false;
        }
        match notification.option_uint(Number::OBSERVE) {
            Some(number) => session.exchanges.is_outdated(now, notification.token(), number as u32),
            None => false,
        }
    }
}
