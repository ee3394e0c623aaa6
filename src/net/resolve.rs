//! Host names to addresses.

use crate::address::Address;
use crate::net::sockaddr::from_system;
use std::ffi::{CStr, CString};
use std::io;

/// The addresses of a host, in the order that the system prefers, each once, with port 0. `flags`
/// are the `AI_` flags of getaddrinfo(3).
pub fn resolve(host: &str, flags: i32) -> io::Result<Vec<Address>> {
    let name = CString::new(host)?;
    // SAFETY: plain data for which zero is a value.
    let mut hints = unsafe { core::mem::zeroed::<libc::addrinfo>() };
    hints.ai_flags = flags;
    hints.ai_family = libc::AF_UNSPEC;
    // Or each address would come once for each kind of socket.
    hints.ai_socktype = libc::SOCK_DGRAM;
    let mut list: *mut libc::addrinfo = core::ptr::null_mut();
    // SAFETY: writes the head of a list that is freed below.
    let code = unsafe { libc::getaddrinfo(name.as_ptr(), core::ptr::null(), &hints, &mut list) };
    if code != 0 {
        // SAFETY: a constant text.
        let why = unsafe { CStr::from_ptr(libc::gai_strerror(code)) };
        return Err(io::Error::other(why.to_string_lossy()));
    }
    let mut addresses = Vec::new();
    let mut at = list;
    // SAFETY: `at` is NULL or an entry of the list.
    while let Some(entry) = unsafe { at.as_ref() } {
        // SAFETY: the entry's address is as long as it says.
        let address = unsafe { from_system(entry.ai_addr, entry.ai_addrlen as usize) };
        addresses.extend(address.filter(|a| !addresses.contains(a)));
        at = entry.ai_next;
    }
    // SAFETY: the list from above, not used after this.
    unsafe { libc::freeaddrinfo(list) };
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_need_no_name_service() {
        assert_eq!(
            resolve("127.0.0.1", libc::AI_NUMERICHOST).unwrap(),
            [Address::Ip("127.0.0.1:0".parse().unwrap())]
        );
        assert_eq!(resolve("fe80::1%lo", 0).unwrap().len(), 1);
        assert!(resolve("[::1]", libc::AI_NUMERICHOST).is_err());
        assert!(resolve("a\0b", 0).is_err());
    }
}
