//! What is counted of rate limits.

use prometheus::{IntCounter, IntCounterVec, IntGaugeVec};

use super::catalogue::{RATE_LIMIT_DECISIONS, RATE_LIMIT_SHARED};
use super::metrics::{Definer, Metrics};

/// What is counted of all rate limits.
#[derive(Clone)]
pub(super) struct RateFamilies {
    pub(super) decisions: IntCounterVec,
    pub(super) shared: IntGaugeVec,
}

/// What is counted for the limits of one route; its clones count together.
#[derive(Clone)]
pub struct RateMetrics {
    local: [IntCounter; 2],
    shared: [IntCounter; 2],
}

/// Whether gates count together.
#[derive(Clone)]
pub struct SharedRateMetrics(IntGaugeVec);

impl RateFamilies {
    pub(super) fn define(define: &Definer<'_>) -> Result<Self, prometheus::Error> {
        Ok(Self { decisions: define.counters(&RATE_LIMIT_DECISIONS)?, shared: define.gauges(&RATE_LIMIT_SHARED)? })
    }
}

impl Metrics {
    /// What is counted for the rate limits of the route of this name.
    #[must_use]
    pub fn rate_limit(&self, route: &str) -> RateMetrics {
        let decisions = &self.0.rates.decisions;
        let of =
            |counted| ["allowed", "limited"].map(|outcome| decisions.with_label_values(&[route, counted, outcome]));
        RateMetrics { local: of("local"), shared: of("shared") }
    }

    /// What shows whether rate limits are counted together with other gates; nothing is shown before it says so.
    #[must_use]
    pub fn rate_limit_shared(&self) -> SharedRateMetrics {
        SharedRateMetrics(self.0.rates.shared.clone())
    }
}

impl RateMetrics {
    /// Counts a request that was counted by a limit: by all gates together or by this one alone, and within it or not.
    pub fn counted(&self, together: bool, allowed: bool) {
        let [within, beyond] = if together { &self.shared } else { &self.local };
        if allowed { within.inc() } else { beyond.inc() }
    }
}

impl std::fmt::Debug for RateMetrics {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("RateMetrics").finish_non_exhaustive()
    }
}

impl SharedRateMetrics {
    /// Says whether gates count together now.
    pub fn connected(&self, connected: bool) {
        self.0.with_label_values::<&str>(&[]).set(i64::from(connected));
    }
}
