//! `make bench`: how fast a server built on this library answers, what its sessions cost, and how that compares
//! with the reference and with a responder that has no library at all. README.md beside this says how to read it.

mod bare;
mod batch;
mod load;
mod measure;
mod message;
mod report;
mod server;

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use report::{Report, Results};
use server::Subject;

const USAGE: &str = "\
usage: bench [--lib DIR --include DIR] [--no-reference] [--rounds N] [--gate]
       bench load PORT [PEERS [SECONDS]]

  --lib DIR       where libcoap-3-notls.so is
  --include DIR   where coap3/coap.h is
  --no-reference  leave the reference out, though it is there
  --rounds N      repetitions of each measurement (5)
  --gate          exit with 3 when a wanted value is missed
  load            drive a server that runs already on 127.0.0.1:PORT, for a profiler

The reference is looked for in $COAP_REFERENCE, else in ~/.cache/coap-reference.";

/// Time of one throughput measurement.
const TIME: Duration = Duration::from_millis(1000);
/// How long a server may take to be filled with sessions.
const PATIENCE: Duration = Duration::from_secs(12);

struct Options {
    library: Option<(PathBuf, PathBuf)>,
    reference: bool,
    rounds: usize,
    gate: bool,
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options { library: None, reference: true, rounds: 5, gate: false };
    let (mut lib, mut include) = (None, None);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--lib" => lib = Some(PathBuf::from(value()?)),
            "--include" => include = Some(PathBuf::from(value()?)),
            "--no-reference" => options.reference = false,
            "--gate" => options.gate = true,
            "--rounds" => match value()?.parse() {
                Ok(rounds @ 1..=20) => options.rounds = rounds,
                _ => return Err("--rounds takes a number from 1 to 20".into()),
            },
            _ => return Err(format!("unknown argument {argument}")),
        }
    }
    options.library = match (lib, include) {
        (Some(lib), Some(include)) => Some((lib, include)),
        (None, None) => None,
        _ => return Err("--lib and --include go together".into()),
    };
    Ok(options)
}

fn subjects(options: &Options, work: &Path) -> io::Result<Vec<Subject>> {
    let mut subjects = Vec::new();
    if let Some((lib, include)) = &options.library {
        subjects.push(Subject::ours(lib, include, work)?);
    }
    if options.reference {
        let root = match env::var_os("COAP_REFERENCE") {
            Some(root) => PathBuf::from(root),
            None => PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".cache/coap-reference"),
        };
        for version in ["4.3.5", "4.3.1"] {
            match Subject::reference(version, &root, work)? {
                Some(subject) => subjects.push(subject),
                None => println!("The reference {version} is not in {}: left out.", root.display()),
            }
        }
    }
    subjects.push(Subject::bare()?);
    Ok(subjects)
}

fn run(options: &Options, work: &Path) -> io::Result<u32> {
    let subjects = subjects(options, work)?;
    let cores = server::two_cores();
    match cores {
        Some((server, client)) => {
            server::pin(client);
            println!("The server runs on core {server}, the clients on core {client}.");
        }
        None => println!("There is one core: server and clients share it, so ratios lean towards 1."),
    }
    println!(
        "Confirmable GETs over loopback, {} outstanding in total; {} rounds; socket buffers of the clients 4 MiB.",
        load::OUTSTANDING,
        options.rounds
    );
    let load_average = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("Load average before: {}", load_average.split(' ').take(3).collect::<Vec<_>>().join(" "));

    let core = cores.map(|(server, _)| server);
    let mut all: Vec<Results> = subjects
        .iter()
        .map(|subject| Results {
            name: subject.name.clone(),
            few: Vec::new(),
            many: Vec::new(),
            sessions: Vec::new(),
        })
        .collect();
    let start = Instant::now();
    for round in 0..options.rounds {
        for (subject, results) in subjects.iter().zip(&mut all) {
            results.few.push(measure::throughput(subject, core, 8, TIME, PATIENCE)?);
            results.many.push(measure::throughput(subject, core, 10_000, TIME, PATIENCE)?);
            // A server that is slow at this takes all the patience there is, so only ours is asked in each round.
            if subject.has_sessions && (subject.name == "ours" || round == 0) {
                results.sessions.push(measure::sessions(subject, core, PATIENCE)?);
            }
        }
        println!("Round {} done after {:.0} s", round + 1, start.elapsed().as_secs_f64());
    }
    Ok(Report::default().print(&all))
}

fn drive(mut arguments: impl Iterator<Item = String>) -> Result<(), String> {
    let mut number = |otherwise: Option<u32>| match arguments.next() {
        Some(text) => text.parse::<u32>().map_err(|_| format!("{text} is no number")),
        None => otherwise.ok_or("load needs a port".to_owned()),
    };
    let port = u16::try_from(number(None)?).map_err(|e| e.to_string())?;
    let (peers, seconds) = (number(Some(10_000))?.clamp(1, 200_000), number(Some(10))?);
    if let Some((_, client)) = server::two_cores() {
        server::pin(client);
    }
    let time = Duration::from_secs(seconds.into());
    let plan = load::Plan { first: 0, peers, requests: peers.saturating_mul(65_000), time };
    let mut outcome = load::Load::new(port).and_then(|mut load| load.run(plan)).map_err(|e| e.to_string())?;
    let (p50, p99) = (outcome.latency(0.50), outcome.latency(0.99));
    println!(
        "{:.0} GET/s over {:.2} s, p50 {:.0} us, p99 {:.0} us, {} lost, {} wrong",
        outcome.rate(),
        outcome.seconds,
        p50,
        p99,
        outcome.lost,
        outcome.wrong
    );
    Ok(())
}

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1).peekable();
    let first = arguments.peek().cloned().unwrap_or_default();
    match first.as_str() {
        "bare" => {
            let port = arguments.nth(1).and_then(|port| port.parse().ok()).unwrap_or(0);
            return finish(bare::serve(port).map_err(|e| e.to_string()));
        }
        "load" => {
            arguments.next();
            return finish(drive(arguments));
        }
        _ => {}
    }
    let options = match parse(arguments) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("bench: {message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let work = env::temp_dir().join(format!("coap-bench-{}", std::process::id()));
    let done = fs::create_dir_all(&work).and_then(|()| run(&options, &work));
    // Only what was compiled is in it; if it stays behind, no figure is the worse for it.
    let _ = fs::remove_dir_all(&work);
    match done {
        Ok(missed) if missed > 0 && options.gate => ExitCode::from(3),
        done => finish(done.map(drop).map_err(|e| e.to_string())),
    }
}

fn finish(done: Result<(), String>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("bench: {message}");
            ExitCode::FAILURE
        }
    }
}
