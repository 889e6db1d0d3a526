//! Where requests are counted: here, and where the config says so together with other gates.

use std::sync::Arc;

use tokio::sync::watch;

use super::config::RateLimitsConfig;
use super::quota::{Quota, Spent};
use super::shared::{RateLimitError, SharedCounts};
use super::table::Table;
use crate::clock::Clock;
use crate::telemetry::{Metrics, RateMetrics};

const NANOS_PER_MILLI: u64 = 1_000_000;

/// What has come, of all limits of all routes; its clones are one. It outlives a config, so that no reload frees anyone.
#[derive(Clone)]
pub struct RateCounts {
    table: Arc<Table>,
    shared: Option<Arc<SharedCounts>>,
    clock: Clock,
    metrics: Metrics,
}

/// The task that keeps up the connection to where gates count together.
pub struct SharedCountsTask(Arc<SharedCounts>);

impl std::fmt::Debug for RateCounts {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("RateCounts").field("together", &self.shared.is_some()).finish_non_exhaustive()
    }
}

impl RateCounts {
    /// Counts in this process alone.
    #[must_use]
    pub fn alone(clock: Clock, metrics: Metrics) -> Self {
        Self { table: Arc::default(), shared: None, clock, metrics }
    }

    /// Counts as the config says. Until the task runs, and whenever it has no connection, this process counts alone.
    ///
    /// # Errors
    /// Where the settings of `shared` cannot be followed.
    pub fn open(
        config: &RateLimitsConfig,
        clock: Clock,
        metrics: Metrics,
    ) -> Result<(Self, Option<SharedCountsTask>), RateLimitError> {
        let shared = config.shared.as_ref().map(|shared| SharedCounts::new(shared, metrics.rate_limit_shared()));
        let shared = shared.transpose()?.map(Arc::new);
        let task = shared.clone().map(SharedCountsTask);
        Ok((Self { shared, ..Self::alone(clock, metrics) }, task))
    }

    /// Takes one request of this key, and says whether all gates together have counted it.
    pub(super) async fn take(&self, key: &[u8], quota: &Quota) -> (Spent, bool) {
        let now = self.clock.unix_millis().saturating_mul(NANOS_PER_MILLI);
        // Whoever asks too often here asks too often everywhere: a flood goes no further than this.
        let spent = self.table.take(key, quota, now);
        let Some(shared) = self.shared.as_ref().filter(|_| spent.allowed) else { return (spent, false) };
        let Some(of_all) = shared.take(key, quota).await else { return (spent, false) };
        self.table.raise(key, now.saturating_add(of_all.ahead));
        (of_all, true)
    }

    /// What is counted for the limits of a route.
    pub(super) fn metrics_of(&self, route: &str) -> RateMetrics {
        self.metrics.rate_limit(route)
    }
}

impl SharedCountsTask {
    /// Keeps up the connection until `stop` turns true or is gone.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        tokio::select! {
            () = self.0.keep_connected() => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }
}
