//! `make bench`: how fast a server built on this library answers, what its sessions cost, and how that compares
//! with the reference and with a responder that has no library at all. README.md beside this says how to read it.

mod bare;
mod batch;
mod blocks;
mod datagrams;
mod handshakes;
mod keys;
mod load;
mod measure;
mod message;
mod observe;
mod proxied;
mod report;
mod server;
mod stream;
mod wire;
mod work;

use std::env;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use observe::{Observers, Shape};
use report::{Report, Results};
use server::{Library, Subject};

const USAGE: &str = "\
usage: bench [--lib DIR --include DIR [--secured-lib DIR]] [--no-reference] [--rounds N] [--only TEXT] [--gate]
       bench load PORT [PEERS [SECONDS]]
       bench notify PORT o|n [PEERS [OBSERVATIONS-OF-EACH [TIMES]]]
       bench work PORT TEXT [SECONDS [UPSTREAM]]

  --lib DIR          where libcoap-3-notls.so is
  --secured-lib DIR  where libcoap-3-openssl.so is; without it, nothing secured is measured
  --include DIR      where coap3/coap.h is
  --no-reference     leave the reference out, though it is there
  --rounds N         repetitions of each measurement (5)
  --only TEXT        nothing but the lines of the report that have TEXT in them
  --gate             exit with 3 when a wanted value is missed
  load               drive a server that runs already on 127.0.0.1:PORT, for a profiler
  notify             the same with observers, of a server started with `observe`
  work               the same with the work whose line in the report begins with TEXT; the server has to be started as
                     README.md says, a proxy with UPSTREAM

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
struct Options {
    library: Option<Library>,
    reference: bool,
    rounds: usize,
    only: Option<String>,
    gate: bool,
}

impl Options {
    /// Whether the line of this name is asked for.
    fn asks_for(&self, name: &str) -> bool {
        self.only.as_deref().is_none_or(|text| name.contains(text))
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options { library: None, reference: true, rounds: 5, only: None, gate: false };
    let (mut lib, mut secured, mut include) = (None, None, None);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--lib" => lib = Some(PathBuf::from(value()?)),
            "--secured-lib" => secured = Some(PathBuf::from(value()?)),
            "--only" => options.only = Some(value()?),
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
        (Some(plain), Some(include)) => Some(Library { plain, secured, include }),
        (None, None) if secured.is_none() => None,
        _ => return Err("--lib and --include go together, and --secured-lib with them".into()),
    };
    Ok(options)
}

fn subjects(options: &Options, work: &Path) -> io::Result<Vec<Subject>> {
    let mut subjects = Vec::new();
    if let Some(library) = &options.library {
        subjects.push(Subject::ours(library, work)?);
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
    let certificate = keys::certificate(work)?;
    let mut all: Vec<Results> = subjects.iter().map(|subject| Results::new(&subject.name)).collect();
    let start = Instant::now();
    for round in 0..options.rounds {
        for (subject, results) in subjects.iter().zip(&mut all) {
            if options.asks_for("GETs, 8 peers, 10,000 peers") {
                results.few.push(measure::throughput(subject, core, 8, TIME, PATIENCE)?);
                results.many.push(measure::throughput(subject, core, 10_000, TIME, PATIENCE)?);
            }
            // A server that is slow at this takes all the patience there is, so only ours is asked in each round.
            let is_its_turn = subject.is_whole && (subject.name == "ours" || round == 0);
            if is_its_turn && options.asks_for("new sessions") {
                results.sessions.push(measure::sessions(subject, core, PATIENCE)?);
            }
        }
        // The two sides of a ratio come one right after the other.
        let whole = |pair: &(&Subject, &mut Results)| pair.0.is_whole;
        for (place, work) in work::ALL.into_iter().enumerate() {
            // Half of a ratio says nothing.
            let all_can = subjects.iter().filter(|subject| subject.is_whole).all(|subject| subject.can(work));
            if !all_can || !options.asks_for(&work.name()) {
                continue;
            }
            for (subject, results) in subjects.iter().zip(&mut all).filter(whole) {
                results.paces[place].extend(work.measure(subject, core, &certificate)?);
            }
        }
        for (kind, shape) in SHAPES.into_iter().enumerate().filter(|_| options.asks_for("observers")) {
            for (subject, results) in subjects.iter().zip(&mut all).filter(whole) {
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

/// What of `words` is at this place, as a number; `otherwise` if nothing is.
fn number(words: &[String], at: usize, otherwise: u32) -> Result<u32, String> {
    words.get(at).map_or(Ok(otherwise), |word| word.parse().map_err(|_| format!("{word} is no number")))
}

/// Fan-out of a server that runs already.
fn drive_notifications(words: &[String]) -> io::Result<String> {
    let number = |at, otherwise| number(words, at, otherwise).map_err(io::Error::other);
    let path = words.get(2).and_then(|word| word.bytes().next()).unwrap_or_default();
    let shape = Shape { path, peers: number(3, 10_000)?.max(1), each: number(4, 1)?.max(1) };
    let mut observers = Observers::new(number(1, 0)? as u16, shape)?;
    let registered = observers.register(PATIENCE)?;
    let told = observers.notify(number(5, 100)?, PATIENCE)?;
    Ok(format!(
        "{registered} observers, {} notifications in {:.2} s, {} lost, {} wrong",
        told.received, told.seconds, told.lost, told.wrong
    ))
}

/// Work of one kind on a server that runs already.
fn drive_work(words: &[String]) -> io::Result<String> {
    let number = |at, otherwise| number(words, at, otherwise).map_err(io::Error::other);
    let text = words.get(2).map_or("", String::as_str);
    let work = work::ALL.into_iter().find(|work| work.name().starts_with(text));
    let work = work.ok_or_else(|| io::Error::other(format!("nothing begins with `{text}`")))?;
    let upstream = batch::socket(SocketAddrV4::new(Ipv4Addr::LOCALHOST, number(4, 0)? as u16))?;
    let time = Duration::from_secs(number(3, 5)?.into());
    let done = work.worker(number(1, 0)? as u16, upstream)?.run(time)?;
    Ok(format!(
        "{}: {} in {:.2} s, {:.0} per s",
        work.name(),
        done.times,
        done.seconds,
        done.times / done.seconds
    ))
}

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1).peekable();
    let first = arguments.peek().cloned().unwrap_or_default();
    match first.as_str() {
        "bare" => {
            let port = arguments.nth(1).and_then(|port| port.parse().ok()).unwrap_or(0);
            return finish(bare::serve(port).map_err(|e| e.to_string()));
        }
        "notify" | "work" => {
            let words: Vec<String> = arguments.collect();
            if let Some((_, client)) = server::two_cores() {
                server::pin(client);
            }
            let done = if first == "work" { drive_work(&words) } else { drive_notifications(&words) };
            return finish(done.map(|line| println!("{line}")).map_err(|e| e.to_string()));
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
