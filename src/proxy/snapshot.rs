//! All that a request needs of the config, as one value that is swapped whole.

use std::collections::HashMap;
use std::sync::Arc;

use super::config::{LimitsConfig, TrustedProxyConfig};
use super::upstream::Upstream;
use crate::authorizer::Authorizer;
use crate::telemetry::{BundleMetrics, RouteMetrics, UpstreamMetrics};

/// One config, in force for every request that began with it.
pub struct Snapshot {
    /// Who may pass.
    pub authorizer: Authorizer,
    /// Where to. An upstream outlives a config that is followed by one that says the same of it.
    pub upstreams: HashMap<Arc<str>, (Arc<Upstream>, UpstreamMetrics)>,
    /// What is counted for each route.
    pub routes: HashMap<Arc<str>, RouteMetrics>,
    /// What is counted for each bundle.
    pub bundles: HashMap<String, BundleMetrics>,
    /// What is counted where no route was found.
    pub unrouted: RouteMetrics,
    /// Bounds on what a client may send.
    pub limits: LimitsConfig,
    /// Whom we believe about the way that a request came.
    pub trusted_proxies: Vec<TrustedProxyConfig>,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Snapshot").field("upstreams", &self.upstreams.keys()).finish_non_exhaustive()
    }
}
