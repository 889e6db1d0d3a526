//! The point where decisions are made, whichever door asks: one config's authorizer, its bounds, and what is counted.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::authorize::{Authorizer, Findings};
use super::config::NetworkConfig;
use super::sizes::SizeLimits;
use crate::telemetry::{BundleMetrics, Outcome, RouteMetrics};

/// All that a door needs of one config to decide, and to count what was decided.
pub struct DecisionPoint {
    /// Who may pass.
    pub authorizer: Authorizer,
    /// How large a request may be.
    pub sizes: SizeLimits,
    /// Whom we believe about the way that a request came.
    pub trusted_proxies: Vec<NetworkConfig>,
    /// What is counted for each route.
    pub routes: HashMap<Arc<str>, RouteMetrics>,
    /// What is counted for each bundle.
    pub bundles: HashMap<String, BundleMetrics>,
    /// What is counted where no route was found.
    pub unrouted: RouteMetrics,
}

/// How long a request took.
#[derive(Debug, Clone, Copy)]
pub struct Took {
    /// From its first byte to the last of its answer.
    pub all: Duration,
    /// The decision alone; none where it did not come to one.
    pub decision: Option<Duration>,
}

impl DecisionPoint {
    /// Counts a request that is over.
    pub fn count(&self, findings: &Findings, outcome: Outcome, code: &'static str, took: Took) {
        let route = findings.route.as_ref();
        let metrics = route.and_then(|route| self.routes.get(route.name())).unwrap_or(&self.unrouted);
        metrics.request(outcome, code, took.all);
        if let Some(decision) = took.decision {
            metrics.decision(decision);
        }
        let Some(answer) = &findings.policy else { return };
        let Some(metrics) = self.bundles.get(&answer.bundle) else { return };
        metrics.decided(answer.verdict.allowed());
        if !answer.verdict.errors().is_empty() {
            metrics.failed();
        }
    }
}

impl std::fmt::Debug for DecisionPoint {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("DecisionPoint").field("routes", &self.routes.keys()).finish_non_exhaustive()
    }
}
