//! The message type and the code byte (RFC 7252 §3, §12.1).

use core::ffi::CStr;
use core::fmt;

/// The two-bit message type of CoAP over UDP (RFC 7252 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Type {
    /// Wants an acknowledgement; sent again until it has one.
    Confirmable = 0,
    /// Sent once.
    NonConfirmable = 1,
    /// Answers a confirmable message; may carry the response.
    Acknowledgement = 2,
    /// Says that a message could not be processed.
    Reset = 3,
}

impl Type {
    /// The type with these two bits; the others of `bits` are ignored.
    pub fn from_bits(bits: u8) -> Self {
        match bits & 3 {
            0 => Type::Confirmable,
            1 => Type::NonConfirmable,
            2 => Type::Acknowledgement,
            _ => Type::Reset,
        }
    }
}

/// The code byte `c.dd` (RFC 7252 §3). A newtype, so that unknown values survive and print.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Code(pub u8);

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $class:literal . $detail:literal;)*) => {
        impl Code {
            $($(#[$doc])* pub const $name: Code = Code::new($class, $detail);)*
        }
    };
}

codes! {
    /// An empty message.
    EMPTY = 0 . 0;
    /// Method GET (RFC 7252 §5.8.1).
    GET = 0 . 1;
    /// Method POST (RFC 7252 §5.8.2).
    POST = 0 . 2;
    /// Method PUT (RFC 7252 §5.8.3).
    PUT = 0 . 3;
    /// Method DELETE (RFC 7252 §5.8.4).
    DELETE = 0 . 4;
    /// Method FETCH (RFC 8132 §2).
    FETCH = 0 . 5;
    /// Method PATCH (RFC 8132 §3).
    PATCH = 0 . 6;
    /// Method iPATCH (RFC 8132 §3).
    IPATCH = 0 . 7;
    /// 2.01
    CREATED = 2 . 1;
    /// 2.02
    DELETED = 2 . 2;
    /// 2.03
    VALID = 2 . 3;
    /// 2.04
    CHANGED = 2 . 4;
    /// 2.05
    CONTENT = 2 . 5;
    /// 2.31 (RFC 7959 §2.9.1)
    CONTINUE = 2 . 31;
    /// 4.00
    BAD_REQUEST = 4 . 0;
    /// 4.01
    UNAUTHORIZED = 4 . 1;
    /// 4.02
    BAD_OPTION = 4 . 2;
    /// 4.03
    FORBIDDEN = 4 . 3;
    /// 4.04
    NOT_FOUND = 4 . 4;
    /// 4.05
    METHOD_NOT_ALLOWED = 4 . 5;
    /// 4.06
    NOT_ACCEPTABLE = 4 . 6;
    /// 4.08 (RFC 7959 §2.9.2)
    REQUEST_ENTITY_INCOMPLETE = 4 . 8;
    /// 4.09 (RFC 8132 §4)
    CONFLICT = 4 . 9;
    /// 4.12
    PRECONDITION_FAILED = 4 . 12;
    /// 4.13
    REQUEST_ENTITY_TOO_LARGE = 4 . 13;
    /// 4.15
    UNSUPPORTED_CONTENT_FORMAT = 4 . 15;
    /// 4.22 (RFC 8132 §4)
    UNPROCESSABLE_ENTITY = 4 . 22;
    /// 4.29 (RFC 8516)
    TOO_MANY_REQUESTS = 4 . 29;
    /// 5.00
    INTERNAL_SERVER_ERROR = 5 . 0;
    /// 5.01
    NOT_IMPLEMENTED = 5 . 1;
    /// 5.02
    BAD_GATEWAY = 5 . 2;
    /// 5.03
    SERVICE_UNAVAILABLE = 5 . 3;
    /// 5.04
    GATEWAY_TIMEOUT = 5 . 4;
    /// 5.05
    PROXYING_NOT_SUPPORTED = 5 . 5;
    /// 5.08 (RFC 8768 §3)
    HOP_LIMIT_REACHED = 5 . 8;
    /// Capabilities and Settings Message (RFC 8323 §5.3)
    CSM = 7 . 1;
    /// RFC 8323 §5.4
    PING = 7 . 2;
    /// RFC 8323 §5.4
    PONG = 7 . 3;
    /// RFC 8323 §5.5
    RELEASE = 7 . 4;
    /// RFC 8323 §5.6
    ABORT = 7 . 5;
}

impl Code {
    /// The code `class.detail`.
    pub const fn new(class: u8, detail: u8) -> Self {
        Code(class << 5 | detail & 0x1f)
    }

    /// The class: 0 request, 2 success, 4 client error, 5 server error, 7 signalling.
    pub const fn class(self) -> u8 {
        self.0 >> 5
    }

    /// The two-digit detail.
    pub const fn detail(self) -> u8 {
        self.0 & 0x1f
    }

    /// 0.00.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// 0.01 to 0.31.
    pub const fn is_request(self) -> bool {
        self.class() == 0 && !self.is_empty()
    }

    /// 2.00 to 5.31: what RFC 7252 §12.1.2 calls response codes (class 3 is reserved in it).
    pub const fn is_response(self) -> bool {
        matches!(self.class(), 2..=5)
    }

    /// 7.00 to 7.31 (RFC 8323 §5).
    pub const fn is_signalling(self) -> bool {
        self.class() == 7
    }
}

impl Code {
    /// What a diagnostic payload calls a response code (RFC 7252 §12.1.2), as bytes that end with a
    /// zero, since C asks for it. `None` for a code without a name.
    pub fn phrase(self) -> Option<&'static CStr> {
        Some(match self {
            Code::CREATED => c"Created",
            Code::DELETED => c"Deleted",
            Code::VALID => c"Valid",
            Code::CHANGED => c"Changed",
            Code::CONTENT => c"Content",
            Code::CONTINUE => c"Continue",
            Code::BAD_REQUEST => c"Bad Request",
            Code::UNAUTHORIZED => c"Unauthorized",
            Code::BAD_OPTION => c"Bad Option",
            Code::FORBIDDEN => c"Forbidden",
            Code::NOT_FOUND => c"Not Found",
            Code::METHOD_NOT_ALLOWED => c"Method Not Allowed",
            Code::NOT_ACCEPTABLE => c"Not Acceptable",
            Code::REQUEST_ENTITY_INCOMPLETE => c"Request Entity Incomplete",
            Code::CONFLICT => c"Conflict",
            Code::PRECONDITION_FAILED => c"Precondition Failed",
            Code::REQUEST_ENTITY_TOO_LARGE => c"Request Entity Too Large",
            Code::UNSUPPORTED_CONTENT_FORMAT => c"Unsupported Content-Format",
            Code::UNPROCESSABLE_ENTITY => c"Unprocessable",
            Code::TOO_MANY_REQUESTS => c"Too Many Requests",
            Code::INTERNAL_SERVER_ERROR => c"Internal Server Error",
            Code::NOT_IMPLEMENTED => c"Not Implemented",
            Code::BAD_GATEWAY => c"Bad Gateway",
            Code::SERVICE_UNAVAILABLE => c"Service Unavailable",
            Code::GATEWAY_TIMEOUT => c"Gateway Timeout",
            Code::PROXYING_NOT_SUPPORTED => c"Proxying Not Supported",
            Code::HOP_LIMIT_REACHED => c"Hop Limit Reached",
            _ => return None,
        })
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.class(), self.detail())
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
