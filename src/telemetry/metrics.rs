//! Every metric by name, in one place.
//!
//! Label values come from the config or from fixed vocabularies, never from a request, so that no client can add a series.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;
use prometheus::core::Collector;
use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};

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
            requests: define.counters(
                "lychgate_requests_total",
                "Requests by route, by outcome (allowed, denied, failed, answered) and by code: the status class of what was answered, or why not.",
                &["route", "outcome", "code"],
            )?,
            request_duration: define.histograms(
                "lychgate_request_duration_seconds",
                "Time from a request's first byte to the last byte of its answer.",
                "route",
                &REQUEST_SECONDS,
            )?,
            decision_duration: define.histograms(
                "lychgate_decision_duration_seconds",
                "Time that deciding on a request took: route, credential, token, policy.",
                "route",
                &DECISION_SECONDS,
            )?,
            streams_closed: define.streams_closed()?,
            upstream_duration: define.histograms(
                "lychgate_upstream_duration_seconds",
                "Time that an upstream took for a request, connecting included.",
                "upstream",
                &REQUEST_SECONDS,
            )?,
            upstream_healthy: Mutex::default(),
            checks: define.checks()?,
            upstream_tries: define.upstream_tries()?,
            token_cache: define.token_cache()?,
            keys: define.gauges("lychgate_keys", "Usable verification keys of a trusted issuer.", "issuer")?,
            keys_age: define.gauges(
                "lychgate_keys_age_seconds",
                "Time since the keys of a trusted issuer were last fetched or read.",
                "issuer",
            )?,
            keys_fetch: define.counters(
                "lychgate_keys_fetch_total",
                "Fetches of a trusted issuer's keys by result: success, or why not.",
                &["issuer", "result"],
            )?,
            introspections: IntrospectionMetrics::define(&registry)?,
            tenants: define.tenants()?,
            policy: define.policy()?,
            rates: RateFamilies::define(&registry)?,
            decision_log_dropped: define.counter(
                "lychgate_decision_log_dropped_total",
                "Decision log lines dropped because they were not taken fast enough.",
            )?,
            config_reload: define.counters(
                "lychgate_config_reload_total",
                "Attempts to take up a changed config by result (success, failure).",
                &["result"],
            )?,
            revocations: define.gauge(
                "lychgate_revocations",
                "Revoked tokens and sessions that are remembered, until what they refuse has expired.",
            )?,
            access_log_dropped: define.counter(
                "lychgate_access_log_dropped_total",
                "Access log lines dropped because standard output did not take them fast enough.",
            )?,
            identity: define.identity()?,
            connections: define.connections()?,
            process: ProcessMetrics::define(&registry)?,
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
        let options = Opts::new(
            "lychgate_upstream_healthy",
            "Whether an endpoint of an upstream is healthy: 1, or 0 while it is not used.",
        )
        .const_label("upstream", upstream);
        let endpoints = Definer(&self.registry).register(IntGaugeVec::new(options, &["endpoint"])?)?;
        known.insert(upstream.to_owned(), endpoints.clone());
        Ok(endpoints)
    }
}

/// Makes metrics and hangs them into a registry.
struct Definer<'a>(&'a Registry);

impl Definer<'_> {
    fn register<C: Collector + Clone + 'static>(&self, collector: C) -> Result<C, prometheus::Error> {
        self.0.register(Box::new(collector.clone()))?;
        Ok(collector)
    }

    fn upstream_tries(&self) -> Result<UpstreamFamilies, prometheus::Error> {
        Ok(UpstreamFamilies {
            retries: self.counters(
                "lychgate_upstream_retries_total",
                "Requests that failed at one endpoint by result: tried again at another, or over_budget.",
                &["upstream", "result"],
            )?,
            ejections: self.counters(
                "lychgate_upstream_ejections_total",
                "Times that an endpoint was left out for a while because requests to it failed.",
                &["upstream"],
            )?,
            resolutions: self.counters(
                "lychgate_upstream_resolutions_total",
                "Look-ups of an upstream's names by result (success, failure).",
                &["upstream", "result"],
            )?,
        })
    }

    fn tenants(&self) -> Result<TenantFamilies, prometheus::Error> {
        Ok(TenantFamilies {
            known: self.gauges(
                "lychgate_tenants",
                "Concrete issuers that are known of a trusted issuer with parameters.",
                "issuer",
            )?,
            refused: self.counters(
                "lychgate_tenants_refused_total",
                "Tokens refused because there were `most_issuers` of a trusted issuer with parameters, all in use.",
                &["issuer"],
            )?,
        })
    }

    fn policy(&self) -> Result<PolicyFamilies, prometheus::Error> {
        let help = "Always 1; its labels say which revision of a policy bundle is in force.";
        let revision = IntGaugeVec::new(Opts::new("lychgate_policy_bundle_info", help), &["bundle", "revision"])?;
        Ok(PolicyFamilies {
            decisions: self.counters(
                "lychgate_policy_decisions_total",
                "Decisions of a policy bundle by mode (enforce, shadow) and decision (allow, deny).",
                &["bundle", "mode", "decision"],
            )?,
            errors: self.counters(
                "lychgate_policy_errors_total",
                "Evaluations of a bundle in which something failed; each is a deny.",
                &["bundle"],
            )?,
            faults: self.counters(
                "lychgate_policy_faults_total",
                "Evaluations of a policy that failed, since its bundle's revision came into force; each is a deny.",
                &["bundle", "policy"],
            )?,
            shadow: self.counters(
                "lychgate_policy_shadow_total",
                "Decisions of what is tried out, a candidate or a bundle in shadow, by how they differ from what counts (none, would-allow, would-deny, would-err, other-policies).",
                &["bundle", "difference"],
            )?,
            token_shadow: self.counters(
                "lychgate_token_shadow_total",
                "Accepted tokens judged by the rules that an issuer tries out in shadow: none, or why they would be refused.",
                &["issuer", "difference"],
            )?,
            revision: self.register(revision)?,
            revisions: Mutex::default(),
        })
    }

    fn identity(&self) -> Result<IdentityMetrics, prometheus::Error> {
        let sign_ins =
            "Steps of sign-ins at the embedded issuer by outcome: success, challenge, or the code of the refusal.";
        let active = "Users of a declared pool who have signed in within the window (1d, 30d).";
        let active = IntGaugeVec::new(Opts::new("lychgate_active_users", active), &["pool", "window"])?;
        Ok(IdentityMetrics {
            sign_ups: self.counters(
                "lychgate_sign_ups_total",
                "Sign-ups at the embedded issuer by outcome: success, or the code of the refusal.",
                &["outcome"],
            )?,
            sign_ins: self.counters("lychgate_sign_ins_total", sign_ins, &["outcome"])?,
            challenges: self.counters(
                "lychgate_sign_in_challenges_total",
                "Challenges that sign-ins at the embedded issuer were answered with.",
                &["challenge"],
            )?,
            lockouts: self.counter("lychgate_lockouts_total", "Attempts that were refused because a name was locked.")?,
            tokens: self.counters(
                "lychgate_tokens_issued_total",
                "Sets of tokens that the embedded issuer gave, by what for (sign-in, refresh).",
                &["by"],
            )?,
            messages: self.counters(
                "lychgate_messages_total",
                "Tries to deliver a message to a user by medium (email, sms) and outcome (delivered, tried-again, given-up).",
                &["medium", "outcome"],
            )?,
            active_users: self.register(active)?,
            audit_log_dropped: self.counter(
                "lychgate_audit_log_dropped_total",
                "Audit log lines dropped because standard output did not take them fast enough.",
            )?,
        })
    }

    fn counter(&self, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
        self.register(IntCounter::new(name, help)?)
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, prometheus::Error> {
        self.register(IntCounterVec::new(Opts::new(name, help), labels)?)
    }

    fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
        self.register(IntGauge::new(name, help)?)
    }

    fn gauges(&self, name: &str, help: &str, label: &str) -> Result<IntGaugeVec, prometheus::Error> {
        self.register(IntGaugeVec::new(Opts::new(name, help), &[label])?)
    }

    fn histograms(
        &self,
        name: &str,
        help: &str,
        label: &str,
        bounds: &[f64],
    ) -> Result<HistogramVec, prometheus::Error> {
        let options = HistogramOpts::new(name, help).buckets(bounds.to_vec());
        self.register(HistogramVec::new(options, &[label])?)
    }

    fn token_cache(&self) -> Result<TokenCacheMetrics, prometheus::Error> {
        let help = "Look-ups of tokens in the cache of verified tokens by result (hit, miss, stale).";
        let lookups = self.counters("lychgate_token_cache_total", help, &["result"])?;
        let result = |label: &str| lookups.with_label_values(&[label]);
        let entries = self.gauge("lychgate_token_cache_entries", "Tokens in the cache of verified tokens.")?;
        Ok(TokenCacheMetrics { hit: result("hit"), miss: result("miss"), stale: result("stale"), entries })
    }

    fn streams_closed(&self) -> Result<IntCounterVec, prometheus::Error> {
        self.counters(
            "lychgate_streams_closed_total",
            "Answers and tunnels that the gate closed before their end, by route and by reason, such as token-expired.",
            &["route", "reason"],
        )
    }

    fn connections(&self) -> Result<ConnectionMetrics, prometheus::Error> {
        Ok(ConnectionMetrics {
            open: self.gauge("lychgate_connections", "Connections of clients that are open.")?,
            refused: self.counter(
                "lychgate_connections_refused_total",
                "Connections closed at once, since their address had `limits.connections_per_ip` already.",
            )?,
            ended: self.counters(
                "lychgate_connections_ended_total",
                "Connections that the gate ended without an answer, by reason (handshake, idle, http2-protocol, http2-flood).",
                &["reason"],
            )?,
        })
    }

    fn checks(&self) -> Result<IntCounterVec, prometheus::Error> {
        self.counters(
            "lychgate_checks_total",
            "Decisions that other proxies asked for, by door (envoy, nginx, caddy, traefik, haproxy, api-gateway) and by outcome; they count as requests too.",
            &["door", "outcome"],
        )
    }

    fn build_info(&self) -> Result<(), prometheus::Error> {
        let build = self.gauges("lychgate_build_info", "Always 1; its labels say which build this is.", "version")?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        Ok(())
    }
}

fn undefined(subject: &str) -> impl FnOnce(prometheus::Error) -> TelemetryError {
    let subject = subject.to_owned();
    move |source| TelemetryError::Metrics { subject, source }
}
