//! The config of traces: where they go, and which.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;

/// Where traces go, and which. A request is told as one span with the steps of the decision and each try at an upstream as spans
/// of their own. No span holds a token, a secret, a query string or a subject. With this section the gate is part of every
/// trace: upstreams get a `traceparent` whose parent is the gate's own span. Without it, what a client sends of a trace goes on
/// unchanged, and its trace id stands in the logs.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TracesConfig {
    /// The URL of an OTLP/HTTP collector, to which `/v1/traces` is added unless it ends so: `http://127.0.0.1:4318`. While it is
    /// away, traces are dropped and counted, and no request waits.
    pub otlp: String,
    /// Header fields that the collector asks for, such as `{authorization: {file: collector-token}}`. Default none.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub headers: BTreeMap<String, SecretString>,
    /// PEM certificates that count instead of the system's. For `https://`.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// Longest time that one export may take, 1ms to 1m. Default `10s`.
    #[serde(default = "default_timeout", deserialize_with = "humantime_serde::deserialize")]
    pub timeout: Duration,
    /// The share of traces that is recorded, from 0 to 1. Default 1.
    #[serde(default = "default_sample")]
    pub sample: f64,
    /// Whose word counts on whether a trace is recorded, where a request comes with a trace of its own; for all others `sample`
    /// decides. Default `trusted_proxies`: else any client could have everything recorded, or nothing. Its trace goes on
    /// either way.
    #[serde(default)]
    pub parents: ParentsHeard,
    /// `service.name`. Default `lychgate`.
    #[serde(default = "default_service")]
    pub service: String,
    /// What else is told of this gate, as resource attributes: `{deployment.environment.name: production}`. Default none;
    /// `service.version` and `service.instance.id` are told always.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
}

/// Whose word counts on whether a trace is recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ParentsHeard {
    /// That of requests which come through `trusted_proxies`.
    #[default]
    TrustedProxies,
    /// Everyone's: for a gate that only known callers reach, and for the doors of `ext_authz`, whose askers pass on what their
    /// clients sent.
    All,
    /// Nobody's.
    None,
}

fn default_timeout() -> Duration {
    Duration::from_secs(10)
}

fn default_sample() -> f64 {
    1.0
}

fn default_service() -> String {
    "lychgate".to_owned()
}
