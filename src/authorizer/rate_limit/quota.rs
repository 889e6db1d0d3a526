//! How much may come: the generic cell rate algorithm (ITU-T I.371), which needs one number for what has come.
//!
//! That number is the moment at which the bucket will be full again: each request moves it on by the time in which one request
//! is earned, and where it would lie further ahead than the whole bucket takes to fill, there is none left.

use std::time::Duration;

use super::config::RateLimitConfig;

const NANOS_PER_MILLI: u64 = 1_000_000;

/// How much may come in which time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quota {
    /// Nanoseconds in which one request is earned.
    pub(super) interval: u64,
    /// How many may come at once.
    pub(super) burst: u64,
}

/// What became of one request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Spent {
    /// Whether it was within the quota; one that is not is not counted.
    pub(super) allowed: bool,
    /// Nanoseconds until the bucket is full again.
    pub(super) ahead: u64,
}

impl Quota {
    pub(super) fn new(config: &RateLimitConfig) -> Self {
        let period = u64::try_from(config.rate.period.as_nanos()).unwrap_or(u64::MAX);
        let interval = (period / u64::from(config.rate.count.max(1))).max(1);
        // Time is read by the millisecond: what is earned within one comes at once.
        let burst = u64::from(config.burst.unwrap_or(config.rate.count)).max(NANOS_PER_MILLI.div_ceil(interval));
        Self { interval, burst }
    }

    /// Nanoseconds in which an empty bucket fills.
    pub(super) fn whole(&self) -> u64 {
        self.interval.saturating_mul(self.burst)
    }

    /// Takes one request at `now` where the bucket would be full at `full_at`, both in nanoseconds; gives when it is full then.
    pub(super) fn take(&self, full_at: u64, now: u64) -> (Spent, u64) {
        // A clock that was set back must shut nobody out for longer than an empty bucket would.
        let full_at = full_at.clamp(now, now.saturating_add(self.whole()));
        let after = full_at.saturating_add(self.interval);
        if after - now > self.whole() {
            return (Spent { allowed: false, ahead: full_at - now }, full_at);
        }
        (Spent { allowed: true, ahead: after - now }, after)
    }

    /// How many more may come now.
    pub(super) fn left(&self, spent: Spent) -> u64 {
        self.whole().saturating_sub(spent.ahead) / self.interval
    }

    /// Until there is one more than that.
    pub(super) fn next_in(&self, spent: Spent) -> Duration {
        let with_one_more = self.left(spent).saturating_add(1).saturating_mul(self.interval);
        Duration::from_nanos(spent.ahead.saturating_add(with_one_more).saturating_sub(self.whole()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::{CountedBy, RateConfig};
    use super::*;

    const SECOND: u64 = 1_000_000_000;
    const NOW: u64 = 1_800_000_000 * SECOND;

    fn quota(rate: &str, burst: Option<u32>) -> Quota {
        let rate = RateConfig::try_from(rate.to_owned()).unwrap();
        Quota::new(&RateLimitConfig { by: CountedBy::Route, rate, burst })
    }

    #[test]
    fn a_burst_may_come_at_once_and_then_what_is_earned() {
        let quota = quota("2/s", Some(5));
        let mut full_at = 0;
        let mut take = |now| {
            let (spent, after) = quota.take(full_at, now);
            full_at = after;
            (spent.allowed, quota.left(spent), quota.next_in(spent).as_millis())
        };
        let burst: Vec<_> = (0..5).map(|_| take(NOW)).collect();
        assert_eq!(burst, [(true, 4, 500), (true, 3, 500), (true, 2, 500), (true, 1, 500), (true, 0, 500)]);
        assert_eq!(take(NOW), (false, 0, 500));
        assert_eq!(take(NOW + SECOND / 4), (false, 0, 250), "a refused one is not counted");
        assert_eq!(take(NOW + SECOND / 2), (true, 0, 500));
        assert_eq!(take(NOW + SECOND / 2), (false, 0, 500));
        assert_eq!(take(NOW + 100 * SECOND).1, 4, "no more is kept than the bucket holds");
    }

    #[test]
    fn a_rate_beyond_what_the_clock_tells_apart_is_still_reached() {
        assert_eq!(quota("100000/s", Some(1)).burst, 100);
        assert_eq!(quota("1000000/s", None), Quota { interval: 1_000, burst: 1_000_000 });
        assert_eq!(quota("3/d", Some(1)).burst, 1);
    }

    #[test]
    fn a_clock_that_is_set_back_shuts_nobody_out_for_longer_than_an_empty_bucket() {
        let quota = quota("1/m", Some(2));
        let (_, full_at) = quota.take(0, NOW);
        let (spent, full_at) = quota.take(full_at, NOW - 3600 * SECOND);
        assert!(!spent.allowed);
        assert!(quota.take(full_at, NOW - 3600 * SECOND + 60 * SECOND).0.allowed);
    }
}
