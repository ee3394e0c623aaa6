//! A C program: its source, and one run of it with a time limit.

use crate::library::Library;
use crate::variant::{self, Variant};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A program in the directory of sources.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) source: PathBuf,
    /// The folder where the reference's output is recorded.
    records: PathBuf,
    /// The folder of certificates, for one that is about (D)TLS.
    pub(crate) certificates: Option<PathBuf>,
}

/// What a run left.
pub(crate) struct Outcome {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// `None` when the time limit ended it.
    pub(crate) status: Option<ExitStatus>,
}

impl Program {
    /// The programs named, or all of them, by name.
    pub(crate) fn find(sources: &Path, names: &[String]) -> Result<Vec<Program>, String> {
        let program = |name: &str| Program {
            name: name.to_string(),
            source: sources.join(format!("{name}.c")),
            records: sources.join("expected"),
            certificates: None,
        };
        if !names.is_empty() {
            let named: Vec<Program> = names.iter().map(|name| program(name)).collect();
            return match named.iter().find(|program| !program.source.exists()) {
                Some(missing) => Err(format!("no such program: {}", missing.source.display())),
                None => Ok(named),
            };
        }
        let entries = fs::read_dir(sources).map_err(|e| format!("{}: {e}", sources.display()))?;
        let mut names: Vec<String> = entries
            .flatten()
            .filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".c")?.to_string()))
            .collect();
        names.sort();
        Ok(names.iter().map(|name| program(name)).collect())
    }

    /// The variants it is for.
    pub(crate) fn variants(&self) -> &'static [Variant] {
        variant::variants_of(&self.name)
    }

    /// Whether it is about (D)TLS.
    pub(crate) fn is_secure(&self) -> bool {
        variant::is_secure(&self.name)
    }

    /// Where the reference's output is recorded: what the first of its variants prints.
    pub(crate) fn record(&self) -> PathBuf {
        self.records.join(format!("{}.out", self.name))
    }

    /// Where the output of another variant is recorded, if that is not the same.
    pub(crate) fn own_record(&self, variant: Variant) -> PathBuf {
        self.records.join(format!("{}.{}.out", self.name, variant.name()))
    }

    /// Runs it by a command to its end or to the time limit. What it prints is kept beside `output`.
    pub(crate) fn run(
        &self,
        mut command: Command,
        output: &Path,
        limit: Duration,
    ) -> Result<Outcome, String> {
        if let Some(certificates) = &self.certificates {
            command.env("CERTS", certificates);
        }
        run(command, output, limit)
    }

    /// Compiles it against a library, into a directory that no other mode or variant uses at the same time. The
    /// error is the compiler's.
    pub(crate) fn compile(&self, library: &Library, directory: &Path) -> Result<PathBuf, String> {
        fs::create_dir_all(directory).map_err(|e| format!("{}: {e}", directory.display()))?;
        let binary = directory.join(&self.name);
        let output = library.compile(&self.source, &binary).output().map_err(|e| format!("cc: {e}"))?;
        if output.status.success() {
            return Ok(binary);
        }
        Err(format!(
            "does not compile against {}:\n{}",
            library.name,
            String::from_utf8_lossy(&output.stderr)
        ))
    }
}

/// Runs a command to its end or to the time limit. Its output goes through files beside `output`,
/// so that a full pipe never holds it up.
fn run(mut command: Command, output: &Path, limit: Duration) -> Result<Outcome, String> {
    let failed = |e: std::io::Error| format!("{}: {e}", output.display());
    let (out, err) = (output.with_extension("out"), output.with_extension("err"));
    let mut child = command
        .stdin(Stdio::null())
        .stdout(File::create(&out).map_err(failed)?)
        .stderr(File::create(&err).map_err(failed)?)
        .spawn()
        .map_err(|e| format!("{}: {e}", command.get_program().to_string_lossy()))?;
    let end = Instant::now() + limit;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            break Some(status);
        }
        if Instant::now() >= end {
            child.kill().map_err(failed)?;
            child.wait().map_err(failed)?;
            break None;
        }
        thread::sleep(Duration::from_millis(5));
    };
    let read = |path: &Path| fs::read(path).map(|b| String::from_utf8_lossy(&b).into_owned()).map_err(failed);
    Ok(Outcome { stdout: read(&out)?, stderr: read(&err)?, status })
}
