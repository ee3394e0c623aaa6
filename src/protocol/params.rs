//! Transmission parameters of a session and the times derived from them (RFC 7252 §4.8,
//! RFC 9177 §7.2).

use core::time::Duration;

/// A decimal number with three places, as the C interface passes it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct FixedPoint {
    /// Before the point.
    pub integer: u16,
    /// Thousandths.
    pub thousandths: u16,
}

impl FixedPoint {
    /// `integer.thousandths`.
    pub const fn new(integer: u16, thousandths: u16) -> Self {
        FixedPoint { integer, thousandths }
    }

    /// The number times a thousand.
    pub const fn in_thousandths(self) -> u64 {
        self.integer as u64 * 1000 + self.thousandths as u64
    }

    /// The number taken as seconds.
    pub const fn as_seconds(self) -> Duration {
        Duration::from_millis(self.in_thousandths())
    }
}

/// The parameters. Every session starts with [`Params::DEFAULT`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Params {
    /// ACK_TIMEOUT, in seconds.
    pub ack_timeout: FixedPoint,
    /// ACK_RANDOM_FACTOR.
    pub ack_random_factor: FixedPoint,
    /// MAX_RETRANSMIT.
    pub max_retransmit: u16,
    /// NSTART.
    pub nstart: u16,
    /// DEFAULT_LEISURE, in seconds.
    pub default_leisure: FixedPoint,
    /// PROBING_RATE, in bytes per second. Kept for the application; nothing is paced by it yet.
    pub probing_rate: u32,
    /// MAX_PAYLOADS (RFC 9177).
    pub max_payloads: u16,
    /// NON_MAX_RETRANSMIT (RFC 9177).
    pub non_max_retransmit: u16,
    /// NON_TIMEOUT, in seconds (RFC 9177).
    pub non_timeout: FixedPoint,
    /// NON_RECEIVE_TIMEOUT, in seconds (RFC 9177).
    pub non_receive_timeout: FixedPoint,
}

/// MAX_LATENCY (RFC 7252 §4.8.2).
const MAX_LATENCY: Duration = Duration::from_secs(100);

/// MAX_SERVER_RESPONSE_DELAY (RFC 7390 §2.5).
const MAX_SERVER_RESPONSE_DELAY: Duration = Duration::from_secs(250);

impl Params {
    /// The values of RFC 7252 §4.8 and RFC 9177 §7.2.
    pub const DEFAULT: Params = Params {
        ack_timeout: FixedPoint::new(2, 0),
        ack_random_factor: FixedPoint::new(1, 500),
        max_retransmit: 4,
        nstart: 1,
        default_leisure: FixedPoint::new(5, 0),
        probing_rate: 1,
        max_payloads: 10,
        non_max_retransmit: 4,
        non_timeout: FixedPoint::new(2, 0),
        non_receive_timeout: FixedPoint::new(4, 0),
    };

    /// The first time-out: ACK_TIMEOUT times a factor between 1 and ACK_RANDOM_FACTOR, chosen by
    /// `random` (RFC 7252 §4.2).
    pub fn initial_timeout(&self, random: u32) -> Duration {
        let base = self.ack_timeout.in_thousandths();
        let spread = self.ack_random_factor.in_thousandths().saturating_sub(1000);
        let extra = base * spread / 1000 * u64::from(random >> 16) / 0xffff;
        Duration::from_millis(base + extra)
    }

    /// A delay of less than DEFAULT_LEISURE, chosen by `random` (RFC 7252 §8.2).
    pub fn leisure(&self, random: u32) -> Duration {
        let span = self.default_leisure.in_thousandths();
        Duration::from_millis(span * u64::from(random >> 16) / (1 << 16))
    }

    /// NON_TIMEOUT_RANDOM: the pause between sets of non-confirmable blocks, chosen by `random`
    /// (RFC 9177 §7.2).
    pub fn non_timeout_random(&self, random: u32) -> Duration {
        let base = self.non_timeout.in_thousandths();
        let spread = self.ack_random_factor.in_thousandths().saturating_sub(1000);
        Duration::from_millis(base + base * spread / 1000 * u64::from(random >> 16) / 0xffff)
    }

    /// NON_RECEIVE_TIMEOUT, which is longer than any pause between sets by a second at least
    /// (RFC 9177 §7.2).
    pub fn receive_timeout(&self) -> Duration {
        let longest = self.non_timeout_random(u32::MAX) + Duration::from_secs(1);
        self.non_receive_timeout.as_seconds().max(longest)
    }

    /// NON_PARTIAL_TIMEOUT: how long a body that is not complete is kept (RFC 9177 §7.2).
    pub fn non_partial_timeout(&self) -> Duration {
        let factor = (1u64 << self.non_max_retransmit.min(32)) - 1;
        let span = self.non_timeout.in_thousandths().saturating_mul(factor);
        let spread = span.saturating_mul(self.ack_random_factor.in_thousandths()) / 1000;
        Duration::from_millis(spread) + 2 * MAX_LATENCY + self.non_timeout.as_seconds()
    }

    fn spread(&self, steps: u32) -> Duration {
        let factor = (1u64 << steps.min(32)) - 1;
        let base = self.ack_timeout.in_thousandths();
        Duration::from_millis(
            base.saturating_mul(factor).saturating_mul(self.ack_random_factor.in_thousandths()) / 1000,
        )
    }

    /// MAX_TRANSMIT_SPAN: from the first transmission to the last (RFC 7252 §4.8.2).
    pub fn max_transmit_span(&self) -> Duration {
        self.spread(u32::from(self.max_retransmit))
    }

    /// MAX_TRANSMIT_WAIT: from the first transmission to giving up (RFC 7252 §4.8.2).
    pub fn max_transmit_wait(&self) -> Duration {
        self.spread(u32::from(self.max_retransmit) + 1)
    }

    /// EXCHANGE_LIFETIME: how long the message ID of a confirmable message is taken
    /// (RFC 7252 §4.8.2). PROCESSING_DELAY is set to ACK_TIMEOUT.
    pub fn exchange_lifetime(&self) -> Duration {
        self.max_transmit_span() + 2 * MAX_LATENCY + self.ack_timeout.as_seconds()
    }

    /// NON_LIFETIME: the same for a non-confirmable one (RFC 7252 §4.8.2).
    pub fn non_lifetime(&self) -> Duration {
        self.max_transmit_span() + MAX_LATENCY
    }

    /// How long the members of a group may answer a request: the time after which its token may be
    /// used again, where servers take as long as RFC 7390 §2.5 suggests.
    pub fn group_lifetime(&self) -> Duration {
        self.non_lifetime() + MAX_LATENCY + MAX_SERVER_RESPONSE_DELAY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_times_are_those_of_rfc_7252_section_4_8_2() {
        let p = Params::DEFAULT;
        assert_eq!(p.max_transmit_span(), Duration::from_secs(45));
        assert_eq!(p.max_transmit_wait(), Duration::from_secs(93));
        assert_eq!(p.exchange_lifetime(), Duration::from_secs(247));
        assert_eq!(p.non_lifetime(), Duration::from_secs(145));
        assert_eq!(p.group_lifetime(), Duration::from_secs(495));
    }

    #[test]
    fn times_of_q_block_are_those_of_rfc_9177_section_7_2() {
        let p = Params::DEFAULT;
        assert_eq!(p.non_timeout_random(0), Duration::from_secs(2));
        assert_eq!(p.non_timeout_random(u32::MAX), Duration::from_secs(3));
        assert_eq!(p.receive_timeout(), Duration::from_secs(4));
        assert_eq!(p.non_partial_timeout(), Duration::from_secs(247));
        let hasty = Params { non_receive_timeout: FixedPoint::new(1, 0), ..p };
        assert_eq!(hasty.receive_timeout(), Duration::from_secs(4));
    }

    #[test]
    fn the_leisure_is_spread_evenly() {
        let p = Params::DEFAULT;
        assert_eq!(p.leisure(0), Duration::ZERO);
        assert_eq!(p.leisure(1 << 31), Duration::from_millis(2500));
        assert_eq!(p.leisure(u32::MAX), Duration::from_millis(4999));
    }

    #[test]
    fn the_first_timeout_lies_between_ack_timeout_and_its_product_with_the_factor() {
        let p = Params::DEFAULT;
        assert_eq!(p.initial_timeout(0), Duration::from_secs(2));
        assert_eq!(p.initial_timeout(u32::MAX), Duration::from_secs(3));
    }
}
