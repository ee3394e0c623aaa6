//! The upgrade of an HTTP connection (RFC 6455 §4, RFC 8323 §4.1): the client's request, the
//! server's answer, and what each checks.

use data_encoding::BASE64;
use sha1::{Digest, Sha1};
use std::fmt;
use thiserror::Error;

/// Where CoAP lives on a web server (RFC 8323 §8.4).
const PATH: &str = "/.well-known/coap";

/// The sub-protocol (RFC 8323 §4.1).
const SUB_PROTOCOL: &str = "coap";

/// What the key is hashed with (RFC 6455 §1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The most bytes of a request or response that are taken. Common web servers take as many.
const MAX_HEAD: usize = 8192;

/// The most header fields of it.
const MAX_FIELDS: usize = 64;

/// Why a server does not upgrade. [`Refusal::status`] is what it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// Not HTTP, or not as RFC 9112 has it.
    #[error("malformed request")]
    Malformed,
    /// HTTP/1.0.
    #[error("HTTP before version 1.1")]
    HttpVersion,
    /// More bytes or fields than a server takes.
    #[error("request header too large")]
    TooLarge,
    /// RFC 6455 §4.1.
    #[error("method other than GET")]
    Method,
    /// RFC 8323 §4.1.
    #[error("path other than /.well-known/coap")]
    Path,
    /// RFC 9112 §3.2: exactly one.
    #[error("no Host, or several")]
    Host,
    /// RFC 6455 §4.2.1.
    #[error("no upgrade to WebSocket asked for")]
    Upgrade,
    /// RFC 6455 §4.2.1: 16 bytes in base64.
    #[error("no proper Sec-WebSocket-Key")]
    Key,
    /// RFC 6455 §4.4.
    #[error("Sec-WebSocket-Version other than 13")]
    Version,
    /// RFC 8323 §4.1.
    #[error("sub-protocol coap not offered")]
    SubProtocol,
}

impl Refusal {
    /// The status code of the answer, and its name.
    pub fn status(self) -> (u16, &'static str) {
        match self {
            Refusal::Malformed | Refusal::Host | Refusal::Key | Refusal::SubProtocol => (400, "Bad Request"),
            Refusal::Path => (404, "Not Found"),
            Refusal::Method => (405, "Method Not Allowed"),
            Refusal::Upgrade | Refusal::Version => (426, "Upgrade Required"),
            Refusal::TooLarge => (431, "Request Header Fields Too Large"),
            Refusal::HttpVersion => (505, "HTTP Version Not Supported"),
        }
    }

    /// Appends the answer to `out`.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        let (status, name) = self.status();
        let more = match self {
            Refusal::Method => "Allow: GET\r\n",
            Refusal::Upgrade | Refusal::Version => "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
            _ => "",
        };
        let body = self.to_string();
        let length = body.len() + 1;
        out.extend_from_slice(
            format!(
                "HTTP/1.1 {status} {name}\r\n{more}Connection: close\r\n\
                 Content-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{body}\n"
            )
            .as_bytes(),
        );
    }
}

/// Why a server's answer is no upgrade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NotUpgraded {
    /// Not HTTP/1.1.
    #[error("malformed response")]
    Malformed,
    /// More bytes or fields than a client takes.
    #[error("response header too large")]
    TooLarge,
    /// Something other than 101.
    #[error("HTTP status {0}")]
    Status(u16),
    /// RFC 6455 §4.1.
    #[error("no Upgrade to websocket")]
    Upgrade,
    /// RFC 6455 §4.1: not what follows from the key.
    #[error("wrong Sec-WebSocket-Accept")]
    Accept,
    /// RFC 6455 §4.1: none was offered.
    #[error("an extension that was not offered")]
    Extension,
    /// RFC 8323 §4.1.
    #[error("sub-protocol coap not chosen")]
    SubProtocol,
}

/// The longest name of a host (RFC 1035 §2.3.4).
const MAX_HOST: usize = 255;

/// The value of a `Host` field: nothing in it can end the field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host(String);

impl Host {
    /// Of a name or an address: up to 255 visible ASCII characters.
    pub fn new(name: &[u8], port: u16) -> Option<Host> {
        let text = std::str::from_utf8(name).ok()?;
        if text.is_empty() || text.len() > MAX_HOST || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let is_bare_ipv6 = text.contains(':') && !text.starts_with('[');
        Some(Host(if is_bare_ipv6 { format!("[{text}]:{port}") } else { format!("{text}:{port}") }))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A request or response that is still coming, up to the empty line.
#[derive(Debug, Default)]
pub(super) struct Head {
    bytes: Vec<u8>,
}

/// More than [`MAX_HEAD`].
pub(super) struct TooLarge;

impl Head {
    /// Bytes of it that have come.
    pub(super) fn kept(&self) -> usize {
        self.bytes.len()
    }

    /// Takes bytes from the front of `input` up to the end of the head, and gives all of it.
    pub(super) fn take(&mut self, input: &mut &[u8]) -> Result<Option<Vec<u8>>, TooLarge> {
        while !input.is_empty() {
            let line = input.iter().position(|byte| *byte == b'\n').map_or(input.len(), |end| end + 1);
            if self.bytes.len() + line > MAX_HEAD {
                return Err(TooLarge);
            }
            let (piece, rest) = input.split_at(line);
            self.bytes.extend_from_slice(piece);
            *input = rest;
            if self.bytes.ends_with(b"\n\r\n") || self.bytes.ends_with(b"\n\n") {
                return Ok(Some(std::mem::take(&mut self.bytes)));
            }
        }
        Ok(None)
    }
}

/// Appends a client's request to `out`, and gives what the answer to it has to prove itself with.
pub(super) fn write_request(host: &Host, key: [u8; 16], out: &mut Vec<u8>) -> String {
    let key = BASE64.encode(&key);
    out.extend_from_slice(
        format!(
            "GET {PATH} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: {SUB_PROTOCOL}\r\n\
             Sec-WebSocket-Version: 13\r\n\r\n"
        )
        .as_bytes(),
    );
    accept_of(key.as_bytes())
}

/// Checks a request, and gives what the answer proves itself with.
pub(super) fn read_request(head: &[u8]) -> Result<String, Refusal> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    match request.parse(head) {
        Ok(httparse::Status::Complete(_)) => {}
        Err(httparse::Error::TooManyHeaders) => return Err(Refusal::TooLarge),
        Err(httparse::Error::Version) => return Err(Refusal::HttpVersion),
        _ => return Err(Refusal::Malformed),
    }
    let fields = Fields(request.headers);
    if request.method != Some("GET") {
        return Err(Refusal::Method);
    }
    if request.version != Some(1) {
        return Err(Refusal::HttpVersion);
    }
    if !request.path.is_some_and(is_coap) {
        return Err(Refusal::Path);
    }
    if fields.one("host").is_none() {
        return Err(Refusal::Host);
    }
    if !fields.has_token("upgrade", "websocket") || !fields.has_token("connection", "upgrade") {
        return Err(Refusal::Upgrade);
    }
    if fields.one("sec-websocket-version") != Some(b"13") {
        return Err(Refusal::Version);
    }
    let key = fields.one("sec-websocket-key").ok_or(Refusal::Key)?;
    if BASE64.decode(key).map(|bytes| bytes.len()) != Ok(16) {
        return Err(Refusal::Key);
    }
    // Names of sub-protocols are compared as they are, those of fields are not.
    if !fields.list("sec-websocket-protocol").any(|name| name == SUB_PROTOCOL.as_bytes()) {
        return Err(Refusal::SubProtocol);
    }
    Ok(accept_of(key))
}

/// Whether a request target names the resource of CoAP, by its path or as a whole URI
/// (RFC 9112 §3.2.2).
fn is_coap(target: &str) -> bool {
    if target == PATH {
        return true;
    }
    let authority = target.strip_prefix("http://").or_else(|| target.strip_prefix("https://"));
    authority
        .and_then(|rest| rest.split_once('/'))
        .is_some_and(|(_, path)| PATH.strip_prefix('/') == Some(path))
}

/// Appends the answer that upgrades to `out`.
pub(super) fn write_response(accept: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: {SUB_PROTOCOL}\r\n\r\n"
        )
        .as_bytes(),
    );
}

/// Checks a server's answer.
pub(super) fn read_response(head: &[u8], accept: &str) -> Result<(), NotUpgraded> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    match response.parse(head) {
        Ok(httparse::Status::Complete(_)) => {}
        Err(httparse::Error::TooManyHeaders) => return Err(NotUpgraded::TooLarge),
        _ => return Err(NotUpgraded::Malformed),
    }
    let fields = Fields(response.headers);
    match response.code {
        Some(101) if response.version == Some(1) => {}
        Some(101) | None => return Err(NotUpgraded::Malformed),
        Some(code) => return Err(NotUpgraded::Status(code)),
    }
    if !fields.has_token("upgrade", "websocket") || !fields.has_token("connection", "upgrade") {
        return Err(NotUpgraded::Upgrade);
    }
    if fields.one("sec-websocket-accept") != Some(accept.as_bytes()) {
        return Err(NotUpgraded::Accept);
    }
    if fields.list("sec-websocket-extensions").next().is_some() {
        return Err(NotUpgraded::Extension);
    }
    if fields.one("sec-websocket-protocol") != Some(SUB_PROTOCOL.as_bytes()) {
        return Err(NotUpgraded::SubProtocol);
    }
    Ok(())
}

/// `Sec-WebSocket-Accept` for a key as it was sent (RFC 6455 §4.2.2).
fn accept_of(key: &[u8]) -> String {
    BASE64.encode(&Sha1::new().chain_update(key).chain_update(GUID).finalize())
}

/// The header fields.
struct Fields<'a>(&'a [httparse::Header<'a>]);

impl<'a> Fields<'a> {
    fn values(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.0.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
    }

    /// The value of a field that is there exactly once.
    fn one(&self, name: &str) -> Option<&'a [u8]> {
        let mut values = self.values(name);
        let first = values.next()?.trim_ascii();
        values.next().is_none().then_some(first)
    }

    /// The members of a list (RFC 9110 §5.6.1), which may be spread over several fields.
    fn list(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.values(name)
            .flat_map(|value| value.split(|byte| *byte == b','))
            .map(<[u8]>::trim_ascii)
            .filter(|member| !member.is_empty())
    }

    fn has_token(&self, name: &str, token: &str) -> bool {
        self.list(name).any(|member| member.eq_ignore_ascii_case(token.as_bytes()))
    }
}
