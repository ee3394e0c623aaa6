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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Code, Type};

    fn request(max: usize) -> Pdu {
        Pdu::new(Type::Confirmable, Code::GET, Mid(1), max)
    }

    fn numbers(pdu: &Pdu) -> Vec<u16> {
        pdu.options().map(|o| o.number.0).collect()
    }

    #[test]
    fn a_once_only_option_is_dropped_at_the_end_and_let_through_before_others() {
        let mut pdu = request(100);
        pdu.compose_option(Number::ACCEPT, &[1]).unwrap();
        assert_eq!(pdu.compose_option(Number::ACCEPT, &[2]), Err(PduError::Repeated(Number::ACCEPT)));
        pdu.compose_option(Number::SIZE1, &[3]).unwrap();
        pdu.compose_option(Number::ACCEPT, &[2]).unwrap();
        assert_eq!(numbers(&pdu), [17, 17, 60]);
    }

    #[test]
    fn repeatable_and_unknown_options_may_be_repeated() {
        let mut pdu = request(100);
        for number in [Number::IF_MATCH, Number::IF_MATCH, Number::URI_PATH, Number::URI_PATH] {
            pdu.compose_option(number, b"x").unwrap();
        }
        pdu.compose_option(Number(2048), b"x").unwrap();
        pdu.compose_option(Number(2048), b"x").unwrap();
        assert_eq!(numbers(&pdu), [1, 1, 11, 11, 2048, 2048]);
    }

    #[test]
    fn a_proxy_option_brings_a_hop_limit_to_requests_alone() {
        for (number, value) in [(Number::PROXY_URI, &b"coap://h"[..]), (Number::PROXY_SCHEME, b"coap")] {
            let mut pdu = request(100);
            pdu.compose_option(number, value).unwrap();
            assert_eq!(pdu.option_uint(Number::HOP_LIMIT), Some(16));
            pdu.set_code(Code::CONTENT);
            assert!(pdu.remove_option(Number::HOP_LIMIT) && pdu.remove_option(number));
            pdu.compose_option(number, value).unwrap();
            assert_eq!(numbers(&pdu), [number.0]);
        }
        let mut own = request(100);
        own.compose_option(Number::HOP_LIMIT, &[5]).unwrap();
        own.compose_option(Number::PROXY_SCHEME, b"coap").unwrap();
        assert_eq!(own.option_uint(Number::HOP_LIMIT), Some(5));
    }

    #[test]
    fn without_room_for_both_neither_is_added() {
        // Proxy-Scheme takes 6 bytes and Hop-Limit 3.
        for max in 0..9 {
            let mut pdu = request(max);
            assert!(pdu.compose_option(Number::PROXY_SCHEME, b"coap").is_err());
            assert_eq!(pdu, request(max));
        }
        assert!(request(9).compose_option(Number::PROXY_SCHEME, b"coap").is_ok());
    }

    #[test]
    fn a_duplicate_has_no_payload_and_not_what_is_to_be_dropped() {
        let mut pdu = request(100);
        pdu.compose_token(b"old").unwrap();
        pdu.compose_option(Number::URI_PATH, b"a").unwrap();
        pdu.compose_option(Number::SIZE1, &[1]).unwrap();
        pdu.set_payload(b"data").unwrap();
        let copy = pdu.duplicate(Mid(2), b"new", 100, |n| n == Number::SIZE1).unwrap();
        assert_eq!((copy.mid(), copy.token(), copy.payload()), (Mid(2), &b"new"[..], None));
        assert_eq!(numbers(&copy), [11]);
        assert!(pdu.duplicate(Mid(2), b"new", 4, |_| false).is_err());
    }

    #[test]
    fn the_token_comes_first() {
        let mut pdu = request(100);
        pdu.compose_token(b"").unwrap();
        pdu.compose_token(b"a").unwrap();
        assert_eq!(pdu.compose_token(b"b"), Err(PduError::Order));
        let mut pdu = request(100);
        pdu.set_payload(b"x").unwrap();
        assert_eq!(pdu.compose_token(b"b"), Err(PduError::Order));
        assert_eq!(pdu.compose_option(Number::URI_PATH, b"a"), Err(PduError::Order));
    }
}
