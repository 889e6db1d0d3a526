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
    /// Where traces go. Default nowhere.
    pub traces: Option<TracesConfig>,
    /// Whether the access log names subjects in clear instead of by hash. Default `false`.
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

/// Where traces go.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TracesConfig {
    /// The URL of an OTLP/HTTP collector.
    pub otlp: String,
}
