//! What operators see: logs, metrics, the access log, and whether the gate is ready for work.

mod access_line;
mod access_log;
mod config;
mod error;
mod line_queue;
mod logs;
mod meters;
mod metrics;
mod outcome;
mod printable;
mod readiness;
mod start;
mod subject_names;
#[cfg(test)]
mod tests;

pub use access_line::AccessLine;
pub use access_log::AccessLog;
pub use config::{AccessLogFormat, LogLevel, TelemetryConfig, TracesConfig};
pub use error::TelemetryError;
pub use meters::{
    BundleMetrics, CheckMetrics, ConnectionMetrics, IssuerMetrics, OpenConnection, RouteMetrics, TokenCacheMetrics,
    UpstreamMetrics,
};
pub use metrics::{Metrics, UNROUTED};
pub use outcome::{CacheLookup, Outcome, ReloadResult, status_class};
pub use readiness::Readiness;
pub use start::start;
