//! What is counted of asking about opaque tokens.

use std::sync::Arc;

use prometheus::IntCounterVec;

use super::catalogue::INTROSPECTIONS;
use super::metrics::{Definer, Metrics};

/// What is counted of asking about the opaque tokens of one trusted issuer; its clones count together.
#[derive(Clone)]
pub struct IntrospectionMetrics {
    name: Arc<str>,
    asked: IntCounterVec,
}

impl IntrospectionMetrics {
    pub(super) fn define(define: &Definer<'_>) -> Result<IntCounterVec, prometheus::Error> {
        define.counters(&INTROSPECTIONS)
    }

    /// Counts an answer of the endpoint: `active`, `inactive`, or `failure` where it gave none.
    pub fn asked(&self, result: &'static str) {
        self.asked.with_label_values(&[&self.name, result]).inc();
    }
}

impl Metrics {
    /// What is counted of asking about the opaque tokens of the trusted issuer of this name.
    #[must_use]
    pub fn introspections(&self, name: &str) -> IntrospectionMetrics {
        IntrospectionMetrics { name: name.into(), asked: self.0.introspections.clone() }
    }
}
