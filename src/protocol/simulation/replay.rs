//! Running many seeds, and saying which one failed.

use core::fmt::Debug;
use core::ops::Range;
use std::thread;

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text:?}")))
}

/// Runs `run` for each of `count` seeds, on all processors; for `SIM_SEED` alone if that is set,
/// and for `SIM_RUNS` seeds if that is. `run` is told whether to show what it does. Gives how many
/// were run.
pub(crate) fn run_seeds(count: u64, run: impl Fn(u64, bool) + Sync) -> u64 {
    if let Some(seed) = setting("SIM_SEED") {
        run(seed, true);
        return 1;
    }
    let count = setting("SIM_RUNS").unwrap_or(count);
    let workers = thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let share = |n: u64| -> Range<u64> { count * n / workers..count * (n + 1) / workers };
    let failed = thread::scope(|scope| {
        let run = &run;
        let threads: Vec<_> =
            (0..workers).map(|n| scope.spawn(move || share(n).for_each(|seed| run(seed, false)))).collect();
        threads.into_iter().filter_map(|t| t.join().err()).count()
    });
    assert_eq!(failed, 0, "runs that failed are named above");
    count
}

/// Held during a run: if that panics, it says with what to run it again.
pub(crate) struct Replay<S: Debug> {
    /// The seed.
    pub(crate) seed: u64,
    /// What the seed stands for.
    pub(crate) scenario: S,
}

impl<S: Debug> Drop for Replay<S> {
    fn drop(&mut self) {
        if thread::panicking() {
            let Replay { seed, scenario } = self;
            eprintln!("failed with SIM_SEED={seed} (set it to run this again and see it)\n{scenario:#?}");
        }
    }
}
