//! One line of the access log: what is said of a request, and how it is written.

use std::fmt::Display;
use std::io::{self, Write};
use std::net::IpAddr;
use std::time::{Duration, UNIX_EPOCH};

use serde::Serialize;

use super::outcome::Outcome;
use super::printable::{JsonLineFormatter, Word};

/// What the access log says of one request. What is absent is left out of the line.
#[derive(Debug, Clone)]
pub struct AccessLine<'a> {
    /// When the request began, in milliseconds since the Unix epoch.
    pub time_unix_millis: u64,
    /// The id that the client also reads in a refusal.
    pub request_id: &'a str,
    /// The trace that the request belongs to (W3C Trace Context section 3.2.2.3).
    pub trace_id: Option<&'a str>,
    /// The door that another proxy asked at, by its name; absent for requests that the gate itself proxies.
    pub door: Option<&'a str>,
    /// Who connected.
    pub client: Option<IpAddr>,
    /// The method, as sent.
    pub method: &'a str,
    /// The host that was asked for.
    pub host: Option<&'a str>,
    /// The path. Should a query still hang on it, it is cut off: queries may carry tokens.
    pub path: &'a str,
    /// The route that matched, by its name.
    pub route: Option<&'a str>,
    /// The HTTP status that was answered; absent when the client left before.
    pub status: Option<u16>,
    /// How it ended.
    pub outcome: Outcome,
    /// Why: a denial's stable code, or the class of the status.
    pub code: &'a str,
    /// The trusted issuer of the verified token, by its name in the config.
    pub issuer: Option<&'a str>,
    /// The subject of the verified token. Written as a hash unless the config says otherwise.
    pub subject: Option<&'a str>,
    /// The policies that decided, by their ids.
    pub policies: Vec<&'a str>,
    /// From the request's first byte to the last byte of the answer.
    pub duration: Duration,
    /// How much of it went into the decision.
    pub decision: Option<Duration>,
    /// The upstream that was asked, by its name.
    pub upstream: Option<&'a str>,
    /// How much of it went into the upstream, connecting included.
    pub upstream_duration: Option<Duration>,
    /// Bytes of the request's body.
    pub bytes_in: u64,
    /// Bytes of the answer's body.
    pub bytes_out: u64,
}

/// The members of the JSON line, in the order in which they are written.
#[derive(Serialize)]
struct JsonLine<'a> {
    time: String,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    door: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<IpAddr>,
    method: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    outcome: &'static str,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    #[serde(skip_serializing_if = "<[&str]>::is_empty")]
    policies: &'a [&'a str],
    duration_us: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision_us: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_us: Option<u64>,
    bytes_in: u64,
    bytes_out: u64,
}

impl AccessLine<'_> {
    /// Writes the line as a JSON object, with `subject` as the subject's name.
    pub(super) fn write_json(&self, subject: Option<&str>, out: &mut Vec<u8>) -> io::Result<()> {
        let line = JsonLine {
            time: rfc_3339(self.time_unix_millis).to_string(),
            request_id: self.request_id,
            trace_id: self.trace_id,
            door: self.door,
            client: self.client,
            method: self.method,
            host: self.host,
            path: self.path_alone(),
            route: self.route,
            status: self.status,
            outcome: self.outcome.label(),
            code: self.code,
            issuer: self.issuer,
            subject,
            policies: &self.policies,
            duration_us: micros(self.duration),
            decision_us: self.decision.map(micros),
            upstream: self.upstream,
            upstream_us: self.upstream_duration.map(micros),
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
        };
        line.serialize(&mut serde_json::Serializer::with_formatter(&mut *out, JsonLineFormatter))?;
        out.write_all(b"\n")
    }

    /// Writes the line for people: time, client, request, answer, then `name=value` for the rest.
    pub(super) fn write_text(&self, subject: Option<&str>, out: &mut Vec<u8>) -> io::Result<()> {
        write!(out, "{} ", rfc_3339(self.time_unix_millis))?;
        word_or_dash(self.client, out)?;
        write!(out, " {} {}{} ", Word(self.method), Word(self.host.unwrap_or_default()), Word(self.path_alone()))?;
        word_or_dash(self.status, out)?;
        write!(out, " {} {} {}us", self.outcome.label(), Word(self.code), micros(self.duration))?;
        field(" door=", self.door, out)?;
        field(" route=", self.route.map(Word), out)?;
        field(" issuer=", self.issuer.map(Word), out)?;
        field(" subject=", subject.map(Word), out)?;
        for policy in &self.policies {
            field(" policy=", Some(Word(policy)), out)?;
        }
        field(" decision_us=", self.decision.map(micros), out)?;
        field(" upstream=", self.upstream.map(Word), out)?;
        field(" upstream_us=", self.upstream_duration.map(micros), out)?;
        write!(out, " in={} out={} id={}", self.bytes_in, self.bytes_out, Word(self.request_id))?;
        field(" trace=", self.trace_id.map(Word), out)?;
        out.write_all(b"\n")
    }

    /// The path without whatever hangs on it.
    #[must_use]
    pub fn path_alone(&self) -> &str {
        self.path.split(['?', '#']).next().unwrap_or_default()
    }
}

fn field(name: &str, value: Option<impl Display>, out: &mut Vec<u8>) -> io::Result<()> {
    value.map_or(Ok(()), |value| write!(out, "{name}{value}"))
}

fn word_or_dash(value: Option<impl Display>, out: &mut Vec<u8>) -> io::Result<()> {
    match value {
        Some(value) => write!(out, "{value}"),
        None => write!(out, "-"),
    }
}

pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// The end of the year 9999, past which RFC 3339 has no form.
const LAST_MILLISECOND: u64 = 253_402_300_799_999;

pub(super) fn rfc_3339(unix_millis: u64) -> humantime::Rfc3339Timestamp {
    humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(unix_millis.min(LAST_MILLISECOND)))
}
