//! Typed handles on the metrics of one route, upstream, issuer, bundle or cache: what the other rooms count with.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use prometheus::{Histogram, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use super::outcome::{CacheLookup, ConnectionEnd, Outcome, RetryResult};

/// What is counted for one route; its clones count together.
#[derive(Clone)]
pub struct RouteMetrics {
    pub(super) name: Arc<str>,
    pub(super) requests: IntCounterVec,
    /// The counters used so far: few, so that finding one compares a word or two instead of hashing labels.
    pub(super) used: Arc<ArcSwap<Vec<RequestCounter>>>,
    pub(super) request_duration: Histogram,
    pub(super) decision_duration: Histogram,
    pub(super) streams_closed: IntCounterVec,
}

pub(super) type RequestCounter = (Outcome, &'static str, IntCounter);

impl RouteMetrics {
    /// Counts a request that is over. `code` is a denial's stable code, or the [`status_class`](super::status_class) of what was answered.
    pub fn request(&self, outcome: Outcome, code: &'static str, duration: Duration) {
        self.request_duration.observe(duration.as_secs_f64());
        let used = self.used.load();
        match counter_of(&used, outcome, code) {
            Some(counter) => counter.inc(),
            None => self.first(outcome, code).inc(),
        }
    }

    /// Counts a stream that the gate closed before its end. `reason` is the denial's stable code.
    pub fn stream_closed(&self, reason: &'static str) {
        self.streams_closed.with_label_values(&[&self.name, reason]).inc();
    }

    /// Counts how long deciding took.
    pub fn decision(&self, duration: Duration) {
        self.decision_duration.observe(duration.as_secs_f64());
    }

    #[cold]
    fn first(&self, outcome: Outcome, code: &'static str) -> IntCounter {
        let counter = self.requests.with_label_values(&[&self.name, outcome.label(), code]);
        self.used.rcu(|used| {
            let mut used = Vec::clone(used);
            if counter_of(&used, outcome, code).is_none() {
                used.push((outcome, code, counter.clone()));
            }
            used
        });
        counter
    }
}

fn counter_of<'a>(used: &'a [RequestCounter], outcome: Outcome, code: &str) -> Option<&'a IntCounter> {
    used.iter().find(|(of, under, _)| *of == outcome && *under == code).map(|(_, _, counter)| counter)
}

/// What is counted for one upstream; its clones count together.
#[derive(Clone)]
pub struct UpstreamMetrics {
    pub(super) duration: Histogram,
    pub(super) healthy: IntGaugeVec,
    pub(super) retries: RetryCounters,
    pub(super) ejections: IntCounter,
    pub(super) resolved: IntCounter,
    pub(super) unresolved: IntCounter,
}

/// What is counted of all upstreams, beside time and health.
#[derive(Clone)]
pub(super) struct UpstreamFamilies {
    pub(super) retries: IntCounterVec,
    pub(super) ejections: IntCounterVec,
    pub(super) resolutions: IntCounterVec,
}

/// What became of requests that would have been tried again.
#[derive(Clone)]
pub(super) struct RetryCounters {
    pub(super) tried: IntCounter,
    pub(super) over_budget: IntCounter,
}

impl UpstreamMetrics {
    /// Counts how long it took for a request.
    pub fn took(&self, duration: Duration) {
        self.duration.observe(duration.as_secs_f64());
    }

    /// Counts a request that is tried again, or would have been.
    pub fn retried(&self, result: RetryResult) {
        match result {
            RetryResult::Tried => self.retries.tried.inc(),
            RetryResult::OverBudget => self.retries.over_budget.inc(),
        }
    }

    /// Counts an endpoint that is left out for a while.
    pub fn ejected(&self) {
        self.ejections.inc();
    }

    /// Counts a look-up of one of its names.
    pub fn resolved(&self, found: bool) {
        if found { self.resolved.inc() } else { self.unresolved.inc() }
    }

    /// Says whether an endpoint, by its address, is healthy.
    pub fn healthy(&self, endpoint: &str, healthy: bool) {
        self.healthy.with_label_values(&[endpoint]).set(i64::from(healthy));
    }

    /// Takes back what [`UpstreamMetrics::healthy`] shows, for an endpoint that is gone.
    pub fn forget_endpoint(&self, endpoint: &str) {
        // it is no failure when nothing was shown
        let _ = self.healthy.remove_label_values(&[endpoint]);
    }
}

/// What is counted for one trusted issuer; its clones count together.
#[derive(Clone)]
pub struct IssuerMetrics {
    pub(super) name: Arc<str>,
    pub(super) keys: IntGauge,
    pub(super) age: IntGauge,
    pub(super) fetch: IntCounterVec,
    pub(super) tenants: TenantFamilies,
}

/// What is counted for the trusted issuers with parameters, by issuer.
#[derive(Clone)]
pub(super) struct TenantFamilies {
    pub(super) known: IntGaugeVec,
    pub(super) refused: IntCounterVec,
}

impl IssuerMetrics {
    /// Says how many usable keys there are.
    pub fn keys(&self, count: usize) {
        self.keys.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Says how old the keys are.
    pub fn keys_age(&self, age: Duration) {
        self.age.set(i64::try_from(age.as_secs()).unwrap_or(i64::MAX));
    }

    /// Says how many concrete issuers are known of an issuer with parameters.
    pub fn tenants(&self, known: usize) {
        self.tenants.known.with_label_values(&[&self.name]).set(i64::try_from(known).unwrap_or(i64::MAX));
    }

    /// Counts a token that was refused because there are `most_issuers`.
    pub fn tenant_refused(&self) {
        self.tenants.refused.with_label_values(&[&self.name]).inc();
    }

    /// Counts a fetch of the keys: `success`, or the stable code of why not.
    pub fn fetched(&self, result: &'static str) {
        self.fetch.with_label_values(&[&self.name, result]).inc();
    }
}

/// What is counted for the cache of verified tokens; its clones count together.
#[derive(Clone)]
pub struct TokenCacheMetrics {
    pub(super) hit: IntCounter,
    pub(super) miss: IntCounter,
    pub(super) stale: IntCounter,
    pub(super) entries: IntGauge,
}

impl TokenCacheMetrics {
    /// Counts a look-up.
    pub fn lookup(&self, lookup: CacheLookup) {
        match lookup {
            CacheLookup::Hit => self.hit.inc(),
            CacheLookup::Miss => self.miss.inc(),
            CacheLookup::Stale => self.stale.inc(),
        }
    }

    /// Says how many tokens there are.
    pub fn entries(&self, count: u64) {
        self.entries.set(i64::try_from(count).unwrap_or(i64::MAX));
    }
}

/// What is counted for the connections of clients; its clones count together.
#[derive(Clone)]
pub struct ConnectionMetrics {
    pub(super) open: IntGauge,
    pub(super) refused: IntCounter,
    pub(super) ended: IntCounterVec,
}

/// A connection that shows as open for as long as this lives.
#[derive(Debug)]
pub struct OpenConnection(IntGauge);

impl ConnectionMetrics {
    /// Counts a connection that is served.
    #[must_use]
    pub fn open(&self) -> OpenConnection {
        self.open.inc();
        OpenConnection(self.open.clone())
    }

    /// Counts a connection that was closed at once, since its address had too many.
    pub fn refused(&self) {
        self.refused.inc();
    }

    /// Counts a connection that the gate ended without an answer.
    pub fn ended(&self, end: ConnectionEnd) {
        self.ended.with_label_values(&[end.label()]).inc();
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// What is counted for the doors at which other proxies ask; its clones count together.
#[derive(Clone)]
pub struct CheckMetrics(pub(super) IntCounterVec);

impl CheckMetrics {
    /// Counts a decision that was asked for at the door of this name.
    pub fn checked(&self, door: &'static str, outcome: Outcome) {
        self.0.with_label_values(&[door, outcome.label()]).inc();
    }
}
