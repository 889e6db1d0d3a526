//! The decision log: for audit, a line a decision, handed over without waiting.

use std::fs::OpenOptions;
use std::io::{Write, stdout};
use std::sync::Arc;
use std::time::Duration;

use super::access_line::AccessLine;
use super::config::{DecisionsLogged, TelemetryConfig};
use super::decision_line::{DecisionFacts, write_json};
use super::error::TelemetryError;
use super::line_queue::LineQueue;
use super::metrics::Metrics;
use super::subject_names::SubjectNames;

/// Where each decision's line goes; its clones share the way.
///
/// A writer that is slower than the decisions loses lines, which `lychgate_decision_log_dropped_total` counts, and never holds a
/// request up.
#[derive(Clone, Default)]
pub struct DecisionLog(Option<Arc<Open>>);

struct Open {
    /// Whether allowed requests are logged too.
    all: bool,
    /// The share of them that is.
    sample: f64,
    subjects: SubjectNames,
    queue: LineQueue,
}

impl DecisionLog {
    /// Starts writing to where the config says, if it says so; `salt` is that of the access log, so that one caller has one name
    /// in both.
    ///
    /// # Errors
    /// When the file cannot be opened, or the writer's thread not be started.
    pub fn start(config: &TelemetryConfig, salt: [u8; 32], metrics: &Metrics) -> Result<Self, TelemetryError> {
        let out: Box<dyn Write + Send> = match &config.decisions.file {
            _ if config.decisions.log == DecisionsLogged::Off => return Ok(Self(None)),
            None => Box::new(stdout()),
            Some(file) => {
                let opened = OpenOptions::new().append(true).create(true).open(file);
                Box::new(opened.map_err(|source| TelemetryError::DecisionLogFile { file: file.clone(), source })?)
            }
        };
        Self::start_to(config, salt, metrics, out)
    }

    fn start_to(
        config: &TelemetryConfig,
        salt: [u8; 32],
        metrics: &Metrics,
        out: Box<dyn Write + Send>,
    ) -> Result<Self, TelemetryError> {
        let subjects = if config.subjects_in_clear { SubjectNames::Clear } else { SubjectNames::Hashed { salt } };
        let queue = LineQueue::start("decision-log", out, metrics.decision_log_dropped())
            .map_err(TelemetryError::AccessLogWriter)?;
        let all = config.decisions.log == DecisionsLogged::All;
        Ok(Self(Some(Arc::new(Open { all, sample: config.decisions.sample, subjects, queue }))))
    }

    /// Whether any line is written at all; where not, there is no need to put one together.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Hands over what was decided about the request of `line`, if it is to be logged. Denials always are.
    pub fn write(&self, line: &AccessLine<'_>, facts: &DecisionFacts<'_>) {
        let Some(log) = &self.0 else { return };
        if facts.allowed && !(log.all && fastrand::f64() < log.sample) {
            return;
        }
        let subject = line.subject.map(|subject| log.subjects.name(line.issuer.unwrap_or_default(), subject));
        let mut text = Vec::with_capacity(640);
        // writing to memory does not fail; were it ever to, half a line would be worse than none
        if write_json(line, facts, subject.as_deref(), &mut text).is_ok() {
            log.queue.push(&text);
        }
    }

    /// Waits until what was handed over is written, no longer than `at_most`, and says whether it is.
    #[must_use = "lines may be lost"]
    pub fn close(&self, at_most: Duration) -> bool {
        self.0.as_ref().is_none_or(|log| log.queue.close(at_most))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::telemetry::config::DecisionsConfig;
    use crate::telemetry::decision_line::PolicyFacts;
    use crate::telemetry::outcome::Outcome;
    use crate::telemetry::tests::Page;

    fn line() -> AccessLine<'static> {
        AccessLine {
            time_unix_millis: 0,
            request_id: "r-1",
            trace_id: None,
            door: None,
            client: None,
            method: "GET",
            host: Some("api.example.com"),
            path: "/orders/7?access_token=secret",
            route: Some("orders"),
            status: Some(403),
            outcome: Outcome::Denied,
            code: "denied-by-policy",
            issuer: Some("corp"),
            subject: Some("alice"),
            policies: vec![],
            duration: Duration::ZERO,
            decision: Some(Duration::from_micros(12)),
            upstream: None,
            upstream_duration: None,
            bytes_in: 0,
            bytes_out: 0,
        }
    }

    /// The lines of one denial and many permits.
    fn written(log: DecisionsLogged, sample: f64) -> Vec<Value> {
        let page = Page::default();
        let decisions = DecisionsConfig { log, sample, file: None };
        let config = TelemetryConfig { decisions, ..TelemetryConfig::default() };
        let log = DecisionLog::start_to(&config, [7; 32], &Metrics::new().unwrap(), Box::new(page.clone())).unwrap();
        let said = |decision| PolicyFacts {
            bundle: "orders",
            revision: "0123456789abcdef",
            mode: Some("enforce"),
            difference: None,
            decision,
            policies: vec!["a"],
            errors: vec!["type-mismatch b".to_owned()],
        };
        let denied = DecisionFacts {
            policy: Some(said("deny")),
            action: Some("GET /orders/{id}".to_owned()),
            ..DecisionFacts::default()
        };
        log.write(&line(), &denied);
        for _ in 0..100 {
            log.write(&line(), &DecisionFacts { allowed: true, ..DecisionFacts::default() });
        }
        assert!(log.close(Duration::from_secs(30)));
        let text = page.text();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_denial_is_always_logged_and_a_permit_by_choice_and_share() {
        assert_eq!(written(DecisionsLogged::Denied, 1.0).len(), 1);
        assert_eq!(written(DecisionsLogged::All, 1.0).len(), 101);
        assert_eq!(written(DecisionsLogged::All, 0.0).len(), 1);
        let some = written(DecisionsLogged::All, 0.5).len();
        assert!((10..90).contains(&some), "{some}");
        assert!(!DecisionLog::start(&TelemetryConfig::default(), [0; 32], &Metrics::new().unwrap()).unwrap().is_on());
    }

    #[test]
    fn a_line_says_who_what_and_why_and_neither_subject_nor_query() {
        let lines = written(DecisionsLogged::Denied, 1.0);
        let line = &lines[0];
        for (member, value) in [
            ("log", "decision"),
            ("decision", "deny"),
            ("code", "denied-by-policy"),
            ("issuer", "corp"),
            ("path", "/orders/7"),
            ("action", "GET /orders/{id}"),
        ] {
            assert_eq!(line[member], value, "{line}");
        }
        assert_eq!((&line["policy"]["revision"], &line["duration_us"]), (&"0123456789abcdef".into(), &12.into()));
        assert_eq!(line["policy"]["errors"][0], "type-mismatch b");
        assert!(!line.to_string().contains("alice") && !line.to_string().contains("secret"), "{line}");
    }
}
