//! What the host's interfaces tell: indices and broadcast addresses.

use crate::net::sockaddr::ipv4;
use std::ffi::CString;
use std::io;
use std::net::Ipv4Addr;

/// The index of an interface given by its name, or by its index in decimal.
pub(crate) fn index_of(name: &str) -> io::Result<u32> {
    let unknown = || io::Error::new(io::ErrorKind::NotFound, format!("no interface {name:?}"));
    let text = CString::new(name).map_err(|_| unknown())?;
    // SAFETY: a terminated string.
    match unsafe { libc::if_nametoindex(text.as_ptr()) } {
        0 => name.parse().map_err(|_| unknown()),
        index => Ok(index),
    }
}

/// Whether it is the broadcast address of a network that one of the host's interfaces is in.
pub fn is_directed_broadcast(ip: Ipv4Addr) -> bool {
    let mut list: *mut libc::ifaddrs = core::ptr::null_mut();
    // SAFETY: writes the head of a list that is freed below.
    if unsafe { libc::getifaddrs(&mut list) } != 0 {
        return false;
    }
    let mut at = list;
    let mut found = false;
    // SAFETY: `at` is NULL or an entry of the list.
    while let Some(entry) = unsafe { at.as_ref() } {
        found |= entry.ifa_flags & libc::IFF_BROADCAST as u32 != 0
            // SAFETY: with this flag the union's member is the broadcast address, NULL if there is none.
            && unsafe { ipv4_of(entry.ifa_ifu) } == Some(ip);
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

    #[test]
    fn a_loopback_address_is_no_broadcast() {
        assert!(!is_directed_broadcast(Ipv4Addr::LOCALHOST));
    }
}
