//! Where a proxy sends a request: to a server that it was set up with, or to the one that the request
//! names (RFC 7252 §5.7.2, §5.10.2).

use crate::log;
use crate::message::uri::{Form, MAX_HOST, Scheme, Uri, UriError, is_unix_domain};
use crate::message::{Code, Number, Pdu};
use percent_encoding::percent_decode;
use std::net::IpAddr;

/// What kind of proxy it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Clients take it for the origin server (RFC 7252 §5.7.3).
    Reverse,
    /// It sends what it is asked for to servers that it was set up with.
    Static,
    /// It sends what it is asked for to whom the request names (RFC 7252 §5.7.2).
    Dynamic,
}

/// How a proxy treats requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    /// What kind of proxy it is.
    pub role: Role,
    /// The options for proxies are replaced by what they mean for the server that is named.
    pub strips: bool,
}

/// Why a request is not forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request is not forwarded: {code}")]
pub struct Refusal {
    /// What the client is to hear.
    pub code: Code,
    /// The option that is to blame.
    pub option: Option<Number>,
}

impl From<Code> for Refusal {
    fn from(code: Code) -> Self {
        Refusal { code, option: None }
    }
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// To one of the servers that the proxy was set up with.
    Listed,
    /// To the server that the request names.
    Named(Named),
}

/// A server that a request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// How it is spoken to.
    pub scheme: Scheme,
    /// Its name in small letters, or its address without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
}

impl Manner {
    /// Where a request goes; `has_list` if the proxy was set up with a server to send to.
    pub fn destination(self, request: &Pdu, has_list: bool) -> Result<Destination, Refusal> {
        let names_one =
            request.option(Number::PROXY_URI).is_some() || request.option(Number::PROXY_SCHEME).is_some();
        match (self.role, self.strips) {
            // Which the request names is for the next server to find out.
            (Role::Reverse | Role::Static, false) => Ok(Destination::Listed),
            (Role::Dynamic, false) if has_list => Ok(Destination::Listed),
            (Role::Reverse, true) if !names_one => Ok(Destination::Listed),
            _ if !names_one => Err(Code::NOT_FOUND.into()),
            _ => Named::of(request).map(Destination::Named),
        }
    }
}

impl Named {
    /// The server that Proxy-Uri names, or Proxy-Scheme with Uri-Host and Uri-Port.
    pub fn of(request: &Pdu) -> Result<Named, Refusal> {
        if let Some(uri) = request.option(Number::PROXY_URI) {
            let uri = Uri::parse(uri.value, Form::Proxy, |_| true).map_err(|e| {
                log!(WARN, "Proxy-Uri: {e}");
                match e {
                    UriError::UnknownScheme | UriError::NoScheme | UriError::HostLength => {
                        Code::PROXYING_NOT_SUPPORTED
                    }
                    _ => Code::BAD_REQUEST,
                }
            })?;
            let raw = uri.host.unwrap_or(&[]);
            if is_unix_domain(raw) {
                return Err(not_a_host("a path"));
            }
            let host: Vec<u8> = percent_decode(raw).collect();
            return Ok(Named { scheme: uri.scheme, host: host_name(&host)?, port: uri.port });
        }
        let scheme = request.option(Number::PROXY_SCHEME).map_or(&[][..], |o| o.value);
        let scheme = Scheme::from_name(scheme).filter(|s| !s.is_http()).ok_or_else(|| {
            log!(WARN, "Unsupported Proxy Scheme '{}'", String::from_utf8_lossy(scheme).escape_default());
            Code::PROXYING_NOT_SUPPORTED
        })?;
        // Without a host there is no URI to be made of the options (RFC 7252 §6.5).
        let host = request.option(Number::URI_HOST).ok_or(Code::BAD_OPTION)?.value;
        if is_unix_domain(host) {
            return Err(not_a_host("a path"));
        }
        // RFC 7252 §6.5 step 3: some write the brackets of an IPv6 literal.
        let host = host.strip_prefix(b"[").and_then(|h| h.strip_suffix(b"]")).unwrap_or(host);
        let port = match request.option_uint(Number::URI_PORT) {
            Some(port) => u16::try_from(port).map_err(|_| Code::BAD_OPTION)?,
            None => scheme.default_port(),
        };
        Ok(Named { scheme, host: host_name(host)?, port })
    }

    /// Whether the host is an address and no name.
    pub fn is_address(&self) -> bool {
        is_address(self.host.as_bytes())
    }
}

/// Whether a host is an IP address, perhaps with a zone.
pub(super) fn is_address(host: &[u8]) -> bool {
    let address = host.split(|b| *b == b'%').next().unwrap_or(host);
    core::str::from_utf8(address).is_ok_and(|a| a.parse::<IpAddr>().is_ok())
}

fn not_a_host(what: &str) -> Refusal {
    log!(WARN, "a request for a proxy names {what} instead of a host");
    Code::PROXYING_NOT_SUPPORTED.into()
}

/// What may be asked a name service: never what a C library would cut at a zero byte, or is longer
/// than a host name may be.
fn host_name(host: &[u8]) -> Result<String, Refusal> {
    let is_one = !host.is_empty() && host.len() <= MAX_HOST && !host.iter().any(u8::is_ascii_control);
    let name = core::str::from_utf8(host).ok().filter(|_| is_one);
    let name = name.ok_or_else(|| {
        log!(WARN, "a request for a proxy names no host: {} bytes that are no name", host.len());
        Code::BAD_REQUEST
    })?;
    Ok(name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Mid, Type};
    use proptest::prelude::*;

    fn request(options: &[(Number, &[u8])]) -> Pdu {
        let mut pdu = Pdu::new(Type::Confirmable, Code::GET, Mid(1), 20_000);
        for (number, value) in options {
            pdu.add_option(*number, value).unwrap();
        }
        pdu
    }

    fn by_uri(uri: &[u8]) -> Result<(Scheme, String, u16), Code> {
        let named = Named::of(&request(&[(Number::PROXY_URI, uri)]));
        named.map(|n| (n.scheme, n.host, n.port)).map_err(|r| r.code)
    }

    fn by_scheme(scheme: &[u8], host: &[u8], port: Option<u16>) -> Result<(Scheme, String, u16), Code> {
        let port = port.map(u16::to_be_bytes);
        let mut options = vec![(Number::URI_HOST, host)];
        options.extend(port.as_ref().map(|p| (Number::URI_PORT, &p[..])));
        options.push((Number::PROXY_SCHEME, scheme));
        Named::of(&request(&options)).map(|n| (n.scheme, n.host, n.port)).map_err(|r| r.code)
    }

    #[test]
    fn a_uri_or_a_scheme_with_a_host_names_a_server() {
        let named = |scheme, host: &str, port| Ok((scheme, host.to_string(), port));
        assert_eq!(by_uri(b"coap://Origin.Example/a?b"), named(Scheme::Coap, "origin.example", 5683));
        assert_eq!(by_uri(b"COAP+TCP://[2001:db8::1]:99"), named(Scheme::CoapTcp, "2001:db8::1", 99));
        assert_eq!(by_uri(b"coap://local%68ost"), named(Scheme::Coap, "localhost", 5683));
        assert_eq!(by_scheme(b"Coap", b"[::1]", Some(7)), named(Scheme::Coap, "::1", 7));
        assert_eq!(by_scheme(b"coaps", b"H", None), named(Scheme::Coaps, "h", 5684));
    }

    #[test]
    fn what_is_no_host_is_refused_before_anybody_looks_it_up() {
        let long = [b"coap://".as_slice(), &[b'a'; 10_000]].concat();
        assert_eq!(by_uri(&long), Err(Code::PROXYING_NOT_SUPPORTED));
        for hostile in [&b"coap://127.0.0.1%00x/"[..], b"coap://127.0.0.1\0x/", b"coap://a%0ab", b"coap://"] {
            assert_eq!(by_uri(hostile), Err(Code::BAD_REQUEST), "{hostile:?}");
        }
        for path in [&b"/tmp/x"[..], b"%2ftmp%2fx"] {
            assert_eq!(by_scheme(b"coap", path, None), Err(Code::PROXYING_NOT_SUPPORTED));
        }
        assert_eq!(by_uri(b"coap://%2Ftmp%2fx"), Err(Code::PROXYING_NOT_SUPPORTED));
        assert_eq!(by_scheme(b"coap", b"a\0b", None), Err(Code::BAD_REQUEST));
        assert_eq!(by_scheme(b"coap", &[0xff], None), Err(Code::BAD_REQUEST));
        assert_eq!(by_scheme(b"http", b"h", None), Err(Code::PROXYING_NOT_SUPPORTED));
        assert_eq!(by_scheme(b"foo", b"h", None), Err(Code::PROXYING_NOT_SUPPORTED));
    }

    #[test]
    fn the_manner_says_whether_the_list_or_the_request_decides() {
        let manner = |role, strips| Manner { role, strips };
        let (plain, named) = (request(&[]), request(&[(Number::PROXY_URI, b"coap://h")]));
        let is_listed = |m: Manner, r: &Pdu, list| m.destination(r, list) == Ok(Destination::Listed);
        for strips in [false, true] {
            assert!(is_listed(manner(Role::Reverse, strips), &plain, true));
        }
        assert!(is_listed(manner(Role::Static, false), &named, true));
        assert!(is_listed(manner(Role::Dynamic, false), &named, true));
        assert!(!is_listed(manner(Role::Dynamic, false), &named, false));
        for role in [Role::Reverse, Role::Static, Role::Dynamic] {
            assert!(!is_listed(manner(role, true), &named, true));
        }
        let nowhere = manner(Role::Dynamic, true).destination(&plain, true);
        assert_eq!(nowhere, Err(Code::NOT_FOUND.into()));
    }

    proptest! {
        #[test]
        fn a_host_that_is_looked_up_is_short_and_printable(host in prop::collection::vec(any::<u8>(), 0..400)) {
            for named in [
                Named::of(&request(&[(Number::PROXY_URI, &[b"coap://".as_slice(), &host].concat())])),
                Named::of(&request(&[(Number::URI_HOST, &host), (Number::PROXY_SCHEME, b"coap")])),
            ].into_iter().flatten() {
                prop_assert!((1..=255).contains(&named.host.len()));
                prop_assert!(!named.host.bytes().any(|b| b.is_ascii_control()));
                prop_assert!(!named.host.starts_with('/'));
            }
        }
    }
}
