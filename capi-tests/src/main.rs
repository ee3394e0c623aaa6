//! Runs the C programs of `capi-tests/c` on our shared object and on the reference, and compares
//! what they print. `README.md` beside this crate says how to write one.

mod compare;
mod library;
mod options;
mod program;
mod verdict;

use options::Options;
use program::Program;
use std::process::ExitCode;
use std::sync::Mutex;
use std::thread;
use verdict::{Tally, Verdict};

/// How many programs run at a time. They mostly wait, so this is about ports and clocks, not cores.
const WORKERS: usize = 2;

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

/// Runs what the options ask for, one line per program and mode as it ends.
fn run(options: &Options) -> Result<Tally, String> {
    let mut jobs = Vec::new();
    for program in Program::find(&options.sources, &options.names)? {
        jobs.extend(options.modes.iter().map(|&mode| (mode, program.clone())));
    }
    jobs.reverse();
    let jobs = Mutex::new(jobs);
    let tally = Mutex::new(Tally::default());
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some((mode, program)) = take(&jobs) {
                    let verdict = verdict::judge(options, mode, &program)
                        .unwrap_or_else(|text| Verdict::Failed(text.lines().map(String::from).collect()));
                    report(options, mode, &program, verdict, &tally);
                }
            });
        }
    });
    Ok(tally.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()))
}

fn take<T>(jobs: &Mutex<Vec<T>>) -> Option<T> {
    jobs.lock().ok()?.pop()
}

fn report(options: &Options, mode: options::Mode, program: &Program, verdict: Verdict, tally: &Mutex<Tally>) {
    let Ok(mut tally) = tally.lock() else { return };
    println!("{:8} {:24} {verdict}", mode.name(), program.name);
    if let Verdict::Failed(details) = &verdict {
        let shown = if options.verbose { details.len() } else { 12 };
        for line in details.iter().take(shown) {
            println!("         {line}");
        }
        if details.len() > shown {
            println!("         ... {} more lines (--verbose shows all)", details.len() - shown);
        }
    }
    tally.count(&verdict);
}
