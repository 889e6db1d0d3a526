//! What is counted of traces.

use prometheus::IntCounter;

use super::catalogue::TRACE_SPANS;
use super::metrics::{Definer, Metrics};

/// What became of the spans of requests that were recorded; its clones count together.
#[derive(Clone)]
pub(super) struct TraceMetrics {
    /// The collector has them.
    pub(super) sent: IntCounter,
    /// Too many waited already.
    pub(super) dropped: IntCounter,
    /// The collector was away, or would not have them.
    pub(super) failed: IntCounter,
}

impl TraceMetrics {
    pub(super) fn define(define: &Definer<'_>) -> Result<Self, prometheus::Error> {
        let spans = define.counters(&TRACE_SPANS)?;
        let [sent, dropped, failed] = ["sent", "dropped", "failed"].map(|result| spans.with_label_values(&[result]));
        Ok(Self { sent, dropped, failed })
    }
}

impl Metrics {
    pub(super) fn traces(&self) -> TraceMetrics {
        self.0.traces.clone()
    }
}
