//! Holds the headers and the built objects to `facts.tsv`, the table of what programs were compiled
//! against: sizes, offsets, numbers, signatures.

mod facts;
mod headers;
mod objects;
mod read;
mod status;

use facts::Facts;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

type Result<T> = std::result::Result<T, String>;

const USAGE: &str = "\
usage: abi check             every header, and every object under build/
       abi headers           the headers alone
       abi missing           the public functions that do not exist yet, one per line
       abi status [--check]  writes the table of README.md anew, or compares it
       abi dump DIR          prints what the headers in DIR declare, in the form of facts.tsv";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let root = root();
    let outcome = match arguments[..] {
        ["check"] => check(&root, true),
        ["headers"] => check(&root, false),
        ["missing"] => missing(&root),
        ["status"] => status::update(&root, false),
        ["status", "--check"] => status::update(&root, true),
        ["dump", directory] => dump(Path::new(directory)),
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// Runs every gate, prints a line for each, and fails if one did.
fn check(root: &Path, with_objects: bool) -> Result<()> {
    let facts = Facts::read(&facts_path(root))?;
    let mut report = Report::default();
    let declared = headers::check(root, &facts, &mut report)?;
    if with_objects {
        objects::check(root, &declared, &mut report)?;
    }
    let exported = export_list(root)?;
    let (ours, known): (Vec<_>, Vec<_>) = facts.functions().partition(|(_, fact)| fact.ours);
    let (there, known) = (exported.len() - ours.len(), known.len());
    println!(
        "abi: {there} of {known} functions exist, {} are missing, {} are added",
        known - there,
        ours.len()
    );
    println!("abi: {} passed, {} failed", report.passed, report.failed);
    if report.failed == 0 { Ok(()) } else { Err("abi: failed".to_owned()) }
}

fn missing(root: &Path) -> Result<()> {
    let exported = export_list(root)?;
    let facts = Facts::read(&facts_path(root))?;
    for (name, fact) in facts.functions().filter(|(name, _)| !exported.iter().any(|e| e == name)) {
        println!("{}\t{name}", fact.header);
    }
    Ok(())
}

fn dump(directory: &Path) -> Result<()> {
    for ((kind, name), value) in read::headers(directory)? {
        println!("{kind}\t?\t{name}\t-\t{value}");
    }
    Ok(())
}

/// How many faults of a gate are printed.
const SHOWN: usize = 12;

/// What passed and what did not.
#[derive(Default)]
struct Report {
    passed: usize,
    failed: usize,
}

impl Report {
    fn gate(&mut self, name: &str, faults: &[String]) {
        if faults.is_empty() {
            self.passed += 1;
            println!("abi: ok    {name}");
        } else {
            self.failed += 1;
            println!("abi: FAIL  {name}");
            faults.iter().take(SHOWN).for_each(|fault| println!("           {fault}"));
            if faults.len() > SHOWN {
                println!("           and {} more", faults.len() - SHOWN);
            }
        }
    }
}

/// The public functions that exist.
fn export_list(root: &Path) -> Result<Vec<String>> {
    Ok(text_of(&root.join("libcoap-3.sym"))?.lines().map(str::to_owned).collect())
}

fn facts_path(root: &Path) -> PathBuf {
    root.join("capi-tests/abi/facts.tsv")
}

fn text_of(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

/// Runs a command and returns what it printed.
fn output_of(command: &mut Command) -> Result<String> {
    let output = command.output().map_err(|e| format!("{command:?}: {e}"))?;
    if !output.status.success() {
        return Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The root of the repository, which holds this crate in `capi-tests/abi`.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new(".")).to_owned()
}
