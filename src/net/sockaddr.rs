//! [`Address`] to the system's socket addresses and back.

use crate::address::{Address, until_zero};
use core::mem::{offset_of, size_of};
use socket2::SockAddr;
use std::ffi::OsStr;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::os::unix::ffi::OsStrExt;

/// The system's form of an address. Fails for a Unix path that is too long for it.
pub(crate) fn to_system(address: &Address) -> io::Result<SockAddr> {
    match address {
        Address::Ip(ip) => Ok(SockAddr::from(*ip)),
        Address::Unix(path) => SockAddr::unix(OsStr::from_bytes(path)),
    }
}

/// Reads `len` bytes of a socket address; `None` for an unknown family and for an address that is
/// too short for its family.
///
/// # Safety
/// `sa` points to `len` readable bytes, aligned to four.
pub(crate) unsafe fn from_system(sa: *const libc::sockaddr, len: usize) -> Option<Address> {
    if len < size_of::<libc::sa_family_t>() {
        return None;
    }
    // SAFETY: the family is the first field of every socket address, and is within `len`.
    let family = unsafe { (&raw const (*sa).sa_family).read() };
    match i32::from(family) {
        libc::AF_INET if len >= size_of::<libc::sockaddr_in>() => {
            // SAFETY: the family says what it is, and it is whole.
            let sin = unsafe { &*sa.cast::<libc::sockaddr_in>() };
            Some(Address::Ip(SocketAddrV4::new(ipv4(sin.sin_addr), u16::from_be(sin.sin_port)).into()))
        }
        libc::AF_INET6 if len >= size_of::<libc::sockaddr_in6>() => {
            // SAFETY: as above.
            let sin6 = unsafe { &*sa.cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(sin6.sin6_addr.s6_addr);
            let port = u16::from_be(sin6.sin6_port);
            // The flow label is no part of who somebody is, and addresses are compared.
            Some(Address::Ip(SocketAddrV6::new(ip, port, 0, sin6.sin6_scope_id).into()))
        }
        libc::AF_UNIX => {
            let at = offset_of!(libc::sockaddr_un, sun_path);
            // SAFETY: the path is what follows the family, within `len`.
            let path =
                unsafe { core::slice::from_raw_parts(sa.cast::<u8>().add(at), len.saturating_sub(at)) };
            Some(unix(path))
        }
        _ => None,
    }
}

/// The path that a socket address has in it: up to its zero if it names a file, or all of it if it is
/// abstract.
pub(crate) fn unix(path: &[u8]) -> Address {
    Address::Unix(match path {
        [0, ..] => path.into(),
        _ => until_zero(path).into(),
    })
}

/// The address of a socket.
pub(crate) fn address_of(system: &SockAddr) -> io::Result<Address> {
    // SAFETY: the library's address is as long as it says, and aligned.
    unsafe { from_system(system.as_ptr().cast(), system.len() as usize) }
        .ok_or_else(|| io::ErrorKind::Unsupported.into())
}

/// The system's four bytes as an address.
pub(crate) fn ipv4(addr: libc::in_addr) -> Ipv4Addr {
    Ipv4Addr::from(addr.s_addr.to_ne_bytes())
}

/// An address as the system's four bytes.
pub(crate) fn in_addr(ip: Ipv4Addr) -> libc::in_addr {
    libc::in_addr { s_addr: u32::from_ne_bytes(ip.octets()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(address: Address) {
        let sys = to_system(&address).unwrap();
        // SAFETY: a socket address of the library is as long as it says.
        assert_eq!(unsafe { from_system(sys.as_ptr().cast(), sys.len() as usize) }, Some(address));
    }

    #[test]
    fn addresses_survive_the_way_through_the_system_form() {
        for text in ["127.0.0.1:5683", "[::1]:0", "[fe80::1%3]:65535", "[::ffff:10.0.0.1]:1"] {
            round_trip(Address::Ip(text.parse().unwrap()));
        }
        for path in [&b"/tmp/coap.sock"[..], b"", b"\0", b"\0name", b"\0name\0\0", &[b'x'; 107], &[0; 108]] {
            round_trip(Address::Unix(path.into()));
        }
    }

    #[test]
    fn an_address_too_short_for_its_family_is_none() {
        let sys = to_system(&Address::Ip("[::1]:5683".parse().unwrap())).unwrap();
        for len in 0..size_of::<libc::sockaddr_in6>() {
            // SAFETY: no longer than the address is.
            assert_eq!(unsafe { from_system(sys.as_ptr().cast(), len) }, None);
        }
    }

    #[test]
    fn a_unix_path_longer_than_the_system_allows_is_an_error() {
        for path in [vec![b'x'; 108], vec![b'x'; 200], vec![0; 109]] {
            assert!(to_system(&Address::Unix(path.into())).is_err());
        }
    }
}
