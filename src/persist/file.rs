//! Files that are there as a whole or not at all, and grow by whole changes.
//!
//! A new version is written beside the old one, under a name of its own, and then takes its name:
//! rename(2) does that in one step. A process that is killed before leaves the old version, and the
//! beginning of a new one that nobody reads and the next write overwrites. What is appended is
//! whole or is dropped when it is read, see [`super::format`]. Both are on the disk before the call
//! returns.

use super::format::{self, Chain, Changes, Content, FormatError, MAX_FILE};
use super::record::Record;
use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Why a file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system says why.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Its content is not what it should be.
    #[error("{0}")]
    Format(#[from] FormatError),
    /// It is a directory, a device, a pipe.
    #[error("it is not a plain file")]
    NotPlain,
}

/// What a file says, or `None` if there is no such file.
pub fn read<R: Record>(path: &Path) -> Result<Option<Content<R>>, FileError> {
    // A pipe is not waited for.
    let file = match OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    if !file.metadata()?.is_file() {
        return Err(FileError::NotPlain);
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(FormatError::TooLarge.into());
    }
    Ok(Some(format::read(&bytes)?))
}

/// A new version of a file that has not taken its place yet; if it never does, it goes.
pub struct Beside {
    path: PathBuf,
    name: Temporary,
    file: File,
    length: u64,
    chain: Chain,
}

/// The name of a file that goes with this, unless it has got another.
struct Temporary(Option<PathBuf>);

impl Temporary {
    fn rename(mut self, to: &Path) -> io::Result<()> {
        if let Some(name) = &self.0 {
            fs::rename(name, to)?;
        }
        self.0 = None;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        self.0.iter().for_each(|name| drop(fs::remove_file(name)));
    }
}

impl Beside {
    /// Writes a version with these records. The file tells who talks to the server, so nobody else
    /// may read it.
    pub fn write<'a, R: Record + 'a>(
        path: &Path,
        records: impl IntoIterator<Item = &'a R>,
    ) -> Result<Self, FileError> {
        let (bytes, chain) = format::whole(records)?;
        let mut name = OsString::from(path);
        name.push(".new");
        let name = PathBuf::from(name);
        // What lies there is the rest of an earlier attempt. It is not followed or kept: with it, the
        // mode and the place of the new file would be somebody else's choice.
        match fs::remove_file(&name) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e.into()),
            _ => {}
        }
        let mut file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&name)?;
        let name = Temporary(Some(name));
        file.write_all(&bytes)?;
        file.sync_data()?;
        Ok(Beside { path: path.into(), name, file, length: bytes.len() as u64, chain })
    }

    /// Puts it in place. If that fails, the file there is as it was.
    pub fn place(self) -> Result<Journal, FileError> {
        let Beside { path, name, file, length, chain } = self;
        let inode = identity(&file.metadata()?);
        name.rename(&path)?;
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        // A directory that may not be read cannot be synced: its file system keeps what it can.
        let _ = File::open(directory.unwrap_or(Path::new("."))).and_then(|directory| directory.sync_all());
        Ok(Journal { path, file, inode, whole: length, length, chain })
    }
}

/// The device and the inode.
fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// A file may have so many bytes of changes more than twice what it began with.
pub(super) const SLACK: u64 = 1 << 16;

/// A file that changes are appended to.
pub struct Journal {
    path: PathBuf,
    file: File,
    inode: (u64, u64),
    /// How long it was when it was written as a whole.
    whole: u64,
    length: u64,
    chain: Chain,
}

impl Journal {
    /// Whether the next change belongs behind the others. It does not when there are none, when
    /// there have been so many that writing what is left costs no more than they did, and when the
    /// file that has the name is another or not as it was left.
    pub fn takes_more(&self) -> bool {
        let is_there = fs::symlink_metadata(&self.path)
            .is_ok_and(|there| identity(&there) == self.inode && there.len() == self.length);
        is_there && self.whole > 0 && self.length <= 2 * self.whole + SLACK
    }

    /// Appends changes. After an error nothing may be appended any more: there may be a torn one.
    pub fn append(mut self, changes: &Changes) -> Result<Self, FileError> {
        let bytes = format::appended(&mut self.chain, changes)?;
        self.length += bytes.len() as u64;
        if self.length > MAX_FILE {
            return Err(FormatError::TooLarge.into());
        }
        self.file.write_all(&bytes)?;
        self.file.sync_data()?;
        Ok(self)
    }
}

/// A directory for the files of a test; it goes with the test.
#[cfg(test)]
pub(crate) struct TestDirectory(PathBuf);

#[cfg(test)]
impl TestDirectory {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("coap-persist-{}-{name}", std::process::id()));
        fs::create_dir(&path).unwrap();
        TestDirectory(path)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

#[cfg(test)]
impl Drop for TestDirectory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Counter;
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn counter(below: u32) -> [Counter; 1] {
        [Counter { path: b"r".to_vec(), below }]
    }

    fn change(below: u32) -> Changes {
        let mut changes = Changes::default();
        counter(below).iter().for_each(|c| changes.put(c).unwrap());
        changes
    }

    fn records(path: &Path) -> Vec<Counter> {
        read::<Counter>(path).unwrap().unwrap().records
    }

    #[test]
    fn what_was_written_is_read_replaced_and_followed() {
        let dir = TestDirectory::new("replaced");
        let path = dir.file("kept");
        assert!(read::<Counter>(&path).unwrap().is_none(), "no file yet");
        for below in [7, 8] {
            let journal = Beside::write(&path, &counter(below)).unwrap().place().unwrap();
            assert_eq!(records(&path), counter(below));
            journal.append(&change(below + 10)).unwrap().append(&change(below + 20)).unwrap();
            assert_eq!(records(&path), counter(below + 20));
        }
        assert_eq!(dir.names(), ["kept"]);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_version_that_never_takes_its_place_leaves_the_old_one_and_goes() {
        let dir = TestDirectory::new("beside");
        let path = dir.file("kept");
        Beside::write(&path, &counter(7)).unwrap().place().unwrap();
        let beside = Beside::write(&path, &counter(8)).unwrap();
        assert_eq!(records(&path), counter(7));
        drop(beside);
        assert_eq!(dir.names(), ["kept"]);
        fs::write(dir.file("kept.new"), "what a process left that was killed").unwrap();
        Beside::write(&path, &counter(9)).unwrap().place().unwrap();
        assert_eq!(records(&path), counter(9), "it is in nobody's way");
        assert_eq!(dir.names(), ["kept"]);
    }

    #[test]
    fn nothing_is_appended_to_a_file_that_is_not_as_it_was_left() {
        let dir = TestDirectory::new("another");
        let path = dir.file("kept");
        let journal = || Beside::write(&path, &counter(7)).unwrap().place().unwrap();
        let after = |change: &dyn Fn()| {
            let journal = journal();
            assert!(journal.takes_more());
            change();
            journal.takes_more()
        };
        assert!(!after(&|| fs::remove_file(&path).unwrap()));
        assert!(!after(&|| drop(journal())));
        assert!(!after(&|| File::options().write(true).open(&path).unwrap().set_len(9).unwrap()));
    }

    #[test]
    fn a_link_that_waits_beside_is_not_followed() {
        let dir = TestDirectory::new("link");
        fs::write(dir.file("target"), "precious").unwrap();
        symlink(dir.file("target"), dir.file("kept.new")).unwrap();
        Beside::write(&dir.file("kept"), &counter(7)).unwrap().place().unwrap();
        assert_eq!(fs::read_to_string(dir.file("target")).unwrap(), "precious");
    }

    #[test]
    fn what_is_no_plain_file_or_in_no_directory_is_an_error() {
        let dir = TestDirectory::new("missing");
        assert!(Beside::write(&dir.file("no/kept"), &counter(7)).is_err());
        for path in ["/", "/dev/null", "/dev/zero"] {
            assert!(matches!(read::<Counter>(Path::new(path)), Err(FileError::NotPlain)), "{path}");
        }
    }
}
