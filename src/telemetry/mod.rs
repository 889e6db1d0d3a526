//! What operators see: logs, metrics and the access log.

mod config;

pub use config::{AccessLogFormat, LogLevel, TelemetryConfig, TracesConfig};
