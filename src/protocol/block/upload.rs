//! The body of a request that is sent in blocks (RFC 7959 §2.3).

use super::{BERT_SZX, Block, BodyError, MAX_NUM, Shared, room, szx_within};
use crate::message::option::encode_uint;
use crate::message::pdu::PduError;
use crate::message::{Code, Number, Pdu};
use core::fmt;

/// A body under way, and which of its blocks the message has that was sent last.
#[derive(Clone)]
pub struct Upload {
    /// The body.
    pub body: Shared,
    /// The block.
    pub block: Block,
    /// Its bytes.
    pub sent: usize,
}

/// What a response says to a body under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// This block is next.
    Next(Block),
    /// That was all: the response is one to the whole request.
    Final,
}

impl Upload {
    /// Puts a body into a request: all of it where it fits, else its first block and what says
    /// so. Gives what is to be sent later. `largest` is the exponent of the largest block to use;
    /// `tag` tells this body from others under way (RFC 9175 §3).
    ///
    /// A Block1 option that is there already says which size to use; one for a later block means
    /// that the application cuts the body itself, and this block is put in.
    pub fn begin(
        request: &mut Pdu,
        body: &Shared,
        largest: u8,
        tag: &[u8],
    ) -> Result<Option<Upload>, BodyError> {
        let bytes = (**body).as_ref();
        let asked = Block::on_stream(request, Number::BLOCK1)?;
        if let Some(block) = asked.filter(|b| b.num > 0) {
            let (_, slice) = block.cut(bytes, room(request)).ok_or(BodyError::BehindEnd(block.num))?;
            request.set_payload(slice)?;
            return Ok(None);
        }
        let most = room(request);
        let limit = asked.filter(|b| b.szx != BERT_SZX).map_or(most, |b| b.size().min(most));
        if limit >= bytes.len() {
            request.set_payload(bytes)?;
            return Ok(None);
        }
        let szx = szx_within(most, largest).ok_or(PduError::TooLarge {
            needed: request.used_size() + bytes.len(),
            max: request.max_size(),
        })?;
        let szx = szx.min(asked.map_or(szx, |b| b.szx));
        let first = Block { num: 0, more: false, szx };
        let (block, slice) = first.cut(bytes, most).ok_or(BodyError::BehindEnd(0))?;
        if bytes.len() > first.size() * (MAX_NUM as usize + 1) {
            return Err(BodyError::TooManyBlocks(bytes.len()));
        }
        request.update_option(Number::BLOCK1, &block.encode())?;
        request.update_option(Number::SIZE1, &encode_uint(bytes.len() as u64))?;
        if request.option(Number::REQUEST_TAG).is_none() {
            request.add_option(Number::REQUEST_TAG, tag)?;
        }
        request.set_payload(slice)?;
        let sent = slice.len();
        Ok(Some(Upload { body: Shared::clone(body), block, sent }))
    }

    /// What the response to the last block means. The server may ask for smaller blocks, by the
    /// size that it acknowledges (RFC 7959 §2.3, §2.9.3).
    pub fn answer(&self, response: &Pdu) -> Answer {
        let block = Block::on_stream(response, Number::BLOCK1).ok().flatten();
        let total = (*self.body).as_ref().len();
        let szx = block.map_or(self.block.szx, |b| b.szx.min(self.block.szx));
        let code = response.code();
        let offset = match block {
            Some(b) if code == Code::REQUEST_ENTITY_TOO_LARGE => {
                // Smaller blocks may do, if the first one was too large.
                let again = self.block.num == 0 && b.szx < self.block.szx;
                again.then_some(0)
            }
            Some(_) if code.class() == 2 => Some(self.block.offset() + self.sent),
            None if code == Code::CONTINUE => Some(self.block.offset() + self.sent),
            _ => None,
        };
        let next = offset.filter(|o| *o < total).and_then(|o| Block::at(o, szx));
        next.map_or(Answer::Final, Answer::Next)
    }

    /// The bytes of a block, and whether more follow; one of several kilobytes has as many as there is
    /// `room` for.
    pub fn cut(&self, block: Block, room: usize) -> Option<(Block, &[u8])> {
        block.cut((*self.body).as_ref(), room)
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of {} bytes", self.block, (*self.body).as_ref().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Mid, Type};
    use std::sync::Arc;

    fn body(len: usize) -> Shared {
        Arc::new((0..len).map(|i| i as u8).collect::<Vec<u8>>())
    }

    fn request() -> Pdu {
        let mut pdu = Pdu::new(Type::Confirmable, Code::PUT, Mid(1), 1148);
        pdu.add_option(Number::URI_PATH, b"a").unwrap();
        pdu
    }

    fn response(code: Code, block: Option<(u32, bool, u8)>) -> Pdu {
        let mut pdu = Pdu::new(Type::Acknowledgement, code, Mid(1), 1148);
        if let Some((num, more, szx)) = block {
            pdu.add_option(Number::BLOCK1, &Block { num, more, szx }.encode()).unwrap();
        }
        pdu
    }

    fn begun(len: usize) -> Upload {
        Upload::begin(&mut request(), &body(len), 6, b"tag").unwrap().unwrap()
    }

    #[test]
    fn a_body_that_fits_goes_into_the_request_as_it_is() {
        let mut pdu = request();
        assert!(Upload::begin(&mut pdu, &body(1095), 6, b"tag").unwrap().is_none());
        assert_eq!(pdu.payload().unwrap().len(), 1095);
        assert!(pdu.option(Number::BLOCK1).is_none() && pdu.option(Number::REQUEST_TAG).is_none());
    }

    #[test]
    fn a_larger_one_begins_with_a_block_its_size_and_a_tag() {
        let mut pdu = request();
        let upload = Upload::begin(&mut pdu, &body(1096), 6, b"tag").unwrap().unwrap();
        assert_eq!(upload.block, Block { num: 0, more: true, szx: 6 });
        assert_eq!(pdu.option(Number::BLOCK1).unwrap().value, [0x0e]);
        assert_eq!(pdu.option_uint(Number::SIZE1), Some(1096));
        assert_eq!(pdu.option(Number::REQUEST_TAG).unwrap().value, b"tag");
        assert_eq!(pdu.payload().unwrap().len(), 1024);
    }

    #[test]
    fn the_application_chooses_smaller_blocks_or_one_block_of_its_own() {
        let mut pdu = request();
        pdu.add_option(Number::BLOCK1, &[0x04]).unwrap();
        let upload = Upload::begin(&mut pdu, &body(1000), 6, b"tag").unwrap().unwrap();
        assert_eq!(upload.block, Block { num: 0, more: true, szx: 4 });
        let mut pdu = request();
        pdu.add_option(Number::BLOCK1, &[0x34]).unwrap();
        assert!(Upload::begin(&mut pdu, &body(1000), 6, b"tag").unwrap().is_none());
        assert_eq!(pdu.payload().unwrap().len(), 1000 - 768);
        let mut pdu = request();
        pdu.add_option(Number::BLOCK1, &[0x44]).unwrap();
        let behind = Upload::begin(&mut pdu, &body(1000), 6, b"tag").err();
        assert_eq!(behind, Some(BodyError::BehindEnd(4)));
    }

    #[test]
    fn more_blocks_than_numbers_are_refused() {
        let mut pdu = request();
        pdu.set_max_size(pdu.used_size() + 8 + 1 + 42 + 16);
        assert_eq!(
            Upload::begin(&mut pdu, &body((16 << 20) + 1), 6, b"tag").err(),
            Some(BodyError::TooManyBlocks((16 << 20) + 1))
        );
    }

    #[test]
    fn an_acknowledged_block_is_followed_by_the_next_one() {
        let upload = begun(2500);
        let next = |num, szx| Answer::Next(Block { num, more: false, szx });
        assert_eq!(upload.answer(&response(Code::CONTINUE, Some((0, true, 6)))), next(1, 6));
        assert_eq!(upload.answer(&response(Code::CONTINUE, None)), next(1, 6));
        // A server that handles each block by itself.
        assert_eq!(upload.answer(&response(Code::CHANGED, Some((0, false, 6)))), next(1, 6));
        // Smaller blocks from here on: 1024 bytes are there.
        assert_eq!(upload.answer(&response(Code::CONTINUE, Some((0, true, 4)))), next(4, 4));
        // Smaller blocks from the beginning.
        assert_eq!(upload.answer(&response(Code::REQUEST_ENTITY_TOO_LARGE, Some((0, true, 4)))), next(0, 4));
    }

    #[test]
    fn what_else_comes_is_the_response() {
        let mut upload = begun(2500);
        for code in [Code::CHANGED, Code::NOT_FOUND, Code::REQUEST_ENTITY_INCOMPLETE] {
            assert_eq!(upload.answer(&response(code, None)), Answer::Final);
        }
        let too_large = response(Code::REQUEST_ENTITY_TOO_LARGE, Some((0, true, 6)));
        assert_eq!(upload.answer(&too_large), Answer::Final);
        upload.block = Block { num: 2, more: false, szx: 6 };
        assert_eq!(upload.answer(&response(Code::CHANGED, Some((2, false, 6)))), Answer::Final);
    }
}
