//! All that a request needs of the config, as one value that is swapped whole.

use std::collections::HashMap;
use std::sync::Arc;

use super::config::LimitsConfig;
use super::upstream::Upstream;
use crate::authorizer::DecisionPoint;

/// One config, in force for every request that began with it.
pub struct Snapshot {
    /// Who may pass; the other doors decide by the same.
    pub point: Arc<DecisionPoint>,
    /// Where to.
    pub upstreams: HashMap<Arc<str>, Arc<Upstream>>,
    /// Bounds on what a client may send.
    pub limits: LimitsConfig,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Snapshot").field("upstreams", &self.upstreams.keys()).finish_non_exhaustive()
    }
}
