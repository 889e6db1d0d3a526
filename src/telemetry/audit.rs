//! The audit log: a line for each identity action at the embedded issuer, handed over without waiting.

use std::io::{self, Write};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::access_line::rfc_3339;
use super::config::{AuditLogFormat, TelemetryConfig};
use super::error::TelemetryError;
use super::line_queue::LineQueue;
use super::metrics::Metrics;
use super::printable::JsonLineFormatter;
use super::subject_names::SubjectNames;

/// What the audit log says of one identity action. What is absent is left out of the line; no secret has a place in it.
#[derive(Debug, Clone)]
pub struct AuditLine<'a> {
    /// When it was done, in milliseconds since the Unix epoch.
    pub time_unix_millis: u64,
    /// The id that the caller also reads in the answer.
    pub request_id: &'a str,
    /// What was done: Cognito's event type (`SignIn`, `SignUp`, `ForgotPassword`, `PasswordChange`, `ResendCode`) where there is one,
    /// else the operation's name.
    pub event: &'a str,
    /// The operation that was called.
    pub operation: &'a str,
    /// `success`, `challenge` or `failure`.
    pub result: &'a str,
    /// Why it failed: the stable code of the refusal.
    pub code: Option<&'a str>,
    /// Which challenge was answered with.
    pub challenge: Option<&'a str>,
    /// The pool's id.
    pub pool: Option<&'a str>,
    /// The client's id.
    pub client: Option<&'a str>,
    /// The user's `sub`. Written as a hash unless the config says otherwise.
    pub subject: Option<&'a str>,
    /// Who connected.
    pub source: Option<IpAddr>,
}

/// The members of the line, in the order in which they are written.
#[derive(Serialize)]
struct JsonLine<'a> {
    time: String,
    /// Tells this line from those of the access log, which may go the same way.
    log: &'static str,
    request_id: &'a str,
    event: &'a str,
    operation: &'a str,
    result: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    challenge: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pool: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<IpAddr>,
}

/// Where each identity action's line goes; its clones share the way.
///
/// A writer that is slower than the actions loses lines, which `lychgate_audit_log_dropped_total` counts, and never holds one up.
#[derive(Clone, Default)]
pub struct AuditLog(Option<Arc<Open>>);

struct Open {
    subjects: SubjectNames,
    queue: LineQueue,
}

impl AuditLog {
    /// Starts writing lines to `out`; `salt` must be random and is what makes hashes of subjects this run's own.
    ///
    /// # Errors
    /// When the writer's thread cannot be started.
    pub fn start(
        config: &TelemetryConfig,
        salt: [u8; 32],
        metrics: &Metrics,
        out: Box<dyn Write + Send>,
    ) -> Result<Self, TelemetryError> {
        if config.audit_log == AuditLogFormat::Off {
            return Ok(Self(None));
        }
        let subjects = if config.subjects_in_clear { SubjectNames::Clear } else { SubjectNames::Hashed { salt } };
        let queue = LineQueue::start("audit-log", out, metrics.audit_log_dropped());
        let queue = queue.map_err(TelemetryError::AuditLogWriter)?;
        Ok(Self(Some(Arc::new(Open { subjects, queue }))))
    }

    /// Whether lines are written at all.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Hands a line over.
    pub fn write(&self, line: &AuditLine<'_>) {
        let Some(log) = &self.0 else { return };
        let subject = line.subject.map(|subject| log.subjects.name(line.pool.unwrap_or_default(), subject));
        let mut text = Vec::with_capacity(384);
        // writing to memory does not fail; were it ever to, half a line would be worse than none
        if line.write_json(subject.as_deref(), &mut text).is_ok() {
            log.queue.push(&text);
        }
    }

    /// Waits until what was handed over is written, no longer than `at_most`, and says whether it is.
    #[must_use = "lines may be lost"]
    pub fn close(&self, at_most: Duration) -> bool {
        self.0.as_ref().is_none_or(|log| log.queue.close(at_most))
    }
}

impl AuditLine<'_> {
    fn write_json(&self, subject: Option<&str>, out: &mut Vec<u8>) -> io::Result<()> {
        let line = JsonLine {
            time: rfc_3339(self.time_unix_millis).to_string(),
            log: "audit",
            request_id: self.request_id,
            event: self.event,
            operation: self.operation,
            result: self.result,
            code: self.code,
            challenge: self.challenge,
            pool: self.pool,
            client: self.client,
            subject,
            source: self.source,
        };
        line.serialize(&mut serde_json::Serializer::with_formatter(&mut *out, JsonLineFormatter))?;
        out.write_all(b"\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::tests::Page;

    fn written(audit_log: AuditLogFormat, subjects_in_clear: bool) -> String {
        let page = Page::default();
        let config = TelemetryConfig { audit_log, subjects_in_clear, ..TelemetryConfig::default() };
        let log = AuditLog::start(&config, [7; 32], &Metrics::new().unwrap(), Box::new(page.clone())).unwrap();
        log.write(&AuditLine {
            time_unix_millis: 0,
            request_id: "r-1",
            event: "SignIn",
            operation: "InitiateAuth",
            result: "failure",
            code: Some("wrong-credentials"),
            challenge: None,
            pool: Some("local_1"),
            client: Some("web\u{2028}{}"),
            subject: Some("a-sub"),
            source: None,
        });
        assert!(log.close(Duration::from_secs(30)));
        page.text()
    }

    #[test]
    fn an_action_is_one_line_with_the_subject_hashed() {
        let text = written(AuditLogFormat::Json, false);
        assert!(text.ends_with('\n') && text.lines().count() == 1 && !text.contains('\u{2028}'), "{text}");
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&line["log"], &line["event"], &line["result"]),
            (&"audit".into(), &"SignIn".into(), &"failure".into())
        );
        assert_eq!(line["time"], "1970-01-01T00:00:00.000Z");
        assert_eq!(line["subject"].as_str().unwrap().len(), 16);
        assert!(line.get("challenge").is_none() && line.get("source").is_none());
    }

    #[test]
    fn in_clear_or_not_at_all_is_a_matter_of_the_config() {
        assert!(written(AuditLogFormat::Json, true).contains("a-sub"));
        assert_eq!(written(AuditLogFormat::Off, false), "");
    }
}
