//! A decision as spans of a trace: what the semantic conventions of OpenTelemetry ask for, and what only a gate knows.
//!
//! No span holds a token, a subject or a query string: whoever needs the subject's hash finds it by the request's id in the log.

use std::borrow::Cow;
use std::time::Instant;

use super::authorize::Findings;
use super::decision_point::DecisionPoint;
use super::denial::Denial;
use super::timeline::{DecisionStep, NotedStep};
use crate::policy::Fault;
use crate::telemetry::{AccessLine, Attributes, Outcome, Span, SpanKind, Trace, TracedRequest};
use crate::token::ProvedBy;

/// The methods that have a name of their own (OpenTelemetry's `http.request.method`); others could be anything.
const METHODS: [&str; 10] = ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"];
/// The name of any other.
const OTHER_METHOD: &str = "_OTHER";

/// What a door knows of a request that is over, beside its line in the log.
#[derive(Debug)]
pub struct Traced<'a> {
    /// Its place in its trace.
    pub trace: &'a Trace,
    /// When it began.
    pub begun: Instant,
    /// The scheme by which it came.
    pub scheme: &'static str,
    /// The version of HTTP that it came in, such as `1.1`; none where the door cannot know.
    pub protocol_version: Option<&'static str>,
    /// Why not, where it was refused or failed.
    pub denial: Option<&'a Denial>,
    /// The tries at its upstream.
    pub tries: Vec<Span>,
}

impl DecisionPoint {
    /// Tells the trace of the request of `line`, if it is recorded.
    pub fn trace(&self, traced: Traced<'_>, findings: &Findings, line: &AccessLine<'_>) {
        let spans = 1 + findings.timeline.len() + traced.tries.len();
        self.traces.record(traced.trace, spans, || {
            let steps = findings.timeline.steps().map(|noted| step(noted, &traced, findings));
            let whole = whole(&traced, findings, line);
            let mut steps: Vec<_> = steps.collect();
            steps.extend(traced.tries);
            TracedRequest { began_unix_millis: line.time_unix_millis, whole, steps }
        });
    }
}

fn whole(traced: &Traced<'_>, findings: &Findings, line: &AccessLine<'_>) -> Span {
    let route = findings.route.as_ref();
    let template = route.map(|route| route.path());
    let method = known_method(line.method);
    let client = line.client.map(|client| client.to_string());
    let status = line.status.map(u64::from);
    let attributes = Attributes::default()
        .text("http.request.method", method)
        .text("http.request.method_original", Some(line.method).filter(|sent| *sent != method))
        .text("http.route", template)
        .number("http.response.status_code", status)
        .text("url.scheme", traced.scheme)
        .text("url.path", line.path_alone())
        .text("server.address", line.host)
        .text("client.address", client.as_deref())
        .text("network.protocol.version", traced.protocol_version)
        .text("lychgate.request_id", line.request_id)
        .text("lychgate.door", line.door)
        .text("lychgate.route", line.route)
        .text("lychgate.issuer", line.issuer)
        .text("lychgate.outcome", line.outcome.label())
        .text("lychgate.code", line.code);
    Span {
        id: traced.trace.span(),
        name: span_name(method, template),
        kind: SpanKind::Server,
        begun: traced.begun,
        ended: traced.begun + line.duration,
        attributes,
        error: error_of(line),
    }
}

/// The name of a span that tells of a request: its method, and where it is known what it leads to.
fn span_name(method: &'static str, template: Option<&str>) -> Cow<'static, str> {
    let method = if method == OTHER_METHOD { "HTTP" } else { method };
    template.map_or(Cow::Borrowed(method), |template| format!("{method} {template}").into())
}

/// `method` where it is one of those that everyone knows.
#[must_use]
pub fn known_method(method: &str) -> &'static str {
    METHODS.into_iter().find(|known| *known == method).unwrap_or(OTHER_METHOD)
}

/// What went wrong at the gate or behind it. That a client may not pass is no error.
fn error_of(line: &AccessLine<'_>) -> Option<Cow<'static, str>> {
    if line.outcome == Outcome::Failed {
        return Some(line.code.to_owned().into());
    }
    line.status.filter(|status| *status / 100 == 5).map(|status| status.to_string().into())
}

fn step(noted: NotedStep, traced: &Traced<'_>, findings: &Findings) -> Span {
    let NotedStep { step, begun, ended, is_last } = noted;
    // What went wrong after the decision is no step's fault.
    let denial = traced.denial.filter(|_| is_last && !findings.permitted);
    let error = denial.filter(|denial| denial.is_failure()).map(|denial| denial.code().into());
    let attributes = known_of(step, findings).text("lychgate.code", denial.map(Denial::code));
    Span { id: Trace::new_span(), name: step.name().into(), kind: SpanKind::Internal, begun, ended, attributes, error }
}

/// What the step has found.
fn known_of(step: DecisionStep, findings: &Findings) -> Attributes {
    let known = Attributes::default();
    match step {
        DecisionStep::Route => known.text("lychgate.route", findings.route.as_ref().map(|route| &**route.name())),
        DecisionStep::Credential => {
            known.text("lychgate.credential", if findings.credential { "found" } else { "none" })
        }
        DecisionStep::Verify => known
            .text("lychgate.issuer", findings.token.as_ref().map(|token| token.issuer_name()))
            .text("lychgate.proved_by", findings.proved_by.map(ProvedBy::label)),
        DecisionStep::Policy => policy(known, findings),
        DecisionStep::RateLimit | DecisionStep::Access | DecisionStep::Permit => known,
    }
}

fn policy(known: Attributes, findings: &Findings) -> Attributes {
    let Some(answer) = &findings.policy else { return known };
    let verdict = &answer.verdict;
    known
        .text("lychgate.policy.bundle", answer.bundle.name())
        .text("lychgate.policy.revision", answer.bundle.revision())
        .text("lychgate.policy.mode", answer.mode.name())
        .text("lychgate.policy.decision", if verdict.allowed() { "allow" } else { "deny" })
        .texts("lychgate.policy.ids", verdict.determining().iter().map(AsRef::as_ref))
        .texts("lychgate.policy.errors", verdict.errors().iter().map(Fault::code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_of_few_however_strange_the_request() {
        assert_eq!(span_name(known_method("GET"), Some("/orders/{id}")), "GET /orders/{id}");
        assert_eq!(span_name(known_method("get"), Some("/orders/{id}")), "HTTP /orders/{id}");
        assert_eq!(span_name(known_method("X-ANYTHING"), None), "HTTP");
    }
}
