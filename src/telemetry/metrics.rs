//! All metrics of the process: defined once, handed to whoever counts, and written out for whoever scrapes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;
use prometheus::core::Collector;
use prometheus::{HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry, TextEncoder};

use super::catalogue::{self, Metric};
use super::error::TelemetryError;
use super::identity_meters::IdentityMetrics;
use super::introspection_meters::IntrospectionMetrics;
use super::meters::{
    CheckMetrics, ConnectionMetrics, IssuerMetrics, RetryCounters, RouteMetrics, TenantFamilies, TokenCacheMetrics,
    UpstreamFamilies, UpstreamMetrics,
};
use super::outcome::ReloadResult;
use super::policy_meters::{BundleMetrics, PolicyFamilies, ShadowMetrics};
use super::process::ProcessMetrics;
use super::rate_meters::RateFamilies;
use super::trace_meters::TraceMetrics;

/// The `route` label of requests that no route matched. No route can be named so.
pub const UNROUTED: &str = "-";

/// Bounds in seconds for requests and upstreams: from half a millisecond to the longest usual time-out.
const REQUEST_SECONDS: [f64; 16] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// Bounds in seconds for decisions: a cached token takes microseconds, one that waits for keys takes seconds.
const DECISION_SECONDS: [f64; 14] =
    [0.000_005, 0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.01, 0.05, 0.25, 1.0, 5.0];

/// All metrics of the process; its clones share them.
#[derive(Clone)]
pub struct Metrics(pub(super) Arc<Families>);

pub(super) struct Families {
    pub(super) registry: Registry,
    pub(super) before_scrape: ArcSwapOption<ScrapeHook>,
    pub(super) requests: IntCounterVec,
    pub(super) request_duration: HistogramVec,
    pub(super) decision_duration: HistogramVec,
    pub(super) streams_closed: IntCounterVec,
    pub(super) upstream_duration: HistogramVec,
    /// One family an upstream, see [`Metrics::upstream`].
    pub(super) upstream_healthy: Mutex<BTreeMap<String, IntGaugeVec>>,
    pub(super) upstream_tries: UpstreamFamilies,
    pub(super) token_cache: TokenCacheMetrics,
    pub(super) keys: IntGaugeVec,
    pub(super) keys_age: IntGaugeVec,
    pub(super) keys_fetch: IntCounterVec,
    pub(super) introspections: IntCounterVec,
    pub(super) tenants: TenantFamilies,
    pub(super) policy: PolicyFamilies,
    pub(super) rates: RateFamilies,
    pub(super) config_reload: IntCounterVec,
    pub(super) decision_log_dropped: IntCounter,
    pub(super) access_log_dropped: IntCounter,
    pub(super) identity: IdentityMetrics,
    pub(super) revocations: IntGauge,
    pub(super) connections: ConnectionMetrics,
    pub(super) checks: IntCounterVec,
    pub(super) traces: TraceMetrics,
    process: ProcessMetrics,
}

type ScrapeHook = Box<dyn Fn(&Metrics) + Send + Sync>;

impl Metrics {
    /// Defines every metric, in a registry of its own.
    ///
    /// # Errors
    /// When two definitions contradict each other: a mistake in this file, that a test finds.
    pub fn new() -> Result<Self, TelemetryError> {
        Families::define().map(|families| Self(Arc::new(families))).map_err(undefined("the gate"))
    }

    /// What is counted for the route of this name ([`UNROUTED`] where none matched).
    #[must_use]
    pub fn route(&self, name: &str) -> RouteMetrics {
        RouteMetrics {
            name: name.into(),
            requests: self.0.requests.clone(),
            used: Arc::default(),
            request_duration: self.0.request_duration.with_label_values(&[name]),
            decision_duration: self.0.decision_duration.with_label_values(&[name]),
            streams_closed: self.0.streams_closed.clone(),
        }
    }

    /// What is counted for the upstream of this name.
    ///
    /// # Errors
    /// When its health metric contradicts that of another: a mistake in this file.
    pub fn upstream(&self, name: &str) -> Result<UpstreamMetrics, TelemetryError> {
        let healthy = self.0.endpoints_of(name).map_err(undefined(name))?;
        let retries = |result| self.0.upstream_tries.retries.with_label_values(&[name, result]);
        let resolutions = |result| self.0.upstream_tries.resolutions.with_label_values(&[name, result]);
        Ok(UpstreamMetrics {
            duration: self.0.upstream_duration.with_label_values(&[name]),
            healthy,
            retries: RetryCounters { tried: retries("tried"), over_budget: retries("over_budget") },
            ejections: self.0.upstream_tries.ejections.with_label_values(&[name]),
            resolved: resolutions("success"),
            unresolved: resolutions("failure"),
        })
    }

    /// What is counted for the trusted issuer of this name.
    #[must_use]
    pub fn issuer(&self, name: &str) -> IssuerMetrics {
        IssuerMetrics {
            keys: self.0.keys.with_label_values(&[name]),
            age: self.0.keys_age.with_label_values(&[name]),
            fetch: self.0.keys_fetch.clone(),
            tenants: self.0.tenants.clone(),
            name: name.into(),
        }
    }

    /// What is counted for the policy bundle of this name in this mode, `enforce` or `shadow`.
    #[must_use]
    pub fn bundle(&self, name: &str, mode: &'static str) -> BundleMetrics {
        self.0.policy.bundle(name, mode)
    }

    /// What is counted for the cache of verified tokens.
    #[must_use]
    pub fn token_cache(&self) -> TokenCacheMetrics {
        self.0.token_cache.clone()
    }

    /// Says how many revocations are kept.
    pub fn revocations(&self, kept: usize) {
        self.0.revocations.set(i64::try_from(kept).unwrap_or(i64::MAX));
    }

    /// What is counted for the connections of clients.
    #[must_use]
    pub fn connections(&self) -> ConnectionMetrics {
        self.0.connections.clone()
    }

    /// What is counted for the doors at which other proxies ask.
    #[must_use]
    pub fn checks(&self) -> CheckMetrics {
        CheckMetrics(self.0.checks.clone())
    }

    /// Counts an attempt to take up a changed config.
    pub fn reloaded(&self, result: ReloadResult) {
        self.0.config_reload.with_label_values(&[result.label()]).inc();
    }

    /// Says when the process began, in seconds since the Unix epoch.
    pub fn started(&self, unix_seconds: u64) {
        self.0.process.started(unix_seconds);
    }

    /// Counts lines that the decision log had to drop.
    pub(super) fn decision_log_dropped(&self) -> IntCounter {
        self.0.decision_log_dropped.clone()
    }

    /// What is counted for the rules that are tried out on tokens of the trusted issuer of this name.
    #[must_use]
    pub fn token_shadow(&self, issuer: &str) -> ShadowMetrics {
        self.0.policy.token_shadow(issuer)
    }

    /// Shows which revision of each policy bundle is in force, and takes back what was shown before.
    pub fn bundle_revisions<'a>(&self, bundles: impl IntoIterator<Item = (&'a str, &'a str)>) {
        self.0.policy.show_revisions(bundles);
    }

    /// Counts lines that the access log had to drop.
    pub(super) fn access_log_dropped(&self) -> IntCounter {
        self.0.access_log_dropped.clone()
    }

    /// Counts lines that the audit log had to drop.
    pub(super) fn audit_log_dropped(&self) -> IntCounter {
        self.0.identity.audit_log_dropped.clone()
    }

    /// What is counted of identity actions at the embedded issuer.
    #[must_use]
    pub fn identity(&self) -> IdentityMetrics {
        self.0.identity.clone()
    }

    /// Sets what runs before each scrape, to bring gauges up to date that change with time alone, such as the age of keys.
    pub fn before_scrape(&self, hook: impl Fn(&Self) + Send + Sync + 'static) {
        self.0.before_scrape.store(Some(Arc::new(Box::new(hook))));
    }

    /// All metrics in Prometheus' text format 0.0.4.
    #[must_use]
    pub fn encode(&self) -> String {
        if let Some(hook) = self.0.before_scrape.load_full() {
            hook(self);
        }
        self.0.process.refresh();
        let families = self.0.registry.gather();
        // writing to memory cannot fail, and each family was checked when it was defined
        TextEncoder::new().encode_to_string(&families).unwrap_or_default()
    }
}

impl Families {
    fn define() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let define = Definer(&registry);
        define.build_info()?;
        Ok(Self {
            before_scrape: ArcSwapOption::empty(),
            requests: define.counters(&catalogue::REQUESTS)?,
            request_duration: define.histograms(&catalogue::REQUEST_DURATION, &REQUEST_SECONDS)?,
            decision_duration: define.histograms(&catalogue::DECISION_DURATION, &DECISION_SECONDS)?,
            streams_closed: define.streams_closed()?,
            upstream_duration: define.histograms(&catalogue::UPSTREAM_DURATION, &REQUEST_SECONDS)?,
            upstream_healthy: Mutex::default(),
            checks: define.checks()?,
            upstream_tries: define.upstream_tries()?,
            token_cache: define.token_cache()?,
            keys: define.gauges(&catalogue::KEYS)?,
            keys_age: define.gauges(&catalogue::KEYS_AGE)?,
            keys_fetch: define.counters(&catalogue::KEYS_FETCH)?,
            introspections: IntrospectionMetrics::define(&define)?,
            tenants: define.tenants()?,
            policy: define.policy()?,
            rates: RateFamilies::define(&define)?,
            decision_log_dropped: define.counter(&catalogue::DECISION_LOG_DROPPED)?,
            config_reload: define.counters(&catalogue::CONFIG_RELOAD)?,
            revocations: define.gauge(&catalogue::REVOCATIONS)?,
            access_log_dropped: define.counter(&catalogue::ACCESS_LOG_DROPPED)?,
            identity: define.identity()?,
            connections: define.connections()?,
            traces: TraceMetrics::define(&define)?,
            process: ProcessMetrics::define(&define)?,
            registry,
        })
    }

    /// The health gauges of an upstream's endpoints.
    ///
    /// Each upstream has a family of its own, with its name as constant label: the crate tells the children of one family apart by
    /// a hash of their label values joined without a mark, which would take `web1` at `1.0.0.1:80` for `web` at `11.0.0.1:80`.
    fn endpoints_of(&self, upstream: &str) -> Result<IntGaugeVec, prometheus::Error> {
        let mut known = self.upstream_healthy.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(endpoints) = known.get(upstream) {
            return Ok(endpoints.clone());
        }
        let options = catalogue::UPSTREAM_HEALTHY.options().const_label("upstream", upstream);
        let endpoints = Definer(&self.registry).register(IntGaugeVec::new(options, &["endpoint"])?)?;
        known.insert(upstream.to_owned(), endpoints.clone());
        Ok(endpoints)
    }
}

/// Makes metrics and hangs them into a registry.
pub(super) struct Definer<'a>(&'a Registry);

impl Definer<'_> {
    pub(super) fn register<C: Collector + Clone + 'static>(&self, collector: C) -> Result<C, prometheus::Error> {
        self.0.register(Box::new(collector.clone()))?;
        Ok(collector)
    }

    fn upstream_tries(&self) -> Result<UpstreamFamilies, prometheus::Error> {
        Ok(UpstreamFamilies {
            retries: self.counters(&catalogue::UPSTREAM_RETRIES)?,
            ejections: self.counters(&catalogue::UPSTREAM_EJECTIONS)?,
            resolutions: self.counters(&catalogue::UPSTREAM_RESOLUTIONS)?,
        })
    }

    fn tenants(&self) -> Result<TenantFamilies, prometheus::Error> {
        Ok(TenantFamilies {
            known: self.gauges(&catalogue::TENANTS)?,
            refused: self.counters(&catalogue::TENANTS_REFUSED)?,
        })
    }

    fn policy(&self) -> Result<PolicyFamilies, prometheus::Error> {
        Ok(PolicyFamilies {
            decisions: self.counters(&catalogue::POLICY_DECISIONS)?,
            errors: self.counters(&catalogue::POLICY_ERRORS)?,
            faults: self.counters(&catalogue::POLICY_FAULTS)?,
            shadow: self.counters(&catalogue::POLICY_SHADOW)?,
            token_shadow: self.counters(&catalogue::TOKEN_SHADOW)?,
            revision: self.gauges(&catalogue::POLICY_BUNDLE_INFO)?,
            revisions: Mutex::default(),
        })
    }

    fn identity(&self) -> Result<IdentityMetrics, prometheus::Error> {
        Ok(IdentityMetrics {
            sign_ups: self.counters(&catalogue::SIGN_UPS)?,
            sign_ins: self.counters(&catalogue::SIGN_INS)?,
            challenges: self.counters(&catalogue::SIGN_IN_CHALLENGES)?,
            lockouts: self.counter(&catalogue::LOCKOUTS)?,
            tokens: self.counters(&catalogue::TOKENS_ISSUED)?,
            messages: self.counters(&catalogue::MESSAGES)?,
            active_users: self.gauges(&catalogue::ACTIVE_USERS)?,
            audit_log_dropped: self.counter(&catalogue::AUDIT_LOG_DROPPED)?,
        })
    }

    pub(super) fn counter(&self, metric: &Metric) -> Result<IntCounter, prometheus::Error> {
        self.register(IntCounter::with_opts(metric.options())?)
    }

    pub(super) fn counters(&self, metric: &Metric) -> Result<IntCounterVec, prometheus::Error> {
        self.register(IntCounterVec::new(metric.options(), metric.labels)?)
    }

    pub(super) fn gauge(&self, metric: &Metric) -> Result<IntGauge, prometheus::Error> {
        self.register(IntGauge::with_opts(metric.options())?)
    }

    pub(super) fn gauges(&self, metric: &Metric) -> Result<IntGaugeVec, prometheus::Error> {
        self.register(IntGaugeVec::new(metric.options(), metric.labels)?)
    }

    fn histograms(&self, metric: &Metric, bounds: &[f64]) -> Result<HistogramVec, prometheus::Error> {
        self.register(HistogramVec::new(metric.histogram(bounds), metric.labels)?)
    }

    fn token_cache(&self) -> Result<TokenCacheMetrics, prometheus::Error> {
        let lookups = self.counters(&catalogue::TOKEN_CACHE)?;
        let result = |label: &str| lookups.with_label_values(&[label]);
        let entries = self.gauge(&catalogue::TOKEN_CACHE_ENTRIES)?;
        Ok(TokenCacheMetrics { hit: result("hit"), miss: result("miss"), stale: result("stale"), entries })
    }

    fn streams_closed(&self) -> Result<IntCounterVec, prometheus::Error> {
        self.counters(&catalogue::STREAMS_CLOSED)
    }

    fn connections(&self) -> Result<ConnectionMetrics, prometheus::Error> {
        Ok(ConnectionMetrics {
            open: self.gauge(&catalogue::CONNECTIONS)?,
            refused: self.counter(&catalogue::CONNECTIONS_REFUSED)?,
            ended: self.counters(&catalogue::CONNECTIONS_ENDED)?,
        })
    }

    fn checks(&self) -> Result<IntCounterVec, prometheus::Error> {
        self.counters(&catalogue::CHECKS)
    }

    fn build_info(&self) -> Result<(), prometheus::Error> {
        let build = self.gauges(&catalogue::BUILD_INFO)?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        Ok(())
    }
}

fn undefined(subject: &str) -> impl FnOnce(prometheus::Error) -> TelemetryError {
    let subject = subject.to_owned();
    move |source| TelemetryError::Metrics { subject, source }
}
