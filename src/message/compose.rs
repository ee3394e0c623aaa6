//! Building a message the way an application does, where the library watches over the rules that
//! [`Pdu::add_option`] leaves to its caller.

use super::option::Number;
use super::pdu::PduError;
use super::{Mid, Pdu};

/// What a request through a proxy starts with if it says nothing else (RFC 8768 §3).
pub const DEFAULT_HOP_LIMIT: u8 = 16;

impl Pdu {
    /// Whether nothing but the header has been set.
    pub fn is_bare(&self) -> bool {
        self.token().is_empty() && self.option_and_payload_bytes().is_empty()
    }

    /// Sets the token of a message that has neither token nor options nor payload.
    pub fn compose_token(&mut self, token: &[u8]) -> Result<(), PduError> {
        if !self.is_bare() {
            return Err(PduError::Order);
        }
        self.set_token(token)
    }

    /// Adds an option for an application: not behind a payload, and not a second time at the end
    /// if it may stand there once only. A request with Proxy-Uri or Proxy-Scheme gets a Hop-Limit
    /// too. Returns how many bytes the encoding of the option takes.
    ///
    /// A repetition that has to be inserted between other options is let through: programs that
    /// replace an option of a request under way count on it.
    pub fn compose_option(&mut self, number: Number, value: &[u8]) -> Result<usize, PduError> {
        if self.payload().is_some() {
            return Err(PduError::Order);
        }
        if number == self.last_option && number.is_once_only() && self.option(number).is_some() {
            return Err(PduError::Repeated(number));
        }
        let size = self.add_option(number, value)?;
        if matches!(number, Number::PROXY_URI | Number::PROXY_SCHEME)
            && self.code().is_request()
            && self.option(Number::HOP_LIMIT).is_none()
            && let Err(e) = self.add_option(Number::HOP_LIMIT, &[DEFAULT_HOP_LIMIT])
        {
            self.remove_option(number);
            return Err(e);
        }
        Ok(size)
    }

    /// A message with this one's type, code and options, but for those that `drop` names; with
    /// another message ID and token, and without payload.
    pub fn duplicate(
        &self,
        mid: Mid,
        token: &[u8],
        max_size: usize,
        mut drop: impl FnMut(Number) -> bool,
    ) -> Result<Pdu, PduError> {
        let mut copy = Pdu::new(self.kind(), self.code(), mid, max_size);
        copy.set_token(token)?;
        for opt in self.options().filter(|o| !drop(o.number)) {
            copy.add_option(opt.number, opt.value)?;
        }
        Ok(copy)
    }
}
