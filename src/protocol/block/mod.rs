//! Bodies larger than a message (RFC 7959): the Block options, cutting slices, and putting bodies
//! together. What keeps track of transfers is in the engine.

mod assembly;
mod mode;
pub mod quick;
mod shown;
mod upload;

pub use assembly::{Assembly, Misfit};
pub use mode::Mode;
pub use shown::Shown;
pub use upload::{Answer, Upload};

use super::stream::BASE_MESSAGE_SIZE;
use crate::message::option::encode_uint;
use crate::message::pdu::PduError;
use crate::message::{Code, Number, Pdu};
use core::hash::Hasher;
use std::sync::Arc;

/// A body that the application lends. Its owner learns that the library is done with it by the
/// drop, which may run the application's code: it must not happen while a lock is held.
pub type Shared = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// A Block1 or Block2 value (RFC 7959 §2.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Block {
    /// Which block, counted from 0.
    pub num: u32,
    /// More blocks follow.
    pub more: bool,
    /// The size is `16 << szx` bytes; with [`BERT_SZX`] that of what the message has room for, in
    /// kilobytes.
    pub szx: u8,
}

/// The largest block number (RFC 7959 §2.2: 20 bits).
pub const MAX_NUM: u32 = 0xf_ffff;

/// The exponent of the largest block over UDP: 1024 bytes.
pub const MAX_SZX: u8 = 6;

/// The exponent of blocks of any number of kilobytes, over reliable transports (RFC 8323 §6). They are
/// numbered by the kilobyte.
pub const BERT_SZX: u8 = 7;

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
    /// It has more blocks of this size than can be numbered.
    #[error("a body of {0} bytes has more blocks than can be numbered")]
    TooManyBlocks(usize),
}

impl BodyError {
    /// What a server answers.
    pub fn response_code(self) -> Code {
        match self {
            BodyError::Message(_) | BodyError::TooManyBlocks(_) => Code::INTERNAL_SERVER_ERROR,
            BodyError::BehindEnd(_) | BodyError::Malformed => Code::BAD_REQUEST,
        }
    }
}

impl Block {
    /// Reads an option value. `None` if it is longer than three bytes.
    pub fn decode(value: &[u8]) -> Option<Block> {
        if value.len() > 3 {
            return None;
        }
        let raw = value.iter().fold(0u32, |n, b| n << 8 | u32::from(*b));
        Some(Block { num: raw >> 4, more: raw & 8 != 0, szx: (raw & 7) as u8 })
    }

    /// The block option with this number in a datagram: `Ok(None)` if there is none. Exponent 7 is
    /// reserved there (RFC 7959 §2.2).
    pub fn of(pdu: &Pdu, number: Number) -> Result<Option<Block>, BodyError> {
        match Block::on_stream(pdu, number)? {
            Some(Block { szx: BERT_SZX, .. }) => Err(BodyError::Malformed),
            block => Ok(block),
        }
    }

    /// The same in a message over a reliable transport.
    pub fn on_stream(pdu: &Pdu, number: Number) -> Result<Option<Block>, BodyError> {
        match pdu.option(number) {
            None => Ok(None),
            Some(opt) => Block::decode(opt.value).map(Some).ok_or(BodyError::Malformed),
        }
    }

    /// The option value.
    pub fn encode(self) -> smallvec::SmallVec<[u8; 8]> {
        encode_uint(u64::from(self.num) << 4 | u64::from(self.more) << 3 | u64::from(self.szx))
    }

    /// Bytes of a whole block; of which a block of several kilobytes is a multiple.
    pub fn size(self) -> usize {
        unit(self.szx)
    }

    /// Whether a block with more behind it may have so many bytes.
    pub fn may_have(self, len: usize) -> bool {
        match self.szx {
            BERT_SZX => len > 0 && len.is_multiple_of(self.size()),
            _ => len == self.size(),
        }
    }

    /// What of a payload belongs to this block.
    pub fn slice(self, payload: &[u8]) -> &[u8] {
        let len = if self.szx == BERT_SZX { payload.len() } else { self.size() };
        payload.get(..len).unwrap_or(payload)
    }

    /// Where it begins in the body.
    pub fn offset(self) -> usize {
        self.num as usize * self.size()
    }

    /// The block at the same place with a size of at most `16 << szx`. `None` if its number is
    /// over the last one.
    #[must_use]
    pub fn shrink(self, szx: u8) -> Option<Block> {
        let smaller = szx.min(self.szx);
        let num = u64::from(self.num) << (self.szx.min(MAX_SZX) - smaller.min(MAX_SZX));
        let num = u32::try_from(num).ok().filter(|n| *n <= MAX_NUM)?;
        Some(Block { num, more: self.more, szx: smaller })
    }

    /// This block of a body, and whether more follow. `None` if it lies behind the end. One of
    /// several kilobytes has as many as there is `room` for, in bytes.
    pub fn cut(self, body: &[u8], room: usize) -> Option<(Block, &[u8])> {
        let rest = body.get(self.offset()..).filter(|r| !r.is_empty() || self.num == 0)?;
        let size = match self.szx {
            BERT_SZX => (room / self.size()).max(1) * self.size(),
            _ => self.size(),
        };
        let slice = rest.get(..size).unwrap_or(rest);
        Some((Block { more: slice.len() < rest.len(), ..self }, slice))
    }

    /// The block that begins at this offset, with this size. `None` if its number is over the
    /// last one, or no block of the size begins there.
    pub fn at(offset: usize, szx: u8) -> Option<Block> {
        let size = unit(szx);
        let num = u32::try_from(offset / size).ok().filter(|n| *n <= MAX_NUM)?;
        offset.is_multiple_of(size).then_some(Block { num, more: false, szx })
    }
}

fn unit(szx: u8) -> usize {
    16 << szx.min(MAX_SZX)
}

/// What is left free of a message with a slice, for the options that come with later slices: a
/// token of eight bytes is not in it.
const ROOM_FOR_LATER: usize = 42;

/// How many bytes of a body a message takes as one piece when the library may cut it. The rest of
/// the message can grow with later slices: another token, a longer block number, other options.
pub fn room(pdu: &Pdu) -> usize {
    let token = pdu.token().len().max(crate::message::Token::DEFAULT_MAX) - pdu.token().len();
    pdu.max_size().saturating_sub(pdu.used_size() + token + 1 + ROOM_FOR_LATER)
}

/// The exponent of the largest block of at most so many bytes, up to `largest`.
pub fn szx_within(room: usize, largest: u8) -> Option<u8> {
    (0..=largest).rev().find(|szx| unit(*szx) <= room)
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
/// it when it fits and the client asked for no slice. Each slice has Size2.
pub fn add_slice(request: &Pdu, response: &mut Pdu, body: &[u8]) -> Result<(), BodyError> {
    // Blocks of several kilobytes are for peers that take larger messages than any datagram by default
    // (RFC 8323 §6). A server may answer with smaller ones than it was asked for.
    let asked = match response.max_size() > BASE_MESSAGE_SIZE as usize {
        true => Block::on_stream(request, Number::BLOCK2)?.and_then(|block| block.shrink(MAX_SZX)),
        false => Block::of(request, Number::BLOCK2)?,
    };
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
    // A smaller block at the same place has a larger number (RFC 7959 §2.4).
    block = block.shrink(largest).ok_or(BodyError::BehindEnd(block.num))?;
    let (block, slice) = block.cut(body, 0).ok_or(BodyError::BehindEnd(block.num))?;
    response.add_option(Number::BLOCK2, &block.encode())?;
    response.add_option(Number::SIZE2, &encode_uint(body.len() as u64))?;
    response.set_payload(slice)?;
    Ok(())
}

/// A number for a body that another body hardly has. It is no secret and need not be safe against
/// forgery: the server makes both.
pub fn fingerprint(body: &[u8]) -> u64 {
    // The keys are constant, so that the same body has the same number in the next run too.
    #[allow(deprecated)]
    let mut hasher = core::hash::SipHasher::new();
    hasher.write(body);
    (hasher.finish() | 1) & 0xffff_ffff
}
