//! Which blocks a request asks for by its Q-Block2 options (RFC 9177 §4.4).

use crate::message::pdu::PduError;
use crate::message::{Number, Pdu};
use crate::protocol::block::{Block, BodyError, MAX_SZX};
use core::ops::Range;

/// What a request asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// It says nothing of that, or asks for all of the body, with blocks of at most this size.
    All(Option<u8>),
    /// The sets up to this block have come: the next may go.
    Continue(Block),
    /// These blocks, in ascending order, each once. Never empty.
    Blocks {
        /// Their size.
        szx: u8,
        /// Their numbers.
        nums: Vec<Range<u32>>,
    },
}

impl Wanted {
    /// Whether it is the first block and no other.
    pub fn is_first_alone(&self) -> bool {
        matches!(self, Wanted::Blocks { nums, .. } if nums.iter().map(|n| n.end).eq([1]))
    }

    /// Reads the options. Numbers must ascend, or the request is a bad one; a block that two options
    /// ask for comes once.
    pub fn of(request: &Pdu, max_payloads: u16) -> Result<Wanted, BodyError> {
        let per_set = u32::from(max_payloads.max(1));
        let mut options = request.options().filter(|o| o.number == Number::Q_BLOCK2);
        let Some(first) = options.next() else { return Ok(Wanted::All(None)) };
        // The reserved size is none (RFC 7959 §2.2).
        let first = Block::decode(first.value).filter(|b| b.szx <= MAX_SZX).ok_or(BodyError::Malformed)?;
        let rest: Vec<Block> = options
            .map(|o| Block::decode(o.value).filter(|b| b.szx == first.szx).ok_or(BodyError::Malformed))
            .collect::<Result<_, _>>()?;
        if rest.is_empty() && first.more && first.num.is_multiple_of(per_set) {
            return Ok(match first.num {
                0 => Wanted::All(Some(first.szx)),
                _ => Wanted::Continue(first),
            });
        }
        let mut nums: Vec<Range<u32>> = Vec::new();
        let mut last = None;
        for block in core::iter::once(first).chain(rest) {
            if last.is_some_and(|last| block.num <= last) {
                return Err(BodyError::Malformed);
            }
            last = Some(block.num);
            // With M set: this one and what is left of its set.
            let end = if block.more { (block.num / per_set + 1) * per_set } else { block.num + 1 };
            let from = nums.last().map_or(block.num, |before| block.num.max(before.end));
            if from < end {
                nums.push(from..end);
            }
        }
        Ok(Wanted::Blocks { szx: first.szx, nums })
    }
}

/// Adds the options that ask for these blocks, as many as have room. With `by_set`, what is missing to
/// the end of a set of the `count` blocks is asked for by one option, where that does not mean
/// another thing.
pub fn ask_for(
    request: &mut Pdu,
    missing: &[u32],
    szx: u8,
    max_payloads: u16,
    count: Option<u32>,
    by_set: bool,
) -> Result<(), PduError> {
    let per_set = u32::from(max_payloads.max(1));
    request.remove_option(Number::Q_BLOCK2);
    let mut rest = missing;
    let mut is_first = true;
    while let Some(&num) = rest.first() {
        let set_end = (num / per_set + 1) * per_set;
        let end = count.map_or(set_end, |count| set_end.min(count));
        let left = (end - num) as usize;
        let is_run = left > 1 && rest.len() >= left && (num..end).eq(rest.iter().copied().take(left));
        let more = by_set && is_run && !num.is_multiple_of(per_set);
        let added = request.add_option(Number::Q_BLOCK2, &Block { num, more, szx }.encode());
        if let Err(e) = added {
            return if is_first { Err(e) } else { Ok(()) };
        }
        is_first = false;
        rest = rest.get(if more { left } else { 1 }..).unwrap_or(&[]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Code, Mid, Type};
    use proptest::prelude::*;

    fn request(blocks: &[(u32, bool)]) -> Pdu {
        let mut pdu = Pdu::new(Type::NonConfirmable, Code::GET, Mid(1), 1148);
        for (num, more) in blocks {
            pdu.add_option(Number::Q_BLOCK2, &Block { num: *num, more: *more, szx: 6 }.encode()).unwrap();
        }
        pdu
    }

    fn wanted(blocks: &[(u32, bool)]) -> Result<Wanted, BodyError> {
        Wanted::of(&request(blocks), 10)
    }

    fn nums(blocks: &[(u32, bool)]) -> Vec<u32> {
        match wanted(blocks) {
            Ok(Wanted::Blocks { nums, .. }) => nums.into_iter().flatten().collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn block_zero_with_m_is_the_body_and_the_first_of_a_set_the_next_set() {
        assert_eq!(wanted(&[]), Ok(Wanted::All(None)));
        assert_eq!(wanted(&[(0, true)]), Ok(Wanted::All(Some(6))));
        assert_eq!(wanted(&[(20, true)]), Ok(Wanted::Continue(Block { num: 20, more: true, szx: 6 })));
    }

    #[test]
    fn one_block_is_one_block_and_with_m_the_rest_of_its_set() {
        assert_eq!(nums(&[(0, false)]), [0]);
        assert_eq!(nums(&[(20, false)]), [20]);
        assert_eq!(nums(&[(17, true)]), [17, 18, 19]);
        assert_eq!(nums(&[(1, false), (3, false), (17, true), (22, false)]), [1, 3, 17, 18, 19, 22]);
    }

    #[test]
    fn a_block_that_two_options_ask_for_comes_once() {
        assert_eq!(nums(&[(17, true), (18, true), (19, false), (25, false)]), [17, 18, 19, 25]);
    }

    #[test]
    fn numbers_that_do_not_ascend_are_refused() {
        assert_eq!(wanted(&[(3, false), (3, false)]), Err(BodyError::Malformed));
        assert_eq!(wanted(&[(3, false), (2, true)]), Err(BodyError::Malformed));
    }

    #[test]
    fn a_value_that_is_no_block_is_refused() {
        let mut pdu = request(&[(1, false)]);
        pdu.add_option(Number::Q_BLOCK2, &[0x2f]).unwrap();
        assert_eq!(Wanted::of(&pdu, 10), Err(BodyError::Malformed));
        for value in [&[0x0f][..], &[0x17], &[1, 2, 3, 4]] {
            let mut pdu = request(&[]);
            pdu.add_option(Number::Q_BLOCK2, value).unwrap();
            assert_eq!(Wanted::of(&pdu, 10), Err(BodyError::Malformed), "{value:x?}");
        }
    }

    #[test]
    fn the_rest_of_a_set_is_asked_for_by_one_option() {
        let mut pdu = request(&[]);
        ask_for(&mut pdu, &[1, 7, 8, 9, 12], 6, 10, Some(13), true).unwrap();
        let options: Vec<_> = pdu.options().map(|o| Block::decode(o.value).unwrap()).collect();
        assert_eq!(
            options.iter().map(|b| (b.num, b.more)).collect::<Vec<_>>(),
            [(1, false), (7, true), (12, false)]
        );
    }

    proptest! {
        #[test]
        fn what_is_asked_for_is_what_is_wanted(
            set in proptest::collection::btree_set(0..60u32, 1..40),
            by_set in any::<bool>(),
        ) {
            let missing: Vec<u32> = set.into_iter().collect();
            let mut pdu = request(&[]);
            ask_for(&mut pdu, &missing, 6, 10, Some(60), by_set).unwrap();
            let Wanted::Blocks { nums, szx: 6 } = Wanted::of(&pdu, 10).unwrap() else { panic!() };
            prop_assert_eq!(nums.into_iter().flatten().collect::<Vec<_>>(), missing);
        }
    }
}
