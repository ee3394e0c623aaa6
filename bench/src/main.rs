//! `make bench`: how fast a server built on this library answers, what its sessions cost, and how that compares
//! with the reference and with a responder that has no library at all. README.md beside this says how to read it.

mod bare;
mod batch;
mod blocks;
mod load;
mod measure;
mod message;
mod observe;
mod report;
mod server;
mod stream;

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use blocks::Direction;
use observe::{Observers, Shape};
use report::{Report, Results};
use server::Subject;
use stream::Kind;

const USAGE: &str = "\
usage: bench [--lib DIR --include DIR] [--no-reference] [--rounds N] [--gate]
       bench load PORT [PEERS [SECONDS]]
       bench notify PORT o|n [PEERS [OBSERVATIONS-OF-EACH [TIMES]]]
       bench move PORT get|put [PEERS [SECONDS]]

  --lib DIR       where libcoap-3-notls.so is
  --include DIR   where coap3/coap.h is
  --no-reference  leave the reference out, though it is there
  --rounds N      repetitions of each measurement (5)
  --gate          exit with 3 when a wanted value is missed
  load            drive a server that runs already on 127.0.0.1:PORT, for a profiler
  notify          the same with observers, of a server started with `observe`
  move            the same with bodies of 256 KiB, of a server started with `blocks`

The reference is looked for in $COAP_REFERENCE, else in ~/.cache/coap-reference.";

/// Time of one throughput measurement.
const TIME: Duration = Duration::from_millis(1000);
/// How long a server may take to be filled with sessions.
const PATIENCE: Duration = Duration::from_secs(12);
/// Who is notified.
const SHAPES: [Shape; 4] = [
    Shape { path: b'o', peers: 10_000, each: 1 },
    Shape { path: b'o', peers: 100, each: 100 },
    Shape { path: b'n', peers: 10_000, each: 1 },
    Shape { path: b'n', peers: 100, each: 100 },
];
/// How often, and for how long at most: one server takes a minute for what another does in four seconds.
const NOTIFICATIONS: u32 = 100;
const NOTIFYING: Duration = Duration::from_secs(8);
/// Which bodies go where, and how many at a time.
const TRANSFERS: [(Direction, usize); 4] =
    [(Direction::Get, 1), (Direction::Get, 4), (Direction::Put, 1), (Direction::Put, 4)];
/// What goes over TCP.
const STREAMS: [Kind; 5] = [
    Kind::Gets { outstanding: 1, idle: 0 },
    Kind::Gets { outstanding: 64, idle: 0 },
    Kind::Gets { outstanding: 64, idle: 1000 },
    Kind::Down,
    Kind::Up,
];
/// Time of one of those.
const TRANSFER_TIME: Duration = Duration::from_millis(400);

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
    let mut all: Vec<Results> = subjects.iter().map(|subject| Results::new(&subject.name)).collect();
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
        // The two sides of a ratio come one right after the other.
        for (kind, (direction, peers)) in TRANSFERS.into_iter().enumerate() {
            for (subject, results) in
                subjects.iter().zip(&mut all).filter(|(subject, _)| subject.has_sessions)
            {
                let moved = measure::transfer(subject, core, peers, direction, TRANSFER_TIME)?;
                results.transfers[kind].push(moved);
            }
        }
        for (place, kind) in STREAMS.into_iter().enumerate() {
            for (subject, results) in
                subjects.iter().zip(&mut all).filter(|(subject, _)| subject.has_sessions)
            {
                results.streams[place].push(measure::stream(subject, core, kind, TRANSFER_TIME)?);
            }
        }
        for (kind, shape) in SHAPES.into_iter().enumerate() {
            for (subject, results) in
                subjects.iter().zip(&mut all).filter(|(subject, _)| subject.has_sessions)
            {
                if subject.name == "ours" || !shape.has_confirmable() || round == 0 {
                    results.fan_out[kind].push(measure::fan_out(
                        subject,
                        core,
                        shape,
                        NOTIFICATIONS,
                        NOTIFYING,
                    )?);
                }
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

/// One measurement of fan-out or of transfers on a server that runs already.
fn drive_once(words: &[String]) -> Result<(), String> {
    let number = |at: usize, otherwise: u32| match words.get(at) {
        Some(word) => word.parse::<u32>().map_err(|_| format!("{word} is no number")),
        None => Ok(otherwise),
    };
    let letter = |at: usize| words.get(at).and_then(|word| word.bytes().next()).unwrap_or_default();
    let port = u16::try_from(number(1, 0)?).map_err(|e| e.to_string())?;
    if let Some((_, client)) = server::two_cores() {
        server::pin(client);
    }
    if letter(0) == b'm' {
        let direction = if letter(2) == b'p' { Direction::Put } else { Direction::Get };
        let time = Duration::from_secs(number(4, 5)?.into());
        let moved =
            blocks::transfer(port, number(3, 1)? as usize, direction, time).map_err(|e| e.to_string())?;
        println!("{} blocks in {:.2} s", moved.blocks, moved.seconds);
        return Ok(());
    }
    let shape = Shape { path: letter(2), peers: number(3, 10_000)?.max(1), each: number(4, 1)?.max(1) };
    let mut observers = Observers::new(port, shape).map_err(|e| e.to_string())?;
    let registered = observers.register(PATIENCE).map_err(|e| e.to_string())?;
    let told = observers.notify(number(5, 100)?, PATIENCE).map_err(|e| e.to_string())?;
    println!(
        "{registered} observers, {} notifications in {:.2} s, {} lost, {} wrong",
        told.received, told.seconds, told.lost, told.wrong
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
        "notify" | "move" => {
            let words: Vec<String> = arguments.collect();
            return finish(drive_once(&words));
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
