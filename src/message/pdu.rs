//! A message in one contiguous buffer, in wire order, with room in front for any header.
//!
//! C callers hold pointers into the options and the payload, and sending must not copy: so the
//! buffer is `[HEADROOM][token][options][marker, payload]`, and a header is written into the
//! room in front when the message leaves (RFC 7252 §3, RFC 8323 §3.2, RFC 8974 §2.1).

use super::header::token_extension_len;
use super::option::{EncodedHead, Head, Number, Opt, OptionError, Options, PAYLOAD_MARKER};
use super::{Code, Mid, Token, Type};

/// Bytes kept free in front of the token: the longest TCP header (1 + 4 + 1) and the two bytes
/// of an extended token length, which are kept with the header.
pub const HEADROOM: usize = 8;

/// Why a message could not be changed. The message is as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PduError {
    /// It would grow over its maximum size.
    #[error("message would exceed its maximum size of {max} bytes (needs {needed})")]
    TooLarge {
        /// Bytes needed for token, options and payload.
        needed: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// More than 65,804 bytes of token or option value.
    #[error("value is longer than any encoding can express")]
    Unencodable,
    /// The message already has what may be set once only, or must not have it.
    #[error("not possible in this order")]
    Order,
    /// An option that may stand in a message once only is there already (RFC 7252 §5.4.5).
    #[error("option {} may stand in a message once only", .0.0)]
    Repeated(Number),
    /// There is no memory for it.
    #[error("out of memory")]
    Memory,
}

/// Why bytes are not a message, with what is known of it, since RFC 7252 §4 lets the answer
/// depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct DecodeError {
    /// What was wrong.
    pub reason: DecodeReason,
    /// Type and message ID, when the first four bytes could be read and the version is 1.
    pub header: Option<(Type, Code, Mid)>,
}

/// What was wrong with the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeReason {
    /// Fewer bytes than the header takes.
    #[error("message is shorter than its header")]
    Short,
    /// A version other than 1: silently ignored (RFC 7252 §3).
    #[error("unknown version")]
    Version,
    /// The token is cut short.
    #[error("token is cut short")]
    TokenTruncated,
    /// Token length 15, or one that is longer than allowed here.
    #[error("token length is reserved or over the limit")]
    TokenLength,
    /// An empty message with a token, options or payload (RFC 7252 §4.1).
    #[error("empty message is not empty")]
    EmptyNotEmpty,
    /// A class that RFC 7252 §4.2 reserves (1, 6), or a signalling code over UDP.
    #[error("reserved code class")]
    CodeClass,
    /// A bad option.
    #[error("{0}")]
    Option(#[from] OptionError),
    /// An option whose value is shorter or longer than its definition allows.
    #[error("option {} has a value of {length} bytes", .number.0)]
    OptionLength {
        /// Its number.
        number: Number,
        /// The length of its value, in bytes.
        length: usize,
    },
    /// A payload marker with nothing behind it (RFC 7252 §3).
    #[error("payload marker without payload")]
    EmptyPayload,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pdu {
    pub(super) kind: Type,
    pub(super) code: Code,
    pub(super) mid: Mid,
    pub(super) last_option: Number,
    pub(super) max_size: usize,
    pub(super) token_len: usize,
    /// End of the options in `buf`; at least `HEADROOM + token_len`.
    pub(super) options_end: usize,
    /// `[HEADROOM][token][options]`, then marker and payload if there is one.
    pub(super) buf: Vec<u8>,
}

impl Pdu {
    /// An empty message that may grow to `max_size` bytes of token, options and payload.
    pub fn new(kind: Type, code: Code, mid: Mid, max_size: usize) -> Self {
        let mut buf = Vec::with_capacity(HEADROOM + max_size.min(56));
        buf.resize(HEADROOM, 0);
        Pdu { kind, code, mid, last_option: Number(0), max_size, token_len: 0, options_end: HEADROOM, buf }
    }

    /// Makes it empty again, keeping its memory.
    pub fn reset(&mut self, kind: Type, code: Code, mid: Mid, max_size: usize) {
        self.buf.truncate(HEADROOM);
        (self.kind, self.code, self.mid, self.max_size) = (kind, code, mid, max_size);
        (self.last_option, self.token_len, self.options_end) = (Number(0), 0, HEADROOM);
    }

    /// Makes it a copy of another message, in its own memory.
    pub fn copy_from(&mut self, other: &Pdu) {
        let mut buf = core::mem::take(&mut self.buf);
        buf.clone_from(&other.buf);
        *self = Pdu { buf, ..*other };
    }

    /// Moves it into other memory, where it has more room to grow.
    pub fn move_into(&mut self, mut memory: Vec<u8>) {
        memory.clear();
        memory.extend_from_slice(&self.buf);
        self.buf = memory;
    }

    /// The type.
    pub fn kind(&self) -> Type {
        self.kind
    }

    /// Sets the type.
    pub fn set_kind(&mut self, kind: Type) {
        self.kind = kind;
    }

    /// The code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// Sets the code.
    pub fn set_code(&mut self, code: Code) {
        self.code = code;
    }

    /// The message ID.
    pub fn mid(&self) -> Mid {
        self.mid
    }

    /// Sets the message ID.
    pub fn set_mid(&mut self, mid: Mid) {
        self.mid = mid;
    }

    /// The most bytes that token, options and payload may take.
    pub fn max_size(&self) -> usize {
        self.max_size
    }

    /// Sets that limit; what is already there stays.
    pub fn set_max_size(&mut self, max_size: usize) {
        self.max_size = max_size;
    }

    /// Bytes that token, options, marker and payload take now, without the header. The bytes of
    /// an extended token length count with the token.
    pub fn used_size(&self) -> usize {
        token_extension_len(self.token_len) + self.buf.len() - HEADROOM
    }

    /// The token.
    pub fn token(&self) -> &[u8] {
        self.buf.get(HEADROOM..HEADROOM + self.token_len).unwrap_or(&[])
    }

    /// The encoded options, without payload marker.
    pub fn option_bytes(&self) -> &[u8] {
        self.buf.get(HEADROOM + self.token_len..self.options_end).unwrap_or(&[])
    }

    /// Options, payload marker and payload, as they stand in the message.
    pub fn option_and_payload_bytes(&self) -> &[u8] {
        self.buf.get(HEADROOM + self.token_len..).unwrap_or(&[])
    }

    /// The options in ascending order of their numbers. They were checked when they came in.
    pub fn options(&self) -> impl Iterator<Item = Opt<'_>> + Clone {
        Options::new(self.option_bytes()).map_while(Result::ok)
    }

    /// The options with this number. Where the last one has a smaller number, none is looked at.
    pub fn options_numbered(&self, number: Number) -> impl Iterator<Item = Opt<'_>> + Clone {
        let bytes = if number > self.last_option { &[] } else { self.option_bytes() };
        let upto = Options::new(bytes).map_while(Result::ok).take_while(move |o| o.number <= number);
        upto.filter(move |o| o.number == number)
    }

    /// The first option with this number.
    pub fn option(&self, number: Number) -> Option<Opt<'_>> {
        self.options_numbered(number).next()
    }

    /// The first option with this number, read as an unsigned integer.
    pub fn option_uint(&self, number: Number) -> Option<u64> {
        self.option(number).and_then(|o| super::option::decode_uint(o.value))
    }

    /// The payload, if there is one. It is never empty.
    pub fn payload(&self) -> Option<&[u8]> {
        self.buf.get(self.options_end + 1..).filter(|p| !p.is_empty())
    }

    /// The same, to be written into.
    pub fn payload_mut(&mut self) -> Option<&mut [u8]> {
        self.buf.get_mut(self.options_end + 1..).filter(|p| !p.is_empty())
    }

    fn check_size(&self, growth: usize) -> Result<(), PduError> {
        let needed = self.used_size().saturating_add(growth);
        if needed > self.max_size {
            return Err(PduError::TooLarge { needed, max: self.max_size });
        }
        Ok(())
    }

    /// Sets the token, moving what stands behind it.
    pub fn set_token(&mut self, token: &[u8]) -> Result<(), PduError> {
        if token.len() > Token::MAX {
            return Err(PduError::Unencodable);
        }
        let size_of = |len: usize| len + token_extension_len(len);
        self.check_size(size_of(token.len()).saturating_sub(size_of(self.token_len)))?;
        let old = self.token_len;
        self.buf.splice(HEADROOM..HEADROOM + old, token.iter().copied());
        self.token_len = token.len();
        self.options_end = self.options_end - old + token.len();
        Ok(())
    }

    /// Adds an option where its number belongs: behind all others with the same or a smaller
    /// number. Returns how many bytes its encoding takes.
    pub fn add_option(&mut self, number: Number, value: &[u8]) -> Result<usize, PduError> {
        if value.len() > super::option::MAX_EXTENDED as usize {
            return Err(PduError::Unencodable);
        }
        if number >= self.last_option {
            let head = Head::encode(u32::from(number.0 - self.last_option.0), value.len() as u32);
            let size = head.as_bytes().len() + value.len();
            self.check_size(size)?;
            let at = self.options_end;
            self.insert_bytes(at, &head, value);
            self.last_option = number;
            return Ok(size);
        }
        self.insert_option(number, value)
    }

    /// Puts an option before the first one with a larger number, whose delta changes.
    fn insert_option(&mut self, number: Number, value: &[u8]) -> Result<usize, PduError> {
        let start = HEADROOM + self.token_len;
        let mut walk = Options::new(self.option_bytes());
        let mut at = start;
        let mut before = Number(0);
        let mut next = None;
        while let Some(Ok(opt)) = walk.next() {
            if opt.number > number {
                next = Some((opt.number, opt.value.len()));
                break;
            }
            before = opt.number;
            at = self.options_end - walk.rest().len();
        }
        let Some((next_number, next_len)) = next else { return Err(PduError::Order) };
        let head = Head::encode(u32::from(number.0 - before.0), value.len() as u32);
        let old_next = Head::encode(u32::from(next_number.0 - before.0), next_len as u32);
        let new_next = Head::encode(u32::from(next_number.0 - number.0), next_len as u32);
        let size = head.as_bytes().len() + value.len();
        self.check_size((size + new_next.as_bytes().len()).saturating_sub(old_next.as_bytes().len()))?;
        self.replace_bytes(at, old_next.as_bytes().len(), new_next.as_bytes());
        self.insert_bytes(at, &head, value);
        Ok(size)
    }

    /// Takes the first option with this number out. Returns whether there was one.
    pub fn remove_option(&mut self, number: Number) -> bool {
        let mut walk = Options::new(self.option_bytes());
        let mut at = HEADROOM + self.token_len;
        let mut before = Number(0);
        let mut target = None;
        let mut next = None;
        while let Some(Ok(opt)) = walk.next() {
            let end = self.options_end - walk.rest().len();
            if target.is_some() {
                next = Some((opt.number, opt.value.len()));
                break;
            }
            if opt.number == number {
                target = Some((at, end));
            } else if opt.number > number {
                return false;
            } else {
                before = opt.number;
                at = end;
            }
        }
        let Some((start, end)) = target else { return false };
        match next {
            Some((next_number, next_len)) => {
                let old = Head::encode(u32::from(next_number.0 - number.0), next_len as u32);
                let new = Head::encode(u32::from(next_number.0 - before.0), next_len as u32);
                self.replace_bytes(end, old.as_bytes().len(), new.as_bytes());
            }
            None => self.last_option = before,
        }
        self.replace_bytes(start, end - start, &[]);
        true
    }

    /// Sets the value of the first option with this number, which stays where it is, or adds the
    /// option.
    pub fn update_option(&mut self, number: Number, value: &[u8]) -> Result<(), PduError> {
        if value.len() > super::option::MAX_EXTENDED as usize {
            return Err(PduError::Unencodable);
        }
        let mut walk = Options::new(self.option_bytes());
        let mut start = HEADROOM + self.token_len;
        let mut before = Number(0);
        while let Some(Ok(opt)) = walk.next() {
            let end = self.options_end - walk.rest().len();
            if opt.number == number {
                let head = Head::encode(u32::from(number.0 - before.0), value.len() as u32);
                let size = head.as_bytes().len() + value.len();
                self.check_size(size.saturating_sub(end - start))?;
                self.replace_bytes(start, end - start, &[]);
                self.insert_bytes(start, &head, value);
                return Ok(());
            }
            (start, before) = (end, opt.number);
        }
        self.add_option(number, value).map(|_| ())
    }

    fn replace_bytes(&mut self, at: usize, old_len: usize, new: &[u8]) {
        self.buf.splice(at..at + old_len, new.iter().copied());
        self.options_end = self.options_end - old_len + new.len();
    }

    fn insert_bytes(&mut self, at: usize, head: &EncodedHead, value: &[u8]) {
        let head = head.as_bytes();
        if at == self.buf.len() {
            self.buf.extend_from_slice(head);
            self.buf.extend_from_slice(value);
        } else {
            self.buf.splice(at..at, head.iter().chain(value).copied());
        }
        self.options_end += head.len() + value.len();
    }

    /// Puts `data` behind the options. An empty slice adds nothing, not even a marker. A message
    /// that already has a payload gives [`PduError::Order`].
    pub fn set_payload(&mut self, data: &[u8]) -> Result<(), PduError> {
        self.make_room(data.len())?;
        if !data.is_empty() {
            self.buf.push(PAYLOAD_MARKER);
            self.buf.extend_from_slice(data);
        }
        Ok(())
    }

    /// Adds `len` zero bytes of payload and lends them to be filled.
    pub fn reserve_payload(&mut self, len: usize) -> Result<&mut [u8], PduError> {
        self.make_room(len)?;
        if len == 0 {
            return Ok(&mut []);
        }
        self.buf.push(PAYLOAD_MARKER);
        self.buf.resize(self.options_end + 1 + len, 0);
        self.payload_mut().ok_or(PduError::Order)
    }

    /// Looks whether a payload of `len` bytes may be added, and reserves the memory for it.
    fn make_room(&mut self, len: usize) -> Result<(), PduError> {
        if self.payload().is_some() {
            return Err(PduError::Order);
        }
        if len > 0 {
            self.check_size(len.saturating_add(1))?;
            self.buf.try_reserve(len.saturating_add(1)).map_err(|_| PduError::Memory)?;
        }
        Ok(())
    }

    /// Takes the payload away.
    pub fn clear_payload(&mut self) {
        self.buf.truncate(self.options_end);
    }

    /// A copy without payload.
    pub fn without_payload(&self) -> Pdu {
        Pdu { buf: self.buf.get(..self.options_end).unwrap_or(&self.buf).to_vec(), ..*self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pdu() -> Pdu {
        Pdu::new(Type::Confirmable, Code::GET, Mid(0x1234), 1152)
    }

    #[test]
    fn an_option_with_a_smaller_number_goes_where_it_belongs() {
        let mut p = pdu();
        p.add_option(Number(300), b"c").unwrap();
        p.add_option(Number(11), b"a").unwrap();
        p.add_option(Number(11), b"b").unwrap();
        let got: Vec<_> = p.options().map(|o| (o.number.0, o.value.to_vec())).collect();
        assert_eq!(got, [(11, b"a".to_vec()), (11, b"b".to_vec()), (300, b"c".to_vec())]);
    }

    #[test]
    fn removing_an_option_keeps_the_numbers_of_the_others() {
        let mut p = pdu();
        for n in [1u16, 14, 283, 600] {
            p.add_option(Number(n), &[n as u8]).unwrap();
        }
        assert!(p.remove_option(Number(14)));
        assert!(p.remove_option(Number(600)));
        assert!(!p.remove_option(Number(15)));
        p.add_option(Number(284), b"x").unwrap();
        let got: Vec<_> = p.options().map(|o| o.number.0).collect();
        assert_eq!(got, [1, 283, 284]);
    }

    #[test]
    fn options_are_found_by_number_also_after_the_last_was_taken_out() {
        let mut p = pdu();
        for (n, value) in [(11u16, b"a"), (11, b"b"), (60, b"c")] {
            p.add_option(Number(n), value).unwrap();
        }
        let values = |p: &Pdu, n| p.options_numbered(Number(n)).map(|o| o.value.to_vec()).collect::<Vec<_>>();
        assert_eq!(values(&p, 11), [b"a", b"b"]);
        assert_eq!((values(&p, 12).len(), values(&p, 60).len(), values(&p, 61).len()), (0, 1, 0));
        p.remove_option(Number(60));
        assert_eq!((values(&p, 11).len(), values(&p, 60).len()), (2, 0));
        p.remove_option(Number(11));
        assert_eq!(values(&p, 11), [b"b"]);
    }

    #[test]
    fn a_copy_in_used_memory_is_equal() {
        let mut p = pdu();
        p.set_token(b"token").unwrap();
        p.add_option(Number::URI_PATH, b"time").unwrap();
        p.set_payload(b"hello").unwrap();
        let mut copy = Pdu::new(Type::Reset, Code::EMPTY, Mid(0), 0);
        copy.copy_from(&p);
        assert_eq!(copy, p);
        assert_eq!(copy.payload(), Some(&b"hello"[..]));
    }

    #[test]
    fn a_datagram_survives_decode_and_encode() {
        let mut p = pdu();
        p.set_token(&[7; 300]).unwrap();
        p.add_option(Number::URI_PATH, b"time").unwrap();
        p.set_payload(b"hello").unwrap();
        let bytes = p.encode_udp().to_vec();
        assert_eq!(bytes.len(), p.encoded_len(crate::message::Framing::Udp));
        let mut q = Pdu::decode_udp(&bytes, Token::MAX).unwrap();
        assert_eq!(q.token(), [7; 300]);
        assert_eq!(q.payload(), Some(&b"hello"[..]));
        assert_eq!(q.encode_udp(), bytes);
    }

    #[test]
    fn a_message_over_its_limit_is_left_as_it_was() {
        let mut p = Pdu::new(Type::Confirmable, Code::GET, Mid(1), 10);
        p.add_option(Number(11), b"abcd").unwrap();
        let before = p.clone();
        assert!(matches!(p.add_option(Number(5), b"abcdefgh"), Err(PduError::TooLarge { .. })));
        assert!(p.set_payload(b"123456").is_err());
        assert_eq!(p, before);
    }
}
