//! The address of one end of a session. A value: sockets are in [`crate::net`].

use core::fmt::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// Where a session begins or ends.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Address {
    /// IPv4 or IPv6 with a port; for IPv6 the zone is the scope id.
    Ip(SocketAddr),
    /// The path of a Unix domain socket, without a terminating zero. One that begins with a zero is
    /// abstract: a name that is no file, of as many bytes as there are. An empty one is none: the
    /// system picks an abstract name.
    Unix(Arc<[u8]>),
}

impl Address {
    /// The port; 0 for a Unix path.
    pub fn port(&self) -> u16 {
        match self {
            Address::Ip(a) => a.port(),
            Address::Unix(_) => 0,
        }
    }

    /// The address of this kind that stands for none.
    pub fn unspecified(&self) -> Address {
        match self {
            Address::Ip(SocketAddr::V4(_)) => Address::Ip((Ipv4Addr::UNSPECIFIED, 0).into()),
            Address::Ip(SocketAddr::V6(_)) => Address::Ip((Ipv6Addr::UNSPECIFIED, 0).into()),
            Address::Unix(_) => Address::Unix(Default::default()),
        }
    }

    /// Whether it is a multicast group, also as an IPv4-mapped IPv6 address.
    pub fn is_multicast(&self) -> bool {
        match self {
            Address::Ip(SocketAddr::V4(a)) => a.ip().is_multicast(),
            Address::Ip(SocketAddr::V6(a)) => match a.ip().to_ipv4_mapped() {
                Some(v4) => v4.is_multicast(),
                None => a.ip().is_multicast(),
            },
            Address::Unix(_) => false,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Ip(a) => a.fmt(f),
            Address::Unix(path) => {
                let text = String::from_utf8_lossy(until_zero(path));
                // A peer chooses its own: it must not write lines into a log.
                text.chars().try_for_each(|c| f.write_char(if c.is_control() { '?' } else { c }))
            }
        }
    }
}

/// What C takes for a text of these bytes: those in front of the first zero. Nothing of an abstract
/// path.
pub fn until_zero(path: &[u8]) -> &[u8] {
    path.split(|b| *b == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &[u8]) -> String {
        Address::Unix(path.into()).to_string()
    }

    #[test]
    fn a_unix_path_prints_as_it_is_and_never_as_more_than_a_line() {
        assert_eq!(text(b"/run/coap"), "/run/coap");
        assert_eq!(text("/t\u{e4}".as_bytes()), "/t\u{e4}");
        assert_eq!(text(b"/a\nb\x1b[1m"), "/a?b?[1m");
        assert_eq!(text(b"/\xff"), "/\u{fffd}");
        assert_eq!((text(b"\0name"), text(b"")), (String::new(), String::new()));
    }
}
