//! The bytes of a file: what it began with, and the changes since.
//!
//! ```text
//! "coap3kept\n"  version  kind   then frames:  length  ~length  changes  digest
//! 10 bytes       1        1                    4       4        length   32
//! ```
//!
//! Numbers are big-endian. The first frame has all there was when the file was written as a whole;
//! each of the others has what was appended at once. A change is `+` and a record, or `-` and the key
//! of one. The digest is the SHA-256 of the digest before, of which the first is that of the head, and
//! the frame up to there: a frame belongs where it is and in no other file.
//!
//! A process that is killed while it appends leaves the beginning of a frame at the end of the file;
//! a machine that loses its power may leave zeroes there. Nobody was told of what that frame would
//! have said, so it is dropped. Anything else that is not as it was written is refused as a whole:
//! with the length twice, a length that has changed is no torn frame.
//!
//! The digests find what was changed by accident; they keep nobody from writing a file that is
//! well-formed, so what is read is still checked like what comes from the network.

use super::record::{Field, Fields, Record, Rest, TooLong};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

const MAGIC: &[u8; 10] = b"coap3kept\n";
const VERSION: u8 = 2;
const HEAD: usize = MAGIC.len() + 2;
const DIGEST: usize = 32;

/// No file gets larger: it would be no use to keep so much.
pub const MAX_FILE: u64 = 1 << 30;

/// Why bytes are not such a file, or cannot become one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FormatError {
    /// It does not begin as one.
    #[error("it is not a file of this library")]
    Foreign,
    /// It was written by a library that knows another format.
    #[error("its format has version {0}, and only version {VERSION} is known")]
    Version(u8),
    /// It keeps something else.
    #[error("it keeps something else than is asked for")]
    Kind,
    /// Its beginning is not whole, or some of it has changed.
    #[error("it is torn or changed")]
    Torn,
    /// The digest is right and the content makes no sense.
    #[error("a record in it makes no sense")]
    Senseless,
    /// There is more to keep than a file can say.
    #[error("there is too much to keep")]
    TooLarge,
}

impl From<TooLong> for FormatError {
    fn from(_: TooLong) -> Self {
        FormatError::TooLarge
    }
}

/// Where the next frame goes: the digest of all before it.
#[derive(Debug)]
pub struct Chain([u8; DIGEST]);

impl Chain {
    fn begin(head: &[u8]) -> Self {
        Chain(Sha256::digest(head).into())
    }

    fn digest(&self, frame: &[u8]) -> [u8; DIGEST] {
        Sha256::new().chain_update(self.0).chain_update(frame).finalize().into()
    }

    fn frame(&mut self, changes: &Changes) -> Result<Vec<u8>, FormatError> {
        let changes = &changes.0.0;
        let length = u32::try_from(changes.len()).map_err(|_| FormatError::TooLarge)?;
        let mut frame = Vec::with_capacity(8 + changes.len() + DIGEST);
        frame.extend_from_slice(&length.to_be_bytes());
        frame.extend_from_slice(&(!length).to_be_bytes());
        frame.extend_from_slice(changes);
        let digest = self.digest(&frame);
        frame.extend_from_slice(&digest);
        self.0 = digest;
        Ok(frame)
    }

    /// Takes the next frame off, and gives its changes.
    fn next<'a>(&mut self, rest: &mut Rest<'a>) -> Result<&'a [u8], Broken> {
        let frame = rest.0;
        let length = u32::from_be_bytes(rest.array().ok_or(Broken::Early)?);
        if rest.array() != Some((!length).to_be_bytes()) {
            let is_early = frame.get(8..).is_none_or(is_unwritten);
            return Err(if is_early { Broken::Early } else { Broken::Changed });
        }
        let changes = usize::try_from(length).ok().and_then(|n| rest.slice(n)).ok_or(Broken::Early)?;
        let digest = rest.array::<DIGEST>().ok_or(Broken::Early)?;
        let digested = frame.get(..8 + changes.len()).ok_or(Broken::Early)?;
        if digest != self.digest(digested) {
            let is_early = rest.0.is_empty() && digest.ends_with(UNWRITTEN);
            return Err(if is_early { Broken::Early } else { Broken::Changed });
        }
        self.0 = digest;
        Ok(changes)
    }
}

/// What the system shows where it has made a file longer and has not written what belongs there.
const UNWRITTEN: &[u8] = &[0; 4];

fn is_unwritten(bytes: &[u8]) -> bool {
    bytes.ends_with(UNWRITTEN) && bytes.iter().all(|byte| *byte == 0)
}

/// What is wrong with a frame.
enum Broken {
    /// It ends early.
    Early,
    /// It is not as it was written.
    Changed,
}

/// What one frame says.
#[derive(Default)]
pub struct Changes(Fields);

impl Changes {
    /// A record is new, or takes the place of another.
    pub fn put<R: Record>(&mut self, record: &R) -> Result<(), FormatError> {
        self.0.0.push(b'+');
        Ok(record.put(&mut self.0)?)
    }

    /// The record with this key is gone.
    pub fn remove<K: Field>(&mut self, key: &K) -> Result<(), FormatError> {
        self.0.0.push(b'-');
        Ok(key.put(&mut self.0)?)
    }
}

/// The bytes of a file with these records, and where changes go on. Without records there are no
/// bytes, and no changes can be appended.
pub fn whole<'a, R: Record + 'a>(
    records: impl IntoIterator<Item = &'a R>,
) -> Result<(Vec<u8>, Chain), FormatError> {
    let mut changes = Changes::default();
    records.into_iter().try_for_each(|record| changes.put(record))?;
    let mut bytes = [MAGIC.as_slice(), &[VERSION, R::KIND]].concat();
    let mut chain = Chain::begin(&bytes);
    if changes.0.0.is_empty() {
        return Ok((Vec::new(), chain));
    }
    bytes.append(&mut chain.frame(&changes)?);
    if bytes.len() as u64 > MAX_FILE {
        return Err(FormatError::TooLarge);
    }
    Ok((bytes, chain))
}

/// The bytes that say what has changed since.
pub fn appended(chain: &mut Chain, changes: &Changes) -> Result<Vec<u8>, FormatError> {
    chain.frame(changes)
}

/// What a file says.
#[derive(PartialEq, Eq, Debug)]
pub struct Content<R> {
    /// The records that are left after all changes, in the order of their keys.
    pub records: Vec<R>,
    /// How many bytes of a torn frame there are behind them.
    pub torn: usize,
}

/// Reads a file. No bytes at all are a file without records.
pub fn read<R: Record>(bytes: &[u8]) -> Result<Content<R>, FormatError> {
    let mut records = BTreeMap::new();
    let mut torn = 0;
    if !bytes.is_empty() {
        let mut rest = Rest(bytes);
        let mut chain = Chain::begin(head::<R>(&mut rest)?);
        let first = chain.next(&mut rest).map_err(|_| FormatError::Torn)?;
        apply::<R>(&mut records, first).ok_or(FormatError::Senseless)?;
        while !rest.0.is_empty() {
            let left = rest.0.len();
            match chain.next(&mut rest) {
                Ok(changes) => apply::<R>(&mut records, changes).ok_or(FormatError::Senseless)?,
                Err(Broken::Changed) => return Err(FormatError::Torn),
                Err(Broken::Early) => {
                    torn = left;
                    break;
                }
            }
        }
    }
    Ok(Content { records: records.into_values().collect(), torn })
}

fn head<'a, R: Record>(rest: &mut Rest<'a>) -> Result<&'a [u8], FormatError> {
    let seen = rest.0.len().min(MAGIC.len());
    if rest.0.get(..seen) != MAGIC.get(..seen) {
        return Err(FormatError::Foreign);
    }
    let head = rest.slice(HEAD).ok_or(FormatError::Torn)?;
    match head {
        [.., VERSION, kind] if *kind == R::KIND => Ok(head),
        [.., VERSION, _] => Err(FormatError::Kind),
        [.., version, _] => Err(FormatError::Version(*version)),
        _ => Err(FormatError::Torn),
    }
}

fn apply<R: Record>(records: &mut BTreeMap<R::Key, R>, changes: &[u8]) -> Option<()> {
    let mut rest = Rest(changes);
    while !rest.0.is_empty() {
        match rest.array()? {
            [b'+'] => {
                let record = R::take(&mut rest)?;
                records.insert(record.key(), record);
            }
            [b'-'] => drop(records.remove(&Field::take(&mut rest)?)),
            _ => return None,
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::record::{Counter, DynamicResource, Observer};
    use super::*;
    use proptest::prelude::*;

    fn counter(path: &str, below: u32) -> Counter {
        Counter { path: path.into(), below }
    }

    fn counters() -> Vec<Counter> {
        vec![counter("", 0), counter("a/b", 0xff_ffff), counter("r", 2)]
    }

    /// A file with one frame whose digest is right.
    fn sealed(head: [u8; 2], changes: &[u8]) -> Vec<u8> {
        let mut bytes = [MAGIC.as_slice(), &head].concat();
        let mut chain = Chain::begin(&bytes);
        bytes.append(&mut chain.frame(&Changes(Fields(changes.into()))).unwrap());
        bytes
    }

    fn records<R: Record>(bytes: &[u8]) -> Result<Vec<R>, FormatError> {
        read(bytes).map(|content| content.records)
    }

    #[test]
    fn an_empty_file_has_no_records_and_no_records_are_an_empty_file() {
        assert_eq!(records::<Counter>(b""), Ok(Vec::new()));
        assert!(whole::<Counter>(&[]).unwrap().0.is_empty());
    }

    #[test]
    fn a_beginning_that_is_not_whole_is_refused() {
        let (whole, _) = whole(&counters()).unwrap();
        for length in 1..whole.len() {
            assert_eq!(records::<Counter>(&whole[..length]), Err(FormatError::Torn), "{length} bytes");
        }
    }

    #[test]
    fn every_changed_bit_is_refused_also_of_the_last_change() {
        let (mut whole, mut chain) = whole(&counters()).unwrap();
        for below in [3, 4] {
            let mut changes = Changes::default();
            changes.put(&counter("r", below)).unwrap();
            whole.append(&mut appended(&mut chain, &changes).unwrap());
        }
        assert_eq!(records::<Counter>(&whole).unwrap()[2], counter("r", 4));
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(records::<Counter>(&bytes).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn frames_stay_where_they_were_written() {
        let (whole, mut chain) = whole(&counters()).unwrap();
        let mut changes = Changes::default();
        changes.remove(&b"r".to_vec()).unwrap();
        let frame = appended(&mut chain, &changes).unwrap();
        let twice = [whole.as_slice(), &frame, &frame].concat();
        assert_eq!(records::<Counter>(&twice), Err(FormatError::Torn));
    }

    #[test]
    fn zeroes_that_a_loss_of_power_leaves_are_a_torn_end_and_other_bytes_are_not() {
        let (whole, mut chain) = whole(&counters()).unwrap();
        let mut changes = Changes::default();
        changes.put(&counter("r", 3)).unwrap();
        let frame = appended(&mut chain, &changes).unwrap();
        for written in 0..frame.len() {
            let mut end = vec![0; frame.len()];
            end[..written].copy_from_slice(&frame[..written]);
            let content = read::<Counter>(&[whole.as_slice(), &end].concat());
            match frame.len() - written {
                ..4 => assert_eq!(content, Err(FormatError::Torn), "{written}"),
                _ => assert_eq!(content, Ok(Content { records: counters(), torn: frame.len() }), "{written}"),
            }
        }
        assert_eq!(read::<Counter>(&[whole.as_slice(), b"some text"].concat()), Err(FormatError::Torn));
    }

    #[test]
    fn the_reason_names_what_is_wrong() {
        assert_eq!(records::<Counter>(b"r 2\nn 6\n"), Err(FormatError::Foreign));
        assert_eq!(records::<Counter>(&sealed([1, b'N'], b"")), Err(FormatError::Version(1)));
        assert_eq!(records::<Observer>(&whole(&counters()).unwrap().0), Err(FormatError::Kind));
        for senseless in [b"+\0\0\0\x09r".as_slice(), b"-", b"?", b"+\xff\xff\xff\xff"] {
            assert_eq!(records::<Counter>(&sealed([2, b'N'], senseless)), Err(FormatError::Senseless));
        }
    }

    /// A history: each step is what one frame says.
    fn history() -> impl Strategy<Value = Vec<Vec<(u8, Option<u32>)>>> {
        let change = (0..6_u8, proptest::option::of(any::<u32>()));
        proptest::collection::vec(proptest::collection::vec(change, 0..4), 1..8)
    }

    proptest! {
        #[test]
        fn a_file_cut_anywhere_says_what_was_true_once_or_is_refused(history in history()) {
            let mut truth = BTreeMap::new();
            let (mut bytes, mut chain) = whole(&counters()).unwrap();
            counters().into_iter().for_each(|c| drop(truth.insert(c.path.clone(), c)));
            let mut states = vec![(bytes.len(), truth.clone())];
            for step in history {
                let mut changes = Changes::default();
                for (path, below) in step {
                    let path = vec![path];
                    if let Some(below) = below {
                        let record = Counter { path: path.clone(), below };
                        changes.put(&record).unwrap();
                        truth.insert(path, record);
                    } else {
                        changes.remove(&path).unwrap();
                        truth.remove(&path);
                    }
                }
                bytes.append(&mut appended(&mut chain, &changes).unwrap());
                states.push((bytes.len(), truth.clone()));
            }
            for length in 1..=bytes.len() {
                let content = read::<Counter>(&bytes[..length]);
                match states.iter().rfind(|(end, _)| *end <= length) {
                    None => prop_assert_eq!(content, Err(FormatError::Torn)),
                    Some((end, state)) => {
                        let records = state.values().cloned().collect();
                        prop_assert_eq!(content, Ok(Content { records, torn: length - end }));
                    }
                }
            }
        }

        #[test]
        fn no_content_behind_a_right_digest_panics(body: Vec<u8>, kind in prop_oneof![Just(b'R'), Just(b'O'), Just(b'N')]) {
            let bytes = sealed([2, kind], &body);
            let _ = (records::<Observer>(&bytes), records::<Counter>(&bytes), records::<DynamicResource>(&bytes));
        }
    }
}
