//! Options: their numbers and their encoding (RFC 7252 §3.1, §5.4).

use super::Code;
use core::fmt;
use core::ops::RangeInclusive;

/// An option number. A newtype, so that unknown numbers survive and print.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Number(pub u16);

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident = $n:literal, $text:literal;)*) => {
        impl Number {
            $($(#[$doc])* pub const $name: Number = Number($n);)*

            /// The registered name, if this library knows one.
            pub fn name(self) -> Option<&'static str> {
                match self.0 { $($n => Some($text),)* _ => None }
            }
        }
    };
}

numbers! {
    /// RFC 7252 §5.10.8.1
    IF_MATCH = 1, "If-Match";
    /// RFC 7252 §5.10.1
    URI_HOST = 3, "Uri-Host";
    /// RFC 7252 §5.10.6
    ETAG = 4, "ETag";
    /// RFC 7252 §5.10.8.2
    IF_NONE_MATCH = 5, "If-None-Match";
    /// RFC 7641 §2
    OBSERVE = 6, "Observe";
    /// RFC 7252 §5.10.1
    URI_PORT = 7, "Uri-Port";
    /// RFC 7252 §5.10.7
    LOCATION_PATH = 8, "Location-Path";
    /// RFC 8613 §2
    OSCORE = 9, "OSCORE";
    /// RFC 7252 §5.10.1
    URI_PATH = 11, "Uri-Path";
    /// RFC 7252 §5.10.3
    CONTENT_FORMAT = 12, "Content-Format";
    /// RFC 7252 §5.10.5
    MAX_AGE = 14, "Max-Age";
    /// RFC 7252 §5.10.1
    URI_QUERY = 15, "Uri-Query";
    /// RFC 8768 §3
    HOP_LIMIT = 16, "Hop-Limit";
    /// RFC 7252 §5.10.4
    ACCEPT = 17, "Accept";
    /// RFC 9177 §4.1
    Q_BLOCK1 = 19, "Q-Block1";
    /// RFC 7252 §5.10.7
    LOCATION_QUERY = 20, "Location-Query";
    /// RFC 7959 §2.1
    BLOCK2 = 23, "Block2";
    /// RFC 7959 §2.1
    BLOCK1 = 27, "Block1";
    /// RFC 7959 §4
    SIZE2 = 28, "Size2";
    /// RFC 9177 §4.1
    Q_BLOCK2 = 31, "Q-Block2";
    /// RFC 7252 §5.10.2
    PROXY_URI = 35, "Proxy-Uri";
    /// RFC 7252 §5.10.2
    PROXY_SCHEME = 39, "Proxy-Scheme";
    /// RFC 7252 §5.10.9
    SIZE1 = 60, "Size1";
    /// RFC 9175 §2.2.1
    ECHO = 252, "Echo";
    /// RFC 7967 §2
    NO_RESPONSE = 258, "No-Response";
    /// RFC 9175 §3.2.1
    REQUEST_TAG = 292, "Request-Tag";
}

impl Number {
    /// A receiver that does not know it must refuse the message (RFC 7252 §5.4.1).
    pub const fn is_critical(self) -> bool {
        self.0 & 1 == 1
    }

    /// A proxy that does not know it must not forward the message (RFC 7252 §5.4.2).
    pub const fn is_unsafe(self) -> bool {
        self.0 & 2 == 2
    }

    /// Not part of the cache key (RFC 7252 §5.4.2).
    pub const fn is_no_cache_key(self) -> bool {
        self.0 & 0x1e == 0x1c
    }
}

impl Number {
    /// The lengths that the value of this option may have, in bytes, in a message with this code;
    /// `None` for a number whose definition this library does not know. Signalling messages have
    /// options of their own (RFC 8323 §5.2).
    pub fn value_lengths(self, code: Code) -> Option<RangeInclusive<usize>> {
        if code.is_signalling() {
            return match (code.detail(), self.0) {
                (1, 2) => Some(0..=4),
                (1, 4) => Some(0..=0),
                (1, 6) => Some(0..=3),
                (2 | 3, 2) => Some(0..=0),
                (4, 2) => Some(1..=255),
                (4, 4) => Some(0..=3),
                (5, 2) => Some(0..=2),
                _ => None,
            };
        }
        match self {
            Number::IF_NONE_MATCH => Some(0..=0),
            Number::NO_RESPONSE => Some(0..=1),
            Number::HOP_LIMIT => Some(1..=1),
            Number::URI_PORT | Number::CONTENT_FORMAT | Number::ACCEPT => Some(0..=2),
            Number::OBSERVE | Number::BLOCK1 | Number::BLOCK2 => Some(0..=3),
            Number::MAX_AGE | Number::SIZE1 | Number::SIZE2 => Some(0..=4),
            Number::IF_MATCH | Number::REQUEST_TAG => Some(0..=8),
            Number::ETAG => Some(1..=8),
            Number::ECHO => Some(0..=40),
            Number::LOCATION_PATH | Number::OSCORE | Number::URI_PATH | Number::LOCATION_QUERY => {
                Some(0..=255)
            }
            Number::URI_HOST | Number::URI_QUERY | Number::PROXY_SCHEME => Some(1..=255),
            Number::PROXY_URI => Some(1..=1034),
            // Q-Block1 and Q-Block2 have 0 to 3 bytes; they count as unknown as long as no
            // session can agree on them (RFC 9177 §4.1).
            _ => None,
        }
    }

    /// Whether its definition says that it may stand in a message once only (RFC 7252 §5.4.5).
    pub fn is_once_only(self) -> bool {
        matches!(
            self,
            Number::URI_HOST
                | Number::IF_NONE_MATCH
                | Number::OBSERVE
                | Number::URI_PORT
                | Number::OSCORE
                | Number::CONTENT_FORMAT
                | Number::MAX_AGE
                | Number::HOP_LIMIT
                | Number::ACCEPT
                | Number::BLOCK2
                | Number::BLOCK1
                | Number::SIZE2
                | Number::PROXY_URI
                | Number::PROXY_SCHEME
                | Number::SIZE1
                | Number::ECHO
                | Number::NO_RESPONSE
        )
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{}", self.0),
        }
    }
}

/// The largest delta or length that the encoding can express: 269 + 65535.
pub const MAX_EXTENDED: u32 = 65804;

/// The byte that ends the options and begins the payload.
pub const PAYLOAD_MARKER: u8 = 0xff;

/// One option's head, decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Difference to the number of the option before.
    pub delta: u32,
    /// Length of the value, in bytes.
    pub length: u32,
    /// Length of the head itself, in bytes (1 to 5).
    pub head_len: usize,
}

/// Why an option could not be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    /// The bytes end inside the option.
    #[error("option is cut short")]
    Truncated,
    /// A delta or length nibble of 15, which RFC 7252 §3.1 reserves.
    #[error("reserved option delta or length 15")]
    Reserved,
    /// The deltas add up to more than 65535.
    #[error("option number exceeds 65535")]
    NumberOverflow,
}

impl Head {
    /// Decodes the head at the start of `bytes` and makes sure that the value is there too.
    /// A payload marker is [`OptionError::Reserved`]: the caller looks for it first.
    pub fn decode(bytes: &[u8]) -> Result<Head, OptionError> {
        let head = Head::decode_head(bytes)?;
        if bytes.len() - head.head_len < head.length as usize {
            return Err(OptionError::Truncated);
        }
        Ok(head)
    }

    /// The same, where the value need not be there.
    pub fn decode_head(bytes: &[u8]) -> Result<Head, OptionError> {
        let (&first, mut rest) = bytes.split_first().ok_or(OptionError::Truncated)?;
        let mut extended = |nibble: u8| -> Result<u32, OptionError> {
            match nibble {
                13 => {
                    let (&b, r) = rest.split_first().ok_or(OptionError::Truncated)?;
                    rest = r;
                    Ok(u32::from(b) + 13)
                }
                14 => {
                    let (b, r) = rest.split_first_chunk::<2>().ok_or(OptionError::Truncated)?;
                    rest = r;
                    Ok(u32::from(u16::from_be_bytes(*b)) + 269)
                }
                15 => Err(OptionError::Reserved),
                n => Ok(u32::from(n)),
            }
        };
        let delta = extended(first >> 4)?;
        let length = extended(first & 0xf)?;
        Ok(Head { delta, length, head_len: bytes.len() - rest.len() })
    }

    /// The head for an option `delta` after the one before it. Both numbers must be at most
    /// [`MAX_EXTENDED`]; what is larger is cut to it.
    pub fn encode(delta: u32, length: u32) -> EncodedHead {
        let mut out = EncodedHead { bytes: [0; 5], len: 1 };
        let mut nibble = |value: u32| -> u8 {
            match value {
                0..13 => value as u8,
                13..269 => {
                    out.push((value - 13) as u8);
                    13
                }
                _ => {
                    let [hi, lo] = ((value.min(MAX_EXTENDED) - 269) as u16).to_be_bytes();
                    out.push(hi);
                    out.push(lo);
                    14
                }
            }
        };
        let d = nibble(delta);
        let l = nibble(length);
        out.bytes[0] = d << 4 | l;
        out
    }
}

/// The bytes of an encoded option head.
#[derive(Clone, Copy, Debug)]
pub struct EncodedHead {
    bytes: [u8; 5],
    len: u8,
}

impl EncodedHead {
    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.bytes.get_mut(usize::from(self.len)) {
            *slot = byte;
            self.len += 1;
        }
    }

    /// The encoded bytes (1 to 5).
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or(&[])
    }
}

/// An option in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opt<'a> {
    /// Its number.
    pub number: Number,
    /// Its value.
    pub value: &'a [u8],
}

/// Walks over encoded options. Ends at the end of the bytes or before the payload marker, and
/// after the first error.
#[derive(Clone, Debug)]
pub struct Options<'a> {
    rest: &'a [u8],
    number: u16,
}

impl<'a> Options<'a> {
    /// Over `bytes`, which begin with an option, the payload marker, or nothing.
    pub fn new(bytes: &'a [u8]) -> Self {
        Options { rest: bytes, number: 0 }
    }

    /// What has not been walked over yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = Result<Opt<'a>, OptionError>;

    fn next(&mut self) -> Option<Self::Item> {
        if matches!(self.rest.first(), None | Some(&PAYLOAD_MARKER)) {
            return None;
        }
        let step = || -> Result<(Opt<'a>, &'a [u8]), OptionError> {
            let head = Head::decode(self.rest)?;
            let number = u32::from(self.number) + head.delta;
            let number = u16::try_from(number).map_err(|_| OptionError::NumberOverflow)?;
            let body = self.rest.get(head.head_len..).ok_or(OptionError::Truncated)?;
            let (value, rest) = body.split_at_checked(head.length as usize).ok_or(OptionError::Truncated)?;
            Ok((Opt { number: Number(number), value }, rest))
        };
        match step() {
            Ok((opt, rest)) => {
                self.rest = rest;
                self.number = opt.number.0;
                Some(Ok(opt))
            }
            Err(e) => {
                self.rest = &[];
                Some(Err(e))
            }
        }
    }
}

/// Reads an unsigned integer value (RFC 7252 §3.2): big endian, leading zeros allowed. `None`
/// when it does not fit 64 bits.
pub fn decode_uint(value: &[u8]) -> Option<u64> {
    let significant = value.iter().position(|&b| b != 0).map_or(&[][..], |at| value.get(at..).unwrap_or(&[]));
    if significant.len() > 8 {
        return None;
    }
    Some(significant.iter().fold(0, |n, &b| n << 8 | u64::from(b)))
}

/// The shortest encoding of an unsigned integer (RFC 7252 §3.2): zero is no byte at all.
pub fn encode_uint(value: u64) -> smallvec::SmallVec<[u8; 8]> {
    let bytes = value.to_be_bytes();
    let skip = (value.leading_zeros() / 8) as usize;
    smallvec::SmallVec::from_slice(bytes.get(skip..).unwrap_or(&[]))
}
