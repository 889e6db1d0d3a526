//! Tells the collector what has waited, in the background: some at a time, and again where it was away.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::collector::{Collector, Exported};
use super::context::Trace;
use super::otlp::{Resource, SpanMessage, export, spans};
use super::span::TracedRequest;
use crate::telemetry::trace_meters::TraceMetrics;

/// Most requests in one export.
const MOST_AT_ONCE: usize = 256;
/// How long the first of them waits for more.
const LINGER: Duration = Duration::from_secs(1);
/// Waits between the tries of one export. While it is tried, new ones wait, and what has no room is dropped.
const WAITS: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// A request that was recorded.
pub(super) type Recorded = (Trace, TracedRequest);

/// The way to the collector.
pub(super) struct Exporter {
    pub(super) collector: Collector,
    pub(super) resource: Resource,
    pub(super) waiting: mpsc::Receiver<Recorded>,
    pub(super) closing: watch::Receiver<bool>,
    pub(super) metrics: TraceMetrics,
    /// So that an absent collector is told of once, not with every export.
    pub(super) is_away: bool,
}

impl Exporter {
    /// Until it is closed and all is told.
    pub(super) async fn run(mut self) {
        let mut batch = Vec::with_capacity(MOST_AT_ONCE);
        while self.fill(&mut batch).await {
            self.tell(batch.drain(..)).await;
        }
    }

    /// Waits for something to tell, and a moment for more. `false` where nothing will come any more.
    async fn fill(&mut self, batch: &mut Vec<Recorded>) -> bool {
        let Self { waiting, closing, .. } = self;
        let mut is_closing = *closing.borrow();
        if is_closing {
            // It was said while an export was under way.
            waiting.close();
        }
        let linger = sleep(LINGER);
        tokio::pin!(linger);
        while batch.len() < MOST_AT_ONCE {
            let room = MOST_AT_ONCE - batch.len();
            tokio::select! {
                more = waiting.recv_many(batch, room) => {
                    if more == 0 {
                        break;
                    }
                    if more == batch.len() {
                        linger.as_mut().reset(Instant::now() + LINGER);
                    }
                }
                () = &mut linger, if !batch.is_empty() => break,
                _ = closing.wait_for(|closing| *closing), if !is_closing => {
                    is_closing = true;
                    waiting.close();
                }
            }
        }
        !batch.is_empty()
    }

    async fn tell(&mut self, batch: impl Iterator<Item = Recorded>) {
        let spans: Vec<SpanMessage> = batch.flat_map(|(trace, request)| spans(&trace, request)).collect();
        let count = spans.len() as u64;
        let body = export(&self.resource, spans);
        let rejected = self.hand_over(body).await.map_or(count, |rejected| rejected.min(count));
        self.metrics.failed.inc_by(rejected);
        self.metrics.sent.inc_by(count - rejected);
    }

    /// How many spans the collector would not have; nothing where it would have none.
    async fn hand_over(&mut self, body: Vec<u8>) -> Option<u64> {
        let mut waits = WAITS.into_iter();
        loop {
            let (why, wait) = match self.collector.export(body.clone()).await {
                Exported::Taken { rejected, why } => {
                    self.is_there(rejected, &why);
                    return Some(rejected);
                }
                Exported::Refused { why } => (why, None),
                Exported::NotNow { why, after } => (why, waits.next().map(|wait| after.unwrap_or(wait))),
            };
            let Some(wait) = wait.filter(|_| !*self.closing.borrow()) else {
                self.is_gone(&why);
                return None;
            };
            tokio::select! {
                () = sleep(wait.mul_f64(0.8 + 0.4 * fastrand::f64())) => {}
                // One last try, now.
                _ = self.closing.wait_for(|closing| *closing) => {}
            }
        }
    }

    fn is_there(&mut self, rejected: u64, why: &str) {
        if rejected > 0 {
            warn!(rejected, why, "the collector of traces would not have some spans");
        }
        if std::mem::take(&mut self.is_away) {
            info!("the collector of traces takes them again");
        }
    }

    fn is_gone(&mut self, why: &str) {
        if !std::mem::replace(&mut self.is_away, true) {
            warn!(why, "the collector of traces does not take them; until it does they are dropped and counted");
        }
    }
}
