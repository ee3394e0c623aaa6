//! Which resource a request is for.

use super::{Entry, Flags, Kind, ResourceId, Table};
use crate::address::Address;
use crate::message::option::Number;
use crate::message::uri::{Form, Scheme, Uri};
use crate::message::{Code, Pdu};
use std::net::IpAddr;

/// What shall answer a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// This resource, which has a handler for the method.
    Resource(ResourceId),
    /// The list of resources, by the library itself (RFC 6690 §4).
    WellKnownCore,
    /// The library itself, with this code: no resource, no such method, no proxy here.
    Answer(Code),
}

const WELL_KNOWN_CORE: &[u8] = b".well-known/core";

impl<H> Table<H> {
    /// Finds what shall answer this request: by its Uri-Path, or, when it asks for a proxy
    /// (RFC 7252 §5.7.2) and names this very host, by the path it asks the proxy for. `local` is the
    /// address that it came to.
    pub fn target(&self, request: &Pdu, local: Option<&Address>) -> Target {
        let method = request.code();
        match self.proxy_request(request, local) {
            ProxyRequest::Local => self.local_target(&request.path_of_options(), method),
            ProxyRequest::LocalPath(path) => self.local_target(path, method),
            ProxyRequest::Upstream(id, entry) if entry.resource.handles(method) => Target::Resource(id),
            ProxyRequest::Upstream(..) => Target::Answer(Code::METHOD_NOT_ALLOWED),
            ProxyRequest::Refused(code) => Target::Answer(code),
        }
    }

    /// The plain resource that has the request's own path.
    pub fn plain(&self, request: &Pdu) -> Option<ResourceId> {
        self.find(&request.path_of_options())
    }

    fn local_target(&self, path: &[u8], method: Code) -> Target {
        if let Some((id, entry)) = self.find(path).and_then(|id| Some((id, self.get(id)?))) {
            return match entry.resource.handles(method) {
                true => Target::Resource(id),
                false => Target::Answer(Code::METHOD_NOT_ALLOWED),
            };
        }
        let is_well_known = path == WELL_KNOWN_CORE;
        let fallback = self.fallback().filter(|(_, entry)| {
            entry.resource.handles(method)
                && (!is_well_known
                    || *entry.resource.kind() == Kind::ReverseProxy
                    || entry.resource.has(Flags::HANDLE_WELLKNOWN_CORE))
        });
        match (fallback, method) {
            (Some((id, _)), _) => Target::Resource(id),
            (None, Code::GET) if is_well_known => Target::WellKnownCore,
            (None, _) if is_well_known => Target::Answer(Code::METHOD_NOT_ALLOWED),
            // What is not there need not be deleted (RFC 7252 §5.8.4).
            (None, Code::DELETE) => Target::Answer(Code::DELETED),
            (None, _) => Target::Answer(Code::NOT_FOUND),
        }
    }

    /// What the proxy options of a request ask for.
    fn proxy_request<'a>(&'a self, request: &'a Pdu, local: Option<&Address>) -> ProxyRequest<'a, H> {
        let uri = request.option(Number::PROXY_URI);
        match (uri, request.option(Number::PROXY_SCHEME)) {
            (None, None) => return ProxyRequest::Local,
            (Some(_), Some(_)) => return ProxyRequest::Refused(Code::BAD_OPTION),
            _ => {}
        }
        let Some((id, entry)) = self.proxy() else {
            // Without a host there is no URI to be made of the options (RFC 7252 §6.5).
            let complete = uri.is_some() || request.option(Number::URI_HOST).is_some();
            return ProxyRequest::Refused(if complete {
                Code::PROXYING_NOT_SUPPORTED
            } else {
                Code::BAD_OPTION
            });
        };
        let Kind::ProxyUri { hosts } = entry.resource.kind() else { return ProxyRequest::Local };
        // RFC 3986 §3.2.2: letters of either case are the same.
        let is_here = |host: &[u8], port: u16| {
            let is_own = |own: &[u8]| match own {
                [] => local.is_some_and(|local| is_address(local, host, port)),
                own => own.eq_ignore_ascii_case(host),
            };
            hosts.iter().any(|own| is_own(own))
        };
        match uri {
            Some(uri) => match Uri::parse(uri.value, Form::Proxy, Scheme::is_supported) {
                Ok(uri) if is_here(uri.host.unwrap_or(&[]), uri.port) => {
                    ProxyRequest::LocalPath(uri.path.unwrap_or(&[]))
                }
                Ok(_) => ProxyRequest::Upstream(id, entry),
                Err(e) => {
                    crate::log!(DEBUG, "Proxy-URI not decodable: {e}");
                    ProxyRequest::Refused(Code::PROXYING_NOT_SUPPORTED)
                }
            },
            // Without a host there is no URI to be made of the options (RFC 7252 §6.5).
            None => match request.option(Number::URI_HOST) {
                None => ProxyRequest::Refused(Code::BAD_OPTION),
                Some(host) if is_here(host.value, port_of(request)) => ProxyRequest::Local,
                Some(_) => ProxyRequest::Upstream(id, entry),
            },
        }
    }
}

/// The port that Proxy-Scheme with Uri-Port names.
fn port_of(request: &Pdu) -> u16 {
    let scheme = request.option(Number::PROXY_SCHEME).and_then(|o| Scheme::from_name(o.value));
    let port = request.option_uint(Number::URI_PORT).and_then(|port| u16::try_from(port).ok());
    port.or(scheme.map(Scheme::default_port)).unwrap_or(0)
}

/// Whether a host and port stand for this address.
fn is_address(address: &Address, host: &[u8], port: u16) -> bool {
    let Address::Ip(address) = address else { return false };
    let host = host.strip_prefix(b"[").and_then(|h| h.strip_suffix(b"]")).unwrap_or(host);
    let host = core::str::from_utf8(host).ok().and_then(|host| host.parse::<IpAddr>().ok());
    host.is_some_and(|host| host.to_canonical() == address.ip().to_canonical()) && port == address.port()
}

enum ProxyRequest<'a, H> {
    /// No proxy, or this very host.
    Local,
    /// This very host, in a URI with this path.
    LocalPath(&'a [u8]),
    /// It is for the proxy handler.
    Upstream(ResourceId, &'a Entry<H>),
    /// It cannot be served.
    Refused(Code),
}

#[cfg(test)]
mod tests {
    use super::super::Resource;
    use super::*;
    use crate::message::{Mid, Type};
    use std::sync::Arc;

    const ALL: [Code; 7] =
        [Code::GET, Code::POST, Code::PUT, Code::DELETE, Code::FETCH, Code::PATCH, Code::IPATCH];

    fn add(table: &mut Table<()>, path: &str, kind: Kind, flags: Flags, methods: &[Code]) -> Target {
        let r = Resource::new(path.as_bytes(), kind, flags);
        methods.iter().for_each(|&m| assert!(r.set_method(m, true)));
        Target::Resource(table.add(Arc::new(r), ()).unwrap().0)
    }

    fn plain(table: &mut Table<()>, path: &str) -> Target {
        add(table, path, Kind::Plain, Flags::default(), &[Code::GET])
    }

    fn proxy(table: &mut Table<()>) -> Target {
        let hosts = ["me", "::1"].map(|h| h.as_bytes().into()).into();
        add(table, "- Proxy URI -", Kind::ProxyUri { hosts }, Flags::default(), &ALL)
    }

    fn request(code: Code, options: &[(Number, &str)]) -> Pdu {
        let mut pdu = Pdu::new(Type::Confirmable, code, Mid(1), 1152);
        for (number, value) in options {
            pdu.add_option(*number, value.as_bytes()).unwrap();
        }
        pdu
    }

    fn ask(table: &Table<()>, code: Code, path: &str) -> Target {
        let mut pdu = request(code, &[]);
        for segment in path.split('/') {
            pdu.add_option(Number::URI_PATH, segment.as_bytes()).unwrap();
        }
        table.target(&pdu, None)
    }

    fn ask_proxy(table: &Table<()>, uri: &str) -> Target {
        table.target(&request(Code::GET, &[(Number::PROXY_URI, uri)]), None)
    }

    #[test]
    fn segments_are_joined_and_percent_encoded() {
        let mut table = Table::new();
        for (path, segments) in [
            ("a/b", &["a", "b"][..]),
            ("a%2Fb", &["a/b"]),
            ("a//b", &["a", "", "b"]),
            ("e/", &["e", ""]),
            ("%C3%A4", &["ä"]),
            ("x%20y", &["x y"]),
            ("", &[]),
            ("z%257a", &["z%7a"]),
            ("!$&'()*+,;=:@-._~", &["!$&'()*+,;=:@-._~"]),
        ] {
            let target = plain(&mut table, path);
            let options: Vec<_> = segments.iter().map(|s| (Number::URI_PATH, *s)).collect();
            assert_eq!(table.target(&request(Code::GET, &options), None), target, "{path}");
        }
        let root = table.target(&request(Code::GET, &[]), None);
        assert_eq!(ask(&table, Code::GET, ""), root, "one empty segment is the root, too");
        assert_eq!(ask(&table, Code::GET, "e"), Target::Answer(Code::NOT_FOUND));
    }

    #[test]
    fn a_method_without_a_handler_is_not_allowed() {
        let mut table = Table::new();
        let t = plain(&mut table, "t");
        assert_eq!(ask(&table, Code::GET, "t"), t);
        for code in [Code::POST, Code::DELETE, Code(8), Code(31)] {
            assert_eq!(ask(&table, code, "t"), Target::Answer(Code::METHOD_NOT_ALLOWED));
        }
    }

    #[test]
    fn a_path_nobody_has_is_not_found_and_as_good_as_deleted() {
        let table = Table::new();
        assert_eq!(ask(&table, Code::GET, "no"), Target::Answer(Code::NOT_FOUND));
        assert_eq!(ask(&table, Code(8), "no"), Target::Answer(Code::NOT_FOUND));
        assert_eq!(ask(&table, Code::DELETE, "no"), Target::Answer(Code::DELETED));
    }

    #[test]
    fn the_unknown_handler_takes_only_the_methods_it_has() {
        let mut table = Table::new();
        let t = plain(&mut table, "t");
        let u = add(&mut table, "", Kind::Unknown, Flags::default(), &[Code::PUT]);
        assert_eq!(ask(&table, Code::PUT, "n"), u);
        assert_eq!(ask(&table, Code::GET, "n"), Target::Answer(Code::NOT_FOUND));
        assert_eq!(ask(&table, Code::DELETE, "n"), Target::Answer(Code::DELETED));
        assert_eq!(ask(&table, Code::GET, "t"), t);
        assert_eq!(ask(&table, Code::PUT, "t"), Target::Answer(Code::METHOD_NOT_ALLOWED));
    }

    #[test]
    fn well_known_core_is_the_librarys_unless_somebody_asks_for_it() {
        let core = ".well-known/core";
        let mut table = Table::new();
        assert_eq!(ask(&table, Code::GET, core), Target::WellKnownCore);
        for code in [Code::PUT, Code::POST, Code::DELETE, Code::FETCH] {
            assert_eq!(ask(&table, code, core), Target::Answer(Code::METHOD_NOT_ALLOWED));
        }
        add(&mut table, "", Kind::Unknown, Flags::default(), &ALL);
        assert_eq!(ask(&table, Code::GET, core), Target::WellKnownCore);
        assert_eq!(ask(&table, Code::PUT, core), Target::Answer(Code::METHOD_NOT_ALLOWED));
        let put = add(&mut table, "", Kind::Unknown, Flags::HANDLE_WELLKNOWN_CORE, &[Code::PUT]);
        assert_eq!(ask(&table, Code::GET, core), Target::WellKnownCore);
        assert_eq!(ask(&table, Code::PUT, core), put);
        let reverse = add(&mut table, "", Kind::ReverseProxy, Flags::default(), &ALL);
        assert_eq!(ask(&table, Code::GET, core), reverse);
        let own = plain(&mut table, core);
        assert_eq!(ask(&table, Code::GET, core), own);
    }

    #[test]
    fn without_a_proxy_handler_proxying_is_not_supported() {
        let mut table = Table::new();
        add(&mut table, "", Kind::ReverseProxy, Flags::default(), &ALL);
        let refused = Target::Answer(Code::PROXYING_NOT_SUPPORTED);
        assert_eq!(ask_proxy(&table, "coap://h/t"), refused);
        let scheme = (Number::PROXY_SCHEME, "coap");
        assert_eq!(table.target(&request(Code::GET, &[(Number::URI_HOST, "h"), scheme]), None), refused);
        assert_eq!(table.target(&request(Code::GET, &[scheme]), None), Target::Answer(Code::BAD_OPTION));
    }

    #[test]
    fn a_proxy_uri_is_for_the_proxy_unless_it_names_this_host() {
        let mut table = Table::new();
        let t = plain(&mut table, "t");
        let p = proxy(&mut table);
        for uri in ["coap://h/t", "http://h/t", "coap://h/.well-known/core", "coap://h"] {
            assert_eq!(ask_proxy(&table, uri), p, "{uri}");
        }
        for uri in ["coap://me/t", "coap://ME/t", "coap://me:77/t", "coap://me/t?q=1", "coap://[::1]/t"] {
            assert_eq!(ask_proxy(&table, uri), t, "{uri}");
        }
        for uri in ["coap://me/n", "coap://me"] {
            assert_eq!(ask_proxy(&table, uri), Target::Answer(Code::NOT_FOUND), "{uri}");
        }
        for uri in ["bogus", "foo://h/t", "coap://", "coap:///t", "://h"] {
            assert_eq!(ask_proxy(&table, uri), Target::Answer(Code::PROXYING_NOT_SUPPORTED), "{uri}");
        }
    }

    #[test]
    fn no_name_stands_for_the_address_that_was_asked() {
        let mut table = Table::new();
        let t = plain(&mut table, "t");
        let kind = Kind::ProxyUri { hosts: [b"".as_slice().into()].into() };
        let p = add(&mut table, "- Proxy URI -", kind, Flags::default(), &ALL);
        let local = Address::Ip(([192, 0, 2, 1], 5683).into());
        let ask = |uri: &str| {
            let request = request(Code::GET, &[(Number::PROXY_URI, uri)]);
            table.target(&request, Some(&local))
        };
        for uri in ["coap://192.0.2.1/t", "coap+tcp://192.0.2.1:5683/t", "coap://[::ffff:192.0.2.1]/t"] {
            assert_eq!(ask(uri), t, "{uri}");
        }
        for uri in ["coap://192.0.2.1:5684/t", "coap://192.0.2.2/t", "coap://h/t"] {
            assert_eq!(ask(uri), p, "{uri}");
        }
    }

    #[test]
    fn both_ways_of_naming_a_server_are_one_too_many() {
        let mut table = Table::new();
        proxy(&mut table);
        let options =
            [(Number::URI_HOST, "h"), (Number::PROXY_URI, "coap://h"), (Number::PROXY_SCHEME, "coap")];
        assert_eq!(table.target(&request(Code::GET, &options), None), Target::Answer(Code::BAD_OPTION));
    }

    #[test]
    fn a_proxy_scheme_needs_a_host() {
        let mut table = Table::new();
        let t = plain(&mut table, "t");
        let p = proxy(&mut table);
        let ask = |host: Option<&str>| {
            let mut options = vec![(Number::PROXY_SCHEME, "coap"), (Number::URI_PATH, "t")];
            options.extend(host.map(|h| (Number::URI_HOST, h)));
            table.target(&request(Code::GET, &options), None)
        };
        assert_eq!(ask(Some("h")), p);
        assert_eq!(ask(Some("me")), t);
        assert_eq!(ask(None), Target::Answer(Code::BAD_OPTION));
    }

    #[test]
    fn a_host_alone_asks_for_no_proxy() {
        let mut table = Table::new();
        let t = plain(&mut table, "t");
        proxy(&mut table);
        let pdu = request(Code::GET, &[(Number::URI_HOST, "h"), (Number::URI_PATH, "t")]);
        assert_eq!(table.target(&pdu, None), t);
    }
}
