//! A message as a line for people, in the form that users of libcoap know from its logs:
//! `v:1 t:CON c:GET i:aa92 {01} [ Uri-Path:time ] :: 'text'`.
//!
//! A payload that does not look like text follows as two more lines, in hexadecimal and in
//! letters. A line ends after [`LINE_MAX`] bytes, whatever it would still have to say.

use super::{Code, Framing, Number, Opt, Pdu, Type};
use core::fmt::Write;

/// The most bytes of a line, with its newline.
pub const LINE_MAX: usize = 2055;

/// The most bytes that an option's value takes: a Proxy-Uri of full length fits.
const VALUE_MAX: usize = 1034;

/// One line, or three when the payload is binary; each ends with a newline. Only a datagram has a
/// version, a type and a message ID to show.
pub fn show(pdu: &Pdu, framing: Framing) -> String {
    let mut out = String::with_capacity(128);
    header(&mut out, pdu, framing);
    out.push_str(" [");
    for (i, opt) in pdu.options().enumerate() {
        out.push_str(if i == 0 { " " } else { ", " });
        option(&mut out, pdu.code(), opt);
    }
    out.push_str(" ]");
    let Some(payload) = pdu.payload() else { return end_line(out, 0) };
    if is_text(pdu, payload) {
        out.push_str(" :: '");
        escape(&mut out, payload, LINE_MAX);
        out.push('\'');
        return end_line(out, 0);
    }
    _ = write!(out, " :: binary data length {}", payload.len());
    out = end_line(out, 0);
    let seen = payload.get(..LINE_MAX).unwrap_or(payload);
    let second = out.len();
    out.push_str("<<");
    hex(&mut out, seen);
    out.push_str(">>");
    out = end_line(out, second);
    let third = out.len();
    out.push_str("<<");
    for &byte in seen {
        out.push(if is_printable(byte) { byte.into() } else { '.' });
        out.push(' ');
    }
    out.push_str(">>");
    end_line(out, third)
}

/// Ends the line that began at `start`. All of it is ASCII, so it may be cut anywhere.
fn end_line(mut out: String, start: usize) -> String {
    out.truncate(start + LINE_MAX - 1);
    out.push('\n');
    out
}

fn header(out: &mut String, pdu: &Pdu, framing: Framing) {
    out.push_str(match (framing, pdu.kind()) {
        (Framing::Tcp, _) => "v:Reliable c:",
        (Framing::WebSocket, _) => "v:WebSocket c:",
        (Framing::Udp, Type::Confirmable) => "v:1 t:CON c:",
        (Framing::Udp, Type::NonConfirmable) => "v:1 t:NON c:",
        (Framing::Udp, Type::Acknowledgement) => "v:1 t:ACK c:",
        (Framing::Udp, Type::Reset) => "v:1 t:RST c:",
    });
    code(out, pdu.code());
    if framing == Framing::Udp {
        _ = write!(out, " i:{:04x}", pdu.mid().0);
    }
    out.push_str(" {");
    hex(out, pdu.token());
    out.push('}');
}

fn code(out: &mut String, code: Code) {
    let name = match (code.class(), code.detail()) {
        (0, 1) => "GET",
        (0, 2) => "POST",
        (0, 3) => "PUT",
        (0, 4) => "DELETE",
        (0, 5) => "FETCH",
        (0, 6) => "PATCH",
        (0, 7) => "iPATCH",
        (7, 1) => "CSM",
        (7, 2) => "Ping",
        (7, 3) => "Pong",
        (7, 4) => "Release",
        (7, 5) => "Abort",
        _ => {
            _ = write!(out, "{code}");
            return;
        }
    };
    out.push_str(name);
}

/// How an option's value reads best.
enum Kind {
    Hex,
    Uint,
    Text,
    ContentFormat,
    Block,
    Oscore,
    /// Not known: byte by byte.
    Escaped,
    /// Not shown.
    Hidden,
}

/// The name, if there is one, and the kind. In a signalling message numbers have a meaning of
/// their own (RFC 8323 §5.1).
fn describe(code: Code, number: Number) -> (Option<&'static str>, Kind) {
    match (code.class(), code.detail(), number.0) {
        (7, 1, 2) => (Some("Max-Message-Size"), Kind::Uint),
        (7, 1, 4) => (Some("Block-Wise-Transfer"), Kind::Hidden),
        (7, 1, 6) => (Some("Extended-Token-Length"), Kind::Uint),
        (7, 2 | 3, 2) => (Some("Custody"), Kind::Hidden),
        (7, 4, 2) => (Some("Alternative-Address"), Kind::Text),
        (7, 4, 4) => (Some("Hold-Off"), Kind::Uint),
        (7, 5, 2) => (Some("Bad-CSM-Option"), Kind::Uint),
        (7, 1..=5, _) => (None, Kind::Hidden),
        _ if number == Number::OSCORE => (Some("Oscore"), Kind::Oscore),
        _ => (number.name(), kind(number)),
    }
}

fn kind(number: Number) -> Kind {
    match number {
        Number::IF_MATCH | Number::ETAG | Number::ECHO | Number::NO_RESPONSE | Number::REQUEST_TAG => {
            Kind::Hex
        }
        Number::OBSERVE
        | Number::URI_PORT
        | Number::MAX_AGE
        | Number::HOP_LIMIT
        | Number::SIZE1
        | Number::SIZE2 => Kind::Uint,
        Number::URI_HOST
        | Number::LOCATION_PATH
        | Number::URI_PATH
        | Number::URI_QUERY
        | Number::LOCATION_QUERY
        | Number::PROXY_URI
        | Number::PROXY_SCHEME => Kind::Text,
        Number::CONTENT_FORMAT | Number::ACCEPT => Kind::ContentFormat,
        Number::BLOCK1 | Number::BLOCK2 | Number::Q_BLOCK1 | Number::Q_BLOCK2 => Kind::Block,
        _ => Kind::Escaped,
    }
}

fn option(out: &mut String, code: Code, opt: Opt<'_>) {
    let (name, kind) = describe(code, opt.number);
    match name {
        Some(name) => out.push_str(name),
        None => _ = write!(out, "{}", opt.number.0),
    }
    out.push(':');
    let bits = low_bits(opt.value);
    let number = bits as u32;
    match kind {
        Kind::Hex => {
            out.push_str("0x");
            hex(out, opt.value.get(..(VALUE_MAX - 2) / 2).unwrap_or(opt.value));
        }
        Kind::Uint if opt.value.is_empty() => {}
        Kind::Uint => _ = write!(out, "{number}"),
        Kind::Text => escape(out, opt.value, VALUE_MAX),
        Kind::ContentFormat => match content_format(number) {
            Some(name) => out.push_str(name),
            None => _ = write!(out, "{}", number.cast_signed()),
        },
        Kind::Block => {
            // RFC 7959 §2.2: number, more, size exponent; exponent 7 is BERT (RFC 8323 §6).
            _ = write!(out, "{}/{}/", (bits >> 4) as u32, if number & 8 == 0 { '_' } else { 'M' });
            match number & 7 {
                7 => out.push_str("BERT"),
                szx => _ = write!(out, "{}", 16u32 << szx),
            }
        }
        Kind::Oscore => oscore(out, opt.value),
        Kind::Escaped => {
            for byte in opt.value.iter().take(VALUE_MAX / 4) {
                _ = write!(out, "\\x{byte:02X}");
            }
        }
        Kind::Hidden => {}
    }
}

/// The parts of the compressed COSE object (RFC 8613 §6.1) that are whole.
fn oscore(out: &mut String, value: &[u8]) {
    let Some((&flags, mut rest)) = value.split_first() else { return };
    let mut separator = "";
    let mut part = |out: &mut String, name: &str, bytes: &[u8]| {
        out.push_str(separator);
        out.push_str(name);
        hex(out, bytes);
        separator = ",";
    };
    if flags & 0x20 != 0 {
        part(out, "grp", &[]);
    }
    let piv_len = usize::from(flags & 7);
    if piv_len > 0 {
        let Some((piv, after)) = rest.split_at_checked(piv_len) else { return };
        part(out, "pIV=0x", piv);
        rest = after;
    }
    if flags & 0x10 != 0 {
        let Some((&len, after)) = rest.split_first() else { return };
        let Some((context, after)) = after.split_at_checked(usize::from(len)) else { return };
        part(out, "kc=0x", context);
        rest = after;
    }
    if flags & 8 != 0 && !rest.is_empty() {
        part(out, "kid=0x", rest);
    }
}

/// The registered media types that have a name here (RFC 7252 §12.3 and its registry).
fn content_format(number: u32) -> Option<&'static str> {
    Some(match number {
        0 => "text/plain",
        16 => "application/cose; cose-type=\"cose-encrypt0\"",
        17 => "application/cose; cose-type=\"cose-mac0\"",
        18 => "application/cose; cose-type=\"cose-sign1\"",
        19 => "application/ace+cbor",
        40 => "application/link-format",
        41 => "application/xml",
        42 => "application/octet-stream",
        43 => "application/rdf+xml",
        47 => "application/exi",
        50 => "application/json",
        60 => "application/cbor",
        61 => "application/cwt",
        75 => "application/dcaf+cbor",
        96 => "application/cose; cose-type=\"cose-encrypt\"",
        97 => "application/cose; cose-type=\"cose-mac\"",
        98 => "application/cose; cose-type=\"cose-sign\"",
        101 => "application/cose-key",
        102 => "application/cose-key-set",
        110 => "application/senml+json",
        111 => "application/sensml+json",
        112 => "application/senml+cbor",
        113 => "application/sensml+cbor",
        114 => "application/senml-exi",
        115 => "application/sensml-exi",
        256 => "application/coap-group+json",
        271 => "application/dots+cbor",
        272 => "application/missing-blocks+cbor-seq",
        310 => "application/senml+xml",
        311 => "application/sensml+xml",
        10001 => "application/oscore",
        _ => return None,
    })
}

/// Whether the payload is shown as text: its first byte is a letter of ASCII, the last
/// Content-Format or Accept option names a text (or there is none), and OSCORE has not encrypted it.
fn is_text(pdu: &Pdu, payload: &[u8]) -> bool {
    let text_format = pdu.options().fold(true, |text, opt| match opt.number {
        Number::CONTENT_FORMAT | Number::ACCEPT => matches!(low_bits(opt.value) as u32, 0 | 40 | 41 | 50),
        _ => text,
    });
    text_format
        && pdu.option(Number::OSCORE).is_none()
        && payload.first().is_some_and(|&first| is_printable(first))
}

fn is_printable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}

/// An integer as the log shows it: no error if it is longer than any real one.
fn low_bits(value: &[u8]) -> u64 {
    value.iter().fold(0, |n, &b| n << 8 | u64::from(b))
}

fn hex(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        _ = write!(out, "{byte:02x}");
    }
}

/// ASCII letters as they are, other bytes as `\xNN`, up to `max` bytes.
fn escape(out: &mut String, bytes: &[u8], max: usize) {
    let end = out.len() + max;
    for &byte in bytes {
        if out.len() + if is_printable(byte) { 1 } else { 4 } > end {
            return;
        }
        match is_printable(byte) {
            true => out.push(byte.into()),
            false => _ = write!(out, "\\x{byte:02X}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Mid;
    use super::*;

    fn shown(code: Code, options: &[(u16, &[u8])], payload: &[u8]) -> String {
        let mut p = Pdu::new(Type::Confirmable, code, Mid(0x12ab), 70_000);
        for &(number, value) in options {
            p.add_option(Number(number), value).unwrap();
        }
        p.set_payload(payload).unwrap();
        show(&p, Framing::Udp)
    }

    #[test]
    fn an_empty_message_shows_its_header() {
        assert_eq!(shown(Code::EMPTY, &[], b""), "v:1 t:CON c:0.00 i:12ab {} [ ]\n");
    }

    #[test]
    fn a_reliable_message_has_neither_type_nor_message_id() {
        let mut p = Pdu::new(Type::Confirmable, Code::new(7, 1), Mid(1), 100);
        p.add_option(Number(2), &[0x80, 0x01, 0x40]).unwrap();
        p.add_option(Number(4), &[]).unwrap();
        let line = show(&p, Framing::Tcp);
        assert_eq!(line, "v:Reliable c:CSM {} [ Max-Message-Size:8388928, Block-Wise-Transfer: ]\n");
        assert!(show(&p, Framing::WebSocket).starts_with("v:WebSocket c:CSM {} [ Max-Message-Size:"));
    }

    #[test]
    fn every_kind_of_option_reads_as_users_know_it() {
        let options: [(u16, &[u8]); 9] = [
            (4, b"ab"),
            (6, b""),
            (7, &[0x16, 0x33]),
            (9, &[0x19, 5, 2, b'c', b'c', b'k']),
            (11, b"a\n"),
            (12, b""),
            (27, &[0x1e]),
            (2050, b"a"),
            (60, &[0xff]),
        ];
        assert_eq!(
            shown(Code::GET, &options, b""),
            "v:1 t:CON c:GET i:12ab {} [ ETag:0x6162, Observe:, Uri-Port:5683, \
             Oscore:pIV=0x05,kc=0x6363,kid=0x6b, Uri-Path:a\\x0A, Content-Format:text/plain, \
             Block1:1/M/1024, Size1:255, 2050:\\x61 ]\n"
        );
    }

    #[test]
    fn a_payload_is_text_by_its_format_and_its_first_byte() {
        assert!(shown(Code::PUT, &[], b"hi").ends_with(" ] :: 'hi'\n"));
        assert!(
            shown(Code::PUT, &[(12, &[42])], b"hi")
                .ends_with("] :: binary data length 2\n<<6869>>\n<<h i >>\n")
        );
        assert!(shown(Code::PUT, &[], b"\x01hi").ends_with("<<016869>>\n<<. h i >>\n"));
    }

    #[test]
    fn no_line_is_longer_than_the_limit() {
        for format in [0u8, 42] {
            let text = shown(Code::PUT, &[(12, &[format])], &[b'x'; 60_000]);
            assert!(text.lines().all(|line| line.len() < LINE_MAX));
            assert!(text.lines().any(|line| line.len() == LINE_MAX - 1));
        }
    }
}
