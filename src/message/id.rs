//! Message IDs and tokens: the two names by which messages are matched (RFC 7252 §4.4, §5.3.1).

use core::fmt;
use smallvec::SmallVec;

/// A message ID (RFC 7252 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Mid(pub u16);

impl Mid {
    /// The next one; after 65535 comes 0.
    #[must_use]
    pub fn next(self) -> Self {
        Mid(self.0.wrapping_add(1))
    }
}

/// A token. Up to 8 bytes (RFC 7252) stand in place; an extended one (RFC 8974) on the heap.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Token(SmallVec<[u8; 16]>);

impl Token {
    /// The largest token that RFC 8974 §2.1 can express, in bytes.
    pub const MAX: usize = 65804;

    /// The largest token that needs no agreement with the peer (RFC 7252 §3), in bytes.
    pub const DEFAULT_MAX: usize = 8;

    /// A token of these bytes.
    pub fn new(bytes: &[u8]) -> Self {
        Token(SmallVec::from_slice(bytes))
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Token {
    fn from(bytes: &[u8]) -> Self {
        Token::new(bytes)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for b in self.as_bytes() {
            write!(f, "{b:02x}")?;
        }
        f.write_str("}")
    }
}
