//! `coap_uri.h`: URIs, and their paths and queries as options.

use super::address;
use super::ffi::{ffi, ffi_or};
use super::option::{append, coap_delete_optlist, coap_opt_encode, new_optlist};
use super::pdu::{bytes, coap_pdu_t};
use super::str::{allocate, new_string, or_no_memory};
use super::types::*;
use crate::address::Address;
use crate::log;
use crate::message::option::encode_uint;
use crate::message::uri::{
    Form, Scheme, Segment, Uri, UriError, is_unix_domain, path_segments, query_segments,
};
use core::ffi::{c_int, c_uint};
use core::ptr;
use std::borrow::Cow;
use std::net::IpAddr;

fn error_number(error: UriError) -> c_int {
    match error {
        UriError::Malformed
        | UriError::UnknownScheme
        | UriError::ForProxies(_)
        | UriError::Unsupported(_) => -1,
        UriError::NoScheme => -2,
        UriError::Host => -3,
        UriError::Port(_) => -4,
        UriError::UnixPort => -5,
        UriError::HostLength => -6,
    }
}

fn str_const(part: Option<&[u8]>) -> coap_str_const_t {
    part.map_or(coap_str_const_t { length: 0, s: ptr::null() }, |p| coap_str_const_t {
        length: p.len(),
        s: p.as_ptr(),
    })
}

fn to_c(uri: &Uri<'_>) -> coap_uri_t {
    coap_uri_t {
        host: str_const(uri.host),
        port: uri.port,
        path: str_const(uri.path),
        query: str_const(uri.query),
        scheme: uri.scheme as coap_uri_scheme_t,
    }
}

/// A part of a URI that C holds; empty ones count as absent.
///
/// # Safety
/// `part` names bytes that live as long as the result is used.
unsafe fn part<'a>(part: &coap_str_const_t) -> Option<&'a [u8]> {
    // SAFETY: the same promise.
    unsafe { bytes(part.s, part.length) }.filter(|p| !p.is_empty())
}

/// Whether a host names a Unix domain socket: whether it begins with a slash, encoded as `%2F` or
/// not.
///
/// Returns 1 or 0.
///
/// # Safety
/// `host` is NULL or a string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_host_is_unix_domain(host: *const coap_str_const_t) -> c_int {
    // SAFETY: the caller passes NULL or a string.
    ffi(|| Some(is_unix_domain(unsafe { part(host.as_ref()?) }?).into()))
}

/// # Safety
/// `str_var` points to `len` bytes; `uri` is NULL or may be written.
unsafe fn split(caller: &str, form: Form, str_var: *const u8, len: usize, uri: *mut coap_uri_t) -> c_int {
    ffi_or(-1, || {
        // SAFETY: the same promise.
        let data = unsafe { bytes(str_var, len) }.filter(|_| !str_var.is_null() && !uri.is_null())?;
        match Uri::parse(data, form, Scheme::is_supported) {
            Ok(parts) => {
                // SAFETY: not NULL, and the caller passes a URI that may hold anything yet.
                unsafe { uri.write(to_c(&parts)) };
                Some(0)
            }
            Err(e) => {
                match e {
                    UriError::UnknownScheme | UriError::ForProxies(_) | UriError::Unsupported(_) => {
                        log!(ERR, "{e}")
                    }
                    UriError::Port(_) => log!(WARN, "{e}"),
                    _ => log!(DEBUG, "{caller}: {e}"),
                }
                Some(error_number(e))
            }
        }
    })
}

/// Takes a CoAP URI apart, or the path and query of one, which begin with a slash. The parts point
/// into `str_var` and are still percent-encoded; what is absent is NULL with length 0. The port is
/// the scheme's if none is given, and 0 for a Unix domain socket.
///
/// Returns 0, or: -1 for an empty, malformed or unsupported one, -2 if there is no `://`, -3 for the
/// host, -4 for the port, -5 for a Unix domain socket with a port, -6 for a host over 255 bytes.
///
/// # Safety
/// `str_var` points to `len` bytes; `uri` is NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_split_uri(str_var: *const u8, len: usize, uri: *mut coap_uri_t) -> c_int {
    // SAFETY: the same promises.
    unsafe { split("coap_split_uri", Form::Coap, str_var, len, uri) }
}

/// The same for the value of a Proxy-Uri option: `http` and `https` are allowed, a path alone is
/// not.
///
/// # Safety
/// `str_var` points to `len` bytes; `uri` is NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_split_proxy_uri(str_var: *const u8, len: usize, uri: *mut coap_uri_t) -> c_int {
    // SAFETY: the same promises.
    unsafe { split("coap_split_proxy_uri", Form::Proxy, str_var, len, uri) }
}

/// Takes a URI apart as `coap_split_uri` does, and keeps a copy of it.
///
/// Returns an object that `coap_delete_uri` frees, or NULL if it is no URI or there is no memory.
///
/// # Safety
/// `uri` points to `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_new_uri(uri: *const u8, length: c_uint) -> *mut coap_uri_t {
    ffi(|| {
        // SAFETY: the caller passes `length` bytes.
        let data = unsafe { bytes(uri, length as usize) }?;
        let object = or_no_memory("coap_new_uri", allocate::<coap_uri_t>(data.len().saturating_add(1)))?;
        let place: *mut u8 = object.wrapping_add(1).cast();
        // SAFETY: a new block with room for the struct, the copy and a zero byte; given back if
        // the copy is no URI.
        unsafe {
            ptr::copy_nonoverlapping(data.as_ptr(), place, data.len());
            match coap_split_uri(place, data.len(), object) {
                0 => Some(object),
                _ => {
                    libc::free(object.cast());
                    None
                }
            }
        }
    })
}

/// Copies a URI with its parts.
///
/// Returns an object that `coap_delete_uri` frees, or NULL if there is no memory.
///
/// # Safety
/// `uri` is NULL or a URI.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_clone_uri(uri: *const coap_uri_t) -> *mut coap_uri_t {
    ffi(|| {
        // SAFETY: the caller passes NULL or a URI, with parts that are alive.
        let (uri, parts) = unsafe {
            let uri = uri.as_ref()?;
            (
                uri,
                [
                    bytes(uri.host.s, uri.host.length)?,
                    bytes(uri.path.s, uri.path.length)?,
                    bytes(uri.query.s, uri.query.length)?,
                ],
            )
        };
        let room = parts.iter().fold(0usize, |n, p| n.saturating_add(p.len()).saturating_add(1));
        let object = or_no_memory("coap_clone_uri", allocate::<coap_uri_t>(room))?;
        let mut place: *mut u8 = object.wrapping_add(1).cast();
        let copies = parts.map(|part| {
            // SAFETY: the block has room for all parts and a zero byte behind each.
            unsafe { ptr::copy_nonoverlapping(part.as_ptr(), place, part.len()) };
            let copy = coap_str_const_t { length: part.len(), s: place };
            place = place.wrapping_add(part.len() + 1);
            copy
        });
        let absent = |original: coap_str_const_t, copy| if original.s.is_null() { original } else { copy };
        let [host, path, query] = copies;
        let clone = coap_uri_t {
            host: absent(uri.host, host),
            path: absent(uri.path, path),
            query: absent(uri.query, query),
            ..*uri
        };
        // SAFETY: the block begins with room for the struct.
        unsafe { object.write(clone) };
        Some(object)
    })
}

/// Frees what `coap_new_uri` or `coap_clone_uri` made. NULL is allowed.
///
/// # Safety
/// `uri` is NULL or came from one of the two and is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_delete_uri(uri: *mut coap_uri_t) {
    // SAFETY: NULL or one block from malloc.
    unsafe { libc::free(uri.cast()) }
}

/// The IP address of a transport address, if it has one.
fn ip_address(address: &coap_address_t) -> Option<IpAddr> {
    match address::from_c(address)? {
        Address::Ip(socket) => Some(socket.ip()),
        Address::Unix(_) => None,
    }
}

/// Appends an option for each value. If memory runs out, none of them is appended.
///
/// # Safety
/// `chain` is NULL or holds NULL or a list.
unsafe fn append_all<'a>(
    chain: *mut *mut coap_optlist_t,
    options: impl IntoIterator<Item = (u16, Cow<'a, [u8]>)>,
) -> Option<()> {
    if chain.is_null() {
        return None;
    }
    let mut list = ptr::null_mut();
    let mut end = &raw mut list;
    for (number, value) in options {
        // SAFETY: the list made so far, which is the caller's only if all went well.
        unsafe {
            let Some(entry) = new_optlist(number, &value) else {
                coap_delete_optlist(list);
                return None;
            };
            append(end, entry);
            end = &raw mut (*entry).next;
        }
    }
    // SAFETY: the caller's list.
    unsafe { append(chain, list) };
    Some(())
}

/// Appends to a list the options that make up a URI (RFC 7252 §6.4): Uri-Host and Uri-Port if
/// `create_port_host_opt` is not 0, Uri-Path and Uri-Query. Uri-Host is left out if `dst` is NULL
/// or is what the host says, Uri-Port if it is the scheme's own.
///
/// Returns 1, or 0 if there is no memory; then the list is as it was.
///
/// # Safety
/// `uri` and `dst` are NULL or alive; `optlist_chain` is NULL or holds NULL or a list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_uri_into_optlist(
    uri: *const coap_uri_t,
    dst: *const coap_address_t,
    optlist_chain: *mut *mut coap_optlist_t,
    create_port_host_opt: c_int,
) -> c_int {
    ffi(|| {
        // SAFETY: the caller passes NULL or live objects.
        let (uri, dst) = unsafe { (uri.as_ref()?, dst.as_ref()) };
        // SAFETY: the parts of a live URI.
        let (host, path, query) = unsafe { (part(&uri.host), part(&uri.path), part(&uri.query)) };
        let scheme = Scheme::from_number(uri.scheme)?;
        let parts = Uri { scheme, host, port: uri.port, path, query };
        let mut options = Vec::new();
        if create_port_host_opt != 0 && !host.is_some_and(is_unix_domain) {
            let host = dst.and_then(|dst| parts.host_option(ip_address(dst)));
            options.extend(host.map(|h| (COAP_OPTION_URI_HOST, h.into())));
            if uri.port != scheme.default_port() {
                options.push((COAP_OPTION_URI_PORT, encode_uint(uri.port.into()).to_vec().into()));
            }
        }
        let segments = path.map(path_segments).unwrap_or_default();
        options.extend(segments.into_iter().map(|s| (COAP_OPTION_URI_PATH, s.bytes)));
        options.extend(query.into_iter().flat_map(query_segments).map(|s| (COAP_OPTION_URI_QUERY, s.bytes)));
        // SAFETY: the caller passes NULL or a list.
        unsafe { append_all(optlist_chain, options) }.map(|()| 1)
    })
}

/// The same with another answer. `buf` and `buflen` are not used.
///
/// Returns 0, or -1 if there is no memory; then the list is as it was.
///
/// # Safety
/// `uri` and `dst` are NULL or alive; `optlist_chain` is NULL or holds NULL or a list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_uri_into_options(
    uri: *const coap_uri_t,
    dst: *const coap_address_t,
    optlist_chain: *mut *mut coap_optlist_t,
    create_port_host_opt: c_int,
    buf: *mut u8,
    buflen: usize,
) -> c_int {
    // Older versions of the interface put the decoded parts there.
    let _ = (buf, buflen);
    // SAFETY: the same promises.
    unsafe { coap_uri_into_optlist(uri, dst, optlist_chain, create_port_host_opt) - 1 }
}

/// Appends to a list an option `optnum` (Uri-Path or Location-Path) for each segment of a path,
/// decoded. The path ends before `?` or `#`; dot segments vanish, with what they undo. A slash at
/// its beginning makes an empty first segment.
///
/// Returns 1, or 0 if there is no memory; then the list is as it was.
///
/// # Safety
/// `path` points to `length` bytes; `optlist_chain` is NULL or holds NULL or a list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_path_into_optlist(
    path: *const u8,
    length: usize,
    optnum: coap_option_num_t,
    optlist_chain: *mut *mut coap_optlist_t,
) -> c_int {
    ffi(|| {
        // SAFETY: the caller passes `length` bytes, and NULL or a list.
        unsafe {
            let segments = path_segments(bytes(path, length)?);
            append_all(optlist_chain, segments.into_iter().map(|s| (optnum, s.bytes))).map(|()| 1)
        }
    })
}

/// Appends to a list an option `optnum` (Uri-Query or Location-Query) for each argument of a query,
/// decoded. The query ends before `#`.
///
/// Returns 1, or 0 if there is no memory; then the list is as it was.
///
/// # Safety
/// `query` points to `length` bytes; `optlist_chain` is NULL or holds NULL or a list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_query_into_optlist(
    query: *const u8,
    length: usize,
    optnum: coap_option_num_t,
    optlist_chain: *mut *mut coap_optlist_t,
) -> c_int {
    ffi(|| {
        // SAFETY: the caller passes `length` bytes, and NULL or a list.
        unsafe {
            let segments = query_segments(bytes(query, length)?);
            append_all(optlist_chain, segments.map(|s| (optnum, s.bytes))).map(|()| 1)
        }
    })
}

/// Writes segments as options with delta 0, one behind the other. One that is badly encoded or
/// does not fit is left out.
///
/// # Safety
/// `buf` is NULL or has `*buflen` bytes that may be written; `buflen` is NULL or may be written.
unsafe fn write_segments<'a>(
    segments: impl IntoIterator<Item = Segment<'a>>,
    buf: *mut u8,
    buflen: *mut usize,
) -> Option<c_int> {
    // SAFETY: the caller passes NULL or a length.
    let buflen = unsafe { buflen.as_mut() }?;
    let room = if buf.is_null() { 0 } else { *buflen };
    if buf.is_null() && *buflen != 0 {
        return None;
    }
    let (mut used, mut count) = (0, 0);
    for segment in segments.into_iter().filter(|s| s.well_formed) {
        let place = buf.wrapping_add(used);
        // SAFETY: what is left of the buffer.
        let size =
            unsafe { coap_opt_encode(place, room - used, 0, segment.bytes.as_ptr(), segment.bytes.len()) };
        used += size;
        count += c_int::from(size > 0);
    }
    *buflen = used;
    Some(count)
}

/// Splits a path as `coap_path_into_optlist` does, and writes each segment into `buf` as an option
/// with delta 0: walk over them with `coap_opt_size`. `*buflen` is the room, and becomes what was
/// written. A segment that is badly encoded or does not fit is left out.
///
/// Returns how many segments were written, or -1 for a NULL argument.
///
/// # Safety
/// `path` points to `length` bytes, `buf` to `*buflen` bytes that may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_split_path(
    path: *const u8,
    length: usize,
    buf: *mut u8,
    buflen: *mut usize,
) -> c_int {
    // SAFETY: the same promises.
    ffi_or(-1, || unsafe { write_segments(path_segments(bytes(path, length)?), buf, buflen) })
}

/// Splits a query as `coap_query_into_optlist` does, and writes each argument into `buf` as
/// `coap_split_path` does.
///
/// Returns how many arguments were written, or -1 for a NULL argument.
///
/// # Safety
/// `query` points to `length` bytes, `buf` to `*buflen` bytes that may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_split_query(
    query: *const u8,
    length: usize,
    buf: *mut u8,
    buflen: *mut usize,
) -> c_int {
    // SAFETY: the same promises.
    ffi_or(-1, || unsafe { write_segments(query_segments(bytes(query, length)?), buf, buflen) })
}

/// The query of a request, percent-encoded, with `&` between the Uri-Query options.
///
/// Returns a string that `coap_delete_string` frees, or NULL if there is no query.
///
/// # Safety
/// `request` is NULL or a live message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_get_query(request: *const coap_pdu_t) -> *mut coap_string_t {
    ffi(|| {
        // SAFETY: the caller passes NULL or a live message.
        let query = unsafe { request.as_ref() }?.inner.uri_query()?;
        new_string("coap_get_query", &query)
    })
}

/// The path of a request, percent-encoded, without a slash at its beginning: that of the Proxy-Uri
/// option as it stands there, else the Uri-Path options with `/` between them.
///
/// Returns a string, empty for the root, that `coap_delete_string` frees, or NULL if Proxy-Uri is
/// not a URI.
///
/// # Safety
/// `request` is NULL or a live message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_get_uri_path(request: *const coap_pdu_t) -> *mut coap_string_t {
    ffi(|| {
        // SAFETY: the caller passes NULL or a live message.
        let path = unsafe { request.as_ref() }?.inner.uri_path(Scheme::is_supported)?;
        new_string("coap_get_uri_path", &path)
    })
}
