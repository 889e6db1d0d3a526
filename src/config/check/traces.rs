//! Traces: that the collector can be asked as the config says.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Uri};
use secrecy::ExposeSecret;

use super::findings::Findings;
use super::url::objection;
use crate::config::places::ConfigPath;
use crate::telemetry::TracesConfig;

/// Fields that the export itself is framed by, and the form in which it comes.
const NOT_YOURS: [&str; 6] =
    ["connection", "content-length", "content-type", "content-encoding", "host", "transfer-encoding"];
/// Attributes that have a key of their own, or are known to the gate alone.
const KNOWN_ALREADY: [(&str, &str); 3] = [
    ("service.name", "say it in `service`"),
    ("service.version", "the gate tells it itself"),
    ("service.instance.id", "the gate tells it itself"),
];

pub(crate) fn check_traces(traces: Option<&TracesConfig>, findings: &mut Findings<'_>) {
    let Some(traces) = traces else { return };
    let at = ConfigPath::new("telemetry").key("traces");
    let TracesConfig { otlp, headers, ca, timeout, sample, parents: _, service, attributes } = traces;
    let url = at.key("otlp");
    findings.object(&url, otlp, objection(otlp, true));
    if otlp.parse::<Uri>().is_ok_and(|uri| uri.query().is_some()) {
        findings.wrong(&url, "must not carry a query");
    }
    for (name, value) in headers {
        let is_name = name.parse::<HeaderName>().is_ok_and(|name| !NOT_YOURS.contains(&name.as_str()));
        if !is_name {
            findings.wrong_key(&at.key("headers").key(name), "is no header that can be set here");
        }
        if value.expose_secret().is_empty() || HeaderValue::from_str(value.expose_secret()).is_err() {
            findings.wrong(&at.key("headers").key(name), "must be a header's value: visible ASCII, and not empty");
        }
    }
    if let Some(file) = ca {
        findings.file(&at.key("ca"), file);
        if !otlp.starts_with("https://") {
            findings.wrong_key(&at.key("ca"), "only `https://` shows a certificate");
        }
    }
    if !(Duration::from_millis(1)..=Duration::from_mins(1)).contains(timeout) {
        findings.wrong(&at.key("timeout"), "must be from `1ms` to `1m`");
    }
    if !(0.0..=1.0).contains(sample) {
        findings.wrong(&at.key("sample"), "must be a share from 0 to 1");
    }
    findings.not_empty(&at.key("service"), service);
    for name in attributes.keys() {
        let own = at.key("attributes").key(name);
        if name.trim().is_empty() {
            findings.wrong_key(&own, "an attribute needs a name");
        }
        if let Some((_, instead)) = KNOWN_ALREADY.iter().find(|(known, _)| known == name) {
            findings.wrong_key(&own, instead);
        }
    }
}
