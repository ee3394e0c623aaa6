//! Echo (RFC 9175 §2): a server finds out that a client is where it says it is, and that its
//! request is fresh, by a value that the client must say again.

use super::client::Asked;
use crate::message::{Code, Number, Pdu};
use crate::protocol::block::Mode;
use crate::protocol::engine::Engine;
use crate::protocol::session::SessionId;
use crate::protocol::time::Instant;

/// How long a value may be (RFC 9175 §2.2.1). One of another length is no Echo.
const LENGTHS: core::ops::RangeInclusive<usize> = 1..=40;

/// The value of the Echo option of a message.
fn echo_of(message: &Pdu) -> Option<&[u8]> {
    message.option(Number::ECHO).map(|o| o.value).filter(|value| LENGTHS.contains(&value.len()))
}

/// Whether a response asks for the request again, with its Echo value (RFC 9175 §2.3).
pub(super) fn challenges(response: &Pdu) -> bool {
    response.code() == Code::UNAUTHORIZED && echo_of(response).is_some()
}

impl Engine {
    /// Keeps what the peer wants to hear with the next request (RFC 9175 §2.3).
    pub(super) fn keep_echo(&mut self, id: SessionId, response: &Pdu) {
        // What a server upstream wants to hear is for the client to say.
        let is_wanted = (response.code().class() == 2 || challenges(response)) && !self.is_upstream(id);
        let Some(value) = echo_of(response).filter(|_| is_wanted) else { return };
        // Each member of a group has values of its own.
        if let Some(session) = self.sessions.get_mut(id)
            && session.block_mode.has(Mode::USE_LIBCOAP)
            && !session.sends_to_group
        {
            session.echo = Some(value.into());
        }
    }

    /// Says it, once, in a request that has no Echo of the application's own. Where there is no
    /// room, the peer will ask for it.
    pub(super) fn say_echo(&mut self, id: SessionId, request: &mut Pdu) {
        let Some(session) = self.sessions.get_mut(id).filter(|s| s.echo.is_some()) else { return };
        if let Some(value) = session.echo.take()
            && request.option(Number::ECHO).is_none()
        {
            let _ = request.add_option(Number::ECHO, &value);
        }
    }

    /// The peer does not act on a request without its Echo value: it is sent again with that, as
    /// the part of a body that it is.
    pub(super) fn repeat_with_echo(
        &mut self,
        now: Instant,
        id: SessionId,
        mut asked: Asked,
        sent: Option<Pdu>,
        received: Pdu,
    ) {
        // An older value that the application gave has not been enough.
        asked.request.remove_option(Number::ECHO);
        asked.is_repeated = true;
        let block = asked.upload.as_ref().map(|upload| upload.block);
        match (block, asked.fetching) {
            (Some(block), _) => self.send_block(now, id, asked, block, sent, received),
            (None, Some(block)) => {
                self.swallow(now, id, sent, received);
                self.fetch(now, id, asked, block);
            }
            (None, None) => {
                self.swallow(now, id, sent, received);
                let Some((pdu, token)) = self.next_request(id, &asked) else { return self.let_go(asked) };
                self.send_next(now, id, pdu, token, asked);
            }
        }
    }
}
