//! Files that are there as a whole or not at all.
//!
//! A new version is written beside the old one, under a name of its own, and then takes its name:
//! rename(2) does that in one step. A process that is killed before leaves the old version, and the
//! beginning of a new one that nobody reads and the next write overwrites.

use super::record::{self, Record, RecordError};
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A file larger than this is not read: it would be no use to keep so much.
const MAX_FILE: u64 = 1 << 30;

/// Why a file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system says why.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Its content is not what it should be.
    #[error("{0}")]
    Record(#[from] RecordError),
}

/// The records in a file; none if there is no such file.
pub fn read<R: Record>(path: &Path) -> Result<Vec<R>, FileError> {
    let file = match File::open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        file => file?,
    };
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(RecordError::TooLarge.into());
    }
    Ok(record::decode(&bytes)?)
}

/// Makes these the records in a file. If that fails, the file is as it was.
pub fn write<'a, R: Record + 'a>(
    path: &Path,
    records: impl IntoIterator<Item = &'a R>,
) -> Result<(), FileError> {
    let beside = write_beside(path, &record::encode(records)?)?;
    Ok(fs::rename(&beside, path).inspect_err(|_| drop(fs::remove_file(&beside)))?)
}

/// The file tells who talks to the server, so nobody else may read it.
fn write_beside(path: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let mut name = OsString::from(path);
    name.push(".new");
    let beside = PathBuf::from(name);
    // What lies there is the rest of an earlier attempt. It is not followed or kept: with it, the
    // mode and the place of the new file would be somebody else's choice.
    match fs::remove_file(&beside) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_data());
    written.inspect_err(|_| drop(fs::remove_file(&beside)))?;
    Ok(beside)
}

#[cfg(test)]
mod tests {
    use super::super::Counter;
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    /// A directory that goes with the test.
    struct Dir(PathBuf);

    impl Dir {
        fn new(name: &str) -> Self {
            let dir = std::env::temp_dir().join(format!("coap-persist-{}-{name}", std::process::id()));
            fs::create_dir(&dir).unwrap();
            Dir(dir)
        }

        fn file(&self) -> PathBuf {
            self.0.join("kept")
        }

        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(&self.0).unwrap();
            entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
        }
    }

    impl Drop for Dir {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn counter(number: u32) -> [Counter; 1] {
        [Counter { path: b"r".to_vec(), number }]
    }

    #[test]
    fn what_was_written_is_read_and_replaced() {
        let dir = Dir::new("replaced");
        assert!(read::<Counter>(&dir.file()).unwrap().is_empty(), "no file yet");
        for number in [7, 8] {
            write(&dir.file(), &counter(number)).unwrap();
            assert_eq!(read::<Counter>(&dir.file()).unwrap(), counter(number));
        }
        assert_eq!(dir.names(), ["kept"]);
        assert_eq!(fs::metadata(dir.file()).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_kill_before_the_rename_leaves_the_old_version() {
        let dir = Dir::new("kill");
        write(&dir.file(), &counter(7)).unwrap();
        let next = record::encode(&counter(8)).unwrap();
        for length in 0..=next.len() {
            write_beside(&dir.file(), &next[..length]).unwrap();
            assert_eq!(read::<Counter>(&dir.file()).unwrap(), counter(7), "killed after {length} bytes");
        }
        write(&dir.file(), &counter(9)).unwrap();
        assert_eq!(read::<Counter>(&dir.file()).unwrap(), counter(9), "the rest is in nobody's way");
        assert_eq!(dir.names(), ["kept"]);
    }

    #[test]
    fn a_torn_file_is_refused_with_a_reason() {
        let dir = Dir::new("torn");
        let whole = record::encode(&counter(7)).unwrap();
        for length in 1..whole.len() {
            fs::write(dir.file(), &whole[..length]).unwrap();
            let refused = read::<Counter>(&dir.file()).unwrap_err();
            assert_eq!(refused.to_string(), "it is torn or changed");
        }
    }

    #[test]
    fn a_link_that_waits_beside_is_not_followed() {
        let dir = Dir::new("link");
        let target = dir.0.join("target");
        fs::write(&target, "precious").unwrap();
        symlink(&target, dir.0.join("kept.new")).unwrap();
        write(&dir.file(), &counter(7)).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
    }

    #[test]
    fn a_place_that_cannot_be_written_is_an_error() {
        let dir = Dir::new("missing");
        assert!(write(&dir.0.join("no/kept"), &counter(7)).is_err());
        assert!(read::<Counter>(&dir.0).is_err(), "a directory");
    }
}
