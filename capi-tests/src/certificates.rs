//! The certificates that programs about (D)TLS find in the folder that `$CERTS` names.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Makes them anew in `work`, with `certificates/make` beside the folder of `sources`, and returns where they are.
pub(crate) fn make(sources: &Path, work: &Path) -> Result<PathBuf, String> {
    let script = sources.join("../certificates/make");
    let failed = |what: &str| format!("{}: {what}", script.display());
    let directory = env::current_dir().map_err(|e| failed(&e.to_string()))?.join(work).join("certificates");
    if directory.exists() {
        fs::remove_dir_all(&directory).map_err(|e| failed(&e.to_string()))?;
    }
    fs::create_dir_all(&directory).map_err(|e| failed(&e.to_string()))?;
    let output = Command::new(&script).arg(&directory).output().map_err(|e| failed(&e.to_string()))?;
    if output.status.success() {
        Ok(directory)
    } else {
        Err(failed(&String::from_utf8_lossy(&output.stderr)))
    }
}
