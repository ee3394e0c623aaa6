//! Frames (RFC 6455 §5): writing one, and putting messages together from what comes in.

use super::FrameError;
use smallvec::SmallVec;
use std::io::Cursor;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};

/// The longest header: two bytes, a length of 64 bits, a mask.
const MAX_HEADER: usize = 14;

/// The most that a control frame carries (RFC 6455 §5.5).
const MAX_CONTROL: usize = 125;

/// The content of a control frame.
pub(super) type ControlPayload = SmallVec<[u8; 32]>;

/// Appends a frame to `out`.
pub(super) fn write(opcode: OpCode, mask: Option<[u8; 4]>, payload: &[u8], out: &mut Vec<u8>) {
    let header = FrameHeader { opcode, mask, ..FrameHeader::default() };
    out.reserve(MAX_HEADER + payload.len());
    // A vector takes whatever is written to it.
    let _ = header.format(payload.len() as u64, out);
    let start = out.len();
    out.extend_from_slice(payload);
    if let (Some(mask), Some(copy)) = (mask, out.get_mut(start..)) {
        apply_mask(copy, mask, 0);
    }
}

/// Masks or unmasks what begins `offset` bytes after the beginning of its frame (RFC 6455 §5.3).
fn apply_mask(bytes: &mut [u8], mut mask: [u8; 4], offset: usize) {
    mask.rotate_left(offset & 3);
    let key = u32::from_ne_bytes(mask);
    let (words, rest) = bytes.as_chunks_mut::<4>();
    words.iter_mut().for_each(|word| *word = (u32::from_ne_bytes(*word) ^ key).to_ne_bytes());
    rest.iter_mut().zip(mask).for_each(|(byte, key)| *byte ^= key);
}

/// What frames amount to.
#[derive(Debug)]
pub(super) enum Part {
    /// A message, all fragments of it.
    Message(Vec<u8>),
    Ping(ControlPayload),
    Pong,
    /// With the peer's code, if it gave one.
    Close(Option<u16>),
}

/// Makes messages of bytes. What it keeps is what came: a length that is announced reserves
/// nothing.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    /// The beginning of a header that came in pieces.
    header: SmallVec<[u8; MAX_HEADER]>,
    /// The frame of which the content is coming.
    frame: Option<Frame>,
    /// The message so far: fragments that are there, and what has come of the frame.
    message: Option<Vec<u8>>,
    /// The control frame so far, which may come between the fragments of a message.
    control: ControlPayload,
}

#[derive(Debug)]
struct Frame {
    kind: Kind,
    mask: Option<[u8; 4]>,
    length: usize,
    taken: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A fragment, of which more follow, or the last one.
    Data {
        last: bool,
    },
    Ping,
    Pong,
    Close,
}

impl Assembler {
    /// Bytes of a message that have come.
    pub(super) fn kept(&self) -> usize {
        self.message.as_ref().map_or(0, Vec::len)
    }

    /// Takes bytes from the front of `input` up to the end of the next message or control frame.
    /// `None` when all of it was taken. `masked` is how the peer's frames have to be.
    pub(super) fn next(
        &mut self,
        input: &mut &[u8],
        masked: bool,
        limit: usize,
    ) -> Result<Option<Part>, FrameError> {
        loop {
            let mut frame = match self.frame.take() {
                Some(frame) => frame,
                None => match self.read_header(input)? {
                    Some((header, length)) => self.judge(&header, length, masked, limit)?,
                    None => return Ok(None),
                },
            };
            self.read_payload(&mut frame, input);
            if frame.taken < frame.length {
                self.frame = Some(frame);
                return Ok(None);
            }
            match frame.kind {
                Kind::Data { last: false } => {}
                Kind::Data { last: true } => {
                    return Ok(Some(Part::Message(self.message.take().unwrap_or_default())));
                }
                Kind::Ping => return Ok(Some(Part::Ping(std::mem::take(&mut self.control)))),
                Kind::Pong => {
                    self.control.clear();
                    return Ok(Some(Part::Pong));
                }
                Kind::Close => return read_close(&self.control).map(|code| Some(Part::Close(code))),
            }
        }
    }

    /// A header and the length that it announces, when all of it is there.
    fn read_header(&mut self, input: &mut &[u8]) -> Result<Option<(FrameHeader, u64)>, FrameError> {
        if self.header.is_empty() {
            let mut cursor = Cursor::new(*input);
            if let Some(header) = parse(&mut cursor)? {
                *input = input.get(cursor.position() as usize..).unwrap_or_default();
                return Ok(Some(header));
            }
        }
        // It comes in pieces: at most as many as a header has bytes.
        while let Some((byte, rest)) = input.split_first() {
            self.header.push(*byte);
            *input = rest;
            if let Some(header) = parse(&mut Cursor::new(&self.header))? {
                self.header.clear();
                return Ok(Some(header));
            }
        }
        Ok(None)
    }

    /// Whether a frame may come now, before anything of its content is taken.
    fn judge(
        &mut self,
        header: &FrameHeader,
        length: u64,
        masked: bool,
        limit: usize,
    ) -> Result<Frame, FrameError> {
        if header.rsv1 || header.rsv2 || header.rsv3 {
            return Err(FrameError::ReservedBit);
        }
        match (masked, header.mask) {
            (true, None) => return Err(FrameError::NotMasked),
            (false, Some(_)) => return Err(FrameError::Masked),
            _ => {}
        }
        let last = header.is_final;
        let kind = match header.opcode {
            OpCode::Control(Control::Ping) => Kind::Ping,
            OpCode::Control(Control::Pong) => Kind::Pong,
            OpCode::Control(Control::Close) => Kind::Close,
            OpCode::Data(Data::Binary) if self.message.is_some() => return Err(FrameError::Interleaved),
            OpCode::Data(Data::Binary) => Kind::Data { last },
            OpCode::Data(Data::Continue) if self.message.is_none() => return Err(FrameError::Continuation),
            OpCode::Data(Data::Continue) => Kind::Data { last },
            OpCode::Data(Data::Text) => return Err(FrameError::Text),
            OpCode::Data(Data::Reserved(_)) | OpCode::Control(Control::Reserved(_)) => {
                return Err(FrameError::Opcode);
            }
        };
        let (room, too_long) = match kind {
            Kind::Data { .. } => {
                let message = self.message.get_or_insert_default();
                (limit.saturating_sub(message.len()), FrameError::TooBig)
            }
            _ if !last => return Err(FrameError::FragmentedControl),
            _ => (MAX_CONTROL, FrameError::LongControl),
        };
        match usize::try_from(length) {
            Ok(length) if length <= room => Ok(Frame { kind, mask: header.mask, length, taken: 0 }),
            _ => Err(too_long),
        }
    }

    /// Takes what is there of a frame's content.
    fn read_payload(&mut self, frame: &mut Frame, input: &mut &[u8]) {
        let there = (frame.length - frame.taken).min(input.len());
        let (piece, rest) = input.split_at(there);
        *input = rest;
        let store = |copy: &mut [u8]| {
            if let Some(mask) = frame.mask {
                apply_mask(copy, mask, frame.taken);
            }
        };
        match frame.kind {
            Kind::Data { .. } => {
                let message = self.message.get_or_insert_default();
                let start = message.len();
                message.extend_from_slice(piece);
                store(message.get_mut(start..).unwrap_or_default());
            }
            Kind::Ping | Kind::Pong | Kind::Close => {
                let start = self.control.len();
                self.control.extend_from_slice(piece);
                store(self.control.get_mut(start..).unwrap_or_default());
            }
        }
        frame.taken += there;
    }
}

/// The header at the cursor, if all of it is there.
fn parse(cursor: &mut Cursor<impl AsRef<[u8]>>) -> Result<Option<(FrameHeader, u64)>, FrameError> {
    // The one thing it finds wrong is the opcode.
    FrameHeader::parse(cursor).map_err(|_| FrameError::Opcode)
}

/// The code in a close frame (RFC 6455 §5.5.1).
fn read_close(payload: &[u8]) -> Result<Option<u16>, FrameError> {
    match payload {
        [] => Ok(None),
        [_] => Err(FrameError::BadCode),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            if !CloseCode::from(code).is_allowed() {
                Err(FrameError::BadCode)
            } else if std::str::from_utf8(reason).is_err() {
                Err(FrameError::BadReason)
            } else {
                Ok(Some(code))
            }
        }
    }
}

#[cfg(test)]
impl Assembler {
    /// The memory that what has come takes.
    pub(super) fn capacity(&self) -> usize {
        self.message.as_ref().map_or(0, Vec::capacity)
    }
}
