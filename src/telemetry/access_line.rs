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

    fn path_alone(&self) -> &str {
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

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// The end of the year 9999, past which RFC 3339 has no form.
const LAST_MILLISECOND: u64 = 253_402_300_799_999;

fn rfc_3339(unix_millis: u64) -> humantime::Rfc3339Timestamp {
    humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(unix_millis.min(LAST_MILLISECOND)))
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::Duration;

    use super::AccessLine;
    use crate::telemetry::outcome::Outcome;

    const TRICK: &str = "/a\r\n{\"outcome\":\"allowed\"}\u{2028}\u{85} subject=root \u{1b}[2K\"";

    fn line(path: &str) -> AccessLine<'_> {
        AccessLine {
            time_unix_millis: 1_795_036_294_007,
            request_id: "r-1",
            trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736"),
            client: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            method: "GET",
            host: Some("api.example.com"),
            path,
            route: Some("read-orders"),
            status: Some(200),
            outcome: Outcome::Allowed,
            code: "2xx",
            issuer: Some("corp"),
            subject: Some("alice"),
            policies: vec!["clerk-reads-own-tenant", "staff"],
            duration: Duration::from_micros(1834),
            decision: Some(Duration::from_micros(57)),
            upstream: Some("orders"),
            upstream_duration: Some(Duration::from_micros(1500)),
            bytes_in: 0,
            bytes_out: 1024,
        }
    }

    fn bare(path: &str) -> AccessLine<'_> {
        AccessLine {
            trace_id: None,
            client: None,
            host: None,
            route: None,
            status: None,
            issuer: None,
            subject: None,
            policies: vec![],
            decision: None,
            upstream: None,
            upstream_duration: None,
            ..line(path)
        }
    }

    fn json(line: &AccessLine<'_>) -> String {
        let mut out = Vec::new();
        line.write_json(line.subject, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn text(line: &AccessLine<'_>) -> String {
        let mut out = Vec::new();
        line.write_text(line.subject, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_json_line_says_all_that_is_known() {
        assert_eq!(
            json(&line("/orders/7")),
            concat!(
                r#"{"time":"2026-11-18T21:11:34.007Z","request_id":"r-1","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","#,
                r#""client":"127.0.0.1","method":"GET","host":"api.example.com","path":"/orders/7","route":"read-orders","#,
                r#""status":200,"outcome":"allowed","code":"2xx","issuer":"corp","subject":"alice","#,
                r#""policies":["clerk-reads-own-tenant","staff"],"duration_us":1834,"decision_us":57,"#,
                r#""upstream":"orders","upstream_us":1500,"bytes_in":0,"bytes_out":1024}"#,
                "\n"
            )
        );
    }

    #[test]
    fn the_text_line_says_all_that_is_known() {
        assert_eq!(
            text(&line("/orders/7")),
            "2026-11-18T21:11:34.007Z 127.0.0.1 GET api.example.com/orders/7 200 allowed 2xx 1834us route=read-orders \
             issuer=corp subject=alice policy=clerk-reads-own-tenant policy=staff decision_us=57 upstream=orders \
             upstream_us=1500 in=0 out=1024 id=r-1 trace=4bf92f3577b34da6a3ce929d0e0e4736\n"
        );
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        assert_eq!(text(&bare("/")), "2026-11-18T21:11:34.007Z - GET / - allowed 2xx 1834us in=0 out=1024 id=r-1\n");
        let json: serde_json::Value = serde_json::from_str(&json(&bare("/"))).unwrap();
        for absent in [
            "client",
            "host",
            "route",
            "status",
            "issuer",
            "subject",
            "policies",
            "decision_us",
            "upstream",
            "upstream_us",
        ] {
            assert!(json.get(absent).is_none(), "{absent}");
        }
    }

    #[test]
    fn a_query_is_never_written() {
        for path in ["/orders?access_token=eyJ", "/orders#eyJ", "/orders?a#eyJ"] {
            assert!(!json(&line(path)).contains("eyJ"), "{path}");
            assert!(!text(&line(path)).contains("eyJ"), "{path}");
        }
    }

    #[test]
    fn no_value_can_forge_a_line_or_a_field() {
        let forged = AccessLine {
            method: TRICK,
            host: Some(TRICK),
            code: TRICK,
            subject: Some(TRICK),
            policies: vec![TRICK],
            request_id: TRICK,
            ..bare(TRICK)
        };
        let (json, text) = (json(&forged), text(&forged));
        let clean = |line: &str| !line.trim_end_matches('\n').chars().any(|c| c.is_control() || c == '\u{2028}');
        assert!(clean(&json) && clean(&text), "{json:?}\n{text:?}");
        assert_eq!(text.split(' ').filter(|word| word.starts_with("subject=")).count(), 1, "{text}");
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["path"], TRICK);
        assert_eq!(json["outcome"], "allowed");
    }

    #[test]
    fn a_time_past_all_calendars_does_not_stop_the_log() {
        let far = AccessLine { time_unix_millis: u64::MAX, ..bare("/") };
        assert!(text(&far).starts_with("9999-12-31T23:59:59.999Z"), "{}", text(&far));
        assert!(json(&far).contains("9999-12-31T23:59:59.999Z"));
    }
}
