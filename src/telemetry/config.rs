//! The config of what operators see: logs, the access log and traces.

use schemars::JsonSchema;
use serde::Deserialize;

/// Logs, the access log and traces.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// The least level that is logged. Default `info`; the environment's `RUST_LOG` is stronger.
    pub log: LogLevel,
    /// One line a request on standard output. Default `json`.
    pub access_log: AccessLogFormat,
    /// One JSON line for each identity action at the embedded issuer, on standard output too; `"log": "audit"` tells them from those of the
    /// access log. Default `json`.
    pub audit_log: AuditLogFormat,
    /// Where traces go. Default nowhere.
    pub traces: Option<TracesConfig>,
    /// Whether the access log and the audit log name subjects in clear instead of by hash. Default `false`.
    pub subjects_in_clear: bool,
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

/// Where traces go.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TracesConfig {
    /// The URL of an OTLP/HTTP collector.
    pub otlp: String,
}
