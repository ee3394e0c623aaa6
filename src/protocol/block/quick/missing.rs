//! application/missing-blocks+cbor-seq: the numbers of missing blocks, ascending, as a CBOR sequence
//! of unsigned integers (RFC 9177 §5).

use crate::message::{Code, Number, Pdu};
use crate::protocol::block::MAX_NUM;
use minicbor::{Decoder, Encoder};

/// Its Content-Format (RFC 9177 §12.3).
pub const CONTENT_FORMAT: u16 = 272;

/// What is no list of missing blocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no ascending list of block numbers")]
pub struct NoList;

/// Whether a response asks for missing blocks. Any other 4.08 is an end (RFC 9177 §4.3).
pub fn is_list(response: &Pdu) -> bool {
    response.code() == Code::REQUEST_ENTITY_INCOMPLETE
        && response.option_uint(Number::CONTENT_FORMAT) == Some(CONTENT_FORMAT.into())
}

/// A list of these blocks, of which as many are taken as have room.
pub fn list(missing: &[u32], room: usize) -> Vec<u8> {
    let mut list = Vec::new();
    for num in missing {
        let before = list.len();
        // A vector takes all that is written.
        let _ = Encoder::new(&mut list).u32(*num);
        if list.len() > room {
            list.truncate(before);
            break;
        }
    }
    list
}

/// The blocks that a list names. One that stands there twice in a row counts once; what is not in
/// order, or no block number, makes the list void (RFC 9177 §5).
pub fn read_list(list: &[u8]) -> Result<Vec<u32>, NoList> {
    let mut decoder = Decoder::new(list);
    let mut missing: Vec<u32> = Vec::new();
    while decoder.position() < list.len() {
        let num = decoder.u32().map_err(|_| NoList)?;
        if num > MAX_NUM || missing.last().is_some_and(|last| *last > num) {
            return Err(NoList);
        }
        if missing.last() != Some(&num) {
            missing.push(num);
        }
    }
    if missing.is_empty() { Err(NoList) } else { Ok(missing) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn numbers_are_cbor_of_the_shortest_form_one_behind_the_other() {
        let bytes = list(&[1, 23, 24, 255, 256, 65_536], 100);
        assert_eq!(bytes, [1, 23, 24, 24, 24, 255, 25, 1, 0, 26, 0, 1, 0, 0]);
        assert_eq!(read_list(&bytes).unwrap(), [1, 23, 24, 255, 256, 65_536]);
    }

    #[test]
    fn a_list_ends_where_the_message_has_no_more_room() {
        assert_eq!(list(&[1, 2, 300, 4], 4), [1, 2]);
        assert_eq!(list(&[300], 2), []);
    }

    #[test]
    fn what_stands_there_twice_counts_once() {
        assert_eq!(read_list(&[1, 1, 1, 2]).unwrap(), [1, 2]);
    }

    #[test]
    fn a_list_that_is_none_is_void() {
        for bytes in [
            &[][..],
            &[2, 1],
            &[0x20],
            &[0x61, b'a'],
            &[0x82, 1, 2],
            &[0x18],
            &[1, 0x19, 1],
            &[0x1a, 0, 0x10, 0, 0],
            &[0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[0xff],
            &[0xf6],
            &[0xfb, 0, 0, 0, 0, 0, 0, 0, 0],
        ] {
            assert_eq!(read_list(bytes), Err(NoList), "{bytes:x?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(set in proptest::collection::btree_set(0..=MAX_NUM, 1..300)) {
            let missing: Vec<u32> = set.into_iter().collect();
            prop_assert_eq!(read_list(&list(&missing, 1500)).unwrap(), missing.clone());
            let some = list(&missing, 50);
            prop_assert!(some.len() <= 50);
            prop_assert!(missing.starts_with(&read_list(&some).unwrap()));
        }

        #[test]
        fn whatever_comes_is_no_list_or_one_that_ascends(
            bytes in proptest::collection::vec(any::<u8>(), 0..1200),
        ) {
            if let Ok(missing) = read_list(&bytes) {
                prop_assert!(missing.len() <= bytes.len());
                let set: BTreeSet<u32> = missing.iter().copied().collect();
                prop_assert_eq!(set.into_iter().collect::<Vec<_>>(), missing);
            }
        }
    }
}
