//! Every metric by name, with what it tells and by which labels, in one place.
//!
//! Label values come from the config or from fixed vocabularies, never from a request, so that no client can add a series.

use prometheus::{HistogramOpts, Opts};

/// A metric's definition.
pub(super) struct Metric {
    pub(super) name: &'static str,
    /// What it tells.
    help: &'static str,
    /// What it is told apart by.
    pub(super) labels: &'static [&'static str],
}

impl Metric {
    pub(super) fn options(&self) -> Opts {
        Opts::new(self.name, self.help)
    }

    pub(super) fn histogram(&self, bounds: &[f64]) -> HistogramOpts {
        HistogramOpts::new(self.name, self.help).buckets(bounds.to_vec())
    }
}

const fn metric(name: &'static str, help: &'static str, labels: &'static [&'static str]) -> Metric {
    Metric { name, help, labels }
}

// Requests and decisions.

pub(super) const REQUESTS: Metric = metric(
    "lychgate_requests_total",
    "Requests by route, by outcome (allowed, denied, failed, answered) and by code: the status class of what was answered, or why not.",
    &["route", "outcome", "code"],
);
pub(super) const REQUEST_DURATION: Metric = metric(
    "lychgate_request_duration_seconds",
    "Time from a request's first byte to the last byte of its answer.",
    &["route"],
);
pub(super) const DECISION_DURATION: Metric = metric(
    "lychgate_decision_duration_seconds",
    "Time that deciding on a request took: route, credential, token, policy.",
    &["route"],
);
pub(super) const STREAMS_CLOSED: Metric = metric(
    "lychgate_streams_closed_total",
    "Answers and tunnels that the gate closed before their end, by route and by reason, such as token-expired.",
    &["route", "reason"],
);
pub(super) const CHECKS: Metric = metric(
    "lychgate_checks_total",
    "Decisions that other proxies asked for, by door (envoy, nginx, caddy, traefik, haproxy, api-gateway) and by outcome; they count as requests too.",
    &["door", "outcome"],
);
pub(super) const RATE_LIMIT_DECISIONS: Metric = metric(
    "lychgate_rate_limit_decisions_total",
    "Requests counted by a rate limit of a route: by this gate alone (local) or together with others (shared), and within it (allowed) or not (limited).",
    &["route", "counted", "outcome"],
);
pub(super) const RATE_LIMIT_SHARED: Metric = metric(
    "lychgate_rate_limit_shared",
    "Whether rate limits are counted together with other gates: 1, or 0 while each counts alone.",
    &[],
);

// Upstreams.

pub(super) const UPSTREAM_DURATION: Metric = metric(
    "lychgate_upstream_duration_seconds",
    "Time that an upstream took for a request, connecting included.",
    &["upstream"],
);
pub(super) const UPSTREAM_HEALTHY: Metric = metric(
    "lychgate_upstream_healthy",
    "Whether an endpoint of an upstream is healthy: 1, or 0 while it is not used.",
    &["upstream", "endpoint"],
);
pub(super) const UPSTREAM_RETRIES: Metric = metric(
    "lychgate_upstream_retries_total",
    "Requests that failed at one endpoint by result: tried again at another, or over_budget.",
    &["upstream", "result"],
);
pub(super) const UPSTREAM_EJECTIONS: Metric = metric(
    "lychgate_upstream_ejections_total",
    "Times that an endpoint was left out for a while because requests to it failed.",
    &["upstream"],
);
pub(super) const UPSTREAM_RESOLUTIONS: Metric = metric(
    "lychgate_upstream_resolutions_total",
    "Look-ups of an upstream's names by result (success, failure).",
    &["upstream", "result"],
);

// Tokens and keys.

pub(super) const TOKEN_CACHE: Metric = metric(
    "lychgate_token_cache_total",
    "Look-ups of tokens in the cache of verified tokens by result (hit, miss, stale).",
    &["result"],
);
pub(super) const TOKEN_CACHE_ENTRIES: Metric =
    metric("lychgate_token_cache_entries", "Tokens in the cache of verified tokens.", &[]);
pub(super) const REVOCATIONS: Metric = metric(
    "lychgate_revocations",
    "Revoked tokens and sessions that are remembered, until what they refuse has expired.",
    &[],
);
pub(super) const KEYS: Metric = metric("lychgate_keys", "Usable verification keys of a trusted issuer.", &["issuer"]);
pub(super) const KEYS_AGE: Metric = metric(
    "lychgate_keys_age_seconds",
    "Time since the keys of a trusted issuer were last fetched or read; of keys that stand in the config, 0.",
    &["issuer"],
);
pub(super) const KEYS_FETCH: Metric = metric(
    "lychgate_keys_fetch_total",
    "Fetches of a trusted issuer's keys by result: success, or why not.",
    &["issuer", "result"],
);
pub(super) const INTROSPECTIONS: Metric = metric(
    "lychgate_introspections_total",
    "Questions about opaque tokens to a trusted issuer's introspection endpoint by result (active, inactive, failure).",
    &["issuer", "result"],
);
pub(super) const TENANTS: Metric =
    metric("lychgate_tenants", "Concrete issuers that are known of a trusted issuer with parameters.", &["issuer"]);
pub(super) const TENANTS_REFUSED: Metric = metric(
    "lychgate_tenants_refused_total",
    "Tokens refused because there were `most_issuers` of a trusted issuer with parameters, all in use.",
    &["issuer"],
);
pub(super) const TOKEN_SHADOW: Metric = metric(
    "lychgate_token_shadow_total",
    "Accepted tokens judged by the rules that an issuer tries out in shadow: none, or why they would be refused.",
    &["issuer", "difference"],
);

// Policies.

pub(super) const POLICY_DECISIONS: Metric = metric(
    "lychgate_policy_decisions_total",
    "Decisions of a policy bundle by mode (enforce, shadow) and decision (allow, deny).",
    &["bundle", "mode", "decision"],
);
pub(super) const POLICY_ERRORS: Metric = metric(
    "lychgate_policy_errors_total",
    "Evaluations of a bundle in which something failed; each is a deny.",
    &["bundle"],
);
pub(super) const POLICY_FAULTS: Metric = metric(
    "lychgate_policy_faults_total",
    "Evaluations of a policy that failed, since its bundle's revision came into force; each is a deny.",
    &["bundle", "policy"],
);
pub(super) const POLICY_SHADOW: Metric = metric(
    "lychgate_policy_shadow_total",
    "Decisions of what is tried out, a candidate or a bundle in shadow, by how they differ from what counts (none, would-allow, would-deny, would-err, other-policies).",
    &["bundle", "difference"],
);
pub(super) const POLICY_BUNDLE_INFO: Metric = metric(
    "lychgate_policy_bundle_info",
    "Always 1; its labels say which revision of a policy bundle is in force.",
    &["bundle", "revision"],
);

// The gate itself.

pub(super) const CONFIG_RELOAD: Metric = metric(
    "lychgate_config_reload_total",
    "Attempts to take up a changed config by result (success, failure).",
    &["result"],
);
pub(super) const CONNECTIONS: Metric = metric("lychgate_connections", "Connections of clients that are open.", &[]);
pub(super) const CONNECTIONS_REFUSED: Metric = metric(
    "lychgate_connections_refused_total",
    "Connections closed at once, since their address had `limits.connections_per_ip` already.",
    &[],
);
pub(super) const CONNECTIONS_ENDED: Metric = metric(
    "lychgate_connections_ended_total",
    "Connections that the gate ended without an answer, by reason (handshake, idle, http2-protocol, http2-flood, proxy-protocol).",
    &["reason"],
);
pub(super) const ACCESS_LOG_DROPPED: Metric = metric(
    "lychgate_access_log_dropped_total",
    "Access log lines dropped because standard output did not take them fast enough.",
    &[],
);
pub(super) const DECISION_LOG_DROPPED: Metric = metric(
    "lychgate_decision_log_dropped_total",
    "Decision log lines dropped because they were not taken fast enough.",
    &[],
);
pub(super) const TRACE_SPANS: Metric = metric(
    "lychgate_trace_spans_total",
    "Spans of recorded requests by what became of them: sent to the collector, dropped since too many waited, or failed since it was away or would not have them.",
    &["result"],
);
pub(super) const BUILD_INFO: Metric =
    metric("lychgate_build_info", "Always 1; its labels say which build this is.", &["version"]);

// The embedded issuer.

pub(super) const SIGN_UPS: Metric = metric(
    "lychgate_sign_ups_total",
    "Sign-ups at the embedded issuer by outcome: success, or the code of the refusal.",
    &["outcome"],
);
pub(super) const SIGN_INS: Metric = metric(
    "lychgate_sign_ins_total",
    "Steps of sign-ins at the embedded issuer by outcome: success, challenge, or the code of the refusal.",
    &["outcome"],
);
pub(super) const SIGN_IN_CHALLENGES: Metric = metric(
    "lychgate_sign_in_challenges_total",
    "Challenges that sign-ins at the embedded issuer were answered with.",
    &["challenge"],
);
pub(super) const LOCKOUTS: Metric =
    metric("lychgate_lockouts_total", "Attempts that were refused because a name was locked.", &[]);
pub(super) const TOKENS_ISSUED: Metric = metric(
    "lychgate_tokens_issued_total",
    "Sets of tokens that the embedded issuer gave, by what for (sign-in, refresh).",
    &["by"],
);
pub(super) const MESSAGES: Metric = metric(
    "lychgate_messages_total",
    "Tries to deliver a message to a user by medium (email, sms) and outcome (delivered, tried-again, given-up).",
    &["medium", "outcome"],
);
pub(super) const ACTIVE_USERS: Metric = metric(
    "lychgate_active_users",
    "Users of a declared pool who have signed in within the window (1d, 30d).",
    &["pool", "window"],
);
pub(super) const AUDIT_LOG_DROPPED: Metric = metric(
    "lychgate_audit_log_dropped_total",
    "Audit log lines dropped because standard output did not take them fast enough.",
    &[],
);

// The process, by the names and in the words of Prometheus' own client libraries.

pub(super) const PROCESS_CPU: Metric =
    metric("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", &[]);
pub(super) const PROCESS_RESIDENT: Metric =
    metric("process_resident_memory_bytes", "Resident memory size in bytes.", &[]);
pub(super) const PROCESS_ADDRESS_SPACE: Metric =
    metric("process_virtual_memory_bytes", "Virtual memory size in bytes.", &[]);
pub(super) const PROCESS_OPEN_FILES: Metric = metric("process_open_fds", "Number of open file descriptors.", &[]);
pub(super) const PROCESS_MOST_FILES: Metric =
    metric("process_max_fds", "Maximum number of open file descriptors.", &[]);
pub(super) const PROCESS_THREADS: Metric = metric("process_threads", "Number of OS threads in the process.", &[]);
pub(super) const PROCESS_STARTED: Metric =
    metric("process_start_time_seconds", "Start time of the process since unix epoch in seconds.", &[]);
