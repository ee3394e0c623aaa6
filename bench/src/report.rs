//! From measurements to what is read: ratios first, with what is wanted beside each, then the figures behind them.

use crate::SHAPES;
use crate::measure::{FanOut, Sessions, Throughput};
use crate::observe::Shape;
use crate::work::{self, Pace};

/// All rounds of one subject.
pub(crate) struct Results {
    pub(crate) name: String,
    pub(crate) few: Vec<Throughput>,
    pub(crate) many: Vec<Throughput>,
    pub(crate) sessions: Vec<Sessions>,
    /// In the order of [`work::ALL`].
    pub(crate) paces: [Vec<Pace>; work::ALL.len()],
    /// In the order of [`SHAPES`].
    pub(crate) fan_out: [Vec<FanOut>; SHAPES.len()],
}

fn name_of_shape(shape: Shape) -> String {
    let kind = if shape.has_confirmable() { "NON, sixth CON" } else { "NON" };
    format!("{} x {}, {kind}", shape.peers, shape.each)
}

impl Results {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            few: Vec::new(),
            many: Vec::new(),
            sessions: Vec::new(),
            paces: [const { Vec::new() }; work::ALL.len()],
            fan_out: [const { Vec::new() }; SHAPES.len()],
        }
    }

    /// How many numbers of existing sessions every round has reached.
    fn steps(&self) -> usize {
        self.sessions.iter().map(|s| s.new.len()).min().unwrap_or(0)
    }
}

/// What a ratio should be.
enum Wanted {
    AtLeast(f64),
    /// By the clock; by CPU as good as the other.
    AtLeastByClock(f64),
    AtMost(f64),
    /// Shown for orientation.
    Anything,
}

/// Collects the lines and counts the wishes that were not met.
#[derive(Default)]
pub(crate) struct Report {
    missed: u32,
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = *values.get((values.len() - 1) / 2)?;
    Some((lower + upper) / 2.0)
}

/// The median of the ratios of each round: both sides of a round ran within seconds of each other, so a
/// disturbance that lasts longer touches both.
fn ratio<T, U>(a: &[T], of_a: impl Fn(&T) -> f64, b: &[U], of_b: impl Fn(&U) -> f64) -> Option<f64> {
    median(a.iter().zip(b).map(|(a, b)| of_a(a) / of_b(b)).collect())
}

impl Report {
    /// Prints everything; answers how many wishes were not met.
    pub(crate) fn print(mut self, all: &[Results]) -> u32 {
        let find = |name: &str| all.iter().find(|results| results.name == name);
        let (ours, bare) = (find("ours"), find("bare"));
        let references: Vec<&Results> =
            all.iter().filter(|results| results.name != "ours" && results.name != "bare").collect();

        println!("\nRatios                                                    by CPU  by clock   wanted");
        if let Some(ours) = ours {
            for reference in &references {
                let name = &reference.name;
                let wanted = if name == "4.3.5" { Wanted::AtLeast(1.3) } else { Wanted::Anything };
                self.rates(&format!("GETs, 8 peers, ours / {name}"), &ours.few, &reference.few, wanted);
                let what = format!("GETs, 10,000 peers, ours / {name}");
                self.rates(&what, &ours.many, &reference.many, Wanted::Anything);
                self.paces(ours, reference);
                self.fan_out(ours, reference);
            }
        }
        for results in ours.into_iter().chain(references.iter().copied()) {
            self.of_one(results, bare);
        }
        self.figures(all);
        self.missed
    }

    fn of_one(&mut self, of: &Results, bare: Option<&Results>) {
        let name = &of.name;
        let wish = |wanted| if name == "ours" { wanted } else { Wanted::Anything };
        if let Some(bare) = bare {
            self.rates(&format!("GETs, 8 peers, {name} / bare"), &of.few, &bare.few, Wanted::Anything);
        }
        let what = format!("GETs, {name}, 10,000 peers / 8 peers");
        self.rates(&what, &of.many, &of.few, wish(Wanted::AtLeast(0.8)));
        for step in 1..of.steps() {
            let existing = of.sessions[0].new[step].existing;
            let what = format!("new sessions, {name}, {existing} existing / none");
            let by_cpu = of.sessions.iter().map(|s| s.new[0].cpu / s.new[step].cpu).collect();
            let by_clock = of.sessions.iter().map(|s| s.new[step].rate / s.new[0].rate).collect();
            self.line(&what, median(by_cpu), median(by_clock), wish(Wanted::AtLeast(0.8)));
        }
        let bytes = of.sessions.iter().map(|s| s.bytes_idle).collect();
        let what = format!("bytes of memory per idle session, {name}");
        self.line(&what, median(bytes), None, wish(Wanted::AtMost(400.0)));
    }

    fn paces(&mut self, ours: &Results, reference: &Results) {
        for (work, (a, b)) in work::ALL.into_iter().zip(ours.paces.iter().zip(&reference.paces)) {
            let what = format!("{}, ours / {}", work.name(), reference.name);
            let by_cpu = ratio(a, |p| 1.0 / p.cpu, b, |p| 1.0 / p.cpu);
            let by_clock = ratio(a, |p| p.rate, b, |p| p.rate);
            let wanted = match work.is_one_by_one() {
                true => Wanted::AtLeastByClock(work.wanted()),
                false => Wanted::AtLeast(work.wanted()),
            };
            self.line(&what, by_cpu, by_clock, wanted);
        }
    }

    fn fan_out(&mut self, ours: &Results, reference: &Results) {
        for (shape, (a, b)) in SHAPES.into_iter().zip(ours.fan_out.iter().zip(&reference.fan_out)) {
            let what = format!("observers {}, ours / {}", name_of_shape(shape), reference.name);
            let by_cpu = ratio(a, |f| 1.0 / f.cpu, b, |f| 1.0 / f.cpu);
            let by_clock = ratio(a, |f| f.rate, b, |f| f.rate);
            let least = if shape.has_confirmable() { 3.0 } else { 1.0 };
            self.line(&what, by_cpu, by_clock, Wanted::AtLeast(least));
            let outside = ratio(a, |f| 1.0 / f.user, b, |f| 1.0 / f.user);
            self.line("    of that, outside of the system", outside, None, Wanted::Anything);
        }
    }

    fn rates(&mut self, what: &str, a: &[Throughput], b: &[Throughput], wanted: Wanted) {
        let per_cpu = |t: &Throughput| 1.0 / t.cpu;
        let per_second = |t: &Throughput| t.rate;
        self.line(what, ratio(a, per_cpu, b, per_cpu), ratio(a, per_second, b, per_second), wanted);
    }

    /// One line; what is wanted is held against `value`, if not said otherwise.
    fn line(&mut self, what: &str, value: Option<f64>, by_clock: Option<f64>, wanted: Wanted) {
        let Some(value) = value else { return };
        let (wish, met) = match wanted {
            Wanted::AtLeast(least) => (format!(">= {least}"), value >= least),
            Wanted::AtLeastByClock(least) => {
                let by_clock = by_clock.unwrap_or_default();
                (format!(">= 1, >= {least} by clock"), value >= 1.0 && by_clock >= least)
            }
            Wanted::AtMost(most) => (format!("<= {most}"), value <= most),
            Wanted::Anything => (String::new(), true),
        };
        self.missed += u32::from(!met);
        let shown = |value: f64| if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.3}") };
        let by_clock = by_clock.map(shown).unwrap_or_default();
        let verdict = if met { "" } else { "   missed" };
        println!("  {what:<52} {:>9} {by_clock:>9}   {wish}{verdict}", shown(value));
    }

    fn figures(&self, all: &[Results]) {
        println!("\nFigures behind them (medians; they hold for this machine at this hour)");
        if all.iter().any(|results| !results.few.is_empty()) {
            println!(
                "  server       peers     GET/s  p50 us  p99 us  lost  server CPU s / 1,000   server busy"
            );
        }
        for results in all {
            for (peers, rounds) in [("8", &results.few), ("10,000", &results.many)] {
                let of = |value: fn(&Throughput) -> f64| median(rounds.iter().map(value).collect());
                let (Some(rate), Some(p50), Some(p99), Some(cpu), Some(busy)) =
                    (of(|t| t.rate), of(|t| t.p50), of(|t| t.p99), of(|t| t.cpu), of(|t| t.busy))
                else {
                    continue;
                };
                let lost: u32 = rounds.iter().map(|t| t.lost).sum();
                println!(
                    "  {:<10} {peers:>7} {rate:>9.0} {p50:>7.0} {p99:>7.0} {lost:>5} {cpu:>21.5} {:>11.0} %",
                    results.name,
                    busy * 100.0
                );
            }
        }
        if all.iter().any(|results| results.paces.iter().any(|rounds| !rounds.is_empty())) {
            println!("  server       work                                        per s   server CPU us each");
        }
        for results in all {
            for (work, rounds) in work::ALL.into_iter().zip(&results.paces) {
                let of = |value: fn(&Pace) -> f64| median(rounds.iter().map(value).collect());
                let (Some(rate), Some(cpu)) = (of(|p| p.rate), of(|p| p.cpu)) else { continue };
                println!("  {:<12} {:<38} {rate:>10.0} {:>20.2}", results.name, work.name(), cpu * 1e6);
            }
        }
        if all.iter().any(|results| results.fan_out.iter().any(|rounds| !rounds.is_empty())) {
            println!(
                "  server       observers                  notified/s   CPU us each  outside of the system  lost"
            );
        }
        for results in all {
            for (shape, rounds) in SHAPES.into_iter().zip(&results.fan_out) {
                let of = |value: fn(&FanOut) -> f64| median(rounds.iter().map(value).collect());
                let (Some(rate), Some(cpu), Some(user)) = (of(|f| f.rate), of(|f| f.cpu), of(|f| f.user))
                else {
                    continue;
                };
                let lost: u32 = rounds.iter().map(|f| f.lost).sum();
                let sent: u32 = rounds.iter().map(|f| f.times * shape.observers()).sum();
                println!(
                    "  {:<12} {:<26} {rate:>10.0} {:>13.2} {:>22.2}  {lost} of {sent}",
                    results.name,
                    name_of_shape(shape),
                    cpu * 1e3,
                    user * 1e3
                );
            }
        }
        if all.iter().any(|results| !results.sessions.is_empty()) {
            println!(
                "  server      new sessions/s (existing, CPU us each)                       bytes/session: idle, after a GET"
            );
        }
        for results in all.iter().filter(|results| !results.sessions.is_empty()) {
            let at: Vec<String> = (0..results.steps())
                .filter_map(|step| {
                    let rate = median(results.sessions.iter().map(|s| s.new[step].rate).collect())?;
                    let us = median(results.sessions.iter().map(|s| s.new[step].cpu * 1000.0).collect())?;
                    Some(format!("{rate:.0} ({}, {us:.1})", results.sessions[0].new[step].existing))
                })
                .collect();
            let of = |value: fn(&Sessions) -> f64| {
                median(results.sessions.iter().map(value).collect()).unwrap_or_default()
            };
            let over = results.sessions[0].over;
            println!(
                "  {:<10} {:<60} {:.0} (over {}), {:.0} (over {})",
                results.name,
                at.join("  "),
                of(|s| s.bytes_idle),
                over.1,
                of(|s| s.bytes_after_get),
                over.0
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        assert_eq!(median(vec![4.0, 1.0, 2.0, 9.0]), Some(3.0));
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![]), None);
    }

    #[test]
    fn a_ratio_is_taken_round_by_round() {
        let same = |value: &f64| *value;
        assert_eq!(ratio(&[2.0, 20.0, 6.0], same, &[1.0, 10.0, 3.0], same), Some(2.0));
    }
}
