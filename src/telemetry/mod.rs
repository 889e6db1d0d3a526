//! What operators see: logs, metrics, traces, the access log, and whether the gate is ready for work.

mod access_line;
mod access_log;
mod audit;
mod catalogue;
mod config;
mod decision_line;
mod decision_log;
mod error;
mod forget;
mod identity_meters;
mod in_flight;
mod introspection_meters;
mod line_queue;
mod logs;
mod meters;
mod metrics;
mod outcome;
mod policy_meters;
mod printable;
mod process;
mod rate_meters;
mod readiness;
mod start;
mod subject_names;
#[cfg(test)]
mod tests;
mod trace_meters;
mod traces;

pub use access_line::AccessLine;
pub use access_log::AccessLog;
pub use audit::{AuditLine, AuditLog};
pub use config::{
    AccessLogFormat, AuditLogFormat, DecisionsConfig, DecisionsLogged, LogLevel, ParentsHeard, TelemetryConfig,
    TracesConfig,
};
pub use decision_line::{DecisionFacts, PolicyFacts};
pub use decision_log::DecisionLog;
pub use error::TelemetryError;
pub use identity_meters::IdentityMetrics;
pub use in_flight::InFlight;
pub use introspection_meters::IntrospectionMetrics;
pub use meters::{
    CheckMetrics, ConnectionMetrics, IssuerMetrics, OpenConnection, RouteMetrics, TokenCacheMetrics, UpstreamMetrics,
};
pub use metrics::{Metrics, UNROUTED};
pub use outcome::{CacheLookup, ConnectionEnd, Outcome, ReloadResult, RetryResult, status_class};
pub use policy_meters::{BundleMetrics, ShadowMetrics};
pub use rate_meters::{RateMetrics, SharedRateMetrics};
pub use readiness::Readiness;
pub use start::start;
pub use traces::{Attributes, Span, SpanKind, Trace, TraceExport, TracedRequest, Traces, TracesError};
