//! What can go wrong before there is anything to see.

use std::path::PathBuf;

use thiserror::Error;

use super::traces::TracesError;

/// Why telemetry could not be set up; all of it happens at start.
#[derive(Debug, Error)]
pub enum TelemetryError {
    /// The environment's `RUST_LOG` is not a list of directives.
    #[error("could not read the log directives in `RUST_LOG`")]
    LogDirectives(#[source] tracing_subscriber::filter::ParseError),
    /// This process logs already.
    #[error("could not start the log: this process has one already")]
    LogAlreadyStarted(#[source] tracing_subscriber::util::TryInitError),
    /// A metric's definition was refused.
    #[error("could not define the metrics of `{subject}`")]
    Metrics {
        /// What they measure.
        subject: String,
        /// Why.
        source: prometheus::Error,
    },
    /// The file of the decision log could not be opened.
    #[error("could not open the decision log `{}`", file.display())]
    DecisionLogFile {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The writer thread of the access log or the decision log could not be started.
    #[error("could not start the writer of a log")]
    AccessLogWriter(#[source] std::io::Error),
    /// The audit log's writer thread could not be started.
    #[error("could not start the writer of the audit log")]
    AuditLogWriter(#[source] std::io::Error),
    /// Traces cannot be told.
    #[error(transparent)]
    Traces(#[from] TracesError),
}

impl TelemetryError {
    /// The stable name of the reason.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::LogDirectives(_) => "log-directives-unreadable",
            Self::LogAlreadyStarted(_) => "log-already-started",
            Self::Metrics { .. } => "metrics-undefined",
            Self::DecisionLogFile { .. } => "decision-log-unwritable",
            Self::AccessLogWriter(_) => "access-log-not-started",
            Self::AuditLogWriter(_) => "audit-log-not-started",
            Self::Traces(error) => error.code(),
        }
    }
}
