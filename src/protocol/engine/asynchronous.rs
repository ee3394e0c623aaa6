//! Delayed responses (RFC 7252 §5.2.2): putting a request aside and taking it up again.

use super::{Engine, Timer};
use crate::message::Pdu;
use crate::protocol::asynchronous::AsyncId;
use crate::protocol::block::Shown;
use crate::protocol::event::Audience;
use crate::protocol::session::SessionId;
use crate::protocol::time::Instant;
use core::time::Duration;

impl Engine {
    /// Puts a request aside, with its body if that came in blocks; it is handed out again after `delay`, or with none when
    /// [`Engine::set_async_delay`] says. `None` if one with its token is put aside already, or
    /// too many are.
    pub fn register_async(
        &mut self,
        now: Instant,
        session: SessionId,
        request: &Pdu,
        body: Option<&Shown>,
        delay: Option<Duration>,
    ) -> Option<AsyncId> {
        let owner = self.sessions.get_mut(session)?;
        let id = self.asyncs.insert(session, request, body)?;
        owner.asyncs += 1;
        self.set_async_delay(now, id, delay);
        Some(id)
    }

    /// A request was sent to these; if it was put aside, that is kept in mind.
    pub(super) fn set_async_audience(&mut self, session: SessionId, token: &[u8], audience: Audience) {
        if let Some(waiting) = self.asyncs.find(session, token).and_then(|id| self.asyncs.get_mut(id)) {
            waiting.audience = audience;
        }
    }

    /// Sets when a request put aside is handed out again, from now on; `None`: not by itself.
    pub fn set_async_delay(&mut self, now: Instant, id: AsyncId, delay: Option<Duration>) {
        let Some(waiting) = self.asyncs.get_mut(id) else { return };
        if let Some(key) = waiting.deadline.take() {
            self.deadlines.cancel(key);
        }
        waiting.deadline = delay.map(|d| self.deadlines.set(now + d, Timer::Async(id)));
    }

    /// The request put aside with this token.
    pub fn find_async(&self, session: SessionId, token: &[u8]) -> Option<AsyncId> {
        self.asyncs.find(session, token)
    }

    /// Forgets a request put aside.
    pub fn free_async(&mut self, id: AsyncId) {
        let Some(waiting) = self.asyncs.remove(id) else { return };
        if let Some(key) = waiting.deadline {
            self.deadlines.cancel(key);
        }
        if let Some(session) = self.sessions.get_mut(waiting.session) {
            session.asyncs = session.asyncs.saturating_sub(1);
        }
        self.freed_asyncs.push(id);
    }

    /// Requests put aside that are done with since the last call: what the application keeps with
    /// them can go.
    #[must_use]
    pub fn poll_freed_async(&mut self) -> Option<AsyncId> {
        self.freed_asyncs.pop()
    }
}
