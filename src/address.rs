//! The address of one end of a session. A value: sockets are in [`crate::net`].

use core::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// Where a session begins or ends.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Address {
    /// IPv4 or IPv6 with a port; for IPv6 the zone is the scope id.
    Ip(SocketAddr),
    /// The path of a Unix domain socket, without a terminating zero.
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
            Address::Unix(path) => f.write_str(&String::from_utf8_lossy(path)),
        }
    }
}
