//! Packets that are lost on purpose, to see what a program makes of it
//! (`coap_debug_set_packet_loss`). Global, as the C interface has it.

use crate::log;
use core::ops::RangeInclusive;
use core::str::FromStr;
use core::sync::atomic::{AtomicBool, Ordering};
use parking_lot::Mutex;
use std::hash::{BuildHasher, Hasher, RandomState};

/// Which packets are lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// Each with this probability, in percent.
    Percent(u32),
    /// Those with these numbers, counted from 1 since the setting was made.
    Packets(Vec<RangeInclusive<u32>>),
}

/// A text that is neither a percentage nor a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("packet loss is neither a percentage nor a list of packet numbers")]
pub(crate) struct NotALoss;

/// `"25%"`, or `"1,3,5-7"`. What stands behind the percent sign does not matter; 0 is no packet.
impl FromStr for Loss {
    type Err = NotALoss;

    fn from_str(text: &str) -> Result<Loss, NotALoss> {
        if let Some((percent, _)) = text.split_once('%') {
            return Ok(Loss::Percent(number(percent)?.min(100)));
        }
        text.split(',').map(range).collect::<Result<_, _>>().map(Loss::Packets)
    }
}

fn range(text: &str) -> Result<RangeInclusive<u32>, NotALoss> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (number(first)?, number(last)?) {
        (0, _) => Err(NotALoss),
        (first, last) => Ok(first..=last),
    }
}

/// White space and a plus sign may stand in front, as in C.
fn number(text: &str) -> Result<u32, NotALoss> {
    let number: u64 = text.trim_ascii_start().parse().map_err(|_| NotALoss)?;
    Ok(number.try_into().unwrap_or(u32::MAX))
}

struct Simulation {
    loss: Loss,
    count: u32,
}

/// Saves the lock when nothing is simulated, which is nearly always.
static ACTIVE: AtomicBool = AtomicBool::new(false);
static SIMULATION: Mutex<Simulation> = Mutex::new(Simulation { loss: Loss::Percent(0), count: 0 });

/// Sets what is lost from the next packet on, which has number 1.
pub(crate) fn set(loss: Loss) {
    ACTIVE.store(loss != Loss::Percent(0), Ordering::Relaxed);
    *SIMULATION.lock() = Simulation { loss, count: 0 };
}

/// Counts a packet that is about to be sent. Whether it is to be dropped instead; it is then
/// logged.
pub(crate) fn should_drop() -> bool {
    if !ACTIVE.load(Ordering::Relaxed) {
        return false;
    }
    let dropped = SIMULATION.lock().next();
    if let Some(number) = dropped {
        log!(DEBUG, "Packet {number} dropped");
    }
    dropped.is_some()
}

impl Simulation {
    /// The number of the next packet, if it is lost.
    fn next(&mut self) -> Option<u32> {
        self.count = self.count.wrapping_add(1);
        let lost = match &self.loss {
            Loss::Percent(percent) => random() % 100 < u64::from(*percent),
            Loss::Packets(ranges) => ranges.iter().any(|r| r.contains(&self.count)),
        };
        lost.then_some(self.count)
    }
}

/// A new hasher's keys differ each time, which is random enough for throwing packets away.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(loss: &str, packets: u32) -> Vec<u32> {
        let mut simulation = Simulation { loss: loss.parse().unwrap(), count: 0 };
        (0..packets).filter_map(|_| simulation.next()).collect()
    }

    #[test]
    fn a_list_names_packets_and_ranges() {
        assert_eq!(first("1,3,5-7", 30), [1, 3, 5, 6, 7]);
        assert_eq!(first("3, 2", 30), [2, 3]);
        assert_eq!(first("5-3", 30), []);
    }

    #[test]
    fn a_percentage_is_a_probability() {
        assert_eq!(first("0%", 100), []);
        assert_eq!(first("100%", 100).len(), 100);
        assert_eq!(first("101%", 100).len(), 100);
        let lost = first("25%", 10_000).len();
        assert!((2_000..3_000).contains(&lost), "{lost} of 10,000");
    }

    #[test]
    fn anything_else_is_refused() {
        for text in
            ["", "0", "-1", "-1%", "50.5%", "5 %", "a", "1-", "-", "1,a", ",1", "1,,2", "1-2-3", "0-3"]
        {
            assert_eq!(text.parse::<Loss>(), Err(NotALoss), "{text:?}");
        }
    }
}
