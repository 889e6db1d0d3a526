//! The access log: a line a request, handed over without waiting.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use super::access_line::AccessLine;
use super::config::{AccessLogFormat, TelemetryConfig};
use super::error::TelemetryError;
use super::line_queue::LineQueue;
use super::metrics::Metrics;
use super::subject_names::SubjectNames;

/// Where each request's line goes; its clones share the way.
///
/// A writer that is slower than the requests loses lines, which `lychgate_access_log_dropped_total` counts, and never holds a request up.
#[derive(Clone)]
pub struct AccessLog(Option<Arc<Open>>);

struct Open {
    json: bool,
    subjects: SubjectNames,
    queue: LineQueue,
}

impl AccessLog {
    /// Starts writing lines to `out` in the configured form; `salt` must be random and is what makes hashes of subjects this run's own.
    ///
    /// # Errors
    /// When the writer's thread cannot be started.
    pub fn start(
        config: &TelemetryConfig,
        salt: [u8; 32],
        metrics: &Metrics,
        out: Box<dyn Write + Send>,
    ) -> Result<Self, TelemetryError> {
        let json = match config.access_log {
            AccessLogFormat::Off => return Ok(Self(None)),
            AccessLogFormat::Json => true,
            AccessLogFormat::Text => false,
        };
        let subjects = if config.subjects_in_clear { SubjectNames::Clear } else { SubjectNames::Hashed { salt } };
        let queue = LineQueue::start("access-log", out, metrics.access_log_dropped())
            .map_err(TelemetryError::AccessLogWriter)?;
        Ok(Self(Some(Arc::new(Open { json, subjects, queue }))))
    }

    /// Whether lines are written at all; where not, there is no need to put one together.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Hands a line over.
    pub fn write(&self, line: &AccessLine<'_>) {
        let Some(log) = &self.0 else { return };
        let subject = line.subject.map(|subject| log.subjects.name(line.issuer.unwrap_or_default(), subject));
        let mut text = Vec::with_capacity(640);
        let written = if log.json {
            line.write_json(subject.as_deref(), &mut text)
        } else {
            line.write_text(subject.as_deref(), &mut text)
        };
        // writing to memory does not fail; were it ever to, half a line would be worse than none
        if written.is_ok() {
            log.queue.push(&text);
        }
    }

    /// Waits until what was handed over is written, no longer than `at_most`, and says whether it is. What comes later is
    /// dropped and counted.
    #[must_use = "lines may be lost"]
    pub fn close(&self, at_most: Duration) -> bool {
        self.0.as_ref().is_none_or(|log| log.queue.close(at_most))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{AccessLine, AccessLog};
    use crate::telemetry::config::{AccessLogFormat, TelemetryConfig};
    use crate::telemetry::metrics::Metrics;
    use crate::telemetry::outcome::Outcome;
    use crate::telemetry::tests::Page;

    fn written(access_log: AccessLogFormat, subjects_in_clear: bool) -> String {
        let page = Page::default();
        let config = TelemetryConfig { access_log, subjects_in_clear, ..TelemetryConfig::default() };
        let log = AccessLog::start(&config, [7; 32], &Metrics::new().unwrap(), Box::new(page.clone())).unwrap();
        assert_eq!(log.is_on(), access_log != AccessLogFormat::Off);
        log.write(&AccessLine {
            time_unix_millis: 0,
            request_id: "r-1",
            trace_id: None,
            door: None,
            client: None,
            method: "GET",
            host: None,
            path: "/",
            route: None,
            status: Some(200),
            outcome: Outcome::Allowed,
            code: "2xx",
            issuer: Some("corp"),
            subject: Some("alice@example.com"),
            policies: vec![],
            duration: Duration::ZERO,
            decision: None,
            upstream: None,
            upstream_duration: None,
            bytes_in: 0,
            bytes_out: 0,
        });
        assert!(log.close(Duration::from_secs(30)));
        page.text()
    }

    #[test]
    fn subjects_are_hashed_unless_the_config_says_otherwise() {
        for format in [AccessLogFormat::Json, AccessLogFormat::Text] {
            let line = written(format, false);
            assert!(line.contains("subject") && !line.contains("alice"), "{line}");
            assert!(written(format, true).contains("alice@example.com"));
        }
    }

    #[test]
    fn the_form_is_the_configured_one() {
        let line: serde_json::Value = serde_json::from_str(&written(AccessLogFormat::Json, false)).unwrap();
        assert_eq!(line["subject"].as_str().unwrap().len(), 16);
        assert!(written(AccessLogFormat::Text, false).starts_with("1970-01-01T00:00:00.000Z - GET / 200 allowed 2xx"));
        assert_eq!(written(AccessLogFormat::Off, false), "");
    }
}
