//! What the runs of a program amount to.

use crate::compare::{Mend, differences};
use crate::library::Library;
use crate::options::{Mode, Options};
use crate::program::{Outcome, Program};
use crate::variant::Variant;
use core::fmt;
use std::fs;
use std::io;
use std::path::PathBuf;

/// How a program ends when what it needs does not come about, in the time there is (`NEED` of `test.h`).
const UNMET: i32 = 2;

/// How a program did in one mode.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// As it should, with a remark.
    Passed(String),
    /// It ended as it should and printed something else: the lines say what. On a busy machine that may be a
    /// matter of time, also with the reference.
    Differs(Vec<String>),
    /// Not as it should: the lines say why.
    Failed(Vec<String>),
    /// It could not be run here: why.
    Skipped(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Passed(remark) => write!(f, "passed  {remark}"),
            Verdict::Differs(_) | Verdict::Failed(_) => f.write_str("FAILED"),
            Verdict::Skipped(why) => write!(f, "skipped {why}"),
        }
    }
}

/// How many programs did how.
#[derive(Default)]
pub(crate) struct Tally {
    passed: usize,
    pub(crate) failed: usize,
    skipped: usize,
}

impl Tally {
    /// Adds one.
    pub(crate) fn count(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Passed(_) => self.passed += 1,
            Verdict::Differs(_) | Verdict::Failed(_) => self.failed += 1,
            Verdict::Skipped(_) => self.skipped += 1,
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// Compiles and runs a program in a variant as the mode says. The error is a reason to fail.
pub(crate) fn judge(
    options: &Options,
    mode: Mode,
    variant: Variant,
    program: &Program,
) -> Result<Verdict, String> {
    match mode {
        Mode::Compare => compare(options, variant, program),
        Mode::Valgrind => valgrind(options, variant, program),
        Mode::Bless => {
            let Some(output) = on_reference(options, variant, program)? else { return Ok(no_reference()) };
            bless(program, variant, &output).map_err(|e| e.to_string())
        }
        Mode::OnReference => {
            let Some(output) = on_reference(options, variant, program)? else { return Ok(no_reference()) };
            Ok(Verdict::Passed(format!("\n{output}")))
        }
    }
}

fn no_reference() -> Verdict {
    Verdict::Skipped("the reference is not here".into())
}

/// Records what the reference prints. A variant that prints the same as the first one has no record of its own.
fn bless(program: &Program, variant: Variant, output: &str) -> io::Result<Verdict> {
    let (record, own) = (program.record(), program.own_record(variant));
    let is_first = program.variants().first() == Some(&variant);
    if !is_first && fs::read_to_string(&record).is_ok_and(|first| differences(&first, output).is_empty()) {
        return match fs::remove_file(&own) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(Verdict::Passed(format!("the same as {}", record.display()))),
        };
    }
    let written = if is_first { record } else { own };
    if let Some(parent) = written.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(&written, output)?;
    Ok(Verdict::Passed(format!("{} written", written.display())))
}

/// Ours against the reference, and both against the recorded output.
fn compare(options: &Options, variant: Variant, program: &Program) -> Result<Verdict, String> {
    let ours = Library::ours(options, variant)?;
    let binary = program.compile(&ours, &directory(options, variant, ours.name))?;
    let outcome = program.run(ours.run(&binary), &binary, options.time_limit)?;
    let faults = ended_badly(&outcome, ours.name);
    if !faults.is_empty() {
        let gave_up = outcome.status.and_then(|status| status.code()) == Some(UNMET);
        return Ok(if gave_up { Verdict::Differs(faults) } else { Verdict::Failed(faults) });
    }
    let mut faults = Vec::new();
    let own = fs::read_to_string(program.own_record(variant)).ok();
    // Where two variants of the reference print the same, one of them shows whether the record is still true.
    let has_own = own.is_some() || program.variants().first() == Some(&variant) || !options.names.is_empty();
    let reference = if has_own { on_reference(options, variant, program) } else { Ok(None) };
    let reference = match reference {
        Ok(reference) => reference,
        Err(fault) => return Ok(Verdict::Differs(lines_of(&fault))),
    };
    let recorded = own.or_else(|| fs::read_to_string(program.record()).ok());
    let (wanted, origin) = match (reference, recorded) {
        (Some(reference), Some(recorded)) => {
            let stale = differences(&recorded, &reference);
            if !stale.is_empty() {
                faults.push(
                    "the reference prints something else than was recorded (- recorded, + now):".into(),
                );
                faults.extend(stale);
            }
            (reference, "as the reference does")
        }
        (Some(reference), None) => {
            faults.push("nothing is recorded for it yet: run with --bless".into());
            (reference, "as the reference does")
        }
        (None, Some(recorded)) => (recorded, "as recorded from the reference"),
        (None, None) => return Ok(Verdict::Skipped("no reference here and nothing recorded".into())),
    };
    faults.extend(differences(&wanted, &outcome.stdout));
    faults.extend(unkept_mends(program, &outcome.stdout)?);
    Ok(verdict(faults, origin, Verdict::Differs))
}

/// Ours under memcheck.
fn valgrind(options: &Options, variant: Variant, program: &Program) -> Result<Verdict, String> {
    let ours = Library::ours(options, variant)?;
    let binary = program.compile(&ours, &directory(options, variant, "memcheck"))?;
    let outcome = program.run(ours.run_checked(&binary), &binary, options.time_limit * 10)?;
    Ok(verdict(ended_badly(&outcome, "ours under memcheck"), "no errors, no leaks", Verdict::Failed))
}

/// Where the programs are compiled and run in one of the ways there are.
fn directory(options: &Options, variant: Variant, way: &str) -> PathBuf {
    options.work.join(variant.name()).join(way)
}

fn verdict(faults: Vec<String>, remark: &str, otherwise: fn(Vec<String>) -> Verdict) -> Verdict {
    if faults.is_empty() { Verdict::Passed(remark.into()) } else { otherwise(faults) }
}

/// What the program prints on the reference, if there is one.
fn on_reference(options: &Options, variant: Variant, program: &Program) -> Result<Option<String>, String> {
    let Some(reference) = Library::reference(options, variant)? else { return Ok(None) };
    let binary = program.compile(&reference, &directory(options, variant, reference.name))?;
    let outcome = program.run(reference.run(&binary), &binary, options.time_limit)?;
    let faults = ended_badly(&outcome, reference.name);
    if faults.is_empty() { Ok(Some(outcome.stdout)) } else { Err(faults.join("\n")) }
}

/// The lines of a reason to fail.
pub(crate) fn lines_of(text: &str) -> Vec<String> {
    text.lines().map(String::from).collect()
}

/// Nothing for a run that exited with 0; otherwise how it ended and the last it printed.
fn ended_badly(outcome: &Outcome, place: &str) -> Vec<String> {
    let how = match outcome.status {
        Some(status) if status.success() => return Vec::new(),
        Some(status) => format!("on {place}: {status}"),
        None => format!("on {place}: stopped at the time limit"),
    };
    let last = |text: &str| text.lines().rev().take(40).map(String::from).collect::<Vec<_>>();
    let mut lines = last(&outcome.stderr);
    lines.extend(last(&outcome.stdout).into_iter().take(3).map(|line| format!("last output: {line}")));
    lines.push(how);
    lines.reverse();
    lines
}

/// Meant differences that our run does not show as it claims, or that the source does not explain.
fn unkept_mends(program: &Program, output: &str) -> Result<Vec<String>, String> {
    let source = fs::read_to_string(&program.source).map_err(|e| e.to_string())?;
    let mut faults = Vec::new();
    for mend in output.lines().filter_map(Mend::parse) {
        if mend.wanted != mend.got {
            faults.push(format!("mend {}: wanted {}, got {}", mend.topic, mend.wanted, mend.got));
        }
        if !mend.explained(&source) {
            faults.push(format!("no comment in the source explains `mend {}:`", mend.topic));
        }
    }
    Ok(faults)
}
