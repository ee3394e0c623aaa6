//! What stands in front of token, options and payload, for each transport: the four bytes of UDP
//! (RFC 7252 §3), the length of TCP (RFC 8323 §3.2), the two bytes of WebSockets (RFC 8323 §4.2).
//!
//! The bytes of an extended token length (RFC 8974 §2.1) stand between header and token and are
//! read and written here too.

use super::option::{EncodedHead, Head, Number, Options};
use super::pdu::{DecodeError, DecodeReason, HEADROOM};
use super::{Code, Mid, Pdu, Token, Type};

/// Which header a message has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Framing {
    /// UDP and DTLS: version, type, message ID.
    Udp,
    /// TCP, TLS and Unix domain streams: the length of the message.
    Tcp,
    /// WebSockets, where the frame knows the length.
    WebSocket,
}

impl Framing {
    /// Bytes of the header, without an extended token length, of a message of `size` bytes in all.
    pub fn header_len(self, size: usize) -> usize {
        match self {
            Framing::Udp => 4,
            // A frame says how long it is, but programs know the sizes of libcoap, which counts so.
            Framing::Tcp | Framing::WebSocket => {
                let fits = |header: &usize| 2 + stream_length_bytes(size.saturating_sub(*header)) <= *header;
                [2, 3, 4].into_iter().find(fits).unwrap_or(6)
            }
        }
    }
}

/// The bytes of a message, as they leave.
#[derive(Debug)]
pub struct Encoded {
    buf: Vec<u8>,
    start: usize,
}

impl Encoded {
    /// Its memory, to be used again.
    pub fn into_memory(self) -> Vec<u8> {
        self.buf
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.buf.get(self.start..).unwrap_or(&[])
    }
}

/// The beginning of a message on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamHead {
    /// Length of the header, with the code and without an extended token length, in bytes (2 to 6).
    pub header_len: usize,
    /// Length of everything that follows the header, in bytes; up to 4.3 GB, as the peer says it.
    pub rest_len: u64,
    /// The code.
    pub code: Code,
}

impl StreamHead {
    /// Reads it. `Ok(None)` asks for more bytes.
    pub fn decode(bytes: &[u8]) -> Result<Option<StreamHead>, DecodeReason> {
        let Some((&first, rest)) = bytes.split_first() else { return Ok(None) };
        let (extended, base) = stream_length_extension(first >> 4);
        let Some((length, rest)) = rest.split_at_checked(extended) else { return Ok(None) };
        let length = length.iter().fold(0u64, |n, &b| n << 8 | u64::from(b)) + base;
        let Some((&code, rest)) = rest.split_first() else { return Ok(None) };
        let extension = token_extension_bytes(first);
        if rest.len() < extension {
            return Ok(None);
        }
        let (token_len, _) = decode_token_length(first & 0xf, rest)?;
        Ok(Some(StreamHead {
            header_len: 2 + extended,
            rest_len: extension as u64 + token_len as u64 + length,
            code: Code(code),
        }))
    }
}

/// How many bytes of length a message with so many bytes of options and payload has.
fn stream_length_bytes(len: usize) -> usize {
    match len {
        0..13 => 0,
        13..269 => 1,
        269..65805 => 2,
        _ => 4,
    }
}

/// How many bytes of length follow the first byte, and what is added to them.
fn stream_length_extension(nibble: u8) -> (usize, u64) {
    match nibble {
        13 => (1, 13),
        14 => (2, 269),
        15 => (4, 65805),
        n => (0, u64::from(n)),
    }
}

impl Pdu {
    /// The message with this header, written in place.
    pub fn encode(&mut self, framing: Framing) -> &[u8] {
        let extension = token_extension(self.token_len);
        let (tkl, ext) = match extension.as_bytes() {
            [first, ext @ ..] => (first & 0xf, ext),
            [] => (0, &[][..]),
        };
        // 2 to 6 bytes, then the extended token length, then the token.
        let mut header = [0u8; 6];
        let code = self.code().0;
        let len = match framing {
            Framing::Udp => {
                let [hi, lo] = self.mid().0.to_be_bytes();
                let first = 0x40 | (self.kind() as u8) << 4 | tkl;
                header[..4].copy_from_slice(&[first, code, hi, lo]);
                4
            }
            Framing::WebSocket => {
                header[..2].copy_from_slice(&[tkl, code]);
                2
            }
            Framing::Tcp => {
                let body = self.option_and_payload_bytes().len();
                let extended = stream_length_bytes(body);
                let nibble = match extended {
                    0 => body as u8,
                    1 => 13,
                    2 => 14,
                    _ => 15,
                };
                let (_, base) = stream_length_extension(nibble);
                let length = ((body as u64 - base) as u32).to_be_bytes();
                header[0] = nibble << 4 | tkl;
                header[1..1 + extended].copy_from_slice(&length[4 - extended..]);
                header[1 + extended] = code;
                2 + extended
            }
        };
        let start = HEADROOM - ext.len() - len;
        if let Some(head) = self.buf.get_mut(start..HEADROOM) {
            let (fixed, extended) = head.split_at_mut(len);
            fixed.copy_from_slice(&header[..len]);
            extended.copy_from_slice(ext);
        }
        self.buf.get(start..).unwrap_or(&[])
    }

    /// The same, given away with its memory.
    pub fn into_encoded(mut self, framing: Framing) -> Encoded {
        let len = self.encode(framing).len();
        Encoded { start: self.buf.len() - len, buf: self.buf }
    }

    /// The message as a UDP datagram, written in place.
    pub fn encode_udp(&mut self) -> &[u8] {
        self.encode(Framing::Udp)
    }

    /// Bytes that [`Pdu::encode`] gives.
    pub fn encoded_len(&self, framing: Framing) -> usize {
        let header = match framing {
            Framing::Udp => 4,
            Framing::WebSocket => 2,
            Framing::Tcp => 2 + stream_length_bytes(self.option_and_payload_bytes().len()),
        };
        header + self.used_size()
    }

    /// Reads a UDP datagram (RFC 7252 §3) whose token may have up to `max_token` bytes.
    pub fn decode_udp(datagram: &[u8], max_token: usize) -> Result<Pdu, DecodeError> {
        let mut pdu = Pdu::new(Type::Reset, Code::EMPTY, Mid(0), 0);
        pdu.decode_udp_into(datagram, max_token)?;
        Ok(pdu)
    }

    /// The same, into this message, whose memory is used again. After an error it is empty.
    pub fn decode_udp_into(&mut self, datagram: &[u8], max_token: usize) -> Result<(), DecodeError> {
        self.decode_into(Framing::Udp, datagram, max_token)?;
        let (kind, code, mid) = (self.kind(), self.code(), self.mid());
        if !code.is_empty() && !code.is_request() && !code.is_response() {
            self.reset(kind, code, mid, 0);
            return Err(DecodeError { reason: DecodeReason::CodeClass, header: Some((kind, code, mid)) });
        }
        Ok(())
    }

    /// Reads one whole message with this header into this one, whose memory is used again. Its
    /// maximum size becomes what the message takes. Codes of every class pass. The length in a
    /// TCP header is not compared: whoever cut the stream into messages has used it.
    ///
    /// After an error this message has no token, options or payload.
    pub fn decode_into(
        &mut self,
        framing: Framing,
        bytes: &[u8],
        max_token: usize,
    ) -> Result<(), DecodeError> {
        self.reset(Type::Reset, Code::EMPTY, Mid(0), 0);
        let decoded = Decoded::of(framing, bytes, max_token)?;
        self.buf.extend_from_slice(bytes.get(decoded.token_at..).unwrap_or(&[]));
        self.fill_in(&decoded);
        Ok(())
    }

    /// The same for a message of a stream that begins at `start` in memory of its own, which becomes
    /// this message's: it begins so that its token stands behind [`HEADROOM`] bytes, see
    /// [`stream_start`].
    pub fn decode_given(&mut self, buf: Vec<u8>, start: usize, max_token: usize) -> Result<(), DecodeError> {
        self.reset(Type::Reset, Code::EMPTY, Mid(0), 0);
        let decoded = Decoded::of(Framing::Tcp, buf.get(start..).unwrap_or(&[]), max_token)?;
        if start + decoded.token_at != HEADROOM {
            return self.decode_into(Framing::Tcp, buf.get(start..).unwrap_or(&[]), max_token);
        }
        self.buf = buf;
        self.fill_in(&decoded);
        Ok(())
    }

    /// Takes over what was read of the bytes that are in the buffer now.
    fn fill_in(&mut self, decoded: &Decoded) {
        (self.kind, self.code, self.mid) = decoded.header;
        self.max_size = decoded.size;
        self.token_len = decoded.token_len;
        self.last_option = decoded.last_option;
        self.options_end = self.buf.len() - decoded.payload_len;
    }
}

/// What there is to know of the bytes of a message.
struct Decoded {
    header: (Type, Code, Mid),
    /// Bytes behind the header; an extended token length is among them.
    size: usize,
    /// Where the token begins.
    token_at: usize,
    token_len: usize,
    last_option: Number,
    /// Its marker included.
    payload_len: usize,
}

impl Decoded {
    fn of(framing: Framing, bytes: &[u8], max_token: usize) -> Result<Decoded, DecodeError> {
        let fail = |reason, header| Err(DecodeError { reason, header });
        let (kind, code, mid, tkl, body) = match (framing, bytes) {
            (Framing::Udp, [first, code, hi, lo, body @ ..]) => {
                if first >> 6 != 1 {
                    return fail(DecodeReason::Version, None);
                }
                (Type::from_bits(first >> 4), *code, Mid(u16::from_be_bytes([*hi, *lo])), first & 0xf, body)
            }
            (Framing::WebSocket, [first, code, body @ ..]) => {
                (Type::Confirmable, *code, Mid(0), first & 0xf, body)
            }
            (Framing::Tcp, [first, rest @ ..]) => {
                let (extended, _) = stream_length_extension(first >> 4);
                match rest.get(extended..).and_then(<[u8]>::split_first) {
                    Some((code, body)) => (Type::Confirmable, *code, Mid(0), first & 0xf, body),
                    None => return fail(DecodeReason::Short, None),
                }
            }
            _ => return fail(DecodeReason::Short, None),
        };
        let header = (kind, Code(code), mid);
        if header.1.is_empty() && !body.is_empty() {
            return fail(DecodeReason::EmptyNotEmpty, Some(header));
        }
        Decoded::of_body(header, tkl, bytes.len(), body, max_token)
            .or_else(|reason| fail(reason, Some(header)))
    }

    /// Reads token, options and payload; `tkl` is the length nibble, and `body` begins with its
    /// extension.
    fn of_body(
        header: (Type, Code, Mid),
        tkl: u8,
        len: usize,
        body: &[u8],
        max_token: usize,
    ) -> Result<Decoded, DecodeReason> {
        let size = body.len();
        let (token_len, body) = decode_token_length(tkl, body)?;
        if token_len > max_token {
            return Err(DecodeReason::TokenLength);
        }
        let options = body.get(token_len..).ok_or(DecodeReason::TokenTruncated)?;
        let mut walk = Options::new(options);
        let mut last_option = Number(0);
        for opt in walk.by_ref() {
            let opt = opt?;
            last_option = opt.number;
            let length = opt.value.len();
            if last_option.value_lengths(header.1).is_some_and(|allowed| !allowed.contains(&length)) {
                return Err(DecodeReason::OptionLength { number: last_option, length });
            }
        }
        let payload_len = walk.rest().len();
        if payload_len == 1 {
            return Err(DecodeReason::EmptyPayload);
        }
        Ok(Decoded { header, size, token_at: len - body.len(), token_len, last_option, payload_len })
    }
}

/// Where a message of a stream that begins with this byte must begin in memory that is to be given to
/// [`Pdu::decode_given`].
pub fn stream_start(first: u8) -> usize {
    HEADROOM.saturating_sub(2 + stream_length_extension(first >> 4).0 + token_extension_bytes(first))
}

/// How many bytes of token length follow the header that begins with this byte.
fn token_extension_bytes(first: u8) -> usize {
    match first & 0xf {
        13 => 1,
        14 => 2,
        _ => 0,
    }
}

/// The length nibble of a token in the low half of the first byte, and its extension: the same
/// code as an option's length, so the same encoder writes it.
fn token_extension(len: usize) -> EncodedHead {
    Head::encode(0, len.min(Token::MAX) as u32)
}

/// Bytes between header and token that a token of this length needs (0 to 2).
pub(super) fn token_extension_len(len: usize) -> usize {
    token_extension(len).as_bytes().len() - 1
}

/// Reads the extension of the length nibble: the token's length, and what stands behind the
/// extension.
fn decode_token_length(tkl: u8, body: &[u8]) -> Result<(usize, &[u8]), DecodeReason> {
    match tkl {
        13 => body.split_first().map(|(&b, rest)| (usize::from(b) + 13, rest)),
        14 => {
            body.split_first_chunk::<2>().map(|(b, rest)| (usize::from(u16::from_be_bytes(*b)) + 269, rest))
        }
        15 => return Err(DecodeReason::TokenLength),
        n => Some((usize::from(n), body)),
    }
    .ok_or(DecodeReason::TokenTruncated)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pdu(token: usize, payload: usize) -> Pdu {
        let mut p = Pdu::new(Type::Confirmable, Code::PUT, Mid(0x1234), usize::MAX);
        p.set_token(&vec![7; token]).unwrap();
        p.add_option(Number::URI_PATH, b"a").unwrap();
        p.set_payload(&vec![1; payload]).unwrap();
        p
    }

    #[test]
    fn a_message_in_given_memory_is_the_same_as_a_copy() {
        for token in [0, 8, 13, 300] {
            for payload in [1, 300, 70_000] {
                let bytes = pdu(token, payload).encode(Framing::Tcp).to_vec();
                let mut copy = pdu(0, 1);
                copy.decode_into(Framing::Tcp, &bytes, Token::MAX).unwrap();
                for start in [stream_start(bytes[0]), 0, 20] {
                    let mut buf = vec![9; start];
                    buf.extend(&bytes);
                    let mut given = pdu(0, 1);
                    given.decode_given(buf, start, Token::MAX).unwrap();
                    assert_eq!(given.encode(Framing::Tcp), bytes);
                    assert_eq!((given.payload(), given.max_size()), (copy.payload(), copy.max_size()));
                }
            }
        }
    }

    #[test]
    fn every_framing_gives_back_what_it_wrote() {
        for framing in [Framing::Udp, Framing::Tcp, Framing::WebSocket] {
            for token in [0, 8, 12, 13, 268, 269, Token::MAX] {
                for payload in [0, 1, 9, 10, 11, 265, 266, 267, 65801, 65802, 65803] {
                    let mut p = pdu(token, payload);
                    let bytes = p.encode(framing).to_vec();
                    let mut q = Pdu::new(Type::Reset, Code::EMPTY, Mid(0), 0);
                    q.decode_into(framing, &bytes, Token::MAX).unwrap();
                    assert_eq!((q.token(), q.payload()), (p.token(), p.payload()));
                    assert_eq!(q.encode(framing), bytes);
                }
            }
        }
    }

    #[test]
    fn the_head_of_a_stream_message_tells_its_length_or_asks_for_more() {
        for payload in [0, 1, 9, 10, 11, 265, 266, 267, 65801, 65802, 65803] {
            for token in [0, 12, 13, 269] {
                let bytes = pdu(token, payload).encode(Framing::Tcp).to_vec();
                let head = StreamHead::decode(&bytes).unwrap().unwrap();
                assert_eq!(head.header_len as u64 + head.rest_len, bytes.len() as u64);
                assert_eq!(head.code, Code::PUT);
                let needed = head.header_len + token_extension_len(token);
                for short in 0..needed {
                    assert_eq!(StreamHead::decode(&bytes[..short]).unwrap(), None, "{short} of {needed}");
                }
            }
        }
        assert_eq!(StreamHead::decode(&[0x7d, 0x01]), Ok(None));
        assert_eq!(StreamHead::decode(&[0x0f, 0x01]), Err(DecodeReason::TokenLength));
        let huge = StreamHead::decode(&[0xf0, 0xff, 0xff, 0xff, 0xff, 1]).unwrap().unwrap();
        assert_eq!(huge.rest_len, 65805 + 0xffff_ffff);
    }
}
