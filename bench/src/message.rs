//! The messages of this bench, in bytes (RFC 7252 §3). Written by hand, so that the measuring side shares
//! no code with what is measured.

const CON_WITH_TOKEN_OF_4: u8 = 0x44;
const ACK_WITH_TOKEN_OF_4: u8 = 0x64;
/// The bit of the type that makes a message non-confirmable.
const NON: u8 = 0x10;
const GET: u8 = 0x01;
const POST: u8 = 0x02;
const PUT: u8 = 0x03;
const CONTINUE: u8 = 0x5f;
const CHANGED: u8 = 0x44;
const CONTENT: u8 = 0x45;

/// `CON GET /b`, 10 bytes.
pub(crate) fn request(id: u16, token: u32) -> [u8; 10] {
    let [id0, id1] = id.to_be_bytes();
    let [t0, t1, t2, t3] = token.to_be_bytes();
    [CON_WITH_TOKEN_OF_4, GET, id0, id1, t0, t1, t2, t3, 0xb1, b'b']
}

/// `CON 0.00`, the CoAP ping: 4 bytes.
pub(crate) fn ping(id: u16) -> [u8; 4] {
    let [id0, id1] = id.to_be_bytes();
    [0x40, 0, id0, id1]
}

/// `ACK 2.05 "hello"`, 14 bytes: what every server under test answers.
pub(crate) fn response(id: u16, token: u32) -> [u8; 14] {
    let [id0, id1] = id.to_be_bytes();
    let [t0, t1, t2, t3] = token.to_be_bytes();
    [ACK_WITH_TOKEN_OF_4, CONTENT, id0, id1, t0, t1, t2, t3, 0xff, b'h', b'e', b'l', b'l', b'o']
}

/// `CON GET` of a path of one letter with Observe 0 and the query `number`; its message id is of the number too.
pub(crate) fn register(path: u8, number: u32, token: u32) -> Vec<u8> {
    let [id0, id1] = (number as u16).to_be_bytes();
    let query = number.to_string();
    let mut bytes = vec![CON_WITH_TOKEN_OF_4, GET, id0, id1];
    bytes.extend(token.to_be_bytes());
    // Observe (6) empty, which is 0; Uri-Path (11); Uri-Query (15).
    bytes.extend([0x60, 0x51, path, 0x40 | query.len() as u8]);
    bytes.extend(query.bytes());
    bytes
}

/// `CON POST` without token.
pub(crate) fn post(path: u8, id: u16) -> [u8; 6] {
    let [id0, id1] = id.to_be_bytes();
    [0x40, POST, id0, id1, 0xb1, path]
}

/// `ACK 2.04` without token, the answer to that.
pub(crate) fn is_changed(bytes: &[u8]) -> bool {
    matches!(bytes, [0x60, CHANGED, _, _])
}

/// The empty acknowledgement.
pub(crate) fn acknowledgement(id: u16) -> [u8; 4] {
    let [id0, id1] = id.to_be_bytes();
    [0x60, 0, id0, id1]
}

/// What a response says of an observed state.
pub(crate) struct State {
    pub(crate) confirmable: bool,
    pub(crate) id: u16,
    pub(crate) token: u32,
    /// It has an Observe option.
    pub(crate) observed: bool,
    pub(crate) number: u32,
}

/// Reads `2.05 "state NUMBER"` with or without Observe (6), and with Content-Format (12) 0.
pub(crate) fn state(bytes: &[u8]) -> Option<State> {
    let (id, token) = id_and_token(bytes)?;
    if bytes[1] != CONTENT {
        return None;
    }
    let (options, payload) = bytes.split_at_checked(bytes.len().checked_sub(14 + 1)?)?;
    let observed = match *options.get(8..)? {
        [observe @ 0x61..=0x63, ref rest @ ..] => rest.len() == usize::from(observe & 0x0f) + 1,
        [0xc0] => false,
        _ => return None,
    };
    let number = payload.strip_prefix(b"\xffstate ")?;
    let number = std::str::from_utf8(number).ok()?.parse().ok()?;
    Some(State { confirmable: bytes[0] >> 4 == 4, id, token, observed, number })
}

/// The place of a block in its body.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Piece {
    pub(crate) number: u32,
    pub(crate) more: bool,
}

impl Piece {
    /// The value of Block1 or Block2 for blocks of 1,024 bytes (RFC 7959 §2.2), in two bytes.
    fn value(self) -> [u8; 2] {
        ((self.number << 4) as u16 | u16::from(self.more) << 3 | 6).to_be_bytes()
    }
}

/// `CON GET /l` of one block. Message id and token are made of `serial`.
pub(crate) fn get_block(serial: u32, number: u32) -> Vec<u8> {
    let mut bytes = begin(GET, serial);
    bytes.extend([0xb1, b'l', 0xc2]);
    bytes.extend(Piece { number, more: false }.value());
    bytes
}

/// `CON PUT /l` of one block, with Content-Format 42 and Size1.
pub(crate) fn put_block(serial: u32, piece: Piece, size: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = begin(PUT, serial);
    bytes.extend([0xb1, b'l', 0x11, 42, 0xd2, 2]);
    bytes.extend(piece.value());
    bytes.extend([0xd4, 20]);
    bytes.extend(size.to_be_bytes());
    bytes.push(0xff);
    bytes.extend(data);
    bytes
}

fn begin(method: u8, serial: u32) -> Vec<u8> {
    let [t0, t1, t2, t3] = serial.to_be_bytes();
    vec![CON_WITH_TOKEN_OF_4, method, t2, t3, t0, t1, t2, t3]
}

/// Whether this is the answer to that GET: 2.05 with this piece in Block2 (23) and this data.
pub(crate) fn is_block(bytes: &[u8], serial: u32, piece: Piece, data: &[u8]) -> bool {
    is_acknowledgement(bytes, serial, CONTENT) && parts(bytes, 23) == Some((Some(piece), data))
}

/// Whether this is the answer to that PUT: 2.31 with this piece in Block1 (27), for the last one 2.04, for which
/// libraries leave Block1 to the application.
pub(crate) fn is_taken(bytes: &[u8], serial: u32, piece: Piece) -> bool {
    match piece.more {
        true => is_acknowledgement(bytes, serial, CONTINUE) && parts(bytes, 27) == Some((Some(piece), &[])),
        false => is_acknowledgement(bytes, serial, CHANGED),
    }
}

fn is_acknowledgement(bytes: &[u8], serial: u32, code: u8) -> bool {
    bytes.starts_with(&[ACK_WITH_TOKEN_OF_4, code]) && id_and_token(bytes) == Some((serial as u16, serial))
}

/// The block option with this number, of blocks of 1,024 bytes, and the payload.
fn parts(bytes: &[u8], wanted: u32) -> Option<(Option<Piece>, &[u8])> {
    let (option, payload) = split(bytes.get(8..)?, wanted)?;
    let value = option.unwrap_or_default().iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    let piece = option.filter(|_| value & 7 == 6);
    Some((piece.map(|_| Piece { number: (value >> 4) as u32, more: value & 8 != 0 }), payload))
}

/// The value of the last option with this number, and the payload, in what is behind a token.
fn split(bytes: &[u8], wanted: u32) -> Option<(Option<&[u8]>, &[u8])> {
    let mut rest = bytes;
    let (mut number, mut found) = (0, None);
    while let Some((&head, behind)) = rest.split_first() {
        rest = behind;
        if head == 0xff {
            break;
        }
        number += extended(head >> 4, &mut rest)?;
        let length = extended(head & 0x0f, &mut rest)?;
        let (value, behind) = rest.split_at_checked(length as usize)?;
        rest = behind;
        if number == wanted {
            found = Some(value);
        }
    }
    Some((found, rest))
}

/// Reads the rest of a delta or length that begins with this nibble (RFC 7252 §3.1).
fn extended(nibble: u8, rest: &mut &[u8]) -> Option<u32> {
    match nibble {
        13 => {
            let (first, behind) = rest.split_first()?;
            *rest = behind;
            Some(u32::from(*first) + 13)
        }
        14.. => None,
        small => Some(small.into()),
    }
}

/// `GET /b` with a query of eight bytes, confirmable or not.
pub(crate) fn query(confirmable: bool, id: u16, token: u32, query: [u8; 8]) -> [u8; 19] {
    let mut bytes = [0; 19];
    bytes[..10].copy_from_slice(&request(id, token));
    bytes[0] |= if confirmable { 0 } else { NON };
    bytes[10] = 0x48;
    bytes[11..].copy_from_slice(&query);
    bytes
}

/// The answer to a request with any token: 2.05 with the query (15) as its payload, in the acknowledgement if the
/// request is confirmable. This is the server behind a proxy.
pub(crate) fn echo(request: &[u8]) -> Option<Vec<u8>> {
    let (head, rest) = request.split_first_chunk::<4>()?;
    let (token, options) = rest.split_at_checked(usize::from(head[0] & 0x0f))?;
    let kind = if head[0] & NON == 0 { 0x20 } else { NON };
    let mut bytes = vec![0x40 | kind | head[0] & 0x0f, CONTENT, head[2], head[3]];
    bytes.extend(token);
    bytes.push(0xff);
    bytes.extend(split(options, 15)?.0?);
    Some(bytes)
}

/// What a proxy hands on to a client.
pub(crate) struct Handed<'a> {
    pub(crate) confirmable: bool,
    pub(crate) id: u16,
    pub(crate) token: u32,
    pub(crate) payload: &'a [u8],
}

/// Reads a 2.05 of any type, whose token has four bytes.
pub(crate) fn handed(bytes: &[u8]) -> Option<Handed<'_>> {
    let (id, token) = id_and_token(bytes)?;
    let (_, payload) = split(bytes.get(8..)?, 0)?;
    (bytes[1] == CONTENT).then_some(Handed { confirmable: bytes[0] & 0x30 == 0, id, token, payload })
}

/// Whether this is the empty acknowledgement.
pub(crate) fn is_acknowledged(bytes: &[u8]) -> bool {
    matches!(bytes, [0x60, 0, _, _])
}

/// Message id and token of a request or response whose token has four bytes.
pub(crate) fn id_and_token(bytes: &[u8]) -> Option<(u16, u32)> {
    let (head, rest) = bytes.split_first_chunk::<4>()?;
    let (token, _) = rest.split_first_chunk::<4>()?;
    (head[0] & 0x0f == 4).then(|| (u16::from_be_bytes([head[2], head[3]]), u32::from_be_bytes(*token)))
}

/// Whether this is the Reset that answers a ping.
pub(crate) fn is_reset(bytes: &[u8]) -> bool {
    matches!(bytes, [0x70, 0, _, _])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_carries_the_id_and_token_of_its_request() {
        assert_eq!(id_and_token(&request(7, 0x0102_0304)), Some((7, 0x0102_0304)));
        assert_eq!(id_and_token(&response(7, 0x0102_0304)), Some((7, 0x0102_0304)));
    }

    #[test]
    fn a_state_is_read_with_and_without_observe() {
        let bytes =
            |options: &[u8]| [&[0x54, 0x45, 0, 7, 0, 0, 0, 9], options, b"\xffstate 00000042"].concat();
        let seen = state(&bytes(&[0x61, 2, 0x60])).unwrap();
        assert_eq!((seen.id, seen.token, seen.number), (7, 9, 42));
        assert!(seen.observed && !seen.confirmable);
        assert!(!state(&bytes(&[0xc0])).unwrap().observed);
        assert!(state(&bytes(&[0x60, 0x60])).is_none(), "an Observe of no bytes is what a request has");
    }

    #[test]
    fn a_block_is_told_by_its_number_and_its_bytes() {
        let piece = Piece { number: 17, more: true };
        let mut bytes = vec![0x64, 0x45, 0, 3, 0, 0, 0, 3, 0x41, 1, 0x81, 42, 0xb2, 1, 0x1e, 0xff];
        bytes.extend(b"data");
        assert!(is_block(&bytes, 3, piece, b"data"));
        assert!(!is_block(&bytes, 3, Piece { number: 16, more: true }, b"data"));
        assert!(!is_block(&bytes, 3, piece, b"date"));
        assert!(!is_block(&bytes, 4, piece, b"data"));
    }

    #[test]
    fn a_server_behind_a_proxy_answers_with_the_query_and_any_token() {
        let mut request = query(false, 7, 9, *b"12345678").to_vec();
        assert_eq!(echo(&request), Some([&[0x54, 0x45, 0, 7, 0, 0, 0, 9, 0xff][..], b"12345678"].concat()));
        request.splice(..8, [0x41, 1, 0, 7, 0xaa]);
        assert_eq!(echo(&request), Some([&[0x61, 0x45, 0, 7, 0xaa, 0xff][..], b"12345678"].concat()));
    }

    #[test]
    fn what_a_proxy_hands_on_may_have_options() {
        let bytes = [&[0x44, 0x45, 1, 2, 0, 0, 0, 9, 0xc0, 0xff][..], b"12345678"].concat();
        let handed = handed(&bytes).unwrap();
        assert!(
            handed.confirmable && handed.id == 0x0102 && handed.token == 9 && handed.payload == b"12345678"
        );
    }

    #[test]
    fn a_message_with_another_token_length_is_none_of_ours() {
        assert_eq!(id_and_token(&[0x60, 0x45, 0, 1]), None);
        assert_eq!(id_and_token(&[0x64, 0x45, 0, 1, 2]), None);
    }
}
