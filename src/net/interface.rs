//! What the host's interfaces tell: indices and broadcast addresses.

use crate::address::Address;
use crate::net::sockaddr::ipv4;
use core::time::Duration;
use parking_lot::Mutex;
use std::ffi::CString;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

/// The index of an interface given by its name, or by its index in decimal.
pub fn index_of(name: &str) -> io::Result<u32> {
    let unknown = || io::Error::new(io::ErrorKind::NotFound, format!("no interface {name:?}"));
    let text = CString::new(name).map_err(|_| unknown())?;
    // SAFETY: a terminated string.
    match unsafe { libc::if_nametoindex(text.as_ptr()) } {
        0 => name.parse().map_err(|_| unknown()),
        index => Ok(index),
    }
}

/// How long the list of broadcast addresses is good for.
const FRESH: Duration = Duration::from_secs(2);

static BROADCAST: Mutex<Option<(Instant, Vec<Ipv4Addr>)>> = Mutex::new(None);

/// Whether datagrams to it go to all hosts of a network: the limited broadcast address, or the one of
/// a network that an interface of this host is in; IPv4-mapped or not.
pub fn is_broadcast(address: &Address) -> bool {
    let Address::Ip(ip) = address else { return false };
    let IpAddr::V4(ip) = ip.ip().to_canonical() else { return false };
    if ip.is_broadcast() {
        return true;
    }
    if ip.is_loopback() || ip.is_unspecified() || ip.is_multicast() {
        return false;
    }
    let mut known = BROADCAST.lock();
    let list = match known.take() {
        Some(list) if list.0.elapsed() < FRESH => list,
        _ => (Instant::now(), broadcast_addresses()),
    };
    let found = list.1.contains(&ip);
    *known = Some(list);
    found
}

/// Whether more than one host may get what is sent there, so that answers come from others: a
/// multicast group, or broadcast.
pub fn is_group(address: &Address) -> bool {
    address.is_multicast() || is_broadcast(address)
}

fn broadcast_addresses() -> Vec<Ipv4Addr> {
    let mut list: *mut libc::ifaddrs = core::ptr::null_mut();
    // SAFETY: writes the head of a list that is freed below.
    if unsafe { libc::getifaddrs(&mut list) } != 0 {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut at = list;
    // SAFETY: `at` is NULL or an entry of the list.
    while let Some(entry) = unsafe { at.as_ref() } {
        if entry.ifa_flags & libc::IFF_BROADCAST as u32 != 0 {
            // SAFETY: with this flag the union's member is the broadcast address, NULL if there is none.
            found.extend(unsafe { ipv4_of(entry.ifa_ifu) });
        }
        at = entry.ifa_next;
    }
    // SAFETY: the list from above, not used after this.
    unsafe { libc::freeifaddrs(list) };
    found
}

/// # Safety
/// `sa` is NULL or a socket address as long as its family has them.
unsafe fn ipv4_of(sa: *const libc::sockaddr) -> Option<Ipv4Addr> {
    // SAFETY: NULL, or an address with a family.
    let family = unsafe { sa.as_ref() }?.sa_family;
    (i32::from(family) == libc::AF_INET)
        // SAFETY: the family says what it is.
        .then(|| ipv4(unsafe { (*sa.cast::<libc::sockaddr_in>()).sin_addr }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_is_known_by_name_and_by_number() {
        let lo = index_of("lo").unwrap();
        assert_eq!(index_of(&lo.to_string()).unwrap(), lo);
        assert_eq!(index_of("no-such-interface").unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    fn address(text: &str) -> Address {
        Address::Ip(text.parse().unwrap())
    }

    #[test]
    fn broadcast_is_the_limited_one_and_those_of_the_interfaces() {
        assert!(is_broadcast(&address("255.255.255.255:1")));
        assert!(is_broadcast(&address("[::ffff:255.255.255.255]:1")));
        for other in ["127.0.0.1:1", "127.255.255.255:1", "0.0.0.0:1", "[::1]:1"] {
            assert!(!is_broadcast(&address(other)));
        }
        for directed in broadcast_addresses() {
            assert!(is_broadcast(&Address::Ip((directed, 1).into())));
        }
    }

    #[test]
    fn a_group_is_multicast_or_broadcast() {
        for group in ["224.0.1.187:1", "[ff02::fd]:1", "[::ffff:224.0.1.187]:1", "255.255.255.255:1"] {
            assert!(is_group(&address(group)));
        }
        assert!(!is_group(&address("10.0.0.1:1")));
    }
}
