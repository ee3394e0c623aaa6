//! `coap_address.h`: transport addresses, and finding them by name.

use super::ffi::ffi;
use super::mem::{coap_free_type, coap_malloc_type};
use super::types::*;
use crate::address::Address;
use crate::net::{self, resolve::resolve, sockaddr};
use crate::variant;
use core::ffi::{c_char, c_int};
use core::mem::offset_of;
use core::ptr;
use std::net::SocketAddr;

/// The longest host name there is (RFC 7252 §5.10.1).
const MAX_HOST: usize = 255;

/// What C gave, as a value; `None` for an unknown family.
pub(crate) fn from_c(address: &coap_address_t) -> Option<Address> {
    // SAFETY: the family is at one place in all of the union.
    if i32::from(unsafe { address.addr.sa.sa_family }) == libc::AF_UNIX {
        // SAFETY: the family says what it is.
        return Some(unix_from_c(address.size, unsafe { &address.addr.cun }));
    }
    let sa: *const libc::sockaddr = (&raw const address.addr).cast();
    // SAFETY: the union is so long and aligned to four, and every byte of it is initialised. The
    // member `size` is not trusted: programs leave in it what `coap_address_init()` put there.
    unsafe { sockaddr::from_system(sa, size_of::<coap_address_addr_u>()) }
}

/// The path in an address of `size` bytes. Only that tells where an abstract name ends. Programs that
/// leave it 0 mean all of it.
fn unix_from_c(size: libc::socklen_t, cun: &coap_sockaddr_un) -> Address {
    let room = match (size as usize).checked_sub(offset_of!(coap_sockaddr_un, sun_path)) {
        Some(room) => room.min(COAP_UNIX_PATH_MAX),
        None => COAP_UNIX_PATH_MAX,
    };
    let path = cun.sun_path.map(|c| c as u8);
    sockaddr::unix(path.get(..room).unwrap_or(&path))
}

/// A value as C sees it. A Unix path is cut to the room there is.
pub(crate) fn to_c(address: &Address) -> coap_address_t {
    let mut c = empty();
    match address {
        Address::Ip(SocketAddr::V4(v4)) => {
            c.size = size_of::<libc::sockaddr_in>() as libc::socklen_t;
            c.addr.sin = libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: v4.port().to_be(),
                sin_addr: sockaddr::in_addr(*v4.ip()),
                sin_zero: [0; 8],
            };
        }
        Address::Ip(SocketAddr::V6(v6)) => {
            c.addr.sin6 = libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: v6.port().to_be(),
                sin6_flowinfo: 0,
                sin6_addr: libc::in6_addr { s6_addr: v6.ip().octets() },
                sin6_scope_id: v6.scope_id(),
            };
        }
        Address::Unix(path) => {
            let mut sun_path = [0; COAP_UNIX_PATH_MAX];
            sun_path.iter_mut().zip(path.iter()).for_each(|(to, from)| *to = *from as c_char);
            // As the system counts: with the zero that ends the name of a file.
            let used = path.len() + usize::from(!matches!(**path, [] | [0, ..]));
            let size = offset_of!(coap_sockaddr_un, sun_path) + used.min(COAP_UNIX_PATH_MAX);
            c.size = size as libc::socklen_t;
            c.addr.cun = coap_sockaddr_un { sun_family: libc::AF_UNIX as libc::sa_family_t, sun_path };
        }
    }
    c
}

/// Of no family, and as large as can be.
fn empty() -> coap_address_t {
    // SAFETY: plain data for which zero is a value.
    let addr = unsafe { core::mem::zeroed() };
    coap_address_t { size: size_of::<coap_address_addr_u>() as libc::socklen_t, addr }
}

/// Prepares `addr`: all of it becomes zero, and `size` the room there is for an address. Then set
/// the family, the address and, for IPv4, `size`.
///
/// # Safety
/// `addr` is NULL or points to an address.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_address_init(addr: *mut coap_address_t) {
    if !addr.is_null() {
        // SAFETY: as the caller promises. Nothing is read, so it may be uninitialised.
        unsafe { addr.write(empty()) };
    }
}

/// Copies `src` to `dst`, without what `src` may hold besides its address: padding and, for IPv6,
/// the flow label.
///
/// # Safety
/// `dst` is NULL or points to an address; `src` is NULL or an initialised address.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_address_copy(dst: *mut coap_address_t, src: *const coap_address_t) {
    ffi(|| {
        // SAFETY: the caller passes NULL or an address.
        let src = unsafe { src.as_ref() }?;
        let copy = match from_c(src) {
            Some(address) => coap_address_t { size: src.size, ..to_c(&address) },
            None => coap_address_t { size: src.size, ..empty() },
        };
        if !dst.is_null() {
            // SAFETY: as the caller promises. Nothing is read, so it may be uninitialised.
            unsafe { dst.write(copy) };
        }
        Some(())
    })
}

/// Returns 1 if both have the same address and port, else 0; the scope of an IPv6 address does not
/// count, and an address without a family equals none.
///
/// # Safety
/// Each is NULL or an initialised address.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_address_equals(a: *const coap_address_t, b: *const coap_address_t) -> c_int {
    ffi(|| {
        // SAFETY: the caller passes NULL or an address.
        let (a, b) = unsafe { (a.as_ref()?, b.as_ref()?) };
        let same = match (from_c(a)?, from_c(b)?) {
            (Address::Ip(x), Address::Ip(y)) => a.size == b.size && x.ip() == y.ip() && x.port() == y.port(),
            (a, b) => a == b,
        };
        Some(same.into())
    })
}

/// Returns the port, in the byte order of this host; 0 if the address has none.
///
/// # Safety
/// `addr` is NULL or an initialised address.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_address_get_port(addr: *const coap_address_t) -> u16 {
    ffi(|| {
        // SAFETY: the caller passes NULL or an address.
        Some(from_c(unsafe { addr.as_ref() }?)?.port())
    })
}

/// Sets the port, given in the byte order of this host. Does nothing to an address that is neither
/// IPv4 nor IPv6.
///
/// # Safety
/// `addr` is NULL or an initialised address.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_address_set_port(addr: *mut coap_address_t, port: u16) {
    ffi(|| {
        // SAFETY: the caller passes NULL or an address. Ports of both families are at one place, and
        // the family tells that there is one.
        unsafe {
            let addr = addr.as_mut()?;
            if let libc::AF_INET | libc::AF_INET6 = addr.addr.sa.sa_family.into() {
                addr.addr.sin.sin_port = port.to_be();
            }
        }
        Some(())
    })
}

/// Makes `addr` the Unix domain socket that a URI names as its host: `host`, of `host_len` bytes,
/// with `%2F` for each slash. Returns 1, or 0 if the path is longer than the 25 bytes there is room
/// for, or is that of a file and has a zero byte in it.
///
/// # Safety
/// `addr` is NULL or points to an address; `host` is NULL or has `host_len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_address_set_unix_domain(
    addr: *mut coap_address_t,
    host: *const u8,
    host_len: usize,
) -> c_int {
    ffi(|| {
        if addr.is_null() || (host.is_null() && host_len != 0) {
            return None;
        }
        let host = match host_len {
            0 => &[][..],
            // SAFETY: as the caller promises.
            _ => unsafe { core::slice::from_raw_parts(host, host_len) },
        };
        // SAFETY: not NULL, and as the caller promises. Nothing is read, so it may be uninitialised.
        unsafe { addr.write(unix_domain(host)?) };
        Some(1)
    })
}

/// The socket that a URI's host names, if its path has room in [`coap_sockaddr_un`] and is one: a
/// zero in it would cut it off there, and name another file.
fn unix_domain(host: &[u8]) -> Option<coap_address_t> {
    let mut path = Vec::with_capacity(COAP_UNIX_PATH_MAX);
    let mut rest = host;
    while let Some((first, behind)) = rest.split_first() {
        let slash = matches!(rest, [b'%', b'2', b'F' | b'f', ..]);
        path.push(if slash { b'/' } else { *first });
        rest = if slash { rest.get(3..).unwrap_or_default() } else { behind };
        if path.len() >= COAP_UNIX_PATH_MAX {
            crate::log!(ERR, "the path of a Unix socket has more than {} bytes", COAP_UNIX_PATH_MAX - 1);
            return None;
        }
    }
    if !path.starts_with(&[0]) && path.contains(&0) {
        crate::log!(WARN, "the path of a Unix socket has a zero byte in it");
        return None;
    }
    Some(coap_address_t { size: empty().size, ..to_c(&Address::Unix(path.into())) })
}

/// Returns 1 if several hosts may receive what is sent to `a`: a multicast group or a broadcast
/// address; else 0.
///
/// # Safety
/// `a` is NULL or an initialised address.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_is_mcast(a: *const coap_address_t) -> c_int {
    ffi(|| {
        // SAFETY: the caller passes NULL or an address.
        Some(net::is_group(&from_c(unsafe { a.as_ref() }?)?).into())
    })
}

/// Returns 1 if `a` is a broadcast address: 255.255.255.255, or that of a network which an interface
/// of this host is in; else 0.
///
/// # Safety
/// `a` is NULL or an initialised address.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_is_bcast(a: *const coap_address_t) -> c_int {
    ffi(|| {
        // SAFETY: the caller passes NULL or an address.
        Some(net::is_broadcast(&from_c(unsafe { a.as_ref() }?)?).into())
    })
}

/// Returns 1 if `a` is a Unix domain socket, else 0.
///
/// # Safety
/// `a` is NULL or an initialised address.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_is_af_unix(a: *const coap_address_t) -> c_int {
    ffi(|| {
        // SAFETY: the caller passes NULL or an address.
        Some(matches!(from_c(unsafe { a.as_ref() }?)?, Address::Unix(_)).into())
    })
}

/// What the library knows of a scheme, at the place of the scheme's number.
struct Scheme {
    supported: bool,
    proto: coap_proto_t,
    default_port: u16,
}

const SCHEMES: [Scheme; 8] = [
    Scheme { supported: true, proto: COAP_PROTO_UDP, default_port: 5683 },
    Scheme { supported: variant::DTLS, proto: COAP_PROTO_DTLS, default_port: 5684 },
    Scheme { supported: variant::TCP, proto: COAP_PROTO_TCP, default_port: 5683 },
    Scheme { supported: variant::TLS, proto: COAP_PROTO_TLS, default_port: 5684 },
    Scheme { supported: true, proto: COAP_PROTO_NONE, default_port: 80 },
    Scheme { supported: variant::TLS, proto: COAP_PROTO_NONE, default_port: 443 },
    Scheme { supported: variant::WS, proto: COAP_PROTO_WS, default_port: 80 },
    Scheme { supported: variant::WSS, proto: COAP_PROTO_WSS, default_port: 443 },
];

/// Returns the schemes a server can offer, as `COAP_URI_SCHEME_*_BIT` or'd together, for
/// `coap_resolve_address_info()`: the secured ones if `have_pki_psk` is not 0, those over
/// WebSockets if `ws_check` is not 0. If `use_unix_proto` is not `COAP_PROTO_NONE`, the one scheme
/// of that protocol.
#[unsafe(no_mangle)]
pub extern "C" fn coap_get_available_scheme_hint_bits(
    have_pki_psk: c_int,
    ws_check: c_int,
    use_unix_proto: coap_proto_t,
) -> u32 {
    let of_proto = |scheme: &Scheme| scheme.proto == use_unix_proto && scheme.proto != COAP_PROTO_NONE;
    if let Some(number) = SCHEMES.iter().position(of_proto) {
        return 1 << number;
    }
    let offered = |number: u32| match number {
        COAP_URI_SCHEME_HTTP | COAP_URI_SCHEME_HTTPS => false,
        COAP_URI_SCHEME_COAP_WS => ws_check != 0,
        COAP_URI_SCHEME_COAPS_WS => ws_check != 0 && have_pki_psk != 0,
        COAP_URI_SCHEME_COAPS | COAP_URI_SCHEME_COAPS_TCP => have_pki_psk != 0,
        _ => true,
    };
    (0..).zip(&SCHEMES).filter(|(n, s)| s.supported && offered(*n)).fold(0, |bits, (n, _)| bits | 1 << n)
}

/// Finds the addresses of the host `address`, a name, a number, or the path of a Unix socket with
/// `%2F` for each slash; the host is this one if `address` is NULL or empty.
///
/// Returns a list with an entry for each address and each of the schemes in `scheme_hint_bits` that
/// this build supports, the addresses in the order the system prefers, the schemes in the order of
/// their numbers; or NULL, with a line in the log, if there is none or the name has more than 255
/// bytes. For a Unix socket, it is one entry for the lowest scheme. Release the list with
/// `coap_free_address_info()`.
///
/// The port of an entry is the one of the four that fits its scheme. If that is 0 and `type_` is
/// `COAP_RESOLVE_TYPE_LOCAL`, it is the scheme's default. `ai_hints_flags` are the `AI_` flags of
/// getaddrinfo(3).
///
/// # Safety
/// `address` is NULL or a string whose bytes are as many as it says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_resolve_address_info(
    address: *const coap_str_const_t,
    port: u16,
    secure_port: u16,
    ws_port: u16,
    ws_secure_port: u16,
    ai_hints_flags: c_int,
    scheme_hint_bits: c_int,
    type_: coap_resolve_type_t,
) -> *mut coap_addr_info_t {
    ffi(|| {
        // SAFETY: the caller passes NULL or a string.
        let host: &[u8] = match unsafe { address.as_ref() } {
            Some(host) if host.length != 0 && !host.s.is_null() => {
                // SAFETY: its bytes are as many as it says.
                unsafe { core::slice::from_raw_parts(host.s, host.length) }
            }
            _ => b"localhost",
        };
        let wanted = (0..).zip(&SCHEMES).filter(|(n, _)| scheme_hint_bits & 1 << n != 0);
        if let [b'/', ..] | [b'%', b'2', b'F' | b'f', ..] = host {
            let addr = unix_domain(host)?;
            let (number, scheme) = wanted.take(1).find(|(_, s)| s.supported)?;
            return list_of([coap_addr_info_t {
                next: ptr::null_mut(),
                scheme: number,
                proto: scheme.proto,
                addr,
            }]);
        }
        let addresses = lookup(host, ai_hints_flags)?;
        list_of(addresses.iter().flat_map(|address| {
            wanted.clone().filter(|(_, s)| s.supported).map(move |(number, scheme)| {
                let port = match number {
                    COAP_URI_SCHEME_COAP_WS => ws_port,
                    COAP_URI_SCHEME_COAPS_WS => ws_secure_port,
                    secure if secure & COAP_URI_SCHEME_SECURE_MASK != 0 => secure_port,
                    _ => port,
                };
                let port = match port {
                    0 if type_ == COAP_RESOLVE_TYPE_LOCAL => scheme.default_port,
                    port => port,
                };
                let mut address = address.clone();
                if let Address::Ip(ip) = &mut address {
                    ip.set_port(port);
                }
                let addr = to_c(&address);
                coap_addr_info_t { next: ptr::null_mut(), scheme: number, proto: scheme.proto, addr }
            })
        }))
    })
}

/// Finds addresses by name, and logs why if it cannot.
fn lookup(host: &[u8], flags: c_int) -> Option<Vec<Address>> {
    if host.len() > MAX_HOST {
        crate::log!(WARN, "a host name of {} bytes is longer than {MAX_HOST}", host.len());
        return None;
    }
    let name = String::from_utf8_lossy(host);
    resolve(&name, flags).map_err(|e| crate::log!(WARN, "cannot resolve {name:?}: {e}")).ok()
}

/// Chains entries in memory that C may free; `None` if there are none, or no memory.
fn list_of(entries: impl IntoIterator<Item = coap_addr_info_t>) -> Option<*mut coap_addr_info_t> {
    let mut head = ptr::null_mut();
    let mut tail = &raw mut head;
    for entry in entries {
        let new = coap_malloc_type(COAP_STRING, size_of::<coap_addr_info_t>()).cast::<coap_addr_info_t>();
        if new.is_null() {
            // SAFETY: the list so far.
            unsafe { coap_free_address_info(head) };
            return None;
        }
        // SAFETY: `new` is memory for an entry; `tail` points to `head` or into the last entry.
        unsafe {
            new.write(entry);
            *tail = new;
            tail = &raw mut (*new).next;
        }
    }
    (!head.is_null()).then_some(head)
}

/// Releases a list that came from `coap_resolve_address_info()`. NULL does nothing.
///
/// # Safety
/// `info_list` is NULL or such a list, and no entry of it is used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_free_address_info(info_list: *mut coap_addr_info_t) {
    let mut at = info_list;
    while !at.is_null() {
        // SAFETY: an entry of the list, read before it is released.
        unsafe {
            let next = (*at).next;
            coap_free_type(COAP_STRING, at.cast());
            at = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_survive_the_way_through_c() {
        for text in ["10.1.2.3:5683", "[2001:db8::1]:1", "[fe80::1%2]:0"] {
            let address = Address::Ip(text.parse().unwrap());
            assert_eq!(from_c(&to_c(&address)), Some(address));
        }
        for path in
            [&b"/run/coap/0123456789012"[..], &[b'/'; 25], &[b'/'; 26], b"", b"\0", b"\0name", &[0; 26]]
        {
            let path = Address::Unix(path.into());
            assert_eq!(from_c(&to_c(&path)), Some(path));
        }
    }

    #[test]
    fn the_path_of_a_unix_socket_ends_with_the_size_or_a_zero() {
        let mut c = unix_domain(b"/tmp/x").unwrap();
        for (size, path) in [(28, &b"/tmp/x"[..]), (1000, b"/tmp/x"), (0, b"/tmp/x"), (4, b"/t"), (2, b"")] {
            c.size = size;
            assert_eq!(from_c(&c), Some(Address::Unix(path.into())), "{size}");
        }
    }

    #[test]
    fn an_address_without_a_family_is_none() {
        assert_eq!(from_c(&empty()), None);
    }

    #[test]
    fn the_path_of_a_unix_socket_may_have_25_bytes() {
        let path = unix_domain(b"%2Ftmp%2fx%2").as_ref().and_then(from_c);
        assert_eq!(path, Some(Address::Unix((*b"/tmp/x%2").into())));
        assert!(unix_domain(&[b'a'; 25]).is_some());
        assert!(unix_domain(&[b'a'; 26]).is_none());
        assert!(unix_domain(b"/a\0b").is_none());
        assert!(unix_domain(b"\0ab").is_some());
    }
}
