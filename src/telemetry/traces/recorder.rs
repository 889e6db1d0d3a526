//! Decides which requests are recorded, and takes what is told of them without waiting.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use thiserror::Error;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::collector::Collector;
use super::config::{ParentsHeard, TracesConfig};
use super::context::{Parent, Trace, id_text};
use super::exporter::{Exporter, Recorded};
use super::otlp::Resource;
use super::span::TracedRequest;
use crate::telemetry::Metrics;
use crate::telemetry::trace_meters::TraceMetrics;

/// Most requests that wait to be told; what comes on top is dropped. One is a few KiB.
pub(super) const MOST_WAITING: usize = 2048;

/// Where requests are recorded; its clones are one. The default records none, and begins no trace.
#[derive(Clone, Default)]
pub struct Traces(Option<Arc<Open>>);

struct Open {
    sample: f64,
    parents: ParentsHeard,
    waiting: mpsc::Sender<Recorded>,
    closing: watch::Sender<bool>,
    metrics: TraceMetrics,
}

/// Tells the collector what was recorded, for as long as it runs.
pub struct TraceExport(Exporter);

/// Why traces cannot be told as the config says; all of it shows at start.
#[derive(Debug, Error)]
pub enum TracesError {
    /// The collector's URL is none.
    #[error("the URL in `telemetry.traces.otlp` could not be used: `{0}`")]
    Url(String),
    /// A header field that cannot be sent. Its value may be secret, and is not shown.
    #[error("the header `{0}` in `telemetry.traces.headers` could not be used")]
    Header(String),
    /// The file of certificate authorities could not be read.
    #[error("the certificates in `{}` could not be read: {reason}", path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
        /// What was wrong.
        reason: String,
    },
    /// There is no HTTP client.
    #[error("the HTTP client for traces could not be made")]
    Client(#[source] reqwest::Error),
}

impl TracesError {
    /// The stable name of the reason.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Url(_) => "traces-url-unusable",
            Self::Header(_) => "traces-header-unusable",
            Self::Certificates { .. } => "traces-certificates-unreadable",
            Self::Client(_) => "traces-client-not-made",
        }
    }
}

impl Traces {
    /// Records as `config` says; `instance` tells this process from any other. What is recorded waits until the export runs.
    ///
    /// # Errors
    /// When the collector could not be asked in the way that `config` says.
    pub fn open(config: &TracesConfig, instance: &str, metrics: &Metrics) -> Result<(Self, TraceExport), TracesError> {
        let (waiting, receiver) = mpsc::channel(MOST_WAITING);
        let (closing, closed) = watch::channel(false);
        let known = [
            ("service.name", config.service.as_str()),
            ("service.version", env!("CARGO_PKG_VERSION")),
            ("service.instance.id", instance),
        ];
        let more = config.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let exporter = Exporter {
            collector: Collector::new(config)?,
            resource: Resource::of(known.into_iter().chain(more)),
            waiting: receiver,
            closing: closed,
            metrics: metrics.traces(),
            is_away: false,
        };
        let (sample, parents, metrics) = (config.sample, config.parents, metrics.traces());
        let open = Open { sample, parents, waiting, closing, metrics };
        Ok((Self(Some(Arc::new(open))), TraceExport(exporter)))
    }

    /// The place of a request with these headers in its trace; none where there are no traces, and then nobody's is touched.
    /// `is_trusted` says whether they come through a trusted proxy.
    #[must_use]
    pub fn join(&self, headers: &HeaderMap, is_trusted: bool) -> Option<Trace> {
        let open = self.0.as_ref()?;
        let is_heard = match open.parents {
            ParentsHeard::TrustedProxies => is_trusted,
            ParentsHeard::All => true,
            ParentsHeard::None => false,
        };
        // By chance and not by the trace's id, which strangers choose.
        let by_chance = || fastrand::f64() < open.sample;
        Some(Trace::join(headers, |said| said.filter(|_| is_heard).unwrap_or_else(by_chance)))
    }

    /// The id of the trace that a request belongs to, for its line in a log: what the client says of it where there are no traces.
    #[must_use]
    pub fn id_of(trace: Option<&Trace>, headers: &HeaderMap) -> Option<String> {
        trace.map(Trace::id_text).or_else(|| Parent::read(headers).map(|parent| id_text(parent.trace)))
    }

    /// Takes what is told of a request that is over, if its trace is recorded. `spans` says how many there will be, for the count of
    /// those that are dropped: where there is no room, nothing is put together.
    pub fn record(&self, trace: &Trace, spans: usize, request: impl FnOnce() -> TracedRequest) {
        let Some(open) = self.0.as_ref().filter(|_| trace.is_recorded()) else { return };
        match open.waiting.try_reserve() {
            Ok(place) => place.send((trace.clone(), request())),
            Err(_) => open.metrics.dropped.inc_by(spans as u64),
        }
    }

    /// Waits until what was recorded is told, no longer than `at_most`, and says whether it is. What comes later is dropped.
    #[must_use = "traces may be lost"]
    pub async fn close(&self, at_most: Duration) -> bool {
        let Some(open) = &self.0 else { return true };
        open.closing.send_replace(true);
        timeout(at_most, open.closing.closed()).await.is_ok()
    }
}

impl TraceExport {
    /// Until the traces are closed, and all is told.
    pub async fn run(self) {
        self.0.run().await;
    }
}

impl std::fmt::Debug for Traces {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Traces").field(&self.0.is_some()).finish()
    }
}

impl std::fmt::Debug for TraceExport {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("TraceExport").finish_non_exhaustive()
    }
}
