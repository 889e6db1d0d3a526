//! The config of what operators see: logs, the access log and traces.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

pub use super::traces::{ParentsHeard, TracesConfig};

/// Logs, the access log and traces.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// The least level that is logged. Default `info`; the environment's `RUST_LOG` is stronger.
    pub log: LogLevel,
    /// One line a request on standard output. Default `json`.
    pub access_log: AccessLogFormat,
    /// One JSON line for each identity action at the embedded issuer, on standard output too; `"log": "audit"` tells them from those of the
    /// access log. `lychgate pool` writes such lines for what it does, on standard error. Default `json`.
    pub audit_log: AuditLogFormat,
    /// Where traces go, by OTLP: `{otlp: "http://127.0.0.1:4318"}`. Default nowhere.
    pub traces: Option<TracesConfig>,
    /// Whether access log, audit log and decision log name subjects in clear instead of by hash. Default `false`.
    pub subjects_in_clear: bool,
    /// The decision log, for audit. Default none.
    pub decisions: DecisionsConfig,
}

/// The decision log: one JSON line a decision, with who asked, what was decided, and by which policies of which revision. Never
/// a token, never a query string.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DecisionsConfig {
    /// Which decisions are logged. Default `off`.
    pub log: DecisionsLogged,
    /// Of `all`, the share of the allowed requests that is logged, from 0 to 1; denials always are. Default 1.
    pub sample: f64,
    /// The file that lines are added to; relative to the config file. Default: standard output, where each line begins with
    /// `{"log":"decision"`.
    pub file: Option<PathBuf>,
}

impl Default for DecisionsConfig {
    fn default() -> Self {
        Self { log: DecisionsLogged::Off, sample: 1.0, file: None }
    }
}

/// Which decisions are logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DecisionsLogged {
    /// None.
    #[default]
    Off,
    /// Denials.
    Denied,
    /// Denials, and of the others the configured share.
    All,
}

/// The least level that is logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// Nothing but failures.
    Error,
    /// Also what an operator should look at.
    Warn,
    /// Also what happens.
    #[default]
    Info,
    /// Also why.
    Debug,
    /// Everything.
    Trace,
}

/// How the access log is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccessLogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// One line for people.
    Text,
    /// No access log.
    Off,
}

/// How the audit log is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuditLogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// No audit log.
    Off,
}
