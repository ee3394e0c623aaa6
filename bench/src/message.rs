//! The three messages of this bench, in bytes (RFC 7252 §3). Written by hand, so that the measuring side shares
//! no code with what is measured.

const CON_WITH_TOKEN_OF_4: u8 = 0x44;
const ACK_WITH_TOKEN_OF_4: u8 = 0x64;
const GET: u8 = 0x01;
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
    fn a_message_with_another_token_length_is_none_of_ours() {
        assert_eq!(id_and_token(&[0x60, 0x45, 0, 1]), None);
        assert_eq!(id_and_token(&[0x64, 0x45, 0, 1, 2]), None);
    }
}
