//! What a session over a reliable transport has beyond others (RFC 8323): the peer's settings,
//! and the bytes of a message that has not come whole.

use super::deadline::DeadlineKey;
use super::event::NackReason;
use crate::message::header::{StreamHead, stream_start};
use crate::message::pdu::DecodeReason;
use crate::message::{Number, Pdu, Token};
use hashbrown::HashMap;

/// The options of signalling messages, whose numbers mean something else in each (RFC 8323 §5.2).
pub mod signal {
    use super::Number;

    /// In a CSM: the largest message that its sender takes, in bytes (RFC 8323 §5.3.1).
    pub const MAX_MESSAGE_SIZE: Number = Number(2);
    /// In a CSM: its sender does block-wise transfer, also in blocks of several kilobytes
    /// (RFC 8323 §5.3.2).
    pub const BLOCK_WISE_TRANSFER: Number = Number(4);
    /// In a CSM: the longest token that its sender takes, in bytes (RFC 8974 §2.2.1).
    pub const EXTENDED_TOKEN_LENGTH: Number = Number(6);
    /// In a Pong: all that came before the Ping has been worked off (RFC 8323 §5.4.1).
    pub const CUSTODY: Number = Number(2);
    /// In an Abort: the option of the CSM that its sender did not understand (RFC 8323 §5.6.1).
    pub const BAD_CSM_OPTION: Number = Number(2);
}

/// What a peer takes before it has said anything (RFC 8323 §5.3.1), in bytes.
pub const BASE_MESSAGE_SIZE: u32 = 1152;

/// What every peer is taken to take, in bytes: less has no room for a request.
pub const MIN_MESSAGE_SIZE: u32 = 64;

/// From how many bytes on the memory of a message that came in parts goes with it.
const MAX_SPARE: usize = 16 << 10;

/// What is special about a session over a stream.
#[derive(Debug, Default)]
pub struct Stream {
    /// Puts messages together.
    pub inbound: Cutter,
    /// The host that the upgrade to WebSocket asks for.
    pub host: Option<Box<[u8]>>,
    /// Bytes that are kept of a frame that has not come whole.
    pub framed: usize,
    /// It was upgraded to WebSocket.
    pub is_upgraded: bool,
    /// When the handshake, or the peer's CSM, is overdue.
    pub csm_deadline: Option<DeadlineKey>,
    /// The peer has sent its CSM.
    pub has_csm: bool,
    /// No time passed while the connection was made.
    pub was_there_at_once: bool,
    /// The peer does block-wise transfer: with messages of more than the base size also in blocks of
    /// several kilobytes (RFC 8323 §5.3.2, §6).
    pub peer_takes_blocks: bool,
    /// The longest token that the peer takes, in bytes (RFC 8974 §2.2.1).
    pub longest_token: usize,
    /// The transport takes no more for now: what is to be sent waits.
    pub is_blocked: bool,
    /// The connection was lost.
    pub is_lost: bool,
    /// Why.
    pub lost_because: Option<NackReason>,
    /// The peer asks for this connection to be left (RFC 8323 §5.5).
    pub is_released: bool,
    /// When the peer must have answered a Ping.
    pub pong_deadline: Option<DeadlineKey>,
    /// Bytes of the messages that wait to be sent.
    pub waiting: usize,
    asked: HashMap<Token, (u64, Pdu)>,
    next_serial: u64,
}

impl Stream {
    /// A request went out. It is kept until it is answered, to be handed back if it never is.
    pub fn keep(&mut self, request: Pdu) {
        self.next_serial += 1;
        self.asked.insert(Token::new(request.token()), (self.next_serial, request));
    }

    /// A response came.
    pub fn answered(&mut self, token: &[u8]) -> Option<Pdu> {
        if self.asked.is_empty() {
            return None;
        }
        self.asked.remove(&Token::new(token)).map(|(_, request)| request)
    }

    /// All requests without an answer, in the order in which they went out.
    pub fn take_asked(&mut self) -> Vec<Pdu> {
        let mut asked: Vec<_> = self.asked.drain().map(|(_, asked)| asked).collect();
        asked.sort_unstable_by_key(|(serial, _)| *serial);
        asked.into_iter().map(|(_, request)| request).collect()
    }

    /// Whether a request waits for its answer.
    pub fn awaits(&self) -> bool {
        !self.asked.is_empty()
    }

    /// How many requests have no answer yet.
    pub fn asked_len(&self) -> usize {
        self.asked.len()
    }
}

/// Why a stream cannot be read on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StreamError {
    /// A message is larger than this side takes.
    #[error("message of {size} bytes is larger than the {max} allowed")]
    TooLarge {
        /// Its size, in bytes.
        size: u64,
        /// The limit, in bytes.
        max: u64,
    },
    /// What comes is no message.
    #[error("{0}")]
    Malformed(#[from] DecodeReason),
}

/// Cuts a stream of bytes into messages (RFC 8323 §3.2).
#[derive(Debug, Default)]
pub struct Cutter {
    /// The beginning of a message whose rest has not come, behind some bytes that are kept free.
    partial: Vec<u8>,
    start: usize,
    /// It was handed out.
    is_done: bool,
}

/// A whole message.
#[derive(PartialEq, Eq, Debug)]
pub enum Cut<'a> {
    /// Its bytes, to be copied.
    Lent(&'a [u8]),
    /// Its bytes, in memory that goes with them, from `start` on (see [`stream_start`]).
    Given {
        /// The memory.
        buf: Vec<u8>,
        /// Where it begins.
        start: usize,
    },
}

impl Cut<'_> {
    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Cut::Lent(bytes) => bytes,
            Cut::Given { buf, start } => buf.get(*start..).unwrap_or(&[]),
        }
    }
}

impl Cutter {
    /// The next message of up to `max` bytes, out of what is left over and the beginning of
    /// `input`, which is moved on. `None` if all of `input` is taken and more is needed. Memory is
    /// taken for what has come, not for what is announced.
    pub fn next<'s, 'a: 's>(
        &'s mut self,
        input: &mut &'a [u8],
        max: u64,
    ) -> Result<Option<Cut<'s>>, StreamError> {
        if core::mem::take(&mut self.is_done) {
            self.partial.clear();
        }
        if self.partial.is_empty() {
            // Most messages come whole and are not copied.
            if let Some(size) = message_size(input, max)?
                && let Some((message, rest)) = input.split_at_checked(size)
            {
                *input = rest;
                return Ok(Some(Cut::Lent(message)));
            }
        }
        loop {
            if let (true, Some(first)) = (self.partial.is_empty(), input.first()) {
                self.start = stream_start(*first);
                self.partial.resize(self.start, 0);
            }
            let message = self.partial.get(self.start..).unwrap_or(&[]);
            let size = message_size(message, max)?;
            if size == Some(message.len()) && message.len() > MAX_SPARE {
                return Ok(Some(Cut::Given { buf: core::mem::take(&mut self.partial), start: self.start }));
            }
            if size == Some(message.len()) {
                self.is_done = true;
                return Ok(Some(Cut::Lent(self.partial.get(self.start..).unwrap_or(&[]))));
            }
            // Not to take too much, a byte at a time is taken of what says how much to take.
            let missing = size.map_or(1, |size| size - message.len());
            if input.is_empty() {
                return Ok(None);
            }
            let (taken, rest) = input.split_at(missing.min(input.len()));
            self.partial.extend_from_slice(taken);
            *input = rest;
        }
    }

    /// How many bytes are kept of a message that has not come whole.
    pub fn kept(&self) -> usize {
        if self.is_done { 0 } else { self.partial.len().saturating_sub(self.start) }
    }
}

/// How large the message is that begins here, in bytes; `None` if that is not known yet.
fn message_size(bytes: &[u8], max: u64) -> Result<Option<usize>, StreamError> {
    let Some(head) = StreamHead::decode(bytes)? else { return Ok(None) };
    let size = head.header_len as u64 + head.rest_len;
    let small = usize::try_from(size).ok().filter(|_| size <= max);
    small.map(Some).ok_or(StreamError::TooLarge { size, max })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Code, Framing, Mid, Type};
    use proptest::prelude::*;

    fn message(payload: usize) -> Vec<u8> {
        let mut pdu = Pdu::new(Type::Confirmable, Code::POST, Mid(0), 100_000);
        pdu.set_token(b"abc").unwrap();
        if payload > 0 {
            pdu.set_payload(&vec![7; payload]).unwrap();
        }
        pdu.encode(Framing::Tcp).to_vec()
    }

    /// Feeds pieces, and gives the messages that come out.
    fn cut(pieces: &[&[u8]], max: u64) -> Result<Vec<Vec<u8>>, StreamError> {
        let (mut cutter, mut found) = (Cutter::default(), Vec::new());
        for piece in pieces {
            let mut rest = *piece;
            while let Some(message) = cutter.next(&mut rest, max)? {
                found.push(message.as_bytes().to_vec());
            }
            assert!(rest.is_empty());
        }
        Ok(found)
    }

    #[test]
    fn a_message_of_one_byte_pieces_is_whole_with_its_last_byte() {
        let whole = message(300);
        let mut cutter = Cutter::default();
        for (n, byte) in whole.iter().enumerate() {
            let piece = [*byte];
            let mut rest = &piece[..];
            let found = cutter.next(&mut rest, 1000).unwrap();
            assert_eq!(found.is_some(), n + 1 == whole.len());
        }
        assert_eq!(cutter.kept(), 0);
    }

    #[test]
    fn a_message_may_have_all_of_the_allowed_size_and_no_more() {
        let whole = message(300);
        let size = whole.len() as u64;
        assert_eq!(cut(&[&whole], size).unwrap().len(), 1);
        assert_eq!(cut(&[&whole], size - 1), Err(StreamError::TooLarge { size, max: size - 1 }));
    }

    #[test]
    fn what_is_announced_takes_no_memory() {
        let mut cutter = Cutter::default();
        let mut rest = &[0xf0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3][..];
        assert_eq!(cutter.next(&mut rest, u64::MAX), Ok(None));
        assert_eq!((cutter.kept(), cutter.partial.capacity() < 100), (8, true));
    }

    proptest! {
        #[test]
        fn the_pieces_do_not_matter(
            payloads in prop::collection::vec(prop_oneof![0usize..400, 65_000usize..67_000], 1..6),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let messages: Vec<_> = payloads.into_iter().map(message).collect();
            let all = messages.concat();
            let mut at: Vec<_> = cuts.iter().map(|i| i.index(all.len())).collect();
            at.extend([0, all.len()]);
            at.sort_unstable();
            let pieces: Vec<_> = at.windows(2).map(|w| &all[w[0]..w[1]]).collect();
            prop_assert_eq!(cut(&pieces, 1 << 20).unwrap(), messages);
        }

        #[test]
        fn anything_ends_in_messages_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = cut(&[&bytes], 1000);
        }
    }
}
