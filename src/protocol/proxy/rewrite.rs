//! What of a request goes on to the next server, and what of its response comes back
//! (RFC 7252 §5.7.1, RFC 8768 §3).

use super::destination::is_address;
use super::{Named, Refusal};
use crate::message::compose::DEFAULT_HOP_LIMIT;
use crate::message::option::encode_uint;
use crate::message::pdu::PduError;
use crate::message::uri::{Form, Uri, path_segments, query_segments};
use crate::message::{Code, Mid, Number, Pdu};

/// The longest segment of a path, and the longest argument of a query, in bytes (RFC 7252 §5.10).
const MAX_PART: usize = 255;

/// The first option that may only be passed on by who knows what it means, and this library does not
/// (RFC 7252 §5.4.2). `is_known` has those that the application knows.
pub fn unsafe_unknown(message: &Pdu, is_known: impl Fn(Number) -> bool) -> Option<Number> {
    let numbers = message.options().map(|o| o.number);
    numbers.into_iter().find(|n| n.is_unsafe() && n.name().is_none() && !is_known(*n))
}

/// The request for the next server, without message ID, token and payload. For the server that is
/// `named`, the options for proxies are replaced by what they stand for (RFC 7252 §6.4).
pub fn upstream_request(request: &Pdu, named: Option<&Named>) -> Result<Pdu, Refusal> {
    let mut pdu = Pdu::new(request.kind(), request.code(), Mid(0), usize::MAX);
    let too_large = |_: PduError| Refusal::from(Code::REQUEST_ENTITY_TOO_LARGE);
    let uri = named.and_then(|_| request.option(Number::PROXY_URI));
    // What else the request says of the URI does not count beside a whole one (RFC 7252 §5.10.2).
    let is_replaced = |n: Number| match n {
        Number::PROXY_URI | Number::PROXY_SCHEME | Number::URI_HOST | Number::URI_PORT => named.is_some(),
        Number::URI_PATH | Number::URI_QUERY => uri.is_some(),
        _ => false,
    };
    for option in request.options().filter(|o| !is_replaced(o.number)) {
        match option.number {
            Number::HOP_LIMIT => {
                let left = option.value.last().map_or(0, |n| n.saturating_sub(1));
                pdu.add_option(option.number, &[left]).map_err(too_large)?;
            }
            number => drop(pdu.add_option(number, option.value).map_err(too_large)?),
        }
    }
    if let Some(named) = named {
        if !is_address(named.host.as_bytes()) {
            pdu.add_option(Number::URI_HOST, named.host.as_bytes()).map_err(too_large)?;
        }
        if named.port != named.scheme.default_port() {
            pdu.add_option(Number::URI_PORT, &encode_uint(named.port.into())).map_err(too_large)?;
        }
    }
    if let Some(uri) = uri {
        let uri = Uri::parse(uri.value, Form::Proxy, |_| true).map_err(|_| Code::BAD_REQUEST)?;
        let path = uri.path.map(path_segments).unwrap_or_default();
        let query = uri.query.filter(|q| !q.is_empty()).into_iter().flat_map(query_segments);
        let parts =
            path.into_iter().map(|s| (Number::URI_PATH, s)).chain(query.map(|s| (Number::URI_QUERY, s)));
        for (number, part) in parts {
            // RFC 7252 §5.10.1: no option holds more.
            if part.bytes.len() > MAX_PART {
                crate::log!(WARN, "a part of a URI has {} bytes", part.bytes.len());
                return Err(Code::BAD_REQUEST.into());
            }
            pdu.add_option(number, &part.bytes).map_err(too_large)?;
        }
    }
    let asks_for_a_proxy =
        [Number::PROXY_URI, Number::PROXY_SCHEME].into_iter().any(|n| request.option(n).is_some());
    if asks_for_a_proxy && request.option(Number::HOP_LIMIT).is_none() {
        // RFC 8768 §3: a proxy may put it in. Whoever can name a server can name this one.
        pdu.add_option(Number::HOP_LIMIT, &[DEFAULT_HOP_LIMIT]).map_err(too_large)?;
    }
    Ok(pdu)
}

/// Puts the options of a response from upstream into the one to the client's request; without those that
/// place a block in its body if the body `is_whole`, and without what it says of the blocks of a body
/// that went upstream in blocks of this side's own (RFC 7959 §2.3).
pub fn response_options(
    request: &Pdu,
    received: &Pdu,
    is_whole: bool,
    response: &mut Pdu,
) -> Result<(), PduError> {
    let is_of_block = |n: Number| match n {
        Number::BLOCK2 | Number::Q_BLOCK2 | Number::SIZE2 => is_whole,
        Number::BLOCK1 | Number::Q_BLOCK1 => request.option(n).is_none(),
        _ => false,
    };
    for option in received.options().filter(|o| !is_of_block(o.number)) {
        match (option.number, option.value) {
            // RFC 8768 §3: it counts down on the way back too.
            (Number::HOP_LIMIT, [n]) if received.code() == Code::HOP_LIMIT_REACHED => {
                response.add_option(option.number, &[n.saturating_sub(1)])?;
            }
            (number, value) => drop(response.add_option(number, value)?),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Type;
    use proptest::prelude::*;

    fn request(options: &[(Number, &[u8])]) -> Pdu {
        let mut pdu = Pdu::new(Type::Confirmable, Code::GET, Mid(1), 5000);
        for (number, value) in options {
            pdu.add_option(*number, value).unwrap();
        }
        pdu
    }

    fn text(pdu: &Pdu) -> String {
        let text = |o: crate::message::option::Opt<'_>| match o.number {
            Number::URI_PORT | Number::HOP_LIMIT => {
                format!("{}={}", o.number.0, o.value.iter().fold(0u32, |n, b| n << 8 | u32::from(*b)))
            }
            n => format!("{}={}", n.0, o.value.escape_ascii()),
        };
        pdu.options().map(text).collect::<Vec<_>>().join(" ")
    }

    fn stripped(options: &[(Number, &[u8])]) -> String {
        let request = request(options);
        let named = Named::of(&request).unwrap();
        text(&upstream_request(&request, Some(&named)).unwrap())
    }

    fn of_uri(uri: &str) -> String {
        stripped(&[(Number::HOP_LIMIT, &[9]), (Number::PROXY_URI, uri.as_bytes())])
    }

    #[test]
    fn a_uri_becomes_the_options_that_it_stands_for() {
        assert_eq!(of_uri("coap://LOCALhost:7/a/b?q&r"), "3=localhost 7=7 11=a 11=b 15=q 15=r 16=8");
        assert_eq!(of_uri("coap://127.0.0.1"), "16=8");
        assert_eq!(of_uri("coap+ws://[::1]:5683/"), "7=5683 16=8");
        assert_eq!(of_uri("coap://h/a%20b/c%2Fd?x=%26#f"), "3=h 11=a b 11=c/d 15=x=& 16=8");
        assert_eq!(of_uri("coap://h/a/?"), "3=h 11=a 11= 16=8");
    }

    #[test]
    fn what_else_names_the_resource_is_left_out_once_there_is_a_uri() {
        let options: [(Number, &[u8]); 7] = [
            (Number::IF_MATCH, b"m"),
            (Number::URI_HOST, b"proxy"),
            (Number::URI_PORT, &[1]),
            (Number::URI_PATH, b"z"),
            (Number::URI_QUERY, b"z"),
            (Number::HOP_LIMIT, &[2]),
            (Number::PROXY_URI, b"coap://h/a"),
        ];
        assert_eq!(stripped(&options), "1=m 3=h 11=a 16=1");
    }

    #[test]
    fn a_scheme_is_taken_out_and_the_rest_stays() {
        let options: [(Number, &[u8]); 7] = [
            (Number::URI_HOST, b"127.0.0.1"),
            (Number::URI_PORT, &[0x16, 0x33]),
            (Number::URI_PATH, b"a"),
            (Number::CONTENT_FORMAT, b"c"),
            (Number::URI_QUERY, b"q"),
            (Number::PROXY_SCHEME, b"coap"),
            (Number(65000), b"x"),
        ];
        assert_eq!(stripped(&options), "11=a 12=c 15=q 16=16 65000=x");
    }

    #[test]
    fn without_stripping_everything_goes_on_but_one_hop() {
        let options: [(Number, &[u8]); 4] = [
            (Number::URI_HOST, b"h"),
            (Number::URI_PATH, b"a"),
            (Number::HOP_LIMIT, &[255]),
            (Number::PROXY_URI, b"coap://x"),
        ];
        assert_eq!(text(&upstream_request(&request(&options), None).unwrap()), "3=h 11=a 16=254 35=coap://x");
        assert_eq!(text(&upstream_request(&request(&options[..2]), None).unwrap()), "3=h 11=a");
    }

    #[test]
    fn an_option_that_is_unsafe_to_forward_must_be_known() {
        let first = |numbers: &[u16]| {
            let options: Vec<_> = numbers.iter().map(|n| (Number(*n), &b"x"[..])).collect();
            unsafe_unknown(&request(&options), |n| n == Number(65010)).map(|n| n.0)
        };
        assert_eq!(first(&[3, 7, 9, 11, 65000, 65001, 65010]), None);
        assert_eq!(first(&[11, 65000, 65002, 65003]), Some(65002));
        assert_eq!(first(&[65003]), Some(65003));
    }

    #[test]
    fn a_whole_body_has_no_blocks_and_5_08_counts_down() {
        let mut received = request(&[
            (Number::ETAG, b"e"),
            (Number::HOP_LIMIT, &[255]),
            (Number::BLOCK2, &[6]),
            (Number::BLOCK1, &[9]),
            (Number::SIZE2, &[9]),
        ]);
        let copy = |asked: &[(Number, &[u8])], received: &Pdu, whole| {
            let mut response = request(&[]);
            response_options(&request(asked), received, whole, &mut response).unwrap();
            text(&response)
        };
        assert_eq!(copy(&[], &received, true), "4=e 16=255");
        assert_eq!(copy(&[(Number::BLOCK1, &[9])], &received, true), "4=e 16=255 27=\\t");
        received.set_code(Code::HOP_LIMIT_REACHED);
        assert_eq!(copy(&[], &received, false), "4=e 16=254 23=\\x06 28=\\t");
    }

    #[test]
    fn a_part_of_a_uri_that_no_option_holds_is_refused() {
        let named = |uri: &str| {
            let request = request(&[(Number::PROXY_URI, uri.as_bytes())]);
            upstream_request(&request, Some(&Named::of(&request).unwrap())).map_err(|r| r.code).map(drop)
        };
        let part = "x".repeat(MAX_PART);
        assert_eq!(named(&format!("coap://h/{part}?{part}")), Ok(()));
        assert_eq!(named(&format!("coap://h/{part}x")), Err(Code::BAD_REQUEST));
        assert_eq!(named(&format!("coap://h/a?x{part}")), Err(Code::BAD_REQUEST));
    }

    proptest! {
        #[test]
        fn options_that_are_not_about_the_resource_are_never_lost(
            extra in prop::collection::vec((2000u16..2100, prop::collection::vec(any::<u8>(), 0..9)), 0..8),
            uri in prop_oneof![Just("coap://h/a?b"), Just("coap://127.0.0.1:9/x/y")],
        ) {
            let mut options = vec![(Number::URI_HOST, &b"p"[..]), (Number::URI_PATH, b"own"), (Number::PROXY_URI, uri.as_bytes())];
            options.extend(extra.iter().map(|(n, v)| (Number(*n), &v[..])));
            let request = request(&options);
            let named = Named::of(&request).unwrap();
            let sent = upstream_request(&request, Some(&named)).unwrap();
            let kept = |p: &Pdu| p.options().filter(|o| o.number.0 >= 2000).map(|o| (o.number, o.value.to_vec())).collect::<Vec<_>>();
            prop_assert_eq!(kept(&sent), kept(&request));
            prop_assert!(sent.option(Number::PROXY_URI).is_none());
            prop_assert!(sent.options().map(|o| o.number).is_sorted());
        }
    }
}
