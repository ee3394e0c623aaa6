//! Runs the C programs of `capi-tests/c` on our shared objects and on the reference, and compares
//! what they print. `README.md` beside this crate says how to write one.

mod certificates;
mod compare;
mod library;
mod options;
mod program;
mod variant;
mod verdict;

use options::{Mode, Options};
use program::Program;
use std::process::ExitCode;
use std::sync::Mutex;
use std::thread;
use variant::Variant;
use verdict::{Tally, Verdict};

/// So many programs are run once more.
const MOST_AGAIN: usize = 6;

/// How many programs run at a time. They mostly wait, but for those under memcheck, which compute.
fn workers(options: &Options) -> usize {
    if options.modes.contains(&Mode::Valgrind) { 2 } else { 4 }
}

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{message}\n\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(tally) => {
            println!("{tally}");
            if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

/// Runs what the options ask for, variant by variant, one line per program and mode as it ends.
fn run(options: &Options) -> Result<Tally, String> {
    let mut programs = Program::find(&options.sources, &options.names)?;
    if programs.iter().any(Program::is_secure) && options.variant != Some(Variant::Notls) {
        let certificates = certificates::make(&options.sources, &options.work)?;
        for program in programs.iter_mut().filter(|program| program.is_secure()) {
            program.certificates = Some(certificates.clone());
        }
    }
    let tally = Mutex::new(Tally::default());
    for variant in Variant::ALL {
        let mut jobs = Vec::new();
        for program in &programs {
            let wanted = options.modes.iter().filter(|&&mode| is_wanted(options, mode, variant, program));
            jobs.extend(wanted.map(|&mode| (mode, program)));
        }
        jobs.reverse();
        let jobs = Mutex::new(jobs);
        let differing = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for _ in 0..workers(options) {
                scope.spawn(|| {
                    while let Some((mode, program)) = take(&jobs) {
                        let verdict = judge(options, mode, variant, program);
                        if let (Verdict::Differs(_), Ok(mut differing)) = (&verdict, differing.lock()) {
                            differing.push((mode, program, verdict));
                        } else {
                            report(options, mode, variant, program, &verdict, &tally);
                        }
                    }
                });
            }
        });
        let differing = differing.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        run_again(options, variant, differing, &tally);
    }
    Ok(tally.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()))
}

/// Runs those once more, in peace, that printed something else than the reference. A program that does so twice has
/// failed; one that does so once is named. Where many differ it is no matter of chance.
fn run_again(
    options: &Options,
    variant: Variant,
    differing: Vec<(Mode, &Program, Verdict)>,
    tally: &Mutex<Tally>,
) {
    let is_chance = differing.len() <= MOST_AGAIN;
    for (mode, program, first) in differing {
        let verdict = if is_chance { judge(options, mode, variant, program) } else { first };
        if matches!(verdict, Verdict::Passed(_)) {
            println!("again    {:7} {:24} it printed something else at first", variant.name(), program.name);
        }
        report(options, mode, variant, program, &verdict, tally);
    }
}

fn judge(options: &Options, mode: Mode, variant: Variant, program: &Program) -> Verdict {
    verdict::judge(options, mode, variant, program)
        .unwrap_or_else(|text| Verdict::Failed(verdict::lines_of(&text)))
}

/// Whether a program is run in a variant. Memcheck is slow, and finds in one variant what it finds in another: unless a
/// variant is named it is the last, which has most code.
fn is_wanted(options: &Options, mode: Mode, variant: Variant, program: &Program) -> bool {
    let variants = program.variants();
    let named = options.variant;
    variants.contains(&variant)
        && named.is_none_or(|named| named == variant)
        && (mode != Mode::Valgrind || named.is_some() || variants.last() == Some(&variant))
}

fn take<T>(jobs: &Mutex<Vec<T>>) -> Option<T> {
    jobs.lock().ok()?.pop()
}

fn report(
    options: &Options,
    mode: Mode,
    variant: Variant,
    program: &Program,
    verdict: &Verdict,
    tally: &Mutex<Tally>,
) {
    let Ok(mut tally) = tally.lock() else { return };
    println!("{:8} {:7} {:24} {verdict}", mode.name(), variant.name(), program.name);
    if let Verdict::Differs(details) | Verdict::Failed(details) = verdict {
        let shown = if options.verbose { details.len() } else { 12 };
        for line in details.iter().take(shown) {
            println!("         {line}");
        }
        if details.len() > shown {
            println!("         ... {} more lines (--verbose shows all)", details.len() - shown);
        }
    }
    tally.count(verdict);
}
