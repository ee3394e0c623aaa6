//! URIs (RFC 3986, RFC 7252 §6): taking one apart, turning path and query into option values and
//! back.
//!
//! The parts of a [`Uri`] are slices of what was parsed, still percent-encoded; decoding happens
//! where they become options.

use super::{Number, Pdu};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};
use smallvec::SmallVec;
use std::borrow::Cow;
use std::net::IpAddr;

/// The longest host, in bytes: what Uri-Host can carry (RFC 7252 §5.10).
pub const MAX_HOST: usize = 255;

/// A URI scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Scheme {
    /// RFC 7252 §6.1
    Coap = 0,
    /// RFC 7252 §6.2
    Coaps = 1,
    /// RFC 8323 §8.1
    CoapTcp = 2,
    /// RFC 8323 §8.2
    CoapsTcp = 3,
    /// What a cross-proxy may be asked for (RFC 7252 §10).
    Http = 4,
    /// The same.
    Https = 5,
    /// RFC 8323 §8.3
    CoapWs = 6,
    /// RFC 8323 §8.4
    CoapsWs = 7,
}

impl Scheme {
    const ALL: [Scheme; 8] = [
        Scheme::Coap,
        Scheme::Coaps,
        Scheme::CoapTcp,
        Scheme::CoapsTcp,
        Scheme::Http,
        Scheme::Https,
        Scheme::CoapWs,
        Scheme::CoapsWs,
    ];

    /// Its name, without the colon.
    pub const fn name(self) -> &'static str {
        match self {
            Scheme::Coap => "coap",
            Scheme::Coaps => "coaps",
            Scheme::CoapTcp => "coap+tcp",
            Scheme::CoapsTcp => "coaps+tcp",
            Scheme::Http => "http",
            Scheme::Https => "https",
            Scheme::CoapWs => "coap+ws",
            Scheme::CoapsWs => "coaps+ws",
        }
    }

    /// The port that a URI without one means.
    pub const fn default_port(self) -> u16 {
        match self {
            Scheme::Coap | Scheme::CoapTcp => 5683,
            Scheme::Coaps | Scheme::CoapsTcp => 5684,
            Scheme::Http | Scheme::CoapWs => 80,
            Scheme::Https | Scheme::CoapsWs => 443,
        }
    }

    /// Whether it asks for DTLS or TLS.
    pub const fn is_secure(self) -> bool {
        self as u8 & 1 == 1
    }

    /// Whether this variant of the library can serve it; of HTTP's, that is for a proxy to say.
    pub const fn is_supported(self) -> bool {
        match self {
            Scheme::Coaps => crate::variant::DTLS,
            Scheme::CoapsTcp => crate::variant::TLS,
            Scheme::CoapsWs => crate::variant::WSS,
            Scheme::CoapTcp => crate::variant::TCP,
            Scheme::CoapWs => crate::variant::WS,
            Scheme::Coap | Scheme::Http | Scheme::Https => true,
        }
    }

    /// Whether it is one of HTTP's.
    pub const fn is_http(self) -> bool {
        matches!(self, Scheme::Http | Scheme::Https)
    }

    /// The scheme with this name. Letters of either case are the same (RFC 3986 §3.1).
    pub fn from_name(name: &[u8]) -> Option<Scheme> {
        Scheme::ALL.into_iter().find(|s| s.name().as_bytes().eq_ignore_ascii_case(name))
    }

    /// The scheme with this number in the C interface.
    pub fn from_number(number: u32) -> Option<Scheme> {
        Scheme::ALL.into_iter().find(|s| *s as u32 == number)
    }
}

/// Why a URI could not be taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// Nothing there, or something behind host or port that does not belong there.
    #[error("malformed URI")]
    Malformed,
    /// A scheme that nobody knows.
    #[error("unknown URI scheme")]
    UnknownScheme,
    /// A scheme that only a proxy is asked for.
    #[error("{} URI scheme is for proxies only", .0.name())]
    ForProxies(Scheme),
    /// A scheme that this build cannot serve.
    #[error("{} URI scheme not supported in this version of libcoap", .0.name())]
    Unsupported(Scheme),
    /// No `://` and no slash at the beginning.
    #[error("URI has no scheme")]
    NoScheme,
    /// No host, or an IPv6 literal that is none.
    #[error("URI has no valid host")]
    Host,
    /// A port over 65535, so many.
    #[error("Port number too big ({0} > 65535)")]
    Port(u64),
    /// A Unix domain socket has no port.
    #[error("a Unix domain socket has no port")]
    UnixPort,
    /// The host has more than [`MAX_HOST`] bytes.
    #[error("host is longer than 255 bytes")]
    HostLength,
}

/// Which URIs are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A CoAP URI, or the path and query of one, which begin with a slash.
    Coap,
    /// What a Proxy-Uri option holds: an absolute URI, of HTTP too.
    Proxy,
}

/// A URI taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uri<'a> {
    /// The scheme; [`Scheme::Coap`] for a path alone.
    pub scheme: Scheme,
    /// The host, without the brackets of an IPv6 literal.
    pub host: Option<&'a [u8]>,
    /// The port, given or the scheme's; 0 for a Unix domain socket.
    pub port: u16,
    /// The path, without the slash that it begins with; never empty.
    pub path: Option<&'a [u8]>,
    /// The query, without the question mark; may be empty.
    pub query: Option<&'a [u8]>,
}

impl<'a> Uri<'a> {
    /// Takes `uri` apart. `supported` has the last word on schemes.
    pub fn parse(
        uri: &'a [u8],
        form: Form,
        supported: impl FnOnce(Scheme) -> bool,
    ) -> Result<Uri<'a>, UriError> {
        match uri.first() {
            None => return Err(UriError::Malformed),
            Some(b'/') if form == Form::Coap => {
                let (path, query) = path_and_query(uri);
                let port = Scheme::Coap.default_port();
                return Ok(Uri { scheme: Scheme::Coap, host: None, port, path, query });
            }
            Some(b'/') => return Err(UriError::Malformed),
            Some(_) => {}
        }
        let colon = uri.windows(3).position(|w| w == b"://").ok_or(UriError::NoScheme)?;
        let (name, rest) = uri.split_at(colon);
        let scheme = Scheme::from_name(name).ok_or(UriError::UnknownScheme)?;
        if scheme.is_http() && form != Form::Proxy {
            return Err(UriError::ForProxies(scheme));
        }
        if !supported(scheme) {
            return Err(UriError::Unsupported(scheme));
        }
        let (host, rest) = split_host(rest.get(3..).unwrap_or(&[]))?;
        if host.len() > MAX_HOST {
            return Err(UriError::HostLength);
        }
        let unix = is_unix_domain(host);
        let (port, rest) = match rest.split_first() {
            Some((b':', _)) if unix => return Err(UriError::UnixPort),
            Some((b':', rest)) => split_port(rest)?,
            Some((b'/', _)) | None => (None, rest),
            Some(_) => return Err(UriError::Malformed),
        };
        let (path, query) = path_and_query(rest);
        let port = if unix { 0 } else { port.unwrap_or(scheme.default_port()) };
        Ok(Uri { scheme, host: Some(host), port, path, query })
    }

    /// The value of Uri-Host that a request to `destination` needs, if it needs one: the decoded
    /// host in small letters (RFC 7252 §6.4 step 5). `None` is a destination without IP address.
    pub fn host_option(&self, destination: Option<IpAddr>) -> Option<Vec<u8>> {
        let host = self.host.filter(|h| !h.is_empty() && !is_unix_domain(h))?;
        let address = host.split(|&b| b == b'%').next().unwrap_or(host);
        let literal = core::str::from_utf8(address).ok().and_then(|a| a.parse::<IpAddr>().ok());
        if literal.is_some() && literal.map(|a| a.to_canonical()) == destination.map(|a| a.to_canonical()) {
            return None;
        }
        let mut value = percent_decode(host).collect::<Vec<u8>>();
        value.make_ascii_lowercase();
        Some(value)
    }
}

/// Whether a host names a Unix domain socket: an absolute path, its slash encoded or not.
pub fn is_unix_domain(host: &[u8]) -> bool {
    match host {
        [b'/', ..] => true,
        [b'%', b'2', f, ..] => f.eq_ignore_ascii_case(&b'f'),
        _ => false,
    }
}

/// The host at the beginning of an authority, and what follows it.
fn split_host(authority: &[u8]) -> Result<(&[u8], &[u8]), UriError> {
    if let [b'[', inside @ ..] = authority {
        let end = inside.iter().position(|&b| b == b']').ok_or(UriError::Host)?;
        let (literal, rest) = inside.split_at(end);
        return is_ipv6_literal(literal)
            .then_some((literal, rest.get(1..).unwrap_or(&[])))
            .ok_or(UriError::Host);
    }
    let end = authority.iter().position(|b| matches!(b, b':' | b'/' | b'?')).unwrap_or(authority.len());
    let (host, rest) = authority.split_at(end);
    if host.is_empty() { Err(UriError::Host) } else { Ok((host, rest)) }
}

/// An IPv6 address and perhaps a zone (RFC 3986 §3.2.2, RFC 6874), whose percent sign may be
/// encoded or not. What it stands for is found out when it is resolved.
fn is_ipv6_literal(literal: &[u8]) -> bool {
    let mut parts = literal.splitn(2, |&b| b == b'%');
    let address = parts.next().unwrap_or(&[]);
    address.iter().all(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.'))
        && address.contains(&b':')
        && parts.next().is_none_or(|zone| !zone.is_empty() && zone != b"25" && !zone.contains(&b'%'))
}

/// The port behind a colon, if there is one, and what follows it.
fn split_port(bytes: &[u8]) -> Result<(Option<u16>, &[u8]), UriError> {
    let end = bytes.iter().position(|b| !b.is_ascii_digit()).unwrap_or(bytes.len());
    let (digits, rest) = bytes.split_at(end);
    if !matches!(rest.first(), None | Some(b'/' | b'?')) {
        return Err(UriError::Malformed);
    }
    let number = |n: u64, d: &u8| n.saturating_mul(10).saturating_add(u64::from(d - b'0'));
    let port = digits.iter().fold(0, number);
    let port = u16::try_from(port).map_err(|_| UriError::Port(port))?;
    Ok(((!digits.is_empty()).then_some(port), rest))
}

/// The path without its first slash, and the query without its question mark.
fn path_and_query(bytes: &[u8]) -> (Option<&[u8]>, Option<&[u8]>) {
    let bytes = bytes.strip_prefix(b"/").unwrap_or(bytes);
    let mut parts = bytes.splitn(2, |&b| b == b'?');
    (parts.next().filter(|p| !p.is_empty()), parts.next())
}

/// One segment of a path or query, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Its bytes; a percent sign that begins no encoding stands for itself.
    pub bytes: Cow<'a, [u8]>,
    /// Whether each percent sign began an encoding.
    pub well_formed: bool,
}

impl<'a> Segment<'a> {
    fn decode(raw: &'a [u8]) -> Self {
        let mut rest = raw;
        let mut well_formed = true;
        while let Some(at) = rest.iter().position(|&b| b == b'%') {
            rest = rest.get(at + 1..).unwrap_or(&[]);
            well_formed &= matches!(rest, [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit());
        }
        Segment { bytes: percent_decode(raw).into(), well_formed }
    }
}

/// The segments of a path up to `?` or `#`, decoded, without dot segments (RFC 3986 §5.2.4, RFC
/// 7252 §6.4 step 8). An empty path has one empty segment.
pub fn path_segments(path: &[u8]) -> Vec<Segment<'_>> {
    let end = path.iter().position(|b| matches!(b, b'?' | b'#')).unwrap_or(path.len());
    let mut segments = Vec::new();
    for segment in path.get(..end).unwrap_or(path).split(|&b| b == b'/').map(Segment::decode) {
        match &*segment.bytes {
            b"." => {}
            b".." => {
                segments.pop();
            }
            _ => segments.push(segment),
        }
    }
    segments
}

/// The arguments of a query up to `#`, decoded (RFC 7252 §6.4 step 9).
pub fn query_segments(query: &[u8]) -> impl Iterator<Item = Segment<'_>> {
    let end = query.iter().position(|&b| b == b'#').unwrap_or(query.len());
    query.get(..end).unwrap_or(query).split(|&b| b == b'&').map(Segment::decode)
}

/// What stands unencoded in a segment of a path: `pchar` of RFC 3986 §3.3.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// What stands unencoded in a query. RFC 7252 §6.5 step 7 would encode `&` too; it stays, since
/// clients put several arguments into one option and servers expect to find them again.
const QUERY: &AsciiSet = &PATH.remove(b'/').remove(b'?');

impl Pdu {
    /// The path of a request, encoded and without a slash at its beginning (RFC 7252 §6.5): of
    /// Proxy-Uri if it has one, as it stands there, else of the Uri-Path options. `None` if
    /// Proxy-Uri is not a URI.
    pub fn uri_path(&self, supported: impl FnOnce(Scheme) -> bool) -> Option<Vec<u8>> {
        if let Some(proxy) = self.option(Number::PROXY_URI) {
            let uri = Uri::parse(proxy.value, Form::Proxy, supported).ok()?;
            return Some(uri.path.unwrap_or(&[]).to_vec());
        }
        Some(self.path_of_options().into_vec())
    }

    /// The path of the Uri-Path options, encoded and without a slash at its beginning (RFC 7252
    /// §6.5).
    pub fn path_of_options(&self) -> SmallVec<[u8; 64]> {
        self.join(Number::URI_PATH, b'/', PATH)
    }

    /// The query of a request, encoded, from its Uri-Query options. `None` if that is nothing.
    pub fn uri_query(&self) -> Option<SmallVec<[u8; 64]>> {
        Some(self.join(Number::URI_QUERY, b'&', QUERY)).filter(|q| !q.is_empty())
    }

    fn join(&self, number: Number, separator: u8, set: &'static AsciiSet) -> SmallVec<[u8; 64]> {
        let mut out = SmallVec::new();
        for (index, opt) in self.options_numbered(number).enumerate() {
            if index > 0 {
                out.push(separator);
            }
            percent_encode(opt.value, set).for_each(|text| out.extend_from_slice(text.as_bytes()));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Code, Mid, Type};
    use proptest::prelude::*;

    fn split(uri: &str) -> Result<Uri<'_>, UriError> {
        Uri::parse(uri.as_bytes(), Form::Coap, |_| true)
    }

    fn segments(path: &str) -> Vec<String> {
        path_segments(path.as_bytes())
            .iter()
            .map(|s| String::from_utf8_lossy(&s.bytes).into_owned())
            .collect()
    }

    #[test]
    fn a_uri_falls_into_its_parts() {
        let uri = split("coaps+tcp://Host:99/a/b?c=d&e").unwrap();
        assert_eq!(uri.scheme, Scheme::CoapsTcp);
        assert_eq!(uri.host, Some(&b"Host"[..]));
        assert_eq!(uri.port, 99);
        assert_eq!(uri.path, Some(&b"a/b"[..]));
        assert_eq!(uri.query, Some(&b"c=d&e"[..]));
        let bare = split("COAP://h").unwrap();
        assert_eq!((bare.port, bare.path, bare.query), (5683, None, None));
        let path = split("/a?b").unwrap();
        assert_eq!((path.host, path.path, path.query), (None, Some(&b"a"[..]), Some(&b"b"[..])));
    }

    #[test]
    fn each_kind_of_malformed_uri_has_its_error() {
        for (uri, error) in [
            ("", UriError::Malformed),
            ("p://", UriError::UnknownScheme),
            ("http://h", UriError::ForProxies(Scheme::Http)),
            ("coap://h?q", UriError::Malformed),
            ("coap://h:5x", UriError::Malformed),
            ("coap:h", UriError::NoScheme),
            ("a/b", UriError::NoScheme),
            ("coap://", UriError::Host),
            ("coap:///a", UriError::Host),
            ("coap://[]", UriError::Host),
            ("coap://[::1", UriError::Host),
            ("coap://[::g]", UriError::Host),
            ("coap://[1.2.3.4]", UriError::Host),
            ("coap://[fe80::1%]", UriError::Host),
            ("coap://h:65536", UriError::Port(65536)),
            ("coap://h:99999999999999999999", UriError::Port(u64::MAX)),
            ("coap://%2fs:5", UriError::UnixPort),
        ] {
            assert_eq!(split(uri), Err(error), "{uri}");
        }
        assert_eq!(split(&format!("coap://{}", "h".repeat(256))), Err(UriError::HostLength));
        assert!(split(&format!("coap://{}", "h".repeat(255))).is_ok());
    }

    #[test]
    fn an_ipv6_literal_may_have_a_zone_or_an_embedded_ipv4_address() {
        for host in ["::1", "fe80::1%eth0", "fe80::1%25eth0", "::ffff:1.2.3.4"] {
            assert_eq!(split(&format!("coap://[{host}]:7/")).unwrap().host, Some(host.as_bytes()));
        }
    }

    #[test]
    fn dot_segments_vanish_also_when_encoded() {
        assert_eq!(segments("a/./b/../c"), ["a", "c"]);
        assert_eq!(segments("%2E%2e/../a/%2e"), ["a"]);
        assert_eq!(segments("a//..//b"), ["a", "", "b"]);
        assert_eq!(segments("a/b/.."), ["a"]);
        assert_eq!(segments(""), [""]);
        assert_eq!(segments("a/..."), ["a", "..."]);
    }

    #[test]
    fn a_percent_sign_that_begins_no_encoding_stands_for_itself() {
        for raw in ["%", "%A", "a%", "%zz", "%4g", "%g4", "%%41"] {
            let segment = Segment::decode(raw.as_bytes());
            assert!(!segment.well_formed, "{raw}");
        }
        assert_eq!(&*Segment::decode(b"%zz").bytes, b"%zz");
        assert_eq!(&*Segment::decode(b"%00%c3%A9").bytes, b"\0\xc3\xa9");
        assert!(Segment::decode(b"%00%c3%A9").well_formed);
    }

    #[test]
    fn no_uri_host_for_the_destination_itself() {
        let destination = Some("127.0.0.1".parse().unwrap());
        assert_eq!(split("coap://127.0.0.1/").unwrap().host_option(destination), None);
        assert_eq!(split("coap://H%41.x/").unwrap().host_option(destination).as_deref(), Some(&b"ha.x"[..]));
        let local = Some("fe80::1".parse().unwrap());
        assert_eq!(split("coap://[FE80:0::1%eth0]/").unwrap().host_option(local), None);
        assert_eq!(split("coap://%2funix/").unwrap().host_option(local), None);
    }

    proptest! {
        #[test]
        fn parsing_never_panics(uri: Vec<u8>, tail: Vec<u8>) {
            for head in [&b""[..], b"coap://", b"coap://[", b"coap://h:", b"coap+ws://h/"] {
                let uri = [head, &uri, b"%", &tail].concat();
                let _ = Uri::parse(&uri, Form::Coap, |_| true);
                let _ = Uri::parse(&uri, Form::Proxy, |_| true);
                let _ = path_segments(&uri);
                let _ = query_segments(&uri).count();
            }
        }

        #[test]
        fn a_path_survives_the_way_through_options_and_back(
            segments in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..20), 1..6),
        ) {
            prop_assume!(segments.iter().all(|s| s != b"." && s != b".."));
            let mut pdu = Pdu::new(Type::Confirmable, Code::GET, Mid(0), 4096);
            for segment in &segments {
                pdu.add_option(Number::URI_PATH, segment).unwrap();
            }
            let path = pdu.uri_path(|_| true).unwrap();
            let back: Vec<Vec<u8>> =
                path_segments(&path).into_iter().map(|s| s.bytes.into_owned()).collect();
            prop_assert_eq!(back, segments);
        }
    }
}
