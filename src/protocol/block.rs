//! Bodies larger than a message (RFC 7959): the Block options, and cutting slices.

use crate::message::option::encode_uint;
use crate::message::pdu::PduError;
use crate::message::{Code, Number, Pdu};

/// A Block1 or Block2 value (RFC 7959 §2.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Block {
    /// Which block, counted from 0.
    pub num: u32,
    /// More blocks follow.
    pub more: bool,
    /// The size is `16 << szx` bytes.
    pub szx: u8,
}

/// The largest block number (RFC 7959 §2.2: 20 bits).
pub const MAX_NUM: u32 = 0xf_ffff;

/// The exponent of the largest block over UDP: 1024 bytes.
pub const MAX_SZX: u8 = 6;

/// Why a body, or a slice of it, could not be put into a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BodyError {
    /// The message has no room for the smallest block.
    #[error(transparent)]
    Message(#[from] PduError),
    /// The client asked for what lies behind the end.
    #[error("block {0} is behind the end of the body")]
    BehindEnd(u32),
    /// The client's option is no block value.
    #[error("malformed Block option")]
    Malformed,
}

impl BodyError {
    /// What a server answers.
    pub fn response_code(self) -> Code {
        match self {
            BodyError::Message(_) => Code::INTERNAL_SERVER_ERROR,
            BodyError::BehindEnd(_) | BodyError::Malformed => Code::BAD_REQUEST,
        }
    }
}

impl Block {
    /// Reads an option value. `None` if it is longer than three bytes or has the reserved size
    /// exponent 7.
    pub fn decode(value: &[u8]) -> Option<Block> {
        if value.len() > 3 {
            return None;
        }
        let raw = value.iter().fold(0u32, |n, b| n << 8 | u32::from(*b));
        let szx = (raw & 7) as u8;
        (szx <= MAX_SZX).then_some(Block { num: raw >> 4, more: raw & 8 != 0, szx })
    }

    /// The block option with this number in a message: `Ok(None)` if there is none.
    pub fn of(pdu: &Pdu, number: Number) -> Result<Option<Block>, BodyError> {
        match pdu.option(number) {
            None => Ok(None),
            Some(opt) => Block::decode(opt.value).map(Some).ok_or(BodyError::Malformed),
        }
    }

    /// The option value.
    pub fn encode(self) -> smallvec::SmallVec<[u8; 8]> {
        encode_uint(u64::from(self.num) << 4 | u64::from(self.more) << 3 | u64::from(self.szx))
    }

    /// Bytes of a whole block.
    pub fn size(self) -> usize {
        16 << self.szx
    }

    /// Where it begins in the body.
    pub fn offset(self) -> usize {
        self.num as usize * self.size()
    }
}

/// The most that a Block option and a Size option take in a message, in bytes.
const OPTIONS_ROOM: usize = 16;

/// The largest block exponent for which a message still has room.
pub fn fitting_szx(pdu: &Pdu) -> Result<u8, PduError> {
    let room = pdu.max_size().saturating_sub(pdu.used_size() + 1 + OPTIONS_ROOM);
    (0..=MAX_SZX)
        .rev()
        .find(|szx| 16usize << szx <= room)
        .ok_or(PduError::TooLarge { needed: pdu.used_size() + 17 + OPTIONS_ROOM, max: pdu.max_size() })
}

/// Puts the slice of `body` that the request's Block2 option asks for into the response; all of
/// it when it fits and the client asked for no slice. A body in slices has Size2 in the first.
pub fn add_slice(request: &Pdu, response: &mut Pdu, body: &[u8]) -> Result<(), BodyError> {
    let asked = Block::of(request, Number::BLOCK2)?;
    let fits = body.len() + 1 + response.used_size() <= response.max_size();
    if fits && asked.is_none_or(|b| b.num == 0 && b.size() >= body.len()) {
        if let Some(block) = asked {
            response.add_option(Number::BLOCK2, &Block { more: false, ..block }.encode())?;
        }
        response.set_payload(body)?;
        return Ok(());
    }
    let largest = fitting_szx(response)?;
    let mut block = asked.unwrap_or(Block { num: 0, more: false, szx: largest });
    if block.szx > largest {
        // A smaller block at the same place; its number grows (RFC 7959 §2.4).
        block.num <<= block.szx - largest;
        block.szx = largest;
    }
    let rest = body.get(block.offset()..).filter(|r| !r.is_empty() || block.num == 0);
    let rest = rest.ok_or(BodyError::BehindEnd(block.num))?;
    let slice = rest.get(..block.size()).unwrap_or(rest);
    block.more = slice.len() < rest.len();
    response.add_option(Number::BLOCK2, &block.encode())?;
    if block.num == 0 {
        response.add_option(Number::SIZE2, &encode_uint(body.len() as u64))?;
    }
    response.set_payload(slice)?;
    Ok(())
}
