//! Starts the log of this process.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::util::SubscriberInitExt as _;

use super::config::TelemetryConfig;
use super::error::TelemetryError;
use super::logs::{self, Reader};

/// Writes this process's log to standard error from here on: text for a terminal, JSON lines for anything else.
/// The environment's `RUST_LOG` is stronger than the config; what crates write through `log` is carried over.
///
/// # Errors
/// When `RUST_LOG` cannot be read, or the process has a log already.
pub fn start(config: &TelemetryConfig) -> Result<(), TelemetryError> {
    let reader = if io::stderr().is_terminal() { Reader::Person } else { Reader::Collector };
    let directives = std::env::var("RUST_LOG").ok();
    logs::subscriber(config.log, directives.as_deref(), reader, io::stderr)?
        .try_init()
        .map_err(TelemetryError::LogAlreadyStarted)
}
