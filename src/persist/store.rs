//! The records of one file, and what of them is to be written down.
//!
//! A change costs what it is long: it is appended. When the changes have become more than twice what
//! the file began with, it is written as a whole, which they have paid for.

use super::file::{self, Beside, FileError, Journal};
use super::format::Changes;
use super::record::Record;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A file as it was found, before anything is written.
pub struct Found<R> {
    path: PathBuf,
    exists: bool,
    records: Vec<R>,
    torn: usize,
}

impl<R: Record> Found<R> {
    /// Reads a file. If there is none, it has no records.
    pub fn read(path: PathBuf) -> Result<Self, FileError> {
        Ok(match file::read(&path)? {
            Some(content) => Found { path, exists: true, records: content.records, torn: content.torn },
            None => Found { path, exists: false, records: Vec::new(), torn: 0 },
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many bytes of a change there were that was never complete, and does not count.
    pub fn torn(&self) -> usize {
        self.torn
    }

    /// Writes what it says anew, beside it: a place that cannot be written to is found before
    /// anything depends on it.
    pub fn claim(self) -> Result<Claim<R>, FileError> {
        let beside = Beside::write(&self.path, &self.records)?;
        Ok(Claim { found: self, beside })
    }
}

/// A file for which a new version lies ready.
pub struct Claim<R> {
    found: Found<R>,
    beside: Beside,
}

impl<R: Record> Claim<R> {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.found.path
    }

    /// Puts the new version in place, if there was a file.
    pub fn place(self) -> Result<Opened<R>, FileError> {
        let Found { path, exists, records, .. } = self.found;
        if exists {
            self.beside.place()?;
        }
        let (none, touched) = (BTreeMap::new(), BTreeSet::new());
        Ok((Store { path, records: none, touched, stale: exists, journal: None }, records))
    }
}

/// A store without records, and those that its file has.
pub type Opened<R> = (Store<R>, Vec<R>);

/// The records that belong in a file.
pub struct Store<R: Record> {
    path: PathBuf,
    records: BTreeMap<R::Key, R>,
    /// What has changed since the file was written.
    touched: BTreeSet<R::Key>,
    /// The file has records that are not among these.
    stale: bool,
    /// The file, if it says what the records were before they were touched.
    journal: Option<Journal>,
}

impl<R: Record> Store<R> {
    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The record with this key.
    pub fn get(&self, key: &R::Key) -> Option<&R> {
        self.records.get(key)
    }

    /// All of them, in the order of their keys.
    pub fn records(&self) -> impl Iterator<Item = &R> {
        self.records.values()
    }

    /// Takes a record in, for one with the same key if there is one.
    pub fn put(&mut self, record: R) {
        let key = record.key();
        self.records.insert(key.clone(), record);
        self.touched.insert(key);
    }

    /// Takes a record out.
    pub fn remove(&mut self, key: &R::Key) {
        if self.records.remove(key).is_some() {
            self.touched.insert(key.clone());
        }
    }

    /// Whether the file says something else than the records.
    pub fn is_changed(&self) -> bool {
        self.stale || !self.touched.is_empty()
    }

    /// Makes the file say what the records are. If that fails, the file says what it said before.
    pub fn save(&mut self) -> Result<(), FileError> {
        if !self.is_changed() {
            return Ok(());
        }
        let appended = match self.journal.take() {
            Some(journal) if journal.takes_more() && !self.records.is_empty() => {
                journal.append(&self.changes()?)
            }
            _ => Beside::write(&self.path, self.records.values())?.place(),
        };
        // What cannot be appended, because the file is full, may fit into one that is written anew.
        let journal = appended.or_else(|_| Beside::write(&self.path, self.records.values())?.place())?;
        self.journal = Some(journal);
        self.touched.clear();
        self.stale = false;
        Ok(())
    }

    fn changes(&self) -> Result<Changes, FileError> {
        let mut changes = Changes::default();
        for key in &self.touched {
            match self.records.get(key) {
                Some(record) => changes.put(record)?,
                None => changes.remove(key)?,
            }
        }
        Ok(changes)
    }
}

#[cfg(test)]
mod tests {
    use super::super::file::{SLACK, TestDirectory};
    use super::super::{DynamicResource, FormatError};
    use super::*;
    use std::fs::{self, File};
    use std::os::unix::fs::MetadataExt;

    fn record(name: u32, size: usize) -> DynamicResource {
        DynamicResource { path: name.to_be_bytes().into(), packet: vec![b'x'; size] }
    }

    fn key(name: u32) -> Vec<u8> {
        name.to_be_bytes().into()
    }

    fn open(path: &Path) -> Opened<DynamicResource> {
        Found::read(path.into()).unwrap().claim().unwrap().place().unwrap()
    }

    /// Counts the bytes that are written into a file.
    struct Meter {
        path: PathBuf,
        last: (u64, u64),
        written: u64,
    }

    impl Meter {
        fn new(path: &Path) -> Self {
            Meter { path: path.into(), last: (0, 0), written: 0 }
        }

        fn save(&mut self, store: &mut Store<DynamicResource>) -> u64 {
            store.save().unwrap();
            let now = fs::metadata(&self.path).unwrap();
            let grown = if now.ino() == self.last.0 { now.len() - self.last.1 } else { now.len() };
            self.last = (now.ino(), now.len());
            self.written += grown;
            grown
        }
    }

    /// What is written for a registration does not depend on how many there are.
    #[test]
    fn a_change_costs_what_it_is_long_however_many_records_there_are() {
        let dir = TestDirectory::new("cost");
        let costs = [1, 100, 10_000].map(|count| {
            let path = dir.file(&count.to_string());
            let (mut store, _) = open(&path);
            let mut meter = Meter::new(&path);
            (0..count).for_each(|name| store.put(record(name, 60)));
            meter.save(&mut store);
            let changes = [count, count + 1, count + 2].map(|name| {
                store.put(record(name, 60));
                meter.save(&mut store)
            });
            store.remove(&key(0));
            (changes, meter.save(&mut store))
        });
        let added = 8 + 1 + (4 + 4) + (4 + 60) + 32;
        let removed = 8 + 1 + (4 + 4) + 32;
        assert_eq!(costs, [([added; 3], removed); 3]);
    }

    /// All that comes goes again: neither the file nor what it costs grows with that.
    #[test]
    fn a_file_with_more_changes_than_records_is_written_anew() {
        let dir = TestDirectory::new("anew");
        let path = dir.file("kept");
        let (mut store, _) = open(&path);
        let mut meter = Meter::new(&path);
        let (mut appended, mut largest) = (0, 0);
        for round in 0..40_u32 {
            for name in 0..200 {
                store.remove(&key((name + 200 * round).wrapping_sub(200)));
                store.put(record(name + 200 * round, 60));
            }
            appended += 200 * (1 + 8 + 64) + 200 * (1 + 8) + 40;
            meter.save(&mut store);
            largest = largest.max(meter.last.1);
        }
        assert!(largest < 2 * SLACK, "{largest} bytes");
        assert!(meter.written < 2 * appended, "{} bytes", meter.written);
        assert_eq!(open(&path).1.len(), 200);
    }

    #[test]
    fn a_file_that_somebody_removed_is_there_again_with_the_next_change() {
        let dir = TestDirectory::new("removed");
        let path = dir.file("kept");
        let (mut store, _) = open(&path);
        store.put(record(1, 1));
        store.save().unwrap();
        fs::remove_file(&path).unwrap();
        store.put(record(2, 1));
        store.save().unwrap();
        assert_eq!(open(&path).1, [record(1, 1), record(2, 1)]);
    }

    #[test]
    fn what_could_not_be_written_is_written_later() {
        let dir = TestDirectory::new("later");
        fs::create_dir(dir.file("away")).unwrap();
        let path = dir.file("away/kept");
        let (mut store, _) = open(&path);
        store.put(record(1, 1));
        store.save().unwrap();
        fs::rename(dir.file("away"), dir.file("elsewhere")).unwrap();
        store.put(record(2, 1));
        assert!(store.save().is_err());
        assert!(store.is_changed());
        fs::rename(dir.file("elsewhere"), dir.file("away")).unwrap();
        assert_eq!(Found::<DynamicResource>::read(path.clone()).unwrap().records, [record(1, 1)]);
        store.save().unwrap();
        assert_eq!(open(&path).1, [record(1, 1), record(2, 1)]);
    }

    #[test]
    fn a_torn_end_is_told_and_gone_with_the_next_version() {
        let dir = TestDirectory::new("torn");
        let path = dir.file("kept");
        let (mut store, _) = open(&path);
        for name in [0, 1] {
            store.put(record(name, 1));
            store.save().unwrap();
        }
        let whole = fs::metadata(&path).unwrap().len();
        File::options().write(true).open(&path).unwrap().set_len(whole - 1).unwrap();
        let found = Found::<DynamicResource>::read(path.clone()).unwrap();
        assert!(found.torn() > 0 && found.records == [record(0, 1)]);
        found.claim().unwrap().place().unwrap();
        assert_eq!(Found::<DynamicResource>::read(path).unwrap().torn(), 0);
    }

    #[test]
    fn no_file_is_made_for_nothing_and_one_without_records_is_empty() {
        let dir = TestDirectory::new("nothing");
        let path = dir.file("kept");
        let (mut store, _) = open(&path);
        store.save().unwrap();
        assert!(dir.names().is_empty());
        for _ in 0..2 {
            for name in [1, 2] {
                store.put(record(name, 1));
                store.save().unwrap();
            }
            assert_eq!(Found::<DynamicResource>::read(path.clone()).unwrap().records.len(), 2);
            for name in [1, 2] {
                store.remove(&key(name));
                store.save().unwrap();
            }
            assert_eq!(fs::metadata(&path).unwrap().len(), 0);
        }
    }

    #[test]
    fn what_is_not_put_back_stays_until_the_file_is_written_with_what_is() {
        let dir = TestDirectory::new("stays");
        let (mut store, _) = open(&dir.file("kept"));
        store.put(record(1, 1));
        store.save().unwrap();
        let (mut store, _) = open(&dir.file("kept"));
        assert_eq!(Found::<DynamicResource>::read(dir.file("kept")).unwrap().records, [record(1, 1)]);
        store.save().unwrap();
        assert!(open(&dir.file("kept")).1.is_empty());
        fs::write(dir.file("foreign"), "text").unwrap();
        assert!(matches!(
            Found::<DynamicResource>::read(dir.file("foreign")).map(drop),
            Err(FileError::Format(FormatError::Foreign))
        ));
    }
}
